//! Measures a batch plan: `cargo run --release -p greenhub-dispatch --example plan [ORDERS] [PEOPLE] [SEED]`.
//!
//! Orders of all priorities over a district of 10 by 10 km, a third with a deadline that is hard to keep; people of four
//! teams, each for some kinds, with 0 to 3 orders in hand. Prints the time taken, lateness, cost, and how far the plan
//! can be from the optimum at most: (cost − bound) / cost.

use greenhub_dispatch::core::assign::plan::{ORDERS_MAX, Task, plan};
use greenhub_dispatch::core::rules::builtin;
use greenhub_model::alarm::Priority;
use greenhub_model::dispatch::{DutyState, StaffMember, StaffView, Team};
use greenhub_model::order::{CaseCategory, CaseForm, CaseKind, Order, OrderSource, Place};
use greenhub_model::{DeviceId, OrderId};
use std::time::Instant;

/// SplitMix64: the same seed gives the same district on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

const CODES: [&str; 4] = ["06042", "06010", "01037", "02001"];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let orders = numbers.next().unwrap_or(ORDERS_MAX as u64);
    let people = numbers.next().unwrap_or(200);
    let seed = numbers.next().unwrap_or(1);
    let mut dice = Dice(seed);
    let place = |dice: &mut Dice| (121.35 + 0.105 * dice.share(), 31.18 + 0.09 * dice.share());
    let mut rules = builtin();
    rules.teams = (0..4).map(team).collect();
    rules.members = (0..people).map(|n| member(n, &mut dice)).collect();
    let staff: Vec<StaffView> = (0..people).map(|n| view(n, place(&mut dice), &mut dice)).collect();
    let cases: Vec<Order> = (0..orders).map(|n| case(n, place(&mut dice), &mut dice)).collect();
    let due = |dice: &mut Dice| match dice.below(3) {
        0 => Some((20 + dice.below(100)) as i64 * 60_000),
        1 => Some((120 + dice.below(600)) as i64 * 60_000),
        _ => None,
    };
    let tasks: Vec<Task<'_>> = cases.iter().map(|order| Task { order, deadline: due(&mut dice) }).collect();
    let began = Instant::now();
    let plan = plan(&tasks, &rules, &staff, 0);
    let took = began.elapsed();
    let late = plan.lines.iter().filter(|line| line.late_min > 0.0).count();
    let gap = if plan.cost > 0.0 { (plan.cost - plan.bound) / plan.cost * 100.0 } else { 0.0 };
    println!("orders {orders}, people {people}, seed {seed}");
    println!("took {took:?}, planned {}, left {}", plan.lines.len(), plan.left.len());
    println!("late {late}, lateness {:.0} min", plan.lateness_min);
    println!("cost {:.0}, bound {:.0}, at most {gap:.1} % above the optimum", plan.cost, plan.bound);
}

fn team(n: usize) -> Team {
    Team {
        id: format!("team-{n}"),
        name: format!("班组 {n}"),
        areas: Default::default(),
        codes: [CODES[n][..2].to_owned(), CODES[(n + 1) % 4][..2].to_owned()].into(),
        classes: Default::default(),
        lead: None,
        target: None,
    }
}

fn member(n: u64, dice: &mut Dice) -> StaffMember {
    StaffMember {
        user: format!("u{n:04}"),
        name: format!("u{n:04}"),
        team: format!("team-{}", dice.below(4)),
        skills: Default::default(),
        phone: String::new(),
        device: None,
        backup: None,
    }
}

fn view(n: u64, place: (f64, f64), dice: &mut Dice) -> StaffView {
    StaffView {
        user: format!("u{n:04}"),
        name: format!("u{n:04}"),
        team: String::new(),
        state: DutyState::Ready,
        on_shift: true,
        since: None,
        lon: Some(place.0),
        lat: Some(place.1),
        fix_at: None,
        device: None::<DeviceId>,
        load: dice.below(4) as u32,
    }
}

fn case(n: u64, place: (f64, f64), dice: &mut Dice) -> Order {
    let code = CODES[dice.below(4) as usize].to_owned();
    let form = CaseForm {
        source: OrderSource::Patrol,
        external: None,
        title: "t".into(),
        text: String::new(),
        kind: Some(CaseKind { scheme: "gbt47678-2026".into(), category: CaseCategory::Matter, code }),
        priority: [Priority::P1, Priority::P2, Priority::P3, Priority::P3, Priority::P4][dice.below(5) as usize],
        place: Place { lon: Some(place.0), lat: Some(place.1), ..Place::default() },
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    };
    Order::of_form(OrderId::new(&format!("W-{n:05}")).expect("plain letters"), form, 0)
}
