//! Doors of the hub: devices in, commands out.
//!
//! ```text
//! device ── socket ──▶ mqtt (shell: tokio) ──▶ mqtt::session (core) ──▶ storage::log ──▶ acknowledgement
//!                                              protocols::* (pure decoders, used behind the log by streams)
//! ```
//!
//! Whatever a device sends is framed, authenticated, authorised and appended to the log as raw bytes; only then is it
//! acknowledged. Decoding of payloads happens behind the log and is pure ([`protocols`]).
//!
//! **Deliberately absent**: any opinion on what a payload means (streams), accounts and credentials (storage, behind
//! [`auth::Authenticate`]), HTTP (dashboards; it hands an upgraded WebSocket to [`mqtt::BrokerHandle::serve_stream`]).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod auth;
pub mod bridge;
pub mod intake;
pub mod mqtt;
pub mod nats;
pub mod protocols;
