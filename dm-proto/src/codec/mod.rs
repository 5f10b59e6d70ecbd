//! The two encodings of a message.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::{
    DecodeError, EncodeError, Limits,
    message::{Command, SyncHdr, SyncMl},
};

/// How a message is encoded.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Encoding {
    /// As XML text.
    Xml,
    /// As WBXML, the binary form.
    Wbxml,
}

impl Encoding {
    /// The media type of a DM message in this encoding.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xml => "application/vnd.syncml.dm+xml",
            Self::Wbxml => "application/vnd.syncml.dm+wbxml",
        }
    }

    /// The encoding that a `Content-Type` names; parameters are ignored, letters compare without case.
    pub fn from_media_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Xml, Self::Wbxml]
            .into_iter()
            .find(|encoding| encoding.media_type().eq_ignore_ascii_case(essence))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xml => "xml",
            Self::Wbxml => "wbxml",
        })
    }
}

/// Whether input that breaks the letter of the documents, as real devices do, is read or refused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Mode {
    /// Read it, and list the tolerances used.
    #[default]
    Lenient,
    /// Refuse it.
    Strict,
}

/// How to decode.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DecodeOptions {
    /// Caps on what the peer controls.
    pub limits: Limits,
    /// What to do with what real devices get wrong.
    pub mode: Mode,
}

impl DecodeOptions {
    /// Lenient, with these limits.
    pub fn lenient(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Lenient,
        }
    }

    /// Strict, with these limits.
    pub fn strict(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Strict,
        }
    }
}

/// A message that was read.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// The message.
    pub message: SyncMl,
    /// What in it broke the letter of the documents; empty in strict mode.
    pub tolerances: Vec<Tolerance>,
}

/// Something that broke the letter of the documents and was read all the same.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tolerance {
    /// Where, in octets.
    pub offset: usize,
}

/// Reads a message.
///
/// # Errors
///
/// If the octets are not a SyncML message, exceed a limit, or (strict) break the letter.
pub fn decode(
    encoding: Encoding,
    octets: &Bytes,
    options: &DecodeOptions,
) -> Result<Decoded, DecodeError> {
    let _ = (encoding, octets, options);
    todo!()
}

/// Writes a message. Deterministic: the same message gives the same octets.
///
/// # Errors
///
/// If the message holds what the encoding cannot represent.
pub fn encode(encoding: Encoding, message: &SyncMl) -> Result<Bytes, EncodeError> {
    let _ = (encoding, message);
    todo!()
}

/// Grows a message command by command within a byte budget. A command that does not fit leaves the
/// message exactly as it was.
#[derive(Debug)]
pub struct MessageBuilder {
    _todo: (),
}

/// Why a command was not added to a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum PushError {
    /// It does not fit into what is left of the budget.
    #[error("the command needs {needed} octets, {room} are left")]
    Full {
        /// What the command takes.
        needed: usize,
        /// What is left.
        room: usize,
    },
    /// It cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl MessageBuilder {
    /// Begins a message of at most `budget` octets, which must hold the header and the end.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn new(encoding: Encoding, header: &SyncHdr, budget: usize) -> Result<Self, PushError> {
        let _ = (encoding, header, budget);
        todo!()
    }

    /// Adds a command.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] if it does not fit, [`PushError::Encode`] if it has no encoded form; the
    /// message is as before.
    pub fn push(&mut self, command: &Command) -> Result<(), PushError> {
        let _ = command;
        todo!()
    }

    /// The octets left for commands, with those for `Final` and the end already set aside.
    pub fn room(&self) -> usize {
        todo!()
    }

    /// Ends the message.
    pub fn finish(self, is_final: bool) -> Bytes {
        let _ = is_final;
        todo!()
    }
}
