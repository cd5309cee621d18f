//! Log records: what is appended before anything is decided about it, and the batches they come back in.
//!
//! ```text
//! record  = len u32 | kind u8 | flags u8 | channel u8 | 0 | topic u16 | principal u16 | properties u16 | packet id u16
//!           | topic | principal | properties | payload           (little endian; len counts all that follows it)
//! batch   = records committed by one flush, one receive time for all of them
//! ```
//!
//! The position of a record is the batch's first position plus its index. The batch number is the time stamp of the
//! dataflow. Framing of a batch on disk (length, CRC32C, segment) belongs to `storage::log`.

use crate::time::ReceivedTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Place of a record in the log, counted from 0 over the log's whole life.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// What kind of thing a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A message published by a device or program: topic and payload as sent.
    Message = 0,
    /// The broker's own memory of persistent sessions; opaque to everybody else.
    Session = 1,
    /// A human command ([`crate::CommandRequest`] as JSON).
    Command = 2,
    /// Deciding configuration ([`crate::ConfigChange`] as JSON).
    Config = 3,
    /// Nothing happened; time went on.
    Tick = 4,
}

impl RecordKind {
    fn parse(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => RecordKind::Message,
            1 => RecordKind::Session,
            2 => RecordKind::Command,
            3 => RecordKind::Config,
            4 => RecordKind::Tick,
            _ => return None,
        })
    }
}

/// The door a record came in by; the unit of the ledger's sources.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Channel {
    /// Embedded MQTT broker (TCP, TLS or WebSocket).
    Mqtt = 0,
    /// NATS core subscription.
    Nats = 1,
    /// NATS JetStream pull consumer.
    Jetstream = 2,
    /// An external MQTT broker.
    Bridge = 3,
    /// HTTP API.
    Http = 4,
    /// The hub itself: wills it publishes, downlinks, configuration.
    Hub = 5,
}

impl Channel {
    /// All doors in their fixed order.
    pub const ALL: [Channel; 6] =
        [Channel::Mqtt, Channel::Nats, Channel::Jetstream, Channel::Bridge, Channel::Http, Channel::Hub];

    /// The word used in metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Mqtt => "mqtt",
            Channel::Nats => "nats",
            Channel::Jetstream => "jetstream",
            Channel::Bridge => "bridge",
            Channel::Http => "http",
            Channel::Hub => "hub",
        }
    }

    fn parse(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| *c as u8 == byte)
    }
}

/// One record, borrowing from the batch that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// The door it came in by.
    pub channel: Channel,
    /// MQTT quality of service, 0 to 2; 0 for everything that has none.
    pub qos: u8,
    /// MQTT retain flag.
    pub retain: bool,
    /// The hub admitted the sender without a registration (demo, loopback).
    pub unregistered: bool,
    /// MQTT packet id of a QoS 2 publish, else 0.
    pub packet_id: u16,
    /// Topic of a message; a session's client id for [`RecordKind::Session`]; else empty.
    pub topic: &'a str,
    /// Who was authenticated: device id or user name.
    pub principal: &'a str,
    /// MQTT 5 publish properties to hand on, in the gateway's encoding.
    pub properties: &'a [u8],
    /// Payload exactly as sent.
    pub payload: &'a [u8],
}

/// The head of a record, see [`Record::peek`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peek {
    /// What it is.
    pub kind: RecordKind,
    /// MQTT quality of service.
    pub qos: u8,
    /// MQTT retain flag.
    pub retain: bool,
    /// Bytes of the whole record.
    pub len: usize,
}

/// Bytes of a record that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log record is damaged: {0}")]
pub struct RecordError(pub &'static str);

const HEAD: usize = 16;
/// Longest record in bytes, its length field included.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

impl<'a> Record<'a> {
    /// A message with nothing but topic, principal and payload.
    pub fn message(channel: Channel, topic: &'a str, principal: &'a str, payload: &'a [u8]) -> Self {
        Self {
            kind: RecordKind::Message,
            channel,
            qos: 0,
            retain: false,
            unregistered: false,
            packet_id: 0,
            topic,
            principal,
            properties: &[],
            payload,
        }
    }

    /// A record of the hub's own making.
    pub fn own(kind: RecordKind, principal: &'a str, payload: &'a [u8]) -> Self {
        Self { kind, ..Self::message(Channel::Hub, "", principal, payload) }
    }

    /// Bytes that [`Record::encode`] will write.
    pub fn encoded_len(&self) -> usize {
        HEAD + self.topic.len() + self.principal.len() + self.properties.len() + self.payload.len()
    }

    /// Appends the record to `out`.
    ///
    /// Topic, principal and properties must be shorter than 64 KiB each (MQTT limits all three), and the record at
    /// most [`RECORD_BYTES_MAX`]; otherwise nothing is written and an error comes back.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let len = self.encoded_len();
        let short = |bytes: usize| u16::try_from(bytes).map_err(|_| RecordError("a header field exceeds 64 KiB"));
        if len > RECORD_BYTES_MAX {
            return Err(RecordError("longer than the largest record"));
        }
        let (topic, principal, properties) =
            (short(self.topic.len())?, short(self.principal.len())?, short(self.properties.len())?);
        let flags = (self.qos & 3) | (u8::from(self.retain) << 2) | (u8::from(self.unregistered) << 3);
        let mut head = [0u8; HEAD];
        head[0..4].copy_from_slice(&((len - 4) as u32).to_le_bytes());
        head[4] = self.kind as u8;
        head[5] = flags;
        head[6] = self.channel as u8;
        head[8..10].copy_from_slice(&topic.to_le_bytes());
        head[10..12].copy_from_slice(&principal.to_le_bytes());
        head[12..14].copy_from_slice(&properties.to_le_bytes());
        head[14..16].copy_from_slice(&self.packet_id.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(self.topic.as_bytes());
        out.extend_from_slice(self.principal.as_bytes());
        out.extend_from_slice(self.properties);
        out.extend_from_slice(self.payload);
        Ok(())
    }

    /// Kind, QoS, retain flag and length of the record at the start of `bytes`, without reading its fields: what a
    /// consumer needs to pass over records that are none of its business.
    pub fn peek(bytes: &[u8]) -> Result<Peek, RecordError> {
        let head = bytes.get(..HEAD).ok_or(RecordError("shorter than its head"))?;
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize + 4;
        if len < HEAD || len > bytes.len() {
            return Err(RecordError("impossible length"));
        }
        let kind = RecordKind::parse(head[4]).ok_or(RecordError("unknown kind"))?;
        Ok(Peek { kind, qos: qos(head[5])?, retain: head[5] & 4 != 0, len })
    }

    /// Reads the record at the start of `bytes`; returns it and the bytes it took.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, usize), RecordError> {
        let head = bytes.get(..HEAD).ok_or(RecordError("shorter than its head"))?;
        let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]) as usize;
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize + 4;
        if !(HEAD..=RECORD_BYTES_MAX).contains(&len) {
            return Err(RecordError("impossible length"));
        }
        let body = bytes.get(HEAD..len).ok_or(RecordError("cut off"))?;
        let (topic, principal, properties) = (u16_at(8), u16_at(10), u16_at(12));
        if topic + principal + properties > body.len() {
            return Err(RecordError("fields longer than the record"));
        }
        let (topic, rest) = body.split_at(topic);
        let (principal, rest) = rest.split_at(principal);
        let (properties, payload) = rest.split_at(properties);
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| RecordError("text that is not UTF-8"));
        let record = Record {
            kind: RecordKind::parse(head[4]).ok_or(RecordError("unknown kind"))?,
            channel: Channel::parse(head[6]).ok_or(RecordError("unknown channel"))?,
            qos: qos(head[5])?,
            retain: head[5] & 4 != 0,
            unregistered: head[5] & 8 != 0,
            packet_id: u16::from_le_bytes([head[14], head[15]]),
            topic: text(topic)?,
            principal: text(principal)?,
            properties,
            payload,
        };
        Ok((record, len))
    }
}

/// The QoS in a flags byte; both bits set is no QoS, and nothing behind the log is prepared for one.
fn qos(flags: u8) -> Result<u8, RecordError> {
    match flags & 3 {
        3 => Err(RecordError("impossible QoS")),
        qos => Ok(qos),
    }
}

/// Records committed together: the unit of durability and of the dataflow's time.
#[derive(Clone)]
pub struct Batch {
    /// Counts batches from 1 over the log's life; the dataflow's time stamp.
    pub number: u64,
    /// Position of the first record.
    pub first: Position,
    /// Number of records, at least 1.
    pub count: u32,
    /// When the hub received it.
    pub received: ReceivedTime,
    /// The encoded records, one after another.
    pub bytes: Arc<Vec<u8>>,
}

impl Batch {
    /// The records with their positions, in order. A damaged record ends the walk with an error.
    pub fn records(&self) -> impl Iterator<Item = Result<(Position, Record<'_>), RecordError>> + '_ {
        let mut at = 0usize;
        let mut position = self.first.0;
        let mut broken = false;
        std::iter::from_fn(move || {
            if broken || at >= self.bytes.len() {
                return None;
            }
            let step = Record::decode(&self.bytes[at..]).map(|(record, len)| {
                let here = Position(position);
                at += len;
                position += 1;
                (here, record)
            });
            broken = step.is_err();
            Some(step)
        })
    }

    /// Position after the last record.
    pub fn end(&self) -> Position {
        Position(self.first.0 + u64::from(self.count))
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("number", &self.number)
            .field("first", &self.first.0)
            .field("count", &self.count)
            .field("received", &self.received.0)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_comes_back_as_written(topic in "[a-z/]{0,40}", principal in "\\PC{0,20}", retain: bool, qos in 0u8..3,
            packet_id: u16, properties in proptest::collection::vec(any::<u8>(), 0..30),
            payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            let record = Record { qos, retain, packet_id, properties: &properties,
                ..Record::message(Channel::Mqtt, &topic, &principal, &payload) };
            let mut bytes = vec![];
            record.encode(&mut bytes).expect("small enough");
            prop_assert_eq!(bytes.len(), record.encoded_len());
            let (back, len) = Record::decode(&bytes).expect("just written");
            prop_assert_eq!(len, bytes.len());
            prop_assert_eq!(back, record);
            let head = Peek { kind: RecordKind::Message, qos, retain, len: bytes.len() };
            prop_assert_eq!(Record::peek(&bytes), Ok(head));
            for cut in 0..bytes.len() {
                prop_assert!(Record::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _anything = Record::decode(&bytes);
        }
    }

    #[test]
    fn a_batch_walks_its_records_in_order() {
        let mut bytes = vec![];
        for n in 0..3u8 {
            Record::message(Channel::Nats, "t", "p", &[n]).encode(&mut bytes).expect("small");
        }
        let batch =
            Batch { number: 1, first: Position(7), count: 3, received: ReceivedTime(0), bytes: Arc::new(bytes) };
        let seen: Vec<_> = batch.records().map(|r| r.map(|(p, r)| (p.0, r.payload[0])).expect("whole")).collect();
        assert_eq!(seen, [(7, 0), (8, 1), (9, 2)]);
        assert_eq!(batch.end(), Position(10));
    }
}
