//! What can go wrong between the hub and its relational database.

/// A failure of the database or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database this build can open.
    #[error("database address {url:?} cannot be used: {why}")]
    Address {
        /// The address, without its password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database refused or was unreachable.
    #[error("cannot {attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// The driver's words.
        #[source]
        source: sqlx::Error,
    },
    /// The tables were made by a newer hub, or a migration was changed after it ran.
    #[error("the tables of {module} do not fit this hub: {why}")]
    Schema {
        /// Whose tables.
        module: &'static str,
        /// What does not fit.
        why: String,
    },
    /// A row does not hold what this hub wrote.
    #[error("a row of {table} cannot be read: {why}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
    /// A background task of the store died.
    #[error("a background task of the store died: {0}")]
    Task(String),
}

impl StoreError {
    /// For `map_err`: names what was attempted.
    pub fn when(attempt: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
        move |source| StoreError::Database { attempt, source }
    }

    /// For `map_err`: a row that cannot be read.
    pub fn row<E: std::fmt::Display>(table: &'static str) -> impl FnOnce(E) -> StoreError {
        move |why| StoreError::Row { table, why: why.to_string() }
    }

    /// Whether the database refused because such a row exists already.
    pub fn is_duplicate(&self) -> bool {
        match self {
            StoreError::Database { source: sqlx::Error::Database(e), .. } => e.is_unique_violation(),
            _ => false,
        }
    }
}
