//! A past moment, opened and played: the same operators over the recorded log, raced to the moment, then paced.
//!
//! [`Past::open`] starts one worker that builds the state up to `at` as fast as it can and hands every output to the
//! caller (a live tier of its own); from there on a batch is let through when its receive time has come on the playing
//! clock, which runs at `speed` times the wall clock and stands still at 0. At the end of the log it waits: there is no
//! future to show. Nothing is written; the running hub is not touched.
//!
//! **Bounds**: one thread and the operators' state per open moment; who opens them counts them. **Costs** the speed of
//! one core until the moment is reached (see `replay` in the benchmarks), next to nothing while it plays.

use crate::error::StreamsError;
use crate::host::{self, BatchSource, Fetch, Shared, Sink, Start};
use crate::operators::Parts;
use crate::restore;
use greenhub_model::decode::Decode;
use greenhub_model::{Batch, BatchOutput, ReceivedTime};
use greenhub_storage::log::LogError;
use greenhub_storage::snapshot::Snapshot;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Fastest pace, times the wall clock.
pub const SPEED_MAX: f64 = 60.0;
/// How often a batch that is not due yet is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How the playing clock stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastState {
    /// The moment it shows.
    pub now: ReceivedTime,
    /// Times the wall clock; 0 while it stands still.
    pub speed: f64,
    /// The asked moment is reached; before, the state is being built.
    pub ready: bool,
    /// The log has nothing later.
    pub ended: bool,
}

/// The playing clock, shared by the source and whoever turns it.
#[derive(Debug)]
struct Pace {
    at: ReceivedTime,
    /// Receive time of the newest batch let through.
    newest: ReceivedTime,
    speed: f64,
    /// Playing time and wall clock when the pace was last set; none before the moment is reached.
    since: Option<(ReceivedTime, Instant)>,
    ended: bool,
}

impl Pace {
    fn now(&self) -> ReceivedTime {
        match self.since {
            Some((from, wall)) => {
                let played = wall.elapsed().as_secs_f64() * self.speed * 1e6;
                ReceivedTime(from.0.saturating_add(played as i64))
            }
            None => self.newest,
        }
    }

    /// Whether a batch received at `received` is due. The first one behind the moment starts the clock there.
    fn is_due(&mut self, received: ReceivedTime) -> bool {
        if received < self.at {
            return true;
        }
        self.since.get_or_insert((self.at, Instant::now()));
        received <= self.now()
    }

    fn turn(&mut self, speed: f64) {
        if self.since.is_some() {
            self.since = Some((self.now(), Instant::now()));
        }
        self.speed = speed;
    }
}

/// A past moment that is open. Dropping it closes it.
pub struct Past {
    pace: Arc<Mutex<Pace>>,
    shared: Arc<Shared>,
    running: Mutex<Option<host::Running>>,
}

impl Past {
    /// Opens the moment `at`: `source` begins after `snapshot` (at the first batch without one), which must lie before
    /// the moment. `show` is called on the worker's thread with the output of each batch, in order.
    pub fn open<S: BatchSource + 'static>(
        source: S,
        snapshot: Option<&Snapshot>,
        decoder: Arc<dyn Decode>,
        (at, speed): (ReceivedTime, f64),
        mut show: impl FnMut(&BatchOutput) + Send + 'static,
    ) -> Result<Self, StreamsError> {
        let start = match snapshot {
            Some(snapshot) => {
                let (start, whole) = restore::read(snapshot)?;
                show(&whole);
                start
            }
            None => Start::default(),
        };
        let pace = Pace { at, newest: ReceivedTime(0), speed: checked(speed), since: None, ended: false };
        let pace = Arc::new(Mutex::new(pace));
        let shared = Arc::new(Shared::new(1));
        let source = Paced { source, held: None, pace: pace.clone() };
        let running =
            host::launch(1, start, decoder, source, Show(show), shared.clone()).map_err(StreamsError::Host)?;
        Ok(Self { pace, shared, running: Mutex::new(Some(running)) })
    }

    /// Sets the pace: times the wall clock, 0 to stand still, at most [`SPEED_MAX`].
    pub fn set_speed(&self, speed: f64) {
        self.pace.lock().turn(checked(speed));
    }

    /// How the playing clock stands.
    pub fn state(&self) -> PastState {
        let pace = self.pace.lock();
        PastState { now: pace.now(), speed: pace.speed, ready: pace.since.is_some(), ended: pace.ended }
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.lock().clone()
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(running) = self.running.get_mut().take()
            && let Err(why) = running.join()
        {
            tracing::warn!(%why, "a past moment did not close in order");
        }
    }
}

fn checked(speed: f64) -> f64 {
    if speed.is_finite() { speed.clamp(0.0, SPEED_MAX) } else { 0.0 }
}

/// Lets a batch through when the playing clock has come to it.
struct Paced<S> {
    source: S,
    held: Option<Batch>,
    pace: Arc<Mutex<Pace>>,
}

impl<S: BatchSource> BatchSource for Paced<S> {
    fn next(&mut self, wait: Duration) -> Result<Fetch, LogError> {
        let batch = match self.held.take() {
            Some(batch) => batch,
            None => match self.source.next(wait)? {
                Fetch::Batch(batch) => batch,
                Fetch::Nothing => return Ok(Fetch::Nothing),
                Fetch::End => return Ok(self.end(wait)),
            },
        };
        let mut pace = self.pace.lock();
        if pace.is_due(batch.received) {
            pace.newest = batch.received;
            return Ok(Fetch::Batch(batch));
        }
        drop(pace);
        self.held = Some(batch);
        std::thread::sleep(wait.min(LOOK_EVERY));
        Ok(Fetch::Nothing)
    }
}

impl<S> Paced<S> {
    /// Nothing later is recorded: the clock stands at the newest batch, and the worker stays for its viewers.
    fn end(&mut self, wait: Duration) -> Fetch {
        let mut pace = self.pace.lock();
        if !pace.ended {
            pace.ended = true;
            let newest = pace.newest;
            pace.since = Some((newest, Instant::now()));
            pace.speed = 0.0;
        }
        drop(pace);
        std::thread::sleep(wait.min(LOOK_EVERY));
        Fetch::Nothing
    }
}

struct Show<F>(F);

impl<F: FnMut(&BatchOutput) + Send + 'static> Sink for Show<F> {
    fn batch(&mut self, output: BatchOutput, _parts: Parts) {
        self.0(&output);
    }
}
