//! Chattering: one alarm that is raised three times within a minute (the numbers are rules, the ends count).
//!
//! **Remembers** the newest raises, as many as the rule counts, so it is bounded by the rule; forget it with the alarm.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The newest raises of one alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chatter {
    raises: VecDeque<i64>,
}

impl Chatter {
    /// The newest raise, event time.
    pub fn newest(&self) -> Option<i64> {
        self.raises.back().copied()
    }

    /// Notes a raise at `at` (event time, Unix ms) and says whether the alarm chatters now: `raises` of them within
    /// `window_ms`, ends included. A raise older than the newest counts where it belongs.
    pub fn raise(&mut self, at: i64, raises: usize, window_ms: i64) -> bool {
        let place = self.raises.partition_point(|earlier| *earlier <= at);
        self.raises.insert(place, at);
        while self.raises.len() > raises.max(1) {
            self.raises.pop_front();
        }
        match (self.raises.front(), self.raises.back()) {
            (Some(first), Some(last)) => self.raises.len() >= raises && last - first <= window_ms,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_raises_inside_a_minute_are_chattering() {
        for (raises, expected) in [
            (&[0, 20, 40][..], true),
            (&[0, 40, 61], false),
            (&[0, 40, 60], true),
            (&[0, 100, 130, 155], true),
            (&[40, 0, 20], true),
            (&[0, 1], false),
        ] {
            let mut chatter = Chatter::default();
            let ever = raises.iter().fold(false, |ever, at| chatter.raise(at * 1000, 3, 60_000) | ever);
            assert_eq!(ever, expected, "{raises:?}");
        }
    }

    #[test]
    fn memory_is_bounded_by_the_rule() {
        let mut chatter = Chatter::default();
        for at in 0..10_000 {
            chatter.raise(at, 3, 60_000);
        }
        assert_eq!(chatter.raises.len(), 3);
    }
}
