//! A past moment through the whole hub: what stood then is shown, plays on, and belongs to who opened it.

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, position, publish_all};
use greenhub_tests::hub::Hub;
use greenhub_tests::live::Viewer;
use greenhub_tests::{now_ms, until};
use serde_json::{Value, json};
use std::time::Duration;

async fn walk_to(hub: &Hub, api: &Api, lon: f64, accepted: u64) -> i64 {
    let topic = "greenhub/v1/patrol/Z-1/position".to_owned();
    publish_all(hub.mqtt(), "walker", vec![(topic, position(now_ms(), lon, 31.2))]).await;
    api.settled_ledger(accepted).await;
    let at = now_ms();
    // The moment must lie between two batches: time is what this test is about.
    tokio::time::sleep(Duration::from_millis(300)).await;
    at + 100
}

fn lon_of(viewer: &Viewer) -> Option<f64> {
    viewer.entity("units", "Z-1")?["lon"].as_f64()
}

async fn opened(api: &Api, at: i64, speed: f64) -> String {
    let moment = api.post("/api/v1/past", &json!({"at": at, "speed": speed})).await;
    let path = format!("/api/v1/past/{}", moment["id"].as_str().expect("an id"));
    until("the moment to be reached", async || (api.get(&path).await["ready"] == true).then_some(())).await;
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shift_can_be_opened_and_played_again() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let first = walk_to(&hub, &api, 121.40, 1).await;
    let topic = "greenhub/v1/charger/Z-PILE/alarm".to_owned();
    publish_all(hub.mqtt(), "pile", vec![(topic, alarm(now_ms(), "OVER_TEMPERATURE", true, "critical"))]).await;
    let second = walk_to(&hub, &api, 121.41, 3).await;
    walk_to(&hub, &api, 121.42, 4).await;

    let path = opened(&api, second, 0.0).await;
    let mut viewer = Viewer::connect_at(&hub, &api.token, &format!("{path}/live"), json!({})).await;
    viewer.until("the second place", |v| lon_of(v) == Some(121.41)).await;
    assert!(viewer.all("alarms").any(|a| a["device"] == "Z-PILE"), "the alarm stood then");
    let clock = api.get(&path).await;
    assert_eq!((&clock["now"], &clock["speed"], &clock["ended"]), (&json!(second), &json!(0.0), &json!(false)));
    let answer: Value = api.put(&format!("{path}/speed"), &json!({"speed": 60})).await;
    assert_eq!(answer["speed"], 60.0);
    viewer.until("the third place", |v| lon_of(v) == Some(121.42)).await;
    until("the end of the record", async || (api.get(&path).await["ended"] == true).then_some(())).await;

    let earlier = opened(&api, first, 0.0).await;
    let mut viewer = Viewer::connect_at(&hub, &api.token, &format!("{earlier}/live"), json!({})).await;
    viewer.until("the first place", |v| lon_of(v) == Some(121.40)).await;
    assert_eq!(viewer.all("alarms").count(), 0, "no alarm yet");
    let (status, _) = api.try_get(&path).await;
    assert_eq!(status, 404, "a person has one moment open");

    let other = Api::login(&hub, "auditor").await;
    assert_eq!(other.try_get(&earlier).await.0, 404, "it is not theirs");
    assert_eq!(other.delete(&earlier).await, 404);
    let (status, problem) = api.try_post("/api/v1/past", &json!({"at": now_ms() + 60_000})).await;
    assert_eq!(status, 422, "{problem}");
    let (status, problem) = api.try_post("/api/v1/past", &json!({"at": 1_000})).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(api.delete(&earlier).await, 204);
    assert_eq!(api.try_get(&earlier).await.0, 404);
}
