//! Change control of the rules (ISA-18.2 management of change): who may do what to a request, and what it changes.
//!
//! ```text
//! draft ─submit▶ in_review ─review▶ in_approval ─approve▶ scheduled ─(its time)▶ in_force ─verify▶ closed
//!   └─emergency──────────────────────────────────────────▶ scheduled ▶ in_force ─approve afterwards─┘
//! ```
//!
//! | module | decides |
//! | --- | --- |
//! | [`machine`] | one transition function over state × act; requester is neither reviewer nor approver |
//! | [`candidate`] | from a base and edits to a whole, valid rule set |
//! | [`patch`] | JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) |
//! | [`mod@diff`] | attribute by attribute, what differs between two rule sets |
//!
//! **Invariants.** A version is put in force only when it was built from the version before; a candidate that was not
//! back-tested is not approved, except in an emergency; whoever asks for a change neither reviews nor approves it.
//! **Deliberately absent**: tables (storage), sessions (dashboards), the moment of putting in force (hub).

pub mod candidate;
pub mod diff;
mod labels;
pub mod machine;
pub mod patch;

pub use candidate::{CandidateError, Source, build};
pub use diff::diff;
pub use machine::{Actor, ChangeRefusal, Facts, advance, may, new_change};

#[cfg(test)]
mod tests;
