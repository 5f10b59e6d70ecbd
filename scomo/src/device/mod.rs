//! The device's side: [`Device`], what an integrator implements, and [`Scomo`], the object to mount.

mod components;
mod config;
mod delivery;
mod describe;
mod effect;
mod inventory;
mod phases;
mod place;
mod request;
mod subject;
mod version;

pub use self::{
    components::{Components, ComponentsError},
    config::{Config, Marks, Prompts, ReportStyle, Reporting},
    delivery::Sink,
    request::Request,
    subject::{Component, Package, Subject},
    version::compare_versions,
};

use core::cmp::Ordering;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use dm_proto::{StatusCode, Text, message::Alert};
use dm_tree::{
    Acl, Edit, NodeUri, View,
    description::NodeDescription,
    object::{Change, Decision, Job, ManagementObject, Outcome, Piece, Progress},
};
use serde::{Deserialize, Serialize};

use self::{
    phases::Phase,
    place::{Branch, Place},
};
use crate::{Operation, ResultCode, nodes};

/// What came of starting to fetch, activate, deactivate or remove.
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
    fn fetch(&mut self, package: &Package, job: &Job) -> Effect;

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
    fn allows(&self, operation: Operation, subject: &Subject) -> Result<(), StatusCode> {
        let _ = (operation, subject);
        Ok(())
    }

    /// Where packages go that servers deliver in pieces. Without one they go into the tree, and come
    /// whole in [`Package::data`].
    fn sink(&self) -> Option<&dyn Sink> {
        None
    }

    /// Asks the user, where [`Config::prompts`] says so: before a package is fetched, and before it is
    /// installed, once it is here and found valid. Not again after a restart once the answer was yes.
    fn confirm(&mut self, question: Question, package: &Package, job: &Job) -> Consent {
        let _ = (question, package, job);
        Consent::Yes
    }

    /// Checks digest and signature of a package that is here, fetched or delivered, before anything of
    /// it is installed. It is known of it what [`Package`] says, [`Package::install_params`] first of
    /// all, and what the device kept of its download descriptor. Asked again when the job was put off
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
    /// Gone.
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
        for component in &self.config.components {
            inventory::put_component(edit, component, component.active, None, &self.config)?;
        }
        Ok(())
    }

    fn restarted(&self, edit: &mut Edit<'_>, jobs: &[Job]) -> Result<(), StatusCode> {
        self.note_versions(edit);
        inventory::settle(edit, jobs)
    }

    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        inventory::check(view, change, &self.config)
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let (Change::Add(uri, _) | Change::Replace(uri, _)) = change else {
            return Ok(());
        };
        match (Place::of(edit.root(), uri), change) {
            (Some((place, "")), Change::Add(..)) => inventory::complete(edit, &place, &self.config),
            (Some((place, nodes::DATA)), _) => {
                delivery::written(edit, &place, self.device.sink())?;
                inventory::redelivered(edit, &place)
            }
            _ => Ok(()),
        }
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        match self.prepare(edit, &job.node) {
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
        delivery::take(
            edit,
            node,
            piece,
            self.device.sink(),
            self.config.max_package,
        )
    }

    fn stream_ended(&self, edit: &mut Edit<'_>, node: &NodeUri) {
        delivery::abandon(edit, node, self.device.sink());
    }

    fn stage(&self, edit: &mut Edit<'_>, job: &Job) {
        inventory::reached(edit, job);
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        let alert = effect::finish(edit, job, outcome, &self.config);
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

    /// Looks at what an Exec asks for, and says so in the tree; what running it takes.
    fn prepare(&self, edit: &mut Edit<'_>, node: &NodeUri) -> Result<Vec<u8>, StatusCode> {
        let (place, operation) =
            Place::executed(edit.root(), node).ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        let view = edit.view();
        let progressing = place::is_progressing(&view, &place);
        let subject = match place.branch {
            Branch::Download | Branch::Delivered => {
                Subject::Package(inventory::package(&view, &place, operation)?)
            }
            Branch::Deployed => Subject::Component(inventory::component(&view, &place)?),
        };
        if let Subject::Package(package) = &subject
            && operation != Operation::RemovePackage
            && let Some(env_type) = &package.env_type
            && !self.device.supports_environment(env_type)
        {
            return Err(ResultCode::ENVIRONMENT_NOT_SUPPORTED.into());
        }
        self.device.allows(operation, &subject)?;
        // While another job is on it, what the tree says now is not what this one will find.
        let idle = !progressing
            && matches!(
                (&subject, operation),
                (
                    Subject::Component(Component { active: true, .. }),
                    Operation::Activate
                ) | (
                    Subject::Component(Component { active: false, .. }),
                    Operation::Deactivate
                )
            );
        if !idle && !progressing {
            inventory::begin(edit, &place, operation)?;
        }
        if operation.activates().is_some() {
            // The device may have changed them itself.
            self.note_versions(edit);
        }
        let request = Request {
            operation,
            subject,
            idle,
            waits: progressing,
        };
        postcard::to_allocvec(&request).map_err(|_| StatusCode::COMMAND_FAILED)
    }
}
