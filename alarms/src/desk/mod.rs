//! The desk.

use crate::condition::{AlarmKey, Condition};
use crate::rules::RuleSet;
use greenhub_model::alarm::Alarm;
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::AlarmChange;
use greenhub_model::{CommandRefusal, CommandRequest, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the desk says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DeskOutput {
    /// An alarm changed.
    Alarm(Box<AlarmChange>),
    /// Open an order.
    Order(Box<OrderTrigger>),
}

/// All alarms of some devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmDesk {
    slots: BTreeMap<String, Alarm>,
}

impl AlarmDesk {
    /// An empty desk.
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes one condition in.
    pub fn apply(&mut self, _rules: &RuleSet, _condition: Condition, _out: &mut Vec<DeskOutput>) {}
    /// Carries out a human command.
    pub fn command(
        &mut self,
        _rules: &RuleSet,
        request: &CommandRequest,
        _received: ReceivedTime,
        _position: Position,
        _out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        Err(CommandRefusal::NoSuchAlarm { alarm: request.command.alarm().clone() })
    }
    /// Lets time pass. `position` = first position of the batch.
    pub fn advance(&mut self, _rules: &RuleSet, _received: ReceivedTime, _position: Position, _out: &mut Vec<DeskOutput>) {}
    /// When `advance` has something to say.
    pub fn deadline(&self) -> Option<ReceivedTime> {
        None
    }
    /// Alarms that stand, in order of their keys.
    pub fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.slots.values()
    }
    /// Splits by key over `workers`.
    pub fn split(self, workers: usize, _route: impl Fn(&AlarmKey) -> usize) -> Vec<AlarmDesk> {
        vec![AlarmDesk::new(); workers]
    }
    /// Takes over all alarms of another desk.
    pub fn absorb(&mut self, _other: AlarmDesk) {}
}
