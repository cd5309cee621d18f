//! The chain that makes a recording evidence: each fragment's hash covers the one before, what it shows, and its bytes.
//!
//! ```text
//! h₀ = SHA-256("greenhub recording" ‖ unit ‖ file)      hₙ = SHA-256(hₙ₋₁ ‖ begin ‖ end ‖ length ‖ bytes)
//! ```
//!
//! A changed byte, a fragment that is missing, moved or made longer breaks every hash from there on. The signature over
//! hₙ is the hub's (Ed25519, RFC 8032): without its key nobody can write another chain that fits.

use ring::digest::{Context, SHA256};

/// A hash of the chain.
pub type Link = [u8; 32];

/// The beginning of a file's chain.
pub fn begin(unit: &str, file: &str) -> Link {
    let mut context = Context::new(&SHA256);
    for part in ["greenhub recording", unit, file] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    link(context)
}

/// The hash after a fragment that shows `begin` to `end` (Unix ms).
pub fn next(before: &Link, begin: i64, end: i64, bytes: &[u8]) -> Link {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&begin.to_be_bytes());
    context.update(&end.to_be_bytes());
    context.update(&(bytes.len() as u64).to_be_bytes());
    context.update(bytes);
    link(context)
}

fn link(context: Context) -> Link {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::{begin, next};

    #[test]
    fn every_part_of_a_fragment_counts() {
        let first = begin("P-1", "a.mp4");
        let base = next(&first, 1, 2, b"bytes");
        assert_ne!(base, next(&first, 1, 2, b"bytez"));
        assert_ne!(base, next(&first, 1, 3, b"bytes"));
        assert_ne!(base, next(&first, 0, 2, b"bytes"));
        assert_ne!(base, next(&begin("P-2", "a.mp4"), 1, 2, b"bytes"));
        assert_ne!(begin("P-1", "a.mp4"), begin("P-1a", ".mp4"), "parts do not run into each other");
    }
}
