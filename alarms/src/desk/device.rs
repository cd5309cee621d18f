//! The keys of one device, and the names of its occurrences.
//!
//! An occurrence is named after the log position of its first raise. One record can give birth to several (an array with
//! two connectors, a buffered upload): the second and later ones of one code get `-2`, `-3` behind the position. Positions
//! never fall, so it is enough to remember the births of the newest one.

use super::DeskOutput;
use super::commands;
use super::occurrence::Answered;
use super::repeats::Repeated;
use super::slot::{Covers, Slot};
use crate::condition::{Again, AlarmKey, Condition};
use crate::merge;
use crate::rules::{RuleSet, SuppressionRule};
use greenhub_model::alarm::Alarm;
use greenhub_model::output::{Permit, ServiceChange};
use greenhub_model::{
    AlarmCode, AlarmId, Class, Command, CommandRefusal, CommandRequest, DeviceId, Position, ReceivedTime,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The alarm type that stands for all further kinds once a device has too many.
pub(crate) const TOO_MANY_CODE: &str = "TOO_MANY_ALARMS";

/// Up to so many keys are looked through, which needs no key of our own.
const FEW_KEYS: usize = 8;

/// Everything remembered of one device.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Device {
    slots: BTreeMap<SlotKey, Slot>,
    #[serde(default, skip_serializing_if = "Births::is_empty")]
    births: Births,
    /// Out of service with this permit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permit: Option<Permit>,
    /// The newest request about its service, with its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    served: Option<Answered>,
    /// Under which time the desk's index holds it; not part of the memory.
    #[serde(skip)]
    pub(super) due_indexed: Option<ReceivedTime>,
    #[serde(skip)]
    pub(super) fade_indexed: Option<ReceivedTime>,
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots
            && self.births == other.births
            && self.permit == other.permit
            && self.served == other.served
    }
}

/// Code and sub-component; written as `CODE` or `CODE/part`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct SlotKey {
    code: AlarmCode,
    sub_component: Option<String>,
}

impl TryFrom<String> for SlotKey {
    type Error = greenhub_model::IdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (code, part) = match text.split_once('/') {
            Some((code, part)) => (code, Some(part.to_owned())),
            None => (text.as_str(), None),
        };
        Ok(Self { code: AlarmCode::new(code)?, sub_component: part })
    }
}

impl From<SlotKey> for String {
    fn from(key: SlotKey) -> String {
        match key.sub_component {
            Some(part) => format!("{}/{part}", key.code),
            None => key.code.to_string(),
        }
    }
}

/// Occurrences born at the newest position, per code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Births {
    at: u64,
    counts: BTreeMap<AlarmCode, u32>,
}

impl Births {
    fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Names the next occurrence of `code` that begins at `position`.
    pub(super) fn name(&mut self, device: &DeviceId, code: &AlarmCode, position: Position) -> AlarmId {
        if self.at != position.0 {
            self.at = position.0;
            self.counts.clear();
        }
        let count = self.counts.entry(code.clone()).or_insert(0);
        *count += 1;
        let first = AlarmId::of(device, code, position.0);
        match *count {
            1 => first,
            n => AlarmId::new(&format!("{first}-{n}")).expect("64 + 64 + 20 + 10 digits and 3 marks fit into 160"),
        }
    }
}

impl Device {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.permit.is_none() && self.served.is_none()
    }

    pub(super) fn apply(&mut self, rules: &RuleSet, mut condition: Condition, out: &mut Vec<DeskOutput>) {
        condition.at = condition.at.min(condition.received.millis());
        let AlarmKey { code, sub_component, .. } = condition.key();
        let key = SlotKey { code, sub_component };
        condition.sub_component.clone_from(&key.sub_component);
        if !self.slots.contains_key(&key) && self.slots.len() >= rules.merge.keys_per_device_max {
            self.forget(condition.received);
            if condition.active && self.slots.len() >= rules.merge.keys_per_device_max {
                // A lone return only helps data out of order; an alarm is worth more.
                self.slots.retain(|_, slot| slot.alarm().is_some());
            }
            if self.slots.len() >= rules.merge.keys_per_device_max && condition.code.as_str() != TOO_MANY_CODE {
                return self.fold(rules, condition, out);
            }
        }
        let (class, received, position) = (condition.class, condition.received, condition.position);
        let covers = self.covers(rules, class, &key.code);
        let slot = self.slots.entry(key).or_default();
        if slot.forgotten(condition.received) {
            *slot = Slot::default();
        }
        slot.apply(rules, condition, &covers, &mut self.births, out);
        self.suppress(rules, class, (received, position), out);
    }

    /// Counts a condition that changes nothing else.
    pub(super) fn repeat(&mut self, rules: &RuleSet, of: &Condition, again: Again) -> Repeated {
        // A part that was cut is not found here and takes the long way.
        let part = of.sub_component.as_deref().filter(|part| !part.is_empty());
        let slot = if self.slots.len() <= FEW_KEYS {
            let mut slots = self.slots.iter_mut();
            slots.find(|(key, _)| key.code == of.code && key.sub_component.as_deref() == part).map(|(_, slot)| slot)
        } else {
            self.slots.get_mut(&SlotKey { code: of.code.clone(), sub_component: part.map(str::to_owned) })
        };
        slot.map_or(Repeated::No, |slot| slot.repeat(rules, of, again))
    }

    /// What hides a raise of `code` from the start.
    fn covers(&self, rules: &RuleSet, class: Class, code: &AlarmCode) -> Covers {
        let hides = |rule: &&SuppressionRule| {
            rule.class == class && rule.hides.contains(code) && self.holds(&rule.while_active)
        };
        let suppressed_by = rules.suppressions.iter().filter(hides).map(|rule| rule.id.clone()).collect();
        Covers { out_of_service: self.permit.is_some(), suppressed_by }
    }

    fn holds(&self, code: &AlarmCode) -> bool {
        self.slots.iter().any(|(key, slot)| &key.code == code && slot.is_active())
    }

    /// Follows the rules of suppression by design for all alarms that stand.
    fn suppress(&mut self, rules: &RuleSet, class: Class, now: (ReceivedTime, Position), out: &mut Vec<DeskOutput>) {
        for rule in rules.suppressions.iter().filter(|rule| rule.class == class) {
            let wanted = self.holds(&rule.while_active);
            for (key, slot) in &mut self.slots {
                if rule.hides.contains(&key.code) {
                    slot.suppress(rules, &rule.id, wanted, now, out);
                }
            }
        }
    }

    /// One alarm for all kinds beyond the bound: raised and returned at once, so that a person must look and nothing hangs.
    fn fold(&mut self, rules: &RuleSet, mut condition: Condition, out: &mut Vec<DeskOutput>) {
        if !condition.active {
            return;
        }
        condition.text = merge::too_many(condition.code.as_str(), &rules.merge);
        condition.code = AlarmCode::new(TOO_MANY_CODE).expect("follows the grammar");
        condition.sub_component = None;
        condition.severity = None;
        condition.by = condition.device.to_string();
        let end = Condition { active: false, ..condition.clone() };
        self.apply(rules, condition, out);
        self.apply(rules, end, out);
    }

    pub(super) fn command(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        let Some(id) = request.command.alarm() else {
            return self.serve(rules, request, (received, position), out);
        };
        let slot = self.slots.values_mut().find(|slot| slot.alarm().is_some_and(|alarm| &alarm.id == id));
        match slot.filter(|slot| !slot.forgotten(received)) {
            Some(slot) => slot.command(rules, request, received, position, out),
            None => Err(CommandRefusal::NoSuchAlarm { alarm: id.clone() }),
        }
    }

    /// Takes the device out of service, or gives it back; once per request.
    fn serve(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        now: (ReceivedTime, Position),
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        let command = commands::fingerprint(request);
        if let Some(known) = self.served.as_ref().filter(|known| known.request_id == request.request_id) {
            return match known.command == command {
                true => known.result.clone(),
                false => commands::used_before(),
            };
        }
        let result = self.change_service(rules, request, now, out);
        self.served = Some(Answered { request_id: request.request_id.clone(), command, result: result.clone() });
        result
    }

    fn change_service(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        now: (ReceivedTime, Position),
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        let permit = commands::permit_of(request, now.0)?;
        let invalid = |why: String| Err(CommandRefusal::Invalid { why });
        match (&self.permit, &permit) {
            (Some(known), Some(_)) => {
                return invalid(format!("设备已按作业票 {} 停用，请先恢复投用", known.permit));
            }
            (None, None) => return Err(commands::nothing_there(&request.command)),
            _ => {}
        }
        let text = match (&permit, &request.command) {
            (Some(permit), _) => format!("作业票 {}：{}", permit.permit, permit.reason),
            (None, Command::ReturnToService { comment, .. }) => commands::remark(comment),
            (None, _) => String::new(),
        };
        self.permit.clone_from(&permit);
        for slot in self.slots.values_mut() {
            slot.service(rules, permit.is_none(), &request.by, &text, now, out);
        }
        let device = DeviceId::new(request.command.device())
            .map_err(|error| CommandRefusal::Invalid { why: error.to_string() })?;
        let change = ServiceChange { device, permit, by: request.by.clone(), at: now.0.millis() };
        out.push(DeskOutput::Service(Box::new(change)));
        Ok(())
    }

    pub(super) fn advance(
        &mut self,
        rules: &RuleSet,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) {
        for slot in self.slots.values_mut() {
            slot.advance(rules, received, position, out);
        }
    }

    pub(super) fn deadline(&self) -> Option<ReceivedTime> {
        self.slots.values().filter_map(Slot::deadline).min()
    }

    /// The earliest time at which a key of this device may be forgotten.
    pub(super) fn fades_at(&self) -> Option<ReceivedTime> {
        self.slots.values().filter_map(Slot::fades_at).min()
    }

    pub(super) fn forget(&mut self, received: ReceivedTime) {
        self.slots.retain(|_, slot| !slot.forgotten(received));
    }

    pub(super) fn standing(&self) -> impl Iterator<Item = &Alarm> {
        self.slots.values().filter(|slot| slot.stands()).filter_map(Slot::alarm)
    }

    pub(super) fn alarm(&self, id: &AlarmId) -> Option<&Alarm> {
        self.slots.values().filter_map(Slot::alarm).find(|alarm| &alarm.id == id)
    }

    pub(super) fn keys<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = AlarmKey> + 'a {
        self.slots.keys().map(|key| AlarmKey {
            device: device.clone(),
            code: key.code.clone(),
            sub_component: key.sub_component.clone(),
        })
    }
}
