//! Units of measurement: UCUM codes (ucum.org, version 2.1) as they stand on the wire.

use serde::{Deserialize, Serialize};

/// A UCUM code such as `Cel`, `mg/m3`, `%` or `V`. Empty means dimensionless.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unit(pub String);

impl Unit {
    /// What a person reads: `Cel` as `°C`, `m3` as `m³`, `u` as `µ`.
    pub fn label(&self) -> String {
        match self.0.as_str() {
            "Cel" => "°C".into(),
            other => other.replace("m3", "m³").replace("ug/", "µg/"),
        }
    }
}

/// km/h to m/s.
pub fn kmh_to_ms(kmh: f64) -> f64 {
    kmh / 3.6
}
/// m/s to km/h.
pub fn ms_to_kmh(ms: f64) -> f64 {
    ms * 3.6
}
