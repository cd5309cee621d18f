//! Routine cases that are filed without a person (自动立案): the first rule that fits in all it names.

use greenhub_model::dispatch::{ReviewRule, Team};
use greenhub_model::order::{AttachmentRole, Order};

use super::rules::RulesInForce;

/// The rule by which an order just reported is routine; `duplicate` is the score of the best open duplicate.
pub fn routine<'a>(order: &Order, duplicate: f64, rules: &'a RulesInForce) -> Option<&'a ReviewRule> {
    rules.document.review.iter().find(|rule| fits(rule, order, duplicate))
}

fn fits(rule: &ReviewRule, order: &Order, duplicate: f64) -> bool {
    let Some(kind) = &order.kind else {
        return false;
    };
    let source = rule.sources.is_empty() || rule.sources.contains(&order.source);
    let code = rule.codes.is_empty() || rule.codes.iter().any(|code| kind.code.starts_with(code.as_str()));
    let shown = order.attachments.iter().filter(|file| file.role != AttachmentRole::Other).count();
    let placed = order.lon.is_some() && order.lat.is_some();
    source && code && placed && shown >= rule.photos as usize && duplicate < rule.duplicate_below
}

/// The team that answers for the place and kind of an order: the one that names most of it, then the first.
pub fn responsible<'a>(order: &Order, rules: &'a RulesInForce) -> Option<&'a Team> {
    let fitting =
        rules.document.teams.iter().enumerate().filter_map(|(n, team)| Some((answers(team, order)?, n, team)));
    fitting.max_by_key(|(named, n, _)| (*named, usize::MAX - n)).map(|(_, _, team)| team)
}

/// How many of place, kind and class the team names; none where it does not answer for the order.
fn answers(team: &Team, order: &Order) -> Option<usize> {
    let area = team.areas.contains(&order.sub_district) || team.areas.contains(&order.grid);
    let code =
        order.kind.as_ref().is_some_and(|kind| team.codes.iter().any(|code| kind.code.starts_with(code.as_str())));
    let class = order.class.is_some_and(|class| team.classes.contains(&class));
    let misfit = (!team.areas.is_empty() && !area)
        || (!team.codes.is_empty() && !code)
        || (!team.classes.is_empty() && !class && order.class.is_some());
    (!misfit).then(|| [area, code, class].into_iter().filter(|named| *named).count())
}
