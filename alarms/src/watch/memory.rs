//! What is remembered of one watch on one device.

use super::gate::{Gate, Moment};
use serde::{Deserialize, Serialize};

/// Most samples that a rate remembers.
pub const HISTORY_MAX: usize = 26;
/// A rate keeps a sample when the last kept one is this part of the window away.
pub(super) const HISTORY_PARTS: i64 = 24;

/// Memory of one watch on one device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchMemory {
    pub(super) gate: Gate,
    /// Newest moment judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<Moment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Option<Seen>>,
    #[serde(default, skip_serializing_if = "Trail::is_none")]
    pub(super) trail: Trail,
    /// An event heard and not judged yet; nothing between batches.
    #[serde(skip)]
    incoming: Option<Moment>,
}

/// The newest word of one input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub at: Moment,
    /// None where it cannot be used.
    pub value: Option<f64>,
}

/// What a kind remembers besides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trail {
    #[default]
    None,
    /// Rate: kept samples, oldest first.
    History(Vec<(i64, f64)>),
    /// Stuck: the value, since when, and the newest sample that agreed.
    Run { anchor: f64, since: i64, last: i64 },
    /// Count: events, oldest first.
    Events(Vec<Moment>),
    /// No data: the silence has been noticed.
    Silent,
}

impl Trail {
    fn is_none(&self) -> bool {
        *self == Trail::None
    }
}

impl WatchMemory {
    /// Whether the condition is on.
    pub fn is_on(&self) -> bool {
        self.gate.is_on()
    }

    /// Nothing was ever heard.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// What stays when the question changes: that the condition is on. Values are asked for anew.
    pub fn carried_over(&self) -> Self {
        let mut gate = self.gate;
        gate.settle();
        Self { gate, ..Self::default() }
    }

    pub(super) fn seen(&self, place: usize) -> Option<Seen> {
        self.seen.get(place).copied().flatten()
    }

    /// The newest usable value of an input.
    pub(super) fn value(&self, place: usize) -> Option<f64> {
        self.seen(place)?.value
    }

    pub(super) fn see(&mut self, places: usize, place: usize, at: Moment, value: Option<f64>) {
        if self.seen.len() < places {
            self.seen.resize(places, None);
        }
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = Some(Seen { at, value });
        }
    }

    pub(super) fn note_history(&mut self, time: i64, value: f64, window_ms: i64) {
        if !matches!(self.trail, Trail::History(_)) {
            self.trail = Trail::History(Vec::new());
        }
        let Trail::History(kept) = &mut self.trail else { return };
        let apart = (window_ms / HISTORY_PARTS).max(1);
        let gone = kept.iter().take_while(|(at, _)| time.saturating_sub(*at) > window_ms).count();
        kept.drain(..gone);
        if kept.last().is_none_or(|(last, _)| time.saturating_sub(*last) >= apart) && kept.len() < HISTORY_MAX {
            kept.push((time, value));
        }
    }

    /// The oldest sample kept, no further back than the window.
    pub(super) fn oldest(&self, time: i64, window_ms: i64) -> Option<(i64, f64)> {
        let Trail::History(kept) = &self.trail else { return None };
        kept.iter().copied().find(|(at, _)| *at < time && time.saturating_sub(*at) <= window_ms)
    }

    pub(super) fn note_run(&mut self, time: i64, value: f64, for_ms: i64, epsilon: f64) {
        self.trail = match self.trail {
            Trail::Run { anchor, since, last }
                if (value - anchor).abs() <= epsilon && time.saturating_sub(last) <= for_ms / 2 =>
            {
                Trail::Run { anchor, since, last: time }
            }
            _ => Trail::Run { anchor: value, since: time, last: time },
        };
    }

    /// Since when the value has not moved.
    pub(super) fn unmoved_since(&self) -> Option<i64> {
        match self.trail {
            Trail::Run { since, .. } => Some(since),
            _ => None,
        }
    }

    fn events(&mut self) -> &mut Vec<Moment> {
        if !matches!(self.trail, Trail::Events(_)) {
            self.trail = Trail::Events(Vec::new());
        }
        match &mut self.trail {
            Trail::Events(events) => events,
            _ => unreachable!("made an events trail two lines above"),
        }
    }

    pub(super) fn pending_event(&mut self, at: Moment) {
        self.incoming = Some(at);
    }

    /// Takes the event that was heard into the window that ends `now`. A repeat of the same moment counts once.
    pub(super) fn admit_event(&mut self, at_least: u32, window_ms: i64, now: i64) {
        let incoming = self.incoming.take();
        if incoming.is_none() && matches!(self.trail, Trail::None) {
            return;
        }
        self.empty(now, window_ms);
        let Some(event) = incoming.filter(|event| now.saturating_sub(event.time) < window_ms) else { return };
        let events = self.events();
        let place = events.partition_point(|known| known.time < event.time);
        if events.get(place).is_none_or(|known| known.time != event.time) {
            events.insert(place, event);
        }
        if events.len() > at_least as usize {
            events.remove(0);
        }
    }

    /// When the events in the window become too few, if none comes.
    pub(super) fn emptied(&self, at_least: u32, window_ms: i64) -> Option<Moment> {
        let Trail::Events(events) = &self.trail else { return None };
        let nth = events.len().checked_sub(at_least as usize)?;
        events.get(nth).map(|event| event.after(window_ms))
    }

    /// Forgets events that are out of the window at `time`.
    pub(super) fn empty(&mut self, time: i64, window_ms: i64) {
        if let Trail::Events(events) = &mut self.trail {
            events.retain(|event| time.saturating_sub(event.time) < window_ms);
        }
    }

    /// Events in the window.
    pub(super) fn counted(&self) -> usize {
        match &self.trail {
            Trail::Events(events) => events.len(),
            _ => 0,
        }
    }

    pub(super) fn is_silent(&self) -> bool {
        self.trail == Trail::Silent
    }

    pub(super) fn speak(&mut self) {
        self.trail = Trail::None;
    }

    pub(super) fn fall_silent(&mut self) {
        self.trail = Trail::Silent;
    }
}
