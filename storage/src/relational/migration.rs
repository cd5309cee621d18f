//! Tables as numbered steps of plain SQL, embedded in the binary.
//!
//! A step runs once, in a transaction with the row that says so. Its text is hashed: a step that was edited after it
//! ran, or tables made by a newer hub, stop the start with words instead of failing later on a missing column. Every
//! crate that owns tables brings its own list under its own module name.

use super::database::{Backend, begin_write};
use super::error::StoreError;
use sha2::{Digest, Sha256};
use sqlx::{AnyPool, Row};
use std::collections::BTreeMap;

/// One step. The texts differ only where the databases do (triggers).
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 within its module.
    pub version: i64,
    /// Text for SQLite.
    pub sqlite: &'static str,
    /// Text for PostgreSQL.
    pub postgres: &'static str,
}

impl Migration {
    /// A step whose text both databases take.
    pub const fn common(version: i64, sql: &'static str) -> Self {
        Self { version, sqlite: sql, postgres: sql }
    }
}

/// Module name of the storage crate's own tables.
pub const STORAGE: &str = "storage";

/// The storage crate's own tables.
pub const STORAGE_MIGRATIONS: &[Migration] = &[
    Migration::common(1, include_str!("migrations/0001_sink.sql")),
    Migration::common(2, include_str!("migrations/0002_accounts.sql")),
    Migration {
        version: 3,
        sqlite: include_str!("migrations/0003_audit_only_grows.sqlite.sql"),
        postgres: include_str!("migrations/0003_audit_only_grows.postgres.sql"),
    },
    Migration::common(4, include_str!("migrations/0004_login_padding.sql")),
    Migration::common(5, include_str!("migrations/0005_desks.sql")),
    Migration {
        version: 6,
        sqlite: include_str!("migrations/0006_alarm_facts.sqlite.sql"),
        postgres: include_str!("migrations/0006_alarm_facts.postgres.sql"),
    },
];

/// Applies what is missing, in order.
pub(super) async fn run(
    writer: &AnyPool,
    backend: Backend,
    module: &'static str,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let wrong = StoreError::when("bring the tables up to date");
    let mut tx = begin_write(writer, backend).await?;
    if backend == Backend::Postgres {
        // Two hubs that start together must not both create the tables.
        sqlx::raw_sql("SELECT pg_advisory_xact_lock(7308332045)").execute(&mut *tx).await.map_err(wrong)?;
    }
    let table = "CREATE TABLE IF NOT EXISTS schema_steps \
                 (module TEXT NOT NULL, version BIGINT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (module, version))";
    let failed = || StoreError::when("bring the tables up to date");
    sqlx::raw_sql(table).execute(&mut *tx).await.map_err(failed())?;
    let rows = sqlx::query("SELECT version, digest FROM schema_steps WHERE module = $1")
        .bind(module)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed())?;
    let mut done = BTreeMap::new();
    for row in rows {
        let version: i64 = row.try_get(0).map_err(failed())?;
        done.insert(version, row.try_get::<String, _>(1).map_err(failed())?);
    }
    for step in migrations {
        let sql = if backend == Backend::Sqlite { step.sqlite } else { step.postgres };
        let digest = hex(&Sha256::digest(sql.as_bytes()));
        match done.remove(&step.version) {
            Some(seen) if seen == digest => continue,
            Some(_) => {
                let why = format!("step {} was changed after it ran", step.version);
                return Err(StoreError::Schema { module, why });
            }
            None => {}
        }
        sqlx::raw_sql(sql).execute(&mut *tx).await.map_err(failed())?;
        sqlx::query("INSERT INTO schema_steps (module, version, digest) VALUES ($1, $2, $3)")
            .bind(module)
            .bind(step.version)
            .bind(digest)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
    }
    if let Some(version) = done.keys().next() {
        let why = format!("step {version} is unknown here, a newer hub made it");
        return Err(StoreError::Schema { module, why });
    }
    tx.commit().await.map_err(failed())
}

/// Lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
