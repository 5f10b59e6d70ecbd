//! See `dm_tree::fuzzing::uri` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_tree::fuzzing::uri(octets));
