//! Acknowledged = stored: nothing is answered before its fsync, and nothing that has none.

use crate::kit::*;
use greenhub_model::{Channel, Record};
use greenhub_storage::log::Burst;
use std::time::Duration;

/// Whether the broker says anything before it has answered other work several times.
async fn is_quiet(hub: &Hub, client: &mut Client) -> bool {
    for _ in 0..20 {
        let mut other = hub.clean(V5, "prober").await;
        other.ping().await;
        other.disconnect().await;
    }
    tokio::time::timeout(Duration::from_millis(20), client.next()).await.is_err()
}

#[tokio::test]
async fn no_acknowledgement_and_no_delivery_before_the_fsync() {
    let hub = Hub::start().await;
    for version in [V3, V5] {
        let mut subscriber = hub.clean(version, "sub").await;
        subscriber.subscribe(&[("a", 0)], &[0]).await;
        for (flags, answer) in [(2, 0x40), (4, 0x50)] {
            let mut client = hub.clean(version, "pub").await;
            hub.disk.hold_syncs();
            client.publish(flags, "a", 5, "x").await;
            client.ping().await;
            assert!(is_quiet(&hub, &mut client).await, "acknowledged before the fsync");
            assert!(is_quiet(&hub, &mut subscriber).await, "delivered before the fsync");
            hub.disk.release_syncs();
            client.expect(answer, &[0, 5]).await;
            assert_eq!(subscriber.payload().await, "x");
            client.disconnect().await;
        }
        subscriber.disconnect().await;
    }
}

#[tokio::test]
async fn a_failed_fsync_acknowledges_nothing_and_the_log_refuses_from_then_on() {
    let hub = Hub::start().await;
    let mut v5 = hub.clean(V5, "five").await;
    v5.publish_acked(0, "a", "before").await;
    hub.disk.fail_sync(1);
    v5.publish(2, "a", 1, "lost").await;
    v5.expect(0x40, &[0, 1, 0x80]).await;
    v5.publish(2, "a", 2, "refused").await;
    v5.expect(0x40, &[0, 2, 0x97]).await;
    v5.publish(0, "a", 0, "QoS 0 goes without a word").await;
    v5.ping().await;
    v5.publish(4, "a", 3, "refused").await;
    v5.expect_refused(0x97).await;
    let mut v3 = hub.clean(V3, "three").await;
    v3.publish(2, "a", 1, "refused").await;
    v3.expect_end().await;
    let mut lasting = hub.client().await;
    lasting.send(&Connect { id: "l", clean: false, ..Connect::default() }.bytes()).await;
    let (first, body) = lasting.packet().await;
    assert_eq!((first, body[1]), (0x20, 0x88), "no session that cannot be remembered");
    assert_eq!(hub.messages(), [("a".into(), "before".into())]);
    assert!(!hub.log.status().accepting);
    assert!(hub.broker.stats().not_stored >= 4);
}

#[tokio::test]
async fn a_full_disk_refuses_and_room_lets_clients_go_on() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    client.publish_acked(0, "a", "before").await;
    hub.disk.fill_after(0);
    let big = "x".repeat(200_000);
    let mut refused = 0;
    for _ in 0..60 {
        client.publish(2, "a", 1, &big).await;
        let (first, body) = client.packet().await;
        assert_eq!(first, 0x40);
        if body.len() > 2 {
            assert!(matches!(body[2], 0x80 | 0x97), "{body:?}");
            refused += 1;
        }
    }
    assert!(refused > 0, "a disk that is full cannot store 12 MB");
    hub.disk.make_room();
    let start = std::time::Instant::now();
    loop {
        client.publish(2, "a", 2, "after").await;
        let (_, body) = client.packet().await;
        if body.len() == 2 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the log did not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn everything_acknowledged_before_a_power_cut_is_in_the_log() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    let mut bytes = vec![];
    for id in 1..=1000u16 {
        bytes.extend(client.publish_bytes(2, "a", id, &[], &id.to_string()));
    }
    client.send(&bytes).await;
    for id in 1..=500u16 {
        client.expect(0x40, &id.to_be_bytes()).await;
    }
    let hub = hub.crash().await;
    let messages = hub.messages();
    assert!(messages.len() >= 500);
    for (id, (_, payload)) in (1..).zip(&messages) {
        assert_eq!(payload, &id.to_string());
    }
}

#[tokio::test]
async fn a_qos_0_message_right_before_disconnect_is_logged() {
    let hub = Hub::start().await;
    let mut client = hub.client().await;
    let mut bytes = Connect { id: "c", ..Connect::default() }.bytes();
    bytes.extend(client.publish_bytes(0, "a", 0, &[], "all in one segment"));
    bytes.extend([0xE0, 0]);
    client.send(&bytes).await;
    let (first, _) = client.packet().await;
    assert_eq!(first, 0x20);
    client.expect_end().await;
    let start = std::time::Instant::now();
    while hub.messages().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn records_of_other_doors_reach_subscribers_and_downlinks_go_through_the_log() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    client.subscribe(&[("greenhub/#", 1)], &[1]).await;
    let mut burst = Burst::new();
    let topic = "greenhub/v1/patrol/P-1/position";
    burst.push(&Record { qos: 1, ..Record::message(Channel::Nats, topic, "P-1", b"{}") }).expect("small");
    hub.log.append(&burst).await.expect("room");
    let seen = client.message().await;
    assert_eq!((seen.topic.as_str(), seen.payload.as_str()), (topic, "{}"));
    hub.broker.publish("greenhub/v1/patrol/P-1/command", b"come", 1, false).await.expect("stored");
    assert_eq!(client.payload().await, "come");
    assert!(hub.broker.publish("a/#", b"", 0, false).await.is_err());
}
