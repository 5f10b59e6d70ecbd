//! [`Item`] and [`Location`].

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

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
///
/// `Debug` leaves out the data of the nodes that hold credentials, by the names that DMAcc has for them, and of
/// serialized objects, which may have such nodes. What else is secret it does not know: who logs items of a tree
/// of their own has to.
#[derive(Clone, Default, Eq, PartialEq)]
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

/// The nodes of DMAcc that hold credentials, of DM 1.2 and of DM 1.1.
const SECRETS: [&str; 6] = [
    "AAuthSecret",
    "AAuthData",
    "ClientPW",
    "ServerPW",
    "ClientNonce",
    "ServerNonce",
];

impl Item {
    /// Whether the data is not for everybody's eyes.
    fn is_secret(&self) -> bool {
        let mut uris = [self.target_uri(), self.source_uri()].into_iter().flatten();
        let type_ = self.meta.as_ref().and_then(|meta| meta.type_.as_deref());
        uris.any(|uri| {
            // A query asks for a property.
            let path = uri.as_str().split('?').next().unwrap_or_default();
            let name = path.trim_end_matches('/').rsplit('/').next();
            name.is_some_and(|name| SECRETS.contains(&name))
        }) || type_.is_some_and(|type_| type_.trim().starts_with("application/vnd.syncml.dmtnds"))
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            source,
            source_parent,
            target_parent,
            meta,
            data,
            more_data,
            extra,
        } = self;
        let hidden = data.as_ref().map(|_| Data::text("(secret)"));
        let data = if self.is_secret() { &hidden } else { data };
        f.debug_struct("Item")
            .field("target", target)
            .field("source", source)
            .field("source_parent", source_parent)
            .field("target_parent", target_parent)
            .field("meta", meta)
            .field("data", data)
            .field("more_data", more_data)
            .field("extra", extra)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn debug_shows_no_credentials_of_accounts() {
        let hidden = [
            Item::for_target("./DMAcc/a/AppAuth/s/AAuthSecret"),
            Item::for_source("./DMAcc/a/AppAuth/s/AAuthData?prop=Format"),
            Item::for_target("./SyncML/DMAcc/a/ClientPW/"),
            Item::for_target("./DMAcc")
                .with_meta(Meta::of_type("application/vnd.syncml.dmtnds+xml")),
        ];
        for item in hidden {
            let item = item.with_data("hidden-word");
            let shown = format!("{item:?}");
            assert!(
                shown.contains("(secret)") && !shown.contains("hidden"),
                "{shown}"
            );
        }
        let shown = format!(
            "{:?}",
            Item::for_target("./DMAcc/a/Name").with_data("shown")
        );
        assert!(shown.contains("data: Some(\"shown\")"), "{shown}");
        assert!(format!("{:?}", Item::for_target("./AAuthSecret")).contains("data: None"));
    }
}
