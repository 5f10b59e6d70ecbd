//! See `dm_tree::fuzzing::ddf` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_tree::fuzzing::ddf(octets));
