//! [`AnyOperation`]: any operation of this object, for a queue that holds them all.

use dm_proto::message::Alert;
use dm_tree::{
    NodeUri,
    remote::{Operation, Progress, Reply, Step, Summary},
};
use serde::{Deserialize, Serialize};

use super::{
    Ended, FactoryReset, Lock, LockOutcome, LockStatus, ReadState, ResetOutcome, Wipe, WipeOutcome,
};

/// Any operation of this object, for a queue that holds them all.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub enum AnyOperation {
    /// Lock, partial lock, unlock.
    Lock(Lock),
    /// Wipe.
    Wipe(Wipe),
    /// Factory reset.
    FactoryReset(FactoryReset),
    /// Reading.
    ReadState(ReadState),
}

/// The outcome of [`AnyOperation`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum AnyOutcome {
    /// Lock, partial lock, unlock.
    Lock(LockOutcome),
    /// Wipe.
    Wipe(WipeOutcome),
    /// Factory reset.
    FactoryReset(ResetOutcome),
    /// Reading.
    ReadState(Result<LockStatus, Ended>),
}

impl AnyOutcome {
    /// The outcome in the flat form that all operations share.
    pub fn summary(&self) -> Summary {
        match self {
            Self::Lock(outcome) => Summary::from(outcome),
            Self::Wipe(outcome) => Summary::from(outcome),
            Self::FactoryReset(outcome) => Summary::from(outcome),
            Self::ReadState(outcome) => LockStatus::summary(outcome),
        }
    }
}

macro_rules! each {
    ($self:ident, $operation:ident => $call:expr) => {
        match $self {
            Self::Lock($operation) => $call,
            Self::Wipe($operation) => $call,
            Self::FactoryReset($operation) => $call,
            Self::ReadState($operation) => $call,
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
            Self::Lock(operation) => operation.outcome().map(AnyOutcome::Lock),
            Self::Wipe(operation) => operation.outcome().map(AnyOutcome::Wipe),
            Self::FactoryReset(operation) => operation.outcome().map(AnyOutcome::FactoryReset),
            Self::ReadState(operation) => operation.outcome().map(AnyOutcome::ReadState),
        }
    }
}
