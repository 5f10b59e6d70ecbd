//! What descriptions (DDF) and serialized trees (TNDS) have in common: the document type `MgmtTree`.
//! OMA-TS-DM_TND, device description framework.
//!
//! Read and written flat, node by node with its depth, so that nothing recurses.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

mod element;
mod read;
mod write;

use bytes::Bytes;
use dm_proto::{DecodeError, EncodeError, Limits, Piece, StatusCode, Text};

pub(crate) use self::{
    read::{read, read_pieces},
    write::Writer,
};
use crate::{
    NodeFormat, NodeUri, PropertySet,
    description::{Access, CaseSense, Occurrence, Scope},
};

/// Why octets are not a description or a serialized tree.
///
/// No variant holds a value of a node: it may be a password.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// They are no document at all, or exceed a limit.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The document cannot be written in this encoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The root is another element.
    #[error("the root element is {0:?}, not \"MgmtTree\"")]
    Root(Text),
    /// The document is of another version.
    #[error("the version is {0:?}, not 1.1 or 1.2")]
    Version(Text),
    /// An element is missing.
    #[error("node {node:?} has no {element}")]
    Missing {
        /// The names on the way to the node, joined by `/`.
        node: Text,
        /// The element.
        element: &'static str,
    },
    /// An element stands twice.
    #[error("node {node:?} has {element} twice")]
    Twice {
        /// The names on the way to the node, joined by `/`.
        node: Text,
        /// The element.
        element: &'static str,
    },
    /// An element stands where it cannot.
    #[error("node {node:?} has {element} where it cannot stand")]
    Misplaced {
        /// The names on the way to the node, joined by `/`.
        node: Text,
        /// The element.
        element: Text,
    },
    /// The content of an element is not what it must be.
    #[error("node {node:?} has a malformed {element}")]
    Malformed {
        /// The names on the way to the node, joined by `/`.
        node: Text,
        /// The element.
        element: &'static str,
    },
    /// Nodes nest deeper than any URI.
    #[error("nodes nest deeper than {}", NodeUri::MAX_DEPTH)]
    TooDeep,
    /// The nodes need more memory than [`Limits::memory`].
    #[error("the nodes need more than {limit} octets of memory")]
    TooMuchMemory {
        /// The limit.
        limit: usize,
    },
}

impl From<&DocumentError> for StatusCode {
    /// What a server is told whose document this was.
    fn from(error: &DocumentError) -> Self {
        match error {
            DocumentError::TooMuchMemory { .. } => Self::REQUEST_ENTITY_TOO_LARGE,
            DocumentError::TooDeep => Self::URI_TOO_LONG,
            DocumentError::Version(_) => Self::UNSUPPORTED_MEDIA_TYPE,
            DocumentError::Encode(_) => Self::COMMAND_FAILED,
            _ => Self::BAD_REQUEST,
        }
    }
}

/// The limits with which documents are read by default: as deep as a tree can be, and so large as a
/// message can be.
pub(crate) fn limits() -> Limits {
    Limits::DEFAULT.with_depth(DEPTH)
}

/// A document as it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct MgmtTree {
    pub(crate) ver_dtd: Text,
    pub(crate) man: Option<Text>,
    pub(crate) mod_: Option<Text>,
    /// Each node before those below it.
    pub(crate) nodes: Vec<RawNode>,
}

/// A `Node`.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawNode {
    /// 0 for a child of the root element.
    pub(crate) depth: usize,
    /// Empty for a name that is assigned later.
    pub(crate) name: Option<Text>,
    pub(crate) path: Option<Text>,
    pub(crate) value: Option<Content>,
    pub(crate) run_time: Option<RunTime>,
    pub(crate) framework: Option<Box<Framework>>,
}

/// Text or octets, as they stand.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Content {
    Text(Text),
    Octets(Bytes),
}

/// `RTProperties`.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunTime {
    /// Those that are mentioned.
    pub(crate) mentioned: PropertySet,
    pub(crate) acl: Option<Text>,
    pub(crate) format: Option<NodeFormat>,
    pub(crate) type_: Option<Text>,
    pub(crate) title: Option<Text>,
    pub(crate) tstamp: Option<Text>,
    pub(crate) ver_no: Option<Text>,
}

/// `DFProperties`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Framework {
    pub(crate) access: Option<Access>,
    pub(crate) default: Option<Content>,
    pub(crate) description: Option<Text>,
    pub(crate) format: Option<NodeFormat>,
    pub(crate) occurrence: Option<Occurrence>,
    pub(crate) scope: Option<Scope>,
    pub(crate) title: Option<Text>,
    pub(crate) types: Vec<Text>,
    pub(crate) case: Option<CaseSense>,
    /// The elements of Microsoft's, as they stand.
    pub(crate) microsoft: Vec<Piece>,
}

/// Shows how long it is: a value may be a password.
impl core::fmt::Debug for Content {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{} octets of text", text.len()),
            Self::Octets(octets) => write!(f, "{} octets", octets.len()),
        }
    }
}

/// Elements around a node at the greatest depth, and in it.
const DEPTH: usize = NodeUri::MAX_DEPTH + 8;
