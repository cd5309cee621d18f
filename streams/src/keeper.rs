//! The thread that keeps snapshots: writes one, waits until every sink is past it, publishes it, frees the log.
//!
//! A snapshot may only count when no sink needs a batch before it again: sinks that were behind would never hear what
//! the operators then no longer say. So publishing waits for the sinks, and the log's hold follows the published ones.
//! One snapshot is under way at most; while it waits, the dataflow does not take another.

use greenhub_model::ReceivedTime;
use greenhub_storage::log::Hold;
use greenhub_storage::snapshot::{Landmark, SnapshotStore};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::warn;

/// One landmark an hour, by receive time, µs.
const LANDMARK_EVERY_US: i64 = 3_600_000_000;
/// How often the sinks are asked.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A snapshot on its way to disk.
pub(crate) struct Job {
    pub batch: u64,
    pub received: ReceivedTime,
    pub parts: BTreeMap<String, Vec<u8>>,
}

/// Figures and flags shared with the sink.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// A job is under way or asked for.
    pub busy: AtomicBool,
    /// Batch of the newest published snapshot.
    pub published: AtomicU64,
    pub stop: AtomicBool,
}

/// The keeper's thread.
pub(crate) struct Keeper {
    jobs: Option<crossbeam_channel::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    progress: Arc<Progress>,
}

impl Keeper {
    pub(crate) fn start(
        store: SnapshotStore,
        hold: Hold,
        sinks_at: Arc<dyn Fn() -> u64 + Send + Sync>,
        published: u64,
        oldest: impl Fn() -> u64 + Send + 'static,
    ) -> std::io::Result<(Self, crossbeam_channel::Sender<Job>, Arc<Progress>)> {
        let (sender, jobs) = crossbeam_channel::bounded::<Job>(1);
        let progress = Arc::new(Progress { published: AtomicU64::new(published), ..Progress::default() });
        let shared = progress.clone();
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            let newest = store.landmarks().ok().and_then(|all| all.last().copied());
            let mut marked = newest.map_or(ReceivedTime(0), |mark| mark.received);
            for job in jobs {
                keep(&store, &hold, &*sinks_at, &job, &shared);
                if job.received.0.saturating_sub(marked.0) >= LANDMARK_EVERY_US {
                    marked = job.received;
                    let landmark = Landmark { batch: job.batch, received: job.received };
                    if let Err(error) = store.keep(landmark, &job.parts, oldest()) {
                        warn!(batch = job.batch, %error, "landmark not kept; past moments take a longer replay");
                    }
                }
                shared.busy.store(false, Ordering::Release);
            }
        })?;
        let keeper = Self { jobs: Some(sender.clone()), thread: Some(thread), progress: progress.clone() };
        Ok((keeper, sender, progress))
    }

    /// Gives up a snapshot that still waits for its sinks, and ends the thread.
    pub(crate) fn stop(&mut self) {
        self.progress.stop.store(true, Ordering::Release);
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the thread that keeps snapshots panicked");
        }
    }
}

fn keep(
    store: &SnapshotStore,
    hold: &Hold,
    sinks_at: &(dyn Fn() -> u64 + Send + Sync),
    job: &Job,
    progress: &Progress,
) {
    let pending = match store.write(job.batch, &job.parts) {
        Ok(pending) => pending,
        Err(error) => return warn!(batch = job.batch, %error, "snapshot not written; the previous one stays in force"),
    };
    while sinks_at() < job.batch {
        if progress.stop.load(Ordering::Acquire) {
            return;
        }
        std::thread::sleep(ASK_EVERY);
    }
    match pending.publish() {
        Ok(oldest) => {
            // The log is held at the older of two snapshots, in case the newer one turns out damaged; a lone one frees
            // nothing.
            if oldest < job.batch {
                hold.advance(oldest);
            }
            progress.published.store(job.batch, Ordering::Release);
        }
        Err(error) => warn!(batch = job.batch, %error, "snapshot not published; the previous one stays in force"),
    }
}
