//! What every door that *fetches* (NATS, JetStream, an external broker) shares: its state for the health page, the
//! back-off between attempts, and the one way messages reach the log.

use greenhub_model::record::Record;
use greenhub_storage::log::{Burst, Log};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Most messages appended together.
pub const BURST_MESSAGES_MAX: usize = 1_024;
/// Largest payload taken from a fetching door, bytes; larger ones are dropped and counted.
pub const PAYLOAD_BYTES_MAX: usize = 8 << 20;

/// State of one fetching door. Counters only grow.
#[derive(Debug, Default)]
pub struct IntakeState {
    admits_unknown: bool,
    connected: AtomicBool,
    received: AtomicU64,
    stored: AtomicU64,
    refused: AtomicU64,
    reconnects: AtomicU64,
    trouble: Mutex<Option<String>>,
}

/// A copy of [`IntakeState`] for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeReport {
    /// The peer answers.
    pub connected: bool,
    /// Messages taken from the peer.
    pub received: u64,
    /// Messages on disk.
    pub stored: u64,
    /// Messages that cannot be logged (subject or payload beyond the limits).
    pub refused: u64,
    /// Times the connection had to be made again.
    pub reconnects: u64,
    /// What the last trouble was, while it lasts.
    pub trouble: Option<String>,
}

impl IntakeState {
    /// A door that has not been opened yet. `admits_unknown` lets unregistered devices in (demo).
    pub fn new(admits_unknown: bool) -> Self {
        Self { admits_unknown, ..Self::default() }
    }

    /// A copy for showing.
    pub fn report(&self) -> IntakeReport {
        IntakeReport {
            connected: self.connected.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            reconnects: self.reconnects.load(Ordering::Relaxed),
            trouble: self.trouble.lock().clone(),
        }
    }

    pub(crate) fn up(&self) {
        self.connected.store(true, Ordering::Relaxed);
        *self.trouble.lock() = None;
    }

    pub(crate) fn down(&self, why: String) {
        if self.connected.swap(false, Ordering::Relaxed) {
            self.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        *self.trouble.lock() = Some(why);
    }
}

/// Collects messages and stores them together.
pub(crate) struct Intake {
    log: Log,
    state: Arc<IntakeState>,
    burst: Burst,
}

impl Intake {
    pub(crate) fn new(log: Log, state: Arc<IntakeState>) -> Self {
        Self { log, state, burst: Burst::default() }
    }

    /// Adds a message to the burst; one that no log record can hold is counted as refused.
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        self.state.received.fetch_add(1, Ordering::Relaxed);
        let record = Record { unregistered: self.state.admits_unknown, ..*record };
        if record.payload.len() > PAYLOAD_BYTES_MAX || self.burst.push(&record).is_err() {
            self.state.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Stores the burst. `Ok` means on disk; the caller may acknowledge all that it pushed.
    pub(crate) async fn store(&mut self) -> Result<(), String> {
        let count = self.burst.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let ticket = self.log.append(&self.burst).await.map_err(|error| error.to_string());
        self.burst.clear();
        ticket?.committed().await.map_err(|error| error.to_string())?;
        self.state.stored.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

/// Waits longer after each failure: 0.2 s, doubling to 5 s.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// As it stands after so many failures.
    pub(crate) fn after(failures: usize) -> Self {
        Self { failures: u32::try_from(failures).unwrap_or(u32::MAX) }
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = Duration::from_millis(200 << self.failures.min(5)).min(Duration::from_secs(5));
        self.failures = self.failures.saturating_add(1);
        wait
    }
}
