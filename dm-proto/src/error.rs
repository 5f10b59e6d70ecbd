//! [`DecodeError`] and [`EncodeError`].

use alloc::{boxed::Box, string::String};
use core::fmt;

use crate::codec::{Encoding, ToleranceKind};

/// Why octets are not a SyncML message, and where.
///
/// `Display` reads `<codec> byte <offset> at <path>: <reason>`; the path is `/` outside the root.
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
    /// The message is larger than [`Limits::message_size`](crate::Limits::message_size).
    #[error("the message has {size} octets, the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Elements nest deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("elements nest deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The message needs more memory than [`Limits::memory`](crate::Limits::memory).
    #[error("the message needs more than {limit} octets of memory")]
    TooMuchMemory {
        /// The limit.
        limit: usize,
    },
    /// The crate was built without this encoding.
    #[error("this encoding is not compiled in")]
    EncodingNotBuilt,
    /// Strict mode refuses what lenient mode passes over.
    #[error("{0}")]
    Strict(ToleranceKind),

    /// The root is not `SyncML`.
    #[error("the root element is {root:?}, not \"SyncML\"")]
    NotSyncMl {
        /// Its local name; with its namespace in braces where that is what is wrong.
        root: String,
    },
    /// There is no root element where it must begin.
    #[error("no root element")]
    NoRoot,
    /// A `SyncML` element without a header says nothing about its sender.
    #[error("SyncHdr is missing")]
    MissingHeader,
    /// An end that ends nothing.
    #[error("an end without a start")]
    UnmatchedEnd,
    /// The octets are not text in the document's character set.
    #[error("the octets are not {charset} text")]
    InvalidText {
        /// The name of the character set.
        charset: &'static str,
    },
    /// A name that XML does not allow.
    #[error("{name:?} is not a name")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// A reference or entity to something that is not a character.
    #[error("0x{value:X} is not a character")]
    InvalidCharacter {
        /// The number.
        value: u32,
    },

    /// WBXML: a version octet of another major version.
    #[error("unsupported wbxml version octet 0x{version:02X}")]
    UnsupportedVersion {
        /// The octet.
        version: u8,
    },
    /// WBXML: the public identifier names another document type.
    #[error("public identifier 0x{id:X} is not that of SyncML")]
    OtherDocumentType {
        /// The identifier.
        id: u32,
    },
    /// Conversion: neither the document nor the caller says what type of document it is.
    #[error("the type of the document is not known")]
    UnknownDocument,
    /// Conversion: text or octets that XML has no form for, outside `Data`.
    #[error("text that xml cannot represent")]
    NotRepresentable,
    /// WBXML: a character set that is not read.
    #[error("unsupported character set {mib}")]
    UnsupportedCharset {
        /// Its MIBenum.
        mib: u32,
    },
    /// WBXML: a multi-octet integer of more than five octets or 32 bits.
    #[error("an integer of more than 32 bits")]
    InvalidInteger,
    /// WBXML: the declared length of the string table or of opaque octets passes the end of the input.
    #[error("a length of {length} octets where {left} are left")]
    LengthPastEnd {
        /// The declared length.
        length: u32,
        /// What is left.
        left: usize,
    },
    /// WBXML: an offset past the end of the string table.
    #[error("offset {offset} in a string table of {length} octets")]
    TableOffset {
        /// The offset.
        offset: u32,
        /// The length of the table.
        length: usize,
    },
    /// WBXML: a token that may not stand here.
    #[error("unexpected token 0x{token:02X}")]
    UnexpectedToken {
        /// The token.
        token: u8,
    },

    /// XML: broken markup.
    #[error("{reason}")]
    Syntax {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// XML: an end tag that does not match the start.
    #[error("</{found}> where </{expected}> must stand")]
    MismatchedEnd {
        /// The open element.
        expected: String,
        /// The end tag.
        found: String,
    },
    /// XML: an entity that is not predefined. None are ever declared: see
    /// [`InternalSubset`](Self::InternalSubset).
    #[error("undefined entity {name:?}")]
    UndefinedEntity {
        /// Its name.
        name: String,
    },
    /// XML: a document type declaration with an internal subset, which could define entities.
    #[error("a document type declaration with an internal subset")]
    InternalSubset,
    /// XML: the declaration names an encoding that is not read.
    #[error("unsupported encoding {name:?}")]
    UnsupportedEncoding {
        /// Its name.
        name: String,
    },
    /// XML: an element has an attribute twice.
    #[error("a second attribute {name:?}")]
    DuplicateAttribute {
        /// The attribute.
        name: String,
    },
    /// XML: a namespace declaration that Namespaces in XML forbids, or a very long one with references.
    #[error("an invalid namespace declaration")]
    InvalidNamespace,
    /// XML: an element with more attributes than are read.
    #[error("more than {limit} attributes")]
    TooManyAttributes {
        /// The limit.
        limit: usize,
    },
    /// XML: more namespace prefixes in scope than are kept.
    #[error("more than {limit} namespace prefixes in scope")]
    TooManyNamespaces {
        /// The limit.
        limit: usize,
    },
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

    /// The same with another offset.
    #[cfg(feature = "xml")]
    pub(crate) fn with_offset(mut self, offset: impl FnOnce(usize) -> usize) -> Self {
        self.0.offset = offset(self.0.offset);
        self
    }

    /// The encoding that was being read.
    pub fn encoding(&self) -> Encoding {
        self.0.encoding
    }

    /// The offset in octets at which it went wrong.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The element in which it went wrong, such as `SyncML/SyncBody/Exec/Item`; empty outside the root.
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
        let path = if path.is_empty() { "/" } else { path };
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
        /// The element that holds it, or the SyncML element around it.
        element: &'static str,
        /// The character.
        character: u32,
    },
    /// Opaque octets in a [`Fragment`](crate::Fragment) that are not text, which XML has no form for.
    #[error("{element} holds octets that are not text, which xml cannot represent")]
    OctetsNotRepresentable {
        /// The SyncML element around them.
        element: &'static str,
    },
    /// The name of a foreign element or attribute is not an XML name.
    #[error("{name:?} is not a name")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// XML: an element would have an attribute twice.
    #[error("a second attribute {name:?}")]
    DuplicateAttribute {
        /// The attribute.
        name: String,
    },
    /// XML: an element would have more attributes than readers take.
    #[error("more than {limit} attributes")]
    TooManyAttributes {
        /// The limit.
        limit: usize,
    },
    /// XML: attributes would need more namespace prefixes than readers take.
    #[error("more than {limit} namespace prefixes in scope")]
    TooManyNamespaces {
        /// The limit.
        limit: usize,
    },
    /// The starts and ends of a [`Fragment`](crate::Fragment) do not balance, or an attribute does not
    /// follow a start.
    #[error("the pieces of a fragment do not fit together")]
    MalformedFragment,
    /// The message is larger than an encoding can express: 4 GiB.
    #[error("the message is too large")]
    TooLarge,
    /// The crate was built without this encoding.
    #[error("this encoding is not compiled in")]
    EncodingNotBuilt,
}

/// The beginning of a name that a peer chose, for an error: the name itself may be as long as a message,
/// and errors go into logs.
pub(crate) fn excerpt(name: &str) -> String {
    const LONGEST: usize = 64;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => name
            .get(..end)
            .unwrap_or_default()
            .chars()
            .chain(['…'])
            .collect(),
        None => String::from(name),
    }
}
