//! Types of documents, and their conversion between the encodings without the model.

#[cfg(feature = "xml")]
mod convert;
mod embedded;
mod options;
mod read;
mod read_tree;
mod tables;
#[cfg(feature = "xml")]
mod to_wbxml;
#[cfg(feature = "xml")]
mod to_xml;
mod tree;
mod write;
mod write_tree;
#[cfg(feature = "xml")]
mod write_tree_xml;
#[cfg(feature = "xml")]
mod xml;

use alloc::{borrow::Cow, string::String};
use core::fmt;

use self::tables::{AttributeRow, Local, Row};
#[cfg(feature = "xml")]
pub use self::{
    convert::{Converted, wbxml_to_xml, xml_to_wbxml},
    options::ConvertOptions,
};
pub use self::{
    options::{DocumentOptions, WbxmlVersion},
    tree::{Children, Document, DocumentBuilder, Element},
};
use super::{
    Encoding,
    ddf::{NAMESPACE as DM_DDF, PAGE as PAGE_DM_DDF},
    tags::{self, Element as SyncMlElement},
};
use crate::{DecodeError, DecodeErrorKind, Limits};

/// A type of document that WBXML has token tables for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DocumentType {
    /// SyncML 1.0 to 1.2 with MetInf; DM DDF as code page 2 is read inside it.
    SyncMl,
    /// Meta information, 1.0 to 1.2, as a document of its own.
    MetInf,
    /// Device information of data synchronization, 1.0 to 1.2.
    DevInf,
    /// A device description (DDF) or serialized tree (TNDS).
    DmDdf,
    /// OMA Client Provisioning.
    Provisioning,
}

/// The namespace of DevInf, all versions.
const DEV_INF: &str = "syncml:devinf";
/// The public identifier of DM DDF, which has no number.
const DM_DDF_FPI: &str = "-//OMA//DTD-DM-DDF 1.2//EN";

/// The public identifiers: number, text without its version, type, version.
const PUBLIC_IDS: &[(u32, &str, DocumentType, Version)] = &[
    (
        0x0B,
        "-//WAPFORUM//DTD PROV 1.0//EN",
        DocumentType::Provisioning,
        Version::V1_0,
    ),
    (
        0x0FD1,
        "-//SYNCML//DTD SyncML 1.0//EN",
        DocumentType::SyncMl,
        Version::V1_0,
    ),
    (
        0x0FD2,
        "-//SYNCML//DTD DevInf 1.0//EN",
        DocumentType::DevInf,
        Version::V1_0,
    ),
    (
        0x0FD3,
        "-//SYNCML//DTD SyncML 1.1//EN",
        DocumentType::SyncMl,
        Version::V1_1,
    ),
    (
        0x0FD4,
        "-//SYNCML//DTD DevInf 1.1//EN",
        DocumentType::DevInf,
        Version::V1_1,
    ),
    (
        0x1201,
        "-//SYNCML//DTD SyncML 1.2//EN",
        DocumentType::SyncMl,
        Version::V1_2,
    ),
    (
        0x1202,
        "-//SYNCML//DTD MetInf 1.2//EN",
        DocumentType::MetInf,
        Version::V1_2,
    ),
    (
        0x1203,
        "-//SYNCML//DTD DevInf 1.2//EN",
        DocumentType::DevInf,
        Version::V1_2,
    ),
    (
        0,
        "-//SYNCML//DTD MetInf 1.0//EN",
        DocumentType::MetInf,
        Version::V1_0,
    ),
    (
        0,
        "-//SYNCML//DTD MetInf 1.1//EN",
        DocumentType::MetInf,
        Version::V1_1,
    ),
    (
        0,
        "-//SYNCML//DTD MetaInf 1.2//EN",
        DocumentType::MetInf,
        Version::V1_2,
    ),
    (
        0,
        "-//OMA//DTD SYNCML-METINF 1.2//EN",
        DocumentType::MetInf,
        Version::V1_2,
    ),
    (0, DM_DDF_FPI, DocumentType::DmDdf, Version::V1_2),
    // As the document type definitions of OMA spell them.
    (
        0,
        "-//OMA//DTD SYNCML 1.1//EN",
        DocumentType::SyncMl,
        Version::V1_1,
    ),
    (
        0,
        "-//OMA//DTD SYNCML 1.2//EN",
        DocumentType::SyncMl,
        Version::V1_2,
    ),
];

/// A version of a document type, as far as it changes names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    V1_0,
    V1_1,
    V1_2,
}

impl DocumentType {
    /// Every type.
    pub const ALL: &[Self] = &[
        Self::SyncMl,
        Self::MetInf,
        Self::DevInf,
        Self::DmDdf,
        Self::Provisioning,
    ];

    /// The local name of the root element.
    pub const fn root(self) -> &'static str {
        match self {
            Self::SyncMl => "SyncML",
            Self::MetInf => "MetInf",
            Self::DevInf => "DevInf",
            Self::DmDdf => "MgmtTree",
            Self::Provisioning => "wap-provisioningdoc",
        }
    }

    /// The namespace of the root element in the newest version; empty where there is none.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::SyncMl => tags::SYNCML_1_2,
            Self::MetInf => tags::METINF,
            Self::DevInf => DEV_INF,
            Self::DmDdf => DM_DDF,
            Self::Provisioning => "",
        }
    }

    /// The media types in XML and in WBXML. Those of SyncML are the ones of device management, those
    /// of DM DDF are the ones of TNDS; MetInf has none of its own and those of plain XML and WBXML.
    pub const fn media_types(self) -> (&'static str, &'static str) {
        match self {
            Self::SyncMl => (
                "application/vnd.syncml.dm+xml",
                "application/vnd.syncml.dm+wbxml",
            ),
            Self::MetInf => ("application/xml", "application/vnd.wap.wbxml"),
            Self::DevInf => (
                "application/vnd.syncml-devinf+xml",
                "application/vnd.syncml-devinf+wbxml",
            ),
            Self::DmDdf => (
                "application/vnd.syncml.dmtnds+xml",
                "application/vnd.syncml.dmtnds+wbxml",
            ),
            Self::Provisioning => (
                "text/vnd.wap.connectivity-xml",
                "application/vnd.wap.connectivity-wbxml",
            ),
        }
    }

    /// The type whose root element has this namespace and local name. No namespace at all is taken
    /// for the type's own.
    pub fn from_root(namespace: &str, local: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|document| {
            document.root() == local
                && (namespace.is_empty()
                    || namespace == document.namespace()
                    || *document == Self::SyncMl && tags::is_syncml(namespace))
        })
    }

    /// The type with this registered public identifier. `1`, "unknown", has none.
    pub fn from_public_id(id: u32) -> Option<Self> {
        by_number(id).map(|(document, _)| document)
    }

    /// The type with this formal public identifier; case does not matter.
    pub fn from_formal_public_id(name: &str) -> Option<Self> {
        by_name(name).map(|(document, _)| document)
    }

    /// The type that a media type names, in either encoding; parameters and case do not matter.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let is_it = |name: &str| name.eq_ignore_ascii_case(essence);
        if DDF_MEDIA_TYPES.iter().any(|name| is_it(name)) {
            return Some(Self::DmDdf);
        }
        Self::ALL.iter().copied().find(|document| {
            let (xml, wbxml) = document.media_types();
            *document != Self::MetInf && (is_it(xml) || is_it(wbxml))
        })
    }

    /// The type of a document, told by its public identifier, or by its root element and namespace.
    ///
    /// Of XML no more than the start tag of the root is read; without the feature `xml`, nothing.
    pub fn detect(encoding: Encoding, octets: &[u8]) -> Option<Self> {
        match encoding {
            Encoding::Wbxml => read::Reader::detect(octets),
            #[cfg(feature = "xml")]
            Encoding::Xml => read_tree::root_of_xml(octets),
            #[cfg(not(feature = "xml"))]
            Encoding::Xml => None,
        }
    }

    /// The element behind a token: namespace and name.
    #[inline(always)]
    fn tag(self, version: Version, page: u8, token: u8) -> Option<(Standard, &'static Local)> {
        let (space, names) = match (self, page) {
            (Self::SyncMl, tags::PAGE_SYNCML) => (Standard::SyncMl(version), &tables::SYNCML_NAMES),
            (Self::SyncMl | Self::MetInf, tags::PAGE_METINF) | (Self::MetInf, 0) => {
                (Standard::MetInf, &tables::METINF_NAMES)
            }
            (Self::SyncMl | Self::DmDdf, PAGE_DM_DDF) => (Standard::DmDdf, &tables::DM_DDF_NAMES),
            (Self::DevInf, 0) if token == TOKEN_SIZE && version != Version::V1_2 => {
                return Some((Standard::DevInf, &SIZE));
            }
            (Self::DevInf, 0) => (Standard::DevInf, &tables::DEV_INF_NAMES),
            (Self::Provisioning, 0) => (Standard::None, &tables::PROVISIONING_0_NAMES),
            (Self::Provisioning, 1) => (Standard::None, &tables::PROVISIONING_1_NAMES),
            _ => return None,
        };
        let local = names.get(usize::from(token & 0x3F))?;
        (!local.name.is_empty()).then_some((space, local))
    }

    /// The code page and token of an element. No namespace means that of the type.
    fn token(self, namespace: &str, local: &str) -> Option<(u8, u8)> {
        let row = |page: u8, rows: &[Row]| {
            rows.iter()
                .find(|row| row.1 == local)
                .map(|row| (page, row.0))
        };
        let place = |element: SyncMlElement| (element.page(), element.token());
        match self {
            Self::SyncMl if namespace == DM_DDF => row(PAGE_DM_DDF, tables::DM_DDF),
            Self::SyncMl => SyncMlElement::from_qualified(namespace, local).map(place),
            Self::MetInf if matches!(namespace, "" | tags::METINF) => {
                SyncMlElement::from_qualified(tags::METINF, local).map(place)
            }
            Self::DmDdf if matches!(namespace, "" | DM_DDF) => row(PAGE_DM_DDF, tables::DM_DDF),
            Self::DevInf if matches!(namespace, "" | DEV_INF) => match local {
                "Size" => Some((0, TOKEN_SIZE)),
                _ => row(0, tables::DEV_INF),
            },
            Self::Provisioning if namespace.is_empty() => row(0, tables::PROVISIONING_0),
            _ => None,
        }
    }

    /// Whether it stands inside the `Data` of SyncML.
    #[cfg(feature = "xml")]
    const fn is_embeddable(self) -> bool {
        matches!(self, Self::DevInf | Self::DmDdf)
    }

    /// The attribute starts of a page.
    fn attributes(self, page: u8) -> &'static [AttributeRow] {
        match (self, page) {
            (Self::Provisioning, 0) => tables::ATTRIBUTES_0,
            (Self::Provisioning, 1) => tables::ATTRIBUTES_1,
            _ => &[],
        }
    }

    /// The attribute values of a page.
    fn values(self, page: u8) -> &'static [Row] {
        match (self, page) {
            (Self::Provisioning, 0) => tables::VALUES_0,
            (Self::Provisioning, 1) => tables::VALUES_1,
            _ => &[],
        }
    }

    /// The attribute start behind a token; one more than is written.
    fn attribute(self, page: u8, token: u8) -> Option<(&'static str, &'static str)> {
        if self == Self::Provisioning && (page, token) == (0, 0x70) {
            return Some(("name", "IFNETWORKS"));
        }
        self.attributes(page)
            .iter()
            .find(|row| row.0 == token)
            .map(|row| (row.1, row.2))
    }

    /// The attribute value behind a token; `AAA` and `HA` are written on page 0 and read on both.
    fn value(self, page: u8, token: u8) -> Option<&'static str> {
        let page = if matches!(token, 0xE0 | 0xE1) {
            0
        } else {
            page
        };
        self.values(page)
            .iter()
            .find(|row| row.0 == token)
            .map(|row| row.1)
    }

    /// The registered public identifier of a version; `None` if only the textual form exists.
    fn public_id(self, version: Version) -> Option<u32> {
        PUBLIC_IDS
            .iter()
            .find(|row| row.2 == self && (row.3 == version || self == Self::Provisioning))
            .map(|row| row.0)
            .filter(|&id| id != 0)
    }
}

impl fmt::Display for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SyncMl => "SyncML",
            Self::MetInf => "MetInf",
            Self::DevInf => "DevInf",
            Self::DmDdf => "DM DDF",
            Self::Provisioning => "Client Provisioning",
        })
    }
}

impl Version {
    /// The version that the text of a `VerDTD` says.
    fn stated(text: &str) -> Option<Self> {
        match text.trim() {
            "1.0" => Some(Self::V1_0),
            "1.1" => Some(Self::V1_1),
            "1.2" => Some(Self::V1_2),
            _ => None,
        }
    }
}

/// A namespace of the types', or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standard {
    None,
    SyncMl(Version),
    MetInf,
    DevInf,
    DmDdf,
}

/// The namespace of an element.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Space<'i> {
    Standard(Standard),
    /// None of those.
    Foreign(Cow<'i, str>),
}

impl Standard {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::SyncMl(Version::V1_0) => tags::SYNCML_1_0,
            Self::SyncMl(Version::V1_1) => tags::SYNCML_1_1,
            Self::SyncMl(Version::V1_2) => tags::SYNCML_1_2,
            Self::MetInf => tags::METINF,
            Self::DevInf => DEV_INF,
            Self::DmDdf => DM_DDF,
        }
    }
}

impl<'i> Space<'i> {
    #[cfg(feature = "xml")]
    const NONE: Self = Self::Standard(Standard::None);

    fn new(namespace: Cow<'i, str>) -> Self {
        Self::Standard(match &*namespace {
            "" => Standard::None,
            tags::SYNCML_1_0 => Standard::SyncMl(Version::V1_0),
            tags::SYNCML_1_1 => Standard::SyncMl(Version::V1_1),
            tags::SYNCML_1_2 => Standard::SyncMl(Version::V1_2),
            tags::METINF => Standard::MetInf,
            DEV_INF => Standard::DevInf,
            DM_DDF => Standard::DmDdf,
            _ => return Self::Foreign(namespace),
        })
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Standard(standard) => standard.as_str(),
            Self::Foreign(name) => name,
        }
    }
}

/// Whether a namespace is one of the types', or none.
fn is_standard(namespace: &str) -> bool {
    !matches!(Space::new(Cow::Borrowed(namespace)), Space::Foreign(_))
}

/// The media types of DDF documents; those of TNDS are in [`DocumentType::media_types`].
const DDF_MEDIA_TYPES: [&str; 2] = [
    "application/vnd.syncml.dmddf+xml",
    "application/vnd.syncml.dmddf+wbxml",
];

/// `Size` of DevInf 1.0 and 1.1, `MaxSize` of 1.2.
const TOKEN_SIZE: u8 = 0x1C;
static SIZE: Local = Local::new("Size");

fn check_size(encoding: Encoding, octets: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let limit = limits.message_size;
    let size = octets.len();
    if size <= limit {
        return Ok(());
    }
    let kind = DecodeErrorKind::TooLarge { size, limit };
    Err(DecodeError::new(encoding, limit, String::new(), kind))
}

fn by_number(id: u32) -> Option<(DocumentType, Version)> {
    PUBLIC_IDS
        .iter()
        .find(|row| row.0 == id && id != 0)
        .map(|row| (row.2, row.3))
}

fn by_name(name: &str) -> Option<(DocumentType, Version)> {
    PUBLIC_IDS
        .iter()
        .find(|row| row.1.eq_ignore_ascii_case(name))
        .map(|row| (row.2, row.3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_tags_is_found_by_its_token_and_by_its_name() {
        for (document, page, rows) in [
            (DocumentType::DmDdf, PAGE_DM_DDF, tables::DM_DDF),
            (DocumentType::DevInf, 0, tables::DEV_INF),
            (DocumentType::Provisioning, 0, tables::PROVISIONING_0),
        ] {
            for &(token, name) in rows {
                let space = Space::new(Cow::Borrowed(document.namespace()));
                let tag = document.tag(Version::V1_2, page, token);
                assert_eq!(
                    tag.map(|(standard, local)| (Space::Standard(standard), local.name)),
                    Some((space, name))
                );
                assert_eq!(
                    document.token(document.namespace(), name),
                    Some((page, token))
                );
            }
        }
        for &element in SyncMlElement::ALL {
            let (page, token) = (element.page(), element.token());
            let tag = DocumentType::SyncMl.tag(Version::V1_2, page, token);
            assert_eq!(tag.map(|tag| tag.1.name), Some(element.name()));
        }
        assert_eq!(tables::DM_DDF.len(), 56);
        assert_eq!(tables::DEV_INF.len(), 47);
    }

    #[test]
    fn no_attribute_token_stands_twice_or_is_out_of_range() {
        for page in [0, 1] {
            let starts = DocumentType::Provisioning.attributes(page);
            assert!(starts.is_sorted_by(|one, other| one.0 < other.0));
            assert!(
                starts
                    .iter()
                    .all(|row| matches!(row.0, 0x05..=0x3F | 0x45..=0x7F))
            );
            let values = DocumentType::Provisioning.values(page);
            assert!(values.is_sorted_by(|one, other| one.0 < other.0));
            assert!(
                values
                    .iter()
                    .all(|row| matches!(row.0, 0x85..=0xBF | 0xC5..=0xFF))
            );
        }
    }

    #[test]
    fn public_identifiers_are_known_by_number_and_by_name() {
        for &(id, name, document, _) in PUBLIC_IDS {
            assert_eq!(
                DocumentType::from_formal_public_id(&name.to_lowercase()),
                Some(document)
            );
            if id != 0 {
                assert_eq!(DocumentType::from_public_id(id), Some(document));
            }
        }
        assert_eq!(DocumentType::from_public_id(1), None);
        assert_eq!(DocumentType::from_public_id(0), None);
    }
}
