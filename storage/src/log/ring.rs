//! The newest batches in memory, shared by all readers.

use greenhub_model::Batch;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// Most memory the ring keeps alive, the newest batch excepted.
const RING_BYTES: usize = 32 * 1024 * 1024;
/// Most batches in the ring.
const RING_BATCHES: usize = 4096;

#[derive(Default)]
pub(super) struct Ring {
    inside: Mutex<Inside>,
    bell: Condvar,
    /// For readers that wait in a task.
    pub arrivals: Notify,
}

#[derive(Default)]
struct Inside {
    batches: VecDeque<Batch>,
    bytes: usize,
    closed: bool,
}

/// What the ring knows of a batch number.
pub(super) enum Found {
    Here(Batch),
    /// Committed earlier than what the ring still has.
    Older,
    /// Not committed yet.
    NotYet,
    /// Not committed and never will be.
    Closed,
}

impl Inside {
    fn find(&self, number: u64, committed: u64) -> Found {
        if number > committed {
            return if self.closed { Found::Closed } else { Found::NotYet };
        }
        let Some(front) = self.batches.front() else { return Found::Older };
        match number.checked_sub(front.number).and_then(|index| self.batches.get(index as usize)) {
            Some(batch) => Found::Here(batch.clone()),
            None => Found::Older,
        }
    }
}

impl Ring {
    /// Adds the newest batch; returns the buffer of one that fell out, when nobody else reads it.
    pub(super) fn push(&self, batch: Batch) -> Option<Vec<u8>> {
        let mut inside = self.inside.lock();
        inside.bytes += batch.bytes.capacity();
        inside.batches.push_back(batch);
        let mut reusable = None;
        while inside.batches.len() > 1 && (inside.bytes > RING_BYTES || inside.batches.len() > RING_BATCHES) {
            let Some(old) = inside.batches.pop_front() else { break };
            inside.bytes -= old.bytes.capacity();
            reusable = Arc::try_unwrap(old.bytes).ok().or(reusable);
        }
        reusable
    }

    /// Tells all waiting readers to look again.
    pub(super) fn announce(&self) {
        // Under the lock, so that a reader between its look and its wait is not missed.
        let inside = self.inside.lock();
        self.bell.notify_all();
        drop(inside);
        self.arrivals.notify_waiters();
    }

    pub(super) fn close(&self) {
        self.inside.lock().closed = true;
        self.announce();
    }

    pub(super) fn find(&self, number: u64, committed: impl Fn() -> u64) -> Found {
        self.inside.lock().find(number, committed())
    }

    /// Like [`Ring::find`], waiting for a batch that is not there yet until `deadline`.
    pub(super) fn wait(&self, number: u64, committed: impl Fn() -> u64, deadline: Instant) -> Found {
        let mut inside = self.inside.lock();
        loop {
            let found = inside.find(number, committed());
            if !matches!(found, Found::NotYet) {
                return found;
            }
            if self.bell.wait_until(&mut inside, deadline).timed_out() {
                return inside.find(number, committed());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_model::{Position, ReceivedTime};

    fn batch(number: u64, bytes: usize) -> Batch {
        let bytes = Arc::new(Vec::with_capacity(bytes));
        Batch { number, first: Position(number), count: 1, received: ReceivedTime(0), bytes }
    }

    #[test]
    fn old_batches_leave_and_hand_their_buffer_back() {
        let ring = Ring::default();
        for number in 1..=3 {
            assert!(ring.push(batch(number, RING_BYTES / 3)).is_none());
        }
        assert_eq!(ring.push(batch(4, 1000)).map(|b| b.capacity()), Some(RING_BYTES / 3));
        assert!(matches!(ring.find(1, || 4), Found::Older));
        assert!(matches!(ring.find(2, || 4), Found::Here(b) if b.number == 2));
        assert!(matches!(ring.find(4, || 4), Found::Here(b) if b.number == 4));
        assert!(matches!(ring.find(5, || 4), Found::NotYet));
        let Found::Here(read) = ring.find(2, || 4) else { panic!("it was just there") };
        assert!(ring.push(batch(5, 1000)).is_none() && ring.push(batch(6, RING_BYTES / 3)).is_none());
        assert_eq!(read.number, 2);
        ring.push(batch(7, RING_BYTES * 2));
        assert!(matches!(ring.find(6, || 7), Found::Older));
        assert!(matches!(ring.find(7, || 7), Found::Here(_)));
        ring.close();
        assert!(matches!(ring.wait(8, || 7, Instant::now()), Found::Closed));
    }

    #[test]
    fn the_number_of_batches_is_bounded() {
        let ring = Ring::default();
        for number in 1..=RING_BATCHES as u64 + 10 {
            ring.push(batch(number, 0));
        }
        assert!(matches!(ring.find(10, || 9999), Found::Older));
        assert!(matches!(ring.find(11, || 9999), Found::Here(_)));
    }
}
