//! XML text into events.

use alloc::{borrow::Cow, vec::Vec};

use quick_xml::{
    Error, XmlVersion,
    errors::{IllFormedError, SyntaxError},
    escape::resolve_xml_entity,
    events::{
        Event as XmlEvent,
        attributes::{Attribute, Attributes},
    },
};

use super::{Input, MAX_ATTRIBUTES, MAX_PREFIXES};
use crate::{
    DecodeErrorKind, Text,
    codec::{
        Encoding, ToleranceKind,
        event::{Event, Fault, Qualified, Source, Step, is_name, is_xml_character, unrepresentable},
        tags::{self, Element, XML_NAMESPACE, XMLNS_NAMESPACE},
    },
};

/// Reads a document. Offsets are places in the text of the [`Input`].
pub(in crate::codec) struct Reader<'i> {
    text: &'i str,
    is_utf_16: bool,
    reader: quick_xml::Reader<&'i [u8]>,
    /// Where the last event began.
    from: usize,
    /// How many elements are open.
    depth: usize,
    /// The namespace declarations in scope.
    bindings: Vec<Binding<'i>>,
    /// The attributes of the element that began which are not given out yet.
    attributes: Option<Attributes<'i>>,
    /// Whether the element that began is empty, so that its end follows.
    is_empty: bool,
    /// An event that waits for an oddity before it to be given out.
    queued: Option<Event<'i>>,
}

#[derive(Debug)]
struct Binding<'i> {
    prefix: &'i str,
    namespace: Cow<'i, str>,
    depth: usize,
}

type Result<T, E = Fault> = core::result::Result<T, E>;

impl<'i> Reader<'i> {
    pub(in crate::codec) fn new(input: &'i Input<'_>) -> Self {
        let text = &*input.text;
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_comments = true;
        Self {
            text,
            is_utf_16: input.is_utf_16(),
            reader,
            from: 0,
            depth: 0,
            bindings: Vec::new(),
            attributes: None,
            is_empty: false,
            queued: None,
        }
    }

    /// The next piece of XML, and the text that it is.
    fn read(&mut self) -> Result<(XmlEvent<'i>, &'i str)> {
        self.from = position(self.reader.buffer_position());
        match self.reader.read_event() {
            Ok(event) => {
                let to = position(self.reader.buffer_position());
                Ok((event, self.text.get(self.from..to).unwrap_or_default()))
            }
            Err(error) => {
                let kind = kind_of(error);
                let offset = match kind {
                    DecodeErrorKind::UnexpectedEnd => self.text.len(),
                    _ => position(self.reader.error_position()),
                };
                Err(Fault { offset, kind })
            }
        }
    }

    fn content(&mut self) -> Result<Event<'i>> {
        loop {
            let (event, raw) = self.read()?;
            match event {
                XmlEvent::Start(start) => {
                    let content = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                    return self.start(content, start.name().as_ref().len(), false);
                }
                XmlEvent::Empty(start) => {
                    let content = raw.get(1..raw.len().saturating_sub(2)).unwrap_or_default();
                    return self.start(content, start.name().as_ref().len(), true);
                }
                XmlEvent::End(_) => return Ok(self.end()),
                XmlEvent::Text(text) => {
                    if self.depth == 0 {
                        if text.bytes().all(|octet| octet.is_ascii_whitespace()) {
                            continue;
                        }
                        return Err(self.fail(DecodeErrorKind::NoRoot));
                    }
                    return Ok(Event::Text(self.characters(text.into_inner(), 0)?));
                }
                XmlEvent::CData(text) => {
                    if self.depth == 0 {
                        return Err(self.fail(DecodeErrorKind::NoRoot));
                    }
                    return Ok(Event::Text(
                        self.characters(text.into_inner(), "<![CDATA[".len())?,
                    ));
                }
                XmlEvent::GeneralRef(reference) => {
                    if self.depth == 0 {
                        return Err(self.fail(DecodeErrorKind::NoRoot));
                    }
                    return Ok(Event::Char(self.reference(&reference)?));
                }
                XmlEvent::Decl(_) | XmlEvent::DocType(_) if self.depth > 0 => {
                    return Err(self.fail(DecodeErrorKind::Syntax {
                        reason: "a declaration inside the root element",
                    }));
                }
                XmlEvent::Decl(declaration) => {
                    if let Some(encoding) = declaration.encoding() {
                        let name = encoding.map_err(|_| self.fail(SYNTAX_ATTRIBUTE))?;
                        self.encoding(&name)?;
                    }
                }
                // External identifiers are not followed: nothing in a DTD could matter here.
                XmlEvent::DocType(declaration) => {
                    if declaration.contains('[') {
                        return Err(self.fail(DecodeErrorKind::InternalSubset));
                    }
                }
                XmlEvent::Comment(_) | XmlEvent::PI(_) => {}
                XmlEvent::Eof if self.depth == 0 => {
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                XmlEvent::Eof => return Err(self.fail(DecodeErrorKind::UnexpectedEnd)),
            }
        }
    }

    /// An element begins: the text of its tag, of which so many octets are its name.
    fn start(&mut self, content: &'i str, name_len: usize, is_empty: bool) -> Result<Event<'i>> {
        self.depth = self.depth.saturating_add(1);
        self.is_empty = is_empty;
        let (name, rest) = content.split_at_checked(name_len).unwrap_or((content, ""));
        if !rest.is_empty() {
            self.declarations(content, name_len)?;
        }
        let (prefix, local) = self.split(name)?;
        let (mut namespace, odd) = self.resolve(prefix);
        if odd.is_some()
            && (Element::from_name(tags::PAGE_SYNCML, local).is_some()
                || Element::from_name(tags::PAGE_METINF, local).is_some())
        {
            // A name of SyncML under a prefix that was forgotten: what else should it be.
            namespace = Cow::Borrowed("");
        }
        let is_root_without = self.depth == 1 && namespace.is_empty() && odd.is_none();
        let start = Event::Start(
            Qualified {
                namespace,
                local: Cow::Borrowed(local),
            }
            .into_tag(),
        );
        let odd = odd.or_else(|| is_root_without.then_some(ToleranceKind::MissingNamespace));
        Ok(match odd {
            Some(kind) => {
                self.queued = Some(start);
                Event::Odd(kind)
            }
            None => start,
        })
    }

    /// Takes the namespace declarations of a tag, and checks that no attribute stands twice.
    fn declarations(&mut self, content: &'i str, name_len: usize) -> Result<()> {
        let mut names = Vec::new();
        for attribute in attributes(content, name_len) {
            let attribute = attribute.map_err(|_| self.fail(SYNTAX_ATTRIBUTE))?;
            let name = attribute.key.0;
            if names.len() >= MAX_ATTRIBUTES {
                return Err(self.fail(DecodeErrorKind::TooManyAttributes {
                    limit: MAX_ATTRIBUTES,
                }));
            }
            names.push(name);
            let Some(prefix) = declared_prefix(name) else {
                continue;
            };
            let namespace = self.value(&attribute)?;
            match prefix {
                "xml" if namespace == XML_NAMESPACE => continue,
                "xml" | "xmlns" => return Err(self.fail(DecodeErrorKind::InvalidNamespace)),
                _ if namespace == XML_NAMESPACE
                    || namespace == XMLNS_NAMESPACE
                    || namespace.is_empty() && !prefix.is_empty() =>
                {
                    return Err(self.fail(DecodeErrorKind::InvalidNamespace));
                }
                _ => {}
            }
            // Names that are not slices of the input are copied for each element.
            if matches!(&namespace, Cow::Owned(name) if name.len() > MAX_COPIED_NAMESPACE) {
                return Err(self.fail(DecodeErrorKind::InvalidNamespace));
            }
            if !prefix.is_empty() && self.prefixes() >= MAX_PREFIXES {
                return Err(self.fail(DecodeErrorKind::TooManyNamespaces {
                    limit: MAX_PREFIXES,
                }));
            }
            self.bindings.push(Binding {
                prefix,
                namespace,
                depth: self.depth,
            });
        }
        if names.len() > 1 {
            self.check_repetitions(names)?;
        }
        self.attributes = Some(attributes(content, name_len));
        Ok(())
    }

    /// Refuses a name that stands twice, literally or because two prefixes mean the same. By sorting,
    /// since comparing each with each would take quadratic time.
    fn check_repetitions(&self, mut names: Vec<&'i str>) -> Result<()> {
        names.sort_unstable();
        let mut twice = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        });
        if twice.is_none() {
            let mut qualified: Vec<_> = names
                .into_iter()
                .filter(|name| declared_prefix(name).is_none())
                .filter_map(|name| name.split_once(':'))
                .map(|(prefix, local)| (local, self.resolve(prefix).0))
                .collect();
            qualified.sort_unstable();
            twice = qualified.windows(2).find_map(|pair| match pair {
                [one, other] if one == other => Some(one.0),
                _ => None,
            });
        }
        match twice {
            Some(name) => Err(self.fail(DecodeErrorKind::DuplicateAttribute { name: name.into() })),
            None => Ok(()),
        }
    }

    /// How many prefixes are declared where the reader stands.
    fn prefixes(&self) -> usize {
        self.bindings
            .iter()
            .filter(|binding| !binding.prefix.is_empty())
            .count()
    }

    /// The next attribute that is not a namespace declaration.
    fn attribute(&mut self) -> Result<Option<Event<'i>>> {
        loop {
            let Some(attribute) = self.attributes.as_mut().and_then(Iterator::next) else {
                self.attributes = None;
                return Ok(None);
            };
            let attribute = attribute.map_err(|_| self.fail(SYNTAX_ATTRIBUTE))?;
            if declared_prefix(attribute.key.0).is_some() {
                continue;
            }
            let value = self.value(&attribute)?;
            let (prefix, local) = self.split(attribute.key.0)?;
            // An attribute without a prefix has no namespace, whatever the default is.
            let (namespace, odd) = if prefix.is_empty() {
                (Cow::Borrowed(""), None)
            } else {
                self.resolve(prefix)
            };
            let event = Event::Attribute(
                Qualified {
                    namespace,
                    local: Cow::Borrowed(local),
                },
                value,
            );
            return Ok(Some(match odd {
                Some(kind) => {
                    self.queued = Some(event);
                    Event::Odd(kind)
                }
                None => event,
            }));
        }
    }

    /// A name as prefix and local part.
    fn split(&self, name: &'i str) -> Result<(&'i str, &'i str)> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if is_name(local) && (prefix.is_empty() || is_name(prefix)) && !name.starts_with(':') {
            return Ok((prefix, local));
        }
        Err(self.fail(DecodeErrorKind::InvalidName { name: name.into() }))
    }

    fn resolve(&self, prefix: &'i str) -> (Cow<'i, str>, Option<ToleranceKind>) {
        if prefix == "xml" {
            return (Cow::Borrowed(XML_NAMESPACE), None);
        }
        match self
            .bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix == prefix)
        {
            Some(binding) => (binding.namespace.clone(), None),
            None if prefix.is_empty() => (Cow::Borrowed(""), None),
            None => {
                // The prefix is all that is known of the namespace, and keeps names apart.
                let odd = ToleranceKind::UndeclaredPrefix {
                    prefix: Text::from(prefix),
                };
                (Cow::Borrowed(prefix), Some(odd))
            }
        }
    }

    fn end(&mut self) -> Event<'i> {
        while self
            .bindings
            .last()
            .is_some_and(|binding| binding.depth >= self.depth)
        {
            self.bindings.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        Event::End
    }

    /// Character data: checked, with line ends as XML reads them.
    /// `skipped` is what stands before it in the markup.
    fn characters(&self, text: Cow<'i, str>, skipped: usize) -> Result<Cow<'i, str>> {
        if let Some((at, character)) = unrepresentable(&text) {
            return Err(Fault {
                offset: self.from.saturating_add(skipped).saturating_add(at),
                kind: DecodeErrorKind::InvalidCharacter {
                    value: u32::from(character),
                },
            });
        }
        if memchr::memchr(b'\r', text.as_bytes()).is_none() {
            return Ok(text);
        }
        // XML 1.0, 2.11: CR LF and CR alone are LF.
        Ok(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")))
    }

    fn value(&self, attribute: &Attribute<'i>) -> Result<Cow<'i, str>> {
        self.characters(attribute.value.clone(), 0)?;
        if attribute.value.contains('<') {
            return Err(self.fail(SYNTAX_ATTRIBUTE));
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| self.fail(kind_of(error)))?;
        // A reference can give what may not stand literally either.
        if let Some((_, character)) = unrepresentable(&value) {
            let value = u32::from(character);
            return Err(self.fail(DecodeErrorKind::InvalidCharacter { value }));
        }
        Ok(value)
    }

    fn reference(&self, name: &str) -> Result<char> {
        if let Some(number) = name.strip_prefix('#') {
            let value = match number.strip_prefix('x') {
                Some(digits) => parse(digits, 16),
                None => parse(number, 10),
            };
            let value = value.ok_or_else(|| {
                self.fail(DecodeErrorKind::Syntax {
                    reason: "a character reference without a number",
                })
            })?;
            return char::from_u32(value)
                .filter(|&character| is_xml_character(character))
                .ok_or_else(|| self.fail(DecodeErrorKind::InvalidCharacter { value }));
        }
        resolve_xml_entity(name)
            .and_then(|text| text.chars().next())
            .ok_or_else(|| self.fail(DecodeErrorKind::UndefinedEntity { name: name.into() }))
    }

    fn encoding(&self, name: &str) -> Result<()> {
        let is_read = if self.is_utf_16 {
            name.get(..6)
                .is_some_and(|start| start.eq_ignore_ascii_case("utf-16"))
        } else {
            ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
        };
        if is_read {
            return Ok(());
        }
        Err(self.fail(DecodeErrorKind::UnsupportedEncoding { name: name.into() }))
    }

    fn fail(&self, kind: DecodeErrorKind) -> Fault {
        let offset = match kind {
            DecodeErrorKind::UnexpectedEnd => self.text.len(),
            _ => self.from,
        };
        Fault { offset, kind }
    }
}

impl<'i> Source<'i> for Reader<'i> {
    const ENCODING: Encoding = Encoding::Xml;

    fn next(&mut self) -> Result<Event<'i>> {
        if let Some(event) = self.queued.take() {
            return Ok(event);
        }
        if self.attributes.is_some()
            && let Some(event) = self.attribute()?
        {
            return Ok(event);
        }
        if self.is_empty {
            self.is_empty = false;
            return Ok(self.end());
        }
        self.content()
    }

    fn step(&mut self) -> Step {
        Step::Other
    }

    fn text(&mut self) -> Option<&'i str> {
        None
    }

    fn finish(&mut self) -> Result<Option<ToleranceKind>> {
        loop {
            let Ok((event, _)) = self.read() else {
                return Ok(Some(self.trailing()));
            };
            match event {
                XmlEvent::Eof => return Ok(None),
                XmlEvent::Comment(_) | XmlEvent::PI(_) => {}
                XmlEvent::Text(text) if text.bytes().all(|octet| octet.is_ascii_whitespace()) => {}
                _ => return Ok(Some(self.trailing())),
            }
        }
    }

    fn offset(&self) -> usize {
        self.from
    }
}

impl Reader<'_> {
    fn trailing(&self) -> ToleranceKind {
        ToleranceKind::TrailingBytes {
            count: self.text.len().saturating_sub(self.from),
        }
    }
}

/// The longest namespace name that may have references in it.
const MAX_COPIED_NAMESPACE: usize = 1024;

const SYNTAX_ATTRIBUTE: DecodeErrorKind = DecodeErrorKind::Syntax {
    reason: "a malformed attribute",
};

/// The attributes of a tag, without the check for repetitions that takes quadratic time.
fn attributes(content: &str, name_len: usize) -> Attributes<'_> {
    let mut attributes = Attributes::new(content, name_len);
    attributes.with_checks(false);
    attributes
}

/// The prefix that an attribute declares; empty for the default namespace.
fn declared_prefix(name: &str) -> Option<&str> {
    if name == "xmlns" {
        Some("")
    } else {
        name.strip_prefix("xmlns:")
    }
}

fn parse(digits: &str, radix: u32) -> Option<u32> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    // What does not fit is no character either.
    Some(u32::from_str_radix(digits, radix).unwrap_or(u32::MAX))
}

fn position(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

fn kind_of(error: Error) -> DecodeErrorKind {
    let reason = match error {
        Error::Syntax(SyntaxError::InvalidBangMarkup) => "unknown markup",
        Error::Syntax(_) => return DecodeErrorKind::UnexpectedEnd,
        Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
            return DecodeErrorKind::MismatchedEnd { expected, found };
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
            return DecodeErrorKind::UnmatchedEnd;
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => "an & that begins no reference",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "-- in a comment",
        Error::IllFormed(IllFormedError::MissingDoctypeName) => "a document type without a name",
        Error::IllFormed(_) => "a malformed declaration",
        Error::Escape(_) => "a malformed reference",
        Error::InvalidAttr(_) => "a malformed attribute",
        _ => "malformed markup",
    };
    DecodeErrorKind::Syntax { reason }
}
