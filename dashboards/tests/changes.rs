//! Change control over HTTP: the whole way of a request, who is refused and with which words, and its traces.

mod kit;

use greenhub_alarms::RuleSet;
use greenhub_model::Role;
use kit::Hub;
use serde_json::{Value, json};

/// A wish that changes the delay of the first limit.
fn wish(delay_ms: i64) -> Value {
    json!({
        "title": "延长触发延时", "reason": "阵风引起误报",
        "edits": [{"op": "replace", "path": "/limits/0/on_delay_ms", "value": delay_ms}],
    })
}

struct People {
    hub: Hub,
    dispatcher: String,
    operator: String,
    admin: String,
    auditor: String,
}

impl People {
    async fn meet() -> Self {
        let hub = Hub::start().await;
        let token = async |role| hub.token(role).await;
        let (dispatcher, operator) = (token(Role::Dispatcher).await, token(Role::PlantOperator).await);
        let (admin, auditor) = (token(Role::Administrator).await, token(Role::Auditor).await);
        Self { hub, dispatcher, operator, admin, auditor }
    }

    async fn act(&self, token: &str, id: &Value, act: &str, body: Value) -> (u16, Value) {
        self.hub.post(token, &format!("/api/v1/changes/{id}/{act}"), body).await
    }

    async fn done(&self, token: &str, id: &Value, act: &str, body: Value) -> Value {
        let (status, answer) = self.act(token, id, act, body).await;
        assert!(status < 300, "{act}: {status} {answer}");
        answer
    }

    async fn refused(&self, token: &str, id: &Value, act: &str, status: u16, word: &str) {
        let (got, answer) = self.act(token, id, act, json!({"comment": "x"})).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(got == status && detail.contains(word), "{act}: {got} {answer}, wanted {status} {word}");
    }
}

#[tokio::test]
async fn a_request_goes_its_way_and_leaves_its_traces() {
    let people = People::meet().await;
    let (status, made) = people.hub.post(&people.operator, "/api/v1/changes", wish(77_000)).await;
    assert_eq!(status, 201, "{made}");
    let id = made["change"]["id"].clone();
    assert_eq!(made["diff"].as_array().map(Vec::len), Some(1), "{made}");
    assert_eq!(made["diff"][0]["becomes_text"], "77 秒", "{made}");
    assert_eq!(made["may"], json!(["edit", "submit", "withdraw", "emergency"]));
    people.refused(&people.admin, &id, "submit", 403, "申请人").await;
    people.done(&people.operator, &id, "submit", json!({})).await;
    people.refused(&people.operator, &id, "review", 403, "另一名").await;
    people.refused(&people.dispatcher, &id, "review", 403, "role").await;
    people.refused(&people.admin, &id, "approve", 409, "待审核").await;
    people.done(&people.admin, &id, "review", json!({"comment": "合理"})).await;
    people.refused(&people.operator, &id, "approve", 403, "另一名").await;
    people.refused(&people.admin, &id, "approve", 409, "回测").await;
    let test = people.done(&people.operator, &id, "backtest", json!({"days": 7})).await;
    assert_eq!((test["state"].as_str(), test["present"].as_bool()), (Some("done"), Some(true)), "{test}");
    let (status, answer) = people.act(&people.admin, &id, "approve", json!({"revision": 1})).await;
    assert_eq!(status, 409, "somebody acted meanwhile: {answer}");
    let approved = people.done(&people.admin, &id, "approve", json!({})).await;
    assert_eq!(approved["change"]["state"], "scheduled");
    let (_, shown) = people.hub.get(&people.auditor, &format!("/api/v1/changes/{id}")).await;
    let acts: Vec<&str> =
        shown["events"].as_array().expect("events").iter().filter_map(|e| e["act"].as_str()).collect();
    assert_eq!(acts, ["create", "submit", "review", "approve"]);
    assert_eq!(shown["may"], json!([]), "an auditor only reads");
    assert!(shown["backtest"]["result"].is_object(), "{shown}");
    let (_, candidate) = people.hub.get(&people.auditor, &format!("/api/v1/changes/{id}/rules")).await;
    assert_eq!((&candidate["version"], &candidate["limits"][0]["on_delay_ms"]), (&json!(2), &json!(77_000)));
    let (_, log) = people.hub.get(&people.auditor, "/api/v1/audit?limit=200").await;
    let lines: Vec<String> = log["items"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row["actor"].as_str().unwrap_or(""),
                row["action"].as_str().unwrap_or(""),
                row["outcome"].as_str().unwrap_or("")
            )
        })
        .collect();
    for line in [
        "plant_operator change_create done",
        "plant_operator change_approve refused",
        "administrator change_approve done",
        "plant_operator change_backtest done",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is missing: {lines:#?}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_sentences() {
    let people = People::meet().await;
    let post = async |path: &str, body: Value| people.hub.post(&people.operator, path, body).await;
    let bad = json!([
        {"op": "replace", "path": "/limits/0/deadband", "value": -1},
        {"op": "replace", "path": "/limits/1/off_delay_ms", "value": -1},
    ]);
    let (status, answer) = post("/api/v1/changes", json!({"title": "a", "reason": "b", "edits": bad})).await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["problems"].as_array().is_some_and(|list| list.len() >= 2), "{answer}");
    let (status, answer) = post("/api/v1/changes/check", json!({"edits": bad})).await;
    assert!(status == 200 && answer["problems"].as_array().is_some_and(|list| list.len() >= 2), "{answer}");
    let mut twice = wish(1);
    twice["restore"] = json!(1);
    let mut old = wish(1_000);
    old["base"] = json!(9);
    let mut past = wish(1_000);
    past["effective_at"] = json!(1_000);
    for (want, body) in [
        (422, twice),
        (409, old),
        (422, past),
        (422, json!({"title": "a", "reason": "b"})),
        (422, json!({"title": " ", "reason": "b", "restore": 1})),
        (404, json!({"title": "a", "reason": "b", "restore": 4})),
    ] {
        let (status, answer) = post("/api/v1/changes", body.clone()).await;
        assert_eq!(status, want, "{body}: {answer}");
        let chinese = answer["detail"].as_str().is_some_and(|text| text.chars().any(|c| c > '\u{3000}'));
        assert!(chinese, "{answer}");
    }
    assert_eq!(people.hub.get(&people.auditor, "/api/v1/changes").await.1["items"], json!([]), "nothing was kept");
    assert_eq!(people.hub.get(&people.auditor, "/api/v1/changes/12").await.0, 404);
}

#[tokio::test]
async fn a_draft_is_edited_by_its_requester_until_it_is_handed_in() {
    let people = People::meet().await;
    let (_, made) = people.hub.post(&people.dispatcher, "/api/v1/changes", wish(77_000)).await;
    let id = made["change"]["id"].clone();
    let patch = async |token: &str, body: Value| {
        let url = people.hub.url(&format!("/api/v1/changes/{id}"));
        let answer = people.hub.http.patch(url).bearer_auth(token).json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(patch(&people.admin, json!({"title": "别人的"})).await.0, 403);
    people.done(&people.dispatcher, &id, "backtest", json!({"days": 1})).await;
    let (status, edited) = patch(&people.dispatcher, json!({"title": "新标题"})).await;
    assert_eq!((status, &edited["change"]["backtested"]), (200, &json!(true)), "words change no candidate: {edited}");
    let (status, edited) = patch(&people.dispatcher, json!({"edits": wish(99_000)["edits"]})).await;
    assert_eq!((status, &edited["change"]["candidate"]), (200, &json!(2)), "{edited}");
    assert_eq!(edited["change"]["backtested"], false, "another candidate: {edited}");
    assert_eq!(edited["backtest"]["present"], false);
    let same = RuleSet::builtin().limits[0].on_delay_ms;
    let (_, edited) = patch(&people.dispatcher, json!({"edits": wish(same)["edits"]})).await;
    assert_eq!(edited["change"]["differences"], 0);
    people.refused(&people.dispatcher, &id, "submit", 422, "没有差异").await;
    people.refused(&people.dispatcher, &id, "emergency", 403, "role").await;
    people.done(&people.dispatcher, &id, "withdraw", json!({})).await;
    assert_eq!(patch(&people.dispatcher, json!({"title": "太晚"})).await.0, 409);
}

#[tokio::test]
async fn versions_are_shown_and_the_audit_finds_nothing_in_a_sound_hub() {
    let people = People::meet().await;
    let (_, rules) = people.hub.get(&people.auditor, "/api/v1/rules").await;
    assert_eq!((&rules["version"], &rules["running_version"]), (&json!(1), &json!(1)));
    let (_, versions) = people.hub.get(&people.auditor, "/api/v1/rules/versions").await;
    assert_eq!(versions[0]["origin"], "builtin", "{versions}");
    let (status, version) = people.hub.get(&people.auditor, "/api/v1/rules/versions/1").await;
    assert!(status == 200 && version["rules"]["limits"].is_array() && version["diff"] == json!([]), "{status}");
    assert_eq!(people.hub.get(&people.auditor, "/api/v1/rules/versions/7").await.0, 404);
    let (_, audit) = people.hub.get(&people.auditor, "/api/v1/rules/audit").await;
    assert_eq!(audit["findings"], json!([]), "{audit}");
    let (status, answer) = people.hub.post(&people.operator, "/api/v1/rules/versions/1/rollback", json!({})).await;
    assert_eq!(status, 409, "it is in force: {answer}");
    let (status, _) = people.hub.post(&people.operator, "/api/v1/rules/restore", json!({"comment": "演练"})).await;
    assert_eq!(status, 204);
}
