//! Watches and fences through the real host: each kind of timer, on one, two and three workers, over restarts, and when
//! the rules change under them.

use crate::equality::{interrupted, run};
use crate::kit::{District, START_MS, brief, message};
use greenhub_alarms::RuleSet;
use greenhub_model::{Batch, Output, Record, RecordKind};
use greenhub_streams::run_recorded;
use serde_json::json;

/// Rules of the test: one watch per kind of timer, and three fences.
pub fn rules() -> RuleSet {
    let mut rules = RuleSet::builtin();
    rules.version += 1;
    let plant = |id: &str, code: &str, on_delay_ms: i64, when: serde_json::Value| {
        let rule = json!({ "id": id, "class": "plant", "code": code, "on_delay_ms": on_delay_ms, "when": when });
        serde_json::from_value(rule).expect("a watch")
    };
    rules.watches = vec![
        plant("stuck", "SENSOR_STUCK", 0, json!({ "stuck": { "point": "h2s", "for_ms": 10_000 } })),
        plant("missing", "NO_DATA", 0, json!({ "no_data": { "point": "nh3", "for_ms": 12_000 } })),
        plant(
            "rate",
            "FURNACE_TEMPERATURE_RATE",
            2_000,
            json!({ "rate": { "point": "temperature", "window_ms": 10_000, "per_ms": 1_000, "fall": 5.0 } }),
        ),
        plant(
            "apart",
            "FURNACE_TEMPERATURE_HIGH",
            5_000,
            json!({ "deviation": { "point": "temperature", "from": 900.0, "band": 30.0, "deadband": 5.0 } }),
        ),
        plant(
            "jams",
            "REPEATED_FAULT",
            0,
            json!({ "count": { "of": "!CONVEYOR_JAM", "at_least": 2, "window_ms": 8_000 } }),
        ),
        plant("off", "COMMAND_MISMATCH", 6_000, json!({ "state": { "point": "@on", "among": [0.0] } })),
        plant("gone", "POWER_LOSS", 0, json!({ "state": { "point": "@online", "among": [0.0] } })),
        plant(
            "both",
            "FAN_FAULT",
            0,
            json!({ "all": [{ "point": "vibration", "is": "above", "value": 5.0 },
            { "point": "current", "is": "below", "value": 10.0 }] }),
        ),
    ];
    let square = json!([[121.40, 31.20], [121.41, 31.20], [121.41, 31.21], [121.40, 31.21]]);
    let fence = |id: &str, code: &str, on: serde_json::Value| {
        let fence = json!({ "id": id, "title": id, "polygon": square, "code": code, "on": on, "on_delay_ms": 3_000 });
        serde_json::from_value(fence).expect("a fence")
    };
    rules.fences = vec![
        fence("enter", "FENCE_ENTERED", json!("enter")),
        fence("leave", "FENCE_LEFT", json!("leave")),
        fence("dwell", "FENCE_DWELL", json!({ "dwell": 15_000 })),
    ];
    rules.validate().expect("valid");
    rules
}

/// A minute of a furnace line and of a truck that comes, stays and goes.
pub fn minute() -> District {
    let district = District::new();
    district.config(&json!({ "change": "rules", "rules": rules() }));
    for n in 0..3 {
        district.register("plant", &format!("F-{n}"));
        district.register("vehicle", &format!("V-{n}"));
    }
    for step in 0..45i64 {
        let ms = step * 2_000;
        district.at(ms);
        let at = |rest: &str| format!("{{\"time\": {}, {rest}}}", START_MS + ms - 300);
        let mut sent = Vec::new();
        for n in 0..3i64 {
            let plant = format!("greenhub/v1/plant/F-{n}");
            let h2s = if (5..20).contains(&step) { 0.02 } else { 0.02 + 0.001 * (step % 7) as f64 };
            let nh3 = if (8..18).contains(&step) { String::new() } else { format!("\"nh3\": {},", 0.4 + n as f64) };
            let temperature = if (10..25).contains(&step) { 900 - 12 * (step - 10) } else { 900 + step % 3 };
            let (vibration, current) = if step == 30 { (6.0, 5.0) } else { (6.0, 50.0) };
            let values = format!(
                "\"h2s\": {h2s}, {nh3} \"temperature\": {temperature}, \"vibration\": {vibration}, \
                \"current\": {current}"
            );
            let quality = if (33..43).contains(&step) && n == 1 { ", \"quality\": \"bad\"" } else { "" };
            sent.push((format!("{plant}/reading"), at(&format!("\"values\": {{{values}}}{quality}"))));
            if step % 3 == n && step % 10 < 4 {
                sent.push((format!("{plant}/alarm"), at("\"code\": \"CONVEYOR_JAM\", \"active\": true")));
            }
            if step % 4 == 0 {
                sent.push((format!("{plant}/status"), at(&format!("\"on\": {}", step % 16 < 8))));
            }
            if step == 40 && n == 2 {
                sent.push((format!("{plant}/status"), at("\"online\": false")));
            }
            let lon = 121.397 + 0.0003 * ((step * 2 - n * 10) % 60) as f64;
            let position = format!("\"lon\": {lon}, \"lat\": 31.205");
            // An older place from a buffer enters nothing.
            let buffered = format!("{{\"time\": {}, \"lon\": 121.405, \"lat\": 31.205}}", START_MS + ms - 150_000);
            sent.push((format!("greenhub/v1/vehicle/V-{n}/position"), at(&position)));
            if step % 9 == 8 {
                sent.push((format!("greenhub/v1/vehicle/V-{n}/position"), buffered));
            }
        }
        let records: Vec<Record<'_>> = sent.iter().map(|(topic, payload)| message(topic, payload)).collect();
        district.append(&records);
        if step == 22 {
            let mut fewer = rules();
            fewer.version += 1;
            fewer.watches.retain(|rule| rule.id != "apart");
            fewer.fences.retain(|fence| fence.id != "enter");
            district.config(&json!({ "change": "rules", "rules": fewer }));
        }
    }
    for ms in [95_000, 100_000, 140_000, 170_000] {
        district.at(ms).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    }
    district
}

fn alarms(batches: &[Batch]) -> Vec<(String, String)> {
    let outputs = run_recorded(batches.to_vec(), crate::kit::decoder(), 1).expect("runs");
    let items = outputs.into_iter().flat_map(|output| output.items);
    items
        .filter_map(|item| match &item {
            Output::Alarm(change) => Some((change.event.by.clone(), brief(&item))),
            _ => None,
        })
        .collect()
}

#[test]
fn every_watch_and_fence_speaks_and_falls_silent() {
    let said = alarms(&minute().batches());
    let by = |source: &str, what: &str| said.iter().filter(|(by, brief)| by == source && brief.contains(what)).count();
    for source in [
        "watch:stuck",
        "watch:missing",
        "watch:rate",
        "watch:apart",
        "watch:jams",
        "watch:off",
        "watch:both",
        "fence:enter",
        "fence:leave",
        "fence:dwell",
    ] {
        assert!(by(source, "Raised") > 0, "{source} raised nothing: {said:#?}");
        assert!(by(source, "Returned") > 0, "{source} returned nothing: {said:#?}");
    }
    assert_eq!(by("watch:gone", "F-2 POWER_LOSS Raised"), 1, "one said goodbye: {said:#?}");
    // Six points of one device are bad for twenty seconds: less than the delay of a minute.
    assert!(!said.iter().any(|(_, brief)| brief.contains("DATA_QUALITY_BAD")), "{said:#?}");
}

#[test]
fn watches_and_fences_are_the_same_on_any_number_of_workers() {
    let batches = minute().batches();
    let one = run(&batches, 1);
    for workers in [2, 3] {
        assert_eq!(run(&batches, workers), one, "{workers} workers");
    }
}

#[test]
fn a_restart_at_every_batch_boundary_cannot_be_seen_in_watches_and_fences() {
    let batches = minute().batches();
    let whole = run_recorded(batches.clone(), crate::kit::decoder(), 1).expect("runs");
    for (every, workers) in [(1, &[1usize][..]), (5, &[2, 1, 3][..])] {
        let parts = interrupted(&batches, every, workers);
        for (whole, part) in whole.iter().zip(&parts) {
            assert_eq!(whole, part, "stopped after every {every} batches");
        }
        assert_eq!(whole.len(), parts.len());
    }
}

#[test]
fn a_point_that_stays_bad_is_an_alarm_of_its_own_and_holds_its_limits() {
    let district = District::new();
    district.register("plant", "O-1");
    let mut hub = district.hub(1);
    let mut said = Vec::new();
    for step in 0..40i64 {
        let ms = step * 5_000;
        let quality = if (4..24).contains(&step) { "bad" } else { "good" };
        let payload =
            format!("{{\"time\": {}, \"values\": {{\"so2\": 50}}, \"quality\": \"{quality}\"}}", START_MS + ms);
        let batch = district.at(ms).send("greenhub/v1/plant/O-1/reading", &payload);
        for item in hub.items(batch) {
            if let Output::Alarm(change) = &item {
                said.push((
                    change.event.at - START_MS,
                    change.event.by.clone(),
                    brief(&item),
                    change.event.text.clone(),
                ));
            }
        }
    }
    let text = |(at, by, brief, text): &(i64, String, String, String)| format!("{at} {by} {brief} {text}");
    let said: Vec<String> = said.iter().map(text).collect();
    assert_eq!(
        said,
        [
            "80000 quality:so2 alarm O-1 DATA_QUALITY_BAD Raised Acknowledged 二氧化硫的数据标为不可信或超出量程，相关告警保持原状态",
            "180000 quality:so2 alarm O-1 DATA_QUALITY_BAD Returned Normal 二氧化硫的数据恢复可信",
        ]
    );
}

#[test]
fn waiting_makes_an_alarm_more_urgent_and_opens_its_order() {
    let district = District::new();
    let mut rules = RuleSet::builtin();
    rules.version += 1;
    rules.priority.standing = serde_json::from_value(json!([{ "after_ms": 60_000, "points": 10 },
        { "after_ms": 120_000, "points": 40 }]))
    .expect("rows");
    district.config(&json!({ "change": "rules", "rules": rules }));
    district.register("plant", "W-1");
    let mut hub = district.hub(1);
    let raised = district.at(1_000).send(
        "greenhub/v1/plant/W-1/alarm",
        &format!("{{\"time\": {}, \"code\": \"WEIGHBRIDGE_FAULT\", \"active\": true}}", START_MS + 1_000),
    );
    hub.until(raised);
    let mut said = Vec::new();
    for ms in (5_000..=140_000).step_by(5_000) {
        let tick = district.at(ms).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
        said.extend(hub.items(tick).iter().map(|item| match item {
            Output::Alarm(change) => format!("{ms} {} {}", brief(item), change.event.text),
            other => format!("{ms} {}", brief(other)),
        }));
    }
    said.retain(|line| line.contains("Reprioritised") || line.contains("order"));
    assert_eq!(
        said,
        [
            "65000 alarm W-1 WEIGHBRIDGE_FAULT Reprioritised Unacknowledged 重新评定优先级，仍为 P3",
            "125000 alarm W-1 WEIGHBRIDGE_FAULT Reprioritised Unacknowledged 优先级由 P3 改为 P2",
            "125000 order W-1 P2",
        ]
    );
}
