//! Fences: a unit or vehicle enters, leaves, or stays too long in an area, at the hours that matter.
//!
//! ```text
//! fix ──▶ inside │ near (outside by less than the hysteresis) │ outside ──▶ enter, leave, dwell ──▶ gate ──▶ Edge
//! time ─▶ hours begin or end, a dwell or a delay ends ─────────────────────────────────────────────────────▶ Edge
//! ```
//!
//! **Watches** the positions of a unit against a polygon. Inside is inside at once; outside is only further away than the
//! hysteresis, so a receiver that wanders at the edge changes nothing. **Raises** on `enter` while inside, on `dwell` when
//! inside for longer than the dwell, on `leave` while outside, once the unit has been inside: who was never there has not
//! left. **Clears** when it is no longer so, or when the hours end.
//!
//! **Time**: judged in measurement time, timers run in receive time, edges are dated in measurement time, as in
//! [`crate::watch`]. **Late data** (a fix marked late, or older than the newest) enters and leaves nothing; neither does a
//! fix less precise than `accuracy_max_m`.
//!
//! **Remembers** per unit and fence whether it is inside and the gate; nothing for a unit that is far away
//! ([`FenceMemory::is_idle`]). **Costs** a comparison with the box around the fence per fix; the polygon is walked only
//! within it.

mod rule;
#[cfg(test)]
mod tests;

pub use rule::{Fence, Trespass, source_of};

use crate::merge::duration_label;
use crate::watch::gate::{Delays, Edge, Gate, Moment, Truth};
use greenhub_model::geodesy::{BoundingBox, LonLat};
use greenhub_model::polygon::{Polygon, PolygonError};
use greenhub_model::{Class, DeviceProfile, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fence made ready. Made once per rule set and shared by all units.
#[derive(Debug, Clone, PartialEq)]
pub struct Fenced {
    fence: Fence,
    polygon: Polygon,
    bounds: BoundingBox,
    offset_min: i32,
}

/// Memory of one unit at one fence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FenceMemory {
    #[serde(default, skip_serializing_if = "Gate::is_idle")]
    gate: Gate,
    inside: bool,
    been_inside: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<Moment>,
}

/// One position of a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fix {
    /// When it was there.
    pub at: Moment,
    /// Where.
    pub place: LonLat,
    /// Radius of confidence, metres, where it is known.
    pub accuracy_m: Option<f32>,
}

impl Fenced {
    /// Makes a fence ready; `offset_min` minutes east of UTC is where its hours are.
    pub fn new(fence: Fence, offset_min: i32) -> Result<Self, PolygonError> {
        let polygon = Polygon::new(&fence.polygon)?;
        let bounds = polygon.bounds_within(fence.hysteresis_m.max(0.0));
        Ok(Self { fence, polygon, bounds, offset_min })
    }

    /// The fence.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Whether a place is so near that it must be judged even if nothing is remembered.
    pub fn is_near(&self, place: LonLat) -> bool {
        self.bounds.contains(place)
    }

    fn delays(&self) -> Delays {
        let dwell = match self.fence.on {
            Trespass::Dwell(ms) => ms,
            Trespass::Enter | Trespass::Leave => 0,
        };
        Delays { on_ms: self.fence.on_delay_ms.saturating_add(dwell), off_ms: self.fence.off_delay_ms }
    }

    fn truth(&self, memory: &FenceMemory, time: i64) -> Truth {
        let at_this_hour = self.fence.hours.is_none_or(|hours| hours.contain(time, self.offset_min));
        Truth::of(at_this_hour && memory.trespasses(self.fence.on))
    }

    /// The next beginning or end of the hours, where it matters.
    fn flip(&self, memory: &FenceMemory) -> Option<Moment> {
        let (hours, newest) = (self.fence.hours?, memory.newest?);
        let after = hours.next_change(newest.time, self.offset_min).saturating_sub(newest.time);
        memory.trespasses(self.fence.on).then(|| newest.after(after))
    }

    /// The sentence of an edge, in Chinese.
    pub fn describe(&self, unit: &str, edge: &Edge) -> String {
        let title = &self.fence.title;
        let hours = self.fence.hours.map(|h| format!("（监管时段 {} 至 {}）", h.from, h.to)).unwrap_or_default();
        let what = match (self.fence.on, edge.active) {
            (Trespass::Enter, true) => format!("进入电子围栏“{title}”"),
            (Trespass::Dwell(ms), true) => {
                format!("在电子围栏“{title}”内停留超过 {}", duration_label(ms))
            }
            (Trespass::Leave, true) => format!("离开电子围栏“{title}”"),
            (Trespass::Enter | Trespass::Dwell(_), false) => format!("已不在电子围栏“{title}”内，或监管时段结束"),
            (Trespass::Leave, false) => format!("已回到电子围栏“{title}”，或监管时段结束"),
        };
        format!("{unit}{what}{hours}")
    }
}

impl FenceMemory {
    /// Whether the condition is on.
    pub fn is_on(&self) -> bool {
        self.gate.is_on()
    }

    /// Nothing that must be remembered.
    pub fn is_idle(&self) -> bool {
        self.gate.is_idle() && !self.inside && !self.been_inside
    }

    fn trespasses(&self, on: Trespass) -> bool {
        match on {
            Trespass::Enter | Trespass::Dwell(_) => self.inside,
            Trespass::Leave => self.been_inside && !self.inside,
        }
    }
}

/// Judges one position. Call [`advance`] with the receive time first.
pub fn judge(fenced: &Fenced, memory: &mut FenceMemory, fix: Fix, out: &mut Vec<Edge>) {
    let vague = fix.accuracy_m.is_some_and(|metres| f64::from(metres) > fenced.fence.accuracy_max_m);
    if vague || memory.newest.is_some_and(|newest| fix.at.time < newest.time) {
        return;
    }
    let delays = fenced.delays();
    while let Some(flip) = fenced.flip(memory).filter(|flip| flip.time <= fix.at.time) {
        turn_hours(fenced, memory, delays, flip, out);
    }
    if fenced.bounds.contains(fix.place) {
        let outside_m = fenced.polygon.outside_m(fix.place);
        memory.inside = outside_m <= 0.0 || (memory.inside && outside_m <= fenced.fence.hysteresis_m);
    } else {
        memory.inside = false;
    }
    // Only leaving asks where a unit has been.
    memory.been_inside |= memory.inside && fenced.fence.on == Trespass::Leave;
    memory.newest = Some(fix.at);
    let truth = fenced.truth(memory, fix.at.time);
    out.extend(memory.gate.judge(delays, fix.at, truth, None));
}

/// Lets time pass until `received`.
pub fn advance(fenced: &Fenced, memory: &mut FenceMemory, received: ReceivedTime, out: &mut Vec<Edge>) {
    let delays = fenced.delays();
    loop {
        let flip = fenced.flip(memory).filter(|flip| flip.received <= received.0);
        let gate_first = match (memory.gate.deadline(delays), flip) {
            (Some(gate), Some(flip)) => gate.0 <= flip.received,
            (gate, _) => gate.is_some(),
        };
        if gate_first {
            match memory.gate.advance(delays, received) {
                Some(edge) => out.push(edge),
                None => return,
            }
        } else {
            let Some(flip) = flip else { return };
            turn_hours(fenced, memory, delays, flip, out);
        }
    }
}

/// When [`advance`] has something to say, if nothing arrives before.
pub fn deadline(fenced: &Fenced, memory: &FenceMemory) -> Option<ReceivedTime> {
    let flip = fenced.flip(memory).map(|flip| ReceivedTime(flip.received));
    [memory.gate.deadline(fenced.delays()), flip].into_iter().flatten().min()
}

fn turn_hours(fenced: &Fenced, memory: &mut FenceMemory, delays: Delays, flip: Moment, out: &mut Vec<Edge>) {
    out.extend(memory.gate.elapse(delays, flip.time));
    memory.newest = Some(flip);
    let truth = fenced.truth(memory, flip.time);
    out.extend(memory.gate.judge(delays, flip, truth, None));
}

/// The fences of a rule set, made ready.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FenceSet {
    by_class: BTreeMap<Class, Vec<Arc<Fenced>>>,
    by_id: BTreeMap<String, Arc<Fenced>>,
}

impl FenceSet {
    /// Makes the fences ready. One whose polygon is none is left out; validation has said so.
    pub fn new(fences: &[Fence], offset_min: i32) -> Self {
        let mut set = Self::default();
        for fenced in fences.iter().filter_map(|fence| Fenced::new(fence.clone(), offset_min).ok()) {
            let fenced = Arc::new(fenced);
            for class in Class::ALL.into_iter().filter(|class| fenced.fence.is_for_class(*class)) {
                set.by_class.entry(class).or_default().push(fenced.clone());
            }
            set.by_id.insert(fenced.fence.id.clone(), fenced);
        }
        set
    }

    /// The fences that may concern units of a class, in the order of the rule set.
    pub fn of_class(&self, class: Class) -> &[Arc<Fenced>] {
        self.by_class.get(&class).map(Vec::as_slice).unwrap_or_default()
    }

    /// A fence by its id, where it concerns the unit.
    pub fn get(&self, id: &str, profile: &DeviceProfile) -> Option<&Arc<Fenced>> {
        self.by_id.get(id).filter(|fenced| fenced.fence.concerns(profile))
    }
}
