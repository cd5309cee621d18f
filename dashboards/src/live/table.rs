//! One kind of thing in the live state, indexed by id and by the version of its newest change.
//!
//! ```text
//! by id:       hash map ──▶ slot          (one look-up per update)
//! by version:  oldest ⇄ … ⇄ newest        (a list through the slots: an update moves its slot to the end)
//! by name:     ordered set of ids         (paging; touched only when a thing appears or goes)
//! ```
//!
//! "Everything since version v" walks the list from its end until it meets v, so it costs what has changed and not what
//! there is. A thing that goes leaves a tombstone in the same list, with its last state; tombstones are bounded, and
//! [`Table::floor`] tells below which version the memory of them has gaps.
//!
//! Cost: an update is one hash look-up, one clone of the value and four links. Each state is encoded to JSON at most
//! once, by whoever needs it first, and shared by all viewers from then on.

use greenhub_model::geodesy::LonLat;
use serde::Serialize;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

const NONE: u32 = u32::MAX;

/// What the live state can hold.
pub trait Thing: Serialize {
    /// Identity.
    type Id: Clone + Ord + Hash + Serialize;
    /// Its identity.
    fn id(&self) -> &Self::Id;
    /// Where it is, for boxes; `None` where it has no place.
    fn place(&self) -> Option<LonLat>;
}

/// One state of a thing, with its JSON once somebody has asked for it.
pub struct State<T> {
    /// The state.
    pub value: T,
    json: OnceLock<Box<str>>,
}

impl<T: Serialize> State<T> {
    /// A state nobody has encoded yet.
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self { value, json: OnceLock::new() })
    }

    /// The state as JSON, encoded at most once.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| {
            serde_json::to_string(&self.value).expect("wire types have string keys only").into_boxed_str()
        })
    }
}

struct Slot<T> {
    state: Arc<State<T>>,
    version: u64,
    alive: bool,
    older: u32,
    newer: u32,
}

/// A change as a reader of the table sees it.
pub struct Change<'a, T> {
    /// When it changed last.
    pub version: u64,
    /// Newest state; the last one of a thing that is gone.
    pub state: &'a Arc<State<T>>,
    /// Whether it is still there.
    pub alive: bool,
}

/// All things of one kind.
pub struct Table<T: Thing> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    by_id: HashMap<T::Id, u32>,
    names: BTreeSet<T::Id>,
    oldest: u32,
    newest: u32,
    tombs: VecDeque<(u32, u64)>,
    tombs_max: usize,
    things_max: usize,
    floor: u64,
    turned_away: u64,
}

impl<T: Thing> Table<T> {
    /// An empty table that holds at most `things_max` things and remembers at most `tombs_max` that are gone.
    pub fn new(things_max: usize, tombs_max: usize) -> Self {
        Self {
            slots: vec![],
            free: vec![],
            by_id: HashMap::new(),
            names: BTreeSet::new(),
            oldest: NONE,
            newest: NONE,
            tombs: VecDeque::new(),
            tombs_max,
            things_max,
            floor: 0,
            turned_away: 0,
        }
    }

    /// Things that are there.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Cursors below this version have missed a removal that is no longer remembered.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// New things that found the table full.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Version of the newest change, 0 for none.
    #[cfg(test)]
    pub fn newest_version(&self) -> u64 {
        if self.newest == NONE { 0 } else { self.slots[self.newest as usize].version }
    }

    /// The newest state of a thing that is there.
    pub fn get(&self, id: &T::Id) -> Option<&Arc<State<T>>> {
        let slot = &self.slots[*self.by_id.get(id)? as usize];
        slot.alive.then_some(&slot.state)
    }

    /// The newest state of a thing the table remembers, there or gone.
    pub fn last(&self, id: &T::Id) -> Option<&Arc<State<T>>> {
        Some(&self.slots[*self.by_id.get(id)? as usize].state)
    }

    /// Whether the table remembers the thing, there or gone.
    pub fn knows(&self, id: &T::Id) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes over a new state at `version`, which must be above 0 and not below any version before.
    pub fn put(&mut self, value: T, version: u64) {
        match self.by_id.entry(value.id().clone()) {
            Entry::Occupied(entry) => {
                let at = *entry.get();
                let slot = &mut self.slots[at as usize];
                if !slot.alive {
                    if self.names.len() >= self.things_max {
                        self.turned_away += 1;
                        return;
                    }
                    self.names.insert(value.id().clone());
                    slot.alive = true;
                }
                slot.state = State::new(value);
                self.touch(at, version);
            }
            Entry::Vacant(entry) => {
                if self.names.len() >= self.things_max {
                    self.turned_away += 1;
                    return;
                }
                self.names.insert(value.id().clone());
                let slot = Slot { state: State::new(value), version, alive: true, older: NONE, newer: NONE };
                let at = match self.free.pop() {
                    Some(at) => {
                        self.slots[at as usize] = slot;
                        at
                    }
                    None => {
                        self.slots.push(slot);
                        (self.slots.len() - 1) as u32
                    }
                };
                entry.insert(at);
                self.append(at);
            }
        }
    }

    /// The thing is gone; `last` replaces its last state where there is something to say about the end.
    pub fn remove(&mut self, id: &T::Id, last: Option<T>, version: u64) {
        let at = match self.by_id.get(id) {
            Some(at) => *at,
            None => {
                // Never seen here, but its end has something to say (an alarm that came and went in one batch).
                let Some(last) = last else { return };
                self.put(last, version);
                let Some(at) = self.by_id.get(id) else { return };
                let at = *at;
                self.bury(at, version);
                return;
            }
        };
        let slot = &mut self.slots[at as usize];
        let buried_now = !slot.alive && slot.version == version;
        if let Some(last) = last {
            slot.state = State::new(last);
        } else if !slot.alive {
            return;
        }
        if !buried_now {
            self.touch(at, version);
            self.bury(at, version);
        }
    }

    fn bury(&mut self, at: u32, version: u64) {
        let slot = &mut self.slots[at as usize];
        slot.alive = false;
        self.names.remove(slot.state.value.id());
        self.tombs.push_back((at, version));
        while self.tombs.len() > self.tombs_max {
            let Some((at, version)) = self.tombs.pop_front() else { break };
            let slot = &self.slots[at as usize];
            if slot.alive || slot.version != version {
                continue; // it came back, or was buried again later
            }
            self.floor = self.floor.max(version);
            let id = slot.state.value.id().clone();
            self.by_id.remove(&id);
            self.unlink(at);
            self.free.push(at);
        }
    }

    fn touch(&mut self, at: u32, version: u64) {
        debug_assert!(version >= self.slots[at as usize].version, "versions only grow");
        self.slots[at as usize].version = version;
        if self.newest != at {
            self.unlink(at);
            self.append(at);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Slot { older, newer, .. } = self.slots[at as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
    }

    fn append(&mut self, at: u32) {
        let before = self.newest;
        let slot = &mut self.slots[at as usize];
        (slot.older, slot.newer) = (before, NONE);
        match before {
            NONE => self.oldest = at,
            before => self.slots[before as usize].newer = at,
        }
        self.newest = at;
    }

    /// What changed after `version`, newest change first, each thing once.
    pub fn since(&self, version: u64) -> impl Iterator<Item = Change<'_, T>> {
        let mut at = self.newest;
        std::iter::from_fn(move || {
            if at == NONE {
                return None;
            }
            let slot = &self.slots[at as usize];
            if slot.version <= version {
                return None;
            }
            at = slot.older;
            Some(Change { version: slot.version, state: &slot.state, alive: slot.alive })
        })
    }

    /// All things that are there, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = &Arc<State<T>>> {
        self.names.iter().filter_map(|id| self.get(id))
    }

    /// Things after `after` in the order of their ids.
    pub fn after(&self, after: Option<&T::Id>) -> impl Iterator<Item = &Arc<State<T>>> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.names.range((start, Bound::Unbounded)).filter_map(|id| self.get(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Serialize)]
    struct Point(u32, u64);
    impl Thing for Point {
        type Id = u32;
        fn id(&self) -> &u32 {
            &self.0
        }
        fn place(&self) -> Option<LonLat> {
            None
        }
    }

    fn since(table: &Table<Point>, version: u64) -> Vec<(u32, u64, bool)> {
        table.since(version).map(|c| (c.state.value.0, c.state.value.1, c.alive)).collect()
    }

    #[test]
    fn changes_come_newest_first_and_once() {
        let mut table = Table::new(10, 10);
        for (id, version) in [(1, 1), (2, 2), (3, 3), (1, 4)] {
            table.put(Point(id, version), version);
        }
        assert_eq!(since(&table, 0), [(1, 4, true), (3, 3, true), (2, 2, true)]);
        assert_eq!(since(&table, 3), [(1, 4, true)]);
        assert_eq!(since(&table, 4), []);
        table.remove(&2, None, 5);
        assert_eq!(since(&table, 3), [(2, 2, false), (1, 4, true)]);
        assert_eq!(table.len(), 2);
        assert!(table.get(&2).is_none());
        table.put(Point(2, 6), 6);
        assert_eq!(since(&table, 5), [(2, 6, true)]);
        assert_eq!(table.all().map(|s| s.value.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(table.newest_version(), 6);
    }

    #[test]
    fn tombstones_are_bounded_and_the_floor_says_what_was_forgotten() {
        let mut table = Table::new(10, 2);
        for id in 1..=4 {
            table.put(Point(id, 0), u64::from(id));
        }
        for id in 1..=4 {
            table.remove(&id, None, 10 + u64::from(id));
        }
        assert_eq!(table.floor(), 12, "the removals at 11 and 12 are forgotten");
        assert_eq!(since(&table, 0), [(4, 0, false), (3, 0, false)]);
        assert!(!table.knows(&1) && table.knows(&4));
        table.put(Point(4, 1), 20);
        table.put(Point(5, 1), 21);
        assert_eq!(since(&table, 12), [(5, 1, true), (4, 1, true), (3, 0, false)]);
    }

    #[test]
    fn a_full_table_turns_new_things_away_and_counts_them() {
        let mut table = Table::new(2, 2);
        for id in 1..=3 {
            table.put(Point(id, 0), 1);
        }
        assert_eq!((table.len(), table.turned_away()), (2, 1));
        table.put(Point(1, 7), 2);
        assert_eq!(table.get(&1).map(|s| s.value.1), Some(7));
    }

    #[test]
    fn an_end_without_a_beginning_is_told_once() {
        let mut table = Table::new(2, 2);
        table.remove(&9, Some(Point(9, 1)), 1);
        assert_eq!(since(&table, 0), [(9, 1, false)]);
        table.remove(&8, None, 2);
        assert_eq!(since(&table, 0), [(9, 1, false)]);
        assert_eq!(table.len(), 0);
    }
}
