//! Reading and writing inside a transaction: [`View`] and [`Edit`].

use core::cell::Cell;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use dm_proto::{StatusCode, Text};

use crate::{
    Acl, Node, NodeUri,
    store::{Batch, Store, StoreError, StoreErrorKind},
    tree::Mount,
};

/// Read access to the tree as the transaction sees it: its own changes first, the store below.
#[derive(Clone, Copy)]
pub struct View<'t> {
    store: &'t dyn Store,
    /// The changes of the transaction and of its savepoints, oldest first.
    layers: &'t [Batch],
    /// The objects that may have computed nodes. Without them, it shows what is stored.
    mounts: &'t [Mount],
    /// Where a failure of the storage is noted.
    met: Option<&'t Cell<Option<StoreErrorKind>>>,
}

impl<'t> View<'t> {
    pub(crate) fn new(store: &'t dyn Store, layers: &'t [Batch]) -> Self {
        Self {
            store,
            layers,
            mounts: &[],
            met: None,
        }
    }

    /// The same with the nodes that objects compute.
    pub(crate) fn with_mounts(self, mounts: &'t [Mount]) -> Self {
        Self { mounts, ..self }
    }

    /// The same without them: what an object sees that computes.
    fn stored(self) -> Self {
        Self {
            mounts: &[],
            ..self
        }
    }

    /// A node; 404 if there is none, 510 if the storage fails.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn node(&self, uri: &NodeUri) -> Result<Node, StatusCode> {
        self.find(uri)?.ok_or(StatusCode::NOT_FOUND)
    }

    /// Whether the node exists and can be read: where it matters that the storage may fail, ask for the
    /// [node](Self::node).
    pub fn exists(&self, uri: &NodeUri) -> bool {
        self.node(uri).is_ok()
    }

    /// The value of a leaf, lent where it lies in memory: the quickest way to it. As everywhere here, no ACL
    /// is asked, and the value is what is stored: not what [`read`](crate::object::ManagementObject::read) would
    /// compute for a server, but what is in a [computed](crate::description::NodeDescription::computed) subtree.
    ///
    /// # Errors
    ///
    /// 404 if it is missing, 405 if it is an interior node, 510 if the storage fails.
    pub fn value(&self, uri: &NodeUri) -> Result<Cow<'t, [u8]>, StatusCode> {
        if let Some(mount) = self.mounts.iter().find(|mount| mount.computes(uri)) {
            let node = mount.object.look(&self.stored(), uri)?;
            let node = node.ok_or(StatusCode::NOT_FOUND)?;
            return match node.is_interior() {
                true => Err(StatusCode::COMMAND_NOT_ALLOWED),
                false => Ok(Cow::Owned(node.value.into())),
            };
        }
        for layer in self.layers.iter().rev() {
            match layer.nodes.get(uri) {
                None => {}
                Some(None) => return Err(StatusCode::NOT_FOUND),
                Some(Some(node)) if node.is_interior() => {
                    return Err(StatusCode::COMMAND_NOT_ALLOWED);
                }
                Some(Some(node)) => return Ok(Cow::Borrowed(&node.value)),
            }
        }
        let value = self.store.value(uri).map_err(|error| self.failed(&error))?;
        value.ok_or_else(|| match self.node(uri) {
            Ok(_) => StatusCode::COMMAND_NOT_ALLOWED,
            Err(status) => status,
        })
    }

    /// The value of a leaf as text.
    ///
    /// # Errors
    ///
    /// 404 if it is missing, 500 if it is not text, 510 if the storage fails.
    pub fn text(&self, uri: &NodeUri) -> Result<Text, StatusCode> {
        let value = self.value(uri).map_err(|status| match status {
            StatusCode::COMMAND_NOT_ALLOWED => StatusCode::COMMAND_FAILED,
            status => status,
        })?;
        core::str::from_utf8(&value)
            .map(Text::from)
            .map_err(|_| StatusCode::COMMAND_FAILED)
    }

    /// The names of the children, sorted.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn children(&self, uri: &NodeUri) -> Result<Vec<Text>, StatusCode> {
        if !self.node(uri)?.is_interior() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.computed_children(uri) {
            return Ok(entries?.into_keys().collect());
        }
        let mut names = Vec::new();
        self.store
            .children(uri, &mut |name| names.push(name))
            .map_err(|error| self.failed(&error))?;
        let changes = self.changes_below(uri);
        if changes.is_empty() {
            return Ok(names);
        }
        let mut names: BTreeSet<Text> = names.into_iter().collect();
        for (name, node) in changes {
            if node.is_some() {
                names.insert(name.into());
            } else {
                names.remove(name);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The children with their names, sorted by these.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn entries(&self, uri: &NodeUri) -> Result<Vec<(Text, Node)>, StatusCode> {
        if !self.node(uri)?.is_interior() {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.computed_children(uri) {
            return Ok(entries?.into_iter().collect());
        }
        let mut entries = Vec::new();
        self.store
            .entries(uri, &mut |name, node| entries.push((name, node)))
            .map_err(|error| self.failed(&error))?;
        let changes = self.changes_below(uri);
        if changes.is_empty() {
            return Ok(entries);
        }
        let mut entries: BTreeMap<Text, Node> = entries.into_iter().collect();
        for (name, node) in changes {
            match node {
                Some(node) => entries.insert(name.into(), node.clone()),
                None => entries.remove(name),
            };
        }
        Ok(entries.into_iter().collect())
    }

    /// What the transaction did to the children of a node.
    fn changes_below<'a>(&'a self, uri: &'a NodeUri) -> BTreeMap<&'a str, Option<&'a Node>> {
        let mut changes = BTreeMap::new();
        if self.layers.iter().all(|layer| layer.nodes.is_empty()) {
            return changes;
        }
        let first = uri.child_named("");
        for layer in self.layers {
            for (changed, node) in layer.nodes.range(&first..) {
                match changed.below(uri) {
                    None => break,
                    Some(name) if name.contains('/') => {}
                    Some(name) => {
                        changes.insert(name, node.as_ref());
                    }
                }
            }
        }
        changes
    }

    /// The ACL that counts for a node: its own if it has one, else that of the nearest ancestor that
    /// has one. OMA-TS-DM_TND, ACL.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn effective_acl(&self, uri: &NodeUri) -> Result<Acl, StatusCode> {
        let mut at = Some(uri.clone());
        while let Some(uri) = &at
            && self.mounts.iter().any(|mount| mount.computes(uri))
        {
            let acl = self.node(uri)?.acl;
            if !acl.is_empty() {
                return Ok(acl);
            }
            at = uri.parent();
        }
        let Some(uri) = &at else {
            return Ok(Acl::of_root());
        };
        let levels = self.levels_changed(uri);
        // The nodes that the transaction has touched, and what lies between them; above, the store.
        for _ in 0..levels {
            let Some(uri) = at else {
                break;
            };
            let acl = self.node(&uri)?.acl;
            if !acl.is_empty() {
                return Ok(acl);
            }
            at = uri.parent();
        }
        let Some(uri) = at else {
            return Ok(Acl::of_root());
        };
        let stored = self.store.effective_acl(&uri);
        let acl = stored.map_err(|error| self.failed(&error))?;
        let acl = acl.ok_or(StatusCode::NOT_FOUND)?;
        Ok(if acl.is_empty() { Acl::of_root() } else { acl })
    }

    /// How many levels, from a node upwards, reach to the last that the transaction has touched.
    fn levels_changed(&self, uri: &NodeUri) -> usize {
        let changed = || self.layers.iter().filter(|layer| !layer.nodes.is_empty());
        if changed().next().is_none() {
            return 0;
        }
        let mut levels = 0;
        let mut at = Some(uri.clone());
        for level in 1.. {
            let Some(uri) = at else {
                break;
            };
            if changed().any(|layer| layer.nodes.contains_key(&uri)) {
                levels = level;
            }
            at = uri.parent();
        }
        levels
    }

    /// A node; `None` if there is none.
    pub(crate) fn find(&self, uri: &NodeUri) -> Result<Option<Node>, StatusCode> {
        if let Some(mount) = self.mounts.iter().find(|mount| mount.computes(uri)) {
            return mount.object.look(&self.stored(), uri);
        }
        for layer in self.layers.iter().rev() {
            if let Some(node) = layer.nodes.get(uri) {
                return Ok(node.clone());
            }
        }
        self.store.node(uri).map_err(|error| self.failed(&error))
    }

    /// The children of a node, if they are computed.
    fn computed_children(&self, uri: &NodeUri) -> Option<Result<BTreeMap<Text, Node>, StatusCode>> {
        let mut mounts = self.mounts.iter();
        let mount = mounts.find(|mount| mount.computes_below(uri))?;
        let listed = mount.object.list(&self.stored(), uri);
        // A name that cannot stand in a URI is one that nobody could ask for.
        let named = |(name, node): (Text, Node)| {
            let child = uri.child(&name).ok()?;
            Some((Text::from(child.name()), node))
        };
        Some(listed.map(|entries| entries.into_iter().filter_map(named).collect()))
    }

    /// The status of a failure of the storage, which is noted.
    fn failed(&self, error: &StoreError) -> StatusCode {
        if let Some(met) = self.met {
            met.set(Some(error.kind));
        }
        status_of(error)
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
    pub(crate) met: &'t Cell<Option<StoreErrorKind>>,
}

impl RawEdit<'_> {
    pub(crate) fn view(&self) -> View<'_> {
        View {
            met: Some(self.met),
            ..View::new(self.store, self.layers)
        }
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
