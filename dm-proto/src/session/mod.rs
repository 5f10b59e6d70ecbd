//! Sans-I/O sessions: the client's and the server's side of OMA-TS-DM_Protocol.
//!
//! The one invariant: **after each input, drain the events and answer them, then take the transmit;
//! only then feed the next input.** A session has no clock, no randomness and no transport: time-outs
//! belong to the transport, fresh nonces come in with each message.
//!
//! ```text
//!            octets ──► Received::read ──► handle ──► poll_event ──► the tree, the user
//! transport                                  session                      │
//!            octets ◄────────────────── poll_transmit ◄── answer, reply ◄─┘
//! ```
//!
//! The device's loop, with a transport and a tree of the reader's own:
//!
//! ```
//! use dm_proto::{
//!     auth::Nonce,
//!     codec::DecodeOptions,
//!     session::{
//!         Answer, ClientEvent, ClientSession, Execute, Headers, ReceiveError, Received, SessionError,
//!         Transmit, UserReply,
//!     },
//! };
//!
//! # #[derive(Debug)] enum Error { Receive(ReceiveError), Session(SessionError) }
//! # impl From<ReceiveError> for Error { fn from(e: ReceiveError) -> Self { Self::Receive(e) } }
//! # impl From<SessionError> for Error { fn from(e: SessionError) -> Self { Self::Session(e) } }
//! fn run(
//!     mut session: ClientSession,
//!     execute: impl Fn(Execute) -> Answer,
//!     post: impl Fn(&Transmit) -> Vec<u8>,
//!     nonce: impl Fn() -> Nonce,
//! ) -> Result<(), Error> {
//!     loop {
//!         // 1. Drain the events, and answer those that carry a ticket.
//!         while let Some(event) = session.poll_event() {
//!             match event {
//!                 ClientEvent::Execute(ticket, item) => session.answer(ticket, execute(item)),
//!                 ClientEvent::Rollback(ticket) => session.rolled_back(ticket, true),
//!                 ClientEvent::Ask(ticket, _) => session.reply(ticket, UserReply::No),
//!                 ClientEvent::Ended(_) => return Ok(()),
//!                 _ => {}
//!             }
//!         }
//!         // 2. Take the transmit. Without one the end is the next event.
//!         let Some(transmit) = session.poll_transmit() else { continue };
//!         // 3. Feed the next input.
//!         let octets = post(&transmit);
//!         let headers = Headers::new(transmit.encoding.media_type());
//!         let message = Received::read(octets.into(), headers, &DecodeOptions::default())?;
//!         session.handle(message, nonce())?;
//!     }
//! }
//! ```
//!
//! The server's answer to one request. Between two requests the session is what was saved of it, stored under
//! the device and the session's id, with the last message that was taken from it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use dm_proto::{
//!     StatusCode,
//!     auth::{Account, Nonce, Side},
//!     codec::DecodeOptions,
//!     message::Command,
//!     session::{
//!         CommandTag, Disposition, Headers, ReceiveError, Received, Saved, ServerConfig, ServerEvent,
//!         ServerSession, SessionError, Transmit,
//!     },
//! };
//!
//! # #[derive(Debug)] enum Error { Receive(ReceiveError), Session(SessionError) }
//! # impl From<ReceiveError> for Error { fn from(e: ReceiveError) -> Self { Self::Receive(e) } }
//! # impl From<SessionError> for Error { fn from(e: SessionError) -> Self { Self::Session(e) } }
//! fn answer(
//!     request: Bytes,
//!     content_type: &str,
//!     stored: impl Fn(&Received) -> (Account, Option<(Saved, Transmit)>),
//!     mut commands: Vec<(Command, CommandTag)>,
//!     nonce: Nonce,
//! ) -> Result<(Saved, Option<Transmit>), Error> {
//!     let headers = Headers::new(content_type);
//!     let message = Received::read(request, headers, &DecodeOptions::default())?;
//!     // The header of the message says of which device it is, and of which session.
//!     let (mut account, stored) = stored(&message);
//!     let config = Arc::new(ServerConfig::default());
//!     let mut session = match stored {
//!         Some((saved, last)) if saved.disposition(&message) != Disposition::NewSession => {
//!             ServerSession::restore(saved, Some(last), config, &account)?
//!         }
//!         // Keep the stored one until this one `is_authenticated`: anybody can begin a session.
//!         _ => ServerSession::accept(&message, config, &account)?,
//!     };
//!     // What fails still has an answer as a rule, so the error is looked at behind it.
//!     let handled = session.handle(message, nonce);
//!     while let Some(event) = session.poll_event() {
//!         match event {
//!             // Whoever gives no command here lets the session end.
//!             ServerEvent::Ready => {
//!                 for (command, tag) in commands.drain(..) {
//!                     session.send(command, tag);
//!                 }
//!             }
//!             ServerEvent::Alert(ticket, _) => session.answer(ticket, StatusCode::OK),
//!             ServerEvent::NonceChanged { side, nonce } => {
//!                 // For the next session: store the account as well.
//!                 match side {
//!                     Side::Client => account.client.nonce = nonce,
//!                     Side::Server => account.server.nonce = nonce,
//!                 }
//!             }
//!             // Statuses, results, the end.
//!             _ => {}
//!         }
//!     }
//!     let transmit = session.poll_transmit();
//!     // Events that the transmit has brought, such as the end.
//!     while let Some(_event) = session.poll_event() {}
//!     if transmit.is_none() {
//!         handled?;
//!     }
//!     // Store both, and the account, and only then send the answer.
//!     Ok((session.save(), transmit))
//! }
//! ```
//!
//! `testing::Pair` (feature `testing`) runs both sides against each other.
//!
//! # Authentication
//!
//! Nothing is executed for a server that has not authenticated, and nothing it says is believed; a
//! server processes nothing of a device that has not. Credentials of types basic and MD5 are accepted
//! once for the session (status 212): what keeps others out of the messages that follow, and what
//! keeps them secret, is TLS. With [`Scheme::Hmac`] every message is signed and answered 200, in a transport
//! header that the caller carries ([`Transmit::hmac`], [`Headers::with_hmac`]). Passwords stand in the account
//! alone, never in what is saved.
//!
//! A side whose credentials are [`Scheme::Transport`] shows none and is asked for none: something below the
//! session has authenticated it.
//!
//! # Large objects
//!
//! Data that does not fit into one of the peer's messages goes out in as many as it takes, each filled
//! to the octet, and what comes in pieces is put together: the caller sees whole items on both sides.
//! The session holds them meanwhile, and so does [`Saved`].
//!
//! A Sequence or Atomic stands in one message with all that is in it (OMA-TS-DM_Protocol, multiple messages
//! in package, description), so that nothing in it can be a large object: one that does not fit ends in
//! [`NotSent::DoesNotFit`], and a chunk inside of one is answered 413.
//!
//! Who does not want them in memory has [`ClientConfig::chunks`] and [`ServerConfig::chunks`] for what
//! comes in, [`ServerSession::send_from`] and [`Answer::from_source`] for what goes out: then the
//! session keeps nothing but how far it is.
//!
//! # What is not here
//!
//! - What is not data is not split: a command that fits into no message without its data ends in
//!   [`NotSent::DoesNotFit`].
//! - Schemes outside the message but [`Scheme::Transport`].
//!
//! [`Scheme::Hmac`]: crate::auth::Scheme::Hmac
//! [`Scheme::Transport`]: crate::auth::Scheme::Transport
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use core::fmt;

use bytes::Bytes;

use crate::{LocUri, Text, codec::Encoding};

mod alerts;
mod client;
mod config;
mod error;
mod event;
mod imprint;
mod link;
mod memory;
mod meta;
mod object;
mod package;
mod pending;
mod phase;
mod plan;
mod prompt;
mod proof;
mod received;
mod refusal;
mod reply;
mod saved;
mod server;

pub use self::{
    client::ClientSession,
    config::{
        ClientConfig, DeviceProfile, ProtocolVersion, SMALLEST_MESSAGE, SequencePolicy,
        ServerConfig, Start, Trigger,
    },
    error::{Incompatibility, Misbehaviour, Misuse, SessionError},
    event::{Answer, ClientEvent, Execute, NotSent, Origin, Prompt, ServerEvent, UserReply, Verb},
    object::{Chunk, Source},
    received::{Headers, ReceiveError, Received},
    refusal::{refusal, refusal_of_stranger},
    saved::{Disposition, Saved},
    server::ServerSession,
};

/// A message to send. `Debug` leaves the octets out: there are credentials in them.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct Transmit {
    /// Where to; on the server's side the answer to the request, whatever this says.
    pub uri: LocUri,
    /// The octets.
    pub body: Bytes,
    /// Their encoding, which names the content type.
    pub encoding: Encoding,
    /// The value of the transport header [`HMAC_HEADER`](crate::auth::HMAC_HEADER), which must go with the
    /// message: only where messages are signed. Its octets are UTF-8 without line breaks.
    #[cfg_attr(feature = "serde", serde(default))]
    pub hmac: Option<Text>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("uri", &self.uri)
            .field("encoding", &self.encoding)
            .field("octets", &self.body.len())
            .field("is_signed", &self.hmac.is_some())
            .finish()
    }
}

/// Names one command, or alert of the device, in events. The caller's own, another for each of a session; it
/// survives saving, which a CmdID, new per message, would not.
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
