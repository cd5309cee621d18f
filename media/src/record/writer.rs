//! Writes what the cutter cuts: bytes first, then the line that names them, each synced.

use super::index::{Closing, Entry, Heading, Line, closing_words, hex};
use super::shelf::Shelf;
use crate::core::chain::{self, Link};
use crate::core::cut::Cut;
use greenhub_model::DeviceId;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;

/// The files of one unit, one after the other.
pub(super) struct Writer {
    shelf: Arc<Shelf>,
    unit: DeviceId,
    why: String,
    open: Option<Open>,
}

struct Open {
    bytes: File,
    lines: File,
    length: u64,
    pieces: u64,
    link: Link,
}

impl Writer {
    pub fn new(shelf: Arc<Shelf>, unit: DeviceId, why: String) -> Self {
        Self { shelf, unit, why, open: None }
    }

    /// Moves it out, so that another thread may write; what stays holds no file.
    pub fn take(&mut self) -> Self {
        Self { shelf: self.shelf.clone(), unit: self.unit.clone(), why: self.why.clone(), open: self.open.take() }
    }

    /// Errors: of the disk; the file then ends where its index does.
    pub fn write(&mut self, cut: Cut) -> io::Result<()> {
        match cut {
            Cut::File { head, begin, size } => self.begin(&head, begin, size),
            Cut::Fragment { bytes, begin, end, key } => self.piece(&bytes, begin, end, key),
            Cut::End => self.end(),
        }
    }

    fn begin(&mut self, head: &[u8], begin: i64, size: Option<(u32, u32)>) -> io::Result<()> {
        let directory = self.shelf.directory(&self.unit);
        std::fs::create_dir_all(&directory)?;
        let new = |extension: &str| {
            let path = directory.join(format!("{begin}.{extension}"));
            OpenOptions::new().append(true).create_new(true).open(path)
        };
        let (bytes, mut lines) = (new("mp4")?, new("jsonl")?);
        let (unit, why, key) = (self.unit.to_string(), self.why.clone(), self.shelf.signer().public());
        lines.write_all(&line(&Line::Recording(Heading { unit, why, size, key }))?)?;
        let link = chain::begin(self.unit.as_str(), &begin.to_string());
        self.open = Some(Open { bytes, lines, length: 0, pieces: 0, link });
        self.piece(head, begin, begin, false)?;
        // The names must outlive a power cut like what they name.
        File::open(&directory)?.sync_all()?;
        if let Some(root) = directory.parent() {
            File::open(root)?.sync_all()?;
        }
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8], begin: i64, end: i64, key: bool) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.bytes.write_all(bytes)?;
        open.bytes.sync_data()?;
        let link = chain::next(&open.link, begin, end, bytes);
        let length = bytes.len() as u64;
        let (hash, signature) = (hex(&link), self.shelf.signer().sign(&link));
        let entry = Entry { begin, end, offset: open.length, length, key, hash, signature };
        open.lines.write_all(&line(&Line::Piece(entry))?)?;
        open.lines.sync_data()?;
        (open.link, open.length, open.pieces) = (link, open.length + length, open.pieces + 1);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let signature = self.shelf.signer().sign(&closing_words(&open.link, open.pieces));
        open.lines.write_all(&line(&Line::End(Closing { pieces: open.pieces, signature }))?)?;
        open.lines.sync_data()
    }
}

fn line(line: &Line) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}
