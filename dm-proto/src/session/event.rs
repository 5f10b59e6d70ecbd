//! What sessions ask and tell their callers, and the answers.

use alloc::{vec, vec::Vec};
use core::fmt;

use super::{Chunk, CommandTag, Ending, Source, Ticket};
use crate::{
    AlertCode, CmdId, Correlator, MsgId, SessionId, StatusCode, Text,
    auth::{Nonce, Side},
    message::{Alert, Item},
};

/// What a client session asks or tells its caller.
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum ClientEvent {
    /// Run one item of one command on the tree; answer with [`ClientSession::answer`](super::ClientSession::answer).
    Execute(Ticket, Execute),
    /// Store a piece of a large object, if [`ClientConfig::chunks`](super::ClientConfig::chunks) asks
    /// for it. Answer with [`ClientSession::answer`](super::ClientSession::answer) and any status of
    /// success, or with why it cannot be stored, such as 420: then nothing more comes of the object.
    ///
    /// Behind the last piece comes [`Execute`](Self::Execute) for the item, without data. After a
    /// restart a piece that was stored may come again.
    Chunk(Ticket, Chunk),
    /// The large object whose pieces came will never be a whole: forget them.
    Discard,
    /// The next message needs data of an [`Answer::source`]; give it with
    /// [`ClientSession::provide`](super::ClientSession::provide).
    NeedPayload {
        /// The source.
        id: u64,
        /// Octets of it that were taken already.
        offset: u64,
        /// Octets that are needed at most; fewer do too, but each message is made of what was given.
        len: u64,
    },
    /// An Atomic begins: what follows must be undoable. All questions of the Atomic were asked before.
    Savepoint,
    /// The Atomic succeeded.
    Release,
    /// The Atomic failed: undo everything since [`Savepoint`](Self::Savepoint), and answer with
    /// [`ClientSession::rolled_back`](super::ClientSession::rolled_back).
    Rollback(Ticket),
    /// Ask the user; answer with [`ClientSession::reply`](super::ClientSession::reply).
    Ask(Ticket, Prompt),
    /// The server answered an alert given with [`ClientSession::alert`](super::ClientSession::alert).
    Answered {
        /// The alert's tag.
        tag: CommandTag,
        /// The server's answer.
        status: StatusCode,
    },
    /// The server has our message with this number: what it carried has arrived.
    Delivered(MsgId),
    /// The nonce of one side's next digest changed: store it in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over.
    Ended(Ending),
}

/// One item of a command, to be run on the tree.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Execute {
    /// Which item of which command of the session this is; the same when the event is repeated after
    /// a restart.
    pub origin: Origin,
    /// The command.
    pub verb: Verb,
    /// The correlator of an Exec.
    pub correlator: Option<Correlator>,
    /// The item, its `Meta` completed from that of the command.
    pub item: Item,
}

impl Execute {
    /// One item of a command without a correlator.
    pub fn new(origin: Origin, verb: Verb, item: Item) -> Self {
        Self {
            origin,
            verb,
            correlator: None,
            item,
        }
    }
}

/// The place of an item in a session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Origin {
    /// The session.
    pub session_id: SessionId,
    /// The server's message.
    pub msg_id: MsgId,
    /// The command in it.
    pub cmd_id: CmdId,
    /// The item of the command, from 0.
    pub item: u32,
}

/// A command on a node.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verb {
    /// Create.
    Add,
    /// Copy a leaf; the item's source is what is copied.
    Copy,
    /// Remove.
    Delete,
    /// Start the process behind the node.
    Exec,
    /// Read.
    Get,
    /// Set the value.
    Replace,
}

/// A question or message to the user.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Prompt {
    /// Which kind: 1100 to 1104.
    pub code: AlertCode,
    /// The text.
    pub text: Text,
    /// The choices of 1103 and 1104, numbered from 1.
    pub choices: Vec<Text>,
    /// `MINDT`: seconds to show it at least.
    pub min_display: Option<u32>,
    /// `MAXDT`: seconds to wait at most; then the reply is [`UserReply::TimedOut`].
    pub max_display: Option<u32>,
    /// `DR`: the initial state of the question. Never an answer.
    pub initial: Option<Text>,
    /// `MAXLEN`: characters of input at most.
    pub max_length: Option<u32>,
    /// `IT`: the kind of input.
    pub input_type: Option<char>,
    /// `ET=P`: hide the input.
    pub hide_input: bool,
}

/// The user's answer. Silence is [`TimedOut`](Self::TimedOut), never consent.
///
/// `Debug` leaves out what was typed: it may be a password ([`Prompt::hide_input`]).
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum UserReply {
    /// Shown, or confirmed: 200.
    Yes,
    /// Rejected: 304.
    No,
    /// Cancelled: 214.
    Cancelled,
    /// No answer in time: 408.
    TimedOut,
    /// It cannot be shown: 416.
    CannotDisplay,
    /// Text that was typed: 200.
    Text(Text),
    /// The numbers chosen, from 1: 200.
    Choices(Vec<u16>),
}

impl fmt::Debug for UserReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("Yes"),
            Self::No => f.write_str("No"),
            Self::Cancelled => f.write_str("Cancelled"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::CannotDisplay => f.write_str("CannotDisplay"),
            Self::Text(text) => write!(f, "Text({} octets)", text.len()),
            Self::Choices(chosen) => f.debug_tuple("Choices").field(chosen).finish(),
        }
    }
}

/// What came of an item.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Items of the status, such as the node that failed.
    pub items: Vec<Item>,
    /// The items of the `Results`.
    pub results: Vec<Item>,
    /// Where the data of the one item of the results is, if it is not in it: it is asked for with
    /// [`ClientEvent::NeedPayload`].
    pub source: Option<Source>,
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            items: Vec::new(),
            results: Vec::new(),
            source: None,
        }
    }
}

impl Answer {
    /// 200 with results.
    pub fn results(results: Vec<Item>) -> Self {
        Self {
            status: StatusCode::OK,
            items: Vec::new(),
            results,
            source: None,
        }
    }

    /// 200 with one result, whose data the caller provides while it is sent.
    pub fn from_source(item: Item, source: Source) -> Self {
        Self {
            source: Some(source),
            ..Self::results(vec![Item { data: None, ..item }])
        }
    }
}

/// What a server session tells its caller.
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum ServerEvent {
    /// The device has authenticated and opened the session. Comes once.
    Opened {
        /// 1200 or 1201.
        trigger: AlertCode,
        /// The items of the DevInfo Replace.
        dev_info: Vec<Item>,
    },
    /// A status for a command given with [`ServerSession::send`](super::ServerSession::send).
    Status {
        /// The command.
        tag: CommandTag,
        /// 0 for the command itself, n for the n-th command inside it, depth first.
        part: u32,
        /// The item it is for, where the status names one.
        target_ref: Option<Text>,
        /// The code.
        status: StatusCode,
        /// More about it. Where one status is for several items, with the event of the first.
        items: Vec<Item>,
    },
    /// A piece of a large object in the results of a command, if
    /// [`ServerConfig::chunks`](super::ServerConfig::chunks) asks for it. Behind the last piece comes
    /// [`Results`](Self::Results) without data; if something else comes for the command, or a piece
    /// with offset 0, there will be no whole.
    Chunk {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
        /// The piece.
        chunk: Chunk,
    },
    /// The next message needs data of a source that was given to
    /// [`ServerSession::send_from`](super::ServerSession::send_from); give it with
    /// [`ServerSession::provide`](super::ServerSession::provide).
    NeedPayload {
        /// The source.
        id: u64,
        /// Octets of it that were taken already.
        offset: u64,
        /// Octets that are needed at most; fewer do too, but each message is made of what was given.
        len: u64,
    },
    /// Data that a command asked for.
    Results {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
        /// The data; `Meta` completed from that of the Results.
        items: Vec<Item>,
    },
    /// The device ended its package, or the session ended, and this command has no status.
    NoStatus {
        /// The command.
        tag: CommandTag,
        /// As in [`Status`](Self::Status).
        part: u32,
    },
    /// A generic alert or client event of the device; answer with [`ServerSession::answer`](super::ServerSession::answer).
    Alert(Ticket, Alert),
    /// The device waits for commands. What is sent before the next transmit goes out with it; if
    /// nothing is, and nothing waits from before, the session closes.
    Ready,
    /// The nonce of one side's next digest changed: store it in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over. After [`Ending::Complete`] a late report of the device may still come in
    /// it, and is handled as ever.
    Ended(Ending),
}
