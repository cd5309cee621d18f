//! What the history promises, against a plain vector that remembers everything.

use super::chunk::{self, TrackRow, ValueRow};
use super::*;
use greenhub_model::ledger::Counts;
use greenhub_model::output::{Sample, TrackPoint};
use greenhub_model::{BatchOutput, Channel, Output, PointName, Position, Quality, ReceivedTime};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn device(name: &str) -> DeviceId {
    DeviceId::new(name).expect("a device id")
}

fn point(name: &str) -> PointName {
    PointName::new(name).expect("a point name")
}

fn batch(number: u64, items: Vec<Output>) -> BatchOutput {
    let counts = [Counts::default(); Channel::ALL.len()];
    BatchOutput { batch: number, received: ReceivedTime(0), end: Position(number), items, counts }
}

fn fix(unit: &str, time: i64, lon: f64, lat: f64, speed: Option<f32>) -> Output {
    Output::Track(TrackPoint { unit: device(unit), time, lon, lat, speed_kmh: speed, heading_deg: None })
}

fn sample(name: &str, time: i64, value: f64) -> Output {
    let values = vec![(point("t"), value)];
    Output::Sample(Sample { device: device(name), time, values, quality: Quality::Good })
}

fn small() -> HistoryConfig {
    HistoryConfig { series_open_max: 2, ..HistoryConfig::default() }
}

const ALL: (i64, i64) = (i64::MIN / 2, i64::MAX / 2);

#[tokio::test]
async fn what_was_pushed_comes_back_before_and_after_a_flush_and_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("history.db");
    let (history, mut writer) = History::open(&path, small()).await.expect("opened");
    let items: Vec<Output> = (0..700).map(|n| fix("P-1", n * 1000, 121.4 + n as f64 * 1e-5, 31.2, Some(4.5))).collect();
    writer.push(&batch(1, items)).expect("pushed");
    let unit = device("P-1");
    let all = async |history: &History| history.track(&unit, ALL.0, ALL.1, 10_000).await.expect("read");
    let in_memory = all(&history).await;
    assert_eq!((in_memory.points.len(), in_memory.total), (700, 700));
    assert_eq!(in_memory.points[1].lon, 121.400_01);
    assert_eq!(in_memory.points[1].speed_kmh, Some(4.5));
    assert_eq!((writer.flush().await.expect("flushed"), history.committed_batch()), (1, 1));
    assert_eq!(all(&history).await, in_memory);
    writer.close().await.expect("closed");

    let (history, mut writer) = History::open(&path, small()).await.expect("opened again");
    assert_eq!(history.committed_batch(), 1);
    assert_eq!(all(&history).await, in_memory);
    // The same batch again is skipped; the next one goes on in the same tail.
    writer.push(&batch(1, vec![fix("P-1", 99, 1.0, 1.0, None)])).expect("skipped");
    writer.push(&batch(2, vec![fix("P-1", 700_000, 121.5, 31.2, None)])).expect("pushed");
    writer.flush().await.expect("flushed");
    let after = all(&history).await;
    assert_eq!((after.points.len(), after.points[700].time), (701, 700_000));
    let between = history.track(&unit, 10_000, 12_000, 100).await.expect("read");
    assert_eq!(between.points.iter().map(|p| p.time).collect::<Vec<_>>(), [10_000, 11_000, 12_000]);
    let unlimited = history.track(&unit, i64::MIN, i64::MAX, usize::MAX).await.expect("extreme arguments");
    assert_eq!(unlimited.points.len(), 701);
    assert_eq!(history.track(&device("P-2"), ALL.0, ALL.1, 10).await.expect("read"), Track::default());
}

#[tokio::test]
async fn what_was_not_flushed_is_replayed_without_doubling() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("history.db");
    let life: Vec<BatchOutput> = (1..=40).map(|n| batch(n, vec![sample("A-1", n as i64, n as f64)])).collect();
    for crash_after in [3usize, 17, 40] {
        let (history, mut writer) = History::open(&path, small()).await.expect("opened");
        let from = history.committed_batch().saturating_sub(2) as usize;
        for (n, output) in life[from..crash_after].iter().enumerate() {
            writer.push(output).expect("pushed");
            if n == 5 || crash_after == 40 {
                writer.flush().await.expect("flushed");
            }
        }
        // Dropped without a flush: what was pushed since is gone, like after a crash.
    }
    let (history, _writer) = History::open(&path, small()).await.expect("opened");
    let values = history.series(&device("A-1"), "t", ALL.0, ALL.1, 100).await.expect("read");
    assert_eq!(values.points.iter().map(|p| p.value).collect::<Vec<_>>(), (1..=40).map(f64::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_is_thinned_but_keeps_extremes_and_the_true_total() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = HistoryConfig { rows_per_answer_max: 2_000, ..small() };
    let (history, mut writer) = History::open(&dir.path().join("h.db"), config).await.expect("opened");
    for n in 0..200u64 {
        let start = n as i64 * 1000;
        let items = (start..start + 1000)
            .map(|t| sample("A-1", t * 1000, if t == 77_777 { 900.0 } else { (t % 10) as f64 }))
            .collect();
        writer.push(&batch(n + 1, items)).expect("pushed");
    }
    writer.flush().await.expect("flushed");
    let values = history.series(&device("A-1"), "t", ALL.0, ALL.1, 500).await.expect("read");
    assert_eq!(values.total, 200_000);
    assert!(values.points.len() <= 500, "{}", values.points.len());
    assert!(values.points.iter().any(|p| p.value == 900.0), "the spike is lost");
    assert_eq!((values.points[0].time, values.points.last().map(|p| p.time)), (0, Some(199_999_000)));
    assert!(values.points.is_sorted_by(|a, b| a.time < b.time));
}

#[tokio::test]
async fn memory_is_bounded_in_series_points_and_rows() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = HistoryConfig {
        rows_waiting_max: 100,
        series_open_max: 10,
        points_per_device_max: 3,
        series_max: 50,
        ..HistoryConfig::default()
    };
    let (history, mut writer) = History::open(&dir.path().join("h.db"), config).await.expect("opened");
    for n in 0..80u64 {
        let output = batch(n + 1, vec![fix(&format!("P-{n}"), 1, 121.0, 31.0, None)]);
        let pressure = writer.push(&output).expect("room");
        assert_eq!(pressure, if history.status().rows_waiting >= 50 { Pressure::FlushNow } else { Pressure::Fine });
    }
    let status = history.status();
    assert_eq!((status.series, status.rows_waiting, status.rows_dropped), (50, 50, 30));
    writer.flush().await.expect("flushed");
    assert!(history.status().series_open <= 10, "{}", history.status().series_open);
    let still_there = history.track(&device("P-3"), ALL.0, ALL.1, 10).await.expect("read");
    assert_eq!(still_there.points.len(), 1, "given up in memory, not on disk");

    let many: Vec<Output> = (0..150).map(|n| fix("P-1", n + 5, 121.0, 31.0, None)).collect();
    writer.push(&batch(100, many)).expect("one batch may go over");
    let full = writer.push(&batch(101, vec![fix("P-1", 900, 121.0, 31.0, None)]));
    assert!(matches!(full, Err(HistoryError::Full { rows: 150 })), "{full:?}");
    writer.flush().await.expect("flushed");
    writer.push(&batch(101, vec![fix("P-1", 900, 121.0, 31.0, None)])).expect("the same batch again");
    assert_eq!(history.track(&device("P-1"), ALL.0, ALL.1, 1000).await.expect("read").total, 152);
}

#[tokio::test]
async fn points_of_one_device_are_bounded() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = HistoryConfig { points_per_device_max: 3, ..HistoryConfig::default() };
    let (history, mut writer) = History::open(&dir.path().join("h.db"), config).await.expect("opened");
    let values: Vec<_> = (0..10).map(|n| (point(&format!("p{n}")), 1.0)).collect();
    let sample = Sample { device: device("A-1"), time: 1, values, quality: Quality::Bad };
    writer.push(&batch(1, vec![Output::Sample(sample)])).expect("pushed");
    assert_eq!((history.status().series, history.status().rows_dropped), (3, 7));
    writer.flush().await.expect("flushed");
    let kept = history.series(&device("A-1"), "p2", ALL.0, ALL.1, 10).await.expect("read");
    assert_eq!((kept.points[0].value, kept.points[0].quality), (1.0, Quality::Bad));
}

#[tokio::test]
async fn what_is_too_old_is_forgotten_and_the_rest_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (history, mut writer) = History::open(&dir.path().join("h.db"), small()).await.expect("opened");
    for name in ["A-1", "A-2", "A-3"] {
        let items = (0..900).map(|n| sample(name, n, n as f64)).collect();
        let number = writer.pushed_batch() + 1;
        writer.push(&batch(number, items)).expect("pushed");
    }
    writer.flush().await.expect("flushed");
    let mut gone = 0;
    for _call in 0..3 {
        gone += writer.forget_before(600, 1).await.expect("forgotten");
    }
    assert_eq!(gone, 6, "two chunks of 300 rows of each of three series");
    for name in ["A-1", "A-2", "A-3"] {
        let left = history.series(&device(name), "t", ALL.0, ALL.1, 1000).await.expect("read");
        assert_eq!((left.total, left.points[0].time), (300, 600), "{name}");
    }
}

#[tokio::test]
async fn a_damaged_chunk_is_named_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("h.db");
    let (history, mut writer) = History::open(&path, small()).await.expect("opened");
    writer.push(&batch(1, (0..300).map(|n| sample("A-1", n, n as f64)).collect())).expect("pushed");
    writer.flush().await.expect("flushed");
    let url = format!("sqlite://{}", path.display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("opened");
    sqlx::query("UPDATE chunks SET data = x'0203ffff'").execute(&pool).await.expect("damaged");
    let error = history.series(&device("A-1"), "t", ALL.0, ALL.1, 10).await.expect_err("damaged");
    assert!(matches!(error, HistoryError::Damaged { start: 0, .. }), "{error:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<(u8, i64, i32)>),
    Flush,
    Restart,
    Ask(u8, i64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (0u8..4, 0i64..3_000, -3i32..3);
    let step = prop_oneof![
        4 => proptest::collection::vec(row, 1..250).prop_map(Step::Push),
        2 => Just(Step::Flush),
        1 => Just(Step::Restart),
        2 => (0u8..4, 0i64..3_000, 0i64..3_000).prop_map(|(s, a, b)| Step::Ask(s, a.min(b), a.max(b))),
    ];
    proptest::collection::vec(step, 1..24)
}

async fn live(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("h.db");
    let (mut history, mut writer) = History::open(&path, small()).await.expect("opened");
    // What the log would hold: all batches, so that a restart can replay them.
    let mut log: Vec<BatchOutput> = vec![];
    for step in steps {
        match step {
            Step::Push(rows) => {
                let items = rows.iter().map(|(s, time, v)| sample(&format!("S-{s}"), *time, f64::from(*v) / 4.0));
                let output = batch(log.len() as u64 + 1, items.collect());
                writer.push(&output).expect("room");
                log.push(output);
            }
            Step::Flush => {
                assert_eq!(writer.flush().await.expect("flushed"), log.len() as u64);
            }
            Step::Restart => {
                drop(writer);
                (history, writer) = History::open(&path, small()).await.expect("opened again");
                let from = (history.committed_batch() as usize).saturating_sub(1);
                for output in &log[from..] {
                    writer.push(output).expect("replayed");
                }
            }
            Step::Ask(s, from, to) => compare(&history, &log, &format!("S-{s}"), from, to).await,
        }
    }
    for s in 0..4 {
        compare(&history, &log, &format!("S-{s}"), ALL.0, ALL.1).await;
    }
}

async fn compare(history: &History, log: &[BatchOutput], name: &str, from: i64, to: i64) {
    let mut expected = BTreeSet::new();
    for item in log.iter().flat_map(|output| &output.items) {
        match item {
            Output::Sample(sample) if sample.device.as_str() == name && (from..=to).contains(&sample.time) => {
                expected.insert(ValueRow::of(sample.time, sample.values[0].1, sample.quality));
            }
            _ => {}
        }
    }
    let found = history.series(&device(name), "t", from, to, 1_000_000).await.expect("read");
    let found: Vec<_> = found.points.iter().map(|row| ValueRow::of(row.time, row.value, row.quality)).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{name} from {from} to {to}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_history_equals_a_plain_vector(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(live(steps));
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), (-10_000i32..10_000).prop_map(|n| f64::from(n) / 100.0), Just(-0.0), Just(f64::NAN)]
}

proptest! {
    #[test]
    fn values_come_back_bit_for_bit(rows in proptest::collection::vec((any::<i64>(), any_value(), 0u8..3), 1..400)) {
        let mut rows: Vec<ValueRow> =
            rows.into_iter().map(|(time, v, quality)| ValueRow { time, bits: v.to_bits(), quality }).collect();
        chunk::tidy(&mut rows);
        let mut back: Vec<ValueRow> = vec![];
        chunk::decode(&chunk::encode(&rows), &mut back).expect("just packed");
        prop_assert_eq!(back, rows);
    }

    #[test]
    fn tracks_come_back(rows in proptest::collection::vec(
        (any::<i64>(), any::<i32>(), any::<i32>(), any::<i32>(), any::<i32>(), any::<bool>()), 1..400)) {
        let row = |(time, lon, lat, speed, heading, still): (i64, i32, i32, i32, i32, bool)| {
            let speed = if still { chunk::NONE } else { speed };
            TrackRow { time, lon, lat, speed, heading }
        };
        let mut rows: Vec<TrackRow> = rows.into_iter().map(row).collect();
        chunk::tidy(&mut rows);
        let mut back: Vec<TrackRow> = vec![];
        chunk::decode(&chunk::encode(&rows), &mut back).expect("just packed");
        prop_assert_eq!(back, rows);
    }

    #[test]
    fn no_bytes_make_a_chunk_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = chunk::decode::<TrackRow>(&bytes, &mut vec![]);
        let mut bytes = bytes;
        for form in [1u8, 2, 0x81, 0x82] {
            if let Some(first) = bytes.first_mut() {
                *first = form;
            }
            let _any = chunk::decode::<TrackRow>(&bytes, &mut vec![]);
            let _any = chunk::decode::<ValueRow>(&bytes, &mut vec![]);
        }
    }
}
