//! Rows that people list, filter and page through: alarms, quarantine, the ledger, and (from `dispatch`) orders.
//!
//! ```text
//! BatchOutput ─▶ BatchSink ─┬─ alarms, alarm_events   AlarmStore       one transaction holds the rows,
//!                           ├─ out_of_service, floods DeskStore
//!                           ├─ quarantine + counts    QuarantineStore  the ledger and the batch number
//!                           ├─ ledger                 BatchSink::decided
//!                           └─ BatchApplier (orders)  dispatch::Orders
//! ```
//!
//! **Invariants.** Everything here can be dropped and computed again from the log. The rows of a batch and its number
//! commit together, so a batch that comes again after a crash changes nothing. Whoever writes SQL owns the tables it
//! names: one repository type per capability, no SQL anywhere else.
//!
//! **One text for two databases.** SQLite by default, PostgreSQL by URL, through `sqlx::Any`. All statements use `$1`,
//! `BIGINT` (also for truth values), `TEXT` and `DOUBLE PRECISION`, the types that both drivers map; sums are cast to
//! `BIGINT` because PostgreSQL makes them `NUMERIC`. The behaviour suite (`tests.rs`) runs on both.
//!
//! **Cost.** A batch of positions and readings writes no row at all: position and ledger are committed at most every
//! 250 ms. SQLite runs in WAL mode with `synchronous=FULL`, one writing connection, a few reading ones.

mod alarms;
mod database;
mod desks;
mod error;
mod facts;
pub mod filter;
mod ledger;
pub mod migration;
mod page;
mod quarantine;
mod rows;
mod sink;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_facts;

pub use alarms::{AlarmFilter, AlarmMember, AlarmStore};
pub use database::{Backend, Database};
pub use desks::DeskStore;
pub use error::StoreError;
pub use facts::{FACTS_MAX, FactPlace};
pub use page::{CursorError, LIMIT_MAX, Page, PageRequest};
pub use quarantine::{QuarantineCount, QuarantineFilter, QuarantineStore};
pub use rows::{enum_word, insert_rows, parse_word};
pub use sink::{Applying, BatchApplier, BatchSink};
