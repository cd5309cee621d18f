//! The way in: CONNECT within its time, terms, credentials, client id, session, CONNACK.

use super::{Peer, Trace};
use crate::auth::{Credentials, Denied, Identity, Secret};
use crate::mqtt::router::Session;
use crate::mqtt::router::core::Attached;
use crate::mqtt::session::change::Change;
use crate::mqtt::session::handshake::Terms;
use crate::mqtt::session::inbound::{Inbound, Setup};
use crate::mqtt::shared::{Asked, Control, Gate, Shared, count, now};
use crate::mqtt::wire::packet::{self, Connect};
use crate::mqtt::wire::{Reason, Refused, Version, answer, frame};
use greenhub_storage::log::Burst;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::{debug, info};

/// Largest CONNECT: a will of 64 KiB, a password of 64 KiB, names and properties.
const CONNECT_BYTES_MAX: u32 = 256 * 1024;

/// A client that is let in.
pub(super) struct Entered {
    pub inbound: Inbound,
    pub session: Arc<Session>,
    pub control: Arc<Control>,
    pub gate: Arc<Gate>,
    /// Bytes that came after CONNECT already.
    pub ahead: Vec<u8>,
    pub silence_max: Option<Duration>,
}

/// Reads CONNECT and lets the client in, or tells it why not.
pub(super) async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared>,
    stream: &mut S,
    peer: &Peer,
) -> Option<(Entered, Trace)> {
    let until = tokio::time::Instant::now() + shared.limits.connect_timeout;
    let mut version = Version::V3;
    let heard = tokio::time::timeout_at(until, read_connect(stream, &mut version)).await;
    let (connect, ahead) = match heard {
        Ok(Ok(Some(connect))) => connect,
        Ok(Ok(None)) => return None,
        Ok(Err(refused)) => {
            count(&shared.counters.malformed, 1);
            debug!(peer = ?peer.address, reason = %refused, "no CONNECT");
            // Bytes that are no MQTT at all are not answered, an unknown version or a bad CONNECT is.
            if refused.reason != Reason::MALFORMED || version == Version::V5 {
                refuse(stream, version, refused).await;
            }
            return None;
        }
        Err(_late) => {
            debug!(peer = ?peer.address, "no CONNECT in time");
            return None;
        }
    };
    match admit(shared, stream, peer, connect, ahead).await {
        Ok(entered) => Some(entered),
        Err(refused) => {
            refuse(stream, version, refused).await;
            None
        }
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, version: Version, refused: Refused) {
    let mut bytes = vec![];
    answer::refused(version, refused.reason, refused.why, &mut bytes);
    let words = async {
        // The peer may be gone already: then there is nobody to tell.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(super::FAREWELL_MAX, words).await;
}

/// The CONNECT and the bytes behind it; `None` when the peer goes away first.
async fn read_connect<S: AsyncRead + Unpin>(
    stream: &mut S,
    version: &mut Version,
) -> Result<Option<(Connect, Vec<u8>)>, Refused> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if let Some(frame) = frame::cut(&bytes, CONNECT_BYTES_MAX)? {
            *version = packet::version_of(frame)?;
            let connect = packet::connect(frame, *version)?;
            let ahead = bytes[frame.whole.len()..].to_vec();
            return Ok(Some((connect, ahead)));
        }
        // A stranger's first byte tells: do not wait for the length it claims.
        if bytes.first().is_some_and(|first| *first != 0x10) {
            return Err(Refused::malformed("the first packet is not CONNECT"));
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
    }
}

async fn admit<S: AsyncWrite + Unpin>(
    shared: &Arc<Shared>,
    stream: &mut S,
    peer: &Peer,
    connect: Connect,
    ahead: Vec<u8>,
) -> Result<(Entered, Trace), Refused> {
    let epoch = shared.next_epoch();
    let mut terms = Terms::judge(&connect, &shared.limits, || format!("auto-{epoch}"))?;
    let identity = authenticate(shared, peer, &terms, connect).await?;
    if let Some(will) = &mut terms.will {
        if !identity.rights.may_publish(&will.topic) {
            return Err(Refused::new(Reason::NOT_AUTHORISED, "will outside the client's topics"));
        }
        will.unregistered = identity.unregistered;
    }
    let control = Arc::new(Control::default());
    take_client_id(shared, &terms, &identity, &control).await?;
    let trace = Trace { shared: shared.clone(), client: terms.client.clone(), control: control.clone() };
    let gate = Arc::new(Gate::default());
    let attached = open_session(shared, &terms, &identity, epoch, &gate).await?;
    let setup = Setup {
        version: terms.version,
        client: terms.client.clone(),
        identity,
        epoch,
        logged: terms.logged(),
        expiry: terms.expiry,
        receive_max: shared.limits.receive_max,
        topic_alias_max: shared.limits.topic_alias_max,
        subscriptions_max: shared.limits.subscriptions_max,
        packet_bytes_max: shared.limits.packet_bytes_max,
    };
    terms.granted.session_present = attached.present;
    let mut bytes = vec![];
    answer::connected(terms.version, &terms.granted, &mut bytes);
    let told = async {
        stream.write_all(&bytes).await?;
        // Framing streams (WebSocket) keep bytes until they are told.
        stream.flush().await
    };
    // A peer that is gone is found out by the link loop's first read, which also says farewell in order.
    let _ = tokio::time::timeout(super::FAREWELL_MAX, told).await;
    attached.session.outbound().attach(terms.link, now());
    attached.session.ring();
    count(&shared.counters.accepted, 1);
    let entered = Entered {
        inbound: Inbound::new(setup, attached.held, attached.filters),
        session: attached.session,
        control,
        gate,
        ahead,
        silence_max: terms.silence_max,
    };
    Ok((entered, trace))
}

async fn authenticate(shared: &Arc<Shared>, peer: &Peer, terms: &Terms, connect: Connect) -> Result<Identity, Refused> {
    let credentials = Credentials {
        client_id: terms.client.clone(),
        user_name: connect.user_name,
        password: connect.password.map(Secret),
        certificate: peer.certificate.clone(),
        peer: peer.address,
        encrypted: peer.encrypted,
    };
    let asked = shared.auth.authenticate(credentials);
    let answered = tokio::time::timeout(shared.limits.connect_timeout, asked).await.unwrap_or(Err(Denied::Unavailable));
    answered.map_err(|denied| {
        count(&shared.counters.denied, 1);
        info!(client = %terms.client, peer = ?peer.address, %denied, "client denied");
        match denied {
            Denied::BadCredentials => Refused::new(Reason::BAD_CREDENTIALS, "user name or password is wrong"),
            Denied::NotAuthorised => Refused::new(Reason::NOT_AUTHORISED, "not authorised"),
            Denied::Banned => Refused::new(Reason::BANNED, "locked out after repeated failures"),
            Denied::Unavailable => Refused::new(Reason::UNAVAILABLE, "credentials cannot be checked now"),
        }
    })
}

/// Takes the client id, telling the connection that has it to stop and waiting for its end.
async fn take_client_id(
    shared: &Arc<Shared>,
    terms: &Terms,
    identity: &Identity,
    control: &Arc<Control>,
) -> Result<(), Refused> {
    let until = tokio::time::Instant::now() + 2 * super::FAREWELL_MAX;
    loop {
        match shared.register(&terms.client, &identity.principal, control) {
            Ok(()) => return Ok(()),
            Err(None) => return Err(Refused::new(Reason::NOT_AUTHORISED, "client id in use by somebody else")),
            Err(Some(done)) => tokio::time::timeout_at(until, done.cancelled())
                .await
                .map_err(|_| Refused::new(Reason::BUSY, "the session's other connection does not end"))?,
        }
    }
}

/// Opens the session: through the log when it may outlive the connection, else straight at the router.
async fn open_session(
    shared: &Arc<Shared>,
    terms: &Terms,
    identity: &Identity,
    epoch: u64,
    gate: &Arc<Gate>,
) -> Result<Attached, Refused> {
    let unavailable = Refused::new(Reason::UNAVAILABLE, "the hub takes no sessions now");
    let open = Change::Open { epoch, clean: terms.clean_start, expiry: terms.expiry, will: terms.will.clone() };
    let answer = shared.wait_for(epoch);
    let asked = async {
        if terms.logged() {
            append(shared, terms, identity, &open).await?;
        } else {
            gate.enter();
            shared.send(&terms.client, &identity.principal, Asked::Change(open, gate.clone()));
        }
        answer.await.map_err(|_| unavailable)
    };
    let answered = tokio::time::timeout(shared.limits.connect_timeout, asked).await;
    let attached = answered.unwrap_or(Err(unavailable));
    if attached.is_err() {
        shared.waiter(epoch);
        let closed = Change::Closed { epoch, will: false, expiry: None };
        if terms.logged() {
            // If the log does not take this either, the session counts as open until it is opened again or the hub
            // starts again; it holds nothing but what it held before.
            let _ = tokio::time::timeout(super::FAREWELL_MAX, append(shared, terms, identity, &closed)).await;
        } else {
            gate.enter();
            shared.send(&terms.client, &identity.principal, Asked::Change(closed, gate.clone()));
        }
    }
    attached?.map_err(|reason| match reason {
        Reason::NOT_AUTHORISED => Refused::new(reason, "session belongs to somebody else"),
        _ => Refused::new(reason, "the hub holds as many sessions as it may"),
    })
}

/// Writes one change of the session to the log and waits for it.
async fn append(shared: &Shared, terms: &Terms, identity: &Identity, change: &Change) -> Result<(), Refused> {
    let unavailable = Refused::new(Reason::UNAVAILABLE, "the hub takes no sessions now");
    let payload = change.encode();
    let mut burst = Burst::new();
    burst.push(&Change::record(&terms.client, &identity.principal, &payload)).map_err(|_| unavailable)?;
    let ticket = shared.log.append(&burst).await.map_err(|_| unavailable)?;
    ticket.committed().await.map_err(|_| unavailable)
}
