//! Add and Replace of serialized subtrees. OMA-TS-DM_TNDS; OMA-TS-DM_RepPro, Add and Replace.
//!
//! The documents leave open what the top-level nodes have to do with the target of the command. Here:
//!
//! - Add to a node that exists: that is the parent of each top-level node.
//! - Add to one that does not, and Replace: a single top-level node without a path whose name is empty,
//!   or that of the target, is the target itself. Otherwise, as above.
//! - Paths are relative to the target; where a top-level node is the target itself, they may begin with
//!   its name as well.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use bytes::Bytes;
use dm_proto::{Data, StatusCode, codec::Encoding, message::Item, session::Answer};

use super::{
    BASE64,
    property::{MAX_ACL, check_title},
    rules,
    value::{Given, declared_type},
};
use crate::{
    Acl, DocumentError, Node, NodeFormat, NodeUri, Right, Transaction,
    description::Access,
    tnds::{Tnds, TndsNode},
};

/// A node of a document and where it goes.
pub(crate) type Placed<'d> = (NodeUri, &'d TndsNode);

impl Transaction<'_> {
    /// The document that an item carries, if its type says that it is one.
    pub(crate) fn document_of(item: &Item) -> Result<Option<Tnds>, StatusCode> {
        let Some(encoding) = declared_type(item).and_then(Tnds::encoding) else {
            return Ok(None);
        };
        let failed = |error: DocumentError| StatusCode::from(&error);
        let limits = Tnds::limits();
        let document = match &item.data {
            None => return Err(StatusCode::BAD_REQUEST),
            Some(data) => match data.as_markup() {
                Some(markup) => Tnds::from_pieces(markup.pieces(), &limits),
                None => Tnds::read(encoding, &octets_of(item, data, encoding)?, &limits),
            },
        };
        document.map(Some).map_err(failed)
    }

    pub(super) fn add_document(
        &mut self,
        server: &str,
        target: &NodeUri,
        document: &Tnds,
    ) -> Result<(), Answer> {
        let is_there = match self.view().find(target)? {
            Some(node) if !node.is_interior() => return Err(StatusCode::ALREADY_EXISTS.into()),
            found => found.is_some(),
        };
        let head = if is_there {
            None
        } else {
            head_of(document, target)
        };
        if is_there && has_unnamed(document) {
            // Its name would be that of the target.
            return Err(StatusCode::ALREADY_EXISTS.into());
        }
        if !is_there && head.is_none() {
            // The target would be the parent.
            self.add_parents(server, target)?;
        }
        let placed = self.places(document, target, head)?;
        self.add_placed(server, &placed)
    }

    /// Adds nodes one by one, and then sets the ACLs that the document has for them. What is permanent below
    /// a node of the document came with that: it is set to what the document says, once.
    pub(super) fn add_placed(&mut self, server: &str, placed: &[Placed<'_>]) -> Result<(), Answer> {
        let mut made = BTreeSet::new();
        for (uri, node) in placed {
            // What the document itself makes counts, too, where case does not.
            let at = self.resolve(uri.clone())?;
            let done = match self.come_with(&at, &made)? {
                Some(known) => self
                    .replace_node(server, &at, node, &known, false)
                    .map_err(Answer::from),
                None => self.add_node(server, &at, node),
            };
            done.map_err(|answer| naming(answer, uri))?;
            made.insert(at);
        }
        self.set_acls(server, placed)
    }

    /// A permanent node that came with one of those made, and that is none of them itself.
    fn come_with(
        &self,
        uri: &NodeUri,
        made: &BTreeSet<NodeUri>,
    ) -> Result<Option<Node>, StatusCode> {
        if !self.describe(uri).is_permanent() || made.contains(uri) {
            return Ok(None);
        }
        let mut above = uri.parent();
        while let Some(parent) = above {
            if made.contains(&parent) {
                return self.view().find(uri);
            }
            above = parent.parent();
        }
        Ok(None)
    }

    fn add_node(&mut self, server: &str, uri: &NodeUri, node: &TndsNode) -> Result<(), Answer> {
        self.may_create(server, uri)?;
        let mut added = rules::added(self.describe(uri), &Given::of_node(node))?;
        if let Some(title) = &node.title {
            check_title(title)?;
            added.title = title.clone();
        }
        Ok(self.create(server, uri, added)?)
    }

    /// From the leaves up: who may set the ACL of a node by that of its parent may do so before the
    /// document changes the parent's.
    fn set_acls(&mut self, server: &str, placed: &[Placed<'_>]) -> Result<(), Answer> {
        for (uri, node) in placed.iter().rev() {
            let Some(acl) = node.acl.as_ref().filter(|acl| !acl.is_empty()) else {
                continue;
            };
            if acl.to_string().len() > MAX_ACL {
                return Err(naming(StatusCode::REQUEST_ENTITY_TOO_LARGE.into(), uri));
            }
            let at = self.resolve(uri.clone())?;
            self.set_acl(server, &at, acl.clone())
                .map_err(|status| naming(status.into(), uri))?;
        }
        Ok(())
    }

    /// The subtree is as if its nodes had been deleted, the first replaced, and the others added; but
    /// what is permanent, and what is there before and after, stays and counts on.
    pub(super) fn replace_document(
        &mut self,
        server: &str,
        target: &NodeUri,
        document: &Tnds,
    ) -> Result<(), Answer> {
        self.permit(server, Right::Replace, target)?;
        rules::allowed(self.describe(target).supports(Access::REPLACE))?;
        let head = head_of(document, target);
        let placed = self.places(document, target, head)?;
        let mut wanted = BTreeMap::new();
        let mut leading = BTreeSet::new();
        for (uri, node) in &placed {
            if wanted.insert(uri.clone(), *node).is_some() {
                return Err(naming(StatusCode::ALREADY_EXISTS.into(), uri));
            }
            let mut above = uri.parent();
            while let Some(parent) = above {
                above = parent.parent();
                if !leading.insert(parent) {
                    break;
                }
            }
        }
        let removed = self.remove_others(server, target, &wanted, &leading)?;
        for (uri, node) in &placed {
            let at = self.resolve(uri.clone())?;
            let done = match self.view().find(&at)? {
                None => self.add_node(server, &at, node),
                // Another node of the document has this name, but for the case.
                Some(_) if at != *uri => Err(StatusCode::ALREADY_EXISTS.into()),
                Some(known) => {
                    let is_target = uri == target;
                    self.replace_node(server, uri, node, &known, is_target)
                        .map_err(Answer::from)
                }
            };
            done.map_err(|answer| naming(answer, uri))?;
        }
        self.set_acls(server, &placed)?;
        for uri in removed {
            if self.is_required(&uri)? {
                return Err(naming(StatusCode::COMMAND_NOT_ALLOWED.into(), &uri));
            }
        }
        Ok(())
    }

    /// Removes what is below the target and not in the document, or of another kind there.
    fn remove_others(
        &mut self,
        server: &str,
        target: &NodeUri,
        wanted: &BTreeMap<NodeUri, &TndsNode>,
        leading: &BTreeSet<NodeUri>,
    ) -> Result<Vec<NodeUri>, Answer> {
        let mut removed: Vec<NodeUri> = Vec::new();
        for uri in self.view().subtree(target)?.into_iter().skip(1) {
            let Some(known) = self.view().find(&uri)? else {
                // It went with a node above.
                continue;
            };
            let stays = match wanted.get(&uri) {
                Some(node) => node.is_interior() == known.is_interior(),
                None => leading.contains(&uri) && known.is_interior(),
            };
            if !stays {
                self.remove(server, &uri)
                    .map_err(|status| naming(status.into(), &uri))?;
                removed.push(uri);
            }
        }
        Ok(removed)
    }

    fn replace_node(
        &mut self,
        server: &str,
        uri: &NodeUri,
        node: &TndsNode,
        known: &Node,
        is_target: bool,
    ) -> Result<(), StatusCode> {
        let described = self.describe(uri);
        let given = Given::of_node(node);
        let mut next = known.clone();
        // Nobody learns by trying what may not be read.
        let is_known = self.permit(server, Right::Get, uri).is_ok();
        let mut is_set = !is_known;
        if node.is_interior() != known.is_interior() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        if known.is_interior() {
            if let Some(type_) = given.type_ {
                next.type_ = type_.into();
                rules::fits(described, &next)?;
            }
        } else if node.value.is_some() {
            // A value that is what it was needs no right to be set: what a Get returned goes back.
            let same = given
                .value_of(known.format)
                .is_ok_and(|value| value == known.value)
                && given.type_.is_none_or(|type_| known.type_ == type_);
            if !(same && is_known && described.supports(Access::GET)) {
                next = rules::replaced(described, known, &given)?;
                is_set = true;
            }
        }
        // What is made at run time would have been made anew: with the title and the ACL of what is new, mostly
        // none, if none are given.
        let is_remade = !is_target && !described.is_permanent();
        match &node.title {
            Some(title) => {
                check_title(title)?;
                next.title = title.clone();
            }
            None if is_remade => next.title = described.proposed().1,
            None => {}
        }
        if is_set || next != *known {
            self.permit(server, Right::Replace, uri)?;
            if described.is_permanent() && next.type_ != known.type_ && known.is_interior() {
                return Err(StatusCode::COMMAND_NOT_ALLOWED);
            }
            self.overwrite(uri, next, known)?;
        }
        if is_remade && node.acl.as_ref().is_none_or(Acl::is_empty) {
            self.set_acl(server, uri, described.proposed().0)?;
        }
        Ok(())
    }

    /// Where each node of a document goes.
    pub(super) fn places<'d>(
        &self,
        document: &'d Tnds,
        target: &NodeUri,
        head: Option<usize>,
    ) -> Result<Vec<Placed<'d>>, Answer> {
        places(document, target, head, |uri| {
            if !self.limits.allow(&uri) {
                return Err(naming(StatusCode::URI_TOO_LONG.into(), &uri));
            }
            Ok(self.resolve(uri)?)
        })
    }
}

/// Where each node of a document goes, with the spelling that `resolve` says.
pub(crate) fn places<'d, E: From<StatusCode>>(
    document: &'d Tnds,
    target: &NodeUri,
    head: Option<usize>,
    resolve: impl Fn(NodeUri) -> Result<NodeUri, E>,
) -> Result<Vec<Placed<'d>>, E> {
    let mut placed: Vec<Placed<'d>> = Vec::with_capacity(document.nodes().len());
    // The nodes that the next one may be nested in.
    let mut open: Vec<NodeUri> = Vec::new();
    for (index, node) in document.nodes().iter().enumerate() {
        open.truncate(node.depth);
        let uri = if head == Some(index) {
            target.clone()
        } else {
            let name = node.name.as_deref().unwrap_or_default();
            let parent = match open.last() {
                Some(parent) => parent.clone(),
                None => base_of(node, target, head.is_some())?,
            };
            super::property::renamed(&parent, name)?
        };
        let uri = resolve(uri)?;
        open.push(uri.clone());
        placed.push((uri, node));
    }
    Ok(placed)
}

/// Where a top-level node is put below.
fn base_of(node: &TndsNode, target: &NodeUri, has_head: bool) -> Result<NodeUri, StatusCode> {
    let Some(path) = &node.path else {
        return Ok(target.clone());
    };
    let mut path = relative(path);
    if has_head && let Some(rest) = path.strip_prefix(target.name()) {
        if rest.is_empty() {
            path = rest;
        } else if let Some(rest) = rest.strip_prefix('/') {
            path = rest;
        }
    }
    if path.is_empty() {
        return Ok(target.clone());
    }
    target.join(path).map_err(|error| StatusCode::from(&error))
}

/// A path without what may stand around it.
pub(crate) fn relative(path: &str) -> &str {
    let path = match path.trim() {
        "." => "",
        path => path.strip_prefix("./").unwrap_or(path),
    };
    path.trim_matches('/')
}

/// The top-level node that is the target itself.
pub(crate) fn head_of(document: &Tnds, target: &NodeUri) -> Option<usize> {
    let mut top = document
        .nodes()
        .iter()
        .enumerate()
        .filter(|(_, node)| node.depth == 0 && node.path.is_none());
    let (index, node) = top.next()?;
    let name = node.name.as_deref().unwrap_or_default();
    let is_target = name.is_empty()
        || target
            .parent()
            .is_some_and(|parent| parent.join(name).is_ok_and(|uri| uri == *target));
    (is_target && top.next().is_none()).then_some(index)
}

fn has_unnamed(document: &Tnds) -> bool {
    document
        .nodes()
        .iter()
        .any(|node| node.depth == 0 && node.name.as_deref().unwrap_or_default().is_empty())
}

/// The octets of a document in the data of an item: text, octets, or Base64.
fn octets_of(item: &Item, data: &Data, encoding: Encoding) -> Result<Bytes, StatusCode> {
    let octets = data.to_bytes().ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
    let is_base64 = item
        .meta
        .as_ref()
        .and_then(|meta| meta.format.as_deref())
        .and_then(|format| NodeFormat::from_name(format.trim()))
        == Some(NodeFormat::B64);
    if data.is_binary() || !(is_base64 || encoding == Encoding::Wbxml) {
        return Ok(octets);
    }
    let text: Vec<u8> = octets
        .iter()
        .copied()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    BASE64
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| StatusCode::BAD_REQUEST)
}

/// A refusal that says which node of the document it is for.
fn naming(mut answer: Answer, uri: &NodeUri) -> Answer {
    if answer.items.is_empty() {
        answer.items.push(Item::for_target(uri.as_str()));
    }
    answer
}
