//! Key figures: from the events of a period to the table of ISA-18.2-2016 (table 7), with targets and verdicts.
//!
//! ```text
//! facts before from − LEAD_MS, of alarms that may still stand ─┐
//! all facts from − LEAD_MS … to, in order ─────────────────────┴▶ Tally ─▶ KpiReport, what stands at the end
//! ```
//!
//! **Counts** calls only ([`AlarmFact::called`]): a repeat, and a raise that was folded, suppressed, shelved or out of
//! service, called nobody and counts nowhere; so nothing counts twice. Ten-minute bins are those of the clock; floods
//! slide, by the rule the desks live by. Times are the hub's, so **late data** counts when it called.
//!
//! | term | here |
//! | --- | --- |
//! | chattering | as many calls of one alarm within a window as the rules say, ends included; a burst lasts while they do |
//! | fleeting | called, and over within ten seconds without anybody acting, outside a burst |
//! | stale | active and shown for more than a day |
//!
//! **Remembers** one entry per alarm that stands, one per alarm that ever called, one number per ten minutes and one per
//! measured response; each bounded, and the report says so when a bound was met. **Costs** a look into two ordered maps
//! per fact.

mod frequent;
mod report;
mod tally;
#[cfg(test)]
mod tests;

use crate::nuisance::flood::FloodRule;
use greenhub_model::kpi::{DeskFilter, TrendWidth};

pub use greenhub_model::kpi::AlarmFact;
pub use tally::{Outcome, Tally};

/// How long before the period facts are wanted, so that a flood or a burst that began earlier is known.
pub const LEAD_MS: i64 = 3_600_000;
/// Longest period of one report.
pub const PERIOD_MS_MAX: i64 = 400 * DAY_MS;
/// Width of a bin.
pub const BIN_MS: i64 = 600_000;
/// More calls than this in a bin are too many.
pub const BIN_CALLS_MAX: u64 = 10;
/// Over within this time without anybody acting: fleeting.
pub const FLEETING_MS: i64 = 10_000;
const DAY_MS: i64 = 86_400_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Whose alarms.
    pub desk: DeskFilter,
    /// Begin, Unix ms, included.
    pub from: i64,
    /// End, Unix ms, not included; after `from`, at most [`PERIOD_MS_MAX`] later.
    pub to: i64,
    /// Minutes east of UTC, to cut days and hours.
    pub utc_offset_min: i32,
    /// Width of the trend.
    pub trend: TrendWidth,
    /// When a flood starts and ends.
    pub flood: FloodRule,
    /// Calls of one alarm that make it chattering.
    pub chatter_raises: usize,
    /// Window of that count, milliseconds, ends included.
    pub chatter_window_ms: i64,
    /// Suppressions without authority, where they are known.
    pub unauthorised_suppression: Option<u64>,
    /// Changes of alarm attributes without authority, where they are known.
    pub unauthorised_change: Option<u64>,
}
