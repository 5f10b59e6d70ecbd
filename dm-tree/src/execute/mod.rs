//! Commands of a server on the tree, with the status that OMA-TS-DM_TND and OMA-TS-DM_RepPro name for
//! each case.
//!
//! Where the documents leave the order of checks open: the URI (400), its limits (414), its query
//! (406), existence (404, 418), the ACL (425), what the node is and supports (405), format and type
//! (415), size (413), storage (420, 510).

mod change;
mod read;
mod value;

use dm_proto::{
    StatusCode,
    session::{Answer, Execute, Verb},
};

use crate::{Address, NodeUri, Right, Transaction, object::Change};

impl Transaction<'_> {
    /// Runs a command of `server`, all but Exec. The status is that of OMA-TS-DM_TND and DM_RepPro.
    ///
    /// What is answered with a failure leaves no trace in the tree.
    pub fn execute(&mut self, server: &str, command: &Execute) -> Answer {
        self.savepoint();
        let answer = match command.verb {
            Verb::Add => self.add(server, &command.item),
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
        Ok(address)
    }

    /// Checks the ACL that counts for a node that exists.
    fn permit(&self, server: &str, right: Right, uri: &NodeUri) -> Result<(), StatusCode> {
        if self.view().effective_acl(uri)?.allows(right, server) {
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
