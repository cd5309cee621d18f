//! A chunk: up to [`ROWS_PER_CHUNK`] rows of one series, sorted, as columns under zstd.
//!
//! ```text
//! form u8 (kind | packed) | rows varint | zstd or plain: time, lon, lat, speed, heading   (a track)
//!                                                        time, values, quality            (a point)
//! optional column   = 0 all there | 1 none there | 2 bitmap, then the column with gaps filled by the value before
//! values            = 0..9 decimals, column of whole numbers | 255, exclusive-or with the value before, in planes
//! ```
//!
//! A row is plain old data and ordered by all its members, so sorting and dropping equal rows need no more thought.

use super::column::{self, ColumnError, Reader};
use greenhub_model::Quality;
use greenhub_model::output::TrackPoint;
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Rows of a full chunk.
pub const ROWS_PER_CHUNK: usize = 300;
const ROWS_MAX: u64 = 65_536;
const BYTES_PER_ROW_MAX: usize = 64;
const LEVEL: i32 = 3;
const PACKED: u8 = 0x80;
/// Speed or heading that was not sent.
pub(super) const NONE: i32 = i32::MIN;

/// A chunk that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A column is not one.
    #[error("a column is damaged: {0}")]
    Column(#[from] ColumnError),
    /// The form byte or the number of rows is none of ours.
    #[error("the head is none of ours")]
    Head,
    /// zstd cannot unpack it.
    #[error("it cannot be unpacked")]
    Packing,
}

/// A row of a series, sortable, at a time.
pub(super) trait Row: Copy + Ord + Send + 'static {
    const KIND: u8;
    fn time(&self) -> i64;
    fn put(rows: &[Self], out: &mut Vec<u8>, scratch: &mut Vec<i64>);
    fn get(reader: &mut Reader<'_>, count: usize, out: &mut Vec<Self>) -> Result<(), ColumnError>;
}

/// A place of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrackRow {
    pub time: i64,
    /// 1e-7 degree.
    pub lon: i32,
    /// 1e-7 degree.
    pub lat: i32,
    /// 0.01 km/h, or [`NONE`].
    pub speed: i32,
    /// 0.01 degree, or [`NONE`].
    pub heading: i32,
}

impl TrackRow {
    pub(super) fn of(point: &TrackPoint) -> Self {
        Self {
            time: point.time,
            lon: (point.lon * 1e7).round() as i32,
            lat: (point.lat * 1e7).round() as i32,
            speed: hundredths(point.speed_kmh),
            heading: hundredths(point.heading_deg),
        }
    }
}

fn hundredths(value: Option<f32>) -> i32 {
    match value {
        Some(value) if value.is_finite() => (f64::from(value) * 100.0).round().clamp(-2e9, 2e9) as i32,
        _ => NONE,
    }
}

pub(super) fn from_hundredths(value: i32) -> Option<f32> {
    (value != NONE).then(|| (f64::from(value) / 100.0) as f32)
}

/// A value of a point. Bits instead of a float, so that it can be sorted and compared whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ValueRow {
    pub time: i64,
    pub bits: u64,
    pub quality: u8,
}

impl ValueRow {
    pub(super) fn of(time: i64, value: f64, quality: Quality) -> Self {
        let quality = match quality {
            Quality::Good => 0,
            Quality::Uncertain => 1,
            Quality::Bad => 2,
        };
        Self { time, bits: value.to_bits(), quality }
    }

    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(super) fn quality(&self) -> Quality {
        match self.quality {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            _ => Quality::Bad,
        }
    }
}

impl Row for TrackRow {
    const KIND: u8 = 1;

    fn time(&self) -> i64 {
        self.time
    }

    fn put(rows: &[Self], out: &mut Vec<u8>, scratch: &mut Vec<i64>) {
        column::put(out, rows.iter().map(|row| row.time), scratch);
        column::put(out, rows.iter().map(|row| i64::from(row.lon)), scratch);
        column::put(out, rows.iter().map(|row| i64::from(row.lat)), scratch);
        put_optional(out, rows.iter().map(|row| row.speed), scratch);
        put_optional(out, rows.iter().map(|row| row.heading), scratch);
    }

    fn get(reader: &mut Reader<'_>, count: usize, out: &mut Vec<Self>) -> Result<(), ColumnError> {
        let (mut times, mut lons, mut lats) = (vec![], vec![], vec![]);
        column::get(reader, count, &mut times)?;
        column::get(reader, count, &mut lons)?;
        column::get(reader, count, &mut lats)?;
        let speeds = get_optional(reader, count)?;
        let headings = get_optional(reader, count)?;
        out.extend((0..count).map(|n| TrackRow {
            time: times[n],
            lon: lons[n] as i32,
            lat: lats[n] as i32,
            speed: speeds[n] as i32,
            heading: headings[n] as i32,
        }));
        Ok(())
    }
}

impl Row for ValueRow {
    const KIND: u8 = 2;

    fn time(&self) -> i64 {
        self.time
    }

    fn put(rows: &[Self], out: &mut Vec<u8>, scratch: &mut Vec<i64>) {
        column::put(out, rows.iter().map(|row| row.time), scratch);
        match (0..=9u8).find(|decimals| rows.iter().all(|row| scaled(row.value(), *decimals).is_some())) {
            Some(decimals) => {
                out.push(decimals);
                let whole = rows.iter().map(|row| scaled(row.value(), decimals).expect("just found to scale"));
                column::put(out, whole, scratch);
            }
            None => {
                out.push(255);
                let before = std::iter::once(0).chain(rows.iter().map(|row| row.bits));
                column::put_planes(out, rows.iter().zip(before).map(|(row, before)| row.bits ^ before));
            }
        }
        column::put(out, rows.iter().map(|row| i64::from(row.quality)), scratch);
    }

    fn get(reader: &mut Reader<'_>, count: usize, out: &mut Vec<Self>) -> Result<(), ColumnError> {
        let (mut times, mut wholes, mut qualities, mut bits) = (vec![], vec![], vec![], Vec::with_capacity(count));
        column::get(reader, count, &mut times)?;
        match reader.byte()? {
            decimals @ 0..=9 => {
                column::get(reader, count, &mut wholes)?;
                bits.extend(wholes.iter().map(|whole| (*whole as f64 / POWERS[usize::from(decimals)]).to_bits()));
            }
            255 => {
                let mut before = 0;
                column::get_planes(reader, count, |xor| {
                    before ^= xor;
                    bits.push(before);
                })?;
            }
            _ => return Err(ColumnError("no such number of decimals")),
        }
        column::get(reader, count, &mut qualities)?;
        out.extend((0..count).map(|n| ValueRow { time: times[n], bits: bits[n], quality: qualities[n] as u8 }));
        Ok(())
    }
}

const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// The value as a whole number with so many decimals, when that brings the very same bits back.
fn scaled(value: f64, decimals: u8) -> Option<i64> {
    let power = POWERS[usize::from(decimals)];
    let whole = (value * power).round();
    let exact = whole.abs() < 9e15 && (whole as i64 as f64 / power).to_bits() == value.to_bits();
    exact.then_some(whole as i64)
}

fn put_optional(out: &mut Vec<u8>, values: impl Iterator<Item = i32> + Clone, scratch: &mut Vec<i64>) {
    let missing = values.clone().filter(|value| *value == NONE).count();
    let total = values.clone().count();
    if missing == total {
        out.push(1);
        return;
    }
    out.push(if missing == 0 { 0 } else { 2 });
    let mut last = values.clone().find(|value| *value != NONE).unwrap_or(0);
    if missing > 0 {
        let mut bitmap = vec![0u8; total.div_ceil(8)];
        for (n, _) in values.clone().enumerate().filter(|(_, value)| *value != NONE) {
            bitmap[n / 8] |= 1 << (n % 8);
        }
        out.extend(bitmap);
    }
    let filled: Vec<i64> = values
        .map(|value| {
            last = if value == NONE { last } else { value };
            i64::from(last)
        })
        .collect();
    column::put(out, filled.into_iter(), scratch);
}

fn get_optional(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, ColumnError> {
    let mut values = vec![];
    match reader.byte()? {
        0 => column::get(reader, count, &mut values)?,
        1 => values.resize(count, i64::from(NONE)),
        2 => {
            let bitmap = reader.take(count.div_ceil(8))?;
            column::get(reader, count, &mut values)?;
            for (n, value) in values.iter_mut().enumerate() {
                if bitmap[n / 8] & (1 << (n % 8)) == 0 {
                    *value = i64::from(NONE);
                }
            }
        }
        _ => return Err(ColumnError("no such kind of optional column")),
    }
    Ok(values)
}

thread_local! {
    static TOOLS: RefCell<Option<(Compressor<'static>, Decompressor<'static>)>> = const { RefCell::new(None) };
}

fn with_tools<T>(work: impl FnOnce(&mut Compressor<'static>, &mut Decompressor<'static>) -> T) -> Option<T> {
    TOOLS.with_borrow_mut(|tools| {
        if tools.is_none() {
            *tools = Some((Compressor::new(LEVEL).ok()?, Decompressor::new().ok()?));
        }
        tools.as_mut().map(|(compressor, decompressor)| work(compressor, decompressor))
    })
}

/// Packs sorted rows.
pub(super) fn encode<R: Row>(rows: &[R]) -> Vec<u8> {
    let (mut plain, mut scratch) = (Vec::with_capacity(rows.len() * 16), Vec::with_capacity(rows.len()));
    R::put(rows, &mut plain, &mut scratch);
    let packed = with_tools(|compressor, _| compressor.compress(&plain).ok()).flatten();
    let (flag, body) = match &packed {
        Some(packed) if packed.len() < plain.len() => (PACKED, packed),
        _ => (0, &plain),
    };
    let mut out = Vec::with_capacity(body.len() + 4);
    out.push(R::KIND | flag);
    column::put_varint(&mut out, rows.len() as u64);
    out.extend_from_slice(body);
    out
}

/// Unpacks a chunk and appends its rows to `out`.
pub(super) fn decode<R: Row>(bytes: &[u8], out: &mut Vec<R>) -> Result<(), ChunkError> {
    let mut reader = Reader::new(bytes);
    let form = reader.byte()?;
    let count = reader.varint()?;
    if form & !PACKED != R::KIND || count > ROWS_MAX {
        return Err(ChunkError::Head);
    }
    let count = count as usize;
    let body = reader.rest();
    if form & PACKED == 0 {
        return Ok(R::get(&mut Reader::new(body), count, out)?);
    }
    let room = count * BYTES_PER_ROW_MAX + 256;
    let plain = with_tools(|_, decompressor| decompressor.decompress(body, room).ok()).flatten();
    let plain = plain.ok_or(ChunkError::Packing)?;
    Ok(R::get(&mut Reader::new(&plain), count, out)?)
}

/// Sorts rows and drops equal ones.
pub(super) fn tidy<R: Row>(rows: &mut Vec<R>) {
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    rows.dedup();
}
