//! Integration tests of `dm-proto`: messages, their encodings, and sessions.

mod bad_input;
mod conformance;
mod conformance_gaps;
mod differential;
mod document_hazards;
mod document_properties;
mod document_trees;
mod document_vectors;
mod documents;
mod fidelity;
mod hazards;
mod libwbxml;
mod reading;
mod regressions;
mod round_trip;
mod session_alerts;
mod session_auth;
mod session_bad_input;
mod session_execution;
mod session_faults;
mod session_field;
mod session_flows;
mod session_hmac;
mod session_objects;
mod session_objects_bad_input;
mod session_once;
mod session_packages;
mod session_profiles;
mod session_properties;
mod session_reports;
mod session_resync;
mod session_saved;
mod session_support;
mod session_unsupported;
mod session_versions;
mod session_windows;
mod strategy;
mod string_table;
mod tolerance;
mod tolerance_spaces;
mod tolerance_wbxml;
mod tolerance_xml;
mod tools;
mod transcripts;
mod tshark;
mod vectors;
mod wbxml_vectors;
mod writing;

use bytes::Bytes;

/// Octets in hexadecimal digits; anything else between them is passed over.
fn hex(digits: &str) -> Bytes {
    let digits: Vec<u32> = digits
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits"))
        .collect::<Vec<u8>>()
        .into()
}
