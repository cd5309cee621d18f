//! MPEG-4 and QuickTime: boxes within boxes. A phone writes place and owner into `udta` and `meta` of the movie and its
//! tracks. Those boxes keep their length and become `free` space while the file is sent, so a video of 200 MB needs no
//! second copy and no offset in it moves.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Seek, SeekFrom};

/// Boxes walked in one file.
const BOXES_MAX: usize = 4096;

/// A stretch that is sent otherwise than it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blank {
    /// Where the four letters of the box's name lie.
    pub name_at: u64,
    /// Where its contents begin.
    pub from: u64,
    /// Where they end.
    pub to: u64,
}

/// Finds what is private in a video.
pub fn blanks(file: &mut (impl Read + Seek)) -> io::Result<Vec<Blank>> {
    let length = file.seek(SeekFrom::End(0))?;
    let (mut found, mut walked) = (vec![], 0);
    walk(file, 0, length, 0, &mut walked, &mut found)?;
    Ok(found)
}

fn walk(
    file: &mut (impl Read + Seek),
    mut at: u64,
    end: u64,
    depth: u8,
    walked: &mut usize,
    found: &mut Vec<Blank>,
) -> io::Result<()> {
    while at.saturating_add(8) <= end && *walked < BOXES_MAX {
        *walked += 1;
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let short = u64::from(u32::from_be_bytes(head[..4].try_into().expect("four of eight bytes")));
        let (header, size) = match short {
            0 => (8, end - at),
            1 if at + 16 <= end => {
                let mut long = [0; 8];
                file.read_exact(&mut long)?;
                (16, u64::from_be_bytes(long))
            }
            size => (8, size),
        };
        let to = at.saturating_add(size).min(end);
        if size < header {
            return Ok(());
        }
        match &head[4..] {
            b"udta" | b"meta" | b"uuid" => found.push(Blank { name_at: at + 4, from: at + header, to }),
            b"moov" | b"trak" | b"moof" | b"traf" if depth < 3 => {
                walk(file, at + header, to, depth + 1, walked, found)?;
            }
            _ => {}
        }
        at = to;
    }
    Ok(())
}

/// Blanks a piece of the file that begins at this offset.
pub fn wipe(blanks: &[Blank], offset: u64, piece: &mut [u8]) {
    let end = offset + piece.len() as u64;
    let mut put = |from: u64, to: u64, byte: &dyn Fn(u64) -> u8| {
        for at in from.max(offset)..to.min(end) {
            piece[(at - offset) as usize] = byte(at);
        }
    };
    for blank in blanks {
        put(blank.name_at, blank.name_at + 4, &|at| b"free"[(at - blank.name_at) as usize]);
        put(blank.from, blank.to, &|_| 0);
    }
}
