//! The journal on every database: each matter once, answers end it, a restart changes nothing.

use super::*;
use crate::core::rules::builtin;
use greenhub_model::order::{CaseForm, OrderEvent, OrderSource, OrderState};
use greenhub_storage::relational::testing::on_every_database;
use std::collections::BTreeSet;

fn order() -> Order {
    let form = CaseForm {
        source: OrderSource::Desk,
        external: None,
        title: "路灯不亮".into(),
        text: String::new(),
        kind: None,
        priority: greenhub_model::Priority::P1,
        place: Default::default(),
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    };
    let order = Order::of_form(OrderId::new("W-1").expect("good"), form, 0);
    Order { state: OrderState::Dispatched, assignee: Some("wang".into()), ..order }
}

fn ring() -> Ring {
    let event = OrderEvent::Dispatch { to: None, reason: String::new() };
    let entry = OrderEntry {
        version: 1,
        at: 1_000,
        done_at: None,
        by: "li".into(),
        state: OrderState::Dispatched,
        event: Some(event),
    };
    crate::core::notices::begins(None, &order(), &entry).pop().expect("somebody is told")
}

async fn begin(notices: &Notices, id: &str) {
    let sql = "INSERT INTO order_rings (id, order_id, next_at, body) VALUES ($1, 'W-1', 1000, $2)";
    let body = rows::to_json(&Work::Ring(ring()));
    sqlx::query(sql).bind(id).bind(body).execute(notices.db.writer()).await.expect("a ring");
}

/// Looks at everything that is due; who was pushed.
async fn look(notices: &Notices, order: &Order, number: Result<&str, &str>, now: i64) -> Vec<String> {
    let (rules, nobody, desk) = (builtin(), BTreeSet::new(), ["li".to_owned()]);
    let people = People { rules: &rules, on_shift: &nobody, desk: &desk };
    let route = |telling: &Telling| match telling.way {
        NoticeWay::App => Ok(String::new()),
        _ => number.map(str::to_owned).map_err(str::to_owned),
    };
    let mut pushed = vec![];
    for (id, work) in notices.due_rings(now).await.expect("rings") {
        let Work::Ring(ring) = work else { panic!("no other system is told here") };
        let told = notices.look((&id, ring), Some(order), people, route, now).await.expect("a look");
        pushed.extend(told.into_iter().map(|told| told.user));
    }
    pushed
}

async fn states(notices: &Notices) -> Vec<(String, OrderNoticeWay, OrderNoticeState)> {
    let of_order = notices.of_order(&OrderId::new("W-1").expect("good")).await.expect("notices");
    of_order.into_iter().rev().map(|notice| (notice.to, notice.way, notice.state)).collect()
}

#[tokio::test]
async fn each_step_tells_once_over_a_restart_and_reading_ends_it() {
    use {OrderNoticeState as S, OrderNoticeWay as W};
    on_every_database(async |stage| {
        let notices = Notices::open(stage.open().await).await.expect("tables");
        begin(&notices, "W-1~1").await;
        assert_eq!(look(&notices, &order(), Ok("138"), 1_000).await, ["wang"]);
        assert!(look(&notices, &order(), Ok("138"), 2_000).await.is_empty());
        // The hub starts again.
        let notices = Notices::open(stage.open().await).await.expect("tables");
        assert!(look(&notices, &order(), Ok("138"), 301_000).await.is_empty(), "a text is no push");
        let due = notices.due(W::Sms, None, 301_000).await.expect("due");
        assert_eq!(due.iter().map(|due| due.body.as_str()).collect::<Vec<_>>(), ["138"]);
        notices.settle(due[0].notice.id, &Outcome::Again("no answer".into(), 400_000), 301_000).await.expect("noted");
        assert!(notices.due(W::Sms, None, 399_999).await.expect("due").is_empty());
        notices.settle(due[0].notice.id, &Outcome::Sent("ok".into()), 400_000).await.expect("noted");
        let messages = notices.messages("wang", true, &PageRequest::first(10), 410_000).await.expect("messages").items;
        assert_eq!(messages.len(), 1);
        let wang = || "wang".to_owned();
        assert_eq!(states(&notices).await, [(wang(), W::App, S::Delivered), (wang(), W::Sms, S::Sent)]);
        assert!(!notices.read("zhao", messages[0].id, 420_000).await.expect("asked"), "not theirs");
        assert!(notices.read("wang", messages[0].id, 420_000).await.expect("asked"));
        assert!(notices.messages("wang", true, &PageRequest::first(10), 0).await.expect("messages").items.is_empty());
        assert!(notices.due_rings(i64::MAX).await.expect("rings").is_empty(), "nobody climbs on");
    })
    .await;
}

#[tokio::test]
async fn what_reaches_nobody_is_followed_at_once_and_answers_end_it() {
    use {OrderNoticeState as S, OrderNoticeWay as W};
    on_every_database(async |stage| {
        let notices = Notices::open(stage.open().await).await.expect("tables");
        begin(&notices, "W-1~1").await;
        look(&notices, &order(), Err("没有登记电话号码"), 1_000).await;
        // Five minutes later the text fails, so the call and after it the lead come without waiting.
        for second in 301..305 {
            look(&notices, &order(), Err("没有登记电话号码"), second * 1_000).await;
        }
        let told = states(&notices).await;
        assert_eq!(told[1], ("wang".to_owned(), W::Sms, S::Failed));
        assert_eq!(told[2], ("wang".to_owned(), W::Voice, S::Failed));
        let taken = Order { state: OrderState::Accepted, ..order() };
        sqlx::query("UPDATE order_rings SET next_at = 0").execute(notices.db.writer()).await.expect("woken");
        look(&notices, &taken, Ok("138"), 306_000).await;
        assert!(notices.due_rings(i64::MAX).await.expect("rings").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_text_that_fails_for_good_lets_the_call_come() {
    on_every_database(async |stage| {
        let notices = Notices::open(stage.open().await).await.expect("tables");
        begin(&notices, "W-1~1").await;
        look(&notices, &order(), Ok("138"), 301_000).await;
        let due = notices.due(OrderNoticeWay::Sms, None, 301_000).await.expect("due");
        notices.settle(due[0].notice.id, &Outcome::Failed("停机".into()), 302_000).await.expect("noted");
        look(&notices, &order(), Ok("138"), 302_000).await;
        let calls = notices.due(OrderNoticeWay::Voice, None, 302_000).await.expect("due");
        assert_eq!(calls.len(), 1, "five minutes early");
        assert!(
            notices.settle_call(calls[0].notice.id, &Outcome::Read("已接听".into()), 303_000).await.expect("noted")
        );
        assert!(notices.due_rings(i64::MAX).await.expect("rings").is_empty(), "they know");
    })
    .await;
}

#[tokio::test]
async fn what_another_system_is_told_waits_behind_what_failed() {
    on_every_database(async |stage| {
        let notices = Notices::open(stage.open().await).await.expect("tables");
        for version in 1..=3 {
            let event = Some(OrderEvent::Urge { text: String::new() });
            let (by, state) = ("li".to_owned(), OrderState::Dispatched);
            let entry = OrderEntry { version, at: 1_000, done_at: None, by, state, event };
            let news = TargetNews { target: "parks".into(), order: order(), entry };
            let id = format!("W-1~{version}~target");
            let sql = "INSERT INTO order_rings (id, order_id, next_at, body) VALUES ($1, 'W-1', 1000, $2)";
            let body = rows::to_json(&Work::Target(Box::new(news.clone())));
            sqlx::query(sql).bind(&id).bind(body).execute(notices.db.writer()).await.expect("a ring");
            notices.queue_target(&id, &news, 1_000).await.expect("queued");
        }
        let due = async |now| {
            let due = notices.due(OrderNoticeWay::Target, Some("parks"), now).await.expect("due");
            due.iter().map(|due| (due.notice.version, due.notice.id)).collect::<Vec<_>>()
        };
        let all = due(1_000).await;
        assert_eq!(all.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [1, 2, 3], "{}", stage.label);
        notices.settle(all[0].1, &Outcome::Sent("ok".into()), 1_000).await.expect("noted");
        notices.settle(all[1].1, &Outcome::Again("away".into(), 5_000), 1_000).await.expect("noted");
        assert_eq!(due(4_999).await, [], "{}: the third waits behind the second", stage.label);
        assert_eq!(due(5_000).await, all[1..], "{}", stage.label);
    })
    .await;
}
