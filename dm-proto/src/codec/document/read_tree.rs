//! Octets into a [`Document`].

use alloc::{borrow::Cow, string::String, vec::Vec};

use bytes::Bytes;

use super::{
    Document, DocumentOptions, DocumentType,
    read::{self, Reader},
};
#[cfg(feature = "xml")]
use crate::codec::{
    Mode, ToleranceKind,
    event::{Event, Source as _, Tag},
    xml::{Input, Reader as XmlReader},
};
use crate::{
    DecodeError, DecodeErrorKind, Fragment, Name, Piece,
    codec::{Encoding, Tolerance, event::Fault, tags},
    error::excerpt,
    text::INLINE,
};

pub(super) fn read(
    encoding: Encoding,
    octets: &Bytes,
    options: &DocumentOptions,
) -> Result<Document, DecodeError> {
    super::check_size(encoding, octets, &options.limits)?;
    let mut tree = Tree::new(octets, options);
    match encoding {
        Encoding::Wbxml => match tree.read_wbxml(octets) {
            Ok((document, odd)) => tree.finish(document, odd),
            Err(fault) => Err(tree.error(encoding, fault)),
        },
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let input = Input::new(octets, options.limits.memory)
                .map_err(|fault| tree.error(encoding, fault))?;
            match tree.read_xml(&input) {
                Ok((document, mut odd)) => {
                    let mut offsets = input.offsets();
                    for tolerance in &mut odd {
                        tolerance.offset = offsets.offset(tolerance.offset);
                    }
                    tree.finish(document, odd)
                }
                Err(fault) => Err(tree
                    .error(encoding, fault)
                    .with_offset(|offset| input.offsets().offset(offset))),
            }
        }
        #[cfg(not(feature = "xml"))]
        Encoding::Xml => Err(crate::codec::not_built()),
    }
}

/// The type of an XML document, as its root tells.
#[cfg(feature = "xml")]
pub(super) fn root_of_xml(octets: &[u8]) -> Option<DocumentType> {
    // UTF-16 would be copied; a type is not worth more than the text that is there.
    let input = Input::new(octets, octets.len().saturating_mul(2)).ok()?;
    let mut reader = XmlReader::new(&input);
    loop {
        if let Event::Start(tag) = reader.next().ok()? {
            let (namespace, local) = split(tag);
            return DocumentType::from_root(&namespace, &local);
        }
    }
}

/// The document inside markup that stands in `Data`, if it is one. White space between elements means
/// nothing.
pub(super) fn from_markup(
    pieces: &[Piece],
    options: &DocumentOptions,
) -> Result<Option<Document>, DecodeError> {
    let mut rest = pieces
        .iter()
        .enumerate()
        .skip_while(|(_, piece)| is_space(piece));
    let Some((_, Piece::Start(root))) = rest.clone().next() else {
        return Ok(None);
    };
    let told = DocumentType::from_root(&root.namespace, &root.local).or_else(|| {
        // Without a declaration of its own it has the namespace of the message.
        let is_bare = tags::is_syncml(&root.namespace);
        is_bare
            .then(|| DocumentType::from_root("", &root.local))
            .flatten()
    });
    let Some(document) = told.filter(|told| options.document.is_none_or(|one| one == *told)) else {
        return Ok(None);
    };
    let nothing = Bytes::new();
    let mut tree = Tree::new(&nothing, options);
    let done = rest.try_for_each(|(at, piece)| {
        let next = pieces.get(at.saturating_add(1));
        tree.copy(document, piece, next)
    });
    match done {
        Ok(()) if tree.is_whole() => tree.finish(document, Vec::new()).map(Some),
        Ok(()) => Ok(None),
        Err(kind) => Err(tree.error(Encoding::Xml, Fault { offset: 0, kind })),
    }
}

fn is_space(piece: &Piece) -> bool {
    match piece {
        Piece::Text(text) => is_blank(text),
        _ => false,
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_whitespace())
}

#[cfg(feature = "xml")]
fn split(tag: Tag<'_>) -> (Cow<'_, str>, Cow<'_, str>) {
    match tag {
        Tag::Known(element) => (
            Cow::Borrowed(element.namespace()),
            Cow::Borrowed(element.name()),
        ),
        Tag::Foreign(name) => (name.namespace, name.local),
    }
}

/// The namespace that a name means in a document of some type. A name of SyncML, or without a
/// namespace, that the type has is the type's.
pub(super) fn own_namespace<'n>(
    document: DocumentType,
    namespace: &'n str,
    local: &str,
) -> &'n str {
    if document != DocumentType::SyncMl
        && tags::is_syncml(namespace)
        && document.token("", local).is_some()
    {
        document.namespace()
    } else {
        namespace
    }
}

/// A document that is being read.
struct Tree<'o> {
    octets: &'o Bytes,
    options: &'o DocumentOptions,
    pieces: Fragment,
    /// The places of the open elements, and whether they have child elements.
    open: Vec<(usize, bool)>,
    count: usize,
    left: usize,
}

impl<'o> Tree<'o> {
    fn new(octets: &'o Bytes, options: &'o DocumentOptions) -> Self {
        Self {
            octets,
            options,
            pieces: Fragment::EMPTY,
            open: Vec::new(),
            count: 0,
            left: options.limits.memory,
        }
    }

    /// Takes a piece over; what follows tells whether white space is text.
    fn copy(
        &mut self,
        document: DocumentType,
        piece: &Piece,
        next: Option<&Piece>,
    ) -> Result<(), DecodeErrorKind> {
        if self.is_whole() {
            // Something behind the root.
            if is_space(piece) {
                return Ok(());
            }
            return Err(DecodeErrorKind::UnknownDocument);
        }
        match piece {
            Piece::Start(name) => {
                let namespace = own_namespace(document, &name.namespace, &name.local);
                self.start(namespace, &name.local)
            }
            Piece::Attribute(name, value) => self.attribute(&name.namespace, &name.local, value),
            Piece::Text(text) => {
                let has_child = self.open.last().is_some_and(|open| open.1);
                let between = has_child || matches!(next, Some(Piece::Start(_)));
                self.flush(&mut Cow::Borrowed(text), between)
            }
            Piece::Opaque(octets) => self.push(Piece::Opaque(octets.clone())),
            Piece::End => self.end(),
        }
    }

    /// Whether there is an element, and none is open.
    fn is_whole(&self) -> bool {
        self.count > 0 && self.open.is_empty()
    }

    fn finish(self, document: DocumentType, odd: Vec<Tolerance>) -> Result<Document, DecodeError> {
        // Both readers balance starts and ends; what is left is more than 2^32 pieces.
        Document::from_fragment(document, self.pieces)
            .map(|document| document.with_tolerances(odd))
            .map_err(|_| {
                let limit = self.options.limits.memory;
                let kind = DecodeErrorKind::TooMuchMemory { limit };
                DecodeError::new(Encoding::Xml, 0, String::new(), kind)
            })
    }

    fn read_wbxml(&mut self, octets: &Bytes) -> Result<(DocumentType, Vec<Tolerance>), Fault> {
        let options = self.options;
        let mut reader = Reader::new(octets, options.document, options.mode, self.left)?;
        let mut text: Cow<'_, str> = Cow::Borrowed("");
        loop {
            let piece = reader.next()?;
            let fault = |kind| Fault {
                offset: reader.offset(),
                kind,
            };
            match piece {
                read::Piece::Text(more) => self.append(&mut text, more).map_err(fault)?,
                read::Piece::Char(character) => {
                    let mut octets = [0; 4];
                    self.append_owned(&mut text, character.encode_utf8(&mut octets))
                        .map_err(fault)?;
                }
                read::Piece::Opaque(opaque) => {
                    self.flush(&mut text, false).map_err(fault)?;
                    let opaque = self.opaque(opaque).map_err(fault)?;
                    self.push(Piece::Opaque(opaque)).map_err(fault)?;
                }
                read::Piece::Start(start) => {
                    self.flush(&mut text, false).map_err(fault)?;
                    self.start(start.space.as_str(), &start.local)
                        .map_err(fault)?;
                    for attribute in &start.attributes {
                        self.attribute(&attribute.namespace, &attribute.local, &attribute.value)
                            .map_err(fault)?;
                    }
                }
                read::Piece::End => {
                    self.flush(&mut text, false).map_err(fault)?;
                    self.end().map_err(fault)?;
                    if self.open.is_empty() {
                        break;
                    }
                }
            }
        }
        reader.finish()?;
        Ok((reader.document, reader.odd))
    }

    #[cfg(feature = "xml")]
    fn read_xml(&mut self, input: &Input<'_>) -> Result<(DocumentType, Vec<Tolerance>), Fault> {
        let mut reader = XmlReader::new(input);
        let mut document = None;
        let mut is_bare = false;
        let mut odd = Vec::new();
        let mut text: Cow<'_, str> = Cow::Borrowed("");
        loop {
            let event = reader.next()?;
            let fault = |kind| Fault {
                offset: reader.offset(),
                kind,
            };
            match event {
                // Of the root, which comes next; some types have none.
                Event::Odd(ToleranceKind::MissingNamespace) => is_bare = true,
                Event::Odd(kind) => self.note(&mut odd, reader.offset(), kind).map_err(fault)?,
                Event::Text(more) => self.append(&mut text, more).map_err(fault)?,
                Event::Char(character) => {
                    let mut octets = [0; 4];
                    self.append_owned(&mut text, character.encode_utf8(&mut octets))
                        .map_err(fault)?;
                }
                Event::Opaque(_) => {}
                Event::Attribute(name, value) => self
                    .attribute(&name.namespace, &name.local, &value)
                    .map_err(fault)?,
                Event::Start(tag) => {
                    self.flush(&mut text, true).map_err(fault)?;
                    let (namespace, local) = split(tag);
                    let document = match document {
                        Some(document) => document,
                        None => {
                            let root = DocumentType::from_root(&namespace, &local);
                            let told = self
                                .options
                                .document
                                .or(root)
                                .ok_or_else(|| fault(DecodeErrorKind::UnknownDocument))?;
                            if is_bare && !told.namespace().is_empty() {
                                let kind = ToleranceKind::MissingNamespace;
                                self.note(&mut odd, reader.offset(), kind).map_err(fault)?;
                            }
                            document = Some(told);
                            told
                        }
                    };
                    let namespace = own_namespace(document, &namespace, &local);
                    self.start(namespace, &local).map_err(fault)?;
                }
                Event::End => {
                    let has_child = self.open.last().is_some_and(|open| open.1);
                    self.flush(&mut text, has_child).map_err(fault)?;
                    self.end().map_err(fault)?;
                    if self.open.is_empty() {
                        break;
                    }
                }
            }
        }
        if let Some(kind) = reader.finish()? {
            let fault = |kind| Fault {
                offset: reader.offset(),
                kind,
            };
            self.note(&mut odd, reader.offset(), kind).map_err(fault)?;
        }
        let document = document.ok_or(Fault {
            offset: reader.offset(),
            kind: DecodeErrorKind::NoRoot,
        })?;
        Ok((document, odd))
    }

    #[cfg(feature = "xml")]
    fn note(
        &mut self,
        odd: &mut Vec<Tolerance>,
        offset: usize,
        kind: ToleranceKind,
    ) -> Result<(), DecodeErrorKind> {
        if self.options.mode == Mode::Strict {
            return Err(DecodeErrorKind::Strict(kind));
        }
        self.charge(size_of::<[Tolerance; 2]>())?;
        odd.push(Tolerance { offset, kind });
        Ok(())
    }

    fn start(&mut self, namespace: &str, local: &str) -> Result<(), DecodeErrorKind> {
        let limit = self.options.limits.depth;
        if self.open.len() >= limit {
            return Err(DecodeErrorKind::TooDeep { limit });
        }
        if let Some(parent) = self.open.last_mut() {
            parent.1 = true;
        }
        self.charge_text(namespace)?;
        self.charge_text(local)?;
        self.open.push((self.count, false));
        self.push(Piece::Start(Name::new(namespace, local)))
    }

    fn attribute(
        &mut self,
        namespace: &str,
        local: &str,
        value: &str,
    ) -> Result<(), DecodeErrorKind> {
        self.charge_text(namespace)?;
        self.charge_text(local)?;
        self.charge_text(value)?;
        self.push(Piece::Attribute(Name::new(namespace, local), value.into()))
    }

    fn end(&mut self) -> Result<(), DecodeErrorKind> {
        self.open.pop();
        self.push(Piece::End)
    }

    /// Octets, shared with the input where they are many, so that a few never keep all of it alive.
    fn opaque(&mut self, octets: &[u8]) -> Result<Bytes, DecodeErrorKind> {
        const SHARED: usize = 1024;
        if octets.len() >= SHARED {
            return Ok(self.octets.slice_ref(octets));
        }
        self.charge(octets.len())?;
        Ok(Bytes::copy_from_slice(octets))
    }

    fn append<'t>(
        &mut self,
        text: &mut Cow<'t, str>,
        more: Cow<'t, str>,
    ) -> Result<(), DecodeErrorKind> {
        match more {
            Cow::Borrowed(more) if text.is_empty() => {
                *text = Cow::Borrowed(more);
                Ok(())
            }
            more => self.append_owned(text, &more),
        }
    }

    fn append_owned(&mut self, text: &mut Cow<'_, str>, more: &str) -> Result<(), DecodeErrorKind> {
        // Twice, since it grows by doubling.
        if let Cow::Borrowed(text) = text {
            self.charge(text.len().saturating_mul(2))?;
        }
        self.charge(more.len().saturating_mul(2))?;
        text.to_mut().push_str(more);
        Ok(())
    }

    /// Stores the text so far; between elements of XML, white space is not text.
    fn flush(&mut self, text: &mut Cow<'_, str>, between: bool) -> Result<(), DecodeErrorKind> {
        let text = core::mem::take(text);
        if text.is_empty() || between && is_blank(&text) {
            return Ok(());
        }
        self.charge_text(&text)?;
        self.push(Piece::Text(match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }))
    }

    fn push(&mut self, piece: Piece) -> Result<(), DecodeErrorKind> {
        // Twice, since the list grows by doubling; and the place of its end.
        self.charge(size_of::<[Piece; 2]>().saturating_add(size_of::<u32>()))?;
        self.count = self.count.saturating_add(1);
        self.pieces.push(piece);
        Ok(())
    }

    fn charge_text(&mut self, text: &str) -> Result<(), DecodeErrorKind> {
        if text.len() > INLINE {
            self.charge(text.len())?;
        }
        Ok(())
    }

    fn charge(&mut self, octets: usize) -> Result<(), DecodeErrorKind> {
        let limit = self.options.limits.memory;
        self.left = self
            .left
            .checked_sub(octets)
            .ok_or(DecodeErrorKind::TooMuchMemory { limit })?;
        Ok(())
    }

    fn error(&self, encoding: Encoding, fault: Fault) -> DecodeError {
        let mut path = String::new();
        for &(at, _) in &self.open {
            if let Some(Piece::Start(name)) = self.pieces.pieces().get(at) {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(&excerpt(&name.local));
            }
        }
        DecodeError::new(encoding, fault.offset, path, fault.kind)
    }
}
