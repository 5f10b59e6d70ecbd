//! Add, Replace, Delete, Copy.

use dm_proto::{
    Data, StatusCode,
    message::Item,
    session::{Answer, Verb},
};

use super::{
    Executed,
    value::{declared_format, declared_type, is_tnds, value},
};
use crate::{
    Acl, Address, Node, NodeFormat, NodeUri, Property, Query, Right, Transaction,
    description::{Access, Described},
    object::Change,
};

impl Transaction<'_> {
    pub(super) fn add(&mut self, server: &str, item: &Item) -> Executed {
        let address = self.address(item.target_uri())?;
        if address.query.is_some() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let uri = address.uri;
        self.may_create(server, &uri)?;
        let node = self.new_node(&uri, item)?;
        self.create(server, &uri, node)?;
        Ok(StatusCode::OK.into())
    }

    pub(super) fn replace(&mut self, server: &str, item: &Item) -> Executed {
        let address = self.address(item.target_uri())?;
        let uri = address.uri;
        let node = self.view().node(&uri)?;
        match address.query {
            None => self.replace_value(server, item, &uri, &node)?,
            Some(Query::Property(Property::Acl)) => self.replace_acl(server, item, &uri, &node)?,
            Some(Query::Property(Property::Name)) => self.rename(server, item, &uri)?,
            Some(Query::Property(Property::Title)) => {
                self.replace_title(server, item, &uri, &node)?;
            }
            Some(_) => return Err(StatusCode::COMMAND_NOT_ALLOWED.into()),
        }
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
        // The ACLs of what is below are not asked, and what is permanent below a node that is not
        // goes with it: it came with it.
        self.permit(server, Right::Delete, &uri)?;
        let described = self.describe(&uri);
        if described.is_permanent()
            || !described.supports(Access::DELETE)
            || self.is_last_required(&uri)?
        {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let change = Change::Delete(&uri);
        self.check(&uri, &change)?;
        self.raw().remove(&uri)?;
        self.changed(&uri, &change)?;
        Ok(StatusCode::OK.into())
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
        let Some(known) = self.view().find(&uri)? else {
            // The text knows only overwriting; a target that is missing is made as by Add.
            self.may_create(server, &uri)?;
            fits(described, &original)?;
            let node = Node::leaf(original.format, value).with_type(original.type_);
            self.create(server, &uri, node)?;
            return Ok(StatusCode::OK.into());
        };
        self.permit(server, Right::Replace, &uri)?;
        if known.is_interior() || !described.supports(Access::COPY) {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        fits(described, &original)?;
        let node = Node {
            format: original.format,
            type_: original.type_,
            value,
            ..known.clone()
        };
        self.overwrite(&uri, node, &known)?;
        Ok(StatusCode::OK.into())
    }

    /// Whether a server may write to an address, whatever the value.
    pub(crate) fn may_write(
        &self,
        server: &str,
        verb: Verb,
        address: &Address,
    ) -> Result<(), StatusCode> {
        let uri = &address.uri;
        match verb {
            Verb::Add => self.may_create(server, uri).map_err(|answer| answer.status),
            Verb::Replace => {
                self.view().node(uri)?;
                match address.query {
                    None => self.permit(server, Right::Replace, uri),
                    // Rights on properties have rules of their own.
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
    /// description allow it.
    fn may_create(&self, server: &str, uri: &NodeUri) -> Result<(), Answer> {
        if self.view().exists(uri) {
            return Err(StatusCode::ALREADY_EXISTS.into());
        }
        let parent_uri = uri.parent().ok_or(StatusCode::ALREADY_EXISTS)?;
        let Some(parent) = self.view().find(&parent_uri)? else {
            return Err(self.missing_parent(parent_uri)?);
        };
        self.permit(server, Right::Add, &parent_uri)?;
        let allowed = parent.is_interior()
            && match self.describe(uri) {
                Described::Nothing => false,
                Described::Open => true,
                Described::Node(child) => match self.describe(&parent_uri) {
                    // Descriptions in use name Add on either of the two.
                    Described::Node(parent) => {
                        !child.is_permanent()
                            && (parent.supports(Access::ADD) || child.supports(Access::ADD))
                            && match child.occurs().most() {
                                // Not counted: among thousands of siblings that takes its time.
                                usize::MAX => true,
                                most => {
                                    let siblings = self.view().children(&parent_uri)?;
                                    parent.count(child, &siblings) < most
                                }
                            }
                    }
                    Described::Open | Described::Nothing => false,
                },
            };
        if allowed {
            Ok(())
        } else {
            Err(StatusCode::COMMAND_NOT_ALLOWED.into())
        }
    }

    /// 404 with the interior node that would have to be added first. OMA-TS-DM_RepPro, Add.
    fn missing_parent(&self, mut missing: NodeUri) -> Result<Answer, StatusCode> {
        while let Some(above) = missing.parent() {
            if self.view().find(&above)?.is_some() {
                break;
            }
            missing = above;
        }
        Ok(Answer {
            items: vec![Item::for_target(missing.as_str())],
            ..Answer::from(StatusCode::NOT_FOUND)
        })
    }

    /// The node that an Add describes.
    fn new_node(&self, uri: &NodeUri, item: &Item) -> Result<Node, StatusCode> {
        if is_tnds(item) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let declared = declared_format(item)?;
        let described = self.describe(uri);
        let format = match (described, declared) {
            (Described::Node(node), _) => node.format(),
            // Octets come as `b64` over XML.
            (_, Some(NodeFormat::B64)) => NodeFormat::Bin,
            (_, Some(declared)) => declared,
            (_, None) => NodeFormat::Chr,
        };
        let node = Node::leaf(format, value(item, declared, format)?);
        let type_ = match (declared_type(item), described) {
            (Some(type_), _) => type_.into(),
            (None, Described::Node(node)) => node.types().first().cloned().unwrap_or_default(),
            (None, _) if format == NodeFormat::Node => Default::default(),
            (None, _) => node.type_.clone(),
        };
        let node = node.with_type(type_);
        // A server may call an interior node what the documents call every value.
        if node.is_interior() && node.type_ == "text/plain" {
            return Ok(match described {
                Described::Node(node) => node.initial(),
                Described::Open | Described::Nothing => Node::interior(""),
            });
        }
        fits(described, &node)?;
        Ok(node)
    }

    /// Makes a node that may be made.
    fn create(&mut self, server: &str, uri: &NodeUri, mut node: Node) -> Result<(), StatusCode> {
        if let Some(parent) = uri.parent()
            && node.is_interior()
        {
            let inherited = self.view().effective_acl(&parent)?;
            if !inherited.allows(Right::Replace, server) {
                node.acl = Acl::of_creator(server, &inherited);
            }
        }
        let change = Change::Add(uri, &node);
        self.check(uri, &change)?;
        self.raw().write(uri.clone(), node.clone(), None);
        self.changed(uri, &change)
    }

    fn overwrite(&mut self, uri: &NodeUri, node: Node, known: &Node) -> Result<(), StatusCode> {
        let change = Change::Replace(uri, &node);
        self.check(uri, &change)?;
        self.raw().write(uri.clone(), node.clone(), Some(known));
        self.changed(uri, &change)
    }

    fn replace_value(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), StatusCode> {
        self.permit(server, Right::Replace, uri)?;
        if is_tnds(item) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let described = self.describe(uri);
        let declared = declared_format(item)?;
        if known.is_interior()
            || !described.supports(Access::REPLACE)
            || declared == Some(NodeFormat::Node)
        {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let format = match (described, declared) {
            // What nothing describes may change its format with its value.
            (Described::Open, Some(NodeFormat::B64)) if known.format != NodeFormat::B64 => {
                NodeFormat::Bin
            }
            (Described::Open, Some(declared)) => declared,
            _ => known.format,
        };
        let node = Node {
            format,
            type_: declared_type(item).map_or_else(|| known.type_.clone(), Into::into),
            value: value(item, declared, format)?,
            ..known.clone()
        };
        fits(described, &node)?;
        self.overwrite(uri, node, known)
    }

    /// OMA-TS-DM_TND, ACL: who may Replace an interior node or its parent may change its ACL; that of
    /// a leaf, only who may Replace its parent.
    fn replace_acl(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), StatusCode> {
        let by_itself = known.is_interior() && self.permit(server, Right::Replace, uri).is_ok();
        if !by_itself {
            let parent = uri.parent().ok_or(StatusCode::PERMISSION_DENIED)?;
            self.permit(server, Right::Replace, &parent)?;
        }
        let text = text_of(item)?;
        if text.len() > MAX_ACL {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        let acl = Acl::parse(text).map_err(|_| StatusCode::BAD_REQUEST)?;
        // There is nothing that the root could inherit from.
        if acl.is_empty() && *uri == NodeUri::ROOT {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let node = known.clone().with_acl(acl);
        self.raw().write(uri.clone(), node, Some(known));
        Ok(())
    }

    fn replace_title(
        &mut self,
        server: &str,
        item: &Item,
        uri: &NodeUri,
        known: &Node,
    ) -> Result<(), StatusCode> {
        self.permit(server, Right::Replace, uri)?;
        let title = text_of(item)?;
        if title.len() > MAX_TITLE {
            return Err(StatusCode::REQUEST_ENTITY_TOO_LARGE);
        }
        let node = known.clone().with_title(title);
        self.raw().write(uri.clone(), node, Some(known));
        Ok(())
    }

    fn rename(&mut self, server: &str, item: &Item, uri: &NodeUri) -> Result<(), StatusCode> {
        self.permit(server, Right::Replace, uri)?;
        let described = self.describe(uri);
        let parent = uri.parent().ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        if described.is_permanent() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let name = text_of(item)?.trim();
        if name.contains('/') {
            return Err(StatusCode::BAD_REQUEST);
        }
        let renamed = parent
            .join(name)
            .map_err(|error| StatusCode::from(&error))?;
        if !self.limits.allow(&renamed) {
            return Err(StatusCode::URI_TOO_LONG);
        }
        if renamed == *uri {
            return Ok(());
        }
        if self.view().exists(&renamed) {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        // The new name must not make another node of it: that would be another description.
        let same = match (described, self.describe(&renamed)) {
            (Described::Node(old), Described::Node(new)) => core::ptr::eq(old, new),
            (Described::Open, Described::Open) => true,
            _ => false,
        };
        if !same {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let change = Change::Rename(uri, renamed.name());
        self.check(uri, &change)?;
        self.raw().rename(uri, &renamed)?;
        self.changed(uri, &change)
    }

    /// Whether the description wants at least one node of this kind and this is the last.
    fn is_last_required(&self, uri: &NodeUri) -> Result<bool, StatusCode> {
        let Some(parent_uri) = uri.parent() else {
            return Ok(true);
        };
        let (Described::Node(parent), Described::Node(node)) =
            (self.describe(&parent_uri), self.describe(uri))
        else {
            return Ok(false);
        };
        let least = node.occurs().least();
        if least == 0 {
            return Ok(false);
        }
        let siblings = self.view().children(&parent_uri)?;
        Ok(parent.count(node, &siblings) <= least)
    }
}

/// Whether a description takes a node of this format and type.
fn fits(described: Described<'_>, node: &Node) -> Result<(), StatusCode> {
    match described {
        Described::Node(description)
            if description.format() != node.format || !description.accepts_type(&node.type_) =>
        {
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
        _ => Ok(()),
    }
}

/// The text of a property.
fn text_of(item: &Item) -> Result<&str, StatusCode> {
    match &item.data {
        None => Ok(""),
        Some(data) => Data::as_str(data)
            .or_else(|| core::str::from_utf8(data.as_bytes()?).ok())
            .ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    }
}

/// The longest ACL in octets that is taken: every command below its node reads it.
const MAX_ACL: usize = 16 << 10;
/// The longest title in octets. OMA-TS-DM_TND, Title.
const MAX_TITLE: usize = 255;
