//! Commands of a server on the tree, with the status that OMA-TS-DM_TND and OMA-TS-DM_RepPro name for
//! each case.
//!
//! Where the documents leave the order of checks open: the URI (400), its limits (414), its query
//! (406), existence (404, 418), the ACL (425), what the node is and supports (405), format and type
//! (415), size (413), storage (420, 510).

#[cfg(feature = "bootstrap")]
mod bootstrap;
mod change;
mod export;
mod format;
pub(crate) mod import;
mod inbox;
pub(crate) mod property;
mod read;
pub(crate) mod rules;
pub(crate) mod value;

#[cfg(test)]
mod tests;

pub(crate) use self::value::BASE64;

use dm_proto::{
    StatusCode, Text,
    session::{Answer, Execute, Verb},
};

use crate::{
    Address, NodeUri, Right, Transaction, acl::EVERYONE, description::CaseSense, object::Change,
    std_objects::Accounts, tree::Authority,
};

impl Transaction<'_> {
    /// Runs a command of `server`, all but Exec. The status is that of OMA-TS-DM_TND and DM_RepPro.
    ///
    /// What is answered with a failure leaves no trace in the tree.
    pub fn execute(&mut self, server: &str, command: &Execute) -> Answer {
        self.savepoint();
        let answer = match command.verb {
            Verb::Add => self.add(server, &command.origin.session_id, &command.item),
            Verb::Copy => self.copy(server, &command.item),
            Verb::Delete => self.delete(server, &command.item),
            Verb::Get => self.get(server, &command.item),
            Verb::Replace => self.replace(server, &command.item),
            // An Exec is a job: it is decided on and run outside of this transaction.
            Verb::Exec => Err(StatusCode::COMMAND_NOT_ALLOWED.into()),
        };
        match answer {
            Ok(answer) => {
                self.release();
                answer
            }
            Err(refusal) => {
                self.rollback();
                refusal
            }
        }
    }

    /// Takes every right from a server, in the ACLs of the whole tree: what becomes of one whose account is
    /// removed. OMA-TS-DM_TND, ACL, removal of a server.
    ///
    /// Commands of servers that remove an account do this by themselves. An edit does not, by an object
    /// or by [`edit`](Self::edit): there an account is often gone only until the next line puts it back,
    /// and its rights would not come back with it. Who removes one for good calls this as well.
    ///
    /// It reads every node there is, since any may name the server: some microseconds each, so seconds for
    /// a million. Only nodes that do name it are written.
    ///
    /// # Errors
    ///
    /// 510 if the storage fails.
    pub fn revoke(&mut self, server: &str) -> Result<(), StatusCode> {
        // What is computed has the ACLs that its object gives it.
        if self.raw().view().find(&NodeUri::ROOT)?.is_none() {
            return Ok(());
        }
        for uri in self.raw().view().subtree(&NodeUri::ROOT)? {
            let known = self.raw().view().node(&uri)?;
            if !known.acl.names(server) {
                continue;
            }
            let acl = known.acl.clone();
            let acl = match uri == NodeUri::ROOT {
                true => acl.revoke_at_root(server),
                false => acl.revoke(server),
            };
            self.raw()
                .write(uri, known.clone().with_acl(acl), Some(&known));
        }
        Ok(())
    }

    /// The servers with an account, if a change at this node may add or remove one.
    fn accounts_behind(&self, uri: &NodeUri) -> Result<Option<Vec<Text>>, StatusCode> {
        let accounts = Accounts::new(self.view(), self.mounts);
        accounts
            .concerns(uri)
            .then(|| accounts.servers())
            .transpose()
    }

    /// Takes the rights of those that have no account any more; 403 for a second account of a server: who
    /// could make one would be that server in the next session. 403, too, for an account of everyone: what is
    /// given to that server would be given to all.
    fn settle_accounts(&mut self, before: Option<Vec<Text>>) -> Result<(), StatusCode> {
        let Some(before) = before else {
            return Ok(());
        };
        let after = Accounts::new(self.view(), self.mounts).servers()?;
        let count = |servers: &[Text], server: &Text| {
            let same = servers.iter().filter(|known| *known == server);
            same.count()
        };
        for server in after.iter().filter(|server| !server.is_empty()) {
            let most = if server == EVERYONE { 0 } else { 1 };
            if count(&after, server) > count(&before, server).max(most) {
                return Err(StatusCode::FORBIDDEN);
            }
        }
        for server in &before {
            if !server.is_empty() && !after.contains(server) {
                self.revoke(server)?;
            }
        }
        Ok(())
    }

    /// Reads an address of a server and holds it against the limits of the device.
    pub(crate) fn address(
        &self,
        loc_uri: Option<&dm_proto::LocUri>,
    ) -> Result<Address, StatusCode> {
        let loc_uri = loc_uri.ok_or(StatusCode::BAD_REQUEST)?;
        let address = Address::parse(loc_uri.as_str()).map_err(|error| StatusCode::from(&error))?;
        if !self.limits.allow(&address.uri) {
            return Err(StatusCode::URI_TOO_LONG);
        }
        Ok(Address {
            uri: self.resolve(address.uri)?,
            ..address
        })
    }

    /// The node that a URI means where case does not count: in the spelling that it was made with.
    /// OMA-TS-DM_TND, CaseSense.
    pub(crate) fn resolve(&self, uri: NodeUri) -> Result<NodeUri, StatusCode> {
        let mut mounts = self.mounts.iter().filter(|mount| mount.ignores_case);
        let Some(mount) = mounts.find(|mount| uri.below(&mount.root).is_some()) else {
            return Ok(uri);
        };
        let mut at = mount.root.clone();
        for name in uri.below(&mount.root).unwrap_or_default().split('/') {
            if name.is_empty() {
                continue;
            }
            let next = at.child_named(name);
            if self.case_below(&at) == CaseSense::Sensitive
                || self.view().find(&at)?.is_none()
                || self.view().find(&next)?.is_some()
            {
                at = next;
                continue;
            }
            let names = self.view().children(&at)?;
            let stored = names.iter().find(|known| known.eq_ignore_ascii_case(name));
            at = stored.map_or(next, |stored| at.child_named(stored));
        }
        Ok(at)
    }

    /// Whether the names directly below a node differ by case.
    fn case_below(&self, uri: &NodeUri) -> CaseSense {
        let mut mounts = self.mounts.iter().filter(|mount| mount.ignores_case);
        let mount = mounts.find(|mount| uri.below(&mount.root).is_some());
        mount.map_or(CaseSense::Sensitive, |mount| mount.case_below(uri))
    }

    /// Checks the ACL that counts for a node that exists.
    fn permit(&self, server: &str, right: Right, uri: &NodeUri) -> Result<(), StatusCode> {
        if self.authority == Authority::Device
            || self.view().effective_acl(uri)?.allows(right, server)
        {
            Ok(())
        } else {
            Err(StatusCode::PERMISSION_DENIED)
        }
    }

    /// Asks the object of a node whether it agrees to a change.
    fn check(&self, uri: &NodeUri, change: &Change<'_>) -> Result<(), StatusCode> {
        self.stored(uri)?;
        match self.mount_of(uri) {
            Some(mount) => mount.object.check(&self.view(), change),
            None => Ok(()),
        }
    }

    /// Tells the object of a node that it was changed.
    fn changed(&mut self, uri: &NodeUri, change: &Change<'_>) -> Result<(), StatusCode> {
        match self.mount_of(uri) {
            Some(mount) => mount.object.changed(&mut self.edit_of(mount), change),
            None => Ok(()),
        }
    }
}

/// A command that was refused, or one that was done.
type Executed = Result<Answer, Answer>;
