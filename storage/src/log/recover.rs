//! Opening: what the disk holds, where it ends, and whether anything committed is damaged.
//!
//! | found | taken as |
//! | --- | --- |
//! | no segment at all | a new log |
//! | the newest one or two files without header (zeros) | prepared, never used or not acknowledged |
//! | last segment ends in something that is no valid frame, nothing valid behind | torn tail: never acknowledged, cut |
//! | a valid frame of this log *behind* an invalid one | damage: refuse |
//! | headers that do not continue each other, a header missing in the middle | damage: refuse |
//!
//! A damaged *last* frame cannot be told from a torn one: it is cut, with a warning that names the batch. At a start the
//! newest 256 MiB are read whole; older segments are trusted by their headers until they are read ([`inspect`] reads all).
//!
//! Before anything is served, the last frame is written again and synced: after a failed fsync the page cache may show
//! bytes as clean that the disk does not have.

use super::disk::{Disk, DiskFile, read_full};
use super::flusher::Head;
use super::frame::{CHANNELS, FRAME_ALIGN, FRAME_HEAD, FrameHead, SEGMENT_HEAD, SegmentHeader};
use super::hold::Holds;
use super::segments::{self, Files, Prepared, SEGMENT_BYTES_FIRST, SPARE, Segment, Walk, io_error};
use super::{Committed, Damage, LogConfig, LogError};
use greenhub_model::{Position, ReceivedTime, Record, RecordKind};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Segments read whole at a start, newest first, until this many bytes.
const VERIFY_BYTES: u64 = 256 * 1024 * 1024;
const SCAN_CHUNK: usize = 1024 * 1024;

/// Everything an open log starts from.
pub(super) struct Recovered {
    pub files: Files,
    pub committed: Committed,
    pub accepted: [u64; CHANNELS],
    pub head: Head,
    pub log_id: u64,
    pub holds: Holds,
    pub lock: Box<dyn Send + Sync>,
}

pub(super) fn open(config: &LogConfig, disk: &Arc<dyn Disk>) -> Result<Recovered, LogError> {
    check(config)?;
    let dir = &config.dir;
    disk.create_dir(dir).map_err(io_error("create log directory", dir))?;
    let lock = disk.lock(&dir.join("lock")).map_err(io_error("lock log directory", dir))?;
    let lock = lock.ok_or_else(|| LogError::Locked { dir: dir.clone() })?;
    let names = disk.list(dir).map_err(io_error("list log directory", dir))?;
    for (name, _) in names.iter().filter(|(name, _)| name.ends_with(".tmp")) {
        let path = dir.join(name);
        disk.remove(&path).map_err(io_error("remove unfinished file", &path))?;
    }
    let holds = Holds::open(dir.clone(), disk.clone(), names.iter().any(|(name, _)| Holds::is_file(name)))?;
    let (mut live, headless) = scan(&**disk, dir, &names)?;
    let mut headless = headless.into_iter();
    let prepared = headless.next();
    for more in headless {
        disk.remove(&more.path).map_err(io_error("remove log segment prepared twice", &more.path))?;
    }
    if live.is_empty() {
        live.push(first_segment(config, &**disk)?);
    }
    let end = verify(&live, VERIFY_BYTES)?;
    settle(&live[live.len() - 1], &end)?;
    let log_id = live[0].header.log_id;
    let segment = live[live.len() - 1].clone();
    let spare = names.iter().find(|(name, len)| name == SPARE && *len >= SEGMENT_HEAD).map(|(_, len)| *len);
    Ok(Recovered {
        files: Files { live: live.into(), prepared, spare, ..Files::default() },
        committed: Committed { batch: end.batch, end: end.position },
        accepted: end.accepted,
        head: Head { segment, at: end.at, last_received: end.last_received },
        log_id,
        holds,
        lock,
    })
}

fn check(config: &LogConfig) -> Result<(), LogError> {
    if config.segment_bytes < 16 * 1024 {
        return Err(LogError::Config("segment_bytes must be at least 16 KiB"));
    }
    if !(1024..=1024 * 1024 * 1024).contains(&config.buffer_bytes) {
        return Err(LogError::Config("buffer_bytes must be between 1 KiB and 1 GiB"));
    }
    Ok(())
}

fn first_segment(config: &LogConfig, disk: &dyn Disk) -> Result<Arc<Segment>, LogError> {
    let (log_id, index) = (std::hash::RandomState::new().build_hasher().finish(), 1);
    let header = SegmentHeader {
        log_id,
        index,
        first_batch: 1,
        first_position: 0,
        last_received: ReceivedTime(0),
        accepted: [0; CHANNELS],
    };
    let len = SEGMENT_BYTES_FIRST.min(config.segment_bytes);
    let Prepared { path, file, len, .. } = segments::create(disk, &config.dir, index, len, Some(&header))?;
    Ok(Arc::new(Segment { header, path, file, len: AtomicU64::new(len) }))
}

/// Sorts the files into live segments, which must continue each other, and prepared ones behind them. There may be two:
/// the header of the first is synced with its first commit, and the next is prepared meanwhile.
pub(super) fn scan(
    disk: &dyn Disk,
    dir: &Path,
    names: &[(String, u64)],
) -> Result<(Vec<Arc<Segment>>, Vec<Prepared>), LogError> {
    let mut files: Vec<(u64, u64)> =
        names.iter().filter_map(|(name, len)| segments::segment_index(name).map(|index| (index, *len))).collect();
    files.sort_unstable();
    let mut live: Vec<Arc<Segment>> = vec![];
    let mut headless: Vec<Prepared> = vec![];
    for (index, len) in files {
        let path = segments::segment_path(dir, index);
        let file = disk.open(&path, false).map_err(io_error("open log segment", &path))?;
        let mut start = [0u8; 512];
        let read = read_full(&*file, 0, &mut start).map_err(io_error("read log segment", &path))?;
        let header = SegmentHeader::decode(&start[..read]).filter(|h| h.index == index);
        let before = live.last().map(|last| last.header.index + headless.len() as u64);
        let consecutive = before.is_none_or(|before| index == before + 1);
        let missing = |segment: PathBuf, to: Option<u64>, why| {
            let from = live.last().map_or(Ok(1), |last| walk(last, None).map(|end| end.batch + 1))?;
            Err(LogError::Damaged(Box::new(Damage { segment, offset: 0, from, to, why })))
        };
        let to = header.map(|h| h.first_batch.saturating_sub(1));
        match (header, live.last(), headless.first()) {
            (Some(header), last, None) if consecutive && continues(&header, last) => {
                live.push(Arc::new(Segment { header, path, file, len: AtomicU64::new(len) }));
            }
            (None, Some(_), _) if consecutive && headless.len() < 2 => {
                headless.push(Prepared { index, path, file, len });
            }
            (None, None, _) => return missing(path, None, "no readable segment header"),
            (Some(_), _, Some(before)) => return missing(before.path.clone(), to, "its header is unreadable"),
            (_, _, _) => return missing(path, to, "it does not continue the segment before it"),
        }
    }
    if let Some(last) = live.last() {
        for prepared in &headless {
            refuse_unless_unused(prepared, last)?;
        }
    }
    Ok((live, headless))
}

fn continues(header: &SegmentHeader, before: Option<&Arc<Segment>>) -> bool {
    before.is_none_or(|b| header.log_id == b.header.log_id && header.first_batch > b.header.first_batch)
}

/// A prepared file starts with zeros; one whose header did not survive its first, unacknowledged commit still does,
/// and has at most that one frame.
fn refuse_unless_unused(prepared: &Prepared, last: &Arc<Segment>) -> Result<(), LogError> {
    let salt = super::frame::salt(last.header.log_id, prepared.index);
    let (file, len) = (&*prepared.file, prepared.len);
    let look = || -> std::io::Result<Option<&'static str>> {
        let mut start = [0u8; 512];
        read_full(file, 0, &mut start)?;
        let Some(first) = frame_at(file, salt, SEGMENT_HEAD, len)? else {
            return Ok(start.iter().any(|b| *b != 0).then_some("its header is damaged"));
        };
        let second = frame_at(file, salt, first.next(SEGMENT_HEAD), len)?;
        let used = second.is_some() || start.iter().any(|b| *b != 0);
        Ok(used.then_some("its header is damaged, its batches are not"))
    };
    match look().map_err(io_error("read log segment", &prepared.path))? {
        None => Ok(()),
        Some(why) => {
            let (segment, from) = (prepared.path.clone(), walk(last, None)?.batch + 1);
            Err(LogError::Damaged(Box::new(Damage { segment, offset: 0, from, to: None, why })))
        }
    }
}

/// The head of the valid frame that starts at `at`, if one does.
fn frame_at(file: &dyn DiskFile, salt: u32, at: u64, len: u64) -> std::io::Result<Option<FrameHead>> {
    let mut bytes = [0u8; FRAME_HEAD];
    let read = read_full(file, at, &mut bytes)?;
    let Some(head) = FrameHead::decode(salt, &bytes[..read]) else { return Ok(None) };
    if at + FRAME_HEAD as u64 + u64::from(head.bytes) > len {
        return Ok(None);
    }
    let mut records = vec![0; head.bytes as usize];
    let read = read_full(file, at + FRAME_HEAD as u64, &mut records)?;
    Ok(head.holds(salt, &records[..read]).then_some(head))
}

/// Where the committed part of the log ends.
pub(super) struct End {
    batch: u64,
    position: Position,
    at: u64,
    last_received: ReceivedTime,
    accepted: [u64; CHANNELS],
    /// The last frame of the last segment, as it must stand on disk.
    last_frame: Option<(u64, Vec<u8>)>,
}

/// Reads the newest segments whole, up to `budget` bytes, and finds the end of the last.
fn verify(live: &[Arc<Segment>], budget: u64) -> Result<End, LogError> {
    let mut read = 0;
    let mut end = None;
    for (n, segment) in live.iter().enumerate().rev() {
        let next = live.get(n + 1).map(|s| (s.header.first_batch, s.header.first_position));
        let found = walk(segment, next)?;
        end.get_or_insert(found);
        read += segment.len.load(Ordering::Relaxed);
        if read >= budget {
            break;
        }
    }
    Ok(end.expect("an open log has at least one segment"))
}

/// Walks one segment. `next` is what the following segment starts with; without one, a torn tail is allowed.
fn walk(segment: &Arc<Segment>, next: Option<(u64, u64)>) -> Result<End, LogError> {
    let header = &segment.header;
    let mut walk = Walk::new(segment.clone());
    let mut accepted = header.accepted;
    let mut last_received = header.last_received;
    let mut last_frame = None;
    let why = loop {
        let at = walk.at;
        match walk.step().map_err(io_error("read log segment", &segment.path))? {
            Ok((head, records)) => {
                count(records, &mut accepted);
                last_received = head.received;
                let frame = last_frame.get_or_insert_with(|| (at, vec![]));
                frame.0 = at;
                frame.1.clear();
                frame.1.extend_from_slice(&head.encode(header.salt()));
                frame.1.extend_from_slice(records);
            }
            Err(why) => break why,
        }
    };
    let damage = |to| {
        let (segment, offset, from) = (segment.path.clone(), walk.at, walk.number);
        LogError::Damaged(Box::new(Damage { segment, offset, from, to, why }))
    };
    match next {
        Some((batch, position)) if (batch, position) != (walk.number, walk.first.0) => {
            return Err(damage(Some(batch.saturating_sub(1)).filter(|to| *to >= walk.number)));
        }
        Some(_) => {}
        None => {
            let len = segment.len.load(Ordering::Relaxed);
            let behind = next_frame(&*segment.file, header.salt(), walk.at + FRAME_ALIGN, len, walk.number);
            if let Some(number) = behind.map_err(io_error("read log segment", &segment.path))? {
                return Err(damage(Some(number - 1)));
            }
            if why != "no batch head" {
                tracing::warn!(segment = %segment.path.display(), offset = walk.at, batch = walk.number, why,
                    "log ends in a batch that was not written whole; it was never acknowledged unless the disk lost it");
            }
        }
    }
    Ok(End { batch: walk.number - 1, position: walk.first, at: walk.at, last_received, accepted, last_frame })
}

/// Looks for a valid frame with a number above `above` that starts in `from..to`; returns its number.
fn next_frame(file: &dyn DiskFile, salt: u32, from: u64, to: u64, above: u64) -> std::io::Result<Option<u64>> {
    let mut chunk = vec![0u8; SCAN_CHUNK + FRAME_HEAD];
    let mut at = from;
    while at < to {
        let read = read_full(file, at, &mut chunk)?;
        for offset in (0..SCAN_CHUNK.min(read)).step_by(FRAME_ALIGN as usize) {
            let number = FrameHead::decode(salt, &chunk[offset..read]).map(|head| head.number);
            if number.is_some_and(|number| number > above) && frame_at(file, salt, at + offset as u64, to)?.is_some() {
                return Ok(number);
            }
        }
        at += SCAN_CHUNK as u64;
    }
    Ok(None)
}

fn count(mut records: &[u8], accepted: &mut [u64; CHANNELS]) {
    while let Ok((record, len)) = Record::decode(records) {
        if record.kind == RecordKind::Message {
            accepted[record.channel as usize] += 1;
        }
        records = &records[len..];
    }
}

/// Makes sure that the disk, not only the page cache, has what was just read.
fn settle(segment: &Segment, end: &End) -> Result<(), LogError> {
    let again = || {
        segment.file.write_at(0, &segment.header.encode())?;
        if let Some((at, bytes)) = &end.last_frame {
            segment.file.write_at(*at, bytes)?;
        }
        segment.file.sync_data()
    };
    again().map_err(io_error("sync the end of log segment", &segment.path))
}

/// What [`inspect`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Segments holding batches.
    pub segments: usize,
    /// Oldest batch.
    pub first_batch: u64,
    /// Newest batch; lower than `first_batch` when there is none.
    pub last_batch: u64,
    /// Position after the newest record.
    pub end: u64,
    /// Every damage found.
    pub damage: Vec<Damage>,
}

/// Reads a log whole without changing it, and reports everything that is damaged. The log must not be open.
pub fn inspect(dir: &Path, disk: &dyn Disk) -> Result<Inspection, LogError> {
    let names = disk.list(dir).map_err(io_error("list log directory", dir))?;
    let mut found = Inspection::default();
    let live = match scan(disk, dir, &names) {
        Ok((live, _)) => live,
        Err(LogError::Damaged(damage)) => {
            found.damage.push(*damage);
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    found.segments = live.len();
    found.first_batch = live.first().map_or(1, |s| s.header.first_batch);
    for (n, segment) in live.iter().enumerate() {
        let next = live.get(n + 1).map(|s| (s.header.first_batch, s.header.first_position));
        match walk(segment, next) {
            Ok(end) => (found.last_batch, found.end) = (end.batch, end.position.0),
            Err(LogError::Damaged(damage)) => found.damage.push(*damage),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
