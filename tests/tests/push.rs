//! Web Push, end to end: a push service of this test takes real calls, checks who speaks (RFC 8292), opens what was
//! sealed (RFC 8291) as a browser would, and answers as the test wants.

use greenhub_model::push::{base64url, from_base64url};
use greenhub_tests::api::Api;
use greenhub_tests::device::{alarm, publish_all};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::peers::free_port;
use greenhub_tests::receiver::{Call, Receiver};
use greenhub_tests::{now_ms, until};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::{hmac, signature};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const ALARM: &str = "greenhub/v1/charger/T-PILE-1/alarm";
const SUBSCRIPTIONS: &str = "/api/v1/push/subscriptions";

/// A push service.
fn push_service() -> Receiver {
    Receiver::answering(201, "retry-after: 1")
}

/// A browser of one message: its key is used up when it reads.
struct Browser {
    key: EphemeralPrivateKey,
    point: Vec<u8>,
    auth: [u8; 16],
}

impl Browser {
    fn new() -> Self {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
        let point = key.compute_public_key().expect("a point").as_ref().to_vec();
        Self { key, point, auth: *b"0123456789abcdef" }
    }

    fn subscription(&self, endpoint: &str) -> Value {
        let keys = json!({"p256dh": base64url(&self.point), "auth": base64url(&self.auth)});
        json!({"endpoint": endpoint, "expirationTime": null, "keys": keys, "label": "test"})
    }

    /// RFC 8291 and RFC 8188 by the letter, with HMAC alone.
    fn open(self, body: &[u8]) -> Value {
        let hmac = |key: &[u8], text: &[&[u8]]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &text.concat()).as_ref().to_vec()
        };
        assert_eq!((&body[16..20], body[20]), (&4096_u32.to_be_bytes()[..], 65), "one record, a point");
        let (salt, server, mut record) = (&body[..16], &body[21..86], body[86..].to_vec());
        let (auth, point) = (self.auth, self.point);
        let ikm = agree_ephemeral(self.key, &UnparsedPublicKey::new(&ECDH_P256, server), |secret| {
            let prk = hmac(&auth, &[secret]);
            hmac(&prk, &[b"WebPush: info\0", &point, server, &[1]])
        });
        let prk = hmac(salt, &[&ikm.expect("a point on the curve")]);
        let key = hmac(&prk, &[b"Content-Encoding: aes128gcm\0", &[1]]);
        let nonce = hmac(&prk, &[b"Content-Encoding: nonce\0", &[1]]);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).expect("16 bytes"));
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("12 bytes");
        let text = key.open_in_place(nonce, Aad::empty(), &mut record).expect("sealed for this browser");
        let text = text.strip_suffix(&[2]).expect("the mark of the last record");
        serde_json::from_slice(text).expect("JSON")
    }
}

fn options(port: u16) -> Options {
    let config = format!(
        "[notify]\nretry_min = \"100ms\"\nretry_max = \"2s\"\n[notify.push]\nhosts = [\"127.0.0.1:{port}\"]\n\
         contact = \"mailto:duty@example.org\"\n"
    );
    Options { demo: true, config, ..Options::default() }
}

/// Tells dispatchers of P1 in the page, at once.
async fn rules(api: &Api) {
    let route = json!({"id": "p1", "title": "紧急", "match": {"priorities": ["P1"]},
        "receivers": [{"role": "dispatcher"}], "group_wait_s": 0, "group_interval_s": 1, "send_resolved": true});
    let answer = api.put("/api/v1/notify/rules", &json!({"version": 1, "routes": [route]})).await;
    assert_eq!(answer["version"], 2, "{answer}");
}

/// Checks the token as a push service would, with the key that the browser was given.
fn check_token(got: &Call, key: &str, origin: &str) {
    let value = got.headers["authorization"].strip_prefix("vapid t=").expect("RFC 8292");
    let (token, k) = value.split_once(", k=").expect("a key");
    assert_eq!(k, key);
    let (text, signed) = token.rsplit_once('.').expect("three parts");
    let bytes = |text: &str| from_base64url(text).expect("base64url");
    let public = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, bytes(key));
    public.verify(text.as_bytes(), &bytes(signed)).expect("signed by the hub");
    let claims: Value = serde_json::from_slice(&bytes(text.split_once('.').expect("a dot").1)).expect("JSON");
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(origin), &json!("mailto:duty@example.org")));
    let left = claims["exp"].as_i64().expect("seconds") - now_ms() / 1000;
    assert!((1..=86_400).contains(&left), "{claims}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_reaches_the_browsers_of_those_it_is_for() {
    let (service, port) = (push_service(), free_port());
    service.listen(port).await;
    let hub = Hub::start(&options(port));
    rules(&Api::login(&hub, "admin").await).await;
    let (dispatcher, operator) = (Api::login(&hub, "dispatcher").await, Api::login(&hub, "operator").await);
    let key = dispatcher.get("/api/v1/push/key").await["key"].as_str().expect("a key").to_owned();
    let (browser, bystander) = (Browser::new(), Browser::new());
    let endpoint = format!("http://127.0.0.1:{port}/wpush/a?x=1");
    dispatcher.post(SUBSCRIPTIONS, &browser.subscription(&endpoint)).await;
    operator.post(SUBSCRIPTIONS, &bystander.subscription(&format!("http://127.0.0.1:{port}/wpush/operator"))).await;
    // The service is busy twice; the third try goes through.
    service.will_answer(&[429, 503, 201]);
    publish_all(hub.mqtt(), "pile", vec![(ALARM.to_owned(), alarm(now_ms(), "SMOKE", true, "critical"))]).await;
    let got = until("three tries", async || Some(service.calls()).filter(|got| got.len() >= 3)).await;
    let admin = Api::login(&hub, "admin").await;
    let sent = until("the journal to say so", async || {
        let rows = admin.list("/api/v1/notify/deliveries?state=sent").await;
        rows.iter().find(|row| row["channel"] == "push").cloned()
    })
    .await;
    assert_eq!((&sent["tries"], &sent["response"]), (&json!(3), &json!("HTTP 201")), "{sent}");
    assert!(sent["receiver"].as_str().expect("a word").starts_with("push:dispatcher/"), "{sent}");
    for call in &got {
        assert_eq!(call.request, "POST /wpush/a?x=1 HTTP/1.1", "nobody else was told");
        check_token(call, &key, &format!("http://127.0.0.1:{port}"));
        let header = |name: &str| call.headers[name].as_str();
        assert_eq!((header("content-encoding"), header("urgency")), ("aes128gcm", "high"));
        assert_eq!(header("topic").len(), 32);
        let ttl: u64 = header("ttl").parse().expect("seconds");
        assert!((14_000..=14_400).contains(&ttl), "{ttl}");
    }
    assert_ne!(got[0].body, got[1].body, "each try has a key of its own");
    let shown = browser.open(&got[2].body);
    assert!(shown["title"].as_str().expect("words").starts_with("报警：P1"), "{shown}");
    let alarms = dispatcher.list("/api/v1/alarms?source=T-PILE-1&standing=true").await;
    assert_eq!(shown["url"], format!("/alarms?sel={}", alarms[0]["id"].as_str().expect("an id")));
    assert_eq!((&shown["kind"], &shown["priority"], &shown["quiet"]), (&json!("firing"), &json!("P1"), &json!(false)));
    let metrics = dispatcher.text("/metrics").await;
    for line in
        ["greenhub_notify_sent_total{channel=\"push\"} 1", "greenhub_notify_failed_tries_total{channel=\"push\"} 2"]
    {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_is_gone_is_forgotten_and_the_key_outlives_the_hub() {
    let (service, port) = (push_service(), free_port());
    let hub = Hub::start(&options(port));
    let api = Api::login(&hub, "dispatcher").await;
    let key = api.get("/api/v1/push/key").await;
    let (gone, stays) = (Browser::new(), Browser::new());
    let endpoint = |name: &str| format!("http://127.0.0.1:{port}/{name}");
    api.post(SUBSCRIPTIONS, &gone.subscription(&endpoint("gone"))).await;
    api.post("/api/v1/push/test", &json!({})).await;
    let admin = Api::login(&hub, "admin").await;
    until("a try in vain", async || {
        let rows = admin.list("/api/v1/notify/deliveries?state=failed").await;
        rows.iter().any(|row| row["channel"] == "push").then_some(())
    })
    .await;
    let guard = hub.kill().expect("the hub had a directory of its own");
    let file = guard.path().join("vapid.pk8");
    assert_eq!(std::fs::metadata(&file).expect("the key is kept").permissions().mode() & 0o777, 0o600);
    let hub = Hub::start_in(guard.path(), &options(port));
    service.will_answer(&[410]);
    service.listen(port).await;
    let api = Api::login(&hub, "dispatcher").await;
    assert_eq!(api.get("/api/v1/push/key").await, key, "the same hub to every push service");
    until("the browser to be forgotten", async || api.list(SUBSCRIPTIONS).await.is_empty().then_some(())).await;
    assert_eq!(service.calls().len(), 1);
    api.post(SUBSCRIPTIONS, &stays.subscription(&endpoint("stays"))).await;
    api.post("/api/v1/push/test", &json!({})).await;
    let got = until("the trial", async || Some(service.calls()).filter(|got| got.len() == 2)).await;
    assert_eq!(got[1].request, "POST /stays HTTP/1.1");
    assert_eq!(stays.open(&got[1].body)["title"], "通知测试");
}
