//! What the dataflow has decided, per channel, and how far the sink has come: one small state, written together.

use super::error::StoreError;
use super::rows::insert_rows;
use greenhub_model::ledger::Counts;
use greenhub_model::{BatchOutput, Channel};
use sqlx::{AnyConnection, AnyPool, Row};

/// How far the sink is, and the decided counts up to there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Newest batch taken in.
    pub batch: u64,
    /// Position after its last record.
    pub position: u64,
    /// Its receive time, Unix microseconds.
    pub received: i64,
    /// Decided messages since the log began.
    pub decided: [Counts; Channel::ALL.len()],
}

impl Progress {
    pub(super) fn add(&mut self, output: &BatchOutput) {
        self.batch = output.batch;
        self.position = output.end.0;
        self.received = output.received.0;
        for (sum, new) in self.decided.iter_mut().zip(&output.counts) {
            sum.applied += new.applied;
            sum.quarantined += new.quarantined;
        }
    }

    pub(super) async fn load(pool: &AnyPool) -> Result<Self, StoreError> {
        let failed = || StoreError::when("read the sink's progress");
        let mut progress = Self::default();
        let row = sqlx::query("SELECT batch, position, received FROM sink_progress WHERE id = 1")
            .fetch_optional(pool)
            .await
            .map_err(failed())?;
        if let Some(row) = row {
            progress.batch = unsigned(row.try_get(0).map_err(failed())?)?;
            progress.position = unsigned(row.try_get(1).map_err(failed())?)?;
            progress.received = row.try_get(2).map_err(failed())?;
        }
        let rows = sqlx::query("SELECT channel, applied, quarantined FROM ledger").fetch_all(pool).await;
        for row in rows.map_err(failed())? {
            let word: String = row.try_get(0).map_err(failed())?;
            let Some(channel) = Channel::ALL.into_iter().find(|c| c.as_str() == word) else {
                return Err(StoreError::Row { table: "ledger", why: format!("unknown channel {word:?}") });
            };
            let counts = &mut progress.decided[channel as usize];
            counts.applied = unsigned(row.try_get(1).map_err(failed())?)?;
            counts.quarantined = unsigned(row.try_get(2).map_err(failed())?)?;
        }
        Ok(progress)
    }

    pub(super) async fn save(&self, connection: &mut AnyConnection, before: &Self) -> Result<(), StoreError> {
        let changed: Vec<Channel> =
            Channel::ALL.into_iter().filter(|c| self.decided[*c as usize] != before.decided[*c as usize]).collect();
        let tail = "ON CONFLICT (channel) DO UPDATE SET applied = excluded.applied, quarantined = excluded.quarantined";
        let head = "INSERT INTO ledger (channel, applied, quarantined)";
        insert_rows(connection, "write the ledger", (head, 3, tail), &changed, |query, channel| {
            let counts = self.decided[*channel as usize];
            query.bind(channel.as_str()).bind(counts.applied as i64).bind(counts.quarantined as i64)
        })
        .await?;
        let sql = "INSERT INTO sink_progress (id, batch, position, received) VALUES (1, $1, $2, $3) \
                   ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, position = excluded.position, \
                   received = excluded.received";
        sqlx::query(sql)
            .bind(self.batch as i64)
            .bind(self.position as i64)
            .bind(self.received)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::when("write the sink's progress"))?;
        Ok(())
    }
}

fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Row { table: "ledger", why: format!("{value} is negative") })
}
