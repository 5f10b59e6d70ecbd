//! The grammar, reading: events into the model.

mod commands;
mod parts;

pub(super) use self::parts::Form;

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};
use core::mem::size_of;

use bytes::Bytes;

use super::{
    DecodeOptions, Decoded, Mode, Tolerance, ToleranceKind,
    event::{Event, Fault, Qualified, Source, Tag},
    tags::{self, Element},
};
use crate::{
    DecodeError, DecodeErrorKind, Extra, ForeignAttribute, Fragment, Name, Piece, Text,
    message::SyncMl,
};

/// Reads a whole message.
pub(super) fn document<'i, S: Source<'i>>(
    source: S,
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<Decoded> {
    Parser::new(source, octets, options).document()
}

/// Reads a whole document without the grammar.
pub(super) fn fragment<'i, S: Source<'i>>(
    source: S,
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<Fragment> {
    let mut parser = Parser::new(source, octets, options);
    let mut fragment = Fragment::EMPTY;
    match parser.next()? {
        Event::Start(tag) => parser.capture(tag, &mut fragment)?,
        _ => return Err(parser.fail(DecodeErrorKind::NoRoot)),
    }
    parser.finish()?;
    Ok(fragment)
}

struct Parser<'i, S> {
    source: S,
    /// What is being read, so that large values can share it.
    octets: &'i Bytes,
    mode: Mode,
    depth_limit: usize,
    memory_limit: usize,
    memory_left: usize,
    /// The open elements.
    path: Vec<Tag<'i>>,
    tolerances: Vec<Tolerance>,
}

type Result<T, E = DecodeError> = core::result::Result<T, E>;

impl<'i, S: Source<'i>> Parser<'i, S> {
    fn new(source: S, octets: &'i Bytes, options: &DecodeOptions) -> Self {
        Self {
            source,
            octets,
            mode: options.mode,
            depth_limit: options.limits.depth,
            memory_limit: options.limits.memory,
            memory_left: options.limits.memory,
            path: Vec::new(),
            tolerances: Vec::new(),
        }
    }

    fn document(mut self) -> Result<Decoded> {
        let mut message = SyncMl::default();
        match self.next()? {
            Event::Start(Tag::Known(Element::SyncMl)) => {}
            Event::Start(tag) => {
                let root = String::from(tag.local());
                return Err(self.fail(DecodeErrorKind::NotSyncMl { root }));
            }
            _ => return Err(self.fail(DecodeErrorKind::NoRoot)),
        }
        let mut seen = Seen::default();
        let mut has_header = false;
        while let Some(tag) = self.child("", &mut message.extra)? {
            match tag {
                Tag::Known(Element::SyncHdr) => {
                    if self.single(&mut seen, 0, Element::SyncHdr)? {
                        message.header = self.header()?;
                        has_header = true;
                    }
                }
                Tag::Known(Element::SyncBody) => {
                    if self.single(&mut seen, 1, Element::SyncBody)? {
                        self.body(&mut message)?;
                    }
                }
                tag => self.foreign(tag, &mut message.extra)?,
            }
        }
        if !has_header {
            return Err(self.fail(DecodeErrorKind::MissingHeader));
        }
        self.require(&seen, 1, Element::SyncBody)?;
        self.finish()?;
        Ok(Decoded {
            message,
            tolerances: self.tolerances,
        })
    }

    /// Notes what follows the root.
    fn finish(&mut self) -> Result<()> {
        match self.source.finish() {
            Ok(None) => Ok(()),
            Ok(Some(kind)) => self.note(kind),
            Err(fault) => Err(self.at(fault)),
        }
    }

    /// The next event; oddities are noted, depth is counted.
    fn next(&mut self) -> Result<Event<'i>> {
        loop {
            match self.source.next() {
                Ok(Event::Odd(kind)) => self.note(kind)?,
                Ok(event) => {
                    match &event {
                        Event::Start(tag) => {
                            if self.path.len() >= self.depth_limit {
                                return Err(self.fail(DecodeErrorKind::TooDeep {
                                    limit: self.depth_limit,
                                }));
                            }
                            self.path.push(tag.clone());
                        }
                        Event::End => {
                            self.path.pop();
                        }
                        _ => {}
                    }
                    return Ok(event);
                }
                Err(fault) => return Err(self.at(fault)),
            }
        }
    }

    /// The next child of the open element, or `None` at its end. Attributes go to `extra`.
    fn child(&mut self, on: &'static str, extra: &mut Extra) -> Result<Option<Tag<'i>>> {
        loop {
            match self.next()? {
                Event::Start(tag) => return Ok(Some(tag)),
                Event::End => return Ok(None),
                Event::Attribute(name, value) => self.attribute(on, name, value, extra)?,
                Event::Text(text) => {
                    if !text.bytes().all(is_space) {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
                Event::Char(character) => {
                    if !matches!(character, ' ' | '\t' | '\n' | '\r') {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
                Event::Opaque(octets) => {
                    if !octets.is_empty() {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
                Event::Odd(_) => {}
            }
        }
    }

    /// The text of the open element without surrounding white space.
    fn text(&mut self, element: Element, extra: &mut Extra) -> Result<Text> {
        let text = self.content(element, extra)?;
        self.keep_trimmed(element, text)
    }

    /// Adds the text of the open element to a list. Attributes are kept for the first of them only:
    /// there is one place for them.
    fn list(&mut self, element: Element, texts: &mut Vec<Text>, extra: &mut Extra) -> Result<()> {
        let mut dropped = Extra::NONE;
        let extra = if texts.is_empty() {
            extra
        } else {
            &mut dropped
        };
        let text = self.text(element, extra)?;
        self.push(texts, text)
    }

    /// The text of the open element to the letter.
    fn verbatim(&mut self, element: Element, extra: &mut Extra) -> Result<Text> {
        let text = self.content(element, extra)?;
        self.keep(text)
    }

    fn keep_trimmed(&mut self, element: Element, text: Cow<'i, str>) -> Result<Text> {
        let trimmed = trim(&text);
        if trimmed.len() == text.len() {
            return self.keep(text);
        }
        self.note(ToleranceKind::SurroundingSpace {
            element: element.name(),
        })?;
        self.charge_text(trimmed.len())?;
        Ok(Text::from(trimmed))
    }

    fn content(&mut self, element: Element, extra: &mut Extra) -> Result<Cow<'i, str>> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Event::Text(more) => self.append(&mut text, more)?,
                Event::Char(character) => self.append_char(&mut text, character)?,
                Event::Opaque(octets) => match core::str::from_utf8(octets) {
                    Ok(more) => {
                        self.note(ToleranceKind::OpaqueString {
                            element: element.name(),
                        })?;
                        self.append(&mut text, Cow::Borrowed(more))?;
                    }
                    Err(_) => {
                        return Err(self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" }));
                    }
                },
                Event::Attribute(name, value) => {
                    self.attribute(element.name(), name, value, extra)?;
                }
                Event::Start(tag) => self.drop_element(&tag)?,
                Event::End => return Ok(text),
                Event::Odd(_) => {}
            }
        }
    }

    /// The text of the open element where octets may stand for their Base64.
    fn base64(&mut self, element: Element, is_binary: bool, extra: &mut Extra) -> Result<Text> {
        let mut text = Cow::Borrowed("");
        let mut octets = Vec::new();
        loop {
            match self.next()? {
                Event::Text(more) => self.append(&mut text, more)?,
                Event::Char(character) => self.append_char(&mut text, character)?,
                Event::Opaque(more) => match core::str::from_utf8(more) {
                    Ok(more) if !is_binary => {
                        self.note(ToleranceKind::OpaqueString {
                            element: element.name(),
                        })?;
                        self.append(&mut text, Cow::Borrowed(more))?;
                    }
                    _ => {
                        self.charge(more.len().saturating_mul(2))?;
                        octets.extend_from_slice(more);
                    }
                },
                Event::Attribute(name, value) => {
                    self.attribute(element.name(), name, value, extra)?;
                }
                Event::Start(tag) => self.drop_element(&tag)?,
                Event::End => break,
                Event::Odd(_) => {}
            }
        }
        if octets.is_empty() {
            return self.keep_trimmed(element, text);
        }
        self.note(ToleranceKind::RawOctets {
            element: element.name(),
        })?;
        self.charge(octets.len().saturating_mul(2))?;
        let encoded = super::base64_of(&octets);
        self.append(&mut text, Cow::Owned(encoded))?;
        self.keep(text)
    }

    /// Reads an element that has no content.
    fn flag(&mut self, element: Element, extra: &mut Extra) -> Result<bool> {
        while let Some(tag) = self.child(element.name(), extra)? {
            self.drop_element(&tag)?;
        }
        Ok(true)
    }

    fn number<T: core::str::FromStr>(
        &mut self,
        element: Element,
        extra: &mut Extra,
    ) -> Result<Option<T>> {
        let text = self.text(element, extra)?;
        let number = parse_number(&text);
        if number.is_none() {
            self.note(ToleranceKind::InvalidNumber {
                element: element.name(),
            })?;
        }
        Ok(number)
    }

    /// Notes an element where only text may stand, and drops it.
    fn drop_element(&mut self, tag: &Tag<'i>) -> Result<()> {
        let name = self.keep_str(tag.local())?;
        self.note(ToleranceKind::ElementInText { name })?;
        self.skip()
    }

    /// Passes over the rest of the element that just began.
    fn skip(&mut self) -> Result<()> {
        let depth = self.path.len();
        loop {
            if matches!(self.next()?, Event::End) && self.path.len() < depth {
                return Ok(());
            }
        }
    }

    /// Keeps an element that does not belong here, or is not SyncML's.
    fn foreign(&mut self, tag: Tag<'i>, extra: &mut Extra) -> Result<()> {
        match &tag {
            Tag::Known(element) => {
                self.note(ToleranceKind::MisplacedElement {
                    element: element.name(),
                })?;
            }
            Tag::Foreign(name) => {
                let name = self.keep_str(&name.local)?;
                self.note(ToleranceKind::ForeignElement { name })?;
            }
        }
        self.keep_element(tag, extra)
    }

    fn keep_element(&mut self, tag: Tag<'i>, extra: &mut Extra) -> Result<()> {
        self.copy(tag, &mut |piece| extra.push_piece(piece))
    }

    fn capture(&mut self, tag: Tag<'i>, fragment: &mut Fragment) -> Result<()> {
        self.copy(tag, &mut |piece| fragment.push(piece))
    }

    /// Copies the element that just began, its end included.
    fn copy(&mut self, tag: Tag<'i>, keep: &mut dyn FnMut(Piece)) -> Result<()> {
        let depth = self.path.len();
        let start = Piece::Start(self.name_of(tag)?);
        self.keep_piece(start, keep)?;
        let mut text = Cow::Borrowed("");
        loop {
            let event = self.next()?;
            match &event {
                Event::Text(_) | Event::Char(_) | Event::Attribute(..) | Event::Odd(_) => {}
                Event::Start(_) | Event::Opaque(_) | Event::End => self.flush(&mut text, keep)?,
            }
            match event {
                Event::Text(more) => self.append(&mut text, more)?,
                Event::Char(character) => self.append_char(&mut text, character)?,
                Event::Attribute(name, value) => {
                    let name = self.name(name)?;
                    let value = self.keep(value)?;
                    self.keep_piece(Piece::Attribute(name, value), keep)?;
                }
                Event::Start(tag) => {
                    let start = Piece::Start(self.name_of(tag)?);
                    self.keep_piece(start, keep)?;
                }
                Event::Opaque(octets) => {
                    let octets = self.share(octets)?;
                    self.keep_piece(Piece::Opaque(octets), keep)?;
                }
                Event::End => {
                    self.keep_piece(Piece::End, keep)?;
                    if self.path.len() < depth {
                        return Ok(());
                    }
                }
                Event::Odd(_) => {}
            }
        }
    }

    fn flush(&mut self, text: &mut Cow<'i, str>, keep: &mut dyn FnMut(Piece)) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let text = self.keep(core::mem::replace(text, Cow::Borrowed("")))?;
        self.keep_piece(Piece::Text(text), keep)
    }

    fn keep_piece(&mut self, piece: Piece, keep: &mut dyn FnMut(Piece)) -> Result<()> {
        // Twice: the list that it goes to doubles as it grows.
        self.charge(size_of::<[Piece; 2]>())?;
        keep(piece);
        Ok(())
    }

    fn attribute(
        &mut self,
        on: &'static str,
        name: Qualified<'i>,
        value: Cow<'i, str>,
        extra: &mut Extra,
    ) -> Result<()> {
        let local = self.keep_str(&name.local)?;
        self.note(ToleranceKind::ForeignAttribute { name: local })?;
        let name = self.name(name)?;
        let value = self.keep(value)?;
        self.charge(size_of::<[ForeignAttribute; 2]>())?;
        extra.push_attribute(ForeignAttribute {
            on: Text::from_static(on),
            name,
            value,
        });
        Ok(())
    }

    fn name_of(&mut self, tag: Tag<'i>) -> Result<Name> {
        match tag {
            Tag::Known(element) => Ok(Name {
                namespace: Text::from_static(element.namespace()),
                local: Text::from_static(element.name()),
            }),
            Tag::Foreign(name) => self.name(name),
        }
    }

    fn name(&mut self, name: Qualified<'i>) -> Result<Name> {
        Ok(Name {
            namespace: self.keep(name.namespace)?,
            local: self.keep(name.local)?,
        })
    }

    /// Whether a child that may stand once stands for the first time; a repetition is passed over.
    /// `rank` is its place in the DTD's order.
    fn single(&mut self, seen: &mut Seen, rank: u8, element: Element) -> Result<bool> {
        if seen.has(rank) {
            self.note(ToleranceKind::DuplicateElement {
                element: element.name(),
            })?;
            self.skip()?;
            return Ok(false);
        }
        self.ordered(seen, rank, element)?;
        Ok(true)
    }

    /// Notes a child that stands after one that the DTD puts behind it.
    fn ordered(&mut self, seen: &mut Seen, rank: u8, element: Element) -> Result<()> {
        if seen.last > rank {
            self.note(ToleranceKind::ElementOrder {
                element: element.name(),
            })?;
        }
        seen.mark(rank);
        Ok(())
    }

    fn require(&mut self, seen: &Seen, rank: u8, element: Element) -> Result<()> {
        if seen.has(rank) {
            return Ok(());
        }
        self.note(ToleranceKind::MissingElement {
            element: element.name(),
        })
    }

    fn append(&mut self, text: &mut Cow<'i, str>, more: Cow<'i, str>) -> Result<()> {
        if text.is_empty() {
            *text = more;
        } else {
            self.charge_append(text, more.len())?;
            text.to_mut().push_str(&more);
        }
        Ok(())
    }

    fn append_char(&mut self, text: &mut Cow<'i, str>, character: char) -> Result<()> {
        self.charge_append(text, character.len_utf8())?;
        text.to_mut().push(character);
        Ok(())
    }

    #[expect(clippy::ptr_arg, reason = "it matters whether the text is owned")]
    fn charge_append(&mut self, text: &Cow<'i, str>, more: usize) -> Result<()> {
        // A buffer that is not owned yet is copied first. Twice, since it doubles as it grows.
        let copied = match text {
            Cow::Borrowed(text) => text.len().saturating_add(more),
            Cow::Owned(_) => more,
        };
        self.charge(copied.saturating_mul(2))
    }

    /// A text of the model.
    fn keep(&mut self, text: Cow<'i, str>) -> Result<Text> {
        self.charge_text(text.len())?;
        Ok(Text::from(text))
    }

    fn keep_str(&mut self, text: &str) -> Result<Text> {
        self.charge_text(text.len())?;
        Ok(Text::from(text))
    }

    fn charge_text(&mut self, length: usize) -> Result<()> {
        // Shorter texts are stored inline.
        if length > INLINE {
            self.charge(length)
        } else {
            Ok(())
        }
    }

    /// Octets of the model: shared with the input where they are a good part of it, otherwise copied.
    fn share(&mut self, octets: &'i [u8]) -> Result<Bytes> {
        if octets.len() >= SHARED_MIN
            && octets.len().saturating_mul(SHARED_PART) >= self.octets.len()
        {
            return Ok(self.octets.slice_ref(octets));
        }
        self.charge(octets.len())?;
        Ok(Bytes::copy_from_slice(octets))
    }

    fn push<T>(&mut self, list: &mut Vec<T>, element: T) -> Result<()> {
        if list.len() == list.capacity() {
            // One, then doubled: most lists have one element.
            let growth = list.len().max(1);
            self.charge(growth.saturating_mul(size_of::<T>()))?;
            list.reserve_exact(growth);
        }
        list.push(element);
        Ok(())
    }

    fn boxed<T>(&mut self, value: T) -> Result<Box<T>> {
        self.charge(size_of::<T>())?;
        Ok(Box::new(value))
    }

    fn charge(&mut self, octets: usize) -> Result<()> {
        match self.memory_left.checked_sub(octets) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(self.fail(DecodeErrorKind::TooMuchMemory {
                limit: self.memory_limit,
            })),
        }
    }

    /// Passes over something that breaks the letter, or refuses it.
    fn note(&mut self, kind: ToleranceKind) -> Result<()> {
        if self.mode == Mode::Strict {
            return Err(self.fail(DecodeErrorKind::Strict(kind)));
        }
        self.charge(size_of::<[Tolerance; 2]>())?;
        self.tolerances.push(Tolerance {
            offset: self.source.offset(),
            kind,
        });
        Ok(())
    }

    fn fail(&self, kind: DecodeErrorKind) -> DecodeError {
        self.at(Fault {
            offset: self.source.offset(),
            kind,
        })
    }

    fn at(&self, fault: Fault) -> DecodeError {
        let mut path = String::new();
        for tag in &self.path {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(tag.local());
        }
        DecodeError::new(S::ENCODING, fault.offset, path, fault.kind)
    }

    /// An element that should be MetInf's: without its namespace it counts all the same.
    fn metinf(&mut self, tag: Tag<'i>) -> Result<Tag<'i>> {
        if let Tag::Foreign(name) = &tag
            && tags::is_syncml(&name.namespace)
            && let Some(element) = Element::from_name(tags::PAGE_METINF, &name.local)
        {
            self.note(ToleranceKind::MissingMetInfNamespace {
                element: element.name(),
            })?;
            return Ok(Tag::Known(element));
        }
        Ok(tag)
    }
}

/// Which children an element has had, by their rank in the DTD's order.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    bits: u32,
    last: u8,
}

impl Seen {
    fn has(self, rank: u8) -> bool {
        self.bits & bit(rank) != 0
    }

    fn mark(&mut self, rank: u8) {
        self.bits |= bit(rank);
        self.last = self.last.max(rank);
    }
}

fn bit(rank: u8) -> u32 {
    1_u32.wrapping_shl(u32::from(rank))
}

/// The longest text that [`Text`] stores inline.
const INLINE: usize = 24;
/// Octets below this are copied: a slice would keep the whole message alive.
const SHARED_MIN: usize = 512;
/// So are those that are a smaller part of the message than one in this many.
const SHARED_PART: usize = 8;

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// A decimal number without a sign.
fn parse_number<T: core::str::FromStr>(text: &str) -> Option<T> {
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
