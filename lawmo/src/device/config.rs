//! [`Config`]: how the object is set up.

use dm_proto::Text;

use dm_tree::{
    NodeFormat,
    description::{Access, NodeDescription, Occurrence},
};

use super::{Unanswered, UsePolicy, WipeItem};
use crate::{Operation, ResultCode};

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
    /// `Meta/Format`. Default `int`.
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
    /// For what did not take place: 1401, 1406. Default `warning`.
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
            ResultCode::USER_CANCELLED | ResultCode::WIPE_NOT_PERFORMED => &self.not_done,
            _ => &self.failure,
        }
    }
}

/// When [`Device::confirm`](super::Device::confirm) is called: a confirmation by the device itself, beside
/// that which a server asks for with Alert 1101.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Prompts {
    /// Before a lock or unlock. Default no.
    pub lock: bool,
    /// Before a wipe. Default no.
    pub wipe: bool,
    /// Before a factory reset is accepted, since it has no report: its Exec is answered only then. Default
    /// no.
    pub factory_reset: bool,
    /// Before a vendor operation. Default no.
    pub vendor: bool,
}

impl Prompts {
    /// Before everything.
    pub const ALL: Self = Self {
        lock: true,
        wipe: true,
        factory_reset: true,
        vendor: true,
    };
}

impl Default for ReportStyle {
    fn default() -> Self {
        Self {
            alert_type: Text::from_static(crate::OPERATION_COMPLETE),
            format: Text::from_static("int"),
            marks: Some(Marks::default()),
        }
    }
}

/// How the object is set up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The ServerIDs that may use the object: the ACL of its root names them, Exec and Replace
    /// included. Nobody else may. Read when the object is mounted first, and after a factory reset; from then
    /// on the ACL counts, which these servers may change. An integrator does so with `Agent::begin`: what is
    /// put at the root of the object by `Transaction::edit` may have another ACL. What is no ServerID in an ACL
    /// (empty, or with white space or one of `=&*+`) is left out; without any, nobody may change or execute
    /// anything, and everybody may read it.
    pub servers: Vec<Text>,
    /// What is offered. Default all. A lock brings `UnLock` with it. What an update of the device takes out
    /// leaves the tree at the next start.
    pub operations: Vec<Operation>,
    /// What can be wiped when the object is mounted first; `None` for no `AvailableWipeList`. From then on
    /// the list is what [`WipeList`](super::WipeList) and [`Device::wipe_list`](super::Device::wipe_list)
    /// make of it: one that an update of the device brings is empty at first. Default `None`, which also takes
    /// away the list that there was.
    pub wipe_list: Option<Vec<WipeItem>>,
    /// Whether a Wipe without an `AvailableWipeList` erases everything. Default no: it gets 1406.
    pub wipe_all: bool,
    /// The first value of `LAWMOConfig/NotifyUser`. Default no.
    pub notify_user: bool,
    /// When an Exec is answered and run; a factory reset always runs after the session.
    pub reporting: Reporting,
    /// The final alert.
    pub report: ReportStyle,
    /// What stays usable while locked.
    pub use_policy: UsePolicy,
    /// What the device asks its user by itself.
    pub prompts: Prompts,
    /// What becomes of an accepted factory reset whose server did not answer, however often it was told
    /// (`AgentConfig::retries`). Default [`Unanswered::Proceed`].
    pub unanswered: Unanswered,
    /// How many operations may be open at the same time, the one that runs included; the Exec of one more
    /// is answered 1400. 0 refuses all. Default 16. The agent has a limit of its own for each server.
    pub max_open: u32,
    /// What vendors add below `Operations/Ext`. Leaves that support Exec are
    /// [operations](super::Device::vendor).
    pub operations_ext: Vec<NodeDescription>,
    /// What vendors add below `Ext`: operations as well, and plain nodes.
    pub ext: Vec<NodeDescription>,
}

impl Config {
    /// Everything offered to `servers`, without a wipe list.
    pub fn new(servers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            operations: Operation::ALL.to_vec(),
            wipe_list: None,
            wipe_all: false,
            notify_user: false,
            reporting: Reporting::default(),
            report: ReportStyle::default(),
            use_policy: UsePolicy::default(),
            prompts: Prompts::default(),
            unanswered: Unanswered::default(),
            max_open: 16,
            operations_ext: Vec::new(),
            ext: Vec::new(),
        }
    }

    /// The same with a wipe list.
    #[must_use]
    pub fn with_wipe_list(mut self, items: impl IntoIterator<Item = WipeItem>) -> Self {
        self.wipe_list = Some(items.into_iter().collect());
        self
    }

    /// The same with another time of answering.
    #[must_use]
    pub fn with_reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }

    /// The same, asking the user.
    #[must_use]
    pub fn with_prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = prompts;
        self
    }

    /// The same with another end for a reset whose server does not answer.
    #[must_use]
    pub fn with_unanswered(mut self, unanswered: Unanswered) -> Self {
        self.unanswered = unanswered;
        self
    }

    /// The same with another policy of what stays usable.
    #[must_use]
    pub fn with_use_policy(mut self, use_policy: UsePolicy) -> Self {
        self.use_policy = use_policy;
        self
    }

    /// The same with a vendor operation, `Operations/Ext/<name>`.
    #[must_use]
    pub fn with_vendor_operation(mut self, name: impl Into<Text>) -> Self {
        self.operations_ext.push(
            NodeDescription::leaf(name, NodeFormat::Null)
                .access(Access::EXEC | Access::GET)
                .occurrence(Occurrence::ZeroOrOne),
        );
        self
    }

    /// The same with a vendor node, or a tree of them, below `Ext`. Those that are permanent come into
    /// being with the object, with their default values.
    #[must_use]
    pub fn with_vendor_node(mut self, node: NodeDescription) -> Self {
        self.ext.push(node);
        self
    }

    /// The same offering only `operations`.
    #[must_use]
    pub fn offering(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = operations.into_iter().collect();
        self
    }
}
