//! The world from outside: what it says, when, and whether it says the same again.

use super::*;
use crate::district::to_metres;
use crate::size::Size;
use crate::sun::{SUNSET_DEG, passes};
use greenhub_model::geodesy::LonLat;
use greenhub_model::profile::LimitSide;
use greenhub_model::{DeviceTopic, MessageKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-11-24 12:00 China Standard Time.
const NOON: i64 = 1_795_492_800_000;

fn small() -> SimulateOptions {
    let size = Size { patrol: 12, vehicle: 8, charger: 30, air: 2, circuit: 3 };
    SimulateOptions { size, seed: 42, incidents: false, ..SimulateOptions::default() }
}

/// Steps a world for `seconds` in steps of `step_ms`.
fn live(options: &SimulateOptions, start: i64, seconds: i64, step_ms: i64) -> Vec<Publish> {
    let mut world = World::new(options, start);
    let steps = seconds * 1000 / step_ms;
    (1..=steps).flat_map(|i| world.step(start + i * step_ms)).collect()
}

/// Every element of every message: class and device, kind, JSON.
fn elements(messages: &[Publish]) -> Vec<(String, MessageKind, Value)> {
    let mut all = Vec::new();
    for message in messages {
        let topic = DeviceTopic::parse(&message.topic).expect("a topic of the contract");
        match serde_json::from_str(&message.payload).expect("JSON") {
            Value::Array(list) => {
                all.extend(list.into_iter().map(|v| (topic.device.to_owned(), topic.message, v)));
            }
            one => all.push((topic.device.to_owned(), topic.message, one)),
        }
    }
    all
}

fn number(value: &Value, member: &str) -> f64 {
    value[member].as_f64().unwrap_or_else(|| panic!("{member} is not a number in {value}"))
}

#[test]
fn a_seed_says_the_same_however_the_steps_are_cut() {
    let options = SimulateOptions { incidents: true, ..small() };
    let fine = live(&options, NOON, 120, 100);
    let coarse = live(&options, NOON, 120, 5000);
    assert!(fine.len() > 2000, "{}", fine.len());
    assert!(fine == coarse, "differs with the length of the steps");
    let other = live(&SimulateOptions { seed: 43, ..options }, NOON, 120, 100);
    assert!(fine != other, "another seed says something else");
}

#[test]
fn every_payload_follows_the_contract() {
    let options = SimulateOptions { incidents: true, ..small() };
    let mut kinds = BTreeSet::new();
    for (device, kind, value) in elements(&live(&options, NOON, 400, 1000)) {
        kinds.insert(kind);
        let time = value["time"].as_i64().expect("time in whole milliseconds");
        assert!((NOON..=NOON + 400_000).contains(&time), "{device}: {time}");
        match kind {
            MessageKind::Position => {
                assert!(LonLat { lon: number(&value, "lon"), lat: number(&value, "lat") }.is_plausible());
                assert!((0.0..120.0).contains(&number(&value, "speed_kmh")));
                assert!((0.0..360.0).contains(&number(&value, "heading_deg")));
                assert!((0.0..60.0).contains(&number(&value, "accuracy_m")));
                assert!(value["sos"].is_boolean());
                assert_eq!(value["battery_pct"].is_number(), device.starts_with('P'), "{device}");
            }
            MessageKind::Reading => {
                let values = value["values"].as_object().expect("values");
                assert!(!values.is_empty() && values.values().all(|v| v.as_f64().is_some_and(f64::is_finite)));
                assert_eq!(value["quality"], "good");
            }
            MessageKind::Alarm => {
                assert!(value["code"].is_string() && value["active"].is_boolean() && value["text"].is_string());
                assert!(
                    ["critical", "major", "minor", "warning"].contains(&value["severity"].as_str().expect("severity"))
                );
            }
            MessageKind::Status => assert_eq!(value["online"], true),
        }
    }
    assert_eq!(kinds.len(), 4, "all four kinds of message");
}

#[test]
fn readings_name_the_points_of_the_profiles() {
    let options = small();
    let points: BTreeMap<String, BTreeSet<String>> = profiles(&options.size, options.seed)
        .into_iter()
        .map(|p| (p.device.as_str().to_owned(), p.points.iter().map(|p| p.name.as_str().to_owned()).collect()))
        .collect();
    let mut heard = BTreeSet::new();
    for (device, kind, value) in elements(&live(&options, NOON, 400, 1000)) {
        if kind == MessageKind::Reading {
            for name in value["values"].as_object().expect("values").keys() {
                assert!(points[&device].contains(name), "{device} has no point {name}");
            }
        }
        heard.insert(device);
    }
    assert_eq!(heard, points.into_keys().collect(), "every registered device speaks, and no other");
}

#[test]
fn units_stay_on_roads_within_their_noise_and_get_around() {
    let graph = district().roads();
    let mut ways: BTreeMap<String, Vec<(i64, LonLat)>> = BTreeMap::new();
    for (device, kind, value) in elements(&live(&small(), NOON, 900, 1000)) {
        if kind == MessageKind::Position {
            let at = LonLat { lon: number(&value, "lon"), lat: number(&value, "lat") };
            ways.entry(device).or_default().push((value["time"].as_i64().expect("time"), at));
        }
    }
    assert_eq!(ways.len(), 20);
    for (device, way) in ways {
        for (_, at) in way.iter().step_by(10) {
            // Lane 6 m, wander at most 4 deviations of 2.6 m on both axes (twice that in dead spots), jitter 0.5 m.
            let off = graph.distance(to_metres(*at));
            assert!(off < 6.0 + 2.0 * 4.0 * 2.6 * 1.42 + 1.0, "{device} is {off} m off the road");
        }
        let metres: f64 = way.windows(10).step_by(10).map(|w| w[0].1.distance_m(w[9].1)).sum();
        let range = if device.starts_with('P') { 250.0..2200.0 } else { 500.0..12_000.0 };
        assert!(range.contains(&metres), "{device} went {metres} m in 15 minutes");
    }
}

#[test]
fn dead_spots_are_uploaded_later_with_their_old_times() {
    let options = SimulateOptions { size: Size { patrol: 30, vehicle: 30, charger: 0, air: 0, circuit: 0 }, ..small() };
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    let mut uploads = 0;
    for message in live(&options, NOON, 1200, 1000) {
        match serde_json::from_str(&message.payload).expect("JSON") {
            Value::Array(list) => {
                uploads += 1;
                let times: Vec<i64> = list.iter().map(|v| v["time"].as_i64().expect("time")).collect();
                assert!(times.windows(2).all(|w| w[0] < w[1]), "{} is not in order", message.topic);
                assert!(times[times.len() - 1] < newest[&message.topic], "{} is not late", message.topic);
            }
            one if message.topic.ends_with("/position") => {
                newest.insert(message.topic, one["time"].as_i64().expect("time"));
            }
            _ => {}
        }
    }
    assert!(uploads >= 5, "{uploads} uploads in twenty minutes of sixty units");
}

#[test]
fn incidents_show_within_the_first_minutes_and_clear() {
    let options = SimulateOptions { seed: 7, ..SimulateOptions::default() };
    let all = elements(&live(&options, NOON, 345, 1000));
    let mut standing: BTreeMap<(String, String), i64> = BTreeMap::new();
    let (mut first, mut dark) = (BTreeMap::<String, i64>::new(), BTreeSet::new());
    let (mut low_furnace, mut high_odour) = (BTreeSet::new(), BTreeSet::new());
    let mut sos_seen = false;
    for (device, kind, value) in &all {
        let time = value["time"].as_i64().expect("time") - NOON;
        if *kind == MessageKind::Alarm {
            let code = value["code"].as_str().expect("code").to_owned();
            let key = (device.clone(), code.clone());
            if value["active"] == true {
                first.entry(code.clone()).or_insert(time);
                if code == "SUPPLY_LOSS" {
                    dark.insert(device.clone());
                }
                assert!(standing.insert(key, time).is_none(), "{device} {code} raised twice");
            } else {
                assert!(standing.remove(&key).is_some(), "{device} {code} cleared without a raise");
            }
        }
        sos_seen |= value["sos"] == true;
        if device.starts_with("FUR") && value["values"]["temperature"].as_f64().is_some_and(|t| t < 845.0) {
            low_furnace.insert(device.clone());
            first.entry("furnace".into()).or_insert(time);
        }
        if device.starts_with("ODR") && value["values"]["h2s"].as_f64().is_some_and(|v| v > 0.07) {
            high_odour.insert(device.clone());
            first.entry("odour".into()).or_insert(time);
        }
    }
    for (what, by_s) in [("OVER_TEMPERATURE", 45), ("odour", 45), ("SOS", 45), ("CIRCUIT_TRIP", 60), ("furnace", 110)] {
        let at = first.get(what).unwrap_or_else(|| panic!("{what} did not happen"));
        assert!(*at <= by_s * 1000, "{what} after {at} ms");
    }
    assert_eq!(dark.len(), 40, "one circuit takes forty lamps");
    assert!(sos_seen && low_furnace.len() == 1 && high_odour.len() == 1);
    // What stands at the end began lately: every incident of the first five minutes has cleared.
    let old: Vec<_> = standing.iter().filter(|(_, since)| **since < 120_000).collect();
    assert!(old.is_empty(), "never cleared: {old:?}");
    for (prefix, member, limit, low) in [("FUR", "temperature", 850.0, true), ("ODR", "h2s", 0.06, false)] {
        let mut last = BTreeMap::new();
        for (device, _, value) in all.iter().filter(|(d, k, _)| d.starts_with(prefix) && *k == MessageKind::Reading) {
            last.insert(device.clone(), number(&value["values"], member));
        }
        assert!(last.values().all(|v| if low { *v > limit } else { *v < limit }), "{prefix} not back: {last:?}");
    }
}

#[test]
fn without_incidents_nothing_passes_a_limit() {
    let options = SimulateOptions { size: Size { patrol: 0, vehicle: 0, charger: 20, air: 6, circuit: 4 }, ..small() };
    let limits: BTreeMap<(String, String), Vec<(LimitSide, f64)>> = profiles(&options.size, options.seed)
        .into_iter()
        .flat_map(|p| {
            let device = p.device.as_str().to_owned();
            p.points.into_iter().map(move |point| {
                let limits = point.limits.iter().map(|l| (l.side, l.limit)).collect();
                ((device.clone(), point.name.as_str().to_owned()), limits)
            })
        })
        .collect();
    let mut judged = 0;
    for (device, kind, value) in elements(&live(&options, NOON, 4 * 3600, 10_000)) {
        assert!(kind != MessageKind::Alarm, "{device} raised {value}");
        let Some(values) = value["values"].as_object() else { continue };
        for (point, value) in values {
            let value = value.as_f64().expect("number");
            for (side, limit) in &limits[&(device.clone(), point.clone())] {
                judged += 1;
                let passed = if *side == LimitSide::High { value > *limit } else { value < *limit };
                assert!(!passed, "{device} {point} = {value} passes {limit}");
            }
        }
    }
    assert!(judged > 50_000, "{judged}");
}

#[test]
fn lights_follow_dusk_plan_and_dawn() {
    let options = SimulateOptions { size: Size { patrol: 0, vehicle: 0, charger: 0, air: 0, circuit: 10 }, ..small() };
    let lit = |start: i64, seconds: i64| {
        let mut newest = BTreeMap::new();
        for (device, kind, value) in elements(&live(&options, start, seconds, 10_000)) {
            if kind == MessageKind::Status && device.starts_with("L-") {
                newest.insert(device, (value["on"] == true, number(&value, "dim_pct")));
            }
        }
        assert_eq!(newest.len(), 400);
        newest
    };
    let count = |map: &BTreeMap<String, (bool, f64)>| map.values().filter(|(on, _)| *on).count();
    let (_, sunset) = passes(NOON, SUNSET_DEG);
    assert_eq!(count(&lit(sunset - 3_600_000, 90)), 0, "an hour before sunset");
    // The sun needs about fifteen minutes from −0.8° to −3°.
    let dusk = lit(sunset - 300_000, 1800);
    assert!(count(&dusk) >= 390, "{} lit after dusk", count(&dusk));
    assert!(dusk.values().all(|(on, dim)| *dim == if *on { 100.0 } else { 0.0 }));
    let midnight = lit(NOON + 12 * 3_600_000, 90);
    let roads = sites(district(), 10).iter().filter(|s| s.used_for == crate::profiles::lights::Use::Road).count();
    assert!((1..10).contains(&roads));
    let burning = count(&midnight);
    assert!((roads * 40 - 4..=roads * 40).contains(&burning), "{burning} lit at midnight, {roads} road circuits");
    assert!(midnight.values().all(|(on, dim)| *dim == if *on { 60.0 } else { 0.0 }));
}

#[test]
fn the_demo_keeps_a_moderate_rate_and_few_connections() {
    let options = SimulateOptions::default();
    let mut world = World::new(&options, NOON);
    assert!(world.links().len() <= 130, "{} connections", world.links().len());
    let mut said = 0;
    for second in 1..=240 {
        let out = world.step(NOON + second * 1000);
        assert!(out.iter().all(|m| m.link < world.links().len()));
        said += if second > 60 { out.len() } else { 0 };
    }
    let rate = said as f64 / 180.0;
    assert!((100.0..300.0).contains(&rate), "{rate} messages a second");
    let large = SimulateOptions { size: Size::of_devices(20_000), ..options };
    assert!(World::new(&large, NOON).links().len() <= 300);
}

#[test]
fn a_jump_of_the_clock_is_not_made_up_for() {
    let mut world = World::new(&small(), NOON);
    let calm: usize = (1..=10).map(|s| world.step(NOON + s * 1000).len()).sum();
    let later = NOON + 86_400_000;
    let after_sleep = world.step(later);
    assert!(after_sleep.len() < 3 * calm.max(1), "{} messages at once after a day's sleep", after_sleep.len());
    let next = world.step(later + 1000);
    assert!(!next.is_empty());
    for (_, _, value) in elements(&next) {
        let time = value["time"].as_i64().expect("time");
        assert!((later - 1..=later + 1000).contains(&time), "time {} ms after the jump", time - later);
    }
    assert!(world.step(NOON).is_empty(), "a clock set back says nothing twice");
}

#[test]
fn a_faster_world_still_stamps_the_time_on_the_wall() {
    let options = SimulateOptions { speed: 10.0, ..small() };
    let messages = live(&options, NOON, 60, 500);
    let positions = elements(&messages).into_iter().filter(|(_, kind, _)| *kind == MessageKind::Position);
    let mut count = 0;
    for (_, _, value) in positions {
        let time = value["time"].as_i64().expect("time");
        assert!((NOON..=NOON + 60_000).contains(&time));
        count += 1;
    }
    assert!((900..1500).contains(&count), "{count} positions of 20 units in a minute at 1 Hz");
}
