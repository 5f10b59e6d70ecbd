//! [`wbxml_to_xml`] and [`xml_to_wbxml`].

use alloc::{
    borrow::{Cow, ToOwned as _},
    string::String,
    vec::Vec,
};
use core::{mem, ops::Range};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    DocumentType, Version,
    read::{Piece, Reader},
    write::{self, Edits},
    xml,
};
use crate::{
    DecodeError, DecodeErrorKind, Limits,
    codec::{
        Encoding,
        event::{Event, Fault, Source as _, Tag, unrepresentable},
        tags,
        xml::{Input, Reader as XmlReader},
    },
};

/// The version in the first octet of a WBXML document.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WbxmlVersion {
    /// WBXML 1.1.
    V1_1,
    /// WBXML 1.2, which differs from 1.3 in nothing that these documents use.
    #[default]
    V1_2,
    /// WBXML 1.3.
    V1_3,
}

impl WbxmlVersion {
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::V1_1 => 1,
            Self::V1_2 => 2,
            Self::V1_3 => 3,
        }
    }
}

/// How a document is converted.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConvertOptions {
    /// `message_size` limits the input, `depth` the nesting, and `memory` what is written: references
    /// to one long entry of a string table cannot multiply beyond it.
    pub limits: Limits,
    /// The type of the document, which then counts more than what the document says. Needed for WBXML
    /// whose public identifier is "unknown".
    pub document: Option<DocumentType>,
    /// XML: each element on a line of its own, for people. Text is not touched. Default: no.
    pub indent: bool,
    /// Whether documents inside the `Data` of SyncML (DevInf, TNDS) are converted too: opaque octets
    /// under a Type that ends in `+wbxml` to elements, and back. The Type follows. Otherwise octets
    /// become Base64, and elements stay elements. Default: yes.
    pub embedded: bool,
    /// WBXML: the version that is written.
    pub version: WbxmlVersion,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            document: None,
            indent: false,
            embedded: true,
            version: WbxmlVersion::default(),
        }
    }
}

impl ConvertOptions {
    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same for a document of this type.
    #[must_use]
    pub fn with_document(mut self, document: DocumentType) -> Self {
        self.document = Some(document);
        self
    }

    /// The same with or without indentation.
    #[must_use]
    pub fn with_indent(mut self, indent: bool) -> Self {
        self.indent = indent;
        self
    }

    /// The same with documents inside `Data` converted or not.
    #[must_use]
    pub fn with_embedded(mut self, embedded: bool) -> Self {
        self.embedded = embedded;
        self
    }

    /// The same with another version of WBXML.
    #[must_use]
    pub fn with_version(mut self, version: WbxmlVersion) -> Self {
        self.version = version;
        self
    }
}

/// A converted document.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Converted {
    /// The document in the other encoding.
    pub octets: Bytes,
    /// Its type.
    pub document: DocumentType,
}

/// An element that is open.
#[derive(Default)]
struct Frame {
    local: String,
    has_child: bool,
    /// Where it began, and what its `Meta` said.
    at: usize,
    meta: Option<usize>,
    format: Option<Range<usize>>,
    /// Whether that says `bin`.
    is_bin: Option<bool>,
    type_: Option<(Range<usize>, String)>,
}

/// The open elements and what is kept about them.
#[derive(Default)]
struct Frames(Vec<Frame>);

impl Frames {
    fn push(&mut self, limit: usize, local: &str, at: usize) -> Result<(), DecodeErrorKind> {
        if self.0.len() >= limit {
            return Err(DecodeErrorKind::TooDeep { limit });
        }
        if let Some(parent) = self.0.last_mut() {
            parent.has_child = true;
        }
        self.0.push(Frame {
            local: local.to_owned(),
            at,
            ..Frame::default()
        });
        Ok(())
    }

    fn local(&self, above: usize) -> &str {
        self.up(above).map_or("", |frame| &frame.local)
    }

    fn up(&self, above: usize) -> Option<&Frame> {
        self.0.iter().rev().nth(above)
    }

    fn up_mut(&mut self, above: usize) -> Option<&mut Frame> {
        self.0.iter_mut().rev().nth(above)
    }

    /// Notes Format and Type, where they stand in a `Meta`, for the element around that.
    fn note(&mut self, text: &str, range: Range<usize>) {
        if self.local(1) != "Meta" {
            return;
        }
        match self.local(0) {
            "Format" => {
                if let Some(holder) = self.up_mut(2) {
                    holder.format = Some(range);
                    holder.is_bin = Some(text.trim() == "bin");
                }
            }
            "Type" => {
                let text = text.to_owned();
                if let Some(holder) = self.up_mut(2) {
                    holder.type_ = Some((range, text));
                }
            }
            _ => {}
        }
    }

    /// The Type that holds for the `Data` that is open: its own item's or the command's.
    fn data_type(&self) -> Option<&(Range<usize>, String)> {
        [1, 2]
            .into_iter()
            .find_map(|above| self.up(above)?.type_.as_ref())
    }

    /// Whether opaque octets in the `Data` that is open are octets even where they would be text.
    fn is_binary(&self) -> bool {
        let is_bin = [1, 2].into_iter().find_map(|above| self.up(above)?.is_bin);
        is_bin == Some(true)
            || self
                .data_type()
                .is_some_and(|(_, text)| text.trim().ends_with("wbxml"))
    }

    /// Whether the Type for the `Data` that is open names a document that has both forms. Without it
    /// nobody could tell opaque octets from others.
    fn has_embedded_type(&self) -> bool {
        self.data_type().is_some_and(|(_, text)| {
            let text = text.trim();
            text.ends_with("+xml") || text.ends_with("+wbxml")
        })
    }

    fn path(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|frame| &*frame.local).collect();
        names.join("/")
    }
}

/// Converts WBXML into XML, as a stream and in time linear in what is read and written.
///
/// Octets and text in the `Data` of SyncML that XML cannot hold become Base64, and the Format in the
/// item's Meta becomes `b64`; a Meta is made where there is none. Anywhere else they are an error, as
/// are tokens that the tables do not have. Opaque octets that are text are text. Extensions and
/// processing instructions are passed over.
///
/// # Errors
///
/// What is wrong, with the offset in the WBXML and the path of the element.
///
/// ```
/// use bytes::Bytes;
/// use dm_proto::codec::{ConvertOptions, DocumentType, wbxml_to_xml, xml_to_wbxml};
///
/// let xml = Bytes::from_static(b"<wap-provisioningdoc version=\"1.1\"><characteristic type=\"APPLICATION\">\
///     <parm name=\"APPID\" value=\"w7\"/></characteristic></wap-provisioningdoc>");
/// let wbxml = xml_to_wbxml(&xml, &ConvertOptions::default())?;
/// assert_eq!(wbxml.document, DocumentType::Provisioning);
/// assert_eq!(wbxml_to_xml(&wbxml.octets, &ConvertOptions::default())?.octets, xml);
/// # Ok::<(), dm_proto::DecodeError>(())
/// ```
pub fn wbxml_to_xml(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    check_size(Encoding::Wbxml, octets, options)?;
    let (xml, document) = to_xml(octets, options, options.limits.memory)?;
    Ok(Converted {
        octets: xml.into(),
        document,
    })
}

fn to_xml(
    octets: &[u8],
    options: &ConvertOptions,
    budget: usize,
) -> Result<(Vec<u8>, DocumentType), DecodeError> {
    let mut frames = Frames::default();
    let failed = |fault: Fault, frames: &Frames| {
        DecodeError::new(Encoding::Wbxml, fault.offset, frames.path(), fault.kind)
    };
    let mut reader =
        Reader::new(octets, options.document, budget).map_err(|fault| failed(fault, &frames))?;
    let mut to = ToXml {
        document: reader.document,
        options,
        budget,
        writer: xml::Writer::new(options.indent),
        edits: Edits::new(),
        pending: Vec::new(),
        is_opaque: false,
    };
    loop {
        let piece = reader.next().map_err(|fault| failed(fault, &frames))?;
        let is_end = matches!(piece, Piece::End);
        let offset = reader.offset();
        to.piece(piece, &mut frames)
            .map_err(|kind| failed(Fault { offset, kind }, &frames))?;
        if is_end && frames.0.is_empty() {
            break;
        }
    }
    reader.finish().map_err(|fault| failed(fault, &frames))?;
    let mut out = Vec::new();
    to.edits.apply(to.writer.out.as_bytes(), &mut out);
    Ok((out, to.document))
}

struct ToXml<'i, 'o> {
    document: DocumentType,
    options: &'o ConvertOptions,
    budget: usize,
    writer: xml::Writer<'i>,
    edits: Edits<u8>,
    /// The content of the innermost element that is not written yet.
    pending: Vec<u8>,
    is_opaque: bool,
}

impl<'i> ToXml<'i, '_> {
    fn piece(&mut self, piece: Piece<'i>, frames: &mut Frames) -> Result<(), DecodeErrorKind> {
        match piece {
            Piece::Start(start) => {
                self.flush(frames)?;
                let unfit = |(_, _, value): &(_, _, String)| unrepresentable(value).is_some();
                if start.attributes.iter().any(unfit) || unrepresentable(&start.namespace).is_some()
                {
                    return Err(DecodeErrorKind::NotRepresentable);
                }
                let local = start.local.clone();
                let at = self
                    .writer
                    .start(start.namespace, start.local, &start.attributes);
                frames.push(self.options.limits.depth, &local, at)?;
                if local == "Meta" {
                    let content = self.writer.content();
                    if let Some(holder) = frames.up_mut(1) {
                        holder.meta = Some(content);
                    }
                }
            }
            Piece::Text(text) => {
                self.charge(text.len())?;
                self.pending.extend_from_slice(&text);
            }
            Piece::Opaque(octets) => {
                self.charge(octets.len())?;
                self.pending.extend_from_slice(octets);
                self.is_opaque = true;
            }
            Piece::End => {
                self.flush(frames)?;
                self.writer.end();
                frames.0.pop();
            }
        }
        self.charge(0)
    }

    fn charge(&self, more: usize) -> Result<(), DecodeErrorKind> {
        let used = self
            .writer
            .out
            .len()
            .saturating_add(self.pending.len())
            .saturating_add(more);
        if used > self.budget {
            return Err(DecodeErrorKind::TooMuchMemory { limit: self.budget });
        }
        Ok(())
    }

    fn flush(&mut self, frames: &mut Frames) -> Result<(), DecodeErrorKind> {
        let octets = mem::take(&mut self.pending);
        let is_opaque = mem::take(&mut self.is_opaque);
        if octets.is_empty() {
            return Ok(());
        }
        let is_data = self.document == DocumentType::SyncMl && frames.local(0) == "Data";
        if is_data && is_opaque && self.options.embedded && self.embed(&octets, frames) {
            return Ok(());
        }
        match core::str::from_utf8(&octets) {
            Ok(text)
                if unrepresentable(text).is_none()
                    && !(is_data && is_opaque && frames.is_binary()) =>
            {
                let range = self.writer.text(text);
                frames.note(text, range);
                Ok(())
            }
            _ if is_data && matches!(frames.local(1), "Item" | "Cred") => {
                self.base64(&octets, frames);
                Ok(())
            }
            _ => Err(DecodeErrorKind::NotRepresentable),
        }
    }

    /// Writes a document inside `Data` as elements; what cannot be read stays octets.
    fn embed(&mut self, octets: &[u8], frames: &Frames) -> bool {
        let Some((range, text)) = frames.data_type() else {
            return false;
        };
        let Some(kind) = text.trim().strip_suffix("+wbxml") else {
            return false;
        };
        // Inner documents have no Data, so this goes one level deep; and they share the budget.
        let options = ConvertOptions {
            document: None,
            embedded: false,
            indent: false,
            ..self.options.clone()
        };
        let left = self.budget.saturating_sub(self.writer.out.len());
        match to_xml(octets, &options, left) {
            Ok((xml, document)) if document.is_embeddable() => {
                let Ok(xml) = String::from_utf8(xml) else {
                    return false;
                };
                let mut type_ = String::new();
                crate::codec::xml::escape_text(&mut type_, kind);
                type_.push_str("+xml");
                self.edits.replace(range.clone(), type_.as_bytes());
                self.writer.raw(&xml);
                true
            }
            _ => false,
        }
    }

    fn base64(&mut self, octets: &[u8], frames: &Frames) {
        const FORMAT: &str = "<Format xmlns=\"syncml:metinf\">b64</Format>";
        self.writer.text(&STANDARD.encode(octets));
        let Some(holder) = frames.up(1) else {
            return;
        };
        if let Some(format) = &holder.format {
            self.edits.replace(format.clone(), b"b64");
        } else if let Some(meta) = holder.meta {
            self.edits.replace(meta..meta, FORMAT.as_bytes());
        } else if let Some(data) = frames.up(0) {
            let mut meta = String::from("<Meta>");
            meta.push_str(FORMAT);
            meta.push_str("</Meta>");
            self.edits.replace(data.at..data.at, meta.as_bytes());
        }
    }
}

/// Converts XML into WBXML, as a stream and in time linear in what is read and written.
///
/// White space between elements is left out; names without a token become literals, with their
/// namespaces as attributes `xmlns`. Comments and processing instructions are left out.
///
/// # Errors
///
/// What is wrong, with the offset in the XML and the path of the element.
pub fn xml_to_wbxml(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    check_size(Encoding::Xml, octets, options)?;
    let failed = |fault: Fault, path: String| {
        DecodeError::new(Encoding::Xml, fault.offset, path, fault.kind)
    };
    let input =
        Input::new(octets, options.limits.memory).map_err(|fault| failed(fault, String::new()))?;
    let mut reader = XmlReader::new(&input);
    let mut to = ToWbxml {
        options,
        frames: Frames::default(),
        writer: None,
        outer: None,
        edits: Edits::new(),
        start: None,
        pending: String::new(),
    };
    let done = to.run(&mut reader);
    done.map_err(|fault| {
        failed(fault, to.frames.path()).with_offset(|offset| input.offsets().offset(offset))
    })?;
    match to.writer.take() {
        Some(writer) => {
            let document = writer.document;
            Ok(Converted {
                octets: writer.finish(&mut to.edits).into(),
                document,
            })
        }
        None => Err(failed(
            Fault {
                offset: octets.len(),
                kind: DecodeErrorKind::NoRoot,
            },
            String::new(),
        )),
    }
}

/// A start tag whose attributes are not complete.
struct Pending {
    namespace: String,
    local: String,
    attributes: Vec<(String, String, String)>,
}

struct ToWbxml<'o> {
    options: &'o ConvertOptions,
    frames: Frames,
    writer: Option<write::Writer>,
    /// The writer of the message, while `writer` is that of a document inside it, and the depth at
    /// which that began.
    outer: Option<(write::Writer, usize)>,
    edits: Edits<u8>,
    start: Option<Pending>,
    pending: String,
}

impl ToWbxml<'_> {
    fn run(&mut self, reader: &mut XmlReader<'_>) -> Result<(), Fault> {
        loop {
            let event = reader.next()?;
            let is_end = matches!(event, Event::End);
            self.event(event).map_err(|kind| Fault {
                offset: reader.offset(),
                kind,
            })?;
            if is_end && self.frames.0.is_empty() {
                break;
            }
        }
        match reader.finish()? {
            Some(kind) => Err(Fault {
                offset: reader.offset(),
                kind: DecodeErrorKind::Strict(kind),
            }),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), DecodeErrorKind> {
        if let Event::Attribute(name, value) = event {
            if let Some(start) = &mut self.start {
                start.attributes.push((
                    name.namespace.into_owned(),
                    name.local.into_owned(),
                    value.into_owned(),
                ));
            }
            return Ok(());
        }
        if let Event::Odd(_) = event {
            return Ok(());
        }
        self.open()?;
        match event {
            Event::Start(tag) => {
                self.flush(true);
                let (namespace, local) = match tag {
                    Tag::Known(element) => (
                        Cow::Borrowed(element.namespace()),
                        Cow::Borrowed(element.name()),
                    ),
                    Tag::Foreign(name) => (name.namespace, name.local),
                };
                self.start = Some(Pending {
                    namespace: namespace.into_owned(),
                    local: local.into_owned(),
                    attributes: Vec::new(),
                });
            }
            Event::Text(text) => self.pending.push_str(&text),
            Event::Char(character) => self.pending.push(character),
            Event::Opaque(_) | Event::Attribute(..) | Event::Odd(_) => {}
            Event::End => {
                let has_child = self.frames.up(0).is_some_and(|frame| frame.has_child);
                self.flush(has_child);
                if let Some(writer) = &mut self.writer {
                    writer.end();
                }
                self.frames.0.pop();
                self.leave();
            }
        }
        let written = self.writer.as_ref().map_or(0, |writer| writer.body.len());
        let limit = self.options.limits.memory;
        if written.saturating_add(self.pending.len()) > limit {
            return Err(DecodeErrorKind::TooMuchMemory { limit });
        }
        Ok(())
    }

    /// Writes the start tag, now that its attributes are complete.
    fn open(&mut self) -> Result<(), DecodeErrorKind> {
        let Some(mut start) = self.start.take() else {
            return Ok(());
        };
        let root = DocumentType::from_root(&start.namespace, &start.local);
        if self.writer.is_none() {
            let document = self
                .options
                .document
                .or(root)
                .ok_or(DecodeErrorKind::UnknownDocument)?;
            self.writer = Some(write::Writer::new(document, self.options.version));
        } else if let Some(inner) = root
            && let Some(outer) = &self.writer
            && outer.document == DocumentType::SyncMl
            && self.outer.is_none()
            && self.options.embedded
            && inner.is_embeddable()
            && !start.namespace.is_empty()
            && self.frames.local(0) == "Data"
            && self.frames.has_embedded_type()
        {
            self.enter(inner);
        }
        let limit = self.options.limits.depth;
        self.frames.push(limit, &start.local, 0)?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        // A name of SyncML that stood without a namespace in another document means that document's.
        if writer.document != DocumentType::SyncMl
            && tags::is_syncml(&start.namespace)
            && writer.document.token("", &start.local).is_some()
        {
            start.namespace.clear();
        }
        writer.start(&start.namespace, &start.local, &start.attributes);
        Ok(())
    }

    /// Begins a document inside `Data`, whose Type changes with it.
    fn enter(&mut self, document: DocumentType) {
        if let Some((range, text)) = self.frames.data_type()
            && let Some(kind) = text.trim().strip_suffix("+xml")
        {
            let mut type_ = kind.to_owned();
            type_.push_str("+wbxml");
            self.edits.replace(range.clone(), type_.as_bytes());
        }
        let inner = write::Writer::new(document, self.options.version);
        self.outer = self
            .writer
            .replace(inner)
            .map(|writer| (writer, self.frames.0.len()));
    }

    /// Ends a document inside `Data` with its root.
    fn leave(&mut self) {
        if let Some((mut outer, depth)) = self.outer.take() {
            if self.frames.0.len() > depth {
                self.outer = Some((outer, depth));
            } else if let Some(inner) = self.writer.take() {
                outer.opaque(&inner.finish(&mut Edits::new()));
                self.writer = Some(outer);
            }
        }
    }

    /// Writes the text so far; between elements, white space is not text.
    fn flush(&mut self, between: bool) {
        let text = mem::take(&mut self.pending);
        let is_space = || text.bytes().all(|octet| octet.is_ascii_whitespace());
        if text.is_empty() || between && is_space() {
            return;
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        let range = writer.text(&text);
        // That of the document itself: elements of another one may stand in `Data`.
        let is_own =
            self.frames.local(1) == "SyncHdr" || self.frames.0.len() == 2 || self.outer.is_some();
        if is_own && self.frames.local(0) == "VerDTD" {
            writer.version = match text.trim() {
                "1.0" => Version::V1_0,
                "1.1" => Version::V1_1,
                _ => Version::V1_2,
            };
        }
        if self.outer.is_none() {
            self.frames.note(&text, range);
        }
    }
}

impl DocumentType {
    /// Whether it stands inside the `Data` of SyncML.
    const fn is_embeddable(self) -> bool {
        matches!(self, Self::DevInf | Self::DmDdf)
    }
}

fn check_size(
    encoding: Encoding,
    octets: &Bytes,
    options: &ConvertOptions,
) -> Result<(), DecodeError> {
    let limit = options.limits.message_size;
    let size = octets.len();
    if size <= limit {
        return Ok(());
    }
    let kind = DecodeErrorKind::TooLarge { size, limit };
    Err(DecodeError::new(encoding, limit, String::new(), kind))
}
