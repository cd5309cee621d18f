//! The loop of a connection, as one hand-written future: whatever is ready is done, in an order that never deadlocks.
//!
//! ```text
//! read ≤ 64 KiB ─▶ Inbound ─▶ one burst ─try_append─▶ pipeline of tickets ──committed──▶ acks ─▶ out ─▶ one write
//!      ▲                                     (full: wait for room, read nothing)          ▲
//!      └── not while: pipeline full, out long, too fast, log full         Session ready ──┘
//! ```
//!
//! Reading goes on while earlier bursts wait for their fsync, so one connection fills batches by itself. Acknowledgements
//! of all bursts of a batch leave in one write. The 64 KiB buffer and the burst belong to the thread, not to the
//! connection: an idle connection costs no buffer. No lock is taken on the publish path but the log's own.

mod flow;

use super::entrance::Entered;
use super::{End, Ended, FAREWELL_MAX};
use crate::mqtt::router::Session;
use crate::mqtt::session::inbound::{Inbound, Work};
use crate::mqtt::session::pace::{Pace, Verdict};
use crate::mqtt::shared::{Asked, Control, Gate, Shared, count};
use crate::mqtt::wire::answer;
use flow::{Pending, Stalled};
use greenhub_storage::log::Burst;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;
/// An unfinished packet up to this size is put before the next chunk; a longer one grows in its own buffer.
const CARRY: usize = 16 * 1024;
/// Bytes for the socket beyond which nothing is read and nothing fetched from the session.
const OUT_MAX: usize = 256 * 1024;
/// Settled messages recorded at once.
const SETTLED_MAX: usize = 512;
/// How long a settled message may go unrecorded.
const SETTLED_WAIT: Duration = Duration::from_secs(1);
/// Rounds of the loop before other tasks get the thread.
const ROUNDS: usize = 16;

thread_local! {
    static SCRATCH: RefCell<(Vec<u8>, Work<Burst>)> = RefCell::new((vec![0; CARRY + CHUNK], Work::default()));
}

pub(super) struct Link<'a, S> {
    shared: &'a Arc<Shared>,
    stream: &'a mut S,
    inbound: Inbound,
    session: Arc<Session>,
    control: Arc<Control>,
    gate: Arc<Gate>,
    /// Start of an unfinished packet.
    carry: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    /// The stream keeps bytes it has taken (TLS); it is to be told again.
    flushing: bool,
    pipeline: VecDeque<Pending>,
    /// Acknowledgements in the pipeline.
    awaiting: usize,
    stalled: Option<Stalled>,
    settled: Vec<u64>,
    settle_by: Option<Duration>,
    /// The session may have more for the socket.
    more: bool,
    pace: Pace,
    began: Instant,
    timer: Pin<Box<Sleep>>,
    armed: Duration,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Link<'a, S> {
    pub fn new(shared: &'a Arc<Shared>, stream: &'a mut S, entered: Entered) -> Self {
        let limits = &shared.limits;
        let began = Instant::now();
        let mut link = Self {
            pace: Pace::new(entered.silence_max, limits.write_stall, limits.publish_rate_max),
            shared,
            stream,
            inbound: entered.inbound,
            session: entered.session,
            control: entered.control,
            gate: entered.gate,
            carry: entered.ahead,
            out: vec![],
            written: 0,
            flushing: false,
            pipeline: VecDeque::new(),
            awaiting: 0,
            stalled: None,
            settled: vec![],
            settle_by: None,
            more: true,
            began,
            timer: Box::pin(tokio::time::sleep_until(began)),
            armed: Duration::ZERO,
        };
        link.arm();
        link
    }

    /// Runs until the connection is over.
    pub async fn run(&mut self) -> End {
        // Whatever came together with CONNECT.
        let ahead = std::mem::take(&mut self.carry);
        if let Err(end) = self.take_bytes(&ahead) {
            return end;
        }
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What the farewell needs. A burst that still waits for room in the log gets it first: it may hold QoS 0
    /// messages sent right before DISCONNECT.
    pub async fn into_ended(mut self) -> Ended {
        if let Some(stalled) = self.stalled.take()
            && tokio::time::timeout(FAREWELL_MAX, stalled).await.is_err()
        {
            count(&self.shared.counters.not_stored, 1);
        }
        let rest = self.out.split_off(self.written);
        Ended { inbound: self.inbound, session: self.session, gate: self.gate, settled: self.settled, rest }
    }

    fn since(&self) -> Duration {
        self.began.elapsed()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _round in 0..ROUNDS {
            if let Some(stop) = self.control.stopped(cx.waker()) {
                return Poll::Ready(End::Stopped(stop));
            }
            let mut progress = self.poll_stalled(cx);
            match self.poll_commits(cx) {
                Ok(any) => progress |= any,
                Err(end) => return Poll::Ready(end),
            }
            self.more |= self.session.heard(cx.waker());
            if self.more && self.stalled.is_none() && self.out.len() - self.written < OUT_MAX {
                if let Err(end) = self.fetch() {
                    return Poll::Ready(end);
                }
                progress = true;
            }
            match self.poll_write(cx) {
                Ok(any) => progress |= any,
                Err(end) => return Poll::Ready(end),
            }
            if self.may_read() {
                match self.poll_read(cx) {
                    Ok(any) => progress |= any,
                    Err(end) => return Poll::Ready(end),
                }
            }
            match self.poll_timer(cx) {
                Ok(any) => progress |= any,
                Err(end) => return Poll::Ready(end),
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn may_read(&self) -> bool {
        self.stalled.is_none()
            && self.pipeline.len() < self.shared.limits.pipeline_max
            && self.awaiting < usize::from(self.shared.limits.receive_max)
            && self.out.len() - self.written < OUT_MAX
            && self.gate.is_open()
            && self.pace.paused_until().is_none()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        SCRATCH.with_borrow_mut(|(buffer, work)| {
            let kept = if self.carry.len() <= CARRY { self.carry.len() } else { 0 };
            buffer[..kept].copy_from_slice(&self.carry[..kept]);
            let mut read = ReadBuf::new(&mut buffer[kept..kept + CHUNK]);
            match Pin::new(&mut *self.stream).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(_)) => return Err(End::Lost),
                Poll::Ready(Ok(())) => {}
            }
            let got = read.filled().len();
            if got == 0 {
                return Err(End::Lost);
            }
            count(&self.shared.counters.bytes_in, got as u64);
            let mut carry = std::mem::take(&mut self.carry);
            if kept == carry.len() {
                carry.clear();
                let bytes = &buffer[..kept + got];
                let taken = self.receive(bytes, work)?;
                carry.extend_from_slice(&bytes[taken..]);
            } else {
                carry.extend_from_slice(&buffer[..got]);
                let taken = self.receive(&carry, work)?;
                carry.drain(..taken);
            }
            if carry.is_empty() && carry.capacity() > CARRY {
                carry = vec![];
            }
            self.carry = carry;
            // Any byte is a sign of life: a large packet may take longer than a keep-alive on a slow line.
            self.pace.heard(self.since(), work.publishes);
            Ok(true)
        })
    }

    /// Bytes that were read before the loop began.
    fn take_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut work = Work::default();
        let taken = self.receive(bytes, &mut work)?;
        self.carry = bytes[taken..].to_vec();
        Ok(())
    }

    /// Takes the packets in `bytes` and sends what they ask for on its way, also when one of them ends the connection.
    fn receive(&mut self, bytes: &[u8], work: &mut Work<Burst>) -> Result<usize, End> {
        work.clear(Burst::clear);
        let received = self.inbound.receive(bytes, work);
        let counters = &self.shared.counters;
        count(&counters.publishes, u64::from(work.publishes));
        count(&counters.refused, u64::from(work.refused));
        for _ping in 0..work.pings {
            self.out.extend_from_slice(&answer::PING_RESPONSE);
        }
        let setup = self.inbound.setup();
        for change in work.changes.drain(..) {
            self.gate.enter();
            self.shared.send(&setup.client, &setup.identity.principal, Asked::Change(change, self.gate.clone()));
        }
        let assigned = match work.settles.is_empty() {
            true => vec![],
            false => self.settle(work).map_err(End::Refused)?,
        };
        self.append(work, assigned);
        match (received, work.goodbye) {
            (Err(refused), _) => Err(End::Refused(refused)),
            (_, Some(goodbye)) => Err(End::Goodbye(goodbye)),
            (Ok(taken), None) => Ok(taken),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.out.is_empty() && !self.flushing {
            return Ok(false);
        }
        let mut moved = false;
        while self.written < self.out.len() {
            match Pin::new(&mut *self.stream).poll_write(cx, &self.out[self.written..]) {
                Poll::Pending => break,
                Poll::Ready(Ok(0) | Err(_)) => return Err(End::Lost),
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    moved = true;
                    count(&self.shared.counters.bytes_out, n as u64);
                }
            }
        }
        let waiting = self.written < self.out.len();
        if !waiting {
            self.out.clear();
            self.written = 0;
            if self.out.capacity() > CHUNK {
                self.out = vec![];
            }
            // Encrypting and framing streams keep bytes until they are told.
            self.flushing = match Pin::new(&mut *self.stream).poll_flush(cx) {
                Poll::Ready(Err(_)) => return Err(End::Lost),
                flushed => flushed.is_pending(),
            };
        }
        self.pace.wrote(self.since(), waiting || self.flushing, moved);
        self.arm();
        Ok(moved)
    }

    /// Sets the timer to the next deadline, when that is earlier than what it is set to.
    fn arm(&mut self) {
        let next = self.pace.deadline().into_iter().chain(self.settle_by).min();
        let Some(next) = next else { return };
        if self.armed == Duration::ZERO || next < self.armed || self.armed <= self.since() {
            self.armed = next;
            self.timer.as_mut().reset(self.began + next);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.armed == Duration::ZERO || self.timer.as_mut().poll(cx).is_pending() {
            return Ok(false);
        }
        let since = self.since();
        match self.pace.judge(since) {
            Verdict::Fine => {}
            Verdict::Silent => return Err(End::Silent),
            Verdict::Stalled => return Err(End::Stalled),
        }
        if self.settle_by.is_some_and(|by| by <= since) && self.stalled.is_some() {
            self.settle_by = Some(since + SETTLED_WAIT);
        } else if self.settle_by.is_some_and(|by| by <= since) {
            SCRATCH.with_borrow_mut(|(_, work)| {
                work.clear(Burst::clear);
                self.record_settled(work).map_err(End::Refused)?;
                self.append(work, vec![]);
                Ok(())
            })?;
        }
        self.armed = Duration::ZERO;
        self.arm();
        Ok(true)
    }
}
