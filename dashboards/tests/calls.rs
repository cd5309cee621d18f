//! Calls: what they answer, and how they refuse.

mod kit;

use greenhub_model::Role;
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::output::{Sample, TrackPoint};
use greenhub_model::{Output, Quality};
use kit::Hub;
use kit::samples::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn everything_that_goes_wrong_is_a_problem_document() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Dispatcher).await;
    let get = |path: &str| hub.http.get(hub.url(path)).bearer_auth(&token);
    let post = |path: &str| hub.http.post(hub.url(path)).bearer_auth(&token);
    let huge = vec![b'x'; 300 * 1024];
    let json = "application/json";
    let cases = [
        (404, get("/api/v1/boats")),
        (404, get("/api")),
        (404, get("/api/v1/units/P-404")),
        (404, get("/api/v1/units/a%2Fb")),
        (404, get("/api/v1/alarms/nothing")),
        (404, get("/favicon-that-is-not-there.ico")),
        (405, post("/api/v1/units")),
        (405, post("/")),
        (400, get("/api/v1/units?limit=0")),
        (400, get("/api/v1/units?limit=many")),
        (400, get("/api/v1/units?cursor=%20")),
        (400, get("/api/v1/alarms?cursor=x")),
        (400, get("/api/v1/alarms?state=sleepy")),
        (400, get("/api/v1/alarms?priority=P9")),
        (400, get("/api/v1/devices?class=boat")),
        (400, get("/api/v1/units/P-1/track?from=5&to=5")),
        (400, get("/api/v1/units/P-1/track?from=0&to=99999999999999")),
        (400, get("/api/v1/devices/E-1/history?point=h2s&from=1&to=2&max_points=1")),
        (400, post("/api/v1/alarms/A.B.1/acknowledge").header("content-type", json).body("{")),
        (415, post("/api/v1/alarms/A.B.1/acknowledge").body("{}")),
        (422, post("/api/v1/alarms/A.B.1/acknowledge").header("content-type", json).body(r#"{"colour":1}"#)),
        (413, post("/api/v1/alarms/A.B.1/acknowledge").header("content-type", json).body(huge)),
        (404, post("/api/v1/alarms/A.B.1/acknowledge").header("content-type", json).body("{}")),
        (426, get("/api/v1/live").header("connection", "upgrade").header("upgrade", "h2c")),
    ];
    for (want, request) in cases {
        let answer = request.send().await.expect("an answer");
        let (status, path) = (answer.status().as_u16(), answer.url().path().to_owned());
        let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        let fits = status == want || (want == 426 && status == 400);
        assert!(fits && kind == "application/problem+json", "{path}: {status} {kind} {body}, wanted {want}");
        assert_eq!(body["status"], status, "{path}");
        assert!(body["title"].is_string() && !body["detail"].as_str().unwrap_or_default().is_empty(), "{path}: {body}");
    }
}

#[tokio::test]
async fn units_and_devices_page_by_id() {
    let hub = Hub::start().await;
    let mut items: Vec<Output> =
        (0..25).map(|n| Output::Unit(Box::new(unit(&format!("P-{n:02}"), 121.4, 31.2, 1)))).collect();
    items.extend((0..5).map(|n| Output::Device(Box::new(device(&format!("E-{n}"), 121.4, 31.2, 0.5)))));
    hub.apply(items).await;
    let token = hub.token(Role::Clerk).await;
    let mut seen = vec![];
    let mut next = String::new();
    loop {
        let (status, page) = hub.get(&token, &format!("/api/v1/units?limit=10{next}")).await;
        assert_eq!(status, 200);
        let ids = page["items"].as_array().expect("rows").iter().map(|u| u["id"].as_str().expect("an id").to_owned());
        seen.extend(ids);
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..25).map(|n| format!("P-{n:02}")).collect::<Vec<_>>());
    let count = async |path: &str| hub.get(&token, path).await.1["items"].as_array().expect("rows").len();
    assert_eq!(count("/api/v1/devices?class=environment").await, 5);
    assert_eq!(count("/api/v1/devices?class=light").await, 0);
    let (status, one) = hub.get(&token, "/api/v1/devices/E-3").await;
    assert_eq!((status, &one["values"][0]["unit"]), (200, &json!("mg/m3")));
}

#[tokio::test]
async fn tracks_and_series_come_from_the_history() {
    let mut hub = Hub::start().await;
    let point = |n: i64| TrackPoint {
        unit: device_id("P-1"),
        time: 1_000 * n,
        lon: 121.4 + n as f64 * 1e-4,
        lat: 31.2,
        speed_kmh: Some(5.0),
        heading_deg: None,
    };
    let sample = |n: i64| Sample {
        device: device_id("E-1"),
        time: 1_000 * n,
        values: vec![(greenhub_model::PointName::new("h2s").expect("a name"), n as f64)],
        quality: Quality::Good,
    };
    let mut items: Vec<Output> = (0..10).map(|n| Output::Track(point(n))).collect();
    items.extend((0..10).map(|n| Output::Sample(sample(n))));
    hub.history.push(&Arc::new(batch(1, items))).expect("the history takes it");
    let token = hub.token(Role::Dispatcher).await;
    let (status, track) = hub.get(&token, "/api/v1/units/P-1/track?from=2000&to=5000").await;
    assert_eq!(status, 200);
    assert_eq!(track["total"], 4, "{track}");
    assert_eq!(track["points"][0], json!([2000, 121.4002, 31.2, 5.0, null]));
    let (status, series) = hub.get(&token, "/api/v1/devices/E-1/history?point=h2s&from=0&to=99999").await;
    assert_eq!(status, 200);
    assert_eq!((&series["total"], &series["points"][9]), (&json!(10), &json!([9000, 9.0, "good"])));
}

#[tokio::test]
async fn an_alarm_is_listed_explained_and_acknowledged() {
    let hub = Hub::start().await;
    let raised = alarm("C-1", 7, AlarmState::Unacknowledged, 1);
    let id = raised.id.clone();
    hub.apply(vec![alarm_change(raised, AlarmEventKind::Raised, 1_000), order_trigger("C-1", 7, 1_000)]).await;
    let token = hub.token(Role::Dispatcher).await;
    let (_, list) =
        hub.get(&token, "/api/v1/alarms?state=unacknowledged&priority=P1,P2&class=charger&standing=true").await;
    assert_eq!(list["items"][0]["id"], id.as_str());
    let (_, none) = hub.get(&token, "/api/v1/alarms?priority=P3").await;
    assert_eq!(none["items"], json!([]));
    let (status, detail) = hub.get(&token, &format!("/api/v1/alarms/{id}")).await;
    assert_eq!(status, 200);
    assert_eq!(detail["timeline"][0]["kind"], "raised");
    assert_eq!(detail["members"].as_array().map(Vec::len), Some(1));
    assert_eq!(detail["explanation"][0]["code"], "severity");
    assert_eq!(detail["order"]["alarm"], id.as_str());
    let (status, answer) =
        hub.post(&token, &format!("/api/v1/alarms/{id}/acknowledge"), json!({"comment": "去看"})).await;
    assert_eq!((status, &answer["alarm"]["acknowledged_by"]), (200, &json!("dispatcher")));
    let (status, problem) = hub.post(&token, &format!("/api/v1/alarms/{id}/acknowledge"), json!({})).await;
    assert_eq!(status, 409, "{problem}");
    let (_, order) = hub.get(&token, &format!("/api/v1/orders/W-{id}")).await;
    assert_eq!(order["alarm"]["id"], id.as_str());
    let auditor = hub.token(Role::Auditor).await;
    let (_, audit) = hub.get(&auditor, "/api/v1/audit").await;
    let lines: Vec<_> =
        audit["items"].as_array().expect("rows").iter().filter(|r| r["object"] == id.as_str()).collect();
    assert_eq!(lines.len(), 2, "done and refused: {audit}");
    assert_eq!(lines[1]["action"], "alarm_acknowledge");
}

#[tokio::test]
async fn health_says_why_not() {
    let hub = Hub::start().await;
    assert_eq!(hub.get("", "/healthz").await.0, 200);
    assert_eq!(hub.get("", "/readyz").await.0, 200);
    hub.ready.store(false, Ordering::Relaxed);
    let (status, answer) = hub.get("", "/readyz").await;
    assert_eq!((status, &answer["reasons"][0]), (503, &json!("log: the disk is full")));
    let page = hub.http.get(hub.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    assert!(page.contains("greenhub_kit_total 7") && page.contains("greenhub_live_viewers 0"), "{page}");
}

#[tokio::test]
async fn every_answer_is_dressed_against_foreign_pages() {
    let hub = Hub::start().await;
    for path in ["/", "/api/v1/units", "/healthz", "/nothing.js"] {
        let answer = hub.http.get(hub.url(path)).send().await.expect("an answer");
        let policy = answer.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("default-src 'none'") && policy.contains("worker-src 'self' blob:"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["x-frame-options"], "DENY");
    }
    let api = hub.http.get(hub.url("/api/v1/units")).send().await.expect("an answer");
    assert_eq!(api.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can_read_them() {
    let hub = Hub::start().await;
    let request = hub.http.get(hub.url("/api/openapi.json")).header("accept-encoding", "gzip");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let small = hub.http.get(hub.url("/healthz")).header("accept-encoding", "gzip").send().await.expect("an answer");
    assert!(!small.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn every_view_of_the_console_is_an_address_and_files_are_asked_for_again() {
    let hub = Hub::start().await;
    let get = |path: &str| hub.http.get(hub.url(path));
    let page = get("/").send().await.expect("an answer");
    let built = page.status() == 200;
    assert!(built || page.status() == 503, "built, or it says that it is not");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let tag = page.headers().get("etag").cloned();
    let text = page.text().await.expect("text");
    assert!(built || text.contains("网页资源尚未构建"), "{text}");
    for view in ["/alarms", "/alarms/C-1.OVER_TEMPERATURE.7", "/map/units/P-1"] {
        let deep = get(view).send().await.expect("an answer").text().await.expect("text");
        assert_eq!(deep, text, "{view} is a view of the console");
    }
    for file in ["/nothing.js", "/assets/nothing", "/robots.txt"] {
        assert_eq!(get(file).send().await.expect("an answer").status(), 404, "{file}");
    }
    if let Some(tag) = tag {
        let again = get("/").header("if-none-match", tag).send().await.expect("an answer");
        assert_eq!(again.status(), 304);
        assert_eq!(again.headers()["cache-control"], "no-cache");
    }
}

#[tokio::test]
async fn the_phone_app_has_its_own_page_scope_and_service_worker() {
    let hub = Hub::start().await;
    let careful = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let bare = careful.get(hub.url("/m")).send().await.expect("an answer");
    assert_eq!((bare.status().as_u16(), bare.headers()["location"].as_bytes()), (308, &b"/m/"[..]));
    let get = |path: &str| hub.http.get(hub.url(path));
    let console = get("/").send().await.expect("an answer");
    if console.status() != 200 {
        return; // Not built: the page of the test above says so.
    }
    let console = console.text().await.expect("text");
    let phone = get("/m/").send().await.expect("an answer").text().await.expect("text");
    assert!(phone.contains("m.webmanifest") && phone != console);
    for view in ["/m/orders/O-1.2", "/m/mine"] {
        assert_eq!(get(view).send().await.expect("an answer").text().await.expect("text"), phone, "{view}");
    }
    assert_eq!(get("/map").send().await.expect("an answer").text().await.expect("text"), console, "not below /m/");
    let kinds = [
        ("/m-sw.js", "text/javascript; charset=utf-8"),
        ("/m.webmanifest", "application/manifest+json"),
        ("/icons/phone-192.png", "image/png"),
    ];
    for (path, kind) in kinds {
        let answer = get(path).send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &kind.parse().expect("a kind"))
        );
        assert_eq!(answer.headers()["cache-control"], "no-cache", "{path} must be asked for again");
    }
}
