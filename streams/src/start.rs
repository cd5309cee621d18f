//! Starting, watching and stopping the dataflow over a live log.

use crate::error::StreamsError;
use crate::host::{self, Running, Shared, Sink, Start, Tail};
use crate::keeper::{Job, Keeper, Progress};
use crate::operators::Parts;
use crate::restore;
use crossbeam_channel::{SendTimeoutError, Sender, TrySendError};
use greenhub_alarms::RuleSet;
use greenhub_model::decode::Decode;
use greenhub_model::{BatchOutput, ReceivedTime, Record, RecordKind};
use greenhub_storage::log::{Burst, Log};
use greenhub_storage::snapshot::SnapshotStore;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long the sinks may be deaf after a stop was asked before what they have not taken is dropped. It is not lost: they
/// ask for it again after the next start.
const DEAF_SINKS: Duration = Duration::from_secs(2);
/// How often a full channel to the sinks is tried while the flags are looked at.
const SEND_SLICE: Duration = Duration::from_millis(50);
/// How the dataflow runs.
#[derive(Debug, Clone)]
pub struct StreamsConfig {
    /// Worker threads; one until an operator costs more than 10 µs an event.
    pub workers: usize,
    /// Time between two snapshots; a snapshot is taken at the next batch boundary.
    pub snapshot_every: Duration,
    /// While a timer waits and nobody sends, a tick is appended this often; [`Duration::MAX`] for never.
    pub tick_every: Duration,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self { workers: 1, snapshot_every: Duration::from_secs(10), tick_every: Duration::from_secs(1) }
    }
}

/// The dataflow over a live log.
pub struct Streams;

impl Streams {
    /// Restores the newest snapshot, sends what it holds to `outputs`, and follows the log from there.
    ///
    /// `sinks_at` says the lowest batch that all sinks have committed; a snapshot counts only when they are past it.
    /// `outputs` should be bounded: a slow sink holds the dataflow back, and the log keeps what waits.
    pub fn start(
        config: StreamsConfig,
        log: Log,
        decoder: Arc<dyn Decode>,
        snapshots: SnapshotStore,
        outputs: Sender<Arc<BatchOutput>>,
        sinks_at: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Result<StreamsHandle, StreamsError> {
        let workers = config.workers.max(1);
        let hold = log.hold("streams");
        let oldest = log.oldest_batch();
        let (start, restored) = match newest(&snapshots, oldest)? {
            Some((start, output)) => (start, Some(output)),
            None => (Start::default(), None),
        };
        if let [_, .., older] = snapshots.batches()?[..] {
            hold.advance(older);
        }
        if oldest > start.batch + 1 {
            return Err(StreamsError::Gap { snapshot: start.batch, oldest });
        }
        let source = Tail(log.reader(start.batch + 1)?);
        let kept = log.clone();
        let (keeper, jobs, progress) =
            Keeper::start(snapshots, hold, sinks_at, start.batch, move || kept.oldest_batch())
                .map_err(|error| StreamsError::Host(format!("starting the thread that keeps snapshots: {error}")))?;
        let shared = Arc::new(Shared::new(workers));
        let mut sink = LiveSink {
            outputs,
            jobs,
            progress: progress.clone(),
            shared: shared.clone(),
            log: log.clone(),
            snapshot_every: config.snapshot_every,
            last_snapshot: Instant::now(),
            tick_every: config.tick_every,
            last_tick: None,
            last_batch: None,
        };
        info!(from = start.batch, workers, "dataflow starts");
        if let Some(restored) = restored {
            shared.applied.store(restored.batch, Ordering::Release);
            shared.applied_received.store(restored.received.0, Ordering::Release);
            sink.send(restored);
        }
        let running =
            host::launch(workers, start, decoder, source, sink, shared.clone()).map_err(StreamsError::Host)?;
        Ok(StreamsHandle { shared, log, running: Mutex::new(Some((running, keeper))), progress })
    }
}

/// The newest snapshot. One that this version cannot read is passed over when the log still has everything.
fn newest(snapshots: &SnapshotStore, oldest: u64) -> Result<Option<(Start, BatchOutput)>, StreamsError> {
    let Some(snapshot) = snapshots.newest()? else { return Ok(None) };
    match restore::read(&snapshot) {
        Ok(read) => Ok(Some(read)),
        Err(error) if oldest <= 1 => {
            warn!(batch = snapshot.batch, %error, "snapshot passed over; the whole log is read again");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A running dataflow.
pub struct StreamsHandle {
    shared: Arc<Shared>,
    log: Log,
    running: Mutex<Option<(Running, Keeper)>>,
    progress: Arc<Progress>,
}

impl StreamsHandle {
    /// Newest batch whose output has been handed to the sinks.
    pub fn applied(&self) -> u64 {
        self.shared.applied.load(Ordering::Acquire)
    }

    /// Receive time of that batch.
    pub fn applied_received(&self) -> ReceivedTime {
        ReceivedTime(self.shared.applied_received.load(Ordering::Acquire))
    }

    /// The rules that run now; none before the first batch of all.
    pub fn rules(&self) -> Option<Arc<RuleSet>> {
        self.shared.rules.lock().clone()
    }

    /// Batches committed to the log and not yet applied.
    pub fn lag(&self) -> u64 {
        self.log.committed().batch.saturating_sub(self.applied())
    }

    /// Batch of the newest published snapshot; 0 before the first.
    pub fn snapshot(&self) -> u64 {
        self.progress.published.load(Ordering::Acquire)
    }

    /// Why the dataflow has ended, where it ended by itself. The hub must be restarted then.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.lock().clone()
    }

    /// Finishes the batches under way and ends all threads; a second call does nothing.
    pub fn stop(&self) -> Result<(), StreamsError> {
        self.shared.stop.store(true, Ordering::Release);
        let Some((running, mut keeper)) = self.running.lock().take() else { return Ok(()) };
        let ended = running.join();
        keeper.stop();
        match self.failure() {
            Some(why) => Err(StreamsError::Host(why)),
            None => ended.map_err(StreamsError::Host),
        }
    }
}

impl Drop for StreamsHandle {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            warn!(%error, "dataflow ended badly");
        }
    }
}

/// Hands outputs to the sinks and states to the keeper; appends ticks.
struct LiveSink {
    outputs: Sender<Arc<BatchOutput>>,
    jobs: Sender<Job>,
    progress: Arc<Progress>,
    shared: Arc<Shared>,
    log: Log,
    snapshot_every: Duration,
    last_snapshot: Instant,
    tick_every: Duration,
    last_tick: Option<Instant>,
    last_batch: Option<Instant>,
}

impl LiveSink {
    fn send(&mut self, output: BatchOutput) {
        let mut output = Arc::new(output);
        let mut stopping: Option<Instant> = None;
        loop {
            match self.outputs.send_timeout(output, SEND_SLICE) {
                Ok(()) => return,
                Err(SendTimeoutError::Disconnected(_)) => {
                    if !self.shared.stop.load(Ordering::Acquire) {
                        self.shared.fail("the sinks have left; nobody takes the outputs".to_owned());
                    }
                    return;
                }
                Err(SendTimeoutError::Timeout(back)) => output = back,
            }
            if self.shared.stop.load(Ordering::Acquire)
                && stopping.get_or_insert_with(Instant::now).elapsed() > DEAF_SINKS
            {
                return;
            }
        }
    }
}

impl Sink for LiveSink {
    fn batch(&mut self, output: BatchOutput, parts: Parts) {
        self.last_batch = Some(Instant::now());
        let job = (!parts.is_empty()).then(|| Job {
            batch: output.batch,
            received: output.received,
            parts: parts.into_iter().chain([restore::head_part(&output)]).collect(),
        });
        self.send(output);
        if let Some(job) = job
            && let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.jobs.try_send(job)
        {
            self.progress.busy.store(false, Ordering::Release);
        }
    }

    fn wants_snapshot(&mut self) -> bool {
        let due = self.last_snapshot.elapsed() >= self.snapshot_every;
        if !due || self.progress.busy.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.last_snapshot = Instant::now();
        true
    }

    /// Time is known only from batches: while any timer waits and nobody sends, a tick brings it once a second. The first
    /// one after a start comes at once, because nobody knows how long we were away.
    fn idle(&mut self, deadline: Option<ReceivedTime>) {
        let quiet = [self.last_tick, self.last_batch].into_iter().flatten().all(|at| at.elapsed() >= self.tick_every);
        if deadline.is_none() || !quiet || self.tick_every == Duration::MAX {
            return;
        }
        self.last_tick = Some(Instant::now());
        let mut burst = Burst::new();
        if burst.push(&Record::own(RecordKind::Tick, "hub", &[])).is_ok()
            && let Err(error) = self.log.try_append(&burst)
        {
            // The log says on the health page why it takes nothing; time stands still until it does.
            tracing::debug!(%error, "tick not appended");
        }
    }
}
