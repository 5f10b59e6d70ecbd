//! [`Spool`]: the large object that is coming in.

use core::ops::Range;

use bytes::Bytes;
use dm_proto::{
    Data, StatusCode, Text,
    message::{CommandName, Item},
    session::{Answer, Chunk, Execute, Verb},
};
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use crate::{
    Address, NodeUri, Transaction,
    object::Piece,
    store::{Kind, StoreError},
};

/// The large object that is coming in: how much of it is where.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Spool {
    place: Place,
    len: u64,
    /// The last piece is here.
    is_whole: bool,
}

/// Where the pieces are.
#[derive(Clone, Debug, Deserialize, Serialize)]
enum Place {
    /// In records.
    Records(Range<u64>),
    /// With the object of the node.
    Object(NodeUri),
}

impl Spool {
    /// Takes a piece. The status of the session's question for it.
    pub(super) fn take(
        open: &mut Option<Self>,
        chunk: &Chunk,
        server: &Text,
        ledger: &mut Ledger,
        transaction: &mut Transaction<'_>,
    ) -> StatusCode {
        if chunk.offset == 0 {
            Self::discard(open, transaction);
            match Self::begin(chunk, server, ledger, transaction) {
                Ok(spool) => *open = Some(spool),
                Err(status) => return status,
            }
        }
        let Some(spool) = open else {
            return StatusCode::COMMAND_FAILED;
        };
        let status = spool.add(chunk, transaction);
        if !status.is_success() {
            Self::discard(open, transaction);
        }
        status
    }

    /// An object whose rest will not come.
    pub(super) fn discard(open: &mut Option<Self>, transaction: &mut Transaction<'_>) {
        match open.take().map(|spool| spool.place) {
            None => {}
            Some(Place::Records(records)) => remove(records, transaction),
            Some(Place::Object(uri)) => {
                if let Some(mount) = transaction.mount_of(&uri) {
                    mount.object.stream_ended(&uri);
                }
            }
        }
    }

    /// The object whose last piece is here, if a command is for that.
    pub(super) fn whole(open: &mut Option<Self>) -> Option<Self> {
        open.take_if(|spool| spool.is_whole)
    }

    /// Runs the command with the whole.
    pub(super) fn execute(
        self,
        server: &str,
        mut command: Execute,
        transaction: &mut Transaction<'_>,
    ) -> Result<Answer, StoreError> {
        let Place::Records(records) = self.place else {
            return Ok(transaction.execute(server, &command));
        };
        let value = read(records.clone(), transaction)?;
        command.item.data = Some(Data::binary(value.clone()));
        let answer = transaction.execute(server, &command);
        let written = match transaction.address(command.item.target_uri()) {
            Ok(Address { uri, query: None }) if answer.status.is_success() => Some(uri),
            _ => None,
        };
        // A value that was decoded, or is no value but a property, is elsewhere now.
        let is_kept = |uri: &NodeUri| {
            let node = transaction.view().node(uri);
            node.is_ok_and(|node| node.value == value)
        };
        match written.filter(is_kept) {
            Some(uri) => transaction.adopt(&uri, records),
            None => remove(records, transaction),
        }
        Ok(answer)
    }

    /// The command with the whole, for what is not written to the tree.
    pub(super) fn fill(
        self,
        command: &mut Execute,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        if let Place::Records(records) = self.place {
            let value = read(records.clone(), transaction)?;
            remove(records, transaction);
            command.item.data = Some(match core::str::from_utf8(&value) {
                Ok(text) => Data::text(text),
                Err(_) => Data::binary(value),
            });
        }
        Ok(())
    }

    fn begin(
        chunk: &Chunk,
        server: &Text,
        ledger: &mut Ledger,
        transaction: &mut Transaction<'_>,
    ) -> Result<Self, StatusCode> {
        // What would be refused in the end need not be stored.
        let verb = match () {
            () if chunk.command == CommandName::ADD => Verb::Add,
            () if chunk.command == CommandName::EXEC => Verb::Exec,
            () => Verb::Replace,
        };
        let uri = transaction.admit(server, verb, &chunk.item)?;
        let takes = |uri: &NodeUri| {
            let mount = transaction.mount_of(uri)?;
            mount.object.stream(uri, &piece_of(chunk))
        };
        let place = match uri.filter(|_| verb != Verb::Exec) {
            Some(uri) => match takes(&uri) {
                Some(Ok(())) => Place::Object(uri),
                Some(Err(status)) => return Err(status),
                None => records(ledger),
            },
            None => records(ledger),
        };
        Ok(Self {
            place,
            len: 0,
            is_whole: false,
        })
    }

    fn add(&mut self, chunk: &Chunk, transaction: &mut Transaction<'_>) -> StatusCode {
        if chunk.offset != self.len {
            return StatusCode::COMMAND_FAILED;
        }
        match &mut self.place {
            Place::Records(records) if !chunk.bytes.is_empty() => {
                transaction.put(Kind::Spool, records.end, Some(chunk.bytes.to_vec()));
                records.end = records.end.saturating_add(1);
            }
            // It has the first piece already.
            Place::Object(uri) if chunk.offset > 0 => {
                let mount = transaction.mount_of(uri);
                let taken = mount.and_then(|mount| mount.object.stream(uri, &piece_of(chunk)));
                match taken {
                    Some(Ok(())) => {}
                    Some(Err(status)) => return status,
                    None => return StatusCode::COMMAND_FAILED,
                }
            }
            Place::Records(_) | Place::Object(_) => {}
        }
        let octets = u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
        self.len = self.len.saturating_add(octets);
        self.is_whole = chunk.last;
        StatusCode::OK
    }
}

impl Transaction<'_> {
    /// Whether a server may write a value of which the first piece is here; the node, if the value is
    /// its own and not that of a property.
    ///
    /// # Errors
    ///
    /// The status of the refusal.
    fn admit(
        &mut self,
        server: &str,
        verb: Verb,
        item: &Item,
    ) -> Result<Option<NodeUri>, StatusCode> {
        let address = self.address(item.target_uri())?;
        self.may_write(server, verb, &address, item)?;
        Ok(address.query.is_none().then_some(address.uri))
    }
}

/// Records that nothing else uses.
fn records(ledger: &mut Ledger) -> Place {
    let first = ledger.allocate() << PIECE_BITS;
    Place::Records(first..first)
}

fn read(records: Range<u64>, transaction: &Transaction<'_>) -> Result<Bytes, StoreError> {
    let mut value = Vec::new();
    for id in records {
        if let Some(record) = transaction.record(Kind::Spool, id)? {
            value.extend_from_slice(&record);
        }
    }
    Ok(value.into())
}

fn remove(records: Range<u64>, transaction: &mut Transaction<'_>) {
    for id in records {
        transaction.put(Kind::Spool, id, None);
    }
}

fn piece_of(chunk: &Chunk) -> Piece<'_> {
    Piece {
        offset: chunk.offset,
        octets: &chunk.bytes,
        total: chunk.total,
        last: chunk.last,
    }
}

/// Binary digits that number the pieces of an object: more than fit into a session.
const PIECE_BITS: u32 = 32;
