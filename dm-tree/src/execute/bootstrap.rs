//! Bootstrap messages of the Device Management profile. OMA-TS-DM_Bootstrap.

use dm_proto::{StatusCode, Text, bootstrap::SerializedObject, session::Answer};

use super::inbox::borrowed;
use crate::{
    Acl, NodeUri, Right, Transaction,
    bootstrap::{Bootstrapped, Reason, RefusedObject},
    std_objects::{Accounts, DmAcc, Inbox, inbox_of, place_of},
    tnds::{Tnds, TndsNode},
    tree::Authority,
};

impl Transaction<'_> {
    /// Puts the management objects of a bootstrap message into the tree: all of them, or nothing.
    ///
    /// OMA-TS-DM_Bootstrap, Device Management profile. The objects come from
    /// [`Authentic::content`](dm_proto::bootstrap::Authentic::content), so that nothing of a message that is
    /// not authentic gets here; whether one that is may bootstrap this device is the caller's policy. They
    /// are added by the right of the device, since their server has none yet: ACLs and access types do not
    /// count, descriptions do. Nobody is answered.
    ///
    /// - An object for `./Inbox`, or for no place, goes [where objects of its kind are](Inbox), and gets a
    ///   number for a name if its own is taken. One of a kind that no description has is passed over.
    /// - ACLs are those in the documents. An account without one grants Get, Replace and Delete to its
    ///   server, as does one that comes by Client Provisioning.
    /// - An account takes the place of those that its server had: the same message twice does no harm.
    ///
    /// Then begin a session with each server that is returned.
    ///
    /// # Errors
    ///
    /// The first object that does not go into the tree, or that has an account with which no session can be
    /// begun. The transaction is as it was before.
    pub fn bootstrap(
        &mut self,
        objects: &[SerializedObject],
    ) -> Result<Bootstrapped, RefusedObject> {
        let before = self.authority;
        self.authority = Authority::Device;
        self.savepoint();
        let done = self.bootstrap_once(objects);
        self.authority = before;
        match done {
            Ok(_) => self.release(),
            Err(_) => self.rollback(),
        }
        done
    }

    fn bootstrap_once(
        &mut self,
        objects: &[SerializedObject],
    ) -> Result<Bootstrapped, RefusedObject> {
        let accounts = Accounts::new(self.view(), self.mounts);
        let known = accounts.held().map_err(RefusedObject::storage)?;
        // Once to learn whose accounts these are; and again without the accounts that they replace.
        self.savepoint();
        let first = self.place_objects(objects);
        let replaced: Vec<NodeUri> = match &first {
            Ok(bootstrapped) => known
                .into_iter()
                .filter(|(_, server)| bootstrapped.servers.contains(server))
                .map(|(uri, _)| uri)
                .collect(),
            Err(_) => Vec::new(),
        };
        if replaced.is_empty() {
            self.release();
            return first;
        }
        self.rollback();
        for uri in &replaced {
            self.raw().remove(uri).map_err(RefusedObject::storage)?;
        }
        self.place_objects(objects)
    }

    fn place_objects(
        &mut self,
        objects: &[SerializedObject],
    ) -> Result<Bootstrapped, RefusedObject> {
        let mut bootstrapped = Bootstrapped::default();
        for (index, object) in objects.iter().enumerate() {
            self.place_object(object, &mut bootstrapped)
                .map_err(|reason| RefusedObject {
                    object: index,
                    reason,
                })?;
        }
        Ok(bootstrapped)
    }

    fn place_object(
        &mut self,
        object: &SerializedObject,
        bootstrapped: &mut Bootstrapped,
    ) -> Result<(), Reason> {
        let document = Tnds::read(object.encoding, &object.octets, &Tnds::limits())?;
        let inbox = NodeUri::parse(Inbox::ROOT).map_err(|error| StatusCode::from(&error))?;
        let target = match &object.target {
            Some(target) => {
                let address = self.address(Some(target))?;
                if address.query.is_some() {
                    return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
                }
                address.uri
            }
            None => inbox.clone(),
        };
        let inbox = inbox_of(self.mounts, &target).unwrap_or(&inbox);
        let nodes = match target.below(inbox) {
            Some(inside) if inside.contains('/') => return Err(StatusCode::NOT_FOUND.into()),
            Some(inside) => {
                let document = self.understood(&document, inside, bootstrapped);
                self.placed_by_identifier(inbox, inside, &document)?
            }
            None => {
                let placed = self.places(&document, &target, None)?;
                let owned = placed.into_iter();
                owned.map(|(uri, node)| (uri, node.clone())).collect()
            }
        };
        self.add_placed("", &borrowed(&nodes))?;
        let accounts = nodes
            .iter()
            .filter(|(_, node)| node.type_.as_deref() == Some(DmAcc::TYPE));
        for (uri, _) in accounts {
            let server = self.view().text(&uri.child_named("ServerID"))?;
            if bootstrapped.servers.contains(&server) {
                return Err(StatusCode::ALREADY_EXISTS.into());
            }
            // One that is not complete, or that wants what is not supported, leads nowhere.
            let accounts = Accounts::new(self.view(), self.mounts);
            if !accounts.is_usable(uri)? {
                return Err(Reason::UnusableAccount(server));
            }
            self.grant_account(uri, &server)?;
            bootstrapped.servers.push(server);
        }
        Ok(())
    }

    /// The document without the objects that this device has no place for.
    fn understood(&self, document: &Tnds, inside: &str, bootstrapped: &mut Bootstrapped) -> Tnds {
        let mut understood = Tnds::default();
        let mut left_out: Vec<&str> = Vec::new();
        let mut leaves_out = false;
        for node in document.nodes() {
            if node.depth == 0 {
                let name = node.name.as_deref().unwrap_or_default();
                let name = if name.is_empty() { inside } else { name };
                leaves_out = match node.path.as_deref() {
                    None => {
                        let type_ = node.type_.as_deref().unwrap_or_default();
                        let is_unknown = place_of(self.mounts, type_).is_none();
                        if is_unknown {
                            left_out.push(name);
                            bootstrapped.ignored.push(type_.into());
                        }
                        is_unknown
                    }
                    Some(path) => {
                        let path = path.trim();
                        // A name may begin with a dot.
                        let path = path.strip_prefix("./").unwrap_or(path).trim_matches('/');
                        let first = path.split('/').next().unwrap_or_default();
                        left_out.contains(&first)
                    }
                };
            }
            if !leaves_out {
                understood.push(TndsNode::clone(node));
            }
        }
        understood
    }

    /// OMA-TS-DM_Bootstrap: ACLs are part of the document; where it has none for an account, what Client
    /// Provisioning gives to its server.
    fn grant_account(&mut self, uri: &NodeUri, server: &str) -> Result<(), StatusCode> {
        let known = self.view().node(uri)?;
        if !known.acl.is_empty() {
            return Ok(());
        }
        let acl = Acl::default()
            .grant(Right::Delete, server)
            .grant(Right::Get, server)
            .grant(Right::Replace, server);
        self.set_acl(server, uri, acl)
    }
}

impl From<StatusCode> for Reason {
    fn from(status: StatusCode) -> Self {
        Answer::from(status).into()
    }
}

impl From<Answer> for Reason {
    fn from(answer: Answer) -> Self {
        let node = answer.items.first().and_then(|item| item.target_uri());
        Self::Status {
            status: answer.status,
            node: node.map(|uri| Text::from(uri.as_str())),
        }
    }
}
