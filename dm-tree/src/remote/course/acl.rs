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
        let Some(node) = nodes.first() else {
            return self.end(Ended::Refused(StatusCode::PERMISSION_DENIED));
        };
        let is_own = self.plan.as_ref().is_some_and(|plan| {
            plan.prepare.iter().any(|prepare| match prepare {
                Prepare::Add(settings) => settings.iter().any(|added| added.uri == *node),
                Prepare::Replace(_) => false,
            })
        });
        if !is_own && self.replies.items(0).next().is_none() {
            self.end(Ended::Refused(StatusCode::PERMISSION_DENIED));
            return;
        }
        let acl = (0_u16..)
            .zip(nodes)
            .filter_map(|(command, _)| self.replies.items(command).next())
            .filter_map(reader::text)
            .find(|acl| !acl.trim().is_empty())
            .unwrap_or_default();
        self.phase = Phase::WriteAcl {
            node: node.clone(),
            acl: with_rights(&acl, &self.order.server_id),
            again,
        };
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
