//! Repairing an ACL that refuses an Exec to the server that may change it.

use dm_proto::Text;

use super::{Course, Phase, Prepare, Script};
use crate::{
    NodeUri,
    remote::{Ended, reader},
};
use dm_proto::StatusCode;

impl<S: Script> Course<S> {
    /// Asks for the ACL of what is to be executed, and of the nodes that it may inherit from.
    pub(super) fn read_acl(&mut self) {
        self.acl_repaired = true;
        let plan = self.plan.as_ref();
        let nodes = core::iter::successors(plan.map(|plan| plan.exec.clone()), NodeUri::parent);
        self.phase = Phase::ReadAcl {
            nodes: nodes.collect(),
        };
    }

    /// Decides what to write. What cannot be read is not overwritten, but on a node of our own: the
    /// automatic ACL of its creator may not even let it read that.
    pub(super) fn acl_read(&mut self, nodes: &[NodeUri]) {
        let is_own = self.plan.as_ref().is_some_and(|plan| {
            plan.prepare.iter().any(|prepare| match prepare {
                Prepare::Add(settings) => settings.iter().any(|added| added.uri == plan.acl),
                Prepare::Replace(_) => false,
            })
        });
        let Some(planned) = self.plan.as_ref().map(|plan| plan.acl.clone()) else {
            return;
        };
        let acl_of = |command| self.replies.items(command).next().and_then(reader::text);
        let mut acls = (0_u16..)
            .zip(nodes)
            .map(|(command, node)| (node, acl_of(command)));
        let effective =
            acls.find(|(_, acl)| acl.as_ref().is_some_and(|acl| !acl.trim().is_empty()));
        let (holder, acl) = effective.unzip();
        let acl = acl.flatten().unwrap_or_default();
        // An ACL further down hides what stands at the node that is meant.
        let node = match holder {
            Some(holder) if holder.below(&planned).is_some() => holder.clone(),
            _ => planned.clone(),
        };
        let is_read = (0_u16..)
            .zip(nodes)
            .any(|(command, read)| *read == node && self.replies.items(command).next().is_some());
        if !is_own && !is_read {
            self.end(Ended::Refused(StatusCode::PERMISSION_DENIED));
            return;
        }
        self.phase = Phase::WriteAcl {
            node,
            acl: with_rights(&acl, &self.order.server_id),
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
