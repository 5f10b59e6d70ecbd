//! Octets eight at a time, in a word. Short pieces of text are not worth a call of memchr.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The octets that are 0, as their top bits; above the lowest there may be others.
#[inline(always)]
pub(super) fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & TOPS
}

/// Not 0 if an octet has to be looked at before XML holds it: below space, `&`, `<`, `>`, or the first of a
/// character from U+F000.
#[cfg(feature = "xml")]
#[inline(always)]
pub(super) fn may_need_care(word: u64) -> u64 {
    const fn all(octet: u8) -> u64 {
        u64::from_ne_bytes([octet; 8])
    }
    let below_space = word.wrapping_sub(all(0x20)) & !word & TOPS;
    // `<` and `>` differ in this bit.
    let angle = zeros((word | all(0x02)) ^ all(b'>'));
    below_space | angle | zeros(word ^ all(b'&')) | zeros(word ^ all(0xEF))
}

/// Whether the test is not 0 for some octet of a piece. Octets may be tested twice, and with others that are
/// not 0 around them.
#[inline(always)]
pub(super) fn any(octets: &[u8], test: impl Fn(u64) -> u64) -> bool {
    if let Some(last) = octets.last_chunk::<8>() {
        let (words, _) = octets.as_chunks::<8>();
        return words
            .iter()
            .chain([last])
            .any(|word| test(u64::from_le_bytes(*word)) != 0);
    }
    if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return test(u64::from(first) << 32 | u64::from(last)) != 0;
    }
    match *octets {
        [a, b, c] => test(u64::from_ne_bytes([a, b, c, a, b, c, a, b])) != 0,
        [a, b] => test(u64::from_ne_bytes([a, b, a, b, a, b, a, b])) != 0,
        [a] => test(u64::from_ne_bytes([a; 8])) != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    #[test]
    fn an_octet_is_found_at_every_place_of_every_length() {
        for length in 1..40 {
            for place in 0..length {
                let mut octets: Vec<u8> = std::vec![b'a'; length];
                assert!(!any(&octets, zeros));
                if let Some(octet) = octets.get_mut(place) {
                    *octet = 0;
                }
                assert!(any(&octets, zeros), "{place} of {length}");
            }
        }
    }

    #[cfg(feature = "xml")]
    #[test]
    fn what_needs_care_is_what_may() {
        for octet in 0..=u8::MAX {
            let expected = octet < 0x20 || matches!(octet, b'&' | b'<' | b'>' | 0xEF);
            for around in [b' ', b'a', 0x7F, 0x80, 0xFF] {
                let word = [
                    around, around, around, octet, around, around, around, around,
                ];
                let found = may_need_care(u64::from_le_bytes(word)) != 0;
                assert_eq!(found, expected, "{octet:02X} in {around:02X}");
            }
        }
    }

    #[cfg(feature = "xml")]
    #[test]
    fn short_texts_are_plain_as_long_ones_are() {
        let care = ["&", "<", ">", "\r", "\u{1}", "\u{FFFE}", "\u{F000}"];
        for length in 0..70 {
            let text: String = "ab\n\tcdäöü".chars().cycle().take(length).collect();
            assert!(crate::codec::event::is_plain(&text), "{text:?}");
            for character in care {
                for place in 0..=length {
                    let mut text: Vec<&str> = text.split_inclusive(|_| true).collect();
                    text.insert(place, character);
                    assert!(!crate::codec::event::is_plain(&text.concat()));
                }
            }
        }
    }
}
