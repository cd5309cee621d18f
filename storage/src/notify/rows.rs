//! Rows of the journal as model values, and back.

use crate::relational::{StoreError, parse_word};
use greenhub_model::notify::{Delivery, Notification};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Stands for a time that there is not.
pub(super) const NONE: i64 = -1;

pub(super) const COLUMNS: &str =
    "SELECT seq, key, at, channel, receiver, state, tries, next_try, done_at, response, body FROM notify_deliveries";
const TABLE: &str = "notify_deliveries";

pub(super) fn delivery_of(row: &AnyRow) -> Result<Delivery, StoreError> {
    let time = |column| number(row, column).map(|at| Some(at).filter(|at| *at != NONE));
    Ok(Delivery {
        seq: number(row, 0)?,
        key: text(row, 1)?,
        at: number(row, 2)?,
        channel: word(row, 3)?,
        receiver: text(row, 4)?,
        state: word(row, 5)?,
        tries: u32::try_from(number(row, 6)?).map_err(StoreError::row(TABLE))?,
        next_try: time(7)?,
        done_at: time(8)?,
        response: text(row, 9)?,
        notice: json(row, 10, TABLE)?,
    })
}

pub(super) fn notification_of(row: &AnyRow) -> Result<Notification, StoreError> {
    Ok(Notification { seq: number(row, 0)?, at: number(row, 1)?, notice: json(row, 2, TABLE)? })
}

pub(super) fn number(row: &AnyRow, column: usize) -> Result<i64, StoreError> {
    row.try_get(column).map_err(StoreError::row(TABLE))
}

pub(super) fn text(row: &AnyRow, column: usize) -> Result<String, StoreError> {
    row.try_get(column).map_err(StoreError::row(TABLE))
}

pub(super) fn word<T: DeserializeOwned>(row: &AnyRow, column: usize) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(TABLE))?;
    parse_word(text).ok_or_else(|| StoreError::Row { table: TABLE, why: format!("unknown word {text:?}") })
}

pub(super) fn json<T: DeserializeOwned>(row: &AnyRow, column: usize, table: &'static str) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(table))?;
    serde_json::from_str(text).map_err(StoreError::row(table))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a model value has string keys only and always becomes JSON")
}
