//! The ladder as timelines: who is told when, and what ends it.

use super::*;
use crate::core::rules;
use greenhub_model::dispatch::{StaffMember, Team};
use greenhub_model::order::{CaseForm, OrderSource};

fn member(user: &str, backup: Option<&str>) -> StaffMember {
    StaffMember {
        user: user.into(),
        name: user.into(),
        team: "green".into(),
        skills: BTreeSet::new(),
        phone: String::new(),
        device: None,
        backup: backup.map(Into::into),
    }
}

fn rules() -> DispatchRules {
    let step = |way, who, after_s| NoticeStep { way, who, after_s };
    let team = Team {
        id: "green".into(),
        name: "绿化班".into(),
        areas: BTreeSet::new(),
        codes: BTreeSet::new(),
        classes: BTreeSet::new(),
        lead: Some("lead".into()),
        target: None,
    };
    DispatchRules {
        teams: vec![team],
        members: vec![member("wang", Some("zhao")), member("zhao", None), member("lead", None)],
        notices: vec![
            step(NoticeWay::App, NoticeWho::Assignee, 0),
            step(NoticeWay::Sms, NoticeWho::Assignee, 60),
            step(NoticeWay::Voice, NoticeWho::Assignee, 120),
            step(NoticeWay::App, NoticeWho::Backup, 180),
            step(NoticeWay::App, NoticeWho::Lead, 240),
            step(NoticeWay::App, NoticeWho::Desk, 300),
        ],
        ..rules::builtin()
    }
}

fn order(priority: Priority) -> Order {
    let form = CaseForm {
        source: OrderSource::Desk,
        external: None,
        title: "路灯不亮".into(),
        text: String::new(),
        kind: None,
        priority,
        place: Default::default(),
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    };
    let order = Order::of_form(OrderId::new("W-1").expect("good"), form, 0);
    Order { state: OrderState::Dispatched, assignee: Some("wang".into()), ..order }
}

fn entry(event: OrderEvent, at: i64) -> OrderEntry {
    OrderEntry { version: 3, at, done_at: None, by: "li".into(), state: OrderState::Dispatched, event: Some(event) }
}

fn dispatched(order: &Order) -> Ring {
    let event = OrderEvent::Dispatch { to: None, reason: String::new() };
    begins(None, order, &entry(event, 1_000)).pop().expect("somebody is told")
}

/// Everything that is told until `until` seconds after the beginning, with the second.
fn timeline(ring: &mut Ring, on_shift: &[&str], until: i64) -> Vec<(i64, String)> {
    let (rules, desk) = (rules(), ["li".to_owned()]);
    let on_shift = on_shift.iter().map(|user| (*user).to_owned()).collect();
    let people = People { rules: &rules, on_shift: &on_shift, desk: &desk };
    let (mut told, mut at) = (vec![], ring.began_at);
    loop {
        let (tellings, next) = ring.climb(people, at);
        let second = (at - ring.began_at) / 1000;
        told.extend(tellings.into_iter().map(|t| (second, format!("{:?} {}", t.way, t.user))));
        match next {
            Some(next) if next <= ring.began_at + until * 1000 => at = next,
            _ => return told,
        }
    }
}

fn check(told: Vec<(i64, String)>, expected: &[(i64, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
    assert_eq!(told, expected);
}

#[test]
fn an_urgent_order_climbs_to_the_desk() {
    let mut ring = dispatched(&order(Priority::P1));
    check(
        timeline(&mut ring, &[], 1000),
        &[
            (0, "App wang"),
            (60, "Sms wang"),
            (120, "Voice wang"),
            (180, "App zhao"),
            (240, "App lead"),
            (300, "App li"),
        ],
    );
    check(timeline(&mut ring, &[], 10_000), &[]);
}

#[test]
fn nobody_is_called_for_what_can_wait() {
    let told = timeline(&mut dispatched(&order(Priority::P3)), &[], 150);
    check(told, &[(0, "App wang"), (60, "Sms wang")]);
}

#[test]
fn a_team_rings_those_on_shift_or_all() {
    let order = Order { assignee: None, team: Some("green".into()), ..order(Priority::P2) };
    check(timeline(&mut dispatched(&order), &["zhao"], 10), &[(0, "App zhao")]);
    check(timeline(&mut dispatched(&order), &[], 10), &[(0, "App wang"), (0, "App zhao"), (0, "App lead")]);
    // The backup has been told by that way already.
    let told = timeline(&mut dispatched(&order), &[], 200);
    assert_eq!(told.iter().filter(|(_, text)| text == "App zhao").count(), 1, "{told:?}");
}

#[test]
fn what_reaches_nobody_is_followed_at_once() {
    let (rules, desk, nobody) = (rules(), vec![], BTreeSet::new());
    let people = People { rules: &rules, on_shift: &nobody, desk: &desk };
    let mut ring = dispatched(&order(Priority::P1));
    assert_eq!(ring.climb(people, 1_000).1, Some(61_000));
    ring.hasten(5_000);
    let (tellings, next) = ring.climb(people, 5_000);
    assert_eq!(tellings, [Telling { user: "wang".into(), way: NoticeWay::Sms }]);
    assert_eq!(next, Some(65_000), "the step after it keeps its distance");
}

#[test]
fn answers_end_it() {
    let sent = order(Priority::P1);
    let ring = dispatched(&sent);
    for (state, assignee, over) in [
        (OrderState::Dispatched, "wang", false),
        (OrderState::Dispatched, "zhao", true),
        (OrderState::Accepted, "wang", true),
        (OrderState::Filed, "wang", true),
        (OrderState::Cancelled, "wang", true),
    ] {
        let now = Order { state, assignee: Some(assignee.into()), ..sent.clone() };
        assert_eq!(ring.is_over(&now), over, "{state:?} {assignee}");
    }
}

#[test]
fn acts_tell_those_whom_they_concern_and_most_tell_nobody() {
    let order = order(Priority::P2);
    let reason = || "太远".to_owned();
    for (event, expected) in [
        (OrderEvent::Accept, &[][..]),
        (OrderEvent::Comment { text: "x".into(), attachments: vec![] }, &[]),
        (OrderEvent::Return { reason: reason() }, &[(0, "App li")]),
        (OrderEvent::Recall { reason: reason() }, &[(0, "App wang")]),
        (OrderEvent::Cancel { reason: reason() }, &[(0, "App wang")]),
        (OrderEvent::Supervise { level: 1, text: reason() }, &[(0, "App lead"), (0, "App wang")]),
        (OrderEvent::Overdue { stage: Stage::Handling, step: 1 }, &[(0, "App lead"), (0, "App wang")]),
        (OrderEvent::Overdue { stage: Stage::Handling, step: 2 }, &[(0, "App lead"), (0, "App li"), (0, "App wang")]),
        (OrderEvent::Warn { stage: Stage::Acceptance }, &[(0, "App li")]),
        (OrderEvent::Urge { text: reason() }, &[(0, "App wang"), (60, "Sms wang")]),
    ] {
        let rings = begins(Some(&order), &order, &entry(event.clone(), 0));
        let told = rings.into_iter().flat_map(|mut ring| timeline(&mut ring, &[], 100)).collect();
        println!("{event:?}");
        check(told, expected);
    }
}

#[test]
fn a_ring_survives_a_restart_at_every_step() {
    let mut straight = dispatched(&order(Priority::P1));
    let expected = timeline(&mut straight, &[], 1000);
    let mut ring = dispatched(&order(Priority::P1));
    let mut told = vec![];
    for second in 0..400 {
        ring = serde_json::from_str(&serde_json::to_string(&ring).expect("plain")).expect("plain");
        let (rules, desk, nobody) = (rules(), ["li".to_owned()], BTreeSet::new());
        let people = People { rules: &rules, on_shift: &nobody, desk: &desk };
        let tellings = ring.climb(people, ring.began_at + second * 1000).0;
        told.extend(tellings.into_iter().map(|t| (second, format!("{:?} {}", t.way, t.user))));
    }
    assert_eq!(told, expected);
}

#[test]
fn words_are_short_and_name_no_citizen() {
    let mut order = order(Priority::P1);
    order.reporter = Some(greenhub_model::order::Reporter { name: "张三".into(), phone: "13800000000".into() });
    order.address = "临汾路 100 号".into();
    order.title = "长".repeat(300);
    let ring = dispatched(&order);
    assert!(ring.title.starts_with("新工单 P1 长") && ring.title.chars().count() == 80, "{}", ring.title);
    assert_eq!(ring.text, "地点：临汾路 100 号");
}
