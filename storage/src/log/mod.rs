//! The log: every raw message, in order, on disk before it is acknowledged or decided about.
//!
//! ```text
//!  try_append ─memcpy, short lock─▶ filling buffer ──swap──▶ flusher thread: frame, write, fdatasync ─▶ tickets wake
//!                                                                 │                                   ─▶ ring of Arc'd
//!   0000000000000041.log  0000000000000042.log ◀──────────────────┘                                      batches ─▶ readers
//!   (closed, read only)   (write head)          0000000000000043.log, prepared ahead by the keeper thread
//! ```
//!
//! One buffer fills while the other is on its way to the disk, so a batch is whatever arrived during one fdatasync:
//! an idle disk flushes a single message at once, a busy one groups by itself. Nothing waits for a timer.
//!
//! * **Committed** means: the batch's frame and everything before it survived an `fdatasync` that returned success.
//!   Only then do tickets resolve, readers see the batch and [`Log::committed`] moves.
//! * **Segments** are written full of zeros before use and recycled afterwards, so that a commit changes no metadata.
//!   The first segments are small (4 MiB, doubling up to [`LogConfig::segment_bytes`]) so that a new log starts at once.
//! * **Recovery** walks the newest segments and stops at the first frame whose checksum, number or position does not
//!   continue. The checksum is salted with the log's identity and the segment's index: bytes of a segment's earlier
//!   life, or a payload that imitates a frame, are never taken for live. A whole frame *behind* the stop means that
//!   committed data is damaged: the log refuses to open and names the batches that are lost.
//! * **A full disk** fails the batch, the log refuses with the reason, tries again by itself and goes on when there is
//!   room. **A failing fsync is final**: the kernel may have dropped the pages, so the log refuses until a restart has
//!   read back what the disk really holds.
//! * **Retention** by size and age recycles whole segments, never one that a [`Hold`] still needs.
//!
//! Bounds: the filling buffer ([`LogConfig::buffer_bytes`]), the ring (32 MiB or 4,096 batches), one prepared and one
//! spare segment. Cost of an append: one short lock and one memcpy. **Deliberately absent:** any look inside a payload.

mod append;
mod burst;
mod disk;
pub mod faults;
mod flusher;
mod frame;
mod hold;
mod keeper;
mod latency;
mod offline;
mod reader;
mod recover;
mod ring;
mod segments;
mod ticket;

#[cfg(test)]
mod tests;

pub use append::Log;
pub use burst::Burst;
pub(crate) use disk::read_full;
pub use disk::{Disk, DiskFile, RealDisk};
pub use hold::Hold;
pub use latency::Latency;
pub use offline::OfflineReader;
pub use reader::LogReader;
pub use recover::{Inspection, inspect};
pub use ticket::{Commit, Ticket};

use greenhub_model::{Channel, Position, ReceivedTime};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a log lives and how large it may become.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The log's own directory; created when missing.
    pub dir: PathBuf,
    /// Size of a segment, once the log has grown. At least 16 KiB.
    pub segment_bytes: u64,
    /// Bound of the filling buffer, and so of one batch and one burst.
    pub buffer_bytes: usize,
    /// Segments beyond this total are recycled, oldest first.
    pub retain_bytes: u64,
    /// Segments whose newest batch is older than this are recycled.
    pub retain_age: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data/log"),
            segment_bytes: 64 * 1024 * 1024,
            buffer_bytes: 20 * 1024 * 1024,
            retain_bytes: 8 * 1024 * 1024 * 1024,
            retain_age: Duration::from_secs(31 * 86_400),
        }
    }
}

impl LogConfig {
    /// The defaults, in `dir`.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }
}

/// Where receive times come from. The log never lets them run backwards.
pub trait Clock: Send + Sync {
    /// Wall clock now.
    fn now(&self) -> ReceivedTime;
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> ReceivedTime {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        ReceivedTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// How far the log is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Newest committed batch; 0 when there is none yet.
    pub batch: u64,
    /// Position after the newest committed record.
    pub end: Position,
}

/// Why an append was not taken. Nothing of the burst is in the log then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The filling buffer has no room now; try again after the next flush.
    #[error("the log's buffer is full")]
    Full,
    /// The log takes nothing at present.
    #[error("the log refuses: {why}")]
    Refusing {
        /// For an operator's eyes.
        why: Arc<str>,
    },
    /// The burst is larger than the buffer will ever be.
    #[error("a burst larger than the log's buffer")]
    TooLarge,
}

/// Why an appended burst did not become durable. It must not be acknowledged; it may still turn up after a restart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not committed: {0}")]
pub struct CommitError(pub Arc<str>);

/// What keeps a log from being opened or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk failed.
    #[error("{what} {path}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another process has the directory open.
    #[error("log directory {dir} is in use by another process")]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// Committed data cannot be read. Nothing has been changed on disk.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// The batch asked for has been removed by retention.
    #[error("batch {asked} is gone, the oldest kept is {oldest}")]
    Gone {
        /// Wanted.
        asked: u64,
        /// Had.
        oldest: u64,
    },
    /// The batch asked for lies beyond what this log ever committed: the log is older than who asks.
    #[error("batch {asked} lies beyond the newest committed batch {committed}")]
    Ahead {
        /// Wanted.
        asked: u64,
        /// Had.
        committed: u64,
    },
    /// The configuration cannot work.
    #[error("log configuration: {0}")]
    Config(&'static str),
    /// The log has been closed and everything in it has been read.
    #[error("the log is closed")]
    Closed,
}

/// Committed data that cannot be read, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged file.
    pub segment: PathBuf,
    /// Byte at which the first unreadable frame starts.
    pub offset: u64,
    /// First batch that cannot be read.
    pub from: u64,
    /// Last batch that cannot be read, when a whole one was found behind it.
    pub to: Option<u64>,
    /// What was found there.
    pub why: &'static str,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Damage { segment, offset, from, to, why } = self;
        write!(f, "log segment {} is damaged at byte {offset} ({why}): ", segment.display())?;
        match to {
            Some(to) if to == from => write!(f, "batch {from} was committed and cannot be read"),
            Some(to) => write!(f, "batches {from} to {to} were committed and cannot be read"),
            None => write!(f, "batches from {from} on were committed and cannot be read"),
        }?;
        write!(
            f,
            "; nothing was changed. Restore the file, or move it and all older segments out of the directory to go on \
             without them"
        )
    }
}

/// The log's health, for `/readyz`, metrics and people.
#[derive(Debug, Clone)]
pub struct LogStatus {
    /// Appends are taken.
    pub accepting: bool,
    /// Why not, or what will soon be the matter (a disk too full for the next segment while this one has room).
    pub why: Option<Arc<str>>,
    /// Only a restart can make it accept again (an fsync failed).
    pub restart_needed: bool,
    /// Bytes of all segments, prepared and spare ones included.
    pub bytes: u64,
    /// Segments holding batches.
    pub segments: usize,
    /// Oldest batch that can be read.
    pub oldest_batch: u64,
    /// How far the log is on disk.
    pub committed: Committed,
    /// Batches committed since start.
    pub batches: u64,
    /// Records committed since start.
    pub records: u64,
    /// Record bytes committed since start.
    pub record_bytes: u64,
    /// Batches that failed since start.
    pub failed_batches: u64,
    /// Appends refused since start (`Full`, `Refusing` and `TooLarge`).
    pub refused_appends: u64,
    /// Time of write + fdatasync per batch.
    pub commit_latency: Latency,
    /// Message records on disk per channel, over the log's whole life.
    pub accepted: [u64; Channel::ALL.len()],
    /// Holds and the batch each has consumed.
    pub holds: Vec<(String, u64)>,
}
