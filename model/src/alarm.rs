//! Alarms: identity, standing, priority, and the events of their life (ISA-18.2-2016 / IEC 62682 names).
//!
//! Types only; the one transition function lives in `alarms::standing`.

use crate::ids::{AlarmCode, AlarmId, Class, DeviceId};
use crate::record::Position;
use crate::units::Unit;
use serde::{Deserialize, Serialize};

/// Severity as a device or rule states it. Ordered: a greater one is worse.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Look at it when there is time.
    Warning,
    /// Small harm.
    Minor,
    /// Service or limits are hurt.
    Major,
    /// People, environment or plant in danger.
    Critical,
}

/// Priority for the operator: how soon to act. Ordered: `P1` is less than `P4`, and more urgent.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    /// At once.
    P1,
    /// Within minutes.
    P2,
    /// Within the shift.
    P3,
    /// Planned.
    P4,
}

/// What the operator sees (ISA-18.2 states by name, never by letter), derived from the independent memories.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Nothing to show; the occurrence is over.
    Normal,
    /// Active and not acknowledged.
    Unacknowledged,
    /// Active and acknowledged.
    Acknowledged,
    /// Condition gone, not yet acknowledged (RTN-unack).
    ReturnedUnacknowledged,
    /// Held until a reset, not acknowledged.
    LatchedUnacknowledged,
    /// Held until a reset, acknowledged.
    LatchedAcknowledged,
    /// Hidden by an operator for a time.
    Shelved,
    /// Hidden by reviewed logic.
    SuppressedByDesign,
    /// Hidden by maintenance with a permit.
    OutOfService,
}

/// One occurrence of an alarm as it stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Identity of the occurrence.
    pub id: AlarmId,
    /// Device that raised it.
    pub device: DeviceId,
    /// Its class.
    pub class: Class,
    /// Name of the device for people.
    pub device_name: String,
    /// Part of the device, where one is named.
    pub sub_component: Option<String>,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people, from the classification table (Chinese).
    pub title: String,
    /// What probably caused it, from the table.
    pub cause: String,
    /// What happens if nobody acts.
    pub consequence: String,
    /// What the operator should do.
    pub action: String,
    /// Text from the device or the rule.
    pub text: String,
    /// Highest severity seen in this occurrence.
    pub severity: Severity,
    /// How soon to act.
    pub priority: Priority,
    /// Why this priority: one line of arithmetic each.
    pub priority_reasons: Vec<Reason>,
    /// Why messages were merged into this occurrence, or why it was annunciated as it was; newest wording per code.
    #[serde(default)]
    pub explanation: Vec<Reason>,
    /// What the operator sees.
    pub state: AlarmState,
    /// Memory: the condition holds.
    pub active: bool,
    /// Memory: somebody has seen it.
    pub acknowledged: bool,
    /// Who acknowledged last, and when (receive time, Unix ms).
    pub acknowledged_by: Option<String>,
    /// When it was acknowledged, Unix ms.
    pub acknowledged_at: Option<i64>,
    /// Hidden by an operator until then, Unix ms.
    pub shelved_until: Option<i64>,
    /// First raise by event time, Unix ms.
    pub raised_at: i64,
    /// Latest raise or repeat by event time, Unix ms.
    pub last_seen_at: i64,
    /// Return to normal by event time, Unix ms.
    pub returned_at: Option<i64>,
    /// Raises and repeats merged into this occurrence.
    pub count: u64,
    /// Annunciations (entries to unacknowledged), the unit of every KPI.
    pub annunciations: u64,
    /// Value that tripped it, in `unit`.
    pub value: Option<f64>,
    /// Limit that was passed, in `unit`.
    pub limit: Option<f64>,
    /// UCUM unit of `value` and `limit`.
    pub unit: Unit,
    /// Place: fixed, or the unit's when it was raised; WGS-84 degrees.
    pub lon: Option<f64>,
    /// Latitude.
    pub lat: Option<f64>,
    /// Sub-district of the device.
    pub sub_district: String,
    /// Raised by data that came late.
    pub late: bool,
    /// The alarm that explains this one: its cause, or the earlier report of the same thing. Set by correlation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded_under: Option<AlarmId>,
    /// Alarms that stand folded under this one.
    #[serde(default)]
    pub folds: u32,
    /// First log position.
    pub first_position: Position,
    /// Latest log position.
    pub last_position: Position,
}

/// One reason in words, with the numbers it rests on, so that the page can say it in its own language.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code, for example `severity`, `merged_repeat`, `class_weight`.
    pub code: String,
    /// Sentence for people (Chinese).
    pub text: String,
    /// Points it adds to a score, where it is part of a sum.
    pub points: Option<i32>,
}

/// One event in the life of an alarm; never coalesced away.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// The occurrence.
    pub alarm: AlarmId,
    /// What happened.
    pub kind: AlarmEventKind,
    /// When, Unix ms: event time for device facts, receive time for human acts.
    pub at: i64,
    /// Log position of the record that caused it.
    pub position: Position,
    /// Who did it; the device or rule where nobody did.
    pub by: String,
    /// Comment, reason, or explanation for people.
    pub text: String,
    /// State after it.
    pub state: AlarmState,
    /// Value at that moment.
    pub value: Option<f64>,
    /// An operator was called by it (an annunciation that was not folded away): the unit of every KPI.
    #[serde(default)]
    pub called: bool,
    /// The messages it stands for, where it is more than one: repeats of one source that were told together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
}

/// Repeats told together. They are all messages of the alarm's device with its code and part in the log from `first` to
/// the event's own position: between them nothing else happened to the alarm.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// How many.
    pub count: u64,
    /// Log position of the first.
    pub first: Position,
    /// Event time of the first, Unix ms.
    pub from: i64,
}

/// What happened to an alarm.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEventKind {
    /// Condition came on: a new occurrence or a new annunciation of it.
    Raised,
    /// The same condition reported again, merged.
    Repeated,
    /// Severity rose: needs a new acknowledgement.
    Escalated,
    /// Condition went.
    Returned,
    /// Somebody has seen it.
    Acknowledged,
    /// Hidden for a time.
    Shelved,
    /// Shown again.
    Unshelved,
    /// A remark.
    Commented,
    /// Priority changed.
    Reprioritised,
    /// A latched alarm was released by a person.
    Reset,
    /// Hidden by a reviewed rule.
    Suppressed,
    /// That rule hides it no longer.
    Unsuppressed,
    /// Its device was taken out of service with a permit.
    RemovedFromService,
    /// Its device is in service again.
    ReturnedToService,
    /// Explained by another alarm and folded under it.
    Folded,
    /// Stands on its own again: its cause is over, or a person undid the merge.
    Unfolded,
    /// Other alarms were folded under it, or left it.
    Gathered,
}
