//! Checks of a rule set: each problem is a sentence that says where it is and what to do.
//!
//! A rule set that passes has no limit that can never or always be on, no pair of limits that are on at once, no band out
//! of order, no negative delay, no number that is none, no reference to a point or type that does not exist, and a type
//! and presence for every class. What it cannot judge is whether a limit is wise; the back-test is for that.

mod watches;

use super::{AlarmType, RuleSet};
use crate::threshold::LimitRule;
use greenhub_model::Class;
use greenhub_model::alarm::Severity;
use greenhub_model::profile::LimitSide;
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

/// Longest delay of a limit, milliseconds: beyond a day it is no alarm but a report.
const DELAY_MS_MAX: i64 = 86_400_000;
/// Most limits of a rule set.
const LIMITS_MAX: usize = 100_000;
/// Most limits on one point of one kind.
const LIMITS_PER_POINT_MAX: usize = 32;
const WORDS_CHARS_MAX: usize = 500;
const SEVERITIES: [Severity; 4] = [Severity::Warning, Severity::Minor, Severity::Major, Severity::Critical];

/// Collects problems under a path.
struct Findings(Vec<RuleProblem>);

impl Findings {
    fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.push(RuleProblem { path: path.into(), text: text.into() });
    }

    fn check(&mut self, good: bool, path: impl Into<String>, text: impl Into<String>) {
        if !good {
            self.add(path, text);
        }
    }
}

pub(super) fn problems(rules: &RuleSet) -> Vec<RuleProblem> {
    let mut found = Findings(vec![]);
    found.check(rules.version >= 1, "version", "版本号须从 1 开始，请填写比现行版本大 1 的数字");
    times(rules, &mut found);
    classes(rules, &mut found);
    merging(rules, &mut found);
    priorities(rules, &mut found);
    points(rules, &mut found);
    types(rules, &mut found);
    if rules.limits.len() > LIMITS_MAX {
        found.add("limits", format!("限值共 {} 条，最多 {LIMITS_MAX} 条，请合并或改用设备档案", rules.limits.len()));
        return found.0;
    }
    for (index, limit) in rules.limits.iter().enumerate() {
        one_limit(rules, index, limit, &mut found);
    }
    pairs_of_limits(rules, &mut found);
    watches::check(rules, &mut found);
    for (path, text) in crate::correlate::problems(rules) {
        found.add(path, text);
    }
    found.0
}

fn times(rules: &RuleSet, found: &mut Findings) {
    let time = &rules.time;
    for (key, value) in [
        ("late_after_ms", time.late_after_ms),
        ("future_after_ms", time.future_after_ms),
        ("future_max_ms", time.future_max_ms),
        ("age_max_ms", time.age_max_ms),
    ] {
        found.check(value > 0, format!("time.{key}"), format!("{value} 毫秒不是有效时长，请填写大于 0 的毫秒数"));
    }
    found.check(
        time.future_after_ms <= time.future_max_ms,
        "time.future_max_ms",
        "拒收超前时间的界限小于标记超前的界限，请使 future_max_ms 不小于 future_after_ms",
    );
    found.check(
        time.late_after_ms < time.age_max_ms,
        "time.age_max_ms",
        "拒收过旧时间的界限不大于迟到界限，请使 age_max_ms 大于 late_after_ms",
    );
}

fn classes(rules: &RuleSet, found: &mut Findings) {
    for class in Class::ALL {
        let Some(presence) = rules.classes.get(&class) else {
            found.add(
                format!("classes.{class}"),
                "缺少该类设备的在线判断时限，请补充 silent_after_ms 与 offline_after_ms",
            );
            continue;
        };
        found.check(
            presence.silent_after_ms > 0,
            format!("classes.{class}.silent_after_ms"),
            "静默时限须大于 0 毫秒，请按上报间隔的 2 至 3 倍填写",
        );
        found.check(
            presence.offline_after_ms > presence.silent_after_ms,
            format!("classes.{class}.offline_after_ms"),
            "离线时限须大于静默时限，请调大 offline_after_ms",
        );
    }
}

fn merging(rules: &RuleSet, found: &mut Findings) {
    let merge = &rules.merge;
    found.check(
        merge.reopen_window_ms >= rules.time.late_after_ms,
        "merge.reopen_window_ms",
        "重开时限短于迟到界限，乱序到达的数据会拆成两个告警，请使其不小于 time.late_after_ms",
    );
    found.check(
        merge.remember_ms >= merge.reopen_window_ms,
        "merge.remember_ms",
        "记忆时长短于重开时限，请使 remember_ms 不小于 reopen_window_ms",
    );
    found.check(
        (2..=100).contains(&merge.chatter_raises),
        "merge.chatter_raises",
        "抖动判定次数须在 2 至 100 之间，标准值为 3",
    );
    found.check(merge.chatter_window_ms > 0, "merge.chatter_window_ms", "抖动判定窗口须大于 0 毫秒，标准值为 60000");
    found.check(
        (1..=10_000).contains(&merge.keys_per_device_max),
        "merge.keys_per_device_max",
        "单台设备的告警种类上限须在 1 至 10000 之间",
    );
    found.check(
        merge.shelve_max_ms > 0,
        "merge.shelve_max_ms",
        "最长搁置时间须大于 0 毫秒，建议不超过一个班次（43200000）",
    );
}

fn priorities(rules: &RuleSet, found: &mut Findings) {
    let table = &rules.priority;
    let mut last = i32::MIN;
    for severity in SEVERITIES {
        let path = format!("priority.severity.{}", word(severity));
        match table.severity.get(&severity) {
            None => found.add(path, "缺少该严重程度的分值，请补充"),
            Some(points) if *points < last => found.add(path, "更严重的等级分值反而更低，请调大"),
            Some(points) => last = *points,
        }
    }
    for (key, weight) in [
        ("safety", table.safety),
        ("environment", table.environment),
        ("service", table.service),
        ("asset", table.asset),
    ] {
        found.check(
            (0..=1000).contains(&weight),
            format!("priority.{key}"),
            format!("权重 {weight} 无效，请填写 0 至 1000 的整数"),
        );
    }
    for (index, rows) in table.response.windows(2).enumerate() {
        let ordered = rows[0].within_min < rows[1].within_min && rows[0].points >= rows[1].points;
        found.check(
            ordered,
            format!("priority.response[{}]", index + 1),
            "处置时间表须按分钟数由小到大、分值由大到小排列，请调整顺序",
        );
    }
    found.check(
        table.p1_from > table.p2_from && table.p2_from > table.p3_from && table.p3_from > 0,
        "priority.p1_from",
        "优先级门槛须满足 P1 > P2 > P3 > 0，请重新排列 p1_from、p2_from、p3_from",
    );
}

fn points(rules: &RuleSet, found: &mut Findings) {
    for (class, table) in &rules.points {
        for (name, point) in table {
            let path = format!("points.{class}.{name}");
            found.check(
                !point.label.trim().is_empty(),
                format!("{path}.label"),
                "缺少名称，请填写操作员能看懂的中文名",
            );
            found.check(
                point.min.is_finite() && point.max.is_finite() && point.min < point.max,
                path,
                "量程无效，请填写有限的数字，并使 min 小于 max",
            );
        }
    }
}

fn types(rules: &RuleSet, found: &mut Findings) {
    for class in Class::ALL {
        match rules.defaults.get(&class) {
            None => found.add(format!("defaults.{class}"), "缺少该类设备未知告警代码的默认类型，请补充"),
            Some(kind) => one_type(&format!("defaults.{class}"), kind, found),
        }
    }
    for (class, table) in &rules.types {
        for (code, kind) in table {
            one_type(&format!("types.{class}.{code}"), kind, found);
        }
    }
}

fn one_type(path: &str, kind: &AlarmType, found: &mut Findings) {
    for (key, text) in
        [("title", &kind.title), ("cause", &kind.cause), ("consequence", &kind.consequence), ("action", &kind.action)]
    {
        found.check(!text.trim().is_empty(), format!("{path}.{key}"), "内容为空，请写明，操作员要据此处置");
        found.check(
            text.chars().count() <= WORDS_CHARS_MAX,
            format!("{path}.{key}"),
            format!("超过 {WORDS_CHARS_MAX} 字，请精简"),
        );
    }
    let weights = kind.weights;
    let worst = [weights.safety, weights.environment, weights.service, weights.asset].into_iter().max();
    found.check(worst <= Some(3), format!("{path}.weights"), "后果等级须为 0 至 3，请改正");
    found.check(
        kind.re_alarm_ms.is_none_or(|ms| ms >= 60_000),
        format!("{path}.re_alarm_ms"),
        "再次提示的间隔须不少于 60000 毫秒，不需要时请删除该项",
    );
    found.check(
        kind.ack_required || kind.re_alarm_ms.is_none(),
        format!("{path}.re_alarm_ms"),
        "无需确认的类型不会再次提示，请删除 re_alarm_ms 或将 ack_required 设为 true",
    );
}

fn one_limit(rules: &RuleSet, index: usize, rule: &LimitRule, found: &mut Findings) {
    let path = |key: &str| format!("limits[{index}].{key}");
    if !rule.limit.is_finite() {
        found.add(path("limit"), "限值不是有效数字，请填写与测点同单位的数值");
    }
    if !rule.deadband.is_finite() || rule.deadband < 0.0 {
        found.add(path("deadband"), "死区须为不小于 0 的数字，请改正");
    }
    for (key, delay) in [("on_delay_ms", rule.on_delay_ms), ("off_delay_ms", rule.off_delay_ms)] {
        if !(0..=DELAY_MS_MAX).contains(&delay) {
            found.add(path(key), format!("延时 {delay} 毫秒无效，请填写 0 至 {DELAY_MS_MAX} 之间的毫秒数"));
        }
    }
    let class = rule.class;
    if !rules.types.get(&class).is_some_and(|types| types.contains_key(&rule.code)) {
        let text = format!("{class} 类没有告警类型 {}，请先在 types.{class} 中定义，或改用已有代码", rule.code);
        found.add(path("code"), text);
    }
    let Some(point) = rules.points.get(&class).and_then(|points| points.get(&rule.point)) else {
        let text = format!("{class} 类没有测点 {}，请先在 points.{class} 中定义，或改正测点名", rule.point);
        found.add(path("point"), text);
        return;
    };
    if rule.unit.as_ref().is_some_and(|unit| *unit != point.unit) {
        let text = format!("单位与测点 {} 的单位 {:?} 不一致，请换算限值后改正单位", rule.point, point.unit.0);
        found.add(path("unit"), text);
    }
    if rule.limit.is_finite() && !(point.min..=point.max).contains(&rule.limit) {
        let text = format!("限值 {} 超出测点量程 {} 至 {}，告警将永不触发或一直触发", rule.limit, point.min, point.max);
        found.add(path("limit"), format!("{text}，请改正"));
    }
    let back = match rule.side {
        LimitSide::High => rule.limit - rule.deadband,
        LimitSide::Low => rule.limit + rule.deadband,
    };
    if back.is_finite() && !(point.min..=point.max).contains(&back) {
        found.add(path("deadband"), "死区过大，恢复点超出测点量程，告警触发后永不恢复，请减小死区");
    }
}

/// Limits on one point of one kind: none twice, severities in band order, high and low apart.
fn pairs_of_limits(rules: &RuleSet, found: &mut Findings) {
    let mut order: Vec<usize> = (0..rules.limits.len()).collect();
    let key = |index: usize| {
        let rule: &LimitRule = &rules.limits[index];
        (rule.class, &rule.point, &rule.kind)
    };
    order.sort_by(|a, b| key(*a).cmp(&key(*b)).then(a.cmp(b)));
    // A rule without a kind holds for every kind, so each kind's limits must also go with those.
    let place = |index: usize| (rules.limits[index].class, &rules.limits[index].point);
    for of_point in order.chunk_by(|a, b| place(*a) == place(*b)) {
        let general = of_point.partition_point(|index| rules.limits[*index].kind.is_none());
        for group in of_point.chunk_by(|a, b| key(*a) == key(*b)) {
            if group.len() > LIMITS_PER_POINT_MAX {
                let text = format!("同一测点有 {} 条限值，最多 {LIMITS_PER_POINT_MAX} 条，请合并", group.len());
                found.add(format!("limits[{}]", group[LIMITS_PER_POINT_MAX]), text);
                continue;
            }
            let specific = rules.limits[group[0]].kind.is_some();
            let others = if specific { &of_point[..general.min(LIMITS_PER_POINT_MAX)] } else { &[] };
            for (nth, later) in group.iter().enumerate() {
                for earlier in others.iter().chain(&group[..nth]) {
                    pair(*earlier, &rules.limits[*earlier], *later, &rules.limits[*later], found);
                }
            }
        }
    }
}

fn pair(first: usize, a: &LimitRule, second: usize, b: &LimitRule, found: &mut Findings) {
    if a.side != b.side {
        let ((_, high), (_, low)) =
            if a.side == LimitSide::High { ((first, a), (second, b)) } else { ((second, b), (first, a)) };
        if low.limit + low.deadband > high.limit - high.deadband {
            let text = format!("上限 {} 与下限 {} 相互矛盾（含死区后重叠），请拉开两者", high.limit, low.limit);
            found.add(format!("limits[{second}].limit"), format!("{text}（另一条为 limits[{first}]）"));
        }
        return;
    }
    if a.code == b.code && a.severity == b.severity {
        let text = format!("与 limits[{first}] 重复（同类、同测点、同代码、同方向、同严重程度），请删除其一");
        found.add(format!("limits[{second}]"), text);
        return;
    }
    let (mild, severe) = if a.severity <= b.severity { (a, b) } else { (b, a) };
    let in_order = match a.side {
        LimitSide::High => severe.limit > mild.limit,
        LimitSide::Low => severe.limit < mild.limit,
    };
    if a.severity != b.severity && !in_order {
        let text = "更严重的限值须比较轻的更远离正常范围，请调整限值或严重程度";
        found.add(format!("limits[{second}].limit"), format!("{text}（另一条为 limits[{first}]）"));
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    }
}
