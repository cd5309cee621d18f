//! Small tools for rows: many of them in one statement, and enums as the words they have on the wire.

use super::error::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

const ROWS_PER_STATEMENT: usize = 64;

/// Inserts rows in statements of 64 and of 1, so that few statements are prepared and most rows share one call.
///
/// `head` ends before the values (`INSERT INTO t (a, b)`), `tail` follows them (`ON CONFLICT …` or nothing); both are
/// texts of this program, never of a user. `bind` adds the `columns` values of one row.
pub async fn insert_rows<T>(
    connection: &mut AnyConnection,
    attempt: &'static str,
    (head, columns, tail): (&'static str, usize, &'static str),
    rows: &[T],
    bind: impl for<'q> Fn(Query<'q, Any, sqlx::any::AnyArguments>, &T) -> Query<'q, Any, sqlx::any::AnyArguments>,
) -> Result<(), StoreError> {
    let chunks = rows.chunks_exact(ROWS_PER_STATEMENT);
    let rest = chunks.remainder();
    for chunk in chunks.chain(rest.chunks(1)) {
        let sql = values_text(head, columns, tail, chunk.len());
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in chunk {
            query = bind(query, row);
        }
        query.execute(&mut *connection).await.map_err(StoreError::when(attempt))?;
    }
    Ok(())
}

fn values_text(head: &str, columns: usize, tail: &str, rows: usize) -> String {
    let mut sql = String::with_capacity(head.len() + tail.len() + rows * columns * 6);
    sql.push_str(head);
    sql.push_str(" VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}${}", row * columns + column + 1));
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(tail);
    sql
}

/// The word that serde writes for a unit variant, for a column that lists filter by.
pub fn enum_word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("an enum without data is a word in JSON, got {other:?}"),
    }
}

/// The variant a word names, if it names one.
pub fn parse_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
