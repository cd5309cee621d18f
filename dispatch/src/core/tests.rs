//! What the life of an order promises: every state × act × role, relations, clocks, and that any sequence of acts keeps
//! the invariants.

use super::clock::{due, next_due};
use super::district::District;
use super::life::{Actor, OrderAct, apply, step};
use super::opening::{open_alarm, open_form};
use super::roles::{TABLE, allowed};
use super::rules::{RulesInForce, builtin};
use greenhub_model::dispatch::LimitLine;
use greenhub_model::order::*;
use greenhub_model::{OrderId, Priority, Role};
use proptest::prelude::*;
use std::sync::Arc;

/// Tuesday 2026-11-24, 10:00 in China.
const AT: i64 = 1_795_485_600_000;
const HOUR: i64 = 3_600_000;

fn rules() -> RulesInForce {
    let mut rules = builtin();
    let crew = rules.members.iter().find(|m| m.user == "crew").cloned().expect("the crew is a member");
    rules.members.push(greenhub_model::dispatch::StaffMember { user: "mate".into(), ..crew });
    RulesInForce::new(rules, Arc::new(District::default())).expect("sound rules")
}

fn form() -> CaseForm {
    CaseForm {
        source: OrderSource::Hotline,
        external: Some(External { system: "12345".into(), number: "1".into(), deadline: Some(AT + 240 * HOUR) }),
        title: "暴露垃圾".into(),
        text: String::new(),
        kind: Some(kind("06010")),
        priority: Priority::P3,
        place: Place::default(),
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    }
}

fn kind(code: &str) -> CaseKind {
    CaseKind { scheme: "gbt47678-2026".into(), category: CaseCategory::Matter, code: code.into() }
}

fn opened(filed: bool) -> Order {
    let id = OrderId::new("W-1").expect("an id");
    open_form(id, form(), ("dispatcher", AT), filed, &rules()).expect("a good form")
}

fn act(actor: Actor, at: i64, event: OrderEvent) -> OrderAct {
    let order = OrderId::new("W-1").expect("an id");
    OrderAct { order, request_id: "r".into(), actor, at, done_at: None, version: None, event }
}

fn dispatcher() -> Actor {
    Actor::person("dispatcher", Role::Dispatcher)
}

fn crew() -> Actor {
    Actor::person("crew", Role::Crew)
}

fn clerk() -> Actor {
    Actor::person("reviewer", Role::Clerk)
}

fn admin() -> Actor {
    Actor::person("admin", Role::Administrator)
}

fn why() -> String {
    "因为下雨".into()
}

fn to_crew() -> OrderEvent {
    OrderEvent::Dispatch { to: Some(Assignee::Person { user: "crew".into() }), reason: why() }
}

fn finish() -> OrderEvent {
    OrderEvent::Finish { text: String::new(), attachments: vec![] }
}

fn pass() -> OrderEvent {
    OrderEvent::Pass { text: String::new(), attachments: vec![] }
}

fn ask(wish: Wish) -> OrderEvent {
    OrderEvent::Ask { wish, reason: why() }
}

fn approve() -> OrderEvent {
    OrderEvent::Approve { text: String::new() }
}

fn arrive() -> OrderEvent {
    OrderEvent::Arrive { lon: None, lat: None }
}

/// An order that went through these acts, one a minute.
fn after(acts: &[(Actor, OrderEvent)]) -> Order {
    let rules = rules();
    acts.iter().enumerate().fold(opened(true), |order, (n, (actor, event))| {
        let act = act(actor.clone(), AT + 60_000 * (n as i64 + 1), event.clone());
        step(&order, &act, &rules).unwrap_or_else(|refusal| panic!("{}: {refusal}", event.name()))
    })
}

fn at_work() -> Vec<(Actor, OrderEvent)> {
    vec![(dispatcher(), to_crew()), (crew(), OrderEvent::Accept), (crew(), arrive())]
}

fn samples() -> Vec<OrderEvent> {
    let text = String::new;
    let other = OrderId::new("W-2").expect("an id");
    let part = || SplitPart { title: "一".into(), text: text(), kind: None, place: None };
    vec![
        OrderEvent::Verify { user: "officer".into(), text: text() },
        OrderEvent::Verified { finding: SiteFinding::Exists, text: text(), attachments: vec![] },
        OrderEvent::Amend { patch: CasePatch { title: Some("新".into()), ..CasePatch::default() }, reason: why() },
        OrderEvent::File { text: text() },
        OrderEvent::Reject { reason: why() },
        OrderEvent::Merge { into: other.clone(), reason: why() },
        OrderEvent::Unmerge { reason: why() },
        OrderEvent::Split { parts: vec![part(), part()], reason: why() },
        OrderEvent::Assign { to: Some(Assignee::Team { team: "crew".into() }), reason: text() },
        to_crew(),
        OrderEvent::Recall { reason: text() },
        OrderEvent::Accept,
        OrderEvent::Return { reason: why() },
        arrive(),
        finish(),
        ask(Wish::Delay { until: AT + 200 * HOUR }),
        approve(),
        OrderEvent::Deny { reason: why() },
        OrderEvent::Resume { reason: text() },
        pass(),
        OrderEvent::Rework { reason: why(), attachments: vec![] },
        OrderEvent::Close { reason: why() },
        OrderEvent::Cancel { reason: why() },
        OrderEvent::Supervise { level: 2, text: why() },
        OrderEvent::Urge { text: text() },
        OrderEvent::Comment { text: why(), attachments: vec![] },
        OrderEvent::Warn { stage: Stage::Outer },
        OrderEvent::Overdue { stage: Stage::Outer, step: 1 },
        OrderEvent::Joined { other, joined: true },
    ]
}

/// One row for each act: the state it leads to from each state (a dot is a refusal), and who may.
/// States: Reported Filed Dispatched Accepted In-progress Suspended fiNished Closed X-rejected Merged spliT Void.
/// Roles: D dispatcher, P plant operator, C clerk, O officer, W crew, A auditor, M administrator, H the hub.
const LIFE: [(&str, &str, &str); 29] = [
    //              RFDAISNCXMTV
    ("verify", /* */ "R...........", "DCM"),
    ("verified", /**/ "R...........", "DPCOWM"),
    ("amend", /*  */ "RFDAISN.....", "DCM"),
    ("file", /*   */ "F...........", "DCMH"),
    ("reject", /* */ "X...........", "DCM"),
    ("merge", /*  */ "MM..........", "DCM"),
    ("unmerge", /**/ ".........R..", "DCM"),
    ("split", /*  */ "TT..........", "DCM"),
    ("assign", /* */ ".F..........", "DM"),
    ("dispatch", /**/ ".DDDD.......", "DMH"),
    ("recall", /* */ "..F.........", "DM"),
    ("accept", /* */ "..A.........", "POW"),
    ("return", /* */ "..FFF.......", "POW"),
    ("arrive", /* */ "...I........", "POW"),
    ("finish", /* */ "....N.......", "POW"),
    ("ask", /*    */ "..DAI.......", "DPCOWM"),
    ("approve", /**/ "..DAI..CX...", "DCM"),
    ("deny", /*   */ "..DAI..CX...", "DCM"),
    ("resume", /* */ ".....I......", "DPCOWMH"),
    ("pass", /*   */ "......C.....", "DCM"),
    ("rework", /* */ "......I.....", "DCM"),
    ("close", /*  */ "CCCCCCC.....", "DM"),
    ("cancel", /* */ "VVVVVVV.....", "DCM"),
    ("supervise", /**/ "RFDAISN.....", "DM"),
    ("urge", /*   */ "RFDAISN.....", "DCM"),
    ("comment", /**/ "RFDAISN.....", "DPCOWM"),
    ("warn", /*   */ "RFDAISN.....", "H"),
    ("overdue", /**/ "RFDAISN.....", "H"),
    ("joined", /* */ "RFDAISN.....", "H"),
];

fn letter(state: OrderState) -> char {
    let at = OrderState::ALL.iter().position(|known| *known == state).expect("all states are listed");
    "RFDAISNCXMTV".chars().nth(at).expect("as many letters as states")
}

/// An order in a state, given to the crew, with what each act asks for.
fn standing(state: OrderState, act: &str) -> Order {
    let mut order = opened(state != OrderState::Reported);
    if !matches!(state, OrderState::Reported | OrderState::Filed) {
        order = step(&order, &self::act(dispatcher(), AT, to_crew()), &rules()).expect("sent");
    }
    (order.assignee, order.team) = (Some("crew".into()), Some("crew".into()));
    order.state = state;
    order.suspended_from = (state == OrderState::Suspended).then_some(OrderState::InProgress);
    order.verification = Some(Verification { user: "officer".into(), asked_at: AT, finding: None });
    if state == OrderState::Merged {
        order.clocks.clear();
    }
    if matches!(act, "approve" | "deny") {
        let appeal = matches!(state, OrderState::Closed | OrderState::Rejected);
        let wish = if appeal { Wish::Appeal } else { Wish::Delay { until: AT + 200 * HOUR } };
        order.pending = Some(PendingWish { wish, by: "crew".into(), reason: why(), at: AT, approvals: vec![] });
    }
    order
}

#[test]
fn every_state_act_and_role_does_what_the_table_says() {
    let (rules, samples) = (rules(), samples());
    let names: Vec<&str> = samples.iter().map(OrderEvent::name).collect();
    assert_eq!(names, LIFE.map(|row| row.0));
    assert_eq!(names, TABLE.map(|row| row.act));
    let actors: Vec<(char, Option<Role>)> = "DPCOWAM".chars().zip(Role::ALL.map(Some)).chain([('H', None)]).collect();
    let mut asked = 0;
    for (event, (name, states, roles)) in samples.iter().zip(LIFE) {
        for (state, expected) in OrderState::ALL.into_iter().zip(states.chars()) {
            for (word, role) in &actors {
                // The crew has the order, the officer is asked to look, and whoever checks is somebody else.
                let user = match (name, role) {
                    (_, None) => "hub",
                    ("verified", _) => "officer",
                    ("accept" | "return" | "arrive" | "finish" | "ask" | "resume", _) => "crew",
                    _ => "somebody",
                };
                let actor = Actor { user: user.into(), role: *role };
                let result = step(&standing(state, name), &act(actor, AT + HOUR, event.clone()), &rules);
                let wanted = if roles.contains(*word) { expected } else { '.' };
                let found = result.as_ref().map_or('.', |next| letter(next.state));
                assert_eq!(found, wanted, "{name} from {state:?} by {role:?}: {:?}", result.err());
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 29 * 12 * 8);
}

#[test]
fn refusals_say_in_words_what_is_the_matter() {
    let rules = rules();
    let done = after(&[at_work(), vec![(crew(), finish())]].concat());
    let refusal = |order: &Order, actor: Actor, event: OrderEvent| {
        step(order, &act(actor, AT + HOUR, event), &rules).expect_err("refused")
    };
    for event in [pass(), OrderEvent::Close { reason: why() }] {
        let own = refusal(&done, Actor::person("crew", Role::Administrator), event);
        assert!(matches!(own, OrderRefusal::Own { .. }), "nobody checks his own work: {own}");
    }
    let again = refusal(&done, crew(), finish());
    assert_eq!(again.to_string(), "工单现为「待核查」（由 crew 办理），不能再反馈；请刷新后查看");
    let taken = refusal(&after(&at_work()), Actor::person("mate", Role::Crew), OrderEvent::Accept);
    assert_eq!(taken.to_string(), "crew 已先接单，本单由其负责；请刷新后查看");
    let other = refusal(&after(&at_work()), Actor::person("mate", Role::Crew), finish());
    assert!(matches!(other, OrderRefusal::NotYours { .. }), "{other}");
    let stale = OrderAct { version: Some(1), ..act(clerk(), AT + HOUR, pass()) };
    assert!(matches!(step(&done, &stale, &rules), Err(OrderRefusal::Changed { version: 4, .. })));
    let nobody = OrderEvent::Dispatch { to: Some(Assignee::Person { user: "nobody".into() }), reason: why() };
    assert!(refusal(&opened(true), dispatcher(), nobody).to_string().contains("nobody"));
    for blank in [OrderEvent::Cancel { reason: " \n".into() }, OrderEvent::Cancel { reason: "长".repeat(1001) }] {
        assert!(matches!(refusal(&done, clerk(), blank), OrderRefusal::Invalid { .. }));
    }
    assert!(serde_json::to_value(&taken).expect("JSON")["refusal"] == "taken");
}

#[test]
fn an_assignment_is_taken_back_to_nobody_and_only_where_there_is_one() {
    let meant = |to| OrderEvent::Assign { to, reason: String::new() };
    let crew = Some(Assignee::Team { team: "crew".into() });
    let order = after(&[(dispatcher(), meant(crew.clone())), (dispatcher(), meant(None))]);
    assert_eq!((order.assignee, order.team, order.state), (None, None, OrderState::Filed));
    let refusal = step(&opened(true), &act(dispatcher(), AT, meant(None)), &rules()).expect_err("nobody has it");
    assert!(refusal.to_string().contains("无需收回"), "{refusal}");
    let told: OrderEvent =
        serde_json::from_str(r#"{"act":"assign","to":{"to":"team","team":"crew"}}"#).expect("as stored");
    assert_eq!(told, meant(crew));
}

#[test]
fn what_may_be_done_now_is_what_would_be_done() {
    let rules = rules();
    let order = after(&at_work());
    assert_eq!(allowed(&order, &crew(), &rules), ["return", "finish", "ask", "comment"]);
    assert_eq!(allowed(&order, &Actor::person("mate", Role::Crew), &rules), ["comment"]);
    assert!(allowed(&order, &Actor::person("auditor", Role::Auditor), &rules).is_empty());
    let wished = after(&[at_work(), vec![(crew(), ask(Wish::Delay { until: AT + 99 * HOUR }))]].concat());
    let desk = allowed(&wished, &clerk(), &rules);
    assert!(desk.contains(&"approve") && desk.contains(&"deny") && !desk.contains(&"ask"), "{desk:?}");
}

#[test]
fn bad_forms_are_refused_in_words() {
    let rules = rules();
    let why = |form: CaseForm| {
        let id = OrderId::new("W-1").expect("an id");
        open_form(id, form, ("x", AT), false, &rules).expect_err("refused").to_string()
    };
    assert!(why(CaseForm { title: " ".into(), ..form() }).contains("标题"));
    assert!(why(CaseForm { kind: Some(kind("99999")), ..form() }).contains("代码"));
    assert!(why(CaseForm { seen_at: Some(AT + 2 * HOUR), ..form() }).contains("晚于上报时间"));
    assert!(why(CaseForm { seen_at: Some(0), ..form() }).contains("2000 年"));
    let place = |lon, lat| Place { lon, lat, ..Place::default() };
    assert!(why(CaseForm { place: place(Some(121.4), None), ..form() }).contains("经度和纬度"));
    assert!(why(CaseForm { place: place(Some(f64::NAN), Some(1.0)), ..form() }).contains("-180"));
    let square = br#"{"features":[{"properties":{"layer":"outline","name":"x"},"geometry":{"type":"Polygon",
        "coordinates":[[[121,31],[122,31],[122,32],[121,32],[121,31]]]}}]}"#;
    let inside = RulesInForce { district: Arc::new(District::of_geojson(square)), ..rules.clone() };
    let far = CaseForm { place: place(Some(120.0), Some(31.5)), ..form() };
    let refused = open_form(OrderId::new("W-1").expect("an id"), far, ("x", AT), false, &inside);
    assert!(refused.expect_err("outside").to_string().contains("本区范围"));
}

#[test]
fn the_most_exact_limit_in_force_holds_and_a_running_clock_keeps_its_own() {
    let mut document = builtin();
    let line = |code: Option<&str>, priority, value: f64, from: &str| LimitLine {
        stage: Stage::Handling,
        scheme: None,
        code: code.map(str::to_owned),
        priority,
        source: None,
        area: None,
        kind: greenhub_model::dispatch::LimitKind::UrgentHour,
        value,
        from: from.into(),
    };
    document.limits.retain(|line| line.stage != Stage::Handling);
    document.limits.extend([
        line(None, None, 10.0, "2020-01-01"),
        line(None, Some(Priority::P3), 9.0, "2020-01-01"),
        line(Some("06"), None, 8.0, "2020-01-01"),
        line(Some("06010"), None, 7.0, "2020-01-01"),
        line(Some("06010"), None, 6.0, "2026-11-01"),
        line(Some("06010"), None, 5.0, "2026-11-25"),
    ]);
    let rules = RulesInForce::new(document, Arc::new(District::default())).expect("sound");
    let handling = |code: Option<&str>, at: i64| {
        let mut order = opened(true);
        order.kind = code.map(kind);
        let sent = step(&order, &act(dispatcher(), at, to_crew()), &rules).expect("sent");
        sent.clock(Stage::Handling).expect("a clock").value
    };
    assert_eq!([handling(None, AT), handling(Some("06011"), AT), handling(Some("06010"), AT)], [9.0, 8.0, 6.0]);
    assert_eq!(handling(Some("06010"), AT + 24 * HOUR), 5.0, "a newer line from its day on");
    let running = step(&opened(true), &act(dispatcher(), AT, to_crew()), &rules).expect("sent");
    let patch = CasePatch { kind: Some(kind("08004")), ..CasePatch::default() };
    let amend = OrderEvent::Amend { patch, reason: why() };
    let amended = step(&running, &act(clerk(), AT + HOUR, amend), &rules).expect("amended");
    assert_eq!(amended.clock(Stage::Handling), running.clock(Stage::Handling));
}

#[test]
fn each_stage_has_its_clock_and_the_inner_one_ends_before_the_outer() {
    let order = after(&[at_work(), vec![(crew(), finish()), (clerk(), pass())]].concat());
    let stages: Vec<(Stage, ClockState)> = order.clocks.iter().map(|c| (c.stage, c.state)).collect();
    let all = [Stage::Outer, Stage::Dispatch, Stage::Receive, Stage::Handling, Stage::Check];
    assert_eq!(stages, all.map(|stage| (stage, ClockState::Done)));
    let rules = rules();
    let mut tight = opened(true);
    tight.external.as_mut().expect("a ticket").deadline = Some(AT + 6 * HOUR);
    let sent = step(&tight, &act(dispatcher(), AT + HOUR, to_crew()), &rules).expect("sent");
    assert_eq!(sent.clock(Stage::Handling).expect("a clock").deadline, AT + 2 * HOUR, "four hours of margin");
}

#[test]
fn a_suspended_order_keeps_what_is_left_and_goes_on_by_itself() {
    let rules = rules();
    let until = AT + 50 * HOUR;
    let acts = [at_work(), vec![(crew(), ask(Wish::Suspend { until: Some(until) })), (clerk(), approve())]].concat();
    let order = after(&acts);
    let before = after(&at_work()).clock(Stage::Handling).cloned().expect("a clock");
    let paused = order.clock(Stage::Handling).expect("a clock");
    assert_eq!((order.state, paused.state), (OrderState::Suspended, ClockState::Paused));
    assert_eq!(order.clock(Stage::Outer).expect("a clock").state, ClockState::Running, "theirs is not ours to stop");
    assert_eq!(next_due(&order, &rules), Some(until));
    assert!(due(&order, until - 1, &rules).is_empty());
    let (_, resume) = due(&order, until, &rules).pop().expect("it goes on");
    let on = step(&order, &act(Actor::hub(), until, resume), &rules).expect("resumed");
    let clock = on.clock(Stage::Handling).expect("a clock");
    assert_eq!((on.state, clock.state), (OrderState::InProgress, ClockState::Running));
    let left = |clock: &Clock, from: i64| rules.calendar.worked(from, clock.deadline);
    assert_eq!(left(clock, until), left(&before, paused.paused_at.expect("paused")), "what was left is left again");
}

#[test]
fn a_first_delay_is_the_desks_a_second_the_leaders() {
    let rules = rules();
    let (first, second) = (AT + 100 * HOUR, AT + 150 * HOUR);
    let wished = [at_work(), vec![(crew(), ask(Wish::Delay { until: first }))]].concat();
    let own = step(&after(&wished), &act(Actor::person("crew", Role::Clerk), AT + HOUR, approve()), &rules);
    assert!(matches!(own, Err(OrderRefusal::Own { .. })), "{own:?}");
    let once = [wished, vec![(clerk(), approve())]].concat();
    let order = after(&once);
    assert_eq!((order.clock(Stage::Handling).expect("a clock").deadline, order.delay_count), (first, 1));
    let twice = [once, vec![(crew(), ask(Wish::Delay { until: second }))]].concat();
    let early = step(&after(&twice), &act(clerk(), AT + HOUR, approve()), &rules);
    assert!(matches!(early, Err(OrderRefusal::Role { .. })), "{early:?}");
    let order = step(&after(&twice), &act(admin(), AT + HOUR, approve()), &rules).expect("the leader may");
    assert_eq!(order.clock(Stage::Handling).expect("a clock").deadline, second);
    let beyond = act(crew(), AT + HOUR, ask(Wish::Delay { until: AT + 999 * HOUR }));
    assert!(step(&order, &beyond, &rules).is_err_and(|r| r.to_string().contains("来单方")));
}

#[test]
fn an_appeal_needs_three_people_and_opens_the_case_again() {
    let rules = rules();
    let closed = [at_work(), vec![(crew(), finish()), (clerk(), pass())]].concat();
    let appealed = [closed, vec![(crew(), ask(Wish::Appeal)), (clerk(), approve())]].concat();
    let twice = step(&after(&appealed), &act(clerk(), AT + HOUR, approve()), &rules);
    assert!(matches!(twice, Err(OrderRefusal::Role { .. })), "{twice:?}");
    let two = [appealed, vec![(dispatcher(), approve())]].concat();
    assert_eq!(after(&two).state, OrderState::Closed);
    let order = step(&after(&two), &act(admin(), AT + HOUR, approve()), &rules).expect("the third");
    assert_eq!((order.state, order.assignee.as_deref()), (OrderState::Filed, None));
    assert_eq!(order.clock(Stage::Dispatch).expect("a clock").state, ClockState::Running);
}

#[test]
fn an_alarm_gets_the_kind_of_its_code_or_class() {
    let trigger = |class: &str, id: &str| OrderTrigger {
        order: OrderId::new("W-1").expect("an id"),
        alarm: greenhub_model::AlarmId::new(id).expect("an id"),
        title: "满溢".into(),
        priority: Priority::P1,
        device: greenhub_model::DeviceId::new("B-1").expect("an id"),
        class: greenhub_model::ids::Class::parse(class).expect("a class"),
        lon: None,
        lat: None,
        sub_district: String::new(),
        at: AT,
    };
    let code = |class, id| open_alarm(&trigger(class, id), &rules()).kind.map(|kind| kind.code);
    assert_eq!(code("environment", "B-1.NOISE_HIGH.7").as_deref(), Some("06028"));
    assert_eq!(code("charger", "B-1.OVER_TEMPERATURE.7").as_deref(), Some("01054"));
    assert_eq!(code("patrol", "B-1.SOS.7"), None);
}

fn anybody() -> impl Strategy<Value = Actor> {
    let people = vec![
        dispatcher(),
        clerk(),
        admin(),
        crew(),
        Actor::person("mate", Role::Crew),
        Actor::person("officer", Role::PatrolOfficer),
        Actor::person("auditor", Role::Auditor),
        Actor::hub(),
    ];
    prop::sample::select(people)
}

fn anything() -> impl Strategy<Value = OrderEvent> {
    let stages = [Stage::Acceptance, Stage::Dispatch, Stage::Receive, Stage::Handling, Stage::Check, Stage::Outer];
    let mut events = samples();
    events.extend([
        ask(Wish::Suspend { until: None }),
        ask(Wish::Suspend { until: Some(AT + 30 * HOUR) }),
        ask(Wish::Appeal),
        ask(Wish::Delay { until: AT + 60 * HOUR }),
        OrderEvent::Dispatch { to: Some(Assignee::Team { team: "crew".into() }), reason: why() },
        OrderEvent::Dispatch { to: None, reason: String::new() },
    ]);
    events.extend(stages.map(|stage| OrderEvent::Warn { stage }));
    events.extend(stages.map(|stage| OrderEvent::Overdue { stage, step: 2 }));
    prop::sample::select(events)
}

/// What holds for every order, and from one to the next.
fn check(before: &Order, after: &Order, event: &OrderEvent) {
    assert_eq!(after.version, before.version + 1);
    assert!(after.updated_at >= before.updated_at && after.state_at <= after.updated_at);
    if before.state == OrderState::Closed {
        assert!(matches!(event.name(), "ask" | "approve" | "deny"), "{} changed a closed order", event.name());
    }
    let alive = |clock: &&Clock| clock.ended_at.is_none();
    for stage in [Stage::Acceptance, Stage::Dispatch, Stage::Receive, Stage::Handling, Stage::Check, Stage::Outer] {
        let running = after.clocks.iter().filter(|clock| clock.stage == stage).filter(alive).count();
        assert!(running <= 1, "{stage:?} runs twice");
        if !after.state.is_open() {
            assert_eq!(running, 0, "{stage:?} runs on in {:?}", after.state);
        }
    }
    for clock in &after.clocks {
        let ordered = clock.started_at <= clock.warn_at && clock.warn_at <= clock.deadline;
        assert!(ordered && clock.ended_at.is_none_or(|end| end >= clock.started_at), "{clock:?}");
        let runs = clock.state == ClockState::Running;
        assert!(after.state != OrderState::Suspended || !runs || clock.stage == Stage::Outer, "{clock:?}");
        assert_eq!(clock.paused_at.is_some(), clock.state == ClockState::Paused);
    }
    for (old, new) in before.clocks.iter().zip(&after.clocks) {
        assert!(new.deadline >= old.deadline && new.started_at == old.started_at, "a deadline came nearer");
        assert!(old.ended_at.is_none() || old == new, "a clock that had ended changed");
    }
    assert_eq!(after.state == OrderState::Merged, after.merged_into.is_some());
    assert_eq!(after.state == OrderState::Suspended, after.suspended_from.is_some());
}

#[test]
fn what_ends_while_it_is_suspended_waits_for_nothing() {
    let (rules, why) = (rules(), || "等待配件".to_owned());
    let (crew, desk) = (Actor::person("crew", Role::Crew), Actor::person("dispatcher", Role::Dispatcher));
    let to = Some(Assignee::Team { team: "crew".into() });
    let acts = [
        (&desk, OrderEvent::Dispatch { to, reason: why() }),
        (&crew, OrderEvent::Accept),
        (&crew, OrderEvent::Ask { wish: Wish::Suspend { until: Some(AT + HOUR) }, reason: why() }),
        (&desk, OrderEvent::Approve { text: String::new() }),
    ];
    let at_rest = acts.into_iter().fold(opened(true), |order, (actor, event)| {
        step(&order, &act(actor.clone(), AT, event), &rules).expect("it may be done")
    });
    assert_eq!((at_rest.state, at_rest.suspended_from), (OrderState::Suspended, Some(OrderState::Accepted)));
    for end in [OrderEvent::Close { reason: why() }, OrderEvent::Cancel { reason: why() }] {
        let ended = step(&at_rest, &act(desk.clone(), AT, end), &rules).expect("it may be done");
        assert!(!ended.state.is_open() && ended.suspended_from.is_none() && ended.suspended_until.is_none());
        assert!(due(&ended, AT + 2 * HOUR, &rules).is_empty(), "the hub does not wake it");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_acts_of_many_people_keep_the_invariants(
        acts in prop::collection::vec((anybody(), anything(), 0i64..3 * HOUR), 1..120),
        filed in any::<bool>(),
    ) {
        let rules = rules();
        let begun = opened(filed);
        let (mut order, mut now, mut stored) = (begun.clone(), AT, Vec::new());
        for (actor, event, wait) in acts {
            now += wait;
            // The clock looks first, as each second.
            for (_, event) in due(&order, now, &rules) {
                let act = act(Actor::hub(), now, event);
                let next = step(&order, &act, &rules).expect("what is due may be done");
                check(&order, &next, &act.event);
                order = next;
                stored.push(act);
            }
            prop_assert!(due(&order, now, &rules).is_empty() && next_due(&order, &rules).is_none_or(|at| at > now));
            let act = act(actor, now, event);
            if let Ok(next) = step(&order, &act, &rules) {
                check(&order, &next, &act.event);
                order = next;
                stored.push(act);
            }
        }
        let folded = stored.iter().try_fold(begun, |order, act| apply(&order, act, &rules)).expect("they happened");
        prop_assert_eq!(folded, order);
    }
}
