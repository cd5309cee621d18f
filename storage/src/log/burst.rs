//! Records that enter the log together, encoded before the lock is taken.
//!
//! A session turns one socket read into one burst, appends it whole and keeps the allocation for the next.

use greenhub_model::record::RecordError;
use greenhub_model::{Channel, Record, RecordKind};

/// Encoded records on their way into the log. Reusable: [`Burst::clear`] keeps the allocation.
#[derive(Debug, Clone, Default)]
pub struct Burst {
    bytes: Vec<u8>,
    count: u32,
    messages: [u32; Channel::ALL.len()],
}

impl Burst {
    /// An empty burst.
    pub fn new() -> Self {
        Self::default()
    }

    /// Encodes one record at the end. On an error the burst is as before.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        record.encode(&mut self.bytes)?;
        self.count += 1;
        if record.kind == RecordKind::Message {
            self.messages[record.channel as usize] += 1;
        }
        Ok(())
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True when there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Encoded size; what the log's buffer must have room for.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Message records per channel, in the order of [`Channel::ALL`].
    pub fn messages(&self) -> [u32; Channel::ALL.len()] {
        self.messages
    }

    /// Forgets the records, keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.messages = [0; Channel::ALL.len()];
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_record_leaves_the_burst_as_it_was() {
        let mut burst = Burst::new();
        burst.push(&Record::message(Channel::Nats, "t", "p", b"1")).expect("small");
        let (bytes, long) = (burst.bytes_len(), "x".repeat(70_000));
        assert!(burst.push(&Record::message(Channel::Nats, &long, "p", b"1")).is_err());
        assert_eq!((burst.len(), burst.bytes_len(), burst.messages()), (1, bytes, [0, 1, 0, 0, 0, 0]));
        burst.push(&Record::own(RecordKind::Tick, "", b"")).expect("small");
        assert_eq!((burst.len(), burst.messages()), (2, [0, 1, 0, 0, 0, 0]));
        burst.clear();
        assert!(burst.is_empty() && burst.bytes_len() == 0 && burst.messages() == [0; 6]);
    }
}
