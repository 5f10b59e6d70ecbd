//! [`FactoryReset`]: resets a device to how it left the factory.

use dm_tree::remote::{Conclusion, Course, Order, Summary, SummaryState};
use serde::{Deserialize, Serialize};

use super::{Ended, executed, lock::Execute, operation};
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

    fn typed(&self, conclusion: &Conclusion) -> ResetOutcome {
        match executed(conclusion) {
            Ok(result) if result.is_success() => ResetOutcome::Accepted,
            Ok(result) => ResetOutcome::Failed(result),
            Err(ended) => ResetOutcome::Ended(ended),
        }
    }
}

operation!(FactoryReset, ResetOutcome);

impl From<&ResetOutcome> for Summary {
    fn from(outcome: &ResetOutcome) -> Self {
        match outcome {
            ResetOutcome::Accepted => Self::new(SummaryState::Accepted),
            ResetOutcome::Failed(result) => {
                Self::new(SummaryState::Failed).with_result((*result).into())
            }
            ResetOutcome::Ended(ended) => Self::from(*ended),
        }
    }
}
