//! PNG (third edition): a signature, then chunks of length, name, data and CRC, the last named `IEND`.

use super::Walked;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const NEEDED: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"bKGD",
    b"hIST", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn strip(bytes: &[u8]) -> Option<Walked> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let (mut copy, mut exif, mut seam) = (SIGNATURE.to_vec(), None, 0);
    loop {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let whole = rest.get(..length.checked_add(12)?)?;
        let (name, data) = (&whole[4..8], &whole[8..8 + length]);
        if (seam == 0) != (name == b"IHDR") {
            return None;
        }
        if name == b"eXIf" && exif.is_none() {
            exif = Some(data.to_vec());
        }
        if NEEDED.iter().any(|needed| *needed == name) {
            copy.extend(whole);
        }
        if name == b"IHDR" {
            seam = copy.len();
        }
        if name == b"IEND" {
            return Some((copy, exif, seam));
        }
        rest = &rest[whole.len()..];
    }
}

pub(super) fn put_exif(copy: &mut Vec<u8>, seam: usize, block: &[u8]) {
    let mut chunk = (block.len() as u32).to_be_bytes().to_vec();
    chunk.extend(b"eXIf");
    chunk.extend(block);
    let crc = crc32(&chunk[4..]);
    chunk.extend(crc.to_be_bytes());
    copy.splice(seam..seam, chunk);
}

/// CRC-32 (IEEE), bit by bit: it runs over thirty bytes.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (0_u32.wrapping_sub(crc & 1)));
        }
    }
    !crc
}
