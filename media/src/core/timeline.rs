//! One continuous time for a viewer over sources that come and go.
//!
//! Each source counts from a number of its own. What goes out to a viewer must never jump back and should not leap, or
//! the player freezes. So the first frame of a new source is placed behind the last one by the wall time between them,
//! and later ones keep their distance to it.

/// Maps the media time of changing sources to one output time, both in ticks of the same clock rate.
#[derive(Debug, Clone)]
pub struct Timeline {
    ticks_per_s: u64,
    source: Option<u64>,
    offset: i128,
    last: Option<(u64, i64)>,
}

impl Timeline {
    /// For a clock of so many ticks a second (90,000 for video, 48,000 for Opus).
    pub fn new(ticks_per_s: u64) -> Self {
        Self { ticks_per_s, source: None, offset: 0, last: None }
    }

    /// Output time of a frame that `source` stamped `ticks`, sent at `now_us` microseconds of a monotonic clock.
    pub fn map(&mut self, source: u64, ticks: u64, now_us: i64) -> u64 {
        if self.source != Some(source) {
            self.source = Some(source);
            let begin = match self.last {
                None => i128::from(ticks),
                Some((last, at)) => {
                    let gone = i128::from(now_us.saturating_sub(at).max(0)) * i128::from(self.ticks_per_s) / 1_000_000;
                    i128::from(last) + gone.max(1)
                }
            };
            self.offset = begin - i128::from(ticks);
        }
        let out = u64::try_from(i128::from(ticks) + self.offset).unwrap_or(0);
        if self.last.is_none_or(|(last, _)| out > last) {
            self.last = Some((out, now_us));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Timeline;

    #[test]
    fn one_source_keeps_its_own_time() {
        let mut line = Timeline::new(90_000);
        assert_eq!(line.map(1, 1000, 0), 1000);
        assert_eq!(line.map(1, 4600, 40_000), 4600);
        assert_eq!(line.map(1, 2800, 41_000), 2800, "a frame out of order keeps its own place");
    }

    #[test]
    fn a_source_that_returns_goes_on_where_the_wall_clock_says() {
        let mut line = Timeline::new(90_000);
        line.map(1, 9_000_000_000, 0);
        let first = line.map(2, 17, 3_000_000);
        assert_eq!(first, 9_000_000_000 + 3 * 90_000);
        assert_eq!(line.map(2, 17 + 3600, 3_040_000), first + 3600);
    }

    #[test]
    fn a_source_that_takes_over_at_once_still_moves_forward() {
        let mut line = Timeline::new(48_000);
        let last = line.map(1, 500, 10);
        assert!(line.map(2, 400, 10) > last);
        assert!(line.map(3, u64::MAX / 2, 5) > last, "even when the clock stands still");
    }
}
