//! Each contradiction in the rules of correlation is found and says what to do.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn broken(change: impl FnOnce(&mut CorrelateRules)) -> Vec<String> {
    let mut rules = RuleSet::builtin();
    change(&mut rules.correlate);
    rules.validate().err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn table(rows: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (child, parent) in rows {
        links.entry((*child).into()).or_default().insert((*parent).into());
    }
    links
}

#[test]
fn every_contradiction_is_found_and_says_what_to_do() {
    type Break = (&'static str, &'static str, fn(&mut CorrelateRules));
    let cases: &[Break] = &[
        ("correlate.links.power.A", "成环", |r| {
            r.links.insert("power".into(), table(&[("A", "B"), ("B", "C"), ("C", "A"), ("D", "A"), ("X", "Y")]));
        }),
        ("correlate.links.power.A", "成环", |r| {
            r.links.insert("power".into(), table(&[("A", "A")]));
        }),
        ("correlate.links.parent", "保留", |r| {
            r.links.insert("parent".into(), table(&[("A", "B")]));
        }),
        ("correlate.links.power", "最多 16 级", |r| {
            let rows: Vec<(String, String)> = (0..20).map(|n| (format!("N{n}"), format!("N{}", n + 1))).collect();
            let rows: Vec<(&str, &str)> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            r.links.insert("power".into(), table(&rows));
        }),
        ("correlate.causes[0].relation", "请先在 correlate.links 中定义", |r| {
            r.causes[0].relation = "nope".into()
        }),
        ("correlate.causes[0].cause.codes", "至少一个", |r| r.causes[0].cause.codes.clear()),
        ("correlate.causes[0].cause.codes", "light 类没有告警类型 NOPE", |r| {
            r.causes[0].cause.codes.push(code("NOPE"))
        }),
        ("correlate.causes[0].effect.codes", "改用已有代码", |r| r.causes[0].effect.codes.push(code("NOPE"))),
        ("correlate.causes[0].within_ms", "毫秒", |r| r.causes[0].within_ms = 0),
        ("correlate.causes[0].grace_ms", "毫秒", |r| r.causes[0].grace_ms = -1),
        ("correlate.causes[0].title", "请写明", |r| r.causes[0].title = " ".into()),
        ("correlate.causes[1].id", "重复", |r| r.causes[1].id = r.causes[0].id.clone()),
        ("correlate.causes[4].effect", "既是原因又是结果", |r| {
            r.causes[4].effect.codes.push(code("DEVICE_OFFLINE"))
        }),
        ("correlate.causes[4].effect.codes", "不限设备", |r| {
            r.causes[4].relation = "any".into();
            r.causes[4].effect.codes.clear();
        }),
        ("correlate.causes[10]", "互为因果", |r| {
            let rule = r.causes[4].clone();
            let (cause, effect) = (rule.effect.clone(), rule.cause.clone());
            r.causes.push(CauseRule { id: "back".into(), cause, effect, ..rule });
        }),
        ("correlate.near[0].radius_m", "半径", |r| r.near[0].radius_m = f64::NAN),
        ("correlate.near[0].window_ms", "毫秒", |r| r.near[0].window_ms = 0),
        ("correlate.near[0].codes", "至少一个", |r| r.near[0].codes.clear()),
        ("correlate.near[1].codes", "只能有一种含义", |r| r.near[1].codes = r.near[0].codes.clone()),
        ("correlate.desks[0].classes", "至少填写一类", |r| r.desks[0].classes.clear()),
        ("correlate.desks[0].flood.end_if_fewer_than", "标准值", |r| r.desks[0].flood.end_if_fewer_than = 99),
    ];
    for (path, says, change) in cases {
        let found = broken(change);
        assert!(found.iter().any(|p| p.starts_with(&format!("{path}: ")) && p.contains(says)), "{path}: {found:?}");
    }
}

#[test]
fn one_topology_may_carry_a_pair_of_types_both_ways_and_a_diamond_is_no_loop() {
    let found = broken(|r| {
        // The rule of the same device would be contradicted.
        r.causes.remove(4);
        let rule = r.causes[3].clone();
        let cause = Matcher { class: None, codes: vec![code("DATA_QUALITY_BAD")] };
        let effect = Matcher { class: None, codes: vec![code("DEVICE_OFFLINE")] };
        r.causes.push(CauseRule { id: "back".into(), cause, effect, ..rule });
        r.links.insert("power".into(), table(&[("A", "B"), ("A", "C"), ("B", "D"), ("C", "D")]));
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_rule_file_from_before_correlation_has_the_two_desks_and_folds_nothing() {
    let mut value = serde_json::to_value(RuleSet::builtin()).expect("plain data");
    value.as_object_mut().expect("a table").remove("correlate");
    let rules: RuleSet = serde_json::from_value(value).expect("an older file");
    assert!(rules.correlate.causes.is_empty() && rules.correlate.near.is_empty());
    let titles: Vec<&str> = rules.correlate.desks.iter().map(|desk| desk.title.as_str()).collect();
    assert_eq!(titles, ["调度台", "处置中心"]);
    assert!(rules.correlate.near.iter().all(|rule: &NearRule| rule.radius_m > 0.0));
}
