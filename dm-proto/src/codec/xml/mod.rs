//! XML, the text encoding.

mod input;
mod reader;
mod writer;

pub(super) use self::{input::Input, reader::Reader, writer::Writer};

/// The most prefixes declared in scope, on both ways: more than any real document has. Resolving a
/// name looks through them.
const MAX_PREFIXES: usize = 128;
/// The most attributes of an element, on both ways: more than any has. Looking for repetitions takes
/// memory for each.
const MAX_ATTRIBUTES: usize = 1024;
