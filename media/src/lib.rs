//! Patrol media: what a 5G unit sees and hears, handed to those who may watch, with no re-encoding.
//!
//! ```text
//! phone, body camera ─WHIP─▶ ┌──────── edge: one thread, one UDP port ────────┐ ─WHEP─▶ browsers
//!                            │ peer (str0m) ─frame─▶ switchboard ─frame─▶ peer │
//! loudspeaker of the unit ◀──│          ◀─────────── talk ◀──────────────      │◀─ microphone of the desk
//!                            └──────────────┬───────────────────────────────┘
//!                                           ▼ frames of a unit, to whoever taps (recorder, other ways out)
//! ```
//!
//! [`core`] decides, pure: time rebasing across sources that break and return, H.264 access units. [`Edge`] is the only
//! thing that touches the socket. A viewer begins at a key frame, which is asked of the source when they join; a source
//! that breaks and returns finds its viewers still there. All queues are bounded; what a slow network cannot take is lost,
//! not kept.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod core;
mod edge;
pub mod record;

pub use edge::{Answer, Edge, EdgeConfig, Frame, FrameKind, Happening, MediaError, MediaEvent};
