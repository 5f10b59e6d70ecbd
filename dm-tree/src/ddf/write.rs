//! Descriptions into nodes of a document.

use bytes::Bytes;
use dm_proto::codec::Encoding;

use super::{Ddf, microsoft};
use crate::{
    DocumentError, NodeFormat, Property, PropertySet,
    description::{CaseSense, NodeDescription, Occurrence, Scope},
    mgmt_tree::Writer,
};

pub(super) fn document(ddf: &Ddf, encoding: Encoding) -> Result<Bytes, DocumentError> {
    let mut writer = Writer::new(encoding, ddf.man.as_ref(), ddf.mod_.as_ref());
    for object in &ddf.objects {
        let path = object.path.as_ref().map(|path| path.as_str());
        begin(&mut writer, &object.description, path)?;
        // The children of the open nodes that are still to be written.
        let mut open = vec![object.description.children().iter()];
        while let Some(children) = open.last_mut() {
            match children.next() {
                Some(child) => {
                    begin(&mut writer, child, None)?;
                    open.push(child.children().iter());
                }
                None => {
                    writer.end();
                    open.pop();
                }
            }
        }
    }
    writer.finish()
}

/// Begins a node, in the order of the document type.
fn begin(
    writer: &mut Writer,
    description: &NodeDescription,
    path: Option<&str>,
) -> Result<(), DocumentError> {
    writer.start("Node");
    writer.leaf("NodeName", description.name().unwrap_or_default());
    if let Some(path) = path {
        writer.leaf("Path", path);
    }
    let proposes = !description.new_acl_of().is_empty() || !description.new_title_of().is_empty();
    if proposes || description.properties_of() != PropertySet::LEAST {
        run_time(writer, description);
    }
    writer.start("DFProperties");
    writer.start("AccessType");
    // An Add that can be for nothing would be read as one for anything.
    let is_barren = description.format() == NodeFormat::Node
        && !description.is_open()
        && !description.children().is_empty()
        && description.has_fixed_children();
    for name in description.supported().names() {
        if !(is_barren && name == "Add") {
            writer.empty(name);
        }
    }
    writer.end();
    if let Some(default) = description.default_of() {
        let is_binary = description.format() == NodeFormat::Bin;
        writer.value("DefaultValue", default, is_binary)?;
    }
    if let Some(text) = description.text_of() {
        writer.leaf("Description", text);
    }
    choice(writer, "DFFormat", description.format().name());
    occurrence(writer, description.occurs());
    let scope = match description.scope() {
        Scope::Dynamic => "Dynamic",
        Scope::Permanent => "Permanent",
    };
    choice(writer, "Scope", scope);
    if let Some(title) = description.title_of() {
        writer.leaf("DFTitle", title);
    }
    writer.start("DFType");
    types(writer, description);
    writer.end();
    match description.case_of() {
        Some(CaseSense::Sensitive) => choice(writer, "CaseSense", "CS"),
        Some(CaseSense::Insensitive) => choice(writer, "CaseSense", "CIS"),
        None => {}
    }
    if let Some(microsoft) = description.microsoft() {
        writer.foreign(microsoft::write(microsoft));
    }
    writer.end();
    Ok(())
}

fn run_time(writer: &mut Writer, description: &NodeDescription) {
    writer.start("RTProperties");
    for property in Property::ALL {
        if !description.properties_of().contains(property) {
            continue;
        }
        match property {
            Property::Format => choice(writer, "Format", description.format().name()),
            Property::Type => {
                writer.start("Type");
                // One, whatever the node may have.
                let type_ = description.types().first().cloned();
                writer.leaf(type_element(description), type_.unwrap_or_default());
                writer.end();
            }
            Property::Acl if !description.new_acl_of().is_empty() => {
                writer.leaf("ACL", description.new_acl_of().to_string());
            }
            Property::Title if !description.new_title_of().is_empty() => {
                writer.leaf("Title", description.new_title_of().clone());
            }
            _ => writer.empty(property.name()),
        }
    }
    writer.end();
}

fn types(writer: &mut Writer, description: &NodeDescription) {
    let element = type_element(description);
    if description.types().is_empty() {
        writer.empty(element);
    }
    for type_ in description.types() {
        writer.leaf(element, type_.clone());
    }
}

fn type_element(description: &NodeDescription) -> &'static str {
    if description.format() == NodeFormat::Node {
        "DDFName"
    } else {
        "MIME"
    }
}

fn occurrence(writer: &mut Writer, occurrence: Occurrence) {
    writer.start("Occurrence");
    match occurrence {
        Occurrence::One => writer.empty("One"),
        Occurrence::ZeroOrOne => writer.empty("ZeroOrOne"),
        Occurrence::ZeroOrMore => writer.empty("ZeroOrMore"),
        Occurrence::OneOrMore => writer.empty("OneOrMore"),
        // The framework's N is 2 to 65536.
        Occurrence::ZeroOrN(0 | 1) => writer.empty("ZeroOrOne"),
        Occurrence::OneOrN(0 | 1) => writer.empty("One"),
        Occurrence::ZeroOrN(65_537..) => writer.empty("ZeroOrMore"),
        Occurrence::OneOrN(65_537..) => writer.empty("OneOrMore"),
        Occurrence::ZeroOrN(n) => writer.leaf("ZeroOrN", n.to_string()),
        Occurrence::OneOrN(n) => writer.leaf("OneOrN", n.to_string()),
    }
    writer.end();
}

/// An element with one empty element in it.
fn choice(writer: &mut Writer, element: &'static str, chosen: &'static str) {
    writer.start(element);
    writer.empty(chosen);
    writer.end();
}
