//! The alarm stage: conditions and human commands in their order to the desk, the desk's words to the outputs.
//!
//! **Watches** nothing itself: what raises, clears, merges and has priority is decided by [`greenhub_alarms`]. This stage
//! puts what arrives in one order (place), lets the desk's time pass at the start of each batch, and answers commands.
//!
//! **Late data**: a late condition says so itself; the desk decides.
//! **Remembers** the desk and nothing beside it.

use super::{
    AlarmInput, Head, PartError, Piece, Place, Placed, Stage, ToAlarm, ToGather, owner, read_part, write_part,
};
use greenhub_alarms::{AlarmDesk, DeskOutput, RuleSet};
use greenhub_model::{Alarm, DeviceId, Output, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name under which this stage's state stands in a snapshot, before the worker's number.
pub(crate) const PART: &str = "alarms";

/// All alarms of one worker's devices.
pub(crate) struct AlarmStage {
    worker: usize,
    rules: Arc<RuleSet>,
    desk: AlarmDesk,
    said: Vec<DeskOutput>,
}

/// The stage's state as it stands in a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmPart {
    desk: AlarmDesk,
}

impl AlarmPart {
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Self, PartError> {
        read_part(name, bytes)
    }
    /// The alarms that stand in this part.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.desk.standing()
    }
}

impl AlarmStage {
    /// The stage of `worker` among `peers`, with its share of what `parts` hold.
    pub(crate) fn new(worker: usize, peers: usize, rules: Arc<RuleSet>, parts: &[AlarmPart]) -> Self {
        let mut stage = Self { worker, rules, desk: AlarmDesk::new(), said: Vec::new() };
        for part in parts {
            let mine = part.desk.clone().split(peers, |device| owner(device.as_str(), peers));
            if let Some(desk) = mine.into_iter().nth(worker) {
                stage.desk.absorb(desk);
            }
        }
        stage
    }

    /// When time alone will make the desk speak.
    pub(crate) fn deadline(&self) -> Option<ReceivedTime> {
        self.desk.deadline()
    }

    /// Runs one batch: all that the device stages of all workers have to say about this worker's alarms.
    pub(crate) fn batch(&mut self, told: Vec<ToAlarm>) -> Option<ToGather> {
        let head = told.first()?.head.clone();
        let mut piece = Piece::default();
        let mut inputs = Vec::new();
        for one in told {
            inputs.extend(one.inputs);
            piece.absorb(one.piece);
        }
        if let Some(rules) = &head.rules {
            self.rules = rules.clone();
        }
        self.desk.advance(&self.rules, head.received, head.first, &mut self.said);
        self.speak(head.first, Stage::AlarmTimer, &mut 0, &mut piece);
        inputs.sort_by(|a, b| a.place.cmp(&b.place));
        self.run(&head, inputs, &mut piece);
        if head.snapshot {
            let part = AlarmPart { desk: self.desk.clone() };
            piece.parts.push((format!("{PART}.{}", self.worker), write_part(&part)));
        }
        Some(ToGather { head, piece })
    }

    fn run(&mut self, head: &Head, inputs: Vec<Placed<AlarmInput>>, piece: &mut Piece) {
        let mut last = None;
        let mut sequence = 0;
        for Placed { place, value } in inputs {
            if last != Some((place.position, place.stage)) {
                last = Some((place.position, place.stage));
                sequence = 0;
            }
            let stage = if place.stage == Stage::DeviceTimer { Stage::TimerAlarm } else { Stage::RecordAlarm };
            match value {
                AlarmInput::Condition(condition) => {
                    self.desk.apply(&self.rules, *condition, &mut self.said);
                    self.speak(place.position, stage, &mut sequence, piece);
                }
                AlarmInput::Again(condition, again) => {
                    self.desk.again(&self.rules, &condition, again, &mut self.said);
                    self.speak(place.position, stage, &mut sequence, piece);
                }
                AlarmInput::Command(request) => {
                    let result =
                        self.desk.command(&self.rules, &request, head.received, place.position, &mut self.said);
                    self.speak(place.position, stage, &mut sequence, piece);
                    let place = Place { position: place.position, stage: Stage::Answer, device: None, sequence };
                    let value = Output::CommandDone { request_id: request.request_id, result };
                    piece.outputs.push(Placed { place, value });
                }
            }
        }
    }

    /// Moves what the desk said to the outputs.
    fn speak(&mut self, position: Position, stage: Stage, sequence: &mut u32, piece: &mut Piece) {
        for said in self.said.drain(..) {
            let (device, value): (DeviceId, Output) = match said {
                DeskOutput::Alarm(change) => (change.alarm.device.clone(), Output::Alarm(change)),
                DeskOutput::Service(change) => (change.device.clone(), Output::Service(change)),
                DeskOutput::Order(trigger) => (trigger.device.clone(), Output::Order(trigger)),
            };
            let place = Place { position, stage, device: Some(device), sequence: *sequence };
            *sequence += 1;
            piece.outputs.push(Placed { place, value });
        }
    }
}
