//! Conditions of a list call as SQL: only texts of this program and numbered parameters, values always bound.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe};

use super::error::StoreError;

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A `BIGINT`.
    Number(i64),
    /// A `TEXT`.
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

/// A `SELECT` with conditions joined by `AND`.
#[derive(Debug)]
pub struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// Starts from `SELECT … FROM …`.
    pub fn new(head: &'static str) -> Self {
        Self { sql: head.to_owned(), values: vec![] }
    }

    /// Starts from a `SELECT` whose own text holds `$1`, `$2`, … for these values.
    pub fn with(head: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: head.to_owned(), values: values.into_iter().collect() }
    }

    fn join(&mut self) {
        self.sql.push_str(if self.sql.contains(" WHERE ") { " AND " } else { " WHERE " });
    }

    fn hold(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds `column operator value`, for example `("device", "=", "P-1")`.
    pub fn and(&mut self, column: &'static str, operator: &'static str, value: impl Into<Value>) -> &mut Self {
        self.join();
        let place = self.hold(value.into());
        self.sql.push_str(&format!("{column} {operator} {place}"));
        self
    }

    /// Adds `column IN (…)`; an empty list means no condition.
    pub fn and_one_of(&mut self, column: &'static str, words: impl IntoIterator<Item = String>) -> &mut Self {
        let places: Vec<String> = words.into_iter().map(|word| self.hold(Value::Text(word))).collect();
        if !places.is_empty() {
            self.join();
            self.sql.push_str(&format!("{column} IN ({})", places.join(", ")));
        }
        self
    }

    /// Adds a condition of this program's own text in which each `{}` stands for one of the values.
    pub fn and_text(&mut self, text: &'static str, values: impl IntoIterator<Item = Value>) -> &mut Self {
        self.join();
        let mut values = values.into_iter();
        for (n, part) in text.split("{}").enumerate() {
            if n > 0 {
                let value = values.next().expect("a condition has as many values as places");
                let place = self.hold(value);
                self.sql.push_str(&place);
            }
            self.sql.push_str(part);
        }
        self
    }

    /// Adds `column NOT IN (…)`; an empty list means no condition.
    pub fn and_none_of(&mut self, column: &'static str, words: impl IntoIterator<Item = String>) -> &mut Self {
        let places: Vec<String> = words.into_iter().map(|word| self.hold(Value::Text(word))).collect();
        if !places.is_empty() {
            self.join();
            self.sql.push_str(&format!("{column} NOT IN ({})", places.join(", ")));
        }
        self
    }

    /// Adds "after this place", for lists sorted by `number DESC, id DESC`.
    pub fn and_below(&mut self, columns: &'static str, place: Option<(i64, String)>) -> &mut Self {
        if let Some((number, id)) = place {
            self.join();
            let (number, id) = (self.hold(number.into()), self.hold(id.into()));
            self.sql.push_str(&format!("({columns}) < ({number}, {id})"));
        }
        self
    }

    /// Adds "after this place", for lists sorted by these columns, all ascending.
    pub fn and_above(&mut self, columns: &'static str, place: impl IntoIterator<Item = Value>) -> &mut Self {
        self.join();
        let places: Vec<String> = place.into_iter().map(|value| self.hold(value)).collect();
        self.sql.push_str(&format!("({columns}) > ({})", places.join(", ")));
        self
    }

    /// Sorts, limits and runs the statement.
    pub async fn fetch(
        mut self,
        pool: &AnyPool,
        order: &'static str,
        limit: i64,
        attempt: &'static str,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let limit = self.hold(Value::Number(limit));
        let sql = format!("{} ORDER BY {order} LIMIT {limit}", self.sql);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in self.values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query.fetch_all(pool).await.map_err(StoreError::when(attempt))
    }
}
