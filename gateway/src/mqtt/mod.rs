//! Embedded MQTT broker, 3.1.1 and 5.0.

pub mod config;
pub mod session;
pub mod topic;
pub mod trie;
pub mod wire;

pub use config::{BrokerConfig, Limits, TlsConfig};
