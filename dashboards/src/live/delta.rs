//! What a viewer has to be told, and the walks over a table that find it.
//!
//! Three walks: changes of a kind that a box narrows, changes of a kind that is always shown whole, and the difference
//! between two views. Each costs what it visits: changes for the first two, the whole table for the third.

use super::filter::Filter;
use super::table::{State, Table, Thing};
use greenhub_model::order::Order;
use greenhub_model::output::Flood;
use greenhub_model::view::{DeviceView, UnitView};
use greenhub_model::{Alarm, AlarmEvent, AlarmId, DeviceId, OrderId};
use std::collections::HashSet;
use std::sync::Arc;

/// What a viewer has to be told.
#[derive(Default)]
pub struct Delta {
    /// New states of units.
    pub units: Vec<Arc<State<UnitView>>>,
    /// New states of devices.
    pub devices: Vec<Arc<State<DeviceView>>>,
    /// New states of alarms, those that ended included.
    pub alarms: Vec<Arc<State<Alarm>>>,
    /// New states of orders, those that ended included.
    pub orders: Vec<Arc<State<Order>>>,
    /// Every alarm event, in order.
    pub events: Vec<Arc<State<AlarmEvent>>>,
    /// All desks in flood now, where that changed.
    pub floods: Option<Vec<Flood>>,
    /// Ids to forget.
    pub removed: Removed,
}

/// Ids to forget.
#[derive(Default)]
pub struct Removed {
    /// Units struck off or out of the box.
    pub units: Vec<DeviceId>,
    /// Devices struck off or out of the box.
    pub devices: Vec<DeviceId>,
    /// Alarms that are over.
    pub alarms: Vec<AlarmId>,
    /// Orders that are over.
    pub orders: Vec<OrderId>,
}

impl Removed {
    /// Nothing to forget.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.devices.is_empty() && self.alarms.is_empty() && self.orders.is_empty()
    }
}

impl Delta {
    /// Nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
            && self.devices.is_empty()
            && self.alarms.is_empty()
            && self.orders.is_empty()
            && self.events.is_empty()
            && self.floods.is_none()
            && self.removed.is_empty()
    }
}

/// Things inside a box that some viewer of a group may hold; empty and unused where the filter has no box.
#[derive(Default)]
pub struct Held {
    pub(super) units: HashSet<DeviceId>,
    pub(super) devices: HashSet<DeviceId>,
}

/// How a delta treats things outside the box.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Name only those that [`Held`] says somebody has; for a group that is in step.
    Held,
    /// Name every changed one; for a viewer of which only the cursor is known.
    Changed,
}

/// Changes of a kind that a box narrows.
pub(super) fn on_map<T: Thing>(
    table: &Table<T>,
    version: u64,
    filter: &Filter,
    held: &mut HashSet<T::Id>,
    leaving: Leaving,
    put: &mut Vec<Arc<State<T>>>,
    gone: &mut Vec<T::Id>,
) {
    let boxed = filter.bbox.is_some();
    for change in table.since(version) {
        let id = change.state.value.id();
        if change.alive && filter.sees(change.state.value.place()) {
            if boxed && !held.contains(id) {
                held.insert(id.clone());
            }
            put.push(change.state.clone());
        } else if !boxed || leaving == Leaving::Changed || held.remove(id) {
            gone.push(id.clone());
        }
    }
}

/// Changes of a kind that is always shown whole. The last state of what ended is told beside its removal.
pub(super) fn on_list<T: Thing>(table: &Table<T>, version: u64, put: &mut Vec<Arc<State<T>>>, gone: &mut Vec<T::Id>) {
    for change in table.since(version) {
        put.push(change.state.clone());
        if !change.alive {
            gone.push(change.state.value.id().clone());
        }
    }
}

/// What enters and leaves when the box moves, and what changed meanwhile.
pub(super) fn moved_view<T: Thing>(
    table: &Table<T>,
    version: u64,
    old: Option<&Filter>,
    new: &Filter,
    held: &mut HashSet<T::Id>,
    put: &mut Vec<Arc<State<T>>>,
    gone: &mut Vec<T::Id>,
) {
    for change in table.since(0) {
        let place = change.state.value.place();
        let id = change.state.value.id();
        let fresh = change.version > version;
        let was_seen = old.is_some_and(|old| old.sees(place));
        if change.alive && new.sees(place) {
            if fresh || !was_seen {
                put.push(change.state.clone());
            }
            if new.bbox.is_some() {
                held.insert(id.clone());
            }
        } else if fresh || (was_seen && change.alive) {
            gone.push(id.clone());
        }
    }
}
