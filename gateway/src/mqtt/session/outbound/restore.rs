//! Rebuilding an outbound half after a restart: from session records in log order, and from a snapshot's image.
//!
//! Each of these finds its message by log position and changes nothing when it is not there, so a record that a
//! snapshot already contains may be applied again.

use super::{Delivery, Flight, Outbound, Stage};

/// One message of a snapshot: in flight under an id and stage, or waiting.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The message.
    pub delivery: Delivery,
    /// Packet id and whether the client has confirmed reception (QoS 2), when in flight.
    pub flight: Option<(u16, bool)>,
}

impl Outbound {
    /// A message that waits again, in log order.
    pub fn restore_waiting(&mut self, delivery: Delivery) {
        self.enqueue(delivery);
    }

    /// QoS 2 messages that had been given packet ids: they may have reached the client under these.
    pub fn restore_assigned(&mut self, sent: &[(u16, u64)]) {
        for &(id, position) in sent {
            let Some(at) = self.queue.iter().position(|waiting| waiting.position == position) else { continue };
            let Some(delivery) = self.queue.remove(at) else { continue };
            self.restore_flight(id, delivery, Stage::Sent);
        }
    }

    /// QoS 2 messages that the client has.
    pub fn restore_received(&mut self, sent: &[(u16, u64)]) {
        self.restore_assigned(sent);
        for &(id, position) in sent {
            let slot = self.slots.get_mut(usize::from(id).wrapping_sub(1)).and_then(Option::as_mut);
            if let Some(flight) = slot.filter(|flight| flight.delivery.position == position) {
                flight.stage = Stage::Released;
            }
        }
    }

    /// Messages the client is done with.
    pub fn restore_settled(&mut self, positions: &[u64]) {
        for &position in positions {
            let slot = self.slots.iter().position(|s| s.as_ref().is_some_and(|f| f.delivery.position == position));
            match slot {
                Some(index) => self.vacate(index as u16 + 1),
                None => drop(self.take_waiting(position)),
            }
        }
    }

    /// Whether the message at this position waits or is in flight here.
    pub fn holds(&self, position: u64) -> bool {
        let flights = self.slots.iter().flatten().map(|flight| flight.delivery.position);
        flights.chain(self.queue.iter().map(|waiting| waiting.position)).any(|held| held == position)
    }

    /// Takes a waiting message away.
    pub fn take_waiting(&mut self, position: u64) -> Option<Delivery> {
        let at = self.queue.iter().position(|waiting| waiting.position == position)?;
        let delivery = self.queue.remove(at)?;
        self.let_go(&delivery);
        Some(delivery)
    }

    /// Puts a snapshot's message back.
    pub fn restore(&mut self, kept: Kept) {
        match kept.flight {
            None => self.enqueue(kept.delivery),
            Some((id, released)) => {
                self.hold(&kept.delivery);
                self.restore_flight(id, kept.delivery, if released { Stage::Released } else { Stage::Sent });
            }
        }
    }

    fn restore_flight(&mut self, id: u16, delivery: Delivery, stage: Stage) {
        let index = usize::from(id).wrapping_sub(1);
        if id == 0 || index >= usize::from(self.bounds.inflight_max) {
            self.let_go(&delivery);
            return self.enqueue(delivery);
        }
        while self.slots.len() <= index {
            self.slots.push(None);
            self.free.push_back(self.slots.len() as u16);
        }
        self.free.retain(|free| *free != id);
        self.order += 1;
        self.slots[index] = Some(Flight { delivery, stage, counted: false, order: self.order });
    }

    /// Everything that must survive, in the order it would be sent again.
    pub fn image(&self) -> Vec<Kept> {
        let mut flights: Vec<(u64, u16, &Flight)> =
            self.slots.iter().zip(1u16..).filter_map(|(s, id)| s.as_ref().map(|f| (f.order, id, f))).collect();
        flights.sort_unstable_by_key(|(order, ..)| *order);
        let flights = flights.into_iter().map(|(_, id, flight)| Kept {
            delivery: flight.delivery.clone(),
            flight: Some((id, flight.stage == Stage::Released)),
        });
        flights.chain(self.queue.iter().map(|d| Kept { delivery: d.clone(), flight: None })).collect()
    }
}
