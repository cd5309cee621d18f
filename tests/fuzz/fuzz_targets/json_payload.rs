//! Fuzzes the JSON payloads of the four message kinds. The invariants are in [`greenhub_fuzz::json_payload`].
#![no_main]
// libFuzzer calls its target by an unmangled C name, which the lint counts as unsafe code; there is none of ours here.
#![allow(unsafe_code)]

use greenhub_fuzz::{json_payload, plant};

libfuzzer_sys::fuzz_target!(init: plant(json_payload::seeds()), |bytes: &[u8]| json_payload::check(bytes));
