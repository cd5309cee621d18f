//! The history file: its tables and the few statements that touch them.
//!
//! Pages of 16 KiB hold about ten chunks each; an index on (series, stop, start) finds those that overlap a range, the
//! newest first in cost because most questions are about today. `synchronous=FULL`: the batch number that a flush
//! reports lets the log forget what came before it.

use super::HistoryError;
use greenhub_model::{DeviceId, PointName};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use std::path::Path;
use std::time::Duration;

const READERS: u32 = 4;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    point TEXT NOT NULL,
    UNIQUE (device, point)
);
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_place ON chunks (series, stop, start, count);
CREATE TABLE IF NOT EXISTS tails (
    series INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL);
";

/// Packed rows of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub start: i64,
    pub stop: i64,
    pub count: i64,
    pub data: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    pub(super) async fn open(path: &Path) -> Result<Self, HistoryError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .page_size(16_384)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .pragma("journal_size_limit", "67108864");
        let opened = || HistoryError::when("open");
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
        let writer = pool(1).connect_with(options.clone()).await.map_err(opened())?;
        sqlx::raw_sql(TABLES).execute(&writer).await.map_err(opened())?;
        let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.map_err(opened())?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn committed_batch(&self) -> Result<u64, HistoryError> {
        let row = sqlx::query("SELECT batch FROM progress WHERE id = 1").fetch_optional(&self.writer).await;
        let row = row.map_err(HistoryError::when("read the progress"))?;
        Ok(row.map_or(0, |row| row.get::<i64, _>(0) as u64))
    }

    pub(super) async fn all_series(&self) -> Result<Vec<(DeviceId, Option<PointName>, i64)>, HistoryError> {
        let rows = sqlx::query("SELECT device, point, id FROM series").fetch_all(&self.writer).await;
        let rows = rows.map_err(HistoryError::when("read the series"))?;
        let series = rows.iter().filter_map(|row| {
            let (device, point): (&str, &str) = (row.get(0), row.get(1));
            let point = if point.is_empty() { None } else { Some(PointName::new(point).ok()?) };
            Some((DeviceId::new(device).ok()?, point, row.get(2)))
        });
        Ok(series.collect())
    }

    /// The tail of a series.
    pub(super) async fn tail(&self, series: i64) -> Result<Option<Packed>, HistoryError> {
        let row = sqlx::query("SELECT start, stop, count, data FROM tails WHERE series = ?")
            .bind(series)
            .fetch_optional(&self.writer)
            .await
            .map_err(HistoryError::when("read a tail"))?;
        Ok(row.map(|row| packed_of(&row)))
    }

    /// Rows that overlap a range, as the index knows them.
    pub(super) async fn count(&self, series: i64, from: i64, to: i64) -> Result<u64, HistoryError> {
        let sql = "SELECT COALESCE(SUM(count), 0) FROM chunks WHERE series = ? AND stop >= ? AND start <= ?";
        let row = sqlx::query(sql).bind(series).bind(from).bind(to).fetch_one(&self.readers).await;
        Ok(row.map_err(HistoryError::when("count rows"))?.get::<i64, _>(0) as u64)
    }

    /// Up to `limit` chunks that overlap a range, by (stop, id), after the given place; and that place of the last one.
    pub(super) async fn chunks(
        &self,
        series: i64,
        (from, to): (i64, i64),
        after: (i64, i64),
        limit: i64,
    ) -> Result<(Vec<Packed>, Option<(i64, i64)>), HistoryError> {
        let sql = "SELECT start, stop, count, data, id FROM chunks \
                   WHERE series = ? AND stop >= ? AND start <= ? AND (stop, id) > (?, ?) ORDER BY stop, id LIMIT ?";
        let rows = sqlx::query(sql)
            .bind(series)
            .bind(from)
            .bind(to)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(HistoryError::when("read chunks"))?;
        let place = rows.last().filter(|_| rows.len() as i64 == limit).map(|row| (row.get(1), row.get(4)));
        Ok((rows.iter().map(packed_of).collect(), place))
    }

    pub(super) async fn tail_between(&self, series: i64, from: i64, to: i64) -> Result<Option<Packed>, HistoryError> {
        let sql = "SELECT start, stop, count, data FROM tails WHERE series = ? AND stop >= ? AND start <= ?";
        let row = sqlx::query(sql).bind(series).bind(from).bind(to).fetch_optional(&self.readers).await;
        Ok(row.map_err(HistoryError::when("read a tail"))?.map(|row| packed_of(&row)))
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, HistoryError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(HistoryError::when("begin a transaction"))
    }

    /// Removes up to `limit` chunks whose last row is older than `before`; returns how many went.
    pub(super) async fn forget(&self, series: i64, before: i64, limit: i64) -> Result<u64, HistoryError> {
        let failed = || HistoryError::when("forget old chunks");
        let mut tx = self.begin().await?;
        let sql = "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE series = ? AND stop < ? LIMIT ?)";
        let chunks = sqlx::query(sql).bind(series).bind(before).bind(limit).execute(&mut *tx).await.map_err(failed())?;
        let tails = sqlx::query("DELETE FROM tails WHERE series = ? AND stop < ?")
            .bind(series)
            .bind(before)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(chunks.rows_affected() + tails.rows_affected())
    }

    /// Gives free pages back to the file system, so many at most.
    pub(super) async fn give_back(&self, pages: u32) -> Result<(), HistoryError> {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({pages})"));
        sqlx::raw_sql(sql).execute(&self.writer).await.map_err(HistoryError::when("give pages back"))?;
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn packed_of(row: &sqlx::sqlite::SqliteRow) -> Packed {
    Packed { start: row.get(0), stop: row.get(1), count: row.get(2), data: row.get(3) }
}

/// The number of a series, made when it is new.
pub(super) async fn series_id(tx: &mut SqliteConnection, device: &str, point: &str) -> Result<i64, HistoryError> {
    let sql = "INSERT INTO series (device, point) VALUES (?, ?) \
               ON CONFLICT (device, point) DO UPDATE SET device = excluded.device RETURNING id";
    let row = sqlx::query(sql).bind(device).bind(point).fetch_one(tx).await;
    Ok(row.map_err(HistoryError::when("add a series"))?.get(0))
}

pub(super) async fn add_chunk(tx: &mut SqliteConnection, series: i64, chunk: Packed) -> Result<(), HistoryError> {
    sqlx::query("INSERT INTO chunks (series, start, stop, count, data) VALUES (?, ?, ?, ?, ?)")
        .bind(series)
        .bind(chunk.start)
        .bind(chunk.stop)
        .bind(chunk.count)
        .bind(chunk.data)
        .execute(tx)
        .await
        .map_err(HistoryError::when("write a chunk"))?;
    Ok(())
}

pub(super) async fn set_tail(tx: &mut SqliteConnection, series: i64, tail: Option<Packed>) -> Result<(), HistoryError> {
    let failed = HistoryError::when("write a tail");
    let query = match tail {
        None => sqlx::query("DELETE FROM tails WHERE series = ?").bind(series),
        Some(tail) => {
            let sql = "INSERT INTO tails (series, start, stop, count, data) VALUES (?, ?, ?, ?, ?) \
                       ON CONFLICT (series) DO UPDATE SET start = excluded.start, stop = excluded.stop, \
                       count = excluded.count, data = excluded.data";
            sqlx::query(sql).bind(series).bind(tail.start).bind(tail.stop).bind(tail.count).bind(tail.data)
        }
    };
    query.execute(tx).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn set_progress(tx: &mut SqliteConnection, batch: u64) -> Result<(), HistoryError> {
    let sql = "INSERT INTO progress (id, batch) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET batch = excluded.batch";
    sqlx::query(sql).bind(batch as i64).execute(tx).await.map_err(HistoryError::when("write the progress"))?;
    Ok(())
}
