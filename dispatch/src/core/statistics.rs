//! The indicators of a period, counted from orders and their acts (综合评价).
//!
//! ```text
//! order + acts ─▶ events of the period ─▶ its group (team, kind, day …) and the total
//! ```
//!
//! A case is due where its handling deadline lies (应处置), whenever it was reported. A handling clock counts as done only
//! where somebody finished: one that ended because the order was given back, recalled or cancelled drops out. A paused
//! clock is not due. A dispatch was right unless the next thing that happened to it was a return. Groups are by how an
//! order stands now; days are those on which things happened.
//!
//! **Bounds.** At most [`GROUPS_MAX`] groups; what is beyond counts in the total only, and the report says that it is
//! not complete. **Cost**: one pass over the acts of each order, nothing is kept of it.

use super::calendar::CompiledCalendar;
use greenhub_model::order::{CaseCategory, ClockState, Order, OrderEntry, OrderEvent, OrderSource, OrderState, Stage};
use greenhub_model::statistics::{OrderFigures, OrderStatistics, StatisticsBy, StatisticsRow};
use std::collections::BTreeMap;

/// Most groups of a report.
pub const GROUPS_MAX: usize = 5_000;
const HOUR_MS: f64 = 3_600_000.0;

/// Counts a period.
pub struct Tally<'a> {
    from: i64,
    to: i64,
    by: Option<StatisticsBy>,
    calendar: &'a CompiledCalendar,
    total: Counts,
    groups: BTreeMap<String, Counts>,
    complete: bool,
}

#[derive(Clone, Default)]
struct Counts {
    figures: OrderFigures,
    handled_ms: f64,
    handled_now: u64,
}

/// What is counted, one by one.
#[derive(Clone, Copy)]
enum Counted {
    Reported,
    Filed,
    Dispatched { right: bool },
    Due { ended: Option<bool> },
    Handled { took_ms: i64 },
    CloseDue { in_time: bool },
    Closed,
    Checked { reworked: bool },
}

impl<'a> Tally<'a> {
    /// An empty report of `from..to` (Unix ms); `to` must not lie ahead of now.
    pub fn new(from: i64, to: i64, by: Option<StatisticsBy>, calendar: &'a CompiledCalendar) -> Self {
        Self { from, to, by, calendar, total: Counts::default(), groups: BTreeMap::new(), complete: true }
    }

    /// Says that not all orders could be read.
    pub fn cut_off(&mut self) {
        self.complete = false;
    }

    /// Counts an order with all its acts in order.
    pub fn add(&mut self, order: &Order, acts: &[OrderEntry]) {
        self.count(order, order.created_at, Counted::Reported);
        if was_filed(order, acts) {
            self.count(order, order.created_at, Counted::Filed);
        }
        for (n, act) in acts.iter().enumerate() {
            match &act.event {
                Some(OrderEvent::Dispatch { .. }) => {
                    let right = !is_returned(&acts[n + 1..]);
                    self.count(order, act.at, Counted::Dispatched { right });
                }
                Some(OrderEvent::Pass { .. }) => self.count(order, act.at, Counted::Checked { reworked: false }),
                Some(OrderEvent::Rework { .. }) => self.count(order, act.at, Counted::Checked { reworked: true }),
                _ => {}
            }
            if act.state == OrderState::Closed && n.checked_sub(1).is_none_or(|b| acts[b].state != OrderState::Closed) {
                self.count(order, act.at, Counted::Closed);
            }
        }
        self.handling(order, acts);
        self.closing(order, acts);
    }

    fn handling(&mut self, order: &Order, acts: &[OrderEntry]) {
        for clock in order.clocks.iter().filter(|clock| clock.stage == Stage::Handling) {
            let finished = |at: i64| acts.iter().any(|act| is_finish(act) && (act.at == at || act.done_at == Some(at)));
            match (clock.state, clock.ended_at) {
                (ClockState::Running, _) => self.count(order, clock.deadline, Counted::Due { ended: None }),
                (ClockState::Paused, _) => {}
                (ended, Some(at)) if finished(at) => {
                    let in_time = ended == ClockState::Done;
                    self.count(order, clock.deadline, Counted::Due { ended: Some(in_time) });
                    self.count(order, at, Counted::Handled { took_ms: at - clock.started_at });
                }
                _ => {}
            }
        }
    }

    fn closing(&mut self, order: &Order, acts: &[OrderEntry]) {
        if matches!(order.state, OrderState::Cancelled | OrderState::Merged | OrderState::Split | OrderState::Rejected)
        {
            return;
        }
        let Some(clock) = order.clock(Stage::Outer).or_else(|| order.clock(Stage::Check)) else { return };
        if clock.state == ClockState::Paused {
            return;
        }
        let closed = acts.iter().find(|act| act.state == OrderState::Closed).map(|act| act.at);
        let in_time = closed.is_some_and(|at| at <= clock.deadline);
        self.count(order, clock.deadline, Counted::CloseDue { in_time });
    }

    fn count(&mut self, order: &Order, at: i64, what: Counted) {
        if at < self.from || at >= self.to {
            return;
        }
        self.total.add(what);
        let Some(by) = self.by else { return };
        let key = key(by, order, at, self.calendar);
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            self.complete = false;
            return;
        }
        self.groups.entry(key).or_default().add(what);
    }

    /// The report; `label` says what a key is for people.
    pub fn report(self, utc_offset_min: i32, label: impl Fn(&str) -> String) -> OrderStatistics {
        let row =
            |(key, counts): (String, Counts)| StatisticsRow { label: label(&key), key, figures: counts.figures() };
        OrderStatistics {
            from: self.from,
            to: self.to,
            by: self.by,
            utc_offset_min,
            total: self.total.figures(),
            rows: self.groups.into_iter().map(row).collect(),
            complete: self.complete,
        }
    }
}

impl Counts {
    fn add(&mut self, what: Counted) {
        let figures = &mut self.figures;
        match what {
            Counted::Reported => figures.reported += 1,
            Counted::Filed => figures.filed += 1,
            Counted::Dispatched { right } => {
                figures.dispatched += 1;
                figures.dispatched_right += u64::from(right);
            }
            Counted::Due { ended } => {
                figures.due += 1;
                match ended {
                    Some(true) => figures.handled_in_time += 1,
                    Some(false) => figures.handled_late += 1,
                    None => figures.overdue += 1,
                }
                figures.handled += u64::from(ended.is_some());
            }
            Counted::Handled { took_ms } => {
                self.handled_ms += took_ms as f64;
                self.handled_now += 1;
            }
            Counted::CloseDue { in_time } => {
                figures.close_due += 1;
                figures.closed_in_time += u64::from(in_time);
            }
            Counted::Closed => figures.closed += 1,
            Counted::Checked { reworked } => {
                figures.checked += 1;
                figures.reworked += u64::from(reworked);
            }
        }
    }

    fn figures(self) -> OrderFigures {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let figures = self.figures;
        OrderFigures {
            filed_share: share(figures.filed, figures.reported),
            dispatched_right_share: share(figures.dispatched_right, figures.dispatched),
            handled_in_time_share: share(figures.handled_in_time, figures.due),
            closed_in_time_share: share(figures.closed_in_time, figures.close_due),
            reworked_share: share(figures.reworked, figures.checked),
            handling_hours: (self.handled_now > 0).then(|| self.handled_ms / HOUR_MS / self.handled_now as f64),
            ..figures
        }
    }
}

fn was_filed(order: &Order, acts: &[OrderEntry]) -> bool {
    use OrderState::*;
    let filed = |state| !matches!(state, Reported | Rejected | Merged | Split | Cancelled);
    filed(order.state) || acts.iter().any(|act| filed(act.state))
}

fn is_returned(after: &[OrderEntry]) -> bool {
    after
        .iter()
        .find_map(|act| match &act.event {
            Some(OrderEvent::Return { .. }) => Some(true),
            Some(OrderEvent::Dispatch { .. } | OrderEvent::Recall { .. } | OrderEvent::Finish { .. }) => Some(false),
            _ => None,
        })
        .unwrap_or(false)
}

fn is_finish(act: &OrderEntry) -> bool {
    matches!(act.event, Some(OrderEvent::Finish { .. } | OrderEvent::Close { .. }))
}

fn key(by: StatisticsBy, order: &Order, at: i64, calendar: &CompiledCalendar) -> String {
    match by {
        StatisticsBy::Team => order.team.clone().unwrap_or_default(),
        StatisticsBy::Kind => order.kind.as_ref().map_or(String::new(), |kind| {
            let category = match kind.category {
                CaseCategory::Component => "component",
                CaseCategory::Matter => "matter",
            };
            format!("{}:{category}:{}", kind.scheme, kind.code)
        }),
        StatisticsBy::SubDistrict => order.sub_district.clone(),
        StatisticsBy::Assignee => order.assignee.clone().unwrap_or_default(),
        StatisticsBy::Source => source_word(order.source).to_owned(),
        StatisticsBy::Day => calendar.day_text(at),
    }
}

fn source_word(source: OrderSource) -> &'static str {
    match source {
        OrderSource::Alarm => "alarm",
        OrderSource::Patrol => "patrol",
        OrderSource::Citizen => "citizen",
        OrderSource::Hotline => "hotline",
        OrderSource::Department => "department",
        OrderSource::CityPlatform => "city_platform",
        OrderSource::Desk => "desk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_model::OrderId;
    use greenhub_model::alarm::Priority;
    use greenhub_model::dispatch::{Calendar, LimitKind};
    use greenhub_model::order::{CaseForm, Clock, Place};

    const HOUR: i64 = 3_600_000;

    fn calendar() -> CompiledCalendar {
        let periods = vec![("09:00".to_owned(), "17:00".to_owned())];
        let (holidays, extra_workdays) = Default::default();
        let calendar = Calendar { utc_offset_min: 480, work_periods: periods, holidays, extra_workdays };
        CompiledCalendar::new(&calendar).expect("a plain calendar")
    }

    /// An order reported at hour `created` with acts `(hour, state, event)` and clocks `(stage, start, deadline, state, end)`.
    fn case(
        created: i64,
        team: &str,
        acts: &[(i64, OrderState, Option<OrderEvent>)],
        clocks: &[(Stage, i64, i64, ClockState, Option<i64>)],
    ) -> (Order, Vec<OrderEntry>) {
        let form = CaseForm {
            source: OrderSource::Hotline,
            external: None,
            title: "t".into(),
            text: String::new(),
            kind: None,
            priority: Priority::P3,
            place: Place::default(),
            reporter: None,
            seen_at: None,
            device: None,
            attachments: vec![],
        };
        let mut order = Order::of_form(OrderId::new("W-1").expect("an id"), form, created * HOUR);
        order.team = Some(team.into());
        order.state = acts.last().map_or(OrderState::Reported, |act| act.1);
        order.clocks = clocks
            .iter()
            .map(|(stage, start, deadline, state, end)| Clock {
                stage: *stage,
                kind: LimitKind::UrgentHour,
                value: 1.0,
                started_at: start * HOUR,
                deadline: deadline * HOUR,
                state: *state,
                paused_at: None,
                warn_at: 0,
                warned: false,
                escalations: 0,
                ended_at: end.map(|end| end * HOUR),
            })
            .collect();
        let entry = |(n, (hour, state, event)): (usize, &(i64, OrderState, Option<OrderEvent>))| OrderEntry {
            version: n as u64,
            at: hour * HOUR,
            done_at: None,
            by: "x".into(),
            state: *state,
            event: event.clone(),
        };
        (order, acts.iter().enumerate().map(entry).collect())
    }

    fn dispatch() -> Option<OrderEvent> {
        Some(OrderEvent::Dispatch { to: None, reason: String::new() })
    }
    fn finish() -> Option<OrderEvent> {
        Some(OrderEvent::Finish { text: String::new(), attachments: vec![] })
    }
    fn pass() -> Option<OrderEvent> {
        Some(OrderEvent::Pass { text: String::new(), attachments: vec![] })
    }
    fn give_back() -> Option<OrderEvent> {
        Some(OrderEvent::Return { reason: "r".into() })
    }

    fn cases() -> Vec<(Order, Vec<OrderEntry>)> {
        use ClockState::*;
        use OrderState::*;
        use Stage::{Check, Handling, Outer};
        let rework = Some(OrderEvent::Rework { reason: "r".into(), attachments: vec![] });
        let cancel = Some(OrderEvent::Cancel { reason: "r".into() });
        vec![
            // In time, closed in time.
            case(
                1,
                "a",
                &[
                    (1, Reported, None),
                    (2, Filed, None),
                    (3, Dispatched, dispatch()),
                    (6, Finished, finish()),
                    (7, Closed, pass()),
                ],
                &[(Handling, 3, 10, Done, Some(6)), (Check, 6, 9, Done, Some(7))],
            ),
            // Sent wrongly, given back, sent again, late; reworked, still open and over.
            case(
                2,
                "b",
                &[
                    (2, Filed, None),
                    (3, Dispatched, dispatch()),
                    (4, Filed, give_back()),
                    (5, Dispatched, dispatch()),
                    (15, Finished, finish()),
                    (16, InProgress, rework),
                ],
                &[
                    (Handling, 3, 9, Done, Some(4)),
                    (Handling, 5, 12, DoneLate, Some(15)),
                    (Check, 15, 18, Done, Some(16)),
                    (Handling, 16, 20, Running, None),
                ],
            ),
            // Before the period, due within; the outer deadline too.
            case(
                -30,
                "a",
                &[(-30, Filed, None), (-29, Dispatched, dispatch())],
                &[(Outer, -30, 22, Running, None), (Handling, -29, 21, Running, None)],
            ),
            // Cancelled: its clock ended without anybody finishing.
            case(3, "a", &[(3, Reported, None), (4, Cancelled, cancel)], &[(Handling, 3, 8, Done, Some(4))]),
            // Paused: not due.
            case(3, "a", &[(3, Filed, None), (4, Suspended, None)], &[(Handling, 3, 8, Paused, None)]),
        ]
    }

    fn counted(by: Option<StatisticsBy>) -> OrderStatistics {
        let calendar = calendar();
        let mut tally = Tally::new(0, 24 * HOUR, by, &calendar);
        for (order, acts) in cases() {
            tally.add(&order, &acts);
        }
        tally.report(480, |key| format!("<{key}>"))
    }

    #[test]
    fn the_indicators_are_those_of_the_standard() {
        let total = counted(None).total;
        let want = OrderFigures {
            reported: 4,
            filed: 3,
            filed_share: Some(0.75),
            dispatched: 3,
            dispatched_right: 2,
            dispatched_right_share: Some(2.0 / 3.0),
            due: 4,
            handled: 2,
            handled_in_time: 1,
            handled_late: 1,
            overdue: 2,
            handled_in_time_share: Some(0.25),
            close_due: 3,
            closed: 1,
            closed_in_time: 1,
            closed_in_time_share: Some(1.0 / 3.0),
            checked: 2,
            reworked: 1,
            reworked_share: Some(0.5),
            handling_hours: Some(6.5),
        };
        assert_eq!(total, want);
    }

    #[test]
    fn groups_add_up_to_the_total() {
        for by in [StatisticsBy::Team, StatisticsBy::Source, StatisticsBy::Day, StatisticsBy::Kind] {
            let report = counted(Some(by));
            let sum = |of: fn(&OrderFigures) -> u64| report.rows.iter().map(|row| of(&row.figures)).sum::<u64>();
            assert_eq!(sum(|f| f.due), report.total.due, "{by:?}");
            assert_eq!(sum(|f| f.reported), report.total.reported, "{by:?}");
            assert_eq!(sum(|f| f.closed), report.total.closed, "{by:?}");
        }
        let keys = |by| counted(Some(by)).rows.into_iter().map(|row| (row.key, row.label)).collect::<Vec<_>>();
        let pair = |key: &str| (key.to_owned(), format!("<{key}>"));
        assert_eq!(keys(StatisticsBy::Team), [pair("a"), pair("b")]);
        // Hours 0 to 15 lie on the first of January in China, the rest on the second.
        assert_eq!(keys(StatisticsBy::Day), [pair("1970-01-01"), pair("1970-01-02")]);
    }

    #[test]
    fn too_many_groups_are_said() {
        let calendar = calendar();
        let mut tally = Tally::new(0, HOUR, Some(StatisticsBy::Team), &calendar);
        for n in 0..=GROUPS_MAX {
            let (order, acts) = case(0, &n.to_string(), &[(0, OrderState::Reported, None)], &[]);
            tally.add(&order, &acts);
        }
        let report = tally.report(480, str::to_owned);
        assert_eq!((report.rows.len(), report.complete), (GROUPS_MAX, false));
        assert_eq!(report.total.reported, GROUPS_MAX as u64 + 1);
    }
}
