//! The two encodings of a message.

mod builder;
mod event;
mod read;
mod tags;
mod tolerance;
mod wbxml;
mod write;
#[cfg(feature = "xml")]
mod xml;

use alloc::{string::String, vec::Vec};
use core::fmt;

use base64::Engine as _;
use bytes::Bytes;

pub use self::{
    builder::{MessageBuilder, PushError},
    tolerance::{Tolerance, ToleranceKind},
};
use crate::{DecodeError, DecodeErrorKind, EncodeError, Limits, message::SyncMl};

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

    /// The encoding that octets seem to be in: WBXML begins with a version octet, XML with `<` or a byte
    /// order mark, perhaps after white space.
    pub fn detect(octets: &[u8]) -> Option<Self> {
        if let [0xEF, 0xBB, 0xBF, ..] | [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] = octets {
            return Some(Self::Xml);
        }
        match (octets.trim_ascii_start().first(), octets.first()) {
            (Some(b'<'), _) => Some(Self::Xml),
            (_, Some(0x00..=0x0F)) => Some(Self::Wbxml),
            _ => None,
        }
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

/// Reads a message.
///
/// Base64 is not decoded: text that came with Format `b64` stays text, whatever the encoding, since
/// one chunk of a large object need not be decodable on its own. Opaque octets are
/// [`Data`](crate::Data) of octets where Format is `bin`, or Type ends in `wbxml`, or they are not
/// UTF-8; otherwise they are text.
///
/// A header without `SessionID` or `MsgID` is read, with that field empty, so that it can be answered
/// with 400; in strict mode it is refused.
///
/// # Errors
///
/// If the octets are not a SyncML message, exceed a limit, or (strict) break the letter.
pub fn decode(
    encoding: Encoding,
    octets: &Bytes,
    options: &DecodeOptions,
) -> Result<Decoded, DecodeError> {
    let limit = options.limits.message_size;
    let size = octets.len();
    if size > limit {
        let kind = DecodeErrorKind::TooLarge { size, limit };
        return Err(DecodeError::new(encoding, limit, String::new(), kind));
    }
    match encoding {
        Encoding::Wbxml => {
            let reader = wbxml::Reader::new(octets, options.limits.memory).map_err(|fault| {
                DecodeError::new(encoding, fault.offset, String::new(), fault.kind)
            })?;
            read::document(reader, octets, options)
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let input = xml::Input::new(octets).map_err(|fault| {
                DecodeError::new(encoding, fault.offset, String::new(), fault.kind)
            })?;
            let mut offsets = input.offsets();
            match read::document(xml::Reader::new(&input), octets, options) {
                Ok(mut decoded) => {
                    for tolerance in &mut decoded.tolerances {
                        tolerance.offset = offsets.offset(tolerance.offset);
                    }
                    Ok(decoded)
                }
                Err(error) => Err(error.with_offset(|offset| offsets.offset(offset))),
            }
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => {
            let kind = DecodeErrorKind::EncodingNotBuilt;
            Err(DecodeError::new(encoding, 0, String::new(), kind))
        }
    }
}

/// Writes a message. Deterministic: the same message gives the same octets.
///
/// Children stand in the DTD's order, foreign ones after them. Reading the octets gives the message
/// back, but for what has no form of its own:
///
/// - white space around anything but `Data` and `Correlator` is trimmed by the reader;
/// - in XML, octets and text that XML cannot hold go as Base64, with Format `b64` instead of the
///   item's own, and come back as that text;
/// - in WBXML, octets with Format `b64` go with Format `bin`, since Base64 is not what is sent; octets
///   that would be valid text come back as text unless Format or Type say otherwise;
/// - text with U+0000 goes as opaque octets in WBXML, and in a [`Fragment`](crate::Fragment) comes
///   back as such;
/// - names in a [`Fragment`](crate::Fragment) come back with the namespace of SyncML 1.2 where they are
///   SyncML's.
///
/// # Errors
///
/// If the message holds what the encoding cannot represent.
pub fn encode(encoding: Encoding, message: &SyncMl) -> Result<Bytes, EncodeError> {
    match encoding {
        Encoding::Wbxml => {
            let mut writer = wbxml::Writer::new(&message.header.ver_dtd);
            write::document(&mut writer, message)?;
            writer.finish().map(Bytes::from)
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let mut writer = xml::Writer::new(&message.header.ver_dtd);
            write::document(&mut writer, message)?;
            Ok(Bytes::from(writer.finish()))
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => Err(EncodeError::EncodingNotBuilt),
    }
}

/// Base64 as SyncML writes it: the standard alphabet, padded, on one line.
fn base64_of(octets: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(octets)
}
