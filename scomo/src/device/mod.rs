//! The device's side: [`Device`], what an integrator implements, and [`Scomo`], the object to mount.

mod config;
mod describe;
mod effect;
mod inventory;
mod request;
mod subject;

pub use self::{
    config::{Config, ReportStyle, Reporting},
    request::Request,
    subject::{Component, Package, Subject},
};

use dm_proto::{StatusCode, message::Alert};
use dm_tree::{
    Acl, Edit, NodeUri, View,
    description::NodeDescription,
    object::{Change, Decision, Job, ManagementObject, Outcome, Progress},
};
use serde::{Deserialize, Serialize};

use self::inventory::{Branch, Place};
use crate::{Operation, ResultCode};

/// What came of starting to fetch, activate, deactivate or remove.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Effect {
    /// It is over, with this result.
    Done(ResultCode),
    /// It goes on elsewhere; `Agent::complete` with an outcome of [`Request`] ends it.
    Later,
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
    /// Nothing was installed.
    Failed {
        /// Why.
        result: ResultCode,
        /// Whether the package is kept.
        package: PackageIs,
    },
    /// It goes on elsewhere; `Agent::complete` with [`Request::installed`] or [`Request::failed`].
    Later,
}

/// What an integrator implements.
///
/// Called with no transaction open, once the job is durable. A job is started once; after a restart it
/// is handed out again with [`Job::resumed`] and the last durable stage ([`STARTED`], [`FETCHED`]), and
/// the device goes on, ends it with a result, or says that it cannot tell with
/// [`ResultCode::UNDEFINED_ERROR`]. What fails leaves everything as it was.
pub trait Device: Send {
    /// Fetches a package from its URL, and checks it.
    fn fetch(&mut self, package: &Package, job: &Job) -> Effect;

    /// Installs a package that was fetched, or delivered in [`Package::data`].
    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect;

    /// Makes an inactive component active.
    fn activate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Makes an active component inactive.
    fn deactivate(&mut self, component: &Component, job: &Job) -> Effect;

    /// Uninstalls a component, active or not.
    fn remove_component(&mut self, component: &Component, job: &Job) -> Effect;

    /// Deletes a package; what was installed from it stays.
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

/// The stage of a download that has its package, and begins or has begun to install it.
pub const FETCHED: u32 = 2;

/// The object: mount it in an agent.
#[derive(Debug)]
pub struct Scomo<D> {
    device: D,
    config: Config,
    description: NodeDescription,
}

impl<D: Device> Scomo<D> {
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
        inventory::settle(edit, jobs)
    }

    fn check(&self, view: &View<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        inventory::check(view, change)
    }

    fn changed(&self, edit: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        match change {
            Change::Add(uri, _) => inventory::added(edit, uri, &self.config),
            Change::Replace(uri, _) => inventory::replaced(edit, uri),
            Change::Delete(_) | Change::Rename(..) => Ok(()),
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
        let device = &mut self.device;
        let effect = match (&request.subject, request.operation) {
            (Subject::Package(package), operation) => {
                if operation.fetches() && job.stage < FETCHED {
                    if job.stage < STARTED {
                        return Progress::Stage(STARTED);
                    }
                    match device.fetch(package, job) {
                        Effect::Done(result)
                            if result.is_success() && operation.activates().is_some() =>
                        {
                            return Progress::Stage(FETCHED);
                        }
                        effect => effect,
                    }
                } else if let Some(active) = operation.activates() {
                    let activation = if active {
                        Activation::Active
                    } else {
                        Activation::Inactive
                    };
                    return match device.install(package, activation, job) {
                        InstallEffect::Installed {
                            components,
                            package,
                        } => Progress::Done(request.installed(components, package)),
                        InstallEffect::Failed { result, package } => {
                            Progress::Done(request.failed(result, package))
                        }
                        InstallEffect::Later => Progress::Later,
                    };
                } else {
                    device.remove_package(package, job)
                }
            }
            (Subject::Component(component), Operation::Activate) => device.activate(component, job),
            (Subject::Component(component), Operation::Deactivate) => {
                device.deactivate(component, job)
            }
            (Subject::Component(component), _) => device.remove_component(component, job),
        };
        match effect {
            Effect::Done(result) => Progress::Done(request.outcome(result)),
            Effect::Later => Progress::Later,
        }
    }

    fn stage(&self, edit: &mut Edit<'_>, job: &Job) {
        inventory::reached(edit, job);
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        effect::finish(edit, job, outcome, &self.config)
    }
}

impl<D: Device> Scomo<D> {
    /// Looks at what an Exec asks for, and says so in the tree; what running it takes.
    fn prepare(&self, edit: &mut Edit<'_>, node: &NodeUri) -> Result<Vec<u8>, StatusCode> {
        let (place, operation) =
            Place::executed(edit.root(), node).ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        let view = edit.view();
        let progressing = inventory::is_progressing(&view, &place);
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
        if !idle {
            inventory::begin(edit, &place, operation)?;
        }
        let request = Request {
            operation,
            subject,
            idle,
        };
        postcard::to_allocvec(&request).map_err(|_| StatusCode::COMMAND_FAILED)
    }
}
