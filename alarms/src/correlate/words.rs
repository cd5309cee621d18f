//! The sentences of correlation, in Chinese.

use super::memory::Entry;
use super::rules::{ANY, CauseRule, NearRule, SAME};
use super::topology::Topology;
use crate::merge::duration_label;
use greenhub_model::alarm::Alarm;

/// An alarm as people name it.
pub(super) fn name(alarm: &Alarm) -> String {
    let device = if alarm.device_name.is_empty() { alarm.device.as_str() } else { &alarm.device_name };
    format!("{device}：{}", alarm.title)
}

fn after(cause: i64, effect: i64) -> String {
    let (by, word) = (effect.abs_diff(cause), if effect >= cause { "晚" } else { "早" });
    match i64::try_from(by).unwrap_or(i64::MAX) {
        0..1000 => "几乎同时".into(),
        ms => format!("比其{word} {}", duration_label(ms)),
    }
}

/// Why a consequence is folded.
pub(super) fn by_cause(rule: &CauseRule, cause: &Entry, effect: &Entry) -> String {
    let relation = match rule.relation.as_str() {
        SAME => "同一设备".into(),
        ANY => "同一街道".into(),
        named => Topology::label(named),
    };
    format!(
        "由“{}”引起（{relation}，{}；规则“{}”）",
        name(&cause.alarm),
        after(cause.alarm.raised_at, effect.since),
        rule.title
    )
}

/// Why a report is folded.
pub(super) fn near(rule: &NearRule, cause: &Entry, effect: &Entry, distance_m: f64) -> String {
    let span = after(cause.alarm.raised_at, effect.alarm.raised_at);
    let first = name(&cause.alarm);
    format!("与“{first}”是同一件事（相距 {distance_m:.0} 米，{span}；规则“{}”）", rule.title)
}

/// The explanation goes on to the top.
pub(super) fn up_to(text: &str, top: &Alarm) -> String {
    format!("{text}，归并到根源“{}”", name(top))
}

/// Why it stands on its own again.
pub(super) fn unfolded(active: bool) -> String {
    match active {
        true => "根源告警已恢复，本告警仍未恢复，单独提示".into(),
        false => "根源告警已结束，本告警单独显示".into(),
    }
}

/// A person took it out.
pub(super) fn undone(by: &str) -> String {
    format!("{by} 已将本告警拆出，不再归并到原告警")
}

/// How many are folded under it.
pub(super) fn gathered(folds: u32) -> String {
    match folds {
        0 => "已没有归并到本告警的告警".into(),
        n => format!("现有 {n} 条告警归并到本告警"),
    }
}
