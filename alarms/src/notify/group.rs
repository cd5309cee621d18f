//! One group: its members, what it has told, and the decision at each look.

use super::route::Plan;
use super::{asks, is_over, told_as};
use greenhub_model::AlarmId;
use greenhub_model::alarm::AlarmEventKind;
use greenhub_model::kpi::AlarmFact;
use greenhub_model::notify::{NoticeAlarm, NoticeKind, Receiver};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Alarms that share notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub route: String,
    pub labels: BTreeMap<String, String>,
    pub members: BTreeMap<AlarmId, Member>,
    /// When it is looked at next, Unix ms.
    pub next_look: i64,
    /// The newest notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What the newest notice said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub at: i64,
    /// Who was said to fire, by its call.
    pub firing: BTreeMap<AlarmId, u64>,
}

/// An alarm in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub alarm: NoticeAlarm,
    /// Batch of its newest call.
    pub call: u64,
    pub standing: Standing,
    #[serde(default)]
    folded: bool,
    /// Escalations that are done.
    #[serde(default)]
    escalated: usize,
}

/// Whether an alarm asks for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// It called and nobody has acknowledged.
    Firing,
    /// It is acknowledged, hidden or folded.
    Quiet,
    /// It has returned.
    Over,
}

/// What is to be told.
pub(super) struct Decision {
    pub kind: NoticeKind,
    pub receivers: Vec<Receiver>,
    pub alarms: Vec<NoticeAlarm>,
    /// Batch of the newest call in it.
    pub newest_call: u64,
}

impl Member {
    pub fn called(fact: &AlarmFact, call: u64) -> Self {
        Self { alarm: told_as(fact), call, standing: Standing::Firing, folded: false, escalated: 0 }
    }

    /// Takes a fact that called nobody: only a call makes it fire.
    pub fn hear(&mut self, fact: &AlarmFact) {
        self.alarm.priority = fact.priority;
        match fact.kind {
            AlarmEventKind::Folded => self.folded = true,
            AlarmEventKind::Unfolded => self.folded = false,
            _ => {}
        }
        let asks = asks(fact.state) && !self.folded;
        self.standing = match self.standing {
            _ if is_over(fact.state) => Standing::Over,
            Standing::Firing if asks => Standing::Firing,
            _ => Standing::Quiet,
        };
        self.alarm.firing = self.standing == Standing::Firing;
    }

    /// The fact it was made of, as far as routes look at it.
    pub fn as_fact(&self, now: i64) -> AlarmFact {
        AlarmFact {
            batch: self.call,
            item: 0,
            at: now.min(self.alarm.called_at),
            alarm: self.alarm.alarm.clone(),
            device: self.alarm.device.clone(),
            device_name: self.alarm.device_name.clone(),
            class: self.alarm.class,
            code: self.alarm.code.clone(),
            title: self.alarm.title.clone(),
            sub_district: self.alarm.sub_district.clone(),
            priority: self.alarm.priority,
            kind: AlarmEventKind::Raised,
            state: greenhub_model::AlarmState::Unacknowledged,
            called: true,
        }
    }
}

impl Group {
    pub fn new(plan: &Plan, labels: BTreeMap<String, String>, next_look: i64) -> Self {
        Self { route: plan.id.clone(), labels, members: BTreeMap::new(), next_look, told: None }
    }

    /// It belongs to the group no more.
    pub fn forget(&mut self, alarm: &AlarmId) {
        self.members.remove(alarm);
        if let Some(told) = &mut self.told {
            told.firing.remove(alarm);
        }
    }

    /// Looks at the group: Alertmanager's decision whether to notify.
    pub fn look(&mut self, plan: &Plan, now: i64) -> Option<Decision> {
        self.next_look = now + plan.group_interval_ms;
        let firing = |standing| {
            let with = self.members.iter().filter(move |(_, member)| member.standing == standing);
            with.map(|(alarm, member)| (alarm.clone(), member.call)).collect::<BTreeMap<_, _>>()
        };
        let (now_firing, over) = (firing(Standing::Firing), firing(Standing::Over));
        let told = self.told.as_ref();
        let was_told = |alarm: &AlarmId| told.is_some_and(|told| told.firing.contains_key(alarm));
        let news = now_firing.iter().any(|(alarm, call)| told.is_none_or(|told| told.firing.get(alarm) != Some(call)));
        let ends = plan.send_resolved && over.keys().any(was_told);
        let due = told.is_some_and(|told| now - told.at >= plan.repeat_interval_ms);
        let kind = match (news, ends, due && !now_firing.is_empty()) {
            (true, _, _) => NoticeKind::Firing,
            (_, true, _) => NoticeKind::Resolved,
            (_, _, true) => NoticeKind::Repeat,
            _ => return None,
        };
        let told_of = |(alarm, member): (&AlarmId, &Member)| match member.standing {
            Standing::Firing => Some(member.alarm.clone()),
            Standing::Over if plan.send_resolved && was_told(alarm) => Some(member.alarm.clone()),
            _ => None,
        };
        let alarms = self.members.iter().filter_map(told_of).collect();
        let newest_call = self.members.values().map(|member| member.call).max().unwrap_or(0);
        // What went quiet was told as firing; it stays so, that its end can be told.
        let quiet = firing(Standing::Quiet).into_keys();
        let quiet: Vec<_> =
            quiet.filter_map(|alarm| Some((told?.firing.get_key_value(&alarm)?.0.clone(), u64::MAX))).collect();
        self.told = Some(Told { at: now, firing: now_firing.into_iter().chain(quiet).collect() });
        Some(Decision { kind, receivers: plan.receivers.clone(), alarms, newest_call })
    }

    /// Forgets members that are over; whether that was told has been decided.
    pub fn drop_over(&mut self) -> Vec<AlarmId> {
        let over = self.members.iter().filter(|(_, member)| member.standing == Standing::Over);
        let over: Vec<AlarmId> = over.map(|(alarm, _)| alarm.clone()).collect();
        over.iter().for_each(|alarm| self.forget(alarm));
        over
    }

    /// When somebody else must be told, if nobody acknowledges.
    pub fn next_escalation(&self, plan: &Plan) -> Option<i64> {
        let firing = self.members.values().filter(|member| member.standing == Standing::Firing);
        firing.filter_map(|member| Some(member.alarm.called_at + plan.escalate.get(member.escalated)?.0)).min()
    }

    /// Tells others of members that nobody has acknowledged in time; one notice per step.
    pub fn escalate(&mut self, plan: &Plan, now: i64) -> Vec<Decision> {
        let mut decisions = vec![];
        for (step, (after_ms, receivers)) in plan.escalate.iter().enumerate() {
            let late = |member: &&mut Member| {
                member.standing == Standing::Firing
                    && member.escalated <= step
                    && member.alarm.called_at + after_ms <= now
            };
            let (mut alarms, mut newest_call) = (vec![], 0);
            for member in self.members.values_mut().filter(late) {
                member.escalated = step + 1;
                newest_call = newest_call.max(member.call);
                alarms.push(member.alarm.clone());
            }
            if !alarms.is_empty() {
                let receivers = receivers.clone();
                decisions.push(Decision { kind: NoticeKind::Escalation, receivers, alarms, newest_call });
            }
        }
        decisions
    }
}
