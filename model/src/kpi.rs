//! How well the alarms of a desk serve its operators: the events a report is made of, and the report (ISA-18.2-2016,
//! table 7). Types only; the counting is `alarms::kpi`.
//!
//! All times are the hub's clock, Unix ms: when an operator could know of it, not when a device says it happened. The
//! unit of every count is the *call*: an annunciation that was neither merged, folded, suppressed, shelved nor out of
//! service.

use crate::alarm::{AlarmEventKind, AlarmState, Priority};
use crate::ids::{AlarmCode, AlarmId, Class, DeviceId};
use crate::order::Order;
use serde::{Deserialize, Serialize};

/// One event in the life of an alarm, with what a count or a notice needs of the alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmFact {
    /// Batch it came from.
    pub batch: u64,
    /// Its place in the batch; with `batch` the order of all facts.
    pub item: u64,
    /// Receive time of the batch, Unix ms; never less than that of an earlier fact.
    pub at: i64,
    /// The occurrence.
    pub alarm: AlarmId,
    /// Device that raised it.
    pub device: DeviceId,
    /// Name of the device for people.
    pub device_name: String,
    /// Class of the device.
    pub class: Class,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// Sub-district of the device.
    pub sub_district: String,
    /// Priority at that moment.
    pub priority: Priority,
    /// What happened.
    pub kind: AlarmEventKind,
    /// State after it.
    pub state: AlarmState,
    /// An operator was called.
    pub called: bool,
}

/// Which alarms are an operator desk's own.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskFilter {
    /// Id of the desk.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Classes of device; none means all.
    pub classes: Vec<Class>,
    /// Sub-districts; none means all.
    pub sub_districts: Vec<String>,
}

impl DeskFilter {
    /// All alarms of the hub.
    pub fn everything() -> Self {
        Self { id: "all".into(), title: "全部告警".into(), classes: vec![], sub_districts: vec![] }
    }

    /// Whether an alarm of this class in this sub-district is the desk's own.
    pub fn takes(&self, class: Class, sub_district: &str) -> bool {
        (self.classes.is_empty() || self.classes.contains(&class))
            && (self.sub_districts.is_empty() || self.sub_districts.iter().any(|own| own == sub_district))
    }
}

/// A desk by id and name.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskName {
    /// Id of the desk.
    pub id: String,
    /// Name for people.
    pub title: String,
}

/// How a figure stands to its target.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the target.
    Good,
    /// Beyond the target, within what people can still manage.
    Manageable,
    /// Beyond what people can manage.
    Excess,
    /// There is no figure.
    Unknown,
}

/// One row of the table: a figure, its target and the verdict.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KpiRow {
    /// Stable id.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// Unit for people; `%` means the value is a share of 0 to 1.
    pub unit: String,
    /// The figure; none where it is not known.
    pub value: Option<f64>,
    /// Target, as a number to compare with.
    pub target: f64,
    /// Most that people can manage, where the standard names it.
    pub limit: Option<f64>,
    /// How it stands.
    pub verdict: Verdict,
    /// A sentence where the figure needs one.
    pub text: String,
}

/// The fullest ten minutes.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Begin of the ten minutes, Unix ms.
    pub at: i64,
    /// Calls in them.
    pub count: u64,
}

/// Ten-minute bins of the clock.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bins {
    /// Bins that the period touches.
    pub total: u64,
    /// Those with more than ten calls.
    pub over: u64,
}

/// Time in flood.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FloodTime {
    /// Milliseconds of the period.
    pub ms: i64,
    /// Share of the period.
    pub share: f64,
    /// The floods; of very many the first 500.
    pub spans: Vec<FloodSpan>,
}

/// One flood.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodSpan {
    /// Begin within the period, Unix ms.
    pub from: i64,
    /// End; none where the period ended first.
    pub to: Option<i64>,
    /// Calls from begin to end.
    pub called: u64,
}

/// An alarm of one device, counted.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frequent {
    /// Device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// How often.
    pub count: u64,
    /// Share of all calls.
    pub share: f64,
    /// Bursts of chattering, in the list of chattering alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursts: Option<u64>,
    /// Newest occurrence.
    pub alarm: AlarmId,
}

/// An alarm that stands at the end of the period.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The occurrence.
    pub alarm: AlarmId,
    /// Device.
    pub device: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Alarm type.
    pub code: AlarmCode,
    /// Title for people.
    pub title: String,
    /// Priority.
    pub priority: Priority,
    /// Sub-district of the device.
    pub sub_district: String,
    /// State.
    pub state: AlarmState,
    /// Folded under another alarm.
    pub folded: bool,
    /// Raised, Unix ms.
    pub since: i64,
    /// Newest call, Unix ms; none where it never called.
    pub called_at: Option<i64>,
    /// Somebody has seen it.
    pub acknowledged: bool,
}

/// Calls of one priority.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorityShare {
    /// Priority.
    pub priority: Priority,
    /// Calls.
    pub count: u64,
    /// Share of all calls.
    pub share: f64,
    /// Share that the convention for four levels asks for: at most for P1 to P3, at least for P4.
    pub target: f64,
    /// How it stands.
    pub verdict: Verdict,
}

/// How long something took.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// Of this priority; none: of all.
    pub priority: Option<Priority>,
    /// How often it was measured.
    pub count: u64,
    /// Half of them took at most this long, milliseconds.
    pub median_ms: Option<i64>,
    /// Nine of ten took at most this long, milliseconds.
    pub p90_ms: Option<i64>,
}

/// One hour or day.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// Begin, Unix ms.
    pub at: i64,
    /// Calls.
    pub called: u64,
    /// Calls of P1, P2, P3, P4.
    pub by_priority: [u64; 4],
    /// Calls in its fullest ten minutes.
    pub peak: u64,
}

/// Width of the points of a trend.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendWidth {
    /// By the hour.
    Hour,
    /// By the day.
    Day,
}

/// The report on one desk and period.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KpiReport {
    /// The desk.
    pub desk: DeskName,
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included.
    pub to: i64,
    /// Offset that cuts days, minutes east of UTC.
    pub utc_offset_min: i32,
    /// Everything in the period was counted; else there was more than one report reads.
    pub complete: bool,
    /// Calls.
    pub called: u64,
    /// The table of ISA-18.2.
    pub table: Vec<KpiRow>,
    /// The fullest ten minutes; none where nobody was called.
    pub peak: Option<Peak>,
    /// Ten-minute bins.
    pub bins: Bins,
    /// Floods.
    pub flood: FloodTime,
    /// The ten most frequent alarms.
    pub top: Vec<Frequent>,
    /// Alarms that chattered, most frequent first, at most 100.
    pub chattering: Vec<Frequent>,
    /// Alarms that came and went within seconds, most frequent first, at most 100.
    pub fleeting: Vec<Frequent>,
    /// Alarms active for more than a day at the end of the period, oldest first, at most 500.
    pub stale: Vec<Standing>,
    /// Calls by priority.
    pub priorities: Vec<PriorityShare>,
    /// From call to acknowledgement.
    pub acknowledge: Vec<Took>,
    /// From call to return.
    pub r#return: Vec<Took>,
    /// Calls over time.
    pub trend: Vec<TrendPoint>,
}

/// What a shift leaves to the next one.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// The shift in numbers; its `top` and `flood` belong to the hand-over as well.
    pub kpi: KpiReport,
    /// What stands, by priority.
    pub standing: Vec<PriorityCount>,
    /// Nobody has seen these yet, most urgent first.
    pub unacknowledged: Vec<Standing>,
    /// Everything else that stands and is shown.
    pub open: Vec<Standing>,
    /// Hidden by an operator.
    pub shelved: Vec<Hidden>,
    /// Hidden with a permit.
    pub out_of_service: Vec<Hidden>,
    /// Hidden by reviewed rules, or folded under its cause.
    pub suppressed: Vec<Standing>,
    /// What was said in the shift, oldest first.
    pub comments: Vec<Remark>,
    /// Orders opened in the shift, newest first.
    pub orders: Vec<Order>,
    /// A list was longer than its bound.
    pub truncated: bool,
}

/// Standing alarms of one priority.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityCount {
    /// Priority.
    pub priority: Priority,
    /// How many.
    pub count: u64,
}

/// A hidden alarm and who hid it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// The alarm.
    pub standing: Standing,
    /// Who hid it last; empty where the record is gone.
    pub by: String,
    /// When, Unix ms.
    pub at: i64,
    /// Why.
    pub reason: String,
    /// Until when, where it ends by itself and has not been extended since, Unix ms.
    pub until: Option<i64>,
}

/// A remark on an alarm.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The occurrence.
    pub alarm: AlarmId,
    /// Title of the alarm.
    pub title: String,
    /// When, Unix ms.
    pub at: i64,
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}
