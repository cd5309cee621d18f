//! The demo district: an invented geometry (see `district/generate.py`), embedded in the binary and read once.
//!
//! ```
//! let district = greenhub_simulator::district();
//! assert!(district.geojson().starts_with(b"{\"type\":\"FeatureCollection\""));
//! assert_eq!(district.sub_districts().len(), 10);
//! ```

use crate::roads::{Metres, Road, RoadGraph, RoadKind};
use greenhub_model::geodesy::LonLat;
use serde::Deserialize;
use std::sync::OnceLock;

const GEOJSON: &str = include_str!("../district/district.geojson");
/// Origin of the metres, WGS-84.
const ORIGIN: LonLat = LonLat { lon: 121.39, lat: 31.21 };
const METRES_PER_LAT: f64 = 110_850.0;

fn metres_per_lon() -> f64 {
    111_320.0 * ORIGIN.lat.to_radians().cos()
}

/// To metres east and north of the district's origin.
pub fn to_metres(at: LonLat) -> Metres {
    Metres { x: (at.lon - ORIGIN.lon) * metres_per_lon(), y: (at.lat - ORIGIN.lat) * METRES_PER_LAT }
}

/// From metres to WGS-84, rounded to a centimetre or so.
pub fn to_lonlat(at: Metres) -> LonLat {
    let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
    LonLat { lon: round(ORIGIN.lon + at.x / metres_per_lon()), lat: round(ORIGIN.lat + at.y / METRES_PER_LAT) }
}

/// A named place of the district.
#[derive(Debug, Clone)]
pub struct Facility {
    /// Its name.
    pub name: String,
    /// What it is: `waste_plant`, `charging_station`, `bridge` …
    pub kind: String,
    /// Where it is.
    pub at: Metres,
}

/// A named ring: sub-district, park or water.
#[derive(Debug, Clone)]
pub struct Area {
    /// Its name.
    pub name: String,
    /// Kind, where the layer has several.
    pub kind: String,
    /// Outer ring, first vertex repeated at the end.
    pub ring: Vec<Metres>,
}

impl Area {
    /// Whether the place lies inside.
    pub fn contains(&self, at: Metres) -> bool {
        let crossed = self.ring.windows(2).filter(|w| {
            (w[0].y > at.y) != (w[1].y > at.y)
                && at.x < (w[1].x - w[0].x) * (at.y - w[0].y) / (w[1].y - w[0].y) + w[0].x
        });
        crossed.count() % 2 == 1
    }

    /// Twice the signed area in square metres, positive counter-clockwise.
    #[cfg(test)]
    fn doubled_area(&self) -> f64 {
        self.ring.windows(2).map(|w| w[0].x * w[1].y - w[1].x * w[0].y).sum()
    }
}

/// The demo district, read from its GeoJSON.
#[derive(Debug)]
pub struct District {
    outline: Area,
    sub_districts: Vec<Area>,
    parks: Vec<Area>,
    river: Vec<Metres>,
    facilities: Vec<Facility>,
    roads: RoadGraph,
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}
#[derive(Deserialize)]
struct Feature {
    properties: Properties,
    geometry: Geometry,
}
#[derive(Deserialize)]
struct Properties {
    layer: String,
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    tunnel: bool,
    #[serde(default)]
    centre: Vec<[f64; 2]>,
}
#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point([f64; 2]),
    LineString(Vec<[f64; 2]>),
    Polygon(Vec<Vec<[f64; 2]>>),
}

fn place(pair: &[f64; 2]) -> Metres {
    to_metres(LonLat { lon: pair[0], lat: pair[1] })
}

impl District {
    fn read(text: &str) -> serde_json::Result<Self> {
        let collection: Collection = serde_json::from_str(text)?;
        let mut outline = Area { name: String::new(), kind: String::new(), ring: Vec::new() };
        let (mut sub_districts, mut parks, mut facilities, mut roads) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut river = Vec::new();
        for Feature { properties, geometry } in collection.features {
            let Properties { layer, name, kind, tunnel, centre } = properties;
            match geometry {
                Geometry::Point(at) => facilities.push(Facility { name, kind, at: place(&at) }),
                Geometry::LineString(line) => {
                    let line = line.iter().map(place).collect();
                    let kind = RoadKind::parse(&kind).unwrap_or(RoadKind::Minor);
                    roads.push(Road { name, kind, tunnel, line });
                }
                Geometry::Polygon(rings) => {
                    let ring = rings.first().map(|r| r.iter().map(place).collect()).unwrap_or_default();
                    if kind == "river" {
                        river = centre.iter().map(place).collect();
                    }
                    let area = Area { name, kind, ring };
                    match layer.as_str() {
                        "outline" => outline = area,
                        "subdistrict" => sub_districts.push(area),
                        "park" => parks.push(area),
                        _ => {}
                    }
                }
            }
        }
        Ok(Self { outline, sub_districts, parks, river, facilities, roads: RoadGraph::new(roads) })
    }

    /// The district as GeoJSON, as the map draws it.
    pub fn geojson(&self) -> &'static [u8] {
        GEOJSON.as_bytes()
    }
    /// The outline.
    pub fn outline(&self) -> &Area {
        &self.outline
    }
    /// The ten sub-districts.
    pub fn sub_districts(&self) -> &[Area] {
        &self.sub_districts
    }
    /// Parks and green belts.
    pub fn parks(&self) -> &[Area] {
        &self.parks
    }
    /// Centre line of the river, downstream.
    pub fn river(&self) -> &[Metres] {
        &self.river
    }
    /// Roads and junctions.
    pub fn roads(&self) -> &RoadGraph {
        &self.roads
    }
    /// Facilities of one kind, in file order.
    pub fn facilities<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Facility> {
        self.facilities.iter().filter(move |f| f.kind == kind)
    }
    /// Name of the sub-district that holds a place; the nearest one's for a place just outside.
    pub fn sub_district(&self, at: Metres) -> &str {
        if let Some(found) = self.sub_districts.iter().find(|a| a.contains(at)) {
            return &found.name;
        }
        let reach = |area: &Area| area.ring.iter().map(|p| p.distance(at)).fold(f64::INFINITY, f64::min);
        let nearest = self.sub_districts.iter().min_by(|a, b| reach(a).total_cmp(&reach(b)));
        nearest.map_or("", |a| &a.name)
    }
}

/// The demo district, read at the first call.
pub fn district() -> &'static District {
    static DISTRICT: OnceLock<District> = OnceLock::new();
    DISTRICT.get_or_init(|| District::read(GEOJSON).expect("the embedded district is read by a test of this crate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn sub_districts_tile_the_outline_exactly() {
        let district = district();
        let whole = district.outline.doubled_area();
        let parts: f64 = district.sub_districts.iter().map(Area::doubled_area).sum();
        assert!((whole - parts).abs() < 1.0, "outline {whole} m², parts {parts} m² (doubled)");
        // Every border piece belongs to two neighbours in opposite directions, or to one and the outline.
        let key = |p: Metres| ((p.x * 100.0).round() as i64, (p.y * 100.0).round() as i64);
        let mut pieces = BTreeMap::<_, i32>::new();
        for area in &district.sub_districts {
            for w in area.ring.windows(2) {
                *pieces.entry((key(w[0]), key(w[1]))).or_default() += 1;
                *pieces.entry((key(w[1]), key(w[0]))).or_default() -= 1;
            }
        }
        let open: BTreeSet<_> = pieces.into_iter().filter(|(_, n)| *n > 0).map(|(k, _)| k).collect();
        let border: BTreeSet<_> = district.outline.ring.windows(2).map(|w| (key(w[0]), key(w[1]))).collect();
        assert_eq!(open, border);
    }

    #[test]
    fn roads_are_one_network_inside_the_outline() {
        let graph = district().roads();
        let mut seen = vec![false; graph.junctions.len()];
        let mut todo = vec![0];
        while let Some(here) = todo.pop() {
            if !std::mem::replace(&mut seen[here], true) {
                todo.extend(graph.exits(here).iter().map(|&leg| graph.end(leg)));
            }
        }
        assert!(seen.iter().all(|s| *s), "{} junctions cannot be reached", seen.iter().filter(|s| !**s).count());
        let main = graph.roads.iter().filter(|r| r.kind > RoadKind::Minor).count();
        assert!((20..=45).contains(&main), "{main} main roads");
        let names: BTreeSet<_> = graph.roads.iter().map(|r| &r.name).collect();
        assert_eq!(names.len(), graph.roads.len(), "every road has its own name");
        for edge in &graph.edges {
            let middle = edge.line[edge.line.len() / 2];
            let near = district().outline.contains(middle)
                || district().outline.ring.iter().any(|p| p.distance(middle) < 400.0);
            assert!(near, "{} leaves the district", graph.roads[edge.road].name);
        }
    }

    #[test]
    fn every_feature_says_what_it_is_and_the_file_says_demo() {
        let value: serde_json::Value = serde_json::from_str(GEOJSON).expect("JSON");
        assert_eq!(value["demo"], true);
        assert_eq!(value["note"], "演示几何，非实测数据");
        let layers = ["outline", "subdistrict", "road", "water", "park", "facility"];
        for feature in value["features"].as_array().expect("features") {
            let properties = &feature["properties"];
            assert!(layers.contains(&properties["layer"].as_str().expect("layer")));
            assert!(!properties["name"].as_str().expect("name").is_empty());
        }
        for kind in [
            "command_centre",
            "waste_plant",
            "transfer_station",
            "depot",
            "toilet",
            "charging_station",
            "air_station",
            "patrol_base",
            "bridge",
            "landmark",
        ] {
            assert!(district().facilities(kind).next().is_some(), "no {kind}");
        }
        for facility in district().facilities("charging_station") {
            assert!(!district().sub_district(facility.at).is_empty());
        }
    }

    #[test]
    fn metres_and_degrees_agree_with_the_earth() {
        let (a, b) = (LonLat { lon: 121.36, lat: 31.19 }, LonLat { lon: 121.42, lat: 31.23 });
        let plane = to_metres(a).distance(to_metres(b));
        assert!((plane / a.distance_m(b) - 1.0).abs() < 0.004, "{plane} against {}", a.distance_m(b));
        let back = to_lonlat(to_metres(a));
        assert!((back.lon - a.lon).abs() < 1e-7 && (back.lat - a.lat).abs() < 1e-7);
    }
}
