//! [`Node`]: one node with its properties.

use bytes::Bytes;
use dm_proto::Text;
use serde::{Deserialize, Serialize};

use crate::Acl;

/// A node: its value and its run-time properties but for Name and Size, which follow.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Node {
    /// `node` for an interior node.
    pub format: NodeFormat,
    /// MIME type of a leaf; identifier of the management object, or empty, of an interior node.
    pub type_: Text,
    /// A title for people.
    pub title: Text,
    /// Its own ACL; empty means that it inherits.
    pub acl: Acl,
    /// The value; empty for an interior node.
    pub value: Bytes,
    /// When it changed last: seconds since 1970-01-01 UTC, as the caller gave them.
    pub tstamp: u64,
    /// Counts changes; wraps.
    pub ver_no: u16,
}

impl Node {
    /// An interior node; `type_` may be empty.
    pub fn interior(type_: impl Into<Text>) -> Self {
        Self {
            format: NodeFormat::Node,
            type_: type_.into(),
            title: Text::EMPTY,
            acl: Acl::default(),
            value: Bytes::new(),
            tstamp: 0,
            ver_no: 0,
        }
    }

    /// A leaf of type `text/plain`.
    pub fn leaf(format: NodeFormat, value: impl Into<Bytes>) -> Self {
        Self {
            format,
            type_: Text::from_static("text/plain"),
            title: Text::EMPTY,
            acl: Acl::default(),
            value: value.into(),
            tstamp: 0,
            ver_no: 0,
        }
    }

    /// The same with an ACL of its own.
    #[must_use]
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Whether it is an interior node.
    pub fn is_interior(&self) -> bool {
        self.format == NodeFormat::Node
    }

    /// The value as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.value).ok()
    }
}

/// The format of a node. OMA-TS-DM_TND, Format.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
#[expect(missing_docs, reason = "named by the standard")]
pub enum NodeFormat {
    B64,
    Bin,
    Bool,
    Chr,
    Date,
    Float,
    Int,
    Node,
    Null,
    Time,
    Xml,
}
