//! [`Config`]: how the object is set up.

use dm_proto::Text;
use dm_tree::{
    NodeFormat,
    description::{Access, NodeDescription, Occurrence},
};

use super::Component;
use crate::{Branch, Operation, ResultCode, nodes};

/// When an Exec is answered and run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Reporting {
    /// Run before the answer, which is the result.
    Synchronous,
    /// Answer 202, run while the session goes on, and report in it if it is still open.
    #[default]
    InSession,
    /// Answer 202, run when the session is over, and report in the next.
    AfterSession,
}

/// What the final alert looks like where implementations differ.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReportStyle {
    /// `Meta/Type`. Default [`crate::OPERATION_COMPLETE`].
    pub alert_type: Text,
    /// `Meta/Format`. Default `text/plain`, which is no format but what devices send.
    pub format: Text,
    /// `Meta/Mark`; `None` to leave it out. Default [`Marks::default`].
    pub marks: Option<Marks>,
}

/// How important a report is: values of `Meta/Mark`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "each code is one of these")]
pub struct Marks {
    /// For 12xx. Default `informational`.
    pub success: Text,
    /// For what did not take place: 1401. Default `warning`.
    pub not_done: Text,
    /// For what failed. Default `critical`.
    pub failure: Text,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            success: Text::from_static("informational"),
            not_done: Text::from_static("warning"),
            failure: Text::from_static("critical"),
        }
    }
}

impl Marks {
    /// The mark of a result.
    pub fn of(&self, result: ResultCode) -> &Text {
        match result {
            result if result.is_success() => &self.success,
            ResultCode::USER_CANCELLED => &self.not_done,
            _ => &self.failure,
        }
    }
}

impl Default for ReportStyle {
    fn default() -> Self {
        Self {
            alert_type: Text::from_static(crate::OPERATION_COMPLETE),
            format: Text::from_static("text/plain"),
            marks: Some(Marks::default()),
        }
    }
}

/// How the object is set up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The ServerIDs that may use the object: the ACL of its root names them, Exec and Replace
    /// included. Nobody else may.
    pub servers: Vec<Text>,
    /// What is offered. Default all.
    pub operations: Vec<Operation>,
    /// Names of permanent `Download/<X>` nodes, which servers fill in and no operation removes.
    pub permanent_downloads: Vec<Text>,
    /// What is on the device when the object is mounted first. Those without an ID are left out.
    pub components: Vec<Component>,
    /// The identifier of the object: [`crate::MO_ID`] (default) or [`crate::MO_ID_1_1`].
    pub mo_id: Text,
    /// When an Exec is answered and run.
    pub reporting: Reporting,
    /// The final alert.
    pub report: ReportStyle,
    /// The largest package, in octets, that a server may deliver; larger ones are answered 413. What
    /// is fetched is the business of [`Device::fetch`](super::Device::fetch) (1404). Default none.
    pub max_package: Option<u64>,
    /// Whether a package may bring an older version of a component than is there. Default no: the
    /// installation fails with 1405. See [`Device::contents`](super::Device::contents).
    pub downgrades: bool,
    /// What the user is asked.
    pub prompts: Prompts,
    /// How often a job may be put off before it is given up. Default as often as the device likes.
    pub max_deferrals: Option<u32>,
    /// How many operations may be open at the same time, the one that runs included; the Exec of one more
    /// is answered 1400. 0 refuses all. Default 16. The agent has a limit of its own for each server.
    pub max_open: u32,
    /// What vendors add below `Operations/Ext` of each package or component of a branch. Leaves that
    /// support Exec are [operations](super::Device::vendor). Default none.
    pub operations_ext: Vec<(Branch, NodeDescription)>,
    /// What vendors add below `Ext` of each package or component of a branch: operations as well, and
    /// plain nodes. They stay with it whatever becomes of its `Status`, `State` and content. What was
    /// written to those of a package that is fetched goes with it to the package on the device, if they
    /// are described alike for both.
    /// The names `Content`, `Facts` and `Jobs` are taken. Default none.
    pub node_ext: Vec<(Branch, NodeDescription)>,
    /// What vendors add below `Ext` of the object, such as an interval of polling: operations as well,
    /// and plain nodes. Default none.
    pub ext: Vec<NodeDescription>,
}

/// When [`Device::confirm`](super::Device::confirm) is called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Prompts {
    /// Before a package is fetched. Default no.
    pub download: bool,
    /// Before a package is installed. Default no.
    pub install: bool,
    /// Before a vendor operation. Default no.
    pub vendor: bool,
}

impl Prompts {
    /// Before everything.
    pub const ALL: Self = Self {
        download: true,
        install: true,
        vendor: true,
    };
}

impl Config {
    /// Everything offered to `servers`.
    pub fn new(servers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            operations: Operation::ALL.to_vec(),
            permanent_downloads: Vec::new(),
            components: Vec::new(),
            mo_id: Text::from_static(crate::MO_ID),
            reporting: Reporting::default(),
            report: ReportStyle::default(),
            max_package: None,
            downgrades: false,
            prompts: Prompts::default(),
            max_deferrals: None,
            max_open: 16,
            operations_ext: Vec::new(),
            node_ext: Vec::new(),
            ext: Vec::new(),
        }
    }

    /// The same with another time of answering.
    #[must_use]
    pub fn with_reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }

    /// The same offering only `operations`.
    #[must_use]
    pub fn offering(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = operations.into_iter().collect();
        self
    }

    /// The same with components that are there from the start.
    #[must_use]
    pub fn with_components(mut self, components: impl IntoIterator<Item = Component>) -> Self {
        self.components = components.into_iter().collect();
        self
    }

    /// The same with a permanent `Download/<X>`.
    #[must_use]
    pub fn with_permanent_download(mut self, name: impl Into<Text>) -> Self {
        self.permanent_downloads.push(name.into());
        self
    }

    /// The same with a vendor operation, `Operations/Ext/<name>` of each package or component of a branch.
    #[must_use]
    pub fn with_vendor_operation(mut self, branch: Branch, name: impl Into<Text>) -> Self {
        let leaf = NodeDescription::leaf(name, NodeFormat::Null)
            .access(Access::EXEC | Access::GET)
            .occurrence(Occurrence::ZeroOrOne);
        self.operations_ext.push((branch, leaf));
        self
    }

    /// The same with a vendor node, or a tree of them, below `Ext` of each package or component of a
    /// branch. Those that are permanent come into being with it, with their default values; servers add
    /// those that are not, where their access types allow it.
    #[must_use]
    pub fn with_vendor_node_of(mut self, branch: Branch, node: NodeDescription) -> Self {
        self.node_ext.push((branch, node));
        self
    }

    /// The same with a vendor node, or a tree of them, below `Ext` of the object. Those that are permanent
    /// come into being with the object, with their default values.
    #[must_use]
    pub fn with_vendor_node(mut self, node: NodeDescription) -> Self {
        self.ext.push(node);
        self
    }

    /// The same, asking the user.
    #[must_use]
    pub fn with_prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = prompts;
        self
    }

    /// What vendors add below `Operations/Ext` of what is in a branch.
    pub(super) fn operations_ext_of(
        &self,
        branch: Branch,
    ) -> impl Iterator<Item = &NodeDescription> {
        of_branch(&self.operations_ext, branch)
    }

    /// What vendors add below `Ext` of what is in a branch, as far as its name is not ours.
    pub(super) fn node_ext_of(&self, branch: Branch) -> impl Iterator<Item = &NodeDescription> {
        of_branch(&self.node_ext, branch)
            .filter(|node| !node.name().is_some_and(|name| OWN.contains(&name)))
    }
}

/// The names of our own nodes below `Ext` of a package or component.
const OWN: [&str; 3] = [nodes::CONTENT, nodes::FACTS, nodes::JOBS];

fn of_branch(
    nodes: &[(Branch, NodeDescription)],
    branch: Branch,
) -> impl Iterator<Item = &NodeDescription> {
    nodes
        .iter()
        .filter(move |(of, _)| *of == branch)
        .map(|(_, node)| node)
}
