//! Vectors, scenarios, the naive reference, and a restart between any two steps.

use super::reference::Naive;
use super::*;
use proptest::prelude::*;

fn rule(side: LimitSide, limit: f64, deadband: f64, on_delay_s: i64, off_delay_s: i64) -> LimitRule {
    LimitRule {
        class: Class::Plant,
        kind: None,
        point: PointName::new("p").expect("grammar"),
        code: AlarmCode::new("C").expect("grammar"),
        side,
        limit,
        deadband,
        on_delay_ms: on_delay_s * 1000,
        off_delay_ms: off_delay_s * 1000,
        severity: Severity::Major,
        unit: None,
    }
}

fn sample(second: i64, value: f64) -> Sample {
    Sample {
        time: DeviceTime(second * 1000),
        received: ReceivedTime::from_millis(second * 1000),
        value,
        quality: Quality::Good,
        late: false,
    }
}

/// Runs samples (second, value), time passing every second until `end`; a restart between any two steps.
fn run(rule: &LimitRule, samples: &[(i64, f64)], end: i64) -> Vec<(i64, bool)> {
    let mut memory = LimitMemory::default();
    let mut edges = vec![];
    let restart = |memory: &LimitMemory| -> LimitMemory {
        let bytes = serde_json::to_vec(memory).expect("plain data");
        serde_json::from_slice(&bytes).expect("its own bytes")
    };
    for second in 0..=end {
        let due = deadline(rule, &memory);
        let passed = advance(rule, &mut memory, ReceivedTime::from_millis(second * 1000));
        assert_eq!(passed.is_some(), due.is_some_and(|at| at.millis() <= second * 1000), "the deadline keeps its word");
        edges.extend(passed);
        memory = restart(&memory);
        for (_, value) in samples.iter().filter(|(at, _)| *at == second) {
            edges.extend(judge(rule, &mut memory, sample(second, *value)).edge());
            memory = restart(&memory);
        }
    }
    edges.iter().map(|edge| (edge.at / 1000, edge.active)).collect()
}

/// Name, rule, samples, edges.
type Row = (&'static str, LimitRule, Vec<(i64, f64)>, Vec<(i64, bool)>);

#[test]
fn the_published_series_give_the_published_transitions() {
    use LimitSide::{High, Low};
    let noisy: Vec<(i64, f64)> = [84.0, 86.0, 84.5, 86.2, 84.4, 86.1, 84.9, 85.6, 84.2, 86.0, 83.0, 82.5]
        .iter()
        .enumerate()
        .map(|(n, value)| (n as i64 * 5, *value))
        .collect();
    let excursion = [(0, 80.0), (5, 90.0), (10, 91.0), (15, 92.0), (20, 90.0), (25, 80.0), (30, 80.0)];
    let every =
        |values: &[f64]| -> Vec<(i64, f64)> { values.iter().enumerate().map(|(n, v)| (n as i64 * 5, *v)).collect() };
    let dip: Vec<f64> = [[90.0].repeat(3), [80.0].repeat(6), [90.0].repeat(3), [80.0].repeat(14)].concat();
    let chatter: Vec<(i64, bool)> = (1..=10).map(|n| (n * 5, n % 2 == 1)).collect();
    let table: Vec<Row> = vec![
        ("no deadband, no delay: chatters", rule(High, 85.0, 0.0, 0, 0), noisy.clone(), chatter),
        ("deadband 2: one alarm", rule(High, 85.0, 2.0, 0, 0), noisy, vec![(5, true), (50, false)]),
        (
            "on delay 15 s hides a 10 s spike",
            rule(High, 85.0, 2.0, 15, 0),
            every(&[80.0, 90.0, 91.0, 80.0, 80.0]),
            vec![],
        ),
        (
            "on delay 15 s passes a 15 s excursion",
            rule(High, 85.0, 2.0, 15, 0),
            excursion.to_vec(),
            vec![(20, true), (25, false)],
        ),
        ("off delay 60 s bridges a dip", rule(High, 85.0, 2.0, 0, 60), every(&dip), vec![(0, true), (120, false)]),
        (
            "value equal to the limit is not an alarm",
            rule(High, 85.0, 1.0, 0, 0),
            vec![(0, 85.0), (5, 85.0), (10, 85.01)],
            vec![(10, true)],
        ),
        (
            "low direction",
            rule(Low, 20.0, 1.0, 0, 0),
            every(&[21.0, 19.0, 19.5, 20.4, 20.6, 21.1]),
            vec![(5, true), (25, false)],
        ),
    ];
    for (name, rule, samples, expected) in table {
        let end = samples.last().expect("samples").0;
        assert_eq!(run(&rule, &samples, end), expected, "{name}, with timers");
        let mut memory = LimitMemory::default();
        let bare = samples.iter().filter_map(|(at, value)| judge(&rule, &mut memory, sample(*at, *value)).edge());
        assert_eq!(bare.map(|e| (e.at / 1000, e.active)).collect::<Vec<_>>(), expected, "{name}, samples only");
    }
}

#[test]
fn the_scenarios_hold() {
    let mut play: Option<(LimitRule, LimitMemory)> = None;
    let (mut judged, mut unjudged, mut scenarios) = (0, 0, 0);
    for (number, line) in include_str!("scenarios.txt").lines().enumerate() {
        let at = format!("scenarios.txt:{}: {line}", number + 1);
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        match head {
            "" | "#" | "scenario" => {}
            "rule" => {
                play = Some((parse_rule(rest), LimitMemory::default()));
                (judged, unjudged) = (0, 0);
                scenarios += 1;
            }
            "counters" => {
                let counted = format!("in {} = judged {judged} + unjudged {unjudged}", judged + unjudged);
                assert_eq!(rest.trim(), counted, "{at}");
            }
            clock => {
                let (rule, memory) = play.as_mut().expect("a rule comes first");
                let (given, want) = rest.split_once("want").expect("a want");
                let second = parse_clock(clock);
                let words: Vec<_> = given.split_whitespace().collect();
                let verdict = if words == ["time", "passes"] {
                    advance(rule, memory, ReceivedTime::from_millis(second * 1000))
                        .map_or(Verdict::Unchanged, Verdict::Edge)
                } else {
                    let quality = match words[1] {
                        "bad" => Quality::Bad,
                        "uncertain" => Quality::Uncertain,
                        _ => Quality::Good,
                    };
                    let value = words[0].parse().expect("a number");
                    let verdict =
                        judge(rule, memory, Sample { quality, late: words[1] == "late", ..sample(second, value) });
                    match verdict {
                        Verdict::Unjudged(_) => unjudged += 1,
                        _ => judged += 1,
                    }
                    verdict
                };
                assert_eq!(tell(verdict), want.trim(), "{at}");
            }
        }
    }
    assert_eq!(scenarios, 6);
}

fn tell(verdict: Verdict) -> String {
    let clock = |ms: i64| {
        let s = ms / 1000;
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    };
    match verdict {
        Verdict::Unchanged => "nothing".into(),
        Verdict::Unjudged(_) => "unjudged".into(),
        Verdict::Edge(edge) => {
            let word = if edge.active { "raised" } else { "returned" };
            format!("{word}, since {}, at {}", clock(edge.since), clock(edge.at))
        }
    }
}

fn parse_clock(text: &str) -> i64 {
    text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().expect("digits"))
}

fn parse_rule(text: &str) -> LimitRule {
    let words: Vec<_> = text.split_whitespace().map(|w| w.trim_end_matches(',')).collect();
    let side = if words[0] == "high" { LimitSide::High } else { LimitSide::Low };
    let number = |at: usize| -> f64 { words[at].parse().expect("a number") };
    rule(side, number(1), number(3), number(5) as i64, number(8) as i64)
}

#[test]
fn the_sentence_names_value_limit_and_time() {
    let low = rule(LimitSide::Low, 850.0, 10.0, 60, 0);
    let edge = Edge { active: true, since: 0, at: 60_000, value: 838.5 };
    let said = low.describe("炉膛温度", &Unit("Cel".into()), &edge);
    assert_eq!(said, "炉膛温度 838.5 °C，低于限值 850 °C，已持续 60 秒");
}

#[test]
fn extreme_times_do_not_overflow() {
    let rule = rule(LimitSide::High, 0.0, 0.0, 60, 60);
    for time in [i64::MIN, -1, 0, i64::MAX] {
        let mut memory = LimitMemory::default();
        for value in [1.0, -1.0, 1.0] {
            judge(
                &rule,
                &mut memory,
                Sample { time: DeviceTime(time), received: ReceivedTime(time), ..sample(0, value) },
            );
            advance(&rule, &mut memory, ReceivedTime(i64::MAX));
        }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_naive_reference(
        high: bool, deadband in 0..3i32, on_delay in 0..8i64, off_delay in 0..8i64,
        values in proptest::collection::vec(proptest::option::weighted(0.7, -4..5i32), 1..50),
    ) {
        let side = if high { LimitSide::High } else { LimitSide::Low };
        let samples: Vec<(i64, f64)> = values.iter().enumerate()
            .filter_map(|(second, value)| value.map(|v| (second as i64, f64::from(v)))).collect();
        let end = values.len() as i64 + 10;
        let naive = Naive { side, limit: 0.0, deadband: f64::from(deadband), on_delay, off_delay };
        let rule = rule(side, 0.0, f64::from(deadband), on_delay, off_delay);
        prop_assert_eq!(run(&rule, &samples, end), naive.edges(&samples, end));
    }

    #[test]
    fn late_data_makes_no_difference(
        on_delay in 0..4i64,
        values in proptest::collection::vec((-4..5i32, proptest::option::of((1..20i64, -4..5i32))), 1..40),
    ) {
        let rule = rule(LimitSide::High, 0.0, 1.0, on_delay, 0);
        let (mut with, mut without) = (LimitMemory::default(), LimitMemory::default());
        for (second, (value, late)) in values.iter().enumerate() {
            let now = sample(second as i64 + 100, f64::from(*value));
            prop_assert_eq!(judge(&rule, &mut with, now), judge(&rule, &mut without, now));
            if let Some((by, value)) = late {
                let old = Sample { time: DeviceTime(now.time.0 - by * 1000), value: f64::from(*value), ..now };
                prop_assert_eq!(judge(&rule, &mut with, old), Verdict::Unjudged(Unjudged::Late));
            }
            prop_assert_eq!(with, without);
        }
    }
}
