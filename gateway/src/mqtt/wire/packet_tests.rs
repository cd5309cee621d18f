use super::super::frame::cut;
use super::*;

fn frame(bytes: &[u8]) -> Frame<'_> {
    cut(bytes, 1 << 20).expect("a frame").expect("complete")
}

const CONNECT_V5: &[u8] = b"\x10\x2D\x00\x04MQTT\x05\xEE\x00\x3C\x0B\x11\x00\x00\x00\x0A\x21\x00\x05\x22\x00\x02\
\x00\x02id\x05\x18\x00\x00\x00\x07\x00\x01w\x00\x02by\x00\x01u\x00\x01p";

#[test]
fn a_v5_connect_is_taken_apart() {
    let frame = frame(CONNECT_V5);
    assert_eq!(version_of(frame), Ok(Version::V5));
    let got = connect(frame, Version::V5).expect("valid");
    let will = Will {
        topic: "w".into(),
        payload: b"by".to_vec(),
        qos: 1,
        retain: true,
        delay: 7,
        expiry: None,
        properties: vec![],
        unregistered: false,
    };
    let want = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        client_id: "id".into(),
        user_name: Some("u".into()),
        password: Some(b"p".to_vec()),
        will: Some(will),
        session_expiry: 10,
        receive_max: 5,
        packet_bytes_max: u32::MAX,
        authentication_method: false,
    };
    assert_eq!(got, want);
}

#[test]
fn a_v5_client_without_id_and_without_clean_start_is_let_in() {
    let bytes = b"\x10\x0D\x00\x04MQTT\x05\x00\x00\x3C\x00\x00\x00";
    let got = connect(frame(bytes), Version::V5).expect("legal in v5");
    assert_eq!((got.client_id.as_str(), got.clean_start), ("", true));
    let v3 = b"\x10\x0C\x00\x04MQTT\x04\x00\x00\x3C\x00\x00";
    assert_eq!(connect(frame(v3), Version::V3).map_err(|e| e.reason), Err(Reason::CLIENT_ID));
}

#[test]
fn bad_connects_have_their_reason() {
    let rows: [(&[u8], Version, Reason); 6] = [
        (b"\x10\x0D\x00\x04MQTT\x04\x08\x00\x3C\x00\x01a", Version::V3, Reason::MALFORMED),
        (b"\x10\x10\x00\x04MQTT\x04\x42\x00\x3C\x00\x01a\x00\x01p", Version::V3, Reason::MALFORMED),
        (b"\x10\x0D\x00\x04MQTT\x04\x03\x00\x3C\x00\x01a", Version::V3, Reason::MALFORMED),
        (b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01\x00", Version::V3, Reason::MALFORMED),
        (b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01\xFF", Version::V3, Reason::MALFORMED),
        (b"\x10\x0E\x00\x04MQTT\x05\x20\x00\x3C\x00\x00\x01a", Version::V5, Reason::MALFORMED),
    ];
    for (bytes, version, reason) in rows {
        let whole = frame(&bytes[..2 + usize::from(bytes[1]).min(bytes.len() - 2)]);
        assert_eq!(connect(whole, version).map_err(|e| e.reason), Err(reason), "{bytes:?}");
    }
    assert_eq!(version_of(frame(b"\x10\x07\x00\x04MQTT\x06")).map_err(|e| e.reason), Err(Reason::UNSUPPORTED_VERSION));
    assert_eq!(version_of(frame(b"\x10\x07\x00\x04HTTP\x04")).map_err(|e| e.reason), Err(Reason::MALFORMED));
    assert_eq!(version_of(frame(b"\xC0\x00")).map_err(|e| e.reason), Err(Reason::PROTOCOL));
}

#[test]
fn later_packets_are_taken_apart_or_refused() {
    let good: [(&[u8], Version, Packet); 8] = [
        (b"\x40\x02\x00\x05", Version::V3, Packet::Ack(AckKind::PubAck, 5, Reason::SUCCESS)),
        (b"\x50\x03\x00\x05\x87", Version::V5, Packet::Ack(AckKind::PubRec, 5, Reason::NOT_AUTHORISED)),
        (b"\x62\x02\x00\x05", Version::V5, Packet::Ack(AckKind::PubRel, 5, Reason::SUCCESS)),
        (b"\xC0\x00", Version::V3, Packet::Ping),
        (b"\xE0\x00", Version::V3, Packet::Disconnect(Reason::SUCCESS, None)),
        (b"\xE0\x07\x04\x05\x11\x00\x00\x00\x09", Version::V5, Packet::Disconnect(Reason(4), Some(9))),
        (b"\xA2\x05\x00\x01\x00\x01a", Version::V3, Packet::Unsubscribe(1, vec!["a".into()])),
        (
            b"\x82\x09\x00\x01\x02\x0B\x05\x00\x01a\x2D",
            Version::V5,
            Packet::Subscribe(
                1,
                Some(5),
                vec![("a".into(), Options { qos: 1, no_local: true, retain_as_published: true, retain_handling: 2 })],
            ),
        ),
    ];
    for (bytes, version, want) in good {
        assert_eq!(decode(frame(bytes), version), Ok(want), "{bytes:?}");
    }
    let bad: [(&[u8], Version, Reason); 11] = [
        (b"\x40\x02\x00\x00", Version::V3, Reason::MALFORMED),
        (b"\x40\x03\x00\x01\x00", Version::V3, Reason::MALFORMED),
        (b"\x40\x03\x00\x01\x92", Version::V5, Reason::MALFORMED),
        (b"\x60\x02\x00\x01", Version::V3, Reason::MALFORMED),
        (b"\x80\x06\x00\x01\x00\x01a\x00", Version::V3, Reason::MALFORMED),
        (b"\x82\x06\x00\x01\x00\x01a\x03", Version::V3, Reason::MALFORMED),
        (b"\x82\x06\x00\x01\x00\x01a\x04", Version::V3, Reason::MALFORMED),
        (b"\x82\x02\x00\x01", Version::V3, Reason::PROTOCOL),
        (b"\x10\x00", Version::V3, Reason::PROTOCOL),
        (b"\xD0\x00", Version::V3, Reason::PROTOCOL),
        (b"\xF0\x00", Version::V5, Reason::PROTOCOL),
    ];
    for (bytes, version, reason) in bad {
        assert_eq!(decode(frame(bytes), version).map_err(|e| e.reason), Err(reason), "{bytes:?}");
    }
}

#[test]
fn no_cut_or_flip_of_a_valid_packet_panics() {
    let packets: [&[u8]; 5] = [
        CONNECT_V5,
        b"\x82\x09\x00\x01\x02\x0B\x05\x00\x01a\x2D",
        b"\xA2\x06\x00\x01\x00\x00\x01a",
        b"\xE0\x07\x04\x05\x11\x00\x00\x00\x09",
        b"\x50\x0C\x00\x05\x87\x08\x26\x00\x01a\x00\x02bc",
    ];
    for packet in packets {
        for version in [Version::V3, Version::V5] {
            for index in 0..packet.len() {
                for bit in 0..8 {
                    let mut bytes = packet.to_vec();
                    bytes[index] ^= 1 << bit;
                    for end in 0..=bytes.len() {
                        let Ok(Some(frame)) = cut(&bytes[..end], 1 << 20) else { continue };
                        let _either = decode(frame, version);
                        let _either = version_of(frame).and_then(|version| connect(frame, version));
                        let _either = connect(frame, version);
                    }
                }
            }
        }
    }
}
