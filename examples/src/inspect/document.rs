//! Documents other than messages: as outlines and as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dm_proto::{
    Piece,
    codec::{Document, DocumentType, Element},
};
use serde_json::{Map, Value, json};

use super::{
    outline::{abbreviated, is_secret, shown},
    tree,
};

/// A document as indented lines, without the values that are secrets.
pub fn outline_document(document: &Document) -> String {
    let mut out = String::new();
    write_outline(&mut out, 0, document);
    out
}

/// The same below other lines.
pub(super) fn write_outline(out: &mut String, indent: usize, document: &Document) {
    if document.document_type() == DocumentType::DmDdf {
        return tree::write(out, indent, document);
    }
    let root = document.root();
    line(out, indent, &words(&root));
    let mut open = vec![root.children()];
    while let Some(level) = open.last_mut() {
        let Some(element) = level.next() else {
            open.pop();
            continue;
        };
        line(out, indent.saturating_add(open.len()), &words(&element));
        open.push(element.children());
    }
}

pub(super) fn line(out: &mut String, indent: usize, text: &str) {
    for _ in 0..indent {
        out.push_str("  ");
    }
    out.push_str(text);
    out.push('\n');
}

/// An element in a line, without its children.
fn words(element: &Element<'_>) -> String {
    let local = element.local();
    // Client Provisioning: what matters is in the attributes.
    if let ("characteristic", Some(type_)) = (local, element.attribute("type")) {
        return shown(type_);
    }
    if let ("parm", Some(name)) = (local, element.attribute("name")) {
        return match element.attribute("value") {
            Some(_) if is_secret_parameter(name) => format!("{} = (secret)", shown(name)),
            Some(value) => format!("{} = {}", shown(name), abbreviated(value)),
            None => shown(name),
        };
    }
    let mut words = shown(local);
    for (name, value) in element.attributes() {
        words.push_str(&format!(" {}={}", shown(&name.local), abbreviated(value)));
    }
    if is_secret(local) || local == "NextNonce" {
        words.push_str(" = (secret)");
        return words;
    }
    if let Some(octets) = element.octets().filter(|octets| !is_text(octets)) {
        words.push_str(&format!(" = ({} octets)", octets.len()));
        return words;
    }
    let text = element.text();
    if !text.is_empty() {
        words.push_str(&format!(" = {}", abbreviated(&text)));
    }
    words
}

/// Whether a parameter holds a password or a nonce. OMA-WAP-ProvCont, parameters of NAPDEF, PXLOGICAL
/// and APPAUTH.
fn is_secret_parameter(name: &str) -> bool {
    matches!(
        name,
        "AAUTHSECRET" | "AAUTHDATA" | "AUTHSECRET" | "BASAUTH-PW" | "PXAUTH-PW" | "PROXY-PW"
    )
}

fn is_text(octets: &[u8]) -> bool {
    core::str::from_utf8(octets).is_ok()
}

/// A document as JSON: an element is an object of its name and its content, which is text, `null`, or
/// a list of attributes (`{"@name": value}`), elements, text and octets (`{"base64": ..}`).
pub fn document_to_json(document: &Document) -> Value {
    // The open elements: name and content.
    let mut open: Vec<(String, Vec<Value>)> = vec![(String::new(), Vec::new())];
    for piece in document.fragment().pieces() {
        let value = match piece {
            Piece::Start(name) => {
                open.push((name.local.to_string(), Vec::new()));
                continue;
            }
            Piece::Attribute(name, value) => object(format!("@{}", name.local), json!(&**value)),
            Piece::Text(text) => json!(&**text),
            Piece::Opaque(octets) => match core::str::from_utf8(octets) {
                Ok(text) => json!(text),
                Err(_) => object(String::from("base64"), json!(STANDARD.encode(octets))),
            },
            Piece::End => match open.pop() {
                Some((name, content)) => object(name, content_of(content)),
                None => continue,
            },
            _ => continue,
        };
        if let Some((_, content)) = open.last_mut() {
            content.push(value);
        }
    }
    let roots = open.pop().map(|(_, content)| content);
    roots
        .and_then(|roots| roots.into_iter().next())
        .unwrap_or_default()
}

fn object(name: String, value: Value) -> Value {
    let mut object = Map::new();
    object.insert(name, value);
    Value::Object(object)
}

/// Text stands for itself, and nothing for nothing.
fn content_of(mut content: Vec<Value>) -> Value {
    match content.as_mut_slice() {
        [] => Value::Null,
        [Value::String(text)] => Value::String(core::mem::take(text)),
        _ => Value::Array(content),
    }
}
