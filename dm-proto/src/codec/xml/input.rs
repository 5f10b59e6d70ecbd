//! Octets into text: the byte order mark, UTF-16 and ISO-8859-1.

use alloc::{borrow::Cow, string::String};

use crate::{DecodeErrorKind, codec::event::Fault};

/// The text of a document, and what is needed to tell where in the octets a place of it is.
pub(in crate::codec) struct Input<'i> {
    pub(super) text: Cow<'i, str>,
    /// The octets of the byte order mark.
    mark: usize,
    form: Form,
}

/// What the octets of a document are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Utf8,
    Utf16,
    Latin1,
}

impl<'i> Input<'i> {
    /// Reads the octets as text; what is not UTF-8 has to be copied, within so many octets of memory.
    ///
    /// UTF-16 shows by its byte order mark, or by its first character, which is `<` (XML 1.0, appendix
    /// F). ISO-8859-1 is what the declaration says it is.
    pub(in crate::codec) fn new(octets: &'i [u8], memory: usize) -> Result<Self, Fault> {
        Self::told(octets, false, memory)
    }

    /// The same, where the transport perhaps said that it is ISO-8859-1.
    ///
    /// RFC 7303, 3, puts that before the declaration. But web servers say it of everything, so it counts
    /// only of what does not say itself what it is, and is not UTF-8.
    pub(in crate::codec) fn told(
        octets: &'i [u8],
        is_told_latin_1: bool,
        memory: usize,
    ) -> Result<Self, Fault> {
        let input = match octets {
            [0xFE, 0xFF, rest @ ..] => utf_16(rest, u16::from_be_bytes, 2, memory),
            [0xFF, 0xFE, rest @ ..] => utf_16(rest, u16::from_le_bytes, 2, memory),
            [0x00, b'<', ..] => utf_16(octets, u16::from_be_bytes, 0, memory),
            [b'<', 0x00, ..] => utf_16(octets, u16::from_le_bytes, 0, memory),
            [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest, 3),
            _ if is_declared_latin_1(octets) && !octets.is_ascii() => latin_1(octets, memory),
            _ if is_told_latin_1
                && declared(octets).is_none()
                && simdutf8::basic::from_utf8(octets).is_err() =>
            {
                latin_1(octets, memory)
            }
            _ => utf_8(octets, 0),
        }?;
        // quick-xml would pass over a second mark without counting it.
        if input.text.starts_with('\u{FEFF}') {
            return Err(Fault {
                offset: input.mark,
                kind: DecodeErrorKind::NoRoot,
            });
        }
        Ok(input)
    }

    /// How many octets of memory the text takes beside the input.
    pub(in crate::codec) fn copied(&self) -> usize {
        match &self.text {
            Cow::Borrowed(_) => 0,
            Cow::Owned(text) => text.capacity(),
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Whether the octets are UTF-16 without a byte order mark, which XML 1.0, 4.3.3, wants.
    pub(super) fn lacks_mark(&self) -> bool {
        self.form == Form::Utf16 && self.mark == 0
    }

    /// Offsets in the octets of places in the text, which come in ascending order.
    pub(in crate::codec) fn offsets(&self) -> Offsets<'_> {
        Offsets {
            input: self,
            at: 0,
            octets: self.mark,
        }
    }
}

/// Translates places in the text into offsets in the octets.
pub(in crate::codec) struct Offsets<'t> {
    input: &'t Input<'t>,
    at: usize,
    octets: usize,
}

impl Offsets<'_> {
    /// The offset of a place, which is not before the last one asked for.
    pub(in crate::codec) fn offset(&mut self, place: usize) -> usize {
        let passed = self.input.text.get(self.at..place).unwrap_or_default();
        let octets = match self.input.form {
            Form::Utf8 => return place.saturating_add(self.input.mark),
            Form::Utf16 => passed.encode_utf16().count().saturating_mul(2),
            Form::Latin1 => passed.chars().count(),
        };
        self.octets = self.octets.saturating_add(octets);
        self.at = self.at.max(place);
        self.octets
    }
}

fn utf_8(octets: &[u8], mark: usize) -> Result<Input<'_>, Fault> {
    match core::str::from_utf8(octets) {
        Ok(text) => Ok(Input {
            text: Cow::Borrowed(text),
            mark,
            form: Form::Utf8,
        }),
        Err(error) => Err(Fault {
            offset: error.valid_up_to().saturating_add(mark),
            kind: DecodeErrorKind::InvalidText { charset: "utf-8" },
        }),
    }
}

fn utf_16(
    octets: &[u8],
    unit: fn([u8; 2]) -> u16,
    mark: usize,
    memory: usize,
) -> Result<Input<'static>, Fault> {
    let invalid = |offset: usize| Fault {
        offset: offset.saturating_add(mark),
        kind: DecodeErrorKind::InvalidText { charset: "utf-16" },
    };
    let (pairs, odd) = octets.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(invalid(octets.len()));
    }
    // Two octets become three at the most.
    let longest = pairs.len().saturating_mul(3);
    let mut text = room(longest, memory)?;
    let mut offset = 0_usize;
    for character in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let character = character.map_err(|_| invalid(offset))?;
        offset = offset.saturating_add(character.len_utf16().saturating_mul(2));
        text.push(character);
    }
    Ok(Input {
        text: Cow::Owned(text),
        mark,
        form: Form::Utf16,
    })
}

fn latin_1(octets: &[u8], memory: usize) -> Result<Input<'static>, Fault> {
    let mut text = room(octets.len().saturating_mul(2), memory)?;
    text.extend(octets.iter().map(|&octet| char::from(octet)));
    Ok(Input {
        text: Cow::Owned(text),
        mark: 0,
        form: Form::Latin1,
    })
}

fn room(longest: usize, memory: usize) -> Result<String, Fault> {
    if longest > memory {
        return Err(Fault {
            offset: 0,
            kind: DecodeErrorKind::TooMuchMemory { limit: memory },
        });
    }
    Ok(String::with_capacity(longest))
}

/// Whether the document begins with a declaration that names ISO-8859-1.
fn is_declared_latin_1(octets: &[u8]) -> bool {
    declared(octets).is_some_and(|name| name.eq_ignore_ascii_case(LATIN_1.as_bytes()))
}

/// The encoding in the declaration that a document begins with, whose characters are all ASCII.
fn declared(octets: &[u8]) -> Option<&[u8]> {
    let declaration = octets.strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = declaration.get(..end)?;
    let at = memchr::memmem::find(declaration, ENCODING)?;
    let value = declaration.get(at.saturating_add(ENCODING.len())..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    value.get(..memchr::memchr(*quote, value)?)
}

/// The name of the character set that WBXML has as MIBenum 4.
pub(super) const LATIN_1: &str = "ISO-8859-1";
const ENCODING: &[u8] = b"encoding";
