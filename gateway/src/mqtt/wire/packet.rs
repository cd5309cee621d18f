//! Everything a client sends except PUBLISH, in one version-neutral form.
//!
//! CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT and AUTH are decoded by `rmqtt-codec`, which sees complete packets
//! within the bound only. Checked around it because it does not: NUL in strings, will flags without a will, reserved
//! bits of 3.1.1 subscription options, bodies where none may be, an empty v5 client id without clean start (legal).

use super::Version;
use super::frame::Frame;
use super::publish::take_packet_id;
use super::reason::{Reason, Refused};
use crate::mqtt::topic;
use bytes::BytesMut;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::{v3, v5};
use serde::{Deserialize, Serialize};
use tokio_util::codec::Decoder;

/// A client's CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Protocol generation.
    pub version: Version,
    /// Begin a new session.
    pub clean_start: bool,
    /// Seconds; 0 = none.
    pub keep_alive: u16,
    /// May be empty: the broker assigns one.
    pub client_id: String,
    /// User name.
    pub user_name: Option<String>,
    /// Password.
    pub password: Option<Vec<u8>>,
    /// The will.
    pub will: Option<Will>,
    /// Seconds the session outlives the connection; `u32::MAX` = for ever (3.1.1 without clean session).
    pub session_expiry: u32,
    /// QoS 1 and 2 messages the client takes unacknowledged.
    pub receive_max: u16,
    /// Largest packet the client takes.
    pub packet_bytes_max: u32,
    /// Enhanced authentication asked for (not supported).
    pub authentication_method: bool,
}

/// A will message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Will {
    /// Topic name.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
    /// Seconds between loss and publication.
    pub delay: u32,
    /// Message expiry in seconds.
    pub expiry: Option<u32>,
    /// v5 properties to hand on, encoded.
    pub properties: Vec<u8>,
    /// The sender was admitted without a registration; set when it is let in.
    pub unregistered: bool,
}

/// Options of one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Highest QoS wanted.
    pub qos: u8,
    /// Do not send me my own.
    pub no_local: bool,
    /// Keep the retain flag as published.
    pub retain_as_published: bool,
    /// 0: retained messages now; 1: only if the subscription is new; 2: none.
    pub retain_handling: u8,
}

/// The four acknowledgement packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    /// QoS 1 done.
    PubAck,
    /// QoS 2, step 1.
    PubRec,
    /// QoS 2, step 2.
    PubRel,
    /// QoS 2 done.
    PubComp,
}

/// A packet after CONNECT, other than PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack(AckKind, u16, Reason),
    /// SUBSCRIBE: packet id, subscription identifier, filters as text with options.
    Subscribe(u16, Option<u32>, Vec<(String, Options)>),
    /// UNSUBSCRIBE.
    Unsubscribe(u16, Vec<String>),
    /// PINGREQ.
    Ping,
    /// DISCONNECT with reason and a new session expiry.
    Disconnect(Reason, Option<u32>),
}

/// Which protocol a CONNECT speaks, from its first bytes.
pub fn version_of(frame: Frame<'_>) -> Result<Version, Refused> {
    if frame.first != 0x10 {
        return Err(Refused::protocol("the first packet is not CONNECT"));
    }
    match frame.body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, ..] => Ok(Version::V3),
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => Ok(Version::V5),
        [0, 4, b'M', b'Q', b'T', b'T', _, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', _, ..] => {
            Err(Refused::new(Reason::UNSUPPORTED_VERSION, "protocol level is neither 3, 4 nor 5"))
        }
        _ => Err(Refused::malformed("protocol name is not MQTT")),
    }
}

/// Decodes a CONNECT whose version is known.
pub fn connect(frame: Frame<'_>, version: Version) -> Result<Connect, Refused> {
    let flags = connect_flags(frame.body).ok_or(Refused::malformed("CONNECT cut off"))?;
    let (will, user, password) = (flags & 0x04 != 0, flags & 0x80 != 0, flags & 0x40 != 0);
    if !will && flags & 0x38 != 0 {
        return Err(Refused::malformed("will QoS or retain without a will"));
    }
    if version == Version::V3 && password && !user {
        return Err(Refused::malformed("password without a user name"));
    }
    let connect = match version {
        Version::V3 => connect_v3(frame)?,
        Version::V5 => connect_v5(frame, flags)?,
    };
    let has_nul = |text: &str| text.contains('\0');
    if has_nul(&connect.client_id) || connect.user_name.as_deref().is_some_and(has_nul) {
        return Err(Refused::malformed("text holds NUL"));
    }
    if connect.will.as_ref().is_some_and(|will| !topic::valid_name(&will.topic)) {
        return Err(Refused::new(Reason::TOPIC_INVALID, "will topic is no topic name"));
    }
    if let Some(will) = &connect.will {
        // They go to subscribers as a PUBLISH's do: no NUL in texts, a response topic that is a topic name.
        super::publish::scan_properties(&will.properties, &mut vec![])?;
    }
    Ok(connect)
}

/// The flags byte: after the protocol name (4 or 6 letters) and the level.
fn connect_flags(body: &[u8]) -> Option<u8> {
    body.get(2 + usize::from(*body.get(1)?) + 1).copied()
}

fn connect_v3(frame: Frame<'_>) -> Result<Connect, Refused> {
    let v3::Packet::Connect(c) = decode_v3(frame)? else { return Err(Refused::malformed("not a CONNECT")) };
    let will = c.last_will.map(|will| Will {
        topic: will.topic.to_string(),
        payload: will.message.to_vec(),
        qos: will.qos.value(),
        retain: will.retain,
        delay: 0,
        expiry: None,
        properties: vec![],
        unregistered: false,
    });
    Ok(Connect {
        version: Version::V3,
        clean_start: c.clean_session,
        keep_alive: c.keep_alive,
        client_id: c.client_id.to_string(),
        user_name: c.username.map(|name| name.to_string()),
        password: c.password.map(|password| password.to_vec()),
        will,
        session_expiry: if c.clean_session { 0 } else { u32::MAX },
        receive_max: u16::MAX,
        packet_bytes_max: u32::MAX,
        authentication_method: false,
    })
}

fn connect_v5(frame: Frame<'_>, flags: u8) -> Result<Connect, Refused> {
    let decoded = match decode_v5(frame) {
        Err(refused) if refused.reason == Reason::CLIENT_ID && flags & 0x02 == 0 => {
            // Legal in v5: the broker assigns an id, and a session nobody knew cannot be resumed.
            let mut whole = frame.whole.to_vec();
            let at = whole.len() - frame.body.len() + 7;
            whole[at] |= 0x02;
            decode_v5_bytes(&whole)?
        }
        decoded => decoded?,
    };
    let v5::Packet::Connect(c) = decoded else { return Err(Refused::malformed("not a CONNECT")) };
    if c.auth_data.is_some() && c.auth_method.is_none() {
        return Err(Refused::protocol("authentication data without a method"));
    }
    let will = c.last_will.map(|will| {
        let mut properties = vec![];
        if will.is_utf8_payload == Some(true) {
            properties.extend_from_slice(&[0x01, 1]);
        }
        let mut put = |id: Option<u8>, bytes: &[u8]| {
            properties.extend(id);
            properties.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
            properties.extend_from_slice(bytes);
        };
        if let Some(text) = &will.content_type {
            put(Some(0x03), text.as_bytes());
        }
        if let Some(text) = &will.response_topic {
            put(Some(0x08), text.as_bytes());
        }
        if let Some(bytes) = &will.correlation_data {
            put(Some(0x09), bytes);
        }
        for (key, value) in &will.user_properties {
            put(Some(0x26), key.as_bytes());
            put(None, value.as_bytes());
        }
        Will {
            topic: will.topic.to_string(),
            payload: will.message.to_vec(),
            qos: will.qos.value(),
            retain: will.retain,
            delay: will.will_delay_interval_sec.unwrap_or(0),
            expiry: will.message_expiry_interval.map(|seconds| seconds.get()),
            properties,
            unregistered: false,
        }
    });
    Ok(Connect {
        version: Version::V5,
        clean_start: c.clean_start,
        keep_alive: c.keep_alive,
        client_id: c.client_id.to_string(),
        user_name: c.username.map(|name| name.to_string()),
        password: c.password.map(|password| password.to_vec()),
        will,
        session_expiry: c.session_expiry_interval_secs,
        receive_max: c.receive_max.map_or(u16::MAX, |max| max.get()),
        packet_bytes_max: c.max_packet_size.map_or(u32::MAX, |max| max.get()),
        authentication_method: c.auth_method.is_some(),
    })
}

/// Decodes any packet after CONNECT except PUBLISH.
pub fn decode(frame: Frame<'_>, version: Version) -> Result<Packet, Refused> {
    match frame.first {
        0x40 => ack(AckKind::PubAck, frame.body, version),
        0x50 => ack(AckKind::PubRec, frame.body, version),
        0x62 => ack(AckKind::PubRel, frame.body, version),
        0x70 => ack(AckKind::PubComp, frame.body, version),
        0xC0 if frame.body.is_empty() => Ok(Packet::Ping),
        0xE0 if version == Version::V3 => {
            if frame.body.is_empty() {
                Ok(Packet::Disconnect(Reason::SUCCESS, None))
            } else {
                Err(Refused::malformed("DISCONNECT with a body"))
            }
        }
        0x82 | 0xA2 | 0xE0 | 0xF0 => match version {
            Version::V3 => from_v3(frame),
            Version::V5 => from_v5(frame),
        },
        0x10 => Err(Refused::protocol("a second CONNECT")),
        0x20 | 0x90 | 0xB0 | 0xD0 => Err(Refused::protocol("a packet only servers send")),
        _ => Err(Refused::malformed("packet type or flags that do not exist")),
    }
}

fn ack(kind: AckKind, body: &[u8], version: Version) -> Result<Packet, Refused> {
    let (id, rest) = take_packet_id(body)?;
    let reason = match (version, rest) {
        (_, []) => Reason::SUCCESS,
        (Version::V5, [reason] | [reason, 0]) => Reason(*reason),
        (Version::V5, [reason, properties @ ..]) => {
            let (length, rest) = super::frame::take_length(properties)?;
            if length as usize != rest.len() {
                return Err(Refused::malformed("acknowledgement properties do not fit"));
            }
            Reason(*reason)
        }
        (Version::V3, _) => return Err(Refused::malformed("acknowledgement with a tail")),
    };
    let known: &[u8] = match kind {
        AckKind::PubAck | AckKind::PubRec => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        AckKind::PubRel | AckKind::PubComp => &[0x00, 0x92],
    };
    if !known.contains(&reason.0) {
        return Err(Refused::malformed("reason code that this packet does not have"));
    }
    Ok(Packet::Ack(kind, id, reason))
}

fn from_v3(frame: Frame<'_>) -> Result<Packet, Refused> {
    match decode_v3(frame)? {
        v3::Packet::Subscribe { packet_id, topic_filters } => {
            if !options_v3_are_clean(frame.body) {
                return Err(Refused::malformed("reserved bits of a subscription are set"));
            }
            let options = |qos: rmqtt_codec::types::QoS| Options {
                qos: qos.value(),
                no_local: false,
                retain_as_published: false,
                retain_handling: 0,
            };
            let filters = topic_filters.into_iter().map(|(filter, qos)| (filter.to_string(), options(qos))).collect();
            Ok(Packet::Subscribe(packet_id.get(), None, filters))
        }
        v3::Packet::Unsubscribe { packet_id, topic_filters } => {
            Ok(Packet::Unsubscribe(packet_id.get(), topic_filters.iter().map(ToString::to_string).collect()))
        }
        _ => Err(Refused::malformed("packet type that does not exist in 3.1.1")),
    }
}

/// Whether each filter of a 3.1.1 SUBSCRIBE body is followed by a QoS byte without reserved bits.
fn options_v3_are_clean(body: &[u8]) -> bool {
    let mut rest = body.get(2..).unwrap_or(&[]);
    while let Ok((_, after)) = super::publish::take_bytes(rest) {
        match after.split_first() {
            Some((qos, after)) if qos & 0xFC == 0 => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

fn from_v5(frame: Frame<'_>) -> Result<Packet, Refused> {
    match decode_v5(frame)? {
        v5::Packet::Subscribe(subscribe) => {
            let filters = subscribe.topic_filters.into_iter().map(|(filter, options)| {
                let options = Options {
                    qos: options.qos.value(),
                    no_local: options.no_local,
                    retain_as_published: options.retain_as_published,
                    retain_handling: u8::from(options.retain_handling),
                };
                (filter.to_string(), options)
            });
            Ok(Packet::Subscribe(subscribe.packet_id.get(), subscribe.id.map(|id| id.get()), filters.collect()))
        }
        v5::Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.topic_filters.iter().map(ToString::to_string).collect();
            Ok(Packet::Unsubscribe(unsubscribe.packet_id.get(), filters))
        }
        v5::Packet::Disconnect(disconnect) => {
            Ok(Packet::Disconnect(Reason(u8::from(disconnect.reason_code)), disconnect.session_expiry_interval_secs))
        }
        v5::Packet::Auth(_) => Err(Refused::protocol("AUTH without an authentication method")),
        _ => Err(Refused::malformed("packet type out of place")),
    }
}

fn decode_v3(frame: Frame<'_>) -> Result<v3::Packet, Refused> {
    let mut bytes = BytesMut::from(frame.whole);
    match v3::Codec::new(0).decode(&mut bytes) {
        Ok(Some((packet, _))) => Ok(packet),
        Ok(None) => Err(Refused::malformed("packet cut off")),
        Err(error) => Err(refused(&error)),
    }
}

fn decode_v5(frame: Frame<'_>) -> Result<v5::Packet, Refused> {
    decode_v5_bytes(frame.whole)
}

fn decode_v5_bytes(whole: &[u8]) -> Result<v5::Packet, Refused> {
    let mut bytes = BytesMut::from(whole);
    match v5::Codec::new(0, 0).decode(&mut bytes) {
        Ok(Some((packet, _))) => Ok(packet),
        Ok(None) => Err(Refused::malformed("packet cut off")),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &DecodeError) -> Refused {
    match error {
        DecodeError::InvalidProtocol | DecodeError::UnsupportedProtocolLevel => {
            Refused::new(Reason::UNSUPPORTED_VERSION, "protocol name or level not supported")
        }
        DecodeError::InvalidClientId => Refused::new(Reason::CLIENT_ID, "empty client id without clean session"),
        DecodeError::InvalidTopicFilter => Refused::protocol("a subscription without or with an empty filter"),
        DecodeError::InvalidTopicName => Refused::new(Reason::TOPIC_INVALID, "topic name not valid"),
        DecodeError::MaxSizeExceeded { .. } => Refused::new(Reason::PACKET_TOO_LARGE, "packet too large"),
        DecodeError::Utf8Error => Refused::malformed("text is not UTF-8"),
        DecodeError::UnsupportedPacketType => Refused::malformed("packet type or flags that do not exist"),
        _ => Refused::malformed("packet malformed"),
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
