//! The clocks of an order: one for each stage it is in, and what they say when time goes by.
//!
//! ```text
//! started ────────────────▶ warn_at ──────▶ deadline ──▶ + share ──▶ + share …
//!          running             warn          overdue 1     overdue 2     at most ESCALATIONS_MAX
//!          └─ pause ─ resume: what was left then is left again
//! ```
//!
//! A clock keeps the limit in force when it began. All clocks stand while an order is suspended, but the outer one: what
//! another system wants is not ours to stop. Times only move forward, and a clock that ended never runs again; a stage
//! that begins again gets a new clock. Who was down for long tells the newest step that is due, not all in between.
//!
//! **Cost.** [`next_due`] looks at the running clocks, at most one for each stage.

use super::limits::limit_of;
use super::rules::RulesInForce;
use greenhub_model::dispatch::LimitKind;
use greenhub_model::order::{Clock, ClockState, Order, OrderEvent, OrderState, Stage};

/// Most steps that one clock tells after its deadline.
pub const ESCALATIONS_MAX: u32 = 10;
const DAY_MS: f64 = 86_400_000.0;

/// Begins the clock of a stage, where the rules have a limit for it.
pub fn begin(order: &mut Order, stage: Stage, at: i64, rules: &RulesInForce) {
    let Some((kind, value)) = limit_of(stage, order, at, rules) else {
        return;
    };
    let mut deadline = rules.calendar.deadline(at, kind, value);
    if stage == Stage::Handling
        && let Some(outer) = order.external.as_ref().and_then(|external| external.deadline)
    {
        let margin = i64::from(rules.document.outer_margin_min) * 60_000;
        deadline = deadline.min(outer.saturating_sub(margin).max(at));
    }
    push(order, stage, (kind, value), at, deadline, rules);
}

/// Begins the clock of a deadline that another system gave.
pub fn begin_outer(order: &mut Order, at: i64, rules: &RulesInForce) {
    if let Some(deadline) = order.external.as_ref().and_then(|external| external.deadline) {
        let deadline = deadline.max(at);
        let days = (deadline - at) as f64 / DAY_MS;
        push(order, Stage::Outer, (LimitKind::NaturalDay, days), at, deadline, rules);
    }
}

fn push(order: &mut Order, stage: Stage, limit: (LimitKind, f64), at: i64, deadline: i64, rules: &RulesInForce) {
    let (kind, value) = limit;
    order.clocks.push(Clock {
        stage,
        kind,
        value,
        started_at: at,
        deadline,
        state: ClockState::Running,
        paused_at: None,
        warn_at: rules.calendar.share_at(at, deadline, kind, rules.document.warn_share),
        warned: false,
        escalations: 0,
        ended_at: None,
    });
}

/// Ends the running or paused clock of a stage.
pub fn end(order: &mut Order, stage: Stage, at: i64) {
    order.clocks.iter_mut().filter(|clock| clock.stage == stage).for_each(|clock| stop(clock, at));
}

/// Ends all clocks.
pub fn end_all(order: &mut Order, at: i64) {
    order.clocks.iter_mut().for_each(|clock| stop(clock, at));
}

fn stop(clock: &mut Clock, at: i64) {
    if matches!(clock.state, ClockState::Running | ClockState::Paused) {
        // What a pause kept from running does not make it late.
        let counted_to = clock.paused_at.unwrap_or(at).min(at);
        clock.state = if counted_to <= clock.deadline { ClockState::Done } else { ClockState::DoneLate };
        clock.ended_at = Some(at.max(clock.started_at));
        clock.paused_at = None;
    }
}

/// Lets all clocks but the outer one stand.
pub fn pause(order: &mut Order, at: i64) {
    let clocks = order.clocks.iter_mut().filter(|clock| clock.stage != Stage::Outer);
    for clock in clocks.filter(|clock| clock.state == ClockState::Running) {
        clock.state = ClockState::Paused;
        clock.paused_at = Some(at.max(clock.started_at));
    }
}

/// Lets the clocks go on with what was left of them.
pub fn resume(order: &mut Order, at: i64, rules: &RulesInForce) {
    for clock in order.clocks.iter_mut().filter(|clock| clock.state == ClockState::Paused) {
        let paused = clock.paused_at.take().unwrap_or(at);
        let calendar = &rules.calendar;
        clock.warn_at = calendar.resumed(clock.kind, clock.warn_at, paused, at);
        clock.deadline = calendar.resumed(clock.kind, clock.deadline, paused, at).max(clock.warn_at);
        clock.state = ClockState::Running;
    }
}

/// Gives the handling clock a later deadline; it warns and escalates anew.
pub fn delay(order: &mut Order, until: i64, rules: &RulesInForce) {
    let running = |clock: &&mut Clock| clock.stage == Stage::Handling && clock.ended_at.is_none();
    if let Some(clock) = order.clocks.iter_mut().rev().find(running) {
        clock.deadline = until.max(clock.deadline);
        clock.warn_at =
            rules.calendar.share_at(clock.started_at, clock.deadline, clock.kind, rules.document.warn_share);
        clock.warned = false;
        clock.escalations = 0;
    }
}

/// When a clock tells its `step`, counted from 1 at the deadline.
fn step_at(clock: &Clock, step: u32, rules: &RulesInForce) -> i64 {
    let shares = f64::from(step.saturating_sub(1)) * rules.document.escalate_share;
    let calendar = &rules.calendar;
    match clock.kind {
        LimitKind::WorkHour | LimitKind::WorkDay => {
            let limit = calendar.worked(clock.started_at, clock.deadline).max(60_000);
            calendar.after_work(clock.deadline, (limit as f64 * shares).round() as i64)
        }
        LimitKind::UrgentHour | LimitKind::NaturalDay => {
            let limit = (clock.deadline - clock.started_at).max(60_000);
            clock.deadline.saturating_add((limit as f64 * shares).round() as i64)
        }
    }
}

fn next_of(clock: &Clock, rules: &RulesInForce) -> Option<i64> {
    if clock.state != ClockState::Running {
        return None;
    }
    let warn = (!clock.warned && clock.escalations == 0).then_some(clock.warn_at);
    let step = (clock.escalations < ESCALATIONS_MAX).then(|| step_at(clock, clock.escalations + 1, rules));
    warn.into_iter().chain(step).min()
}

/// When the hub has to look at the order again; none while nothing runs.
pub fn next_due(order: &Order, rules: &RulesInForce) -> Option<i64> {
    let goes_on = order.suspended_until.filter(|_| order.state == OrderState::Suspended);
    order.clocks.iter().filter_map(|clock| next_of(clock, rules)).chain(goes_on).min()
}

/// The nearest deadline that runs; for lists.
pub fn nearest_deadline(order: &Order) -> Option<i64> {
    let running = order.clocks.iter().filter(|clock| clock.state == ClockState::Running);
    running.map(|clock| clock.deadline).min()
}

/// What the hub has to do with the order at `now`, each with the key that makes it happen once.
pub fn due(order: &Order, now: i64, rules: &RulesInForce) -> Vec<(String, OrderEvent)> {
    if order.state == OrderState::Suspended
        && let Some(until) = order.suspended_until.filter(|until| *until <= now)
    {
        let reason = "挂账期满，自动恢复处置".to_owned();
        return vec![(format!("resume-{until}"), OrderEvent::Resume { reason })];
    }
    let running = order.clocks.iter().enumerate().filter(|(_, clock)| clock.state == ClockState::Running);
    running.filter_map(|(index, clock)| due_of(index, clock, now, rules)).collect()
}

fn due_of(index: usize, clock: &Clock, now: i64, rules: &RulesInForce) -> Option<(String, OrderEvent)> {
    let steps = (clock.escalations + 1..=ESCALATIONS_MAX).take_while(|step| step_at(clock, *step, rules) <= now);
    if let Some(step) = steps.last() {
        let key = format!("overdue-{index}-{}-{step}", clock.deadline);
        return Some((key, OrderEvent::Overdue { stage: clock.stage, step }));
    }
    let warn = !clock.warned && clock.escalations == 0 && clock.warn_at <= now;
    warn.then(|| (format!("warn-{index}-{}", clock.deadline), OrderEvent::Warn { stage: clock.stage }))
}

/// The running clock of a stage.
pub fn running(order: &mut Order, stage: Stage) -> Option<&mut Clock> {
    order.clocks.iter_mut().rev().find(|clock| clock.stage == stage && clock.state == ClockState::Running)
}
