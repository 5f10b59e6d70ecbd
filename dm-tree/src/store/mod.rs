//! [`Store`]: reads and one atomic commit.

use core::{fmt, ops::Range};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use dm_proto::Text;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "redb")]
use crate::NodeFormat;
use crate::{Acl, Node, NodeUri};

mod memory;
#[cfg(feature = "redb")]
mod redb;
#[cfg(test)]
mod tests;

pub use self::memory::Memory;
#[cfg(feature = "redb")]
pub use self::redb::Redb;

/// Why the storage failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("storage: {kind}")]
#[non_exhaustive]
pub struct StoreError {
    /// What kind of failure.
    pub kind: StoreErrorKind,
    /// What the backend said.
    #[source]
    pub source: Option<Arc<dyn core::error::Error + Send + Sync>>,
}

/// Kinds of storage failure.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreErrorKind {
    /// No space left.
    #[error("full")]
    Full,
    /// Reading or writing failed.
    #[error("i/o")]
    Io,
    /// What was read is not what was written, or of a version that this cannot read.
    #[error("corrupt")]
    Corrupt,
}

impl StoreError {
    /// A failure without a cause of its own.
    pub fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// A failure with what the backend said.
    pub fn with_source(
        kind: StoreErrorKind,
        source: impl core::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            source: Some(Arc::new(source)),
        }
    }
}

/// Changes that take effect together.
#[non_exhaustive]
#[derive(Clone, Default)]
pub struct Batch {
    /// Nodes set or removed.
    pub nodes: BTreeMap<NodeUri, Option<Node>>,
    /// Records set or removed.
    pub records: BTreeMap<(Kind, u64), Option<Vec<u8>>>,
    /// Nodes among those set whose value is that of these [`Kind::Spool`] records, in the order of
    /// their ids. A store may leave a value there, so that it is not written twice; in any case the
    /// records are not found as such any more.
    pub adopted: BTreeMap<NodeUri, Range<u64>>,
}

/// Shows which records there are, not what is in them: a message may hold a password.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("nodes", &self.nodes)
            .field("records", &self.records.keys())
            .field("adopted", &self.adopted)
            .finish()
    }
}

impl Batch {
    /// Adds what came later.
    pub(crate) fn append(&mut self, later: Self) {
        // Not `BTreeMap::append`, which walks all of both: each command of thousands ends here.
        for uri in later.nodes.keys() {
            self.disown(uri);
        }
        self.adopted.extend(later.adopted);
        self.nodes.extend(later.nodes);
        self.records.extend(later.records);
    }

    /// A node that was to keep its value in records is written or removed after all.
    pub(crate) fn disown(&mut self, uri: &NodeUri) {
        for id in self.adopted.remove(uri).into_iter().flatten() {
            self.records.insert((Kind::Spool, id), None);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.records.is_empty()
    }
}

/// Kinds of records kept beside the nodes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Kind {
    /// The saved session.
    Session = 1,
    /// The last message sent in it.
    LastSent = 2,
    /// A job: an accepted Exec.
    Job = 3,
    /// A report that the server has not acknowledged.
    Report = 4,
    /// What the agent itself remembers: counters, versions.
    Agent = 5,
    /// A piece of a large object that is coming in.
    Spool = 6,
    /// Where things went that were put into the Inbox.
    Inbox = 7,
}

/// Storage of nodes and records. All reads see the last commit.
pub trait Store: Send {
    /// A node.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError>;

    /// The value of a leaf, lent where the store has it in memory; `None` if there is no leaf.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn value(&self, uri: &NodeUri) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        let leaf = self.node(uri)?.filter(|node| !node.is_interior());
        Ok(leaf.map(|node| Cow::Owned(node.value.into())))
    }

    /// Calls `each` with the name of each child, in the order of names.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError>;

    /// Calls `each` with the name and the node of each child, in the order of names.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn entries(&self, uri: &NodeUri, each: &mut dyn FnMut(Text, Node)) -> Result<(), StoreError> {
        let mut names = Vec::new();
        self.children(uri, &mut |name| names.push(name))?;
        for name in names {
            if let Some(node) = self.node(&uri.child_named(&name))? {
                each(name, node);
            }
        }
        Ok(())
    }

    /// The ACL of the nearest node that has one, from a node upwards; empty if none has, `None` if the
    /// node is missing or one that leads to it.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn effective_acl(&self, uri: &NodeUri) -> Result<Option<Acl>, StoreError> {
        let mut at = uri.clone();
        loop {
            let Some(node) = self.node(&at)? else {
                return Ok(None);
            };
            match at.parent() {
                Some(parent) if node.acl.is_empty() => at = parent,
                _ => return Ok(Some(node.acl)),
            }
        }
    }

    /// A record.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` with each record of a kind, in the order of ids.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError>;

    /// Applies all of the batch or none of it; durable on return.
    ///
    /// A node that is removed goes without its children: the batch names each of them.
    ///
    /// # Errors
    ///
    /// If the storage fails; then nothing changed.
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Removes every node and record: what a factory reset leaves of the storage.
    ///
    /// # Errors
    ///
    /// If the storage fails; then nothing changed.
    fn clear(&mut self) -> Result<(), StoreError>;
}

/// The stored form of anything of ours: a version, then postcard.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![FORMAT_VERSION])
        .map_err(|error| StoreError::with_source(StoreErrorKind::Corrupt, error))
}

/// Reads what [`encode`] wrote, or the first fields of it.
pub(crate) fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, StoreError> {
    match octets.split_first() {
        Some((&FORMAT_VERSION, value)) => postcard::from_bytes(value)
            .map_err(|error| StoreError::with_source(StoreErrorKind::Corrupt, error)),
        _ => Err(StoreError::new(StoreErrorKind::Corrupt)),
    }
}

/// The ACL of a stored node, without the rest of it: it stands before the value.
#[cfg(feature = "redb")]
pub(crate) fn acl_of(octets: &[u8]) -> Result<Acl, StoreError> {
    let (_format, _type, _title, acl) = decode::<(NodeFormat, Text, Text, Acl)>(octets)?;
    Ok(acl)
}

/// The value of a stored node, without a node made of it; `None` for an interior one.
#[cfg(feature = "redb")]
pub(crate) fn value_of(octets: &[u8]) -> Result<Option<&[u8]>, StoreError> {
    let (format, _type, _title, _acl, value) = match octets.split_first() {
        Some((&FORMAT_VERSION, fields)) => {
            postcard::from_bytes::<(NodeFormat, &str, &str, Acl, &[u8])>(fields)
                .map_err(|error| StoreError::with_source(StoreErrorKind::Corrupt, error))?
        }
        _ => return Err(StoreError::new(StoreErrorKind::Corrupt)),
    };
    Ok((format != NodeFormat::Node).then_some(value))
}

/// The version of stored nodes and of the agent's records.
const FORMAT_VERSION: u8 = 2;
