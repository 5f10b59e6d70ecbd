//! Adds to the Inbox. OMA-TS-DM_StdObj, Inbox.

use std::collections::BTreeMap;

use bytes::Bytes;
use dm_proto::{Data, SessionId, StatusCode, Text, message::Item, session::Answer};
use serde::{Deserialize, Serialize};

use super::{import::relative, property::renamed, value::Given};
use crate::{
    NodeFormat, NodeUri, Right, Transaction,
    std_objects::{Place, place_of},
    store::{Kind, decode, encode},
    tnds::{Tnds, TndsNode},
    transaction::status_of,
    tree::Authority,
};

impl Transaction<'_> {
    /// Adds what an item carries at the place that its identifier has, or below what was put there before
    /// through the Inbox.
    pub(super) fn add_to_inbox(
        &mut self,
        server: &str,
        session: &SessionId,
        inbox: &NodeUri,
        uri: &NodeUri,
        item: &Item,
    ) -> Result<(), Answer> {
        self.permit(server, Right::Add, inbox)?;
        let inside = uri.below(inbox).unwrap_or_default();
        if let Some((name, rest)) = inside.split_once('/') {
            let forwarded = self.forwarded(server, session)?;
            let Some(base) = forwarded.moved.get(name) else {
                // Nothing of that name was put into the Inbox.
                return Err(Answer {
                    items: uri
                        .parent()
                        .map(|parent| Item::for_target(parent.as_str()))
                        .into_iter()
                        .collect(),
                    ..Answer::from(StatusCode::NOT_FOUND)
                });
            };
            let place = base.join(rest).map_err(|error| StatusCode::from(&error))?;
            if !self.limits.allow(&place) {
                return Err(StatusCode::URI_TOO_LONG.into());
            }
            let place = self.resolve(place)?;
            return self.add_at(server, &place, &forwarded.pointing_there(inbox, item));
        }
        let document = match Self::document_of(item)? {
            Some(document) => document,
            None if inside.is_empty() => return Err(StatusCode::ALREADY_EXISTS.into()),
            None => single(item)?,
        };
        let moved = self.moved(&document, inside)?;
        let nodes = self.placed_by_identifier(inbox, inside, &document)?;
        self.add_placed(server, &borrowed(&nodes))?;
        Ok(self.forward(server, session, moved)?)
    }

    /// Where the things went that a server put into the Inbox in this session.
    fn forwarded(&self, server: &str, session: &SessionId) -> Result<Forwarded, StatusCode> {
        let record = self.record(Kind::Inbox, 0);
        let record = record.map_err(|error| status_of(&error))?;
        let known = record.map(|record| decode::<Forwarded>(&record));
        let known = known.transpose().map_err(|error| status_of(&error))?;
        let its_own = |known: &Forwarded| known.server == server && known.session == *session;
        Ok(known.filter(its_own).unwrap_or_else(|| Forwarded {
            server: server.into(),
            session: session.clone(),
            moved: BTreeMap::new(),
        }))
    }

    /// Keeps in mind where things went: plain Adds may follow below their names in the Inbox. They are for one
    /// session, and few.
    fn forward(
        &mut self,
        server: &str,
        session: &SessionId,
        moved: BTreeMap<Text, NodeUri>,
    ) -> Result<(), StatusCode> {
        let mut forwarded = self.forwarded(server, session)?;
        for (name, to) in moved {
            if forwarded.moved.len() < MOST_FORWARDED || forwarded.moved.contains_key(&name) {
                forwarded.moved.insert(name, to);
            }
        }
        let record = encode(&forwarded).map_err(|error| status_of(&error))?;
        self.put(Kind::Inbox, 0, Some(record));
        Ok(())
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
            nodes.push((place, with_references(node, inbox, &moved)));
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
fn with_references(node: &TndsNode, inbox: &NodeUri, moved: &BTreeMap<Text, NodeUri>) -> TndsNode {
    let mut node = node.clone();
    let text = node
        .value
        .as_ref()
        .and_then(|value| core::str::from_utf8(value).ok());
    if let Some(rewritten) = text.and_then(|text| pointing_there(text, inbox, moved)) {
        node.value = Some(Bytes::from(rewritten));
    }
    node
}

/// A value that points into the Inbox, pointing to where that went; `None` for any other.
fn pointing_there(value: &str, inbox: &NodeUri, moved: &BTreeMap<Text, NodeUri>) -> Option<String> {
    let inside = value.strip_prefix(inbox.as_str())?.strip_prefix('/')?;
    let (name, rest) = match inside.find('/') {
        Some(end) => inside.split_at_checked(end)?,
        None => (inside, ""),
    };
    let to = moved.get(name)?;
    Some(format!("{to}{rest}"))
}

/// Where things went that were put into the Inbox. Kept as a record, so that it is restored with a
/// transaction and goes on after a restart in the middle of a session.
#[derive(Deserialize, Serialize)]
struct Forwarded {
    server: Text,
    session: SessionId,
    /// By their names in the Inbox.
    moved: BTreeMap<Text, NodeUri>,
}

impl Forwarded {
    /// The item with a value that points into the Inbox pointing to where that went.
    fn pointing_there(&self, inbox: &NodeUri, item: &Item) -> Item {
        let text = item.data.as_ref().and_then(Data::as_str);
        match text.and_then(|text| pointing_there(text, inbox, &self.moved)) {
            Some(rewritten) => item.clone().with_data(rewritten),
            None => item.clone(),
        }
    }
}

/// How many names in the Inbox are kept in mind.
const MOST_FORWARDED: usize = 64;
