//! [`Tnds`]: a subtree as a document. OMA-TS-DM_TNDS.
//!
//! ```
//! use dm_proto::codec::Encoding;
//! use dm_tree::{NodeFormat, tnds::{Tnds, TndsNode}};
//!
//! let mut tnds = Tnds::default();
//! tnds.push(TndsNode::interior(0, "Account", "urn:example:account:1.0"));
//! tnds.push(TndsNode::leaf(1, "User", NodeFormat::Chr, "bob"));
//! for encoding in [Encoding::Xml, Encoding::Wbxml] {
//!     let octets = tnds.write(encoding)?;
//!     assert_eq!(Tnds::read(encoding, &octets, &Tnds::limits())?, tnds);
//! }
//! # Ok::<(), dm_tree::DocumentError>(())
//! ```
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

mod read;
mod write;

#[cfg(test)]
mod tests;

use core::fmt;

use bytes::Bytes;
use dm_proto::{Limits, Piece, Text, codec::Encoding};

use crate::{Acl, DocumentError, NodeFormat, mgmt_tree};

/// A serialized subtree: nodes with values and properties, each before those below it.
///
/// OMA-TS-DM_TNDS, `MgmtTree`. The nodes stand flat with their depth, as deep as a peer nested them;
/// and a node that is a child of the root element may name the place that it goes to (its *path*), so
/// that a document can be nested, or a flat list, or both.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tnds {
    /// `Man`: the manufacturer of the device that the nodes come from.
    pub man: Option<Text>,
    /// `Mod`: the model of that device.
    pub mod_: Option<Text>,
    nodes: Vec<TndsNode>,
}

/// A node of a serialized subtree.
#[derive(Clone, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TndsNode {
    /// How many nodes of the document it is nested in.
    pub depth: usize,
    /// `NodeName`: empty if the name is assigned when the node is created. `None` if the place is, too.
    pub name: Option<Text>,
    /// `Path`: where it goes, relative to the target of the command. Only with depth 0.
    pub path: Option<Text>,
    /// `Format`; `None` if the document does not say.
    pub format: Option<NodeFormat>,
    /// `Type`: a MIME type, or the identifier of a management object.
    pub type_: Option<Text>,
    /// `ACL`.
    pub acl: Option<Acl>,
    /// `Title`.
    pub title: Option<Text>,
    /// `TStamp`, as text; a device keeps its own.
    pub tstamp: Option<Text>,
    /// `VerNo`; a device keeps its own.
    pub ver_no: Option<u16>,
    /// The value: octets of Format `bin`, else text. `None` for interior nodes, and where the document
    /// has none.
    pub value: Option<Bytes>,
}

impl Tnds {
    /// The media type as XML.
    pub const XML: &'static str = "application/vnd.syncml.dmtnds+xml";
    /// The media type as WBXML.
    pub const WBXML: &'static str = "application/vnd.syncml.dmtnds+wbxml";

    /// The limits with which a device reads what a server sends: those of a message, and as deep as a
    /// tree can be.
    pub fn limits() -> Limits {
        mgmt_tree::limits()
    }

    /// The encoding that a media type names; parameters and case do not count.
    pub fn encoding(media_type: &str) -> Option<Encoding> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        [(Self::XML, Encoding::Xml), (Self::WBXML, Encoding::Wbxml)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(essence))
            .map(|(_, encoding)| encoding)
    }

    /// Reads a document.
    ///
    /// `RTProperties`, `Name`, `Size` and `DFProperties` may be there or not; what a vendor added is
    /// passed over. The value of a node of Format `bin` is Base64 unless it came opaque.
    ///
    /// # Errors
    ///
    /// If it is none, with the node at fault, or exceeds the limits.
    pub fn read(
        encoding: Encoding,
        octets: &Bytes,
        limits: &Limits,
    ) -> Result<Self, DocumentError> {
        read::nodes(mgmt_tree::read(encoding, octets, limits)?)
    }

    /// Reads a document that stands as markup in a message.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_pieces(pieces: &[Piece], limits: &Limits) -> Result<Self, DocumentError> {
        read::nodes(mgmt_tree::read_pieces(pieces, limits)?)
    }

    /// Writes the document. Deterministic; reading it gives the same.
    ///
    /// # Errors
    ///
    /// If something cannot be expressed in the encoding: in XML, text with control characters, and octets
    /// that are no text where the Format is not `bin`.
    pub fn write(&self, encoding: Encoding) -> Result<Bytes, DocumentError> {
        write::document(self, encoding)
    }

    /// Adds a node. One that would be deeper than below the last one, or below a leaf, goes as deep as
    /// it can.
    pub fn push(&mut self, mut node: TndsNode) {
        let deepest = match self.nodes.last() {
            None => 0,
            Some(last) if last.value.is_some() => last.depth,
            Some(last) => last.depth.saturating_add(1),
        };
        node.depth = node.depth.min(deepest);
        self.nodes.push(node);
    }

    /// The nodes, each before those below it.
    pub fn nodes(&self) -> &[TndsNode] {
        &self.nodes
    }
}

impl TndsNode {
    /// An interior node; `type_` may be empty.
    pub fn interior(depth: usize, name: impl Into<Text>, type_: impl Into<Text>) -> Self {
        Self {
            depth,
            name: Some(name.into()),
            format: Some(NodeFormat::Node),
            type_: Some(type_.into()),
            ..Self::default()
        }
    }

    /// A leaf of type `text/plain`.
    pub fn leaf(
        depth: usize,
        name: impl Into<Text>,
        format: NodeFormat,
        value: impl Into<Bytes>,
    ) -> Self {
        Self {
            depth,
            name: Some(name.into()),
            format: Some(format),
            type_: Some(Text::from_static("text/plain")),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// The same with a type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<Text>) -> Self {
        self.type_ = Some(type_.into());
        self
    }

    /// The same with an ACL.
    #[must_use]
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = Some(acl);
        self
    }

    /// The same with a path.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Text>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Whether it is an interior node: it says so, or it says nothing and has no value.
    pub fn is_interior(&self) -> bool {
        match self.format {
            Some(format) => format == NodeFormat::Node,
            None => self.value.is_none(),
        }
    }
}

/// Shows everything but the value, which may be a password: of that its length.
impl fmt::Debug for TndsNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TndsNode")
            .field("depth", &self.depth)
            .field("name", &self.name)
            .field("path", &self.path)
            .field("format", &self.format)
            .field("type_", &self.type_)
            .field("acl", &self.acl)
            .field("title", &self.title)
            .field("tstamp", &self.tstamp)
            .field("ver_no", &self.ver_no)
            .field("value", &self.value.as_ref().map(Bytes::len))
            .finish()
    }
}
