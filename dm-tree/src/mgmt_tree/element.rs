//! The elements of the document type, and where each may stand.

use crate::{
    NodeFormat, Property,
    description::{Access, CaseSense, Scope},
};

/// An element. OMA-TS-DM_TND, DDF elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Element {
    MgmtTree,
    VerDtd,
    Man,
    Mod,
    Node,
    NodeName,
    Path,
    Value,
    RtProperties,
    Property(Property),
    DfProperties,
    AccessType,
    Access(Access),
    DefaultValue,
    Description,
    DfFormat,
    Format(NodeFormat),
    Occurrence,
    Occurs(Occurs),
    Scope,
    Scoped(Scope),
    DfTitle,
    DfType,
    Mime,
    DdfName,
    CaseSense,
    Case(CaseSense),
}

/// A child of `Occurrence`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Occurs {
    One,
    ZeroOrOne,
    ZeroOrMore,
    OneOrMore,
    ZeroOrN,
    OneOrN,
}

impl Element {
    /// The element of this name inside another; `None` for what the document type does not have there.
    pub(super) fn inside(self, local: &str) -> Option<Self> {
        Some(match (self, local) {
            (Self::MgmtTree, "VerDTD") => Self::VerDtd,
            (Self::MgmtTree, "Man") => Self::Man,
            (Self::MgmtTree, "Mod") => Self::Mod,
            (Self::MgmtTree | Self::Node, "Node") => Self::Node,
            (Self::Node, "NodeName") => Self::NodeName,
            (Self::Node, "Path") => Self::Path,
            (Self::Node, "Value") => Self::Value,
            (Self::Node, "RTProperties") => Self::RtProperties,
            (Self::Node, "DFProperties") => Self::DfProperties,
            (Self::RtProperties, name) => Self::Property(
                Property::ALL
                    .into_iter()
                    .find(|property| property.name() == name)?,
            ),
            (Self::DfProperties, "AccessType") => Self::AccessType,
            (Self::DfProperties, "DefaultValue") => Self::DefaultValue,
            (Self::DfProperties, "Description") => Self::Description,
            (Self::DfProperties, "DFFormat") => Self::DfFormat,
            (Self::DfProperties, "Occurrence") => Self::Occurrence,
            (Self::DfProperties, "Scope") => Self::Scope,
            (Self::DfProperties, "DFTitle") => Self::DfTitle,
            (Self::DfProperties, "DFType") => Self::DfType,
            (Self::DfProperties, "CaseSense") => Self::CaseSense,
            (Self::AccessType, name) => Self::Access(Access::from_name(name)?),
            (Self::DfFormat | Self::Property(Property::Format), name) => {
                Self::Format(NodeFormat::from_name(name)?)
            }
            (Self::DfType | Self::Property(Property::Type), "MIME") => Self::Mime,
            (Self::DfType | Self::Property(Property::Type), "DDFName") => Self::DdfName,
            (Self::Occurrence, name) => Self::Occurs(match name {
                "One" => Occurs::One,
                "ZeroOrOne" => Occurs::ZeroOrOne,
                "ZeroOrMore" => Occurs::ZeroOrMore,
                "OneOrMore" => Occurs::OneOrMore,
                "ZeroOrN" => Occurs::ZeroOrN,
                "OneOrN" => Occurs::OneOrN,
                _ => return None,
            }),
            (Self::Scope, "Permanent") => Self::Scoped(Scope::Permanent),
            (Self::Scope, "Dynamic") => Self::Scoped(Scope::Dynamic),
            (Self::CaseSense, "CS") => Self::Case(CaseSense::Sensitive),
            (Self::CaseSense, "CIS") => Self::Case(CaseSense::Insensitive),
            _ => return None,
        })
    }

    /// Its name, for errors.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::MgmtTree => "MgmtTree",
            Self::VerDtd => "VerDTD",
            Self::Man => "Man",
            Self::Mod => "Mod",
            Self::Node => "Node",
            Self::NodeName => "NodeName",
            Self::Path => "Path",
            Self::Value => "Value",
            Self::RtProperties => "RTProperties",
            Self::Property(property) => property.name(),
            Self::DfProperties => "DFProperties",
            Self::AccessType | Self::Access(_) => "AccessType",
            Self::DefaultValue => "DefaultValue",
            Self::Description => "Description",
            Self::DfFormat | Self::Format(_) => "DFFormat",
            Self::Occurrence | Self::Occurs(_) => "Occurrence",
            Self::Scope | Self::Scoped(_) => "Scope",
            Self::DfTitle => "DFTitle",
            Self::DfType => "DFType",
            Self::Mime => "MIME",
            Self::DdfName => "DDFName",
            Self::CaseSense | Self::Case(_) => "CaseSense",
        }
    }

    /// Whether it holds text and nothing else: an element in it is an error, not an extension.
    pub(super) const fn is_text(self) -> bool {
        match self {
            Self::VerDtd
            | Self::Man
            | Self::Mod
            | Self::NodeName
            | Self::Path
            | Self::Value
            | Self::DefaultValue
            | Self::Description
            | Self::DfTitle
            | Self::Mime
            | Self::DdfName => true,
            Self::Property(property) => !matches!(property, Property::Format | Property::Type),
            _ => false,
        }
    }
}
