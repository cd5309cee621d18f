//! What can go wrong around the dataflow; inside it nothing fails, it only decides.

use crate::operators::PartError;
use greenhub_storage::log::LogError;
use greenhub_storage::snapshot::SnapshotError;

/// Why the dataflow could not be started, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The log cannot be read.
    #[error("reading the log for the dataflow")]
    Log(#[from] LogError),
    /// No snapshot can be read.
    #[error("reading the newest snapshot")]
    Snapshot(#[from] SnapshotError),
    /// A snapshot holds what this version cannot read.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The log no longer holds what stands between the snapshot and now.
    #[error("the log begins at batch {oldest}, after the snapshot's batch {snapshot}; the batches between are gone")]
    Gap {
        /// Batch of the snapshot; 0 where there is none.
        snapshot: u64,
        /// Oldest batch of the log.
        oldest: u64,
    },
    /// Threads or operators failed.
    #[error("{0}")]
    Host(String),
}
