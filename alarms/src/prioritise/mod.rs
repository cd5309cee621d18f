//! Prioritise: how soon to act, P1 to P4, as a sum that is shown.
//!
//! ```text
//! severity + consequence (people, environment, service, plant) + little time to respond
//!          + place + people nearby + time of day + unacknowledged for long + redundancy lost  →  P1 ≥ p1_from > P2 …
//! ```
//!
//! Each term is one [`Reason`] with its points, and the last one states the sum and the mark it passed; a type may set a
//! floor (`at_least`), which is a reason of its own. What surrounds the alarm comes as a [`Context`]; the desk asks again
//! when a fact changes: a rise in severity, a step of waiting, hours that begin or end ([`next_change`]). **Late data** and
//! repeats do not change the sum. **Remembers** nothing.
//!
//! People nearby are what the rules say of a place at certain hours and days (a school gate, a park at the weekend);
//! nothing counts heads. Redundancy lost is added by the correlation, which sees all devices of a group ([`conclude`]).

use crate::merge::duration_label;
use crate::rules::{AlarmType, HoursWeight, PeopleWeight, PlaceWeight, PriorityRules, RuleSet};
use greenhub_model::Class;
use greenhub_model::alarm::{Priority, Reason, Severity};
use greenhub_model::geodesy::LonLat;
use greenhub_model::polygon::ring_contains;

/// What surrounds an alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Context<'a> {
    /// Class of its device, where the hours of a class matter.
    pub class: Option<Class>,
    /// Sub-district it lies in; empty where unknown.
    pub sub_district: &'a str,
    /// Its place, where it has one.
    pub place: Option<LonLat>,
    /// Now, Unix ms; none where the time of day does not matter.
    pub now: Option<i64>,
    /// Rows of `priority.standing` that its waiting has reached.
    pub waited: usize,
}

/// The priority of an alarm of `kind` with `severity` in its context, and why.
pub fn prioritise(
    rules: &RuleSet,
    kind: &AlarmType,
    severity: Severity,
    context: &Context<'_>,
) -> (Priority, Vec<Reason>) {
    let table = &rules.priority;
    let mut reasons = vec![];
    let mut add = |code: &str, text: String, points: i32| {
        reasons.push(Reason { code: code.into(), text, points: Some(points) });
    };
    let points = table.severity.get(&severity).copied().unwrap_or(0);
    add("severity", format!("严重程度“{}”：+{points}", severity_label(severity)), points);
    for (code, label, level, weight) in [
        ("safety", "人身安全", kind.weights.safety, table.safety),
        ("environment", "环境影响", kind.weights.environment, table.environment),
        ("service", "公共服务", kind.weights.service, table.service),
        ("asset", "设备财产", kind.weights.asset, table.asset),
    ] {
        if level > 0 {
            let points = i32::from(level).saturating_mul(weight);
            add(code, format!("后果·{label} {level} 级 × {weight}：+{points}"), points);
        }
    }
    if let Some(row) = table.response.iter().find(|row| kind.respond_within_min <= row.within_min) {
        let text = format!("须在 {} 分钟内处置：+{}", kind.respond_within_min, row.points);
        add("response", text, row.points);
    }
    for place in table.places.iter().filter(|place| lies_in(place, context)) {
        add("place", format!("地点“{}”：{:+}", place.title, place.points), place.points);
    }
    for people in table.people.iter().filter(|people| gather(people, rules, context)) {
        let text = format!("附近人员“{}”（{}）：{:+}", people.title, people.when(), people.points);
        add("people", text, people.points);
    }
    for hours in table.hours.iter().filter(|hours| hold(hours, rules, context)) {
        let text = format!("时段“{}”（{} 至 {}）：{:+}", hours.title, hours.from, hours.to, hours.points);
        add("hours", text, hours.points);
    }
    if let Some(row) = context.waited.checked_sub(1).and_then(|last| table.standing.get(last)) {
        let text = format!("未确认已超过 {}：{:+}", duration_label(row.after_ms), row.points);
        add("standing", text, row.points);
    }
    conclude(table, kind, reasons)
}

/// Adds the terms up and puts sum, mark and floor behind them.
pub(crate) fn conclude(table: &PriorityRules, kind: &AlarmType, mut reasons: Vec<Reason>) -> (Priority, Vec<Reason>) {
    let sum = reasons.iter().filter_map(|reason| reason.points).fold(0i32, i32::saturating_add);
    let (by_sum, mark) = match sum {
        sum if sum >= table.p1_from => (Priority::P1, format!("不低于 {}", table.p1_from)),
        sum if sum >= table.p2_from => (Priority::P2, format!("不低于 {}", table.p2_from)),
        sum if sum >= table.p3_from => (Priority::P3, format!("不低于 {}", table.p3_from)),
        _ => (Priority::P4, format!("低于 {}", table.p3_from)),
    };
    reasons.push(Reason {
        code: "sum".into(), text: format!("合计 {sum} 分，{mark}，定为 {by_sum:?}"), points: None
    });
    match kind.at_least {
        Some(floor) if floor < by_sum => {
            let text = format!("该类型规定至少为 {floor:?}");
            reasons.push(Reason { code: "floor".into(), text, points: None });
            (floor, reasons)
        }
        _ => (by_sum, reasons),
    }
}

/// The severity in Chinese.
pub fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "紧急",
        Severity::Major => "重要",
        Severity::Minor => "次要",
        Severity::Warning => "提示",
    }
}

fn lies_in(place: &PlaceWeight, context: &Context<'_>) -> bool {
    is_within(place.sub_district.as_deref(), &place.polygon, context)
}

fn is_within(sub_district: Option<&str>, polygon: &[[f64; 2]], context: &Context<'_>) -> bool {
    let by_name = sub_district.is_some_and(|name| name == context.sub_district);
    by_name || context.place.is_some_and(|at| ring_contains(polygon, at))
}

fn gather(people: &PeopleWeight, rules: &RuleSet, context: &Context<'_>) -> bool {
    let now = context.now.is_some_and(|now| people.hold(now, rules.utc_offset_min));
    now && is_within(people.sub_district.as_deref(), &people.polygon, context)
}

fn concerns(hours: &HoursWeight, class: Option<Class>) -> bool {
    hours.classes.is_empty() || class.is_some_and(|class| hours.classes.contains(&class))
}

fn hold(hours: &HoursWeight, rules: &RuleSet, context: &Context<'_>) -> bool {
    let now = context.now.is_some_and(|now| hours.hours().contain(now, rules.utc_offset_min));
    now && concerns(hours, context.class)
}

/// When the priority of an alarm that has been waiting since `since` must be looked at again, Unix ms, after `now`.
pub fn next_change(rules: &RuleSet, class: Class, waited: usize, since: i64, now: i64) -> Option<i64> {
    let table = &rules.priority;
    let step = table.standing.get(waited).map(|row| since.saturating_add(row.after_ms).max(now + 1));
    let hours = table.hours.iter().filter(|hours| concerns(hours, Some(class)));
    let hours = hours.map(|hours| hours.hours().next_change(now, rules.utc_offset_min)).min();
    let people = table.people.iter().map(|people| people.next_change(now, rules.utc_offset_min)).min();
    [step, hours, people].into_iter().flatten().min()
}

/// Rows of `priority.standing` that a waiting of `ms` has reached.
pub fn steps_reached(rules: &RuleSet, ms: i64) -> usize {
    rules.priority.standing.iter().take_while(|row| row.after_ms <= ms).count()
}
