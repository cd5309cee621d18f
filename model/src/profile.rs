//! What the district knows of a device: its place, points, limits, datum. Deciding configuration, hence in the log.

use crate::geodesy::{Datum, LonLat};
use crate::ids::{Class, DeviceId, PointName};
use crate::units::Unit;
use serde::{Deserialize, Serialize};

/// A registered device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// Its id.
    pub device: DeviceId,
    /// Its class.
    pub class: Class,
    /// Name that people use.
    #[serde(default)]
    pub name: String,
    /// Fixed place, WGS-84; units have none.
    #[serde(default)]
    pub place: Option<LonLat>,
    /// Datum of the positions it sends.
    #[serde(default)]
    pub datum: Datum,
    /// Sub-district (街道) it stands in.
    #[serde(default)]
    pub sub_district: String,
    /// What it hangs on: circuit of a lamp, line of a plant device.
    #[serde(default)]
    pub parent: Option<DeviceId>,
    /// Model or kind within its class, for example `furnace`, `circuit`, `fixture`.
    #[serde(default)]
    pub kind: String,
    /// Its measured points.
    #[serde(default)]
    pub points: Vec<PointProfile>,
}

/// A measured point: unit, normal band, limits. Limits become threshold rules of the alarm core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointProfile {
    /// Its name in readings.
    pub name: PointName,
    /// Name that people use.
    #[serde(default)]
    pub label: String,
    /// UCUM code.
    #[serde(default)]
    pub unit: Unit,
    /// Normal band for display: low and high.
    #[serde(default)]
    pub normal: Option<(f64, f64)>,
    /// Limits that raise alarms, overriding those of the rule set for this device.
    #[serde(default)]
    pub limits: Vec<LimitProfile>,
}

/// One limit of a point (IEC 62682): which side, where, how stubborn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitProfile {
    /// Alarm type it raises.
    pub code: crate::ids::AlarmCode,
    /// Side of the limit.
    pub side: LimitSide,
    /// The limit, in the point's unit. On when strictly beyond it.
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
    pub severity: crate::alarm::Severity,
}

/// Side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitSide {
    /// On above the limit.
    High,
    /// On below the limit.
    Low,
}
