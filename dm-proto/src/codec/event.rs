//! The event stream that both encodings are read into and written from.

use alloc::{borrow::Cow, boxed::Box};

#[cfg(feature = "xml")]
use super::words;
use super::{Encoding, ToleranceKind, tags::Element};
use crate::{DecodeErrorKind, EncodeError, Name, message::SyncMl};

/// The name of an element.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tag<'i> {
    /// In the table.
    Known(Element),
    /// Not in the table.
    Foreign(Qualified<'i>),
}

/// A qualified name; the namespace is empty where there is none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Qualified<'i> {
    pub(crate) namespace: Cow<'i, str>,
    pub(crate) local: Cow<'i, str>,
}

impl<'i> Qualified<'i> {
    /// The element behind the name, if the table has it.
    pub(crate) fn into_tag(self) -> Tag<'i> {
        match Element::from_qualified(&self.namespace, &self.local) {
            Some(element) => Tag::Known(element),
            None => Tag::Foreign(self),
        }
    }
}

/// One step through a document. Attributes follow the start they belong to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event<'i> {
    Start(Tag<'i>),
    Attribute(Qualified<'i>, Cow<'i, str>),
    Text(Cow<'i, str>),
    /// One character, from a reference or an entity.
    Char(char),
    Opaque(&'i [u8]),
    End,
    /// Something that strict mode refuses and lenient mode passes over.
    Odd(ToleranceKind),
}

/// What went wrong in the octets, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) kind: DecodeErrorKind,
}

/// What the most frequent events amount to, without their weight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// An element of the table begins, without attributes.
    Start(Element),
    End,
    /// Something else comes: [`Source::next`] tells what.
    Other,
}

/// A state of a [`Source`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'i> {
    pub(crate) rest: &'i [u8],
    pub(crate) page: u8,
    pub(crate) attribute_page: u8,
    pub(crate) budget: usize,
}

/// The octets of an element, and the code pages before and after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'i> {
    pub(crate) octets: &'i [u8],
    pub(crate) page: u8,
    pub(crate) page_after: u8,
    pub(crate) attribute_page: u8,
}

/// Octets read as events. Starts and ends balance: an end only comes for an open element, and the
/// input does not end before the root.
pub(crate) trait Source<'i> {
    const ENCODING: Encoding;

    /// The next event of the root element.
    fn next(&mut self) -> Result<Event<'i>, Fault>;

    /// The next event where only elements may stand and white space means nothing, if it is a frequent
    /// one; otherwise nothing is taken.
    fn step(&mut self) -> Step;

    /// The rest of the innermost element, its end included, if it is a piece of text that needs no
    /// work, or nothing; otherwise nothing is taken.
    fn text(&mut self) -> Option<&'i str>;

    /// Takes the whole next element, if it is this one and as simple as most are: no attributes, and a
    /// piece of text that needs no work, which `accept` wants. Otherwise nothing is taken.
    ///
    /// Of MetInf's elements only where a `Meta` is open.
    #[inline(always)]
    fn leaf<T>(
        &mut self,
        _element: Element,
        _accept: impl FnOnce(&'i str) -> Option<T>,
    ) -> Option<T> {
        None
    }

    /// As [`leaf`](Self::leaf), for an element of page 0 with another of that page in it, and nothing else.
    #[inline(always)]
    fn around<T>(
        &mut self,
        _outer: Element,
        _inner: Element,
        _accept: impl FnOnce(&'i str) -> Option<T>,
    ) -> Option<T> {
        None
    }

    /// Takes the start of the next element, if it is this one, of page 0, without attributes and not
    /// empty.
    #[inline(always)]
    fn open(&mut self, _element: Element) -> bool {
        false
    }

    /// Whether [`open`](Self::open) may take the start of this element.
    #[inline(always)]
    fn may_open(&self, _element: Element) -> bool {
        false
    }

    /// Takes the end of the innermost element, if it comes next.
    #[inline(always)]
    fn close(&mut self) -> bool {
        false
    }

    /// Where the source stands, if the next child begins here.
    #[inline(always)]
    fn place(&self) -> Option<Place<'i>> {
        None
    }

    /// The octets that were read since, if these alone say what was read, in whatever element they
    /// stand.
    #[inline(always)]
    fn since(&self, _place: Place<'i>) -> Option<Stretch<'i>> {
        None
    }

    /// Passes over a stretch, if just its octets come next and mean the same here.
    #[inline(always)]
    fn repeat(&mut self, _stretch: &Stretch<'i>) -> bool {
        false
    }

    /// What follows the root, if it is not what may follow it.
    fn finish(&mut self) -> Result<Option<ToleranceKind>, Fault>;

    /// Where the last event began.
    fn offset(&self) -> usize;
}

/// How far a [`Sink`] has written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Position {
    pub(crate) octets: usize,
    pub(crate) page: u8,
}

/// What writing comes to. The error is boxed: what is small goes in a register.
pub(crate) type SinkResult<T = ()> = Result<T, Box<EncodeError>>;

/// Events written as octets.
pub(crate) trait Sink {
    /// Whether octets have to be written as Base64.
    const TEXT_ONLY: bool;

    /// Makes room for a message that is about to be written.
    fn reserve(&mut self, message: &SyncMl);

    /// Writes an element of the table that holds text, perhaps none, and has no attributes.
    fn leaf(&mut self, element: Element, text: &str) -> SinkResult;

    /// Writes an element of the table that holds these digits, and has no attributes.
    fn digits(&mut self, element: Element, digits: &[u8]) -> SinkResult;

    /// As [`digits`](Self::digits), for a number of three.
    #[inline(always)]
    fn three_digits(&mut self, element: Element, digits: [u8; 3]) -> SinkResult {
        self.digits(element, &digits)
    }

    /// Begins an element of the table with another of its page that holds text. Neither has attributes.
    #[inline(always)]
    fn start_with(&mut self, outer: Element, inner: Element, text: &str) -> SinkResult {
        self.start(outer);
        self.leaf(inner, text)
    }

    /// Begins an element of the table with two more of its page, one in the other, that holds text. None
    /// has attributes.
    #[inline(always)]
    fn start_around(&mut self, elements: [Element; 3], text: &str) -> SinkResult {
        let [outer, middle, inner] = elements;
        self.start(outer);
        self.around(middle, inner, text)
    }

    /// Writes an element of the table around another of its page that holds text. Neither has attributes.
    #[inline(always)]
    fn around(&mut self, outer: Element, inner: Element, text: &str) -> SinkResult {
        self.start(outer);
        self.leaf(inner, text)?;
        self.end();
        Ok(())
    }

    /// Where the next child begins: there is one.
    #[inline(always)]
    fn position(&mut self) -> Position {
        Position::default()
    }

    /// Writes once more what was written from one position to another, which is whole elements, if it
    /// means the same here; otherwise nothing.
    #[inline(always)]
    fn repeat(&mut self, _from: Position, _to: Position) -> bool {
        false
    }

    /// Begins an element of the table where the DTD has it.
    fn start(&mut self, element: Element);

    /// Begins an element of the table anywhere: in this one, if that is of the table.
    fn start_in(&mut self, element: Element, parent: Option<Element>);

    /// Begins an element that is not in the table: in this one, if that is.
    fn start_foreign(&mut self, name: &Name, parent: Option<Element>) -> SinkResult;

    /// Adds an attribute to the element that just began.
    fn attribute(&mut self, name: &Name, value: &str) -> SinkResult;

    /// Writes text; nothing if it is empty.
    fn text(&mut self, text: &str) -> SinkResult;

    /// Writes octets.
    fn opaque(&mut self, octets: &[u8]) -> SinkResult;

    /// Settles that the element that just began is written with content, whatever follows.
    fn force_content(&mut self);

    /// Ends the innermost open element.
    fn end(&mut self);

    /// Whether the encoding has a form for this text.
    fn can_hold(text: &str) -> bool;
}

/// Whether a local name can be written in every encoding: an XML name without a colon.
pub(crate) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(is_name_start) && characters.all(is_name_character)
}

fn is_name_start(character: char) -> bool {
    // XML 1.0 (fifth edition), 2.3, NameStartChar without the colon.
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_character(character: char) -> bool {
    is_name_start(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The first character of a text that XML has no form for, not even as a reference.
///
/// XML 1.0, 2.2: U+0000 to U+001F but for TAB, LF and CR; U+FFFE and U+FFFF.
#[cfg(feature = "xml")]
pub(crate) fn unrepresentable(text: &str) -> Option<(usize, char)> {
    // Both kinds are rare, so a pass over the octets looks for candidates first.
    let is_candidate = |octet| {
        (octet < 0x20) & (octet != b'\t') & (octet != b'\n') & (octet != b'\r') | (octet == 0xEF)
    };
    if !any_octet(text, is_candidate) {
        return None;
    }
    text.char_indices()
        .find(|(_, character)| !is_xml_character(*character))
}

/// Whether XML holds a text as it is: nothing is escaped, or refused, or begins a character that may be.
#[cfg(feature = "xml")]
#[inline]
pub(crate) fn is_plain(text: &str) -> bool {
    // Most are short, and settled by a few words.
    let is_short = text.len() < 32;
    is_short && !words::any(text.as_bytes(), words::may_need_care) || !any_octet(text, needs_care)
}

/// Whether an octet is escaped, or refused, or begins a character that is.
#[cfg(feature = "xml")]
#[inline(always)]
const fn needs_care(octet: u8) -> bool {
    (octet < 0x20) & (octet != b'\t') & (octet != b'\n')
        | (octet == 0xEF)
        | (octet == b'&')
        | (octet == b'<')
        | (octet == b'>')
}

/// Whether an octet of a text is of some kind. In whole blocks and best without lazy operators, so
/// that the compiler uses vectors.
#[cfg(feature = "xml")]
#[inline]
pub(crate) fn any_octet(text: &str, is_it: impl Fn(u8) -> bool) -> bool {
    let (blocks, rest) = text.as_bytes().as_chunks::<32>();
    let any = |octets: &[u8]| octets.iter().fold(false, |any, &octet| any | is_it(octet));
    blocks.iter().any(|block| any(block)) || any(rest)
}

/// Whether XML has a form for a character.
#[cfg(feature = "xml")]
pub(crate) fn is_xml_character(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}
