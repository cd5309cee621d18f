//! The difference between two runs, in alarms.
//!
//! Occurrences are matched by key (device, code, sub-component) in the order in which they were raised, when they overlap
//! in time: other limits raise the same trouble a little earlier or later, and that is a change, not a new alarm.

use greenhub_model::alarm::{Alarm, Priority, Severity};
use greenhub_model::{AlarmCode, AlarmId, DeviceId, Position};
use serde::Serialize;
use std::collections::BTreeMap;

/// How an occurrence ended a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmSummary {
    /// The occurrence.
    pub alarm: AlarmId,
    /// Device.
    pub device: DeviceId,
    /// Name of the device for people.
    pub device_name: String,
    /// Alarm type.
    pub code: AlarmCode,
    /// Part of the device.
    pub sub_component: Option<String>,
    /// Title for people.
    pub title: String,
    /// Highest severity.
    pub severity: Severity,
    /// Priority at the end.
    pub priority: Priority,
    /// First raise by event time, Unix ms.
    pub raised_at: i64,
    /// Return by event time, Unix ms; none where it is still active.
    pub returned_at: Option<i64>,
    /// Raises and repeats merged into it.
    pub count: u64,
    /// Annunciations.
    pub annunciations: u64,
    /// First log position.
    pub first_position: Position,
}

impl AlarmSummary {
    pub(super) fn of(alarm: &Alarm) -> Self {
        Self {
            alarm: alarm.id.clone(),
            device: alarm.device.clone(),
            device_name: alarm.device_name.clone(),
            code: alarm.code.clone(),
            sub_component: alarm.sub_component.clone(),
            title: alarm.title.clone(),
            severity: alarm.severity,
            priority: alarm.priority,
            raised_at: alarm.raised_at,
            returned_at: alarm.returned_at,
            count: alarm.count,
            annunciations: alarm.annunciations,
            first_position: alarm.first_position,
        }
    }

    fn key(&self) -> (&DeviceId, &AlarmCode, Option<&str>) {
        (&self.device, &self.code, self.sub_component.as_deref())
    }

    fn overlaps(&self, other: &AlarmSummary) -> bool {
        let end = |a: &AlarmSummary| a.returned_at.unwrap_or(i64::MAX);
        self.raised_at <= end(other) && other.raised_at <= end(self)
    }

    /// Whether an operator would notice a difference.
    fn differs(&self, other: &AlarmSummary) -> bool {
        (self.severity, self.priority, self.raised_at, self.returned_at, self.count, self.annunciations)
            != (other.severity, other.priority, other.raised_at, other.returned_at, other.count, other.annunciations)
    }
}

/// One alarm under both sets of rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmChanged {
    /// With the rules of the time.
    pub was: AlarmSummary,
    /// With the candidate.
    pub would_be: AlarmSummary,
}

/// The difference in alarms.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlarmComparison {
    /// Only the candidate raises them.
    pub gained: Vec<AlarmSummary>,
    /// Only the rules of the time raised them.
    pub lost: Vec<AlarmSummary>,
    /// Raised by both, but not alike.
    pub changed: Vec<AlarmChanged>,
    /// Raised by both, alike.
    pub same: u64,
}

impl AlarmComparison {
    /// Compares what was with what would be.
    pub fn of(was: &[AlarmSummary], would_be: &[AlarmSummary]) -> Self {
        let mut open: BTreeMap<_, Vec<&AlarmSummary>> = BTreeMap::new();
        for alarm in would_be {
            open.entry(alarm.key()).or_default().push(alarm);
        }
        open.values_mut().for_each(|list| list.sort_by_key(|a| (a.raised_at, a.first_position)));
        let mut ordered: Vec<&AlarmSummary> = was.iter().collect();
        ordered.sort_by_key(|a| (a.raised_at, a.first_position));
        let mut comparison = Self::default();
        for alarm in ordered {
            let candidates = open.entry(alarm.key()).or_default();
            match candidates.iter().position(|other| alarm.overlaps(other)) {
                None => comparison.lost.push(alarm.clone()),
                Some(at) => {
                    let other = candidates.remove(at);
                    if alarm.differs(other) {
                        comparison.changed.push(AlarmChanged { was: alarm.clone(), would_be: other.clone() });
                    } else {
                        comparison.same += 1;
                    }
                }
            }
        }
        comparison.gained = open.into_values().flatten().cloned().collect();
        comparison.gained.sort_by_key(|a| (a.raised_at, a.first_position));
        comparison
    }
}
