//! Patrol media as others see it: which units send, who watches, how the link is. Types only; the relay is `media`'s.

use crate::ids::{DeviceId, MediaSessionId};
use serde::{Deserialize, Serialize};

/// What a session is for.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaAim {
    /// Sends a unit's picture and sound (WHIP, RFC 9725).
    Publish,
    /// Receives them (WHEP), and may talk back.
    Watch,
}

/// Somebody who wants a session, and the offer they made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaOffer {
    /// The unit.
    pub unit: DeviceId,
    /// What for.
    pub aim: MediaAim,
    /// Who: user name.
    pub by: String,
    /// Whether the unit may hear them, where they watch.
    pub talk: bool,
    /// SDP (RFC 8866).
    pub sdp: String,
}

/// The link of a session, measured over the last second.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaLink {
    /// kbit/s of media, both kinds together.
    pub kbps: u32,
    /// Pictures a second.
    pub fps: f32,
    /// Packets lost, per cent.
    pub loss_pct: f32,
    /// Round trip, milliseconds; none until measured.
    pub rtt_ms: Option<u32>,
}

/// Somebody who watches.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaWatcher {
    /// Their session.
    pub session: MediaSessionId,
    /// User name.
    pub by: String,
    /// Since, Unix ms.
    pub since: i64,
    /// Whether pictures flow.
    pub connected: bool,
    /// Whether they talk now.
    pub talking: bool,
    /// Their link.
    pub link: MediaLink,
}

/// How a unit's stream stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// Only watchers wait.
    Waiting,
    /// The sender is connecting.
    Connecting,
    /// Media arrives.
    Live,
    /// The sender is there, but nothing has arrived for 2 seconds.
    Stalled,
}

/// A unit's stream.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaStream {
    /// The unit.
    pub unit: DeviceId,
    /// How it stands.
    pub state: MediaState,
    /// The sender's session.
    pub session: Option<MediaSessionId>,
    /// Who sends: user name.
    pub by: String,
    /// Since, Unix ms.
    pub since: Option<i64>,
    /// Whether pictures arrive.
    pub video: bool,
    /// Whether sound arrives.
    pub audio: bool,
    /// Width and height of the picture, pixels.
    pub size: Option<(u32, u32)>,
    /// The sender's link.
    pub link: MediaLink,
    /// Who watches.
    pub watchers: Vec<MediaWatcher>,
    /// Whether it is being recorded.
    pub recording: bool,
}

/// How a recording stands.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Being written.
    Running,
    /// It came to its end.
    Complete,
    /// It ends where the hub or the disk broke off.
    Interrupted,
}

/// A recording of a unit: one file of at most ten minutes.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The unit.
    pub unit: DeviceId,
    /// Its number among the unit's: the moment it was begun, Unix ms.
    pub id: i64,
    /// First moment it shows, Unix ms.
    pub begin: i64,
    /// End of what it shows, Unix ms.
    pub end: i64,
    /// Bytes.
    pub bytes: u64,
    /// Width and height, pixels; none for sound alone.
    pub size: Option<(u32, u32)>,
    /// Why it was recorded.
    pub why: String,
    /// How it stands.
    pub state: RecordingState,
    /// Whether it is kept whatever its age.
    pub held: bool,
}

/// What following the chain of a recording found.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingProof {
    /// Every piece is as it was recorded, and signed.
    pub intact: bool,
    /// It came to its end, so nothing is missing behind the last piece.
    pub complete: bool,
    /// Pieces there are, with the head.
    pub pieces: u64,
    /// The first piece that is not as it was recorded.
    pub broken: Option<u64>,
    /// Whether the key is this hub's.
    pub ours: bool,
    /// Public key it is signed with (Ed25519, hexadecimal).
    pub key: String,
    /// Hash over everything (SHA-256 chain, hexadecimal).
    pub hash: String,
}
