//! From the log to subscribers: a consumer of committed batches, so a subscriber sees only what is durable.
//!
//! `core` decides (pure, see there), this module's shell reads the log, answers connections, writes wills and snapshots.

pub mod core;
mod entry;
pub mod retained;
pub(super) mod shell;

pub use entry::Session;
