//! Answers: memory first, then the disk, so that a row on its way from one to the other is seen at least once; equal
//! rows are then dropped. Long ranges are thinned chunk by chunk as they are read, so an answer never holds more than
//! [`super::HistoryConfig::rows_per_answer_max`] rows and a chunk.

use super::chunk::{self, Row, TrackRow, ValueRow, from_hundredths};
use super::thin::{thin_track, thin_values};
use super::{HistoryError, Inner};
use greenhub_model::{DeviceId, Quality};

const CHUNKS_AT_ONCE: i64 = 512;

/// A place at a time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Fix {
    /// Device time, Unix ms.
    pub time: i64,
    /// Degrees east, WGS-84.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
    /// km/h.
    pub speed_kmh: Option<f32>,
    /// Degrees clockwise from north.
    pub heading_deg: Option<f32>,
}

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SeriesRow {
    /// Device time, Unix ms.
    pub time: i64,
    /// Value in the point's unit.
    pub value: f64,
    /// How far to trust it.
    pub quality: Quality,
}

/// Where a unit was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    /// In order of time.
    pub points: Vec<Fix>,
    /// Rows in the range before thinning.
    pub total: u64,
}

/// What a point measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// In order of time.
    pub points: Vec<SeriesRow>,
    /// Rows in the range before down-sampling.
    pub total: u64,
}

pub(super) async fn track(
    inner: &Inner,
    unit: &DeviceId,
    from: i64,
    to: i64,
    max_points: usize,
) -> Result<Track, HistoryError> {
    let found = inner.memory.lock().track(unit);
    let Some((id, rows)) = found else {
        return Ok(Track::default());
    };
    let thin = |rows: &mut Vec<TrackRow>, max: usize| {
        let fixes: Vec<Fix> = rows.iter().map(fix_of).collect();
        let kept = thin_track(&fixes, max);
        *rows = kept.into_iter().map(|n| rows[n]).collect();
    };
    let (mut rows, total) = read(inner, id, rows, (from, to), max_points, thin).await?;
    if rows.len() > max_points {
        // Up to tens of milliseconds for a day: not on a thread that serves others.
        let work = move || {
            thin(&mut rows, max_points);
            rows
        };
        rows = tokio::task::spawn_blocking(work).await.map_err(|e| HistoryError::Task(e.to_string()))?;
    }
    Ok(Track { points: rows.iter().map(fix_of).collect(), total })
}

pub(super) async fn values(
    inner: &Inner,
    device: &DeviceId,
    point: &str,
    from: i64,
    to: i64,
    max_points: usize,
) -> Result<Values, HistoryError> {
    let found = inner.memory.lock().values(device, point);
    let Some((id, rows)) = found else {
        return Ok(Values::default());
    };
    let thin = |rows: &mut Vec<ValueRow>, max: usize| {
        let plain: Vec<SeriesRow> = rows.iter().map(value_of).collect();
        let kept = thin_values(&plain, max);
        *rows = kept.into_iter().map(|n| rows[n]).collect();
    };
    let (mut rows, total) = read(inner, id, rows, (from, to), max_points, thin).await?;
    if rows.len() > max_points {
        thin(&mut rows, max_points);
    }
    Ok(Values { points: rows.iter().map(value_of).collect(), total })
}

/// All rows of a series in a range, sorted, equal ones once. Ranges with more rows than an answer may hold are thinned
/// group by group as they are read; `total` then counts rows as written.
async fn read<R: Row>(
    inner: &Inner,
    id: Option<i64>,
    in_memory: Vec<R>,
    (from, to): (i64, i64),
    max_points: usize,
    thin: impl Fn(&mut Vec<R>, usize),
) -> Result<(Vec<R>, u64), HistoryError> {
    let within = |row: &R| (from..=to).contains(&row.time());
    let mut rows: Vec<R> = in_memory.into_iter().filter(within).collect();
    let Some(series) = id else {
        chunk::tidy(&mut rows);
        let total = rows.len() as u64;
        return Ok((rows, total));
    };
    let on_disk = inner.store.count(series, from, to).await?;
    let limit = inner.config.rows_per_answer_max as u64;
    let groups = on_disk.div_ceil(CHUNKS_AT_ONCE as u64 * chunk::ROWS_PER_CHUNK as u64).max(1);
    let per_group = max_points.max(1000).saturating_mul(4).div_ceil(groups as usize).max(16);
    if let Some(tail) = inner.store.tail_between(series, from, to).await? {
        unpack(series, &tail, &within, &mut rows)?;
    }
    let (mut after, mut thinned) = ((i64::MIN, i64::MIN), 0);
    loop {
        let (chunks, place) = inner.store.chunks(series, (from, to), after, CHUNKS_AT_ONCE).await?;
        let mut group = vec![];
        for chunk in &chunks {
            unpack(series, chunk, &within, &mut group)?;
        }
        if on_disk > limit {
            chunk::tidy(&mut group);
            thinned += group.len() as u64;
            thin(&mut group, per_group);
            thinned -= group.len() as u64;
        }
        rows.append(&mut group);
        match place {
            Some(place) => after = place,
            None => break,
        }
    }
    chunk::tidy(&mut rows);
    let total = rows.len() as u64 + thinned;
    Ok((rows, total))
}

fn unpack<R: Row>(
    series: i64,
    packed: &super::store::Packed,
    within: &impl Fn(&R) -> bool,
    out: &mut Vec<R>,
) -> Result<(), HistoryError> {
    let before = out.len();
    let damaged = |source| HistoryError::Damaged { series, start: packed.start, source };
    chunk::decode(&packed.data, out).map_err(damaged)?;
    let mut kept = before;
    for n in before..out.len() {
        if within(&out[n]) {
            out[kept] = out[n];
            kept += 1;
        }
    }
    out.truncate(kept);
    Ok(())
}

fn fix_of(row: &TrackRow) -> Fix {
    Fix {
        time: row.time,
        lon: f64::from(row.lon) / 1e7,
        lat: f64::from(row.lat) / 1e7,
        speed_kmh: from_hundredths(row.speed),
        heading_deg: from_hundredths(row.heading),
    }
}

fn value_of(row: &ValueRow) -> SeriesRow {
    SeriesRow { time: row.time, value: row.value(), quality: row.quality() }
}
