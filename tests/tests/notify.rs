//! Notices, end to end: a P1 alarm calls a signed webhook of a real local server, again until somebody acknowledges, and
//! a server that was away gets each decision once, also when the hub was restarted meanwhile.

use greenhub_model::notify::{Notice, NoticeKind};
use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, publish_all};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::peers::free_port;
use greenhub_tests::{now_ms, until};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const ALARM: &str = "greenhub/v1/charger/T-PILE-1/alarm";
const SECRET: &str = "a secret of the test";

/// A call as the server got it.
#[derive(Debug, Clone)]
struct Got {
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    fn notice(&self) -> Notice {
        serde_json::from_slice(&self.body).expect("the body is a notice")
    }
}

/// A server that keeps what it gets and answers with the statuses it is given, then with 204.
#[derive(Clone, Default)]
struct Server {
    got: Arc<Mutex<Vec<Got>>>,
    refusals: Arc<Mutex<Vec<u16>>>,
}

impl Server {
    async fn listen(&self, port: u16) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.answer(BufReader::new(stream)).await });
            }
        });
    }

    async fn answer(&self, mut stream: BufReader<tokio::net::TcpStream>) {
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            match line.trim().split_once(": ") {
                Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
                None if line.trim().is_empty() => break,
                None => drop(headers.insert("request".into(), line.trim().to_owned())),
            }
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("a whole body");
        let refusal = self.refusals.lock().expect("no panic").pop();
        let status = refusal.unwrap_or(204);
        if refusal.is_none() {
            self.got.lock().expect("no panic").push(Got { headers, body });
        }
        let answer = format!(
            "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("the hub listens");
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    fn kinds(&self) -> Vec<NoticeKind> {
        self.got().iter().map(|got| got.notice().kind).collect()
    }
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
    let (server, port) = (Server::default(), free_port());
    server.listen(port).await;
    let hub = Hub::start(&options(port));
    let administrator = Api::login(&hub, "admin").await;
    rules(&administrator, 1).await;
    let api = Api::login(&hub, "dispatcher").await;
    let id = raise(&hub, &api).await;
    until("the first call and a repetition", async || (server.got().len() >= 2).then_some(())).await;
    let first = server.got()[0].clone();
    let header = |name: &str| first.headers.get(name).cloned().unwrap_or_else(|| panic!("no {name}: {first:?}"));
    assert_eq!(header("request"), "POST /hook?x=1 HTTP/1.1");
    assert_eq!(header("host"), format!("127.0.0.1:{port}"));
    let signed = [header("x-greenhub-timestamp").as_bytes(), b".", &first.body].concat();
    assert_eq!(header("x-greenhub-signature"), format!("sha256={}", python_hmac(SECRET, &signed)));
    let notice = first.notice();
    assert_eq!((notice.kind, notice.id.as_str()), (NoticeKind::Firing, header("x-greenhub-delivery").as_str()));
    assert_eq!((notice.alarms[0].alarm.as_str(), notice.total), (id.as_str(), 1));
    assert_eq!(server.kinds()[1], NoticeKind::Repeat);

    api.post(&format!("/api/v1/alarms/{id}/acknowledge"), &json!({})).await;
    // What was decided before the acknowledgement may still come; then nothing does for longer than two repetitions.
    let quiet = until("quiet", async || {
        let before = server.got().len();
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        (server.got().len() == before).then_some(before)
    })
    .await;
    let clear = alarm(now_ms(), "SMOKE", false, "critical");
    publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), clear)]).await;
    until("the end of it", async || (server.got().len() > quiet).then_some(())).await;
    assert_eq!(server.kinds().last(), Some(&NoticeKind::Resolved));
    let mut ids: Vec<_> = server.got().iter().map(|got| got.headers["x-greenhub-delivery"].clone()).collect();
    let calls = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), calls, "no decision came twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_away_gets_each_decision_once_across_a_restart() {
    let (server, port) = (Server::default(), free_port());
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
    *server.refusals.lock().expect("no panic") = vec![500, 302];
    server.listen(port).await;
    until("the call", async || (!server.got().is_empty()).then_some(())).await;
    let administrator = Api::login(&hub, "admin").await;
    let sent = until("the journal to say so", async || {
        let rows = administrator.list("/api/v1/notify/deliveries?state=sent").await;
        rows.iter().find(|row| row["channel"] == "webhook").cloned()
    })
    .await;
    assert_eq!((&sent["seq"], &sent["response"]), (&failed["seq"], &json!("HTTP 204")), "{sent}");
    assert!(sent["tries"].as_u64() > failed["tries"].as_u64().map(|tries| tries + 1), "{sent}");
    let got = server.got();
    assert_eq!((got.len(), got[0].notice().alarms[0].alarm.as_str()), (1, id.as_str()), "once, not once per try");
    let rows = administrator.list("/api/v1/notify/deliveries").await;
    assert_eq!(rows.iter().filter(|row| row["channel"] == "webhook").count(), 1, "one decision, one row");
}
