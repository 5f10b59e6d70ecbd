//! Get with `?list=TNDS`. OMA-TS-DM_TND, exchange of the tree.

use dm_proto::{
    Data, StatusCode,
    codec::Encoding,
    message::{Item, Meta},
    session::Answer,
};

use super::{Executed, rules, value::declared_type};
use crate::{
    Acl, Node, NodeFormat, NodeUri, Property, PropertySet, Right, Transaction,
    description::Access,
    node::tstamp_text,
    tnds::{Tnds, TndsNode},
};

impl Transaction<'_> {
    /// The subtree as one document, without what the server may not read. Below a node that it may not
    /// read, those that it may stand at the top with their path.
    pub(super) fn serialized(
        &self,
        server: &str,
        properties: PropertySet,
        item: &Item,
        base: &str,
        start: &NodeUri,
        node: Node,
    ) -> Executed {
        let mut tnds = Tnds::default();
        let inherited = self.view().effective_acl(start)?;
        let most = self.options.max_results.unwrap_or(usize::MAX);
        let mut left = Tnds::limits().memory.min(most);
        // A node, its ACL above, and how deep its parent is in the document if it is there.
        let mut pending: Vec<(NodeUri, Node, Acl, Option<usize>)> =
            vec![(start.clone(), node, inherited, None)];
        // Those that wait to stand at the top.
        let mut orphans = Vec::new();
        while let Some((uri, node, inherited, above)) = pending.pop().or_else(|| orphans.pop()) {
            let acl = if node.acl.is_empty() {
                inherited
            } else {
                node.acl.clone()
            };
            let mut depth = None;
            if acl.allows(Right::Get, server) {
                let mut written = self.written(&uri, &node, properties)?;
                written.depth = above.map_or(0, |above| above.saturating_add(1));
                if above.is_none() && uri != *start {
                    let parent = uri.parent().unwrap_or(NodeUri::ROOT);
                    written.path = Some(parent.below(start).unwrap_or_default().into());
                }
                depth = Some(written.depth);
                let size = written.value.as_ref().map_or(0, bytes::Bytes::len);
                left = left
                    .checked_sub(size.saturating_add(NODE_SIZE))
                    .ok_or(StatusCode::REQUEST_ENTITY_TOO_LARGE)?;
                tnds.push(written);
            }
            if node.is_interior() {
                for name in self.view().children(&uri)?.into_iter().rev() {
                    let child = uri.child_named(&name);
                    let node = self.view().node(&child)?;
                    let next = (child, node, acl.clone(), depth);
                    if depth.is_some() {
                        pending.push(next);
                    } else {
                        orphans.push(next);
                    }
                }
            }
        }
        if tnds.nodes().is_empty() {
            return Err(StatusCode::PERMISSION_DENIED.into());
        }
        let encoding = declared_type(item)
            .and_then(Tnds::encoding)
            .unwrap_or(Encoding::Xml);
        let octets = tnds
            .write(encoding)
            .map_err(|error| StatusCode::from(&error))?;
        let mut result = Item::for_source(base);
        let (format, type_, data) = match (encoding, core::str::from_utf8(&octets)) {
            (Encoding::Xml, Ok(text)) => ("xml", Tnds::XML, Data::text(text)),
            _ => ("bin", Tnds::WBXML, Data::binary(octets)),
        };
        result.meta = Some(Meta::format(format).with_type(type_).into());
        result.data = Some(data);
        Ok(Answer::results(vec![result]))
    }

    /// A node with those of its properties that were asked for.
    fn written(
        &self,
        uri: &NodeUri,
        node: &Node,
        properties: PropertySet,
    ) -> Result<TndsNode, StatusCode> {
        let mut written = TndsNode {
            name: Some(uri.name().into()),
            ..TndsNode::default()
        };
        let described = self.describe(uri);
        let has =
            |property| properties.contains(property) && rules::has_property(described, property);
        if has(Property::Acl) && !node.acl.is_empty() {
            written.acl = Some(node.acl.clone());
        }
        // Without its Format it could not be told whether a value is Base64.
        let is_binary = node.format == NodeFormat::Bin && properties.has_value();
        if has(Property::Format) || is_binary {
            written.format = Some(node.format);
        }
        if has(Property::Type) {
            written.type_ = Some(node.type_.clone());
        }
        if has(Property::Title) && !node.title.is_empty() {
            written.title = Some(node.title.clone());
        }
        if has(Property::TStamp) {
            written.tstamp = Some(tstamp_text(node.tstamp).into());
        }
        if has(Property::VerNo) {
            written.ver_no = Some(node.ver_no);
        }
        if properties.has_value()
            && node.format != NodeFormat::Node
            && described.supports(Access::GET)
        {
            written.value = Some(self.value_of(uri, node)?);
        }
        Ok(written)
    }
}

/// What a node without a value takes at most, in octets: a document that would be larger than a message
/// is not begun.
const NODE_SIZE: usize = 256;
