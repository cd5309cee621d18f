//! Notices over real requests: rules with one successor, trials through the journal, and each person's own list.

mod kit;

use greenhub_model::Role;
use kit::Hub;
use serde_json::{Value, json};

async fn put(hub: &Hub, token: &str, rules: &Value) -> (u16, Value) {
    let request = hub.http.put(hub.url("/api/v1/notify/rules")).bearer_auth(token).json(rules);
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn rules_are_checked_and_have_one_successor() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Administrator).await;
    let (_, there) = hub.get(&token, "/api/v1/notify/rules").await;
    assert_eq!((&there["version"], &there["by"]), (&json!(1), &json!("")), "{there}");
    assert_eq!(there["receivers"], json!([{"name": "ops", "kind": "webhook", "target": "ops.example"}]));
    let mut rules = there["rules"].clone();
    rules["routes"][0]["receivers"] = json!([{"webhook": "ops"}, {"role": "dispatcher"}]);
    let (status, new) = put(&hub, &token, &rules).await;
    assert_eq!((status, &new["version"], &new["by"]), (200, &json!(2), &json!("administrator")), "{new}");
    let (status, problem) = put(&hub, &token, &rules).await;
    assert_eq!(status, 409, "made from a version that is not the newest any more: {problem}");
    rules["version"] = json!(2);
    rules["routes"][0]["receivers"] = json!([{"webhook": "nowhere"}]);
    let (status, problem) = put(&hub, &token, &rules).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().expect("words").contains("nowhere"), "{problem}");
    let reader = hub.token(Role::Dispatcher).await;
    assert_eq!(put(&hub, &reader, &rules).await.0, 403);
    let (_, audit) = hub.get(&token, "/api/v1/audit").await;
    assert!(audit["items"].as_array().expect("rows").iter().any(|row| row["action"] == "notify_rules"), "{audit}");
    hub.stop().await;
}

#[tokio::test]
async fn a_trial_goes_through_the_journal_to_those_it_names() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Administrator).await;
    let test = |receiver: Value| json!({"receiver": receiver});
    for (receiver, state) in [(json!({"role": "clerk"}), "sent"), (json!({"webhook": "ops"}), "queued")] {
        let (status, answer) = hub.post(&token, "/api/v1/notify/test", test(receiver.clone())).await;
        assert_eq!(status, 202, "{answer}");
        let (_, page) = hub.get(&token, &format!("/api/v1/notify/deliveries?state={state}")).await;
        assert_eq!((&page["items"][0]["seq"], &page["items"][0]["notice"]["receiver"]), (&answer["seq"], &receiver));
    }
    let (status, problem) = hub.post(&token, "/api/v1/notify/test", test(json!({"sms": "ops"}))).await;
    assert_eq!(status, 422, "{problem}");
    let clerk = hub.token(Role::Clerk).await;
    let (_, told) = hub.get(&clerk, "/api/v1/notifications").await;
    assert_eq!((told["items"].as_array().map(Vec::len), &told["last"]), (Some(1), &json!(1)), "{told}");
    assert_eq!(told["items"][0]["notice"]["kind"], "test");
    let (_, later) = hub.get(&clerk, "/api/v1/notifications?after=1").await;
    assert_eq!(later, json!({"items": [], "last": 1}));
    let crew = hub.token(Role::Crew).await;
    assert_eq!(hub.get(&crew, "/api/v1/notifications").await.1["items"], json!([]));
    assert_eq!(hub.get(&crew, "/api/v1/notify/deliveries").await.0, 403);
    hub.stop().await;
}
