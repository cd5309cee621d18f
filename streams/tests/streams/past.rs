//! A past moment shows what stood then, plays on at its pace, and waits at the end of the record.

use crate::kit::{PATIENCE, START_MS, batch_of, brief, decoder, eventually, message, recorded};
use greenhub_model::{Batch, Output, ReceivedTime, Record, RecordKind};
use greenhub_streams::Past;
use serde_json::json;
use std::sync::mpsc::{Receiver, channel};

/// One unit that walks east, a second a batch, for `seconds`.
fn walk(seconds: u64) -> Vec<Batch> {
    let profile = json!({ "change": "device", "profile": { "device": "P-1", "class": "patrol" } }).to_string();
    let mut batches = vec![batch_of(1, 0, START_MS, &[Record::own(RecordKind::Config, "admin", profile.as_bytes())])];
    for second in 1..=seconds {
        let ms = START_MS + second as i64 * 1000;
        let body = format!(r#"{{"time":{ms},"lon":{},"lat":31.2}}"#, 121.0 + second as f64 / 1000.0);
        batches.push(batch_of(second + 1, second, ms, &[message("greenhub/v1/patrol/P-1/position", &body)]));
    }
    batches
}

/// Opens the walk; what is shown comes as the seconds of the walk.
fn open(at_second: i64, speed: f64) -> (Past, Receiver<i64>) {
    let (sender, shown) = channel();
    let at = ReceivedTime::from_millis(START_MS + at_second * 1000);
    let past = Past::open(recorded(&walk(60)), None, decoder(), (at, speed), move |output| {
        if output.items.iter().any(|item| matches!(item, Output::Unit(_))) {
            // The test may have seen enough and be gone.
            let _enough = sender.send((output.received.millis() - START_MS) / 1000);
        } else {
            assert!(output.items.iter().all(|item| !brief(item).starts_with("track")), "positions show their unit");
        }
    });
    (past.expect("opened"), shown)
}

#[test]
fn it_stands_still_at_the_moment_and_plays_on_when_told() {
    let (past, shown) = open(30, 0.0);
    eventually("the moment", || past.state().ready);
    let before: Vec<i64> = shown.try_iter().collect();
    assert!(
        before.iter().copied().eq(0..before.len() as i64),
        "every second in order, from the registration on: {before:?}"
    );
    let state = past.state();
    assert_eq!((state.now, state.speed, state.ended), (ReceivedTime::from_millis(START_MS + 30_000), 0.0, false));
    past.set_speed(1e9);
    assert_eq!(past.state().speed, 60.0, "not faster than it may");
    let mut seen = before;
    eventually("the end of the record", || {
        seen.extend(shown.try_iter());
        past.state().ended
    });
    seen.extend(shown.try_iter());
    eventually("the last second", || {
        seen.extend(shown.try_iter());
        seen.last() == Some(&60)
    });
    assert_eq!(seen, (0..=60).collect::<Vec<_>>(), "nothing left out, nothing twice");
    assert_eq!((past.state().speed, past.failure()), (0.0, None));
}

#[test]
fn a_moment_behind_the_record_ends_at_its_end() {
    let (past, shown) = open(3_600, 1.0);
    eventually("the end", || past.state().ended);
    let mut last = 0;
    while last < 60 {
        last = shown.recv_timeout(PATIENCE).expect("all of it is shown");
    }
    assert_eq!(past.state().now, ReceivedTime::from_millis(START_MS + 60_000));
}
