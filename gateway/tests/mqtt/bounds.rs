//! Every bound an outsider can run into: it holds, the outsider learns why, others notice nothing.

use crate::kit::*;
use std::time::Duration;

#[tokio::test]
async fn more_than_the_receive_maximum_ends_a_v5_connection_and_slows_a_v3_one() {
    let hub = Hub::with(|limits| limits.receive_max = 3).await;
    hub.disk.hold_syncs();
    let mut v5 = hub.clean(V5, "five").await;
    for id in 1..=4 {
        v5.publish(2, "a", id, "x").await;
    }
    v5.expect_refused(0x93).await;
    let mut v3 = hub.clean(V3, "three").await;
    for id in 1..=20 {
        v3.publish(2, "a", id, "x").await;
    }
    hub.disk.release_syncs();
    for id in 1..=20 {
        v3.expect(0x40, &[0, id]).await;
    }
}

#[tokio::test]
async fn packets_beyond_the_maximum_are_refused_in_and_not_sent_out() {
    let hub = Hub::with(|limits| limits.packet_bytes_max = 2000).await;
    let mut client = hub.clean(V5, "c").await;
    client.publish_acked(0, "a", &"x".repeat(1900)).await;
    client.publish(2, "a", 1, &"x".repeat(2000)).await;
    client.expect_refused(0x95).await;
    let small = Connect { id: "small", properties: &[0x27, 0, 0, 0, 50], ..Connect::default() };
    let (mut small, _) = hub.connected(small).await;
    small.subscribe(&[("a", 1)], &[1]).await;
    let mut publisher = hub.clean(V5, "pub").await;
    publisher.publish_acked(0, "a", &"y".repeat(100)).await;
    publisher.publish_acked(0, "a", "fits").await;
    assert_eq!(small.payload().await, "fits");
    hub.until("the oversized message", |s| s.too_large == 1).await;
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_costs_a_bounded_amount_and_is_let_go() {
    let hub = Hub::with(|limits| {
        limits.ready_bytes_max = 100_000;
        limits.queue_messages_max = 50;
        limits.inflight_max = 10;
        limits.write_stall = Duration::from_millis(500);
    })
    .await;
    let mut deaf = hub.clean(V5, "deaf").await;
    deaf.subscribe(&[("zero", 0)], &[0]).await;
    let mut busy = hub.clean(V5, "busy").await;
    busy.subscribe(&[("one", 1)], &[1]).await;
    let mut publisher = hub.clean(V5, "pub").await;
    let payload = "x".repeat(50_000);
    for _ in 0..400 {
        publisher.publish_acked(0, "zero", &payload).await;
    }
    hub.until("drops for the slow", |s| s.dropped_slow > 0).await;
    for n in 0..100 {
        publisher.publish_acked(0, "one", &n.to_string()).await;
    }
    hub.until("drops from the queue", |s| s.dropped_queue == 40).await;
    // The first ten are in flight; behind them the oldest have been dropped.
    let mut seen = vec![];
    for _ in 0..60 {
        let message = busy.message().await;
        busy.send(&[0x40, 2, 0, message.id as u8]).await;
        seen.push(message.payload.parse::<u32>().expect("a number"));
    }
    assert_eq!(seen, (0..10).chain(50..100).collect::<Vec<_>>());
    hub.until("the stalled one's end", |s| s.stalled == 1).await;
    assert!(hub.broker.stats().queued_bytes < 100_000);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_counted() {
    let hub = Hub::with(|limits| limits.connections_max = 2).await;
    let first = hub.clean(V5, "1").await;
    let mut second = hub.clean(V5, "2").await;
    hub.client().await.expect_end().await;
    assert_eq!(hub.broker.stats().over_limit, 1);
    first.disconnect().await;
    hub.until("room", |s| s.connections == 1).await;
    hub.clean(V5, "3").await.ping().await;
    second.ping().await;
}

#[tokio::test]
async fn who_does_not_say_connect_in_time_is_closed() {
    let hub = Hub::with(|limits| limits.connect_timeout = Duration::from_millis(100)).await;
    let mut silent = hub.client().await;
    let mut slow = hub.client().await;
    slow.send(&[0x10, 0x80]).await;
    silent.expect_end().await;
    slow.expect_end().await;
    let mut http = hub.client().await;
    http.send(b"GET / HTTP/1.1\r\n\r\n").await;
    http.expect_end().await;
}

#[tokio::test]
async fn keep_alive_is_kept() {
    let hub = Hub::start().await;
    let watched = std::time::Instant::now();
    for version in [V3, V5] {
        let keep = Connect { version, id: "quiet", keep_alive: 1, ..Connect::default() };
        let (mut quiet, _) = hub.connected(keep).await;
        quiet.ping().await;
        let start = std::time::Instant::now();
        quiet.expect_refused(0x8D).await;
        assert!(start.elapsed() >= Duration::from_millis(1400), "{:?}", start.elapsed());
    }
    assert!(watched.elapsed() < Duration::from_secs(8));
    assert_eq!(hub.broker.stats().silent, 2);
}

#[tokio::test]
async fn publishing_too_fast_is_slowed_not_lost() {
    let hub = Hub::with(|limits| limits.publish_rate_max = Some(100)).await;
    let mut client = hub.clean(V5, "c").await;
    let start = std::time::Instant::now();
    for n in 0..4 {
        let mut bytes = vec![];
        for id in 1..=50u16 {
            bytes.extend(client.publish_bytes(2, "a", n * 50 + id, &[], "x"));
        }
        client.send(&bytes).await;
        for id in 1..=50u16 {
            client.expect(0x40, &(n * 50 + id).to_be_bytes()).await;
        }
    }
    client.ping().await;
    assert!(start.elapsed() >= Duration::from_millis(500), "200 at 100 a second took {:?}", start.elapsed());
    assert_eq!(hub.messages().len(), 200);
}

#[tokio::test]
async fn subscriptions_and_sessions_are_bounded() {
    let hub = Hub::with(|limits| {
        limits.subscriptions_max = 2;
        limits.sessions_max = 1;
    })
    .await;
    let mut client = hub.clean(V5, "c").await;
    client.subscribe(&[("a", 0), ("b", 0), ("c", 0)], &[0, 0, 0x97]).await;
    client.subscribe(&[("a", 1)], &[1]).await;
    let mut second = hub.client().await;
    second.send(&Connect { id: "d", ..Connect::default() }.bytes()).await;
    let (first, body) = second.packet().await;
    assert_eq!((first, body[1]), (0x20, 0x97));
}
