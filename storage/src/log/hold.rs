//! Holds: how consumers keep retention away from what they still need.
//!
//! The *names* are remembered in the file `holds`, like replication slots: after a start, retention lets nothing go
//! until every consumer that ever held has come back and said how far it is. A consumer that left the configuration
//! must be forgotten explicitly ([`super::Log::forget_hold`]); until then it is seen in the log's status.

use super::LogError;
use super::disk::{Disk, read_full};
use super::segments::io_error;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const FILE: &str = "holds";
/// More remembered names than a hub could ever have.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// All holds of one log.
pub(super) struct Holds {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    consumed: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

impl Holds {
    /// Remembers the names of earlier runs; none of them has consumed anything yet.
    pub(super) fn open(dir: PathBuf, disk: Arc<dyn Disk>, present: bool) -> Result<Self, LogError> {
        let mut names = String::new();
        if present {
            let path = dir.join(FILE);
            let mut bytes = vec![0; FILE_BYTES_MAX];
            let read = disk.open(&path, false).and_then(|file| read_full(&*file, 0, &mut bytes));
            bytes.truncate(read.map_err(io_error("read log holds", &path))?);
            names = String::from_utf8_lossy(&bytes).into_owned();
        }
        let consumed = names.lines().filter(|n| !n.is_empty()).map(|n| (n.to_owned(), Arc::default())).collect();
        Ok(Self { dir, disk, consumed: Mutex::new(consumed) })
    }

    /// True for the name of the file that this module keeps.
    pub(super) fn is_file(name: &str) -> bool {
        name == FILE
    }

    pub(super) fn add(&self, name: &'static str) -> Hold {
        let mut consumed = self.consumed.lock();
        if let Some(known) = consumed.get(name) {
            return Hold { consumed: known.clone() };
        }
        let new = Arc::new(AtomicU64::new(0));
        consumed.insert(name.to_owned(), new.clone());
        self.remember(&consumed);
        Hold { consumed: new }
    }

    pub(super) fn forget(&self, name: &str) {
        let mut consumed = self.consumed.lock();
        if consumed.remove(name).is_some() {
            self.remember(&consumed);
        }
    }

    /// Highest batch that everybody has consumed; `u64::MAX` without holds.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed.lock().values().map(|c| c.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }

    pub(super) fn read(&self) -> Vec<(String, u64)> {
        self.consumed.lock().iter().map(|(name, c)| (name.clone(), c.load(Ordering::Acquire))).collect()
    }

    fn remember(&self, consumed: &BTreeMap<String, Arc<AtomicU64>>) {
        let text: String = consumed.keys().flat_map(|name| [name.as_str(), "\n"]).collect();
        let (path, unfinished) = (self.dir.join(FILE), self.dir.join("holds.tmp"));
        let written = self.disk.open(&unfinished, true).and_then(|file| {
            file.write_at(0, text.as_bytes())?;
            file.sync_data()?;
            self.disk.rename(&unfinished, &path)?;
            self.disk.sync_dir(&self.dir)
        });
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "names of log holds are not remembered");
        }
    }
}

/// One consumer's claim: retention keeps every batch after the one it has consumed.
///
/// A new hold has consumed nothing, so it keeps all that is there. Dropping it changes nothing: the claim stays.
#[derive(Debug, Clone)]
pub struct Hold {
    consumed: Arc<AtomicU64>,
}

impl Hold {
    /// Everything up to and including `batch` is no longer needed. Never moves back.
    pub fn advance(&self, batch: u64) {
        self.consumed.fetch_max(batch, Ordering::AcqRel);
    }

    /// The batch consumed so far.
    pub fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::super::faults::FaultDisk;
    use super::*;

    #[test]
    fn the_lowest_hold_counts_until_it_is_forgotten_even_after_a_restart() {
        let (disk, dir) = (FaultDisk::new(1), PathBuf::from("/log"));
        disk.create_dir(&dir).expect("created");
        let holds = Holds::open(dir.clone(), Arc::new(disk.clone()), false).expect("opened");
        assert_eq!(holds.consumed(), u64::MAX);
        let (slow, fast) = (holds.add("slow"), holds.add("fast"));
        fast.advance(9);
        assert_eq!(holds.consumed(), 0);
        slow.advance(4);
        slow.advance(2);
        drop(slow);
        assert_eq!((holds.consumed(), holds.read()), (4, vec![("fast".into(), 9), ("slow".into(), 4)]));

        disk.power_cut();
        let holds = Holds::open(dir, Arc::new(disk), true).expect("opened again");
        holds.add("fast").advance(9);
        assert_eq!((holds.consumed(), holds.read().len()), (0, 2));
        holds.forget("slow");
        assert_eq!(holds.consumed(), 9);
    }
}
