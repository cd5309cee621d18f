//! Values of rows as JSON text, and back.

use crate::relational::StoreError;
use greenhub_model::change::Change;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

/// JSON text; a NUL character stands in it as an escape, which PostgreSQL takes.
pub(super) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("requests and rules are plain data")
}

pub(super) fn json_at<T: DeserializeOwned>(row: &AnyRow, column: usize, table: &'static str) -> Result<T, StoreError> {
    let text: String = row.try_get(column).map_err(StoreError::row(table))?;
    serde_json::from_str(&text).map_err(StoreError::row(table))
}

/// A row of the columns body, tested, id. Which candidate was tested stands beside the body, so that a test that ends
/// disturbs nobody who is acting on the request.
pub(super) fn change_of(row: &AnyRow) -> Result<Change, StoreError> {
    let mut change: Change = json_at(row, 0, "change_requests")?;
    let tested: i64 = row.try_get(1).map_err(StoreError::row("change_requests"))?;
    change.id = row.try_get(2).map_err(StoreError::row("change_requests"))?;
    change.backtested = tested == change.candidate;
    Ok(change)
}
