//! Past moments that are open: a bounded list of live tiers fed by the recorded log, each with an end.
//!
//! A moment belongs to who opened it and is watched through the same socket protocol as the present. It closes when it
//! is deleted, when nobody has asked about it for [`IDLE`], or when a newer one of the same person pushes it out.

use crate::ports::{PastPort, PastView, PortFailure};
use greenhub_model::ReceivedTime;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Moments open at a time, of all people together.
pub const OPEN_MAX: usize = 4;
/// Closed when nobody has asked about it for so long, milliseconds.
pub const IDLE_MS: i64 = 120_000;

/// Why a moment was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// As many as there may be are open, all of other people.
    #[error("{OPEN_MAX} past moments are open already")]
    TooMany,
    /// The log cannot give it.
    #[error(transparent)]
    Port(#[from] PortFailure),
}

struct Open {
    owner: String,
    asked_at: i64,
    view: Arc<dyn PastView>,
}

/// The open moments, by id.
pub struct PastMoments {
    port: Arc<dyn PastPort>,
    open: Mutex<BTreeMap<u64, Open>>,
}

impl PastMoments {
    /// None open yet.
    pub fn new(port: Arc<dyn PastPort>) -> Self {
        Self { port, open: Mutex::new(BTreeMap::new()) }
    }

    /// Opens the moment `at` for `owner`, whose earlier one is closed.
    pub fn open(&self, owner: &str, at: ReceivedTime, speed: f64, now: ReceivedTime) -> Result<u64, OpenFailure> {
        self.sweep(now);
        if self.open.lock().values().filter(|open| open.owner != owner).count() >= OPEN_MAX {
            return Err(OpenFailure::TooMany);
        }
        // Only what could be opened pushes the earlier one out.
        let view = self.port.open(at, speed)?;
        let id = getrandom::u64().map_err(|error| PortFailure(format!("draw an id: {error}")))? >> 12;
        let replaced: Vec<Open> = {
            let mut open = self.open.lock();
            let mine: Vec<u64> = open.iter().filter(|(_, o)| o.owner == owner).map(|(id, _)| *id).collect();
            let replaced = mine.iter().filter_map(|id| open.remove(id)).collect();
            open.insert(id, Open { owner: owner.to_owned(), asked_at: now.millis(), view });
            replaced
        };
        // Closing one waits for its thread; nobody else should wait for that.
        drop(replaced);
        Ok(id)
    }

    /// The moment `id` of `owner`; asking keeps it open.
    pub fn get(&self, owner: &str, id: u64, now: ReceivedTime) -> Option<Arc<dyn PastView>> {
        self.sweep(now);
        let mut open = self.open.lock();
        let found = open.get_mut(&id).filter(|o| o.owner == owner)?;
        found.asked_at = now.millis();
        Some(found.view.clone())
    }

    /// Closes the moment `id` of `owner`; false where there is none.
    pub fn close(&self, owner: &str, id: u64) -> bool {
        let closed = {
            let mut open = self.open.lock();
            match open.get(&id).is_some_and(|o| o.owner == owner) {
                true => open.remove(&id),
                false => None,
            }
        };
        closed.is_some()
    }

    /// Closes what nobody asks about any more.
    pub fn sweep(&self, now: ReceivedTime) {
        let mut open = self.open.lock();
        let old = |o: &Open| now.millis() - o.asked_at > IDLE_MS;
        let ids: Vec<u64> = open.iter().filter(|(_, o)| old(o)).map(|(id, _)| *id).collect();
        let closed: Vec<Open> = ids.iter().filter_map(|id| open.remove(id)).collect();
        drop(open);
        drop(closed);
    }
}
