//! `kill -9` at random moments under full load: what was acknowledged is in the log as sent, and the tables are those of
//! an uninterrupted run.
//!
//! `GREENHUB_TEST_KILLS` sets the number of kills (50 by default), `GREENHUB_TEST_SEED` replays a run.

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, position, publish_until_cut};
use greenhub_tests::hub::{Hub, Options, run};
use greenhub_tests::{Random, now_ms};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PUBLISHERS: u64 = 4;
const MESSAGES: u64 = 3_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Messages of one publisher in one round; each is unlike every other.
fn messages(round: u64, publisher: u64, random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let now = now_ms();
    let message = |n: u64, random: &mut Random| {
        let device = random.below(20);
        if random.below(10) == 0 {
            let code = ["OVER_TEMPERATURE", "GROUND_FAULT", "OVER_CURRENT"][random.below(3) as usize];
            let (active, severity) = (random.below(3) > 0, ["critical", "major", "minor"][random.below(3) as usize]);
            let mut payload = alarm(now, code, active, severity);
            let marker = format!(r#","marker":"{round}-{publisher}-{n}"}}"#);
            payload.truncate(payload.len() - 1);
            payload.extend_from_slice(marker.as_bytes());
            (format!("greenhub/v1/charger/K-PILE-{device}/alarm"), payload)
        } else {
            let mut payload = position(now, 121.3 + n as f64 / 1e5, 31.2 + round as f64 / 1e4);
            let marker = format!(r#","marker":"{round}-{publisher}-{n}"}}"#);
            payload.truncate(payload.len() - 1);
            payload.extend_from_slice(marker.as_bytes());
            (format!("greenhub/v1/patrol/K-{device}/position"), payload)
        }
    };
    (0..MESSAGES).map(|n| message(n, random)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_decided_twice() {
    let (kills, seed) = (number("GREENHUB_TEST_KILLS", 50), number("GREENHUB_TEST_SEED", now_ms() as u64));
    println!("GREENHUB_TEST_SEED={seed} GREENHUB_TEST_KILLS={kills}");
    let mut random = Random(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let options = Options { demo: true, ..Options::default() };
    let mut acknowledged: BTreeSet<(String, Vec<u8>)> = BTreeSet::new();
    for round in 0..kills {
        let hub = Hub::start_in(&data, &options);
        let address = hub.mqtt().to_owned();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let (address, messages) = (address.clone(), messages(round, publisher, &mut random));
                tokio::spawn(async move {
                    let client = format!("k-{round}-{publisher}");
                    let indices = publish_until_cut(&address, &client, messages.clone()).await;
                    indices.into_iter().map(|i| messages[i].clone()).collect::<Vec<_>>()
                })
            })
            .collect();
        // Not a wait for a condition: the moment of the kill is the input of this test.
        tokio::time::sleep(Duration::from_millis(20 + random.below(250))).await;
        hub.kill();
        for publisher in publishers {
            acknowledged.extend(publisher.await.expect("a publisher ends when the hub is gone"));
        }
    }
    assert!(acknowledged.len() as u64 > kills * 10, "only {} messages were acknowledged", acknowledged.len());

    let hub = Hub::start_in(&data, &options);
    let api = Api::login(&hub, "auditor").await;
    let ledger = api.settled_ledger(acknowledged.len() as u64).await;
    let alarms = by_id(api.list("/api/v1/alarms").await);
    let orders: BTreeSet<String> = by_id(api.list("/api/v1/orders").await).into_keys().collect();
    let (_, _) = hub.stop();

    let path = data.to_str().expect("temporary paths are text");
    let (ok, lines, errors) = run(&["export", "log", "--data", path]);
    assert!(ok, "{errors}");
    let mut stored = BTreeSet::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("the export is JSON lines");
        if record["kind"] == "message" {
            let text = |key: &str| record[key].as_str().expect("a text member").to_owned();
            stored.insert((text("topic"), text("payload").into_bytes()));
        }
    }
    let lost: Vec<_> = acknowledged.difference(&stored).take(3).collect();
    assert!(lost.is_empty(), "acknowledged and not in the log: {lost:?}");
    println!("acknowledged {}, stored {}, ledger {ledger}", acknowledged.len(), stored.len());

    let (ok, report, errors) = run(&["replay", "--data", path, "--json"]);
    assert!(ok, "{errors}");
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    let replayed: BTreeMap<String, Value> = report["alarms"]
        .as_array()
        .expect("alarms")
        .iter()
        .map(|alarm| (alarm["alarm"].as_str().expect("an alarm has an id").to_owned(), alarm.clone()))
        .collect();
    assert_eq!(alarms.len(), replayed.len(), "number of alarms: running hub, replay");
    const MEMBERS: [&str; 9] =
        ["device", "code", "title", "severity", "priority", "raised_at", "returned_at", "count", "first_position"];
    for (id, alarm) in &alarms {
        for member in MEMBERS {
            let again = replayed.get(id).map(|a| &a[member]);
            assert_eq!(Some(&alarm[member]), again, "{member} of alarm {id}: running hub, replay");
        }
    }
    let triggered: BTreeSet<String> =
        report["orders"].as_array().expect("orders").iter().filter_map(|o| o.as_str().map(str::to_owned)).collect();
    assert_eq!(orders, triggered, "orders: running hub, replay");
}

fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    rows.into_iter().map(|row| (row["id"].as_str().expect("a row has an id").to_owned(), row)).collect()
}
