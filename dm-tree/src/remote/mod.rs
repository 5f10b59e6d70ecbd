//! The server's view of a device's tree: operations that span messages and sessions.

use dm_proto::{
    StatusCode, Text,
    auth::{Nonce, Side},
    message::{Alert, Command, Item},
    session::{Ending, ServerSession},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

mod order;

pub use self::order::{ComponentResult, Ended, Order, Question, Summary, SummaryState};

/// What an operation does next.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever drives an operation must know them all"
)]
pub enum Step {
    /// Send these commands in the next message.
    Send(Vec<Command>),
    /// Nothing in this package: it waits for an answer or a report.
    Wait,
    /// Nothing more: it has an outcome.
    Done,
}

/// What came back for an operation.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "an operation must know them all")]
pub enum Reply<'a> {
    /// A status.
    Status {
        /// The command, by its place in the last [`Step::Send`].
        command: u16,
        /// 0 for the command itself, n for the n-th inside it.
        part: u32,
        /// The item it is for, where it names one.
        target_ref: Option<&'a Text>,
        /// The code.
        status: StatusCode,
        /// More about it.
        items: &'a [Item],
    },
    /// Data.
    Results {
        /// As in [`Status`](Self::Status).
        command: u16,
        /// As in [`Status`](Self::Status).
        part: u32,
        /// The data.
        items: &'a [Item],
    },
    /// The device ended its package, or the session, without a status for this command.
    NoStatus {
        /// As in [`Status`](Self::Status).
        command: u16,
        /// As in [`Status`](Self::Status).
        part: u32,
    },
    /// Every command of the last [`Step::Send`] has been answered or has no status.
    Answered,
    /// An alert that the operation [claims](Operation::claims).
    Alert(&'a Alert),
    /// The session is over.
    SessionOver,
}

/// An operation on a device: a state machine that spans messages, sessions and restarts.
///
/// It is stored before what it sends leaves, and keeps its correlator through every resend.
pub trait Operation: Clone + Serialize + DeserializeOwned {
    /// What it ends in, exactly once.
    type Outcome: Clone;

    /// What to do now that the device waits for commands.
    fn step(&mut self) -> Step;

    /// Takes what came back.
    fn handle(&mut self, reply: Reply<'_>);

    /// Whether an alert is the report of this operation.
    fn claims(&self, alert: &Alert) -> bool;

    /// Cancels it if nothing that changes the device was sent; whether it did.
    fn cancel(&mut self) -> bool;

    /// Ends it at its deadline: as expired if nothing was sent, else as unknown.
    fn expire(&mut self);

    /// The outcome, once there is one.
    fn outcome(&self) -> Option<Self::Outcome>;
}

/// The operations of one device in their order. Serializable: it is stored with the session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Queue<O> {
    entries: Vec<(u32, O)>,
}

/// What [`Queue::drive`] tells.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The device opened the session; its DevInfo.
    Opened(Vec<Item>),
    /// Commands of the operation go out with the next message.
    Sent(u32),
    /// The operation has its outcome.
    Finished(u32),
    /// An alert that no operation claims; it was answered 200.
    Unclaimed(Alert),
    /// Store the nonce in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over.
    Ended(Ending),
}

impl<O: Operation> Queue<O> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Adds an operation at the end. `id` is the caller's own name for it.
    pub fn push(&mut self, id: u32, operation: O) {
        self.entries.push((id, operation));
    }

    /// An operation.
    pub fn get(&self, id: u32) -> Option<&O> {
        self.entries
            .iter()
            .find(|(i, _)| *i == id)
            .map(|(_, operation)| operation)
    }

    /// An operation, to cancel or expire it.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut O> {
        self.entries
            .iter_mut()
            .find(|(i, _)| *i == id)
            .map(|(_, operation)| operation)
    }

    /// The operations with their ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &O)> {
        self.entries.iter().map(|(id, operation)| (*id, operation))
    }

    /// Whether an operation has something to send, so that the device should be notified.
    pub fn wants_session(&self) -> bool {
        todo!()
    }

    /// Removes an operation.
    pub fn remove(&mut self, id: u32) -> Option<O> {
        let _ = id;
        todo!()
    }

    /// Drains the session's events into the operations, and gives the session the next commands:
    /// those of the first operation that has any. Call after `ServerSession::handle` and before
    /// `poll_transmit`; store session and queue before the answer leaves.
    pub fn drive(&mut self, session: &mut ServerSession) -> Vec<Notice> {
        let _ = session;
        todo!()
    }
}

impl<O: Operation> Default for Queue<O> {
    fn default() -> Self {
        Self::new()
    }
}
