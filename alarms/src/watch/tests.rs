//! One row per behaviour and kind, with time passing every second and a restart between any two steps; then naive
//! references for the kinds that remember.

use super::reference::{NaiveCount, NaiveRate, NaiveStuck};
use super::*;
use proptest::prelude::*;

fn watcher(when: serde_json::Value, on_delay_s: i64, off_delay_s: i64) -> Watcher {
    let rule = serde_json::json!({ "id": "w", "class": "plant", "code": "C", "on_delay_ms": on_delay_s * 1000,
        "off_delay_ms": off_delay_s * 1000, "when": when });
    Watcher::new(serde_json::from_value(rule).expect("a rule"))
}

fn at(second: i64) -> Moment {
    Moment { time: second * 1000, received: second * 1_000_000 }
}

/// A device that is watched: other messages of it are heard at the seconds `heard`.
struct Play<'a> {
    watcher: &'a Watcher,
    memory: WatchMemory,
    heard: i64,
    edges: Vec<Edge>,
}

impl<'a> Play<'a> {
    fn new(watcher: &'a Watcher) -> Self {
        Self { watcher, memory: WatchMemory::default(), heard: 0, edges: vec![] }
    }

    fn restart(&mut self) {
        let bytes = serde_json::to_vec(&self.memory).expect("plain data");
        self.memory = serde_json::from_slice(&bytes).expect("its own bytes");
    }

    fn pass(&mut self, second: i64) {
        let voice = Voice { heard: self.heard, listening: 0 };
        let (due, before) = (deadline(self.watcher, &self.memory, voice), self.memory.clone());
        advance(self.watcher, &mut self.memory, ReceivedTime(second * 1_000_000), voice, &mut self.edges);
        let moved = self.memory != before;
        assert_eq!(moved, due.is_some_and(|at| at.0 <= second * 1_000_000), "the deadline keeps its word at {second}");
        self.restart();
    }

    /// `name=value` and `name=bad`, apart by blanks; `-` is a message about something else.
    fn report(&mut self, second: i64, text: &str) {
        self.heard = second * 1_000_000;
        let mut usable = false;
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            let input: Input = Input::try_from(name.to_owned()).expect("an input");
            let place = self.watcher.place_of(&input).expect("the row names its inputs");
            let (quality, value) = match value.parse() {
                Ok(value) => (Quality::Good, value),
                Err(_) => (Quality::Bad, 0.0),
            };
            usable |= hear(self.watcher, &mut self.memory, place, at(second), value, quality, false).is_ok();
        }
        if usable {
            judge(self.watcher, &mut self.memory, at(second), &mut self.edges);
        }
        self.restart();
    }
}

fn run(watcher: &Watcher, reports: &[(i64, &str)], end: i64) -> Vec<(i64, bool)> {
    let mut play = Play::new(watcher);
    for second in 0..=end {
        play.pass(second);
        for (_, text) in reports.iter().filter(|(at, _)| *at == second) {
            play.report(second, text);
        }
    }
    play.edges.iter().map(|edge| (edge.at / 1000, edge.active)).collect()
}

/// Name, what is watched, delays, reports, edges.
type Row = (&'static str, &'static str, (i64, i64), &'static [(i64, &'static str)], &'static [(i64, bool)]);

const ROWS: &[Row] = &[
    (
        "deviation from a fixed number, either side; equal to the band is inside it",
        r#"{"deviation":{"point":"a","from":50.0,"band":5.0,"deadband":1.0}}"#,
        (0, 0),
        &[(0, "a=55"), (1, "a=55.1"), (2, "a=54.5"), (3, "a=54"), (4, "a=44.9"), (5, "a=46")],
        &[(1, true), (3, false), (4, true), (5, false)],
    ),
    (
        "deviation from another value waits until both are known",
        r#"{"deviation":{"point":"a","from":"b","band":2.0}}"#,
        (2, 0),
        &[(0, "a=10"), (3, "b=7"), (9, "b=9")],
        &[(5, true), (9, false)],
    ),
    (
        "a value of bad quality holds the state; the running delay goes on",
        r#"{"deviation":{"point":"a","from":0.0,"band":2.0}}"#,
        (5, 0),
        &[(0, "a=3"), (3, "a=bad"), (9, "a=bad"), (12, "a=1")],
        &[(5, true), (12, false)],
    ),
    (
        "a partner of bad quality leaves the question open",
        r#"{"deviation":{"point":"a","from":"b","band":2.0}}"#,
        (0, 0),
        &[(0, "a=5 b=5"), (1, "b=bad"), (2, "a=9"), (3, "b=6.5"), (4, "b=bad"), (5, "a=7")],
        &[(3, true)],
    ),
    (
        "rate: a rise of 30 in a minute passes 20 per minute, a slow one does not",
        r#"{"rate":{"point":"a","window_ms":60000,"rise":20.0}}"#,
        (0, 0),
        &[(0, "a=10"), (20, "a=20"), (40, "a=30"), (60, "a=20")],
        &[(40, true), (60, false)],
    ),
    (
        "rate: a fall is judged by its own limit and nothing before half of the window",
        r#"{"rate":{"point":"a","window_ms":60000,"rise":1.0,"fall":20.0}}"#,
        (0, 0),
        &[(0, "a=100"), (10, "a=60"), (31, "a=85"), (62, "a=20")],
        &[(31, true)],
    ),
    (
        "state: among the named ones",
        r#"{"state":{"point":"mode","among":[2.0,3.0]}}"#,
        (0, 4),
        &[(0, "mode=1"), (1, "mode=2"), (2, "mode=3"), (3, "mode=1")],
        &[(1, true), (7, false)],
    ),
    (
        "status fields are values too",
        r#"{"state":{"point":"@on","among":[0.0]}}"#,
        (0, 0),
        &[(0, "@on=1"), (4, "@on=0"), (6, "@on=1")],
        &[(4, true), (6, false)],
    ),
    (
        "stuck: unmoved within epsilon for ten seconds of samples",
        r#"{"stuck":{"point":"a","for_ms":10000,"epsilon":0.1}}"#,
        (0, 0),
        &[(0, "a=5"), (4, "a=5.1"), (8, "a=5"), (12, "a=4.9"), (16, "a=5.3")],
        &[(12, true), (16, false)],
    ),
    (
        "stuck: samples too far apart prove nothing",
        r#"{"stuck":{"point":"a","for_ms":10000}}"#,
        (0, 0),
        &[(0, "a=5"), (6, "a=5"), (12, "a=5"), (18, "a=5")],
        &[],
    ),
    (
        "no data: the point is missing while its device speaks",
        r#"{"no_data":{"point":"a","for_ms":10000}}"#,
        (0, 0),
        &[(0, "a=1"), (4, "-"), (8, "-"), (15, "-"), (20, "a=bad")],
        &[(10, true), (20, false)],
    ),
    (
        "no data: a device that says nothing at all is presence's business",
        r#"{"no_data":{"point":"a","for_ms":10000}}"#,
        (0, 0),
        &[(0, "a=1"), (2, "-")],
        &[],
    ),
    (
        "no data: unless the rule wants it so",
        r#"{"no_data":{"point":"a","for_ms":10000,"also_silent":true}}"#,
        (2, 3),
        &[(0, "a=1"), (20, "a=1")],
        &[(12, true), (23, false), (32, true)],
    ),
    (
        "mismatch: on when the answer does not follow in time; both in one message are one fact",
        r#"{"mismatch":{"commanded":"cmd","reported":"@on"}}"#,
        (5, 0),
        &[(0, "cmd=0 @on=0"), (1, "cmd=1"), (4, "@on=1"), (10, "cmd=0"), (11, "@on=1"), (20, "@on=0")],
        &[(15, true), (20, false)],
    ),
    (
        "mismatch: a command and its answer in one message, without a delay",
        r#"{"mismatch":{"commanded":"cmd","reported":"fb"}}"#,
        (0, 0),
        &[(0, "cmd=0 fb=0"), (1, "cmd=1 fb=1"), (2, "cmd=0 fb=0")],
        &[],
    ),
    (
        "count of alarm messages: the third within ten seconds; the window empties by itself",
        r#"{"count":{"of":"!JAM","at_least":3,"window_ms":10000}}"#,
        (0, 0),
        &[(0, "!JAM=1"), (4, "!JAM=1"), (9, "!JAM=1")],
        &[(9, true), (10, false)],
    ),
    (
        "count of samples beyond a value; a repeat of one moment counts once",
        r#"{"count":{"of":"a","above":8.0,"at_least":2,"window_ms":10000}}"#,
        (0, 0),
        &[(0, "a=9"), (0, "a=9"), (3, "a=8"), (5, "a=8.5"), (7, "a=1")],
        &[(5, true), (10, false)],
    ),
    (
        "count: an on-delay that ends before the window empties still raises",
        r#"{"count":{"of":"!JAM","at_least":2,"window_ms":10000}}"#,
        (5, 3),
        &[(0, "!JAM=1"), (2, "!JAM=1")],
        &[(7, true), (13, false)],
    ),
    (
        "spread: the greatest and the least of those known",
        r#"{"spread":{"points":["a","b","c"],"band":3.0,"deadband":1.0}}"#,
        (0, 0),
        &[(0, "a=1"), (1, "b=4"), (2, "c=4.5"), (3, "a=1.6"), (4, "a=2.5")],
        &[(2, true), (4, false)],
    ),
    (
        "all: hot and without flow; one test that is off decides, one in its band waits",
        r#"{"all":[{"point":"t","is":"above","value":80.0,"deadband":5.0},{"point":"f","is":"below","value":1.0}]}"#,
        (0, 0),
        &[(0, "t=90"), (1, "f=0.5"), (2, "t=78"), (3, "t=75"), (4, "t=90 f=2"), (5, "f=0")],
        &[(1, true), (3, false), (5, true)],
    ),
    (
        "all: two tests of one value are seen together",
        r#"{"all":[{"point":"t","is":"above","value":10.0},{"point":"t","is":"below","value":20.0}]}"#,
        (0, 0),
        &[(0, "t=25"), (1, "t=5"), (2, "t=15")],
        &[(2, true)],
    ),
    (
        "any: one that is on decides, whatever the other is",
        r#"{"any":[{"point":"a","is":"equal","value":1.0},{"point":"b","is":"unequal","value":0.0}]}"#,
        (0, 0),
        &[(0, "a=1"), (1, "a=0"), (2, "b=0"), (3, "b=5"), (4, "b=0")],
        &[(0, true), (2, false), (3, true), (4, false)],
    ),
];

#[test]
fn every_kind_raises_and_clears_as_its_row_says() {
    for (name, when, (on, off), reports, expected) in ROWS {
        let watcher = watcher(serde_json::from_str(when).expect("JSON"), *on, *off);
        assert_eq!(run(&watcher, reports, 65), *expected, "{name}");
        let text = serde_json::to_string(watcher.rule()).expect("plain data");
        assert_eq!(&serde_json::from_str::<WatchRule>(&text).expect("its own text"), watcher.rule(), "{name}");
    }
}

#[test]
fn late_and_older_values_change_nothing() {
    let watcher = watcher(serde_json::json!({ "deviation": { "point": "a", "from": 0.0, "band": 1.0 } }), 0, 0);
    let (mut memory, mut edges) = (WatchMemory::default(), vec![]);
    let mut tell = |second, value, late| {
        let heard = hear(&watcher, &mut memory, 0, at(second), value, Quality::Good, late);
        if heard.is_ok() {
            judge(&watcher, &mut memory, at(second), &mut edges);
        }
        heard
    };
    assert_eq!(tell(10, 0.0, false), Ok(()));
    assert_eq!(tell(9, 5.0, false), Err(Unjudged::Late));
    assert_eq!(tell(11, 5.0, true), Err(Unjudged::Late));
    assert_eq!(tell(11, f64::NAN, false), Err(Unjudged::NotFinite));
    assert_eq!(edges, []);
}

#[test]
fn events_out_of_order_fill_the_window_all_the_same() {
    let watcher = watcher(serde_json::json!({ "count": { "of": "!X", "at_least": 3, "window_ms": 10_000 } }), 0, 0);
    let (mut memory, mut edges) = (WatchMemory::default(), vec![]);
    for second in [8, 3, 5] {
        assert_eq!(hear(&watcher, &mut memory, 0, at(second), 1.0, Quality::Good, false), Ok(()));
        judge(&watcher, &mut memory, at(second), &mut edges);
    }
    assert_eq!(edges.iter().map(|edge| (edge.active, edge.at)).collect::<Vec<_>>(), [(true, 8000)]);
}

#[test]
fn silence_while_nobody_listened_counts_for_nothing() {
    let watcher =
        watcher(serde_json::json!({ "no_data": { "point": "a", "for_ms": 10_000, "also_silent": true } }), 0, 0);
    let (mut memory, mut edges) = (WatchMemory::default(), vec![]);
    hear(&watcher, &mut memory, 0, at(0), 1.0, Quality::Good, false).expect("judged");
    judge(&watcher, &mut memory, at(0), &mut edges);
    let voice = Voice { heard: 0, listening: 100_000_000 };
    assert_eq!(deadline(&watcher, &memory, voice), Some(ReceivedTime(110_000_000)));
    advance(&watcher, &mut memory, ReceivedTime(109_999_999), voice, &mut edges);
    assert_eq!(edges, []);
    advance(&watcher, &mut memory, ReceivedTime(110_000_000), voice, &mut edges);
    assert_eq!(edges.len(), 1);
}

#[test]
fn the_sentences_say_what_stands_against_what() {
    let words = |point: &greenhub_model::PointName| match point.as_str() {
        "t" => ("炉膛温度".to_owned(), "°C".to_owned()),
        _ => (String::new(), String::new()),
    };
    type Sentence = (serde_json::Value, &'static [(i64, &'static str)], &'static str);
    let table: &[Sentence] = &[
        (
            serde_json::json!({ "rate": { "point": "t", "window_ms": 300_000, "fall": 20.0 } }),
            &[(0, "t=900"), (200, "t=800")],
            "炉膛温度在 5 分内平均每 1 分下降 30 °C，超过允许的 20 °C",
        ),
        (
            serde_json::json!({ "deviation": { "point": "t", "from": "set", "band": 25.0 } }),
            &[(0, "t=900 set=850")],
            "炉膛温度 900 °C，与set 850偏离超过 25 °C",
        ),
        (
            serde_json::json!({ "mismatch": { "commanded": "cmd", "reported": "@on" } }),
            &[(0, "cmd=1 @on=0")],
            "指令与反馈不一致：cmd 1，开关状态为关",
        ),
        (
            serde_json::json!({ "count": { "of": "!JAM", "at_least": 2, "window_ms": 60_000 } }),
            &[(0, "!JAM=1"), (1, "!JAM=1")],
            "告警 JAM 在 1 分内达到 2 次",
        ),
        (
            serde_json::json!({ "all": [{ "point": "t", "is": "above", "value": 80.0 }] }),
            &[(0, "t=90")],
            "同时满足条件（炉膛温度高于 80 °C）：炉膛温度 90 °C",
        ),
    ];
    for (when, reports, expected) in table {
        let watcher = watcher(when.clone(), 0, 0);
        let mut play = Play::new(&watcher);
        reports.iter().for_each(|(second, text)| play.report(*second, text));
        assert_eq!(watcher.describe(&play.memory, &play.edges[0], &words), *expected);
    }
}

#[test]
fn extreme_times_and_values_do_not_overflow() {
    for (_, when, ..) in ROWS {
        let watcher = watcher(serde_json::from_str(when).expect("JSON"), 60, 60);
        for time in [i64::MIN, -1, 0, i64::MAX] {
            let mut memory = WatchMemory::default();
            for (received, value) in [(0, f64::MIN), (i64::MAX, f64::MAX), (i64::MAX, 0.0)] {
                let now = Moment { time, received };
                for place in 0..watcher.inputs().len() {
                    hear(&watcher, &mut memory, place, now, value, Quality::Good, false).ok();
                }
                judge(&watcher, &mut memory, now, &mut vec![]);
                let voice = Voice { heard: received, listening: 0 };
                advance(&watcher, &mut memory, ReceivedTime(i64::MAX), voice, &mut vec![]);
            }
        }
    }
}

/// Runs values (second, value) of point `a`, time passing every second.
fn edges_of(watcher: &Watcher, samples: &[(i64, f64)], end: i64) -> Vec<(i64, bool)> {
    let texts: Vec<(i64, String)> = samples.iter().map(|(at, value)| (*at, format!("a={value}"))).collect();
    let reports: Vec<(i64, &str)> = texts.iter().map(|(at, text)| (*at, text.as_str())).collect();
    run(watcher, &reports, end)
}

fn samples(values: &[Option<i32>]) -> Vec<(i64, f64)> {
    let at = |(second, value): (usize, &Option<i32>)| value.map(|v| (second as i64, f64::from(v)));
    values.iter().enumerate().filter_map(at).collect()
}

proptest! {
    #[test]
    fn rate_agrees_with_the_naive_reference(
        rise in 1..6i32, deadband in 0..2i32, on_delay in 0..6i64, off_delay in 0..6i64, window in 2..60i64,
        values in proptest::collection::vec(proptest::option::weighted(0.6, -6..7i32), 1..70),
    ) {
        let samples = samples(&values);
        let end = values.len() as i64 + 10;
        let when = serde_json::json!({ "rate": { "point": "a", "window_ms": window * 1000, "per_ms": 1000,
            "rise": f64::from(rise) / 4.0, "fall": 1.0, "deadband": f64::from(deadband) / 8.0 } });
        let naive = NaiveRate { window, rise: f64::from(rise) / 4.0, fall: 1.0, deadband: f64::from(deadband) / 8.0 };
        let watcher = watcher(when, on_delay, off_delay);
        prop_assert_eq!(edges_of(&watcher, &samples, end), naive.edges(&samples, end, on_delay, off_delay));
    }

    #[test]
    fn stuck_agrees_with_the_naive_reference(
        held in 1..12i64, epsilon in 0..2i32, on_delay in 0..4i64, off_delay in 0..4i64,
        values in proptest::collection::vec(proptest::option::weighted(0.7, 0..4i32), 1..60),
    ) {
        let samples = samples(&values);
        let end = values.len() as i64 + 10;
        let when = serde_json::json!({ "stuck": { "point": "a", "for_ms": held * 1000, "epsilon": f64::from(epsilon) } });
        let naive = NaiveStuck { held, epsilon: f64::from(epsilon) };
        let watcher = watcher(when, on_delay, off_delay);
        prop_assert_eq!(edges_of(&watcher, &samples, end), naive.edges(&samples, end, on_delay, off_delay));
    }

    #[test]
    fn count_agrees_with_the_naive_reference(
        at_least in 1..5u32, window in 1..15i64, on_delay in 0..5i64, off_delay in 0..5i64,
        values in proptest::collection::vec(proptest::option::weighted(0.7, -4..5i32), 1..60),
    ) {
        let samples = samples(&values);
        let end = values.len() as i64 + 25;
        let when = serde_json::json!({ "count": { "of": "a", "above": 0.0, "at_least": at_least,
            "window_ms": window * 1000 } });
        let naive = NaiveCount { at_least: at_least as usize, window };
        let watcher = watcher(when, on_delay, off_delay);
        prop_assert_eq!(edges_of(&watcher, &samples, end), naive.edges(&samples, end, on_delay, off_delay));
    }
}
