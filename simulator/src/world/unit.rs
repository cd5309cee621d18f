//! Moving units: officers on foot who keep to their sub-district, sweepers that work along streets, trucks that collect
//! and carry to a transfer station.
//!
//! A unit reports where its receiver believes it to be: the true place, right of the road's middle, plus an error that
//! wanders (Gauss–Markov, deviation 2.6 m over 50 s) and a little jitter. In a dead spot or tunnel nothing goes out; fixes
//! are kept (one in two seconds, at most [`KEPT_MAX`], the oldest fall away) and are sent as arrays, with their own old
//! times, once the network has been back for [`BACK_MS`].

use super::motion::{Mover, Style, stroll};
use super::{Actor, Scene};
use crate::district::{Area, District, to_lonlat};
use crate::message::{Alarm, Position, Status, json, round};
use crate::profiles::codes;
use crate::random::{Dice, Wander};
use crate::roads::{Edge, Leg, Metres, RoadGraph, RoadKind, Spot};
use greenhub_model::Class;
use greenhub_model::profile::DeviceProfile;
use std::collections::VecDeque;

const KEPT_MAX: usize = 600;
const KEEP_EVERY_MS: i64 = 2000;
const BACK_MS: i64 = 3000;
const UPLOAD_MAX: usize = 150;
const STATUS_EVERY_MS: i64 = 300_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Patrol,
    Sweep,
    Collect,
}

/// Where a unit begins and what it keeps near to.
pub(super) struct Home {
    start: Leg,
    along: f64,
    centre: Metres,
    area: Option<&'static Area>,
}

/// Picks a start for a unit: inside its sub-district, or anywhere for vehicles.
pub(super) fn home(profile: &DeviceProfile, district: &'static District, dice: &mut Dice) -> Home {
    let graph = district.roads();
    let area = district.sub_districts().iter().find(|a| a.name == profile.sub_district);
    let mut edge = 0;
    // A few tries suffice: a sub-district holds about a tenth of the network.
    for _ in 0..400 {
        edge = dice.below(graph.edges.len());
        let e = &graph.edges[edge];
        let at = e.line[e.line.len() / 2];
        if walkable(e) && area.is_none_or(|a| a.contains(at)) {
            break;
        }
    }
    let start = Leg { edge, forward: dice.chance(0.5) };
    let along = graph.edges[edge].length * dice.unit();
    Home { start, along, centre: graph.spot(start, along).at, area }
}

fn walkable(edge: &Edge) -> bool {
    edge.kind != RoadKind::Expressway && !edge.tunnel
}

/// A moving unit.
pub(super) struct Unit {
    id: String,
    class: Class,
    work: Work,
    link: usize,
    interval_ms: i64,
    style: Style,
    mover: Mover,
    home: Home,
    /// Stops left of a collection round; empty means: to the transfer station.
    stops: usize,
    dice: Dice,
    east: Wander,
    north: Wander,
    last_ms: i64,
    battery_pct: f64,
    kept: VecDeque<Position>,
    kept_ms: i64,
    back_since: Option<i64>,
    status_due: i64,
    sos_until: Option<i64>,
    sos_said: bool,
    dead: bool,
}

impl Unit {
    pub(super) fn new(
        profile: &DeviceProfile,
        home: Home,
        link: usize,
        interval_ms: i64,
        start_ms: i64,
        mut dice: Dice,
    ) -> Self {
        let (work, style) = match (profile.class, profile.kind.as_str()) {
            (Class::Patrol, _) => (Work::Patrol, walker(&mut dice)),
            (_, "refuse_truck") => (Work::Collect, truck()),
            _ => (Work::Sweep, sweeper()),
        };
        Self {
            id: profile.device.as_str().to_owned(),
            class: profile.class,
            work,
            link,
            interval_ms,
            style,
            mover: Mover::new(home.start, home.along),
            home,
            stops: 1 + dice.below(5),
            east: Wander::new(2.6, 50.0, &mut dice),
            north: Wander::new(2.6, 50.0, &mut dice),
            last_ms: start_ms,
            battery_pct: dice.between(45.0, 100.0),
            kept: VecDeque::new(),
            kept_ms: 0,
            back_since: None,
            status_due: start_ms,
            sos_until: None,
            sos_said: false,
            dead: false,
            dice,
        }
    }

    /// Plans on until a few legs lie ahead, or to the next stop.
    fn plan(&mut self, district: &'static District, arrived: bool) {
        let graph = district.roads();
        if self.work == Work::Collect {
            if arrived || self.mover.legs.len() == 1 {
                self.next_stop(district, arrived);
            }
            return;
        }
        while self.mover.legs.len() < 3 {
            let last = self.mover.legs[self.mover.legs.len() - 1];
            let (home, on_foot) = (&self.home, self.work == Work::Patrol);
            let next = stroll(graph, last, &mut self.dice, |leg| {
                let edge = &graph.edges[leg.edge];
                if !walkable(edge) {
                    return 0.0;
                }
                let end = graph.junctions[graph.end(leg)];
                let near = match home.area {
                    Some(area) => area.contains(end),
                    None => end.distance(home.centre) < 1500.0,
                };
                // Outside its ground a unit turns back towards the middle of it.
                let here = graph.junctions[graph.end(last)];
                let homeward = end.distance(home.centre) < here.distance(home.centre);
                let large = !on_foot && edge.kind > RoadKind::Minor;
                (if near {
                    4.0
                } else if homeward {
                    1.5
                } else {
                    0.05
                }) * if large { 2.5 } else { 1.0 }
            });
            self.mover.extend([next]);
        }
    }

    fn next_stop(&mut self, district: &'static District, arrived: bool) {
        let graph = district.roads();
        if arrived {
            self.mover.dwell_s =
                if self.stops == 0 { self.dice.between(90.0, 200.0) } else { self.dice.between(20.0, 70.0) };
            self.stops = if self.stops == 0 { 4 + self.dice.below(4) } else { self.stops - 1 };
        }
        let from = self.mover.horizon(graph);
        let target = if self.stops == 0 {
            let stations = district.facilities("transfer_station");
            let near =
                stations.min_by(|a, b| a.at.distance(self.home.centre).total_cmp(&b.at.distance(self.home.centre)));
            near.map_or(from, |f| graph.nearest(f.at, walkable))
        } else {
            near_junction(graph, self.home.centre, &mut self.dice)
        };
        let style = &self.style;
        let way = graph.way(from, target, |edge| Some(edge.length / style.cruise(edge.kind) + 4.0));
        match way {
            Some(legs) if !legs.is_empty() => self.mover.extend(legs),
            // Already there: once around the block.
            _ => {
                let last = self.mover.legs[self.mover.legs.len() - 1];
                let next = stroll(graph, last, &mut self.dice, |_| 1.0);
                self.mover.extend([next]);
            }
        }
    }

    fn position(&mut self, now: i64, dt_s: f64, spot: Spot, scene: &Scene<'_>) -> Position {
        let right = (spot.heading_deg + 90.0).to_radians();
        let blind = if self.dead { 2.0 } else { 1.0 };
        let east = self.east.advance(dt_s, &mut self.dice) * blind + self.dice.between(-0.5, 0.5);
        let north = self.north.advance(dt_s, &mut self.dice) * blind + self.dice.between(-0.5, 0.5);
        let at = to_lonlat(Metres {
            x: spot.at.x + right.sin() * self.style.lane + east,
            y: spot.at.y + right.cos() * self.style.lane + north,
        });
        let moving = self.mover.speed > 0.2;
        let heading = spot.heading_deg + if moving { self.dice.between(-4.0, 4.0) } else { 0.0 };
        let speed = self.mover.speed * 3.6 * self.dice.between(0.95, 1.05);
        Position {
            time: scene.stamp(now),
            lon: at.lon,
            lat: at.lat,
            speed_kmh: round(speed, 1),
            heading_deg: round(heading.rem_euclid(360.0), 0).rem_euclid(360.0),
            accuracy_m: round((4.0 + east.hypot(north) * 0.6) * blind, 1),
            battery_pct: (self.class == Class::Patrol).then(|| round(self.battery_pct, 0)),
            sos: self.sos_until.is_some(),
        }
    }

    fn help(&mut self, now: i64, scene: &mut Scene<'_>) {
        let over = self.sos_until.is_some_and(|until| now >= until);
        if over {
            self.sos_until = None;
        }
        let wants = self.sos_until.is_some();
        if wants == self.sos_said {
            return;
        }
        self.sos_said = wants;
        let text = if wants { "队员按下求助键" } else { "队员解除求助" };
        let alarm = Alarm {
            time: scene.stamp(now),
            code: codes::SOS,
            active: wants,
            severity: "critical",
            text: text.to_owned(),
            value: None,
        };
        scene.send(self.link, self.class, &self.id, "alarm", json(&alarm));
    }

    fn report(&mut self, now: i64, position: Position, scene: &mut Scene<'_>) {
        if self.dead {
            self.back_since = None;
            if now - self.kept_ms >= KEEP_EVERY_MS {
                if self.kept.len() == KEPT_MAX {
                    self.kept.pop_front();
                }
                self.kept.push_back(position);
                self.kept_ms = now;
            }
            return;
        }
        if !self.kept.is_empty() && now - *self.back_since.get_or_insert(now) >= BACK_MS {
            let batch: Vec<Position> = self.kept.drain(..self.kept.len().min(UPLOAD_MAX)).collect();
            scene.send(self.link, self.class, &self.id, "position", json(&batch));
        }
        if now >= self.status_due {
            self.status_due = now + STATUS_EVERY_MS;
            let status = Status { time: scene.stamp(now), online: true, firmware: Some("2.3.1"), ..Status::default() };
            scene.send(self.link, self.class, &self.id, "status", json(&status));
        }
        scene.send(self.link, self.class, &self.id, "position", json(&position));
    }
}

impl Actor for Unit {
    fn act(&mut self, now: i64, scene: &mut Scene<'_>) -> i64 {
        let graph = scene.district.roads();
        let dt_s = (now - self.last_ms) as f64 / 1000.0;
        self.last_ms = now;
        self.help(now, scene);
        if self.sos_until.is_none() {
            self.plan(scene.district, false);
            if self.mover.advance(dt_s, graph, &self.style, &mut self.dice) {
                self.plan(scene.district, true);
            }
        } else {
            self.mover.speed = 0.0;
        }
        self.battery_pct -= dt_s * 7.0 / 3600.0;
        if self.battery_pct < 12.0 {
            self.battery_pct = 100.0;
        }
        let spot = self.mover.spot(graph);
        self.dead = graph.edges[self.mover.legs[0].edge].tunnel || scene.coverage.dead(spot.at);
        let position = self.position(now, dt_s, spot, scene);
        self.report(now, position, scene);
        let jitter = self.dice.between(-0.04, 0.04) * self.interval_ms as f64;
        now + self.interval_ms + jitter as i64
    }

    fn afflict(&mut self, until: i64) -> bool {
        // Help is called where somebody hears it; the dead spots have their own story.
        let can = self.work == Work::Patrol && !self.dead && self.sos_until.is_none();
        if can {
            self.sos_until = Some(until);
        }
        can
    }
}

/// A junction within a kilometre of home that a truck reaches.
fn near_junction(graph: &RoadGraph, home: Metres, dice: &mut Dice) -> usize {
    let mut best = 0;
    for _ in 0..200 {
        best = dice.below(graph.junctions.len());
        if graph.junctions[best].distance(home) < 1100.0 {
            break;
        }
    }
    best
}

fn walker(dice: &mut Dice) -> Style {
    let pace = dice.between(1.0, 1.45);
    Style {
        cruise: [pace; 4],
        accelerate: 0.8,
        brake: 1.0,
        turn: pace,
        lane: 6.0,
        lights: false,
        pauses: Some((190.0, (15.0, 110.0))),
    }
}

fn truck() -> Style {
    Style {
        cruise: [6.4, 9.5, 11.5, 17.0],
        accelerate: 0.9,
        brake: 1.3,
        turn: 3.6,
        lane: 3.5,
        lights: true,
        pauses: None,
    }
}

fn sweeper() -> Style {
    Style {
        cruise: [2.2, 2.8, 3.2, 3.2],
        accelerate: 0.6,
        brake: 1.0,
        turn: 1.8,
        lane: 5.0,
        lights: true,
        pauses: Some((420.0, (10.0, 60.0))),
    }
}
