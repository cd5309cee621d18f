//! Which alarm explains another: a pure function of what is remembered now, not of the order in which it came.
//!
//! An alarm is explained by the best alarm of the first cause rule that has one (fewest steps away, then earliest raise),
//! else by the earliest report of the same thing near it. Ties fall by device, type and part.
//!
//! A cause explains while its condition holds, and for the grace of the rule after it went. What has itself returned stays
//! folded as long as the cause stands, so that a repaired circuit leaves one row to acknowledge. Never folded: types that
//! may cost a life or are highly managed, and a P1 under anything less urgent.

use super::compiled::Compiled;
use super::memory::{Entry, Link, Memory};
use super::rules::{ANY, CauseRule, Matcher, NearRule, SAME};
use super::topology::Topology;
use super::words;
use crate::classify::classify;
use crate::rules::RuleSet;
use greenhub_model::alarm::Priority;
use greenhub_model::{AlarmCode, AlarmId, Class, ReceivedTime};
use std::collections::BTreeSet;

/// Everything a judgement looks at.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) compiled: &'a Compiled,
    pub(super) topology: &'a Topology,
    pub(super) memory: &'a Memory,
    pub(super) now: ReceivedTime,
}

impl<'a> Judge<'a> {
    /// The alarm that explains `effect`, if one does.
    pub(super) fn explain(&self, effect: &Entry) -> Option<Link> {
        if self.is_never_folded(effect) {
            return None;
        }
        for rule in self.compiled.as_effect(effect.alarm.class, &effect.alarm.code) {
            let found = self.causes(rule, effect).into_iter().filter(|(cause, _)| self.explains(rule, cause, effect));
            if let Some((cause, _)) = found.min_by(|(a, n), (b, m)| n.cmp(m).then_with(|| a.rank().cmp(&b.rank()))) {
                return Some(Link {
                    cause: cause.alarm.id.clone(),
                    rule: rule.id.clone(),
                    text: words::by_cause(rule, cause, effect),
                    near: false,
                });
            }
        }
        let near = self.compiled.rules().near.iter().enumerate();
        near.filter(|(_, rule)| rule.fits(effect.alarm.class, &effect.alarm.code)).find_map(|(n, rule)| {
            let (cause, distance_m) = self.nearest(n, rule, effect)?;
            Some(Link {
                cause: cause.alarm.id.clone(),
                rule: rule.id.clone(),
                text: words::near(rule, cause, effect, distance_m),
                near: true,
            })
        })
    }

    /// Alarms whose explanation may depend on `cause`.
    pub(super) fn depending(&self, cause: &Entry, into: &mut BTreeSet<AlarmId>) {
        let alarm = &cause.alarm;
        into.extend(self.memory.children(&alarm.id).cloned());
        for rule in self.compiled.as_cause(alarm.class, &alarm.code) {
            let mut add = |entry: &Entry| {
                if rule.effect.fits(entry.alarm.class, &entry.alarm.code) {
                    into.insert(entry.alarm.id.clone());
                }
            };
            match rule.relation.as_str() {
                SAME => self.memory.of_device(alarm.device.as_str()).for_each(&mut add),
                ANY => {
                    let to = cause.since.saturating_add(rule.within_ms);
                    // An effect is found by its first raise, but judged by its latest: the window is open to the past.
                    if rule.effect.codes.is_empty() {
                        self.memory.of_district(&alarm.sub_district, i64::MIN, to).for_each(&mut add);
                    }
                    for key in types(&alarm.sub_district, &rule.effect) {
                        self.memory.of_type(&key, i64::MIN, to).for_each(&mut add);
                    }
                }
                named => {
                    let relation = self.compiled.relation(named);
                    for (node, _) in self.topology.descendants(&relation, alarm.device.as_str()) {
                        self.memory.of_device(node).for_each(&mut add);
                    }
                }
            }
        }
        let Some(place) = cause.place() else { return };
        for (n, rule) in self.compiled.rules().near.iter().enumerate() {
            if rule.fits(alarm.class, &alarm.code) {
                let to = alarm.raised_at.saturating_add(rule.window_ms);
                let later = self.memory.around(n, place, rule.radius_m, alarm.raised_at, to);
                into.extend(later.into_iter().map(|entry| entry.alarm.id.clone()));
            }
        }
    }

    /// The graces after which `cause` explains no more.
    pub(super) fn graces(&self, cause: &Entry) -> BTreeSet<i64> {
        self.compiled.as_cause(cause.alarm.class, &cause.alarm.code).map(|rule| rule.grace_ms).collect()
    }

    fn causes(&self, rule: &CauseRule, effect: &Entry) -> Vec<(&'a Entry, usize)> {
        let alarm = &effect.alarm;
        let fits = |entry: &&Entry| rule.cause.fits(entry.alarm.class, &entry.alarm.code);
        match rule.relation.as_str() {
            SAME => self.memory.of_device(alarm.device.as_str()).filter(fits).map(|entry| (entry, 0)).collect(),
            ANY => {
                let to = effect.since.saturating_add(rule.within_ms);
                let mut found = vec![];
                for key in types(&alarm.sub_district, &rule.cause) {
                    let good = |entry: &&Entry| self.explains(rule, entry, effect);
                    let mut ordered = self.memory.of_type(&key, i64::MIN, to).filter(good);
                    let Some(first) = ordered.next() else { continue };
                    let at = first.alarm.raised_at;
                    found.push((first, 0));
                    found.extend(ordered.take_while(|entry| entry.alarm.raised_at == at).map(|entry| (entry, 0)));
                }
                found
            }
            named => {
                let relation = self.compiled.relation(named);
                let mut found = vec![];
                for (node, steps) in self.topology.ancestors(&relation, alarm.device.as_str()) {
                    found.extend(self.memory.of_device(node).filter(fits).map(|entry| (entry, steps)));
                }
                found
            }
        }
    }

    fn explains(&self, rule: &CauseRule, cause: &Entry, effect: &Entry) -> bool {
        if !self.may_fold(cause, effect) {
            return false;
        }
        let early = effect.since < cause.alarm.raised_at.saturating_sub(rule.within_ms);
        let far = rule.relation == ANY && effect.since > cause.since.saturating_add(rule.within_ms);
        if early || far {
            return false;
        }
        if cause.alarm.active {
            return true;
        }
        let Some((gone_at, received)) = cause.gone else { return false };
        let in_time = effect.since <= gone_at.saturating_add(rule.grace_ms);
        let fresh = later(received, rule.grace_ms) > self.now;
        in_time && (fresh || (cause.stands() && !effect.alarm.active))
    }

    /// The earliest report of the same thing, and how far away it is.
    fn nearest(&self, n: usize, rule: &NearRule, effect: &Entry) -> Option<(&'a Entry, f64)> {
        let place = effect.place()?;
        let from = effect.alarm.raised_at.saturating_sub(rule.window_ms);
        let around = self.memory.around(n, place, rule.radius_m, from, effect.alarm.raised_at);
        let with_distance = around.into_iter().filter_map(|cause| {
            let good = cause.stands() && cause.rank() < effect.rank() && self.may_fold(cause, effect);
            let distance_m = cause.place()?.distance_m(place);
            (good && distance_m <= rule.radius_m).then_some((cause, distance_m))
        });
        with_distance.min_by(|(a, _), (b, _)| a.rank().cmp(&b.rank()))
    }

    fn may_fold(&self, cause: &Entry, effect: &Entry) -> bool {
        let apart = cause.alarm.id == effect.alarm.id || effect.apart.contains(&cause.alarm.id);
        let hides_a_p1 = effect.alarm.priority == Priority::P1 && cause.alarm.priority > Priority::P1;
        !apart && !hides_a_p1
    }

    fn is_never_folded(&self, effect: &Entry) -> bool {
        let kind = classify(self.rules, effect.alarm.class, &effect.alarm.code);
        kind.highly_managed || kind.weights.safety >= 3
    }
}

/// The listed types as they are indexed.
fn types(sub_district: &str, matcher: &Matcher) -> Vec<(String, Class, AlarmCode)> {
    let classes = matcher.class.map_or(Class::ALL.to_vec(), |class| vec![class]);
    let of = |class: Class| matcher.codes.iter().map(move |code| (sub_district.to_owned(), class, code.clone()));
    classes.into_iter().flat_map(of).collect()
}

/// A receive time `ms` later.
pub(super) fn later(at: ReceivedTime, ms: i64) -> ReceivedTime {
    ReceivedTime(at.0.saturating_add(ms.saturating_mul(1000)))
}
