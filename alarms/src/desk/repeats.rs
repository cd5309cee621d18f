//! Repeats: the same source says the same thing again. Counted at once, told at most once a second.
//!
//! ```text
//! received   0.0    0.2   0.4   0.9   1.0        2.5
//! condition  on     on    on    on               on
//! told       raised                   3 repeats  repeated
//! ```
//!
//! The first repeat after a quiet second is told at once; what follows within [`TELL_EVERY_MS`] is counted and told
//! together, when that second is over or before anything else happens to the alarm, whichever comes first. So every message
//! belongs to exactly one event, and an event's positions enclose nothing of the alarm that is not a repeat.
//!
//! Counted like this is only what changes nothing but the count and the newest time: one source, in order, not worse than
//! before, while the condition holds. All else takes the long way. **Remembers** one such count per occurrence.
//! **Costs** a few comparisons and no copy of the alarm, where the long way copies the alarm into its change; said with
//! [`super::AlarmDesk::again`], no condition either.

use super::DeskOutput;
use super::occurrence::Occurrence;
use super::slot::Slot;
use crate::classify::severity;
use crate::condition::{Again, BY_CHARS_MAX, Condition, TEXT_CHARS_MAX};
use crate::merge;
use crate::rules::RuleSet;
use greenhub_model::alarm::{AlarmEvent, AlarmEventKind, AlarmState, Repeats};
use greenhub_model::output::AlarmChange;
use greenhub_model::{Position, ReceivedTime};
use serde::{Deserialize, Serialize};

/// Repeats of one alarm are told at most this often, milliseconds.
pub(super) const TELL_EVERY_MS: i64 = 1_000;

/// Repeats that are counted and not told yet, with the words of the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    repeats: Repeats,
    at: i64,
    position: Position,
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// When they are told at the latest.
    pub(super) due: ReceivedTime,
}

/// What became of a condition that may be a mere repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    /// It is not, or not one to be held back: take it the long way.
    No,
    /// Counted. The first one held sets a timer.
    Held {
        /// The first one.
        first: bool,
    },
}

impl Slot {
    /// Counts the condition, where that is all there is to do.
    pub(super) fn repeat(&mut self, rules: &RuleSet, of: &Condition, again: Again) -> Repeated {
        let Some(occurrence) = &mut self.occurrence else { return Repeated::No };
        let again = Again { at: again.at.min(again.received.millis()), ..again };
        let lone = self.words.len() == 1;
        let Some(word) = self.words.get_mut(&of.by).filter(|_| lone) else { return Repeated::No };
        let goes_on = of.active && word.active && occurrence.memories.active;
        if !goes_on || again.at < word.at || !occurrence.may_hold(rules, of, again) {
            return Repeated::No;
        }
        word.at = again.at;
        Repeated::Held { first: occurrence.hold(of, again) }
    }
}

impl Occurrence {
    fn may_hold(&self, rules: &RuleSet, of: &Condition, again: Again) -> bool {
        let told_lately = self.told_at.is_some_and(|told| again.received < later(told));
        let due = self.held.as_ref().is_some_and(|held| held.due <= again.received);
        let alarm = &self.alarm;
        let in_order = again.at >= alarm.last_seen_at && again.at >= alarm.raised_at;
        let short = of.text.len() <= TEXT_CHARS_MAX && of.by.len() <= BY_CHARS_MAX;
        told_lately && !due && in_order && short && alarm.state != AlarmState::Normal && {
            let severity = of.severity.unwrap_or_else(|| severity(rules, alarm.class, &alarm.code));
            severity <= alarm.severity
        }
    }

    /// Counts it and keeps its words; true where nothing was held before.
    fn hold(&mut self, of: &Condition, again: Again) -> bool {
        let Again { at, received, position, value } = again;
        self.count_at(at, position);
        match &mut self.held {
            Some(held) => {
                held.repeats.count += 1;
                (held.at, held.position, held.value) = (at, position, value);
                held.text.clone_from(&of.text);
                false
            }
            None => {
                self.held = Some(Held {
                    repeats: Repeats { count: 1, first: position, from: at },
                    at,
                    position,
                    by: of.by.clone(),
                    text: of.text.clone(),
                    value,
                    due: later(self.told_at.unwrap_or(received)),
                });
                true
            }
        }
    }

    /// Tells what is held; false where nothing is.
    pub(super) fn tell_held(&mut self, received: ReceivedTime, out: &mut Vec<DeskOutput>) -> bool {
        let Some(held) = self.held.take() else { return false };
        self.told_at = Some(received);
        self.explain("merged_repeat", merge::repeated(self.alarm.count));
        let event = AlarmEvent {
            alarm: self.alarm.id.clone(),
            kind: AlarmEventKind::Repeated,
            at: held.at,
            position: held.position,
            by: held.by,
            text: held.text,
            state: self.alarm.state,
            value: held.value,
            called: false,
            repeats: (held.repeats.count > 1).then_some(held.repeats),
        };
        out.push(DeskOutput::Alarm(Box::new(AlarmChange { alarm: self.alarm.clone(), event })));
        true
    }
}

fn later(told: ReceivedTime) -> ReceivedTime {
    ReceivedTime(told.0.saturating_add(TELL_EVERY_MS * 1000))
}
