//! [`Config`]: how the object is set up.

use dm_proto::Text;

use super::WipeItem;
use crate::{Operation, State};

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

/// Functions of a device that a lock takes away or leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Function {
    /// Notifications and sessions with entitled servers; always left.
    DeviceManagement,
    /// Emergency calls; always left.
    EmergencyCalls,
    /// Being called.
    IncomingCalls,
    /// Calling anybody.
    OutgoingCalls,
    /// Data services.
    DataServices,
    /// Looking at the user's data.
    UserData,
    /// Unlocking with the user's own code.
    LocalUnlock,
}

/// What stays usable while the device is locked. Data for the integrator: nothing here enforces it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UsePolicy {
    /// While fully locked, beyond management and emergency calls. Default: nothing.
    pub fully_locked: Vec<Function>,
    /// While partially locked, beyond management and emergency calls. Default: incoming calls.
    pub partially_locked: Vec<Function>,
}

impl Default for UsePolicy {
    fn default() -> Self {
        Self {
            fully_locked: Vec::new(),
            partially_locked: vec![Function::IncomingCalls],
        }
    }
}

impl UsePolicy {
    /// Whether a function is usable in a state.
    pub fn allows(&self, state: State, function: Function) -> bool {
        let left = match state {
            State::Unlocked => return true,
            State::PartiallyLocked => &self.partially_locked,
            State::FullyLocked => &self.fully_locked,
        };
        matches!(
            function,
            Function::DeviceManagement | Function::EmergencyCalls
        ) || left.contains(&function)
    }
}

/// What the final alert looks like where implementations differ.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReportStyle {
    /// `Meta/Type`. Default [`crate::OPERATION_COMPLETE`].
    pub alert_type: Text,
    /// `Meta/Format`. Default `int`.
    pub format: Text,
    /// Whether `Meta/Mark` is sent: `informational` for success, `warning` for 1401 and 1406,
    /// `critical` for the rest. Default yes.
    pub mark: bool,
}

impl Default for ReportStyle {
    fn default() -> Self {
        Self {
            alert_type: Text::from_static(crate::OPERATION_COMPLETE),
            format: Text::from_static("int"),
            mark: true,
        }
    }
}

/// How the object is set up.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The ServerIDs that may use the object: the ACL of its root names them, Exec and Replace
    /// included. Nobody else may.
    pub servers: Vec<Text>,
    /// What is offered. Default all. A lock brings `UnLock` with it.
    pub operations: Vec<Operation>,
    /// What can be wiped; `None` for no `AvailableWipeList`. Default `None`.
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

    /// The same offering only `operations`.
    #[must_use]
    pub fn offering(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.operations = operations.into_iter().collect();
        self
    }
}
