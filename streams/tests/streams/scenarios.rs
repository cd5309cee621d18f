//! Behaviour told as timelines, through the real host over a real log.

use crate::kit::{District, START_MS, batch_of, brief, briefs, decoder, message};
use greenhub_model::decode::{Decode, DecodeContext};
use greenhub_model::{Channel, DeviceTopic, Observed, Output, Record, RecordKind, Reject};
use greenhub_storage::snapshot::SnapshotStore;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const POSITION: &str = "greenhub/v1/patrol/P-001/position";

fn at(ms: i64, rest: &str) -> String {
    format!("{{\"time\": {}, {rest}}}", START_MS + ms)
}

fn place(ms: i64) -> String {
    at(ms, "\"lon\": 121.42, \"lat\": 31.22")
}

#[test]
fn a_position_moves_the_marker_and_enters_the_track() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let batch = district.at(1_000).send(POSITION, &place(900));
    let items = hub.items(batch);
    assert_eq!(briefs(&items), ["unit P-001 Offline at None", "track P-001 at 900", "unit P-001 Online at Some(900)"]);
    let Some(Output::Unit(unit)) = items.last() else { panic!("{items:?}") };
    assert_eq!((unit.lon, unit.lat, unit.name.as_str()), (Some(121.42), Some(31.22), "设备 P-001"));
    assert_eq!(unit.received, (START_MS + 1_000) as f64);
}

#[test]
fn late_and_older_positions_enter_the_track_and_leave_the_marker() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let first = district.at(200_000).send(POSITION, &place(199_000));
    hub.until(first);
    let older = district.at(201_000).send(POSITION, &place(198_000));
    assert_eq!(briefs(&hub.items(older)), ["track P-001 at 198000", "unit P-001 Online at Some(199000)"]);
    let late = district.at(202_000).send(POSITION, &place(1_000));
    assert_eq!(briefs(&hub.items(late)), ["track P-001 at 1000", "unit P-001 Online at Some(199000)"]);
}

#[test]
fn a_late_position_that_is_the_newest_known_moves_the_marker_forward() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let first = district.at(10_000).send(POSITION, &place(9_000));
    hub.until(first);
    let out_of_a_tunnel = district.at(400_000).send(POSITION, &place(60_000));
    let items = briefs(&hub.items(out_of_a_tunnel));
    assert!(items.contains(&"unit P-001 Online at Some(60000)".to_owned()), "{items:?}");
}

#[test]
fn a_clock_that_runs_ahead_does_not_make_its_successors_old() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let ahead = district.at(0).send(POSITION, &place(200_000));
    hub.until(ahead);
    let right = district.at(1_000).send(POSITION, &place(1_000));
    assert_eq!(briefs(&hub.items(right)), ["track P-001 at 1000", "unit P-001 Online at Some(1000)"]);
}

#[test]
fn a_device_that_speaks_often_in_a_batch_shows_once_and_keeps_its_whole_track() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let payloads: Vec<String> = (0..5).map(|n| place(n * 10)).collect();
    let upload = format!("[{}]", payloads.join(","));
    let batch = district.at(100).append(&[message(POSITION, &upload), message(POSITION, &place(90))]);
    let items = briefs(&hub.items(batch));
    let expected: Vec<String> = [0, 10, 20, 30, 40, 90].iter().map(|t| format!("track P-001 at {t}")).collect();
    assert_eq!(items[1..7], expected);
    assert_eq!(items[7..], ["unit P-001 Online at Some(90)"]);
}

#[test]
fn silence_turns_a_unit_silent_then_offline_and_a_message_brings_it_back() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let heard = district.at(0).send(POSITION, &place(0));
    hub.until(heard);
    let patience = greenhub_alarms::RuleSet::builtin().classes[&greenhub_model::Class::Patrol];
    let tick = |ms: i64| district.at(ms).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    // The log is never quiet for longer than ten seconds, so nobody takes it for a stop of the hub.
    let mut spoken = Vec::new();
    for ms in (5_000..=patience.offline_after_ms + 5_000).step_by(5_000) {
        let batch = tick(ms);
        spoken.extend(hub.items(batch).iter().map(|item| (ms, brief(item))));
    }
    let silent = patience.silent_after_ms + 5_000;
    let offline = patience.offline_after_ms + 5_000;
    assert_eq!(
        spoken,
        [(silent, "unit P-001 Silent at Some(0)".to_owned()), (offline, "unit P-001 Offline at Some(0)".to_owned())]
    );
    let back = district.at(offline + 1_000).send(POSITION, &place(offline));
    let last = hub.items(back).last().map(brief);
    assert_eq!(last, Some(format!("unit P-001 Online at Some({offline})")));
}

#[test]
fn silence_while_the_hub_was_away_is_nobodys_fault() {
    let district = District::new();
    district.register("plant", "F-1");
    let reading = |ms| at(ms, "\"values\": {\"load\": 1}");
    let first = district.at(0).send("greenhub/v1/plant/F-1/reading", &reading(0));
    let hour = 3_600_000;
    let tick = |ms: i64| district.at(ms).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    let second = tick(hour);
    let mut hub = district.hub(1);
    hub.until(first);
    assert_eq!(briefs(&hub.items(second)), Vec::<String>::new(), "its patience begins anew");
    let mut alarms = Vec::new();
    for s in (5..=310).step_by(5) {
        let batch = tick(hour + s * 1000);
        alarms.extend(hub.items(batch).iter().filter(|i| matches!(i, Output::Alarm(_))).map(|i| (s, brief(i))));
    }
    assert_eq!(alarms, [(305, "alarm F-1 DEVICE_OFFLINE Raised Unacknowledged".to_owned())]);
    let back = district.at(hour + 320_000).send("greenhub/v1/plant/F-1/reading", &reading(hour + 320_000));
    let items = briefs(&hub.items(back));
    assert!(items.contains(&"alarm F-1 DEVICE_OFFLINE Returned ReturnedUnacknowledged".to_owned()), "{items:?}");
}

#[test]
fn a_will_takes_the_device_off_line_at_once() {
    let district = District::new();
    district.register("charger", "C-1");
    let mut hub = district.hub(1);
    let topic = "greenhub/v1/charger/C-1/status";
    let on = district.at(200_000).send(topic, &at(200_000, "\"online\": true"));
    assert_eq!(hub.items(on).last().map(brief), Some("device C-1 Online []".into()));
    // Written when the connection began, so its time is long past.
    let old_will = at(1_000, "\"online\": false");
    let will = Record { channel: Channel::Hub, ..message(topic, &old_will) };
    let gone = district.at(201_000).append(&[will]);
    assert_eq!(briefs(&hub.items(gone)), ["device C-1 Offline []"]);
    let counts = hub.counts();
    assert_eq!((counts[Channel::Mqtt as usize].applied, counts[Channel::Hub as usize].applied), (1, 1));
}

#[test]
fn an_sos_is_raised_once_with_its_order_and_returns() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let with_sos = |ms: i64, sos: bool| at(ms, &format!("\"lon\": 121.42, \"lat\": 31.22, \"sos\": {sos}"));
    let pressed = district.at(1_000).send(POSITION, &with_sos(1_000, true));
    let items = briefs(&hub.items(pressed));
    assert!(items.contains(&"alarm P-001 SOS Raised Unacknowledged".to_owned()), "{items:?}");
    assert!(items.contains(&"order P-001 P1".to_owned()), "{items:?}");
    assert_eq!(items.last().map(String::as_str), Some("unit P-001 Online at Some(1000) SOS"));
    let held = district.at(2_000).send(POSITION, &with_sos(2_000, true));
    assert_eq!(briefs(&hub.items(held)), ["track P-001 at 2000", "unit P-001 Online at Some(2000) SOS"]);
    let released = district.at(3_000).send(POSITION, &with_sos(3_000, false));
    let items = briefs(&hub.items(released));
    assert!(items.contains(&"alarm P-001 SOS Returned ReturnedUnacknowledged".to_owned()), "{items:?}");
}

#[test]
fn an_sos_from_a_buffer_is_raised_and_marked_late() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let sos = |ms: i64, sos: bool| at(ms, &format!("\"lon\": 121.42, \"lat\": 31.22, \"sos\": {sos}"));
    let now = district.at(900_000).send(POSITION, &sos(900_000, false));
    hub.until(now);
    let buffer = format!("[{},{}]", sos(100_000, true), sos(101_000, true));
    let upload = district.at(901_000).send(POSITION, &buffer);
    let items = briefs(&hub.items(upload));
    let alarms: Vec<&String> = items.iter().filter(|i| i.starts_with("alarm")).collect();
    assert_eq!(alarms.len(), 2, "{items:?}");
    assert_eq!(alarms[0], "alarm P-001 SOS Raised Unacknowledged late");
    assert!(alarms[1].starts_with("alarm P-001 SOS Returned"), "{items:?}");
    assert_eq!(items.last().map(String::as_str), Some("unit P-001 Online at Some(900000)"), "the marker stays");
}

fn furnace() -> serde_json::Value {
    json!({ "device": "F-1", "class": "plant", "name": "焚烧炉", "kind": "furnace", "sub_district": "华阳路街道",
        "place": { "lon": 121.41, "lat": 31.21 },
        "points": [{ "name": "bearing", "label": "轴承温度", "unit": "Cel", "normal": [20.0, 70.0],
            "limits": [{ "code": "BEARING_HOT", "side": "high", "limit": 90.0, "deadband": 2.0, "on_delay_ms": 30000,
                "severity": "major" }] }] })
}

#[test]
fn a_limit_of_the_profile_raises_after_its_delay_and_clears_beyond_its_deadband() {
    let district = District::new();
    district.register_as(furnace());
    let mut hub = district.hub(1);
    let topic = "greenhub/v1/plant/F-1/reading";
    let reading = |ms: i64, value: f64, quality: &str| {
        at(ms, &format!("\"values\": {{\"bearing\": {value}}}, \"quality\": \"{quality}\""))
    };
    let alarms = |items: Vec<Output>| -> Vec<String> {
        items.iter().filter(|i| matches!(i, Output::Alarm(_))).map(brief).collect()
    };
    let batch = district.at(0).send(topic, &reading(0, 91.0, "good"));
    assert_eq!(hub.items(batch).last().map(brief), Some("device F-1 Online [bearing=91]".into()));
    let batch = district.at(29_000).send(topic, &reading(29_000, 95.0, "bad"));
    assert!(alarms(hub.items(batch)).is_empty());
    // Nothing arrives; time passes.
    let batch = district.at(30_000).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    let items = hub.items(batch);
    let Some(Output::Alarm(change)) = items.first() else { panic!("{items:?}") };
    assert_eq!(brief(&items[0]), "alarm F-1 BEARING_HOT Raised Unacknowledged");
    assert_eq!((change.alarm.value, change.alarm.limit, change.alarm.unit.0.as_str()), (Some(91.0), Some(90.0), "Cel"));
    assert_eq!((change.alarm.raised_at, change.alarm.lon), (START_MS + 30_000, Some(121.41)));
    let batch = district.at(60_000).send(topic, &reading(60_000, 88.5, "good"));
    assert!(alarms(hub.items(batch)).is_empty(), "inside the deadband nothing changes");
    let batch = district.at(61_000).send(topic, &reading(61_000, 87.9, "good"));
    assert_eq!(alarms(hub.items(batch)), ["alarm F-1 BEARING_HOT Returned ReturnedUnacknowledged"]);
}

#[test]
fn late_readings_enter_the_history_and_reach_no_limit() {
    let district = District::new();
    let mut profile = furnace();
    profile["points"][0]["limits"][0]["on_delay_ms"] = json!(0);
    district.register_as(profile);
    let mut hub = district.hub(1);
    let topic = "greenhub/v1/plant/F-1/reading";
    let cold = district.at(500_000).send(topic, &at(500_000, "\"values\": {\"bearing\": 20}"));
    hub.until(cold);
    let late = district.at(501_000).send(topic, &at(100_000, "\"values\": {\"bearing\": 99}"));
    assert_eq!(briefs(&hub.items(late)), ["sample F-1 at 100000", "device F-1 Online [bearing=20]"]);
    let older = district.at(502_000).send(topic, &at(499_000, "\"values\": {\"bearing\": 99}"));
    assert_eq!(briefs(&hub.items(older)), ["sample F-1 at 499000", "device F-1 Online [bearing=20]"]);
}

#[test]
fn a_limit_that_is_taken_away_takes_its_word_back() {
    let district = District::new();
    let mut profile = furnace();
    profile["points"][0]["limits"][0]["on_delay_ms"] = json!(0);
    district.register_as(profile.clone());
    let mut hub = district.hub(1);
    let hot = district.at(0).send("greenhub/v1/plant/F-1/reading", &at(0, "\"values\": {\"bearing\": 99}"));
    hub.until(hot);
    profile["points"][0]["limits"] = json!([]);
    let changed = district.at(1_000).register_as(profile);
    let items = briefs(&hub.items(changed));
    assert!(items[0].starts_with("alarm F-1 BEARING_HOT Returned"), "{items:?}");
}

#[test]
fn commands_are_answered_once_and_change_the_alarm() {
    let district = District::new();
    district.register("charger", "C-1");
    let mut hub = district.hub(1);
    let raised =
        district.at(0).send("greenhub/v1/charger/C-1/alarm", &at(0, "\"code\": \"OVER_TEMPERATURE\", \"value\": 91.5"));
    let items = hub.items(raised);
    let alarm = items.iter().find_map(|i| match i {
        Output::Alarm(change) => Some(change.alarm.id.clone()),
        _ => None,
    });
    let acknowledge = |request: &str| {
        json!({ "request_id": request, "by": "anna", "role": "dispatcher",
            "command": { "verb": "acknowledge", "alarm": alarm.clone().expect("raised"), "comment": "" } })
    };
    let done = district.at(1_000).command(&acknowledge("r1"));
    assert_eq!(briefs(&hub.items(done)), ["alarm C-1 OVER_TEMPERATURE Acknowledged Acknowledged", "answer r1 ok"]);
    let again = district.at(2_000).command(&acknowledge("r1"));
    assert_eq!(briefs(&hub.items(again)), ["answer r1 ok"], "the first answer, and nothing changes");
    let unknown = json!({ "request_id": "r2", "by": "anna", "role": "dispatcher",
        "command": { "verb": "unshelve", "alarm": "nobody.X.7" } });
    let refused = district.at(3_000).command(&unknown);
    assert_eq!(briefs(&hub.items(refused)), ["answer r2 refused"]);
}

#[test]
fn damaged_commands_and_configuration_end_in_a_refusal_not_in_a_panic() {
    let district = District::new();
    let mut hub = district.hub(2);
    let own = |kind, payload: &'static [u8]| Record::own(kind, "somebody", payload);
    let batch = district.append(&[
        own(RecordKind::Command, b"{\"request_id\": \"r7\", \"verb\": 1}"),
        own(RecordKind::Command, b"\xff\xfe"),
        own(RecordKind::Config, b"[1,2"),
        own(RecordKind::Config, br#"{"change":"device","profile":{"device":"a/b","class":"plant"}}"#),
        own(RecordKind::Config, br#"{"change":"rules","rules":{"version":1}}"#),
        own(RecordKind::Session, b"\x00opaque"),
    ]);
    assert_eq!(
        briefs(&hub.items(batch)),
        [
            "answer r7 refused",
            "quarantine not_json",
            "quarantine not_json",
            "quarantine not_json",
            "quarantine wrong_type"
        ]
    );
    assert!(hub.counts().iter().all(|c| c.applied + c.quarantined == 0), "none of them is a message");
}

#[test]
fn each_bad_message_is_quarantined_with_its_reason_and_counted() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let rows: [(&str, &str, Option<&str>); 12] = [
        (POSITION, r#"{"lon": 121, "lat": 31}"#, None),
        (POSITION, "not json", Some("not_json")),
        (POSITION, r#"{"lon": 121, "lat": 91}"#, Some("off_earth")),
        (POSITION, r#"{"lon": 121, "lat": 31, "time": 0}"#, Some("time_too_old")),
        (POSITION, "", Some("empty")),
        ("greenhub/v1/patrol/P-002/position", r#"{"lon": 121, "lat": 31}"#, Some("unknown_device")),
        ("greenhub/v1/vehicle/P-001/position", r#"{"lon": 121, "lat": 31}"#, Some("class_mismatch")),
        ("greenhub/v1/patrol/../position", "{}", Some("bad_device_id")),
        ("greenhub/v1/patrol/P-001/song", "{}", Some("unknown_topic")),
        ("some/other/topic", "{}", Some("unknown_topic")),
        ("greenhub/v1/patrol/P-001/command", "{}", None),
        (POSITION, r#"[{"lon": 121, "lat": 31}, {"lon": 0, "lat": 0}, {"lon": 121, "lat": 31}]"#, Some("off_earth")),
    ];
    for (topic, payload, reason) in rows {
        let batch = district.send(topic, payload);
        let output = hub.until(batch).last().expect("an output").clone();
        let reasons: Vec<&str> = output
            .items
            .iter()
            .filter_map(|i| match i {
                Output::Quarantine(q) => Some(q.reject.code()),
                _ => None,
            })
            .collect();
        assert_eq!(reasons, Vec::from_iter(reason), "{topic} {payload}");
        let counts = output.counts[Channel::Mqtt as usize];
        let expected = if reason.is_some() { (0, 1) } else { (1, 0) };
        assert_eq!((counts.applied, counts.quarantined), expected, "{topic} {payload}");
    }
    let tracks = hub.seen.iter().flat_map(|o| &o.items).filter(|i| matches!(i, Output::Track(_))).count();
    assert_eq!(tracks, 3, "good elements beside a bad one still count");
    assert_eq!(district.log.accepted()[Channel::Mqtt as usize], 12);
}

#[test]
fn an_unregistered_device_is_admitted_when_the_gateway_says_so() {
    let district = District::new();
    let mut hub = district.hub(1);
    let payload = place(0);
    let record = Record { unregistered: true, ..message(POSITION, &payload) };
    let batch = district.at(0).append(&[record, message(POSITION, &payload)]);
    assert_eq!(
        briefs(&hub.items(batch)),
        ["track P-001 at 0", "track P-001 at 0", "unit P-001 Online at Some(0)"],
        "once known it is known"
    );
    let removed = district.config(&json!({ "change": "remove_device", "device": "P-001" }));
    assert_eq!(briefs(&hub.items(removed)), ["removed P-001"]);
    let stranger = district.send(POSITION, &payload);
    assert_eq!(briefs(&hub.items(stranger)), ["quarantine unknown_device"]);
}

#[test]
fn while_a_timer_waits_and_nobody_sends_ticks_come() {
    let district = District::new();
    district.register("patrol", "P-001");
    let mut hub = district.hub(1);
    let heard = district.at(0).send(POSITION, &place(0));
    hub.until(heard);
    let patience = greenhub_alarms::RuleSet::builtin().classes[&greenhub_model::Class::Patrol];
    // The clock stands just before the unit turns silent, then just behind it; nobody appends but the host.
    district.at(9_000);
    hub.until(heard + 1);
    let mut ms = 9_000;
    while ms <= patience.silent_after_ms {
        ms += 9_000;
        district.at(ms);
        let next = hub.seen.last().expect("seen").batch + 1;
        hub.until(next);
    }
    let states: Vec<String> = hub.seen.iter().flat_map(|o| &o.items).map(brief).collect();
    assert_eq!(states.last().map(String::as_str), Some("unit P-001 Silent at Some(0)"), "{states:?}");
}

#[test]
fn a_decoder_that_panics_costs_the_message_and_nothing_else() {
    struct Bomb;
    impl Decode for Bomb {
        fn decode(
            &self,
            topic: &DeviceTopic<'_>,
            context: &DecodeContext,
            payload: &[u8],
            out: &mut Vec<Result<Observed, (Option<usize>, Reject)>>,
        ) {
            assert!(payload != b"boom", "a bug");
            decoder().decode(topic, context, payload, out);
        }
    }
    let good = place(0);
    let records = ["boom", &good].map(|p| Record { unregistered: true, ..message(POSITION, p) });
    let batch = batch_of(1, 0, START_MS, &records);
    let outputs = greenhub_streams::run_recorded(vec![batch], Arc::new(Bomb), 2).expect("runs on");
    assert_eq!(briefs(&outputs[0].items), ["quarantine not_json", "track P-001 at 0", "unit P-001 Online at Some(0)"]);
    let counts = outputs[0].counts[Channel::Mqtt as usize];
    assert_eq!((counts.applied, counts.quarantined), (1, 1));
}

#[test]
fn a_snapshot_of_another_form_is_passed_over_while_the_log_has_everything() {
    let district = District::new();
    district.register("patrol", "P-001");
    let batch = district.at(0).send(POSITION, &place(0));
    let store = SnapshotStore::open(district.dir.path().join("snapshots")).expect("a directory");
    let parts = [("head".to_owned(), br#"{"form": 9, "received": 0, "end": 0}"#.to_vec())];
    store.write(1, &parts.into()).expect("written").publish().expect("published");
    let mut hub = district.hub(1);
    assert_eq!(hub.items(batch).last().map(brief), Some("unit P-001 Online at Some(0)".into()));
}

#[test]
fn a_tripped_circuit_calls_and_its_lamps_lie_folded_under_it() {
    let district = District::new();
    district.register_as(json!({ "device": "K-1", "class": "light", "kind": "circuit" }));
    for lamp in ["L-0", "L-1", "L-2"] {
        district.register_as(json!({ "device": lamp, "class": "light", "parent": "K-1" }));
    }
    district.at(1_000).send("greenhub/v1/light/L-0/alarm", r#"{"code":"SUPPLY_LOSS","active":true}"#);
    district.at(3_000).send("greenhub/v1/light/K-1/alarm", r#"{"code":"CIRCUIT_TRIP","active":true}"#);
    district.at(4_000).send("greenhub/v1/light/L-1/alarm", r#"{"code":"SUPPLY_LOSS","active":true}"#);
    let last = district.at(4_500).send("greenhub/v1/light/L-2/alarm", r#"{"code":"SUPPLY_LOSS","active":true}"#);
    let mut hub = district.hub(1);
    let items = hub.items(last);
    let (mut newest, mut calls) = (BTreeMap::new(), Vec::new());
    for item in &items {
        let Output::Alarm(change) = item else { continue };
        newest.insert(change.alarm.device.to_string(), change.alarm.clone());
        if change.event.called {
            calls.push(change.alarm.device.to_string());
        }
    }
    let cause = newest["K-1"].id.clone();
    assert_eq!(newest["K-1"].folds, 3, "{:?}", briefs(&items));
    for lamp in ["L-0", "L-1", "L-2"] {
        assert_eq!(newest[lamp].folded_under.as_ref(), Some(&cause), "{lamp}: {:?}", briefs(&items));
        let why = newest[lamp].explanation.iter().any(|reason| reason.text.contains("跳闸"));
        assert!(why, "{lamp} says why: {:?}", newest[lamp].explanation);
    }
    assert_eq!(calls, ["L-0", "K-1"], "only what nobody could explain yet called");
}
