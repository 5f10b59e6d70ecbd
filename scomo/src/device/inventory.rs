//! The nodes of packages and components: making, reading, marking and removing them.

use std::collections::BTreeMap;

use bytes::Bytes;
use dm_proto::{StatusCode, Text};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, NodeUri, View,
    object::{Change, Job},
};

use super::{
    Asked, Component, Config, FETCHED, INSTALLING, Package, STARTED, Sink, VERIFIED, busy,
    delivery, facts,
    place::{
        self, Content, Place, content, is_progressing, set_content, set_state, set_status, text,
    },
    vendor,
};
use crate::{
    Branch, DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, DownloadStatus,
    Operation, nodes,
};

/// Reads a package, with all that the primitive asks of it: 404 for what is missing. Without a primitive
/// it is read as it is.
pub(super) fn package(
    view: &View<'_>,
    place: &Place,
    operation: Option<Operation>,
) -> Result<Package, StatusCode> {
    let leaf = |name| text(view, place, name);
    let url = leaf(nodes::PKG_URL);
    let data = place
        .uri
        .join(nodes::DATA)
        .map_err(|_| StatusCode::NOT_FOUND)?;
    let data = match view.node(&data) {
        Ok(node) => Some(node.value).filter(|data| !data.is_empty()),
        Err(StatusCode::NOT_FOUND) => None,
        Err(status) => return Err(status),
    };
    let content = content(view, place);
    let received = match content {
        Content::Received(size) => Some(size),
        _ => None,
    };
    let is_there = match content {
        Content::InTree => data.is_some(),
        Content::Fetched | Content::FetchedAnew | Content::Received(_) => true,
        Content::Receiving | Content::Complete(_) => false,
    };
    let complete = match operation {
        Some(operation) if operation.fetches() => url.is_some(),
        Some(Operation::Install | Operation::InstallInactive) => is_there,
        _ => true,
    };
    let id = leaf(nodes::PKG_ID);
    // What is not even named can be removed all the same.
    let id = match operation {
        None | Some(Operation::RemovePackage) => id.unwrap_or_default(),
        Some(_) => id.ok_or(StatusCode::NOT_FOUND)?,
    };
    if !complete {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Package {
        uri: place.uri.clone(),
        id,
        url,
        name: leaf(nodes::NAME),
        description: leaf(nodes::DESCRIPTION),
        install_params: leaf(nodes::INSTALL_PARAMS),
        env_type: leaf(nodes::ENV_TYPE),
        pkg_type: leaf(nodes::PKG_TYPE),
        reboot: leaf(nodes::REBOOT),
        data: data.filter(|_| operation != Some(Operation::RemovePackage)),
        received,
        facts: facts::read(view, place),
    })
}

pub(super) fn component(view: &View<'_>, place: &Place) -> Result<Component, StatusCode> {
    let leaf = |name| text(view, place, name);
    Ok(Component {
        id: leaf(nodes::ID).ok_or(StatusCode::NOT_FOUND)?,
        pkg_id: leaf(nodes::PKG_ID_REF),
        name: leaf(nodes::NAME),
        description: leaf(nodes::DESCRIPTION),
        version: leaf(nodes::VERSION),
        env_type: leaf(nodes::ENV_TYPE),
        active: leaf(nodes::STATE).and_then(|state| DeployedState::parse(&state))
            == Some(DeployedState::Active),
    })
}

/// Marks what an accepted primitive is about to work on. A download stays idle until it has started.
pub(super) fn begin(
    edit: &mut Edit<'_>,
    place: &Place,
    operation: Operation,
) -> Result<(), StatusCode> {
    let status = match operation {
        Operation::Download | Operation::DownloadInstall | Operation::DownloadInstallInactive => {
            DownloadStatus::Idle.as_str()
        }
        Operation::Install | Operation::InstallInactive => DeliveredStatus::Installing.as_str(),
        Operation::RemovePackage => DeliveredStatus::Removing.as_str(),
        Operation::Activate => DeployedStatus::Activating.as_str(),
        Operation::Deactivate => DeployedStatus::Deactivating.as_str(),
        Operation::RemoveComponent => DeployedStatus::Removing.as_str(),
    };
    set_status(edit, place, status)
}

/// Marks how far a job is. One that had to wait for another on its node is marked when it starts.
pub(super) fn reached(edit: &mut Edit<'_>, job: &Job) {
    let executed = Place::executed(edit.root(), &job.node);
    // A vendor operation has no Status of its own.
    let Some((Some(place), Asked::Operation(operation))) = executed else {
        return;
    };
    if !busy::is_on(&edit.view(), &place, job.id) {
        return;
    }
    // The node may have been removed: then there is nothing to mark.
    let _ = match (place.branch, job.stage) {
        (Branch::Download, STARTED) => {
            set_status(edit, &place, DownloadStatus::Downloading.as_str())
        }
        (Branch::Download, FETCHED | VERIFIED) => {
            set_status(edit, &place, DownloadStatus::Downloaded.as_str())
        }
        (Branch::Download, INSTALLING) => {
            set_status(edit, &place, DownloadStatus::Installing.as_str())
        }
        (Branch::Download, _) => Ok(()),
        (Branch::Delivered | Branch::Deployed, _) => begin(edit, &place, operation),
    };
}

/// After a restart: what nobody works on any more has failed, and what is offered and what vendors add now
/// is there.
pub(super) fn settle(
    edit: &mut Edit<'_>,
    jobs: &[Job],
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Result<(), StatusCode> {
    for branch in Branch::ALL {
        for place in places(edit, branch) {
            vendor::grow(edit, &place, config)?;
            if busy::settle(edit, &place, jobs, config)? {
                continue;
            }
            offer(edit, &place, config)?;
            if content(&edit.view(), &place) == Content::FetchedAnew {
                delivery::released(edit, &place, sink, config)?;
            }
            left_behind(edit, &place)?;
        }
    }
    Ok(())
}

/// Nobody is on a place any more, whatever it says: what was under way there has failed.
pub(super) fn left_behind(edit: &mut Edit<'_>, place: &Place) -> Result<(), StatusCode> {
    let Some(status) = text(&edit.view(), place, nodes::STATUS) else {
        return Ok(());
    };
    for (progressing, failed) in place.branch.left_behind() {
        if status == progressing {
            set_status(edit, place, failed)?;
        }
    }
    Ok(())
}

/// Refuses changes of what a job is on, and those that would lose a package which is not in the tree:
/// for that there is the Remove primitive.
pub(super) fn check(
    view: &View<'_>,
    change: &Change<'_>,
    place: &Place,
    part: &str,
    config: &Config,
) -> Result<(), StatusCode> {
    if busy::is_busy(view, place) {
        return Err(StatusCode::FORBIDDEN);
    }
    let is_delivered = place.branch == Branch::Delivered;
    match (change, part) {
        // The device and its sink know the content by this node, and what was fetched by its PkgID.
        (Change::Rename(..), "") if content(view, place) != Content::InTree => {
            Err(StatusCode::FORBIDDEN)
        }
        (Change::Replace(_, node), nodes::PKG_ID)
            if matches!(
                content(view, place),
                Content::Fetched | Content::FetchedAnew
            ) && text(view, place, part).is_none_or(|known| node.as_str() != Some(&*known)) =>
        {
            Err(StatusCode::FORBIDDEN)
        }
        (Change::Delete(_), "")
            if matches!(
                content(view, place),
                Content::Fetched | Content::FetchedAnew | Content::Received(_)
            ) =>
        {
            Err(StatusCode::FORBIDDEN)
        }
        // It comes with the package, or not at all.
        (Change::Add(..), nodes::EXT) => Err(StatusCode::COMMAND_NOT_ALLOWED),
        (Change::Add(_, node) | Change::Replace(_, node), nodes::DATA) if is_delivered => {
            let len = u64::try_from(node.value.len()).unwrap_or(u64::MAX);
            if config.max_package.is_some_and(|most| len > most) {
                return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
            }
            delivery::may_write(view, place)
        }
        _ => Ok(()),
    }
}

/// The package that a change gives up: it was to be fetched, something of it may be here, and the change
/// takes away its node or makes that another package's.
pub(super) fn given_up(
    view: &View<'_>,
    change: &Change<'_>,
    place: &Place,
    part: &str,
) -> Option<Package> {
    if place.branch != Branch::Download {
        return None;
    }
    let is_given_up = match (change, part) {
        (Change::Delete(_), "") => true,
        (Change::Replace(_, node), nodes::PKG_ID | nodes::PKG_URL) => {
            text(view, place, part).is_some_and(|known| node.as_str() != Some(known.as_str()))
        }
        _ => false,
    };
    let status = text(view, place, nodes::STATUS)?;
    let was_tried = DownloadStatus::parse(&status) != Some(DownloadStatus::Idle);
    let package = (is_given_up && was_tried).then(|| package(view, place, None).ok());
    package.flatten().filter(|package| !package.id.is_empty())
}

/// Whether a package of this ID is on the device, and stays.
pub(super) fn is_delivered(edit: &Edit<'_>, id: &str) -> bool {
    find(edit, Branch::Delivered, nodes::PKG_ID, id).is_some()
}

/// Whether a job is on another download of a package of this ID: what was fetched is that one's now.
pub(super) fn is_being_fetched(edit: &Edit<'_>, id: &str) -> bool {
    let view = edit.view();
    places(edit, Branch::Download).iter().any(|place| {
        text(&view, place, nodes::PKG_ID).is_some_and(|found| found == *id)
            && busy::is_busy(&view, place)
    })
}

/// The object that a node belongs to. Its root, which is not known here, is the uppermost node with the
/// identifier of the object.
pub(super) fn root_above(
    view: &View<'_>,
    uri: &NodeUri,
    config: &Config,
) -> Result<Option<NodeUri>, StatusCode> {
    let mut root = None;
    let mut above = uri.parent();
    while let Some(node) = above {
        above = node.parent();
        match view.node(&node) {
            Ok(found) if found.type_ == config.mo_id => root = Some(node),
            Ok(_) | Err(StatusCode::NOT_FOUND) => {}
            Err(status) => return Err(status),
        }
    }
    Ok(root)
}

/// New content is not what was installed.
pub(super) fn redelivered(edit: &mut Edit<'_>, place: &Place) -> Result<(), StatusCode> {
    set_status(edit, place, DeliveredStatus::Idle.as_str())?;
    set_state(edit, place, DeliveredState::Delivered.as_str())
}

/// Adds what the device keeps below a node, or sets it back: Status, State and the primitives that are
/// offered.
pub(super) fn complete(
    edit: &mut Edit<'_>,
    place: &Place,
    config: &Config,
) -> Result<(), StatusCode> {
    let (status, state) = match place.branch {
        Branch::Download => (DownloadStatus::Idle.as_str(), None),
        Branch::Delivered => (
            DeliveredStatus::Idle.as_str(),
            Some(DeliveredState::Delivered.as_str()),
        ),
        Branch::Deployed => (
            DeployedStatus::Idle.as_str(),
            Some(DeployedState::Inactive.as_str()),
        ),
    };
    let int = |value: &'static str| Node::leaf(NodeFormat::Int, value);
    place::put(edit, &place.leaf(nodes::STATUS), int(status))?;
    if let Some(state) = state {
        place::put(edit, &place.leaf(nodes::STATE), int(state))?;
    }
    offer(edit, place, config)?;
    vendor::grow(edit, place, config)
}

/// Adds the primitives that are offered, where they are missing, and removes the others.
fn offer(edit: &mut Edit<'_>, place: &Place, config: &Config) -> Result<(), StatusCode> {
    let operations = place.leaf(nodes::OPERATIONS);
    if place::find(edit, &operations)?.is_none() {
        edit.put(&operations, Node::interior(""))?;
    }
    for operation in Operation::ALL {
        if operation.branch() != place.branch {
            continue;
        }
        let path = format!("{operations}/{}", operation.node_name());
        if !config.operations.contains(&operation) {
            edit.remove(&path)?;
        } else if place::find(edit, &path)?.is_none() {
            edit.put(&path, Node::leaf(NodeFormat::Null, Bytes::new()))?;
        }
    }
    Ok(())
}

fn put_text(
    edit: &mut Edit<'_>,
    place: &Place,
    name: &str,
    value: Option<&Text>,
) -> Result<(), StatusCode> {
    let path = place.leaf(name);
    match value {
        Some(value) => place::put(edit, &path, Node::leaf(NodeFormat::Chr, value.to_string())),
        None => edit.remove(&path),
    }
}

/// The names below a branch.
fn names(edit: &Edit<'_>, branch: Branch) -> Vec<Text> {
    edit.root()
        .join(branch.path())
        .map(|uri| edit.view().children(&uri).unwrap_or_default())
        .unwrap_or_default()
}

/// The place whose leaf has that value.
fn find(edit: &Edit<'_>, branch: Branch, leaf: &str, value: &str) -> Option<Place> {
    places(edit, branch)
        .into_iter()
        .find(|place| text(&edit.view(), place, leaf).is_some_and(|found| found == *value))
}

/// The places of a branch.
pub(super) fn places(edit: &Edit<'_>, branch: Branch) -> Vec<Place> {
    names(edit, branch)
        .iter()
        .filter_map(|name| Place::new(edit.root(), branch, name))
        .collect()
}

/// Where the component with this ID is.
pub(super) fn component_place(edit: &Edit<'_>, id: &str) -> Option<Place> {
    find(edit, Branch::Deployed, nodes::ID, id)
}

/// A new place, called `name` if that is free.
fn free(edit: &Edit<'_>, branch: Branch, name: &str) -> Result<Place, StatusCode> {
    let taken = names(edit, branch);
    let mut candidate = Text::from(name);
    for number in 2_u32.. {
        if !taken.contains(&candidate) {
            break;
        }
        candidate = Text::from(format!("{name}-{number}"));
    }
    Place::new(edit.root(), branch, &candidate).ok_or(StatusCode::COMMAND_FAILED)
}

/// Makes or updates a component, and says where it is. The Status of a job that is on it stays.
pub(super) fn put_component(
    edit: &mut Edit<'_>,
    component: &Component,
    active: bool,
    acl: Option<&Acl>,
    config: &Config,
) -> Result<Place, StatusCode> {
    let known = find(edit, Branch::Deployed, nodes::ID, &component.id);
    let place = match known {
        Some(place) => place,
        None => {
            let place = free(edit, Branch::Deployed, &nodes::name_from(&component.id))?;
            let mut node = Node::interior("");
            if let Some(acl) = acl {
                node = node.with_acl(acl.clone());
            }
            edit.put(&place.path, node)?;
            complete(edit, &place, config)?;
            place
        }
    };
    for (name, value) in [
        (nodes::ID, Some(&component.id)),
        (nodes::PKG_ID_REF, component.pkg_id.as_ref()),
        (nodes::NAME, component.name.as_ref()),
        (nodes::DESCRIPTION, component.description.as_ref()),
        (nodes::VERSION, component.version.as_ref()),
        (nodes::ENV_TYPE, component.env_type.as_ref()),
    ] {
        put_text(edit, &place, name, value)?;
    }
    let state = if active {
        DeployedState::Active
    } else {
        DeployedState::Inactive
    };
    set_state(edit, &place, state.as_str())?;
    if !is_progressing(&edit.view(), &place) {
        set_status(edit, &place, DeployedStatus::Idle.as_str())?;
    }
    Ok(place)
}

/// Makes or updates the node of a package that was fetched, and says where it is. A job that is on the
/// node goes on with what it has, and its Status stays.
pub(super) fn put_delivered(
    edit: &mut Edit<'_>,
    package: &Package,
    from: &Place,
    state: DeliveredState,
    sink: Option<&dyn Sink>,
    config: &Config,
) -> Result<Place, StatusCode> {
    let known = find(edit, Branch::Delivered, nodes::PKG_ID, &package.id);
    let place = match known {
        Some(place) => place,
        None => {
            let place = free(edit, Branch::Delivered, from.name())?;
            let node = Node::interior("").with_acl(acl(edit, from));
            edit.put(&place.path, node)?;
            place
        }
    };
    let busy = is_progressing(&edit.view(), &place)
        .then(|| text(&edit.view(), &place, nodes::STATUS))
        .flatten();
    complete(edit, &place, config)?;
    if let Some(status) = busy {
        edit.set(&place.leaf(nodes::STATUS), status.to_string())?;
    }
    for (name, value) in [
        (nodes::PKG_ID, Some(&package.id)),
        (nodes::NAME, package.name.as_ref()),
        (nodes::DESCRIPTION, package.description.as_ref()),
        (nodes::INSTALL_PARAMS, package.install_params.as_ref()),
        (nodes::ENV_TYPE, package.env_type.as_ref()),
        (nodes::PKG_TYPE, package.pkg_type.as_ref()),
        (nodes::REBOOT, package.reboot.as_ref()),
    ] {
        put_text(edit, &place, name, value)?;
    }
    // The content is the device's: the leaf stands for it, and is empty.
    place::put(
        edit,
        &place.leaf(nodes::DATA),
        Node::leaf(NodeFormat::Bin, Bytes::new()),
    )?;
    delivery::fetched(edit, &place, sink, config)?;
    facts::put(edit, &place, &package.facts, config)?;
    vendor::carry(edit, from, &place, config)?;
    set_state(edit, &place, state.as_str())?;
    Ok(place)
}

/// Removes the node of a download that is through; a permanent one waits for the next.
pub(super) fn leave_download(
    edit: &mut Edit<'_>,
    place: &Place,
    config: &Config,
) -> Result<(), StatusCode> {
    if place.is_lost {
        return Ok(());
    }
    if config
        .permanent_downloads
        .iter()
        .any(|name| *name == *place.name())
    {
        set_status(edit, place, DownloadStatus::Idle.as_str())
    } else {
        edit.remove(&place.path)
    }
}

/// The content is gone: nothing can be installed from it any more.
pub(super) fn drop_data(
    edit: &mut Edit<'_>,
    place: &Place,
    config: &Config,
) -> Result<(), StatusCode> {
    if place.is_lost {
        return Ok(());
    }
    set_content(edit, place, Content::InTree, config)?;
    edit.remove(&place.leaf(nodes::DATA))
}

/// A package that was fetched is installed and gone. The device knows what it fetches by its `PkgID`: what
/// an earlier download had left is gone too.
pub(super) fn installed_and_deleted(
    edit: &mut Edit<'_>,
    id: &str,
    config: &Config,
) -> Result<(), StatusCode> {
    for place in fetched_before(edit, id) {
        if busy::is_busy(&edit.view(), &place) {
            drop_data(edit, &place, config)?;
        } else {
            place::remove(edit, &place)?;
        }
    }
    Ok(())
}

/// The same of a package whose installation has failed.
pub(super) fn failed_and_deleted(
    edit: &mut Edit<'_>,
    id: &str,
    config: &Config,
) -> Result<(), StatusCode> {
    for place in fetched_before(edit, id) {
        let is_busy = busy::is_busy(&edit.view(), &place);
        drop_data(edit, &place, config)?;
        if !is_busy {
            let status = DeliveredStatus::InstallFailedDeleted;
            set_status(edit, &place, status.as_str())?;
        }
    }
    Ok(())
}

/// The packages of this ID whose content was fetched.
fn fetched_before(edit: &Edit<'_>, id: &str) -> Vec<Place> {
    let view = edit.view();
    let mut places = places(edit, Branch::Delivered);
    places.retain(|place| {
        text(&view, place, nodes::PKG_ID).is_some_and(|found| found == *id)
            && content(&view, place) == Content::Fetched
    });
    places
}

/// The ACL of a place; empty if it inherits.
pub(super) fn acl(edit: &Edit<'_>, place: &Place) -> Acl {
    if place.is_lost {
        return Acl::default();
    }
    edit.view()
        .node(&place.uri)
        .map(|node| node.acl)
        .unwrap_or_default()
}

/// Removes the components with these IDs, as far as they are there.
pub(super) fn remove_components(edit: &mut Edit<'_>, ids: &[Text]) -> Result<(), StatusCode> {
    for id in ids {
        if let Some(place) = find(edit, Branch::Deployed, nodes::ID, id) {
            edit.remove(&place.path)?;
        }
    }
    Ok(())
}

/// The packages from which the components with these IDs have come.
pub(super) fn origins<'i>(edit: &Edit<'_>, ids: impl Iterator<Item = &'i Text>) -> Vec<Text> {
    ids.filter_map(|id| {
        let place = find(edit, Branch::Deployed, nodes::ID, id)?;
        text(&edit.view(), &place, nodes::PKG_ID_REF)
    })
    .collect()
}

/// After components have gone, or come from another package now: of the packages from which they had
/// come, those that are kept and of which nothing is left are no longer installed.
pub(super) fn uninstalled(edit: &mut Edit<'_>, packages: &[Text]) -> Result<(), StatusCode> {
    for id in packages {
        if find(edit, Branch::Deployed, nodes::PKG_ID_REF, id).is_none()
            && let Some(place) = find(edit, Branch::Delivered, nodes::PKG_ID, id)
        {
            set_state(edit, &place, DeliveredState::Delivered.as_str())?;
        }
    }
    Ok(())
}

/// The versions of the components that are there and have one, by their IDs.
pub(super) fn versions(edit: &Edit<'_>) -> BTreeMap<Text, Text> {
    let view = edit.view();
    places(edit, Branch::Deployed)
        .iter()
        .filter_map(|place| {
            let id = text(&view, place, nodes::ID)?;
            Some((id, text(&view, place, nodes::VERSION)?))
        })
        .collect()
}
