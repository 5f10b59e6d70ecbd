//! Base64 as credentials use it: written with padding, read with or without and across white space.

use alloc::{string::String, vec::Vec};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn encode(octets: &[u8]) -> String {
    ENGINE.encode(octets)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text
        .bytes()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    ENGINE.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_missing_padding_are_read() {
        assert_eq!(decode(" LG3i\r\nZQhhdmKNHg "), decode("LG3iZQhhdmKNHg=="));
        assert_eq!(
            decode("LG3iZQhhdmKNHg==").map(|nonce| nonce.len()),
            Some(10)
        );
        assert_eq!(decode("*"), None);
    }
}
