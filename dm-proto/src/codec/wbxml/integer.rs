//! Multi-octet integers.

use nom::{IResult, Parser, combinator::fail, error::ErrorKind, number::complete::u8};

use crate::DecodeErrorKind;

/// What a nom parser of this module fails with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::codec) struct Broken<'i> {
    /// The input where it went wrong.
    pub(in crate::codec) rest: &'i [u8],
    pub(in crate::codec) kind: DecodeErrorKind,
}

impl<'i> nom::error::ParseError<&'i [u8]> for Broken<'i> {
    fn from_error_kind(rest: &'i [u8], kind: ErrorKind) -> Self {
        let kind = match kind {
            ErrorKind::Fail => DecodeErrorKind::InvalidInteger,
            _ => DecodeErrorKind::UnexpectedEnd,
        };
        Self { rest, kind }
    }

    fn append(_: &'i [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(in crate::codec) type Parsed<'i, T> = IResult<&'i [u8], T, Broken<'i>>;

/// A `mb_u_int32`: seven bits per octet, the most significant first, at most five octets. Leading
/// zero groups are accepted.
pub(in crate::codec) fn mb_u_int32(input: &[u8]) -> Parsed<'_, u32> {
    let mut rest = input;
    let mut value = 0_u32;
    for _ in 0..5 {
        let (after, octet) = u8(rest)?;
        rest = after;
        if value > u32::MAX >> 7 {
            return fail().parse(input);
        }
        value = value << 7 | u32::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            return Ok((rest, value));
        }
    }
    fail().parse(input)
}

/// Writes the shortest form.
pub(in crate::codec) fn write(out: &mut impl Extend<u8>, value: u32) {
    for shift in [28, 21, 14, 7] {
        if value >> shift != 0 {
            out.extend([0x80 | (value >> shift & 0x7F) as u8]);
        }
    }
    out.extend([(value & 0x7F) as u8]);
}

/// The octets that [`write`] takes.
pub(in crate::codec) fn written_len(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        0x20_0000..=0xFFF_FFFF => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn vectors_read_and_write() {
        for (value, octets) in [
            (0, &[0x00][..]),
            (1, &[0x01]),
            (127, &[0x7F]),
            (128, &[0x81, 0x00]),
            (129, &[0x81, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x81, 0x80, 0x00]),
            (u32::MAX, &[0x8F, 0xFF, 0xFF, 0xFF, 0x7F]),
            (0x0FD3, &[0x9F, 0x53]),
            (0x1201, &[0xA4, 0x01]),
            (0xA0, &[0x81, 0x20]),
        ] {
            assert_eq!(mb_u_int32(octets), Ok((&[][..], value)));
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(out, octets);
            assert_eq!(written_len(value), octets.len());
        }
    }

    #[test]
    fn leading_zero_groups_are_accepted_up_to_five_octets() {
        assert_eq!(mb_u_int32(&[0x80, 0xA4, 0x01]), Ok((&[][..], 0x1201)));
        assert_eq!(
            mb_u_int32(&[0x80, 0x80, 0x80, 0x80, 0x01]),
            Ok((&[][..], 1))
        );
    }

    #[test]
    fn what_is_too_long_too_large_or_cut_is_refused() {
        let broken = |octets| match mb_u_int32(octets) {
            Err(nom::Err::Error(broken)) => broken.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(broken(&[0x80; 6]), DecodeErrorKind::InvalidInteger);
        assert_eq!(
            broken(&[0x90, 0x80, 0x80, 0x80, 0x00]),
            DecodeErrorKind::InvalidInteger
        );
        assert_eq!(broken(&[0x81, 0x80]), DecodeErrorKind::UnexpectedEnd);
        assert_eq!(broken(&[]), DecodeErrorKind::UnexpectedEnd);
    }
}
