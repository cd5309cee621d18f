//! What the journal counts. `queued = sent + given up + waiting`, per channel, since the tables were opened: what waited
//! then counts as queued.

use greenhub_model::notify::NotifyChannel;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the times from decision to delivery, milliseconds; one more bucket has no bound.
pub const LATENCY_MS: [u64; 9] = [100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 600_000];

/// Counters of one channel.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub queued: AtomicU64,
    pub refused: AtomicU64,
    pub sent: AtomicU64,
    pub failed: AtomicU64,
    pub gave_up: AtomicU64,
    latency_ms: AtomicU64,
    within: [AtomicU64; LATENCY_MS.len() + 1],
}

/// Counters of all channels.
#[derive(Debug, Default)]
pub(super) struct Ledger([Counters; NotifyChannel::ALL.len()]);

impl Ledger {
    pub fn of(&self, channel: NotifyChannel) -> &Counters {
        let at = NotifyChannel::ALL.iter().position(|one| *one == channel).expect("ALL names every channel");
        &self.0[at]
    }

    pub fn numbers(&self) -> Vec<ChannelStats> {
        NotifyChannel::ALL.iter().map(|channel| self.of(*channel).numbers(*channel)).collect()
    }
}

impl Counters {
    /// Counts a delivery that took this long from its decision, milliseconds.
    pub fn deliver(&self, took_ms: i64) {
        let took = u64::try_from(took_ms).unwrap_or(0);
        self.sent.fetch_add(1, Relaxed);
        self.latency_ms.fetch_add(took, Relaxed);
        let bucket = LATENCY_MS.iter().position(|bound| took <= *bound).unwrap_or(LATENCY_MS.len());
        self.within[bucket].fetch_add(1, Relaxed);
    }

    fn numbers(&self, channel: NotifyChannel) -> ChannelStats {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        ChannelStats {
            channel,
            queued: load(&self.queued),
            refused: load(&self.refused),
            sent: load(&self.sent),
            failed: load(&self.failed),
            gave_up: load(&self.gave_up),
            latency_ms: load(&self.latency_ms),
            within: self.within.each_ref().map(load),
        }
    }
}

/// A channel in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelStats {
    /// The channel.
    pub channel: NotifyChannel,
    /// Deliveries that were queued.
    pub queued: u64,
    /// Deliveries that found the queue full.
    pub refused: u64,
    /// Deliveries that arrived.
    pub sent: u64,
    /// Tries in vain that were or will be made again.
    pub failed: u64,
    /// Deliveries given up.
    pub gave_up: u64,
    /// Milliseconds from decision to delivery, all together.
    pub latency_ms: u64,
    /// Deliveries by their time, one per bound of [`LATENCY_MS`] and one beyond; not cumulated.
    pub within: [u64; LATENCY_MS.len() + 1],
}

impl ChannelStats {
    /// Deliveries that wait.
    pub fn waiting(&self) -> u64 {
        self.queued.saturating_sub(self.sent + self.gave_up)
    }
}
