//! The watches over one device with their memories, and the quality of its data.
//!
//! In memory a watch is a shared, ready-made [`Watcher`]; a snapshot holds only names and memories, and the rules that
//! stand in the same snapshot make it whole again ([`Watches::bind`]). A watch keeps its memory as long as its id and code
//! stay; when what it asks changes, it keeps only that it is on and asks anew.

use super::state::{Device, Orphan};
use super::{Said, Voice};
use greenhub_alarms::watch::{self, Delays, Edge, Input, Moment, Truth, WatchMemory, WatchSet, Watcher};
use greenhub_alarms::{Condition, RuleSet};
use greenhub_model::view::Presence;
use greenhub_model::{AlarmCode, DeviceProfile, PointName, Position, Quality, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The alarm type of a point whose data cannot be used.
const QUALITY_CODE: &str = "DATA_QUALITY_BAD";

/// The watches over one device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Watches {
    bound: Vec<Watching>,
    saved: Vec<Saved>,
    /// Presence as the watches were last told.
    online: Option<bool>,
}

/// The watches as they stand in a snapshot.
#[derive(Serialize, Deserialize)]
struct Kept {
    memories: Vec<Saved>,
    #[serde(default)]
    online: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
struct Watching {
    watcher: Arc<Watcher>,
    memory: WatchMemory,
}

/// A watch as it stands in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    id: String,
    code: AlarmCode,
    memory: WatchMemory,
}

impl From<Kept> for Watches {
    fn from(kept: Kept) -> Self {
        Self { bound: Vec::new(), saved: kept.memories, online: kept.online }
    }
}

impl From<Watches> for Kept {
    fn from(watches: Watches) -> Self {
        let worth = watches.bound.into_iter().filter(|one| !one.memory.is_blank());
        let save = |one: Watching| Saved {
            id: one.watcher.rule().id.clone(),
            code: one.watcher.rule().code.clone(),
            memory: one.memory,
        };
        Kept { memories: watches.saved.into_iter().chain(worth.map(save)).collect(), online: watches.online }
    }
}

impl Watches {
    pub(super) fn is_blank(&self) -> bool {
        self.online.is_none() && self.saved.is_empty() && self.bound.iter().all(|one| one.memory.is_blank())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// Takes on the watches of the rules; returns those that are no more and were on.
    pub(super) fn bind(&mut self, set: &WatchSet, profile: &DeviceProfile) -> Vec<Orphan> {
        let mut old = std::mem::take(&mut self.bound);
        let mut saved = std::mem::take(&mut self.saved);
        self.bound = set
            .of(profile)
            .map(|watcher| {
                let rule = watcher.rule();
                let same = |id: &str, code: &AlarmCode| id == rule.id && *code == rule.code;
                let known = old.iter().position(|one| same(&one.watcher.rule().id, &one.watcher.rule().code));
                let kept = saved.iter().position(|one| same(&one.id, &one.code));
                let memory = match (known, kept) {
                    (Some(at), _) => {
                        let one = old.swap_remove(at);
                        if one.watcher.rule().when == rule.when { one.memory } else { one.memory.carried_over() }
                    }
                    (None, Some(at)) => saved.swap_remove(at).memory,
                    (None, None) => WatchMemory::default(),
                };
                Watching { watcher: watcher.clone(), memory }
            })
            .collect();
        let mut orphans: Vec<Orphan> =
            old.iter().filter(|one| one.memory.is_on()).map(|one| orphan(one.watcher.as_ref())).collect();
        orphans.sort();
        orphans
    }

    /// The watches that are on.
    pub(super) fn on(&self) -> impl Iterator<Item = Orphan> + '_ {
        self.bound.iter().filter(|one| one.memory.is_on()).map(|one| orphan(one.watcher.as_ref()))
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self, voice: watch::Voice) -> Option<ReceivedTime> {
        self.bound.iter().filter_map(|one| watch::deadline(&one.watcher, &one.memory, voice)).min()
    }
}

fn orphan(watcher: &Watcher) -> Orphan {
    Orphan { code: watcher.rule().code.clone(), by: watcher.rule().source() }
}

impl Device {
    /// Lets time pass for the watches, and for the quality of the points.
    pub(super) fn advance_watches(
        &mut self,
        rules: &RuleSet,
        listening: i64,
        (now, position): (ReceivedTime, Position),
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let (mut edges, mut scratch) = (Vec::new(), Vec::new());
        let of_device = watch::Voice { heard: self.heard, listening };
        for (nth, one) in self.watches.bound.iter_mut().enumerate() {
            watch::advance(&one.watcher, &mut one.memory, now, of_device, &mut scratch);
            edges.extend(scratch.drain(..).map(|edge| (nth, edge)));
        }
        self.say_watches(rules, edges, (now, position), voice, said);
        let delays = quality_delays(rules);
        let mut bad = Vec::new();
        for (name, point) in &mut self.points {
            if let Some(edge) = point.quality.advance(delays, now) {
                bad.push((name.clone(), edge));
            }
        }
        for (name, edge) in bad {
            self.say_quality(rules, &name, edge, (now, position), voice, said);
        }
    }

    /// Values of one report: all are heard, then each watch that heard one is judged once.
    pub(super) fn watch<'a>(
        &mut self,
        rules: &RuleSet,
        values: impl Iterator<Item = (Heard<'a>, f64, Quality)> + Clone,
        at: Moment,
        position: Position,
        (voice, said): (&mut Voice, &mut Said),
    ) {
        let mut edges: Vec<(usize, Edge)> = Vec::new();
        let mut scratch = Vec::new();
        for (nth, one) in self.watches.bound.iter_mut().enumerate() {
            let mut heard = false;
            for (what, value, quality) in values.clone() {
                let place = match what {
                    Heard::Point(name) => one.watcher.place_of_point(name.as_str()),
                    Heard::Other(input) => one.watcher.place_of(&input),
                };
                let Some(place) = place else { continue };
                heard |= watch::hear(&one.watcher, &mut one.memory, place, at, value, quality, false).is_ok();
            }
            if heard {
                watch::judge(&one.watcher, &mut one.memory, at, &mut scratch);
                edges.extend(scratch.drain(..).map(|edge| (nth, edge)));
            }
        }
        self.say_watches(rules, edges, (ReceivedTime(at.received), position), voice, said);
    }

    /// Presence is a value like others: 0 when off line, else 1. It is the hub's own observation, so it is dated by receive
    /// time.
    pub(super) fn watch_presence(
        &mut self,
        rules: &RuleSet,
        (received, position): (ReceivedTime, Position),
        (voice, said): (&mut Voice, &mut Said),
    ) {
        let online = self.presence != Presence::Offline;
        if self.watches.is_empty() || self.watches.online == Some(online) {
            return;
        }
        self.watches.online = Some(online);
        let value = [(Heard::Other(Input::Online), if online { 1.0 } else { 0.0 }, Quality::Good)];
        let at = Moment { time: received.millis(), received: received.0 };
        self.watch(rules, value.into_iter(), at, position, (voice, said));
    }

    fn say_watches(
        &self,
        rules: &RuleSet,
        edges: Vec<(usize, Edge)>,
        (received, position): (ReceivedTime, Position),
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let words = |point: &PointName| {
            let (unit, label) = self.words(rules, point);
            (label, unit.label())
        };
        for (nth, edge) in edges {
            let Some(one) = self.watches.bound.get(nth) else { continue };
            let rule = one.watcher.rule();
            let mut condition: Condition = self.condition(rule.code.clone(), edge.active, received, position);
            condition.severity = rule.severity;
            condition.value = edge.value;
            if let Some(Input::Point(point)) = one.watcher.inputs().first() {
                condition.unit = self.words(rules, point).0;
            }
            condition.text = one.watcher.describe(&one.memory, &edge, &words);
            condition.at = edge.at;
            condition.by = rule.source();
            said.condition(voice, condition);
        }
    }

    pub(super) fn say_quality(
        &self,
        rules: &RuleSet,
        name: &PointName,
        edge: Edge,
        (received, position): (ReceivedTime, Position),
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let known = rules.types.get(&self.profile.class).and_then(|types| types.get_key_value(QUALITY_CODE));
        let Some((code, _)) = known else { return };
        let (unit, label) = self.words(rules, name);
        let label = if label.is_empty() { name.to_string() } else { label };
        let mut condition = self.condition(code.clone(), edge.active, received, position);
        condition.text = match edge.active {
            true => format!("{label}的数据标为不可信或超出量程，相关告警保持原状态"),
            false => format!("{label}的数据恢复可信"),
        };
        condition.value = edge.value;
        condition.unit = unit;
        condition.at = edge.at;
        condition.by = quality_source(name);
        said.condition(voice, condition);
    }

    /// Everything of this device that is on because of a rule, in a fixed order.
    pub(super) fn on_by_rule(&self) -> Vec<Orphan> {
        let limits = self.points.values().flat_map(|point| &point.limits).filter(|one| one.memory.is_on());
        let mut all: Vec<Orphan> =
            limits.map(|one| Orphan { code: one.rule.code.clone(), by: one.rule.id() }).collect();
        all.extend(self.watches.on());
        all.extend(self.fences.on());
        let quality = self.points.iter().filter(|(_, point)| point.quality.is_on());
        let code = AlarmCode::new(QUALITY_CODE).expect("upper-case letters follow the grammar of alarm codes");
        all.extend(quality.map(|(name, _)| Orphan { code: code.clone(), by: quality_source(name) }));
        all
    }
}

/// What a value is of.
#[derive(Clone)]
pub(super) enum Heard<'a> {
    /// A measured point.
    Point(&'a PointName),
    /// A status field or an alarm message.
    Other(Input),
}

pub(super) fn quality_delays(rules: &RuleSet) -> Delays {
    Delays { on_ms: rules.quality.on_delay_ms, off_ms: rules.quality.off_delay_ms }
}

/// The judgement of a point's quality.
pub(super) fn quality_truth(quality: Quality) -> Truth {
    Truth::of(quality == Quality::Bad)
}

fn quality_source(name: &PointName) -> String {
    format!("quality:{name}")
}
