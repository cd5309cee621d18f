//! Notices of orders by the ways outside, through the whole hub against real local servers: a text that fails is followed
//! by a call, a call that nobody takes by the next person, each at once and in the journal; another system is told of its
//! team's orders in order.

use greenhub_tests::api::Api;
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::peers::free_port;
use greenhub_tests::receiver::{Call, Receiver};
use greenhub_tests::{now_ms, until};
use reqwest::{Client, StatusCode};
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &str = "a secret of the test";

fn gateway() -> Receiver {
    Receiver::answering(204, "x-test: 1")
}

fn options(sms: u16, voice: u16, parks: u16) -> Options {
    let config = format!(
        "[notify]\nretry_min = \"100ms\"\nretry_max = \"300ms\"\n\
         [dispatch.sms]\nurl = \"http://127.0.0.1:{sms}/send\"\nsecret = \"{SECRET}\"\n\
         body = '{{\"to\": \"{{to}}\", \"text\": \"{{text}}\"}}'\nauthorization = \"Bearer {{secret}}\"\n\
         [dispatch.voice]\nurl = \"http://127.0.0.1:{voice}/call\"\nsecret = \"{SECRET}\"\n\
         [dispatch.targets.parks]\nurl = \"http://127.0.0.1:{parks}/orders\"\nsecret = \"{SECRET}\"\n"
    );
    Options { demo: true, config, ..Options::default() }
}

fn signature(timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, &[timestamp.as_bytes(), b".", body].concat());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).expect("JSON")
}

fn is_signed(call: &Call) -> bool {
    call.headers.get("x-greenhub-signature") == Some(&signature(&call.headers["x-greenhub-timestamp"], &call.body))
}

/// Both have telephones, the officer stands in for the crew; each step but the first is an hour away.
async fn rules(hub: &Hub) {
    let admin = Api::login(hub, "admin").await;
    let mut rules = admin.get("/api/v1/dispatch/rules").await["rules"].clone();
    for member in rules["members"].as_array_mut().expect("members") {
        let crew = member["user"] == "crew";
        member["phone"] = json!(if crew { "13900000001" } else { "13900000002" });
        if crew {
            member["backup"] = json!("officer");
        }
    }
    let step = |way, who, after_s| json!({"way": way, "who": who, "after_s": after_s});
    rules["notices"] = json!([
        step("app", "assignee", 0),
        step("sms", "assignee", 1),
        step("voice", "assignee", 3600),
        step("sms", "backup", 7200),
        step("app", "desk", 10_800)
    ]);
    let team = json!({"id": "parks", "name": "绿化中心", "target": "parks"});
    rules["teams"].as_array_mut().expect("teams").push(team);
    admin.put("/api/v1/dispatch/rules", &rules).await;
}

async fn order(desk: &Api, key: &str, to: Value) -> String {
    let form = json!({"source": "hotline", "title": "路面塌陷", "priority": "P1",
        "kind": {"scheme": "gbt47678-2026", "category": "matter", "code": "06010"},
        "reporter": {"name": "李先生", "phone": "13800000000"}});
    let order = desk.post("/api/v1/orders", &json!({"request_id": key, "file": true, "form": form})).await;
    let id = order["id"].as_str().expect("an id").to_owned();
    let sent = json!({"request_id": "send", "event": {"act": "dispatch", "to": to, "reason": "就近"}});
    desk.post(&format!("/api/v1/orders/{id}/acts"), &sent).await;
    id
}

/// `to way state` of each notice, the first first.
async fn journal(desk: &Api, id: &str) -> Vec<String> {
    let rows = desk.get(&format!("/api/v1/orders/{id}/notices")).await;
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let line = |row: &Value| format!("{} {} {}", word(row, "to"), word(row, "way"), word(row, "state"));
    rows.as_array().expect("rows").iter().rev().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_reached_is_called_then_the_next_person_is_told() {
    let (sms, voice) = (gateway(), gateway());
    let (sms_port, voice_port) = (free_port(), free_port());
    sms.will_answer(&[500, 503, 500]);
    sms.listen(sms_port).await;
    voice.listen(voice_port).await;
    let hub = Hub::start(&options(sms_port, voice_port, free_port()));
    rules(&hub).await;
    let (desk, crew) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "crew").await);
    let id = order(&desk, "one", json!({"to": "person", "user": "crew"})).await;

    let call = until("a call after the text failed", async || voice.calls().first().cloned()).await;
    let texts = sms.calls();
    assert_eq!(texts.iter().map(|call| call.answered).collect::<Vec<_>>(), [500, 503, 500], "three tries, then a call");
    assert!(texts.iter().all(|text| body(text)["to"] == "13900000001"), "{texts:?}");
    assert_eq!(texts[0].headers["authorization"], format!("Bearer {SECRET}"));
    assert!(body(&texts[0])["text"].as_str().is_some_and(|text| text.contains("路面塌陷")), "{texts:?}");
    let mut keys: Vec<_> = texts.iter().map(|text| &text.headers["x-greenhub-delivery"]).collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "the gateway can tell a repetition");
    assert!(is_signed(&call) && body(&call)["to"] == "13900000001", "{call:?}");
    until("the call in the journal", async || {
        let rows = journal(&desk, &id).await;
        (rows == ["crew app sent", "crew sms failed", "crew voice sent"]).then_some(())
    })
    .await;

    // Nobody takes it. A stranger cannot say so.
    let number = body(&call)["call"].as_i64().expect("its number");
    let report = br#"{"result":"no_answer"}"#;
    let said = async |signature: String, timestamp: &str| {
        let path = format!("{}/api/v1/notices/calls/{number}", desk.base());
        let call = Client::new().post(path).header("x-greenhub-timestamp", timestamp);
        let call = call.header("x-greenhub-signature", signature).header("content-type", "application/json");
        call.body(report.to_vec()).send().await.expect("reached").status()
    };
    let (now, old) = ((now_ms() / 1000).to_string(), (now_ms() / 1000 - 3600).to_string());
    assert_eq!(said("sha256=00".into(), &now).await, StatusCode::UNAUTHORIZED);
    assert_eq!(said(signature(&old, report), &old).await, StatusCode::UNAUTHORIZED, "an old result is no result");
    assert_eq!(said(signature(&now, report), &now).await, StatusCode::NO_CONTENT);
    until("the text to the backup", async || {
        let text = sms.calls().get(3).cloned()?;
        (body(&text)["to"] == "13900000002").then_some(())
    })
    .await;
    let rows = until("the whole journal", async || {
        let rows = journal(&desk, &id).await;
        (rows.len() == 4 && rows[3] == "officer sms sent").then_some(rows)
    })
    .await;
    assert_eq!(rows[..3], ["crew app sent", "crew sms failed", "crew voice failed"]);

    // Who accepts has answered, and nothing climbs any further.
    crew.post(&format!("/api/v1/orders/{id}/acts"), &json!({"request_id": "a", "event": {"act": "accept"}})).await;
    let rows = journal(&desk, &id).await;
    assert_eq!((rows.len(), rows[0].as_str()), (4, "crew app answered"), "{rows:?}");
    assert_eq!((sms.calls().len(), voice.calls().len()), (4, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_system_is_told_of_its_orders_in_order_whatever_it_answers() {
    let (parks, port) = (gateway(), free_port());
    let options = options(free_port(), free_port(), port);
    let hub = Hub::start(&options);
    rules(&hub).await;
    let desk = Api::login(&hub, "dispatcher").await;
    let id = order(&desk, "two", json!({"to": "team", "team": "parks"})).await;
    desk.post(
        &format!("/api/v1/orders/{id}/acts"),
        &json!({"request_id": "u", "event": {"act": "urge", "text": "请尽快"}}),
    )
    .await;
    // The other system was away, and so is the hub for a moment.
    let guard = hub.kill().expect("the hub had a directory of its own");
    let hub = Hub::start_in(guard.path(), &options);
    parks.will_answer(&[503, 500]);
    parks.listen(port).await;
    let taken = || parks.calls().into_iter().filter(|call| call.answered == 204).collect::<Vec<_>>();
    until("both acts to be told", async || (taken().len() >= 2).then_some(())).await;
    let told: Vec<Value> = taken().iter().map(body).collect();
    let acts: Vec<_> = told.iter().map(|news| news["entry"]["event"]["act"].as_str().unwrap_or_default()).collect();
    assert_eq!(acts, ["dispatch", "urge"], "in order, each once");
    let tried: Vec<_> = parks.calls().iter().map(|call| body(call)["entry"]["version"].clone()).collect();
    assert_eq!(tried[..2], [tried[0].clone(), tried[0].clone()], "the second waits while the first is tried again");
    assert!(parks.calls().iter().all(is_signed));
    assert!(told.iter().all(|news| news["target"] == "parks" && news["order"]["id"] == *id), "{told:?}");
    let text = String::from_utf8_lossy(&taken()[0].body).into_owned();
    assert!(!text.contains("李先生") && !text.contains("13800000000"), "who reported it stays here: {text}");
    let desk = Api::login(&hub, "dispatcher").await;
    until("the journal to say so", async || {
        let rows = journal(&desk, &id).await;
        (rows.iter().filter(|row| *row == "parks target sent").count() == 2).then_some(())
    })
    .await;
}
