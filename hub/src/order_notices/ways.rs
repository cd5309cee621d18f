//! The ways outside: a text message, a voice call, another system. Each is one HTTP call, made here and sent by the client
//! of the notices of alarms, so the same rules hold for addresses, redirects, time and size.
//!
//! | way | call | taken when |
//! | --- | --- | --- |
//! | SMS | the templates of `[dispatch.sms]`, as for alarms, to the person's number | 2xx, and `success_contains` |
//! | voice | signed `POST` of `{call, to, title, text, callback}` | 2xx; what came of it comes to `callback` |
//! | target | signed `POST` of `{target, order, entry}` | 2xx; its own acts come by the interface |

use crate::config::{DispatchSection, TargetSection};
use crate::notify::adapters::{Answer, Call, Channel, sign, sms_to};
use anyhow::{Context, Result, bail};
use greenhub_dispatch::notices::Due;
use greenhub_model::notify::{Notice, NoticeKind, Receiver};
use std::collections::BTreeMap;

/// Oldest result of a call that is believed, seconds.
const RESULT_AGE_S_MAX: i64 = 300;

/// Says of an answer whether the message went out, and why not.
pub type Judge = Box<dyn Fn(&Answer) -> Result<(), String> + Send>;

/// What the configuration names.
pub struct Ways {
    sms: Option<crate::config::ReceiverSection>,
    voice: Option<Signed>,
    callback: String,
    targets: BTreeMap<String, Signed>,
}

/// An address that is called with a signature.
struct Signed {
    url: String,
    secret: String,
}

impl Signed {
    fn open(section: &TargetSection) -> Result<Self> {
        let (url, secret) = (section.url.0.clone(), section.secret().context("read its secret")?);
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("url must begin with http:// or https://");
        }
        if secret.is_empty() {
            bail!("it needs secret_file (or secret), else nobody can tell that the call is ours");
        }
        Ok(Self { url, secret })
    }

    fn call(&self, key: &str, body: Vec<u8>, now: i64) -> Call {
        let seconds = now.div_euclid(1000).to_string();
        let headers = vec![
            ("content-type".into(), "application/json".into()),
            ("x-greenhub-delivery".into(), key.to_owned()),
            ("x-greenhub-signature".into(), format!("sha256={}", sign(&self.secret, &seconds, &body))),
            ("x-greenhub-timestamp".into(), seconds),
        ];
        Call { method: "POST", url: self.url.clone(), headers, body }
    }
}

impl Ways {
    /// The ways of the configuration, checked.
    pub fn open(section: &DispatchSection) -> Result<Self> {
        let sms = (!section.sms.url.0.is_empty()).then(|| section.sms.clone());
        if let Some(sms) = &sms {
            sms_to(sms, "0").context("read dispatch.sms")?;
        }
        let voice = (!section.voice.url.0.is_empty()).then(|| Signed::open(&section.voice)).transpose();
        let target = |(name, target): (&String, &TargetSection)| {
            let opened = Signed::open(target).with_context(|| format!("read dispatch.targets.{name}"))?;
            Ok((name.clone(), opened))
        };
        Ok(Self {
            sms,
            voice: voice.context("read dispatch.voice")?,
            callback: section.callback.trim_end_matches('/').to_owned(),
            targets: section.targets.iter().map(target).collect::<Result<_>>()?,
        })
    }

    /// Whether text messages can be sent.
    pub fn has_sms(&self) -> bool {
        self.sms.is_some()
    }

    /// Whether voice calls can be made.
    pub fn has_voice(&self) -> bool {
        self.voice.is_some()
    }

    /// Names of the other systems.
    pub fn targets(&self) -> impl Iterator<Item = &String> {
        self.targets.keys()
    }

    /// A text message, and how its answer is judged.
    pub fn sms(&self, due: &Due, now: i64) -> Result<(Call, Judge)> {
        let section = self.sms.as_ref().context("no gateway for text messages is configured")?;
        let channel = sms_to(section, &due.body)?;
        let notice = Notice {
            id: due.key.clone(),
            kind: NoticeKind::Test,
            at: due.notice.at,
            receiver: Receiver::Sms("dispatch".into()),
            route: String::new(),
            route_title: String::new(),
            group: BTreeMap::new(),
            priority: None,
            title: due.notice.title.clone(),
            text: due.notice.text.clone(),
            alarms: vec![],
            total: 0,
            push: None,
        };
        let call = channel.call(&notice, now);
        Ok((call, Box::new(move |answer| Channel::judge(channel.as_ref(), answer))))
    }

    /// A voice call.
    pub fn voice(&self, due: &Due, now: i64) -> Result<Call> {
        let voice = self.voice.as_ref().context("no gateway for voice calls is configured")?;
        let callback = match self.callback.is_empty() {
            true => serde_json::Value::Null,
            false => format!("{}/api/v1/notices/calls/{}", self.callback, due.notice.id).into(),
        };
        let body = serde_json::json!({
            "call": due.notice.id,
            "to": due.body,
            "title": due.notice.title,
            "text": due.notice.text,
            "callback": callback,
        });
        Ok(voice.call(&due.key, body.to_string().into_bytes(), now))
    }

    /// News for another system.
    pub fn target(&self, due: &Due, now: i64) -> Result<Call> {
        let target =
            self.targets.get(&due.notice.to).context("the configuration does not name this system any more")?;
        Ok(target.call(&due.key, due.body.clone().into_bytes(), now))
    }

    /// Whether the result of a call comes from the voice gateway, and now.
    pub fn is_voice(&self, timestamp: &str, signature: &str, body: &[u8], now: i64) -> bool {
        let Some(voice) = &self.voice else { return false };
        let fresh = timestamp.parse::<i64>().is_ok_and(|at| (now.div_euclid(1000) - at).abs() <= RESULT_AGE_S_MAX);
        let wanted = format!("sha256={}", sign(&voice.secret, timestamp, body));
        // As long whatever differs, so that time tells nothing.
        let same = wanted.len() == signature.len()
            && wanted.bytes().zip(signature.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        fresh && same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReceiverSection, Secret};
    use greenhub_model::OrderId;
    use greenhub_model::notice::{OrderNotice, OrderNoticeKind, OrderNoticeState, OrderNoticeWay};

    fn section() -> DispatchSection {
        let signed = || TargetSection {
            url: Secret("http://127.0.0.1:1/x".into()),
            secret: Secret("key".into()),
            ..TargetSection::default()
        };
        DispatchSection {
            sms: ReceiverSection {
                url: Secret("http://127.0.0.1:1/send?to={to}&text={text}".into()),
                ..ReceiverSection::default()
            },
            voice: signed(),
            callback: "https://hub.example/".into(),
            targets: [("water".to_owned(), signed())].into(),
            ..DispatchSection::default()
        }
    }

    fn due(to: &str, body: &str) -> Due {
        let notice = OrderNotice {
            id: 7,
            order: OrderId::new("W-1").expect("good"),
            version: 2,
            kind: OrderNoticeKind::Dispatched,
            to: to.into(),
            way: OrderNoticeWay::Sms,
            state: OrderNoticeState::Queued,
            at: 0,
            changed_at: 0,
            tries: 0,
            response: String::new(),
            title: "新工单".into(),
            text: "地点：x".into(),
        };
        Due { notice, key: "W-1~2~sms~wang".into(), body: body.into() }
    }

    #[test]
    fn calls_say_whom_and_what() {
        let ways = Ways::open(&section()).expect("good");
        let (sms, _) = ways.sms(&due("wang", "13800000000"), 0).expect("good");
        assert!(sms.url.starts_with("http://127.0.0.1:1/send?to=13800000000&text=%E6%96%B0"), "{}", sms.url);
        let voice = ways.voice(&due("wang", "13800000000"), 0).expect("good");
        let body: serde_json::Value = serde_json::from_slice(&voice.body).expect("JSON");
        assert_eq!(body["callback"], "https://hub.example/api/v1/notices/calls/7");
        assert!(voice.headers.iter().any(|(name, value)| name == "x-greenhub-delivery" && value == "W-1~2~sms~wang"));
        assert!(ways.target(&due("water", "{}"), 0).is_ok() && ways.target(&due("gas", "{}"), 0).is_err());
    }

    #[test]
    fn results_of_calls_are_believed_when_signed_and_fresh() {
        let ways = Ways::open(&section()).expect("good");
        let signature = format!("sha256={}", sign("key", "1000", b"{}"));
        assert!(ways.is_voice("1000", &signature, b"{}", 1_000_000));
        assert!(!ways.is_voice("1000", &signature, b"{ }", 1_000_000), "another body");
        assert!(!ways.is_voice("1000", &signature, b"{}", 1_400_000), "old");
        assert!(!ways.is_voice("1001", &signature, b"{}", 1_000_000), "another time");
        assert!(!ways.is_voice("1000", "", b"{}", 1_000_000));
        let silent = Ways::open(&DispatchSection::default()).expect("nothing is configured");
        assert!(!silent.is_voice("1000", &format!("sha256={}", sign("", "1000", b"{}")), b"{}", 1_000_000));
    }

    #[test]
    fn ways_that_cannot_work_are_refused_at_the_start() {
        let mut wrong = section();
        wrong.voice.secret = Secret::default();
        assert!(Ways::open(&wrong).is_err());
        let mut wrong = section();
        wrong.sms.url = Secret("gate.example".into());
        assert!(Ways::open(&wrong).is_err());
    }
}
