//! Bytes of MQTT 3.1.1 and 5.0, both ways. Pure: slices in, borrowed packets out.
//!
//! ```text
//! frame.rs    cuts a socket chunk into packets, nothing allocated, one bound on their size
//! publish.rs  PUBLISH decoded in place (the hot path) and encoded for subscribers
//! packet.rs   everything else; CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT and AUTH through `rmqtt-codec`
//! answer.rs   what the broker says: CONNACK, acks, SUBACK, UNSUBACK, DISCONNECT
//! reason.rs   reason codes and what they become in 3.1.1
//! ```
//!
//! Why not the codec crate throughout: its framing reserves the announced length before a byte of the body is there,
//! allocates two counted handles per PUBLISH, and accepts NUL in strings. Here a packet reaches it only when it is
//! complete and within the bound, and what it does not check is checked around it.

pub mod answer;
pub mod frame;
pub mod packet;
pub mod publish;
pub mod reason;

pub use reason::{Reason, Refused};

/// Protocol generation of a connection. 3.1 is spoken as 3.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1 and 3.1.1.
    V3,
    /// MQTT 5.0.
    V5,
}
