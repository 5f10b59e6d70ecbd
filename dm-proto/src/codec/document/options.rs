//! How documents are read and converted.

use super::DocumentType;
use crate::{Limits, codec::Mode};

/// The version in the first octet of a WBXML document.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WbxmlVersion {
    /// WBXML 1.1.
    V1_1,
    /// WBXML 1.2, which differs from 1.3 in nothing that these documents use.
    #[default]
    V1_2,
    /// WBXML 1.3.
    V1_3,
}

impl WbxmlVersion {
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::V1_1 => 1,
            Self::V1_2 => 2,
            Self::V1_3 => 3,
        }
    }
}

/// How a [`Document`](super::Document) is read.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentOptions {
    /// `message_size` limits the input, `depth` the nesting, and `memory` what the document takes, as
    /// for messages. Default: those of [`Limits::DEFAULT`], but a depth of 128, since in DDF and TNDS
    /// that is the depth of a tree.
    pub limits: Limits,
    /// The type of the document, which then counts more than what the document says. Needed for WBXML
    /// whose public identifier is "unknown"; [`DocumentType::detect`] guesses.
    pub document: Option<DocumentType>,
    /// What to do with what real devices get wrong.
    pub mode: Mode,
}

impl Default for DocumentOptions {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT.with_depth(128),
            document: None,
            mode: Mode::Lenient,
        }
    }
}

impl DocumentOptions {
    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same for a document of this type.
    #[must_use]
    pub fn with_document(mut self, document: DocumentType) -> Self {
        self.document = Some(document);
        self
    }

    /// The same, lenient or strict.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }
}

/// How a document is converted.
#[cfg(feature = "xml")]
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConvertOptions {
    /// `message_size` limits the input, `depth` the nesting, and `memory` what is written: references
    /// to one long entry of a string table cannot multiply beyond it. Converting takes at most twice
    /// `memory` at its peak.
    pub limits: Limits,
    /// The type of the document, which then counts more than what the document says. Needed for WBXML
    /// whose public identifier is "unknown"; [`DocumentType::detect`] guesses.
    pub document: Option<DocumentType>,
    /// What to do with what real devices get wrong. Default: read it, and list it.
    pub mode: Mode,
    /// XML: each element on a line of its own, for people. Text is not touched, and documents inside
    /// `Data` are not, which is text to most. Default: no.
    pub indent: bool,
    /// Whether documents inside the `Data` of SyncML (DevInf, TNDS) are converted too: opaque octets
    /// under a Type that ends in `+wbxml` to elements, and back. The Type follows. Otherwise octets
    /// become Base64, and elements stay elements. Default: yes.
    pub embedded: bool,
    /// WBXML: the version that is written.
    pub version: WbxmlVersion,
}

#[cfg(feature = "xml")]
impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            document: None,
            mode: Mode::Lenient,
            indent: false,
            embedded: true,
            version: WbxmlVersion::default(),
        }
    }
}

#[cfg(feature = "xml")]
impl ConvertOptions {
    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same for a document of this type.
    #[must_use]
    pub fn with_document(mut self, document: DocumentType) -> Self {
        self.document = Some(document);
        self
    }

    /// The same, lenient or strict.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same with or without indentation.
    #[must_use]
    pub fn with_indent(mut self, indent: bool) -> Self {
        self.indent = indent;
        self
    }

    /// The same with documents inside `Data` converted or not.
    #[must_use]
    pub fn with_embedded(mut self, embedded: bool) -> Self {
        self.embedded = embedded;
        self
    }

    /// The same with another version of WBXML.
    #[must_use]
    pub fn with_version(mut self, version: WbxmlVersion) -> Self {
        self.version = version;
        self
    }
}
