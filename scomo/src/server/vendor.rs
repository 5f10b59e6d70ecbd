//! [`Vendor`]: executes an operation of a vendor's.

use dm_proto::{StatusCode, Text};
use dm_tree::{
    NodeUri,
    remote::{Conclusion, Course, Order, Plan, Script, Snapshot, Unmet},
};
use serde::{Deserialize, Serialize};

use super::{Ended, Outcome, invoke};
use crate::{Branch, nodes};

/// Executes an operation of a vendor's: a node below `Ext` or `Operations/Ext` of a package or component,
/// or below `Ext` of the object. What it does is between the vendor and its servers; that it has a status
/// and a report like the others is assumed. Result codes 1250 to 1299 and 1450 to 1499 are the vendor's own.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Vendor {
    course: Course<Custom>,
}

impl Vendor {
    /// Executes the node at `path` below a package or component that is on the device, such as
    /// `Operations/Ext/Scan`. `id` is its `PkgID` or `ID`, or else the name of its node. Any other path
    /// ends as [`Ended::Unmet`], unless nothing is to be checked.
    pub fn new(branch: Branch, id: impl Into<Text>, path: impl Into<Text>, order: Order) -> Self {
        let on = On::One(branch, id.into());
        Self::of(on, path.into(), order)
    }

    /// Executes the node at `path` below the root of the object: `Ext/CheckNow`.
    pub fn of_object(path: impl Into<Text>, order: Order) -> Self {
        Self::of(On::Object, path.into(), order)
    }

    fn of(on: On, path: Text, order: Order) -> Self {
        let course = Course::new(Custom { on, path }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Outcome {
        match conclusion {
            // What it works on was there when it was read: what is missing is the operation.
            Conclusion::Ended(Ended::Refused(StatusCode::NOT_FOUND)) => {
                Outcome::Ended(Ended::Unsupported)
            }
            other => Outcome::of(other),
        }
    }
}

dm_tree::coursed!(Vendor => Outcome);

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Custom {
    on: On,
    path: Text,
}

/// What it works on.
#[derive(Clone, Debug, Deserialize, Serialize)]
enum On {
    One(Branch, Text),
    Object,
}

impl Script for Custom {
    const MO_IDS: &'static [&'static str] = invoke::MO_IDS;
    const REPORTS: &'static [&'static str] = invoke::REPORTS;

    fn reads(&self) -> Vec<&'static str> {
        match &self.on {
            On::One(branch, _) => vec![branch.path()],
            On::Object => Vec::new(),
        }
    }

    fn plan(&self, root: &NodeUri, seen: &Snapshot) -> Option<Plan> {
        let uri = match &self.on {
            On::One(branch, id) => invoke::known(root, seen, *branch, id)?,
            On::Object => root.clone(),
        };
        Some(Plan {
            prepare: Vec::new(),
            exec: uri.join(&self.path).ok()?,
            acl: uri,
        })
    }

    fn operation(&self) -> Option<Text> {
        Some(self.path.clone())
    }

    fn unmet_at_once(&self) -> Option<Unmet> {
        let is_named = match &self.on {
            On::One(_, id) => !id.is_empty(),
            On::Object => true,
        };
        let is_complete = is_named && nodes::is_vendors(&self.path);
        (!is_complete).then_some(Unmet::Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_vendors_part_of_something_that_is_named_is_a_vendors() {
        let one = |id: &'static str| On::One(Branch::Deployed, id.into());
        for (on, path, is_vendors) in [
            (one("maps"), "Operations/Ext/Scan", true),
            (one("maps"), "Ext/Scan", true),
            (one(""), "Ext/Scan", false),
            (one("maps"), "Operations/Remove", false),
            (one("maps"), "Operations/Ext", false),
            (On::Object, "Ext/CheckNow", true),
            (On::Object, "Download/x/Ext/Scan", false),
            (On::Object, "", false),
        ] {
            let path = path.into();
            let script = Custom { on, path };
            assert_eq!(script.unmet_at_once().is_none(), is_vendors, "{script:?}");
        }
    }
}
