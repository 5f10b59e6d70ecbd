//! [`DevInfo`].

use dm_proto::{Data, StatusCode, Text, message::Item};

use super::maintain;
use crate::{
    Edit, NodeFormat, NodeUri, View,
    description::NodeDescription,
    object::{Job, ManagementObject},
    tree::Mount,
};

/// `./DevInfo`: who the device is. Sent in the first package of every session.
///
/// OMA-TS-DM_StdObj, DevInfo.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DevInfo {
    /// `DevId`: globally unique, a URN.
    pub dev_id: Text,
    /// `Man`: the manufacturer.
    pub man: Text,
    /// `Mod`: the model.
    pub mod_: Text,
    /// `DmV`: the version of the DM client.
    pub dm_v: Text,
    /// `Lang`: a language tag.
    pub lang: Text,
    description: NodeDescription,
}

impl DevInfo {
    /// The identifier of the object.
    pub const TYPE: &'static str = "urn:oma:mo:oma-dm-devinfo:1.0";
    /// Its usual place.
    pub const ROOT: &'static str = "./DevInfo";

    /// The facts of a device.
    pub fn new(dev_id: impl Into<Text>, man: impl Into<Text>, mod_: impl Into<Text>) -> Self {
        let mut description = NodeDescription::interior("DevInfo").type_(Self::TYPE);
        for name in LEAVES {
            description = description.child(NodeDescription::leaf(name, NodeFormat::Chr));
        }
        Self {
            dev_id: dev_id.into(),
            man: man.into(),
            mod_: mod_.into(),
            dm_v: Text::from_static(env!("CARGO_PKG_VERSION")),
            lang: Text::from_static("en"),
            description,
        }
    }

    fn write(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let values = [&self.dev_id, &self.man, &self.mod_, &self.dm_v, &self.lang];
        for (name, value) in LEAVES.into_iter().zip(values) {
            maintain(edit, name, value)?;
        }
        Ok(())
    }
}

impl ManagementObject for DevInfo {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        self.write(edit)
    }

    fn restarted(&self, edit: &mut Edit<'_>, _jobs: &[Job]) -> Result<(), StatusCode> {
        self.write(edit)
    }
}

/// The items that open a session: source and data of each node of DevInfo.
pub(crate) fn items(view: View<'_>, mounts: &[Mount]) -> Result<Vec<Item>, StatusCode> {
    let Some(root) = root(mounts) else {
        return Ok(Vec::new());
    };
    LEAVES
        .into_iter()
        .map(|name| {
            let uri = root.child_named(name);
            let value = view.text(&uri)?;
            Ok(Item::for_source(uri.as_str()).with_data(Data::text(value)))
        })
        .collect()
}

/// Where DevInfo is mounted.
pub(super) fn root(mounts: &[Mount]) -> Option<&NodeUri> {
    mounts
        .iter()
        .find(|mount| {
            let types = mount.object.description().types();
            types.iter().any(|type_| type_ == DevInfo::TYPE)
        })
        .map(|mount| &mount.root)
}

const LEAVES: [&str; 5] = ["DevId", "Man", "Mod", "DmV", "Lang"];
