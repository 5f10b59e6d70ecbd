//! See `dm_tree::fuzzing::tnds` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_tree::fuzzing::tnds(octets));
