//! What makes a replay a proof: the same outputs whatever the number of workers, and a restart between any two batches
//! that nobody can see in them.

use crate::kit::{District, PATIENCE, START_MS, TestClock, decoder, eventually, message, open_log, recorded};
use crossbeam_channel::bounded;
use greenhub_alarms::RuleSet;
use greenhub_model::ledger::Counts;
use greenhub_model::{Batch, BatchOutput, Channel, Output, Record, RecordKind};
use greenhub_storage::log::Burst;
use greenhub_storage::snapshot::SnapshotStore;
use greenhub_streams::{RESTORED_BY, ReplayOptions, ReplayReport, Streams, StreamsConfig, replay, run_recorded};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A shift of a small district: everything that keeps state, in a log of its own.
fn shift() -> District {
    let district = District::new();
    for n in 0..6 {
        district.register("patrol", &format!("P-{n}"));
    }
    district.register_as(json!({ "device": "F-1", "class": "plant", "name": "焚烧炉", "kind": "furnace",
        "place": { "lon": 121.41, "lat": 31.21 },
        "points": [{ "name": "bearing", "label": "轴承温度", "unit": "Cel",
            "limits": [{ "code": "BEARING_HOT", "side": "high", "limit": 90.0, "deadband": 2.0, "on_delay_ms": 4000,
                "off_delay_ms": 2000, "severity": "major" }] }] }));
    district.register("charger", "C-1");
    district.register_as(json!({ "device": "K-1", "class": "light", "kind": "circuit" }));
    for n in 0..4 {
        district.register_as(json!({ "device": format!("L-{n}"), "class": "light", "parent": "K-1" }));
    }
    let status = |ms: i64, rest: &str| format!("{{\"time\": {}, {rest}}}", START_MS + ms);
    for step in 0..40i64 {
        let ms = step * 2_000;
        district.at(ms);
        let mut topics = Vec::new();
        for n in 0..6i64 {
            // A third of the units buffers and uploads late, in no good order.
            let age = if n % 3 == 0 { (step % 5) * 50_000 } else { 100 };
            let (lon, lat) = (121.40 + 0.000_1 * step as f64 + 0.01 * n as f64, 31.2 + 0.000_07 * (step * n) as f64);
            let sos = n == 3 && (10..14).contains(&step);
            let rest =
                format!("\"lon\": {lon}, \"lat\": {lat}, \"speed_kmh\": {}, \"sos\": {sos}", 3.3 + n as f64 / 7.0);
            topics.push((format!("greenhub/v1/patrol/P-{n}/position"), status(ms - age, &rest)));
        }
        let temperature = if (8..16).contains(&step) || (20..30).contains(&step) { 95.3 } else { 70.1 };
        let reading = format!("\"values\": {{\"bearing\": {temperature}, \"load\": 0.1}}");
        topics.push(("greenhub/v1/plant/F-1/reading".into(), status(ms - 50, &reading)));
        if step % 6 == 0 {
            let alarm = format!("\"code\": \"OVER_TEMPERATURE\", \"active\": {}, \"value\": 91.5", step % 12 == 0);
            topics.push(("greenhub/v1/charger/C-1/alarm".into(), status(ms, &alarm)));
        }
        // Lamps say that their supply is gone, some before and some after their circuit does; then all is well again.
        let lamps = [(22, 0), (22, 1), (23, 2), (24, 3), (30, 0), (30, 1), (30, 2), (30, 3)];
        for (_, n) in lamps.into_iter().filter(|(at, _)| *at == step) {
            let alarm = format!("\"code\": \"SUPPLY_LOSS\", \"active\": {}", step < 30);
            topics.push((format!("greenhub/v1/light/L-{n}/alarm"), status(ms, &alarm)));
        }
        if step == 23 || step == 31 {
            let alarm = format!("\"code\": \"CIRCUIT_TRIP\", \"active\": {}", step < 30);
            topics.push(("greenhub/v1/light/K-1/alarm".into(), status(ms, &alarm)));
        }
        topics.push(("greenhub/v1/charger/C-1/status".into(), status(ms, "\"online\": true, \"firmware\": \"1.2\"")));
        topics.push((format!("nonsense/{step}"), "{}".into()));
        topics.push(("greenhub/v1/patrol/P-1/position".into(), "{\"lon\": 1e400}".into()));
        let records: Vec<Record<'_>> = topics.iter().map(|(topic, payload)| message(topic, payload)).collect();
        district.append(&records);
        if step == 18 {
            let mut rules = RuleSet::builtin();
            rules.version += 1;
            rules.classes.values_mut().for_each(|class| class.silent_after_ms = 5_000);
            district.config(&json!({ "change": "rules", "rules": rules }));
        }
        if step == 25 {
            district.config(&json!({ "change": "remove_device", "device": "P-5" }));
        }
    }
    for ms in [90_000, 98_000, 107_000, 116_000] {
        district.at(ms).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    }
    district
}

/// A human command about an alarm that the shift raises, put into the log where the alarm is known.
fn acknowledge_all(district: &District, report: &ReplayReport) {
    for (n, alarm) in report.alarms.iter().enumerate() {
        district.command(&json!({ "request_id": format!("r{n}"), "by": "anna", "role": "dispatcher",
            "command": { "verb": "acknowledge", "alarm": alarm.alarm, "comment": "收到" } }));
    }
}

pub fn run(batches: &[Batch], workers: usize) -> ReplayReport {
    let options = ReplayOptions { workers, ..ReplayOptions::default() };
    replay(|| Ok(recorded(batches)), None, decoder(), &options).expect("replays")
}

pub fn whole_shift() -> (District, Vec<Batch>, ReplayReport) {
    let district = shift();
    let report = run(&district.batches(), 1);
    acknowledge_all(&district, &report);
    let batches = district.batches();
    let report = run(&batches, 1);
    (district, batches, report)
}

#[test]
fn a_replay_is_the_same_twice_and_on_one_two_or_three_workers() {
    let (_district, batches, report) = whole_shift();
    assert!(report.alarms.len() >= 3, "the shift has alarms: {:?}", report.alarms);
    assert!(report.outputs > 500, "{}", report.outputs);
    for workers in [1, 2, 3] {
        assert_eq!(run(&batches, workers), report, "{workers} workers");
    }
    // The hash is no constant: it sees one changed byte.
    let mut other = batches.clone();
    let bytes = Arc::make_mut(&mut other[20].bytes);
    let speed = bytes.windows(9).position(|w| w == b"speed_kmh").expect("a position");
    bytes[speed + 12] ^= 1;
    assert_ne!(run(&other, 1).output_hash, report.output_hash);
}

#[test]
fn a_replay_of_the_directory_equals_the_replay_of_the_log() {
    let (district, _batches, report) = whole_shift();
    let before = files(district.dir.path());
    let dir = district.dir.path().join("log");
    let open = || Ok(greenhub_streams::Offline(greenhub_storage::log::OfflineReader::open(&dir, 0)?));
    let offline = replay(open, None, decoder(), &ReplayOptions::default()).expect("replays");
    assert_eq!(offline, report);
    assert_eq!(files(district.dir.path()), before, "a replay writes nothing");
}

fn files(dir: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory").map(|e| e.expect("an entry")) {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.push((entry.path(), entry.metadata().expect("a file").len()));
        }
    }
    all.sort();
    all
}

#[test]
fn from_and_to_cut_the_report_and_not_the_state() {
    let (_district, batches, whole) = whole_shift();
    let middle = batches[30].received;
    let part = |from, to| {
        let options = ReplayOptions { from, to, ..ReplayOptions::default() };
        replay(|| Ok(recorded(&batches)), None, decoder(), &options).expect("replays")
    };
    let (first, second) = (part(None, Some(middle)), part(Some(middle), None));
    assert_eq!(first.batches + second.batches, whole.batches);
    assert_eq!(first.records + second.records, whole.records);
    assert_eq!(first.outputs + second.outputs, whole.outputs);
    assert!(second.counts[Channel::Mqtt as usize].applied > 0);
    assert_eq!(second.span.map(|s| s.0), Some(middle));
    assert_eq!(part(None, None), whole);
}

#[test]
fn candidate_rules_show_what_they_would_have_changed() {
    let (_district, batches, whole) = whole_shift();
    let mut candidate = RuleSet::builtin();
    candidate.version = 77;
    let compare = |rules: &RuleSet| {
        let options = ReplayOptions { rules: Some(rules.clone()), ..ReplayOptions::default() };
        let report = replay(|| Ok(recorded(&batches)), None, decoder(), &options).expect("replays");
        assert_eq!(report.output_hash, whole.output_hash, "the rules of the time say what they said");
        report.candidate.expect("a candidate was given")
    };
    // A limit on what nobody limited: the load of the furnace is always 0.1.
    candidate.limits.push(
        serde_json::from_value(json!({ "class": "plant", "point": "load", "code": "PLANT_IDLE", "side": "low",
            "limit": 0.5, "severity": "minor" }))
        .expect("a limit"),
    );
    let gained = compare(&candidate);
    assert_eq!(gained.version, 77);
    let codes: Vec<&str> = gained.comparison.gained.iter().map(|a| a.code.as_str()).collect();
    assert_eq!(codes, ["PLANT_IDLE"]);
    assert!(gained.comparison.lost.is_empty());

    // Another severity of an SOS changes it, and neither adds nor removes one.
    let mut milder = RuleSet::builtin();
    let sos = milder.types.get_mut(&greenhub_model::Class::Patrol).and_then(|t| t.get_mut("SOS")).expect("a type");
    sos.severity = greenhub_model::Severity::Minor;
    let changed = compare(&milder).comparison;
    let codes: Vec<&str> = changed.changed.iter().map(|c| c.was.code.as_str()).collect();
    assert!(codes.contains(&"SOS"), "{codes:?}");
    assert!(changed.gained.is_empty() && changed.lost.is_empty(), "{changed:?}");
}

/// The outputs of a run that is stopped and started again after every `every`th batch, with `workers` in turn.
pub fn interrupted(batches: &[Batch], every: usize, workers: &[usize]) -> Vec<BatchOutput> {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = TestClock::at(START_MS);
    // A second log, grown part by part, so that each stop falls on the boundary we mean.
    let log = open_log(dir.path(), clock.clone());
    let mut outputs: Vec<BatchOutput> = Vec::new();
    let sinks_at = Arc::new(AtomicU64::new(0));
    for (round, part) in batches.chunks(every).enumerate() {
        for batch in part {
            clock.set(batch.received.millis());
            let mut burst = Burst::new();
            batch.records().for_each(|record| burst.push(&record.expect("whole").1).expect("small"));
            let ticket = log.try_append(&burst).expect("room");
            ticket.wait(PATIENCE).expect("in time").expect("committed");
        }
        let last = log.committed().batch;
        let (sender, receiver) = bounded(1024);
        let asked = sinks_at.clone();
        let handle = Streams::start(
            StreamsConfig {
                workers: workers[round % workers.len()],
                snapshot_every: Duration::ZERO,
                tick_every: Duration::MAX,
            },
            log.clone(),
            decoder(),
            SnapshotStore::open(dir.path().join("snapshots")).expect("a directory"),
            sender,
            Arc::new(move || asked.load(Ordering::SeqCst)),
        )
        .expect("starts");
        let began = handle.snapshot();
        eventually("the part's last batch and a newer snapshot", || {
            assert_eq!(handle.failure(), None, "the dataflow runs");
            while let Ok(output) = receiver.try_recv() {
                sinks_at.fetch_max(output.batch, Ordering::SeqCst);
                if output.batch > outputs.last().map_or(0, |o| o.batch) {
                    outputs.push(BatchOutput::clone(&output));
                }
            }
            outputs.last().is_some_and(|o| o.batch >= last) && handle.snapshot() > began
        });
        handle.stop().expect("stops in peace");
    }
    outputs
}

#[test]
fn a_restart_at_every_batch_boundary_cannot_be_seen_in_the_outputs() {
    let (_district, batches, _) = whole_shift();
    let whole = run_recorded(batches.clone(), decoder(), 1).expect("runs");
    for (every, workers) in [(1, &[1usize][..]), (4, &[1, 2, 3][..])] {
        let parts = interrupted(&batches, every, workers);
        for (whole, part) in whole.iter().zip(&parts) {
            assert_eq!(whole, part, "stopped after every {every} batches");
        }
        assert_eq!(whole.len(), parts.len());
    }
}

#[test]
fn the_first_output_after_a_restart_makes_live_views_whole() {
    let district = shift();
    let last = district.log.committed().batch;
    let mut hub = district.hub_with(1, Duration::ZERO);
    hub.until(last);
    while hub.handle.snapshot() < last {
        let tick = district.append(&[Record::own(RecordKind::Tick, "hub", &[])]);
        hub.until(tick);
    }
    let published = hub.handle.snapshot();
    let mut newest = BTreeMap::new();
    for item in hub.seen.iter().filter(|o| o.batch <= published).flat_map(|o| &o.items) {
        match item {
            Output::Unit(view) => drop(newest.insert(view.id.clone(), item.clone())),
            Output::Device(view) => drop(newest.insert(view.id.clone(), item.clone())),
            Output::Removed { device, .. } => drop(newest.remove(device)),
            _ => {}
        }
    }
    hub.handle.stop().expect("stops");

    let mut again = district.hub(2);
    again.until(1);
    let restored = again.seen[0].clone();
    assert!(restored.batch >= published);
    let is_view = |item: &&Output| matches!(item, Output::Unit(_) | Output::Device(_));
    let views: Vec<Output> = restored.items.iter().filter(is_view).cloned().collect();
    assert_eq!(views, newest.into_values().collect::<Vec<_>>(), "every device as it last showed itself");
    assert_eq!(views.len(), 12, "six units less one, a furnace, a pile, a circuit and its lamps");
    let alarms = restored.items.iter().filter_map(|item| match item {
        Output::Alarm(change) => Some((change.alarm.code.as_str(), change.event.by.as_str())),
        _ => None,
    });
    let alarms: Vec<(&str, &str)> = alarms.collect();
    assert!(alarms.contains(&("SOS", RESTORED_BY)) && alarms.iter().all(|a| a.1 == RESTORED_BY), "{alarms:?}");
    assert_eq!(restored.counts, [Counts::default(); Channel::ALL.len()]);
}

#[test]
fn a_snapshot_counts_only_when_every_sink_is_past_it() {
    let district = District::new();
    district.register("patrol", "P-1");
    let mut hub = district.hub_with(1, Duration::ZERO);
    // The sinks commit nothing.
    let end = district.at(1_000).send("greenhub/v1/patrol/P-1/status", "{}");
    eventually("the output", || hub.handle.applied() >= end);
    while let Ok(output) = hub.outputs.try_recv() {
        hub.seen.push(output);
    }
    assert_eq!(hub.handle.snapshot(), 0);
    assert_eq!(district.log.status().holds.iter().find(|(name, _)| *name == "streams").map(|(_, at)| *at), Some(0));
    hub.sinks_at.store(end, Ordering::SeqCst);
    eventually("the snapshot", || hub.handle.snapshot() > 0);
    assert!(hub.handle.snapshot() <= end);
    hub.handle.stop().expect("stops");
}
