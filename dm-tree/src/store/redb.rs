//! [`Redb`]: a store in one file.

use core::cell::RefCell;
use std::{borrow::Cow, path::Path};

use dm_proto::Text;
use redb::{
    Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};

use super::{Batch, Kind, Store, StoreError, StoreErrorKind, acl_of, decode, encode, value_of};
use crate::{Acl, Node, NodeUri};

/// A durable store in one file of an embedded database, for one process at a time.
///
/// Opening it reads a few pages, whatever its size, if it was closed; after a crash the database checks
/// itself, which reads all of it, unless [quick repair](Self::set_quick_repair) was on.
pub struct Redb {
    /// What was committed last, open for reading. Before `database`, so that it is dropped first.
    reader: RefCell<Option<Reader>>,
    database: Database,
    has_quick_repair: bool,
}

/// The tables as of the last commit.
struct Reader {
    nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    records: ReadOnlyTable<(u8, u64), &'static [u8]>,
    parts: ReadOnlyTable<&'static [u8], (u64, u64)>,
}

impl core::fmt::Debug for Redb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Redb").finish_non_exhaustive()
    }
}

impl Redb {
    /// Opens the file, or makes it if it is not there. A file of an earlier version is brought to the
    /// form of this one, all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if it is something else, or was written in a format that this
    /// version does not know; [`StoreErrorKind::Io`] if it cannot be read or is in use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::with_database(Database::create(path).map_err(database_error)?)
    }

    /// A store in a database that is open already. Its tables are `dm-tree`, `dm-records`, `dm-parts`
    /// and `dm-format`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_database(database: Database) -> Result<Self, StoreError> {
        let read = database.begin_read().map_err(error)?;
        let known = match read.open_table(FORMAT) {
            Ok(format) => format.get(()).map_err(error)?.map(|known| known.value()),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(cause) => return Err(error(cause)),
        };
        drop(read);
        match known {
            Some(FORMAT_VERSION) => {}
            None | Some(1) => upgrade(&database)?,
            Some(_) => return Err(StoreError::new(StoreErrorKind::Corrupt)),
        }
        Ok(Self {
            reader: RefCell::default(),
            database,
            has_quick_repair: false,
        })
    }

    /// Whether commits also write down what makes opening after a crash as quick as after a clean end.
    /// It costs each commit a second flush. Off at first.
    pub fn set_quick_repair(&mut self, on: bool) {
        self.has_quick_repair = on;
    }

    /// Reads what was committed last. The tables stay open until the next commit: opening them takes
    /// longer than to read a node.
    fn read<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Taken out and put back: `read` calls functions that may read again.
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                let transaction = self.database.begin_read().map_err(error)?;
                Reader {
                    nodes: transaction.open_table(NODES).map_err(error)?,
                    records: transaction.open_table(RECORDS).map_err(error)?,
                    parts: transaction.open_table(PARTS).map_err(error)?,
                }
            }
        };
        let result = read(&reader);
        self.reader.replace(Some(reader));
        result
    }

    /// Writes. No reader is open meanwhile, which would keep the pages from being used again.
    fn write(
        &mut self,
        write: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.reader.take();
        let mut transaction = self.database.begin_write().map_err(error)?;
        transaction.set_quick_repair(self.has_quick_repair);
        write(&transaction)?;
        // The default durability: on disk when this returns.
        transaction.commit().map_err(error)
    }
}

impl Store for Redb {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.read(|reader| {
            let key = key(uri);
            let node = reader.nodes.get(&*key).map_err(error)?;
            node.map(|node| reader.node(&key, node.value())).transpose()
        })
    }

    fn value(&self, uri: &NodeUri) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        self.read(|reader| {
            let key = key(uri);
            let Some(stored) = reader.nodes.get(&*key).map_err(error)? else {
                return Ok(None);
            };
            let Some(value) = value_of(stored.value())? else {
                return Ok(None);
            };
            Ok(Some(Cow::Owned(if value.is_empty() {
                reader.parts(&key)?
            } else {
                value.to_vec()
            })))
        })
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.each_child(uri, |_, name, _, _| {
            each(name);
            Ok(())
        })
    }

    fn entries(&self, uri: &NodeUri, each: &mut dyn FnMut(Text, Node)) -> Result<(), StoreError> {
        self.each_child(uri, |reader, name, key, node| {
            each(name, reader.node(key, node)?);
            Ok(())
        })
    }

    fn effective_acl(&self, uri: &NodeUri) -> Result<Option<Acl>, StoreError> {
        self.read(|reader| {
            let mut path = uri.as_str();
            loop {
                let Some(node) = reader.nodes.get(&*key_of(path)).map_err(error)? else {
                    return Ok(None);
                };
                let acl = acl_of(node.value())?;
                match path.rsplit_once('/') {
                    Some((parent, _)) if acl.is_empty() => path = parent,
                    _ => return Ok(Some(acl)),
                }
            }
        })
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|reader| {
            let record = reader.records.get((kind as u8, id)).map_err(error)?;
            Ok(record.map(|record| record.value().to_vec()))
        })
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.read(|reader| {
            // What is the value of a node is no record any more.
            let mut values = Vec::new();
            if kind == Kind::Spool {
                for entry in reader.parts.iter().map_err(error)? {
                    let (_, range) = entry.map_err(error)?;
                    let (first, end) = range.value();
                    values.push(first..end);
                }
            }
            let kind = kind as u8;
            let records = reader.records.range((kind, 0)..=(kind, u64::MAX));
            for entry in records.map_err(error)? {
                let (key, record) = entry.map_err(error)?;
                let id = key.value().1;
                if !values.iter().any(|range| range.contains(&id)) {
                    each(id, record.value().to_vec());
                }
            }
            Ok(())
        })
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.write(|write| {
            if !batch.nodes.is_empty() {
                let mut nodes = write.open_table(NODES).map_err(error)?;
                let mut parts = write.open_table(PARTS).map_err(error)?;
                for (uri, node) in &batch.nodes {
                    let key = key(uri);
                    let adopted = batch.adopted.get(uri);
                    let encoded = match (node, adopted) {
                        (None, _) => None,
                        (Some(node), None) => Some(encode(node)?),
                        (Some(node), Some(_)) => Some(encode(&Node {
                            value: bytes::Bytes::new(),
                            ..node.clone()
                        })?),
                    };
                    match encoded {
                        Some(node) => nodes.insert(&*key, node.as_slice()),
                        None => nodes.remove(&*key),
                    }
                    .map_err(error)?;
                    let old = parts.remove(&*key).map_err(error)?;
                    if let Some(old) = old.map(|old| old.value()) {
                        let mut records = write.open_table(RECORDS).map_err(error)?;
                        records.retain_in(spool(old), |_, _| false).map_err(error)?;
                    }
                    if let Some(range) = adopted {
                        let range = (range.start, range.end);
                        parts.insert(&*key, range).map_err(error)?;
                    }
                }
            }
            if !batch.records.is_empty() {
                let mut records = write.open_table(RECORDS).map_err(error)?;
                for ((kind, id), record) in &batch.records {
                    match record {
                        Some(record) => records.insert((*kind as u8, *id), record.as_slice()),
                        None => records.remove((*kind as u8, *id)),
                    }
                    .map_err(error)?;
                }
            }
            Ok(())
        })
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.write(|write| {
            write.delete_table(NODES).map_err(error)?;
            write.delete_table(RECORDS).map_err(error)?;
            write.delete_table(PARTS).map_err(error)?;
            write.open_table(NODES).map_err(error)?;
            write.open_table(RECORDS).map_err(error)?;
            write.open_table(PARTS).map_err(error)?;
            Ok(())
        })
    }
}

impl Redb {
    /// Calls `each` with the tables, the name, the key and the stored form of each child.
    fn each_child(
        &self,
        uri: &NodeUri,
        mut each: impl FnMut(&Reader, Text, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut first = uri.as_str().as_bytes().to_vec();
        first.push(SEPARATOR);
        self.read(|reader| {
            for entry in reader.nodes.range(&*first..).map_err(error)? {
                let (key, node) = entry.map_err(error)?;
                let Some(name) = key.value().strip_prefix(&*first) else {
                    break;
                };
                let name = core::str::from_utf8(name)
                    .map_err(|cause| StoreError::with_source(StoreErrorKind::Corrupt, cause))?;
                each(reader, name.into(), key.value(), node.value())?;
            }
            Ok(())
        })
    }
}

impl Reader {
    /// A node as it was before it was stored, from its stored form.
    fn node(&self, key: &[u8], stored: &[u8]) -> Result<Node, StoreError> {
        let mut node: Node = decode(stored)?;
        // Only what has no value of its own may have one in records.
        if !node.value.is_empty() || node.is_interior() {
            return Ok(node);
        }
        node.value = self.parts(key)?.into();
        Ok(node)
    }

    /// The value of a node that lies in records; empty if it does not.
    fn parts(&self, key: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut value = Vec::new();
        if let Some(parts) = self.parts.get(key).map_err(error)? {
            for record in self.records.range(spool(parts.value())).map_err(error)? {
                let (_, record) = record.map_err(error)?;
                value.extend_from_slice(record.value());
            }
        }
        Ok(value)
    }
}

/// Makes the tables, from those of an earlier version if there are any.
fn upgrade(database: &Database) -> Result<(), StoreError> {
    let write = database.begin_write().map_err(error)?;
    {
        let mut nodes = write.open_table(NODES).map_err(error)?;
        write.open_table(RECORDS).map_err(error)?;
        write.open_table(PARTS).map_err(error)?;
        let earlier = write.open_table(NODES_1).map_err(error)?;
        for entry in earlier.iter().map_err(error)? {
            let (key, node) = entry.map_err(error)?;
            let (parent, name) = key.value();
            let key = joined(parent, name);
            nodes.insert(&*key, node.value()).map_err(error)?;
        }
    }
    write.delete_table(NODES_1).map_err(error)?;
    write
        .open_table(FORMAT)
        .map_err(error)?
        .insert((), FORMAT_VERSION)
        .map_err(error)?;
    write.commit().map_err(error)
}

/// The key of a node.
fn key(uri: &NodeUri) -> Vec<u8> {
    key_of(uri.as_str())
}

fn key_of(path: &str) -> Vec<u8> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    joined(parent, name)
}

fn joined(parent: &str, name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(parent.len().saturating_add(name.len()).saturating_add(1));
    key.extend_from_slice(parent.as_bytes());
    key.push(SEPARATOR);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The records that hold a value.
fn spool((first, end): (u64, u64)) -> core::ops::Range<(u8, u64)> {
    (Kind::Spool as u8, first)..(Kind::Spool as u8, end)
}

fn database_error(cause: redb::DatabaseError) -> StoreError {
    let kind = match &cause {
        redb::DatabaseError::Storage(storage) => kind_of(storage),
        redb::DatabaseError::UpgradeRequired(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Io,
    };
    StoreError::with_source(kind, cause)
}

fn error(cause: impl Into<redb::Error>) -> StoreError {
    let cause = cause.into();
    let kind = match &cause {
        redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => StoreErrorKind::Corrupt,
        redb::Error::Io(io) => kind_of_io(io),
        _ => StoreErrorKind::Io,
    };
    StoreError::with_source(kind, cause)
}

fn kind_of(storage: &redb::StorageError) -> StoreErrorKind {
    match storage {
        redb::StorageError::Corrupted(_) => StoreErrorKind::Corrupt,
        redb::StorageError::Io(io) => kind_of_io(io),
        _ => StoreErrorKind::Io,
    }
}

fn kind_of_io(io: &std::io::Error) -> StoreErrorKind {
    match io.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        // redb says so of a file that does not begin as one of its own.
        std::io::ErrorKind::InvalidData => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Io,
    }
}

/// Nodes by the URI of the parent (empty for the root), a zero, and the name: the children of a node
/// stand together, in order, and keys compare as octets.
const NODES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("dm-tree");
/// What stands between parent and name: no URI has it, and it sorts before all that they have.
const SEPARATOR: u8 = 0;
/// Nodes of version 1, by parent and name as text.
const NODES_1: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("dm-nodes");
/// Records by kind and id.
const RECORDS: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("dm-records");
/// Large values, by the key of their node: the first of their records and the one behind the last.
const PARTS: TableDefinition<'_, &[u8], (u64, u64)> = TableDefinition::new("dm-parts");
/// The version of the format of the tables.
const FORMAT: TableDefinition<'_, (), u32> = TableDefinition::new("dm-format");
const FORMAT_VERSION: u32 = 2;
