//! The device stage: decode, registry, last state, presence, thresholds, watches, fences. Keyed by device.
//!
//! **Watches** every record of a batch that belongs to this worker's devices. **Says** track points, samples, views,
//! quarantined messages; and to the alarm stage, the devices' own alarms, limits passed, calls for help, commands.
//!
//! **Late data.** A message is late when its device time lies further behind the receive time than the rules call fresh;
//! it is older when something newer of the same kind is known. Older positions never move the live marker;
//! a late one that is newer than all before it does, and shows its age. Late or older readings neither show as live nor
//! reach a threshold. All enter the history. A late alarm or SOS is
//! raised and marked late. Times ahead of ours count as received now where it comes to order.
//!
//! **Views.** A device that speaks fifty times in a batch shows once, at the batch's end, with its last state; every one
//! of its track points and samples goes out. So a buffered upload costs the live socket one update.
//!
//! **Presence.** Any element that decodes is a sign of life. `"online": false` (what a will carries) is a goodbye; a will
//! that the hub publishes for a device is not its voice and counts as nothing else. Silence counts from when the hub could
//! have heard it. A fixed device other than a lamp that is silent for too long without a goodbye of its own is an alarm
//! (`DEVICE_OFFLINE`) where the rules know that type; lamps hang on circuits, which say so for them.
//!
//! **Watches and fences.** Beside limits, the rules' watches judge the values of each report, the status and the alarm
//! messages of a device ([`watching`]), and fences judge its positions ([`fencing`]). Data of bad quality neither raises nor
//! clears; a point that stays bad is an alarm of its own (`DATA_QUALITY_BAD`).
//!
//! **Remembers** per device its profile, last state, at most 256 points, each with its limits, and the memories of its
//! watches and of the fences near it; at most
//! [`UNREGISTERED_MAX`] devices that nobody registered. Registered devices are bounded by who may register.
//! **Costs** about 0.3 µs per position beside the decoding; no allocation except what goes out. An alarm message that says
//! again what its device said before costs no condition ([`told`]).

mod apply;
mod fencing;
mod pair;
mod record;
mod state;
mod timers;
mod told;
mod watching;

use self::state::{Device, Listening};
use self::timers::{NEVER, Timers};
use super::{AlarmInput, Head, PartError, Piece, Place, Placed, Stage, ToAlarm, owner, read_part, write_part};
use greenhub_alarms::fence::FenceSet;
use greenhub_alarms::threshold::{self, Edge, LimitRule};
use greenhub_alarms::watch::WatchSet;
use greenhub_alarms::{Again, Condition, RuleSet};
use greenhub_model::decode::Decode;
use greenhub_model::{Batch, DeviceId, Output, Position, ReceivedTime, RecordKind};
pub(crate) use record::rules_of;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Most devices admitted without a registration, per worker.
pub(crate) const UNREGISTERED_MAX: usize = 100_000;
/// Name under which this stage's state stands in a snapshot, before the worker's number.
pub(crate) const PART: &str = "devices";

/// All devices of one worker.
pub(crate) struct DeviceStage {
    worker: usize,
    peers: usize,
    decoder: Arc<dyn Decode>,
    rules: Arc<RuleSet>,
    /// Their watches and fences, made ready.
    ready: Arc<Ready>,
    /// Rules are given from outside; changes in the log are passed over (candidate rules of a replay).
    pinned: Option<Arc<RuleSet>>,
    devices: Devices,
    listening: Listening,
    timers: Timers,
    dirty: Vec<u32>,
    decoded: Vec<record::Decoded>,
    muted: bool,
    withheld: u64,
}

/// What the rules say about watches and fences, made ready for use; the same for all devices.
struct Ready {
    watches: WatchSet,
    fences: FenceSet,
}

impl Ready {
    fn new(rules: &RuleSet) -> Self {
        Self { watches: WatchSet::new(&rules.watches), fences: FenceSet::new(&rules.fences, rules.utc_offset_min) }
    }
}

/// The stage's state as it stands in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DevicePart {
    rules: Arc<RuleSet>,
    listening: Listening,
    devices: Vec<Device>,
}

impl DevicePart {
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Self, PartError> {
        read_part(name, bytes)
    }
    /// The rules in force when the snapshot was taken.
    pub(crate) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }
    /// Every device and what it hangs on.
    pub(crate) fn parents(&self) -> impl Iterator<Item = (&DeviceId, Option<&DeviceId>)> {
        self.devices.iter().map(|device| (&device.profile.device, device.profile.parent.as_ref()))
    }
    /// Keeps who is registered and what is configured, and forgets what devices said.
    pub(crate) fn forget(&mut self) {
        self.listening = Listening::default();
        self.devices.retain(|device| device.registered);
        self.devices.iter_mut().for_each(|device| *device = Device::new(device.profile.clone(), true));
    }
    /// Every device as live views show it, in order of id.
    pub(crate) fn views(&self) -> impl Iterator<Item = Output> + '_ {
        self.devices.iter().map(|device| device.view(&self.rules))
    }
}

/// Devices in slots, found by id. The hash is fixed (FNV-1a) and nothing ever iterates the map, so it cannot reach an
/// output; who may fill it is decided by registration.
#[derive(Default)]
struct Devices {
    slots: Vec<Option<Device>>,
    free: Vec<u32>,
    by_id: HashMap<DeviceId, u32, BuildHasherDefault<Fnv>>,
    unregistered: usize,
}

struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Devices {
    fn slot(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    fn get(&mut self, slot: u32) -> Option<&mut Device> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    fn insert(&mut self, device: Device) -> u32 {
        let id = device.profile.device.clone();
        self.unregistered += usize::from(!device.registered);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(device);
                slot
            }
            None => {
                self.slots.push(Some(device));
                u32::try_from(self.slots.len() - 1).expect("fewer than 4 billion devices fit into memory")
            }
        };
        self.by_id.insert(id, slot);
        slot
    }

    fn remove(&mut self, id: &str) -> Option<Device> {
        let slot = self.by_id.remove(id)?;
        let device = self.slots[slot as usize].take()?;
        self.unregistered -= usize::from(!device.registered);
        self.free.push(slot);
        Some(device)
    }

    /// All slots in order of id.
    fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<(&DeviceId, u32)> = Vec::with_capacity(self.by_id.len());
        for (slot, device) in self.slots.iter().enumerate() {
            if let Some(device) = device {
                order.push((&device.profile.device, slot as u32));
            }
        }
        order.sort();
        order.into_iter().map(|(_, slot)| slot).collect()
    }
}

/// Where the outputs of one batch collect.
struct Said {
    head: Head,
    inputs: Vec<Placed<AlarmInput>>,
    piece: Piece,
    /// Outputs are counted and not made; conditions and commands are.
    muted: bool,
    withheld: u64,
}

/// Who speaks, and the next number in its order.
struct Voice {
    position: Position,
    stage: Stage,
    device: Option<DeviceId>,
    sequence: u32,
}

impl Voice {
    fn record(position: Position) -> Self {
        Self { position, stage: Stage::Record, device: None, sequence: 0 }
    }

    fn place(&mut self) -> Place {
        let place =
            Place { position: self.position, stage: self.stage, device: self.device.clone(), sequence: self.sequence };
        self.sequence += 1;
        place
    }
}

impl Said {
    fn output(&mut self, voice: &mut Voice, value: impl FnOnce() -> Output) {
        if self.muted {
            // What follows keeps its place in the order.
            voice.sequence += 1;
            self.withheld += 1;
            return;
        }
        self.piece.outputs.push(Placed { place: voice.place(), value: value() });
    }
    fn condition(&mut self, voice: &mut Voice, condition: Condition) {
        let value = AlarmInput::Condition(Box::new(condition));
        self.inputs.push(Placed { place: voice.place(), value });
    }
    fn once_more(&mut self, voice: &mut Voice, condition: Arc<Condition>, again: Again) {
        self.inputs.push(Placed { place: voice.place(), value: AlarmInput::Again(condition, again) });
    }
}

impl DeviceStage {
    /// The stage of `worker` among `peers`, with its share of what `parts` hold. `pinned` rules win over all others.
    pub(crate) fn new(
        worker: usize,
        peers: usize,
        decoder: Arc<dyn Decode>,
        rules: Arc<RuleSet>,
        pinned: Option<Arc<RuleSet>>,
        parts: &[DevicePart],
    ) -> Self {
        let mut stage = Self {
            worker,
            peers,
            decoder,
            ready: Arc::new(Ready::new(&rules)),
            rules,
            pinned,
            devices: Devices::default(),
            listening: parts.first().map(|part| part.listening).unwrap_or_default(),
            timers: Timers::default(),
            dirty: Vec::new(),
            decoded: Vec::new(),
            muted: false,
            withheld: 0,
        };
        for part in parts {
            // A snapshot's memories belong to the rules that stand in it.
            let watches = WatchSet::new(&part.rules.watches);
            for device in part.devices.iter().filter(|d| owner(d.profile.device.as_str(), peers) == worker) {
                let mut device = device.clone();
                device.watches.bind(&watches, &device.profile);
                let slot = stage.devices.insert(device);
                stage.arm(slot);
            }
        }
        stage
    }

    /// Takes a new device in, watched from now on.
    fn admit(&mut self, mut device: Device) -> u32 {
        device.watches.bind(&self.ready.watches, &device.profile);
        self.devices.insert(device)
    }

    /// When time alone will make a device speak. May be early, never late.
    pub(crate) fn deadline(&self) -> Option<ReceivedTime> {
        self.timers.next()
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Runs one batch.
    pub(crate) fn batch(&mut self, batch: &Batch, snapshot: bool) -> ToAlarm {
        let mut said = self.begin(batch, snapshot);
        for step in batch.records() {
            match step {
                Ok((position, record)) => self.record(position, &record, &mut said),
                // The log checks a batch before it hands it out; a record that does not parse has no door to be
                // counted at, and what follows it in the batch cannot be found.
                Err(_) => break,
            }
        }
        self.end(said)
    }

    /// Time passes, before anything in the batch is looked at.
    fn begin(&mut self, batch: &Batch, snapshot: bool) -> Said {
        let head = Head::of(batch, snapshot);
        let (inputs, piece) = (Vec::new(), Piece::default());
        let mut said = Said { head, inputs, piece, muted: self.muted, withheld: 0 };
        self.listening.hear(batch.received);
        self.change_rules(batch, &mut said);
        self.fire(&mut said);
        said
    }

    fn end(&mut self, mut said: Said) -> ToAlarm {
        self.show(&mut said);
        if said.head.snapshot {
            said.piece.parts.push((format!("{PART}.{}", self.worker), write_part(&self.part())));
        }
        self.withheld += said.withheld;
        ToAlarm { to: self.worker as u64, head: said.head, inputs: said.inputs, piece: said.piece }
    }

    fn part(&self) -> DevicePart {
        let devices = self.devices.in_order().into_iter();
        let devices = devices.filter_map(|slot| self.devices.slots[slot as usize].clone()).collect();
        DevicePart { rules: self.rules.clone(), listening: self.listening, devices }
    }

    /// Time passes: presence and delays of all devices whose time has come, in order of id.
    fn fire(&mut self, said: &mut Said) {
        let now = said.head.received;
        let mut due = Vec::new();
        self.timers.due(now, |slot, at| due.push((slot, at)));
        if due.is_empty() {
            return;
        }
        let mut order = Vec::with_capacity(due.len());
        for (slot, at) in due {
            // An entry that is not the armed one was overtaken by an earlier one, or its device is gone.
            if let Some(device) = self.devices.get(slot).filter(|d| d.armed == at) {
                device.armed = NEVER;
                order.push((device.profile.device.clone(), slot));
            }
        }
        order.sort();
        for (id, slot) in order {
            let rules = self.rules.clone();
            let Some(device) = self.devices.get(slot) else { continue };
            let mut voice =
                Voice { position: said.head.first, stage: Stage::DeviceTimer, device: Some(id), sequence: 0 };
            let silence = device.pass_time(&rules, &self.listening, now);
            if let Some(condition) = device.silence_alarm(&rules, silence.missed, now, said.head.first) {
                said.condition(&mut voice, condition);
            }
            if silence.changed {
                self.dirty(slot);
            }
            self.advance_limits(slot, &rules, &mut voice, said);
            let (listening, first, ready) = (self.listening.since, said.head.first, self.ready.clone());
            if let Some(device) = self.devices.get(slot) {
                device.watch_presence(&rules, (now, first), (&mut voice, said));
                device.advance_watches(&rules, listening, (now, first), &mut voice, said);
                device.advance_fences(&ready.fences, (now, first), &mut voice, said);
            }
            self.arm(slot);
        }
    }

    fn advance_limits(&mut self, slot: u32, rules: &RuleSet, voice: &mut Voice, said: &mut Said) {
        let now = said.head.received;
        let Some(device) = self.devices.get(slot) else { return };
        let mut edges: Vec<(LimitRule, Edge)> = Vec::new();
        for watched in device.points.values_mut().flat_map(|point| &mut point.limits) {
            if let Some(edge) = threshold::advance(&watched.rule, &mut watched.memory, now) {
                edges.push((watched.rule.clone(), edge));
            }
        }
        for (rule, edge) in edges {
            let condition = limit_condition(device, rules, &rule, edge, now, said.head.first);
            said.condition(voice, condition);
        }
    }

    /// New rules hold from the batch they stand in, on every worker, before anything else of it.
    fn change_rules(&mut self, batch: &Batch, said: &mut Said) {
        let mut newest = None;
        match &self.pinned {
            Some(pinned) => newest = (!Arc::ptr_eq(pinned, &self.rules)).then(|| pinned.clone()),
            None => {
                for (position, record) in batch.records().map_while(Result::ok) {
                    if record.kind != RecordKind::Config {
                        continue;
                    }
                    match record::rules_of(record.payload) {
                        None => {}
                        Some(Ok(rules)) => newest = Some(Arc::new(rules)),
                        Some(Err(reject)) => self.quarantine_once(position, &record, reject, said),
                    }
                }
            }
        }
        let Some(rules) = newest else { return };
        said.head.rules = Some(rules.clone());
        self.rules = rules.clone();
        self.ready = Arc::new(Ready::new(&rules));
        let ready = self.ready.clone();
        for slot in self.devices.in_order() {
            let (received, first) = (said.head.received, said.head.first);
            let Some(device) = self.devices.get(slot) else { continue };
            let id = device.profile.device.clone();
            let orphans = device.rewatch(&rules, &ready);
            let mut voice = Voice { position: first, stage: Stage::DeviceTimer, device: Some(id), sequence: 0 };
            for orphan in orphans {
                let condition = device.taken_back(&orphan, received, first);
                said.condition(&mut voice, condition);
            }
            self.arm(slot);
        }
    }

    /// The views of all devices that spoke or changed.
    fn show(&mut self, said: &mut Said) {
        let (end, rules) = (said.head.end, self.rules.clone());
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(device) = self.devices.get(slot).filter(|d| d.dirty) else { continue };
            device.dirty = false;
            if said.muted {
                said.withheld += 1;
                continue;
            }
            let id = Some(device.profile.device.clone());
            let mut voice = Voice { position: end, stage: Stage::View, device: id, sequence: 0 };
            said.output(&mut voice, || device.view(&rules));
        }
        // Its room is used again by the next batch.
        self.dirty = dirty;
    }

    fn dirty(&mut self, slot: u32) {
        if let Some(device) = self.devices.get(slot).filter(|d| !d.dirty) {
            device.dirty = true;
            self.dirty.push(slot);
        }
    }

    fn arm(&mut self, slot: u32) {
        let rules = self.rules.clone();
        let Some(device) = self.devices.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let deadline = device.deadline(&rules, &self.ready, &self.listening);
        self.timers.arm(slot, &mut device.armed, deadline);
    }

    fn is_mine(&self, key: &str) -> bool {
        self.peers <= 1 || owner(key, self.peers) == self.worker
    }
}

/// A limit was passed, or is no longer.
fn limit_condition(
    device: &Device,
    rules: &RuleSet,
    rule: &LimitRule,
    edge: Edge,
    received: ReceivedTime,
    position: Position,
) -> Condition {
    let (unit, label) = device.words(rules, &rule.point);
    let text = rule.describe(&label, &unit, &edge);
    let mut condition = device.condition(rule.code.clone(), edge.active, received, position);
    condition.severity = Some(rule.severity);
    condition.value = Some(edge.value);
    condition.limit = Some(rule.limit);
    condition.unit = unit;
    condition.text = text;
    condition.at = edge.at;
    condition.by = rule.id();
    condition
}
