//! What an operation has changed: in the tree, and in the report.

use dm_proto::{StatusCode, Text, message::Alert};
use dm_tree::{
    Edit, Node, NodeFormat,
    object::{Job, Outcome},
};

use super::{Asked, Config, ItemOutcome, Request, asked, wipe_list};
use crate::{Operation, ResultCode, State, alert, nodes};

/// Writes down what came of a job. The report, if there is one: of a factory reset never.
pub(super) fn finish(
    edit: &mut Edit<'_>,
    job: &Job,
    outcome: &Outcome,
    config: &Config,
) -> Option<Alert> {
    let Some(request) = Request::of(job) else {
        return unreadable(edit, job, config);
    };
    if request.operation() == Some(Operation::FactoryReset) {
        return None;
    }
    let result = ResultCode::from(outcome.code);
    // What the tree could not be told, the server can.
    let result =
        take_effect(edit, &request, job, outcome).map_or(ResultCode::CLIENT_ERROR, |()| result);
    Some(alert::operation_complete(job, result, &config.report))
}

/// A job that other software has written down: what came of it is not known, but it was accepted.
fn unreadable(edit: &Edit<'_>, job: &Job, config: &Config) -> Option<Alert> {
    let is_reset = asked(edit, job) == Some(Asked::Operation(Operation::FactoryReset));
    (!is_reset).then(|| alert::operation_complete(job, ResultCode::CLIENT_ERROR, &config.report))
}

fn take_effect(
    edit: &mut Edit<'_>,
    request: &Request,
    job: &Job,
    outcome: &Outcome,
) -> Result<(), StatusCode> {
    let is_success = ResultCode::from(outcome.code).is_success();
    let state = request.operation().and_then(Operation::leads_to);
    if let Some(state) = state.filter(|_| is_success) {
        enter(edit, state, Some(&job.server))?;
    }
    // Each for itself: what is erased is erased, whatever came of the others.
    let outcomes = request.items_of(outcome);
    for (index, (item, outcome)) in request.items.iter().zip(outcomes).enumerate() {
        let is_its =
            wipe_list::mark_of(edit, item).is_none_or(|mark| request.has_mark(index, mark));
        wipe_list::settle(edit, item, outcome, is_its)?;
    }
    Ok(())
}

/// A server that asks for a wipe again may have marked its items again: such marks are those of the wipe.
/// What the job is from now on, if that is another than before.
pub(super) fn repeated(
    edit: &mut Edit<'_>,
    request: &Request,
    result: Option<StatusCode>,
) -> Option<Vec<u8>> {
    if request.items.is_empty() {
        return None;
    }
    let Some(code) = result else {
        let marked = request.with_marks(|item| wipe_list::mark_of(edit, item));
        return (marked != *request).then(|| marked.to_memo()).flatten();
    };
    // What was not erased stays marked.
    if ResultCode::from(code).is_success() {
        let marked = wipe_list::items(edit).unwrap_or_default();
        let marked = marked.into_iter().filter(|(_, is_marked)| *is_marked);
        for (item, _) in marked {
            if request.items.iter().any(|wiped| wiped.node == item.node) {
                // Where the storage fails, nothing of this message is kept.
                let _ = wipe_list::settle(edit, &item, ItemOutcome::Erased, true);
            }
        }
    }
    None
}

/// Enters a state, if it is another than before; and notes which server brought it about.
pub(super) fn enter(
    edit: &mut Edit<'_>,
    state: State,
    server: Option<&Text>,
) -> Result<(), StatusCode> {
    let known = edit.root().join(nodes::STATE);
    let known = known.map_err(|_| StatusCode::NOT_FOUND)?;
    if State::parse(&edit.view().text(&known)?) == Some(state) {
        return Ok(());
    }
    edit.set(nodes::STATE, state.as_str())?;
    match server.filter(|_| state != State::Unlocked) {
        None => edit.remove(nodes::LOCKED_BY_PATH),
        Some(server) => {
            let locked_by = Node::leaf(NodeFormat::Chr, server.to_string());
            edit.put(nodes::LOCKED_BY_PATH, locked_by)
        }
    }
}
