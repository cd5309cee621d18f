//! PUBLISH, the hot path: decoded in place, properties scanned once, encoded for subscribers without a detour.
//!
//! Of the properties of a v5 PUBLISH the broker keeps the message expiry and the topic alias to itself and hands on the
//! rest byte for byte (payload format, content type, response topic, correlation data, user properties).

use super::Version;
use super::frame::{length_len, put_length, take_length};
use super::reason::{Reason, Refused};
use crate::mqtt::topic;

/// A PUBLISH as it lies in the socket buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Sent before.
    pub dup: bool,
    /// 0 to 2.
    pub qos: u8,
    /// Keep for later subscribers.
    pub retain: bool,
    /// Topic name; empty when a topic alias stands for it.
    pub topic: &'a str,
    /// Packet id, 0 for QoS 0.
    pub packet_id: u16,
    /// Property bytes without their length.
    pub properties: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
}

/// Takes a PUBLISH apart. The topic is checked for wildcards and NUL unless it is empty (v5, alias).
pub fn decode(first: u8, body: &[u8], version: Version) -> Result<Publish<'_>, Refused> {
    let (dup, qos, retain) = (first & 8 != 0, (first >> 1) & 3, first & 1 != 0);
    if qos == 3 {
        return Err(Refused::malformed("PUBLISH with both QoS bits set"));
    }
    if qos == 0 && dup {
        return Err(Refused::malformed("PUBLISH of QoS 0 marked as duplicate"));
    }
    let (topic, rest) = take_bytes(body)?;
    let topic = std::str::from_utf8(topic).map_err(|_| Refused::malformed("topic is not UTF-8"))?;
    if topic.is_empty() {
        if version == Version::V3 {
            return Err(Refused::new(Reason::TOPIC_INVALID, "empty topic"));
        }
    } else if !topic::valid_name(topic) {
        let nul = topic.as_bytes().contains(&0);
        return Err(if nul {
            Refused::malformed("topic holds NUL")
        } else {
            Refused::new(Reason::TOPIC_INVALID, "topic holds a wildcard or too many levels")
        });
    }
    let (packet_id, rest) = if qos == 0 { (0, rest) } else { take_packet_id(rest)? };
    let (properties, payload) = match version {
        Version::V3 => (&[][..], rest),
        Version::V5 => {
            let (length, rest) = take_length(rest)?;
            if length as usize > rest.len() {
                return Err(Refused::malformed("PUBLISH properties cut off"));
            }
            rest.split_at(length as usize)
        }
    };
    Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload })
}

/// A packet id, which is never 0.
pub fn take_packet_id(bytes: &[u8]) -> Result<(u16, &[u8]), Refused> {
    let (id, rest) = bytes.split_first_chunk::<2>().ok_or(Refused::malformed("packet id cut off"))?;
    match u16::from_be_bytes(*id) {
        0 => Err(Refused::malformed("packet id is 0")),
        id => Ok((id, rest)),
    }
}

/// A field of two length bytes and its content.
pub fn take_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(Refused::malformed("field cut off"))?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > rest.len() {
        return Err(Refused::malformed("field cut off"));
    }
    Ok(rest.split_at(length))
}

fn take_text(bytes: &[u8]) -> Result<(&str, &[u8]), Refused> {
    let (text, rest) = take_bytes(bytes)?;
    match std::str::from_utf8(text) {
        Ok(text) if !text.contains('\0') => Ok((text, rest)),
        Ok(_) => Err(Refused::malformed("text holds NUL")),
        Err(_) => Err(Refused::malformed("text is not UTF-8")),
    }
}

/// What the broker itself needs of a PUBLISH's properties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Message expiry in seconds.
    pub expiry: Option<u32>,
    /// Topic alias, not 0.
    pub alias: Option<u16>,
}

/// Walks the properties of an incoming PUBLISH, checks them, and appends those to hand on to `handed`.
pub fn scan_properties(properties: &[u8], handed: &mut Vec<u8>) -> Result<Scanned, Refused> {
    let mut scanned = Scanned::default();
    let mut seen = 0u16;
    let mut rest = properties;
    while let Some((&id, value)) = rest.split_first() {
        let start = rest;
        let cut_off = Refused::malformed("property cut off");
        let mut own = false;
        rest = match id {
            0x01 => match value.split_first() {
                Some((0 | 1, after)) => after,
                Some(_) => return Err(Refused::protocol("payload format is neither 0 nor 1")),
                None => return Err(cut_off),
            },
            0x02 => {
                let (seconds, after) = value.split_first_chunk::<4>().ok_or(cut_off)?;
                scanned.expiry = Some(u32::from_be_bytes(*seconds));
                own = true;
                after
            }
            0x03 => take_text(value)?.1,
            0x08 => {
                let (topic, after) = take_text(value)?;
                if !topic::valid_name(topic) {
                    return Err(Refused::protocol("response topic is no topic name"));
                }
                after
            }
            0x09 => take_bytes(value)?.1,
            0x23 => {
                let (alias, after) = value.split_first_chunk::<2>().ok_or(cut_off)?;
                match u16::from_be_bytes(*alias) {
                    0 => return Err(Refused::new(Reason::TOPIC_ALIAS, "topic alias is 0")),
                    alias => scanned.alias = Some(alias),
                }
                own = true;
                after
            }
            0x26 => take_text(take_text(value)?.1)?.1,
            0x0B => return Err(Refused::protocol("subscription identifier from a client")),
            _ => return Err(Refused::malformed("property that PUBLISH does not have")),
        };
        if id != 0x26 {
            // 0x03 and 0x23 share their low nibble.
            let bit = if id == 0x23 { 1u16 } else { 1u16 << (id & 0x0F) };
            if seen & bit != 0 {
                return Err(Refused::protocol("property given twice"));
            }
            seen |= bit;
        }
        if !own {
            handed.extend_from_slice(&start[..start.len() - rest.len()]);
        }
    }
    Ok(scanned)
}

/// A PUBLISH to a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Sent before on an earlier connection.
    pub dup: bool,
    /// QoS granted.
    pub qos: u8,
    /// Retain flag as the subscription wants it.
    pub retain: bool,
    /// Topic name.
    pub topic: &'a str,
    /// Packet id, 0 for QoS 0.
    pub packet_id: u16,
    /// Seconds of life left.
    pub expiry: Option<u32>,
    /// Identifiers of the subscriptions that matched.
    pub subscriptions: &'a [u32],
    /// Properties handed on.
    pub properties: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
}

impl Outgoing<'_> {
    /// Appends the packet to `out`, or writes nothing and returns `false` when it exceeds `packet_bytes_max`.
    pub fn encode(&self, version: Version, packet_bytes_max: u32, out: &mut Vec<u8>) -> bool {
        let id_len = if self.qos > 0 { 2 } else { 0 };
        let properties_len = self.expiry.map_or(0, |_| 5)
            + self.subscriptions.iter().map(|id| 1 + length_len(*id as usize)).sum::<usize>()
            + self.properties.len();
        let head_len = match version {
            Version::V3 => 0,
            Version::V5 => length_len(properties_len) + properties_len,
        };
        let length = 2 + self.topic.len() + id_len + head_len + self.payload.len();
        if 1 + length_len(length) + length > packet_bytes_max as usize || self.topic.len() > usize::from(u16::MAX) {
            return false;
        }
        out.push(0x30 | u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain));
        put_length(length as u32, out);
        out.extend_from_slice(&(self.topic.len() as u16).to_be_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        if self.qos > 0 {
            out.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        if version == Version::V5 {
            put_length(properties_len as u32, out);
            if let Some(seconds) = self.expiry {
                out.push(0x02);
                out.extend_from_slice(&seconds.to_be_bytes());
            }
            for id in self.subscriptions {
                out.push(0x0B);
                put_length(*id, out);
            }
            out.extend_from_slice(self.properties);
        }
        out.extend_from_slice(self.payload);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::cut;
    use super::*;

    fn outgoing() -> Outgoing<'static> {
        Outgoing {
            dup: true,
            qos: 1,
            retain: true,
            topic: "a/b",
            packet_id: 7,
            expiry: Some(60),
            subscriptions: &[],
            properties: b"\x03\x00\x04text\x26\x00\x01k\x00\x01v",
            payload: b"hello",
        }
    }

    #[test]
    fn what_is_encoded_decodes_again_in_both_versions() {
        for version in [Version::V3, Version::V5] {
            let mut bytes = vec![];
            assert!(outgoing().encode(version, 1000, &mut bytes));
            let frame = cut(&bytes, 1000).expect("valid").expect("whole");
            assert_eq!(frame.whole.len(), bytes.len());
            let back = decode(frame.first, frame.body, version).expect("our own packet");
            assert_eq!((back.dup, back.qos, back.retain, back.packet_id), (true, 1, true, 7));
            assert_eq!((back.topic, back.payload), ("a/b", &b"hello"[..]));
            let mut handed = vec![];
            let scanned = scan_properties(back.properties, &mut handed).expect("valid properties");
            let expect = if version == Version::V5 { (Some(60), outgoing().properties) } else { (None, &[][..]) };
            assert_eq!((scanned.expiry, &handed[..]), expect);
        }
    }

    #[test]
    fn subscription_identifiers_go_out_and_never_come_in() {
        let mut bytes = vec![];
        assert!(Outgoing { subscriptions: &[1, 300], ..outgoing() }.encode(Version::V5, 1000, &mut bytes));
        let frame = cut(&bytes, 1000).expect("valid").expect("whole");
        let back = decode(frame.first, frame.body, Version::V5).expect("our own packet");
        let error = scan_properties(back.properties, &mut vec![]).expect_err("identifiers are the server's to send");
        assert_eq!(error.reason, Reason::PROTOCOL);
    }

    #[test]
    fn a_packet_beyond_the_client_maximum_is_not_written() {
        let mut bytes = vec![];
        assert!(!outgoing().encode(Version::V3, 10, &mut bytes));
        assert!(bytes.is_empty());
    }

    #[test]
    fn bad_publishes_have_the_reason_of_the_standard() {
        let rows: [(u8, &[u8], Version, Reason); 10] = [
            (0x36, b"\x00\x01a\x00\x01x", Version::V3, Reason::MALFORMED),
            (0x38, b"\x00\x01ax", Version::V3, Reason::MALFORMED),
            (0x30, b"\x00\x00x", Version::V3, Reason::TOPIC_INVALID),
            (0x30, b"\x00\x03a/+x", Version::V3, Reason::TOPIC_INVALID),
            (0x30, b"\x00\x02a\x00x", Version::V3, Reason::MALFORMED),
            (0x30, b"\x00\x02\xFF\xFEx", Version::V5, Reason::MALFORMED),
            (0x30, b"\x00\x09ab", Version::V5, Reason::MALFORMED),
            (0x32, b"\x00\x01a\x00\x00x", Version::V5, Reason::MALFORMED),
            (0x32, b"\x00\x01a\x00", Version::V5, Reason::MALFORMED),
            (0x30, b"\x00\x01a\x05\x01", Version::V5, Reason::MALFORMED),
        ];
        for (first, body, version, reason) in rows {
            assert_eq!(decode(first, body, version).map_err(|e| e.reason), Err(reason), "{body:?}");
        }
        let rows: [(&[u8], Reason); 9] = [
            (b"\x01\x02", Reason::PROTOCOL),
            (b"\x01", Reason::MALFORMED),
            (b"\x02\x00\x00", Reason::MALFORMED),
            (b"\x01\x00\x01\x00", Reason::PROTOCOL),
            (b"\x23\x00\x00", Reason::TOPIC_ALIAS),
            (b"\x08\x00\x01#", Reason::PROTOCOL),
            (b"\x03\x00\x01\x00", Reason::MALFORMED),
            (b"\x26\x00\x01a", Reason::MALFORMED),
            (b"\x7F", Reason::MALFORMED),
        ];
        for (bytes, reason) in rows {
            assert_eq!(scan_properties(bytes, &mut vec![]).map_err(|e| e.reason), Err(reason), "{bytes:?}");
        }
    }

    #[test]
    fn an_alias_is_taken_and_not_handed_on() {
        let mut handed = vec![];
        let scanned = scan_properties(b"\x23\x00\x05\x01\x01", &mut handed).expect("valid");
        assert_eq!(scanned, Scanned { expiry: None, alias: Some(5) });
        assert_eq!(handed, b"\x01\x01");
    }
}
