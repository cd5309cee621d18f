//! Why a message could not be used, in words a person understands.

use serde::{Deserialize, Serialize};

/// The reason a logged message went to quarantine. The raw bytes stay in the log.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reject {
    /// The topic is none of the contract.
    #[error("topic {topic:?} is none of greenhub/v1/{{class}}/{{device}}/{{message}}")]
    UnknownTopic {
        /// The topic, shortened.
        topic: String,
    },
    /// The device level of the topic does not follow its grammar.
    #[error("device id {id:?} is not 1 to 64 characters of [A-Za-z0-9_-]")]
    BadDeviceId {
        /// The offending level, shortened.
        id: String,
    },
    /// The device is not registered and unknown devices are not admitted.
    #[error("device {id:?} is not registered")]
    UnknownDevice {
        /// The device.
        id: String,
    },
    /// The device is registered under another class.
    #[error("device {id:?} is registered as {registered}, the topic says {topic}")]
    ClassMismatch {
        /// The device.
        id: String,
        /// Class in the registry.
        registered: String,
        /// Class in the topic.
        topic: String,
    },
    /// No payload at all.
    #[error("the payload is empty")]
    Empty,
    /// Larger than a device message may be.
    #[error("the payload has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// Allowed size in bytes.
        max: usize,
    },
    /// The payload is not UTF-8 text.
    #[error("the payload is not valid UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// The payload is not JSON.
    #[error("the payload is not JSON: {detail}")]
    NotJson {
        /// What the parser says.
        detail: String,
    },
    /// A member is missing.
    #[error("member {member:?} is missing")]
    MissingMember {
        /// Its name.
        member: String,
    },
    /// A member has the wrong type or form.
    #[error("member {member:?} is not {expected}")]
    WrongType {
        /// Its name.
        member: String,
        /// What it should be.
        expected: String,
    },
    /// A number that is NaN, infinite or outside what the quantity can be.
    #[error("member {member:?} is {value}, expected {expected}")]
    OutOfRange {
        /// Its name.
        member: String,
        /// The value as sent.
        value: String,
        /// The accepted range.
        expected: String,
    },
    /// Coordinates that are not on the earth, or exactly (0, 0).
    #[error("coordinates lon {lon}, lat {lat} are not a place on the earth")]
    OffEarth {
        /// Longitude as sent, degrees.
        lon: String,
        /// Latitude as sent, degrees.
        lat: String,
    },
    /// The device's clock was never set.
    #[error("device time {time_ms} ms is {by_ms} ms in the past, more than allowed")]
    TimeTooOld {
        /// Device time, Unix milliseconds.
        time_ms: i64,
        /// Milliseconds behind the receive time.
        by_ms: i64,
    },
    /// The device's clock is far ahead.
    #[error("device time {time_ms} ms is {by_ms} ms in the future, more than allowed")]
    TimeInFuture {
        /// Device time, Unix milliseconds.
        time_ms: i64,
        /// Milliseconds ahead of the receive time.
        by_ms: i64,
    },
    /// More elements in one array than allowed.
    #[error("the array has {count} elements, at most {max} are allowed")]
    TooMany {
        /// Number of elements.
        count: usize,
        /// Allowed number.
        max: usize,
    },
}

impl Reject {
    /// A stable short code, used as metric label and in the API.
    pub fn code(&self) -> &'static str {
        match self {
            Reject::UnknownTopic { .. } => "unknown_topic",
            Reject::BadDeviceId { .. } => "bad_device_id",
            Reject::UnknownDevice { .. } => "unknown_device",
            Reject::ClassMismatch { .. } => "class_mismatch",
            Reject::Empty => "empty",
            Reject::TooLarge { .. } => "too_large",
            Reject::NotUtf8 { .. } => "not_utf8",
            Reject::NotJson { .. } => "not_json",
            Reject::MissingMember { .. } => "missing_member",
            Reject::WrongType { .. } => "wrong_type",
            Reject::OutOfRange { .. } => "out_of_range",
            Reject::OffEarth { .. } => "off_earth",
            Reject::TimeTooOld { .. } => "time_too_old",
            Reject::TimeInFuture { .. } => "time_in_future",
            Reject::TooMany { .. } => "too_many",
        }
    }
}
