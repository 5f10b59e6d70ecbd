//! A [`Document`] into XML.

use alloc::{borrow::Cow, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    Document, DocumentType, Space, Version,
    write_tree::check,
    xml::{self, Unfit},
};
use crate::{EncodeError, Piece, codec::event::unrepresentable};

pub(super) fn to_xml(document: &Document, indent: bool) -> Result<Bytes, EncodeError> {
    let mut writer = xml::Writer::new(indent, usize::MAX, 256);
    let element = |local: &str| element_of(document.document_type(), local);
    let mut attributes = Vec::new();
    for piece in document.fragment().pieces() {
        let unfit = |unfit: Unfit, local: &str, text: &str| match unfit {
            Unfit::Full => EncodeError::TooLarge,
            Unfit::TooManyNamespaces => EncodeError::TooManyNamespaces {
                limit: xml::MAX_PREFIXES,
            },
            Unfit::Namespace => EncodeError::InvalidName { name: local.into() },
            Unfit::NotRepresentable => EncodeError::NotRepresentable {
                element: element(local),
                character: unrepresentable(text).map_or(0, |(_, character)| u32::from(character)),
            },
        };
        match piece {
            Piece::Start(name) => {
                check(name)?;
                check_text(element(&name.local), &name.namespace)?;
                attributes.clear();
                writer
                    .start(
                        Space::new(Cow::Borrowed(&name.namespace)),
                        Cow::Borrowed(&name.local),
                    )
                    .map_err(|error| unfit(error, &name.local, ""))?;
            }
            Piece::Attribute(name, value) => {
                check(name)?;
                let owner = element(writer.local(0));
                check_text(owner, &name.namespace)?;
                check_text(owner, value)?;
                if attributes.contains(&name) || name.namespace.is_empty() && name.local == "xmlns"
                {
                    return Err(EncodeError::DuplicateAttribute {
                        name: name.local.as_str().into(),
                    });
                }
                writer
                    .attribute(attributes.len(), &name.namespace, &name.local, value)
                    .map_err(|error| unfit(error, &name.local, ""))?;
                attributes.push(name);
            }
            Piece::Text(text) => {
                let local = element(writer.local(0));
                writer
                    .text(text)
                    .map_err(|error| unfit(error, local, text))?;
            }
            Piece::Opaque(octets) => {
                let local = element(writer.local(0));
                let is_value = document.document_type() == DocumentType::DmDdf && local == "Value";
                match core::str::from_utf8(octets) {
                    Ok(text) if unrepresentable(text).is_none() => writer.text(text),
                    // OMA-TS-DM_TNDS: octets are Base64 in XML, under the Format that says so.
                    _ if is_value => writer.text(&STANDARD.encode(octets)),
                    _ => return Err(EncodeError::OctetsNotRepresentable { element: local }),
                }
                .map_err(|error| unfit(error, local, ""))?;
            }
            Piece::End => writer.end().map_err(|error| unfit(error, "", ""))?,
        }
    }
    Ok(writer.out.into())
}

/// The element of an error: of the tables, or the root for others.
fn element_of(document: DocumentType, local: &str) -> &'static str {
    let space = document.namespace();
    document
        .token(space, local)
        .and_then(|(page, token)| document.tag(Version::V1_2, page, token))
        .map_or_else(|| document.root(), |(_, local)| local.name)
}

fn check_text(element: &'static str, text: &str) -> Result<(), EncodeError> {
    match unrepresentable(text) {
        Some((_, character)) => Err(EncodeError::NotRepresentable {
            element,
            character: u32::from(character),
        }),
        None => Ok(()),
    }
}
