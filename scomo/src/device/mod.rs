//! The device's side: [`Device`], what an integrator implements, and [`Scomo`], the object to mount.

mod busy;
mod components;
mod config;
mod delivery;
mod describe;
mod effect;
mod facts;
mod inventory;
mod phases;
mod place;
mod request;
mod subject;
mod vendor;
mod version;

pub use self::{
    components::{Components, ComponentsError},
    config::{Config, Marks, Prompts, ReportStyle, Reporting},
    delivery::Sink,
    facts::{Digest, Facts},
    request::{Asked, Request},
    subject::{Component, Package, Subject},
    version::compare_versions,
};

use core::cmp::Ordering;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use dm_proto::{StatusCode, Text, message::Alert};
use dm_tree::{
    Acl, Edit, NodeUri, View,
    description::NodeDescription,
    object::{Change, Decision, Job, ManagementObject, Outcome, Piece, Progress},
};
use serde::{Deserialize, Serialize};

use self::{effect::Context, phases::Phase, place::Place};
use crate::{Branch, Operation, ResultCode, nodes};

/// What came of starting to activate, deactivate or remove, or a vendor operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Effect {
    /// It is over, with this result.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::complete` with an outcome of [`Request`] ends it.
    Later,
    /// Not now: nothing was begun that is not as before. `Agent::take_up` has it tried again;
    /// [`Request::given_up`] ends it for good.
    Deferred(Cause),
}

/// What came of starting to fetch a package.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum FetchEffect {
    /// It is here, and this is known of it.
    Fetched(Facts),
    /// It is over, with this result: a failure, or a success of which nothing more is known.
    Done(ResultCode),
    /// It goes on elsewhere. A success is `Agent::complete` with [`Request::downloaded`] or, if the
    /// package is going to be installed, `Agent::note` with [`Request::fetched`], then `Agent::take_up`;
    /// a failure is `Agent::complete` with [`Request::outcome`].
    Later,
    /// Not now; see [`Effect::Deferred`].
    Deferred(Cause),
}

impl From<Effect> for FetchEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Done(result) => Self::Done(result),
            Effect::Later => Self::Later,
            Effect::Deferred(cause) => Self::Deferred(cause),
        }
    }
}

/// What came of starting an installation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum InstallEffect {
    /// Installed: these components are there now, new or updated. Whether they are active is the
    /// request's word.
    Installed {
        /// The components.
        components: Vec<Component>,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// Installed, and components of before are gone with it.
    Updated {
        /// The components that are there now, new or updated.
        components: Vec<Component>,
        /// The IDs of those that are not there any more, whatever package they came from.
        removed: Vec<Text>,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// Nothing was installed.
    Failed {
        /// Why.
        result: ResultCode,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// It is over, with an outcome that a [`Request`] has made: one of [`Request::installed`] with the
    /// code of a vendor's success, say.
    Done(Outcome),
    /// It goes on elsewhere; `Agent::complete` with [`Request::installed`] or [`Request::failed`].
    Later,
    /// Not now; see [`Effect::Deferred`].
    Deferred(Cause),
}

/// Why a job is put off, and what is told if it is given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "what is none of these is other")]
pub enum Cause {
    /// The user will not be disturbed, or asked for another time.
    User,
    /// The battery is low.
    Battery,
    /// There is not enough memory or room.
    Memory,
    /// There is no network that may be used.
    Network,
    /// Anything else.
    Other,
}

/// What a user is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Question {
    /// Whether the package may be fetched. What its download descriptor says of it is the device's to
    /// find out.
    Download,
    /// Whether the package, which is here, may be installed.
    Install,
    /// Whether a vendor operation may be performed: that of [`Job::node`].
    Vendor,
}

/// What the user answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Consent {
    /// Yes.
    Yes,
    /// No: the result is 1401.
    No,
    /// Another time; see [`Effect::Deferred`].
    Postponed,
    /// The answer comes later: yes is `Agent::reached` with [`Request::agreed`], then
    /// `Agent::take_up`; no is `Agent::complete` with 1401; another time is `Agent::defer`.
    Later,
}

/// What came of checking a package.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verdict {
    /// It is what it should be.
    Valid,
    /// It is not, and is not installed.
    Invalid {
        /// Why; [`ResultCode::PACKAGE_VALIDATION_FAILED`] for a digest or signature that is wrong.
        result: ResultCode,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// It is being checked elsewhere: valid is `Agent::reached` with [`VERIFIED`], then
    /// `Agent::take_up`; invalid is `Agent::complete` with [`Request::failed`].
    Later,
}

/// What an integrator implements.
///
/// Called with no transaction open, once the job is durable. A job is started once; after a restart it
/// is handed out again with [`Job::resumed`] and the last durable stage ([`STARTED`], [`FETCHED`],
/// [`VERIFIED`], [`INSTALLING`]), and the device goes on, ends it with a result, or says that it cannot
/// tell with [`ResultCode::UNDEFINED_ERROR`]. What fails leaves everything as it was.
///
/// What is not required has a default.
pub trait Device: Send {
    /// Fetches a package from its URL. Every download checks that its size is what was announced.
    fn fetch(&mut self, package: &Package, job: &Job) -> FetchEffect;

    /// Installs a package that was fetched, or delivered in [`Package::data`] or to the
    /// [`sink`](Self::sink) ([`Package::received`]).
    ///
    /// A component with the ID of one that is there updates it: its node stays and gets the new
    /// version.
    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect;

    /// Makes an inactive component active.
    fn activate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Makes an active component inactive.
    fn deactivate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Uninstalls a component, active or not.
    fn remove_component(&mut self, component: &Component, job: &Job) -> Effect;

    /// Deletes a package, what was fetched of it and what the sink has; what was installed from it
    /// stays.
    fn remove_package(&mut self, package: &Package, job: &Job) -> Effect;

    /// Performs a vendor operation on a package, a component or the object; `path` is that of its node
    /// below what it works on, such as `Operations/Ext/Scan`. Result codes of its own are 1250 to 1299
    /// and 1450 to 1499. What it changes in the inventory is told by [`Components`] once
    /// it is over.
    fn vendor(&mut self, path: &str, subject: &Subject, job: &Job) -> Effect {
        let _ = (path, subject, job);
        Effect::Done(ResultCode::NOT_IMPLEMENTED)
    }

    /// Whether packages for an execution environment can be installed; if not the Exec gets 1413.
    fn supports_environment(&self, env_type: &str) -> bool {
        let _ = env_type;
        true
    }

    /// A veto, asked before the Exec is answered: 403, or a result code.
    ///
    /// # Errors
    ///
    /// The status with which it is refused.
    fn allows(&self, asked: &Asked, subject: &Subject) -> Result<(), StatusCode> {
        let _ = (asked, subject);
        Ok(())
    }

    /// Whether a server may change a vendor node, which description and ACL allow. `path` is below the
    /// object, such as `Ext/PollingInterval` or `Inventory/Deployed/maps/Ext/Licence`. Whether a job is on
    /// the package or component matters to nobody but the vendor.
    ///
    /// # Errors
    ///
    /// The status of the refusal.
    fn vendor_change(&self, path: &str, change: &Change<'_>) -> Result<(), StatusCode> {
        let _ = (path, change);
        Ok(())
    }

    /// What was fetched of a package is of no use any more and can be deleted: its download or
    /// installation failed, a server has deleted its node or changed its `PkgID` or `PkgURL`, and no job is on
    /// another download of the same package, which would be told of in its turn. If a package
    /// of this `PkgID` is on the device all the same ([`PackageIs::Kept`]), its content stays.
    ///
    /// Called inside a transaction, before it is durable: told at least once, and perhaps of what comes
    /// to nothing and is fetched again.
    fn download_abandoned(&self, package: &Package, delivered: PackageIs) {
        let _ = (package, delivered);
    }

    /// Where packages go that servers deliver in pieces. Without one they go into the tree, and come
    /// whole in [`Package::data`].
    fn sink(&self) -> Option<&dyn Sink> {
        None
    }

    /// Asks the user, where [`Config::prompts`] says so: before a package is fetched, before it is
    /// installed, once it is here and found valid, and before a vendor operation. Not again after a
    /// restart once the answer was yes.
    fn confirm(&mut self, question: Question, subject: &Subject, job: &Job) -> Consent {
        let _ = (question, subject, job);
        Consent::Yes
    }

    /// Checks digest and signature of a package that is here, fetched or delivered, before anything of
    /// it is installed. It is known of it what [`Package`] says: [`Package::install_params`] first of
    /// all, and [`Package::facts`], what was found out when it was fetched. Asked again when the job was put off
    /// behind it, or a restart came between.
    fn verify(&mut self, package: &Package, job: &Job) -> Verdict {
        let _ = (package, job);
        Verdict::Valid
    }

    /// What a valid package is going to install, as far as it can be told before: components with their
    /// versions. Where one is older than what is there the installation fails with 1405, unless
    /// [`Config::downgrades`] allows it.
    fn contents(&mut self, package: &Package, job: &Job) -> Vec<Component> {
        let _ = (package, job);
        Vec::new()
    }

    /// Which of two versions of a component is newer. Default [`compare_versions`].
    fn compare_versions(&self, one: &str, other: &str) -> Ordering {
        compare_versions(one, other)
    }
}

/// Whether what is installed is to be left active.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Activation {
    /// Left active.
    Active,
    /// Left inactive.
    Inactive,
}

/// What became of the package in a failed installation, and whether it is kept after a good one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum PackageIs {
    /// Still on the device.
    Kept,
    /// Gone, and with it what was fetched for the same `PkgID` before.
    Deleted,
}

/// The stage of a job that has started: whatever it does may be half done after a restart.
pub const STARTED: u32 = 1;

/// The stage of a job whose package is here.
pub const FETCHED: u32 = 2;

/// The stage of a job whose package is here and valid.
pub const VERIFIED: u32 = 3;

/// The stage of a job that begins or has begun to install its package.
pub const INSTALLING: u32 = 4;

/// The object: mount it in an agent.
#[derive(Debug)]
pub struct Scomo<D> {
    device: D,
    config: Config,
    description: NodeDescription,
    /// The versions of the components that are there, by their IDs.
    versions: Mutex<BTreeMap<Text, Text>>,
    /// What the change gives up that is being checked: afterwards the tree does not say it any more.
    given_up: Mutex<Option<Package>>,
}

impl<D: Device> Scomo<D> {
    /// The object of a device.
    pub fn new(device: D, config: Config) -> Self {
        let description = describe::describe(&config);
        Self {
            device,
            config,
            description,
            versions: Mutex::default(),
            given_up: Mutex::default(),
        }
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }
}

impl<D: Device> ManagementObject for Scomo<D> {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let root = edit.view().node(&edit.root().clone())?;
        edit.put(
            "",
            root.with_acl(Acl::all(self.config.servers.iter().cloned())),
        )?;
        let with_id = |component: &&Component| !component.id.is_empty();
        for component in self.config.components.iter().filter(with_id) {
            inventory::put_component(edit, component, component.active, None, &self.config)?;
        }
        Ok(())
    }

    fn restarted(&self, edit: &mut Edit<'_>, jobs: &[Job]) -> Result<(), StatusCode> {
        self.note_versions(edit);
        let mut root = edit.view().node(&edit.root().clone())?;
        if root.type_ != self.config.mo_id {
            // The software of before was of another version of the object.
            root.type_ = self.config.mo_id.clone();
            edit.put("", root)?;
        }
        inventory::settle(edit, jobs, self.device.sink(), &self.config)
    }

    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        *self.lock_given_up() = None;
        let (Change::Add(uri, _)
        | Change::Replace(uri, _)
        | Change::Delete(uri)
        | Change::Rename(uri, _)) = change;
        let Some(root) = inventory::root_above(view, uri, &self.config)? else {
            return Ok(());
        };
        let path = uri.below(&root).unwrap_or_default();
        let place = Place::of(&root, uri);
        let part = place.as_ref().map_or(path, |(_, part)| part);
        if nodes::is_vendors(part) {
            return self.device.vendor_change(path, change);
        }
        let Some((place, part)) = place else {
            return Ok(());
        };
        inventory::check(view, change, &place, part, &self.config)?;
        *self.lock_given_up() = inventory::given_up(view, change, &place, part);
        Ok(())
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let given_up = self.lock_given_up().take();
        if let Some(package) = given_up
            && !inventory::is_being_fetched(edit, &package.id)
        {
            let delivered = match inventory::is_delivered(edit, &package.id) {
                true => PackageIs::Kept,
                false => PackageIs::Deleted,
            };
            self.device.download_abandoned(&package, delivered);
        }
        let (Change::Add(uri, _) | Change::Replace(uri, _) | Change::Delete(uri)) = change else {
            return Ok(());
        };
        match (Place::of(edit.root(), uri), change) {
            (Some((place, "")), Change::Add(..)) => inventory::complete(edit, &place, &self.config),
            (Some((place, "")), Change::Delete(_)) => {
                delivery::deleted(&place, self.device.sink());
                Ok(())
            }
            (Some((place, nodes::DATA)), Change::Add(..) | Change::Replace(..)) => {
                delivery::written(edit, &place, self.device.sink(), &self.config)?;
                inventory::redelivered(edit, &place)
            }
            _ => Ok(()),
        }
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        match self.prepare(edit, job) {
            Ok(memo) => job.memo = memo,
            Err(status) => return Decision::Refuse(status),
        }
        match self.config.reporting {
            Reporting::Synchronous => Decision::Now,
            Reporting::InSession => Decision::Accept,
            Reporting::AfterSession => Decision::AfterSession,
        }
    }

    fn run(&mut self, job: &Job) -> Progress {
        let Some(request) = Request::of(job) else {
            return Progress::Done(Outcome::from(StatusCode::from(ResultCode::UNDEFINED_ERROR)));
        };
        if request.idle {
            return Progress::Done(request.outcome(ResultCode::SUCCESSFUL));
        }
        match phases::run(self, &request, job) {
            Phase::Next(stage) => Progress::Stage(stage),
            Phase::Noted(stage, memo) => Progress::Noted { stage, memo },
            Phase::Done(outcome) => Progress::Done(outcome),
            Phase::Later => Progress::Later,
            Phase::Deferred(cause) => {
                let most = self.config.max_deferrals;
                if most.is_some_and(|most| job.deferrals >= most) {
                    Progress::Done(request.given_up(cause, job))
                } else {
                    Progress::Deferred
                }
            }
        }
    }

    fn stream(
        &self,
        edit: &mut Edit<'_>,
        node: &NodeUri,
        piece: &Piece<'_>,
    ) -> Option<Result<(), StatusCode>> {
        delivery::take(edit, node, piece, self.device.sink(), &self.config)
    }

    fn stream_ended(&self, edit: &mut Edit<'_>, node: &NodeUri) {
        delivery::abandon(edit, node, self.device.sink(), &self.config);
    }

    fn stage(&self, edit: &mut Edit<'_>, job: &Job) {
        inventory::reached(edit, job);
        self.note_versions(edit);
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let context = Context {
            config: &self.config,
            sink: self.device.sink(),
        };
        let alert = effect::finish(edit, job, outcome, context);
        self.note_versions(edit);
        alert
    }
}

impl<D: Device> Scomo<D> {
    /// Remembers which versions are there, for [`ManagementObject::run`], which sees no tree.
    fn note_versions(&self, edit: &Edit<'_>) {
        if self.config.downgrades {
            return;
        }
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        *versions = inventory::versions(edit);
    }

    fn lock_given_up(&self) -> MutexGuard<'_, Option<Package>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what an Exec asks for, and says so in the tree; what running it takes.
    fn prepare(&self, edit: &mut Edit<'_>, job: &Job) -> Result<Vec<u8>, StatusCode> {
        let (place, asked) =
            Place::executed(edit.root(), &job.node).ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        if job.ahead >= self.config.max_open {
            return Err(ResultCode::CLIENT_ERROR.into());
        }
        let subject = subject(&edit.view(), place.as_ref(), &asked)?;
        let operation = match &asked {
            Asked::Operation(operation) => Some(*operation),
            Asked::Vendor(_) => None,
        };
        if let Subject::Package(package) = &subject
            && operation.is_some_and(|operation| operation != Operation::RemovePackage)
            && let Some(env_type) = &package.env_type
            && !self.device.supports_environment(env_type)
        {
            return Err(ResultCode::ENVIRONMENT_NOT_SUPPORTED.into());
        }
        let allowed = self.device.allows(&asked, &subject);
        allowed.map_err(|refusal| match refusal.as_u16() {
            400..=599 | 1400..=1599 => refusal,
            // Whatever it calls itself, it is a refusal.
            _ => StatusCode::FORBIDDEN,
        })?;
        let is_busy = |place: &Place| busy::is_busy(&edit.view(), place);
        let waits = place.as_ref().is_some_and(is_busy);
        // While another job is on it, what the tree says now is not what this one will find.
        let idle = !waits
            && matches!(
                (&subject, operation),
                (
                    Subject::Component(Component { active: true, .. }),
                    Some(Operation::Activate)
                ) | (
                    Subject::Component(Component { active: false, .. }),
                    Some(Operation::Deactivate)
                )
            );
        let request = Request {
            asked,
            subject,
            idle,
            waits,
            looked: job.deferrals,
        };
        let memo = request.to_memo().ok_or(StatusCode::COMMAND_FAILED)?;
        if operation.and_then(Operation::activates).is_some() {
            // The device may have changed them itself.
            self.note_versions(edit);
        }
        if let Some(place) = &place {
            if let Some(operation) = operation.filter(|_| !idle && !waits) {
                inventory::begin(edit, place, operation)?;
            }
            busy::enter(edit, place, job.id, &self.config)?;
        }
        Ok(memo)
    }
}

/// What an Exec works on, with all that it needs.
fn subject(view: &View<'_>, place: Option<&Place>, asked: &Asked) -> Result<Subject, StatusCode> {
    let Some(place) = place else {
        return Ok(Subject::Object);
    };
    let operation = match asked {
        Asked::Operation(operation) => Some(*operation),
        Asked::Vendor(_) => None,
    };
    Ok(match place.branch {
        Branch::Download | Branch::Delivered => {
            Subject::Package(inventory::package(view, place, operation)?)
        }
        Branch::Deployed => Subject::Component(inventory::component(view, place)?),
    })
}
