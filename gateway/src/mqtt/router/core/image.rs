//! The core as a snapshot's parts, and back: sessions and retained messages as JSON, record bytes beside them.
//!
//! `records` is one encoded log record after another; the JSON parts name each by its offset. A record that waits for
//! many clients is written once. Sessions that end with their connection are left out: a restart ends them.

use super::{Core, Entry, Kept, Limits, Outbound, Pool, Session};
use crate::mqtt::session::message::Delivery;
use crate::mqtt::session::outbound::restore;
use crate::mqtt::topic::Subscribed;
use crate::mqtt::trie::Subscription;
use crate::mqtt::wire::packet::{Options, Will};
use greenhub_model::Record;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const SESSIONS: &str = "sessions.json";
const RETAINED: &str = "retained.json";
const RECORDS: &str = "records";

/// What makes an image unreadable.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A part is missing.
    #[error("broker snapshot without part {0}")]
    Missing(&'static str),
    /// A part is not what we write.
    #[error("broker snapshot part cannot be read")]
    Json(#[from] serde_json::Error),
    /// A message points outside the records.
    #[error("broker snapshot names a record that is not there")]
    Record,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionImage {
    client: String,
    principal: String,
    filters: BTreeMap<String, (Options, u32)>,
    held: BTreeSet<u16>,
    born: u64,
    epoch: Option<u64>,
    expiry: u32,
    expires_at: Option<i64>,
    will: Option<(u64, Will)>,
    will_due: Option<i64>,
    messages: Vec<MessageImage>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageImage {
    record: usize,
    position: u64,
    received: i64,
    qos: u8,
    retain: bool,
    subscriptions: Vec<u32>,
    flight: Option<(u16, bool)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetainedImage {
    record: usize,
    position: u64,
    received: i64,
}

/// Record bytes written so far, each counted copy once.
#[derive(Default)]
struct Heap {
    bytes: Vec<u8>,
    known: HashMap<*const u8, usize>,
}

impl Heap {
    fn put(&mut self, record: &Arc<[u8]>) -> usize {
        let bytes = &mut self.bytes;
        *self.known.entry(record.as_ptr()).or_insert_with(|| {
            bytes.extend_from_slice(record);
            bytes.len() - record.len()
        })
    }
}

fn record_at(bytes: &[u8], at: usize, known: &mut HashMap<usize, Arc<[u8]>>) -> Result<Arc<[u8]>, ImageError> {
    if let Some(record) = known.get(&at) {
        return Ok(record.clone());
    }
    let bytes = bytes.get(at..).ok_or(ImageError::Record)?;
    let (_, len) = Record::decode(bytes).map_err(|_| ImageError::Record)?;
    let record: Arc<[u8]> = Arc::from(&bytes[..len]);
    known.insert(at, record.clone());
    Ok(record)
}

impl Core {
    /// The state as snapshot parts.
    pub fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let mut heap = Heap::default();
        let sessions: Vec<SessionImage> = self
            .clients
            .values()
            .filter_map(|number| self.entries[*number as usize].as_ref())
            .filter(|entry| entry.logged)
            .map(|entry| session_image(entry, &mut heap))
            .collect();
        let retained: Vec<RetainedImage> = self
            .retained
            .iter()
            .map(|kept| RetainedImage {
                record: heap.put(&kept.record),
                position: kept.position,
                received: kept.received,
            })
            .collect();
        let json = "plain data with string keys always serialises";
        BTreeMap::from([
            (SESSIONS.to_owned(), serde_json::to_vec(&sessions).expect(json)),
            (RETAINED.to_owned(), serde_json::to_vec(&retained).expect(json)),
            (RECORDS.to_owned(), heap.bytes),
        ])
    }

    /// A core from snapshot parts, ready to replay what came after.
    pub fn restore(limits: Limits, pool: Arc<Pool>, parts: &BTreeMap<String, Vec<u8>>) -> Result<Self, ImageError> {
        let part = |name: &'static str| parts.get(name).ok_or(ImageError::Missing(name));
        let sessions: Vec<SessionImage> = serde_json::from_slice(part(SESSIONS)?)?;
        let retained: Vec<RetainedImage> = serde_json::from_slice(part(RETAINED)?)?;
        let records = part(RECORDS)?;
        let mut known = HashMap::new();
        let mut core = Core::new(limits, pool);
        for image in retained {
            let record = record_at(records, image.record, &mut known)?;
            let bytes = record.clone();
            let (decoded, _) = Record::decode(&bytes).map_err(|_| ImageError::Record)?;
            core.retained.keep(decoded.topic, Kept { record, position: image.position, received: image.received });
        }
        for image in sessions {
            core.restore_session(image, records, &mut known)?;
        }
        Ok(core)
    }

    fn restore_session(
        &mut self,
        image: SessionImage,
        records: &[u8],
        known: &mut HashMap<usize, Arc<[u8]>>,
    ) -> Result<(), ImageError> {
        let mut outbound = Outbound::new(self.bounds(), true);
        for message in image.messages {
            let delivery = Delivery {
                record: record_at(records, message.record, known)?,
                position: message.position,
                received: message.received,
                qos: message.qos,
                retain: message.retain,
                subscriptions: message.subscriptions,
            };
            outbound.restore(restore::Kept { delivery, flight: message.flight });
        }
        let filters = image.filters.clone();
        self.connected += usize::from(image.epoch.is_some());
        let number = self.place(Entry {
            client: image.client.into(),
            principal: image.principal.into(),
            session: Session::new(outbound),
            logged: true,
            filters: image.filters,
            held: image.held,
            born: image.born,
            epoch: image.epoch,
            expiry: image.expiry,
            expires_at: image.expires_at,
            will: image.will,
            will_due: image.will_due,
            will_leaving: false,
            ending: false,
            touched: false,
        });
        for (text, (options, identifier)) in filters {
            let Some(Subscribed { group, filter }) = Subscribed::parse(&text) else { continue };
            self.trie.insert(group, filter, Subscription { session: number, options, identifier });
        }
        Ok(())
    }
}

fn session_image(entry: &Entry, heap: &mut Heap) -> SessionImage {
    let messages = entry.session.outbound().image().into_iter().map(|kept| MessageImage {
        record: heap.put(&kept.delivery.record),
        position: kept.delivery.position,
        received: kept.delivery.received,
        qos: kept.delivery.qos,
        retain: kept.delivery.retain,
        subscriptions: kept.delivery.subscriptions,
        flight: kept.flight,
    });
    SessionImage {
        messages: messages.collect(),
        client: entry.client.to_string(),
        principal: entry.principal.to_string(),
        filters: entry.filters.clone(),
        held: entry.held.clone(),
        born: entry.born,
        epoch: entry.epoch,
        expiry: entry.expiry,
        expires_at: entry.expires_at,
        will: entry.will.clone(),
        will_due: entry.will_due,
    }
}
