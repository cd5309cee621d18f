//! Checks of the rules of correlation: each problem is a path and a sentence in Chinese that says what to do.
//!
//! Refused: loops in a table of topology, rules without a code or a window, codes and relations that do not exist, two
//! rules that call each other's cause a consequence, names used twice, desks without classes.

use super::rules::{ANY, CauseRule, CorrelateRules, Links, Matcher, PARENT, SAME};
use super::topology::DEPTH_MAX;
use crate::rules::RuleSet;
use greenhub_model::{AlarmCode, Class};
use std::collections::{BTreeMap, BTreeSet};

/// Longest window of a rule: 31 days.
const WINDOW_MS_MAX: i64 = 31 * 86_400_000;
/// Longest grace: an hour.
const GRACE_MS_MAX: i64 = 3_600_000;
/// Most rules of one sort.
const RULES_MAX: usize = 2000;
/// Most nodes in all tables.
const NODES_MAX: usize = 200_000;
/// Widest radius, metres.
const RADIUS_M_MAX: f64 = 5000.0;

type Problems = Vec<(String, String)>;

/// What is wrong with the rules of correlation.
pub(crate) fn problems(rules: &RuleSet) -> Problems {
    let table = &rules.correlate;
    let mut found = vec![];
    if table.links.values().map(BTreeMap::len).sum::<usize>() > NODES_MAX {
        found.push(("correlate.links".into(), format!("拓扑节点超过 {NODES_MAX} 个，请拆分或改用设备档案的上级")));
        return found;
    }
    if table.causes.len() > RULES_MAX || table.near.len() > RULES_MAX || table.desks.len() > RULES_MAX {
        found.push(("correlate".into(), format!("归并规则或席位超过 {RULES_MAX} 条，请合并")));
        return found;
    }
    for (name, links) in &table.links {
        one_table(name, links, &mut found);
    }
    for (index, rule) in table.causes.iter().enumerate() {
        one_cause(rules, index, rule, &mut found);
    }
    contradictions(&table.causes, &mut found);
    near(rules, &mut found);
    desks(table, &mut found);
    for (part, ids) in [
        ("causes", table.causes.iter().map(|rule| &rule.id).collect::<Vec<_>>()),
        ("near", table.near.iter().map(|rule| &rule.id).collect()),
        ("desks", table.desks.iter().map(|rule| &rule.id).collect()),
    ] {
        names(part, &ids, &mut found);
    }
    found
}

fn names(part: &str, ids: &[&String], found: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        let path = format!("correlate.{part}[{index}].id");
        if id.trim().is_empty() || id.chars().count() > 64 {
            found.push((path, "名称须为 1 至 64 个字符，请填写".into()));
        } else if !seen.insert(*id) {
            found.push((path, format!("名称“{id}”重复，请改名")));
        }
    }
}

fn one_table(name: &str, links: &Links, found: &mut Problems) {
    let path = format!("correlate.links.{name}");
    if [SAME, PARENT, ANY].contains(&name) || name.trim().is_empty() {
        found.push((path.clone(), format!("“{name}”是保留的关系名，请换一个名称，例如 power")));
    }
    for (child, parents) in links {
        let named = |node: &String| !node.trim().is_empty() && node.chars().count() <= 64;
        if !named(child) || !parents.iter().all(named) {
            found.push((format!("{path}.{child}"), "节点名称须为 1 至 64 个字符，请改正".into()));
        }
    }
    match depth(links) {
        Ok(depth) if depth > DEPTH_MAX => {
            found.push((path, format!("拓扑有 {depth} 级，最多 {DEPTH_MAX} 级，请减少层级")));
        }
        Ok(_) => {}
        Err(node) => {
            found.push((format!("{path}.{node}"), format!("拓扑成环：沿上级从“{node}”出发又回到自身，请断开其中一条")));
        }
    }
}

/// Levels of a table, or a node on a loop: nodes are taken away from the top down until none is left.
fn depth(links: &Links) -> Result<usize, &str> {
    let mut waiting: BTreeMap<&str, usize> = links.iter().map(|(node, up)| (node.as_str(), up.len())).collect();
    let down = super::topology::turned(links);
    let mut edge: Vec<&str> = down.keys().map(String::as_str).filter(|node| !waiting.contains_key(node)).collect();
    edge.extend(waiting.iter().filter(|(_, up)| **up == 0).map(|(node, _)| *node));
    let mut depth = 0;
    waiting.retain(|_, up| *up > 0);
    while !edge.is_empty() {
        let mut next = vec![];
        for node in edge {
            for child in down.get(node).into_iter().flatten() {
                if let Some(left) = waiting.get_mut(child.as_str()) {
                    *left -= 1;
                    if *left == 0 {
                        waiting.remove(child.as_str());
                        next.push(child.as_str());
                    }
                }
            }
        }
        depth += usize::from(!next.is_empty());
        edge = next;
    }
    // What is left lies on a loop or below one; going up from it ends on the loop.
    let Some(mut node) = waiting.keys().next().copied() else { return Ok(depth) };
    let mut seen = BTreeSet::new();
    while seen.insert(node) {
        let up = links.get(node).into_iter().flatten().map(String::as_str);
        match up.into_iter().find(|parent| waiting.contains_key(parent)) {
            Some(parent) => node = parent,
            None => break,
        }
    }
    Err(node)
}

fn one_cause(rules: &RuleSet, index: usize, rule: &CauseRule, found: &mut Problems) {
    let path = |key: &str| format!("correlate.causes[{index}].{key}");
    let own = [SAME, PARENT, ANY].contains(&rule.relation.as_str());
    if !own && !rules.correlate.links.contains_key(&rule.relation) {
        let text =
            format!("没有名为“{}”的拓扑，请先在 correlate.links 中定义，或改用 same、parent、any", rule.relation);
        found.push((path("relation"), text));
    }
    if rule.title.trim().is_empty() {
        found.push((path("title"), "缺少说明，请写明因果关系，归并理由会引用它".into()));
    }
    if rule.cause.codes.is_empty() {
        found.push((path("cause.codes"), "原因须列出至少一个告警代码".into()));
    }
    if rule.relation == ANY && rule.effect.codes.is_empty() {
        found.push((path("effect.codes"), "不限设备的规则须列出结果的告警代码，否则会归并全部告警".into()));
    }
    known(rules, &path("cause"), &rule.cause, found);
    known(rules, &path("effect"), &rule.effect, found);
    if !(1..=WINDOW_MS_MAX).contains(&rule.within_ms) {
        found.push((path("within_ms"), format!("时间窗口须为 1 至 {WINDOW_MS_MAX} 毫秒，请改正")));
    }
    if !(0..=GRACE_MS_MAX).contains(&rule.grace_ms) {
        found.push((path("grace_ms"), format!("恢复宽限须为 0 至 {GRACE_MS_MAX} 毫秒，请改正")));
    }
    let itself = [SAME, ANY].contains(&rule.relation.as_str())
        && !rule.effect.codes.is_empty()
        && rule.cause.meets(&rule.effect);
    if itself {
        found.push((path("effect"), "同一告警代码既是原因又是结果，请去掉其一；相邻的同类上报请改用 near 规则".into()));
    }
}

fn known(rules: &RuleSet, path: &str, matcher: &Matcher, found: &mut Problems) {
    for code in &matcher.codes {
        if !exists(rules, matcher.class, code) {
            let class = matcher.class.map_or("各".into(), |class| class.to_string());
            found.push((
                format!("{path}.codes"),
                format!("{class} 类没有告警类型 {code}，请先在 types 中定义，或改用已有代码"),
            ));
        }
    }
}

fn exists(rules: &RuleSet, class: Option<Class>, code: &AlarmCode) -> bool {
    let mut tables = rules.types.iter().filter(|(own, _)| class.is_none_or(|class| class == **own));
    tables.any(|(_, types)| types.contains_key(code))
}

/// Two rules of which each calls the other's cause its consequence. Along one topology that is no contradiction: the
/// topology says which of two devices is the cause.
fn contradictions(causes: &[CauseRule], found: &mut Problems) {
    let mut by_code: BTreeMap<&AlarmCode, Vec<usize>> = BTreeMap::new();
    for (index, rule) in causes.iter().enumerate() {
        for code in &rule.cause.codes {
            by_code.entry(code).or_default().push(index);
        }
    }
    for (index, rule) in causes.iter().enumerate() {
        let candidates: BTreeSet<usize> = match rule.effect.codes.is_empty() {
            true => (0..index).collect(),
            false => rule.effect.codes.iter().filter_map(|code| by_code.get(code)).flatten().copied().collect(),
        };
        for other in candidates.into_iter().filter(|other| *other < index) {
            let earlier = &causes[other];
            let same_topology = earlier.relation == rule.relation && rule.relation != SAME && rule.relation != ANY;
            // A rule that explains everything on a device says nothing against one that names types.
            let broad = earlier.effect.codes.is_empty() || rule.effect.codes.is_empty();
            let against = rule.effect.meets(&earlier.cause) && earlier.effect.meets(&rule.cause);
            if against && !same_topology && !broad {
                let text = format!("与 correlate.causes[{other}]“{}”互为因果，自相矛盾，请删除其一", earlier.id);
                found.push((format!("correlate.causes[{index}]"), text));
            }
        }
    }
}

fn near(rules: &RuleSet, found: &mut Problems) {
    let mut owners: BTreeMap<(Class, &AlarmCode), usize> = BTreeMap::new();
    for (index, rule) in rules.correlate.near.iter().enumerate() {
        let path = |key: &str| format!("correlate.near[{index}].{key}");
        if rule.title.trim().is_empty() {
            found.push((path("title"), "缺少说明，请写明是同一件什么事，归并理由会引用它".into()));
        }
        if rule.codes.values().all(Vec::is_empty) {
            found.push((path("codes"), "须列出至少一个告警代码".into()));
        }
        if !rule.radius_m.is_finite() || rule.radius_m <= 0.0 || rule.radius_m > RADIUS_M_MAX {
            found.push((path("radius_m"), format!("半径须大于 0 且不超过 {RADIUS_M_MAX} 米，请改正")));
        }
        if !(1..=WINDOW_MS_MAX).contains(&rule.window_ms) {
            found.push((path("window_ms"), format!("时间窗口须为 1 至 {WINDOW_MS_MAX} 毫秒，请改正")));
        }
        for (class, codes) in &rule.codes {
            known(rules, &path("codes"), &Matcher { class: Some(*class), codes: codes.clone() }, found);
            for code in codes {
                if let Some(other) = owners.insert((*class, code), index).filter(|other| *other != index) {
                    let text = format!("{class} 类的 {code} 已属于 correlate.near[{other}]，一个代码只能有一种含义");
                    found.push((path("codes"), text));
                }
            }
        }
    }
}

fn desks(table: &CorrelateRules, found: &mut Problems) {
    for (index, desk) in table.desks.iter().enumerate() {
        let path = |key: &str| format!("correlate.desks[{index}].{key}");
        if desk.title.trim().is_empty() {
            found.push((path("title"), "缺少席位名称，请填写".into()));
        }
        if desk.classes.is_empty() {
            found.push((path("classes"), "席位没有任何设备类别，请至少填写一类".into()));
        }
        let flood = &desk.flood;
        if !(1..=86_400_000).contains(&flood.window_ms) {
            found.push((path("flood.window_ms"), "告警洪水的统计窗口须为 1 至 86400000 毫秒，标准值为 600000".into()));
        }
        let counts = (1..=10_000).contains(&flood.start_if_more_than)
            && (1..=flood.start_if_more_than).contains(&flood.end_if_fewer_than);
        if !counts {
            let text = "开始条数须为 1 至 10000，结束条数须为 1 至开始条数，标准值为 10 与 5".into();
            found.push((path("flood.end_if_fewer_than"), text));
        }
    }
}
