//! Integration tests of `dm-proto`: messages, their encodings, and sessions.

mod session_flows;
mod session_support;
mod wbxml_vectors;
