//! [`Spool`]: the large object that is coming in.

use core::ops::Range;

use base64::Engine;
use bytes::Bytes;
use dm_proto::{
    Data, StatusCode, Text,
    message::{CommandName, Item},
    session::{Answer, Chunk, Execute, Verb},
};
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use crate::{
    Address, NodeFormat, NodeUri, Transaction,
    description::Described,
    execute::BASE64,
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
    Object(Taken),
}

/// What an object has taken.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Taken {
    uri: NodeUri,
    /// Its octets so far.
    octets: u64,
    /// If octets come as Base64 text: its end that was no whole group yet.
    base64: Option<Vec<u8>>,
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
            Some(Place::Object(taken)) => taken.end(transaction),
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
        let records = match self.place {
            Place::Records(records) => records,
            Place::Object(taken) => {
                // What was decoded has no value left that could be none.
                command.item.data = Some(Data::binary(Bytes::new()));
                let answer = transaction.execute(server, &command);
                if !answer.status.is_success() {
                    taken.end(transaction);
                }
                return Ok(answer);
            }
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
        let mut taken = uri.filter(|_| verb != Verb::Exec).map(|uri| Taken {
            base64: transaction.is_base64(&uri, &chunk.item).then(Vec::new),
            uri,
            octets: 0,
        });
        let place = match taken
            .as_mut()
            .and_then(|taken| taken.take(chunk, transaction))
        {
            Some(Err(status)) => return Err(status),
            Some(Ok(())) => taken.map_or_else(|| records(ledger), Place::Object),
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
            Place::Object(taken) if chunk.offset > 0 => match taken.take(chunk, transaction) {
                Some(Ok(())) => {}
                Some(Err(status)) => return status,
                None => return StatusCode::COMMAND_FAILED,
            },
            Place::Records(_) | Place::Object(_) => {}
        }
        let octets = u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
        self.len = self.len.saturating_add(octets);
        self.is_whole = chunk.last;
        StatusCode::OK
    }
}

impl Taken {
    /// Gives a piece to the object. `None` if the object does not take it.
    fn take(
        &mut self,
        chunk: &Chunk,
        transaction: &mut Transaction<'_>,
    ) -> Option<Result<(), StatusCode>> {
        let mount = transaction.mount_of(&self.uri)?;
        let octets = match &mut self.base64 {
            None => chunk.bytes.clone(),
            Some(rest) => match decode_piece(rest, &chunk.bytes, chunk.last) {
                Ok(octets) => octets.into(),
                Err(status) => return Some(Err(status)),
            },
        };
        let piece = Piece {
            offset: self.octets,
            octets: &octets,
            total: chunk.total,
            first: chunk.offset == 0,
            last: chunk.last,
        };
        let mut edit = transaction.edit_of(mount);
        let taken = mount.object.stream(&mut edit, &self.uri, &piece);
        let len = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.octets = self.octets.saturating_add(len);
        taken
    }

    /// Tells the object that there will be no more.
    fn end(self, transaction: &mut Transaction<'_>) {
        if let Some(mount) = transaction.mount_of(&self.uri) {
            let mut edit = transaction.edit_of(mount);
            mount.object.stream_ended(&mut edit, &self.uri);
        }
    }
}

/// Decodes what is there of a Base64 text, and leaves in `rest` what is no whole group. Padding ends a
/// text, and another may follow it.
fn decode_piece(rest: &mut Vec<u8>, text: &[u8], is_last: bool) -> Result<Vec<u8>, StatusCode> {
    rest.extend(text.iter().filter(|octet| !octet.is_ascii_whitespace()));
    let text = core::mem::take(rest);
    let mut octets = Vec::with_capacity(text.len());
    let mut texts = text.split(|octet| *octet == b'=').peekable();
    while let Some(text) = texts.next() {
        let (whole, open) = match text.len() % 4 {
            0 => (text, &[][..]),
            over if texts.peek().is_none() && !is_last => text.split_at(text.len() - over),
            _ => (text, &[][..]),
        };
        let decoded = BASE64.decode_vec(whole, &mut octets);
        decoded.map_err(|_| StatusCode::BAD_REQUEST)?;
        *rest = open.to_vec();
    }
    Ok(octets)
}

impl Transaction<'_> {
    /// Whether a value of octets travels as text.
    fn is_base64(&self, uri: &NodeUri, item: &Item) -> bool {
        let holds_octets = match self.describe(uri) {
            Described::Node(description) => description.format() == NodeFormat::Bin,
            Described::Open | Described::Nothing => false,
        };
        let meta = item.meta.as_ref();
        let format = meta.and_then(|meta| meta.format.as_deref());
        holds_octets
            && format.and_then(|name| NodeFormat::from_name(name.trim())) == Some(NodeFormat::B64)
    }

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

/// Binary digits that number the pieces of an object: more than fit into a session.
const PIECE_BITS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&str]) -> Result<Vec<u8>, StatusCode> {
        let mut rest = Vec::new();
        let mut octets = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let is_last = index + 1 == pieces.len();
            octets.extend(decode_piece(&mut rest, piece.as_bytes(), is_last)?);
            assert!(rest.len() < 4);
        }
        Ok(octets)
    }

    #[test]
    fn base64_is_decoded_wherever_it_was_cut() {
        let text = "aGVs\r\nbG8s IHdvcmxkIQ==";
        for cut in 0..=text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(decode(&[head, tail]).unwrap(), b"hello, world!", "{cut}");
        }
        // Without padding, and with padding in the middle.
        assert_eq!(decode(&["aGVsbG8"]).unwrap(), b"hello");
        assert_eq!(decode(&["aGVsbG8=", "aGVsbG8="]).unwrap(), b"hellohello");
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for pieces in [&["aGVsb"][..], &["a", "*GVs"], &["a=", "bcd"]] {
            assert_eq!(decode(pieces), Err(StatusCode::BAD_REQUEST), "{pieces:?}");
        }
    }
}
