//! [`NodeDescription`]: what nodes there may be, and what may be done with them.

use bytes::Bytes;
use dm_proto::Text;

use crate::NodeFormat;

/// A node of the description framework, built in code. OMA-TS-DM_TND, device description framework.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDescription {
    name: Option<Text>,
    format: NodeFormat,
    types: Vec<Text>,
    access: Access,
    scope: Scope,
    occurrence: Occurrence,
    default: Option<Bytes>,
    children: Vec<NodeDescription>,
}

/// The commands that a node supports, whatever the ACL says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Access(u8);

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Add: children may be added below.
    pub const ADD: Self = Self(1);
    /// Copy.
    pub const COPY: Self = Self(2);
    /// Delete.
    pub const DELETE: Self = Self(4);
    /// Exec.
    pub const EXEC: Self = Self(8);
    /// Get.
    pub const GET: Self = Self(16);
    /// Replace.
    pub const REPLACE: Self = Self(32);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl core::ops::BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether a node comes with the object or is made at run time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Scope {
    /// Made and removed at run time.
    #[default]
    Dynamic,
    /// There from the start; no server creates, deletes or renames it.
    Permanent,
}

/// How often a node occurs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
#[expect(missing_docs, reason = "named by the standard")]
pub enum Occurrence {
    #[default]
    One,
    ZeroOrOne,
    ZeroOrMore,
    OneOrMore,
    ZeroOrN(u32),
    OneOrN(u32),
}

impl NodeDescription {
    /// A permanent interior node that supports Get.
    pub fn interior(name: impl Into<Text>) -> Self {
        Self {
            name: Some(name.into()),
            format: NodeFormat::Node,
            types: Vec::new(),
            access: Access::GET,
            scope: Scope::Permanent,
            occurrence: Occurrence::One,
            default: None,
            children: Vec::new(),
        }
    }

    /// A permanent leaf of type `text/plain` that supports Get.
    pub fn leaf(name: impl Into<Text>, format: NodeFormat) -> Self {
        Self {
            format,
            types: vec![Text::from_static("text/plain")],
            ..Self::interior(name)
        }
    }

    /// Dynamic interior nodes whose names are chosen at run time (`<X>`), any number, with Get.
    pub fn any() -> Self {
        Self {
            name: None,
            scope: Scope::Dynamic,
            occurrence: Occurrence::ZeroOrMore,
            ..Self::interior("")
        }
    }

    /// The same, dynamic: made and removed at run time.
    #[must_use]
    pub fn dynamic(mut self) -> Self {
        self.scope = Scope::Dynamic;
        self
    }

    /// The same with other supported commands.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The same with another occurrence.
    #[must_use]
    pub fn occurrence(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = occurrence;
        self
    }

    /// The same with a type: the identifier of a management object, or a MIME type (any, if none).
    #[must_use]
    pub fn type_(mut self, type_: impl Into<Text>) -> Self {
        self.types = vec![type_.into()];
        self
    }

    /// The same with a default value.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Bytes>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The same with one more child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }
}
