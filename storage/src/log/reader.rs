//! Reading the log in order: recent batches from the ring, older ones from disk, then waiting for the next.

use super::append::Shared;
use super::ring::Found;
use super::segments::{Walk, io_error};
use super::{Damage, LogError};
use greenhub_model::Batch;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Batches read from disk in one go.
const AHEAD_BATCHES: usize = 64;
/// Bytes read from disk in one go, the last batch excepted.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// Follows the log from a batch on. Only committed batches are seen, each once, in order.
pub struct LogReader {
    shared: Arc<Shared>,
    number: u64,
    ahead: VecDeque<Batch>,
    walk: Option<Walk>,
    /// A read from disk that is under way, so that a cancelled wait loses nothing.
    reading: Option<JoinHandle<Result<Read, LogError>>>,
}

/// Batches from disk, and where the walk stands behind them.
type Read = (Walk, VecDeque<Batch>);

impl LogReader {
    pub(super) fn new(shared: Arc<Shared>, from_batch: u64) -> Result<Self, LogError> {
        let oldest = shared.shelf.files.lock().oldest_batch();
        let committed = shared.committed_batch();
        let number = if from_batch == 0 { oldest } else { from_batch };
        if number < oldest {
            return Err(LogError::Gone { asked: number, oldest });
        }
        if number > committed + 1 {
            return Err(LogError::Ahead { asked: number, committed });
        }
        Ok(Self { shared, number, ahead: VecDeque::new(), walk: None, reading: None })
    }

    /// Number of the batch that comes next.
    pub fn next_number(&self) -> u64 {
        self.number
    }

    /// The next batch, waiting up to `timeout` for it (`None`). Blocks the thread.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Batch>, LogError> {
        if let Some(batch) = self.take_ahead() {
            return Ok(Some(batch));
        }
        let shared = self.shared.clone();
        match shared.ring.wait(self.number, || shared.committed_batch(), Instant::now() + timeout) {
            Found::Here(batch) => Ok(Some(self.hand_out(batch))),
            Found::NotYet => Ok(None),
            Found::Closed => Err(LogError::Closed),
            Found::Older => {
                let (walk, batches) = read_from_disk(&self.shared, self.walk.take(), self.number)?;
                self.walk = Some(walk);
                self.ahead = batches;
                Ok(self.take_ahead())
            }
        }
    }

    /// The next batch, waiting for it as long as it takes. Cancel-safe.
    pub async fn next_async(&mut self) -> Result<Batch, LogError> {
        loop {
            if let Some(batch) = self.take_ahead() {
                return Ok(batch);
            }
            if let Some(reading) = &mut self.reading {
                let read = reading.await;
                self.reading = None;
                let (walk, batches) = read.map_err(|_| LogError::Closed)??;
                self.walk = Some(walk);
                self.ahead = batches;
                // A blocking read in between may have moved on.
                self.ahead.retain(|batch| batch.number >= self.number);
                continue;
            }
            let shared = self.shared.clone();
            let mut arrival = std::pin::pin!(shared.ring.arrivals.notified());
            arrival.as_mut().enable();
            match shared.ring.find(self.number, || shared.committed_batch()) {
                Found::Here(batch) => return Ok(self.hand_out(batch)),
                Found::NotYet => arrival.await,
                Found::Closed => return Err(LogError::Closed),
                Found::Older => {
                    let (walk, number, from) = (self.walk.take(), self.number, shared.clone());
                    self.reading = Some(tokio::task::spawn_blocking(move || read_from_disk(&from, walk, number)));
                }
            }
        }
    }

    fn take_ahead(&mut self) -> Option<Batch> {
        let batch = self.ahead.pop_front()?;
        self.number = batch.number + 1;
        Some(batch)
    }

    fn hand_out(&mut self, batch: Batch) -> Batch {
        self.number = batch.number + 1;
        self.walk = None;
        batch
    }
}

/// Reads committed batches from `number` on, at least one.
fn read_from_disk(shared: &Shared, walk: Option<Walk>, number: u64) -> Result<Read, LogError> {
    let committed = shared.committed_batch();
    let mut walk = walk.filter(|w| w.number == number);
    let mut batches = VecDeque::new();
    let mut bytes = 0;
    let mut at = number;
    while at <= committed && batches.len() < AHEAD_BATCHES && bytes < AHEAD_BYTES {
        let (segment, next) = {
            let files = shared.shelf.files.lock();
            let oldest = files.oldest_batch();
            files.holding(at).ok_or(LogError::Gone { asked: at, oldest })?
        };
        let mut here = match walk.take() {
            Some(walk) if walk.segment.header == segment.header => walk,
            _ => Walk::new(segment.clone()),
        };
        let (offset, expected) = (here.at, here.number);
        let failed = io_error("read log segment", &segment.path);
        let frame = match here.step().map_err(failed)? {
            Ok((head, records)) if head.number == at => {
                bytes += records.len();
                at += 1;
                let (first, count, received) = (head.first, head.count, head.received);
                Some(Batch { number: head.number, first, count, received, bytes: Arc::new(records.to_vec()) })
            }
            Ok(_) => None,
            Err(why) => {
                let (segment, to) = (segment.path.clone(), next.map(|n| n - 1));
                return Err(LogError::Damaged(Box::new(Damage { segment, offset, from: expected, to, why })));
            }
        };
        batches.extend(frame);
        walk = Some(here);
    }
    let walk = walk.ok_or(LogError::Gone { asked: number, oldest: number + 1 })?;
    Ok((walk, batches))
}
