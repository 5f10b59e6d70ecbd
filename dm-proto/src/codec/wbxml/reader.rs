//! WBXML octets into events.

use alloc::{borrow::Cow, format, vec::Vec};

use memchr::memchr;

use super::{
    UNKNOWN_TOKENS, find_nul,
    header::{Charset, Header, header},
    integer::{Broken, mb_u_int32},
    token,
};
use crate::{
    DecodeErrorKind,
    codec::{
        Encoding, ToleranceKind, ddf,
        event::{Event, Fault, Place, Qualified, Source, Step, Stretch, Tag, is_name},
        tags::{self, Element, XMLNS_NAMESPACE},
    },
};

/// Reads the body of a document. nom reads header and operands; the tokens are taken by a checked
/// cursor.
pub(in crate::codec) struct Reader<'i> {
    /// The length of the whole input, from which offsets follow.
    length: usize,
    rest: &'i [u8],
    /// The part of the body up to the first octet that is not UTF-8: its strings are checked already.
    checked: &'i str,
    /// What was left of the body where `checked` begins.
    checked_from: usize,
    /// What is left when the last event began.
    last: usize,
    charset: Charset,
    table: &'i [u8],
    tag_page: u8,
    attribute_page: u8,
    /// Whether the tag page was switched just before this token.
    switched: bool,
    /// The open elements; `None` is one that the table does not have.
    open: Vec<Option<Element>>,
    attributes: Attributes,
    /// Whether the element that began has no content, so that its end comes without a token.
    is_empty: bool,
    /// An event found while looking ahead.
    queued: Option<Event<'i>>,
    /// Whether any of these three makes the next event another one than that of the next octet.
    is_pending: bool,
    /// Octets that may still be copied or taken from the string table: many references to one long
    /// entry cost time and memory that the size of the input does not bound.
    budget: usize,
    budget_limit: usize,
}

/// Whether an attribute list is being read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attributes {
    None,
    Open,
}

type Result<T, E = Fault> = core::result::Result<T, E>;

impl<'i> Reader<'i> {
    /// Reads the header. `budget` bounds what is copied, or taken from the string table.
    pub(in crate::codec) fn new(input: &'i [u8], budget: usize) -> Result<Self> {
        let length = input.len();
        let (
            rest,
            Header {
                version,
                charset,
                table,
            },
        ) = header(input).map_err(|error| fault(length, error))?;
        let checked = if charset == Charset::Utf8 {
            valid_start(rest)
        } else {
            ""
        };
        Ok(Self {
            length,
            rest,
            checked,
            checked_from: rest.len(),
            last: length,
            charset,
            table,
            tag_page: 0,
            attribute_page: 0,
            switched: false,
            open: Vec::with_capacity(32),
            attributes: Attributes::None,
            is_empty: false,
            queued: (version > 0x03)
                .then_some(Event::Odd(ToleranceKind::UnknownVersion { version })),
            is_pending: version > 0x03,
            budget,
            budget_limit: budget,
        })
    }

    /// The next event, apart from keeping `is_pending`.
    #[inline]
    fn event(&mut self) -> Result<Event<'i>> {
        if let Some(event) = self.queued.take() {
            return Ok(event);
        }
        if self.attributes == Attributes::Open {
            self.last = self.rest.len();
            if let Some(event) = self.attribute()? {
                return Ok(event);
            }
            self.attributes = Attributes::None;
        }
        if self.is_empty {
            self.is_empty = false;
            return self.end();
        }
        self.content()
    }

    /// Ends the element that just began, if it is empty and nothing else is pending.
    #[inline]
    fn end_empty(&mut self) -> bool {
        if self.queued.is_some() || self.attributes == Attributes::Open {
            return false;
        }
        self.is_empty = false;
        self.is_pending = false;
        self.open.pop();
        true
    }

    /// Octets as text, where that is a matter of checking them.
    fn valid(&self, octets: &'i [u8]) -> Option<&'i str> {
        if self.charset != Charset::Utf8 && !octets.is_ascii() {
            return None;
        }
        core::str::from_utf8(octets).ok()
    }

    /// An inline string that is all of its element: its text, and what follows the element.
    #[inline(always)]
    fn string(&self, string: &'i [u8]) -> Option<(&'i str, &'i [u8])> {
        let end = find_nul(string)?;
        let [0, token::END, after @ ..] = string.get(end..)? else {
            return None;
        };
        let from = self.checked_from.checked_sub(string.len())?;
        let text = match self.checked.get(from..from.saturating_add(end)) {
            Some(text) => text,
            None => self.valid(string.get(..end)?)?,
        };
        Some((text, after))
    }

    /// What follows the tag that comes next, if it is this one, without attributes and with content.
    #[inline(always)]
    fn after_tag(&self, element: Element) -> Option<&'i [u8]> {
        if self.is_pending {
            return None;
        }
        let tag = element.token() | token::CONTENT;
        match self.rest {
            [octet, after @ ..] if *octet == tag && self.tag_page == element.page() => Some(after),
            [token::SWITCH_PAGE, page, octet, after @ ..]
                if *octet == tag && *page == element.page() =>
            {
                Some(after)
            }
            _ => None,
        }
    }

    fn content(&mut self) -> Result<Event<'i>> {
        loop {
            self.last = self.rest.len();
            let octet = self.octet()?;
            let switched = core::mem::take(&mut self.switched);
            match octet {
                token::SWITCH_PAGE => {
                    self.tag_page = self.octet()?;
                    self.switched = true;
                }
                token::END => return self.end(),
                token::PI => self.instruction()?,
                token::EXT_I_0..=token::EXT_I_2
                | token::EXT_T_0..=token::EXT_T_2
                | token::EXT_0..=token::EXT_2 => {
                    self.extension(octet)?;
                    return Ok(Event::Odd(ToleranceKind::ExtensionToken { token: octet }));
                }
                token::STR_I | token::STR_T | token::OPAQUE | token::ENTITY
                    if self.open.is_empty() =>
                {
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                token::STR_I => return Ok(Event::Text(self.inline()?)),
                token::STR_T => return Ok(Event::Text(self.reference()?)),
                token::OPAQUE => return Ok(Event::Opaque(self.opaque()?)),
                token::ENTITY => return Ok(Event::Char(self.entity()?)),
                _ => return self.start(octet, switched),
            }
        }
    }

    fn start(&mut self, octet: u8, switched: bool) -> Result<Event<'i>> {
        if octet & token::ATTRIBUTES != 0 {
            self.attributes = Attributes::Open;
        }
        self.is_empty = octet & token::CONTENT == 0;
        let identity = octet & token::IDENTITY;
        let (tag, odd) = if identity == token::LITERAL {
            (self.literal()?, None)
        } else {
            self.known(identity, switched)
        };
        self.open.push(match tag {
            Tag::Known(element) => Some(element),
            Tag::Foreign(_) => None,
        });
        let start = Event::Start(tag);
        Ok(match odd {
            Some(kind) => {
                // Of two oddities of one tag at most one can occur with something queued.
                self.queued = Some(start);
                Event::Odd(kind)
            }
            None => start,
        })
    }

    /// The element of a token. Encoders are known that leave page 1 active after a `Meta`, or page 2: there a
    /// tag that was not preceded by a switch belongs to page 0.
    fn known(&mut self, identity: u8, switched: bool) -> (Tag<'i>, Option<ToleranceKind>) {
        let mut odd = None;
        if !switched
            && let Some(&parent) = self.open.last()
            && is_leftover(self.tag_page, parent)
        {
            self.tag_page = tags::PAGE_SYNCML;
            odd = Some(ToleranceKind::LeftoverPage);
        }
        if self.tag_page == ddf::PAGE
            && let Some(local) = ddf::name(identity)
        {
            // A description or a serialized tree in `Data`.
            let name = Qualified {
                namespace: Cow::Borrowed(ddf::NAMESPACE),
                local: Cow::Borrowed(local),
            };
            return (Tag::Foreign(name), odd);
        }
        match Element::from_token(self.tag_page, identity) {
            Some(element) => (Tag::Known(element), odd),
            None => {
                let page = self.tag_page;
                let name = Qualified {
                    namespace: Cow::Borrowed(UNKNOWN_TOKENS),
                    local: Cow::Owned(format!("page{page}-token{identity:02X}")),
                };
                let odd = ToleranceKind::UnknownToken {
                    page,
                    token: identity,
                };
                (Tag::Foreign(name), Some(odd))
            }
        }
    }

    /// A name from the string table. A first attribute `xmlns` gives its namespace, as our writer
    /// puts it.
    fn literal(&mut self) -> Result<Tag<'i>> {
        let mut name = self.name()?;
        if self.attributes == Attributes::Open {
            match self.any_attribute()? {
                Some(Event::Attribute(xmlns, value)) if is_default_declaration(&xmlns) => {
                    name.namespace = value;
                }
                Some(Event::Attribute(xmlns, _)) if is_declaration(&xmlns) => {}
                Some(event) => self.queued = Some(event),
                None => self.attributes = Attributes::None,
            }
        }
        Ok(name.into_tag())
    }

    /// The next attribute, or `None` at the end of the list. Namespace declarations, which encoders
    /// put where they turn XML into WBXML without understanding it, are passed over.
    fn attribute(&mut self) -> Result<Option<Event<'i>>> {
        loop {
            match self.any_attribute()? {
                Some(Event::Attribute(name, _)) if is_declaration(&name) => {}
                event => return Ok(event),
            }
        }
    }

    fn any_attribute(&mut self) -> Result<Option<Event<'i>>> {
        let name = loop {
            let octet = self.octet()?;
            match octet {
                token::SWITCH_PAGE => self.attribute_page = self.octet()?,
                token::END => return Ok(None),
                token::LITERAL => break self.name()?,
                0x05..=0x3F | 0x45..=0x7F => {
                    let page = self.attribute_page;
                    break Qualified {
                        namespace: Cow::Borrowed(UNKNOWN_TOKENS),
                        local: Cow::Owned(format!("page{page}-attribute{octet:02X}")),
                    };
                }
                token => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token })),
            }
        };
        let value = self.attribute_value()?;
        Ok(Some(Event::Attribute(name, value)))
    }

    fn attribute_value(&mut self) -> Result<Cow<'i, str>> {
        let mut value = Cow::Borrowed("");
        loop {
            let Some(&octet) = self.rest.first() else {
                return Err(self.fail(DecodeErrorKind::UnexpectedEnd));
            };
            // The next attribute, or the end of the list.
            if matches!(octet, token::END | token::LITERAL | 0x05..=0x3F | 0x45..=0x7F) {
                return Ok(value);
            }
            self.octet()?;
            match octet {
                token::SWITCH_PAGE => self.attribute_page = self.octet()?,
                token::STR_I => {
                    let more = self.inline()?;
                    self.append(&mut value, more)?;
                }
                token::STR_T => {
                    let more = self.reference()?;
                    self.append(&mut value, more)?;
                }
                token::OPAQUE => {
                    let octets = self.opaque()?;
                    let more = core::str::from_utf8(octets).map_err(|_| {
                        self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" })
                    })?;
                    self.append(&mut value, Cow::Borrowed(more))?;
                }
                token::ENTITY => {
                    let character = self.entity()?;
                    self.spend(character.len_utf8())?;
                    value.to_mut().push(character);
                }
                token::EXT_I_0..=token::EXT_I_2
                | token::EXT_T_0..=token::EXT_T_2
                | token::EXT_0..=token::EXT_2 => {
                    self.extension(octet)?;
                }
                // Attribute values of a page that SyncML does not have: there is no text for them.
                0x85..=0xBF | 0xC5..=0xFF => {}
                token => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token })),
            }
        }
    }

    /// A processing instruction: an attribute start, its value, and an end. Passed over.
    fn instruction(&mut self) -> Result<()> {
        while self.attribute()?.is_some() {}
        Ok(())
    }

    fn extension(&mut self, octet: u8) -> Result<()> {
        match octet {
            token::EXT_I_0..=token::EXT_I_2 => {
                self.terminated()?;
            }
            token::EXT_T_0..=token::EXT_T_2 => {
                self.integer()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Event<'i>> {
        match self.open.pop() {
            Some(_) => Ok(Event::End),
            None => Err(self.fail(DecodeErrorKind::UnmatchedEnd)),
        }
    }

    /// A name from the string table: local, or `{namespace}local`, as our writer puts attributes, or
    /// with a prefix, which is then all that is known of the namespace.
    fn name(&mut self) -> Result<Qualified<'i>> {
        let at = self.rest.len();
        let text = self.reference()?;
        let name = match &text {
            Cow::Borrowed(text) => split_name(text).map(|(namespace, local)| Qualified {
                namespace: Cow::Borrowed(namespace),
                local: Cow::Borrowed(local),
            }),
            Cow::Owned(text) => split_name(text).map(|(namespace, local)| Qualified {
                namespace: Cow::Owned(namespace.into()),
                local: Cow::Owned(local.into()),
            }),
        };
        name.ok_or_else(|| Fault {
            offset: self.length.saturating_sub(at),
            kind: DecodeErrorKind::InvalidName {
                name: crate::error::excerpt(&text),
            },
        })
    }

    /// An inline string: up to its NUL.
    fn inline(&mut self) -> Result<Cow<'i, str>> {
        let at = self.rest.len();
        let octets = self.terminated()?;
        self.decode(octets, at)
    }

    fn terminated(&mut self) -> Result<&'i [u8]> {
        let Some(end) = memchr(0, self.rest) else {
            return Err(self.fail(DecodeErrorKind::UnexpectedEnd));
        };
        let (octets, rest) = self
            .rest
            .split_at_checked(end)
            .ok_or_else(|| self.fail(DecodeErrorKind::UnexpectedEnd))?;
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(octets)
    }

    /// A string of the table: up to its NUL or, where an encoder left that out, the end of the table.
    fn reference(&mut self) -> Result<Cow<'i, str>> {
        let at = self.rest.len();
        let offset = self.integer()?;
        let tail = usize::try_from(offset)
            .ok()
            .filter(|&offset| offset < self.table.len())
            .and_then(|offset| self.table.get(offset..));
        let Some(tail) = tail else {
            return Err(Fault {
                offset: self.length.saturating_sub(at),
                kind: DecodeErrorKind::TableOffset {
                    offset,
                    length: self.table.len(),
                },
            });
        };
        let octets = memchr(0, tail)
            .and_then(|end| tail.get(..end))
            .unwrap_or(tail);
        self.spend(octets.len())?;
        self.decode(octets, at)
    }

    fn opaque(&mut self) -> Result<&'i [u8]> {
        let at = self.rest.len();
        let length = self.integer()?;
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let Some((octets, rest)) = split else {
            return Err(Fault {
                offset: self.length.saturating_sub(at),
                kind: DecodeErrorKind::LengthPastEnd {
                    length,
                    left: self.rest.len(),
                },
            });
        };
        self.rest = rest;
        Ok(octets)
    }

    fn entity(&mut self) -> Result<char> {
        let at = self.rest.len();
        let value = self.integer()?;
        // NUL ends strings, so it cannot be meant.
        match char::from_u32(value) {
            Some(character) if character != '\0' => Ok(character),
            _ => Err(Fault {
                offset: self.length.saturating_sub(at),
                kind: DecodeErrorKind::InvalidCharacter { value },
            }),
        }
    }

    /// Octets in the document's character set as text; `at` is what was left before them.
    fn decode(&mut self, octets: &'i [u8], at: usize) -> Result<Cow<'i, str>> {
        let charset = self.charset;
        let invalid = |length: usize| Fault {
            offset: length.saturating_sub(at),
            kind: DecodeErrorKind::InvalidText {
                charset: charset.name(),
            },
        };
        if charset == Charset::Ascii && !octets.is_ascii() {
            return Err(invalid(self.length));
        }
        if charset == Charset::Latin1 && !octets.is_ascii() {
            self.spend(octets.len().saturating_mul(2))?;
            return Ok(Cow::Owned(
                octets.iter().map(|&octet| char::from(octet)).collect(),
            ));
        }
        core::str::from_utf8(octets)
            .map(Cow::Borrowed)
            .map_err(|_| invalid(self.length))
    }

    fn append(&mut self, text: &mut Cow<'i, str>, more: Cow<'i, str>) -> Result<()> {
        if text.is_empty() {
            *text = more;
            return Ok(());
        }
        self.spend(text.len().saturating_add(more.len()))?;
        text.to_mut().push_str(&more);
        Ok(())
    }

    fn spend(&mut self, octets: usize) -> Result<()> {
        match self.budget.checked_sub(octets) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.fail(DecodeErrorKind::TooMuchMemory {
                limit: self.budget_limit,
            })),
        }
    }

    fn octet(&mut self) -> Result<u8> {
        match self.rest.split_first() {
            Some((&octet, rest)) => {
                self.rest = rest;
                Ok(octet)
            }
            None => Err(self.fail(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    fn integer(&mut self) -> Result<u32> {
        // Most are one octet.
        if let Some((&octet, rest)) = self.rest.split_first()
            && octet < 0x80
        {
            self.rest = rest;
            return Ok(u32::from(octet));
        }
        let (rest, value) = mb_u_int32(self.rest).map_err(|error| fault(self.length, error))?;
        self.rest = rest;
        Ok(value)
    }

    /// An error where the reader stands: for a token just read, at that token.
    fn fail(&self, kind: DecodeErrorKind) -> Fault {
        let left = match kind {
            DecodeErrorKind::UnexpectedEnd => 0,
            _ => self.last,
        };
        Fault {
            offset: self.length.saturating_sub(left),
            kind,
        }
    }
}

impl<'i> Source<'i> for Reader<'i> {
    const ENCODING: Encoding = Encoding::Wbxml;

    fn next(&mut self) -> Result<Event<'i>> {
        let event = self.event();
        self.is_pending =
            self.is_empty || self.attributes == Attributes::Open || self.queued.is_some();
        event
    }

    #[inline(always)]
    fn step(&mut self) -> Step {
        if self.is_pending {
            return if self.end_empty() {
                Step::End
            } else {
                Step::Other
            };
        }
        let (mut rest, mut page, mut switched) = (self.rest, self.tag_page, self.switched);
        if let [token::SWITCH_PAGE, to, after @ ..] = rest {
            (rest, page, switched) = (after, *to, true);
        }
        let Some((&octet, after)) = rest.split_first() else {
            return Step::Other;
        };
        let Some(&parent) = self.open.last() else {
            return Step::Other;
        };
        let step = if octet == token::END {
            self.open.pop();
            Step::End
        } else {
            if octet & token::ATTRIBUTES != 0 {
                return Step::Other;
            }
            let Some(element) = Element::from_token(page, octet & token::IDENTITY) else {
                return Step::Other;
            };
            if !switched && is_leftover(page, parent) {
                return Step::Other;
            }
            self.is_empty = octet & token::CONTENT == 0;
            self.is_pending = self.is_empty;
            self.open.push(Some(element));
            Step::Start(element)
        };
        self.last = rest.len();
        self.rest = after;
        self.tag_page = page;
        self.switched = false;
        step
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'i str> {
        if self.is_pending {
            return self.end_empty().then_some("");
        }
        let (text, left) = match self.rest {
            [token::END, after @ ..] => ("", after),
            [token::STR_I, string @ ..] => self.string(string)?,
            _ => return None,
        };
        self.open.pop()?;
        self.rest = left;
        self.last = left.len().saturating_add(1);
        self.switched = false;
        Some(text)
    }

    #[inline(always)]
    fn leaf<T>(
        &mut self,
        element: Element,
        accept: impl FnOnce(&'i str) -> Option<T>,
    ) -> Option<T> {
        let [token::STR_I, string @ ..] = self.after_tag(element)? else {
            return None;
        };
        let (text, after) = self.string(string)?;
        let accepted = accept(text)?;
        self.rest = after;
        self.last = after.len().saturating_add(1);
        self.tag_page = element.page();
        self.switched = false;
        Some(accepted)
    }

    #[inline(always)]
    fn around<T>(
        &mut self,
        outer: Element,
        inner: Element,
        accept: impl FnOnce(&'i str) -> Option<T>,
    ) -> Option<T> {
        let [tag, token::STR_I, string @ ..] = self.after_tag(outer)? else {
            return None;
        };
        if *tag != inner.token() | token::CONTENT {
            return None;
        }
        let (text, [token::END, after @ ..]) = self.string(string)? else {
            return None;
        };
        let accepted = accept(text)?;
        self.rest = after;
        self.last = after.len().saturating_add(1);
        self.tag_page = outer.page();
        self.switched = false;
        Some(accepted)
    }

    #[inline(always)]
    fn open(&mut self, element: Element) -> bool {
        let Some(after) = self.after_tag(element) else {
            return false;
        };
        self.rest = after;
        self.last = after.len().saturating_add(1);
        self.tag_page = element.page();
        self.switched = false;
        self.open.push(Some(element));
        true
    }

    #[inline(always)]
    fn may_open(&self, element: Element) -> bool {
        self.after_tag(element).is_some()
    }

    #[inline(always)]
    fn close(&mut self) -> bool {
        if self.is_pending {
            return false;
        }
        let [token::END, after @ ..] = self.rest else {
            return false;
        };
        if self.open.pop().is_none() {
            return false;
        }
        self.last = self.rest.len();
        self.rest = after;
        self.switched = false;
        true
    }

    #[inline]
    fn place(&self) -> Option<Place<'i>> {
        if self.is_pending || self.switched {
            return None;
        }
        Some(Place {
            rest: self.rest,
            page: self.tag_page,
            attribute_page: self.attribute_page,
            budget: self.budget,
        })
    }

    #[inline]
    fn since(&self, place: Place<'i>) -> Option<Stretch<'i>> {
        let Place {
            rest,
            page,
            attribute_page,
            budget,
        } = place;
        // What was taken from the string table counts each time.
        if self.budget != budget || self.attribute_page != attribute_page {
            return None;
        }
        Some(Stretch {
            octets: rest.get(..rest.len().checked_sub(self.rest.len())?)?,
            page,
            page_after: self.tag_page,
            attribute_page,
        })
    }

    #[inline]
    fn repeat(&mut self, stretch: &Stretch<'i>) -> bool {
        let pages = (self.tag_page, self.attribute_page);
        if self.is_pending || self.switched || pages != (stretch.page, stretch.attribute_page) {
            return false;
        }
        let Some(after) = self.rest.strip_prefix(stretch.octets) else {
            return false;
        };
        self.rest = after;
        self.last = after.len().saturating_add(1);
        self.tag_page = stretch.page_after;
        true
    }

    fn finish(&mut self) -> Result<Option<ToleranceKind>> {
        loop {
            self.last = self.rest.len();
            match self.rest.split_first() {
                None => return Ok(None),
                Some((&token::PI, rest)) => {
                    self.rest = rest;
                    self.instruction()?;
                }
                Some(_) => {
                    let count = self.rest.len();
                    return Ok(Some(ToleranceKind::TrailingBytes { count }));
                }
            }
        }
    }

    fn offset(&self) -> usize {
        self.length.saturating_sub(self.last)
    }
}

/// Whether a page that no switch precedes is left over from a `Meta` or from a document in `Data`,
/// given the element around.
fn is_leftover(page: u8, parent: Option<Element>) -> bool {
    matches!(page, tags::PAGE_METINF | ddf::PAGE)
        && parent.is_some_and(|parent| {
            parent.page() == tags::PAGE_SYNCML && !matches!(parent, Element::Meta | Element::Data)
        })
}

/// The longest start that is UTF-8.
fn valid_start(octets: &[u8]) -> &str {
    match simdutf8::compat::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => octets
            .get(..error.valid_up_to())
            .and_then(|octets| core::str::from_utf8(octets).ok())
            .unwrap_or_default(),
    }
}

fn fault(length: usize, error: nom::Err<Broken<'_>>) -> Fault {
    match error {
        nom::Err::Error(Broken { rest, kind }) | nom::Err::Failure(Broken { rest, kind }) => {
            Fault {
                offset: length.saturating_sub(rest.len()),
                kind,
            }
        }
        // Only streaming parsers ask for more.
        nom::Err::Incomplete(_) => Fault {
            offset: length,
            kind: DecodeErrorKind::UnexpectedEnd,
        },
    }
}

/// A name as namespace and local part.
fn split_name(name: &str) -> Option<(&str, &str)> {
    let (namespace, local) = match name.strip_prefix('{') {
        Some(name) => name.rsplit_once('}')?,
        None => match name.split_once(':') {
            Some(("xmlns", local)) => (XMLNS_NAMESPACE, local),
            Some(name) => name,
            None => ("", name),
        },
    };
    is_name(local).then_some((namespace, local))
}

fn is_default_declaration(name: &Qualified<'_>) -> bool {
    name.namespace.is_empty() && name.local == "xmlns"
}

fn is_declaration(name: &Qualified<'_>) -> bool {
    is_default_declaration(name) || name.namespace == XMLNS_NAMESPACE
}
