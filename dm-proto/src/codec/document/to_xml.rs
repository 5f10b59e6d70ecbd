//! WBXML into XML.

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};
use core::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    ConvertOptions, Converted, DocumentType, Space, Standard,
    convert::{Embedded, Holder, Holders, with_suffix},
    read::{Mark, Piece, Reader, Start, Step},
    tables::Local,
    write::Edits,
    xml::{self, Unfit},
};
use crate::{
    DecodeError, DecodeErrorKind,
    codec::{Encoding, ToleranceKind, event::Fault},
    error::excerpt,
};

pub(super) fn convert(octets: &Bytes, options: &ConvertOptions) -> Result<Converted, DecodeError> {
    let limit = options.limits.memory;
    let failed =
        |fault: Fault, path| DecodeError::new(Encoding::Wbxml, fault.offset, path, fault.kind);
    let mut reader = Reader::new(octets, options.document, options.mode, limit)
        .map_err(|fault| failed(fault, String::new()))?;
    // XML is two to three times as long where there are many elements; what is long is mostly text.
    let expected = match octets.len() {
        length @ ..0x8000 => length.saturating_mul(5) / 2,
        length => length.saturating_mul(5) / 4,
    };
    let mut to = ToXml {
        options,
        limit,
        writer: xml::Writer::new(options.indent, limit, expected),
        holders: Holders::default(),
        edits: Edits::new(),
        data: None,
        base: 0,
        is_inside: false,
        bin: None,
    };
    let done = to.document(&mut reader).and_then(|()| reader.finish());
    let out = match done {
        Ok(()) => to.finish(),
        Err(fault) => {
            let path = to
                .writer
                .locals()
                .map(excerpt)
                .collect::<Vec<_>>()
                .join("/");
            return Err(failed(fault, path));
        }
    };
    let out = out.map_err(|kind| {
        let offset = octets.len();
        failed(Fault { offset, kind }, String::new())
    })?;
    Ok(Converted {
        octets: out.into(),
        document: reader.document,
        tolerances: reader.odd,
    })
}

type Result<T, E = Fault> = core::result::Result<T, E>;

struct ToXml<'i, 'o> {
    options: &'o ConvertOptions,
    limit: usize,
    writer: xml::Writer<'i>,
    /// Of SyncML only.
    holders: Holders,
    edits: Edits,
    /// The `Data` that is open, while all that came of it is text.
    data: Option<DataStart<'i>>,
    /// The depth at which the document begins.
    base: usize,
    /// Whether it is one inside another.
    is_inside: bool,
    /// The depth of the node whose Format is `bin`.
    bin: Option<usize>,
}

/// Where a `Data` began, in what is read and written.
struct DataStart<'i> {
    from: Mark<'i>,
    to: xml::Place,
}

impl<'i> ToXml<'i, '_> {
    /// Writes the document that the reader reads, up to the end of its root.
    fn document(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        loop {
            match reader.step() {
                Step::Leaf(space, local, text) => {
                    self.leaf(reader, space, local, text)?;
                    continue;
                }
                Step::Start(space, local) => {
                    self.start(reader, Space::Standard(space), Cow::Borrowed(local.name))?;
                    self.started(reader)?;
                }
                Step::End => self.end(reader)?,
                Step::Other => self.piece(reader)?,
            }
            if self.writer.depth() == self.base {
                return Ok(());
            }
        }
    }

    fn piece(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        let piece = reader.next()?;
        // What both need stays within one limit.
        let spent = self.writer.charge(reader.spent());
        self.fit(reader, spent)?;
        match piece {
            Piece::Start(start) => {
                let Start {
                    space,
                    local,
                    attributes,
                } = start;
                if !is_representable(space.as_str()) {
                    return Err(fault(reader, DecodeErrorKind::NotRepresentable));
                }
                self.start(reader, space, local)?;
                for (number, attribute) in attributes.iter().enumerate() {
                    let is_fit = is_representable(&attribute.value)
                        && is_representable(&attribute.namespace);
                    let written = if is_fit {
                        self.writer.attribute(
                            number,
                            &attribute.namespace,
                            &attribute.local,
                            &attribute.value,
                        )
                    } else {
                        Err(Unfit::NotRepresentable)
                    };
                    self.fit(reader, written)?;
                }
                self.started(reader)
            }
            Piece::Text(text) => self.text(reader, &text),
            Piece::Char(character) => {
                let mut octets = [0; 4];
                let text: &str = character.encode_utf8(&mut octets);
                self.text(reader, text)
            }
            Piece::Opaque(octets) => self.opaque(reader, octets),
            Piece::End => self.end(reader),
        }
    }

    /// Whether what is open belongs to SyncML itself.
    fn is_syncml(&self, reader: &Reader<'i>) -> bool {
        reader.document == DocumentType::SyncMl && !self.is_inside
    }

    #[inline(always)]
    fn leaf(
        &mut self,
        reader: &mut Reader<'i>,
        space: Standard,
        local: &'static Local,
        text: &'i str,
    ) -> Result<()> {
        let depth = self.writer.depth();
        self.check_depth(reader, depth)?;
        let place = self.writer.place();
        let is_metinf = space == Standard::MetInf;
        match self.writer.leaf(space, local, text) {
            Ok(range) => {
                if is_metinf
                    && matches!(local.name, "Format" | "Type")
                    && self.is_syncml(reader)
                    && self.writer.local(0) == "Meta"
                {
                    self.holders.note(1, local.name, range);
                }
                Ok(())
            }
            // As Base64, if it is in `Data`.
            Err(Unfit::NotRepresentable) => {
                self.writer.back_to(place);
                self.start(reader, Space::Standard(space), Cow::Borrowed(local.name))?;
                if !self.takes_base64(reader) {
                    return Err(fault(reader, DecodeErrorKind::NotRepresentable));
                }
                self.base64(reader, text.as_bytes())?;
                self.end(reader)
            }
            Err(unfit) => self.fit(reader, Err(unfit)),
        }
    }

    fn start(&mut self, reader: &Reader<'i>, space: Space<'i>, local: Cow<'i, str>) -> Result<()> {
        let depth = self.writer.depth();
        self.check_depth(reader, depth)?;
        if reader.document == DocumentType::DmDdf {
            self.note_format(&local, depth);
        }
        let at = self.writer.start(space, local);
        let at = self.fit(reader, at)?;
        if self.is_syncml(reader) {
            self.holders.push(at, 0);
        }
        Ok(())
    }

    /// What follows from the element that just began, with its attributes.
    fn started(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        if !self.is_syncml(reader) {
            return Ok(());
        }
        match self.writer.local(0) {
            "Meta" => {
                let content = self.writer.content();
                let content = self.fit(reader, content)?;
                self.holders.note_meta(content);
            }
            "Item" => {
                if let Some(command) = self.holders.up_mut(1) {
                    command.items = command.items.saturating_add(1);
                }
            }
            "Data" => return self.data(reader),
            _ => {}
        }
        Ok(())
    }

    /// A `Data` began.
    fn data(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        self.data = None;
        if self.options.embedded {
            let from = reader.place();
            if let Some(octets) = reader.next_opaque() {
                if self.embed(reader, octets)? {
                    return Ok(());
                }
                reader.rewind(&from);
            }
        }
        self.data = Some(DataStart {
            from: reader.place(),
            to: self.writer.place(),
        });
        Ok(())
    }

    fn end(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        if self.is_syncml(reader)
            && let Some(holder) = self.holders.pop()
            && !holder.embedded.is_empty()
        {
            let changed = self.change_types(&holder);
            self.fit(reader, changed)?;
        }
        let ended = self.writer.end();
        self.fit(reader, ended)
    }

    fn text(&mut self, reader: &mut Reader<'i>, text: &str) -> Result<()> {
        match self.writer.text(text) {
            Ok(range) => {
                if self.is_syncml(reader) && self.writer.local(1) == "Meta" {
                    self.holders.note(2, self.writer.local(0), range);
                }
                Ok(())
            }
            Err(Unfit::NotRepresentable) => self.all_base64(reader),
            Err(unfit) => self.fit(reader, Err(unfit)),
        }
    }

    fn opaque(&mut self, reader: &mut Reader<'i>, octets: &'i [u8]) -> Result<()> {
        let is_data = self.is_syncml(reader) && self.writer.local(0) == "Data";
        if is_data && self.is_binary() && self.takes_base64(reader) {
            return self.all_base64(reader);
        }
        if self.bin.is_some() && self.is_value_of_bin() {
            let written = self.write_base64(octets);
            return self.fit(reader, written);
        }
        match core::str::from_utf8(octets) {
            Ok(text) if is_representable(text) => {
                if reader.document != DocumentType::DmDdf
                    && let Some(element) = reader.element()
                {
                    reader.note(ToleranceKind::OpaqueString { element })?;
                }
                self.text(reader, text)
            }
            _ => self.all_base64(reader),
        }
    }

    /// Whether Format or Type of the open `Data` say that it is octets.
    fn is_binary(&self) -> bool {
        let text = |range: Option<&Range<usize>>| {
            range
                .and_then(|range| self.writer.out.get(range.clone()))
                .unwrap_or_default()
                .trim_ascii()
        };
        text(self.holders.data_format()) == b"bin"
            || text(self.holders.data_type()).ends_with(b"wbxml")
    }

    /// Whether the innermost element is a `Data` whose Format can say that it is Base64.
    fn takes_base64(&self, reader: &Reader<'i>) -> bool {
        self.is_syncml(reader)
            && self.writer.local(0) == "Data"
            && matches!(self.writer.local(1), "Item" | "Cred")
    }

    /// Writes the whole of the open `Data` as Base64, since XML has no form for a piece of it.
    fn all_base64(&mut self, reader: &mut Reader<'i>) -> Result<()> {
        let depth = self.writer.depth();
        let not = |reader: &Reader<'i>| fault(reader, DecodeErrorKind::NotRepresentable);
        if !self.takes_base64(reader) {
            return Err(not(reader));
        }
        let Some(start) = self.data.take().filter(|start| start.to.depth == depth) else {
            return Err(not(reader));
        };
        // What was written of it may be long; it is read again instead of being kept.
        self.writer.back_to(start.to);
        reader.back_to(&start.from);
        let mut chunks = Chunks::default();
        loop {
            match reader.next()? {
                Piece::Text(text) => self.chunks(reader, &mut chunks, text.as_bytes())?,
                Piece::Char(character) => {
                    let mut octets = [0; 4];
                    let text: &str = character.encode_utf8(&mut octets);
                    self.chunks(reader, &mut chunks, text.as_bytes())?;
                }
                Piece::Opaque(octets) => self.chunks(reader, &mut chunks, octets)?,
                Piece::Start(_) => return Err(not(reader)),
                Piece::End => break,
            }
        }
        let rest = chunks.rest();
        let written = self.write_base64(rest).and_then(|()| self.say_base64());
        self.fit(reader, written)?;
        self.end(reader)
    }

    fn chunks(&mut self, reader: &Reader<'i>, chunks: &mut Chunks, octets: &[u8]) -> Result<()> {
        let mut octets = octets;
        while let Some((whole, rest)) = chunks.take(octets) {
            let written = self.write_base64(whole.as_slice());
            self.fit(reader, written)?;
            octets = rest;
        }
        Ok(())
    }

    /// Writes the content of the open `Data` as Base64, and says so in its Format.
    fn base64(&mut self, reader: &Reader<'i>, octets: &[u8]) -> Result<()> {
        let written = self.write_base64(octets).and_then(|()| self.say_base64());
        self.fit(reader, written)
    }

    fn write_base64(&mut self, octets: &[u8]) -> Result<(), Unfit> {
        let mut buffer = [0; 4096];
        for chunk in octets.chunks(3072) {
            let length = STANDARD
                .encode_slice(chunk, &mut buffer)
                .map_err(|_| Unfit::Full)?;
            self.writer
                .plain(buffer.get(..length).unwrap_or_default())?;
        }
        Ok(())
    }

    fn say_base64(&mut self) -> Result<(), Unfit> {
        const FORMAT: &[u8] = b"<Format xmlns=\"syncml:metinf\">b64</Format>";
        let (Some(data), Some(holder)) = (self.holders.up(0), self.holders.up(1)) else {
            return Ok(());
        };
        let (range, text) = if let Some(format) = &holder.format {
            (format.clone(), b"b64".to_vec())
        } else if let Some(meta) = holder.meta {
            (meta..meta, FORMAT.to_vec())
        } else {
            // A Meta of its own takes the place of the command's, so it has to be complete.
            let type_ = self.holders.up(2).and_then(|command| command.type_.clone());
            let at = data.at;
            let mut meta = b"<Meta>".to_vec();
            meta.extend_from_slice(FORMAT);
            if let Some(type_) = type_ {
                self.writer.charge(type_.len())?;
                meta.extend_from_slice(&element("Type", self.text_at(&type_)));
            }
            meta.extend_from_slice(b"</Meta>");
            (at..at, meta)
        };
        self.edit(range, &text)
    }

    /// Writes a document inside `Data` as elements; what cannot be read stays octets.
    fn embed(&mut self, reader: &mut Reader<'i>, octets: &'i [u8]) -> Result<bool> {
        let Some(type_) = self.holders.data_type().cloned() else {
            return Ok(false);
        };
        let text = self.text_at(&type_).trim_ascii();
        if !text.ends_with(b"+wbxml") {
            return Ok(false);
        }
        let hint = core::str::from_utf8(text)
            .ok()
            .and_then(DocumentType::from_media_type)
            .filter(|document| document.is_embeddable());
        let place = self.writer.place();
        match self.inside(reader, octets, hint) {
            Ok(()) => {}
            Err(kind @ DecodeErrorKind::TooMuchMemory { .. }) => return Err(fault(reader, kind)),
            Err(kind) => {
                self.writer.back_to(place);
                let reason = Box::new(kind);
                reader.note(ToleranceKind::UnreadableDocument { reason })?;
                return Ok(false);
            }
        }
        let is_own = self
            .holders
            .up(1)
            .is_some_and(|item| item.type_.as_ref() == Some(&type_));
        let changed = if is_own {
            self.change_type(type_)
        } else {
            self.keep_for_later()
        };
        self.fit(reader, changed)?;
        Ok(true)
    }

    /// Converts a document inside, with a depth of its own and what is left of the limit.
    fn inside(
        &mut self,
        reader: &mut Reader<'i>,
        octets: &'i [u8],
        hint: Option<DocumentType>,
    ) -> Result<(), DecodeErrorKind> {
        let kind = |fault: Fault| fault.kind;
        let mut inner = Reader::new(octets, hint, self.options.mode, self.limit).map_err(kind)?;
        if !inner.document.is_embeddable() {
            return Err(DecodeErrorKind::UnknownDocument);
        }
        let indent = core::mem::replace(&mut self.writer.indent, false);
        let base = core::mem::replace(&mut self.base, self.writer.depth());
        let data = self.data.take();
        self.is_inside = true;
        let done = self.document(&mut inner).and_then(|()| inner.finish());
        self.is_inside = false;
        self.data = data;
        self.base = base;
        self.writer.indent = indent;
        self.writer.keep_end();
        done.map_err(kind)?;
        reader.take_notes(inner.odd, octets.len()).map_err(kind)
    }

    /// The Type of a document that is elements now.
    fn change_type(&mut self, range: Range<usize>) -> Result<(), Unfit> {
        self.writer.charge(range.len())?;
        match with_suffix(self.text_at(&range), "+wbxml", "+xml") {
            Some(text) => self.edit(range, text.as_bytes()),
            None => Ok(()),
        }
    }

    /// Leaves the Type to the end of the command, whose `Meta` has it.
    fn keep_for_later(&mut self) -> Result<(), Unfit> {
        self.writer.charge(size_of::<[Embedded; 2]>())?;
        let (Some(data), Some(item)) = (self.holders.up(0), self.holders.up(1)) else {
            return Ok(());
        };
        let embedded = Embedded {
            data: data.at,
            page: 0,
            format: item.format.clone(),
            meta: item.meta,
        };
        if let Some(command) = self.holders.up_mut(2) {
            command.embedded.push(embedded);
        }
        Ok(())
    }

    /// Changes the Type that stands in a command, if it holds for documents only, or else gives one to
    /// each item that has a document.
    fn change_types(&mut self, command: &Holder) -> Result<(), Unfit> {
        let Some(type_) = command.type_.clone() else {
            return Ok(());
        };
        if command.embedded.len() == command.items {
            return self.change_type(type_);
        }
        for item in &command.embedded {
            self.writer.charge(type_.len())?;
            let Some(text) = with_suffix(self.text_at(&type_), "+wbxml", "+xml") else {
                continue;
            };
            let type_element = element("Type", text.as_bytes());
            match (&item.format, item.meta) {
                (Some(format), _) => {
                    let at = format.end.saturating_add("</Format>".len());
                    self.edit(at..at, &type_element)?;
                }
                (None, Some(meta)) => self.edit(meta..meta, &type_element)?,
                (None, None) => {
                    let mut meta = b"<Meta>".to_vec();
                    if let Some(format) = command.format.clone() {
                        self.writer.charge(format.len())?;
                        meta.extend_from_slice(&element("Format", self.text_at(&format)));
                    }
                    meta.extend_from_slice(&type_element);
                    meta.extend_from_slice(b"</Meta>");
                    self.edit(item.data..item.data, &meta)?;
                }
            }
        }
        Ok(())
    }

    fn edit(&mut self, range: Range<usize>, text: &[u8]) -> Result<(), Unfit> {
        self.writer.charge(text.len().saturating_add(128))?;
        self.edits.replace(range, text);
        Ok(())
    }

    fn text_at(&self, range: &Range<usize>) -> &[u8] {
        self.writer.out.get(range.clone()).unwrap_or_default()
    }

    /// Remembers the node whose Format is `bin`, which comes before its value.
    fn note_format(&mut self, local: &str, depth: usize) {
        match local {
            "Node" => self.bin = None,
            // MgmtTree/Node/RTProperties/Format/bin
            "bin" if self.writer.local(0) == "Format" && self.writer.local(1) == "RTProperties" => {
                self.bin = depth.checked_sub(3);
            }
            _ => {}
        }
    }

    fn is_value_of_bin(&self) -> bool {
        // The node, whose depth this is before it began, and the value are open.
        self.writer.local(0) == "Value" && self.bin == self.writer.depth().checked_sub(2)
    }

    fn check_depth(&self, reader: &Reader<'i>, depth: usize) -> Result<()> {
        let limit = self.options.limits.depth;
        if depth.saturating_sub(self.base) >= limit {
            return Err(fault(reader, DecodeErrorKind::TooDeep { limit }));
        }
        Ok(())
    }

    #[inline(always)]
    fn fit<T>(&self, reader: &Reader<'i>, written: Result<T, Unfit>) -> Result<T> {
        written.map_err(|unfit| fault(reader, self.kind_of(unfit)))
    }

    #[cold]
    fn kind_of(&self, unfit: Unfit) -> DecodeErrorKind {
        match unfit {
            Unfit::Full => DecodeErrorKind::TooMuchMemory { limit: self.limit },
            Unfit::NotRepresentable => DecodeErrorKind::NotRepresentable,
            Unfit::Namespace => DecodeErrorKind::InvalidNamespace,
            Unfit::TooManyNamespaces => DecodeErrorKind::TooManyNamespaces {
                limit: xml::MAX_PREFIXES,
            },
        }
    }

    fn finish(mut self) -> Result<Vec<u8>, DecodeErrorKind> {
        if self.edits.is_empty() {
            return Ok(self.writer.out);
        }
        let length = self.edits.length_of(self.writer.out.len());
        if length > self.limit {
            return Err(self.kind_of(Unfit::Full));
        }
        let mut out = Vec::with_capacity(length);
        self.edits.apply(&self.writer.out, &mut out);
        Ok(out)
    }
}

/// Groups of three octets, from octets that come in pieces.
#[derive(Default)]
struct Chunks {
    kept: [u8; 2],
    count: usize,
}

/// Octets in whole groups.
enum Whole<'c> {
    Joined([u8; 3]),
    Slice(&'c [u8]),
}

impl Whole<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Joined(octets) => octets,
            Self::Slice(octets) => octets,
        }
    }
}

impl Chunks {
    /// Whole groups from what was kept and these octets, and the octets behind them. What makes no
    /// group is kept.
    fn take<'c>(&mut self, octets: &'c [u8]) -> Option<(Whole<'c>, &'c [u8])> {
        if self.count > 0 {
            let (first, rest) = octets.split_first()?;
            let [one, other] = self.kept;
            if self.count == 2 {
                self.count = 0;
                return Some((Whole::Joined([one, other, *first]), rest));
            }
            let Some((second, rest)) = rest.split_first() else {
                self.kept = [one, *first];
                self.count = 2;
                return None;
            };
            self.count = 0;
            return Some((Whole::Joined([one, *first, *second]), rest));
        }
        let (groups, rest) = octets.as_chunks::<3>();
        match rest {
            [one] => (self.kept, self.count) = ([*one, 0], 1),
            [one, other] => (self.kept, self.count) = ([*one, *other], 2),
            _ => {}
        }
        if groups.is_empty() {
            return None;
        }
        Some((Whole::Slice(groups.as_flattened()), &[]))
    }

    /// What makes no whole group.
    fn rest(&self) -> &[u8] {
        self.kept.get(..self.count).unwrap_or_default()
    }
}

/// An element of MetInf with text that is escaped already.
fn element(local: &str, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [
        b"<",
        local.as_bytes(),
        b" xmlns=\"syncml:metinf\">",
        text,
        b"</",
        local.as_bytes(),
        b">",
    ] {
        out.extend_from_slice(part);
    }
    out
}

fn is_representable(text: &str) -> bool {
    crate::codec::event::unrepresentable(text).is_none()
}

#[cold]
fn fault(reader: &Reader<'_>, kind: DecodeErrorKind) -> Fault {
    Fault {
        offset: reader.offset(),
        kind,
    }
}
