use super::*;
use greenhub_model::alarm::AlarmEventKind::{self, *};
use greenhub_model::alarm::AlarmState::{
    self, Normal, OutOfService, ReturnedUnacknowledged, SuppressedByDesign, Unacknowledged,
};
use greenhub_model::kpi::DeskFilter;
use greenhub_model::notify::{AlarmMatch, Escalation, GroupLabel, Hours, NotifyChannel, NotifyRoute, NotifyRules};
use greenhub_model::{AlarmCode, Class, DeviceId, Priority, Role};
use std::collections::BTreeSet;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
/// 08:00 in Shanghai.
const EIGHT: i64 = 20_000 * 86_400_000;

fn fact(at: i64, device: &str, kind: AlarmEventKind, state: AlarmState, called: bool) -> AlarmFact {
    let (device, code) = (DeviceId::new(device).expect("an id"), AlarmCode::new("HOT").expect("a code"));
    AlarmFact {
        batch: at as u64,
        item: 0,
        at,
        alarm: AlarmId::of(&device, &code, 1),
        device_name: String::new(),
        device,
        class: Class::Plant,
        code,
        title: "过温".into(),
        sub_district: "东".into(),
        priority: Priority::P1,
        kind,
        state,
        called,
    }
}

fn call(at: i64, device: &str) -> AlarmFact {
    fact(at, device, Raised, Unacknowledged, true)
}

fn ends(at: i64, device: &str) -> AlarmFact {
    fact(at, device, Returned, ReturnedUnacknowledged, false)
}

fn hook(name: &str) -> Receiver {
    Receiver::Webhook(name.into())
}

fn route(id: &str, receiver: &str) -> NotifyRoute {
    NotifyRoute {
        id: id.into(),
        receivers: Some(vec![hook(receiver)]),
        group_wait_s: Some(30),
        group_interval_s: Some(300),
        repeat_interval_s: Some(3600),
        ..NotifyRoute::default()
    }
}

fn rules(routes: Vec<NotifyRoute>) -> NotifyRules {
    NotifyRules { version: 1, utc_offset_min: 480, routes }
}

fn routing(routes: Vec<NotifyRoute>) -> Routing {
    let east =
        DeskFilter { id: "east".into(), title: "东台".into(), classes: vec![], sub_districts: vec!["东".into()] };
    Routing::new(rules(routes), vec![east])
}

/// Runs facts and looks in order of time; the state goes through JSON at every step.
fn run(routing: &Routing, facts: &[AlarmFact], until: i64) -> Vec<Notice> {
    let mut notifier = Notifier::default();
    let mut notices = vec![];
    let mut facts = facts.iter().peekable();
    loop {
        let json = serde_json::to_string(&notifier).expect("serialisable");
        notifier = serde_json::from_str(&json).expect("comes back");
        let due = notifier.deadline(routing).filter(|at| *at < until);
        match (facts.peek(), due) {
            (Some(fact), due) if due.is_none_or(|at| fact.at <= at) => {
                notifier.hear(routing, fact);
                facts.next();
            }
            (_, Some(at)) => notices.extend(notifier.advance(routing, at)),
            (_, None) => return notices,
        }
    }
}

fn brief(notice: &Notice) -> (i64, NoticeKind, u64) {
    ((notice.at - EIGHT) / SECOND, notice.kind, notice.total)
}

fn story(routes: Vec<NotifyRoute>, facts: &[AlarmFact], minutes: i64) -> Vec<(i64, NoticeKind, u64)> {
    run(&routing(routes), facts, EIGHT + minutes * MINUTE).iter().map(brief).collect()
}

use NoticeKind::{Escalation as Escalated, Firing, Repeat, Resolved};

#[test]
fn the_first_notice_waits_and_gathers() {
    let facts = [call(EIGHT, "A"), call(EIGHT + 10 * SECOND, "B"), call(EIGHT + 40 * SECOND, "C")];
    let told = story(vec![route("r", "x")], &facts, 20);
    assert_eq!(told, [(30, Firing, 2), (330, Firing, 3)], "C waits for the next look");
    let at_once = NotifyRoute { group_wait_s: Some(0), ..route("r", "x") };
    assert_eq!(story(vec![at_once], &facts[..1], 1), [(0, Firing, 1)]);
}

#[test]
fn what_is_over_before_the_wait_ends_is_never_told() {
    let with_end = NotifyRoute { send_resolved: Some(true), ..route("r", "x") };
    let facts = [call(EIGHT, "A"), ends(EIGHT + 29 * SECOND, "A")];
    assert_eq!(story(vec![with_end], &facts, 60), []);
}

#[test]
fn the_end_is_told_where_it_is_wanted_to_those_who_were_told() {
    let facts = [call(EIGHT, "A"), call(EIGHT, "B"), ends(EIGHT + 2 * MINUTE, "A"), ends(EIGHT + 8 * MINUTE, "B")];
    let with_end = NotifyRoute { send_resolved: Some(true), ..route("r", "x") };
    let told = run(&routing(vec![with_end]), &facts, EIGHT + 200 * MINUTE);
    let brief: Vec<_> = told.iter().map(brief).collect();
    assert_eq!(brief, [(30, Firing, 2), (330, Resolved, 2), (630, Resolved, 1)]);
    assert_eq!(told[1].alarms.iter().map(|a| a.firing).collect::<Vec<_>>(), [true, false]);
    assert_eq!((told[2].priority, told[2].alarms[0].device.as_str()), (None, "B"));
    assert_eq!(story(vec![route("r", "x")], &facts, 200), [(30, Firing, 2)], "not wanted, not told");
}

#[test]
fn an_unchanged_group_repeats_only_on_its_looks() {
    let slow = NotifyRoute { repeat_interval_s: Some(700), ..route("r", "x") };
    assert_eq!(story(vec![slow], &[call(EIGHT, "A")], 32), [(30, Firing, 1), (930, Repeat, 1), (1830, Repeat, 1)]);
}

#[test]
fn acknowledged_shelved_suppressed_folded_and_out_of_service_are_quiet() {
    for (kind, state) in [
        (Acknowledged, AlarmState::Acknowledged),
        (Shelved, AlarmState::Shelved),
        (Suppressed, SuppressedByDesign),
        (RemovedFromService, OutOfService),
        (Folded, Unacknowledged),
    ] {
        let quick = NotifyRoute { repeat_interval_s: Some(300), ..route("r", "x") };
        let facts = [call(EIGHT, "A"), fact(EIGHT + 6 * MINUTE, "A", kind, state, false)];
        let told = story(vec![quick.clone()], &facts, 120);
        assert_eq!(told, [(30, Firing, 1), (330, Repeat, 1)], "{kind:?}");
        let at_once = [call(EIGHT, "A"), fact(EIGHT + SECOND, "A", kind, state, false)];
        assert_eq!(story(vec![quick], &at_once, 120), [], "{kind:?} before the first notice");
    }
}

#[test]
fn a_new_call_is_news_though_the_alarm_was_told() {
    let again = fact(EIGHT + 20 * MINUTE, "A", Unshelved, Unacknowledged, true);
    let facts = [call(EIGHT, "A"), fact(EIGHT + MINUTE, "A", Shelved, AlarmState::Shelved, false), again];
    assert_eq!(story(vec![route("r", "x")], &facts, 40), [(30, Firing, 1), (1230, Firing, 1)]);
    let comment = fact(EIGHT + 20 * MINUTE, "A", Commented, Unacknowledged, false);
    assert_eq!(story(vec![route("r", "x")], &[call(EIGHT, "A"), comment], 40), [(30, Firing, 1)]);
}

#[test]
fn the_end_of_an_acknowledged_alarm_is_told_too() {
    let with_end = NotifyRoute { send_resolved: Some(true), ..route("r", "x") };
    let facts = [
        call(EIGHT, "A"),
        fact(EIGHT + MINUTE, "A", Acknowledged, AlarmState::Acknowledged, false),
        fact(EIGHT + 20 * MINUTE, "A", Returned, Normal, false),
    ];
    assert_eq!(story(vec![with_end], &facts, 60), [(30, Firing, 1), (1230, Resolved, 1)]);
}

#[test]
fn nobody_acknowledges_so_others_are_told() {
    let steps = |route: NotifyRoute| NotifyRoute {
        escalate: Some(vec![
            Escalation { after_s: 120, receivers: vec![hook("chief")] },
            Escalation { after_s: 600, receivers: vec![hook("director"), hook("chief")] },
        ]),
        ..route
    };
    let facts = [call(EIGHT, "A"), call(EIGHT + MINUTE, "B")];
    let told = run(&routing(vec![steps(route("r", "x"))]), &facts, EIGHT + 30 * MINUTE);
    let escalations: Vec<_> = told
        .iter()
        .filter(|notice| notice.kind == Escalated)
        .map(|notice| (brief(notice).0, notice.receiver.to_string(), notice.alarms[0].device.to_string()))
        .collect();
    let row = |at, receiver: &str, device: &str| (at, format!("webhook:{receiver}"), device.to_owned());
    let expected = [
        row(120, "chief", "A"),
        row(180, "chief", "B"),
        row(600, "chief", "A"),
        row(600, "director", "A"),
        row(660, "chief", "B"),
        row(660, "director", "B"),
    ];
    assert_eq!(escalations, expected);
    let seen = fact(EIGHT + 90 * SECOND, "A", Acknowledged, AlarmState::Acknowledged, false);
    let told = story(vec![steps(route("r", "x"))], &[call(EIGHT, "A"), seen], 30);
    assert_eq!(told, [(30, Firing, 1)], "acknowledged in time");
}

#[test]
fn groups_are_made_by_labels() {
    let by = |labels: &[GroupLabel]| {
        let route = NotifyRoute { group_by: Some(labels.iter().copied().collect()), ..route("r", "x") };
        let mut other = call(EIGHT, "B");
        other.sub_district = "西".into();
        let notices = run(&routing(vec![route]), &[call(EIGHT, "A"), other, call(EIGHT, "C")], EIGHT + MINUTE);
        notices.iter().map(|notice| notice.total).collect::<Vec<_>>()
    };
    assert_eq!(by(&[]), [3], "no label: one group");
    assert_eq!(by(&[GroupLabel::Desk]), [1, 2], "only A and C have a desk");
    assert_eq!(by(&[GroupLabel::SubDistrict, GroupLabel::Class]), [2, 1]);
    assert_eq!(by(&[GroupLabel::Alarm]), [1, 1, 1]);
}

#[test]
fn the_tree_takes_the_first_match_unless_it_continues_and_children_inherit() {
    let only = |priority| AlarmMatch { priorities: [priority].into(), ..AlarmMatch::default() };
    let child = NotifyRoute {
        id: "child".into(),
        matching: AlarmMatch { desks: ["east".into()].into(), ..AlarmMatch::default() },
        repeat_interval_s: Some(60),
        ..NotifyRoute::default()
    };
    let first = NotifyRoute { matching: only(Priority::P1), routes: vec![child], ..route("first", "x") };
    let audit = NotifyRoute { r#continue: true, ..route("audit", "log") };
    let rest = route("rest", "y");
    let routing = routing(vec![audit, first, rest]);
    let taken = |fact: &AlarmFact| routing.plans_of(fact).iter().map(|plan| plan.id.clone()).collect::<Vec<_>>();
    assert_eq!(taken(&call(EIGHT, "A")), ["audit", "child"], "deepest match, then no further");
    let mut west = call(EIGHT, "A");
    west.sub_district = "西".into();
    assert_eq!(taken(&west), ["audit", "first"]);
    let minor = AlarmFact { priority: Priority::P4, ..call(EIGHT, "A") };
    assert_eq!(taken(&minor), ["audit", "rest"]);
    let child = routing.plan("child").expect("resolved");
    assert_eq!(child.receivers, [hook("x")], "inherited");
    assert_eq!((child.group_wait_ms, child.repeat_interval_ms), (30_000, 60_000));
    assert_eq!(super::tests::routing(vec![]).plans_of(&minor).len(), 0, "the root tells nobody");
}

#[test]
fn matchers_fit_all_that_they_name() {
    let fits = |matching: AlarmMatch, fact: &AlarmFact| {
        !routing(vec![NotifyRoute { matching, ..route("r", "x") }]).plans_of(fact).is_empty()
    };
    let base = AlarmMatch::default;
    let alarm = call(EIGHT, "A");
    let hours = |from: &str, to: &str| {
        let hours = Hours { from: from.into(), to: to.into() };
        AlarmMatch { hours: Some(hours), ..base() }
    };
    for (matching, expected) in [
        (base(), true),
        (AlarmMatch { classes: [Class::Plant, Class::Light].into(), ..base() }, true),
        (AlarmMatch { classes: [Class::Light].into(), ..base() }, false),
        (AlarmMatch { codes: [AlarmCode::new("COLD").expect("a code")].into(), ..base() }, false),
        (AlarmMatch { priorities: [Priority::P2].into(), ..base() }, false),
        (AlarmMatch { desks: ["west".into()].into(), ..base() }, false),
        (AlarmMatch { sub_districts: ["东".into()].into(), desks: ["east".into()].into(), ..base() }, true),
        (hours("08:00", "08:01"), true),
        (hours("07:00", "08:00"), false),
        (hours("22:00", "08:01"), true),
        (hours("22:00", "06:00"), false),
    ] {
        assert_eq!(fits(matching.clone(), &alarm), expected, "{matching:?}");
    }
}

#[test]
fn a_raised_priority_moves_an_alarm_to_its_new_route() {
    let only = |priority| AlarmMatch { priorities: [priority].into(), ..AlarmMatch::default() };
    let urgent = NotifyRoute { matching: only(Priority::P1), group_wait_s: Some(0), ..route("urgent", "x") };
    let minor = NotifyRoute { matching: only(Priority::P3), ..route("minor", "y") };
    let first = AlarmFact { priority: Priority::P3, ..call(EIGHT, "A") };
    let raised = fact(EIGHT + 2 * MINUTE, "A", Reprioritised, Unacknowledged, false);
    let told = run(&routing(vec![urgent, minor]), &[first, raised], EIGHT + 10 * MINUTE);
    let told: Vec<_> = told.iter().map(|n| (brief(n), n.route.as_str(), n.priority)).collect();
    let expected = [((30, Firing, 1), "minor", Some(Priority::P3)), ((120, Firing, 1), "urgent", Some(Priority::P1))];
    assert_eq!(told, expected);
}

#[test]
fn missed_looks_are_one_and_new_rules_keep_what_was_told() {
    let quick = NotifyRoute { repeat_interval_s: Some(300), ..route("r", "x") };
    let routing = routing(vec![quick.clone()]);
    let mut notifier = Notifier::default();
    notifier.hear(&routing, &call(EIGHT, "A"));
    assert_eq!(notifier.advance(&routing, EIGHT + 30 * SECOND).len(), 1);
    assert_eq!(notifier.advance(&routing, EIGHT + 300 * MINUTE).len(), 1, "five hours away: one repetition");
    let other = NotifyRoute { title: "改名".into(), ..quick };
    let new = super::tests::routing(vec![other]);
    notifier.reroute(&new, EIGHT + 300 * MINUTE);
    assert_eq!(notifier.advance(&new, EIGHT + 302 * MINUTE), [], "told already");
    let elsewhere = super::tests::routing(vec![route("s", "y")]);
    notifier.reroute(&elsewhere, EIGHT + 310 * MINUTE);
    assert_eq!(notifier.advance(&elsewhere, EIGHT + 311 * MINUTE).len(), 1, "the new route has told nobody");
    notifier.reroute(&super::tests::routing(vec![]), EIGHT + 312 * MINUTE);
    assert_eq!(notifier, Notifier::default());
}

#[test]
fn memory_is_bounded_and_forgets_what_is_over() {
    let routing = routing(vec![NotifyRoute { group_by: Some([GroupLabel::Code].into()), ..route("r", "x") }]);
    let mut notifier = Notifier::default();
    for n in 0..MEMBERS_MAX + 3 {
        notifier.hear(&routing, &call(EIGHT, &format!("D-{n}")));
    }
    assert_eq!((notifier.members(), notifier.dropped()), (MEMBERS_MAX, 3));
    let notice = notifier.advance(&routing, EIGHT + MINUTE).remove(0);
    assert_eq!((notice.alarms.len(), notice.total), (ALARMS_MAX, MEMBERS_MAX as u64));
    assert!(notice.text.lines().count() <= 21);
    for n in 0..MEMBERS_MAX {
        notifier.hear(&routing, &ends(EIGHT + 2 * MINUTE, &format!("D-{n}")));
    }
    notifier.advance(&routing, EIGHT + 10 * MINUTE);
    assert_eq!(notifier, Notifier { dropped: 3, ..Notifier::default() });
}

#[test]
fn ids_differ_by_receiver_and_decision_and_are_plain() {
    let both =
        NotifyRoute { receivers: Some(vec![hook("x"), Receiver::Role(Role::Dispatcher)]), ..route("路由", "x") };
    let quick = NotifyRoute { repeat_interval_s: Some(300), ..both };
    let told = run(&routing(vec![quick]), &[call(EIGHT, "A")], EIGHT + 20 * MINUTE);
    let ids: BTreeSet<_> = told.iter().map(|notice| notice.id.clone()).collect();
    assert_eq!((told.len(), ids.len()), (8, 8));
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_graphic())), "a header carries it: {ids:?}");
    assert_eq!(told[0].title, "报警：P1 A 过温");
    assert_eq!(told[0].text, "P1 过温：A（A），东，08:00 报警");
}

#[test]
fn contradictions_are_refused_in_words() {
    let configured = BTreeMap::from([("x".to_owned(), NotifyChannel::Webhook), ("sms".to_owned(), NotifyChannel::Sms)]);
    let desks = BTreeSet::from(["east".to_owned()]);
    let check = |routes: Vec<NotifyRoute>| problems(&rules(routes), &configured, &desks);
    let none: [String; 0] = [];
    assert_eq!(check(vec![route("r", "x")]), none);
    assert_eq!(problems(&builtin(), &BTreeMap::new(), &desks), none, "the built-in rules are valid");
    let r = || route("r", "x");
    let bad = [
        ("没有接收人", vec![NotifyRoute { receivers: None, ..r() }]),
        ("没有在配置文件", vec![route("r", "nowhere")]),
        ("另一种类型", vec![route("r", "sms")]),
        ("重复", vec![NotifyRoute { r#continue: true, ..r() }, r()]),
        ("不会生效", vec![r(), route("s", "x")]),
        ("短于", vec![NotifyRoute { repeat_interval_s: Some(10), ..r() }]),
        (
            "依次增大",
            vec![NotifyRoute { escalate: Some(vec![Escalation { after_s: 0, receivers: vec![hook("x")] }]), ..r() }],
        ),
        (
            "升级没有接收人",
            vec![NotifyRoute { escalate: Some(vec![Escalation { after_s: 9, receivers: vec![] }]), ..r() }],
        ),
        (
            "值班台 moon 不存在",
            vec![NotifyRoute {
                matching: AlarmMatch { desks: ["moon".into()].into(), ..AlarmMatch::default() },
                ..r()
            }],
        ),
        (
            "时段",
            vec![NotifyRoute {
                matching: AlarmMatch {
                    hours: Some(Hours { from: "8:00".into(), to: "25:00".into() }),
                    ..AlarmMatch::default()
                },
                ..r()
            }],
        ),
        ("编号须为", vec![NotifyRoute { id: String::new(), ..r() }]),
        ("用户名不能为空", vec![NotifyRoute { receivers: Some(vec![Receiver::User(" ".into())]), ..r() }]),
    ];
    for (words, routes) in bad {
        let found = check(routes);
        assert!(found.iter().any(|problem| problem.contains(words)), "{words}: {found:?}");
    }
    let unknown = r#"{"version":1,"routes":[{"id":"r","when":1}]}"#;
    assert!(serde_json::from_str::<NotifyRules>(unknown).is_err(), "an unknown member is refused");
}
