//! Coordinates: WGS-84 is what we store; GCJ-02 is converted once, at decode.
//!
//! Formulas and their constants: the common public form of the GCJ-02 shift (a = 6378245, ee as below); the inverse is
//! iterated because one step leaves up to 2.2 m in Shanghai.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A place in WGS-84, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LonLat {
    /// Degrees east.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
}

/// The datum a device or data source uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datum {
    /// WGS-84, and CGCS2000 for our purposes.
    #[default]
    Wgs84,
    /// The shifted system of Amap, Tencent and some vendors.
    Gcj02,
}

/// A box in degrees: west, south, east, north.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox(pub [f64; 4]);

impl BoundingBox {
    /// A box with finite sides and west ≤ east, south ≤ north; else `None`.
    pub fn new(sides: [f64; 4]) -> Option<Self> {
        let [west, south, east, north] = sides;
        (sides.iter().all(|s| s.is_finite()) && west <= east && south <= north).then_some(Self(sides))
    }
    /// Whether the place lies inside or on the edge.
    pub fn contains(&self, at: LonLat) -> bool {
        let [west, south, east, north] = self.0;
        (west..=east).contains(&at.lon) && (south..=north).contains(&at.lat)
    }
}

const A: f64 = 6_378_245.0;
const EE: f64 = 0.006_693_421_622_965_943;
const EARTH_RADIUS_M: f64 = 6_371_008.8;

impl LonLat {
    /// On the earth and not the (0, 0) that receivers without a fix send.
    pub fn is_plausible(self) -> bool {
        self.lon.is_finite()
            && self.lat.is_finite()
            && self.lon.abs() <= 180.0
            && self.lat.abs() <= 90.0
            && !(self.lon == 0.0 && self.lat == 0.0)
    }

    /// Great-circle distance in metres (haversine, mean radius 6371008.8 m).
    pub fn distance_m(self, other: LonLat) -> f64 {
        let (p1, p2) = (self.lat.to_radians(), other.lat.to_radians());
        let (dp, dl) = (p2 - p1, (other.lon - self.lon).to_radians());
        let h = (dp / 2.0).sin().powi(2) + p1.cos() * p2.cos() * (dl / 2.0).sin().powi(2);
        2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
    }

    /// WGS-84 to GCJ-02. Outside the shift's box (72.004–137.8347 E, 0.8293–55.8271 N) nothing changes.
    pub fn to_gcj02(self) -> LonLat {
        if !(72.004..=137.8347).contains(&self.lon) || !(0.8293..=55.8271).contains(&self.lat) {
            return self;
        }
        let (x, y) = (self.lon - 105.0, self.lat - 35.0);
        let waves = (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0;
        let north = -100.0
            + 2.0 * x
            + 3.0 * y
            + 0.2 * y * y
            + 0.1 * x * y
            + 0.2 * x.abs().sqrt()
            + waves
            + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
            + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
        let east = 300.0
            + x
            + 2.0 * y
            + 0.1 * x * x
            + 0.1 * x * y
            + 0.1 * x.abs().sqrt()
            + waves
            + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
            + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
        let phi = self.lat.to_radians();
        let m = 1.0 - EE * phi.sin().powi(2);
        LonLat {
            lon: self.lon + east * 180.0 / (A / m.sqrt() * phi.cos() * PI),
            lat: self.lat + north * 180.0 / (A * (1.0 - EE) / (m * m.sqrt()) * PI),
        }
    }

    /// GCJ-02 to WGS-84, iterated until the step is below 1e-9 degree (at most 10 rounds).
    pub fn from_gcj02(shifted: LonLat) -> LonLat {
        let mut guess = shifted;
        for _ in 0..10 {
            let there = guess.to_gcj02();
            let (dx, dy) = (there.lon - shifted.lon, there.lat - shifted.lat);
            guess = LonLat { lon: guess.lon - dx, lat: guess.lat - dy };
            if dx.abs() < 1e-9 && dy.abs() < 1e-9 {
                break;
            }
        }
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: LonLat, lon: f64, lat: f64) {
        assert!((a.lon - lon).abs() < 1e-8 && (a.lat - lat).abs() < 1e-8, "{a:?} is not {lon}, {lat}");
    }

    #[test]
    fn gcj02_there_and_back() {
        for (lon, lat, glon, glat) in [
            (121.473701, 31.230416, 121.478224057, 31.228473742),
            (121.4455, 31.2234, 121.450101236, 31.221520383),
            (121.4998, 31.2397, 121.504232754, 31.237686003),
            (121.88, 31.045, 121.884111914, 31.042713536),
        ] {
            close(LonLat { lon, lat }.to_gcj02(), glon, glat);
            close(LonLat::from_gcj02(LonLat { lon: glon, lat: glat }), lon, lat);
        }
        close(LonLat { lon: 2.35, lat: 48.85 }.to_gcj02(), 2.35, 48.85);
    }

    #[test]
    fn distance_between_two_squares() {
        let (a, b) = (LonLat { lon: 121.473701, lat: 31.230416 }, LonLat { lon: 121.4455, lat: 31.2234 });
        assert!((a.distance_m(b) - 2792.68).abs() < 0.01, "{}", a.distance_m(b));
    }

    #[test]
    fn implausible_places_are_seen() {
        for (lon, lat) in [(0.0, 0.0), (181.0, 0.0), (0.0, 91.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert!(!LonLat { lon, lat }.is_plausible());
        }
    }
}
