//! The broker as its owner sees it: start, addresses, doors, downlinks, figures, stop.

use super::config::BrokerConfig;
use super::connection::{self, Peer};
use super::router::shell;
use super::shared::Shared;
use super::tls;
use super::topic;
use crate::auth::Authenticate;
use greenhub_model::record::RecordError;
use greenhub_model::{Channel, Position, Record};
use greenhub_storage::log::{AppendError, Burst, CommitError, Log, LogError};
use greenhub_storage::snapshot::SnapshotStore;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, warn};

/// What keeps a broker from starting.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address cannot be bound.
    #[error("bind {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error("TLS file {path}: {what}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        what: String,
    },
    /// The snapshot directory cannot be used.
    #[error("open broker snapshots in {dir}: {what}")]
    Snapshots {
        /// The directory.
        dir: PathBuf,
        /// What is the matter.
        what: String,
    },
    /// The log cannot be read.
    #[error("read the log")]
    Log(#[from] LogError),
    /// The task that restores sessions ended abnormally.
    #[error("restore sessions")]
    Restore(#[from] tokio::task::JoinError),
}

/// Why a downlink was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No topic name.
    #[error("{0:?} is not a topic name")]
    Topic(String),
    /// Too large for a record.
    #[error("message cannot be a record")]
    Record(#[from] RecordError),
    /// The log did not take it.
    #[error("append the message")]
    Append(#[from] AppendError),
    /// The log did not keep it.
    #[error("commit the message")]
    Commit(#[from] CommitError),
}

/// The broker's figures: counters since start, gauges after the newest batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerStats {
    /// Open connections, those that have not said CONNECT yet included.
    pub connections: u64,
    /// Sessions, connected or not.
    pub sessions: u64,
    /// Sessions with a connection.
    pub sessions_connected: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Retained messages.
    pub retained: u64,
    /// Bytes of messages waiting for clients.
    pub queued_bytes: u64,
    /// Newest log batch routed.
    pub batch: u64,
    /// Clients let in.
    pub accepted: u64,
    /// Connections closed because there were too many.
    pub over_limit: u64,
    /// Clients denied by their credentials.
    pub denied: u64,
    /// Connections ended because of what the peer sent.
    pub malformed: u64,
    /// Connections ended because the peer was silent.
    pub silent: u64,
    /// Connections ended because the peer took nothing.
    pub stalled: u64,
    /// Connections ended because another took the session.
    pub taken_over: u64,
    /// PUBLISH packets received.
    pub publishes: u64,
    /// PUBLISH packets refused by topic permissions.
    pub refused: u64,
    /// PUBLISH packets the log did not take.
    pub not_stored: u64,
    /// PUBLISH packets sent.
    pub sent: u64,
    /// QoS 0 messages dropped for slow subscribers.
    pub dropped_slow: u64,
    /// Messages dropped from full queues.
    pub dropped_queue: u64,
    /// Messages that expired before they were sent.
    pub expired: u64,
    /// Messages larger than their subscriber takes.
    pub too_large: u64,
    /// Retained messages refused for want of room.
    pub retained_refused: u64,
    /// Messages of share groups that nobody could take.
    pub unshared: u64,
    /// Wills the log did not take.
    pub wills_lost: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// The embedded broker.
pub struct Broker;

impl Broker {
    /// Restores sessions from snapshot and log, then opens the doors. The log must be open and stay open until
    /// [`BrokerHandle::shutdown`] has returned.
    pub async fn start(
        config: BrokerConfig,
        log: Log,
        auth: Arc<dyn Authenticate>,
    ) -> Result<BrokerHandle, BrokerError> {
        let snapshots = SnapshotStore::open(&config.data_dir)
            .map_err(|error| BrokerError::Snapshots { dir: config.data_dir.clone(), what: error.to_string() })?;
        let tls = match &config.tls {
            Some(tls) => Some((bind(tls.listen).await?, tls::acceptor(tls)?)),
            None => None,
        };
        let plain = match config.listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (sender, commands) = mpsc::unbounded_channel();
        let shared = Shared::new(config.limits, log, auth, sender);
        let restoring = shared.clone();
        let router = tokio::task::spawn_blocking(move || shell::restore(restoring, snapshots, commands)).await??;
        let router = tokio::spawn(router.run());
        let local_addr = plain.as_ref().and_then(|listener| listener.local_addr().ok());
        let tls_addr = tls.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        if let Some(listener) = plain {
            shared.tasks.spawn(accept(shared.clone(), listener, None));
        }
        if let Some((listener, acceptor)) = tls {
            shared.tasks.spawn(accept(shared.clone(), listener, Some(acceptor)));
        }
        Ok(BrokerHandle { shared, router, local_addr, tls_addr })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, BrokerError> {
    TcpListener::bind(address).await.map_err(|source| BrokerError::Bind { address, source })
}

/// Takes connections until the broker stops.
async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => take(&shared, stream, address, tls.clone()),
            Err(error) => {
                // Out of descriptors: waiting is all that helps.
                warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn take(shared: &Arc<Shared>, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY refused");
    }
    let peer = Peer { address: Some(address), certificate: None, encrypted: tls.is_some() };
    let Some(tls) = tls else { return door(shared, move |shared| connection::serve(shared, stream, peer)) };
    door(shared, move |shared| async move {
        let handshake = tokio::time::timeout(shared.limits.connect_timeout, tls.accept(stream)).await;
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return debug!(%error, peer = %address, "TLS handshake failed"),
            Err(_late) => return debug!(peer = %address, "TLS handshake not done in time"),
        };
        let certificate =
            stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|der| Arc::from(der.as_ref()));
        connection::serve(shared, stream, Peer { certificate, ..peer }).await;
    });
}

/// Gives back a connection's place in the count, whatever way its task ends.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counters.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs a connection as a task of its own, if there is room for one more.
fn door<F>(shared: &Arc<Shared>, serve: impl FnOnce(Arc<Shared>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = shared.counters.connections.fetch_add(1, Ordering::AcqRel);
    let place = Place(shared.clone());
    if before >= shared.limits.connections_max || shared.stop.is_cancelled() {
        shared.counters.over_limit.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let serving = serve(shared.clone());
    shared.tasks.spawn(async move {
        serving.await;
        drop(place);
    });
}

/// A running broker.
pub struct BrokerHandle {
    shared: Arc<Shared>,
    router: JoinHandle<()>,
    local_addr: Option<SocketAddr>,
    tls_addr: Option<SocketAddr>,
}

impl BrokerHandle {
    /// Address of the plain listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Address of the TLS listener.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// A door for other listeners (MQTT over WebSocket): can be kept and cloned.
    pub fn doors(&self) -> Doors {
        Doors { shared: self.shared.clone() }
    }

    /// Serves MQTT on any byte stream, in a task of its own. See [`Doors::serve_stream`].
    pub fn serve_stream<S>(&self, stream: S, peer: Option<SocketAddr>, encrypted: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.doors().serve_stream(stream, peer, encrypted);
    }

    /// Publishes a downlink through the log; subscribers get it once it is durable. See [`Doors::publish`].
    pub async fn publish(&self, topic: &str, payload: &[u8], qos: u8, retain: bool) -> Result<Position, PublishError> {
        self.doors().publish(topic, payload, qos, retain).await
    }

    /// The broker's figures.
    pub fn stats(&self) -> BrokerStats {
        self.doors().stats()
    }

    /// Closes the doors, tells every client, waits for their ends, writes a last snapshot.
    pub async fn shutdown(self) {
        self.shared.stop_all();
        self.shared.tasks.close();
        let shared = self.shared.clone();
        let closing = async {
            // New connections may still have come in while the first ones were told.
            while !shared.tasks.is_empty() && shared.counters.connections.load(Ordering::Acquire) > 0 {
                shared.stop_all();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(10), closing).await.is_err() {
            warn!("some MQTT connections did not end in time");
        }
        self.shared.stop.cancel();
        if let Err(error) = self.router.await {
            error!(%error, "the MQTT router ended abnormally");
        }
        if tokio::time::timeout(Duration::from_secs(5), self.shared.tasks.wait()).await.is_err() {
            warn!("some MQTT tasks did not end in time");
        }
    }
}

/// The broker's doors for other parts of the hub: byte streams in, downlinks out, figures. Cheap to clone.
#[derive(Clone)]
pub struct Doors {
    shared: Arc<Shared>,
}

impl Doors {
    /// Serves MQTT on any byte stream (the binary messages of a WebSocket, one after another) in a task of its own. One
    /// connection more than the limit is dropped at once and counted.
    pub fn serve_stream<S>(&self, stream: S, peer: Option<SocketAddr>, encrypted: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Peer { address: peer, certificate: None, encrypted };
        door(&self.shared, move |shared| connection::serve(shared, stream, peer));
    }

    /// Publishes a downlink through the log: durable when this returns, on its way to subscribers.
    pub async fn publish(&self, topic: &str, payload: &[u8], qos: u8, retain: bool) -> Result<Position, PublishError> {
        if !topic::valid_name(topic) {
            return Err(PublishError::Topic(topic.chars().take(200).collect()));
        }
        let mut burst = Burst::new();
        burst.push(&Record { qos: qos.min(2), retain, ..Record::message(Channel::Hub, topic, "hub", payload) })?;
        let ticket = self.shared.log.append(&burst).await?;
        ticket.committed().await?;
        Ok(ticket.first)
    }

    /// The broker's figures.
    pub fn stats(&self) -> BrokerStats {
        let figures = *self.shared.figures.lock();
        let [sessions, sessions_connected, subscriptions, retained, retained_refused, queued_bytes] = figures.gauges;
        let c = &self.shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let tally = self.shared.pool.tally();
        BrokerStats {
            connections: c.connections.load(Ordering::Relaxed) as u64,
            sessions,
            sessions_connected,
            subscriptions,
            retained,
            queued_bytes,
            batch: figures.batch,
            accepted: read(&c.accepted),
            over_limit: read(&c.over_limit),
            denied: read(&c.denied),
            malformed: read(&c.malformed),
            silent: read(&c.silent),
            stalled: read(&c.stalled),
            taken_over: read(&c.taken_over),
            publishes: read(&c.publishes),
            refused: read(&c.refused),
            not_stored: read(&c.not_stored),
            sent: tally.sent,
            dropped_slow: tally.dropped_slow,
            dropped_queue: tally.dropped_queue,
            expired: tally.expired,
            too_large: tally.too_large,
            retained_refused,
            unshared: figures.routed.unshared,
            wills_lost: read(&c.wills_lost),
            bytes_in: read(&c.bytes_in),
            bytes_out: read(&c.bytes_out),
        }
    }
}
