//! Reading and writing inside a transaction: [`View`] and [`Edit`].

use bytes::Bytes;
use dm_proto::{StatusCode, Text};

use crate::{Node, NodeUri};

/// Read access to the tree as the transaction sees it: its own changes first, the store below.
#[derive(Clone, Copy)]
pub struct View<'t> {
    _todo: core::marker::PhantomData<&'t ()>,
}

impl View<'_> {
    /// A node; 404 if there is none, 510 if the storage fails.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn node(&self, uri: &NodeUri) -> Result<Node, StatusCode> {
        let _ = uri;
        todo!()
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
        let _ = uri;
        todo!()
    }

    /// The names of the children, sorted.
    ///
    /// # Errors
    ///
    /// 404 if the node is missing, 510 if the storage fails.
    pub fn children(&self, uri: &NodeUri) -> Result<Vec<Text>, StatusCode> {
        let _ = uri;
        todo!()
    }
}

/// Write access for a management object, below its own root only. It bypasses ACLs, access types and
/// the object's own hooks. Paths are relative to the root of the object; `""` is the root itself.
pub struct Edit<'t> {
    _todo: core::marker::PhantomData<&'t mut ()>,
}

impl Edit<'_> {
    /// Read access.
    pub fn view(&self) -> View<'_> {
        todo!()
    }

    /// The root of the object.
    pub fn root(&self) -> &NodeUri {
        todo!()
    }

    /// Creates or replaces a node (its parent must exist).
    ///
    /// # Errors
    ///
    /// 404 if the parent is missing, 405 if it is a leaf, 400 if the path is none.
    pub fn put(&mut self, path: &str, node: Node) -> Result<(), StatusCode> {
        let _ = (path, node);
        todo!()
    }

    /// Sets the value of a leaf that exists, keeping its other properties.
    ///
    /// # Errors
    ///
    /// 404 if it is missing, 405 if it is an interior node.
    pub fn set(&mut self, path: &str, value: impl Into<Bytes>) -> Result<(), StatusCode> {
        let _ = (path, value.into());
        todo!()
    }

    /// Removes a node with its subtree; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// 510 if the storage fails.
    pub fn remove(&mut self, path: &str) -> Result<(), StatusCode> {
        let _ = path;
        todo!()
    }
}
