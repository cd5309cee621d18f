//! What the web tier asks of the media relay and of its recordings.

use super::{Answer, PortFailure};
use greenhub_model::ids::{DeviceId, MediaSessionId};
use greenhub_model::media::{MediaOffer, MediaStream, Recording, RecordingProof};
use std::path::PathBuf;

/// Why the media relay made no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaRefusal {
    /// The offer cannot be answered.
    #[error("{0}")]
    Offer(String),
    /// A bound is reached.
    #[error("{0}")]
    Full(String),
    /// The disk does not take it.
    #[error("{0}")]
    Disk(String),
    /// The relay does not run.
    #[error("the media relay is not running")]
    Gone,
}

/// Bytes of a recording: runs of its file, first byte and length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingBytes {
    /// The file.
    pub path: PathBuf,
    /// Its runs in order.
    pub runs: Vec<(u64, u64)>,
}

/// The media relay's door. Recordings are named by their unit and [`Recording::id`]; none: there is no such one.
pub trait MediaDoor: Send + Sync {
    /// Answers an offer: the session and the SDP answer.
    fn open(&self, offer: MediaOffer) -> Answer<'_, Result<(MediaSessionId, String), MediaRefusal>>;
    /// Ends a session, with `by` only one of this user; whether there was one.
    fn end(&self, session: MediaSessionId, by: Option<String>) -> Answer<'_, bool>;
    /// The streams there are; of one unit where it is given.
    fn streams(&self, unit: Option<DeviceId>) -> Answer<'_, Vec<MediaStream>>;
    /// Whether a user carries a unit.
    fn carries<'a>(&'a self, user: &'a str, unit: &'a DeviceId) -> Answer<'a, bool>;
    /// Records a unit whenever it sends, also after a restart, until it is switched off again.
    fn record(&self, unit: DeviceId, on: bool, by: String) -> Answer<'_, Result<(), MediaRefusal>>;
    /// Recordings that show some of `from` to `to` (Unix ms), oldest first, at most 1,000.
    fn recordings(&self, unit: DeviceId, from: i64, to: i64) -> Answer<'_, Result<Vec<Recording>, PortFailure>>;
    /// Where the bytes of a recording lie; of `span` only (Unix ms) where it is given, from a key picture on.
    fn bytes(
        &self,
        unit: DeviceId,
        id: i64,
        span: Option<(i64, i64)>,
    ) -> Answer<'_, Result<Option<RecordingBytes>, PortFailure>>;
    /// Follows the chain over a recording.
    fn verify(&self, unit: DeviceId, id: i64) -> Answer<'_, Result<Option<RecordingProof>, PortFailure>>;
    /// Keeps a recording whatever its age, or no longer; whether there is one.
    fn hold(&self, unit: DeviceId, id: i64, on: bool, why: String) -> Answer<'_, Result<bool, PortFailure>>;
}
