//! WBXML octets into pieces of any document type.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};

use super::{DocumentType, Version, by_name, by_number};
use crate::{
    DecodeErrorKind,
    codec::{
        event::{Fault, is_name},
        wbxml::{
            integer::{Broken, mb_u_int32},
            token,
        },
    },
};

/// One step through a document.
pub(super) enum Piece<'i> {
    Start(Start<'i>),
    Text(Cow<'i, [u8]>),
    Opaque(&'i [u8]),
    End,
}

/// An element that begins; its attributes have namespace, name and value.
pub(super) struct Start<'i> {
    pub(super) namespace: Cow<'i, str>,
    pub(super) local: Cow<'i, str>,
    pub(super) attributes: Vec<(Cow<'i, str>, Cow<'i, str>, String)>,
}

/// Reads a document, whose type the header says or the caller.
pub(super) struct Reader<'i> {
    pub(super) document: DocumentType,
    version: Version,
    rest: &'i [u8],
    length: usize,
    last: usize,
    latin_1: bool,
    table: &'i [u8],
    page: u8,
    attribute_page: u8,
    depth: usize,
    is_empty: bool,
    /// What may still be copied out of the string table and into attributes.
    budget: usize,
    limit: usize,
}

type Result<T> = core::result::Result<T, Fault>;

impl<'i> Reader<'i> {
    pub(super) fn new(octets: &'i [u8], hint: Option<DocumentType>, limit: usize) -> Result<Self> {
        let mut reader = Self {
            document: DocumentType::SyncMl,
            version: Version::V1_2,
            rest: octets,
            length: octets.len(),
            last: octets.len(),
            latin_1: false,
            table: &[],
            page: 0,
            attribute_page: 0,
            depth: 0,
            is_empty: false,
            budget: limit,
            limit,
        };
        reader.header(hint)?;
        Ok(reader)
    }

    fn header(&mut self, hint: Option<DocumentType>) -> Result<()> {
        let version = self.octet()?;
        if version > 0x0F {
            return Err(self.fail(DecodeErrorKind::UnsupportedVersion { version }));
        }
        self.mark();
        let at = self.last;
        let id = self.integer()?;
        let named = if id == 0 { Some(self.integer()?) } else { None };
        // WBXML 1.0 has no character set.
        if version != 0 {
            self.mark();
            match self.integer()? {
                0 | 3 | 106 => {}
                4 => self.latin_1 = true,
                mib => return Err(self.fail(DecodeErrorKind::UnsupportedCharset { mib })),
            }
        }
        self.mark();
        self.table = self.counted()?;
        self.last = at;
        let told = match named {
            Some(offset) => {
                let name = self.entry(offset)?;
                core::str::from_utf8(name).ok().and_then(by_name)
            }
            None => by_number(id),
        };
        // Who asks for a type gets it: identifiers in the field are often wrong.
        let told = match (hint, told) {
            (Some(hint), Some(told)) if told.0 == hint => Some(told),
            (Some(hint), _) => Some((hint, Version::V1_2)),
            (None, told) => told,
        };
        (self.document, self.version) =
            told.ok_or_else(|| self.fail(DecodeErrorKind::UnknownDocument))?;
        Ok(())
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
            let in_root = self.depth > 0;
            match octet {
                token::SWITCH_PAGE => self.page = self.octet()?,
                token::PI => {
                    self.attributes()?;
                }
                token::END if in_root => return Ok(self.end()),
                token::ENTITY if in_root => {
                    let character = self.entity()?;
                    return Ok(Piece::Text(character.to_string().into_bytes().into()));
                }
                token::STR_I | token::STR_T if in_root => {
                    let text = self.string(octet)?;
                    return Ok(Piece::Text(match text {
                        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                    }));
                }
                token::OPAQUE if in_root => return Ok(Piece::Opaque(self.counted()?)),
                _ if self.extension(octet)? => {}
                _ if octet & token::IDENTITY >= token::LITERAL => return self.start(octet),
                token::END => return Err(self.fail(DecodeErrorKind::UnmatchedEnd)),
                _ => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token: octet })),
            }
        }
    }

    /// Checks that nothing but processing instructions and padding follows the root.
    pub(super) fn finish(&mut self) -> Result<()> {
        loop {
            self.mark();
            match self.rest.split_first() {
                Some((&token::PI, rest)) => {
                    self.rest = rest;
                    self.attributes()?;
                }
                Some((0, rest)) => self.rest = rest,
                Some((&token, _)) => {
                    return Err(self.fail(DecodeErrorKind::UnexpectedToken { token }));
                }
                None => return Ok(()),
            }
        }
    }

    /// Where the last piece began.
    pub(super) fn offset(&self) -> usize {
        self.length.saturating_sub(self.last)
    }

    fn start(&mut self, octet: u8) -> Result<Piece<'i>> {
        let identity = octet & token::IDENTITY;
        let (mut namespace, local) = if identity == token::LITERAL {
            (Cow::Borrowed(""), Cow::Borrowed(self.name()?))
        } else {
            match self.document.tag(self.version, self.page, identity) {
                Some((namespace, local)) => (Cow::Borrowed(namespace), Cow::Borrowed(local)),
                None => {
                    return Err(self.fail(DecodeErrorKind::UnknownToken {
                        page: self.page,
                        token: identity,
                    }));
                }
            }
        };
        let mut attributes = Vec::new();
        if octet & token::ATTRIBUTES != 0 {
            for (name, value) in self.attributes()? {
                if name == "xmlns" {
                    namespace = Cow::Owned(value);
                    continue;
                }
                let (space, local) = match name
                    .strip_prefix('{')
                    .and_then(|name| name.rsplit_once('}'))
                {
                    Some(parts) => parts,
                    None => ("", name),
                };
                if !is_name(local) {
                    return Err(self.fail(DecodeErrorKind::InvalidName { name: name.into() }));
                }
                attributes.push((Cow::Borrowed(space), Cow::Borrowed(local), value));
            }
        }
        if !is_name(&local) {
            return Err(self.fail(DecodeErrorKind::InvalidName { name: local.into() }));
        }
        self.depth = self.depth.saturating_add(1);
        self.is_empty = octet & token::CONTENT == 0;
        Ok(Piece::Start(Start {
            namespace,
            local,
            attributes,
        }))
    }

    fn end(&mut self) -> Piece<'i> {
        self.depth = self.depth.saturating_sub(1);
        Piece::End
    }

    /// Attributes up to their end, as names and values.
    fn attributes(&mut self) -> Result<Vec<(&'i str, String)>> {
        let mut attributes: Vec<(&'i str, String)> = Vec::new();
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
                    let name = self.name()?;
                    self.spend(size_of::<(&str, String)>())?;
                    attributes.push((name, String::new()));
                    continue;
                }
                token::ENTITY => Cow::Owned(self.entity()?.to_string()),
                token::STR_I | token::STR_T => self.string(octet)?,
                token::OPAQUE => {
                    let octets = self.counted()?;
                    self.decode(octets)?
                }
                _ if self.extension(octet)? => continue,
                _ if octet & 0x80 == 0 => {
                    let Some((name, prefix)) = self.document.attribute(self.attribute_page, octet)
                    else {
                        return Err(self.fail(DecodeErrorKind::UnknownToken {
                            page: self.attribute_page,
                            token: octet,
                        }));
                    };
                    self.spend(size_of::<(&str, String)>())?;
                    attributes.push((name, prefix.into()));
                    continue;
                }
                _ => match self.document.value(self.attribute_page, octet) {
                    Some(value) => Cow::Borrowed(value),
                    None => {
                        return Err(self.fail(DecodeErrorKind::UnknownToken {
                            page: self.attribute_page,
                            token: octet,
                        }));
                    }
                },
            };
            self.spend(piece.len())?;
            match attributes.last_mut() {
                Some((_, value)) => value.push_str(&piece),
                None => return Err(self.fail(DecodeErrorKind::UnexpectedToken { token: octet })),
            }
        }
        let mut names: Vec<&str> = attributes.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        });
        if let Some(name) = twice {
            return Err(self.fail(DecodeErrorKind::DuplicateAttribute { name: name.into() }));
        }
        Ok(attributes)
    }

    /// Passes over an extension, which none of the types has.
    fn extension(&mut self, octet: u8) -> Result<bool> {
        match octet {
            token::EXT_I_0..=token::EXT_I_2 => {
                self.string(token::STR_I)?;
            }
            token::EXT_T_0..=token::EXT_T_2 => {
                self.integer()?;
            }
            token::EXT_0..=token::EXT_2 => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The string after a `STR_I` or `STR_T`.
    fn string(&mut self, octet: u8) -> Result<Cow<'i, str>> {
        let octets = if octet == token::STR_T {
            let offset = self.integer()?;
            let octets = self.entry(offset)?;
            self.spend(octets.len())?;
            octets
        } else {
            let Some(end) = memchr::memchr(0, self.rest) else {
                return Err(Fault {
                    offset: self.length,
                    kind: DecodeErrorKind::UnexpectedEnd,
                });
            };
            let (octets, rest) = self.rest.split_at_checked(end).unwrap_or_default();
            self.rest = rest.get(1..).unwrap_or_default();
            octets
        };
        self.decode(octets)
    }

    /// A name from the string table.
    fn name(&mut self) -> Result<&'i str> {
        let offset = self.integer()?;
        let octets = self.entry(offset)?;
        self.spend(octets.len())?;
        core::str::from_utf8(octets)
            .map_err(|_| self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" }))
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

    fn decode(&self, octets: &'i [u8]) -> Result<Cow<'i, str>> {
        if self.latin_1 && !octets.is_ascii() {
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
            Err(nom::Err::Incomplete(_)) => Err(self.fail(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    fn octet(&mut self) -> Result<u8> {
        match self.rest.split_first() {
            Some((&octet, rest)) => {
                self.rest = rest;
                Ok(octet)
            }
            None => Err(Fault {
                offset: self.length,
                kind: DecodeErrorKind::UnexpectedEnd,
            }),
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

    fn fail(&self, kind: DecodeErrorKind) -> Fault {
        Fault {
            offset: self.offset(),
            kind,
        }
    }
}
