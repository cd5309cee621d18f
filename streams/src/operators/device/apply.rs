//! One decoded element: what it does to the device's state, to the history and to the alarms.

use super::state::{Device, Fix, LastValue, Orphan, order_time};
use super::timers::NEVER;
use super::watching::{Heard, quality_delays, quality_truth};
use super::{DeviceStage, Ready, Said, Voice, limit_condition};
use greenhub_alarms::threshold;
use greenhub_alarms::watch::{Input, Moment};
use greenhub_alarms::{Again, Condition, RuleSet};
use greenhub_model::observation::{AlarmReport, PositionReport, ReadingReport, StatusReport};
use greenhub_model::output::{Sample, TrackPoint};
use greenhub_model::time::TimeQuality;
use greenhub_model::view::Presence;
use greenhub_model::{
    AlarmCode, Channel, Class, DeviceTime, Observation, Observed, Output, PointName, Position, Quality, ReceivedTime,
};
use std::ops::RangeInclusive;

/// The alarm type of a call for help in a position.
const SOS_CODE: &str = "SOS";
/// Calls for help that turn up after their end was known: those closer together than this are one, milliseconds.
const PAST_SOS_APART_MS: i64 = 600_000;

/// The alarm type of a device that is silent for too long.
const OFFLINE_CODE: &str = "DEVICE_OFFLINE";

fn ended(condition: Condition) -> Condition {
    Condition { active: false, ..condition }
}

/// When something was observed, in all the ways that matter.
#[derive(Clone, Copy)]
struct When {
    time: DeviceTime,
    /// For "which is newer", Unix ms.
    order: i64,
    late: bool,
    received: ReceivedTime,
    position: Position,
}

impl When {
    fn moment(&self) -> Moment {
        Moment { time: self.order, received: self.received.0 }
    }
}

impl DeviceStage {
    pub(super) fn observe(
        &mut self,
        slot: u32,
        observed: &Observed,
        channel: Channel,
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let received = said.head.received;
        let when = When {
            time: observed.time,
            order: order_time(observed.time, observed.time_quality, received),
            late: matches!(observed.time_quality, TimeQuality::Late { .. }),
            received,
            position: voice.position,
        };
        let Some(device) = self.devices.get(slot) else { return };
        // A will that the hub publishes is not the device's voice.
        let proxy_goodbye =
            channel == Channel::Hub && matches!(&observed.what, Observation::Status(s) if s.online == Some(false));
        if !proxy_goodbye && let Some(condition) = device.heard(&self.rules, &when) {
            said.condition(voice, condition);
        }
        let mut nearest = NEVER;
        match &observed.what {
            Observation::Position(report) => device.position(&self.ready, report, &when, voice, said),
            Observation::Reading(report) => nearest = device.reading(&self.rules, report, &when, voice, said),
            Observation::Alarm(report) => device.alarm(&self.rules, report, &when, voice, said),
            Observation::Status(report) => device.status(&self.rules, report, &when, proxy_goodbye, voice, said),
        }
        device.watch_presence(&self.rules, (when.received, when.position), (voice, said));
        let deadline = match &observed.what {
            Observation::Reading(_) => device.deadline_after(nearest, &self.rules, &self.listening),
            _ if device.armed == NEVER || device.is_timed() => {
                device.deadline(&self.rules, &self.ready, &self.listening)
            }
            _ => device.presence_deadline(&self.rules, &self.listening),
        };
        let mut armed = device.armed;
        self.timers.arm(slot, &mut armed, deadline);
        if let Some(device) = self.devices.get(slot) {
            device.armed = armed;
        }
        self.dirty(slot);
    }
}

impl Device {
    /// A sign of life; the end of its being missed, where it was.
    fn heard(&mut self, rules: &RuleSet, when: &When) -> Option<Condition> {
        self.heard = when.received.0;
        self.presence = Presence::Online;
        self.expected = true;
        if !when.late && self.time.is_none_or(|known| known <= when.order) {
            self.time = Some(when.order);
        }
        let back = std::mem::take(&mut self.missed);
        if back { self.silence_alarm(rules, true, when.received, when.position).map(ended) } else { None }
    }

    /// The condition that says that it is silent for too long, for devices whose silence is trouble.
    pub(super) fn silence_alarm(
        &self,
        rules: &RuleSet,
        missed: bool,
        received: ReceivedTime,
        position: Position,
    ) -> Option<Condition> {
        let class = self.profile.class;
        if !missed || class.is_unit() || class == Class::Light {
            return None;
        }
        let (code, _) = rules.types.get(&class)?.get_key_value(OFFLINE_CODE)?;
        let mut condition = self.condition(code.clone(), true, received, position);
        condition.by = "presence".to_owned();
        Some(condition)
    }

    fn position(&mut self, ready: &Ready, report: &PositionReport, when: &When, voice: &mut Voice, said: &mut Said) {
        let newest = self.fix.is_none_or(|known| known.order <= when.order);
        // Out of a tunnel a late fix may still be the newest there is; the marker shows its age.
        if newest {
            self.fix = Some(Fix {
                lon: report.lon,
                lat: report.lat,
                speed_kmh: report.speed_kmh,
                heading_deg: report.heading_deg,
                accuracy_m: report.accuracy_m,
                time: when.time.0,
                order: when.order,
            });
            self.battery_pct = report.battery_pct.or(self.battery_pct);
        }
        said.output(voice, || {
            Output::Track(TrackPoint {
                unit: self.profile.device.clone(),
                time: when.time.0,
                lon: report.lon,
                lat: report.lat,
                speed_kmh: report.speed_kmh,
                heading_deg: report.heading_deg,
            })
        });
        if let Some(fix) = self.fix.filter(|_| newest && !when.late) {
            self.fence(&ready.fences, &fix, when.received, when.position, (voice, said));
        }
        if let Some(on) = report.sos {
            self.call_for_help(on, report, when, voice, said);
        }
    }

    /// A call counts whenever it was made. One that arrives after a newer message has said that it is over is raised and
    /// returned at once, so that somebody sees it; it does not light the live marker.
    fn call_for_help(&mut self, on: bool, report: &PositionReport, when: &When, voice: &mut Voice, said: &mut Said) {
        let statement = |device: &Device, active| {
            let code = AlarmCode::new(SOS_CODE).expect("three letters follow the grammar of alarm codes");
            let mut condition = device.condition(code, active, when.received, when.position);
            condition.at = when.time.0;
            condition.late = when.late;
            (condition.lon, condition.lat) = (Some(report.lon), Some(report.lat));
            condition
        };
        if self.sos.order.is_none_or(|known| known <= when.order) {
            self.sos.order = Some(when.order);
            if self.sos.on != on {
                self.sos.on = on;
                said.condition(voice, statement(self, on));
            }
            return;
        }
        let told = self.sos.past.is_some_and(|past| (past - when.order).abs() < PAST_SOS_APART_MS);
        if on && !self.sos.on && !told {
            self.sos.past = Some(when.order);
            said.condition(voice, statement(self, true));
            said.condition(voice, statement(self, false));
        }
    }

    /// Returns when time alone will first change something in one of its points; see [`Device::deadline_after`].
    fn reading(
        &mut self,
        rules: &RuleSet,
        report: &ReadingReport,
        when: &When,
        voice: &mut Voice,
        said: &mut Said,
    ) -> i64 {
        said.output(voice, || {
            Output::Sample(Sample {
                device: self.profile.device.clone(),
                time: when.time.0,
                values: report.values.clone(),
                quality: report.quality,
            })
        });
        let mut nearest = NEVER;
        if when.late {
            return nearest;
        }
        for (name, value) in &report.values {
            nearest = nearest.min(self.judge(rules, name, *value, report.quality, when, voice, said));
        }
        if self.watches.is_empty() {
            return nearest;
        }
        let class = self.profile.class;
        let values = report
            .values
            .iter()
            .map(|(name, value)| (Heard::Point(name), *value, trusted(rules, class, name, *value, report.quality)));
        self.watch(rules, values, when.moment(), when.position, (voice, said));
        nearest
    }

    /// A live value: remembered if it is the newest of its point, and held against the point's limits. Returns when time
    /// alone will change something in the point.
    #[expect(clippy::too_many_arguments, reason = "one value with everything that is known of it")]
    fn judge(
        &mut self,
        rules: &RuleSet,
        name: &PointName,
        value: f64,
        quality: Quality,
        when: &When,
        voice: &mut Voice,
        said: &mut Said,
    ) -> i64 {
        let (class, delays) = (self.profile.class, quality_delays(rules));
        let Some(point) = self.point(rules, name) else { return NEVER };
        if point.last.is_some_and(|known| known.order > when.order) {
            return NEVER;
        }
        let possible = point.possible.get_or_insert_with(|| possible(rules, class, name));
        let quality = if possible.contains(&value) { quality } else { Quality::Bad };
        point.last = Some(LastValue { value, quality, time: when.time.0, order: when.order });
        let mut edges = Vec::new();
        for watched in &mut point.limits {
            let sample = threshold::Sample {
                time: DeviceTime(when.order),
                received: when.received,
                value,
                quality,
                late: false,
            };
            if let Some(edge) = threshold::judge(&watched.rule, &mut watched.memory, sample).edge() {
                edges.push((watched.rule.clone(), edge));
            }
        }
        let bad = point.quality.judge(delays, when.moment(), quality_truth(quality), Some(value));
        let nearest = point.deadline(delays);
        for (rule, edge) in edges {
            let condition = limit_condition(self, rules, &rule, edge, when.received, when.position);
            said.condition(voice, condition);
        }
        if let Some(edge) = bad {
            self.say_quality(rules, name, edge, (when.received, when.position), voice, said);
        }
        nearest
    }

    fn alarm(&mut self, rules: &RuleSet, report: &AlarmReport, when: &When, voice: &mut Voice, said: &mut Said) {
        let again = Again { at: when.time.0, received: when.received, position: when.position, value: report.value };
        match self.told.find(report, self.whereabouts()).filter(|_| !when.late) {
            Some(condition) => said.once_more(voice, condition, again),
            None => {
                let mut condition = self.condition(report.code.clone(), report.active, when.received, when.position);
                condition.sub_component = report.sub_component.clone();
                condition.severity = report.severity;
                condition.value = report.value;
                condition.text = report.text.clone().unwrap_or_default();
                condition.at = when.time.0;
                condition.late = when.late;
                self.told.keep(&condition);
                said.condition(voice, condition);
            }
        }
        if report.active && !when.late && !self.watches.is_empty() {
            let event = [(Heard::Other(Input::Alarm(report.code.clone())), 1.0, Quality::Good)];
            self.watch(rules, event.into_iter(), when.moment(), when.position, (voice, said));
        }
    }

    fn status(
        &mut self,
        rules: &RuleSet,
        report: &StatusReport,
        when: &When,
        proxy_goodbye: bool,
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let newest = !when.late && self.status.order.is_none_or(|known| known <= when.order);
        if newest {
            self.status.order = Some(when.order);
            self.status.on = report.on.or(self.status.on);
            self.status.dim_pct = report.dim_pct.or(self.status.dim_pct);
            if report.firmware.is_some() {
                self.status.firmware.clone_from(&report.firmware);
            }
            self.battery_pct = report.battery_pct.or(self.battery_pct);
            let on = report.on.map(|on| (Heard::Other(Input::On), if on { 1.0 } else { 0.0 }, Quality::Good));
            let dim = report.dim_pct.map(|dim| (Heard::Other(Input::Dim), f64::from(dim), Quality::Good));
            if !self.watches.is_empty() && (on.is_some() || dim.is_some()) {
                let values = on.into_iter().chain(dim);
                self.watch(rules, values, when.moment(), when.position, (voice, said));
            }
        }
        // A will was written when the connection began, so its time says nothing: it holds when the hub publishes it.
        if report.online == Some(false) && (newest || proxy_goodbye) {
            self.presence = Presence::Offline;
            self.expected &= proxy_goodbye;
        }
    }

    /// The end of a condition whose rule is no more.
    pub(super) fn taken_back(&self, orphan: &Orphan, received: ReceivedTime, position: Position) -> Condition {
        let mut condition = self.condition(orphan.code.clone(), false, received, position);
        condition.text = "限值或监视规则已取消".to_owned();
        condition.by.clone_from(&orphan.by);
        condition
    }
}

/// The quality of a value: bad where it is said to be, or where it cannot be true.
fn trusted(rules: &RuleSet, class: Class, name: &PointName, value: f64, quality: Quality) -> Quality {
    if possible(rules, class, name).contains(&value) { quality } else { Quality::Bad }
}

/// What a value of the point can be.
fn possible(rules: &RuleSet, class: Class, name: &PointName) -> RangeInclusive<f64> {
    rules.point(class, name.as_str()).map_or(f64::NEG_INFINITY..=f64::INFINITY, |p| p.min..=p.max)
}
