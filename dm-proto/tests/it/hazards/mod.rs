//! What has broken programs that read these encodings: each class of input, with its size.
//!
//! `!` in WBXML digits and `¦` in XML mark the offset that the error must name.

mod data;
mod wbxml;
mod xml;

use bytes::Bytes;
use dm_proto::{
    DecodeErrorKind, Limits,
    codec::{DecodeOptions, Decoded, Encoding, Tolerance, ToleranceKind, decode},
};

const MIB: usize = 1 << 20;

/// Lenient, and wide enough for inputs of this size.
fn wide(octets: &Bytes) -> DecodeOptions {
    DecodeOptions::lenient(
        Limits::DEFAULT
            .with_message_size(octets.len())
            .with_memory(16 << 20),
    )
}

fn read(encoding: Encoding, octets: &Bytes) -> Decoded {
    decode(encoding, octets, &wide(octets)).unwrap_or_else(|error| panic!("{error}"))
}

/// Why octets are refused in either mode, and where.
fn refusal(encoding: Encoding, octets: &Bytes) -> (usize, DecodeErrorKind) {
    let lenient = wide(octets);
    let strict = DecodeOptions::strict(lenient.limits.clone());
    decode(encoding, octets, &strict).expect_err("strict is no wider than lenient");
    match decode(encoding, octets, &lenient) {
        Ok(decoded) => panic!("accepted: {decoded:?}"),
        Err(error) => (error.offset(), error.kind().clone()),
    }
}

/// The tolerances used, but for the header's: in most documents here it is empty.
fn kinds(decoded: &Decoded) -> Vec<ToleranceKind> {
    let kind = |tolerance: &Tolerance| tolerance.kind.clone();
    let is_of_header = |kind: &ToleranceKind| matches!(kind, ToleranceKind::MissingElement { .. });
    let mut kinds: Vec<_> = decoded.tolerances.iter().map(kind).collect();
    kinds.retain(|kind| !is_of_header(kind));
    kinds
}
