//! The road graph: junctions, the road pieces between them, shortest ways.
//!
//! Built from road lines that share exact coordinates where they cross. Everything is in metres east and north of the
//! district's origin, because movement adds metres. About 900 junctions: a Dijkstra run costs a fraction of a millisecond
//! and happens only when a vehicle needs a new way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Metres east and north of the district's origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metres {
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
}

impl Metres {
    /// Distance in the plane.
    pub fn distance(self, other: Metres) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// How important a road is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoadKind {
    /// Street.
    Minor,
    /// Connecting road.
    Secondary,
    /// Main road.
    Primary,
    /// Elevated road or tunnel; nobody walks there.
    Expressway,
}

impl RoadKind {
    /// The kind a word of the district file names.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "minor" => Some(RoadKind::Minor),
            "secondary" => Some(RoadKind::Secondary),
            "primary" => Some(RoadKind::Primary),
            "expressway" => Some(RoadKind::Expressway),
            _ => None,
        }
    }
}

/// A road as drawn.
#[derive(Debug, Clone)]
pub struct Road {
    /// Its name.
    pub name: String,
    /// How important it is.
    pub kind: RoadKind,
    /// No sky and no network along it.
    pub tunnel: bool,
    /// Its line.
    pub line: Vec<Metres>,
}

/// A piece of road between two junctions.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Junction at its start.
    pub from: usize,
    /// Junction at its end.
    pub to: usize,
    /// Its line, from start to end.
    pub line: Vec<Metres>,
    /// Length in metres.
    pub length: f64,
    /// Index of its road.
    pub road: usize,
    /// How important it is.
    pub kind: RoadKind,
    /// No sky and no network along it.
    pub tunnel: bool,
}

/// One edge, travelled one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Index of the edge.
    pub edge: usize,
    /// From its start to its end?
    pub forward: bool,
}

/// A place on a leg with the direction of travel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Where.
    pub at: Metres,
    /// Degrees clockwise from north.
    pub heading_deg: f64,
}

/// Roads, junctions, and the pieces between.
#[derive(Debug)]
pub struct RoadGraph {
    /// Roads as drawn.
    pub roads: Vec<Road>,
    /// Places of the junctions.
    pub junctions: Vec<Metres>,
    /// Pieces between junctions.
    pub edges: Vec<Edge>,
    exits: Vec<Vec<Leg>>,
}

impl RoadGraph {
    /// Cuts roads at every vertex that two of them share (to the centimetre) and at their ends.
    pub fn new(roads: Vec<Road>) -> Self {
        let key = |p: Metres| ((p.x * 50.0).round() as i64, (p.y * 50.0).round() as i64);
        let mut uses: BTreeMap<(i64, i64), usize> = BTreeMap::new();
        for road in &roads {
            for (i, p) in road.line.iter().enumerate() {
                // An end counts twice, so that it is a junction even where nothing joins.
                *uses.entry(key(*p)).or_default() += if i == 0 || i + 1 == road.line.len() { 2 } else { 1 };
            }
        }
        let mut index: BTreeMap<(i64, i64), usize> = BTreeMap::new();
        let (mut junctions, mut edges) = (Vec::new(), Vec::<Edge>::new());
        for (number, road) in roads.iter().enumerate() {
            let mut piece: Vec<Metres> = Vec::new();
            let mut start = None;
            for p in &road.line {
                piece.push(*p);
                if uses[&key(*p)] < 2 {
                    continue;
                }
                let here = *index.entry(key(*p)).or_insert_with(|| {
                    junctions.push(*p);
                    junctions.len() - 1
                });
                if let Some(from) = start {
                    let length: f64 = piece.windows(2).map(|w| w[0].distance(w[1])).sum();
                    if length > 0.5 {
                        let line = std::mem::take(&mut piece);
                        let (kind, tunnel) = (road.kind, road.tunnel);
                        edges.push(Edge { from, to: here, line, length, road: number, kind, tunnel });
                    }
                }
                piece = vec![*p];
                start = Some(here);
            }
        }
        let mut exits = vec![Vec::new(); junctions.len()];
        for (edge, e) in edges.iter().enumerate() {
            exits[e.from].push(Leg { edge, forward: true });
            exits[e.to].push(Leg { edge, forward: false });
        }
        Self { roads, junctions, edges, exits }
    }

    /// Legs that leave a junction.
    pub fn exits(&self, junction: usize) -> &[Leg] {
        &self.exits[junction]
    }

    /// The junction where a leg ends.
    pub fn end(&self, leg: Leg) -> usize {
        if leg.forward { self.edges[leg.edge].to } else { self.edges[leg.edge].from }
    }

    /// Place and heading `along` metres into a leg.
    pub fn spot(&self, leg: Leg, along: f64) -> Spot {
        let edge = &self.edges[leg.edge];
        let mut left = if leg.forward { along } else { edge.length - along }.clamp(0.0, edge.length);
        let last = edge.line.len() - 2;
        for (i, w) in edge.line.windows(2).enumerate() {
            let span = w[0].distance(w[1]);
            if left <= span || i == last {
                let part = if span > 0.0 { (left / span).min(1.0) } else { 0.0 };
                let (dx, dy) = (w[1].x - w[0].x, w[1].y - w[0].y);
                let bearing = dx.atan2(dy).to_degrees() + if leg.forward { 0.0 } else { 180.0 };
                let at = Metres { x: w[0].x + dx * part, y: w[0].y + dy * part };
                return Spot { at, heading_deg: bearing.rem_euclid(360.0) };
            }
            left -= span;
        }
        Spot { at: edge.line[0], heading_deg: 0.0 }
    }

    /// The junction nearest to a place that `usable` roads touch.
    pub fn nearest(&self, at: Metres, usable: impl Fn(&Edge) -> bool) -> usize {
        let open = |j: usize| self.exits[j].iter().any(|leg| usable(&self.edges[leg.edge]));
        (0..self.junctions.len())
            .filter(|&j| open(j))
            .min_by(|&a, &b| self.junctions[a].distance(at).total_cmp(&self.junctions[b].distance(at)))
            .unwrap_or(0)
    }

    /// The cheapest way between two junctions; `cost` gives seconds for an edge, or none where it is closed.
    pub fn way(&self, from: usize, to: usize, cost: impl Fn(&Edge) -> Option<f64>) -> Option<Vec<Leg>> {
        let mut best = vec![u64::MAX; self.junctions.len()];
        let mut came: Vec<Option<Leg>> = vec![None; self.junctions.len()];
        let mut queue = BinaryHeap::from([Reverse((0u64, from))]);
        best[from] = 0;
        while let Some(Reverse((spent, here))) = queue.pop() {
            if here == to {
                break;
            }
            if spent > best[here] {
                continue;
            }
            for &leg in &self.exits[here] {
                let Some(seconds) = cost(&self.edges[leg.edge]) else { continue };
                let (there, total) = (self.end(leg), spent + (seconds * 1000.0) as u64 + 1);
                if total < best[there] {
                    best[there] = total;
                    came[there] = Some(leg);
                    queue.push(Reverse((total, there)));
                }
            }
        }
        if best[to] == u64::MAX {
            return None;
        }
        let mut legs = Vec::new();
        let mut here = to;
        while let Some(leg) = came[here].filter(|_| here != from) {
            legs.push(leg);
            here = self.end(Leg { edge: leg.edge, forward: !leg.forward });
        }
        legs.reverse();
        Some(legs)
    }

    /// Distance of a place from the nearest road line, metres.
    pub fn distance(&self, at: Metres) -> f64 {
        let to_segment = |a: Metres, b: Metres| {
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let t = (((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
            at.distance(Metres { x: a.x + t * dx, y: a.y + t * dy })
        };
        let segments = self.edges.iter().flat_map(|e| e.line.windows(2));
        segments.map(|w| to_segment(w[0], w[1])).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road(name: &str, line: &[(f64, f64)]) -> Road {
        let line = line.iter().map(|&(x, y)| Metres { x, y }).collect();
        Road { name: name.into(), kind: RoadKind::Minor, tunnel: false, line }
    }

    #[test]
    fn roads_are_cut_where_they_cross_and_ways_are_shortest() {
        let graph = RoadGraph::new(vec![
            road("east", &[(0.0, 0.0), (100.0, 0.0), (200.0, 0.0)]),
            road("north", &[(100.0, -50.0), (100.0, 0.0), (100.0, 80.0)]),
            road("detour", &[(0.0, 0.0), (100.0, 80.0)]),
        ]);
        assert_eq!((graph.junctions.len(), graph.edges.len()), (5, 5));
        let (a, b) =
            (graph.nearest(Metres { x: 1.0, y: 1.0 }, |_| true), graph.nearest(Metres { x: 99.0, y: 79.0 }, |_| true));
        let way = graph.way(a, b, |e| Some(e.length)).expect("connected");
        assert_eq!(way.len(), 1, "the detour is shorter than two sides");
        let closed = graph.way(a, b, |e| (e.length < 110.0).then_some(e.length)).expect("connected");
        assert_eq!(closed.len(), 2);
        let spot = graph.spot(closed[0], 40.0);
        assert_eq!((spot.at, spot.heading_deg), (Metres { x: 40.0, y: 0.0 }, 90.0));
        let back = graph.spot(Leg { edge: closed[0].edge, forward: false }, 40.0);
        assert_eq!((back.at, back.heading_deg), (Metres { x: 60.0, y: 0.0 }, 270.0));
    }
}
