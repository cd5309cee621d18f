//! Retained messages: the last retained one of each topic, for subscribers that come later. Ordered by topic, bounded.

use crate::mqtt::topic;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The encoded record.
    pub record: Arc<[u8]>,
    /// Log position.
    pub position: u64,
    /// Receive time, Unix microseconds.
    pub received: i64,
}

/// All retained messages.
#[derive(Debug)]
pub struct Retained {
    topics: BTreeMap<String, Kept>,
    bytes: usize,
    topics_max: usize,
    bytes_max: usize,
    refused: u64,
}

impl Retained {
    /// An empty store.
    pub fn new(topics_max: usize, bytes_max: usize) -> Self {
        Self { topics: BTreeMap::new(), bytes: 0, topics_max, bytes_max, refused: 0 }
    }

    /// Keeps a message as its topic's last; refused, and counted, when there is no room for it.
    pub fn keep(&mut self, topic: &str, kept: Kept) {
        self.forget(topic);
        if self.topics.len() >= self.topics_max || self.bytes + kept.record.len() > self.bytes_max {
            self.refused += 1;
            return;
        }
        self.bytes += kept.record.len();
        self.topics.insert(topic.to_owned(), kept);
    }

    /// Forgets a topic's message (an empty payload was published).
    pub fn forget(&mut self, topic: &str) {
        if let Some(old) = self.topics.remove(topic) {
            self.bytes -= old.record.len();
        }
    }

    /// Messages of the topics that `filter` matches, in topic order.
    pub fn matching<'a>(&'a self, filter: &'a str) -> impl Iterator<Item = &'a Kept> {
        let literal = &filter[..filter.find(['+', '#']).unwrap_or(filter.len())];
        // `a/#` matches `a` itself, which sorts before the literal `a/`.
        let from = literal.strip_suffix('/').unwrap_or(literal);
        self.topics
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(from))
            .filter(move |(name, _)| topic::matches(filter, name))
            .map(|(_, kept)| kept)
    }

    /// All of them, in topic order.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.topics.values()
    }

    /// Topics with a message.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Messages refused for want of room.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(len: usize) -> Kept {
        Kept { record: Arc::from(vec![0; len]), position: len as u64, received: 0 }
    }

    fn found(store: &Retained, filter: &str) -> Vec<u64> {
        store.matching(filter).map(|kept| kept.position).collect()
    }

    #[test]
    fn filters_find_the_last_message_of_each_topic() {
        let mut store = Retained::new(10, 1000);
        for (len, topic) in [(1, "a"), (2, "a/b"), (3, "a/b/c"), (4, "ab"), (5, "$SYS/x")] {
            store.keep(topic, kept(len));
        }
        let rows: [(&str, &[u64]); 7] = [
            ("a/#", &[1, 2, 3]),
            ("a/+", &[2]),
            ("#", &[1, 2, 3, 4]),
            ("+", &[1, 4]),
            ("ab", &[4]),
            ("$SYS/#", &[5]),
            ("a/+/c", &[3]),
        ];
        for (filter, want) in rows {
            assert_eq!(found(&store, filter), want, "{filter}");
        }
        store.keep("a", kept(7));
        store.forget("a/b");
        assert_eq!(found(&store, "a/#"), [7, 3]);
    }

    #[test]
    fn both_bounds_hold_and_refusals_count() {
        let mut store = Retained::new(2, 10);
        store.keep("a", kept(4));
        store.keep("b", kept(6));
        store.keep("b", kept(6));
        store.keep("c", kept(1));
        store.keep("a", kept(5));
        assert_eq!((store.len(), store.refused(), found(&store, "#")), (1, 2, vec![6]));
    }
}
