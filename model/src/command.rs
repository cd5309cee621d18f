//! Human commands and deciding configuration: messages like any other, so that a replay sees what people did and which
//! rules were in force.

use crate::ids::{AlarmId, DeviceId};
use crate::profile::DeviceProfile;
use crate::user::Role;
use serde::{Deserialize, Serialize};

/// A command with who gave it; payload of [`crate::RecordKind::Command`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// Idempotency key: a second request with the same id returns the first result.
    pub request_id: String,
    /// User name.
    pub by: String,
    /// Role at that moment.
    pub role: Role,
    /// What to do.
    pub command: Command,
}

/// What a person may ask of the alarm core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Command {
    /// I have seen it.
    Acknowledge {
        /// The occurrence.
        alarm: AlarmId,
        /// Optional remark.
        #[serde(default)]
        comment: String,
    },
    /// Hide it until then.
    Shelve {
        /// The occurrence.
        alarm: AlarmId,
        /// Unix ms; must lie ahead.
        until: i64,
        /// Why; must not be empty.
        reason: String,
        /// Ends already when the condition goes (OPC UA Part 9, OneShotShelved).
        #[serde(default)]
        one_shot: bool,
        /// The second person, where the alarm type is highly managed; identified by the shell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        witness: Option<String>,
    },
    /// Show it again.
    Unshelve {
        /// The occurrence.
        alarm: AlarmId,
    },
    /// Release a latched alarm whose condition is gone.
    Reset {
        /// The occurrence.
        alarm: AlarmId,
    },
    /// Add a remark.
    Comment {
        /// The occurrence.
        alarm: AlarmId,
        /// The remark; must not be empty.
        text: String,
    },
    /// Undo a merge: the alarm stands on its own, and is not folded under the same alarm again.
    Unfold {
        /// The folded occurrence.
        alarm: AlarmId,
        /// Why; must not be empty.
        reason: String,
    },
    /// Take a device out of service: its alarms are evaluated and kept, but call nobody (ISA-18.2 out of service).
    RemoveFromService {
        /// The device.
        device: DeviceId,
        /// Number of the work permit; must not be empty.
        permit: String,
        /// Why; must not be empty.
        reason: String,
        /// Planned return, Unix ms, for the hand-over list; nothing ends by itself then.
        planned_return: i64,
    },
    /// Give a device back to service.
    ReturnToService {
        /// The device.
        device: DeviceId,
        /// Remark.
        #[serde(default)]
        comment: String,
    },
}

impl Command {
    /// The occurrence the command is about, where it is about one.
    pub fn alarm(&self) -> Option<&AlarmId> {
        match self {
            Command::Acknowledge { alarm, .. }
            | Command::Shelve { alarm, .. }
            | Command::Unshelve { alarm }
            | Command::Reset { alarm }
            | Command::Comment { alarm, .. }
            | Command::Unfold { alarm, .. } => Some(alarm),
            Command::RemoveFromService { .. } | Command::ReturnToService { .. } => None,
        }
    }

    /// The device the command is about: where it must go, and who answers it.
    pub fn device(&self) -> &str {
        match self {
            Command::RemoveFromService { device, .. } | Command::ReturnToService { device, .. } => device.as_str(),
            of_an_alarm => of_an_alarm.alarm().map(AlarmId::device).unwrap_or_default(),
        }
    }

    /// Id of what the command is about, for the audit log.
    pub fn object(&self) -> &str {
        self.alarm().map_or_else(|| self.device(), AlarmId::as_str)
    }
}

/// Why a command had no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum CommandRefusal {
    /// No such occurrence, or it is over.
    #[error("there is no standing alarm {alarm}")]
    NoSuchAlarm {
        /// The id asked for.
        alarm: AlarmId,
    },
    /// The state does not allow it.
    #[error("alarm {alarm} is {state}: {why}")]
    NotNow {
        /// The occurrence.
        alarm: AlarmId,
        /// Its state.
        state: String,
        /// What would help.
        why: String,
    },
    /// A member of the command is wrong.
    #[error("{why}")]
    Invalid {
        /// What is wrong and what would be right.
        why: String,
    },
}

/// A change of deciding configuration; payload of [`crate::RecordKind::Config`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ConfigChange {
    /// Register a device, or replace its profile.
    Device {
        /// The profile.
        profile: Box<DeviceProfile>,
    },
    /// Strike a device off.
    RemoveDevice {
        /// The device.
        device: DeviceId,
    },
    /// A new version of the rule set (`alarms::rules::RuleSet` as JSON).
    Rules {
        /// The rule set.
        rules: serde_json::Value,
    },
}
