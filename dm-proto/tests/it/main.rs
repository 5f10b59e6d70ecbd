//! Integration tests of `dm-proto`: messages, their encodings, and sessions.

mod wbxml_vectors;
