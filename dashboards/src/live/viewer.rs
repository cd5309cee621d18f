//! One viewer's socket: wait for a word from the client, a frame of its group, or the time to say that we are alive.
//!
//! What is kept per viewer: its cursor, its place in a group, and the frame that is being written. While a write waits
//! nothing else is done for this viewer, so what it misses meanwhile is coalesced by the catch-up that follows.

use super::filter::Subscribe;
use super::group::Frame;
use super::{Inner, Joined, Live, frame};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use greenhub_model::notify::{Notification, Receiver};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Instant, sleep_until, timeout};

/// Asks whether the viewer's session still holds; asked every few seconds.
pub type SessionCheck = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// Longest message a client may send, bytes.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Client messages that may come at once.
const MESSAGES_BURST: f64 = 30.0;
/// Client messages a second in the long run.
const MESSAGES_PER_SECOND: f64 = 5.0;

/// The session and the peer are looked at every so many times of `alive_every`.
const CHECK_EVERY: u32 = 3;

/// Why a viewer's socket ends.
enum End {
    /// The client left or the connection broke.
    Gone,
    /// It did not take a frame in time.
    Slow,
    /// It was not heard for too long.
    Unheard,
    /// We say good-bye with a code and a reason.
    Close(u16, &'static str),
}

/// What a viewer is told in the page: notices to one of these receivers.
pub struct NoticeFeed {
    /// The viewer's role and the viewer.
    pub receivers: [Receiver; 2],
    /// Everybody's notices.
    pub heard: broadcast::Receiver<Arc<Notification>>,
}

/// Notices of one frame at most.
const NOTICES_MAX: usize = 50;

impl NoticeFeed {
    /// Waits for notices to this viewer. `true`: more have come than were kept for it, it has to look into the list.
    async fn next(&mut self) -> (Vec<Arc<Notification>>, bool) {
        let mut own = vec![];
        loop {
            let heard = match own.is_empty() {
                true => self.heard.recv().await,
                false => match self.heard.try_recv() {
                    Ok(told) => Ok(told),
                    Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => return (own, false),
                },
            };
            match heard {
                Ok(told) if own.len() >= NOTICES_MAX && self.is_own(&told) => return (own, true),
                Ok(told) if self.is_own(&told) => own.push(told),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return (own, true),
                // The journal is gone with the hub; the socket ends on its own.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    fn is_own(&self, told: &Notification) -> bool {
        self.receivers.contains(&told.notice.receiver)
    }
}

struct Viewer {
    live: Live,
    socket: WebSocket,
    session: SessionCheck,
    feed: Option<NoticeFeed>,
    notices: bool,
    place: Option<Place>,
    heard: Instant,
    sent: Instant,
    checked: Instant,
    allowance: f64,
    allowance_at: Instant,
}

struct Place {
    joined: Joined,
    cursor: u64,
}

/// Serves a viewer until it leaves, is too slow, or its session ends.
pub async fn serve_viewer(
    live: Live,
    socket: WebSocket,
    place: OwnedSemaphorePermit,
    session: SessionCheck,
    feed: Option<NoticeFeed>,
) {
    let stats = &live.inner().stats;
    stats.viewers_opened.fetch_add(1, Relaxed);
    stats.viewers.fetch_add(1, Relaxed);
    let now = Instant::now();
    let mut viewer = Viewer {
        live: live.clone(),
        socket,
        session,
        feed,
        notices: false,
        place: None,
        heard: now,
        sent: now,
        checked: now,
        allowance: MESSAGES_BURST,
        allowance_at: now,
    };
    match viewer.run().await {
        End::Gone => {}
        End::Slow => {
            stats.closed_slow.fetch_add(1, Relaxed);
        }
        End::Unheard => {
            stats.closed_unheard.fetch_add(1, Relaxed);
        }
        End::Close(code, reason) => {
            let frame = CloseFrame { code, reason: reason.into() };
            // A peer that does not take our good-bye is closed without it.
            let _unsaid = timeout(Duration::from_secs(1), viewer.socket.send(Message::Close(Some(frame)))).await;
        }
    }
    stats.viewers.fetch_sub(1, Relaxed);
    drop(place);
}

impl Viewer {
    async fn run(&mut self) -> End {
        let inner = self.live.inner().clone();
        // A little early, so that the promise of one message per `alive_every` holds.
        let silence_max = inner.config.alive_every.mul_f64(0.9);
        let alive = sleep_until(self.sent + silence_max);
        tokio::pin!(alive);
        loop {
            let step = tokio::select! {
                () = inner.stop.cancelled() => return End::Close(close_code::AWAY, "the hub is stopping"),
                heard = self.socket.recv() => match heard {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) | None => return End::Gone,
                },
                () = next_frame(&mut self.place) => self.follow(&inner).await,
                (items, look) = next_notices(&mut self.feed, self.notices) => {
                    self.send(frame::notices(&items, look, inner.clock.now())).await
                }
                () = &mut alive => {
                    let step = self.stay_alive(&inner, silence_max).await;
                    alive.as_mut().reset(self.sent + silence_max);
                    step
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            Message::Text(text) => {
                self.spend()?;
                match Subscribe::parse(&text) {
                    Ok(wish) => {
                        let standing = self.place.as_ref().map(|p| (p.joined.group.filter, p.cursor));
                        let joined = self.live.join(&wish, standing);
                        let first = joined.first.clone();
                        self.place = Some(Place { joined, cursor: first.to });
                        self.send_first(&first).await?;
                        self.listen(wish.notices).await
                    }
                    Err(detail) => self.send(frame::error(&detail)).await,
                }
            }
            Message::Binary(_) => {
                self.spend()?;
                self.send(frame::error("a message must be text (JSON), this one is binary")).await
            }
            Message::Close(_) => Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    /// Begins or ends to tell of notices. Who begins looks into the list once: what came before is there.
    async fn listen(&mut self, wanted: bool) -> Result<(), End> {
        let Some(feed) = &mut self.feed else { return Ok(()) };
        let begins = wanted && !self.notices;
        self.notices = wanted;
        if !begins {
            return Ok(());
        }
        feed.heard = feed.heard.resubscribe();
        let now = self.live.inner().clock.now();
        self.send(frame::notices(&[], true, now)).await
    }

    /// One client message is paid for; who sends too many is closed.
    fn spend(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let earned = now.duration_since(self.allowance_at).as_secs_f64() * MESSAGES_PER_SECOND;
        self.allowance = (self.allowance + earned).min(MESSAGES_BURST) - 1.0;
        self.allowance_at = now;
        if self.allowance < 0.0 {
            return Err(End::Close(close_code::POLICY, "too many messages"));
        }
        Ok(())
    }

    /// The answer to a subscription; "nothing new" is said with an `alive`.
    async fn send_first(&mut self, first: &Frame) -> Result<(), End> {
        if first.bytes.as_str().is_empty() {
            return self.send_alive().await;
        }
        self.send(first.bytes.clone()).await
    }

    async fn send_alive(&mut self) -> Result<(), End> {
        let inner = self.live.inner().clone();
        let Some(place) = &self.place else { return Ok(()) };
        let bytes = frame::alive(place.joined.group.cursor(&inner, place.cursor), inner.clock.now());
        self.send(bytes).await
    }

    /// Takes the group's newest frame, or catches up when something was missed.
    async fn follow(&mut self, inner: &Inner) -> Result<(), End> {
        let Some(place) = &mut self.place else { return Ok(()) };
        let frame = place.joined.listener.borrow_and_update().clone();
        if frame.to <= place.cursor {
            return Ok(());
        }
        let frame = if frame.follows(place.cursor) { frame } else { place.joined.group.catch_up(inner, place.cursor) };
        place.cursor = frame.to;
        if frame.bytes.as_str().is_empty() {
            return Ok(());
        }
        self.send(frame.bytes.clone()).await
    }

    /// The timer's work: break a silence, and now and then see whether the viewer is still there and still may be.
    async fn stay_alive(&mut self, inner: &Inner, silence_max: Duration) -> Result<(), End> {
        let now = Instant::now();
        if now.duration_since(self.sent) >= silence_max {
            self.sent = now;
            if let Some(place) = &mut self.place
                && let Some(seen) = place.joined.group.settled(&place.joined.listener)
            {
                place.cursor = place.cursor.max(seen);
            }
            self.send_alive().await?;
        }
        if now.duration_since(self.checked) >= inner.config.alive_every * CHECK_EVERY {
            self.checked = now;
            self.check(inner, now).await?;
        }
        Ok(())
    }

    async fn check(&mut self, inner: &Inner, now: Instant) -> Result<(), End> {
        if now.duration_since(self.heard) > inner.config.unheard_max {
            return Err(End::Unheard);
        }
        if !(self.session)().await {
            return Err(End::Close(close_code::POLICY, "the session is over"));
        }
        self.write(Message::Ping(Default::default())).await
    }

    async fn send(&mut self, bytes: Utf8Bytes) -> Result<(), End> {
        let stats = &self.live.inner().stats;
        stats.frames_sent.fetch_add(1, Relaxed);
        stats.bytes_sent.fetch_add(bytes.len() as u64, Relaxed);
        self.write(Message::Text(bytes)).await?;
        self.sent = Instant::now();
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.live.inner().config.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }
}

/// Waits for a frame of the viewer's group; for ever while it has none.
async fn next_frame(place: &mut Option<Place>) {
    match place {
        Some(place) => {
            if place.joined.listener.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Waits for notices to this viewer; for ever while it wants none.
async fn next_notices(feed: &mut Option<NoticeFeed>, wanted: bool) -> (Vec<Arc<Notification>>, bool) {
    match feed {
        Some(feed) if wanted => feed.next().await,
        _ => std::future::pending().await,
    }
}
