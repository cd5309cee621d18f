//! Subscription trie: which subscriptions match a topic, in time that grows with the topic's levels, not with clients.
//!
//! One node per filter level in an arena; a node keeps its literal children by word, the `+` child apart, and the
//! subscriptions that end there: `#` ones, exact ones, and share groups. Nodes without use are freed and reused, so the
//! size is that of the live filters. Order of results: by session number, so it never depends on a hash seed.

use crate::mqtt::wire::packet::Options;
use std::collections::{BTreeMap, HashMap};

/// A session by its number in the router's table.
pub type SessionNumber = u32;

/// One subscription at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// Whose.
    pub session: SessionNumber,
    /// How.
    pub options: Options,
    /// Subscription identifier, 0 for none.
    pub identifier: u32,
}

/// A share group's members at one filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Members by session number.
    pub members: Vec<Subscription>,
}

#[derive(Debug, Default)]
struct Ends {
    plain: Vec<Subscription>,
    shared: BTreeMap<Box<str>, Group>,
}

impl Ends {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.shared.is_empty()
    }
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, usize>,
    any: Option<usize>,
    exact: Ends,
    rest: Ends,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any.is_none() && self.exact.is_empty() && self.rest.is_empty()
    }
}

/// All subscriptions.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    free: Vec<usize>,
    count: usize,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free: vec![], count: 0 }
    }
}

impl Trie {
    /// Subscriptions held.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody subscribes anything.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds or replaces a session's subscription of a (valid) filter; `true` when it is new.
    pub fn insert(&mut self, group: Option<&str>, filter: &str, subscription: Subscription) -> bool {
        let mut at = 0;
        let mut rest = false;
        for level in filter.split('/') {
            match level {
                "#" => rest = true,
                "+" => {
                    at = match self.nodes[at].any {
                        Some(next) => next,
                        None => {
                            let next = self.allocate();
                            self.nodes[at].any = Some(next);
                            next
                        }
                    }
                }
                word => {
                    at = match self.nodes[at].children.get(word) {
                        Some(next) => *next,
                        None => {
                            let next = self.allocate();
                            self.nodes[at].children.insert(word.into(), next);
                            next
                        }
                    }
                }
            }
        }
        let node = &mut self.nodes[at];
        let ends = if rest { &mut node.rest } else { &mut node.exact };
        let list = match group {
            None => &mut ends.plain,
            Some(group) => &mut ends.shared.entry(group.into()).or_default().members,
        };
        let new = match list.binary_search_by_key(&subscription.session, |s| s.session) {
            Ok(place) => {
                list[place] = subscription;
                false
            }
            Err(place) => {
                list.insert(place, subscription);
                true
            }
        };
        self.count += usize::from(new);
        new
    }

    /// Removes a session's subscription of a filter; `true` when there was one.
    pub fn remove(&mut self, group: Option<&str>, filter: &str, session: SessionNumber) -> bool {
        let mut path = vec![];
        let mut at = 0;
        let mut rest = false;
        for level in filter.split('/') {
            if level == "#" {
                rest = true;
                continue;
            }
            let node = &self.nodes[at];
            let next = if level == "+" { node.any } else { node.children.get(level).copied() };
            let Some(next) = next else { return false };
            path.push((at, level));
            at = next;
        }
        let node = &mut self.nodes[at];
        let ends = if rest { &mut node.rest } else { &mut node.exact };
        let list = match group {
            None => &mut ends.plain,
            Some(group) => match ends.shared.get_mut(group) {
                Some(group) => &mut group.members,
                None => return false,
            },
        };
        let Ok(place) = list.binary_search_by_key(&session, |s| s.session) else { return false };
        list.remove(place);
        if let (Some(group), true) = (group, list.is_empty()) {
            ends.shared.remove(group);
        }
        self.count -= 1;
        while let Some((parent, level)) = path.pop() {
            if !self.nodes[at].is_empty() {
                break;
            }
            self.nodes[at] = Node::default();
            self.free.push(at);
            match level {
                "+" => self.nodes[parent].any = None,
                word => {
                    self.nodes[parent].children.remove(word);
                }
            }
            at = parent;
        }
        true
    }

    /// Calls `plain` for each subscription that matches `topic` and `shared` for each share group that does.
    pub fn matches(&self, topic: &str, plain: &mut impl FnMut(&Subscription), shared: &mut impl FnMut(&Group)) {
        let dollar = topic.starts_with('$');
        self.walk(0, Some(topic), dollar, plain, shared);
    }

    fn walk(
        &self,
        at: usize,
        topic: Option<&str>,
        dollar: bool,
        plain: &mut impl FnMut(&Subscription),
        shared: &mut impl FnMut(&Group),
    ) {
        let node = &self.nodes[at];
        if !dollar {
            node.rest.plain.iter().for_each(&mut *plain);
            node.rest.shared.values().for_each(&mut *shared);
        }
        let Some(topic) = topic else {
            node.exact.plain.iter().for_each(&mut *plain);
            node.exact.shared.values().for_each(&mut *shared);
            return;
        };
        let (word, rest) = match topic.split_once('/') {
            Some((word, rest)) => (word, Some(rest)),
            None => (topic, None),
        };
        let (child, any) = (node.children.get(word).copied(), node.any);
        if let Some(next) = child {
            self.walk(next, rest, false, plain, shared);
        }
        if let (Some(next), false) = (any, dollar) {
            self.walk(next, rest, false, plain, shared);
        }
    }

    fn allocate(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.nodes.len() - 1
        })
    }

    /// Nodes in use, the root included.
    #[cfg(test)]
    fn size(&self) -> usize {
        self.nodes.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::topic;
    use proptest::prelude::*;

    fn sub(session: u32) -> Subscription {
        let options = Options { qos: 0, no_local: false, retain_as_published: false, retain_handling: 0 };
        Subscription { session, options, identifier: 0 }
    }

    fn found(trie: &Trie, topic: &str) -> Vec<u32> {
        let (mut plain, mut groups) = (vec![], vec![]);
        trie.matches(topic, &mut |s| plain.push(s.session), &mut |g| groups.push(100 + g.members.len() as u32));
        plain.sort_unstable();
        plain.extend(groups);
        plain
    }

    #[test]
    fn subscriptions_are_found_replaced_and_removed() {
        let mut trie = Trie::default();
        assert!(trie.insert(None, "a/+/c", sub(1)));
        assert!(trie.insert(None, "a/#", sub(2)));
        assert!(trie.insert(None, "#", sub(3)));
        assert!(!trie.insert(None, "#", sub(3)), "the same again replaces");
        assert!(trie.insert(Some("g"), "a/b/c", sub(4)));
        assert!(trie.insert(Some("g"), "a/b/c", sub(5)));
        assert_eq!(found(&trie, "a/b/c"), [1, 2, 3, 102]);
        assert_eq!(found(&trie, "a"), [2, 3]);
        assert_eq!(found(&trie, "$SYS/a"), Vec::<u32>::new());
        assert!(!trie.remove(None, "a/b/c", 4) && !trie.remove(Some("h"), "a/b/c", 4) && !trie.remove(None, "x/y", 1));
        for (group, filter, session) in
            [(None, "a/+/c", 1), (None, "a/#", 2), (None, "#", 3), (Some("g"), "a/b/c", 4), (Some("g"), "a/b/c", 5)]
        {
            assert!(trie.remove(group, filter, session), "{filter}");
        }
        assert_eq!((trie.len(), trie.size()), (0, 1), "no node is left behind");
    }

    fn level() -> impl Strategy<Value = String> {
        prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("+".to_owned()), Just(String::new())]
    }

    proptest! {
        #[test]
        fn the_trie_agrees_with_matching_one_by_one(
            filters in proptest::collection::vec((proptest::collection::vec(level(), 1..4), any::<bool>()), 1..12),
            topics in proptest::collection::vec("(\\$)?[ab/]{1,6}", 1..8),
            gone in proptest::collection::vec(any::<bool>(), 12),
        ) {
            let filters: Vec<String> = filters.into_iter()
                .map(|(levels, rest)| levels.join("/") + if rest { "/#" } else { "" })
                .filter(|filter| topic::valid_filter(filter)).collect();
            let mut trie = Trie::default();
            for (session, filter) in (0u32..).zip(&filters) {
                trie.insert(None, filter, sub(session));
            }
            for (session, filter) in (0u32..).zip(&filters).filter(|(n, _)| gone[*n as usize]) {
                prop_assert!(trie.remove(None, filter, session));
            }
            for name in &topics {
                let expect: Vec<u32> = (0u32..).zip(&filters)
                    .filter(|(n, filter)| !gone[*n as usize] && topic::matches(filter, name)).map(|(n, _)| n).collect();
                prop_assert_eq!(found(&trie, name), expect, "{} in {:?}", name, filters);
            }
        }
    }
}
