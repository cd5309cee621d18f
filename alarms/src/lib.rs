//! Alarms, pure.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod classify;
pub mod condition;
pub mod desk;
pub mod merge;
pub mod nuisance;
pub mod prioritise;
pub mod rules;
pub mod standing;
pub mod threshold;

pub use condition::{AlarmKey, Condition};
pub use desk::{AlarmDesk, DeskOutput};
pub use rules::{RuleProblem, RuleSet};
