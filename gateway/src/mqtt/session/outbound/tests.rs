use super::super::message::Delivery;
use super::restore::Kept;
use super::*;
use crate::mqtt::wire::frame::cut;
use crate::mqtt::wire::publish;
use greenhub_model::{Channel, Record};

fn bounds() -> Bounds {
    Bounds {
        queue_messages_max: 5,
        queue_bytes_max: 1 << 20,
        pool: Pool::new(1 << 20),
        ready_bytes_max: 1 << 16,
        inflight_max: 4,
    }
}

fn link(window: u16) -> Link {
    Link { version: Version::V5, packet_bytes_max: 1000, window }
}

/// Offers a message whose payload is its position.
fn offer(outbound: &mut Outbound, position: u64, qos: u8) {
    offer_with(outbound, position, qos, None, 0);
}

fn offer_with(outbound: &mut Outbound, position: u64, qos: u8, expiry: Option<u32>, now: i64) {
    let (payload, mut properties, mut bytes) = (position.to_string(), vec![], vec![]);
    Properties { expiry, ..Properties::default() }.encode(&mut properties);
    let record = Record { properties: &properties, ..Record::message(Channel::Mqtt, "a/b", "p", payload.as_bytes()) };
    record.encode(&mut bytes).expect("small");
    let offer = Offer {
        record: &record,
        properties: Properties::decode(&properties),
        bytes: &bytes,
        shared: &mut None,
        position,
        received: 0,
        qos,
        retain: false,
        subscriptions: &[],
    };
    outbound.offer(offer, now);
}

/// What the client sees: `P payload id dup` for PUBLISH, `R id reason` for PUBREL.
fn sent(outbound: &mut Outbound) -> Vec<String> {
    let mut bytes = vec![];
    outbound.take_ready(&mut bytes);
    let (mut seen, mut rest) = (vec![], &bytes[..]);
    while let Some(frame) = cut(rest, 1 << 20).expect("our own bytes") {
        rest = &rest[frame.whole.len()..];
        if frame.first & 0xF0 == 0x30 {
            let packet = publish::decode(frame.first, frame.body, Version::V5).expect("our own bytes");
            let payload = std::str::from_utf8(packet.payload).expect("digits");
            seen.push(format!("P{payload} {}{}", packet.packet_id, if packet.dup { " dup" } else { "" }));
        } else {
            seen.push(format!("R{}", u16::from_be_bytes([frame.body[0], frame.body[1]])));
        }
    }
    seen
}

#[test]
fn the_window_opens_with_each_acknowledgement() {
    let mut out = Outbound::new(bounds(), false);
    out.attach(link(2), 0);
    (1..=4).for_each(|position| offer(&mut out, position, 1));
    assert_eq!(sent(&mut out), ["P1 1", "P2 2"]);
    assert_eq!(out.settle(AckKind::PubAck, 1, Reason::SUCCESS), Settled::Done(1));
    out.pump(0);
    assert_eq!(sent(&mut out), ["P3 1"]);
    assert_eq!(out.settle(AckKind::PubAck, 9, Reason::SUCCESS), Settled::Unknown);
    assert_eq!(out.settle(AckKind::PubAck, 0, Reason::SUCCESS), Settled::Unknown);
    out.pump(0);
    assert_eq!(sent(&mut out), Vec::<String>::new());
}

#[test]
fn what_is_in_flight_is_sent_again_in_order_and_within_the_new_window() {
    let mut out = Outbound::new(bounds(), true);
    out.attach(link(3), 0);
    (1..=4).for_each(|position| offer(&mut out, position, 1));
    assert_eq!(sent(&mut out), ["P1 1", "P2 2", "P3 3"]);
    assert_eq!(out.settle(AckKind::PubAck, 1, Reason::SUCCESS), Settled::Done(1));
    out.pump(0);
    assert_eq!(sent(&mut out), ["P4 1"]);
    out.detach();
    offer(&mut out, 5, 1);
    out.attach(link(2), 0);
    assert_eq!(sent(&mut out), ["P2 2 dup", "P3 3 dup"]);
    out.settle(AckKind::PubAck, 2, Reason::SUCCESS);
    out.settle(AckKind::PubAck, 3, Reason::SUCCESS);
    out.pump(0);
    assert_eq!(sent(&mut out), ["P4 1 dup", "P5 2"]);
}

#[test]
fn a_full_queue_drops_its_oldest_and_counts() {
    let mut out = Outbound::new(bounds(), true);
    (1..=7).for_each(|position| offer(&mut out, position, 1));
    assert_eq!(std::mem::take(&mut out.tally).dropped_queue, 2);
    out.attach(link(10), 0);
    assert_eq!(sent(&mut out), ["P3 1", "P4 2", "P5 3", "P6 4"]);

    let small = Bounds { queue_bytes_max: 400, ..bounds() };
    let pool = small.pool.clone();
    let mut out = Outbound::new(small, true);
    (1..=5).for_each(|position| offer(&mut out, position, 1));
    let (messages, bytes) = out.waiting();
    assert!(messages < 5 && messages > 0 && bytes <= 400, "{messages} messages, {bytes} bytes");
    assert_eq!(pool.held(), bytes);
    drop(out);
    assert_eq!(pool.held(), 0);
}

#[test]
fn qos_0_is_dropped_when_nobody_reads_and_not_kept_while_away() {
    let mut out = Outbound::new(Bounds { ready_bytes_max: 30, ..bounds() }, true);
    offer(&mut out, 1, 0);
    out.attach(link(10), 0);
    assert_eq!(sent(&mut out), Vec::<String>::new());
    (2..=9).for_each(|position| offer(&mut out, position, 0));
    assert_eq!(sent(&mut out).len(), 4);
    assert_eq!(std::mem::take(&mut out.tally), Tally { sent: 4, dropped_slow: 4, ..Tally::default() });
}

#[test]
fn qos_2_of_a_persistent_session_waits_for_the_log_twice() {
    let mut out = Outbound::new(bounds(), true);
    out.attach(link(10), 0);
    offer(&mut out, 7, 2);
    assert_eq!(sent(&mut out), Vec::<String>::new());
    let ids = out.unconfirmed();
    assert_eq!(ids, [(1, 7)]);
    out.confirm(&ids, 0);
    assert_eq!(sent(&mut out), ["P7 1"]);
    assert_eq!(out.settle(AckKind::PubComp, 1, Reason::SUCCESS), Settled::Unknown, "not released yet");
    assert_eq!(out.settle(AckKind::PubRec, 1, Reason::SUCCESS), Settled::Remember(1, 7));
    assert_eq!(out.settle(AckKind::PubRec, 1, Reason::SUCCESS), Settled::Release(1, Reason::SUCCESS));
    out.detach();
    out.attach(link(10), 0);
    assert_eq!(sent(&mut out), ["R1"], "released, never published again");
    assert_eq!(out.settle(AckKind::PubComp, 1, Reason::SUCCESS), Settled::Done(7));
    assert_eq!(out.settle(AckKind::PubRec, 1, Reason::SUCCESS), Settled::Release(1, Reason::PACKET_ID_NOT_FOUND));
    assert_eq!(out.waiting(), (0, 0));
}

#[test]
fn a_lost_connection_before_the_ids_were_durable_asks_for_them_again() {
    let mut out = Outbound::new(bounds(), true);
    out.attach(link(10), 0);
    offer(&mut out, 7, 2);
    let stale = out.unconfirmed();
    out.detach();
    out.confirm(&stale, 0);
    out.attach(link(10), 0);
    assert_eq!(sent(&mut out), Vec::<String>::new());
    let ids = out.unconfirmed();
    assert_eq!(ids, [(1, 7)]);
    out.confirm(&ids, 0);
    assert_eq!(sent(&mut out), ["P7 1"]);
}

#[test]
fn expired_and_oversized_messages_are_given_up_and_counted() {
    let mut out = Outbound::new(bounds(), true);
    offer_with(&mut out, 1, 1, Some(5), 0);
    offer_with(&mut out, 2, 1, Some(50), 0);
    out.attach(link(10), 6_000_000);
    assert_eq!(sent(&mut out), ["P2 1"], "a slot that was not used is the next to be used again");
    assert_eq!((std::mem::take(&mut out.tally).expired, out.given_up()), (1, vec![1]));
    out.attach(Link { packet_bytes_max: 8, ..link(10) }, 0);
    assert_eq!(sent(&mut out), Vec::<String>::new());
    assert_eq!((std::mem::take(&mut out.tally).too_large, out.given_up()), (1, vec![2]));
}

#[test]
fn an_image_restores_the_same_redelivery() {
    let mut out = Outbound::new(bounds(), true);
    out.attach(link(2), 0);
    (1..=4).for_each(|position| offer(&mut out, position, 1 + (position == 2) as u8));
    out.settle(AckKind::PubAck, 1, Reason::SUCCESS);
    out.pump(0);
    let ids = out.unconfirmed();
    out.confirm(&ids, 0);
    out.settle(AckKind::PubRec, 2, Reason::SUCCESS);
    let image: Vec<Kept> = out.image();
    let mut back = Outbound::new(bounds(), true);
    image.into_iter().for_each(|kept| back.restore(kept));
    assert_eq!(back.waiting(), out.waiting());
    back.attach(link(9), 0);
    assert_eq!(sent(&mut back), ["R2", "P3 1 dup", "P4 3"]);
}

#[test]
fn records_in_log_order_restore_and_may_be_applied_twice() {
    let mut out = Outbound::new(bounds(), true);
    (1..=4).for_each(|position| offer(&mut out, position, 2));
    for _twice in 0..2 {
        out.restore_assigned(&[(3, 1), (1, 2)]);
        out.restore_received(&[(3, 1)]);
        out.restore_settled(&[4, 99]);
    }
    assert!(out.holds(1) && out.holds(3) && !out.holds(4));
    out.attach(link(9), 0);
    assert_eq!(sent(&mut out), ["R3", "P2 1 dup"]);
    let ids = out.unconfirmed();
    assert_eq!(ids, [(2, 3)]);
}

#[test]
fn a_delivery_weighs_what_it_holds() {
    let record: Arc<[u8]> = Arc::from(&[0u8; 100][..]);
    let delivery = Delivery { record, position: 0, received: 0, qos: 1, retain: false, subscriptions: vec![] };
    assert!(delivery.weight() >= 100);
}
