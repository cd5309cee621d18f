//! Web Push in the journal: browsers of a person, their rows, what becomes of them.

use super::tests::{notice, place};
use super::*;
use crate::accounts::{Accounts, LoginConfig, NewUser, PasswordPolicy, PolicyProfile};
use crate::relational::testing::{Stage, on_every_database};
use greenhub_model::notify::Receiver;
use greenhub_model::push::{Endpoint, PushKeys, PushMessage, PushSubscription, Urgency, base64url};
use greenhub_model::{ReceivedTime, Role};

fn subscription(user: &str, path: &str) -> PushSubscription {
    PushSubscription {
        user: user.into(),
        endpoint: Endpoint::new(&format!("https://push.example/{path}"), &[]).expect("a good address"),
        keys: PushKeys::new(&base64url(&[4; 65]), &base64url(&[7; 16])).expect("good keys"),
        label: "Firefox\n on Linux".into(),
    }
}

const KEY: &str = "the key of this hub";

fn message(key: &str) -> PushMessage {
    PushMessage {
        key: key.into(),
        title: "新工单".into(),
        body: "三号桩 过温".into(),
        url: "/orders?order=O-1".into(),
        tag: "O-1".into(),
        urgency: Urgency::High,
    }
}

/// A journal, and two dispatchers, a clerk and somebody who is shut out.
async fn journal(stage: &Stage) -> NotifyJournal {
    let db = stage.open().await;
    let people = Accounts::new(db.clone(), PasswordPolicy::of(PolicyProfile::Dengbao3), LoginConfig::default());
    let now = ReceivedTime::from_millis(0);
    for (username, role) in
        [("li", Role::Dispatcher), ("wang", Role::Dispatcher), ("zhao", Role::Clerk), ("out", Role::Dispatcher)]
    {
        let user = NewUser { username, name: "", role, password: "Tr4mway-Bridge", must_change: false };
        people.add("test", &user, now).await.expect("added");
    }
    people.set_disabled("test", "out", true, now).await.expect("shut out");
    NotifyJournal::open(db).await.expect("tables")
}

async fn due(journal: &NotifyJournal, busy: &[&str]) -> Vec<(String, bool)> {
    let busy = busy.iter().map(|host| (*host).to_owned());
    let due = journal.due_pushes(i64::MAX, busy, 100).await.expect("due");
    due.into_iter().map(|(delivery, browser)| (delivery.receiver, browser.is_some())).collect()
}

#[tokio::test]
async fn a_notice_of_the_page_is_pushed_once_to_each_browser_of_those_it_is_for() {
    on_every_database(async |stage| {
        let journal = journal(stage).await;
        let mut ids = vec![];
        for (user, path) in [("li", "a"), ("li", "b"), ("wang", "c"), ("zhao", "d"), ("out", "e")] {
            ids.push(journal.subscribe(&subscription(user, path), KEY, 10).await.expect("subscribed"));
        }
        let mut heard = journal.listen();
        let told = [notice("n", Receiver::Role(Role::Dispatcher)), notice("x", Receiver::Webhook("ops".into()))];
        journal.decide(place(1), "", &told, 2000).await.expect("kept");
        journal.decide(place(2), "", &told[..1], 2001).await.expect("kept once only");
        let mut want: Vec<_> = ids[..3].iter().map(|id| (format!("push:{id}"), true)).collect();
        want.sort();
        let mut got = due(&journal, &[]).await;
        got.sort();
        assert_eq!(got, want, "{}: dispatchers who may come in, each browser once", stage.label);
        assert_eq!(due(&journal, &["push.example"]).await, [], "the hub is at it already");
        let row = journal.due_pushes(2000, [], 1).await.expect("due").remove(0);
        let browser = row.1.expect("subscribed");
        assert_eq!((browser.subscription.label.as_str(), browser.at), ("Firefox on Linux", 10));
        assert_eq!(row.0.notice.text, "过温");
        let page = heard.try_recv().expect("the page is told");
        assert_eq!((page.seq, page.notice.id.as_str()), (1, "n"));
        assert!(heard.try_recv().is_err(), "what is pushed or called is not told to the page");
        let sum = |pick: fn(&ChannelStats) -> u64| journal.stats().iter().map(pick).sum::<u64>();
        assert_eq!((sum(|c| c.queued), sum(|c| c.sent), sum(ChannelStats::waiting)), (5, 1, 4), "{}", stage.label);
        let again = NotifyJournal::open(stage.open().await).await.expect("tables");
        assert_eq!(again.stats().iter().map(ChannelStats::waiting).sum::<u64>(), 4, "what waits counts after a start");
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_changes_hands_takes_nothing_along() {
    on_every_database(async |stage| {
        let journal = journal(stage).await;
        let old = journal.subscribe(&subscription("li", "a"), KEY, 10).await.expect("subscribed");
        let sender = journal.push_sender();
        let seq = sender.send("li", &message("m"), 2000).await.expect("queued");
        assert_eq!(sender.send("li", &message("m"), 2001).await.expect("known"), 0, "{}: once", stage.label);
        let told = journal.notifications(["user:li".into(), String::new()], None, 10).await.expect("list");
        let hints = told[0].notice.push.clone().expect("hints");
        assert_eq!((told[0].seq, hints.url.as_str(), hints.urgency), (seq, "/orders?order=O-1", Urgency::High));
        let new = journal.subscribe(&subscription("wang", "a"), KEY, 20).await.expect("subscribed");
        assert_ne!(old, new);
        assert_eq!(due(&journal, &[]).await, [(format!("push:{old}"), false)], "{}", stage.label);
        assert_eq!(journal.browsers("li").await.expect("list"), []);
        assert!(!journal.unsubscribe("li", "https://push.example/a").await.expect("not its own"));
        assert!(journal.unsubscribe("wang", "https://push.example/a").await.expect("gone"));
    })
    .await;
}

#[tokio::test]
async fn browsers_are_bounded_per_person_and_bound_to_the_key() {
    on_every_database(async |stage| {
        let journal = journal(stage).await;
        for n in 0..PER_USER_MAX + 2 {
            journal.subscribe(&subscription("li", &n.to_string()), KEY, n).await.expect("subscribed");
        }
        journal.subscribe(&subscription("wang", "w"), KEY, 0).await.expect("subscribed");
        let kept = journal.browsers("li").await.expect("list");
        assert_eq!((kept.len() as i64, kept[0].at, kept.last().map(|b| b.at)), (PER_USER_MAX, 11, Some(2)));
        journal.forget_browser(&kept[0].id).await.expect("gone");
        assert_eq!(journal.browsers("li").await.expect("list").len() as i64, PER_USER_MAX - 1, "{}", stage.label);
        assert_eq!(journal.forget_browsers_of_other_keys(KEY).await.expect("none"), 0);
        assert_eq!(journal.forget_browsers_of_other_keys("new").await.expect("all") as i64, PER_USER_MAX);
    })
    .await;
}

#[tokio::test]
async fn what_was_read_is_kept_and_never_goes_back() {
    on_every_database(async |stage| {
        let journal = journal(stage).await;
        let told = ["a", "b", "c"].map(|id| notice(id, Receiver::User("li".into())));
        journal.decide(place(1), "", &told, 2000).await.expect("kept");
        let ours = || ["user:li".to_owned(), "role:dispatcher".to_owned()];
        let unread = async |after| journal.count_after(ours(), after).await.expect("count");
        assert_eq!((journal.read_up_to("li").await.expect("read"), unread(0).await), (0, 3), "{}", stage.label);
        journal.mark_read("li", 2).await.expect("noted");
        journal.mark_read("li", 1).await.expect("noted");
        assert_eq!((journal.read_up_to("li").await.expect("read"), unread(2).await), (2, 1));
        assert_eq!(journal.read_up_to("wang").await.expect("read"), 0);
    })
    .await;
}
