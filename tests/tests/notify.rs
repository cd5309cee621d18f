//! Notices, end to end: a P1 alarm calls a signed webhook of a real local server, again until somebody acknowledges, and
//! a server that was away gets each decision once, also when the hub was restarted meanwhile.

use greenhub_model::notify::{Notice, NoticeKind};
use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, publish_all};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::peers::free_port;
use greenhub_tests::receiver::{Call, Receiver};
use greenhub_tests::{now_ms, until};
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

const ALARM: &str = "greenhub/v1/charger/T-PILE-1/alarm";
const SECRET: &str = "a secret of the test";

/// A server that takes notices; what it sends elsewhere by a redirect must not be followed.
fn webhook() -> Receiver {
    Receiver::answering(204, "location: http://127.0.0.1:9/")
}

/// The calls that were taken, not those that were refused.
fn taken(server: &Receiver) -> Vec<Call> {
    server.calls().into_iter().filter(|call| call.answered == 204).collect()
}

fn notice(call: &Call) -> Notice {
    serde_json::from_slice(&call.body).expect("the body is a notice")
}

fn kinds(server: &Receiver) -> Vec<NoticeKind> {
    taken(server).iter().map(|call| notice(call).kind).collect()
}

/// HMAC-SHA256 as a receiver would compute it, by a program that is not ours.
fn python_hmac(secret: &str, text: &[u8]) -> String {
    let program =
        "import hmac,sys; print(hmac.new(sys.argv[1].encode(), sys.stdin.buffer.read(), 'sha256').hexdigest())";
    let mut python = Command::new("python3");
    python.args(["-c", program, secret]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python3 is installed: run scripts/setup.sh test");
    child.stdin.take().expect("a pipe").write_all(text).expect("python reads");
    let output = child.wait_with_output().expect("python ends");
    String::from_utf8(output.stdout).expect("hexadecimal").trim().to_owned()
}

fn options(port: u16) -> Options {
    let config = format!(
        "[notify]\nretry_min = \"100ms\"\nretry_max = \"500ms\"\ntries_max = 1000\n[notify.receivers.ops]\n\
         kind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook?x=1\"\nsecret = \"{SECRET}\"\n"
    );
    Options { demo: true, config, ..Options::default() }
}

/// Tells `ops` of P1 at once, and again every `repeat` seconds.
async fn rules(api: &Api, repeat: u32) {
    let route = json!({"id": "p1", "title": "紧急", "match": {"priorities": ["P1"]}, "receivers": [{"webhook": "ops"}],
        "group_by": ["alarm"], "group_wait_s": 0, "group_interval_s": 1, "repeat_interval_s": repeat,
        "send_resolved": true});
    let answer = api.put("/api/v1/notify/rules", &json!({"version": 1, "routes": [route]})).await;
    assert_eq!(answer["version"], 2, "{answer}");
}

async fn raise(hub: &Hub, api: &Api) -> String {
    let raise = alarm(now_ms(), "SMOKE", true, "critical");
    publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), raise)]).await;
    until("the alarm", async || {
        let rows = api.list("/api/v1/alarms?source=T-PILE-1&standing=true").await;
        let row = rows.first()?;
        assert_eq!(row["priority"], "P1", "the test needs an urgent alarm: {row}");
        row["id"].as_str().map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_called_signed_and_again_until_somebody_acknowledges() {
    let (server, port) = (webhook(), free_port());
    server.listen(port).await;
    let hub = Hub::start(&options(port));
    let administrator = Api::login(&hub, "admin").await;
    rules(&administrator, 1).await;
    let api = Api::login(&hub, "dispatcher").await;
    let id = raise(&hub, &api).await;
    until("the first call and a repetition", async || (taken(&server).len() >= 2).then_some(())).await;
    let first = taken(&server)[0].clone();
    assert_eq!(first.request, "POST /hook?x=1 HTTP/1.1");
    let header = |name: &str| first.headers.get(name).cloned().unwrap_or_else(|| panic!("no {name}: {first:?}"));
    assert_eq!(header("host"), format!("127.0.0.1:{port}"));
    let signed = [header("x-greenhub-timestamp").as_bytes(), b".", &first.body].concat();
    assert_eq!(header("x-greenhub-signature"), format!("sha256={}", python_hmac(SECRET, &signed)));
    let told = notice(&first);
    assert_eq!((told.kind, told.id.as_str()), (NoticeKind::Firing, header("x-greenhub-delivery").as_str()));
    assert_eq!((told.alarms[0].alarm.as_str(), told.total), (id.as_str(), 1));
    assert_eq!(kinds(&server)[1], NoticeKind::Repeat);

    api.post(&format!("/api/v1/alarms/{id}/acknowledge"), &json!({})).await;
    // What was decided before the acknowledgement may still come; then nothing does for longer than two repetitions.
    let quiet = until("quiet", async || {
        let before = taken(&server).len();
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        (taken(&server).len() == before).then_some(before)
    })
    .await;
    let clear = alarm(now_ms(), "SMOKE", false, "critical");
    publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), clear)]).await;
    until("the end of it", async || (taken(&server).len() > quiet).then_some(())).await;
    assert_eq!(kinds(&server).last(), Some(&NoticeKind::Resolved));
    let mut ids: Vec<_> = taken(&server).iter().map(|call| call.headers["x-greenhub-delivery"].clone()).collect();
    let calls = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), calls, "no decision came twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_away_gets_each_decision_once_across_a_restart() {
    let (server, port) = (webhook(), free_port());
    let hub = Hub::start(&options(port));
    let administrator = Api::login(&hub, "admin").await;
    rules(&administrator, 3600).await;
    let api = Api::login(&hub, "dispatcher").await;
    let id = raise(&hub, &api).await;
    let failed = until("a failed delivery", async || {
        let rows = administrator.list("/api/v1/notify/deliveries?state=failed").await;
        rows.first().filter(|row| row["tries"].as_u64() >= Some(2)).cloned()
    })
    .await;
    assert!(failed["response"].as_str().expect("a reason").contains("cannot be reached"), "{failed}");
    let guard = hub.kill().expect("the hub had a directory of its own");
    let hub = Hub::start_in(guard.path(), &options(port));
    // A redirect and a fault are no success, and are tried again.
    server.will_answer(&[302, 500]);
    server.listen(port).await;
    until("the call", async || (!taken(&server).is_empty()).then_some(())).await;
    let administrator = Api::login(&hub, "admin").await;
    let sent = until("the journal to say so", async || {
        let rows = administrator.list("/api/v1/notify/deliveries?state=sent").await;
        rows.iter().find(|row| row["channel"] == "webhook").cloned()
    })
    .await;
    assert_eq!((&sent["seq"], &sent["response"]), (&failed["seq"], &json!("HTTP 204")), "{sent}");
    assert!(sent["tries"].as_u64() > failed["tries"].as_u64().map(|tries| tries + 1), "{sent}");
    let got = taken(&server);
    assert_eq!((got.len(), notice(&got[0]).alarms[0].alarm.as_str()), (1, id.as_str()), "once, not once per try");
    let rows = administrator.list("/api/v1/notify/deliveries").await;
    assert_eq!(rows.iter().filter(|row| row["channel"] == "webhook").count(), 1, "one decision, one row");
}
