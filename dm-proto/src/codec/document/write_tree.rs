//! A [`Document`] into octets.

use alloc::{borrow::Cow, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    Document, DocumentType, Space, Version, WbxmlVersion, write,
    xml::{self, Unfit},
};
use crate::{
    EncodeError, Name, Piece,
    codec::event::{is_name, unrepresentable},
};

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

pub(super) fn to_wbxml(document: &Document, version: WbxmlVersion) -> Result<Bytes, EncodeError> {
    let mut writer = write::Writer::new(document.document_type(), version, usize::MAX);
    if let Some(stated) = stated_version(document) {
        writer.version = stated;
    }
    let pieces = document.fragment().pieces();
    let mut rest = pieces.iter().peekable();
    let mut attributes: Vec<(&str, &str, &str)> = Vec::new();
    while let Some(piece) = rest.next() {
        match piece {
            Piece::Start(name) => {
                check(name)?;
                attributes.clear();
                while let Some(Piece::Attribute(attribute, value)) = rest.peek() {
                    check(attribute)?;
                    let attribute = (
                        attribute.namespace.as_str(),
                        attribute.local.as_str(),
                        value.as_str(),
                    );
                    // A NUL ends strings, and this name is taken for the namespace.
                    let is_unfit = attribute.0.contains('\0')
                        || attribute.2.contains('\0')
                        || attribute.0.is_empty() && attribute.1 == "xmlns";
                    if is_unfit {
                        return Err(EncodeError::InvalidName {
                            name: attribute.1.into(),
                        });
                    }
                    attributes.push(attribute);
                    rest.next();
                }
                writer
                    .start(
                        &name.namespace,
                        &name.local,
                        attributes.iter().copied(),
                        write::Place::Usual,
                    )
                    .map_err(|_| EncodeError::TooLarge)?;
            }
            Piece::Text(text) if text.contains('\0') => writer
                .opaque(text.as_bytes())
                .map_err(|_| EncodeError::TooLarge)?,
            Piece::Text(text) => {
                writer.text(text).map_err(|_| EncodeError::TooLarge)?;
            }
            Piece::Opaque(octets) => writer.opaque(octets).map_err(|_| EncodeError::TooLarge)?,
            Piece::End => writer.end().map_err(|_| EncodeError::TooLarge)?,
            // Taken with its element above.
            Piece::Attribute(..) => {}
        }
    }
    writer
        .finish()
        .map(Bytes::from)
        .map_err(|_| EncodeError::TooLarge)
}

/// The version that the document says, for its public identifier.
fn stated_version(document: &Document) -> Option<Version> {
    let root = document.root();
    let stated = match document.document_type() {
        DocumentType::SyncMl => root.child("SyncHdr")?.child("VerDTD")?,
        _ => root.child("VerDTD")?,
    };
    Version::stated(&stated.text())
}

/// The element of an error: of the tables, or the root for others.
fn element_of(document: DocumentType, local: &str) -> &'static str {
    let space = document.namespace();
    document
        .token(space, local)
        .and_then(|(page, token)| document.tag(Version::V1_2, page, token))
        .map_or_else(|| document.root(), |(_, local)| local.name)
}

fn check(name: &Name) -> Result<(), EncodeError> {
    if is_name(&name.local) && !name.namespace.contains('\0') {
        return Ok(());
    }
    Err(EncodeError::InvalidName {
        name: crate::error::excerpt(&name.local),
    })
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
