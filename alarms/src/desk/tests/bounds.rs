//! Everything is bounded, everything is forgotten in time, and hostile input finds no way in.

use super::*;

fn count(out: &[DeskOutput]) -> usize {
    out.iter().filter(|output| matches!(output, DeskOutput::Alarm(_))).count()
}

#[test]
fn a_device_with_endless_codes_fills_its_bound_and_says_so() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    for n in 0..1000 {
        desk.apply(&rules, condition("D", &format!("CODE{n}"), true, 1000 + n), &mut out);
    }
    assert_eq!(desk.keys().count(), rules.merge.keys_per_device_max + 1);
    let guard = desk.standing().find(|alarm| alarm.code.as_str() == TOO_MANY_CODE).expect("it says so");
    assert_eq!(guard.count, 800, "every raise beyond the bound is counted");
    assert_eq!(guard.state, AlarmState::ReturnedUnacknowledged, "nothing hangs, somebody must look");
    assert!(guard.text.contains("CODE999"), "{}", guard.text);
}

#[test]
fn lone_returns_make_room_for_alarms() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    for n in 0..1000 {
        desk.apply(&rules, condition("D", &format!("CODE{n}"), false, 1000 + n), &mut out);
    }
    assert_eq!(desk.keys().count(), rules.merge.keys_per_device_max);
    desk.apply(&rules, condition("D", "H2S_HIGH", true, 3000), &mut out);
    let codes: Vec<_> = desk.standing().map(|alarm| alarm.code.as_str()).collect();
    assert_eq!(codes, ["H2S_HIGH"]);
}

#[test]
fn sources_answers_and_texts_are_bounded() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    for n in 0..100i64 {
        let said = condition("D", "H2S_HIGH", true, 1000 + n);
        let long = "长".repeat(5000);
        let said = Condition { by: format!("source {n}"), text: long.clone(), sub_component: Some(long), ..said };
        desk.apply(&rules, said, &mut out);
    }
    let alarm = desk.standing().next().expect("one").clone();
    assert_eq!(desk.standing().count(), 1);
    assert_eq!(alarm.text.chars().count(), 500);
    assert_eq!(alarm.sub_component.as_ref().map(|part| part.chars().count()), Some(64));
    for n in 0..500 {
        let text = "话".repeat(5000);
        let asked = request(&format!("r{n}"), Command::Comment { alarm: alarm.id.clone(), text });
        desk.command(&rules, &asked, ReceivedTime::from_millis(2000), Position(9999), &mut out).expect("a comment");
    }
    let bytes = serde_json::to_vec(&desk).expect("plain data").len();
    assert!(bytes < 40_000, "{bytes} bytes for one alarm");
    for n in 0..100i64 {
        let end = condition("D", "H2S_HIGH", false, 5000 + n);
        let part = alarm.sub_component.clone();
        desk.apply(&rules, Condition { by: format!("source {n}"), sub_component: part, ..end }, &mut out);
    }
    let state = desk.standing().next().map(|alarm| alarm.active);
    assert_eq!(state, Some(false), "sources beyond the bound share one word, and it can be taken back");
}

#[test]
fn what_is_over_is_forgotten_and_leaves_nothing_behind() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    for n in 0..50 {
        desk.apply(&rules, condition(&format!("D{n}"), "DATA_QUALITY_BAD", true, 1000), &mut out);
        desk.apply(&rules, condition(&format!("D{n}"), "DATA_QUALITY_BAD", false, 2000), &mut out);
        desk.apply(&rules, condition(&format!("E{n}"), "H2S_HIGH", false, 2000), &mut out);
    }
    assert_eq!((desk.standing().count(), desk.keys().count(), desk.deadline()), (0, 100, None));
    desk.advance(&rules, ReceivedTime::from_millis(2000 + rules.time.late_after_ms + 1), Position(9), &mut out);
    assert_eq!(desk.keys().count(), 50, "lone returns are forgotten after the lateness");
    desk.advance(&rules, ReceivedTime::from_millis(2000 + rules.merge.remember_ms + 1), Position(9), &mut out);
    assert_eq!(desk, AlarmDesk::new());
}

#[test]
fn one_record_may_raise_several_alarms_and_each_has_its_own_name() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    for part in ["1", "2", "3"] {
        let said = condition("D", "FAN_FAULT", true, 1000);
        desk.apply(&rules, Condition { sub_component: Some(part.into()), ..said }, &mut out);
    }
    let names: Vec<_> = desk.standing().map(|alarm| alarm.id.as_str().to_owned()).collect();
    assert_eq!(names, ["D.FAN_FAULT.1000", "D.FAN_FAULT.1000-2", "D.FAN_FAULT.1000-3"]);
    let second = AlarmId::new("D.FAN_FAULT.1000-2").expect("grammar");
    let asked = request("r", command("ack", second.clone(), 0));
    desk.command(&rules, &asked, ReceivedTime::from_millis(3000), Position(3000), &mut out).expect("it stands");
    assert_eq!(desk.alarm(&second).map(|alarm| alarm.acknowledged), Some(true));
}

#[test]
fn a_device_clock_that_ran_ahead_does_not_hang_its_alarm() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    let ahead = Condition { at: 241_000, ..condition("D", "H2S_HIGH", true, 1000) };
    desk.apply(&rules, ahead, &mut out);
    desk.apply(&rules, condition("D", "H2S_HIGH", false, 2000), &mut out);
    let alarm = desk.standing().next().expect("one");
    assert_eq!((alarm.active, alarm.raised_at, alarm.returned_at), (false, 1000, Some(2000)));
}

#[test]
fn a_late_alarm_is_raised_marked_and_explained() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    let late = Condition { at: 1_000_000, late: true, ..condition("D", "H2S_HIGH", true, 4_600_000) };
    desk.apply(&rules, late, &mut out);
    let alarm = desk.standing().next().expect("one");
    assert!(alarm.late && alarm.active);
    assert_eq!(alarm.explanation[0].text, "数据迟到 1 小时（设备缓存后补传），按迟到告警提示");
    desk.apply(&rules, condition("D", "H2S_HIGH", false, 4_601_000), &mut out);
    desk.apply(&rules, condition("D", "H2S_HIGH", true, 4_602_000), &mut out);
    assert!(!desk.standing().next().expect("one").late, "raised again by data in time");
    assert_eq!(out.len(), 4, "three changes and one order");
}

#[test]
fn commands_are_refused_in_words() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    desk.apply(&rules, condition("D", "H2S_HIGH", true, 1000), &mut out);
    let id = desk.standing().next().expect("one").id.clone();
    let now = ReceivedTime::from_millis(2000);
    let ask = |asked: CommandRequest, desk: &mut AlarmDesk| {
        let mut out = vec![];
        let refusal = desk.command(&rules, &asked, now, Position(2000), &mut out).err();
        (refusal.map(|refusal| refusal.to_string()), count(&out))
    };
    for unknown in ["D.H2S_HIGH.7", "E.H2S_HIGH.1000", "nothing"] {
        let alarm = AlarmId::new(unknown).expect("grammar");
        let (refusal, changes) = ask(request("r0", command("ack", alarm, 0)), &mut desk);
        assert_eq!((refusal, changes), (Some(format!("there is no standing alarm {unknown}")), 0));
    }
    let auditor = CommandRequest { role: Role::Auditor, ..request("r1", command("ack", id.clone(), 0)) };
    assert_eq!(ask(auditor, &mut desk).0.as_deref(), Some("审计员只能查看，请由值班人员操作"));
    let blank = Command::Comment { alarm: id.clone(), text: " \n".into() };
    assert_eq!(ask(request("r2", blank), &mut desk).0.as_deref(), Some("备注不能为空，请写明内容"));
    let blank =
        Command::Shelve { alarm: id.clone(), until: 9000, reason: String::new(), one_shot: false, witness: None };
    assert_eq!(ask(request("r3", blank), &mut desk).0.as_deref(), Some("搁置必须写明原因"));
    assert!(ask(request("", command("ack", id.clone(), 0)), &mut desk).0.expect("refused").starts_with("请求编号"));
    let long = "x".repeat(129);
    assert!(ask(request(&long, command("ack", id.clone(), 0)), &mut desk).0.expect("refused").starts_with("请求编号"));
    assert_eq!(ask(request("r4", command("ack", id.clone(), 0)), &mut desk), (None, 1));
    assert_eq!(ask(request("r4", command("ack", id.clone(), 0)), &mut desk), (None, 0), "the first result again");
    let (refusal, changes) = ask(request("r4", command("comment", id, 0)), &mut desk);
    assert!(refusal.expect("refused").contains("已用于另一条命令") && changes == 0);
}

#[test]
fn a_device_that_is_struck_off_takes_its_alarms_and_timers_along() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    let mut out = vec![];
    desk.apply(&rules, condition("D", "H2S_HIGH", true, 1000), &mut out);
    let id = desk.standing().next().expect("one").id.clone();
    let asked = request("r", command("shelve", id, 60_000));
    desk.command(&rules, &asked, ReceivedTime::from_millis(2000), Position(2000), &mut out).expect("it stands");
    assert!(desk.deadline().is_some());
    assert_eq!(desk.remove_device(&device("D")).len(), 1);
    assert_eq!((desk.deadline(), &desk), (None, &AlarmDesk::new()));
}

#[test]
fn a_desk_splits_and_joins_without_loss() {
    let rules = RuleSet::builtin();
    let mut desk = AlarmDesk::new();
    for n in 0..40 {
        desk.apply(&rules, condition(&format!("D{n}"), "H2S_HIGH", true, 1000), &mut vec![]);
    }
    let parts = desk.clone().split(2, |device| crate::condition::partition(device.as_str()) as usize);
    assert!(parts.iter().all(|part| part.standing().count() > 10));
    let mut whole = AlarmDesk::new();
    for part in parts {
        whole.absorb(part);
    }
    assert_eq!(whole, desk);
}
