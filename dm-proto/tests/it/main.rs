//! Integration tests of `dm-proto`: messages, their encodings, and sessions.

mod session_auth;
mod session_bad_input;
mod session_execution;
mod session_faults;
mod session_flows;
mod session_packages;
mod session_properties;
mod session_support;
mod wbxml_vectors;
