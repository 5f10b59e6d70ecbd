//! Octets into text: the byte order mark and UTF-16.

use alloc::{borrow::Cow, string::String};

use crate::{DecodeErrorKind, codec::event::Fault};

/// The text of a document, and what is needed to tell where in the octets a place of it is.
pub(in crate::codec) struct Input<'i> {
    pub(super) text: Cow<'i, str>,
    /// The octets of the byte order mark.
    mark: usize,
    /// Whether the octets were UTF-16.
    is_utf_16: bool,
}

impl<'i> Input<'i> {
    /// Reads the octets as text; UTF-16, which has to be copied, within so many octets of memory.
    pub(in crate::codec) fn new(octets: &'i [u8], memory: usize) -> Result<Self, Fault> {
        let input = match octets {
            [0xFE, 0xFF, rest @ ..] => utf_16(rest, u16::from_be_bytes, memory),
            [0xFF, 0xFE, rest @ ..] => utf_16(rest, u16::from_le_bytes, memory),
            [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest, 3),
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

    pub(super) fn is_utf_16(&self) -> bool {
        self.is_utf_16
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
        if !self.input.is_utf_16 {
            return place.saturating_add(self.input.mark);
        }
        let passed = self.input.text.get(self.at..place).unwrap_or_default();
        self.octets = self
            .octets
            .saturating_add(passed.encode_utf16().count().saturating_mul(2));
        self.at = self.at.max(place);
        self.octets
    }
}

fn utf_8(octets: &[u8], mark: usize) -> Result<Input<'_>, Fault> {
    match core::str::from_utf8(octets) {
        Ok(text) => Ok(Input {
            text: Cow::Borrowed(text),
            mark,
            is_utf_16: false,
        }),
        Err(error) => Err(Fault {
            offset: error.valid_up_to().saturating_add(mark),
            kind: DecodeErrorKind::InvalidText { charset: "utf-8" },
        }),
    }
}

fn utf_16(octets: &[u8], unit: fn([u8; 2]) -> u16, memory: usize) -> Result<Input<'static>, Fault> {
    let invalid = |offset: usize| Fault {
        offset: offset.saturating_add(2),
        kind: DecodeErrorKind::InvalidText { charset: "utf-16" },
    };
    let (pairs, odd) = octets.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(invalid(octets.len()));
    }
    // Two octets become three at the most.
    let longest = pairs.len().saturating_mul(3);
    if longest > memory {
        return Err(Fault {
            offset: 0,
            kind: DecodeErrorKind::TooMuchMemory { limit: memory },
        });
    }
    let mut text = String::with_capacity(longest);
    let mut offset = 0_usize;
    for character in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let character = character.map_err(|_| invalid(offset))?;
        offset = offset.saturating_add(character.len_utf16().saturating_mul(2));
        text.push(character);
    }
    Ok(Input {
        text: Cow::Owned(text),
        mark: 2,
        is_utf_16: true,
    })
}
