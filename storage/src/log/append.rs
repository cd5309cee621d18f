//! The log's handle: appending under a short lock, waiting for room, asking how it stands.

use super::flusher::Flusher;
use super::frame::CHANNELS;
use super::hold::{Hold, Holds};
use super::keeper;
use super::latency::Histogram;
use super::reader::LogReader;
use super::recover::{self, Recovered};
use super::ring::Ring;
use super::segments::Shelf;
use super::ticket::{Outcome, Ticket};
use super::{AppendError, Burst, Clock, CommitError, Committed, Disk, LogConfig, LogError, LogStatus};
use greenhub_model::Position;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::Notify;

/// What the threads and all handles share.
pub(super) struct Shared {
    pub config: LogConfig,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub log_id: u64,
    pub filling: Mutex<Filling>,
    /// Rings when there is something to flush, or the log closes.
    pub filled: Condvar,
    /// Told after every swap of the buffers.
    pub room: Notify,
    pub committed: Mutex<Committed>,
    pub accepted: Mutex<[u64; CHANNELS]>,
    pub shelf: Shelf,
    pub ring: Ring,
    pub holds: Holds,
    /// The flusher ends when the buffer is empty.
    pub closing: AtomicBool,
    /// The keeper ends; only after the flusher, which may still need a segment.
    pub keeper_stop: AtomicBool,
    pub counts: Counts,
    /// The directory's lock, given back when the log is closed.
    pub lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

/// The buffer that takes appends.
#[derive(Default)]
pub(super) struct Filling {
    pub bytes: Vec<u8>,
    pub count: u32,
    pub messages: [u64; CHANNELS],
    pub next_position: u64,
    pub outcome: Arc<Outcome>,
    pub refusing: Option<Refusal>,
}

/// Why nothing is taken.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub why: Arc<str>,
    pub restart_needed: bool,
}

#[derive(Default)]
pub(super) struct Counts {
    pub batches: AtomicU64,
    pub records: AtomicU64,
    pub record_bytes: AtomicU64,
    pub failed_batches: AtomicU64,
    pub refused_appends: AtomicU64,
    pub latency: Histogram,
}

impl Shared {
    pub(super) fn committed_batch(&self) -> u64 {
        self.committed.lock().batch
    }
}

fn spawn(
    name: &'static str,
    shared: &Shared,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    let failed = super::segments::io_error("start a thread for log", &shared.config.dir);
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(failed)
}

/// The log. Clones are handles to the same log; the last one dropped closes it.
#[derive(Clone)]
pub struct Log {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Flusher, then keeper.
    threads: Mutex<VecDeque<JoinHandle<()>>>,
}

impl Log {
    /// Opens or creates the log in `config.dir`, after reading back what is there.
    pub fn open(config: LogConfig, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<Log, LogError> {
        let Recovered { files, committed, accepted, head, log_id, holds, lock } = recover::open(&config, &disk)?;
        let filling = Filling { next_position: committed.end.0, ..Filling::default() };
        let shared = Arc::new(Shared {
            config,
            disk,
            clock,
            log_id,
            filling: Mutex::new(filling),
            filled: Condvar::new(),
            room: Notify::new(),
            committed: Mutex::new(committed),
            accepted: Mutex::new(accepted),
            shelf: Shelf { files: Mutex::new(files), bell: Condvar::new() },
            ring: Ring::default(),
            holds,
            closing: AtomicBool::new(false),
            keeper_stop: AtomicBool::new(false),
            counts: Counts::default(),
            lock: Mutex::new(Some(lock)),
        });
        let flusher = spawn("log-flusher", &shared, {
            let shared = shared.clone();
            move || Flusher::new(shared, head).run()
        })?;
        let threads = Mutex::new(VecDeque::from([flusher]));
        let handle = Arc::new(Handle { shared: shared.clone(), threads });
        let keeper = spawn("log-keeper", &shared, {
            let shared = shared.clone();
            move || keeper::run(&shared)
        })?;
        handle.threads.lock().push_back(keeper);
        Ok(Log { handle })
    }

    /// Takes the burst if there is room: one memcpy under a short lock. All of it lands in one batch.
    pub fn try_append(&self, burst: &Burst) -> Result<Ticket, AppendError> {
        let shared = &*self.handle.shared;
        let taken = self.take(burst);
        match &taken {
            Ok(_) => {
                shared.filled.notify_one();
            }
            Err(_) => {
                shared.counts.refused_appends.fetch_add(1, Ordering::Relaxed);
            }
        }
        taken
    }

    fn take(&self, burst: &Burst) -> Result<Ticket, AppendError> {
        let shared = &*self.handle.shared;
        let limit = shared.config.buffer_bytes;
        if burst.bytes_len() > limit {
            return Err(AppendError::TooLarge);
        }
        let mut filling = shared.filling.lock();
        if let Some(refusal) = &filling.refusing {
            return Err(AppendError::Refusing { why: refusal.why.clone() });
        }
        if filling.bytes.len() + burst.bytes_len() > limit {
            return Err(AppendError::Full);
        }
        let first = Position(filling.next_position);
        if burst.is_empty() {
            return Ok(Ticket { first, end: first, outcome: Arc::new(Outcome::committed()) });
        }
        filling.bytes.extend_from_slice(burst.encoded());
        filling.count += burst.len() as u32;
        for (total, n) in filling.messages.iter_mut().zip(burst.messages()) {
            *total += u64::from(n);
        }
        filling.next_position += burst.len() as u64;
        Ok(Ticket { first, end: Position(filling.next_position), outcome: filling.outcome.clone() })
    }

    /// Takes the burst, waiting for room when the buffer is full. Never answers [`AppendError::Full`].
    pub async fn append(&self, burst: &Burst) -> Result<Ticket, AppendError> {
        let shared = &*self.handle.shared;
        loop {
            let room = shared.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            match self.take(burst) {
                Err(AppendError::Full) => room.await,
                Ok(ticket) => {
                    shared.filled.notify_one();
                    return Ok(ticket);
                }
                Err(refused) => {
                    shared.counts.refused_appends.fetch_add(1, Ordering::Relaxed);
                    return Err(refused);
                }
            }
        }
    }

    /// How far the log is on disk.
    pub fn committed(&self) -> Committed {
        *self.handle.shared.committed.lock()
    }

    /// Message records on disk per channel (order of `Channel::ALL`), over the log's whole life.
    pub fn accepted(&self) -> [u64; CHANNELS] {
        *self.handle.shared.accepted.lock()
    }

    /// Oldest batch that can be read; 1 for a log that never let anything go.
    pub fn oldest_batch(&self) -> u64 {
        self.handle.shared.shelf.files.lock().oldest_batch()
    }

    /// Everything there is to say about the log's health.
    pub fn status(&self) -> LogStatus {
        let shared = &*self.handle.shared;
        let refusal = shared.filling.lock().refusing.clone();
        let (bytes, segments, oldest_batch, trouble) = {
            let files = shared.shelf.files.lock();
            (files.bytes(), files.live.len(), files.oldest_batch(), files.trouble.clone())
        };
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LogStatus {
            accepting: refusal.is_none(),
            restart_needed: refusal.as_ref().is_some_and(|r| r.restart_needed),
            why: refusal.map(|r| r.why).or(trouble),
            bytes,
            segments,
            oldest_batch,
            committed: self.committed(),
            batches: read(&shared.counts.batches),
            records: read(&shared.counts.records),
            record_bytes: read(&shared.counts.record_bytes),
            failed_batches: read(&shared.counts.failed_batches),
            refused_appends: read(&shared.counts.refused_appends),
            commit_latency: shared.counts.latency.read(),
            accepted: self.accepted(),
            holds: shared.holds.read(),
        }
    }

    /// A reader whose first batch is `from_batch` (0 = the oldest there is); `committed + 1` waits for the next one.
    pub fn reader(&self, from_batch: u64) -> Result<LogReader, LogError> {
        LogReader::new(self.handle.shared.clone(), from_batch)
    }

    /// Keeps retention away from what the caller has not consumed yet, from now on and across restarts.
    pub fn hold(&self, name: &'static str) -> Hold {
        self.handle.shared.holds.add(name)
    }

    /// Ends a hold for good, when its consumer is no longer part of the configuration.
    pub fn forget_hold(&self, name: &str) {
        self.handle.shared.holds.forget(name);
    }

    /// Stops taking appends, flushes what was taken, stops the threads, gives the directory free.
    /// Readers still get what is committed, then [`LogError::Closed`].
    pub async fn close(&self) {
        self.handle.signal();
        let handle = self.handle.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || handle.join()).await {
            tracing::error!(%error, "the log's threads could not be awaited");
        }
    }
}

impl Handle {
    fn signal(&self) {
        let shared = &*self.shared;
        {
            let mut filling = shared.filling.lock();
            shared.closing.store(true, Ordering::Release);
            if filling.refusing.is_none() {
                filling.refusing = Some(Refusal { why: "the log is closed".into(), restart_needed: false });
            }
        }
        shared.filled.notify_all();
        shared.room.notify_waiters();
        self.ring_shelf();
    }

    /// Under the lock, so that a thread between its look at a flag and its wait is not missed.
    fn ring_shelf(&self) {
        let files = self.shared.shelf.files.lock();
        self.shared.shelf.bell.notify_all();
        drop(files);
    }

    fn join(&self) {
        let shared = &*self.shared;
        let mut threads = self.threads.lock();
        while let Some(thread) = threads.pop_front() {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
            shared.keeper_stop.store(true, Ordering::Release);
            self.ring_shelf();
        }
        shared.filling.lock().outcome.settle(Err(CommitError("the log is closed".into())));
        shared.ring.close();
        shared.lock.lock().take();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.signal();
        self.join();
    }
}
