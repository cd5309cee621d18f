//! Limits: when a reading is beyond what it should be, for how long, and when it is back.
//!
//! **Watches** one point of one device against one limit. **Raises** when the value is strictly beyond the limit,
//! continuously for the on-delay; any dip back to the limit restarts the timer. **Clears** when the value is back beyond
//! the limit by at least the deadband, continuously for the off-delay. Inside the band nothing changes.
//!
//! **Time**: delays are measured in measurement time from sample to sample, and in receive time when nothing arrives
//! ([`advance`]); an edge is dated `since + delay` either way, so it does not matter which of the two confirms it.
//! **Late data**: a sample older than the newest one judged, or marked late, changes nothing (`Unjudged::Late`): history
//! never raises a live alarm. **Bad quality** neither raises nor clears (`Unjudged::BadQuality`), and does not stop a
//! running timer; a value that is no number is the same.
//!
//! **Remembers** 1 flag, the newest time and at most one running timer; forget it together with the device.
//! **Costs** about 10 ns per reading and rule; no allocation.
//!
//! ```
//! use greenhub_alarms::threshold::*;
//! use greenhub_model::{Quality, ReceivedTime, DeviceTime};
//! let rule: LimitRule = serde_json::from_str(r#"{"class":"plant","point":"temperature","code":"T_HIGH","side":"high",
//!     "limit":90,"deadband":2,"on_delay_ms":30000,"severity":"major"}"#).unwrap();
//! let mut memory = LimitMemory::default();
//! let at = |s: i64| (DeviceTime(s * 1000), ReceivedTime::from_millis(s * 1000));
//! let (time, received) = at(0);
//! assert_eq!(judge(&rule, &mut memory, Sample { time, received, value: 91.0, quality: Quality::Good, late: false }), Verdict::Unchanged);
//! let raised = advance(&rule, &mut memory, at(30).1).expect("the on-delay is over");
//! assert!(raised.active && raised.since == 0 && raised.at == 30_000);
//! ```

use greenhub_model::alarm::Severity;
use greenhub_model::profile::{DeviceProfile, LimitProfile, LimitSide, PointProfile};
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceTime, PointName, Quality, ReceivedTime};
use serde::{Deserialize, Serialize};

/// One limit on one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// Devices of this class.
    pub class: Class,
    /// Only devices of this kind; all where missing.
    #[serde(default)]
    pub kind: Option<String>,
    /// The point it watches.
    pub point: PointName,
    /// The alarm type it raises.
    pub code: AlarmCode,
    /// Side of the limit.
    pub side: LimitSide,
    /// The limit, in the point's unit; on when strictly beyond it.
    pub limit: f64,
    /// Off when back by this much, in the point's unit.
    #[serde(default)]
    pub deadband: f64,
    /// Must hold this long before it is on, milliseconds.
    #[serde(default)]
    pub on_delay_ms: i64,
    /// Must be gone this long before it is off, milliseconds.
    #[serde(default)]
    pub off_delay_ms: i64,
    /// Severity it raises with.
    pub severity: Severity,
    /// UCUM unit of `limit` and `deadband`; must be the point's where stated.
    #[serde(default)]
    pub unit: Option<Unit>,
}

/// What is remembered per device, point and rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitMemory {
    /// The alarm is on.
    on: bool,
    /// Newest measurement time judged, Unix ms.
    newest: Option<i64>,
    /// A change that must still hold for its delay.
    pending: Option<Pending>,
}

/// A change that waits for its delay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    /// Measurement time of the first sample beyond (or back), Unix ms.
    since: i64,
    /// Receive time of that sample, µs.
    since_received: i64,
    /// Newest value of the excursion.
    value: f64,
}

/// One sample to be judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Measurement time.
    pub time: DeviceTime,
    /// Receive time of its batch.
    pub received: ReceivedTime,
    /// Value in the point's unit.
    pub value: f64,
    /// How far to trust it.
    pub quality: Quality,
    /// The time rules call it late, or it is marked as historical.
    pub late: bool,
}

/// The alarm condition came on or went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// On or off.
    pub active: bool,
    /// Measurement time at which the excursion (or the return) began, Unix ms.
    pub since: i64,
    /// `since` plus the delay: when it became an alarm (or ended), Unix ms.
    pub at: i64,
    /// Newest value.
    pub value: f64,
}

/// What came of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Judged; nothing changed.
    Unchanged,
    /// Judged; the condition came on or went.
    Edge(Edge),
    /// Not judged, and why.
    Unjudged(Unjudged),
}

impl Verdict {
    /// The edge, where there is one.
    pub fn edge(self) -> Option<Edge> {
        match self {
            Verdict::Edge(edge) => Some(edge),
            Verdict::Unchanged | Verdict::Unjudged(_) => None,
        }
    }
}

/// Why a sample was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unjudged {
    /// Its quality is bad.
    BadQuality,
    /// It is no number.
    NotFinite,
    /// It is older than what has been judged, or marked late.
    Late,
}

impl LimitRule {
    /// The limit that a device's own profile states.
    pub fn of_profile(device: &DeviceProfile, point: &PointProfile, limit: &LimitProfile) -> Self {
        Self {
            class: device.class,
            kind: None,
            point: point.name.clone(),
            code: limit.code.clone(),
            side: limit.side,
            limit: limit.limit,
            deadband: limit.deadband,
            on_delay_ms: limit.on_delay_ms,
            off_delay_ms: limit.off_delay_ms,
            severity: limit.severity,
            unit: Some(point.unit.clone()),
        }
    }

    /// Name of the rule within a device, `point.code.side.severity`: the `by` of the conditions it states, stable over
    /// a change of the limit.
    pub fn id(&self) -> String {
        let side = match self.side {
            LimitSide::High => "high",
            LimitSide::Low => "low",
        };
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Minor => "minor",
            Severity::Major => "major",
            Severity::Critical => "critical",
        };
        format!("limit:{}.{}.{side}.{severity}", self.point, self.code)
    }

    /// The sentence an edge puts into the alarm, in Chinese: which value stands against which limit since when.
    pub fn describe(&self, label: &str, unit: &Unit, edge: &Edge) -> String {
        let unit = unit.label();
        let gap = if unit.is_empty() { "" } else { " " };
        let label = if label.is_empty() { self.point.as_str() } else { label };
        let held = match (edge.at - edge.since) / 1000 {
            0 => String::new(),
            seconds => format!("，已持续 {seconds} 秒"),
        };
        let word = match (edge.active, self.side) {
            (true, LimitSide::High) => "高于限值",
            (true, LimitSide::Low) => "低于限值",
            (false, _) => "已恢复，限值",
        };
        format!("{label} {}{gap}{unit}，{word} {}{gap}{unit}{held}", edge.value, self.limit)
    }

    fn beyond(&self, value: f64) -> bool {
        match self.side {
            LimitSide::High => value > self.limit,
            LimitSide::Low => value < self.limit,
        }
    }

    fn back(&self, value: f64) -> bool {
        match self.side {
            LimitSide::High => value <= self.limit - self.deadband,
            LimitSide::Low => value >= self.limit + self.deadband,
        }
    }

    fn delay_ms(&self, on: bool) -> i64 {
        if on { self.off_delay_ms } else { self.on_delay_ms }
    }
}

impl LimitMemory {
    /// Whether the condition is on.
    pub fn is_on(&self) -> bool {
        self.on
    }
}

/// Judges one sample. Call [`advance`] with the receive time first, so that a timer that ran out before this sample
/// arrived is not undone by it.
pub fn judge(rule: &LimitRule, memory: &mut LimitMemory, sample: Sample) -> Verdict {
    if sample.quality == Quality::Bad {
        return Verdict::Unjudged(Unjudged::BadQuality);
    }
    if !sample.value.is_finite() {
        return Verdict::Unjudged(Unjudged::NotFinite);
    }
    let time = sample.time.0;
    if sample.late || memory.newest.is_some_and(|newest| time < newest) {
        return Verdict::Unjudged(Unjudged::Late);
    }
    memory.newest = Some(time);
    let turning = if memory.on { rule.back(sample.value) } else { rule.beyond(sample.value) };
    if !turning {
        memory.pending = None;
        return Verdict::Unchanged;
    }
    let first = Pending { since: time, since_received: sample.received.0, value: sample.value };
    let pending = Pending { value: sample.value, ..memory.pending.unwrap_or(first) };
    memory.pending = Some(pending);
    if time.saturating_sub(pending.since) >= rule.delay_ms(memory.on) {
        return Verdict::Edge(turn(rule, memory, pending));
    }
    Verdict::Unchanged
}

/// Lets time pass: the edge of a timer that has run out by `received`.
pub fn advance(rule: &LimitRule, memory: &mut LimitMemory, received: ReceivedTime) -> Option<Edge> {
    let pending = memory.pending?;
    (received >= due(rule, memory.on, &pending)).then(|| turn(rule, memory, pending))
}

/// When [`advance`] has something to say, if nothing arrives before.
pub fn deadline(rule: &LimitRule, memory: &LimitMemory) -> Option<ReceivedTime> {
    memory.pending.map(|pending| due(rule, memory.on, &pending))
}

fn due(rule: &LimitRule, on: bool, pending: &Pending) -> ReceivedTime {
    ReceivedTime(pending.since_received.saturating_add(rule.delay_ms(on).saturating_mul(1000)))
}

fn turn(rule: &LimitRule, memory: &mut LimitMemory, pending: Pending) -> Edge {
    let at = pending.since.saturating_add(rule.delay_ms(memory.on));
    memory.on = !memory.on;
    memory.pending = None;
    Edge { active: memory.on, since: pending.since, at, value: pending.value }
}
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
