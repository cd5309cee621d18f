//! Files that people attach to cases: photos, videos, documents. Bytes on the disk by their content, rows beside them.
//!
//! ```text
//! begin(request_id) ─▶ upload ─append at offset, cut, append …─▶ whole
//!                                  scanner ─▶ inspect: hash, type by content, dimensions, Exif, public copy, small picture
//!                                  ─▶ intent row ─▶ bytes placed and synced ─▶ file row + upload row (one transaction)
//! hold(order, files) in the transaction of an act ─▶ the file stays
//! tidy: unfinished uploads, files that no act names, contents without a row
//! ```
//!
//! **Nothing lost, nothing doubled.** The same `request_id` of the same person is the same upload, before and after it is
//! whole. An offset that was answered is on the disk, and so is a file that was answered. Two uploads of the same content
//! are one file. Between any two steps the hub may die: an upload that has all its bytes is made a file by whoever asks
//! next.
//!
//! **What is refused stays refused**: the reason is kept with the upload, so a phone that missed the answer gets it again.
//!
//! **Bounds.** Size by kind, bytes a day and open uploads of a person, free space of the disk, pixels of a picture,
//! pictures open at one time, time of an unfinished upload. **Cost.** One fsync an append; a photo of 3 MB takes some
//! 100 ms of a thread to decode.
//!
//! **Deliberately absent:** who may see a file (`dashboards`), and what it proves (`dispatch`).

mod disk;
pub mod exif;
mod inspect;
mod rows;
#[cfg(any(test, feature = "testing"))]
pub mod samples;
mod scan;
pub mod sniff;
pub mod strip;
#[cfg(test)]
mod tests;
mod turns;
mod uploads;

pub use disk::Copy;
pub use rows::{StoredFile, hold, missing};
pub use scan::Scanner;
pub use uploads::{Append, Progress, Upload, UploadId, UploadRequest};

use crate::relational::migration::Migration;
use crate::relational::{Database, StoreError};
use disk::Disk;
use greenhub_model::ids::{FileId, OrderId};
use serde::{Deserialize, Serialize};
use sniff::{FileKind, MediaType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use strip::Blank;
use tokio::sync::{Mutex, Semaphore};
use tracing::{info, warn};
use turns::Turns;

const MODULE: &str = "files";
const MIGRATIONS: &[Migration] = &[Migration::common(1, include_str!("migrations/0001_files.sql"))];
/// Pictures open at one time.
const INSPECTED_MAX: usize = 2;
/// Rows that one round of tidying takes on.
const TIDY_MAX: i64 = 500;

/// Bounds and switches.
#[derive(Debug, Clone)]
pub struct FilesConfig {
    /// Largest photo, bytes.
    pub photo_max: u64,
    /// Largest video, bytes.
    pub video_max: u64,
    /// Largest document, bytes.
    pub document_max: u64,
    /// Bytes that one person may upload in 24 hours.
    pub daily_max: u64,
    /// Bytes of the disk that uploads leave free.
    pub disk_floor: u64,
    /// Most pixels of a picture.
    pub pixels_max: u64,
    /// An unfinished upload goes after this time, ms.
    pub unfinished_ms: i64,
    /// A file that no act names goes after this time, ms.
    pub unreferenced_ms: i64,
    /// Minutes east of UTC of cameras that do not say.
    pub utc_offset_min: i32,
    /// The virus scanner.
    pub scanner: Scanner,
    /// How long it may take.
    pub scanner_timeout: Duration,
    /// Without a verdict: take the file and scan it later; else it waits, whole, for the scanner.
    pub take_unscanned: bool,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            photo_max: 20 << 20,
            video_max: 200 << 20,
            document_max: 20 << 20,
            daily_max: 2 << 30,
            disk_floor: 1 << 30,
            pixels_max: 50_000_000,
            unfinished_ms: 7 * 86_400_000,
            unreferenced_ms: 30 * 86_400_000,
            utc_offset_min: 480,
            scanner: Scanner::Off,
            scanner_timeout: Duration::from_secs(60),
            take_unscanned: false,
        }
    }
}

impl FilesConfig {
    fn size_max(&self, kind: FileKind) -> u64 {
        match kind {
            FileKind::Photo => self.photo_max,
            FileKind::Video => self.video_max,
            FileKind::Document => self.document_max,
        }
    }
}

/// Why a file is not taken, in words for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// A word for programs and counters.
    pub code: RefusalCode,
    /// What is wrong and what to do.
    pub text: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// A type that is not taken, or not the one it claims.
    Type,
    /// Too large.
    Size,
    /// Cannot be opened.
    Damaged,
    /// A virus.
    Infected,
    /// A member of the request is wrong.
    Invalid,
}

impl Refusal {
    fn new(code: RefusalCode, text: String) -> Self {
        Self { code, text }
    }

    fn unknown_type(declared: &str) -> Self {
        let declared: String = declared.chars().take(60).collect();
        let text = format!(
            "不支持 {declared:?} 类型的文件，请上传照片（JPEG、PNG、WebP）、视频（MP4、MOV、WebM）或 PDF。 \
             Only photos (JPEG, PNG, WebP), videos (MP4, MOV, WebM) and PDF are taken."
        );
        Self::new(RefusalCode::Type, text)
    }

    fn disguised(declared: MediaType, head: &[u8]) -> Self {
        let heif = head.get(4..8) == Some(b"ftyp");
        let advice = if heif { "（苹果 HEIC 照片请先转为 JPEG）" } else { "" };
        let text = format!(
            "文件内容不是 {}，也不是可接收的其他类型{advice}，请重新拍照或选择原始文件。 \
             The content is neither {} nor another type that is taken.",
            declared.as_str(),
            declared.as_str()
        );
        Self::new(RefusalCode::Type, text)
    }

    fn other_kind(declared: MediaType, found: MediaType) -> Self {
        let text = format!(
            "文件声明为 {}，内容却是 {}，请按实际类型重新上传。 The file claims to be {} but is {}.",
            declared.as_str(),
            found.as_str(),
            declared.as_str(),
            found.as_str()
        );
        Self::new(RefusalCode::Type, text)
    }

    fn too_large(kind: FileKind, max: u64) -> Self {
        let (what, english) = match kind {
            FileKind::Photo => ("照片", "A photo"),
            FileKind::Video => ("视频", "A video"),
            FileKind::Document => ("文档", "A document"),
        };
        let size = if max >= 1 << 20 { format!("{} MiB", max >> 20) } else { format!("{} KiB", max >> 10) };
        let text = format!("{what}不能超过 {size}，请压缩后再上传。 {english} may have at most {size}.");
        Self::new(RefusalCode::Size, text)
    }

    fn too_many_pixels(width: u32, height: u32, max: u64) -> Self {
        let text = format!(
            "照片尺寸 {width}×{height} 过大，最多 {max} 像素，请缩小后再上传。 \
             The picture has {width}×{height} pixels, at most {max} are taken."
        );
        Self::new(RefusalCode::Size, text)
    }

    fn damaged() -> Self {
        let text = "图片已损坏，无法打开，请重新拍照上传。 The picture is damaged and cannot be opened.".to_owned();
        Self::new(RefusalCode::Damaged, text)
    }

    fn infected(found: &str) -> Self {
        let found: String = found.chars().take(80).collect();
        let text = format!("病毒扫描发现 {found}，文件未保存。 The scanner found {found}; the file was not kept.");
        Self::new(RefusalCode::Infected, text)
    }

    fn invalid(text: &str) -> Self {
        Self::new(RefusalCode::Invalid, text.to_owned())
    }
}

/// Why a call about an upload failed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such upload of this person, or it has gone.
    #[error("没有这个上传任务，可能已过期，请重新开始。 There is no such upload; it may have expired.")]
    Unknown,
    /// The request id was used for another file.
    #[error("request_id 已用于另一个文件。 This request_id was used for another file.")]
    OtherFile,
    /// It goes on elsewhere.
    #[error("已收到 {at} 字节，请从该位置继续。 The upload goes on at {at}.")]
    Offset {
        /// Where.
        at: u64,
    },
    /// More bytes than were announced.
    #[error("发送的内容超出申报大小 {size} 字节。 More bytes than the announced {size}.")]
    Beyond {
        /// What was announced.
        size: u64,
    },
    /// A piece, or the whole, is not what its checksum says; nothing of it was kept.
    #[error("内容校验不一致，请重新上传。 The bytes do not have their checksum; send them again.")]
    Checksum,
    /// Somebody else writes and does not stop.
    #[error("该上传正在另一连接中进行，请稍后再试。 Another connection is writing this upload.")]
    Busy,
    /// Enough for a day.
    #[error("24 小时内上传量已达上限，请明天再试或联系管理员。 The daily amount is used up.")]
    Quota,
    /// The disk is nearly full.
    #[error("服务器存储空间不足，请联系管理员，稍后会自动续传。 The hub's disk is nearly full; try again later.")]
    DiskLow,
    /// No verdict about viruses; the upload waits, whole.
    #[error("病毒扫描暂不可用，文件已收到，请稍后再试。 The virus scanner does not answer; the upload is kept.")]
    ScannerAway,
    /// The disk failed.
    #[error("cannot {attempt}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FileError {
    fn disk(attempt: &'static str) -> impl FnOnce(io::Error) -> FileError {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FileError::DiskLow,
            _ => FileError::Disk { attempt, source },
        }
    }
}

/// What happened to uploads since the start.
#[derive(Debug, Default)]
pub struct FileCounts {
    /// Uploads begun.
    pub begun: AtomicU64,
    /// Bytes taken.
    pub bytes: AtomicU64,
    /// Made files.
    pub stored: AtomicU64,
    /// Refused.
    pub refused: AtomicU64,
    /// Unfinished ones removed.
    pub expired: AtomicU64,
    /// Files removed that no act named.
    pub unreferenced: AtomicU64,
}

/// All files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileStore {
    db: Database,
    disk: Disk,
    config: Arc<FilesConfig>,
    turns: Turns,
    /// Contents are placed and removed one at a time, so neither takes the other's.
    placing: Arc<Mutex<()>>,
    inspecting: Arc<Semaphore>,
    counts: Arc<FileCounts>,
}

impl FileStore {
    /// Files in this directory and database; makes both where they are missing.
    pub async fn open(db: Database, directory: &Path, config: FilesConfig) -> Result<Self, FileError> {
        db.migrate(MODULE, MIGRATIONS).await?;
        let directory = directory.to_owned();
        let disk = blocking(move || Disk::open(&directory), "open the directory of files").await?;
        let store = Self {
            db,
            disk,
            config: Arc::new(config),
            turns: Turns::default(),
            placing: Arc::default(),
            inspecting: Arc::new(Semaphore::new(INSPECTED_MAX)),
            counts: Arc::default(),
        };
        store.sweep().await?;
        Ok(store)
    }

    /// What happened since the start.
    pub fn counts(&self) -> &FileCounts {
        &self.counts
    }

    /// A file that is whole.
    pub async fn info(&self, file: &FileId) -> Result<Option<StoredFile>, StoreError> {
        rows::file(self.db.readers(), file).await
    }

    /// Whether this person has uploaded it.
    pub async fn is_of(&self, file: &FileId, user: &str) -> Result<bool, StoreError> {
        rows::is_of(self.db.readers(), file, user).await
    }

    /// Orders that name it, at most 100.
    pub async fn orders(&self, file: &FileId) -> Result<Vec<OrderId>, StoreError> {
        rows::orders(self.db.readers(), file).await
    }

    /// Where a copy of a file lies, and what of it is sent otherwise than it is stored.
    pub fn content(&self, file: &StoredFile, copy: Copy) -> (PathBuf, Vec<Blank>) {
        match copy {
            Copy::Public if !file.public_copy => (self.disk.path(&file.id, Copy::Original), file.blanks.clone()),
            copy => (self.disk.path(&file.id, copy), vec![]),
        }
    }

    /// Removes what has had its time, and scans what waits for the scanner.
    pub async fn tidy(&self, now: i64) -> Result<(), FileError> {
        for upload in rows::expired(&self.db, now, TIDY_MAX).await? {
            match self.expire(&upload).await {
                Ok(()) | Err(FileError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        let before = now.saturating_sub(self.config.unreferenced_ms);
        for file in rows::unreferenced(&self.db, before, TIDY_MAX).await? {
            let _alone = self.placing.lock().await;
            if rows::forget_file(&self.db, &file, before, now).await? {
                self.counts.unreferenced.fetch_add(1, Ordering::Relaxed);
                info!(%file, "a file that no order names was removed");
            }
        }
        self.clear_intents(now).await?;
        self.scan_waiting().await
    }

    /// Removes an upload that never became a file.
    async fn expire(&self, upload: &str) -> Result<(), FileError> {
        let _turn = self.turns.take(upload).await.ok_or(FileError::Busy)?;
        if rows::forget_upload(&self.db, upload).await? {
            self.remove_part(upload).await?;
            self.counts.expired.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Removes contents without a row: their intent says that there may be some.
    async fn clear_intents(&self, now: i64) -> Result<(), FileError> {
        for file in rows::intents(&self.db, TIDY_MAX).await? {
            let _alone = self.placing.lock().await;
            if !rows::exists(&self.db, &file).await? {
                let (disk, file) = (self.disk.clone(), file.clone());
                blocking(move || disk.remove(&file), "remove a file").await?;
            }
            rows::clear_intent(&self.db, &file, now).await?;
        }
        Ok(())
    }

    async fn scan_waiting(&self) -> Result<(), FileError> {
        if self.config.scanner == Scanner::Off {
            return Ok(());
        }
        for file in rows::unscanned(&self.db, TIDY_MAX).await? {
            let path = self.disk.path(&file, Copy::Original);
            match scan::scan(&self.config.scanner, path, self.config.scanner_timeout).await {
                Ok(scan::Verdict::Clean) => rows::set_scan(&self.db, &file, rows::CLEAN).await?,
                Ok(scan::Verdict::Infected(found)) => {
                    warn!(%file, found, "a file that was taken unscanned is infected, it is not given out any more");
                    rows::set_scan(&self.db, &file, rows::INFECTED).await?;
                }
                Err(why) => {
                    warn!(why, "files wait for the virus scanner");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Parts on the disk that no open upload has any more: the hub died between two steps.
    async fn sweep(&self) -> Result<(), FileError> {
        let disk = self.disk.clone();
        for part in blocking(move || disk.parts(), "list the uploads").await? {
            if !rows::is_open(&self.db, &part).await? {
                self.remove_part(&part).await?;
            }
        }
        Ok(())
    }

    async fn remove_part(&self, upload: &str) -> Result<(), FileError> {
        let (disk, upload) = (self.disk.clone(), upload.to_owned());
        blocking(move || disk.remove_part(&upload), "remove an upload").await
    }
}

/// Runs disk work on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
    attempt: &'static str,
) -> Result<T, FileError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(FileError::disk(attempt)),
        Err(died) => Err(StoreError::Task(died.to_string()).into()),
    }
}
