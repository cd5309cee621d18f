//! Past moments from this hub's own log: finds where the replay begins, and gives each moment a live tier of its own.

use crate::config::Config;
use crate::state;
use greenhub_dashboards::live::{Live, LiveConfig};
use greenhub_dashboards::past::PastMoments;
use greenhub_dashboards::ports::{PastPort, PastState, PastView, PortFailure};
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::ReceivedTime;
use greenhub_storage::log::{Clock, OfflineReader};
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{Offline, Past};
use parking_lot::Mutex;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Viewers of one moment.
const VIEWERS_MAX: usize = 20;
/// How often idle moments are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Opens past moments from the log in a data directory.
pub struct PastLog {
    log: PathBuf,
    snapshots: PathBuf,
}

impl PastLog {
    /// The log of this configuration.
    pub fn of(config: &Config) -> Self {
        Self { log: state::log_directory(&config.data), snapshots: config.data.join("snapshots") }
    }
}

impl PastPort for PastLog {
    fn open(&self, at: ReceivedTime, speed: f64) -> Result<Arc<dyn PastView>, PortFailure> {
        let failed = |error: &dyn Error| PortFailure(format!("历史记录无法读取：{error}"));
        let mut first = OfflineReader::open(&self.log, 0).map_err(|e| failed(&e))?;
        let Some(oldest) = first.next().map_err(|e| failed(&e))? else {
            return Err(PortFailure("还没有任何记录".into()));
        };
        let store = SnapshotStore::beside(&self.snapshots);
        let snapshot = store.landmark_before(at, oldest.number).map_err(|e| failed(&e))?;
        if snapshot.is_none() && (oldest.number > 1 || oldest.received > at) {
            return Err(PortFailure("该时刻早于保留的记录，请选择更晚的时间".into()));
        }
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.batch + 1);
        let source = Offline(OfflineReader::open(&self.log, from).map_err(|e| failed(&e))?);
        let clock = Arc::new(PlayingClock::default());
        let live = Live::new(LiveConfig { viewers_max: VIEWERS_MAX, ..LiveConfig::new() }, clock.clone());
        let shown = live.clone();
        let show = move |output: &_| shown.apply(output);
        let past = Past::open(source, snapshot.as_ref(), Arc::new(JsonDecoder), (at, speed), show);
        let past = Arc::new(past.map_err(|e| failed(&e))?);
        *clock.0.lock() = Some(past.clone());
        Ok(Arc::new(Moment { live, clock, past }))
    }
}

/// The clock on the frames of a past moment: its own.
#[derive(Default)]
struct PlayingClock(Mutex<Option<Arc<Past>>>);

impl Clock for PlayingClock {
    fn now(&self) -> ReceivedTime {
        self.0.lock().as_ref().map_or(ReceivedTime(0), |past| past.state().now)
    }
}

struct Moment {
    live: Live,
    clock: Arc<PlayingClock>,
    past: Arc<Past>,
}

impl PastView for Moment {
    fn live(&self) -> Live {
        self.live.clone()
    }

    fn state(&self) -> PastState {
        let state = self.past.state();
        PastState { now: state.now.millis(), speed: state.speed, ready: state.ready, ended: state.ended }
    }

    fn failure(&self) -> Option<String> {
        self.past.failure()
    }

    fn set_speed(&self, speed: f64) {
        self.past.set_speed(speed);
    }
}

impl Drop for Moment {
    /// Viewers are told to go; the clock lets go of the replay, which ends with its last owner.
    fn drop(&mut self) {
        self.clock.0.lock().take();
        let live = self.live.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { live.close().await });
        }
    }
}

/// Closes moments that nobody asks about any more, until `stop`.
pub async fn close_idle(moments: Arc<PastMoments>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while tokio::time::timeout(SWEEP_EVERY, stop.cancelled()).await.is_err() {
        let (moments, now) = (moments.clone(), clock.now());
        // Closing waits for the replay's thread.
        if let Err(error) = tokio::task::spawn_blocking(move || moments.sweep(now)).await {
            tracing::warn!(%error, "idle past moments could not be closed");
        }
    }
}
