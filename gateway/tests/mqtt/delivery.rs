//! Who gets what: QoS, retained messages, wildcards, shares, identifiers, expiry, aliases, wills.

use crate::kit::*;

#[tokio::test]
async fn every_qos_reaches_a_subscriber_at_the_lower_of_both() {
    let hub = Hub::start().await;
    for version in [V3, V5] {
        let mut subscriber = hub.clean(version, "sub").await;
        subscriber.subscribe(&[("a/0", 0), ("a/1", 1), ("a/2", 2)], &[0, 1, 2]).await;
        let mut publisher = hub.clean(version, "pub").await;
        for (topic, granted) in [("a/0", 0u8), ("a/1", 1), ("a/2", 2)] {
            publisher.publish(0, topic, 0, "zero").await;
            publisher.publish(2, topic, 5, "one").await;
            publisher.expect(0x40, &[0, 5]).await;
            publisher.publish(4, topic, 6, "two").await;
            publisher.expect(0x50, &[0, 6]).await;
            publisher.send(&[0x62, 2, 0, 6]).await;
            publisher.expect(0x70, &[0, 6]).await;
            for (payload, sent) in [("zero", 0), ("one", 1), ("two", 2)] {
                let seen = subscriber.message().await;
                assert_eq!((seen.payload.as_str(), seen.qos, seen.dup), (payload, granted.min(sent), false));
                let [high, low] = seen.id.to_be_bytes();
                match seen.qos {
                    1 => subscriber.send(&[0x40, 2, high, low]).await,
                    2 => {
                        subscriber.send(&[0x50, 2, high, low]).await;
                        subscriber.expect(0x62, &[high, low]).await;
                        subscriber.send(&[0x70, 2, high, low]).await;
                    }
                    _ => {}
                }
            }
        }
        subscriber.disconnect().await;
        publisher.disconnect().await;
    }
    assert_eq!(hub.messages().len(), 18, "QoS 0 is logged too");
}

#[tokio::test]
async fn retained_messages_wait_for_later_subscribers() {
    let hub = Hub::start().await;
    let mut publisher = hub.clean(V5, "pub").await;
    publisher.publish_acked(1, "r/a", "old").await;
    publisher.publish_acked(1, "r/a", "new").await;
    publisher.publish_acked(1, "r/b", "gone").await;
    publisher.publish_acked(1, "r/b", "").await;
    publisher.publish_acked(0, "r/c", "not retained").await;
    let mut subscriber = hub.clean(V5, "sub").await;
    subscriber.subscribe(&[("r/#", 1)], &[1]).await;
    let seen = subscriber.message().await;
    assert_eq!((seen.topic.as_str(), seen.payload.as_str(), seen.retain, seen.qos), ("r/a", "new", true, 1));
    // Retain handling: 1 = only when new, 2 = never; neither sends it again.
    subscriber.subscribe(&[("r/#", 0x11)], &[1]).await;
    subscriber.subscribe(&[("r/a", 0x20)], &[0]).await;
    subscriber.ping().await;
    subscriber.subscribe(&[("r/a", 0x10)], &[0]).await;
    subscriber.ping().await;
    // A live message has its retain flag cleared, unless the subscription keeps it as published.
    publisher.publish_acked(1, "r/d", "live").await;
    assert!(!subscriber.message().await.retain);
    subscriber.subscribe(&[("r/#", 0x29)], &[1]).await;
    publisher.publish_acked(1, "r/d", "live").await;
    assert!(subscriber.message().await.retain);
}

#[tokio::test]
async fn overlapping_subscriptions_give_one_copy_with_all_identifiers() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    client.send_subscribe(&[0x0B, 7], &[("a/#", 0)]).await;
    client.expect(0x90, &[0, 9, 0, 0]).await;
    client.send_subscribe(&[0x0B, 0x80, 1], &[("a/+", 1)]).await;
    client.expect(0x90, &[0, 9, 0, 1]).await;
    client.publish_acked(0, "a/b", "x").await;
    let seen = client.message().await;
    assert_eq!((seen.qos, seen.properties), (1, vec![0x0B, 7, 0x0B, 0x80, 1]));
    client.ping().await;
}

#[tokio::test]
async fn no_local_keeps_ones_own_messages_away() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    client.subscribe(&[("a", 0x04)], &[0]).await;
    client.publish_acked(0, "a", "mine").await;
    let mut other = hub.clean(V5, "d").await;
    other.publish_acked(0, "a", "theirs").await;
    assert_eq!(client.payload().await, "theirs");
}

#[tokio::test]
async fn a_share_group_gets_each_message_once() {
    let hub = Hub::start().await;
    let mut first = hub.clean(V5, "one").await;
    let mut second = hub.clean(V5, "two").await;
    first.subscribe(&[("$share/g/a/+", 0)], &[0]).await;
    second.subscribe(&[("$share/g/a/+", 0)], &[0]).await;
    let mut publisher = hub.clean(V5, "pub").await;
    for n in 0..10 {
        publisher.publish_acked(0, "a/x", &n.to_string()).await;
    }
    let mut seen = vec![];
    for _ in 0..5 {
        seen.push(first.payload().await);
        seen.push(second.payload().await);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    first.ping().await;
    second.disconnect().await;
    publisher.publish_acked(0, "a/x", "only one is left").await;
    assert_eq!(first.payload().await, "only one is left");
    let mut third = hub.clean(V5, "three").await;
    third.send_subscribe(&[], &[("$share/g/a", 0x04)]).await;
    third.expect_refused(0x82).await;
}

#[tokio::test]
async fn unsubscribing_ends_it_and_says_what_was_not_there() {
    let hub = Hub::start().await;
    for version in [V3, V5] {
        let mut client = hub.clean(version, "c").await;
        client.subscribe(&[("a", 0)], &[0]).await;
        let properties: &[u8] = if version == V5 { &[0] } else { &[] };
        client.send(&packet(0xA2, &[&[0, 3], properties, &[0, 1, b'a', 0, 1, b'b']].concat())).await;
        let codes: &[u8] = if version == V5 { &[0, 3, 0, 0, 0x11] } else { &[0, 3] };
        client.expect(0xB0, codes).await;
        client.publish_acked(0, "a", "x").await;
        client.ping().await;
        client.disconnect().await;
    }
}

#[tokio::test]
async fn an_alias_stands_for_its_topic() {
    let hub = Hub::with(|limits| limits.topic_alias_max = 2).await;
    let mut client = hub.clean(V5, "c").await;
    client.subscribe(&[("#", 0)], &[0]).await;
    for (topic, payload) in [("a/b", "1"), ("", "2"), ("c", "3"), ("", "4")] {
        let bytes = client.publish_bytes(0, topic, 0, &[0x23, 0, 2], payload);
        client.send(&bytes).await;
        let seen = client.message().await;
        let want = if payload < "3" { "a/b" } else { "c" };
        assert_eq!((seen.topic.as_str(), seen.payload.as_str(), seen.properties), (want, payload, vec![]));
    }
    for (alias, reason) in [(3, 0x94), (1, 0x82)] {
        let mut client = hub.clean(V5, "d").await;
        let bytes = client.publish_bytes(0, "", 0, &[0x23, 0, alias], "x");
        client.send(&bytes).await;
        client.expect_refused(reason).await;
    }
}

#[tokio::test]
async fn properties_are_handed_on_and_expiry_runs_down() {
    let hub = Hub::start().await;
    let (mut away, _) =
        hub.connected(Connect { id: "away", properties: &[0x11, 0, 0, 1, 0], ..Connect::default() }).await;
    away.subscribe(&[("a", 1)], &[1]).await;
    away.disconnect().await;
    let mut publisher = hub.clean(V5, "pub").await;
    let handed = b"\x01\x01\x03\x00\x04text\x08\x00\x01r\x09\x00\x02id\x26\x00\x01k\x00\x01v";
    let short = publisher.publish_bytes(2, "a", 1, &[&[0x02, 0, 0, 0, 1], &handed[..]].concat(), "short");
    let long = publisher.publish_bytes(2, "a", 2, &[&handed[..], &[0x02, 0, 0, 1, 0]].concat(), "long");
    publisher.send(&short).await;
    publisher.send(&long).await;
    publisher.expect(0x40, &[0, 1]).await;
    publisher.expect(0x40, &[0, 2]).await;
    let published = std::time::Instant::now();
    while published.elapsed().as_millis() < 1100 {
        publisher.ping().await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (mut back, present) = hub
        .connected(Connect { id: "away", clean: false, properties: &[0x11, 0, 0, 1, 0], ..Connect::default() })
        .await;
    assert!(present);
    let seen = back.message().await;
    let left = u32::from_be_bytes([seen.properties[1], seen.properties[2], seen.properties[3], seen.properties[4]]);
    assert_eq!((seen.payload.as_str(), seen.properties[0], &seen.properties[5..]), ("long", 0x02, &handed[..]));
    assert!((240..256).contains(&left), "{left} s left");
    hub.until("the expired message", |stats| stats.expired == 1).await;
}

#[tokio::test]
async fn a_will_is_published_for_the_lost_and_not_for_those_who_say_goodbye() {
    let hub = Hub::start().await;
    let mut watcher = hub.clean(V5, "watcher").await;
    watcher.subscribe(&[("will/#", 1)], &[1]).await;
    for version in [V3, V5] {
        let will = Some(("will/a", "lost", &[][..]));
        let polite = hub.connected(Connect { version, id: "polite", will, ..Connect::default() }).await.0;
        polite.disconnect().await;
        let lost = hub.connected(Connect { version, id: "lost", will, ..Connect::default() }).await.0;
        drop(lost);
        let seen = watcher.message().await;
        assert_eq!((seen.payload.as_str(), seen.qos), ("lost", 1));
        watcher.send(&[0x40, 2, 0, seen.id as u8]).await;
    }
    // v5: "disconnect with will message".
    let will = Some(("will/b", "asked for", &[][..]));
    let mut asking = hub.connected(Connect { id: "asking", will, ..Connect::default() }).await.0;
    asking.send(&[0xE0, 1, 4]).await;
    assert_eq!(watcher.payload().await, "asked for");
}

#[tokio::test]
async fn a_will_waits_its_delay_and_is_forgotten_when_the_client_returns() {
    let hub = Hub::start().await;
    let mut watcher = hub.clean(V5, "watcher").await;
    watcher.subscribe(&[("will/#", 0)], &[0]).await;
    let expiry = &[0x11, 0, 0, 1, 0][..];
    let connect = |id, delay: &'static [u8]| Connect {
        id,
        clean: false,
        properties: expiry,
        will: Some(("will/a", id, delay)),
        ..Connect::default()
    };
    drop(hub.connected(connect("returns", &[0x18, 0, 0, 0, 2])).await);
    drop(hub.connected(connect("stays away", &[0x18, 0, 0, 0, 1])).await);
    let (_back, present) = hub.connected(connect("returns", &[0x18, 0, 0, 0, 100])).await;
    assert!(present);
    assert_eq!(watcher.payload().await, "stays away");
    watcher.ping().await;
    assert_eq!(hub.messages().len(), 1);
}

#[tokio::test]
async fn sys_topics_tell_how_the_broker_is() {
    let hub = Hub::start().await;
    let mut client = hub.clean(V5, "c").await;
    client.subscribe(&[("$SYS/broker/clients/connected", 0)], &[0]).await;
    let mut last = client.message().await;
    while last.payload != "1" {
        last = client.message().await;
    }
    assert_eq!(last.topic, "$SYS/broker/clients/connected");
    assert!(hub.messages().is_empty(), "figures do not enter the log");
}
