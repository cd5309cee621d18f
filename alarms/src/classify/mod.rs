//! Classify: which type an alarm code is, from the table of its class; a code that the table does not know gets the
//! class's default type, with the code in its title, so that nothing is refused for being new.
//!
//! **Late data** is classified like any other. **Remembers** nothing; the words are copied into the occurrence when it
//! is raised, so an old alarm keeps the words of its time. **Costs** two map look-ups.

use crate::rules::{AlarmType, RuleSet};
use greenhub_model::{AlarmCode, Class, Severity};
use std::borrow::Cow;

/// The type of `code` on devices of `class`.
pub fn classify<'r>(rules: &'r RuleSet, class: Class, code: &AlarmCode) -> Cow<'r, AlarmType> {
    if let Some(known) = rules.types.get(&class).and_then(|types| types.get(code)) {
        return Cow::Borrowed(known);
    }
    let mut unknown = rules.defaults.get(&class).cloned().unwrap_or_else(nameless);
    unknown.title = format!("{}（{code}）", unknown.title);
    Cow::Owned(unknown)
}

/// The severity of an alarm whose source states none, without the rest of its type.
pub fn severity(rules: &RuleSet, class: Class, code: &AlarmCode) -> Severity {
    let known = rules.types.get(&class).and_then(|types| types.get(code));
    known.or_else(|| rules.defaults.get(&class)).map_or(NAMELESS, |kind| kind.severity)
}

/// Severity of the type of last resort.
const NAMELESS: Severity = Severity::Minor;

/// The type of last resort: a rule set that passed validation has a default for each class.
fn nameless() -> AlarmType {
    AlarmType {
        title: "未分类告警".into(),
        cause: "规则集中没有该告警代码".into(),
        consequence: "未知，按一般故障处理".into(),
        action: "查看设备原始报文，并在规则集中补充该代码".into(),
        severity: NAMELESS,
        weights: crate::rules::Consequence::default(),
        respond_within_min: 60,
        at_least: None,
        ack_required: true,
        latching: false,
        highly_managed: false,
        re_alarm_ms: None,
    }
}
