//! Nodes of a document into nodes of a subtree.

use base64::Engine as _;
use bytes::Bytes;
use dm_proto::Text;

use super::{Tnds, TndsNode};
use crate::{
    Acl, DocumentError, NodeFormat,
    execute::BASE64,
    mgmt_tree::{Content, MgmtTree, RawNode},
};

pub(super) fn nodes(tree: MgmtTree) -> Result<Tnds, DocumentError> {
    let mut tnds = Tnds {
        man: tree.man,
        mod_: tree.mod_,
        nodes: Vec::with_capacity(tree.nodes.len()),
    };
    // The names on the way to the node.
    let mut place: Vec<Text> = Vec::new();
    for node in tree.nodes {
        place.truncate(node.depth);
        place.push(node.name.clone().unwrap_or_default());
        let node = read(node).map_err(|element| DocumentError::Malformed {
            node: place.join("/").into(),
            element,
        })?;
        tnds.nodes.push(node);
    }
    if tnds.nodes.is_empty() {
        return Err(DocumentError::Missing {
            node: Text::EMPTY,
            element: "Node",
        });
    }
    Ok(tnds)
}

/// One node, or the element at fault.
fn read(node: RawNode) -> Result<TndsNode, &'static str> {
    // OMA-TS-DM_TNDS says that RTProperties is mandatory, and leaves it out in an example.
    let run_time = node.run_time.unwrap_or_default();
    let value = node
        .value
        .map(|value| value_of(value, run_time.format))
        .transpose()?;
    let acl = run_time.acl.map(|text| Acl::parse(&text)).transpose();
    let ver_no = run_time
        .ver_no
        .filter(|text| !text.trim().is_empty())
        .map(|text| text.trim().parse())
        .transpose();
    Ok(TndsNode {
        depth: node.depth,
        name: node.name,
        path: node.path,
        format: run_time.format,
        type_: run_time.type_,
        acl: acl.map_err(|_| "ACL")?,
        title: run_time.title,
        tstamp: run_time.tstamp,
        ver_no: ver_no.map_err(|_| "VerNo")?,
        value,
    })
}

/// Octets of `bin` came opaque, or are Base64; native `b64` is what it is.
fn value_of(value: Content, format: Option<NodeFormat>) -> Result<Bytes, &'static str> {
    match (value, format) {
        (Content::Octets(octets), _) => Ok(octets),
        (Content::Text(text), Some(NodeFormat::Bin)) => {
            let text: Vec<u8> = text
                .bytes()
                .filter(|octet| !octet.is_ascii_whitespace())
                .collect();
            BASE64.decode(text).map(Bytes::from).map_err(|_| "Value")
        }
        (Content::Text(text), _) => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}
