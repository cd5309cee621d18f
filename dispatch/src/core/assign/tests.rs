//! Candidates as told, matchings against all permutations, plans against all plans.

use super::matching::{Costs, solve};
use super::plan::{LATE_WEIGHT, ORDERS_MAX, Task, plan};
use super::*;
use greenhub_model::dispatch::Calendar;
use greenhub_model::order::{CaseCategory, CaseForm, CaseKind, OrderSource, Place};
use greenhub_model::{Class, OrderId};
use proptest::prelude::*;

const LON: f64 = 121.42;
const LAT: f64 = 31.22;

fn order(n: usize, code: Option<&str>, priority: Priority, place: Option<(f64, f64)>) -> Order {
    let kind = |code: &str| CaseKind { scheme: "s".into(), category: CaseCategory::Matter, code: code.into() };
    let form = CaseForm {
        source: OrderSource::Patrol,
        external: None,
        title: "t".into(),
        text: String::new(),
        kind: code.map(kind),
        priority,
        place: Place { lon: place.map(|p| LON + p.0), lat: place.map(|p| LAT + p.1), ..Place::default() },
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    };
    Order::of_form(OrderId::new(&format!("W-{n:04}")).expect("an id"), form, 0)
}

fn team(id: &str, codes: &[&str], areas: &[&str]) -> Team {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Team {
        id: id.into(),
        name: format!("{id}班"),
        areas: set(areas),
        codes: set(codes),
        classes: Default::default(),
        lead: None,
        target: None,
    }
}

fn member(user: &str, team: &str, skills: &[&str]) -> StaffMember {
    StaffMember {
        user: user.into(),
        name: user.into(),
        team: team.into(),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        phone: String::new(),
        device: None,
        backup: None,
    }
}

fn view(user: &str, team: &str, place: Option<(f64, f64)>, load: u32, state: DutyState) -> StaffView {
    StaffView {
        user: user.into(),
        name: user.into(),
        team: team.into(),
        state,
        on_shift: state != DutyState::OffShift,
        since: None,
        lon: place.map(|p| LON + p.0),
        lat: place.map(|p| LAT + p.1),
        fix_at: None,
        device: None,
        load,
    }
}

fn rules(teams: Vec<Team>, members: Vec<StaffMember>) -> DispatchRules {
    DispatchRules {
        version: 1,
        calendar: Calendar {
            utc_offset_min: 480,
            work_periods: vec![("09:00".into(), "17:00".into())],
            holidays: Default::default(),
            extra_workdays: Default::default(),
        },
        limits: vec![],
        areas: Default::default(),
        warn_share: 0.7,
        escalate_share: 0.5,
        outer_margin_min: 60,
        teams,
        members,
        roster: vec![],
        review: vec![],
        alarm_kinds: Default::default(),
        class_kinds: Default::default(),
        notices: vec![],
    }
}

fn names(candidates: &[Candidate]) -> Vec<&str> {
    candidates.iter().map(|candidate| candidate.name.as_str()).collect()
}

#[test]
fn the_nearest_who_can_and_may_comes_first_with_reasons() {
    let teams = vec![team("clean", &["06"], &["A"]), team("light", &["01"], &[])];
    let members = vec![
        member("near", "clean", &[]),
        member("far", "clean", &["06042"]),
        member("busy", "clean", &[]),
        member("untrained", "clean", &["06010"]),
        member("off", "clean", &[]),
        member("lamps", "light", &[]),
    ];
    let rules = rules(teams, members);
    use DutyState::*;
    let staff = [
        view("near", "clean", Some((0.001, 0.0)), 0, Ready),
        view("far", "clean", Some((0.03, 0.0)), 0, Ready),
        view("busy", "clean", Some((0.001, 0.0)), 2, Underway),
        view("untrained", "clean", Some((0.0, 0.0)), 0, Ready),
        view("off", "clean", Some((0.0, 0.0)), 0, OffShift),
        view("lamps", "light", Some((0.0, 0.0)), 0, Ready),
    ];
    let mut case = order(1, Some("06042"), Priority::P3, Some((0.0, 0.0)));
    case.sub_district = "A".into();
    let found = candidates(&case, &rules, &staff);
    assert_eq!(names(&found), ["near", "far", "clean班", "busy"]);
    let texts: Vec<_> = found[0].reasons.iter().map(|ground| ground.text.as_str()).collect();
    assert_eq!(texts, ["直线距离 95 米", "clean班的责任区", "在岗待命"]);
    for candidate in &found {
        let sum: f64 = candidate.reasons.iter().map(|ground| ground.share).sum();
        assert!((sum - candidate.cost).abs() < 1e-9, "{}: the reasons add up", candidate.name);
    }
    // The same case as P1: what they have may wait.
    case.priority = Priority::P1;
    assert_eq!(names(&candidates(&case, &rules, &staff))[..2], ["near", "busy"]);
    // Elsewhere it is foreign ground for all.
    case.sub_district = "B".into();
    let foreign = candidates(&case, &rules, &staff);
    assert!(foreign.iter().all(|candidate| candidate.reasons.iter().any(|ground| ground.text.contains("不在"))));
    // Nobody of the team on shift: the team alone.
    let nobody: Vec<StaffView> = staff.iter().map(|v| StaffView { on_shift: false, ..v.clone() }).collect();
    let found = candidates(&case, &rules, &nobody);
    assert_eq!(names(&found), ["clean班"]);
    assert!(found[0].reasons.iter().any(|ground| ground.text.contains("无人在岗")));
}

#[test]
fn a_device_class_finds_its_team_without_a_kind() {
    let mut lights = team("light", &["01"], &[]);
    lights.classes = [Class::Light].into();
    let rules = rules(vec![lights, team("clean", &["06"], &[])], vec![]);
    let mut case = order(1, Some("99001"), Priority::P2, None);
    assert!(candidates(&case, &rules, &[]).is_empty());
    case.class = Some(Class::Light);
    assert_eq!(names(&candidates(&case, &rules, &[])), ["light班"]);
}

#[test]
fn only_another_choice_than_the_first_needs_a_reason() {
    let candidate =
        |to: Assignee| Candidate { to, name: String::new(), cost: 0.0, distance_m: None, load: 0, reasons: vec![] };
    let (person, team) =
        (|user: &str| Assignee::Person { user: user.into() }, |id: &str| Assignee::Team { team: id.into() });
    let cases = [
        (vec![], person("a"), false),
        (vec![person("a"), person("b")], person("a"), false),
        (vec![person("a"), person("b")], person("b"), true),
        (vec![person("a")], team("t"), true),
        (vec![team("t")], person("a"), false),
        (vec![team("t"), person("a")], person("b"), false),
        (vec![team("t")], team("u"), false),
    ];
    for (proposals, to, want) in cases {
        let proposals: Vec<_> = proposals.into_iter().map(candidate).collect();
        assert_eq!(overrides(&to, &proposals), want, "{to:?} of {proposals:?}");
    }
}

/// The cheapest matching by trying everything.
fn brute(table: &[Vec<f64>], leave: &[f64], row: usize, taken: &mut Vec<bool>) -> f64 {
    let Some(costs) = table.get(row) else { return 0.0 };
    let mut best = leave[row] + brute(table, leave, row + 1, taken);
    for (column, cost) in costs.iter().enumerate() {
        if !taken[column] && cost.is_finite() {
            taken[column] = true;
            best = best.min(cost + brute(table, leave, row + 1, taken));
            taken[column] = false;
        }
    }
    best
}

/// The cheapest plan by trying every way to give out and to go, told by the definition of its cost.
fn cheapest(tasks: &[Task<'_>], staff: &[StaffView]) -> f64 {
    fn go(tasks: &[Task<'_>], staff: &[StaffView], next: usize, queues: &mut Vec<Vec<usize>>) -> f64 {
        if next == tasks.len() {
            return (0..staff.len()).map(|p| queue_cost(tasks, &staff[p], &queues[p])).sum();
        }
        let mut best = f64::INFINITY;
        for p in 0..staff.len() {
            for at in 0..=queues[p].len() {
                queues[p].insert(at, next);
                best = best.min(go(tasks, staff, next + 1, queues));
                queues[p].remove(at);
            }
        }
        best
    }
    go(tasks, staff, 0, &mut vec![vec![]; staff.len()])
}

fn queue_cost(tasks: &[Task<'_>], view: &StaffView, queue: &[usize]) -> f64 {
    let mut at = place_of_view(view);
    let (mut clock, mut aside, mut cost) = (0.0, true, 0.0);
    clock += f64::from(view.load) * ASIDE_MIN;
    for j in queue {
        let order = tasks[*j].order;
        if aside && order.priority != Priority::P1 {
            clock += f64::from(view.load) * (SERVICE_MIN - ASIDE_MIN);
            aside = false;
        }
        let place = place_of(order);
        clock += match (at, place) {
            (Some(a), Some(b)) => way_min(a.distance_m(b)),
            _ => UNKNOWN_WAY_MIN,
        };
        let weight = match order.priority {
            Priority::P1 => 3.0,
            Priority::P2 => 2.0,
            _ => 1.0,
        };
        let due = tasks[*j].deadline.map(|deadline| (deadline as f64 / 60_000.0).max(0.0));
        let late = due.map_or(0.0, |due| (clock + SERVICE_MIN - due).max(0.0));
        let fixed = if view.state == DutyState::Offline { OFFLINE_MIN } else { 0.0 };
        cost += weight * (clock + LATE_WEIGHT * late) + fixed;
        clock += SERVICE_MIN;
        at = place.or(at);
    }
    cost
}

fn spot() -> impl Strategy<Value = Option<(f64, f64)>> {
    let known = (-0.05..0.05f64, -0.05..0.05f64).prop_map(Some);
    prop_oneof![6 => known, 1 => Just(None)]
}

type Wish = (Option<(f64, f64)>, u8, Option<i64>);

fn wishes(most: usize) -> impl Strategy<Value = Vec<Wish>> {
    proptest::collection::vec((spot(), 0..4u8, proptest::option::of(-60..400i64)), 0..=most)
}

/// Place, orders in hand, heard of.
type Somebody = (Option<(f64, f64)>, u32, bool);

fn people(most: usize) -> impl Strategy<Value = Vec<Somebody>> {
    proptest::collection::vec((spot(), 0..3u32, any::<bool>()), 1..=most)
}

fn priority(n: u8) -> Priority {
    [Priority::P1, Priority::P2, Priority::P3, Priority::P4][usize::from(n)]
}

fn stage(people: &[Somebody]) -> (DispatchRules, Vec<StaffView>) {
    let members = (0..people.len()).map(|n| member(&format!("u{n:03}"), "t", &[])).collect();
    let staff = people.iter().enumerate().map(|(n, (place, load, heard))| {
        let state = if *heard { DutyState::Ready } else { DutyState::Offline };
        view(&format!("u{n:03}"), "t", *place, *load, state)
    });
    (rules(vec![team("t", &[], &[])], members), staff.collect())
}

fn orders(wishes: &[Wish]) -> Vec<Order> {
    wishes.iter().enumerate().map(|(n, (place, p, _))| order(n, None, priority(*p), *place)).collect()
}

fn tasks<'a>(orders: &'a [Order], wishes: &[Wish]) -> Vec<Task<'a>> {
    let due = |wish: &Wish| wish.2.map(|minutes| minutes * 60_000);
    orders.iter().zip(wishes).map(|(order, wish)| Task { order, deadline: due(wish) }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_matching_is_the_cheapest_of_all(
        rows in 0..6usize, columns in 0..6usize, cells in proptest::collection::vec(0..40u32, 36),
        leave in proptest::collection::vec(0..60u32, 6),
    ) {
        let cost = |r: usize, c: usize| match cells[r * 6 + c] {
            n @ 0..30 => f64::from(n),
            _ => f64::INFINITY,
        };
        let table: Vec<Vec<f64>> = (0..rows).map(|r| (0..columns).map(|c| cost(r, c)).collect()).collect();
        let leave: Vec<f64> = leave[..rows].iter().map(|price| f64::from(*price)).collect();
        let mut costs = Costs::new(rows, columns);
        for (r, row) in table.iter().enumerate() {
            for (c, cost) in row.iter().enumerate().filter(|(_, cost)| cost.is_finite()) {
                costs.set(r, c, *cost);
            }
        }
        let got = solve(&costs, &leave);
        let want = brute(&table, &leave, 0, &mut vec![false; columns]);
        prop_assert!((got.cost - want).abs() < 1e-9, "{} is not {want}", got.cost);
        prop_assert!((got.bound - want).abs() < 1e-9, "the dual {} proves {want}", got.bound);
        let mut columns: Vec<_> = got.column.iter().flatten().collect();
        let all = columns.len();
        columns.sort_unstable();
        columns.dedup();
        prop_assert_eq!(columns.len(), all, "a column twice");
    }

    #[test]
    fn a_plan_lies_between_its_bound_and_what_trying_everything_finds(wishes in wishes(4), people in people(3)) {
        let (rules, staff) = stage(&people);
        let orders = orders(&wishes);
        let tasks = tasks(&orders, &wishes);
        let plan = plan(&tasks, &rules, &staff, 0);
        let best = cheapest(&tasks, &staff);
        prop_assert_eq!(plan.lines.len() + plan.left.len(), tasks.len());
        prop_assert!(plan.left.is_empty());
        prop_assert!(plan.bound <= best + 1e-6, "bound {} is above the optimum {best}", plan.bound);
        prop_assert!(plan.cost >= best - 1e-6, "cost {} is below the optimum {best}", plan.cost);
        prop_assert!(plan.cost <= best * 1.35 + 1e-6, "cost {} is far from the optimum {best}", plan.cost);
        for line in &plan.lines {
            let sum: f64 = line.candidate.reasons.iter().map(|ground| ground.share).sum();
            prop_assert!((sum - line.candidate.cost).abs() < 1e-9);
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_its_input(wishes in wishes(12), people in people(4)) {
        let (rules, mut staff) = stage(&people);
        let orders = orders(&wishes);
        let mut tasks = tasks(&orders, &wishes);
        let first = plan(&tasks, &rules, &staff, 0);
        tasks.reverse();
        staff.reverse();
        prop_assert_eq!(plan(&tasks, &rules, &staff, 0), first);
    }

}

#[test]
fn one_each_is_exact() {
    // Greedy would send u000 to the first order, and u001 the long way to the second.
    let (rules, staff) = stage(&[(Some((0.0, 0.0)), 0, true), (Some((-0.02, 0.0)), 0, true)]);
    let wishes: Vec<Wish> = vec![(Some((-0.005, 0.0)), 2, None), (Some((0.01, 0.0)), 2, None)];
    let orders = orders(&wishes);
    let plan = plan(&tasks(&orders, &wishes), &rules, &staff, 0);
    let given: Vec<_> = plan.lines.iter().map(|line| line.candidate.name.as_str()).collect();
    assert_eq!(given, ["u001", "u000"]);
    assert!((plan.cost - plan.bound).abs() < 1e-3, "{} and {}", plan.cost, plan.bound);
}

#[test]
fn what_cannot_be_planned_says_why() {
    let (mut rules, staff) = stage(&[(Some((0.0, 0.0)), 0, true)]);
    rules.teams[0].codes = ["06".to_owned()].into();
    let mut all: Vec<Order> = (0..7).map(|n| order(n, Some("06010"), Priority::P3, Some((0.0, 0.0)))).collect();
    all.push(order(7, Some("01001"), Priority::P3, Some((0.0, 0.0))));
    let tasks: Vec<_> = all.iter().map(|order| Task { order, deadline: None }).collect();
    let out = plan(&tasks, &rules, &staff, 0);
    assert_eq!(out.lines.len(), 5);
    let why: Vec<_> = out.left.iter().map(|(_, why)| why.split_once('，').map_or(why.as_str(), |(a, _)| a)).collect();
    let full = "能处理的人员都已排满（每人最多 5 件）";
    assert_eq!(why, [full, full, "没有在岗且能处理该类问题的人员"]);
    let many: Vec<Order> = (0..=ORDERS_MAX).map(|n| order(n, Some("01001"), Priority::P3, None)).collect();
    let many: Vec<_> = many.iter().map(|order| Task { order, deadline: None }).collect();
    assert_eq!(plan(&many, &rules, &staff, 0).left.len(), ORDERS_MAX + 1);
    assert!(plan(&[], &rules, &[], 0).lines.is_empty());
}
