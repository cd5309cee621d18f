//! Counting: facts in, in order; at the end the report and what stands.

use super::frequent::Calls;
use super::{AlarmFact, BIN_CALLS_MAX, BIN_MS, DAY_MS, FLEETING_MS, LEAD_MS, PERIOD_MS_MAX, Question};
use crate::nuisance::flood::Flood;
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::kpi::{FloodSpan, KpiReport, Standing, TrendPoint, TrendWidth};
use greenhub_model::{AlarmCode, AlarmId, DeviceId, Priority};
use std::collections::BTreeMap;

/// Most alarms followed at one time.
const OPEN_MAX: usize = 100_000;
/// Most alarms counted apart.
const KEYS_MAX: usize = 100_000;
/// Most responses measured per priority.
const RESPONSES_MAX: usize = 250_000;
/// Most floods named.
const SPANS_MAX: usize = 500;

pub(super) const PRIORITIES: [Priority; 4] = [Priority::P1, Priority::P2, Priority::P3, Priority::P4];

/// The running count of one question.
#[derive(Debug)]
pub struct Tally {
    pub(super) question: Question,
    pub(super) called: u64,
    pub(super) by_priority: [u64; 4],
    /// Calls per ten minutes of the clock, from the one that holds `from`.
    pub(super) bins: Vec<u32>,
    pub(super) trend: Vec<TrendPoint>,
    pub(super) calls: BTreeMap<(DeviceId, AlarmCode), Calls>,
    pub(super) acknowledged: [Vec<i64>; 4],
    pub(super) returned: [Vec<i64>; 4],
    pub(super) flood_ms: i64,
    pub(super) spans: Vec<FloodSpan>,
    /// Stale alarms per day of the calendar.
    pub(super) stale_days: BTreeMap<i64, u64>,
    pub(super) complete: bool,
    open: BTreeMap<AlarmId, Open>,
    flood: Flood,
    /// Begin of the flood that lasts, and the calls since.
    flooded: Option<(i64, u64)>,
}

/// An alarm that stands.
#[derive(Debug, Clone)]
struct Open {
    standing: Standing,
    active: bool,
    /// Active and shown since then.
    shown_from: Option<i64>,
    /// Called and not acknowledged since then.
    awaits_acknowledgement: Option<i64>,
    /// Called and not returned since then.
    awaits_return: Option<i64>,
    /// Somebody did something about it since it was raised.
    acted_on: bool,
    /// Newest day on which it was counted as stale.
    stale_day: i64,
}

/// What comes of a count.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The report.
    pub report: KpiReport,
    /// What stands at the end of the period, most urgent and oldest first.
    pub standing: Vec<Standing>,
}

impl Tally {
    /// A count that has seen nothing. A period that is too long is cut at its end, and the report says so.
    pub fn new(mut question: Question) -> Self {
        let complete = question.to - question.from <= PERIOD_MS_MAX;
        question.to = question.to.min(question.from.saturating_add(PERIOD_MS_MAX)).max(question.from + 1);
        let bins = (question.to - 1).div_euclid(BIN_MS) - question.from.div_euclid(BIN_MS) + 1;
        let mut tally = Self {
            called: 0,
            by_priority: [0; 4],
            bins: vec![0; usize::try_from(bins).unwrap_or_default()],
            trend: vec![],
            calls: BTreeMap::new(),
            acknowledged: Default::default(),
            returned: Default::default(),
            flood_ms: 0,
            spans: vec![],
            stale_days: BTreeMap::new(),
            complete,
            open: BTreeMap::new(),
            flood: Flood::default(),
            flooded: None,
            question,
        };
        let points = tally.point_of(tally.question.to - 1) + 1;
        let first = tally.point_begin(tally.question.from);
        let point = |n| TrendPoint { at: first + n * tally.width(), called: 0, by_priority: [0; 4], peak: 0 };
        tally.trend = (0..points as i64).map(point).collect();
        tally
    }

    /// Takes a fact: those before the period first, all in order. What lies at or after the end is left out.
    pub fn add(&mut self, fact: &AlarmFact) {
        if fact.at >= self.question.to || !self.question.desk.takes(fact.class, &fact.sub_district) {
            return;
        }
        if fact.called && fact.at >= self.question.from - LEAD_MS {
            self.call(fact);
        }
        self.follow(fact);
    }

    /// Some of what stood before the period was not read: the report says that it is not complete.
    pub fn leave_out(&mut self) {
        self.complete = false;
    }

    /// Reading stopped at `at`: the period ends there.
    pub fn cut(&mut self, at: i64) {
        self.complete = false;
        self.question.to = at.clamp(self.question.from + 1, self.question.to);
        let bins = (self.question.to - 1).div_euclid(BIN_MS) - self.question.from.div_euclid(BIN_MS) + 1;
        self.bins.truncate(usize::try_from(bins).unwrap_or_default());
        let points = self.point_of(self.question.to - 1) + 1;
        self.trend.truncate(points);
    }

    /// Ends the period.
    pub fn finish(mut self) -> Outcome {
        let to = self.question.to;
        self.let_flood_pass(to);
        if let Some((from, called)) = self.flooded.take() {
            self.end_flood((from, called), to, None);
        }
        self.calls.values_mut().for_each(Calls::finish);
        let mut open = std::mem::take(&mut self.open);
        let mut stale = vec![];
        for alarm in open.values_mut() {
            if alarm.shown_from.is_some() && to - alarm.standing.since > DAY_MS {
                stale.push(alarm.standing.clone());
            }
            self.hide(alarm, to);
        }
        let mut standing: Vec<Standing> = open.into_values().map(|open| open.standing).collect();
        standing.sort_by(|a, b| (a.priority, a.since, &a.alarm).cmp(&(b.priority, b.since, &b.alarm)));
        stale.sort_by(|a, b| (a.since, &a.alarm).cmp(&(b.since, &b.alarm)));
        Outcome { report: self.report(stale), standing }
    }

    fn call(&mut self, fact: &AlarmFact) {
        let counts = fact.at >= self.question.from;
        self.let_flood_pass(fact.at);
        if let Some((_, called)) = &mut self.flooded {
            *called += u64::from(counts);
        }
        if let Some(edge) = self.flood.call(&self.question.flood, fact.at) {
            self.flooded = Some((edge.at, if counts { edge.count as u64 } else { 0 }));
        }
        let key = (fact.device.clone(), fact.code.clone());
        let chatter = (self.question.chatter_raises, self.question.chatter_window_ms);
        if self.calls.len() < KEYS_MAX || self.calls.contains_key(&key) {
            let new = || Calls::new(&fact.device_name, &fact.title, fact.alarm.clone());
            self.calls.entry(key).or_insert_with(new).call(fact.at, &fact.alarm, counts, chatter);
        } else {
            self.complete = false;
        }
        if !counts {
            return;
        }
        self.called += 1;
        self.by_priority[fact.priority as usize] += 1;
        let bin = fact.at.div_euclid(BIN_MS) - self.question.from.div_euclid(BIN_MS);
        self.bins[bin as usize] += 1;
        let point = self.point_of(fact.at);
        let point = &mut self.trend[point];
        point.called += 1;
        point.by_priority[fact.priority as usize] += 1;
    }

    fn let_flood_pass(&mut self, now: i64) {
        if let Some(edge) = self.flood.advance(&self.question.flood, now)
            && let Some(flooded) = self.flooded.take()
        {
            self.end_flood(flooded, edge.at, Some(edge.at));
        }
    }

    fn end_flood(&mut self, (began, called): (i64, u64), ended: i64, to: Option<i64>) {
        let from = began.max(self.question.from);
        if ended <= from {
            return;
        }
        self.flood_ms += ended - from;
        if self.spans.len() < SPANS_MAX {
            self.spans.push(FloodSpan { from, to, called });
        }
    }

    fn follow(&mut self, fact: &AlarmFact) {
        let mut open = match self.open.remove(&fact.alarm) {
            Some(open) => open,
            None if fact.state == AlarmState::Normal && fact.kind != AlarmEventKind::Returned => return,
            None if self.open.len() >= OPEN_MAX => {
                self.complete = false;
                return;
            }
            None => Open::new(fact),
        };
        self.respond(&mut open, fact);
        open.standing.state = fact.state;
        open.standing.priority = fact.priority;
        match fact.kind {
            AlarmEventKind::Raised | AlarmEventKind::Repeated | AlarmEventKind::Escalated => {
                if !open.active {
                    open.standing.since = fact.at;
                    open.acted_on = false;
                }
                open.active = true;
            }
            AlarmEventKind::Returned => open.active = false,
            AlarmEventKind::Folded => open.standing.folded = true,
            AlarmEventKind::Unfolded => open.standing.folded = false,
            _ => {}
        }
        let stands = fact.state != AlarmState::Normal;
        let shown = open.active && stands && !is_hidden(fact.state) && !open.standing.folded;
        match (shown, open.shown_from) {
            (true, None) => open.shown_from = Some(fact.at),
            (false, Some(_)) => self.hide(&mut open, fact.at),
            _ => {}
        }
        if stands {
            self.open.insert(fact.alarm.clone(), open);
        }
    }

    /// Measures responses; only those within the period count.
    fn respond(&mut self, open: &mut Open, fact: &AlarmFact) {
        let rank = fact.priority as usize;
        let counts = fact.at >= self.question.from;
        match fact.kind {
            AlarmEventKind::Acknowledged => {
                open.standing.acknowledged = true;
                open.acted_on = true;
                let began = open.awaits_acknowledgement.take();
                measure(&mut self.acknowledged[rank], began.filter(|_| counts), fact.at, &mut self.complete);
            }
            AlarmEventKind::Shelved | AlarmEventKind::RemovedFromService | AlarmEventKind::Reset => {
                open.acted_on = true;
            }
            AlarmEventKind::Returned => {
                let began = open.awaits_return.take();
                measure(&mut self.returned[rank], began.filter(|_| counts), fact.at, &mut self.complete);
                let called = began.filter(|began| fact.at - began <= FLEETING_MS && !open.acted_on);
                let key = (fact.device.clone(), fact.code.clone());
                if let Some(calls) = self.calls.get_mut(&key).filter(|_| called.is_some()) {
                    calls.was_fleeting(&fact.alarm);
                }
            }
            _ => {}
        }
        if fact.called {
            open.standing.called_at = Some(fact.at);
            open.standing.acknowledged = false;
            open.awaits_acknowledgement = Some(fact.at);
            open.awaits_return.get_or_insert(fact.at);
        }
        if fact.state == AlarmState::Acknowledged {
            open.standing.acknowledged = true;
        }
    }

    /// It is shown no longer: if it was stale meanwhile, it counts on each of those days, once.
    fn hide(&mut self, open: &mut Open, at: i64) {
        let Some(shown_from) = open.shown_from.take() else { return };
        let begin = shown_from.max(open.standing.since + DAY_MS).max(self.question.from);
        if at <= begin {
            return;
        }
        let first = self.day_of(begin).max(open.stale_day.saturating_add(1));
        let last = self.day_of(at - 1);
        for day in first..=last {
            *self.stale_days.entry(day).or_default() += 1;
        }
        open.stale_day = open.stale_day.max(last);
    }

    fn offset_ms(&self) -> i64 {
        i64::from(self.question.utc_offset_min) * 60_000
    }

    fn day_of(&self, at: i64) -> i64 {
        (at + self.offset_ms()).div_euclid(DAY_MS)
    }

    fn width(&self) -> i64 {
        match self.question.trend {
            TrendWidth::Hour => 3_600_000,
            TrendWidth::Day => DAY_MS,
        }
    }

    fn point_begin(&self, at: i64) -> i64 {
        at - (at + self.offset_ms()).rem_euclid(self.width())
    }

    /// Index of the point of the trend that holds `at`, which lies in the period.
    pub(super) fn point_of(&self, at: i64) -> usize {
        let from = self.point_begin(self.question.from);
        usize::try_from((at.max(self.question.from) - from) / self.width()).unwrap_or_default()
    }

    pub(super) fn bins_over(&self) -> u64 {
        self.bins.iter().filter(|calls| u64::from(**calls) > BIN_CALLS_MAX).count() as u64
    }
}

impl Open {
    /// An alarm whose beginning was not seen stands since this fact.
    fn new(fact: &AlarmFact) -> Self {
        let standing = Standing {
            alarm: fact.alarm.clone(),
            device: fact.device.clone(),
            device_name: fact.device_name.clone(),
            code: fact.code.clone(),
            title: fact.title.clone(),
            priority: fact.priority,
            sub_district: fact.sub_district.clone(),
            state: fact.state,
            folded: false,
            since: fact.at,
            called_at: None,
            acknowledged: false,
        };
        Self {
            standing,
            active: matches!(fact.state, AlarmState::Unacknowledged | AlarmState::Acknowledged),
            shown_from: None,
            awaits_acknowledgement: None,
            awaits_return: None,
            acted_on: false,
            stale_day: i64::MIN,
        }
    }
}

pub(super) fn is_hidden(state: AlarmState) -> bool {
    matches!(state, AlarmState::Shelved | AlarmState::SuppressedByDesign | AlarmState::OutOfService)
}

fn measure(into: &mut Vec<i64>, began: Option<i64>, ended: i64, complete: &mut bool) {
    let Some(began) = began else { return };
    if into.len() >= RESPONSES_MAX {
        *complete = false;
    } else {
        into.push(ended - began);
    }
}
