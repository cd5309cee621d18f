//! What a browser is told: the JSON that `push-sw.js` shows.
//!
//! `{"title","body","url","tag","urgency","quiet","kind","priority","at","id"}`. A notice of alarms opens the board at
//! the alarm, replaces the notice of the same group that is still on the screen, and is quiet when it only says that
//! something is over.

use super::seal::TEXT_BYTES_MAX;
use greenhub_model::alarm::Priority;
use greenhub_model::notify::{Notice, NoticeKind, PushHints};
use greenhub_model::push::{Urgency, base64url};
use serde::Serialize;
use sha2::{Digest, Sha256};

const TITLE_CHARS_MAX: usize = 120;
const BODY_CHARS_MAX: usize = 600;
const LINES_MAX: usize = 4;
/// Longest topic of RFC 8030, characters.
const TOPIC_CHARS_MAX: usize = 32;

/// What a browser is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Shown {
    title: String,
    body: String,
    url: String,
    tag: String,
    pub urgency: Urgency,
    /// Neither sound nor vibration.
    quiet: bool,
    kind: NoticeKind,
    priority: Option<Priority>,
    at: i64,
    id: String,
}

/// A notice as a browser shows it.
pub(super) fn shown(notice: &Notice) -> Shown {
    let PushHints { url, tag, urgency } = notice.push.clone().unwrap_or_else(|| hints(notice));
    let lines: Vec<&str> = notice.text.lines().take(LINES_MAX).collect();
    Shown {
        title: notice.title.chars().take(TITLE_CHARS_MAX).collect(),
        body: lines.join("\n").chars().take(BODY_CHARS_MAX).collect(),
        url,
        tag,
        urgency,
        quiet: notice.kind == NoticeKind::Resolved,
        kind: notice.kind,
        priority: notice.priority,
        at: notice.at,
        id: notice.id.clone(),
    }
}

fn hints(notice: &Notice) -> PushHints {
    let url = match (&notice.alarms[..], notice.kind) {
        (_, NoticeKind::Test) => "/notify".to_owned(),
        ([], _) => "/alarms".to_owned(),
        ([first, ..], _) => format!("/alarms?sel={}", first.alarm),
    };
    let group: Vec<&str> = notice.group.values().map(String::as_str).collect();
    let tag = match notice.route.is_empty() {
        true => String::new(),
        false => format!("alarms/{}/{}", notice.route, group.join("/")),
    };
    let urgency = match (notice.kind, notice.priority) {
        (NoticeKind::Resolved, _) => Urgency::Low,
        (NoticeKind::Test | NoticeKind::Escalation, _) => Urgency::High,
        (_, Some(Priority::P1 | Priority::P2)) => Urgency::High,
        _ => Urgency::Normal,
    };
    PushHints { url, tag, urgency }
}

impl Shown {
    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = serde_json::to_vec(self).expect("texts and numbers are always JSON");
        if bytes.len() <= TEXT_BYTES_MAX {
            return bytes;
        }
        // Only names and addresses beyond all measure bring us here.
        let short = |text: &str| text.chars().take(60).collect::<String>();
        let plain = Shown {
            title: short(&self.title),
            body: short(&self.body),
            url: "/".into(),
            tag: short(&self.tag),
            id: short(&self.id),
            ..self.clone()
        };
        serde_json::to_vec(&plain).expect("texts and numbers are always JSON")
    }

    /// The name under which a push service replaces what it still holds; none where nothing is replaced.
    pub fn topic(&self) -> Option<String> {
        let topic = base64url(&Sha256::digest(self.tag.as_bytes()));
        (!self.tag.is_empty()).then(|| topic.chars().take(TOPIC_CHARS_MAX).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_alarms::notify::trial;
    use greenhub_model::notify::Receiver;

    fn notice(kind: NoticeKind, priority: Option<Priority>) -> Notice {
        let group = [("desk".to_owned(), "东".to_owned())].into();
        let receiver = Receiver::Push("li/1".into());
        Notice { kind, priority, route: "p1".into(), group, ..trial(receiver, "li", 1_000) }
    }

    #[test]
    fn urgency_follows_the_alarms_and_an_end_is_quiet() {
        for (kind, priority, urgency, quiet) in [
            (NoticeKind::Firing, Some(Priority::P1), Urgency::High, false),
            (NoticeKind::Repeat, Some(Priority::P2), Urgency::High, false),
            (NoticeKind::Firing, Some(Priority::P3), Urgency::Normal, false),
            (NoticeKind::Escalation, Some(Priority::P4), Urgency::High, false),
            (NoticeKind::Resolved, None, Urgency::Low, true),
        ] {
            let shown = shown(&notice(kind, priority));
            assert_eq!((shown.urgency, shown.quiet), (urgency, quiet), "{kind:?}");
            assert_eq!((shown.url.as_str(), shown.tag.as_str()), ("/alarms", "alarms/p1/东"));
            assert_eq!(shown.topic().map(|topic| topic.len()), Some(32));
        }
        let test = shown(&trial(Receiver::User("li".into()), "li", 0));
        assert_eq!((test.url.as_str(), test.topic()), ("/notify", None));
    }

    #[test]
    fn the_longest_words_fit() {
        let long = "长\"".repeat(9_000);
        let push = Some(PushHints { url: long.clone(), tag: long.clone(), urgency: Urgency::Normal });
        let notice = Notice { title: long.clone(), text: long, push, ..notice(NoticeKind::Message, None) };
        assert!(shown(&notice).to_bytes().len() <= TEXT_BYTES_MAX);
        let own_words = Notice { push: None, ..notice };
        assert!(shown(&own_words).to_bytes().len() <= TEXT_BYTES_MAX);
    }
}
