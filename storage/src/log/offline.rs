//! Reading a log that nobody need have open: for replay and export, beside a running hub or without one.
//!
//! Takes no lock and writes nothing. What a running hub commits meanwhile is seen up to the segments that were there at
//! the start, and the batch it is just committing may be seen before its fsync; a segment that retention recycles under
//! the reader shows as damage and ends the reading with an error.

use super::disk::RealDisk;
use super::recover::scan;
use super::segments::{Segment, Walk, io_error};
use super::{Damage, Disk, LogError};
use greenhub_model::Batch;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Reads the batches of a log directory in order, to its end.
pub struct OfflineReader {
    segments: VecDeque<Arc<Segment>>,
    walk: Option<Walk>,
    from_batch: u64,
    next: u64,
}

impl OfflineReader {
    /// Opens the log in `dir` from batch `from_batch` on (0: from the oldest there is).
    pub fn open(dir: &Path, from_batch: u64) -> Result<Self, LogError> {
        let disk = RealDisk;
        let names = disk.list(dir).map_err(io_error("list log directory", dir))?;
        let (live, _) = scan(&disk, dir, &names)?;
        let mut segments: VecDeque<_> = live.into();
        let oldest = segments.front().map_or(1, |s| s.header.first_batch);
        if from_batch != 0 && from_batch < oldest {
            return Err(LogError::Gone { asked: from_batch, oldest });
        }
        while segments.get(1).is_some_and(|second| second.header.first_batch <= from_batch) {
            segments.pop_front();
        }
        let next = segments.front().map_or(1, |s| s.header.first_batch);
        Ok(Self { segments, walk: None, from_batch, next })
    }

    /// The next batch, or `None` at the end of the log.
    #[allow(clippy::should_implement_trait, reason = "named as LogReader::next; an error ends the reading")]
    pub fn next(&mut self) -> Result<Option<Batch>, LogError> {
        loop {
            let mut walk = match self.walk.take() {
                Some(walk) => walk,
                None => match self.segments.pop_front() {
                    Some(segment) => Walk::new(segment),
                    None => return Ok(None),
                },
            };
            let offset = walk.at;
            let path = walk.segment.path.clone();
            match walk.step().map_err(io_error("read log segment", &path))? {
                Ok((head, records)) => {
                    let batch = (head.number >= self.from_batch).then(|| Batch {
                        number: head.number,
                        first: head.first,
                        count: head.count,
                        received: head.received,
                        bytes: Arc::new(records.to_vec()),
                    });
                    self.next = head.number + 1;
                    self.walk = Some(walk);
                    if batch.is_some() {
                        return Ok(batch);
                    }
                }
                Err(why) => {
                    // The end of a segment is the end of the log, unless a later segment goes on elsewhere.
                    if let Some(later) = self.segments.front()
                        && later.header.first_batch != self.next
                    {
                        let to = Some(later.header.first_batch - 1);
                        return Err(LogError::Damaged(Box::new(Damage {
                            segment: path,
                            offset,
                            from: self.next,
                            to,
                            why,
                        })));
                    }
                }
            }
        }
    }
}
