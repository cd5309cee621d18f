//! The desk: all alarms of some devices, from conditions and human commands to changes and orders.
//!
//! ```text
//! Condition ──▶ classify ─▶ merge ─▶ standing ─▶ prioritise ──▶ AlarmChange, and one OrderTrigger at P1 or P2
//! CommandRequest ───────────────────▶ standing ───────────────▶ AlarmChange, or a refusal
//! time ─────────▶ shelf over, re-alarm ─▶ standing ───────────▶ AlarmChange
//! time ─────────▶ unacknowledged for long, time of day ─▶ prioritise ──▶ AlarmChange, and the order at P2
//! ```
//!
//! The host calls four things: [`AlarmDesk::advance`] with the time of each batch before anything else of that batch,
//! [`AlarmDesk::apply`], [`AlarmDesk::command`], and asks [`AlarmDesk::deadline`] when it must be called again.
//!
//! **Invariants.** Every raise is one event of exactly one occurrence. An occurrence triggers at most one order in its
//! life, however often it repeats, reopens or escalates. A command with a known request id returns its first result and
//! changes nothing. Outputs depend on the inputs of one device only: a desk split by device says the same.
//!
//! **Late data** is raised and marked late; what is older than its source's newest word changes nothing that stands now.
//! An event time in the future is taken as the receive time, or a clock set right would find its own words too old.
//!
//! **Repeats** that change nothing but the count are counted at once and told together, at most once a second ([`repeats`]).
//!
//! **Remembers** per key: the newest word of at most 16 sources, one occurrence, at most 64 answered requests; per device
//! at most `keys_per_device_max` keys (one more says so). **Forgets** an occurrence `remember_ms` after it is over, and a
//! lone "holds no more" after the lateness. Whether memory has been cleaned up never shows in an output.
//! **Costs** (50,000 standing, visited at random, a busy machine) about 6 µs per condition that changes or repeats an alarm,
//! most of it copying the alarm into its change, and 2 µs per condition that changes nothing; 1.7 kB per alarm in a snapshot.

mod commands;
mod device;
pub(crate) use device::TOO_MANY_CODE;
mod occurrence;
mod repeats;
pub(crate) use occurrence::{HUB, order_title};
mod slot;
#[cfg(test)]
mod tests;

use crate::condition::{Again, AlarmKey, Condition, device_of_alarm};
use crate::rules::RuleSet;
use device::Device;
use greenhub_model::alarm::Alarm;
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::{AlarmChange, ServiceChange};
use greenhub_model::{AlarmId, Command, CommandRefusal, CommandRequest, DeviceId, Position, ReceivedTime};
use repeats::Repeated;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the desk says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DeskOutput {
    /// An alarm changed: its state after the change, and the event.
    Alarm(Box<AlarmChange>),
    /// A device went out of service, or came back.
    Service(Box<ServiceChange>),
    /// Open an order; at most once per occurrence.
    Order(Box<OrderTrigger>),
}

/// Devices by a time.
type Index = BTreeSet<(ReceivedTime, DeviceId)>;

/// All alarms of some devices. Serialises to a map by device.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct AlarmDesk {
    devices: BTreeMap<DeviceId, Device>,
    /// Devices by the time at which [`AlarmDesk::advance`] has something to say about them.
    #[serde(skip)]
    due: Index,
    /// Devices by the time before which there is nothing to forget.
    #[serde(skip)]
    fading: Index,
}

#[derive(Deserialize)]
struct Saved {
    devices: BTreeMap<DeviceId, Device>,
}

impl From<Saved> for AlarmDesk {
    fn from(saved: Saved) -> Self {
        let mut desk = AlarmDesk::new();
        for (id, device) in saved.devices {
            desk.adopt(id, device);
        }
        desk
    }
}

impl PartialEq for AlarmDesk {
    /// Equal memories; the indexes follow from them.
    fn eq(&self, other: &Self) -> bool {
        self.devices == other.devices
    }
}

impl AlarmDesk {
    /// A desk that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one condition in.
    pub fn apply(&mut self, rules: &RuleSet, condition: Condition, out: &mut Vec<DeskOutput>) {
        if !condition.late && self.counted(rules, &condition, condition.moment()) {
            return;
        }
        self.judge(rules, condition, out);
    }

    /// Takes in that a condition is stated once more, in time: the same as [`AlarmDesk::apply`] of
    /// [`Condition::once_more`], which is not made where it is a mere repeat.
    pub fn again(&mut self, rules: &RuleSet, of: &Condition, again: Again, out: &mut Vec<DeskOutput>) {
        if !self.counted(rules, of, again) {
            self.judge(rules, of.once_more(again), out);
        }
    }

    /// Counts a mere repeat; false where it is more than that.
    fn counted(&mut self, rules: &RuleSet, of: &Condition, again: Again) -> bool {
        let Some(device) = self.devices.get_mut(&of.device) else { return false };
        match device.repeat(rules, of, again) {
            Repeated::No => return false,
            Repeated::Held { first: false } => {}
            Repeated::Held { first: true } => index(&mut self.due, &mut self.fading, &of.device, device),
        }
        true
    }

    fn judge(&mut self, rules: &RuleSet, condition: Condition, out: &mut Vec<DeskOutput>) {
        let id = condition.device.clone();
        let device = self.devices.entry(id.clone()).or_default();
        device.apply(rules, condition, out);
        index(&mut self.due, &mut self.fading, &id, device);
    }

    /// Carries out a human command, once per request id and alarm.
    pub fn command(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        let found = self.devices.get_key_value(request.command.device()).map(|(id, _)| id.clone());
        let id = match (found, &request.command) {
            (Some(id), _) => id,
            (None, Command::RemoveFromService { device, .. }) => {
                self.devices.insert(device.clone(), Device::default());
                device.clone()
            }
            (None, command) => return Err(commands::nothing_there(command)),
        };
        let device = self.devices.get_mut(&id).expect("found one line above");
        let result = device.command(rules, request, received, position, out);
        self.reindex(&id);
        result
    }

    /// Lets time pass until `received`: shelves that are over, alarms that call again or weigh more. `position` is the first position
    /// of the batch that brought the time. What it says is ordered by device, then by key.
    pub fn advance(&mut self, rules: &RuleSet, received: ReceivedTime, position: Position, out: &mut Vec<DeskOutput>) {
        for id in until(&self.due, received) {
            if let Some(device) = self.devices.get_mut(&id) {
                device.advance(rules, received, position, out);
            }
            self.reindex(&id);
        }
        for id in until(&self.fading, received) {
            let Some(device) = self.devices.get_mut(&id) else { continue };
            device.forget(received);
            if let Some(at) = device.fade_indexed.take() {
                self.fading.remove(&(at, id.clone()));
            }
            if device.is_empty() {
                self.devices.remove(&id);
            } else {
                self.reindex(&id);
            }
        }
    }

    /// When [`AlarmDesk::advance`] has something to say, if nothing arrives before.
    pub fn deadline(&self) -> Option<ReceivedTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The alarms that stand, hidden ones included, ordered by device and key.
    pub fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.devices.values().flat_map(Device::standing)
    }

    /// One remembered alarm, standing or over.
    pub fn alarm(&self, id: &AlarmId) -> Option<&Alarm> {
        self.devices.get(device_of_alarm(id))?.alarm(id)
    }

    /// Forgets a device that was struck off, and returns the alarms of it that stood.
    pub fn remove_device(&mut self, id: &DeviceId) -> Vec<Alarm> {
        let Some(device) = self.devices.remove(id) else {
            return vec![];
        };
        self.unindex(id, &device);
        device.standing().cloned().collect()
    }

    /// Splits the desk over `workers` desks; `route` may only look at the device of the key
    /// ([`crate::condition::partition`]).
    pub fn split(self, workers: usize, route: impl Fn(&DeviceId) -> usize) -> Vec<AlarmDesk> {
        let mut desks = vec![AlarmDesk::new(); workers.max(1)];
        for (id, device) in self.devices {
            let desk = route(&id) % desks.len();
            desks[desk].adopt(id, device);
        }
        desks
    }

    /// Takes over all devices of another desk; a device must not be in both.
    pub fn absorb(&mut self, other: AlarmDesk) {
        for (id, device) in other.devices {
            self.adopt(id, device);
        }
    }

    /// Keys of all alarms remembered, in order.
    pub fn keys(&self) -> impl Iterator<Item = AlarmKey> {
        self.devices.iter().flat_map(|(id, device)| device.keys(id))
    }

    fn adopt(&mut self, id: DeviceId, mut device: Device) {
        device.due_indexed = None;
        device.fade_indexed = None;
        self.devices.insert(id.clone(), device);
        self.reindex(&id);
    }

    fn reindex(&mut self, id: &DeviceId) {
        if let Some(device) = self.devices.get_mut(id) {
            index(&mut self.due, &mut self.fading, id, device);
        }
    }

    fn unindex(&mut self, id: &DeviceId, device: &Device) {
        if let Some(at) = device.due_indexed {
            self.due.remove(&(at, id.clone()));
        }
        if let Some(at) = device.fade_indexed {
            self.fading.remove(&(at, id.clone()));
        }
    }
}

/// The devices whose time has come, in the order of their names.
fn until(index: &Index, received: ReceivedTime) -> BTreeSet<DeviceId> {
    index.iter().take_while(|(at, _)| *at <= received).map(|(_, id)| id.clone()).collect()
}

/// Puts a device where its deadlines say. The index of fading may be early, never late.
fn index(due: &mut Index, fading: &mut Index, id: &DeviceId, device: &mut Device) {
    let deadline = device.deadline();
    if deadline != device.due_indexed {
        if let Some(old) = device.due_indexed {
            due.remove(&(old, id.clone()));
        }
        due.extend(deadline.map(|at| (at, id.clone())));
        device.due_indexed = deadline;
    }
    if device.fade_indexed.is_none() {
        device.fade_indexed = device.fades_at();
        fading.extend(device.fade_indexed.map(|at| (at, id.clone())));
    }
}
