//! Hiding alarms through the whole hub: two people for what may kill, a permit for what is out of service, many at once.

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, publish_all};
use greenhub_tests::hub::Hub;
use greenhub_tests::now_ms;
use serde_json::{Value, json};

async fn state_of(api: &Api, id: &str) -> Value {
    api.get(&format!("/api/v1/alarms/{id}")).await["alarm"]["state"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fire_is_shelved_by_two_and_a_pump_goes_out_with_a_permit() {
    let hub = Hub::demo();
    let api = Api::login(&hub, "dispatcher").await;
    let topic = "greenhub/v1/plant/X-1/alarm".to_owned();
    publish_all(hub.mqtt(), "pit", vec![(topic, alarm(now_ms(), "FIRE", true, "critical"))]).await;
    api.settled_ledger(1).await;
    let found = api.list("/api/v1/alarms?source=X-1").await;
    let id = found[0]["id"].as_str().expect("an alarm has an id").to_owned();

    let until = now_ms() + 3_600_000;
    let shelve = format!("/api/v1/alarms/{id}/shelve");
    let with = |witness: Value| json!({"until": until, "reason": "演练", "witness": witness});
    let person = |name: &str, password: &str| json!({"username": name, "password": password});
    for (witness, status) in [
        (Value::Null, 422),
        (person("dispatcher", "greenhub-demo"), 422),
        (person("operator", "wrong"), 403),
        (person("crew", "greenhub-demo"), 403),
        (person("operator", "greenhub-demo"), 200),
    ] {
        let (got, answer) = api.try_post(&shelve, &with(witness.clone())).await;
        assert_eq!(got, status, "{witness}: {answer}");
    }
    assert_eq!(state_of(&api, &id).await, "shelved");
    api.post(&format!("/api/v1/alarms/{id}/unshelve"), &json!({})).await;

    let permit = json!({"permit": "W-7", "reason": "换泵", "planned_return": until});
    let (status, problem) = api.try_post("/api/v1/devices/NOBODY/remove-from-service", &permit).await;
    assert_eq!(status, 404, "{problem}");
    api.post("/api/v1/devices/X-1/remove-from-service", &permit).await;
    assert_eq!(state_of(&api, &id).await, "out_of_service");
    let out = api.get("/api/v1/out-of-service").await;
    assert_eq!((&out["items"][0]["device"], &out["items"][0]["permit"]["permit"]), (&json!("X-1"), &json!("W-7")));
    let (status, problem) = api.try_post("/api/v1/devices/X-1/remove-from-service", &permit).await;
    assert_eq!(status, 422, "out already: {problem}");
    api.post("/api/v1/devices/X-1/return-to-service", &json!({"comment": "已修好"})).await;
    assert_eq!(state_of(&api, &id).await, "unacknowledged");
    assert_eq!(api.get("/api/v1/out-of-service").await["items"], json!([]));

    let all = json!({"alarms": [id, "X-1.NONE.1"], "comment": "收到"});
    let answer = api.post("/api/v1/alarms/acknowledge", &all).await;
    assert_eq!(answer["done"], json!([id]));
    assert_eq!(answer["refused"][0]["alarm"], "X-1.NONE.1");
    assert_eq!(state_of(&api, &id).await, "acknowledged");
}
