//! Change control of the whole hub: from a wish to a limit in force without a restart, and back; exactly once whatever is
//! killed when; nobody approves his own wish; an emergency goes first and is approved afterwards.

use greenhub_tests::api::Api;
use greenhub_tests::device::publish_all;
use greenhub_tests::hub::{Hub, Options, run};
use greenhub_tests::{now_ms, until};
use serde_json::{Value, json};
use std::path::Path;

/// The place of the milder limit on hydrogen sulphide in the plant, in the rules in force.
async fn h2s(api: &Api) -> usize {
    let rules = api.get("/api/v1/rules").await;
    let limits = rules["rules"]["limits"].as_array().expect("limits").clone();
    let found = limits.iter().position(|l| l["class"] == "plant" && l["point"] == "h2s" && l["severity"] == "major");
    found.expect("the builtin rules watch hydrogen sulphide")
}

/// A wish to set that limit, without any delay.
async fn wish(api: &Api, limit: f64) -> Value {
    let at = h2s(api).await;
    json!({
        "title": format!("硫化氢上限改为 {limit}"), "reason": "现场复核",
        "edits": [
            {"op": "test", "path": format!("/limits/{at}/code"), "value": "H2S_HIGH"},
            {"op": "replace", "path": format!("/limits/{at}/limit"), "value": limit},
            {"op": "replace", "path": format!("/limits/{at}/on_delay_ms"), "value": 0},
            {"op": "replace", "path": format!("/limits/{at}/off_delay_ms"), "value": 0},
        ],
    })
}

async fn read(hub: &Hub, device: &str, value: f64) {
    let payload = format!(r#"{{"time":{},"values":{{"h2s":{value}}}}}"#, now_ms()).into_bytes();
    publish_all(hub.mqtt(), "h2s", vec![(format!("greenhub/v1/plant/{device}/reading"), payload)]).await;
}

async fn alarms(api: &Api, device: &str) -> Vec<Value> {
    let path = format!("/api/v1/alarms?source={device}");
    api.list(&path).await.into_iter().filter(|alarm| alarm["code"] == "H2S_HIGH").collect()
}

async fn act(api: &Api, id: i64, act: &str, body: Value) -> Value {
    api.post(&format!("/api/v1/changes/{id}/{act}"), &body).await
}

async fn until_state(api: &Api, id: i64, state: &str) -> Value {
    until(&format!("change {id} to be {state}"), async || {
        let shown = api.get(&format!("/api/v1/changes/{id}")).await;
        (shown["change"]["state"] == state).then_some(shown)
    })
    .await
}

async fn until_running(api: &Api, version: u64) {
    until(&format!("version {version} to run"), async || {
        let rules = api.get("/api/v1/rules").await;
        (rules["version"] == version && rules["running_version"] == version).then_some(())
    })
    .await;
}

async fn backtested(api: &Api, id: i64) -> Value {
    act(api, id, "backtest", json!({"days": 1})).await;
    until("the back-test to end", async || {
        let test = api.get(&format!("/api/v1/changes/{id}/backtest")).await;
        (test["state"] != "running").then_some(test)
    })
    .await
}

/// From a draft to the approval, by two people.
async fn approved(requester: &Api, approver: &Api, id: i64) {
    act(requester, id, "submit", json!({})).await;
    act(approver, id, "review", json!({"comment": "合理"})).await;
    let test = backtested(approver, id).await;
    assert_eq!(test["state"], "done", "{test}");
    act(approver, id, "approve", json!({})).await;
}

fn id_of(detail: &Value) -> i64 {
    detail["change"]["id"].as_i64().expect("a number")
}

/// Versions of rules in the log, in order.
fn in_log(data: &Path) -> Vec<u64> {
    let (ok, lines, errors) = run(&["export", "log", "--data", data.to_str().expect("temporary paths are text")]);
    assert!(ok, "{errors}");
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"));
    let payloads = records.filter(|r| r["kind"] == "config").filter_map(|r| r["payload"].as_str().map(str::to_owned));
    let changes = payloads.map(|payload| serde_json::from_str::<Value>(&payload).expect("a configuration change"));
    changes.filter_map(|change| change["rules"]["version"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_changes_by_two_people_without_a_restart_and_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, options) = (directory.path().join("data"), Options { demo: true, ..Options::default() });
    let hub = Hub::start_in(&data, &options);
    let (operator, admin) = (Api::login(&hub, "operator").await, Api::login(&hub, "admin").await);
    let auditor = Api::login(&hub, "auditor").await;
    // A stretch for the back-test: three excursions that the builtin delay hides.
    for value in [0.01, 0.5, 0.01, 0.5, 0.01] {
        read(&hub, "C-NOSE", value).await;
    }
    let made = operator.post("/api/v1/changes", &wish(&operator, 0.2).await).await;
    let id = id_of(&made);
    assert_eq!(made["diff"].as_array().map(Vec::len), Some(3), "{made}");
    act(&operator, id, "submit", json!({})).await;
    for step in ["review", "approve", "reject"] {
        let path = format!("/api/v1/changes/{id}/{step}");
        let (status, answer) = operator.try_post(&path, &json!({"comment": "自己"})).await;
        assert!(status == 403 || status == 409, "{step} of one's own request: {status} {answer}");
    }
    act(&admin, id, "review", json!({})).await;
    let (status, answer) = operator.try_post(&format!("/api/v1/changes/{id}/approve"), &json!({})).await;
    assert_eq!(status, 403, "{answer}");
    let (status, answer) = admin.try_post(&format!("/api/v1/changes/{id}/approve"), &json!({})).await;
    assert!(status == 409 && answer["detail"].as_str().is_some_and(|t| t.contains("回测")), "{answer}");
    let test = backtested(&admin, id).await;
    let result = &test["result"];
    assert_eq!(test["state"], "done", "{test}");
    assert!(result["gained_total"].as_u64() >= Some(1), "the candidate raises what the delay hid: {test}");
    assert_eq!(result["gained"][0]["device"], "C-NOSE", "{test}");
    assert!(result["gained"][0]["raised_at"].as_i64() > Some(now_ms() - 600_000), "{test}");
    let calls = |side: &str| result[side]["annunciations"].as_u64().expect("calls");
    assert!(calls("after") > calls("before"), "{test}");
    act(&admin, id, "approve", json!({})).await;
    until_state(&auditor, id, "in_force").await;
    until_running(&auditor, 2).await;

    read(&hub, "D-NOSE", 0.15).await;
    read(&hub, "D-NOSE", 0.25).await;
    let raised = until("the new limit to raise", async || alarms(&auditor, "D-NOSE").await.pop()).await;
    assert_eq!((&raised["value"], &raised["limit"]), (&json!(0.25), &json!(0.2)), "{raised}");
    act(&admin, id, "verify", json!({"passed": true})).await;
    let audit = auditor.get("/api/v1/rules/audit").await;
    assert_eq!(audit["findings"], json!([]), "{audit}");

    // Restarted in the middle of the roll-back: what was scheduled comes into force all the same.
    let back = operator.post("/api/v1/rules/versions/1/rollback", &json!({"reason": "误报"})).await;
    assert_eq!(back["change"]["restores"], 1, "{back}");
    let back = id_of(&back);
    let due = now_ms() + 2_500;
    let url = format!("/api/v1/changes/{back}");
    let (status, answer) = operator.try_patch(&url, &json!({"effective_at": due})).await;
    assert!(status.is_success(), "{answer}");
    approved(&operator, &admin, back).await;
    let (_, _) = hub.stop();
    assert_eq!(in_log(&data), [1, 2]);
    let hub = Hub::start_in(&data, &options);
    let auditor = Api::login(&hub, "auditor").await;
    until_running(&auditor, 3).await;
    let shown = until_state(&auditor, back, "in_force").await;
    assert!(shown["change"]["in_force_at"].as_i64() >= Some(due), "not before its time: {shown}");
    read(&hub, "E-NOSE", 0.25).await;
    auditor.settled_ledger(1).await;
    assert!(alarms(&auditor, "E-NOSE").await.is_empty(), "the old delay holds again");
    let (_, _) = hub.stop();
    assert_eq!(in_log(&data), [1, 2, 3], "each version once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_around_its_time_a_change_comes_into_force_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, options) = (directory.path().join("data"), Options { demo: true, ..Options::default() });
    let mut hub = Hub::start_in(&data, &options);
    const ROUNDS: u64 = 6;
    for round in 0..ROUNDS {
        let (operator, admin) = (Api::login(&hub, "operator").await, Api::login(&hub, "admin").await);
        let made = operator.post("/api/v1/changes", &wish(&operator, 0.2 + round as f64 / 10.0).await).await;
        let id = id_of(&made);
        act(&operator, id, "submit", json!({})).await;
        act(&admin, id, "review", json!({})).await;
        assert_eq!(backtested(&admin, id).await["state"], "done");
        act(&admin, id, "approve", json!({})).await;
        // Not a wait for a condition: the moment of the kill is the input of this test.
        tokio::time::sleep(std::time::Duration::from_millis(round * 3)).await;
        hub.kill();
        hub = Hub::start_in(&data, &options);
        let auditor = Api::login(&hub, "auditor").await;
        until_state(&auditor, id, "in_force").await;
        until_running(&auditor, round + 2).await;
    }
    let (_, _) = hub.stop();
    assert_eq!(in_log(&data), (1..=ROUNDS + 1).collect::<Vec<_>>(), "every version once, none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_test_that_the_hub_leaves_behind_is_shown_as_interrupted() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, options) = (directory.path().join("data"), Options { demo: true, ..Options::default() });
    let mut hub = Hub::start_in(&data, &options);
    let operator = Api::login(&hub, "operator").await;
    let id = id_of(&operator.post("/api/v1/changes", &wish(&operator, 0.2).await).await);
    for killed in [true, false] {
        let operator = Api::login(&hub, "operator").await;
        let begun = act(&operator, id, "backtest", json!({"days": 1})).await;
        assert_eq!(begun["state"], "running", "{begun}");
        if killed {
            hub.kill();
        } else {
            hub.stop();
        }
        hub = Hub::start_in(&data, &options);
        let operator = Api::login(&hub, "operator").await;
        let left = operator.get(&format!("/api/v1/changes/{id}/backtest")).await;
        assert_eq!(left["started_at"], begun["started_at"], "it is remembered: {left}");
        // So short a log may be read before the stop comes.
        if left["state"] != "done" {
            assert_eq!(left["state"], "interrupted", "{left}");
            assert!(left["error"].as_str().is_some_and(|text| text.contains("请重新运行")), "{left}");
            assert!(left["finished_at"].as_i64() >= begun["started_at"].as_i64(), "{left}");
        }
        assert_eq!(backtested(&operator, id).await["state"], "done", "it can be asked for again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_goes_first_and_is_approved_afterwards() {
    let config = "[changes]\napprove_within = \"1s\"".to_owned();
    let hub = Hub::start(&Options { demo: true, config, ..Options::default() });
    let (operator, admin) = (Api::login(&hub, "operator").await, Api::login(&hub, "admin").await);
    let planned = operator.post("/api/v1/changes", &wish(&operator, 0.3).await).await;
    let planned = id_of(&planned);
    let far = json!({"effective_at": now_ms() + 3_600_000});
    let (status, answer) = operator.try_patch(&format!("/api/v1/changes/{planned}"), &far).await;
    assert!(status.is_success(), "{answer}");
    approved(&operator, &admin, planned).await;

    let urgent = id_of(&admin.post("/api/v1/changes", &wish(&admin, 0.4).await).await);
    let (status, answer) = admin.try_post(&format!("/api/v1/changes/{urgent}/emergency"), &json!({})).await;
    assert_eq!(status, 422, "an emergency needs a reason: {answer}");
    act(&admin, urgent, "emergency", json!({"comment": "泄漏"})).await;
    until_state(&admin, urgent, "in_force").await;
    until_running(&admin, 2).await;
    until("the approval to be overdue", async || {
        let audit = admin.get("/api/v1/rules/audit").await;
        let findings = audit["findings"].as_array().expect("findings").clone();
        findings.iter().any(|f| f["kind"] == "approval_overdue" && f["change"] == urgent).then_some(())
    })
    .await;
    let overdue = admin.list("/api/v1/changes?overdue=true").await;
    assert_eq!(overdue.iter().filter_map(|c| c["id"].as_i64()).collect::<Vec<_>>(), [urgent]);
    let (status, _) = admin.try_post(&format!("/api/v1/changes/{urgent}/approve"), &json!({})).await;
    assert_eq!(status, 403, "not by its requester");
    act(&operator, urgent, "approve", json!({"comment": "补批"})).await;
    act(&operator, urgent, "verify", json!({"passed": true})).await;
    assert!(admin.list("/api/v1/changes?overdue=true").await.is_empty());
    // What was planned on the old version is stale now and says so.
    let shown = admin.get(&format!("/api/v1/changes/{planned}")).await;
    assert_eq!(shown["stale"], true, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_a_finding_and_no_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, file) = (directory.path().join("data"), directory.path().join("rules.toml"));
    let (ok, rules, errors) = run(&["export", "rules", "--data", directory.path().to_str().expect("text")]);
    assert!(ok, "{errors}");
    std::fs::write(&file, &rules).expect("write the rules");
    let config = format!("[streams]\nrules = {:?}", file.to_str().expect("text"));
    let options = Options { demo: true, config, ..Options::default() };
    let hub = Hub::start_in(&data, &options);
    let auditor = Api::login(&hub, "auditor").await;
    assert_eq!(auditor.get("/api/v1/rules/versions").await[0]["origin"], "file");
    assert_eq!(auditor.get("/api/v1/rules/audit").await["findings"], json!([]));
    let (_, _) = hub.stop();
    let other = rules.replacen("on_delay_ms = 60000", "on_delay_ms = 61000", 1);
    assert_ne!(rules, other);
    std::fs::write(&file, other).expect("write the rules");
    let hub = Hub::start_in(&data, &options);
    let auditor = Api::login(&hub, "auditor").await;
    let audit = auditor.get("/api/v1/rules/audit").await;
    assert_eq!(
        (&audit["findings"][0]["kind"], &audit["master_version"]),
        (&json!("file_differs"), &json!(1)),
        "{audit}"
    );
    assert_eq!(audit["findings"][0]["diff"][0]["becomes"], 61_000, "{audit}");
    let (_, _) = hub.stop();
    assert_eq!(in_log(&data), [1], "the file changed nothing");
}
