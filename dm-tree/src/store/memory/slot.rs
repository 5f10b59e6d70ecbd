//! [`Slab`] and [`Slot`]: nodes at rest, as small as they can be.

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::Text;

use super::folder::Folder;
use crate::{Acl, Node, NodeFormat};

/// Slots by number, in pieces that never move once they are full: no vector of all of them doubles.
#[derive(Clone, Default)]
pub(super) struct Slab {
    pieces: Vec<Vec<Slot>>,
    free: Vec<u32>,
}

/// A place in the tree: a node, or only the way to one.
///
/// In a tree that is larger than the caches of the processor, reading a node costs what it touches. So a
/// slot is two lines of a cache side by side, and has all that tells it from others but for the octets of
/// [`above`](Self::above).
#[derive(Clone)]
#[repr(align(128))]
pub(super) struct Slot {
    /// Of the whole path.
    pub(super) hash: u64,
    pub(super) name: Text,
    /// The URI of the parent, shared with its other children; empty for the root.
    pub(super) above: Arc<str>,
    /// [`NONE`] for the root.
    pub(super) parent: u32,
    /// The next slot with the same key in the index.
    pub(super) next: u32,
    pub(super) folder: Option<Box<Folder>>,
    /// `None` where there is no node.
    format: Option<NodeFormat>,
    ver_no: u16,
    tstamp: u64,
    type_: Type,
    value: Value,
    extra: Option<Box<Extra>>,
}

/// The type of nearly every node, or that it is another one.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Type {
    Empty,
    Plain,
    /// Stands in [`Extra`].
    Other,
}

/// What few nodes have.
#[derive(Clone)]
struct Extra {
    acl: Acl,
    title: Text,
    /// Where it is [another one](Type::Other).
    type_: Text,
}

/// A value that keeps nothing else alive.
#[derive(Clone)]
enum Value {
    Inline(u8, [u8; INLINE]),
    Small(Box<[u8]>),
    /// Shared with who reads it.
    Large(Box<Bytes>),
}

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

impl Slab {
    pub(super) fn get(&self, slot: u32) -> Option<&Slot> {
        self.pieces
            .get(slot as usize / PIECE)?
            .get(slot as usize % PIECE)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.pieces
            .get_mut(slot as usize / PIECE)?
            .get_mut(slot as usize % PIECE)
    }

    /// Whether there are numbers for that many more slots.
    pub(super) fn has_room_for(&self, more: usize) -> bool {
        let used = self.pieces.len().saturating_mul(PIECE);
        used.saturating_add(more) < NONE as usize
    }

    /// Keeps a slot. There [is room](Self::has_room_for) for it.
    pub(super) fn insert(&mut self, slot: Slot) -> u32 {
        if let Some(free) = self.free.pop() {
            if let Some(place) = self.get_mut(free) {
                *place = slot;
            }
            return free;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first piece grows, for trees that are small.
            let capacity = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(capacity));
        }
        let full = self.pieces.len().saturating_sub(1) * PIECE;
        let mut number = full;
        if let Some(piece) = self.pieces.last_mut() {
            number += piece.len();
            piece.push(slot);
        }
        u32::try_from(number).unwrap_or(NONE)
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.get_mut(slot) {
            *place = Slot::new(0, Text::EMPTY, Arc::default(), NONE);
            self.free.push(slot);
        }
    }
}

impl Slot {
    /// A place without a node.
    pub(super) fn new(hash: u64, name: Text, above: Arc<str>, parent: u32) -> Self {
        Self {
            hash,
            name,
            above,
            parent,
            next: NONE,
            folder: None,
            format: None,
            ver_no: 0,
            tstamp: 0,
            type_: Type::Empty,
            value: Value::EMPTY,
            extra: None,
        }
    }

    /// Whether it is the slot of a path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let Some(before) = path.strip_suffix(self.name.as_str()) else {
            return false;
        };
        if self.parent == NONE {
            return before.is_empty();
        }
        before.strip_suffix('/') == Some(&*self.above)
    }

    /// The node.
    pub(super) fn node(&self) -> Option<Node> {
        let format = self.format?;
        let (acl, title, other) = match &self.extra {
            None => (Acl::default(), Text::EMPTY, Text::EMPTY),
            Some(extra) => (extra.acl.clone(), extra.title.clone(), extra.type_.clone()),
        };
        Some(Node {
            format,
            type_: match self.type_ {
                Type::Empty => Text::EMPTY,
                Type::Plain => PLAIN_TEXT,
                Type::Other => other,
            },
            title,
            acl,
            value: self.value.to_bytes(),
            tstamp: self.tstamp,
            ver_no: self.ver_no,
        })
    }

    /// The value of a leaf.
    pub(super) fn value(&self) -> Option<&[u8]> {
        match self.format? {
            NodeFormat::Node => None,
            _ => Some(self.value.octets()),
        }
    }

    /// The ACL of the node, if there is a node and it has one.
    pub(super) fn acl(&self) -> Option<Option<&Acl>> {
        self.format?;
        Some(self.extra.as_ref().map(|extra| &extra.acl))
    }

    /// Sets or removes the node.
    pub(super) fn set(&mut self, node: Option<Node>) {
        let Some(node) = node else {
            self.format = None;
            self.type_ = Type::Empty;
            self.value = Value::EMPTY;
            self.extra = None;
            return;
        };
        self.type_ = match node.type_.as_str() {
            "" => Type::Empty,
            PLAIN => Type::Plain,
            _ => Type::Other,
        };
        let is_plain = node.acl.is_empty() && node.title.is_empty() && self.type_ != Type::Other;
        self.format = Some(node.format);
        self.ver_no = node.ver_no;
        self.tstamp = node.tstamp;
        self.value = Value::from(&*node.value);
        self.extra = (!is_plain).then(|| {
            Box::new(Extra {
                acl: node.acl,
                title: node.title,
                type_: match self.type_ {
                    Type::Other => node.type_,
                    Type::Empty | Type::Plain => Text::EMPTY,
                },
            })
        });
    }

    pub(super) fn is_node(&self) -> bool {
        self.format.is_some()
    }

    pub(super) fn is_needed(&self) -> bool {
        self.is_node()
            || self
                .folder
                .as_ref()
                .is_some_and(|folder| !folder.is_empty())
    }
}

impl Value {
    const EMPTY: Self = Self::Inline(0, [0; INLINE]);

    fn to_bytes(&self) -> Bytes {
        match self {
            Self::Inline(0, _) => Bytes::new(),
            Self::Inline(..) | Self::Small(_) => Bytes::copy_from_slice(self.octets()),
            Self::Large(octets) => Bytes::clone(octets),
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Inline(len, octets) => octets.get(..usize::from(*len)).unwrap_or_default(),
            Self::Small(octets) => octets,
            Self::Large(octets) => octets,
        }
    }
}

/// Copies: what came from a message must not keep all of it.
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match (inline.get_mut(..value.len()), u8::try_from(value.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(value);
                Self::Inline(len, inline)
            }
            _ if value.len() <= SMALL => Self::Small(value.into()),
            _ => Self::Large(Box::new(Bytes::copy_from_slice(value))),
        }
    }
}

/// The type of most leaves.
const PLAIN: &str = "text/plain";
/// The same, made when this is compiled.
const PLAIN_TEXT: Text = Text::from_static(PLAIN);
/// Slots in a piece.
const PIECE: usize = 1024;
/// Octets of a value that lie in the slot itself.
const INLINE: usize = 22;
/// Octets up to which copying a value is as good as sharing it.
const SMALL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_size_come_back() {
        for len in [0, 1, 21, 22, 23, 255, 256, 257, 100_000] {
            let octets: Vec<u8> = (0..=255).cycle().take(len).collect();
            assert_eq!(Value::from(&*octets).to_bytes(), octets);
        }
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 128);
    }

    #[test]
    fn a_node_comes_back_whatever_its_type_is() {
        let mut slot = Slot::new(0, Text::EMPTY, Arc::default(), NONE);
        for type_ in ["", "text/plain", "application/octet-stream", "x/y", ""] {
            for (acl, title) in [("", ""), ("Get=*", ""), ("", "a title")] {
                let node = Node::leaf(NodeFormat::Chr, "value")
                    .with_type(type_)
                    .with_title(title)
                    .with_acl(Acl::parse(acl).unwrap());
                slot.set(Some(node.clone()));
                assert_eq!(slot.value(), Some(&*node.value));
                assert_eq!(slot.node(), Some(node));
            }
        }
        slot.set(Some(Node::interior("")));
        assert_eq!(slot.value(), None);
        slot.set(None);
        assert_eq!((slot.node(), slot.value()), (None, None));
    }

    #[test]
    fn places_that_became_free_are_used_again() {
        let mut slab = Slab::default();
        let slot = |number: u64| Slot::new(number, Text::EMPTY, Arc::default(), NONE);
        let numbers: Vec<u32> = (0..3000).map(|number| slab.insert(slot(number))).collect();
        assert!(numbers.iter().copied().eq(0..3000));
        slab.remove(1500);
        slab.remove(7);
        assert_eq!(slab.insert(slot(1)), 7);
        assert_eq!(slab.insert(slot(2)), 1500);
        assert_eq!(slab.insert(slot(3)), 3000);
        assert_eq!(slab.get(1500).map(|slot| slot.hash), Some(2));
        assert!(slab.get(NONE).is_none() && slab.get(3001).is_none());
    }
}
