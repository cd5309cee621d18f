//! What the tables promise, the same on every database: acts once, races resolved, lists, rules, clocks, the past.

use crate::core::Actor;
use crate::core::district::District;
use crate::core::duty::{Fix, Switch};
use crate::{ActError, HubActs, OrderAct, OrderFilter, OrderOpening, OrderRefusal, Orders, PutRules};
use greenhub_model::alarm::AlarmEventKind::Raised;
use greenhub_model::dispatch::{ReviewRule, StaffMember};
use greenhub_model::order::{
    Assignee, Attachment, CaseCategory, CaseForm, CaseKind, External, Order, OrderEvent, OrderSource, OrderState,
    Place, SiteFinding, SplitPart, Stage as Clocked,
};
use greenhub_model::time::Monotonic;
use greenhub_model::{DeviceId, FileId, OrderId, Priority, Role};
use greenhub_storage::accounts::AuditLog;
use greenhub_storage::relational::testing::{Stage, alarm, batch, change, on_every_database, trigger};
use greenhub_storage::relational::{BatchSink, PageRequest};
use std::sync::Arc;

const NOW: Monotonic = Monotonic(1);
/// 2026-11-24 10:00 in China.
const AT: i64 = 1_795_485_600_000;

fn to(user: &str) -> Option<Assignee> {
    Some(Assignee::Person { user: user.into() })
}

fn boss() -> Actor {
    Actor::person("boss", Role::Dispatcher)
}

fn crew() -> Actor {
    Actor::person("crew", Role::Crew)
}

fn act(order: &OrderId, actor: Actor, request_id: &str, event: OrderEvent) -> OrderAct {
    let (order, request_id) = (order.clone(), request_id.to_owned());
    OrderAct { order, request_id, actor, at: AT + 5, done_at: None, version: None, event }
}

fn form(title: &str) -> CaseForm {
    CaseForm {
        source: OrderSource::Hotline,
        external: None,
        title: title.into(),
        text: String::new(),
        kind: None,
        priority: Priority::P3,
        place: Place::default(),
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    }
}

fn opening(request_id: &str, form: CaseForm) -> OrderOpening {
    let request_id = request_id.to_owned();
    OrderOpening { request_id, form, file: false, actor: boss(), at: AT, done_at: None }
}

fn cancel() -> OrderEvent {
    OrderEvent::Cancel { reason: "误报".into() }
}

fn dispatch(user: &str) -> OrderEvent {
    OrderEvent::Dispatch { to: to(user), reason: "近".into() }
}

async fn opened(stage: &Stage) -> (Orders, BatchSink) {
    let orders = Orders::open(stage.open().await, District::default(), AT).await.expect("tables");
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
        assert!(order.clock(Clocked::Dispatch).is_some() && order.kind.is_some(), "{}: {order:?}", stage.label);
        orders.act(&act(&id, boss(), "r1", cancel())).await.expect("cancelled");
        // The trigger comes again under a later batch number, as after a replay from nothing.
        sink.apply(&[batch(2, vec![trigger(&hot)])], NOW).await.expect("applied");
        let order = orders.get(&id).await.expect("read").expect("there");
        assert_eq!(order.state, OrderState::Cancelled, "{}: not opened a second time", stage.label);
        let events = orders.entries(&id).await.expect("events");
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
        let twice = [act(&id, boss(), "same", dispatch("crew")), act(&id, boss(), "same", dispatch("crew"))];
        let both = tokio::join!(orders.act(&twice[0]), orders.act(&twice[1]));
        for order in [both.0, both.1] {
            assert_eq!(order.expect("done once, told twice").state, OrderState::Dispatched, "{}", stage.label);
        }
        assert_eq!(orders.entries(&id).await.expect("events").len(), 2, "{}", stage.label);
        for bad in [act(&id, boss(), "same", cancel()), act(&id, boss(), "", cancel())] {
            let refused = orders.act(&bad).await;
            assert!(matches!(refused, Err(ActError::Refused(OrderRefusal::Invalid { .. }))), "{refused:?}");
        }
        let other = Actor::person("wang", Role::Administrator);
        let same_key = act(&id, other, "same", OrderEvent::Urge { text: String::new() });
        orders.act(&same_key).await.expect("a key is a user's own");
        let unknown = act(&OrderId::new("W-none").expect("an id"), boss(), "x", cancel());
        assert!(matches!(orders.act(&unknown).await, Err(ActError::Unknown(_))), "{}", stage.label);

        let racers: Vec<_> = (0..4)
            .map(|n| {
                let (orders, act) = (orders.clone(), act(&id, boss(), &format!("race{n}"), dispatch("officer")));
                tokio::spawn(async move { orders.act(&act).await.map(drop) })
            })
            .collect();
        for racer in racers {
            racer.await.expect("no panic").expect("dispatched again");
        }
        assert_eq!(orders.entries(&id).await.expect("events").len(), 7, "{}: none is lost", stage.label);
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
        orders.act(&act(&first, boss(), "r", cancel())).await.expect("cancelled");
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

#[tokio::test]
async fn a_report_opens_one_order_however_often_it_is_sent() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let (first, new) = orders.open_order(&opening("a", form("暴露垃圾"))).await.expect("opened");
        assert!(new && first.id.as_str() == "W20261124-00001", "{}: {}", stage.label, first.id);
        let (again, new) = orders.open_order(&opening("a", form("暴露垃圾"))).await.expect("opened");
        assert!(!new && again.id == first.id, "{}", stage.label);
        let external =
            Some(External { system: "12345".into(), number: "HX-1".into(), deadline: Some(AT + 86_400_000) });
        let ticket = CaseForm { external, ..form("热线") };
        let both = [opening("b", ticket.clone()), opening("c", ticket)];
        let (left, right) = tokio::join!(orders.open_order(&both[0]), orders.open_order(&both[1]));
        let (left, right) = (left.expect("opened"), right.expect("opened"));
        assert!(left.0.id == right.0.id && (left.1 != right.1), "{}: {left:?} {right:?}", stage.label);
        assert!(left.0.clock(Clocked::Outer).is_some() && left.0.clock(Clocked::Acceptance).is_some());
        let found = OrderFilter { text: Some("hx-1".into()), ..OrderFilter::default() };
        assert_eq!(
            orders.list(&found, &PageRequest::first(9)).await.expect("listed").items.len(),
            1,
            "{}",
            stage.label
        );
        let bad = orders.open_order(&opening("d", form(" "))).await;
        assert!(matches!(bad, Err(ActError::Refused(OrderRefusal::Invalid { .. }))), "{bad:?}");
    })
    .await;
}

#[tokio::test]
async fn the_second_of_two_phones_hears_who_was_first() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let (order, _) =
            orders.open_order(&OrderOpening { file: true, ..opening("a", form("路灯不亮")) }).await.expect("opened");
        let mut rules = orders.rules().newest().rules.clone();
        let mate = rules.members.iter().find(|member| member.user == "crew").cloned().expect("a member");
        rules
            .members
            .push(greenhub_model::dispatch::StaffMember { user: "mate".into(), name: "老王".into(), ..mate });
        orders.rules().put(rules, "boss", AT).await.expect("rules");
        let team = OrderEvent::Dispatch { to: Some(Assignee::Team { team: "crew".into() }), reason: String::new() };
        orders.act(&act(&order.id, boss(), "d", team)).await.expect("sent");
        let one = act(&order.id, crew(), "x", OrderEvent::Accept);
        let two = act(&order.id, Actor::person("mate", Role::Crew), "x", OrderEvent::Accept);
        let (one, two) = tokio::join!(orders.act(&one), orders.act(&two));
        let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        let winner = won.expect("one has it").assignee.expect("somebody");
        match lost {
            Err(ActError::Refused(OrderRefusal::Taken { by, .. })) => assert_eq!(by, winner, "{}", stage.label),
            other => panic!("{}: {other:?}", stage.label),
        }
        assert_eq!(orders.entries(&order.id).await.expect("entries").len(), 3, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn merging_and_splitting_change_all_orders_or_none() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let mut ids = vec![];
        for n in 0..3 {
            ids.push(orders.open_order(&opening(&format!("{n}"), form("积水"))).await.expect("opened").0.id);
        }
        let merge = |into: &OrderId| OrderEvent::Merge { into: into.clone(), reason: "同一处".into() };
        orders.act(&act(&ids[2], boss(), "c", cancel())).await.expect("cancelled");
        let refused = orders.act(&act(&ids[0], boss(), "m0", merge(&ids[2]))).await;
        assert!(matches!(refused, Err(ActError::Refused(OrderRefusal::Other { .. }))), "{refused:?}");
        assert_eq!(orders.get(&ids[0]).await.expect("read").expect("there").state, OrderState::Reported);
        let merged = orders.act(&act(&ids[0], boss(), "m1", merge(&ids[1]))).await.expect("merged");
        assert_eq!((merged.state, merged.merged_into.as_ref()), (OrderState::Merged, Some(&ids[1])));
        let target = orders.get(&ids[1]).await.expect("read").expect("there");
        assert_eq!((target.children.as_slice(), target.version), (&ids[..1], 1), "{}", stage.label);
        orders.act(&act(&ids[0], boss(), "u", OrderEvent::Unmerge { reason: "两处".into() })).await.expect("unmerged");
        assert!(orders.get(&ids[1]).await.expect("read").expect("there").children.is_empty(), "{}", stage.label);

        let part = |title: &str| SplitPart { title: title.into(), text: String::new(), kind: None, place: None };
        let split = OrderEvent::Split { parts: vec![part("东侧"), part("西侧")], reason: "两个单位".into() };
        let whole = orders.act(&act(&ids[0], boss(), "s", split.clone())).await.expect("split");
        orders.act(&act(&ids[0], boss(), "s", split)).await.expect("the same again");
        let parts = orders.get_all(&whole.children).await.expect("read");
        let seen: Vec<_> = parts.iter().map(|p| (p.title.as_str(), p.state, p.parent.as_ref())).collect();
        assert_eq!(
            seen,
            [("东侧", OrderState::Reported, Some(&ids[0])), ("西侧", OrderState::Reported, Some(&ids[0]))]
        );
    })
    .await;
}

#[tokio::test]
async fn many_acts_are_answered_each_for_itself() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let mut acts = vec![];
        for n in 0..20 {
            let file = n % 2 == 0;
            let opening = OrderOpening { file, ..opening(&format!("{n}"), form("井盖")) };
            let order = orders.open_order(&opening).await.expect("opened").0;
            acts.push(act(&order.id, boss(), "bulk", dispatch("crew")));
        }
        let results = orders.act_together(&acts).await.expect("stored");
        let done: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(done, (0..20).map(|n| n % 2 == 0).collect::<Vec<_>>(), "{}", stage.label);
        let mine = OrderFilter { mine: Some(("crew".into(), "crew".into())), ..OrderFilter::open() };
        assert_eq!(
            orders.list(&mine, &PageRequest::first(99)).await.expect("listed").items.len(),
            10,
            "{}",
            stage.label
        );
    })
    .await;
}

#[tokio::test]
async fn clocks_warn_and_escalate_once_and_at_their_time() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let (order, _) = orders.open_order(&opening("a", form("噪声"))).await.expect("opened");
        let hour = 3_600_000;
        let words = async || -> Vec<String> {
            let entries = orders.entries(&order.id).await.expect("entries");
            entries
                .into_iter()
                .filter_map(|e| e.event)
                .map(|event| match event {
                    OrderEvent::Overdue { step, .. } => format!("overdue{step}"),
                    other => other.name().to_owned(),
                })
                .collect()
        };
        // One hour to accept or reject; a warning after seven tenths of it.
        assert_eq!(orders.tick(AT + hour * 7 / 10 - 1, 9).await.expect("looked"), 0, "{}", stage.label);
        assert_eq!(orders.tick(AT + hour * 7 / 10, 9).await.expect("looked"), 1, "{}", stage.label);
        assert_eq!(orders.tick(AT + hour - 1, 9).await.expect("looked"), 0, "{}", stage.label);
        assert_eq!(orders.tick(AT + hour, 9).await.expect("looked"), 1, "{}", stage.label);
        assert_eq!(orders.tick(AT + hour, 9).await.expect("looked"), 0, "{}", stage.label);
        assert_eq!(
            orders.tick(AT + hour * 7 / 2, 9).await.expect("looked"),
            1,
            "{}: the newest step only",
            stage.label
        );
        assert_eq!(words().await, ["warn", "overdue1", "overdue6"], "{}", stage.label);
        let late = OrderFilter { overdue_at: Some(AT + 4 * hour), late_first: true, ..OrderFilter::open() };
        assert_eq!(orders.list(&late, &PageRequest::first(9)).await.expect("listed").items.len(), 1, "{}", stage.label);
        let file =
            OrderAct { at: AT + 4 * hour, ..act(&order.id, boss(), "f", OrderEvent::File { text: String::new() }) };
        orders.act(&file).await.expect("filed");
        assert_eq!(orders.tick(AT + 4 * hour + 1, 9).await.expect("looked"), 0, "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_past_moment_is_the_fold_of_the_acts_until_then() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let (order, _) =
            orders.open_order(&OrderOpening { file: true, ..opening("a", form("树枝")) }).await.expect("opened");
        let id = order.id.clone();
        let mut stood: Vec<Order> = vec![order];
        let acts = [
            (boss(), dispatch("crew")),
            (crew(), OrderEvent::Accept),
            (crew(), OrderEvent::Arrive { lon: None, lat: None }),
            (crew(), OrderEvent::Finish { text: "已修剪".into(), attachments: vec![] }),
            (boss(), OrderEvent::Pass { text: String::new(), attachments: vec![] }),
        ];
        for (n, (actor, event)) in acts.into_iter().enumerate() {
            let at = AT + 60_000 * (n as i64 + 1);
            let act = OrderAct { at, ..act(&id, actor, &format!("{n}"), event) };
            stood.push(orders.act(&act).await.expect("done"));
            if n == 1 {
                // Later rules do not change what was decided by earlier ones.
                let mut rules = orders.rules().newest().rules.clone();
                rules.limits.iter_mut().for_each(|line| line.value *= 2.0);
                orders.rules().put(rules, "boss", at).await.expect("rules");
            }
        }
        for (n, then) in stood.iter().enumerate() {
            let at = AT + 60_000 * n as i64;
            let folded = orders.folded(&id, at + 59_999).await.expect("folded");
            assert_eq!(folded.as_ref(), Some(then), "{} after {n} acts", stage.label);
            let open = orders.open_at(at, 10).await.expect("read");
            assert_eq!(open, if n < 5 { vec![then.clone()] } else { vec![] }, "{} after {n} acts", stage.label);
        }
        assert_eq!(orders.folded(&id, AT - 1).await.expect("folded"), None);
        assert_eq!(orders.changed_between(AT, AT + 60_000, 9).await.expect("read"), [stood[1].clone()]);
    })
    .await;
}

#[tokio::test]
async fn rules_change_by_one_hand_at_a_time_and_old_ones_stay() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let mut rules = orders.rules().newest().rules.clone();
        rules.warn_share = 0.5;
        orders.rules().put(rules.clone(), "admin", AT).await.expect("in force");
        let stale = orders.rules().put(rules.clone(), "admin", AT).await;
        assert!(matches!(stale, Err(PutRules::Overtaken(2))), "{}: {:?}", stage.label, stale.err());
        let wrong = orders
            .rules()
            .put(greenhub_model::dispatch::DispatchRules { version: 2, warn_share: 1.5, ..rules }, "admin", AT)
            .await;
        assert!(matches!(wrong, Err(PutRules::Wrong(_))), "{}", stage.label);
        let again = Orders::open(stage.open().await, District::default(), AT).await.expect("opened again");
        assert_eq!(again.in_force().document.warn_share, 0.5, "{}", stage.label);
        let old = again.rules().version(1).await.expect("read").expect("there");
        assert_eq!(old.document.warn_share, 0.7, "{}", stage.label);
        let seen: Vec<_> =
            again.rules().versions(None, 9).await.expect("read").iter().map(|r| r.rules.version).collect();
        assert_eq!(seen, [2, 1], "{}", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_routine_case_is_filed_and_sent_in_the_moment_it_is_reported() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let mut rules = orders.rules().newest().rules.clone();
        rules.review[0].dispatch = true;
        orders.rules().put(rules, "boss", AT).await.expect("rules");
        let photo = Attachment {
            file: FileId::new(&"a".repeat(64)).expect("an id"),
            role: greenhub_model::order::AttachmentRole::Report,
        };
        let kind = CaseKind {
            scheme: "gbt47678-2026".into(),
            category: greenhub_model::order::CaseCategory::Matter,
            code: "06042".into(),
        };
        let place =
            Place { lon: Some(121.4), lat: Some(31.2), sub_district: "南塘示范街道".into(), ..Place::default() };
        let routine = CaseForm {
            source: OrderSource::Patrol,
            kind: Some(kind),
            place,
            attachments: vec![photo],
            ..form("垃圾箱满溢")
        };
        let bare = CaseForm { attachments: vec![], ..routine.clone() };
        let (order, _) = orders.open_order(&opening("a", routine)).await.expect("opened");
        let seen = (order.state, order.team.as_deref(), order.version);
        assert_eq!(seen, (OrderState::Dispatched, Some("nantang"), 2), "{}", stage.label);
        let (order, _) = orders.open_order(&opening("b", bare)).await.expect("opened");
        assert_eq!(order.state, OrderState::Reported, "{}: without a photo a person looks", stage.label);
    })
    .await;
}

#[tokio::test]
async fn a_routine_case_goes_to_the_first_proposal_and_the_hub_notes_what_it_did() {
    on_every_database(async |stage| {
        let db = stage.open().await;
        let orders = Orders::open(db.clone(), District::default(), AT).await.expect("tables");
        let here = |member: &StaffMember| {
            let device = DeviceId::new("P-1").expect("an id");
            (member.user == "crew").then_some(Fix { lon: 121.42, lat: 31.22, at: AT, device })
        };
        let orders = orders.knowing(Arc::new(here)).followed(Arc::new(HubActs::new(db.backend())));
        let mut rules = orders.in_force().document.clone();
        rules.review = vec![ReviewRule {
            name: "环卫".into(),
            sources: Default::default(),
            codes: ["06".to_owned()].into(),
            photos: 0,
            duplicate_below: 0.6,
            dispatch: true,
        }];
        orders.rules().put(rules, "root", AT).await.expect("in force");
        let shifts = crate::Shifts::open(db.clone()).await.expect("switches");
        shifts.turn("crew", "on", Switch { on: true, at: AT - 60_000 }).await.expect("turned");
        let kind = CaseKind { scheme: "gbt47678-2026".into(), category: CaseCategory::Matter, code: "06010".into() };
        let place = Place { lon: Some(121.42), lat: Some(31.22), ..Place::default() };
        let routine = CaseForm { kind: Some(kind), place, ..form("暴露垃圾") };
        let (order, _) = orders.open_order(&opening("a", routine.clone())).await.expect("opened");
        assert_eq!((order.state, order.assignee.as_deref()), (OrderState::Dispatched, Some("crew")), "{}", stage.label);
        // The same again is likely the same case: a person looks at it.
        let (again, _) = orders.open_order(&opening("b", routine)).await.expect("opened");
        assert_eq!(again.state, OrderState::Reported, "{}", stage.label);
        let noted = AuditLog::new(db).list(&PageRequest::first(10)).await.expect("listed").items;
        let noted: Vec<_> = noted.iter().rev().map(|row| (row.actor.as_str(), row.detail.as_str())).collect();
        assert_eq!(noted.len(), 2, "{}: {noted:?}", stage.label);
        assert!(noted.iter().all(|(actor, _)| *actor == "hub") && noted[0].1.contains("环卫"), "{noted:?}");
        assert!(noted[1].1.starts_with("dispatch") && noted[1].1.contains("首选建议养护班组"), "{noted:?}");
    })
    .await;
}

#[tokio::test]
async fn a_look_on_site_is_among_what_somebody_has_to_do_until_they_have_looked() {
    on_every_database(async |stage| {
        let (orders, _sink) = opened(stage).await;
        let (order, _) = orders.open_order(&opening("a", form("噪声"))).await.expect("opened");
        let mine = async || {
            let mine = OrderFilter { mine: Some(("crew".into(), "crew".into())), ..OrderFilter::open() };
            orders.list(&mine, &PageRequest::first(9)).await.expect("listed").items.len()
        };
        assert_eq!(mine().await, 0);
        let verify = OrderEvent::Verify { user: "crew".into(), text: "请到现场看看".into() };
        orders.act(&act(&order.id, boss(), "v", verify)).await.expect("asked");
        assert_eq!(mine().await, 1, "{}", stage.label);
        assert!(orders.loads().await.expect("counted").is_empty(), "it is no order in hand");
        let seen = OrderEvent::Verified { finding: SiteFinding::Exists, text: "属实".into(), attachments: vec![] };
        orders.act(&act(&order.id, crew(), "s", seen)).await.expect("looked");
        assert_eq!(mine().await, 0, "{}", stage.label);
    })
    .await;
}
