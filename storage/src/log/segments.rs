//! The segment files: which are live, which is prepared, and how one is walked.

use super::disk::{Disk, DiskFile, read_full};
use super::frame::{FRAME_HEAD, FrameHead, SEGMENT_HEAD, SegmentHeader};
use super::{LogConfig, LogError};
use greenhub_model::Position;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Size of a new log's first segment; later ones double.
pub(super) const SEGMENT_BYTES_FIRST: u64 = 4 * 1024 * 1024;
const ZEROS_CHUNK: usize = 1024 * 1024;
const WALK_CHUNK: usize = 256 * 1024;
/// Name of the recycled file that waits for its next life.
pub(super) const SPARE: &str = "spare";

/// A file with a valid header.
pub(super) struct Segment {
    pub header: SegmentHeader,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    /// File length.
    pub len: AtomicU64,
}

/// A file that waits to become the write head.
pub(super) struct Prepared {
    pub index: u64,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    pub len: u64,
}

/// All files of the log. The last live one is the write head.
#[derive(Default)]
pub(super) struct Files {
    pub live: VecDeque<Arc<Segment>>,
    pub prepared: Option<Prepared>,
    pub spare: Option<u64>,
    /// Why the next segment cannot be prepared.
    pub trouble: Option<Arc<str>>,
    /// Preparations tried so far, successful or not.
    pub tries: u64,
}

impl Files {
    pub(super) fn bytes(&self) -> u64 {
        let live: u64 = self.live.iter().map(|s| s.len.load(Ordering::Relaxed)).sum();
        live + self.prepared.as_ref().map_or(0, |p| p.len) + self.spare.unwrap_or(0)
    }

    pub(super) fn oldest_batch(&self) -> u64 {
        self.live.front().map_or(1, |s| s.header.first_batch)
    }

    /// The segment that holds batch `number`, and the number the next segment starts with.
    pub(super) fn holding(&self, number: u64) -> Option<(Arc<Segment>, Option<u64>)> {
        let after = self.live.partition_point(|s| s.header.first_batch <= number);
        let at = after.checked_sub(1)?;
        Some((self.live[at].clone(), self.live.get(after).map(|s| s.header.first_batch)))
    }
}

/// [`Files`] with the bell that rings when a segment was prepared, or could not be.
#[derive(Default)]
pub(super) struct Shelf {
    pub files: Mutex<Files>,
    pub bell: Condvar,
}

pub(super) fn segment_path(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{index:016}.log"))
}

/// The index a file name stands for.
pub(super) fn segment_index(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

pub(super) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Io { what, path, source }
}

/// Size for the segment after one of `len` bytes.
pub(super) fn next_len(config: &LogConfig, len: u64) -> u64 {
    len.saturating_mul(2).clamp(SEGMENT_BYTES_FIRST.min(config.segment_bytes), config.segment_bytes)
}

/// Makes a file of `len` zeros (and `header`, for a log's first) durable under its final name.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    index: u64,
    len: u64,
    header: Option<&SegmentHeader>,
) -> Result<Prepared, LogError> {
    let path = segment_path(dir, index);
    let unfinished = path.with_extension("tmp");
    let made = fill(disk, &unfinished, len, header).and_then(|file| {
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(dir)?;
        Ok(file)
    });
    match made {
        Ok(file) => Ok(Prepared { index, path, file, len }),
        Err(error) => {
            // Whatever is left is removed at the next start if it cannot be removed now.
            let _removed = disk.remove(&unfinished);
            Err(io_error("prepare log segment", &path)(error))
        }
    }
}

fn fill(disk: &dyn Disk, path: &Path, len: u64, header: Option<&SegmentHeader>) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.open(path, true)?;
    let zeros = vec![0u8; ZEROS_CHUNK.min(len as usize)];
    let mut at = 0;
    while at < len {
        let part = (len - at).min(zeros.len() as u64);
        file.write_at(at, &zeros[..part as usize])?;
        // In slices: a commit that meets the whole segment on its way to the disk would wait for all of it.
        file.sync_data()?;
        at += part;
    }
    if let Some(header) = header {
        file.write_at(0, &header.encode())?;
    }
    file.sync_data()?;
    Ok(file)
}

/// Gives the spare file its next life.
pub(super) fn recycle(disk: &dyn Disk, dir: &Path, index: u64, len: u64) -> Result<Prepared, LogError> {
    let (spare, path) = (dir.join(SPARE), segment_path(dir, index));
    let again = || -> io::Result<Arc<dyn DiskFile>> {
        let file = disk.open(&spare, false)?;
        file.write_at(0, &[0; SEGMENT_HEAD as usize + FRAME_HEAD])?;
        file.sync_data()?;
        disk.rename(&spare, &path)?;
        disk.sync_dir(dir)?;
        Ok(file)
    };
    let file = again().map_err(io_error("recycle log segment", &path))?;
    Ok(Prepared { index, path, file, len })
}

/// Reads frames of one segment in order, through a chunk buffer.
pub(super) struct Walk {
    pub segment: Arc<Segment>,
    /// Where the next frame starts.
    pub at: u64,
    /// Number it must have.
    pub number: u64,
    /// Position it must have.
    pub first: Position,
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl Walk {
    pub(super) fn new(segment: Arc<Segment>) -> Self {
        let SegmentHeader { first_batch, first_position, .. } = segment.header;
        let first = Position(first_position);
        Self { segment, at: SEGMENT_HEAD, number: first_batch, first, chunk: vec![], chunk_at: 0 }
    }

    /// Reads the next frame and moves behind it; its records lie in the returned slice.
    ///
    /// `Ok(Err(why))` means that no valid frame stands there.
    pub(super) fn step(&mut self) -> io::Result<Result<(FrameHead, &[u8]), &'static str>> {
        let mut verdict = self.look()?;
        if verdict.is_err() {
            // The chunk may have been read before the frame was written.
            self.chunk.clear();
            verdict = self.look()?;
        }
        let head = match verdict {
            Ok(head) => head,
            Err(why) => return Ok(Err(why)),
        };
        let start = (self.at - self.chunk_at) as usize + FRAME_HEAD;
        self.at = head.next(self.at);
        self.number = head.number + 1;
        self.first = Position(head.first.0 + u64::from(head.count));
        Ok(Ok((head, &self.chunk[start..start + head.bytes as usize])))
    }

    fn look(&mut self) -> io::Result<Result<FrameHead, &'static str>> {
        let salt = self.segment.header.salt();
        let (number, first) = (self.number, self.first);
        let Some(head) = FrameHead::decode(salt, self.bytes(self.at, FRAME_HEAD)?) else {
            return Ok(Err("no batch head"));
        };
        let room = self.segment.len.load(Ordering::Acquire).saturating_sub(self.at);
        if u64::from(head.bytes) + FRAME_HEAD as u64 > room {
            return Ok(Err("a batch longer than its segment"));
        }
        let frame = self.bytes(self.at, FRAME_HEAD + head.bytes as usize)?;
        if frame.len() < FRAME_HEAD || !head.holds(salt, &frame[FRAME_HEAD..]) {
            return Ok(Err("checksum mismatch"));
        }
        if head.number != number || head.first != first || head.count == 0 {
            return Ok(Err("a batch that does not continue the one before"));
        }
        Ok(Ok(head))
    }

    /// `len` bytes at `at`, fewer at the end of the file.
    fn bytes(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let inside = at >= self.chunk_at && at + len as u64 <= self.chunk_at + self.chunk.len() as u64;
        if !inside {
            self.chunk.resize(len.max(WALK_CHUNK), 0);
            let read = read_full(&*self.segment.file, at, &mut self.chunk)?;
            self.chunk.truncate(read);
            self.chunk_at = at;
        }
        let start = (at - self.chunk_at) as usize;
        Ok(&self.chunk[start..self.chunk.len().min(start + len)])
    }
}
