//! [`Item`] and [`Location`].

use alloc::{boxed::Box, sync::Arc};

use super::Meta;
use crate::{Data, Extra, LocUri, Text};

/// A `Target` or `Source`: the address of a node, a device or a server.
///
/// OMA-TS-DM_RepPro, `Target`, `Source`. Content: `LocURI, LocName?`; a `Filter`, which DM does not
/// use, is kept in `extra`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[doc(alias = "Target")]
#[doc(alias = "Source")]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Location {
    /// The address.
    pub loc_uri: LocUri,
    /// A name for it; in the header of a client the user name.
    pub loc_name: Option<Text>,
    /// What the element held beyond this model.
    pub extra: Extra,
}

impl<T: Into<LocUri>> From<T> for Location {
    fn from(loc_uri: T) -> Self {
        Self {
            loc_uri: loc_uri.into(),
            loc_name: None,
            extra: Extra::NONE,
        }
    }
}

/// An `Item`: what a command is applied to, or what came of it.
///
/// OMA-TS-DM_RepPro, `Item`. Content: `Target?, Source?, SourceParent?, TargetParent?, Meta?, Data?,
/// MoreData?`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Item {
    /// The node that the command is applied to.
    pub target: Option<Location>,
    /// The node that the data comes from.
    pub source: Option<Location>,
    /// `SourceParent`; not used in DM.
    pub source_parent: Option<Box<LocUri>>,
    /// `TargetParent`; not used in DM.
    pub target_parent: Option<Box<LocUri>>,
    /// Format, type and more of the data; missing parts are those of the command's own `Meta`.
    pub meta: Option<Arc<Meta>>,
    /// The data. Present but empty is not the same as absent.
    pub data: Option<Data>,
    /// Whether the data goes on in the next message (`MoreData`).
    pub more_data: bool,
    /// What the element held beyond this model.
    pub extra: Extra,
}

impl Item {
    /// An item with a target and nothing else.
    pub fn for_target(target: impl Into<LocUri>) -> Self {
        Self {
            target: Some(Location::from(target.into())),
            ..Self::default()
        }
    }

    /// An item with a source and nothing else.
    pub fn for_source(source: impl Into<LocUri>) -> Self {
        Self {
            source: Some(Location::from(source.into())),
            ..Self::default()
        }
    }

    /// The same item with data.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Data>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// The same item with a `Meta`.
    #[must_use]
    pub fn with_meta(mut self, meta: Meta) -> Self {
        self.meta = Some(Arc::new(meta));
        self
    }

    /// The target's `LocURI`, if there is a target.
    pub fn target_uri(&self) -> Option<&LocUri> {
        self.target.as_ref().map(|target| &target.loc_uri)
    }

    /// The source's `LocURI`, if there is a source.
    pub fn source_uri(&self) -> Option<&LocUri> {
        self.source.as_ref().map(|source| &source.loc_uri)
    }
}
