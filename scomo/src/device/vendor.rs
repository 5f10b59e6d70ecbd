//! What vendors add to single packages and components: where it comes from, and where it goes with them.

use dm_proto::StatusCode;
use dm_tree::{
    Edit,
    description::{NodeDescription, Scope},
};

use super::{
    Config,
    place::{self, Place},
};
use crate::nodes;

/// Makes what is permanent of a vendor's and not there yet: with a new node, and at a start with the
/// nodes that are older than what a vendor adds now.
pub(super) fn grow(edit: &mut Edit<'_>, place: &Place, config: &Config) -> Result<(), StatusCode> {
    let mut pending: Vec<(String, NodeDescription)> = Vec::new();
    for (path, children) in [
        (
            place.leaf(nodes::EXT),
            config.node_ext_of(place.branch).collect::<Vec<_>>(),
        ),
        (
            place.leaf(nodes::OPERATIONS_EXT_PATH),
            config.operations_ext_of(place.branch).collect(),
        ),
    ] {
        if !children.is_empty() {
            let ext = NodeDescription::interior(nodes::EXT);
            let children = children.into_iter().cloned();
            pending.push((path, children.fold(ext, NodeDescription::child)));
        }
    }
    while let Some((path, description)) = pending.pop() {
        if place::find(edit, &path)?.is_none() {
            edit.put(&path, description.initial())?;
        }
        for child in description.children() {
            if let Some(name) = child.name()
                && child.scope() == Scope::Permanent
            {
                pending.push((format!("{path}/{name}"), child.clone()));
            }
        }
    }
    Ok(())
}

/// Takes along what is below `Ext` and described alike for both places: what was written at the one goes
/// over what is at the other, and what was not leaves it.
pub(super) fn carry(
    edit: &mut Edit<'_>,
    from: &Place,
    to: &Place,
    config: &Config,
) -> Result<(), StatusCode> {
    let mut pending = Vec::new();
    if from.is_lost {
        return Ok(());
    }
    for description in config.node_ext_of(from.branch) {
        let is_alike = config
            .node_ext_of(to.branch)
            .any(|other| other == description);
        if let Some(name) = description.name().filter(|_| is_alike) {
            let path = format!("{}/{name}", nodes::EXT);
            let (from, to) = (from.leaf(&path), to.leaf(&path));
            if place::find(edit, &from)?.is_some() {
                let uri = edit.root().join(&from);
                let uri = uri.map_err(|error| StatusCode::from(&error))?;
                pending.push((uri, to, Some(description)));
            }
        }
    }
    while let Some((uri, to, description)) = pending.pop() {
        let node = edit.view().node(&uri)?;
        let is_there = place::find(edit, &to)?.is_some();
        let is_untouched = description.is_some_and(|description| {
            let default = description.default_of();
            description.scope() == Scope::Permanent
                && default.map_or(node.value.is_empty(), |value| *value == node.value)
        });
        if node.is_interior() {
            for name in edit.view().children(&uri)? {
                let child = uri.join(&name).map_err(|error| StatusCode::from(&error))?;
                let children = description
                    .map(NodeDescription::children)
                    .unwrap_or_default();
                let is_of = |known: &&NodeDescription| known.name() == Some(name.as_str());
                pending.push((child, format!("{to}/{name}"), children.iter().find(is_of)));
            }
        }
        if !is_there || !(node.is_interior() || is_untouched) {
            place::put(edit, &to, node)?;
        }
    }
    Ok(())
}
