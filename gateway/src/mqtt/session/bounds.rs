//! Bounds of what waits for clients, what a connection takes, and the counts of what became of messages.

use crate::mqtt::wire::Version;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What all clients share: the bytes of messages held for them, and the counts of what became of messages.
#[derive(Debug, Default)]
pub struct Pool {
    pub(super) held: AtomicUsize,
    max: usize,
    counts: [AtomicU64; 5],
}

impl Pool {
    /// An empty pool that takes up to `max` bytes.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, ..Self::default() })
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// What became of messages since start.
    pub fn tally(&self) -> Tally {
        let [sent, dropped_slow, dropped_queue, expired, too_large] =
            self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Tally { sent, dropped_slow, dropped_queue, expired, too_large }
    }

    pub(super) fn add(&self, tally: Tally) {
        let Tally { sent, dropped_slow, dropped_queue, expired, too_large } = tally;
        for (count, n) in self.counts.iter().zip([sent, dropped_slow, dropped_queue, expired, too_large]) {
            if n > 0 {
                count.fetch_add(n, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.held() > self.max
    }
}

/// Bounds of one client.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Messages waiting.
    pub queue_messages_max: usize,
    /// Bytes of messages waiting or in flight.
    pub queue_bytes_max: usize,
    /// The bound of all clients together.
    pub pool: Arc<Pool>,
    /// Bytes ready for the socket.
    pub ready_bytes_max: usize,
    /// Flights.
    pub inflight_max: u16,
}

/// What this client's connection can take.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Protocol generation.
    pub version: Version,
    /// Largest packet it takes.
    pub packet_bytes_max: u32,
    /// QoS 1 and 2 messages it takes unacknowledged.
    pub window: u16,
}

/// Counts of what happened to messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// PUBLISH packets encoded, redeliveries included.
    pub sent: u64,
    /// QoS 0 messages dropped because the client reads too slowly.
    pub dropped_slow: u64,
    /// Oldest messages dropped because the queue was full.
    pub dropped_queue: u64,
    /// Messages dropped because their expiry had passed.
    pub expired: u64,
    /// Messages larger than the client's maximum packet size.
    pub too_large: u64,
}
