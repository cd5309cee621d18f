//! MQTT packets of both generations: what a stranger sends first (CONNECT, its version unknown) and what a session
//! sends afterwards. The input is a byte stream as it comes from a socket.

use greenhub_gateway::mqtt::topic::valid_name;
use greenhub_gateway::mqtt::wire::frame::{Frame, cut, length_len, put_length};
use greenhub_gateway::mqtt::wire::packet::{self, Packet};
use greenhub_gateway::mqtt::wire::publish::{self, Outgoing, Scanned};
use greenhub_gateway::mqtt::wire::{Refused, Version};

/// The broker's default bound.
const PACKET_BYTES_MAX: u32 = 1 << 20;

/// Any bytes.
pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(frame)) = cut(rest, PACKET_BYTES_MAX) {
        framed(frame);
        first(frame);
        for version in [Version::V3, Version::V5] {
            if frame.first & 0xF0 == 0x30 {
                published(frame, version);
            } else {
                later(frame, version);
            }
        }
        rest = &rest[frame.whole.len()..];
    }
}

fn framed(frame: Frame<'_>) {
    let (whole, body) = (frame.whole, frame.body);
    assert!(whole.len() <= PACKET_BYTES_MAX as usize && whole.ends_with(body) && whole[0] == frame.first);
    assert_eq!(cut(&whole[..whole.len() - 1], PACKET_BYTES_MAX), Ok(None), "a cut packet waits for its end");
    let mut length = vec![];
    put_length(body.len() as u32, &mut length);
    assert_eq!(length.len(), length_len(body.len()));
    assert!(length.len() < whole.len() - body.len() + 1, "the shortest form of a length is never longer");
}

/// As the entrance reads it: the version from the first bytes, then the CONNECT.
fn first(frame: Frame<'_>) {
    let version = match packet::version_of(frame) {
        Ok(version) => version,
        Err(refused) => return said(refused),
    };
    let connect = match packet::connect(frame, version) {
        Ok(connect) => connect,
        Err(refused) => return said(refused),
    };
    assert_eq!(connect.version, version);
    assert!(!connect.client_id.contains('\0') && connect.receive_max > 0 && connect.packet_bytes_max > 0);
    let Some(will) = connect.will else { return };
    assert!(will.qos <= 2 && valid_name(&will.topic), "{will:?}");
    assert!(!will.unregistered, "only the door may say so");
    let mut handed = vec![];
    let scanned = publish::scan_properties(&will.properties, &mut handed);
    assert_eq!(scanned, Ok(Scanned::default()), "a will's properties are a PUBLISH's: {will:?}");
    assert_eq!(handed, will.properties);
}

fn later(frame: Frame<'_>, version: Version) {
    match packet::decode(frame, version) {
        Err(refused) => said(refused),
        Ok(Packet::Ack(_, id, _)) => assert_ne!(id, 0),
        Ok(Packet::Subscribe(id, identifier, filters)) => {
            assert_ne!(id, 0);
            assert_ne!(identifier, Some(0));
            assert!(!filters.is_empty(), "SUBSCRIBE without a filter");
            assert!(filters.iter().all(|(_, options)| options.qos <= 2 && options.retain_handling <= 2), "{filters:?}");
            let bytes: usize = filters.iter().map(|(filter, _)| filter.len() + 3).sum();
            assert!(bytes <= frame.body.len(), "more filters than there were bytes");
        }
        Ok(Packet::Unsubscribe(id, filters)) => {
            assert_ne!(id, 0);
            assert!(!filters.is_empty(), "UNSUBSCRIBE without a filter");
        }
        Ok(Packet::Ping | Packet::Disconnect(..)) => {}
    }
}

/// Decoded, handed on, and decoded again as a subscriber would: the same message.
fn published(frame: Frame<'_>, version: Version) {
    let publish = match publish::decode(frame.first, frame.body, version) {
        Ok(publish) => publish,
        Err(refused) => return said(refused),
    };
    assert!(publish.qos <= 2 && (publish.packet_id == 0) == (publish.qos == 0));
    assert!(valid_name(publish.topic) || (publish.topic.is_empty() && version == Version::V5));
    let mut handed = vec![];
    let scanned = match publish::scan_properties(publish.properties, &mut handed) {
        Ok(scanned) => scanned,
        Err(refused) => return said(refused),
    };
    assert!(handed.len() <= publish.properties.len() && scanned.alias != Some(0));
    let mut bytes = vec![];
    let outgoing = Outgoing {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        packet_id: publish.packet_id,
        expiry: scanned.expiry,
        subscriptions: &[],
        properties: &handed,
        payload: publish.payload,
    };
    if !outgoing.encode(version, PACKET_BYTES_MAX, &mut bytes) {
        panic!("what came within the bound goes out within it");
    }
    let out = cut(&bytes, PACKET_BYTES_MAX).expect("a packet of ours").expect("a whole one");
    assert_eq!(out.whole.len(), bytes.len());
    let seen = publish::decode(out.first, out.body, version).expect("subscribers read what the broker writes");
    let mut handed_again = vec![];
    let scanned_again = publish::scan_properties(seen.properties, &mut handed_again).expect("and its properties");
    assert_eq!((scanned_again.expiry, scanned_again.alias), (scanned.expiry, None));
    assert_eq!(handed_again, handed);
    assert_eq!(publish::Publish { properties: publish.properties, ..seen }, publish);
}

/// A refusal is told to the peer as a reason code, which must be one of failure.
fn said(refused: Refused) {
    assert!(refused.reason.is_failure(), "{refused:?}");
    assert!(refused.reason.connack_v3() > 0, "{refused:?} would let a 3.1.1 client in");
}

fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![first];
    put_length(body.len() as u32, &mut out);
    out.extend_from_slice(&body);
    out
}

/// One packet of every type a client may send, in both generations, and a stream of several.
pub fn seeds() -> Vec<Vec<u8>> {
    let will: &[u8] = b"\x00\x03a/b\x00\x04gone";
    let will_properties: &[u8] = &[
        31, 0x01, 1, 0x02, 0, 0, 0, 9, 0x18, 0, 0, 0, 3, 0x03, 0, 1, b't', 0x08, 0, 1, b'r', 0x09, 0, 1, 7, 0x26, 0, 1,
        b'k', 0, 1, b'v',
    ];
    let properties: &[u8] = &[17, 0x01, 1, 0x02, 0, 0, 0, 60, 0x23, 0, 1, 0x26, 0, 1, b'k', 0, 1, b'v'];
    let connect_properties: &[u8] = &[18, 0x11, 0, 0, 0, 60, 0x21, 0, 9, 0x27, 0, 0, 16, 0, 0x22, 0, 3, 0x17, 1];
    let mut seeds = vec![
        packet(0x10, &[b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c"]),
        packet(0x10, &[b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01c"]),
        packet(0x10, &[b"\x00\x04MQTT\x04\xee\x00\x3c\x00\x01c", will, b"\x00\x04user\x00\x04pass"]),
        packet(0x10, &[b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c"]),
        packet(0x10, &[b"\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x00"]),
        packet(
            0x10,
            &[
                b"\x00\x04MQTT\x05\xee\x00\x3c",
                connect_properties,
                b"\x00\x01c",
                will_properties,
                will,
                b"\x00\x04user\x00\x04pass",
            ],
        ),
        packet(0x30, &[b"\x00\x03a/bhello"]),
        packet(0x3B, &[b"\x00\x03a/b\x00\x07hello"]),
        packet(0x3D, &[b"\x00\x03a/b\x00\x07", properties, b"hello"]),
        packet(0x32, &[b"\x00\x00\x00\x07", properties, b"by alias"]),
        packet(0x82, &[b"\x00\x09\x00\x03a/#\x01\x00\x01+\x02"]),
        packet(0x82, &[b"\x00\x09\x02\x0b\x05\x00\x03a/#\x2d\x00\x0c$share/g/b/+\x01"]),
        packet(0xA2, &[b"\x00\x09\x00\x03a/#"]),
        packet(0xA2, &[b"\x00\x09\x00\x00\x03a/#"]),
        packet(0x40, &[b"\x00\x01"]),
        packet(0x50, &[b"\x00\x01\x87\x00"]),
        packet(0x62, &[b"\x00\x01\x92"]),
        packet(0x70, &[b"\x00\x01"]),
        vec![0xC0, 0],
        vec![0xE0, 0],
        packet(0xE0, &[b"\x04\x05\x11\x00\x00\x00\x09"]),
        packet(0xF0, &[b"\x18\x00"]),
    ];
    // A will whose response topic holds a NUL, which subscribers would have been sent.
    let nul: &[u8] = b"\x04\x08\x00\x01\x00";
    seeds.push(packet(0x10, &[b"\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01c", nul, will]));
    let stream = [seeds[0].as_slice(), &seeds[10], &seeds[6], &seeds[18], &seeds[19]].concat();
    [seeds, vec![stream]].concat()
}
