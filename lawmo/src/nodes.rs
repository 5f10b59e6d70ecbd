//! Names of the nodes, as they are spelled on the wire.

use dm_tree::NodeUri;

use crate::Operation;

/// `State`: the lock state.
pub const STATE: &str = "State";
/// `AvailableWipeList`: what can be wiped.
pub const AVAILABLE_WIPE_LIST: &str = "AvailableWipeList";
/// `AvailableWipeList/<X>/ListItemName`: a name for people.
pub const LIST_ITEM_NAME: &str = "ListItemName";
/// `AvailableWipeList/<X>/ToBeWiped`: whether the next Wipe includes it.
pub const TO_BE_WIPED: &str = "ToBeWiped";
/// `LAWMOConfig`: configuration.
pub const CONFIG: &str = "LAWMOConfig";
/// `LAWMOConfig/NotifyUser`: whether the user is told about operations.
pub const NOTIFY_USER: &str = "NotifyUser";
/// `Operations`: parent of what can be executed.
pub const OPERATIONS: &str = "Operations";
/// `Ext` and `Operations/Ext`: what vendors add.
pub const EXT: &str = "Ext";
/// `Ext/LockedBy`: the server that locked the device, while it is locked. An addition of this crate.
pub const LOCKED_BY: &str = "LockedBy";

/// Where [`LOCKED_BY`] is.
pub(crate) const LOCKED_BY_PATH: &str = "Ext/LockedBy";
/// Where operations of vendors are.
pub(crate) const OPERATIONS_EXT: &str = "Operations/Ext";
/// How truth values are written.
pub(crate) const TRUE: &str = "true";
/// How truth values are written.
pub(crate) const FALSE: &str = "false";

/// Where the object is found in the field.
pub const USUAL_ROOTS: [&str; 2] = ["./LAWMO", "./ManagedObjects/LAWMO"];

/// The node of an operation.
pub(crate) fn operation(root: &NodeUri, operation: Operation) -> Option<NodeUri> {
    root.join(OPERATIONS)
        .and_then(|operations| operations.join(operation.node_name()))
        .ok()
}

/// How a truth value is written.
pub(crate) const fn truth_text(value: bool) -> &'static str {
    if value { TRUE } else { FALSE }
}
