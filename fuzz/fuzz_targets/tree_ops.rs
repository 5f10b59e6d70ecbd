//! See `dm_tree::fuzzing::tree_ops` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_tree::fuzzing::tree_ops(octets));
