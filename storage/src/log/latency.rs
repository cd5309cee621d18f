//! A histogram of durations with a quarter of an octave per bucket, cheap enough for every commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BUCKETS: usize = 128;

#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum_us: AtomicU64::new(0), max_us: AtomicU64::new(0) }
    }
}

/// Bucket of a duration: four per doubling of microseconds.
fn bucket(us: u64) -> usize {
    if us < 4 {
        return us as usize;
    }
    let octave = us.ilog2();
    let quarter = (us >> (octave - 2)) & 3;
    (octave as usize * 4 + quarter as usize - 4).min(BUCKETS - 1)
}

/// Smallest duration of the bucket after `index`.
fn upper_us(index: usize) -> u64 {
    let next = index as u64 + 1;
    if next < 4 { next } else { (4 + next % 4) << (next / 4 - 1) }
}

impl Histogram {
    pub(super) fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Latency {
        let buckets: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count = buckets.iter().sum();
        let max_us = self.max_us.load(Ordering::Relaxed);
        let quantile = |q: f64| {
            let rank = ((count as f64 * q).ceil() as u64).max(1);
            let mut seen = 0;
            let index = buckets.iter().position(|n| {
                seen += n;
                seen >= rank
            });
            index.map_or(0, |index| upper_us(index).min(max_us))
        };
        let (p50_us, p99_us) = (quantile(0.5), quantile(0.99));
        let bounds = (0..BUCKETS).map(upper_us).zip(buckets.iter().copied()).filter(|(_, n)| *n > 0).collect();
        Latency { count, sum_us: self.sum_us.load(Ordering::Relaxed), p50_us, p99_us, max_us, buckets: bounds }
    }
}

/// Durations seen since start, in microseconds; quantiles are exact to a quarter of an octave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum_us: u64,
    /// Median.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// Longest.
    pub max_us: u64,
    /// Upper bound (exclusive) and number of every bucket in use, ascending.
    pub buckets: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_below_its_bucket_bound_and_not_far_below() {
        for us in (0..5000).chain([1 << 20, (1 << 20) + 77_777, 1 << 31]) {
            let upper = upper_us(bucket(us));
            assert!(us < upper && upper <= us + us / 4 + 1, "{us} {upper}");
        }
    }

    #[test]
    fn quantiles_follow_the_counts() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read(), Latency::default());
        for us in [100; 98].into_iter().chain([5000, 9000]) {
            histogram.record(Duration::from_micros(us));
        }
        let read = histogram.read();
        assert_eq!((read.count, read.max_us, read.sum_us), (100, 9000, 98 * 100 + 14_000));
        assert!((101..=128).contains(&read.p50_us) && (5001..=6250).contains(&read.p99_us), "{read:?}");
    }
}
