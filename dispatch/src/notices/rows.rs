//! Rows of the journal as model values, and back.

use greenhub_model::ids::OrderId;
use greenhub_model::notice::{OrderMessage, OrderNotice, OrderNoticeKind, OrderNoticeState, OrderNoticeWay};
use greenhub_storage::relational::{StoreError, enum_word, insert_rows, parse_word};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// Stands for a time that there is not.
pub(super) const NONE: i64 = -1;
const TABLE: &str = "order_notices";

pub(super) const NOTICES: &str = "SELECT seq, order_id, version, kind, recipient, way, state, at, changed_at, tries, \
    response, title, text, read_at FROM order_notices";
pub(super) const DUE: &str = "SELECT seq, order_id, version, kind, recipient, way, state, at, changed_at, tries, \
    response, title, text, read_at, key, body FROM order_notices";
pub(super) const MESSAGES: &str = "SELECT seq, order_id, kind, title, text, at, read_at, state FROM order_notices";

/// A notice that gets its number.
#[derive(Debug, Clone)]
pub(super) struct NewNotice {
    pub(super) key: String,
    pub(super) ring: String,
    pub(super) order: OrderId,
    pub(super) version: u64,
    pub(super) kind: OrderNoticeKind,
    pub(super) to: String,
    pub(super) way: OrderNoticeWay,
    pub(super) state: OrderNoticeState,
    pub(super) response: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) body: String,
}

/// Writes notices; their numbers.
pub(super) async fn put(connection: &mut AnyConnection, new: &[NewNotice], now: i64) -> Result<Vec<i64>, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM order_notices")
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::when("number notices"))?;
    let first = number(&row, 0)? + 1;
    let numbered: Vec<(i64, &NewNotice)> = (first..).zip(new).collect();
    let head = "INSERT INTO order_notices (seq, key, ring, order_id, version, kind, recipient, way, state, at, \
                changed_at, read_at, next_try, tries, response, title, text, body)";
    insert_rows(connection, "write notices", (head, 18, "ON CONFLICT (key) DO NOTHING"), &numbered, |query, row| {
        let (seq, new) = row;
        query
            .bind(*seq)
            .bind(new.key.clone())
            .bind(new.ring.clone())
            .bind(new.order.as_str().to_owned())
            .bind(new.version as i64)
            .bind(enum_word(&new.kind))
            .bind(new.to.clone())
            .bind(enum_word(&new.way))
            .bind(enum_word(&new.state))
            .bind(now)
            .bind(now)
            .bind(NONE)
            .bind(if new.state == OrderNoticeState::Queued { now } else { NONE })
            .bind(0_i64)
            .bind(new.response.clone())
            .bind(new.title.clone())
            .bind(new.text.clone())
            .bind(new.body.clone())
    })
    .await?;
    Ok(numbered.iter().map(|(seq, _)| *seq).collect())
}

/// Ends the ring that a notice belongs to.
pub(super) async fn end_ring_of(connection: &mut AnyConnection, seq: i64, now: i64) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT ring FROM order_notices WHERE seq = $1")
        .bind(seq)
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::when("find a notice's ring"))?;
    match row {
        Some(row) => super::end_ring(connection, &text(&row, 0)?, "已阅读，无需再通知", now).await,
        None => Ok(()),
    }
}

pub(super) fn notice_of(row: &AnyRow) -> Result<OrderNotice, StoreError> {
    Ok(OrderNotice {
        id: number(row, 0)?,
        order: OrderId::new(&text(row, 1)?).map_err(StoreError::row(TABLE))?,
        version: number(row, 2)? as u64,
        kind: word(row, 3)?,
        to: text(row, 4)?,
        way: word(row, 5)?,
        state: word(row, 6)?,
        at: number(row, 7)?,
        changed_at: number(row, 8)?,
        tries: u32::try_from(number(row, 9)?).map_err(StoreError::row(TABLE))?,
        response: text(row, 10)?,
        title: text(row, 11)?,
        text: text(row, 12)?,
    })
}

pub(super) fn message_of(row: &AnyRow) -> Result<OrderMessage, StoreError> {
    Ok(OrderMessage {
        id: number(row, 0)?,
        order: Some(OrderId::new(&text(row, 1)?).map_err(StoreError::row(TABLE))?),
        kind: word(row, 2)?,
        title: text(row, 3)?,
        text: text(row, 4)?,
        at: number(row, 5)?,
        read_at: Some(number(row, 6)?).filter(|at| *at != NONE),
    })
}

pub(super) fn number(row: &AnyRow, column: usize) -> Result<i64, StoreError> {
    row.try_get(column).map_err(StoreError::row(TABLE))
}

pub(super) fn text(row: &AnyRow, column: usize) -> Result<String, StoreError> {
    row.try_get(column).map_err(StoreError::row(TABLE))
}

fn word<T: DeserializeOwned>(row: &AnyRow, column: usize) -> Result<T, StoreError> {
    let text = text(row, column)?;
    parse_word(&text).ok_or_else(|| StoreError::Row { table: TABLE, why: format!("unknown word {text:?}") })
}

pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: usize, table: &'static str) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(table))?;
    serde_json::from_str(text).map_err(StoreError::row(table))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("rows have string keys only")
}
