//! Sessions of the core: what each change does, wills and expiry with time, and the step from replaying to live.

use super::{Attached, Core, Effect, Entry, Offer, Outbound, Properties, Session};
use crate::mqtt::session::change::Change;
use crate::mqtt::topic::Subscribed;
use crate::mqtt::trie::{SessionNumber, Subscription};
use crate::mqtt::wire::packet::{Options, Will};
use crate::mqtt::wire::{Reason, answer};
use greenhub_model::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Expiry that never comes.
const FOR_EVER: u32 = u32::MAX;

fn after(now: i64, seconds: u32) -> i64 {
    now.saturating_add(i64::from(seconds) * 1_000_000)
}

impl Core {
    /// Applies one change of a session at `now` (Unix microseconds). `logged`: it came through the log.
    pub fn change(&mut self, client: &str, principal: &str, logged: bool, change: Change, now: i64) {
        if let Change::Open { epoch, clean, expiry, will } = change {
            return self.open(client, principal, logged, (epoch, clean, expiry, will));
        }
        let Some(&number) = self.clients.get(client) else { return };
        let Some(entry) = self.entries[number as usize].as_mut() else { return };
        if *entry.principal != *principal {
            return;
        }
        match change {
            Change::Subscribe { epoch, packet_id, identifier, filters } => {
                self.subscribe(number, epoch, packet_id, identifier, filters, now);
            }
            Change::Unsubscribe { epoch, packet_id, filters } => self.unsubscribe(number, epoch, packet_id, &filters),
            Change::Closed { epoch, will, expiry } if entry.epoch == Some(epoch) => {
                self.closed(number, will, expiry, Duration::ZERO, now);
            }
            Change::Assigned { sent, .. } if !self.live => {
                self.fetch_shared(number, sent.iter().map(|(_, position)| *position));
                self.with_outbound(number, |outbound| outbound.restore_assigned(&sent));
            }
            Change::Received { sent, .. } if !self.live => {
                self.fetch_shared(number, sent.iter().map(|(_, position)| *position));
                self.with_outbound(number, |outbound| outbound.restore_received(&sent));
            }
            Change::Settled { positions, .. } if !self.live => {
                self.fetch_shared(number, positions.iter().copied());
                self.with_outbound(number, |outbound| outbound.restore_settled(&positions));
            }
            Change::Released { ids } => ids.iter().for_each(|id| {
                entry.held.remove(id);
            }),
            Change::WillDone { epoch } if entry.will.as_ref().is_some_and(|(of, _)| *of == epoch) => {
                (entry.will, entry.will_due, entry.will_leaving) = (None, None, false);
            }
            Change::Ended { born } if entry.born == born => self.end(number),
            _ => {}
        }
    }

    fn open(
        &mut self,
        client: &str,
        principal: &str,
        logged: bool,
        (epoch, clean, expiry, will): (u64, bool, u32, Option<Will>),
    ) {
        let known = self.clients.get(client).copied();
        if let Some(entry) = known.and_then(|number| self.entries[number as usize].as_ref())
            && *entry.principal != *principal
        {
            return self.effects.push(Effect::Attach(epoch, Err(Reason::NOT_AUTHORISED)));
        }
        if let Some(number) = known.filter(|_| clean) {
            self.discard(number, logged);
        }
        let present = !clean && known.is_some();
        let number = match known.filter(|_| !clean) {
            Some(number) => number,
            None if self.clients.len() >= self.limits.sessions_max => {
                return self.effects.push(Effect::Attach(epoch, Err(Reason::QUOTA)));
            }
            None => self.begin(client, principal, logged, epoch),
        };
        let Some(entry) = self.entries[number as usize].as_mut() else { return };
        self.connected += usize::from(entry.epoch.is_none());
        entry.epoch = Some(epoch);
        entry.logged = logged;
        entry.expiry = expiry;
        entry.expires_at = None;
        entry.will = will.map(|will| (epoch, will));
        entry.will_due = None;
        entry.will_leaving = false;
        entry.ending = false;
        let attached = Attached {
            present,
            session: entry.session.clone(),
            held: entry.held.clone(),
            filters: entry.filters.iter().map(|(filter, (options, _))| (filter.clone(), options.no_local)).collect(),
        };
        self.effects.push(Effect::Attach(epoch, Ok(attached)));
    }

    fn begin(&mut self, client: &str, principal: &str, logged: bool, born: u64) -> SessionNumber {
        let client: Arc<str> = client.into();
        let entry = Entry {
            client: client.clone(),
            principal: principal.into(),
            session: Session::new(Outbound::new(self.bounds(), logged)),
            logged,
            filters: BTreeMap::new(),
            held: BTreeSet::new(),
            born,
            epoch: None,
            expiry: 0,
            expires_at: None,
            will: None,
            will_due: None,
            will_leaving: false,
            ending: false,
            touched: false,
        };
        self.place(entry)
    }

    /// Puts an entry into the table.
    pub(super) fn place(&mut self, entry: Entry) -> SessionNumber {
        let client = entry.client.clone();
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = Some(entry);
                number
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() as SessionNumber - 1
            }
        };
        self.clients.insert(client, number);
        number
    }

    /// A clean start replaces the session. One in the log that is replaced by one that is not needs a record of its end.
    fn discard(&mut self, number: SessionNumber, logged: bool) {
        if let Some(entry) = self.entries[number as usize].as_ref()
            && entry.logged
            && !logged
            && self.live
        {
            let (client, principal, born) = (entry.client.clone(), entry.principal.clone(), entry.born);
            self.effects.push(Effect::End { client, principal, born });
        }
        self.end(number);
    }

    /// The session is over: its subscriptions go, and its will is due now.
    pub(super) fn end(&mut self, number: SessionNumber) {
        let Some(entry) = self.entries[number as usize].take() else { return };
        for filter in entry.filters.keys() {
            if let Some(Subscribed { group, filter }) = Subscribed::parse(filter) {
                self.trie.remove(group, filter, number);
            }
        }
        self.clients.remove(&entry.client);
        self.free.push(number);
        self.touched.retain(|touched| *touched != number);
        self.connected -= usize::from(entry.epoch.is_some());
        if let (Some((epoch, will)), true) = (entry.will, self.live && entry.will_due.is_some() && !entry.will_leaving)
        {
            let (client, principal, logged) = (entry.client, entry.principal, entry.logged);
            self.effects.push(Effect::Publish { client, principal, epoch, will, logged });
        }
    }

    fn subscribe(
        &mut self,
        number: SessionNumber,
        epoch: u64,
        packet_id: u16,
        identifier: Option<u32>,
        filters: Vec<(String, Options, u8)>,
        now: i64,
    ) {
        let codes: Vec<u8> = filters.iter().map(|(.., code)| *code).collect();
        let identifier = identifier.unwrap_or(0);
        let mut wanted = vec![];
        for (text, options, _) in filters.into_iter().filter(|(.., code)| *code < 0x80) {
            let Some(Subscribed { group, filter }) = Subscribed::parse(&text) else { continue };
            let new = self.trie.insert(group, filter, Subscription { session: number, options, identifier });
            if group.is_none() && (options.retain_handling == 0 || (options.retain_handling == 1 && new)) {
                wanted.push((filter.to_owned(), options));
            }
            if let Some(entry) = self.entries[number as usize].as_mut() {
                entry.filters.insert(text, (options, identifier));
            }
        }
        self.answer(number, epoch, |version, out| answer::suback(version, packet_id, &codes, out));
        for (filter, options) in wanted {
            self.offer_retained(number, &filter, options, identifier, now);
        }
        self.touch(number);
    }

    fn offer_retained(&self, number: SessionNumber, filter: &str, options: Options, identifier: u32, now: i64) {
        let Some(entry) = self.entries[number as usize].as_ref() else { return };
        let identifiers = [identifier];
        let mut outbound = entry.session.outbound();
        for kept in self.retained.matching(filter) {
            let Ok((record, _)) = Record::decode(&kept.record) else { continue };
            let offer = Offer {
                record: &record,
                properties: Properties::decode(record.properties),
                bytes: &kept.record,
                shared: &mut Some(kept.record.clone()),
                position: kept.position,
                received: kept.received,
                qos: options.qos.min(record.qos),
                retain: true,
                subscriptions: if identifier == 0 { &[] } else { &identifiers },
            };
            outbound.offer(offer, now);
        }
    }

    fn unsubscribe(&mut self, number: SessionNumber, epoch: u64, packet_id: u16, filters: &[String]) {
        let mut codes = vec![];
        for text in filters {
            let removed = Subscribed::parse(text).map(|s| self.trie.remove(s.group, s.filter, number));
            codes.push(match removed {
                Some(true) => Reason::SUCCESS.0,
                Some(false) => Reason::NO_SUBSCRIPTION_EXISTED.0,
                None => Reason::FILTER_INVALID.0,
            });
            if let Some(entry) = self.entries[number as usize].as_mut() {
                entry.filters.remove(text);
            }
        }
        self.answer(number, epoch, |version, out| answer::unsuback(version, packet_id, &codes, out));
        self.touch(number);
    }

    /// Puts an answer on the outbound half, when the connection that asked is still there.
    fn answer(&self, number: SessionNumber, epoch: u64, write: impl FnOnce(crate::mqtt::wire::Version, &mut Vec<u8>)) {
        let entry = self.entries[number as usize].as_ref().filter(|entry| self.live && entry.epoch == Some(epoch));
        if let Some(entry) = entry
            && let Some((version, out)) = entry.session.outbound().ready_mut()
        {
            write(version, out);
        }
    }

    /// The connection is over. `grace`: shortest will delay.
    fn closed(&mut self, number: SessionNumber, will: bool, expiry: Option<u32>, grace: Duration, now: i64) {
        let Some(entry) = self.entries[number as usize].as_mut() else { return };
        self.connected -= usize::from(entry.epoch.take().is_some());
        entry.expiry = expiry.unwrap_or(entry.expiry);
        entry.session.outbound().detach();
        if !will {
            entry.will = None;
        }
        if let Some((_, message)) = &entry.will {
            let grace = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
            entry.will_due = Some(after(now, message.delay.max(grace)));
        }
        let end = after(now, entry.expiry).max(entry.will_due.filter(|_| !grace.is_zero()).unwrap_or(i64::MIN));
        entry.expires_at = (entry.expiry != FOR_EVER).then_some(end);
        if entry.expiry == 0 && grace.is_zero() {
            return self.end(number);
        }
        self.advance_one(number, now);
    }

    /// Time went on: wills that are due are published, sessions that expired end.
    pub fn advance(&mut self, now: i64) {
        for number in 0..self.entries.len() as SessionNumber {
            self.advance_one(number, now);
        }
    }

    fn advance_one(&mut self, number: SessionNumber, now: i64) {
        let Some(entry) = self.entries[number as usize].as_mut().filter(|_| self.live) else { return };
        if entry.epoch.is_some() {
            return;
        }
        let expired = entry.expires_at.is_some_and(|at| at <= now);
        let due = expired || entry.will_due.is_some_and(|due| due <= now);
        let (client, principal) = (entry.client.clone(), entry.principal.clone());
        match &entry.will {
            Some((epoch, will)) if due && !entry.will_leaving => {
                entry.will_leaving = true;
                let (epoch, will, logged) = (*epoch, will.clone(), entry.logged);
                self.effects.push(Effect::Publish { client, principal, epoch, will, logged });
            }
            None if expired && !entry.ending => {
                entry.ending = true;
                self.effects.push(Effect::End { client, principal, born: entry.born });
            }
            _ => {}
        }
    }

    fn with_outbound(&self, number: SessionNumber, act: impl FnOnce(&mut Outbound)) {
        if let Some(entry) = self.entries[number as usize].as_ref() {
            act(&mut entry.session.outbound());
        }
    }

    /// A replay cannot know which member of a share group was connected and got a message. A member's own record tells:
    /// the message is fetched from the member that the replay gave it to.
    fn fetch_shared(&self, number: SessionNumber, positions: impl Iterator<Item = u64>) {
        let Some(entry) = self.entries[number as usize].as_ref() else { return };
        let groups: Vec<&String> = entry.filters.keys().filter(|filter| filter.starts_with("$share/")).collect();
        if groups.is_empty() {
            return;
        }
        let missing: Vec<u64> = positions.filter(|position| !entry.session.outbound().holds(*position)).collect();
        let others = self.entries.iter().flatten().filter(|other| !Arc::ptr_eq(&other.session, &entry.session));
        for other in others.filter(|other| groups.iter().any(|group| other.filters.contains_key(*group))) {
            for position in &missing {
                let found = other.session.outbound().take_waiting(*position);
                if let Some(delivery) = found {
                    entry.session.outbound().restore_waiting(delivery);
                }
            }
        }
    }

    /// The replay has reached the end of the log: connections that were open when the hub stopped are lost. Their wills
    /// wait at least `grace`: it was the hub that went away.
    pub fn go_live(&mut self, grace: Duration, now: i64) {
        self.live = true;
        self.effects.clear();
        for number in 0..self.entries.len() as SessionNumber {
            let Some(entry) = self.entries[number as usize].as_mut() else { continue };
            (entry.will_leaving, entry.ending) = (false, false);
            if entry.epoch.is_some() {
                self.closed(number, true, None, grace, now);
            }
        }
        self.touched.clear();
        self.entries.iter_mut().flatten().for_each(|entry| entry.touched = false);
    }

    /// Publishing a will or ending a session did not reach the log; try again with the next [`Core::advance`].
    pub fn not_appended(&mut self, client: &str) {
        if let Some(entry) = self.entry_mut(client) {
            (entry.will_leaving, entry.ending) = (false, false);
        }
    }
}
