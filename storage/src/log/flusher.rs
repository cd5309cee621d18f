//! The thread that makes batches durable: swap the buffers, frame, write, fdatasync, tell everybody.
//!
//! It alone writes the newest segment, and has one batch under way at a time: so at most one frame of the log is
//! unsynced, and behind a torn frame there is never a committed one.

use super::append::{Filling, Refusal, Shared};
use super::frame::{CHANNELS, FRAME_HEAD, FrameHead, SEGMENT_HEAD, SegmentHeader};
use super::segments::Segment;
use super::ticket::Outcome;
use super::{CommitError, Committed};
use greenhub_model::{Batch, Position, ReceivedTime};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a full disk is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Spare buffers kept for the next swaps.
const SPARE_BUFFERS: usize = 2;

/// Where the next frame goes.
pub(super) struct Head {
    pub segment: Arc<Segment>,
    pub at: u64,
    pub last_received: ReceivedTime,
}

pub(super) struct Flusher {
    shared: Arc<Shared>,
    head: Head,
    committed: Committed,
    accepted: [u64; CHANNELS],
    spare: Vec<Vec<u8>>,
}

/// What was in the buffer at the swap.
struct Filled {
    bytes: Vec<u8>,
    count: u32,
    messages: [u64; CHANNELS],
    outcome: Arc<Outcome>,
}

/// Why a batch is not durable.
enum Failure {
    /// No room for `bytes` at the write head.
    NoRoom { bytes: u64, why: Arc<str> },
    /// The next segment is not there.
    NoSegment { why: Arc<str> },
    /// What the disk holds is unknown.
    Final { why: Arc<str> },
}

fn disk_is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn write_failure(error: &io::Error, bytes: u64) -> Failure {
    if disk_is_full(error) {
        Failure::NoRoom { bytes, why: format!("the disk is full: writing the log: {error}").into() }
    } else {
        Failure::Final { why: format!("writing the log failed, a restart is needed: {error}").into() }
    }
}

impl Flusher {
    pub(super) fn new(shared: Arc<Shared>, head: Head) -> Self {
        let (committed, accepted) = (*shared.committed.lock(), *shared.accepted.lock());
        Self { shared, head, committed, accepted, spare: vec![] }
    }

    pub(super) fn run(mut self) {
        while let Some(filled) = self.swap() {
            match self.commit(&filled) {
                Ok((number, received)) => self.publish(filled, number, received),
                Err(failure) => self.refuse(&filled.outcome, failure),
            }
        }
    }

    /// Waits for records and takes them; `None` when the log closes and nothing is left.
    fn swap(&mut self) -> Option<Filled> {
        let mut spare = self.spare.pop().unwrap_or_default();
        spare.clear();
        let next = Arc::new(Outcome::default());
        let filled = {
            let mut filling = self.shared.filling.lock();
            while filling.bytes.is_empty() {
                if self.shared.closing.load(Ordering::Acquire) {
                    return None;
                }
                self.shared.filled.wait(&mut filling);
            }
            Filled {
                bytes: std::mem::replace(&mut filling.bytes, spare),
                count: std::mem::take(&mut filling.count),
                messages: std::mem::take(&mut filling.messages),
                outcome: std::mem::replace(&mut filling.outcome, next),
            }
        };
        self.shared.room.notify_waiters();
        Some(filled)
    }

    /// Frame, write, sync. Changes nothing of `self` that a repetition at the same place would not set again.
    fn commit(&mut self, filled: &Filled) -> Result<(u64, ReceivedTime), Failure> {
        let received = self.shared.clock.now().max(self.head.last_received);
        let number = self.committed.batch + 1;
        let frame_bytes = (FRAME_HEAD + filled.bytes.len()) as u64;
        let fits = self.head.at + frame_bytes <= self.head.segment.len.load(Ordering::Relaxed);
        if !fits && self.head.at > SEGMENT_HEAD {
            self.roll(number)?;
        }
        let start = Instant::now();
        let segment = &*self.head.segment;
        let salt = segment.header.salt();
        let head = FrameHead::seal(salt, number, self.committed.end, received, filled.count, &filled.bytes);
        let written = || -> io::Result<()> {
            if self.head.at == SEGMENT_HEAD {
                segment.file.write_at(0, &segment.header.encode())?;
            }
            segment.file.write_at(self.head.at, &head.encode(salt))?;
            segment.file.write_at(self.head.at + FRAME_HEAD as u64, &filled.bytes)
        };
        written().map_err(|error| write_failure(&error, frame_bytes))?;
        segment.file.sync_data().map_err(|error| Failure::Final {
            why: format!("fsync of the log failed, a restart is needed: {error}").into(),
        })?;
        self.shared.counts.latency.record(start.elapsed());
        // A frame larger than its fresh segment has made the file longer.
        segment.len.fetch_max(self.head.at + frame_bytes, Ordering::AcqRel);
        self.head.at = head.next(self.head.at);
        self.head.last_received = received;
        Ok((number, received))
    }

    /// Makes the prepared segment the write head, waiting for it while the keeper is at work.
    fn roll(&mut self, number: u64) -> Result<(), Failure> {
        let shared = self.shared.clone();
        let mut files = shared.shelf.files.lock();
        // What the keeper said last may be old news: one fresh try counts.
        let tries = files.tries;
        shared.shelf.bell.notify_all();
        let prepared = loop {
            if let Some(prepared) = files.prepared.take() {
                break prepared;
            }
            if let Some(why) = files.trouble.clone().filter(|_| files.tries > tries) {
                return Err(Failure::NoSegment { why });
            }
            shared.shelf.bell.wait(&mut files);
        };
        let header = SegmentHeader {
            log_id: shared.log_id,
            index: prepared.index,
            first_batch: number,
            first_position: self.committed.end.0,
            last_received: self.head.last_received,
            accepted: self.accepted,
        };
        let len = AtomicU64::new(prepared.len);
        let segment = Arc::new(Segment { header, path: prepared.path, file: prepared.file, len });
        files.live.push_back(segment.clone());
        shared.shelf.bell.notify_all();
        self.head.segment = segment;
        self.head.at = SEGMENT_HEAD;
        Ok(())
    }

    fn publish(&mut self, filled: Filled, number: u64, received: ReceivedTime) {
        let Filled { bytes, count, messages, outcome } = filled;
        let record_bytes = bytes.len() as u64;
        let first = self.committed.end;
        self.committed = Committed { batch: number, end: Position(first.0 + u64::from(count)) };
        self.accepted.iter_mut().zip(messages).for_each(|(total, n)| *total += n);
        // A small batch in a large buffer is copied, so that the ring does not keep the empty rest alive.
        let bytes = if bytes.len() < bytes.capacity() / 4 {
            let exact = bytes.as_slice().to_vec();
            self.keep(bytes);
            exact
        } else {
            bytes
        };
        let batch = Batch { number, first, count, received, bytes: Arc::new(bytes) };
        let reusable = self.shared.ring.push(batch);
        *self.shared.accepted.lock() = self.accepted;
        *self.shared.committed.lock() = self.committed;
        let counts = &self.shared.counts;
        counts.batches.fetch_add(1, Ordering::Relaxed);
        counts.records.fetch_add(u64::from(count), Ordering::Relaxed);
        counts.record_bytes.fetch_add(record_bytes, Ordering::Relaxed);
        outcome.settle(Ok(()));
        self.shared.ring.announce();
        if let Some(buffer) = reusable {
            self.keep(buffer);
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            self.spare.push(buffer);
        }
    }

    /// Fails the batch and what has been appended behind it, and stays here until appending is safe again.
    fn refuse(&mut self, outcome: &Outcome, failure: Failure) {
        let (why, restart_needed) = match &failure {
            Failure::NoRoom { why, .. } | Failure::NoSegment { why } => (why.clone(), false),
            Failure::Final { why } => (why.clone(), true),
        };
        tracing::error!(%why, restart_needed, batch = self.committed.batch + 1, "log refuses, nothing is acknowledged");
        let behind = self.stop_filling(Refusal { why: why.clone(), restart_needed });
        let counts = &self.shared.counts;
        counts.failed_batches.fetch_add(1, Ordering::Relaxed);
        outcome.settle(Err(CommitError(why.clone())));
        behind.settle(Err(CommitError(why)));
        self.shared.room.notify_waiters();
        let Failure::Final { .. } = failure else { return self.wait_for_room(failure) };
    }

    /// Positions given out behind the failed batch will never be: they start again after the last committed one.
    fn stop_filling(&self, refusal: Refusal) -> Arc<Outcome> {
        let mut filling = self.shared.filling.lock();
        if !self.shared.closing.load(Ordering::Acquire) {
            filling.refusing = Some(refusal);
        }
        let fresh = Filling {
            bytes: vec![],
            count: 0,
            messages: [0; CHANNELS],
            next_position: self.committed.end.0,
            outcome: Arc::default(),
            refusing: filling.refusing.take(),
        };
        std::mem::replace(&mut *filling, fresh).outcome
    }

    fn wait_for_room(&mut self, mut failure: Failure) {
        loop {
            {
                let mut files = self.shared.shelf.files.lock();
                if self.shared.closing.load(Ordering::Acquire) {
                    return;
                }
                self.shared.shelf.bell.wait_for(&mut files, RETRY);
            }
            match self.probe(&failure) {
                Ok(()) => break,
                Err(Some(worse)) => {
                    let why = match &worse {
                        Failure::NoRoom { why, .. } | Failure::NoSegment { why } | Failure::Final { why } => {
                            why.clone()
                        }
                    };
                    let restart_needed = matches!(worse, Failure::Final { .. });
                    self.stop_filling(Refusal { why, restart_needed });
                    if restart_needed {
                        return;
                    }
                    failure = worse;
                }
                Err(None) => {}
            }
        }
        let mut filling = self.shared.filling.lock();
        if !self.shared.closing.load(Ordering::Acquire) {
            filling.refusing = None;
            tracing::info!("log accepts again");
        }
    }

    /// `Ok` when the failure's cause is gone; `Err(Some)` when it has become another.
    fn probe(&self, failure: &Failure) -> Result<(), Option<Failure>> {
        match failure {
            Failure::NoSegment { .. } => {
                let ready = self.shared.shelf.files.lock().prepared.is_some();
                if ready { Ok(()) } else { Err(None) }
            }
            Failure::NoRoom { bytes, .. } => {
                // Nothing committed lies at or behind the write head: the failed frame is overwritten with zeros.
                let zeros = vec![0u8; *bytes as usize];
                let file = &self.head.segment.file;
                match file.write_at(self.head.at, &zeros) {
                    Err(error) if disk_is_full(&error) => return Err(None),
                    Err(error) => return Err(Some(write_failure(&error, *bytes))),
                    Ok(()) => {}
                }
                file.sync_data().map_err(|error| {
                    let why = format!("fsync of the log failed, a restart is needed: {error}").into();
                    Some(Failure::Final { why })
                })
            }
            Failure::Final { .. } => Err(None),
        }
    }
}
