//! The journal of order notices and all SQL that names it.
//!
//! ```text
//! act ─ in its transaction ─▶ ring row (NoticeFollower) ─due─▶ core::notices ─ one transaction ─▶ notice rows, ring row
//!                                                                    notice: queued ─▶ sent ─▶ delivered ─▶ read ─▶ answered
//!                                                                                  └▶ failed ─▶ the next step at once
//! ```
//!
//! **Nobody is forgotten and nobody told twice.** A ring is written in the transaction of the act that began it, so it is
//! there exactly when the act is. What a look decides commits together with how far the ring is, and a notice's key is
//! made of ring, person and way. A crash between sending and [`Notices::settle`] sends again under the same key.
//!
//! **Bounds.** Rings end with their last step or their order's answer; notices go after their time. One look takes
//! [`TOGETHER`] rings. Only one task numbers notices ([`Notices::look`]), one after the other.

mod follower;
mod rows;
#[cfg(test)]
mod tests;

pub use follower::NoticeFollower;

use crate::core::notices::{People, Ring, Telling};
use greenhub_model::dispatch::NoticeWay;
use greenhub_model::ids::OrderId;
use greenhub_model::notice::{OrderMessage, OrderNotice, OrderNoticeKind, OrderNoticeState, OrderNoticeWay};
use greenhub_model::order::{Order, OrderEntry};
use greenhub_storage::relational::filter::Select;
use greenhub_storage::relational::migration::Migration;
use greenhub_storage::relational::{Database, Page, PageRequest, StoreError, enum_word};
use rows::{NONE, message_of, notice_of, number, text};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use std::sync::Arc;
use tokio::sync::Mutex;

const MODULE: &str = "order_notices";
const MIGRATIONS: &[Migration] = &[Migration::common(1, include_str!("../migrations/0001_notices.sql"))];
/// Rings of one look, and notices of one round of sending.
pub const TOGETHER: i64 = 100;
/// Most notices of an order in one answer.
pub const NOTICES_MAX: i64 = 1000;
const RESPONSE_CHARS_MAX: usize = 300;

/// Something that has to be said, as its row holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// To people.
    Ring(Ring),
    /// To another system that takes the team's orders.
    Target(Box<TargetNews>),
}

/// What another system is told: the order after an act, and the act. Who reported it is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetNews {
    /// Name of the system.
    pub target: String,
    /// The order.
    pub order: Order,
    /// The act.
    pub entry: OrderEntry,
}

/// A notice that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The notice.
    pub notice: OrderNotice,
    /// The same each time it is tried.
    pub key: String,
    /// Telephone for SMS and voice, the call's body for other systems.
    pub body: String,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The way has it.
    Sent(String),
    /// In vain; to be tried again at this time, Unix ms.
    Again(String, i64),
    /// In vain for the last time.
    Failed(String),
    /// The way says that it reached them.
    Delivered(String),
    /// They picked up or opened it.
    Read(String),
}

/// A telling with what the shell knows of its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The telling.
    pub telling: Telling,
    /// Telephone, or why the way does not reach them. The app always has a place for it.
    pub number: Result<String, String>,
}

/// What a look has decided for the app, to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// User name.
    pub user: String,
    /// The message.
    pub message: OrderMessage,
    /// Whether it asks for an answer.
    pub urgent: bool,
}

/// The journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices {
    db: Database,
    numbering: Arc<Mutex<()>>,
}

impl Notices {
    /// The journal in this database; makes its tables.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        Ok(Self { db, numbering: Arc::default() })
    }

    /// Rings whose time has come: id and work.
    pub async fn due_rings(&self, now: i64) -> Result<Vec<(String, Work)>, StoreError> {
        let mut select = Select::new("SELECT id, body FROM order_rings");
        select.and("next_at", "<=", now);
        let rows = select.fetch(self.db.readers(), "next_at, id", TOGETHER, "find due rings").await?;
        rows.iter().map(|row| Ok((text(row, 0)?, rows::json(row, 1, "order_rings")?))).collect()
    }

    /// Lets a ring climb; `order` is as it stands, `route` knows the ways. What is for the app comes back to be pushed.
    pub async fn look(
        &self,
        (id, mut ring): (&str, Ring),
        order: Option<&Order>,
        people: People<'_>,
        route: impl Fn(&Telling) -> Result<String, String>,
        now: i64,
    ) -> Result<Vec<Pushed>, StoreError> {
        let _one_at_a_time = self.numbering.lock().await;
        let failed = || StoreError::when("decide who is told");
        let mut tx = self.db.begin().await?;
        // A message that was read has ended its ring meanwhile.
        let there = sqlx::query("SELECT 1 FROM order_rings WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        let over = there.is_none() || order.is_none_or(|order| ring.climbs && ring.is_over(order));
        let (mut pushed, mut next) = (vec![], None);
        if !over {
            let (tellings, at) = ring.climb(people, now);
            let routed: Vec<_> =
                tellings.into_iter().map(|telling| Routed { number: route(&telling), telling }).collect();
            pushed = self.put(&mut tx, id, &ring, &routed, now).await?;
            let in_vain = !routed.is_empty() && routed.iter().all(|routed| routed.number.is_err());
            if in_vain && at.is_some() {
                ring.hasten(now);
            }
            next = if in_vain { at.map(|_| now) } else { at };
        }
        match next {
            Some(at) => keep_ring(&mut tx, id, &Work::Ring(ring), at).await?,
            None if over => end_ring(&mut tx, id, "已无需通知", now).await?,
            // It stays until its order is answered or a way says that it failed, for at most a day.
            None => keep_ring(&mut tx, id, &Work::Ring(ring.clone()), ring.began_at.max(now - DAY_MS) + DAY_MS).await?,
        }
        tx.commit().await.map_err(failed())?;
        Ok(pushed)
    }

    /// Puts the news for another system into its queue.
    pub async fn queue_target(&self, id: &str, news: &TargetNews, now: i64) -> Result<(), StoreError> {
        let _one_at_a_time = self.numbering.lock().await;
        let mut tx = self.db.begin().await?;
        let event = news.entry.event.as_ref().map_or("open", |event| event.name());
        let row = rows::NewNotice {
            key: format!("{id}~{}", news.target),
            ring: id.to_owned(),
            order: news.order.id.clone(),
            version: news.entry.version,
            kind: OrderNoticeKind::Dispatched,
            to: news.target.clone(),
            way: OrderNoticeWay::Target,
            state: OrderNoticeState::Queued,
            response: String::new(),
            title: format!("{event} {}", news.order.title),
            text: String::new(),
            body: serde_json::to_string(news).expect("news have string keys only"),
        };
        rows::put(&mut tx, &[row], now).await?;
        sqlx::query("DELETE FROM order_rings WHERE id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::when("end a ring"))?;
        tx.commit().await.map_err(StoreError::when("queue news for another system"))
    }

    async fn put(
        &self,
        connection: &mut AnyConnection,
        id: &str,
        ring: &Ring,
        routed: &[Routed],
        now: i64,
    ) -> Result<Vec<Pushed>, StoreError> {
        let row = |routed: &Routed| {
            let Telling { user, way } = &routed.telling;
            let (way, state) = match (way, &routed.number) {
                (NoticeWay::App, _) => (OrderNoticeWay::App, OrderNoticeState::Sent),
                (NoticeWay::Sms, Ok(_)) => (OrderNoticeWay::Sms, OrderNoticeState::Queued),
                (NoticeWay::Sms, Err(_)) => (OrderNoticeWay::Sms, OrderNoticeState::Failed),
                (NoticeWay::Voice, Ok(_)) => (OrderNoticeWay::Voice, OrderNoticeState::Queued),
                (NoticeWay::Voice, Err(_)) => (OrderNoticeWay::Voice, OrderNoticeState::Failed),
            };
            rows::NewNotice {
                key: format!("{id}~{}~{user}", enum_word(&way)),
                ring: id.to_owned(),
                order: ring.order.clone(),
                version: ring.version,
                kind: ring.kind,
                to: user.clone(),
                way,
                state,
                response: routed.number.as_ref().err().cloned().unwrap_or_default(),
                title: ring.title.clone(),
                text: ring.text.clone(),
                body: routed.number.as_ref().ok().cloned().unwrap_or_default(),
            }
        };
        let new: Vec<_> = routed.iter().map(row).collect();
        let numbers = rows::put(connection, &new, now).await?;
        let in_app = new.iter().zip(numbers).filter(|(new, _)| new.way == OrderNoticeWay::App);
        let pushed = |(new, id): (&rows::NewNotice, i64)| Pushed {
            user: new.to.clone(),
            urgent: ring.climbs,
            message: OrderMessage {
                id,
                order: Some(new.order.clone()),
                kind: new.kind,
                title: new.title.clone(),
                text: new.text.clone(),
                at: now,
                read_at: None,
            },
        };
        Ok(in_app.map(pushed).collect())
    }

    /// Notices of a way that are to be sent now, oldest first; `to` narrows it to one receiver.
    pub async fn due(&self, way: OrderNoticeWay, to: Option<&str>, now: i64) -> Result<Vec<Due>, StoreError> {
        let mut select = Select::new(rows::DUE);
        select.and("state", "=", enum_word(&OrderNoticeState::Queued)).and("way", "=", enum_word(&way));
        select.and("next_try", "<=", now);
        let mut sort = "next_try, seq";
        if let Some(to) = to {
            select.and("recipient", "=", to);
            // In order: what waits to be tried again holds up what came after it.
            let first = "NOT EXISTS (SELECT 1 FROM order_notices AS before WHERE before.state = {} AND before.way = {} \
                         AND before.recipient = {} AND before.seq < order_notices.seq AND before.next_try > {})";
            let queued = enum_word(&OrderNoticeState::Queued);
            select.and_text(first, [queued.into(), enum_word(&way).into(), to.into(), now.into()]);
            sort = "seq";
        }
        let rows = select.fetch(self.db.readers(), sort, TOGETHER, "find due notices").await?;
        let due = |row| Ok(Due { notice: notice_of(row)?, key: text(row, 14)?, body: text(row, 15)? });
        rows.iter().map(due).collect()
    }

    /// Keeps how a try ended. A way that failed lets the next step of its ring come at once.
    pub async fn settle(&self, id: i64, outcome: &Outcome, now: i64) -> Result<bool, StoreError> {
        let failed = || StoreError::when("note a notice");
        let (state, response, next_try) = match outcome {
            Outcome::Sent(response) => (OrderNoticeState::Sent, response, NONE),
            Outcome::Again(response, at) => (OrderNoticeState::Queued, response, *at),
            Outcome::Failed(response) => (OrderNoticeState::Failed, response, NONE),
            Outcome::Delivered(response) => (OrderNoticeState::Delivered, response, NONE),
            Outcome::Read(response) => (OrderNoticeState::Read, response, NONE),
        };
        let response: String = response.chars().filter(|c| *c != '\0').take(RESPONSE_CHARS_MAX).collect();
        let tried = i64::from(matches!(outcome, Outcome::Sent(_) | Outcome::Again(..) | Outcome::Failed(_)));
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE order_notices SET state = $1, response = $2, next_try = $3, changed_at = $4, \
                   tries = tries + $5 WHERE seq = $6 AND state NOT IN ('read', 'answered')";
        let done = sqlx::query(sql)
            .bind(enum_word(&state))
            .bind(response)
            .bind(next_try)
            .bind(now)
            .bind(tried)
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        if done.rows_affected() == 1 {
            match outcome {
                Outcome::Failed(_) => hasten(&mut tx, id, now).await?,
                Outcome::Read(_) => rows::end_ring_of(&mut tx, id, now).await?,
                _ => {}
            }
        }
        tx.commit().await.map_err(failed())?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps what came of a voice call, and of nothing else.
    pub async fn settle_call(&self, id: i64, outcome: &Outcome, now: i64) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM order_notices WHERE seq = $1 AND way = 'voice'")
            .bind(id)
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("look for a call"))?;
        if row.is_none() { Ok(false) } else { self.settle(id, outcome, now).await }
    }

    /// Messages of somebody, newest first. Those that are shown for the first time become delivered.
    pub async fn messages(
        &self,
        user: &str,
        unread: bool,
        page: &PageRequest,
        now: i64,
    ) -> Result<Page<OrderMessage>, StoreError> {
        let mut select = Select::new(rows::MESSAGES);
        select.and("recipient", "=", user).and("way", "=", enum_word(&OrderNoticeWay::App));
        if unread {
            select.and("read_at", "=", NONE);
        }
        if let Some((seq, _)) = page.after()? {
            select.and("seq", "<", seq);
        }
        let rows = select.fetch(self.db.readers(), "seq DESC", page.fetch(), "list messages").await?;
        let mut fresh = vec![];
        let mut messages = vec![];
        for row in &rows {
            let message = message_of(row)?;
            if text(row, 7)? == enum_word(&OrderNoticeState::Sent) {
                fresh.push(message.id);
            }
            messages.push(message);
        }
        if let (Some(first), Some(last)) = (fresh.iter().min(), fresh.iter().max()) {
            let sql = "UPDATE order_notices SET state = 'delivered', changed_at = $1 WHERE recipient = $2 \
                       AND way = 'app' AND state = 'sent' AND seq >= $3 AND seq <= $4";
            sqlx::query(sql)
                .bind(now)
                .bind(user)
                .bind(*first)
                .bind(*last)
                .execute(self.db.writer())
                .await
                .map_err(StoreError::when("note that messages were shown"))?;
        }
        Ok(page.page(messages, |message| (message.id, String::new())))
    }

    /// Somebody has opened a message; false where it is not theirs.
    pub async fn read(&self, user: &str, id: i64, now: i64) -> Result<bool, StoreError> {
        let failed = || StoreError::when("mark a message as read");
        let mut tx = self.db.begin().await?;
        let there = sqlx::query("SELECT read_at FROM order_notices WHERE seq = $1 AND recipient = $2 AND way = 'app'")
            .bind(id)
            .bind(user)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        let Some(row) = there else { return Ok(false) };
        if number(&row, 0)? == NONE {
            let sql = "UPDATE order_notices SET read_at = $1, changed_at = $1, \
                       state = CASE WHEN state = 'answered' THEN state ELSE 'read' END WHERE seq = $2";
            sqlx::query(sql).bind(now).bind(id).execute(&mut *tx).await.map_err(failed())?;
            rows::end_ring_of(&mut tx, id, now).await?;
        }
        tx.commit().await.map_err(failed())?;
        Ok(true)
    }

    /// Notices of an order, newest first, at most [`NOTICES_MAX`].
    pub async fn of_order(&self, order: &OrderId) -> Result<Vec<OrderNotice>, StoreError> {
        let mut select = Select::new(rows::NOTICES);
        select.and("order_id", "=", order.as_str());
        let rows = select.fetch(self.db.readers(), "seq DESC", NOTICES_MAX, "list the notices of an order").await?;
        rows.iter().map(notice_of).collect()
    }

    /// Removes what was decided before this time; the newest row stays, so that no number is given twice.
    pub async fn forget(&self, before: i64) -> Result<u64, StoreError> {
        let sql = "DELETE FROM order_notices WHERE at < $1 AND state <> 'queued' \
                   AND seq < (SELECT COALESCE(MAX(seq), 0) FROM order_notices)";
        let done = sqlx::query(sql).bind(before).execute(self.db.writer()).await;
        Ok(done.map_err(StoreError::when("remove old notices"))?.rows_affected())
    }
}

const DAY_MS: i64 = 86_400_000;

async fn keep_ring(connection: &mut AnyConnection, id: &str, work: &Work, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE order_rings SET next_at = $1, body = $2 WHERE id = $3")
        .bind(at)
        .bind(rows::to_json(work))
        .bind(id)
        .execute(connection)
        .await
        .map_err(StoreError::when("keep a ring"))?;
    Ok(())
}

/// Ends a ring; what of it was not sent yet is not sent any more.
async fn end_ring(connection: &mut AnyConnection, id: &str, why: &str, now: i64) -> Result<(), StoreError> {
    let failed = || StoreError::when("end a ring");
    let sql = "UPDATE order_notices SET state = 'failed', response = $1, changed_at = $2, next_try = $3 \
               WHERE ring = $4 AND state = 'queued' AND way <> 'target'";
    sqlx::query(sql).bind(why).bind(now).bind(NONE).bind(id).execute(&mut *connection).await.map_err(failed())?;
    sqlx::query("DELETE FROM order_rings WHERE id = $1").bind(id).execute(connection).await.map_err(failed())?;
    Ok(())
}

/// When nobody of a way was reached, the next step of the ring comes at once.
async fn hasten(connection: &mut AnyConnection, id: i64, now: i64) -> Result<(), StoreError> {
    let failed = || StoreError::when("let the next step come");
    let sql = "SELECT ring.id, ring.body FROM order_rings ring JOIN order_notices told ON told.ring = ring.id \
               WHERE told.seq = $1 AND NOT EXISTS (SELECT 1 FROM order_notices other \
               WHERE other.ring = told.ring AND other.way = told.way AND other.state <> 'failed')";
    let row = sqlx::query(sql).bind(id).fetch_optional(&mut *connection).await.map_err(failed())?;
    let Some(row) = row else { return Ok(()) };
    if let Work::Ring(mut ring) = rows::json(&row, 1, "order_rings")? {
        ring.hasten(now);
        keep_ring(connection, &text(&row, 0)?, &Work::Ring(ring), now).await?;
    }
    Ok(())
}
