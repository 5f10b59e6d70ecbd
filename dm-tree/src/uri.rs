//! [`NodeUri`], the address of a node, and [`Address`], which may name a property or a list of it.

use dm_proto::{StatusCode, Text};
use serde::{Deserialize, Serialize};

/// The full URI of a node in its one canonical form: `.` for the root, else `./A/B`.
///
/// OMA-TS-DM_TND, addressing: no empty segment, no `..`, no `/` at the end.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct NodeUri(Text);

impl NodeUri {
    /// The root of the tree.
    pub const ROOT: Self = Self(Text::from_static("."));

    /// Reads a node URI without a query; `A/B` and `./A/B` are the same.
    ///
    /// # Errors
    ///
    /// If it is not the URI of a node.
    pub fn parse(uri: &str) -> Result<Self, UriError> {
        let _ = uri;
        todo!()
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URI of a descendant: `relative` is one or more segments.
    ///
    /// # Errors
    ///
    /// If `relative` is not made of segments.
    pub fn join(&self, relative: &str) -> Result<Self, UriError> {
        let _ = relative;
        todo!()
    }

    /// The parent; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        todo!()
    }

    /// The last segment; `.` for the root.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// The segments below the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> + '_ {
        self.0.as_str().split('/').skip(1)
    }

    /// What is left of `self` below `ancestor`: `Some("")` for `ancestor` itself.
    pub fn below<'a>(&'a self, ancestor: &Self) -> Option<&'a str> {
        let _ = ancestor;
        todo!()
    }
}

impl core::fmt::Display for NodeUri {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why text is not the URI of a node.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UriError {
    /// Empty, or with an empty segment.
    #[error("uri {0:?} has an empty segment")]
    EmptySegment(Text),
    // ...
}

impl From<&UriError> for StatusCode {
    fn from(_: &UriError) -> Self {
        Self::BAD_REQUEST
    }
}

/// A node URI with its query, as a LocURI carries it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Address {
    /// The node.
    pub uri: NodeUri,
    /// What of it.
    pub query: Option<Query>,
}

/// The query part of a LocURI.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Query {
    /// `?prop=`
    Property(Property),
    /// `?list=`
    List(ListKind),
}

/// A run-time property of a node. OMA-TS-DM_TND, properties.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Property {
    /// Who may do what.
    Acl,
    /// The format of the value.
    Format,
    /// The last segment of the URI.
    Name,
    /// Octets of the value.
    Size,
    /// A title for people.
    Title,
    /// When it changed last.
    TStamp,
    /// MIME type, or identifier of the management object.
    Type,
    /// Counts changes.
    VerNo,
}

/// What a `?list=` query returns.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListKind {
    /// The nodes without data.
    Struct,
    /// The nodes with data.
    StructData,
    /// Serialized.
    Tnds,
}

impl Address {
    /// Reads a LocURI.
    ///
    /// # Errors
    ///
    /// If it is not an address in a tree.
    pub fn parse(loc_uri: &str) -> Result<Self, UriError> {
        let _ = loc_uri;
        todo!()
    }
}
