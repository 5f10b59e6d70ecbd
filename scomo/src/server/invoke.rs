//! [`Invoke`]: invokes a primitive.

use bytes::Bytes;
use dm_proto::{Data, StatusCode, Text};
use dm_tree::{
    NodeUri,
    remote::{
        Conclusion, Course, Order, Plan, Prepare, Script, Snapshot, Summarize, Summary,
        SummaryState, Unmet,
    },
};
use serde::{Deserialize, Serialize};

use super::{ComponentResult, Ended, Package, inventory::leaf};
use crate::{
    Branch, DeliveredStatus, DeployedState, DeployedStatus, MO_ID, MO_ID_1_1, OPERATION_COMPLETE,
    OPERATION_COMPLETE_1_1, OPERATION_COMPLETE_DRAFT, Operation, ResultCode, nodes,
};

/// Invokes a primitive.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Invoke {
    course: Course<Primitive>,
}

/// What came of a primitive, or of a vendor operation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Outcome {
    /// Done.
    Succeeded {
        /// 1200 or another 12xx.
        result: ResultCode,
        /// What the report says per component; empty if the result came in the status.
        components: Vec<ComponentResult>,
    },
    /// The device tried and failed.
    Failed {
        /// Why. The worst, if several components failed.
        result: ResultCode,
        /// What the report says per component.
        components: Vec<ComponentResult>,
    },
    /// It did not come to the operation.
    Ended(Ended),
}

impl Invoke {
    /// Has a package fetched from `url`.
    pub fn download(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let url = url.into();
        Self::new(Operation::Download, Subject::Fetch { package, url }, order)
    }

    /// Has a package fetched, installed and left active.
    pub fn download_install(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Fetch {
            package,
            url: url.into(),
        };
        Self::new(Operation::DownloadInstall, subject, order)
    }

    /// Has a package fetched, installed and left inactive.
    pub fn download_install_inactive(package: Package, url: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Fetch {
            package,
            url: url.into(),
        };
        Self::new(Operation::DownloadInstallInactive, subject, order)
    }

    /// Delivers a package in the session, and has it installed and left active.
    pub fn deliver_install(package: Package, data: Bytes, order: Order) -> Self {
        let data = Data::binary(data);
        let subject = Subject::Deliver { package, data };
        Self::new(Operation::Install, subject, order)
    }

    /// Delivers a package in the session, and has it installed and left inactive.
    pub fn deliver_install_inactive(package: Package, data: Bytes, order: Order) -> Self {
        let data = Data::binary(data);
        let subject = Subject::Deliver { package, data };
        Self::new(Operation::InstallInactive, subject, order)
    }

    /// Has a package that is on the device installed and left active.
    pub fn install(pkg_id: impl Into<Text>, order: Order) -> Self {
        Self::new(Operation::Install, Subject::Known(pkg_id.into()), order)
    }

    /// Has a package that is on the device installed and left inactive.
    pub fn install_inactive(pkg_id: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Known(pkg_id.into());
        Self::new(Operation::InstallInactive, subject, order)
    }

    /// Deletes a package from the device; what was installed from it stays.
    pub fn remove_package(pkg_id: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Known(pkg_id.into());
        Self::new(Operation::RemovePackage, subject, order)
    }

    /// Activates a component.
    pub fn activate(component_id: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Known(component_id.into());
        Self::new(Operation::Activate, subject, order)
    }

    /// Deactivates a component.
    pub fn deactivate(component_id: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Known(component_id.into());
        Self::new(Operation::Deactivate, subject, order)
    }

    /// Uninstalls a component.
    pub fn remove_component(component_id: impl Into<Text>, order: Order) -> Self {
        let subject = Subject::Known(component_id.into());
        Self::new(Operation::RemoveComponent, subject, order)
    }

    /// The primitive.
    pub fn operation(&self) -> Operation {
        self.course.script().operation
    }

    fn new(operation: Operation, subject: Subject, order: Order) -> Self {
        let subject = Box::new(subject);
        let course = Course::new(Primitive { operation, subject }, order);
        Self { course }
    }

    fn conclude(&self, conclusion: &Conclusion) -> Outcome {
        match conclusion {
            Conclusion::Ended(Ended::Refused(StatusCode::NOT_FOUND)) => {
                Outcome::Ended(match *self.course.script().subject {
                    // What it works on is our own making: what is missing is the primitive.
                    Subject::Fetch { .. } | Subject::Deliver { .. } => Ended::Unsupported,
                    Subject::Known(_) => Ended::NotFound,
                })
            }
            other => Outcome::of(other),
        }
    }
}

impl Outcome {
    pub(super) fn of(conclusion: &Conclusion) -> Self {
        match conclusion {
            Conclusion::Result(code, components) => {
                let components = components.clone();
                // 200 is what some clients answer instead of 1200.
                let result = if code.is_success() && !code.is_result_code() {
                    ResultCode::SUCCESSFUL
                } else {
                    ResultCode::from(*code)
                };
                if result.is_success() {
                    Self::Succeeded { result, components }
                } else {
                    Self::Failed { result, components }
                }
            }
            Conclusion::Ended(ended) => Self::Ended(*ended),
            Conclusion::Read => Self::Ended(Ended::NotFound),
        }
    }
}

dm_tree::coursed!(Invoke => Outcome);

impl Summarize for Outcome {
    fn summary(&self) -> Summary {
        match self {
            Self::Succeeded { result, components } => Summary::new(SummaryState::Succeeded)
                .with_result((*result).into())
                .with_components(components.clone()),
            Self::Failed { result, components } => Summary::new(SummaryState::Failed)
                .with_result((*result).into())
                .with_components(components.clone()),
            Self::Ended(ended) => Summary::from(*ended),
        }
    }
}

pub(super) const MO_IDS: &[&str] = &[MO_ID, MO_ID_1_1];
pub(super) const REPORTS: &[&str] = &[
    OPERATION_COMPLETE,
    OPERATION_COMPLETE_1_1,
    OPERATION_COMPLETE_DRAFT,
];

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Primitive {
    operation: Operation,
    subject: Box<Subject>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Subject {
    /// A package to be fetched.
    Fetch { package: Package, url: Text },
    /// A package in the tree.
    Deliver { package: Package, data: Data },
    /// A package or component on the device, by its identifier, or else the name of its node.
    Known(Text),
}

/// The node of a package or component on the device, by its identifier or else by its name.
pub(super) fn known(root: &NodeUri, seen: &Snapshot, branch: Branch, id: &Text) -> Option<NodeUri> {
    let name = match branch {
        Branch::Deployed => nodes::ID,
        Branch::Download | Branch::Delivered => nodes::PKG_ID,
    };
    let branch = root.join(branch.path()).ok()?;
    let by_id = seen
        .children(&branch)
        .find(|node| leaf(seen, node, name).as_ref() == Some(id));
    by_id
        .or_else(|| {
            seen.children(&branch)
                .find(|node| node.name() == id.as_str())
        })
        .cloned()
}

impl Script for Primitive {
    const MO_IDS: &'static [&'static str] = MO_IDS;
    const REPORTS: &'static [&'static str] = REPORTS;

    fn reads(&self) -> Vec<&'static str> {
        match *self.subject {
            Subject::Fetch { .. } | Subject::Deliver { .. } => Vec::new(),
            Subject::Known(_) => vec![self.operation.branch().path()],
        }
    }

    fn plan(&self, root: &NodeUri, seen: &Snapshot) -> Option<Plan> {
        let branch = root.join(self.operation.branch().path()).ok()?;
        let (uri, settings) = match &*self.subject {
            Subject::Fetch { package, url } => {
                let uri = package.uri(&branch).ok()?;
                let content = Package::url_leaf(&uri, url).ok()?;
                let settings = package.settings(&uri, content).ok()?;
                (uri, settings)
            }
            Subject::Deliver { package, data } => {
                let uri = package.uri(&branch).ok()?;
                let content = package.data_leaf(&uri, data).ok()?;
                let settings = package.settings(&uri, content).ok()?;
                (uri, settings)
            }
            Subject::Known(id) => {
                let uri = known(root, seen, self.operation.branch(), id)?;
                (uri, Vec::new())
            }
        };
        let prepare = if settings.is_empty() {
            Vec::new()
        } else {
            vec![Prepare::Add(settings)]
        };
        let operations = uri.join(nodes::OPERATIONS).ok()?;
        Some(Plan {
            prepare,
            exec: operations.join(self.operation.node_name()).ok()?,
            acl: uri,
        })
    }

    fn operation(&self) -> Option<Text> {
        Some(Text::from_static(self.operation.as_str()))
    }

    fn sends_large(&self) -> bool {
        matches!(*self.subject, Subject::Deliver { .. })
    }

    fn unmet_at_once(&self) -> Option<Unmet> {
        let is_missing = match &*self.subject {
            Subject::Fetch { package, url } => package.id.is_empty() || url.is_empty(),
            Subject::Deliver { package, data } => {
                package.id.is_empty() || data.as_bytes().is_none_or(<[u8]>::is_empty)
            }
            Subject::Known(id) => id.is_empty(),
        };
        is_missing.then_some(Unmet::Incomplete)
    }

    fn unmet(&self, root: &NodeUri, seen: &Snapshot) -> Option<Unmet> {
        let Subject::Known(id) = &*self.subject else {
            return None;
        };
        let node = known(root, seen, self.operation.branch(), id)?;
        let value = |name: &str| leaf(seen, &node, name).unwrap_or_default();
        let is_at_rest = || {
            matches!(
                DeployedStatus::parse(&value(nodes::STATUS)),
                Some(
                    DeployedStatus::Idle
                        | DeployedStatus::RemoveFailed
                        | DeployedStatus::ActivateFailed
                        | DeployedStatus::DeactivateFailed
                )
            )
        };
        let is = |state| DeployedState::parse(&value(nodes::STATE)) == Some(state) && is_at_rest();
        match self.operation {
            Operation::Activate if is(DeployedState::Active) => Some(Unmet::AlreadySo),
            Operation::Deactivate if is(DeployedState::Inactive) => Some(Unmet::AlreadySo),
            Operation::Install | Operation::InstallInactive => {
                let status = DeliveredStatus::parse(&value(nodes::STATUS));
                let is_gone = status == Some(DeliveredStatus::InstallFailedDeleted);
                is_gone.then_some(Unmet::Incomplete)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use dm_proto::message::{Item, Meta};
    use dm_tree::remote::{Operation as _, Reply, Step};

    use super::*;

    /// What comes of an activation on a device with so many components.
    fn activated(id: &str, components: u32) -> Option<Outcome> {
        let root = NodeUri::parse("./SCOMO").expect("a uri");
        let mut activate = Invoke::activate(id, Order::new("srv1", "a").with_usual_roots([root]));
        let branch = "./SCOMO/Inventory/Deployed";
        let mut list = vec![Item::for_source(branch).with_meta(Meta::format("node"))];
        for number in 0..components {
            let node = format!("{branch}/C{number}");
            list.push(Item::for_source(&*node).with_meta(Meta::format("node")));
            let leaf = Item::for_source(format!("{node}/ID")).with_meta(Meta::format("chr"));
            list.push(leaf.with_data(format!("id{number}")));
        }
        let type_ = Item::for_source("./SCOMO?prop=Type").with_data(MO_ID);
        for items in [vec![type_], list] {
            assert!(matches!(activate.step(), Step::Send(_)));
            activate.handle(Reply::Results {
                command: 0,
                part: 0,
                items: &items,
            });
            activate.handle(Reply::Answered);
        }
        activate.outcome()
    }

    #[test]
    fn a_component_that_was_not_seen_may_be_in_what_was_not_read() {
        assert_eq!(activated("id5", 10), None);
        assert_eq!(activated("id5", 3000), None, "it was seen");
        let ended = |ended| Some(Outcome::Ended(ended));
        assert_eq!(activated("id11", 10), ended(Ended::NotFound));
        assert_eq!(activated("id3001", 3000), ended(Ended::TooMuch));
    }

    #[test]
    fn success_is_read_as_200_and_as_1200_and_nothing_else_is() {
        for (code, succeeded) in [
            (200, Some(1200)),
            (202, Some(1200)),
            (1200, Some(1200)),
            (1250, Some(1250)),
            (0, None),
            (5, None),
            (404, None),
            (500, None),
            (1405, None),
            (2000, None),
        ] {
            let conclusion = Conclusion::Result(StatusCode::new(code), Vec::new());
            let (is_success, result) = match Outcome::of(&conclusion) {
                Outcome::Succeeded { result, .. } => (true, result),
                Outcome::Failed { result, .. } => (false, result),
                Outcome::Ended(ended) => panic!("{code}: {ended:?}"),
            };
            assert_eq!(is_success, succeeded.is_some(), "{code}");
            assert_eq!(result, ResultCode::new(succeeded.unwrap_or(code)));
        }
    }
}
