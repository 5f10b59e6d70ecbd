//! [`Request`]: what a job asks for, and how its outcomes are made.

use dm_proto::{StatusCode, Text};
use dm_tree::object::{Job, Outcome};
use serde::{Deserialize, Serialize};

use super::{Cause, Component, FETCHED, INSTALLING, PackageIs, STARTED, Subject};
use crate::{Operation, ResultCode};

/// What a job of this object asks for. For integrators that finish it themselves.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// The primitive.
    pub operation: Operation,
    /// What it works on.
    pub subject: Subject,
    /// Whether it is as asked for already.
    pub(super) idle: bool,
    /// Whether another job was on its node when it was accepted: its Status is set when it starts.
    pub(super) waits: bool,
}

impl Request {
    /// The request behind a job; `None` if the job is another object's.
    pub fn of(job: &Job) -> Option<Self> {
        let request: Self = postcard::from_bytes(&job.memo).ok()?;
        (request.operation.node_name() == job.node.name()).then_some(request)
    }

    /// The outcome, for `Agent::complete`, of anything that installs nothing: a result code, good or
    /// bad.
    pub fn outcome(&self, result: ResultCode) -> Outcome {
        Outcome::from(StatusCode::from(result))
    }

    /// The outcome of an installation: these components are there now.
    pub fn installed(&self, components: Vec<Component>, package: PackageIs) -> Outcome {
        self.updated(components, Vec::new(), package)
    }

    /// The outcome of an installation that took components away: these are there now, and those with
    /// the IDs in `removed` are gone.
    pub fn updated(
        &self,
        components: Vec<Component>,
        removed: Vec<Text>,
        package: PackageIs,
    ) -> Outcome {
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
        let is_fetched = job.stage >= FETCHED || !self.operation.fetches();
        self.outcome(match cause {
            Cause::User => ResultCode::USER_CANCELLED,
            Cause::Memory if !is_fetched => ResultCode::DOWNLOAD_OUT_OF_MEMORY,
            Cause::Memory if self.operation.activates().is_some() => {
                ResultCode::INSTALL_OUT_OF_MEMORY
            }
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
        if self.operation.fetches() && job.stage < STARTED {
            STARTED
        } else {
            INSTALLING
        }
    }

    /// The outcome of a failed installation.
    pub fn failed(&self, result: ResultCode, package: PackageIs) -> Outcome {
        Detail::Failed { package }.outcome(result)
    }
}

/// What [`Scomo`](super::Scomo) needs to know of an outcome besides its code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Detail {
    Installed(Installed),
    Failed { package: PackageIs },
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
