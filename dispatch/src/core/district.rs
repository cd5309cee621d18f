//! The district: its outline and sub-districts, to tell which sub-district a point lies in and whether it is ours.
//!
//! Read from the GeoJSON that the map shows. Where none is configured the district is unknown and every point is ours.

use greenhub_model::geodesy::LonLat;
use greenhub_model::polygon::ring_contains;
use serde_json::Value;

/// Corners that one ring may have.
const CORNERS_MAX: usize = 20_000;

/// A named ring.
#[derive(Debug, Clone, PartialEq)]
struct Area {
    name: String,
    corners: Vec<[f64; 2]>,
    /// West, south, east, north.
    bounds: [f64; 4],
}

impl Area {
    fn contains(&self, at: LonLat) -> bool {
        let [west, south, east, north] = self.bounds;
        (west..=east).contains(&at.lon) && (south..=north).contains(&at.lat) && ring_contains(&self.corners, at)
    }
}

/// The district.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct District {
    outline: Vec<Area>,
    sub_districts: Vec<Area>,
}

impl District {
    /// Reads features with the property `layer` = `outline` or `subdistrict`, and `name`; others are none of ours.
    pub fn of_geojson(geojson: &[u8]) -> Self {
        let mut district = Self::default();
        let document: Value = serde_json::from_slice(geojson).unwrap_or_default();
        for feature in document["features"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let properties = &feature["properties"];
            let list = match properties["layer"].as_str() {
                Some("outline") => &mut district.outline,
                Some("subdistrict") => &mut district.sub_districts,
                _ => continue,
            };
            let name = properties["name"].as_str().unwrap_or_default();
            let geometry = &feature["geometry"];
            match geometry["type"].as_str() {
                Some("Polygon") => list.extend(area_of(name, &geometry["coordinates"])),
                Some("MultiPolygon") => {
                    let parts = geometry["coordinates"].as_array().map(Vec::as_slice).unwrap_or_default();
                    list.extend(parts.iter().filter_map(|part| area_of(name, part)));
                }
                _ => {}
            }
        }
        district
    }

    /// Whether the point is inside; every one is where the outline is unknown.
    pub fn holds(&self, lon: f64, lat: f64) -> bool {
        self.outline.is_empty() || self.outline.iter().any(|area| area.contains(LonLat { lon, lat }))
    }

    /// The sub-district of a point.
    pub fn sub_district(&self, lon: f64, lat: f64) -> Option<&str> {
        self.sub_districts.iter().find(|area| area.contains(LonLat { lon, lat })).map(|area| area.name.as_str())
    }
}

/// The outer ring of a polygon; holes of a district are rare and are taken as filled.
fn area_of(name: &str, rings: &Value) -> Option<Area> {
    let ring = rings.get(0)?.as_array()?;
    let corners: Vec<[f64; 2]> =
        ring.iter().take(CORNERS_MAX).filter_map(|c| Some([c.get(0)?.as_f64()?, c.get(1)?.as_f64()?])).collect();
    let edge = |axis: usize, pick: fn(f64, f64) -> f64| corners.iter().map(|c| c[axis]).reduce(pick);
    let bounds = [edge(0, f64::min)?, edge(1, f64::min)?, edge(0, f64::max)?, edge(1, f64::max)?];
    Some(Area { name: name.to_owned(), corners, bounds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_finds_its_sub_district_or_is_none_of_ours() {
        let square = |layer: &str, name: &str, west: f64| {
            format!(
                r#"{{"type":"Feature","properties":{{"layer":"{layer}","name":"{name}"}},"geometry":{{"type":"Polygon",
                "coordinates":[[[{west},0],[{},0],[{},1],[{west},1],[{west},0]]]}}}}"#,
                west + 1.0,
                west + 1.0
            )
        };
        let features =
            [square("outline", "", 0.0), square("subdistrict", "东", 0.5), square("road", "路", 5.0)].join(",");
        let district = District::of_geojson(format!(r#"{{"features":[{features}]}}"#).as_bytes());
        assert_eq!((district.sub_district(0.75, 0.5), district.sub_district(0.25, 0.5)), (Some("东"), None));
        assert!(district.holds(0.25, 0.5) && !district.holds(5.5, 0.5));
        assert!(District::of_geojson(b"no json").holds(5.5, 0.5), "an unknown district holds all");
    }
}
