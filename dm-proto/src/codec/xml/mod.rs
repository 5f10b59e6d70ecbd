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
