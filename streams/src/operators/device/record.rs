//! One record: whose it is, whether it can be used, and the count of it in the ledger.

use super::state::Device;
use super::{DeviceStage, Said, UNREGISTERED_MAX, Voice};
use crate::operators::correlate::Hanging;
use crate::operators::{AlarmInput, Placed};
use greenhub_alarms::RuleSet;
use greenhub_model::decode::DecodeContext;
use greenhub_model::geodesy::Datum;
use greenhub_model::output::Quarantined;
use greenhub_model::topic::ROOT;
use greenhub_model::{
    Class, CommandRefusal, CommandRequest, ConfigChange, DeviceId, DeviceProfile, DeviceTopic, Observed, Output,
    Position, ReceivedTime, Record, RecordKind, Reject,
};
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most reasons given for one message; its further bad elements are as bad.
const REASONS_MAX: usize = 16;
/// Most characters of a payload shown in quarantine.
const EXCERPT_CHARS: usize = 512;

/// One element of a message, or why it cannot be used.
pub(super) type Decoded = Result<Observed, (Option<usize>, Reject)>;

/// What became of reading a message.
pub(super) enum Heard {
    /// It belongs to another worker.
    NotMine,
    /// It is no data, and nothing is wrong with it.
    Nothing,
    /// It cannot be used.
    Refused(Reject),
    /// It has elements, of the device in this slot.
    Elements(u32),
}

impl DeviceStage {
    pub(super) fn record(&mut self, position: Position, record: &Record<'_>, said: &mut Said) {
        match record.kind {
            RecordKind::Message => self.message(position, record, said),
            RecordKind::Command => self.command(position, record, said),
            RecordKind::Config => self.config(position, record, said),
            RecordKind::Session | RecordKind::Tick => {}
        }
    }

    fn message(&mut self, position: Position, record: &Record<'_>, said: &mut Said) {
        let mut decoded = std::mem::take(&mut self.decoded);
        let heard = self.read(record, said, &mut decoded);
        self.take_in(&heard, &decoded, (position, record), said);
        self.decoded = decoded;
    }

    /// Whose message it is and what it says, which `decoded` holds afterwards. Of the rules it asks nothing but how device
    /// time is judged.
    pub(super) fn read(&mut self, record: &Record<'_>, said: &Said, decoded: &mut Vec<Decoded>) -> Heard {
        decoded.clear();
        let topic = match DeviceTopic::parse(record.topic) {
            Ok(topic) => topic,
            Err(_) if !self.is_mine(record.topic) => return Heard::NotMine,
            Err(_) if is_downlink(record.topic) => return Heard::Nothing,
            Err(reject) => return Heard::Refused(reject),
        };
        if !self.is_mine(topic.device) {
            return Heard::NotMine;
        }
        // An empty retained message clears the broker's memory; the device says nothing by it.
        if record.retain && record.payload.is_empty() {
            return Heard::Nothing;
        }
        let slot = match self.known(&topic, record.unregistered) {
            Ok(slot) => slot,
            Err(reject) => return Heard::Refused(reject),
        };
        let datum = self.devices.get(slot).map(|d| d.profile.datum).unwrap_or(Datum::Wgs84);
        let context = DecodeContext { received: said.head.received, datum, time: self.rules.time };
        let decoder = &self.decoder;
        // A decoder that panics has a bug; it costs the message, not the district.
        if catch_unwind(AssertUnwindSafe(|| decoder.decode(&topic, &context, record.payload, decoded))).is_err() {
            decoded.clear();
            decoded.push(Err((None, Reject::NotJson { detail: "the decoder failed on it (a bug of the hub)".into() })));
        }
        Heard::Elements(slot)
    }

    /// What a message does, once it has been read.
    pub(super) fn take_in(
        &mut self,
        heard: &Heard,
        decoded: &[Decoded],
        (position, record): (Position, &Record<'_>),
        said: &mut Said,
    ) {
        let slot = match heard {
            Heard::NotMine => return,
            Heard::Nothing => return count(record, false, said),
            Heard::Refused(reject) => {
                self.quarantine(position, record, reject.clone(), said);
                return count(record, true, said);
            }
            Heard::Elements(slot) => *slot,
        };
        let mut voice = Voice::record(position);
        let mut bad = 0;
        for one in decoded {
            match one {
                Ok(observed) => self.observe(slot, observed, record.channel, &mut voice, said),
                Err((element, reject)) => {
                    bad += 1;
                    if bad <= REASONS_MAX {
                        let received = said.head.received;
                        said.output(&mut voice, || quarantined(position, record, *element, reject.clone(), received));
                    }
                }
            }
        }
        count(record, bad > 0, said);
    }

    /// The device of the topic, admitted now where that is allowed.
    fn known(&mut self, topic: &DeviceTopic<'_>, admit: bool) -> Result<u32, Reject> {
        if let Some(slot) = self.devices.slot(topic.device) {
            let class = self.devices.get(slot).map(|d| d.profile.class);
            return match class {
                Some(class) if class == topic.class => Ok(slot),
                _ => Err(Reject::ClassMismatch {
                    id: topic.device.to_owned(),
                    registered: class.map(Class::as_str).unwrap_or_default().to_owned(),
                    topic: topic.class.as_str().to_owned(),
                }),
            };
        }
        let unknown = || Reject::UnknownDevice { id: topic.device.to_owned() };
        if !admit || self.devices.unregistered >= UNREGISTERED_MAX {
            return Err(unknown());
        }
        let id = DeviceId::new(topic.device).map_err(|_| unknown())?;
        Ok(self.admit(Device::unregistered(id, topic.class)))
    }

    fn command(&mut self, position: Position, record: &Record<'_>, said: &mut Said) {
        match serde_json::from_slice::<CommandRequest>(record.payload) {
            Ok(request) => {
                if self.is_mine(request.command.device()) {
                    let value = AlarmInput::Command(Box::new(request));
                    said.inputs.push(Placed { place: Voice::record(position).place(), value });
                }
            }
            Err(error) if self.worker == 0 => {
                #[derive(Deserialize)]
                struct Named {
                    request_id: String,
                }
                let why = format!("command cannot be read: {error}");
                let output = match serde_json::from_slice::<Named>(record.payload) {
                    Ok(Named { request_id }) => {
                        Output::CommandDone { request_id, result: Err(CommandRefusal::Invalid { why }) }
                    }
                    Err(_) => quarantined(position, record, None, Reject::NotJson { detail: why }, said.head.received),
                };
                said.output(&mut Voice::record(position), || output);
            }
            Err(_) => {}
        }
    }

    fn config(&mut self, position: Position, record: &Record<'_>, said: &mut Said) {
        match serde_json::from_slice::<ConfigChange>(record.payload) {
            Ok(ConfigChange::Device { profile }) if self.is_mine(profile.device.as_str()) => {
                self.register(position, *profile, said);
            }
            Ok(ConfigChange::RemoveDevice { device }) if self.is_mine(device.as_str()) => {
                self.strike_off(position, &device, said);
            }
            // Rules were taken on before the first record of the batch.
            Ok(_) => {}
            Err(error) => {
                let detail = format!("configuration cannot be read: {error}");
                self.quarantine_once(position, record, Reject::NotJson { detail }, said);
            }
        }
    }

    fn register(&mut self, position: Position, profile: DeviceProfile, said: &mut Said) {
        let (device, parent) = (profile.device.clone(), profile.parent.clone());
        let (rules, ready) = (self.rules.clone(), self.ready.clone());
        let slot = match self.devices.slot(profile.device.as_str()) {
            // Another class is another device under an old name.
            Some(slot) if self.devices.get(slot).is_some_and(|d| d.profile.class != profile.class) => {
                self.strike_off(position, &profile.device, said);
                self.admit(Device::new(profile, true))
            }
            Some(slot) => {
                let Some(device) = self.devices.get(slot) else { return };
                let newly = !device.registered;
                device.registered = true;
                device.profile = profile;
                device.told.forget();
                let orphans = device.rewatch(&rules, &ready);
                let mut voice = Voice::record(position);
                for orphan in orphans {
                    let condition = device.taken_back(&orphan, said.head.received, position);
                    said.condition(&mut voice, condition);
                }
                self.devices.unregistered -= usize::from(newly);
                slot
            }
            None => self.admit(Device::new(profile, true)),
        };
        said.piece.hanging.push(Hanging { device, parent, gone: false });
        self.dirty(slot);
        self.arm(slot);
    }

    /// A device that is struck off takes its word back wherever a limit or watch of it stands, and is forgotten. Alarms that it
    /// raised itself stay on the desk: only a person can say what becomes of them.
    fn strike_off(&mut self, position: Position, id: &DeviceId, said: &mut Said) {
        let Some(device) = self.devices.remove(id.as_str()) else { return };
        let mut voice = Voice::record(position);
        for orphan in device.on_by_rule() {
            let condition = device.taken_back(&orphan, said.head.received, position);
            said.condition(&mut voice, condition);
        }
        said.piece.hanging.push(Hanging { device: id.clone(), parent: None, gone: true });
        said.output(&mut voice, || Output::Removed { device: id.clone(), class: device.profile.class });
    }

    fn quarantine(&mut self, position: Position, record: &Record<'_>, reject: Reject, said: &mut Said) {
        let received = said.head.received;
        said.output(&mut Voice::record(position), || quarantined(position, record, None, reject, received));
    }

    /// For records that every worker looks at: the first one speaks for all.
    pub(super) fn quarantine_once(&mut self, position: Position, record: &Record<'_>, reject: Reject, said: &mut Said) {
        if self.worker == 0 {
            self.quarantine(position, record, reject, said);
        }
    }
}

/// The rule set in a configuration record, where it is one: valid, or the reason why not.
pub(crate) fn rules_of(payload: &[u8]) -> Option<Result<RuleSet, Reject>> {
    // Anything but rules, and what cannot be read, is met again in the order of records.
    let Ok(ConfigChange::Rules { rules }) = serde_json::from_slice::<ConfigChange>(payload) else { return None };
    let reject = |expected: String| Reject::WrongType { member: "rules".to_owned(), expected };
    Some(match serde_json::from_value::<RuleSet>(rules) {
        Err(error) => Err(reject(format!("a rule set: {error}"))),
        Ok(rules) => match rules.validate() {
            Ok(()) => Ok(rules),
            Err(problems) => {
                let problems: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
                Err(reject(format!("a rule set without contradictions: {}", problems.join("; "))))
            }
        },
    })
}

/// A command or order on its way down: logged like all else, but no device data.
fn is_downlink(topic: &str) -> bool {
    let Some(rest) = topic.strip_prefix(ROOT) else { return false };
    let mut levels = rest.split('/');
    let (class, device, last) = (levels.next(), levels.next(), levels.next());
    class.and_then(Class::parse).is_some()
        && device.is_some_and(DeviceId::accepts)
        && matches!(last, Some("command" | "order"))
        && levels.next().is_none()
}

fn count(record: &Record<'_>, bad: bool, said: &mut Said) {
    let counts = &mut said.piece.counts[record.channel as usize];
    if bad {
        counts.quarantined += 1;
    } else {
        counts.applied += 1;
    }
}

fn quarantined(
    position: Position,
    record: &Record<'_>,
    element: Option<usize>,
    reject: Reject,
    received: ReceivedTime,
) -> Output {
    let device = DeviceTopic::parse(record.topic).ok().and_then(|t| DeviceId::new(t.device).ok());
    // Four bytes a character at most, and a character cut in half at the end is replaced.
    let shown = &record.payload[..record.payload.len().min(EXCERPT_CHARS * 4)];
    Output::Quarantine(Box::new(Quarantined {
        position,
        received: received.millis(),
        channel: record.channel,
        principal: record.principal.to_owned(),
        topic: record.topic.chars().take(EXCERPT_CHARS).collect(),
        device,
        reject,
        element,
        excerpt: String::from_utf8_lossy(shown).chars().take(EXCERPT_CHARS).collect(),
        bytes: record.payload.len(),
    }))
}
