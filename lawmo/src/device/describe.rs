//! The description of the object's nodes, and what comes of those that are in it no more.

use dm_proto::StatusCode;
use dm_tree::{
    Edit, NodeFormat,
    description::{Access, NodeDescription, Occurrence},
};

use super::Config;
use crate::{MO_ID, Operation, State, nodes};

/// The nodes of the object, as far as they are offered.
pub(super) fn describe(config: &Config) -> NodeDescription {
    let mut offered = config.operations.clone();
    let locks = [Operation::FullyLock, Operation::PartiallyLock];
    let has_lock = locks.iter().any(|lock| offered.contains(lock));
    if has_lock {
        offered.push(Operation::UnLock);
    }
    let mut operations = NodeDescription::interior(nodes::OPERATIONS);
    for operation in Operation::ALL {
        if offered.contains(&operation) {
            operations = operations.child(
                NodeDescription::leaf(operation.node_name(), NodeFormat::Null)
                    .access(Access::EXEC | Access::GET)
                    .occurrence(Occurrence::ZeroOrOne),
            );
        }
    }
    if !config.operations_ext.is_empty() {
        operations = operations.child(with_children(
            optional(nodes::EXT),
            config.operations_ext.iter().cloned(),
        ));
    }
    let state = NodeDescription::leaf(nodes::STATE, NodeFormat::Int)
        .default_value(State::default().as_str());
    let mut root = NodeDescription::interior("LAWMO").type_(MO_ID).child(state);
    if config.wipe_list.is_some() {
        root = root.child(optional(nodes::AVAILABLE_WIPE_LIST).child(item()));
    }
    let notify_user = NodeDescription::leaf(nodes::NOTIFY_USER, NodeFormat::Bool)
        .access(Access::GET | Access::REPLACE)
        .default_value(nodes::truth_text(config.notify_user));
    root = root
        .child(optional(nodes::CONFIG).child(notify_user))
        .child(operations);
    if has_lock || !config.ext.is_empty() {
        let locked_by = NodeDescription::leaf(nodes::LOCKED_BY, NodeFormat::Chr)
            .dynamic()
            .occurrence(Occurrence::ZeroOrOne);
        let locked_by = has_lock.then_some(locked_by);
        let ext = config.ext.iter().cloned().chain(locked_by);
        root = root.child(with_children(optional(nodes::EXT), ext));
    }
    root
}

/// Removes what was offered before an update of the device and is not any more: operations, and the wipe
/// list with its marks. What else vendors had is theirs.
pub(super) fn withdraw(edit: &mut Edit<'_>, root: &NodeDescription) -> Result<(), StatusCode> {
    let is_offered = |path: &str| {
        let mut described = Some(root);
        for name in path.split('/') {
            let mut children = described.into_iter().flat_map(NodeDescription::children);
            described = children.find(|child| child.name() == Some(name));
        }
        described.is_some()
    };
    if !is_offered(nodes::AVAILABLE_WIPE_LIST) {
        edit.remove(nodes::AVAILABLE_WIPE_LIST)?;
    }
    for parent in [nodes::OPERATIONS, nodes::OPERATIONS_EXT] {
        let uri = edit.root().join(parent);
        let uri = uri.map_err(|error| StatusCode::from(&error))?;
        let names = match edit.view().children(&uri) {
            Err(StatusCode::NOT_FOUND) => continue,
            names => names?,
        };
        for name in names {
            let path = format!("{parent}/{name}");
            if !is_offered(&path) {
                edit.remove(&path)?;
            }
        }
    }
    Ok(())
}

/// An item of the wipe list.
fn item() -> NodeDescription {
    NodeDescription::any()
        .child(NodeDescription::leaf(nodes::LIST_ITEM_NAME, NodeFormat::Chr).dynamic())
        .child(
            NodeDescription::leaf(nodes::TO_BE_WIPED, NodeFormat::Bool)
                .access(Access::GET | Access::REPLACE)
                .dynamic(),
        )
}

fn optional(name: &'static str) -> NodeDescription {
    NodeDescription::interior(name).occurrence(Occurrence::ZeroOrOne)
}

fn with_children(
    parent: NodeDescription,
    children: impl Iterator<Item = NodeDescription>,
) -> NodeDescription {
    children.fold(parent, NodeDescription::child)
}
