//! [`Inventory`]: reads what is on a device.

use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot, Summary, SummaryState},
};
use serde::{Deserialize, Serialize};

use super::{Ended, operation};
use crate::{
    DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, nodes, server::invoke,
};

/// Reads the inventory. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Inventory {
    course: Course<Look>,
}

/// A package in a device's inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Delivered {
    /// The name of its node.
    pub node: Text,
    /// `PkgID`
    pub pkg_id: Text,
    /// `Name`
    pub name: Option<Text>,
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeliveredState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeliveredStatus>,
}

/// A component in a device's inventory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Deployed {
    /// The name of its node.
    pub node: Text,
    /// `ID`
    pub id: Text,
    /// `PkgIDRef`
    pub pkg_id: Option<Text>,
    /// `Name`
    pub name: Option<Text>,
    /// `Version`
    pub version: Option<Text>,
    /// `State`; `None` if it is none of the standard's.
    pub state: Option<DeployedState>,
    /// `Status`; `None` if it is none of the standard's.
    pub status: Option<DeployedStatus>,
}

/// What is on a device.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contents {
    /// The packages.
    pub delivered: Vec<Delivered>,
    /// The components.
    pub deployed: Vec<Deployed>,
}

impl Inventory {
    /// Reads it.
    pub fn new(order: Order) -> Self {
        let course = Course::new(Look {}, order);
        Self { course }
    }

    fn typed(&self, conclusion: &Conclusion) -> Result<Contents, Ended> {
        match (conclusion, self.course.root()) {
            (Conclusion::Read, Some(root)) => Ok(contents(root, self.course.snapshot())),
            (Conclusion::Ended(ended), _) => Err(*ended),
            _ => Err(Ended::Unknown),
        }
    }
}

operation!(Inventory, Result<Contents, Ended>);

impl Contents {
    /// The outcome in the flat form that all operations share.
    pub(super) fn summary(outcome: &Result<Self, Ended>) -> Summary {
        match outcome {
            Ok(_) => Summary::new(SummaryState::Succeeded),
            Err(ended) => Summary::from(*ended),
        }
    }
}

fn contents(root: &NodeUri, seen: &Snapshot) -> Contents {
    let children = |path: &str| -> Vec<NodeUri> {
        root.join(path)
            .map(|branch| seen.children(&branch).cloned().collect())
            .unwrap_or_default()
    };
    Contents {
        delivered: children(nodes::DELIVERED_PATH)
            .iter()
            .map(|node| Delivered {
                node: Text::from(node.name()),
                pkg_id: leaf(seen, node, nodes::PKG_ID).unwrap_or_default(),
                name: leaf(seen, node, nodes::NAME),
                state: leaf(seen, node, nodes::STATE).and_then(|v| DeliveredState::parse(&v)),
                status: leaf(seen, node, nodes::STATUS).and_then(|v| DeliveredStatus::parse(&v)),
            })
            .collect(),
        deployed: children(nodes::DEPLOYED_PATH)
            .iter()
            .map(|node| Deployed {
                node: Text::from(node.name()),
                id: leaf(seen, node, nodes::ID).unwrap_or_default(),
                pkg_id: leaf(seen, node, nodes::PKG_ID_REF),
                name: leaf(seen, node, nodes::NAME),
                version: leaf(seen, node, nodes::VERSION),
                state: leaf(seen, node, nodes::STATE).and_then(|v| DeployedState::parse(&v)),
                status: leaf(seen, node, nodes::STATUS).and_then(|v| DeployedStatus::parse(&v)),
            })
            .collect(),
    }
}

/// The value of a leaf below a node.
pub(super) fn leaf(seen: &Snapshot, node: &NodeUri, name: &str) -> Option<Text> {
    seen.text(&node.join(name).ok()?).map(Text::from)
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Look {}

impl Script for Look {
    const MO_IDS: &'static [&'static str] = invoke::MO_IDS;
    const REPORTS: &'static [&'static str] = invoke::REPORTS;

    fn reads(&self) -> Vec<&'static str> {
        vec![nodes::DELIVERED_PATH, nodes::DEPLOYED_PATH]
    }

    fn plan(&self, _: &NodeUri, _: &Snapshot) -> Option<Plan> {
        None
    }
}
