//! Integration tests of `dm-proto`: messages, their encodings, and sessions.

mod round_trip;
mod strategy;
mod wbxml_vectors;
