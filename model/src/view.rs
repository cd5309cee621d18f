//! What the live socket and the lists show: the newest state of units and devices, as they stand on the wire.

use crate::ids::{Class, DeviceId, PointName};
use crate::observation::Quality;
use serde::{Deserialize, Serialize};

/// Whether a device is heard (limits per class in the rule set).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Heard within its class's time.
    Online,
    /// Not heard for longer than it should be.
    Silent,
    /// Not heard for so long, or it said goodbye.
    Offline,
}

/// A moving unit as it stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitView {
    /// Device id.
    pub id: DeviceId,
    /// `patrol` or `vehicle`.
    pub class: Class,
    /// Name for people.
    pub name: String,
    /// Degrees east, WGS-84; absent until the first fix.
    pub lon: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// km/h.
    pub speed_kmh: Option<f32>,
    /// Degrees clockwise from north.
    pub heading_deg: Option<f32>,
    /// Metres.
    pub accuracy_m: Option<f32>,
    /// Per cent.
    pub battery_pct: Option<f32>,
    /// The person asks for help.
    pub sos: bool,
    /// Device time of the fix, Unix ms.
    pub time: Option<i64>,
    /// When the hub received the newest message, Unix ms with fractions.
    pub received: f64,
    /// Presence.
    pub state: Presence,
}

/// A fixed device as it stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Device id.
    pub id: DeviceId,
    /// Its class.
    pub class: Class,
    /// Name for people.
    pub name: String,
    /// Kind within the class.
    pub kind: String,
    /// Degrees east, WGS-84.
    pub lon: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Sub-district.
    pub sub_district: String,
    /// What it hangs on.
    pub parent: Option<DeviceId>,
    /// Presence.
    pub state: Presence,
    /// Switched on, where it can be.
    pub on: Option<bool>,
    /// Dimming, per cent.
    pub dim_pct: Option<f32>,
    /// Newest value of each point, ordered by name.
    pub values: Vec<PointValue>,
    /// Device time of the newest message, Unix ms.
    pub time: Option<i64>,
    /// When the hub received the newest message, Unix ms with fractions.
    pub received: f64,
}

/// The newest value of a point.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointValue {
    /// Point.
    pub point: PointName,
    /// Name for people.
    pub label: String,
    /// Value in `unit`.
    pub value: f64,
    /// UCUM code.
    pub unit: String,
    /// How far to trust it.
    pub quality: Quality,
    /// Device time, Unix ms.
    pub time: i64,
    /// Normal band, where the profile gives one.
    pub normal: Option<(f64, f64)>,
}
