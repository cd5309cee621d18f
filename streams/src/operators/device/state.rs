//! What is remembered of one device: profile, last state, presence, and the memories of its limits and watches.

use super::Ready;
use super::fencing::Fences;
use super::timers::NEVER;
use super::told::Told;
use super::watching::{Watches, quality_delays};
use greenhub_alarms::threshold::{LimitMemory, LimitRule, deadline};
use greenhub_alarms::watch::{self, Gate};
use greenhub_alarms::{Condition, RuleSet};
use greenhub_model::time::TimeQuality;
use greenhub_model::units::Unit;
use greenhub_model::view::{DeviceView, PointValue, Presence, UnitView};
use greenhub_model::{
    AlarmCode, Class, DeviceId, DeviceProfile, DeviceTime, Output, PointName, Position, Quality, ReceivedTime,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

/// Most points of a device that are remembered; readings of further ones go to the history only.
pub(super) const POINTS_MAX: usize = 256;

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Device {
    pub profile: DeviceProfile,
    /// Registered by configuration, not merely admitted.
    pub registered: bool,
    pub presence: Presence,
    /// Receive time of the newest message, µs; 0 before the first.
    pub heard: i64,
    /// It spoke and has not said goodbye: its silence means something.
    pub expected: bool,
    /// Its silence has been called an alarm.
    pub missed: bool,
    /// Device time of the newest live message, Unix ms.
    pub time: Option<i64>,
    pub fix: Option<Fix>,
    pub battery_pct: Option<f32>,
    pub sos: Sos,
    pub status: Status,
    pub points: BTreeMap<PointName, Point>,
    #[serde(default, skip_serializing_if = "Watches::is_blank")]
    pub watches: Watches,
    #[serde(default, skip_serializing_if = "Fences::is_empty")]
    pub fences: Fences,
    /// Time of the earliest timer entry, µs. No state: set again when the timers are built.
    #[serde(skip, default = "never")]
    pub armed: i64,
    /// Alarm messages as they became conditions. No state: what is not there is made again.
    #[serde(skip)]
    pub told: Told,
    /// Its view goes out at the end of the batch. Always false between batches.
    #[serde(skip)]
    pub dirty: bool,
}

fn never() -> i64 {
    NEVER
}

/// The live marker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Fix {
    pub lon: f64,
    pub lat: f64,
    pub speed_kmh: Option<f32>,
    pub heading_deg: Option<f32>,
    pub accuracy_m: Option<f32>,
    /// As sent, Unix ms.
    pub time: i64,
    /// For "which is newer", Unix ms; see [`order_time`].
    pub order: i64,
}

/// The call for help.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sos {
    pub on: bool,
    /// Of the newest message that said anything about it, Unix ms.
    pub order: Option<i64>,
    /// Of the newest call that came after its end was known, Unix ms.
    pub past: Option<i64>,
}

/// What the device says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Status {
    pub on: Option<bool>,
    pub dim_pct: Option<f32>,
    pub firmware: Option<String>,
    pub order: Option<i64>,
}

/// Newest value of a point, and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    /// Absent until the first live reading.
    pub last: Option<LastValue>,
    pub limits: Vec<Watched>,
    /// Its data has been unusable for long enough.
    #[serde(default, skip_serializing_if = "Gate::is_idle")]
    pub quality: Gate,
    /// What its values can be by the rules in force. No state: worked out when first asked, forgotten when rules change.
    #[serde(skip)]
    pub possible: Option<RangeInclusive<f64>>,
}

impl Point {
    /// When time alone changes something in it, µs; [`NEVER`] when nothing.
    pub(super) fn deadline(&self, delays: watch::Delays) -> i64 {
        let limits = self.limits.iter().filter_map(|w| deadline(&w.rule, &w.memory));
        limits.chain(self.quality.deadline(delays)).min().map_or(NEVER, |at| at.0)
    }
}

/// A condition that is on although its rule is no more: somebody must take its word back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Orphan {
    pub code: AlarmCode,
    pub by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct LastValue {
    pub value: f64,
    pub quality: Quality,
    /// As sent, Unix ms.
    pub time: i64,
    pub order: i64,
}

/// A limit with its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watched {
    pub rule: LimitRule,
    pub memory: LimitMemory,
}

/// Since when the hub has been listening without a break. Silence while nobody listened is nobody's fault: after a stop
/// every device gets its whole patience again. Ticks come once a second while anything is awaited, so a gap in the log
/// longer than [`GAP_US`] means that the hub was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listening {
    /// Receive time of the first batch after the newest gap, µs.
    pub since: i64,
    /// Receive time of the newest batch, µs.
    pub last: i64,
}

/// Longest time between two batches that is no gap, µs.
pub(super) const GAP_US: i64 = 10_000_000;

impl Listening {
    pub(super) fn hear(&mut self, received: ReceivedTime) {
        if received.0.saturating_sub(self.last) > GAP_US {
            self.since = received.0;
        }
        self.last = received.0;
    }
}

/// What silence did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    /// The presence changed.
    pub changed: bool,
    /// It is missed from now on.
    pub missed: bool,
}

/// When a measurement was taken, as far as order goes: its own time, but never after its reception where the clock runs
/// ahead by more than the rules take for good. Else a fast clock would make everything after it look old.
pub(super) fn order_time(time: DeviceTime, quality: TimeQuality, received: ReceivedTime) -> i64 {
    match quality {
        TimeQuality::Future { .. } => received.millis(),
        _ => time.0,
    }
}

impl Device {
    pub(super) fn new(profile: DeviceProfile, registered: bool) -> Self {
        Self {
            profile,
            registered,
            presence: Presence::Offline,
            heard: 0,
            expected: false,
            missed: false,
            time: None,
            fix: None,
            battery_pct: None,
            sos: Sos::default(),
            status: Status::default(),
            points: BTreeMap::new(),
            watches: Watches::default(),
            fences: Fences::default(),
            armed: NEVER,
            told: Told::default(),
            dirty: false,
        }
    }

    /// The profile of a device that nobody registered.
    pub(super) fn unregistered(id: DeviceId, class: Class) -> Self {
        let profile = DeviceProfile {
            name: id.as_str().to_owned(),
            device: id,
            class,
            place: None,
            datum: Default::default(),
            sub_district: String::new(),
            parent: None,
            kind: String::new(),
            points: Vec::new(),
        };
        Self::new(profile, false)
    }

    /// The point, remembered from now on; none when the device has too many.
    pub(super) fn point(&mut self, rules: &RuleSet, name: &PointName) -> Option<&mut Point> {
        let is_full = self.points.len() >= POINTS_MAX;
        match self.points.entry(name.clone()) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => {
                let limits = rules.limits_of(&self.profile, name).into_iter();
                let limits = limits.map(|rule| Watched { rule, memory: LimitMemory::default() }).collect();
                Some(place.insert(Point { last: None, limits, quality: Gate::default(), possible: None }))
            }
        }
    }

    /// Takes on changed rules or a changed profile: a limit keeps its memory as long as its id stays. Returns what is on
    /// and whose rule is no more.
    pub(super) fn rewatch(&mut self, rules: &RuleSet, ready: &Ready) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        let profile = &self.profile;
        for (name, point) in &mut self.points {
            point.possible = None;
            let mut old = std::mem::take(&mut point.limits);
            point.limits = rules
                .limits_of(profile, name)
                .into_iter()
                .map(|rule| {
                    let id = rule.id();
                    let known = old.iter().position(|w| w.rule.id() == id);
                    let memory = known.map(|at| old.swap_remove(at).memory).unwrap_or_default();
                    Watched { rule, memory }
                })
                .collect();
            let on = old.into_iter().filter(|w| w.memory.is_on());
            let mut left: Vec<Orphan> = on.map(|w| Orphan { by: w.rule.id(), code: w.rule.code }).collect();
            left.sort_by(|a, b| a.by.cmp(&b.by));
            orphans.append(&mut left);
        }
        orphans.extend(self.watches.bind(&ready.watches, &self.profile));
        orphans.extend(self.fences.rebind(&ready.fences, &self.profile));
        orphans
    }

    /// Any message, not only a reading, may move a timer of it.
    pub(super) fn is_timed(&self) -> bool {
        !self.fences.is_empty() || !self.watches.is_blank()
    }

    /// When time alone changes something, µs; [`NEVER`] when nothing.
    pub(super) fn deadline(&self, rules: &RuleSet, ready: &Ready, listening: &Listening) -> i64 {
        let delays = quality_delays(rules);
        let points = self.points.values().map(|point| point.deadline(delays)).min().unwrap_or(NEVER);
        let watches = self.watches.deadline(watch::Voice { heard: self.heard, listening: listening.since });
        let fences = self.fences.deadline(&ready.fences, &self.profile);
        let first = [watches, fences].into_iter().flatten().min().map_or(NEVER, |at| at.0);
        first.min(points).min(self.presence_deadline(rules, listening))
    }

    /// As [`Device::deadline`] for a device that was armed before a reading came: nothing but the points in it, the watches
    /// and the silence can have come nearer since. `nearest` is that of the points.
    pub(super) fn deadline_after(&self, nearest: i64, rules: &RuleSet, listening: &Listening) -> i64 {
        let watches = self.watches.deadline(watch::Voice { heard: self.heard, listening: listening.since });
        nearest.min(watches.map_or(NEVER, |at| at.0)).min(self.presence_deadline(rules, listening))
    }

    /// Cheap part of [`Device::deadline`]: when it will be missed.
    pub(super) fn presence_deadline(&self, rules: &RuleSet, listening: &Listening) -> i64 {
        let (silent_ms, offline_ms) = patience(rules, self.profile.class);
        // "Not heard for longer than": the first microsecond after it.
        let after = |ms: i64| self.quiet_from(listening).saturating_add(ms.saturating_mul(1000)).saturating_add(1);
        match self.presence {
            Presence::Online => after(silent_ms).min(after(offline_ms)),
            Presence::Silent => after(offline_ms),
            Presence::Offline if self.expected && !self.missed => after(offline_ms),
            Presence::Offline => NEVER,
        }
    }

    /// Since when it could have been heard and was not, µs.
    fn quiet_from(&self, listening: &Listening) -> i64 {
        self.heard.max(listening.since)
    }

    /// What silence makes of the device at `now`: its presence, and whether it is missed from now on.
    pub(super) fn pass_time(&mut self, rules: &RuleSet, listening: &Listening, now: ReceivedTime) -> Silence {
        let (silent_ms, offline_ms) = patience(rules, self.profile.class);
        let quiet = now.0.saturating_sub(self.quiet_from(listening));
        let gone = quiet > offline_ms.saturating_mul(1000);
        let before = self.presence;
        self.presence = match before {
            Presence::Offline => Presence::Offline,
            _ if gone => Presence::Offline,
            Presence::Silent => Presence::Silent,
            Presence::Online if quiet > silent_ms.saturating_mul(1000) => Presence::Silent,
            Presence::Online => Presence::Online,
        };
        let missed = gone && self.expected && !self.missed;
        self.missed |= missed;
        Silence { changed: self.presence != before, missed }
    }

    /// A condition of this device with everything the alarm core wants to know of it; the caller says what it is about.
    pub(super) fn condition(
        &self,
        code: AlarmCode,
        active: bool,
        received: ReceivedTime,
        position: Position,
    ) -> Condition {
        let place = self.whereabouts();
        Condition {
            device: self.profile.device.clone(),
            class: self.profile.class,
            kind: self.profile.kind.clone(),
            device_name: self.name().to_owned(),
            sub_district: self.profile.sub_district.clone(),
            lon: place.map(|p| p.0),
            lat: place.map(|p| p.1),
            sub_component: None,
            code,
            active,
            severity: None,
            value: None,
            limit: None,
            unit: Unit::default(),
            text: String::new(),
            at: received.millis(),
            received,
            position,
            late: false,
            by: self.profile.device.as_str().to_owned(),
        }
    }

    /// Where an alarm of it is: where it stands, or where the unit was seen last. Degrees east and north.
    pub(super) fn whereabouts(&self) -> Option<(f64, f64)> {
        let fixed = self.profile.place.map(|p| (p.lon, p.lat));
        let moving = self.fix.map(|f| (f.lon, f.lat));
        if self.profile.class.is_unit() { moving.or(fixed) } else { fixed.or(moving) }
    }

    fn name(&self) -> &str {
        if self.profile.name.is_empty() { self.profile.device.as_str() } else { &self.profile.name }
    }

    /// Unit and label of a point: of the profile, else of the rule set.
    pub(super) fn words(&self, rules: &RuleSet, point: &PointName) -> (Unit, String) {
        let own = self.profile.points.iter().find(|p| &p.name == point);
        let general = rules.point(self.profile.class, point.as_str());
        let unit = own.map(|p| &p.unit).filter(|u| !u.0.is_empty()).or(general.map(|p| &p.unit));
        let label = own.map(|p| &p.label).filter(|l| !l.is_empty()).or(general.map(|p| &p.label));
        (unit.cloned().unwrap_or_default(), label.cloned().unwrap_or_default())
    }

    /// The device as live views show it.
    pub(super) fn view(&self, rules: &RuleSet) -> Output {
        let received = ReceivedTime(self.heard).millis_f64();
        if self.profile.class.is_unit() {
            let place = self.fix.map(|f| (f.lon, f.lat)).or(self.profile.place.map(|p| (p.lon, p.lat)));
            return Output::Unit(Box::new(UnitView {
                id: self.profile.device.clone(),
                class: self.profile.class,
                name: self.name().to_owned(),
                lon: place.map(|p| p.0),
                lat: place.map(|p| p.1),
                speed_kmh: self.fix.and_then(|f| f.speed_kmh),
                heading_deg: self.fix.and_then(|f| f.heading_deg),
                accuracy_m: self.fix.and_then(|f| f.accuracy_m),
                battery_pct: self.battery_pct,
                sos: self.sos.on,
                time: self.fix.map(|f| f.time),
                received,
                state: self.presence,
            }));
        }
        let place = self.profile.place.map(|p| (p.lon, p.lat)).or(self.fix.map(|f| (f.lon, f.lat)));
        Output::Device(Box::new(DeviceView {
            id: self.profile.device.clone(),
            class: self.profile.class,
            name: self.name().to_owned(),
            kind: self.profile.kind.clone(),
            lon: place.map(|p| p.0),
            lat: place.map(|p| p.1),
            sub_district: self.profile.sub_district.clone(),
            parent: self.profile.parent.clone(),
            state: self.presence,
            on: self.status.on,
            dim_pct: self.status.dim_pct,
            values: self.points.iter().filter_map(|(name, point)| self.value_view(rules, name, point)).collect(),
            time: self.time,
            received,
        }))
    }

    fn value_view(&self, rules: &RuleSet, name: &PointName, point: &Point) -> Option<PointValue> {
        let last = point.last?;
        let (unit, label) = self.words(rules, name);
        Some(PointValue {
            point: name.clone(),
            label,
            value: last.value,
            unit: unit.0,
            quality: last.quality,
            time: last.time,
            normal: self.profile.points.iter().find(|p| &p.name == name).and_then(|p| p.normal),
        })
    }
}

/// Silent and offline after so many milliseconds. A rule set that passed validation names every class; the numbers here
/// serve one that was not.
fn patience(rules: &RuleSet, class: Class) -> (i64, i64) {
    rules.classes.get(&class).map_or((120_000, 600_000), |c| (c.silent_after_ms, c.offline_after_ms))
}
