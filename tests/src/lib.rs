//! The kit: the whole hub from outside. Starts the real binary and real peers on free ports in directories of their own,
//! waits for conditions instead of sleeping, and ends only what it started.

#![forbid(unsafe_code)]

pub mod api;
pub mod device;
pub mod hub;
pub mod live;
pub mod peers;
pub mod receiver;

use std::time::{Duration, Instant};

/// How long a condition may take before a test gives up. Generous: machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `condition` every 20 ms until it answers; panics after [`PATIENCE`], saying what was awaited.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = condition().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Unix milliseconds now.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock is after 1970");
    i64::try_from(since.as_millis()).expect("the year is below 292 million")
}

/// A small seeded generator (SplitMix64) for test data; prints and replays by its seed.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}
