//! Pieces of any document type into XML text.

use alloc::{borrow::Cow, vec::Vec};
use core::ops::Range;

use super::{Space, Standard, tables::Local};
use crate::codec::{
    event::{is_plain, unrepresentable},
    tags::{XML_NAMESPACE, XMLNS_NAMESPACE},
};

/// Writes a document: every namespace as default, on the element where it changes.
pub(super) struct Writer<'i> {
    /// What is written: text.
    pub(super) out: Vec<u8>,
    limit: usize,
    pub(super) indent: bool,
    open: Vec<Open<'i>>,
    /// Whether the tag of the innermost element lacks its `>`.
    is_fresh: bool,
}

struct Open<'i> {
    space: Space<'i>,
    local: Cow<'i, str>,
    has_text: bool,
    has_child: bool,
}

/// A place in what is written.
#[derive(Clone, Copy)]
pub(super) struct Place {
    length: usize,
    pub(super) depth: usize,
    is_fresh: bool,
    has_text: bool,
    has_child: bool,
}

/// Why something cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// It would take more than the limit.
    Full,
    /// XML has no form for a character of it.
    NotRepresentable,
    /// A namespace to which nothing may be bound.
    Namespace,
    /// An element would declare more prefixes than readers take.
    TooManyNamespaces,
}

type Result<T> = core::result::Result<T, Unfit>;

impl<'i> Writer<'i> {
    /// `limit` is in octets: there will not be more of them.
    pub(super) fn new(indent: bool, limit: usize, expected: usize) -> Self {
        Self {
            out: Vec::with_capacity(expected.min(limit)),
            limit,
            indent,
            open: Vec::with_capacity(16),
            is_fresh: false,
        }
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The local name of an open element: the innermost, or one so many above.
    pub(super) fn local(&self, above: usize) -> &str {
        self.open
            .iter()
            .rev()
            .nth(above)
            .map_or("", |open| &open.local)
    }

    /// The local names of the open elements.
    pub(super) fn locals(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|open| &*open.local)
    }

    /// Begins an element, which has attributes if `attribute` follows; gives the place before it.
    #[inline]
    pub(super) fn start(&mut self, space: Space<'i>, local: Cow<'i, str>) -> Result<usize> {
        self.before_child()?;
        let at = self.out.len();
        self.room(local.len().saturating_add(2))?;
        self.out.push(b'<');
        let inherited = self.open.last().map_or(&Space::NONE, |open| &open.space);
        if space == *inherited {
            self.out.extend_from_slice(local.as_bytes());
            self.open_up(space, local);
        } else {
            self.start_other(space, local)?;
        }
        Ok(at)
    }

    fn start_other(&mut self, mut space: Space<'i>, local: Cow<'i, str>) -> Result<()> {
        if space.as_str() == XML_NAMESPACE {
            // Its prefix is bound already, and no other may be.
            self.raw(b"xml:")?;
            self.raw(local.as_bytes())?;
            let mut name = alloc::string::String::from("xml:");
            name.push_str(&local);
            space = self
                .open
                .last()
                .map_or(Space::NONE, |open| open.space.clone());
            self.open_up(space, Cow::Owned(name));
            return Ok(());
        }
        if space.as_str() == XMLNS_NAMESPACE {
            return Err(Unfit::Namespace);
        }
        self.raw(local.as_bytes())?;
        self.raw(b" xmlns=\"")?;
        self.escaped(space.as_str(), true)?;
        self.raw(b"\"")?;
        self.open_up(space, local);
        Ok(())
    }

    fn open_up(&mut self, space: Space<'i>, local: Cow<'i, str>) {
        self.is_fresh = true;
        self.open.push(Open {
            space,
            local,
            has_text: false,
            has_child: false,
        });
    }

    /// Adds an attribute, which is the one of this number, to the element that just began.
    pub(super) fn attribute(
        &mut self,
        number: usize,
        namespace: &str,
        local: &str,
        value: &str,
    ) -> Result<()> {
        self.raw(b" ")?;
        match namespace {
            "" => {}
            XML_NAMESPACE => self.raw(b"xml:")?,
            XMLNS_NAMESPACE => return Err(Unfit::Namespace),
            _ => {
                if number >= MAX_PREFIXES {
                    return Err(Unfit::TooManyNamespaces);
                }
                let prefix = alloc::format!("n{number}");
                self.raw(b"xmlns:")?;
                self.raw(prefix.as_bytes())?;
                self.raw(b"=\"")?;
                self.escaped(namespace, true)?;
                self.raw(b"\" ")?;
                self.raw(prefix.as_bytes())?;
                self.raw(b":")?;
            }
        }
        self.raw(local.as_bytes())?;
        self.raw(b"=\"")?;
        self.escaped(value, true)?;
        self.raw(b"\"")
    }

    /// Writes an element with this text and nothing else; gives where the text stands.
    #[inline]
    pub(super) fn leaf(
        &mut self,
        space: Standard,
        local: &'static Local,
        text: &str,
    ) -> Result<Range<usize>> {
        let inherited = self.open.last().map_or(&Space::NONE, |open| &open.space);
        let is_declared = matches!(inherited, Space::Standard(inherited) if *inherited == space);
        let length = local.name.len();
        let most = length
            .saturating_add(text.len())
            .saturating_add(const { METINF_DECLARATION.len() + 2 * Local::ROOM + 1 });
        let is_usual = !self.indent
            && (is_declared || space == Standard::MetInf)
            && self.out.capacity().wrapping_sub(self.out.len()) >= most
            && is_plain(text);
        if !is_usual {
            self.start(Space::Standard(space), Cow::Borrowed(local.name))?;
            let range = self.text(text)?;
            self.end()?;
            return Ok(range);
        }
        self.before_child()?;
        // There is room for all of it, and more: pieces of one length each are copied without a call.
        let [_, _, name @ ..] = &local.end;
        self.out.push(b'<');
        let name_end = self.out.len().saturating_add(length);
        self.out.extend_from_slice(name);
        if is_declared {
            self.out.truncate(name_end.saturating_add(1));
        } else {
            self.out.truncate(name_end);
            self.out.extend_from_slice(METINF_DECLARATION);
        }
        let from = self.out.len();
        self.out.extend_from_slice(text.as_bytes());
        let to = self.out.len();
        self.out.extend_from_slice(&local.end);
        self.out
            .truncate(to.saturating_add(length).saturating_add(3));
        Ok(from..to)
    }

    /// Writes text; gives where it stands.
    pub(super) fn text(&mut self, text: &str) -> Result<Range<usize>> {
        self.before_text()?;
        let from = self.out.len();
        if is_plain(text) {
            self.raw(text.as_bytes())?;
        } else {
            self.escaped_checked(text)?;
        }
        Ok(from..self.out.len())
    }

    /// Writes octets of text that need no escapes.
    pub(super) fn plain(&mut self, text: &[u8]) -> Result<()> {
        self.before_text()?;
        self.raw(text)
    }

    /// The end of the innermost element gets no line of its own: white space would be content there.
    pub(super) fn keep_end(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_text = true;
        }
    }

    /// Ends the innermost element.
    #[inline]
    pub(super) fn end(&mut self) -> Result<()> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        if self.is_fresh {
            self.is_fresh = false;
            return self.raw(b"/>");
        }
        if self.indent && open.has_child && !open.has_text {
            self.line()?;
        }
        self.room(open.local.len().saturating_add(3))?;
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(open.local.as_bytes());
        self.out.push(b'>');
        Ok(())
    }

    /// The place of what follows the tag of the innermost element.
    pub(super) fn content(&mut self) -> Result<usize> {
        self.close_tag()?;
        Ok(self.out.len())
    }

    /// A place to come back to while the element that is innermost there is open.
    pub(super) fn place(&self) -> Place {
        let innermost = self.open.last();
        Place {
            length: self.out.len(),
            depth: self.open.len(),
            is_fresh: self.is_fresh,
            has_text: innermost.is_some_and(|open| open.has_text),
            has_child: innermost.is_some_and(|open| open.has_child),
        }
    }

    /// Takes back everything after a place.
    pub(super) fn back_to(&mut self, place: Place) {
        self.out.truncate(place.length);
        self.open.truncate(place.depth);
        self.is_fresh = place.is_fresh;
        if let Some(open) = self.open.last_mut() {
            (open.has_text, open.has_child) = (place.has_text, place.has_child);
        }
    }

    /// Charges octets that are kept beside what is written.
    pub(super) fn charge(&mut self, octets: usize) -> Result<()> {
        if octets == 0 {
            return Ok(());
        }
        match self.limit.checked_sub(octets) {
            Some(limit) if limit >= self.out.len() => {
                self.limit = limit;
                Ok(())
            }
            _ => Err(Unfit::Full),
        }
    }

    #[inline]
    fn before_child(&mut self) -> Result<()> {
        self.close_tag()?;
        if let Some(parent) = self.open.last_mut() {
            parent.has_child = true;
            if self.indent && !parent.has_text {
                self.line()?;
            }
        }
        Ok(())
    }

    fn before_text(&mut self) -> Result<()> {
        self.close_tag()?;
        if let Some(open) = self.open.last_mut() {
            open.has_text = true;
        }
        Ok(())
    }

    #[inline]
    fn close_tag(&mut self) -> Result<()> {
        if self.is_fresh {
            self.is_fresh = false;
            self.room(1)?;
            self.out.push(b'>');
        }
        Ok(())
    }

    fn line(&mut self) -> Result<()> {
        self.raw(b"\n")?;
        for _ in 0..self.open.len() {
            self.raw(b"  ")?;
        }
        Ok(())
    }

    /// Writes octets as they are.
    #[inline]
    fn raw(&mut self, octets: &[u8]) -> Result<()> {
        self.room(octets.len())?;
        self.out.extend_from_slice(octets);
        Ok(())
    }

    fn escaped_checked(&mut self, text: &str) -> Result<()> {
        if unrepresentable(text).is_some() {
            return Err(Unfit::NotRepresentable);
        }
        self.escaped(text, false)
    }

    /// Writes text with its escapes, of an attribute value or of an element.
    fn escaped(&mut self, text: &str, is_value: bool) -> Result<()> {
        let octets = text.as_bytes();
        let mut from = 0;
        for (at, &octet) in octets.iter().enumerate() {
            let escape: &[u8] = match octet {
                b'&' => b"&amp;",
                b'<' => b"&lt;",
                b'>' => b"&gt;",
                b'"' if is_value => b"&quot;",
                // Literal white space would be read back as spaces, or as LF.
                b'\t' if is_value => b"&#9;",
                b'\n' if is_value => b"&#10;",
                b'\r' => b"&#13;",
                _ => continue,
            };
            self.raw(octets.get(from..at).unwrap_or_default())?;
            self.raw(escape)?;
            from = at.saturating_add(1);
        }
        self.raw(octets.get(from..).unwrap_or_default())
    }

    /// Makes room for so many octets. Capacity doubles, but not beyond the limit, so that old and new
    /// together never take more than twice the limit.
    #[inline(always)]
    fn room(&mut self, more: usize) -> Result<()> {
        if self.out.capacity().wrapping_sub(self.out.len()) >= more {
            return Ok(());
        }
        self.grow(more)
    }

    #[cold]
    fn grow(&mut self, more: usize) -> Result<()> {
        let needed = self.out.len().saturating_add(more);
        if needed > self.limit {
            return Err(Unfit::Full);
        }
        let wanted = needed
            .max(self.out.capacity().saturating_mul(2))
            .min(self.limit);
        self.out
            .reserve_exact(wanted.saturating_sub(self.out.len()));
        Ok(())
    }
}

/// The most prefixes in scope, as in the reader of XML.
pub(super) const MAX_PREFIXES: usize = 128;

/// The rest of a start tag that declares the namespace of MetInf.
const METINF_DECLARATION: &[u8; 23] = b" xmlns=\"syncml:metinf\">";
