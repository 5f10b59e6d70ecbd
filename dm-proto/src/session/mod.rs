//! Sans-I/O sessions: the client's and the server's side of OMA-TS-DM_Protocol.
//!
//! The one invariant: **after each input, drain the events and answer them, then take the transmit;
//! only then feed the next input.**
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use bytes::Bytes;

use crate::{LocUri, codec::Encoding};

mod client;
mod config;
mod error;
mod event;
mod link;
mod plan;
mod prompt;
mod proof;
mod received;
mod saved;
mod server;

pub use self::{
    client::ClientSession,
    config::{ClientConfig, DeviceProfile, SequencePolicy, ServerConfig, Start, Trigger},
    error::{Incompatibility, Misbehaviour, Misuse, SessionError},
    event::{Answer, ClientEvent, Execute, Origin, Prompt, ServerEvent, UserReply, Verb},
    received::{Headers, ReceiveError, Received},
    saved::{Disposition, Saved},
    server::ServerSession,
};

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct Transmit {
    /// Where to; on the server's side the answer to the request, whatever this says.
    pub uri: LocUri,
    /// The octets.
    pub body: Bytes,
    /// Their encoding, which names the content type.
    pub encoding: Encoding,
}

/// Names one command in events. The caller's own; it survives saving, which a CmdID, new per message,
/// would not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "a plain number")]
pub struct CommandTag(pub u64);

/// The right to answer an event, once.
#[must_use = "an event that is not answered holds the session up"]
#[derive(Debug, Eq, PartialEq)]
pub struct Ticket(u32);

/// How a session ended.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Ending {
    /// Both sides said all they had to say. A client with a late report may still continue it.
    Complete,
    /// The peer aborted (Alert 1223).
    AbortedByPeer,
    /// We aborted.
    Aborted,
    /// It failed.
    Failed(SessionError),
}
