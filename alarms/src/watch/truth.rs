//! What each kind says at a moment, from what is remembered.

use super::gate::Truth;
use super::memory::WatchMemory;
use super::rule::{Compare, Reference, Test, Watch};
use super::{Input, Watcher};

/// The judgement, and the value to show with it.
pub(super) fn truth(watcher: &Watcher, memory: &WatchMemory, now: i64) -> (Truth, Option<f64>) {
    let first = memory.value(0);
    let judged = match &watcher.rule.when {
        Watch::Deviation { from, band, deadband, .. } => {
            let should = match from {
                Reference::Setpoint(value) => Some(*value),
                Reference::Input(_) => memory.value(1),
            };
            distance(first, should).map(|apart| within(apart, *band, *deadband))
        }
        Watch::Mismatch { tolerance, .. } => {
            distance(first, memory.value(1)).map(|apart| within(apart, *tolerance, 0.0))
        }
        Watch::Rate { window_ms, per_ms, rise, fall, deadband, .. } => {
            let rate = rate(memory, now, *window_ms, *per_ms);
            return match rate {
                None => (Truth::Unknown, None),
                Some(rate) => (too_fast(rate, *rise, *fall, *deadband), Some(rate)),
            };
        }
        Watch::State { among, .. } => first.map(|value| Truth::of(among.iter().any(|one| same(*one, value)))),
        Watch::Stuck { for_ms, .. } => {
            memory.unmoved_since().map(|since| Truth::of(now.saturating_sub(since) >= *for_ms))
        }
        Watch::NoData { .. } => Some(Truth::of(memory.is_silent())),
        Watch::Count { of, at_least, .. } => {
            let counted = memory.counted();
            let truth = Truth::of(counted >= *at_least as usize);
            let value = if matches!(of, Input::Alarm(_)) { Some(counted as f64) } else { first };
            return (truth, value);
        }
        Watch::Spread { band, deadband, .. } => {
            return match spread(watcher, memory) {
                None => (Truth::Unknown, None),
                Some(apart) => (within(apart, *band, *deadband), Some(apart)),
            };
        }
        Watch::All(tests) => Some(all(watcher, memory, tests)),
        Watch::Any(tests) => Some(any(watcher, memory, tests)),
    };
    (judged.unwrap_or(Truth::Unknown), first)
}

/// Beyond the band on; nearer than the band by the deadband off.
fn within(apart: f64, band: f64, deadband: f64) -> Truth {
    match apart {
        apart if apart > band => Truth::On,
        apart if apart <= band - deadband => Truth::Off,
        _ => Truth::Between,
    }
}

fn distance(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some((a? - b?).abs())
}

/// Discrete values travel as numbers; what they mean never differs by so little.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// Change per `per_ms` from the oldest sample in the window to the newest; none before half of the window is covered.
fn rate(memory: &WatchMemory, now: i64, window_ms: i64, per_ms: i64) -> Option<f64> {
    let newest = memory.seen(0)?;
    let (at, value) = memory.oldest(now, window_ms)?;
    let span = now.saturating_sub(at);
    (span >= window_ms / 2).then(|| (newest.value.unwrap_or(value) - value) * per_ms as f64 / span as f64)
}

fn too_fast(rate: f64, rise: Option<f64>, fall: Option<f64>, deadband: f64) -> Truth {
    let side = |limit: Option<f64>, speed: f64| limit.map_or(Truth::Off, |limit| within(speed, limit, deadband));
    match (side(rise, rate), side(fall, -rate)) {
        (Truth::On, _) | (_, Truth::On) => Truth::On,
        (Truth::Off, Truth::Off) => Truth::Off,
        _ => Truth::Between,
    }
}

fn spread(watcher: &Watcher, memory: &WatchMemory) -> Option<f64> {
    let (mut least, mut greatest, mut known) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for place in &watcher.places {
        match memory.seen(*place) {
            None => {}
            Some(seen) => {
                let value = seen.value?;
                (least, greatest, known) = (least.min(value), greatest.max(value), known + 1);
            }
        }
    }
    (known >= 2).then_some(greatest - least)
}

fn test(test: &Test, value: Option<f64>) -> Truth {
    let Some(value) = value else { return Truth::Unknown };
    let (limit, deadband) = (test.value, test.deadband);
    let apart = (value - limit).abs();
    match test.is {
        Compare::Above if value > limit => Truth::On,
        Compare::Above if value <= limit - deadband => Truth::Off,
        Compare::Below if value < limit => Truth::On,
        Compare::Below if value >= limit + deadband => Truth::Off,
        Compare::Above | Compare::Below => Truth::Between,
        Compare::Equal => Truth::of(apart <= deadband.max(1e-9)),
        Compare::Unequal => Truth::of(apart > deadband.max(1e-9)),
    }
}

/// One test that is off decides; one that is unknown or in its band leaves it open.
fn all(watcher: &Watcher, memory: &WatchMemory, tests: &[Test]) -> Truth {
    combine(watcher, memory, tests, Truth::Off, Truth::On)
}

/// One test that is on decides.
fn any(watcher: &Watcher, memory: &WatchMemory, tests: &[Test]) -> Truth {
    combine(watcher, memory, tests, Truth::On, Truth::Off)
}

fn combine(watcher: &Watcher, memory: &WatchMemory, tests: &[Test], decides: Truth, otherwise: Truth) -> Truth {
    let (mut unknown, mut between) = (false, false);
    for (one, place) in tests.iter().zip(&watcher.places) {
        match test(one, memory.value(*place)) {
            truth if truth == decides => return decides,
            Truth::Unknown => unknown = true,
            Truth::Between => between = true,
            _ => {}
        }
    }
    match (unknown, between) {
        (true, _) => Truth::Unknown,
        (false, true) => Truth::Between,
        (false, false) => otherwise,
    }
}
