//! What one chunk of a client's packets asks for, and what its connection is. Plain values.

use super::change::Change;
use crate::auth::Identity;
use crate::mqtt::wire::packet::AckKind;
use crate::mqtt::wire::{Reason, Version};
use greenhub_model::Record;
use greenhub_model::record::RecordError;
use std::sync::Arc;

/// Where records go: the log's burst in life, a list in tests.
pub trait Records {
    /// Encodes one record at the end.
    fn push(&mut self, record: &Record<'_>) -> Result<(), RecordError>;
}

/// An acknowledgement that waits for its burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Which packet.
    pub kind: AckKind,
    /// Packet id.
    pub id: u16,
    /// Reason when the burst is on disk.
    pub reason: Reason,
}

/// How a client said goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goodbye {
    /// Publish the will all the same.
    pub will: bool,
    /// New session expiry in seconds.
    pub expiry: Option<u32>,
}

/// What one socket chunk asks for.
#[derive(Debug, Default)]
pub struct Work<R> {
    /// For the log, in order.
    pub records: R,
    /// To be answered when they are there, in order.
    pub acks: Vec<Ack>,
    /// PUBACK, PUBREC, PUBCOMP of the client.
    pub settles: Vec<(AckKind, u16, Reason)>,
    /// Changes of a session that is not in the log.
    pub changes: Vec<Change>,
    /// PINGREQ seen.
    pub pings: u32,
    /// PUBLISH seen.
    pub publishes: u32,
    /// PUBLISH refused by topic permissions.
    pub refused: u32,
    /// Session changes among the records.
    pub recorded: u32,
    /// DISCONNECT seen; nothing after it counts.
    pub goodbye: Option<Goodbye>,
}

/// What the connection is, fixed when it was let in.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Protocol generation.
    pub version: Version,
    /// Client id.
    pub client: Arc<str>,
    /// Who it is and may do.
    pub identity: Identity,
    /// Number of the connection.
    pub epoch: u64,
    /// The session's changes go through the log.
    pub logged: bool,
    /// The session outlives the connection.
    pub expiry: u32,
    /// Our receive maximum.
    pub receive_max: u16,
    /// Topic aliases we take.
    pub topic_alias_max: u16,
    /// Subscriptions of one session.
    pub subscriptions_max: usize,
    /// Largest packet we take.
    pub packet_bytes_max: u32,
}

impl<R: Default> Work<R> {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self, clear_records: impl FnOnce(&mut R)) {
        clear_records(&mut self.records);
        self.acks.clear();
        self.settles.clear();
        self.changes.clear();
        (self.pings, self.publishes, self.refused, self.recorded) = (0, 0, 0, 0);
        self.goodbye = None;
    }
}
