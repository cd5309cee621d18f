//! Behaviour suite of the facts: what a report reads, on every database.

use super::testing::{Stage, alarm, batch, change, on_every_database};
use super::*;
use greenhub_model::alarm::AlarmEventKind::{Acknowledged, Commented, Raised, Repeated, Returned, Shelved};
use greenhub_model::kpi::AlarmFact;
use greenhub_model::time::Monotonic;
use greenhub_model::{Alarm, AlarmState, Output, Priority};
use sqlx::Executor;

const NOW: Monotonic = Monotonic(1_000_000);
/// Receive time of batch 0.
const T0: i64 = 1_763_899_200_000;

fn called(output: Output) -> Output {
    match output {
        Output::Alarm(mut change) => {
            change.event.called = true;
            Output::Alarm(change)
        }
        other => other,
    }
}

fn with(alarm: &Alarm, state: AlarmState) -> Alarm {
    Alarm { state, ..alarm.clone() }
}

async fn store(stage: &Stage) -> (BatchSink, AlarmStore) {
    let sink = BatchSink::new(stage.open().await, vec![]).await.expect("a sink");
    (sink, AlarmStore::new(stage.open().await))
}

fn brief(fact: &AlarmFact) -> (i64, &str, bool) {
    (fact.at - T0, fact.device.as_str(), fact.called)
}

#[tokio::test]
async fn facts_of_a_period_come_in_order_without_repeats() {
    on_every_database(async |stage| {
        let (sink, alarms) = store(stage).await;
        let (hot, old) = (alarm("C-1", 5), alarm("C-2", 6));
        let mut urgent = with(&hot, AlarmState::Acknowledged);
        urgent.priority = Priority::P1;
        let batches = [
            batch(10, vec![called(change(&old, Raised, 1))]),
            batch(20, vec![called(change(&hot, Raised, 2)), change(&old, Repeated, 3)]),
            batch(30, vec![change(&urgent, Acknowledged, 4), change(&old, Commented, 5)]),
            batch(40, vec![change(&with(&hot, AlarmState::Normal), Returned, 6)]),
        ];
        sink.apply(&batches, NOW).await.expect("applied");
        let facts = alarms.facts(T0 + 20, T0 + 40, None).await.expect("facts");
        let rows: Vec<_> = facts.iter().map(brief).collect();
        assert_eq!(rows, [(20, "C-1", true), (30, "C-1", false), (30, "C-2", false)], "{}", stage.label);
        assert_eq!((facts[0].priority, facts[1].priority), (Priority::P2, Priority::P1), "as it was then");
        assert_eq!((facts[1].kind, facts[1].state, facts[1].item), (Acknowledged, AlarmState::Acknowledged, 0));
        assert_eq!((facts[0].title.as_str(), facts[0].sub_district.as_str()), ("过温", "临汾路街道"));
        let rest = alarms.facts(T0, T0 + 100, Some(FactPlace::of(&facts[1]))).await.expect("the rest");
        assert_eq!(rest.iter().map(brief).collect::<Vec<_>>(), [(30, "C-2", false), (40, "C-1", false)]);
        assert_eq!(alarms.newest_fact().await.expect("newest"), FactPlace::of(&rest[1]), "{}", stage.label);
        let remarks = alarms.remarks(T0, T0 + 100, 10).await.expect("remarks");
        assert_eq!((remarks.len(), remarks[0].2.title.as_str(), remarks[0].2.at), (1, "过温", T0 + 30));
    })
    .await;
}

#[tokio::test]
async fn what_stood_before_a_period_is_found_with_its_past() {
    on_every_database(async |stage| {
        let (sink, alarms) = store(stage).await;
        let (stands, over_before, over_later, later) =
            (alarm("C-1", 1), alarm("C-2", 2), alarm("C-3", 3), alarm("C-4", 4));
        let normal = |alarm: &Alarm| with(alarm, AlarmState::Normal);
        let hidden = with(&stands, AlarmState::Shelved);
        let raised = [&stands, &over_before, &over_later].map(|alarm| called(change(alarm, Raised, 1)));
        let batches = [
            batch(10, raised.to_vec()),
            batch(20, vec![change(&normal(&over_before), Returned, 2), change(&hidden, Shelved, 3)]),
            batch(60, vec![change(&normal(&over_later), Returned, 4), called(change(&later, Raised, 5))]),
        ];
        sink.apply(&batches, NOW).await.expect("applied");
        let ids = alarms.standing_before(T0 + 50, None).await.expect("ids");
        assert_eq!(ids, [stands.id.clone(), over_later.id.clone()], "{}", stage.label);
        let after = alarms.standing_before(T0 + 50, Some(&ids[0])).await.expect("ids");
        assert_eq!(after, ids[1..]);
        let facts = alarms.facts_of(&ids, T0 + 50, 1000).await.expect("facts");
        let rows: Vec<_> = facts.iter().map(brief).collect();
        assert_eq!(rows, [(10, "C-1", true), (20, "C-1", false), (10, "C-3", true)]);
        let hidings = alarms.hidings(&ids, T0 + 50).await.expect("hidings");
        assert_eq!(hidings.keys().collect::<Vec<_>>(), [&stands.id]);
        assert!(alarms.hidings(&ids, T0 + 20).await.expect("hidings").is_empty(), "not hidden yet then");
    })
    .await;
}

#[tokio::test]
async fn rows_of_an_older_hub_become_facts() {
    on_every_database(async |stage| {
        sqlx::any::install_default_drivers();
        let url = match stage.label {
            "sqlite" => format!("{}?mode=rwc", stage.url()),
            _ => stage.url().to_owned(),
        };
        let backend = if stage.label == "sqlite" { Backend::Sqlite } else { Backend::Postgres };
        let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&url).await.expect("a connection");
        let before = &migration::STORAGE_MIGRATIONS[..5];
        migration::run(&pool, backend, migration::STORAGE, before).await.expect("the tables of an older hub");
        let hot = alarm("C-1", 5);
        let body = serde_json::to_string(&hot).expect("JSON");
        let insert = "INSERT INTO alarms (id, device, class, code, state, priority, standing, raised_at, first_position, \
                      last_position, body) VALUES ($1, 'C-1', 'charger', 'OVER_TEMPERATURE', 'acknowledged', 'P2', 1, \
                      1, 5, 5, $2)";
        pool.execute(sqlx::query(insert).bind(hot.id.to_string()).bind(body)).await.expect("an old alarm");
        let events = [("raised", 1, T0 + 10, "unacknowledged"), ("acknowledged", 2, T0 + 5, "acknowledged")];
        for (kind, batch, at, state) in events {
            let body = serde_json::json!({"alarm": hot.id, "kind": kind, "at": at, "position": 1, "by": "x", "text": "",
                "state": state, "value": null});
            let insert = "INSERT INTO alarm_events (alarm, position, batch, item, kind, body) VALUES ($1, 1, $2, 0, $3, $4)";
            let query = sqlx::query(insert).bind(hot.id.to_string()).bind(batch).bind(kind).bind(body.to_string());
            pool.execute(query).await.expect("an old event");
        }
        pool.close().await;
        let alarms = AlarmStore::new(stage.open().await);
        let facts = alarms.facts(0, i64::MAX, None).await.expect("facts");
        let rows: Vec<_> = facts.iter().map(brief).collect();
        assert_eq!(rows, [(10, "C-1", true), (10, "C-1", false)], "{}: time never goes back", stage.label);
        assert_eq!((facts[1].state, facts[1].title.as_str()), (AlarmState::Acknowledged, "过温"));
        assert_eq!(alarms.standing_before(T0 + 11, None).await.expect("ids"), std::slice::from_ref(&hot.id));
        assert!(alarms.standing_before(T0 + 10, None).await.expect("ids").is_empty());
    })
    .await;
}
