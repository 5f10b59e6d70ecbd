//! The device's side: [`Device`], what an integrator implements, and [`Lawmo`], the object to mount.

mod config;
mod request;
mod wipe_list;

pub use self::{
    config::{Config, Function, ReportStyle, Reporting, UsePolicy},
    request::Request,
    wipe_list::WipeItem,
};

use dm_proto::{StatusCode, message::Alert};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, View,
    description::{Access, NodeDescription, Occurrence},
    object::{Change, Decision, Job, ManagementObject, Outcome, Progress},
};

use crate::{MO_ID, Operation, ResultCode, State, alert, nodes};

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
        let description = describe(&config);
        Self {
            device,
            config,
            description,
        }
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }
}

impl<D: Device> ManagementObject for Lawmo<D> {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let root = edit.view().node(&edit.root().clone())?;
        edit.put(
            "",
            root.with_acl(Acl::all(self.config.servers.iter().cloned())),
        )?;
        for item in self.config.wipe_list.iter().flatten() {
            let path = item_path(item);
            edit.put(&path, Node::interior(""))?;
            edit.put(
                &format!("{path}/{}", nodes::LIST_ITEM_NAME),
                Node::leaf(NodeFormat::Chr, item.list_item_name.to_string()),
            )?;
            edit.put(
                &format!("{path}/{}", nodes::TO_BE_WIPED),
                Node::leaf(NodeFormat::Bool, "false"),
            )?;
        }
        Ok(())
    }

    fn check(&self, _: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        match change {
            // Description and ACL leave only the truth values to be replaced.
            Change::Replace(_, node) => match node.as_str().and_then(nodes::truth) {
                Some(_) => Ok(()),
                None => Err(StatusCode::BAD_REQUEST),
            },
            Change::Add(..) | Change::Delete(_) | Change::Rename(..) => {
                Err(StatusCode::COMMAND_NOT_ALLOWED)
            }
        }
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        let view = edit.view();
        let Some(operation) = executed(edit, job) else {
            return Decision::Refuse(StatusCode::COMMAND_NOT_ALLOWED);
        };
        let items = match operation {
            Operation::Wipe => match self.marked(edit, view) {
                Ok(items) => items,
                Err(result) => return Decision::Refuse(result.into()),
            },
            _ => Vec::new(),
        };
        if let Err(result) = self.device.allows(operation) {
            return Decision::Refuse(result.into());
        }
        let notify_user = edit
            .root()
            .join(nodes::CONFIG)
            .and_then(|config| config.join(nodes::NOTIFY_USER))
            .is_ok_and(|leaf| view.text(&leaf).ok().and_then(|v| nodes::truth(&v)) == Some(true));
        let request = Request {
            operation,
            items,
            notify_user,
        };
        let Ok(memo) = postcard::to_allocvec(&request) else {
            return Decision::Refuse(StatusCode::COMMAND_FAILED);
        };
        job.memo = memo;
        match (operation, self.config.reporting) {
            (Operation::FactoryReset, _) | (_, Reporting::AfterSession) => Decision::AfterSession,
            (_, Reporting::InSession) => Decision::Accept,
            (_, Reporting::Synchronous) => Decision::Now,
        }
    }

    fn run(&mut self, job: &Job) -> Progress {
        let Some(request) = Request::of(job) else {
            return Progress::Done(Outcome::from(StatusCode::from(ResultCode::CLIENT_ERROR)));
        };
        if request.notify_user && !job.resumed {
            self.device.notify_user(request.operation);
        }
        let effect = match request.operation {
            Operation::FullyLock => self.device.fully_lock(job),
            Operation::PartiallyLock => self.device.partially_lock(job),
            Operation::UnLock => self.device.unlock(job),
            Operation::Wipe => self.device.wipe(&request.items, job),
            Operation::FactoryReset => {
                return match self.device.factory_reset(job) {
                    ResetEffect::Erased => Progress::Reset,
                    ResetEffect::Later => Progress::Later,
                    ResetEffect::Failed => {
                        Progress::Done(request.outcome(ResultCode::CLIENT_ERROR))
                    }
                };
            }
        };
        match effect {
            Effect::Done(result) => Progress::Done(request.outcome(result)),
            Effect::Later => Progress::Later,
        }
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let request = Request::of(job)?;
        if request.operation == Operation::FactoryReset {
            return None;
        }
        let result = ResultCode::from(outcome.code);
        let done = if result.is_success() {
            take_effect(edit, &request, result)
        } else {
            Ok(())
        };
        // What the tree could not be told, the server can.
        let result = done.map_or(ResultCode::CLIENT_ERROR, |()| result);
        Some(alert::operation_complete(job, result, &self.config.report))
    }
}

impl<D: Device> Lawmo<D> {
    /// The marked items; none if everything is meant.
    fn marked(&self, edit: &Edit<'_>, view: View<'_>) -> Result<Vec<WipeItem>, ResultCode> {
        let list = edit.root().join(nodes::AVAILABLE_WIPE_LIST);
        let names = list.as_ref().ok().and_then(|list| view.children(list).ok());
        let (Ok(list), Some(names)) = (list, names) else {
            return if self.config.wipe_all {
                Ok(Vec::new())
            } else {
                Err(ResultCode::WIPE_NOT_PERFORMED)
            };
        };
        let items: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                let item = list.join(&name).ok()?;
                let marked = view.text(&item.join(nodes::TO_BE_WIPED).ok()?).ok()?;
                if nodes::truth(&marked) != Some(true) {
                    return None;
                }
                let list_item_name = view.text(&item.join(nodes::LIST_ITEM_NAME).ok()?).ok()?;
                let configured = self.config.wipe_list.iter().flatten();
                let removed = configured
                    .filter(|configured| configured.node == name)
                    .any(|configured| configured.removed_after_wipe);
                let item = WipeItem::new(name).named(list_item_name);
                Some(if removed {
                    item.removed_after_wipe()
                } else {
                    item
                })
            })
            .collect();
        if items.is_empty() {
            Err(ResultCode::WIPE_NOT_PERFORMED)
        } else {
            Ok(items)
        }
    }
}

/// The operation behind the node of a job.
fn executed(edit: &Edit<'_>, job: &Job) -> Option<Operation> {
    let (parent, name) = job.node.below(edit.root())?.split_once('/')?;
    (parent == nodes::OPERATIONS)
        .then(|| Operation::from_node_name(name))
        .flatten()
}

/// Writes down what an operation has changed.
fn take_effect(
    edit: &mut Edit<'_>,
    request: &Request,
    result: ResultCode,
) -> Result<(), StatusCode> {
    if let Some(state) = request.operation.leads_to() {
        edit.set(nodes::STATE, state.as_str())?;
    }
    for item in &request.items {
        let path = item_path(item);
        if item.removed_after_wipe || result == ResultCode::WIPE_AND_LIST_ITEMS_SUCCESSFUL {
            edit.remove(&path)?;
        } else {
            match edit.set(&format!("{path}/{}", nodes::TO_BE_WIPED), "false") {
                // A wipe before this one has taken it off the list.
                Ok(()) | Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(status),
            }
        }
    }
    Ok(())
}

fn item_path(item: &WipeItem) -> String {
    format!("{}/{}", nodes::AVAILABLE_WIPE_LIST, item.node)
}

/// The nodes of the object, as far as they are offered.
fn describe(config: &Config) -> NodeDescription {
    let leaf = |name: &'static str, format| NodeDescription::leaf(name, format);
    let mut offered = config.operations.clone();
    let locks = [Operation::FullyLock, Operation::PartiallyLock];
    if locks.iter().any(|lock| offered.contains(lock)) {
        offered.push(Operation::UnLock);
    }
    let mut operations = NodeDescription::interior(nodes::OPERATIONS);
    for operation in Operation::ALL {
        if offered.contains(&operation) {
            operations = operations.child(
                leaf(operation.node_name(), NodeFormat::Null)
                    .access(Access::EXEC | Access::GET)
                    .occurrence(Occurrence::ZeroOrOne),
            );
        }
    }
    let notify_user = if config.notify_user { "true" } else { "false" };
    let mut root = NodeDescription::interior("LAWMO")
        .type_(MO_ID)
        .child(leaf(nodes::STATE, NodeFormat::Int).default_value(State::default().as_str()));
    if config.wipe_list.is_some() {
        root = root.child(
            NodeDescription::interior(nodes::AVAILABLE_WIPE_LIST)
                .occurrence(Occurrence::ZeroOrOne)
                .child(
                    NodeDescription::any()
                        .child(leaf(nodes::LIST_ITEM_NAME, NodeFormat::Chr).dynamic())
                        .child(
                            leaf(nodes::TO_BE_WIPED, NodeFormat::Bool)
                                .access(Access::GET | Access::REPLACE)
                                .dynamic(),
                        ),
                ),
        );
    }
    root.child(
        NodeDescription::interior(nodes::CONFIG)
            .occurrence(Occurrence::ZeroOrOne)
            .child(
                leaf(nodes::NOTIFY_USER, NodeFormat::Bool)
                    .access(Access::GET | Access::REPLACE)
                    .default_value(notify_user),
            ),
    )
    .child(operations)
}
