//! The grammar, writing: the model into events, children in the DTD's order.

mod commands;
mod parts;

use alloc::vec::Vec;

use super::{
    event::{Sink, SinkResult as Result},
    tags::Element,
};
use crate::{
    EncodeError, Extra, Fragment, Piece, Text,
    message::{Command, SyncHdr, SyncMl},
};

/// Writes a whole message.
pub(super) fn document<S: Sink>(sink: &mut S, message: &SyncMl) -> Result {
    sink.reserve(message);
    let mut grammar = Grammar::new(sink);
    grammar.begin(&message.header, &message.extra)?;
    for command in &message.commands {
        grammar.command(command)?;
    }
    grammar.finish(message.is_final, &message.extra)
}

/// Writes up to the first command.
pub(super) fn begin<S: Sink>(sink: &mut S, header: &SyncHdr) -> Result {
    Grammar::new(sink).begin(header, &Extra::NONE)
}

/// Writes a command of the body.
pub(super) fn command<S: Sink>(sink: &mut S, command: &Command) -> Result {
    Grammar::new(sink).command(command)
}

/// Writes what follows the last command.
pub(super) fn finish<S: Sink>(sink: &mut S, is_final: bool) -> Result {
    Grammar::new(sink).finish(is_final, &Extra::NONE)
}

/// Writes a document of one root element.
pub(super) fn fragment<S: Sink>(sink: &mut S, fragment: &Fragment) -> Result {
    let mut depth = 0_usize;
    for (at, piece) in fragment.pieces().iter().enumerate() {
        if depth == 0 && at > 0 {
            return Err(EncodeError::MalformedFragment.into());
        }
        match piece {
            Piece::Start(_) => depth = depth.saturating_add(1),
            Piece::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    match fragment.pieces().first() {
        Some(Piece::Start(_)) => Grammar::new(sink).pieces(None, fragment.pieces()),
        _ => Err(EncodeError::MalformedFragment.into()),
    }
}

struct Grammar<'m, 's, S> {
    sink: &'s mut S,
    /// The last `Meta` of an item.
    common: Option<parts::Common<'m>>,
}

impl<'m, 's, S: Sink> Grammar<'m, 's, S> {
    fn new(sink: &'s mut S) -> Self {
        Self { sink, common: None }
    }

    fn begin(&mut self, header: &SyncHdr, extra: &Extra) -> Result {
        self.start(Element::SyncMl, "", extra)?;
        self.header(header)?;
        self.start(Element::SyncBody, "SyncBody", extra)?;
        // A body is written with content even where it has none, so that a message that grows
        // command by command has the same octets as one written at once.
        self.sink.force_content();
        Ok(())
    }

    fn finish(&mut self, is_final: bool, extra: &Extra) -> Result {
        if is_final {
            self.start(Element::Final, "Final", extra)?;
            self.sink.end();
        }
        self.sink.end();
        self.end(Element::SyncMl, extra)
    }

    /// Begins an element, with the foreign attributes that `extra` has for it.
    #[inline(always)]
    fn start(&mut self, element: Element, on: &str, extra: &Extra) -> Result {
        self.sink.start(element);
        if extra.is_empty() {
            return Ok(());
        }
        self.attributes(on, extra)
    }

    #[cold]
    fn attributes(&mut self, on: &str, extra: &Extra) -> Result {
        for attribute in extra.attributes() {
            if attribute.on == *on {
                self.sink.attribute(&attribute.name, &attribute.value)?;
            }
        }
        Ok(())
    }

    /// Begins an element with a child that the DTD requires.
    #[inline(always)]
    fn start_with(&mut self, element: Element, id: Element, text: &str, extra: &Extra) -> Result {
        if extra.is_empty() && !text.is_empty() {
            return self.sink.start_with(element, id, text);
        }
        self.start(element, "", extra)?;
        self.required(id, text, extra)
    }

    /// Writes the foreign elements of an element and ends it.
    #[inline(always)]
    fn end(&mut self, element: Element, extra: &Extra) -> Result {
        if !extra.is_empty() {
            self.pieces(Some(element), extra.elements())?;
        }
        self.sink.end();
        Ok(())
    }

    /// Writes an element that holds text; its attributes are those of `extra` on its name.
    #[inline(always)]
    fn text(&mut self, element: Element, text: &str, extra: &Extra) -> Result {
        if extra.is_empty() {
            return self.sink.leaf(element, text);
        }
        self.rare_text(element, text, extra)
    }

    #[cold]
    fn rare_text(&mut self, element: Element, text: &str, extra: &Extra) -> Result {
        self.start(element, element.name(), extra)?;
        self.sink.text(text)?;
        self.sink.end();
        Ok(())
    }

    /// Writes an element that the DTD requires, unless it is empty: then it was missing. One that
    /// carries attributes was not.
    #[inline(always)]
    fn required(&mut self, element: Element, text: &str, extra: &Extra) -> Result {
        if text.is_empty() && (extra.is_empty() || !has_attributes(extra, element)) {
            return Ok(());
        }
        self.text(element, text, extra)
    }

    #[inline(always)]
    fn optional(&mut self, element: Element, text: Option<&Text>, extra: &Extra) -> Result {
        match text {
            Some(text) => self.text(element, text, extra),
            None => Ok(()),
        }
    }

    /// Writes an element for each text; the foreign attributes kept for them stand on the first.
    #[inline(always)]
    fn list(&mut self, element: Element, texts: &[Text], extra: &Extra) -> Result {
        let mut extra = extra;
        for text in texts {
            self.text(element, text, extra)?;
            extra = &Extra::NONE;
        }
        Ok(())
    }

    #[inline(always)]
    fn number(&mut self, element: Element, number: u64, extra: &Extra) -> Result {
        // Most are a status or an alert.
        if let 100..=999 = number
            && extra.is_empty()
        {
            let digits = [number / 100, number / 10 % 10, number % 10];
            let digits = digits.map(|digit| b'0'.wrapping_add(digit as u8));
            return self.sink.three_digits(element, digits);
        }
        self.any_number(element, number, extra)
    }

    #[inline(never)]
    fn any_number(&mut self, element: Element, number: u64, extra: &Extra) -> Result {
        // `fmt` would take longer than the rest of the element.
        let mut digits = [0_u8; 20];
        let mut first = digits.len();
        let mut rest = number;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0'.wrapping_add((rest % 10) as u8);
            first = at;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(first..).unwrap_or_default();
        if extra.is_empty() {
            return self.sink.digits(element, digits);
        }
        self.text(
            element,
            core::str::from_utf8(digits).unwrap_or_default(),
            extra,
        )
    }

    /// Writes a number. One that is absent and yet carries attributes was not a number.
    #[inline]
    fn optional_number(&mut self, element: Element, number: Option<u64>, extra: &Extra) -> Result {
        match number {
            Some(number) => self.number(element, number, extra),
            None if extra.is_empty() => Ok(()),
            None => self.required(element, "", extra),
        }
    }

    #[inline(always)]
    fn flag(&mut self, element: Element, is_set: bool, extra: &Extra) -> Result {
        if is_set {
            self.text(element, "", extra)
        } else {
            Ok(())
        }
    }

    /// Writes the pieces of a fragment, which must balance, into an element.
    #[cold]
    fn pieces(&mut self, parent: Option<Element>, pieces: &[Piece]) -> Result {
        let mut open = Vec::new();
        let mut is_fresh = false;
        for piece in pieces {
            match piece {
                Piece::Start(name) => {
                    let element = Element::from_qualified(&name.namespace, &name.local);
                    let parent = open.last().copied().unwrap_or(parent);
                    match element {
                        Some(element) => self.sink.start_in(element, parent),
                        None => self.sink.start_foreign(name, parent)?,
                    }
                    open.push(element);
                }
                Piece::Attribute(name, value) if is_fresh => self.sink.attribute(name, value)?,
                Piece::Attribute(..) => return Err(EncodeError::MalformedFragment.into()),
                Piece::Text(text) => self.sink.text(text)?,
                Piece::Opaque(octets) => self.sink.opaque(octets)?,
                Piece::End => {
                    open.pop().ok_or(EncodeError::MalformedFragment)?;
                    self.sink.end();
                }
            }
            is_fresh = matches!(piece, Piece::Start(_) | Piece::Attribute(..));
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err(EncodeError::MalformedFragment.into())
        }
    }

    #[inline]
    fn nest(open: &mut Vec<Nested<'m>>, commands: &'m [Command], extra: &'m Extra) {
        if open.is_empty() {
            // Once for nearly all messages.
            open.reserve(32);
        }
        open.push((commands.iter(), extra));
    }

    /// Writes a command. Containers are on a stack of their own, so that their depth is no concern.
    fn command(&mut self, command: &'m Command) -> Result {
        let mut open: Vec<Nested<'m>> = Vec::new();
        let mut next = Some(command);
        loop {
            if let Some(command) = next {
                match command {
                    Command::Atomic(container) => {
                        self.container(
                            Element::Atomic,
                            &container.cmd_id,
                            container.no_resp,
                            container.meta.as_deref(),
                            &container.extra,
                        )?;
                        Self::nest(&mut open, &container.commands, &container.extra);
                    }
                    Command::Sequence(container) => {
                        self.container(
                            Element::Sequence,
                            &container.cmd_id,
                            container.no_resp,
                            container.meta.as_deref(),
                            &container.extra,
                        )?;
                        Self::nest(&mut open, &container.commands, &container.extra);
                    }
                    leaf => self.leaf(leaf)?,
                }
            }
            let Some((commands, _)) = open.last_mut() else {
                return Ok(());
            };
            next = commands.next();
            if next.is_none()
                && let Some((_, extra)) = open.pop()
            {
                self.end(Element::Sequence, extra)?;
            }
        }
    }
}

/// What is left of an open container, and what it has beyond the model.
type Nested<'m> = (core::slice::Iter<'m, Command>, &'m Extra);

fn has_attributes(extra: &Extra, element: Element) -> bool {
    extra
        .attributes()
        .iter()
        .any(|attribute| attribute.on == *element.name())
}
