//! Where batches come from.

use greenhub_model::Batch;
use greenhub_storage::log::{LogError, LogReader};
use std::collections::VecDeque;
use std::time::Duration;

/// What a source has to give.
#[derive(Debug)]
pub enum Fetch {
    /// The next batch.
    Batch(Batch),
    /// None within the time to wait.
    Nothing,
    /// None ever again.
    End,
}

/// Batches in the order of their numbers.
pub trait BatchSource: Send {
    /// The next batch, waiting for it at most `wait`.
    fn next(&mut self, wait: Duration) -> Result<Fetch, LogError>;
}

/// The log as it grows.
pub struct Tail(pub LogReader);

impl BatchSource for Tail {
    fn next(&mut self, wait: Duration) -> Result<Fetch, LogError> {
        Ok(self.0.next(wait)?.map_or(Fetch::Nothing, Fetch::Batch))
    }
}

/// The log up to and including batch `last`.
pub struct Until {
    /// From where on.
    pub reader: LogReader,
    /// Last batch wanted.
    pub last: u64,
}

impl BatchSource for Until {
    fn next(&mut self, wait: Duration) -> Result<Fetch, LogError> {
        if self.reader.next_number() > self.last {
            return Ok(Fetch::End);
        }
        Ok(self.reader.next(wait)?.map_or(Fetch::Nothing, Fetch::Batch))
    }
}

/// Batches in memory.
#[derive(Debug, Clone, Default)]
pub struct Recorded(pub VecDeque<Batch>);

impl BatchSource for Recorded {
    fn next(&mut self, _wait: Duration) -> Result<Fetch, LogError> {
        Ok(self.0.pop_front().map_or(Fetch::End, Fetch::Batch))
    }
}

/// A log directory that nobody need have open, to its end.
pub struct Offline(pub greenhub_storage::log::OfflineReader);

impl BatchSource for Offline {
    fn next(&mut self, _wait: Duration) -> Result<Fetch, LogError> {
        Ok(self.0.next()?.map_or(Fetch::End, Fetch::Batch))
    }
}
