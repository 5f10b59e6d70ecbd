//! [`Report`], [`Requested`]: alerts of a device that belong to no operation, as this object knows them.

use dm_proto::{Correlator, message::Alert};
use dm_tree::{NodeUri, remote};
use serde::{Deserialize, Serialize};

use crate::{OPERATION_COMPLETE, Operation, ResultCode, nodes};

/// A report that no operation of a queue claims ([`Notice::Unclaimed`](remote::Notice::Unclaimed)): of an
/// unlock that was decided on the device, say, or of another server's operation. An event, no outcome.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The object and its operation; `None` for a source that is no operation of the standard's.
    pub requested: Option<Requested>,
    /// What came of it.
    pub result: ResultCode,
    /// The correlator, if it has one.
    pub correlator: Option<Correlator>,
}

/// An operation of an object, as the source of an alert names it: what a report is about, or what a
/// device asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Requested {
    /// The root of the object.
    pub root: NodeUri,
    /// The operation.
    pub operation: Operation,
}

impl Report {
    /// Reads an alert; `None` if it is no report of this object.
    pub fn read(alert: &Alert) -> Option<Self> {
        let report = remote::Report::read(alert, &[OPERATION_COMPLETE])?;
        Some(Self {
            requested: report.source.as_deref().and_then(Requested::at),
            result: ResultCode::from(report.result),
            correlator: report.correlator,
        })
    }
}

impl Requested {
    /// What a part of a device's request is about; `None` if it names no operation of this object.
    pub fn of(subject: &remote::Subject) -> Option<Self> {
        Self::at(subject.source.as_deref()?)
    }

    fn at(uri: &str) -> Option<Self> {
        let node = NodeUri::parse(uri.trim()).ok()?;
        let operations = node.parent()?;
        Some(Self {
            operation: Operation::from_node_name(node.name())?,
            root: (operations.name() == nodes::OPERATIONS).then(|| operations.parent())??,
        })
    }
}

#[cfg(test)]
mod tests {
    use dm_tree::remote::RequestTypes;

    use super::*;
    use crate::alert;

    #[test]
    fn a_request_of_a_device_names_its_operation() {
        let root = NodeUri::parse("./ManagedObjects/LAWMO").expect("a uri");
        let types = RequestTypes::of_device(["com.example.ask"]);
        let alert = alert::request(&root, Operation::Wipe, "com.example.ask", "lost");
        let request = types.read(&alert).expect("a request");
        let [subject] = request.subjects.as_slice() else {
            panic!("one subject: {request:?}");
        };
        let operation = Operation::Wipe;
        assert_eq!(Requested::of(subject), Some(Requested { root, operation }));
        assert_eq!(subject.data.as_deref(), Some("lost"));
    }

    #[test]
    fn only_operations_of_the_object_are_known() {
        for uri in [
            "./LAWMO/Wipe",
            "./LAWMO/Operations/Ring",
            "./LAWMO",
            "x",
            "",
        ] {
            assert_eq!(Requested::at(uri), None, "{uri}");
        }
    }
}
