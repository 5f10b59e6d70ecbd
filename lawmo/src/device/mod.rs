//! The device's side: [`Device`], what an integrator implements, and [`Lawmo`], the object to mount.

mod config;
mod describe;
mod effect;
mod marker;
mod policy;
mod request;
mod wipe_list;

pub use self::{
    config::{Config, Marks, Prompts, ReportStyle, Reporting},
    marker::{AtBoot, ResetMarker, Unanswered},
    policy::{Function, Sessions, Standing, UsePolicy},
    request::{Asked, Request},
    wipe_list::{ItemOutcome, WipeItem, WipeList, WipeListError},
};

use dm_proto::{StatusCode, message::Alert};
use dm_tree::{
    Acl, Edit, NodeFormat, View,
    description::NodeDescription,
    object::{Change, Decision, Job, ManagementObject, Outcome, Progress},
};

use crate::{MO_ID, Operation, ResultCode, nodes};

/// What came of starting an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Effect {
    /// It is over, with this result.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::complete` with [`Request::outcome`] ends it.
    Later,
    /// Not now: nothing was begun that is not as before. `Agent::take_up` has it tried again;
    /// `Agent::complete` ends it for good.
    Deferred,
}

/// What came of starting a wipe.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum WipeEffect {
    /// What came of the items, in the order in which they were given. Fewer than that are made durable, and
    /// the wipe is called again for the rest: so each item is erased once, whatever comes in between. None
    /// at all means that none will be erased.
    Items(Vec<ItemOutcome>),
    /// The whole is over with this result: 1401 and 1406 where nothing was erased, a vendor's. See
    /// [`Request::outcome`] for what it says of the items.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::note` with [`Request::partly_wiped`] keeps how far it is, and
    /// `Agent::complete` with [`Request::wiped`] ends it.
    Later,
    /// Not now; see [`Effect::Deferred`].
    Deferred,
}

/// What came of a factory reset, which has no report whatever came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum ResetEffect {
    /// Everything is as it left the factory; the agent sets the tree up anew.
    Erased,
    /// It goes on elsewhere, over a reboot perhaps: a job that is found at the next start is handed out
    /// again, as resumed. Without a reboot `Agent::take_up` has it handed out again, to say how it ended.
    Later,
    /// Not now; see [`Effect::Deferred`].
    Deferred,
    /// It failed, and nothing can tell the server.
    Failed,
}

/// What the user answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Consent {
    /// Yes.
    Yes,
    /// No: the result is 1401.
    No,
    /// Another time; see [`Effect::Deferred`]. Of a factory reset, whose server is waiting, it is a no.
    Postponed,
    /// The answer comes later: yes is `Agent::reached` with [`AGREED`], then `Agent::take_up`; no is
    /// `Agent::complete` with 1401; another time is `Agent::defer`. Of a factory reset, yes is
    /// `Agent::after_session` with [`AGREED`]; its Exec is not answered before.
    Later,
}

/// The stage of a job to which the user has agreed.
pub const AGREED: u32 = 1;

/// The stage of a wipe of which some items are settled, and of a factory reset that has begun.
pub const PERFORMING: u32 = 2;

/// The stage of a factory reset that is given up, since its server never answered.
const ABANDONED: u32 = 3;

/// What an integrator implements.
///
/// Called with no transaction open, once the job is durable. A job is started once; after a restart it
/// is handed out again with [`Job::resumed`], and the device goes on, ends it with a result, or says
/// that it cannot tell with [`ResultCode::CLIENT_ERROR`].
///
/// What is not required has a default.
pub trait Device: Send {
    /// Makes everything unusable but what law and management need.
    fn fully_lock(&mut self, job: &Job) -> Effect;

    /// Leaves a restricted set of functions usable ([`UsePolicy`]).
    fn partially_lock(&mut self, job: &Job) -> Effect;

    /// Makes everything usable again.
    fn unlock(&mut self, job: &Job) -> Effect;

    /// Erases the items of which nothing is known yet; none means everything (only if
    /// [`Config::wipe_all`] is declared). Accounts, the tree and its jobs must survive, or the result
    /// cannot be told. An item may have left the list since it was marked ([`WipeList`]): what it stood for
    /// is erased if it is still there.
    fn wipe(&mut self, items: &[WipeItem], job: &Job) -> WipeEffect;

    /// Brings everything back to how it left the factory, storage of the tree included. Called after
    /// the session, once its server has the 202 or has not answered it ([`Config::unanswered`]). A marker
    /// outside what is erased, written first and removed last, lets the next start resume an interrupted
    /// reset ([`ResetMarker`]).
    fn factory_reset(&mut self, job: &Job) -> ResetEffect;

    /// An accepted factory reset does not take place: its server was never reached, and
    /// [`Config::unanswered`] says so. Nothing of it was begun; whatever waits for it, a [`ResetMarker`] say,
    /// is to be undone. No server is told, since a reset has no report; one that asks again for the same is
    /// answered 1400. After a restart it may be called once more.
    fn reset_abandoned(&mut self, job: &Job) {
        let _ = job;
    }

    /// Performs a vendor operation; `path` is that of its node below the object, such as
    /// `Operations/Ext/Beep`. Result codes of its own are 1250 to 1299 and 1450 to 1499.
    fn vendor(&mut self, path: &str, job: &Job) -> Effect {
        let _ = (path, job);
        Effect::Done(ResultCode::CLIENT_ERROR)
    }

    /// A veto that needs no user, asked before the Exec is answered. The result is the answer: 1406 if a wipe
    /// cannot be started, 1400 if a reset cannot.
    ///
    /// # Errors
    ///
    /// The result with which it is refused.
    fn allows(&self, asked: &Asked) -> Result<(), ResultCode> {
        let _ = asked;
        Ok(())
    }

    /// Asks the user, where [`Config::prompts`] says so: before the operation, and of a factory reset
    /// before its Exec is answered. Asked again after a restart unless the answer was yes.
    fn confirm(&mut self, request: &Request, job: &Job) -> Consent {
        let _ = (request, job);
        Consent::Yes
    }

    /// Tells the user that an operation is about to be performed. Called only while
    /// `LAWMOConfig/NotifyUser` is true; it is no question.
    fn notify_user(&mut self, asked: &Asked) {
        let _ = asked;
    }

    /// Called at every start: puts the lock in force again that was in force before, and the network
    /// restrictions that come with it.
    fn started(&self, standing: &Standing) {
        let _ = standing;
    }

    /// What can be wiped, asked at every start; items that stay keep their marks, and those whose names cannot
    /// be those of nodes are left out. `None` leaves the list as it was. Without [`Config::wipe_list`] there is none.
    fn wipe_list(&self) -> Option<Vec<WipeItem>> {
        None
    }

    /// Whether a server may change a vendor node, which description and ACL allow. `path` is below the
    /// object, such as `Ext/Password`.
    ///
    /// # Errors
    ///
    /// The status of the refusal.
    fn vendor_change(&self, path: &str, change: &Change<'_>) -> Result<(), StatusCode> {
        let _ = (path, change);
        Ok(())
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
        let description = describe::describe(&config);
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
        let mut items = self.config.wipe_list.iter().flatten();
        items.try_for_each(|item| wipe_list::put(edit, item))
    }

    fn restarted(&self, edit: &mut Edit<'_>, _: &[Job]) -> Result<(), StatusCode> {
        describe::withdraw(edit, &self.description)?;
        if self.config.wipe_list.is_some()
            && let Some(items) = self.device.wipe_list()
        {
            let possible = wipe_list::possible(edit.root(), items);
            wipe_list::set(edit, &possible)?;
        }
        let standing = Standing::read(&edit.view(), &edit.root().clone())?;
        self.device.started(&standing);
        Ok(())
    }

    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        if let Some(path) = self.vendor_path(view, change) {
            return self.device.vendor_change(&path, change);
        }
        match change {
            // Description and ACL leave only the truth values to be replaced.
            Change::Replace(_, node) => match node.as_str().and_then(NodeFormat::truth) {
                Some(_) => Ok(()),
                None => Err(StatusCode::BAD_REQUEST),
            },
            Change::Add(..) | Change::Delete(_) | Change::Rename(..) => {
                Err(StatusCode::COMMAND_NOT_ALLOWED)
            }
        }
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        // Truth values are read in any spelling and written in one.
        if let Change::Replace(uri, node) = change
            && [nodes::TO_BE_WIPED, nodes::NOTIFY_USER].contains(&uri.name())
            && let Some(path) = uri.below(&edit.root().clone())
            && !is_vendors(path)
            && let Some(value) = node.as_str().and_then(NodeFormat::truth)
            && node.as_str() != Some(nodes::truth_text(value))
        {
            edit.set(path, nodes::truth_text(value))?;
        }
        Ok(())
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        match self.prepare(edit, job) {
            Ok(request) => {
                let Some(memo) = request.to_memo() else {
                    return Decision::Refuse(StatusCode::COMMAND_FAILED);
                };
                job.memo = memo;
                let is_reset = request.operation() == Some(Operation::FactoryReset);
                match self.config.reporting {
                    _ if is_reset && request.confirm => Decision::Ask,
                    _ if is_reset => Decision::OnceTold,
                    Reporting::AfterSession => Decision::AfterSession,
                    Reporting::InSession => Decision::Accept,
                    Reporting::Synchronous => Decision::Now,
                }
            }
            Err(status) => Decision::Refuse(status),
        }
    }

    fn repeated(&self, edit: &mut Edit<'_>, job: &mut Job, result: Option<StatusCode>) {
        if let Some(request) = Request::of(job)
            && let Some(memo) = effect::repeated(edit, &request, result)
        {
            job.memo = memo;
        }
    }

    fn run(&mut self, job: &Job) -> Progress {
        let Some(request) = Request::of(job) else {
            return Progress::Done(Outcome::from(StatusCode::from(ResultCode::CLIENT_ERROR)));
        };
        if request.confirm && job.stage < AGREED {
            return self.ask(&request, job);
        }
        let is_reset = request.operation() == Some(Operation::FactoryReset);
        let gives_up = job.unanswered && self.config.unanswered == Unanswered::Abandon;
        if is_reset && gives_up && job.stage < PERFORMING {
            return Progress::Stage(ABANDONED);
        }
        if request.notify_user && job.stage < PERFORMING {
            self.device.notify_user(&request.asked);
            // Durable before it begins: once, unless the storage fails just now.
            if let Some(memo) = request.told().to_memo() {
                let stage = job.stage;
                return Progress::Noted { stage, memo };
            }
        }
        let effect = match &request.asked {
            Asked::Operation(Operation::FullyLock) => self.device.fully_lock(job),
            Asked::Operation(Operation::PartiallyLock) => self.device.partially_lock(job),
            Asked::Operation(Operation::UnLock) => self.device.unlock(job),
            Asked::Operation(Operation::Wipe) => return self.wipe(&request, job),
            Asked::Operation(Operation::FactoryReset) if job.stage == ABANDONED => {
                self.device.reset_abandoned(job);
                return Progress::Done(request.outcome(ResultCode::CLIENT_ERROR));
            }
            // Durable before it begins: so what has begun is not abandoned, and what is abandoned not begun.
            Asked::Operation(Operation::FactoryReset) if job.stage < PERFORMING => {
                return Progress::Stage(PERFORMING);
            }
            Asked::Operation(Operation::FactoryReset) => {
                return match self.device.factory_reset(job) {
                    ResetEffect::Erased => Progress::Reset,
                    ResetEffect::Later => Progress::Later,
                    ResetEffect::Deferred => Progress::Deferred,
                    ResetEffect::Failed => {
                        Progress::Done(request.outcome(ResultCode::CLIENT_ERROR))
                    }
                };
            }
            Asked::Vendor(path) => self.device.vendor(path, job),
        };
        match effect {
            Effect::Done(result) => Progress::Done(request.outcome(result)),
            Effect::Later => Progress::Later,
            Effect::Deferred => Progress::Deferred,
        }
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        effect::finish(edit, job, outcome, &self.config)
    }
}

impl<D: Device> Lawmo<D> {
    /// Looks at what an Exec asks for; what running it takes.
    fn prepare(&self, edit: &Edit<'_>, job: &Job) -> Result<Request, StatusCode> {
        let asked = asked(edit, job).ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        if job.ahead >= self.config.max_open {
            return Err(ResultCode::CLIENT_ERROR.into());
        }
        let items = match asked {
            Asked::Operation(Operation::Wipe) => self.marked(edit)?,
            _ => Vec::new(),
        };
        let allowed = self.device.allows(&asked);
        allowed.map_err(|refusal| match refusal.or_client_error() {
            refusal if refusal.is_success() => ResultCode::CLIENT_ERROR,
            refusal => refusal,
        })?;
        let prompts = &self.config.prompts;
        let confirm = match &asked {
            Asked::Operation(Operation::Wipe) => prompts.wipe,
            Asked::Operation(Operation::FactoryReset) => prompts.factory_reset,
            Asked::Operation(_) => prompts.lock,
            Asked::Vendor(_) => prompts.vendor,
        };
        let notify_user = edit
            .root()
            .join(nodes::CONFIG)
            .and_then(|config| config.join(nodes::NOTIFY_USER))
            .ok()
            .and_then(|leaf| edit.view().text(&leaf).ok())
            .and_then(|value| NodeFormat::truth(&value));
        let request = Request {
            asked,
            items,
            outcomes: Vec::new(),
            notify_user: notify_user == Some(true),
            confirm,
            marks: Vec::new(),
            marked_at: Vec::new(),
        };
        Ok(request.with_marks(|item| wipe_list::mark_of(edit, item)))
    }

    /// The marked items; none if everything is meant.
    fn marked(&self, edit: &Edit<'_>) -> Result<Vec<WipeItem>, StatusCode> {
        let not_performed = StatusCode::from(ResultCode::WIPE_NOT_PERFORMED);
        let items = match wipe_list::items(edit) {
            // Only a list that is not there means everything, not one that cannot be read.
            Err(StatusCode::NOT_FOUND) if self.config.wipe_all => return Ok(Vec::new()),
            Err(StatusCode::NOT_FOUND) => return Err(not_performed),
            items => items?,
        };
        let marked: Vec<WipeItem> = items
            .into_iter()
            .filter_map(|(item, is_marked)| is_marked.then_some(item))
            .collect();
        if marked.is_empty() {
            Err(not_performed)
        } else {
            Ok(marked)
        }
    }

    fn ask(&mut self, request: &Request, job: &Job) -> Progress {
        let is_reset = request.operation() == Some(Operation::FactoryReset);
        match self.device.confirm(request, job) {
            // It is still to be answered, and runs after the session.
            Consent::Yes if is_reset => Progress::AfterSession(AGREED),
            Consent::Yes => Progress::Stage(AGREED),
            Consent::Postponed if !is_reset => Progress::Deferred,
            Consent::No | Consent::Postponed => {
                Progress::Done(request.outcome(ResultCode::USER_CANCELLED))
            }
            Consent::Later => Progress::Later,
        }
    }

    fn wipe(&mut self, request: &Request, job: &Job) -> Progress {
        let rest = request.rest();
        let outcomes = match self.device.wipe(rest, job) {
            WipeEffect::Items(outcomes) => outcomes,
            WipeEffect::Done(result) => return Progress::Done(request.outcome(result)),
            WipeEffect::Later => return Progress::Later,
            WipeEffect::Deferred => return Progress::Deferred,
        };
        let is_partial = !outcomes.is_empty() && outcomes.len() < rest.len();
        match request.partly_wiped(&outcomes) {
            Some(memo) if is_partial => Progress::Noted {
                stage: PERFORMING,
                memo,
            },
            _ => Progress::Done(request.wiped(&outcomes)),
        }
    }

    /// The path below the object of a vendor node that is to be changed.
    fn vendor_path(&self, view: &View<'_>, change: &Change<'_>) -> Option<String> {
        let (Change::Add(uri, _)
        | Change::Replace(uri, _)
        | Change::Delete(uri)
        | Change::Rename(uri, _)) = change;
        let mut root = uri.parent()?;
        while view.node(&root).ok()?.type_ != MO_ID {
            root = root.parent()?;
        }
        let path = uri.below(&root)?;
        is_vendors(path).then(|| path.to_owned())
    }
}

/// What is behind the node of a job.
fn asked(edit: &Edit<'_>, job: &Job) -> Option<Asked> {
    let path = job.node.below(edit.root())?;
    if is_vendors(path) {
        return Some(Asked::Vendor(path.into()));
    }
    let (parent, name) = path.split_once('/')?;
    (parent == nodes::OPERATIONS)
        .then(|| Operation::from_node_name(name))
        .flatten()
        .map(Asked::Operation)
}

/// Whether a path below the object leads to what a vendor added.
fn is_vendors(path: &str) -> bool {
    let mut segments = path.split('/');
    match segments.next() {
        Some(nodes::EXT) => true,
        Some(nodes::OPERATIONS) => segments.next() == Some(nodes::EXT),
        _ => false,
    }
}
