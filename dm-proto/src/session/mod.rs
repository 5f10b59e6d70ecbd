//! Sans-I/O sessions: the client's and the server's side of OMA-TS-DM_Protocol.
//!
//! The one invariant: **after each input, drain the events and answer them, then take the transmit;
//! only then feed the next input.**

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    AlertCode, CmdId, Correlator, DecodeError, Limits, LocUri, MsgId, SessionId, StatusCode, Text,
    auth::{Account, Nonce, Side},
    codec::{DecodeOptions, Encoding, Tolerance},
    message::{Alert, Command, Item, SyncHdr, SyncMl},
};
use alloc::sync::Arc;

/// A message that was read but is not believed yet: it routes a request before a session exists.
#[derive(Clone, Debug)]
pub struct Received {
    message: SyncMl,
    encoding: Encoding,
    tolerances: Vec<Tolerance>,
    /// MD5 of the octets: what tells a repeated message from another with the same MsgID.
    digest: [u8; 16],
}

/// What the transport said about a message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// The `Content-Type`.
    pub content_type: &'a str,
}

impl<'a> Headers<'a> {
    /// Headers with a content type.
    pub fn new(content_type: &'a str) -> Self {
        Self { content_type }
    }
}

/// Why a message cannot enter any session.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReceiveError {
    /// The content type is not that of a DM message.
    #[error("content type {0:?} is not a DM message")]
    UnsupportedMediaType(Text),
    /// The octets are not a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Received {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// If the content type is unknown or the octets are not a message.
    pub fn read(
        octets: Bytes,
        headers: Headers<'_>,
        options: &DecodeOptions,
    ) -> Result<Self, ReceiveError> {
        let _ = (octets, headers, options);
        todo!()
    }

    /// The header, unverified.
    pub fn header(&self) -> &SyncHdr {
        &self.message.header
    }

    /// The whole message, unverified.
    pub fn message(&self) -> &SyncMl {
        &self.message
    }

    /// How the message was encoded; the answer is encoded alike.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What in it broke the letter of the documents.
    pub fn tolerances(&self) -> &[Tolerance] {
        &self.tolerances
    }
}

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

/// Why a session ended without completing, sorted by whose fault it is.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum SessionError {
    /// The peer's credentials are wrong or missing, after as many challenges as are allowed.
    #[error("the peer did not authenticate")]
    NotAuthenticated,
    /// The peer refuses our credentials, after as many attempts as are allowed.
    #[error("the peer refuses our credentials")]
    Refused,
    // The session adds variants: PeerMisbehaved..., PeerIncompatible..., ApiMisuse...
}

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

/// A saved session: what must survive a restart between two messages, or between an event and its
/// answer. Holds no password and no configuration. Opaque; its form carries a version.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Saved {
    version: u16,
}

/// What a received message is to a saved session. OMA-TS-DM_Protocol fixes none of this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Disposition {
    /// The next message of the session.
    Next,
    /// The last message again, same octets: it gets the stored answer, nothing is executed.
    Repeat,
    /// Message 1 with other octets: a new session, which replaces the old once it has authenticated.
    NewSession,
    /// Neither: a message out of order.
    OutOfOrder,
}

impl Saved {
    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        todo!()
    }

    /// What `received` is to this session. For the server's side.
    pub fn disposition(&self, received: &Received) -> Disposition {
        let _ = received;
        todo!()
    }
}

// ---- client -------------------------------------------------------------------------------------

/// How a client session behaves.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Caps on what the server controls.
    pub limits: Limits,
    /// The encoding of our messages. Default WBXML.
    pub encoding: Encoding,
    /// `MaxMsgSize` that we declare, in octets. Default 64 KiB.
    pub max_msg_size: u64,
    /// `MaxObjSize` that we declare, in octets. Default 1 MiB.
    pub max_obj_size: u64,
    /// How often either side may be challenged before the session ends. Default 3.
    pub challenges: u8,
    /// What a failed command does to the rest of its Sequence. Default [`SequencePolicy::Stop`].
    pub sequence: SequencePolicy,
    /// Whether there is a user who can be asked; if not, alerts 1100 to 1104 get 406. Default yes.
    pub user_interaction: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            encoding: Encoding::Wbxml,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            challenges: 3,
            sequence: SequencePolicy::Stop,
            user_interaction: true,
        }
    }
}

/// What a failed command does to the rest of its Sequence; the text leaves it open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum SequencePolicy {
    /// The rest gets 215.
    #[default]
    Stop,
    /// The rest runs.
    Continue,
}

/// What a client session begins with.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Start {
    /// Who asked for it.
    pub trigger: Trigger,
    /// Its id: the notification's, or one of the device's own.
    pub session_id: SessionId,
    /// One item per node of DevInfo: source and data. Sent in package 1.
    pub dev_info: Vec<Item>,
}

impl Start {
    /// A session to begin.
    pub fn new(trigger: Trigger, session_id: SessionId, dev_info: Vec<Item>) -> Self {
        Self {
            trigger,
            session_id,
            dev_info,
        }
    }
}

/// Who asked for a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Trigger {
    /// The server, by a notification: Alert 1200.
    Server,
    /// The device: Alert 1201.
    Client,
}

/// What a client session asks or tells its caller.
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum ClientEvent {
    /// Run one item of one command on the tree; answer with [`ClientSession::answer`].
    Execute(Ticket, Execute),
    /// An Atomic begins: what follows must be undoable. All questions of the Atomic were asked before.
    Savepoint,
    /// The Atomic succeeded.
    Release,
    /// The Atomic failed: undo everything since [`Savepoint`](Self::Savepoint), and answer with
    /// [`ClientSession::rolled_back`].
    Rollback(Ticket),
    /// Ask the user; answer with [`ClientSession::reply`].
    Ask(Ticket, Prompt),
    /// The server answered an alert given with [`ClientSession::alert`].
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
#[derive(Clone, Debug, Eq, PartialEq)]
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
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            items: Vec::new(),
            results: Vec::new(),
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
        }
    }
}

/// The device's side of a session.
#[derive(Debug)]
pub struct ClientSession {
    config: Arc<ClientConfig>,
    saved: Saved,
}

impl ClientSession {
    /// Begins a session. The first transmit is package 1.
    pub fn start(config: Arc<ClientConfig>, account: &Account, start: Start) -> Self {
        let _ = (config, account, start);
        todo!()
    }

    /// Takes up a saved session. Every event that was not answered comes again with a new ticket;
    /// `last_sent`, the last message taken from it, is sent again by the next
    /// [`poll_transmit`](Self::poll_transmit) if it was not answered.
    ///
    /// # Errors
    ///
    /// If `saved` is of a version or side that this cannot read.
    pub fn restore(
        saved: Saved,
        last_sent: Option<Transmit>,
        config: Arc<ClientConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        let _ = (saved, last_sent, config, account);
        todo!()
    }

    /// What must be stored for [`restore`](Self::restore).
    pub fn save(&self) -> Saved {
        self.saved.clone()
    }

    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        todo!()
    }

    /// Whether the server has authenticated; nothing is executed before.
    pub fn is_authenticated(&self) -> bool {
        todo!()
    }

    /// Queues an alert (1224, 1226) for the next message. It is kept, and sent again after a
    /// challenge, until [`ClientEvent::Answered`].
    pub fn alert(&mut self, alert: Alert, tag: CommandTag) {
        let _ = (alert, tag);
    }

    /// Takes a message of the server. `nonce` is fresh randomness, used if a challenge must be made.
    ///
    /// # Errors
    ///
    /// If the session is over or fails now; it then stays failed.
    pub fn handle(&mut self, message: Received, nonce: Nonce) -> Result<(), SessionError> {
        let _ = (message, nonce);
        todo!()
    }

    /// The next event. `None` until [`handle`](Self::handle), or an answer that the session waits for.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        todo!()
    }

    /// Answers [`ClientEvent::Execute`].
    pub fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let _ = (ticket, answer);
    }

    /// Answers [`ClientEvent::Rollback`]: whether everything is as it was.
    pub fn rolled_back(&mut self, ticket: Ticket, complete: bool) {
        let _ = (ticket, complete);
    }

    /// Answers [`ClientEvent::Ask`].
    pub fn reply(&mut self, ticket: Ticket, reply: UserReply) {
        let _ = (ticket, reply);
    }

    /// Ends the session: the next transmit is an Alert 1223.
    pub fn abort(&mut self) {}

    /// The message to send, once all events are answered. `None` if there is nothing to say: the
    /// session is over (then [`ClientEvent::Ended`] has come or comes next).
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }

    /// The last message again, for a transport that lost the answer.
    #[must_use]
    pub fn last_sent(&self) -> Option<&Transmit> {
        todo!()
    }
}

// ---- server -------------------------------------------------------------------------------------

/// How a server session behaves.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Caps on what the client controls.
    pub limits: Limits,
    /// `MaxMsgSize` that we declare, in octets. Default 64 KiB.
    pub max_msg_size: u64,
    /// `MaxObjSize` that we declare, in octets. Default 1 MiB.
    pub max_obj_size: u64,
    /// How often either side may be challenged before the session ends. Default 3.
    pub challenges: u8,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            challenges: 3,
        }
    }
}

/// What a kind of device does and does not do.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct DeviceProfile {
    /// Asks its user on alerts 1100 to 1104.
    pub user_interaction: bool,
    /// Undoes a failed Atomic. If not, values are set one by one and read back.
    pub atomic: bool,
    /// A refused 1101 keeps the Exec behind it in the same Sequence from running.
    pub sequence_guards: bool,
    /// Echoes correlators.
    pub correlator: bool,
    /// Has ACLs.
    pub acl: bool,
    /// Takes large objects.
    pub large_objects: bool,
}

impl DeviceProfile {
    /// What the documents ask of a device, except that no Sequence is trusted as a guard.
    pub const STANDARD: Self = Self {
        user_interaction: true,
        atomic: true,
        sequence_guards: false,
        correlator: true,
        acl: true,
        large_objects: true,
    };

    /// Windows (MS-MDM).
    pub const WINDOWS: Self = Self {
        user_interaction: false,
        atomic: true,
        sequence_guards: false,
        correlator: false,
        acl: false,
        large_objects: false,
    };

    /// The same, trusting a Sequence to hold an Exec back. For devices known to.
    #[must_use]
    pub fn with_sequence_guards(mut self) -> Self {
        self.sequence_guards = true;
        self
    }
}

impl Default for DeviceProfile {
    fn default() -> Self {
        Self::STANDARD
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
    /// A status for a command given with [`ServerSession::send`].
    Status {
        /// The command.
        tag: CommandTag,
        /// 0 for the command itself, n for the n-th command inside it, depth first.
        part: u32,
        /// The item it is for, where the status names one.
        target_ref: Option<Text>,
        /// The code.
        status: StatusCode,
        /// More about it.
        items: Vec<Item>,
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
    /// A generic alert or client event of the device; answer with [`ServerSession::answer`].
    Alert(Ticket, Alert),
    /// The device waits for commands. What is sent before the next transmit goes out with it; if
    /// nothing is, the session closes.
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

/// The server's side of a session.
#[derive(Debug)]
pub struct ServerSession {
    config: Arc<ServerConfig>,
    saved: Saved,
}

impl ServerSession {
    /// Begins a session with its first message, which must still be [handled](Self::handle).
    ///
    /// # Errors
    ///
    /// If the message is not the first of a session (MsgID 1).
    pub fn accept(
        first: &Received,
        config: Arc<ServerConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        let _ = (first, config, account);
        todo!()
    }

    /// Takes up a saved session; as [`ClientSession::restore`].
    ///
    /// # Errors
    ///
    /// If `saved` is of a version or side that this cannot read.
    pub fn restore(
        saved: Saved,
        last_sent: Option<Transmit>,
        config: Arc<ServerConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        let _ = (saved, last_sent, config, account);
        todo!()
    }

    /// What must be stored for [`restore`](Self::restore).
    pub fn save(&self) -> Saved {
        self.saved.clone()
    }

    /// Takes a message of the device. A repeated message leaves no events, and its answer is the one
    /// it had before. `nonce` is fresh randomness, used if a challenge is made.
    ///
    /// # Errors
    ///
    /// If the message does not belong to the session, or the session fails now.
    pub fn handle(&mut self, message: Received, nonce: Nonce) -> Result<(), SessionError> {
        let _ = (message, nonce);
        todo!()
    }

    /// Whether the device has authenticated.
    pub fn is_authenticated(&self) -> bool {
        todo!()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        todo!()
    }

    /// Gives a command. Its CmdIDs, and those inside it, are assigned by the session. It goes out
    /// with the next package; commands that met 401 or 407 are sent again after authentication.
    pub fn send(&mut self, command: Command, tag: CommandTag) {
        let _ = (command, tag);
    }

    /// Answers [`ServerEvent::Alert`].
    pub fn answer(&mut self, ticket: Ticket, status: StatusCode) {
        let _ = (ticket, status);
    }

    /// Ends the session: the next transmit is an Alert 1223.
    pub fn abort(&mut self) {}

    /// The message to send, once all events are answered.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }
}
