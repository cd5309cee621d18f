//! Versions of the dispatch rules: the newest is in force, old ones stay, because acts were decided by them.

use crate::core::district::District;
use crate::core::rules::{RulesInForce, builtin};
use greenhub_model::dispatch::DispatchRules;
use greenhub_storage::relational::{Database, StoreError};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Old versions kept ready.
const READY_MAX: usize = 32;

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulesRow {
    /// The document, with its version.
    pub rules: DispatchRules,
    /// In force since, Unix ms.
    pub at: i64,
    /// Who made it.
    pub author: String,
}

/// Why new rules are not in force.
#[derive(Debug, thiserror::Error)]
pub enum PutRules {
    /// They are wrong, each thing in a sentence.
    #[error("派单规则有 {} 处问题：{}", .0.len(), .0.join("；"))]
    Wrong(Vec<String>),
    /// They were made from an older version.
    #[error("派单规则已被他人改为第 {0} 版，请刷新后在新版本上修改")]
    Overtaken(u64),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All versions.
#[derive(Clone)]
pub struct RulesBook {
    db: Database,
    district: Arc<District>,
    current: Arc<RwLock<(Arc<RulesInForce>, Arc<RulesRow>)>>,
    ready: Arc<RwLock<BTreeMap<u64, Arc<RulesInForce>>>>,
}

impl RulesBook {
    pub(super) async fn open(db: Database, district: Arc<District>, now: i64) -> Result<Self, StoreError> {
        let rules = serde_json::to_string(&builtin()).map_err(StoreError::row("dispatch_rules"))?;
        let sql =
            "INSERT INTO dispatch_rules (version, at, author, body) VALUES (1, $1, 'hub', $2) ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(now).bind(rules).execute(db.writer()).await.map_err(StoreError::when("write rules"))?;
        let row = sqlx::query("SELECT at, author, body FROM dispatch_rules ORDER BY version DESC LIMIT 1")
            .fetch_one(db.writer())
            .await
            .map_err(StoreError::when("read the dispatch rules"))?;
        let row = row_of(&row)?;
        let ready = Arc::new(compiled(&row, &district)?);
        let current = Arc::new(RwLock::new((ready, Arc::new(row))));
        Ok(Self { db, district, current, ready: Arc::default() })
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<RulesInForce> {
        self.current.read().0.clone()
    }

    /// The rules in force with who made them.
    pub fn newest(&self) -> Arc<RulesRow> {
        self.current.read().1.clone()
    }

    /// An old version, ready to be asked; nothing where it is not there.
    pub async fn version(&self, version: u64) -> Result<Option<Arc<RulesInForce>>, StoreError> {
        let current = self.current();
        if current.document.version == version {
            return Ok(Some(current));
        }
        if let Some(known) = self.ready.read().get(&version) {
            return Ok(Some(known.clone()));
        }
        let row = sqlx::query("SELECT at, author, body FROM dispatch_rules WHERE version = $1")
            .bind(version as i64)
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("read the dispatch rules"))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let rules = Arc::new(compiled(&row_of(&row)?, &self.district)?);
        let mut ready = self.ready.write();
        while ready.len() >= READY_MAX {
            ready.pop_first();
        }
        ready.insert(version, rules.clone());
        Ok(Some(rules))
    }

    /// Versions, newest first, at most `limit` before `before`.
    pub async fn versions(&self, before: Option<u64>, limit: i64) -> Result<Vec<RulesRow>, StoreError> {
        let sql = "SELECT at, author, body FROM dispatch_rules WHERE version < $1 ORDER BY version DESC LIMIT $2";
        let before = before.map_or(i64::MAX, |before| before as i64);
        let rows = sqlx::query(sql)
            .bind(before)
            .bind(limit)
            .fetch_all(self.db.readers())
            .await
            .map_err(StoreError::when("read the dispatch rules"))?;
        rows.iter().map(row_of).collect()
    }

    /// Puts a document in force that was made from the version it names.
    pub async fn put(&self, mut rules: DispatchRules, author: &str, at: i64) -> Result<Arc<RulesRow>, PutRules> {
        let newest = self.newest().rules.version;
        if rules.version != newest {
            return Err(PutRules::Overtaken(newest));
        }
        rules.version += 1;
        let ready = RulesInForce::new(rules.clone(), self.district.clone()).map_err(PutRules::Wrong)?;
        let body = serde_json::to_string(&rules).map_err(StoreError::row("dispatch_rules"))?;
        let sql =
            "INSERT INTO dispatch_rules (version, at, author, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(rules.version as i64)
            .bind(at)
            .bind(author)
            .bind(body)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("write the dispatch rules"))?;
        if done.rows_affected() == 0 {
            return Err(PutRules::Overtaken(rules.version));
        }
        let row = Arc::new(RulesRow { rules, at, author: author.to_owned() });
        *self.current.write() = (Arc::new(ready), row.clone());
        Ok(row)
    }
}

fn row_of(row: &AnyRow) -> Result<RulesRow, StoreError> {
    let bad = || StoreError::row("dispatch_rules");
    let body: String = row.try_get(2).map_err(bad())?;
    Ok(RulesRow {
        at: row.try_get(0).map_err(bad())?,
        author: row.try_get(1).map_err(bad())?,
        rules: serde_json::from_str(&body).map_err(StoreError::row("dispatch_rules"))?,
    })
}

fn compiled(row: &RulesRow, district: &Arc<District>) -> Result<RulesInForce, StoreError> {
    let wrong = |problems: Vec<String>| StoreError::Row { table: "dispatch_rules", why: problems.join("; ") };
    RulesInForce::new(row.rules.clone(), district.clone()).map_err(wrong)
}
