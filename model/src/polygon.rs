//! Polygons on the ground: what lies inside, how far outside, and whether a drawing is one at all.
//!
//! Small areas: degrees are taken as flat around the polygon's first corner, which is right to a few centimetres over a
//! district. A polygon is a ring of corners, the first not repeated (a repeated one does no harm); the edge counts as
//! inside as far as rounding allows.

use crate::geodesy::{BoundingBox, LonLat};

/// Metres per degree of latitude on the mean sphere.
const METRES_PER_DEGREE: f64 = 111_195.08;

/// A simple ring of corners.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    corners: Vec<[f64; 2]>,
    bounds: BoundingBox,
    /// Metres per degree of longitude there.
    east_m: f64,
}

/// Why corners are no polygon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolygonError {
    /// Less than three different corners.
    #[error("fewer than three corners")]
    TooFew,
    /// A corner that is no place on the earth.
    #[error("corner {0} is no place on the earth")]
    NoPlace(usize),
    /// Two sides cross or touch.
    #[error("sides {0} and {1} cross")]
    Crossing(usize, usize),
    /// It encloses nothing.
    #[error("it encloses no area")]
    Flat,
}

impl Polygon {
    /// Checks corners `[lon, lat]` and makes a polygon of them.
    pub fn new(corners: &[[f64; 2]]) -> Result<Self, PolygonError> {
        let mut ring: Vec<LonLat> = corners.iter().map(|[lon, lat]| LonLat { lon: *lon, lat: *lat }).collect();
        if let Some(bad) = ring.iter().position(|corner| !corner.is_plausible()) {
            return Err(PolygonError::NoPlace(bad));
        }
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        if ring.len() < 3 {
            return Err(PolygonError::TooFew);
        }
        let sides = ring.len();
        for a in 0..sides {
            for b in a + 1..sides {
                let next = |n: usize| (n + 1) % sides;
                let neighbours = next(a) == b || next(b) == a;
                if !neighbours && cross(ring[a], ring[next(a)], ring[b], ring[next(b)]) {
                    return Err(PolygonError::Crossing(a, b));
                }
            }
        }
        let doubled: f64 = (0..sides).map(|n| turn(ring[0], ring[n], ring[(n + 1) % sides])).sum();
        if doubled.abs() < 1e-14 {
            return Err(PolygonError::Flat);
        }
        let fold =
            |pick: fn(&LonLat) -> f64, with: fn(f64, f64) -> f64, start: f64| ring.iter().map(pick).fold(start, with);
        let sides = [
            fold(|c| c.lon, f64::min, f64::INFINITY),
            fold(|c| c.lat, f64::min, f64::INFINITY),
            fold(|c| c.lon, f64::max, f64::NEG_INFINITY),
            fold(|c| c.lat, f64::max, f64::NEG_INFINITY),
        ];
        let east_m = METRES_PER_DEGREE * ring[0].lat.to_radians().cos();
        let corners = ring.iter().map(|corner| [corner.lon, corner.lat]).collect();
        Ok(Self { corners, bounds: BoundingBox(sides), east_m })
    }

    /// The box around it, wider by `metres` on each side: nothing outside of it is that near.
    pub fn bounds_within(&self, metres: f64) -> BoundingBox {
        let [west, south, east, north] = self.bounds.0;
        let (x, y) = (metres / self.east_m.max(1.0), metres / METRES_PER_DEGREE);
        BoundingBox([west - x, south - y, east + x, north + y])
    }

    /// Whether a place lies inside.
    pub fn contains(&self, at: LonLat) -> bool {
        ring_contains(&self.corners, at)
    }

    /// How far a place lies outside, metres; 0 inside.
    pub fn outside_m(&self, at: LonLat) -> f64 {
        if self.contains(at) { 0.0 } else { self.edge_m(at) }
    }

    /// Distance to the nearest side, metres.
    pub fn edge_m(&self, at: LonLat) -> f64 {
        let flat = |p: LonLat| ((p.lon - at.lon) * self.east_m, (p.lat - at.lat) * METRES_PER_DEGREE);
        let to_side = |(a, b): (LonLat, LonLat)| {
            let ((ax, ay), (bx, by)) = (flat(a), flat(b));
            let (dx, dy) = (bx - ax, by - ay);
            let length = dx * dx + dy * dy;
            let along = if length > 0.0 { (-(ax * dx + ay * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
            (ax + along * dx).hypot(ay + along * dy)
        };
        self.sides().map(to_side).fold(f64::INFINITY, f64::min)
    }

    fn sides(&self) -> impl Iterator<Item = (LonLat, LonLat)> + '_ {
        let place = |[lon, lat]: &[f64; 2]| LonLat { lon: *lon, lat: *lat };
        let next = self.corners.iter().skip(1).chain(self.corners.first());
        self.corners.iter().map(place).zip(next.map(place))
    }
}

/// Whether a place lies inside a ring of corners `[lon, lat]`, unchecked: never inside of fewer than three.
pub fn ring_contains(corners: &[[f64; 2]], at: LonLat) -> bool {
    let mut inside = false;
    let mut before = corners.len().wrapping_sub(1);
    for (n, [lon, lat]) in corners.iter().enumerate() {
        let [lon_before, lat_before] = corners[before];
        if (*lat > at.lat) != (lat_before > at.lat)
            && at.lon < (lon_before - lon) * (at.lat - lat) / (lat_before - lat) + lon
        {
            inside = !inside;
        }
        before = n;
    }
    inside
}

/// Twice the area of the triangle, positive counter-clockwise.
fn turn(a: LonLat, b: LonLat, c: LonLat) -> f64 {
    (b.lon - a.lon) * (c.lat - a.lat) - (b.lat - a.lat) * (c.lon - a.lon)
}

fn cross(a: LonLat, b: LonLat, c: LonLat, d: LonLat) -> bool {
    let (t1, t2, t3, t4) = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b));
    if ((t1 > 0.0) != (t2 > 0.0)) && ((t3 > 0.0) != (t4 > 0.0)) && t1 != 0.0 && t2 != 0.0 && t3 != 0.0 && t4 != 0.0 {
        return true;
    }
    let on = |t: f64, p: LonLat, q: LonLat, r: LonLat| {
        t == 0.0
            && (p.lon.min(q.lon)..=p.lon.max(q.lon)).contains(&r.lon)
            && (p.lat.min(q.lat)..=p.lat.max(q.lat)).contains(&r.lat)
    };
    on(t1, a, b, c) || on(t2, a, b, d) || on(t3, c, d, a) || on(t4, c, d, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [[f64; 2]; 4] = [[121.40, 31.20], [121.41, 31.20], [121.41, 31.21], [121.40, 31.21]];

    #[test]
    fn inside_outside_and_how_far() {
        let square = Polygon::new(&SQUARE).expect("a polygon");
        assert!(square.contains(LonLat { lon: 121.405, lat: 31.205 }));
        assert_eq!(square.outside_m(LonLat { lon: 121.405, lat: 31.205 }), 0.0);
        let east = LonLat { lon: 121.412, lat: 31.205 };
        assert!(!square.contains(east));
        let corner = LonLat { lon: 121.41, lat: 31.205 };
        assert!((square.outside_m(east) - east.distance_m(corner)).abs() < 0.1, "{}", square.outside_m(east));
        let past_the_corner = LonLat { lon: 121.412, lat: 31.212 };
        let expected = past_the_corner.distance_m(LonLat { lon: 121.41, lat: 31.21 });
        assert!((square.outside_m(past_the_corner) - expected).abs() < 0.1);
        assert!(square.bounds_within(200.0).contains(east) && !square.bounds_within(100.0).contains(east));
    }

    #[test]
    fn a_ring_with_a_dent_and_a_repeated_first_corner() {
        let dented = [[0.001, 0.0], [0.01, 0.0], [0.01, 0.01], [0.005, 0.002], [0.001, 0.01], [0.001, 0.0]];
        let dented = Polygon::new(&dented).expect("a polygon");
        assert!(!dented.contains(LonLat { lon: 0.005, lat: 0.008 }), "in the dent");
        assert!(dented.contains(LonLat { lon: 0.009, lat: 0.007 }));
    }

    #[test]
    fn what_is_no_polygon_says_why() {
        let bow = [[1.0, 1.0], [2.0, 2.0], [2.0, 1.0], [1.0, 2.0]];
        assert_eq!(Polygon::new(&bow), Err(PolygonError::Crossing(0, 2)));
        assert_eq!(Polygon::new(&[[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]), Err(PolygonError::TooFew));
        assert_eq!(Polygon::new(&[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), Err(PolygonError::Flat));
        assert_eq!(Polygon::new(&[[1.0, 1.0], [2.0, f64::NAN], [3.0, 3.0]]), Err(PolygonError::NoPlace(1)));
    }
}
