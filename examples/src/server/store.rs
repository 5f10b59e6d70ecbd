//! Storage in an embedded redb file: rows of devices with compare-and-swap, records of operations,
//! idempotency keys, and an agenda of what is due when.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction,
};
use serde::de::DeserializeOwned;

use super::{desk::Asked, device::Row, operation::Record};

/// Why something was not stored or read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the row meanwhile.
    #[error("the row was changed by somebody else")]
    Conflict,
    /// The file was written by another version of this program, or is damaged.
    #[error("the database {}: the stored form of {what} is not one that this version reads", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is of.
        what: &'static str,
    },
    /// The storage failed.
    #[error("the database {}: {error}", path.display())]
    Redb {
        /// The file.
        path: PathBuf,
        /// Why.
        error: redb::Error,
    },
    /// The program ends.
    #[error("the program ends")]
    Shutdown,
}

/// The storage. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<File>);

/// The file of the database. After an error of the disk a database wants to be opened anew before it
/// takes another change; until that succeeds there is none.
#[derive(Debug)]
struct File {
    path: PathBuf,
    database: RwLock<Option<Database>>,
}

impl File {
    fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let done = match &*database {
            Some(database) => work(database),
            None => Err(Failure::Redb(redb::Error::PreviousIo)),
        };
        drop(database);
        if matches!(done, Err(Failure::Redb(redb::Error::PreviousIo))) {
            let mut database = self
                .database
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            // Closed first: a file is open once.
            *database = None;
            *database = Database::create(&self.path).ok();
        }
        // Who asked hears of the error, and asks again.
        done
    }
}

/// What is stored together.
#[derive(Debug)]
pub(super) struct Change {
    /// The row, with the version that it was read with.
    pub(super) row: Row,
    /// Operations that are new or have changed.
    pub(super) records: Vec<Record>,
    /// A request that must not have been seen before.
    pub(super) key: Option<Key>,
    /// What the device has asked for.
    pub(super) requests: Vec<Asked>,
}

/// An idempotency key with what it was used for.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) key: String,
    /// SHA-256 of the request.
    pub(super) digest: [u8; 32],
    /// The operation that it made.
    pub(super) operation: String,
}

impl Store {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = create(path).map_err(|error| StoreError::Redb {
            path: path.to_owned(),
            error,
        })?;
        Ok(Self(Arc::new(File {
            path: path.to_owned(),
            database: RwLock::new(Some(database)),
        })))
    }

    /// Says that something stored is not what it should be.
    pub(super) fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Format {
            path: self.0.path.clone(),
            what,
        }
    }

    /// Up to `limit` of a device's requests behind the one of this number, oldest first.
    pub(super) async fn requests(
        &self,
        device: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Asked>, StoreError> {
        let device = device.to_owned();
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(REQUESTS)?;
            let from = (device.as_str(), after.saturating_add(1));
            let mut requests = Vec::new();
            for entry in table.range(from..=(device.as_str(), u64::MAX))?.take(limit) {
                let (_, stored) = entry?;
                requests.push(read(stored.value(), "a request")?);
            }
            Ok(requests)
        })
        .await
    }

    /// A device's row.
    pub(super) async fn row(&self, id: &str) -> Result<Option<Row>, StoreError> {
        let id = id.to_owned();
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(DEVICES)?;
            let Some(stored) = table.get(id.as_str())? else {
                return Ok(None);
            };
            read_row(stored.value()).map(Some)
        })
        .await
    }

    /// The rows of up to `limit` devices after `after`, in order of their ids.
    pub(super) async fn rows(&self, after: String, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(DEVICES)?;
            let mut rows = Vec::new();
            for entry in table.range(after.as_str()..)? {
                let (id, stored) = entry?;
                if id.value() == after {
                    continue;
                }
                if rows.len() >= limit {
                    break;
                }
                rows.push(read_row(stored.value())?);
            }
            Ok(rows)
        })
        .await
    }

    /// An operation's record.
    pub(super) async fn record(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let id = id.to_owned();
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(OPERATIONS)?;
            let Some(stored) = table.get(id.as_str())? else {
                return Ok(None);
            };
            read(stored.value(), "an operation").map(Some)
        })
        .await
    }

    /// What an idempotency key was used for.
    pub(super) async fn key(&self, device: &str, key: &str) -> Result<Option<Key>, StoreError> {
        let (device, key) = (device.to_owned(), key.to_owned());
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(KEYS)?;
            let stored = table.get((device.as_str(), key.as_str()))?;
            let Some((digest, operation)) = stored.as_ref().map(redb::AccessGuard::value) else {
                return Ok(None);
            };
            Ok(Some(Key {
                key,
                digest: *digest,
                operation: operation.to_owned(),
            }))
        })
        .await
    }

    /// The devices for which something is due at `now`, and when the next thing is due after that.
    pub(super) async fn due(&self, now: i64) -> Result<(Vec<String>, Option<i64>), StoreError> {
        self.run(move |database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(AGENDA)?;
            let mut devices = Vec::new();
            for entry in table.iter()? {
                let (key, _) = entry?;
                let (at, device) = key.value();
                if at > now || devices.len() >= 256 {
                    return Ok((devices, Some(at)));
                }
                devices.push(device.to_owned());
            }
            Ok((devices, None))
        })
        .await
    }

    /// Stores all of a change, or nothing.
    ///
    /// Fails with [`StoreError::Conflict`] if the row is no longer that which was read, or the key is in
    /// use. Returns the row with its new version.
    pub(super) async fn commit(&self, mut change: Change) -> Result<Row, StoreError> {
        self.run(move |database| {
            let expected = change.row.version;
            change.row.version = expected.saturating_add(1);
            let Change {
                row,
                records,
                key,
                requests,
            } = change;
            let due = row.due();
            let transaction = database.begin_write()?;
            {
                let mut devices = transaction.open_table(DEVICES)?;
                let old = match devices.get(row.id.as_str())? {
                    Some(stored) => Some(prefix(stored.value())?),
                    None => None,
                };
                if old.map_or(0, |old| old.version) != expected {
                    return Err(Failure::Store(StoreError::Conflict));
                }
                let new = Prefix {
                    version: row.version,
                    due,
                };
                write_row(&mut devices, &row, new)?;
                agenda(&transaction, &row.id, old.and_then(|old| old.due), due)?;
            }
            {
                let mut operations = transaction.open_table(OPERATIONS)?;
                for record in &records {
                    let octets = write(record, Vec::from([FORMAT]), "an operation")?;
                    operations.insert(record.id.as_str(), octets.as_slice())?;
                }
            }
            if let Some(key) = &key {
                let mut keys = transaction.open_table(KEYS)?;
                let name = (row.id.as_str(), key.key.as_str());
                if keys.get(name)?.is_some() {
                    return Err(Failure::Store(StoreError::Conflict));
                }
                keys.insert(name, (&key.digest, key.operation.as_str()))?;
            }
            if !requests.is_empty() {
                let mut table = transaction.open_table(REQUESTS)?;
                for request in &requests {
                    let octets = write(request, Vec::from([FORMAT]), "a request")?;
                    table.insert((row.id.as_str(), request.number), octets.as_slice())?;
                    let oldest = request.number.saturating_sub(REQUESTS_KEPT);
                    table.remove((row.id.as_str(), oldest))?;
                }
            }
            transaction.commit()?;
            Ok(row)
        })
        .await
    }

    /// Runs blocking work where it may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || file.run(work)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Failure::Store(error))) => Err(error),
            Ok(Err(Failure::Redb(error))) => Err(StoreError::Redb {
                path: self.0.path.clone(),
                error,
            }),
            Ok(Err(Failure::Format(what))) => Err(self.damaged(what)),
            Err(_) => Err(StoreError::Shutdown),
        }
    }
}

/// Opens the file with its tables: a reader finds a table only once it was written.
fn create(path: &Path) -> Result<Database, redb::Error> {
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    transaction.open_table(DEVICES)?;
    transaction.open_table(OPERATIONS)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(REQUESTS)?;
    transaction.open_table(AGENDA)?;
    transaction.commit()?;
    Ok(database)
}

/// Lets `?` take redb's many errors.
enum Failure {
    Store(StoreError),
    Redb(redb::Error),
    Format(&'static str),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

fn format_error(what: &'static str) -> Failure {
    Failure::Format(what)
}

/// What stands before a stored row, so that a commit need not decode the old one.
#[derive(Clone, Copy)]
struct Prefix {
    version: u64,
    due: Option<i64>,
}

const PREFIX: usize = 1 + 8 + 8;

fn prefix(stored: &[u8]) -> Result<Prefix, Failure> {
    let broken = || format_error("a device");
    let (format, rest) = stored.split_first().ok_or_else(broken)?;
    let (version, rest) = rest.split_first_chunk().ok_or_else(broken)?;
    let (due, _) = rest.split_first_chunk().ok_or_else(broken)?;
    if *format != FORMAT {
        return Err(broken());
    }
    let due = i64::from_le_bytes(*due);
    Ok(Prefix {
        version: u64::from_le_bytes(*version),
        due: (due != i64::MAX).then_some(due),
    })
}

fn read_row(stored: &[u8]) -> Result<Row, Failure> {
    let broken = || format_error("a device");
    prefix(stored)?;
    let octets = stored.get(PREFIX..).ok_or_else(broken)?;
    postcard::from_bytes(octets).map_err(|_| broken())
}

fn write_row(
    devices: &mut Table<'_, &'static str, &'static [u8]>,
    row: &Row,
    prefix: Prefix,
) -> Result<(), Failure> {
    let mut octets = Vec::with_capacity(1024);
    octets.push(FORMAT);
    octets.extend(prefix.version.to_le_bytes());
    octets.extend(prefix.due.unwrap_or(i64::MAX).to_le_bytes());
    let octets = write(row, octets, "a device")?;
    devices.insert(row.id.as_str(), octets.as_slice())?;
    Ok(())
}

fn agenda(
    transaction: &WriteTransaction,
    id: &str,
    old: Option<i64>,
    new: Option<i64>,
) -> Result<(), Failure> {
    let mut agenda = transaction.open_table(AGENDA)?;
    if let Some(old) = old {
        agenda.remove((old, id))?;
    }
    if let Some(new) = new {
        agenda.insert((new, id), ())?;
    }
    Ok(())
}

fn read<T: DeserializeOwned>(stored: &[u8], what: &'static str) -> Result<T, Failure> {
    match stored.split_first() {
        Some((&FORMAT, octets)) => postcard::from_bytes(octets).map_err(|_| format_error(what)),
        _ => Err(format_error(what)),
    }
}

fn write<T: serde::Serialize>(
    value: &T,
    octets: Vec<u8>,
    what: &'static str,
) -> Result<Vec<u8>, Failure> {
    postcard::to_extend(value, octets).map_err(|_| format_error(what))
}

/// The version of what is stored; the first octet of every value.
const FORMAT: u8 = 4;

/// How many requests of a device are remembered: the latest.
const REQUESTS_KEPT: u64 = 256;

const DEVICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("devices");
const OPERATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("operations");
const KEYS: TableDefinition<'_, (&str, &str), (&[u8; 32], &str)> = TableDefinition::new("keys");
const REQUESTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("requests");
const AGENDA: TableDefinition<'_, (i64, &str), ()> = TableDefinition::new("agenda");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::device::Device;

    fn store(test: &str) -> Store {
        let path = std::env::temp_dir().join(format!("dm-store-{test}-{}", std::process::id()));
        // It is not there before the first run.
        let _ = std::fs::remove_file(&path);
        let store = Store::open(&path).expect("a store");
        // The open file lives on without its name.
        let _ = std::fs::remove_file(&path);
        store
    }

    fn change(row: Row) -> Change {
        Change {
            row,
            records: Vec::new(),
            key: None,
            requests: Vec::new(),
        }
    }

    #[tokio::test]
    async fn of_two_who_read_the_same_row_one_stores() {
        let store = store("swap");
        let row = Row::new("phone", Device::new("srv"));
        let first = store.commit(change(row.clone())).await.expect("stored");
        assert_eq!(first.version, 1);
        let again = store.commit(change(row)).await;
        assert!(matches!(again, Err(StoreError::Conflict)));

        let one = store.commit(change(first.clone())).await;
        let other = store.commit(change(first)).await;
        assert_eq!(one.expect("stored").version, 2);
        assert!(matches!(other, Err(StoreError::Conflict)));
    }

    #[tokio::test]
    async fn a_change_with_a_used_key_stores_nothing() {
        let store = store("key");
        let key = || Key {
            key: "k".into(),
            digest: [7; 32],
            operation: "1".into(),
        };
        let row = Row::new("phone", Device::new("srv"));
        let with_key = |row| Change {
            key: Some(key()),
            ..change(row)
        };
        let row = store.commit(with_key(row)).await.expect("stored");
        let again = store.commit(with_key(row)).await;
        assert!(matches!(again, Err(StoreError::Conflict)));
        let row = store.row("phone").await.expect("read").expect("a row");
        assert_eq!(row.version, 1);
        let used = store.key("phone", "k").await.expect("read");
        assert_eq!(used.map(|key| key.operation), Some("1".into()));
        assert!(store.key("other", "k").await.expect("read").is_none());
    }

    #[tokio::test]
    async fn after_an_error_of_the_disk_the_file_is_opened_anew() {
        let path = |name: &str| {
            std::env::temp_dir().join(format!("dm-store-reopen-{name}-{}", std::process::id()))
        };
        let (one, other) = (path("one"), path("other"));
        let store = Store::open(&one).expect("a store");
        let filled = Store::open(&other).expect("a store");
        let row = Row::new("phone", Device::new("srv"));
        filled.commit(change(row)).await.expect("stored");
        drop(filled);
        std::fs::rename(&other, &one).expect("renamed");
        // What is open is the file that was there.
        assert!(store.row("phone").await.expect("read").is_none());

        let failed = store.run(|_| Err::<(), _>(Failure::Redb(redb::Error::PreviousIo)));
        let error = failed.await.expect_err("it failed");
        let named = format!("the database {}: ", one.display());
        assert!(error.to_string().starts_with(&named), "{error}");
        assert!(store.row("phone").await.expect("read").is_some());
        let _ = std::fs::remove_file(&one);
    }

    #[tokio::test]
    async fn devices_are_listed_in_pages() {
        let store = store("pages");
        for id in ["c", "a", "b"] {
            let row = Row::new(id, Device::new("srv"));
            store.commit(change(row)).await.expect("stored");
        }
        let page = async |after: &str, limit| {
            let rows = store.rows(after.to_owned(), limit).await.expect("read");
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(page("", 2).await, ["a", "b"]);
        assert_eq!(page("b", 2).await, ["c"]);
        assert!(page("c", 2).await.is_empty());
    }

    #[test]
    fn what_another_version_stored_is_refused() {
        let stored = [FORMAT.wrapping_add(1); 64];
        assert!(matches!(
            read_row(&stored),
            Err(Failure::Format("a device"))
        ));
        for length in 0..PREFIX {
            assert!(read_row(&[FORMAT; PREFIX][..length]).is_err());
        }
    }
}
