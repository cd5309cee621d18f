//! The way of a link's records to the disk and of the acknowledgements back.

use super::super::End;
use super::{Link, SCRATCH, SETTLED_MAX, SETTLED_WAIT};
use crate::mqtt::session::change::Change;
use crate::mqtt::session::inbound::{Ack, Work};
use crate::mqtt::session::outbound::Settled;
use crate::mqtt::shared::{count, now};
use crate::mqtt::wire::packet::AckKind;
use crate::mqtt::wire::{Reason, Refused, answer};
use futures_util::future::BoxFuture;
use greenhub_storage::log::{AppendError, Burst, Commit, Ticket};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// A burst on its way to the disk and what is to be done when it is there.
pub(super) struct Pending {
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

pub(super) type Stalled = BoxFuture<'static, (Result<Ticket, AppendError>, Pending)>;

fn refusal(error: &AppendError) -> Reason {
    match error {
        AppendError::Refusing { .. } | AppendError::Full => Reason::QUOTA,
        AppendError::TooLarge => Reason::PACKET_TOO_LARGE,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<'_, S> {
    /// The client's acknowledgements; adds the records they need and returns packet ids newly assigned.
    pub(super) fn settle(&mut self, work: &mut Work<Burst>) -> Result<Vec<(u16, u64)>, Refused> {
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
    pub(super) fn take_outbound(&mut self, work: &mut Work<Burst>) -> Result<Vec<(u16, u64)>, Refused> {
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

    pub(super) fn record_settled(&mut self, work: &mut Work<Burst>) -> Result<(), Refused> {
        self.settle_by = None;
        if self.settled.is_empty() {
            return Ok(());
        }
        let (epoch, positions) = (self.inbound.setup().epoch, std::mem::take(&mut self.settled));
        self.inbound.record(&Change::Settled { epoch, positions }, work)
    }

    /// The router or an acknowledgement made something ready.
    pub(super) fn fetch(&mut self) -> Result<(), End> {
        SCRATCH.with_borrow_mut(|(_, work)| {
            work.clear(Burst::clear);
            let assigned = self.take_outbound(work).map_err(End::Refused)?;
            self.append(work, assigned);
            Ok(())
        })
    }

    /// Sends the records on their way to the disk.
    pub(super) fn append(&mut self, work: &mut Work<Burst>, assigned: Vec<(u16, u64)>) {
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

    pub(super) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stalled) = &mut self.stalled else { return false };
        let Poll::Ready((appended, pending)) = stalled.as_mut().poll(cx) else { return false };
        self.stalled = None;
        self.follow(appended, pending);
        true
    }

    /// Answers the bursts whose outcome is known, in order.
    pub(super) fn poll_commits(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
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
}
