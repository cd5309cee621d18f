//! The master: every version of the rules that was ever approved, by number.

use super::row::{json_at, text};
use super::{ChangeStore, save_in};
use crate::relational::filter::Select;
use crate::relational::{Backend, StoreError};
use greenhub_model::change::{Change, ChangeEvent};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// Most versions listed.
const VERSIONS_MAX: i64 = 10_000;

/// A version without its rules.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VersionRow {
    /// Its number.
    pub number: u64,
    /// Since when it is the master, Unix ms.
    pub at: i64,
    /// Who asked for it, or `hub`.
    pub author: String,
    /// `builtin`, `file` or `change`.
    pub origin: String,
    /// The request it came from.
    pub request: Option<i64>,
}

/// A version with its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleVersion {
    /// About it.
    pub row: VersionRow,
    /// The rules.
    pub rules: Value,
}

/// A version to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion<'a> {
    /// Its number: one more than the newest.
    pub number: u64,
    /// When, Unix ms.
    pub at: i64,
    /// Who asked for it, or `hub`.
    pub author: &'a str,
    /// `builtin`, `file` or `change`.
    pub origin: &'a str,
    /// The rules.
    pub rules: &'a Value,
}

const COLUMNS: &str = "SELECT number, at, author, origin, request FROM rule_versions";
const WHOLE: &str = "SELECT number, at, author, origin, request, rules FROM rule_versions";

impl ChangeStore {
    /// All versions, newest first.
    pub async fn versions(&self) -> Result<Vec<VersionRow>, StoreError> {
        let select = Select::new(COLUMNS);
        let rows = select.fetch(self.db.readers(), "number DESC", VERSIONS_MAX, "list the versions of rules").await?;
        rows.iter().map(row_of).collect()
    }

    /// One version.
    pub async fn version(&self, number: u64) -> Result<Option<RuleVersion>, StoreError> {
        let mut select = Select::new(WHOLE);
        select.and("number", "=", i64::try_from(number).unwrap_or(i64::MAX));
        let rows = select.fetch(self.db.readers(), "number", 1, "read a version of the rules").await?;
        rows.first().map(version_of).transpose()
    }

    /// The newest version: the approved master. None before the first start.
    pub async fn newest(&self) -> Result<Option<RuleVersion>, StoreError> {
        let select = Select::new(WHOLE);
        let rows = select.fetch(self.db.readers(), "number DESC", 1, "read the newest version of the rules").await?;
        rows.first().map(version_of).transpose()
    }

    /// The first version of all. False when there is a version already.
    pub async fn begin_with(&self, version: &NewVersion<'_>) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let added = add(&mut tx, self.db.backend(), version, 0, 0).await?;
        tx.commit().await.map_err(StoreError::when("write the first version of the rules"))?;
        Ok(added)
    }

    /// The version that a request becomes, together with the request's new state. False when the request was changed
    /// meanwhile or `version` does not follow the newest one: nothing is written then.
    pub async fn put_in_force(
        &self,
        change: &Change,
        read_at: i64,
        event: &ChangeEvent,
        version: &NewVersion<'_>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if !add(&mut tx, self.db.backend(), version, change.base, change.id).await? {
            return Ok(false);
        }
        if !save_in(&mut tx, change, read_at, None, event).await? {
            return Ok(false);
        }
        tx.commit().await.map_err(StoreError::when("put a version of the rules in force"))?;
        Ok(true)
    }
}

/// Adds a version if the newest one is `after` (0: if there is none).
async fn add(
    connection: &mut AnyConnection,
    backend: Backend,
    version: &NewVersion<'_>,
    after: u64,
    request: i64,
) -> Result<bool, StoreError> {
    let failed = || StoreError::when("write a version of the rules");
    if backend == Backend::Postgres {
        let lock = "LOCK TABLE rule_versions IN EXCLUSIVE MODE";
        sqlx::raw_sql(lock).execute(&mut *connection).await.map_err(failed())?;
    }
    let sql = "SELECT COALESCE(MAX(number), 0) FROM rule_versions";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(failed())?;
    let newest: i64 = row.try_get(0).map_err(failed())?;
    if u64::try_from(newest) != Ok(after) || version.number <= after {
        return Ok(false);
    }
    let sql = "INSERT INTO rule_versions (number, at, author, origin, request, rules) VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(sql)
        .bind(i64::try_from(version.number).map_err(StoreError::row("rule_versions"))?)
        .bind(version.at)
        .bind(version.author)
        .bind(version.origin)
        .bind(request)
        .bind(text(version.rules))
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    Ok(true)
}

fn row_of(row: &AnyRow) -> Result<VersionRow, StoreError> {
    let bad = || StoreError::row("rule_versions");
    let (number, request): (i64, i64) = (row.try_get(0).map_err(bad())?, row.try_get(4).map_err(bad())?);
    Ok(VersionRow {
        number: u64::try_from(number).map_err(StoreError::row("rule_versions"))?,
        at: row.try_get(1).map_err(bad())?,
        author: row.try_get(2).map_err(bad())?,
        origin: row.try_get(3).map_err(bad())?,
        request: (request != 0).then_some(request),
    })
}

fn version_of(row: &AnyRow) -> Result<RuleVersion, StoreError> {
    Ok(RuleVersion { row: row_of(row)?, rules: json_at(row, 5, "rule_versions")? })
}
