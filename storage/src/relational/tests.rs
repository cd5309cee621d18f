//! The behaviour suite: what every database behind the hub must do alike.

use super::migration::Migration;
use super::testing::{Stage, alarm, batch, change, on_every_database, refused};
use super::*;
use greenhub_model::alarm::AlarmEventKind::{Acknowledged, Raised, Repeated};
use greenhub_model::output::TrackPoint;
use greenhub_model::time::Monotonic;
use greenhub_model::{AlarmState, BatchOutput, Channel, DeviceId, Output, Priority, Reject};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NOW: Monotonic = Monotonic(1_000_000);

async fn sink(stage: &Stage) -> BatchSink {
    BatchSink::new(stage.open().await, vec![]).await.expect("a sink")
}

fn later(ms: u64) -> Monotonic {
    Monotonic(NOW.0 + ms * 1000)
}

fn position(unit: &str) -> Output {
    let unit = DeviceId::new(unit).expect("a device id");
    Output::Track(TrackPoint { unit, time: 1, lon: 121.0, lat: 31.0, speed_kmh: None, heading_deg: None })
}

#[tokio::test]
async fn tables_are_made_once_and_a_changed_step_is_refused() {
    on_every_database(async |stage| {
        let db = stage.open().await;
        let first = [Migration::common(1, "CREATE TABLE extra (id BIGINT PRIMARY KEY)")];
        db.migrate("extra", &first).await.expect("the first time");
        stage.open().await.migrate("extra", &first).await.expect("nothing to do the second time");
        let edited = [Migration::common(1, "CREATE TABLE extra (id TEXT PRIMARY KEY)")];
        let refusal = db.migrate("extra", &edited).await.expect_err("an edited step");
        assert!(matches!(refusal, StoreError::Schema { module: "extra", .. }), "{}: {refusal}", stage.label);
        let refusal = db.migrate("extra", &[]).await.expect_err("tables of a newer hub");
        assert!(matches!(refusal, StoreError::Schema { .. }), "{}: {refusal}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let hot = alarm("C-1", 5);
        let items = vec![change(&hot, Raised, 5), refused("C-2", "C-2", 6, Reject::Empty)];
        let batches = [batch(1, vec![position("P-1")]), batch(2, items)];
        assert_eq!(sink.apply(&batches, NOW).await.expect("applied"), 2, "{}", stage.label);
        let decided = sink.decided();
        assert_eq!((decided[0].applied, decided[0].quarantined), (3, 1));
        for _again in 0..2 {
            assert_eq!(sink.apply(&batches, NOW).await.expect("skipped"), 2);
        }
        let again = BatchSink::new(stage.open().await, vec![]).await.expect("a restarted sink");
        assert_eq!((again.committed(), again.decided()), (2, decided), "{}", stage.label);
        again.apply(&batches, NOW).await.expect("skipped after a restart");
        let alarms = AlarmStore::new(stage.open().await);
        assert_eq!(alarms.get(&hot.id).await.expect("read"), Some(hot.clone()), "{}", stage.label);
        assert_eq!(alarms.events(&hot.id).await.expect("read").len(), 1);
        let counts = QuarantineStore::new(stage.open().await).counts(10).await.expect("counts");
        assert_eq!(counts.iter().map(|c| c.count).sum::<u64>(), 1, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn batches_without_rows_wait_for_their_commit() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let quiet = |number| batch(number, vec![position("P-1")]);
        assert_eq!(sink.apply(&[quiet(1)], later(0)).await.expect("the first commits"), 1);
        assert_eq!(sink.apply(&[quiet(2)], later(100)).await.expect("waits"), 1);
        assert_eq!(sink.decided()[Channel::Mqtt as usize].applied, 3, "the ledger shows what is taken in");
        assert_eq!(sink.flush(Some(later(200))).await.expect("not yet"), 1);
        assert_eq!(sink.flush(Some(later(250))).await.expect("due"), 2);
        assert_eq!(sink.apply(&[quiet(3)], later(300)).await.expect("waits"), 2);
        let behind = BatchSink::new(stage.open().await, vec![]).await.expect("another reader");
        assert_eq!(behind.committed(), 2, "{}: what waits is not on disk", stage.label);
        assert_eq!(sink.flush(None).await.expect("at the end"), 3);
        assert_eq!(sink.committed(), 3);
    })
    .await;
}

/// An applier that fails until told otherwise, after it has written.
#[derive(Default)]
struct Reluctant(AtomicBool);

impl BatchApplier for Reluctant {
    fn name(&self) -> &'static str {
        "reluctant"
    }
    fn wants(&self, _output: &Output) -> bool {
        true
    }
    fn apply<'a>(&'a self, connection: &'a mut sqlx::AnyConnection, _: &'a [&'a Arc<BatchOutput>]) -> Applying<'a> {
        Box::pin(async move {
            let sql = if self.0.load(Ordering::SeqCst) { "SELECT 1" } else { "SELECT nonsense FROM nowhere" };
            sqlx::query(sql).execute(connection).await.map(drop).map_err(StoreError::when("be reluctant"))
        })
    }
}

#[tokio::test]
async fn a_failed_transaction_leaves_everything_as_it_was() {
    on_every_database(async |stage| {
        let reluctant = Arc::new(Reluctant::default());
        let sink = BatchSink::new(stage.open().await, vec![reluctant.clone()]).await.expect("a sink");
        let hot = alarm("C-1", 5);
        let batches = [batch(1, vec![change(&hot, Raised, 5), refused("C-2", "", 6, Reject::Empty)])];
        sink.apply(&batches, NOW).await.expect_err("the applier fails");
        let alarms = AlarmStore::new(stage.open().await);
        assert_eq!((sink.committed(), alarms.get(&hot.id).await.expect("read")), (0, None), "{}", stage.label);
        assert_eq!(sink.decided()[0].applied, 0);
        reluctant.0.store(true, Ordering::SeqCst);
        assert_eq!(sink.apply(&batches, NOW).await.expect("the same batch again"), 1);
        let counts = QuarantineStore::new(stage.open().await).counts(10).await.expect("counts");
        assert_eq!(counts.iter().map(|c| c.count).collect::<Vec<_>>(), [1], "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn restarts_at_any_batch_end_in_the_same_rows() {
    let life: Vec<Arc<BatchOutput>> = (1..=30u64)
        .map(|n| {
            let mut hot = alarm(&format!("C-{}", n % 4), n / 8 * 8 + 1);
            hot.count = n;
            let mut items = vec![position("P-1")];
            if n % 3 == 0 {
                items.push(change(&hot, if n % 2 == 0 { Repeated } else { Raised }, n));
            }
            if n % 5 == 0 {
                items.push(refused(&format!("D-{}", n % 2), "", n, Reject::Empty));
            }
            batch(n, items)
        })
        .collect();
    on_every_database(async |stage| {
        for (round, stop) in [1, 2, 7, 8, 15, 22, 29, 30].into_iter().enumerate() {
            // A new sink, a replay from somewhere at or before what it has, then a crash without a flush.
            let sink = sink(stage).await;
            assert!(sink.committed() <= stop);
            let start = (sink.committed() as usize).saturating_sub(round % 3);
            for (n, output) in life[start..stop as usize].iter().enumerate() {
                sink.apply(std::slice::from_ref(output), later(n as u64 * 100)).await.expect("applied");
            }
            if stop == 30 {
                sink.flush(None).await.expect("the end");
                let applied: u64 = (1..=30).sum();
                let decided = sink.decided()[0];
                assert_eq!((decided.applied, decided.quarantined), (applied, 6), "{}", stage.label);
            }
        }
        let alarms = AlarmStore::new(stage.open().await);
        let all = alarms.list(&AlarmFilter::default(), &PageRequest::first(100)).await.expect("listed");
        let mut events = 0;
        for alarm in &all.items {
            events += alarms.events(&alarm.id).await.expect("events").len();
        }
        assert_eq!(events, 10, "{}", stage.label);
        let counts = QuarantineStore::new(stage.open().await).counts(10).await.expect("counts");
        assert_eq!(counts.iter().map(|c| c.count).collect::<Vec<_>>(), [3, 3], "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn alarms_are_filtered_and_paged_without_gaps() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let mut items = vec![];
        for n in 0..150u64 {
            let mut one = alarm(&format!("C-{}", n % 3), n / 2);
            one.priority = if n % 10 == 0 { Priority::P1 } else { Priority::P3 };
            one.state = if n % 2 == 0 { AlarmState::Normal } else { AlarmState::Acknowledged };
            items.push(change(&one, Raised, n));
        }
        sink.apply(&[batch(1, items)], NOW).await.expect("applied");
        let alarms = AlarmStore::new(stage.open().await);
        let count = async |filter: AlarmFilter| {
            let page = alarms.list(&filter, &PageRequest::first(1000)).await.expect("listed");
            page.items.len()
        };
        let all = AlarmFilter::default;
        let source = Some(DeviceId::new("C-1").expect("an id"));
        assert_eq!(count(AlarmFilter { source, ..all() }).await, 50);
        assert_eq!(count(AlarmFilter { priorities: vec![Priority::P1], ..all() }).await, 15);
        assert_eq!(count(AlarmFilter { priorities: vec![Priority::P1, Priority::P3], ..all() }).await, 150);
        assert_eq!(count(AlarmFilter { standing: Some(true), ..all() }).await, 75);
        assert_eq!(count(AlarmFilter { states: vec![AlarmState::Normal], ..all() }).await, 75);
        assert_eq!(count(AlarmFilter { class: Some(greenhub_model::Class::Light), ..all() }).await, 0);

        let mut page = PageRequest::first(40);
        let mut seen = vec![];
        loop {
            let found = alarms.list(&all(), &page).await.expect("listed");
            seen.extend(found.items.iter().map(|alarm| (alarm.first_position, alarm.id.clone())));
            // What arrives meanwhile is newer than any page to come.
            let newer = alarm("C-9", 1_000 + seen.len() as u64);
            let number = 2 + seen.len() as u64;
            sink.apply(&[batch(number, vec![change(&newer, Raised, number)])], NOW).await.expect("applied");
            match found.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen.len(), 150, "{}", stage.label);
        assert!(seen.is_sorted_by(|a, b| a > b), "{}: newest first, each once", stage.label);
        let bad = PageRequest { limit: 1, cursor: Some("nonsense".into()) };
        alarms.list(&all(), &bad).await.expect_err("a cursor nobody gave out");
    })
    .await;
}

#[tokio::test]
async fn the_newest_state_and_all_events_of_an_alarm_are_kept_and_repeats_are_bounded() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let mut hot = alarm("C-1", 1);
        sink.apply(&[batch(1, vec![change(&hot, Raised, 1)])], NOW).await.expect("applied");
        hot.state = AlarmState::Acknowledged;
        sink.apply(&[batch(2, vec![change(&hot, Acknowledged, 2)])], NOW).await.expect("applied");
        let repeats: Vec<_> = (3..=2562u64)
            .map(|n| {
                hot.count = n - 1;
                batch(n, vec![change(&hot, Repeated, n)])
            })
            .collect();
        for some in repeats.chunks(256) {
            sink.apply(some, NOW).await.expect("applied");
        }
        let alarms = AlarmStore::new(stage.open().await);
        let now = alarms.get(&hot.id).await.expect("read").expect("there");
        assert_eq!((now.count, now.state), (2561, AlarmState::Acknowledged), "{}", stage.label);
        let events = alarms.events(&hot.id).await.expect("events");
        assert_eq!((events[0].kind, events[1].kind), (Raised, Acknowledged), "what was first stays");
        let repeats = events.len() - 2;
        assert!((1000..1512).contains(&repeats), "{}: {repeats} repeats", stage.label);
        assert_eq!(events.last().map(|e| e.position.0), Some(2562));
        let members = alarms.members(&hot.id).await.expect("members");
        assert_eq!(members.len(), repeats + 1, "an acknowledgement is no member");
    })
    .await;
}

#[tokio::test]
async fn the_quarantine_keeps_the_newest_and_counts_all() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let mut next = 0u64;
        let mut number = 0;
        while next < 12_000 {
            let items = (0..3000)
                .map(|_| {
                    next += 1;
                    refused(&format!("D-{}", next % 2), "", next, Reject::Empty)
                })
                .collect();
            number += 1;
            sink.apply(&[batch(number, items)], NOW).await.expect("applied");
        }
        let nameless = refused("", "gate\u{0}way", 12_001, Reject::UnknownTopic { topic: "x\u{0}".into() });
        sink.apply(&[batch(number + 1, vec![nameless])], NOW).await.expect("a NUL is no reason to stop");
        let store = QuarantineStore::new(stage.open().await);
        let counts = store.counts(10).await.expect("counts");
        let found: Vec<_> = counts.iter().map(|c| (c.device.as_str(), c.reason.as_str(), c.count)).collect();
        let expected = [("D-0", "empty", 6000), ("D-1", "empty", 6000), ("", "unknown_topic", 1)];
        assert_eq!(found, expected, "{}", stage.label);
        let of_device = QuarantineFilter { device: Some("D-1".into()), reason: None };
        let page = store.list(&of_device, &PageRequest::first(2)).await.expect("listed");
        assert_eq!(page.items.iter().map(|q| q.position.0).collect::<Vec<_>>(), [11_999, 11_997]);
        let next = PageRequest { limit: 2, cursor: page.next };
        let page = store.list(&of_device, &next).await.expect("listed");
        assert_eq!(page.items[0].position.0, 11_995, "{}", stage.label);
        let row = sqlx::query("SELECT COUNT(*) FROM quarantine").fetch_one(stage.open().await.readers()).await;
        assert_eq!(sqlx::Row::get::<i64, _>(&row.expect("counted"), 0), 10_000, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn invented_names_do_not_grow_the_counts_without_end() {
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let extra = 50;
        let mut number = 0;
        let names: Vec<String> = (0..quarantine::PAIRS_MAX + extra).map(|n| format!("X-{n}")).collect();
        for some in names.chunks(5_000) {
            number += 1;
            let items = some.iter().map(|name| refused(name, "", 1, Reject::Empty)).collect();
            sink.apply(&[batch(number, items)], NOW).await.expect("applied");
        }
        let store = QuarantineStore::new(stage.open().await);
        let counts = store.counts(1).await.expect("counts");
        assert_eq!((counts[0].device.as_str(), counts[0].count), (quarantine::OTHER, extra as u64), "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn devices_out_of_service_and_floods_follow_their_batches() {
    use greenhub_model::output::{Flood, Permit, ServiceChange};
    on_every_database(async |stage| {
        let sink = sink(stage).await;
        let service = |device: &str, at: i64, out: bool| {
            let permit = Permit {
                permit: "W-7".into(),
                reason: "换泵".into(),
                by: "wang".into(),
                since: at,
                planned_return: at + 60_000,
            };
            let device = DeviceId::new(device).expect("a device id");
            Output::Service(Box::new(ServiceChange { device, permit: out.then_some(permit), by: "wang".into(), at }))
        };
        let flood = |desk: &str, at: i64, flooded: bool| {
            Output::Flood(Flood { desk: desk.into(), title: "调度台".into(), flooded, at, count: 11 })
        };
        let first = [
            batch(1, vec![service("F-2", 20, true), service("F-1", 10, true), flood("d", 30, true)]),
            batch(2, vec![service("F-2", 40, false), flood("d", 50, false)]),
        ];
        sink.apply(&first, NOW).await.expect("applied");
        sink.apply(&[batch(3, vec![service("F-3", 60, true)])], later(1)).await.expect("applied");
        let desks = DeskStore::new(stage.open().await);
        let out: Vec<_> =
            desks.out_of_service().await.expect("listed").into_iter().map(|c| c.device.to_string()).collect();
        assert_eq!(out, ["F-1", "F-3"], "{}", stage.label);
        let edges = |floods: Vec<Flood>| floods.into_iter().map(|f| (f.at, f.flooded)).collect::<Vec<_>>();
        assert_eq!(edges(desks.floods(0, 100).await.expect("listed")), [(30, true), (50, false)], "{}", stage.label);
        assert_eq!(edges(desks.floods(31, 50).await.expect("listed")), [], "{}", stage.label);
    })
    .await;
}
