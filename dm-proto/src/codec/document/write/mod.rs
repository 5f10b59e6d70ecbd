//! Pieces of any document type into WBXML octets.

#[cfg(feature = "xml")]
mod edits;
#[cfg(feature = "xml")]
mod stream;

use alloc::{borrow::ToOwned as _, collections::BTreeMap, format, string::String, vec::Vec};
use core::ops::Range;

#[cfg(feature = "xml")]
pub(super) use self::edits::Edits;
use super::{DM_DDF_FPI, DocumentType, Version, WbxmlVersion};
use crate::codec::wbxml::{UNKNOWN_TOKENS, integer, token};

/// Writes a document, and perhaps one inside it. A string table holds the names that have no token,
/// and a textual public identifier.
pub(super) struct Writer {
    pub(super) version: Version,
    context: Context,
    /// What is being written around the document inside.
    #[cfg(feature = "xml")]
    outer: Option<stream::Outer>,
    wbxml: WbxmlVersion,
    body: Vec<u8>,
    limit: usize,
    /// What string tables take.
    tables: usize,
}

/// A document that is being written.
struct Context {
    document: DocumentType,
    table: Vec<u8>,
    names: BTreeMap<String, u32>,
    page: u8,
    attribute_page: u8,
    /// Where the token of the element that just began stands, while it has no content.
    fresh: Option<usize>,
}

impl Context {
    fn new(document: DocumentType) -> Self {
        Self {
            document,
            table: Vec::new(),
            names: BTreeMap::new(),
            page: 0,
            attribute_page: 0,
            fresh: None,
        }
    }

    /// The converter keeps documents far below 4 GiB.
    fn table_len(&self) -> u32 {
        u32::try_from(self.table.len()).unwrap_or(u32::MAX)
    }
}

/// More would be written than the limit, or than WBXML can express.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

type Result<T> = core::result::Result<T, Full>;

/// Where an element stands.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Place {
    Usual,
    /// Where a reader that knows devices takes a page other than 0 for one that was left active, unless
    /// it is switched to just before.
    Unusual,
}

impl Writer {
    /// `limit` is in octets: there will not be more of them.
    pub(super) fn new(document: DocumentType, wbxml: WbxmlVersion, limit: usize) -> Self {
        Self {
            version: Version::V1_2,
            context: Context::new(document),
            #[cfg(feature = "xml")]
            outer: None,
            wbxml,
            body: Vec::new(),
            limit: limit.min(u32::MAX.try_into().unwrap_or(usize::MAX)),
            tables: 0,
        }
    }

    /// Begins an element with attributes of namespace, name and value; gives the place before it.
    pub(super) fn start<'a>(
        &mut self,
        namespace: &str,
        local: &str,
        attributes: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
        place: Place,
    ) -> Result<usize> {
        self.content();
        let at = self.body.len();
        let unknown = || unknown(self.context.document, namespace, local);
        let known = self
            .context
            .document
            .token(namespace, local)
            .or_else(unknown);
        if let Some((page, tag)) = known {
            let is_misread = place == Place::Unusual && page != 0;
            if page != self.context.page || is_misread {
                self.raw(&[token::SWITCH_PAGE, page])?;
                self.context.page = page;
            }
            self.context.fresh = Some(self.body.len());
            self.raw(&[tag])?;
        } else {
            self.context.fresh = Some(self.body.len());
            self.raw(&[token::LITERAL])?;
            self.name(local)?;
        }
        let mut attributes = attributes.peekable();
        let declares = known.is_none() && !namespace.is_empty();
        if !declares && attributes.peek().is_none() {
            return Ok(at);
        }
        if let Some(tag) = self.context.fresh.and_then(|at| self.body.get_mut(at)) {
            *tag |= token::ATTRIBUTES;
        }
        if declares {
            self.attribute("", "xmlns", namespace)?;
        }
        for (space, name, value) in attributes {
            self.attribute(space, name, value)?;
        }
        self.raw(&[token::END])?;
        Ok(at)
    }

    /// The longest attribute start that fits, then the rest of the value.
    fn attribute(&mut self, space: &str, name: &str, value: &str) -> Result<()> {
        let document = self.context.document;
        if let Some((page, token)) = unknown_attribute(space, name) {
            self.switch_attributes(page)?;
            self.raw(&[token])?;
            return self.value(value);
        }
        // A later page only wins with more of the value; that is what other encoders do.
        let best = [0, 1]
            .into_iter()
            .flat_map(|page| document.attributes(page).iter().map(move |row| (page, row)))
            .filter(|(_, row)| {
                space.is_empty() && row.1 == name && (row.2.is_empty() || row.2 == value)
            })
            .reduce(|best, other| {
                if other.1.2.len() > best.1.2.len() {
                    other
                } else {
                    best
                }
            });
        let rest = match best {
            Some((page, row)) => {
                self.switch_attributes(page)?;
                self.raw(&[row.0])?;
                value.get(row.2.len()..).unwrap_or_default()
            }
            None => {
                self.raw(&[token::LITERAL])?;
                if space.is_empty() {
                    self.name(name)?;
                } else {
                    self.name(&format!("{{{space}}}{name}"))?;
                }
                value
            }
        };
        self.value(rest)
    }

    /// A value, or the rest of one: a token if there is one for all of it. What stands for tokens that
    /// the tables do not have becomes them again.
    fn value(&mut self, mut value: &str) -> Result<()> {
        let document = self.context.document;
        let word = [0, 1]
            .into_iter()
            .flat_map(|page| document.values(page).iter().map(move |row| (page, row)))
            .find(|(_, row)| row.1 == value);
        if let Some((page, row)) = word {
            self.switch_attributes(page)?;
            return self.raw(&[row.0]);
        }
        while let Some((before, page, token, after)) = unknown_value(document, value) {
            if !before.is_empty() {
                self.string(before)?;
            }
            self.switch_attributes(page)?;
            self.raw(&[token])?;
            value = after;
        }
        if !value.is_empty() {
            self.string(value)?;
        }
        Ok(())
    }

    /// Writes text; gives where it stands.
    pub(super) fn text(&mut self, text: &str) -> Result<Range<usize>> {
        self.content();
        self.string(text)
    }

    pub(super) fn opaque(&mut self, octets: &[u8]) -> Result<()> {
        self.content();
        let length = u32::try_from(octets.len()).map_err(|_| Full)?;
        self.room(octets.len().saturating_add(6))?;
        self.body.push(token::OPAQUE);
        integer::write(&mut self.body, length);
        self.body.extend_from_slice(octets);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<()> {
        match self.context.fresh.take() {
            Some(_) => Ok(()),
            None => self.raw(&[token::END]),
        }
    }

    /// The document.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        let mut out = self.header()?;
        let length = out.len().saturating_add(self.body.len());
        if length > self.limit {
            return Err(Full);
        }
        out.reserve_exact(self.body.len());
        out.append(&mut self.body);
        Ok(out)
    }

    /// The header, with the string table.
    fn header(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.context.table.len().saturating_add(16));
        out.push(self.wbxml.octet());
        match self.context.document.public_id(self.version) {
            Some(id) => integer::write(&mut out, id),
            None => {
                let offset = self.entry(DM_DDF_FPI)?;
                out.push(0);
                integer::write(&mut out, offset);
            }
        }
        out.push(UTF_8);
        integer::write(&mut out, self.context.table_len());
        out.append(&mut self.context.table);
        Ok(out)
    }

    fn string(&mut self, text: &str) -> Result<Range<usize>> {
        self.room(text.len().saturating_add(2))?;
        self.body.push(token::STR_I);
        let from = self.body.len();
        self.body.extend_from_slice(text.as_bytes());
        let to = self.body.len();
        self.body.push(0);
        Ok(from..to)
    }

    fn content(&mut self) {
        if let Some(tag) = self
            .context
            .fresh
            .take()
            .and_then(|at| self.body.get_mut(at))
        {
            *tag |= token::CONTENT;
        }
    }

    fn switch_attributes(&mut self, page: u8) -> Result<()> {
        if page != self.context.attribute_page {
            self.raw(&[token::SWITCH_PAGE, page])?;
            self.context.attribute_page = page;
        }
        Ok(())
    }

    /// Writes where in the string table a name stands.
    fn name(&mut self, name: &str) -> Result<()> {
        let offset = self.entry(name)?;
        self.room(5)?;
        integer::write(&mut self.body, offset);
        Ok(())
    }

    fn entry(&mut self, name: &str) -> Result<u32> {
        if let Some(&offset) = self.context.names.get(name) {
            return Ok(offset);
        }
        // In the table, which doubles, and among the names.
        let cost = name.len().saturating_mul(4).saturating_add(128);
        self.tables = self.tables.saturating_add(cost);
        self.room(0)?;
        let offset = self.context.table_len();
        self.context.table.extend_from_slice(name.as_bytes());
        self.context.table.push(0);
        self.context.names.insert(name.to_owned(), offset);
        Ok(offset)
    }

    #[inline]
    fn raw(&mut self, octets: &[u8]) -> Result<()> {
        self.room(octets.len())?;
        self.body.extend_from_slice(octets);
        Ok(())
    }

    /// Makes room for so many octets. Capacity doubles, but not beyond the limit, so that old and new
    /// together never take more than twice the limit.
    #[inline]
    fn room(&mut self, more: usize) -> Result<()> {
        let needed = self.body.len().saturating_add(more);
        let most = self.limit.checked_sub(self.tables).ok_or(Full)?;
        if needed > most {
            return Err(Full);
        }
        if self.body.capacity() < needed {
            let wanted = needed.max(self.body.capacity().saturating_mul(2)).min(most);
            self.body
                .reserve_exact(wanted.saturating_sub(self.body.len()));
        }
        Ok(())
    }
}

const UTF_8: u8 = 106;

/// Page and token of a name that the reader gave to a token it did not know.
fn unknown(document: DocumentType, namespace: &str, local: &str) -> Option<(u8, u8)> {
    if namespace != UNKNOWN_TOKENS {
        return None;
    }
    let (page, token) = parse(local, "-token")?;
    let is_unknown = (0x05..=token::IDENTITY).contains(&token)
        && document.tag(Version::V1_2, page, token).is_none();
    is_unknown.then_some((page, token))
}

/// The same of an attribute.
fn unknown_attribute(namespace: &str, local: &str) -> Option<(u8, u8)> {
    if namespace != UNKNOWN_TOKENS {
        return None;
    }
    parse(local, "-attribute").filter(|(_, token)| matches!(token, 0x05..=0x3F | 0x45..=0x7F))
}

/// The same of the first attribute value in a text, with what stands before and after it.
fn unknown_value(document: DocumentType, text: &str) -> Option<(&str, u8, u8, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find("{page") {
        let start = from.saturating_add(at);
        let (before, rest) = text.split_at_checked(start)?;
        // The longest is `{page255-valueFF}`.
        let end = rest.bytes().take(17).position(|octet| octet == b'}');
        if let Some(end) = end
            && let (Some(name), Some(after)) = (rest.get(1..end), rest.get(end.saturating_add(1)..))
            && let Some((page, token)) = parse(name, "-value")
            && matches!(token, 0x85..=0xBF | 0xC5..=0xFF)
            && document.value(page, token).is_none()
        {
            return Some((before, page, token, after));
        }
        from = start.saturating_add(1);
    }
    None
}

fn parse(name: &str, kind: &str) -> Option<(u8, u8)> {
    let (page, token) = name.strip_prefix("page")?.split_once(kind)?;
    // Only as the reader writes them.
    let is_canonical = token.len() == 2 && !token.bytes().any(|octet| octet.is_ascii_lowercase());
    let page_number: u8 = page.parse().ok()?;
    let is_canonical = is_canonical && (page == "0" || !page.starts_with(['0', '+']));
    is_canonical.then_some((page_number, u8::from_str_radix(token, 16).ok()?))
}
