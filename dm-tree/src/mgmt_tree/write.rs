//! Nodes into pieces of a document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dm_proto::{
    EncodeError, Fragment, Name, Piece, Text,
    codec::{Document, DocumentType, Encoding},
};

use super::DocumentError;

/// Writes a document element by element.
#[derive(Debug)]
pub(crate) struct Writer {
    encoding: Encoding,
    fragment: Fragment,
}

impl Writer {
    /// Begins a document.
    pub(crate) fn new(encoding: Encoding, man: Option<&Text>, mod_: Option<&Text>) -> Self {
        let mut writer = Self {
            encoding,
            fragment: Fragment::EMPTY,
        };
        writer.start("MgmtTree");
        writer.leaf("VerDTD", "1.2");
        if let Some(man) = man {
            writer.leaf("Man", man.clone());
        }
        if let Some(mod_) = mod_ {
            writer.leaf("Mod", mod_.clone());
        }
        writer
    }

    /// Begins an element.
    pub(crate) fn start(&mut self, local: &'static str) {
        let namespace = Text::from_static(DocumentType::DmDdf.namespace());
        self.fragment
            .push(Piece::Start(Name::new(namespace, Text::from_static(local))));
    }

    /// Ends the innermost element.
    pub(crate) fn end(&mut self) {
        self.fragment.push(Piece::End);
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, local: &'static str) {
        self.start(local);
        self.end();
    }

    /// An element that holds text.
    pub(crate) fn leaf(&mut self, local: &'static str, text: impl Into<Text>) {
        self.start(local);
        let text = text.into();
        if !text.is_empty() {
            self.fragment.push(Piece::Text(text));
        }
        self.end();
    }

    /// An element that holds a value: octets of Format `bin`, else text.
    pub(crate) fn value(
        &mut self,
        local: &'static str,
        value: &Bytes,
        is_binary: bool,
    ) -> Result<(), DocumentError> {
        match core::str::from_utf8(value) {
            Ok(text) if !is_binary => self.leaf(local, text),
            _ if is_binary || self.encoding == Encoding::Wbxml => self.octets(local, value),
            // As Base64 it would be read as text, since no Format says otherwise.
            _ => return Err(EncodeError::OctetsNotRepresentable { element: local }.into()),
        }
        Ok(())
    }

    /// An element that holds octets: Base64 in XML, opaque in WBXML.
    fn octets(&mut self, local: &'static str, octets: &Bytes) {
        if self.encoding != Encoding::Wbxml {
            return self.leaf(local, STANDARD.encode(octets));
        }
        self.start(local);
        if !octets.is_empty() {
            self.fragment.push(Piece::Opaque(octets.clone()));
        }
        self.end();
    }

    /// Elements of somebody else.
    pub(crate) fn foreign(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        for piece in pieces {
            self.fragment.push(piece);
        }
    }

    /// The document.
    pub(crate) fn finish(mut self) -> Result<Bytes, DocumentError> {
        self.end();
        let document = Document::from_fragment(DocumentType::DmDdf, self.fragment)?;
        Ok(document.encode(self.encoding)?)
    }
}
