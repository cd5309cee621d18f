//! Browsers that people have subscribed, and the rows that are pushed to them.
//!
//! A notice of the page is pushed besides, by one row per browser of those it is for, in the transaction that keeps the
//! notice: [`fan_out`]. So a push is decided exactly once and tried like every other delivery. A person who is shut out
//! gets none, and a browser that changes hands takes nothing along: its name begins with its owner.
//!
//! **Bounds.** At most [`PER_USER_MAX`] browsers a person; beyond, the one that was subscribed longest ago goes.

use super::rows::{self, delivery_of, text};
use super::{NotifyJournal, TABLE_DELIVERIES};
use crate::relational::filter::{Select, Value};
use crate::relational::migration::hex;
use crate::relational::{StoreError, enum_word};
use greenhub_model::notify::{Delivery, DeliveryState, Notice, NoticeKind, NotifyChannel, PushHints, Receiver};
use greenhub_model::push::{Endpoint, PushKeys, PushMessage, PushSubscription};
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Browsers that one person may subscribe.
pub const PER_USER_MAX: i64 = 10;
/// Browsers that one notice is pushed to at most.
const FAN_OUT_MAX: i64 = 2_000;
const LABEL_CHARS_MAX: usize = 200;
const COLUMNS: &str = "SELECT id, username, endpoint, p256dh, auth, label, at FROM push_subscriptions";

/// A browser as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Browser {
    /// Its name in the journal, `USER/BROWSER`.
    pub id: String,
    /// The subscription.
    pub subscription: PushSubscription,
    /// When it was subscribed, Unix ms.
    pub at: i64,
}

/// Name of a browser in the journal: its owner, and a digest of the address that nobody else may know.
pub fn browser_id(user: &str, endpoint: &Endpoint) -> String {
    format!("{user}/{}", &hex(&Sha256::digest(endpoint.as_str().as_bytes()))[..16])
}

/// Tells one person, in the page and on every browser of that person. Cheap to clone; for whoever has something to say
/// that is no alarm.
#[derive(Debug, Clone)]
pub struct PushSender(NotifyJournal);

impl PushSender {
    /// Queues a message at this time (Unix ms); its number. What was queued under the message's key is not queued again.
    pub async fn send(&self, user: &str, message: &PushMessage, now: i64) -> Result<i64, StoreError> {
        let notice = Notice {
            id: format!("{}-message-{user}", message.key),
            kind: NoticeKind::Message,
            at: now,
            receiver: Receiver::User(user.to_owned()),
            route: String::new(),
            route_title: String::new(),
            group: Default::default(),
            priority: None,
            title: message.title.clone(),
            text: message.body.clone(),
            alarms: vec![],
            total: 0,
            push: Some(PushHints { url: message.url.clone(), tag: message.tag.clone(), urgency: message.urgency }),
        };
        self.0.enqueue(&notice, now).await
    }
}

impl NotifyJournal {
    /// Who tells single persons.
    pub fn push_sender(&self) -> PushSender {
        PushSender(self.clone())
    }

    /// Subscribes a browser, or renews it; a browser that was somebody else's changes hands. Its name in the journal.
    pub async fn subscribe(&self, new: &PushSubscription, server_key: &str, now: i64) -> Result<String, StoreError> {
        let failed = || StoreError::when("subscribe a browser");
        let (id, label) = (browser_id(&new.user, &new.endpoint), clean(&new.label));
        let mut tx = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM push_subscriptions WHERE endpoint = $1").bind(new.endpoint.as_str());
        gone.execute(&mut *tx).await.map_err(failed())?;
        let sql = "INSERT INTO push_subscriptions \
                   (id, username, endpoint, authority, p256dh, auth, label, server_key, at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(new.user.as_str())
            .bind(new.endpoint.as_str())
            .bind(new.endpoint.authority())
            .bind(new.keys.p256dh())
            .bind(new.keys.auth())
            .bind(label)
            .bind(server_key)
            .bind(now);
        row.execute(&mut *tx).await.map_err(failed())?;
        let sql = "DELETE FROM push_subscriptions WHERE username = $1 AND id NOT IN \
                   (SELECT id FROM push_subscriptions WHERE username = $1 ORDER BY at DESC, id LIMIT $2)";
        let old = sqlx::query(sql).bind(new.user.as_str()).bind(PER_USER_MAX);
        old.execute(&mut *tx).await.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(id)
    }

    /// Takes a browser of this person out; whether there was one.
    pub async fn unsubscribe(&self, user: &str, endpoint: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM push_subscriptions WHERE username = $1 AND endpoint = $2";
        let gone = sqlx::query(sql).bind(user).bind(endpoint).execute(self.db.writer()).await;
        gone.map(|done| done.rows_affected() > 0).map_err(StoreError::when("take a browser out"))
    }

    /// Takes a browser out that its push service knows no more.
    pub async fn forget_browser(&self, id: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM push_subscriptions WHERE id = $1").bind(id);
        gone.execute(self.db.writer()).await.map(drop).map_err(StoreError::when("forget a browser"))
    }

    /// Takes all browsers out that were subscribed with another key than this one: no push service takes our word there.
    pub async fn forget_browsers_of_other_keys(&self, server_key: &str) -> Result<u64, StoreError> {
        let gone = sqlx::query("DELETE FROM push_subscriptions WHERE server_key <> $1").bind(server_key);
        let gone = gone.execute(self.db.writer()).await;
        gone.map(|done| done.rows_affected()).map_err(StoreError::when("forget browsers of an older key"))
    }

    /// Browsers of a person, the newest first.
    pub async fn browsers(&self, user: &str) -> Result<Vec<Browser>, StoreError> {
        let mut select = Select::new(COLUMNS);
        select.and("username", "=", user);
        let rows = select.fetch(self.db.readers(), "at DESC, id", PER_USER_MAX, "list browsers").await?;
        rows.iter().map(browser_of).collect()
    }

    /// Pushes whose time has come, oldest first, each with its browser if that is still there; none to these
    /// authorities, where the hub is at it already.
    pub async fn due_pushes(
        &self,
        now: i64,
        busy: impl IntoIterator<Item = String>,
        limit: i64,
    ) -> Result<Vec<(Delivery, Option<Browser>)>, StoreError> {
        let mut select = Select::with(
            "SELECT d.seq, d.key, d.at, d.channel, d.receiver, d.state, d.tries, d.next_try, d.done_at, d.response, \
             d.body, s.id, s.username, s.endpoint, s.p256dh, s.auth, s.label, s.at FROM notify_deliveries d \
             LEFT JOIN push_subscriptions s ON d.receiver = 'push:' || s.id WHERE d.channel = $1",
            [Value::Text(enum_word(&NotifyChannel::Push))],
        );
        select.and_one_of("d.state", [DeliveryState::Queued, DeliveryState::Failed].iter().map(enum_word));
        select.and("d.next_try", "<=", now);
        select.and_none_of("COALESCE(s.authority, '')", busy);
        let rows = select.fetch(self.db.readers(), "d.next_try, d.seq", limit, "find due pushes").await?;
        let with_browser = |row: &AnyRow| {
            let id: Option<String> = row.try_get(11).map_err(StoreError::row(TABLE_DELIVERIES))?;
            Ok((delivery_of(row)?, id.map(|_| browser_from(row, 11)).transpose()?))
        };
        rows.iter().map(with_browser).collect()
    }

    /// Number of the newest notification that a person has read; 0 for none.
    pub async fn read_up_to(&self, user: &str) -> Result<i64, StoreError> {
        let mut select = Select::new("SELECT seq FROM notify_read");
        select.and("username", "=", user);
        let rows = select.fetch(self.db.readers(), "seq", 1, "find what was read").await?;
        rows.first().map_or(Ok(0), |row| rows::number(row, 0))
    }

    /// Notes that a person has read up to this number; it never goes back.
    pub async fn mark_read(&self, user: &str, seq: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO notify_read (username, seq) VALUES ($1, $2) ON CONFLICT (username) DO UPDATE \
                   SET seq = CASE WHEN excluded.seq > notify_read.seq THEN excluded.seq ELSE notify_read.seq END";
        let done = sqlx::query(sql).bind(user).bind(seq).execute(self.db.writer()).await;
        done.map(drop).map_err(StoreError::when("note what was read"))
    }

    /// Number of the newest row; 0 where there is none.
    pub async fn newest(&self) -> Result<i64, StoreError> {
        let select = Select::new("SELECT seq FROM notify_deliveries");
        let rows = select.fetch(self.db.readers(), "seq DESC", 1, "find the newest notice").await?;
        rows.first().map_or(Ok(0), |row| rows::number(row, 0))
    }

    /// How many notifications of these receivers come after a number.
    pub async fn count_after(&self, receivers: [String; 2], after: i64) -> Result<u64, StoreError> {
        let mut select = Select::with(
            "SELECT COUNT(*) FROM notify_deliveries WHERE channel = $1",
            [Value::Text(enum_word(&NotifyChannel::Page))],
        );
        select.and_one_of("receiver", receivers);
        select.and("seq", ">", after);
        let rows = select.fetch(self.db.readers(), "1", 1, "count notifications").await?;
        rows.first().map_or(Ok(0), |row| Ok(rows::number(row, 0)? as u64))
    }
}

/// The pushes that a notice of the page asks for: one per browser of those it is for.
pub(super) async fn fan_out(connection: &mut sqlx::AnyConnection, notice: &Notice) -> Result<Vec<Notice>, StoreError> {
    let (column, who) = match &notice.receiver {
        Receiver::Role(role) => ("u.role", role.as_str()),
        Receiver::User(name) => ("u.username", name.as_str()),
        _ => return Ok(vec![]),
    };
    let sql = format!(
        "SELECT s.id FROM push_subscriptions s JOIN users u ON u.username = s.username \
         WHERE u.disabled = 0 AND {column} = $1 ORDER BY s.id LIMIT $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(who).bind(FAN_OUT_MAX).fetch_all(&mut *connection).await;
    let rows = rows.map_err(StoreError::when("find the browsers of a notice"))?;
    let push = |row: &AnyRow| {
        let id = text(row, 0)?;
        Ok(Notice { id: format!("{}@{id}", notice.id), receiver: Receiver::Push(id), ..notice.clone() })
    };
    rows.iter().map(push).collect()
}

fn browser_of(row: &AnyRow) -> Result<Browser, StoreError> {
    browser_from(row, 0)
}

fn browser_from(row: &AnyRow, first: usize) -> Result<Browser, StoreError> {
    let endpoint = text(row, first + 2)?;
    // It was checked when it came; the configuration's own hosts may have changed since, and the client looks again.
    let own = endpoint.split('/').nth(2).unwrap_or_default().to_owned();
    let wrong = || StoreError::row("push_subscriptions");
    let endpoint = Endpoint::new(&endpoint, &[own]).map_err(wrong())?;
    let keys = PushKeys::new(&text(row, first + 3)?, &text(row, first + 4)?).map_err(wrong())?;
    let user = text(row, first + 1)?;
    let subscription = PushSubscription { user, endpoint, keys, label: text(row, first + 5)? };
    Ok(Browser { id: text(row, first)?, subscription, at: rows::number(row, first + 6)? })
}

fn clean(label: &str) -> String {
    label.chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect()
}
