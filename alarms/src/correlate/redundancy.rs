//! Redundancy lost: devices that stand in for each other, and how many of them are left.
//!
//! ```text
//! alarms of the group's types that are active, devices out of service ─▶ members lost ─▶ points for every such alarm
//! ```
//!
//! The first fan of two that fails is a repair; the second stops the line. A desk sees one device at a time, so this share
//! of the priority is added here, where all alarms come together: the reason is put before the sum, the sum is made anew,
//! and an alarm whose share changes without a change of its own says so (`reprioritised`). One that reaches P2 by it gets
//! its order, once.
//!
//! **Remembers** the share with each alarm, and which members of groups are out of service. **Costs** nothing for alarms of
//! other devices.

use super::memory::Entry;
use super::{Batch, Correlator};
use crate::classify::classify;
use crate::desk::order_title;
use crate::prioritise::conclude;
use crate::rules::{RedundancyGroup, RuleSet};
use greenhub_model::alarm::{AlarmEventKind, Priority, Reason};
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::Output;
use greenhub_model::{AlarmId, DeviceId, OrderId};
use std::collections::{BTreeMap, BTreeSet};

/// Alarms whose share changed, with their priority before.
pub(super) type Reweighed = BTreeMap<AlarmId, Priority>;

impl Correlator {
    /// Weighs the groups again that this batch concerns.
    pub(super) fn weigh_redundancy(&mut self, rules: &RuleSet, outputs: &[Output]) -> Reweighed {
        let groups = &rules.priority.redundancy;
        if groups.is_empty() && self.weighed_by == rules.version {
            return Reweighed::new();
        }
        let in_group = |device: &DeviceId| groups.iter().any(|group| group.members.contains(device));
        for output in outputs {
            if let Output::Service(change) = output {
                match change.permit.is_some() && in_group(&change.device) {
                    true => self.away.insert(change.device.clone()),
                    false => self.away.remove(&change.device),
                };
            }
        }
        let concerned: BTreeSet<&DeviceId> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Alarm(change) => Some(&change.alarm.device),
                Output::Service(change) => Some(&change.device),
                _ => None,
            })
            .collect();
        let mut reweighed = Reweighed::new();
        let all = self.weighed_by != rules.version;
        self.weighed_by = rules.version;
        let mut grouped = BTreeSet::new();
        for group in groups {
            if all || group.members.iter().any(|member| concerned.contains(member)) {
                self.weigh_group(rules, group, &mut grouped, &mut reweighed);
            }
        }
        if all {
            // Other groups: what a share rested on may be no more.
            let shared = self.memory.entries().filter(|entry| entry.share.is_some());
            let ids = shared.map(|entry| entry.alarm.id.clone()).filter(|id| !grouped.contains(id));
            let ids: Vec<AlarmId> = ids.collect();
            ids.iter().for_each(|id| self.share_out(rules, id, None, &mut reweighed));
        }
        reweighed
    }

    fn weigh_group(
        &mut self,
        rules: &RuleSet,
        group: &RedundancyGroup,
        grouped: &mut BTreeSet<AlarmId>,
        reweighed: &mut Reweighed,
    ) {
        let hit = |entry: &&Entry| group.codes.contains(&entry.alarm.code);
        let ids: Vec<AlarmId> = group
            .members
            .iter()
            .flat_map(|member| self.memory.of_device(member.as_str()).filter(hit))
            .map(|entry| entry.alarm.id.clone())
            .collect();
        let lost = group.members.iter().filter(|member| {
            self.away.contains(*member)
                || self.memory.of_device(member.as_str()).filter(hit).any(|entry| entry.alarm.active)
        });
        let lost = lost.count();
        let row = group.points.iter().rev().find(|row| row.lost <= lost);
        let share = row.map(|row| Reason {
            code: "redundancy".into(),
            text: format!("冗余“{}”：{} 台中 {lost} 台失效：{:+}", group.title, group.members.len(), row.points),
            points: Some(row.points),
        });
        for id in ids {
            self.share_out(rules, &id, share.clone(), reweighed);
            grouped.insert(id);
        }
    }

    fn share_out(&mut self, rules: &RuleSet, id: &AlarmId, share: Option<Reason>, reweighed: &mut Reweighed) {
        let Some(entry) = self.memory.get_mut(id) else { return };
        let before = entry.alarm.priority;
        let changed = entry.share != share;
        entry.share = share;
        entry.weigh(rules);
        if changed {
            reweighed.entry(id.clone()).or_insert(before);
        }
    }

    /// Says whose priority changed without a change of its own, and triggers the order of what reaches P2 by it.
    pub(super) fn say_reweighed(&mut self, reweighed: &Reweighed, batch: &Batch, out: &mut Vec<Output>) {
        for (id, was) in reweighed {
            let Some(entry) = self.memory.get(id).filter(|entry| entry.stands()) else { continue };
            let now = entry.alarm.priority;
            if !batch.touched.contains(id) {
                let text = match *was == now {
                    true => format!("冗余情况变化，重新评定优先级，仍为 {now:?}"),
                    false => format!("冗余情况变化，优先级由 {was:?} 改为 {now:?}"),
                };
                out.push(self.event(entry, batch, AlarmEventKind::Reprioritised, text, false));
            }
            let Some(entry) = self.memory.get_mut(id) else { continue };
            let due = entry.share.is_some() && now <= Priority::P2 && entry.alarm.active && !entry.hidden();
            if !due || entry.ordered || entry.withheld.is_some() {
                continue;
            }
            entry.ordered = true;
            let trigger = Box::new(order(entry, batch));
            match entry.alarm.folded_under.is_some() {
                true => entry.withheld = Some(trigger),
                false => out.push(Output::Order(trigger)),
            }
        }
    }
}

impl Entry {
    /// Puts the share of its group into its priority.
    pub(super) fn weigh(&mut self, rules: &RuleSet) {
        let alarm = &mut self.alarm;
        let had = alarm.priority_reasons.iter().any(|reason| reason.code == "redundancy");
        if self.share.is_none() && !had {
            return;
        }
        let kind = classify(rules, alarm.class, &alarm.code);
        let mut reasons = std::mem::take(&mut alarm.priority_reasons);
        reasons.retain(|reason| reason.code != "redundancy");
        let sum = reasons.iter().position(|reason| reason.code == "sum").unwrap_or(reasons.len());
        reasons.truncate(sum);
        reasons.extend(self.share.clone());
        (alarm.priority, alarm.priority_reasons) = conclude(&rules.priority, &kind, reasons);
    }
}

fn order(entry: &Entry, batch: &Batch) -> OrderTrigger {
    let alarm = &entry.alarm;
    OrderTrigger {
        order: OrderId::of_alarm(&alarm.id),
        alarm: alarm.id.clone(),
        title: order_title(alarm),
        priority: alarm.priority,
        device: alarm.device.clone(),
        class: alarm.class,
        lon: alarm.lon,
        lat: alarm.lat,
        sub_district: alarm.sub_district.clone(),
        at: batch.received.millis(),
    }
}
