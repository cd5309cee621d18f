//! What a person may change about correlation: who hangs on whom, what causes what, which reports are one thing, and who
//! sits at which desk.
//!
//! ```text
//! links     relation → node → parents       power: K-001 → FEEDER-2; nodes are device ids or plain names
//! causes    alarm type → alarm type         along a relation, on the same device, or in the same sub-district
//! near      types with one meaning          within a radius and a window of time
//! desks     classes, sub-districts          with the counts that make a flood
//! ```
//!
//! A node that a named relation does not list hangs, in this relation too, on the parent of the registry: a table of
//! feeders names circuits only, and the lamps follow. What is checked here is said in Chinese by [`super::check`].

use crate::nuisance::flood::FloodRule;
use greenhub_model::{AlarmCode, Class};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The relation of the same device.
pub const SAME: &str = "same";
/// The relation of the registry's parents.
pub const PARENT: &str = "parent";
/// Anywhere in the same sub-district.
pub const ANY: &str = "any";

/// Nodes and the nodes they hang on.
pub type Links = BTreeMap<String, BTreeSet<String>>;

/// Rules of correlation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelateRules {
    /// Tables of topology by the name of the relation, for example `power`, `network`, `process`.
    pub links: BTreeMap<String, Links>,
    /// What causes what; an earlier rule is preferred to a later one.
    pub causes: Vec<CauseRule>,
    /// Which reports are about one thing.
    pub near: Vec<NearRule>,
    /// Operator desks.
    pub desks: Vec<DeskRule>,
}

impl Default for CorrelateRules {
    /// No correlation, and the two desks of the district.
    fn default() -> Self {
        let desk = |id: &str, title: &str, classes: &[Class]| DeskRule {
            id: id.into(),
            title: title.into(),
            classes: classes.to_vec(),
            sub_districts: vec![],
            flood: FloodRule::default(),
        };
        let street = [Class::Patrol, Class::Vehicle, Class::Light, Class::Charger, Class::Environment];
        Self {
            links: BTreeMap::new(),
            causes: vec![],
            near: vec![],
            desks: vec![desk("dispatch", "调度台", &street), desk("plant", "处置中心", &[Class::Plant])],
        }
    }
}

/// Alarm types: of one class or of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Class of the device; all classes where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Alarm types; an empty list of effects means all.
    #[serde(default)]
    pub codes: Vec<AlarmCode>,
}

impl Matcher {
    /// Whether an alarm of this type is meant.
    pub fn fits(&self, class: Class, code: &AlarmCode) -> bool {
        self.class.is_none_or(|own| own == class) && (self.codes.is_empty() || self.codes.contains(code))
    }

    /// Whether some type is meant by both.
    pub(super) fn meets(&self, other: &Matcher) -> bool {
        let classes = self.class.is_none() || other.class.is_none() || self.class == other.class;
        let all = self.codes.is_empty() || other.codes.is_empty();
        classes && (all || self.codes.iter().any(|code| other.codes.contains(code)))
    }
}

/// One alarm explains others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseRule {
    /// Name of the rule.
    pub id: String,
    /// What it says, for people.
    pub title: String,
    /// `same`, `parent`, `any`, or a relation of the link tables: the cause stands at an ancestor of the consequence.
    pub relation: String,
    /// The alarms that explain.
    pub cause: Matcher,
    /// The alarms that are explained.
    pub effect: Matcher,
    /// A consequence may be raised this long before its cause; with `any` also at most this long after it. Milliseconds.
    pub within_ms: i64,
    /// A consequence that returns within this time after its cause never calls. Milliseconds.
    #[serde(default)]
    pub grace_ms: i64,
}

/// Reports of these types, near in space and time, are about one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearRule {
    /// Name of the rule.
    pub id: String,
    /// What it says, for people.
    pub title: String,
    /// Types with this one meaning, per class.
    pub codes: BTreeMap<Class, Vec<AlarmCode>>,
    /// At most this far apart, metres.
    pub radius_m: f64,
    /// At most this long after the earlier report, milliseconds.
    pub window_ms: i64,
}

impl NearRule {
    /// Whether an alarm of this type is meant.
    pub fn fits(&self, class: Class, code: &AlarmCode) -> bool {
        self.codes.get(&class).is_some_and(|codes| codes.contains(code))
    }
}

/// A desk: whose alarms call there, and what is too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskRule {
    /// Name of the desk in data.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Classes whose alarms call there.
    pub classes: Vec<Class>,
    /// Sub-districts whose alarms call there; empty means all.
    #[serde(default)]
    pub sub_districts: Vec<String>,
    /// What is too many.
    #[serde(default)]
    pub flood: FloodRule,
}

impl DeskRule {
    /// Whether an alarm of this class and sub-district calls there.
    pub fn serves(&self, class: Class, sub_district: &str) -> bool {
        let here = self.sub_districts.is_empty() || self.sub_districts.iter().any(|own| own == sub_district);
        here && self.classes.contains(&class)
    }
}
