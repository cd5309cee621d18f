//! Dispatch: work orders, from the report or alarm that opens one to the check that closes it.
//!
//! ```text
//! Output::Order ─▶ OrderApplier (in the sink's transaction) ─┐
//! form ─▶ Orders::open_order ─▶ core::opening, core::review ─┼▶ orders, order_events, followers (one transaction)
//! person ─▶ Orders::act ─▶ core::step ───────────────────────┤
//! each second ─▶ Orders::tick ─▶ core::clock ────────────────┘
//! ```
//!
//! [`core`] decides, pure: states, acts, roles, clocks, limits, who is told. [`notices`] keeps who was told what. [`Orders`] keeps: its tables, its SQL, nobody else's.
//! An order opened by an alarm carries an id made from the alarm's, so a replayed batch opens no second one; an act
//! carries an idempotency key, so a request that a phone sends twice acts once.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod core;
pub mod notices;
mod orders;
mod shifts;
#[cfg(test)]
mod tests;

pub use crate::core::{Actor, OrderAct, OrderRefusal, step};
pub use orders::{
    ActError, Checking, HubActs, OrderApplier, OrderChange, OrderFilter, OrderFollower, OrderOpening, Orders,
    Positions, PutRules, RulesBook, RulesRow, TOGETHER_MAX, Told,
};
pub use shifts::Shifts;
