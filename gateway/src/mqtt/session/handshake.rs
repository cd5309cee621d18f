//! CONNECT judged against our limits: the terms on which a client is let in. Pure.

use crate::mqtt::config::Limits;
use crate::mqtt::session::outbound::Link;
use crate::mqtt::wire::answer::Granted;
use crate::mqtt::wire::packet::{Connect, Will};
use crate::mqtt::wire::{Reason, Refused, Version};
use std::sync::Arc;
use std::time::Duration;

/// Longest client id in bytes.
pub const CLIENT_ID_MAX: usize = 256;

/// The terms of one connection.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Protocol generation.
    pub version: Version,
    /// Client id, assigned by us when the client sent none.
    pub client: Arc<str>,
    /// Begin a new session.
    pub clean_start: bool,
    /// Seconds the session outlives the connection.
    pub expiry: u32,
    /// The will.
    pub will: Option<Will>,
    /// Silence after which the client counts as lost; `None` when it asked for none and we cannot tell it otherwise.
    pub silence_max: Option<Duration>,
    /// What the connection can take.
    pub link: Link,
    /// What CONNACK says.
    pub granted: Granted,
}

impl Terms {
    /// Judges a CONNECT. `assigned` is the id for a client that sent none.
    pub fn judge(connect: &Connect, limits: &Limits, assigned: impl FnOnce() -> String) -> Result<Self, Refused> {
        if connect.authentication_method {
            return Err(Refused::new(Reason::AUTHENTICATION_METHOD, "enhanced authentication is not supported"));
        }
        if connect.client_id.len() > CLIENT_ID_MAX {
            return Err(Refused::new(Reason::CLIENT_ID, "client id longer than 256 bytes"));
        }
        let v5 = connect.version == Version::V5;
        let own_id = connect.client_id.is_empty().then(assigned);
        let client = Arc::from(own_id.as_deref().unwrap_or(&connect.client_id));
        let expiry_max = u32::try_from(limits.session_expiry_max.as_secs()).unwrap_or(u32::MAX);
        let expiry = connect.session_expiry.min(expiry_max);
        let keep_alive_max = u16::try_from(limits.keep_alive_max.as_secs()).unwrap_or(u16::MAX);
        let over = connect.keep_alive == 0 || connect.keep_alive > keep_alive_max;
        let keep_alive = if v5 && over { keep_alive_max } else { connect.keep_alive };
        let silence_max = (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500));
        Ok(Self {
            version: connect.version,
            client,
            clean_start: connect.clean_start,
            expiry,
            will: connect.will.clone(),
            silence_max,
            link: Link {
                version: connect.version,
                packet_bytes_max: connect.packet_bytes_max.min(limits.packet_bytes_max),
                window: connect.receive_max.min(limits.inflight_max),
            },
            granted: Granted {
                session_present: false,
                session_expiry: (v5 && expiry != connect.session_expiry).then_some(expiry),
                receive_max: limits.receive_max,
                packet_bytes_max: limits.packet_bytes_max,
                client_id: own_id,
                topic_alias_max: limits.topic_alias_max,
                keep_alive: (v5 && over).then_some(keep_alive_max),
            },
        })
    }

    /// Whether the session's changes go through the log: it may outlive this connection, or may go on from an earlier.
    pub fn logged(&self) -> bool {
        self.expiry > 0 || !self.clean_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(version: Version) -> Connect {
        Connect {
            version,
            clean_start: true,
            keep_alive: 60,
            client_id: "c".into(),
            user_name: None,
            password: None,
            will: None,
            session_expiry: 0,
            receive_max: u16::MAX,
            packet_bytes_max: u32::MAX,
            authentication_method: false,
        }
    }

    fn judge(connect: &Connect) -> Result<Terms, Refused> {
        Terms::judge(connect, &Limits::default(), || "auto-1".into())
    }

    #[test]
    fn limits_are_ours_and_said_so() {
        let asked =
            Connect { keep_alive: 0, session_expiry: u32::MAX, client_id: String::new(), ..connect(Version::V5) };
        let terms = judge(&asked).expect("let in");
        let week = 7 * 24 * 3600;
        assert_eq!((terms.expiry, terms.granted.session_expiry), (week, Some(week)));
        assert_eq!((terms.silence_max, terms.granted.keep_alive), (Some(Duration::from_secs(5400)), Some(3600)));
        assert_eq!((&*terms.client, terms.granted.client_id.as_deref()), ("auto-1", Some("auto-1")));
        assert_eq!((terms.link.window, terms.link.packet_bytes_max), (1024, 1024 * 1024));
        assert!(terms.logged());
    }

    #[test]
    fn modest_wishes_are_granted_in_silence() {
        let terms = judge(&connect(Version::V5)).expect("let in");
        assert_eq!(
            (terms.granted.keep_alive, terms.granted.session_expiry, terms.granted.client_id),
            (None, None, None)
        );
        assert_eq!(terms.silence_max, Some(Duration::from_secs(90)));
        let v3 = judge(&Connect { keep_alive: 0, ..connect(Version::V3) }).expect("let in");
        assert_eq!(v3.silence_max, None, "3.1.1 has no way to be told");
        assert!(!v3.logged());
        assert!(judge(&Connect { clean_start: false, ..connect(Version::V5) }).expect("let in").logged());
    }

    #[test]
    fn what_we_cannot_do_is_refused() {
        let method = Connect { authentication_method: true, ..connect(Version::V5) };
        assert_eq!(judge(&method).map_err(|e| e.reason).err(), Some(Reason::AUTHENTICATION_METHOD));
        let long = Connect { client_id: "x".repeat(257), ..connect(Version::V3) };
        assert_eq!(judge(&long).map_err(|e| e.reason).err(), Some(Reason::CLIENT_ID));
    }
}
