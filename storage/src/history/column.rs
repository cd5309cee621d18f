//! One column of whole numbers in few bytes, before zstd sees it.
//!
//! ```text
//! first (zigzag varint) | order u8 | step (varint) | width u8 | plane 0 | … | plane width-1
//! ```
//!
//! Differences of the first or second order, whichever is smaller, divided by their greatest common divisor (a clock
//! that ticks in whole seconds, a heading in whole degrees), folded to unsigned, and written byte plane by byte plane:
//! the low bytes are noise, the high ones nearly all zero, and zstd is good at exactly that. A column of equal
//! differences takes its head only. Decoding trusts nothing.

/// A column that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ColumnError(pub &'static str);

/// Reads a chunk's bytes from front to back.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ColumnError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ColumnError("cut off"))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, ColumnError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn varint(&mut self) -> Result<u64, ColumnError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ColumnError("a number without an end"))
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unfold(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Writes a column. `scratch` is emptied and reused.
pub(super) fn put(out: &mut Vec<u8>, values: impl Iterator<Item = i64> + Clone, scratch: &mut Vec<i64>) {
    let mut rest = values.clone();
    let Some(first) = rest.next() else {
        return;
    };
    put_varint(out, fold(first));
    scratch.clear();
    let mut before = first;
    for value in rest {
        scratch.push(value.wrapping_sub(before));
        before = value;
    }
    let second_bits: u32 = bits_of(second_order(scratch));
    let order = if second_bits < bits_of(scratch.iter().copied()) { 2 } else { 1 };
    if order == 2 {
        let mut before = 0i64;
        for value in scratch.iter_mut() {
            let difference = value.wrapping_sub(before);
            before = *value;
            *value = difference;
        }
    }
    let step = scratch.iter().fold(0u64, |divisor, value| gcd(divisor, value.unsigned_abs())).max(1);
    let step = if i64::try_from(step).is_ok() { step } else { 1 };
    out.push(order);
    put_varint(out, step);
    let step = step as i64;
    if step > 1 {
        scratch.iter_mut().for_each(|value| *value /= step);
    }
    put_planes(out, scratch.iter().map(|value| fold(*value)));
}

/// Reads a column of `count` values.
pub(super) fn get(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), ColumnError> {
    out.clear();
    if count == 0 {
        return Ok(());
    }
    let first = unfold(reader.varint()?);
    let order = reader.byte()?;
    let step = reader.varint()? as i64;
    out.push(first);
    get_planes(reader, count - 1, |value| out.push(unfold(value).wrapping_mul(step)))?;
    let (mut value, mut difference) = (first, 0i64);
    match order {
        1 => {
            for slot in &mut out[1..] {
                value = value.wrapping_add(*slot);
                *slot = value;
            }
        }
        2 => {
            for slot in &mut out[1..] {
                difference = difference.wrapping_add(*slot);
                value = value.wrapping_add(difference);
                *slot = value;
            }
        }
        _ => return Err(ColumnError("neither first nor second differences")),
    }
    Ok(())
}

/// Writes unsigned numbers plane by plane, as many planes as the widest needs.
pub(super) fn put_planes(out: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone) {
    let all = values.clone().fold(0, |bits, value| bits | value);
    let width = (64 - all.leading_zeros()).div_ceil(8);
    out.push(width as u8);
    for plane in 0..width {
        out.extend(values.clone().map(|value| (value >> (8 * plane)) as u8));
    }
}

/// Reads `count` unsigned numbers.
pub(super) fn get_planes(reader: &mut Reader<'_>, count: usize, mut put: impl FnMut(u64)) -> Result<(), ColumnError> {
    let width = usize::from(reader.byte()?);
    if width > 8 {
        return Err(ColumnError("wider than a number"));
    }
    let planes = reader.take(width * count)?;
    for row in 0..count {
        let mut value = 0u64;
        for plane in 0..width {
            value |= u64::from(planes[plane * count + row]) << (8 * plane);
        }
        put(value);
    }
    Ok(())
}

fn second_order(differences: &[i64]) -> impl Iterator<Item = i64> + '_ {
    let before = std::iter::once(0).chain(differences.iter().copied());
    differences.iter().zip(before).map(|(now, before)| now.wrapping_sub(before))
}

fn bits_of(values: impl Iterator<Item = i64>) -> u32 {
    values.map(|value| 64 - fold(value).leading_zeros()).sum()
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod unit {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(values: &[i64]) -> usize {
        let (mut bytes, mut scratch, mut back) = (vec![], vec![], vec![]);
        put(&mut bytes, values.iter().copied(), &mut scratch);
        let mut reader = Reader::new(&bytes);
        get(&mut reader, values.len(), &mut back).expect("just written");
        assert!(reader.is_empty());
        assert_eq!(back, values);
        bytes.len()
    }

    #[test]
    fn a_steady_clock_takes_its_head_only() {
        let seconds: Vec<i64> = (0..300).map(|n| 1_763_899_200_123 + n * 1000).collect();
        assert!(there_and_back(&seconds) < 320);
        assert!(there_and_back(&[7; 300]) < 5);
    }

    proptest! {
        #[test]
        fn any_column_comes_back(values in proptest::collection::vec(any::<i64>(), 0..40)) {
            there_and_back(&values);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), count in 0usize..400) {
            let _any = get(&mut Reader::new(&bytes), count, &mut vec![]);
        }
    }
}
