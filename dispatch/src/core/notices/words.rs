//! What a notice says. One line of title, a few of text, no names of citizens.

use greenhub_model::notice::OrderNoticeKind;
use greenhub_model::order::{Order, OrderEvent, Stage};

/// Longest title and text, characters.
const TITLE_CHARS_MAX: usize = 80;
const TEXT_CHARS_MAX: usize = 400;

/// Title and text of a notice about an act at this time.
pub(super) fn of(kind: OrderNoticeKind, order: &Order, event: &OrderEvent, at: i64) -> (String, String) {
    let head = match kind {
        OrderNoticeKind::Dispatched => "新工单",
        OrderNoticeKind::Recalled => "工单已撤回",
        OrderNoticeKind::Returned => "工单被退回",
        OrderNoticeKind::Rework => "工单返工",
        OrderNoticeKind::Supervised => "工单督办",
        OrderNoticeKind::Urged => "工单催办",
        OrderNoticeKind::Verify => "请现场核实",
        OrderNoticeKind::Verified => "核实已反馈",
        OrderNoticeKind::Decided => {
            if matches!(event, OrderEvent::Approve { .. }) {
                "申请已同意"
            } else {
                "申请未同意"
            }
        }
        OrderNoticeKind::Ended => "工单已结束",
        OrderNoticeKind::Warned => "工单即将超时",
        OrderNoticeKind::Overdue => "工单已超时",
    };
    let title = format!("{head} {:?} {}", order.priority, order.title);
    let mut lines = vec![];
    lines.extend(said(event));
    if !order.address.is_empty() {
        lines.push(format!("地点：{}", order.address));
    }
    let stages = match kind {
        OrderNoticeKind::Dispatched => &[(Stage::Receive, "接单"), (Stage::Handling, "处置")][..],
        OrderNoticeKind::Rework | OrderNoticeKind::Supervised | OrderNoticeKind::Urged | OrderNoticeKind::Warned => {
            &[(Stage::Handling, "处置")]
        }
        _ => &[],
    };
    for (stage, name) in stages {
        if let Some(clock) = order.clock(*stage).filter(|clock| clock.deadline > at) {
            lines.push(format!("{name}剩余 {}", left(clock.deadline - at)));
        }
    }
    (cut(&title, TITLE_CHARS_MAX), cut(&lines.join("\n"), TEXT_CHARS_MAX))
}

/// The words of the act itself.
fn said(event: &OrderEvent) -> Option<String> {
    let (name, text) = match event {
        OrderEvent::Return { reason } | OrderEvent::Recall { reason } | OrderEvent::Rework { reason, .. } => {
            ("原因", reason.as_str())
        }
        OrderEvent::Merge { reason, .. } | OrderEvent::Close { reason } | OrderEvent::Cancel { reason } => {
            ("原因", reason.as_str())
        }
        OrderEvent::Deny { reason } => ("理由", reason.as_str()),
        OrderEvent::Supervise { text, .. } => ("要求", text.as_str()),
        OrderEvent::Urge { text } | OrderEvent::Verify { text, .. } | OrderEvent::Verified { text, .. } => {
            ("说明", text.as_str())
        }
        OrderEvent::Approve { text } => ("说明", text.as_str()),
        _ => return None,
    };
    (!text.trim().is_empty()).then(|| format!("{name}：{}", text.trim()))
}

/// A length of time as people say it.
fn left(ms: i64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0 => "不足 1 分钟".to_owned(),
        1..120 => format!("{minutes} 分钟"),
        120..2880 => format!("{} 小时 {} 分钟", minutes / 60, minutes % 60),
        _ => format!("{} 天 {} 小时", minutes / 1440, minutes % 1440 / 60),
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).take(chars).collect()
}
