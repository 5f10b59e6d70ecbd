//! Nodes of a subtree into a document.

use bytes::Bytes;
use dm_proto::{Text, codec::Encoding};

use super::{Tnds, TndsNode};
use crate::{DocumentError, NodeFormat, mgmt_tree::Writer};

pub(super) fn document(tnds: &Tnds, encoding: Encoding) -> Result<Bytes, DocumentError> {
    let mut writer = Writer::new(encoding, tnds.man.as_ref(), tnds.mod_.as_ref());
    let mut open = 0_usize;
    for node in &tnds.nodes {
        while open > node.depth {
            writer.end();
            open = open.saturating_sub(1);
        }
        begin(&mut writer, node)?;
        open = open.saturating_add(1);
    }
    for _ in 0..open {
        writer.end();
    }
    writer.finish()
}

fn begin(writer: &mut Writer, node: &TndsNode) -> Result<(), DocumentError> {
    writer.start("Node");
    if let Some(name) = &node.name {
        writer.leaf("NodeName", name.clone());
    }
    if let Some(path) = &node.path {
        writer.leaf("Path", path.clone());
    }
    properties(writer, node);
    if let Some(value) = &node.value {
        writer.value("Value", value, node.format == Some(NodeFormat::Bin))?;
    }
    Ok(())
}

/// In the order of the document type.
fn properties(writer: &mut Writer, node: &TndsNode) {
    let is_bare = node.acl.is_none()
        && node.format.is_none()
        && node.title.is_none()
        && node.tstamp.is_none()
        && node.type_.is_none()
        && node.ver_no.is_none();
    if is_bare {
        return;
    }
    writer.start("RTProperties");
    if let Some(acl) = &node.acl {
        writer.leaf("ACL", acl.to_string());
    }
    if let Some(format) = node.format {
        writer.start("Format");
        writer.empty(format.name());
        writer.end();
    }
    if let Some(title) = &node.title {
        writer.leaf("Title", title.clone());
    }
    if let Some(tstamp) = &node.tstamp {
        writer.leaf("TStamp", tstamp.clone());
    }
    if let Some(type_) = &node.type_ {
        type_element(writer, "Type", type_, node.is_interior());
    }
    if let Some(ver_no) = node.ver_no {
        writer.leaf("VerNo", ver_no.to_string());
    }
    writer.end();
}

fn type_element(writer: &mut Writer, element: &'static str, type_: &Text, is_interior: bool) {
    writer.start(element);
    let inner = if is_interior { "DDFName" } else { "MIME" };
    writer.leaf(inner, type_.clone());
    writer.end();
}
