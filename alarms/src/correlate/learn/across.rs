//! Pairs across devices that no table links: does one type follow the other somewhere else, more often than it leads?
//!
//! For each first alarm of a burst it is asked whether the other type begins on *another* device within the window after
//! it, or within the window before it. Both or neither says nothing. What chance brings comes before as often as after,
//! whatever the rates, so the sign test needs no base rate; but two types that share a daily rhythm may lean one way a
//! little, which is why this evidence must be much stronger than that of one device.
//!
//! **Remembers** the bursts of at most [`TYPES_MAX`] types, the most frequent ones. **Costs** bursts × types look-ups.

use super::{Example, LAGS_MAX, LearnOptions, Occurrence};
use greenhub_model::{AlarmCode, DeviceId};
use std::collections::BTreeMap;

/// Most types looked at across devices.
const TYPES_MAX: usize = 64;

/// What is counted about an ordered pair of types on different devices.
#[derive(Default)]
pub(super) struct Across {
    /// Bursts of the cause that the consequence followed elsewhere.
    pub(super) after: u64,
    /// Bursts of the cause that the consequence led elsewhere.
    pub(super) before: u64,
    /// Bursts of the consequence.
    pub(super) effects: u64,
    pub(super) lags: Vec<i64>,
    pub(super) examples: Vec<Example>,
}

impl Across {
    /// Sign test, in standard deviations.
    pub(super) fn z(&self) -> f64 {
        (self.after as f64 - self.before as f64) / ((self.after + self.before).max(1) as f64).sqrt()
    }
}

type Bursts<'a> = Vec<(i64, &'a DeviceId)>;

/// All ordered pairs of different types with something to count.
pub(super) fn count<'a>(
    history: &'a [Occurrence],
    options: &LearnOptions,
) -> BTreeMap<(&'a AlarmCode, &'a AlarmCode), Across> {
    let bursts = bursts(history, options.gap_ms);
    let mut pairs = BTreeMap::new();
    for (cause, causes) in &bursts {
        for (effect, effects) in bursts.iter().filter(|(effect, _)| effect != &cause) {
            let mut across = Across { effects: effects.len() as u64, ..Across::default() };
            for (at, device) in causes {
                look(&mut across, (*at, device), effects, options);
            }
            if across.after + across.before > 0 {
                pairs.insert((*cause, *effect), across);
            }
        }
    }
    pairs
}

fn look(across: &mut Across, (at, device): (i64, &DeviceId), effects: &Bursts<'_>, options: &LearnOptions) {
    let elsewhere = |(_, other): &&(i64, &DeviceId)| *other != device;
    let next = effects.partition_point(|(other, _)| *other <= at);
    let within = |other: i64| (other - at).abs() <= options.across_ms;
    let after = effects[next..].iter().take_while(|(other, _)| within(*other)).find(elsewhere);
    let until = effects.partition_point(|(other, _)| *other < at);
    let before = effects[..until].iter().rev().take_while(|(other, _)| within(*other)).find(elsewhere);
    match (after, before) {
        (Some((effect_at, other)), None) => {
            across.after += 1;
            if across.lags.len() < LAGS_MAX {
                across.lags.push(effect_at - at);
            }
            if across.examples.len() < options.examples_max {
                across.examples.push(Example {
                    cause_device: device.clone(),
                    cause_at: at,
                    effect_device: (*other).clone(),
                    effect_at: *effect_at,
                });
            }
        }
        (None, Some(_)) => across.before += 1,
        _ => {}
    }
}

/// The first alarm of each burst of one type on one device, in order of time.
fn bursts(history: &[Occurrence], gap_ms: i64) -> BTreeMap<&AlarmCode, Bursts<'_>> {
    let mut ordered: Vec<&Occurrence> = history.iter().collect();
    ordered.sort();
    let mut newest: BTreeMap<(&AlarmCode, &DeviceId), i64> = BTreeMap::new();
    let mut bursts: BTreeMap<&AlarmCode, Bursts<'_>> = BTreeMap::new();
    for one in ordered {
        let before = newest.insert((&one.code, &one.device), one.at);
        if before.is_none_or(|before| one.at.saturating_sub(before) > gap_ms) {
            bursts.entry(&one.code).or_default().push((one.at, &one.device));
        }
    }
    if bursts.len() > TYPES_MAX {
        let mut sizes: Vec<usize> = bursts.values().map(Vec::len).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        bursts.retain(|_, own| own.len() > sizes[TYPES_MAX]);
    }
    bursts
}
