//! How long a connection may be silent, stuck or fast. Pure: times are arguments.

use std::time::Duration;

/// A moment of the shell's timer clock, as time since the connection began.
pub type Since = Duration;

/// The clocks of one connection.
#[derive(Debug, Clone)]
pub struct Pace {
    silence_max: Option<Duration>,
    stall_max: Duration,
    rate: Option<Rate>,
    heard: Since,
    /// Since when bytes wait for the socket without progress.
    stuck: Option<Since>,
}

#[derive(Debug, Clone)]
struct Rate {
    per_second: f64,
    /// Publishes the client may send at once; below zero it has sent ahead.
    tokens: f64,
    filled: Since,
}

/// What time brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Fine,
    /// One and a half keep-alive intervals without a packet.
    Silent,
    /// The client takes nothing.
    Stalled,
}

impl Pace {
    /// A connection that begins now.
    pub fn new(silence_max: Option<Duration>, stall_max: Duration, publish_rate_max: Option<u32>) -> Self {
        let rate = publish_rate_max.map(|per_second| Rate {
            per_second: f64::from(per_second.max(1)),
            tokens: f64::from(per_second.max(1)),
            filled: Duration::ZERO,
        });
        Self { silence_max, stall_max, rate, heard: Duration::ZERO, stuck: None }
    }

    /// Packets arrived, `publishes` of them PUBLISH.
    pub fn heard(&mut self, now: Since, publishes: u32) {
        self.heard = now;
        if let Some(rate) = &mut self.rate {
            rate.fill(now);
            rate.tokens -= f64::from(publishes);
        }
    }

    /// Bytes wait for the socket (`true`) or all were taken; `moved`: some were taken.
    pub fn wrote(&mut self, now: Since, waiting: bool, moved: bool) {
        self.stuck = match (waiting, self.stuck) {
            (false, _) => None,
            (true, Some(since)) if !moved => Some(since),
            (true, _) => Some(now),
        };
    }

    /// When reading may go on; `None` = now.
    pub fn paused_until(&self) -> Option<Since> {
        let rate = self.rate.as_ref().filter(|rate| rate.tokens < 0.0)?;
        Some(rate.filled + Duration::from_secs_f64(-rate.tokens / rate.per_second))
    }

    /// Judges the time; call it at [`Pace::deadline`] or later.
    pub fn judge(&mut self, now: Since) -> Verdict {
        if let Some(rate) = &mut self.rate {
            rate.fill(now);
        }
        if self.silence_max.is_some_and(|max| now.saturating_sub(self.heard) >= max) && self.paused_until().is_none() {
            return Verdict::Silent;
        }
        if self.stuck.is_some_and(|since| now.saturating_sub(since) >= self.stall_max) {
            return Verdict::Stalled;
        }
        Verdict::Fine
    }

    /// When to judge next.
    pub fn deadline(&self) -> Option<Since> {
        let silence = self.silence_max.map(|max| self.heard + max);
        let stall = self.stuck.map(|since| since + self.stall_max);
        [silence, stall, self.paused_until()].into_iter().flatten().min()
    }
}

impl Rate {
    fn fill(&mut self, now: Since) {
        let gained = now.saturating_sub(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second);
        self.filled = self.filled.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_counts_from_the_last_packet() {
        let mut pace = Pace::new(Some(s(15)), s(30), None);
        assert_eq!((pace.judge(s(14)), pace.deadline()), (Verdict::Fine, Some(s(15))));
        pace.heard(s(14), 0);
        assert_eq!((pace.judge(s(28)), pace.judge(s(29))), (Verdict::Fine, Verdict::Silent));
        assert_eq!(Pace::new(None, s(30), None).judge(s(1_000_000)), Verdict::Fine);
    }

    #[test]
    fn a_client_that_takes_nothing_is_stalled_and_one_that_takes_a_little_is_not() {
        let mut pace = Pace::new(None, s(30), None);
        pace.wrote(s(1), true, false);
        pace.wrote(s(20), true, false);
        assert_eq!((pace.judge(s(30)), pace.judge(s(31))), (Verdict::Fine, Verdict::Stalled));
        pace.wrote(s(32), true, true);
        assert_eq!(pace.judge(s(61)), Verdict::Fine);
        pace.wrote(s(61), false, true);
        assert_eq!((pace.judge(s(1000)), pace.deadline()), (Verdict::Fine, None));
    }

    #[test]
    fn a_fast_client_is_read_later() {
        let mut pace = Pace::new(None, s(30), Some(10));
        pace.heard(s(0), 10);
        assert_eq!(pace.paused_until(), None);
        pace.heard(s(0), 20);
        assert_eq!((pace.paused_until(), pace.deadline()), (Some(s(2)), Some(s(2))));
        assert_eq!(pace.judge(s(2)), Verdict::Fine);
        assert_eq!(pace.paused_until(), None);
    }
}
