//! Replace of the properties ACL, Name and Title. OMA-TS-DM_TND, properties.

use dm_proto::{Data, StatusCode, message::Item};

use super::rules;
use crate::{Acl, Node, NodeUri, Right, Transaction, object::Change};

impl Transaction<'_> {
    pub(super) fn replace_acl(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), StatusCode> {
        self.may_set_acl(server, uri, known)?;
        let text = text_of(item)?;
        if text.len() > MAX_ACL {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        let acl = Acl::parse(text).map_err(|_| StatusCode::BAD_REQUEST)?;
        self.write_acl(uri, known, acl)
    }

    /// Sets the ACL of a node for a server.
    pub(super) fn set_acl(
        &mut self,
        server: &str,
        uri: &NodeUri,
        acl: Acl,
    ) -> Result<(), StatusCode> {
        let known = self.view().node(uri)?;
        if known.acl == acl {
            return Ok(());
        }
        self.may_set_acl(server, uri, &known)?;
        self.write_acl(uri, &known, acl)
    }

    /// OMA-TS-DM_TND, ACL: who may Replace an interior node or its parent may change its ACL; that of
    /// a leaf, only who may Replace its parent.
    fn may_set_acl(&self, server: &str, uri: &NodeUri, known: &Node) -> Result<(), StatusCode> {
        if known.is_interior() && self.permit(server, Right::Replace, uri).is_ok() {
            return Ok(());
        }
        let parent = uri.parent().ok_or(StatusCode::PERMISSION_DENIED)?;
        self.permit(server, Right::Replace, &parent)
    }

    fn write_acl(&mut self, uri: &NodeUri, known: &Node, acl: Acl) -> Result<(), StatusCode> {
        self.stored(uri)?;
        // OMA-TS-DM_TND, ACL: the root has nothing to inherit from, and everybody may add below it.
        if *uri == NodeUri::ROOT && !acl.allows(Right::Add, "*") {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let node = known.clone().with_acl(acl);
        self.raw().write(uri.clone(), node, Some(known));
        Ok(())
    }

    pub(super) fn replace_title(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), StatusCode> {
        self.permit(server, Right::Replace, uri)?;
        self.stored(uri)?;
        let title = text_of(item)?;
        check_title(title)?;
        let node = known.clone().with_title(title);
        self.raw().write(uri.clone(), node, Some(known));
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
    ) -> Result<(), StatusCode> {
        self.permit(server, Right::Replace, uri)?;
        let described = self.describe(uri);
        let parent = uri.parent().ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        rules::allowed(!described.is_permanent())?;
        let renamed = renamed(&parent, text_of(item)?)?;
        if !self.limits.allow(&renamed) {
            return Err(StatusCode::URI_TOO_LONG);
        }
        if renamed == *uri {
            return Ok(());
        }
        let taken = self.resolve(renamed.clone())?;
        if taken != *uri && self.view().find(&taken)?.is_some() {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        // The new name must not make another node of it: that would be another description.
        rules::allowed(rules::is_same(described, self.describe(&renamed)))?;
        // OMA-TS-DM_StdObj, DevDetail: what is below gets a longer URI, too.
        for each in self.view().subtree(uri)? {
            let Some(rest) = each.below(uri).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let moved = renamed
                .join(rest)
                .map_err(|error| StatusCode::from(&error))?;
            if !self.limits.allow(&moved) {
                return Err(StatusCode::URI_TOO_LONG);
            }
        }
        let change = Change::Rename(uri, renamed.name());
        self.check(uri, &change)?;
        self.raw().rename(uri, &renamed)?;
        self.changed(uri, &change)
    }
}

/// The URI of a node under another name.
pub(crate) fn renamed(parent: &NodeUri, name: &str) -> Result<NodeUri, StatusCode> {
    let name = name.trim();
    if name.contains('/') {
        return Err(StatusCode::BAD_REQUEST);
    }
    parent.join(name).map_err(|error| StatusCode::from(&error))
}

/// OMA-TS-DM_TND, Title: at most 255 octets.
pub(super) fn check_title(title: &str) -> Result<(), StatusCode> {
    if title.len() > MAX_TITLE {
        return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
    }
    Ok(())
}

/// The text of a property.
pub(crate) fn text_of(item: &Item) -> Result<&str, StatusCode> {
    match &item.data {
        None => Ok(""),
        Some(data) => Data::as_str(data)
            .or_else(|| core::str::from_utf8(data.as_bytes()?).ok())
            .ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

/// The longest ACL in octets that is taken: every command below its node reads it.
pub(super) const MAX_ACL: usize = 16 << 10;
/// The longest title in octets.
const MAX_TITLE: usize = 255;
