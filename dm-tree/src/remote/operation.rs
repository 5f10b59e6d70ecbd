//! [`Operation`]: what a queue drives.

use dm_proto::{
    StatusCode, Text,
    message::{Alert, Command, Item},
    session::NotSent,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::NodeUri;

use super::{Ended, Summary, SummaryState};

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
    /// Nothing of the last [`Step::Send`] was sent, since this command of it cannot be: the device is as it
    /// was.
    Unsendable {
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

/// What every outcome can say of itself to who does not know the operations apart.
pub trait Summarize {
    /// The outcome in the flat form that all operations share.
    fn summary(&self) -> Summary;
}

impl Summarize for Summary {
    fn summary(&self) -> Summary {
        self.clone()
    }
}

/// What was read, or why nothing was.
impl<T> Summarize for Result<T, Ended> {
    fn summary(&self) -> Summary {
        match self {
            Ok(_) => Summary::new(SummaryState::Succeeded),
            Err(ended) => Summary::from(*ended),
        }
    }
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

    /// Ends it at its deadline: as unknown if the Exec may have arrived, else as expired, where it is told
    /// whether something that prepares it was sent: what [`cancel`](Self::cancel) would not have undone either.
    fn expire(&mut self);

    /// Whether the device took it, and forgets with it whatever else it took: a factory reset.
    fn erases(&self) -> bool {
        false
    }

    /// Says that the device has taken a reset, and opens a session now: what it took before and does not
    /// report in this one, it never will. What it takes from now on it takes after the reset.
    fn doubt(&mut self) {}

    /// Ends what was in [`doubt`](Self::doubt) and is not reported yet: the device has been back for a whole
    /// session.
    fn forget(&mut self) {}

    /// Its deadline, by the caller's clock.
    fn deadline(&self) -> Option<u64> {
        None
    }

    /// Whether the device takes large objects, as far as the operation knows. If not, its commands go out
    /// whole or not at all.
    fn takes_large_objects(&self) -> bool {
        true
    }

    /// How far it is.
    fn progress(&self) -> Progress;

    /// Whether anything was sent that changes the device, or prepares the change. One that is over without
    /// that can be cancelled with those it is [combined](super::Combined) with.
    fn has_changed(&self) -> bool {
        self.progress() > Progress::Queued
    }

    /// The outcome, once there is one.
    fn outcome(&self) -> Option<Self::Outcome>;

    /// Where its object was found, for [`Order::with_known_root`](super::Order::with_known_root) of the
    /// next operation.
    fn root(&self) -> Option<&NodeUri> {
        None
    }

    /// Where objects of its kind were found; all that the device has if the whole tree was searched.
    fn instances(&self) -> &[NodeUri] {
        &[]
    }
}

/// Makes a type with a field `course`, a [`Course`](crate::remote::Course), and a method `conclude` from
/// a [`Conclusion`](crate::remote::Conclusion) to its outcome an
/// [`Operation`](crate::remote::Operation): `coursed!(Lock => LockOutcome)`.
#[macro_export]
macro_rules! coursed {
    ($name:ident => $outcome:ty) => {
        impl $crate::remote::Operation for $name {
            type Outcome = $outcome;

            fn step(&mut self) -> $crate::remote::Step {
                self.course.step()
            }

            fn handle(&mut self, reply: $crate::remote::Reply<'_>) {
                self.course.handle(reply);
            }

            fn claims(&self, alert: &dm_proto::message::Alert) -> bool {
                self.course.claims(alert)
            }

            fn cancel(&mut self) -> bool {
                self.course.cancel()
            }

            fn expire(&mut self) {
                self.course.expire();
            }

            fn erases(&self) -> bool {
                self.course.erases()
            }

            fn doubt(&mut self) {
                self.course.doubt();
            }

            fn forget(&mut self) {
                self.course.forget();
            }

            fn deadline(&self) -> Option<u64> {
                self.course.order().deadline
            }

            fn takes_large_objects(&self) -> bool {
                self.course.takes_large_objects()
            }

            fn progress(&self) -> $crate::remote::Progress {
                self.course.progress()
            }

            fn has_changed(&self) -> bool {
                self.course.has_changed()
            }

            fn outcome(&self) -> Option<$outcome> {
                let conclusion = self.course.conclusion()?;
                Some(self.conclude(conclusion))
            }

            fn root(&self) -> Option<&$crate::NodeUri> {
                self.course.root()
            }

            fn instances(&self) -> &[$crate::NodeUri] {
                self.course.instances()
            }
        }
    };
}
