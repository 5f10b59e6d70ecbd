//! [`Inbox`].

use dm_proto::Text;

use crate::{
    NodeFormat, NodeUri,
    description::{Access, NodeDescription},
    object::ManagementObject,
    tree::Mount,
};

/// `./Inbox`: where a server puts an object without knowing where objects of its kind are.
///
/// OMA-TS-DM_StdObj, Inbox. An Add of a serialized subtree (TNDS) to `./Inbox`, or below it, puts each of
/// its top-level nodes where the device has objects with the identifier that is its Type: below the node
/// whose description has a child of that type. Its name is that of the node, or else the first number that
/// is free; values that point to `./Inbox/<name>` point to the new place. What the server may do there it
/// may do through the Inbox, and nothing more: it needs Add on the Inbox and on the node that the object
/// goes below, and the description has to allow it. An identifier that no description has is answered 405.
///
/// Nothing is kept in the Inbox itself: an Add of a single interior node with a Type is done in the same
/// way. Plain Adds below it, in the same session, by its name in the Inbox (`./Inbox/<X>/...`) go below its real
/// place, where they need the same rights as there. Get is answered 405, there and below.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inbox {
    description: NodeDescription,
}

impl Inbox {
    /// The identifier of the object.
    pub const TYPE: &'static str = "urn:oma:mo:oma-dm-inbox:1.0";
    /// Its place.
    pub const ROOT: &'static str = "./Inbox";

    /// The Inbox. Its ACL says who may use it: that of the root (everyone) if it has none.
    pub fn new() -> Self {
        Self {
            description: NodeDescription::interior("Inbox")
                .type_(Self::TYPE)
                .access(Access::ADD),
        }
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl ManagementObject for Inbox {
    fn description(&self) -> &NodeDescription {
        &self.description
    }
}

/// The root of the Inbox that a node is in.
pub(crate) fn inbox_of<'m>(mounts: &'m [Mount], uri: &NodeUri) -> Option<&'m NodeUri> {
    mounts
        .iter()
        .find(|mount| mount.is_inbox && uri.below(&mount.root).is_some())
        .map(|mount| &mount.root)
}

/// Where objects with an identifier go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Below this node, under any name.
    Below(NodeUri),
    /// Here.
    At(NodeUri),
}

/// The place of objects with an identifier, by the descriptions of a tree.
pub(crate) fn place_of(mounts: &[Mount], type_: &str) -> Option<Place> {
    let is_it = |description: &NodeDescription| {
        description.format() == NodeFormat::Node && description.has_type(type_)
    };
    let mut at = None;
    for mount in mounts {
        let mut pending = vec![(mount.root.clone(), mount.object.description())];
        while let Some((uri, description)) = pending.pop() {
            for child in description.children() {
                match child.name().map(Text::from) {
                    None if is_it(child) => return Some(Place::Below(uri)),
                    Some(name) => {
                        let child_uri = uri.child_named(&name);
                        if is_it(child) {
                            at.get_or_insert_with(|| Place::At(child_uri.clone()));
                        }
                        pending.push((child_uri, child));
                    }
                    None => {}
                }
            }
        }
    }
    at
}
