//! Opening a database: address, pools, pragmas, and transactions that may write.
//!
//! SQLite gets one writing connection, so that writers of this process queue instead of failing busy, and a handful of
//! read-only ones, which in WAL mode never wait for the writer. PostgreSQL gets two pools of ordinary connections.
//! A second process on the same SQLite file (the command line, adding a user) waits up to ten seconds for its turn.

use super::error::StoreError;
use super::migration::{self, Migration};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Executor, Transaction};
use std::path::Path;
use std::time::Duration;

const READERS: u32 = 4;
const POSTGRES_WRITERS: u32 = 4;
const ACQUIRE_MAX: Duration = Duration::from_secs(15);

/// Which database stands behind a [`Database`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, in WAL mode.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// An open database with all migrations of the storage crate applied. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    backend: Backend,
    writer: AnyPool,
    readers: AnyPool,
}

impl Database {
    /// Opens `sqlite://FILE` (made if it is missing) or `postgres://…` and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let refuse = |why: &str| Err(StoreError::Address { url: without_password(url), why: why.to_owned() });
        let (backend, url, writers) = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") if url.contains(":memory:") || url.contains("mode=memory") => {
                return refuse("several connections cannot share a database in memory, name a file");
            }
            Some("sqlite") => (Backend::Sqlite, with_create_mode(url), 1),
            Some("postgres" | "postgresql") => (Backend::Postgres, url.to_owned(), POSTGRES_WRITERS),
            _ => return refuse("it starts neither with sqlite:// nor with postgres://"),
        };
        let writer = pool(backend, &url, writers, false).await?;
        migration::run(&writer, backend, migration::STORAGE, migration::STORAGE_MIGRATIONS).await?;
        let readers = pool(backend, &url, READERS, true).await?;
        Ok(Self { backend, writer, readers })
    }

    /// Opens the SQLite file at `path`, whatever characters the path has.
    pub async fn open_file(path: &Path) -> Result<Self, StoreError> {
        let Some(text) = path.to_str() else {
            let why = "the path is not UTF-8".to_owned();
            return Err(StoreError::Address { url: path.display().to_string(), why });
        };
        Self::open(&format!("sqlite://{}", percent_encode(text))).await
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Brings the tables of another crate up to date, under that crate's own module name.
    pub async fn migrate(&self, module: &'static str, migrations: &[Migration]) -> Result<(), StoreError> {
        migration::run(&self.writer, self.backend, module, migrations).await
    }

    /// Connections for reading.
    pub fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// Connections for single writing statements.
    pub fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// A transaction that will write. On SQLite it takes the write lock at once, so that it cannot fail half way
    /// because another process wrote between its read and its write.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        begin_write(&self.writer, self.backend).await
    }

    /// Closes all connections after their work is done.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

pub(super) async fn begin_write(pool: &AnyPool, backend: Backend) -> Result<Transaction<'static, Any>, StoreError> {
    let statement = match backend {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN",
    };
    pool.begin_with(statement).await.map_err(StoreError::when("begin a transaction"))
}

async fn pool(backend: Backend, url: &str, connections: u32, read_only: bool) -> Result<AnyPool, StoreError> {
    let pragmas = match (backend, read_only) {
        (Backend::Postgres, false) => "SET synchronous_commit = on",
        (Backend::Postgres, true) => "SET default_transaction_read_only = on",
        (Backend::Sqlite, false) => {
            "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864"
        }
        (Backend::Sqlite, true) => "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON",
    };
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(backend == Backend::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(sqlx::raw_sql(pragmas)).await.map(drop) })
        })
        .connect(url)
        .await
        .map_err(StoreError::when("open the database"))
}

fn with_create_mode(url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?mode=rwc"),
        Some((_, options)) if options.contains("mode=") => url.to_owned(),
        Some(_) => format!("{url}&mode=rwc"),
    }
}

fn percent_encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(without_password("postgres://u:secret@h/db"), "postgres://***@h/db");
        assert_eq!(without_password("sqlite://a.db"), "sqlite://a.db");
    }

    #[tokio::test]
    async fn other_addresses_are_refused_in_words() {
        for url in ["mysql://x", "nonsense", "sqlite::memory:"] {
            assert!(matches!(Database::open(url).await, Err(StoreError::Address { .. })), "{url}");
        }
    }
}
