//! [`Facts`]: what is known of a package's content that no leaf of its node says.

use dm_proto::{StatusCode, Text};
use dm_tree::{Edit, Node, NodeFormat, View};
use serde::{Deserialize, Serialize};

use super::{
    Config,
    place::{self, Place},
};
use crate::{descriptor::Descriptor, nodes};

/// What [`Device::fetch`] found out about the content of a package: from its download descriptor, or
/// from the answer that brought it.
///
/// It is kept with the job, and with the package if that stays on the device, over restarts, and handed
/// to [`Device::verify`], [`Device::contents`] and [`Device::install`] in
/// [`Package::facts`](super::Package::facts).
///
/// [`Device::fetch`]: super::Device::fetch
/// [`Device::verify`]: super::Device::verify
/// [`Device::contents`]: super::Device::contents
/// [`Device::install`]: super::Device::install
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Facts {
    /// Octets of the content.
    pub size: Option<u64>,
    /// Its media types, as a descriptor has them: the first is its own.
    pub types: Vec<Text>,
    /// What it must hash to. No descriptor of version 1 has that: it comes from a header of the answer,
    /// say, or from a descriptor's `installParam`.
    pub digest: Option<Digest>,
    /// `installParam` of the descriptor. [`Package::install_params`](super::Package::install_params)
    /// goes before it.
    pub install_param: Option<Text>,
}

/// A digest with the name of its algorithm.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Digest {
    /// What made it, in whatever names the device uses: `sha-256`.
    pub algorithm: Text,
    /// Its octets.
    pub octets: Vec<u8>,
}

impl Facts {
    /// The same with the octets of the content.
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// The same with a digest.
    #[must_use]
    pub fn with_digest(mut self, algorithm: impl Into<Text>, octets: impl Into<Vec<u8>>) -> Self {
        self.digest = Some(Digest {
            algorithm: algorithm.into(),
            octets: octets.into(),
        });
        self
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<&Descriptor> for Facts {
    /// Size, types and parameters.
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            size: Some(descriptor.size),
            types: descriptor.types.clone(),
            digest: None,
            install_param: descriptor.install_param.clone(),
        }
    }
}

/// What is kept with a package on the device; nothing, if that cannot be read.
pub(super) fn read(view: &View<'_>, place: &Place) -> Facts {
    let uri = place.uri.join(nodes::FACTS_PATH);
    let node = uri.ok().and_then(|uri| view.node(&uri).ok());
    node.and_then(|node| postcard::from_bytes(&node.value).ok())
        .unwrap_or_default()
}

/// Keeps it.
pub(super) fn put(
    edit: &mut Edit<'_>,
    place: &Place,
    facts: &Facts,
    config: &Config,
) -> Result<(), StatusCode> {
    let node = match facts.is_empty() {
        true => None,
        false => {
            let octets = postcard::to_allocvec(facts).map_err(|_| StatusCode::COMMAND_FAILED)?;
            Some(Node::leaf(NodeFormat::Bin, octets))
        }
    };
    place::put_own(edit, place, nodes::FACTS_PATH, node, config)
}
