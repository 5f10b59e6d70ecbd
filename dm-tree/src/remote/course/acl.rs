//! Repairing an ACL that refuses an Exec, or what prepares it, to the server that may change it.

use dm_proto::Text;

use super::{Course, Phase, Prepare, Script};
use crate::{
    NodeUri,
    remote::{Ended, reader},
};
use dm_proto::StatusCode;

impl<S: Script> Course<S> {
    /// Whether a status is one that another ACL may change.
    pub(super) fn may_repair_acl(&self, status: StatusCode) -> bool {
        let may = self.order.profile.acl && self.order.repairs_acl && !self.acl_repaired;
        may && status == StatusCode::PERMISSION_DENIED
    }

    /// Asks for the ACL of the node, and of those that it may inherit from.
    pub(super) fn read_acl(&mut self, node: Option<NodeUri>, again: Phase) {
        self.acl_repaired = true;
        self.phase = Phase::ReadAcl {
            nodes: core::iter::successors(node, NodeUri::parent).collect(),
            again: Box::new(again),
        };
    }

    /// Decides what to write. What cannot be read is not overwritten, but on a node of our own: the
    /// automatic ACL of its creator may not even let it read that.
    pub(super) fn acl_read(&mut self, nodes: &[NodeUri], again: Box<Phase>) {
        let repair = match *again {
            Phase::Exec => self.for_exec(nodes),
            _ => self.for_preparation(nodes),
        };
        match repair {
            Some((node, acl)) => {
                let acl = with_rights(&acl, &self.order.server_id);
                self.phase = Phase::WriteAcl { node, acl, again };
            }
            None => self.end(Ended::Refused(StatusCode::PERMISSION_DENIED)),
        }
    }

    /// The node that is meant for it gets an ACL, with the entries that it has or inherits; one below it that
    /// has an ACL gets it in its stead, which would hide that.
    fn for_exec(&self, nodes: &[NodeUri]) -> Option<(NodeUri, Text)> {
        let planned = &self.plan.as_ref()?.acl;
        let acls = (0_u16..).zip(nodes);
        let mut acls = acls.filter_map(|(command, node)| Some((node, self.acl_of(command)?)));
        let holds = acls.find(|(_, acl)| !acl.trim().is_empty());
        let below = holds.as_ref().map(|(holder, _)| *holder);
        let below = below.filter(|holder| holder.below(planned).is_some());
        let node = below.unwrap_or(planned);
        let at = nodes.iter().position(|read| read == node)?;
        let is_read = self.replies.items(u16::try_from(at).ok()?).next().is_some();
        let acl = holds.map(|(_, acl)| acl).unwrap_or_default();
        (is_read || self.is_own(node)).then(|| (node.clone(), acl))
    }

    /// The node whose ACL holds for the first of them gets another; the root of the object, if that is a node
    /// above it.
    fn for_preparation(&self, nodes: &[NodeUri]) -> Option<(NodeUri, Text)> {
        let root = self.root()?;
        for (command, node) in (0_u16..).zip(nodes) {
            let acl = match self.acl_of(command) {
                Some(acl) if acl.trim().is_empty() => continue,
                Some(acl) => acl,
                // It is yet to be added.
                None if self.replies.status(command, 0) == Some(StatusCode::NOT_FOUND) => continue,
                None if self.is_own(node) => Text::default(),
                None => return None,
            };
            let is_within = node.below(root).is_some();
            let node = if is_within { node } else { root };
            return Some((node.clone(), acl));
        }
        None
    }

    fn acl_of(&self, command: u16) -> Option<Text> {
        let item = self.replies.items(command).next()?;
        Some(reader::text(item).unwrap_or_default())
    }

    fn is_own(&self, node: &NodeUri) -> bool {
        let prepares = self.plan.iter().flat_map(|plan| &plan.prepare);
        prepares.into_iter().any(|prepare| match prepare {
            Prepare::Add(settings) => settings.iter().any(|added| added.uri == *node),
            Prepare::Replace(_) => false,
        })
    }
}

/// An ACL with every right for a server, the entries of others kept.
fn with_rights(acl: &str, server_id: &str) -> Text {
    let mut text = String::new();
    for right in ["Add", "Delete", "Exec", "Get", "Replace"] {
        let mut holders: Vec<&str> = acl
            .split('&')
            .filter_map(|entry| entry.split_once('='))
            .filter(|(name, _)| name.trim() == right)
            .flat_map(|(_, holders)| holders.split('+'))
            .map(str::trim)
            .filter(|holder| !holder.is_empty())
            .collect();
        if !holders.contains(&"*") && !holders.contains(&server_id) {
            holders.push(server_id);
        }
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(right);
        text.push('=');
        text.push_str(&holders.join("+"));
    }
    Text::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rights_are_added_and_those_of_others_kept() {
        for (before, after) in [
            ("", "Add=me&Delete=me&Exec=me&Get=me&Replace=me"),
            (
                "Get=*&Replace=you+me&Exec=you",
                "Add=me&Delete=me&Exec=you+me&Get=*&Replace=you+me",
            ),
            (
                "Get=a&Get=b",
                "Add=me&Delete=me&Exec=me&Get=a+b+me&Replace=me",
            ),
            (
                "nonsense&=&Exec=&Add=*",
                "Add=*&Delete=me&Exec=me&Get=me&Replace=me",
            ),
        ] {
            assert_eq!(with_rights(before, "me"), after);
        }
    }
}
