//! The rules of the dataflow, pure: batches and time in, outputs out. No clock, no randomness, no sockets.
//!
//! ```text
//! batch ──▶ DeviceStage ──conditions, commands──▶ AlarmStage ──▶ CorrelateStage ──▶ BatchOutput
//!           decode, registry, last state,          the desk:      sort, add up,
//!           presence, thresholds                   standing       fold by cause
//! ```
//!
//! Every worker sees every batch and takes what belongs to its devices ([`owner`]), so the state of a device lives in one
//! place. What a stage says carries its [`Place`]; sorted by place, the outputs of one worker and of four are the same
//! bytes. Timers fire at the start of a batch, with the batch's receive time: that is the only clock there is.
//!
//! **Deliberately absent**: threads, channels, files (`host`), and what a limit or a priority is (`alarms`).

mod alarm;
mod correlate;
mod device;
mod gather;

pub(crate) use alarm::{AlarmPart, AlarmStage};
pub(crate) use correlate::{CorrelatePart, CorrelateStage};
pub(crate) use device::{DevicePart, DeviceStage, rules_of};

use correlate::Hanging;
use greenhub_alarms::{Again, Condition, RuleSet};
use greenhub_model::ledger::Counts;
use greenhub_model::{Batch, Channel, CommandRequest, DeviceId, Output, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The worker of `peers` that keeps what belongs to `key` (a device id).
pub(crate) fn owner(key: &str, peers: usize) -> usize {
    if peers <= 1 {
        return 0;
    }
    // The remainder is smaller than `peers`, which is a usize.
    (greenhub_alarms::condition::partition(key) % peers as u64) as usize
}

/// What all stages must know of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Batch number.
    pub number: u64,
    /// Receive time: the clock of everything in this batch.
    pub received: ReceivedTime,
    /// Position of the first record; the position of what timers say.
    pub first: Position,
    /// Position after the last record.
    pub end: Position,
    /// Rules that hold from this batch on, where they changed in it.
    pub rules: Option<Arc<RuleSet>>,
    /// The stages hand out their states after this batch.
    pub snapshot: bool,
}

impl Head {
    pub(crate) fn of(batch: &Batch, snapshot: bool) -> Self {
        Self {
            number: batch.number,
            received: batch.received,
            first: batch.first,
            end: batch.end(),
            rules: None,
            snapshot,
        }
    }
}

/// Where in a batch something was said; the order of the outputs within one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Time passed on the alarm desk.
    AlarmTimer,
    /// Time passed on a device: presence, on- and off-delays, changed rules.
    DeviceTimer,
    /// What the alarm desk makes of that.
    TimerAlarm,
    /// A record.
    Record,
    /// What the alarm desk makes of it.
    RecordAlarm,
    /// The answer to a command, after all that it did.
    Answer,
    /// Views of what changed, once per device, at the end of the batch.
    View,
}

/// The place of an output in the order of its batch. Unique, and the same whatever the number of workers: `sequence` only
/// ever orders what one device or one record said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub position: Position,
    pub stage: Stage,
    /// The device, where several may speak at one position.
    pub device: Option<DeviceId>,
    pub sequence: u32,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed<T> {
    pub place: Place,
    pub value: T,
}

/// What the alarm stage is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum AlarmInput {
    Condition(Box<Condition>),
    /// A condition that was said before, stated once more.
    Again(Arc<Condition>, Again),
    Command(Box<CommandRequest>),
}

/// States of operators, by name.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// One stage's share of the outputs of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub outputs: Vec<Placed<Output>>,
    pub counts: [Counts; Channel::ALL.len()],
    /// Devices that were registered or struck off, each worker's in their order.
    pub hanging: Vec<Hanging>,
    /// State of the operators, by name, where the batch asked for it.
    pub parts: Parts,
}

impl Piece {
    /// Takes over what another worker or stage said of the same batch.
    pub(crate) fn absorb(&mut self, other: Piece) {
        if self.outputs.is_empty() {
            self.outputs = other.outputs;
        } else {
            self.outputs.extend(other.outputs);
        }
        self.parts.extend(other.parts);
        self.hanging.extend(other.hanging);
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            sum.accepted += more.accepted;
            sum.applied += more.applied;
            sum.quarantined += more.quarantined;
        }
    }
}

/// From one worker's device stage to the alarm stage of worker `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToAlarm {
    pub to: u64,
    pub head: Head,
    pub inputs: Vec<Placed<AlarmInput>>,
    pub piece: Piece,
}

/// From a worker's alarm stage to the gathering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToGather {
    pub head: Head,
    pub piece: Piece,
}

/// A state that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("part {part} of the snapshot cannot be read")]
pub struct PartError {
    /// Name of the part.
    pub part: String,
    /// What the parser says.
    pub source: serde_json::Error,
}

pub(crate) fn read_part<T: for<'de> Deserialize<'de>>(name: &str, bytes: &[u8]) -> Result<T, PartError> {
    serde_json::from_slice(bytes).map_err(|source| PartError { part: name.to_owned(), source })
}

pub(crate) fn write_part<T: Serialize>(state: &T) -> Vec<u8> {
    serde_json::to_vec(state).expect("states have string keys and finite numbers, so JSON can hold them")
}
