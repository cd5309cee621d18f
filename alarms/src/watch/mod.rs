//! Watches: conditions on readings that one limit cannot say.
//!
//! ```text
//! deviation   value against a setpoint or another value        mismatch  commanded against reported
//! rate        change per time over a window, either side       count     n events or samples beyond within a window
//! state       a discrete value in a set                        spread    values that should agree
//! stuck       unmoved for a time                               all, any  comparisons over points of one device
//! no_data     a point that is reported no more
//!
//! report ──▶ hear (per value) ──▶ judge (once) ──▶ gate: on-delay, off-delay ──▶ Edge
//! time ────▶ advance: a window empties, a silence grows, a delay ends ─────────▶ Edge
//! ```
//!
//! **Watches** values of one device ([`Input`]): points, status fields, its own alarm messages. All values of a report are
//! heard before the watch is judged, so that a command and its answer in one message are seen together. **Raises** and
//! **clears** through a [`gate`] with the rule's delays; deadbands are the kinds' own.
//!
//! **Time**: judged in measurement time; timers run in receive time ([`advance`], [`deadline`]); edges are dated in
//! measurement time either way. A window that empties does so at `event + window`, whoever notices. **Late data**: a value
//! marked late, or older than the newest one of its input, changes nothing; only `count` takes an older event that is not
//! late into its window. **Bad quality** (and no number) neither raises nor clears: a watch that needs the value keeps its
//! state until a good one comes; running timers go on. It is a report all the same where the question is `no_data`.
//!
//! **Remembers** per device and watch the gate, the newest value of each input, and one trail: `rate` at most
//! [`HISTORY_MAX`] samples (closer ones are thinned out, always keeping the newest), `count` at most `at_least` events,
//! `stuck` the value it is stuck at. Forget it together with the device.
//! **Costs** 20 to 60 ns per value and watch; no allocation after the first report except for a growing trail.
//!
//! ```
//! use greenhub_alarms::watch::*;
//! use greenhub_model::Quality;
//! let rule: WatchRule = serde_json::from_str(r#"{"id":"hot","class":"plant","code":"T_RATE",
//!     "when":{"rate":{"point":"temperature","window_ms":60000,"rise":20.0}}}"#).unwrap();
//! let watcher = Watcher::new(rule);
//! let (mut memory, mut edges) = (WatchMemory::default(), vec![]);
//! for (minute, value) in [(0, 20.0), (1, 45.0)] {
//!     let now = Moment { time: minute * 60_000, received: minute * 60_000_000 };
//!     hear(&watcher, &mut memory, 0, now, value, Quality::Good, false).unwrap();
//!     judge(&watcher, &mut memory, now, &mut edges);
//! }
//! assert!(edges.len() == 1 && edges[0].active && edges[0].value == Some(25.0), "25 degrees in a minute");
//! ```

mod describe;
pub mod gate;
mod memory;
mod rule;
mod truth;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use crate::threshold::Unjudged;
pub use describe::Words;
pub use gate::{Delays, Edge, Gate, Moment, Truth};
pub use memory::{HISTORY_MAX, WatchMemory};
pub use rule::{Compare, Input, Reference, Test, Watch, WatchRule};

use greenhub_model::{Class, DeviceProfile, Quality, ReceivedTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule made ready: which input stands where. Made once per rule set and shared by all devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Watcher {
    rule: WatchRule,
    inputs: Vec<Input>,
    /// For kinds with a list of inputs: the place in `inputs` of each entry of the list.
    places: Vec<usize>,
}

/// What the host knows of a device's voice as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Receive time of its newest message, µs.
    pub heard: i64,
    /// Since when it could be heard without a break, µs: silence before that is nobody's fault.
    pub listening: i64,
}

impl Watcher {
    /// Makes a rule ready.
    pub fn new(rule: WatchRule) -> Self {
        let inputs: Vec<Input> = rule.when.inputs().into_iter().cloned().collect();
        let place = |input: &Input| inputs.iter().position(|known| known == input).unwrap_or_default();
        let places = match &rule.when {
            Watch::All(tests) | Watch::Any(tests) => tests.iter().map(|test| place(&test.point)).collect(),
            Watch::Spread { points, .. } => points.iter().map(place).collect(),
            _ => vec![],
        };
        Self { rule, inputs, places }
    }

    /// The rule.
    pub fn rule(&self) -> &WatchRule {
        &self.rule
    }

    /// What it looks at; [`hear`] takes a place in this list.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The place of a measured point, where it is one of the inputs.
    pub fn place_of_point(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| matches!(input, Input::Point(point) if point.as_str() == name))
    }

    /// The place of an input, where it is one.
    pub fn place_of(&self, input: &Input) -> Option<usize> {
        self.inputs.iter().position(|known| known == input)
    }

    fn delays(&self) -> Delays {
        Delays { on_ms: self.rule.on_delay_ms, off_ms: self.rule.off_delay_ms }
    }
}

/// Takes in the value of one input. Call [`advance`] with the receive time first, and [`judge`] once after the last value
/// of a report.
pub fn hear(
    watcher: &Watcher,
    memory: &mut WatchMemory,
    place: usize,
    at: Moment,
    value: f64,
    quality: Quality,
    late: bool,
) -> Result<(), Unjudged> {
    let when = &watcher.rule.when;
    let counting = matches!(when, Watch::Count { .. });
    let older = memory.seen(place).is_some_and(|seen| at.time < seen.at.time);
    if late || (older && !counting) {
        return Err(Unjudged::Late);
    }
    let usable = quality != Quality::Bad && value.is_finite();
    if !older {
        memory.see(watcher.inputs.len(), place, at, usable.then_some(value));
    }
    match when {
        Watch::NoData { .. } => memory.speak(),
        _ if !usable => {
            return Err(if value.is_finite() { Unjudged::BadQuality } else { Unjudged::NotFinite });
        }
        Watch::Rate { window_ms, .. } => memory.note_history(at.time, value, *window_ms),
        Watch::Stuck { for_ms, epsilon, .. } => memory.note_run(at.time, value, *for_ms, *epsilon),
        Watch::Count { of, above, below, .. } => {
            let beyond = above.is_some_and(|limit| value > limit) || below.is_some_and(|limit| value < limit);
            if beyond || matches!(of, Input::Alarm(_)) {
                memory.pending_event(at);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Judges what was heard, as of the report's moment; edges are appended to `out`.
pub fn judge(watcher: &Watcher, memory: &mut WatchMemory, at: Moment, out: &mut Vec<Edge>) {
    let delays = watcher.delays();
    let newest = memory.newest.filter(|newest| newest.time > at.time);
    let now = newest.map_or(at, |newest| Moment { received: newest.received.max(at.received), ..newest });
    memory.newest = Some(now);
    if let Watch::Count { at_least, window_ms, .. } = &watcher.rule.when {
        // A window that emptied before this report did so at its own time.
        while let Some(flip) = memory.emptied(*at_least, *window_ms).filter(|flip| flip.time <= now.time) {
            apply_flip(memory, delays, flip, Truth::Off, out);
            memory.empty(flip.time, *window_ms);
        }
        memory.admit_event(*at_least, *window_ms, now.time);
    }
    let (truth, value) = truth::truth(watcher, memory, now.time);
    out.extend(memory.gate.judge(delays, now, truth, value));
}

/// Lets time pass until `received`.
pub fn advance(watcher: &Watcher, memory: &mut WatchMemory, received: ReceivedTime, voice: Voice, out: &mut Vec<Edge>) {
    let delays = watcher.delays();
    loop {
        let flip = flip(watcher, memory, voice);
        let gate = memory.gate.deadline(delays);
        // At one and the same moment a delay ends before anything new is looked at.
        let first = match (gate, flip) {
            (Some(gate), Some((at, _))) => gate.0 <= at.received,
            (gate, _) => gate.is_some(),
        };
        if first {
            match memory.gate.advance(delays, received) {
                Some(edge) => out.push(edge),
                None => return,
            }
            continue;
        }
        let Some((at, truth)) = flip.filter(|(at, _)| at.received <= received.0) else { return };
        apply_flip(memory, delays, at, truth, out);
        match &watcher.rule.when {
            Watch::Count { window_ms, .. } => memory.empty(at.time, *window_ms),
            _ => memory.fall_silent(),
        }
        if memory.newest.is_none_or(|newest| newest.time < at.time) {
            memory.newest = Some(at);
        }
    }
}

/// When [`advance`] has something to say, if nothing arrives before.
pub fn deadline(watcher: &Watcher, memory: &WatchMemory, voice: Voice) -> Option<ReceivedTime> {
    let flip = flip(watcher, memory, voice).map(|(at, _)| ReceivedTime(at.received));
    [memory.gate.deadline(watcher.delays()), flip].into_iter().flatten().min()
}

/// The next change of the judgement that time alone brings.
fn flip(watcher: &Watcher, memory: &WatchMemory, voice: Voice) -> Option<(Moment, Truth)> {
    match &watcher.rule.when {
        Watch::Count { at_least, window_ms, .. } => memory.emptied(*at_least, *window_ms).map(|at| (at, Truth::Off)),
        Watch::NoData { for_ms, also_silent, .. } if !memory.is_silent() => {
            let last = memory.seen(0)?.at;
            let quiet_us = voice.listening.saturating_sub(last.received).max(0);
            let from = Moment { time: last.time.saturating_add(quiet_us / 1000), received: last.received + quiet_us };
            // The device spoke well after the point was last reported: it is the point that is missing.
            let speaking = voice.heard >= from.after(for_ms / 2).received;
            (*also_silent || speaking).then(|| (from.after(*for_ms), Truth::On))
        }
        _ => None,
    }
}

fn apply_flip(memory: &mut WatchMemory, delays: Delays, at: Moment, truth: Truth, out: &mut Vec<Edge>) {
    out.extend(memory.gate.elapse(delays, at.time));
    let value = memory.seen(0).and_then(|seen| seen.value);
    out.extend(memory.gate.judge(delays, at, truth, value));
}

/// The watches of a rule set, made ready.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WatchSet(BTreeMap<Class, Vec<Arc<Watcher>>>);

impl WatchSet {
    /// Makes the watches ready.
    pub fn new(rules: &[WatchRule]) -> Self {
        let mut by_class: BTreeMap<Class, Vec<Arc<Watcher>>> = BTreeMap::new();
        for rule in rules {
            by_class.entry(rule.class).or_default().push(Arc::new(Watcher::new(rule.clone())));
        }
        Self(by_class)
    }

    /// The watches over a device, in the order of the rule set.
    pub fn of<'a>(&'a self, profile: &'a DeviceProfile) -> impl Iterator<Item = &'a Arc<Watcher>> {
        let fits = |watcher: &&Arc<Watcher>| watcher.rule.kind.as_ref().is_none_or(|kind| *kind == profile.kind);
        self.0.get(&profile.class).into_iter().flatten().filter(fits)
    }
}
