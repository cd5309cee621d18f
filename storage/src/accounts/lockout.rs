//! Lockout of names: five failures, fifteen minutes. For known names the counters stand in the user's row; this file
//! keeps those of names that do not exist, so that both look the same from outside.

use parking_lot::Mutex;
use std::collections::HashMap;

/// Failures after which a name is locked.
pub const FAILURES_MAX: i64 = 5;
/// How long it stays locked, milliseconds.
pub const LOCKED_MS: i64 = 15 * 60_000;
const NAMES_MAX: usize = 10_000;
const NAME_CHARS_MAX: usize = 64;
const AUDITED_PER_MINUTE: u64 = 60;

#[derive(Debug, Default)]
pub(super) struct UnknownNames {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, Counter>,
    minute: i64,
    in_minute: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    failed: i64,
    locked_until: i64,
    last: i64,
}

/// What to write to the audit log about a failure of an unknown name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// Write it; so many were withheld in the minute before.
    Write {
        /// Failures not written.
        withheld: u64,
    },
    /// Enough were written this minute.
    Withhold,
}

impl UnknownNames {
    /// Counts an attempt. `Err` carries the time until which the name is locked.
    pub(super) fn attempt(&self, name: &str, now: i64) -> Result<(), i64> {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let mut state = self.state.lock();
        if !state.names.contains_key(&name) && state.names.len() >= NAMES_MAX {
            make_room(&mut state.names, now);
        }
        let counter = state.names.entry(name).or_default();
        counter.last = now;
        if counter.locked_until > now {
            return Err(counter.locked_until);
        }
        if counter.locked_until > 0 {
            *counter = Counter { last: now, ..Counter::default() };
        }
        counter.failed += 1;
        if counter.failed >= FAILURES_MAX {
            counter.locked_until = now + LOCKED_MS;
        }
        Ok(())
    }

    /// Whether this failure is to be audited.
    pub(super) fn note(&self, now: i64) -> Noted {
        let mut state = self.state.lock();
        let minute = now.div_euclid(60_000);
        let withheld = if minute == state.minute {
            0
        } else {
            let before = state.in_minute.saturating_sub(AUDITED_PER_MINUTE);
            (state.minute, state.in_minute) = (minute, 0);
            before
        };
        state.in_minute += 1;
        if state.in_minute > AUDITED_PER_MINUTE { Noted::Withhold } else { Noted::Write { withheld } }
    }
}

/// Forgets what is no longer locked, then the older half.
fn make_room(names: &mut HashMap<String, Counter>, now: i64) {
    names.retain(|_, counter| counter.locked_until > now);
    if names.len() >= NAMES_MAX {
        let mut ages: Vec<i64> = names.values().map(|counter| counter.last).collect();
        let (_, middle, _) = ages.select_nth_unstable(NAMES_MAX / 2);
        let middle = *middle;
        names.retain(|_, counter| counter.last > middle);
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn unknown_names_lock_like_known_ones_and_stay_bounded() {
        let unknown = UnknownNames::default();
        for n in 0..FAILURES_MAX {
            assert_eq!(unknown.attempt("ghost", n), Ok(()));
        }
        assert_eq!(unknown.attempt("ghost", 10), Err(4 + LOCKED_MS));
        assert_eq!(unknown.attempt("ghost", 4 + LOCKED_MS), Ok(()));
        for n in 0..30_000 {
            unknown.attempt(&format!("name{n}"), n).expect("seen once");
        }
        assert!(unknown.state.lock().names.len() <= NAMES_MAX);
    }

    #[test]
    fn a_flood_of_failures_is_counted_not_written() {
        let unknown = UnknownNames::default();
        let written = (0..1000).filter(|_| unknown.note(5) == Noted::Write { withheld: 0 }).count();
        assert_eq!(written, 60);
        assert_eq!(unknown.note(60_000), Noted::Write { withheld: 940 });
    }
}
