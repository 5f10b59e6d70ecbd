//! What a description says of a command, without a device.

use dm_proto::{StatusCode, message::Item, session::Verb};

use super::Ddf;
use crate::{
    Address, Node, NodeUri, Property, Query, Transaction,
    description::{Access, Described},
    execute::{
        import::{head_of, places},
        property::{renamed, text_of},
        rules,
        value::Given,
    },
    tnds::Tnds,
};

impl Ddf {
    /// Whether a device that is as described could do a command: 405 for what a node does not support,
    /// 404 for a node that there cannot be, 415 for a format or type that it does not take, 406 for a
    /// property that it does not have, 400 for what is no URI. It is what a device of this crate answers,
    /// as far as the tree, the ACLs and the object behind the node have no say.
    ///
    /// A serialized subtree (TNDS) is looked through: an Add of it is allowed if each of its nodes could be
    /// added, with the target for a parent of all or for one of them, since only the device knows whether
    /// it is there; a Replace, if there can be each of them with its format, type and value. A command is one
    /// item with its complete `Meta`.
    ///
    /// # Errors
    ///
    /// The status that the device would answer.
    pub fn check(&self, verb: Verb, item: &Item) -> Result<(), StatusCode> {
        let address = address(item.target_uri())?;
        let described = self.describe(&address.uri);
        match (verb, address.query) {
            (Verb::Get, query) => self.check_get(&address.uri, query),
            (Verb::Replace, Some(Query::Property(property))) => {
                self.check_property(item, &address.uri, property)
            }
            (_, Some(_)) => Err(StatusCode::COMMAND_NOT_ALLOWED),
            (Verb::Add, None) => self.check_add(item, &address.uri),
            (Verb::Replace, None) => {
                let known = described_node(described)?;
                if let Some(document) = Transaction::document_of(item)? {
                    rules::allowed(described.supports(Access::REPLACE))?;
                    return self.check_replaced(&document, &address.uri);
                }
                rules::replaced(described, &known, &Given::of_item(item)?)?;
                Ok(())
            }
            (Verb::Delete, None) => {
                described_node(described)?;
                rules::may_delete(described)
            }
            (Verb::Copy, None) => {
                let source = address_of(item.source_uri())?;
                let from = self.describe(&source);
                let original = described_node(from)?;
                rules::allowed(!original.is_interior() && from.supports(Access::GET))?;
                let known = described_node(described)?;
                rules::allowed(!known.is_interior() && described.supports(Access::COPY))?;
                rules::fits(described, &original)
            }
            (Verb::Exec, None) => {
                described_node(described)?;
                rules::allowed(described.supports(Access::EXEC))
            }
        }
    }

    fn check_get(&self, uri: &NodeUri, query: Option<Query>) -> Result<(), StatusCode> {
        let described = self.describe(uri);
        let node = described_node(described)?;
        let Some(Query::Property(property)) = query else {
            return rules::allowed(query.is_some() || described.supports(Access::GET));
        };
        has_property(described, property)?;
        match property {
            Property::Size if node.is_interior() => Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED),
            Property::Size => rules::allowed(described.supports(Access::GET)),
            _ => Ok(()),
        }
    }

    fn check_property(
        &self,
        item: &Item,
        uri: &NodeUri,
        property: Property,
    ) -> Result<(), StatusCode> {
        let described = self.describe(uri);
        described_node(described)?;
        has_property(described, property)?;
        match property {
            Property::Acl | Property::Title => Ok(()),
            Property::Name => {
                rules::allowed(!described.is_permanent())?;
                let parent = uri.parent().ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
                let renamed = renamed(&parent, text_of(item)?)?;
                rules::allowed(rules::is_same(described, self.describe(&renamed)))
            }
            _ => Err(StatusCode::COMMAND_NOT_ALLOWED),
        }
    }

    fn check_add(&self, item: &Item, uri: &NodeUri) -> Result<(), StatusCode> {
        let parent = uri.parent().ok_or(StatusCode::ALREADY_EXISTS)?;
        let described = self.describe(uri);
        let above = self.describe(&parent);
        if let Described::Nothing = above
            && !self.leads_to_an_object(&parent)
        {
            return Err(StatusCode::NOT_FOUND);
        }
        if let Described::Node(parent) = above {
            rules::allowed(parent.format() == crate::NodeFormat::Node)?;
        }
        if let Some(document) = Transaction::document_of(item)? {
            let below = || self.check_added(&document, uri, None);
            return match head_of(&document, uri) {
                // What keeps a document from both is told of the target itself, if it can be added.
                Some(head) if rules::may_add(above, described).is_ok() => self
                    .check_added(&document, uri, Some(head))
                    .or_else(|status| below().map_err(|_| status)),
                _ => below(),
            };
        }
        rules::may_add(above, described)?;
        rules::added(described, &Given::of_item(item)?)?;
        Ok(())
    }

    /// Whether each node of a document could be added.
    fn check_added(
        &self,
        document: &Tnds,
        target: &NodeUri,
        head: Option<usize>,
    ) -> Result<(), StatusCode> {
        for (uri, node) in places(document, target, head, Ok::<_, StatusCode>)? {
            let parent = uri.parent().ok_or(StatusCode::ALREADY_EXISTS)?;
            let described = self.describe(&uri);
            rules::may_add(self.describe(&parent), described)?;
            rules::added(described, &Given::of_node(node))?;
        }
        Ok(())
    }

    /// Whether each node of a document could be there as the document has it.
    fn check_replaced(&self, document: &Tnds, target: &NodeUri) -> Result<(), StatusCode> {
        let head = head_of(document, target);
        for (uri, node) in places(document, target, head, Ok::<_, StatusCode>)? {
            let described = self.describe(&uri);
            rules::allowed(!matches!(described, Described::Nothing))?;
            // Without a value, a leaf keeps its own.
            if node.is_interior() || node.value.is_some() {
                rules::added(described, &Given::of_node(node))?;
            }
        }
        Ok(())
    }

    /// What the objects say of a node.
    fn describe(&self, uri: &NodeUri) -> Described<'_> {
        for object in &self.objects {
            if let Some(root) = object.root()
                && let Some(path) = uri.below(&root)
            {
                return object.description.lookup(path);
            }
        }
        // An object whose name is chosen at run time, below a place that is known.
        for object in &self.objects {
            if object.description.name().is_none()
                && let Some(path) = &object.path
                && let Some(rest) = uri.below(path).filter(|rest| !rest.is_empty())
            {
                let below = rest.split_once('/').map_or("", |(_, below)| below);
                return object.description.lookup(below);
            }
        }
        Described::Nothing
    }

    fn leads_to_an_object(&self, uri: &NodeUri) -> bool {
        self.objects.iter().any(|object| {
            let path = object.path.clone().unwrap_or(NodeUri::ROOT);
            path.below(uri).is_some()
        })
    }
}

fn address(uri: Option<&dm_proto::LocUri>) -> Result<Address, StatusCode> {
    let uri = uri.ok_or(StatusCode::BAD_REQUEST)?;
    Address::parse(uri.as_str()).map_err(|error| StatusCode::from(&error))
}

fn address_of(uri: Option<&dm_proto::LocUri>) -> Result<NodeUri, StatusCode> {
    let address = address(uri)?;
    rules::allowed(address.query.is_none())?;
    Ok(address.uri)
}

/// A node as it might be; 404 if there can be none.
fn described_node(described: Described<'_>) -> Result<Node, StatusCode> {
    match described {
        Described::Node(description) => Ok(description.initial()),
        Described::Open => Ok(Node::leaf(crate::NodeFormat::Chr, "")),
        Described::Nothing => Err(StatusCode::NOT_FOUND),
    }
}

fn has_property(described: Described<'_>, property: Property) -> Result<(), StatusCode> {
    if rules::has_property(described, property) {
        Ok(())
    } else {
        Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED)
    }
}
