//! Learn: pairs of alarm types that keep coming together, proposed as cause and consequence with their evidence.
//!
//! ```text
//! history of one device and its neighbours ─▶ incidents ─▶ who came first, how often? ─▶ suggestions
//!                                             (a gap ends one)   who stands, who is a mere message?
//! ```
//!
//! A suggestion is never applied by itself: a person reads the evidence, takes a relation, and asks for a change of rules.
//!
//! **Incidents.** All occurrences on one device and the devices linked to it, as long as no pause is longer than `gap_ms`.
//! Each type counts once per incident, by its first occurrence, so that chatter and long storms weigh as one.
//! **Direction by precedence.** Among the incidents with both types, how many more begin with the one than with the other:
//! a sign test, `z = (a - b) / √(a + b)`. Types that come together by chance come first equally often, whatever their
//! rates, which is the base rate this is judged against.
//! **Direction by standing.** Logs with a coarse clock say little about who came first. But where one type states
//! conditions that stand, and the other is only ever a message without length, the condition is the cause.
//! A type needs [`LearnOptions::lasting_share_min`] of its occurrences with a length to count as the former.
//! **Across devices.** Devices that no table links may still hang together. A pair that the above does not know, either
//! way round, is proposed where one type follows the other on other devices with much stronger evidence ([`across`]).
//!
//! **Costs** the history sorted once per device with its neighbours, and types × types per incident; pure, any order of
//! the input gives the same answer. **Remembers** nothing.

mod across;

use super::rules::{ANY, SAME};
use crate::merge::duration_label;
use greenhub_model::{AlarmCode, DeviceId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most lags kept per pair for the typical one.
const LAGS_MAX: usize = 1000;

/// One alarm of the past.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occurrence {
    /// When it was raised, Unix ms.
    pub at: i64,
    /// Its device.
    pub device: DeviceId,
    /// Its type.
    pub code: AlarmCode,
    /// When it returned, where that is known.
    pub end: Option<i64>,
}

/// How suspicious to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearnOptions {
    /// A pause longer than this ends an incident, milliseconds.
    pub gap_ms: i64,
    /// Least result of the sign test.
    pub z_min: f64,
    /// Least share of the incidents with an order in which the cause came first, 0 to 1.
    pub first_share_min: f64,
    /// Across devices: the consequence begins within this time, milliseconds.
    pub across_ms: i64,
    /// Across devices: least result of the sign test.
    pub across_z_min: f64,
    /// Across devices: least number of times that the consequence followed.
    pub across_min: u64,
    /// Least number of incidents with both types.
    pub incidents_min: u64,
    /// Least share of occurrences with a length that makes a type one of conditions that stand.
    pub lasting_share_min: f64,
    /// Most examples per suggestion.
    pub examples_max: usize,
    /// Devices that hang together, both ways.
    pub links: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            gap_ms: 120_000,
            z_min: 1.645,
            first_share_min: 0.615,
            across_ms: 30_000,
            across_z_min: 8.0,
            across_min: 10,
            incidents_min: 3,
            lasting_share_min: 0.005,
            examples_max: 5,
            links: BTreeMap::new(),
        }
    }
}

/// Why a pair is taken for cause and consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The cause comes first more often than chance allows.
    Precedence,
    /// The cause is a condition that stands, the consequence a message without length.
    Standing,
    /// The consequence follows on other devices, which no table links to the cause's.
    Across,
}

/// A pair of types that may be cause and consequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Type of the cause.
    pub cause: AlarmCode,
    /// Type of the consequence.
    pub effect: AlarmCode,
    /// `same` device, `linked`, or `any` where it was seen across devices that no table links.
    pub relation: String,
    /// What speaks for it.
    pub evidence: Evidence,
    /// Incidents with both.
    pub incidents: u64,
    /// Incidents in which the cause came first.
    pub cause_first: u64,
    /// Incidents in which the consequence came first.
    pub effect_first: u64,
    /// Share of the incidents with the consequence that also have the cause, 0 to 1.
    pub share: f64,
    /// Sign test of the order, in standard deviations.
    pub z: f64,
    /// Median time from cause to consequence where the cause came first, milliseconds.
    pub typical_lag_ms: Option<i64>,
    /// Some incidents.
    pub examples: Vec<Example>,
    /// The evidence in a sentence (Chinese).
    pub text: String,
}

/// One incident with both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Device of the cause.
    pub cause_device: DeviceId,
    /// When the cause was raised, Unix ms.
    pub cause_at: i64,
    /// Device of the consequence.
    pub effect_device: DeviceId,
    /// When the consequence was raised, Unix ms.
    pub effect_at: i64,
}

/// What is counted about an ordered pair.
#[derive(Default)]
struct Pair {
    first: u64,
    at_once: u64,
    same_device: u64,
    lags: Vec<i64>,
    examples: Vec<Example>,
}

#[derive(Default)]
struct Counts<'a> {
    pairs: BTreeMap<(&'a AlarmCode, &'a AlarmCode), Pair>,
    incidents: BTreeMap<&'a AlarmCode, u64>,
}

/// Pairs that may be cause and consequence, the best supported first.
pub fn learn(history: &[Occurrence], options: &LearnOptions) -> Vec<Suggestion> {
    let mut by_device: BTreeMap<&DeviceId, Vec<&Occurrence>> = BTreeMap::new();
    for occurrence in history {
        by_device.entry(&occurrence.device).or_default().push(occurrence);
    }
    let mut counts = Counts::default();
    for device in by_device.keys() {
        let neighbours = options.links.get(*device).into_iter().flatten().filter(|other| other != device);
        let near = [*device].into_iter().chain(neighbours).filter_map(|near| by_device.get(near));
        let mut stream: Vec<&Occurrence> = near.flatten().copied().collect();
        stream.sort();
        for incident in stream.chunk_by(|a, b| b.at.saturating_sub(a.at) <= options.gap_ms) {
            counts.add(incident, options.examples_max);
        }
    }
    let lasting = lasting(history, options);
    let mut found: Vec<Suggestion> = counts
        .pairs
        .keys()
        .filter(|(cause, effect)| cause != effect)
        .filter_map(|(cause, effect)| counts.suggest(cause, effect, &lasting, options))
        .collect();
    let known: BTreeSet<(AlarmCode, AlarmCode)> = found.iter().map(|s| (s.cause.clone(), s.effect.clone())).collect();
    for ((cause, effect), across) in across::count(history, options) {
        let (pair, back) = ((cause.clone(), effect.clone()), (effect.clone(), cause.clone()));
        if !known.contains(&pair) && !known.contains(&back) {
            found.extend(elsewhere(cause, effect, &across, options));
        }
    }
    found.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| (&a.cause, &a.effect).cmp(&(&b.cause, &b.effect))));
    found
}

/// What is seen across devices, where it is strong enough.
fn elsewhere(
    cause: &AlarmCode,
    effect: &AlarmCode,
    across: &across::Across,
    options: &LearnOptions,
) -> Option<Suggestion> {
    let (after, before, z) = (across.after, across.before, across.z());
    let leads = after as f64 >= (after + before) as f64 * options.first_share_min;
    if after < options.across_min || z < options.across_z_min || !leads {
        return None;
    }
    let mut lags = across.lags.clone();
    lags.sort_unstable();
    let typical_lag_ms = lags.get(lags.len() / 2).copied();
    let window = duration_label(options.across_ms);
    let mut text = format!(
        "{cause} 发生后 {window}内其他设备出现 {effect} 的有 {after} 次，之前 {window}内出现的有 {before} 次；两者所在设备之间未登记上下级关系，请核实"
    );
    if let Some(lag) = typical_lag_ms {
        text.push_str(&format!("，通常相隔 {}", duration_label(lag)));
    }
    Some(Suggestion {
        cause: cause.clone(),
        effect: effect.clone(),
        relation: ANY.into(),
        evidence: Evidence::Across,
        incidents: after + before,
        cause_first: after,
        effect_first: before,
        share: (after as f64 / across.effects.max(1) as f64).min(1.0),
        z,
        typical_lag_ms,
        examples: across.examples.clone(),
        text,
    })
}

/// Types of conditions that stand.
fn lasting<'a>(history: &'a [Occurrence], options: &LearnOptions) -> BTreeSet<&'a AlarmCode> {
    let mut lengths: BTreeMap<&AlarmCode, (u64, u64)> = BTreeMap::new();
    for occurrence in history {
        let (with, all) = lengths.entry(&occurrence.code).or_default();
        *with += u64::from(occurrence.end.is_none_or(|end| end > occurrence.at));
        *all += 1;
    }
    let stands = |(with, all): &(u64, u64)| *with as f64 > *all as f64 * options.lasting_share_min;
    lengths.into_iter().filter(|(_, counted)| stands(counted)).map(|(code, _)| code).collect()
}

impl<'a> Counts<'a> {
    fn add(&mut self, incident: &[&'a Occurrence], examples_max: usize) {
        let mut firsts: BTreeMap<&AlarmCode, &Occurrence> = BTreeMap::new();
        for occurrence in incident {
            firsts.entry(&occurrence.code).or_insert(occurrence);
        }
        for (code, one) in &firsts {
            *self.incidents.entry(*code).or_default() += 1;
            for (other_code, other) in &firsts {
                if one.at > other.at || code == other_code {
                    continue;
                }
                let pair = self.pairs.entry((*code, *other_code)).or_default();
                pair.same_device += u64::from(one.device == other.device);
                if one.at == other.at {
                    pair.at_once += 1;
                    continue;
                }
                pair.first += 1;
                if pair.lags.len() < LAGS_MAX {
                    pair.lags.push(other.at - one.at);
                }
                if pair.examples.len() < examples_max {
                    pair.examples.push(Example {
                        cause_device: one.device.clone(),
                        cause_at: one.at,
                        effect_device: other.device.clone(),
                        effect_at: other.at,
                    });
                }
            }
        }
    }

    fn suggest(
        &self,
        cause: &AlarmCode,
        effect: &AlarmCode,
        lasting: &BTreeSet<&AlarmCode>,
        options: &LearnOptions,
    ) -> Option<Suggestion> {
        let pair = self.pairs.get(&(cause, effect))?;
        let back = self.pairs.get(&(effect, cause)).map_or(0, |pair| pair.first);
        let incidents = pair.first + back + pair.at_once;
        let z = (pair.first as f64 - back as f64) / ((pair.first + back).max(1) as f64).sqrt();
        let leads = pair.first as f64 >= (pair.first + back) as f64 * options.first_share_min;
        let evidence = match (lasting.contains(cause), lasting.contains(effect)) {
            (true, false) => Evidence::Standing,
            (false, true) => return None,
            _ if z >= options.z_min && leads => Evidence::Precedence,
            _ => return None,
        };
        if incidents < options.incidents_min {
            return None;
        }
        let with_effect = self.incidents.get(effect).copied().unwrap_or(0).max(1);
        let share = incidents as f64 / with_effect as f64;
        let mut lags = pair.lags.clone();
        lags.sort_unstable();
        let typical_lag_ms = lags.get(lags.len() / 2).copied();
        let same = pair.same_device * 2 >= pair.first + pair.at_once;
        let mut text = format!(
            "{incidents} 次事件中两者同时出现，其中 {cause} 在先 {} 次、{effect} 在先 {back} 次；出现 {effect} 的事件有 {:.0}% 同时出现 {cause}",
            pair.first,
            share * 100.0
        );
        if let Some(lag) = typical_lag_ms {
            text.push_str(&format!("，通常相隔 {}", duration_label(lag)));
        }
        if evidence == Evidence::Standing {
            text.push_str(&format!("；{cause} 是持续状态，{effect} 只是瞬时消息"));
        }
        Some(Suggestion {
            cause: cause.clone(),
            effect: effect.clone(),
            relation: if same { SAME.into() } else { "linked".into() },
            evidence,
            incidents,
            cause_first: pair.first,
            effect_first: back,
            share,
            z,
            typical_lag_ms,
            examples: pair.examples.clone(),
            text,
        })
    }
}
