//! [`Memory`]: a store that is gone with the process.

mod folder;
mod path_hash;
mod slot;

use core::hash::{BuildHasherDefault, Hasher};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use dm_proto::Text;

use self::{
    folder::Folder,
    path_hash::PathHash,
    slot::{NONE, Slab, Slot},
};
use super::{Batch, Kind, Store, StoreError, StoreErrorKind};
use crate::{Acl, Node, NodeUri};

/// A store in memory: for tests, and for devices whose tree is made anew at every start.
///
/// A node takes some 145 octets beside its name and value. Reading one costs the hash of its URI,
/// whatever the size of the tree.
#[derive(Clone, Default)]
pub struct Memory {
    slots: Slab,
    /// By a part of the hash of the whole path: the first of the slots that share it.
    index: HashMap<u32, u32, BuildHasherDefault<Spread>>,
    hasher: PathHash,
    records: BTreeMap<(Kind, u64), Vec<u8>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, path: &str) -> Option<u32> {
        let hash = self.hasher.hash(path);
        let mut at = *self.index.get(&key(hash))?;
        loop {
            let slot = self.slots.get(at)?;
            if slot.hash == hash && slot.is_at(path) {
                return Some(at);
            }
            at = slot.next;
        }
    }

    fn slot(&self, uri: &NodeUri) -> Option<&Slot> {
        self.slots.get(self.find(uri.as_str())?)
    }

    fn children_of(&self, uri: &NodeUri) -> impl Iterator<Item = &Slot> {
        self.slot(uri)
            .and_then(|slot| slot.folder.as_ref())
            .into_iter()
            .flat_map(|folder| folder.iter())
            .filter_map(|child| self.slots.get(child))
            .filter(|child| child.is_node())
    }

    /// The slot of a path, made with all that lead to it where it is missing.
    fn place(&mut self, path: &str) -> u32 {
        let mut missing = Vec::new();
        let mut at = path;
        let mut parent = NONE;
        loop {
            if let Some(found) = self.find(at) {
                parent = found;
                break;
            }
            missing.push(at);
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => break,
            }
        }
        for path in missing.into_iter().rev() {
            let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
            parent = self.link(path, name, parent);
        }
        parent
    }

    /// Makes a slot that is missing, below one that is not.
    fn link(&mut self, path: &str, name: &str, parent: u32) -> u32 {
        let hash = self.hasher.hash(path);
        let folder = self.slots.get(parent).and_then(|slot| slot.folder.as_ref());
        let above = match folder {
            Some(folder) => Arc::clone(&folder.path),
            None => path.rsplit_once('/').map_or("", |(above, _)| above).into(),
        };
        let slot = Slot::new(hash, name.into(), Arc::clone(&above), parent);
        let number = self.slots.insert(slot);
        if let Some(first) = self.index.insert(key(hash), number)
            && let Some(slot) = self.slots.get_mut(number)
        {
            slot.next = first;
        }
        self.with_folder(parent, &above, |folder, slots| {
            folder.insert(number, |other| name_of(slots, other).cmp(name));
        });
        number
    }

    /// Removes a slot that is not needed any more, and those above it that are not either.
    fn prune(&mut self, mut at: u32) {
        while let Some(slot) = self.slots.get(at)
            && !slot.is_needed()
        {
            let (hash, next, parent) = (slot.hash, slot.next, slot.parent);
            let (name, above) = (slot.name.clone(), Arc::clone(&slot.above));
            self.with_folder(parent, &above, |folder, slots| {
                folder.remove(|other| name_of(slots, other).cmp(name.as_str()));
            });
            self.unlink(hash, at, next);
            self.slots.remove(at);
            at = parent;
        }
    }

    /// Takes a slot out of the index.
    fn unlink(&mut self, hash: u64, number: u32, next: u32) {
        let Some(first) = self.index.get_mut(&key(hash)) else {
            return;
        };
        if *first == number {
            if next == NONE {
                self.index.remove(&key(hash));
            } else {
                *first = next;
            }
            return;
        }
        let mut at = *first;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.next == number {
                slot.next = next;
                return;
            }
            at = slot.next;
        }
    }

    /// Changes the children of a slot, which has none meanwhile. `path` is for its first child.
    fn with_folder(&mut self, slot: u32, path: &Arc<str>, change: impl FnOnce(&mut Folder, &Slab)) {
        let Some(parent) = self.slots.get_mut(slot) else {
            return;
        };
        let folder = parent.folder.take();
        let mut folder = folder.unwrap_or_else(|| Box::new(Folder::new(Arc::clone(path))));
        change(&mut folder, &self.slots);
        if !folder.is_empty()
            && let Some(parent) = self.slots.get_mut(slot)
        {
            parent.folder = Some(folder);
        }
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Memory")
            .field("nodes", &self.index.len())
            .field("records", &self.records.keys())
            .finish_non_exhaustive()
    }
}

impl Store for Memory {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        Ok(self.slot(uri).and_then(Slot::node))
    }

    fn value(&self, uri: &NodeUri) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        Ok(self.slot(uri).and_then(Slot::value).map(Cow::Borrowed))
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.children_of(uri)
            .for_each(|child| each(child.name.clone()));
        Ok(())
    }

    fn entries(&self, uri: &NodeUri, each: &mut dyn FnMut(Text, Node)) -> Result<(), StoreError> {
        for child in self.children_of(uri) {
            if let Some(node) = child.node() {
                each(child.name.clone(), node);
            }
        }
        Ok(())
    }

    fn effective_acl(&self, uri: &NodeUri) -> Result<Option<Acl>, StoreError> {
        let Some(mut slot) = self.slot(uri) else {
            return Ok(None);
        };
        loop {
            match slot.acl() {
                None => return Ok(None),
                Some(Some(acl)) if !acl.is_empty() => return Ok(Some(acl.clone())),
                Some(_) => {}
            }
            match self.slots.get(slot.parent) {
                Some(parent) => slot = parent,
                None => return Ok(Some(Acl::default())),
            }
        }
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.records.get(&(kind, id)).cloned())
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        for ((_, id), record) in self.records.range((kind, 0)..=(kind, u64::MAX)) {
            each(*id, record.clone());
        }
        Ok(())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let most = batch.nodes.len().saturating_mul(NodeUri::MAX_DEPTH + 1);
        if !self.slots.has_room_for(most) {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        for (uri, node) in batch.nodes {
            if node.is_some() {
                let slot = self.place(uri.as_str());
                if let Some(slot) = self.slots.get_mut(slot) {
                    slot.set(node);
                }
            } else if let Some(number) = self.find(uri.as_str())
                && let Some(slot) = self.slots.get_mut(number)
            {
                slot.set(None);
                self.prune(number);
            }
        }
        for (key, record) in batch.records {
            match record {
                Some(record) => self.records.insert(key, record),
                None => self.records.remove(&key),
            };
        }
        for id in batch.adopted.into_values().flatten() {
            self.records.remove(&(Kind::Spool, id));
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        *self = Self::default();
        Ok(())
    }
}

fn name_of(slots: &Slab, slot: u32) -> &str {
    slots.get(slot).map_or("", |slot| slot.name.as_str())
}

/// The part of a hash that the index holds.
#[expect(clippy::cast_possible_truncation, reason = "that is the part")]
fn key(hash: u64) -> u32 {
    hash as u32
}

/// The keys of the index are parts of a hash: all they need is to reach the bits that a map looks at.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u32(u32::from(*octet));
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = (self.0 ^ u64::from(key)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeFormat;

    fn uri(number: u32) -> NodeUri {
        NodeUri::parse(&format!("./A{}/B{}/C{number}", number % 7, number % 31)).unwrap()
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let mut store = Memory::new();
        for round in 0..3 {
            let mut set = Batch::default();
            let mut unset = Batch::default();
            for number in 0..2000 {
                set.nodes
                    .insert(uri(number), Some(Node::leaf(NodeFormat::Chr, "v")));
                unset.nodes.insert(uri(number), None);
            }
            store.commit(set).unwrap();
            assert!((0..2000).all(|number| store.node(&uri(number)).unwrap().is_some()));
            store.commit(unset).unwrap();
            assert!(store.index.is_empty(), "{round}");
            assert!(store.slots.get(5000).is_none(), "{round}");
        }
    }

    #[test]
    fn nodes_that_share_a_key_of_the_index_are_told_apart() {
        let mut store = Memory::new();
        let mut set = Batch::default();
        for number in 0..200 {
            let node = Node::leaf(NodeFormat::Int, number.to_string());
            set.nodes.insert(uri(number), Some(node));
        }
        store.commit(set).unwrap();
        // As if all had the same key: chain them by hand.
        let numbers: Vec<u32> = store.index.values().copied().collect();
        for pair in numbers.windows(2) {
            store.slots.get_mut(pair[0]).unwrap().next = pair[1];
        }
        for key in store.index.keys().copied().collect::<Vec<_>>() {
            store.index.insert(key, numbers[0]);
        }
        for number in 0..200 {
            let node = store.node(&uri(number)).unwrap().unwrap();
            assert_eq!(node.as_str(), Some(number.to_string().as_str()));
        }
        assert_eq!(store.node(&uri(200)).unwrap(), None);
    }
}
