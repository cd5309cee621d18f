//! Both sets of rules in one pass over the log say, byte by byte, what two passes one after the other say.

use crate::equality::whole_shift;
use crate::kit::{District, START_MS, decoder, message, recorded};
use crate::watches;
use greenhub_alarms::RuleSet;
use greenhub_model::{Batch, ReceivedTime, Record, RecordKind};
use greenhub_streams::{ReplayOptions, ReplayReport, replay};
use serde_json::json;

/// Devices that nobody registered, that come and go under one name, whose clocks are wrong, and that cannot be read; with
/// commands of people between.
fn coming_and_going() -> District {
    let district = District::new();
    district.register("plant", "E-1");
    for step in 0..30i64 {
        let ms = step * 20_000;
        district.at(ms);
        let reading = |age: i64, h2s: f64| format!(r#"{{"time":{},"values":{{"h2s":{h2s}}}}}"#, START_MS + ms - age);
        let h2s = if step % 10 > 4 { 0.2 } else { 0.01 };
        let (own, late) = (reading(100, h2s), reading(90_000, 0.3));
        let (ahead, dark) = (reading(-30_000, h2s), r#"{"code":"FAN_FAULT","active":true}"#);
        let mut records = vec![
            message("greenhub/v1/plant/E-1/reading", &own),
            message("greenhub/v1/plant/E-2/reading", &late),
            message("greenhub/v1/plant/E-2/reading", &ahead),
            message("greenhub/v1/plant/E-3/reading", &own),
            message("greenhub/v1/light/E-1/status", r#"{"on":true}"#),
            message("greenhub/v1/plant/E-2/alarm", dark),
            message("greenhub/v1/plant/E-2/command", "{}"),
            message("greenhub/v1/plant/E-2/reading", r#"{"values":{"h2s":"much"}}"#),
        ];
        // E-2 comes of itself, E-3 only for a while.
        records[1].unregistered = true;
        records[2].unregistered = true;
        records[3].unregistered = step < 12;
        district.append(&records);
        match step {
            7 => district.config(&json!({ "change": "remove_device", "device": "E-2" })),
            11 => district.config(&json!({ "change": "remove_device", "device": "E-3" })),
            13 => district.register("light", "E-1"),
            15 => district.register("plant", "E-1"),
            17 => district.register("plant", "E-3"),
            18 => district.config(&json!({ "change": "nothing that is known" })),
            19 => district.command(&json!({ "request_id": "r1", "by": "anna", "role": "dispatcher",
                "command": { "verb": "acknowledge", "alarm": "E-1.H2S_HIGH.3" } })),
            20 => district.command(&json!({ "request_id": "r2" })),
            21 => district.append(&[Record::own(RecordKind::Config, "admin", b"no json")]),
            _ => 0,
        };
    }
    for minutes in [11, 12, 25, 40] {
        district.at(minutes * 60_000).append(&[Record::own(RecordKind::Tick, "hub", &[])]);
    }
    district
}

/// Candidates that differ from the built-in rules in one thing each.
fn candidates() -> Vec<(&'static str, RuleSet)> {
    let one = |change: fn(&mut RuleSet)| {
        let mut rules = RuleSet { version: 7, ..RuleSet::builtin() };
        change(&mut rules);
        rules
    };
    let watched = RuleSet { version: 8, ..watches::rules() };
    vec![
        ("the same", one(|_| {})),
        ("no delays", one(|r| r.limits.iter_mut().for_each(|l| (l.on_delay_ms, l.off_delay_ms) = (0, 0)))),
        ("lower limits", one(|r| r.limits.iter_mut().for_each(|l| l.limit *= 0.5))),
        ("time", one(|r| (r.time.late_after_ms, r.time.future_after_ms) = (60_000, 5_000))),
        ("patience", one(|r| r.classes.values_mut().for_each(|c| c.offline_after_ms = 60_000))),
        ("no correlation", one(|r| r.correlate = Default::default())),
        ("watches and fences", watched),
    ]
}

fn check(name: &str, batches: &[Batch], options: &ReplayOptions) -> ReplayReport {
    let run = |apart: bool, workers: usize| {
        let options = ReplayOptions { apart, workers, is_backtest: true, ..options.clone() };
        replay(|| Ok(recorded(batches)), None, decoder(), &options).expect("runs")
    };
    let (together, apart) = (run(false, 1), run(true, 1));
    let bytes = |report: &ReplayReport| serde_json::to_string_pretty(report).expect("JSON");
    assert_eq!(bytes(&together), bytes(&apart), "{name}");
    assert_eq!(together, run(false, 2), "{name}, two workers");
    together
}

#[test]
fn one_pass_says_what_two_passes_say() {
    let logs = [
        ("shift", whole_shift().1),
        ("watches", watches::minute().batches()),
        ("coming and going", coming_and_going().batches()),
    ];
    let (mut alarms, mut differ, mut refused) = (0, 0, 0);
    for (log, batches) in &logs {
        for (candidate, rules) in candidates() {
            let options =
                ReplayOptions { against: Some(RuleSet::builtin()), rules: Some(rules), ..ReplayOptions::default() };
            let report = check(&format!("{log}, {candidate}"), batches, &options);
            let at = |seconds: i64| Some(ReceivedTime::from_millis(START_MS + seconds * 1_000));
            let stretch = ReplayOptions { from: at(40), warm: at(20), to: at(300), ..options };
            check(&format!("{log}, {candidate}, a stretch"), batches, &stretch);
            let comparison = &report.candidate.as_ref().expect("a candidate").comparison;
            alarms += report.alarms.len();
            differ += comparison.gained.len() + comparison.lost.len() + comparison.changed.len();
            refused += report.counts.iter().map(|counts| counts.quarantined).sum::<u64>();
            assert!(report.outputs > report.alarms.len() as u64, "what is not made is counted: {}", report.outputs);
        }
    }
    assert!(alarms > 50 && differ > 20 && refused > 200, "{alarms} alarms, {differ} differ, {refused} refused");
}
