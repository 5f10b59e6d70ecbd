//! Pieces of any document type into WBXML octets.

use alloc::{borrow::ToOwned as _, collections::BTreeMap, format, string::String, vec::Vec};
use core::ops::Range;

use super::{DM_DDF_FPI, DocumentType, Version, WbxmlVersion};
use crate::codec::wbxml::{integer, token};

/// Writes a document. Its string table holds the names that have no token, and a textual public
/// identifier.
pub(super) struct Writer {
    pub(super) document: DocumentType,
    pub(super) version: Version,
    wbxml: WbxmlVersion,
    table: Vec<u8>,
    names: BTreeMap<String, u32>,
    pub(super) body: Vec<u8>,
    page: u8,
    attribute_page: u8,
    /// Where the token of the element that just began stands, while it has no content.
    fresh: Option<usize>,
}

impl Writer {
    pub(super) fn new(document: DocumentType, wbxml: WbxmlVersion) -> Self {
        let mut writer = Self {
            document,
            version: Version::V1_2,
            wbxml,
            table: Vec::new(),
            names: BTreeMap::new(),
            body: Vec::new(),
            page: 0,
            attribute_page: 0,
            fresh: None,
        };
        if document == DocumentType::DmDdf {
            writer.name(DM_DDF_FPI);
        }
        writer
    }

    pub(super) fn start(
        &mut self,
        namespace: &str,
        local: &str,
        attributes: &[(String, String, String)],
    ) {
        self.content();
        let known = self.document.token(namespace, local);
        if let Some((page, tag)) = known {
            if page != self.page {
                self.body.extend_from_slice(&[token::SWITCH_PAGE, page]);
                self.page = page;
            }
            self.fresh = Some(self.body.len());
            self.body.push(tag);
        } else {
            self.fresh = Some(self.body.len());
            self.body.push(token::LITERAL);
            let offset = self.name(local);
            integer::write(&mut self.body, offset);
        }
        let declares = known.is_none() && !namespace.is_empty();
        if !declares && attributes.is_empty() {
            return;
        }
        if let Some(tag) = self.fresh.and_then(|at| self.body.get_mut(at)) {
            *tag |= token::ATTRIBUTES;
        }
        if declares {
            self.attribute("xmlns", namespace);
        }
        for (space, name, value) in attributes {
            if space.is_empty() {
                self.attribute(name, value);
            } else {
                self.attribute(&format!("{{{space}}}{name}"), value);
            }
        }
        self.body.push(token::END);
    }

    /// The longest attribute start that fits, then the rest of the value.
    fn attribute(&mut self, name: &str, value: &str) {
        let document = self.document;
        // A later page only wins with more of the value; that is what other encoders do.
        let best = [0, 1]
            .into_iter()
            .flat_map(|page| document.attributes(page).iter().map(move |row| (page, row)))
            .filter(|(_, row)| row.1 == name && (row.2.is_empty() || row.2 == value))
            .reduce(|best, other| {
                if other.1.2.len() > best.1.2.len() {
                    other
                } else {
                    best
                }
            });
        let rest = match best {
            Some((page, row)) => {
                self.switch_attributes(page);
                self.body.push(row.0);
                value.get(row.2.len()..).unwrap_or_default()
            }
            None => {
                self.body.push(token::LITERAL);
                let offset = self.name(name);
                integer::write(&mut self.body, offset);
                value
            }
        };
        if rest.is_empty() {
            return;
        }
        let word = [0, 1]
            .into_iter()
            .flat_map(|page| document.values(page).iter().map(move |row| (page, row)))
            .find(|(_, row)| row.1 == rest);
        match word {
            Some((page, row)) => {
                self.switch_attributes(page);
                self.body.push(row.0);
            }
            None => {
                self.string(rest);
            }
        }
    }

    /// Writes text; gives where it stands.
    pub(super) fn text(&mut self, text: &str) -> Range<usize> {
        self.content();
        self.string(text)
    }

    pub(super) fn opaque(&mut self, octets: &[u8]) {
        self.content();
        self.body.push(token::OPAQUE);
        integer::write(
            &mut self.body,
            u32::try_from(octets.len()).unwrap_or(u32::MAX),
        );
        self.body.extend_from_slice(octets);
    }

    pub(super) fn end(&mut self) {
        if self.fresh.take().is_none() {
            self.body.push(token::END);
        }
    }

    /// The document, with pieces of the body replaced.
    pub(super) fn finish(mut self, edits: &mut Edits<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(self.wbxml.octet());
        match self.document.public_id(self.version) {
            Some(id) => integer::write(&mut out, id),
            None => out.extend_from_slice(&[0, 0]),
        }
        out.push(UTF_8);
        integer::write(&mut out, self.table_len());
        out.append(&mut self.table);
        edits.apply(&self.body, &mut out);
        out
    }

    fn string(&mut self, text: &str) -> Range<usize> {
        self.body.push(token::STR_I);
        let from = self.body.len();
        self.body.extend_from_slice(text.as_bytes());
        let to = self.body.len();
        self.body.push(0);
        from..to
    }

    fn content(&mut self) {
        if let Some(tag) = self.fresh.take().and_then(|at| self.body.get_mut(at)) {
            *tag |= token::CONTENT;
        }
    }

    fn switch_attributes(&mut self, page: u8) {
        if page != self.attribute_page {
            self.body.extend_from_slice(&[token::SWITCH_PAGE, page]);
            self.attribute_page = page;
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(&offset) = self.names.get(name) {
            return offset;
        }
        let offset = self.table_len();
        self.table.extend_from_slice(name.as_bytes());
        self.table.push(0);
        self.names.insert(name.to_owned(), offset);
        offset
    }

    /// The converter keeps documents far below 4 GiB.
    fn table_len(&self) -> u32 {
        u32::try_from(self.table.len()).unwrap_or(u32::MAX)
    }
}

const UTF_8: u8 = 106;

/// Replacements in what is already written, made in one pass at the end.
pub(super) struct Edits<T>(Vec<(Range<usize>, Vec<T>)>);

impl<T: Copy> Edits<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Replaces a range. The first replacement of a place counts.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &[T]) {
        self.0.push((range, with.to_vec()));
    }

    pub(super) fn apply(&mut self, from: &[T], out: &mut Vec<T>) {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        self.0.dedup_by(|next, kept| next.0 == kept.0);
        let mut at = 0;
        for (range, with) in &self.0 {
            out.extend_from_slice(from.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = range.end;
        }
        out.extend_from_slice(from.get(at..).unwrap_or_default());
    }
}
