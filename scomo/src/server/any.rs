//! [`AnyOperation`]: any operation of this object, for a queue that holds them all.

use dm_proto::message::Alert;
use dm_tree::{
    NodeUri,
    remote::{Operation, Progress, Reply, Step, Summary},
};
use serde::{Deserialize, Serialize};

use super::{Contents, Ended, Inventory, Invoke, Outcome};

/// Any operation of this object, for a queue that holds them all.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub enum AnyOperation {
    /// A primitive.
    Invoke(Invoke),
    /// Reading.
    Inventory(Inventory),
}

/// The outcome of [`AnyOperation`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum AnyOutcome {
    /// A primitive.
    Invoke(Outcome),
    /// Reading.
    Inventory(Result<Contents, Ended>),
}

impl AnyOutcome {
    /// The outcome in the flat form that all operations share.
    pub fn summary(&self) -> Summary {
        match self {
            Self::Invoke(outcome) => Summary::from(outcome),
            Self::Inventory(outcome) => Contents::summary(outcome),
        }
    }
}

macro_rules! each {
    ($self:ident, $operation:ident => $call:expr) => {
        match $self {
            Self::Invoke($operation) => $call,
            Self::Inventory($operation) => $call,
        }
    };
}

impl AnyOperation {
    /// Where the object was found, for [`Order::with_known_root`](dm_tree::remote::Order) of the next
    /// operation.
    pub fn root(&self) -> Option<&NodeUri> {
        each!(self, operation => operation.root())
    }
}

impl Operation for AnyOperation {
    type Outcome = AnyOutcome;

    fn step(&mut self) -> Step {
        each!(self, operation => operation.step())
    }

    fn handle(&mut self, reply: Reply<'_>) {
        each!(self, operation => operation.handle(reply));
    }

    fn claims(&self, alert: &Alert) -> bool {
        each!(self, operation => operation.claims(alert))
    }

    fn cancel(&mut self) -> bool {
        each!(self, operation => operation.cancel())
    }

    fn expire(&mut self) {
        each!(self, operation => operation.expire());
    }

    fn progress(&self) -> Progress {
        each!(self, operation => operation.progress())
    }

    fn outcome(&self) -> Option<AnyOutcome> {
        match self {
            Self::Invoke(operation) => operation.outcome().map(AnyOutcome::Invoke),
            Self::Inventory(operation) => operation.outcome().map(AnyOutcome::Inventory),
        }
    }
}
