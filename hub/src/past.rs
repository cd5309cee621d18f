//! Past moments from this hub's own log: finds where the replay begins, and gives each moment a live tier of its own.

use crate::config::Config;
use crate::state;
use greenhub_dashboards::live::{Live, LiveConfig};
use greenhub_dashboards::past::PastMoments;
use greenhub_dashboards::ports::{PastPort, PastState, PastView, PortFailure};
use greenhub_dispatch::Orders;
use greenhub_gateway::protocols::json::JsonDecoder;
use greenhub_model::ReceivedTime;
use greenhub_storage::log::{Clock, OfflineReader};
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{Offline, Past};
use parking_lot::Mutex;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Viewers of one moment.
const VIEWERS_MAX: usize = 20;
/// How often changes of orders are shown.
const ORDERS_EVERY: Duration = Duration::from_millis(250);
/// Orders of one moment, and changes of one look.
const ORDERS_MAX: i64 = 2_000;
/// How often idle moments are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Opens past moments from the log in a data directory.
pub struct PastLog {
    log: PathBuf,
    snapshots: PathBuf,
    orders: Orders,
}

impl PastLog {
    /// The log of this configuration; orders come from their own table, by folding their acts.
    pub fn of(config: &Config, orders: Orders) -> Self {
        Self { log: state::log_directory(&config.data), snapshots: config.data.join("snapshots"), orders }
    }
}

/// Shows the orders as they stood at the moment, and each change as the clock comes to it, until `stop`.
async fn show_orders(orders: Orders, live: Live, past: Weak<Past>, at: i64, stop: CancellationToken) {
    let mut shown_to = at;
    let mut began = false;
    while tokio::time::timeout(ORDERS_EVERY, stop.cancelled()).await.is_err() {
        // Who holds the replay ends it, so it is held no longer than a look.
        let Some(now) = past.upgrade().map(|past| past.state().now.millis().max(at)) else {
            return;
        };
        let read = if began {
            orders.changed_between(shown_to, now, ORDERS_MAX).await
        } else {
            orders.open_at(at, ORDERS_MAX).await
        };
        match read {
            Ok(changed) => {
                live.put_orders(&changed, u64::MAX);
                shown_to = if began { now } else { at };
                began = true;
            }
            Err(error) => {
                tracing::warn!(%error, "the orders of a past moment cannot be read");
                return;
            }
        }
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
        // Orders are told by their own book, not by what triggered them.
        live.put_orders(&[], u64::MAX);
        let shown = live.clone();
        let show = move |output: &_| shown.apply(output);
        let past = Past::open(source, snapshot.as_ref(), Arc::new(JsonDecoder), (at, speed), show);
        let past = Arc::new(past.map_err(|e| failed(&e))?);
        *clock.0.lock() = Some(past.clone());
        let stop = CancellationToken::new();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let orders = self.orders.clone();
            runtime.spawn(show_orders(orders, live.clone(), Arc::downgrade(&past), at.millis(), stop.clone()));
        }
        Ok(Arc::new(Moment { live, clock, past, stop }))
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
    /// Ends the task that shows the orders.
    stop: CancellationToken,
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
        self.stop.cancel();
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
