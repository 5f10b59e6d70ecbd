//! The device's side: [`Device`], what an integrator implements, and [`Lawmo`], the object to mount.

use dm_proto::Text;
use dm_tree::{
    description::NodeDescription,
    object::{Job, ManagementObject, Outcome},
};
use serde::{Deserialize, Serialize};

use crate::{Operation, ResultCode, State};

/// What came of starting an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Effect {
    /// It is over, with this result.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::complete` with [`Request::outcome`] ends it.
    Later,
}

/// What came of a factory reset, which has no report whatever came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum ResetEffect {
    /// Everything is as it left the factory; the agent sets the tree up anew.
    Erased,
    /// It goes on elsewhere, over a reboot perhaps: a job that is found at the next start is handed out
    /// again, as resumed.
    Later,
    /// It failed, and nothing can tell the server.
    Failed,
}

/// What an integrator implements.
///
/// Called with no transaction open, once the job is durable. A job is started once; after a restart it
/// is handed out again with [`Job::resumed`], and the device goes on, ends it with a result, or says
/// that it cannot tell with [`ResultCode::CLIENT_ERROR`].
pub trait Device: Send {
    /// Makes everything unusable but what law and management need.
    fn fully_lock(&mut self, job: &Job) -> Effect;

    /// Leaves a restricted set of functions usable ([`UsePolicy`]).
    fn partially_lock(&mut self, job: &Job) -> Effect;

    /// Makes everything usable again.
    fn unlock(&mut self, job: &Job) -> Effect;

    /// Erases the items; none means everything (only if [`Config::wipe_all`] is declared). Accounts,
    /// the tree and its jobs must survive, or the result cannot be told. If any item fails the result
    /// is [`ResultCode::WIPE_FAILED`].
    fn wipe(&mut self, items: &[WipeItem], job: &Job) -> Effect;

    /// Brings everything back to how it left the factory, storage of the tree included. Called after
    /// the session. A marker outside what is erased, written first and removed last, lets the next
    /// start resume an interrupted reset.
    fn factory_reset(&mut self, job: &Job) -> ResetEffect;

    /// A veto, asked before the Exec is answered. The result is the answer: 1401 if the user refused,
    /// 1406 if a wipe cannot be started.
    ///
    /// # Errors
    ///
    /// The result with which it is refused.
    fn allows(&self, operation: Operation) -> Result<(), ResultCode> {
        let _ = operation;
        Ok(())
    }

    /// Tells the user that an operation is about to be performed. Called only while
    /// `LAWMOConfig/NotifyUser` is true; it is no question.
    fn notify_user(&mut self, operation: Operation) {
        let _ = operation;
    }
}

/// An item of the wipe list: a category of data.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WipeItem {
    /// The name of its node.
    pub node: Text,
    /// Its name for people.
    pub list_item_name: Text,
    /// Whether it makes no sense any more after it was wiped, so that its node goes with it.
    pub removed_after_wipe: bool,
}

impl WipeItem {
    /// An item whose node and name are the same.
    pub fn new(name: impl Into<Text>) -> Self {
        let name = name.into();
        Self {
            node: name.clone(),
            list_item_name: name,
            removed_after_wipe: false,
        }
    }

    /// The same with another name for people.
    #[must_use]
    pub fn named(mut self, list_item_name: impl Into<Text>) -> Self {
        self.list_item_name = list_item_name.into();
        self
    }

    /// The same, leaving the list when it was wiped.
    #[must_use]
    pub fn removed_after_wipe(mut self) -> Self {
        self.removed_after_wipe = true;
        self
    }
}

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
        let _ = job;
        todo!()
    }

    /// The outcome for `Agent::complete`.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        let _ = result;
        todo!()
    }
}

/// The object: mount it in an agent.
#[derive(Debug)]
pub struct Lawmo<D> {
    device: D,
    config: Config,
    description: NodeDescription,
}

impl<D: Device> Lawmo<D> {
    /// The object of a device.
    pub fn new(device: D, config: Config) -> Self {
        let _ = (device, config);
        todo!()
    }
}

impl<D: Device> ManagementObject for Lawmo<D> {
    fn description(&self) -> &NodeDescription {
        let _ = (&self.device, &self.config);
        &self.description
    }
}
