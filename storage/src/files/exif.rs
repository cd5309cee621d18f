//! What a camera wrote into a picture: when, where, which way up. Read once, kept privately, never shown to everybody.
//!
//! Exif 2.32 is a TIFF block: a byte order, then directories of 12-byte entries whose longer values lie elsewhere in the
//! block. Every offset is a claim, so every read is checked; a directory is read once and at most [`ENTRIES_MAX`] entries
//! of it, so a block that points at itself costs nothing.

use serde::{Deserialize, Serialize};

/// Entries read of one directory.
const ENTRIES_MAX: usize = 512;
/// Longest text kept.
const TEXT_BYTES_MAX: usize = 64;

/// What is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExifFacts {
    /// Which way up, 1 to 8; 1 is as stored.
    #[serde(default)]
    pub orientation: u8,
    /// When it was taken, Unix ms.
    #[serde(default)]
    pub taken_at: Option<i64>,
    /// Degrees east.
    #[serde(default)]
    pub lon: Option<f64>,
    /// Degrees north.
    #[serde(default)]
    pub lat: Option<f64>,
    /// Maker and model of the camera.
    #[serde(default)]
    pub camera: String,
}

/// Reads a TIFF block; what cannot be read is missing. `utc_offset_min` holds where the block names no time zone.
pub fn read(block: &[u8], utc_offset_min: i32) -> ExifFacts {
    let Some(tiff) = Tiff::new(block) else { return ExifFacts::default() };
    let first = tiff.number(4).map(|at| tiff.directory(at)).unwrap_or_default();
    let inner = |tag| tiff.pointer(&first, tag).map(|at| tiff.directory(at)).unwrap_or_default();
    let (shot, gps) = (inner(0x8769), inner(0x8825));
    let orientation = find(&first, 0x0112).and_then(|entry| tiff.short(entry)).filter(|n| (1..=8).contains(n));
    let time = tiff.text(&shot, 0x9003).or_else(|| tiff.text(&first, 0x0132));
    let offset = tiff.text(&shot, 0x9011).and_then(|text| offset_min(&text)).unwrap_or(utc_offset_min);
    let degrees = |value, reference: u16, negative: &str, max: f64| {
        let degrees = tiff.degrees(&gps, value)?;
        let sign = if tiff.text(&gps, reference)?.starts_with(negative) { -1.0 } else { 1.0 };
        Some(sign * degrees).filter(|d| d.abs() <= max)
    };
    let (lat, lon) = (degrees(2, 1, "S", 90.0), degrees(4, 3, "W", 180.0));
    let place = lon.zip(lat).filter(|place| *place != (0.0, 0.0));
    let words = [tiff.text(&first, 0x010f), tiff.text(&first, 0x0110)];
    ExifFacts {
        orientation: orientation.map_or(1, |n| n as u8),
        taken_at: time.and_then(|text| moment(&text, offset)),
        lon: place.map(|p| p.0),
        lat: place.map(|p| p.1),
        camera: words.into_iter().flatten().collect::<Vec<_>>().join(" "),
    }
}

/// A TIFF block that holds the orientation and nothing else.
pub fn orientation_only(orientation: u8) -> Vec<u8> {
    let mut block = b"II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where its four bytes of value or offset lie.
    at: usize,
}

fn find(directory: &[Entry], tag: u16) -> Option<Entry> {
    directory.iter().find(|entry| entry.tag == tag).copied()
}

struct Tiff<'a> {
    block: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn new(block: &'a [u8]) -> Option<Self> {
        let little = match block.get(..4)? {
            b"II\x2a\x00" => true,
            b"MM\x00\x2a" => false,
            _ => return None,
        };
        Some(Self { block, little })
    }

    fn word(&self, at: usize) -> Option<u16> {
        let two: [u8; 2] = self.block.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    }

    fn number(&self, at: usize) -> Option<u32> {
        let four: [u8; 4] = self.block.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }

    fn directory(&self, at: u32) -> Vec<Entry> {
        let at = at as usize;
        let count = usize::from(self.word(at).unwrap_or(0)).min(ENTRIES_MAX);
        let entry = |i: usize| {
            let at = at.checked_add(2 + 12 * i)?;
            Some(Entry { tag: self.word(at)?, kind: self.word(at + 2)?, count: self.number(at + 4)?, at: at + 8 })
        };
        (0..count).map_while(entry).collect()
    }

    fn pointer(&self, directory: &[Entry], tag: u16) -> Option<u32> {
        let entry = find(directory, tag)?;
        if entry.kind == 4 { self.number(entry.at) } else { None }
    }

    fn short(&self, entry: Entry) -> Option<u16> {
        if entry.kind == 3 { self.word(entry.at) } else { None }
    }

    fn text(&self, directory: &[Entry], tag: u16) -> Option<String> {
        let entry = find(directory, tag).filter(|entry| entry.kind == 2 && entry.count > 0)?;
        let bytes = entry.count as usize;
        let at = if bytes <= 4 { entry.at } else { self.number(entry.at)? as usize };
        let text = self.block.get(at..at.checked_add(bytes.min(TEXT_BYTES_MAX))?)?;
        let text = text.split(|byte| *byte == 0).next()?;
        let text: String = String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect();
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Three fractions: degrees, minutes, seconds.
    fn degrees(&self, directory: &[Entry], tag: u16) -> Option<f64> {
        let entry = find(directory, tag).filter(|entry| entry.kind == 5 && entry.count == 3)?;
        let at = self.number(entry.at)? as usize;
        let fraction = |i: usize| {
            let at = at.checked_add(8 * i)?;
            let (over, under) = (self.number(at)?, self.number(at.checked_add(4)?)?);
            (under != 0).then(|| f64::from(over) / f64::from(under))
        };
        Some(fraction(0)? + fraction(1)? / 60.0 + fraction(2)? / 3600.0)
    }
}

/// `+08:00` in minutes.
fn offset_min(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.trim_start_matches(['+', '-']).split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.trim().parse().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 60 + minutes))
}

/// `2026:11:24 08:00:00` at this many minutes east of UTC, as Unix ms.
fn moment(text: &str, utc_offset_min: i32) -> Option<i64> {
    let numbers: Vec<i64> = text.split([':', ' ']).map_while(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second] = numbers[..] else { return None };
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !fits {
        return None;
    }
    // Days since 1970-01-01; years begin in March within the count, so leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - i64::from(utc_offset_min) * 60;
    Some(seconds * 1000)
}

/// A block as a phone writes it, for tests of the neighbours: orientation, time, place.
#[cfg(any(test, feature = "testing"))]
pub fn sample(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\x00\x2a\x00\x00\x00\x08".to_vec();
    let entry = |block: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        block.extend(tag.to_be_bytes());
        block.extend(kind.to_be_bytes());
        block.extend(count.to_be_bytes());
        block.extend(value);
    };
    // At 8: three entries, then at 50 the shot's directory (2 entries), at 80 the place's (4), then the values.
    block.extend(3_u16.to_be_bytes());
    entry(&mut block, 0x0112, 3, 1, [0, orientation, 0, 0]);
    entry(&mut block, 0x8769, 4, 1, 50_u32.to_be_bytes());
    entry(&mut block, 0x8825, 4, 1, 80_u32.to_be_bytes());
    block.extend([0; 4]);
    block.extend(2_u16.to_be_bytes());
    entry(&mut block, 0x9003, 2, 20, 134_u32.to_be_bytes());
    entry(&mut block, 0x9011, 2, 7, 154_u32.to_be_bytes());
    block.extend([0; 4]);
    block.extend(4_u16.to_be_bytes());
    entry(&mut block, 1, 2, 2, *b"N\0\0\0");
    entry(&mut block, 2, 5, 3, 161_u32.to_be_bytes());
    entry(&mut block, 3, 2, 2, *b"E\0\0\0");
    entry(&mut block, 4, 5, 3, 185_u32.to_be_bytes());
    block.extend([0; 4]);
    block.extend(b"2026:11:24 08:00:00\0+08:00\0");
    for (over, under) in [(31_u32, 1_u32), (16, 1), (3000, 100), (121, 1), (27, 1), (0, 1)] {
        block.extend(over.to_be_bytes());
        block.extend(under.to_be_bytes());
    }
    block
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn time_place_and_orientation_are_read() {
        let facts = read(&sample(6), 0);
        assert_eq!(facts.orientation, 6);
        assert_eq!(facts.taken_at, Some(1_795_478_400_000), "2026-11-24 00:00 UTC");
        let (lon, lat) = (facts.lon.expect("a place"), facts.lat.expect("a place"));
        assert!((lon - 121.45).abs() < 1e-9 && (lat - 31.275).abs() < 1e-9, "{lon} {lat}");
        assert_eq!(read(&orientation_only(8), 0), ExifFacts { orientation: 8, ..ExifFacts::default() });
    }

    #[test]
    fn broken_blocks_give_what_they_hold_and_no_panic() {
        let good = sample(3);
        for cut in 0..good.len() {
            read(&good[..cut], 480);
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let facts = read(&bad, 480);
                assert!(facts.orientation <= 8);
                assert!(facts.lat.is_none_or(|lat| lat.abs() <= 90.0));
            }
        }
    }

    #[test]
    fn times_without_a_zone_are_local() {
        assert_eq!(moment("1970:01:01 08:00:00", 480), Some(0));
        assert_eq!(moment("2024:02:29 00:00:00", 0), Some(1_709_164_800_000));
        for wrong in ["", "0000:00:00 00:00:00", "2024-02-29 00:00:00", "2024:13:01 00:00:00", "2024:02:29 00:00"] {
            assert_eq!(moment(wrong, 0), None, "{wrong}");
        }
        assert_eq!(offset_min("-03:30"), Some(-210));
    }
}
