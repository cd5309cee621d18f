//! `make field`: 41,827 requests of a city (`tickets_boston311`) through intake form, duplicate proposals, routing and
//! clocks, with the city's own deadlines; what we call overdue is held against what the city did.
//!
//! The set lies outside this repository (`../shared/data`, or `GREENHUB_TEST_FIELD_DATA`). Everything is the pure core: the
//! same functions that the hub calls, with the set's times as arguments. The duplicates of a case are looked for among
//! the cases open when it was reported, in the window that the index of places is asked for. Who handles which kind is
//! learnt from the first two months and tried on the others.

mod set;

use greenhub_dispatch::core::assign::candidates;
use greenhub_dispatch::core::calendar::DAY_MS;
use greenhub_dispatch::core::district::District;
use greenhub_dispatch::core::duplicates::{duplicates, window};
use greenhub_dispatch::core::opening::open_form;
use greenhub_dispatch::core::rules::builtin;
use greenhub_dispatch::core::statistics::Tally;
use greenhub_dispatch::core::{Actor, OrderAct, RulesInForce, step};
use greenhub_model::dispatch::{StaffMember, Team};
use greenhub_model::order::{Assignee, ClockState, Order, OrderEntry, OrderEvent, OrderState, Stage};
use greenhub_model::{OrderId, Role};
use set::Ticket;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Share of its days after which routing is tried, not learnt.
const LEARNT_MS: i64 = 62 * DAY_MS;
/// The weights of duplicates were chosen on the days before: July to September.
const TUNED_MS: i64 = 92 * DAY_MS;
/// A proposal of at least this score is one.
const LIKELY: f64 = 0.6;

#[test]
fn a_city_of_requests_lives_through_the_core() {
    let Some(tickets) = set::read() else {
        eprintln!("skipped: no tickets_boston311 in ../shared/data (or GREENHUB_TEST_FIELD_DATA)");
        return;
    };
    let rules = rules(&tickets);
    let orders = lives(&tickets, &rules);
    assert_eq!(orders.len(), tickets.len(), "no request is lost or refused");
    overdue(&tickets, &orders);
    statistics(&orders, &rules);
    routing(&tickets, &orders, &rules);
    repeats(&tickets, &orders);
}

/// Departments as teams, each with the kinds that were mostly theirs in the first two months, and one person each.
fn rules(tickets: &[Ticket]) -> RulesInForce {
    let first = tickets.iter().map(|ticket| ticket.opened).min().expect("tickets");
    let mut seen: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for ticket in tickets.iter().filter(|ticket| ticket.opened < first + LEARNT_MS) {
        *seen.entry(&ticket.code).or_default().entry(&ticket.department).or_default() += 1;
    }
    let mut codes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (code, departments) in &seen {
        let most = departments.iter().max_by_key(|(_, n)| **n).map(|(department, _)| *department);
        codes.entry(most.expect("somebody handled it")).or_default().insert((*code).to_owned());
    }
    let departments: BTreeSet<&str> = tickets.iter().map(|ticket| ticket.department.as_str()).collect();
    let mut document = builtin();
    document.calendar.utc_offset_min = -240;
    // The city's deadlines are the outer clock as they are.
    document.outer_margin_min = 0;
    // Nobody handles what nobody handled in the first two months.
    let none = || BTreeSet::from(["none".to_owned()]);
    document.teams = departments
        .iter()
        .map(|department| Team {
            id: (*department).to_owned(),
            name: (*department).to_owned(),
            areas: BTreeSet::new(),
            codes: codes.get(department).cloned().unwrap_or_else(none),
            classes: BTreeSet::new(),
            lead: None,
            target: None,
        })
        .collect();
    document.members = departments
        .iter()
        .map(|department| StaffMember {
            user: format!("of-{department}"),
            name: format!("of {department}"),
            team: (*department).to_owned(),
            skills: BTreeSet::new(),
            phone: String::new(),
            device: None,
            backup: None,
        })
        .collect();
    document.review.clear();
    RulesInForce::new(document, Arc::new(District::default())).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")))
}

/// Every ticket from its form to the day it was closed, by the acts of people.
fn lives(tickets: &[Ticket], rules: &RulesInForce) -> Vec<(Order, Vec<OrderEntry>)> {
    let live = |ticket: &Ticket| {
        let id = OrderId::new(&format!("B-{}", ticket.id)).expect("a number");
        let opened = open_form(id, ticket.form(), ("clerk", ticket.opened), false, rules);
        let mut order = opened.unwrap_or_else(|why| panic!("ticket {}: {why}", ticket.id));
        let mut entries = vec![OrderEntry {
            version: 0,
            at: ticket.opened,
            done_at: None,
            by: "clerk".into(),
            state: order.state,
            event: None,
        }];
        let worker = Actor::person(&format!("of-{}", ticket.department), Role::Crew);
        let clerk = Actor::person("clerk", Role::Clerk);
        let desk = Actor::person("desk", Role::Dispatcher);
        let to = Some(Assignee::Team { team: ticket.department.clone() });
        let none = String::new;
        let mut acts = vec![
            (ticket.opened, clerk.clone(), OrderEvent::File { text: none() }),
            (ticket.opened, desk, OrderEvent::Dispatch { to, reason: none() }),
        ];
        if let Some(closed) = ticket.closed {
            acts.push((ticket.opened, worker.clone(), OrderEvent::Accept));
            acts.push((closed, worker.clone(), OrderEvent::Arrive { lon: None, lat: None }));
            acts.push((closed, worker, OrderEvent::Finish { text: none(), attachments: vec![] }));
            acts.push((closed, clerk, OrderEvent::Pass { text: none(), attachments: vec![] }));
        }
        for (n, (at, actor, event)) in acts.into_iter().enumerate() {
            let act = OrderAct {
                order: order.id.clone(),
                request_id: n.to_string(),
                actor,
                at,
                done_at: None,
                version: None,
                event,
            };
            order = step(&order, &act, rules).unwrap_or_else(|why| panic!("ticket {} act {n}: {why}", ticket.id));
            let (by, event) = (act.actor.user, Some(act.event));
            entries.push(OrderEntry { version: order.version, at, done_at: None, by, state: order.state, event });
        }
        (order, entries)
    };
    tickets.iter().map(live).collect()
}

/// What our outer clock says against the set's own word.
fn overdue(tickets: &[Ticket], orders: &[(Order, Vec<OrderEntry>)]) {
    let (mut both, mut ours, mut theirs, mut neither) = (0u32, 0u32, 0u32, 0u32);
    let end = tickets.iter().flat_map(|ticket| [Some(ticket.opened), ticket.closed]).flatten().max().expect("tickets");
    let mut explained = 0;
    for (ticket, (order, _)) in tickets.iter().zip(orders).filter(|(ticket, _)| ticket.target.is_some()) {
        let clock = order.clock(Stage::Outer).expect("a deadline has a clock");
        let late = match clock.state {
            ClockState::DoneLate => true,
            ClockState::Done => false,
            ClockState::Running | ClockState::Paused => clock.deadline < end,
        };
        match (late, ticket.overdue) {
            (true, true) => both += 1,
            (false, false) => neither += 1,
            (true, false) => ours += 1,
            (false, true) => theirs += 1,
        }
        // Both sides are read from the same times; who differs from them is the set's own word.
        let by_times = ticket.closed.unwrap_or(end) > ticket.target.expect("filtered");
        explained += u32::from(late != ticket.overdue && late == by_times);
        assert_eq!(late, by_times, "ticket {}: the clock is the times", ticket.id);
    }
    let all = both + ours + theirs + neither;
    println!("overdue: of {all} with a deadline, ours {}, the set's {}", both + ours, both + theirs);
    println!("overdue: agree on {:.2} %; only ours {ours}, only the set's {theirs}", share(both + neither, all));
    println!("overdue: {explained} differences where the set's own times speak for us");
    assert!(share(both + neither, all) > 97.0, "the clocks tell another story than the city");
}

fn statistics(orders: &[(Order, Vec<OrderEntry>)], rules: &RulesInForce) {
    let from = orders.iter().map(|(order, _)| order.created_at).min().expect("orders");
    let mut tally = Tally::new(from, from + 123 * DAY_MS, None, &rules.calendar);
    orders.iter().for_each(|(order, entries)| tally.add(order, entries));
    let total = tally.report(-240, str::to_owned).total;
    println!(
        "statistics: reported {}, to be closed {}, closed {}, in time {} ({:.1} %)",
        total.reported,
        total.close_due,
        total.closed,
        total.closed_in_time,
        100.0 * total.closed_in_time_share.unwrap_or_default()
    );
    assert_eq!(total.reported as usize, orders.len());
}

/// Whether the first proposal is the department that handled it, in the months that were not learnt.
fn routing(tickets: &[Ticket], orders: &[(Order, Vec<OrderEntry>)], rules: &RulesInForce) {
    let first = tickets.iter().map(|ticket| ticket.opened).min().expect("tickets");
    let (mut tried, mut right, mut nobody) = (0, 0, 0);
    for (ticket, (order, _)) in tickets.iter().zip(orders).filter(|(t, _)| t.opened >= first + LEARNT_MS) {
        tried += 1;
        match candidates(order, &rules.document, &[]).first().map(|candidate| &candidate.to) {
            Some(Assignee::Team { team }) => right += u32::from(*team == ticket.department),
            _ => nobody += 1,
        }
    }
    println!("routing: {tried} of September and October, right {:.2} %, nobody {nobody}", share(right, tried));
    assert!(share(right, tried) > 90.0, "the department that handles a kind is known");
}

/// Proposals against what clerks flagged.
fn repeats(tickets: &[Ticket], orders: &[(Order, Vec<OrderEntry>)]) {
    let mut grid: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    let cell = |lon: f64, lat: f64| ((lon * 200.0).floor() as i64, (lat * 200.0).floor() as i64);
    let by_id: BTreeMap<&str, usize> = tickets.iter().enumerate().map(|(n, ticket)| (ticket.id.as_str(), n)).collect();
    let mut all = Verdict::default();
    let (mut yardstick, mut october) = (Verdict::default(), Verdict::default());
    let first = tickets.iter().map(|ticket| ticket.opened).min().expect("tickets");
    let (mut named, mut found, mut compared) = (0u32, 0u32, 0usize);
    for (n, ticket) in tickets.iter().enumerate() {
        // As it was when reported: open, its text and place those of the form.
        let as_reported = |n: usize| Order { state: OrderState::Filed, ..orders[n].0.clone() };
        let order = as_reported(n);
        let mut near: Vec<usize> = Vec::new();
        if let Some([west, south, east, north]) = window(&order).sides {
            let (a, b) = (cell(west, south), cell(east, north));
            for x in a.0..=b.0 {
                near.extend((a.1..=b.1).filter_map(|y| grid.get(&(x, y))).flatten());
            }
        }
        near.retain(|other| tickets[*other].closed.is_none_or(|closed| closed > ticket.opened));
        compared += near.len();
        let others: Vec<Order> = near.iter().map(|other| as_reported(*other)).collect();
        let proposals = duplicates(&order, &others);
        let likely = proposals.first().is_some_and(|proposal| proposal.score >= LIKELY);
        all.add(likely, ticket.duplicate);
        if matches!(ticket.kind.as_str(), "Street Light Outages" | "Tree Emergencies") {
            yardstick.add(likely, ticket.duplicate);
            if ticket.opened >= first + TUNED_MS {
                october.add(likely, ticket.duplicate);
            }
        }
        let original = ticket.duplicate_of.as_deref().and_then(|id| by_id.get(id));
        if let Some(original) = original.filter(|original| near.contains(original)) {
            named += 1;
            found += u32::from(proposals.iter().any(|proposal| proposal.order == orders[*original].0.id));
        }
        if let (Some(lon), Some(lat)) = (order.lon, order.lat) {
            grid.entry(cell(lon, lat)).or_default().push(n);
        }
    }
    println!("duplicates: {:.1} open cases compared with each report", compared as f64 / tickets.len() as f64);
    println!("duplicates, all kinds: {all}");
    println!("duplicates, street lights and trees: {yardstick}");
    println!("duplicates, street lights and trees, the last month (weights chosen on those before): {october}");
    println!("duplicates: named by the clerk and open near it {named}, proposed {:.1} %", share(found, named));
    assert!(yardstick.f1() > 0.69 && october.f1() > 0.8, "repeats of the same lamp are seen");
    assert!(share(found, named) > 92.0, "what the clerk named is proposed");
}

#[derive(Default)]
struct Verdict {
    hit: u32,
    wrong: u32,
    missed: u32,
}

impl Verdict {
    fn add(&mut self, said: bool, flagged: bool) {
        match (said, flagged) {
            (true, true) => self.hit += 1,
            (true, false) => self.wrong += 1,
            (false, true) => self.missed += 1,
            (false, false) => {}
        }
    }

    fn recall(&self) -> f64 {
        f64::from(self.hit) / f64::from((self.hit + self.missed).max(1))
    }

    fn precision(&self) -> f64 {
        f64::from(self.hit) / f64::from((self.hit + self.wrong).max(1))
    }

    fn f1(&self) -> f64 {
        2.0 * self.precision() * self.recall() / (self.precision() + self.recall()).max(1e-9)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (precision, f1) = (self.precision(), self.f1());
        let flagged = self.hit + self.missed;
        write!(f, "flagged {flagged}, precision {precision:.2}, recall {:.2}, F1 {f1:.2}", self.recall())
    }
}

fn share(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}
