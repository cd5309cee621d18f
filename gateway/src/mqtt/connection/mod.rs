//! One connection: from the first byte to the last record. Thin: `session` decides, this waits and moves bytes.
//!
//! ```text
//! CONNECT ─▶ terms ─▶ authenticate ─▶ take the client id ─▶ session (log or router) ─▶ CONNACK ─▶ link loop ─▶ farewell
//! ```
//!
//! `entrance.rs` is the way in, `link.rs` the loop, this file ties them and says farewell: what the log must still hear
//! (settled messages, that the connection is over), what a v5 client is told.

mod entrance;
mod link;

use super::router::Session;
use super::session::change::Change;
use super::session::inbound::{Inbound, Records, Work};
use super::shared::{Asked, Control, Gate, Shared, Stop, count};
use super::wire::{Reason, Refused, answer};
use greenhub_model::Record;
use greenhub_model::record::RecordError;
use greenhub_storage::log::Burst;
use link::Link;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tracing::{debug, info};

impl Records for Burst {
    fn push(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        Burst::push(self, record)
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Peer {
    pub address: Option<SocketAddr>,
    pub certificate: Option<Arc<[u8]>>,
    pub encrypted: bool,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Goodbye(super::session::inbound::Goodbye),
    Refused(Refused),
    Lost,
    Silent,
    Stalled,
    Stopped(Stop),
}

/// Longest time for last bytes and last records of a connection that is over.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// What the farewell needs of a connection.
struct Ended {
    inbound: Inbound,
    session: Arc<Session>,
    gate: Arc<Gate>,
    /// Positions the client is done with, not yet recorded.
    settled: Vec<u64>,
    /// Bytes the socket has not taken; they may begin in the middle of a packet.
    rest: Vec<u8>,
}

/// Removes the connection's traces whatever way its task ends, a panic included.
struct Trace {
    shared: Arc<Shared>,
    client: Arc<str>,
    control: Arc<Control>,
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.shared.unregister(&self.client, &self.control);
        self.control.done.cancel();
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(shared: Arc<Shared>, mut stream: S, peer: Peer) {
    let Some(entered) = entrance::enter(&shared, &mut stream, &peer).await else { return };
    let (entered, trace) = entered;
    debug!(client = %trace.client, peer = ?peer.address, "client connected");
    let mut link = Link::new(&shared, &mut stream, entered);
    let end = link.run().await;
    let ended = link.into_ended().await;
    farewell(&shared, &mut stream, ended, end).await;
    drop(trace);
}

async fn farewell<S: AsyncWrite + Unpin>(shared: &Arc<Shared>, stream: &mut S, ended: Ended, end: End) {
    let client = ended.inbound.setup().client.clone();
    let counters = &shared.counters;
    let (last_words, will, expiry) = match end {
        End::Goodbye(goodbye) => (None, goodbye.will, goodbye.expiry),
        End::Lost => (None, true, None),
        End::Refused(refused) => {
            count(&counters.malformed, 1);
            (Some(refused), true, None)
        }
        End::Silent => {
            count(&counters.silent, 1);
            (Some(Refused::new(Reason::KEEP_ALIVE, "nothing heard for one and a half keep-alive")), true, None)
        }
        End::Stalled => {
            count(&counters.stalled, 1);
            (None, true, None)
        }
        End::Stopped(Stop::TakenOver) => {
            count(&counters.taken_over, 1);
            (Some(Refused::new(Reason::TAKEN_OVER, "another connection took the session")), true, None)
        }
        End::Stopped(Stop::Shutdown) => (Some(Refused::new(Reason::SHUTTING_DOWN, "hub is stopping")), true, None),
    };
    match end {
        End::Refused(refused) => info!(%client, reason = %refused, "client disconnected by rule"),
        End::Stalled => info!(%client, "client disconnected: it takes nothing"),
        _ => debug!(%client, ?end, "client disconnected"),
    }
    let version = ended.inbound.setup().version;
    let records = record_end(shared, &ended, end, will, expiry);
    let words = async {
        if let Some(refused) = last_words {
            let mut bytes = ended.rest.clone();
            answer::disconnect(version, refused.reason, refused.why, &mut bytes);
            // The peer may be gone: there is nothing left to tell it then.
            let _ = stream.write_all(&bytes).await;
        }
        if end != End::Stalled {
            let _ = stream.shutdown().await;
        }
    };
    let (_, spoken) = tokio::join!(records, tokio::time::timeout(FAREWELL_MAX, words));
    if spoken.is_err() {
        debug!(%client, "last words not taken");
    }
    ended.session.outbound().detach();
}

/// Records what the session must remember of this connection, and that it is over. A stop of the hub leaves that out:
/// the next start closes what was open, and gives clients time to come back before their wills are published.
async fn record_end(shared: &Arc<Shared>, ended: &Ended, end: End, will: bool, expiry: Option<u32>) {
    let setup = ended.inbound.setup();
    let (client, principal, epoch) = (&setup.client, &setup.identity.principal, setup.epoch);
    let closed = Change::Closed { epoch, will, expiry };
    if !setup.logged {
        ended.gate.enter();
        return shared.send(client, principal, Asked::Change(closed, ended.gate.clone()));
    }
    let mut work = Work::<Burst>::default();
    if !ended.settled.is_empty() {
        let settled = Change::Settled { epoch, positions: ended.settled.clone() };
        // One record beyond the largest is a lost hint: these messages are redelivered once.
        let _ = ended.inbound.record(&settled, &mut work);
    }
    if end != End::Stopped(Stop::Shutdown) && ended.inbound.record(&closed, &mut work).is_err() {
        debug!(%client, "end of connection cannot be recorded");
    }
    if work.records.is_empty() {
        return;
    }
    let appended = tokio::time::timeout(FAREWELL_MAX, shared.log.append(&work.records)).await;
    if !matches!(appended, Ok(Ok(_))) {
        // The live router must know all the same; after a restart the session counts as lost anyway.
        ended.gate.enter();
        shared.send(client, principal, Asked::Change(closed, ended.gate.clone()));
    }
}
