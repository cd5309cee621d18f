//! Messages on their way to one client: window, packet ids, redelivery, bounded queue.
//!
//! ```text
//! router ─offer─▶ QoS 0 ───────────────────────────────▶ ready ─▶ socket      (dropped when ready is full)
//!                 QoS 1/2 ─▶ queue ─pump─▶ flight(id) ──▶ ready ─▶ socket ─▶ PUBACK / PUBREC, PUBCOMP ─settle─▶ gone
//!                 (oldest dropped when full)   └── kept until settled, sent again on the next connection
//! ```
//!
//! Packet ids are slot numbers, 1 to the largest window, so finding a flight is an index and the window is the number of
//! slots. Invariants: a message is in the queue or in one slot, never both; `outstanding` counts flights sent on this
//! connection and stays within the client's receive maximum; bytes and messages waiting stay within [`Bounds`].
//! QoS 2 of a persistent session is sent only after its packet id is durable ([`Outbound::unconfirmed`]), and released
//! only after the client's PUBREC is: neither a crash of the hub nor a lost connection delivers it twice.

pub use super::bounds::{Bounds, Link, Pool, Tally};
use super::message::{Delivery, Properties, life_left};
use crate::mqtt::wire::packet::AckKind;
use crate::mqtt::wire::publish::Outgoing;
use crate::mqtt::wire::{Reason, Version, answer};
use greenhub_model::Record;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Has a packet id that is not durable yet; not sent.
    Assigned,
    /// Sent, or to be sent again.
    Sent,
    /// The client has it; PUBREL is ours to send.
    Released,
}

#[derive(Debug)]
pub(crate) struct Flight {
    pub delivery: Delivery,
    pub stage: Stage,
    /// Sent on this connection (counts against the window).
    counted: bool,
    order: u64,
}

/// One message offered by the router, still borrowing from its batch.
pub struct Offer<'a> {
    /// The decoded record.
    pub record: &'a Record<'a>,
    /// Its properties, decoded.
    pub properties: Properties<'a>,
    /// Its encoded bytes.
    pub bytes: &'a [u8],
    /// A counted copy of them, made by the first client that needs one.
    pub shared: &'a mut Option<Arc<[u8]>>,
    /// Log position.
    pub position: u64,
    /// Receive time, Unix microseconds.
    pub received: i64,
    /// QoS granted.
    pub qos: u8,
    /// Retain flag to send.
    pub retain: bool,
    /// Identifiers of the subscriptions that matched.
    pub subscriptions: &'a [u32],
}

/// What a client's acknowledgement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The message at this position is done.
    Done(u64),
    /// PUBREC of a persistent session: remember it, then release.
    Remember(u16, u64),
    /// Send PUBREL with this reason.
    Release(u16, Reason),
    /// Nothing was waiting under this id.
    Unknown,
}

/// The outbound half of a session.
#[derive(Debug)]
pub struct Outbound {
    bounds: Bounds,
    durable: bool,
    link: Option<Link>,
    ready: Vec<u8>,
    queue: VecDeque<Delivery>,
    held_bytes: usize,
    slots: Vec<Option<Flight>>,
    free: VecDeque<u16>,
    resend: VecDeque<u16>,
    outstanding: u16,
    order: u64,
    unconfirmed: Vec<(u16, u64)>,
    given_up: Vec<u64>,
    tally: Tally,
}

impl Outbound {
    /// An empty one. `durable`: a persistent session, whose QoS 2 steps go through the log.
    pub fn new(bounds: Bounds, durable: bool) -> Self {
        Self {
            bounds,
            durable,
            link: None,
            ready: vec![],
            queue: VecDeque::new(),
            held_bytes: 0,
            slots: vec![],
            free: VecDeque::new(),
            resend: VecDeque::new(),
            outstanding: 0,
            order: 0,
            unconfirmed: vec![],
            given_up: vec![],
            tally: Tally::default(),
        }
    }

    /// Takes a message from the router.
    pub fn offer(&mut self, offer: Offer<'_>, now: i64) {
        if offer.qos == 0 {
            return self.offer_at_most_once(&offer, now);
        }
        let record = offer.shared.get_or_insert_with(|| Arc::from(offer.bytes)).clone();
        self.enqueue(Delivery {
            record,
            position: offer.position,
            received: offer.received,
            qos: offer.qos,
            retain: offer.retain,
            subscriptions: offer.subscriptions.to_vec(),
        });
        self.pump(now);
    }

    fn offer_at_most_once(&mut self, offer: &Offer<'_>, now: i64) {
        let Some(link) = self.link else { return };
        if self.ready.len() >= self.bounds.ready_bytes_max {
            self.tally.dropped_slow += 1;
            return;
        }
        let Ok(expiry) = life_left(offer.properties.expiry, offer.received, now) else {
            self.tally.expired += 1;
            return;
        };
        let packet = Outgoing {
            dup: false,
            qos: 0,
            retain: offer.retain,
            topic: offer.record.topic,
            packet_id: 0,
            expiry,
            subscriptions: offer.subscriptions,
            properties: offer.properties.handed,
            payload: offer.record.payload,
        };
        match packet.encode(link.version, link.packet_bytes_max, &mut self.ready) {
            true => self.tally.sent += 1,
            false => self.tally.too_large += 1,
        }
    }

    fn enqueue(&mut self, delivery: Delivery) {
        self.hold(&delivery);
        self.queue.push_back(delivery);
        while self.queue.len() > self.bounds.queue_messages_max
            || self.held_bytes > self.bounds.queue_bytes_max
            || self.bounds.pool.is_over()
        {
            let Some(oldest) = self.queue.pop_front() else { break };
            self.give_up(&oldest);
            self.tally.dropped_queue += 1;
        }
    }

    fn hold(&mut self, delivery: &Delivery) {
        self.held_bytes += delivery.weight();
        self.bounds.pool.held.fetch_add(delivery.weight(), Ordering::Relaxed);
    }

    /// The message is no longer held.
    fn let_go(&mut self, delivery: &Delivery) {
        self.held_bytes -= delivery.weight();
        self.bounds.pool.held.fetch_sub(delivery.weight(), Ordering::Relaxed);
    }

    /// The client will not get this message. While it is connected its session remembers that; while it is not, a
    /// replay of the log comes to the same end by the same bounds.
    fn give_up(&mut self, delivery: &Delivery) {
        self.let_go(delivery);
        if self.durable && self.link.is_some() {
            self.given_up.push(delivery.position);
        }
    }

    /// Sends what the window and the ready buffer allow: first what must be sent again, then what waits.
    pub fn pump(&mut self, now: i64) {
        let Some(link) = self.link else { return };
        while self.outstanding < link.window && self.ready.len() < self.bounds.ready_bytes_max {
            if let Some(id) = self.resend.pop_front() {
                self.send_again(id, link, now);
            } else if let Some(id) = self.next_slot() {
                let Some(delivery) = self.queue.pop_front() else { break };
                self.send_new(id, delivery, link, now);
            } else {
                break;
            }
        }
    }

    /// A free packet id, when something waits for one.
    fn next_slot(&mut self) -> Option<u16> {
        if self.queue.is_empty() {
            return None;
        }
        if let Some(id) = self.free.pop_front() {
            return Some(id);
        }
        if self.slots.len() < usize::from(self.bounds.inflight_max) {
            self.slots.push(None);
            return Some(self.slots.len() as u16);
        }
        None
    }

    fn send_new(&mut self, id: u16, delivery: Delivery, link: Link, now: i64) {
        let hold = self.durable && delivery.qos == 2;
        if !hold && !self.encode(id, &delivery, false, link, now) {
            self.give_up(&delivery);
            self.free.push_back(id);
            return;
        }
        let stage = if hold { Stage::Assigned } else { Stage::Sent };
        if hold {
            self.unconfirmed.push((id, delivery.position));
        }
        self.order += 1;
        self.outstanding += 1;
        self.slots[usize::from(id) - 1] = Some(Flight { delivery, stage, counted: true, order: self.order });
    }

    fn send_again(&mut self, id: u16, link: Link, now: i64) {
        let Some(mut flight) = self.slots[usize::from(id) - 1].take() else { return };
        match flight.stage {
            Stage::Released => answer::ack(link.version, AckKind::PubRel, id, Reason::SUCCESS, &mut self.ready),
            Stage::Assigned => self.unconfirmed.push((id, flight.delivery.position)),
            Stage::Sent => {
                if !self.encode(id, &flight.delivery, true, link, now) {
                    self.give_up(&flight.delivery);
                    self.free.push_back(id);
                    return;
                }
            }
        }
        flight.counted = true;
        self.outstanding += 1;
        self.slots[usize::from(id) - 1] = Some(flight);
    }

    /// Encodes a PUBLISH; `false` when it has expired or is larger than the client takes.
    fn encode(&mut self, id: u16, delivery: &Delivery, dup: bool, link: Link, now: i64) -> bool {
        let Ok(record) = delivery.record() else { return false };
        let properties = Properties::decode(record.properties);
        let expiry = match life_left(properties.expiry, delivery.received, now) {
            Ok(expiry) => expiry,
            Err(_) if dup => Some(1),
            Err(_) => {
                self.tally.expired += 1;
                return false;
            }
        };
        let packet = Outgoing {
            dup,
            qos: delivery.qos,
            retain: delivery.retain,
            topic: record.topic,
            packet_id: id,
            expiry,
            subscriptions: &delivery.subscriptions,
            properties: properties.handed,
            payload: record.payload,
        };
        let fits = packet.encode(link.version, link.packet_bytes_max, &mut self.ready);
        match fits {
            true => self.tally.sent += 1,
            false => self.tally.too_large += 1,
        }
        fits
    }

    /// A PUBACK, PUBREC or PUBCOMP of the client.
    pub fn settle(&mut self, kind: AckKind, id: u16, reason: Reason) -> Settled {
        let index = usize::from(id).wrapping_sub(1);
        let Some(flight) = self.slots.get_mut(index).and_then(Option::as_mut) else { return unknown(kind, id) };
        let position = flight.delivery.position;
        match (kind, flight.stage, flight.delivery.qos) {
            (AckKind::PubAck, Stage::Sent, 1) | (AckKind::PubComp, Stage::Released, _) => {
                self.vacate(id);
                Settled::Done(position)
            }
            (AckKind::PubRec, Stage::Sent, 2) if reason.is_failure() => {
                self.vacate(id);
                Settled::Done(position)
            }
            (AckKind::PubRec, Stage::Sent, 2) => {
                flight.stage = Stage::Released;
                if self.durable { Settled::Remember(id, position) } else { Settled::Release(id, Reason::SUCCESS) }
            }
            (AckKind::PubRec, Stage::Released, _) => Settled::Release(id, Reason::SUCCESS),
            _ => Settled::Unknown,
        }
    }

    fn vacate(&mut self, id: u16) {
        if let Some(flight) = self.slots[usize::from(id) - 1].take() {
            self.let_go(&flight.delivery);
            self.outstanding -= u16::from(flight.counted);
            self.resend.retain(|waiting| *waiting != id);
            self.free.push_back(id);
        }
    }

    /// Packet ids that must be written down before their messages may be sent; taken by the connection.
    pub fn unconfirmed(&mut self) -> Vec<(u16, u64)> {
        std::mem::take(&mut self.unconfirmed)
    }

    /// The ids are durable: send their messages.
    pub fn confirm(&mut self, ids: &[(u16, u64)], now: i64) {
        let Some(link) = self.link else { return };
        for &(id, position) in ids {
            let Some(mut flight) = self.slots.get_mut(usize::from(id) - 1).and_then(Option::take) else { continue };
            let fits = flight.stage != Stage::Assigned || flight.delivery.position != position || {
                flight.stage = Stage::Sent;
                self.encode(id, &flight.delivery, false, link, now)
            };
            let counted = flight.counted;
            if fits {
                self.slots[usize::from(id) - 1] = Some(flight);
            } else {
                self.give_up(&flight.delivery);
                self.outstanding -= u16::from(counted);
                self.free.push_back(id);
            }
        }
    }

    /// Positions given up (expired, too large, dropped from the queue); to be recorded as settled by a durable session.
    pub fn given_up(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.given_up)
    }

    /// Moves the bytes for the socket to the end of `out`.
    pub fn take_ready(&mut self, out: &mut Vec<u8>) {
        if out.is_empty() {
            std::mem::swap(out, &mut self.ready);
        } else {
            out.append(&mut self.ready);
        }
    }

    /// Bytes other than PUBLISH, for the socket (SUBACK and UNSUBACK come from the router).
    pub fn ready_mut(&mut self) -> Option<(Version, &mut Vec<u8>)> {
        self.link.map(|link| (link.version, &mut self.ready))
    }

    /// A connection takes the session: everything in flight is sent again, in the order it was first sent.
    pub fn attach(&mut self, link: Link, now: i64) {
        self.detach();
        self.link = Some(link);
        let mut waiting: Vec<(u64, u16)> =
            self.slots.iter().zip(1u16..).filter_map(|(slot, id)| slot.as_ref().map(|f| (f.order, id))).collect();
        waiting.sort_unstable();
        self.resend = waiting.into_iter().map(|(_, id)| id).collect();
        self.pump(now);
    }

    /// The connection is gone.
    pub fn detach(&mut self) {
        self.link = None;
        self.ready = vec![];
        self.unconfirmed.clear();
        self.resend.clear();
        self.outstanding = 0;
        self.slots.iter_mut().flatten().for_each(|flight| flight.counted = false);
    }

    /// Whether a connection has it.
    pub fn is_attached(&self) -> bool {
        self.link.is_some()
    }

    /// Messages waiting or in flight, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        (self.queue.len() + self.slots.iter().flatten().count(), self.held_bytes)
    }

    /// Whether another message would displace one.
    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.bounds.queue_messages_max || self.ready.len() >= self.bounds.ready_bytes_max
    }

    /// Adds what was counted since the last call to the pool's counts.
    pub fn count(&mut self) {
        self.bounds.pool.add(std::mem::take(&mut self.tally));
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.count();
        self.bounds.pool.held.fetch_sub(self.held_bytes, Ordering::Relaxed);
    }
}

fn unknown(kind: AckKind, id: u16) -> Settled {
    match kind {
        AckKind::PubRec => Settled::Release(id, Reason::PACKET_ID_NOT_FOUND),
        _ => Settled::Unknown,
    }
}

pub mod restore;
#[cfg(test)]
mod tests;
