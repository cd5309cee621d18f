use super::*;
use greenhub_model::alarm::AlarmEventKind::{self, *};
use greenhub_model::alarm::AlarmState;
use greenhub_model::kpi::{KpiReport, Peak, Verdict};
use greenhub_model::{AlarmCode, AlarmId, Class, DeviceId, Priority};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Midnight in Shanghai.
const DAY: i64 = 20_000 * DAY_MS - 8 * HOUR;

fn question(from: i64, to: i64) -> Question {
    Question {
        desk: DeskFilter::everything(),
        from,
        to,
        utc_offset_min: 480,
        trend: TrendWidth::Hour,
        flood: FloodRule::default(),
        chatter_raises: 3,
        chatter_window_ms: MINUTE,
        unauthorised_suppression: Some(0),
        unauthorised_change: None,
    }
}

/// A fact about occurrence `n` of a device's alarm.
fn fact(at: i64, device: &str, n: u64, kind: AlarmEventKind, state: AlarmState, called: bool) -> AlarmFact {
    let (device, code) = (DeviceId::new(device).expect("an id"), AlarmCode::new("HOT").expect("a code"));
    AlarmFact {
        batch: 0,
        item: 0,
        at,
        alarm: AlarmId::of(&device, &code, n),
        device_name: format!("{device} 号"),
        device,
        class: Class::Plant,
        code,
        title: "过温".into(),
        sub_district: "东".into(),
        priority: Priority::P3,
        kind,
        state,
        called,
    }
}

fn call(at: i64, device: &str, n: u64) -> AlarmFact {
    fact(at, device, n, Raised, AlarmState::Unacknowledged, true)
}

fn gone(at: i64, device: &str, n: u64) -> AlarmFact {
    fact(at, device, n, Returned, AlarmState::ReturnedUnacknowledged, false)
}

fn run(question: Question, facts: &[AlarmFact]) -> Outcome {
    let mut tally = Tally::new(question);
    facts.iter().for_each(|fact| tally.add(fact));
    tally.finish()
}

fn row(report: &KpiReport, id: &str) -> (Option<f64>, Verdict) {
    let row = report.table.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row {id}"));
    (row.value, row.verdict)
}

#[test]
fn a_day_with_one_bad_ten_minutes() {
    // One call in each ten minutes, a second one in six of them, 41 in the first ten minutes after noon.
    let mut times: Vec<i64> = (0..144).map(|bin| DAY + bin * 10 * MINUTE + 30_000).collect();
    times.extend([8, 31, 54, 78, 101, 124].map(|bin| DAY + bin * 10 * MINUTE + 5 * MINUTE));
    times.extend((0..40).map(|n| DAY + 72 * 10 * MINUTE + MINUTE + n * 10_000));
    times.sort_unstable();
    let facts: Vec<_> = times.iter().enumerate().map(|(n, at)| call(*at, &format!("D-{n}"), 1)).collect();
    let report = run(question(DAY, DAY + DAY_MS), &facts).report;
    assert_eq!((report.called, report.bins.total, report.bins.over), (190, 144, 1));
    assert_eq!(report.peak, Some(Peak { at: DAY + 12 * HOUR, count: 41 }));
    let near = |id: &str, expected: f64| {
        let (value, verdict) = row(&report, id);
        assert!((value.expect("a figure") - expected).abs() < 5e-4, "{id}: {value:?}");
        verdict
    };
    assert_eq!(near("per_10_min", 1.319), Verdict::Manageable);
    assert_eq!(near("per_hour", 7.9167), Verdict::Manageable);
    assert_eq!(near("per_day", 190.0), Verdict::Manageable);
    assert_eq!(near("bins_over", 0.00694), Verdict::Good);
    assert_eq!(near("peak", 41.0), Verdict::Excess);
    assert_eq!(report.trend.len(), 24);
    assert_eq!((report.trend[12].called, report.trend[12].peak), (46, 41), "{:?}", report.trend[12]);
    assert!(report.complete);
}

#[test]
fn what_called_nobody_counts_nowhere() {
    let quiet = [
        fact(DAY + 1, "A", 1, Raised, AlarmState::SuppressedByDesign, false),
        fact(DAY + 2, "B", 1, Raised, AlarmState::Shelved, false),
        fact(DAY + 3, "C", 1, Raised, AlarmState::OutOfService, false),
        fact(DAY + 4, "D", 1, Raised, AlarmState::Unacknowledged, false),
        fact(DAY + 4, "D", 1, Folded, AlarmState::Unacknowledged, false),
        fact(DAY + 5, "E", 1, Repeated, AlarmState::Unacknowledged, false),
    ];
    let report = run(question(DAY, DAY + HOUR), &quiet).report;
    assert_eq!((report.called, report.peak, report.top.len()), (0, None, 0));
    assert_eq!(report.trend.iter().map(|point| point.called).sum::<u64>(), 0);
    let mut with_one = quiet.to_vec();
    with_one.push(fact(DAY + 6, "D", 1, Unfolded, AlarmState::Unacknowledged, true));
    assert_eq!(run(question(DAY, DAY + HOUR), &with_one).report.called, 1, "unfolded, it calls after all");
}

#[test]
fn chattering_is_three_calls_within_a_minute_ends_included() {
    for (seconds, bursts, chattered) in [
        (&[0, 20, 40][..], 1, 3),
        (&[0, 40, 61], 0, 0),
        (&[0, 40, 60], 1, 3),
        (&[0, 100, 130, 155], 1, 3),
        (&[0, 20, 40, 50, 55, 300, 310, 320], 2, 8),
    ] {
        let calls: Vec<_> = seconds.iter().map(|s| call(DAY + s * 1000, "A", 1)).collect();
        let report = run(question(DAY, DAY + HOUR), &calls).report;
        let found = report.chattering.first().map_or((0, 0), |row| (row.bursts.unwrap_or(0), row.count));
        assert_eq!(found, (bursts, chattered), "{seconds:?}");
    }
}

#[test]
fn a_flood_is_timed_by_the_sliding_rule() {
    let calls = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 400, 500, 700, 900, 1100];
    let facts: Vec<_> = calls.iter().map(|s| call(DAY + s * 1000, &format!("D-{s}"), 1)).collect();
    let flood = run(question(DAY, DAY + HOUR), &facts).report.flood;
    assert_eq!((flood.ms, flood.spans.len()), (630_000, 1));
    assert_eq!((flood.spans[0].from, flood.spans[0].to), (DAY + 110_000, Some(DAY + 740_000)));
    assert_eq!(flood.spans[0].called, 18, "eleven began it, seven came while it lasted");
    let cut = run(question(DAY + 200_000, DAY + 600_000), &facts).report.flood;
    assert_eq!((cut.ms, cut.share), (400_000, 1.0), "it began before the period and outlasted it");
    assert_eq!((cut.spans[0].from, cut.spans[0].to, cut.spans[0].called), (DAY + 200_000, None, 2));
}

#[test]
fn fleeting_is_over_within_seconds_and_nobody_acted() {
    let acknowledged = fact(DAY + 5_000, "B", 1, Acknowledged, AlarmState::Acknowledged, false);
    let facts = [
        call(DAY, "A", 1),
        call(DAY, "B", 1),
        call(DAY, "C", 1),
        acknowledged,
        gone(DAY + 9_000, "A", 1),
        gone(DAY + 9_000, "B", 1),
        gone(DAY + 10_001, "C", 1),
        // A burst is chattering, not fleeting.
        call(DAY + HOUR, "D", 1),
        gone(DAY + HOUR + 1_000, "D", 1),
        call(DAY + HOUR + 20_000, "D", 1),
        gone(DAY + HOUR + 21_000, "D", 1),
        call(DAY + HOUR + 40_000, "D", 1),
        gone(DAY + HOUR + 41_000, "D", 1),
    ];
    let report = run(question(DAY, DAY + 2 * HOUR), &facts).report;
    let named: Vec<_> = report.fleeting.iter().map(|row| (row.device.as_str(), row.count)).collect();
    assert_eq!(named, [("A", 1)]);
    assert_eq!(row(&report, "fleeting"), (Some(1.0), Verdict::Manageable));
    assert_eq!(report.chattering.len(), 1);
}

#[test]
fn stale_is_active_and_shown_for_more_than_a_day() {
    let shelved = fact(DAY + 30 * HOUR, "B", 1, Shelved, AlarmState::Shelved, false);
    let facts =
        [call(DAY, "A", 1), call(DAY, "B", 1), call(DAY + HOUR, "C", 1), shelved, gone(DAY + 25 * HOUR, "C", 1)];
    let mut facts = facts.to_vec();
    facts.sort_by_key(|fact| fact.at);
    let report = run(question(DAY + 20 * HOUR, DAY + 3 * DAY_MS), &facts).report;
    let named: Vec<_> = report.stale.iter().map(|row| row.device.as_str()).collect();
    assert_eq!(named, ["A"], "B is shelved, C was over after exactly a day");
    assert_eq!(row(&report, "stale"), (Some(2.0), Verdict::Good), "A and B on the second day");
    let many: Vec<_> = (0..5).map(|n| call(DAY, &format!("D-{n}"), 1)).collect();
    let report = run(question(DAY, DAY + 2 * DAY_MS), &many).report;
    assert_eq!(row(&report, "stale"), (Some(5.0), Verdict::Manageable), "fewer than five are wanted");
}

#[test]
fn responses_are_measured_from_the_call() {
    let mut facts: Vec<_> = (0..10).map(|n| call(DAY, &format!("D-{n}"), 1)).collect();
    facts.extend((0..10).map(|n| {
        let at = DAY + (n + 1) * 1000;
        fact(at, &format!("D-{n}"), 1, Acknowledged, AlarmState::Acknowledged, false)
    }));
    facts.push(fact(DAY + 20_000, "D-0", 1, Acknowledged, AlarmState::Acknowledged, false));
    facts.push(fact(DAY + MINUTE, "D-0", 1, Returned, AlarmState::Normal, false));
    let report = run(question(DAY, DAY + HOUR), &facts).report;
    let all = &report.acknowledge[0];
    assert_eq!((all.count, all.median_ms, all.p90_ms), (10, Some(5_000), Some(9_000)), "a second one measures nothing");
    assert_eq!(report.acknowledge[3], greenhub_model::kpi::Took { priority: Some(Priority::P3), ..all.clone() });
    assert_eq!(report.acknowledge[1].count, 0);
    assert_eq!((report.r#return[0].count, report.r#return[0].median_ms), (1, Some(MINUTE)));
    let later = run(question(DAY + 5_500, DAY + HOUR), &facts).report;
    assert_eq!((later.called, later.acknowledge[0].count), (0, 5), "called before, acknowledged within the period");
}

#[test]
fn a_desk_counts_its_own() {
    let mut facts = vec![call(DAY, "A", 1), call(DAY + 1, "B", 1), call(DAY + 2, "C", 1)];
    facts[1].class = Class::Light;
    facts[2].sub_district = "西".into();
    let desk = DeskFilter {
        id: "plant".into(),
        title: "值班台".into(),
        classes: vec![Class::Plant],
        sub_districts: vec!["东".into()],
    };
    let outcome = run(Question { desk, ..question(DAY, DAY + HOUR) }, &facts);
    assert_eq!((outcome.report.called, outcome.standing.len()), (1, 1));
    assert_eq!(outcome.report.desk.title, "值班台");
    assert_eq!(run(question(DAY, DAY + HOUR), &facts).report.called, 3);
}

#[test]
fn what_stands_at_the_end_is_told_as_it_stood_then() {
    let mut urgent = call(DAY + 1, "B", 1);
    urgent.priority = Priority::P1;
    let facts = [
        call(DAY - 3 * HOUR, "A", 1),
        urgent,
        call(DAY + 2, "C", 1),
        fact(DAY + 3, "C", 1, Folded, AlarmState::Unacknowledged, false),
        call(DAY + 4, "D", 1),
        fact(DAY + 5, "D", 1, Acknowledged, AlarmState::Acknowledged, false),
        fact(DAY + 6, "D", 1, Returned, AlarmState::Normal, false),
        fact(DAY + HOUR, "A", 1, Acknowledged, AlarmState::Acknowledged, false),
    ];
    let outcome = run(question(DAY, DAY + HOUR), &facts);
    let names: Vec<_> = outcome.standing.iter().map(|row| (row.device.as_str(), row.folded)).collect();
    assert_eq!(names, [("B", false), ("A", false), ("C", true)]);
    assert_eq!((outcome.standing[1].since, outcome.standing[1].acknowledged), (DAY - 3 * HOUR, false));
    assert_eq!(outcome.report.called, 3, "the call before the period is not counted");
    let later = run(question(DAY, DAY + HOUR + 1), &facts);
    assert!(later.standing[1].acknowledged);
}

#[test]
fn a_report_that_stops_reading_says_so_and_ends_there() {
    let mut tally = Tally::new(question(DAY, DAY + 10 * HOUR));
    tally.add(&call(DAY + MINUTE, "A", 1));
    tally.cut(DAY + HOUR);
    let report = tally.finish().report;
    assert_eq!((report.to, report.complete, report.trend.len(), report.bins.total), (DAY + HOUR, false, 1, 6));
    assert_eq!(row(&report, "per_hour").0, Some(1.0));
    let long = run(question(DAY, DAY + 500 * DAY_MS), &[]).report;
    assert_eq!((long.to - long.from, long.complete), (PERIOD_MS_MAX, false));
}

#[test]
fn verdicts_follow_targets() {
    let report = run(question(DAY, DAY + HOUR), &[]).report;
    for id in ["per_hour", "per_10_min", "bins_over", "peak", "flood", "top_share", "stale", "unauthorised_suppression"]
    {
        assert_eq!(row(&report, id), (Some(0.0), Verdict::Good), "{id}");
    }
    assert_eq!(row(&report, "unauthorised_change"), (None, Verdict::Unknown));
    assert!(report.priorities.iter().all(|row| row.verdict == Verdict::Unknown));
    let busy: Vec<_> = (0..13).map(|n| call(DAY + n * MINUTE, "A", 1)).collect();
    let report = run(question(DAY, DAY + HOUR), &busy).report;
    assert_eq!(row(&report, "per_hour"), (Some(13.0), Verdict::Excess));
    assert_eq!(row(&report, "top_share"), (Some(1.0), Verdict::Manageable));
    assert_eq!((report.top[0].count, report.top[0].share), (13, 1.0));
    assert_eq!(report.priorities[2].verdict, Verdict::Manageable, "all calls in P3");
}

proptest! {
    /// Against a naive recount of the whole list.
    #[test]
    fn counts_equal_a_naive_recount(steps in prop::collection::vec((0i64..90_000, 0usize..8, any::<bool>()), 0..200)) {
        let mut at = DAY - HOUR;
        let mut facts = vec![];
        for (step, device, called) in steps {
            at += step;
            facts.push(fact(at, &format!("D-{device}"), 1, Raised, AlarmState::Unacknowledged, called));
        }
        let (from, to) = (DAY, DAY + 2 * HOUR);
        let report = run(question(from, to), &facts).report;
        let calls: Vec<_> = facts.iter().filter(|f| f.called && f.at < to).collect();
        let inside: Vec<_> = calls.iter().filter(|f| f.at >= from).collect();
        prop_assert_eq!(report.called, inside.len() as u64);
        let in_bin = |bin: i64| inside.iter().filter(|f| (f.at - from) / BIN_MS == bin).count() as u64;
        prop_assert_eq!(report.peak.map_or(0, |p| p.count), (0..12).map(in_bin).max().unwrap_or(0));
        prop_assert_eq!(report.bins.over, (0..12).filter(|bin| in_bin(*bin) > 10).count() as u64);
        prop_assert_eq!(report.trend.iter().map(|p| p.called).sum::<u64>(), report.called);
        prop_assert_eq!(report.top.iter().map(|row| row.count).sum::<u64>(), report.called);
        // Flood, second by second of nothing but the definition.
        let in_window = |now: i64| calls.iter().filter(|f| f.at <= now && now - f.at < 600_000).count();
        let (mut flooded, mut ms) = (false, 0);
        let mut edges: Vec<i64> = calls.iter().flat_map(|f| [f.at, f.at + 600_000]).chain([from, to]).collect();
        edges.sort_unstable();
        edges.dedup();
        for pair in edges.windows(2) {
            let count = in_window(pair[0]);
            flooded = if flooded { count >= 5 } else { count > 10 };
            if flooded {
                ms += (pair[1].min(to) - pair[0].max(from)).max(0);
            }
        }
        prop_assert_eq!(report.flood.ms, ms);
    }
}
