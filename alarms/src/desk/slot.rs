//! One key: the newest word of each of its sources, and the occurrence they make.
//!
//! A condition first becomes its source's newest word, unless that source has said something newer. The condition holds
//! as long as one word does. [`merge::decide`] says which occurrence a raise belongs to; then the occurrence takes the
//! steps that lead to what the words say now. A raise from the past into nothing is therefore raised and returned at once.

use super::DeskOutput;
use super::commands;
use super::device::Births;
use super::occurrence::Occurrence;
use crate::classify::classify;
use crate::condition::{BY_CHARS_MAX, Condition, TEXT_CHARS_MAX, shorten};
use crate::merge::{self, Merge, Raise};
use crate::rules::RuleSet;
use crate::standing::Event;
use greenhub_model::alarm::{Alarm, AlarmEventKind, AlarmState};
use greenhub_model::{CommandRefusal, CommandRequest, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most sources remembered for one key.
const SOURCES_MAX: usize = 16;
/// Speaks for all sources beyond the bound.
const OTHER_SOURCES: &str = "(others)";

/// Everything remembered under one key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) words: BTreeMap<String, Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) occurrence: Option<Box<Occurrence>>,
    /// When it may be forgotten; none while an alarm stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forget_at: Option<ReceivedTime>,
}

/// The newest word of one source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Word {
    /// Event time, Unix ms.
    pub(super) at: i64,
    /// The condition holds.
    pub(super) active: bool,
    /// Event time at which this source's condition went, as far as it was ever stated; repeats do not move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<i64>,
}

impl Word {
    /// Takes a newer word over; an older one only tells that the condition held then, and went by the newest word.
    fn hear(&mut self, condition: &Condition) -> bool {
        let newer = condition.at >= self.at;
        if !newer {
            if condition.active && !self.active && self.gone_at.is_none_or(|gone| gone < condition.at) {
                self.gone_at = Some(self.at);
            }
            return false;
        }
        if self.active && !condition.active {
            self.gone_at = Some(condition.at);
        }
        (self.at, self.active) = (condition.at, condition.active);
        true
    }
}

impl Slot {
    pub(super) fn alarm(&self) -> Option<&Alarm> {
        self.occurrence.as_ref().map(|occurrence| &occurrence.alarm)
    }

    pub(super) fn stands(&self) -> bool {
        self.alarm().is_some_and(|alarm| alarm.state != AlarmState::Normal)
    }

    pub(super) fn deadline(&self) -> Option<ReceivedTime> {
        self.occurrence.as_ref().and_then(|occurrence| occurrence.deadline())
    }

    pub(super) fn fades_at(&self) -> Option<ReceivedTime> {
        self.forget_at
    }

    /// Whether it counts as unknown, be it still in memory or not.
    pub(super) fn forgotten(&self, received: ReceivedTime) -> bool {
        self.forget_at.is_some_and(|at| at <= received)
    }

    pub(super) fn apply(
        &mut self,
        rules: &RuleSet,
        mut condition: Condition,
        covers: &Covers,
        births: &mut Births,
        out: &mut Vec<DeskOutput>,
    ) {
        shorten(&mut condition.text, TEXT_CHARS_MAX);
        shorten(&mut condition.by, BY_CHARS_MAX);
        self.tell_held(condition.received, out);
        let past = !self.hear(&condition);
        if condition.active {
            self.raise(rules, &condition, past, (covers, births), out);
            if let Some(occurrence) = &mut self.occurrence {
                occurrence.told_at = Some(condition.received);
            }
        }
        let holds = self.words.values().any(|word| word.active);
        let gone_at = self.gone_at().unwrap_or(condition.at);
        if let Some(occurrence) = self.occurrence.as_mut().filter(|o| o.memories.active && !holds) {
            occurrence.alarm.returned_at = Some(gone_at);
            let change = Change { kind: AlarmEventKind::Returned, at: gone_at, condition: &condition };
            occurrence.take(rules, Event::Off, change, out);
        }
        self.schedule_forgetting(rules, condition.received);
    }

    fn tell_held(&mut self, received: ReceivedTime, out: &mut Vec<DeskOutput>) {
        if let Some(occurrence) = &mut self.occurrence {
            occurrence.tell_held(received, out);
        }
    }

    /// Makes the condition its source's newest word; false when that source has said something newer.
    fn hear(&mut self, condition: &Condition) -> bool {
        if let Some(known) = self.words.get_mut(&condition.by) {
            return known.hear(condition);
        }
        let shared = self.words.get(OTHER_SOURCES).is_some_and(|word| word.active);
        if self.words.len() >= SOURCES_MAX && !shared {
            let quiet = self.words.iter().filter(|(_, word)| !word.active).min_by_key(|(_, word)| word.at);
            if let Some(by) = quiet.map(|(by, _)| by.clone()) {
                self.words.remove(&by);
            }
        }
        let by = if shared || self.words.len() >= SOURCES_MAX { OTHER_SOURCES } else { &condition.by };
        let unheard = Word { at: condition.at, active: false, gone_at: None };
        self.words.entry(by.to_owned()).or_insert(unheard).hear(condition)
    }

    /// When the condition was last seen to go, by the sources that had stated it.
    fn gone_at(&self) -> Option<i64> {
        self.words.values().filter_map(|word| word.gone_at).max()
    }

    fn raise(
        &mut self,
        rules: &RuleSet,
        condition: &Condition,
        past: bool,
        (covers, births): (&Covers, &mut Births),
        out: &mut Vec<DeskOutput>,
    ) {
        let kind = classify(rules, condition.class, &condition.code);
        let severity = condition.severity.unwrap_or(kind.severity);
        let decision = merge::decide(self.alarm(), Raise { at: condition.at, severity, past }, &rules.merge);
        if decision != Merge::Past {
            self.forget_at = None;
        }
        let gone_at = self.gone_at();
        let sources = self.words.values().filter(|word| word.active).count();
        let occurrence = match (decision, &mut self.occurrence) {
            (Merge::First | Merge::Successor, _) | (_, None) => {
                let previous = self.occurrence.take();
                let id = births.name(&condition.device, &condition.code, condition.position);
                let mut born = Occurrence::new(rules, id, &kind, severity, condition);
                if let Some(previous) = previous {
                    let text = merge::succeeded(&previous.alarm, &rules.merge);
                    merge::explain(&mut born.alarm.explanation, "successor", text);
                }
                self.occurrence.insert(Box::new(born))
            }
            (_, Some(occurrence)) => occurrence,
        };
        occurrence.count(condition);
        if sources > 1 {
            occurrence.explain("several_sources", merge::several_sources(sources));
        }
        let change = |kind| Change { kind, at: condition.at, condition };
        match decision {
            Merge::First | Merge::Successor => {}
            Merge::Repeat => {
                occurrence.explain("merged_repeat", merge::repeated(occurrence.alarm.count));
                return occurrence.report(change(AlarmEventKind::Repeated), out);
            }
            Merge::Past => {
                occurrence.explain("past", merge::belongs_to_the_past());
                if !occurrence.memories.active {
                    occurrence.alarm.returned_at = occurrence.alarm.returned_at.max(gone_at);
                }
                occurrence.worsen(rules, &kind, severity);
                occurrence.report(change(AlarmEventKind::Repeated), out);
                return occurrence.order_if_due(condition.received, out);
            }
            Merge::Escalate => {
                let text = merge::escalated(occurrence.alarm.severity, severity);
                occurrence.explain("severity_rise", text);
                occurrence.worsen(rules, &kind, severity);
                occurrence.trip(condition);
                return occurrence.take(rules, Event::Escalate, change(AlarmEventKind::Escalated), out);
            }
            Merge::Again => {
                occurrence.explain("raised_again", merge::raised_again());
            }
            Merge::Reopen { after_ms } => {
                occurrence.explain("reopened", merge::reopened(after_ms, &rules.merge));
            }
        }
        occurrence.worsen(rules, &kind, severity);
        occurrence.trip(condition);
        occurrence.note_raise(rules, condition);
        occurrence.alarm.returned_at = None;
        occurrence.cover(covers);
        occurrence.take(rules, Event::On, change(AlarmEventKind::Raised), out);
    }

    pub(super) fn command(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        self.tell_held(received, out);
        let result = match &mut self.occurrence {
            Some(occurrence) => occurrence.command(rules, request, received, position, out),
            None => Err(commands::nothing_there(&request.command)),
        };
        self.schedule_forgetting(rules, received);
        result
    }

    pub(super) fn is_active(&self) -> bool {
        self.occurrence.as_ref().is_some_and(|occurrence| occurrence.memories.active)
    }

    /// Lets a rule hide what stands, or show it again.
    pub(super) fn suppress(
        &mut self,
        rules: &RuleSet,
        rule: &str,
        wanted: bool,
        now: (ReceivedTime, Position),
        out: &mut Vec<DeskOutput>,
    ) {
        let stands = self.stands();
        let Some(occurrence) = &mut self.occurrence else { return };
        let hidden = occurrence.memories.suppressed_by.contains(rule);
        let (event, kind, text) = match (wanted, hidden) {
            (true, false) if stands => {
                (Event::Suppress(rule.to_owned()), AlarmEventKind::Suppressed, merge::suppressed(rule))
            }
            (false, true) => {
                (Event::Unsuppress(rule.to_owned()), AlarmEventKind::Unsuppressed, merge::unsuppressed(rule))
            }
            _ => return,
        };
        occurrence.tell_held(now.0, out);
        occurrence.act(rules, event, (kind, super::occurrence::HUB, &text), now, out);
        self.schedule_forgetting(rules, now.0);
    }

    /// Takes what stands out of service with its device, or back.
    pub(super) fn service(
        &mut self,
        rules: &RuleSet,
        back: bool,
        by: &str,
        text: &str,
        now: (ReceivedTime, Position),
        out: &mut Vec<DeskOutput>,
    ) {
        let stands = self.stands();
        let Some(occurrence) = self.occurrence.as_mut().filter(|_| stands) else { return };
        let (event, kind) = match back {
            true => (Event::ReturnToService, AlarmEventKind::ReturnedToService),
            false => (Event::RemoveFromService, AlarmEventKind::RemovedFromService),
        };
        occurrence.tell_held(now.0, out);
        occurrence.act(rules, event, (kind, by, text), now, out);
        self.schedule_forgetting(rules, now.0);
    }

    pub(super) fn advance(
        &mut self,
        rules: &RuleSet,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) {
        if let Some(occurrence) = self.occurrence.as_mut().filter(|o| o.deadline().is_some_and(|at| at <= received)) {
            occurrence.advance(rules, received, position, out);
            self.schedule_forgetting(rules, received);
        }
    }

    /// An occurrence that stands is never forgotten; one that is over, after `remember_ms` from now; a lone word, when no
    /// raise that it overrules can still arrive in time.
    fn schedule_forgetting(&mut self, rules: &RuleSet, received: ReceivedTime) {
        if let Some(occurrence) = &mut self.occurrence {
            occurrence.keep_waiting(rules, received);
        }
        let after_ms = match (&self.occurrence, self.stands()) {
            (_, true) => {
                self.forget_at = None;
                return;
            }
            (Some(_), false) if self.forget_at.is_some() => return,
            (Some(_), false) => rules.merge.remember_ms,
            (None, _) => rules.time.late_after_ms,
        };
        // One more millisecond: what arrives exactly at the end of the time still meets its memory.
        self.forget_at = Some(ReceivedTime(received.0.saturating_add((after_ms + 1).saturating_mul(1000))));
    }
}

/// What hides a raise before anybody hears it.
#[derive(Debug, Default)]
pub(super) struct Covers {
    pub(super) out_of_service: bool,
    pub(super) suppressed_by: Vec<String>,
}

/// What happened to an occurrence because of a condition.
pub(super) struct Change<'a> {
    pub(super) kind: AlarmEventKind,
    pub(super) at: i64,
    pub(super) condition: &'a Condition,
}
