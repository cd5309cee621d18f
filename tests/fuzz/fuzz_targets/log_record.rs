//! Fuzzes log records and the walk through a batch of them. The invariants are in [`greenhub_fuzz::log_record`].
#![no_main]
// libFuzzer calls its target by an unmangled C name, which the lint counts as unsafe code; there is none of ours here.
#![allow(unsafe_code)]

use greenhub_fuzz::{log_record, plant};

libfuzzer_sys::fuzz_target!(init: plant(log_record::seeds()), |bytes: &[u8]| log_record::check(bytes));
