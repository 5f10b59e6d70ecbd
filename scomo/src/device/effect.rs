//! What outcomes change in the tree, and what is reported of them.

use dm_proto::{StatusCode, Text, message::Alert};
use dm_tree::{
    Edit,
    object::{Job, Outcome},
};

use super::{
    Asked, Component, Config, FETCHED, Package, PackageIs, Request, Sink, Subject, busy, delivery,
    inventory,
    place::{self, Content, Place},
    request::{Detail, Installed},
};
use crate::{
    DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, DownloadStatus, Operation,
    ResultCode,
    alert::{self, Reported},
};

/// What finishing a job takes besides the job.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) config: &'c Config,
    pub(super) sink: Option<&'c dyn Sink>,
}

/// Makes the result of a job part of the tree, and the report on it.
pub(super) fn finish(
    edit: &mut Edit<'_>,
    job: &Job,
    outcome: &Outcome,
    context: Context<'_>,
) -> Option<Alert> {
    let (place, asked) = Place::executed(edit.root(), &job.node)?;
    let request = Request::of(job);
    let result = match request {
        Some(_) => ResultCode::from(outcome.code),
        // Other software has written it down: what came of it is not known, but it was accepted.
        None => ResultCode::UNDEFINED_ERROR,
    };
    let style = &context.config.report;
    let Some(mut place) = place else {
        return Some(alert::operation_complete(job, result, &[], style));
    };
    place.is_lost = !busy::is_on(&edit.view(), &place, job.id);
    let was_fetched_anew = place::content(&edit.view(), &place) == Content::FetchedAnew;
    let done = match (request, asked) {
        (None, _) => inventory::left_behind(edit, &place).map(|()| Vec::new()),
        (Some(request), Asked::Operation(operation)) => {
            take_effect(edit, &place, &request, operation, job, outcome, context)
        }
        // What it does to the inventory is the device's to say.
        (Some(request), Asked::Vendor(_)) => {
            let id = request.subject.id().cloned().unwrap_or_default();
            Ok(vec![Reported::new(&place.uri, &id)])
        }
    };
    let is_left = busy::leave(edit, &place, job.id, context.config);
    let released = match is_left {
        Ok(false) if was_fetched_anew => {
            delivery::released(edit, &place, context.sink, context.config)
        }
        is_left => is_left.map(drop),
    };
    Some(match released.and(done) {
        Ok(reported) => alert::operation_complete(job, result, &reported, style),
        // The node is gone, and with it the place for what failed. The server is told all the same.
        Err(_) if !result.is_success() => alert::operation_complete(job, result, &[], style),
        Err(_) => alert::operation_complete(job, ResultCode::UNDEFINED_ERROR, &[], style),
    })
}

fn take_effect(
    edit: &mut Edit<'_>,
    place: &Place,
    request: &Request,
    operation: Operation,
    job: &Job,
    outcome: &Outcome,
    context: Context<'_>,
) -> Result<Vec<Reported>, StatusCode> {
    let result = ResultCode::from(outcome.code);
    let detail = Detail::of(outcome);
    match &request.subject {
        Subject::Package(package) if operation.fetches() => downloaded(
            edit, place, package, job, result, detail, operation, context,
        ),
        Subject::Package(package) => delivered(
            edit,
            place,
            package,
            result,
            detail,
            operation,
            context.config,
        ),
        Subject::Component(component) => deployed(edit, place, component, result, operation),
        Subject::Object => Ok(Vec::new()),
    }
}

/// The state machine of `Download/<X>`.
#[expect(clippy::too_many_arguments, reason = "called once")]
fn downloaded(
    edit: &mut Edit<'_>,
    place: &Place,
    package: &Package,
    job: &Job,
    result: ResultCode,
    detail: Option<Detail>,
    operation: Operation,
    context: Context<'_>,
) -> Result<Vec<Reported>, StatusCode> {
    let Context { config, sink } = context;
    if !result.is_success() {
        let status = match detail {
            Some(Detail::Failed {
                package: PackageIs::Deleted,
            }) => DownloadStatus::InstallFailedDeleted,
            Some(_) => DownloadStatus::InstallFailed,
            None if job.stage >= FETCHED => DownloadStatus::InstallFailed,
            None => DownloadStatus::DownloadFailed,
        };
        if status == DownloadStatus::InstallFailedDeleted {
            inventory::failed_and_deleted(edit, &package.id, config)?;
        }
        place::set_status(edit, place, status.as_str())?;
        return Ok(vec![Reported::new(&place.uri, &package.id)]);
    }
    let Some(active) = operation.activates() else {
        let mut package = package.clone();
        if let Some(Detail::Fetched(facts)) = detail {
            package.facts = facts;
        }
        let state = DeliveredState::Delivered;
        let to = inventory::put_delivered(edit, &package, place, state, sink, config)?;
        inventory::leave_download(edit, place, config)?;
        return Ok(vec![Reported::new(&to.uri, &package.id)]);
    };
    let (mut reported, kept) = install(edit, place, package, detail, active, config)?;
    match kept {
        PackageIs::Kept => {
            let state = DeliveredState::Installed;
            let to = inventory::put_delivered(edit, package, place, state, sink, config)?;
            if reported.is_empty() {
                reported.push(Reported::new(&to.uri, &package.id));
            }
        }
        PackageIs::Deleted => inventory::installed_and_deleted(edit, &package.id, config)?,
    }
    inventory::leave_download(edit, place, config)?;
    if reported.is_empty() {
        reported.push(Reported::new(&place.uri, &package.id));
    }
    Ok(reported)
}

/// The state machine of `Inventory/Delivered/<X>`.
fn delivered(
    edit: &mut Edit<'_>,
    place: &Place,
    package: &Package,
    result: ResultCode,
    detail: Option<Detail>,
    operation: Operation,
    config: &Config,
) -> Result<Vec<Reported>, StatusCode> {
    let this = Reported::new(&place.uri, &package.id);
    let Some(active) = operation.activates() else {
        if result.is_success() {
            place::remove(edit, place)?;
        } else {
            place::set_status(edit, place, DeliveredStatus::RemoveFailed.as_str())?;
        }
        return Ok(vec![this]);
    };
    if !result.is_success() {
        let status = match detail {
            Some(Detail::Failed {
                package: PackageIs::Deleted,
            }) => {
                inventory::drop_data(edit, place, config)?;
                DeliveredStatus::InstallFailedDeleted
            }
            _ => DeliveredStatus::InstallFailed,
        };
        place::set_status(edit, place, status.as_str())?;
        return Ok(vec![this]);
    }
    let (mut reported, kept) = install(edit, place, package, detail, active, config)?;
    match kept {
        // A node that a server has taken away meanwhile makes nothing of the installation undone.
        PackageIs::Kept if place::is_gone(&edit.view(), place) => {}
        PackageIs::Kept => {
            place::set_state(edit, place, DeliveredState::Installed.as_str())?;
            place::set_status(edit, place, DeliveredStatus::Idle.as_str())?;
        }
        PackageIs::Deleted => place::remove(edit, place)?,
    }
    if reported.is_empty() {
        reported.push(this);
    }
    Ok(reported)
}

/// The state machine of `Inventory/Deployed/<X>`.
fn deployed(
    edit: &mut Edit<'_>,
    place: &Place,
    component: &Component,
    result: ResultCode,
    operation: Operation,
) -> Result<Vec<Reported>, StatusCode> {
    let (state, failed) = match operation {
        Operation::Activate => (Some(DeployedState::Active), DeployedStatus::ActivateFailed),
        Operation::Deactivate => (
            Some(DeployedState::Inactive),
            DeployedStatus::DeactivateFailed,
        ),
        _ => (None, DeployedStatus::RemoveFailed),
    };
    if !result.is_success() {
        place::set_status(edit, place, failed.as_str())?;
    } else if let Some(state) = state {
        place::set_state(edit, place, state.as_str())?;
        place::set_status(edit, place, DeployedStatus::Idle.as_str())?;
    } else {
        place::remove(edit, place)?;
        inventory::uninstalled(edit, component.pkg_id.as_slice())?;
    }
    Ok(vec![Reported::new(&place.uri, &component.id)])
}

/// What an installation brought and took: the components that are there now, and what became of the package,
/// which is marked by the caller. One without components is installed all the same.
fn install(
    edit: &mut Edit<'_>,
    from: &Place,
    package: &Package,
    detail: Option<Detail>,
    active: bool,
    config: &Config,
) -> Result<(Vec<Reported>, PackageIs), StatusCode> {
    let Some(Detail::Installed(Installed {
        components,
        removed,
        package: kept,
    })) = detail
    else {
        // An integrator that told nothing is taken at its word: it brought nothing, and keeps nothing.
        return Ok((Vec::new(), PackageIs::Deleted));
    };
    let changed = components.iter().map(|component| &component.id);
    let origins = inventory::origins(edit, changed.chain(&removed));
    let acl = inventory::acl(edit, from);
    let mut reported: Vec<Reported> = Vec::with_capacity(components.len());
    for mut component in components {
        component.pkg_id.get_or_insert_with(|| package.id.clone());
        component.env_type = component.env_type.or_else(|| package.env_type.clone());
        let place = inventory::put_component(edit, &component, active, Some(&acl), config)?;
        let component = Reported::new(&place.uri, &Text::from(&component.id));
        // What comes twice is the later one, and one component.
        if !reported.contains(&component) {
            reported.push(component);
        }
    }
    inventory::remove_components(edit, &removed)?;
    inventory::uninstalled(edit, &origins)?;
    Ok((reported, kept))
}
