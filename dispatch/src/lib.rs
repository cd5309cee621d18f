//! Dispatch: work orders, from the alarm that opens one to the check that closes it.
//!
//! ```text
//! Output::Order ─▶ OrderApplier (in the sink's transaction) ─▶ orders
//! person ─▶ Orders::act(act) ─▶ core::step ─▶ orders, order_events (one transaction)
//! ```
//!
//! [`core`] decides, pure: states, events, one transition function, every pair of both in a test. [`Orders`] keeps: its
//! tables, its SQL, nobody else's. An order opened by an alarm carries an id made from the alarm's, so a replayed batch
//! opens no second one; an act carries an idempotency key, so a request that a phone sends twice acts once.
//!
//! **Deliberately absent, and to come:** clocks and escalation, duty roster, notification channels, attachments.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod core;
mod orders;
#[cfg(test)]
mod tests;

pub use crate::core::{OrderAct, OrderRefusal, step};
pub use orders::{ActError, OrderApplier, OrderFilter, Orders};
