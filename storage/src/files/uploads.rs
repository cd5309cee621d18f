//! Resumable uploads by the rules of tus 1.0: what has come is kept, the sender asks how much that is and goes on there.
//!
//! ```text
//! begin ─▶ Progress{at} ─append(at)─▶ write … write ─▶ end ─▶ Progress{at} … Progress{file}
//!                            └ cut: what came is synced and stays (with a checksum: goes)
//! ```
//!
//! How far an upload is stands nowhere but in the length of its part on the disk, so there are no two truths. A length is
//! told only after an fsync. One writer at a time: see [`super::turns`].

use super::inspect::{hash, inspect};
use super::scan::{Verdict, scan};
use super::sniff::MediaType;
use super::turns::Held;
use super::{Copy, FileError, FileStore, Refusal, StoredFile, blocking, rows};
use crate::devices::Secret;
use crate::relational::StoreError;
use greenhub_model::ids::FileId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use tracing::warn;

/// Bytes gathered before they are written.
const GATHER: usize = 256 << 10;
const REQUEST_ID_CHARS_MAX: usize = 128;
const NAME_CHARS_MAX: usize = 200;
const DAY_MS: i64 = 86_400_000;

/// Name of an upload: 32 hexadecimal digits, drawn by chance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

impl UploadId {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UploadId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let good = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if good { Ok(Self(text)) } else { Err("an upload id has 32 hexadecimal digits") }
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> String {
        id.0
    }
}

/// What somebody wants to upload.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadRequest {
    /// The same again is the same upload.
    pub request_id: String,
    /// Name of the file.
    pub name: String,
    /// Its size, bytes.
    pub size: u64,
    /// The type it claims.
    pub media_type: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: Option<String>,
    /// When it was taken, Unix ms.
    pub taken_at: Option<i64>,
    /// Where, degrees east.
    pub lon: Option<f64>,
    /// Where, degrees north.
    pub lat: Option<f64>,
}

/// An upload as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// Who uploads.
    pub owner: String,
    /// By which request.
    pub request_id: String,
    /// Name of the file.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// The type it claims.
    pub media: MediaType,
    /// The hash it claims.
    pub sha256: Option<FileId>,
    /// When it was taken, Unix ms.
    pub taken_at: Option<i64>,
    /// Where, degrees east.
    pub lon: Option<f64>,
    /// Where, degrees north.
    pub lat: Option<f64>,
    /// Begun, Unix ms.
    pub created_at: i64,
    /// Goes, if it is unfinished then, Unix ms.
    pub expires_at: i64,
    /// The file it became.
    pub file: Option<FileId>,
    /// Why it became none.
    pub refusal: Option<Refusal>,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The upload.
    pub upload: Upload,
    /// Bytes that are on the disk.
    pub at: u64,
    /// It began with this very call.
    pub new: bool,
}

impl FileStore {
    /// Begins an upload, or finds the one that this request began. One that is whole becomes a file on the way.
    pub async fn begin(&self, owner: &str, request: &UploadRequest, now: i64) -> Result<Progress, FileError> {
        let new = self.checked(owner, request, now)?;
        let mut tx = self.db.begin().await?;
        if let Some(upload) = rows::upload_of(&mut tx, owner, &request.request_id).await? {
            drop(tx);
            if upload.file.is_none() && upload.expires_at < now {
                // It has had its time, whether it was tidied away or not: the request begins anew.
                self.expire(upload.id.as_str()).await?;
                return Box::pin(self.begin(owner, request, now)).await;
            }
            if (upload.size, upload.media, &upload.sha256) != (new.size, new.media, &new.sha256) {
                return Err(FileError::OtherFile);
            }
            return self.progress_of(owner, &upload.id, now).await;
        }
        let today = rows::bytes_since(&mut tx, owner, now - DAY_MS).await?;
        if today.saturating_add(new.size) > self.config.daily_max {
            return Err(FileError::Quota);
        }
        self.leave_room(new.size).await?;
        rows::add_upload(&mut tx, &new).await?;
        tx.commit().await.map_err(StoreError::when("begin an upload"))?;
        self.counts.begun.fetch_add(1, Ordering::Relaxed);
        Ok(Progress { upload: new, at: 0, new: true })
    }

    /// How far an upload of this person is. One that is whole becomes a file on the way.
    pub async fn progress_of(&self, owner: &str, id: &UploadId, now: i64) -> Result<Progress, FileError> {
        let _turn = self.turns.take(id.as_str()).await.ok_or(FileError::Busy)?;
        let upload = self.upload(owner, id, now).await?;
        self.go_on(upload, now).await
    }

    /// Takes the turn to write on from an offset. `announced`: bytes to come, where that is known.
    pub async fn append(
        &self,
        owner: &str,
        id: &UploadId,
        offset: u64,
        announced: Option<u64>,
        checksum: Option<[u8; 32]>,
        now: i64,
    ) -> Result<Append, FileError> {
        let turn = self.turns.take(id.as_str()).await.ok_or(FileError::Busy)?;
        let upload = self.upload(owner, id, now).await?;
        let at = self.length(&upload).await?;
        if offset != at {
            return Err(FileError::Offset { at });
        }
        let left = upload.size - at;
        if announced.is_some_and(|bytes| bytes > left) {
            return Err(FileError::Beyond { size: upload.size });
        }
        self.leave_room(left).await?;
        let file = match upload.file {
            Some(_) => None,
            None => {
                let (disk, name) = (self.disk.clone(), id.as_str().to_owned());
                Some(blocking(move || disk.open_part(&name), "open an upload").await?)
            }
        };
        let checksum = checksum.map(|wanted| (Sha256::new(), wanted));
        Ok(Append { store: self.clone(), upload, turn, file, from: at, at, gathered: vec![], checksum })
    }

    async fn upload(&self, owner: &str, id: &UploadId, now: i64) -> Result<Upload, FileError> {
        let upload = rows::upload(self.db.writer(), owner, id.as_str()).await?;
        let upload = upload.filter(|upload| upload.file.is_some() || upload.expires_at >= now);
        let upload = upload.ok_or(FileError::Unknown)?;
        match upload.refusal {
            Some(refusal) => Err(refusal.into()),
            None => Ok(upload),
        }
    }

    async fn length(&self, upload: &Upload) -> Result<u64, FileError> {
        if upload.file.is_some() {
            return Ok(upload.size);
        }
        let (disk, id) = (self.disk.clone(), upload.id.as_str().to_owned());
        blocking(move || disk.part_length(&id), "look how far an upload is").await
    }

    /// Forgets all bytes of an upload.
    async fn restart(&self, upload: &Upload) -> Result<(), FileError> {
        let (disk, id) = (self.disk.clone(), upload.id.as_str().to_owned());
        blocking(move || disk.open_part(&id)?.set_len(0), "begin an upload again").await
    }

    async fn leave_room(&self, bytes: u64) -> Result<(), FileError> {
        let disk = self.disk.clone();
        let free = blocking(move || disk.free(), "ask for the free space of the disk").await?;
        if free < self.config.disk_floor.saturating_add(bytes) {
            warn!(free, bytes, "an upload is refused to leave room on the disk");
            return Err(FileError::DiskLow);
        }
        Ok(())
    }

    /// What an upload comes to as it is now; the turn must be held.
    async fn go_on(&self, upload: Upload, now: i64) -> Result<Progress, FileError> {
        let at = self.length(&upload).await?;
        let upload = if at == upload.size && upload.file.is_none() { self.finish(upload, now).await? } else { upload };
        Ok(Progress { upload, at, new: false })
    }

    /// Makes a whole upload a file, or refuses it for good.
    async fn finish(&self, mut upload: Upload, now: i64) -> Result<Upload, FileError> {
        match self.finished(&upload, now).await {
            Ok(file) => {
                upload.file = Some(file);
                self.counts.stored.fetch_add(1, Ordering::Relaxed);
            }
            Err(FileError::Refused(refusal)) => {
                upload.refusal = Some(refusal.clone());
                let mut tx = self.db.begin().await?;
                rows::settle_upload(&mut tx, &upload).await?;
                tx.commit().await.map_err(StoreError::when("refuse an upload"))?;
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                self.remove_part(upload.id.as_str()).await?;
                return Err(refusal.into());
            }
            Err(other) => return Err(other),
        }
        self.remove_part(upload.id.as_str()).await?;
        Ok(upload)
    }

    async fn finished(&self, upload: &Upload, now: i64) -> Result<FileId, FileError> {
        let part = self.disk.part(upload.id.as_str());
        let path = part.clone();
        let id = blocking(move || hash(&path), "read an upload").await?;
        if upload.sha256.as_ref().is_some_and(|wanted| *wanted != id) {
            // Not refused for good: bytes that went wrong on the way are sent once more from the start.
            self.restart(upload).await?;
            return Err(FileError::Checksum);
        }
        let scanned = match scan(&self.config.scanner, part.clone(), self.config.scanner_timeout).await {
            Ok(Verdict::Clean) => rows::CLEAN,
            Ok(Verdict::Infected(found)) => {
                warn!(file = %id, found, by = upload.owner, "an infected upload was refused");
                return Err(Refusal::infected(&found).into());
            }
            Err(why) if self.config.take_unscanned => {
                warn!(why, "a file is taken without a scan, it is scanned later");
                rows::WAITING
            }
            Err(why) => {
                warn!(why, "an upload waits for the virus scanner");
                return Err(FileError::ScannerAway);
            }
        };
        let (declared, config) = (upload.media, self.config.clone());
        let one_of_few = self.inspecting.acquire().await.expect("the permits are never closed");
        let found = blocking(move || inspect(&part, declared, &config), "look into an upload").await??;
        drop(one_of_few);
        if upload.size > self.config.size_max(found.media.kind()) {
            return Err(Refusal::too_large(found.media.kind(), self.config.size_max(found.media.kind())).into());
        }
        let file = StoredFile {
            id: id.clone(),
            media: found.media,
            bytes: upload.size,
            width: found.size.map(|size| size.0),
            height: found.size.map(|size| size.1),
            name: upload.name.clone(),
            by: upload.owner.clone(),
            at: now,
            taken_at: upload.taken_at,
            lon: upload.lon,
            lat: upload.lat,
            exif: found.exif,
            public_copy: found.public.is_some(),
            thumb: found.thumb.is_some(),
            blanks: found.blanks,
            infected: false,
        };
        let done = Upload { file: Some(id.clone()), ..upload.clone() };
        let _alone = self.placing.lock().await;
        rows::add_intent(&self.db, &id, now).await?;
        let (disk, name) = (self.disk.clone(), upload.id.as_str().to_owned());
        let place = move || {
            disk.place(&name, &id)?;
            for (copy, bytes) in [(Copy::Public, found.public), (Copy::Thumb, found.thumb)] {
                bytes.map_or(Ok(()), |bytes| disk.put(&id, copy, &bytes))?;
            }
            Ok(id)
        };
        let id = blocking(place, "place a file").await?;
        rows::add_file(&self.db, &file, scanned, &done).await?;
        Ok(id)
    }

    fn checked(&self, owner: &str, request: &UploadRequest, now: i64) -> Result<Upload, FileError> {
        let id = &request.request_id;
        if id.is_empty() || id.chars().count() > REQUEST_ID_CHARS_MAX || id.contains('\0') {
            let text = "request_id 需为 1 到 128 个字符。 request_id needs 1 to 128 characters.";
            return Err(Refusal::invalid(text).into());
        }
        if request.size == 0 {
            return Err(Refusal::invalid("文件是空的，请重新选择。 The file is empty.").into());
        }
        let media = MediaType::parse(&request.media_type).ok_or_else(|| Refusal::unknown_type(&request.media_type))?;
        let max = self.config.size_max(media.kind());
        if request.size > max {
            return Err(Refusal::too_large(media.kind(), max).into());
        }
        let sha256 = match request.sha256.as_deref().map(str::to_ascii_lowercase) {
            None => None,
            Some(text) => match FileId::new(&text) {
                Ok(id) if text.len() == 64 => Some(id),
                _ => {
                    return Err(
                        Refusal::invalid("sha256 需为 64 位十六进制。 sha256 needs 64 hexadecimal digits.").into()
                    );
                }
            },
        };
        let place = request.lon.zip(request.lat);
        if (request.lon.is_some() || request.lat.is_some())
            && !place.is_some_and(|(lon, lat)| lon.abs() <= 180.0 && lat.abs() <= 90.0)
        {
            let text = "lon、lat 需为 WGS-84 经纬度，并同时给出。 lon and lat are degrees, WGS-84, both or neither.";
            return Err(Refusal::invalid(text).into());
        }
        let id = UploadId(Secret::random()?.reveal().to_owned());
        Ok(Upload {
            id,
            owner: owner.to_owned(),
            request_id: request.request_id.clone(),
            name: plain_name(&request.name),
            size: request.size,
            media,
            sha256,
            taken_at: request.taken_at,
            lon: request.lon,
            lat: request.lat,
            created_at: now,
            expires_at: now.saturating_add(self.config.unfinished_ms),
            file: None,
            refusal: None,
        })
    }
}

/// A name without a path and without signs that steer a terminal, a header or the direction of reading.
fn plain_name(name: &str) -> String {
    let steers =
        |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !steers(*c)).take(NAME_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// The turn to write on an upload. Dropping it without [`Append::end`] loses what was gathered last, nothing else.
#[derive(Debug)]
pub struct Append {
    store: FileStore,
    upload: Upload,
    turn: Held,
    /// None where the upload is a file already.
    file: Option<File>,
    from: u64,
    at: u64,
    gathered: Vec<u8>,
    checksum: Option<(Sha256, [u8; 32])>,
}

impl Append {
    /// Resolves when somebody else wants to go on; then [`Append::end`] it.
    pub async fn wanted(&mut self) {
        self.turn.wanted().await;
    }

    /// Takes bytes; the error says that there are too many.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if self.at + (self.gathered.len() + bytes.len()) as u64 > self.upload.size {
            self.take_back().await?;
            return Err(FileError::Beyond { size: self.upload.size });
        }
        if let Some((digest, _)) = &mut self.checksum {
            digest.update(bytes);
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER { self.flush().await } else { Ok(()) }
    }

    /// Ends the turn. `cut`: the sender went before all had come. What came stays, unless a checksum cannot be judged.
    pub async fn end(mut self, cut: bool, now: i64) -> Result<Progress, FileError> {
        self.flush().await?;
        if let Some((digest, wanted)) = self.checksum.take()
            && (cut || digest.finalize()[..] != wanted)
        {
            self.take_back().await?;
            return Err(FileError::Checksum);
        }
        self.store.counts.bytes.fetch_add(self.at - self.from, Ordering::Relaxed);
        self.store.go_on(self.upload, now).await
    }

    async fn flush(&mut self) -> Result<(), FileError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.gathered);
        let file = self.file.take().expect("only an open upload has room for bytes");
        let (at, length) = (self.at, bytes.len() as u64);
        let write = move || file.write_all_at(&bytes, at).map(|()| file);
        self.file = Some(blocking(write, "write an upload").await?);
        self.at += length;
        Ok(())
    }

    /// Forgets what this turn has written.
    async fn take_back(&mut self) -> Result<(), FileError> {
        self.gathered.clear();
        let (Some(file), from) = (self.file.take(), self.from) else { return Ok(()) };
        blocking(move || file.set_len(from), "take back a piece of an upload").await?;
        self.at = self.from;
        Ok(())
    }
}
