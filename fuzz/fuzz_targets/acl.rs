//! See `dm_tree::fuzzing::acl` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_tree::fuzzing::acl(octets));
