//! JPEG (ITU-T T.81): markers with a length, then scans of entropy-coded data up to the next marker.

use super::Walked;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const COM: u8 = 0xfe;

pub(super) fn strip(bytes: &[u8]) -> Option<Walked> {
    if bytes.get(..2)? != [0xff, SOI] {
        return None;
    }
    let (mut copy, mut exif, mut seam, mut at) = (vec![0xff, SOI], None, 2, 2);
    let mut scanned = false;
    loop {
        let Some((marker, after)) = marker(bytes, at) else {
            // The end is missing: what was scanned can still be seen.
            copy.extend([0xff, EOI]);
            return scanned.then_some((copy, exif, seam));
        };
        if marker == EOI {
            copy.extend([0xff, EOI]);
            return scanned.then_some((copy, exif, seam));
        }
        let length = usize::from(u16::from_be_bytes(bytes.get(after..after + 2)?.try_into().ok()?));
        let body = bytes.get(after + 2..after.checked_add(length.max(2))?)?;
        if length < 2 {
            return None;
        }
        at = after + length;
        if let Some(block) = body.strip_prefix(b"Exif\0\0").filter(|_| marker == 0xe1 && exif.is_none()) {
            exif = Some(block.to_vec());
        }
        if !is_needed(marker, body) {
            continue;
        }
        copy.extend([0xff, marker]);
        copy.extend(&bytes[after..at]);
        if marker == 0xe0 {
            seam = copy.len();
        }
        if marker == SOS {
            let end = scan_end(bytes, at);
            copy.extend(&bytes[at..end]);
            (at, scanned) = (end, true);
        }
    }
}

/// JFIF, the colour profile and Adobe's colour transform are needed to look right; other application blocks are not.
fn is_needed(marker: u8, body: &[u8]) -> bool {
    match marker {
        0xe0 => body.starts_with(b"JFIF\0"),
        0xe2 => body.starts_with(b"ICC_PROFILE\0"),
        0xee => body.starts_with(b"Adobe"),
        0xe1..=0xef | COM => false,
        _ => true,
    }
}

/// The next marker and what follows it; any number of 0xff may stand before.
fn marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    if *bytes.get(at)? != 0xff {
        return None;
    }
    while *bytes.get(at)? == 0xff {
        at += 1;
    }
    Some((bytes[at], at + 1))
}

/// Where entropy-coded data ends: at a marker that is neither a stuffed zero nor a restart.
fn scan_end(bytes: &[u8], mut at: usize) -> usize {
    while at + 1 < bytes.len() {
        let next = bytes[at + 1];
        if bytes[at] == 0xff && next != 0 && next != 0xff && !(0xd0..=0xd7).contains(&next) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

pub(super) fn put_exif(copy: &mut Vec<u8>, seam: usize, block: &[u8]) {
    let mut segment = vec![0xff, 0xe1];
    segment.extend(((block.len() + 8) as u16).to_be_bytes());
    segment.extend(b"Exif\0\0");
    segment.extend(block);
    copy.splice(seam..seam, segment);
}
