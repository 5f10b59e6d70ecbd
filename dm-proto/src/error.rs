//! [`DecodeError`] and [`EncodeError`].

use alloc::{boxed::Box, string::String};
use core::fmt;

use crate::codec::Encoding;

/// Why octets are not a SyncML message, and where.
///
/// `Display` reads `<codec> byte <offset> at <path>: <reason>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Inner {
    encoding: Encoding,
    offset: usize,
    path: String,
    kind: DecodeErrorKind,
}

/// What was wrong.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The input ends inside something.
    #[error("unexpected end of input")]
    UnexpectedEnd,
    // The codec adds a variant for each way to be wrong.
}

impl DecodeError {
    /// A new error.
    pub(crate) fn new(
        encoding: Encoding,
        offset: usize,
        path: String,
        kind: DecodeErrorKind,
    ) -> Self {
        Self(Box::new(Inner {
            encoding,
            offset,
            path,
            kind,
        }))
    }

    /// The encoding that was being read.
    pub fn encoding(&self) -> Encoding {
        self.0.encoding
    }

    /// The offset in octets at which it went wrong.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The element in which it went wrong, such as `SyncML/SyncBody/Exec/Item`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What was wrong.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            encoding,
            offset,
            path,
            kind,
        } = &*self.0;
        write!(f, "{encoding} byte {offset} at {path}: {kind}")
    }
}

impl core::error::Error for DecodeError {}

/// Why a message cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// The message has text that XML has no form for, such as U+0001.
    #[error("{element} holds U+{character:04X}, which xml cannot represent")]
    NotRepresentable {
        /// The element that holds it.
        element: &'static str,
        /// The character.
        character: u32,
    },
}
