//! See `scomo::fuzzing::descriptor` for what it enforces.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| scomo::fuzzing::descriptor(octets));
