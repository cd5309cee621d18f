//! Positions as metres east of a fence a kilometre wide, time passing every ten seconds, a restart between any two steps.

use super::*;
use serde_json::json;

fn fenced(change: serde_json::Value) -> Fenced {
    let mut fence = json!({ "id": "f", "title": "作业区", "code": "FENCE", "hysteresis_m": 30.0,
        "polygon": [[121.40, 31.20], [121.4105, 31.20], [121.4105, 31.21], [121.40, 31.21]] });
    let object = fence.as_object_mut().expect("an object");
    object.extend(change.as_object().expect("an object").clone());
    Fenced::new(serde_json::from_value(fence).expect("a fence"), 480).expect("a polygon")
}

/// A place so many metres east of the eastern side.
fn east(metres: f64) -> LonLat {
    LonLat { lon: 121.4105 + metres / 95_100.0, lat: 31.205 }
}

fn run(fenced: &Fenced, fixes: &[(i64, f64)], end: i64) -> Vec<(i64, bool)> {
    let (mut memory, mut edges) = (FenceMemory::default(), vec![]);
    for second in (0..=end).step_by(10) {
        let received = ReceivedTime(second * 1_000_000);
        let due = deadline(fenced, &memory).is_some_and(|at| at <= received);
        let before = memory;
        advance(fenced, &mut memory, received, &mut edges);
        assert_eq!(memory != before, due, "the deadline keeps its word at {second}");
        for (_, metres) in fixes.iter().filter(|(at, _)| *at == second) {
            let at = Moment { time: second * 1000, received: second * 1_000_000 };
            judge(fenced, &mut memory, Fix { at, place: east(*metres), accuracy_m: None }, &mut edges);
        }
        let bytes = serde_json::to_vec(&memory).expect("plain data");
        memory = serde_json::from_slice(&bytes).expect("its own bytes");
    }
    edges.iter().map(|edge| (edge.at / 1000, edge.active)).collect()
}

type Row = (&'static str, serde_json::Value, &'static [(i64, f64)], &'static [(i64, bool)]);

#[test]
fn units_enter_leave_and_stay() {
    let table: Vec<Row> = vec![
        (
            "enter: inside at once, outside beyond the hysteresis",
            json!({ "on": "enter" }),
            &[(0, 200.0), (10, -1.0), (20, 20.0), (30, -5.0), (40, 29.0), (50, 31.0)],
            &[(10, true), (50, false)],
        ),
        (
            "enter: a wanderer near the edge that was never inside has not entered",
            json!({ "on": "enter" }),
            &[(0, 5.0), (10, 25.0), (20, 5.0)],
            &[],
        ),
        (
            "leave: only after having been inside; back at the edge does not count as back",
            json!({ "on": "leave" }),
            &[(0, 300.0), (10, -10.0), (20, 40.0), (30, 10.0), (40, -1.0)],
            &[(20, true), (40, false)],
        ),
        (
            "leave with delays: a short way out and back is nothing",
            json!({ "on": "leave", "on_delay_ms": 30_000 }),
            &[(0, -10.0), (10, 50.0), (30, -10.0), (40, 50.0)],
            &[(70, true)],
        ),
        (
            "dwell: time alone makes it too long",
            json!({ "on": { "dwell": 60_000 } }),
            &[(0, -10.0), (20, -12.0), (100, 90.0)],
            &[(60, true), (100, false)],
        ),
        (
            "dwell: to leave in between begins anew",
            json!({ "on": { "dwell": 60_000 } }),
            &[(0, -10.0), (50, 90.0), (60, -10.0)],
            &[(120, true)],
        ),
        (
            // 0 is 08:00 in China.
            "hours: who is inside when they begin is inside; when they end it is over",
            json!({ "on": "enter", "hours": { "from": "08:01", "to": "08:02" } }),
            &[(0, -10.0), (90, -10.0)],
            &[(60, true), (120, false)],
        ),
        (
            "hours over midnight",
            json!({ "on": "enter", "hours": { "from": "22:00", "to": "08:01" } }),
            &[(0, -10.0)],
            &[(0, true), (60, false)],
        ),
    ];
    for (name, change, fixes, expected) in table {
        assert_eq!(run(&fenced(change), fixes, 300), expected, "{name}");
    }
}

#[test]
fn older_and_vague_fixes_enter_nothing() {
    let fence = fenced(json!({ "on": "enter" }));
    let (mut memory, mut edges) = (FenceMemory::default(), vec![]);
    let at = |second: i64| Moment { time: second * 1000, received: second * 1_000_000 };
    judge(&fence, &mut memory, Fix { at: at(10), place: east(100.0), accuracy_m: None }, &mut edges);
    judge(&fence, &mut memory, Fix { at: at(9), place: east(-100.0), accuracy_m: None }, &mut edges);
    judge(&fence, &mut memory, Fix { at: at(11), place: east(-100.0), accuracy_m: Some(150.0) }, &mut edges);
    assert!(edges.is_empty() && memory.is_idle());
    judge(&fence, &mut memory, Fix { at: at(12), place: east(-100.0), accuracy_m: Some(8.0) }, &mut edges);
    assert_eq!(edges.len(), 1);
    assert_eq!(fence.describe("1号车", &edges[0]), "1号车进入电子围栏“作业区”");
}

#[test]
fn a_fence_concerns_whom_it_names() {
    let profile = |class: &str, kind: &str, device: &str| -> DeviceProfile {
        serde_json::from_value(json!({ "class": class, "kind": kind, "device": device })).expect("a profile")
    };
    let truck = profile("vehicle", "refuse_truck", "V-1");
    let all = fenced(json!({ "on": "enter" }));
    assert!(all.fence().concerns(&truck) && all.fence().concerns(&profile("patrol", "", "P-1")));
    assert!(!all.fence().concerns(&profile("charger", "", "C-1")), "what does not move is not meant");
    let some = fenced(json!({ "on": "enter", "classes": ["vehicle"], "kinds": ["refuse_truck"], "devices": ["V-1"] }));
    assert!(some.fence().concerns(&truck));
    assert!(!some.fence().concerns(&profile("vehicle", "sweeper", "V-1")));
    assert!(!some.fence().concerns(&profile("vehicle", "refuse_truck", "V-2")));
}
