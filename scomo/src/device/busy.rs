//! The jobs that are on a package or component: a leaf below its `Ext`, so that the tree knows what no
//! server may change, from the moment an Exec was accepted until it is over.

use dm_proto::StatusCode;
use dm_tree::{
    Edit, Node, NodeFormat, View,
    object::{Job, JobId},
};

use super::{
    Config,
    place::{self, Place},
};
use crate::nodes;

/// Whether a job is on it, waits for its turn on it, or was when the process ended.
pub(super) fn is_busy(view: &View<'_>, place: &Place) -> bool {
    place::text(view, place, nodes::JOBS_PATH).is_some() || place::is_progressing(view, place)
}

/// Whether what is at a place is what the job was accepted for: a job before it may have taken that away,
/// and a server made something else there.
pub(super) fn is_on(view: &View<'_>, place: &Place, job: JobId) -> bool {
    jobs(view, place).contains(&job.0)
}

/// A job was accepted.
pub(super) fn enter(
    edit: &mut Edit<'_>,
    place: &Place,
    job: JobId,
    config: &Config,
) -> Result<(), StatusCode> {
    let mut jobs = jobs(&edit.view(), place);
    jobs.push(job.0);
    put(edit, place, &jobs, config)
}

/// A job is over; whether others are left.
pub(super) fn leave(
    edit: &mut Edit<'_>,
    place: &Place,
    job: JobId,
    config: &Config,
) -> Result<bool, StatusCode> {
    if place.is_lost {
        return Ok(true);
    }
    let mut jobs = jobs(&edit.view(), place);
    jobs.retain(|id| *id != job.0);
    put(edit, place, &jobs, config)?;
    Ok(!jobs.is_empty())
}

/// After a restart: of the jobs that were on it, those that are still open. Whether there are any.
pub(super) fn settle(
    edit: &mut Edit<'_>,
    place: &Place,
    open: &[Job],
    config: &Config,
) -> Result<bool, StatusCode> {
    let known = jobs(&edit.view(), place);
    let is_open = |id: &u64| open.iter().any(|job| job.id.0 == *id);
    let on_it: Vec<u64> = known.iter().copied().filter(is_open).collect();
    if on_it != known {
        put(edit, place, &on_it, config)?;
    }
    Ok(!on_it.is_empty())
}

fn jobs(view: &View<'_>, place: &Place) -> Vec<u64> {
    let text = place::text(view, place, nodes::JOBS_PATH).unwrap_or_default();
    let ids = text.split(' ').filter_map(|id| id.parse().ok());
    ids.collect()
}

fn put(
    edit: &mut Edit<'_>,
    place: &Place,
    jobs: &[u64],
    config: &Config,
) -> Result<(), StatusCode> {
    if edit.view().node(&place.uri) == Err(StatusCode::NOT_FOUND) {
        // It is gone, and what was on it with it.
        return Ok(());
    }
    let ids: Vec<String> = jobs.iter().map(u64::to_string).collect();
    let node = Node::leaf(NodeFormat::Chr, ids.join(" "));
    let node = (!jobs.is_empty()).then_some(node);
    place::put_own(edit, place, nodes::JOBS_PATH, node, config)
}
