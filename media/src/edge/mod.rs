//! The WebRTC edge: every session of the hub on one thread and one UDP port.
//!
//! ```text
//! Edge (handle) ─commands, bounded─▶ run: socket, deadlines ─▶ switchboard ─▶ peers (str0m)
//!       ◀─answer, list─                                             └─frames─▶ taps (bounded, newest win)
//! ```
//!
//! The thread has a runtime of its own, so that a busy relay does not slow the hub's pages. It ends when the last handle
//! is gone.

mod peer;
mod run;
mod switchboard;

use greenhub_model::media::{MediaOffer, MediaStream};
use greenhub_model::{DeviceId, MediaSessionId};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Commands that may wait for the edge.
const COMMANDS_MAX: usize = 256;
/// Frames that a tap may be behind before it loses the oldest: about 4 seconds.
pub(crate) const TAP_FRAMES_MAX: usize = 256;
/// Longest offer in bytes.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;

/// Where the edge listens and what it bears.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Address of the UDP port; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Address that clients are told; none: the one it listens on, or this machine's own.
    pub advertise: Option<IpAddr>,
    /// Most senders at once.
    pub senders_max: usize,
    /// Most watchers of one unit.
    pub watchers_per_unit_max: usize,
    /// Most sessions in all.
    pub sessions_max: usize,
    /// A session that is not connected by then ends.
    pub connect_timeout: Duration,
    /// A session that has not been heard for so long ends.
    pub silence_timeout: Duration,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            advertise: None,
            senders_max: 64,
            watchers_per_unit_max: 64,
            sessions_max: 512,
            connect_timeout: Duration::from_secs(15),
            silence_timeout: Duration::from_secs(8),
        }
    }
}

/// Why a session was not made, or a command had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The offer is not an SDP offer this edge can answer.
    #[error("the offer cannot be answered: {0}")]
    Offer(String),
    /// A bound is reached.
    #[error("{0}")]
    Full(&'static str),
    /// The edge has ended.
    #[error("the media relay is not running")]
    Gone,
}

/// Picture or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// An H.264 access unit, Annex B.
    Video,
    /// An Opus packet.
    Audio,
}

/// One access unit or audio packet of a unit, as whoever taps it gets it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Number of the source: another one means that the sender came anew.
    pub source: u64,
    /// What it is.
    pub kind: FrameKind,
    /// Whether a decoder can begin here; true for all audio.
    pub key: bool,
    /// Media time in ticks: 90,000 a second for video, 48,000 for audio.
    pub ticks: u64,
    /// When its first packet arrived, Unix ms.
    pub at: i64,
    /// The bytes.
    pub data: Arc<[u8]>,
}

/// What becomes of a session by itself; its opening is known to whoever asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Media may flow.
    Connected,
    /// The watcher began to talk to the unit.
    Talks,
    /// It is over.
    Ended,
}

/// What happened to a session, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaEvent {
    /// The session.
    pub session: MediaSessionId,
    /// The unit.
    pub unit: DeviceId,
    /// Who.
    pub by: String,
    /// What.
    pub what: Happening,
    /// Why, where it matters; empty otherwise.
    pub why: String,
}

/// The answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The session; needed to end it.
    pub session: MediaSessionId,
    /// SDP answer.
    pub sdp: String,
}

/// Reply to a command.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the handle asks of the thread.
pub(crate) enum Command {
    Open { offer: MediaOffer, reply: Reply<Result<Answer, MediaError>> },
    End { session: MediaSessionId, by: Option<String>, why: &'static str, reply: Reply<bool> },
    Streams { unit: Option<DeviceId>, reply: Reply<Vec<MediaStream>> },
    Tap { unit: DeviceId, reply: Reply<broadcast::Receiver<Arc<Frame>>> },
    Key { unit: DeviceId },
}

/// Handle to the edge; cheap to clone.
#[derive(Debug, Clone)]
pub struct Edge {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<MediaEvent>,
    address: SocketAddr,
}

impl Edge {
    /// Binds the port and starts the thread.
    pub fn start(config: EdgeConfig) -> io::Result<Self> {
        let socket = UdpSocket::bind(config.listen)?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let ip = match config.advertise {
            Some(ip) => ip,
            None if !config.listen.ip().is_unspecified() => config.listen.ip(),
            None => own_address(),
        };
        let address = SocketAddr::new(ip, port);
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (events, _) = broadcast::channel(1024);
        let told = events.clone();
        std::thread::Builder::new().name("media-edge".into()).spawn(move || {
            run::run(socket, address, config, inbox, told);
        })?;
        Ok(Self { commands, events, address })
    }

    /// Address that clients are told.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to sessions from now on; who reads too slowly misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<MediaEvent> {
        self.events.subscribe()
    }

    /// Answers an offer. A sender of the unit that is there already ends where another one comes.
    pub async fn open(&self, offer: MediaOffer) -> Result<Answer, MediaError> {
        self.ask(|reply| Command::Open { offer, reply }).await.ok_or(MediaError::Gone)?
    }

    /// Ends a session; with `by` only one of this user. False where there is none.
    pub async fn end(&self, session: MediaSessionId, by: Option<String>, why: &'static str) -> bool {
        self.ask(|reply| Command::End { session, by, why, reply }).await.unwrap_or(false)
    }

    /// The streams there are, in the order of their units; of one unit only where it is given.
    pub async fn streams(&self, unit: Option<DeviceId>) -> Vec<MediaStream> {
        self.ask(|reply| Command::Streams { unit, reply }).await.unwrap_or_default()
    }

    /// The frames of a unit from now on, whoever sends them; who reads too slowly loses the oldest.
    pub async fn tap(&self, unit: DeviceId) -> Option<broadcast::Receiver<Arc<Frame>>> {
        self.ask(|reply| Command::Tap { unit, reply }).await
    }

    /// Asks the sender of a unit for a key frame.
    pub async fn ask_key(&self, unit: DeviceId) {
        let _ = self.commands.send(Command::Key { unit }).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The address this machine would use towards others; loopback where it has no network. Sends nothing.
fn own_address() -> IpAddr {
    let probe = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr().map(|address| address.ip())
    };
    probe().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
