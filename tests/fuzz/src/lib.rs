//! What no input may break: one module per decoder or parser, each with `check` (the invariants) and `seeds`.
//!
//! ```text
//! fuzz_targets/<name>.rs ──▶ <name>::check    libFuzzer's input, guided by coverage     scripts/fuzz.sh, `make fuzz`
//! tests below            ──▶ <name>::check    every seed, cut, flipped, joined          an ordinary test
//! ```
//!
//! A check asserts more than "no panic": what was decoded encodes to the same bytes, numbers are finite and in range,
//! two implementations agree. An input that breaks one becomes a seed here together with its fix.
//!
//! Seeds are made in code from the vectors of the decoders, so the repository holds no corpus. A target writes them at
//! its start into the directory that `GREENHUB_FUZZ_SEEDS` names, before libFuzzer reads its corpus.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod json_payload;
pub mod log_record;
pub mod mqtt_packet;
pub mod topic;

use std::path::PathBuf;

/// Writes the seeds into the directory that `GREENHUB_FUZZ_SEEDS` names; without it, does nothing.
///
/// # Panics
/// When the directory cannot be written: fuzzing without seeds would find much less and look the same.
pub fn plant(seeds: Vec<Vec<u8>>) {
    let Some(directory) = std::env::var_os("GREENHUB_FUZZ_SEEDS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).expect("make the directory of the seeds");
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(directory.join(format!("seed-{number:03}")), seed).expect("write a seed");
    }
}

#[cfg(test)]
mod tests {
    use super::{json_payload, log_record, mqtt_packet, topic};

    /// Every seed whole, cut at every length, with every byte changed in four ways, and joined with its neighbour.
    fn sweep(seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
        assert!(seeds.len() >= 5, "seeds are missing");
        for (seed, next) in seeds.iter().zip(seeds.iter().cycle().skip(1)) {
            check(seed);
            check(&[seed.as_slice(), next].concat());
            for at in 0..seed.len() {
                check(&seed[..at]);
                for change in [1, 0x20, 0x80, 0xFF] {
                    let mut changed = seed.clone();
                    changed[at] ^= change;
                    check(&changed);
                }
            }
        }
    }

    #[test]
    fn mqtt_packets_keep_their_promises() {
        sweep(&mqtt_packet::seeds(), mqtt_packet::check);
    }

    #[test]
    fn topics_keep_their_promises() {
        sweep(&topic::seeds(), topic::check);
    }

    #[test]
    fn json_payloads_keep_their_promises() {
        sweep(&json_payload::seeds(), json_payload::check);
    }

    #[test]
    fn log_records_keep_their_promises() {
        sweep(&log_record::seeds(), log_record::check);
    }
}
