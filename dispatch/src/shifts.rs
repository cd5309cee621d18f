//! The on-shift switches of people, and all SQL that names them.
//!
//! A turn is stored with its idempotency key before it is answered; the same key again changes nothing. Of two turns the
//! later one holds, whichever is stored last. What somebody's switch means beside the roster is [`crate::core::duty`]'s.
//! Turns are kept for [`KEPT_MS`], the newest of each person for ever.

use crate::core::duty::Switch;
use greenhub_storage::relational::filter::Select;
use greenhub_storage::relational::migration::Migration;
use greenhub_storage::relational::{Database, StoreError};
use sqlx::Row;
use std::collections::BTreeMap;

/// How long turns are kept: 400 days.
pub const KEPT_MS: i64 = 400 * 86_400_000;
/// Most switches that are read.
const SWITCHES_MAX: i64 = 10_000;
const MODULE: &str = "staff";
const MIGRATIONS: &[Migration] = &[Migration::common(1, include_str!("migrations/0001_staff.sql"))];

/// All switches.
#[derive(Debug, Clone)]
pub struct Shifts {
    db: Database,
}

impl Shifts {
    /// Switches in this database; makes their tables.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        Ok(Self { db })
    }

    /// Turns somebody's switch; false where the same request had turned it before.
    pub async fn turn(&self, user: &str, request_id: &str, switch: Switch) -> Result<bool, StoreError> {
        let failed = || StoreError::when("turn a switch");
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO shift_turns (user_name, request_id, at, is_on) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (user_name, request_id) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(user)
            .bind(request_id)
            .bind(switch.at)
            .bind(i64::from(switch.on))
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO shifts (user_name, at, is_on) VALUES ($1, $2, $3) ON CONFLICT (user_name) \
                   DO UPDATE SET at = excluded.at, is_on = excluded.is_on WHERE excluded.at >= shifts.at";
        sqlx::query(sql)
            .bind(user)
            .bind(switch.at)
            .bind(i64::from(switch.on))
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        sqlx::query("DELETE FROM shift_turns WHERE at < $1")
            .bind(switch.at.saturating_sub(KEPT_MS))
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(true)
    }

    /// The newest turn of everybody.
    pub async fn all(&self) -> Result<BTreeMap<String, Switch>, StoreError> {
        let select = Select::new("SELECT user_name, at, is_on FROM shifts");
        let rows = select.fetch(self.db.readers(), "at DESC, user_name", SWITCHES_MAX, "read the switches").await?;
        let bad = || StoreError::row("shifts");
        let switch = |row: &sqlx::any::AnyRow| {
            let on = row.try_get::<i64, _>(2).map_err(bad())? != 0;
            Ok((row.try_get(0).map_err(bad())?, Switch { on, at: row.try_get(1).map_err(bad())? }))
        };
        rows.iter().map(switch).collect()
    }

    /// The newest turn of somebody.
    pub async fn of(&self, user: &str) -> Result<Option<Switch>, StoreError> {
        let mut select = Select::new("SELECT at, is_on FROM shifts");
        select.and("user_name", "=", user);
        let rows = select.fetch(self.db.readers(), "user_name", 1, "read a switch").await?;
        let bad = || StoreError::row("shifts");
        let Some(row) = rows.first() else { return Ok(None) };
        let on = row.try_get::<i64, _>(1).map_err(bad())? != 0;
        Ok(Some(Switch { on, at: row.try_get(0).map_err(bad())? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_storage::relational::testing::on_every_database;

    #[tokio::test]
    async fn a_switch_turns_once_for_a_request_and_the_latest_turn_holds() {
        on_every_database(async |stage| {
            let shifts = Shifts::open(stage.open().await).await.expect("tables");
            let turn = async |request: &str, on: bool, at: i64| {
                shifts.turn("wang", request, Switch { on, at }).await.expect("stored")
            };
            assert!(turn("r1", true, 1_000).await, "{}", stage.label);
            assert!(!turn("r1", false, 2_000).await, "the same request acts once");
            assert_eq!(shifts.of("wang").await.expect("read"), Some(Switch { on: true, at: 1_000 }));
            assert!(turn("r2", false, 3_000).await);
            assert!(turn("r3", true, 2_500).await, "stored, though an older turn than the newest");
            // A hub that restarts finds them.
            let again = Shifts::open(stage.open().await).await.expect("tables");
            let all = again.all().await.expect("read");
            assert_eq!(all, [("wang".to_owned(), Switch { on: false, at: 3_000 })].into());
            assert_eq!(again.of("li").await.expect("read"), None);
        })
        .await;
    }
}
