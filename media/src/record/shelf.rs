//! All recordings of the hub: found, read, verified, held, tidied.
//!
//! ```text
//! recordings/signing.key      recordings/<unit>/<begin>.mp4 .jsonl [.hold]
//! ```
//!
//! A recording is named by its unit and its beginning in Unix ms. One with a `.hold` beside it outlives every rule of
//! retention until the hold is lifted.

use super::index::{Index, closing_words, unhex};
use super::signer::{Signer, signed};
use crate::core::chain;
use greenhub_model::DeviceId;
use greenhub_model::media::{Recording, RecordingProof, RecordingState};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// An index longer than this is not read: ten minutes have 600 lines of some 400 bytes.
const INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A file that has no closing line counts as being recorded while its last fragment is younger than this, ms.
const FRESH_MS: i64 = 10_000;
/// Most recordings told at once.
pub const LISTED_MAX: usize = 1_000;

/// Why a recording was not given.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// No recording of that unit begins then.
    #[error("there is no such recording")]
    Unknown,
    /// Of the disk.
    #[error("the recordings cannot be read")]
    Disk(#[from] io::Error),
}

/// What is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Older recordings go, ms.
    pub age_ms: i64,
    /// Above so many bytes in all the oldest go.
    pub bytes_max: u64,
}

/// A run of bytes of a recording's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// The recordings below one directory.
pub struct Shelf {
    root: PathBuf,
    signer: Signer,
}

impl Shelf {
    /// Opens or makes it. Errors: of the disk, or a key that cannot be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        Ok(Self { root: root.to_owned(), signer: Signer::open(&root.join("signing.key"))? })
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(super) fn directory(&self, unit: &DeviceId) -> PathBuf {
        self.root.join(unit.as_str())
    }

    /// The file of a recording.
    pub fn file(&self, unit: &DeviceId, begin: i64) -> PathBuf {
        self.beside(unit, begin, "mp4")
    }

    fn beside(&self, unit: &DeviceId, begin: i64, extension: &str) -> PathBuf {
        self.directory(unit).join(format!("{begin}.{extension}"))
    }

    /// The index of a recording.
    pub fn index(&self, unit: &DeviceId, begin: i64) -> Result<Index, ShelfError> {
        let file = match File::open(self.beside(unit, begin, "jsonl")) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(ShelfError::Unknown),
            Err(error) => return Err(error.into()),
        };
        let mut text = Vec::new();
        file.take(INDEX_BYTES_MAX).read_to_end(&mut text)?;
        Index::read(&String::from_utf8_lossy(&text)).ok_or(ShelfError::Unknown)
    }

    /// Recordings of a unit that show some of `from` to `to` (Unix ms), oldest first, at most [`LISTED_MAX`].
    pub fn list(&self, unit: &DeviceId, from: i64, to: i64, now: i64) -> Result<Vec<Recording>, ShelfError> {
        let mut begins = begins(&self.directory(unit))?;
        begins.retain(|begin| *begin < to);
        let mut found = Vec::new();
        for begin in begins.into_iter().rev() {
            let Ok(index) = self.index(unit, begin) else { continue };
            let Some((first, end)) = index.span() else { continue };
            if end <= from {
                // Files of a unit follow each other: what is before this one ended earlier.
                break;
            }
            found.push(self.view(unit, begin, &index, (first, end), now));
            if found.len() == LISTED_MAX {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }

    fn view(&self, unit: &DeviceId, begin: i64, index: &Index, span: (i64, i64), now: i64) -> Recording {
        let state = match &index.closing {
            Some(_) => RecordingState::Complete,
            None if now - span.1 < FRESH_MS => RecordingState::Running,
            None => RecordingState::Interrupted,
        };
        Recording {
            unit: unit.clone(),
            id: begin,
            begin: span.0,
            end: span.1,
            bytes: index.bytes(),
            size: index.heading.size,
            why: index.heading.why.clone(),
            state,
            held: self.beside(unit, begin, "hold").exists(),
        }
    }

    /// Bytes that show `from` to `to`; all that the index vouches for where neither is given. Empty: nothing does.
    pub fn pieces(&self, unit: &DeviceId, begin: i64, span: Option<(i64, i64)>) -> Result<Vec<Piece>, ShelfError> {
        let index = self.index(unit, begin)?;
        let Some((from, to)) = span else { return Ok(vec![Piece { offset: 0, length: index.bytes() }]) };
        Ok(index.clip(from, to).iter().map(|entry| Piece { offset: entry.offset, length: entry.length }).collect())
    }

    /// Reads every byte and follows the chain: what is as it was recorded, and from where on it is not.
    pub fn verify(&self, unit: &DeviceId, begin: i64) -> Result<RecordingProof, ShelfError> {
        let index = self.index(unit, begin)?;
        let mut file = File::open(self.file(unit, begin))?;
        let public = unhex(&index.heading.key).unwrap_or_default();
        let mut link = chain::begin(unit.as_str(), &begin.to_string());
        let mut broken = None;
        let mut at = 0;
        for (number, entry) in index.entries.iter().enumerate() {
            let number = number as u64;
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(entry.offset))?;
            Read::by_ref(&mut file).take(entry.length).read_to_end(&mut bytes)?;
            link = chain::next(&link, entry.begin, entry.end, &bytes);
            let same = entry.offset == at
                && bytes.len() as u64 == entry.length
                && unhex(&entry.hash).as_deref() == Some(&link);
            if !same || !unhex(&entry.signature).is_some_and(|signature| signed(&public, &link, &signature)) {
                broken = Some(number);
                break;
            }
            at += entry.length;
        }
        let complete = match &index.closing {
            None => false,
            Some(closing) => {
                let words = closing_words(&link, closing.pieces);
                let fits = closing.pieces == index.entries.len() as u64
                    && unhex(&closing.signature).is_some_and(|signature| signed(&public, &words, &signature));
                if !fits {
                    broken.get_or_insert(index.entries.len() as u64);
                }
                fits
            }
        };
        Ok(RecordingProof {
            intact: broken.is_none() && !index.entries.is_empty(),
            complete,
            pieces: index.entries.len() as u64,
            broken,
            ours: index.heading.key == self.signer.public(),
            key: index.heading.key,
            hash: index.entries.last().map(|last| last.hash.clone()).unwrap_or_default(),
        })
    }

    /// Sets or lifts a hold; the reason is kept with it.
    pub fn hold(&self, unit: &DeviceId, begin: i64, on: bool, why: &str) -> Result<(), ShelfError> {
        self.index(unit, begin)?;
        let path = self.beside(unit, begin, "hold");
        if on {
            std::fs::write(&path, why)?;
            File::open(&path)?.sync_all()?;
        } else if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error.into());
        }
        File::open(self.directory(unit))?.sync_all()?;
        Ok(())
    }

    /// Removes what is older than allowed, then the oldest until the rest fits; never what is held. How many went.
    pub fn tidy(&self, keep: Keep, now: i64) -> io::Result<usize> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.root)?.flatten() {
            let Some(unit) = entry.file_name().to_str().and_then(|name| DeviceId::new(name).ok()) else { continue };
            if !entry.path().is_dir() {
                continue;
            }
            for begin in begins(&entry.path())? {
                let bytes = std::fs::metadata(self.file(&unit, begin)).map_or(0, |data| data.len());
                let held = self.beside(&unit, begin, "hold").exists();
                all.push((begin, unit.clone(), bytes, held));
            }
        }
        all.sort();
        let mut bytes: u64 = all.iter().map(|one| one.2).sum();
        let mut gone = 0;
        for (begin, unit, size, held) in all {
            let old = now - begin > keep.age_ms;
            if held || !(old || bytes > keep.bytes_max) {
                continue;
            }
            // The index goes last: what it names is there, or it is gone with it at the next tidying.
            for extension in ["mp4", "jsonl"] {
                match std::fs::remove_file(self.beside(&unit, begin, extension)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            bytes = bytes.saturating_sub(size);
            gone += 1;
        }
        Ok(gone)
    }
}

/// Beginnings of the recordings in a unit's directory, oldest first; none where there is no directory.
fn begins(directory: &Path) -> io::Result<Vec<i64>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<i64> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok())
        .collect();
    found.sort_unstable();
    Ok(found)
}
