//! Packets of a connected client: what goes to the log, and what is answered once it is there.
//!
//! ```text
//! socket chunk ─▶ receive ─▶ Work { records → one burst of the log
//!                                   acks     answered in this order when the burst is on disk
//!                                   settles  the client's own acknowledgements, for the outbound half
//!                                   changes  for the router, when the session needs no log }
//! burst on disk ─▶ committed ─▶ PUBACK, PUBREC, PUBCOMP, PUBREL        burst failed ─▶ failed ─▶ reason code or close
//! ```
//!
//! Rules that are not in the standard but ours: a refused publish is answered 0x87 in v5 and closes a 3.1.1 connection
//! (QoS 0 is dropped and counted); a log that refuses is answered 0x97 (quota exceeded), a log that failed 0x80, and
//! closes a 3.1.1 connection. Anything else than a PUBACK that cannot be made durable closes the connection: the client
//! repeats it on the next one.

use super::change::Change;
use super::message::Properties;
pub use super::work::{Ack, Goodbye, Records, Setup, Work};
use crate::auth::Rights;
use crate::mqtt::topic::Subscribed;
use crate::mqtt::wire::frame::{self, Frame};
use crate::mqtt::wire::packet::{self, AckKind, Options, Packet};
use crate::mqtt::wire::publish::{self, Publish};
use crate::mqtt::wire::{Reason, Refused, Version, answer};
use greenhub_model::{Channel, Record};
use std::collections::{BTreeMap, BTreeSet};

/// The inbound half of a connection.
#[derive(Debug)]
pub struct Inbound {
    setup: Setup,
    /// `greenhub/v1/{class}/{device}/` of a registered device: the common permission in one comparison.
    own_prefix: Option<String>,
    /// Subscribed filters; `true` = no-local.
    filters: BTreeMap<String, bool>,
    no_local: usize,
    aliases: Vec<Option<Box<str>>>,
    /// QoS 2 packet ids received and not yet released.
    held: BTreeSet<u16>,
    unacknowledged: u32,
    handed: Vec<u8>,
    encoded: Vec<u8>,
}

impl Inbound {
    /// A connection on its session: the QoS 2 ids it holds and the filters it has.
    pub fn new(setup: Setup, held: BTreeSet<u16>, filters: BTreeMap<String, bool>) -> Self {
        let own_prefix = match &setup.identity.rights {
            Rights::Device { class: Some(class), device } => {
                Some(format!("{}{class}/{device}/", greenhub_model::topic::ROOT))
            }
            _ => None,
        };
        Self {
            own_prefix,
            no_local: filters.values().filter(|no_local| **no_local).count(),
            filters,
            aliases: vec![],
            unacknowledged: held.len() as u32,
            held,
            handed: vec![],
            encoded: vec![],
            setup,
        }
    }

    /// What the connection is.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// QoS 1 and 2 messages not yet answered in full; beyond the receive maximum the shell stops reading.
    pub fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    /// Takes all complete packets at the start of `bytes` and returns how many bytes they were. What came before an
    /// error counts.
    pub fn receive<R: Records>(&mut self, bytes: &[u8], work: &mut Work<R>) -> Result<usize, Refused> {
        let mut taken = 0;
        while work.goodbye.is_none() {
            let Some(frame) = frame::cut(&bytes[taken..], self.setup.packet_bytes_max)? else { break };
            self.packet(frame, work)?;
            taken += frame.whole.len();
        }
        Ok(taken)
    }

    fn packet<R: Records>(&mut self, frame: Frame<'_>, work: &mut Work<R>) -> Result<(), Refused> {
        if frame.first & 0xF0 == 0x30 {
            let publish = publish::decode(frame.first, frame.body, self.setup.version)?;
            return self.publish(publish, work);
        }
        match packet::decode(frame, self.setup.version)? {
            Packet::Ack(AckKind::PubRel, id, _) => self.release(id, work),
            Packet::Ack(kind, id, reason) => {
                work.settles.push((kind, id, reason));
                Ok(())
            }
            Packet::Subscribe(id, identifier, filters) => self.subscribe(id, identifier, filters, work),
            Packet::Unsubscribe(id, filters) => self.unsubscribe(id, filters, work),
            Packet::Ping => {
                work.pings += 1;
                Ok(())
            }
            Packet::Disconnect(reason, expiry) => {
                if self.setup.expiry == 0 && expiry.is_some_and(|seconds| seconds > 0) {
                    return Err(Refused::protocol("a session expiry given only at the end"));
                }
                work.goodbye = Some(Goodbye { will: reason.0 == 0x04, expiry });
                Ok(())
            }
        }
    }

    fn publish<R: Records>(&mut self, publish: Publish<'_>, work: &mut Work<R>) -> Result<(), Refused> {
        work.publishes += 1;
        self.handed.clear();
        let scanned = match publish.properties {
            [] => publish::Scanned::default(),
            properties => publish::scan_properties(properties, &mut self.handed)?,
        };
        if let Some(alias) = scanned.alias {
            self.learn_alias(alias, publish.topic)?;
        }
        let alias = match publish.topic {
            "" => Some(scanned.alias.ok_or(Refused::protocol("neither topic nor topic alias"))?),
            _ => None,
        };
        if publish.qos > 0 && self.setup.version == Version::V5 {
            let repeated = publish.qos == 2 && self.held.contains(&publish.packet_id);
            if !repeated && self.unacknowledged >= u32::from(self.setup.receive_max) {
                return Err(Refused::new(Reason::RECEIVE_MAXIMUM, "more unacknowledged than the receive maximum"));
            }
        }
        let Inbound { setup, own_prefix, no_local, aliases, held, unacknowledged, handed, encoded, .. } = self;
        let topic = match alias {
            None => publish.topic,
            Some(alias) => aliases
                .get(usize::from(alias) - 1)
                .and_then(Option::as_deref)
                .ok_or(Refused::protocol("topic alias that was never defined"))?,
        };
        let own = own_prefix.as_deref().is_some_and(|own| topic.len() > own.len() && topic.starts_with(own));
        if !own && !setup.identity.rights.may_publish(topic) {
            work.refused += 1;
            return refuse(setup.version, &publish, unacknowledged, work);
        }
        if publish.qos == 2 && !held.insert(publish.packet_id) {
            work.acks.push(Ack { kind: AckKind::PubRec, id: publish.packet_id, reason: Reason::SUCCESS });
            return Ok(());
        }
        let named = publish.qos == 2 || *no_local > 0;
        encoded.clear();
        Properties { expiry: scanned.expiry, client: named.then_some(&*setup.client), handed }.encode(encoded);
        let record = Record {
            qos: publish.qos,
            retain: publish.retain,
            unregistered: setup.identity.unregistered,
            packet_id: if publish.qos == 2 { publish.packet_id } else { 0 },
            properties: encoded,
            ..Record::message(Channel::Mqtt, topic, &setup.identity.principal, publish.payload)
        };
        let too_large = |_| Refused::new(Reason::PACKET_TOO_LARGE, "message larger than a log record may be");
        work.records.push(&record).map_err(too_large)?;
        if publish.qos > 0 {
            *unacknowledged += 1;
            let kind = if publish.qos == 1 { AckKind::PubAck } else { AckKind::PubRec };
            work.acks.push(Ack { kind, id: publish.packet_id, reason: Reason::SUCCESS });
        }
        Ok(())
    }

    fn learn_alias(&mut self, alias: u16, topic: &str) -> Result<(), Refused> {
        if alias > self.setup.topic_alias_max {
            return Err(Refused::new(Reason::TOPIC_ALIAS, "topic alias above the maximum"));
        }
        if topic.is_empty() {
            return Ok(());
        }
        let index = usize::from(alias) - 1;
        if self.aliases.len() <= index {
            self.aliases.resize(index + 1, None);
        }
        self.aliases[index] = Some(topic.into());
        Ok(())
    }

    /// PUBREL: the id may be used again; of a session in the log, only once that is on disk.
    fn release<R: Records>(&mut self, id: u16, work: &mut Work<R>) -> Result<(), Refused> {
        let known = self.held.remove(&id);
        if known && self.setup.logged {
            self.record(&Change::Released { ids: vec![id] }, work)?;
        }
        let reason = if known { Reason::SUCCESS } else { Reason::PACKET_ID_NOT_FOUND };
        work.acks.push(Ack { kind: AckKind::PubComp, id, reason });
        Ok(())
    }

    fn subscribe<R: Records>(
        &mut self,
        packet_id: u16,
        identifier: Option<u32>,
        asked: Vec<(String, Options)>,
        work: &mut Work<R>,
    ) -> Result<(), Refused> {
        let mut filters = Vec::with_capacity(asked.len());
        for (text, options) in asked {
            let code = self.judge_filter(&text, options)?;
            filters.push((text, options, code.0));
        }
        self.change(Change::Subscribe { epoch: self.setup.epoch, packet_id, identifier, filters }, work)
    }

    /// The reason code of one filter; a granted one is remembered.
    fn judge_filter(&mut self, text: &str, options: Options) -> Result<Reason, Refused> {
        let Some(subscribed) = Subscribed::parse(text) else { return Ok(Reason::FILTER_INVALID) };
        if subscribed.group.is_some() && options.no_local {
            return Err(Refused::protocol("no-local on a shared subscription"));
        }
        if !self.setup.identity.rights.may_subscribe(subscribed.filter) {
            return Ok(Reason::NOT_AUTHORISED);
        }
        if !self.filters.contains_key(text) && self.filters.len() >= self.setup.subscriptions_max {
            return Ok(Reason::QUOTA);
        }
        let before = self.filters.insert(text.to_owned(), options.no_local);
        self.no_local += usize::from(options.no_local);
        self.no_local -= usize::from(before == Some(true));
        Ok(Reason(options.qos))
    }

    fn unsubscribe<R: Records>(
        &mut self,
        packet_id: u16,
        filters: Vec<String>,
        work: &mut Work<R>,
    ) -> Result<(), Refused> {
        for filter in &filters {
            if self.filters.remove(filter) == Some(true) {
                self.no_local -= 1;
            }
        }
        self.change(Change::Unsubscribe { epoch: self.setup.epoch, packet_id, filters }, work)
    }

    /// Sends a change the way of this session: through the log, or straight to the router.
    fn change<R: Records>(&self, change: Change, work: &mut Work<R>) -> Result<(), Refused> {
        if self.setup.logged {
            return self.record(&change, work);
        }
        work.changes.push(change);
        Ok(())
    }

    /// Writes a change of this session among the records.
    pub fn record<R: Records>(&self, change: &Change, work: &mut Work<R>) -> Result<(), Refused> {
        work.recorded += 1;
        let payload = change.encode();
        let record = Change::record(&self.setup.client, &self.setup.identity.principal, &payload);
        work.records
            .push(&record)
            .map_err(|_| Refused::new(Reason::PACKET_TOO_LARGE, "change larger than a log record may be"))
    }

    /// The burst is on disk: its acknowledgements, encoded.
    pub fn committed(&mut self, acks: &[Ack], out: &mut Vec<u8>) {
        for ack in acks {
            self.answer(*ack, out);
        }
    }

    /// The burst is not on disk and `reason` says why in one byte: nothing of it is acknowledged. `recorded`: it held
    /// changes of the session. A burst of nothing but QoS 0 is lost without a word, as QoS 0 may be.
    pub fn failed(&mut self, acks: &[Ack], recorded: bool, reason: Reason, out: &mut Vec<u8>) -> Result<(), Refused> {
        let closing = Refused::new(reason, "the log did not take the message");
        let only_publishes = acks.iter().all(|ack| ack.kind == AckKind::PubAck);
        if recorded || !only_publishes || (self.setup.version == Version::V3 && !acks.is_empty()) {
            return Err(closing);
        }
        for ack in acks {
            let refused = Ack { reason: ack.reason.max(reason), ..*ack };
            self.answer(refused, out);
        }
        Ok(())
    }

    fn answer(&mut self, ack: Ack, out: &mut Vec<u8>) {
        let done = match ack.kind {
            AckKind::PubAck => true,
            AckKind::PubRec => ack.reason.is_failure(),
            AckKind::PubComp => ack.reason == Reason::SUCCESS,
            AckKind::PubRel => false,
        };
        self.unacknowledged -= u32::from(done).min(self.unacknowledged);
        answer::ack(self.setup.version, ack.kind, ack.id, ack.reason, out);
    }
}

/// A publish outside the client's rights.
fn refuse<R>(
    version: Version,
    publish: &Publish<'_>,
    unacknowledged: &mut u32,
    work: &mut Work<R>,
) -> Result<(), Refused> {
    let kind = match (publish.qos, version) {
        (0, _) => return Ok(()),
        (_, Version::V3) => return Err(Refused::new(Reason::NOT_AUTHORISED, "publish outside the client's topics")),
        (1, Version::V5) => AckKind::PubAck,
        (_, Version::V5) => AckKind::PubRec,
    };
    *unacknowledged += 1;
    work.acks.push(Ack { kind, id: publish.packet_id, reason: Reason::NOT_AUTHORISED });
    Ok(())
}

#[cfg(test)]
mod tests;
