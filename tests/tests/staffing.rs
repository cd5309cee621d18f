//! People through the whole hub: a phone switches on, its positions go through the log, the desk sees who is near and why,
//! plans, and counts.

use greenhub_tests::api::Api;
use greenhub_tests::hub::Hub;
use greenhub_tests::{now_ms, until};
use serde_json::{Value, json};

fn form(title: &str, lon: f64, lat: f64) -> Value {
    json!({"source": "desk", "title": title, "priority": "P3", "place": {"lon": lon, "lat": lat},
        "kind": {"scheme": "gbt47678-2026", "category": "matter", "code": "06042"}})
}

async fn on_board(desk: &Api, user: &str) -> Value {
    let staff = desk.get("/api/v1/staff").await;
    let staff = staff.as_array().expect("a list").clone();
    staff.into_iter().find(|view| view["user"] == user).unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_on_shift_is_proposed_planned_and_counted() {
    let hub = Hub::demo();
    let (desk, crew) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "crew").await);
    assert_eq!(on_board(&desk, "crew").await["state"], "off_shift");

    // Somewhere in the demo district: where one of its devices stands.
    let devices = desk.list("/api/v1/devices?class=light").await;
    let (lon, lat) = (devices[0]["lon"].as_f64().expect("a place"), devices[0]["lat"].as_f64().expect("a place"));
    let fix = |time: i64, sos: bool| json!({"fixes": [{"time": time, "lon": lon, "lat": lat, "sos": sos}]});

    // Off shift nothing is kept but a call for help.
    let answer = crew.post("/api/v1/me/positions", &fix(now_ms(), false)).await;
    assert_eq!(answer, json!({"stored": 0, "off_shift": 1}));
    let turn = json!({"on": true, "request_id": "on-1"});
    let shift = crew.post("/api/v1/me/shift", &turn).await;
    assert_eq!((&shift["on"], &shift["team"], &shift["device"]), (&json!(true), &json!("crew"), &json!("P-crew")));
    assert_eq!(crew.post("/api/v1/me/shift", &turn).await["since"], shift["since"], "the same request acts once");
    let answer = crew.post("/api/v1/me/positions", &fix(now_ms(), false)).await;
    assert_eq!(answer, json!({"stored": 1, "off_shift": 0}));
    until("the phone is on the board", async || {
        let view = on_board(&desk, "crew").await;
        (view["state"] == "ready" && view["device"] == "P-crew" && view["lon"] == json!(lon)).then_some(())
    })
    .await;
    assert_eq!(desk.get("/api/v1/units/P-crew").await["name"], "养护班组");

    let open = json!({"request_id": "o1", "form": form("垃圾箱满溢", lon, lat), "file": true});
    let order = desk.post("/api/v1/orders", &open).await;
    let path = format!("/api/v1/orders/{}", order["id"].as_str().expect("an id"));
    let candidates = desk.get(&format!("{path}/candidates")).await;
    assert_eq!(candidates[0]["to"], json!({"to": "person", "user": "crew"}), "{candidates}");
    assert_eq!(candidates[0]["reasons"][0]["text"], "直线距离 0 米");

    // Another one at the same place is the same case; nobody else is proposed without a reason.
    let again = json!({"request_id": "o2", "form": form("垃圾箱满了", lon, lat), "file": true});
    let second = desk.post("/api/v1/orders", &again).await;
    let found = desk.get(&format!("{path}/duplicates")).await;
    assert_eq!((&found[0]["order"], found[0]["score"].as_f64() > Some(0.6)), (&second["id"], true), "{found}");
    let to_other = |reason: &str| json!({"request_id": format!("d-{reason}"), "event": {"act": "dispatch", "to": {"to": "person", "user": "officer"}, "reason": reason}});
    let (status, problem) = desk.try_post(&format!("{path}/acts"), &to_other("")).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().expect("a sentence").contains("养护班组"), "{problem}");

    let id = &order["id"];
    let many = json!({"request_id": "bulk", "orders": [id, id, "W-none"], "event": to_other("")["event"]});
    let answers = desk.post("/api/v1/orders/acts", &many).await;
    let statuses: Vec<_> = (0..3).map(|n| (&answers[n]["ok"], answers[n]["problem"]["status"].as_u64())).collect();
    let no = &json!(false);
    assert_eq!(statuses, [(no, Some(422)), (no, Some(422)), (no, Some(404))], "each its own answer: {answers}");

    let plan = desk.post("/api/v1/orders/plan", &json!({})).await;
    let lines = plan["lines"].as_array().expect("lines");
    assert!(
        lines.iter().any(|line| line["order"] == order["id"] && line["candidate"]["to"]["user"] == "crew"),
        "{plan}"
    );
    assert!(plan["bound"].as_f64() <= plan["cost"].as_f64(), "{plan}");

    let sent = json!({"request_id": "d1", "event": {"act": "dispatch", "to": {"to": "person", "user": "crew"}}});
    desk.post(&format!("{path}/acts"), &sent).await;
    crew.post(&format!("{path}/acts"), &json!({"request_id": "a1", "event": {"act": "accept"}})).await;
    let view = on_board(&desk, "crew").await;
    assert_eq!((&view["state"], &view["load"]), (&json!("underway"), &json!(1)));

    let period = format!("from={}&to={}", now_ms() - 3_600_000, now_ms() + 3_600_000);
    let report = desk.get(&format!("/api/v1/orders/statistics?{period}&by=team")).await;
    assert_eq!(
        (&report["total"]["dispatched"], &report["rows"][0]["label"]),
        (&json!(1), &json!("未填写")),
        "{report}"
    );
    let own = crew.get(&format!("/api/v1/me/statistics?{period}")).await;
    assert_eq!(own["total"]["reported"], 1, "{own}");
    let (status, _) = crew.try_get("/api/v1/staff").await;
    assert_eq!(status, 403, "where people are is the desk's to know");

    // Who goes off shift calls for help all the same.
    crew.post("/api/v1/me/shift", &json!({"on": false, "request_id": "off-1"})).await;
    let answer = crew.post("/api/v1/me/positions", &fix(now_ms() + 1_000, true)).await;
    assert_eq!(answer, json!({"stored": 1, "off_shift": 0}));
    until("the call for help is seen", async || (desk.get("/api/v1/units/P-crew").await["sos"] == true).then_some(()))
        .await;
}
