//! Get: values, lists of children, properties, structures.

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::{
    Data, StatusCode,
    message::{Item, Meta},
    session::Answer,
};

use super::{
    Executed, rules,
    value::{data_of, meta_of},
};
use crate::{
    Acl, ListKind, Node, NodeFormat, NodeUri, Property, Query, Right, Transaction,
    description::Access, node::tstamp_text, std_objects::inbox_of,
};

impl Transaction<'_> {
    pub(super) fn get(&self, server: &str, item: &Item) -> Executed {
        let asked = item.target_uri();
        let address = self.address(asked)?;
        let source = asked.map_or("", |asked| asked.as_str()).trim();
        // OMA-TS-DM_StdObj, Inbox: whatever is asked, of whatever is there or not.
        if inbox_of(self.mounts, &address.uri).is_some() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        }
        let node = self.view().node(&address.uri)?;
        if let Some(Query::List(kind)) = address.query {
            // The query is not part of the addresses of the nodes.
            let base = source.split('?').next().unwrap_or(source);
            return match kind {
                ListKind::Tnds(properties) => {
                    self.serialized(server, properties, item, base, &address.uri, node)
                }
                ListKind::Struct => self.list(server, false, base, &address.uri, node),
                ListKind::StructData => self.list(server, true, base, &address.uri, node),
            };
        }
        self.permit(server, Right::Get, &address.uri)?;
        let mut result = Item::for_source(source);
        if let Some(Query::Property(property)) = address.query {
            result.data = Some(self.property(property, &address.uri, &node)?);
        } else if !self.describe(&address.uri).supports(Access::GET) {
            return Err(StatusCode::COMMAND_NOT_ALLOWED.into());
        } else if node.is_interior() {
            let names = self.view().children(&address.uri)?;
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            result.data = Some(Data::text(names.join("/")));
            let type_ = match node.type_.as_str() {
                "" => "text/plain",
                type_ => type_,
            };
            result.meta = Some(Arc::new(Meta::format("node").with_type(type_)));
        } else {
            let value = self.value_of(&address.uri, &node)?;
            result.data = Some(data_of(node.format, value));
            result.meta = meta_of(&node).map(Arc::new);
        }
        Ok(Answer::results(vec![result]))
    }

    /// The value of a leaf: computed by its object, or as stored.
    pub(super) fn value_of(&self, uri: &NodeUri, node: &Node) -> Result<Bytes, StatusCode> {
        self.mount_of(uri)
            .and_then(|mount| mount.object.read(&self.view(), uri))
            .unwrap_or_else(|| Ok(node.value.clone()))
    }

    /// The text of a property. OMA-TS-DM_TND, properties.
    fn property(&self, property: Property, uri: &NodeUri, node: &Node) -> Result<Data, StatusCode> {
        if !rules::has_property(self.describe(uri), property) {
            return Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED);
        }
        let text = match property {
            Property::Acl => node.acl.to_string(),
            Property::Format => node.format.name().into(),
            Property::Name => uri.name().into(),
            // Interior nodes have no Size.
            Property::Size if node.is_interior() => {
                return Err(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED);
            }
            // The size of a value that cannot be read is not told either.
            Property::Size if !self.describe(uri).supports(Access::GET) => {
                return Err(StatusCode::COMMAND_NOT_ALLOWED);
            }
            Property::Size => self.value_of(uri, node)?.len().to_string(),
            Property::Title => node.title.to_string(),
            Property::TStamp => tstamp_text(node.tstamp),
            Property::Type => node.type_.to_string(),
            Property::VerNo => node.ver_no.to_string(),
        };
        Ok(Data::text(text))
    }

    /// A subtree, parents before children, without what the server may not read. OMA-TS-DM_TND,
    /// retrieval of the structure.
    fn list(
        &self,
        server: &str,
        with_data: bool,
        base: &str,
        start: &NodeUri,
        node: Node,
    ) -> Executed {
        let inherited = self.view().effective_acl(start)?;
        let mut left = self.options.max_results.unwrap_or(usize::MAX);
        let mut results = Vec::new();
        let mut pending: Vec<(NodeUri, Node, Acl)> = vec![(start.clone(), node, inherited)];
        while let Some((uri, node, inherited)) = pending.pop() {
            let acl = if node.acl.is_empty() {
                inherited
            } else {
                node.acl.clone()
            };
            if node.is_interior() {
                for (name, node) in self.view().entries(&uri)?.into_iter().rev() {
                    pending.push((uri.child_named(&name), node, acl.clone()));
                }
            }
            if acl.allows(Right::Get, server) {
                let item = self.listed(base, start, &uri, &node, with_data)?;
                left = left
                    .checked_sub(size_of_result(&item))
                    .ok_or(StatusCode::REQUEST_ENTITY_TOO_LARGE)?;
                results.push(item);
            }
        }
        if results.is_empty() {
            return Err(StatusCode::PERMISSION_DENIED.into());
        }
        Ok(Answer::results(results))
    }

    fn listed(
        &self,
        base: &str,
        start: &NodeUri,
        uri: &NodeUri,
        node: &Node,
        with_data: bool,
    ) -> Result<Item, StatusCode> {
        let source = match uri.below(start) {
            None | Some("") => base.into(),
            Some(rest) => format!("{base}/{rest}"),
        };
        let mut item = Item::for_source(source);
        item.meta = meta_of(node).map(Arc::new);
        if with_data && node.format != NodeFormat::Node && self.describe(uri).supports(Access::GET)
        {
            item.data = Some(data_of(node.format, self.value_of(uri, node)?));
        }
        Ok(item)
    }
}

/// About what an item takes in memory, in octets.
fn size_of_result(item: &Item) -> usize {
    let source = item.source_uri().map_or(0, |source| source.as_str().len());
    let data = item.data.as_ref();
    let text = data.and_then(Data::as_str).map_or(0, str::len);
    let octets = data.and_then(Data::as_bytes).map_or(0, <[u8]>::len);
    size_of::<Item>()
        .saturating_add(source)
        .saturating_add(text.max(octets))
}
