//! Notices over real requests: rules with one successor, trials through the journal, and each person's own list.

mod kit;

use greenhub_model::Role;
use greenhub_model::push::base64url;
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
    assert_eq!(later, json!({"items": [], "last": 1, "read": 0, "unread": 1}));
    let crew = hub.token(Role::Crew).await;
    assert_eq!(hub.get(&crew, "/api/v1/notifications").await.1["items"], json!([]));
    assert_eq!(hub.get(&crew, "/api/v1/notify/deliveries").await.0, 403);
    hub.stop().await;
}

#[tokio::test]
async fn what_was_read_is_known_on_every_browser_of_a_person() {
    let hub = Hub::start().await;
    let (admin, clerk) = (hub.token(Role::Administrator).await, hub.token(Role::Clerk).await);
    for _ in 0..3 {
        hub.post(&admin, "/api/v1/notify/test", json!({"receiver": {"user": "clerk"}})).await;
        hub.post(&admin, "/api/v1/notify/test", json!({"receiver": {"role": "crew"}})).await;
    }
    let read = async |seq: i64| {
        let request = hub.http.put(hub.url("/api/v1/notifications/read")).bearer_auth(&clerk);
        let answer = request.json(&json!({"seq": seq})).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (_, told) = hub.get(&clerk, "/api/v1/notifications").await;
    assert_eq!((&told["read"], &told["unread"]), (&json!(0), &json!(3)), "{told}");
    assert_eq!(read(3).await, (200, json!({"read": 3, "unread": 1})));
    assert_eq!(read(1).await, (200, json!({"read": 3, "unread": 1})), "it never goes back");
    assert_eq!(read(7).await.0, 422, "what nobody has been told yet cannot be read");
    assert_eq!(read(-1).await.0, 422);
    hub.stop().await;
}

#[tokio::test]
async fn people_subscribe_own_browsers_at_addresses_that_may_be_called() {
    let hub = Hub::start().await;
    let (clerk, crew) = (hub.token(Role::Clerk).await, hub.token(Role::Crew).await);
    let path = "/api/v1/push/subscriptions";
    let keys = json!({"p256dh": base64url(&[4; 65]), "auth": base64url(&[7; 16])});
    let body = |endpoint: &str| json!({"endpoint": endpoint, "expirationTime": null, "keys": keys, "label": "Firefox"});
    assert_eq!(hub.get(&clerk, "/api/v1/push/key").await, (200, json!({"key": "BKey"})));
    let mozilla = "https://updates.push.services.mozilla.com/wpush/v2/a";
    assert_eq!(hub.post(&clerk, path, body(mozilla)).await.0, 201);
    assert_eq!(hub.post(&clerk, path, body("http://127.0.0.1:9000/x")).await.0, 201, "configured");
    for (endpoint, words) in [
        ("http://updates.push.services.mozilla.com/x", "https://"),
        ("https://10.0.0.1/x", "公网域名"),
        ("https://127.0.0.1:9001/x", "公网域名"),
        ("https://localhost/x", "公网域名"),
        ("file:///etc/passwd", "网址"),
    ] {
        let (status, problem) = hub.post(&clerk, path, body(endpoint)).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 422 && detail.contains(words), "{endpoint}: {status} {problem}");
    }
    let (status, problem) =
        hub.post(&clerk, path, json!({"endpoint": mozilla, "keys": {"p256dh": "x", "auth": "y"}})).await;
    assert!(status == 422 && problem["detail"].as_str().is_some_and(|words| words.contains("p256dh")), "{problem}");
    let own = async |token: &str| hub.get(token, path).await.1["items"].as_array().map_or(0, Vec::len);
    assert_eq!((own(&clerk).await, own(&crew).await), (2, 0));
    let remove = async |token: &str| {
        let request = hub.http.delete(hub.url(path)).bearer_auth(token).json(&json!({"endpoint": mozilla}));
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((remove(&crew).await, own(&clerk).await), (204, 2), "nobody takes out another's browser");
    assert_eq!((remove(&clerk).await, own(&clerk).await), (204, 1));
    assert_eq!(hub.post(&clerk, "/api/v1/push/test", json!({})).await.0, 202);
    let admin = hub.token(Role::Administrator).await;
    let (_, page) = hub.get(&admin, "/api/v1/notify/deliveries?state=queued").await;
    assert_eq!(page["items"][0]["channel"], "push", "{page}");
    assert_eq!(page["items"][0]["notice"]["title"], "通知测试");
    hub.stop().await;
}
