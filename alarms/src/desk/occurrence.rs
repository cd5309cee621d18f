//! One occurrence: the alarm as people see it, the memories behind it, its one order, its timers.
//!
//! The alarm's `state`, `active`, `acknowledged`, `shelved_until` and `annunciations` mirror the memories after each step;
//! nothing else writes them. Every step ends in one [`AlarmChange`]; where the operator can see an alarm of P1 or P2, the
//! one order of this occurrence follows it.

use super::DeskOutput;
use super::repeats::Held;
use super::slot::{Change, Covers};
use crate::classify::classify;
use crate::condition::Condition;
use crate::merge;
use crate::nuisance::chatter::Chatter;
use crate::prioritise::{self, Context, prioritise};
use crate::rules::{AlarmType, RuleSet};
use crate::standing::{Event, Memories, Options, Refused, step};
use greenhub_model::alarm::{Alarm, AlarmEvent, AlarmEventKind, AlarmState, Priority, Severity};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::AlarmChange;
use greenhub_model::{AlarmId, CommandRefusal, OrderId, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The hub itself, as the author of an event.
pub(crate) const HUB: &str = "系统";

/// One occurrence and what is remembered of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Occurrence {
    pub(super) alarm: Alarm,
    pub(super) memories: Memories,
    /// Its one order has been triggered.
    pub(super) ordered: bool,
    /// When it calls again if it still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) re_alarm_at: Option<ReceivedTime>,
    /// What its priority rests on besides its type.
    #[serde(default)]
    pub(super) weighed: Weighed,
    #[serde(default)]
    pub(super) chatter: Chatter,
    /// It chatters: further raises do not call until it was quiet for the window.
    #[serde(default)]
    chattering: bool,
    /// When a raise that did not call is called after all, if it still holds then: the chattering has settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settles_at: Option<ReceivedTime>,
    /// Repeats that are counted and not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<Held>,
    /// Receive time of the newest raise or repeat that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) told_at: Option<ReceivedTime>,
    /// Requests answered, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) answered: VecDeque<Answered>,
}

/// What the priority rests on besides the type, and when that changes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Weighed {
    /// Receive time of the newest look at it, Unix ms.
    at: i64,
    /// Rows of `priority.standing` reached; they stay reached for this occurrence.
    waited: usize,
    /// Since when it has been active and unacknowledged without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<ReceivedTime>,
    /// When to look at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<ReceivedTime>,
}

/// A request and its first result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) request_id: String,
    /// A number made of the command, so that a second command under the same id is noticed.
    pub(super) command: u64,
    pub(super) result: Result<(), CommandRefusal>,
}

/// The author and the words of one event.
pub(super) struct Said<'a> {
    pub(super) kind: AlarmEventKind,
    pub(super) at: i64,
    pub(super) position: Position,
    pub(super) by: &'a str,
    pub(super) text: &'a str,
    pub(super) value: Option<f64>,
    /// It called an operator.
    pub(super) called: bool,
}

impl<'a> From<Change<'a>> for Said<'a> {
    fn from(change: Change<'a>) -> Self {
        let Change { kind, at, condition } = change;
        Said {
            kind,
            at,
            position: condition.position,
            by: &condition.by,
            text: &condition.text,
            value: condition.value,
            called: false,
        }
    }
}

impl Occurrence {
    /// An occurrence that has not been raised yet.
    pub(super) fn new(rules: &RuleSet, id: AlarmId, kind: &AlarmType, severity: Severity, first: &Condition) -> Self {
        let mut alarm = Alarm {
            id,
            device: first.device.clone(),
            class: first.class,
            device_name: first.device_name.clone(),
            sub_component: first.sub_component.clone(),
            code: first.code.clone(),
            title: kind.title.clone(),
            cause: kind.cause.clone(),
            consequence: kind.consequence.clone(),
            action: kind.action.clone(),
            text: first.text.clone(),
            severity,
            priority: Priority::P4,
            priority_reasons: vec![],
            explanation: vec![],
            state: AlarmState::Normal,
            active: false,
            acknowledged: false,
            acknowledged_by: None,
            acknowledged_at: None,
            shelved_until: None,
            raised_at: first.at,
            last_seen_at: first.at,
            returned_at: None,
            count: 0,
            annunciations: 0,
            value: first.value,
            limit: first.limit,
            unit: first.unit.clone(),
            lon: first.lon,
            lat: first.lat,
            sub_district: first.sub_district.clone(),
            late: true,
            folded_under: None,
            folds: 0,
            first_position: first.position,
            last_position: first.position,
        };
        let weighed = Weighed { at: first.received.millis(), ..Weighed::default() };
        (alarm.priority, alarm.priority_reasons) = prioritise(rules, kind, severity, &context(&alarm, &weighed));
        Self {
            alarm,
            memories: Memories::default(),
            ordered: false,
            re_alarm_at: None,
            weighed,
            chatter: Chatter::default(),
            chattering: false,
            settles_at: None,
            held: None,
            told_at: None,
            answered: VecDeque::new(),
        }
    }

    /// Counts one raise or repeat.
    pub(super) fn count(&mut self, condition: &Condition) {
        self.count_at(condition.at, condition.position);
    }

    pub(super) fn count_at(&mut self, at: i64, position: Position) {
        let alarm = &mut self.alarm;
        alarm.count = alarm.count.saturating_add(1);
        alarm.raised_at = alarm.raised_at.min(at);
        alarm.last_seen_at = alarm.last_seen_at.max(at);
        alarm.last_position = alarm.last_position.max(position);
    }

    /// Takes over what tripped it, and where.
    pub(super) fn trip(&mut self, condition: &Condition) {
        let alarm = &mut self.alarm;
        alarm.value = condition.value;
        alarm.limit = condition.limit;
        alarm.unit.clone_from(&condition.unit);
        alarm.text.clone_from(&condition.text);
        alarm.late &= condition.late;
        if condition.lon.is_some() && condition.lat.is_some() {
            (alarm.lon, alarm.lat) = (condition.lon, condition.lat);
        }
        if !condition.device_name.is_empty() {
            alarm.device_name.clone_from(&condition.device_name);
        }
        if condition.late {
            let by_ms = condition.received.millis().saturating_sub(condition.at);
            self.explain("late", merge::came_late(by_ms));
        }
    }

    /// Notes that the condition came on. Where it chattered already and was not quiet since, the raise will not call.
    pub(super) fn note_raise(&mut self, rules: &RuleSet, condition: &Condition) {
        let table = &rules.merge;
        let quiet = self.chatter.newest().is_none_or(|newest| condition.at - newest > table.chatter_window_ms);
        self.chattering &= !quiet;
        self.settles_at = self
            .chattering
            .then(|| ReceivedTime(condition.received.0.saturating_add(table.chatter_window_ms.saturating_mul(1000))));
        if self.chatter.raise(condition.at, table.chatter_raises as usize, table.chatter_window_ms) {
            self.chattering = true;
            self.explain("chattering", merge::chattering(table));
        }
    }

    /// Takes a call back that nobody hears because the alarm chatters.
    fn hush(&mut self) {
        self.memories.annunciations = self.memories.annunciations.saturating_sub(1);
        self.alarm.annunciations = self.memories.annunciations;
    }

    /// Raises severity and priority to what `severity` asks for; never lowers the severity.
    pub(super) fn worsen(&mut self, rules: &RuleSet, kind: &AlarmType, severity: Severity) {
        if severity > self.alarm.severity {
            self.alarm.severity = severity;
            let context = context(&self.alarm, &self.weighed);
            let (priority, reasons) = prioritise(rules, kind, severity, &context);
            (self.alarm.priority, self.alarm.priority_reasons) = (priority, reasons);
        }
    }

    /// Notes since when it waits for somebody, and when its priority must be looked at again. Called after every change.
    pub(super) fn keep_waiting(&mut self, rules: &RuleSet, received: ReceivedTime) {
        let waits = self.memories.active && !self.memories.acked && !self.memories.hidden();
        if !waits {
            (self.weighed.since, self.weighed.again) = (None, None);
        } else if self.weighed.since.is_none() {
            // A second wait begins with the first step that has not been reached.
            self.weighed.since = Some(received);
            self.weighed.again = self.next_look(rules, received);
        }
    }

    fn next_look(&self, rules: &RuleSet, now: ReceivedTime) -> Option<ReceivedTime> {
        let since = self.weighed.since?;
        let next = prioritise::next_change(rules, self.alarm.class, self.weighed.waited, since.millis(), now.millis());
        next.map(ReceivedTime::from_millis)
    }

    /// Looks at the priority again, as of `due`.
    fn reprioritise(&mut self, rules: &RuleSet, due: ReceivedTime, position: Position, out: &mut Vec<DeskOutput>) {
        let waiting_ms = self.weighed.since.map_or(0, |since| due.millis().saturating_sub(since.millis()));
        self.weighed.waited = self.weighed.waited.max(prioritise::steps_reached(rules, waiting_ms));
        self.weighed.at = due.millis();
        self.weighed.again = self.next_look(rules, due);
        let kind = classify(rules, self.alarm.class, &self.alarm.code);
        let context = context(&self.alarm, &self.weighed);
        let (priority, reasons) = prioritise(rules, &kind, self.alarm.severity, &context);
        if reasons == self.alarm.priority_reasons {
            return;
        }
        let was = self.alarm.priority;
        let text = match was == priority {
            true => format!("重新评定优先级，仍为 {priority:?}"),
            false => format!("优先级由 {was:?} 改为 {priority:?}"),
        };
        (self.alarm.priority, self.alarm.priority_reasons) = (priority, reasons);
        let kind = AlarmEventKind::Reprioritised;
        self.say(Said { kind, at: due.millis(), position, by: HUB, text: &text, value: None, called: false }, out);
        self.order_if_due(due, out);
    }

    pub(super) fn explain(&mut self, code: &str, text: String) {
        merge::explain(&mut self.alarm.explanation, code, text);
    }

    fn options(&self, rules: &RuleSet) -> Options {
        let kind = classify(rules, self.alarm.class, &self.alarm.code);
        Options { ack_required: kind.ack_required, latching: kind.latching }
    }

    /// Takes a step that a condition asks for. The desk only asks for steps that the memories allow; a refusal would mean
    /// that the words of the sources and the memories disagree, and is then reported as a repeat so that nothing vanishes.
    pub(super) fn take(&mut self, rules: &RuleSet, event: Event, change: Change<'_>, out: &mut Vec<DeskOutput>) {
        let received = change.condition.received;
        self.alarm.last_position = self.alarm.last_position.max(change.condition.position);
        let mut said = Said::from(change);
        match self.step(rules, event) {
            Ok(true) if said.kind == AlarmEventKind::Raised && self.settles_at.is_some() => self.hush(),
            Ok(called) => said.called = called,
            Err(_) => said.kind = AlarmEventKind::Repeated,
        }
        self.say(said, out);
        self.order_if_due(received, out);
    }

    /// Hides it before it is raised, so that nobody is called.
    pub(super) fn cover(&mut self, covers: &Covers) {
        self.memories.out_of_service |= covers.out_of_service;
        self.memories.suppressed_by.extend(covers.suppressed_by.iter().cloned());
    }

    /// Takes a step that a rule or a permit asks for, now. A refusal changes nothing and says nothing.
    pub(super) fn act(
        &mut self,
        rules: &RuleSet,
        event: Event,
        (kind, by, text): (AlarmEventKind, &str, &str),
        (received, position): (ReceivedTime, Position),
        out: &mut Vec<DeskOutput>,
    ) {
        let Ok(called) = self.step(rules, event) else { return };
        self.alarm.last_position = self.alarm.last_position.max(position);
        self.say(Said { kind, at: received.millis(), position, by, text, value: None, called }, out);
        self.order_if_due(received, out);
    }

    /// Takes a step and mirrors the memories into the alarm.
    pub(super) fn step(&mut self, rules: &RuleSet, event: Event) -> Result<bool, Refused> {
        let options = self.options(rules);
        let called = step(&mut self.memories, options, event)?;
        if called || !self.memories.active {
            self.re_alarm_at = None;
        }
        if !self.memories.active {
            self.settles_at = None;
        }
        let alarm = &mut self.alarm;
        alarm.state = self.memories.state();
        alarm.active = self.memories.active;
        alarm.acknowledged = self.memories.acked;
        alarm.shelved_until = self.memories.shelf.as_ref().map(|shelf| shelf.until);
        alarm.annunciations = self.memories.annunciations;
        Ok(called)
    }

    /// Reports a change that needed no step.
    pub(super) fn report(&mut self, change: Change<'_>, out: &mut Vec<DeskOutput>) {
        self.say(Said::from(change), out);
    }

    pub(super) fn say(&self, said: Said<'_>, out: &mut Vec<DeskOutput>) {
        let event = AlarmEvent {
            alarm: self.alarm.id.clone(),
            kind: said.kind,
            at: said.at,
            position: said.position,
            by: said.by.to_owned(),
            text: said.text.to_owned(),
            state: self.alarm.state,
            value: said.value,
            called: said.called,
            repeats: None,
        };
        out.push(DeskOutput::Alarm(Box::new(AlarmChange { alarm: self.alarm.clone(), event })));
    }

    /// Triggers the order of this occurrence when it is due and has not been triggered before.
    pub(super) fn order_if_due(&mut self, received: ReceivedTime, out: &mut Vec<DeskOutput>) {
        let alarm = &self.alarm;
        let visible = !self.memories.hidden() && alarm.state != AlarmState::Normal;
        if self.ordered || !visible || alarm.priority > Priority::P2 {
            return;
        }
        self.ordered = true;
        out.push(DeskOutput::Order(Box::new(OrderTrigger {
            order: OrderId::of_alarm(&alarm.id),
            alarm: alarm.id.clone(),
            title: order_title(alarm),
            priority: alarm.priority,
            device: alarm.device.clone(),
            class: alarm.class,
            lon: alarm.lon,
            lat: alarm.lat,
            sub_district: alarm.sub_district.clone(),
            at: received.millis(),
        })));
    }

    /// When time alone changes this occurrence.
    pub(super) fn deadline(&self) -> Option<ReceivedTime> {
        let shelf = self.memories.shelf.as_ref().map(|shelf| ReceivedTime::from_millis(shelf.until));
        let re_alarm = self.re_alarm_at.filter(|_| !self.memories.hidden());
        let held = self.held.as_ref().map(|held| held.due);
        [shelf, re_alarm, self.settles_at, self.weighed.again, held].into_iter().flatten().min()
    }

    /// Does what time alone does: ends a shelf, calls again, weighs anew. Events are dated when they were due.
    pub(super) fn advance(
        &mut self,
        rules: &RuleSet,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) {
        while let Some(due) = self.deadline().filter(|at| *at <= received) {
            if self.tell_held(received, out) {
                continue;
            }
            if self.weighed.again == Some(due) {
                self.reprioritise(rules, due, position, out);
                continue;
            }
            if self.settles_at == Some(due) {
                self.settle(rules, due, position, out);
                continue;
            }
            let shelf_over = self.memories.shelf.as_ref().is_some_and(|s| ReceivedTime::from_millis(s.until) <= due);
            let (event, kind, text) = match shelf_over {
                true => (Event::Unshelve, AlarmEventKind::Unshelved, "搁置到期"),
                false => (Event::ReAlarm, AlarmEventKind::Raised, "确认后在规定时间内未恢复，再次提示"),
            };
            if !shelf_over {
                self.re_alarm_at = None;
            }
            if let Ok(called) = self.step(rules, event) {
                self.say(Said { kind, at: due.millis(), position, by: HUB, text, value: None, called }, out);
                self.order_if_due(received, out);
            }
            self.keep_waiting(rules, due);
        }
    }
}

fn context<'a>(alarm: &'a Alarm, weighed: &Weighed) -> Context<'a> {
    let place = alarm.lon.zip(alarm.lat).map(|(lon, lat)| LonLat { lon, lat });
    Context {
        class: Some(alarm.class),
        sub_district: &alarm.sub_district,
        place,
        now: Some(weighed.at),
        waited: weighed.waited,
    }
}

impl Occurrence {
    /// The chattering is over and the condition still holds: the raise that was hushed calls now, unless somebody has seen
    /// it meanwhile.
    fn settle(&mut self, rules: &RuleSet, due: ReceivedTime, position: Position, out: &mut Vec<DeskOutput>) {
        self.settles_at = None;
        self.chattering = false;
        let seen = self.memories.acked && self.options(rules).ack_required;
        if self.memories.hidden() || seen {
            return;
        }
        self.memories.annunciations += 1;
        self.alarm.annunciations = self.memories.annunciations;
        let text = merge::settled();
        let at = due.millis();
        let kind = AlarmEventKind::Raised;
        self.say(Said { kind, at, position, by: HUB, text: &text, value: None, called: true }, out);
    }
}

/// What an order is called.
pub(crate) fn order_title(alarm: &Alarm) -> String {
    let name = if alarm.device_name.is_empty() { alarm.device.as_str() } else { &alarm.device_name };
    format!("{name}：{}", alarm.title)
}
