//! The server's side: typed requests that become operations, and their typed outcomes.

use dm_proto::{StatusCode, Text, message::Alert};
use dm_tree::remote::{Operation as RemoteOperation, Order, Reply, Step, Summary};
use serde::{Deserialize, Serialize};

use crate::{ResultCode, State};

/// What came of a lock or unlock.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum LockOutcome {
    /// Done.
    Locked(ResultCode),
    /// The device tried and failed, or its user refused on the device (1401).
    Failed(ResultCode),
    /// It did not come to the operation.
    Ended(Ended),
}

/// What came of a wipe.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum WipeOutcome {
    /// The items are erased; whether they left the list too.
    Wiped {
        /// 1201, 1202 or another 12xx.
        result: ResultCode,
    },
    /// The device tried and failed, or did not try.
    Failed(ResultCode),
    /// These are not in the wipe list; nothing was changed.
    UnknownItems(Vec<Text>),
    /// It did not come to the operation.
    Ended(Ended),
}

/// What came of a factory reset. There is no *succeeded*: the reset erases what could tell.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ResetOutcome {
    /// The device took the command.
    Accepted,
    /// The device will not: 14xx.
    Failed(ResultCode),
    /// It did not come to the operation.
    Ended(Ended),
}

pub use dm_tree::remote::Ended;

macro_rules! operation {
    ($name:ident, $outcome:ty) => {
        impl RemoteOperation for $name {
            type Outcome = $outcome;

            fn step(&mut self) -> Step {
                todo!()
            }

            fn handle(&mut self, reply: Reply<'_>) {
                let _ = reply;
                todo!()
            }

            fn claims(&self, alert: &Alert) -> bool {
                let _ = alert;
                todo!()
            }

            fn cancel(&mut self) -> bool {
                todo!()
            }

            fn expire(&mut self) {
                todo!()
            }

            fn outcome(&self) -> Option<$outcome> {
                self.outcome.clone()
            }
        }
    };
}

/// Locks, partially locks or unlocks a device.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Lock {
    outcome: Option<LockOutcome>,
}

impl Lock {
    /// Locks it fully.
    pub fn fully(order: Order) -> Self {
        let _ = order;
        todo!()
    }

    /// Locks it partially.
    pub fn partially(order: Order) -> Self {
        let _ = order;
        todo!()
    }

    /// Unlocks it.
    pub fn unlock(order: Order) -> Self {
        let _ = order;
        todo!()
    }
}

/// Wipes items of a device's list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Wipe {
    outcome: Option<WipeOutcome>,
}

impl Wipe {
    /// Wipes `items`, each named by its node or its `ListItemName`. All other items are kept.
    pub fn items(items: impl IntoIterator<Item = impl Into<Text>>, order: Order) -> Self {
        let _ = (
            items.into_iter().map(Into::into).collect::<Vec<Text>>(),
            order,
        );
        todo!()
    }

    /// Wipes every item of the list; on a device without a list, all that it declares.
    pub fn everything(order: Order) -> Self {
        let _ = order;
        todo!()
    }
}

/// Resets a device to how it left the factory.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FactoryReset {
    outcome: Option<ResetOutcome>,
}

impl FactoryReset {
    /// Resets it.
    pub fn new(order: Order) -> Self {
        let _ = order;
        todo!()
    }
}

/// An item of a device's wipe list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ListItem {
    /// The name of its node.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
    /// Whether the next Wipe includes it.
    pub to_be_wiped: bool,
}

/// What the object of a device says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// The lock state; `None` if the device has none of the three values.
    pub state: Option<State>,
    /// The wipe list; `None` if there is none.
    pub wipe_list: Option<Vec<ListItem>>,
    /// Whether the user is told about operations.
    pub notify_user: Option<bool>,
}

/// Reads state and wipe list. Changes nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReadState {
    outcome: Option<Result<LockStatus, Ended>>,
}

impl ReadState {
    /// Reads them.
    pub fn new(order: Order) -> Self {
        let _ = order;
        todo!()
    }
}

operation!(Lock, LockOutcome);
operation!(Wipe, WipeOutcome);
operation!(FactoryReset, ResetOutcome);
operation!(ReadState, Result<LockStatus, Ended>);

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
        todo!()
    }
}

impl RemoteOperation for AnyOperation {
    type Outcome = AnyOutcome;

    fn step(&mut self) -> Step {
        todo!()
    }

    fn handle(&mut self, reply: Reply<'_>) {
        let _ = reply;
        todo!()
    }

    fn claims(&self, alert: &Alert) -> bool {
        let _ = alert;
        todo!()
    }

    fn cancel(&mut self) -> bool {
        todo!()
    }

    fn expire(&mut self) {
        todo!()
    }

    fn progress(&self) -> dm_tree::remote::Progress { todo!() }

    fn outcome(&self) -> Option<AnyOutcome> {
        todo!()
    }
}

impl From<LockOutcome> for Summary {
    fn from(outcome: LockOutcome) -> Self {
        let _ = (outcome, StatusCode::OK);
        todo!()
    }
}
