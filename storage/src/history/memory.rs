//! What the history keeps in memory: the known series, and the open rows of those that were touched lately.
//!
//! Pushing a row is one look-up and one append: nothing is sorted, packed or read here. Where a series' tail on disk is
//! not known yet (after a start, or when its memory was given up) the rows simply gather; the flush fetches the tail.

use super::chunk::{ROWS_PER_CHUNK, Row, TrackRow, ValueRow};
use super::{HistoryConfig, HistoryStatus};
use greenhub_model::output::{Sample, TrackPoint};
use greenhub_model::{DeviceId, PointName};
use std::collections::HashMap;

/// Flushes without a new row after which a series' memory is given up.
const IDLE_FLUSHES: u64 = 20;

/// Open rows of one series.
#[derive(Debug, Clone)]
pub(super) struct Open<R> {
    /// Number of the series on disk; none until its first flush.
    pub id: Option<i64>,
    /// The tail of the disk is among the rows. A series without a number has no tail.
    pub tail_known: bool,
    pub rows: Vec<R>,
    /// Rows that came since the last flush.
    pub fresh: usize,
    touched: u64,
}

impl<R: Row> Open<R> {
    fn new(id: Option<i64>) -> Self {
        Self { id, tail_known: id.is_none(), rows: vec![], fresh: 0, touched: 0 }
    }

    fn push(&mut self, row: R, flushes: u64) {
        self.rows.push(row);
        self.fresh += 1;
        self.touched = flushes;
    }

    /// Sorted rows after a flush: the rest stays, what was sealed goes.
    pub fn settle(&mut self, id: i64, rest: Vec<R>) {
        *self = Self { id: Some(id), tail_known: true, rows: rest, fresh: 0, touched: self.touched };
    }
}

#[derive(Debug, Default)]
pub(super) struct DeviceSeries {
    pub track: Option<Open<TrackRow>>,
    pub points: Vec<(PointName, Open<ValueRow>)>,
    track_id: Option<i64>,
    point_ids: Vec<(PointName, i64)>,
    known: usize,
}

#[derive(Debug)]
pub(super) struct Memory {
    pub devices: HashMap<DeviceId, DeviceSeries>,
    pub waiting: usize,
    pub flushes: u64,
    series: usize,
    open: usize,
    rows: u64,
    dropped: u64,
    points_per_device_max: usize,
    series_max: usize,
    open_max: usize,
}

impl Memory {
    /// Starts with the series of the file: device, point (none for a track), number.
    pub(super) fn new(config: &HistoryConfig, series: Vec<(DeviceId, Option<PointName>, i64)>) -> Self {
        let mut memory = Self {
            devices: HashMap::new(),
            waiting: 0,
            flushes: 0,
            series: series.len(),
            open: 0,
            rows: 0,
            dropped: 0,
            points_per_device_max: config.points_per_device_max,
            series_max: config.series_max,
            open_max: config.series_open_max,
        };
        for (device, point, id) in series {
            let entry = memory.devices.entry(device).or_default();
            match point {
                None => entry.track_id = Some(id),
                Some(point) => {
                    entry.known += 1;
                    entry.point_ids.push((point, id));
                }
            }
        }
        memory
    }

    pub(super) fn status(&self) -> HistoryStatus {
        HistoryStatus {
            series: self.series,
            series_open: self.open,
            rows_waiting: self.waiting,
            rows: self.rows,
            rows_dropped: self.dropped,
            committed_batch: 0,
        }
    }

    pub(super) fn push_track(&mut self, point: &TrackPoint) {
        let room = self.series < self.series_max;
        let Some(device) = device_entry(&mut self.devices, &point.unit, room) else {
            self.dropped += 1;
            return;
        };
        if device.track.is_none() {
            if device.track_id.is_none() && !room {
                self.dropped += 1;
                return;
            }
            self.series += usize::from(device.track_id.is_none());
            self.open += 1;
            device.track = Some(Open::new(device.track_id));
        }
        let open = device.track.as_mut().expect("opened two lines above");
        open.push(TrackRow::of(point), self.flushes);
        self.waiting += 1;
        self.rows += 1;
    }

    pub(super) fn push_sample(&mut self, sample: &Sample) {
        let room = self.series < self.series_max;
        let Some(device) = device_entry(&mut self.devices, &sample.device, room) else {
            self.dropped += sample.values.len() as u64;
            return;
        };
        for (point, value) in &sample.values {
            let row = ValueRow::of(sample.time, *value, sample.quality);
            let place = device.points.iter().position(|(name, _)| name == point);
            let place = match place {
                Some(place) => place,
                None => {
                    let id = device.point_ids.iter().find(|(name, _)| name == point).map(|(_, id)| *id);
                    if id.is_none() {
                        if device.known >= self.points_per_device_max || self.series >= self.series_max {
                            self.dropped += 1;
                            continue;
                        }
                        device.known += 1;
                        self.series += 1;
                    }
                    self.open += 1;
                    device.points.push((point.clone(), Open::new(id)));
                    device.points.len() - 1
                }
            };
            device.points[place].1.push(row, self.flushes);
            self.waiting += 1;
            self.rows += 1;
        }
    }

    /// Rows of a unit's track that are in memory, and its number on disk.
    pub(super) fn track(&self, unit: &DeviceId) -> Option<(Option<i64>, Vec<TrackRow>)> {
        let device = self.devices.get(unit)?;
        Some((device.track_id, device.track.as_ref().map(|open| open.rows.clone()).unwrap_or_default()))
    }

    /// Rows of a point that are in memory, and its number on disk.
    pub(super) fn values(&self, device: &DeviceId, point: &str) -> Option<(Option<i64>, Vec<ValueRow>)> {
        let device = self.devices.get(device)?;
        let id = device.point_ids.iter().find(|(name, _)| name.as_str() == point).map(|(_, id)| *id);
        let open = device.points.iter().find(|(name, _)| name.as_str() == point).map(|(_, open)| open.rows.clone());
        (id.is_some() || open.is_some()).then(|| (id, open.unwrap_or_default()))
    }

    /// Numbers of all series on disk, in order.
    pub(super) fn numbers(&self) -> Vec<i64> {
        let of = |device: &DeviceSeries| {
            device.track_id.into_iter().chain(device.point_ids.iter().map(|(_, id)| *id)).collect::<Vec<_>>()
        };
        let mut all: Vec<i64> = self.devices.values().flat_map(of).collect();
        all.sort_unstable();
        all
    }

    /// Takes note of what a flush wrote.
    pub(super) fn settle_track(&mut self, unit: &DeviceId, id: i64, rest: Vec<TrackRow>) {
        if let Some(device) = self.devices.get_mut(unit) {
            device.track_id = Some(id);
            if let Some(open) = &mut device.track {
                open.settle(id, rest);
            }
        }
    }

    /// Takes note of what a flush wrote.
    pub(super) fn settle_values(&mut self, device: &DeviceId, point: &PointName, id: i64, rest: Vec<ValueRow>) {
        let Some(device) = self.devices.get_mut(device) else {
            return;
        };
        if !device.point_ids.iter().any(|(name, _)| name == point) {
            device.point_ids.push((point.clone(), id));
        }
        if let Some((_, open)) = device.points.iter_mut().find(|(name, _)| name == point) {
            open.settle(id, rest);
        }
    }

    /// After a flush: gives up the memory of series that are quiet, and of more when there are too many.
    pub(super) fn finish_flush(&mut self) {
        self.waiting = 0;
        self.flushes += 1;
        let flushes = self.flushes;
        self.give_up(|touched| flushes.saturating_sub(touched) > IDLE_FLUSHES);
        if self.open > self.open_max {
            let mut touched: Vec<u64> = self.touched().collect();
            let (_, limit, _) = touched.select_nth_unstable(self.open - self.open_max);
            let limit = *limit;
            self.give_up(|touched| touched < limit);
        }
        if self.open > self.open_max {
            // All were touched in the same flush: give up whatever comes first.
            let mut surplus = self.open - self.open_max;
            self.give_up(|_| {
                let take = surplus > 0;
                surplus = surplus.saturating_sub(1);
                take
            });
        }
    }

    fn touched(&self) -> impl Iterator<Item = u64> + '_ {
        let tracks = self.devices.values().filter_map(|device| device.track.as_ref().map(|open| open.touched));
        tracks.chain(self.devices.values().flat_map(|device| device.points.iter().map(|(_, open)| open.touched)))
    }

    fn give_up(&mut self, mut surplus: impl FnMut(u64) -> bool) {
        let mut open = 0;
        for device in self.devices.values_mut() {
            if device.track.as_ref().is_some_and(|t| t.fresh == 0 && surplus(t.touched)) {
                device.track = None;
            }
            device.points.retain(|(_, t)| t.fresh > 0 || !surplus(t.touched));
            open += usize::from(device.track.is_some()) + device.points.len();
        }
        self.open = open;
    }
}

fn device_entry<'a>(
    devices: &'a mut HashMap<DeviceId, DeviceSeries>,
    id: &DeviceId,
    room: bool,
) -> Option<&'a mut DeviceSeries> {
    if !devices.contains_key(id) {
        if !room {
            return None;
        }
        devices.insert(id.clone(), DeviceSeries::default());
    }
    devices.get_mut(id)
}

/// Rows that make a full chunk, cut from the front of sorted rows; the rest stays open.
pub(super) fn cut<R: Row>(rows: &[R]) -> (impl Iterator<Item = &[R]>, &[R]) {
    let whole = rows.len() / ROWS_PER_CHUNK * ROWS_PER_CHUNK;
    (rows[..whole].chunks_exact(ROWS_PER_CHUNK), &rows[whole..])
}
