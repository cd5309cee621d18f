//! Orders through the whole hub: a life from the report to the closed case with a restart in the middle, two phones racing,
//! who may see what, rules, the past; and `kill -9` during writes, after which every answered act is there once.
//!
//! `GREENHUB_TEST_POSTGRES` adds PostgreSQL to the kills, `GREENHUB_TEST_KILLS` sets their number (8 by default).

use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, publish_all};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::live::Viewer;
use greenhub_tests::{Random, now_ms, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn demo() -> Options {
    Options { demo: true, ..Options::default() }
}

fn form(title: &str) -> Value {
    json!({"source": "hotline", "title": title, "priority": "P3",
        "kind": {"scheme": "gbt47678-2026", "category": "matter", "code": "06010"},
        "reporter": {"name": "李先生", "phone": "13800000000"}})
}

async fn report(api: &Api, key: &str, file: bool) -> String {
    let order = api.post("/api/v1/orders", &json!({"request_id": key, "file": file, "form": form("暴露垃圾")})).await;
    order["id"].as_str().expect("an id").to_owned()
}

async fn try_act(api: &Api, id: &str, key: &str, event: Value) -> (StatusCode, Value) {
    api.try_post(&format!("/api/v1/orders/{id}/acts"), &json!({"request_id": key, "event": event})).await
}

async fn act(api: &Api, id: &str, key: &str, event: Value) -> Value {
    let (status, answer) = try_act(api, id, key, event).await;
    assert!(status.is_success(), "{key} on {id}: {status} {answer}");
    answer
}

fn to_crew() -> Value {
    json!({"act": "dispatch", "to": {"to": "person", "user": "crew"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_lives_from_the_report_to_the_end_over_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let hub = Hub::start_in(&data, &demo());
    let (dispatcher, crew) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "crew").await);
    let clerk = Api::login(&hub, "reviewer").await;
    let id = report(&dispatcher, "one", false).await;
    assert_eq!(report(&dispatcher, "one", false).await, id, "the same report again opens no second order");
    act(&clerk, &id, "file", json!({"act": "file", "text": "情况属实"})).await;
    act(&dispatcher, &id, "send", to_crew()).await;
    let allowed = crew.get(&format!("/api/v1/orders/{id}/acts/allowed")).await;
    assert_eq!(allowed, json!(["accept", "return", "ask", "comment"]));
    let mine = crew.list("/api/v1/orders?assignee=me&state=open").await;
    assert!(mine.iter().any(|order| order["id"] == *id) && mine.iter().all(|order| order["reporter"].is_null()));
    act(&crew, &id, "accept", json!({"act": "accept"})).await;
    let before = dispatcher.get(&format!("/api/v1/orders/{id}")).await;
    assert_eq!(before["order"]["reporter"]["name"], "李先生");
    hub.stop();

    let hub = Hub::start_in(&data, &demo());
    let (dispatcher, crew) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "crew").await);
    let clerk = Api::login(&hub, "reviewer").await;
    assert_eq!(dispatcher.get(&format!("/api/v1/orders/{id}")).await, before, "a restart changes nothing");
    let again = act(&crew, &id, "accept", json!({"act": "accept"})).await;
    assert_eq!(again["version"], 3, "the phone sends it again: {again}");
    act(&crew, &id, "arrive", json!({"act": "arrive"})).await;
    let (status, problem) = try_act(&clerk, &id, "p0", json!({"act": "pass"})).await;
    assert_eq!((status.as_u16(), problem["refusal"]["refusal"].as_str()), (409, Some("not_now")), "{problem}");
    act(&crew, &id, "finish", json!({"act": "finish", "text": "已清理"})).await;
    let (status, problem) = try_act(&crew, &id, "pass", json!({"act": "pass"})).await;
    assert_eq!(status.as_u16(), 403, "who did the work does not check it: {problem}");
    let closed = act(&clerk, &id, "pass", json!({"act": "pass", "text": "干净"})).await;
    assert_eq!(closed["state"], "closed");
    let clocks = closed["clocks"].as_array().expect("clocks");
    assert!(clocks.len() == 5 && clocks.iter().all(|clock| clock["state"] == "done"), "{clocks:?}");
    let detail = dispatcher.get(&format!("/api/v1/orders/{id}")).await;
    let acts: Vec<&str> =
        detail["entries"].as_array().expect("entries").iter().filter_map(|e| e["event"]["act"].as_str()).collect();
    assert_eq!(acts, ["file", "dispatch", "accept", "arrive", "finish", "pass"]);
    let audit = Api::login(&hub, "auditor").await.list("/api/v1/audit").await;
    let noted = audit.iter().filter(|row| row["object"] == format!("order {id}") && row["outcome"] == "done").count();
    assert!(noted >= 7, "each act is in the audit log: {noted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_and_lost_races_get_a_clear_answer() {
    let hub = Hub::demo();
    let (dispatcher, crew) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "crew").await);
    let (admin, officer) = (Api::login(&hub, "admin").await, Api::login(&hub, "officer").await);
    for (wrong, part) in [
        (json!({"title": ""}), "标题"),
        (json!({"kind": {"scheme": "gbt47678-2026", "category": "matter", "code": "99999"}}), "代码"),
        (json!({"place": {"lon": 10.0, "lat": 10.0}}), "本区范围"),
        (json!({"seen_at": now_ms() + 86_400_000}), "晚于上报时间"),
    ] {
        let mut form = form("暴露垃圾");
        form.as_object_mut().expect("an object").extend(wrong.as_object().expect("an object").clone());
        let (status, problem) = officer.try_post("/api/v1/orders", &json!({"request_id": part, "form": form})).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status.as_u16() == 422 && detail.contains(part), "{part}: {status} {problem}");
    }
    // Both are of one team; whoever accepts first has it.
    let mut rules = admin.get("/api/v1/dispatch/rules").await["rules"].clone();
    for member in rules["members"].as_array_mut().expect("members") {
        member["team"] = json!("crew");
    }
    let newer = admin.put("/api/v1/dispatch/rules", &rules).await;
    assert_eq!(newer["rules"]["version"], 2);
    let versions = admin.get("/api/v1/dispatch/rules/versions").await;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(2));
    let id = report(&dispatcher, "race", true).await;
    act(&dispatcher, &id, "send", json!({"act": "dispatch", "to": {"to": "team", "team": "crew"}})).await;
    let accept = || json!({"act": "accept"});
    let (one, two) = tokio::join!(try_act(&crew, &id, "a", accept()), try_act(&officer, &id, "a", accept()));
    let (won, lost) = if one.0.is_success() { (one, two) } else { (two, one) };
    assert!(won.0.is_success(), "{won:?}");
    let winner = won.1["assignee"].as_str().expect("somebody has it");
    assert_eq!((lost.0.as_u16(), lost.1["refusal"]["by"].as_str()), (409, Some(winner)), "{lost:?}");
    assert!(lost.1["detail"].as_str().is_some_and(|text| text.contains(winner)), "{lost:?}");

    let others = [report(&dispatcher, "x", true).await, report(&dispatcher, "y", false).await];
    let many = json!({"request_id": "bulk", "orders": [others[0], others[1], "W-none"], "event": to_crew()});
    let answers = dispatcher.post("/api/v1/orders/acts", &many).await;
    let ok: Vec<bool> = answers.as_array().expect("a list").iter().map(|a| a["ok"] == true).collect();
    assert_eq!(ok, [true, false, false], "{answers}");
    let codes = crew.get("/api/v1/dispatch/codes?q=%E6%BB%A1%E6%BA%A2").await;
    assert_eq!(codes[0]["code"], "06042", "{codes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_opens_its_order_once_with_kind_and_clocks_and_the_past_shows_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let hub = Hub::start_in(&data, &demo());
    let payload = alarm(now_ms(), "OVER_TEMPERATURE", true, "critical");
    publish_all(hub.mqtt(), "orders", vec![("greenhub/v1/charger/O-1/alarm".to_owned(), payload)]).await;
    let api = Api::login(&hub, "dispatcher").await;
    let order = until("the order of the alarm", async || {
        api.list("/api/v1/orders?source=alarm").await.into_iter().find(|order| order["device"] == "O-1")
    })
    .await;
    assert_eq!((order["kind"]["code"].as_str(), order["state"].as_str()), (Some("01054"), Some("filed")));
    assert_eq!(order["clocks"][0]["stage"], "dispatch", "{order}");
    let id = order["id"].as_str().expect("an id").to_owned();
    let at = now_ms();
    tokio::time::sleep(Duration::from_millis(20)).await;
    act(&api, &id, "cancel", json!({"act": "cancel", "reason": "误报"})).await;
    hub.kill();
    let hub = Hub::start_in(&data, &demo());
    let api = Api::login(&hub, "dispatcher").await;
    let orders = api.list("/api/v1/orders?source=alarm").await;
    let states: Vec<&Value> = orders.iter().filter(|o| o["device"] == "O-1").map(|o| &o["state"]).collect();
    assert_eq!(states, [&json!("cancelled")], "a replay opens no second one");
    let moment = api.post("/api/v1/past", &json!({"at": at, "speed": 0})).await;
    let path = format!("/api/v1/past/{}/live", moment["id"].as_str().expect("an id"));
    let mut viewer = Viewer::connect_at(&hub, &api.token, &path, json!({})).await;
    viewer.until("the order as it stood", |v| v.entity("orders", &id).is_some_and(|o| o["state"] == "filed")).await;
}

fn database(url: &str) -> Options {
    Options { config: if url.is_empty() { String::new() } else { format!("[database]\nurl = \"{url}\"\n") }, ..demo() }
}

/// A database of its own on the server that the environment names.
fn postgres() -> Option<String> {
    let admin = std::env::var("GREENHUB_TEST_POSTGRES").ok().filter(|url| !url.is_empty())?;
    let name = format!("greenhub_orders_{}", std::process::id());
    let made = Command::new("psql").arg(&admin).arg("-qc").arg(format!("CREATE DATABASE {name}")).status();
    assert!(made.is_ok_and(|status| status.success()), "make a database on {admin}");
    Some(format!("{}/{name}", admin.rsplit_once('/').expect("the address ends with a database").0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_hub_has_lost_and_doubled_no_act() {
    let directory = tempfile::tempdir().expect("a directory");
    killed(&directory.path().join("sqlite"), &database("")).await;
    match postgres() {
        Some(url) => killed(&directory.path().join("postgres"), &database(&url)).await,
        None => eprintln!("skipped on PostgreSQL: GREENHUB_TEST_POSTGRES names no server"),
    }
}

/// Four people write while the hub is killed again and again; each sends what was not answered again, with its key.
async fn killed(data: &Path, options: &Options) {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (kills, seed) = (number("GREENHUB_TEST_KILLS", 8), number("GREENHUB_TEST_SEED", now_ms() as u64));
    println!("GREENHUB_TEST_SEED={seed} GREENHUB_TEST_KILLS={kills}");
    let mut random = Random(seed);
    // What each person has to do: order by order, act by act; done is what was answered.
    let mut answered: BTreeMap<String, usize> = BTreeMap::new();
    let mut at: Vec<(usize, usize)> = vec![(0, 0); 4];
    for _ in 0..kills {
        let hub = Hub::start_in(data, options);
        let api = Api::login(&hub, "dispatcher").await;
        let people: Vec<_> =
            at.iter().copied().enumerate().map(|(n, at)| tokio::spawn(work(api.clone(), n, at))).collect();
        // Not a wait for a condition: the moment of the kill is the input of this test.
        tokio::time::sleep(Duration::from_millis(100 + random.below(500))).await;
        hub.kill();
        for (n, person) in people.into_iter().enumerate() {
            let (reached, done) = person.await.expect("a person ends when the hub is gone");
            at[n] = reached;
            for (key, acts) in done {
                let known = answered.entry(key).or_default();
                *known = (*known).max(acts);
            }
        }
    }
    assert!(answered.len() as u64 > kills, "only {} orders were written", answered.len());
    let hub = Hub::start_in(data, options);
    let api = Api::login(&hub, "dispatcher").await;
    let orders = api.list("/api/v1/orders").await;
    let titles: Vec<&str> = orders.iter().filter_map(|order| order["title"].as_str()).collect();
    let mut once = titles.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), titles.len(), "an order was opened twice");
    for (title, acts) in answered {
        let order = orders.iter().find(|order| order["title"] == title);
        let order = order.unwrap_or_else(|| panic!("{title} was answered and is gone"));
        let version = order["version"].as_u64().expect("a version") as usize;
        // One act may have been stored whose answer the kill has eaten.
        assert!((acts..=acts + 1).contains(&version), "{title}: {acts} acts answered, {version} stored");
        let detail = api.get(&format!("/api/v1/orders/{}", order["id"].as_str().expect("an id"))).await;
        let keys: Vec<&str> =
            detail["entries"].as_array().expect("entries").iter().filter_map(|e| e["event"]["text"].as_str()).collect();
        let wanted: Vec<String> = (1..=version).map(|n| format!("{title} {n}")).collect();
        assert_eq!(keys, wanted, "{title}: lost, doubled or out of order");
    }
}

type Reached = ((usize, usize), Vec<(String, usize)>);

/// Opens orders and remarks on each, from where the person stood, until the hub does not answer.
async fn work(api: Api, person: usize, (mut order, mut done): (usize, usize)) -> Reached {
    const REMARKS: usize = 6;
    let client = reqwest::Client::new();
    let post = async |path: String, body: Value| -> Option<Value> {
        let url = format!("{}{path}", api.base());
        let answer = client.post(url).bearer_auth(&api.token).json(&body).send().await.ok()?;
        assert!(answer.status().is_success() || answer.status().as_u16() == 503, "{path}: {}", answer.status());
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    };
    let mut answered = Vec::new();
    loop {
        let title = format!("{person}-{order}");
        // The opening is sent again after a kill: it must give the same order.
        let open =
            json!({"request_id": title, "file": true, "form": {"source": "desk", "title": title, "priority": "P3"}});
        let Some(opened) = post("/api/v1/orders".to_owned(), open).await else {
            return ((order, done), answered);
        };
        answered.push((title.clone(), done));
        let id = opened["id"].as_str().expect("an id").to_owned();
        while done < REMARKS {
            let text = format!("{title} {}", done + 1);
            let body = json!({"request_id": text, "event": {"act": "comment", "text": text}});
            if post(format!("/api/v1/orders/{id}/acts"), body).await.is_none() {
                return ((order, done), answered);
            }
            done += 1;
            answered.push((title.clone(), done));
        }
        (order, done) = (order + 1, 0);
    }
}
