//! XML into WBXML.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    ConvertOptions, Converted, DocumentType, Version,
    convert::{Embedded, Holder, Holders, with_suffix},
    read_tree::own_namespace,
    write::{Edits, Full, Place, Writer},
};
use crate::{
    DecodeError, DecodeErrorKind,
    codec::{
        Encoding, Mode, Tolerance, ToleranceKind,
        event::{Event, Fault, Source as _, Step, Tag},
        tags,
        wbxml::token,
        xml::{Input, Reader},
    },
    error::excerpt,
};

pub(super) fn convert(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    let failed =
        |fault: Fault, path| DecodeError::new(Encoding::Xml, fault.offset, path, fault.kind);
    let input =
        Input::new(octets, options.limits.memory).map_err(|fault| failed(fault, String::new()))?;
    let limit = options.limits.memory.saturating_sub(input.copied());
    let mut reader = Reader::new(&input);
    let mut to = ToWbxml {
        options,
        limit,
        writer: None,
        open: Vec::new(),
        holders: Holders::default(),
        edits: Edits::new(),
        odd: Vec::new(),
        is_bare: false,
        start: None,
        text: None,
        base: 0,
        bin: None,
    };
    let done = to.document(&mut reader);
    let mut offsets = input.offsets();
    match done {
        Ok((octets, document)) => {
            let mut tolerances = to.odd;
            for tolerance in &mut tolerances {
                tolerance.offset = offsets.offset(tolerance.offset);
            }
            Ok(Converted {
                octets: octets.into(),
                document,
                tolerances,
            })
        }
        Err(fault) => {
            let begun = to.start.as_ref().map(|start| &*start.local);
            let open = to.open.iter().map(|open| &*open.local);
            let names: Vec<String> = open.chain(begun).map(excerpt).collect();
            Err(failed(fault, names.join("/")).with_offset(|offset| offsets.offset(offset)))
        }
    }
}

/// An element that is open.
struct Open<'i> {
    local: Cow<'i, str>,
    has_child: bool,
    /// Whether what is written below it may be of the page that is active without a reader's doubt.
    keeps_page: bool,
}

/// A start tag whose attributes are not complete.
struct Start<'i> {
    namespace: Cow<'i, str>,
    local: Cow<'i, str>,
    attributes: Vec<(Cow<'i, str>, Cow<'i, str>, Cow<'i, str>)>,
}

/// Text that began.
struct Text {
    /// Where it stands in what is written.
    from: usize,
    /// Whether it is white space so far, which means nothing between elements.
    is_space: bool,
}

struct ToWbxml<'i, 'o> {
    options: &'o ConvertOptions,
    limit: usize,
    writer: Option<Writer>,
    open: Vec<Open<'i>>,
    /// Of SyncML only.
    holders: Holders,
    edits: Edits,
    odd: Vec<Tolerance>,
    /// Whether the root that comes has no namespace.
    is_bare: bool,
    start: Option<Start<'i>>,
    text: Option<Text>,
    /// The depth at which the document inside another begins; 0 outside of one.
    base: usize,
    /// The depth of the node whose Format is `bin`.
    bin: Option<usize>,
}

type Result<T, E = DecodeErrorKind> = core::result::Result<T, E>;

impl<'i> ToWbxml<'i, '_> {
    fn document(&mut self, reader: &mut Reader<'i>) -> Result<(Vec<u8>, DocumentType), Fault> {
        // Steps pass over white space, so none are taken inside of text.
        let mut may_step = false;
        loop {
            let is_end = if may_step {
                match reader.step() {
                    Step::Start(element) => {
                        let name = (
                            Cow::Borrowed(element.namespace()),
                            Cow::Borrowed(element.name()),
                        );
                        self.begin(name.0, name.1)
                            .and_then(|()| self.open())
                            .map_err(|kind| fault(reader, kind))?;
                        let Some(text) = reader.text() else {
                            // Perhaps white space follows, which may be all of its text.
                            may_step = false;
                            continue;
                        };
                        if !text.is_empty() {
                            self.text(text).map_err(|kind| fault(reader, kind))?;
                        }
                        self.end().map_err(|kind| fault(reader, kind))?;
                        true
                    }
                    Step::End => {
                        self.end().map_err(|kind| fault(reader, kind))?;
                        true
                    }
                    Step::Other => {
                        let event = reader.next()?;
                        may_step = false;
                        let is_end = matches!(event, Event::End);
                        self.event(event, reader.offset())
                            .map_err(|kind| fault(reader, kind))?;
                        is_end
                    }
                }
            } else {
                let event = reader.next()?;
                let is_end = matches!(event, Event::End);
                self.event(event, reader.offset())
                    .map_err(|kind| fault(reader, kind))?;
                is_end
            };
            if is_end {
                may_step = true;
                if self.open.is_empty() {
                    break;
                }
            }
        }
        if let Some(kind) = reader.finish()? {
            self.note(kind, reader.offset())
                .map_err(|kind| fault(reader, kind))?;
        }
        let finished = match self.writer.take() {
            Some(writer) => {
                let document = writer.document();
                let octets = writer.finish_with(&mut self.edits);
                self.fit(octets).map(|octets| (octets, document))
            }
            None => Err(DecodeErrorKind::NoRoot),
        };
        finished.map_err(|kind| fault(reader, kind))
    }

    fn event(&mut self, event: Event<'i>, offset: usize) -> Result<()> {
        match event {
            Event::Attribute(name, value) => {
                if let Some(start) = &mut self.start {
                    start.attributes.push((name.namespace, name.local, value));
                }
                Ok(())
            }
            // Some types have no namespace.
            Event::Odd(ToleranceKind::MissingNamespace) => {
                self.is_bare = true;
                Ok(())
            }
            Event::Odd(kind) => self.note(kind, offset),
            Event::Start(tag) => {
                self.open()?;
                let (namespace, local) = match tag {
                    Tag::Known(element) => (
                        Cow::Borrowed(element.namespace()),
                        Cow::Borrowed(element.name()),
                    ),
                    Tag::Foreign(name) => (name.namespace, name.local),
                };
                self.begin(namespace, local)?;
                if self.is_bare {
                    self.is_bare = false;
                    let has_namespace = self.options.document.map_or_else(
                        || {
                            self.start
                                .as_ref()
                                .and_then(|start| {
                                    DocumentType::from_root(&start.namespace, &start.local)
                                })
                                .is_none_or(|document| !document.namespace().is_empty())
                        },
                        |document| !document.namespace().is_empty(),
                    );
                    if has_namespace {
                        self.note(ToleranceKind::MissingNamespace, offset)?;
                    }
                }
                Ok(())
            }
            Event::Text(text) => {
                self.open()?;
                self.text(&text)
            }
            Event::Char(character) => {
                self.open()?;
                let mut octets = [0; 4];
                self.text(character.encode_utf8(&mut octets))
            }
            Event::Opaque(_) => Ok(()),
            Event::End => {
                self.open()?;
                self.end()
            }
        }
    }

    fn note(&mut self, kind: ToleranceKind, offset: usize) -> Result<()> {
        if self.options.mode == Mode::Strict {
            return Err(DecodeErrorKind::Strict(kind));
        }
        let cost = size_of::<[Tolerance; 2]>();
        match &mut self.writer {
            Some(writer) => writer.charge(cost).map_err(|Full| self.full())?,
            None => self.limit = self.limit.checked_sub(cost).ok_or_else(|| self.full())?,
        }
        self.odd.push(Tolerance { offset, kind });
        Ok(())
    }

    /// An element begins; its attributes follow.
    fn begin(&mut self, namespace: Cow<'i, str>, local: Cow<'i, str>) -> Result<()> {
        self.flush(true)?;
        // One list serves all tags.
        let attributes = match self.start.take() {
            Some(start) => start.attributes,
            None => Vec::new(),
        };
        self.start = Some(Start {
            namespace,
            local,
            attributes,
        });
        Ok(())
    }

    /// Writes the start tag, now that its attributes are complete.
    fn open(&mut self) -> Result<()> {
        let Some(start) = self.start.take() else {
            return Ok(());
        };
        let Start {
            namespace,
            local,
            attributes,
        } = start;
        let limit = self.options.limits.depth;
        if self.open.len().saturating_sub(self.base) >= limit {
            return Err(DecodeErrorKind::TooDeep { limit });
        }
        if self.writer.is_none() {
            let document = self
                .options
                .document
                .or_else(|| DocumentType::from_root(&namespace, &local))
                .ok_or(DecodeErrorKind::UnknownDocument)?;
            let writer = Writer::new(document, self.options.version, self.limit);
            self.writer = Some(writer);
        } else if self.base == 0 && self.options.embedded && self.local(0) == "Data" {
            self.enter(&namespace, &local)?;
        }
        if let Some(parent) = self.open.last_mut() {
            parent.has_child = true;
        }
        let keeps_page = self.open.last().is_none_or(|parent| parent.keeps_page);
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let document = writer.document();
        let place = if keeps_page || document != DocumentType::SyncMl {
            Place::Usual
        } else {
            Place::Unusual
        };
        let namespace = own_namespace(document, &namespace, &local);
        let page = writer.page();
        let at = writer.start(
            namespace,
            &local,
            attributes
                .iter()
                .map(|(namespace, local, value)| (&**namespace, &**local, &**value)),
            place,
        );
        let keeps_page = matches!(&*local, "Meta" | "Data") || writer.page() != tags::PAGE_SYNCML;
        let at = at.map_err(|Full| self.full())?;
        let depth = self.open.len();
        if document == DocumentType::DmDdf {
            self.note_format(&local, depth);
        }
        if self.is_syncml() {
            if local == "Item"
                && let Some(command) = self.holders.up_mut(0)
            {
                command.items = command.items.saturating_add(1);
            }
            self.holders.push(at, page);
        }
        self.open.push(Open {
            local,
            has_child: false,
            keeps_page,
        });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        let state = match &mut self.text {
            Some(state) => state,
            None => {
                let from = writer.begin_text();
                let from = match from {
                    Ok(from) => from,
                    Err(Full) => return Err(self.full()),
                };
                self.text.insert(Text {
                    from,
                    is_space: true,
                })
            }
        };
        state.is_space = state.is_space && text.bytes().all(|octet| octet.is_ascii_whitespace());
        writer.more_text(text).map_err(|Full| self.full())
    }

    /// Ends the text so far; between elements, white space is not text.
    fn flush(&mut self, between: bool) -> Result<()> {
        let (Some(text), Some(writer)) = (self.text.take(), &mut self.writer) else {
            return Ok(());
        };
        if between && text.is_space {
            writer.drop_text(text.from);
            return Ok(());
        }
        let Ok(to) = writer.end_text() else {
            return Err(self.full());
        };
        self.note_text(text.from..to)
    }

    /// What follows from a text that was written.
    fn note_text(&mut self, range: Range<usize>) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let local = self.open.last().map_or("", |open| &*open.local);
        let document = writer.document();
        match local {
            "VerDTD" => {
                let is_own = match document {
                    DocumentType::SyncMl => self
                        .open
                        .iter()
                        .rev()
                        .nth(1)
                        .is_some_and(|open| open.local == "SyncHdr"),
                    _ => self.open.len() == self.base.saturating_add(2),
                };
                let stated = writer
                    .body()
                    .get(range)
                    .and_then(|text| core::str::from_utf8(text).ok())
                    .and_then(Version::stated);
                if let (true, Some(version)) = (is_own, stated) {
                    writer.version = version;
                }
            }
            "Value" if self.bin.is_some() && self.bin == self.open.len().checked_sub(2) => {
                // OMA-TS-DM_TNDS: octets are Base64 in XML, and opaque in WBXML.
                let text = writer.body().get(range.clone()).unwrap_or_default();
                if let Ok(octets) = STANDARD.decode(text) {
                    writer.drop_text(range.start);
                    writer.opaque(&octets).map_err(|Full| self.full())?;
                }
            }
            "Format" | "Type" if document == DocumentType::SyncMl && self.local(1) == "Meta" => {
                let local = self.open.last().map_or("", |open| &*open.local);
                self.holders.note(2, local, range);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let has_child = self.open.last().is_some_and(|open| open.has_child);
        self.flush(has_child)?;
        if self.is_syncml()
            && let Some(holder) = self.holders.pop()
        {
            self.change_types(&holder)?;
        }
        if let Some(writer) = &mut self.writer {
            writer.end().map_err(|Full| self.full())?;
        }
        self.open.pop();
        if self.base > 0 && self.open.len() == self.base {
            self.base = 0;
            if let Some(writer) = &mut self.writer {
                writer.leave().map_err(|Full| self.full())?;
            }
        }
        Ok(())
    }

    /// Begins a document inside `Data`, if this is the root of one; its Type changes with it.
    fn enter(&mut self, namespace: &str, local: &str) -> Result<()> {
        let inner = DocumentType::from_root(namespace, local)
            .filter(|inner| inner.is_embeddable() && !namespace.is_empty());
        let is_first = self.open.last().is_some_and(|open| !open.has_child);
        let Some(inner) = inner.filter(|_| is_first && self.text.is_none()) else {
            return Ok(());
        };
        let (Some(data), Some(item)) = (self.holders.up(0), self.holders.up(1)) else {
            return Ok(());
        };
        let embedded = Embedded {
            data: data.at,
            page: data.page,
            format: item.format.clone(),
            meta: item.meta,
        };
        match self.holders.data_type().cloned() {
            // It says already what the octets will be.
            Some(type_) if self.text_at(&type_).trim_ascii().ends_with(b"+wbxml") => {}
            Some(type_) if self.text_at(&type_).trim_ascii().ends_with(b"+xml") => {
                if item.type_.is_some() {
                    self.change_type(type_)?;
                } else {
                    self.charge(size_of::<[Embedded; 2]>())?;
                    if let Some(command) = self.holders.up_mut(2) {
                        command.embedded.push(embedded);
                    }
                }
            }
            // Of another type: the elements stay elements.
            Some(_) => return Ok(()),
            // Octets without a Type would not be known for what they are.
            None => {
                if !self.give_type(&embedded, None, inner.media_types().1)? {
                    return Ok(());
                }
            }
        }
        self.base = self.open.len();
        if let Some(writer) = &mut self.writer {
            writer.enter(inner);
        }
        Ok(())
    }

    /// The Type of a document that is octets now.
    fn change_type(&mut self, range: Range<usize>) -> Result<()> {
        self.charge(range.len())?;
        match with_suffix(self.text_at(&range), "+xml", "+wbxml") {
            Some(text) => self.edit(range, text.as_bytes()),
            None => Ok(()),
        }
    }

    /// Changes the Type that stands in a command, if it holds for documents only, or else gives one to
    /// each item that has a document.
    fn change_types(&mut self, command: &Holder) -> Result<()> {
        let Some(type_) = command
            .type_
            .clone()
            .filter(|_| !command.embedded.is_empty())
        else {
            return Ok(());
        };
        if command.embedded.len() == command.items {
            return self.change_type(type_);
        }
        for item in &command.embedded {
            self.charge(type_.len())?;
            if let Some(text) = with_suffix(self.text_at(&type_), "+xml", "+wbxml") {
                self.give_type(item, command.format.clone(), &text)?;
            }
        }
        Ok(())
    }

    /// Writes a Type into the `Meta` of an item, or a `Meta` with it and the format of the command.
    /// Gives whether there was a place for it: an empty `Meta` has none.
    fn give_type(
        &mut self,
        item: &Embedded,
        format: Option<Range<usize>>,
        type_: &str,
    ) -> Result<bool> {
        const TYPE: u8 = tags::Element::Type.token() | token::CONTENT;
        const FORMAT: u8 = tags::Element::Format.token() | token::CONTENT;
        let leaf = |tag: u8, text: &[u8]| {
            let mut out = Vec::with_capacity(text.len().saturating_add(4));
            out.extend_from_slice(&[tag, token::STR_I]);
            out.extend_from_slice(text);
            out.extend_from_slice(&[0, token::END]);
            out
        };
        let (at, octets) = match (&item.format, item.meta) {
            (Some(format), _) => {
                // Behind the NUL and the end of the Format, where the page is that of MetInf.
                (format.end.saturating_add(2), leaf(TYPE, type_.as_bytes()))
            }
            (None, Some(_)) => return Ok(false),
            (None, None) => {
                let mut meta = Vec::new();
                if item.page != tags::PAGE_SYNCML {
                    meta.extend_from_slice(&[token::SWITCH_PAGE, tags::PAGE_SYNCML]);
                }
                meta.push(tags::Element::Meta.token() | token::CONTENT);
                meta.extend_from_slice(&[token::SWITCH_PAGE, tags::PAGE_METINF]);
                if let Some(format) = format {
                    self.charge(format.len())?;
                    meta.extend_from_slice(&leaf(FORMAT, self.text_at(&format)));
                }
                meta.extend_from_slice(&leaf(TYPE, type_.as_bytes()));
                meta.push(token::END);
                meta.extend_from_slice(&[token::SWITCH_PAGE, item.page]);
                (item.data, meta)
            }
        };
        self.edit(at..at, &octets)?;
        Ok(true)
    }

    fn edit(&mut self, range: Range<usize>, octets: &[u8]) -> Result<()> {
        self.charge(octets.len().saturating_add(128))?;
        self.edits.replace(range, octets);
        Ok(())
    }

    fn charge(&mut self, octets: usize) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.charge(octets).map_err(|Full| self.full()),
            None => Ok(()),
        }
    }

    fn text_at(&self, range: &Range<usize>) -> &[u8] {
        self.writer
            .as_ref()
            .and_then(|writer| writer.body().get(range.clone()))
            .unwrap_or_default()
    }

    /// Remembers the node whose Format is `bin`, which comes before its value.
    fn note_format(&mut self, local: &str, depth: usize) {
        match local {
            "Node" => self.bin = None,
            // MgmtTree/Node/RTProperties/Format/bin
            "bin" if self.local(0) == "Format" && self.local(1) == "RTProperties" => {
                self.bin = depth.checked_sub(3);
            }
            _ => {}
        }
    }

    /// Whether what is open belongs to SyncML itself.
    fn is_syncml(&self) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.document() == DocumentType::SyncMl)
    }

    fn local(&self, above: usize) -> &str {
        self.open
            .iter()
            .rev()
            .nth(above)
            .map_or("", |open| &*open.local)
    }

    fn fit<T>(&self, written: Result<T, Full>) -> Result<T> {
        written.map_err(|Full| self.full())
    }

    #[cold]
    fn full(&self) -> DecodeErrorKind {
        DecodeErrorKind::TooMuchMemory {
            limit: self.options.limits.memory,
        }
    }
}

#[cold]
fn fault(reader: &Reader<'_>, kind: DecodeErrorKind) -> Fault {
    Fault {
        offset: reader.offset(),
        kind,
    }
}
