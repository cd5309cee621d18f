//! Where contents lie, and how they come to lie there for good.
//!
//! ```text
//! files/uploads/UPLOAD          what has come so far of an upload
//! files/ab/cd/HASH              a whole file as it was sent
//! files/ab/cd/HASH.public       its copy without private facts, where that differs
//! files/ab/cd/HASH.thumb        small picture (JPEG)
//! ```
//!
//! Two levels of 256 keep directories small: ten million files are some 150 in each. A file has its name only when its
//! bytes are on the disk, and the answer leaves only when the name is: fsync of the file, rename or link, fsync of the
//! directory, and of its parents where they are new.

use greenhub_model::ids::FileId;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which copy of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// As it was sent.
    Original,
    /// Without private facts.
    Public,
    /// Small picture.
    Thumb,
}

/// The directory of all files.
#[derive(Debug, Clone)]
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let uploads = directory.join("uploads");
        fs::create_dir_all(&uploads)?;
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
        sync_directory(directory)?;
        Ok(Self(directory.to_owned()))
    }

    pub(super) fn part(&self, upload: &str) -> PathBuf {
        self.0.join("uploads").join(upload)
    }

    pub(super) fn path(&self, file: &FileId, copy: Copy) -> PathBuf {
        let name = file.as_str();
        let directory = self.0.join(&name[..2]).join(&name[2..4]);
        match copy {
            Copy::Original => directory.join(name),
            Copy::Public => directory.join(format!("{name}.public")),
            Copy::Thumb => directory.join(format!("{name}.thumb")),
        }
    }

    /// Opens the part of an upload to go on writing; made where it is missing.
    pub(super) fn open_part(&self, upload: &str) -> io::Result<File> {
        let path = self.part(upload);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
                sync_directory(&self.0.join("uploads"))?;
                Ok(file)
            }
            other => other,
        }
    }

    /// How much of an upload is on the disk for good.
    pub(super) fn part_length(&self, upload: &str) -> io::Result<u64> {
        match File::open(self.part(upload)) {
            Ok(file) => {
                file.sync_all()?;
                Ok(file.metadata()?.len())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    pub(super) fn parts(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.0.join("uploads"))?.flatten();
        Ok(names.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    pub(super) fn remove_part(&self, upload: &str) -> io::Result<()> {
        gone(fs::remove_file(self.part(upload)))
    }

    /// Gives a whole part its name for good. The part stays until its upload is known to be done.
    pub(super) fn place(&self, upload: &str, file: &FileId) -> io::Result<()> {
        let (part, path) = (self.part(upload), self.path(file, Copy::Original));
        let directory = self.make_directory(&path)?;
        File::open(&part)?.sync_all()?;
        if !path.exists() {
            // Where a file system knows no links, a copy does it.
            if fs::hard_link(&part, &path).is_err() {
                write_whole(&path, &mut File::open(&part)?)?;
            }
        }
        sync_directory(&directory)
    }

    /// Writes a copy that was made of a file.
    pub(super) fn put(&self, file: &FileId, copy: Copy, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(file, copy);
        let directory = self.make_directory(&path)?;
        write_whole(&path, &mut &*bytes)?;
        sync_directory(&directory)
    }

    /// Removes all copies.
    pub(super) fn remove(&self, file: &FileId) -> io::Result<()> {
        [Copy::Thumb, Copy::Public, Copy::Original]
            .into_iter()
            .try_for_each(|copy| gone(fs::remove_file(self.path(file, copy))))
    }

    /// Bytes that the disk can still take from us.
    pub(super) fn free(&self) -> io::Result<u64> {
        let state = rustix::fs::statvfs(&self.0)?;
        Ok(state.f_bavail.saturating_mul(state.f_frsize))
    }

    fn make_directory(&self, path: &Path) -> io::Result<PathBuf> {
        let directory = path.parent().expect("every copy lies in a directory").to_owned();
        if !directory.is_dir() {
            fs::create_dir_all(&directory)?;
            sync_directory(directory.parent().expect("two levels"))?;
            sync_directory(&self.0)?;
        }
        Ok(directory)
    }
}

fn write_whole(path: &Path, from: &mut impl io::Read) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    let mut file = File::create(&unfinished)?;
    io::copy(from, &mut file)?;
    file.flush()?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
