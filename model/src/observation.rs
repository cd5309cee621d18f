//! What a decoded message says, before any rule has judged it.

use crate::alarm::Severity;
use crate::ids::{AlarmCode, PointName};
use crate::time::{DeviceTime, TimeQuality};
use serde::{Deserialize, Serialize};

/// How far to trust a reading (OPC UA Part 8 status severity).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Use it.
    #[default]
    Good,
    /// Use it with care.
    Uncertain,
    /// Do not use it: neither raises nor clears an alarm.
    Bad,
}

/// One decoded element of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// When it was measured (device clock, or the receive time where it sent none).
    pub time: DeviceTime,
    /// How far that time can be trusted.
    pub time_quality: TimeQuality,
    /// What was observed.
    pub what: Observation,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Observation {
    /// Where a unit is.
    Position(PositionReport),
    /// Measured values.
    Reading(ReadingReport),
    /// The device's own alarm.
    Alarm(AlarmReport),
    /// The device's state.
    Status(StatusReport),
}

/// A position in WGS-84, already converted where the profile says GCJ-02.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PositionReport {
    /// Longitude, degrees east.
    pub lon: f64,
    /// Latitude, degrees north.
    pub lat: f64,
    /// Speed over ground, km/h.
    pub speed_kmh: Option<f32>,
    /// Course over ground, degrees clockwise from north, 0 to 360.
    pub heading_deg: Option<f32>,
    /// Radius of 68 % confidence, metres.
    pub accuracy_m: Option<f32>,
    /// Battery charge, per cent.
    pub battery_pct: Option<f32>,
    /// The person asks for help. `None` where the message does not say.
    pub sos: Option<bool>,
}

/// Values of one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingReport {
    /// Point and value, ordered by point name. Units come from the device's profile.
    pub values: Vec<(PointName, f64)>,
    /// One quality for all of them.
    pub quality: Quality,
}

/// An alarm as the device itself reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmReport {
    /// Alarm type.
    pub code: AlarmCode,
    /// Condition on or off.
    pub active: bool,
    /// Severity by the device; the classification table decides where it is missing.
    pub severity: Option<Severity>,
    /// Free text.
    pub text: Option<String>,
    /// The value that tripped it.
    pub value: Option<f64>,
    /// Part of the device (connector, phase, lamp), where it names one.
    pub sub_component: Option<String>,
}

/// State of a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The device says that it is on line; `Some(false)` is what a will carries.
    pub online: Option<bool>,
    /// Switched on (lights, chargers).
    pub on: Option<bool>,
    /// Dimming, per cent.
    pub dim_pct: Option<f32>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Battery charge, per cent.
    pub battery_pct: Option<f32>,
}
