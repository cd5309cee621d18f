//! Identities as newtypes with one fallible constructor each: two ids of different kinds do not compare.
//!
//! All of them are cheap to clone (`Arc<str>`) and borrow as `str`, so a map keyed by an id can be asked with a
//! slice of the incoming topic without an allocation.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// An identifier that does not follow its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not 1 to {max} characters of {alphabet}")]
pub struct IdError {
    /// What kind of id was expected.
    pub kind: &'static str,
    /// The offending text, shortened to 80 characters.
    pub text: String,
    /// Longest allowed length in bytes.
    pub max: usize,
    /// Allowed characters, as a character class.
    pub alphabet: &'static str,
}

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal, $alphabet:literal, |$c:ident| $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the grammar of this id.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if Self::accepts(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(IdError {
                        kind: $kind,
                        text: text.chars().take(80).collect(),
                        max: $max,
                        alphabet: $alphabet,
                    })
                }
            }

            /// Whether `text` follows the grammar of this id.
            pub fn accepts(text: &str) -> bool {
                !text.is_empty() && text.len() <= $max && text.bytes().all(|$c| $ok)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

string_id!(
    /// A device as it names itself in its topic: `[A-Za-z0-9_-]{1,64}`.
    DeviceId, "device id", 64, "[A-Za-z0-9_-]",
    |c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-'
);
string_id!(
    /// A measured quantity of a device, `[A-Za-z0-9_.-]{1,64}`, for example `h2s` or `temperature`.
    PointName, "point name", 64, "[A-Za-z0-9_.-]",
    |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')
);
string_id!(
    /// The type of an alarm, `[A-Za-z0-9_.-]{1,64}`, for example `OVER_TEMPERATURE`.
    AlarmCode, "alarm code", 64, "[A-Za-z0-9_.-]",
    |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')
);
string_id!(
    /// One occurrence of an alarm: `{device}.{code}.{first log position}`. Deterministic, so a replay names the same.
    AlarmId, "alarm id", 160, "[A-Za-z0-9_.-]",
    |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')
);
string_id!(
    /// A work order. For one triggered by an alarm it is `W-{alarm id}`, so a replay opens no second one.
    OrderId, "order id", 170, "[A-Za-z0-9_.-]",
    |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')
);
string_id!(
    /// A stored file, named by its content: the SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    FileId, "file id", 64, "[0-9a-f]",
    |c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)
);
string_id!(
    /// A media session: 32 random lower-case hexadecimal digits; whoever knows it may end it.
    MediaSessionId, "media session id", 32, "[0-9a-f]",
    |c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)
);

impl AlarmId {
    /// The occurrence of `code` on `device` whose first raise stands at log position `first`.
    pub fn of(device: &DeviceId, code: &AlarmCode, first: u64) -> Self {
        Self(Arc::from(format!("{device}.{code}.{first}")))
    }

    /// The device that raised it: what stands before the first dot.
    pub fn device(&self) -> &str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// The code of the alarm: what stands between the device and the position.
    pub fn code(&self) -> &str {
        let rest = self.as_str().split_once('.').map_or("", |(_, rest)| rest);
        rest.rsplit_once('.').map_or("", |(code, _)| code)
    }
}

impl OrderId {
    /// The one order that an alarm occurrence may trigger.
    pub fn of_alarm(alarm: &AlarmId) -> Self {
        Self(Arc::from(format!("W-{alarm}")))
    }
}

/// The six device classes of the topic contract.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// 5G patrol units carried by people (5G 单兵).
    Patrol,
    /// Sweepers, refuse trucks and other vehicles.
    Vehicle,
    /// Devices of the waste disposal centre.
    Plant,
    /// Charging piles (充电桩).
    Charger,
    /// Environment monitors.
    Environment,
    /// Landscape light fixtures and their circuits (景观灯光).
    Light,
}

impl Class {
    /// All classes in their fixed order.
    pub const ALL: [Class; 6] =
        [Class::Patrol, Class::Vehicle, Class::Plant, Class::Charger, Class::Environment, Class::Light];

    /// The word used in topics and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Patrol => "patrol",
            Class::Vehicle => "vehicle",
            Class::Plant => "plant",
            Class::Charger => "charger",
            Class::Environment => "environment",
            Class::Light => "light",
        }
    }

    /// The class a topic level names, if it names one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == text)
    }

    /// Units move (patrol, vehicle) and are shown as such; all other classes are fixed devices.
    pub fn is_unit(self) -> bool {
        matches!(self, Class::Patrol | Class::Vehicle)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
