//! From explanations to tops: judges what is to be judged, follows the chains up, and counts.
//!
//! Explanations may form a loop where rules of different relations contradict each other in a way that no check of types
//! can see. Then the alarm that was raised first stands as the top of the loop, whatever order they came in.

use super::memory::Link;
use super::words;
use super::{Batch, Correlator};
use crate::rules::RuleSet;
use greenhub_model::AlarmId;
use greenhub_model::alarm::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// What changed, with the values before.
#[derive(Default)]
pub(super) struct Settled {
    /// Alarms whose top changed.
    pub(super) tops_before: BTreeMap<AlarmId, Option<AlarmId>>,
    /// Tops whose number of folds changed.
    pub(super) folds_before: BTreeMap<AlarmId, u32>,
}

impl Correlator {
    pub(super) fn settle(&mut self, rules: &RuleSet, batch: &mut Batch) -> Settled {
        for (id, link) in self.judged(rules, batch) {
            let known = self.memory.get(&id).and_then(|entry| entry.link.as_ref());
            if known.map(|link| &link.cause) != link.as_ref().map(|link| &link.cause) {
                batch.moved.insert(id.clone());
            }
            self.memory.set_link(&id, link);
        }
        let mut settled = Settled::default();
        let mut affected = self.below(&batch.moved);
        affected.extend(batch.touched.iter().cloned());
        affected.extend(batch.dirty.iter().cloned());
        for id in &affected {
            self.place(id, batch, &mut settled);
        }
        settled
    }

    fn judged(&self, rules: &RuleSet, batch: &Batch) -> Vec<(AlarmId, Option<Link>)> {
        let Some(compiled) = &self.compiled else { return vec![] };
        let judge = self.judge(rules, compiled, batch.received);
        let known = batch.dirty.iter().filter_map(|id| self.memory.get(id));
        known.map(|entry| (entry.alarm.id.clone(), judge.explain(entry))).collect()
    }

    /// These alarms and all that hang on them.
    fn below(&self, from: &BTreeSet<AlarmId>) -> BTreeSet<AlarmId> {
        let mut found = from.clone();
        let mut edge: Vec<AlarmId> = from.iter().cloned().collect();
        while let Some(id) = edge.pop() {
            for child in self.memory.children(&id) {
                if found.insert(child.clone()) {
                    edge.push(child.clone());
                }
            }
        }
        found
    }

    /// Finds the top of one alarm and counts it there.
    fn place(&mut self, id: &AlarmId, batch: &Batch, settled: &mut Settled) {
        let top = self.top(id);
        let reason = top.as_ref().and_then(|top| self.reason(id, top));
        let Some(entry) = self.memory.get_mut(id) else { return };
        let before = entry.alarm.folded_under.clone();
        let stands = entry.stands();
        if stands || (before.is_none() && entry.over == Some(batch.received)) {
            if top != before {
                entry.alarm.folded_under.clone_from(&top);
                settled.tops_before.entry(id.clone()).or_insert(before.clone());
            }
            if let Some(reason) = reason {
                entry.reason = Some(reason);
            } else if before.is_some() && top.is_none() && !batch.undone.contains(id) {
                let text = words::unfolded(entry.alarm.active);
                entry.reason = Some(Reason { code: "unfolded".into(), text, points: None });
            }
        }
        let counted = top.filter(|_| stands);
        let was = std::mem::replace(&mut entry.counted, counted.clone());
        if was != counted {
            self.count(was, -1, settled);
            self.count(counted, 1, settled);
        }
    }

    fn count(&mut self, top: Option<AlarmId>, by: i32, settled: &mut Settled) {
        let Some((id, entry)) = top.and_then(|id| self.memory.get_mut(&id).map(|entry| (id, entry))) else { return };
        settled.folds_before.entry(id).or_insert(entry.alarm.folds);
        entry.alarm.folds = entry.alarm.folds.saturating_add_signed(by);
    }

    /// The alarm at the end of the chain of explanations; none where the alarm itself is that end.
    fn top(&self, id: &AlarmId) -> Option<AlarmId> {
        let own = self.memory.get(id)?;
        own.link.as_ref()?;
        let mut path = vec![own];
        while let Some(next) = path.last().and_then(|entry| entry.link.as_ref()) {
            let Some(entry) = self.memory.get(&next.cause) else { break };
            if let Some(from) = path.iter().position(|known| known.alarm.id == entry.alarm.id) {
                let first = (from..path.len()).min_by(|a, b| path[*a].rank().cmp(&path[*b].rank()))?;
                path.truncate(first + 1);
                break;
            }
            path.push(entry);
        }
        let mut top = &path.pop()?.alarm.id;
        while let Some(entry) = path.pop() {
            if entry.apart.contains(top) {
                top = &entry.alarm.id;
            }
        }
        (top != id).then(|| top.clone())
    }

    fn reason(&self, id: &AlarmId, top: &AlarmId) -> Option<Reason> {
        let link = self.memory.get(id)?.link.as_ref()?;
        let text = match &link.cause == top {
            true => link.text.clone(),
            false => words::up_to(&link.text, &self.memory.get(top)?.alarm),
        };
        let code = if link.near { "folded_near" } else { "folded_by_cause" };
        Some(Reason { code: code.into(), text, points: None })
    }
}
