//! The live state itself: four tables, the newest events, one version for each applied batch. No socket, no clock.
//!
//! | kind | there while | when it goes |
//! |---|---|---|
//! | units, devices | registered or heard | struck off: `removed` |
//! | alarms | standing | the state `normal` is told once, then `removed` |
//! | orders | open | closed or cancelled is told once, then `removed` |
//!
//! Readers ask for a [`Delta`] under a short lock; it holds shared pointers, so that encoding happens outside. A
//! version that is older than what tombstones and the event ring remember has no delta, only a snapshot.

use super::delta::{Delta, Held, Leaving, moved_view, on_list, on_map};
use super::filter::Filter;
use super::table::{State, Table, Thing};
use greenhub_model::geodesy::LonLat;
use greenhub_model::order::{Order, OrderTrigger};
use greenhub_model::output::Flood;
use greenhub_model::view::{DeviceView, UnitView};
use greenhub_model::{Alarm, AlarmEvent, AlarmId, AlarmState, BatchOutput, DeviceId, OrderId, Output};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

impl Thing for UnitView {
    type Id = DeviceId;
    fn id(&self) -> &DeviceId {
        &self.id
    }
    fn place(&self) -> Option<LonLat> {
        Some(LonLat { lon: self.lon?, lat: self.lat? })
    }
}

impl Thing for DeviceView {
    type Id = DeviceId;
    fn id(&self) -> &DeviceId {
        &self.id
    }
    fn place(&self) -> Option<LonLat> {
        Some(LonLat { lon: self.lon?, lat: self.lat? })
    }
}

impl Thing for Alarm {
    type Id = AlarmId;
    fn id(&self) -> &AlarmId {
        &self.id
    }
    fn place(&self) -> Option<LonLat> {
        Some(LonLat { lon: self.lon?, lat: self.lat? })
    }
}

/// Characters of the text that are shown live.
const TEXT_SHOWN: usize = 200;

/// An order as everybody sees it live: without who reported it, and without what only its page needs.
fn light(order: &Order) -> Order {
    let mut order = order.clone();
    order.reporter = None;
    order.clocks.retain(|clock| clock.ended_at.is_none());
    if let Some((end, _)) = order.text.char_indices().nth(TEXT_SHOWN) {
        order.text.truncate(end);
        order.text.push('…');
    }
    order
}

impl Thing for Order {
    type Id = OrderId;
    fn id(&self) -> &OrderId {
        &self.id
    }
    fn place(&self) -> Option<LonLat> {
        Some(LonLat { lon: self.lon?, lat: self.lat? })
    }
}

/// Bounds of the live state.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most things of one kind.
    pub things: usize,
    /// Most orders: a page reads what is beyond as a list.
    pub orders: usize,
    /// Most removals remembered of one kind.
    pub tombstones: usize,
    /// Most alarm events remembered.
    pub events: usize,
}

/// The live state.
pub struct Store {
    /// Moving units.
    pub units: Table<UnitView>,
    /// Fixed devices.
    pub devices: Table<DeviceView>,
    /// Standing alarms.
    pub alarms: Table<Alarm>,
    /// Open orders.
    pub orders: Table<Order>,
    /// Desks in flood, by name, and the version of the newest change.
    floods: (BTreeMap<String, Flood>, u64),
    events: VecDeque<(u64, Arc<State<AlarmEvent>>)>,
    events_max: usize,
    events_floor: u64,
    orders_known_to: u64,
    version: u64,
    batch: u64,
}

impl Store {
    /// An empty state.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            units: Table::new(bounds.things, bounds.tombstones),
            devices: Table::new(bounds.things, bounds.tombstones),
            alarms: Table::new(bounds.things, bounds.tombstones),
            orders: Table::new(bounds.orders, bounds.tombstones),
            floods: (BTreeMap::new(), 0),
            events: VecDeque::new(),
            events_max: bounds.events,
            events_floor: 0,
            orders_known_to: 0,
            version: 0,
            batch: 0,
        }
    }

    /// Version of the newest change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Newest applied batch.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Takes over the outputs of one batch; returns whether anything visible changed.
    pub fn apply(&mut self, output: &BatchOutput) -> bool {
        self.batch = output.batch;
        let version = self.version + 1;
        let mut changed = false;
        for item in &output.items {
            changed |= match item {
                Output::Unit(unit) => self.put_unit(unit, version),
                Output::Device(device) => self.put_device(device, version),
                Output::Removed { device, .. } => self.strike_off(device, version),
                Output::Alarm(change) => self.put_alarm(&change.alarm, &change.event, version),
                Output::Order(trigger) => output.batch > self.orders_known_to && self.open_order(trigger, version),
                Output::Track(_) | Output::Sample(_) | Output::Quarantine(_) | Output::CommandDone { .. } => false,
                Output::Flood(flood) => self.put_flood(flood, version),
                Output::Service(_) => false,
            };
        }
        if changed {
            self.version = version;
        }
        changed
    }

    fn put_unit(&mut self, unit: &UnitView, version: u64) -> bool {
        self.units.put(unit.clone(), version);
        true
    }

    fn put_device(&mut self, device: &DeviceView, version: u64) -> bool {
        self.devices.put(device.clone(), version);
        true
    }

    fn strike_off(&mut self, device: &DeviceId, version: u64) -> bool {
        self.units.remove(device, None, version);
        self.devices.remove(device, None, version);
        true
    }

    fn put_alarm(&mut self, alarm: &Alarm, event: &AlarmEvent, version: u64) -> bool {
        if alarm.state == AlarmState::Normal {
            self.alarms.remove(&alarm.id, Some(alarm.clone()), version);
        } else {
            self.alarms.put(alarm.clone(), version);
        }
        self.events.push_back((version, State::new(event.clone())));
        while self.events.len() > self.events_max {
            if let Some((forgotten, _)) = self.events.pop_front() {
                self.events_floor = forgotten;
            }
        }
        true
    }

    fn put_flood(&mut self, flood: &Flood, version: u64) -> bool {
        let (floods, changed) = &mut self.floods;
        match flood.flooded {
            true => floods.insert(flood.desk.clone(), flood.clone()),
            false => floods.remove(&flood.desk),
        };
        *changed = version;
        true
    }

    /// Desks in flood.
    pub fn floods(&self) -> Vec<Flood> {
        self.floods.0.values().cloned().collect()
    }

    fn open_order(&mut self, trigger: &OrderTrigger, version: u64) -> bool {
        if self.orders.knows(&trigger.order) {
            return false;
        }
        let order = Order::of_alarm(trigger);
        self.orders.put(order, version);
        true
    }

    /// Takes over orders as the order book has them. Triggers of batches up to `known_to` are in the book already and
    /// open nothing here, so that a start after a crash does not show a closed order again.
    pub fn put_orders(&mut self, orders: &[Order], known_to: u64) {
        self.orders_known_to = self.orders_known_to.max(known_to);
        let version = self.version + 1;
        let mut changed = false;
        for order in orders {
            // Two acts that were stored one after the other may be told the other way round.
            if self.orders.last(&order.id).is_some_and(|shown| shown.value.version > order.version) {
                continue;
            }
            changed = true;
            let shown = light(order);
            if !order.state.is_open() {
                self.orders.remove(&order.id, Some(shown), version);
            } else {
                self.orders.put(shown, version);
            }
        }
        if changed {
            self.version = version;
        }
    }

    /// Whether everything after `version` is still remembered.
    pub fn reaches(&self, version: u64) -> bool {
        let floors = [self.units.floor(), self.devices.floor(), self.alarms.floor(), self.orders.floor()];
        version <= self.version && floors.into_iter().chain([self.events_floor]).all(|floor| version >= floor)
    }

    /// What changed after `version` for viewers with `filter`.
    ///
    /// States are the newest there are; events end at `events_to`, because a later delta from there will bring the rest
    /// and each event is told once.
    pub fn delta(&self, version: u64, filter: &Filter, held: &mut Held, leaving: Leaving, events_to: u64) -> Delta {
        let mut delta = Delta::default();
        if filter.units {
            let (put, gone) = (&mut delta.units, &mut delta.removed.units);
            on_map(&self.units, version, filter, &mut held.units, leaving, put, gone);
        }
        if filter.devices {
            let (put, gone) = (&mut delta.devices, &mut delta.removed.devices);
            on_map(&self.devices, version, filter, &mut held.devices, leaving, put, gone);
        }
        if filter.alarms {
            on_list(&self.alarms, version, &mut delta.alarms, &mut delta.removed.alarms);
            delta.events = self.events_between(version, events_to);
            delta.floods = (self.floods.1 > version).then(|| self.floods());
        }
        if filter.orders {
            on_list(&self.orders, version, &mut delta.orders, &mut delta.removed.orders);
        }
        delta
    }

    /// Events after `version` up to and including `to`, oldest first.
    fn events_between(&self, version: u64, to: u64) -> Vec<Arc<State<AlarmEvent>>> {
        let start = self.events.partition_point(|(at, _)| *at <= version);
        self.events.range(start..).take_while(|(at, _)| *at <= to).map(|(_, event)| event.clone()).collect()
    }

    /// Everything that is there for viewers with `filter`.
    pub fn snapshot(&self, filter: &Filter, held: &mut Held) -> Delta {
        let mut all = Delta::default();
        if filter.units {
            all.units = self.units.all().filter(|s| filter.sees(s.value.place())).cloned().collect();
        }
        if filter.devices {
            all.devices = self.devices.all().filter(|s| filter.sees(s.value.place())).cloned().collect();
        }
        if filter.alarms {
            all.alarms = self.alarms.all().cloned().collect();
            all.floods = Some(self.floods());
        }
        if filter.orders {
            all.orders = self.orders.all().cloned().collect();
        }
        if filter.bbox.is_some() {
            held.units.extend(all.units.iter().map(|s| s.value.id.clone()));
            held.devices.extend(all.devices.iter().map(|s| s.value.id.clone()));
        }
        all
    }

    /// What a viewer that stood at `version` under the filter `old` must be told to stand under `new`.
    /// Kinds that `new` leaves out are not named in `removed`: who unsubscribes from a kind forgets it whole.
    pub fn difference(&self, version: u64, old: &Filter, new: &Filter, held: &mut Held, events_to: u64) -> Delta {
        let mut delta = Delta::default();
        if new.units {
            let old = old.units.then_some(old);
            let (put, gone) = (&mut delta.units, &mut delta.removed.units);
            moved_view(&self.units, version, old, new, &mut held.units, put, gone);
        }
        if new.devices {
            let old = old.devices.then_some(old);
            let (put, gone) = (&mut delta.devices, &mut delta.removed.devices);
            moved_view(&self.devices, version, old, new, &mut held.devices, put, gone);
        }
        if new.alarms && old.alarms {
            on_list(&self.alarms, version, &mut delta.alarms, &mut delta.removed.alarms);
        } else if new.alarms {
            delta.alarms = self.alarms.all().cloned().collect();
        }
        if new.alarms {
            delta.events = self.events_between(version, events_to);
            delta.floods = (self.floods.1 > version || !old.alarms).then(|| self.floods());
        }
        if new.orders && old.orders {
            on_list(&self.orders, version, &mut delta.orders, &mut delta.removed.orders);
        } else if new.orders {
            delta.orders = self.orders.all().cloned().collect();
        }
        delta
    }
}
