//! Every case of the decision, and the words.

use super::*;
use crate::condition::Condition;
use crate::desk::{AlarmDesk, DeskOutput};
use crate::rules::RuleSet;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, Class, DeviceId, Position, ReceivedTime};

/// An alarm that stands active with severity major since 1,000 ms.
fn alarm() -> Alarm {
    let mut out = vec![];
    let condition = Condition {
        device: DeviceId::new("d").expect("grammar"),
        class: Class::Plant,
        kind: String::new(),
        device_name: String::new(),
        sub_district: String::new(),
        lon: None,
        lat: None,
        sub_component: None,
        code: AlarmCode::new("C").expect("grammar"),
        active: true,
        severity: Some(Severity::Major),
        value: None,
        limit: None,
        unit: Unit::default(),
        text: String::new(),
        at: 1_000,
        received: ReceivedTime::from_millis(1_000),
        position: Position(0),
        late: false,
        by: "d".into(),
    };
    AlarmDesk::new().apply(&RuleSet::builtin(), condition, &mut out);
    match out.swap_remove(0) {
        DeskOutput::Alarm(change) => change.alarm,
        other => panic!("the change comes first, not {other:?}"),
    }
}

#[test]
fn every_case_is_decided() {
    let rules = RuleSet::builtin().merge;
    let open = alarm();
    let gone =
        Alarm { active: false, state: AlarmState::ReturnedUnacknowledged, returned_at: Some(5_000), ..open.clone() };
    let over = Alarm { state: AlarmState::Normal, ..gone.clone() };
    let hidden = Alarm { state: AlarmState::Shelved, ..open.clone() };
    let window = rules.reopen_window_ms;
    let (major, critical) = (Severity::Major, Severity::Critical);
    let table = [
        ("nothing before", None, 9_000, major, false, Merge::First),
        ("nothing before, but past", None, 9_000, major, true, Merge::First),
        ("holds already", Some(&open), 9_000, major, false, Merge::Repeat),
        ("holds already, milder", Some(&open), 9_000, Severity::Minor, false, Merge::Repeat),
        ("holds already, worse", Some(&open), 9_000, critical, false, Merge::Escalate),
        ("holds already, worse in the past", Some(&open), 500, critical, true, Merge::Escalate),
        ("holds already, past", Some(&open), 500, major, true, Merge::Past),
        ("hidden and holds", Some(&hidden), 9_000, major, false, Merge::Repeat),
        ("gone, comes back", Some(&gone), 9_000, major, false, Merge::Again),
        ("gone, past", Some(&gone), 2_000, critical, true, Merge::Past),
        ("over, back at once", Some(&over), 5_001, major, false, Merge::Reopen { after_ms: 1 }),
        (
            "over, at the end of the window",
            Some(&over),
            5_000 + window,
            major,
            false,
            Merge::Reopen { after_ms: window },
        ),
        ("over, after the window", Some(&over), 5_001 + window, major, false, Merge::Successor),
        ("over, past and covered", Some(&over), 3_000, major, true, Merge::Past),
        ("over, another source inside", Some(&over), 3_000, major, false, Merge::Reopen { after_ms: 0 }),
        ("over, past and before it", Some(&over), 400, major, true, Merge::Reopen { after_ms: 600 }),
        ("over, long before it", Some(&over), -window, major, true, Merge::Successor),
    ];
    for (name, remembered, at, severity, past, expected) in table {
        assert_eq!(decide(remembered, Raise { at, severity, past }, &rules), expected, "{name}");
    }
}

#[test]
fn an_explanation_keeps_the_newest_wording_and_stays_short() {
    let mut explanation = vec![];
    explain(&mut explanation, "a", "one".into());
    explain(&mut explanation, "a", "two".into());
    assert_eq!((explanation.len(), explanation[0].text.as_str()), (1, "two"));
    for n in 0..100 {
        explain(&mut explanation, &n.to_string(), String::new());
    }
    assert_eq!(explanation.len(), REASONS_MAX);
}

#[test]
fn durations_read_as_people_say_them() {
    for (ms, label) in [
        (-5, "不足 1 秒"),
        (999, "不足 1 秒"),
        (1_000, "1 秒"),
        (61_000, "1 分 1 秒"),
        (600_000, "10 分"),
        (43_200_000, "12 小时"),
        (3_601_000, "1 小时"),
        (90_061_000, "1 天 1 小时"),
    ] {
        assert_eq!(duration_label(ms), label, "{ms}");
    }
}
