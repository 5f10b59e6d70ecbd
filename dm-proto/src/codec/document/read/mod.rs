//! WBXML octets into pieces of any document type.

#[cfg(feature = "xml")]
mod stream;

use alloc::{borrow::Cow, format, string::String, vec::Vec};

#[cfg(feature = "xml")]
pub(super) use self::stream::{Mark, Step};
use super::{DocumentType, Space, Version, by_name, by_number};
use crate::{
    DecodeErrorKind,
    codec::{
        Mode, Tolerance, ToleranceKind,
        event::{Fault, is_name},
        tags,
        wbxml::{
            UNKNOWN_TOKENS,
            integer::{Broken, mb_u_int32},
            token,
        },
    },
    error::excerpt,
};

/// One step through a document.
pub(super) enum Piece<'i> {
    Start(Start<'i>),
    Text(Cow<'i, str>),
    Char(char),
    Opaque(&'i [u8]),
    End,
}

/// An element that begins.
pub(super) struct Start<'i> {
    pub(super) space: Space<'i>,
    pub(super) local: Cow<'i, str>,
    pub(super) attributes: Vec<Attribute<'i>>,
}

/// An attribute; the namespace is empty where there is none.
pub(super) struct Attribute<'i> {
    pub(super) namespace: Cow<'i, str>,
    pub(super) local: Cow<'i, str>,
    pub(super) value: Cow<'i, str>,
}

/// Reads a document, whose type the header says or the caller.
#[derive(Clone)]
pub(super) struct Reader<'i> {
    pub(super) document: DocumentType,
    pub(super) version: Version,
    /// What broke the letter so far.
    pub(super) odd: Vec<Tolerance>,
    mode: Mode,
    rest: &'i [u8],
    /// The part of the body up to the first octet that is not UTF-8: its strings are checked already.
    checked: &'i str,
    /// What was left of the body where `checked` begins.
    checked_from: usize,
    length: usize,
    last: usize,
    charset: Charset,
    table: &'i [u8],
    page: u8,
    attribute_page: u8,
    /// Whether the tag page was switched just before this token.
    switched: bool,
    /// Page and token of the open elements.
    open: Vec<(u8, u8)>,
    is_empty: bool,
    /// What may still be copied, and kept about what is odd.
    budget: usize,
    limit: usize,
    /// What was left of the budget when the caller asked last.
    #[cfg(feature = "xml")]
    reported: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Charset {
    Utf8,
    Ascii,
    Latin1,
}

type Result<T> = core::result::Result<T, Fault>;

impl<'i> Reader<'i> {
    /// Reads the header. `limit` bounds what is copied and kept.
    pub(super) fn new(
        octets: &'i [u8],
        hint: Option<DocumentType>,
        mode: Mode,
        limit: usize,
    ) -> Result<Self> {
        let mut reader = Self {
            document: DocumentType::SyncMl,
            version: Version::V1_2,
            odd: Vec::new(),
            mode,
            rest: octets,
            checked: "",
            checked_from: 0,
            length: octets.len(),
            last: octets.len(),
            charset: Charset::Utf8,
            table: &[],
            page: 0,
            attribute_page: 0,
            switched: false,
            open: Vec::with_capacity(16),
            is_empty: false,
            budget: limit,
            limit,
            #[cfg(feature = "xml")]
            reported: limit,
        };
        let told = reader.header()?;
        // Who asks for a type gets it: identifiers in the field are often wrong.
        let told = match (hint, told) {
            (Some(hint), Some(told)) if told.0 == hint => Some(told),
            (Some(hint), _) => Some((hint, Version::V1_2)),
            (None, told) => told,
        };
        (reader.document, reader.version) =
            told.ok_or_else(|| reader.fail(DecodeErrorKind::UnknownDocument))?;
        reader.checked_from = reader.rest.len();
        if reader.charset == Charset::Utf8 {
            reader.checked = valid_start(reader.rest);
        }
        if let Some(version) = reader.stated_version() {
            reader.version = version;
        }
        Ok(reader)
    }

    /// The type that the header or, where that says nothing, the root element tells.
    pub(super) fn detect(octets: &'i [u8]) -> Option<DocumentType> {
        let mut reader = Self::new(octets, Some(DocumentType::SyncMl), Mode::Lenient, 0).ok()?;
        reader.rest = octets;
        if let Ok(Some((document, _))) = reader.header() {
            return Some(document);
        }
        let mut page = 0;
        loop {
            match reader.octet().ok()? {
                token::SWITCH_PAGE => page = reader.octet().ok()?,
                token::PI => {
                    reader.attributes().ok()?;
                }
                octet => {
                    let identity = octet & token::IDENTITY;
                    return DocumentType::ALL.iter().copied().find(|document| {
                        document.token(document.namespace(), document.root())
                            == Some((page, identity))
                    });
                }
            }
        }
    }

    /// Reads the header: gives the type that the public identifier means.
    fn header(&mut self) -> Result<Option<(DocumentType, Version)>> {
        let version = self.octet()?;
        if version > 0x0F {
            return Err(self.fail(DecodeErrorKind::UnsupportedVersion { version }));
        }
        if version > 0x03 {
            self.note(ToleranceKind::UnknownVersion { version })?;
        }
        self.mark();
        let at = self.last;
        let id = self.integer()?;
        let named = if id == 0 { Some(self.integer()?) } else { None };
        // WBXML 1.0 has no character set.
        if version != 0 {
            self.mark();
            self.charset = match self.integer()? {
                0 | 106 => Charset::Utf8,
                3 => Charset::Ascii,
                4 => Charset::Latin1,
                mib => return Err(self.fail(DecodeErrorKind::UnsupportedCharset { mib })),
            };
        }
        self.mark();
        self.table = self.counted()?;
        self.last = at;
        Ok(match named {
            Some(offset) => {
                let name = self.entry(offset)?;
                core::str::from_utf8(name).ok().and_then(by_name)
            }
            None => by_number(id),
        })
    }

    /// The version that the document itself says: that counts more than the public identifier.
    ///
    /// OMA-TS-DM_RepPro, `VerDTD`; it is the first element in its parent in every type that has it.
    fn stated_version(&self) -> Option<Version> {
        let header_of_syncml = match self.document {
            DocumentType::SyncMl => 2,
            DocumentType::DevInf => 1,
            _ => return None,
        };
        let mut ahead = Self {
            budget: 1024,
            limit: 1024,
            ..self.clone()
        };
        for _ in 0..header_of_syncml {
            match ahead.next().ok()? {
                Piece::Start(_) => {}
                _ => return None,
            }
        }
        match ahead.next().ok()? {
            Piece::Start(start) if start.local == "VerDTD" => {}
            _ => return None,
        }
        match ahead.next().ok()? {
            Piece::Text(text) => Version::stated(&text),
            Piece::Opaque(octets) => Version::stated(core::str::from_utf8(octets).ok()?),
            _ => None,
        }
    }

    /// The next piece of the root element.
    pub(super) fn next(&mut self) -> Result<Piece<'i>> {
        if self.is_empty {
            self.is_empty = false;
            return Ok(self.end());
        }
        loop {
            self.mark();
            let octet = self.octet()?;
            let switched = core::mem::take(&mut self.switched);
            let in_root = !self.open.is_empty();
            match octet {
                token::SWITCH_PAGE => {
                    self.page = self.octet()?;
                    self.switched = true;
                }
                token::PI => {
                    self.attributes()?;
                }
                token::END if in_root => return Ok(self.end()),
                token::ENTITY if in_root => return Ok(Piece::Char(self.entity()?)),
                token::STR_I | token::STR_T if in_root => {
                    return Ok(Piece::Text(self.string(octet)?));
                }
                token::OPAQUE if in_root => return Ok(Piece::Opaque(self.counted()?)),
                _ if self.extension(octet)? => {}
                _ if octet & token::IDENTITY >= token::LITERAL => {
                    return self.start(octet, switched);
                }
                token::END => return Err(self.fail(DecodeErrorKind::UnmatchedEnd)),
                token::ENTITY | token::STR_I | token::STR_T | token::OPAQUE => {
                    return Err(self.fail(DecodeErrorKind::NoRoot));
                }
                _ => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token: octet })),
            }
        }
    }

    /// Notes octets that follow the root; processing instructions may.
    pub(super) fn finish(&mut self) -> Result<()> {
        loop {
            self.mark();
            match self.rest.split_first() {
                Some((&token::PI, rest)) => {
                    self.rest = rest;
                    self.attributes()?;
                }
                Some(_) => {
                    let count = self.rest.len();
                    return self.note(ToleranceKind::TrailingBytes { count });
                }
                None => return Ok(()),
            }
        }
    }

    /// Where the last piece began.
    pub(super) fn offset(&self) -> usize {
        self.length.saturating_sub(self.last)
    }

    /// Passes over something that breaks the letter, or refuses it.
    #[cold]
    pub(super) fn note(&mut self, kind: ToleranceKind) -> Result<()> {
        if self.mode == Mode::Strict {
            return Err(self.fail(DecodeErrorKind::Strict(kind)));
        }
        self.spend(size_of::<[Tolerance; 2]>())?;
        self.odd.push(Tolerance {
            offset: self.offset(),
            kind,
        });
        Ok(())
    }

    fn start(&mut self, octet: u8, switched: bool) -> Result<Piece<'i>> {
        let identity = octet & token::IDENTITY;
        let is_literal = identity == token::LITERAL;
        let (mut space, local) = if is_literal {
            let (namespace, local) = self.literal()?;
            (Space::new(namespace), Cow::Borrowed(local))
        } else {
            self.known(identity, switched)?
        };
        let mut attributes = Vec::new();
        if octet & token::ATTRIBUTES != 0 {
            attributes = self.attributes()?;
            // Only names that are not in the tables need to say their namespace; declarations that
            // encoders take over from XML without understanding it mean nothing.
            let declared = attributes
                .iter()
                .position(|attribute| attribute.namespace.is_empty() && attribute.local == "xmlns");
            if let Some(at) = declared {
                let attribute = attributes.remove(at);
                if is_literal {
                    space = Space::new(attribute.value);
                }
            }
            attributes.retain(|attribute| attribute.namespace != tags::XMLNS_NAMESPACE);
        }
        self.open.push(if is_literal {
            (u8::MAX, identity)
        } else {
            (self.page, identity)
        });
        self.is_empty = octet & token::CONTENT == 0;
        Ok(Piece::Start(Start {
            space,
            local,
            attributes,
        }))
    }

    /// The element of a token, or a name that stands for the token.
    fn known(&mut self, identity: u8, switched: bool) -> Result<(Space<'i>, Cow<'i, str>)> {
        if !switched
            && let Some(&parent) = self.open.last()
            && self.is_leftover(self.page, parent)
        {
            self.page = tags::PAGE_SYNCML;
            self.note(ToleranceKind::LeftoverPage)?;
        }
        let page = self.page;
        if let Some((space, local)) = self.document.tag(self.version, page, identity) {
            return Ok((Space::Standard(space), Cow::Borrowed(local.name)));
        }
        self.note(ToleranceKind::UnknownToken {
            page,
            token: identity,
        })?;
        let local = Cow::Owned(format!("page{page}-token{identity:02X}"));
        Ok((Space::new(Cow::Borrowed(UNKNOWN_TOKENS)), local))
    }

    /// Whether a page that no switch precedes is left over from a `Meta` or a document in `Data`, as
    /// encoders are known to do.
    #[inline(always)]
    fn is_leftover(&self, page: u8, parent: (u8, u8)) -> bool {
        page != tags::PAGE_SYNCML
            && self.document == DocumentType::SyncMl
            && parent.0 == tags::PAGE_SYNCML
            && !matches!(parent.1, TOKEN_META | TOKEN_DATA)
    }

    fn end(&mut self) -> Piece<'i> {
        self.open.pop();
        Piece::End
    }

    /// Attributes up to their end.
    fn attributes(&mut self) -> Result<Vec<Attribute<'i>>> {
        let mut attributes: Vec<Attribute<'i>> = Vec::new();
        loop {
            self.mark();
            let octet = self.octet()?;
            let piece: Cow<'i, str> = match octet {
                token::END => break,
                token::SWITCH_PAGE => {
                    self.attribute_page = self.octet()?;
                    continue;
                }
                token::LITERAL => {
                    let (namespace, local) = self.literal()?;
                    self.attribute(&mut attributes, namespace, Cow::Borrowed(local), "")?;
                    continue;
                }
                token::ENTITY => {
                    let mut text = String::new();
                    text.push(self.entity()?);
                    Cow::Owned(text)
                }
                token::STR_I | token::STR_T => self.string(octet)?,
                token::OPAQUE => {
                    let octets = self.counted()?;
                    self.decode(octets)?
                }
                _ if self.extension(octet)? => continue,
                _ if octet & 0x80 == 0 => {
                    let page = self.attribute_page;
                    let (namespace, local, prefix) = match self.document.attribute(page, octet) {
                        Some((local, prefix)) => ("", Cow::Borrowed(local), prefix),
                        None => {
                            self.note(ToleranceKind::UnknownToken { page, token: octet })?;
                            let local = format!("page{page}-attribute{octet:02X}");
                            (UNKNOWN_TOKENS, Cow::Owned(local), "")
                        }
                    };
                    self.attribute(&mut attributes, Cow::Borrowed(namespace), local, prefix)?;
                    continue;
                }
                _ => match self.document.value(self.attribute_page, octet) {
                    Some(value) => Cow::Borrowed(value),
                    None => {
                        let page = self.attribute_page;
                        self.note(ToleranceKind::UnknownToken { page, token: octet })?;
                        Cow::Owned(format!("{{page{page}-value{octet:02X}}}"))
                    }
                },
            };
            self.spend(piece.len())?;
            match attributes.last_mut() {
                Some(attribute) if attribute.value.is_empty() => attribute.value = piece,
                Some(attribute) => {
                    // The first time this copies what stands already; and it grows by doubling.
                    if let Cow::Borrowed(value) = attribute.value {
                        self.spend(value.len().saturating_mul(4))?;
                    }
                    self.spend(piece.len().saturating_mul(3))?;
                    attribute.value.to_mut().push_str(&piece);
                }
                None => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token: octet })),
            }
        }
        self.check_repetitions(&attributes)?;
        Ok(attributes)
    }

    fn attribute(
        &mut self,
        attributes: &mut Vec<Attribute<'i>>,
        namespace: Cow<'i, str>,
        local: Cow<'i, str>,
        prefix: &'static str,
    ) -> Result<()> {
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(self.fail(DecodeErrorKind::TooManyAttributes {
                limit: MAX_ATTRIBUTES,
            }));
        }
        self.spend(size_of::<[Attribute<'_>; 2]>())?;
        attributes.push(Attribute {
            namespace,
            local,
            value: Cow::Borrowed(prefix),
        });
        Ok(())
    }

    /// Refuses a name that stands twice, which XML cannot have. By sorting, since comparing each with
    /// each would take quadratic time.
    fn check_repetitions(&self, attributes: &[Attribute<'i>]) -> Result<()> {
        if attributes.len() < 2 {
            return Ok(());
        }
        let mut names: Vec<(&str, &str)> = attributes
            .iter()
            .map(|attribute| (&*attribute.namespace, &*attribute.local))
            .collect();
        names.sort_unstable();
        let twice = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(one.1),
            _ => None,
        });
        match twice {
            Some(name) => Err(self.fail(DecodeErrorKind::DuplicateAttribute {
                name: excerpt(name),
            })),
            None => Ok(()),
        }
    }

    /// Passes over an extension, which none of the types has.
    fn extension(&mut self, octet: u8) -> Result<bool> {
        match octet {
            token::EXT_I_0..=token::EXT_I_2 => {
                self.terminated()?;
            }
            token::EXT_T_0..=token::EXT_T_2 => {
                self.integer()?;
            }
            token::EXT_0..=token::EXT_2 => {}
            _ => return Ok(false),
        }
        self.note(ToleranceKind::ExtensionToken { token: octet })?;
        Ok(true)
    }

    /// The string after a `STR_I` or `STR_T`.
    fn string(&mut self, octet: u8) -> Result<Cow<'i, str>> {
        let octets = if octet == token::STR_T {
            let offset = self.integer()?;
            self.entry(offset)?
        } else {
            self.terminated()?
        };
        self.decode(octets)
    }

    fn terminated(&mut self) -> Result<&'i [u8]> {
        let Some(end) = memchr::memchr(0, self.rest) else {
            return Err(self.cut());
        };
        let (octets, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(octets)
    }

    /// A name from the string table: local, or `{namespace}local`, as our writer puts attributes, or
    /// with a prefix, which is then all that is known of the namespace.
    fn literal(&mut self) -> Result<(Cow<'i, str>, &'i str)> {
        let offset = self.integer()?;
        let octets = self.entry(offset)?;
        let name = core::str::from_utf8(octets)
            .map_err(|_| self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" }))?;
        let parts = match name.strip_prefix('{') {
            Some(name) => name.rsplit_once('}'),
            None => Some(match name.split_once(':') {
                Some(("xmlns", local)) => (tags::XMLNS_NAMESPACE, local),
                Some(parts) => parts,
                None => ("", name),
            }),
        };
        match parts.filter(|(_, local)| is_name(local)) {
            Some((namespace, local)) => Ok((Cow::Borrowed(namespace), local)),
            None => Err(self.fail(DecodeErrorKind::InvalidName {
                name: excerpt(name),
            })),
        }
    }

    /// An entry of the string table; the end of the table ends the last one.
    fn entry(&self, offset: u32) -> Result<&'i [u8]> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.table.get(from..) {
            Some(octets) if !octets.is_empty() => {
                let end = memchr::memchr(0, octets).unwrap_or(octets.len());
                Ok(octets.get(..end).unwrap_or_default())
            }
            _ => Err(self.fail(DecodeErrorKind::TableOffset {
                offset,
                length: self.table.len(),
            })),
        }
    }

    fn decode(&mut self, octets: &'i [u8]) -> Result<Cow<'i, str>> {
        if self.charset != Charset::Utf8 && !octets.is_ascii() {
            if self.charset == Charset::Ascii {
                return Err(self.fail(DecodeErrorKind::InvalidText {
                    charset: "us-ascii",
                }));
            }
            self.spend(octets.len().saturating_mul(2))?;
            return Ok(Cow::Owned(
                octets.iter().map(|&octet| char::from(octet)).collect(),
            ));
        }
        core::str::from_utf8(octets)
            .map(Cow::Borrowed)
            .map_err(|_| self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" }))
    }

    fn entity(&mut self) -> Result<char> {
        let value = self.integer()?;
        match char::from_u32(value) {
            Some(character) if character != '\0' => Ok(character),
            _ => Err(self.fail(DecodeErrorKind::InvalidCharacter { value })),
        }
    }

    /// A length, and so many octets.
    fn counted(&mut self) -> Result<&'i [u8]> {
        let length = self.integer()?;
        let left = self.rest.len();
        let count = usize::try_from(length).unwrap_or(usize::MAX);
        match self.rest.split_at_checked(count) {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(octets)
            }
            None => Err(self.fail(DecodeErrorKind::LengthPastEnd { length, left })),
        }
    }

    fn integer(&mut self) -> Result<u32> {
        // Most are one octet.
        if let Some((&octet, rest)) = self.rest.split_first()
            && octet < 0x80
        {
            self.rest = rest;
            return Ok(u32::from(octet));
        }
        match mb_u_int32(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(
                nom::Err::Error(Broken { rest, kind }) | nom::Err::Failure(Broken { rest, kind }),
            ) => Err(Fault {
                offset: self.length.saturating_sub(rest.len()),
                kind,
            }),
            // Only streaming parsers ask for more.
            Err(nom::Err::Incomplete(_)) => Err(self.cut()),
        }
    }

    fn octet(&mut self) -> Result<u8> {
        match self.rest.split_first() {
            Some((&octet, rest)) => {
                self.rest = rest;
                Ok(octet)
            }
            None => Err(self.cut()),
        }
    }

    fn spend(&mut self, octets: usize) -> Result<()> {
        self.budget = self
            .budget
            .checked_sub(octets)
            .ok_or_else(|| self.fail(DecodeErrorKind::TooMuchMemory { limit: self.limit }))?;
        Ok(())
    }

    fn mark(&mut self) {
        self.last = self.rest.len();
    }

    /// The input ends too early.
    fn cut(&self) -> Fault {
        Fault {
            offset: self.length,
            kind: DecodeErrorKind::UnexpectedEnd,
        }
    }

    fn fail(&self, kind: DecodeErrorKind) -> Fault {
        Fault {
            offset: self.offset(),
            kind,
        }
    }
}

/// The most attributes of an element, as in XML.
const MAX_ATTRIBUTES: usize = 1024;

const TOKEN_META: u8 = tags::Element::Meta.token();
const TOKEN_DATA: u8 = tags::Element::Data.token();

/// The longest start that is UTF-8.
fn valid_start(octets: &[u8]) -> &str {
    match core::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => octets
            .get(..error.valid_up_to())
            .and_then(|octets| core::str::from_utf8(octets).ok())
            .unwrap_or_default(),
    }
}
