//! Where the landscape lights hang: bridges, river banks, landmarks, parks, main roads.
//!
//! A [`Site`] is one circuit with the places of its fixtures. The list of sites is the same for every run; a smaller
//! district takes its beginning, a larger one goes on along ever smaller roads.

use super::{point, profile};
use crate::district::{Area, District};
use crate::roads::{Metres, RoadKind};
use crate::size::Size;
use greenhub_model::Class;
use greenhub_model::alarm::Severity;
use greenhub_model::profile::{DeviceProfile, LimitSide};

/// What a circuit lights; it decides until when it burns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// A building's or square's light.
    Landmark,
    /// A bridge.
    Bridge,
    /// The river bank.
    River,
    /// A park.
    Park,
    /// A road: burns until dawn.
    Road,
}

/// One circuit and the places of its fixtures.
#[derive(Debug, Clone)]
pub struct Site {
    /// Name for people.
    pub name: String,
    /// What it lights.
    pub used_for: Use,
    /// Places of the fixtures.
    pub lamps: Vec<Metres>,
}

/// Id of a circuit by its number from 0.
pub fn circuit_id(circuit: usize) -> String {
    format!("K-{:03}", circuit + 1)
}

/// Id of a fixture by the numbers of its circuit and itself, from 0.
pub fn fixture_id(circuit: usize, lamp: usize) -> String {
    format!("L-{:03}-{:02}", circuit + 1, lamp + 1)
}

pub(super) fn devices(district: &District, count: usize) -> Vec<DeviceProfile> {
    let mut all = Vec::with_capacity(count * (1 + Size::LAMPS_PER_CIRCUIT));
    for (number, site) in sites(district, count).into_iter().enumerate() {
        let middle = site.lamps[site.lamps.len() / 2];
        let id = circuit_id(number);
        let mut circuit = profile(&id, Class::Light, "circuit", format!("{}回路", site.name), Some(middle));
        let leakage = point("leakage", "漏电流", "mA", Some((0.0, 20.0)));
        circuit.points = vec![
            point("voltage", "电压", "V", Some((198.0, 242.0))),
            point("current", "电流", "A", Some((0.0, 40.0))),
            point("power", "功率", "kW", Some((0.0, 8.0))),
            super::limited(leakage, "LEAKAGE_HIGH", LimitSide::High, (30.0, 3.0), (10, 10), Severity::Major),
            point("commanded", "控制指令", "1", None),
            point("feedback", "接触器反馈", "1", None),
        ];
        let parent = circuit.device.clone();
        all.push(circuit);
        for (i, at) in site.lamps.iter().enumerate() {
            let name = format!("{}{:02}号灯", site.name, i + 1);
            let mut lamp = profile(&fixture_id(number, i), Class::Light, "fixture", name, Some(*at));
            lamp.parent = Some(parent.clone());
            lamp.points = vec![
                point("power", "功率", "W", Some((0.0, 160.0))),
                point("voltage", "电压", "V", Some((198.0, 242.0))),
                point("temperature", "灯具温度", "Cel", Some((-10.0, 75.0))),
            ];
            all.push(lamp);
        }
    }
    all
}

/// The first `count` circuits: landmarks, bridges, river, parks and roads in turn, until only roads are left.
pub fn sites(district: &District, count: usize) -> Vec<Site> {
    let mut kinds: Vec<std::vec::IntoIter<Site>> =
        [landmarks(district), bridges(district), river(district), parks(district), roads(district)]
            .into_iter()
            .map(Vec::into_iter)
            .collect();
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        let before = taken.len();
        for kind in &mut kinds {
            if taken.len() < count {
                taken.extend(kind.next());
            }
        }
        if taken.len() == before {
            break;
        }
    }
    taken
}

const LAMPS: usize = Size::LAMPS_PER_CIRCUIT;

/// Point and right-hand normal `along` metres into a line.
fn into_line(line: &[Metres], along: f64) -> (Metres, Metres) {
    let mut left = along;
    for (i, w) in line.windows(2).enumerate() {
        let span = w[0].distance(w[1]).max(1e-6);
        if left <= span || i + 2 == line.len() {
            let (dx, dy) = ((w[1].x - w[0].x) / span, (w[1].y - w[0].y) / span);
            let part = left.min(span);
            return (Metres { x: w[0].x + dx * part, y: w[0].y + dy * part }, Metres { x: dy, y: -dx });
        }
        left -= span;
    }
    (line[0], Metres { x: 0.0, y: 0.0 })
}

fn length(line: &[Metres]) -> f64 {
    line.windows(2).map(|w| w[0].distance(w[1])).sum()
}

/// Lamps on both sides of a stretch of a line, alternating.
fn both_sides(line: &[Metres], from: f64, to: f64, aside: f64) -> Vec<Metres> {
    let pairs = LAMPS / 2;
    (0..LAMPS)
        .map(|i| {
            let (at, right) = into_line(line, from + (to - from) * ((i / 2) as f64 + 0.5) / pairs as f64);
            let side = if i % 2 == 0 { aside } else { -aside };
            Metres { x: at.x + right.x * side, y: at.y + right.y * side }
        })
        .collect()
}

fn landmarks(district: &District) -> Vec<Site> {
    let mut all = Vec::new();
    for (ring, label) in [(26.0, "楼体"), (44.0, "广场"), (64.0, "庭院")] {
        for place in district.facilities("landmark") {
            let lamps = (0..LAMPS).map(|i| {
                // Round a square: a building's outline rather than a circle.
                let turn = i as f64 / LAMPS as f64 * std::f64::consts::TAU;
                let stretch = ring / turn.cos().abs().max(turn.sin().abs());
                Metres { x: place.at.x + stretch * turn.cos(), y: place.at.y + stretch * turn.sin() }
            });
            all.push(Site {
                name: format!("{}{label}照明", place.name),
                used_for: Use::Landmark,
                lamps: lamps.collect(),
            });
        }
    }
    all
}

fn bridges(district: &District) -> Vec<Site> {
    let graph = district.roads();
    let mut all = Vec::new();
    for bridge in district.facilities("bridge") {
        // The piece of main road that passes closest under the bridge's name, and how far into it.
        let nearest = graph
            .roads
            .iter()
            .filter(|road| road.kind > RoadKind::Minor)
            .flat_map(|road| {
                let total = length(&road.line);
                let steps = (total / 8.0) as usize;
                (0..=steps).map(move |s| (road, s as f64 * 8.0, total))
            })
            .map(|(road, along, total)| (into_line(&road.line, along).0.distance(bridge.at), road, along, total))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, road, along, total)) = nearest {
            let (from, to) = ((along - 75.0).max(0.0), (along + 75.0).min(total));
            let lamps = both_sides(&road.line, from, to, 11.0);
            all.push(Site { name: format!("{}夜景照明", bridge.name), used_for: Use::Bridge, lamps });
        }
    }
    all
}

fn river(district: &District) -> Vec<Site> {
    let line = district.river();
    let inside = |at: Metres| district.outline().contains(at);
    // Lamps every 22 m along the right bank (south), 58 m from the middle of the river; on the inside of a bend the bank
    // is shorter, so some fall away.
    let mut lamps: Vec<Metres> = Vec::new();
    for i in 0..(length(line) / 22.0) as usize {
        let (at, right) = into_line(line, i as f64 * 22.0);
        let lamp = Metres { x: at.x + right.x * 58.0, y: at.y + right.y * 58.0 };
        if inside(lamp) && lamps.iter().rev().take(8).all(|other| other.distance(lamp) > 12.0) {
            lamps.push(lamp);
        }
    }
    let parts = lamps.chunks_exact(LAMPS).enumerate();
    parts
        .map(|(i, part)| Site {
            name: format!("望河南岸{}段景观灯", i + 1),
            used_for: Use::River,
            lamps: part.to_vec(),
        })
        .collect()
}

fn parks(district: &District) -> Vec<Site> {
    let lit = district.parks().iter().filter(|park| park.kind == "park");
    lit.map(|park| {
        let centre = middle(park);
        // A path inside the park's edge.
        let path: Vec<Metres> = park
            .ring
            .iter()
            .map(|p| Metres { x: centre.x + (p.x - centre.x) * 0.86, y: centre.y + (p.y - centre.y) * 0.86 })
            .collect();
        let total = length(&path);
        let lamps = (0..LAMPS).map(|i| into_line(&path, total * i as f64 / LAMPS as f64).0).collect();
        Site { name: format!("{}景观灯", park.name), used_for: Use::Park, lamps }
    })
    .collect()
}

fn middle(area: &Area) -> Metres {
    let count = area.ring.len().max(1) as f64;
    let (x, y) = area.ring.iter().fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
    Metres { x: x / count, y: y / count }
}

fn roads(district: &District) -> Vec<Site> {
    let graph = district.roads();
    let mut order: Vec<_> = graph.roads.iter().filter(|road| !road.tunnel).collect();
    order.sort_by_key(|road| match road.kind {
        RoadKind::Primary => 0,
        RoadKind::Expressway => 1,
        RoadKind::Secondary => 2,
        RoadKind::Minor => 3,
    });
    let mut all = Vec::new();
    for road in order {
        let total = length(&road.line);
        // Half a kilometre each: 40 lamps on two sides, 25 m apart; a short street is one circuit.
        let parts = ((total / 500.0) as usize).max(1);
        for part in 0..parts {
            let (from, to) = (total * part as f64 / parts as f64, total * (part + 1) as f64 / parts as f64);
            let aside = if road.kind == RoadKind::Minor { 6.0 } else { 13.0 };
            let lamps = both_sides(&road.line, from, to, aside);
            all.push(Site { name: format!("{}{}段路灯", road.name, part + 1), used_for: Use::Road, lamps });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::district::district;
    use std::collections::BTreeSet;

    #[test]
    fn seventy_five_circuits_light_every_sort_of_place() {
        let sites = sites(district(), 75);
        assert_eq!(sites.len(), 75);
        let uses: BTreeSet<Use> = sites.iter().map(|s| s.used_for).collect();
        assert_eq!(uses.len(), 5);
        assert!(sites.iter().all(|s| s.lamps.len() == Size::LAMPS_PER_CIRCUIT));
        let names: BTreeSet<_> = sites.iter().map(|s| s.name.clone()).collect();
        assert_eq!(names.len(), 75);
    }

    #[test]
    fn lamps_of_a_circuit_do_not_stand_on_one_another() {
        for site in sites(district(), 75) {
            for (i, a) in site.lamps.iter().enumerate() {
                let closest = site.lamps[i + 1..].iter().map(|b| a.distance(*b)).fold(f64::INFINITY, f64::min);
                assert!(closest > 0.7, "{}: two lamps {closest} m apart", site.name);
            }
        }
    }
}
