//! The alarms that correlation remembers, and where to find them: by device, by type, by place.
//!
//! An entry lives while its alarm stands; afterwards as long as it still explains others (the grace of its rules), or as
//! long as a withheld order or an undone merge could matter (the time the desk remembers occurrences). The indexes hold
//! ids only and are rebuilt when the memory is read back.

use super::rules::CorrelateRules;
use super::words;
use greenhub_model::alarm::{Alarm, AlarmEventKind, AlarmState, Reason};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::OrderTrigger;
use greenhub_model::output::AlarmChange;
use greenhub_model::{AlarmCode, AlarmId, Class, DeviceId, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Metres of one degree of latitude.
const DEGREE_M: f64 = 111_195.0;

/// One alarm and how it is folded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Newest state, folds included.
    pub(super) alarm: Alarm,
    /// Event time at which it last became active, Unix ms.
    pub(super) since: i64,
    /// When its condition last went: event time, and when that was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gone: Option<(i64, ReceivedTime)>,
    /// The alarm that explains it directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<Link>,
    /// Why it is folded, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Reason>,
    /// The top it is counted under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counted: Option<AlarmId>,
    /// Alarms that a person said are another matter.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) apart: BTreeSet<AlarmId>,
    /// The order it would have triggered, were it not folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) withheld: Option<Box<OrderTrigger>>,
    /// Calls of its own that nobody heard because it was folded (negative), and calls when it was unfolded (positive).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) unheard: i64,
    /// What lost redundancy adds to its priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<Reason>,
    /// Its one order has been triggered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ordered: bool,
    /// When time alone may change something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<ReceivedTime>,
    /// When it was over, for forgetting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) over: Option<ReceivedTime>,
}

/// Why one alarm is explained by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Link {
    /// The alarm that explains.
    pub(super) cause: AlarmId,
    /// The rule that says so.
    pub(super) rule: String,
    /// In words.
    pub(super) text: String,
    /// About one thing near in space and time, not cause and consequence.
    pub(super) near: bool,
}

impl Entry {
    pub(super) fn stands(&self) -> bool {
        self.alarm.state != AlarmState::Normal
    }

    /// Shelved, suppressed or out of service.
    pub(super) fn hidden(&self) -> bool {
        use AlarmState::{OutOfService, Shelved, SuppressedByDesign};
        matches!(self.alarm.state, Shelved | SuppressedByDesign | OutOfService)
    }

    /// An alarm heard of for the first time.
    pub(super) fn new(change: &AlarmChange) -> Self {
        Entry {
            alarm: change.alarm.clone(),
            since: change.event.at,
            gone: None,
            link: None,
            reason: None,
            counted: None,
            apart: BTreeSet::new(),
            withheld: None,
            unheard: 0,
            share: None,
            ordered: false,
            next: None,
            over: None,
        }
    }

    /// Whether an index must follow this state.
    pub(super) fn moves_to(&self, alarm: &Alarm) -> bool {
        let own = &self.alarm;
        own.raised_at != alarm.raised_at
            || (own.lon, own.lat) != (alarm.lon, alarm.lat)
            || own.sub_district != alarm.sub_district
    }

    /// Takes a state over; whether anything changed that folds depend on.
    pub(super) fn take(&mut self, change: &AlarmChange, received: ReceivedTime, is_new: bool) -> bool {
        let before = (self.stands(), self.alarm.active, self.since, self.alarm.priority);
        let (was_active, was_over) = (self.alarm.active && !is_new, self.over.is_some());
        // What comes back after it was over starts afresh.
        let folded_under = self.alarm.folded_under.take().filter(|_| !was_over);
        self.alarm = Alarm { folded_under, folds: self.alarm.folds, ..change.alarm.clone() };
        self.alarm.annunciations = self.alarm.annunciations.saturating_add_signed(self.unheard);
        let at = change.event.at;
        if self.alarm.active {
            if !was_active {
                self.since = at;
            } else if self.gone.is_none_or(|(gone_at, _)| at > gone_at) {
                self.since = self.since.min(at);
            }
        } else if was_active || self.gone.is_none() {
            self.gone = Some((self.alarm.returned_at.unwrap_or(at), received));
        }
        match (self.stands(), was_over) {
            (false, false) => self.over = Some(received),
            (true, true) => self.over = None,
            _ => {}
        }
        before != (self.stands(), self.alarm.active, self.since, self.alarm.priority)
    }

    /// Takes over a repeat that changes nothing but how often and when it was said; false where it may change more.
    pub(super) fn repeat(&mut self, change: &AlarmChange) -> bool {
        let (own, new) = (&mut self.alarm, &change.alarm);
        let same = change.event.kind == AlarmEventKind::Repeated
            && own.active
            && new.active
            && (own.state, own.priority, own.severity) == (new.state, new.priority, new.severity)
            && change.event.at >= self.since;
        if same {
            (own.count, own.last_seen_at, own.last_position) = (new.count, new.last_seen_at, new.last_position);
            own.explanation.clone_from(&new.explanation);
        }
        same
    }

    /// A person says that it is another matter than what it is folded under; false where it is not folded.
    pub(super) fn part(&mut self, by: &str) -> bool {
        let Some(link) = &self.link else { return false };
        self.apart.insert(link.cause.clone());
        self.apart.extend(self.alarm.folded_under.clone());
        self.reason = Some(Reason { code: "undone".into(), text: words::undone(by), points: None });
        true
    }

    /// Counts a call more, or a call of the desk that was not heard.
    pub(super) fn count_call(&mut self, by: i64) {
        self.unheard += by;
        self.alarm.annunciations = self.alarm.annunciations.saturating_add_signed(by);
    }

    /// What decides between two that are equally good, whatever order they came in.
    pub(super) fn rank(&self) -> (i64, &DeviceId, &AlarmCode, Option<&str>, &AlarmId) {
        let alarm = &self.alarm;
        (alarm.raised_at, &alarm.device, &alarm.code, alarm.sub_component.as_deref(), &alarm.id)
    }

    pub(super) fn place(&self) -> Option<LonLat> {
        let (lon, lat) = self.alarm.lon.zip(self.alarm.lat)?;
        Some(LonLat { lon, lat }).filter(|place| place.is_plausible())
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Alarms by first raise.
type ByTime = BTreeSet<(i64, AlarmId)>;
/// A near rule, column and row of the grid.
type Cell = (usize, i64, i64);

/// Entries and their indexes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<AlarmId, Entry>")]
pub(super) struct Memory {
    entries: BTreeMap<AlarmId, Entry>,
    by_device: BTreeMap<DeviceId, BTreeSet<AlarmId>>,
    by_type: BTreeMap<(String, Class, AlarmCode), ByTime>,
    grid: BTreeMap<Cell, ByTime>,
    children: BTreeMap<AlarmId, BTreeSet<AlarmId>>,
    timers: BTreeSet<(ReceivedTime, AlarmId)>,
    /// The near rules that the grid was made for.
    meshes: Vec<(usize, f64, BTreeMap<Class, Vec<AlarmCode>>)>,
}

impl PartialEq for Memory {
    /// The indexes follow from the entries.
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl From<BTreeMap<AlarmId, Entry>> for Memory {
    fn from(entries: BTreeMap<AlarmId, Entry>) -> Self {
        let mut memory = Memory::default();
        for (_, entry) in entries {
            memory.put(entry);
        }
        memory
    }
}

impl Serialize for Memory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl Memory {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &AlarmId> {
        self.entries.keys()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn get(&self, id: &AlarmId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// For changes that no index depends on.
    pub(super) fn get_mut(&mut self, id: &AlarmId) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    /// Puts an entry in, into all indexes; one with the same id must have been taken out.
    pub(super) fn put(&mut self, entry: Entry) {
        let id = entry.alarm.id.clone();
        self.by_device.entry(entry.alarm.device.clone()).or_default().insert(id.clone());
        let timed = (entry.alarm.raised_at, id.clone());
        self.by_type.entry(type_of(&entry.alarm)).or_default().insert(timed.clone());
        for cell in self.cells(&entry) {
            self.grid.entry(cell).or_default().insert(timed.clone());
        }
        if let Some(link) = &entry.link {
            self.children.entry(link.cause.clone()).or_default().insert(id.clone());
        }
        self.timers.extend(entry.next.map(|at| (at, id.clone())));
        self.entries.insert(id, entry);
    }

    /// Takes an entry out of all indexes.
    pub(super) fn take(&mut self, id: &AlarmId) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        drop_from(&mut self.by_device, &entry.alarm.device, id);
        let timed = (entry.alarm.raised_at, id.clone());
        drop_from(&mut self.by_type, &type_of(&entry.alarm), &timed);
        for cell in self.cells(&entry) {
            drop_from(&mut self.grid, &cell, &timed);
        }
        if let Some(link) = &entry.link {
            drop_from(&mut self.children, &link.cause, id);
        }
        if let Some(at) = entry.next {
            self.timers.remove(&(at, id.clone()));
        }
        Some(entry)
    }

    pub(super) fn set_link(&mut self, id: &AlarmId, link: Option<Link>) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let old = std::mem::replace(&mut entry.link, link);
        let new = entry.link.as_ref().map(|link| link.cause.clone());
        if let Some(old) = old {
            drop_from(&mut self.children, &old.cause, id);
        }
        if let Some(new) = new {
            self.children.entry(new).or_default().insert(id.clone());
        }
    }

    pub(super) fn set_timer(&mut self, id: &AlarmId, next: Option<ReceivedTime>) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if let Some(at) = std::mem::replace(&mut entry.next, next) {
            self.timers.remove(&(at, id.clone()));
        }
        self.timers.extend(next.map(|at| (at, id.clone())));
    }

    pub(super) fn first_timer(&self) -> Option<ReceivedTime> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Entries whose time has come.
    pub(super) fn due(&self, received: ReceivedTime) -> Vec<AlarmId> {
        self.timers.iter().take_while(|(at, _)| *at <= received).map(|(_, id)| id.clone()).collect()
    }

    /// Alarms explained by this one directly.
    pub(super) fn children(&self, id: &AlarmId) -> impl Iterator<Item = &AlarmId> {
        self.children.get(id).into_iter().flatten()
    }

    pub(super) fn of_device<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.by_device.get(device).into_iter().flatten().filter_map(|id| self.entries.get(id))
    }

    /// Alarms of one sub-district by type and then by first raise, within `[from, to]`.
    pub(super) fn of_district(&self, sub_district: &str, from: i64, to: i64) -> impl Iterator<Item = &Entry> {
        let begin = (sub_district.to_owned(), Class::ALL[0], AlarmCode::new("-").expect("a dash is in the grammar"));
        let sub_district = sub_district.to_owned();
        self.by_type
            .range(begin..)
            .take_while(move |((district, ..), _)| *district == sub_district)
            .flat_map(move |(_, times)| since(times, from).take_while(move |(at, _)| *at <= to))
            .filter_map(|(_, id)| self.entries.get(id))
    }

    /// Alarms of one sub-district and type by first raise, within `[from, to]`.
    pub(super) fn of_type<'a>(
        &'a self,
        key: &(String, Class, AlarmCode),
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let times = self.by_type.get(key).into_iter();
        times
            .flat_map(move |times| since(times, from).take_while(move |(at, _)| *at <= to))
            .filter_map(|(_, id)| self.entries.get(id))
    }

    /// Alarms in the cells around a place, first raised within `[from, to]`.
    pub(super) fn around(&self, rule: usize, at: LonLat, radius_m: f64, from: i64, to: i64) -> Vec<&Entry> {
        let side = side_deg(radius_m);
        let reach = (side / at.lat.to_radians().cos().abs().max(0.01)).min(180.0);
        let row = cell(at.lat, side);
        let columns = cell(at.lon - reach, side)..=cell(at.lon + reach, side);
        let mut found = vec![];
        for column in columns {
            for cells in self.grid.range((rule, column, row - 1)..=(rule, column, row + 1)) {
                let inside = since(cells.1, from).take_while(|(at, _)| *at <= to);
                found.extend(inside.filter_map(|(_, id)| self.entries.get(id)));
            }
        }
        found
    }

    /// Lays the grid out for these rules.
    pub(super) fn lay_out(&mut self, rules: &CorrelateRules) {
        self.meshes = rules.near.iter().enumerate().map(|(n, r)| (n, side_deg(r.radius_m), r.codes.clone())).collect();
        self.grid.clear();
        let all: Vec<(AlarmId, Vec<Cell>)> =
            self.entries.iter().map(|(id, entry)| (id.clone(), self.cells(entry))).collect();
        for (id, cells) in all {
            let at = self.entries[&id].alarm.raised_at;
            for cell in cells {
                self.grid.entry(cell).or_default().insert((at, id.clone()));
            }
        }
    }

    fn cells(&self, entry: &Entry) -> Vec<Cell> {
        let Some(place) = entry.place() else { return vec![] };
        let alarm = &entry.alarm;
        let fits = |codes: &BTreeMap<Class, Vec<AlarmCode>>| {
            codes.get(&alarm.class).is_some_and(|codes| codes.contains(&alarm.code))
        };
        let meshes = self.meshes.iter().filter(|(_, _, codes)| fits(codes));
        meshes.map(|(rule, side, _)| (*rule, cell(place.lon, *side), cell(place.lat, *side))).collect()
    }
}

fn type_of(alarm: &Alarm) -> (String, Class, AlarmCode) {
    (alarm.sub_district.clone(), alarm.class, alarm.code.clone())
}

fn since(times: &ByTime, from: i64) -> impl Iterator<Item = &(i64, AlarmId)> {
    let first = AlarmId::new("-").expect("a dash is in the grammar");
    times.range((from, first)..)
}

fn side_deg(radius_m: f64) -> f64 {
    radius_m.max(0.1) / DEGREE_M
}

fn cell(degrees: f64, side: f64) -> i64 {
    (degrees / side).floor() as i64
}

fn drop_from<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = index.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            index.remove(key);
        }
    }
}
