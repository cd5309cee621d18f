//! Scenarios of a circuit and its lamps, of near reports, of desks.

use super::*;

fn trip_and_lamps(hub: &mut Hub) {
    let told = hub.batch(
        0,
        vec![raised("L-1", "SUPPLY_LOSS", 0), raised("K-1", "CIRCUIT_TRIP", 1), raised("L-2", "SUPPLY_LOSS", 2)],
    );
    assert_eq!(
        told,
        [
            "L-1.SUPPLY_LOSS raised quiet under K-1.CIRCUIT_TRIP +0",
            "K-1.CIRCUIT_TRIP raised calls top +2",
            "L-2.SUPPLY_LOSS raised quiet under K-1.CIRCUIT_TRIP +0",
            "K-1.CIRCUIT_TRIP gathered quiet top +2",
            "L-1.SUPPLY_LOSS folded quiet under K-1.CIRCUIT_TRIP +0",
            "L-2.SUPPLY_LOSS folded quiet under K-1.CIRCUIT_TRIP +0",
        ]
    );
}

#[test]
fn a_tripped_circuit_takes_its_lamps_under_it() {
    trip_and_lamps(&mut Hub::new());
}

#[test]
fn a_fold_says_why_in_the_event_and_in_the_alarm() {
    let mut hub = Hub::new();
    let out = hub.full(0, vec![raised("K-1", "CIRCUIT_TRIP", 0), raised("L-1", "SUPPLY_LOSS", 3)]);
    let Some(Output::Alarm(folded)) = out.iter().find(|o| tell(o).contains("folded")) else {
        panic!("no fold: {out:?}")
    };
    let expected = "由“K-1号：CIRCUIT_TRIP”引起（上级设备，比其晚 3 秒；规则“回路跳闸，其下灯具失电”）";
    assert_eq!(folded.event.text, expected);
    assert!(folded.alarm.explanation.iter().any(|r| r.code == "folded_by_cause" && r.text == expected));
}

#[test]
fn a_consequence_that_came_first_has_called_and_is_taken_under_its_cause() {
    let mut hub = Hub::new();
    assert_eq!(hub.batch(0, vec![raised("L-1", "SUPPLY_LOSS", 0)]), ["L-1.SUPPLY_LOSS raised calls top +0"]);
    assert_eq!(
        hub.batch(100, vec![raised("K-1", "CIRCUIT_TRIP", 100)]),
        [
            "K-1.CIRCUIT_TRIP raised calls top +1",
            "K-1.CIRCUIT_TRIP gathered quiet top +1",
            "L-1.SUPPLY_LOSS folded quiet under K-1.CIRCUIT_TRIP +0",
        ]
    );
    let mut hub = Hub::new();
    hub.batch(0, vec![raised("L-1", "SUPPLY_LOSS", 0)]);
    let told = hub.batch(121, vec![raised("K-1", "CIRCUIT_TRIP", 121)]);
    assert_eq!(told, ["K-1.CIRCUIT_TRIP raised calls top +0"], "more than the window of two minutes before its cause");
}

#[test]
fn what_stands_after_the_cause_and_its_grace_calls_again() {
    let mut hub = Hub::new();
    trip_and_lamps(&mut hub);
    assert_eq!(hub.batch(50, vec![returned("K-1", "CIRCUIT_TRIP", 1, 50)]), ["K-1.CIRCUIT_TRIP returned quiet top +2"]);
    assert_eq!(
        hub.batch(60, vec![returned("L-1", "SUPPLY_LOSS", 0, 60)]),
        ["L-1.SUPPLY_LOSS returned quiet under K-1.CIRCUIT_TRIP +0"]
    );
    assert_eq!(hub.correlator.deadline(&hub.rules), Some(ReceivedTime::from_millis(START + 110_000)));
    assert_eq!(hub.batch(109, vec![]), [""; 0]);
    assert_eq!(
        hub.batch(110, vec![]),
        ["K-1.CIRCUIT_TRIP gathered quiet top +1", "L-2.SUPPLY_LOSS unfolded calls top +0"],
        "the lamp that came back stays under the cause until it is acknowledged"
    );
    assert_eq!(
        hub.batch(200, vec![over("K-1", "CIRCUIT_TRIP", 1, 50)]),
        ["K-1.CIRCUIT_TRIP acknowledged quiet top +0", "L-1.SUPPLY_LOSS unfolded quiet top +0"]
    );
}

#[test]
fn a_person_takes_a_pair_apart_and_it_stays_apart() {
    let mut hub = Hub::new();
    trip_and_lamps(&mut hub);
    let undo = change(alarm("L-1", "SUPPLY_LOSS", 0), AlarmEventKind::Unfolded, 10);
    assert_eq!(
        hub.batch(10, vec![undo]),
        ["L-1.SUPPLY_LOSS unfolded quiet top +0", "K-1.CIRCUIT_TRIP gathered quiet top +1"]
    );
    let again = hub.batch(20, vec![raised("L-1", "SUPPLY_LOSS", 0), raised("K-1", "CIRCUIT_TRIP", 1)]);
    assert_eq!(again, ["L-1.SUPPLY_LOSS raised calls top +0", "K-1.CIRCUIT_TRIP raised calls top +1"]);
    hub.batch(30, vec![over("L-1", "SUPPLY_LOSS", 0, 30)]);
    let back = hub.batch(40, vec![raised("L-1", "SUPPLY_LOSS", 0)]);
    assert_eq!(back, ["L-1.SUPPLY_LOSS raised calls top +0"], "reopened, and still another matter");
}

#[test]
fn an_order_is_withheld_while_folded_and_released_once() {
    let mut hub = Hub::new();
    hub.batch(0, vec![raised("K-1", "CIRCUIT_TRIP", 0)]);
    let told = hub.batch(1, vec![raised("L-1", "SUPPLY_LOSS", 1), order("L-1", "SUPPLY_LOSS")]);
    assert!(!told.iter().any(|t| t.ends_with("order")), "{told:?}");
    let told = hub.batch(2, vec![returned("K-1", "CIRCUIT_TRIP", 0, 2)]);
    assert!(!told.iter().any(|t| t.ends_with("order")), "{told:?}");
    let told = hub.batch(62, vec![]);
    assert_eq!(
        told,
        ["K-1.CIRCUIT_TRIP gathered quiet top +0", "L-1.SUPPLY_LOSS unfolded calls top +0", "L-1.SUPPLY_LOSS order"]
    );
    assert_eq!(hub.batch(63, vec![raised("L-1", "SUPPLY_LOSS", 1)]), ["L-1.SUPPLY_LOSS raised calls top +0"]);
}

#[test]
fn an_order_withheld_from_an_alarm_that_ended_is_released_when_it_comes_back_unexplained() {
    let mut hub = Hub::new();
    hub.batch(0, vec![raised("K-1", "CIRCUIT_TRIP", 0), raised("L-1", "SUPPLY_LOSS", 0), order("L-1", "SUPPLY_LOSS")]);
    hub.batch(1, vec![over("L-1", "SUPPLY_LOSS", 0, 1), over("K-1", "CIRCUIT_TRIP", 0, 1)]);
    hub.batch(100, vec![]);
    assert_eq!(hub.correlator.standing().count(), 0);
    let told = hub.batch(200, vec![raised("L-1", "SUPPLY_LOSS", 0)]);
    assert_eq!(told, ["L-1.SUPPLY_LOSS raised calls top +0", "L-1.SUPPLY_LOSS order"]);
}

#[test]
fn the_top_of_a_chain_takes_all() {
    let mut hub = Hub::new();
    hub.correlator.register(&device("K-1"), Some(&device("F-1")));
    hub.batch(0, vec![raised("L-1", "DEVICE_OFFLINE", 0)]);
    hub.batch(1, vec![raised("K-1", "DEVICE_OFFLINE", 1)]);
    let told = hub.batch(2, vec![raised("F-1", "DEVICE_OFFLINE", 2)]);
    assert_eq!(
        told,
        [
            "F-1.DEVICE_OFFLINE raised calls top +2",
            "F-1.DEVICE_OFFLINE gathered quiet top +2",
            "K-1.DEVICE_OFFLINE folded quiet under F-1.DEVICE_OFFLINE +0",
            "K-1.DEVICE_OFFLINE gathered quiet under F-1.DEVICE_OFFLINE +0",
            "L-1.DEVICE_OFFLINE folded quiet under F-1.DEVICE_OFFLINE +0",
        ]
    );
    let lamp = hub.correlator.standing().find(|a| a.device.as_str() == "L-1").expect("stands");
    let known = hub.correlator.memory.get(&lamp.id).and_then(|e| e.reason.clone()).expect("folded");
    assert!(known.text.contains("“K-1号：DEVICE_OFFLINE”引起") && known.text.contains("根源“F-1号"), "{}", known.text);
}

#[test]
fn a_table_of_feeders_reaches_the_lamps_through_the_registry() {
    let mut hub = Hub::new();
    let up = std::collections::BTreeSet::from(["F-9".to_owned()]);
    hub.rules.correlate.links.insert("power".into(), [("K-1".to_owned(), up)].into());
    let rule = CauseRule { relation: "power".into(), ..hub.rules.correlate.causes[0].clone() };
    hub.rules.correlate.causes = vec![rule];
    hub.rules.version = 2;
    let told = hub.batch(0, vec![raised("F-9", "CIRCUIT_TRIP", 0), raised("L-40", "SUPPLY_LOSS", 1)]);
    assert!(told.contains(&"L-40.SUPPLY_LOSS folded quiet under F-9.CIRCUIT_TRIP +0".to_owned()), "{told:?}");
    assert!(hub.full(2, vec![raised("L-41", "SUPPLY_LOSS", 1)]).len() == 1, "a lamp of another circuit");
}

#[test]
fn what_may_cost_a_life_is_never_folded_nor_a_p1_under_less() {
    let mut hub = Hub::new();
    hub.rules.correlate.causes[0].effect.codes.clear();
    hub.rules.version = 2;
    let mut urgent = alarm("L-2", "SUPPLY_LOSS", 1);
    urgent.priority = Priority::P1;
    let urgent = change(urgent, AlarmEventKind::Raised, 1);
    let told = hub.batch(0, vec![raised("K-1", "CIRCUIT_TRIP", 0), raised("L-1", "LEAKAGE_HIGH", 1), urgent]);
    assert_eq!(
        told,
        [
            "K-1.CIRCUIT_TRIP raised calls top +0",
            "L-1.LEAKAGE_HIGH raised calls top +0",
            "L-2.SUPPLY_LOSS raised calls top +0"
        ]
    );
}

fn smell(id: &str, text: &str, at: i64, east_m: f64) -> Output {
    let mut alarm = alarm(id, text, at);
    // Six digits, as devices send them, and as they come back from JSON.
    let lon = ((121.47 + east_m / 95_170.0) * 1e6).round() / 1e6;
    (alarm.lon, alarm.lat) = (Some(lon), Some(31.23));
    change(alarm, AlarmEventKind::Raised, at)
}

#[test]
fn reports_near_in_space_and_time_lie_under_the_earliest() {
    let mut hub = Hub::new();
    let told = hub.batch(0, vec![smell("ODR-1", "ODOUR_HIGH", 10, 0.0)]);
    assert_eq!(told, ["ODR-1.ODOUR_HIGH raised calls top +0"]);
    let told = hub.batch(20, vec![smell("ODR-2", "ODOUR_HIGH", 20, 199.0), smell("ODR-3", "ODOUR_HIGH", 20, 500.0)]);
    assert_eq!(told[0], "ODR-2.ODOUR_HIGH raised quiet under ODR-1.ODOUR_HIGH +0");
    assert_eq!(told[1], "ODR-3.ODOUR_HIGH raised calls top +0");
    let entry = hub.correlator.standing().find(|a| a.device.as_str() == "ODR-2").expect("stands");
    let text = hub.correlator.memory.get(&entry.id).and_then(|e| e.reason.clone()).expect("folded").text;
    assert!(text.contains("相距 199 米") && text.contains("比其晚 10 秒"), "{text}");
    // An earlier report that comes late takes all over.
    let told = hub.batch(30, vec![smell("ODR-4", "ODOUR_HIGH", 5, 100.0)]);
    assert!(told.contains(&"ODR-1.ODOUR_HIGH folded quiet under ODR-4.ODOUR_HIGH +0".to_owned()), "{told:?}");
    assert!(told.contains(&"ODR-2.ODOUR_HIGH folded quiet under ODR-4.ODOUR_HIGH +0".to_owned()), "{told:?}");
}

#[test]
fn a_flood_is_counted_at_its_desk_without_what_is_folded() {
    let mut hub = Hub::new();
    let mut batch = vec![raised("K-1", "CIRCUIT_TRIP", 0)];
    batch.extend((1..=40).map(|lamp| raised(&format!("L-{lamp}"), "SUPPLY_LOSS", 0)));
    let told = hub.batch(0, batch);
    assert!(!told.iter().any(|t| t.contains("flood")), "one call");
    let many = (1..=10).map(|n| raised(&format!("X-{n}"), "LAMP_FAULT", 5)).collect();
    let told = hub.batch(5, many);
    assert_eq!(told.iter().filter(|t| t.contains("flood")).count(), 1);
    assert_eq!(told[10], "dispatch flood true x11");
    assert_eq!(hub.correlator.floods().count(), 1);
    let due = hub.correlator.deadline(&hub.rules).expect("the flood will end");
    assert_eq!(due, ReceivedTime::from_millis(START + 605_000));
    assert_eq!(hub.batch(605, vec![])[0], "dispatch flood false x4");
    assert_eq!(hub.correlator.floods().count(), 0);
}

#[test]
fn a_batch_without_alarms_passes_as_it_is() {
    let mut hub = Hub::new();
    trip_and_lamps(&mut hub);
    let done = Output::CommandDone { request_id: "r".into(), result: Ok(()) };
    let before = hub.correlator.clone();
    assert_eq!(hub.full(1, vec![done.clone()]), [done]);
    assert_eq!(hub.correlator, before);
}

#[test]
fn the_grid_misses_nobody_within_the_radius_at_any_latitude() {
    let rules = RuleSet::builtin();
    for lat in [0.0001, 31.23, -33.9, 59.9, 78.2] {
        let mut memory = memory::Memory::default();
        memory.lay_out(&rules.correlate);
        let mut places = vec![];
        for n in 0..200i32 {
            let (east, north) = (f64::from(n * 37 % 101) / 1e4, f64::from(n * 53 % 97) / 1e4);
            let mut one = alarm(&format!("ODR-{n}"), "ODOUR_HIGH", 0);
            (one.lon, one.lat) = (Some(10.0 + east), Some(lat + north));
            let Output::Alarm(change) = change(one, AlarmEventKind::Raised, 0) else {
                unreachable!("made as an alarm")
            };
            let entry = Entry::new(&change);
            places.push((entry.alarm.id.clone(), entry.place().expect("a place")));
            memory.put(entry);
        }
        let mut near = 0;
        for (_, here) in &places {
            let found: BTreeSet<_> =
                memory.around(0, *here, 200.0, i64::MIN, i64::MAX).iter().map(|e| e.alarm.id.clone()).collect();
            for (id, there) in places.iter().filter(|(_, there)| here.distance_m(*there) <= 200.0) {
                assert!(found.contains(id), "{there:?} lies near {here:?}");
                near += 1;
            }
            assert!(lat > 70.0 || found.len() < places.len(), "the grid narrows the search");
        }
        assert!(near > 2 * places.len(), "there is something to miss: {near}");
    }
}

#[test]
fn annunciations_are_calls_that_somebody_heard() {
    let mut hub = Hub::new();
    let heard = |out: Vec<Output>, id: &str| {
        let of = |output: &Output| match output {
            Output::Alarm(change) if change.alarm.device.as_str() == id => Some(change.alarm.annunciations),
            _ => None,
        };
        out.iter().rev().find_map(of)
    };
    let out = hub.full(0, vec![raised("K-1", "CIRCUIT_TRIP", 0), raised("L-1", "SUPPLY_LOSS", 3)]);
    assert_eq!((heard(out.clone(), "K-1"), heard(out, "L-1")), (Some(1), Some(0)), "a folded raise calls nobody");
    hub.batch(10, vec![returned("K-1", "CIRCUIT_TRIP", 0, 10)]);
    let out = hub.full(70, vec![]);
    assert_eq!(heard(out, "L-1"), Some(1), "what is unfolded calls");
}

#[test]
fn the_second_of_two_that_fails_weighs_on_both() {
    let mut hub = Hub::new();
    let group = crate::rules::RedundancyGroup {
        title: "两台引风机".into(),
        members: [device("F-1"), device("F-2")].into(),
        codes: vec![code("FAN_FAULT")],
        points: vec![crate::rules::LostPoints { lost: 2, points: 70 }],
    };
    hub.rules.priority.redundancy = vec![group];
    hub.rules.version += 1;
    assert_eq!(hub.rules.validate(), Ok(()));
    let fault = |id: &str, at: i64| {
        let mut fault = alarm(id, "FAN_FAULT", at);
        let severity =
            greenhub_model::alarm::Reason { code: "severity".into(), text: "严重程度".into(), points: Some(15) };
        fault.priority_reasons = vec![severity];
        change(fault, AlarmEventKind::Raised, at)
    };
    assert_eq!(hub.batch(0, vec![fault("F-1", 0)]), ["F-1.FAN_FAULT raised calls top +0"], "one of two is a repair");
    let out = hub.full(5, vec![fault("F-2", 5)]);
    let told: Vec<String> = out.iter().map(tell).collect();
    assert_eq!(
        told,
        [
            "F-2.FAN_FAULT raised calls top +0",
            "F-1.FAN_FAULT reprioritised quiet top +0",
            "F-1.FAN_FAULT order",
            "F-2.FAN_FAULT order"
        ]
    );
    for output in &out {
        if let Output::Alarm(change) = output {
            assert_eq!(change.alarm.priority, Priority::P1, "15 and 70 points");
            let codes: Vec<&str> = change.alarm.priority_reasons.iter().map(|reason| reason.code.as_str()).collect();
            assert_eq!(codes, ["severity", "redundancy", "sum"]);
            assert!(change.alarm.priority_reasons[1].text.contains("2 台中 2 台失效"));
        }
    }
    assert_eq!(hub.batch(9, vec![order("F-2", "FAN_FAULT")]), [""; 0], "the desk's own order comes too late");
    let back = hub.full(60, vec![returned("F-2", "FAN_FAULT", 5, 60)]);
    let told: Vec<String> = back.iter().map(tell).collect();
    assert_eq!(told, ["F-2.FAN_FAULT returned quiet top +0", "F-1.FAN_FAULT reprioritised quiet top +0"]);
    let Some(Output::Alarm(last)) = back.last() else { panic!("{back:?}") };
    assert_eq!(last.alarm.priority, Priority::P4, "one of two again");
    let permit = greenhub_model::output::Permit {
        permit: "W-1".into(),
        reason: "检修".into(),
        by: "wang".into(),
        since: START,
        planned_return: START,
    };
    let away = greenhub_model::output::ServiceChange {
        device: device("F-2"),
        permit: Some(permit),
        by: "wang".into(),
        at: START,
    };
    let told = hub.batch(70, vec![Output::Service(Box::new(away))]);
    assert_eq!(
        told[1..],
        ["F-1.FAN_FAULT reprioritised quiet top +0", "F-2.FAN_FAULT reprioritised quiet top +0"],
        "out of service is lost too"
    );
}
