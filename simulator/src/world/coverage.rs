//! Where the network is dead: underpasses, courtyards, metro halls, and every tunnel.

use crate::district::District;
use crate::random::Dice;
use crate::roads::{Leg, Metres};

const SPOTS: usize = 26;

/// Places without network.
#[derive(Debug)]
pub(super) struct Coverage {
    spots: Vec<(Metres, f64)>,
}

impl Coverage {
    pub(super) fn new(district: &District, seed: u64) -> Self {
        let graph = district.roads();
        let mut dice = Dice::of(seed, "coverage");
        let spots = (0..SPOTS).map(|_| {
            let edge = dice.below(graph.edges.len());
            let along = graph.edges[edge].length * dice.unit();
            (graph.spot(Leg { edge, forward: true }, along).at, dice.between(45.0, 95.0))
        });
        Self { spots: spots.collect() }
    }

    /// Whether a place is in a dead spot.
    pub(super) fn dead(&self, at: Metres) -> bool {
        self.spots.iter().any(|(centre, radius)| centre.distance(at) < *radius)
    }
}
