//! The simulated district as a value: push time in, take messages out.
//!
//! Each thing that speaks is an [`Actor`] with its own next moment; a heap brings them in order. What an actor does
//! depends on its own dice and its own moments, never on how the caller cuts the steps: a world stepped every 10 ms and
//! one stepped once a minute say the same.
//!
//! Two times: *model time* drives movement, daylight and incidents and may run faster than the clock on the wall
//! ([`SimulateOptions::speed`]); message times are always mapped back to the wall, because a hub judges them. Where the
//! wall jumps (a suspended laptop), the model does not: at most [`CATCH_UP_MS`] are made up for.
//!
//! Cost: about 2 µs a message. Memory: about 1 KB a unit, 100 bytes a lamp.

mod charger;
mod coverage;
mod incident;
mod instrument;
mod light;
mod motion;
mod unit;

use crate::district::{District, district};
use crate::message::{Publish, json, topic};
use crate::options::SimulateOptions;
use crate::profiles::lights::sites;
use crate::profiles::profiles;
use crate::random::Dice;
use coverage::Coverage;
use greenhub_model::Class;
use greenhub_model::profile::DeviceProfile;
use incident::Director;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Longest gap of wall time that a step makes up for, milliseconds.
pub const CATCH_UP_MS: i64 = 10_000;
/// Most units with a connection of their own; further ones share gateways.
pub const OWN_LINKS_MAX: usize = 200;
const UNITS_PER_GATEWAY: usize = 40;
const CIRCUITS_PER_GATEWAY_MIN: usize = 10;
const LIGHT_GATEWAYS_MAX: usize = 40;
const CHARGER_GATEWAYS: usize = 8;

/// A connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// MQTT client id.
    pub client_id: String,
    /// Topic and payload of its will and of its goodbye: the unit is off line. Gateways have none.
    pub will: Option<(String, String)>,
}

/// Something that speaks.
trait Actor: Send {
    /// Lives up to `now` (model time) and says what is due; gives its next moment, which lies after `now`.
    fn act(&mut self, now: i64, scene: &mut Scene<'_>) -> i64;
    /// Falls into its incident until `until`; false where it cannot just now. Its next moment becomes `now`.
    fn afflict(&mut self, _until: i64) -> bool {
        false
    }
}

/// What an actor sees of the world.
struct Scene<'a> {
    district: &'static District,
    coverage: &'a Coverage,
    clock: &'a Clock,
    out: &'a mut Vec<Publish>,
}

impl Scene<'_> {
    /// The wall time of a moment of model time: what stands in messages.
    fn stamp(&self, model_ms: i64) -> i64 {
        self.clock.wall(model_ms)
    }
    fn send(&mut self, link: usize, class: Class, device: &str, message: &str, payload: String) {
        self.out.push(Publish { link, topic: topic(class, device, message), payload });
    }
}

/// Maps wall time to model time and back.
#[derive(Debug)]
struct Clock {
    wall_anchor: i64,
    model_anchor: i64,
    speed: f64,
    last_wall: i64,
}

impl Clock {
    fn model(&self, wall: i64) -> i64 {
        self.model_anchor + ((wall - self.wall_anchor) as f64 * self.speed) as i64
    }
    fn wall(&self, model: i64) -> i64 {
        self.wall_anchor + ((model - self.model_anchor) as f64 / self.speed) as i64
    }
    /// Takes note of the wall time; a jump back or far ahead moves the anchor instead of the model.
    fn observe(&mut self, wall: i64) -> i64 {
        let gap = wall - self.last_wall;
        if !(0..=CATCH_UP_MS).contains(&gap) {
            let model = self.model(self.last_wall + gap.clamp(0, CATCH_UP_MS));
            (self.wall_anchor, self.model_anchor) = (wall, model);
        }
        self.last_wall = wall;
        self.model(wall)
    }
}

/// A simulated district.
pub struct World {
    clock: Clock,
    coverage: Coverage,
    actors: Vec<Box<dyn Actor>>,
    /// Next moment of each actor; heap entries that disagree are stale.
    due: Vec<i64>,
    heap: BinaryHeap<Reverse<(i64, usize)>>,
    director: Option<Director>,
    links: Vec<Link>,
}

impl World {
    /// The world of these options at this wall time (Unix ms).
    pub fn new(options: &SimulateOptions, start_ms: i64) -> Self {
        let seed = options.seed;
        let speed = options.speed.clamp(0.1, 100.0);
        let interval_ms = (1000.0 / options.rate_hz.clamp(0.01, 100.0)).round().max(10.0) as i64;
        let clock = Clock { wall_anchor: start_ms, model_anchor: start_ms, speed, last_wall: start_ms };
        let mut world = Self {
            clock,
            coverage: Coverage::new(district(), seed),
            actors: Vec::new(),
            due: Vec::new(),
            heap: BinaryHeap::new(),
            director: None,
            links: Vec::new(),
        };
        let mut director = Director::new(seed, start_ms);
        let sites = sites(district(), options.size.circuit);
        let all = profiles(&options.size, seed);
        // A unit's interval is a wall time; the model may run faster.
        let unit_interval = ((interval_ms as f64) * speed).round().max(1.0) as i64;
        let mut circuits = 0;
        let mut chargers = 0;
        let mut plant_link = None;
        let mut air_link = None;
        let circuits_per_gateway = sites.len().div_ceil(LIGHT_GATEWAYS_MAX).max(CIRCUITS_PER_GATEWAY_MIN);
        for profile in &all {
            let mut dice = Dice::of(seed, profile.device.as_str());
            match profile.class {
                Class::Patrol | Class::Vehicle => {
                    let link = world.unit_link(profile);
                    let first = start_ms + (dice.unit() * 1500.0) as i64;
                    let home = unit::home(profile, district(), &mut dice);
                    let actor = unit::Unit::new(profile, home, link, unit_interval, start_ms, dice);
                    let index = world.add(Box::new(actor), first);
                    director.consider(profile, index);
                }
                Class::Plant | Class::Environment => {
                    let slot = if profile.class == Class::Plant { &mut plant_link } else { &mut air_link };
                    let link = *slot.get_or_insert_with(|| {
                        let number = world.links.len();
                        world.links.push(Link { client_id: format!("sim-{}-gateway", profile.class), will: None });
                        number
                    });
                    let first = start_ms + (dice.unit() * 3000.0) as i64;
                    let actor = instrument::Instrument::new(profile, link, start_ms, dice);
                    let index = world.add(Box::new(actor), first);
                    director.consider(profile, index);
                }
                Class::Charger => {
                    let link = world.gateway("charger", chargers % CHARGER_GATEWAYS);
                    chargers += 1;
                    let first = start_ms + (dice.unit() * 8000.0) as i64;
                    let actor = charger::Pile::new(profile, link, start_ms, dice);
                    let index = world.add(Box::new(actor), first);
                    director.consider(profile, index);
                }
                Class::Light if profile.kind == "circuit" => {
                    let link = world.gateway("light", circuits / circuits_per_gateway);
                    let first = start_ms + (dice.unit() * 4000.0) as i64;
                    let actor = light::Circuit::new(circuits, sites[circuits].used_for, link, start_ms, seed);
                    circuits += 1;
                    let index = world.add(Box::new(actor), first);
                    director.consider(profile, index);
                }
                // A circuit plays its own fixtures.
                Class::Light => {}
            }
        }
        world.director = options.incidents.then_some(director);
        world
    }

    fn add(&mut self, actor: Box<dyn Actor>, first: i64) -> usize {
        let index = self.actors.len();
        self.actors.push(actor);
        self.due.push(first);
        self.heap.push(Reverse((first, index)));
        index
    }

    fn unit_link(&mut self, profile: &DeviceProfile) -> usize {
        let units = self.actors.len();
        let id = profile.device.as_str();
        if units < OWN_LINKS_MAX {
            // A will cannot know when it will be sent: it carries no time, so the hub's receive time stands in.
            let goodbye = (topic(profile.class, id, "status"), json(&serde_json::json!({ "online": false })));
            self.links.push(Link { client_id: id.to_owned(), will: Some(goodbye) });
            return self.links.len() - 1;
        }
        self.gateway("unit", (units - OWN_LINKS_MAX) / UNITS_PER_GATEWAY)
    }

    /// The gateway connection with this number, made at its first use.
    fn gateway(&mut self, of: &str, number: usize) -> usize {
        let client_id = format!("sim-{of}-gateway-{}", number + 1);
        if let Some(found) = self.links.iter().position(|l| l.client_id == client_id) {
            return found;
        }
        self.links.push(Link { client_id, will: None });
        self.links.len() - 1
    }

    /// The connections that messages name by index.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Lives up to the wall time `now_ms` and gives what was said since the last step, in order.
    pub fn step(&mut self, now_ms: i64) -> Vec<Publish> {
        let until = self.clock.observe(now_ms);
        let mut out = Vec::new();
        loop {
            let next_actor = self.heap.peek().map_or(i64::MAX, |Reverse((due, _))| *due);
            let next_incident = self.director.as_ref().map_or(i64::MAX, Director::due);
            if next_actor.min(next_incident) > until {
                return out;
            }
            if next_incident <= next_actor {
                self.direct(next_incident);
                continue;
            }
            let Some(Reverse((due, index))) = self.heap.pop() else { return out };
            if self.due[index] != due {
                continue;
            }
            let (clock, coverage) = (&self.clock, &self.coverage);
            let mut scene = Scene { district: district(), coverage, clock, out: &mut out };
            let next = self.actors[index].act(due, &mut scene).max(due + 1);
            self.due[index] = next;
            self.heap.push(Reverse((next, index)));
        }
    }

    /// Wall time at which something is due again (Unix ms).
    pub fn next_due(&self) -> i64 {
        let next_actor = self.heap.peek().map_or(i64::MAX, |Reverse((due, _))| *due);
        let next = self.director.as_ref().map_or(next_actor, |d| d.due().min(next_actor));
        if next == i64::MAX { i64::MAX } else { self.clock.wall(next) }
    }

    fn direct(&mut self, now: i64) {
        let Some(director) = &mut self.director else { return };
        if let Some((index, until)) = director.next(now, |index, until| self.actors[index].afflict(until)) {
            tracing::debug!(index, until, "incident begins");
            self.due[index] = now;
            self.heap.push(Reverse((now, index)));
        }
    }
}

#[cfg(test)]
mod tests;
