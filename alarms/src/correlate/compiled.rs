//! The rules of one version, laid out for look-ups: which rules an alarm type plays a part in, tables read both ways.
//!
//! Made when the first alarm of a version is seen; not part of the memory.

use super::rules::{CauseRule, CorrelateRules, Links, PARENT};
use super::topology::{Relation, turned};
use crate::rules::RuleSet;
use greenhub_model::{AlarmCode, Class};
use std::collections::BTreeMap;

/// Rules for look-ups.
#[derive(Debug, Clone, Default)]
pub(super) struct Compiled {
    version: u64,
    links_len: usize,
    rules: CorrelateRules,
    down: BTreeMap<String, Links>,
    as_cause: BTreeMap<AlarmCode, Vec<usize>>,
    as_effect: BTreeMap<AlarmCode, Vec<usize>>,
    any_effect: Vec<usize>,
}

impl Compiled {
    pub(super) fn new(rules: &RuleSet) -> Self {
        let table = &rules.correlate;
        let mut compiled = Compiled { version: rules.version, links_len: len(table), ..Compiled::default() };
        compiled.down = table.links.iter().map(|(name, links)| (name.clone(), turned(links))).collect();
        for (index, rule) in table.causes.iter().enumerate() {
            for code in &rule.cause.codes {
                compiled.as_cause.entry(code.clone()).or_default().push(index);
            }
            for code in &rule.effect.codes {
                compiled.as_effect.entry(code.clone()).or_default().push(index);
            }
            if rule.effect.codes.is_empty() {
                compiled.any_effect.push(index);
            }
        }
        compiled.rules = table.clone();
        compiled
    }

    /// Whether it was made of these rules. Tables of topology are compared by their size within one version.
    pub(super) fn is_of(&self, rules: &RuleSet) -> bool {
        let (own, table) = (&self.rules, &rules.correlate);
        self.version == rules.version
            && self.links_len == len(table)
            && own.causes == table.causes
            && own.near == table.near
    }

    pub(super) fn rules(&self) -> &CorrelateRules {
        &self.rules
    }

    /// Rules in which an alarm of this type explains others, in order.
    pub(super) fn as_cause(&self, class: Class, code: &AlarmCode) -> impl Iterator<Item = &CauseRule> {
        let listed = self.as_cause.get(code).into_iter().flatten();
        listed.map(|index| &self.rules.causes[*index]).filter(move |rule| rule.cause.class.is_none_or(|c| c == class))
    }

    /// Rules in which an alarm of this type is explained, in order.
    pub(super) fn as_effect(&self, class: Class, code: &AlarmCode) -> Vec<&CauseRule> {
        let mut listed: Vec<usize> = self.as_effect.get(code).into_iter().flatten().copied().collect();
        listed.extend(&self.any_effect);
        listed.sort_unstable();
        listed.dedup();
        let rules = listed.into_iter().map(|index| &self.rules.causes[index]);
        rules.filter(|rule| rule.effect.class.is_none_or(|c| c == class)).collect()
    }

    /// The registry alone, and each named relation.
    pub(super) fn relations(&self) -> impl Iterator<Item = Relation<'_>> {
        [PARENT].into_iter().chain(self.rules.links.keys().map(String::as_str)).map(|name| self.relation(name))
    }

    pub(super) fn relation(&self, name: &str) -> Relation<'_> {
        match name {
            PARENT => Relation { up: None, down: None },
            named => Relation { up: self.rules.links.get(named), down: self.down.get(named) },
        }
    }
}

fn len(table: &CorrelateRules) -> usize {
    table.links.values().flat_map(BTreeMap::values).map(|parents| 1 + parents.len()).sum()
}
