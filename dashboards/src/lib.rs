//! What people and their programs see of the hub: HTTP, the live socket, and the console's files.
//!
//! ```text
//! live      newest state in memory, its changes to thousands of viewers, bounded for each
//! routes    the one table: method, path, whom it admits
//! access    the guard that asks for a session and its role
//! api/      one file for each capability: calls and their wire types
//! assets    the built console, embedded
//! ```
//!
//! `hub` builds [`AppState`] from [`Parts`] and serves [`router`] with [`serve`]. What the web tier needs from its
//! neighbours stands in [`ports`]: commands, orders, history, the broker's WebSocket door, health.
//!
//! **Invariants.** No answer without a route in the table; errors are problem documents; time is read once per request
//! from the clock that was given; nothing here decides what an alarm or order does.
//!
//! **Deliberately absent**: SQL (repositories of `storage`), the life cycle of orders (`dispatch`), TLS (in front).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod access;
pub mod api;
mod assets;
mod csv;
pub mod extract;
pub mod live;
mod login_limit;
pub mod metrics;
mod mqtt_socket;
pub mod past;
pub mod ports;
pub mod problem;
pub mod routes;
mod send_file;
mod serve;
mod shell;
mod state;
mod xlsx;

pub use live::{Live, LiveConfig, LiveStats};
pub use metrics::Metrics;
pub use mqtt_socket::MqttSocket;
pub use ports::{AsyncReadWrite, CommandFailure, CommandPort, HistorySource, MqttDoor, OrderBook, Readiness};
pub use ports::{ReadyCheck, SystemInfo};
pub use serve::{ServeOptions, serve};
pub use shell::router;
pub use state::{AppState, MetricsSource, NotifyDoor, Parts, PushDoor, WebOptions};
