//! Fuzzes what a stranger may say to the broker: packets of both protocol generations, CONNECT first. The invariants are in [`greenhub_fuzz::mqtt_packet`].
#![no_main]
// libFuzzer calls its target by an unmangled C name, which the lint counts as unsafe code; there is none of ours here.
#![allow(unsafe_code)]

use greenhub_fuzz::{mqtt_packet, plant};

libfuzzer_sys::fuzz_target!(init: plant(mqtt_packet::seeds()), |bytes: &[u8]| mqtt_packet::check(bytes));
