//! Events into WBXML octets.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{UNKNOWN_TOKENS, buffer::Buffer, has_nul, header, integer, strings, token};
use crate::{
    EncodeError, Name,
    codec::{
        ddf,
        event::{Position, Sink, SinkResult as Result, is_name},
        tags::{self, Element},
        words::zeros,
    },
    message::SyncMl,
};

/// Writes a document: version 1.2, a numeric public identifier, UTF-8, and a string table that holds
/// only the names that have no token.
pub(in crate::codec) struct Writer {
    table: Vec<u8>,
    /// Where each name of the table begins.
    names: BTreeMap<String, u32>,
    /// The document as it is without a string table.
    body: Buffer,
    /// Where its first element begins, after the length of the table, which is one octet.
    content: usize,
    page: u8,
    /// Where the token of the innermost element stands, while it is fresh.
    tag: usize,
    /// How long the body is as long as nothing of the element that began last is written; otherwise
    /// it is another length. So whatever is written need not say that an element has content.
    fresh: usize,
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
        let mut body = Buffer::new();
        body.push(VERSION);
        integer::write(&mut body, public_id);
        body.write(&[UTF_8, 0]);
        Self {
            table: Vec::new(),
            names: BTreeMap::new(),
            content: body.len(),
            body,
            page: 0,
            tag: 0,
            fresh: NOT_FRESH,
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
        self.fresh = NOT_FRESH;
        self.in_attributes = false;
    }

    /// Moves what repeats to the string table. Before [`finish`](Self::finish), and nothing else.
    pub(in crate::codec) fn share_strings(&mut self) {
        let content = self.body.octets().get(self.content..).unwrap_or_default();
        let (table, content) = strings::share(core::mem::take(&mut self.table), content);
        self.table = table;
        self.body.truncate(self.content);
        self.body.write(&content);
    }

    /// The document.
    pub(in crate::codec) fn finish(self) -> Result<Vec<u8>> {
        if self.table.is_empty() {
            return Ok(self.body.finish());
        }
        let mut out = Vec::with_capacity(self.len());
        let body = self.body.octets();
        let (header, content) = body.split_at_checked(self.content).unwrap_or((body, &[]));
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
        self.close_attributes();
        let page = element.page();
        if page != self.page {
            self.switch(page);
        }
    }

    #[inline]
    fn begin(&mut self, tag: u8) {
        self.tag = self.body.len();
        // Most elements have content: without it the bit is taken away at the end.
        self.body.push(tag | token::CONTENT);
        self.fresh = self.body.len();
    }

    #[inline]
    fn switch(&mut self, page: u8) {
        self.body.push(token::SWITCH_PAGE);
        self.body.push(page);
        self.page = page;
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
        self.fresh = self.body.len();
    }

    fn is_fresh(&self) -> bool {
        self.fresh == self.body.len()
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
            if let Some(tag) = self.body.get_mut(self.tag) {
                *tag |= token::ATTRIBUTES;
            }
            self.in_attributes = true;
        }
        let offset = self.name(name)?;
        self.body.push(token::LITERAL);
        integer::write(&mut self.body, offset);
        self.string(value)?;
        self.fresh = self.body.len();
        Ok(())
    }

    /// Writes elements of these tags, with content, each in the one before; the last holds text, which
    /// these octets are, and that many of them end.
    fn nested<const TAGS: usize, const ENDS: usize>(
        &mut self,
        tags: [u8; TAGS],
        text: &[u8],
    ) -> Result {
        // What is short is put together from its two ends, which meet or overlap: a copy of known length
        // takes a few instructions, one of any length a call.
        if let Some(room) = self.body.room::<SHORT>()
            && let Some((head, rest)) = room.split_first_chunk_mut()
            && let Some((string, rest)) = rest.split_first_mut()
        {
            (*head, *string) = (tags, token::STR_I);
            let is_short = match text.len() {
                1..=3 => few(rest, text),
                4..=8 => ends::<4>(rest, text),
                9..=16 => ends::<8>(rest, text),
                17..=32 => ends::<16>(rest, text),
                33..=64 => ends::<32>(rest, text),
                _ => None,
            };
            if is_short.is_some() {
                let around = const { TAGS.saturating_add(2).saturating_add(ENDS) };
                self.body.advance(text.len().wrapping_add(around));
                return Ok(());
            }
        }
        self.any_nested(&tags, text, ENDS)
    }

    /// As [`nested`](Self::nested), with text of any length.
    #[inline(never)]
    fn any_nested(&mut self, tags: &[u8], text: &[u8], ends: usize) -> Result {
        let Some((&content, outer)) = tags.split_last() else {
            return Ok(());
        };
        self.body.write(outer);
        self.any_text(content, text)?;
        for _ in 1..ends {
            self.body.push(token::END);
        }
        if self.body.room::<SHORT>().is_none() {
            self.body.make_room(SHORT);
        }
        Ok(())
    }

    /// Writes an element that holds text of any length.
    fn any_text(&mut self, content: u8, text: &[u8]) -> Result {
        if text.is_empty() {
            self.body.push(content & !token::CONTENT);
            return Ok(());
        }
        let from = self.body.len();
        self.body.write(&[content, token::STR_I]);
        if text.len() <= BLOCK {
            if !has_nul(text) {
                self.body.write(text);
                self.body.write(&[0, token::END]);
                return Ok(());
            }
        } else {
            let mut is_text = true;
            self.body.append(text.len(), |body| {
                // In blocks, so that the second look at each finds it in the nearest cache.
                for block in text.chunks(BLOCK) {
                    if has_nul(block) {
                        is_text = false;
                        return;
                    }
                    body.extend_from_slice(block);
                }
                body.extend_from_slice(&[0, token::END]);
            });
            if is_text {
                return Ok(());
            }
        }
        self.body.truncate(from);
        self.body.push(content);
        self.octets(text)?;
        self.body.push(token::END);
        Ok(())
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
        self.body.write(text.as_bytes());
        self.body.push(0);
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Result {
        let length = length(octets.len())?;
        self.body.push(token::OPAQUE);
        integer::write(&mut self.body, length);
        self.body.write(octets);
        Ok(())
    }
}

impl Sink for Writer {
    const TEXT_ONLY: bool = false;

    fn reserve(&mut self, message: &SyncMl) {
        // No more than a look: to measure the items would take longer than to move what is written.
        let commands = message.commands.len();
        let first = message.commands.first();
        let items = first.map_or(0, |command| command.items().len());
        let octets = commands.saturating_add(items).saturating_mul(48);
        self.body.reserve(octets);
    }

    #[inline(always)]
    fn leaf(&mut self, element: Element, text: &str) -> Result {
        self.enter(element);
        self.nested::<1, 1>([tag(element)], text.as_bytes())
    }

    #[inline]
    fn digits(&mut self, element: Element, digits: &[u8]) -> Result {
        self.enter(element);
        self.nested::<1, 1>([tag(element)], digits)
    }

    #[inline(always)]
    fn three_digits(&mut self, element: Element, digits: [u8; 3]) -> Result {
        self.enter(element);
        let [a, b, c] = digits;
        let octets = [tag(element), token::STR_I, a, b, c, 0, token::END, 0];
        match self.body.room() {
            Some(room) => {
                *room = octets;
                self.body.advance(7);
                Ok(())
            }
            None => self.nested::<1, 1>([tag(element)], &digits),
        }
    }

    #[inline(always)]
    fn around(&mut self, outer: Element, inner: Element, text: &str) -> Result {
        self.enter(outer);
        self.nested::<2, 2>([tag(outer), tag(inner)], text.as_bytes())
    }

    #[inline(always)]
    fn start_with(&mut self, outer: Element, inner: Element, text: &str) -> Result {
        self.enter(outer);
        self.nested::<2, 1>([tag(outer), tag(inner)], text.as_bytes())
    }

    #[inline(always)]
    fn start_around(&mut self, elements: [Element; 3], text: &str) -> Result {
        let [outer, middle, inner] = elements;
        self.enter(outer);
        self.nested::<3, 2>([tag(outer), tag(middle), tag(inner)], text.as_bytes())
    }

    #[inline]
    fn position(&mut self) -> Position {
        self.close_attributes();
        Position {
            octets: self.body.len(),
            page: self.page,
        }
    }

    fn repeat(&mut self, from: Position, to: Position) -> bool {
        if self.page != from.page || self.in_attributes {
            return false;
        }
        self.body.repeat(from.octets..to.octets);
        self.page = to.page;
        true
    }

    #[inline]
    fn start(&mut self, element: Element) {
        self.enter(element);
        self.begin(element.token());
    }

    fn start_in(&mut self, element: Element, parent: Option<Element>) {
        self.close_attributes();
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
        self.close_attributes();
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
        self.fresh = self.body.len();
        if !name.namespace.is_empty() {
            self.raw_attribute("xmlns", &name.namespace)?;
        }
        Ok(())
    }

    fn attribute(&mut self, name: &Name, value: &str) -> Result {
        check_name(name)?;
        if !self.is_fresh() {
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
            self.close_attributes();
        }
        self.string(text)
    }

    fn opaque(&mut self, octets: &[u8]) -> Result {
        self.close_attributes();
        self.octets(octets)
    }

    fn force_content(&mut self) {
        self.close_attributes();
        self.fresh = NOT_FRESH;
    }

    #[inline]
    fn end(&mut self) {
        self.close_attributes();
        if !self.is_fresh() {
            self.body.push(token::END);
            return;
        }
        if let Some(tag) = self.body.get_mut(self.tag) {
            *tag &= !token::CONTENT;
        }
        self.fresh = NOT_FRESH;
    }

    fn can_hold(_: &str) -> bool {
        true
    }
}

/// The tag of an element that has content.
#[inline(always)]
fn tag(element: Element) -> u8 {
    element.token() | token::CONTENT
}

/// A length that no body has.
const NOT_FRESH: usize = 0;

/// How much is looked at before it is copied.
const BLOCK: usize = 8 << 10;

/// The room that a short text needs, one of twice 32 octets, in three elements that end.
const SHORT: usize = 4 + 64 + ENDS.len();
/// What follows a text: more ends than there may be.
const ENDS: [u8; 4] = [0, token::END, token::END, token::END];

/// Puts one to three octets into the room, and the ends of their elements, unless one is NUL.
#[inline(always)]
fn few(room: &mut [u8], text: &[u8]) -> Option<()> {
    let [nul, end, ..] = ENDS;
    *room.first_chunk_mut()? = match *text {
        [a] if a != 0 => [a, nul, end, end, end, 0, 0, 0],
        [a, b] if a != 0 && b != 0 => [a, b, nul, end, end, end, 0, 0],
        [a, b, c] if a != 0 && b != 0 && c != 0 => [a, b, c, nul, end, end, end, 0],
        _ => return None,
    };
    Some(())
}

/// Puts a text of `N` octets to twice as many into the room, and the ends of its elements, unless one is
/// NUL.
#[inline(always)]
fn ends<const N: usize>(room: &mut [u8], text: &[u8]) -> Option<()> {
    let (first, last) = (text.first_chunk::<N>()?, text.last_chunk::<N>()?);
    if any_nul(first, last) {
        return None;
    }
    *room.first_chunk_mut()? = *first;
    let tail = room.get_mut(text.len().wrapping_sub(N)..)?;
    let (place, after) = tail.split_first_chunk_mut()?;
    *place = *last;
    *after.first_chunk_mut()? = ENDS;
    Some(())
}

/// Whether one of the octets is NUL.
#[inline(always)]
fn any_nul<const N: usize>(first: &[u8; N], last: &[u8; N]) -> bool {
    if let (&[a, b, c, d], &[e, f, g, h]) = (first.as_slice(), last.as_slice()) {
        return zeros(u64::from_le_bytes([a, b, c, d, e, f, g, h])) != 0;
    }
    if let (Some((first, [])), Some((last, []))) =
        (first.split_first_chunk(), last.split_first_chunk())
    {
        return zeros(u64::from_le_bytes(*first)) | zeros(u64::from_le_bytes(*last)) != 0;
    }
    // All are looked at, so that the compiler uses vectors.
    let either = |any, (&a, &b): (&u8, &u8)| any | (a == 0) | (b == 0);
    first.iter().zip(last).fold(false, either)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets of `<Data>` with this text in a document.
    fn data(text: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new("1.2");
        let content = writer.content;
        writer
            .leaf(
                Element::Data,
                core::str::from_utf8(text).expect("the text is ascii"),
            )
            .expect("a short text has a form");
        writer.body.finish().split_off(content)
    }

    #[test]
    fn a_text_of_any_length_is_an_inline_string_and_one_with_nul_is_opaque() {
        assert_eq!(data(b""), [0x0F]);
        let alphabet: Vec<u8> = (b'!'..=b'z').cycle().take(200).collect();
        for length in 1..alphabet.len() {
            let mut text = alphabet.get(..length).expect("it is longer").to_vec();
            let string = [&[0x4F, token::STR_I], text.as_slice(), &[0, token::END]].concat();
            assert_eq!(data(&text), string);
            for at in 0..length {
                let kept = text.get(at).copied().expect("it is within");
                *text.get_mut(at).expect("it is within") = 0;
                let mut opaque = alloc::vec![0x4F, token::OPAQUE];
                integer::write(&mut opaque, u32::try_from(length).expect("it is short"));
                opaque.extend_from_slice(&text);
                opaque.push(token::END);
                assert_eq!(data(&text), opaque, "{length} octets, NUL at {at}");
                *text.get_mut(at).expect("it is within") = kept;
            }
        }
    }

    #[test]
    fn what_is_written_at_once_is_what_is_written_element_by_element() {
        let tags = [Element::Item, Element::Target, Element::LocUri];
        let [outer, middle, inner] = tags;
        let content = |write: &dyn Fn(&mut Writer)| {
            let mut writer = Writer::new("1.2");
            // Each time with another room left.
            for _ in 0..300 {
                write(&mut writer);
            }
            writer.body.finish()
        };
        let texts = (0..150).map(|length| "a".repeat(length));
        for text in texts.chain(["a\0b".into(), "\0".repeat(40), "\0".into()]) {
            let step_by_step = |writer: &mut Writer| {
                writer.start(outer);
                writer.start(middle);
                writer.start(inner);
                writer.text(&text).expect("any text has a form");
                for _ in tags {
                    writer.end();
                }
            };
            let around = |writer: &mut Writer| {
                writer.start(outer);
                writer.around(middle, inner, &text).expect("as above");
                writer.end();
            };
            let start_with = |writer: &mut Writer| {
                writer.start(outer);
                writer.start_with(middle, inner, &text).expect("as above");
                writer.end();
                writer.end();
            };
            let start_around = |writer: &mut Writer| {
                writer.start_around(tags, &text).expect("as above");
                writer.end();
            };
            let expected = content(&step_by_step);
            assert_eq!(content(&around), expected, "{text:?}");
            assert_eq!(content(&start_with), expected, "{text:?}");
            assert_eq!(content(&start_around), expected, "{text:?}");
        }
        assert_eq!(
            content(&|writer| writer
                .three_digits(inner, *b"200")
                .expect("digits have a form")),
            content(&|writer| writer.leaf(inner, "200").expect("so has text")),
        );
    }

    #[test]
    fn an_element_without_content_loses_the_bit_and_one_with_content_keeps_it() {
        let mut writer = Writer::new("1.2");
        let content = writer.content;
        writer.start(Element::Item);
        writer.start(Element::Target);
        writer.end();
        writer.end();
        writer.start(Element::Item);
        writer.force_content();
        writer.end();
        writer.start(Element::Item);
        writer.text("").expect("no text has a form");
        writer.end();
        assert_eq!(
            writer.body.finish().split_off(content),
            [0x54, 0x2E, token::END, 0x54, token::END, 0x14]
        );
    }

    #[test]
    fn an_attribute_stands_only_on_an_element_that_just_began() {
        let name = Name::new("", "a");
        let mut writer = Writer::new("1.2");
        let content = writer.content;
        writer.start(Element::Item);
        writer.attribute(&name, "v").expect("it just began");
        writer.start(Element::Target);
        writer.attribute(&name, "").expect("it just began");
        writer.end();
        assert_eq!(
            writer.attribute(&name, "v").map_err(|error| *error),
            Err(EncodeError::MalformedFragment)
        );
        writer.end();
        #[rustfmt::skip]
        let octets = [
            0xD4, token::LITERAL, 0, token::STR_I, b'v', 0, token::END,
            0xAE, token::LITERAL, 0, token::END,
            token::END,
        ];
        assert_eq!(writer.body.finish().split_off(content), octets);
    }
}
