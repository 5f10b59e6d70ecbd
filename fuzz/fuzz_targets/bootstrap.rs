//! See `dm_proto::fuzzing::bootstrap` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dm_proto::fuzzing::bootstrap(octets));
