//! The live socket and MQTT over WebSocket, by a real client over loopback.

mod kit;

use futures_util::{SinkExt, StreamExt};
use greenhub_dashboards::{LiveConfig, WebOptions};
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::{Output, Role};
use kit::samples::*;
use kit::{Hub, until};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(hub: &Hub, token: &str) -> Socket {
    let url = format!("ws://{}/api/v1/live?token={token}", hub.address);
    connect_async(url).await.expect("the socket opens").0
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("it is sent");
}

/// The next message that is JSON; pings are passed over.
async fn hear(socket: &mut Socket) -> Value {
    let next = async {
        loop {
            match socket.next().await.expect("the socket is open").expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), next).await.expect("a message within ten seconds")
}

fn ids(frame: &Value, kind: &str) -> Vec<String> {
    let things = frame[kind].as_array().into_iter().flatten();
    things.map(|t| t["id"].as_str().expect("an id").to_owned()).collect()
}

fn move_unit(id: &str, lon: f64, lat: f64, time: i64) -> Vec<Output> {
    vec![Output::Unit(Box::new(unit(id, lon, lat, time)))]
}

#[tokio::test]
async fn a_viewer_gets_a_snapshot_and_then_changes() {
    let hub = Hub::start().await;
    hub.apply(move_unit("P-1", 121.4, 31.2, 1)).await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units", "devices", "alarms", "orders"], "max_rate_hz": 0})).await;
    let snapshot = hear(&mut socket).await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(ids(&snapshot, "units"), ["P-1"]);
    assert_eq!((&snapshot["alarms"], &snapshot["orders"]), (&json!([]), &json!([])));
    assert!((snapshot["now"].as_f64().expect("a time") - kit::now().millis_f64()).abs() < 60_000.0);
    hub.apply(move_unit("P-1", 121.5, 31.2, 2)).await;
    let delta = hear(&mut socket).await;
    assert_eq!((&delta["type"], &delta["units"][0]["lon"]), (&json!("delta"), &json!(121.5)));
    assert!(delta.get("alarms").is_none() && delta.get("removed").is_none(), "empty members are left out: {delta}");
    let over = alarm("C-1", 3, AlarmState::Normal, 1);
    let id = over.id.to_string();
    hub.apply(vec![alarm_change(over, AlarmEventKind::Returned, 9)]).await;
    let delta = hear(&mut socket).await;
    assert_eq!(delta["alarms"][0]["state"], "normal");
    assert_eq!(delta["removed"]["alarms"], json!([id]));
    assert_eq!(delta["events"][0]["kind"], "returned");
    hub.stop().await;
}

#[tokio::test]
async fn a_box_is_entered_and_left() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units"], "bbox": [121, 31, 122, 32], "max_rate_hz": 0})).await;
    assert_eq!(hear(&mut socket).await["units"], json!([]));
    hub.apply(move_unit("P-far", 120.0, 31.5, 1)).await;
    hub.apply(move_unit("P-1", 121.5, 31.5, 1)).await;
    let entered = hear(&mut socket).await;
    assert_eq!(ids(&entered, "units"), ["P-1"], "{entered}");
    hub.apply(move_unit("P-1", 123.0, 31.5, 2)).await;
    let left = hear(&mut socket).await;
    assert_eq!(left["removed"]["units"], json!(["P-1"]), "{left}");
    assert!(left.get("units").is_none());
    // Another box on the same socket, going on from here: only what is new to the viewer.
    let cursor = left["cursor"].clone();
    say(&mut socket, json!({"subscribe": ["units"], "bbox": [122, 31, 124, 32], "resume": cursor, "max_rate_hz": 0}))
        .await;
    let moved = hear(&mut socket).await;
    assert_eq!((&moved["type"], ids(&moved, "units")), (&json!("delta"), vec!["P-1".to_owned()]));
}

#[tokio::test]
async fn a_viewer_that_was_cut_off_goes_on_without_a_gap() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units", "alarms"], "max_rate_hz": 0})).await;
    let cursor = hear(&mut socket).await["cursor"].clone();
    drop(socket);
    for n in 0..50u64 {
        hub.apply(move_unit("P-1", 121.0, 31.0, n as i64)).await;
        let repeat = alarm("C-1", 1, AlarmState::Unacknowledged, n);
        hub.apply(vec![alarm_change(repeat, AlarmEventKind::Repeated, n as i64)]).await;
    }
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units", "alarms"], "resume": cursor, "max_rate_hz": 0})).await;
    let mut delta = hear(&mut socket).await;
    assert_eq!(delta["type"], "delta");
    assert_eq!(delta["units"].as_array().map(Vec::len), Some(1), "states are coalesced");
    assert_eq!(delta["units"][0]["time"], 49);
    let mut events = vec![];
    while events.len() < 50 {
        events.extend(delta["events"].as_array().into_iter().flatten().map(|e| e["at"].as_i64().expect("a time")));
        if events.len() < 50 {
            delta = hear(&mut socket).await;
        }
    }
    assert_eq!(events, (0..50).collect::<Vec<_>>(), "events are not");
}

#[tokio::test]
async fn ten_a_second_unless_asked_otherwise() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units"]})).await;
    hear(&mut socket).await;
    let started = tokio::time::Instant::now();
    let mut frames = 0;
    let mut time = 0;
    while time < 500 {
        for _ in 0..10 {
            time += 1;
            hub.live.apply(&batch(time as u64, move_unit("P-1", 121.0, 31.0, time)));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        while let Ok(frame) = tokio::time::timeout(Duration::from_millis(1), socket.next()).await {
            frames += usize::from(matches!(frame, Some(Ok(Message::Text(_)))));
        }
    }
    loop {
        let last = hear(&mut socket).await;
        frames += 1;
        if last["units"][0]["time"] == 500 {
            break;
        }
    }
    let most = started.elapsed().as_millis() as usize / 100 + 2;
    assert!(frames <= most, "{frames} frames in {:?}", started.elapsed());
}

#[tokio::test]
async fn silence_is_broken_and_the_cursor_moves_on() {
    let config = LiveConfig { alive_every: Duration::from_millis(100), ..LiveConfig::new() };
    let hub = Hub::start_with(config, WebOptions::default()).await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["orders"], "max_rate_hz": 0})).await;
    let first = hear(&mut socket).await["cursor"].clone();
    hub.apply(move_unit("P-1", 121.0, 31.0, 1)).await;
    loop {
        let alive = hear(&mut socket).await;
        assert_eq!(alive["type"], "alive", "nothing for this viewer happened: {alive}");
        if alive["cursor"] != first {
            break;
        }
    }
}

#[tokio::test]
async fn a_viewer_that_does_not_read_is_closed_and_costs_no_memory_meanwhile() {
    let config = LiveConfig { send_timeout: Duration::from_millis(500), ..LiveConfig::new() };
    let hub = Hub::start_with(config, WebOptions::default()).await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    say(&mut socket, json!({"subscribe": ["units"], "max_rate_hz": 0})).await;
    hear(&mut socket).await;
    // 1,000 units of 300 bytes each: the kernel's buffers are full after a few dozen frames.
    let mut time = 0;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while hub.live.stats().closed_slow == 0 {
        assert!(tokio::time::Instant::now() < deadline, "the slow viewer is still there");
        time += 1;
        let all = (0..1_000).map(|n| Output::Unit(Box::new(unit(&format!("P-{n}"), 121.0, 31.0, time)))).collect();
        hub.live.apply(&batch(time as u64, all));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("its place is free", || hub.live.stats().viewers == 0).await;
    let stats = hub.live.stats();
    // Kernel buffers of both ends hold some megabytes; everything beyond was never made for this viewer.
    assert!(stats.bytes_sent < 40_000_000, "{stats:?}");
    let mut again = open(&hub, &token).await;
    say(&mut again, json!({"subscribe": ["units"]})).await;
    assert_eq!(hear(&mut again).await["units"].as_array().map(Vec::len), Some(1_000), "others are served");
}

#[tokio::test]
async fn a_message_that_is_not_understood_is_answered_in_words() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Dispatcher).await;
    let mut socket = open(&hub, &token).await;
    for bad in ["{", "[]", r#"{"subscribe":["boats"]}"#, r#"{"subscribe":["units"],"bbox":[9,9,1,1]}"#] {
        socket.send(Message::text(bad)).await.expect("it is sent");
        let error = hear(&mut socket).await;
        assert_eq!(error["type"], "error");
        assert!(!error["detail"].as_str().unwrap_or_default().is_empty());
    }
    say(&mut socket, json!({"subscribe": ["units"]})).await;
    assert_eq!(hear(&mut socket).await["type"], "snapshot", "the socket is still good");
    for _ in 0..100 {
        let _closed_meanwhile = socket.send(Message::text("{")).await;
    }
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(reason) = message {
                return reason.map(|r| r.reason.to_string());
            }
        }
        None
    };
    let reason = tokio::time::timeout(Duration::from_secs(10), end).await.expect("it is closed");
    assert_eq!(reason.as_deref(), Some("too many messages"));
}

#[tokio::test]
async fn the_door_of_the_live_socket_is_guarded() {
    let config = LiveConfig { viewers_max: 1, alive_every: Duration::from_millis(100), ..LiveConfig::new() };
    let hub = Hub::start_with(config, WebOptions::default()).await;
    let token = hub.token(Role::Dispatcher).await;
    let status = async |query: &str, origin: &str| {
        let mut request = format!("ws://{}/api/v1/live{query}", hub.address).into_client_request().expect("a request");
        if !origin.is_empty() {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(status("", "").await.err(), Some(401));
    assert_eq!(status("?token=nonsense", "").await.err(), Some(401));
    let query = format!("?token={token}");
    assert_eq!(status(&query, "https://evil.example").await.err(), Some(403));
    let ours = format!("http://{}", hub.address);
    let mut socket = status(&query, &ours).await.expect("our own page comes in");
    assert_eq!(status(&query, "").await.err(), Some(503), "there is one place");
    // The session ends: so does the socket, within the time of a check.
    let out = hub.http.delete(hub.url("/api/v1/session")).bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(out.status(), 204);
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Close(_)) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("it is closed");
    until("the place is free", || hub.live.stats().viewers == 0).await;
}

#[tokio::test]
async fn mqtt_bytes_pass_in_both_directions_however_they_are_cut() {
    let hub = Hub::start().await;
    let mut request = format!("ws://{}/mqtt", hub.address).into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().expect("a header"));
    let (mut socket, answer) = connect_async(request).await.expect("the socket opens");
    assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
    let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    for part in bytes.chunks(7_777) {
        socket.send(Message::binary(part.to_vec())).await.expect("it is sent");
    }
    let mut back = vec![];
    while back.len() < bytes.len() {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("in time");
        if let Message::Binary(part) = next.expect("open").expect("a message") {
            back.extend_from_slice(&part);
        }
    }
    assert_eq!(back, bytes);
    socket.send(Message::text("MQTT is binary")).await.expect("it is sent");
    let end = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("text ends the connection");
}

#[tokio::test]
async fn mqtt_needs_its_sub_protocol() {
    let hub = Hub::start().await;
    match connect_async(format!("ws://{}/mqtt", hub.address)).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 400),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_viewer_is_told_own_notices_and_nobody_elses() {
    let hub = Hub::start().await;
    let (admin, clerk) = (hub.token(Role::Administrator).await, hub.token(Role::Clerk).await);
    let tell = async |receiver: Value| {
        let (status, answer) = hub.post(&admin, "/api/v1/notify/test", json!({"receiver": receiver})).await;
        assert_eq!(status, 202, "{answer}");
        answer["seq"].clone()
    };
    tell(json!({"role": "clerk"})).await;
    let mut socket = open(&hub, &clerk).await;
    say(&mut socket, json!({"subscribe": ["orders"], "max_rate_hz": 0})).await;
    let first = hear(&mut socket).await;
    assert_eq!(first["type"], "snapshot");
    tell(json!({"role": "clerk"})).await;
    say(&mut socket, json!({"subscribe": ["orders", "notices"], "max_rate_hz": 0, "resume": first["cursor"]})).await;
    assert_eq!(hear(&mut socket).await["type"], "alive", "who did not ask was told nothing; the cursor still holds");
    let begin = hear(&mut socket).await;
    assert_eq!((&begin["type"], &begin["items"], &begin["look"]), (&json!("notices"), &json!([]), &json!(true)));
    tell(json!({"role": "crew"})).await;
    tell(json!({"user": "crew"})).await;
    tell(json!({"webhook": "ops"})).await;
    for receiver in [json!({"role": "clerk"}), json!({"user": "clerk"})] {
        let seq = tell(receiver.clone()).await;
        let told = hear(&mut socket).await;
        assert_eq!((&told["type"], &told["look"]), (&json!("notices"), &json!(false)), "{told}");
        assert_eq!((&told["items"][0]["seq"], &told["items"][0]["notice"]["receiver"]), (&seq, &receiver));
    }
    hub.stop().await;
}
