//! The file layer under the log: the few operations it uses, so that tests can put a failing disk in their place.
//!
//! What the log assumes of a disk, and nothing more: a sector of 512 bytes is written whole or not at all; what
//! `sync_data` reported as done survives a power cut; a rename survives once `sync_dir` returned; directory
//! operations reach the disk in the order they were made.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A file system as the log sees it.
pub trait Disk: Send + Sync {
    /// Creates the directory and its parents, durably.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Names and lengths of the files in `dir`, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>>;
    /// Opens for reading and writing; `create` makes an empty file, replacing one that is there.
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; handles that are open stay readable.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock at `path`, held until the value is dropped; `None` when somebody else has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>>;
}

/// An open file. Offsets are absolute; handles may be shared between threads.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at `at`.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Reads up to `into.len()` bytes at `at`; 0 at the end of the file.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Makes the content durable, and of the metadata what is needed to read it.
    fn sync_data(&self) -> io::Result<()>;
}

/// Reads until `into` is full or the file ends; returns the bytes read.
pub(crate) fn read_full(file: &dyn DiskFile, at: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(at + done as u64, &mut into[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(dir)?;
        match dir.parent().filter(|p| !p.as_os_str().is_empty()) {
            Some(parent) => self.sync_dir(parent),
            None => Ok(()),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = vec![];
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string()) {
                files.push((name, meta.len()));
            }
        }
        Ok(files)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(create).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.0, into, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_exclusive_until_dropped() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("lock");
        let held = RealDisk.lock(&path).expect("lockable").expect("free");
        assert!(RealDisk.lock(&path).expect("lockable").is_none());
        drop(held);
        assert!(RealDisk.lock(&path).expect("lockable").is_some());
    }

    #[test]
    fn files_are_listed_renamed_read_back_and_removed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (a, b) = (dir.path().join("x/a"), dir.path().join("x/b"));
        let disk = RealDisk;
        disk.create_dir(&dir.path().join("x")).expect("created");
        let file = disk.open(&a, true).expect("created");
        file.write_at(3, b"abc").expect("written");
        file.sync_data().expect("synced");
        disk.rename(&a, &b).expect("renamed");
        disk.sync_dir(&dir.path().join("x")).expect("synced");
        assert_eq!(disk.list(&dir.path().join("x")).expect("listed"), [("b".to_owned(), 6)]);
        let mut bytes = [9u8; 8];
        assert_eq!(read_full(&*disk.open(&b, false).expect("there"), 1, &mut bytes).expect("read"), 5);
        assert_eq!(&bytes[..5], b"\0\0abc");
        disk.remove(&b).expect("removed");
        assert!(disk.open(&b, false).is_err());
    }
}
