//! Notices in words.

use greenhub_model::notify::{NoticeAlarm, NoticeKind};

/// Lines of a notice at most.
const LINES_MAX: usize = 20;

/// A short word for ids.
pub(super) fn code(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Firing => "firing",
        NoticeKind::Repeat => "repeat",
        NoticeKind::Resolved => "resolved",
        NoticeKind::Escalation => "escalation",
        NoticeKind::Test => "test",
        NoticeKind::Message => "message",
    }
}

/// One line, and lines, for these alarms, of which those that call come first.
pub(super) fn say(kind: NoticeKind, alarms: &[NoticeAlarm], utc_offset_min: i32) -> (String, String) {
    let lead = match kind {
        NoticeKind::Firing => "报警",
        NoticeKind::Repeat => "仍未确认",
        NoticeKind::Resolved => "已恢复",
        NoticeKind::Escalation => "超时未确认，升级",
        NoticeKind::Test => "测试",
        NoticeKind::Message => "消息",
    };
    let title = match alarms {
        [] => lead.to_owned(),
        [one] => format!("{lead}：{:?} {} {}", one.priority, name(one), one.title),
        [first, ..] => format!("{lead}：{:?} {} {} 等 {} 条", first.priority, name(first), first.title, alarms.len()),
    };
    let mut lines: Vec<String> = alarms.iter().take(LINES_MAX).map(|alarm| line(alarm, utc_offset_min)).collect();
    if alarms.len() > LINES_MAX {
        lines.push(format!("另有 {} 条，请到报警台查看", alarms.len() - LINES_MAX));
    }
    (title, lines.join("\n"))
}

fn name(alarm: &NoticeAlarm) -> &str {
    if alarm.device_name.is_empty() { alarm.device.as_str() } else { &alarm.device_name }
}

fn line(alarm: &NoticeAlarm, utc_offset_min: i32) -> String {
    let minute = (alarm.called_at.div_euclid(60_000) + i64::from(utc_offset_min)).rem_euclid(1440);
    let place = if alarm.sub_district.is_empty() { String::new() } else { format!("，{}", alarm.sub_district) };
    let end = if alarm.firing { "" } else { "，已恢复" };
    format!(
        "{:?} {}：{}（{}）{place}，{:02}:{:02} 报警{end}",
        alarm.priority,
        alarm.title,
        name(alarm),
        alarm.device,
        minute / 60,
        minute % 60
    )
}
