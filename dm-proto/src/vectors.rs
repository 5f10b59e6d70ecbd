//! How the vectors of unit tests are written down.

use alloc::vec::Vec;

/// The octets of hexadecimal digits, whatever stands between them.
pub(crate) fn octets<O: FromIterator<u8>>(hex: &str) -> O {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).expect("one digit"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |octet, digit| (octet << 4) | digit))
        .collect()
}
