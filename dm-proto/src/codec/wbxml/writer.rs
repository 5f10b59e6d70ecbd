//! Events into WBXML octets.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{UNKNOWN_TOKENS, has_nul, header, integer, strings, token, zeros};
use crate::{
    EncodeError, Name,
    codec::{
        ddf,
        event::{Sink, SinkResult as Result, is_name},
        tags::{self, Element},
    },
};

/// Writes a document: version 1.2, a numeric public identifier, UTF-8, and a string table that holds
/// only the names that have no token.
pub(in crate::codec) struct Writer {
    table: Vec<u8>,
    /// Where each name of the table begins.
    names: BTreeMap<String, u32>,
    /// The document as it is without a string table.
    body: Vec<u8>,
    /// Where its first element begins, after the length of the table, which is one octet.
    content: usize,
    page: u8,
    /// Where the token of the element that just began stands, while nothing of it is written.
    fresh: Option<usize>,
    /// Whether its attribute list is open.
    in_attributes: bool,
}

/// A state of a [`Writer`] to come back to.
#[derive(Debug)]
pub(in crate::codec) struct Mark {
    table: usize,
    body: usize,
    page: u8,
}

impl Writer {
    /// A document for a message with this `VerDTD`.
    pub(in crate::codec) fn new(ver_dtd: &str) -> Self {
        let public_id = match ver_dtd {
            "1.0" => header::SYNCML_1_0,
            "1.1" => header::SYNCML_1_1,
            _ => header::SYNCML_1_2,
        };
        let mut body = Vec::with_capacity(512);
        body.push(VERSION);
        integer::write(&mut body, public_id);
        body.extend_from_slice(&[UTF_8, 0]);
        Self {
            table: Vec::new(),
            names: BTreeMap::new(),
            content: body.len(),
            body,
            page: 0,
            fresh: None,
            in_attributes: false,
        }
    }

    /// The length of the document as far as it is written.
    pub(in crate::codec) fn len(&self) -> usize {
        // The length of an empty table is in the body.
        self.body
            .len()
            .saturating_sub(1)
            .saturating_add(integer::written_len(self.table_len()))
            .saturating_add(self.table.len())
    }

    /// What `Final` and the ends of body and message take from here.
    pub(in crate::codec) fn closing_len(&self) -> usize {
        if self.page == tags::PAGE_SYNCML { 3 } else { 5 }
    }

    /// Marks the state between two children of an element with content.
    pub(in crate::codec) fn mark(&self) -> Mark {
        Mark {
            table: self.table.len(),
            body: self.body.len(),
            page: self.page,
        }
    }

    /// Undoes everything since the mark.
    pub(in crate::codec) fn reset(&mut self, mark: &Mark) {
        if self.table.len() > mark.table {
            self.table.truncate(mark.table);
            self.names.retain(|_, &mut offset| {
                usize::try_from(offset).is_ok_and(|offset| offset < mark.table)
            });
        }
        self.body.truncate(mark.body);
        self.page = mark.page;
        self.fresh = None;
        self.in_attributes = false;
    }

    /// Moves what repeats to the string table. Before [`finish`](Self::finish), and nothing else.
    pub(in crate::codec) fn share_strings(&mut self) {
        let content = self.body.get(self.content..).unwrap_or_default();
        let (table, content) = strings::share(core::mem::take(&mut self.table), content);
        self.table = table;
        self.body.truncate(self.content);
        self.body.extend_from_slice(&content);
    }

    /// The document.
    pub(in crate::codec) fn finish(self) -> Result<Vec<u8>> {
        if self.table.is_empty() {
            return Ok(self.body);
        }
        let mut out = Vec::with_capacity(self.len());
        let (header, content) = self
            .body
            .split_at_checked(self.content)
            .unwrap_or((&self.body, &[]));
        out.extend_from_slice(header);
        // The length of the empty table.
        out.pop();
        integer::write(&mut out, length(self.table.len())?);
        out.extend_from_slice(&self.table);
        out.extend_from_slice(content);
        Ok(out)
    }

    fn table_len(&self) -> u32 {
        u32::try_from(self.table.len()).unwrap_or(u32::MAX)
    }

    /// Where a child of the innermost element goes, with a switch to its page.
    #[inline]
    fn enter(&mut self, element: Element) {
        self.content();
        let page = element.page();
        if page != self.page {
            self.switch(page);
        }
    }

    #[inline]
    fn begin(&mut self, tag: u8) {
        self.fresh = Some(self.body.len());
        // Most elements have content: without it the bit is taken away at the end.
        self.body.push(tag | token::CONTENT);
    }

    #[inline(never)]
    fn switch(&mut self, page: u8) {
        self.body.extend_from_slice(&[token::SWITCH_PAGE, page]);
        self.page = page;
    }

    /// The token of the element that just began.
    fn fresh_tag(&mut self) -> Option<&mut u8> {
        self.fresh.and_then(|at| self.body.get_mut(at))
    }

    /// The element that just began turns out to have content.
    #[inline]
    fn content(&mut self) {
        self.close_attributes();
        self.fresh = None;
    }

    #[inline(always)]
    fn close_attributes(&mut self) {
        if self.in_attributes {
            self.end_attributes();
        }
    }

    #[cold]
    fn end_attributes(&mut self) {
        self.body.push(token::END);
        self.in_attributes = false;
    }

    /// The offset of a name in the string table.
    fn name(&mut self, name: &str) -> Result<u32> {
        if let Some(&offset) = self.names.get(name) {
            return Ok(offset);
        }
        let offset = length(self.table.len())?;
        // The length of the table has to fit as well, for `finish`.
        length(
            self.table
                .len()
                .saturating_add(name.len())
                .saturating_add(1),
        )?;
        self.table.extend_from_slice(name.as_bytes());
        self.table.push(0);
        self.names.insert(name.into(), offset);
        Ok(offset)
    }

    fn raw_attribute(&mut self, name: &str, value: &str) -> Result {
        if !self.in_attributes {
            if let Some(tag) = self.fresh_tag() {
                *tag |= token::ATTRIBUTES;
            }
            self.in_attributes = true;
        }
        let offset = self.name(name)?;
        self.body.push(token::LITERAL);
        integer::write(&mut self.body, offset);
        self.string(value)
    }

    /// Writes an element that holds text, which these octets are.
    fn leaf_of(&mut self, tag: u8, text: &[u8]) -> Result {
        let content = tag | token::CONTENT;
        let head = u16::from_le_bytes([content, token::STR_I]);
        if text.is_empty() {
            self.body.push(tag);
            return Ok(());
        }
        // What is short is put together in a register, its end included: writing pieces of a few
        // octets takes longer. What is too much of it goes again.
        let (length, bits) = (text.len(), bits_of(text.len()));
        if length <= 4
            && let Some(word) = word_of(text)
        {
            let word = word | END_OF_STRING.wrapping_shl(bits);
            self.put(length, (word << 16 | u64::from(head)).to_le_bytes());
            return Ok(());
        }
        if (8..=12).contains(&length)
            && let Some((first, last)) = words_of(text)
        {
            let last = u128::from(last).wrapping_shl(bits.wrapping_sub(64));
            let word = u128::from(first) | last | u128::from(END_OF_STRING).wrapping_shl(bits);
            self.put(length, (word << 16 | u128::from(head)).to_le_bytes());
            return Ok(());
        }
        if length <= 7
            && let Some(word) = word_of(text)
        {
            let word = u128::from(word) | u128::from(END_OF_STRING).wrapping_shl(bits);
            self.put(length, (word << 16 | u128::from(head)).to_le_bytes());
            return Ok(());
        }
        let from = self.body.len();
        self.body.reserve(text.len().saturating_add(4));
        self.body.extend_from_slice(&[content, token::STR_I]);
        // In blocks, so that the second look at each finds it in the nearest cache.
        for block in text.chunks(BLOCK) {
            if has_nul(block) {
                self.body.truncate(from);
                self.body.push(content);
                self.octets(text)?;
                self.body.push(token::END);
                return Ok(());
            }
            self.body.extend_from_slice(block);
        }
        self.body.extend_from_slice(&[0, token::END]);
        Ok(())
    }

    /// Writes the element whose text has this length, of which these octets are the beginning and more.
    #[inline(always)]
    fn put<const N: usize>(&mut self, text: usize, octets: [u8; N]) {
        let length = self.body.len().saturating_add(text).saturating_add(4);
        self.body.extend_from_slice(&octets);
        self.body.truncate(length);
    }

    fn string(&mut self, text: &str) -> Result {
        if text.is_empty() {
            return Ok(());
        }
        // A NUL would end the string.
        if has_nul(text.as_bytes()) {
            return self.octets(text.as_bytes());
        }
        self.body.push(token::STR_I);
        self.body.extend_from_slice(text.as_bytes());
        self.body.push(0);
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Result {
        let length = length(octets.len())?;
        self.body.push(token::OPAQUE);
        integer::write(&mut self.body, length);
        self.body.extend_from_slice(octets);
        Ok(())
    }
}

impl Sink for Writer {
    const TEXT_ONLY: bool = false;

    fn reserve(&mut self, commands: usize, items: usize, text: usize) {
        let parts = commands.saturating_add(items).saturating_mul(48);
        self.body
            .reserve(parts.saturating_add(text).saturating_add(256));
    }

    #[inline(always)]
    fn leaf(&mut self, element: Element, text: &str) -> Result {
        self.enter(element);
        self.leaf_of(element.token(), text.as_bytes())
    }

    #[inline]
    fn digits(&mut self, element: Element, digits: &[u8]) -> Result {
        self.enter(element);
        self.leaf_of(element.token(), digits)
    }

    #[inline]
    fn start(&mut self, element: Element) {
        self.enter(element);
        self.begin(element.token());
    }

    fn start_in(&mut self, element: Element, parent: Option<Element>) {
        self.content();
        let page = element.page();
        // A reader may take a page 1 that no switch precedes for one left over: outside `Meta`.
        let is_unusual = parent
            .is_some_and(|parent| parent.page() == tags::PAGE_SYNCML && parent != Element::Meta);
        if page != self.page || page == tags::PAGE_METINF && is_unusual {
            self.switch(page);
        }
        self.begin(element.token());
    }

    fn start_foreign(&mut self, name: &Name, parent: Option<Element>) -> Result {
        check_name(name)?;
        self.content();
        if name.namespace == UNKNOWN_TOKENS
            && let Some((page, tag)) = unknown_token(&name.local)
        {
            self.switch(page);
            self.begin(tag);
            return Ok(());
        }
        if name.namespace == ddf::NAMESPACE
            && let Some(tag) = ddf::token(&name.local)
        {
            // As above, but in `Data` too it is expected.
            let is_unusual = parent.is_some_and(|parent| {
                parent.page() == tags::PAGE_SYNCML && parent != Element::Data
            });
            if self.page != ddf::PAGE || is_unusual {
                self.switch(ddf::PAGE);
            }
            self.begin(tag);
            return Ok(());
        }
        self.begin(token::LITERAL);
        let offset = self.name(&name.local)?;
        integer::write(&mut self.body, offset);
        if !name.namespace.is_empty() {
            self.raw_attribute("xmlns", &name.namespace)?;
        }
        Ok(())
    }

    fn attribute(&mut self, name: &Name, value: &str) -> Result {
        check_name(name)?;
        if self.fresh.is_none() {
            return Err(EncodeError::MalformedFragment.into());
        }
        // The name `xmlns` gives an element its namespace; a NUL would end a string of the table.
        if name.namespace.is_empty() && name.local == "xmlns" || name.namespace.contains('\0') {
            return Err(invalid(name).into());
        }
        if name.namespace.is_empty() {
            return self.raw_attribute(&name.local, value);
        }
        self.raw_attribute(&format!("{{{}}}{}", name.namespace, name.local), value)
    }

    fn text(&mut self, text: &str) -> Result {
        if !text.is_empty() {
            self.content();
        }
        self.string(text)
    }

    fn opaque(&mut self, octets: &[u8]) -> Result {
        self.content();
        self.octets(octets)
    }

    fn force_content(&mut self) {
        self.content();
    }

    #[inline]
    fn end(&mut self) {
        self.close_attributes();
        match self.fresh_tag() {
            None => self.body.push(token::END),
            Some(tag) => {
                *tag &= !token::CONTENT;
                self.fresh = None;
            }
        }
    }

    fn can_hold(_: &str) -> bool {
        true
    }
}

/// What follows an inline string that is all of its element, from the lowest octet on.
const END_OF_STRING: u64 = (token::END as u64) << 8;

/// How much is looked at before it is copied.
const BLOCK: usize = 8 << 10;

/// How many bits so few octets have.
#[inline(always)]
fn bits_of(octets: usize) -> u32 {
    (octets as u32 & 15).wrapping_mul(8)
}

/// One to seven octets as a little-endian number, unless one is NUL.
#[inline(always)]
fn word_of(octets: &[u8]) -> Option<u64> {
    let bits = bits_of(octets.len());
    let word = match (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            u64::from(first) | u64::from(last).wrapping_shl(bits.wrapping_sub(32))
        }
        _ => match *octets {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
            _ => return None,
        },
    };
    // Only what is above the text may be zero.
    (zeros(word | u64::MAX.wrapping_shl(bits)) == 0).then_some(word)
}

/// The first and the last eight octets of a text as little-endian numbers, unless one of them is NUL.
#[inline(always)]
fn words_of(octets: &[u8]) -> Option<(u64, u64)> {
    let first = u64::from_le_bytes(*octets.first_chunk()?);
    let last = u64::from_le_bytes(*octets.last_chunk()?);
    (zeros(first) | zeros(last) == 0).then_some((first, last))
}

const VERSION: u8 = 0x02;
const UTF_8: u8 = 106;

fn length(octets: usize) -> Result<u32> {
    u32::try_from(octets).map_err(|_| EncodeError::TooLarge.into())
}

fn check_name(name: &Name) -> Result {
    if is_name(&name.local) {
        Ok(())
    } else {
        Err(invalid(name).into())
    }
}

fn invalid(name: &Name) -> EncodeError {
    EncodeError::InvalidName {
        name: name.local.as_str().into(),
    }
}

/// Page and token of a name that the reader gave to a token it did not know.
fn unknown_token(local: &str) -> Option<(u8, u8)> {
    let (page, tag) = local.strip_prefix("page")?.split_once("-token")?;
    let (page, tag) = (page.parse().ok()?, u8::from_str_radix(tag, 16).ok()?);
    let is_unknown =
        (0x05..=token::IDENTITY).contains(&tag) && Element::from_token(page, tag).is_none();
    is_unknown.then_some((page, tag))
}
