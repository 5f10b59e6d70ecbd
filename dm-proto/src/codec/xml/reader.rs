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

use super::{
    Input, MAX_ATTRIBUTES, MAX_PREFIXES,
    input::{Form, LATIN_1},
};
use crate::{
    DecodeErrorKind, Text,
    codec::{
        Encoding, ToleranceKind,
        event::{
            Event, Fault, Qualified, Source, Step, any_octet, is_name, is_xml_character,
            unrepresentable,
        },
        tags::{self, Element, XML_NAMESPACE, XMLNS_NAMESPACE},
    },
    error::excerpt,
};

/// Reads a document. Offsets are places in the text of the [`Input`].
pub(in crate::codec) struct Reader<'i> {
    text: &'i str,
    form: Form,
    /// Whether a byte order mark is missing, and was not noted yet.
    lacks_mark: bool,
    /// Whether `]]>` stands anywhere, where it belongs or not.
    has_section_end: bool,
    /// Whether no character of the text has to be refused or replaced.
    is_plain: bool,
    /// Where the next event begins.
    at: usize,
    /// Where the last event began.
    from: usize,
    /// The names of the open elements, as they stand in the tags.
    open: Vec<&'i str>,
    /// The namespace declarations in scope.
    bindings: Vec<Binding<'i>>,
    /// The code page of names without a prefix, if their namespace is one of the table's.
    page: Option<u8>,
    /// The attributes of the element that began which are not given out yet.
    attributes: Option<Attributes<'i>>,
    /// Whether the element that began is empty, so that its end follows.
    is_empty: bool,
    /// An event that waits for an oddity before it to be given out.
    queued: Option<Event<'i>>,
}

/// A piece of XML.
enum Markup<'i> {
    /// What stands between `<` and `>` or `/>`, and how many octets of it are the name.
    Tag {
        content: &'i str,
        name_len: usize,
        is_empty: bool,
    },
    End,
    Text(&'i str),
    /// What stands between `&` and `;`.
    Reference(&'i str),
    /// What begins with `<!` or `<?`.
    Other(XmlEvent<'i>),
    Eof,
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
        Self {
            text,
            form: input.form(),
            lacks_mark: input.lacks_mark(),
            // One octet is looked for faster than three, and mostly is not there.
            has_section_end: memchr::memchr(b']', text.as_bytes())
                .and_then(|at| text.get(at..))
                .is_some_and(|rest| rest.contains(SECTION_END)),
            is_plain: is_plain(text),
            at: 0,
            from: 0,
            open: Vec::with_capacity(16),
            bindings: Vec::new(),
            page: Some(tags::PAGE_SYNCML),
            attributes: None,
            is_empty: false,
            queued: None,
        }
    }

    /// What is left of the text.
    fn rest(&self) -> &'i str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes so many octets.
    fn take(&mut self, length: usize) {
        self.at = self.at.saturating_add(length);
    }

    /// The next piece of XML.
    fn read(&mut self) -> Result<Markup<'i>> {
        self.from = self.at;
        let rest = self.rest();
        match rest.as_bytes() {
            [] => Ok(Markup::Eof),
            [b'<', ..] => self.markup(rest),
            [b'&', ..] => {
                let end = memchr::memchr3(
                    b';',
                    b'&',
                    b'<',
                    rest.get(1..).unwrap_or_default().as_bytes(),
                );
                let name = end
                    .map(|end| end.saturating_add(1))
                    .and_then(|end| rest.get(1..end).zip(rest.get(end..)))
                    .filter(|(_, after)| after.starts_with(';'));
                let Some((name, _)) = name else {
                    return Err(self.fail(DecodeErrorKind::Syntax {
                        reason: "an & that begins no reference",
                    }));
                };
                self.take(name.len().saturating_add(2));
                Ok(Markup::Reference(name))
            }
            octets => {
                let end = memchr::memchr2(b'<', b'&', octets).unwrap_or(octets.len());
                self.take(end);
                Ok(Markup::Text(rest.get(..end).unwrap_or_default()))
            }
        }
    }

    /// A tag, declaration, comment or the like, with which `rest` begins: quick-xml reads it.
    ///
    /// A reader for each of them costs little, and common tags do not come here: see
    /// [`step`](Source::step). Which elements are open is known here, so quick-xml does not keep it.
    #[inline(never)]
    fn markup(&mut self, rest: &'i str) -> Result<Markup<'i>> {
        let mut reader = quick_xml::Reader::from_str(rest);
        let config = reader.config_mut();
        config.check_comments = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let kind = kind_of(error);
                let offset = match kind {
                    DecodeErrorKind::UnexpectedEnd => self.text.len(),
                    _ => self.from.saturating_add(position(reader.error_position())),
                };
                return Err(Fault { offset, kind });
            }
        };
        let length = position(reader.buffer_position());
        self.take(length);
        let is_empty = matches!(event, XmlEvent::Empty(_));
        match event {
            XmlEvent::Start(start) | XmlEvent::Empty(start) => {
                // The octets between the angle brackets: slices of the text, whatever the event holds.
                let close = if is_empty { 2 } else { 1 };
                Ok(Markup::Tag {
                    content: rest
                        .get(1..length.saturating_sub(close))
                        .unwrap_or_default(),
                    name_len: start.name().as_ref().len(),
                    is_empty,
                })
            }
            XmlEvent::End(end) => {
                let found = end.name();
                match self.open.last() {
                    None => Err(self.fail(DecodeErrorKind::UnmatchedEnd)),
                    Some(&expected) if expected == found.as_ref() => Ok(Markup::End),
                    Some(&expected) => Err(self.fail(DecodeErrorKind::MismatchedEnd {
                        expected: excerpt(expected),
                        found: excerpt(found.as_ref()),
                    })),
                }
            }
            event => Ok(Markup::Other(event)),
        }
    }

    fn content(&mut self) -> Result<Event<'i>> {
        loop {
            let event = match self.read()? {
                Markup::Tag {
                    content,
                    name_len,
                    is_empty,
                } => {
                    if core::mem::take(&mut self.lacks_mark) {
                        self.at = self.from;
                        return Ok(Event::Odd(ToleranceKind::MissingByteOrderMark));
                    }
                    return self.start(content, name_len, is_empty);
                }
                Markup::End => return Ok(self.end()),
                Markup::Text(text) if self.open.is_empty() => {
                    if text.bytes().all(|octet| octet.is_ascii_whitespace()) {
                        continue;
                    }
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                Markup::Text(text) => {
                    let event = Event::Text(self.characters(Cow::Borrowed(text), 0)?);
                    let Some(end) = self.section_end(text) else {
                        return Ok(event);
                    };
                    self.queued = Some(event);
                    self.from = self.from.saturating_add(end);
                    return Ok(Event::Odd(ToleranceKind::SectionEnd));
                }
                Markup::Reference(_) if self.open.is_empty() => {
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                Markup::Reference(name) => return Ok(Event::Char(self.reference(name)?)),
                Markup::Eof if self.open.is_empty() => {
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                Markup::Eof => return Err(self.fail(DecodeErrorKind::UnexpectedEnd)),
                Markup::Other(event) => event,
            };
            match event {
                XmlEvent::CData(text) => {
                    if self.open.is_empty() {
                        return Err(self.fail(DecodeErrorKind::NoRoot));
                    }
                    return Ok(Event::Text(
                        self.characters(text.into_inner(), "<![CDATA[".len())?,
                    ));
                }
                XmlEvent::Decl(_) | XmlEvent::DocType(_) if !self.open.is_empty() => {
                    return Err(self.fail(DecodeErrorKind::Syntax {
                        reason: "a declaration inside the root element",
                    }));
                }
                XmlEvent::Decl(declaration) => {
                    // XML 1.0, 2.8: it stands first, and says the version.
                    let is_odd = self.from != 0
                        || !matches!(declaration.version(), Ok(version) if version.starts_with("1."));
                    if let Some(encoding) = declaration.encoding() {
                        let name = encoding.map_err(|_| self.fail(SYNTAX_ATTRIBUTE))?;
                        if let Some(kind) = self.encoding(&name)? {
                            self.queued = is_odd.then_some(Event::Odd(ToleranceKind::Declaration));
                            return Ok(Event::Odd(kind));
                        }
                    }
                    if is_odd {
                        return Ok(Event::Odd(ToleranceKind::Declaration));
                    }
                }
                // External identifiers are not followed: nothing in a DTD could matter here.
                XmlEvent::DocType(declaration) if declaration.contains('[') => {
                    return Err(self.fail(DecodeErrorKind::InternalSubset));
                }
                // What is in them means nothing, but has to be text.
                XmlEvent::Comment(text) => {
                    self.characters(text.into_inner(), "<!--".len())?;
                }
                XmlEvent::PI(text) => {
                    self.characters(text.into_inner(), "<?".len())?;
                }
                // The rest is read above.
                _ => {}
            }
        }
    }

    /// An element begins: the text of its tag, of which so many octets are its name.
    fn start(&mut self, content: &'i str, name_len: usize, is_empty: bool) -> Result<Event<'i>> {
        self.is_empty = is_empty;
        let (name, rest) = content.split_at_checked(name_len).unwrap_or((content, ""));
        self.open.push(name);
        if !rest.is_empty() {
            if let Some(at) = unspaced_attribute(rest) {
                let before = name.len().saturating_add(1);
                self.from = self.from.saturating_add(before).saturating_add(at);
                return Err(self.fail(SYNTAX_SPACE));
            }
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
        let is_root_without = self.open.len() == 1 && namespace.is_empty() && odd.is_none();
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
            if name != "xmlns" && !is_name(prefix) {
                return Err(self.fail(DecodeErrorKind::InvalidName {
                    name: excerpt(name),
                }));
            }
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
                depth: self.open.len(),
            });
        }
        self.page = self.default_page();
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
            Some(name) => Err(self.fail(DecodeErrorKind::DuplicateAttribute {
                name: excerpt(name),
            })),
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
        Err(self.fail(DecodeErrorKind::InvalidName {
            name: excerpt(name),
        }))
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

    /// The code page that the default namespace means.
    fn default_page(&self) -> Option<u8> {
        let binding = self
            .bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix.is_empty());
        let namespace = binding.map_or("", |binding| &binding.namespace);
        if namespace == tags::METINF {
            Some(tags::PAGE_METINF)
        } else {
            tags::is_syncml(namespace).then_some(tags::PAGE_SYNCML)
        }
    }

    fn end(&mut self) -> Event<'i> {
        self.leave();
        Event::End
    }

    /// Leaves the innermost element, and the scope of its declarations.
    #[inline]
    fn leave(&mut self) {
        let depth = self.open.len();
        if self
            .bindings
            .last()
            .is_some_and(|binding| binding.depth >= depth)
        {
            self.bindings.retain(|binding| binding.depth < depth);
            self.page = self.default_page();
        }
        self.open.pop();
    }

    /// What follows the end tag of the innermost element, if `rest` begins with it as it is mostly
    /// written.
    #[inline]
    fn after_end(&self, rest: &'i str) -> Option<&'i str> {
        let name = self.open.last()?;
        rest.strip_prefix("</")?
            .strip_prefix(*name)?
            .strip_prefix('>')
    }

    /// Whether the next event is not that of the next piece of XML.
    #[inline]
    fn is_special(&self) -> bool {
        self.queued.is_some() || self.attributes.is_some()
    }

    /// Goes on with what is left, which is the end of the text.
    fn go_on(&mut self, from: &str, left: &str) {
        self.from = self.text.len().saturating_sub(from.len());
        self.at = self.text.len().saturating_sub(left.len());
    }

    /// Character data: checked, with line ends as XML reads them.
    /// `skipped` is what stands before it in the markup.
    fn characters(&self, text: Cow<'i, str>, skipped: usize) -> Result<Cow<'i, str>> {
        if self.is_plain {
            return Ok(text);
        }
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
            .ok_or_else(|| {
                self.fail(DecodeErrorKind::UndefinedEntity {
                    name: excerpt(name),
                })
            })
    }

    /// Compares the declared encoding with the octets, which decide where both are read: a program that
    /// writes text and another that sends it do not always know of each other.
    fn encoding(&mut self, name: &str) -> Result<Option<ToleranceKind>> {
        let is = |known: &[&str]| known.iter().any(|known| name.eq_ignore_ascii_case(known));
        let is_utf_8 = is(&["utf-8", "utf8"]);
        let is_narrow = is(&["us-ascii", LATIN_1]);
        // These two say the order of the octets, and stand without a mark.
        let says_order = is(&["utf-16le", "utf-16be"]);
        let is_utf_16 = says_order || is(&["utf-16"]);
        if !(is_utf_8 || is_narrow || is_utf_16) {
            return Err(self.fail(DecodeErrorKind::UnsupportedEncoding {
                name: excerpt(name),
            }));
        }
        let agrees = match self.form {
            Form::Utf8 => is_utf_8 || is_narrow && self.text.is_ascii(),
            Form::Utf16 => is_utf_16,
            Form::Latin1 => true,
        };
        self.lacks_mark &= !says_order;
        Ok((!agrees).then(|| ToleranceKind::DeclaredEncoding {
            name: Text::from(name),
        }))
    }

    /// Where `]]>` stands in character data, in which XML 1.0, 2.4, does not allow it.
    #[inline]
    fn section_end(&self, text: &str) -> Option<usize> {
        if self.has_section_end {
            memchr::memmem::find(text.as_bytes(), SECTION_END.as_bytes())
        } else {
            None
        }
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

    #[inline]
    fn step(&mut self) -> Step {
        if self.is_special() {
            return Step::Other;
        }
        if self.is_empty {
            self.is_empty = false;
            self.leave();
            return Step::End;
        }
        let rest = skip_space(self.rest());
        if let Some(left) = self.after_end(rest) {
            self.leave();
            self.go_on(rest, left);
            return Step::End;
        }
        let Some((name, after)) = rest.strip_prefix('<').and_then(split_letters) else {
            return Step::Other;
        };
        let (after, declares) = match after.strip_prefix(DECLARE_METINF) {
            Some(after) => (after, true),
            None => (after, false),
        };
        let (is_empty, left) = match after.as_bytes() {
            [b'>', ..] => (false, after.get(1..)),
            [b'/', b'>', ..] => (true, after.get(2..)),
            _ => return Step::Other,
        };
        let page = if declares {
            Some(tags::PAGE_METINF)
        } else {
            self.page
        };
        let element = page.and_then(|page| Element::from_name(page, name));
        let (Some(element), Some(left)) = (element, left) else {
            return Step::Other;
        };
        if self.open.is_empty() {
            return Step::Other;
        }
        self.open.push(name);
        self.is_empty = is_empty;
        if declares {
            self.bindings.push(Binding {
                prefix: "",
                namespace: Cow::Borrowed(tags::METINF),
                depth: self.open.len(),
            });
            self.page = page;
        }
        self.go_on(rest, left);
        Step::Start(element)
    }

    #[inline]
    fn text(&mut self) -> Option<&'i str> {
        if self.is_special() {
            return None;
        }
        if self.is_empty {
            self.is_empty = false;
            self.leave();
            return Some("");
        }
        if !self.is_plain {
            return None;
        }
        let rest = self.rest();
        let end = memchr::memchr2(b'<', b'&', rest.as_bytes())?;
        let (text, from) = rest.split_at_checked(end)?;
        let left = self.after_end(from)?;
        if self.section_end(text).is_some() {
            return None;
        }
        self.leave();
        self.go_on(from, left);
        Some(text)
    }

    fn finish(&mut self) -> Result<Option<ToleranceKind>> {
        loop {
            match self.read() {
                Ok(Markup::Eof) => return Ok(None),
                Ok(Markup::Other(XmlEvent::Comment(text))) if unrepresentable(&text).is_none() => {}
                Ok(Markup::Other(XmlEvent::PI(text))) if unrepresentable(&text).is_none() => {}
                Ok(Markup::Text(text)) if text.bytes().all(|octet| octet.is_ascii_whitespace()) => {
                }
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

/// How the namespace of MetInf is mostly declared.
const DECLARE_METINF: &str = " xmlns=\"syncml:metinf\"";

/// How a CDATA section ends.
const SECTION_END: &str = "]]>";

/// The longest namespace name that may have references in it.
const MAX_COPIED_NAMESPACE: usize = 1024;

const SYNTAX_ATTRIBUTE: DecodeErrorKind = DecodeErrorKind::Syntax {
    reason: "a malformed attribute",
};

const SYNTAX_SPACE: DecodeErrorKind = DecodeErrorKind::Syntax {
    reason: "no white space before an attribute",
};

/// Where an attribute follows the value of another at once, which quick-xml does not mind.
fn unspaced_attribute(attributes: &str) -> Option<usize> {
    let octets = attributes.as_bytes();
    let mut at = 0;
    loop {
        let rest = octets.get(at..)?;
        let open = memchr::memchr2(b'"', b'\'', rest)?;
        let value = rest.get(open.saturating_add(1)..)?;
        let close = memchr::memchr(*rest.get(open)?, value)?;
        at = at
            .saturating_add(open)
            .saturating_add(close)
            .saturating_add(2);
        if !octets.get(at)?.is_ascii_whitespace() {
            return Some(at);
        }
    }
}

/// The attributes of a tag, without the check for repetitions that takes quadratic time.
fn attributes(content: &str, name_len: usize) -> Attributes<'_> {
    let mut attributes = Attributes::new(content, name_len);
    attributes.with_checks(false);
    attributes
}

/// Whether XML takes every character as it stands.
fn is_plain(text: &str) -> bool {
    !any_octet(text, |octet| {
        (octet < 0x20) & (octet != b'\t') & (octet != b'\n') | (octet == 0xEF)
    })
}

#[inline]
fn skip_space(text: &str) -> &str {
    match text.as_bytes() {
        [b'<', ..] => text,
        _ => text.trim_start_matches([' ', '\t', '\n', '\r']),
    }
}

/// The letters that a text begins with, and what follows.
#[inline]
fn split_letters(text: &str) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .position(|octet| !octet.is_ascii_alphabetic())?;
    text.split_at_checked(end)
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
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "-- in a comment",
        Error::IllFormed(IllFormedError::MissingDoctypeName) => "a document type without a name",
        Error::IllFormed(_) => "a malformed declaration",
        Error::Escape(_) => "a malformed reference",
        Error::InvalidAttr(_) => "a malformed attribute",
        _ => "malformed markup",
    };
    DecodeErrorKind::Syntax { reason }
}
