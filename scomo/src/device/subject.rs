//! [`Package`] and [`Component`]: what primitives work on.

use bytes::Bytes;
use dm_proto::Text;
use dm_tree::NodeUri;
use serde::{Deserialize, Serialize};

use super::Facts;

/// A delivery package: what is fetched and installed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Package {
    /// Its node: `Download/<X>` or `Inventory/Delivered/<X>`.
    pub uri: NodeUri,
    /// `PkgID`: the identifier that a server gave it.
    pub id: Text,
    /// `PkgURL`: where the package or its download descriptor is. `None` for a delivered package.
    pub url: Option<Text>,
    /// `Name`: a name for people.
    pub name: Option<Text>,
    /// `Description`: for people.
    pub description: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// `PkgType`: its content type.
    pub pkg_type: Option<Text>,
    /// `Reboot` (1.1): opaque.
    pub reboot: Option<Text>,
    /// `Data`: the package itself, if the server delivered it in the tree.
    pub data: Option<Bytes>,
    /// How many octets of it the [`Sink`](super::Sink) has, if the server delivered it in pieces. It is
    /// known there by its [`uri`](Self::uri).
    pub received: Option<u64>,
    /// What [`Device::fetch`](super::Device::fetch) found out about the content.
    pub facts: Facts,
}

/// A deployment component: what exists on the device after an installation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Component {
    /// `ID`: unique on the device, given by the device or the package.
    pub id: Text,
    /// `PkgIDRef`: the package it came from.
    pub pkg_id: Option<Text>,
    /// `Name`: a name for people.
    pub name: Option<Text>,
    /// `Description`: for people.
    pub description: Option<Text>,
    /// `Version`: as its maker writes it.
    pub version: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// Whether it is active.
    pub active: bool,
}

impl Component {
    /// A component with nothing but its ID, inactive.
    pub fn new(id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            pkg_id: None,
            name: None,
            description: None,
            version: None,
            env_type: None,
            active: false,
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with a version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Text>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// What an operation works on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
#[expect(clippy::large_enum_variant, reason = "there is one for a job")]
pub enum Subject {
    /// A package, to be fetched or delivered.
    Package(Package),
    /// A component.
    Component(Component),
    /// The object itself: of a vendor operation below its `Ext`.
    Object,
}

impl Subject {
    /// `PkgID` or `ID`; `None` for the object itself.
    pub fn id(&self) -> Option<&Text> {
        match self {
            Self::Package(package) => Some(&package.id),
            Self::Component(component) => Some(&component.id),
            Self::Object => None,
        }
    }

    /// What people call it: its `Name`, or else its identifier; `None` for the object itself.
    pub fn name(&self) -> Option<&Text> {
        let name = match self {
            Self::Package(package) => &package.name,
            Self::Component(component) => &component.name,
            Self::Object => &None,
        };
        name.as_ref().or_else(|| self.id())
    }
}
