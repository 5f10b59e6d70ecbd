//! [`Tolerance`]: what lenient reading passes over and strict reading refuses.

use core::fmt;

use crate::Text;

/// Something that broke the letter of the documents and was read all the same.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tolerance {
    /// Where, in octets.
    pub offset: usize,
    /// What it was.
    pub kind: ToleranceKind,
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.kind)
    }
}

/// A way to break the letter of the documents that real devices and servers use.
///
/// Strict mode refuses each with [`DecodeErrorKind::Strict`](crate::DecodeErrorKind::Strict).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ToleranceKind {
    /// A child stands after one that the DTD puts behind it.
    ElementOrder {
        /// The child.
        element: &'static str,
    },
    /// An element that may stand once stands again; the first one counts.
    DuplicateElement {
        /// The element.
        element: &'static str,
    },
    /// A required child is missing; its text reads as empty.
    MissingElement {
        /// The child.
        element: &'static str,
    },
    /// An element of SyncML stands where it does not belong; kept in `extra`.
    MisplacedElement {
        /// The element.
        element: &'static str,
    },
    /// An element that is not SyncML's; kept in `extra`.
    ForeignElement {
        /// Its local name.
        name: Text,
    },
    /// An attribute, of which SyncML has none; kept in `extra`.
    ForeignAttribute {
        /// Its local name.
        name: Text,
    },
    /// An element stands in an element that holds only text, or in one that is empty; dropped.
    ElementInText {
        /// The local name of the inner element.
        name: Text,
    },
    /// Text stands where only elements may; dropped.
    StrayText,
    /// White space surrounds a value that is neither `Data` nor a `Correlator`; trimmed.
    SurroundingSpace {
        /// The element.
        element: &'static str,
    },
    /// A MetInf element without its namespace.
    MissingMetInfNamespace {
        /// The element.
        element: &'static str,
    },
    /// The root has no namespace.
    MissingNamespace,
    /// A prefix that nothing declares. A name of SyncML counts without it; others have it for a
    /// namespace.
    UndeclaredPrefix {
        /// The prefix.
        prefix: Text,
    },
    /// The text of a `Target` or `Source` stands without `LocURI`.
    BareLocation,
    /// Elements stand in `Data` unescaped.
    RawMarkup,
    /// `Cmd` in `Results`, where Windows puts one; dropped.
    CmdInResults,
    /// Text was sent as opaque octets outside `Data`.
    OpaqueString {
        /// The element.
        element: &'static str,
    },
    /// Octets stand where Base64 should; read as their Base64.
    RawOctets {
        /// The element.
        element: &'static str,
    },
    /// The `Data` of a `Status` is missing or not a number; it reads as 400.
    StatusCode,
    /// A number is not one; it reads as absent.
    InvalidNumber {
        /// The element.
        element: &'static str,
    },
    /// Octets follow the root element; ignored.
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// XML: `]]>` stands in text outside a CDATA section; read as it is.
    SectionEnd,
    /// XML: UTF-16 without a byte order mark, and without `UTF-16LE` or `UTF-16BE` in the declaration.
    MissingByteOrderMark,
    /// XML: the declaration names an encoding that the octets are not in; they are read as what they are.
    DeclaredEncoding {
        /// What the declaration says.
        name: Text,
    },
    /// XML: a declaration that is not where the document begins, or is not of version 1; passed over but
    /// for its encoding.
    Declaration,
    /// Code page 1 was left active where an element of page 0 must follow.
    LeftoverPage,
    /// A token that the tables do not have.
    UnknownToken {
        /// Its code page.
        page: u8,
        /// The token.
        token: u8,
    },
    /// An extension token, of which SyncML has none; ignored.
    ExtensionToken {
        /// The token.
        token: u8,
    },
    /// Conversion: a document inside `Data` that cannot be read; it stays octets.
    UnreadableDocument {
        /// Why.
        reason: alloc::boxed::Box<crate::DecodeErrorKind>,
    },
    /// A WBXML version after 1.3, read as 1.3.
    UnknownVersion {
        /// The version octet.
        version: u8,
    },
}

impl fmt::Display for ToleranceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ElementOrder { element } => write!(f, "{element} stands too late"),
            Self::DuplicateElement { element } => write!(f, "a second {element}"),
            Self::MissingElement { element } => write!(f, "{element} is missing"),
            Self::MisplacedElement { element } => write!(f, "{element} does not belong here"),
            Self::ForeignElement { name } => write!(f, "unknown element {name:?}"),
            Self::ForeignAttribute { name } => write!(f, "unknown attribute {name:?}"),
            Self::ElementInText { name } => write!(f, "element {name:?} where only text may stand"),
            Self::StrayText => f.write_str("text where only elements may stand"),
            Self::SurroundingSpace { element } => write!(f, "white space around {element}"),
            Self::MissingMetInfNamespace { element } => {
                write!(f, "{element} without the namespace of MetInf")
            }
            Self::MissingNamespace => f.write_str("the root has no namespace"),
            Self::UndeclaredPrefix { prefix } => write!(f, "undeclared prefix {prefix:?}"),
            Self::BareLocation => f.write_str("an address without LocURI"),
            Self::RawMarkup => f.write_str("elements in Data that are not escaped"),
            Self::CmdInResults => f.write_str("Cmd in Results"),
            Self::OpaqueString { element } => write!(f, "{element} as opaque octets"),
            Self::RawOctets { element } => write!(f, "{element} in octets instead of Base64"),
            Self::StatusCode => f.write_str("a Status without a numeric code"),
            Self::InvalidNumber { element } => write!(f, "{element} is not a number"),
            Self::TrailingBytes { count } => write!(f, "{count} octets after the root element"),
            Self::SectionEnd => f.write_str("]]> outside a section"),
            Self::MissingByteOrderMark => f.write_str("utf-16 without a byte order mark"),
            Self::DeclaredEncoding { name } => {
                write!(f, "the octets are not in the declared encoding {name:?}")
            }
            Self::Declaration => {
                f.write_str("an xml declaration that is late or of another version")
            }
            Self::LeftoverPage => f.write_str("code page 1 is still active"),
            Self::UnknownToken { page, token } => {
                write!(f, "unknown token 0x{token:02X} on code page {page}")
            }
            Self::ExtensionToken { token } => write!(f, "extension token 0x{token:02X}"),
            Self::UnreadableDocument { reason } => {
                write!(f, "an unreadable document in Data: {reason}")
            }
            Self::UnknownVersion { version } => write!(f, "wbxml version octet 0x{version:02X}"),
        }
    }
}
