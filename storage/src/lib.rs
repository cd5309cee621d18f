//! What the hub keeps: the log first, and everything that can be rebuilt from it.
//!
//! ```text
//! log         the truth: raw records, one fsync per batch, before anything is acknowledged
//! snapshot    operator states at a batch boundary, so that a start does not read the whole log again
//! relational  alarms, orders, quarantine, ledger: rows and batch number in one transaction (SQLite or PostgreSQL)
//! history     positions and readings in compressed chunks (embedded), with their own committed batch
//! accounts    users, roles, login tokens, the audit log that only grows
//! devices     what a device must know to be let in
//! files       photos and documents by their content, resumable uploads, rows of both
//! changes     versions of the rules, requests to change them, and their back-tests
//! notify      rules of notification, and the journal of what was told to whom
//! ```
//!
//! The order of trust is the order of the list: whatever stands lower can be thrown away and computed again from what
//! stands above it. A sink therefore commits its rows together with the number of the batch they came from, and a
//! batch it has seen changes nothing.
//!
//! **Deliberately absent:** decisions about what a message means (`streams`, `alarms`), and SQL in any other crate
//! except behind the repository of the capability that owns the tables.

pub mod accounts;
pub mod changes;
pub mod devices;
pub mod files;
pub mod history;
pub mod log;
pub mod notify;
pub mod relational;
pub mod snapshot;
