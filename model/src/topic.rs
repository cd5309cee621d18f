//! The topic contract: `greenhub/v1/{class}/{device}/{message}` up, `…/command` and `…/order` down.
//! NATS subjects are the same with `.` for `/`.

use crate::ids::{Class, DeviceId};
use crate::reject::Reject;
use serde::{Deserialize, Serialize};

/// The first two levels of every topic of the hub.
pub const ROOT: &str = "greenhub/v1/";

/// What a device sends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Where it is.
    Position,
    /// What it measures.
    Reading,
    /// What it complains about.
    Alarm,
    /// How it stands.
    Status,
}

impl MessageKind {
    /// The word of the last topic level.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageKind::Position => "position",
            MessageKind::Reading => "reading",
            MessageKind::Alarm => "alarm",
            MessageKind::Status => "status",
        }
    }

    /// The kind a topic level names, if it names one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "position" => Some(MessageKind::Position),
            "reading" => Some(MessageKind::Reading),
            "alarm" => Some(MessageKind::Alarm),
            "status" => Some(MessageKind::Status),
            _ => None,
        }
    }
}

/// An upward topic taken apart; borrows the device so that nothing is allocated per message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceTopic<'a> {
    /// Device class.
    pub class: Class,
    /// Device id, already checked against the grammar of [`DeviceId`].
    pub device: &'a str,
    /// Message kind.
    pub message: MessageKind,
}

impl<'a> DeviceTopic<'a> {
    /// Takes an upward topic apart.
    pub fn parse(topic: &'a str) -> Result<Self, Reject> {
        let unknown = || Reject::UnknownTopic { topic: topic.chars().take(200).collect() };
        let rest = topic.strip_prefix(ROOT).ok_or_else(unknown)?;
        let mut levels = rest.split('/');
        let (class, device, message) = match (levels.next(), levels.next(), levels.next(), levels.next()) {
            (Some(class), Some(device), Some(message), None) => (class, device, message),
            (Some(_), Some(device), Some(_), Some(_)) if matches!(device, "." | "..") => {
                return Err(Reject::BadDeviceId { id: device.to_owned() });
            }
            _ => return Err(unknown()),
        };
        let class = Class::parse(class).ok_or_else(unknown)?;
        if !DeviceId::accepts(device) {
            return Err(Reject::BadDeviceId { id: device.chars().take(80).collect() });
        }
        let message = MessageKind::parse(message).ok_or_else(unknown)?;
        Ok(Self { class, device, message })
    }

    /// The topic again, as text.
    pub fn to_topic(&self) -> String {
        format!("{ROOT}{}/{}/{}", self.class, self.device, self.message.as_str())
    }
}

/// The topic on which a device hears commands.
pub fn command_topic(class: Class, device: &DeviceId) -> String {
    format!("{ROOT}{class}/{device}/command")
}

/// The topic on which a device hears work orders.
pub fn order_topic(class: Class, device: &DeviceId) -> String {
    format!("{ROOT}{class}/{device}/order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_taken_apart_or_refused() {
        let good = DeviceTopic::parse("greenhub/v1/patrol/P-001/position").expect("a topic of the contract");
        assert_eq!((good.class, good.device, good.message), (Class::Patrol, "P-001", MessageKind::Position));
        assert_eq!(good.to_topic(), "greenhub/v1/patrol/P-001/position");
        for bad in [
            "",
            "greenhub/v1",
            "greenhub/v2/patrol/a/position",
            "greenhub/v1/boat/a/position",
            "greenhub/v1/patrol/a/song",
            "greenhub/v1/patrol/a/position/x",
            "other/topic",
        ] {
            assert!(matches!(DeviceTopic::parse(bad), Err(Reject::UnknownTopic { .. })), "{bad}");
        }
        for bad in [
            "greenhub/v1/patrol//position",
            "greenhub/v1/patrol/../position",
            "greenhub/v1/patrol/../x/position",
            "greenhub/v1/patrol/绿/position",
        ] {
            assert!(matches!(DeviceTopic::parse(bad), Err(Reject::BadDeviceId { .. })), "{bad}");
        }
        let long = format!("greenhub/v1/patrol/{}/position", "a".repeat(65));
        assert!(matches!(DeviceTopic::parse(&long), Err(Reject::BadDeviceId { .. })));
    }
}
