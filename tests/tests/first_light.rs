//! The thin thread, end to end: a device publishes, the hub stores, decides and shows.

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, position, publish_all};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::live::Viewer;
use greenhub_tests::{now_ms, until};
use serde_json::json;

const POSITION: &str = "greenhub/v1/patrol/T-001/position";
const ALARM: &str = "greenhub/v1/charger/T-PILE-1/alarm";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_is_stored_shown_and_kept() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let mut viewer = Viewer::connect(&hub, &api.token, json!({})).await;
    let start = now_ms() - 10_000;
    let messages = (0..10).map(|n| (POSITION.to_owned(), position(start + n * 1000, 121.40 + n as f64 / 1e4, 31.22)));
    publish_all(hub.mqtt(), "t-001", messages.collect()).await;
    viewer
        .until("the unit at its last place", |v| {
            v.entity("units", "T-001").is_some_and(|u| (u["lon"].as_f64().unwrap_or(0.0) - 121.4009).abs() < 1e-9)
        })
        .await;
    let unit = viewer.entity("units", "T-001").expect("just seen");
    assert_eq!((unit["state"].as_str(), unit["heading_deg"].as_f64()), (Some("online"), Some(270.0)), "{unit}");
    api.settled_ledger(10).await;
    let path = format!("/api/v1/units/T-001/track?from={}&to={}", start - 1, now_ms() + 1000);
    let track = until("the track", async || {
        let track = api.get(&path).await;
        (track["points"].as_array().map(Vec::len) == Some(10)).then_some(track)
    })
    .await;
    assert_eq!(track["points"][0][0], json!(start), "{track}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_raised_acknowledged_and_has_one_order_across_a_restart() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let mut viewer = Viewer::connect(&hub, &api.token, json!({})).await;
    for _ in 0..3 {
        let raise = alarm(now_ms(), "OVER_TEMPERATURE", true, "critical");
        publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), raise)]).await;
    }
    let is_ours = |a: &serde_json::Value| a["device"] == "T-PILE-1";
    viewer
        .until("the alarm with three merged raises", |v| v.all("alarms").any(|a| is_ours(a) && a["count"] == 3))
        .await;
    let shown = viewer.all("alarms").find(|a| is_ours(a)).expect("just seen").clone();
    assert_eq!(shown["state"], "unacknowledged", "{shown}");
    let id = shown["id"].as_str().expect("an id").to_owned();
    viewer.until("its order", |v| v.all("orders").any(|o| o["alarm"] == id.as_str())).await;

    let answer = api.post(&format!("/api/v1/alarms/{id}/acknowledge"), &json!({"comment": "seen"})).await;
    assert_eq!(answer["alarm"]["state"], "acknowledged", "{answer}");
    viewer
        .until("the acknowledged alarm", |v| {
            v.entity("alarms", &id)
                .is_some_and(|a| a["state"] == "acknowledged" && a["acknowledged_by"] == "dispatcher")
        })
        .await;
    let detail = api.get(&format!("/api/v1/alarms/{id}")).await;
    let kinds: Vec<_> = detail["timeline"].as_array().expect("a timeline").iter().map(|e| e["kind"].clone()).collect();
    assert!(kinds.contains(&json!("raised")) && kinds.contains(&json!("acknowledged")), "{kinds:?}");
    assert_eq!(detail["order"]["alarm"], id.as_str(), "{detail}");

    let (_, guard) = hub.stop();
    let guard = guard.expect("the hub had a directory of its own");
    let hub = Hub::start_in(guard.path(), &Options { demo: true, ..Options::default() });
    let api = Api::login(&hub, "dispatcher").await;
    let orders = api.list("/api/v1/orders").await;
    let ours: Vec<_> = orders.iter().filter(|o| o["alarm"] == id.as_str()).collect();
    assert_eq!(ours.len(), 1, "{orders:?}");
    let mut viewer = Viewer::connect(&hub, &api.token, json!({})).await;
    viewer.until("the alarm after the restart", |v| v.entity("alarms", &id).is_some()).await;
    let clear = alarm(now_ms(), "OVER_TEMPERATURE", false, "critical");
    publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), clear)]).await;
    viewer.until("the alarm gone", |v| v.entity("alarms", &id).is_none()).await;
    let detail = api.get(&format!("/api/v1/alarms/{id}")).await;
    assert_eq!((&detail["alarm"]["state"], &detail["alarm"]["count"]), (&json!("normal"), &json!(3)), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_resumes_without_a_gap() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let mut viewer = Viewer::connect(&hub, &api.token, json!({})).await;
    viewer.until("a snapshot", |v| v.snapshots == 1).await;
    publish_all(hub.mqtt(), "a", vec![(POSITION.to_owned(), position(now_ms(), 121.40, 31.22))]).await;
    viewer.until("the unit", |v| v.entity("units", "T-001").is_some()).await;
    let cursor = viewer.cursor.clone();
    drop(viewer);
    publish_all(hub.mqtt(), "b", vec![(POSITION.to_owned(), position(now_ms(), 121.41, 31.23))]).await;
    let raise = alarm(now_ms(), "OVER_TEMPERATURE", true, "major");
    publish_all(hub.mqtt(), "c", vec![(ALARM.to_owned(), raise)]).await;
    api.settled_ledger(3).await;
    let mut viewer = Viewer::connect(&hub, &api.token, json!({"resume": cursor})).await;
    viewer
        .until("what was missed", |v| {
            v.entity("units", "T-001").is_some_and(|u| u["lon"] == 121.41)
                && v.events.iter().any(|e| e["kind"] == "raised")
        })
        .await;
    assert_eq!(viewer.snapshots, 0, "resume must continue, not start over");
}
