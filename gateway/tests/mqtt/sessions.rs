//! Persistent sessions: what waits, what is sent again, what survives a restart and a power cut, who may take them over.

use crate::kit::*;

const KEEP: &[u8] = &[0x11, 0, 0, 1, 0];

fn lasting(version: greenhub_gateway::mqtt::wire::Version, id: &str) -> Connect<'_> {
    Connect { version, id, clean: false, properties: KEEP, ..Connect::default() }
}

#[tokio::test]
async fn messages_wait_for_a_session_and_unacknowledged_ones_come_again_after_a_restart() {
    for crash in [false, true] {
        for version in [V3, V5] {
            let mut hub = Hub::start().await;
            let (mut sub, present) = hub.connected(lasting(version, "s")).await;
            assert!(!present);
            sub.subscribe(&[("a/#", 1)], &[1]).await;
            let mut publisher = hub.clean(version, "pub").await;
            publisher.publish_acked(0, "a/1", "acked").await;
            publisher.publish_acked(0, "a/1", "in flight").await;
            let acked = sub.message().await;
            let in_flight = sub.message().await;
            sub.send(&[0x40, 2, 0, acked.id as u8]).await;
            // Orderly farewell: that the client acknowledged is on record then.
            sub.disconnect().await;
            hub.until("the farewell", |s| s.sessions_connected == 1).await;
            publisher.publish_acked(0, "a/2", "offline").await;
            publisher.publish(0, "a/2", 0, "QoS 0 does not wait").await;
            publisher.ping().await;
            hub = if crash { hub.crash().await } else { hub.restart().await };
            let (mut sub, present) = hub.connected(lasting(version, "s")).await;
            assert!(present, "crash {crash}");
            let again = sub.message().await;
            assert_eq!(again.payload, "in flight");
            // After a crash the broker only knows that it was not acknowledged.
            assert!(crash || (again.dup && again.id == in_flight.id), "{again:?}");
            sub.send(&[0x40, 2, 0, again.id as u8]).await;
            let seen = sub.message().await;
            assert_eq!((seen.payload.as_str(), seen.dup), ("offline", false));
            sub.send(&[0x40, 2, 0, seen.id as u8]).await;
            let mut publisher = hub.clean(version, "pub").await;
            publisher.publish_acked(0, "a/3", "subscribed still").await;
            assert_eq!(sub.payload().await, "subscribed still");
        }
    }
}

#[tokio::test]
async fn qos_2_from_a_client_enters_the_log_once_across_a_power_cut() {
    let mut hub = Hub::start().await;
    let (mut client, _) = hub.connected(lasting(V5, "c")).await;
    client.publish(4, "a", 5, "once").await;
    client.expect(0x50, &[0, 5]).await;
    client.publish(4 | 8, "a", 5, "once").await;
    client.expect(0x50, &[0, 5]).await;
    hub = hub.crash().await;
    let (mut client, present) = hub.connected(lasting(V5, "c")).await;
    assert!(present);
    client.publish(4 | 8, "a", 5, "once").await;
    client.expect(0x50, &[0, 5]).await;
    client.send(&[0x62, 2, 0, 5]).await;
    client.expect(0x70, &[0, 5]).await;
    client.send(&[0x62, 2, 0, 5]).await;
    client.expect(0x70, &[0, 5, 0x92]).await;
    assert_eq!(hub.messages(), [("a".into(), "once".into())]);
    // The id is free for a new message, also after another power cut.
    hub = hub.crash().await;
    let (mut client, _) = hub.connected(lasting(V5, "c")).await;
    client.publish(4, "a", 5, "another").await;
    client.expect(0x50, &[0, 5]).await;
    assert_eq!(hub.messages().len(), 2);
}

#[tokio::test]
async fn qos_2_to_a_client_is_delivered_once_across_power_cuts() {
    let mut hub = Hub::start().await;
    let (mut sub, _) = hub.connected(lasting(V5, "s")).await;
    sub.subscribe(&[("a", 2)], &[2]).await;
    let mut publisher = hub.clean(V5, "pub").await;
    publisher.publish(4, "a", 1, "once").await;
    publisher.expect(0x50, &[0, 1]).await;
    let first = sub.message().await;
    hub = hub.crash().await;
    let (mut sub, _) = hub.connected(lasting(V5, "s")).await;
    let again = sub.message().await;
    assert_eq!((again.id, again.dup, again.payload.as_str()), (first.id, true, "once"), "the same id: no new message");
    sub.send(&[0x50, 2, 0, again.id as u8]).await;
    sub.expect(0x62, &[0, again.id as u8]).await;
    hub = hub.crash().await;
    let (mut sub, _) = hub.connected(lasting(V5, "s")).await;
    sub.expect(0x62, &[0, again.id as u8]).await;
    sub.send(&[0x70, 2, 0, again.id as u8]).await;
    sub.disconnect().await;
    hub.until("the farewell", |s| s.sessions_connected == 0).await;
    hub = hub.crash().await;
    let (mut sub, present) = hub.connected(lasting(V5, "s")).await;
    assert!(present);
    sub.ping().await;
}

#[tokio::test]
async fn retained_messages_and_wills_survive_a_power_cut() {
    let mut hub = Hub::start().await;
    let mut publisher = hub.clean(V5, "pub").await;
    publisher.publish_acked(1, "r", "kept").await;
    let will = Some(("will/a", "hub went away", &[][..]));
    let (_client, _) = hub.connected(Connect { will, ..lasting(V5, "c") }).await;
    let (mut watcher, _) = hub.connected(lasting(V5, "w")).await;
    watcher.subscribe(&[("will/#", 1)], &[1]).await;
    hub = hub.crash().await;
    let (mut watcher, _) = hub.connected(lasting(V5, "w")).await;
    assert_eq!(watcher.payload().await, "hub went away");
    watcher.subscribe(&[("r", 0)], &[0]).await;
    assert_eq!(watcher.payload().await, "kept");
    hub = hub.crash().await;
    let (mut other, _) = hub.connected(lasting(V5, "other")).await;
    other.subscribe(&[("will/#", 1)], &[1]).await;
    other.ping().await;
    assert_eq!(hub.messages().len(), 2, "the will was published once");
}

#[tokio::test]
async fn a_session_is_taken_over_by_its_own_principal_only() {
    let hub = Hub::start().await;
    for version in [V3, V5] {
        let (mut first, _) = hub.connected(lasting(version, "c")).await;
        first.subscribe(&[("a", 1)], &[1]).await;
        let mut thief = hub.client().await;
        thief.version = version;
        thief.send(&Connect { user: Some("thief"), ..lasting(version, "c") }.bytes()).await;
        let (packet, body) = thief.packet().await;
        assert_eq!((packet, body[1]), (0x20, if version == V5 { 0x87 } else { 5 }));
        thief.expect_end().await;
        first.ping().await;
        let (mut second, present) = hub.connected(lasting(version, "c")).await;
        assert!(present);
        first.expect_refused(0x8E).await;
        second.publish_acked(0, "a", "x").await;
        assert_eq!(second.payload().await, "x");
        second.disconnect().await;
        hub.until("the farewell", |s| s.sessions_connected == 0).await;
        let mut thief = hub.client().await;
        thief.version = version;
        thief.send(&Connect { user: Some("thief"), ..lasting(version, "c") }.bytes()).await;
        let (packet, body) = thief.packet().await;
        assert_eq!((packet, body[1]), (0x20, if version == V5 { 0x87 } else { 5 }), "offline sessions are owned too");
        // A clean start by the owner ends it.
        let owner = hub.clean(version, "c").await;
        owner.disconnect().await;
    }
}

#[tokio::test]
async fn a_clean_start_forgets_for_good_and_expiry_ends_a_session() {
    let mut hub = Hub::start().await;
    let (mut client, _) = hub.connected(lasting(V5, "c")).await;
    client.subscribe(&[("a", 1)], &[1]).await;
    drop(client);
    hub.clean(V5, "c").await.disconnect().await;
    hub.until("the end of the session", |s| s.sessions == 0).await;
    // Its end is written behind the new connection's back; another write behind it is on disk only with it.
    let start = std::time::Instant::now();
    while hub.records_of_sessions("ended") == 0 {
        assert!(start.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    hub = hub.crash().await;
    let (_, present) = hub.connected(lasting(V5, "c")).await;
    assert!(!present);
    let brief = Connect { properties: &[0x11, 0, 0, 0, 1], ..lasting(V5, "brief") };
    hub.connected(brief).await.0.disconnect().await;
    hub.until("the session and then its end", |s| s.sessions == 1 && s.sessions_connected == 0 && s.accepted >= 2)
        .await;
    hub = hub.crash().await;
    let (_, present) = hub.connected(brief).await;
    assert!(!present);
    // DISCONNECT may shorten the expiry.
    let (mut client, _) = hub.connected(lasting(V5, "short")).await;
    client.send(&[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0]).await;
    client.expect_end().await;
    let (_, present) = hub.connected(lasting(V5, "short")).await;
    assert!(!present);
}

#[tokio::test]
async fn a_client_without_id_is_given_one_and_its_limits() {
    let hub = Hub::with(|limits| limits.session_expiry_max = std::time::Duration::from_secs(60)).await;
    let mut client = hub.client().await;
    client.send(&Connect { properties: &[0x11, 0xFF, 0xFF, 0xFF, 0xFF], ..Connect::default() }.bytes()).await;
    let (first, body) = client.packet().await;
    assert_eq!((first, body[1]), (0x20, 0));
    for property in
        [&[0x11, 0, 0, 0, 60][..], b"\x12\x00", &[0x13, 0x0E, 0x10], &[0x21, 0x10, 0x00], &[0x27, 0, 0x10, 0, 0]]
    {
        assert!(body.windows(property.len()).any(|w| w == property), "{property:?} in {body:?}");
    }
}
