//! What the broker says, encoded: CONNACK, the four acknowledgements, SUBACK, UNSUBACK, PINGRESP, DISCONNECT.

use super::Version;
use super::frame::put_length;
use super::packet::AckKind;
use super::reason::Reason;
use bytes::BytesMut;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5;
use std::num::NonZeroU16;
use tokio_util::codec::Encoder;

/// PINGRESP.
pub const PING_RESPONSE: [u8; 2] = [0xD0, 0];

/// What a v5 CONNACK tells besides success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// A session was there.
    pub session_present: bool,
    /// Session expiry in seconds when it is not the one asked for.
    pub session_expiry: Option<u32>,
    /// Our receive maximum.
    pub receive_max: u16,
    /// Our maximum packet size.
    pub packet_bytes_max: u32,
    /// The client id we assigned.
    pub client_id: Option<String>,
    /// Topic aliases we take.
    pub topic_alias_max: u16,
    /// Keep-alive in seconds when it is not the one asked for.
    pub keep_alive: Option<u16>,
}

/// CONNACK for a client that is let in.
pub fn connected(version: Version, granted: &Granted, out: &mut Vec<u8>) {
    if version == Version::V3 {
        out.extend_from_slice(&[0x20, 2, u8::from(granted.session_present), 0]);
        return;
    }
    let ack = v5::ConnectAck {
        session_present: granted.session_present,
        reason_code: v5::ConnectAckReason::Success,
        session_expiry_interval_secs: granted.session_expiry,
        receive_max: NonZeroU16::new(granted.receive_max).unwrap_or(NonZeroU16::MIN),
        max_qos: QoS::ExactlyOnce,
        max_packet_size: Some(granted.packet_bytes_max),
        assigned_client_id: granted.client_id.as_deref().map(Into::into),
        topic_alias_max: granted.topic_alias_max,
        server_keepalive_sec: granted.keep_alive,
        ..v5::ConnectAck::default()
    };
    let mut bytes = BytesMut::new();
    v5::Codec::default()
        .encode(v5::Packet::from(ack), &mut bytes)
        .expect("a CONNACK of a few short properties always fits");
    out.extend_from_slice(&bytes);
}

/// CONNACK for a client that is not let in.
pub fn refused(version: Version, reason: Reason, why: &str, out: &mut Vec<u8>) {
    match version {
        Version::V3 => out.extend_from_slice(&[0x20, 2, 0, reason.connack_v3()]),
        Version::V5 => with_reason_string(0x20, &[0, reason.0], why, out),
    }
}

/// DISCONNECT by the broker; 3.1.1 has none.
pub fn disconnect(version: Version, reason: Reason, why: &str, out: &mut Vec<u8>) {
    if version == Version::V5 {
        with_reason_string(0xE0, &[reason.0], why, out);
    }
}

fn with_reason_string(first: u8, head: &[u8], why: &str, out: &mut Vec<u8>) {
    let why = &why.as_bytes()[..why.len().min(100)];
    out.push(first);
    out.push((head.len() + 1 + 3 + why.len()) as u8);
    out.extend_from_slice(head);
    out.push((3 + why.len()) as u8);
    out.extend_from_slice(&[0x1F, 0, why.len() as u8]);
    out.extend_from_slice(why);
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP. The reason is left out when it is success, and in 3.1.1.
pub fn ack(version: Version, kind: AckKind, id: u16, reason: Reason, out: &mut Vec<u8>) {
    let first = match kind {
        AckKind::PubAck => 0x40,
        AckKind::PubRec => 0x50,
        AckKind::PubRel => 0x62,
        AckKind::PubComp => 0x70,
    };
    let [high, low] = id.to_be_bytes();
    if reason == Reason::SUCCESS || version == Version::V3 {
        out.extend_from_slice(&[first, 2, high, low]);
    } else {
        out.extend_from_slice(&[first, 3, high, low, reason.0]);
    }
}

/// SUBACK; failures of 3.1.1 are all 0x80.
pub fn suback(version: Version, id: u16, codes: &[u8], out: &mut Vec<u8>) {
    let v5 = version == Version::V5;
    out.push(0x90);
    put_length((2 + usize::from(v5) + codes.len()) as u32, out);
    out.extend_from_slice(&id.to_be_bytes());
    if v5 {
        out.push(0);
        out.extend_from_slice(codes);
    } else {
        out.extend(codes.iter().map(|code| if *code >= 0x80 { 0x80 } else { *code }));
    }
}

/// UNSUBACK; 3.1.1 carries no codes.
pub fn unsuback(version: Version, id: u16, codes: &[u8], out: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    if version == Version::V3 {
        out.extend_from_slice(&[0xB0, 2, high, low]);
        return;
    }
    out.push(0xB0);
    put_length((3 + codes.len()) as u32, out);
    out.extend_from_slice(&[high, low, 0]);
    out.extend_from_slice(codes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = vec![];
        write(&mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn answers_are_the_bytes_of_the_standard() {
        check(&[0x20, 2, 1, 0], |out| {
            connected(Version::V3, &Granted { session_present: true, ..Granted::default() }, out);
        });
        check(&[0x20, 2, 0, 4], |out| refused(Version::V3, Reason::BAD_CREDENTIALS, "no", out));
        check(&[0x20, 8, 0, 0x86, 5, 0x1F, 0, 2, b'n', b'o'], |out| {
            refused(Version::V5, Reason::BAD_CREDENTIALS, "no", out);
        });
        check(&[], |out| disconnect(Version::V3, Reason::PROTOCOL, "", out));
        check(&[0xE0, 5, 0x82, 3, 0x1F, 0, 0], |out| disconnect(Version::V5, Reason::PROTOCOL, "", out));
        check(&[0x40, 2, 1, 2], |out| ack(Version::V5, AckKind::PubAck, 258, Reason::SUCCESS, out));
        check(&[0x40, 3, 1, 2, 0x87], |out| ack(Version::V5, AckKind::PubAck, 258, Reason::NOT_AUTHORISED, out));
        check(&[0x62, 2, 0, 1], |out| ack(Version::V3, AckKind::PubRel, 1, Reason::PACKET_ID_NOT_FOUND, out));
        check(&[0x90, 4, 0, 1, 1, 0x80], |out| suback(Version::V3, 1, &[1, 0x87], out));
        check(&[0x90, 5, 0, 1, 0, 1, 0x87], |out| suback(Version::V5, 1, &[1, 0x87], out));
        check(&[0xB0, 2, 0, 1], |out| unsuback(Version::V3, 1, &[0x11], out));
        check(&[0xB0, 4, 0, 1, 0, 0x11], |out| unsuback(Version::V5, 1, &[0x11], out));
    }

    #[test]
    fn a_v5_connack_names_our_limits() {
        let mut out = vec![];
        let granted = Granted {
            session_present: false,
            session_expiry: Some(60),
            receive_max: 100,
            packet_bytes_max: 5000,
            client_id: Some("auto-1".into()),
            topic_alias_max: 8,
            keep_alive: Some(30),
        };
        connected(Version::V5, &granted, &mut out);
        assert_eq!((out[0], usize::from(out[1]), out[2], out[3]), (0x20, out.len() - 2, 0, 0));
        for property in [&[0x11, 0, 0, 0, 60][..], &[0x21, 0, 100], &[0x22, 0, 8], &[0x13, 0, 30], b"\x12\0\x06auto-1"]
        {
            assert!(out.windows(property.len()).any(|w| w == property), "{property:?} in {out:?}");
        }
    }
}
