//! Embedded MQTT broker, 3.1.1 and 5.0: a message is in the log before its sender or its subscribers hear of it.
//!
//! ```text
//!  device ─socket─▶ connection ──one burst per read──▶ storage::log ──batch──▶ router ──▶ session queues ─▶ sockets
//!                   (link.rs, a task)      ticket ◀── fdatasync                (one task, log order)
//!                   PUBACK, PUBREC ◀───────┘
//! ```
//!
//! * `wire`, `session`, `topic`, `trie`, `router::core` are pure: no sockets, no clock. `connection`, `router::shell`,
//!   `broker` and `tls` are the shells around them.
//! * **Acknowledged = stored**: PUBACK and PUBREC leave after the fsync of the batch that holds the message; QoS 0
//!   messages are logged too. Nothing is acknowledged that the log did not take: v5 gets 0x97 (the log refuses) or 0x80
//!   (the fsync failed), 3.1.1 a closed connection.
//! * **Sessions are a function of the log**: persistent sessions write their changes as session records; the router
//!   applies them in log order, and at a start from a snapshot and the log behind it.
//! * Every queue and table an outsider can fill has a bound in [`Limits`]; what falls out is counted in [`BrokerStats`].
//!
//! Wills of sessions that end with their connection are lost when the hub crashes (a graceful stop publishes them);
//! wills of persistent sessions survive. Not supported: enhanced authentication (AUTH), outbound topic aliases.

mod broker;
pub mod config;
mod connection;
pub mod router;
pub mod session;
mod shared;
mod tls;
pub mod topic;
pub mod trie;
pub mod wire;

pub use broker::{Broker, BrokerError, BrokerHandle, BrokerStats, Doors, PublishError};
pub use config::{BrokerConfig, Limits, TlsConfig};
