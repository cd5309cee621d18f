//! The session core: what one client's packets do. No sockets, no clock, no task: packets and time in, next step out.
//!
//! ```text
//! inbound.rs   packets of a connected client → records for the log, acknowledgements that wait for their fsync
//! work.rs      what one chunk of packets asks for, and what a connection is
//! outbound.rs  messages for a client → bytes for its socket: window, redelivery, bounded queue
//! bounds.rs    bounds of what waits, and counts of what became of it
//! change.rs    what the broker must remember of a session, as log records
//! message.rs   the gateway's encoding of publish properties in a log record, and one message on its way to a client
//! pace.rs      keep-alive, stalled sockets, publish rate
//! handshake.rs CONNECT judged against our limits
//! ```
//!
//! Everything a persistent session must remember is a record in the log ([`change::Change`]) and is acknowledged to the
//! client only after its fsync; the router (`mqtt::router`) rebuilds sessions from those records. What is cheap to lose
//! (that a client acknowledged a QoS 1 message) is written lazily: losing it means one redelivery, which QoS 1 allows.

pub mod bounds;
pub mod change;
pub mod handshake;
pub mod inbound;
pub mod message;
pub mod outbound;
pub mod pace;
pub mod work;
