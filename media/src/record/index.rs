//! The index of a recording: what each line says, and reading it back as far as it is whole.

use crate::core::chain::Link;
use serde::{Deserialize, Serialize};

/// The first line: what the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// Unit.
    pub unit: String,
    /// Why it was recorded.
    pub why: String,
    /// Width and height, pixels; none for sound alone.
    pub size: Option<(u32, u32)>,
    /// Public key of whoever signed (Ed25519, hexadecimal).
    pub key: String,
}

/// One line: a piece of the file. Entry 0 is the initialisation segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// First moment it shows, Unix ms.
    pub begin: i64,
    /// End of what it shows, Unix ms.
    pub end: i64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Whether a decoder can begin here.
    pub key: bool,
    /// Chain up to and with this piece, hexadecimal ([`crate::core::chain`]).
    pub hash: String,
    /// Signature over the hash (Ed25519, hexadecimal).
    pub signature: String,
}

/// The last line of a recording that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Pieces there are.
    pub pieces: u64,
    /// Signature over the last hash and the number of pieces.
    pub signature: String,
}

/// A line of an index file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Recording(Heading),
    Piece(Entry),
    End(Closing),
}

/// An index as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What the file is.
    pub heading: Heading,
    /// Its pieces in order; the first is the initialisation segment.
    pub entries: Vec<Entry>,
    /// Its end, where it came to one.
    pub closing: Option<Closing>,
}

impl Index {
    /// Reads lines until one is torn; none where not even the first is whole.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let Line::Recording(heading) = serde_json::from_str(lines.next()?).ok()? else { return None };
        let mut index = Self { heading, entries: Vec::new(), closing: None };
        for line in lines {
            match serde_json::from_str(line) {
                Ok(Line::Piece(entry)) => index.entries.push(entry),
                Ok(Line::End(closing)) => index.closing = Some(closing),
                _ => break,
            }
        }
        Some(index)
    }

    /// First and last moment, Unix ms; none while there is no fragment.
    pub fn span(&self) -> Option<(i64, i64)> {
        let fragments = self.entries.get(1..)?;
        Some((fragments.first()?.begin, fragments.iter().map(|entry| entry.end).max()?))
    }

    /// Bytes of the file that the index vouches for.
    pub fn bytes(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.offset + last.length)
    }

    /// The pieces that show `from` to `to` (Unix ms): the head, then from the fragment a decoder can begin with.
    pub fn clip(&self, from: i64, to: i64) -> Vec<&Entry> {
        let Some((head, fragments)) = self.entries.split_first() else { return Vec::new() };
        let last = fragments.iter().rposition(|entry| entry.begin < to);
        let wanted = fragments.iter().position(|entry| entry.end > from);
        let (Some(wanted), Some(last)) = (wanted, last) else { return Vec::new() };
        let first = fragments[..=wanted].iter().rposition(|entry| entry.key).unwrap_or(wanted);
        if first > last {
            return Vec::new();
        }
        std::iter::once(head).chain(&fragments[first..=last]).collect()
    }
}

/// A hash or signature as text.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text as bytes; none where it is no hexadecimal.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// What the closing signature covers.
pub(super) fn closing_words(last: &Link, pieces: u64) -> Vec<u8> {
    [b"greenhub recording ends".as_slice(), last, &pieces.to_be_bytes()].concat()
}
