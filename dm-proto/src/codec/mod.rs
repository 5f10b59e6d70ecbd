//! The two encodings of a message, XML and WBXML.
//!
//! ```text
//! octets ──► reader (xml | wbxml) ──► events ──► grammar ──► SyncMl
//! octets ◄── writer (xml | wbxml) ◄── events ◄── grammar ◄── SyncMl
//! ```
//!
//! The element table and the grammar are written once; the encodings differ below the events only.
//! [`decode`] reads whole messages, [`encode`] writes them, and [`MessageBuilder`] grows one within a
//! byte budget.
//!
//! ```
//! use bytes::Bytes;
//! use dm_proto::codec::{DecodeOptions, Encoding, decode, encode};
//!
//! let xml = Bytes::from_static(b"<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD>\
//!     <VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>\
//!     <Target><LocURI>https://dm.example.com</LocURI></Target>\
//!     <Source><LocURI>IMEI:1</LocURI></Source></SyncHdr><SyncBody><Final/></SyncBody></SyncML>");
//! let decoded = decode(Encoding::Xml, &xml, &DecodeOptions::default())?;
//! assert!(decoded.tolerances.is_empty());
//! let wbxml = encode(Encoding::Wbxml, &decoded.message)?;
//! assert!(wbxml.len() * 3 < xml.len());
//! assert_eq!(decode(Encoding::Wbxml, &wbxml, &DecodeOptions::default())?.message, decoded.message);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is read
//!
//! - WBXML 1.0 to 1.3, and later ones as 1.3; UTF-8, US-ASCII, ISO-8859-1; public identifiers by number
//!   or from the string table; all global tokens. Names without a token are literals: a namespace goes
//!   as a first attribute `xmlns`, that of an attribute as `{namespace}name`.
//! - XML 1.0 in UTF-8, in UTF-16 with or without a byte order mark, and in the US-ASCII or ISO-8859-1
//!   of its declaration, or of the transport ([`DecodeOptions::with_content_type`]), under any prefix; the
//!   namespaces of SyncML 1.0 to 1.2 and none mean the same. A document type declaration may name an
//!   external subset, which is never fetched; one with an internal subset is refused.
//!
//! # What is not
//!
//! Other document types (DevInf, DM DDF and TNDS, OMA Client Provisioning) have no model; in `Data`
//! they stay text, octets or markup (with the names of DM DDF where WBXML has code page 2). [`Document`]
//! reads and writes all of them as trees of elements, also those in `Data`; `wbxml_to_xml` and
//! `xml_to_wbxml`, with the feature `xml`, convert them between the encodings as a stream.
//! Character sets other than these are not read.

#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

mod builder;
mod ddf;
mod document;
mod event;
mod read;
mod tags;
mod tolerance;
mod wbxml;
mod words;
mod write;
#[cfg(feature = "xml")]
mod xml;

use alloc::{string::String, vec::Vec};
use core::fmt;

use base64::Engine as _;
use bytes::Bytes;

#[cfg(feature = "xml")]
pub use self::document::{ConvertOptions, Converted, wbxml_to_xml, xml_to_wbxml};
pub use self::{
    builder::{MessageBuilder, PushError},
    document::{
        Children, Document, DocumentBuilder, DocumentOptions, DocumentType, Element, WbxmlVersion,
    },
    tolerance::{Tolerance, ToleranceKind},
};
use crate::{
    DecodeError, DecodeErrorKind, EncodeError, Fragment, Limits,
    message::{SyncHdr, SyncMl},
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
        let both = [Self::Xml, Self::Wbxml];
        let named = |encoding: &Self| encoding.media_type() == content_type;
        both.into_iter().find(named).or_else(|| {
            let essence = content_type.split(';').next().unwrap_or_default().trim();
            both.into_iter()
                .find(|encoding| encoding.media_type().eq_ignore_ascii_case(essence))
        })
    }

    /// The encoding that octets seem to be in: WBXML begins with a version octet, XML with `<`, in two
    /// octets or one, or a byte order mark, perhaps after white space.
    pub fn detect(octets: &[u8]) -> Option<Self> {
        // No WBXML 1.0 begins like the last: there is no public identifier 0x3C.
        if let [0xEF, 0xBB, 0xBF, ..]
        | [0xFE, 0xFF, ..]
        | [0xFF, 0xFE, ..]
        | [0x00, b'<', 0x00, ..] = octets
        {
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
    /// XML: whether the transport says that it is ISO-8859-1, see
    /// [`with_content_type`](Self::with_content_type). Default: no.
    pub is_latin_1: bool,
}

impl DecodeOptions {
    /// Lenient, with these limits.
    pub fn lenient(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Strict, with these limits.
    pub fn strict(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Strict,
            ..Self::default()
        }
    }

    /// The same with the `charset` of a `Content-Type`, for XML.
    ///
    /// It counts where the message itself says nothing: no byte order mark, no encoding in its
    /// declaration, no UTF-16, and octets that are not UTF-8. Then ISO-8859-1 is read; of other
    /// character sets there is nothing to be said that the octets do not show. (RFC 7303, section 3,
    /// puts it before the declaration, but web servers are known to add it to whatever they send.)
    /// WBXML always says what it is.
    #[must_use]
    pub fn with_content_type(mut self, content_type: &str) -> Self {
        self.is_latin_1 = content_type
            .split(';')
            .skip(1)
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .is_some_and(|(_, value)| {
                let value = value.trim().trim_matches('"');
                value.eq_ignore_ascii_case("iso-8859-1") || value.eq_ignore_ascii_case("latin1")
            });
        self
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
    check_size(encoding, octets, options)?;
    match encoding {
        Encoding::Wbxml => read::document(wbxml_reader(octets, options)?, octets, options),
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let input = xml_input(octets, options)?;
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
        Encoding::Xml => Err(not_built()),
    }
}

/// Reads the header of a message, whatever follows it: for an answer to who sent a message that cannot be
/// read as a whole.
///
/// # Errors
///
/// As [`decode`], for what comes up to the end of the header.
pub fn decode_header(
    encoding: Encoding,
    octets: &Bytes,
    options: &DecodeOptions,
) -> Result<SyncHdr, DecodeError> {
    check_size(encoding, octets, options)?;
    match encoding {
        Encoding::Wbxml => read::header(wbxml_reader(octets, options)?, octets, options),
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let input = xml_input(octets, options)?;
            read::header(xml::Reader::new(&input), octets, options)
                .map_err(|error| error.with_offset(|offset| input.offsets().offset(offset)))
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => Err(not_built()),
    }
}

/// Reads a document element by element, whatever they are: for tools that show or convert what is no
/// message, or not one that [`decode`] takes. Tokens and names are known as far as the table has them.
///
/// # Errors
///
/// As [`decode`], but for what concerns the grammar.
pub fn decode_fragment(
    encoding: Encoding,
    octets: &Bytes,
    options: &DecodeOptions,
) -> Result<Fragment, DecodeError> {
    check_size(encoding, octets, options)?;
    match encoding {
        Encoding::Wbxml => read::fragment(wbxml_reader(octets, options)?, octets, options),
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let input = xml_input(octets, options)?;
            read::fragment(xml::Reader::new(&input), octets, options)
                .map_err(|error| error.with_offset(|offset| input.offsets().offset(offset)))
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => Err(not_built()),
    }
}

fn check_size(
    encoding: Encoding,
    octets: &Bytes,
    options: &DecodeOptions,
) -> Result<(), DecodeError> {
    let limit = options.limits.message_size;
    let size = octets.len();
    if size <= limit {
        return Ok(());
    }
    let kind = DecodeErrorKind::TooLarge { size, limit };
    Err(DecodeError::new(encoding, limit, String::new(), kind))
}

fn wbxml_reader<'i>(
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<wbxml::Reader<'i>, DecodeError> {
    wbxml::Reader::new(octets, options.limits.memory)
        .map_err(|fault| DecodeError::new(Encoding::Wbxml, fault.offset, String::new(), fault.kind))
}

#[cfg(feature = "xml")]
fn xml_input<'i>(
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<xml::Input<'i>, DecodeError> {
    xml::Input::told(octets, options.is_latin_1, options.limits.memory)
        .map_err(|fault| DecodeError::new(Encoding::Xml, fault.offset, String::new(), fault.kind))
}

#[cfg(not(feature = "xml"))]
fn not_built() -> DecodeError {
    DecodeError::new(
        Encoding::Xml,
        0,
        String::new(),
        DecodeErrorKind::EncodingNotBuilt,
    )
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
/// - text with U+0000 goes as opaque octets in WBXML, and in a [`Fragment`] comes
///   back as such;
/// - names in a [`Fragment`] come back with the namespace of SyncML 1.2 where they are
///   SyncML's.
///
/// # Errors
///
/// If the message holds what the encoding cannot represent.
pub fn encode(encoding: Encoding, message: &SyncMl) -> Result<Bytes, EncodeError> {
    encode_with(encoding, message, &EncodeOptions::default())
}

/// How to encode.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EncodeOptions {
    /// WBXML: whether a string that the message repeats goes into the string table, wherever that makes
    /// the message shorter. Off by default: it takes longer, and each use of such a string counts
    /// against the reader's budget of memory.
    pub string_table: bool,
}

impl EncodeOptions {
    /// The same with or without a string table.
    #[must_use]
    pub fn with_string_table(mut self, string_table: bool) -> Self {
        self.string_table = string_table;
        self
    }
}

/// Writes a message as [`encode`] does, with options. Deterministic as well.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_with(
    encoding: Encoding,
    message: &SyncMl,
    options: &EncodeOptions,
) -> Result<Bytes, EncodeError> {
    match encoding {
        Encoding::Wbxml => {
            let mut writer = wbxml::Writer::new(&message.header.ver_dtd);
            write::document(&mut writer, message).map_err(|error| *error)?;
            if options.string_table {
                writer.share_strings();
            }
            writer.finish().map(Bytes::from).map_err(|error| *error)
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let mut writer = xml::Writer::new(&message.header.ver_dtd);
            write::document(&mut writer, message).map_err(|error| *error)?;
            Ok(Bytes::from(writer.finish()))
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => Err(EncodeError::EncodingNotBuilt),
    }
}

/// Writes a document of one root element, as [`decode_fragment`] reads it; the namespace of SyncML is
/// that of 1.2.
///
/// # Errors
///
/// If the fragment is not one balanced element, or holds what the encoding cannot represent.
pub fn encode_fragment(encoding: Encoding, fragment: &Fragment) -> Result<Bytes, EncodeError> {
    match encoding {
        Encoding::Wbxml => {
            let mut writer = wbxml::Writer::new("1.2");
            write::fragment(&mut writer, fragment)
                .and_then(|()| writer.finish())
                .map(Bytes::from)
                .map_err(|error| *error)
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let mut writer = xml::Writer::new("1.2");
            write::fragment(&mut writer, fragment).map_err(|error| *error)?;
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
