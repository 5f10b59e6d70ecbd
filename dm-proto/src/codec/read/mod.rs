//! The grammar, reading: events into the model.

mod commands;
mod parts;

pub(super) use self::parts::Form;

use alloc::{borrow::Cow, boxed::Box, format, string::String, vec::Vec};
use core::mem::size_of;

use bytes::Bytes;

use super::{
    DecodeOptions, Decoded, Mode, Tolerance, ToleranceKind,
    event::{self, Event, Fault, Qualified, Source, Step},
    tags::{self, Element},
};
use crate::{
    DecodeError, DecodeErrorKind, Extra, ForeignAttribute, Fragment, Name, Piece, Text,
    error::excerpt,
    message::{SyncHdr, SyncMl},
    text::INLINE,
};

/// Reads a whole message.
pub(super) fn document<'i, S: Source<'i>>(
    source: S,
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<Decoded> {
    Parser::new(source, octets, options).document()
}

/// Reads the header of a message, and nothing after it.
pub(super) fn header<'i, S: Source<'i>>(
    source: S,
    octets: &'i Bytes,
    options: &DecodeOptions,
) -> Result<SyncHdr> {
    let mut parser = Parser::new(source, octets, options);
    match parser.next()? {
        Input::Start(Tag::Known(Element::SyncMl)) => {}
        _ => return Err(parser.fail(DecodeErrorKind::NoRoot)),
    }
    let (mut header, mut extra) = (SyncHdr::default(), Extra::NONE);
    match parser.child("", &mut extra)? {
        Some(Tag::Known(Element::SyncHdr)) => parser.header(&mut header)?,
        _ => return Err(parser.fail(DecodeErrorKind::MissingHeader)),
    }
    Ok(header)
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
        Input::Start(tag) => parser.capture(tag, &mut fragment)?,
        _ => return Err(parser.fail(DecodeErrorKind::NoRoot)),
    }
    parser.finish()?;
    Ok(fragment)
}

/// The name of the element that just began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tag {
    /// In the table.
    Known(Element),
    /// Not in the table: its name is on top of [`Parser::foreign`].
    Foreign,
}

/// An event as the grammar sees it.
enum Input<'i> {
    Start(Tag),
    Attribute(Box<(Qualified<'i>, Cow<'i, str>)>),
    Text(Cow<'i, str>),
    Char(char),
    Opaque(&'i [u8]),
    End,
}

struct Parser<'i, S> {
    source: S,
    /// What is being read, so that large values can share it.
    octets: &'i Bytes,
    mode: Mode,
    depth_limit: usize,
    memory_limit: usize,
    memory_left: usize,
    /// The open elements; `None` is one that the table does not have.
    path: Vec<Option<Element>>,
    /// The names of those, one after the other.
    foreign: Vec<Qualified<'i>>,
    tolerances: Vec<Tolerance>,
    common: Option<parts::Common<'i>>,
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
            path: Vec::with_capacity(32),
            foreign: Vec::new(),
            tolerances: Vec::new(),
            common: None,
        }
    }

    fn document(mut self) -> Result<Decoded> {
        let mut message = SyncMl::default();
        match self.next()? {
            Input::Start(Tag::Known(Element::SyncMl)) => {}
            Input::Start(tag) => {
                let root = match self.foreign.last() {
                    Some(name) if name.local == "SyncML" => {
                        let namespace = excerpt(&name.namespace);
                        format!("{{{namespace}}}SyncML")
                    }
                    _ => excerpt(self.local(tag)),
                };
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
                        self.header(&mut message.header)?;
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
    fn next(&mut self) -> Result<Input<'i>> {
        loop {
            return Ok(match self.source.next() {
                Ok(Event::Start(event::Tag::Known(element))) => {
                    self.enter(Some(element))?;
                    Input::Start(Tag::Known(element))
                }
                Ok(Event::Start(event::Tag::Foreign(name))) => {
                    self.enter(None)?;
                    self.foreign.push(name);
                    Input::Start(Tag::Foreign)
                }
                Ok(Event::End) => {
                    self.leave();
                    Input::End
                }
                Ok(Event::Attribute(name, value)) => Input::Attribute(Box::new((name, value))),
                Ok(Event::Text(text)) => Input::Text(text),
                Ok(Event::Char(character)) => Input::Char(character),
                Ok(Event::Opaque(octets)) => Input::Opaque(octets),
                Ok(Event::Odd(kind)) => {
                    self.note(kind)?;
                    continue;
                }
                Err(fault) => return Err(self.at(fault)),
            });
        }
    }

    #[inline]
    fn enter(&mut self, element: Option<Element>) -> Result<()> {
        if self.path.len() >= self.depth_limit {
            return Err(self.too_deep());
        }
        self.path.push(element);
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> DecodeError {
        self.fail(DecodeErrorKind::TooDeep {
            limit: self.depth_limit,
        })
    }

    #[inline]
    fn leave(&mut self) {
        if let Some(None) = self.path.pop() {
            self.foreign.pop();
        }
    }

    /// Takes the next element whole, if it is this one and as simple as most are: see
    /// [`Source::leaf`]. Otherwise nothing is taken, and the usual way finds out what there is.
    ///
    /// The functions for elements begin with the children that they mostly have, in the order of the
    /// DTD, before they look at whatever there is.
    #[inline(always)]
    fn leaf<T>(
        &mut self,
        element: Element,
        accept: impl FnOnce(&'i str) -> Option<T>,
    ) -> Option<T> {
        if self.path.len() >= self.depth_limit {
            return None;
        }
        self.source.leaf(element, accept)
    }

    /// Takes the next element whole to its place.
    #[inline(always)]
    fn leaf_to(&mut self, place: &mut Text, element: Element, seen: &mut Seen, rank: u8) {
        if self.path.len() >= self.depth_limit {
            return;
        }
        let memory_left = &mut self.memory_left;
        let taken = self.source.leaf(element, |text| {
            if !is_trimmed(text) {
                return None;
            }
            if text.len() > INLINE {
                *memory_left = memory_left.checked_sub(text.len())?;
            }
            place.set(text);
            Some(())
        });
        if taken.is_some() {
            seen.mark(rank);
        }
    }

    /// As [`leaf_to`](Self::leaf_to), where there may be none.
    #[inline(always)]
    fn optional_leaf(
        &mut self,
        place: &mut Option<Text>,
        element: Element,
        seen: &mut Seen,
        rank: u8,
    ) {
        let memory_left = self.memory_left;
        let taken = self.leaf(element, |text| {
            (is_trimmed(text) && (text.len() <= INLINE || text.len() <= memory_left)).then(|| {
                *place = Some(Text::from(text));
                text.len()
            })
        });
        if let Some(length) = taken {
            if length > INLINE {
                self.memory_left = self.memory_left.saturating_sub(length);
            }
            seen.mark(rank);
        }
    }

    /// Takes the next elements whole to the end of a list.
    #[inline(always)]
    fn leaves(&mut self, element: Element, texts: &mut Vec<Text>, seen: &mut Seen, rank: u8) {
        loop {
            let growth = if texts.len() == texts.capacity() {
                texts.len().max(1)
            } else {
                0
            };
            let mut cost = growth.saturating_mul(size_of::<Text>());
            let memory_left = self.memory_left;
            let taken = self.leaf(element, |text| {
                if text.len() > INLINE {
                    cost = cost.saturating_add(text.len());
                }
                if !is_trimmed(text) || cost > memory_left {
                    return None;
                }
                texts.reserve_exact(growth);
                texts.push(Text::from(text));
                Some(())
            });
            if taken.is_none() {
                return;
            }
            self.memory_left = self.memory_left.saturating_sub(cost);
            seen.mark(rank);
        }
    }

    /// Takes the start of the next element, if it is this one and as simple as most are.
    #[inline(always)]
    fn open(&mut self, element: Element) -> bool {
        let is_open = self.path.len() < self.depth_limit && self.source.open(element);
        if is_open {
            self.path.push(Some(element));
        }
        is_open
    }

    /// The next child of the open element, or `None` at its end. Attributes go to `extra`.
    #[inline(always)]
    fn child(&mut self, on: &'static str, extra: &mut Extra) -> Result<Option<Tag>> {
        if self.source.close() {
            self.leave();
            return Ok(None);
        }
        self.any_child(on, extra)
    }

    fn any_child(&mut self, on: &'static str, extra: &mut Extra) -> Result<Option<Tag>> {
        match self.source.step() {
            Step::Start(element) => {
                self.enter(Some(element))?;
                Ok(Some(Tag::Known(element)))
            }
            Step::End => {
                self.leave();
                Ok(None)
            }
            Step::Other => self.rare_child(on, extra),
        }
    }

    #[inline(never)]
    fn rare_child(&mut self, on: &'static str, extra: &mut Extra) -> Result<Option<Tag>> {
        loop {
            match self.next()? {
                Input::Start(tag) => return Ok(Some(tag)),
                Input::End => return Ok(None),
                Input::Attribute(attribute) => self.attribute(on, *attribute, extra)?,
                Input::Text(text) => {
                    if !text.bytes().all(is_space) {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
                Input::Char(character) => {
                    if !matches!(character, ' ' | '\t' | '\n' | '\r') {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
                Input::Opaque(octets) => {
                    if !octets.is_empty() {
                        self.note(ToleranceKind::StrayText)?;
                    }
                }
            }
        }
    }

    /// The text of the open element without surrounding white space.
    fn text(&mut self, element: Element, extra: &mut Extra) -> Result<Text> {
        if let Some(text) = self.source.text() {
            self.leave();
            if is_trimmed(text) {
                self.charge_text(text.len())?;
                return Ok(Text::from(text));
            }
            return self.keep_trimmed(element, Cow::Borrowed(text));
        }
        let text = self.rare_content(element, extra)?;
        self.keep_trimmed(element, text)
    }

    /// As [`text`](Self::text), but straight to its place.
    fn text_to(&mut self, place: &mut Text, element: Element, extra: &mut Extra) -> Result<()> {
        if let Some(text) = self.source.text() {
            self.leave();
            if is_trimmed(text) {
                self.charge_text(text.len())?;
                place.set(text);
            } else {
                *place = self.keep_trimmed(element, Cow::Borrowed(text))?;
            }
            return Ok(());
        }
        let text = self.rare_content(element, extra)?;
        *place = self.keep_trimmed(element, text)?;
        Ok(())
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
        self.push_with(1, texts, Text::default)?;
        match texts.last_mut() {
            Some(text) => self.text_to(text, element, extra),
            None => Ok(()),
        }
    }

    /// The text of the open element to the letter.
    fn verbatim(&mut self, element: Element, extra: &mut Extra) -> Result<Text> {
        let text = self.content(element, extra)?;
        self.keep(text)
    }

    fn keep_trimmed(&mut self, element: Element, text: Cow<'i, str>) -> Result<Text> {
        if is_trimmed(&text) {
            return self.keep(text);
        }
        let trimmed = trim(&text);
        self.note(ToleranceKind::SurroundingSpace {
            element: element.name(),
        })?;
        self.charge_text(trimmed.len())?;
        Ok(Text::from(trimmed))
    }

    fn content(&mut self, element: Element, extra: &mut Extra) -> Result<Cow<'i, str>> {
        if let Some(text) = self.source.text() {
            self.leave();
            return Ok(Cow::Borrowed(text));
        }
        self.rare_content(element, extra)
    }

    #[inline(never)]
    fn rare_content(&mut self, element: Element, extra: &mut Extra) -> Result<Cow<'i, str>> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Input::Text(more) => self.append(&mut text, more)?,
                Input::Char(character) => self.append_char(&mut text, character)?,
                Input::Opaque(octets) => match core::str::from_utf8(octets) {
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
                Input::Attribute(attribute) => {
                    self.attribute(element.name(), *attribute, extra)?;
                }
                Input::Start(tag) => self.drop_element(tag)?,
                Input::End => return Ok(text),
            }
        }
    }

    /// The text of the open element where octets may stand for their Base64.
    fn base64(&mut self, element: Element, is_binary: bool, extra: &mut Extra) -> Result<Text> {
        let mut text = Cow::Borrowed("");
        let mut octets = Vec::new();
        loop {
            match self.next()? {
                Input::Text(more) => self.append(&mut text, more)?,
                Input::Char(character) => self.append_char(&mut text, character)?,
                Input::Opaque(more) => match core::str::from_utf8(more) {
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
                Input::Attribute(attribute) => {
                    self.attribute(element.name(), *attribute, extra)?;
                }
                Input::Start(tag) => self.drop_element(tag)?,
                Input::End => break,
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
            self.drop_element(tag)?;
        }
        Ok(true)
    }

    /// The number that the text of the open element is, if it is one.
    fn digits<T: core::str::FromStr>(
        &mut self,
        element: Element,
        extra: &mut Extra,
    ) -> Result<Option<T>> {
        if let Some(text) = self.source.text() {
            self.leave();
            if !is_trimmed(text) {
                self.note(ToleranceKind::SurroundingSpace {
                    element: element.name(),
                })?;
            }
            return Ok(parse_number(trim(text)));
        }
        let text = self.rare_content(element, extra)?;
        Ok(parse_number(&self.keep_trimmed(element, text)?))
    }

    fn number<T: core::str::FromStr>(
        &mut self,
        element: Element,
        extra: &mut Extra,
    ) -> Result<Option<T>> {
        let number = self.digits(element, extra)?;
        if number.is_none() {
            self.note(ToleranceKind::InvalidNumber {
                element: element.name(),
            })?;
        }
        Ok(number)
    }

    /// Notes an element where only text may stand, and drops it.
    #[cold]
    fn drop_element(&mut self, tag: Tag) -> Result<()> {
        let name = self.keep_local(tag)?;
        self.note(ToleranceKind::ElementInText { name })?;
        self.skip()
    }

    /// Passes over the rest of the element that just began.
    fn skip(&mut self) -> Result<()> {
        let depth = self.path.len();
        loop {
            if matches!(self.next()?, Input::End) && self.path.len() < depth {
                return Ok(());
            }
        }
    }

    /// Keeps an element that does not belong here, or is not SyncML's.
    #[cold]
    fn foreign(&mut self, tag: Tag, extra: &mut Extra) -> Result<()> {
        match tag {
            Tag::Known(element) => {
                self.note(ToleranceKind::MisplacedElement {
                    element: element.name(),
                })?;
            }
            Tag::Foreign => {
                let name = self.keep_local(tag)?;
                self.note(ToleranceKind::ForeignElement { name })?;
            }
        }
        self.keep_element(tag, extra)
    }

    fn keep_element(&mut self, tag: Tag, extra: &mut Extra) -> Result<()> {
        self.copy(tag, &mut |piece| extra.push_piece(piece))
    }

    fn capture(&mut self, tag: Tag, fragment: &mut Fragment) -> Result<()> {
        self.copy(tag, &mut |piece| fragment.push(piece))
    }

    /// Copies the element that just began, its end included.
    fn copy(&mut self, tag: Tag, keep: &mut dyn FnMut(Piece)) -> Result<()> {
        let depth = self.path.len();
        let start = Piece::Start(self.name_of(tag)?);
        self.keep_piece(start, keep)?;
        let mut text = Cow::Borrowed("");
        loop {
            let event = self.next()?;
            match &event {
                Input::Text(_) | Input::Char(_) | Input::Attribute(_) => {}
                Input::Start(_) | Input::Opaque(_) | Input::End => self.flush(&mut text, keep)?,
            }
            match event {
                Input::Text(more) => self.append(&mut text, more)?,
                Input::Char(character) => self.append_char(&mut text, character)?,
                Input::Attribute(attribute) => {
                    let (name, value) = *attribute;
                    let name = self.name(name)?;
                    let value = self.keep(value)?;
                    self.keep_piece(Piece::Attribute(name, value), keep)?;
                }
                Input::Start(tag) => {
                    let start = Piece::Start(self.name_of(tag)?);
                    self.keep_piece(start, keep)?;
                }
                Input::Opaque(octets) => {
                    let octets = self.share(octets)?;
                    self.keep_piece(Piece::Opaque(octets), keep)?;
                }
                Input::End => {
                    self.keep_piece(Piece::End, keep)?;
                    if self.path.len() < depth {
                        return Ok(());
                    }
                }
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
        (name, value): (Qualified<'i>, Cow<'i, str>),
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

    fn name_of(&mut self, tag: Tag) -> Result<Name> {
        match tag {
            Tag::Known(element) => Ok(Name {
                namespace: Text::from_static(element.namespace()),
                local: Text::from_static(element.name()),
            }),
            Tag::Foreign => {
                let name = self.foreign.last().cloned().unwrap_or_default();
                self.name(name)
            }
        }
    }

    /// The local name of the element that just began.
    fn local(&self, tag: Tag) -> &str {
        match tag {
            Tag::Known(element) => element.name(),
            Tag::Foreign => self.foreign.last().map_or("", |name| &name.local),
        }
    }

    fn keep_local(&mut self, tag: Tag) -> Result<Text> {
        self.charge_text(self.local(tag).len())?;
        Ok(Text::from(self.local(tag)))
    }

    fn name(&mut self, name: Qualified<'i>) -> Result<Name> {
        Ok(Name {
            namespace: self.keep(name.namespace)?,
            local: self.keep(name.local)?,
        })
    }

    /// Whether a child that may stand once stands for the first time; a repetition is passed over.
    /// `rank` is its place in the DTD's order.
    #[inline(always)]
    fn single(&mut self, seen: &mut Seen, rank: u8, element: Element) -> Result<bool> {
        if seen.has(rank) {
            return self.duplicate(element);
        }
        self.ordered(seen, rank, element)?;
        Ok(true)
    }

    #[cold]
    fn duplicate(&mut self, element: Element) -> Result<bool> {
        self.note(ToleranceKind::DuplicateElement {
            element: element.name(),
        })?;
        self.skip()?;
        Ok(false)
    }

    /// Notes a child that stands after one that the DTD puts behind it.
    #[inline(always)]
    fn ordered(&mut self, seen: &mut Seen, rank: u8, element: Element) -> Result<()> {
        if seen.last > rank {
            self.out_of_order(element)?;
        }
        seen.mark(rank);
        Ok(())
    }

    #[cold]
    fn out_of_order(&mut self, element: Element) -> Result<()> {
        self.note(ToleranceKind::ElementOrder {
            element: element.name(),
        })
    }

    #[inline]
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
    #[inline]
    fn keep(&mut self, text: Cow<'i, str>) -> Result<Text> {
        self.charge_text(text.len())?;
        Ok(Text::from(text))
    }

    fn keep_str(&mut self, text: &str) -> Result<Text> {
        self.charge_text(text.len())?;
        Ok(Text::from(text))
    }

    #[inline]
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

    /// Adds to a list that mostly has so many elements. The element is made in its place: commands and items
    /// are large, and what is made elsewhere is moved.
    #[inline(always)]
    fn push_with<T>(
        &mut self,
        usual: usize,
        list: &mut Vec<T>,
        make: impl Fn() -> T,
    ) -> Result<()> {
        self.room(usual, list)?;
        // Not `push`: were it to panic for lack of memory, it would have to drop the element, which
        // keeps the compiler from making it there.
        list.extend(Some(()).into_iter().map(|()| make()));
        Ok(())
    }

    /// Makes room for one more in such a list.
    #[inline(always)]
    fn room<T>(&mut self, usual: usize, list: &mut Vec<T>) -> Result<()> {
        if list.len() == list.capacity() {
            self.grow(usual, list)?;
        }
        Ok(())
    }

    fn grow<T>(&mut self, usual: usize, list: &mut Vec<T>) -> Result<()> {
        let growth = list.len().max(usual);
        self.charge(growth.saturating_mul(size_of::<T>()))?;
        if list.is_empty() {
            // It has none yet: a new one takes less than to let it grow.
            *list = Vec::with_capacity(growth);
        } else {
            list.reserve_exact(growth);
        }
        Ok(())
    }

    #[inline]
    fn boxed<T>(&mut self, value: T) -> Result<Box<T>> {
        self.charge(size_of::<T>())?;
        Ok(Box::new(value))
    }

    #[inline(always)]
    fn charge(&mut self, octets: usize) -> Result<()> {
        match self.memory_left.checked_sub(octets) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(self.too_much()),
        }
    }

    #[cold]
    fn too_much(&self) -> DecodeError {
        self.fail(DecodeErrorKind::TooMuchMemory {
            limit: self.memory_limit,
        })
    }

    /// Passes over something that breaks the letter, or refuses it.
    #[cold]
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

    #[cold]
    fn fail(&self, kind: DecodeErrorKind) -> DecodeError {
        self.at(Fault {
            offset: self.source.offset(),
            kind,
        })
    }

    #[cold]
    fn at(&self, fault: Fault) -> DecodeError {
        let mut path = String::new();
        let mut foreign = self.foreign.iter();
        for element in &self.path {
            if !path.is_empty() {
                path.push('/');
            }
            match element {
                Some(element) => path.push_str(element.name()),
                None => path.push_str(
                    &foreign
                        .next()
                        .map_or_else(String::new, |name| excerpt(&name.local)),
                ),
            }
        }
        DecodeError::new(S::ENCODING, fault.offset, path, fault.kind)
    }

    /// An element that should be MetInf's: without its namespace it counts all the same.
    #[inline]
    fn metinf(&mut self, tag: Tag) -> Result<Tag> {
        match tag {
            Tag::Known(_) => Ok(tag),
            Tag::Foreign => self.foreign_metinf(),
        }
    }

    #[cold]
    fn foreign_metinf(&mut self) -> Result<Tag> {
        let element = self
            .foreign
            .last()
            .filter(|name| tags::is_syncml(&name.namespace))
            .and_then(|name| Element::from_name(tags::PAGE_METINF, &name.local));
        let Some(element) = element else {
            return Ok(Tag::Foreign);
        };
        self.note(ToleranceKind::MissingMetInfNamespace {
            element: element.name(),
        })?;
        Ok(Tag::Known(element))
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

/// Octets below this are copied: a slice would keep the whole message alive.
const SHARED_MIN: usize = 512;
/// So are those that are a smaller part of the message than one in this many.
const SHARED_PART: usize = 8;

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether neither end of a text is white space.
fn is_trimmed(text: &str) -> bool {
    match text.as_bytes() {
        [] => true,
        [only] => !is_space(*only),
        [first, .., last] => !is_space(*first) && !is_space(*last),
    }
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
