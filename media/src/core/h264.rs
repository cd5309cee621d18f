//! H.264 access units (ITU-T H.264 Annex B): their NAL units, whether a decoder can begin there, and the picture's size.

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;

/// The NAL units of an access unit in byte stream format, without their start codes.
pub fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= annex_b.len() {
        if annex_b[at..at + 3] == [0, 0, 1] {
            starts.push(at + 3);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|start| start - 3).chain([annex_b.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| {
        let unit = &annex_b[start..end];
        let whole = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (whole > 0).then(|| &unit[..whole])
    })
}

/// Whether a decoder can begin with this access unit: it holds an IDR picture (clause 7.4.1.2.4).
pub fn is_key(annex_b: &[u8]) -> bool {
    nal_units(annex_b).any(|unit| unit[0] & 0x1f == NAL_IDR)
}

/// Width and height in pixels, where the access unit brings a sequence parameter set.
pub fn picture_size(annex_b: &[u8]) -> Option<(u32, u32)> {
    nal_units(annex_b).find(|unit| unit[0] & 0x1f == NAL_SPS).and_then(sps_size)
}

/// Width and height of a sequence parameter set (clause 7.3.2.1.1), cropping applied; none if it makes no sense.
pub fn sps_size(unit: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::of(unit.get(1..)?);
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.ue()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.ue()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.take(1)?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.take(1)?;
    let across = bits.ue()?.checked_add(1)?;
    let down = bits.ue()?.checked_add(1)?;
    let frames_only = bits.take(1)?;
    if frames_only == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let (mut width, mut height) = (across.checked_mul(16)?, down.checked_mul(16)?.checked_mul(2 - frames_only)?);
    if bits.take(1)? == 1 {
        let (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
        let (unit_x, unit_y) = match chroma {
            1 => (2, 2 * (2 - frames_only)),
            2 => (2, 2 - frames_only),
            _ => (1, 2 - frames_only),
        };
        width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
    }
    (width > 0 && height > 0 && width <= 16_384 && height <= 16_384).then_some((width, height))
}

fn skip_scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se()?) + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Bits of a raw byte sequence payload: emulation prevention bytes are left out (clause 7.4.1.1).
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn of(payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(payload.len());
        let mut zeros = 0;
        for byte in payload {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
        }
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Unsigned Exp-Golomb (clause 9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// Signed Exp-Golomb (clause 9.1.1).
    fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes bits as an encoder would.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn put(mut self, value: u32, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }
        fn ue(self, value: u32) -> Self {
            let length = 32 - (value + 1).leading_zeros();
            self.put(0, length - 1).put(value + 1, length)
        }
        fn unit(self, head: u8) -> Vec<u8> {
            let mut bits = self.put(1, 1).0;
            bits.resize(bits.len().div_ceil(8) * 8, false);
            let (mut unit, mut zeros) = (vec![head], 0);
            for byte in bits.chunks(8).map(|bits| bits.iter().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit))) {
                if byte <= 3 && zeros >= 2 {
                    unit.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                unit.push(byte);
            }
            unit
        }
    }

    fn baseline(across: u32, down: u32, crop_bottom: u32) -> Vec<u8> {
        let bits = Writer::default().put(66, 8).put(0, 8).put(31, 8).ue(0).ue(0).ue(2).ue(1).put(0, 1);
        let bits = bits.ue(across - 1).ue(down - 1).put(1, 1).put(1, 1);
        let bits = if crop_bottom > 0 { bits.put(1, 1).ue(0).ue(0).ue(0).ue(crop_bottom) } else { bits.put(0, 1) };
        bits.put(0, 1).unit(0x67)
    }

    #[test]
    fn sizes_are_read_with_their_cropping() {
        assert_eq!(sps_size(&baseline(80, 45, 0)), Some((1280, 720)));
        assert_eq!(sps_size(&baseline(120, 68, 4)), Some((1920, 1080)), "1088 lines, 8 of them cut off");
    }

    #[test]
    fn nonsense_has_no_size() {
        assert_eq!(sps_size(&[]), None);
        assert_eq!(sps_size(&[0x67]), None);
        assert_eq!(sps_size(&[0x67, 66, 0, 31, 0, 0, 0, 0]), None);
        assert_eq!(sps_size(&baseline(4000, 4000, 0)), None, "larger than any camera");
        for end in 1..9 {
            let _ = sps_size(&baseline(80, 45, 3)[..end]);
        }
    }

    #[test]
    fn access_units_fall_into_nal_units_by_either_start_code() {
        let unit =
            [&[0, 0, 0, 1][..], &baseline(80, 45, 0), &[0, 0, 1], &[0x68, 0xce], &[0, 0, 0, 1], &[0x65, 0x88, 0x80]];
        let bytes = unit.concat();
        let kinds: Vec<u8> = nal_units(&bytes).map(|unit| unit[0] & 0x1f).collect();
        assert_eq!(kinds, [7, 8, 5]);
        assert!(is_key(&bytes));
        assert_eq!(picture_size(&bytes), Some((1280, 720)));
        assert!(!is_key(&[0, 0, 1, 0x41, 0x9a]));
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0);
    }
}
