//! [`Reader`]: reads subtrees; [`Snapshot`]: what was read.

use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_proto::{
    StatusCode, Text,
    message::{Command, Item},
};
use serde::{Deserialize, Serialize};

use super::{Ended, command, replies::Replies};
use crate::NodeUri;

/// Nodes and values as a device gave them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    nodes: BTreeMap<NodeUri, Seen>,
    /// Nodes that others list, and that were not read themselves.
    listed: BTreeSet<NodeUri>,
    /// Octets of values.
    octets: usize,
    /// The device had more than is kept.
    is_cut: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Seen {
    interior: bool,
    value: Option<Text>,
}

impl Snapshot {
    /// What a device might have: nodes with their values, `None` for interior ones. For tests of scripts.
    pub fn of<'a>(nodes: impl IntoIterator<Item = (NodeUri, Option<&'a str>)>) -> Self {
        let mut snapshot = Self::default();
        for (uri, value) in nodes {
            let seen = Seen {
                interior: value.is_none(),
                value: value.map(Text::from),
            };
            snapshot.put(uri, seen);
        }
        snapshot
    }

    /// Whether it holds all that the device gave: 4096 nodes and 4 MiB of values at most are kept.
    pub fn is_complete(&self) -> bool {
        !self.is_cut
    }

    /// Whether the node was there and could be read.
    pub fn exists(&self, uri: &NodeUri) -> bool {
        self.nodes.contains_key(uri)
    }

    /// The value of a leaf, if it is text.
    pub fn text(&self, uri: &NodeUri) -> Option<&str> {
        self.nodes.get(uri)?.value.as_deref()
    }

    /// The children of a node that could be read, sorted.
    pub fn children(&self, uri: &NodeUri) -> impl Iterator<Item = &NodeUri> {
        let behind = (Bound::Excluded(uri), Bound::Unbounded);
        let behind = self.nodes.range::<NodeUri, _>(behind).map(|(node, _)| node);
        behind
            .take_while(move |node| begins_as(node, uri))
            .filter(move |node| is_child(node, uri))
    }

    /// The children of a node by name, those too that cannot be read or were not: what can only be
    /// executed is among them.
    pub fn names(&self, uri: &NodeUri) -> impl Iterator<Item = &str> {
        let behind = (Bound::Excluded(uri), Bound::Unbounded);
        let listed = self.listed.range::<NodeUri, _>(behind);
        let listed = listed
            .take_while(move |node| begins_as(node, uri))
            .filter(move |node| is_child(node, uri) && !self.exists(node));
        self.children(uri).chain(listed).map(NodeUri::name)
    }

    /// Whether a node offers `operation` below it: `None` if what was read does not say, since none of its
    /// children can be seen.
    pub fn offers(&self, operation: &NodeUri) -> Option<bool> {
        let parent = operation.parent()?;
        let mut names = self.names(&parent).peekable();
        names.peek()?;
        Some(names.any(|name| name == operation.name()))
    }

    /// Notes a name; whether it is a new one, and not one too many.
    fn list(&mut self, uri: NodeUri) -> bool {
        let is_new = !self.listed.contains(&uri);
        self.is_cut |= is_new && self.listed.len() >= NODES;
        is_new && !self.is_cut && self.listed.insert(uri)
    }

    fn put(&mut self, uri: NodeUri, seen: Seen) {
        let octets = seen.value.as_ref().map_or(0, |value| value.len());
        let octets = self.octets.saturating_add(octets);
        if self.nodes.len() < NODES && octets <= OCTETS {
            self.octets = octets;
            self.nodes.insert(uri, seen);
        } else {
            self.is_cut = true;
        }
    }
}

/// Reads subtrees: by `?list=StructData`, and node by node where the device does not know that.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Reader {
    starts: Vec<NodeUri>,
    /// Where a list was refused: the nodes still to be read one by one.
    walk: Option<VecDeque<NodeUri>>,
    sent: Vec<NodeUri>,
    seen: Snapshot,
}

/// How far a [`Reader`] is.
pub(super) enum Read {
    /// It has more to ask.
    More(Reader),
    /// This is what there is.
    Done(Snapshot),
    /// A start node may not be read.
    Refused(Ended),
}

/// Nodes read at most: an inventory of some 500 components.
const NODES: usize = 4096;
/// Octets of values read at most.
const OCTETS: usize = 4 << 20;
/// Levels below a start node, one more than any object here has.
const DEPTH: usize = 5;
/// Gets in one message while walking.
const BATCH: usize = 32;
/// The node of any object below which its operations are.
const OPERATIONS: &str = "Operations";
/// The node of any object below which its vendor's are.
const EXT: &str = "Ext";

impl Reader {
    pub(super) fn new(starts: Vec<NodeUri>) -> Self {
        Self {
            starts,
            walk: None,
            sent: Vec::new(),
            seen: Snapshot::default(),
        }
    }

    pub(super) fn commands(&mut self) -> Vec<Command> {
        match &mut self.walk {
            None => {
                self.sent.clone_from(&self.starts);
                self.sent
                    .iter()
                    .map(|uri| command::get(uri, "?list=StructData"))
                    .collect()
            }
            Some(walk) => {
                self.sent = walk.drain(..walk.len().min(BATCH)).collect();
                self.sent.iter().map(|uri| command::get(uri, "")).collect()
            }
        }
    }

    /// Takes what came back. A start node that may not be read ends it, unless it is one that may be missed.
    pub(super) fn answered(
        mut self,
        replies: &Replies,
        may_miss: impl Fn(&NodeUri) -> bool,
    ) -> Read {
        let sent = core::mem::take(&mut self.sent);
        self.seen.is_cut |= replies.is_cut();
        let listing = self.walk.is_none();
        let mut walk = self.walk.take().unwrap_or_default();
        for (command, uri) in (0_u16..).zip(&sent) {
            match replies.get_status(command) {
                Some(status) if status.is_success() => {
                    let complete = if listing {
                        self.take_list(uri, replies.items(command))
                    } else {
                        self.take_node(uri, replies.items(command), &mut walk);
                        true
                    };
                    if !complete {
                        walk.push_back(uri.clone());
                    }
                }
                Some(StatusCode::NOT_FOUND) => {}
                _ if listing => walk.push_back(uri.clone()),
                Some(status) if self.starts.contains(uri) && !may_miss(uri) => {
                    return Read::Refused(replies.refused(command, status));
                }
                // A leaf that may not be read is not missed.
                _ => {}
            }
        }
        if walk.is_empty() {
            return Read::Done(self.seen);
        }
        self.walk = Some(walk);
        Read::More(self)
    }

    /// Takes a list; `false` if the device took the query for a plain Get.
    fn take_list<'a>(&mut self, start: &NodeUri, items: impl Iterator<Item = &'a Item>) -> bool {
        let mut nodes = 0_usize;
        let mut names = false;
        for item in items {
            let Some(uri) = source(item) else { continue };
            if uri.below(start).is_none() {
                continue;
            }
            let interior = is_interior(item);
            names |= interior && uri == *start && text(item).is_some_and(|text| !text.is_empty());
            nodes = nodes.saturating_add(1);
            // What a vendor has below is the vendor's.
            let above = uri.parent().and_then(|parent| parent.parent());
            if above.is_some_and(|above| above.name() == EXT && self.is_closed(&above)) {
                continue;
            }
            let value = if interior { None } else { text(item) };
            self.seen.put(uri, Seen { interior, value });
        }
        nodes > 1 || (nodes == 1 && !names)
    }

    fn take_node<'a>(
        &mut self,
        uri: &NodeUri,
        mut items: impl Iterator<Item = &'a Item>,
        walk: &mut VecDeque<NodeUri>,
    ) {
        let Some(item) = items.next() else { return };
        let interior = is_interior(item);
        let value = text(item);
        if interior && self.depth(uri) < DEPTH {
            for name in value.clone().iter().flat_map(|names| names.split('/')) {
                let Ok(child) = uri.join(name.trim()) else {
                    continue;
                };
                // A name that is told twice is walked once, and so many names in all: the depth alone
                // bounds nothing.
                if self.seen.list(child.clone()) && !self.is_closed(uri) {
                    walk.push_back(child);
                }
            }
        }
        let value = if interior { None } else { value };
        self.seen.put(uri.clone(), Seen { interior, value });
    }

    /// Whether the children of a node are of interest by name only: operations, which are executed, and
    /// what is the vendor's. An item or a package may have such a name too.
    fn is_closed(&self, uri: &NodeUri) -> bool {
        let is_below = uri.parent().is_some_and(|up| up.name() == OPERATIONS);
        matches!(uri.name(), OPERATIONS | EXT)
            && (is_below || self.starts.contains(uri) || self.depth(uri) > 1)
    }

    fn depth(&self, uri: &NodeUri) -> usize {
        self.starts
            .iter()
            .filter_map(|start| uri.below(start))
            .map(|below| {
                below
                    .split('/')
                    .filter(|segment| !segment.is_empty())
                    .count()
            })
            .min()
            .unwrap_or(DEPTH)
    }
}

/// Whether a device takes large objects. It may be read beside an object, if the device lets it be read.
/// OMA-TS-DM_StdObj, DevDetail.
pub(super) fn lrg_obj() -> Option<NodeUri> {
    NodeUri::parse("./DevDetail/LrgObj").ok()
}

/// Whether a node may be below another: those that are stand together in their order, with a few whose names
/// only begin alike.
fn begins_as(node: &NodeUri, parent: &NodeUri) -> bool {
    node.as_str().starts_with(parent.as_str())
}

fn is_child(node: &NodeUri, parent: &NodeUri) -> bool {
    node.below(parent)
        .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

pub(super) fn source(item: &Item) -> Option<NodeUri> {
    NodeUri::parse(item.source_uri()?.as_str()).ok()
}

pub(super) fn is_interior(item: &Item) -> bool {
    item.meta
        .as_ref()
        .and_then(|meta| meta.format.as_ref())
        .is_some_and(|format| format.trim() == "node")
}

pub(super) fn text(item: &Item) -> Option<Text> {
    let data = item.data.as_ref()?.as_bytes()?;
    core::str::from_utf8(data).ok().map(Text::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_children_of_a_node_are_told_from_what_only_begins_as_it_does() {
        let uri = |text: &str| NodeUri::parse(text).expect("a uri");
        let mut seen = Snapshot::of(
            [
                "./A",
                "./A-1",
                "./A/B",
                "./A/B-2/C",
                "./A/B/C",
                "./A0",
                "./B",
            ]
            .map(|node| (uri(node), None)),
        );
        for listed in ["./A/Z", "./A/B", "./A-1/Y", "./A/B/X"] {
            seen.list(uri(listed));
        }
        let children = |node: &str| -> Vec<String> {
            let children = uri(node);
            let children = seen.children(&children);
            children.map(|child| child.as_str().to_owned()).collect()
        };
        assert_eq!(children("."), ["./A", "./A-1", "./A0", "./B"]);
        assert_eq!(children("./A"), ["./A/B"]);
        assert_eq!(children("./A/B"), ["./A/B/C"]);
        assert_eq!(
            children("./A/B-2"),
            ["./A/B-2/C"],
            "though it was not read itself"
        );
        assert_eq!(children("./C"), [""; 0]);
        let names = |node: &str| -> Vec<String> {
            let node = uri(node);
            seen.names(&node).map(str::to_owned).collect()
        };
        assert_eq!(names("./A"), ["B", "Z"]);
        assert_eq!(names("./A-1"), ["Y"]);
        assert_eq!(names("./A/B"), ["C", "X"]);
    }
}
