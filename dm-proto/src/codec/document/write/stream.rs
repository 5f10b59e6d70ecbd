//! What only conversion as a stream asks of the writer: text in pieces, a document inside, changes afterwards.

use alloc::vec::Vec;
use core::mem;

use super::{Context, Edits, Full, Result, Writer};
use crate::codec::{
    document::{DocumentType, Version},
    wbxml::{integer, token},
};

/// What is being written around a document inside.
pub(super) struct Outer {
    version: Version,
    context: Context,
    /// Where the body of the one inside begins.
    inner: usize,
}

impl Writer {
    /// The type of the document that is written now.
    pub(in crate::codec::document) fn document(&self) -> DocumentType {
        self.context.document
    }

    /// Octets that are written so far.
    pub(in crate::codec::document) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Begins text that comes in pieces; gives where it begins.
    pub(in crate::codec::document) fn begin_text(&mut self) -> Result<usize> {
        self.content();
        self.raw(&[token::STR_I])?;
        Ok(self.body.len())
    }

    /// Goes on with text that began.
    pub(in crate::codec::document) fn more_text(&mut self, text: &str) -> Result<()> {
        self.raw(text.as_bytes())
    }

    /// Ends text that began; gives where it ends.
    pub(in crate::codec::document) fn end_text(&mut self) -> Result<usize> {
        let to = self.body.len();
        self.raw(&[0])?;
        Ok(to)
    }

    /// Takes back text that began at this place.
    pub(in crate::codec::document) fn drop_text(&mut self, from: usize) {
        self.body.truncate(from.saturating_sub(1));
    }

    /// Charges octets that are kept beside what is written.
    pub(in crate::codec::document) fn charge(&mut self, octets: usize) -> Result<()> {
        self.tables = self.tables.saturating_add(octets);
        self.room(0)
    }

    /// The code page of tags that holds now.
    pub(in crate::codec::document) fn page(&self) -> u8 {
        self.context.page
    }

    /// Begins a document inside the element that is open.
    pub(in crate::codec::document) fn enter(&mut self, document: DocumentType) {
        self.content();
        self.outer = Some(Outer {
            version: mem::replace(&mut self.version, Version::V1_2),
            context: mem::replace(&mut self.context, Context::new(document)),
            inner: self.body.len(),
        });
    }

    /// Ends the document inside: it becomes opaque octets.
    pub(in crate::codec::document) fn leave(&mut self) -> Result<()> {
        let Some(outer) = self.outer.take() else {
            return Ok(());
        };
        let mut head = self.header()?;
        let from = outer.inner;
        let length = self
            .body
            .len()
            .saturating_sub(from)
            .saturating_add(head.len());
        let mut front = Vec::with_capacity(head.len().saturating_add(6));
        front.push(token::OPAQUE);
        integer::write(&mut front, u32::try_from(length).map_err(|_| Full)?);
        front.append(&mut head);
        // In place, so that nothing is there twice.
        self.raw(&front)?;
        if let Some(inner) = self.body.get_mut(from..) {
            inner.rotate_right(front.len());
        }
        self.context = outer.context;
        self.version = outer.version;
        Ok(())
    }

    /// The document, with pieces of the body replaced.
    pub(in crate::codec::document) fn finish_with(mut self, edits: &mut Edits) -> Result<Vec<u8>> {
        let mut out = self.header()?;
        let length = out.len().saturating_add(edits.length_of(self.body.len()));
        if length > self.limit {
            return Err(Full);
        }
        out.reserve_exact(length.saturating_sub(out.len()));
        edits.apply(&self.body, &mut out);
        Ok(out)
    }
}
