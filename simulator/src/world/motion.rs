//! How things move along roads: acceleration, braking for turns, lights and stops, pauses.
//!
//! A [`Mover`] follows a queue of legs. It knows at which speed it may leave the leg it is on (a turn, a red light, the end
//! of its way) and never drives faster than it could still brake for that. Steps are at most one second of model time.

use crate::random::Dice;
use crate::roads::{Leg, RoadGraph, RoadKind, Spot};
use std::collections::VecDeque;

/// How one sort of mover behaves. Metres and seconds.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Speed by road kind: minor, secondary, primary, expressway.
    pub cruise: [f64; 4],
    pub accelerate: f64,
    pub brake: f64,
    /// Speed through a right-angled turn.
    pub turn: f64,
    /// Distance right of the road's middle.
    pub lane: f64,
    /// Obeys traffic lights.
    pub lights: bool,
    /// Mean seconds between pauses, and how long they are; none where it never pauses.
    pub pauses: Option<(f64, (f64, f64))>,
}

impl Style {
    pub(super) fn cruise(&self, kind: RoadKind) -> f64 {
        self.cruise[kind as usize]
    }
}

/// Something that moves along legs.
#[derive(Debug, Clone)]
pub(super) struct Mover {
    pub legs: VecDeque<Leg>,
    /// Metres into the first leg.
    pub along: f64,
    /// Metres a second.
    pub speed: f64,
    /// Stands for so many seconds more.
    pub dwell_s: f64,
    leave: Option<(f64, f64)>,
}

impl Mover {
    pub(super) fn new(first: Leg, along: f64) -> Self {
        Self { legs: VecDeque::from([first]), along, speed: 0.0, dwell_s: 0.0, leave: None }
    }

    /// Where it is, without its lane.
    pub(super) fn spot(&self, graph: &RoadGraph) -> Spot {
        graph.spot(self.legs[0], self.along)
    }

    /// The junction where its known way ends.
    pub(super) fn horizon(&self, graph: &RoadGraph) -> usize {
        graph.end(self.legs[self.legs.len() - 1])
    }

    /// Moves on by `dt_s`. True when it stands at the end of its known way: give it more legs.
    pub(super) fn advance(&mut self, dt_s: f64, graph: &RoadGraph, style: &Style, dice: &mut Dice) -> bool {
        let mut left = dt_s.clamp(0.0, 120.0);
        while left > 1e-9 {
            let step = left.min(1.0);
            left -= step;
            if self.dwell_s > 0.0 {
                self.dwell_s -= step;
                self.speed = 0.0;
                continue;
            }
            if let Some((mean, (short, long))) = style.pauses
                && dice.chance(step / mean)
            {
                self.dwell_s = dice.between(short, long);
                continue;
            }
            let edge = &graph.edges[self.legs[0].edge];
            let (leave_at, wait) = *self.leave.get_or_insert_with(|| leave(graph, &self.legs, style, dice));
            let rest = (edge.length - self.along).max(0.0);
            let can_brake = (leave_at * leave_at + 2.0 * style.brake * rest).sqrt();
            let wish = style.cruise(edge.kind).min(can_brake);
            self.speed = if wish >= self.speed { wish.min(self.speed + style.accelerate * step) } else { wish };
            // The last metre is crawled, not approached for ever.
            self.speed = self.speed.max(style.cruise(edge.kind).min(0.4));
            self.along += self.speed * step;
            if self.along < edge.length {
                continue;
            }
            if self.legs.len() == 1 {
                self.along = edge.length;
                self.speed = 0.0;
                return true;
            }
            self.along -= edge.length;
            self.legs.pop_front();
            self.leave = None;
            let next = graph.edges[self.legs[0].edge].length;
            self.along = self.along.min(next * 0.9);
            if wait > 0.0 {
                self.dwell_s = wait;
                self.along = self.along.min(1.0);
                self.speed = 0.0;
            }
        }
        false
    }

    /// Appends to its way; the leg it is on may now be left at speed.
    pub(super) fn extend(&mut self, legs: impl IntoIterator<Item = Leg>) {
        if self.legs.len() == 1 {
            self.leave = None;
        }
        self.legs.extend(legs);
    }
}

/// Speed at which the first leg may be left, and how long to wait at its end.
fn leave(graph: &RoadGraph, legs: &VecDeque<Leg>, style: &Style, dice: &mut Dice) -> (f64, f64) {
    let Some(next) = legs.get(1) else { return (0.0, 0.0) };
    let here = legs[0];
    let junction = graph.end(here);
    let large = graph
        .exits(junction)
        .iter()
        .filter(|l| matches!(graph.edges[l.edge].kind, RoadKind::Primary | RoadKind::Secondary));
    if style.lights && large.count() >= 3 && dice.chance(0.4) {
        return (0.0, dice.between(6.0, 42.0));
    }
    let (from, to) = (graph.spot(here, f64::MAX).heading_deg, graph.spot(*next, 0.0).heading_deg);
    let turn = ((to - from + 540.0).rem_euclid(360.0) - 180.0).abs();
    let free = style.cruise(graph.edges[next.edge].kind);
    match turn {
        t if t < 25.0 => (free, 0.0),
        t if t < 60.0 => (free.min(style.turn * 1.6), 0.0),
        _ => (free.min(style.turn), 0.0),
    }
}

/// The next leg of an aimless way: not back where it came from, rather towards what `liked` scores higher.
pub(super) fn stroll(graph: &RoadGraph, last: Leg, dice: &mut Dice, liked: impl Fn(Leg) -> f64) -> Leg {
    let back = Leg { edge: last.edge, forward: !last.forward };
    let exits: Vec<(Leg, f64)> = graph
        .exits(graph.end(last))
        .iter()
        .filter(|&&leg| leg != back)
        .map(|&leg| (leg, liked(leg)))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    let mut pick = dice.unit() * exits.iter().map(|(_, score)| score).sum::<f64>();
    for (leg, score) in &exits {
        pick -= score;
        if pick <= 0.0 {
            return *leg;
        }
    }
    exits.last().map_or(back, |(leg, _)| *leg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::district::district;

    fn truck() -> Style {
        Style {
            cruise: [7.0, 11.0, 13.0, 18.0],
            accelerate: 1.0,
            brake: 1.4,
            turn: 4.0,
            lane: 4.0,
            lights: true,
            pauses: None,
        }
    }

    #[test]
    fn a_truck_accelerates_brakes_and_arrives() {
        let graph = district().roads();
        let mut dice = Dice::of(5, "truck");
        let (from, to) = (0, graph.junctions.len() / 2);
        let way = graph.way(from, to, |e| Some(e.length)).expect("one network");
        let metres: f64 = way.iter().map(|l| graph.edges[l.edge].length).sum();
        let mut mover = Mover::new(way[0], 0.0);
        mover.extend(way[1..].iter().copied());
        let (mut seconds, mut last) = (0, 0.0);
        while !mover.advance(1.0, graph, &truck(), &mut dice) {
            assert!(mover.speed - last <= 1.0 + 1e-9, "accelerates at {} m/s2", mover.speed - last);
            assert!(mover.speed <= 18.0);
            last = mover.speed;
            seconds += 1;
            assert!(seconds < 7200, "does not arrive");
        }
        let mean = metres / f64::from(seconds);
        assert!((2.0..14.0).contains(&mean), "{metres} m in {seconds} s: {mean} m/s");
        assert!(mover.spot(graph).at.distance(graph.junctions[to]) < 1.0);
    }

    #[test]
    fn a_stroll_does_not_turn_back_unless_it_must() {
        let graph = district().roads();
        let mut dice = Dice::of(6, "stroll");
        let mut leg = Leg { edge: 0, forward: true };
        let mut turns = 0;
        for _ in 0..2000 {
            let next = stroll(graph, leg, &mut dice, |_| 1.0);
            turns += usize::from(next.edge == leg.edge);
            assert_eq!(graph.end(Leg { edge: next.edge, forward: !next.forward }), graph.end(leg), "legs join");
            leg = next;
        }
        assert!(turns < 100, "{turns} of 2000 turned back");
    }
}
