//! Messages that could not be used: the newest ten thousand in full, and how many there were of each kind.
//!
//! **Bounds.** Rows: the newest [`ROWS_MAX`]. Counts: one per sender and reason, at most [`PAIRS_MAX`] pairs; whoever
//! comes after that is counted under the device `(other)`, so that an attacker who invents device names costs nothing.
//! A sender is the device the topic names, or else the authenticated principal.

use super::alarms::{json_of, to_json};
use super::database::Database;
use super::error::StoreError;
use super::filter::Select;
use super::page::{Page, PageRequest};
use super::rows::insert_rows;
use greenhub_model::output::Quarantined;
use greenhub_model::{BatchOutput, Output};
use sqlx::{AnyConnection, AnyPool, Row};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows kept in full.
pub const ROWS_MAX: i64 = 10_000;
/// Pairs of sender and reason counted apart.
pub const PAIRS_MAX: usize = 20_000;
/// Name under which the rest is counted.
pub const OTHER: &str = "(other)";
const PRINCIPAL_CHARS_MAX: usize = 128;

/// Which messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// Topic named this device.
    pub device: Option<String>,
    /// Code of the reason (`Reject::code`).
    pub reason: Option<String>,
}

/// How often a sender was refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QuarantineCount {
    /// Device named by the topic; empty where it named none.
    pub device: String,
    /// Authenticated sender, where the topic named no device; else empty.
    pub principal: String,
    /// Code of the reason.
    pub reason: String,
    /// Messages and array elements.
    pub count: u64,
    /// Receive time of the newest, Unix ms.
    pub last: i64,
}

/// Reads the quarantine.
#[derive(Debug, Clone)]
pub struct QuarantineStore {
    db: Database,
}

impl QuarantineStore {
    /// Quarantine of this database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// A page of messages, newest first.
    pub async fn list(&self, filter: &QuarantineFilter, page: &PageRequest) -> Result<Page<Quarantined>, StoreError> {
        let mut select = Select::new("SELECT seq, body FROM quarantine");
        if let Some(device) = &filter.device {
            select.and("device", "=", device.as_str());
        }
        if let Some(reason) = &filter.reason {
            select.and("reason", "=", reason.as_str());
        }
        if let Some((seq, _)) = page.after()? {
            select.and("seq", "<", seq);
        }
        let rows = select.fetch(self.db.readers(), "seq DESC", page.fetch(), "list the quarantine").await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq: i64 = row.try_get(0).map_err(StoreError::row("quarantine"))?;
            items.push((seq, json_of::<Quarantined>(row, "quarantine")?));
        }
        let page = page.page(items, |(seq, _)| (*seq, String::new()));
        Ok(Page { items: page.items.into_iter().map(|(_, item)| item).collect(), next: page.next })
    }

    /// All counts, most frequent first, at most `limit`.
    pub async fn counts(&self, limit: u32) -> Result<Vec<QuarantineCount>, StoreError> {
        let select = Select::new("SELECT device, principal, reason, count, last FROM quarantine_counts");
        let order = "count DESC, device, principal, reason";
        let rows = select.fetch(self.db.readers(), order, i64::from(limit), "read the quarantine counts").await?;
        rows.iter().map(count_of).collect()
    }
}

fn count_of(row: &sqlx::any::AnyRow) -> Result<QuarantineCount, StoreError> {
    let bad = || StoreError::row("quarantine_counts");
    let count: i64 = row.try_get(3).map_err(bad())?;
    Ok(QuarantineCount {
        device: row.try_get(0).map_err(bad())?,
        principal: row.try_get(1).map_err(bad())?,
        reason: row.try_get(2).map_err(bad())?,
        count: u64::try_from(count).map_err(StoreError::row("quarantine_counts"))?,
        last: row.try_get(4).map_err(bad())?,
    })
}

type Pair = (String, String, &'static str);

/// The sink's memory of the quarantine: the newest sequence number and all counts. Changed only after a commit.
#[derive(Debug, Default)]
pub(super) struct QuarantineMemory {
    seq: i64,
    counts: HashMap<(String, String, String), (u64, i64)>,
}

/// What a transaction wrote, to be remembered once it is committed.
#[derive(Debug, Default)]
pub(super) struct QuarantineDraft {
    seq: i64,
    counts: BTreeMap<(String, String, String), (u64, i64)>,
}

impl QuarantineMemory {
    pub(super) async fn load(pool: &AnyPool) -> Result<Self, StoreError> {
        let failed = || StoreError::when("read the quarantine counts");
        let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM quarantine").fetch_one(pool).await.map_err(failed())?;
        let mut memory = Self { seq: row.try_get(0).map_err(failed())?, ..Self::default() };
        let sql = "SELECT device, principal, reason, count, last FROM quarantine_counts";
        for row in sqlx::query(sql).fetch_all(pool).await.map_err(failed())? {
            let count = count_of(&row)?;
            memory.counts.insert((count.device, count.principal, count.reason), (count.count, count.last));
        }
        Ok(memory)
    }

    pub(super) fn remember(&mut self, draft: QuarantineDraft) {
        self.seq = self.seq.max(draft.seq);
        self.counts.extend(draft.counts);
    }

    fn count(&self, draft: &mut QuarantineDraft, item: &Quarantined) {
        let (device, principal, reason) = sender_of(item);
        let mut key = (device, principal, reason.to_owned());
        let known = self.counts.contains_key(&key) || draft.counts.contains_key(&key);
        if !known && self.counts.len() + draft.counts.len() >= PAIRS_MAX {
            key = (OTHER.to_owned(), String::new(), key.2);
        }
        let before = self.counts.get(&key).copied().unwrap_or_default();
        let entry = draft.counts.entry(key).or_insert(before);
        entry.0 += 1;
        entry.1 = entry.1.max(item.received);
    }

    /// Writes the quarantined messages of these batches and their counts.
    pub(super) async fn write(
        &self,
        connection: &mut AnyConnection,
        batches: &[&Arc<BatchOutput>],
    ) -> Result<QuarantineDraft, StoreError> {
        let mut draft = QuarantineDraft { seq: self.seq, ..QuarantineDraft::default() };
        let mut rows: Vec<(i64, &Quarantined)> = vec![];
        for what in batches.iter().flat_map(|output| &output.items) {
            if let Output::Quarantine(item) = what {
                draft.seq += 1;
                rows.push((draft.seq, item));
                self.count(&mut draft, item);
            }
        }
        if rows.is_empty() {
            return Ok(draft);
        }
        let oldest = draft.seq - ROWS_MAX;
        rows.retain(|(seq, _)| *seq > oldest);
        write_rows(connection, &rows).await?;
        sqlx::query("DELETE FROM quarantine WHERE seq <= $1")
            .bind(oldest)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::when("trim the quarantine"))?;
        write_counts(connection, &draft).await?;
        Ok(draft)
    }
}

fn sender_of(item: &Quarantined) -> Pair {
    match &item.device {
        Some(device) => (device.to_string(), String::new(), item.reject.code()),
        None => (String::new(), item.principal.chars().take(PRINCIPAL_CHARS_MAX).collect(), item.reject.code()),
    }
}

/// PostgreSQL stores no NUL character in a text; a payload excerpt may hold one as an escape, a principal as itself.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

async fn write_rows(connection: &mut AnyConnection, rows: &[(i64, &Quarantined)]) -> Result<(), StoreError> {
    let head = "INSERT INTO quarantine (seq, device, principal, reason, body)";
    let tail = "ON CONFLICT (seq) DO NOTHING";
    insert_rows(connection, "write the quarantine", (head, 5, tail), rows, |query, (seq, item)| {
        let (device, principal, reason) = sender_of(item);
        query.bind(*seq).bind(device).bind(without_nul(principal)).bind(reason).bind(to_json(item))
    })
    .await
}

async fn write_counts(connection: &mut AnyConnection, draft: &QuarantineDraft) -> Result<(), StoreError> {
    let head = "INSERT INTO quarantine_counts (device, principal, reason, count, last)";
    let tail = "ON CONFLICT (device, principal, reason) DO UPDATE SET count = excluded.count, last = excluded.last";
    let rows: Vec<_> = draft.counts.iter().collect();
    insert_rows(connection, "write the quarantine counts", (head, 5, tail), &rows, |query, (key, value)| {
        let (device, principal, reason) = key;
        query
            .bind(device.clone())
            .bind(without_nul(principal.clone()))
            .bind(reason.clone())
            .bind(value.0 as i64)
            .bind(value.1)
    })
    .await
}
