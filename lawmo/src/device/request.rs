//! [`Request`]: what a job asks for.

use dm_tree::object::{Job, Outcome};
use serde::{Deserialize, Serialize};

use super::WipeItem;
use crate::{Operation, ResultCode};

/// What a job of this object asks for. For integrators that finish it themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// What a Wipe erases; none means everything.
    pub items: Vec<WipeItem>,
    /// Whether the user is to be told.
    pub notify_user: bool,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        let request: Self = postcard::from_bytes(&job.memo).ok()?;
        (request.operation.node_name() == job.node.name()).then_some(request)
    }

    /// The outcome for `Agent::complete`. A wipe that succeeded with 1201 becomes 1202 if all its items
    /// leave the list.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        let leave = !self.items.is_empty() && self.items.iter().all(|item| item.removed_after_wipe);
        let result = match result {
            ResultCode::WIPE_SUCCESSFUL if leave => ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL,
            result => result,
        };
        Outcome::from(dm_proto::StatusCode::from(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wipe(items: Vec<WipeItem>) -> Request {
        Request {
            operation: Operation::Wipe,
            items,
            notify_user: false,
        }
    }

    #[test]
    fn a_wipe_is_1202_only_if_every_item_leaves_the_list() {
        let stays = WipeItem::new("Media");
        let leaves = WipeItem::new("AppData").removed_after_wipe();
        for (items, code) in [
            (vec![], 1201),
            (vec![stays.clone()], 1201),
            (vec![leaves.clone()], 1202),
            (vec![leaves, stays], 1201),
        ] {
            let outcome = wipe(items).outcome(ResultCode::WIPE_SUCCESSFUL);
            assert_eq!(outcome.code.as_u16(), code);
        }
        let failed = wipe(Vec::new()).outcome(ResultCode::WIPE_FAILED);
        assert_eq!(failed.code.as_u16(), 1405);
    }
}
