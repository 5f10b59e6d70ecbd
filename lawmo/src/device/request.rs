//! [`Request`]: what a job asks for, and how its outcomes are made.

use dm_proto::{StatusCode, Text};
use dm_tree::object::{Job, Outcome};
use serde::{Deserialize, Serialize};

use super::{ItemOutcome, WipeItem};
use crate::{Operation, ResultCode, nodes};

/// What a server asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Asked {
    /// An operation of the standard.
    Operation(Operation),
    /// A vendor's: the path of its node below the object, such as `Operations/Ext/Beep`.
    Vendor(Text),
}

/// What a job of this object asks for. For integrators that finish it themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// What was asked for.
    pub asked: Asked,
    /// What a Wipe erases; none means everything.
    pub items: Vec<WipeItem>,
    /// What came of the first of the items so far.
    pub outcomes: Vec<ItemOutcome>,
    /// Whether the user is to be told.
    pub notify_user: bool,
    /// Whether the user is asked before.
    pub confirm: bool,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        let request: Self = postcard::from_bytes(&job.memo).ok()?;
        let path = match &request.asked {
            Asked::Operation(operation) => {
                format!("{}/{}", nodes::OPERATIONS, operation.node_name())
            }
            Asked::Vendor(path) => path.to_string(),
        };
        // What is before the path is the root of the object, whole segments of it.
        let root = job.node.as_str().strip_suffix(path.as_str())?;
        root.ends_with('/').then_some(request)
    }

    /// The operation of the standard; `None` if it is a vendor's.
    pub fn operation(&self) -> Option<Operation> {
        match self.asked {
            Asked::Operation(operation) => Some(operation),
            Asked::Vendor(_) => None,
        }
    }

    /// The items of a wipe of which nothing is known yet.
    pub fn rest(&self) -> &[WipeItem] {
        self.items.get(self.outcomes.len()..).unwrap_or_default()
    }

    /// The outcome for `Agent::complete`, but for wipes whose items have outcomes of their own. If a wipe
    /// succeeded, all its items were erased, and left the list if it is 1202; if not, none was.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        let outcome = match result {
            ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL => Some(ItemOutcome::Gone),
            result if result.is_success() => Some(ItemOutcome::Erased),
            _ => None,
        };
        let mut outcomes = self.outcomes.clone();
        if let Some(outcome) = outcome {
            outcomes.resize(self.items.len(), outcome);
        }
        made(result, &outcomes)
    }

    /// The outcome of a wipe for `Agent::complete`, by what came of the [rest](Self::rest) of its items. An
    /// item without an outcome was not performed. Of a wipe of everything, one outcome says it all.
    pub fn wiped(&self, outcomes: &[ItemOutcome]) -> Outcome {
        let mut all = self.with(outcomes).outcomes;
        if !self.items.is_empty() {
            all.resize(self.items.len(), ItemOutcome::NotPerformed);
        }
        made(ItemOutcome::fold(&all), &all)
    }

    /// What `Agent::note` keeps of a wipe at the stage [`PERFORMING`](super::PERFORMING), when of the
    /// [rest](Self::rest) of its items the first have these outcomes: after a crash it goes on with the others.
    /// `None` if it cannot be written down.
    pub fn partly_wiped(&self, outcomes: &[ItemOutcome]) -> Option<Vec<u8>> {
        self.with(outcomes).to_memo()
    }

    pub(super) fn to_memo(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    fn with(&self, outcomes: &[ItemOutcome]) -> Self {
        let mut request = self.clone();
        request.outcomes.extend_from_slice(outcomes);
        if !request.items.is_empty() {
            request.outcomes.truncate(request.items.len());
        }
        request
    }
}

/// An outcome that [`items_of`] reads.
fn made(result: ResultCode, items: &[ItemOutcome]) -> Outcome {
    Outcome {
        code: StatusCode::from(result),
        detail: postcard::to_allocvec(items).unwrap_or_default(),
    }
}

/// What came of the items of a wipe.
pub(super) fn items_of(outcome: &Outcome) -> Vec<ItemOutcome> {
    postcard::from_bytes(&outcome.detail).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use dm_proto::session::Origin;
    use dm_tree::{NodeUri, object::JobId};

    use super::*;

    fn wipe(names: &[&'static str]) -> Request {
        Request {
            asked: Asked::Operation(Operation::Wipe),
            items: names.iter().map(|name| WipeItem::new(*name)).collect(),
            outcomes: Vec::new(),
            notify_user: false,
            confirm: false,
        }
    }

    #[test]
    fn a_request_is_only_that_of_a_job_on_its_own_node() {
        let of = |asked: Asked, node: &str| {
            let origin = Origin {
                session_id: "1".into(),
                msg_id: "1".into(),
                cmd_id: "1".into(),
                item: 0,
            };
            let node = NodeUri::parse(node).expect("a uri");
            let mut job = Job::new(JobId(1), "srv1", node, origin);
            let request = Request { asked, ..wipe(&[]) };
            job.memo = request.to_memo().expect("it is written");
            Request::of(&job).is_some()
        };
        let vendor = |path: &'static str| Asked::Vendor(path.into());
        let standard = Asked::Operation(Operation::Wipe);
        for (asked, node, is_its) in [
            (vendor("Ext/Beep"), "./LAWMO/Ext/Beep", true),
            (vendor("Ext/Beep"), "./A/B/Ext/Beep", true),
            (vendor("Ext/Beep"), "./LAWMO/NoExt/Beep", false),
            (vendor("Ext/Beep"), "./LAWMO/Ext/Beep/Beep", false),
            (vendor(""), "./LAWMO/Ext/Beep", false),
            (standard.clone(), "./LAWMO/Operations/Wipe", true),
            (standard.clone(), "./LAWMO/Ext/Wipe", false),
            (standard.clone(), "./LAWMO/NoOperations/Wipe", false),
            (standard, "./LAWMO/Operations/FullyLock", false),
        ] {
            assert_eq!(of(asked.clone(), node), is_its, "{asked:?} at {node}");
        }
    }

    #[test]
    fn an_outcome_of_the_whole_is_that_of_every_item() {
        use ItemOutcome::{Erased, Gone};
        let request = wipe(&["A", "B"]);
        for (result, items) in [
            (ResultCode::WIPE_SUCCESSFUL, vec![Erased, Erased]),
            (ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL, vec![Gone, Gone]),
            (ResultCode::new(1250), vec![Erased, Erased]),
            (ResultCode::WIPE_FAILED, vec![]),
            (ResultCode::USER_CANCELLED, vec![]),
        ] {
            let outcome = request.outcome(result);
            assert_eq!(ResultCode::from(outcome.code), result);
            assert_eq!(items_of(&outcome), items, "{result:?}");
        }
    }

    #[test]
    fn a_wipe_in_parts_folds_all_of_them() {
        use ItemOutcome::{Erased, Failed, Gone, NotPerformed};
        let mut request = wipe(&["A", "B", "C"]);
        request.outcomes = vec![Gone];
        assert_eq!(request.rest().len(), 2);
        let outcome = request.wiped(&[Erased, Erased]);
        assert_eq!(outcome.code.as_u16(), 1201);
        assert_eq!(items_of(&outcome), [Gone, Erased, Erased]);
        let outcome = request.wiped(&[Failed]);
        assert_eq!(outcome.code.as_u16(), 1405);
        assert_eq!(items_of(&outcome), [Gone, Failed, NotPerformed]);
        let too_many = request.wiped(&[Gone, Gone, Gone, Gone]);
        assert_eq!(items_of(&too_many), [Gone, Gone, Gone]);
        let everything = wipe(&[]);
        assert_eq!(everything.wiped(&[Erased]).code.as_u16(), 1201);
        assert_eq!(everything.wiped(&[]).code.as_u16(), 1406);
    }
}
