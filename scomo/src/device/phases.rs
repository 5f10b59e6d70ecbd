//! The phases of a job: ask, fetch, check, ask, install; or activate, deactivate, remove.

use core::cmp::Ordering;
use std::sync::PoisonError;

use dm_tree::object::{Job, Outcome};

use super::{
    Activation, Asked, Cause, Consent, Device, Effect, FETCHED, FetchEffect, INSTALLING,
    InstallEffect, Package, PackageIs, Question, Request, STARTED, Scomo, Subject, VERIFIED,
    Verdict,
};
use crate::{Operation, ResultCode};

/// What came of a phase.
pub(super) enum Phase {
    /// Its end is to be durable before the next.
    Next(u32),
    /// The same, with what the job is from now on.
    Noted(u32, Vec<u8>),
    /// It was the last.
    Done(Outcome),
    Later,
    Deferred(Cause),
}

/// Runs the phase that a job is at.
///
/// ```text
/// fetch:    ask? ─► STARTED ─► fetch ─► FETCHED ─┐
/// deliver:  ─────────────────────────────────────┴► verify ─► versions ─► ask? ─► INSTALLING ─► install
/// vendor:   ask? ─► STARTED ─► vendor
/// ```
pub(super) fn run<D: Device>(scomo: &mut Scomo<D>, request: &Request, job: &Job) -> Phase {
    let operation = match &request.asked {
        Asked::Operation(operation) => *operation,
        Asked::Vendor(path) => return vendor(scomo, path, request, job),
    };
    if request.waits && !operation.fetches() && job.stage < STARTED {
        // What was before it has left the node idle, and free to be changed.
        return Phase::Next(STARTED);
    }
    let device = &mut scomo.device;
    let effect = match (&request.subject, operation) {
        (Subject::Package(package), Operation::RemovePackage) => {
            device.remove_package(package, job)
        }
        (Subject::Package(package), operation) if operation.fetches() && job.stage < FETCHED => {
            return fetch(scomo, package, request, job);
        }
        (Subject::Package(package), operation) => {
            let activation = match operation.activates() {
                Some(true) => Activation::Active,
                _ => Activation::Inactive,
            };
            return if job.stage < INSTALLING {
                check(scomo, package, request, job)
            } else {
                install(device.install(package, activation, job), request)
            };
        }
        (Subject::Component(component), Operation::Activate) => device.activate(component, job),
        (Subject::Component(component), Operation::Deactivate) => device.deactivate(component, job),
        (Subject::Component(component), _) => device.remove_component(component, job),
        // No primitive works on the object itself.
        (Subject::Object, _) => Effect::Done(ResultCode::UNDEFINED_ERROR),
    };
    of_effect(effect, request)
}

fn vendor<D: Device>(scomo: &mut Scomo<D>, path: &str, request: &Request, job: &Job) -> Phase {
    if scomo.config.prompts.vendor && job.stage < STARTED {
        return ask(&mut scomo.device, Some(Question::Vendor), request, job)
            .unwrap_or(Phase::Next(STARTED));
    }
    of_effect(scomo.device.vendor(path, &request.subject, job), request)
}

fn fetch<D: Device>(
    scomo: &mut Scomo<D>,
    package: &Package,
    request: &Request,
    job: &Job,
) -> Phase {
    if job.stage < STARTED {
        let is_asked = scomo.config.prompts.download;
        let question = is_asked.then_some(Question::Download);
        return ask(&mut scomo.device, question, request, job).unwrap_or(Phase::Next(STARTED));
    }
    let installs = request.operation().and_then(Operation::activates).is_some();
    match scomo.device.fetch(package, job) {
        FetchEffect::Fetched(facts) if installs => match request.fetched(facts) {
            Some(memo) => Phase::Noted(FETCHED, memo),
            None => Phase::Done(request.outcome(ResultCode::UNDEFINED_ERROR)),
        },
        FetchEffect::Fetched(facts) => Phase::Done(request.downloaded(facts)),
        FetchEffect::Done(result) if result.is_success() && installs => Phase::Next(FETCHED),
        FetchEffect::Done(result) => Phase::Done(request.outcome(result)),
        FetchEffect::Later => Phase::Later,
        FetchEffect::Deferred(cause) => Phase::Deferred(cause),
    }
}

/// What stands between a package that is here and its installation.
fn check<D: Device>(
    scomo: &mut Scomo<D>,
    package: &Package,
    request: &Request,
    job: &Job,
) -> Phase {
    if !scomo.config.downgrades && request.looked < job.deferrals {
        // Meanwhile the device may have got others from elsewhere; they are looked at with each stage.
        return match request.looked(job) {
            Some(memo) => Phase::Noted(job.stage, memo),
            None => Phase::Done(request.outcome(ResultCode::UNDEFINED_ERROR)),
        };
    }
    if job.stage < VERIFIED {
        match scomo.device.verify(package, job) {
            Verdict::Valid => {}
            Verdict::Invalid { result, package } => {
                let result = result.or_failure(ResultCode::PACKAGE_VALIDATION_FAILED);
                return Phase::Done(request.failed(result, package));
            }
            Verdict::Later => return Phase::Later,
        }
    }
    if !scomo.config.downgrades && goes_back(scomo, package, job) {
        let result = ResultCode::INSTALL_FAILED;
        return Phase::Done(request.failed(result, PackageIs::Kept));
    }
    let question = scomo.config.prompts.install.then_some(Question::Install);
    ask(&mut scomo.device, question, request, job).unwrap_or(Phase::Next(INSTALLING))
}

/// Whether a package brings an older version of a component than is there.
fn goes_back<D: Device>(scomo: &mut Scomo<D>, package: &Package, job: &Job) -> bool {
    let contents = scomo.device.contents(package, job);
    let versions = scomo
        .versions
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    contents.iter().any(|component| {
        let there = versions.get(&component.id);
        component
            .version
            .as_deref()
            .zip(there)
            .is_some_and(|(new, there)| scomo.device.compare_versions(new, there) == Ordering::Less)
    })
}

/// Asks the user, if there is something to be asked. `None` goes on.
fn ask<D: Device>(
    device: &mut D,
    question: Option<Question>,
    request: &Request,
    job: &Job,
) -> Option<Phase> {
    match device.confirm(question?, &request.subject, job) {
        Consent::Yes => None,
        Consent::No => Some(Phase::Done(request.outcome(ResultCode::USER_CANCELLED))),
        Consent::Postponed => Some(Phase::Deferred(Cause::User)),
        Consent::Later => Some(Phase::Later),
    }
}

fn install(effect: InstallEffect, request: &Request) -> Phase {
    Phase::Done(match effect {
        InstallEffect::Installed {
            components,
            package,
        } => request.installed(components, package),
        InstallEffect::Updated {
            components,
            removed,
            package,
        } => request.updated(components, removed, package),
        InstallEffect::Failed { result, package } => request.failed(result, package),
        InstallEffect::Done(outcome) => {
            let code = ResultCode::from(outcome.code).or_undefined_error().into();
            Outcome { code, ..outcome }
        }
        InstallEffect::Later => return Phase::Later,
        InstallEffect::Deferred(cause) => return Phase::Deferred(cause),
    })
}

fn of_effect(effect: Effect, request: &Request) -> Phase {
    match effect {
        Effect::Done(result) => Phase::Done(request.outcome(result)),
        Effect::Later => Phase::Later,
        Effect::Deferred(cause) => Phase::Deferred(cause),
    }
}
