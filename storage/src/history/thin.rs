//! Fewer points that still tell the truth: extremes of a value, ends and turns of a track. Pure.
//!
//! **Values**: equal buckets of time, of each the smallest and the largest, so a spike of one second stays on a chart of
//! a month. **Tracks**: Visvalingam–Whyatt with time as third axis: again and again the point goes whose triangle with
//! its neighbours is smallest, until few enough remain. Because time counts (a second like a metre), a stop keeps its
//! begin and its end although nothing moves in between. O(n log n). A track with many times more points than wanted is
//! first combed: of each short window its first point and the one farthest from the window's chord go on, O(n).

use super::query::{Fix, SeriesRow};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const METRES_PER_DEGREE: f64 = 111_195.0;
/// One second weighs like so many metres.
const METRES_PER_SECOND: f64 = 1.0;

/// Indices of the rows to keep, in order; rows are sorted by time. At most `max`, but never fewer than two of two.
pub fn thin_values(rows: &[SeriesRow], max: usize) -> Vec<usize> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return vec![];
    };
    if rows.len() <= max.max(2) {
        return (0..rows.len()).collect();
    }
    let buckets = (max.saturating_sub(2) / 2).max(1) as i128;
    let span = (i128::from(last.time) - i128::from(first.time)).max(1) + 1;
    let bucket_of = |row: &SeriesRow| (i128::from(row.time) - i128::from(first.time)) * buckets / span;
    let mut keep = vec![0];
    let inner = 1..rows.len() - 1;
    let mut at = inner.start;
    while at < inner.end {
        let bucket = bucket_of(&rows[at]);
        let (mut low, mut high) = (at, at);
        while at < inner.end && bucket_of(&rows[at]) == bucket {
            low = if rows[at].value < rows[low].value { at } else { low };
            high = if rows[at].value > rows[high].value { at } else { high };
            at += 1;
        }
        keep.push(low.min(high));
        if low != high {
            keep.push(low.max(high));
        }
    }
    keep.push(rows.len() - 1);
    if max < 4 {
        keep = vec![0, rows.len() - 1];
    }
    keep
}

/// Indices of the fixes to keep, in order; fixes are sorted by time. At most `max`, but never fewer than both ends.
pub fn thin_track(fixes: &[Fix], max: usize) -> Vec<usize> {
    let count = fixes.len();
    if count <= max.max(2) {
        return (0..count).collect();
    }
    let places = places(fixes);
    let combed = comb(&places, max.max(2));
    let places: Vec<[f64; 3]> = combed.iter().map(|n| places[*n]).collect();
    visvalingam(&places, max).into_iter().map(|n| combed[n]).collect()
}

/// Indices that go on to the exact method: all, or two of each of `2 * max` windows and the end.
fn comb(places: &[[f64; 3]], max: usize) -> Vec<usize> {
    let count = places.len();
    let width = count / (2 * max);
    if width < 4 {
        return (0..count).collect();
    }
    let mut kept = Vec::with_capacity(4 * max + 4);
    let mut start = 0;
    while start < count - 1 {
        let end = (start + width).min(count - 1);
        kept.push(start);
        let height = |n: &usize| triangle(places[start], places[*n], places[end]);
        kept.extend((start + 1..end).max_by(|a, b| height(a).total_cmp(&height(b))));
        start = end;
    }
    kept.push(count - 1);
    kept
}

/// Indices of at most `max` places (both ends at least), the flattest triangles gone.
fn visvalingam(places: &[[f64; 3]], max: usize) -> Vec<usize> {
    let count = places.len();
    let mut before: Vec<u32> = (0..count as u32).map(|n| n.saturating_sub(1)).collect();
    let mut after: Vec<u32> = (1..=count as u32).collect();
    let mut area = vec![f64::INFINITY; count];
    let mut heap = BinaryHeap::with_capacity(count * 2);
    for n in 1..count - 1 {
        area[n] = triangle(places[n - 1], places[n], places[n + 1]);
        heap.push(Reverse(key(area[n], n)));
    }
    let mut left = count;
    while left > max.max(2) {
        let Some(Reverse((bits, n))) = heap.pop() else {
            break;
        };
        let n = n as usize;
        if bits != area[n].to_bits() {
            continue;
        }
        let gone = area[n];
        area[n] = f64::NAN;
        left -= 1;
        let (left_of, right_of) = (before[n] as usize, after[n] as usize);
        after[left_of] = right_of as u32;
        before[right_of] = left_of as u32;
        for neighbour in [left_of, right_of] {
            if neighbour == 0 || neighbour == count - 1 {
                continue;
            }
            let (a, b) = (before[neighbour] as usize, after[neighbour] as usize);
            // Never below what has gone: or a long bend would vanish piece by piece.
            area[neighbour] = triangle(places[a], places[neighbour], places[b]).max(gone);
            heap.push(Reverse(key(area[neighbour], neighbour)));
        }
    }
    (0..count).filter(|n| !area[*n].is_nan()).collect()
}

/// Areas are not negative, so their bits sort like themselves; the index makes the order total.
fn key(area: f64, n: usize) -> (u64, u32) {
    (area.to_bits(), n as u32)
}

fn places(fixes: &[Fix]) -> Vec<[f64; 3]> {
    let origin = fixes[0];
    let east = METRES_PER_DEGREE * origin.lat.to_radians().cos();
    let place = |fix: &Fix| {
        let seconds = (fix.time - origin.time) as f64 / 1000.0;
        [(fix.lon - origin.lon) * east, (fix.lat - origin.lat) * METRES_PER_DEGREE, seconds * METRES_PER_SECOND]
    };
    fixes.iter().map(place).collect()
}

fn triangle(a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> f64 {
    let [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
    let [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
    let [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    (x * x + y * y + z * z).sqrt() / 2.0
}

#[cfg(test)]
mod unit {
    use super::*;
    use greenhub_model::Quality;

    fn fix(time: i64, lon: f64, lat: f64) -> Fix {
        Fix { time, lon, lat, speed_kmh: None, heading_deg: None }
    }

    #[test]
    fn a_spike_of_one_row_stays_on_the_chart() {
        let mut rows: Vec<SeriesRow> =
            (0..10_000).map(|n| SeriesRow { time: n * 1000, value: 1.0, quality: Quality::Good }).collect();
        rows[7_777].value = 9.0;
        rows[3_333].value = -9.0;
        let kept = thin_values(&rows, 100);
        assert!(kept.len() <= 100, "{}", kept.len());
        assert!(kept.contains(&7_777) && kept.contains(&3_333) && kept.contains(&0) && kept.contains(&9_999));
        assert!(kept.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn ends_turns_and_stops_of_a_track_stay() {
        // East for 300 s, a stop of 300 s, then north for 300 s: 10 m a second.
        let step = 10.0 / METRES_PER_DEGREE;
        let mut fixes = vec![];
        for n in 0..900i64 {
            let east = n.min(300) as f64 * step;
            let north = (n - 600).max(0) as f64 * step;
            fixes.push(fix(n * 1000, 121.0 + east, 31.0 + north));
        }
        let kept = thin_track(&fixes, 5);
        assert_eq!(kept.len(), 5);
        for corner in [0, 300, 600, 899] {
            assert!(kept.iter().any(|n| n.abs_diff(corner) <= 1), "corner {corner} is lost: {kept:?}");
        }
    }

    #[test]
    fn a_long_track_is_combed_but_keeps_its_turns() {
        // A square walked round and round for a day, one turn every ten minutes.
        let step = 1.4 / METRES_PER_DEGREE;
        let (mut east, mut north) = (0i64, 0i64);
        let mut fixes = vec![];
        for n in 0..86_400i64 {
            fixes.push(fix(n * 1000, 121.0 + east as f64 * step / 0.857, 31.0 + north as f64 * step));
            match n / 600 % 4 {
                0 => east += 1,
                1 => north += 1,
                2 => east -= 1,
                _ => north -= 1,
            }
        }
        let kept = thin_track(&fixes, 500);
        assert!(kept.len() <= 500 && kept.is_sorted_by(|a, b| a < b));
        for turn in (600..86_400).step_by(600) {
            let place = kept.partition_point(|n| *n < turn - 1);
            assert!(kept[place] <= turn + 1, "the turn at {turn} is lost: {}", kept[place]);
        }
    }

    #[test]
    fn few_points_stay_as_they_are() {
        assert_eq!(thin_track(&[], 10), Vec::<usize>::new());
        assert_eq!(thin_track(&[fix(0, 1.0, 1.0), fix(1, 1.0, 1.0)], 0), vec![0, 1]);
        assert_eq!(thin_values(&[], 10), Vec::<usize>::new());
    }
}
