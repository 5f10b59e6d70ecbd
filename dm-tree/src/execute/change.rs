//! Add, Replace, Delete, Copy.

use dm_proto::{
    SessionId, StatusCode,
    message::Item,
    session::{Answer, Verb},
};

use super::{
    Executed,
    rules::{self, allowed, fits},
    value::{Given, declared_type},
};
use crate::{
    Acl, Address, Node, NodeFormat, NodeUri, Property, Query, Right, Transaction,
    description::{Access, Described},
    object::Change,
    std_objects::inbox_of,
    tnds::Tnds,
    tree::{Authority, CreatorAcl},
};

impl Transaction<'_> {
    pub(super) fn add(&mut self, server: &str, session: &SessionId, item: &Item) -> Executed {
        let address = self.address(item.target_uri())?;
        if address.query.is_some() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let uri = address.uri;
        let inbox = inbox_of(self.mounts, &uri);
        // What goes to the Inbox may end anywhere.
        let accounts = match inbox {
            Some(_) => self.accounts_behind(&NodeUri::ROOT)?,
            None => self.accounts_behind(&uri)?,
        };
        match inbox {
            Some(inbox) => self.add_to_inbox(server, session, inbox, &uri, item)?,
            None => self.add_at(server, &uri, item)?,
        }
        self.settle_accounts(accounts)?;
        Ok(StatusCode::OK.into())
    }

    /// Adds a node, or those of a document, at a place that is none of the Inbox.
    pub(super) fn add_at(
        &mut self,
        server: &str,
        uri: &NodeUri,
        item: &Item,
    ) -> Result<(), Answer> {
        if let Some(document) = Self::document_of(item)? {
            return self.add_document(server, uri, &document);
        }
        self.may_create(server, uri)?;
        let node = rules::added(self.describe(uri), &Given::of_item(item)?)?;
        Ok(self.create(server, uri, node)?)
    }

    pub(super) fn replace(&mut self, server: &str, item: &Item) -> Executed {
        let address = self.address(item.target_uri())?;
        let uri = address.uri;
        let node = self.view().node(&uri)?;
        let accounts = self.accounts_behind(&uri)?;
        match address.query {
            None => self.replace_value(server, item, &uri, &node)?,
            Some(Query::Property(property))
                if !rules::has_property(self.describe(&uri), property) =>
            {
                return Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED.into());
            }
            Some(Query::Property(Property::Acl)) => self.replace_acl(server, item, &uri, &node)?,
            Some(Query::Property(Property::Name)) => self.rename(server, item, &uri)?,
            Some(Query::Property(Property::Title)) => {
                self.replace_title(server, item, &uri, &node)?;
            }
            Some(_) => return Err(StatusCode::COMMAND_NOT_ALLOWED.into()),
        }
        self.settle_accounts(accounts)?;
        Ok(StatusCode::OK.into())
    }

    pub(super) fn delete(&mut self, server: &str, item: &Item) -> Executed {
        let address = self.address(item.target_uri())?;
        if address.query.is_some() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let uri = address.uri;
        self.view().node(&uri)?;
        if uri == NodeUri::ROOT {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let accounts = self.accounts_behind(&uri)?;
        self.remove(server, &uri)?;
        self.settle_accounts(accounts)?;
        if self.is_required(&uri)? {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        Ok(StatusCode::OK.into())
    }

    /// Removes a node with what is below it.
    ///
    /// The ACLs of what is below are not asked, and what is permanent below a node that is not goes
    /// with it: it came with it.
    pub(super) fn remove(&mut self, server: &str, uri: &NodeUri) -> Result<(), StatusCode> {
        self.permit(server, Right::Delete, uri)?;
        rules::may_delete(self.describe(uri))?;
        let change = Change::Delete(uri);
        self.check(uri, &change)?;
        self.raw().remove(uri)?;
        self.changed(uri, &change)
    }

    pub(super) fn copy(&mut self, server: &str, item: &Item) -> Executed {
        let source = self.address(item.source_uri())?;
        let target = self.address(item.target_uri())?;
        if source.query.is_some() || target.query.is_some() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let original = self.view().node(&source.uri)?;
        self.permit(server, Right::Get, &source.uri)?;
        if original.is_interior() || !self.describe(&source.uri).supports(Access::GET) {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let value = self.value_of(&source.uri, &original)?;
        let uri = target.uri;
        let described = self.describe(&uri);
        let accounts = self.accounts_behind(&uri)?;
        let Some(known) = self.view().find(&uri)? else {
            // The text knows only overwriting; a target that is missing is made as by Add.
            self.may_create(server, &uri)?;
            fits(described, &original)?;
            let node = Node::leaf(original.format, value).with_type(original.type_);
            self.create(server, &uri, node)?;
            self.settle_accounts(accounts)?;
            return Ok(StatusCode::OK.into());
        };
        self.permit(server, Right::Replace, &uri)?;
        allowed(!known.is_interior() && described.supports(Access::COPY))?;
        fits(described, &original)?;
        let node = Node {
            format: original.format,
            type_: original.type_,
            value,
            ..known.clone()
        };
        rules::keeps_type(described, &known, &node)?;
        self.overwrite(&uri, node, &known)?;
        self.settle_accounts(accounts)?;
        Ok(StatusCode::OK.into())
    }

    /// Whether a server may write to an address, whatever the value of the item. Changes nothing.
    pub(crate) fn may_write(
        &mut self,
        server: &str,
        verb: Verb,
        address: &Address,
        item: &Item,
    ) -> Result<(), StatusCode> {
        let uri = &address.uri;
        let is_document = declared_type(item).and_then(Tnds::encoding).is_some();
        match verb {
            // What it is for is known once it was read.
            Verb::Add if inbox_of(self.mounts, uri).is_some() => Ok(()),
            Verb::Add if is_document && self.view().exists(uri) => {
                allowed(self.view().node(uri)?.is_interior())?;
                self.permit(server, Right::Add, uri)
            }
            Verb::Add => {
                // Where the tree adds implicitly, it makes the parents.
                self.savepoint();
                let made = self.may_create(server, uri);
                self.rollback();
                made.map_err(|answer| answer.status)
            }
            Verb::Replace => {
                self.view().node(uri)?;
                match address.query {
                    // Each node of a document has rights of its own.
                    None if is_document => Ok(()),
                    None => self.permit(server, Right::Replace, uri),
                    // So have properties.
                    Some(_) => Ok(()),
                }
            }
            _ => {
                self.view().node(uri)?;
                Ok(())
            }
        }
    }

    /// Whether a server may make a node here: it is missing, its parent is not, and both ACL and
    /// description allow it. Where the tree adds implicitly, the parent is made.
    pub(super) fn may_create(&mut self, server: &str, uri: &NodeUri) -> Result<(), Answer> {
        if self.view().find(uri)?.is_some() {
            return Err(StatusCode::ALREADY_EXISTS.into());
        }
        let parent = uri.parent().ok_or(StatusCode::ALREADY_EXISTS)?;
        if self.view().find(&parent)?.is_none() {
            self.add_parents(server, &parent)?;
        }
        Ok(self.may_create_below(server, &parent, uri)?)
    }

    fn may_create_below(
        &self,
        server: &str,
        parent_uri: &NodeUri,
        uri: &NodeUri,
    ) -> Result<(), StatusCode> {
        let parent = self.view().node(parent_uri)?;
        self.permit(server, Right::Add, parent_uri)?;
        allowed(parent.is_interior())?;
        let (of_parent, of_child) = (self.describe(parent_uri), self.describe(uri));
        match self.authority {
            Authority::Server => rules::may_add(of_parent, of_child)?,
            Authority::Device => allowed(!of_child.is_permanent())?,
        }
        if let (Described::Node(parent), Described::Node(child)) = (of_parent, of_child) {
            let most = child.occurs().most();
            // Not counted where any number may be, or where the name says that it is the first: among
            // thousands of siblings that takes its time.
            if child.name().is_some() {
                allowed(most > 0)?;
            } else if most != usize::MAX {
                let siblings = self.view().children(parent_uri)?;
                let case = self.case_below(parent_uri);
                allowed(parent.count(child, case, &siblings) < most)?;
            }
        }
        Ok(())
    }

    /// Makes the interior nodes that lead to a node, if the tree does that; else 404 with the one that
    /// would have to be added first. OMA-TS-DM_RepPro, Add.
    pub(super) fn add_parents(&mut self, server: &str, last: &NodeUri) -> Result<(), Answer> {
        let mut missing = vec![last.clone()];
        while let Some(above) = missing.last().and_then(NodeUri::parent) {
            if self.view().find(&above)?.is_some() {
                break;
            }
            missing.push(above);
        }
        let is_made = self.options.implicit_add;
        for uri in missing.iter().rev() {
            let made = if is_made {
                self.add_interior(server, uri)
            } else {
                Err(StatusCode::NOT_FOUND)
            };
            made.map_err(|status| Answer {
                items: vec![Item::for_target(uri.as_str())],
                ..Answer::from(status)
            })?;
        }
        Ok(())
    }

    fn add_interior(&mut self, server: &str, uri: &NodeUri) -> Result<(), StatusCode> {
        let parent = uri.parent().ok_or(StatusCode::ALREADY_EXISTS)?;
        self.may_create_below(server, &parent, uri)?;
        let given = Given {
            format: Some(NodeFormat::Node),
            type_: None,
            value: None,
            is_transfer: false,
        };
        let node = rules::added(self.describe(uri), &given)?;
        self.create(server, uri, node)
    }

    /// Makes a node that may be made, with what is permanent below it.
    pub(super) fn create(
        &mut self,
        server: &str,
        uri: &NodeUri,
        mut node: Node,
    ) -> Result<(), StatusCode> {
        self.check_size(&node)?;
        if let Some(parent) = uri.parent()
            && node.is_interior()
            && self.authority == Authority::Server
        {
            let inherited = self.view().effective_acl(&parent)?;
            if !inherited.allows(Right::Replace, server) {
                let kept = match self.options.creator_acl {
                    CreatorAcl::Keeping => inherited,
                    CreatorAcl::Literal => Acl::default(),
                };
                node.acl = Acl::of_creator(server, &kept);
            }
        }
        let change = Change::Add(uri, &node);
        self.check(uri, &change)?;
        self.raw().write(uri.clone(), node.clone(), None);
        self.grow_below(uri)?;
        self.changed(uri, &change)
    }

    pub(super) fn overwrite(
        &mut self,
        uri: &NodeUri,
        node: Node,
        known: &Node,
    ) -> Result<(), StatusCode> {
        self.check_size(&node)?;
        let change = Change::Replace(uri, &node);
        self.check(uri, &change)?;
        self.raw().write(uri.clone(), node.clone(), Some(known));
        self.changed(uri, &change)
    }

    fn check_size(&self, node: &Node) -> Result<(), StatusCode> {
        match self.options.max_value {
            Some(max) if node.value.len() > max => Err(StatusCode::REQUEST_ENTITY_TOO_LARGE),
            _ => Ok(()),
        }
    }

    fn replace_value(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), Answer> {
        self.permit(server, Right::Replace, uri)?;
        if let Some(document) = Self::document_of(item)? {
            return self.replace_document(server, uri, &document);
        }
        let node = rules::replaced(self.describe(uri), known, &Given::of_item(item)?)?;
        Ok(self.overwrite(uri, node, known)?)
    }

    /// Whether the description wants more nodes of this kind than there are, this one not counted if it
    /// is gone.
    pub(super) fn is_required(&self, uri: &NodeUri) -> Result<bool, StatusCode> {
        let Some(parent_uri) = uri.parent() else {
            return Ok(true);
        };
        let (Described::Node(parent), Described::Node(node)) =
            (self.describe(&parent_uri), self.describe(uri))
        else {
            return Ok(false);
        };
        let least = node.occurs().least();
        if least == 0 || self.view().find(&parent_uri)?.is_none() {
            return Ok(false);
        }
        let siblings = self.view().children(&parent_uri)?;
        let case = self.case_below(&parent_uri);
        Ok(parent.count(node, case, &siblings) < least)
    }
}
