//! Adds to the Inbox. OMA-TS-DM_StdObj, Inbox.

use std::collections::BTreeMap;

use bytes::Bytes;
use dm_proto::{StatusCode, Text, message::Item, session::Answer};

use super::{import::relative, property::renamed, value::Given};
use crate::{
    NodeFormat, NodeUri, Right, Transaction,
    std_objects::{Place, place_of},
    tnds::{Tnds, TndsNode},
    tree::Authority,
};

impl Transaction<'_> {
    /// Adds what an item carries at the place that its identifier has.
    pub(super) fn add_to_inbox(
        &mut self,
        server: &str,
        inbox: &NodeUri,
        uri: &NodeUri,
        item: &Item,
    ) -> Result<(), Answer> {
        self.permit(server, Right::Add, inbox)?;
        let inside = uri.below(inbox).unwrap_or_default();
        let document = match Self::document_of(item)? {
            Some(document) => document,
            None if inside.is_empty() => return Err(StatusCode::ALREADY_EXISTS.into()),
            None => single(item)?,
        };
        if inside.contains('/') {
            // Nothing stays in the Inbox that this could be below.
            return Err(Answer {
                items: uri
                    .parent()
                    .map(|parent| Item::for_target(parent.as_str()))
                    .into_iter()
                    .collect(),
                ..Answer::from(StatusCode::NOT_FOUND)
            });
        }
        let nodes = self.placed_by_identifier(inbox, inside, &document)?;
        self.add_placed(server, &borrowed(&nodes))
    }

    /// The nodes of a document for the Inbox, each with its real place and with values that point into
    /// the Inbox pointing to there. `inside` is the name that the command gives.
    pub(super) fn placed_by_identifier(
        &self,
        inbox: &NodeUri,
        inside: &str,
        document: &Tnds,
    ) -> Result<Vec<(NodeUri, TndsNode)>, StatusCode> {
        let moved = self.moved(document, inside)?;
        let references: Vec<(String, &NodeUri)> = moved
            .iter()
            .map(|(name, to)| (format!("{inbox}/{name}"), to))
            .collect();
        let mut nodes: Vec<(NodeUri, TndsNode)> = Vec::with_capacity(document.nodes().len());
        let mut open: Vec<NodeUri> = Vec::new();
        for node in document.nodes() {
            open.truncate(node.depth);
            let name = node.name.as_deref().unwrap_or_default();
            let place = match (open.last(), node.path.as_deref()) {
                (Some(parent), _) => renamed(parent, name)?,
                (None, None) => {
                    let name = if name.is_empty() { inside } else { name };
                    moved.get(name).cloned().ok_or(StatusCode::BAD_REQUEST)?
                }
                (None, Some(path)) => renamed(&goes_on(&moved, path, inside)?, name)?,
            };
            if !self.limits.allow(&place) {
                return Err(StatusCode::URI_TOO_LONG);
            }
            open.push(place.clone());
            nodes.push((place, with_references(node, &references)));
        }
        Ok(nodes)
    }

    /// Where each top-level node goes, by its name in the Inbox.
    fn moved(&self, document: &Tnds, inside: &str) -> Result<BTreeMap<Text, NodeUri>, StatusCode> {
        let mut moved = BTreeMap::new();
        let top = document
            .nodes()
            .iter()
            .filter(|node| node.depth == 0 && node.path.is_none());
        for node in top {
            let type_ = node.type_.as_deref().unwrap_or_default();
            let place = place_of(self.mounts, type_).ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
            let name = match node.name.as_deref() {
                None | Some("") => inside,
                Some(name) => name,
            };
            let to = match place {
                Place::At(uri) => uri,
                Place::Below(parent) if name.is_empty() => self.numbered(&parent, &moved)?,
                Place::Below(parent) => {
                    let uri = self.resolve(renamed(&parent, name)?)?;
                    // OMA-TS-DM_Bootstrap, Device Management profile: the device may rename what is new.
                    if self.authority == Authority::Device && self.view().exists(&uri) {
                        self.numbered(&parent, &moved)?
                    } else {
                        uri
                    }
                }
            };
            if moved.insert(name.into(), to).is_some() {
                return Err(StatusCode::ALREADY_EXISTS);
            }
        }
        Ok(moved)
    }

    /// A child with the first number that is free as its name.
    fn numbered(
        &self,
        parent: &NodeUri,
        moved: &BTreeMap<Text, NodeUri>,
    ) -> Result<NodeUri, StatusCode> {
        let taken = |uri: &NodeUri| moved.values().any(|known| known == uri);
        (1_u64..)
            .map(|number| parent.child_named(&number.to_string()))
            .find(|uri| !self.view().exists(uri) && !taken(uri))
            .ok_or(StatusCode::COMMAND_FAILED)
    }
}

/// Nodes with their places, as [`Transaction::add_placed`] takes them.
pub(super) fn borrowed(nodes: &[(NodeUri, TndsNode)]) -> Vec<(NodeUri, &TndsNode)> {
    nodes
        .iter()
        .map(|(uri, node)| (uri.clone(), node))
        .collect()
}

/// A document of the one interior node that an item describes.
fn single(item: &Item) -> Result<Tnds, StatusCode> {
    let given = Given::of_item(item)?;
    if given.format != Some(NodeFormat::Node) {
        return Err(StatusCode::COMMAND_NOT_ALLOWED);
    }
    let mut document = Tnds::default();
    document.push(TndsNode::interior(0, "", given.type_.unwrap_or_default()));
    Ok(document)
}

/// The place that a path in the Inbox stands for.
fn goes_on(
    moved: &BTreeMap<Text, NodeUri>,
    path: &str,
    inside: &str,
) -> Result<NodeUri, StatusCode> {
    let path = relative(path);
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let (base, rest) = match moved.get(first) {
        Some(base) => (base, rest),
        None => (moved.get(inside).ok_or(StatusCode::BAD_REQUEST)?, path),
    };
    if rest.is_empty() {
        return Ok(base.clone());
    }
    base.join(rest).map_err(|error| StatusCode::from(&error))
}

/// The node with a value that points into the Inbox pointing to where that went.
fn with_references(node: &TndsNode, references: &[(String, &NodeUri)]) -> TndsNode {
    let mut node = node.clone();
    let text = node
        .value
        .as_ref()
        .and_then(|value| core::str::from_utf8(value).ok());
    let rewritten = text.and_then(|text| {
        references.iter().find_map(|(from, to)| {
            let rest = text.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        })
    });
    if let Some(rewritten) = rewritten {
        node.value = Some(Bytes::from(rewritten));
    }
    node
}
