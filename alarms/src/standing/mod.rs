//! Where an alarm stands: independent memories, and the one function that changes them (ISA-18.2-2016, IEC 62682).
//!
//! ```text
//! memories   active · acked · latched · shelf · suppressed_by{…} · out_of_service · annunciations
//! state      out of service > suppressed by design > shelved > (active, acked, latched)      Memories::state
//! change     step(memories, options, event) → memories, annunciated?  or  a refusal           nothing else writes
//! ```
//!
//! The state is derived, never stored, so no combination is impossible and none is forgotten. Acknowledge, clear, reset
//! and hide are four different things: acknowledge never clears, clear never acknowledges.
//!
//! **Hidden alarms are still evaluated**: `active` follows the condition, only annunciation stops. When the last cover is
//! taken off, an alarm that is active (or held by its latch) is annunciated again; one that is not is over, silently.
//! **Acknowledging a hidden alarm is refused**: nobody can have seen it. **A reset while active is refused.** A one-shot
//! shelf ends when the condition goes; a timed one lasts its time.
//!
//! Annunciations are entries to *unacknowledged* (or, where no acknowledgement is asked for, to *acknowledged*) that an
//! operator could hear: the unit of every KPI.

use greenhub_model::alarm::AlarmState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most suppressing rules remembered for one alarm; suppression by more is refused.
pub const SUPPRESSORS_MAX: usize = 32;

/// How the alarm type behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// A person must acknowledge.
    pub ack_required: bool,
    /// Held until a reset.
    pub latching: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ack_required: true, latching: false }
    }
}

/// Why and until when an operator hid it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// End, Unix ms by receive time.
    pub until: i64,
    /// Ends already when the condition goes.
    #[serde(default)]
    pub one_shot: bool,
}

/// What is remembered of the standing of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memories {
    /// The condition holds.
    pub active: bool,
    /// Somebody has seen it, or nobody needs to.
    pub acked: bool,
    /// Held until a reset.
    pub latched: bool,
    /// Hidden by an operator.
    pub shelf: Option<Shelf>,
    /// Hidden by these rules.
    pub suppressed_by: BTreeSet<String>,
    /// Hidden by maintenance.
    pub out_of_service: bool,
    /// Times an operator was called.
    pub annunciations: u64,
}

impl Default for Memories {
    fn default() -> Self {
        Self {
            active: false,
            acked: true,
            latched: false,
            shelf: None,
            suppressed_by: BTreeSet::new(),
            out_of_service: false,
            annunciations: 0,
        }
    }
}

impl Memories {
    /// What the operator sees.
    pub fn state(&self) -> AlarmState {
        if self.out_of_service {
            return AlarmState::OutOfService;
        }
        if !self.suppressed_by.is_empty() {
            return AlarmState::SuppressedByDesign;
        }
        if self.shelf.is_some() {
            return AlarmState::Shelved;
        }
        match (self.active, self.acked, self.latched) {
            (true, false, _) => AlarmState::Unacknowledged,
            (true, true, _) => AlarmState::Acknowledged,
            (false, false, true) => AlarmState::LatchedUnacknowledged,
            (false, true, true) => AlarmState::LatchedAcknowledged,
            (false, false, false) => AlarmState::ReturnedUnacknowledged,
            (false, true, false) => AlarmState::Normal,
        }
    }

    /// Shelved, suppressed or out of service.
    pub fn hidden(&self) -> bool {
        self.out_of_service || self.shelf.is_some() || !self.suppressed_by.is_empty()
    }
}

/// What happens to an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The condition came on, after its on-delay.
    On,
    /// The condition went, after its off-delay.
    Off,
    /// The severity rose while the condition holds.
    Escalate,
    /// The re-alarm time is over and the condition still holds.
    ReAlarm,
    /// A person has seen it.
    Acknowledge,
    /// A person releases the latch.
    Reset,
    /// A person hides it; a second shelf replaces the first.
    Shelve(Shelf),
    /// A person shows it again, or the shelf's time is over.
    Unshelve,
    /// A reviewed rule hides it.
    Suppress(String),
    /// That rule hides it no longer.
    Unsuppress(String),
    /// Maintenance takes it out.
    RemoveFromService,
    /// Maintenance gives it back.
    ReturnToService,
}

/// An event that the memories do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The condition holds already, or holds no more already.
    #[error("the condition does not change")]
    NoChange,
    /// It is hidden, so nobody can have seen it.
    #[error("the alarm is hidden")]
    Hidden,
    /// It was acknowledged before, or needs no acknowledgement.
    #[error("nothing is waiting for an acknowledgement")]
    NothingToAcknowledge,
    /// The condition still holds.
    #[error("the condition still holds")]
    StillActive,
    /// It is not latched.
    #[error("the alarm is not latched")]
    NotLatched,
    /// The cover that is to be taken off is not on.
    #[error("the alarm is not hidden in that way")]
    NotHiddenSo,
    /// More suppressing rules than can be remembered.
    #[error("more suppressing rules than can be remembered")]
    TooMany,
}

/// Takes one step in place. `Ok(true)` when an operator is to be called; a refusal leaves the memories as they were.
pub fn step(memories: &mut Memories, options: Options, event: Event) -> Result<bool, Refused> {
    let was_hidden = memories.hidden();
    match event {
        Event::On if memories.active => Err(Refused::NoChange),
        Event::On => {
            memories.active = true;
            memories.latched = options.latching;
            Ok(annunciate(memories, options))
        }
        Event::Off if !memories.active => Err(Refused::NoChange),
        Event::Off => {
            memories.active = false;
            if memories.shelf.as_ref().is_some_and(|shelf| shelf.one_shot) {
                memories.shelf = None;
            }
            Ok(uncovered(memories, options, was_hidden))
        }
        Event::Escalate if !memories.active => Err(Refused::NoChange),
        Event::Escalate => Ok(annunciate(memories, options)),
        Event::ReAlarm if !memories.active || !memories.acked || !options.ack_required => Err(Refused::NoChange),
        Event::ReAlarm if was_hidden => Err(Refused::Hidden),
        Event::ReAlarm => Ok(annunciate(memories, options)),
        Event::Acknowledge if was_hidden => Err(Refused::Hidden),
        Event::Acknowledge if memories.acked => Err(Refused::NothingToAcknowledge),
        Event::Acknowledge => {
            memories.acked = true;
            Ok(false)
        }
        Event::Reset if memories.active => Err(Refused::StillActive),
        Event::Reset if !memories.latched => Err(Refused::NotLatched),
        Event::Reset if was_hidden => Err(Refused::Hidden),
        Event::Reset => {
            memories.latched = false;
            Ok(false)
        }
        Event::Shelve(shelf) => {
            memories.shelf = Some(shelf);
            Ok(false)
        }
        Event::Unshelve if memories.shelf.is_none() => Err(Refused::NotHiddenSo),
        Event::Unshelve => {
            memories.shelf = None;
            Ok(uncovered(memories, options, was_hidden))
        }
        Event::Suppress(rule) => {
            if memories.suppressed_by.len() >= SUPPRESSORS_MAX && !memories.suppressed_by.contains(&rule) {
                return Err(Refused::TooMany);
            }
            memories.suppressed_by.insert(rule);
            Ok(false)
        }
        Event::Unsuppress(rule) => {
            if !memories.suppressed_by.remove(&rule) {
                return Err(Refused::NotHiddenSo);
            }
            Ok(uncovered(memories, options, was_hidden))
        }
        Event::RemoveFromService if memories.out_of_service => Err(Refused::NoChange),
        Event::RemoveFromService => {
            memories.out_of_service = true;
            Ok(false)
        }
        Event::ReturnToService if !memories.out_of_service => Err(Refused::NotHiddenSo),
        Event::ReturnToService => {
            memories.out_of_service = false;
            Ok(uncovered(memories, options, was_hidden))
        }
    }
}

/// Asks for an acknowledgement where the type wants one, and calls the operator unless it is hidden.
fn annunciate(memories: &mut Memories, options: Options) -> bool {
    memories.acked = !options.ack_required;
    let called = !memories.hidden();
    memories.annunciations += u64::from(called);
    called
}

/// The rule for an alarm whose last cover came off: annunciated again if it is active or held, else over.
fn uncovered(memories: &mut Memories, options: Options, was_hidden: bool) -> bool {
    if !was_hidden || memories.hidden() {
        return false;
    }
    if memories.active || memories.latched {
        return annunciate(memories, options);
    }
    memories.acked = true;
    false
}

#[cfg(test)]
mod tests;
