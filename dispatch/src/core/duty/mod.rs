//! Who is on duty, and what everybody does now (值班, 状态看板).
//!
//! ```text
//! roster    ──begin────────end──────────begin──      the newest of both holds:
//! switch    ─────────off──────────on────────────     on, then off, then on, …
//! ```
//!
//! **On shift** is who the newest event says: the beginning or end of a duty of the roster, or their own switch. So
//! somebody may go early, stay on, or step in; the next duty begins as planned. A switch that was forgotten ends by
//! itself after [`SWITCH_MS_MAX`].
//!
//! **State**: off shift 休班; on site 到场 with an order in handling; not heard of for [`SILENT_MS`] 离线; under way 前往 with
//! an accepted order; else ready 待命. Heard is a position, a switch, or nothing.

#[cfg(test)]
mod tests;

use super::calendar::{CompiledCalendar, DAY_MS, parse_day, parse_time, weekday};
use greenhub_model::DeviceId;
use greenhub_model::dispatch::{Duty, DutyState, StaffMember, StaffView};
use greenhub_model::order::OrderState;
use std::collections::BTreeMap;

/// A switch that nobody touched for so long counts no more: 16 hours.
pub const SWITCH_MS_MAX: i64 = 16 * 3_600_000;
/// Who was not heard of for so long is off line: 10 minutes.
pub const SILENT_MS: i64 = 600_000;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The newest turn of somebody's own switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// On or off.
    pub on: bool,
    /// When, Unix ms.
    pub at: i64,
}

/// Where somebody was last.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// Degrees east, WGS-84.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
    /// When, Unix ms.
    pub at: i64,
    /// The unit that says so.
    pub device: DeviceId,
}

/// The unit that somebody's phone is.
///
/// User names may hold a dot and ids of devices not, so `.` becomes `-dot-`; what is too long for an id has no unit.
pub fn phone_of(user: &str) -> Option<DeviceId> {
    DeviceId::new(&format!("P-{}", user.replace('.', "-dot-"))).ok()
}

/// Whether somebody is on shift at a moment, and since when.
pub fn on_shift(
    user: &str,
    roster: &[Duty],
    calendar: &CompiledCalendar,
    switch: Option<Switch>,
    at: i64,
) -> (bool, Option<i64>) {
    let planned = planned(user, roster, calendar, at);
    let switch = switch.filter(|switch| switch.at <= at && at - switch.at < SWITCH_MS_MAX);
    match (planned, switch) {
        (Some((_, edge)), Some(switch)) if switch.at >= edge => (switch.on, Some(switch.at)),
        (Some((on, edge)), _) => (on, Some(edge)),
        (None, Some(switch)) => (switch.on, Some(switch.at)),
        (None, None) => (false, None),
    }
}

/// What the roster says: on or off, since which edge. None where it does not name them.
fn planned(user: &str, roster: &[Duty], calendar: &CompiledCalendar, at: i64) -> Option<(bool, i64)> {
    let today = calendar.day(at);
    let mut on: Option<i64> = None;
    let mut last_end: Option<i64> = None;
    for duty in roster.iter().filter(|duty| duty.user == user) {
        let (Some(from), Some(to)) = (parse_time(&duty.from), parse_time(&duty.to)) else { continue };
        let length = if to > from { to - from } else { to + DAY_MS - from };
        let newest = match WEEKDAYS.iter().position(|name| *name == duty.day) {
            Some(wanted) => today - (weekday(today) - wanted as i64).rem_euclid(7),
            None => match parse_day(&duty.day) {
                Some(day) => day,
                None => continue,
            },
        };
        // The newest one may begin later today; then the one a week before counts, if it is of every week.
        let weekly = WEEKDAYS.contains(&duty.day.as_str());
        for day in [newest, newest - 7].into_iter().take(if weekly { 2 } else { 1 }) {
            let begin = calendar.at(day, from);
            if begin > at {
                continue;
            }
            if at < begin + length {
                on = Some(on.map_or(begin, |other| other.max(begin)));
            } else {
                last_end = Some(last_end.map_or(begin + length, |other| other.max(begin + length)));
            }
        }
    }
    match (on, last_end) {
        (Some(begin), _) => Some((true, begin)),
        (None, Some(end)) => Some((false, end)),
        (None, None) => None,
    }
}

/// What somebody has in hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Orders that wait for them or that they work on.
    pub open: u32,
    /// One of them is accepted.
    pub accepted: bool,
    /// One of them is in handling on site.
    pub working: bool,
}

impl Load {
    /// Adds `n` orders of theirs in a state; states in which nothing is to be done by them add nothing.
    pub fn add(&mut self, state: OrderState, n: u32) {
        let theirs = matches!(state, OrderState::Dispatched | OrderState::Accepted | OrderState::InProgress);
        if theirs && n > 0 {
            self.open = self.open.saturating_add(n);
            self.accepted |= state == OrderState::Accepted;
            self.working |= state == OrderState::InProgress;
        }
    }
}

/// What is known of people besides the rules, by user name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Newest turns of their own switches.
    pub switches: BTreeMap<String, Switch>,
    /// Where they were last.
    pub fixes: BTreeMap<String, Fix>,
    /// What they have in hand.
    pub loads: BTreeMap<String, Load>,
}

/// Everybody as the dispatcher sees them, in the order of the rules.
pub fn staff(
    members: &[StaffMember],
    roster: &[Duty],
    calendar: &CompiledCalendar,
    known: &Known,
    at: i64,
) -> Vec<StaffView> {
    let view = |member: &StaffMember| {
        let switch = known.switches.get(&member.user).copied();
        let (on, since) = on_shift(&member.user, roster, calendar, switch, at);
        let fix = known.fixes.get(&member.user);
        let heard = fix.map(|fix| fix.at).max(switch.map(|switch| switch.at));
        let load = known.loads.get(&member.user).copied().unwrap_or_default();
        StaffView {
            user: member.user.clone(),
            name: if member.name.is_empty() { member.user.clone() } else { member.name.clone() },
            team: member.team.clone(),
            state: match () {
                () if !on => DutyState::OffShift,
                () if load.working => DutyState::OnSite,
                () if heard.is_none_or(|heard| at - heard > SILENT_MS) => DutyState::Offline,
                () if load.accepted => DutyState::Underway,
                () => DutyState::Ready,
            },
            on_shift: on,
            since,
            lon: fix.map(|fix| fix.lon),
            lat: fix.map(|fix| fix.lat),
            fix_at: fix.map(|fix| fix.at),
            device: fix.map(|fix| fix.device.clone()).or_else(|| member.device.clone()),
            load: load.open,
        }
    };
    members.iter().map(view).collect()
}
