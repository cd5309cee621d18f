use super::*;
use crate::relational::testing::on_every_database;
use greenhub_model::Role;
use greenhub_model::notify::{NoticeKind, Receiver};

pub(super) fn notice(id: &str, receiver: Receiver) -> Notice {
    Notice {
        id: id.into(),
        kind: NoticeKind::Firing,
        at: 1000,
        receiver,
        route: "r".into(),
        route_title: "紧急".into(),
        group: [("desk".to_owned(), "东".to_owned())].into(),
        priority: None,
        title: "报警".into(),
        text: "过温".into(),
        alarms: vec![],
        total: 1,
        push: None,
    }
}

fn hook(id: &str) -> Notice {
    notice(id, Receiver::Webhook("ops".into()))
}

pub(super) fn place(batch: u64) -> FactPlace {
    FactPlace { at: 5, batch, item: 2 }
}

#[tokio::test]
async fn a_decision_is_one_row_and_memory_and_place_go_with_it() {
    on_every_database(async |stage| {
        let journal = NotifyJournal::open(stage.open().await).await.expect("tables");
        assert_eq!(journal.memory().await.expect("read"), None);
        let notices = [hook("a"), notice("b", Receiver::Role(Role::Dispatcher))];
        journal.decide(place(7), "{\"x\":1}", &notices, 2000).await.expect("kept");
        journal.decide(place(8), "{\"x\":2}", &[hook("a"), hook("c")], 3000).await.expect("kept");
        let again = NotifyJournal::open(stage.open().await).await.expect("tables");
        assert_eq!(again.memory().await.expect("read"), Some((place(8), "{\"x\":2}".to_owned())));
        let page = again.list(&[], &PageRequest::first(10)).await.expect("list");
        let rows: Vec<_> = page.items.iter().map(|row| (row.key.as_str(), row.state)).collect();
        let expected = [("c", DeliveryState::Queued), ("b", DeliveryState::Sent), ("a", DeliveryState::Queued)];
        assert_eq!(rows, expected, "{}: the page has it at once, a decision is never two", stage.label);
        assert_eq!(page.items[2].notice, hook("a"));
        let first = again.list(&[], &PageRequest::first(2)).await.expect("list");
        let rest = again.list(&[], &PageRequest { limit: 2, cursor: first.next }).await.expect("list");
        assert_eq!(rest.items.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_tried_until_they_end() {
    on_every_database(async |stage| {
        let journal = NotifyJournal::open(stage.open().await).await.expect("tables");
        journal.decide(place(1), "", &[hook("a"), hook("b")], 2000).await.expect("kept");
        assert!(journal.due("webhook:ops", 1999, 10).await.expect("due").is_empty());
        assert_eq!(journal.awaited().await.expect("receivers"), ["webhook:ops"]);
        assert!(journal.due("webhook:else", 2000, 10).await.expect("due").is_empty());
        let due = journal.due("webhook:ops", 2000, 10).await.expect("due");
        assert_eq!(due.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a", "b"], "{}", stage.label);
        journal.settle(&due[0], &Tried::Again("HTTP 500 \0".into(), 5000), 2100).await.expect("noted");
        journal.settle(&due[1], &Tried::Sent("HTTP 204".into()), 2100).await.expect("noted");
        assert!(journal.due("webhook:ops", 4999, 10).await.expect("due").is_empty());
        let again = journal.due("webhook:ops", 5000, 10).await.expect("due");
        assert_eq!((again[0].tries, again[0].response.as_str()), (1, "HTTP 500 "));
        journal.settle(&again[0], &Tried::GaveUp("x".repeat(9999)), 5000).await.expect("noted");
        let ended = journal.list(&[DeliveryState::GaveUp], &PageRequest::first(10)).await.expect("list");
        assert_eq!((ended.items.len(), ended.items[0].tries, ended.items[0].done_at), (1, 2, Some(5000)));
        assert_eq!(ended.items[0].response.len(), RESPONSE_CHARS_MAX);
        assert_eq!(journal.counts().await.expect("counts"), [(DeliveryState::GaveUp, 1), (DeliveryState::Sent, 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_what_the_role_and_the_person_were_told() {
    on_every_database(async |stage| {
        let journal = NotifyJournal::open(stage.open().await).await.expect("tables");
        let told = [
            notice("a", Receiver::Role(Role::Dispatcher)),
            notice("b", Receiver::User("li".into())),
            notice("c", Receiver::Role(Role::Auditor)),
            hook("d"),
            notice("e", Receiver::Role(Role::Dispatcher)),
        ];
        journal.decide(place(1), "", &told, 2000).await.expect("kept");
        let ours = || ["role:dispatcher".to_owned(), "user:li".to_owned()];
        let seen = async |after, limit| {
            let items = journal.notifications(ours(), after, limit).await.expect("list");
            items.into_iter().map(|item| item.notice.id).collect::<Vec<_>>()
        };
        assert_eq!(seen(Some(0), 100).await, ["a", "b", "e"], "{}", stage.label);
        assert_eq!(seen(Some(2), 100).await, ["e"]);
        assert_eq!(seen(None, 2).await, ["b", "e"], "the newest, oldest of them first");
    })
    .await;
}

#[tokio::test]
async fn rules_have_one_successor_and_old_rows_go() {
    on_every_database(async |stage| {
        let journal = NotifyJournal::open(stage.open().await).await.expect("tables");
        assert_eq!(journal.rules().await.expect("read"), None);
        let rules = NotifyRules { version: 2, utc_offset_min: 480, routes: vec![] };
        assert!(journal.put_rules(&rules, "li", 10).await.expect("kept"));
        assert!(!journal.put_rules(&rules, "wang", 11).await.expect("refused"), "{}: somebody was faster", stage.label);
        let row = journal.rules().await.expect("read").expect("there");
        assert_eq!((row.author.as_str(), row.at, row.rules), ("li", 10, rules));
        let told = [hook("waits"), notice("told", Receiver::User("li".into()))];
        journal.decide(place(1), "", &told, 2000).await.expect("kept");
        assert_eq!(journal.forget(1001).await.expect("forgets"), 0, "the newest row stays for its number");
        assert_eq!(journal.enqueue(&hook("new"), 3000).await.expect("queued"), 3);
        assert_eq!(journal.forget(1000).await.expect("forgets"), 0);
        assert_eq!(journal.forget(1001).await.expect("forgets"), 1, "what waits stays");
    })
    .await;
}
