//! The tables of files and all SQL that names them.

use super::exif::ExifFacts;
use super::sniff::MediaType;
use super::strip::Blank;
use super::uploads::Upload;
use crate::relational::filter::Select;
use crate::relational::{Database, StoreError};
use greenhub_model::ids::{FileId, OrderId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

const ORDERS_MAX: i64 = 100;
/// Looked through, or nothing looks.
pub(super) const CLEAN: &str = "clean";
/// Waits for the scanner.
pub(super) const WAITING: &str = "waiting";
/// Not given out.
pub(super) const INFECTED: &str = "infected";

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The SHA-256 of its bytes as they were sent.
    pub id: FileId,
    /// Its type by content.
    pub media: MediaType,
    /// Its size as it was sent.
    pub bytes: u64,
    /// Width of a picture as it stands.
    pub width: Option<u32>,
    /// Height of a picture as it stands.
    pub height: Option<u32>,
    /// Name that the first sender gave it.
    pub name: String,
    /// Who sent it first.
    pub by: String,
    /// When, Unix ms.
    pub at: i64,
    /// When it was taken by the sender's word, Unix ms.
    pub taken_at: Option<i64>,
    /// Where, by the sender's word.
    pub lon: Option<f64>,
    /// Where, by the sender's word.
    pub lat: Option<f64>,
    /// What the camera wrote into it; private.
    pub exif: ExifFacts,
    /// There is a copy without private facts.
    pub public_copy: bool,
    /// There is a small picture.
    pub thumb: bool,
    /// What of a video is not sent.
    pub blanks: Vec<Blank>,
    /// The scanner has found something; it is not given out. Kept in a column of its own.
    #[serde(skip)]
    pub infected: bool,
}

/// The first of these files that is not whole, or not given out.
pub async fn missing(connection: &mut AnyConnection, files: &[FileId]) -> Result<Option<FileId>, StoreError> {
    for file in files {
        // The key of the table of files would refuse it as well, but that would break PostgreSQL's transaction.
        let whole = sqlx::query("SELECT 1 FROM files WHERE id = $1 AND scan <> $2")
            .bind(file.as_str())
            .bind(INFECTED)
            .fetch_optional(&mut *connection)
            .await
            .map_err(StoreError::when("look for a file"))?;
        if whole.is_none() {
            return Ok(Some(file.clone()));
        }
    }
    Ok(None)
}

/// Names files in an order, within the transaction of the act that does; they were looked at by [`missing`].
///
/// A file stays as long as an order names it. Naming it twice changes nothing.
pub async fn hold(
    connection: &mut AnyConnection,
    order: &OrderId,
    files: &[FileId],
    at: i64,
) -> Result<(), StoreError> {
    for file in files {
        sqlx::query("INSERT INTO file_orders (file, order_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(file.as_str())
            .bind(order.as_str())
            .bind(at)
            .execute(&mut *connection)
            .await
            .map_err(StoreError::when("name a file in an order"))?;
    }
    Ok(())
}

pub(super) async fn file(pool: &AnyPool, id: &FileId) -> Result<Option<StoredFile>, StoreError> {
    let row = sqlx::query("SELECT body, scan FROM files WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(pool)
        .await
        .map_err(StoreError::when("read a file's row"))?;
    let Some(row) = row else { return Ok(None) };
    let scan: String = row.try_get(1).map_err(StoreError::row("files"))?;
    let file: StoredFile = json(&row, 0, "files")?;
    Ok(Some(StoredFile { infected: scan == INFECTED, ..file }))
}

pub(super) async fn is_of(pool: &AnyPool, file: &FileId, user: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM file_uploads WHERE file = $1 AND owner = $2 LIMIT 1")
        .bind(file.as_str())
        .bind(user)
        .fetch_optional(pool)
        .await
        .map_err(StoreError::when("look for a file's sender"))?;
    Ok(row.is_some())
}

pub(super) async fn orders(pool: &AnyPool, file: &FileId) -> Result<Vec<OrderId>, StoreError> {
    let mut select = Select::new("SELECT order_id FROM file_orders");
    select.and("file", "=", file.as_str());
    let rows = select.fetch(pool, "at, order_id", ORDERS_MAX, "find the orders of a file").await?;
    rows.iter().map(|row| id(row, "file_orders")).collect()
}

/// The upload of this request, if it has begun.
pub(super) async fn upload_of(
    connection: &mut AnyConnection,
    owner: &str,
    request_id: &str,
) -> Result<Option<Upload>, StoreError> {
    let row = sqlx::query("SELECT body FROM file_uploads WHERE owner = $1 AND request_id = $2")
        .bind(owner)
        .bind(request_id)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::when("read an upload"))?;
    row.as_ref().map(|row| json(row, 0, "file_uploads")).transpose()
}

/// An upload by its id, if it is this person's.
pub(super) async fn upload(pool: &AnyPool, owner: &str, id: &str) -> Result<Option<Upload>, StoreError> {
    let row = sqlx::query("SELECT body FROM file_uploads WHERE id = $1 AND owner = $2")
        .bind(id)
        .bind(owner)
        .fetch_optional(pool)
        .await
        .map_err(StoreError::when("read an upload"))?;
    row.as_ref().map(|row| json(row, 0, "file_uploads")).transpose()
}

/// Bytes that this person announced since a time.
pub(super) async fn bytes_since(connection: &mut AnyConnection, owner: &str, since: i64) -> Result<u64, StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM file_uploads WHERE owner = $1 AND created_at > $2";
    let row = sqlx::query(sql)
        .bind(owner)
        .bind(since)
        .fetch_one(connection)
        .await
        .map_err(StoreError::when("count a person's uploads"))?;
    let bytes: i64 = row.try_get(0).map_err(StoreError::row("file_uploads"))?;
    Ok(bytes.max(0) as u64)
}

pub(super) async fn add_upload(connection: &mut AnyConnection, upload: &Upload) -> Result<(), StoreError> {
    let sql = "INSERT INTO file_uploads (id, owner, request_id, size, created_at, expires_at, file, body) \
               VALUES ($1, $2, $3, $4, $5, $6, '', $7)";
    sqlx::query(sql)
        .bind(upload.id.as_str())
        .bind(upload.owner.as_str())
        .bind(upload.request_id.as_str())
        .bind(upload.size as i64)
        .bind(upload.created_at)
        .bind(upload.expires_at)
        .bind(to_json(upload))
        .execute(connection)
        .await
        .map_err(StoreError::when("begin an upload"))?;
    Ok(())
}

/// Keeps what an upload came to.
pub(super) async fn settle_upload(connection: &mut AnyConnection, upload: &Upload) -> Result<(), StoreError> {
    sqlx::query("UPDATE file_uploads SET file = $1, body = $2 WHERE id = $3")
        .bind(upload.file.as_ref().map_or("", FileId::as_str))
        .bind(to_json(upload))
        .bind(upload.id.as_str())
        .execute(connection)
        .await
        .map_err(StoreError::when("end an upload"))?;
    Ok(())
}

pub(super) async fn add_intent(db: &Database, file: &FileId, at: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO file_intents (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(file.as_str())
        .bind(at)
        .execute(db.writer())
        .await
        .map_err(StoreError::when("note that a file is to be placed"))?;
    Ok(())
}

/// Keeps a file and what its upload came to. Content that is there already keeps its first row.
pub(super) async fn add_file(db: &Database, file: &StoredFile, scan: &str, upload: &Upload) -> Result<(), StoreError> {
    let failed = || StoreError::when("keep a file's row");
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO files (id, seen_at, scan, body) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
    sqlx::query(sql)
        .bind(file.id.as_str())
        .bind(file.at)
        .bind(scan)
        .bind(to_json(file))
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
    sqlx::query("DELETE FROM file_intents WHERE id = $1")
        .bind(file.id.as_str())
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
    settle_upload(&mut tx, upload).await?;
    tx.commit().await.map_err(failed())
}

pub(super) async fn exists(db: &Database, file: &FileId) -> Result<bool, StoreError> {
    // Read where it is written: a reader may still see the past.
    let row = sqlx::query("SELECT 1 FROM files WHERE id = $1")
        .bind(file.as_str())
        .fetch_optional(db.writer())
        .await
        .map_err(StoreError::when("look for a file"))?;
    Ok(row.is_some())
}

pub(super) async fn is_open(db: &Database, upload: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM file_uploads WHERE id = $1 AND file = ''")
        .bind(upload)
        .fetch_optional(db.writer())
        .await
        .map_err(StoreError::when("look for an upload"))?;
    Ok(row.is_some())
}

pub(super) async fn expired(db: &Database, now: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    let mut select = Select::new("SELECT id FROM file_uploads");
    select.and("file", "=", "").and("expires_at", "<", now);
    let rows = select.fetch(db.readers(), "expires_at", limit, "find unfinished uploads").await?;
    rows.iter().map(|row| row.try_get(0).map_err(StoreError::row("file_uploads"))).collect()
}

/// Removes an upload that has not become a file; false where it has meanwhile.
pub(super) async fn forget_upload(db: &Database, upload: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM file_uploads WHERE id = $1 AND file = ''")
        .bind(upload)
        .execute(db.writer())
        .await
        .map_err(StoreError::when("remove an upload"))?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn unreferenced(db: &Database, before: i64, limit: i64) -> Result<Vec<FileId>, StoreError> {
    let mut select = Select::new(
        "SELECT id FROM files WHERE NOT EXISTS (SELECT 1 FROM file_orders WHERE file_orders.file = files.id)",
    );
    select.and("seen_at", "<", before);
    let rows = select.fetch(db.readers(), "seen_at, id", limit, "find files that no order names").await?;
    rows.iter().map(|row| id(row, "files")).collect()
}

/// Removes the row of a file that no order names, with its uploads; its content goes by the intent.
pub(super) async fn forget_file(db: &Database, file: &FileId, before: i64, now: i64) -> Result<bool, StoreError> {
    let failed = || StoreError::when("remove a file's row");
    let mut tx = db.begin().await?;
    let sql = "DELETE FROM files WHERE id = $1 AND seen_at < $2 \
               AND NOT EXISTS (SELECT 1 FROM file_orders WHERE file_orders.file = files.id)";
    let done = sqlx::query(sql).bind(file.as_str()).bind(before).execute(&mut *tx).await;
    match done {
        Ok(done) if done.rows_affected() == 1 => {}
        Ok(_) => return Ok(false),
        // An act names it at this very moment.
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => return Ok(false),
        Err(error) => return Err(failed()(error)),
    }
    sqlx::query("DELETE FROM file_uploads WHERE file = $1")
        .bind(file.as_str())
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
    sqlx::query("INSERT INTO file_intents (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(file.as_str())
        .bind(now)
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    Ok(true)
}

pub(super) async fn intents(db: &Database, limit: i64) -> Result<Vec<FileId>, StoreError> {
    let select = Select::new("SELECT id FROM file_intents");
    let rows = select.fetch(db.readers(), "at, id", limit, "find contents without a row").await?;
    rows.iter().map(|row| id(row, "file_intents")).collect()
}

pub(super) async fn clear_intent(db: &Database, file: &FileId, now: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM file_intents WHERE id = $1 AND at <= $2")
        .bind(file.as_str())
        .bind(now)
        .execute(db.writer())
        .await
        .map_err(StoreError::when("clear an intent"))?;
    Ok(())
}

pub(super) async fn unscanned(db: &Database, limit: i64) -> Result<Vec<FileId>, StoreError> {
    let mut select = Select::new("SELECT id FROM files");
    select.and("scan", "=", WAITING);
    let rows = select.fetch(db.readers(), "seen_at, id", limit, "find files to be scanned").await?;
    rows.iter().map(|row| id(row, "files")).collect()
}

pub(super) async fn set_scan(db: &Database, file: &FileId, scan: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE files SET scan = $1 WHERE id = $2")
        .bind(scan)
        .bind(file.as_str())
        .execute(db.writer())
        .await
        .map_err(StoreError::when("keep the scanner's verdict"))?;
    Ok(())
}

fn id<T: TryFrom<String>>(row: &AnyRow, table: &'static str) -> Result<T, StoreError>
where
    T::Error: std::fmt::Display,
{
    let text: String = row.try_get(0).map_err(StoreError::row(table))?;
    T::try_from(text).map_err(StoreError::row(table))
}

fn json<T: DeserializeOwned>(row: &AnyRow, column: usize, table: &'static str) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(StoreError::row(table))?;
    serde_json::from_str(text).map_err(StoreError::row(table))
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("rows have string keys only")
}
