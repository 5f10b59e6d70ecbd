//! [`Vendor`]: executes an operation of a vendor's.

use dm_proto::Text;
use dm_tree::{
    NodeUri,
    remote::{
        Conclusion, Course, Order, Plan, Script, Snapshot, Summarize, Summary, SummaryState, Unmet,
    },
};
use serde::{Deserialize, Serialize};

use super::{Ended, executed};
use crate::{MO_ID, OPERATION_COMPLETE, ResultCode, nodes};

/// Executes an operation of a vendor's, a node below `Ext` or `Operations/Ext`. What it does is between
/// the vendor and its servers; that it has a status and a report like the others is assumed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Vendor {
    course: Course<Custom>,
}

/// What came of a vendor's operation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum VendorOutcome {
    /// Done: 12xx, 1250 to 1299 being the vendor's own.
    Done(ResultCode),
    /// The device tried and failed; 1450 to 1499 are the vendor's own.
    Failed(ResultCode),
    /// It did not come to a result.
    Ended(Ended),
}

impl Vendor {
    /// Executes the node at `path` below the root: `Operations/Ext/Ring`, `Ext/WipeAll`. Any other path
    /// ends as [`Ended::Unmet`], unless nothing is to be checked.
    pub fn new(path: impl Into<Text>, order: Order) -> Self {
        let path = path.into();
        let course = Course::new(Custom { path }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> VendorOutcome {
        match executed(conclusion) {
            Ok(result) if result.is_success() => VendorOutcome::Done(result),
            Ok(result) => VendorOutcome::Failed(result),
            Err(ended) => VendorOutcome::Ended(ended),
        }
    }
}

dm_tree::coursed!(Vendor => VendorOutcome);

impl Summarize for VendorOutcome {
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

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Custom {
    path: Text,
}

impl Script for Custom {
    const MO_IDS: &'static [&'static str] = &[MO_ID];
    const REPORTS: &'static [&'static str] = &[OPERATION_COMPLETE];

    fn reads(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn plan(&self, root: &NodeUri, _: &Snapshot) -> Option<Plan> {
        Some(Plan {
            prepare: Vec::new(),
            exec: root.join(&self.path).ok()?,
            acl: root.clone(),
        })
    }

    fn operation(&self) -> Option<Text> {
        Some(self.path.clone())
    }

    fn unmet_at_once(&self) -> Option<Unmet> {
        let mut segments = self.path.split('/').peekable();
        let _ = segments.next_if_eq(&nodes::OPERATIONS);
        let is_vendors = segments.next() == Some(nodes::EXT) && segments.next().is_some();
        (!is_vendors).then_some(Unmet::Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_vendors_part_of_the_object_is_a_vendors() {
        for (path, is_vendors) in [
            ("Ext/WipeAll", true),
            ("Operations/Ext/Ring", true),
            ("Ext/Operations/Reset", true),
            ("Operations/Wipe", false),
            ("Operations/Ext", false),
            ("Ext", false),
            ("State", false),
            ("", false),
        ] {
            let script = Custom { path: path.into() };
            assert_eq!(script.unmet_at_once().is_none(), is_vendors, "{path}");
        }
    }
}
