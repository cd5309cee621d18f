//! What standing is decided from: one statement that an alarm condition holds or holds no more, whoever made it.
//!
//! A device's own alarm message, a limit passed by a reading, an SOS bit in a position, a silence noticed by presence:
//! each source turns its fact into a [`Condition`], and from there on all are treated alike. The condition carries what
//! the alarm needs of its object (name, place, sub-district), so that this crate needs no registry.
//!
//! ```text
//! key of an alarm   = (device, code, sub-component)          AlarmKey
//! key of a worker   = device                                 partition(), partition_of_alarm()
//! ```
//!
//! Everything that belongs to one device is decided in one place, because an alarm id names the device and the code but
//! not the sub-component: a human command is routed by the device in front of the first dot of the id.

use greenhub_model::alarm::Severity;
use greenhub_model::units::Unit;
use greenhub_model::{AlarmCode, AlarmId, Class, DeviceId, Position, ReceivedTime};
use serde::{Deserialize, Serialize};

/// Longest sub-component kept, in characters; what is longer is cut.
pub const SUB_COMPONENT_CHARS_MAX: usize = 64;
/// Longest text kept, in characters; what is longer is cut.
pub const TEXT_CHARS_MAX: usize = 500;
/// Longest name of a source (`by`) kept, in characters.
pub const BY_CHARS_MAX: usize = 200;

/// One statement about one alarm condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Device it concerns.
    pub device: DeviceId,
    /// Its class.
    pub class: Class,
    /// Kind within the class, for example `furnace`; empty where unknown.
    pub kind: String,
    /// Name for people; empty where unknown.
    pub device_name: String,
    /// Sub-district; empty where unknown.
    pub sub_district: String,
    /// Degrees east, WGS-84: where the device stands, or where the unit was.
    pub lon: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Part of the device (connector, phase, lamp), where one is named.
    pub sub_component: Option<String>,
    /// Alarm type.
    pub code: AlarmCode,
    /// Whether the condition holds.
    pub active: bool,
    /// Severity as the source states it; the alarm type decides where it is missing.
    pub severity: Option<Severity>,
    /// Value that tripped it, in `unit`.
    pub value: Option<f64>,
    /// Limit that was passed, in `unit`.
    pub limit: Option<f64>,
    /// UCUM unit of `value` and `limit`.
    pub unit: Unit,
    /// Text from the device or the rule; empty where there is none.
    pub text: String,
    /// Event time (device clock, or the receive time where it sent none), Unix ms.
    pub at: i64,
    /// Receive time of the batch.
    pub received: ReceivedTime,
    /// Log position of the record behind it. Must never fall from one condition of a device to the next.
    pub position: Position,
    /// Event time lies further behind the receive time than the time rules call fresh.
    pub late: bool,
    /// Who says so: the device id for its own messages, [`crate::threshold::LimitRule::id`] for a limit. An alarm is
    /// active as long as one of its sources says so; a source only ever takes back its own word.
    pub by: String,
}

/// What differs where a source states the same condition once more, in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// Event time, Unix ms.
    pub at: i64,
    /// Receive time of the batch.
    pub received: ReceivedTime,
    /// Log position of the record behind it.
    pub position: Position,
    /// Value, in the unit of the condition.
    pub value: Option<f64>,
}

/// Key under which conditions are one alarm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlarmKey {
    /// Device.
    pub device: DeviceId,
    /// Alarm type.
    pub code: AlarmCode,
    /// Part of the device.
    pub sub_component: Option<String>,
}

impl Condition {
    /// When it was stated, and with which value.
    pub fn moment(&self) -> Again {
        Again { at: self.at, received: self.received, position: self.position, value: self.value }
    }

    /// The same condition, stated once more; it is not late.
    pub fn once_more(&self, again: Again) -> Self {
        let Again { at, received, position, value } = again;
        Self { at, received, position, value, late: false, ..self.clone() }
    }

    /// The key of the alarm this condition belongs to.
    pub fn key(&self) -> AlarmKey {
        AlarmKey {
            device: self.device.clone(),
            code: self.code.clone(),
            sub_component: self
                .sub_component
                .as_deref()
                .filter(|s| !s.is_empty())
                .map(|s| cut(s, SUB_COMPONENT_CHARS_MAX)),
        }
    }
}

/// The first `chars` characters of `text`.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// Cuts `text` in place after `chars` characters.
pub(crate) fn shorten(text: &mut String, chars: usize) {
    // Bytes are never fewer than characters, so a short text is not walked.
    if text.len() > chars
        && let Some((end, _)) = text.char_indices().nth(chars)
    {
        text.truncate(end);
    }
}

/// A number that spreads devices over workers, the same on every machine (FNV-1a, 64 bits).
pub fn partition(device: &str) -> u64 {
    device
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The number of the device that an alarm id names: where a command about this alarm must go.
pub fn partition_of_alarm(alarm: &AlarmId) -> u64 {
    partition(device_of_alarm(alarm))
}

/// The device that an alarm id names: what stands before the first dot.
pub fn device_of_alarm(alarm: &AlarmId) -> &str {
    alarm.device()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_goes_where_its_device_goes() {
        let device = DeviceId::new("P-001_x").expect("grammar");
        let code = AlarmCode::new("A.B-C").expect("grammar");
        let alarm = AlarmId::of(&device, &code, 17);
        assert_eq!(device_of_alarm(&alarm), "P-001_x");
        assert_eq!(partition_of_alarm(&alarm), partition(device.as_str()));
    }

    #[test]
    fn the_spread_is_a_published_function_and_uses_both_workers() {
        assert_eq!(partition(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(partition("a"), 0xaf63_dc4c_8601_ec8c, "FNV-1a test vector");
        let odd = (0..1000).filter(|n| partition(&format!("L-{n:04}")) % 2 == 1).count();
        assert!((400..600).contains(&odd), "{odd} of 1000 on the second worker");
    }

    #[test]
    fn cutting_counts_characters_not_bytes() {
        assert_eq!(cut("炉膛温度", 2), "炉膛");
        assert_eq!(cut("ab", 2), "ab");
        for (given, kept) in [("炉膛温度", "炉膛"), ("ab", "ab"), ("abc", "ab"), ("炉", "炉")] {
            let mut text = given.to_owned();
            shorten(&mut text, 2);
            assert_eq!(text, kept);
        }
    }
}
