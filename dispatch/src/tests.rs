//! What dispatch promises: every pair of state and event, and the same tables on every database.

use crate::core::{OrderAct, OrderRefusal, step};
use crate::{ActError, OrderFilter, Orders};
use greenhub_model::alarm::AlarmEventKind::Raised;
use greenhub_model::order::{Assignee, CaseForm, Order, OrderEvent, OrderSource, OrderState, Place};
use greenhub_model::time::Monotonic;
use greenhub_model::{OrderId, Priority, ReceivedTime};
use greenhub_storage::relational::testing::{Stage, alarm, batch, change, on_every_database, trigger};
use greenhub_storage::relational::{BatchSink, PageRequest};

const NOW: Monotonic = Monotonic(1);

const STATES: [OrderState; 7] = [
    OrderState::Filed,
    OrderState::Dispatched,
    OrderState::Accepted,
    OrderState::InProgress,
    OrderState::Finished,
    OrderState::Closed,
    OrderState::Cancelled,
];

fn to(user: &str) -> Option<Assignee> {
    Some(Assignee::Person { user: user.into() })
}

fn events() -> [OrderEvent; 8] {
    let text = || "因为下雨".to_owned();
    [
        OrderEvent::Dispatch { to: to("wang"), reason: text() },
        OrderEvent::Accept,
        OrderEvent::Return { reason: text() },
        OrderEvent::Arrive { lon: None, lat: None },
        OrderEvent::Finish { text: String::new(), attachments: vec![] },
        OrderEvent::Pass { text: String::new(), attachments: vec![] },
        OrderEvent::Rework { reason: text(), attachments: vec![] },
        OrderEvent::Cancel { reason: text() },
    ]
}

fn order(state: OrderState) -> Order {
    let form = CaseForm {
        source: OrderSource::Desk,
        external: None,
        title: "过温".into(),
        text: String::new(),
        kind: None,
        priority: Priority::P2,
        place: Place::default(),
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    };
    let order = Order::of_form(OrderId::new("W-1").expect("an id"), form, 1);
    Order { assignee: (state != OrderState::Filed).then(|| "li".to_owned()), state, ..order }
}

fn act(by: &str, request_id: &str, event: OrderEvent) -> OrderAct {
    OrderAct {
        order: OrderId::new("W-1").expect("an id"),
        request_id: request_id.into(),
        by: by.into(),
        at: ReceivedTime::from_millis(5),
        event,
    }
}

/// One row per state, one column per event, in the order of [`events`]; a dot is a refusal.
const TABLE: [&str; 7] = [
    //                 dispatch   accept   return     arrive     finish   pass   rework     cancel
    /* filed       */
    "dispatched . . . . . . cancelled",
    /* dispatched  */
    "dispatched accepted filed . . . . cancelled",
    /* accepted    */
    ". . filed in_progress . . . cancelled",
    /* in_progress */
    ". . . . finished . . cancelled",
    /* finished    */
    ". . . . . closed in_progress cancelled",
    /* closed      */
    ". . . . . . . .",
    /* cancelled   */
    ". . . . . . . .",
];

#[test]
fn every_pair_of_state_and_event_does_what_the_table_says() {
    for (state, row) in STATES.into_iter().zip(TABLE) {
        let expected: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(expected.len(), events().len());
        for (event, expected) in events().into_iter().zip(expected) {
            let name = event.name();
            let found = match step(&order(state), &act("li", "r", event)) {
                Ok(next) => greenhub_storage::relational::enum_word(&next.state),
                Err(OrderRefusal::NotNow { .. }) => ".".to_owned(),
                Err(other) => panic!("{state:?} × {name}: {other}"),
            };
            assert_eq!(found, expected, "{state:?} × {name}");
        }
    }
}

#[test]
fn only_the_one_who_has_it_accepts_starts_and_finishes() {
    for (state, event) in [
        (OrderState::Dispatched, OrderEvent::Accept),
        (OrderState::Accepted, OrderEvent::Arrive { lon: None, lat: None }),
        (OrderState::InProgress, OrderEvent::Finish { text: String::new(), attachments: vec![] }),
    ] {
        let refusal = step(&order(state), &act("wang", "r", event)).expect_err("li has it");
        assert!(matches!(refusal, OrderRefusal::NotYours { .. }), "{refusal}");
    }
}

#[test]
fn going_back_and_ending_early_need_a_reason() {
    let none = String::new;
    for (state, event) in [
        (OrderState::Filed, OrderEvent::Dispatch { to: to(" "), reason: none() }),
        (OrderState::Dispatched, OrderEvent::Dispatch { to: to("wang"), reason: none() }),
        (OrderState::Accepted, OrderEvent::Return { reason: " \n".into() }),
        (OrderState::Finished, OrderEvent::Rework { reason: none(), attachments: vec![] }),
        (OrderState::InProgress, OrderEvent::Cancel { reason: "长".repeat(1001) }),
    ] {
        let refusal = step(&order(state), &act("li", "r", event)).expect_err("no reason");
        assert!(matches!(refusal, OrderRefusal::Invalid { .. }), "{refusal}");
    }
    let returned = step(&order(OrderState::Accepted), &act("li", "r", events()[2].clone())).expect("with a reason");
    assert_eq!((returned.assignee, returned.updated_at), (None, 5));
}

async fn opened(stage: &Stage) -> (Orders, BatchSink) {
    let orders = Orders::open(stage.open().await).await.expect("tables");
    let sink = BatchSink::new(stage.open().await, vec![orders.applier()]).await.expect("a sink");
    (orders, sink)
}

#[tokio::test]
async fn an_alarm_opens_its_order_once_whatever_is_replayed() {
    on_every_database(async |stage| {
        let (orders, sink) = opened(stage).await;
        let hot = alarm("C-1", 5);
        let id = OrderId::of_alarm(&hot.id);
        sink.apply(&[batch(1, vec![change(&hot, Raised, 5), trigger(&hot)])], NOW).await.expect("applied");
        let order = orders.get(&id).await.expect("read").expect("opened");
        assert_eq!((order.state, order.alarm.as_ref()), (OrderState::Filed, Some(&hot.id)), "{}", stage.label);
        let cancel = OrderAct { order: id.clone(), ..act("li", "r1", OrderEvent::Cancel { reason: "误报".into() }) };
        orders.act(&cancel).await.expect("cancelled");
        // The trigger comes again under a later batch number, as after a replay from nothing.
        sink.apply(&[batch(2, vec![trigger(&hot)])], NOW).await.expect("applied");
        let order = orders.get(&id).await.expect("read").expect("there");
        assert_eq!(order.state, OrderState::Cancelled, "{}: not opened a second time", stage.label);
        let events = orders.events(&id).await.expect("events");
        let words: Vec<_> = events.iter().map(|e| e.event.as_ref().map(OrderEvent::name)).collect();
        assert_eq!(words, [None, Some("cancel")], "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_acts_once_and_a_lost_race_is_tried_again() {
    on_every_database(async |stage| {
        let (orders, sink) = opened(stage).await;
        let hot = alarm("C-1", 5);
        sink.apply(&[batch(1, vec![trigger(&hot)])], NOW).await.expect("applied");
        let id = OrderId::of_alarm(&hot.id);
        let assign = OrderEvent::Dispatch { to: to("li"), reason: "近".into() };
        let act = |request: &str, event| OrderAct { order: id.clone(), ..act("boss", request, event) };
        let twice = [act("same", assign.clone()), act("same", assign.clone())];
        let both = tokio::join!(orders.act(&twice[0]), orders.act(&twice[1]));
        for order in [both.0, both.1] {
            assert_eq!(order.expect("done once, told twice").state, OrderState::Dispatched, "{}", stage.label);
        }
        assert_eq!(orders.events(&id).await.expect("events").len(), 2, "{}", stage.label);
        let other = orders.act(&act("same", OrderEvent::Cancel { reason: "误报".into() })).await;
        assert!(matches!(other, Err(ActError::Refused(OrderRefusal::Invalid { .. }))), "{other:?}");
        let empty = orders.act(&act("", assign.clone())).await;
        assert!(matches!(empty, Err(ActError::Refused(OrderRefusal::Invalid { .. }))), "{empty:?}");
        let unknown = OrderAct { order: OrderId::new("W-none").expect("an id"), ..act("x", assign.clone()) };
        assert!(matches!(orders.act(&unknown).await, Err(ActError::Unknown(_))), "{}", stage.label);

        let racers: Vec<_> = (0..4)
            .map(|n| {
                let (orders, act) = (orders.clone(), act(&format!("race{n}"), assign.clone()));
                tokio::spawn(async move { orders.act(&act).await.map(drop) })
            })
            .collect();
        for racer in racers {
            racer.await.expect("no panic").expect("assigned again");
        }
        assert_eq!(orders.events(&id).await.expect("events").len(), 6, "{}: none is lost", stage.label);
    })
    .await;
}

#[tokio::test]
async fn orders_are_filtered_and_paged() {
    on_every_database(async |stage| {
        let (orders, sink) = opened(stage).await;
        let alarms: Vec<_> = (0..25u64)
            .map(|n| {
                let mut one = alarm("C-1", n);
                one.priority = if n % 5 == 0 { Priority::P1 } else { Priority::P2 };
                one
            })
            .collect();
        sink.apply(&[batch(1, alarms.iter().map(trigger).collect())], NOW).await.expect("applied");
        let first = OrderId::of_alarm(&alarms[0].id);
        let cancel = OrderAct { order: first, ..act("li", "r", OrderEvent::Cancel { reason: "误报".into() }) };
        orders.act(&cancel).await.expect("cancelled");
        let urgent = OrderFilter { priorities: vec![Priority::P1], ..OrderFilter::open() };
        let page = orders.list(&urgent, &PageRequest::first(100)).await.expect("listed");
        assert_eq!(page.items.len(), 4, "{}", stage.label);
        let (mut seen, mut page) = (vec![], PageRequest::first(10));
        loop {
            let found = orders.list(&OrderFilter::default(), &page).await.expect("listed");
            seen.extend(found.items.into_iter().map(|order| order.created_at));
            match found.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen.len(), 25, "{}", stage.label);
        assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    })
    .await;
}
