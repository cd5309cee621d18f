//! The rule set: everything the alarm core decides by, in one value that a person can read, edit and compare.
//!
//! ```text
//! version, time, classes     when a message is late, when a device is silent
//! points                     what may be measured: label, unit, physical range
//! types, defaults            alarm types by class and code: words for the operator, severity, consequence, behaviour
//! limits                     which reading raises which type
//! priority, merge            the arithmetic of P1–P4; windows and bounds of merging
//! ```
//!
//! It is loaded from TOML or JSON; an unknown key is an error, and [`RuleSet::validate`] answers each contradiction with
//! a sentence that says where it is and what to do. A new version travels through the log as configuration, so a replay
//! sees the rules of its time. [`RuleSet::builtin`] is the first version, in Chinese, for a district like ours.
//!
//! Ordered maps only: what iterates here reaches outputs. Nothing here knows a clock; all durations are milliseconds.

pub mod builtin;
pub mod hours;
mod validate;

use crate::correlate::CorrelateRules;
use crate::fence::Fence;
use crate::threshold::LimitRule;
use crate::watch::WatchRule;
use greenhub_model::alarm::{Priority, Severity};
use greenhub_model::profile::DeviceProfile;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceId, PointName, Role, TimeRules};
use hours::{Hours, TimeOfDay};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub use validate::RuleProblem;

#[cfg(test)]
mod tests;

/// All rules of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Version, counted from 1; each change takes the next number.
    pub version: u64,
    /// Bounds for device time.
    pub time: TimeRules,
    /// Presence per class.
    pub classes: BTreeMap<Class, ClassRules>,
    /// Windows and bounds of merging and standing.
    pub merge: MergeRules,
    /// Arithmetic of the priority.
    pub priority: PriorityRules,
    /// What may be measured, per class.
    pub points: BTreeMap<Class, BTreeMap<PointName, PointRule>>,
    /// Alarm types per class and code.
    pub types: BTreeMap<Class, BTreeMap<AlarmCode, AlarmType>>,
    /// The type of a code that the table does not know, per class.
    pub defaults: BTreeMap<Class, AlarmType>,
    /// Limits on readings.
    pub limits: Vec<LimitRule>,
    /// Conditions on readings that one limit cannot say.
    #[serde(default)]
    pub watches: Vec<WatchRule>,
    /// Areas that units should be in, or not.
    #[serde(default)]
    pub fences: Vec<Fence>,
    /// Where local clocks stand, minutes east of UTC: hours of fences and of priorities mean this.
    #[serde(default = "hours::china")]
    pub utc_offset_min: i32,
    /// When data of bad quality is an alarm of its own.
    #[serde(default)]
    pub quality: QualityRules,
    /// Suppression by design: which alarm says that others of the same device mean nothing now.
    #[serde(default)]
    pub suppressions: Vec<SuppressionRule>,
    /// Longest shelf per role, milliseconds; `merge.shelve_max_ms` where a role is missing.
    #[serde(default)]
    pub shelve_max_by_role: BTreeMap<Role, i64>,
    /// What explains what, which reports are one thing, and the operator desks.
    #[serde(default)]
    pub correlate: CorrelateRules,
}

/// When data of bad quality is an alarm of its own (`DATA_QUALITY_BAD`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityRules {
    /// A point must be bad this long, milliseconds.
    pub on_delay_ms: i64,
    /// And usable again this long, milliseconds.
    pub off_delay_ms: i64,
}

impl Default for QualityRules {
    fn default() -> Self {
        Self { on_delay_ms: 60_000, off_delay_ms: 60_000 }
    }
}

/// Alarms that mean nothing while a known state of the device holds (ISA-18.2, suppressed by design).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuppressionRule {
    /// Name of the rule, shown to people and kept in the alarm.
    pub id: String,
    /// Class of the device.
    pub class: Class,
    /// The alarm type that states it, for example that a line was stopped on purpose.
    pub while_active: AlarmCode,
    /// The alarm types hidden meanwhile.
    pub hides: Vec<AlarmCode>,
}

/// When a device of a class is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRules {
    /// Not heard for longer than this: silent. Milliseconds.
    pub silent_after_ms: i64,
    /// Not heard for longer than this: offline. Milliseconds.
    pub offline_after_ms: i64,
}

/// A quantity that devices of a class measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointRule {
    /// Name that people use.
    pub label: String,
    /// UCUM code.
    pub unit: Unit,
    /// Least value that makes sense, in `unit`.
    pub min: f64,
    /// Greatest value that makes sense, in `unit`.
    pub max: f64,
}

/// An alarm type: what it means, what to do, how it behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmType {
    /// Title for people.
    pub title: String,
    /// Probable cause.
    pub cause: String,
    /// What happens if nobody acts.
    pub consequence: String,
    /// What the operator should do.
    pub action: String,
    /// Severity where the source states none.
    pub severity: Severity,
    /// How bad it gets, per kind of harm.
    pub weights: Consequence,
    /// Minutes the operator has before the consequence.
    pub respond_within_min: u32,
    /// Never less urgent than this, whatever the arithmetic says.
    #[serde(default)]
    pub at_least: Option<Priority>,
    /// Whether a person must acknowledge it.
    #[serde(default = "yes")]
    pub ack_required: bool,
    /// Held after the condition is gone until a person resets it.
    #[serde(default)]
    pub latching: bool,
    /// Safety or permit depends on it: hiding it takes a second person (ISA-18.2, highly managed).
    #[serde(default)]
    pub highly_managed: bool,
    /// Still active this long after the acknowledgement: annunciated again. Milliseconds.
    #[serde(default)]
    pub re_alarm_ms: Option<i64>,
}

fn yes() -> bool {
    true
}

/// Consequence per kind of harm: 0 none, 1 slight, 2 serious, 3 grave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consequence {
    /// People.
    #[serde(default)]
    pub safety: u8,
    /// Air, water, neighbours, permits.
    #[serde(default)]
    pub environment: u8,
    /// What the district offers its people.
    #[serde(default)]
    pub service: u8,
    /// Plant and money.
    #[serde(default)]
    pub asset: u8,
}

/// The sum behind P1–P4: severity + consequence + time to respond + place + time of day + waiting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorityRules {
    /// Points of each severity.
    pub severity: BTreeMap<Severity, i32>,
    /// Points per level of harm to people.
    pub safety: i32,
    /// Points per level of harm to the environment.
    pub environment: i32,
    /// Points per level of harm to service.
    pub service: i32,
    /// Points per level of harm to plant and money.
    pub asset: i32,
    /// Points for little time to respond, the first row that fits; ordered by minutes.
    pub response: Vec<ResponsePoints>,
    /// Points for places; every row that fits counts.
    #[serde(default)]
    pub places: Vec<PlaceWeight>,
    /// Points for places where people are at certain hours; every row that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PeopleWeight>,
    /// Devices that stand in for each other, and what their loss adds. A device is in one group at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redundancy: Vec<RedundancyGroup>,
    /// Points for the time of day; every row that fits counts.
    #[serde(default)]
    pub hours: Vec<HoursWeight>,
    /// Points for standing unacknowledged, the last row reached; ordered by time.
    #[serde(default)]
    pub standing: Vec<StandingPoints>,
    /// From this sum on P1.
    pub p1_from: i32,
    /// From this sum on P2.
    pub p2_from: i32,
    /// From this sum on P3; below P4.
    pub p3_from: i32,
}

/// One row of the response table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsePoints {
    /// For types whose time to respond is at most this many minutes.
    pub within_min: u32,
    /// Points.
    pub points: i32,
}

/// A place that weighs: a sub-district by its name, or an area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceWeight {
    /// Name that people use, for example a school or a hospital.
    pub title: String,
    /// Sub-district it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_district: Option<String>,
    /// Corners `[lon, lat]` around it, WGS-84 degrees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polygon: Vec<[f64; 2]>,
    /// Points; may be negative.
    pub points: i32,
}

/// A place where people are at certain hours, local time (`utc_offset_min`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleWeight {
    /// Name that people use, for example a school gate.
    pub title: String,
    /// Sub-district it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_district: Option<String>,
    /// Corners `[lon, lat]` around it, WGS-84 degrees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polygon: Vec<[f64; 2]>,
    /// Begins.
    pub from: TimeOfDay,
    /// Ends; the same as `from` means all day.
    pub to: TimeOfDay,
    /// Days of the week, 1 for Monday to 7 for Sunday; all where empty. Hours over midnight belong to each day they touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<u8>,
    /// Points; may be negative.
    pub points: i32,
}

impl PeopleWeight {
    /// Whether people are there at the Unix time `ms`.
    pub fn hold(&self, ms: i64, offset_min: i32) -> bool {
        let day = self.days.is_empty() || self.days.contains(&hours::weekday(ms, offset_min));
        day && (self.from == self.to || self.hours().contain(ms, offset_min))
    }

    /// The first moment after `ms` at which that may change.
    pub fn next_change(&self, ms: i64, offset_min: i32) -> i64 {
        let midnight = TimeOfDay::default();
        let next = self.hours().next_change(ms, offset_min);
        next.min(Hours { from: midnight, to: midnight }.next_change(ms, offset_min))
    }

    /// Days and hours in words.
    pub fn when(&self) -> String {
        const NAMES: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
        let names = self.days.iter().filter_map(|day| NAMES.get(usize::from(*day).wrapping_sub(1)).copied());
        let days = if self.days.is_empty() { "每天".to_owned() } else { names.collect::<Vec<_>>().join("、") };
        match self.from == self.to {
            true => days,
            false => format!("{days} {} 至 {}", self.from, self.to),
        }
    }

    fn hours(&self) -> Hours {
        Hours { from: self.from, to: self.to }
    }
}

/// Devices that stand in for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedundancyGroup {
    /// Name that people use, for example the two draught fans of a line.
    pub title: String,
    /// The devices.
    pub members: BTreeSet<DeviceId>,
    /// Alarm types that mean that a member is lost; a member out of service is lost too.
    pub codes: Vec<AlarmCode>,
    /// Points for alarms of these types, the last row reached; ordered by number.
    pub points: Vec<LostPoints>,
}

/// One row of the table of lost members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostPoints {
    /// At least this many members are lost.
    pub lost: usize,
    /// Points, instead of those of the row before.
    pub points: i32,
}

/// Hours that weigh, local time (`utc_offset_min`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursWeight {
    /// Name that people use.
    pub title: String,
    /// Begins.
    pub from: TimeOfDay,
    /// Ends.
    pub to: TimeOfDay,
    /// Classes it concerns; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Points; may be negative.
    pub points: i32,
}

impl HoursWeight {
    /// From and to.
    pub fn hours(&self) -> Hours {
        Hours { from: self.from, to: self.to }
    }
}

/// One row of the table of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingPoints {
    /// Active and unacknowledged for at least this long, milliseconds.
    pub after_ms: i64,
    /// Points, instead of those of the row before.
    pub points: i32,
}

/// Windows and bounds of merging and standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeRules {
    /// A condition that comes back within this time after its return re-uses the occurrence and its order. Milliseconds.
    pub reopen_window_ms: i64,
    /// An occurrence that is over is remembered this long (for its successor's link, remarks, repeated requests).
    pub remember_ms: i64,
    /// Raises of one alarm within `chatter_window_ms` that make it chattering.
    pub chatter_raises: u32,
    /// Window of the chatter count, milliseconds, ends included.
    pub chatter_window_ms: i64,
    /// Most alarm keys remembered of one device; further ones are folded into one alarm that says so.
    pub keys_per_device_max: usize,
    /// Longest time an operator may shelve, milliseconds.
    pub shelve_max_ms: i64,
}

impl RuleSet {
    /// The first rule set of the hub. It is valid (a test says so).
    pub fn builtin() -> Self {
        builtin::rules()
    }

    /// Checks the whole set; every problem is listed, not only the first.
    pub fn validate(&self) -> Result<(), Vec<RuleProblem>> {
        let problems = validate::problems(self);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The limits that watch `point` of a device: its own where its profile gives any, else those of the rule set for its
    /// class and kind. Call it once per device and point and keep the result until rules or profile change.
    pub fn limits_of(&self, profile: &DeviceProfile, point: &PointName) -> Vec<LimitRule> {
        let own = profile.points.iter().find(|p| &p.name == point);
        if let Some(own) = own.filter(|p| !p.limits.is_empty()) {
            return own.limits.iter().map(|limit| LimitRule::of_profile(profile, own, limit)).collect();
        }
        let fits = |rule: &&LimitRule| {
            rule.class == profile.class
                && &rule.point == point
                && rule.kind.as_ref().is_none_or(|kind| *kind == profile.kind)
        };
        self.limits.iter().filter(fits).cloned().collect()
    }

    /// What is known of a point of a class.
    pub fn point(&self, class: Class, point: &str) -> Option<&PointRule> {
        self.points.get(&class)?.get(point)
    }
}
