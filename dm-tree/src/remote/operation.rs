//! [`Operation`]: what a queue drives.

use dm_proto::{
    StatusCode, Text,
    message::{Alert, Command, Item},
    session::NotSent,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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
    /// The command was not sent, with all that is in it, and will not be in this session.
    NotSent {
        /// As in [`Status`](Self::Status).
        command: u16,
        /// Why.
        reason: NotSent,
    },
    /// Every command of the last [`Step::Send`] has been answered or has no status, and the session
    /// goes on.
    Answered,
    /// An alert that the operation [claims](Operation::claims).
    Alert(&'a Alert),
    /// The session is over. What was not [answered](Self::Answered) will not be.
    SessionOver,
}

/// How far an operation is, for who watches.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
pub enum Progress {
    /// Nothing was sent that changes the device.
    Queued,
    /// Something was sent that changes the device, or prepares the change.
    Sent,
    /// The device took it, and will report.
    Accepted,
    /// It has its outcome.
    Finished,
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

    /// Whether an alert is the report of this operation, or a copy of it.
    fn claims(&self, alert: &Alert) -> bool;

    /// Cancels it if nothing that changes the device was sent; whether it did.
    fn cancel(&mut self) -> bool;

    /// Ends it at its deadline: as unknown if the Exec may have arrived, else as expired.
    fn expire(&mut self);

    /// How far it is.
    fn progress(&self) -> Progress;

    /// The outcome, once there is one.
    fn outcome(&self) -> Option<Self::Outcome>;
}
