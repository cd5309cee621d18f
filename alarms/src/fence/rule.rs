//! What a fence is, as a person writes it.

use crate::rules::hours::Hours;
use greenhub_model::alarm::Severity;
use greenhub_model::{AlarmCode, Class, DeviceId, DeviceProfile};
use serde::{Deserialize, Serialize};

/// One area that units should be in, or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// Name of the rule, unique in the rule set.
    pub id: String,
    /// Name that people use.
    pub title: String,
    /// Corners `[lon, lat]`, WGS-84 degrees, in order around.
    pub polygon: Vec<[f64; 2]>,
    /// Classes it concerns; moving units where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Kinds it concerns; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Devices it concerns; all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
    /// What is an alarm.
    pub on: Trespass,
    /// Only at these hours; always where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Outside is further away than this, metres.
    #[serde(default = "hysteresis")]
    pub hysteresis_m: f64,
    /// Fixes less precise than this are not judged, metres.
    #[serde(default = "accuracy")]
    pub accuracy_max_m: f64,
    /// Must hold this long before it is on, milliseconds.
    #[serde(default)]
    pub on_delay_ms: i64,
    /// Must be gone this long before it is off, milliseconds.
    #[serde(default)]
    pub off_delay_ms: i64,
    /// The alarm type it raises.
    pub code: AlarmCode,
    /// Severity it raises with; the alarm type's where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

fn hysteresis() -> f64 {
    30.0
}

fn accuracy() -> f64 {
    100.0
}

/// What is an alarm at a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trespass {
    /// To be inside.
    Enter,
    /// To be outside after having been inside.
    Leave,
    /// To be inside for longer than so many milliseconds.
    Dwell(i64),
}

impl Fence {
    /// The `by` of the conditions it states.
    pub fn source(&self) -> String {
        source_of(&self.id)
    }

    /// Whether it may concern a class.
    pub fn is_for_class(&self, class: Class) -> bool {
        if self.classes.is_empty() { class.is_unit() } else { self.classes.contains(&class) }
    }

    /// Whether it concerns a unit.
    pub fn concerns(&self, profile: &DeviceProfile) -> bool {
        self.is_for_class(profile.class)
            && (self.kinds.is_empty() || self.kinds.contains(&profile.kind))
            && (self.devices.is_empty() || self.devices.contains(&profile.device))
    }
}

/// The `by` of the conditions of a fence.
pub fn source_of(id: &str) -> String {
    format!("fence:{id}")
}
