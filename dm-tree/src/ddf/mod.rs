//! [`Ddf`]: descriptions of what nodes a device has, as documents. OMA-TS-DM_TND, device description
//! framework.
//!
//! ```
//! use dm_proto::{codec::Encoding, message::Item, session::Verb, StatusCode};
//! use dm_tree::{NodeFormat, NodeUri, ddf::Ddf, description::{Access, NodeDescription}};
//!
//! let description = NodeDescription::interior("Ring").child(
//!     NodeDescription::leaf("Volume", NodeFormat::Int).access(Access::GET | Access::REPLACE),
//! );
//! let ddf = Ddf::of([(NodeUri::parse("./Ring")?, description)]);
//! let xml = ddf.write(Encoding::Xml)?;
//!
//! // A server that has only the document knows what the device would refuse.
//! let ddf = Ddf::read(Encoding::Xml, &xml, &Ddf::limits())?;
//! let set = |value: &str| Item::for_target("./Ring/Volume").with_data(value);
//! assert_eq!(ddf.check(Verb::Replace, &set("7")), Ok(()));
//! assert_eq!(ddf.check(Verb::Replace, &set("loud")), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
//! assert_eq!(ddf.check(Verb::Delete, &set("7")), Err(StatusCode::COMMAND_NOT_ALLOWED));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

mod check;
mod microsoft;
mod read;
mod write;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use dm_proto::{Limits, Text, codec::Encoding};

pub(crate) use self::microsoft::NAMESPACE as MICROSOFT;
pub use self::microsoft::{
    AllowedValues, Applicability, Dependency, DependencyGroup, GroupPolicy, Microsoft,
};
use crate::{DocumentError, NodeUri, description::NodeDescription, mgmt_tree};

/// A device description document: the objects of a device, or of a standard.
///
/// Read are versions 1.1 and 1.2, and Microsoft's DDF v2 with its own elements
/// ([`NodeDescription::microsoft`]). Elements of others are passed over. The ACL and the Title that `RTProperties` may propose for new nodes are kept; TStamp and VerNo are
/// the device's to say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Ddf {
    /// `Man`: the manufacturer.
    pub man: Option<Text>,
    /// `Mod`: the model.
    pub mod_: Option<Text>,
    /// What is described.
    pub objects: Vec<DdfObject>,
}

/// A subtree of a [`Ddf`].
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct DdfObject {
    /// `Path`: the node that it stands below. `None` where the document does not say: below the root of
    /// the tree if its own name is fixed, else where the device puts it.
    pub path: Option<NodeUri>,
    /// The nodes. The name of the first may be chosen at run time.
    pub description: NodeDescription,
}

impl Ddf {
    /// The media type as XML.
    pub const XML: &'static str = "application/vnd.syncml.dmddf+xml";
    /// The media type as WBXML.
    pub const WBXML: &'static str = "application/vnd.syncml.dmddf+wbxml";

    /// The limits with which a document of a device is read: those of a message, and as deep as a tree
    /// can be.
    pub fn limits() -> Limits {
        mgmt_tree::limits()
    }

    /// The description of objects and of where they are. See [`Tree::ddf`](crate::Tree::ddf) for those of
    /// a device.
    pub fn of(objects: impl IntoIterator<Item = (NodeUri, NodeDescription)>) -> Self {
        let object = |(root, description): (NodeUri, NodeDescription)| DdfObject {
            description: description.named(Some(root.name().into())),
            path: root.parent(),
        };
        Self {
            objects: objects.into_iter().map(object).collect(),
            ..Self::default()
        }
    }

    /// Reads a document.
    ///
    /// A document type declaration may have an internal subset of comments and processing instructions,
    /// as Microsoft's have; one that declares anything is refused.
    ///
    /// # Errors
    ///
    /// If it is none, with the node at fault, or exceeds the limits.
    pub fn read(
        encoding: Encoding,
        octets: &Bytes,
        limits: &Limits,
    ) -> Result<Self, DocumentError> {
        read::document(encoding, octets, limits)
    }

    /// Writes the document as version 1.2. Deterministic; reading it gives the same.
    ///
    /// The framework says of a node whether something may be added below it, and not what. So a permanent
    /// node with Add whose described children are all permanent is [open](NodeDescription::open), when read
    /// as when written: nothing else could be added. What it has no form for is a subtree that is open and has
    /// dynamic children: these are written, and that there may be others is not.
    ///
    /// # Errors
    ///
    /// If text cannot be expressed in the encoding.
    pub fn write(&self, encoding: Encoding) -> Result<Bytes, DocumentError> {
        write::document(self, encoding)
    }
}

impl DdfObject {
    /// Where the object is, if the document says.
    pub fn root(&self) -> Option<NodeUri> {
        let name = self.description.name()?;
        let parent = self.path.clone().unwrap_or(NodeUri::ROOT);
        parent.join(name).ok()
    }
}
