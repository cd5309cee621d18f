//! Adapters: how a notice is said to each kind of receiver, and what its answer means. No socket is touched here: an
//! adapter makes a call, [`super::client`] makes it.
//!
//! | kind | call | success |
//! | --- | --- | --- |
//! | `webhook` | `POST` the notice as JSON, signed (HMAC-SHA256 over time and body) | any 2xx |
//! | `sms` | the gateway's URL and body as templates with `{to}`, `{text}`, `{secret}` | any 2xx, and `success_contains` |
//! | `wecom` | `POST` to the robot of a group: `msgtype` `markdown`, at most 4096 bytes | 200 and `errcode` 0 |
//!
//! To add a kind: a struct with [`Channel`], a line in [`channels`], a row above.

use crate::config::{Notify, ReceiverSection};
use anyhow::{Context, Result, bail};
use greenhub_model::notify::{Notice, NotifyChannel, Receiver};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest markdown of an enterprise WeChat robot, bytes.
const WECOM_BYTES_MAX: usize = 4096;
/// Longest short message, characters; gateways split beyond 70.
const SMS_CHARS_MAX: usize = 200;

/// A way to tell somebody.
pub trait Channel: Send + Sync {
    /// The call that says this notice, tried at this time (Unix ms).
    fn call(&self, notice: &Notice, at: i64) -> Call;
    /// Whether the answer means that the receiver has it; else why not.
    fn judge(&self, answer: &Answer) -> Result<(), String>;
}

/// An HTTP call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Method.
    pub method: &'static str,
    /// Whole address.
    pub url: String,
    /// Headers besides host and length.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, at most 64 KiB.
    pub body: Vec<u8>,
    /// How long the receiver asks us to wait, where it says so in seconds.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// For the journal.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("HTTP {} {}", self.status, text.trim()).trim().chars().take(300).collect()
    }

    fn is_success(&self) -> Result<(), String> {
        if (200..300).contains(&self.status) { Ok(()) } else { Err(self.excerpt()) }
    }
}

/// The receivers of the configuration.
pub fn channels(section: &Notify) -> Result<BTreeMap<Receiver, Arc<dyn Channel>>> {
    let mut channels: BTreeMap<Receiver, Arc<dyn Channel>> = BTreeMap::new();
    for (name, receiver) in &section.receivers {
        let channel = channel(receiver).with_context(|| format!("receiver {name}"))?;
        let receiver = match receiver.channel() {
            Some(NotifyChannel::Sms) => Receiver::Sms(name.clone()),
            Some(NotifyChannel::Wecom) => Receiver::Wecom(name.clone()),
            _ => Receiver::Webhook(name.clone()),
        };
        channels.insert(receiver, channel);
    }
    Ok(channels)
}

/// Kinds of the receivers of the configuration by name, and where they lead without what is secret.
pub fn kinds(section: &Notify) -> BTreeMap<String, (NotifyChannel, String)> {
    let kind = |(name, receiver): (&String, &ReceiverSection)| {
        let host = receiver.url.0.split('/').nth(2).unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default().to_owned();
        Some((name.clone(), (receiver.channel()?, host)))
    };
    section.receivers.iter().filter_map(kind).collect()
}

/// The gateway of a section, to one number.
pub fn sms_to(section: &ReceiverSection, number: &str) -> Result<Arc<dyn Channel>> {
    channel(&ReceiverSection { kind: "sms".to_owned(), to: vec![number.to_owned()], ..section.clone() })
}

fn channel(receiver: &ReceiverSection) -> Result<Arc<dyn Channel>> {
    let secret = receiver.secret().context("read its secret")?;
    let url = receiver.url.0.clone();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        bail!("url must begin with http:// or https://");
    }
    let channel: Arc<dyn Channel> = match receiver.channel() {
        Some(NotifyChannel::Webhook) if secret.is_empty() => {
            bail!("a webhook needs secret_file (or secret), else nobody can tell that the call is ours")
        }
        Some(NotifyChannel::Webhook) => Arc::new(Webhook { url, secret }),
        Some(NotifyChannel::Sms) if receiver.to.is_empty() => bail!("sms needs the numbers in to"),
        Some(NotifyChannel::Sms) => Arc::new(Sms { receiver: receiver.clone(), secret }),
        Some(NotifyChannel::Wecom) => Arc::new(Wecom { url: url.replace("{secret}", &encode(&secret)) }),
        Some(NotifyChannel::Page | NotifyChannel::Push) | None => bail!("kind must be webhook, sms or wecom"),
    };
    Ok(channel)
}

/// A program that is called.
struct Webhook {
    url: String,
    secret: String,
}

impl Channel for Webhook {
    fn call(&self, notice: &Notice, at: i64) -> Call {
        let body = serde_json::to_vec(notice).expect("a notice has string keys only");
        let seconds = at.div_euclid(1000).to_string();
        let headers = vec![
            ("content-type".into(), "application/json".into()),
            ("x-greenhub-delivery".into(), notice.id.clone()),
            ("x-greenhub-signature".into(), format!("sha256={}", sign(&self.secret, &seconds, &body))),
            ("x-greenhub-timestamp".into(), seconds),
        ];
        Call { method: "POST", url: self.url.clone(), headers, body }
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        answer.is_success()
    }
}

/// HMAC-SHA256 of `TIMESTAMP.BODY` in lower-case hexadecimal.
pub fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gateway for short messages.
struct Sms {
    receiver: ReceiverSection,
    secret: String,
}

impl Channel for Sms {
    fn call(&self, notice: &Notice, _at: i64) -> Call {
        let text: String = format!("{} {}", notice.title, notice.text.lines().next().unwrap_or_default());
        let text: String = text.trim().chars().take(SMS_CHARS_MAX).collect();
        let fill = |template: &str, safe: fn(&str) -> String| {
            let values =
                [("{to}", self.receiver.to.join(",")), ("{text}", text.clone()), ("{secret}", self.secret.clone())];
            fill(template, &values.map(|(name, value)| (name, safe(&value))))
        };
        let body = match self.receiver.content_type.contains("json") {
            true => fill(&self.receiver.body, json_text),
            false => fill(&self.receiver.body, encode),
        };
        let mut headers = vec![("x-greenhub-delivery".to_owned(), notice.id.clone())];
        if !self.receiver.authorization.0.is_empty() {
            let value = self.receiver.authorization.0.replace("{secret}", &self.secret);
            headers.push(("authorization".into(), value));
        }
        if !body.is_empty() {
            headers.push(("content-type".into(), self.receiver.content_type.clone()));
        }
        let method = if body.is_empty() { "GET" } else { "POST" };
        Call { method, url: fill(&self.receiver.url.0, encode), headers, body: body.into_bytes() }
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        answer.is_success()?;
        let wanted = &self.receiver.success_contains;
        match wanted.is_empty() || String::from_utf8_lossy(&answer.body).contains(wanted) {
            true => Ok(()),
            false => Err(format!("the answer lacks {wanted:?}: {}", answer.excerpt())),
        }
    }
}

/// The robot of an enterprise WeChat group.
struct Wecom {
    url: String,
}

impl Channel for Wecom {
    fn call(&self, notice: &Notice, _at: i64) -> Call {
        // A device name must neither mention people nor open a tag.
        let plain = |text: &str| text.replace('<', "＜").replace('>', "＞");
        let colour = if notice.alarms.iter().any(|alarm| alarm.firing) { "warning" } else { "info" };
        let mut content = format!("**<font color=\"{colour}\">{}</font>**", plain(&notice.title));
        for line in notice.text.lines() {
            let line = format!("\n> {}", plain(line));
            if content.len() + line.len() > WECOM_BYTES_MAX {
                break;
            }
            content.push_str(&line);
        }
        let body = serde_json::json!({"msgtype": "markdown", "markdown": {"content": content}});
        let headers = vec![("content-type".into(), "application/json".into())];
        Call { method: "POST", url: self.url.clone(), headers, body: body.to_string().into_bytes() }
    }

    /// The robot says 200 also when it refuses: its own code decides.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        answer.is_success()?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if said["errcode"] == 0 { Ok(()) } else { Err(answer.excerpt()) }
    }
}

/// Puts values into a template in one pass, so that a value that looks like a name stays as it is.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match values.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// Percent-encoding of everything but unreserved characters.
fn encode(text: &str) -> String {
    let byte = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The inside of a JSON string.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use greenhub_alarms::notify::trial;

    fn notice() -> Notice {
        Notice { title: "报警：<@all> \"三号桩\"".into(), ..trial(Receiver::Webhook("ops".into()), "li", 1_000) }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into(), retry_after: None }
    }

    fn section(kind: &str) -> ReceiverSection {
        ReceiverSection {
            kind: kind.into(),
            url: Secret("https://gate.example/send?to={to}&msg={text}&key={secret}".into()),
            secret: Secret("s&1".into()),
            to: vec!["+8613800000000".into()],
            ..ReceiverSection::default()
        }
    }

    #[test]
    fn a_webhook_is_signed_over_time_and_body() {
        let hook = Webhook { url: "https://x.example/y".into(), secret: "key".into() };
        let call = hook.call(&notice(), 1_500_999);
        let header =
            |name: &str| call.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).expect("a header");
        assert_eq!(header("x-greenhub-timestamp"), "1500");
        assert_eq!(header("x-greenhub-delivery"), notice().id);
        assert_eq!(header("x-greenhub-signature"), format!("sha256={}", sign("key", "1500", &call.body)));
        assert_eq!(serde_json::from_slice::<Notice>(&call.body).expect("a notice"), notice());
        // printf '1500.{}' | openssl dgst -sha256 -hmac key
        let expected = "82a661b07f11f9332cddae326188e4d2fcf9ea25db7ae2fb79ade4ba13af7954";
        assert_eq!(sign("key", "1500", b"{}"), expected);
        assert!(hook.judge(&answer(204, "")).is_ok());
        for status in [301, 302, 400, 500] {
            assert!(hook.judge(&answer(status, "")).is_err(), "{status}");
        }
    }

    #[test]
    fn templates_are_filled_once_and_safely() {
        let get = channel(&section("sms")).expect("good").call(&notice(), 0);
        assert_eq!((get.method, get.body.len()), ("GET", 0));
        assert!(get.url.starts_with("https://gate.example/send?to=%2B8613800000000&msg=%E6%8A%A5"), "{}", get.url);
        assert!(get.url.ends_with("&key=s%261"), "{}", get.url);
        let json = ReceiverSection {
            body: r#"{"phone":"{to}","content":"{text}","n":{"a":1}}"#.into(),
            authorization: Secret("Bearer {secret}".into()),
            ..section("sms")
        };
        let post = channel(&json).expect("good").call(&notice(), 0);
        let body: serde_json::Value = serde_json::from_slice(&post.body).expect("JSON in spite of the quotes");
        assert_eq!((post.method, &body["n"]["a"]), ("POST", &serde_json::json!(1)));
        assert!(body["content"].as_str().expect("a text").contains("\"三号桩\""));
        assert!(post.headers.contains(&("authorization".into(), "Bearer s&1".into())));
        let strict = ReceiverSection { success_contains: "\"code\":0".into(), ..json };
        let strict = channel(&strict).expect("good");
        assert!(strict.judge(&answer(200, "{\"code\":0}")).is_ok());
        assert!(strict.judge(&answer(200, "{\"code\":7}")).is_err());
        assert_eq!(fill("{a}{b}", &[("{a}", "{b}".into()), ("{b}", "x".into())]), "{b}x");
    }

    #[test]
    fn the_robot_gets_markdown_that_mentions_nobody() {
        let robot =
            ReceiverSection { url: Secret("https://qyapi.example/send?key={secret}".into()), ..section("wecom") };
        let robot = channel(&robot).expect("good");
        let call = robot.call(&Notice { text: "行\n".repeat(3000), ..notice() }, 0);
        assert_eq!(call.url, "https://qyapi.example/send?key=s%261");
        let body: serde_json::Value = serde_json::from_slice(&call.body).expect("JSON");
        let content = body["markdown"]["content"].as_str().expect("a text");
        assert_eq!(body["msgtype"], "markdown");
        assert!(content.len() <= WECOM_BYTES_MAX && !content.contains("<@"), "{content}");
        assert!(robot.judge(&answer(200, r#"{"errcode":0,"errmsg":"ok"}"#)).is_ok());
        assert!(robot.judge(&answer(200, r#"{"errcode":45009,"errmsg":"limit"}"#)).is_err());
        assert!(robot.judge(&answer(200, "")).is_err());
    }

    #[test]
    fn receivers_that_cannot_work_are_refused_at_the_start() {
        for (wrong, section) in [
            ("no kind", section("pigeon")),
            ("no secret", ReceiverSection { secret: Secret::default(), ..section("webhook") }),
            ("no numbers", ReceiverSection { to: vec![], ..section("sms") }),
            ("no address", ReceiverSection { url: Secret("gate.example".into()), ..section("wecom") }),
        ] {
            assert!(channel(&section).is_err(), "{wrong}");
        }
    }
}
