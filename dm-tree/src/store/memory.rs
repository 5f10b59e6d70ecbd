//! [`Memory`]: a store that is gone with the process.

use std::collections::BTreeMap;

use dm_proto::Text;

use super::{Batch, Kind, Store, StoreError};
use crate::{Node, NodeUri};

/// A store in memory: for tests, and for devices whose tree is made anew at every start.
#[derive(Clone, Default)]
pub struct Memory {
    /// By parent, then by name: listing children touches nothing else.
    folders: BTreeMap<Text, BTreeMap<Text, Node>>,
    records: BTreeMap<(Kind, u64), Vec<u8>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Memory")
            .field("folders", &self.folders)
            .field("records", &self.records.keys())
            .finish()
    }
}

impl Store for Memory {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        let (parent, name) = split(uri);
        Ok(self
            .folders
            .get(parent)
            .and_then(|folder| folder.get(name))
            .cloned())
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        if let Some(folder) = self.folders.get(uri.as_str()) {
            folder.keys().cloned().for_each(each);
        }
        Ok(())
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
        for (uri, node) in batch.nodes {
            let (parent, name) = split(&uri);
            match node {
                Some(node) => {
                    self.folders
                        .entry(parent.into())
                        .or_default()
                        .insert(name.into(), node);
                }
                None => {
                    if let Some(folder) = self.folders.get_mut(parent) {
                        folder.remove(name);
                        if folder.is_empty() {
                            self.folders.remove(parent);
                        }
                    }
                }
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

/// The key of a node: its parent's URI, empty for the root, and its name.
pub(super) fn split(uri: &NodeUri) -> (&str, &str) {
    uri.as_str().rsplit_once('/').unwrap_or(("", "."))
}
