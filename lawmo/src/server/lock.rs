//! [`Lock`]: locks, partially locks or unlocks a device.

use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot, Summarize, Summary, SummaryState},
};
use serde::{Deserialize, Serialize};

use super::{Ended, executed};
use crate::{MO_ID, OPERATION_COMPLETE, Operation, ResultCode, nodes};

/// Locks, partially locks or unlocks a device.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Lock {
    course: Course<Execute>,
}

/// What came of a lock or unlock.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum LockOutcome {
    /// The device is locked, partially locked or unlocked, as was asked.
    Done(ResultCode),
    /// The device tried and failed.
    Failed(ResultCode),
    /// It did not come to a result.
    Ended(Ended),
}

impl Lock {
    /// Locks it fully.
    pub fn fully(order: Order) -> Self {
        Self::new(Operation::FullyLock, order)
    }

    /// Locks it partially.
    pub fn partially(order: Order) -> Self {
        Self::new(Operation::PartiallyLock, order)
    }

    /// Unlocks it.
    pub fn unlock(order: Order) -> Self {
        Self::new(Operation::UnLock, order)
    }

    /// Which of the three it is.
    pub fn operation(&self) -> Operation {
        self.course.script().operation
    }

    fn new(operation: Operation, order: Order) -> Self {
        let course = Course::new(Execute { operation }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> LockOutcome {
        match executed(conclusion) {
            Ok(result) if result.is_success() => LockOutcome::Done(result),
            Ok(result) => LockOutcome::Failed(result),
            Err(ended) => LockOutcome::Ended(ended),
        }
    }
}

dm_tree::coursed!(Lock => LockOutcome);

impl Summarize for LockOutcome {
    fn summary(&self) -> Summary {
        match self {
            Self::Done(result) => {
                Summary::new(SummaryState::Succeeded).with_result((*result).into())
            }
            Self::Failed(result) => {
                Summary::new(SummaryState::Failed).with_result((*result).into())
            }
            Self::Ended(ended) => Summary::from(*ended),
        }
    }
}

/// An Exec and nothing before it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Execute {
    pub(super) operation: Operation,
}

impl Script for Execute {
    const MO_IDS: &'static [&'static str] = &[MO_ID];
    const REPORTS: &'static [&'static str] = &[OPERATION_COMPLETE];

    fn reads(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn plan(&self, root: &NodeUri, _: &Snapshot) -> Option<Plan> {
        Some(Plan {
            prepare: Vec::new(),
            exec: nodes::operation(root, self.operation)?,
            acl: root.clone(),
        })
    }

    fn operation(&self) -> Option<Text> {
        Some(Text::from_static(self.operation.node_name()))
    }

    fn offered_in(&self) -> Option<&'static str> {
        Some(nodes::OPERATIONS)
    }

    fn reports(&self) -> bool {
        self.operation != Operation::FactoryReset
    }

    fn erases(&self) -> bool {
        self.operation == Operation::FactoryReset
    }

    fn resends(&self, order: &Order) -> bool {
        match self.operation {
            // Once more does no harm.
            Operation::FullyLock | Operation::PartiallyLock | Operation::UnLock => true,
            Operation::Wipe => order.profile.correlator,
            // A reset that happened has forgotten its correlator: it would happen again.
            Operation::FactoryReset => false,
        }
    }
}
