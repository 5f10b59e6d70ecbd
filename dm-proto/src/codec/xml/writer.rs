//! Events into XML text.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::ops::Range;

use super::{MAX_ATTRIBUTES, MAX_PREFIXES};
use crate::{
    Data, EncodeError, LocUri, Name,
    codec::{
        event::{Sink, SinkResult as Result, is_name, is_plain, unrepresentable},
        tags::{self, Element, XML_NAMESPACE, XMLNS_NAMESPACE},
    },
    message::{Command, SyncMl},
};

/// Writes a document: without a prolog, the namespace of SyncML as default on the root, that of any
/// other element as default on itself; escaped, never CDATA; no white space of its own.
pub(in crate::codec) struct Writer {
    out: String,
    root: &'static str,
    /// The namespaces of the open foreign elements, one after the other.
    namespaces: String,
    open: Vec<Open>,
    /// Whether the tag of the innermost element is still open, so that attributes may follow.
    is_fresh: bool,
    /// The namespaces of the prefixes in scope, `a0`, `a1` and so on, and how many elements were open
    /// where they were declared.
    prefixes: Vec<(String, usize)>,
    /// The attributes of that tag.
    attributes: BTreeSet<String>,
}

/// An open element.
#[derive(Clone, Debug)]
struct Open {
    element: Option<Element>,
    /// Where its name stands in the output.
    name: Range<usize>,
    /// The default namespace inside it.
    default: Default,
    /// The length of [`Writer::namespaces`] before it.
    namespaces: usize,
}

#[derive(Clone, Debug)]
enum Default {
    SyncMl,
    MetInf,
    /// A place in [`Writer::namespaces`].
    Foreign(Range<usize>),
}

/// A state of a [`Writer`] to come back to.
#[derive(Debug)]
pub(in crate::codec) struct Mark {
    out: usize,
    namespaces: usize,
    open: usize,
}

impl Writer {
    /// A document for a message with this `VerDTD`.
    pub(in crate::codec) fn new(ver_dtd: &str) -> Self {
        Self {
            out: String::new(),
            root: match ver_dtd {
                "1.0" => tags::SYNCML_1_0,
                "1.1" => tags::SYNCML_1_1,
                _ => tags::SYNCML_1_2,
            },
            namespaces: String::new(),
            open: Vec::new(),
            is_fresh: false,
            prefixes: Vec::new(),
            attributes: BTreeSet::new(),
        }
    }

    /// The length of the document as far as it is written.
    pub(in crate::codec) fn len(&self) -> usize {
        self.out.len()
    }

    /// What `Final` and the ends of body and message take from here.
    pub(in crate::codec) fn closing_len(&self) -> usize {
        "<Final/></SyncBody></SyncML>".len()
    }

    /// Marks the state between two children of an element with content.
    pub(in crate::codec) fn mark(&self) -> Mark {
        Mark {
            out: self.out.len(),
            namespaces: self.namespaces.len(),
            open: self.open.len(),
        }
    }

    /// Undoes everything since the mark.
    pub(in crate::codec) fn reset(&mut self, mark: &Mark) {
        self.out.truncate(mark.out);
        self.namespaces.truncate(mark.namespaces);
        self.open.truncate(mark.open);
        self.forget_prefixes();
        self.is_fresh = false;
    }

    /// The document.
    pub(in crate::codec) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Writes the start of an element up to where attributes may follow, if the default namespace is
    /// one of the table's.
    fn begin_page(&mut self, element: Element) -> Option<()> {
        let declaration = match (&self.open.last()?.default, element.page()) {
            (Default::SyncMl, tags::PAGE_SYNCML) | (Default::MetInf, tags::PAGE_METINF) => "",
            (Default::SyncMl, tags::PAGE_METINF) => METINF_DECLARATION,
            _ => return None,
        };
        self.force_content();
        self.out.push('<');
        self.out.push_str(element.name());
        self.out.push_str(declaration);
        Some(())
    }

    fn begin(&mut self, element: Element) {
        let (default, namespace) = if element.page() == tags::PAGE_METINF {
            (Default::MetInf, tags::METINF)
        } else {
            (Default::SyncMl, self.root)
        };
        let before = self.namespaces.len();
        self.open_tag(
            Some(element),
            "",
            element.name(),
            namespace,
            default,
            before,
        );
    }

    fn begin_foreign(&mut self, name: &Name) {
        let before = self.namespaces.len();
        if name.namespace == XML_NAMESPACE {
            // It may not be declared as default, so the default stays as it is.
            let default = self
                .open
                .last()
                .map_or(Default::Foreign(0..0), |open| open.default.clone());
            let namespace = String::from(self.default());
            self.open_tag(None, "xml:", &name.local, &namespace, default, before);
            return;
        }
        self.namespaces.push_str(&name.namespace);
        let default = Default::Foreign(before..self.namespaces.len());
        self.open_tag(None, "", &name.local, &name.namespace, default, before);
    }

    fn open_tag(
        &mut self,
        element: Option<Element>,
        prefix: &str,
        name: &str,
        namespace: &str,
        default: Default,
        namespaces: usize,
    ) {
        self.force_content();
        self.out.push('<');
        let from = self.out.len();
        self.out.push_str(prefix);
        self.out.push_str(name);
        let to = self.out.len();
        if self.default() != namespace {
            self.out.push_str(" xmlns=\"");
            escape_attribute(&mut self.out, namespace);
            self.out.push('"');
        }
        self.open.push(Open {
            element,
            name: from..to,
            default,
            namespaces,
        });
        self.is_fresh = true;
        self.attributes.clear();
    }

    /// The default namespace where the writer stands.
    fn default(&self) -> &str {
        match self.open.last().map(|open| &open.default) {
            None => "",
            Some(Default::SyncMl) => self.root,
            Some(Default::MetInf) => tags::METINF,
            Some(Default::Foreign(range)) => self.namespaces.get(range.clone()).unwrap_or_default(),
        }
    }

    /// The number of the prefix of a namespace, declared on the element that just began if it is not
    /// in scope.
    fn prefix(&mut self, namespace: &str) -> Result<usize> {
        let known = self
            .prefixes
            .iter()
            .position(|(known, _)| known == namespace);
        if let Some(known) = known {
            return Ok(known);
        }
        let number = self.prefixes.len();
        if number >= MAX_PREFIXES {
            return Err(EncodeError::TooManyNamespaces {
                limit: MAX_PREFIXES,
            }
            .into());
        }
        let declaration = format!("xmlns:a{number}");
        self.out.push(' ');
        self.out.push_str(&declaration);
        self.out.push_str("=\"");
        escape_attribute(&mut self.out, namespace);
        self.out.push('"');
        self.attributes.insert(declaration);
        self.prefixes.push((namespace.into(), self.open.len()));
        Ok(number)
    }

    /// Forgets the prefixes that elements declared which are not open any more.
    fn forget_prefixes(&mut self) {
        let open = self.open.len();
        while self.prefixes.last().is_some_and(|&(_, depth)| depth > open) {
            self.prefixes.pop();
        }
    }

    /// The SyncML element that is being written, or is around what is.
    fn element(&self) -> &'static str {
        self.open
            .iter()
            .rev()
            .find_map(|open| open.element)
            .map_or("SyncML", Element::name)
    }

    fn check(&self, text: &str) -> Result {
        match unrepresentable(text) {
            None => Ok(()),
            Some((_, character)) => Err(EncodeError::NotRepresentable {
                element: self.element(),
                character: u32::from(character),
            }
            .into()),
        }
    }
}

impl Sink for Writer {
    const TEXT_ONLY: bool = true;

    fn reserve(&mut self, message: &SyncMl) {
        let (mut parts, mut octets) = (message.commands.len(), 0_usize);
        for item in message.commands.iter().flat_map(Command::items) {
            let data = item.data.as_ref().and_then(Data::as_bytes);
            let uri = |uri: Option<&LocUri>| uri.map_or(0, |uri| uri.as_str().len());
            parts = parts.saturating_add(1);
            octets = octets
                .saturating_add(data.map_or(0, <[u8]>::len))
                .saturating_add(uri(item.target_uri()))
                .saturating_add(uri(item.source_uri()));
        }
        // As Base64, data grows by a third.
        let octets = octets.saturating_add(octets / 3);
        self.out
            .reserve(parts.saturating_mul(192).saturating_add(octets));
    }

    fn leaf(&mut self, element: Element, text: &str) -> Result {
        if !is_plain(text) || self.begin_page(element).is_none() {
            self.begin(element);
            self.text(text)?;
            self.end();
            return Ok(());
        }
        let name = element.name();
        if text.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        self.out.push_str(text);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn digits(&mut self, element: Element, digits: &[u8]) -> Result {
        self.leaf(element, core::str::from_utf8(digits).unwrap_or_default())
    }

    fn start(&mut self, element: Element) {
        self.begin(element);
    }

    fn start_in(&mut self, element: Element, _: Option<Element>) {
        self.begin(element);
    }

    fn start_foreign(&mut self, name: &Name, _parent: Option<Element>) -> Result {
        check_name(name)?;
        self.check(&name.namespace)?;
        self.begin_foreign(name);
        Ok(())
    }

    fn attribute(&mut self, name: &Name, value: &str) -> Result {
        check_name(name)?;
        if !self.is_fresh {
            return Err(EncodeError::MalformedFragment.into());
        }
        self.check(&name.namespace)?;
        self.check(value)?;
        let qualified = match name.namespace.as_str() {
            "" if name.local == "xmlns" => return Err(invalid(name).into()),
            "" => String::from(name.local.as_str()),
            XML_NAMESPACE => format!("xml:{}", name.local),
            namespace => format!("a{}:{}", self.prefix(namespace)?, name.local),
        };
        if self.attributes.len() >= MAX_ATTRIBUTES {
            return Err(EncodeError::TooManyAttributes {
                limit: MAX_ATTRIBUTES,
            }
            .into());
        }
        self.out.push(' ');
        self.out.push_str(&qualified);
        if !self.attributes.insert(qualified) {
            return Err(EncodeError::DuplicateAttribute {
                name: name.local.as_str().into(),
            }
            .into());
        }
        self.out.push_str("=\"");
        escape_attribute(&mut self.out, value);
        self.out.push('"');
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result {
        if text.is_empty() {
            return Ok(());
        }
        if is_plain(text) {
            self.force_content();
            self.out.push_str(text);
            return Ok(());
        }
        self.check(text)?;
        self.force_content();
        escape_text(&mut self.out, text);
        Ok(())
    }

    fn opaque(&mut self, octets: &[u8]) -> Result {
        // Opaque octets that are text mean that text; no others have a form here.
        match core::str::from_utf8(octets) {
            Ok(text) => self.text(text),
            Err(_) => Err(EncodeError::OctetsNotRepresentable {
                element: self.element(),
            }
            .into()),
        }
    }

    fn force_content(&mut self) {
        if self.is_fresh {
            self.out.push('>');
            self.is_fresh = false;
        }
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        self.namespaces.truncate(open.namespaces);
        self.forget_prefixes();
        if self.is_fresh {
            self.out.push_str("/>");
            self.is_fresh = false;
            return;
        }
        self.out.push_str("</");
        match open.element {
            Some(element) => self.out.push_str(element.name()),
            None => self.out.extend_from_within(open.name),
        }
        self.out.push('>');
    }

    fn can_hold(text: &str) -> bool {
        unrepresentable(text).is_none()
    }
}

/// The declaration of the namespace of MetInf, as default.
const METINF_DECLARATION: &str = " xmlns=\"syncml:metinf\"";

fn check_name(name: &Name) -> Result {
    if is_name(&name.local) && name.namespace != XMLNS_NAMESPACE {
        return Ok(());
    }
    Err(invalid(name).into())
}

fn invalid(name: &Name) -> EncodeError {
    EncodeError::InvalidName {
        name: name.local.as_str().into(),
    }
}

fn escape_text(out: &mut String, text: &str) {
    escape(out, text, |octet| match octet {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        // A literal one would be read back as LF.
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn escape_attribute(out: &mut String, text: &str) {
    escape(out, text, |octet| match octet {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        // Literal white space would be read back as spaces.
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn escape(out: &mut String, text: &str, escaped: impl Fn(u8) -> Option<&'static str>) {
    let mut from = 0;
    for (at, octet) in text.bytes().enumerate() {
        if let Some(escape) = escaped(octet) {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(escape);
            from = at.saturating_add(1);
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
}
