//! Checks of watches, fences and local hours.

use super::{DELAY_MS_MAX, Findings};
use crate::fence::{Fence, Trespass};
use crate::rules::{PointRule, RuleSet};
use crate::watch::{Compare, Input, Reference, Test, Watch, WatchRule};
use greenhub_model::Class;
use greenhub_model::polygon::{Polygon, PolygonError};
use std::collections::BTreeMap;

/// Most watches of a rule set.
const WATCHES_MAX: usize = 100_000;
/// Most fences of a rule set.
const FENCES_MAX: usize = 1000;
/// Most corners of a fence.
const CORNERS_MAX: usize = 500;
/// Most events that a count remembers per device.
const COUNT_MAX: u32 = 1000;
/// Most inputs of one watch.
const INPUTS_MAX: usize = 16;
const TITLE_CHARS_MAX: usize = 100;

pub(super) fn check(rules: &RuleSet, found: &mut Findings) {
    found.check(
        (-720..=840).contains(&rules.utc_offset_min),
        "utc_offset_min",
        "时区偏移须在 -720 至 840 分钟之间，中国为 480",
    );
    for (key, delay) in [("on_delay_ms", rules.quality.on_delay_ms), ("off_delay_ms", rules.quality.off_delay_ms)] {
        delayed(format!("quality.{key}"), delay, found);
    }
    if rules.watches.len() > WATCHES_MAX {
        let text = format!("监视规则共 {} 条，最多 {WATCHES_MAX} 条，请合并", rules.watches.len());
        return found.add("watches", text);
    }
    if rules.fences.len() > FENCES_MAX {
        let text = format!("电子围栏共 {} 个，最多 {FENCES_MAX} 个，请合并", rules.fences.len());
        return found.add("fences", text);
    }
    weights(rules, found);
    let mut names = BTreeMap::new();
    for (index, rule) in rules.watches.iter().enumerate() {
        named(&mut names, format!("watches[{index}]"), &rule.id, found);
        one_watch(rules, &format!("watches[{index}]"), rule, found);
    }
    twins(&rules.watches, found);
    let mut names = BTreeMap::new();
    for (index, fence) in rules.fences.iter().enumerate() {
        named(&mut names, format!("fences[{index}]"), &fence.id, found);
        one_fence(rules, &format!("fences[{index}]"), fence, found);
    }
}

/// Place, hours and waiting in the arithmetic of the priority.
fn weights(rules: &RuleSet, found: &mut Findings) {
    let table = &rules.priority;
    let fits = |points: i32| (-1000..=1000).contains(&points);
    const POINTS: &str = "分值须在 -1000 至 1000 之间，请改正";
    for (index, place) in table.places.iter().enumerate() {
        let path = format!("priority.places[{index}]");
        found.check(!place.title.trim().is_empty(), format!("{path}.title"), "缺少名称，请填写操作员能看懂的中文名");
        found.check(fits(place.points), format!("{path}.points"), POINTS);
        somewhere(&path, place.sub_district.as_deref(), &place.polygon, found);
    }
    for (index, people) in table.people.iter().enumerate() {
        let path = format!("priority.people[{index}]");
        found.check(!people.title.trim().is_empty(), format!("{path}.title"), "缺少名称，请填写操作员能看懂的中文名");
        found.check(fits(people.points), format!("{path}.points"), POINTS);
        let days = people.days.iter().all(|day| (1..=7).contains(day));
        found.check(days, format!("{path}.days"), "星期须为 1（周一）至 7（周日），请改正");
        somewhere(&path, people.sub_district.as_deref(), &people.polygon, found);
    }
    redundancy(rules, found);
    for (index, hours) in table.hours.iter().enumerate() {
        let path = format!("priority.hours[{index}]");
        found.check(!hours.title.trim().is_empty(), format!("{path}.title"), "缺少名称，请填写操作员能看懂的中文名");
        found.check(fits(hours.points), format!("{path}.points"), POINTS);
        found.check(hours.from != hours.to, path, "起止时刻相同，永不生效，请改正");
    }
    for (index, row) in table.standing.iter().enumerate() {
        let path = format!("priority.standing[{index}]");
        found.check(fits(row.points), format!("{path}.points"), POINTS);
        let timed = (60_000..=7 * DELAY_MS_MAX).contains(&row.after_ms);
        found.check(timed, format!("{path}.after_ms"), "时长须在 60000 毫秒与 7 天之间，请改正");
    }
    for (index, rows) in table.standing.windows(2).enumerate() {
        let ordered = rows[0].after_ms < rows[1].after_ms && rows[0].points <= rows[1].points;
        let path = format!("priority.standing[{}]", index + 1);
        found.check(ordered, path, "未确认时长表须按时长由短到长、分值由小到大排列，请调整顺序");
    }
}

fn somewhere(path: &str, sub_district: Option<&str>, polygon: &[[f64; 2]], found: &mut Findings) {
    match (sub_district, polygon.is_empty()) {
        (None, true) => found.add(path, "须填写街道名称或边界之一，否则永不生效"),
        (_, false) => {
            if let Err(error) = Polygon::new(polygon) {
                found.add(format!("{path}.polygon"), polygon_text(error));
            }
        }
        (Some(_), true) => {}
    }
}

/// Groups of devices that stand in for each other.
fn redundancy(rules: &RuleSet, found: &mut Findings) {
    let mut owner: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, group) in rules.priority.redundancy.iter().enumerate() {
        let path = format!("priority.redundancy[{index}]");
        found.check(!group.title.trim().is_empty(), format!("{path}.title"), "缺少名称，请填写操作员能看懂的中文名");
        let sized = (2..=64).contains(&group.members.len());
        found.check(sized, format!("{path}.members"), "互为备用的设备须有 2 至 64 台，请补充或拆分");
        found.check(!group.codes.is_empty(), format!("{path}.codes"), "须列出表示设备失效的告警代码，否则永不生效");
        let ordered =
            group.points.windows(2).all(|rows| rows[0].lost < rows[1].lost && rows[0].points <= rows[1].points);
        let reached = group.points.iter().all(|row| (1..=group.members.len()).contains(&row.lost));
        let fits = group.points.iter().all(|row| (-1000..=1000).contains(&row.points));
        found.check(
            ordered && reached && fits && !group.points.is_empty(),
            format!("{path}.points"),
            "须按失效台数由少到多、分值由小到大排列，台数不超过设备数，分值在 -1000 至 1000 之间，请改正",
        );
        for member in &group.members {
            if let Some(first) = owner.insert(member.as_str(), index) {
                let text =
                    format!("设备 {member} 已在 priority.redundancy[{first}] 中，一台设备只能属于一组，请删去其一");
                found.add(format!("{path}.members"), text);
            }
        }
    }
}

fn named<'a>(names: &mut BTreeMap<&'a str, String>, path: String, id: &'a str, found: &mut Findings) {
    let fits = !id.trim().is_empty() && id.chars().count() <= 64;
    found.check(fits, format!("{path}.id"), "编号须为 1 至 64 个字符，请填写");
    if let Some(first) = names.get(id) {
        found.add(format!("{path}.id"), format!("编号与 {first} 重复，请改为唯一的编号"));
    } else {
        names.insert(id, path);
    }
}

fn delayed(path: String, delay: i64, found: &mut Findings) {
    if !(0..=DELAY_MS_MAX).contains(&delay) {
        found.add(path, format!("延时 {delay} 毫秒无效，请填写 0 至 {DELAY_MS_MAX} 之间的毫秒数"));
    }
}

fn lasting(path: String, ms: i64, found: &mut Findings) {
    if !(1000..=DELAY_MS_MAX).contains(&ms) {
        found.add(path, format!("时长 {ms} 毫秒无效，请填写 1000 至 {DELAY_MS_MAX} 之间的毫秒数"));
    }
}

fn typed(rules: &RuleSet, class: Class, code: &str, path: String, found: &mut Findings) {
    if !rules.types.get(&class).is_some_and(|types| types.contains_key(code)) {
        found.add(path, format!("{class} 类没有告警类型 {code}，请先在 types.{class} 中定义，或改用已有代码"));
    }
}

fn one_watch(rules: &RuleSet, path: &str, rule: &WatchRule, found: &mut Findings) {
    typed(rules, rule.class, rule.code.as_str(), format!("{path}.code"), found);
    delayed(format!("{path}.on_delay_ms"), rule.on_delay_ms, found);
    delayed(format!("{path}.off_delay_ms"), rule.off_delay_ms, found);
    let inputs = rule.when.inputs();
    found.check(
        (1..=INPUTS_MAX).contains(&inputs.len()),
        format!("{path}.when"),
        format!("须监视 1 至 {INPUTS_MAX} 个测点，请增减"),
    );
    let mut points = Vec::new();
    for input in &inputs {
        match input {
            Input::Point(name) => match rules.point(rule.class, name.as_str()) {
                Some(point) => points.push((name.as_str(), point)),
                None => {
                    let class = rule.class;
                    let text = format!("{class} 类没有测点 {name}，请先在 points.{class} 中定义，或改正测点名");
                    found.add(format!("{path}.when"), text);
                }
            },
            Input::Alarm(_) if !matches!(rule.when, Watch::Count { .. }) => {
                let text = format!("{input} 是告警消息，只能用于 count（计数），请改用测点或状态");
                found.add(format!("{path}.when"), text);
            }
            Input::On | Input::Dim | Input::Online | Input::Alarm(_) => {}
        }
    }
    let when = format!("{path}.when");
    match &rule.when {
        Watch::Deviation { from, band, deadband, .. } => {
            banded(&when, *band, *deadband, found);
            if let Reference::Setpoint(setpoint) = from {
                reachable(&when, *setpoint, points.first().map(|p| p.1), found);
            }
            one_unit(&when, &points, found);
            two(&when, &inputs, matches!(from, Reference::Input(_)), found);
        }
        Watch::Spread { band, deadband, .. } => {
            banded(&when, *band, *deadband, found);
            one_unit(&when, &points, found);
            two(&when, &inputs, true, found);
        }
        Watch::Mismatch { tolerance, .. } => {
            let good = tolerance.is_finite() && *tolerance >= 0.0;
            found.check(good, format!("{when}.tolerance"), "允许偏差须为不小于 0 的数字，请改正");
            one_unit(&when, &points, found);
            two(&when, &inputs, true, found);
        }
        Watch::Rate { window_ms, per_ms, rise, fall, deadband, .. } => {
            lasting(format!("{when}.window_ms"), *window_ms, found);
            lasting(format!("{when}.per_ms"), *per_ms, found);
            found.check(rise.is_some() || fall.is_some(), &when, "须填写 rise（上升）或 fall（下降）的限值之一");
            for (key, limit) in [("rise", rise), ("fall", fall)] {
                let good = limit.is_none_or(|limit| limit.is_finite() && limit > 0.0);
                found.check(good, format!("{when}.{key}"), "变化速率限值须为大于 0 的数字，下降也填正数");
                let wide = limit.is_none_or(|limit| *deadband >= 0.0 && *deadband < limit);
                found.check(wide, format!("{when}.deadband"), "死区须不小于 0 且小于速率限值，请改正");
            }
        }
        Watch::State { among, .. } => {
            found.check(!among.is_empty(), format!("{when}.among"), "告警状态集合为空，永不触发，请填写状态值");
            found.check(among.iter().all(|one| one.is_finite()), format!("{when}.among"), "状态值须为数字，请改正");
        }
        Watch::Stuck { for_ms, epsilon, .. } => {
            lasting(format!("{when}.for_ms"), *for_ms, found);
            let good = epsilon.is_finite() && *epsilon >= 0.0;
            found.check(good, format!("{when}.epsilon"), "允许波动须为不小于 0 的数字，请改正");
            let span = points.first().map_or(f64::INFINITY, |(_, point)| point.max - point.min);
            found.check(*epsilon < span, format!("{when}.epsilon"), "允许波动不小于量程，将一直触发，请减小");
        }
        Watch::NoData { point, for_ms, .. } => {
            lasting(format!("{when}.for_ms"), *for_ms, found);
            let told = matches!(point, Input::Point(_));
            found.check(told, &when, "无数据监视只能用于测点，设备整体离线由在线判断给出，请改正");
        }
        Watch::Count { of, above, below, at_least, window_ms } => {
            lasting(format!("{when}.window_ms"), *window_ms, found);
            let range = (1..=COUNT_MAX).contains(at_least);
            found.check(range, format!("{when}.at_least"), format!("次数须在 1 至 {COUNT_MAX} 之间，请改正"));
            let beyond = usize::from(above.is_some()) + usize::from(below.is_some());
            match of {
                Input::Alarm(_) => found.check(beyond == 0, &when, "对告警消息计数时不填写 above 或 below，请删除"),
                _ => found.check(beyond == 1, &when, "对测点计数时须填写 above 或 below 之一"),
            }
            for limit in [above, below].into_iter().flatten() {
                reachable(&when, *limit, points.first().map(|p| p.1), found);
            }
        }
        Watch::All(tests) | Watch::Any(tests) => {
            tests.iter().enumerate().for_each(|(nth, test)| one_test(rules, rule.class, &when, nth, test, found));
            if matches!(rule.when, Watch::All(_)) {
                contradictions(&when, tests, found);
            }
        }
    }
}

fn banded(path: &str, band: f64, deadband: f64, found: &mut Findings) {
    found.check(band.is_finite() && band > 0.0, format!("{path}.band"), "允许偏差须为大于 0 的数字，请改正");
    let good = deadband.is_finite() && deadband >= 0.0 && deadband <= band;
    found.check(good, format!("{path}.deadband"), "死区须在 0 与允许偏差之间，否则告警永不恢复，请减小");
}

fn reachable(path: &str, value: f64, point: Option<&PointRule>, found: &mut Findings) {
    if !value.is_finite() {
        return found.add(path, "数值不是有效数字，请填写与测点同单位的数值");
    }
    let Some(point) = point.filter(|point| !(point.min..=point.max).contains(&value)) else { return };
    found.add(path, format!("数值 {value} 超出测点量程 {} 至 {}，请改正", point.min, point.max));
}

fn one_unit(path: &str, points: &[(&str, &PointRule)], found: &mut Findings) {
    let Some((first, point)) = points.first() else { return };
    for (name, other) in &points[1..] {
        if other.unit != point.unit {
            let (a, b) = (&point.unit.0, &other.unit.0);
            let text = format!("测点 {first}（{a}）与 {name}（{b}）单位不同，不能相比，请选用同单位的测点");
            found.add(path, text);
        }
    }
}

fn two(path: &str, inputs: &[&Input], wanted: bool, found: &mut Findings) {
    found.check(!wanted || inputs.len() >= 2, path, "同一测点与自身比较永不触发，请填写两个不同的测点");
}

fn one_test(rules: &RuleSet, class: Class, path: &str, nth: usize, test: &Test, found: &mut Findings) {
    let path = format!("{path}[{nth}]");
    let good = test.deadband.is_finite() && test.deadband >= 0.0;
    found.check(good, format!("{path}.deadband"), "死区须为不小于 0 的数字，请改正");
    let point = match &test.point {
        Input::Point(name) => rules.point(class, name.as_str()),
        _ => None,
    };
    reachable(&format!("{path}.value"), test.value, point, found);
}

/// `all` with a value that should be above and below at once.
fn contradictions(path: &str, tests: &[Test], found: &mut Findings) {
    for (nth, above) in tests.iter().enumerate().filter(|(_, test)| test.is == Compare::Above) {
        let never =
            |below: &&Test| below.point == above.point && below.is == Compare::Below && below.value <= above.value;
        if let Some(below) = tests.iter().find(never) {
            let text =
                format!("{} 不可能同时高于 {} 又低于 {}，永不触发，请改正", above.point, above.value, below.value);
            found.add(format!("{path}[{nth}]"), text);
        }
    }
}

/// Two watches that say the same of the same devices under one code.
fn twins(watches: &[WatchRule], found: &mut Findings) {
    let mut order: Vec<usize> = (0..watches.len()).collect();
    let key = |index: usize| {
        let rule: &WatchRule = &watches[index];
        (rule.class, &rule.code, &rule.kind, rule.when.inputs())
    };
    order.sort_by(|a, b| key(*a).cmp(&key(*b)).then(a.cmp(b)));
    for pair in order.windows(2) {
        let (a, b) = (&watches[pair[0]], &watches[pair[1]]);
        if key(pair[0]) == key(pair[1]) && a.when == b.when {
            let text = format!("与 watches[{}] 监视同样的内容并给出同一告警，请删除其一", pair[0]);
            found.add(format!("watches[{}]", pair[1]), text);
        }
    }
}

fn one_fence(rules: &RuleSet, path: &str, fence: &Fence, found: &mut Findings) {
    let titled = (1..=TITLE_CHARS_MAX).contains(&fence.title.trim().chars().count());
    found.check(titled, format!("{path}.title"), "名称须为 1 至 100 个字，请填写操作员能看懂的中文名");
    if fence.polygon.len() > CORNERS_MAX {
        found.add(format!("{path}.polygon"), format!("顶点超过 {CORNERS_MAX} 个，请简化边界"));
    } else if let Err(error) = Polygon::new(&fence.polygon) {
        found.add(format!("{path}.polygon"), polygon_text(error));
    }
    for class in Class::ALL.into_iter().filter(|class| fence.is_for_class(*class)) {
        typed(rules, class, fence.code.as_str(), format!("{path}.code"), found);
    }
    if let Trespass::Dwell(ms) = fence.on {
        lasting(format!("{path}.on.dwell"), ms, found);
    }
    if let Some(hours) = fence.hours {
        found.check(hours.from != hours.to, format!("{path}.hours"), "起止时刻相同，永不生效；全天有效时请删除该项");
    }
    let metres = |value: f64, least: f64| value.is_finite() && (least..=10_000.0).contains(&value);
    found.check(
        metres(fence.hysteresis_m, 0.0),
        format!("{path}.hysteresis_m"),
        "回差须在 0 至 10000 米之间，建议 20 至 50",
    );
    found.check(
        metres(fence.accuracy_max_m, 1.0),
        format!("{path}.accuracy_max_m"),
        "定位精度上限须在 1 至 10000 米之间",
    );
    delayed(format!("{path}.on_delay_ms"), fence.on_delay_ms, found);
    delayed(format!("{path}.off_delay_ms"), fence.off_delay_ms, found);
}

/// Why corners are no polygon, for people.
pub(super) fn polygon_text(error: PolygonError) -> String {
    match error {
        PolygonError::TooFew => "边界至少需要三个不同的顶点，请补充".to_owned(),
        PolygonError::NoPlace(corner) => format!("第 {} 个顶点不是有效的经纬度（先经度后纬度），请改正", corner + 1),
        PolygonError::Crossing(a, b) => format!("第 {} 条边与第 {} 条边相交，请按顺序重画边界", a + 1, b + 1),
        PolygonError::Flat => "边界围成的面积为零，请重画".to_owned(),
    }
}
