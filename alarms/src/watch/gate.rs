//! The gate: from what holds now to what has held for long enough.
//!
//! A judgement says at a moment that the condition holds ([`Truth::On`]), is gone ([`Truth::Off`]), lies in the band
//! between ([`Truth::Between`]), or cannot be known ([`Truth::Unknown`]). The gate is on once the judgement has been `On`
//! continuously for the on-delay, and off again once it has been `Off` for the off-delay. `Between` stops a running timer
//! as it does for limits; `Unknown` (bad quality, a value that is missing) changes nothing and stops nothing.
//!
//! Delays run in measurement time from judgement to judgement and in receive time when nothing arrives; an edge is dated
//! `since + delay` either way. A gate is 1 flag and at most one running timer.

use greenhub_model::ReceivedTime;
use serde::{Deserialize, Serialize};

/// What a judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The condition holds.
    On,
    /// It is gone, deadband included.
    Off,
    /// Inside the deadband: stays what it was.
    Between,
    /// It cannot be judged now.
    Unknown,
}

impl Truth {
    /// On or off, without a band.
    pub fn of(holds: bool) -> Self {
        if holds { Truth::On } else { Truth::Off }
    }
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Measurement time, Unix ms.
    pub time: i64,
    /// Receive time, µs.
    pub received: i64,
}

impl Moment {
    /// The moment `ms` later on both clocks.
    pub fn after(self, ms: i64) -> Self {
        Self { time: self.time.saturating_add(ms), received: self.received.saturating_add(ms.saturating_mul(1000)) }
    }
}

/// How long a judgement must hold, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// Before it is on.
    pub on_ms: i64,
    /// Before it is off.
    pub off_ms: i64,
}

impl Delays {
    fn of(self, on: bool) -> i64 {
        if on { self.off_ms } else { self.on_ms }
    }
}

/// The condition came on or went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// On or off.
    pub active: bool,
    /// Measurement time at which the judgement began, Unix ms.
    pub since: i64,
    /// `since` plus the delay: when it became an alarm (or ended), Unix ms.
    pub at: i64,
    /// Newest value behind it, where there is one.
    pub value: Option<f64>,
}

/// Memory of a condition with delays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    on: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
}

/// A change that waits for its delay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    since: Moment,
    value: Option<f64>,
}

impl Gate {
    /// Whether the condition is on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Nothing is on and nothing is waiting.
    pub fn is_idle(&self) -> bool {
        !self.on && self.pending.is_none()
    }

    /// Drops a running timer, keeps what is on.
    pub fn settle(&mut self) {
        self.pending = None;
    }

    /// Takes in a judgement made at `now`.
    pub fn judge(&mut self, delays: Delays, now: Moment, truth: Truth, value: Option<f64>) -> Option<Edge> {
        let turning = match truth {
            Truth::Unknown => return None,
            Truth::Between => false,
            Truth::On => !self.on,
            Truth::Off => self.on,
        };
        if !turning {
            self.pending = None;
            return None;
        }
        let since = self.pending.map_or(now, |pending| pending.since);
        self.pending = Some(Pending { since, value });
        self.elapse(delays, now.time)
    }

    /// The edge of a timer that ran out by measurement time `time`, where it is known that nothing changed before.
    pub fn elapse(&mut self, delays: Delays, time: i64) -> Option<Edge> {
        let pending = self.pending?;
        (time.saturating_sub(pending.since.time) >= delays.of(self.on)).then(|| self.turn(delays, pending))
    }

    /// The edge of a timer that ran out by receive time `received`.
    pub fn advance(&mut self, delays: Delays, received: ReceivedTime) -> Option<Edge> {
        let pending = self.pending?;
        (received.0 >= pending.since.after(delays.of(self.on)).received).then(|| self.turn(delays, pending))
    }

    /// When [`Gate::advance`] has something to say, if nothing arrives before.
    pub fn deadline(&self, delays: Delays) -> Option<ReceivedTime> {
        self.pending.map(|pending| ReceivedTime(pending.since.after(delays.of(self.on)).received))
    }

    fn turn(&mut self, delays: Delays, pending: Pending) -> Edge {
        let since = pending.since.time;
        let at = since.saturating_add(delays.of(self.on));
        self.on = !self.on;
        self.pending = None;
        Edge { active: self.on, since, at, value: pending.value }
    }
}
