//! Whom to send (派单建议): everybody who may take an order, in minutes until they are there, with the reasons in words.
//!
//! ```text
//! team handles the kind ∧ person is trained ∧ on shift        else no candidate
//! cost = way + waiting for what they have + area + skill + state         minutes, each a reason; lower is better
//! ```
//!
//! What counts beside the way is turned into minutes, so that one number orders them and every number can be read aloud.
//! The way is a straight line times [`DETOUR`] at [`SPEED_KMH`]; whoever has no position is taken to be
//! [`UNKNOWN_WAY_MIN`] away. For P1 people put aside what they do. A team that fits stands behind its people, and alone
//! where nobody of it is on shift. [`plan`] gives many orders out at once.
//!
//! The reasons add up to the cost. The order of candidates is total: equal costs fall by name.

pub mod matching;
pub mod plan;
#[cfg(test)]
mod tests;

use greenhub_model::alarm::Priority;
use greenhub_model::dispatch::{Candidate, DispatchRules, DutyState, Ground, StaffMember, StaffView, Team};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::{Assignee, Order};
use std::collections::BTreeMap;

/// Most candidates of one order.
pub const CANDIDATES_MAX: usize = 20;
/// A way through streets is longer than the straight line.
pub const DETOUR: f64 = 1.4;
/// On the way, electric vehicle or foot mixed, km/h.
pub const SPEED_KMH: f64 = 15.0;
/// Taken for whoever or whatever has no position.
pub const UNKNOWN_WAY_MIN: f64 = 20.0;
/// Work on one order.
pub const SERVICE_MIN: f64 = 20.0;
/// Waiting for one order that they have already, when a P1 comes.
pub const ASIDE_MIN: f64 = 5.0;
/// The order lies in an area that the team answers for.
pub const OWN_AREA_MIN: f64 = -5.0;
/// The order lies outside the areas of the team.
pub const FOREIGN_AREA_MIN: f64 = 30.0;
/// They are trained for exactly this.
pub const SKILL_MIN: f64 = -5.0;
/// Not heard of.
pub const OFFLINE_MIN: f64 = 45.0;
/// A team as such, until one of it takes the order.
pub const TEAM_MIN: f64 = 15.0;
/// A team of which nobody is on shift.
pub const TEAM_ASLEEP_MIN: f64 = 120.0;

/// Minutes of a straight line.
pub fn way_min(distance_m: f64) -> f64 {
    distance_m * DETOUR / (SPEED_KMH * 1000.0 / 60.0)
}

/// Candidates for an order, best first, at most [`CANDIDATES_MAX`].
pub fn candidates(order: &Order, rules: &DispatchRules, staff: &[StaffView]) -> Vec<Candidate> {
    let views: BTreeMap<&str, &StaffView> = staff.iter().map(|view| (view.user.as_str(), view)).collect();
    let mut found: Vec<Candidate> = Vec::new();
    for team in rules.teams.iter().filter(|team| handles(team, order)) {
        let members = rules.members.iter().filter(|member| member.team == team.id && is_trained(member, order));
        let on: Vec<_> =
            members.filter_map(|m| Some((m, *views.get(m.user.as_str())?))).filter(|(_, v)| v.on_shift).collect();
        found.extend(on.iter().map(|(member, view)| person(order, team, member, view)));
        found.push(whole_team(order, team, on.len()));
    }
    found.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.to.cmp(&b.to)));
    found.truncate(CANDIDATES_MAX);
    found
}

/// Whether giving the order to `to` overrides the first proposal and so needs a reason. A team comes first only where
/// nobody of it is near and free; that is a way out and no proposal to be overridden.
pub fn overrides(to: &Assignee, candidates: &[Candidate]) -> bool {
    candidates.first().is_some_and(|first| matches!(first.to, Assignee::Person { .. }) && first.to != *to)
}

/// Whether the team handles this kind of case. A case without a kind that no device reported is for every team.
pub(crate) fn handles(team: &Team, order: &Order) -> bool {
    let class = order.class.is_none_or(|class| team.classes.is_empty() || team.classes.contains(&class));
    let by_class = order.class.is_some_and(|class| team.classes.contains(&class));
    let kind = match &order.kind {
        Some(kind) => begins_with_any(&kind.code, &team.codes) || by_class,
        None => true,
    };
    class && kind
}

pub(crate) fn is_trained(member: &StaffMember, order: &Order) -> bool {
    order.kind.as_ref().is_none_or(|kind| begins_with_any(&kind.code, &member.skills))
}

fn begins_with_any(code: &str, beginnings: &std::collections::BTreeSet<String>) -> bool {
    beginnings.is_empty() || beginnings.iter().any(|beginning| code.starts_with(beginning.as_str()))
}

/// What counts for a person whatever else they are given: area, skill, state.
pub(crate) fn standing_grounds(order: &Order, team: &Team, member: &StaffMember, view: &StaffView) -> Vec<Ground> {
    let mut grounds = Vec::new();
    grounds.extend(area_ground(order, team));
    if let Some(kind) = &order.kind
        && !member.skills.is_empty()
    {
        grounds
            .push(Ground { text: format!("具备该类问题（{}）的处置技能", kind.code), share: SKILL_MIN });
    }
    match view.state {
        DutyState::Offline => {
            grounds.push(Ground { text: "离线，可能收不到任务".into(), share: OFFLINE_MIN });
        }
        DutyState::Ready => grounds.push(Ground { text: "在岗待命".into(), share: 0.0 }),
        _ => {}
    }
    grounds
}

fn area_ground(order: &Order, team: &Team) -> Option<Ground> {
    if team.areas.is_empty() || (order.sub_district.is_empty() && order.grid.is_empty()) {
        return None;
    }
    let own = team.areas.contains(&order.sub_district) || team.areas.contains(&order.grid);
    Some(match own {
        true => Ground { text: format!("{}的责任区", team.name), share: OWN_AREA_MIN },
        false => Ground { text: format!("不在{}的责任区内", team.name), share: FOREIGN_AREA_MIN },
    })
}

/// Minutes until somebody with `load` open orders can leave for this one.
pub(crate) fn waiting_min(load: u32, priority: Priority) -> f64 {
    f64::from(load) * if priority == Priority::P1 { ASIDE_MIN } else { SERVICE_MIN }
}

pub(crate) fn place_of(order: &Order) -> Option<LonLat> {
    Some(LonLat { lon: order.lon?, lat: order.lat? })
}

pub(crate) fn place_of_view(view: &StaffView) -> Option<LonLat> {
    Some(LonLat { lon: view.lon?, lat: view.lat? })
}

pub(crate) fn way_ground(distance_m: Option<f64>) -> Ground {
    match distance_m {
        Some(metres) if metres < 1000.0 => {
            Ground { text: format!("直线距离 {metres:.0} 米"), share: way_min(metres) }
        }
        Some(metres) => Ground { text: format!("直线距离 {:.1} 公里", metres / 1000.0), share: way_min(metres) },
        None => {
            Ground { text: format!("位置未知，按 {UNKNOWN_WAY_MIN:.0} 分钟路程计"), share: UNKNOWN_WAY_MIN }
        }
    }
}

pub(crate) fn load_ground(load: u32, priority: Priority) -> Option<Ground> {
    let wait = waiting_min(load, priority);
    let text = match (load, priority) {
        (0, _) => return None,
        (_, Priority::P1) => format!("手头有 {load} 件工单，一级工单可先放下"),
        _ => format!("手头有 {load} 件工单，需先处理"),
    };
    Some(Ground { text, share: wait })
}

fn person(order: &Order, team: &Team, member: &StaffMember, view: &StaffView) -> Candidate {
    let distance = place_of(order).zip(place_of_view(view)).map(|(a, b)| a.distance_m(b));
    let mut reasons = vec![way_ground(distance)];
    reasons.extend(load_ground(view.load, order.priority));
    reasons.extend(standing_grounds(order, team, member, view));
    Candidate {
        to: Assignee::Person { user: member.user.clone() },
        name: view.name.clone(),
        cost: reasons.iter().map(|ground| ground.share).sum(),
        distance_m: distance,
        load: view.load,
        reasons,
    }
}

fn whole_team(order: &Order, team: &Team, on_shift: usize) -> Candidate {
    let mut reasons = vec![Ground {
        text: format!("派给班组，由先接单者处理，路程按 {UNKNOWN_WAY_MIN:.0} 分钟计"),
        share: UNKNOWN_WAY_MIN + TEAM_MIN,
    }];
    match (on_shift, &team.target) {
        (_, Some(target)) => reasons.push(Ground { text: format!("由外部系统“{target}”处理"), share: 0.0 }),
        (0, None) => reasons.push(Ground { text: "班组现在无人在岗".into(), share: TEAM_ASLEEP_MIN }),
        (n, None) => reasons.push(Ground { text: format!("班组现有 {n} 人在岗"), share: 0.0 }),
    }
    reasons.extend(area_ground(order, team));
    Candidate {
        to: Assignee::Team { team: team.id.clone() },
        name: team.name.clone(),
        cost: reasons.iter().map(|ground| ground.share).sum(),
        distance_m: None,
        load: 0,
        reasons,
    }
}
