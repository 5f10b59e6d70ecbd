//! XML, the text encoding.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

mod input;
mod reader;
mod writer;

pub(super) use self::{input::Input, reader::Reader, writer::Writer};

/// The namespace of the prefix `xml`, which is always bound.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations, to which nothing may be bound.
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";
