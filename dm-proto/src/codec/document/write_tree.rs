//! A [`Document`] into WBXML.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Document, DocumentType, Version, WbxmlVersion, write};
use crate::{EncodeError, Name, Piece, codec::event::is_name};

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

pub(super) fn check(name: &Name) -> Result<(), EncodeError> {
    if is_name(&name.local) && !name.namespace.contains('\0') {
        return Ok(());
    }
    Err(EncodeError::InvalidName {
        name: crate::error::excerpt(&name.local),
    })
}
