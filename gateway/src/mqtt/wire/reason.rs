//! Reason codes of MQTT 5.0 (section 2.4) and the error that ends a connection.

/// A reason code byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(pub u8);

#[allow(missing_docs)]
impl Reason {
    pub const SUCCESS: Reason = Reason(0x00);
    pub const NO_SUBSCRIPTION_EXISTED: Reason = Reason(0x11);
    pub const UNSPECIFIED: Reason = Reason(0x80);
    pub const MALFORMED: Reason = Reason(0x81);
    pub const PROTOCOL: Reason = Reason(0x82);
    pub const UNSUPPORTED_VERSION: Reason = Reason(0x84);
    pub const CLIENT_ID: Reason = Reason(0x85);
    pub const BAD_CREDENTIALS: Reason = Reason(0x86);
    pub const NOT_AUTHORISED: Reason = Reason(0x87);
    pub const UNAVAILABLE: Reason = Reason(0x88);
    pub const BUSY: Reason = Reason(0x89);
    pub const BANNED: Reason = Reason(0x8A);
    pub const SHUTTING_DOWN: Reason = Reason(0x8B);
    pub const AUTHENTICATION_METHOD: Reason = Reason(0x8C);
    pub const KEEP_ALIVE: Reason = Reason(0x8D);
    pub const TAKEN_OVER: Reason = Reason(0x8E);
    pub const FILTER_INVALID: Reason = Reason(0x8F);
    pub const TOPIC_INVALID: Reason = Reason(0x90);
    pub const PACKET_ID_NOT_FOUND: Reason = Reason(0x92);
    pub const RECEIVE_MAXIMUM: Reason = Reason(0x93);
    pub const TOPIC_ALIAS: Reason = Reason(0x94);
    pub const PACKET_TOO_LARGE: Reason = Reason(0x95);
    pub const QUOTA: Reason = Reason(0x97);

    /// Codes from 0x80 up are failures.
    pub fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// The CONNACK return code of MQTT 3.1.1 that comes nearest.
    pub fn connack_v3(self) -> u8 {
        match self {
            Reason::SUCCESS => 0,
            Reason::UNSUPPORTED_VERSION => 1,
            Reason::CLIENT_ID => 2,
            Reason::BAD_CREDENTIALS => 4,
            Reason::NOT_AUTHORISED | Reason::BANNED | Reason::TOPIC_INVALID => 5,
            _ => 3,
        }
    }
}

/// Why a connection cannot continue: the code for the peer and words for our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why} (reason 0x{:02X})", reason.0)]
pub struct Refused {
    /// What a v5 peer is told.
    pub reason: Reason,
    /// What our log says.
    pub why: &'static str,
}

impl Refused {
    /// Bytes that are no MQTT.
    pub const fn malformed(why: &'static str) -> Self {
        Self { reason: Reason::MALFORMED, why }
    }
    /// MQTT, but not allowed there.
    pub const fn protocol(why: &'static str) -> Self {
        Self { reason: Reason::PROTOCOL, why }
    }
    /// Any other reason.
    pub const fn new(reason: Reason, why: &'static str) -> Self {
        Self { reason, why }
    }
}
