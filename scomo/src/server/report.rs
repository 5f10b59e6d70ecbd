//! [`Report`], [`Requested`]: alerts of a device that belong to no operation, as this object knows them.

use dm_proto::{Correlator, Text, message::Alert};
use dm_tree::{
    NodeUri,
    remote::{self, ComponentResult},
};
use serde::{Deserialize, Serialize};

use super::invoke;
use crate::{Branch, Operation, ResultCode, nodes};

/// A report that no operation of a queue claims ([`Notice::Unclaimed`](remote::Notice::Unclaimed)): of an
/// update that the device made by itself, say, or of another server's operation. An event, no outcome.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The object, its primitive, and what it worked on; `None` for a source that is no primitive of the
    /// standard's.
    pub requested: Option<Requested>,
    /// What came of it.
    pub result: ResultCode,
    /// What it says per component.
    pub components: Vec<ComponentResult>,
    /// The correlator, if it has one.
    pub correlator: Option<Correlator>,
}

/// A primitive of an object, as the source of an alert names it: what a report is about, or what a device
/// asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Requested {
    /// The root of the object.
    pub root: NodeUri,
    /// The name of the node of the package or component.
    pub node: Text,
    /// The primitive.
    pub operation: Operation,
}

impl Report {
    /// Reads an alert; `None` if it is no report of this object.
    pub fn read(alert: &Alert) -> Option<Self> {
        let report = remote::Report::read(alert, invoke::REPORTS)?;
        Some(Self {
            requested: report.source.as_deref().and_then(Requested::at),
            result: ResultCode::from(report.result),
            components: report.components,
            correlator: report.correlator,
        })
    }
}

impl Requested {
    /// What a part of a device's request is about; `None` if it names no primitive of this object.
    pub fn of(subject: &remote::Subject) -> Option<Self> {
        Self::at(subject.source.as_deref()?)
    }

    fn at(uri: &str) -> Option<Self> {
        let primitive = NodeUri::parse(uri.trim()).ok()?;
        let operations = primitive.parent()?;
        let node = operations.parent()?;
        let branch = node.parent()?;
        if operations.name() != nodes::OPERATIONS {
            return None;
        }
        let is_of = |known: &Branch| known.path().rsplit('/').next() == Some(branch.name());
        let known = Branch::ALL.into_iter().find(is_of)?;
        let operation = Operation::from_node_name(known, primitive.name())?;
        let above = branch.parent()?;
        let root = match operation.fetches() {
            true => above,
            false => (above.name() == nodes::INVENTORY).then(|| above.parent())??,
        };
        Some(Self {
            root,
            node: Text::from(node.name()),
            operation,
        })
    }
}

#[cfg(test)]
mod tests {
    use dm_tree::remote::RequestTypes;

    use super::*;
    use crate::alert;

    #[test]
    fn a_request_of_a_device_names_its_primitive() {
        let types = RequestTypes::of_device(["com.example.ask"]);
        for (path, operation) in [
            ("./SCOMO/Download/game", Operation::DownloadInstall),
            ("./SCOMO/Inventory/Delivered/game", Operation::RemovePackage),
            (
                "./SCOMO/Inventory/Deployed/game",
                Operation::RemoveComponent,
            ),
            ("./SCOMO/Inventory/Deployed/game", Operation::Activate),
        ] {
            let node = NodeUri::parse(path).expect("a uri");
            let alert = alert::request(&node, operation, "com.example.ask", "2.0");
            let request = types.read(&alert).expect("a request");
            let [subject] = request.subjects.as_slice() else {
                panic!("one subject: {request:?}");
            };
            let expected = Requested {
                root: NodeUri::parse("./SCOMO").expect("a uri"),
                node: "game".into(),
                operation,
            };
            assert_eq!(Requested::of(subject), Some(expected));
            assert_eq!(subject.data.as_deref(), Some("2.0"));
        }
    }

    #[test]
    fn only_primitives_of_the_object_are_known() {
        for uri in [
            "./SCOMO/Download/game",
            "./SCOMO/Download/game/Operations/Remove",
            "./SCOMO/Deployed/game/Operations/Remove",
            "./SCOMO/Inventory/Deployed/game/Operations/Install",
            "./SCOMO/Inventory/Deployed/game/Remove",
            "Download",
            "",
        ] {
            assert_eq!(Requested::at(uri), None, "{uri}");
        }
    }
}
