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

use super::entrance::Entered;
use super::{End, Ended, FAREWELL_MAX};
use crate::mqtt::router::Session;
use crate::mqtt::session::change::Change;
use crate::mqtt::session::inbound::{Ack, Inbound, Work};
use crate::mqtt::session::outbound::Settled;
use crate::mqtt::session::pace::{Pace, Verdict};
use crate::mqtt::shared::{Asked, Control, Gate, Shared, count, now};
use crate::mqtt::wire::packet::AckKind;
use crate::mqtt::wire::{Reason, Refused, answer};
use futures_util::future::BoxFuture;
use greenhub_storage::log::{AppendError, Burst, Commit, Ticket};
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

/// A burst on its way to the disk and what is to be done when it is there.
struct Pending {
    outcome: Outcome,
    acks: Vec<Ack>,
    /// Packet ids of QoS 2 messages that may be sent then.
    assigned: Vec<(u16, u64)>,
    /// Session changes are among its records.
    recorded: bool,
}

enum Outcome {
    /// Nothing to wait for but those before it.
    Free,
    Ticket(Commit),
    Failed(Reason),
}

type Stalled = BoxFuture<'static, (Result<Ticket, AppendError>, Pending)>;

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

fn refusal(error: &AppendError) -> Reason {
    match error {
        AppendError::Refusing { .. } | AppendError::Full => Reason::QUOTA,
        AppendError::TooLarge => Reason::PACKET_TOO_LARGE,
    }
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
        if let Some(stalled) = self.stalled.take() {
            if tokio::time::timeout(FAREWELL_MAX, stalled).await.is_err() {
                count(&self.shared.counters.not_stored, 1);
            }
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
            let taken = if kept == carry.len() {
                carry.clear();
                let bytes = &buffer[..kept + got];
                let taken = self.receive(bytes, work)?;
                carry.extend_from_slice(&bytes[taken..]);
                taken
            } else {
                carry.extend_from_slice(&buffer[..got]);
                let taken = self.receive(&carry, work)?;
                carry.drain(..taken);
                taken
            };
            if carry.is_empty() && carry.capacity() > CARRY {
                carry = vec![];
            }
            self.carry = carry;
            if taken > 0 {
                self.pace.heard(self.since(), work.publishes);
            }
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

    /// The client's acknowledgements; adds the records they need and returns packet ids newly assigned.
    fn settle(&mut self, work: &mut Work<Burst>) -> Result<Vec<(u16, u64)>, Refused> {
        let (version, logged, epoch) = {
            let setup = self.inbound.setup();
            (setup.version, setup.logged, setup.epoch)
        };
        let mut remember = vec![];
        let settles = std::mem::take(&mut work.settles);
        let mut outbound = self.session.outbound();
        for &(kind, id, reason) in &settles {
            match outbound.settle(kind, id, reason) {
                Settled::Done(position) if logged => self.settled.push(position),
                Settled::Remember(id, position) => remember.push((id, position)),
                Settled::Release(id, reason) => answer::ack(version, AckKind::PubRel, id, reason, &mut self.out),
                Settled::Done(_) | Settled::Unknown => {}
            }
        }
        drop(outbound);
        work.settles = settles;
        if !remember.is_empty() {
            work.acks.extend(remember.iter().map(|(id, _)| Ack {
                kind: AckKind::PubRel,
                id: *id,
                reason: Reason::SUCCESS,
            }));
            self.inbound.record(&Change::Received { epoch, sent: remember }, work)?;
        }
        self.more = true;
        self.take_outbound(work)
    }

    /// Takes what the session has for the socket, and records what must be recorded before more may be sent.
    fn take_outbound(&mut self, work: &mut Work<Burst>) -> Result<Vec<(u16, u64)>, Refused> {
        let mut outbound = self.session.outbound();
        outbound.pump(now());
        let before = self.out.len();
        outbound.take_ready(&mut self.out);
        self.more = self.out.len() > before;
        let assigned = outbound.unconfirmed();
        self.settled.append(&mut outbound.given_up());
        outbound.count();
        drop(outbound);
        let epoch = self.inbound.setup().epoch;
        if !assigned.is_empty() {
            self.inbound.record(&Change::Assigned { epoch, sent: assigned.clone() }, work)?;
        }
        if self.settled.len() >= SETTLED_MAX {
            self.record_settled(work)?;
        } else if !self.settled.is_empty() && self.settle_by.is_none() {
            self.settle_by = Some(self.since() + SETTLED_WAIT);
            self.arm();
        }
        Ok(assigned)
    }

    fn record_settled(&mut self, work: &mut Work<Burst>) -> Result<(), Refused> {
        self.settle_by = None;
        if self.settled.is_empty() {
            return Ok(());
        }
        let (epoch, positions) = (self.inbound.setup().epoch, std::mem::take(&mut self.settled));
        self.inbound.record(&Change::Settled { epoch, positions }, work)
    }

    /// The router or an acknowledgement made something ready.
    fn fetch(&mut self) -> Result<(), End> {
        SCRATCH.with_borrow_mut(|(_, work)| {
            work.clear(Burst::clear);
            let assigned = self.take_outbound(work).map_err(End::Refused)?;
            self.append(work, assigned);
            Ok(())
        })
    }

    /// Sends the records on their way to the disk.
    fn append(&mut self, work: &mut Work<Burst>, assigned: Vec<(u16, u64)>) {
        let pending = Pending {
            outcome: Outcome::Free,
            acks: if work.acks.is_empty() { vec![] } else { work.acks.clone() },
            assigned,
            recorded: work.recorded > 0,
        };
        self.awaiting += pending.acks.len();
        if work.records.is_empty() {
            if !pending.acks.is_empty() {
                self.pipeline.push_back(pending);
            }
            return;
        }
        match self.shared.log.try_append(&work.records) {
            Ok(ticket) => self.follow(Ok(ticket), pending),
            Err(AppendError::Full) if self.stalled.is_none() => {
                let (log, burst) = (self.shared.log.clone(), std::mem::take(&mut work.records));
                self.stalled = Some(Box::pin(async move { (log.append(&burst).await, pending) }));
            }
            Err(error) => self.follow(Err(error), pending),
        }
    }

    fn follow(&mut self, appended: Result<Ticket, AppendError>, mut pending: Pending) {
        let silent = pending.acks.is_empty() && pending.assigned.is_empty() && !pending.recorded;
        pending.outcome = match appended {
            Ok(_) if silent => return,
            Ok(ticket) => Outcome::Ticket(ticket.committed()),
            Err(error) => Outcome::Failed(refusal(&error)),
        };
        self.pipeline.push_back(pending);
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stalled) = &mut self.stalled else { return false };
        let Poll::Ready((appended, pending)) = stalled.as_mut().poll(cx) else { return false };
        self.stalled = None;
        self.follow(appended, pending);
        true
    }

    /// Answers the bursts whose outcome is known, in order.
    fn poll_commits(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut any = false;
        while let Some(front) = self.pipeline.front_mut() {
            let outcome = match &mut front.outcome {
                Outcome::Free => Ok(()),
                Outcome::Failed(reason) => Err(*reason),
                Outcome::Ticket(commit) => match Pin::new(commit).poll(cx) {
                    Poll::Pending => break,
                    Poll::Ready(result) => result.map_err(|_| Reason::UNSPECIFIED),
                },
            };
            let Some(pending) = self.pipeline.pop_front() else { break };
            self.awaiting -= pending.acks.len();
            any = true;
            match outcome {
                Ok(()) => self.inbound.committed(&pending.acks, &mut self.out),
                Err(reason) => {
                    count(&self.shared.counters.not_stored, pending.acks.len().max(1) as u64);
                    let failed = self.inbound.failed(&pending.acks, pending.recorded, reason, &mut self.out);
                    failed.map_err(End::Refused)?;
                }
            }
            if !pending.assigned.is_empty() {
                self.session.outbound().confirm(&pending.assigned, now());
                self.more = true;
            }
        }
        Ok(any)
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
