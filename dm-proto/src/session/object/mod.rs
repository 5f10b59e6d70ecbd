//! Large objects: data that is spread over messages. OMA-TS-DM_Protocol, large object handling.
//!
//! ```text
//! sender                                                  receiver
//!   Replace, Item: Meta/Size, Data ..., MoreData  ──────►
//!                                                 ◄──────  Status 213, Alert 1222
//!   Status 200 for the alert, Replace: Data ...   ──────►
//!                                                 ◄──────  Status 200
//! ```
//!
//! At most one object is under way in each direction: its chunks stand in messages that follow each
//! other, and each is the last item of its message.
//!
//! `Size` counts the octets of the data as they are transferred, before characters are escaped: over
//! XML, octets count as their Base64. Who counts the octets behind the Base64 is understood too.

use core::fmt;

use bytes::Bytes;

use crate::message::{CommandName, Item};

mod incoming;
mod outgoing;
mod received;

pub(super) use self::{
    incoming::{Incoming, Rules},
    outgoing::{Chunked, Outgoing, Verdict},
    received::Received,
};

/// One piece of a large object that comes in, for a caller who takes objects piece by piece. `Debug` shows how
/// many octets it has.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Chunk {
    /// The command whose data it is.
    pub command: CommandName,
    /// What the object is of: addresses and meta, without data.
    pub item: Item,
    /// The octets before this piece; 0 begins an object, and ends one that was not finished.
    pub offset: u64,
    /// The octets as they were transferred: where the format is `b64`, a piece of Base64 text.
    pub bytes: Bytes,
    /// The declared `Size`.
    pub total: u64,
    /// Whether this is the last piece.
    pub last: bool,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("command", &self.command)
            .field("item", &self.item)
            .field("offset", &self.offset)
            .field("octets", &self.bytes.len())
            .field("total", &self.total)
            .field("last", &self.last)
            .finish()
    }
}

/// Data of a command that the caller holds and provides piece by piece.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Source {
    /// The caller's name for it.
    pub id: u64,
    /// How many octets there are.
    pub len: u64,
    /// Whether they are text, which is split between characters. If not, they travel as Base64 over
    /// XML.
    pub is_text: bool,
}
