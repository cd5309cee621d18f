//! What devices say: the JSON payloads of the contract (design 4.2), written by hand-picked structs.
//!
//! Numbers are rounded to what such a device would send; `NaN` cannot arise because the models are bounded.

use greenhub_model::Class;
use greenhub_model::topic::ROOT;
use serde::Serialize;

/// One MQTT message to send, QoS 1, not retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Index of the connection that carries it, see [`crate::World::links`].
    pub link: usize,
    /// Topic.
    pub topic: String,
    /// JSON text.
    pub payload: String,
}

/// A position report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Position {
    pub time: i64,
    pub lon: f64,
    pub lat: f64,
    pub speed_kmh: f64,
    pub heading_deg: f64,
    pub accuracy_m: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_pct: Option<f64>,
    pub sos: bool,
}

/// A status report. `state` goes beyond the contract's members (OCPP words for piles); unknown members are kept.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Status {
    pub time: i64,
    pub online: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim_pct: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<&'static str>,
}

/// An alarm of the device's own.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Alarm {
    pub time: i64,
    pub code: &'static str,
    pub active: bool,
    pub severity: &'static str,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// JSON text of a payload.
pub(crate) fn json<T: Serialize>(payload: &T) -> String {
    serde_json::to_string(payload).expect("payloads are structs and numbers, which always serialise")
}

/// Text of a reading with its values in the given order.
pub(crate) fn reading(time: i64, values: &[(&str, f64)]) -> String {
    let mut map = serde_json::Map::new();
    for (name, value) in values {
        map.insert((*name).to_owned(), serde_json::Value::from(*value));
    }
    format!("{{\"time\":{time},\"values\":{},\"quality\":\"good\"}}", serde_json::Value::Object(map))
}

/// Rounds to a number of decimals.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// Topic of an upward message.
pub(crate) fn topic(class: Class, device: &str, message: &str) -> String {
    format!("{ROOT}{class}/{device}/{message}")
}
