//! The router's core: sessions, subscriptions and retained messages as a function of the log. No task, no clock.
//!
//! It is fed batches in log order; session records among them change sessions, messages go to the sessions that
//! subscribe them. Fed the same log from the beginning, or from an image, it comes to the same state: that is how
//! sessions survive a restart. Two modes: while it replays, nobody is connected and what clients had done is taken from
//! their records; once live ([`Core::go_live`]) connections have done it themselves and those records pass by.
//!
//! Sessions that end with their connection are not in the log: their changes come through [`Core::change`] directly.
//! Cost per record that is neither retained, QoS 2 nor subscribed: reading its head.

use super::entry::{Entry, Session};
use super::retained::{Kept, Retained};
use crate::mqtt::config::Limits;
use crate::mqtt::session::change::Change;
use crate::mqtt::session::message::Properties;
use crate::mqtt::session::outbound::{Bounds, Offer, Outbound, Pool};
use crate::mqtt::trie::{SessionNumber, Subscription, Trie};
use crate::mqtt::wire::Reason;
use crate::mqtt::wire::packet::{Options, Will};
use greenhub_model::record::RecordError;
use greenhub_model::{Batch, Channel, Record, RecordKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod sessions;

/// What a connection gets when its session is ready.
#[derive(Debug)]
pub struct Attached {
    /// There was a session to go on with.
    pub present: bool,
    /// The shared handle.
    pub session: Arc<Session>,
    /// QoS 2 ids the client has not released.
    pub held: BTreeSet<u16>,
    /// Filters and whether they are no-local.
    pub filters: BTreeMap<String, bool>,
}

/// What the router's shell must do.
#[derive(Debug)]
pub enum Effect {
    /// Answer the connection that waits under this epoch.
    Attach(u64, Result<Attached, Reason>),
    /// Append the will of a session, and the record that it was.
    Publish {
        /// Whose.
        client: Arc<str>,
        /// Authenticated as.
        principal: Arc<str>,
        /// The connection that left it.
        epoch: u64,
        /// The message.
        will: Will,
        /// The session is in the log.
        logged: bool,
    },
    /// Append the record that a session is over.
    End {
        /// Whose.
        client: Arc<str>,
        /// Authenticated as.
        principal: Arc<str>,
        /// The connection that began it.
        born: u64,
    },
}

/// Counts since start; gauges are read when asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Routed {
    /// Messages offered to sessions.
    pub offered: u64,
    /// Messages of share groups without a member that could take them.
    pub unshared: u64,
    /// Session records that could not be read.
    pub unreadable: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hit {
    session: SessionNumber,
    options: Options,
    identifier: u32,
}

/// The core.
#[derive(Debug)]
pub struct Core {
    limits: Limits,
    pool: Arc<Pool>,
    trie: Trie,
    retained: Retained,
    entries: Vec<Option<Entry>>,
    free: Vec<SessionNumber>,
    clients: BTreeMap<Arc<str>, SessionNumber>,
    /// Sessions that a connection has.
    connected: usize,
    live: bool,
    hits: Vec<Hit>,
    identifiers: Vec<u32>,
    touched: Vec<SessionNumber>,
    effects: Vec<Effect>,
    routed: Routed,
}

/// The client's own packet must not go back to it, says the subscription.
fn is_echo(hit: &Hit, entry: &Entry, properties: &Properties<'_>) -> bool {
    hit.options.no_local && properties.client == Some(&*entry.client)
}

impl Core {
    /// An empty broker that replays.
    pub fn new(limits: Limits, pool: Arc<Pool>) -> Self {
        Self {
            pool,
            connected: 0,
            trie: Trie::default(),
            retained: Retained::new(limits.retained_max, limits.retained_bytes_max),
            entries: vec![],
            free: vec![],
            clients: BTreeMap::new(),
            live: false,
            hits: vec![],
            identifiers: vec![],
            touched: vec![],
            effects: vec![],
            routed: Routed::default(),
            limits,
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            queue_messages_max: self.limits.queue_messages_max,
            queue_bytes_max: self.limits.queue_bytes_max,
            pool: self.pool.clone(),
            ready_bytes_max: self.limits.ready_bytes_max,
            inflight_max: self.limits.inflight_max,
        }
    }

    /// Applies one batch in log order.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), RecordError> {
        let (mut at, mut position) = (0, batch.first.0);
        while at < batch.bytes.len() {
            let bytes = &batch.bytes[at..];
            let peek = Record::peek(bytes)?;
            match peek.kind {
                RecordKind::Message if peek.retain || peek.qos == 2 || !self.trie.is_empty() => {
                    let (record, _) = Record::decode(bytes)?;
                    self.message(&record, &bytes[..peek.len], position, batch.received.0);
                }
                RecordKind::Session => {
                    let (record, _) = Record::decode(bytes)?;
                    match Change::decode(record.payload) {
                        Ok(change) => self.change(record.topic, record.principal, true, change, batch.received.0),
                        Err(_) => self.routed.unreadable += 1,
                    }
                }
                _ => {}
            }
            at += peek.len;
            position += 1;
        }
        self.ring();
        Ok(())
    }

    fn message(&mut self, record: &Record<'_>, bytes: &[u8], position: u64, received: i64) {
        let properties = Properties::decode(record.properties);
        if let (2, Some(client), Channel::Mqtt) = (record.qos, properties.client, record.channel)
            && let Some(entry) = self.entry_mut(client).filter(|entry| entry.logged)
        {
            entry.held.insert(record.packet_id);
        }
        if record.retain {
            match record.payload {
                [] => self.retained.forget(record.topic),
                _ => self.retained.keep(record.topic, Kept { record: Arc::from(bytes), position, received }),
            }
        }
        if !self.trie.is_empty() {
            self.route(record, properties, bytes, position, received);
        }
    }

    /// Figures about the broker for `$SYS` subscribers; not in the log.
    pub fn announce(&mut self, topic: &str, payload: &str, now: i64) {
        let record = Record::message(Channel::Hub, topic, "", payload.as_bytes());
        self.route(&record, Properties::default(), &[], u64::MAX, now);
        self.ring();
    }

    fn route(&mut self, record: &Record<'_>, properties: Properties<'_>, bytes: &[u8], position: u64, received: i64) {
        let Core { trie, entries, hits, routed, live, .. } = self;
        hits.clear();
        let mut unshared = 0;
        let mut chosen = vec![];
        trie.matches(
            record.topic,
            &mut |s| hits.push(Hit { session: s.session, options: s.options, identifier: s.identifier }),
            &mut |group| {
                let fits = |member: &Subscription, connected: bool| {
                    entries[member.session as usize].as_ref().is_some_and(|entry| match connected {
                        true => entry.epoch.is_some() && !entry.session.outbound().is_full(),
                        false => entry.logged,
                    })
                };
                // Turns by log position: even, and the same after a restart.
                let count = group.members.len();
                let first = (position % count.max(1) as u64) as usize;
                let in_turn = || group.members[first..].iter().chain(&group.members[..first]);
                let member = in_turn().find(|member| *live && fits(member, true));
                match member.or_else(|| in_turn().find(|member| fits(member, false))) {
                    Some(s) => {
                        chosen.push(Hit { session: s.session, options: s.options, identifier: s.identifier });
                    }
                    None => unshared += 1,
                }
            },
        );
        routed.unshared += unshared;
        hits.extend(chosen);
        if hits.is_empty() {
            return;
        }
        let mut hits = std::mem::take(&mut self.hits);
        hits.sort_by_key(|hit| hit.session);
        let mut shared = None;
        for same in hits.chunk_by(|a, b| a.session == b.session) {
            self.deliver(same, record, properties, bytes, &mut shared, position, received);
        }
        self.hits = hits;
    }

    /// One session gets a message once, however many of its subscriptions match: highest QoS, all identifiers.
    #[allow(clippy::too_many_arguments)]
    fn deliver(
        &mut self,
        hits: &[Hit],
        record: &Record<'_>,
        properties: Properties<'_>,
        bytes: &[u8],
        shared: &mut Option<Arc<[u8]>>,
        position: u64,
        received: i64,
    ) {
        let Some(entry) = self.entries[hits[0].session as usize].as_mut() else { return };
        self.identifiers.clear();
        let mut granted: Option<(u8, bool)> = None;
        for hit in hits.iter().filter(|hit| !is_echo(hit, entry, &properties)) {
            let (qos, as_published) = granted.unwrap_or((0, false));
            granted = Some((qos.max(hit.options.qos), as_published | hit.options.retain_as_published));
            if hit.identifier != 0 {
                self.identifiers.push(hit.identifier);
            }
        }
        let Some((qos, as_published)) = granted else { return };
        let offer = Offer {
            record,
            properties,
            bytes,
            shared,
            position,
            received,
            qos: qos.min(record.qos),
            retain: as_published && record.retain,
            subscriptions: &self.identifiers,
        };
        self.routed.offered += 1;
        entry.session.outbound().offer(offer, received);
        if !entry.touched {
            entry.touched = true;
            self.touched.push(hits[0].session);
        }
    }

    /// Rings the bell of every session that got something, and takes its counts.
    pub fn ring(&mut self) {
        for number in self.touched.drain(..) {
            let Some(entry) = self.entries[number as usize].as_mut() else { continue };
            entry.touched = false;
            entry.session.outbound().count();
            entry.session.ring();
        }
    }

    fn touch(&mut self, number: SessionNumber) {
        if let Some(entry) = self.entries[number as usize].as_mut().filter(|entry| !entry.touched) {
            entry.touched = true;
            self.touched.push(number);
        }
    }

    fn entry_mut(&mut self, client: &str) -> Option<&mut Entry> {
        let number = *self.clients.get(client)?;
        self.entries[number as usize].as_mut()
    }

    /// What the shell must do, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Counts since start.
    pub fn routed(&self) -> Routed {
        self.routed
    }

    /// Sessions held, sessions connected, subscriptions, retained messages, retained messages refused, bytes queued.
    pub fn gauges(&self) -> [u64; 6] {
        let figures = [self.clients.len(), self.connected, self.trie.len(), self.retained.len()].map(|n| n as u64);
        let [sessions, connected, subscriptions, retained] = figures;
        [sessions, connected, subscriptions, retained, self.retained.refused(), self.pool.held() as u64]
    }
}

pub mod image;
#[cfg(test)]
mod tests;
