//! The audit log: what people did, in rows that only grow, each carrying the hash of the one before.
//!
//! `hash = SHA-256(previous hash, then every member with its length before it)`. Whoever changes, removes or slips in a
//! row breaks the chain from there on, and [`AuditLog::verify`] says where. Triggers refuse `UPDATE` and `DELETE` as
//! well. Rows cut off at the end leave a whole chain: note the newest sequence number and hash elsewhere (the health
//! page shows them) and compare. Retention is a matter of export and a new database, never of deleting rows.

use crate::relational::filter::Select;
use crate::relational::migration::hex;
use crate::relational::{Backend, Database, Page, PageRequest, StoreError};
use greenhub_model::ReceivedTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

const MEMBER_CHARS_MAX: usize = 500;
const VERIFY_AT_ONCE: i64 = 1000;
/// What stands before the first row.
const BEGINNING: &str = "greenhub";

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Done,
    /// Refused: not allowed, wrong password, locked.
    Refused,
    /// It went wrong.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Outcome::Done, Outcome::Refused, Outcome::Failed].into_iter().find(|o| o.as_str() == word)
    }
}

/// What to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry<'a> {
    /// When.
    pub at: ReceivedTime,
    /// User name, `hub` or `command line`.
    pub actor: &'a str,
    /// Address of the peer, where there is one.
    pub origin: &'a str,
    /// What was done, a stable word such as `login` or `user_added`.
    pub action: &'a str,
    /// To what.
    pub object: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Words for people; no secret.
    pub detail: &'a str,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// When, Unix ms.
    pub at: i64,
    /// User name, `hub` or `command line`.
    pub actor: String,
    /// Address of the peer.
    pub origin: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Words for people.
    pub detail: String,
    /// Hash of the row before.
    pub previous: String,
    /// Hash of this row.
    pub hash: String,
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// Rows checked.
    pub entries: i64,
    /// First row that does not follow from the one before.
    pub broken_at: Option<i64>,
    /// Hash of the newest sound row.
    pub head: String,
}

/// The audit log of a database.
#[derive(Debug, Clone)]
pub struct AuditLog {
    db: Database,
}

impl AuditLog {
    /// The log in this database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// Adds a row in a transaction of its own.
    pub async fn append(&self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        append_in(&mut tx, self.db.backend(), entry).await?;
        tx.commit().await.map_err(StoreError::when("write the audit log"))
    }

    /// A page, newest first.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<AuditEntry>, StoreError> {
        let mut select = Select::new(COLUMNS);
        if let Some((seq, _)) = page.after()? {
            select.and("seq", "<", seq);
        }
        let rows = select.fetch(self.db.readers(), "seq DESC", page.fetch(), "list the audit log").await?;
        let items = rows.iter().map(entry_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(items, |entry| (entry.seq, String::new())))
    }

    /// Walks the whole chain.
    pub async fn verify(&self) -> Result<AuditVerdict, StoreError> {
        let mut verdict = AuditVerdict { entries: 0, broken_at: None, head: BEGINNING.to_owned() };
        let mut after = 0;
        loop {
            let mut select = Select::new(COLUMNS);
            select.and("seq", ">", after);
            let rows = select.fetch(self.db.readers(), "seq", VERIFY_AT_ONCE, "read the audit log").await?;
            for row in &rows {
                let entry = entry_of(row)?;
                let follows = entry.seq == after + 1 && entry.previous == verdict.head && hash_of(&entry) == entry.hash;
                verdict.entries += 1;
                if !follows {
                    verdict.broken_at = Some(entry.seq);
                    return Ok(verdict);
                }
                after = entry.seq;
                verdict.head = entry.hash;
            }
            if rows.is_empty() {
                return Ok(verdict);
            }
        }
    }
}

const COLUMNS: &str = "SELECT seq, at, actor, origin, action, object, outcome, detail, previous, hash FROM audit";

/// Adds a row within a transaction, so that a change and its trace stand or fall together.
pub async fn append_in(
    connection: &mut AnyConnection,
    backend: Backend,
    new: &NewAuditEntry<'_>,
) -> Result<(), StoreError> {
    let failed = || StoreError::when("write the audit log");
    if backend == Backend::Postgres {
        // One writer at a time, or two rows would follow the same one. SQLite has one writer anyway.
        sqlx::raw_sql("LOCK TABLE audit IN EXCLUSIVE MODE").execute(&mut *connection).await.map_err(failed())?;
    }
    let newest = sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed())?;
    let (seq, previous) = match newest {
        Some(row) => (row.try_get::<i64, _>(0).map_err(failed())?, row.try_get(1).map_err(failed())?),
        None => (0, BEGINNING.to_owned()),
    };
    let mut entry = AuditEntry {
        seq: seq + 1,
        at: new.at.millis(),
        actor: clean(new.actor),
        origin: clean(new.origin),
        action: clean(new.action),
        object: clean(new.object),
        outcome: new.outcome,
        detail: clean(new.detail),
        previous,
        hash: String::new(),
    };
    entry.hash = hash_of(&entry);
    let sql = "INSERT INTO audit (seq, at, actor, origin, action, object, outcome, detail, previous, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    sqlx::query(sql)
        .bind(entry.seq)
        .bind(entry.at)
        .bind(entry.actor)
        .bind(entry.origin)
        .bind(entry.action)
        .bind(entry.object)
        .bind(entry.outcome.as_str())
        .bind(entry.detail)
        .bind(entry.previous)
        .bind(entry.hash)
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    Ok(())
}

/// Shortens a member and takes out control characters: a user name must not forge a line of an exported log.
fn clean(text: &str) -> String {
    text.chars().take(MEMBER_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn hash_of(entry: &AuditEntry) -> String {
    let mut hash = Sha256::new();
    let (seq, at) = (entry.seq.to_string(), entry.at.to_string());
    let members = [
        entry.previous.as_str(),
        &seq,
        &at,
        &entry.actor,
        &entry.origin,
        &entry.action,
        &entry.object,
        entry.outcome.as_str(),
        &entry.detail,
    ];
    for member in members {
        hash.update((member.len() as u64).to_le_bytes());
        hash.update(member.as_bytes());
    }
    hex(&hash.finalize())
}

fn entry_of(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let bad = || StoreError::row("audit");
    let outcome: String = row.try_get(6).map_err(bad())?;
    Ok(AuditEntry {
        seq: row.try_get(0).map_err(bad())?,
        at: row.try_get(1).map_err(bad())?,
        actor: row.try_get(2).map_err(bad())?,
        origin: row.try_get(3).map_err(bad())?,
        action: row.try_get(4).map_err(bad())?,
        object: row.try_get(5).map_err(bad())?,
        outcome: Outcome::parse(&outcome).ok_or(outcome).map_err(StoreError::row("audit"))?,
        detail: row.try_get(7).map_err(bad())?,
        previous: row.try_get(8).map_err(bad())?,
        hash: row.try_get(9).map_err(bad())?,
    })
}
