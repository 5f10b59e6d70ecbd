//! [`Redb`]: a store in one file.

use std::path::Path;

use dm_proto::Text;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Batch, Kind, Store, StoreError, StoreErrorKind, decode, encode, memory::split};
use crate::{Node, NodeUri};

/// A durable store in one file of an embedded database, for one process at a time.
pub struct Redb {
    database: Database,
}

impl core::fmt::Debug for Redb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Redb").finish_non_exhaustive()
    }
}

impl Redb {
    /// Opens the file, or makes it if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if it is something else, or was written in a format that this
    /// version does not know; [`StoreErrorKind::Io`] if it cannot be read or is in use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::with_database(Database::create(path).map_err(database_error)?)
    }

    /// A store in a database that is open already. Its tables are `dm-nodes`, `dm-records`, `dm-parts`
    /// and `dm-format`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_database(database: Database) -> Result<Self, StoreError> {
        let write = database.begin_write().map_err(error)?;
        {
            write.open_table(NODES).map_err(error)?;
            write.open_table(RECORDS).map_err(error)?;
            write.open_table(PARTS).map_err(error)?;
            let mut format = write.open_table(FORMAT).map_err(error)?;
            let known = format.get(()).map_err(error)?.map(|known| known.value());
            match known {
                Some(FORMAT_VERSION) => {}
                Some(_) => return Err(StoreError::new(StoreErrorKind::Corrupt)),
                None => {
                    format.insert((), FORMAT_VERSION).map_err(error)?;
                }
            }
        }
        write.commit().map_err(error)?;
        Ok(Self { database })
    }
}

impl Store for Redb {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        let read = self.database.begin_read().map_err(error)?;
        let nodes = read.open_table(NODES).map_err(error)?;
        let Some(node) = nodes.get(split(uri)).map_err(error)? else {
            return Ok(None);
        };
        let mut node: Node = decode(node.value())?;
        let parts = read.open_table(PARTS).map_err(error)?;
        if let Some(parts) = parts.get(split(uri)).map_err(error)? {
            let records = read.open_table(RECORDS).map_err(error)?;
            let mut value = Vec::new();
            for record in records.range(spool(parts.value())).map_err(error)? {
                let (_, record) = record.map_err(error)?;
                value.extend_from_slice(record.value());
            }
            node.value = value.into();
        }
        Ok(Some(node))
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        let read = self.database.begin_read().map_err(error)?;
        let nodes = read.open_table(NODES).map_err(error)?;
        for entry in nodes.range((uri.as_str(), "")..).map_err(error)? {
            let (key, _) = entry.map_err(error)?;
            let (parent, name) = key.value();
            if parent != uri.as_str() {
                break;
            }
            each(name.into());
        }
        Ok(())
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.begin_read().map_err(error)?;
        let records = read.open_table(RECORDS).map_err(error)?;
        let record = records.get((kind as u8, id)).map_err(error)?;
        Ok(record.map(|record| record.value().to_vec()))
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        let read = self.database.begin_read().map_err(error)?;
        let records = read.open_table(RECORDS).map_err(error)?;
        // What is the value of a node is no record any more.
        let mut values = Vec::new();
        if kind == Kind::Spool {
            let parts = read.open_table(PARTS).map_err(error)?;
            for entry in parts.iter().map_err(error)? {
                let (_, range) = entry.map_err(error)?;
                let (first, end) = range.value();
                values.push(first..end);
            }
        }
        let kind = kind as u8;
        for entry in records.range((kind, 0)..=(kind, u64::MAX)).map_err(error)? {
            let (key, record) = entry.map_err(error)?;
            let id = key.value().1;
            if !values.iter().any(|range| range.contains(&id)) {
                each(id, record.value().to_vec());
            }
        }
        Ok(())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(error)?;
        {
            let mut nodes = write.open_table(NODES).map_err(error)?;
            let mut records = write.open_table(RECORDS).map_err(error)?;
            let mut parts = write.open_table(PARTS).map_err(error)?;
            for (uri, node) in &batch.nodes {
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
                    Some(node) => nodes.insert(split(uri), node.as_slice()),
                    None => nodes.remove(split(uri)),
                }
                .map_err(error)?;
                let old = parts.remove(split(uri)).map_err(error)?;
                if let Some(old) = old.map(|old| old.value()) {
                    records.retain_in(spool(old), |_, _| false).map_err(error)?;
                }
                if let Some(range) = adopted {
                    let range = (range.start, range.end);
                    parts.insert(split(uri), range).map_err(error)?;
                }
            }
            for ((kind, id), record) in &batch.records {
                match record {
                    Some(record) => records.insert((*kind as u8, *id), record.as_slice()),
                    None => records.remove((*kind as u8, *id)),
                }
                .map_err(error)?;
            }
        }
        // The default durability: on disk when this returns.
        write.commit().map_err(error)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(error)?;
        write.delete_table(NODES).map_err(error)?;
        write.delete_table(RECORDS).map_err(error)?;
        write.delete_table(PARTS).map_err(error)?;
        write.open_table(NODES).map_err(error)?;
        write.open_table(RECORDS).map_err(error)?;
        write.open_table(PARTS).map_err(error)?;
        write.commit().map_err(error)
    }
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

/// Nodes by parent and name, so that the children of a node stand together.
const NODES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("dm-nodes");
/// Records by kind and id.
const RECORDS: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("dm-records");
/// Large values, by parent and name of their node: the first of their records and the one behind the
/// last.
const PARTS: TableDefinition<'_, (&str, &str), (u64, u64)> = TableDefinition::new("dm-parts");
/// The version of the format of the tables.
const FORMAT: TableDefinition<'_, (), u32> = TableDefinition::new("dm-format");
const FORMAT_VERSION: u32 = 1;
