//! [`Request`]: what a job asks for, and how its outcomes are made.

use dm_proto::StatusCode;
use dm_tree::object::{Job, Outcome};
use serde::{Deserialize, Serialize};

use super::{Component, PackageIs, Subject};
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
        Detail::Installed {
            components,
            package,
        }
        .outcome(ResultCode::SUCCESSFUL)
    }

    /// The outcome of a failed installation.
    pub fn failed(&self, result: ResultCode, package: PackageIs) -> Outcome {
        Detail::Failed { package }.outcome(result)
    }
}

/// What [`Scomo`](super::Scomo) needs to know of an outcome besides its code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Detail {
    Installed {
        components: Vec<Component>,
        package: PackageIs,
    },
    Failed {
        package: PackageIs,
    },
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
