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
}

impl Command {
    /// The occurrence the command is about.
    pub fn alarm(&self) -> &AlarmId {
        match self {
            Command::Acknowledge { alarm, .. }
            | Command::Shelve { alarm, .. }
            | Command::Unshelve { alarm }
            | Command::Reset { alarm }
            | Command::Comment { alarm, .. } => alarm,
        }
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
