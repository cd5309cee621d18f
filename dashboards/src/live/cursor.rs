//! Where a viewer stands: which life of the process, which version of the live state, under which filter.
//!
//! On the wire a cursor is an opaque string, `epoch-version-filter` in hexadecimal. The epoch is drawn at random when
//! the process starts, so a cursor of another life never resumes by accident; the filter's fingerprint makes a resume
//! under another filter a snapshot (or, on the same socket, a difference) instead of a gap.

use std::fmt;

/// A place in the sequence of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Life of the process.
    pub epoch: u64,
    /// Version of the live state: everything up to and including it has been seen.
    pub version: u64,
    /// Fingerprint of the filter under which it was seen.
    pub filter: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.epoch, self.version, self.filter)
    }
}

impl Cursor {
    /// Reads a cursor as a client sends it back; `None` for anything that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (epoch, version, filter) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            epoch: u64::from_str_radix(epoch, 16).ok()?,
            version: u64::from_str_radix(version, 16).ok()?,
            filter: u32::from_str_radix(filter, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_written_and_nothing_else_is_one() {
        let cursor = Cursor { epoch: u64::MAX, version: 17, filter: 0xab };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", "1", "1-2", "1-2-3-4", "x-2-3", "1-2-1ffffffff", "1--3"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
