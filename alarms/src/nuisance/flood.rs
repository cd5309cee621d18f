//! Flood: more calls on one operator than a person can take in. Starts above 10 annunciations in 10 minutes, ends below
//! 5 in 10 minutes (ISA-18.2-2016 example values; rules here).
//!
//! **Watches** the annunciations of one desk in order of receive time, in a sliding window; reports the edge and the count
//! at that moment. A raise leaves the window when it is exactly `window_ms` old. **Late data** counts when it called, which
//! is when it was received. **Remembers** only as many raises as the larger of the two counts needs, so a storm of any size
//! costs the same.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// When a flood starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloodRule {
    /// Sliding window, milliseconds.
    pub window_ms: i64,
    /// More annunciations than this in the window start a flood.
    pub start_if_more_than: usize,
    /// Fewer annunciations than this in the window end it.
    pub end_if_fewer_than: usize,
}

impl Default for FloodRule {
    fn default() -> Self {
        Self { window_ms: 600_000, start_if_more_than: 10, end_if_fewer_than: 5 }
    }
}

/// The newest annunciations of one desk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    calls: VecDeque<i64>,
    flooded: bool,
}

/// A flood began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodEdge {
    /// Began, or ended.
    pub flooded: bool,
    /// When, Unix ms.
    pub at: i64,
    /// Annunciations in the window at that moment.
    pub count: usize,
}

impl Flood {
    /// Whether the desk is in flood.
    pub fn is_flooded(&self) -> bool {
        self.flooded
    }

    /// Notes an annunciation at `at`, Unix ms, not before the newest one. Call [`Flood::advance`] first.
    pub fn call(&mut self, rule: &FloodRule, at: i64) -> Option<FloodEdge> {
        self.calls.push_back(at);
        while self.calls.len() > rule.start_if_more_than.saturating_add(1).max(rule.end_if_fewer_than) {
            self.calls.pop_front();
        }
        let count = self.calls.iter().filter(|call| at - **call < rule.window_ms).count();
        if self.flooded || count <= rule.start_if_more_than {
            return None;
        }
        self.flooded = true;
        Some(FloodEdge { flooded: true, at, count })
    }

    /// When the flood ends, if nothing calls before.
    pub fn deadline(&self, rule: &FloodRule) -> Option<i64> {
        if !self.flooded {
            return None;
        }
        let nth = self.calls.len().checked_sub(rule.end_if_fewer_than.max(1))?;
        self.calls.get(nth).map(|call| call + rule.window_ms)
    }

    /// Lets time pass until `now`, Unix ms; the end is dated when it came, not when it was noticed.
    pub fn advance(&mut self, rule: &FloodRule, now: i64) -> Option<FloodEdge> {
        let at = self.deadline(rule).filter(|at| *at <= now)?;
        self.flooded = false;
        Some(FloodEdge { flooded: false, at, count: rule.end_if_fewer_than.max(1) - 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_starts_a_flood_and_silence_ends_it() {
        let calls = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 400, 500, 700, 900, 1100];
        let rule = FloodRule::default();
        let mut flood = Flood::default();
        let mut edges = vec![];
        for second in calls {
            edges.extend(flood.advance(&rule, second * 1000));
            edges.extend(flood.call(&rule, second * 1000));
        }
        edges.extend(flood.advance(&rule, 3_600_000));
        let start = FloodEdge { flooded: true, at: 110_000, count: 11 };
        let end = FloodEdge { flooded: false, at: 740_000, count: 4 };
        assert_eq!(edges, [start, end]);
    }

    #[test]
    fn a_storm_of_any_size_is_remembered_in_eleven_numbers() {
        let rule = FloodRule::default();
        let mut flood = Flood::default();
        let edges: Vec<_> = (0..100_000).filter_map(|at| flood.call(&rule, at)).collect();
        assert_eq!(edges.len(), 1);
        assert_eq!(flood.calls.len(), 11);
        assert_eq!(flood.deadline(&rule), Some(99_995 + 600_000));
    }
}
