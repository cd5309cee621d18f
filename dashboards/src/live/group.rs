//! Viewers with the same filter and pace: they share each encoded frame.
//!
//! ```text
//! apply(batch) ─▶ changed ─▶ group task: wait for its pace, collect since `seen`, encode once ─▶ newest frame
//!                                                                    │ watch: only the newest is kept
//!                                       viewer in step: send the shared bytes ◀┤
//!                                       viewer behind:  one delta of its own, from its cursor ◀┘
//! ```
//!
//! A frame says for whom it is: viewers that stand between `base` (end of the frame before) and `from` (what the group
//! had looked at; nothing for this filter lies between). Everybody else is behind and catches up with a coalesced delta
//! that ends at the group's `seen`, so that it is in step again. Catching up is cached by where it starts, because
//! viewers that fall behind mostly do so together.
//!
//! The state behind `held` is a superset of what any viewer of the group holds inside the box: snapshots and catch-ups
//! add to it, and a change outside the box removes from it and is named in `removed`.
//!
//! Memory: one newest frame, one snapshot, at most [`CATCH_UPS_MAX`] catch-ups, and the ids inside the box.

use super::Inner;
use super::cursor::Cursor;
use super::delta::{Delta, Held, Leaving};
use super::filter::{Filter, GroupKey};
use super::frame;
use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Most catch-up frames kept for viewers at the same place.
const CATCH_UPS_MAX: usize = 8;
/// A snapshot is shared by viewers that come within this time of each other.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_millis(500);

/// One encoded frame and where it leads.
pub struct Frame {
    base: u64,
    from: u64,
    /// Version after it.
    pub to: u64,
    /// What goes on the wire; empty when there is nothing to say.
    pub bytes: Utf8Bytes,
}

/// Viewers with one filter and pace.
pub struct Group {
    /// What they see.
    pub filter: Filter,
    fingerprint: u32,
    interval: Duration,
    frames: watch::Sender<Arc<Frame>>,
    state: Mutex<State>,
}

struct State {
    seen: u64,
    published: u64,
    held: Held,
    catch_ups: Vec<(u64, Arc<Frame>)>,
    snapshot: Option<(Instant, Arc<Frame>)>,
}

/// Where a viewer that joins comes from.
pub enum Origin {
    /// From nowhere, or from a place that is not remembered.
    Fresh,
    /// It stood at this version under the same filter.
    Same(u64),
    /// It stood at this version under another filter.
    Other(u64, Filter),
}

impl Group {
    /// A group that starts at the newest version.
    pub fn new(filter: Filter, interval_us: u64, version: u64) -> Self {
        let empty = Frame { base: version, from: version, to: version, bytes: Utf8Bytes::default() };
        Self {
            filter,
            fingerprint: filter.fingerprint(),
            interval: Duration::from_micros(interval_us),
            frames: watch::Sender::new(Arc::new(empty)),
            state: Mutex::new(State {
                seen: version,
                published: version,
                held: Held::default(),
                catch_ups: vec![],
                snapshot: None,
            }),
        }
    }

    /// The key under which the group is found.
    pub fn key(&self) -> GroupKey {
        self.filter.key(self.interval.as_micros() as u64)
    }

    /// The cursor of a viewer of this group at `version`.
    pub fn cursor(&self, live: &Inner, version: u64) -> Cursor {
        Cursor { epoch: live.config.epoch, version, filter: self.fingerprint }
    }

    /// Nobody listens any more.
    pub fn is_deserted(&self) -> bool {
        self.frames.receiver_count() == 0
    }

    /// Takes a place among the listeners without a first frame; [`Group::first`] gives that.
    pub fn listen(&self) -> watch::Receiver<Arc<Frame>> {
        self.frames.subscribe()
    }

    /// The first frame for a viewer that has just begun to listen, and frames from there on reach it by the watch.
    pub fn first(&self, live: &Inner, origin: Origin, listener: &mut watch::Receiver<Arc<Frame>>) -> Arc<Frame> {
        let mut state = self.state.lock();
        let version = match origin {
            Origin::Fresh => None,
            Origin::Same(version) | Origin::Other(version, _) => Some(version),
        };
        if version.is_some_and(|v| v > state.seen) {
            self.advance_locked(live, &mut state);
        }
        listener.mark_unchanged();
        let frame = match origin {
            Origin::Fresh => self.snapshot(live, &mut state, 0),
            Origin::Same(version) => self.catch_up_locked(live, &mut state, version),
            Origin::Other(version, old) => self.changed_filter(live, &mut state, version, &old),
        };
        if frame.to < state.seen {
            // A snapshot made a moment ago: the frames since then are still to be taken.
            listener.mark_changed();
        }
        frame
    }

    /// What a viewer at `version` needs to be in step again.
    pub fn catch_up(&self, live: &Inner, version: u64) -> Arc<Frame> {
        live.stats.catch_ups.fetch_add(1, Relaxed);
        self.catch_up_locked(live, &mut self.state.lock(), version)
    }

    /// The version up to which a viewer that has taken all frames has seen everything; none while one waits for it.
    pub fn settled(&self, listener: &watch::Receiver<Arc<Frame>>) -> Option<u64> {
        let state = self.state.lock();
        matches!(listener.has_changed(), Ok(false)).then_some(state.seen)
    }

    /// Looks at what has changed and publishes a frame if there is something to tell.
    pub fn advance(&self, live: &Inner) {
        self.advance_locked(live, &mut self.state.lock());
    }

    fn advance_locked(&self, live: &Inner, state: &mut State) {
        let store = live.store.read();
        let (seen, version) = (state.seen, store.version());
        if version == seen {
            return;
        }
        let delta =
            store.reaches(seen).then(|| store.delta(seen, &self.filter, &mut state.held, Leaving::Held, version));
        drop(store);
        state.catch_ups.clear();
        state.seen = version;
        let (base, from, bytes) = match delta {
            Some(delta) if delta.is_empty() => return,
            Some(delta) => {
                let cursor = self.cursor(live, version);
                (state.published, seen, frame::delta(&delta, cursor, live.clock.now()))
            }
            // More happened at once than is remembered: nobody is in step, each viewer asks and gets a snapshot.
            None => (version, version, Utf8Bytes::default()),
        };
        state.published = version;
        live.stats.frames_encoded.fetch_add(1, Relaxed);
        self.frames.send_replace(Arc::new(Frame { base, from, to: version, bytes }));
    }

    fn catch_up_locked(&self, live: &Inner, state: &mut State, version: u64) -> Arc<Frame> {
        if let Some((_, frame)) = state.catch_ups.iter().find(|(from, _)| *from == version) {
            return frame.clone();
        }
        let store = live.store.read();
        if !store.reaches(version) {
            drop(store);
            return self.snapshot(live, state, state.seen);
        }
        let delta = store.delta(version, &self.filter, &mut state.held, Leaving::Changed, state.seen);
        drop(store);
        let frame = self.own_frame(live, state, version, &delta);
        if state.catch_ups.len() == CATCH_UPS_MAX {
            state.catch_ups.remove(0);
        }
        state.catch_ups.push((version, frame.clone()));
        frame
    }

    fn changed_filter(&self, live: &Inner, state: &mut State, version: u64, old: &Filter) -> Arc<Frame> {
        let store = live.store.read();
        if !store.reaches(version) {
            drop(store);
            return self.snapshot(live, state, state.seen);
        }
        let delta = store.difference(version, old, &self.filter, &mut state.held, state.seen);
        drop(store);
        self.own_frame(live, state, version, &delta)
    }

    fn own_frame(&self, live: &Inner, state: &State, from: u64, delta: &Delta) -> Arc<Frame> {
        let bytes = if delta.is_empty() {
            Utf8Bytes::default()
        } else {
            live.stats.frames_encoded.fetch_add(1, Relaxed);
            frame::delta(delta, self.cursor(live, state.seen), live.clock.now())
        };
        Arc::new(Frame { base: from, from, to: state.seen, bytes })
    }

    /// A snapshot that is not older than `version`, made anew when the one at hand is too old.
    fn snapshot(&self, live: &Inner, state: &mut State, version: u64) -> Arc<Frame> {
        if let Some((made, frame)) = &state.snapshot
            && frame.to >= version
            && made.elapsed() < SNAPSHOT_AGE_MAX
            && live.store.read().reaches(frame.to)
        {
            return frame.clone();
        }
        let all = live.store.read().snapshot(&self.filter, &mut state.held);
        live.stats.snapshots_encoded.fetch_add(1, Relaxed);
        let bytes = frame::snapshot(&all, self.cursor(live, state.seen), live.clock.now());
        let frame = Arc::new(Frame { base: 0, from: 0, to: state.seen, bytes });
        state.snapshot = Some((Instant::now(), frame.clone()));
        frame
    }

    /// Keeps the group's frames coming until nobody listens or the hub stops.
    pub async fn run(self: Arc<Self>, live: Arc<Inner>) {
        let mut changed = live.changed.subscribe();
        changed.mark_changed();
        let mut next = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = live.stop.cancelled() => return,
                () = self.frames.closed() => {
                    if live.retire(&self) {
                        return;
                    }
                    continue;
                }
                told = changed.changed() => {
                    if told.is_err() {
                        return;
                    }
                }
            }
            if !self.interval.is_zero() {
                tokio::time::sleep_until(next).await;
                changed.mark_unchanged();
            }
            self.advance(&live);
            next = tokio::time::Instant::now() + self.interval;
        }
    }
}

impl Frame {
    /// Whether a viewer at `version` may take this frame as its next.
    pub fn follows(&self, version: u64) -> bool {
        (self.base..=self.from).contains(&version)
    }
}
