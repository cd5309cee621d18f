//! Who is at the door and what it may do: the seam between the broker and whoever knows the credentials.
//!
//! The broker asks [`Authenticate`] once per connection and keeps the [`Identity`] for the connection's life. Topic
//! permissions are decided here and nowhere else: [`Rights::may_publish`] and [`Rights::may_subscribe`] are pure.
//!
//! A device may publish and subscribe only below `greenhub/v1/{class}/{its id}/`. A program (another system, the
//! hub's own tools) has two lists of topic filters. Nobody gets `$SYS/…` through `#`: MQTT's own rule.

use crate::mqtt::topic;
use futures_util::future::BoxFuture;
use greenhub_model::topic::ROOT;
use greenhub_model::{Class, DeviceId};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a client showed at the door.
#[derive(Clone)]
pub struct Credentials {
    /// MQTT client id (never empty; assigned by the broker when the client sent none).
    pub client_id: Arc<str>,
    /// User name of CONNECT.
    pub user_name: Option<String>,
    /// Password of CONNECT; printed as `***`.
    pub password: Option<Secret>,
    /// The client's verified certificate (DER), when it connected over TLS with one.
    pub certificate: Option<Arc<[u8]>>,
    /// Where it connects from.
    pub peer: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
}

/// Bytes that must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .field("password", &self.password)
            .field("certificate", &self.certificate.is_some())
            .field("peer", &self.peer)
            .field("encrypted", &self.encrypted)
            .finish()
    }
}

/// Who it is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Device id or user name; written into each log record.
    pub principal: Arc<str>,
    /// What it may do.
    pub rights: Rights,
    /// Admitted without a registration (demo, loopback).
    pub unregistered: bool,
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Unknown user or wrong password.
    #[error("user name or password is wrong")]
    BadCredentials,
    /// Known, but not allowed (disabled, from there, without TLS).
    #[error("not authorised to connect")]
    NotAuthorised,
    /// Locked out after too many failures.
    #[error("locked out after repeated failures")]
    Banned,
    /// The store of credentials did not answer.
    #[error("credentials cannot be checked now")]
    Unavailable,
}

/// Checks credentials. Implemented by the hub over `storage`; called once per connection.
pub trait Authenticate: Send + Sync + 'static {
    /// Says who this is, or why it may not enter.
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Identity, Denied>>;
}

/// What a client may publish and subscribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// A device: its own topics only.
    Device {
        /// Its class when registered; `None` lets it use any class with its own id (unregistered devices of a demo).
        class: Option<Class>,
        /// Its id.
        device: DeviceId,
    },
    /// A program: topic filters.
    Program {
        /// Filters whose topics it may publish.
        publish: Vec<String>,
        /// Filters it may subscribe, in whole or in part.
        subscribe: Vec<String>,
    },
}

impl Rights {
    /// Everything but `$`-topics, for tools and tests.
    pub fn all() -> Self {
        Rights::Program { publish: vec!["#".into()], subscribe: vec!["#".into(), "$SYS/#".into()] }
    }

    /// Whether a message may be published on `topic` (a valid topic name).
    pub fn may_publish(&self, name: &str) -> bool {
        match self {
            Rights::Device { class, device } => below_own_prefix(*class, device, name),
            Rights::Program { publish, .. } => publish.iter().any(|filter| topic::matches(filter, name)),
        }
    }

    /// Whether `filter` (a valid filter, the `$share/group/` part already taken off) may be subscribed.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Rights::Device { class, device } => below_own_prefix(*class, device, filter),
            Rights::Program { subscribe, .. } => subscribe.iter().any(|allowed| topic::covers(allowed, filter)),
        }
    }
}

/// `greenhub/v1/{class}/{device}/…` with both levels spelled out: a wildcard never equals a class or an id.
fn below_own_prefix(class: Option<Class>, device: &DeviceId, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(ROOT) else { return false };
    let Some((word, rest)) = rest.split_once('/') else { return false };
    let class_fits = match class {
        Some(class) => class.as_str() == word,
        None => Class::parse(word).is_some(),
    };
    let Some((id, rest)) = rest.split_once('/') else { return false };
    class_fits && id == device.as_str() && !rest.is_empty()
}

/// The common name (CN) of the subject of an X.509 certificate in DER, for mapping a client certificate to a device.
///
/// Only the structure up to the subject is read; the certificate itself has been verified by TLS before.
pub fn certificate_common_name(der: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;
    const OBJECT_ID: u8 = 0x06;
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let (_, certificate, _) = der_element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut fields, _) = der_element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if fields.first() == Some(&0xA0) {
        fields = der_element(fields)?.2;
    }
    for _before_subject in ["serial number", "signature", "issuer", "validity"] {
        fields = der_element(fields)?.2;
    }
    let (_, mut names, _) = der_element(fields).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let mut found = None;
    while !names.is_empty() {
        let (tag, set, rest) = der_element(names)?;
        names = rest;
        let (_, pair, _) = der_element(set).filter(|_| tag == SET)?;
        let (tag, oid, value) = der_element(pair)?;
        if tag == OBJECT_ID && oid == COMMON_NAME {
            found = std::str::from_utf8(der_element(value)?.1).ok().map(str::to_owned);
        }
    }
    found
}

/// One DER element: tag, content, what follows it. Lengths up to 4 bytes.
fn der_element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7F);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        (rest[..count].iter().fold(0usize, |len, byte| len << 8 | usize::from(*byte)), &rest[count..])
    };
    (rest.len() >= len).then(|| (tag, &rest[..len], &rest[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(class: Option<Class>) -> Rights {
        Rights::Device { class, device: DeviceId::new("P-001").expect("an id") }
    }

    #[test]
    fn a_device_stays_below_its_own_topic() {
        let rights = device(Some(Class::Patrol));
        for good in ["greenhub/v1/patrol/P-001/position", "greenhub/v1/patrol/P-001/a/b"] {
            assert!(rights.may_publish(good), "{good}");
        }
        for bad in [
            "greenhub/v1/patrol/P-002/position",
            "greenhub/v1/vehicle/P-001/position",
            "greenhub/v1/patrol/P-001",
            "greenhub/v1/patrol/P-001/",
            "greenhub/v1/patrol/P-001x/position",
            "greenhub/v1/patrol/../P-001/position",
            "other",
            "",
        ] {
            assert!(!rights.may_publish(bad), "{bad}");
        }
        for good in ["greenhub/v1/patrol/P-001/command", "greenhub/v1/patrol/P-001/#", "greenhub/v1/patrol/P-001/+"] {
            assert!(rights.may_subscribe(good), "{good}");
        }
        for bad in ["#", "greenhub/v1/patrol/+/command", "greenhub/v1/+/P-001/command", "greenhub/v1/patrol/#", "+/+"] {
            assert!(!rights.may_subscribe(bad), "{bad}");
        }
    }

    #[test]
    fn an_unregistered_device_may_use_any_class_with_its_own_id() {
        let rights = device(None);
        assert!(rights.may_publish("greenhub/v1/vehicle/P-001/position"));
        assert!(!rights.may_publish("greenhub/v1/boat/P-001/position"));
        assert!(!rights.may_publish("greenhub/v1/vehicle/P-002/position"));
        assert!(!rights.may_subscribe("greenhub/v1/+/P-001/command"));
    }

    #[test]
    fn a_program_has_what_its_filters_cover() {
        let rights = Rights::Program { publish: vec!["a/+/c".into()], subscribe: vec!["a/#".into()] };
        assert!(rights.may_publish("a/b/c") && !rights.may_publish("a/b/d"));
        assert!(rights.may_subscribe("a/+/x") && rights.may_subscribe("a/#") && rights.may_subscribe("a"));
        assert!(!rights.may_subscribe("#") && !rights.may_subscribe("+/b") && !rights.may_subscribe("$SYS/#"));
        assert!(Rights::all().may_subscribe("$SYS/broker/clients"));
        assert!(!Rights::all().may_publish("$SYS/broker/clients"));
    }

    #[test]
    fn secrets_do_not_print() {
        let text = format!("{:?}", Secret(b"hunter2".to_vec()));
        assert_eq!(text, "***");
    }

    #[test]
    fn cut_certificates_name_nobody() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], &[0x30, 0x02, 0x30, 0x00]] {
            assert_eq!(certificate_common_name(bytes), None);
        }
    }
}
