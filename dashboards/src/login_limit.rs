//! How often one address may try to log in: a bucket of attempts per address, refilled with time.
//!
//! It stands before the account lock: an outsider who tries many names from one place is slowed down whichever names
//! they are. Addresses of IPv6 count by their /64. At most [`ADDRESSES_MAX`] addresses are remembered; when there is no
//! room, full buckets are forgotten first, and if none is full, new addresses share one bucket.

use greenhub_model::ReceivedTime;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Addresses remembered.
pub const ADDRESSES_MAX: usize = 10_000;

/// Buckets of all addresses.
pub struct LoginLimit {
    burst: f64,
    per_second: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: ReceivedTime,
}

impl LoginLimit {
    /// At most `burst` at once and `per_minute` in the long run.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        Self {
            burst: f64::from(burst.max(1)),
            per_second: f64::from(per_minute.max(1)) / 60.0,
            buckets: Mutex::default(),
        }
    }

    /// Takes one attempt of `address`; the error is the number of seconds to wait.
    pub fn attempt(&self, address: IpAddr, now: ReceivedTime) -> Result<(), i64> {
        let mut buckets = self.buckets.lock();
        let mut key = network(address);
        if !buckets.contains_key(&key) && buckets.len() >= ADDRESSES_MAX {
            buckets.retain(|_, bucket| self.filled(*bucket, now) < self.burst);
            if buckets.len() >= ADDRESSES_MAX {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: self.burst, at: now });
        bucket.left = self.filled(*bucket, now);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(((1.0 - bucket.left) / self.per_second).ceil() as i64)
    }

    fn filled(&self, bucket: Bucket, now: ReceivedTime) -> f64 {
        let seconds = (now.0 - bucket.at.0).max(0) as f64 / 1e6;
        (bucket.left + seconds * self.per_second).min(self.burst)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> ReceivedTime {
        ReceivedTime(seconds * 1_000_000)
    }

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let limit = LoginLimit::new(2, 60);
        let here: IpAddr = "192.0.2.1".parse().expect("an address");
        let there: IpAddr = "192.0.2.2".parse().expect("an address");
        assert_eq!(limit.attempt(here, at(0)), Ok(()));
        assert_eq!(limit.attempt(here, at(0)), Ok(()));
        assert_eq!(limit.attempt(here, at(0)), Err(1));
        assert_eq!(limit.attempt(there, at(0)), Ok(()));
        assert_eq!(limit.attempt(here, at(1)), Ok(()));
        assert_eq!(limit.attempt(here, at(1)), Err(1));
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket_and_memory_is_bounded() {
        let limit = LoginLimit::new(1, 1);
        let v6 = |n: u128| IpAddr::V6(Ipv6Addr::from(n));
        assert_eq!(limit.attempt(v6(1 << 64), at(0)), Ok(()));
        assert!(limit.attempt(v6((1 << 64) + 7), at(0)).is_err());
        for n in 0..2 * ADDRESSES_MAX as u128 {
            let _some_are_refused = limit.attempt(v6((n + 2) << 64), at(0));
        }
        assert!(limit.buckets.lock().len() <= ADDRESSES_MAX + 1);
    }
}
