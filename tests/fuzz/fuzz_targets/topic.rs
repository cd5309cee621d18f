//! Fuzzes topics, filters and how they match and cover each other. The invariants are in [`greenhub_fuzz::topic`].
#![no_main]
// libFuzzer calls its target by an unmangled C name, which the lint counts as unsafe code; there is none of ours here.
#![allow(unsafe_code)]

use greenhub_fuzz::{plant, topic};

libfuzzer_sys::fuzz_target!(init: plant(topic::seeds()), |bytes: &[u8]| topic::check(bytes));
