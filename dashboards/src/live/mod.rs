//! Live tier: the newest state of everything in memory, and its changes to every viewer by WebSocket.
//!
//! ```text
//! outputs of a batch ─▶ Live::apply ─▶ store (tables, events, one version per batch)
//!                                        │ watch: version
//!                          group per (filter, pace): encode once ─▶ viewers: send, or catch up from their cursor
//! ```
//!
//! A viewer is a cursor and at most one frame on its way. While its socket is not ready nothing is kept for it; when it
//! is ready again it gets one delta from its cursor with the newest state of everything that changed, and every alarm
//! event in between. What it cannot take within [`LiveConfig::send_timeout`] closes it, and it is counted.
//!
//! Cost: an update is a hash look-up and a clone; a frame is encoded once per group; a viewer in step costs one wake-up
//! and one system call per frame.
//!
//! **Deliberately absent**: history, and any rule about what an update means.

mod cursor;
mod delta;
mod filter;
mod frame;
mod group;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod viewer;

pub use cursor::Cursor;
pub use filter::{Filter, Subscribe, Topic};
pub use viewer::{CLIENT_MESSAGE_BYTES_MAX, NoticeFeed, SessionCheck, serve_viewer};

use filter::{GroupKey, Wish};
use greenhub_model::order::Order;
use greenhub_model::output::Flood;
use greenhub_model::view::{DeviceView, UnitView};
use greenhub_model::{Alarm, AlarmId, BatchOutput, Class, DeviceId, OrderId};
use greenhub_storage::log::Clock;
use group::{Frame, Group, Origin};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use store::{Bounds, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds and identity of the live state.
#[derive(Debug, Clone)]
pub struct LiveConfig {
    /// Life of this process; drawn at random by [`LiveConfig::new`].
    pub epoch: u64,
    /// Most units, devices and alarms, each.
    pub things_max: usize,
    /// Most orders; a page reads what is beyond as a list.
    pub orders_max: usize,
    /// Removals remembered for viewers that resume, of each kind.
    pub tombstones_max: usize,
    /// Alarm events remembered for viewers that resume.
    pub events_max: usize,
    /// Most viewers at a time.
    pub viewers_max: usize,
    /// A viewer that cannot take a frame for so long is closed.
    pub send_timeout: Duration,
    /// Longest silence on a socket: an `alive` message breaks it.
    pub alive_every: Duration,
    /// A viewer that has not been heard (answers to our pings count) for so long is closed.
    pub unheard_max: Duration,
}

impl LiveConfig {
    /// Defaults, with a fresh epoch.
    pub fn new() -> Self {
        let epoch = getrandom::u64().expect("the system has randomness once it has started");
        Self {
            epoch,
            things_max: 200_000,
            orders_max: 5_000,
            tombstones_max: 10_000,
            events_max: 16_384,
            viewers_max: 10_000,
            send_timeout: Duration::from_secs(10),
            alive_every: Duration::from_secs(5),
            unheard_max: Duration::from_secs(60),
        }
    }
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Counters of the live tier.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) viewers: AtomicU64,
    pub(crate) viewers_opened: AtomicU64,
    pub(crate) viewers_refused: AtomicU64,
    pub(crate) closed_slow: AtomicU64,
    pub(crate) closed_unheard: AtomicU64,
    pub(crate) frames_encoded: AtomicU64,
    pub(crate) snapshots_encoded: AtomicU64,
    pub(crate) catch_ups: AtomicU64,
    pub(crate) frames_sent: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
}

/// The live tier in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveStats {
    /// Version of the newest change.
    pub version: u64,
    /// Newest applied batch.
    pub batch: u64,
    /// Units shown.
    pub units: usize,
    /// Devices shown.
    pub devices: usize,
    /// Standing alarms.
    pub alarms: usize,
    /// Open orders.
    pub orders: usize,
    /// New things that found their table full.
    pub turned_away: u64,
    /// Groups of viewers.
    pub groups: usize,
    /// Viewers connected now.
    pub viewers: u64,
    /// Viewers ever.
    pub viewers_opened: u64,
    /// Viewers turned away because there were too many.
    pub viewers_refused: u64,
    /// Viewers closed because they could not take a frame in time.
    pub closed_slow: u64,
    /// Viewers closed because they were not heard.
    pub closed_unheard: u64,
    /// Deltas encoded.
    pub frames_encoded: u64,
    /// Snapshots encoded.
    pub snapshots_encoded: u64,
    /// Times a viewer was behind and caught up.
    pub catch_ups: u64,
    /// Frames sent to viewers.
    pub frames_sent: u64,
    /// Bytes of frames sent to viewers.
    pub bytes_sent: u64,
}

/// The live state and its viewers. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: LiveConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: RwLock<Store>,
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) stats: Stats,
    pub(crate) stop: CancellationToken,
    groups: Mutex<HashMap<GroupKey, Arc<Group>>>,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

/// A viewer's place in its group.
pub(crate) struct Joined {
    pub(crate) group: Arc<Group>,
    pub(crate) listener: watch::Receiver<Arc<Frame>>,
    pub(crate) first: Arc<Frame>,
}

impl Live {
    /// An empty live state. `clock` stamps the frames.
    pub fn new(config: LiveConfig, clock: Arc<dyn Clock>) -> Self {
        let bounds = Bounds {
            things: config.things_max,
            orders: config.orders_max,
            tombstones: config.tombstones_max,
            events: config.events_max,
        };
        let places = Arc::new(Semaphore::new(config.viewers_max));
        let inner = Inner {
            clock,
            store: RwLock::new(Store::new(bounds)),
            changed: watch::Sender::new(0),
            stats: Stats::default(),
            stop: CancellationToken::new(),
            groups: Mutex::new(HashMap::new()),
            tasks: TaskTracker::new(),
            places,
            config,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes over the outputs of one batch, whole: no viewer sees half of it.
    pub fn apply(&self, output: &BatchOutput) {
        let version = {
            let mut store = self.inner.store.write();
            if !store.apply(output) {
                return;
            }
            store.version()
        };
        self.inner.changed.send_replace(version);
    }

    /// Takes over orders as the order book has them: all open ones at the start, each changed one later. Order triggers
    /// of batches up to `known_to` are in the book already and are skipped by [`Live::apply`].
    pub fn put_orders(&self, orders: &[Order], known_to: u64) {
        let version = {
            let mut store = self.inner.store.write();
            store.put_orders(orders, known_to);
            store.version()
        };
        self.inner.changed.send_replace(version);
    }

    /// A unit as it stands.
    pub fn unit(&self, id: &DeviceId) -> Option<UnitView> {
        self.inner.store.read().units.get(id).map(|s| s.value.clone())
    }

    /// Units after `after` in the order of their ids, at most `limit`.
    pub fn units(&self, after: Option<&DeviceId>, limit: usize) -> Vec<UnitView> {
        self.inner.store.read().units.after(after).take(limit).map(|s| s.value.clone()).collect()
    }

    /// A device as it stands.
    pub fn device(&self, id: &DeviceId) -> Option<DeviceView> {
        self.inner.store.read().devices.get(id).map(|s| s.value.clone())
    }

    /// Devices of `class` (or of all) after `after` in the order of their ids, at most `limit`.
    pub fn devices(&self, class: Option<Class>, after: Option<&DeviceId>, limit: usize) -> Vec<DeviceView> {
        let store = self.inner.store.read();
        let wanted = store.devices.after(after).filter(|s| class.is_none_or(|c| s.value.class == c));
        wanted.take(limit).map(|s| s.value.clone()).collect()
    }

    /// A standing alarm.
    pub fn alarm(&self, id: &AlarmId) -> Option<Alarm> {
        self.inner.store.read().alarms.get(id).map(|s| s.value.clone())
    }

    /// An alarm that stands, or the last state of one that has ended a short while ago.
    pub fn last_alarm(&self, id: &AlarmId) -> Option<Alarm> {
        self.inner.store.read().alarms.last(id).map(|s| s.value.clone())
    }

    /// Desks in flood now.
    pub fn floods(&self) -> Vec<Flood> {
        self.inner.store.read().floods()
    }

    /// One open order.
    pub fn order(&self, id: &OrderId) -> Option<Order> {
        self.inner.store.read().orders.get(id).map(|s| s.value.clone())
    }

    /// The live tier in numbers.
    pub fn stats(&self) -> LiveStats {
        let stats = &self.inner.stats;
        let groups = self.inner.groups.lock().len();
        let store = self.inner.store.read();
        let turned_away = store.units.turned_away()
            + store.devices.turned_away()
            + store.alarms.turned_away()
            + store.orders.turned_away();
        LiveStats {
            version: store.version(),
            batch: store.batch(),
            units: store.units.len(),
            devices: store.devices.len(),
            alarms: store.alarms.len(),
            orders: store.orders.len(),
            turned_away,
            groups,
            viewers: stats.viewers.load(Relaxed),
            viewers_opened: stats.viewers_opened.load(Relaxed),
            viewers_refused: stats.viewers_refused.load(Relaxed),
            closed_slow: stats.closed_slow.load(Relaxed),
            closed_unheard: stats.closed_unheard.load(Relaxed),
            frames_encoded: stats.frames_encoded.load(Relaxed),
            snapshots_encoded: stats.snapshots_encoded.load(Relaxed),
            catch_ups: stats.catch_ups.load(Relaxed),
            frames_sent: stats.frames_sent.load(Relaxed),
            bytes_sent: stats.bytes_sent.load(Relaxed),
        }
    }

    /// Closes all viewers and waits until their groups have ended.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// A place for one more viewer, or none when there are too many; the place is free again when it is dropped.
    pub(crate) fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.inner.places.clone().try_acquire_owned().ok();
        if place.is_none() {
            self.inner.stats.viewers_refused.fetch_add(1, Relaxed);
        }
        place
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Joins the group of the wish; `standing` is where the viewer stands now, if it stands anywhere.
    pub(crate) fn join(&self, wish: &Wish, standing: Option<(Filter, u64)>) -> Joined {
        let inner = &self.inner;
        let (group, mut listener) = inner.enter(wish);
        let fingerprint = wish.filter.fingerprint();
        let cursor = wish.resume.as_deref().and_then(Cursor::parse).filter(|c| c.epoch == inner.config.epoch);
        let origin = match (cursor, standing) {
            (Some(cursor), _) if cursor.filter == fingerprint => Origin::Same(cursor.version),
            (Some(cursor), Some((old, at))) if cursor.filter == old.fingerprint() && cursor.version <= at => {
                Origin::Other(cursor.version, old)
            }
            _ => Origin::Fresh,
        };
        let first = group.first(inner, origin, &mut listener);
        Joined { group, listener, first }
    }
}

impl Inner {
    fn enter(self: &Arc<Self>, wish: &Wish) -> (Arc<Group>, watch::Receiver<Arc<Frame>>) {
        let key = wish.filter.key(wish.interval_us);
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(&key) {
            return (group.clone(), group.listen());
        }
        let version = self.store.read().version();
        let group = Arc::new(Group::new(wish.filter, wish.interval_us, version));
        let listener = group.listen();
        self.tasks.spawn(group.clone().run(self.clone()));
        groups.insert(key, group.clone());
        (group, listener)
    }

    /// Forgets a group that nobody listens to; `false` when somebody has come back in between.
    pub(crate) fn retire(&self, group: &Group) -> bool {
        let mut groups = self.groups.lock();
        if !group.is_deserted() {
            return false;
        }
        groups.remove(&group.key());
        true
    }
}
