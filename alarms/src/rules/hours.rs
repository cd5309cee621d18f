//! Hours of the day, local.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Where China's clocks stand, minutes east of UTC.
pub const CHINA_MIN: i32 = 480;

pub(super) fn china() -> i32 {
    CHINA_MIN
}

/// A time of day, `"22:30"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// A text that is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time of day such as 22:30")]
pub struct NoTimeOfDay(String);

impl TimeOfDay {
    /// The time `hour:minute`, where there is one.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }
    fn ms(self) -> i64 {
        i64::from(self.0) * 60_000
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = NoTimeOfDay;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2);
        let parsed = parts.and_then(|(h, m)| Self::new(h.parse().ok()?, m.parse().ok()?));
        parsed.ok_or(NoTimeOfDay(text))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

/// From a time of day up to, not including, another one; over midnight where `from` is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Begins.
    pub from: TimeOfDay,
    /// Ends.
    pub to: TimeOfDay,
}

impl Hours {
    /// Whether the Unix time `ms` lies within, `offset_min` minutes east of UTC.
    pub fn contain(&self, ms: i64, offset_min: i32) -> bool {
        let now = day_ms(ms, offset_min);
        let (from, to) = (self.from.ms(), self.to.ms());
        if from <= to { (from..to).contains(&now) } else { now >= from || now < to }
    }

    /// The first moment after `ms` at which they begin or end.
    pub fn next_change(&self, ms: i64, offset_min: i32) -> i64 {
        let now = day_ms(ms, offset_min);
        let until = |edge: TimeOfDay| (edge.ms() - now - 1).rem_euclid(DAY_MS) + 1;
        ms.saturating_add(until(self.from).min(until(self.to)))
    }
}

/// Day of the week at the Unix time `ms`, 1 for Monday to 7 for Sunday.
pub fn weekday(ms: i64, offset_min: i32) -> u8 {
    let days = ms.saturating_add(i64::from(offset_min) * 60_000).div_euclid(DAY_MS);
    // 1 January 1970 was a Thursday.
    u8::try_from((days + 3).rem_euclid(7)).unwrap_or(0) + 1
}

fn day_ms(ms: i64, offset_min: i32) -> i64 {
    ms.saturating_add(i64::from(offset_min) * 60_000).rem_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str) -> Hours {
        let time = |text: &str| TimeOfDay::try_from(text.to_owned()).expect("a time of day");
        Hours { from: time(from), to: time(to) }
    }

    #[test]
    fn a_night_crosses_midnight_in_local_time() {
        let night = hours("22:00", "06:00");
        let hour = 3_600_000;
        // 14:00 UTC is 22:00 in China.
        for (utc, inside) in [(13, false), (14, true), (18, true), (21, true), (22, false), (-2, false)] {
            assert_eq!(night.contain(utc * hour, CHINA_MIN), inside, "{utc}:00 UTC");
        }
        assert_eq!(night.next_change(13 * hour, CHINA_MIN), 14 * hour);
        assert_eq!(night.next_change(14 * hour, CHINA_MIN), 22 * hour);
        assert_eq!(night.next_change(23 * hour, CHINA_MIN), 38 * hour);
    }

    #[test]
    fn days_of_the_week_are_local() {
        // 24 November 2026 is a Tuesday; 17:00 UTC is Wednesday in China.
        let noon = 1_795_521_600_000;
        assert_eq!(weekday(noon, CHINA_MIN), 2);
        assert_eq!(weekday(noon + 5 * 3_600_000, CHINA_MIN), 3);
        assert_eq!((weekday(0, 0), weekday(-1, 0)), (4, 3));
    }

    #[test]
    fn only_times_of_day_are_read() {
        for text in ["24:00", "7:00", "12:60", "noon", "12-00", ""] {
            assert!(TimeOfDay::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(String::from(hours("07:05", "08:00").from), "07:05");
    }
}
