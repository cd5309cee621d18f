//! History, embedded: where every unit was and what every point measured, in a few bytes a row.
//!
//! ```text
//! push(batch) ─▶ open rows per series, in memory ──flush──▶ sealed chunks of 300 rows (columns, zstd)
//!                                                      └──▶ tails: the open rest of each series
//!                                                      └──▶ progress: the batch number, same transaction
//! track / values ◀── memory first, then chunks and tails that overlap; sorted, equal rows once
//! ```
//!
//! A series is the track of a unit, or one point of a device. The file is a SQLite database of its own, through the
//! same driver as everything else. Chunks are immutable, in a rowid table, so they fill their pages in order; only the
//! tails are written again.
//!
//! **Invariants.** Rows of all batches up to [`History::committed_batch`] are on disk, none of a later one. A batch that
//! comes again is skipped; so is a row equal in all members to another (a device that sends twice). Late rows go where
//! they came in and are sorted into place when asked for.
//!
//! **Exactness.** Places to 1e-7 degree (11 mm), speed to 0.01 km/h, heading to 0.01 degree, times to the millisecond;
//! values bit for bit.
//!
//! **Bounds.** Rows not yet flushed, series open in memory, points of one device, rows of one answer: see
//! [`HistoryConfig`]. When memory is full, [`HistoryWriter::push`] refuses and the batch waits, like everything behind it.
//!
//! **Deliberately absent:** windows and aggregates (`streams`), the choice what is worth keeping.

mod chunk;
mod column;
mod memory;
mod query;
mod store;
#[cfg(test)]
mod tests;
mod thin;
mod writer;

pub use chunk::{ChunkError, ROWS_PER_CHUNK};
pub use query::{Fix, SeriesRow, Track, Values};
pub use thin::{thin_track, thin_values};
pub use writer::{HistoryWriter, Pressure};

use greenhub_model::DeviceId;
use memory::Memory;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::Store;

/// Bounds of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Rows that wait for a flush; at half of it a flush is asked for, at all of it pushing is refused.
    pub rows_waiting_max: usize,
    /// Series whose open rows are kept in memory after a flush.
    pub series_open_max: usize,
    /// Points of one device that are kept; what comes under further names is dropped and counted.
    pub points_per_device_max: usize,
    /// Series of the whole history.
    pub series_max: usize,
    /// Rows that one answer reads in full; longer ranges are thinned chunk by chunk.
    pub rows_per_answer_max: usize,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            rows_waiting_max: 4_000_000,
            series_open_max: 50_000,
            points_per_device_max: 200,
            series_max: 500_000,
            rows_per_answer_max: 500_000,
        }
    }
}

/// A failure of the history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be read or written.
    #[error("cannot {attempt} in the history file")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The driver's words.
        #[source]
        source: sqlx::Error,
    },
    /// A chunk does not hold what was written.
    #[error("a chunk of series {series} from {start} ms on is damaged")]
    Damaged {
        /// Number of the series.
        series: i64,
        /// First time in the chunk, Unix ms.
        start: i64,
        /// What is wrong with it.
        #[source]
        source: ChunkError,
    },
    /// Too many rows wait for a flush; flush, then push the same batch again.
    #[error("{rows} rows wait for a flush, no more are taken")]
    Full {
        /// Rows waiting.
        rows: usize,
    },
    /// The thread that packs chunks died.
    #[error("packing chunks failed: {0}")]
    Task(String),
}

impl HistoryError {
    pub(crate) fn when(attempt: &'static str) -> impl FnOnce(sqlx::Error) -> HistoryError {
        move |source| HistoryError::Database { attempt, source }
    }
}

#[derive(Debug)]
struct Inner {
    store: Store,
    memory: Mutex<Memory>,
    config: HistoryConfig,
    committed: AtomicU64,
}

/// Answers questions about the past. Cheap to clone; writing is [`HistoryWriter`]'s.
#[derive(Debug, Clone)]
pub struct History {
    inner: Arc<Inner>,
}

/// What the history holds, for the health page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct HistoryStatus {
    /// Series known.
    pub series: usize,
    /// Series with rows in memory.
    pub series_open: usize,
    /// Rows that wait for a flush.
    pub rows_waiting: usize,
    /// Rows taken in since the start.
    pub rows: u64,
    /// Rows dropped since the start because their series would have been one too many.
    pub rows_dropped: u64,
    /// Newest batch on disk.
    pub committed_batch: u64,
}

impl History {
    /// Opens or makes the file at `path`; the second half is the one writer.
    pub async fn open(path: &Path, config: HistoryConfig) -> Result<(History, HistoryWriter), HistoryError> {
        let store = Store::open(path).await?;
        let batch = store.committed_batch().await?;
        let memory = Memory::new(&config, store.all_series().await?);
        let inner = Arc::new(Inner { store, memory: Mutex::new(memory), config, committed: AtomicU64::new(batch) });
        Ok((History { inner: Arc::clone(&inner) }, HistoryWriter::new(inner, batch)))
    }

    /// Newest batch whose rows are on disk.
    pub fn committed_batch(&self) -> u64 {
        self.inner.committed.load(Ordering::Acquire)
    }

    /// What it holds.
    pub fn status(&self) -> HistoryStatus {
        HistoryStatus { committed_batch: self.committed_batch(), ..self.inner.memory.lock().status() }
    }

    /// Where a unit was from `from` to `to` (Unix ms, both included), thinned to about `max_points`.
    pub async fn track(&self, unit: &DeviceId, from: i64, to: i64, max_points: usize) -> Result<Track, HistoryError> {
        query::track(&self.inner, unit, from, to, max_points).await
    }

    /// What a point of a device measured, down-sampled by minimum and maximum per bucket to at most `max_points`.
    pub async fn series(
        &self,
        device: &DeviceId,
        point: &str,
        from: i64,
        to: i64,
        max_points: usize,
    ) -> Result<Values, HistoryError> {
        query::values(&self.inner, device, point, from, to, max_points).await
    }
}
