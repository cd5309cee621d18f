//! The fences around one unit, with their memories.
//!
//! Most units are far from most fences, so a memory is made when a unit comes near and dropped when nothing of it matters
//! any more. It is found by the fence's id; a fence whose id and code stay keeps its memories.

use super::state::{Device, Fix, Orphan};
use super::{Said, Voice};
use greenhub_alarms::fence::{self, FenceMemory, FenceSet, Fenced};
use greenhub_alarms::watch::{Edge, Moment};
use greenhub_model::geodesy::LonLat;
use greenhub_model::{AlarmCode, DeviceProfile, Position, ReceivedTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is remembered of the fences around one unit, by fence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fences(BTreeMap<String, Known>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    code: AlarmCode,
    memory: FenceMemory,
}

impl Fences {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes on changed fences or a changed profile; returns those that are no more and were on.
    pub(super) fn rebind(&mut self, set: &FenceSet, profile: &DeviceProfile) -> Vec<Orphan> {
        let stays = |id: &str, code: &AlarmCode| set.get(id, profile).is_some_and(|one| one.fence().code == *code);
        let gone = self.0.iter().filter(|(id, known)| known.memory.is_on() && !stays(id, &known.code));
        let orphans = gone.map(|(id, known)| orphan(id, known)).collect();
        self.0.retain(|id, known| stays(id, &known.code));
        orphans
    }

    pub(super) fn on(&self) -> impl Iterator<Item = Orphan> + '_ {
        self.0.iter().filter(|(_, known)| known.memory.is_on()).map(|(id, known)| orphan(id, known))
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self, set: &FenceSet, profile: &DeviceProfile) -> Option<ReceivedTime> {
        let due = |(id, known): (&String, &Known)| fence::deadline(set.get(id, profile)?, &known.memory);
        self.0.iter().filter_map(due).min()
    }

    fn forget_idle(&mut self) {
        self.0.retain(|_, known| !known.memory.is_idle());
    }
}

fn orphan(id: &str, known: &Known) -> Orphan {
    Orphan { code: known.code.clone(), by: fence::source_of(id) }
}

impl Device {
    /// Holds the newest position against the fences.
    pub(super) fn fence(
        &mut self,
        set: &FenceSet,
        fix: &Fix,
        received: ReceivedTime,
        position: Position,
        (voice, said): (&mut Voice, &mut Said),
    ) {
        let place = LonLat { lon: fix.lon, lat: fix.lat };
        let at = Moment { time: fix.order, received: received.0 };
        let fix = fence::Fix { at, place, accuracy_m: fix.accuracy_m };
        let (mut edges, mut scratch) = (Vec::new(), Vec::new());
        for fenced in set.of_class(self.profile.class) {
            let near = fenced.is_near(place);
            if !near && self.fences.0.is_empty() {
                continue;
            }
            let rule = fenced.fence();
            if !(near || self.fences.0.contains_key(&rule.id)) || !rule.concerns(&self.profile) {
                continue;
            }
            if !self.fences.0.contains_key(&rule.id) {
                let fresh = Known { code: rule.code.clone(), memory: FenceMemory::default() };
                self.fences.0.insert(rule.id.clone(), fresh);
            }
            let Some(known) = self.fences.0.get_mut(&rule.id) else { continue };
            fence::judge(fenced, &mut known.memory, fix, &mut scratch);
            edges.extend(scratch.drain(..).map(|edge| (fenced.clone(), edge)));
        }
        self.fences.forget_idle();
        self.say_fences(edges, (received, position), voice, said);
    }

    /// Lets time pass for the fences.
    pub(super) fn advance_fences(
        &mut self,
        set: &FenceSet,
        (now, position): (ReceivedTime, Position),
        voice: &mut Voice,
        said: &mut Said,
    ) {
        let (mut edges, mut scratch) = (Vec::new(), Vec::new());
        for (id, known) in &mut self.fences.0 {
            let Some(fenced) = set.get(id, &self.profile) else { continue };
            fence::advance(fenced, &mut known.memory, now, &mut scratch);
            edges.extend(scratch.drain(..).map(|edge| (fenced.clone(), edge)));
        }
        self.fences.forget_idle();
        self.say_fences(edges, (now, position), voice, said);
    }

    fn say_fences(
        &self,
        edges: Vec<(Arc<Fenced>, Edge)>,
        (received, position): (ReceivedTime, Position),
        voice: &mut Voice,
        said: &mut Said,
    ) {
        for (fenced, edge) in edges {
            let rule = fenced.fence();
            let mut condition = self.condition(rule.code.clone(), edge.active, received, position);
            condition.severity = rule.severity;
            condition.text = fenced.describe(&condition.device_name, &edge);
            condition.at = edge.at;
            condition.by = rule.source();
            said.condition(voice, condition);
        }
    }
}
