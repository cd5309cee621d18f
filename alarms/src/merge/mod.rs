//! Merge: which occurrence a condition belongs to, and the sentence that says why.
//!
//! ```text
//! nothing remembered                             → a first occurrence
//! open, the condition holds                      → a repeat; an escalation where the severity rises
//! open, the condition had gone                   → the same occurrence is raised again
//! over, within the reopen window                 → reopened, with its order
//! over, longer ago                               → a successor, linked to it
//! older than what its source said since          → the past: counted, changes nothing that stands now
//! ```
//!
//! *Open* means that it stands in any state but normal: active, unacknowledged, latched, or hidden. Nothing is lost by
//! merging: every raise is one event of exactly one occurrence and adds one to its count.
//!
//! **Late data** is compared by event time: a raise from before its source's newest word is history. Where an occurrence
//! covers that moment it is counted there; where none does, it still gets one (a late SOS is raised) that has returned
//! already. **Remembers** nothing itself; the desk keeps an occurrence that is over for `remember_ms`.
//! **Costs** a few comparisons; the sentences are built only where something is merged.

use crate::rules::MergeRules;
use greenhub_model::alarm::{Alarm, AlarmState, Reason, Severity};

/// Most reasons kept in one alarm's explanation.
pub const REASONS_MAX: usize = 16;

/// A statement that a condition holds, as far as merging needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raise {
    /// Event time, Unix ms.
    pub at: i64,
    /// Severity it states.
    pub severity: Severity,
    /// Its source has said something newer since.
    pub past: bool,
}

/// Where a raise belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// A new occurrence; nothing before it is remembered.
    First,
    /// A new occurrence; the one before is over for longer than the window.
    Successor,
    /// Into the open occurrence: the condition holds already.
    Repeat,
    /// Into the open occurrence: the condition holds already, and it got worse.
    Escalate,
    /// Into the open occurrence: the condition had gone and is back.
    Again,
    /// Into the occurrence that was over.
    Reopen {
        /// Between its return and this raise, milliseconds.
        after_ms: i64,
    },
    /// Into the occurrence, as history.
    Past,
}

/// Decides where `raise` belongs, given the occurrence remembered under its key.
pub fn decide(remembered: Option<&Alarm>, raise: Raise, rules: &MergeRules) -> Merge {
    let Some(alarm) = remembered else {
        return Merge::First;
    };
    if alarm.state != AlarmState::Normal {
        return match (alarm.active, raise.past) {
            (true, _) if raise.severity > alarm.severity => Merge::Escalate,
            (_, true) => Merge::Past,
            (true, false) => Merge::Repeat,
            (false, false) => Merge::Again,
        };
    }
    let returned_at = alarm.returned_at.unwrap_or(alarm.last_seen_at);
    let covered = (alarm.raised_at..=returned_at).contains(&raise.at);
    if covered && raise.past {
        return Merge::Past;
    }
    let after_ms = match raise.at > returned_at {
        true => raise.at.saturating_sub(returned_at),
        false => alarm.raised_at.saturating_sub(raise.at).max(0),
    };
    if after_ms <= rules.reopen_window_ms { Merge::Reopen { after_ms } } else { Merge::Successor }
}

/// Puts a reason into an explanation; an older one with the same code is replaced, so the list stays short.
pub fn explain(explanation: &mut Vec<Reason>, code: &str, text: String) {
    if let Some(known) = explanation.iter_mut().find(|reason| reason.code == code) {
        known.text = text;
    } else if explanation.len() < REASONS_MAX {
        explanation.push(Reason { code: code.into(), text, points: None });
    }
}

/// Why a repeat was merged.
pub fn repeated(count: u64) -> String {
    format!("同一设备、同一告警类型、同一部件共上报 {count} 次；告警未恢复或未确认期间，重复上报并入本告警")
}

/// Why a raise after the return was merged into an open occurrence.
pub fn raised_again() -> String {
    "条件恢复后尚未处理完毕又再次触发，沿用本告警，不另建".into()
}

/// Why an occurrence that was over was opened again.
pub fn reopened(after_ms: i64, rules: &MergeRules) -> String {
    format!(
        "恢复 {}后再次触发，未超过重开时限 {}，沿用原告警及其工单",
        duration_label(after_ms),
        duration_label(rules.reopen_window_ms)
    )
}

/// Why a new occurrence was made although an older one is remembered.
pub fn succeeded(previous: &Alarm, rules: &MergeRules) -> String {
    format!("上一次告警 {} 恢复已超过重开时限 {}，故新建告警", previous.id, duration_label(rules.reopen_window_ms))
}

/// Why a raise changed nothing that stands now.
pub fn belongs_to_the_past() -> String {
    "收到早于最新状态的上报，计入次数，不改变当前状态".into()
}

/// Why a late alarm was raised.
pub fn came_late(by_ms: i64) -> String {
    format!("数据迟到 {}（设备缓存后补传），按迟到告警提示", duration_label(by_ms))
}

/// Why an acknowledged alarm calls again.
pub fn escalated(from: Severity, to: Severity) -> String {
    let label = crate::prioritise::severity_label;
    format!("严重程度由“{}”升为“{}”，需要重新确认", label(from), label(to))
}

/// Why an alarm is called chattering.
pub fn chattering(rules: &MergeRules) -> String {
    format!(
        "{window} 内触发 {} 次，属抖动告警，安静满 {window}之前不再逐次提示；请检查死区与延时设置",
        rules.chatter_raises,
        window = duration_label(rules.chatter_window_ms)
    )
}

/// Why an alarm that chattered calls again.
pub fn settled() -> String {
    "抖动已停止，条件仍然存在，重新提示".into()
}

/// Several sources state the same alarm.
pub fn several_sources(count: usize) -> String {
    format!("有 {count} 个来源报告同一告警，全部恢复后才算恢复")
}

/// Why a rule hides an alarm.
pub fn suppressed(rule: &str) -> String {
    format!("按设计抑制，规则“{rule}”成立期间不提示；条件仍在评估并记录")
}

/// Why a rule hides it no longer.
pub fn unsuppressed(rule: &str) -> String {
    format!("规则“{rule}”不再成立，恢复显示")
}

/// More kinds of alarms than a device may have at once.
pub fn too_many(code: &str, rules: &MergeRules) -> String {
    format!("该设备同时记录的告警种类已达上限 {}，代码 {code} 并入本告警", rules.keys_per_device_max)
}

/// A duration as a person says it, in its two greatest units.
pub fn duration_label(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let parts =
        [(seconds / 86_400, "天"), (seconds / 3600 % 24, "小时"), (seconds / 60 % 60, "分"), (seconds % 60, "秒")];
    let mut label = String::new();
    let first = parts.iter().position(|(amount, _)| *amount > 0);
    let Some(first) = first else {
        return "不足 1 秒".into();
    };
    for (amount, unit) in parts.iter().skip(first).take(2).filter(|(amount, _)| *amount > 0) {
        if !label.is_empty() {
            label.push(' ');
        }
        label.push_str(&format!("{amount} {unit}"));
    }
    label
}

#[cfg(test)]
mod tests;
