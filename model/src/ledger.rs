//! The ledger: `accepted = applied + quarantined + pending`, per source, in records.

use crate::record::Channel;
use serde::{Deserialize, Serialize};

/// Records of one source. A record with one bad element among good ones counts as quarantined, once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages on disk.
    pub accepted: u64,
    /// Decoded and taken into account in whole.
    pub applied: u64,
    /// Not usable, in whole or in part, with a reason.
    pub quarantined: u64,
}

/// One row of the ledger.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// The door.
    pub source: Channel,
    /// Messages on disk.
    pub accepted: u64,
    /// Taken into account.
    pub applied: u64,
    /// Not usable.
    pub quarantined: u64,
    /// On disk, not yet decided.
    pub pending: u64,
}

/// The whole ledger as the API shows it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Sum over sources.
    pub accepted: u64,
    /// Sum over sources.
    pub applied: u64,
    /// Sum over sources.
    pub quarantined: u64,
    /// Sum over sources.
    pub pending: u64,
    /// One row per source that has seen anything.
    pub sources: Vec<SourceRow>,
}

impl Ledger {
    /// Builds the ledger from two independent counts: what the log holds and what the dataflow has decided.
    pub fn of(accepted: &[u64; Channel::ALL.len()], decided: &[Counts; Channel::ALL.len()]) -> Self {
        let mut ledger = Ledger::default();
        for channel in Channel::ALL {
            let (accepted, decided) = (accepted[channel as usize], decided[channel as usize]);
            if accepted == 0 && decided == Counts::default() {
                continue;
            }
            let row = SourceRow {
                source: channel,
                accepted,
                applied: decided.applied,
                quarantined: decided.quarantined,
                pending: accepted.saturating_sub(decided.applied + decided.quarantined),
            };
            ledger.accepted += row.accepted;
            ledger.applied += row.applied;
            ledger.quarantined += row.quarantined;
            ledger.pending += row.pending;
            ledger.sources.push(row);
        }
        ledger
    }

    /// Whether every source balances. It fails when more was decided than accepted.
    pub fn balances(&self) -> bool {
        self.sources.iter().all(|s| s.accepted == s.applied + s.quarantined + s.pending)
    }
}
