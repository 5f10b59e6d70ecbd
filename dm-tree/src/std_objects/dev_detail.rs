//! [`DevDetail`].

use dm_proto::{StatusCode, Text};

use super::maintain;
use crate::{
    Edit, NodeFormat, NodeUri, UriLimits, View,
    description::NodeDescription,
    object::{Job, ManagementObject},
    tree::Mount,
};

/// `./DevDetail`: versions and capabilities of the device, for a server that asks.
///
/// OMA-TS-DM_StdObj, DevDetail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DevDetail {
    /// `DevTyp`: the kind of device.
    pub dev_typ: Text,
    /// `OEM`: the original equipment manufacturer.
    pub oem: Text,
    /// `FwV`: the version of the firmware.
    pub fw_v: Text,
    /// `SwV`: the version of the software.
    pub sw_v: Text,
    /// `HwV`: the version of the hardware.
    pub hw_v: Text,
    /// `LrgObj`: whether the device takes large objects. Default yes; with no, the agent refuses those that
    /// come, whatever [`AgentConfig::session`](crate::agent::AgentConfig::session) says.
    pub lrg_obj: bool,
    /// `URI`: how long URIs may be. Default no limits. The tree enforces what
    /// [`Tree::set_uri_limits`](crate::Tree::set_uri_limits) is told; the agent tells it this.
    pub uri: UriLimits,
    description: NodeDescription,
}

impl DevDetail {
    /// The identifier of the object.
    pub const TYPE: &'static str = "urn:oma:mo:oma-dm-devdetail:1.0";
    /// Its usual place.
    pub const ROOT: &'static str = "./DevDetail";

    /// The details of a device.
    pub fn new(
        dev_typ: impl Into<Text>,
        oem: impl Into<Text>,
        fw_v: impl Into<Text>,
        sw_v: impl Into<Text>,
        hw_v: impl Into<Text>,
    ) -> Self {
        let mut description = NodeDescription::interior("DevDetail").type_(Self::TYPE);
        for name in ["DevTyp", "OEM", "FwV", "SwV", "HwV"] {
            description = description.child(NodeDescription::leaf(name, NodeFormat::Chr));
        }
        let mut uri = NodeDescription::interior("URI");
        for name in ["MaxDepth", "MaxTotLen", "MaxSegLen"] {
            uri = uri.child(NodeDescription::leaf(name, NodeFormat::Chr));
        }
        let description = description
            .child(NodeDescription::leaf("LrgObj", NodeFormat::Bool))
            .child(uri);
        Self {
            dev_typ: dev_typ.into(),
            oem: oem.into(),
            fw_v: fw_v.into(),
            sw_v: sw_v.into(),
            hw_v: hw_v.into(),
            lrg_obj: true,
            uri: UriLimits::default(),
            description,
        }
    }

    fn write(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        for (name, value) in [
            ("DevTyp", self.dev_typ.as_str()),
            ("OEM", self.oem.as_str()),
            ("FwV", self.fw_v.as_str()),
            ("SwV", self.sw_v.as_str()),
            ("HwV", self.hw_v.as_str()),
            ("LrgObj", if self.lrg_obj { "true" } else { "false" }),
            ("URI/MaxDepth", &self.uri.max_depth.to_string()),
            ("URI/MaxTotLen", &self.uri.max_tot_len.to_string()),
            ("URI/MaxSegLen", &self.uri.max_seg_len.to_string()),
        ] {
            maintain(edit, name, value)?;
        }
        Ok(())
    }
}

impl ManagementObject for DevDetail {
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

/// Where the tree's DevDetail is.
fn root(mounts: &[Mount]) -> Option<&NodeUri> {
    let mut mounts = mounts.iter();
    let found = mounts.find(|mount| mount.object.description().has_type(DevDetail::TYPE));
    found.map(|mount| &mount.root)
}

/// Whether the tree's DevDetail says that the device takes large objects, or says nothing of them.
pub(crate) fn large_objects(view: View<'_>, mounts: &[Mount]) -> Result<bool, StatusCode> {
    let Some(root) = root(mounts) else {
        return Ok(true);
    };
    match view.text(&root.child_named("LrgObj")) {
        Ok(text) => Ok(text != "false"),
        Err(StatusCode::NOT_FOUND) => Ok(true),
        Err(status) => Err(status),
    }
}

/// The limits that the tree's DevDetail announces.
pub(crate) fn uri_limits(view: View<'_>, mounts: &[Mount]) -> Result<UriLimits, StatusCode> {
    let Some(root) = root(mounts) else {
        return Ok(UriLimits::default());
    };
    let uri = root.child_named("URI");
    let limit = |name: &str| match view.text(&uri.child_named(name)) {
        Ok(text) => Ok(text.trim().parse().unwrap_or(0)),
        Err(StatusCode::NOT_FOUND) => Ok(0),
        Err(status) => Err(status),
    };
    Ok(UriLimits {
        max_depth: limit("MaxDepth")?,
        max_tot_len: limit("MaxTotLen")?,
        max_seg_len: limit("MaxSegLen")?,
    })
}
