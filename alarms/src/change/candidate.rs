//! From a base and edits to a whole rule set, and whether it can be used.

use super::diff::diff;
use super::patch::{self, Operation, PatchError};
use crate::rules::{RuleProblem, RuleSet};
use greenhub_model::change::Difference;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a candidate comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Edits of the base, one by one (RFC 6902).
    Edits(Vec<Operation>),
    /// A patch merged into the base (RFC 7396).
    Patch(Value),
    /// A whole set.
    Rules(Value),
    /// An older version, whole; the shell looks it up.
    Restore(u64),
}

/// Why there is no candidate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CandidateError {
    /// An edit hits nothing.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The result is no rule set.
    #[error("规则集的格式不正确：{0}；请对照现行规则改正该项")]
    Form(String),
    /// The result contradicts itself; every contradiction is listed.
    #[error("规则存在 {} 处问题：{}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<RuleProblem>),
}

impl CandidateError {
    /// All problems as places and sentences.
    pub fn problems(&self) -> Vec<RuleProblem> {
        match self {
            CandidateError::Patch(error) => vec![RuleProblem { path: error.path.clone(), text: error.why.to_owned() }],
            CandidateError::Form(why) => {
                let text = format!("规则集的格式不正确：{why}；请对照现行规则改正该项");
                vec![RuleProblem { path: String::new(), text }]
            }
            CandidateError::Invalid(problems) => problems.clone(),
        }
    }
}

/// A candidate and what it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The whole set, numbered as the version after its base.
    pub rules: RuleSet,
    /// Attributes that differ from the base.
    pub differences: Vec<Difference>,
}

/// Builds the candidate that follows `base`. `restored` is the version that [`Source::Restore`] names.
pub fn build(base: &RuleSet, source: &Source, restored: Option<&RuleSet>) -> Result<Candidate, CandidateError> {
    let rules = match (source, restored) {
        (Source::Restore(_), Some(restored)) => restored.clone(),
        (Source::Restore(number), None) => return Err(CandidateError::Form(format!("没有第 {number} 版规则"))),
        (Source::Rules(whole), _) => read(whole.clone(), base.version + 1)?,
        (Source::Patch(merge), _) => {
            let mut document = value_of(base);
            patch::merge(&mut document, merge);
            read(document, base.version + 1)?
        }
        (Source::Edits(operations), _) => {
            let mut document = value_of(base);
            patch::apply(&mut document, operations)?;
            read(document, base.version + 1)?
        }
    };
    let rules = RuleSet { version: base.version + 1, ..rules };
    rules.validate().map_err(CandidateError::Invalid)?;
    let differences = diff(base, &rules);
    Ok(Candidate { rules, differences })
}

/// Whether edits, taken over to another base, still change the same attributes to the same values: a place in a list
/// may hold another row by then.
pub fn same_effect(before: &[Difference], after: &[Difference]) -> bool {
    let key = |d: &Difference| (d.path.clone(), d.becomes.as_ref().map(Value::to_string));
    let (mut a, mut b): (Vec<_>, Vec<_>) = (before.iter().map(key).collect(), after.iter().map(key).collect());
    a.sort();
    b.sort();
    a == b
}

fn value_of(rules: &RuleSet) -> Value {
    serde_json::to_value(rules).expect("a rule set is plain data")
}

fn read(mut document: Value, version: u64) -> Result<RuleSet, CandidateError> {
    if let Value::Object(members) = &mut document {
        members.insert("version".to_owned(), version.into());
    }
    serde_json::from_value(document).map_err(|error| CandidateError::Form(error.to_string()))
}
