//! A back-test: nothing but the candidate makes a difference, a stretch is run without what lies before it, and a log whose
//! beginning is gone is run with the registrations of the newest snapshot.

use crate::kit::{District, START_MS, decoder, recorded};
use greenhub_alarms::RuleSet;
use greenhub_model::{ReceivedTime, Record, RecordKind};
use greenhub_storage::snapshot::{Snapshot, SnapshotStore};
use greenhub_streams::{Recorded, ReplayOptions, ReplayReport, replay, rules_recorded};
use serde_json::json;
use std::time::Duration;

const MINUTE: i64 = 60_000;

/// A sensor that stinks for half a minute every ten minutes, for two hours; the built-in on-delay is a minute. After an
/// hour other rules come into the log, which would raise each time.
fn nose() -> District {
    let district = District::new();
    district.register_as(json!({ "device": "N-1", "class": "plant", "name": "厂界鼻子" }));
    for step in 0..240i64 {
        let ms = step * MINUTE / 2;
        district.at(ms);
        let value = if step % 20 == 7 { 0.5 } else { 0.01 };
        let body = format!(r#"{{"time":{},"values":{{"h2s":{value}}}}}"#, START_MS + ms);
        district.send("greenhub/v1/plant/N-1/reading", &body);
        if step == 120 {
            district.config(&json!({ "change": "rules", "rules": hasty(9) }));
        }
    }
    district
}

/// The built-in rules without delays.
fn hasty(version: u64) -> RuleSet {
    let mut rules = RuleSet { version, ..RuleSet::builtin() };
    rules.limits.iter_mut().for_each(|limit| (limit.on_delay_ms, limit.off_delay_ms) = (0, 0));
    rules
}

fn run(source: impl Fn() -> Recorded, snapshot: Option<&Snapshot>, options: &ReplayOptions) -> ReplayReport {
    replay(|| Ok(source()), snapshot, decoder(), options).expect("runs")
}

fn options(rules: RuleSet) -> ReplayOptions {
    let against = Some(RuleSet::builtin());
    ReplayOptions { against, rules: Some(rules), is_backtest: true, ..ReplayOptions::default() }
}

#[test]
fn nothing_but_the_candidate_makes_a_difference() {
    let batches = nose().batches();
    let source = || recorded(&batches);
    let alike = run(source, None, &options(RuleSet { version: 2, ..RuleSet::builtin() }));
    let none = alike.candidate.expect("a candidate").comparison;
    assert!(none.gained.is_empty() && none.lost.is_empty() && none.changed.is_empty(), "{none:?}");
    assert_eq!(alike.kpi.annunciations, 0, "rules of the log are passed over: {:?}", alike.kpi);
    let report = run(source, None, &options(hasty(2)));
    let candidate = report.candidate.expect("a candidate");
    let gained = candidate.comparison.gained;
    assert!(!gained.is_empty() && gained.iter().all(|alarm| alarm.device_name == "厂界鼻子"), "{gained:?}");
    assert_eq!(gained[0].raised_at, START_MS + 7 * MINUTE / 2);
    assert_eq!(candidate.kpi.annunciations, 12, "each time somebody is called: {:?}", candidate.kpi);
    assert_eq!((candidate.kpi.peak_10min, candidate.kpi.per_hour.round()), (1, 6.0));
    assert_eq!(candidate.kpi.top[0].annunciations, 12);
    assert_eq!(candidate.kpi.by_priority.values().sum::<u64>(), candidate.kpi.alarms);
}

#[test]
fn what_devices_said_before_the_stretch_is_not_run_but_who_they_are_is() {
    let batches = nose().batches();
    let at = |minutes: i64| Some(ReceivedTime::from_millis(START_MS + minutes * MINUTE));
    let short = ReplayOptions { from: at(60), warm: at(50), ..options(hasty(2)) };
    let report = run(|| recorded(&batches), None, &short);
    let candidate = report.candidate.expect("a candidate");
    assert_eq!(candidate.kpi.annunciations, 6, "{:?}", candidate.kpi);
    assert!(candidate.comparison.gained.iter().all(|alarm| alarm.device_name == "厂界鼻子"));
    assert_eq!(report.batches, 121, "the second hour, with the rules that came in it");
    let all = ReplayOptions { from: at(60), ..options(hasty(2)) };
    let whole = run(|| recorded(&batches), None, &all);
    assert_eq!(whole.candidate.expect("a candidate").kpi, candidate.kpi, "ten minutes are warm enough here");
}

#[test]
fn a_log_without_its_beginning_is_run_with_the_registrations_of_a_snapshot() {
    let district = nose();
    let batches = district.batches();
    let last = district.log.committed().batch;
    let mut hub = district.hub_with(1, Duration::ZERO);
    hub.until(last);
    while hub.handle.snapshot() < last {
        let tick = district.append(&[Record::own(RecordKind::Tick, "hub", &[])]);
        hub.until(tick);
    }
    assert_eq!(hub.handle.rules().map(|rules| rules.version), Some(9), "what runs is shown");
    hub.handle.stop().expect("stops");
    let store = SnapshotStore::open(district.dir.path().join("snapshots")).expect("a directory");
    let newest = store.newest().expect("readable").expect("there");
    let later: Vec<_> = batches.iter().filter(|batch| batch.number > 100).cloned().collect();
    let report = run(|| recorded(&later), Some(&newest), &options(hasty(2)));
    let candidate = report.candidate.expect("a candidate");
    let gained = candidate.comparison.gained;
    assert!(!gained.is_empty(), "readings older than the snapshot are judged all the same");
    assert!(gained.iter().all(|alarm| alarm.device_name == "厂界鼻子"), "{gained:?}");
}

#[test]
fn the_log_says_with_which_rules_it_ends() {
    let district = District::new();
    let ends = || rules_recorded(None, recorded(&district.batches())).expect("readable").map(|rules| rules.version);
    district.register("patrol", "P-1");
    assert_eq!(ends(), None);
    district.config(&json!({ "change": "rules", "rules": hasty(3) }));
    district.send("greenhub/v1/patrol/P-1/status", r#"{"online":true}"#);
    assert_eq!(ends(), Some(3));
    district.config(&json!({ "change": "rules", "rules": { "version": 8 } }));
    assert_eq!(ends(), Some(3), "what the dataflow sets aside is not in force");
}
