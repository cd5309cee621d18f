//! Which limit holds: the most exact line of the table that fits and is in force; of equals the newest.
//!
//! Exact means, in this order: the longer beginning of the code, then how many of code list, priority, source and class
//! of area the line names. A line fits when everything it names is so.

use super::rules::RulesInForce;
use greenhub_model::dispatch::{LimitKind, LimitLine};
use greenhub_model::order::{Order, Stage};

/// The limit of a stage for an order whose stage begins at `at`.
pub fn limit_of(stage: Stage, order: &Order, at: i64, rules: &RulesInForce) -> Option<(LimitKind, f64)> {
    let today = rules.calendar.day_text(at);
    let fitting = rules.document.limits.iter().enumerate().filter(|(_, line)| line.stage == stage);
    let in_force = fitting.filter(|(_, line)| line.from <= today && fits(line, order, rules));
    let best = in_force.max_by(|(i, a), (j, b)| (exactness(a), &a.from, i).cmp(&(exactness(b), &b.from, j)));
    best.map(|(_, line)| (line.kind, line.value))
}

fn exactness(line: &LimitLine) -> (usize, usize) {
    let named = [line.scheme.is_some(), line.priority.is_some(), line.source.is_some(), line.area.is_some()];
    (line.code.as_ref().map_or(0, String::len), named.into_iter().filter(|named| *named).count())
}

fn fits(line: &LimitLine, order: &Order, rules: &RulesInForce) -> bool {
    let kind = order.kind.as_ref();
    let scheme = line.scheme.as_ref().is_none_or(|scheme| kind.is_some_and(|kind| kind.scheme == *scheme));
    let code = line.code.as_ref().is_none_or(|code| kind.is_some_and(|kind| kind.code.starts_with(code.as_str())));
    let priority = line.priority.is_none_or(|priority| priority == order.priority);
    let source = line.source.is_none_or(|source| source == order.source);
    let area = line.area.as_ref().is_none_or(|area| {
        let places = rules.document.areas.get(area);
        places.is_some_and(|places| places.contains(&order.sub_district) || places.contains(&order.grid))
    });
    scheme && code && priority && source && area
}
