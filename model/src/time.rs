//! Three clocks that must not be mixed: the device's, ours, and our timers'.
//!
//! Device time is data: it is judged ([`TimeRules::judge`]), never used to order the dataflow.

use serde::{Deserialize, Serialize};

/// A device's own clock, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceTime(pub i64);

/// The hub's clock when a batch was received, Unix microseconds. Stamped once per log batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceivedTime(pub i64);

impl ReceivedTime {
    /// Whole Unix milliseconds.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// Unix milliseconds with fractions, as the live socket shows them.
    pub fn millis_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
    /// From whole Unix milliseconds.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1000))
    }
}

/// A monotonic clock of the process in microseconds, for time-outs only; never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

/// Both of our clocks, read once by a shell and handed to a core.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall clock.
    pub received: ReceivedTime,
    /// Timer clock.
    pub monotonic: Monotonic,
}

/// How far a device's time can be trusted against the time of reception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimeQuality {
    /// Plausible and fresh.
    Good,
    /// The message carried no time: the receive time stands in.
    Missing,
    /// Behind the receive time by more than the rule allows: kept, never live.
    Late {
        /// Milliseconds behind the receive time.
        by_ms: i64,
    },
    /// A little ahead of us: a clock that runs fast.
    Future {
        /// Milliseconds ahead of the receive time.
        by_ms: i64,
    },
}

/// Bounds for judging device time. All values in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRules {
    /// Older than this is late.
    pub late_after_ms: i64,
    /// Further ahead than this is marked as future.
    pub future_after_ms: i64,
    /// Further ahead than this is refused.
    pub future_max_ms: i64,
    /// Older than this is refused (a clock that was never set).
    pub age_max_ms: i64,
}

impl Default for TimeRules {
    fn default() -> Self {
        Self { late_after_ms: 120_000, future_after_ms: 10_000, future_max_ms: 300_000, age_max_ms: 31 * 86_400_000 }
    }
}

/// A device time beyond what [`TimeRules`] accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRefusal {
    /// Before the oldest accepted moment.
    TooOld {
        /// Milliseconds behind the receive time.
        by_ms: i64,
    },
    /// After the latest accepted moment.
    TooFarAhead {
        /// Milliseconds ahead of the receive time.
        by_ms: i64,
    },
}

impl TimeRules {
    /// Judges `device` against `received`; `None` means that the message carried no time.
    pub fn judge(
        &self,
        device: Option<DeviceTime>,
        received: ReceivedTime,
    ) -> Result<(DeviceTime, TimeQuality), TimeRefusal> {
        let now = received.millis();
        let Some(device) = device else {
            return Ok((DeviceTime(now), TimeQuality::Missing));
        };
        let ahead = device.0.saturating_sub(now);
        if ahead > self.future_max_ms {
            return Err(TimeRefusal::TooFarAhead { by_ms: ahead });
        }
        let behind = now.saturating_sub(device.0);
        if behind > self.age_max_ms {
            return Err(TimeRefusal::TooOld { by_ms: behind });
        }
        let quality = if ahead > self.future_after_ms {
            TimeQuality::Future { by_ms: ahead }
        } else if behind > self.late_after_ms {
            TimeQuality::Late { by_ms: behind }
        } else {
            TimeQuality::Good
        };
        Ok((device, quality))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_time_is_judged_against_reception() {
        let rules = TimeRules::default();
        let now = ReceivedTime::from_millis(1_763_899_200_000);
        let at = |offset: i64| rules.judge(Some(DeviceTime(now.millis() + offset)), now);
        assert_eq!(at(0).map(|t| t.1), Ok(TimeQuality::Good));
        assert_eq!(at(-120_000).map(|t| t.1), Ok(TimeQuality::Good));
        assert_eq!(at(-120_001).map(|t| t.1), Ok(TimeQuality::Late { by_ms: 120_001 }));
        assert_eq!(at(10_001).map(|t| t.1), Ok(TimeQuality::Future { by_ms: 10_001 }));
        assert_eq!(at(300_001), Err(TimeRefusal::TooFarAhead { by_ms: 300_001 }));
        assert_eq!(rules.judge(Some(DeviceTime(0)), now), Err(TimeRefusal::TooOld { by_ms: now.millis() }));
        assert_eq!(rules.judge(None, now), Ok((DeviceTime(now.millis()), TimeQuality::Missing)));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let rules = TimeRules::default();
        for ms in [i64::MIN, i64::MAX] {
            assert!(rules.judge(Some(DeviceTime(ms)), ReceivedTime::from_millis(1)).is_err());
        }
    }
}
