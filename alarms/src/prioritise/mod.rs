//! Prioritise: how soon to act, P1 to P4, as a sum that is shown.
//!
//! ```text
//! severity + consequence (people, environment, service, plant) + little time to respond  →  P1 ≥ p1_from > P2 …
//! ```
//!
//! Each term is one [`Reason`] with its points, and the last one states the sum and the mark it passed; a type may set a
//! floor (`at_least`), which is a reason of its own. **Late data** and repeats do not change the sum; a rise in severity
//! does. **Remembers** nothing.

use crate::rules::{AlarmType, RuleSet};
use greenhub_model::alarm::{Priority, Reason, Severity};

/// The priority of an alarm of `kind` with `severity`, and why.
pub fn prioritise(rules: &RuleSet, kind: &AlarmType, severity: Severity) -> (Priority, Vec<Reason>) {
    let table = &rules.priority;
    let mut reasons = vec![];
    let mut sum = 0i32;
    let mut add = |code: &str, text: String, points: i32| {
        sum = sum.saturating_add(points);
        reasons.push(Reason { code: code.into(), text, points: Some(points) });
    };
    let points = table.severity.get(&severity).copied().unwrap_or(0);
    add("severity", format!("严重程度“{}”：+{points}", severity_label(severity)), points);
    for (code, label, level, weight) in [
        ("safety", "人身安全", kind.weights.safety, table.safety),
        ("environment", "环境影响", kind.weights.environment, table.environment),
        ("service", "公共服务", kind.weights.service, table.service),
        ("asset", "设备财产", kind.weights.asset, table.asset),
    ] {
        if level > 0 {
            let points = i32::from(level).saturating_mul(weight);
            add(code, format!("后果·{label} {level} 级 × {weight}：+{points}"), points);
        }
    }
    if let Some(row) = table.response.iter().find(|row| kind.respond_within_min <= row.within_min) {
        let text = format!("须在 {} 分钟内处置：+{}", kind.respond_within_min, row.points);
        add("response", text, row.points);
    }
    let (by_sum, mark) = match sum {
        sum if sum >= table.p1_from => (Priority::P1, format!("不低于 {}", table.p1_from)),
        sum if sum >= table.p2_from => (Priority::P2, format!("不低于 {}", table.p2_from)),
        sum if sum >= table.p3_from => (Priority::P3, format!("不低于 {}", table.p3_from)),
        _ => (Priority::P4, format!("低于 {}", table.p3_from)),
    };
    reasons.push(Reason {
        code: "sum".into(), text: format!("合计 {sum} 分，{mark}，定为 {by_sum:?}"), points: None
    });
    match kind.at_least {
        Some(floor) if floor < by_sum => {
            let text = format!("该类型规定至少为 {floor:?}");
            reasons.push(Reason { code: "floor".into(), text, points: None });
            (floor, reasons)
        }
        _ => (by_sum, reasons),
    }
}

/// The severity in Chinese.
pub fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "紧急",
        Severity::Major => "重要",
        Severity::Minor => "次要",
        Severity::Warning => "提示",
    }
}
