//! WebP (RFC 9649): a RIFF list of chunks, each padded to an even length; `VP8X` says what else there is.

use super::Walked;

const NEEDED: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;
/// Where the flags of `VP8X` lie: it comes first where there is one.
const FLAGS_AT: usize = 20;

pub(super) fn strip(bytes: &[u8]) -> Option<Walked> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    let end = 8 + u32::from_le_bytes(bytes[4..8].try_into().ok()?) as usize;
    let mut rest = bytes.get(12..end.min(bytes.len()))?;
    let (mut copy, mut exif, mut pictures) = (bytes[..12].to_vec(), None, 0);
    while rest.len() >= 8 {
        let name = &rest[..4];
        let length = u32::from_le_bytes(rest[4..8].try_into().ok()?) as usize;
        let data = rest.get(8..8_usize.checked_add(length)?)?;
        let padded = (8 + length + length % 2).min(rest.len());
        if name == b"EXIF" && exif.is_none() {
            // Some writers put the JPEG's marker before the block.
            exif = Some(data.strip_prefix(b"Exif\0\0").unwrap_or(data).to_vec());
        }
        if NEEDED.iter().any(|needed| *needed == name) {
            if name == b"VP8X" && (length < 10 || copy.len() != 12) {
                return None;
            }
            copy.extend(&rest[..8 + length]);
            copy.extend(vec![0; length % 2]);
            pictures += usize::from(matches!(name, b"VP8 " | b"VP8L" | b"ANMF"));
        }
        rest = &rest[padded..];
    }
    if copy.get(12..16) == Some(b"VP8X") {
        copy[FLAGS_AT] &= !(HAS_EXIF | HAS_XMP);
    }
    resize(&mut copy);
    let seam = copy.len();
    (pictures > 0).then_some((copy, exif, seam))
}

/// A simple file (no `VP8X`) never had an orientation, so it gets none.
pub(super) fn put_exif(copy: &mut Vec<u8>, _seam: usize, block: &[u8]) {
    if copy.get(12..16) != Some(b"VP8X") {
        return;
    }
    copy[FLAGS_AT] |= HAS_EXIF;
    copy.extend(b"EXIF");
    copy.extend((block.len() as u32).to_le_bytes());
    copy.extend(block);
    copy.extend(vec![0; block.len() % 2]);
    resize(copy);
}

fn resize(copy: &mut [u8]) {
    let size = (copy.len() - 8) as u32;
    copy[4..8].copy_from_slice(&size.to_le_bytes());
}
