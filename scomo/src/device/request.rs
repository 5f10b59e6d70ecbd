//! [`Request`]: what a job asks for, and how its outcomes are made.

use dm_proto::{StatusCode, Text};
use dm_tree::object::{Job, Outcome};
use serde::{Deserialize, Serialize};

use super::{Cause, Component, FETCHED, Facts, INSTALLING, PackageIs, STARTED, Subject};
use crate::{Operation, ResultCode, nodes};

/// What a server asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Asked {
    /// A primitive of the standard.
    Operation(Operation),
    /// A vendor's: the path of its node below the package or component that it works on, or below the
    /// object if it works on that: `Operations/Ext/Scan`, `Ext/Scan`.
    Vendor(Text),
}

/// What a job of this object asks for. For integrators that finish it themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// What was asked for.
    pub asked: Asked,
    /// What it works on.
    pub subject: Subject,
    /// Whether it is as asked for already.
    pub(super) idle: bool,
    /// Whether another job was on its node when it was accepted: its Status is set when it starts.
    pub(super) waits: bool,
    /// How often it had been put off when the versions that are there were last looked at.
    pub(super) looked: u32,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        let request: Self = postcard::from_bytes(&job.memo).ok()?;
        let path = match &request.asked {
            Asked::Operation(operation) => {
                format!("{}/{}", nodes::OPERATIONS, operation.node_name())
            }
            Asked::Vendor(path) => path.to_string(),
        };
        // What is before the path is what it works on, whole segments of it.
        let above = job.node.as_str().strip_suffix(path.as_str())?;
        above.ends_with('/').then_some(request)
    }

    /// The primitive; `None` if it is a vendor's.
    pub fn operation(&self) -> Option<Operation> {
        match self.asked {
            Asked::Operation(operation) => Some(operation),
            Asked::Vendor(_) => None,
        }
    }

    /// The outcome, for `Agent::complete`, of anything that installs nothing: a result code, good or
    /// bad. What is no code of a result (1200 to 1599) becomes 1412.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        Outcome::from(StatusCode::from(result.or_undefined_error()))
    }

    /// The outcome of an installation: these components are there now. Its code may be made that of a
    /// vendor's success, 1250 to 1299.
    pub fn installed(&self, components: Vec<Component>, package: PackageIs) -> Outcome {
        self.updated(components, Vec::new(), package)
    }

    /// The outcome of an installation that took components away: these are there now, and those with
    /// the IDs in `removed` are gone. A component without an ID is none: then the result is 1412, and the
    /// inventory stays as it was.
    pub fn updated(
        &self,
        components: Vec<Component>,
        removed: Vec<Text>,
        package: PackageIs,
    ) -> Outcome {
        if components.iter().any(|component| component.id.is_empty()) {
            return self.failed(ResultCode::UNDEFINED_ERROR, package);
        }
        Detail::Installed(Installed {
            components,
            removed,
            package,
        })
        .outcome(ResultCode::SUCCESSFUL)
    }

    /// The outcome of a job that was put off and is given up: 1401 if it was for the user, 1404 or 1406
    /// if for memory, else 1400.
    pub fn given_up(&self, cause: Cause, job: &Job) -> Outcome {
        let is_fetched = job.stage >= FETCHED || !self.fetches();
        let activates = self.operation().and_then(Operation::activates);
        self.outcome(match cause {
            Cause::User => ResultCode::USER_CANCELLED,
            Cause::Memory if !is_fetched => ResultCode::DOWNLOAD_OUT_OF_MEMORY,
            Cause::Memory if activates.is_some() => ResultCode::INSTALL_OUT_OF_MEMORY,
            Cause::Memory | Cause::Battery | Cause::Network | Cause::Other => {
                ResultCode::CLIENT_ERROR
            }
        })
    }

    /// The stage for `Agent::reached` once the user has agreed to what [`Device::confirm`] asked
    /// ([`Consent::Later`]). `Agent::take_up` then lets the job go on.
    ///
    /// [`Device::confirm`]: super::Device::confirm
    /// [`Consent::Later`]: super::Consent::Later
    pub fn agreed(&self, job: &Job) -> u32 {
        let is_first = self.fetches() || self.operation().is_none();
        if is_first && job.stage < STARTED {
            STARTED
        } else {
            INSTALLING
        }
    }

    /// The outcome of a Download that went on elsewhere: the package is here, and this is known of it.
    pub fn downloaded(&self, facts: Facts) -> Outcome {
        Detail::Fetched(facts).outcome(ResultCode::SUCCESSFUL)
    }

    /// What `Agent::note` keeps at the stage [`FETCHED`] when a package that is going to be installed has
    /// come from elsewhere, and this is known of it. `Agent::take_up` then lets the job go on. `None` if
    /// it cannot be written down.
    pub fn fetched(&self, facts: Facts) -> Option<Vec<u8>> {
        let mut request = self.clone();
        if let Subject::Package(package) = &mut request.subject {
            package.facts = facts;
        }
        request.to_memo()
    }

    /// What is kept once the versions that are there were looked at for a job that was put off.
    pub(super) fn looked(&self, job: &Job) -> Option<Vec<u8>> {
        let mut request = self.clone();
        request.looked = job.deferrals;
        request.to_memo()
    }

    pub(super) fn to_memo(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    /// Whether it fetches a package.
    pub(super) fn fetches(&self) -> bool {
        self.operation().is_some_and(Operation::fetches)
    }

    /// The outcome of a failed installation. What is no code of a result becomes 1412, and what is that of a
    /// success 1405.
    pub fn failed(&self, result: ResultCode, package: PackageIs) -> Outcome {
        let result = result.or_failure(ResultCode::INSTALL_FAILED);
        Detail::Failed { package }.outcome(result.or_undefined_error())
    }
}

/// What [`Scomo`](super::Scomo) needs to know of an outcome besides its code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Detail {
    Installed(Installed),
    Failed { package: PackageIs },
    Fetched(Facts),
}

/// What an installation brought.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Installed {
    pub(super) components: Vec<Component>,
    /// The IDs of those that went.
    pub(super) removed: Vec<Text>,
    pub(super) package: PackageIs,
}

impl Detail {
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        postcard::from_bytes(&outcome.detail).ok()
    }

    fn outcome(&self, result: ResultCode) -> Outcome {
        Outcome {
            code: result.into(),
            // A list of texts always has a form.
            detail: postcard::to_allocvec(self).unwrap_or_default(),
        }
    }
}
