//! Correlate: which standing alarms are explained by others, so that one alarm calls and the rest lie folded under it.
//!
//! ```text
//! ordered outputs of a batch ─▶ remember ─▶ judge what changed ─▶ tops ─▶ outputs with folds, and
//!                                           (explain, depending)          Folded, Unfolded, Gathered, orders, floods
//! ```
//!
//! There is one correlator per hub, after the desks of all workers. [`Correlator::batch`] sees all alarms of a batch before
//! it judges, so that a consequence that came a line earlier than its cause does not call.
//!
//! **Invariants.** Every alarm is a top, or folded under exactly one top; tops are not folded, so there are no chains and no
//! loops. What is folded is a function of the alarms remembered ([`judge`]), not of the order in which they came. A fold
//! says why, in the alarm and in the event. An order of a folded alarm is withheld, and released once when the alarm is
//! unfolded while it still holds. A pair that a person took apart stays apart as long as both are remembered.
//!
//! **Remembers** the newest state of each standing alarm, and a little longer what may matter ([`memory`]). **Late data**
//! moves the first raise of an alarm and thereby what explains what; folds follow. **Costs** nothing for a batch without
//! alarms; for a change a few look-ups, and one judgement per alarm that depends on it.

mod check;
mod compiled;
mod floods;
mod judge;
pub mod learn;
mod memory;
mod redundancy;
pub mod rules;
mod settle;
mod topology;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use check::problems;
pub use rules::CorrelateRules;

use crate::desk::HUB;
use crate::merge;
use crate::rules::RuleSet;
use compiled::Compiled;
use floods::Floods;
use greenhub_model::alarm::{Alarm, AlarmEvent, AlarmEventKind};
use greenhub_model::output::{AlarmChange, Flood, Output};
use greenhub_model::{AlarmId, DeviceId, Position, ReceivedTime};
use memory::{Entry, Memory};
use serde::{Deserialize, Serialize};
use settle::Settled;
use std::collections::BTreeSet;
use topology::Topology;

/// The correlation of all alarms of a hub.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Correlator {
    topology: Topology,
    memory: Memory,
    floods: Floods,
    /// Alarms to be judged again with the next batch.
    pending: BTreeSet<AlarmId>,
    /// Version of the rules that the folds follow.
    version: u64,
    /// Version of the rules that the shares of redundancy follow.
    #[serde(default)]
    weighed_by: u64,
    /// Members of redundancy groups that are out of service.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    away: BTreeSet<DeviceId>,
    #[serde(skip)]
    compiled: Option<Box<Compiled>>,
}

impl PartialEq for Correlator {
    /// Equal memories; the rest follows from them and the rules.
    fn eq(&self, other: &Self) -> bool {
        self.topology == other.topology
            && self.memory == other.memory
            && self.floods == other.floods
            && self.pending == other.pending
            && self.version == other.version
            && self.weighed_by == other.weighed_by
            && self.away == other.away
    }
}

/// What happened in one batch, besides its outputs.
struct Batch {
    received: ReceivedTime,
    first: Position,
    /// Alarms that changed.
    touched: BTreeSet<AlarmId>,
    /// Alarms whose explanation is to be judged.
    dirty: BTreeSet<AlarmId>,
    /// Alarms whose top is to be found again although their explanation may be the same.
    moved: BTreeSet<AlarmId>,
    /// Alarms that a person took out.
    undone: BTreeSet<AlarmId>,
    /// Alarms that called an operator.
    called: BTreeSet<AlarmId>,
}

impl Correlator {
    /// A correlator that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a device's parent, or that it hangs on nothing; folds follow with the next batch.
    pub fn register(&mut self, device: &DeviceId, parent: Option<&DeviceId>) {
        if !self.topology.set(device, parent) || self.memory.is_empty() {
            return;
        }
        let Some(compiled) = &self.compiled else {
            // The tables are not known yet: all that stands is judged again, once.
            return self.pending.extend(self.memory.ids().cloned());
        };
        let mut nodes = BTreeSet::from([device.as_str()]);
        for relation in compiled.relations() {
            nodes.extend(self.topology.descendants(&relation, device.as_str()).into_iter().map(|(node, _)| node));
        }
        let concerned = nodes.into_iter().flat_map(|node| self.memory.of_device(node));
        self.pending.extend(concerned.map(|entry| entry.alarm.id.clone()));
    }

    /// Strikes a device off: it hangs on nothing. Its alarms stand until the desk says otherwise.
    pub fn remove(&mut self, device: &DeviceId) {
        self.register(device, None);
    }

    /// Lets time pass to `received`, takes the ordered outputs of one batch in, and returns them with the folds applied.
    /// `first` is the first position of the batch. Floods that are over come first, folds and released orders last, by id.
    pub fn batch(
        &mut self,
        rules: &RuleSet,
        received: ReceivedTime,
        first: Position,
        outputs: Vec<Output>,
    ) -> Vec<Output> {
        let alarms =
            outputs.iter().any(|output| matches!(output, Output::Alarm(_) | Output::Order(_) | Output::Service(_)));
        let due = self.deadline(rules).is_some_and(|at| at <= received);
        let follows = self.version == rules.version || self.memory.is_empty();
        if !alarms && !due && follows && self.pending.is_empty() {
            return outputs;
        }
        let mut batch = Batch {
            received,
            first,
            touched: BTreeSet::new(),
            dirty: BTreeSet::new(),
            moved: BTreeSet::new(),
            undone: BTreeSet::new(),
            called: BTreeSet::new(),
        };
        self.follow(rules, &mut batch);
        self.wake(&mut batch);
        for output in &outputs {
            if let Output::Alarm(change) = output {
                self.remember(rules, change, &mut batch);
            }
        }
        let reweighed = self.weigh_redundancy(rules, &outputs);
        for id in reweighed.keys() {
            // A priority decides whether an alarm may lie under another.
            batch.dirty.insert(id.clone());
            self.note_dependants(rules, id, &mut batch);
        }
        let settled = self.settle(rules, &mut batch);
        let mut out = Vec::with_capacity(outputs.len() + settled.tops_before.len() + 1);
        self.floods.advance(&rules.correlate.desks, received, &mut out);
        for output in outputs {
            self.pass(rules, output, &mut batch, &mut out);
        }
        self.say_reweighed(&reweighed, &batch, &mut out);
        self.say(rules, &settled, &mut batch, &mut out);
        self.schedule(rules, &batch);
        out
    }

    /// When [`Correlator::batch`] has something to say if nothing arrives before.
    pub fn deadline(&self, rules: &RuleSet) -> Option<ReceivedTime> {
        [self.memory.first_timer(), self.floods.deadline(&rules.correlate.desks)].into_iter().flatten().min()
    }

    /// The alarms that stand, with their folds, by id.
    pub fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.memory.entries().filter(|entry| entry.stands()).map(|entry| &entry.alarm)
    }

    /// Desks that are in flood now.
    pub fn floods(&self) -> impl Iterator<Item = Flood> {
        self.floods.now()
    }

    /// Lays the rules out; with a new version everything is judged again.
    fn follow(&mut self, rules: &RuleSet, batch: &mut Batch) {
        batch.dirty.append(&mut self.pending);
        if !self.compiled.as_ref().is_some_and(|compiled| compiled.is_of(rules)) {
            self.compiled = Some(Box::new(Compiled::new(rules)));
            self.memory.lay_out(&rules.correlate);
        }
        if self.version != rules.version {
            self.version = rules.version;
            batch.dirty.extend(self.memory.ids().cloned());
        }
    }

    /// Judges again what hung on causes whose grace is over.
    fn wake(&mut self, batch: &mut Batch) {
        for id in self.memory.due(batch.received) {
            batch.dirty.extend(self.memory.children(&id).cloned());
            batch.touched.insert(id);
        }
    }

    /// Takes the state of one alarm over, and notes what depends on it.
    fn remember(&mut self, rules: &RuleSet, change: &AlarmChange, batch: &mut Batch) {
        let id = &change.alarm.id;
        let known = self.memory.get_mut(id);
        if known.is_some_and(|entry| !entry.moves_to(&change.alarm) && entry.repeat(change)) {
            return;
        }
        let known = self.memory.get(id);
        let (is_new, moves) = (known.is_none(), known.is_some_and(|entry| entry.moves_to(&change.alarm)));
        if moves {
            // What lay around the old place, or was raised after the old time, may be explained otherwise now.
            self.note_dependants(rules, id, batch);
        }
        let changed = match (is_new, moves) {
            (true, _) => {
                let mut entry = Entry::new(change);
                entry.take(change, batch.received, true);
                entry.weigh(rules);
                self.memory.put(entry);
                true
            }
            (_, true) => {
                let mut entry = self.memory.take(id).expect("known a few lines above");
                entry.take(change, batch.received, false);
                entry.weigh(rules);
                self.memory.put(entry);
                true
            }
            _ => self.memory.get_mut(id).is_some_and(|entry| {
                let changed = entry.take(change, batch.received, false);
                entry.weigh(rules);
                changed
            }),
        };
        if change.event.kind == AlarmEventKind::Unfolded
            && let Some(entry) = self.memory.get_mut(id)
            && entry.part(&change.event.by)
        {
            batch.undone.insert(id.clone());
            batch.dirty.insert(id.clone());
            batch.moved.insert(id.clone());
        }
        batch.touched.insert(id.clone());
        if changed {
            batch.dirty.insert(id.clone());
            self.note_dependants(rules, id, batch);
        }
    }

    fn note_dependants(&self, rules: &RuleSet, id: &AlarmId, batch: &mut Batch) {
        if let (Some(entry), Some(compiled)) = (self.memory.get(id), &self.compiled) {
            self.judge(rules, compiled, batch.received).depending(entry, &mut batch.dirty);
        }
    }

    fn judge<'a>(&'a self, rules: &'a RuleSet, compiled: &'a Compiled, now: ReceivedTime) -> judge::Judge<'a> {
        judge::Judge { rules, compiled, topology: &self.topology, memory: &self.memory, now }
    }

    /// Passes one output on, with the folds that hold at the end of the batch.
    fn pass(&mut self, rules: &RuleSet, output: Output, batch: &mut Batch, out: &mut Vec<Output>) {
        match output {
            Output::Alarm(mut change) => {
                if let Some(entry) = self.memory.get_mut(&change.alarm.id) {
                    if change.event.called && entry.alarm.folded_under.is_some() {
                        change.event.called = false;
                        entry.count_call(-1);
                    }
                    dress(entry, &mut change.alarm);
                }
                let mut floods = vec![];
                if change.event.called {
                    batch.called.insert(change.alarm.id.clone());
                    self.floods.call(&rules.correlate.desks, &change.alarm, batch.received, &mut floods);
                }
                out.push(Output::Alarm(change));
                out.append(&mut floods);
            }
            Output::Order(trigger) => match self.memory.get_mut(&trigger.alarm) {
                // Lost redundancy asked for it before the desk did.
                Some(entry) if entry.ordered => {}
                Some(entry) if entry.alarm.folded_under.is_some() => {
                    entry.ordered = true;
                    entry.withheld = Some(trigger);
                }
                Some(entry) => {
                    entry.ordered = true;
                    out.push(Output::Order(trigger));
                }
                None => out.push(Output::Order(trigger)),
            },
            other => out.push(other),
        }
    }

    /// Says what correlation itself did, by alarm: folded, unfolded and its order, gathered.
    fn say(&mut self, rules: &RuleSet, settled: &Settled, batch: &mut Batch, out: &mut Vec<Output>) {
        let mut concerned: BTreeSet<&AlarmId> = settled.tops_before.keys().collect();
        concerned.extend(settled.folds_before.keys());
        concerned.extend(&batch.touched);
        for id in concerned {
            let Some(entry) = self.memory.get(id).filter(|entry| entry.stands()) else { continue };
            let top = settled.tops_before.get(id);
            let now = entry.alarm.folded_under.clone();
            let spoken = match (top, &now) {
                (Some(before), Some(now)) if before.as_ref() != Some(now) => Some(AlarmEventKind::Folded),
                (Some(Some(_)), None) if !batch.undone.contains(id) => Some(AlarmEventKind::Unfolded),
                _ => None,
            };
            if let Some(kind) = spoken {
                let text = entry.reason.as_ref().map(|reason| reason.text.clone()).unwrap_or_default();
                let calls = entry.alarm.active && !entry.hidden() && !batch.called.contains(id);
                let called = kind == AlarmEventKind::Unfolded && calls;
                if called && let Some(entry) = self.memory.get_mut(id) {
                    entry.count_call(1);
                }
                let Some(entry) = self.memory.get(id) else { continue };
                out.push(self.event(entry, batch, kind, text, called));
                if called {
                    let alarm = entry.alarm.clone();
                    self.floods.call(&rules.correlate.desks, &alarm, batch.received, out);
                }
            }
            self.release(id, batch, out);
            let Some(entry) = self.memory.get(id) else { continue };
            if settled.folds_before.get(id).is_some_and(|before| *before != entry.alarm.folds) {
                let text = words::gathered(entry.alarm.folds);
                out.push(self.event(entry, batch, AlarmEventKind::Gathered, text, false));
            }
        }
    }

    /// Gives the withheld order free when nothing explains its alarm any more.
    fn release(&mut self, id: &AlarmId, batch: &Batch, out: &mut Vec<Output>) {
        let Some(entry) = self.memory.get_mut(id) else { return };
        let holds = entry.alarm.active || batch.undone.contains(id);
        if entry.alarm.folded_under.is_some() || !holds || entry.hidden() {
            return;
        }
        if let Some(mut trigger) = entry.withheld.take() {
            trigger.at = batch.received.millis();
            trigger.priority = entry.alarm.priority;
            out.push(Output::Order(trigger));
        }
    }

    fn event(&self, entry: &Entry, batch: &Batch, kind: AlarmEventKind, text: String, called: bool) -> Output {
        let mut alarm = entry.alarm.clone();
        dress(entry, &mut alarm);
        let event = AlarmEvent {
            alarm: alarm.id.clone(),
            kind,
            at: batch.received.millis(),
            position: batch.first,
            by: HUB.into(),
            text,
            state: alarm.state,
            value: None,
            called,
            repeats: None,
        };
        Output::Alarm(Box::new(AlarmChange { alarm, event }))
    }

    /// Sets the timers of what changed, and forgets what is over.
    fn schedule(&mut self, rules: &RuleSet, batch: &Batch) {
        for id in &batch.touched {
            let (Some(entry), Some(compiled)) = (self.memory.get(id), &self.compiled) else { continue };
            let graces = match (entry.gone, entry.alarm.active) {
                (Some((_, received)), false) => {
                    let graces = self.judge(rules, compiled, batch.received).graces(entry);
                    graces.into_iter().map(|ms| judge::later(received, ms)).filter(|at| *at > batch.received).collect()
                }
                _ => vec![],
            };
            let matters = entry.withheld.is_some() || !entry.apart.is_empty() || entry.unheard != 0;
            let remembered = entry.over.filter(|_| matters).map(|at| judge::later(at, rules.merge.remember_ms));
            let next = graces.into_iter().chain(remembered).filter(|at| *at > batch.received).min();
            if entry.over.is_some() && next.is_none() {
                self.memory.take(id);
            } else {
                self.memory.set_timer(id, next);
            }
        }
    }
}

/// Writes the folds and their reasons into a state of the alarm.
fn dress(entry: &Entry, alarm: &mut Alarm) {
    alarm.folded_under.clone_from(&entry.alarm.folded_under);
    alarm.folds = entry.alarm.folds;
    alarm.annunciations = entry.alarm.annunciations;
    if entry.share.is_some() {
        alarm.priority = entry.alarm.priority;
        alarm.priority_reasons.clone_from(&entry.alarm.priority_reasons);
    }
    if let Some(reason) = &entry.reason {
        merge::explain(&mut alarm.explanation, &reason.code, reason.text.clone());
    }
    if alarm.folds > 0 {
        merge::explain(&mut alarm.explanation, "gathered", words::gathered(alarm.folds));
    }
}
