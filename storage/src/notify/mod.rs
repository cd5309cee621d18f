//! The journal of notices: what was decided, and how far each delivery is.
//!
//! ```text
//! facts up to a place ─▶ decide() ─▶ one transaction: memory of the router, its place, one row per notice
//! due() ─▶ the hub sends ─▶ settle(): sent │ failed, tried again later │ gave up
//! ```
//!
//! A notice of the page has a row for each browser that takes it besides ([`push`]).
//!
//! **Exactly one row per decision**: the router's memory, the place it has read to and the rows commit together, and a
//! notice's id is unique. A crash between sending and [`NotifyJournal::settle`] sends again under the same id, so a
//! receiver that looks at the id sees each notice once.
//!
//! **Bounds.** At most [`WAITING_MAX`] deliveries wait; what comes beyond gives up at once, and its row says so. Rows that
//! have come to their end go after their time, and beyond [`ROWS_MAX`] the oldest.

mod push;
mod rows;
mod stats;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_push;

pub use push::{Browser, PER_USER_MAX, PushSender, browser_id};
pub use stats::{ChannelStats, LATENCY_MS};

use crate::relational::filter::{Select, Value};
use crate::relational::migration::Migration;
use crate::relational::{Database, FactPlace, Page, PageRequest, StoreError, enum_word, insert_rows};
use greenhub_model::notify::{Delivery, DeliveryState, Notice, Notification, NotifyChannel, NotifyRules};
use rows::{NONE, delivery_of, notification_of, number};
use sqlx::Row;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::{Mutex, broadcast};

const MODULE: &str = "notify";
const MIGRATIONS: &[Migration] = &[
    Migration::common(1, include_str!("migrations/0001_notify.sql")),
    Migration::common(2, include_str!("migrations/0002_push.sql")),
];
const TABLE_DELIVERIES: &str = "notify_deliveries";

/// Deliveries that may wait to be sent.
pub const WAITING_MAX: i64 = 10_000;
/// Rows kept.
pub const ROWS_MAX: i64 = 200_000;
/// Most notifications of one answer.
pub const NOTIFICATIONS_MAX: u32 = 500;
const RESPONSE_CHARS_MAX: usize = 500;
/// Notifications that a listener may be behind before it has to look into the tables.
const BEHIND_MAX: usize = 256;

/// The journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotifyJournal {
    db: Database,
    /// Rows get their numbers one transaction after the other.
    numbering: Arc<Mutex<()>>,
    ledger: Arc<stats::Ledger>,
    told: broadcast::Sender<Arc<Notification>>,
}

/// Rules with who made them, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesRow {
    /// The rules.
    pub rules: NotifyRules,
    /// Who.
    pub author: String,
    /// When, Unix ms.
    pub at: i64,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The receiver has it.
    Sent(String),
    /// In vain; to be tried again at this time, Unix ms.
    Again(String, i64),
    /// In vain, for the last time.
    GaveUp(String),
}

impl NotifyJournal {
    /// The journal in this database; makes its tables.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        let ledger = Arc::<stats::Ledger>::default();
        let sql =
            "SELECT channel, COUNT(*) FROM notify_deliveries WHERE state IN ('queued', 'failed') GROUP BY channel";
        let failed = || StoreError::when("count what waits");
        for row in sqlx::query(sql).fetch_all(db.readers()).await.map_err(failed())? {
            ledger.of(rows::word(&row, 0)?).queued.store(number(&row, 1)? as u64, Relaxed);
        }
        Ok(Self { db, numbering: Arc::default(), ledger, told: broadcast::Sender::new(BEHIND_MAX) })
    }

    /// What was queued, sent and given up, per channel.
    pub fn stats(&self) -> Vec<ChannelStats> {
        self.ledger.numbers()
    }

    /// Notifications of the page as they are kept, for everybody; who listens picks its own. A listener that is far
    /// behind is told so by the channel and looks into the tables.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.told.subscribe()
    }

    /// The newest rules; none where nobody has made any.
    pub async fn rules(&self) -> Result<Option<RulesRow>, StoreError> {
        let select = Select::new("SELECT at, author, body FROM notify_rules");
        let rows = select.fetch(self.db.readers(), "version DESC", 1, "read the notification rules").await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let failed = || StoreError::row("notify_rules");
        let author = row.try_get(1).map_err(failed())?;
        Ok(Some(RulesRow { at: number(row, 0)?, author, rules: rows::json(row, 2, "notify_rules")? }))
    }

    /// Keeps new rules; false when their version exists already: somebody was faster.
    pub async fn put_rules(&self, rules: &NotifyRules, author: &str, at: i64) -> Result<bool, StoreError> {
        let sql = "INSERT INTO notify_rules (version, at, author, body) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (version) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(rules.version as i64)
            .bind(at)
            .bind(author)
            .bind(rows::to_json(rules))
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("keep the notification rules"))?;
        Ok(done.rows_affected() == 1)
    }

    /// The router's memory as JSON, and the place it has read to; none before the first decision.
    pub async fn memory(&self) -> Result<Option<(FactPlace, String)>, StoreError> {
        let select = Select::new("SELECT at, batch, item, body FROM notify_state");
        let rows = select.fetch(self.db.readers(), "id", 1, "read the memory of notices").await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let place = FactPlace { at: number(row, 0)?, batch: number(row, 1)? as u64, item: number(row, 2)? as u64 };
        Ok(Some((place, row.try_get(3).map_err(StoreError::row("notify_state"))?)))
    }

    /// Keeps the router's memory up to a place together with what it decided.
    pub async fn decide(&self, place: FactPlace, memory: &str, notices: &[Notice], now: i64) -> Result<(), StoreError> {
        let _one_at_a_time = self.numbering.lock().await;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO notify_state (id, at, batch, item, body) VALUES (1, $1, $2, $3, $4) \
                   ON CONFLICT (id) DO UPDATE SET at = excluded.at, batch = excluded.batch, item = excluded.item, \
                   body = excluded.body";
        sqlx::query(sql)
            .bind(place.at)
            .bind(place.batch as i64)
            .bind(place.item as i64)
            .bind(memory)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::when("keep the memory of notices"))?;
        let rows = put(&mut tx, notices, now).await?;
        tx.commit().await.map_err(StoreError::when("commit a decision"))?;
        self.announce(rows);
        Ok(())
    }

    /// Puts one notice into the queue that no alarm asked for; its number.
    pub async fn enqueue(&self, notice: &Notice, now: i64) -> Result<i64, StoreError> {
        let _one_at_a_time = self.numbering.lock().await;
        let mut tx = self.db.begin().await?;
        let rows = put(&mut tx, std::slice::from_ref(notice), now).await?;
        tx.commit().await.map_err(StoreError::when("commit a notice"))?;
        let seq = rows.first().map_or(0, |row| row.seq);
        self.announce(rows);
        Ok(seq)
    }

    /// Counts what was kept, and tells who listens.
    fn announce(&self, rows: Vec<NewRow>) {
        for NewRow { seq, notice, state } in rows {
            let counters = self.ledger.of(notice.receiver.channel());
            match state {
                DeliveryState::GaveUp => {
                    counters.refused.fetch_add(1, Relaxed);
                }
                DeliveryState::Sent => {
                    counters.queued.fetch_add(1, Relaxed);
                    counters.deliver(0);
                    // Nobody may be listening; the row is in the tables all the same.
                    let _heard_by = self.told.send(Arc::new(Notification { seq, at: notice.at, notice }));
                }
                DeliveryState::Queued | DeliveryState::Failed => {
                    counters.queued.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Receivers that something waits for, in one word each.
    pub async fn awaited(&self) -> Result<Vec<String>, StoreError> {
        let mut select = Select::new("SELECT DISTINCT receiver FROM notify_deliveries");
        select.and_one_of("state", [DeliveryState::Queued, DeliveryState::Failed].iter().map(enum_word));
        let rows = select.fetch(self.db.readers(), "receiver", WAITING_MAX, "find who is waited for").await?;
        rows.iter().map(|row| row.try_get(0).map_err(StoreError::row("notify_deliveries"))).collect()
    }

    /// Deliveries to a receiver whose time has come, oldest first.
    pub async fn due(&self, receiver: &str, now: i64, limit: i64) -> Result<Vec<Delivery>, StoreError> {
        let mut select = Select::new(rows::COLUMNS);
        select.and("receiver", "=", receiver);
        select.and_one_of("state", [DeliveryState::Queued, DeliveryState::Failed].iter().map(enum_word));
        select.and("next_try", "<=", now);
        let rows = select.fetch(self.db.readers(), "next_try, seq", limit, "find due notices").await?;
        rows.iter().map(delivery_of).collect()
    }

    /// Notes how a try ended.
    pub async fn settle(&self, delivery: &Delivery, tried: &Tried, now: i64) -> Result<(), StoreError> {
        let (state, response, next_try, done_at) = match tried {
            Tried::Sent(response) => (DeliveryState::Sent, response, NONE, now),
            Tried::Again(response, at) => (DeliveryState::Failed, response, *at, NONE),
            Tried::GaveUp(response) => (DeliveryState::GaveUp, response, NONE, now),
        };
        let response: String = response.chars().filter(|c| *c != '\0').take(RESPONSE_CHARS_MAX).collect();
        let sql = "UPDATE notify_deliveries SET state = $1, response = $2, next_try = $3, done_at = $4, \
                   tries = tries + 1 WHERE seq = $5";
        sqlx::query(sql)
            .bind(enum_word(&state))
            .bind(response)
            .bind(next_try)
            .bind(done_at)
            .bind(delivery.seq)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("note a delivery"))?;
        let counters = self.ledger.of(delivery.channel);
        match tried {
            Tried::Sent(_) => counters.deliver(now - delivery.at),
            Tried::Again(..) => drop(counters.failed.fetch_add(1, Relaxed)),
            Tried::GaveUp(_) => drop(counters.gave_up.fetch_add(1, Relaxed)),
        }
        Ok(())
    }

    /// A page of the journal, newest first.
    pub async fn list(&self, states: &[DeliveryState], page: &PageRequest) -> Result<Page<Delivery>, StoreError> {
        let mut select = Select::new(rows::COLUMNS);
        select.and_one_of("state", states.iter().map(enum_word));
        if let Some((seq, _)) = page.after()? {
            select.and("seq", "<", seq);
        }
        let rows = select.fetch(self.db.readers(), "seq DESC", page.fetch(), "list the deliveries").await?;
        let items = rows.iter().map(delivery_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(items, |delivery| (delivery.seq, String::new())))
    }

    /// What these receivers of the page were told after a number, oldest first; without a number the newest.
    pub async fn notifications(
        &self,
        receivers: [String; 2],
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreError> {
        let mut select = Select::with(
            "SELECT seq, at, body FROM notify_deliveries WHERE channel = $1",
            [Value::Text(enum_word(&NotifyChannel::Page))],
        );
        select.and_one_of("receiver", receivers);
        if let Some(after) = after {
            select.and("seq", ">", after);
        }
        let order = if after.is_some() { "seq" } else { "seq DESC" };
        let limit = i64::from(limit.min(NOTIFICATIONS_MAX));
        let rows = select.fetch(self.db.readers(), order, limit, "list notifications").await?;
        let mut items = rows.iter().map(notification_of).collect::<Result<Vec<_>, _>>()?;
        items.sort_by_key(|item| item.seq);
        Ok(items)
    }

    /// Deliveries per state.
    pub async fn counts(&self) -> Result<Vec<(DeliveryState, u64)>, StoreError> {
        let sql = "SELECT state, COUNT(*) FROM notify_deliveries GROUP BY state ORDER BY state";
        let failed = || StoreError::when("count the deliveries");
        let rows = sqlx::query(sql).fetch_all(self.db.readers()).await.map_err(failed())?;
        rows.iter().map(|row| Ok((rows::word(row, 0)?, number(row, 1)? as u64))).collect()
    }

    /// Removes rows that have come to their end and were decided before this time, and the oldest beyond the bound.
    pub async fn forget(&self, before: i64) -> Result<u64, StoreError> {
        // The newest row stays, so that no number is ever given twice.
        let sql = "DELETE FROM notify_deliveries WHERE state IN ('sent', 'gave_up') \
                   AND seq < (SELECT COALESCE(MAX(seq), 0) FROM notify_deliveries) \
                   AND (at < $1 OR seq <= (SELECT COALESCE(MAX(seq), 0) FROM notify_deliveries) - $2)";
        let done = sqlx::query(sql)
            .bind(before)
            .bind(ROWS_MAX)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("remove old deliveries"))?;
        Ok(done.rows_affected())
    }
}

/// A row that was written.
struct NewRow {
    seq: i64,
    notice: Notice,
    state: DeliveryState,
}

/// Writes rows for notices that have none yet, and for the browsers that take them; what was written, in order.
async fn put(connection: &mut sqlx::AnyConnection, notices: &[Notice], now: i64) -> Result<Vec<NewRow>, StoreError> {
    let failed = || StoreError::when("queue notices");
    if notices.is_empty() {
        return Ok(vec![]);
    }
    let sql = "SELECT (SELECT COALESCE(MAX(seq), 0) FROM notify_deliveries), \
               (SELECT COUNT(*) FROM notify_deliveries WHERE state IN ('queued', 'failed'))";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(failed())?;
    let (mut seq, mut waiting) = (number(&row, 0)?, number(&row, 1)?);
    let mut rows = vec![];
    for told in notices {
        let there = sqlx::query("SELECT 1 FROM notify_deliveries WHERE key = $1").bind(told.id.clone());
        let there = there.fetch_optional(&mut *connection).await.map_err(failed())?.is_some();
        if there || rows.iter().any(|row: &NewRow| row.notice.id == told.id) {
            continue;
        }
        for notice in std::iter::once(told.clone()).chain(push::fan_out(connection, told).await?) {
            seq += 1;
            let state = match notice.receiver.channel() {
                NotifyChannel::Page => DeliveryState::Sent,
                _ if waiting >= WAITING_MAX => DeliveryState::GaveUp,
                _ => DeliveryState::Queued,
            };
            waiting += i64::from(state == DeliveryState::Queued);
            rows.push(NewRow { seq, notice, state });
        }
    }
    let head = "INSERT INTO notify_deliveries \
                (seq, key, at, channel, receiver, state, tries, next_try, done_at, response, body)";
    insert_rows(connection, "queue notices", (head, 11, ""), &rows, |query, row| {
        let NewRow { seq, notice, state } = row;
        let waits = *state == DeliveryState::Queued;
        query
            .bind(*seq)
            .bind(notice.id.clone())
            .bind(notice.at)
            .bind(enum_word(&notice.receiver.channel()))
            .bind(notice.receiver.to_string())
            .bind(enum_word(state))
            .bind(0_i64)
            .bind(if waits { now } else { NONE })
            .bind(if waits { NONE } else { now })
            .bind(if *state == DeliveryState::GaveUp { "the queue is full" } else { "" })
            .bind(rows::to_json(notice))
    })
    .await?;
    Ok(rows)
}
