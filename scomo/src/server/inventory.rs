//! [`Inventory`], [`Inventories`]: reads what is on a device.

use std::collections::BTreeMap;

use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::Ended;
use crate::{
    Branch, DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, DownloadStatus,
    Operation, nodes, server::invoke,
};

/// Reads the inventory, and what waits for its download. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Inventory {
    course: Course<Look>,
}

/// The same of every such object of the device, however many there are.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Inventories {
    course: Course<Look>,
}

/// A package that is or was to be fetched: a node below `Download`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Download {
    /// The name of its node.
    pub node: Text,
    /// `PkgID`: the identifier that a server gave it.
    pub pkg_id: Text,
    /// `Name`: a name for people.
    pub name: Option<Text>,
    /// `PkgURL`: of the package or of its descriptor.
    pub pkg_url: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `Reboot` (1.1): opaque.
    pub reboot: Option<Text>,
    /// `Description`: for people.
    pub description: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// `PkgType`: its media type.
    pub pkg_type: Option<Text>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DownloadStatus>,
    /// What it offers.
    pub operations: Operations,
    /// The leaves that vendors, and the device, have added directly below `Ext`, by name; none from a
    /// device that does not list a subtree with its values (`?list=StructData`).
    pub ext: BTreeMap<Text, Text>,
    /// Leaves that the standard does not have, or whose values it does not have, by name.
    pub others: BTreeMap<Text, Text>,
}

/// A package in a device's inventory.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delivered {
    /// The name of its node.
    pub node: Text,
    /// `PkgID`: the identifier that a server gave it.
    pub pkg_id: Text,
    /// `Name`: a name for people.
    pub name: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `Reboot` (1.1): opaque.
    pub reboot: Option<Text>,
    /// `Description`: for people.
    pub description: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// `PkgType`: its media type.
    pub pkg_type: Option<Text>,
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeliveredState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeliveredStatus>,
    /// What it offers.
    pub operations: Operations,
    /// The leaves that vendors, and the device, have added directly below `Ext`, by name; none from a
    /// device that does not list a subtree with its values (`?list=StructData`).
    pub ext: BTreeMap<Text, Text>,
    /// Leaves that the standard does not have, or whose values it does not have, by name.
    pub others: BTreeMap<Text, Text>,
}

/// A component in a device's inventory.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Deployed {
    /// The name of its node.
    pub node: Text,
    /// `ID`: unique on the device.
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
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeployedState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeployedStatus>,
    /// What it offers.
    pub operations: Operations,
    /// The leaves that vendors, and the device, have added directly below `Ext`, by name; none from a
    /// device that does not list a subtree with its values (`?list=StructData`).
    pub ext: BTreeMap<Text, Text>,
    /// Leaves that the standard does not have, or whose values it does not have, by name.
    pub others: BTreeMap<Text, Text>,
}

/// The operations that a package or component offers.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Operations {
    /// Those of the standard; `None` if the device does not show them.
    pub known: Option<Vec<Operation>>,
    /// The names of a vendor's, below `Operations` and `Operations/Ext`.
    pub vendor: Vec<Text>,
}

/// What is on a device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contents {
    /// The root of the object.
    pub root: NodeUri,
    /// What waits for its download, or for its installation after it.
    pub downloads: Vec<Download>,
    /// The packages.
    pub delivered: Vec<Delivered>,
    /// The components.
    pub deployed: Vec<Deployed>,
    /// Whether that is all: of a device that has more than 4096 nodes there are those that were read.
    pub complete: bool,
}

impl Inventory {
    /// Reads it.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look { every: false }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Result<Contents, Ended> {
        let mut all = inventories(&self.course, conclusion)?.into_iter();
        all.next().ok_or(Ended::NotFound)
    }
}

impl Inventories {
    /// Reads them.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look { every: true }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Result<Vec<Contents>, Ended> {
        inventories(&self.course, conclusion)
    }
}

dm_tree::coursed!(Inventory => Result<Contents, Ended>);
dm_tree::coursed!(Inventories => Result<Vec<Contents>, Ended>);

impl Operations {
    /// Whether an operation is offered; `None` if the device does not show it.
    pub fn offers(&self, operation: Operation) -> Option<bool> {
        let known = self.known.as_ref()?;
        Some(known.contains(&operation))
    }
}

impl Contents {
    /// A component by its `ID`.
    pub fn component(&self, id: &str) -> Option<&Deployed> {
        self.deployed.iter().find(|component| component.id == id)
    }

    /// A package on the device by its `PkgID`.
    pub fn package(&self, pkg_id: &str) -> Option<&Delivered> {
        self.delivered
            .iter()
            .find(|package| package.pkg_id == pkg_id)
    }

    fn new(root: &NodeUri, seen: &Snapshot) -> Self {
        Self {
            root: root.clone(),
            downloads: entries(root, Branch::Download, seen, |entry| Download {
                node: entry.name(),
                pkg_id: entry.text(nodes::PKG_ID).unwrap_or_default(),
                name: entry.text(nodes::NAME),
                pkg_url: entry.text(nodes::PKG_URL),
                install_params: entry.text(nodes::INSTALL_PARAMS),
                reboot: entry.text(nodes::REBOOT),
                description: entry.text(nodes::DESCRIPTION),
                env_type: entry.text(nodes::ENV_TYPE),
                pkg_type: entry.text(nodes::PKG_TYPE),
                status: entry.value(nodes::STATUS, DownloadStatus::parse),
                operations: entry.operations(Branch::Download),
                ext: entry.ext(),
                others: entry.others(),
            }),
            delivered: entries(root, Branch::Delivered, seen, |entry| Delivered {
                node: entry.name(),
                pkg_id: entry.text(nodes::PKG_ID).unwrap_or_default(),
                name: entry.text(nodes::NAME),
                install_params: entry.text(nodes::INSTALL_PARAMS),
                reboot: entry.text(nodes::REBOOT),
                description: entry.text(nodes::DESCRIPTION),
                env_type: entry.text(nodes::ENV_TYPE),
                pkg_type: entry.text(nodes::PKG_TYPE),
                state: entry.value(nodes::STATE, DeliveredState::parse),
                status: entry.value(nodes::STATUS, DeliveredStatus::parse),
                operations: entry.operations(Branch::Delivered),
                ext: entry.ext(),
                others: entry.others(),
            }),
            deployed: entries(root, Branch::Deployed, seen, |entry| Deployed {
                node: entry.name(),
                id: entry.text(nodes::ID).unwrap_or_default(),
                pkg_id: entry.text(nodes::PKG_ID_REF),
                name: entry.text(nodes::NAME),
                description: entry.text(nodes::DESCRIPTION),
                version: entry.text(nodes::VERSION),
                env_type: entry.text(nodes::ENV_TYPE),
                state: entry.value(nodes::STATE, DeployedState::parse),
                status: entry.value(nodes::STATUS, DeployedStatus::parse),
                operations: entry.operations(Branch::Deployed),
                ext: entry.ext(),
                others: entry.others(),
            }),
            complete: seen.is_complete(),
        }
    }
}

fn inventories(course: &Course<Look>, conclusion: &Conclusion) -> Result<Vec<Contents>, Ended> {
    match conclusion {
        Conclusion::Read => Ok(course
            .read_instances()
            .map(|root| Contents::new(root, course.snapshot()))
            .collect()),
        Conclusion::Ended(ended) => Err(*ended),
        Conclusion::Result(..) => Err(Ended::Unknown),
    }
}

fn entries<T>(
    root: &NodeUri,
    branch: Branch,
    seen: &Snapshot,
    read: impl Fn(&mut Entry<'_>) -> T,
) -> Vec<T> {
    let Ok(branch) = root.join(branch.path()) else {
        return Vec::new();
    };
    seen.children(&branch)
        .map(|node| {
            read(&mut Entry {
                node,
                seen,
                known: Vec::new(),
            })
        })
        .collect()
}

/// A package or component that is read leaf by leaf.
struct Entry<'a> {
    node: &'a NodeUri,
    seen: &'a Snapshot,
    /// The leaves that were understood.
    known: Vec<&'static str>,
}

impl Entry<'_> {
    fn name(&self) -> Text {
        Text::from(self.node.name())
    }

    fn text(&mut self, leaf: &'static str) -> Option<Text> {
        self.value(leaf, |value| Some(Text::from(value)))
    }

    fn value<T>(&mut self, leaf: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.seen.text(&self.node.join(leaf).ok()?)?;
        let parsed = parse(value)?;
        self.known.push(leaf);
        Some(parsed)
    }

    /// The leaves that are left. Data may be the package itself, if a device lets it be read.
    fn others(&self) -> BTreeMap<Text, Text> {
        self.seen
            .children(self.node)
            .filter(|leaf| leaf.name() != nodes::DATA && !self.known.contains(&leaf.name()))
            .filter_map(|leaf| Some((Text::from(leaf.name()), Text::from(self.seen.text(leaf)?))))
            .collect()
    }

    /// The leaves below `Ext` that were read.
    fn ext(&self) -> BTreeMap<Text, Text> {
        let Ok(ext) = self.node.join(nodes::EXT) else {
            return BTreeMap::new();
        };
        self.seen
            .children(&ext)
            .filter_map(|leaf| Some((Text::from(leaf.name()), Text::from(self.seen.text(leaf)?))))
            .collect()
    }

    fn operations(&self, branch: Branch) -> Operations {
        let names = |path: &str| -> Vec<Text> {
            self.node
                .join(path)
                .map(|uri| self.seen.names(&uri).map(Text::from).collect())
                .unwrap_or_default()
        };
        let known = |name: &Text| Operation::from_node_name(branch, name);
        let offered = names(nodes::OPERATIONS);
        let is_vendor = |name: &Text| known(name).is_none() && name != nodes::EXT;
        let mut vendor: Vec<Text> = offered
            .iter()
            .filter(|name| is_vendor(name))
            .cloned()
            .collect();
        vendor.extend(names(nodes::OPERATIONS_EXT_PATH));
        Operations {
            known: (!offered.is_empty()).then(|| offered.iter().filter_map(known).collect()),
            vendor,
        }
    }
}

/// The value of a leaf below a node.
pub(super) fn leaf(seen: &Snapshot, node: &NodeUri, name: &str) -> Option<Text> {
    seen.text(&node.join(name).ok()?).map(Text::from)
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Look {
    every: bool,
}

impl Script for Look {
    const MO_IDS: &'static [&'static str] = invoke::MO_IDS;
    const REPORTS: &'static [&'static str] = invoke::REPORTS;

    fn reads(&self) -> Vec<&'static str> {
        vec![nodes::DOWNLOAD, nodes::DELIVERED_PATH, nodes::DEPLOYED_PATH]
    }

    fn plan(&self, _: &NodeUri, _: &Snapshot) -> Option<Plan> {
        None
    }

    fn every(&self) -> bool {
        self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(leaves: &[(&str, Option<&str>)]) -> Contents {
        let uri = |path: &str| NodeUri::parse(path).expect("a uri");
        let seen = Snapshot::of(leaves.iter().map(|(path, value)| (uri(path), *value)));
        Contents::new(&uri("./S"), &seen)
    }

    fn text(text: &'static str) -> Option<Text> {
        Some(Text::from_static(text))
    }

    #[test]
    fn every_leaf_of_a_package_is_read() {
        let contents = contents(&[
            ("./S/Inventory/Delivered/P", None),
            ("./S/Inventory/Delivered/P/PkgID", Some("p")),
            ("./S/Inventory/Delivered/P/Name", Some("name")),
            ("./S/Inventory/Delivered/P/InstallParams", Some("params")),
            ("./S/Inventory/Delivered/P/Reboot", Some("after")),
            ("./S/Inventory/Delivered/P/Description", Some("description")),
            ("./S/Inventory/Delivered/P/EnvType", Some("env")),
            ("./S/Inventory/Delivered/P/PkgType", Some("type")),
            ("./S/Inventory/Delivered/P/State", Some(" 20 ")),
            ("./S/Inventory/Delivered/P/Status", Some("50")),
            ("./S/Inventory/Delivered/P/Data", Some("the package itself")),
            ("./S/Inventory/Delivered/P/Operations", None),
            ("./S/Inventory/Delivered/P/Operations/Remove", Some("")),
            ("./S/Inventory/Delivered/P/Operations/Verify", Some("")),
            ("./S/Inventory/Delivered/P/Operations/Ext", None),
            ("./S/Inventory/Delivered/P/Operations/Ext/Sign", Some("")),
            ("./S/Inventory/Delivered/P/Ext", None),
            ("./S/Inventory/Delivered/P/Ext/Colour", Some("red")),
            ("./S/Inventory/Delivered/P/Ext/Licence", None),
            ("./S/Inventory/Delivered/P/Ext/Licence/Until", Some("2030")),
            ("./S/Ext", None),
        ]);
        assert_eq!(
            contents.package("p"),
            Some(&Delivered {
                node: "P".into(),
                pkg_id: "p".into(),
                name: text("name"),
                install_params: text("params"),
                reboot: text("after"),
                description: text("description"),
                env_type: text("env"),
                pkg_type: text("type"),
                state: Some(DeliveredState::Installed),
                status: Some(DeliveredStatus::InstallFailed),
                operations: Operations {
                    known: Some(vec![Operation::RemovePackage]),
                    vendor: vec!["Verify".into(), "Sign".into()],
                },
                ext: BTreeMap::from([("Colour".into(), "red".into())]),
                others: BTreeMap::new(),
            })
        );
        assert_eq!(contents.delivered.len(), 1);
    }

    #[test]
    fn values_that_are_none_of_the_standards_are_kept_as_they_are() {
        let contents = contents(&[
            ("./S/Inventory/Deployed/C", None),
            ("./S/Inventory/Deployed/C/ID", Some("c")),
            ("./S/Inventory/Deployed/C/State", Some("30")),
            ("./S/Inventory/Deployed/C/Status", Some("")),
            ("./S/Inventory/Deployed/C/Licence", Some("free")),
        ]);
        let component = contents.component("c").expect("a component");
        assert_eq!((component.state, component.status), (None, None));
        let others: Vec<_> = component
            .others
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            others,
            [("Licence", "free"), ("State", "30"), ("Status", "")]
        );
        assert_eq!(component.operations.offers(Operation::Activate), None);
    }

    #[test]
    fn what_waits_for_its_download_is_told_with_how_far_it_is() {
        let contents = contents(&[
            ("./S/Download/X", None),
            ("./S/Download/X/PkgID", Some("x")),
            ("./S/Download/X/PkgURL", Some("http://localhost/x")),
            ("./S/Download/X/Status", Some("30")),
            ("./S/Download/X/Operations", None),
            ("./S/Download/X/Operations/Download", Some("")),
        ]);
        let [download] = contents.downloads.as_slice() else {
            panic!("one download: {contents:?}");
        };
        assert_eq!(download.status, Some(DownloadStatus::Downloading));
        assert_eq!(download.pkg_url, text("http://localhost/x"));
        let offers = |operation| download.operations.offers(operation);
        assert_eq!(offers(Operation::Download), Some(true));
        assert_eq!(offers(Operation::DownloadInstall), Some(false));
    }
}
