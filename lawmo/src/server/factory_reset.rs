//! [`FactoryReset`]: resets a device to how it left the factory.

use dm_tree::remote::{Conclusion, Course, Order, Summarize, Summary, SummaryState};
use serde::{Deserialize, Serialize};

use super::{Ended, executed, lock::Execute};
use crate::{Operation, ResultCode};

/// Resets a device to how it left the factory. Once sent it is never sent again by itself: a lost answer
/// leaves its outcome unknown.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FactoryReset {
    course: Course<Execute>,
}

/// What came of a factory reset. There is no *succeeded*: the reset erases what could tell.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ResetOutcome {
    /// The device took the command.
    Accepted,
    /// The device will not: 14xx.
    Failed(ResultCode),
    /// It did not come to an answer.
    Ended(Ended),
}

impl FactoryReset {
    /// Resets it.
    pub fn new(order: Order) -> Self {
        let operation = Operation::FactoryReset;
        let course = Course::new(Execute { operation }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> ResetOutcome {
        match executed(conclusion) {
            Ok(result) if result.is_success() => ResetOutcome::Accepted,
            Ok(result) => ResetOutcome::Failed(result),
            Err(ended) => ResetOutcome::Ended(ended),
        }
    }
}

dm_tree::coursed!(FactoryReset => ResetOutcome);

impl Summarize for ResetOutcome {
    fn summary(&self) -> Summary {
        match self {
            Self::Accepted => Summary::new(SummaryState::Accepted),
            Self::Failed(result) => {
                Summary::new(SummaryState::Failed).with_result((*result).into())
            }
            Self::Ended(ended) => Summary::from(*ended),
        }
    }
}
