//! Nodes into pieces of a document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dm_proto::{
    Fragment, Limits, Name, Piece, Text,
    codec::{self, ConvertOptions, DocumentType, Encoding},
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

    /// An element that holds octets: Base64 in XML.
    pub(crate) fn octets(&mut self, local: &'static str, octets: &Bytes) {
        self.leaf(local, STANDARD.encode(octets));
    }

    /// The document.
    pub(crate) fn finish(mut self) -> Result<Bytes, DocumentError> {
        self.end();
        let xml = codec::encode_fragment(Encoding::Xml, &self.fragment)?;
        if self.encoding == Encoding::Xml {
            return Ok(xml);
        }
        let options = ConvertOptions::default().with_limits(
            Limits::DEFAULT
                .with_depth(super::DEPTH)
                .with_message_size(usize::MAX)
                .with_memory(usize::MAX),
        );
        Ok(codec::xml_to_wbxml(&xml, &options)?.octets)
    }
}
