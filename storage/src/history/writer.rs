//! The one writer: takes batches in, and at a flush packs what gathered and commits it with the batch number.
//!
//! It is a value of its own and not cloned, so nothing can be pushed while a flush runs: what is written is exactly
//! the rows up to the newest batch taken in. Packing runs on a blocking thread.

use super::chunk::{self, ChunkError, Row, TrackRow, ValueRow};
use super::memory::{Memory, Open, cut};
use super::store::{self, Packed};
use super::{HistoryError, Inner};
use greenhub_model::{BatchOutput, DeviceId, Output, PointName};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How full the memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Flush when your time comes.
    Fine,
    /// Flush now.
    FlushNow,
}

/// Takes batches in. See the head of [`crate::history`].
#[derive(Debug)]
pub struct HistoryWriter {
    inner: Arc<Inner>,
    pushed: u64,
    forget_at: usize,
}

/// One series to write.
struct Job<R> {
    device: DeviceId,
    point: Option<PointName>,
    id: Option<i64>,
    tail: Option<Packed>,
    needs_tail: bool,
    rows: Vec<R>,
}

/// One series, packed.
struct Done<R> {
    device: DeviceId,
    point: Option<PointName>,
    id: Option<i64>,
    sealed: Vec<Packed>,
    tail: Option<Packed>,
    rest: Vec<R>,
}

impl HistoryWriter {
    pub(super) fn new(inner: Arc<Inner>, pushed: u64) -> Self {
        Self { inner, pushed, forget_at: 0 }
    }

    /// Newest batch taken in.
    pub fn pushed_batch(&self) -> u64 {
        self.pushed
    }

    /// Takes in the positions and readings of a batch; one that was taken in before is skipped.
    ///
    /// [`HistoryError::Full`] means that nothing of it was taken: flush and push it again.
    pub fn push(&mut self, output: &BatchOutput) -> Result<Pressure, HistoryError> {
        let mut memory = self.inner.memory.lock();
        let max = self.inner.config.rows_waiting_max;
        if output.batch > self.pushed {
            if memory.waiting >= max {
                return Err(HistoryError::Full { rows: memory.waiting });
            }
            for item in &output.items {
                match item {
                    Output::Track(point) => memory.push_track(point),
                    Output::Sample(sample) => memory.push_sample(sample),
                    _ => {}
                }
            }
            self.pushed = output.batch;
        }
        Ok(if memory.waiting * 2 >= max { Pressure::FlushNow } else { Pressure::Fine })
    }

    /// Writes all that was taken in; returns the batch now on disk. After an error nothing is lost: call it again.
    pub async fn flush(&mut self) -> Result<u64, HistoryError> {
        if self.inner.committed.load(Ordering::Acquire) == self.pushed {
            return Ok(self.pushed);
        }
        let (mut tracks, mut values) = collect(&self.inner.memory.lock());
        self.fetch_tails(&mut tracks).await?;
        self.fetch_tails(&mut values).await?;
        let packed = tokio::task::spawn_blocking(move || Ok((pack(tracks)?, pack(values)?))).await;
        let (mut tracks, mut values) = packed.map_err(|e| HistoryError::Task(e.to_string()))??;
        let mut tx = self.inner.store.begin().await?;
        write(&mut tx, &mut tracks).await?;
        write(&mut tx, &mut values).await?;
        store::set_progress(&mut tx, self.pushed).await?;
        tx.commit().await.map_err(HistoryError::when("commit a flush"))?;
        let mut memory = self.inner.memory.lock();
        for done in tracks {
            memory.settle_track(&done.device, done.id.expect("written, so numbered"), done.rest);
        }
        for done in values {
            let point = done.point.expect("values belong to a point");
            memory.settle_values(&done.device, &point, done.id.expect("written, so numbered"), done.rest);
        }
        memory.finish_flush();
        self.inner.committed.store(self.pushed, Ordering::Release);
        Ok(self.pushed)
    }

    async fn fetch_tails<R: Row>(&self, jobs: &mut [Job<R>]) -> Result<(), HistoryError> {
        for job in jobs.iter_mut().filter(|job| job.needs_tail) {
            if let Some(id) = job.id {
                job.tail = self.inner.store.tail(id).await?;
            }
        }
        Ok(())
    }

    /// Removes chunks that ended before `before` (Unix ms), for up to `series` series, going on where the last call
    /// stopped; returns how many chunks went. Call it now and then: each call is short.
    pub async fn forget_before(&mut self, before: i64, series: usize) -> Result<u64, HistoryError> {
        let all = self.inner.memory.lock().numbers();
        if all.is_empty() {
            return Ok(0);
        }
        let mut gone = 0;
        for step in 0..series.min(all.len()) {
            let id = all[(self.forget_at + step) % all.len()];
            gone += self.inner.store.forget(id, before, 10_000).await?;
        }
        self.forget_at = (self.forget_at + series) % all.len();
        if gone > 0 {
            self.inner.store.give_back(2_000).await?;
        }
        Ok(gone)
    }

    /// Flushes and closes the file.
    pub async fn close(mut self) -> Result<u64, HistoryError> {
        let batch = self.flush().await?;
        self.inner.store.close().await;
        Ok(batch)
    }
}

fn collect(memory: &Memory) -> (Vec<Job<TrackRow>>, Vec<Job<ValueRow>>) {
    let (mut tracks, mut values) = (vec![], vec![]);
    for (device, series) in &memory.devices {
        if let Some(open) = series.track.as_ref().filter(|open| open.fresh > 0) {
            tracks.push(job(device, None, open));
        }
        for (point, open) in series.points.iter().filter(|(_, open)| open.fresh > 0) {
            values.push(job(device, Some(point), open));
        }
    }
    // In the order of the file, so that neighbouring tails share their pages.
    tracks.sort_by_key(|job| job.id.unwrap_or(i64::MAX));
    values.sort_by_key(|job| job.id.unwrap_or(i64::MAX));
    (tracks, values)
}

fn job<R: Row>(device: &DeviceId, point: Option<&PointName>, open: &Open<R>) -> Job<R> {
    Job {
        device: device.clone(),
        point: point.cloned(),
        id: open.id,
        tail: None,
        needs_tail: !open.tail_known,
        rows: open.rows.clone(),
    }
}

fn pack<R: Row>(jobs: Vec<Job<R>>) -> Result<Vec<Done<R>>, HistoryError> {
    let mut all = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        if let Some(tail) = &job.tail {
            let damaged = |source: ChunkError| HistoryError::Damaged {
                series: job.id.unwrap_or_default(),
                start: tail.start,
                source,
            };
            chunk::decode(&tail.data, &mut job.rows).map_err(damaged)?;
        }
        chunk::tidy(&mut job.rows);
        let (whole, rest) = cut(&job.rows);
        let sealed = whole.filter_map(packed).collect();
        all.push(Done {
            sealed,
            tail: packed(rest),
            rest: rest.to_vec(),
            device: job.device,
            point: job.point,
            id: job.id,
        });
    }
    Ok(all)
}

fn packed<R: Row>(rows: &[R]) -> Option<Packed> {
    let (first, last) = (rows.first()?, rows.last()?);
    Some(Packed { start: first.time(), stop: last.time(), count: rows.len() as i64, data: chunk::encode(rows) })
}

async fn write<R: Row>(tx: &mut sqlx::SqliteConnection, jobs: &mut [Done<R>]) -> Result<(), HistoryError> {
    for done in jobs {
        let id = match done.id {
            Some(id) => id,
            None => store::series_id(tx, done.device.as_str(), done.point.as_ref().map_or("", |p| p.as_str())).await?,
        };
        done.id = Some(id);
        for chunk in std::mem::take(&mut done.sealed) {
            store::add_chunk(tx, id, chunk).await?;
        }
        store::set_tail(tx, id, done.tail.take()).await?;
    }
    Ok(())
}
