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
    /// Whether the user is to be told, and has not been.
    pub notify_user: bool,
    /// Whether the user is asked before.
    pub confirm: bool,
    /// The marks of the items, to be told from those that are set later.
    pub(super) marks: Vec<u16>,
    /// When these were set.
    pub(super) marked_at: Vec<u64>,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        // Those of before there were marks, or their times, end before them, which are none then.
        let memo = [job.memo.as_slice(), &[0, 0]].concat();
        let request: Self = postcard::from_bytes(&memo).ok()?;
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
    /// succeeded, the [rest](Self::rest) of its items was erased, and left the list if it is 1202; if not, none
    /// of the rest was. A code of the standard's that what came of the others belies is put right: 1401 or 1406
    /// behind an item that is erased is 1405. What is no code of a result (1200 to 1599) becomes 1400.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        let result = result.or_client_error();
        let is_known = self.outcomes.iter().any(|outcome| match outcome {
            ItemOutcome::Erased | ItemOutcome::Gone | ItemOutcome::Failed => true,
            ItemOutcome::NotPerformed => result.is_success(),
        });
        let rest = match result {
            ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL => Some(ItemOutcome::Gone),
            result if result.is_success() => Some(ItemOutcome::Erased),
            ResultCode::USER_CANCELLED | ResultCode::WIPE_NOT_PERFORMED if is_known => {
                Some(ItemOutcome::NotPerformed)
            }
            _ => None,
        };
        let mut outcomes = self.outcomes.clone();
        if let Some(outcome) = rest {
            outcomes.resize(self.items.len(), outcome);
        }
        let result = match rest {
            Some(_) if is_known && !result.is_vendor() => ItemOutcome::fold(&outcomes),
            _ => result,
        };
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

    /// What came of the items of a wipe. Of an outcome that was not made by a request, the code says it.
    pub(super) fn items_of(&self, outcome: &Outcome) -> Vec<ItemOutcome> {
        if outcome.detail.is_empty() {
            return items_of(&self.outcome(ResultCode::from(outcome.code)));
        }
        items_of(outcome)
    }

    /// The same with the marks that its items have now: how often each was set, and when.
    pub(super) fn with_marks(&self, mark_of: impl Fn(&WipeItem) -> Option<(u16, u64)>) -> Self {
        let marks = self.items.iter().map(mark_of);
        let (marks, marked_at) = marks.map(Option::unwrap_or_default).unzip();
        Self {
            marks,
            marked_at,
            ..self.clone()
        }
    }

    /// Whether a mark is the one that the item at this place had when it was asked for, as far as that was noted.
    pub(super) fn has_mark(&self, index: usize, (count, at): (u16, u64)) -> bool {
        self.marks.get(index).is_none_or(|known| *known == count)
            && self.marked_at.get(index).is_none_or(|known| *known == at)
    }

    /// The same once the user was told.
    pub(super) fn told(&self) -> Self {
        Self {
            notify_user: false,
            ..self.clone()
        }
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
fn items_of(outcome: &Outcome) -> Vec<ItemOutcome> {
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
            marks: Vec::new(),
            marked_at: Vec::new(),
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
    fn a_memo_of_before_there_were_marks_or_their_times_is_read_and_any_mark_is_its() {
        let origin = Origin {
            session_id: "1".into(),
            msg_id: "1".into(),
            cmd_id: "1".into(),
            item: 0,
        };
        let node = NodeUri::parse("./LAWMO/Operations/Wipe").expect("a uri");
        let mut job = Job::new(JobId(1), "srv1", node, origin);
        let now = wipe(&["A", "B"]).with_marks(|_| Some((3, 2000)));
        let memo = now.to_memo().expect("it is written");
        // At the end, a length and two numbers of one octet, then a length and two of two.
        let marks = &memo[..memo.len() - 5];
        let none = &marks[..marks.len() - 3];
        for (memo, another, later) in [
            (&memo[..], false, false),
            (marks, false, true),
            (none, true, true),
        ] {
            job.memo = memo.to_vec();
            let request = Request::of(&job).expect("it is read");
            assert_eq!(request.items, now.items);
            assert!(request.has_mark(1, (3, 2000)));
            assert_eq!(request.has_mark(1, (4, 2000)), another);
            assert_eq!(request.has_mark(1, (3, 2001)), later);
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
    fn an_outcome_of_the_whole_does_not_belie_what_came_of_some() {
        use ItemOutcome::{Erased, Failed, Gone, NotPerformed};
        for (known, result, expected, items) in [
            (Erased, 1401, 1405, vec![Erased, NotPerformed]),
            (Erased, 1406, 1405, vec![Erased, NotPerformed]),
            (Failed, 1406, 1405, vec![Failed, NotPerformed]),
            (NotPerformed, 1401, 1401, vec![NotPerformed]),
            (NotPerformed, 1406, 1406, vec![NotPerformed]),
            (Erased, 1405, 1405, vec![Erased]),
            (Erased, 1400, 1400, vec![Erased]),
            (Erased, 1450, 1450, vec![Erased]),
            (Erased, 1201, 1201, vec![Erased, Erased]),
            (Erased, 1202, 1201, vec![Erased, Gone]),
            (Gone, 1202, 1202, vec![Gone, Gone]),
            (Gone, 1250, 1250, vec![Gone, Erased]),
            (Failed, 1201, 1405, vec![Failed, Erased]),
            (NotPerformed, 1202, 1405, vec![NotPerformed, Gone]),
        ] {
            let mut request = wipe(&["A", "B"]);
            request.outcomes = vec![known];
            let outcome = request.outcome(ResultCode::new(result));
            let case = format!("{known:?}, then {result}");
            assert_eq!(outcome.code.as_u16(), expected, "{case}");
            assert_eq!(items_of(&outcome), items, "{case}");
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
