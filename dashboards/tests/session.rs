//! Logging in and out, the cookie's rules, the limits, and the audit log that remembers.

mod kit;

use greenhub_dashboards::{LiveConfig, WebOptions};
use greenhub_model::Role;
use kit::{Hub, PASSWORD};
use serde_json::json;

async fn login(hub: &Hub, username: &str, password: &str) -> reqwest::Response {
    let body = json!({"username": username, "password": password});
    hub.http.post(hub.url("/api/v1/session")).json(&body).send().await.expect("an answer")
}

#[tokio::test]
async fn a_login_gives_a_token_and_a_cookie_that_scripts_cannot_read() {
    let hub = Hub::start().await;
    let answer = login(&hub, "dispatcher", PASSWORD).await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    for part in ["greenhub_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{part} is missing in {cookie}");
    }
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body["user"]["role"], "dispatcher");
    assert_eq!(body["must_change_password"], false);
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let call =
        |method: reqwest::Method, path: &str| hub.http.request(method, hub.url(path)).header("cookie", cookie.clone());
    let me = call(reqwest::Method::GET, "/api/v1/session").send().await.expect("an answer");
    assert_eq!(me.status(), 200);
    let bare = call(reqwest::Method::DELETE, "/api/v1/session").send().await.expect("an answer");
    assert_eq!(bare.status(), 403, "another site could have sent this");
    let meant = call(reqwest::Method::DELETE, "/api/v1/session").header("x-greenhub-request", "1");
    assert_eq!(meant.send().await.expect("an answer").status(), 204);
    let over = call(reqwest::Method::GET, "/api/v1/session").send().await.expect("an answer");
    assert_eq!(over.status(), 401);
    assert_eq!(over.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn failures_lock_a_name_and_are_audited() {
    let hub = Hub::start().await;
    for _ in 0..5 {
        assert_eq!(login(&hub, "clerk", "wrong").await.status(), 401);
    }
    let locked = login(&hub, "clerk", PASSWORD).await;
    assert_eq!(locked.status(), 429);
    let wait: i64 = locked.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((60..=3600).contains(&wait), "{wait}");
    assert_eq!(login(&hub, "dispatcher", PASSWORD).await.status(), 200, "others come in");
    let auditor = hub.token(Role::Auditor).await;
    let (status, audit) = hub.get(&auditor, "/api/v1/audit?limit=100").await;
    assert_eq!(status, 200);
    let rows = audit["items"].as_array().expect("rows");
    let refused = rows.iter().filter(|r| r["actor"] == "clerk" && r["outcome"] == "refused").count();
    assert!(refused >= 5, "{refused} of 5 failures audited");
    let (_, verdict) = hub.get(&auditor, "/api/v1/audit/verdict").await;
    assert!(verdict["broken_at"].is_null() && verdict["entries"].as_i64() > Some(5), "{verdict}");
}

#[tokio::test]
async fn one_address_cannot_try_without_end() {
    let options = WebOptions { login_burst: 3, logins_per_minute: 1, ..WebOptions::default() };
    let hub = Hub::start_with(LiveConfig::new(), options).await;
    for n in 0..3 {
        assert_eq!(login(&hub, &format!("somebody{n}"), "x").await.status(), 401);
    }
    let limited = login(&hub, "dispatcher", PASSWORD).await;
    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn an_administrator_makes_and_shuts_out_users() {
    let hub = Hub::start().await;
    let admin = hub.token(Role::Administrator).await;
    let new = json!({"username": "lihua", "name": "李华", "role": "crew", "password": "short"});
    assert_eq!(hub.post(&admin, "/api/v1/users", new).await.0, 422);
    let new = json!({"username": "lihua", "name": "李华", "role": "crew", "password": PASSWORD});
    let (status, user) = hub.post(&admin, "/api/v1/users", new.clone()).await;
    assert_eq!((status, &user["must_change_password"]), (201, &json!(true)));
    assert_eq!(hub.post(&admin, "/api/v1/users", new).await.0, 409);
    assert_eq!(login(&hub, "lihua", PASSWORD).await.status(), 200);
    let patch = |path: &str, body: serde_json::Value| hub.http.patch(hub.url(path)).bearer_auth(&admin).json(&body);
    let shut = patch("/api/v1/users/lihua", json!({"disabled": true})).send().await.expect("an answer");
    assert_eq!(shut.status(), 200);
    assert_eq!(login(&hub, "lihua", PASSWORD).await.status(), 401);
    let last = patch("/api/v1/users/administrator", json!({"role": "crew"})).send().await.expect("an answer");
    assert_eq!(last.status(), 409, "the last administrator stays one");
}

#[tokio::test]
async fn a_person_changes_their_password() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Crew).await;
    let put = |current: &str, password: &str| {
        let body = json!({"current": current, "password": password});
        hub.http.put(hub.url("/api/v1/session/password")).bearer_auth(&token).json(&body).send()
    };
    assert_eq!(put("wrong", "Another lamp 48 hums").await.expect("an answer").status(), 403);
    assert_eq!(put(PASSWORD, "Another lamp 48 hums").await.expect("an answer").status(), 204);
    assert_eq!(hub.get(&token, "/api/v1/session").await.0, 401, "sessions of the old password are over");
    assert_eq!(login(&hub, "crew", "Another lamp 48 hums").await.status(), 200);
}
