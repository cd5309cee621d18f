//! Many orders given out at once (批量派单) so that together they are least late.
//!
//! ```text
//! 1  relax   person × place in their queue = column ─ matching ─▶ bound: no plan costs less
//! 2  round   everybody's orders of that matching, in their best sequence with the real ways between them
//! 3  improve move one order, or swap two, to another queue or place, while it pays
//! ```
//!
//! **Cost of a plan**, in minutes: for each order its weight times the minutes until somebody is there, plus what else
//! counts for that person (area, skill, state), plus [`LATE_WEIGHT`] times the weighted minutes that the work ends after
//! its deadline, or after now where the deadline is over: what is late already no plan can help. Weights: P1 3, P2 2,
//! others 1.
//!
//! **Bound.** In the k-th place of a queue an order is reached no sooner than by the straight way there after k other
//! works: ways are metric, so no detour is shorter. Each place is taken once, hence the matching of orders to places at
//! these least costs is a relaxation, and its dual value bounds every plan. Where the matching gives nobody a second
//! order it is the plan, and optimal: cost and bound are equal.
//!
//! **Bounds.** At most [`ORDERS_MAX`] orders, [`QUEUE_MAX`] new ones for each person, [`PASSES_MAX`] passes. Input order
//! does not matter: orders go by id, people by name.

use super::matching::{Costs, solve};
use super::{
    SERVICE_MIN, UNKNOWN_WAY_MIN, handles, is_trained, load_ground, place_of, place_of_view, standing_grounds,
    waiting_min, way_ground, way_min,
};
use crate::core::limits::limit_of;
use crate::core::rules::RulesInForce;
use greenhub_model::OrderId;
use greenhub_model::alarm::Priority;
use greenhub_model::dispatch::{Candidate, DispatchRules, Ground, Plan, PlanLine, StaffView};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::{Assignee, ClockState, Order, Stage};
use std::collections::BTreeMap;

/// Most orders of one plan.
pub const ORDERS_MAX: usize = 500;
/// Most new orders that one plan gives to one person.
pub const QUEUE_MAX: usize = 5;
/// A minute late counts like so many minutes of waiting.
pub const LATE_WEIGHT: f64 = 20.0;
/// Most passes of improvement.
pub const PASSES_MAX: usize = 30;

/// Left out costs more than anything that can be planned, so that nobody is left while somebody can go.
const LEAVE: f64 = 1e7;
const MINUTE_MS: f64 = 60_000.0;

/// An order to be given out, and when its handling should end (Unix ms) where that is known.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The order.
    pub order: &'a Order,
    /// End of handling wanted, Unix ms.
    pub deadline: Option<i64>,
}

/// When the handling of an order should end: its running handling clock, or the limit that a dispatch at `now` begins,
/// and in any case before an outer deadline by the margin of the rules.
pub fn deadline_of(order: &Order, now: i64, rules: &RulesInForce) -> Option<i64> {
    let running = order.clock(Stage::Handling).filter(|clock| clock.state == ClockState::Running);
    let limit = limit_of(Stage::Handling, order, now, rules);
    let inner = match running {
        Some(clock) => Some(clock.deadline),
        None => limit.map(|(kind, value)| rules.calendar.deadline(now, kind, value)),
    };
    let margin = i64::from(rules.document.outer_margin_min) * 60_000;
    let outer = order.external.as_ref().and_then(|external| external.deadline).map(|outer| outer - margin);
    match (inner, outer) {
        (Some(inner), Some(outer)) => Some(inner.min(outer)),
        (inner, outer) => inner.or(outer),
    }
}

/// A plan for these orders, at most [`ORDERS_MAX`] of them; more are left with that reason.
pub fn plan(tasks: &[Task<'_>], rules: &DispatchRules, staff: &[StaffView], now: i64) -> Plan {
    let desk = Desk::new(tasks, rules, staff, now);
    let (mut queues, bound) = desk.relaxed();
    desk.improve(&mut queues);
    desk.told(&queues, bound)
}

struct Job<'a> {
    order: &'a Order,
    place: Option<LonLat>,
    /// Minutes from now.
    due: Option<f64>,
    weight: f64,
    /// By person: what counts whatever the queue; none where they cannot take it.
    fixed: Vec<Option<f64>>,
    /// People who can, nearest first.
    near: Vec<usize>,
}

struct Person<'a> {
    view: &'a StaffView,
    place: Option<LonLat>,
}

/// Jobs of one person, by index, in the order they are gone to.
type Queue = Vec<usize>;

struct Desk<'a> {
    jobs: Vec<Job<'a>>,
    people: Vec<Person<'a>>,
    rules: &'a DispatchRules,
    left: Vec<(OrderId, String)>,
    /// Minutes from person to job, then from job to job: looked up many times while improving.
    to_job: Vec<f64>,
    between: Vec<f64>,
}

fn weight(priority: Priority) -> f64 {
    match priority {
        Priority::P1 => 3.0,
        Priority::P2 => 2.0,
        _ => 1.0,
    }
}

impl<'a> Desk<'a> {
    fn new(tasks: &[Task<'a>], rules: &'a DispatchRules, staff: &'a [StaffView], now: i64) -> Self {
        let mut people: Vec<Person<'a>> =
            staff.iter().filter(|view| view.on_shift).map(|view| Person { view, place: place_of_view(view) }).collect();
        people.sort_by(|a, b| a.view.user.cmp(&b.view.user));
        people.dedup_by(|a, b| a.view.user == b.view.user);
        let mut sorted: Vec<Task<'a>> = tasks.to_vec();
        sorted.sort_by(|a, b| a.order.id.cmp(&b.order.id));
        sorted.dedup_by(|a, b| a.order.id == b.order.id);
        let mut desk = Desk { jobs: vec![], people, rules, left: vec![], to_job: vec![], between: vec![] };
        let members: BTreeMap<&str, _> = rules.members.iter().map(|m| (m.user.as_str(), m)).collect();
        let teams: BTreeMap<&str, _> = rules.teams.iter().map(|t| (t.id.as_str(), t)).collect();
        for task in sorted {
            if desk.jobs.len() >= ORDERS_MAX {
                desk.left.push((task.order.id.clone(), format!("一次最多安排 {ORDERS_MAX} 件，请分批进行")));
                continue;
            }
            let fixed: Vec<Option<f64>> = desk
                .people
                .iter()
                .map(|person| {
                    let member = members.get(person.view.user.as_str())?;
                    let team = teams.get(member.team.as_str())?;
                    let fits = handles(team, task.order) && is_trained(member, task.order);
                    let grounds = || standing_grounds(task.order, team, member, person.view);
                    fits.then(|| grounds().iter().map(|ground| ground.share).sum())
                })
                .collect();
            if fixed.iter().all(Option::is_none) {
                desk.left.push((task.order.id.clone(), "没有在岗且能处理该类问题的人员，请派给班组或调整排班".into()));
                continue;
            }
            let mut job = Job {
                order: task.order,
                place: place_of(task.order),
                due: task.deadline.map(|deadline| (deadline - now) as f64 / MINUTE_MS),
                weight: weight(task.order.priority),
                fixed,
                near: Vec::new(),
            };
            let mut near: Vec<(f64, usize)> =
                (0..desk.people.len()).filter_map(|p| Some((desk.least(&job, p, 0)? + job.fixed[p]?, p))).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            job.near = near.into_iter().map(|(_, p)| p).collect();
            desk.jobs.push(job);
        }
        let places = || desk.jobs.iter().map(|job| job.place);
        desk.to_job = desk.people.iter().flat_map(|person| places().map(|to| leg(person.place, to))).collect();
        desk.between = desk.jobs.iter().flat_map(|job| places().map(|to| leg(job.place, to))).collect();
        desk
    }

    /// The least that an order in the k-th place of a person's queue can cost, without what is fixed.
    fn least(&self, job: &Job<'_>, person: usize, place: usize) -> Option<f64> {
        job.fixed[person]?;
        let person = &self.people[person];
        let way = leg(person.place, job.place);
        let arrival = waiting_min(person.view.load, job.order.priority) + place as f64 * SERVICE_MIN + way;
        Some(price(job, arrival))
    }

    /// The matching of orders to places in queues, as queues in order of their places, and the bound.
    fn relaxed(&self) -> (Vec<Queue>, f64) {
        // A place further back never costs less, so no more places than orders can be of use.
        let places = QUEUE_MAX.min(self.jobs.len());
        let mut costs = Costs::new(self.jobs.len(), self.people.len() * places);
        // Skills may make a price negative; a constant for each row changes no choice.
        let shift = self.shift();
        for (j, job) in self.jobs.iter().enumerate() {
            for p in 0..self.people.len() {
                let Some(fixed) = job.fixed[p] else { continue };
                for k in 0..places {
                    if let Some(least) = self.least(job, p, k) {
                        costs.set(j, k * self.people.len() + p, least + fixed + shift);
                    }
                }
            }
        }
        let matching = solve(&costs, &vec![LEAVE; self.jobs.len()]);
        let mut queues: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.people.len()];
        let mut left = 0;
        for (j, column) in matching.column.iter().enumerate() {
            match column {
                Some(column) => queues[column % self.people.len()].push((column / self.people.len(), j)),
                None => left += 1,
            }
        }
        let mut sequences: Vec<Queue> = Vec::new();
        for mut queue in queues {
            queue.sort_unstable();
            sequences.push(queue.into_iter().map(|(_, j)| j).collect());
        }
        let served = self.jobs.len() - left;
        // What sums of large numbers round to must not lift the bound above a plan.
        let bound = matching.bound - shift * served as f64 - LEAVE * left as f64;
        (sequences, bound - 1e-5 * (1 + left) as f64)
    }

    fn shift(&self) -> f64 {
        let least = self.jobs.iter().flat_map(|job| job.fixed.iter().flatten()).fold(0.0f64, |a, b| a.min(*b));
        -least
    }

    /// Arrivals of a queue, minutes from now.
    fn arrivals(&self, person: usize, queue: &[usize], mut each: impl FnMut(usize, f64)) {
        let load = self.people[person].view.load;
        let mut now = waiting_min(load, Priority::P1);
        // What a P1 made them put aside is done before the first order of another priority.
        let mut aside = waiting_min(load, Priority::P3) - now;
        // The last job that has a place; before the first one they are where they are.
        let mut at: Option<usize> = None;
        for j in queue {
            let job = &self.jobs[*j];
            if job.order.priority != Priority::P1 {
                now += std::mem::take(&mut aside);
            }
            now += match at {
                None => self.to_job[person * self.jobs.len() + j],
                Some(before) => self.between[before * self.jobs.len() + j],
            };
            each(*j, now);
            now += SERVICE_MIN;
            at = if job.place.is_some() { Some(*j) } else { at };
        }
    }

    fn cost_of(&self, person: usize, queue: &[usize]) -> f64 {
        let mut cost = 0.0;
        let mut fits = true;
        self.arrivals(person, queue, |j, arrival| match self.jobs[j].fixed[person] {
            Some(fixed) => cost += price(&self.jobs[j], arrival) + fixed,
            None => fits = false,
        });
        if fits { cost } else { f64::INFINITY }
    }

    /// Moves and swaps while they pay.
    fn improve(&self, queues: &mut [Queue]) {
        let mut costs: Vec<f64> = (0..queues.len()).map(|p| self.cost_of(p, &queues[p])).collect();
        for _pass in 0..PASSES_MAX {
            let mut better = false;
            for p in 0..queues.len() {
                better |= self.resequence(p, &mut queues[p], &mut costs[p]);
            }
            for j in 0..self.jobs.len() {
                better |= self.move_or_swap(j, queues, &mut costs);
            }
            if !better {
                return;
            }
        }
    }

    /// The best place of each order within its own queue.
    fn resequence(&self, person: usize, queue: &mut Queue, cost: &mut f64) -> bool {
        let mut better = false;
        for from in 0..queue.len() {
            for to in 0..queue.len() {
                let mut other = queue.clone();
                let job = other.remove(from);
                other.insert(to, job);
                let there = self.cost_of(person, &other);
                if there < *cost - 1e-9 {
                    (*queue, *cost, better) = (other, there, true);
                }
            }
        }
        better
    }

    fn move_or_swap(&self, j: usize, queues: &mut [Queue], costs: &mut [f64]) -> bool {
        let Some((p, from)) = queues.iter().enumerate().find_map(|(p, q)| Some((p, q.iter().position(|x| *x == j)?)))
        else {
            return false;
        };
        let mut without = queues[p].clone();
        without.remove(from);
        let without_cost = self.cost_of(p, &without);
        let mut best: Option<(f64, usize, Queue, Queue)> = None;
        let mut offer = |gain: f64, to: usize, ours: &Queue, theirs: Queue| {
            if gain > 1e-9 && best.as_ref().is_none_or(|(most, ..)| gain > *most) {
                best = Some((gain, to, ours.clone(), theirs));
            }
        };
        for to in self.jobs[j].near.iter().copied().filter(|to| *to != p).take(NEIGHBOURS) {
            let before = costs[p] + costs[to];
            if queues[to].len() < QUEUE_MAX {
                for place in 0..=queues[to].len() {
                    let mut theirs = queues[to].clone();
                    theirs.insert(place, j);
                    offer(before - without_cost - self.cost_of(to, &theirs), to, &without, theirs);
                }
            }
            for place in 0..queues[to].len() {
                let mut theirs = queues[to].clone();
                let back = std::mem::replace(&mut theirs[place], j);
                let theirs_cost = self.cost_of(to, &theirs);
                for at in 0..=without.len() {
                    let mut ours = without.clone();
                    ours.insert(at, back);
                    offer(before - self.cost_of(p, &ours) - theirs_cost, to, &ours, theirs.clone());
                }
            }
        }
        let Some((_, to, ours, theirs)) = best else { return false };
        (queues[p], queues[to]) = (ours, theirs);
        (costs[p], costs[to]) = (self.cost_of(p, &queues[p]), self.cost_of(to, &queues[to]));
        true
    }

    fn told(mut self, queues: &[Queue], bound: f64) -> Plan {
        let mut planned = vec![false; self.jobs.len()];
        let (mut lines, mut cost, mut lateness) = (Vec::new(), 0.0, 0.0);
        for (p, queue) in queues.iter().enumerate() {
            cost += self.cost_of(p, queue);
            let mut arrivals = Vec::new();
            self.arrivals(p, queue, |j, arrival| arrivals.push((j, arrival)));
            for (place, (j, arrival)) in arrivals.into_iter().enumerate() {
                planned[j] = true;
                let late_min = late(&self.jobs[j], arrival);
                lateness += late_min;
                lines.push(PlanLine {
                    order: self.jobs[j].order.id.clone(),
                    candidate: self.candidate(p, j, place, arrival),
                    late_min,
                });
            }
        }
        lines.sort_by(|a, b| a.order.cmp(&b.order));
        for (job, _) in self.jobs.iter().zip(&planned).filter(|(_, planned)| !**planned) {
            let why = format!("能处理的人员都已排满（每人最多 {QUEUE_MAX} 件），请分批进行");
            self.left.push((job.order.id.clone(), why));
        }
        self.left.sort();
        Plan { lines, left: self.left, lateness_min: lateness, cost, bound: bound.min(cost) }
    }

    fn candidate(&self, p: usize, j: usize, place: usize, arrival: f64) -> Candidate {
        let (person, job) = (&self.people[p], &self.jobs[j]);
        let distance = person.place.zip(job.place).map(|(a, b)| a.distance_m(b));
        let mut reasons = vec![way_ground(distance)];
        reasons.extend(load_ground(person.view.load, job.order.priority));
        let alone: f64 = reasons.iter().map(|ground| ground.share).sum();
        if place > 0 {
            let text = format!("排在其本批第 {} 件，先处理前面的工单", place + 1);
            reasons.push(Ground { text, share: arrival - alone });
        }
        let member = self.rules.members.iter().find(|member| member.user == person.view.user);
        let team = member.and_then(|member| self.rules.teams.iter().find(|team| team.id == member.team));
        if let (Some(member), Some(team)) = (member, team) {
            reasons.extend(standing_grounds(job.order, team, member, person.view));
        }
        Candidate {
            to: Assignee::Person { user: person.view.user.clone() },
            name: person.view.name.clone(),
            cost: reasons.iter().map(|ground| ground.share).sum(),
            distance_m: distance,
            load: person.view.load,
            reasons,
        }
    }
}

/// People looked at when an order is moved.
const NEIGHBOURS: usize = 12;

/// Minutes from one place to the next. What has no place is a fixed way off, and leaves one where one was.
fn leg(from: Option<LonLat>, to: Option<LonLat>) -> f64 {
    match (from, to) {
        (Some(from), Some(to)) => way_min(from.distance_m(to)),
        _ => UNKNOWN_WAY_MIN,
    }
}

fn late(job: &Job<'_>, arrival: f64) -> f64 {
    job.due.map_or(0.0, |due| (arrival + SERVICE_MIN - due).max(0.0))
}

fn price(job: &Job<'_>, arrival: f64) -> f64 {
    let avoidable = job.due.map_or(0.0, |due| (arrival + SERVICE_MIN - due.max(0.0)).max(0.0));
    job.weight * (arrival + LATE_WEIGHT * avoidable)
}
