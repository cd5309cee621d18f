//! The built-in set is sound; each way to break it is found and said.

use super::*;
use crate::prioritise::{Context, prioritise};
use greenhub_model::profile::{LimitProfile, LimitSide, PointProfile};

fn broken(change: impl FnOnce(&mut RuleSet)) -> Vec<String> {
    let mut rules = RuleSet::builtin();
    change(&mut rules);
    rules.validate().err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_builtin_set_is_valid() {
    assert_eq!(RuleSet::builtin().validate(), Ok(()));
}

#[test]
fn it_comes_back_from_json_as_it_was() {
    let rules = RuleSet::builtin();
    let text = serde_json::to_string(&rules).expect("plain data");
    assert_eq!(serde_json::from_str::<RuleSet>(&text).expect("its own text"), rules);
}

#[test]
fn it_comes_back_from_toml_as_it_was() {
    let rules = RuleSet::builtin();
    let text = toml::to_string(&rules).expect("plain data");
    assert_eq!(toml::from_str::<RuleSet>(&text).expect("its own text"), rules);
    assert!(text.contains("[types.plant.FURNACE_TEMPERATURE_LOW]"), "a person finds a type by its name");
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let mut value = serde_json::to_value(RuleSet::builtin()).expect("plain data");
    value["limits"][0]["dead_band"] = 1.into();
    let error = serde_json::from_value::<RuleSet>(value).expect_err("dead_band is no key").to_string();
    assert!(error.contains("dead_band"), "{error}");
}

#[test]
fn every_contradiction_is_found_and_says_what_to_do() {
    type Break = (&'static str, &'static str, fn(&mut RuleSet));
    let table: &[Break] = &[
        ("version", "比现行版本大 1", |r| r.version = 0),
        ("time.late_after_ms", "大于 0", |r| r.time.late_after_ms = -1),
        ("time.future_max_ms", "不小于 future_after_ms", |r| r.time.future_max_ms = 1),
        ("time.age_max_ms", "大于 late_after_ms", |r| r.time.age_max_ms = 1),
        ("classes.plant", "请补充", |r| r.classes.retain(|class, _| *class != Class::Plant)),
        ("classes.light.offline_after_ms", "调大", |r| {
            r.classes.insert(Class::Light, ClassRules { silent_after_ms: 9, offline_after_ms: 9 });
        }),
        ("merge.reopen_window_ms", "late_after_ms", |r| r.merge.reopen_window_ms = 1),
        ("merge.remember_ms", "reopen_window_ms", |r| r.merge.remember_ms = 1),
        ("merge.chatter_raises", "2 至 100", |r| r.merge.chatter_raises = 1),
        ("merge.keys_per_device_max", "1 至 10000", |r| r.merge.keys_per_device_max = 0),
        ("merge.shelve_max_ms", "大于 0", |r| r.merge.shelve_max_ms = 0),
        ("priority.severity.major", "请补充", |r| r.priority.severity.retain(|s, _| *s != Severity::Major)),
        ("priority.severity.critical", "请调大", |r| r.priority.severity.extend([(Severity::Critical, 1)])),
        ("priority.safety", "0 至 1000", |r| r.priority.safety = -1),
        ("priority.response[1]", "调整顺序", |r| r.priority.response.swap(0, 1)),
        ("priority.p1_from", "P1 > P2 > P3", |r| r.priority.p2_from = 200),
        ("defaults.charger", "请补充", |r| r.defaults.retain(|class, _| *class != Class::Charger)),
        ("defaults.charger.action", "请写明", |r| {
            r.defaults.get_mut(&Class::Charger).expect("there").action = " ".into();
        }),
        ("types.patrol.SOS.weights", "0 至 3", |r| sos(r).weights.safety = 4),
        ("types.patrol.SOS.re_alarm_ms", "60000", |r| sos(r).re_alarm_ms = Some(5)),
        ("types.patrol.SOS.re_alarm_ms", "ack_required", |r| sos(r).ack_required = false),
        ("points.plant.h2s", "min 小于 max", |r| {
            r.points.get_mut(&Class::Plant).expect("there").get_mut("h2s").expect("there").max = f64::NAN;
        }),
        ("limits[0].limit", "不是有效数字", |r| r.limits[0].limit = f64::NAN),
        ("limits[0].limit", "超出测点量程", |r| r.limits[0].limit = 101.0),
        ("limits[0].deadband", "不小于 0", |r| r.limits[0].deadband = -1.0),
        ("limits[0].deadband", "减小死区", |r| r.limits[0].deadband = 99.0),
        ("limits[0].on_delay_ms", "毫秒数", |r| r.limits[0].on_delay_ms = -1),
        ("limits[0].off_delay_ms", "毫秒数", |r| r.limits[0].off_delay_ms = 86_400_001),
        ("limits[0].code", "请先在 types.patrol 中定义", |r| {
            r.limits[0].code = AlarmCode::new("NOPE").expect("grammar")
        }),
        ("limits[0].point", "请先在 points.patrol 中定义", |r| {
            r.limits[0].point = PointName::new("nope").expect("grammar");
        }),
        ("limits[0].unit", "换算", |r| r.limits[0].unit = Some(Unit("V".into()))),
    ];
    for (path, words, change) in table {
        let found = broken(change);
        assert!(found.iter().any(|f| f.starts_with(path) && f.contains(words)), "{path} {words}: {found:#?}");
    }
}

fn sos(rules: &mut RuleSet) -> &mut AlarmType {
    let types = rules.types.get_mut(&Class::Patrol).expect("there");
    types.get_mut("SOS").expect("there")
}

#[test]
fn limits_that_contradict_each_other_are_found() {
    let again = |change: fn(&mut LimitRule)| {
        broken(|rules| {
            let mut copy = rules.limits[0].clone();
            change(&mut copy);
            rules.limits.push(copy);
        })
    };
    assert!(again(|_| {})[0].contains("重复"));
    assert!(again(|l| l.side = LimitSide::High)[0].contains("相互矛盾"));
    assert!(again(|l| l.severity = Severity::Major)[0].contains("更远离正常范围"));
    assert!(again(|l| (l.severity, l.limit) = (Severity::Major, 16.0))[0].contains("更远离正常范围"));
    assert_eq!(again(|l| (l.severity, l.limit) = (Severity::Major, 5.0)), Vec::<String>::new());
    // A limit for one kind stands beside those for every kind.
    let of_kind = again(|l| (l.kind, l.side) = (Some("terminal".into()), LimitSide::High));
    assert!(of_kind[0].contains("相互矛盾"), "{of_kind:?}");
}

#[test]
fn priorities_follow_harm() {
    let rules = RuleSet::builtin();
    let table = [
        (Class::Patrol, "SOS", Priority::P1),
        (Class::Vehicle, "COLLISION", Priority::P1),
        (Class::Plant, "FURNACE_TEMPERATURE_LOW", Priority::P1),
        (Class::Plant, "FURNACE_TEMP_LOW", Priority::P1),
        (Class::Plant, "H2S_HIGH", Priority::P2),
        (Class::Plant, "ODOUR_EXCEEDANCE", Priority::P2),
        (Class::Plant, "ODOUR_HIGH", Priority::P3),
        (Class::Plant, "DEVICE_OFFLINE", Priority::P3),
        (Class::Charger, "OVER_TEMPERATURE", Priority::P2),
        (Class::Charger, "GROUND_FAULT", Priority::P1),
        (Class::Environment, "PM25_HIGH", Priority::P3),
        (Class::Light, "CIRCUIT_TRIP", Priority::P2),
        (Class::Light, "LAMP_FAULT", Priority::P4),
        (Class::Light, "SUPPLY_LOSS", Priority::P4),
        (Class::Patrol, "LOW_BATTERY", Priority::P4),
    ];
    for (class, code, expected) in table {
        let kind = &rules.types[&class][code];
        let (priority, reasons) = prioritise(&rules, kind, kind.severity, &Context::default());
        assert_eq!(priority, expected, "{class} {code}: {reasons:#?}");
        let sum: i32 = reasons.iter().filter_map(|reason| reason.points).sum();
        let stated = reasons.iter().find(|reason| reason.code == "sum").expect("a sum is always stated");
        assert!(stated.text.contains(&format!("合计 {sum} 分")), "{stated:?}");
    }
}

#[test]
fn a_floor_lifts_a_low_sum_and_says_so() {
    let rules = RuleSet::builtin();
    let kind = &rules.types[&Class::Patrol]["SOS"];
    let (priority, reasons) = prioritise(&rules, kind, Severity::Warning, &Context::default());
    assert_eq!(priority, Priority::P1);
    let last = reasons.last().expect("reasons");
    assert_eq!((last.code.as_str(), last.text.as_str()), ("floor", "该类型规定至少为 P1"));
}

#[test]
fn a_device_with_limits_of_its_own_is_not_judged_by_the_tables() {
    let rules = RuleSet::builtin();
    let h2s = PointName::new("h2s").expect("grammar");
    let mut profile: DeviceProfile =
        serde_json::from_str(r#"{"device":"ODR-1","class":"plant","kind":"odour_monitor"}"#).expect("a profile");
    assert_eq!(rules.limits_of(&profile, &h2s).len(), 2, "high and high-high of the table");
    let limit = LimitProfile {
        code: AlarmCode::new("H2S_HIGH").expect("grammar"),
        side: LimitSide::High,
        limit: 0.03,
        deadband: 0.0,
        on_delay_ms: 0,
        off_delay_ms: 0,
        severity: Severity::Minor,
    };
    let own = PointProfile {
        name: h2s.clone(),
        label: String::new(),
        unit: Unit::default(),
        normal: None,
        limits: vec![limit],
    };
    profile.points.push(own);
    let limits = rules.limits_of(&profile, &h2s);
    assert_eq!(limits.len(), 1);
    assert_eq!((limits[0].limit, limits[0].id().as_str()), (0.03, "limit:h2s.H2S_HIGH.high.minor"));
    let temperature = PointName::new("temperature").expect("grammar");
    assert_eq!(rules.limits_of(&profile, &temperature), [], "the furnace's limits are for furnaces");
    profile.kind = "furnace".into();
    assert_eq!(rules.limits_of(&profile, &temperature).len(), 2);
}

/// The built-in set with one watch (fence) that is the given one.
fn with_watch(when: serde_json::Value) -> Vec<String> {
    let rule = serde_json::json!({ "id": "w", "class": "plant", "code": "SENSOR_STUCK", "when": when });
    broken(|rules| rules.watches = vec![serde_json::from_value(rule).expect("a watch")])
}

#[test]
fn watches_that_make_no_sense_are_found() {
    let table = [
        (serde_json::json!({ "stuck": { "point": "nope", "for_ms": 60_000 } }), "请先在 points.plant 中定义"),
        (serde_json::json!({ "stuck": { "point": "h2s", "for_ms": 0 } }), "时长 0 毫秒无效"),
        (serde_json::json!({ "stuck": { "point": "h2s", "for_ms": 60_000, "epsilon": 100.0 } }), "将一直触发"),
        (serde_json::json!({ "stuck": { "point": "!FIRE", "for_ms": 60_000 } }), "只能用于 count"),
        (serde_json::json!({ "deviation": { "point": "h2s", "from": "temperature", "band": 1.0 } }), "单位不同"),
        (serde_json::json!({ "deviation": { "point": "h2s", "from": "h2s", "band": 1.0 } }), "与自身比较"),
        (serde_json::json!({ "deviation": { "point": "h2s", "from": 500.0, "band": 1.0 } }), "超出测点量程"),
        (serde_json::json!({ "deviation": { "point": "h2s", "from": 5.0, "band": 0.0 } }), "大于 0"),
        (serde_json::json!({ "deviation": { "point": "h2s", "from": 5.0, "band": 1.0, "deadband": 2.0 } }), "永不恢复"),
        (serde_json::json!({ "rate": { "point": "h2s", "window_ms": 60_000 } }), "rise（上升）或 fall"),
        (serde_json::json!({ "rate": { "point": "h2s", "window_ms": 60_000, "fall": -1.0 } }), "大于 0 的数字"),
        (serde_json::json!({ "rate": { "point": "h2s", "window_ms": 0, "fall": 1.0 } }), "时长 0 毫秒无效"),
        (serde_json::json!({ "state": { "point": "h2s", "among": [] } }), "永不触发"),
        (serde_json::json!({ "no_data": { "point": "@on", "for_ms": 60_000 } }), "只能用于测点"),
        (serde_json::json!({ "count": { "of": "h2s", "at_least": 2, "window_ms": 60_000 } }), "above 或 below 之一"),
        (serde_json::json!({ "count": { "of": "!FIRE", "at_least": 0, "window_ms": 60_000 } }), "次数须在 1 至"),
        (serde_json::json!({ "mismatch": { "commanded": "h2s", "reported": "h2s" } }), "与自身比较"),
        (serde_json::json!({ "spread": { "points": ["h2s", "ph"], "band": 1.0 } }), "单位不同"),
        (serde_json::json!({ "all": [] }), "1 至 16 个测点"),
        (
            serde_json::json!({ "all": [{ "point": "ph", "is": "above", "value": 9.0 },
                { "point": "ph", "is": "below", "value": 6.0 }] }),
            "不可能同时",
        ),
    ];
    for (when, words) in table {
        let found = with_watch(when.clone());
        assert!(found.iter().any(|f| f.starts_with("watches[0]") && f.contains(words)), "{when} {words}: {found:#?}");
    }
    let found = broken(|rules| rules.watches.push(rules.watches[0].clone()));
    assert!(found.iter().any(|f| f.contains("编号与 watches[0] 重复")), "{found:#?}");
    assert!(found.iter().any(|f| f.contains("监视同样的内容")), "{found:#?}");
}

#[test]
fn fences_and_weights_that_make_no_sense_are_found() {
    type Break = (&'static str, &'static str, fn(&mut RuleSet));
    let table: &[Break] = &[
        ("fences[0].polygon", "至少需要三个", |r| r.fences[0].polygon.truncate(2)),
        ("fences[0].polygon", "相交", |r| r.fences[0].polygon.swap(0, 1)),
        ("fences[0].polygon", "不是有效的经纬度", |r| r.fences[0].polygon[2] = [31.2, 121.4]),
        ("fences[0].on.dwell", "时长 0 毫秒无效", |r| r.fences[0].on = crate::fence::Trespass::Dwell(0)),
        ("fences[0].hysteresis_m", "20 至 50", |r| r.fences[0].hysteresis_m = -1.0),
        ("fences[0].code", "请先在 types.vehicle 中定义", |r| {
            r.fences[0].code = AlarmCode::new("NOPE").expect("grammar");
        }),
        ("fences[1].id", "重复", |r| r.fences.push(r.fences[0].clone())),
        ("utc_offset_min", "中国为 480", |r| r.utc_offset_min = 5000),
        ("quality.on_delay_ms", "毫秒数", |r| r.quality.on_delay_ms = -1),
        ("priority.places[0]", "街道名称或边界", |r| {
            r.priority.places =
                vec![PlaceWeight { title: "学校".into(), sub_district: None, polygon: vec![], points: 5 }];
        }),
        ("priority.people[0].days", "周一", |r| {
            r.priority.people = vec![school_gate()];
            r.priority.people[0].days = vec![0];
        }),
        ("priority.redundancy[1].members", "只能属于一组", |r| {
            let group = crate::rules::RedundancyGroup {
                title: "风机".into(),
                members: ["FAN-1", "FAN-2"].map(|id| greenhub_model::DeviceId::new(id).expect("grammar")).into(),
                codes: vec![AlarmCode::new("FAN_FAULT").expect("grammar")],
                points: vec![crate::rules::LostPoints { lost: 2, points: 10 }],
            };
            r.priority.redundancy = vec![group.clone(), group];
        }),
        ("priority.hours[0]", "永不生效", |r| r.priority.hours[0].to = r.priority.hours[0].from),
        ("priority.standing[1]", "调整顺序", |r| r.priority.standing.swap(0, 1)),
    ];
    for (path, words, change) in table {
        let found = broken(change);
        assert!(found.iter().any(|f| f.starts_with(path) && f.contains(words)), "{path} {words}: {found:#?}");
    }
}

#[test]
fn place_hours_and_waiting_are_shown_in_the_sum() {
    let mut rules = RuleSet::builtin();
    let square = vec![[121.40, 31.20], [121.41, 31.20], [121.41, 31.21], [121.40, 31.21]];
    rules.priority.places = vec![
        PlaceWeight { title: "学校".into(), sub_district: None, polygon: square, points: 10 },
        PlaceWeight { title: "商圈".into(), sub_district: Some("北街道".into()), polygon: vec![], points: 5 },
    ];
    let kind = &rules.types[&Class::Light]["SUPPLY_LOSS"];
    let evening = Context {
        class: Some(Class::Light),
        sub_district: "北街道",
        place: Some(greenhub_model::geodesy::LonLat { lon: 121.405, lat: 31.205 }),
        // 20:00 in China.
        now: Some(12 * 3_600_000),
        waited: 2,
    };
    let (priority, reasons) = prioritise(&rules, kind, kind.severity, &evening);
    let added: Vec<(&str, i32)> =
        reasons.iter().filter_map(|reason| Some((reason.code.as_str(), reason.points?))).collect();
    let expected = [("severity", 15), ("service", 5), ("place", 10), ("place", 5), ("hours", 3), ("standing", 8)];
    assert_eq!(added, expected);
    assert_eq!(priority, Priority::P3, "46 points");
    let (priority, _) = prioritise(&rules, kind, kind.severity, &Context { now: Some(0), ..Context::default() });
    assert_eq!(priority, Priority::P4);
}

/// People at a school gate on weekdays from seven to nine.
fn school_gate() -> crate::rules::PeopleWeight {
    let hour = |hour| crate::rules::hours::TimeOfDay::new(hour, 0).expect("an hour of the day");
    crate::rules::PeopleWeight {
        title: "校门口".into(),
        sub_district: Some("北街道".into()),
        polygon: vec![],
        from: hour(7),
        to: hour(9),
        days: vec![1, 2, 3, 4, 5],
        points: 12,
    }
}

#[test]
fn people_weigh_where_and_when_they_are() {
    let mut rules = RuleSet::builtin();
    rules.priority.people = vec![school_gate()];
    assert_eq!(rules.validate(), Ok(()));
    let kind = &rules.types[&Class::Light]["SUPPLY_LOSS"];
    // Tuesday, 24 November 2026, 08:00 in China.
    let tuesday = 1_795_478_400_000;
    let share = |sub_district: &str, now: i64| {
        let context = Context { sub_district, now: Some(now), ..Context::default() };
        let (_, reasons) = prioritise(&rules, kind, kind.severity, &context);
        reasons.into_iter().find(|reason| reason.code == "people")
    };
    let found = share("北街道", tuesday).expect("children are there");
    assert_eq!((found.points, found.text.contains("校门口")), (Some(12), true));
    assert!(found.text.contains("周一、周二、周三、周四、周五 07:00 至 09:00"), "{}", found.text);
    let hour = 3_600_000;
    for (place, now) in [("南街道", tuesday), ("北街道", tuesday + hour), ("北街道", tuesday + 4 * 24 * hour)]
    {
        assert_eq!(share(place, now), None, "{place} {now}");
    }
    let next = crate::prioritise::next_change(&rules, Class::Patrol, 2, tuesday, tuesday);
    assert_eq!(next, Some(tuesday + hour), "looked at again when they have gone in");
}
