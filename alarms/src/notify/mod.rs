//! Notify: whom to tell of an alarm, when, how often, and when to be quiet (Alertmanager's semantics).
//!
//! ```text
//! fact that called ─▶ routes (first match, deepest, `continue`) ─▶ group by labels ─┐ wait, interval, repeat
//! any other fact  ─▶ its members: firing, quiet, over                              ─┴▶ Notice per receiver
//!                                                        nobody acknowledged in time ─▶ escalation
//! ```
//!
//! | Alertmanager | here |
//! | --- | --- |
//! | identity: the label set | the occurrence, and its newest call: a call again is news |
//! | end: no re-send within `resolve_timeout` | the alarm returned, or stands no more; it says so itself |
//! | `group_wait` | from the call that began the group; what is over before that is never told |
//! | `group_interval` | between looks at a group; several looks that were missed are one |
//! | `repeat_interval` | looked at on those looks only; remembered as long as the group lives |
//! | `send_resolved` | those who were told are told of the end |
//! | routing tree | the same; above the first routes stands a root that tells nobody |
//! | inhibition, silence | an alarm that is acknowledged, shelved, suppressed, out of service or folded is quiet |
//! | peers that gossip | one hub; the journal makes each decision one row |
//!
//! **Late data** calls when it is received, so it is told then. **Remembers** one entry per alarm and route, at most
//! [`MEMBERS_MAX`], and forgets it when the alarm is over and that has been told or needs no telling; what finds no room
//! is counted in [`Notifier::dropped`]. **Costs** a walk over the tree per call, a look-up per other fact.

mod group;
mod route;
#[cfg(test)]
mod tests;
mod validate;
mod words;

use crate::condition::partition;
use greenhub_model::AlarmId;
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::kpi::AlarmFact;
use greenhub_model::notify::{Notice, NoticeAlarm, NoticeKind, Receiver};
use group::{Decision, Group, Member, Standing};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use route::{Plan, Routing, builtin};
pub use validate::{problems, receiver_problem};

/// Most members of all groups together.
pub const MEMBERS_MAX: usize = 20_000;
/// Most groups.
pub const GROUPS_MAX: usize = 5_000;
/// Most alarms named in a notice.
pub const ALARMS_MAX: usize = 50;

/// The memory of who has been told what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifier {
    groups: BTreeMap<String, Group>,
    /// Groups of each alarm.
    places: BTreeMap<AlarmId, Vec<String>>,
    /// Calls that found no room.
    dropped: u64,
}

impl Notifier {
    /// Calls that found no room, since the beginning.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes a fact; facts come in order. Tells nothing yet: see [`Notifier::advance`].
    pub fn hear(&mut self, routing: &Routing, fact: &AlarmFact) {
        if fact.called {
            self.place(routing, fact, Some(fact.batch));
            return;
        }
        let Some(keys) = self.places.get(&fact.alarm) else { return };
        let mut firing = false;
        for key in keys {
            let member = self.groups.get_mut(key).and_then(|group| group.members.get_mut(&fact.alarm));
            if let Some(member) = member {
                member.hear(fact);
                firing |= member.standing == Standing::Firing;
            }
        }
        if fact.kind == AlarmEventKind::Reprioritised && firing {
            self.place(routing, fact, None);
        }
    }

    /// Puts an alarm into the groups that its routes say; a call makes it fire there anew.
    fn place(&mut self, routing: &Routing, fact: &AlarmFact, call: Option<u64>) {
        let before = self.places.remove(&fact.alarm).unwrap_or_default();
        let member = before.iter().filter_map(|key| self.groups.get(key)?.members.get(&fact.alarm)).next().cloned();
        let keys: Vec<String> = routing
            .plans_of(fact)
            .into_iter()
            .filter_map(|plan| self.put(routing, plan, fact, &member, call))
            .collect();
        for key in before.iter().filter(|key| !keys.contains(key)) {
            self.take_out(key, &fact.alarm);
        }
        if !keys.is_empty() {
            self.places.insert(fact.alarm.clone(), keys);
        }
    }

    fn put(
        &mut self,
        routing: &Routing,
        plan: &Plan,
        fact: &AlarmFact,
        known: &Option<Member>,
        call: Option<u64>,
    ) -> Option<String> {
        let labels = routing.labels(plan, fact);
        let key = format!("{} {}", plan.id, serde_json::Value::from_iter(labels.clone()));
        let is_known = self.groups.get(&key).is_some_and(|group| group.members.contains_key(&fact.alarm));
        if !is_known && (self.members() >= MEMBERS_MAX || self.groups.len() >= GROUPS_MAX) {
            self.dropped += 1;
            return None;
        }
        let begin = fact.at + plan.group_wait_ms;
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group::new(plan, labels, begin));
        match (call, known) {
            (Some(call), _) => drop(group.members.insert(fact.alarm.clone(), Member::called(fact, call))),
            (None, Some(known)) if !is_known => drop(group.members.insert(fact.alarm.clone(), known.clone())),
            (None, _) => {}
        }
        Some(key)
    }

    fn members(&self) -> usize {
        self.groups.values().map(|group| group.members.len()).sum()
    }

    fn take_out(&mut self, key: &str, alarm: &AlarmId) {
        if let Some(group) = self.groups.get_mut(key) {
            group.forget(alarm);
            if group.members.is_empty() {
                self.groups.remove(key);
            }
        }
    }

    /// When there is something to do, if nothing is heard before, Unix ms.
    pub fn deadline(&self, routing: &Routing) -> Option<i64> {
        let due = |group: &Group| {
            let plan = routing.plan(&group.route)?;
            [Some(group.next_look), group.next_escalation(plan)].into_iter().flatten().min()
        };
        self.groups.values().filter_map(due).min()
    }

    /// Lets time pass until `now`, Unix ms: what is due is decided now. One notice per receiver and decision.
    pub fn advance(&mut self, routing: &Routing, now: i64) -> Vec<Notice> {
        let mut notices = vec![];
        let mut over: Vec<(String, AlarmId)> = vec![];
        for (key, group) in &mut self.groups {
            let Some(plan) = routing.plan(&group.route) else { continue };
            let mut decisions = vec![];
            if group.next_look <= now {
                decisions.extend(group.look(plan, now));
                over.extend(group.drop_over().into_iter().map(|alarm| (key.clone(), alarm)));
            }
            decisions.extend(group.escalate(plan, now));
            for decision in decisions {
                notices.extend(notices_of(routing, plan, key, group, decision, now));
            }
        }
        for (key, alarm) in over {
            if let Some(keys) = self.places.get_mut(&alarm) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    self.places.remove(&alarm);
                }
            }
        }
        self.groups.retain(|_, group| !group.members.is_empty());
        notices
    }

    /// The rules have changed: alarms move to the groups that they say now. What a group that stays has told, it has told.
    /// An alarm that no route wants any more is forgotten.
    pub fn reroute(&mut self, routing: &Routing, now: i64) {
        let before = std::mem::take(self);
        self.dropped = before.dropped;
        for (alarm, keys) in &before.places {
            let member = keys.iter().filter_map(|key| before.groups.get(key)?.members.get(alarm)).next();
            let Some(member) = member else { continue };
            let fact = member.as_fact(now);
            let mut places = vec![];
            for plan in routing.plans_of(&fact) {
                let Some(key) = self.put(routing, plan, &fact, &Some(member.clone()), None) else { continue };
                if let (Some(old), Some(new)) = (before.groups.get(&key), self.groups.get_mut(&key)) {
                    new.told.clone_from(&old.told);
                    new.next_look = old.next_look;
                }
                places.push(key);
            }
            if !places.is_empty() {
                self.places.insert(alarm.clone(), places);
            }
        }
    }
}

/// A notice to somebody that needs no alarm.
pub fn trial(receiver: Receiver, by: &str, now: i64) -> Notice {
    Notice {
        id: format!("{now}-test-{:016x}", partition(&format!("{receiver}|{by}"))),
        kind: NoticeKind::Test,
        at: now,
        receiver,
        route: String::new(),
        route_title: String::new(),
        group: BTreeMap::new(),
        priority: None,
        title: "通知测试".into(),
        text: format!("这是一条测试通知，由 {by} 发出，无需处理。"),
        alarms: vec![],
        total: 0,
        push: None,
    }
}

fn notices_of(routing: &Routing, plan: &Plan, key: &str, group: &Group, decision: Decision, now: i64) -> Vec<Notice> {
    let Decision { kind, receivers, mut alarms, newest_call } = decision;
    alarms.sort_by(|a, b| {
        (!a.firing, a.priority, a.called_at, &a.alarm).cmp(&(!b.firing, b.priority, b.called_at, &b.alarm))
    });
    let total = alarms.len() as u64;
    let priority = alarms.iter().filter(|alarm| alarm.firing).map(|alarm| alarm.priority).min();
    let (title, text) = words::say(kind, &alarms, routing.utc_offset_min());
    alarms.truncate(ALARMS_MAX);
    let notice = |receiver: Receiver| Notice {
        id: format!("{now}-{}-{:016x}", words::code(kind), partition(&format!("{receiver}|{key}|{newest_call}"))),
        kind,
        at: now,
        receiver,
        route: plan.id.clone(),
        route_title: plan.title.clone(),
        group: group.labels.clone(),
        priority,
        title: title.clone(),
        text: text.clone(),
        alarms: alarms.clone(),
        total,
        push: None,
    };
    let mut receivers = receivers;
    receivers.sort();
    receivers.dedup();
    receivers.into_iter().map(notice).collect()
}

/// Whether a state asks for somebody.
fn asks(state: AlarmState) -> bool {
    matches!(state, AlarmState::Unacknowledged | AlarmState::LatchedUnacknowledged)
}

fn is_over(state: AlarmState) -> bool {
    matches!(state, AlarmState::Normal | AlarmState::ReturnedUnacknowledged)
}

fn told_as(fact: &AlarmFact) -> NoticeAlarm {
    NoticeAlarm {
        alarm: fact.alarm.clone(),
        device: fact.device.clone(),
        device_name: fact.device_name.clone(),
        class: fact.class,
        code: fact.code.clone(),
        title: fact.title.clone(),
        priority: fact.priority,
        sub_district: fact.sub_district.clone(),
        firing: true,
        called_at: fact.at,
    }
}
