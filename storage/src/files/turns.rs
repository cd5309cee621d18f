//! One writer for each upload. A phone that lost its network comes back on a new connection while the old one still hangs,
//! so whoever comes later is let in at once: the one who writes is asked to stop, keeps what it has, and goes.
//!
//! **Bound.** An upload has an entry only while somebody holds or waits for its turn.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, watch};

/// How long the one who writes may take to stop.
const YIELD_MAX: Duration = Duration::from_secs(20);

/// Who writes what.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeMap<String, Arc<Turn>>>>);

#[derive(Debug)]
struct Turn {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// How many have come so far.
    comers: watch::Sender<u64>,
}

/// The turn of one who came; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    number: u64,
    comers: watch::Receiver<u64>,
    guard: Option<OwnedMutexGuard<()>>,
    turn: Option<Arc<Turn>>,
    turns: Turns,
    id: String,
}

impl Turns {
    /// Waits for the turn; none when the one who writes does not stop.
    pub(super) async fn take(&self, id: &str) -> Option<Held> {
        let (turn, number) = {
            let mut turns = self.0.lock();
            let new = || Arc::new(Turn { lock: Arc::default(), comers: watch::Sender::new(0) });
            let turn = turns.entry(id.to_owned()).or_insert_with(new).clone();
            turn.comers.send_modify(|comers| *comers += 1);
            let number = *turn.comers.borrow();
            (turn, number)
        };
        let (lock, comers) = (turn.lock.clone(), turn.comers.subscribe());
        // Made before waiting, so that an entry is tidied away also when the wait is in vain or cut.
        let mut held = Held { number, comers, guard: None, turn: Some(turn), turns: self.clone(), id: id.to_owned() };
        held.guard = Some(tokio::time::timeout(YIELD_MAX, lock.lock_owned()).await.ok()?);
        Some(held)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Held {
    /// Resolves when somebody else waits.
    pub(super) async fn wanted(&mut self) {
        let number = self.number;
        // The sender lives in our own turn, so it cannot have gone.
        if self.comers.wait_for(|comers| *comers > number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut turns = self.turns.0.lock();
        drop(self.guard.take());
        drop(self.turn.take());
        if turns.get(&self.id).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[tokio::test]
    async fn who_comes_later_is_let_in_and_nothing_is_left() {
        let turns = Turns::default();
        let mut first = turns.take("a").await.expect("free");
        let other = turns.take("b").await.expect("another upload is free");
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take("a").await.expect("the first goes").number }
        });
        first.wanted().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.expect("no panic"), 2);
        drop(other);
        assert_eq!(turns.len(), 0);
    }
}
