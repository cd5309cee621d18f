//! Checks of a rule set.

use super::RuleSet;
use serde::{Deserialize, Serialize};

/// One thing that is wrong with a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{path}: {text}")]
pub struct RuleProblem {
    /// Where, as a path of keys, for example `limits[3].deadband`.
    pub path: String,
    /// What is wrong and what to do, for people (Chinese).
    pub text: String,
}

pub(super) fn problems(_rules: &RuleSet) -> Vec<RuleProblem> {
    vec![]
}
