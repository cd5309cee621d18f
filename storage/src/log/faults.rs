//! A disk in memory that fails on command: full, failing fsync, power cut. For the tests of this and other crates.
//!
//! It forgets the way real disks do. Writes are visible at once and durable after `sync_data`; a [`FaultDisk::power_cut`]
//! keeps or loses every unsynced 512-byte sector by itself (seeded), keeps a prefix of the directory operations since
//! the last `sync_dir`, and makes all open handles useless. A sector whose fsync *failed* counts as clean afterwards
//! but is not on the disk: a later successful sync does not save it, only writing it again does.
//!
//! ```
//! use greenhub_storage::log::{Log, LogConfig, SystemClock, faults::FaultDisk};
//! use std::sync::Arc;
//! let disk = FaultDisk::new(42);
//! let log = Log::open(LogConfig::at("/log"), Arc::new(disk.clone()), Arc::new(SystemClock)).expect("a new log");
//! disk.fail_sync(1); // the next batch will not be committed
//! assert!(log.status().accepting);
//! ```

use super::disk::{Disk, DiskFile};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECTOR: usize = 512;

/// The disk; clones share it.
#[derive(Clone)]
pub struct FaultDisk {
    inside: Arc<Inside>,
}

struct Inside {
    state: Mutex<State>,
    gate: Condvar,
}

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    files: Vec<Content>,
    /// Directory operations since the last `sync_dir`: the names as they were before each.
    unsynced_names: Vec<BTreeMap<PathBuf, usize>>,
    locks: BTreeSet<PathBuf>,
    seed: u64,
    /// Power cuts so far; handles of an earlier life are dead.
    life: u64,
    room: Option<u64>,
    fail_sync: Option<u64>,
    fail_write: Option<u64>,
    power_cut_after: Option<u64>,
    off: bool,
    syncs_held: bool,
    operations: u64,
    syncs: u64,
    syncs_waiting: u64,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    durable_len: usize,
    /// Sectors written since their last successful sync, with what the disk still has there.
    unsynced: BTreeMap<usize, [u8; SECTOR]>,
    /// Sectors that a failed fsync left behind as clean.
    dropped: BTreeMap<usize, [u8; SECTOR]>,
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    /// One operation: counts it, and cuts the power when its time has come.
    fn operate(&mut self, life: u64) -> io::Result<()> {
        if self.off || life != self.life {
            return Err(power_is_off());
        }
        self.operations += 1;
        if let Some(left) = &mut self.power_cut_after {
            if *left == 0 {
                self.off = true;
                return Err(power_is_off());
            }
            *left -= 1;
        }
        Ok(())
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.seed ^ (self.seed >> 29);
        x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    }

    fn change_names(&mut self) {
        self.unsynced_names.push(self.names.clone());
    }

    /// The countdown of an injected failure: true when this is the one.
    fn due(counter: &mut Option<u64>) -> bool {
        match counter {
            Some(1) => {
                *counter = None;
                true
            }
            Some(n) => {
                *n -= 1;
                false
            }
            None => false,
        }
    }

    fn lose_unsynced(&mut self) {
        let kept = self.random() as usize % (self.unsynced_names.len() + 1);
        if let Some(names) = self.unsynced_names.get(kept) {
            self.names = names.clone();
        }
        self.unsynced_names.clear();
        let mut files = std::mem::take(&mut self.files);
        for file in &mut files {
            let dropped = std::mem::take(&mut file.dropped);
            for (sector, old) in std::mem::take(&mut file.unsynced) {
                if self.random().is_multiple_of(2) {
                    file.restore(sector, &old);
                }
            }
            dropped.iter().for_each(|(sector, old)| file.restore(*sector, old));
            if file.durable_len < file.bytes.len() && self.random().is_multiple_of(2) {
                file.bytes.truncate(file.durable_len);
            }
            file.durable_len = file.bytes.len();
        }
        self.files = files;
    }
}

impl Content {
    fn sector(&self, sector: usize) -> [u8; SECTOR] {
        let mut out = [0; SECTOR];
        let start = sector * SECTOR;
        if let Some(have) = self.bytes.get(start..self.bytes.len().min(start + SECTOR)) {
            out[..have.len()].copy_from_slice(have);
        }
        out
    }

    fn restore(&mut self, sector: usize, old: &[u8; SECTOR]) {
        let start = sector * SECTOR;
        let end = self.bytes.len().min(start + SECTOR);
        if start < end {
            self.bytes[start..end].copy_from_slice(&old[..end - start]);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        for sector in at / SECTOR..=(at + bytes.len() - 1) / SECTOR {
            if self.unsynced.contains_key(&sector) {
                continue;
            }
            let old = self.dropped.remove(&sector).unwrap_or_else(|| self.sector(sector));
            self.unsynced.insert(sector, old);
        }
        if self.bytes.len() < at + bytes.len() {
            self.bytes.resize(at + bytes.len(), 0);
        }
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl FaultDisk {
    /// An empty, faultless disk; `seed` decides what a power cut loses.
    pub fn new(seed: u64) -> Self {
        let state = State { seed, ..State::default() };
        Self { inside: Arc::new(Inside { state: Mutex::new(state), gate: Condvar::new() }) }
    }

    /// The disk is full once files have grown by `bytes` more.
    pub fn fill_after(&self, bytes: u64) {
        self.inside.state.lock().room = Some(bytes);
    }

    /// Ends [`FaultDisk::fill_after`].
    pub fn make_room(&self) {
        self.inside.state.lock().room = None;
    }

    /// The `n`-th file sync from now (1 = the next) fails, and its sectors never reach the disk by themselves.
    pub fn fail_sync(&self, n: u64) {
        self.inside.state.lock().fail_sync = Some(n);
    }

    /// The `n`-th write from now (1 = the next) fails with an input/output error.
    pub fn fail_write(&self, n: u64) {
        self.inside.state.lock().fail_write = Some(n);
    }

    /// Every operation after the next `n` fails, as if the power were off; [`FaultDisk::power_cut`] turns it on again.
    pub fn power_cut_after(&self, n: u64) {
        self.inside.state.lock().power_cut_after = Some(n);
    }

    /// Loses what is not synced and comes back, without pending faults. Locks are free, open handles dead.
    pub fn power_cut(&self) {
        let mut state = self.inside.state.lock();
        state.lose_unsynced();
        state.life += 1;
        state.off = false;
        state.locks.clear();
        (state.room, state.fail_sync, state.fail_write, state.power_cut_after) = (None, None, None, None);
        state.syncs_held = false;
        drop(state);
        self.inside.gate.notify_all();
    }

    /// File syncs block until [`FaultDisk::release_syncs`].
    pub fn hold_syncs(&self) {
        self.inside.state.lock().syncs_held = true;
    }

    /// Ends [`FaultDisk::hold_syncs`].
    pub fn release_syncs(&self) {
        self.inside.state.lock().syncs_held = false;
        self.inside.gate.notify_all();
    }

    /// File syncs that are blocked right now.
    pub fn syncs_waiting(&self) -> u64 {
        self.inside.state.lock().syncs_waiting
    }

    /// Operations so far (writes, syncs, opens, renames, removals).
    pub fn operations(&self) -> u64 {
        self.inside.state.lock().operations
    }

    /// Successful file syncs so far.
    pub fn syncs(&self) -> u64 {
        self.inside.state.lock().syncs
    }

    /// Content of a file, as a reader sees it.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.inside.state.lock();
        state.names.get(path.as_ref()).map(|id| state.files[*id].bytes.clone())
    }

    /// Damages a file: the bytes at `at` are replaced, durably, behind everybody's back.
    pub fn damage(&self, path: impl AsRef<Path>, at: usize, bytes: &[u8]) {
        let mut state = self.inside.state.lock();
        let id = state.names[path.as_ref()];
        state.files[id].bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Paths of all files.
    pub fn files(&self) -> Vec<PathBuf> {
        self.inside.state.lock().names.keys().cloned().collect()
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.inside.state.lock();
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        let named = inside.filter_map(|(path, id)| Some((path.file_name()?.to_str()?, *id)));
        Ok(named.map(|(name, id)| (name.to_owned(), state.files[id].bytes.len() as u64)).collect())
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.inside.state.lock();
        let life = state.life;
        state.operate(life)?;
        let id = match state.names.get(path) {
            Some(id) if !create => *id,
            None if !create => return Err(io::ErrorKind::NotFound.into()),
            _ => {
                state.change_names();
                state.files.push(Content::default());
                let id = state.files.len() - 1;
                state.names.insert(path.to_owned(), id);
                id
            }
        };
        Ok(Arc::new(FaultFile { disk: self.clone(), id, life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.inside.state.lock();
        let life = state.life;
        state.operate(life)?;
        let id = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change_names();
        state.names.remove(from);
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.inside.state.lock();
        let life = state.life;
        state.operate(life)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names();
        state.names.remove(path);
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.inside.state.lock();
        let life = state.life;
        state.operate(life)?;
        state.unsynced_names.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let mut state = self.inside.state.lock();
        let free = state.locks.insert(path.to_owned());
        let life = state.life;
        Ok(free.then(|| Box::new(Lock { disk: self.clone(), path: path.to_owned(), life }) as Box<dyn Send + Sync>))
    }
}

struct Lock {
    disk: FaultDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut state = self.disk.inside.state.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

struct FaultFile {
    disk: FaultDisk,
    id: usize,
    life: u64,
}

impl DiskFile for FaultFile {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.inside.state.lock();
        state.operate(self.life)?;
        if State::due(&mut state.fail_write) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let (at, have) = (at as usize, state.files[self.id].bytes.len());
        let growth = (at + bytes.len()).saturating_sub(have);
        let short = growth.saturating_sub(state.room.map_or(growth, |room| room as usize));
        if let Some(room) = &mut state.room {
            *room -= (growth - short) as u64;
        }
        let written = bytes.len() - short.min(bytes.len());
        state.files[self.id].write(at, &bytes[..written]);
        if short > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.inside.state.lock();
        if state.off || state.life != self.life {
            return Err(power_is_off());
        }
        let have = state.files[self.id].bytes.get(at as usize..).unwrap_or_default();
        let n = have.len().min(into.len());
        into[..n].copy_from_slice(&have[..n]);
        Ok(n)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.inside.state.lock();
        state.syncs_waiting += 1;
        while state.syncs_held && state.life == self.life {
            self.disk.inside.gate.wait(&mut state);
        }
        state.syncs_waiting -= 1;
        state.operate(self.life)?;
        let failed = State::due(&mut state.fail_sync);
        let file = &mut state.files[self.id];
        let unsynced = std::mem::take(&mut file.unsynced);
        if failed {
            file.dropped.extend(unsynced);
            return Err(io::Error::from_raw_os_error(5));
        }
        file.durable_len = file.bytes.len();
        state.syncs += 1;
        Ok(())
    }
}
