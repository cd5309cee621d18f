//! Bytes on disk: the segment header and the frame around a batch. Pure.
//!
//! ```text
//! segment = header (in the first 4,096 bytes) | frames, each starting at a multiple of 8
//! header  = "GHLOGSEG" | version u32 | crc32c u32 | log id u64 | index u64 | first batch u64 | first position u64
//!           | last received µs i64 | accepted messages per channel 6 × u64
//! frame   = length of records u32 | crc32c of records u32 | batch number u64 | first position u64 | received µs i64
//!           | count u32 | crc32c of the head u32 | "GHB1" | 0 u32 | records        (little endian)
//! ```
//!
//! Both checksums start from a salt made of log id and segment index: a frame of another log or of a recycled segment's
//! earlier life does not pass, and a sender who writes a frame into a payload does not know the salt. The head has one
//! of its own so that looking for frames in arbitrary bytes never follows an invented length.

use greenhub_model::{Channel, Position, ReceivedTime};

pub(super) const CHANNELS: usize = Channel::ALL.len();
/// Where the first frame of a segment starts.
pub(super) const SEGMENT_HEAD: u64 = 4096;
/// Bytes of a frame before its records.
pub(super) const FRAME_HEAD: usize = 48;
/// Frames start at multiples of this.
pub(super) const FRAME_ALIGN: u64 = 8;
const FRAME_MAGIC: [u8; 4] = *b"GHB1";
const SEGMENT_MAGIC: [u8; 8] = *b"GHLOGSEG";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56 + 8 * CHANNELS;

/// First of its segment: what must be known without reading all that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub log_id: u64,
    pub index: u64,
    pub first_batch: u64,
    pub first_position: u64,
    pub last_received: ReceivedTime,
    pub accepted: [u64; CHANNELS],
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were sliced"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0u8; HEADER_BYTES];
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let words = [self.log_id, self.index, self.first_batch, self.first_position, self.last_received.0 as u64];
        for (n, word) in words.iter().chain(&self.accepted).enumerate() {
            out[16 + 8 * n..24 + 8 * n].copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the start of `bytes`, if there is a whole one of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut head: [u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let crc = u32_at(&head, 12);
        head[12..16].fill(0);
        if head[..8] != SEGMENT_MAGIC || u32_at(&head, 8) != VERSION || crc32c::crc32c(&head) != crc {
            return None;
        }
        let mut accepted = [0; CHANNELS];
        for (n, count) in accepted.iter_mut().enumerate() {
            *count = u64_at(&head, 56 + 8 * n);
        }
        Some(Self {
            log_id: u64_at(&head, 16),
            index: u64_at(&head, 24),
            first_batch: u64_at(&head, 32),
            first_position: u64_at(&head, 40),
            last_received: ReceivedTime(u64_at(&head, 48) as i64),
            accepted,
        })
    }

    pub(super) fn salt(&self) -> u32 {
        salt(self.log_id, self.index)
    }
}

/// What the checksums of one segment's one life start from.
pub(super) fn salt(log_id: u64, index: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&log_id.to_le_bytes()), &index.to_le_bytes())
}

/// Everything about a batch but its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub bytes: u32,
    pub crc: u32,
    pub number: u64,
    pub first: Position,
    pub received: ReceivedTime,
    pub count: u32,
}

impl FrameHead {
    /// Builds the head for `records`.
    pub(super) fn seal(
        salt: u32,
        number: u64,
        first: Position,
        received: ReceivedTime,
        count: u32,
        records: &[u8],
    ) -> Self {
        let bytes = u32::try_from(records.len()).expect("a batch is bounded by the buffer, far below 4 GiB");
        Self { bytes, crc: crc32c::crc32c_append(salt, records), number, first, received, count }
    }

    pub(super) fn encode(&self, salt: u32) -> [u8; FRAME_HEAD] {
        let mut out = [0u8; FRAME_HEAD];
        out[..4].copy_from_slice(&self.bytes.to_le_bytes());
        out[4..8].copy_from_slice(&self.crc.to_le_bytes());
        out[8..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.received.0.to_le_bytes());
        out[32..36].copy_from_slice(&self.count.to_le_bytes());
        out[40..44].copy_from_slice(&FRAME_MAGIC);
        let crc = crc32c::crc32c_append(salt, &out);
        out[36..40].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The head at the start of `bytes`, if it is one of this segment's life.
    pub(super) fn decode(salt: u32, bytes: &[u8]) -> Option<Self> {
        let mut head: [u8; FRAME_HEAD] = bytes.get(..FRAME_HEAD)?.try_into().ok()?;
        if head[40..44] != FRAME_MAGIC {
            return None;
        }
        let crc = u32_at(&head, 36);
        head[36..40].fill(0);
        (crc32c::crc32c_append(salt, &head) == crc).then(|| Self {
            bytes: u32_at(&head, 0),
            crc: u32_at(&head, 4),
            number: u64_at(&head, 8),
            first: Position(u64_at(&head, 16)),
            received: ReceivedTime(u64_at(&head, 24) as i64),
            count: u32_at(&head, 32),
        })
    }

    /// True when the records are as they were sealed.
    pub(super) fn holds(&self, salt: u32, records: &[u8]) -> bool {
        records.len() == self.bytes as usize && crc32c::crc32c_append(salt, records) == self.crc
    }

    /// Offset of the frame after this one, when this one starts at `at`.
    pub(super) fn next(&self, at: u64) -> u64 {
        (at + FRAME_HEAD as u64 + u64::from(self.bytes)).next_multiple_of(FRAME_ALIGN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> SegmentHeader {
        let accepted = [1, 2, 3, 4, 5, 6];
        SegmentHeader {
            log_id: 7,
            index: 8,
            first_batch: 9,
            first_position: 10,
            last_received: ReceivedTime(-11),
            accepted,
        }
    }

    #[test]
    fn a_segment_header_comes_back_and_every_flipped_bit_is_seen() {
        let bytes = header().encode();
        assert!(bytes.len() < 512, "one sector, so that it is never torn");
        assert_eq!(SegmentHeader::decode(&bytes), Some(header()));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bad), None, "bit {bit}");
        }
        assert_eq!(SegmentHeader::decode(&[0; 4096]), None);
    }

    proptest! {
        #[test]
        fn a_frame_holds_only_as_sealed(records in proptest::collection::vec(any::<u8>(), 1..80), bit: usize) {
            let head = FrameHead::seal(5, 1, Position(2), ReceivedTime(3), 4, &records);
            let bytes = [&head.encode(5)[..], &records].concat();
            let check = |bytes: &[u8], salt| {
                FrameHead::decode(salt, bytes).is_some_and(|head| head.holds(salt, &bytes[FRAME_HEAD..]))
            };
            prop_assert!(check(&bytes, 5));
            prop_assert!(!check(&bytes, salt(7, 8)));
            let mut bad = bytes.clone();
            let bit = bit % (bytes.len() * 8);
            bad[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!check(&bad, 5));
        }

        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _anything = (FrameHead::decode(0, &bytes), SegmentHeader::decode(&bytes));
        }
    }
}
