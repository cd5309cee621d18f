//! Embedded MQTT broker, 3.1.1 and 5.0.

pub mod config;
pub mod topic;

pub use config::{BrokerConfig, Limits, TlsConfig};
