//! Alarms, pure: from conditions and commands to standing alarms, their priority and their orders.
//!
//! ```text
//! reading ──▶ threshold ──▶ Condition ─┐
//! alarm message, SOS, silence ────────▶│ classify ─▶ merge ─▶ standing ─▶ prioritise ──▶ AlarmChange, OrderTrigger
//! command, time ──────────────────────▶└───────────── desk (AlarmDesk) ───────────────┘
//! ```
//!
//! | module | decides |
//! | --- | --- |
//! | [`rules`] | everything that a person may change: types, limits, weights, windows; built in, loaded, validated |
//! | [`change`] | who may change the rules, by which steps, and what a change is |
//! | [`threshold`] | when a reading is beyond its limit, and back |
//! | [`watch`] | conditions that one limit cannot say: deviation, rate, stuck, no data, mismatch, counts, combinations |
//! | [`fence`] | when a unit enters, leaves or stays in an area |
//! | [`condition`] | what a source says, the key of an alarm, the worker it belongs to |
//! | [`mod@classify`] | which type a code is |
//! | [`merge`] | which occurrence a raise belongs to, and why, in Chinese |
//! | [`standing`] | what state an alarm is in (ISA-18.2), by one transition function |
//! | [`mod@prioritise`] | P1 to P4, as a sum that is shown |
//! | [`nuisance`] | chattering and flood |
//! | [`kpi`] | how well a desk is served: the table of ISA-18.2 with targets and verdicts |
//! | [`notify`] | whom to tell of it, when, how often, and when to be quiet |
//! | [`desk`] | puts them together and keeps the memory |
//! | [`correlate`] | which alarms are explained by others and lie folded under them; floods per desk |
//!
//! Times are arguments; durations are milliseconds; maps are ordered; every memory is serialisable, bounded and expires.
//! The same inputs give the same outputs, whatever was restarted between them and however devices are spread over desks.
//!
//! **Deliberately absent**: clocks, IO, randomness, SQL; the registry of devices (a condition carries what is needed of
//! it); presence (streams says it as a condition); the life of a work order (dispatch); who may press which button
//! (dashboards; here only that an auditor presses none).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod change;
pub mod classify;
pub mod condition;
pub mod correlate;
pub mod desk;
pub mod fence;
pub mod kpi;
pub mod merge;
pub mod notify;
pub mod nuisance;
pub mod prioritise;
pub mod rules;
pub mod standing;
pub mod threshold;
pub mod watch;

pub use condition::{Again, AlarmKey, Condition};
pub use correlate::Correlator;
pub use desk::{AlarmDesk, DeskOutput};
pub use rules::{RuleProblem, RuleSet};
