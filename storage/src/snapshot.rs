//! Operator states at a batch boundary, so that a start reads the log from there and not from its beginning.
//!
//! ```text
//! snapshot-00000000000000001234.bin = "GHSNAPS1" | batch u64 | parts u32
//!                                     | per part: name length u32, name, length u64, bytes | crc32c of all before u32
//! ```
//!
//! Two steps, because a snapshot may only become the one to start from when every sink has committed its batch:
//! [`SnapshotStore::write`] makes the file durable under another name, [`Pending::publish`] renames it and removes all but
//! the last two. [`SnapshotStore::newest`] reads the newest whole one: a damaged file costs a longer replay, not the
//! state. The log must be held ([`crate::log::Log::hold`]) at the *older* of the two for that to work: `publish` returns it.
//!
//! **Landmarks** are states that outlive the last two: one every so often, so that a past moment is reached by a short
//! replay from the landmark before it. They are an aid, never the state to start the hub from.
//!
//! **Deliberately absent:** what is in the parts, and when a snapshot is due.

use crate::log::{Disk, RealDisk};
use greenhub_model::ReceivedTime;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"GHSNAPS1";
const HEAD: usize = 20;
/// Published snapshots that are kept.
const KEPT: usize = 2;
/// Landmarks kept: a month of one an hour.
pub const LANDMARKS_MAX: usize = 31 * 24;
/// Larger than any snapshot; a longer file is not read.
const BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What the snapshot store may fail at.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk failed.
    #[error("{what} {path}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// States of all operators after one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The batch whose effects are contained; the log continues with the next one.
    pub batch: u64,
    /// Serialised states by name.
    pub parts: BTreeMap<String, Vec<u8>>,
}

/// The directory of snapshots. Clones are handles to the same directory; one writer at a time.
#[derive(Clone)]
pub struct SnapshotStore {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
}

/// A snapshot that is on disk, but not yet the one to start from. Dropping it leaves that as it is.
#[must_use = "a snapshot counts only when it is published"]
pub struct Pending {
    store: SnapshotStore,
    batch: u64,
    path: PathBuf,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { what, path, source }
}

fn file_name(batch: u64) -> String {
    format!("snapshot-{batch:020}.bin")
}

fn batch_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("snapshot-")?.strip_suffix(".bin")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// A state that is kept for replays of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Landmark {
    /// The batch whose effects are contained.
    pub batch: u64,
    /// Receive time of that batch, µs.
    pub received: ReceivedTime,
}

impl Landmark {
    fn file_name(self) -> String {
        format!("landmark-{:020}-{:020}.bin", self.batch, self.received.0)
    }

    fn of(name: &str) -> Option<Self> {
        let (batch, received) = name.strip_prefix("landmark-")?.strip_suffix(".bin")?.split_once('-')?;
        let whole = batch.len() == 20 && received.len() == 20;
        whole.then_some(Self { batch: batch.parse().ok()?, received: ReceivedTime(received.parse().ok()?) })
    }
}

impl SnapshotStore {
    /// Opens the directory of a hub that may be running, to read: removes and creates nothing.
    pub fn beside(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), disk: Arc::new(RealDisk) }
    }

    /// Keeps `parts` as a landmark, and removes those before batch `oldest` (the log has nothing to go on with from
    /// there) and those beyond [`LANDMARKS_MAX`].
    pub fn keep(
        &self,
        landmark: Landmark,
        parts: &BTreeMap<String, Vec<u8>>,
        oldest: u64,
    ) -> Result<(), SnapshotError> {
        let pending = self.write(landmark.batch, parts)?;
        let target = self.dir.join(landmark.file_name());
        let renamed = self.disk.rename(&pending.path, &target).and_then(|()| self.disk.sync_dir(&self.dir));
        renamed.map_err(failed("keep landmark", &target))?;
        let all = self.landmarks()?;
        let beyond = all.len().saturating_sub(LANDMARKS_MAX);
        for old in all.iter().enumerate().filter(|(n, mark)| *n < beyond || mark.batch + 1 < oldest) {
            self.remove(&old.1.file_name())?;
        }
        Ok(())
    }

    /// The landmarks, oldest first.
    pub fn landmarks(&self) -> Result<Vec<Landmark>, SnapshotError> {
        let mut found: Vec<_> = self.list()?.iter().filter_map(|(name, _)| Landmark::of(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The newest whole landmark at or before `at` and not before batch `oldest - 1`.
    pub fn landmark_before(&self, at: ReceivedTime, oldest: u64) -> Result<Option<Snapshot>, SnapshotError> {
        let fits = |mark: &&Landmark| mark.received <= at && mark.batch + 1 >= oldest;
        for mark in self.landmarks()?.iter().rev().filter(fits) {
            let path = self.dir.join(mark.file_name());
            let len = self.length(&mark.file_name())?;
            match self.read(&path, len).map_err(failed("read landmark", &path))? {
                Some(snapshot) if snapshot.batch == mark.batch => return Ok(Some(snapshot)),
                _ => tracing::warn!(path = %path.display(), "landmark is damaged, an older one is taken"),
            }
        }
        Ok(None)
    }

    /// Opens the directory, creating it when missing; removes what an interrupted write left behind.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, SnapshotError> {
        Self::open_on(dir, Arc::new(RealDisk))
    }

    /// Like [`SnapshotStore::open`], on another disk than the machine's.
    pub fn open_on(dir: impl Into<PathBuf>, disk: Arc<dyn Disk>) -> Result<Self, SnapshotError> {
        let store = Self { dir: dir.into(), disk };
        store.disk.create_dir(&store.dir).map_err(failed("create snapshot directory", &store.dir))?;
        for (name, _) in store.list()? {
            if name.ends_with(".tmp") {
                store.remove(&name)?;
            }
        }
        Ok(store)
    }

    /// Writes and syncs the states after `batch`. They count only when published.
    pub fn write(&self, batch: u64, parts: &BTreeMap<String, Vec<u8>>) -> Result<Pending, SnapshotError> {
        let path = self.dir.join(file_name(batch)).with_extension("tmp");
        let bytes = encode(batch, parts);
        let written = self.disk.open(&path, true).and_then(|file| {
            file.write_at(0, &bytes)?;
            file.sync_data()
        });
        match written {
            Ok(()) => Ok(Pending { store: self.clone(), batch, path }),
            Err(error) => {
                // Half a file takes room on a full disk; if it cannot be removed now, the next start does it.
                let _removed = self.disk.remove(&path);
                Err(failed("write snapshot", &path)(error))
            }
        }
    }

    /// The newest published snapshot that is whole. Damaged ones are passed over with a warning.
    pub fn newest(&self) -> Result<Option<Snapshot>, SnapshotError> {
        for (batch, len) in self.published()? {
            let path = self.dir.join(file_name(batch));
            match self.read(&path, len).map_err(failed("read snapshot", &path))? {
                Some(snapshot) if snapshot.batch == batch => return Ok(Some(snapshot)),
                _ => tracing::warn!(path = %path.display(), "snapshot is damaged, an older one is taken"),
            }
        }
        Ok(None)
    }

    /// Batches of the published snapshots, newest first; hold the log at the last of them.
    pub fn batches(&self) -> Result<Vec<u64>, SnapshotError> {
        Ok(self.published()?.into_iter().map(|(batch, _)| batch).collect())
    }

    fn read(&self, path: &Path, len: u64) -> io::Result<Option<Snapshot>> {
        if len > BYTES_MAX {
            return Ok(None);
        }
        let file = self.disk.open(path, false)?;
        let mut bytes = vec![0; len as usize];
        let read = crate::log::read_full(&*file, 0, &mut bytes)?;
        Ok(decode(&bytes[..read]))
    }

    fn length(&self, name: &str) -> Result<u64, SnapshotError> {
        Ok(self.list()?.into_iter().find(|(known, _)| known == name).map_or(0, |(_, len)| len))
    }

    fn published(&self) -> Result<Vec<(u64, u64)>, SnapshotError> {
        let files = self.list()?;
        let mut found: Vec<_> = files.iter().filter_map(|(name, len)| Some((batch_of(name)?, *len))).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    fn list(&self) -> Result<Vec<(String, u64)>, SnapshotError> {
        self.disk.list(&self.dir).map_err(failed("list snapshot directory", &self.dir))
    }

    fn remove(&self, name: &str) -> Result<(), SnapshotError> {
        let path = self.dir.join(name);
        self.disk.remove(&path).map_err(failed("remove snapshot", &path))
    }
}

impl Pending {
    /// The batch it was taken after.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Makes it the snapshot to start from, durably, and removes all but the last two.
    ///
    /// Returns the batch of the older of the two: hold the log there, so that a damaged newest one can be replaced.
    pub fn publish(self) -> Result<u64, SnapshotError> {
        let Pending { store, batch, path } = self;
        let target = store.dir.join(file_name(batch));
        let renamed = store.disk.rename(&path, &target).and_then(|()| store.disk.sync_dir(&store.dir));
        renamed.map_err(failed("publish snapshot", &target))?;
        let published = store.published()?;
        for (old, _) in published.iter().skip(KEPT) {
            store.remove(&file_name(*old))?;
        }
        Ok(published.iter().take(KEPT).next_back().map_or(batch, |(oldest, _)| *oldest))
    }
}

fn encode(batch: u64, parts: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let size: usize = parts.iter().map(|(name, bytes)| 12 + name.len() + bytes.len()).sum();
    let mut out = Vec::with_capacity(HEAD + size + 4);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&batch.to_le_bytes());
    out.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    for (name, bytes) in parts {
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Option<Snapshot> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if !body.starts_with(&MAGIC) || crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut rest = &body[MAGIC.len()..];
    let batch = u64::from_le_bytes(*take(&mut rest)?);
    let count = u32::from_le_bytes(*take(&mut rest)?);
    let mut parts = BTreeMap::new();
    for _ in 0..count {
        let name_len = u32::from_le_bytes(*take(&mut rest)?) as usize;
        let name = String::from_utf8(rest.split_off(..name_len)?.to_vec()).ok()?;
        let len = usize::try_from(u64::from_le_bytes(*take(&mut rest)?)).ok()?;
        parts.insert(name, rest.split_off(..len)?.to_vec());
    }
    rest.is_empty().then_some(Snapshot { batch, parts })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::faults::FaultDisk;

    fn parts(n: u8) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([("alarms".into(), vec![n; 3000]), ("devices-0".into(), vec![]), ("设备".into(), vec![n])])
    }

    fn open(disk: &FaultDisk) -> SnapshotStore {
        SnapshotStore::open_on("/snapshots", Arc::new(disk.clone())).expect("opened")
    }

    fn published(store: &SnapshotStore, batch: u64) {
        let pending = store.write(batch, &parts(batch as u8)).expect("written");
        pending.publish().expect("published");
    }

    #[test]
    fn the_newest_published_snapshot_comes_back_and_two_are_kept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = SnapshotStore::open(dir.path().join("a/b")).expect("opened");
        assert_eq!(store.newest().expect("readable"), None);
        for (batch, hold) in [(5, 5), (9, 5), (100, 9)] {
            let pending = store.write(batch, &parts(batch as u8)).expect("written");
            assert_eq!(pending.publish().expect("published"), hold);
            assert_eq!(store.newest().expect("readable"), Some(Snapshot { batch, parts: parts(batch as u8) }));
        }
        assert_eq!(store.batches().expect("readable"), [100, 9]);
        assert_eq!(store.list().expect("readable").len(), 2);
    }

    #[test]
    fn landmarks_outlive_snapshots_and_lead_to_the_moment_asked_for() {
        let disk = FaultDisk::new(3);
        let store = open(&disk);
        let mark = |batch: u64| Landmark { batch, received: ReceivedTime(batch as i64 * 10) };
        for batch in [3, 6, 9] {
            store.keep(mark(batch), &parts(batch as u8), 1).expect("kept");
            published(&store, batch + 1);
        }
        let before = |at, oldest| {
            store.landmark_before(ReceivedTime(at), oldest).expect("readable").map(|snapshot| snapshot.batch)
        };
        assert_eq!([before(29, 1), before(30, 1), before(89, 1), before(1000, 1)], [None, Some(3), Some(6), Some(9)]);
        assert_eq!(before(89, 8), None, "the log begins after it");
        assert_eq!(before(89, 7), Some(6), "the log goes on right behind it");
        assert_eq!(store.newest().expect("readable").map(|s| s.batch), Some(10), "they are not where the hub starts");
        let path = Path::new("/snapshots").join(mark(6).file_name());
        disk.damage(&path, 50, &[0xff, 0xff]);
        assert_eq!(before(89, 1), Some(3), "a damaged one is passed over");
        store.keep(mark(12), &parts(12), 8).expect("kept");
        assert_eq!(store.landmarks().expect("readable"), [mark(9), mark(12)]);
    }

    #[test]
    fn what_is_not_published_does_not_count_and_is_gone_after_a_restart() {
        let disk = FaultDisk::new(3);
        let store = open(&disk);
        published(&store, 1);
        let pending = store.write(2, &parts(2)).expect("written");
        assert_eq!(pending.batch(), 2);
        assert_eq!(store.newest().expect("readable").map(|s| s.batch), Some(1));
        drop(pending);
        assert_eq!(disk.files().len(), 2);
        assert_eq!(open(&disk).newest().expect("readable").map(|s| s.batch), Some(1));
        assert_eq!(disk.files().len(), 1);
    }

    #[test]
    fn any_flipped_byte_makes_it_fall_back_to_the_one_before() {
        for at in (0..3100).step_by(61) {
            let disk = FaultDisk::new(3);
            let store = open(&disk);
            published(&store, 1);
            published(&store, 2);
            let path = Path::new("/snapshots").join(file_name(2));
            let byte = disk.read(&path).expect("there").get(at).copied().unwrap_or_default();
            if at >= disk.read(&path).expect("there").len() {
                break;
            }
            disk.damage(&path, at, &[byte ^ 0x10]);
            assert_eq!(store.newest().expect("readable").map(|s| s.batch), Some(1), "byte {at}");
        }
    }

    #[test]
    fn a_file_under_another_batch_number_is_not_believed() {
        let disk = FaultDisk::new(3);
        let store = open(&disk);
        published(&store, 1);
        disk.rename(&Path::new("/snapshots").join(file_name(1)), &Path::new("/snapshots").join(file_name(7)))
            .expect("there");
        assert_eq!(store.newest().expect("readable"), None);
    }

    #[test]
    fn a_full_disk_or_a_failing_sync_keeps_the_old_snapshot_and_leaves_nothing() {
        let disk = FaultDisk::new(3);
        let store = open(&disk);
        published(&store, 1);
        disk.fill_after(100);
        assert!(store.write(2, &parts(2)).is_err());
        disk.make_room();
        disk.fail_sync(1);
        assert!(store.write(3, &parts(3)).is_err());
        assert_eq!(disk.files().len(), 1);
        published(&store, 4);
        assert_eq!(store.batches().expect("readable"), [4, 1]);
    }

    #[test]
    fn a_power_cut_at_any_operation_leaves_a_whole_snapshot() {
        for after in 0..14 {
            for seed in 0..8 {
                let disk = FaultDisk::new(seed);
                let store = open(&disk);
                published(&store, 1);
                disk.power_cut_after(after);
                let mut done = 1;
                for batch in 2..5 {
                    let published = store.write(batch, &parts(batch as u8)).and_then(Pending::publish);
                    if published.is_err() {
                        break;
                    }
                    done = batch;
                }
                disk.power_cut();
                let newest = open(&disk).newest().expect("readable").expect("one at least");
                assert!(newest.batch >= done, "{} after {done}", newest.batch);
                assert_eq!(newest.parts, parts(newest.batch as u8));
            }
        }
    }

    #[test]
    fn no_bytes_make_decode_panic() {
        let whole = encode(1, &parts(1));
        for cut in 0..whole.len() {
            assert_eq!(decode(&whole[..cut]), None);
        }
        let mut lying = whole[..whole.len() - 4].to_vec();
        lying[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        let crc = crc32c::crc32c(&lying);
        lying.extend_from_slice(&crc.to_le_bytes());
        assert_eq!(decode(&lying), None);
    }
}
