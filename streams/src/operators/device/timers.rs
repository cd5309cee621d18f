//! Deadlines of devices, earliest first, lazily kept: each device has one armed entry at most as late as its true
//! deadline. Moving a deadline back costs nothing (the entry fires early, finds nothing due and is armed again); moving
//! it forward adds an entry and leaves the old one to be ignored. So a message per second and device costs no heap work.
//!
//! Bounded: a device adds an entry only when its deadline moves forward past the armed one, and every entry leaves at its
//! time. The heap is no state: it is built again from the devices after a restart, and what fires at a batch depends on
//! the devices alone.

use greenhub_model::ReceivedTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The deadline of a device that waits for nothing.
pub(super) const NEVER: i64 = i64::MAX;

#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Timers {
    /// Makes sure that device `slot` is looked at by `deadline` (µs, [`NEVER`] for none). `armed` is the device's own
    /// memory of its earliest entry.
    pub(super) fn arm(&mut self, slot: u32, armed: &mut i64, deadline: i64) {
        if deadline < *armed {
            *armed = deadline;
            self.heap.push(Reverse((deadline, slot)));
        }
    }

    /// The devices with an entry due at `now`, each with its entry's time, in no particular order.
    pub(super) fn due(&mut self, now: ReceivedTime, mut each: impl FnMut(u32, i64)) {
        while let Some(Reverse((at, slot))) = self.heap.peek().copied() {
            if at > now.0 {
                return;
            }
            self.heap.pop();
            each(slot, at);
        }
    }

    /// When the next entry is due.
    pub(super) fn next(&self) -> Option<ReceivedTime> {
        self.heap.peek().map(|Reverse((at, _))| ReceivedTime(*at))
    }
}
