//! [`Tree`] and [`Transaction`]: commands on the tree.

use dm_proto::{
    StatusCode,
    session::{Answer, Execute},
};

use crate::{
    Edit, NodeUri, View,
    object::{Decision, Job, ManagementObject, Outcome},
    store::{Kind, Store, StoreError},
};
use dm_proto::message::Alert;

/// The tree of a device: a store, and the management objects that own subtrees.
pub struct Tree {
    store: Box<dyn Store>,
}

/// Why the tree cannot be set up.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum TreeError {
    /// Two objects want the same place, or one inside the other.
    #[error("{0} overlaps a mounted object")]
    Overlap(NodeUri),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object failed to set up its nodes.
    #[error("{root} could not be set up: {status:?}")]
    Setup {
        /// The object.
        root: NodeUri,
        /// Its reason.
        status: StatusCode,
    },
}

impl Tree {
    /// A tree on a store.
    pub fn new(store: Box<dyn Store>) -> Self {
        Self { store }
    }

    /// Mounts an object; its permanent nodes come into being where they are missing.
    ///
    /// # Errors
    ///
    /// If the place is taken or the storage fails.
    pub fn mount(
        &mut self,
        root: NodeUri,
        object: Box<dyn ManagementObject>,
    ) -> Result<(), TreeError> {
        let _ = (root, object);
        todo!()
    }

    /// Begins a transaction at `now` (seconds since 1970). Dropping it undoes it.
    pub fn begin(&mut self, now: u64) -> Transaction<'_> {
        let _ = (&self.store, now);
        todo!()
    }
}

/// Changes that take effect together, or not at all.
pub struct Transaction<'t> {
    _todo: core::marker::PhantomData<&'t mut ()>,
}

impl Transaction<'_> {
    /// Read access.
    pub fn view(&self) -> View<'_> {
        todo!()
    }

    /// Runs a command of `server`, all but Exec. The status is that of OMA-TS-DM_TND and DM_RepPro.
    pub fn execute(&mut self, server: &str, command: &Execute) -> Answer {
        let _ = (server, command);
        todo!()
    }

    /// Decides on an Exec: existence (404), ACL (425), executability (405), then the object.
    pub fn decide(&mut self, job: &mut Job) -> Decision {
        let _ = job;
        todo!()
    }

    /// Lets the object of a job make its result part of the tree.
    pub fn finish(&mut self, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let _ = (job, outcome);
        todo!()
    }

    /// Write access below a mounted root.
    pub fn edit(&mut self, root: &NodeUri) -> Option<Edit<'_>> {
        let _ = root;
        todo!()
    }

    /// Begins a savepoint.
    pub fn savepoint(&mut self) {}

    /// Keeps what came since the last savepoint.
    pub fn release(&mut self) {}

    /// Undoes what came since the last savepoint.
    pub fn rollback(&mut self) {}

    /// Sets or removes a record.
    pub fn put(&mut self, kind: Kind, id: u64, record: Option<Vec<u8>>) {
        let _ = (kind, id, record);
    }

    /// Makes everything durable.
    ///
    /// # Errors
    ///
    /// If the storage fails; then nothing changed.
    pub fn commit(self) -> Result<(), StoreError> {
        todo!()
    }
}
