//! What a device says again is shared with what it said before; nobody may be able to see that.

use crate::equality::interrupted;
use crate::kit::{District, START_MS, decoder, message};
use greenhub_model::alarm::AlarmEventKind;
use greenhub_model::{Output, Record};
use greenhub_streams::run_recorded;
use serde_json::json;

/// Ten messages a second of a unit that moves and of a pile with three connectors, in which each part of an alarm message
/// changes once, and the pile's name too.
fn insistent() -> District {
    let district = District::new();
    district.register("patrol", "P-1");
    let pile = |name: &str| json!({ "device": "C-1", "class": "charger", "name": name });
    district.register_as(pile("一号桩"));
    for step in 0..60i64 {
        let ms = step * 100;
        district.at(ms);
        if step == 30 {
            district.register_as(pile("一号快充桩"));
        }
        let time = START_MS + ms;
        let mut said = vec![(
            "greenhub/v1/patrol/P-1/position".to_owned(),
            json!({ "time": time, "lon": 121.4 + 0.000_01 * step as f64, "lat": 31.2 }),
        )];
        let severity = if (12..20).contains(&step) { "critical" } else { "minor" };
        let active = step != 25 && step != 31 && step != 45;
        said.push((
            "greenhub/v1/patrol/P-1/alarm".to_owned(),
            json!({ "time": time, "code": "LOW_BATTERY", "active": active, "severity": severity, "value": step }),
        ));
        let text = if step < 40 { "接头过热" } else { "接头过热，已停机" };
        let hot = |connector: i64| {
            let active = active || connector != 2;
            // One of them has a slow clock, or was heard twice.
            let time = if connector == 1 && step % 7 == 3 { time - 250 } else { time };
            json!({ "time": time, "code": "OVER_TEMPERATURE", "active": active, "text": text,
                "sub_component": format!("枪{connector}"), "value": 90.0 + step as f64 / 7.0 })
        };
        let three: Vec<_> = (0..3).map(hot).collect();
        said.push(("greenhub/v1/charger/C-1/alarm".to_owned(), json!(three)));
        let said: Vec<(String, String)> = said.into_iter().map(|(topic, json)| (topic, json.to_string())).collect();
        let records: Vec<Record<'_>> = said.iter().map(|(topic, payload)| message(topic, payload)).collect();
        district.append(&records);
    }
    district
}

#[test]
fn what_is_said_again_is_as_if_it_were_said_for_the_first_time() {
    let batches = insistent().batches();
    let whole = run_recorded(batches.clone(), decoder(), 1).expect("runs");
    // A restart forgets what was said, so that each condition is made anew.
    let parts = interrupted(&batches, 1, &[1, 2]);
    assert_eq!(whole.len(), parts.len());
    for (whole, part) in whole.iter().zip(&parts) {
        assert_eq!(whole, part);
    }
    let changes: Vec<_> = whole
        .iter()
        .flat_map(|output| &output.items)
        .filter_map(|item| match item {
            Output::Alarm(change) => Some(change),
            _ => None,
        })
        .collect();
    let raised = |kind| changes.iter().filter(move |change| change.event.kind == kind);
    assert!(raised(AlarmEventKind::Escalated).count() > 0);
    let names: Vec<&str> = raised(AlarmEventKind::Raised)
        .filter(|change| change.alarm.device.as_str() == "C-1")
        .map(|change| change.alarm.device_name.as_str())
        .collect();
    assert!(names.contains(&"一号桩") && names.contains(&"一号快充桩"), "{names:?}");
    let words = raised(AlarmEventKind::Repeated).map(|change| change.event.text.as_str());
    assert!(words.clone().any(|text| text == "接头过热") && words.clone().any(|text| text == "接头过热，已停机"));
    let places: std::collections::BTreeSet<i64> = raised(AlarmEventKind::Raised)
        .filter_map(|change| change.alarm.lon.filter(|_| change.alarm.device.as_str() == "P-1"))
        .map(|lon| (lon * 1e6) as i64)
        .collect();
    assert!(places.len() > 2, "each raise is where the unit was then: {places:?}");
    let standing = changes.iter().rev().find(|change| change.alarm.sub_component.as_deref() == Some("枪0"));
    let count = standing.map(|change| change.alarm.count);
    assert!(count.is_some_and(|count| count >= 50), "each message is counted: {count:?}");
}
