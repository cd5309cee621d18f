//! Words for the keys and values of a rule set, for people who read a change request.

use crate::rules::RuleSet;
use greenhub_model::Class;
use serde_json::Value;

/// Keys and their words; a key that is not here is shown as it is.
const WORDS: &[(&str, &str)] = &[
    ("time", "时间规则"),
    ("classes", "在线判断"),
    ("merge", "合并"),
    ("priority", "优先级算法"),
    ("points", "测点"),
    ("types", "告警类型"),
    ("defaults", "默认告警类型"),
    ("limits", "限值"),
    ("suppressions", "设计抑制"),
    ("shelve_max_by_role", "各角色最长搁置时间"),
    ("correlate", "关联与拓扑"),
    ("watches", "条件监视"),
    ("fences", "围栏"),
    ("late_after_ms", "迟到界限"),
    ("future_after_ms", "超前标记界限"),
    ("future_max_ms", "超前拒收界限"),
    ("age_max_ms", "过旧拒收界限"),
    ("silent_after_ms", "静默时限"),
    ("offline_after_ms", "离线时限"),
    ("reopen_window_ms", "重开时限"),
    ("remember_ms", "记忆时长"),
    ("chatter_raises", "抖动判定次数"),
    ("chatter_window_ms", "抖动判定窗口"),
    ("keys_per_device_max", "单台设备告警种类上限"),
    ("shelve_max_ms", "最长搁置时间"),
    ("severity", "严重程度"),
    ("safety", "人身安全"),
    ("environment", "环境"),
    ("service", "服务"),
    ("asset", "设备资产"),
    ("response", "处置时间分值"),
    ("within_min", "分钟数"),
    ("p1_from", "P1 门槛"),
    ("p2_from", "P2 门槛"),
    ("p3_from", "P3 门槛"),
    ("label", "名称"),
    ("unit", "单位"),
    ("min", "量程下限"),
    ("max", "量程上限"),
    ("title", "标题"),
    ("cause", "原因"),
    ("consequence", "后果"),
    ("action", "处置办法"),
    ("weights", "后果等级"),
    ("respond_within_min", "处置时限"),
    ("at_least", "最低优先级"),
    ("ack_required", "须确认"),
    ("latching", "保持到复位"),
    ("highly_managed", "严格管理"),
    ("re_alarm_ms", "再次提示间隔"),
    ("class", "设备类别"),
    ("kind", "设备型号"),
    ("point", "测点"),
    ("code", "告警代码"),
    ("side", "方向"),
    ("limit", "限值"),
    ("deadband", "死区"),
    ("on_delay_ms", "触发延时"),
    ("off_delay_ms", "恢复延时"),
    ("while_active", "生效条件"),
    ("hides", "抑制对象"),
    ("enabled", "启用"),
    ("id", "编号"),
    ("name", "名称"),
    ("text", "文字"),
    ("window_ms", "时间窗口"),
    ("count", "次数"),
    ("area", "范围"),
    ("dwell_ms", "停留时长"),
    ("patrol", "巡查单元"),
    ("vehicle", "车辆"),
    ("plant", "厂站"),
    ("charger", "充电桩"),
    ("light", "路灯"),
    ("warning", "提示"),
    ("minor", "次要"),
    ("major", "重要"),
    ("critical", "紧急"),
    ("high", "上限"),
    ("low", "下限"),
    ("dispatcher", "调度员"),
    ("plant_operator", "值班操作员"),
    ("clerk", "审核员"),
    ("patrol_officer", "巡查员"),
    ("crew", "养护班组"),
    ("auditor", "审计员"),
    ("administrator", "管理员"),
];

/// Longest text of a value, characters.
const TEXT_CHARS_MAX: usize = 240;

fn word(key: &str) -> &str {
    WORDS.iter().find(|(known, _)| *known == key).map_or(key, |(_, word)| word)
}

fn class_word(class: &str) -> &str {
    if class == "environment" { "环境监测" } else { word(class) }
}

/// The word for member `key` below `keys`.
pub(super) fn member(keys: &[String], key: &str, new: &RuleSet, old: &RuleSet) -> String {
    let class = |name: &str| Class::parse(name);
    match keys {
        [section] if matches!(section.as_str(), "classes" | "points" | "types" | "defaults") => {
            class_word(key).to_owned()
        }
        [section, of] if section == "types" => {
            let title = |rules: &RuleSet| {
                let types = rules.types.get(&class(of)?)?;
                types.iter().find(|(code, _)| code.as_str() == key).map(|(_, kind)| kind.title.clone())
            };
            named(title(new).or_else(|| title(old)), key)
        }
        [section, of] if section == "points" => {
            let label = |rules: &RuleSet| Some(rules.point(class(of)?, key)?.label.clone());
            named(label(new).or_else(|| label(old)), key)
        }
        _ => word(key).to_owned(),
    }
}

fn named(name: Option<String>, key: &str) -> String {
    name.map_or_else(|| key.to_owned(), |name| format!("{name}（{key}）"))
}

fn text_of<'v>(row: &'v Value, key: &str) -> &'v str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What a row of a list is, apart from its values.
pub(super) fn row_name(keys: &[String], index: usize, row: &Value) -> String {
    if keys.len() == 1 && keys[0] == "limits" {
        let parts = ["class", "kind", "point", "code", "side"].map(|key| text_of(row, key));
        return parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    }
    for key in ["id", "name", "within_min"] {
        match row.get(key) {
            Some(Value::String(name)) => return name.clone(),
            Some(Value::Number(number)) => return number.to_string(),
            _ => {}
        }
    }
    index.to_string()
}

/// The words for a row.
pub(super) fn row(keys: &[String], name: &str, row: &Value, rules: &RuleSet) -> String {
    if keys.len() != 1 || keys[0] != "limits" {
        return name.to_owned();
    }
    let (class, code, point) = (text_of(row, "class"), text_of(row, "code"), text_of(row, "point"));
    let kind = text_of(row, "kind");
    let label = Class::parse(class).and_then(|class| rules.point(class, point)).map_or(point, |p| p.label.as_str());
    let kind = if kind.is_empty() { String::new() } else { format!(" {kind}") };
    let (side, severity) = (word(text_of(row, "side")), word(text_of(row, "severity")));
    format!("{}{kind} {label} {side}（{code}，{severity}）", class_word(class))
}

/// A value for people.
pub(super) fn text(key: &str, value: &Value) -> String {
    let mut text = plain(key, value);
    if text.chars().count() > TEXT_CHARS_MAX {
        text = text.chars().take(TEXT_CHARS_MAX - 1).chain(['…']).collect();
    }
    text
}

fn plain(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "无".to_owned(),
        Value::Bool(true) => "是".to_owned(),
        Value::Bool(false) => "否".to_owned(),
        Value::Number(number) => match number.as_i64() {
            Some(ms) if key.ends_with("_ms") || key == "shelve_max_by_role" => duration(ms),
            Some(minutes) if key.ends_with("_min") => format!("{minutes} 分钟"),
            _ => number.to_string().trim_end_matches(".0").to_owned(),
        },
        Value::String(text) => word(text).to_owned(),
        Value::Array(items) => items.iter().map(|item| plain(key, item)).collect::<Vec<_>>().join("、"),
        Value::Object(members) => {
            let shown = members.iter().filter(|(_, value)| !value.is_null());
            shown.map(|(key, value)| format!("{} {}", word(key), plain(key, value))).collect::<Vec<_>>().join("，")
        }
    }
}

fn duration(ms: i64) -> String {
    for (unit, name) in [(86_400_000, "天"), (3_600_000, "小时"), (60_000, "分钟"), (1_000, "秒")] {
        if ms != 0 && ms % unit == 0 {
            return format!("{} {name}", ms / unit);
        }
    }
    format!("{ms} 毫秒")
}
