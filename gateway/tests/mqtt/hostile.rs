//! Nonsense and trespass: the protocol's own reason code, that connection only, nothing in the log.

use crate::kit::*;

#[tokio::test]
async fn a_device_publishes_and_hears_its_own_topics_only() {
    let hub = Hub::start().await;
    for version in [V3, V5] {
        let as_device = Connect { version, id: "d", user: Some("device-P-1"), ..Connect::default() };
        let (mut device, _) = hub.connected(as_device).await;
        device.publish_acked(0, "greenhub/v1/patrol/P-1/position", "{}").await;
        let not_allowed = if version == V5 { 0x87 } else { 0x80 };
        let filters = [("greenhub/v1/patrol/P-1/command", 1), ("#", 0), ("greenhub/v1/patrol/+/command", 0), ("a#", 0)];
        let invalid = if version == V5 { 0x8F } else { 0x80 };
        device.subscribe(&filters, &[1, not_allowed, not_allowed, invalid]).await;
        hub.broker.publish("greenhub/v1/patrol/P-1/command", b"mine", 1, false).await.expect("stored");
        assert_eq!(device.payload().await, "mine");
        device.publish(0, "greenhub/v1/patrol/P-2/position", 0, "dropped").await;
        device.ping().await;
        device.publish(2, "greenhub/v1/patrol/P-2/position", 1, "refused").await;
        match version {
            V5 => {
                device.expect(0x40, &[0, 1, 0x87]).await;
                device.publish(4, "$SYS/broker/x", 2, "refused").await;
                device.expect(0x50, &[0, 2, 0x87]).await;
                device.ping().await;
            }
            V3 => device.expect_end().await,
        }
        let will = Connect { will: Some(("greenhub/v1/patrol/P-2/status", "x", &[])), ..as_device };
        let mut trespasser = hub.client().await;
        trespasser.send(&will.bytes()).await;
        let (first, body) = trespasser.packet().await;
        assert_eq!((first, body[1]), (0x20, if version == V5 { 0x87 } else { 5 }));
    }
    assert!(hub.messages().iter().all(|(topic, _)| topic.starts_with("greenhub/v1/patrol/P-1/")));
    assert_eq!(hub.broker.stats().refused, 5);
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_the_words_of_each_version() {
    let hub = Hub::start().await;
    for (version, code) in [(V3, 4), (V5, 0x86)] {
        let mut client = hub.client().await;
        client.send(&Connect { version, id: "c", user: Some("denied"), ..Connect::default() }.bytes()).await;
        let (first, body) = client.packet().await;
        assert_eq!((first, body[1]), (0x20, code));
        client.expect_end().await;
    }
    assert_eq!(hub.broker.stats().denied, 2);
}

#[tokio::test]
async fn forbidden_packets_end_the_connection_with_their_reason() {
    let hub = Hub::start().await;
    let rows: [(&str, Vec<u8>, u8); 12] = [
        ("topic with NUL", packet(0x30, b"\x00\x02a\x00\x00x"), 0x81),
        ("topic not UTF-8", packet(0x30, b"\x00\x02\xC3\x28\x00x"), 0x81),
        ("wildcard in topic", packet(0x30, b"\x00\x03a/#\x00x"), 0x90),
        ("packet id 0", packet(0x32, b"\x00\x01a\x00\x00\x00x"), 0x81),
        ("QoS 3", packet(0x36, b"\x00\x01a\x00\x01\x00x"), 0x81),
        ("DUP of QoS 0", packet(0x38, b"\x00\x01a\x00x"), 0x81),
        ("second CONNECT", Connect::default().bytes(), 0x82),
        ("a server's packet", vec![0xD0, 0], 0x82),
        ("a packet type that is none", vec![0x00, 0], 0x81),
        ("AUTH", vec![0xF0, 0], 0x82),
        ("SUBSCRIBE without filters", packet(0x82, b"\x00\x01\x00"), 0x82),
        ("a length without end", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF], 0x81),
    ];
    for (what, bytes, reason) in rows {
        let mut client = hub.clean(V5, "c").await;
        client.send(&bytes).await;
        let (first, body) = client.packet().await;
        assert_eq!((first, body[0]), (0xE0, reason), "{what}: {body:?}");
        client.expect_end().await;
    }
    assert!(hub.messages().is_empty());
    for (version, code) in [(6, 0x01), (0, 0x01)] {
        let mut client = hub.client().await;
        let mut connect = Connect { version: V3, id: "c", ..Connect::default() }.bytes();
        connect[8] = version;
        client.send(&connect).await;
        client.expect(0x20, &[0, code]).await;
        client.expect_end().await;
    }
}

/// Valid packets of one connection, to be spoilt one at a time.
fn valid_packets(client: &Client) -> Vec<Vec<u8>> {
    let v5 = client.version == V5;
    let none: &[u8] = if v5 { &[0] } else { &[] };
    vec![
        client.publish_bytes(2, "a/b", 5, &[0x01, 1, 0x26, 0, 1, b'k', 0, 1, b'v'], "payload"),
        client.publish_bytes(4, "a/b", 6, &[0x02, 0, 0, 0, 9, 0x23, 0, 1], "payload"),
        packet(0x62, &[0, 6]),
        packet(0x82, &[&[0, 7], none, &[0, 3, b'a', b'/', b'+', 1]].concat()),
        packet(0xA2, &[&[0, 8], none, &[0, 3, b'a', b'/', b'+']].concat()),
        packet(0x40, &[0, 9]),
        packet(0x50, &[0, 9]),
        packet(0x70, &[0, 9]),
        vec![0xC0, 0],
        if v5 { packet(0xE0, &[0, 5, 0x11, 0, 0, 0, 0]) } else { vec![0xE0, 0] },
    ]
}

/// Truncations followed by other bytes, and flips of every bit of every byte.
fn spoilt(valid: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![];
    for at in 0..valid.len() {
        all.push([&valid[..at], &[0xFF; 6]].concat());
        for bit in 0..8 {
            let mut bytes = valid.to_vec();
            bytes[at] ^= 1 << bit;
            all.push(bytes);
        }
    }
    all
}

#[tokio::test]
async fn no_spoilt_packet_harms_anybody_else() {
    let hub = Hub::start().await;
    let mut bystander = hub.clean(V5, "bystander").await;
    bystander.subscribe(&[("bystander", 1)], &[1]).await;
    let mut tried = 0;
    for version in [V3, V5] {
        let sample = {
            let client = hub.clean(version, "sample").await;
            valid_packets(&client)
        };
        let connect = Connect {
            version,
            id: "x",
            properties: &[0x11, 0, 0, 0, 1, 0x21, 0, 9],
            will: Some(("w", "p", &[])),
            user: Some("u"),
            ..Connect::default()
        };
        let mut streams: Vec<Vec<u8>> = spoilt(&connect.bytes());
        let greeting = Connect { version, id: "spoiler", ..Connect::default() }.bytes();
        for valid in &sample {
            // All spoilt forms of one packet, each on a connection of its own.
            streams.extend(spoilt(valid).iter().map(|bytes| [&greeting[..], bytes].concat()));
        }
        for bytes in streams {
            tried += 1;
            let mut client = hub.client().await;
            client.send(&bytes).await;
            // Half of them wait for more, so say that there is none.
            tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.ok();
            while client.next().await.is_some() {}
            if tried % 100 == 0 {
                bystander.publish_acked(0, "bystander", "well").await;
                let seen = bystander.message().await;
                assert_eq!(seen.payload, "well");
                bystander.send(&[0x40, 2, 0, seen.id as u8]).await;
            }
        }
    }
    assert!(tried > 2000, "{tried}");
    bystander.ping().await;
    hub.until("all spoilers' ends", |s| s.connections == 1).await;
    for (topic, _) in hub.messages() {
        assert!(!topic.contains(['+', '#', '\0']), "{topic:?}");
    }
}
