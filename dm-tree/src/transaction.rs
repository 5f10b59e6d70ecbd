//! Reading and writing inside a transaction: [`View`] and [`Edit`].

use std::collections::BTreeSet;

use bytes::Bytes;
use dm_proto::{StatusCode, Text};

use crate::{
    Acl, Node, NodeUri,
    store::{Batch, Store, StoreError, StoreErrorKind},
};

/// Read access to the tree as the transaction sees it: its own changes first, the store below.
#[derive(Clone, Copy)]
pub struct View<'t> {
    store: &'t dyn Store,
    /// The changes of the transaction and of its savepoints, oldest first.
    layers: &'t [Batch],
}

impl<'t> View<'t> {
    pub(crate) fn new(store: &'t dyn Store, layers: &'t [Batch]) -> Self {
        Self { store, layers }
    }

    /// A node; 404 if there is none, 510 if the storage fails.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn node(&self, uri: &NodeUri) -> Result<Node, StatusCode> {
        self.find(uri)?.ok_or(StatusCode::NOT_FOUND)
    }

    /// Whether the node exists.
    pub fn exists(&self, uri: &NodeUri) -> bool {
        self.node(uri).is_ok()
    }

    /// The value of a leaf as text.
    ///
    /// # Errors
    ///
    /// 404 if it is missing, 500 if it is not text, 510 if the storage fails.
    pub fn text(&self, uri: &NodeUri) -> Result<Text, StatusCode> {
        let node = self.node(uri)?;
        if node.is_interior() {
            return Err(StatusCode::COMMAND_FAILED);
        }
        node.as_str()
            .map(Text::from)
            .ok_or(StatusCode::COMMAND_FAILED)
    }

    /// The names of the children, sorted.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn children(&self, uri: &NodeUri) -> Result<Vec<Text>, StatusCode> {
        self.node(uri)?;
        let mut names = BTreeSet::new();
        self.store
            .children(uri, &mut |name| {
                names.insert(name);
            })
            .map_err(|error| status_of(&error))?;
        let first = uri.child_named("");
        for layer in self.layers {
            for (changed, node) in layer.nodes.range(&first..) {
                match changed.below(uri) {
                    None => break,
                    Some(name) if name.contains('/') => {}
                    Some(name) => {
                        if node.is_some() {
                            names.insert(name.into());
                        } else {
                            names.remove(name);
                        }
                    }
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The ACL that counts for a node: its own if it has one, else that of the nearest ancestor that
    /// has one. OMA-TS-DM_TND, ACL.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn effective_acl(&self, uri: &NodeUri) -> Result<Acl, StatusCode> {
        let mut acl = self.node(uri)?.acl;
        let mut at = uri.clone();
        while acl.is_empty() {
            let Some(parent) = at.parent() else {
                return Ok(Acl::of_root());
            };
            at = parent;
            acl = self.node(&at)?.acl;
        }
        Ok(acl)
    }

    /// A node; `None` if there is none.
    pub(crate) fn find(&self, uri: &NodeUri) -> Result<Option<Node>, StatusCode> {
        for layer in self.layers.iter().rev() {
            if let Some(node) = layer.nodes.get(uri) {
                return Ok(node.clone());
            }
        }
        self.store.node(uri).map_err(|error| status_of(&error))
    }

    /// The node and everything below it, parents before children.
    pub(crate) fn subtree(&self, uri: &NodeUri) -> Result<Vec<NodeUri>, StatusCode> {
        let mut found = vec![uri.clone()];
        let mut next = 0;
        while let Some(at) = found.get(next).cloned() {
            next += 1;
            for name in self.children(&at)? {
                found.push(at.child_named(&name));
            }
        }
        Ok(found)
    }
}

impl core::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("View")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

/// Write access for a management object, below its own root only. It bypasses ACLs, access types and
/// the object's own hooks. Paths are relative to the root of the object; `""` is the root itself.
///
/// TStamp and VerNo are kept by the tree, whatever the nodes given say.
pub struct Edit<'t> {
    pub(crate) raw: RawEdit<'t>,
    pub(crate) root: &'t NodeUri,
}

impl Edit<'_> {
    /// Read access.
    pub fn view(&self) -> View<'_> {
        self.raw.view()
    }

    /// The root of the object.
    pub fn root(&self) -> &NodeUri {
        self.root
    }

    /// Creates or replaces a node (its parent must exist).
    ///
    /// # Errors
    ///
    /// 404 if the parent is missing, 405 if it is a leaf, or if a leaf would take the place of a node
    /// with children, 400 if the path is none.
    pub fn put(&mut self, path: &str, node: Node) -> Result<(), StatusCode> {
        let uri = self.uri(path)?;
        if let Some(parent) = uri.parent()
            && !self.view().node(&parent)?.is_interior()
        {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let known = self.view().find(&uri)?;
        if known.as_ref().is_some_and(Node::is_interior)
            && !node.is_interior()
            && !self.view().children(&uri)?.is_empty()
        {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        self.raw.write(uri, node, known.as_ref());
        Ok(())
    }

    /// Sets the value of a leaf that exists, keeping its other properties.
    ///
    /// # Errors
    ///
    /// 404 if it is missing, 405 if it is an interior node.
    pub fn set(&mut self, path: &str, value: impl Into<Bytes>) -> Result<(), StatusCode> {
        let uri = self.uri(path)?;
        let known = self.view().node(&uri)?;
        if known.is_interior() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let node = Node {
            value: value.into(),
            ..known.clone()
        };
        self.raw.write(uri, node, Some(&known));
        Ok(())
    }

    /// Removes a node with its subtree; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// 405 for the root of the object, 400 if the path is none, 510 if the storage fails.
    pub fn remove(&mut self, path: &str) -> Result<(), StatusCode> {
        let uri = self.uri(path)?;
        if uri == *self.root {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        self.raw.remove(&uri)
    }

    fn uri(&self, path: &str) -> Result<NodeUri, StatusCode> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        self.root
            .join(path)
            .map_err(|error| StatusCode::from(&error))
    }
}

impl core::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Edit")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Write access to the whole tree, for the tree's own use.
pub(crate) struct RawEdit<'t> {
    pub(crate) store: &'t dyn Store,
    pub(crate) layers: &'t mut Vec<Batch>,
    pub(crate) now: u64,
}

impl RawEdit<'_> {
    pub(crate) fn view(&self) -> View<'_> {
        View::new(self.store, self.layers)
    }

    /// Writes a node, counting the change on from what was there.
    pub(crate) fn write(&mut self, uri: NodeUri, mut node: Node, known: Option<&Node>) {
        node.tstamp = self.now;
        node.ver_no = known.map_or(0, |known| known.ver_no.wrapping_add(1));
        self.place(uri, Some(node));
    }

    /// Removes a node and everything below it.
    pub(crate) fn remove(&mut self, uri: &NodeUri) -> Result<(), StatusCode> {
        if self.view().find(uri)?.is_none() {
            return Ok(());
        }
        for each in self.view().subtree(uri)? {
            self.place(each, None);
        }
        Ok(())
    }

    /// Moves a node and everything below it to a place that is free.
    pub(crate) fn rename(&mut self, from: &NodeUri, to: &NodeUri) -> Result<(), StatusCode> {
        for each in self.view().subtree(from)? {
            let node = self.view().node(&each)?;
            let target = match each.below(from) {
                None | Some("") => {
                    let known = node.clone();
                    self.write(to.clone(), node, Some(&known));
                    self.place(each, None);
                    continue;
                }
                Some(rest) => to.join(rest).map_err(|error| StatusCode::from(&error))?,
            };
            self.place(target, Some(node));
            self.place(each, None);
        }
        Ok(())
    }

    fn place(&mut self, uri: NodeUri, node: Option<Node>) {
        if let Some(layer) = self.layers.last_mut() {
            layer.disown(&uri);
            layer.nodes.insert(uri, node);
        }
    }
}

/// The status that tells a server of a failed storage.
pub(crate) fn status_of(error: &StoreError) -> StatusCode {
    match error.kind {
        StoreErrorKind::Full => StatusCode::DEVICE_FULL,
        StoreErrorKind::Io | StoreErrorKind::Corrupt => StatusCode::DATA_STORE_FAILURE,
    }
}
