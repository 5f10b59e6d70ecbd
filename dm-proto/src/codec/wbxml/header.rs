//! The header of a document: version, public identifier, character set, string table.

use nom::{Parser, bytes::complete::take, number::complete::u8};

use super::integer::{Broken, Parsed, mb_u_int32};
use crate::DecodeErrorKind;

/// The public identifier of SyncML 1.0.
pub(super) const SYNCML_1_0: u32 = 0x0FD1;
/// The public identifier of SyncML 1.1.
pub(super) const SYNCML_1_1: u32 = 0x0FD3;
/// The public identifier of SyncML 1.2.
pub(super) const SYNCML_1_2: u32 = 0x1201;
/// Registered identifiers of other document types: OMA CP, DevInf and MetInf.
const OTHERS: [u32; 5] = [0x0B, 0x0FD2, 0x0FD4, 0x1202, 0x1203];

/// A character set, by its MIBenum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Charset {
    Utf8,
    Ascii,
    Latin1,
}

impl Charset {
    const fn from_mib(mib: u32) -> Option<Self> {
        match mib {
            // 0 is "unknown", and SyncML is always UTF-8.
            0 | 106 => Some(Self::Utf8),
            3 => Some(Self::Ascii),
            4 => Some(Self::Latin1),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Ascii => "us-ascii",
            Self::Latin1 => "iso-8859-1",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header<'i> {
    pub(super) version: u8,
    pub(super) charset: Charset,
    pub(super) table: &'i [u8],
}

pub(super) fn header(input: &[u8]) -> Parsed<'_, Header<'_>> {
    let (rest, version) = u8(input)?;
    if version > 0x0F {
        return broken(input, DecodeErrorKind::UnsupportedVersion { version });
    }
    let (rest, named) = public_id(rest)?;
    // Version 1.0 has no character set.
    let (rest, charset) = if version == 0 {
        (rest, Charset::Utf8)
    } else {
        charset(rest)?
    };
    let (rest, table) = string_table(rest)?;
    if let Some((at, offset)) = named
        && usize::try_from(offset).map_or(true, |offset| offset >= table.len())
    {
        return broken(
            at,
            DecodeErrorKind::TableOffset {
                offset,
                length: table.len(),
            },
        );
    }
    Ok((
        rest,
        Header {
            version,
            charset,
            table,
        },
    ))
}

/// Checks a numeric identifier; gives the place and offset of one in the string table. The version
/// of the protocol is taken from the header of the message, never from here.
fn public_id(input: &[u8]) -> Parsed<'_, Option<(&[u8], u32)>> {
    let (rest, id) = mb_u_int32(input)?;
    if id == 0 {
        let (after, offset) = mb_u_int32(rest)?;
        return Ok((after, Some((rest, offset))));
    }
    if OTHERS.contains(&id) {
        return broken(input, DecodeErrorKind::OtherDocumentType { id });
    }
    Ok((rest, None))
}

fn charset(input: &[u8]) -> Parsed<'_, Charset> {
    let (rest, mib) = mb_u_int32(input)?;
    match Charset::from_mib(mib) {
        Some(charset) => Ok((rest, charset)),
        None => broken(input, DecodeErrorKind::UnsupportedCharset { mib }),
    }
}

fn string_table(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = mb_u_int32(input)?;
    let left = rest.len();
    if usize::try_from(length).map_or(true, |length| length > left) {
        return broken(input, DecodeErrorKind::LengthPastEnd { length, left });
    }
    take(length).parse(rest)
}

fn broken<T>(rest: &[u8], kind: DecodeErrorKind) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Broken { rest, kind }))
}
