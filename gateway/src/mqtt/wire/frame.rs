//! Cuts a byte stream into MQTT control packets: one byte of type and flags, a length of 1 to 4 bytes, the body.
//!
//! A frame is a borrowed slice; nothing is allocated or reserved from an announced length. The bound counts the whole
//! packet, its header included, as the Maximum Packet Size of MQTT 5.0 does.

use super::reason::{Reason, Refused};

/// One complete packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Packet type (high nibble) and flags (low nibble).
    pub first: u8,
    /// Everything after the length.
    pub body: &'a [u8],
    /// The whole packet.
    pub whole: &'a [u8],
}

/// The packet at the start of `bytes`, `None` while it is incomplete, an error when it can never be one.
pub fn cut(bytes: &[u8], packet_bytes_max: u32) -> Result<Option<Frame<'_>>, Refused> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let mut length = 0u32;
    for index in 0..4 {
        let Some(&byte) = bytes.get(1 + index) else { return Ok(None) };
        length |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let head = 2 + index;
            let len = head + length as usize;
            if len > packet_bytes_max as usize {
                return Err(Refused::new(Reason::PACKET_TOO_LARGE, "packet larger than the maximum packet size"));
            }
            return Ok(bytes.get(..len).map(|whole| Frame { first, body: &whole[head..], whole }));
        }
    }
    Err(Refused::malformed("remaining length longer than four bytes"))
}

/// Writes a remaining length (or any variable byte integer below 2^28).
pub fn put_length(mut length: u32, out: &mut Vec<u8>) {
    debug_assert!(length < 1 << 28, "callers bound what they encode by the maximum packet size");
    loop {
        let byte = (length & 0x7F) as u8;
        length >>= 7;
        if length == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Bytes that [`put_length`] writes.
pub fn length_len(length: usize) -> usize {
    match length {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// Reads a variable byte integer and returns it with the rest.
pub fn take_length(bytes: &[u8]) -> Result<(u32, &[u8]), Refused> {
    let mut length = 0u32;
    for index in 0..4 {
        let Some(&byte) = bytes.get(index) else { return Err(Refused::malformed("variable integer cut off")) };
        length |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((length, &bytes[index + 1..]));
        }
    }
    Err(Refused::malformed("variable integer longer than four bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_at_every_split() {
        let mut bytes = vec![0x30];
        put_length(200, &mut bytes);
        bytes.extend_from_slice(&[7; 200]);
        bytes.push(0xC0);
        for end in 0..203 {
            assert_eq!(cut(&bytes[..end], 1000), Ok(None), "{end} bytes");
        }
        let frame = cut(&bytes, 1000).expect("valid").expect("complete");
        assert_eq!((frame.first, frame.body.len(), frame.whole.len()), (0x30, 200, 203));
    }

    #[test]
    fn lengths_come_back_and_too_long_ones_do_not() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, (1 << 28) - 1] {
            let mut bytes = vec![];
            put_length(length, &mut bytes);
            assert_eq!(bytes.len(), length_len(length as usize));
            assert_eq!(take_length(&bytes), Ok((length, &[][..])));
            assert!(take_length(&bytes[..bytes.len() - 1]).is_err());
        }
        let endless = [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
        assert_eq!(cut(&endless, u32::MAX).map_err(|e| e.reason), Err(Reason::MALFORMED));
        assert_eq!(take_length(&endless[1..]).map_err(|e| e.reason), Err(Reason::MALFORMED));
    }

    #[test]
    fn the_bound_counts_the_whole_packet_before_it_is_there() {
        assert_eq!(cut(&[0x30, 0x08], 10), Ok(None));
        assert_eq!(cut(&[0x30, 0x09], 10).map_err(|e| e.reason), Err(Reason::PACKET_TOO_LARGE));
    }
}
