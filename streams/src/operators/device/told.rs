//! The alarm messages of one device as they became conditions, so that one said again costs no new one.
//!
//! A device that is in alarm says the same every few seconds, a gateway the same hundred things. Of such a message only its
//! moment and value are new; the rest of its condition (who, where, which alarm, the words) is what it was, and is shared.
//! What is kept here is no state: it follows from the message, the profile and the place, each compared or forgotten when
//! it changes, so that nobody can tell whether a condition was found or made.
//!
//! **Remembers** the newest [`KEPT_MAX`] different active conditions of the device. **Costs** a comparison of the code and
//! the part for each that is kept before the one that is found, and no allocation.

use greenhub_alarms::Condition;
use greenhub_model::observation::AlarmReport;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most conditions that are kept.
const KEPT_MAX: usize = 128;

/// Conditions that were said, in the order in which they were first said or found.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    kept: VecDeque<Arc<Condition>>,
    /// Where the one after the last found stands: who says several things, says them in turn.
    next: usize,
}

impl PartialEq for Told {
    /// No state, so never a difference.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Told {
    /// The condition that this report made before, if it would be the same now but for its moment and value.
    pub(super) fn find(&mut self, report: &AlarmReport, place: Option<(f64, f64)>) -> Option<Arc<Condition>> {
        if !report.active {
            return None;
        }
        let count = self.kept.len();
        let at = (0..count).map(|n| (self.next + n) % count).find(|at| is_of(&self.kept[*at], report))?;
        let same = says(&self.kept[at], report, place);
        self.next = at + 1;
        same.then(|| self.kept[at].clone())
    }

    /// Keeps a condition that was made, instead of an older one about the same.
    pub(super) fn keep(&mut self, condition: &Condition) {
        if !condition.active || condition.late {
            return;
        }
        let about = |one: &Arc<Condition>| one.code == condition.code && one.sub_component == condition.sub_component;
        if let Some(at) = self.kept.iter().position(about) {
            self.kept[at] = Arc::new(condition.clone());
            return;
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::new(condition.clone()));
    }

    /// The profile changed: nothing that was said before need be the same now.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Whether the condition is about what the report is about.
fn is_of(condition: &Condition, report: &AlarmReport) -> bool {
    condition.code == report.code && condition.sub_component == report.sub_component
}

/// Whether the condition says what the report says.
fn says(condition: &Condition, report: &AlarmReport, place: Option<(f64, f64)>) -> bool {
    let same_place = condition.lon == place.map(|p| p.0) && condition.lat == place.map(|p| p.1);
    same_place && condition.severity == report.severity && condition.text == report.text.as_deref().unwrap_or_default()
}
