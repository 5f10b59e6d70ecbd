//! The digests of `syncml:auth-md5` and of notifications. OMA-TS-DM_Security, MD5 authentication.

use alloc::{string::String, vec::Vec};

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::{Nonce, base64};

/// An MD5 value.
pub(crate) type Digest = [u8; 16];

/// The plain MD5 of some octets.
pub(crate) fn of(octets: &[u8]) -> Digest {
    Md5::digest(octets).into()
}

/// What of name and password enters the digests.
fn inner(name: &str, secret: &str) -> String {
    base64::encode(&of(&[name.as_bytes(), b":", secret.as_bytes()].concat()))
}

/// The digest over name, password and nonce.
pub(crate) fn digest(name: &str, secret: &str, nonce: &Nonce) -> Digest {
    of(&[inner(name, secret).as_bytes(), b":", nonce.as_bytes()].concat())
}

/// The digest over name, password, nonce and a body: that of notifications, and of `x-syncml-hmac`.
pub(crate) fn digest_with_body(name: &str, secret: &str, nonce: &Nonce, body: &[u8]) -> Digest {
    digest_with(name, secret, nonce, &of(body))
}

/// The same over a body of which only its MD5 is at hand.
pub(crate) fn digest_with(name: &str, secret: &str, nonce: &Nonce, body: &Digest) -> Digest {
    of(&[
        inner(name, secret).as_bytes(),
        b":",
        nonce.as_bytes(),
        b":",
        base64::encode(body).as_bytes(),
    ]
    .concat())
}

/// The content of `Data`.
pub(crate) fn data(name: &str, secret: &str, nonce: &Nonce) -> String {
    base64::encode(&digest(name, secret, nonce))
}

/// Whether `data` proves knowledge of the password.
pub(crate) fn verify(data: &str, name: &str, secret: &str, nonce: &Nonce) -> bool {
    let got: Vec<u8> = base64::decode(data).unwrap_or_default();
    bool::from(got.ct_eq(&digest(name, secret, nonce)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_digest_is_the_published_one() {
        let cases = [
            ("Bruce2", "OhBehave", "PtEdr8lBQ45IbT1bZIkrOQ=="),
            ("device-1", "s3cr\u{e9}t", "ZbBpNnGVjVGWALGEOiRwDQ=="),
        ];
        for (name, secret, expected) in cases {
            assert_eq!(inner(name, secret), expected);
        }
    }

    #[test]
    fn digests_equal_the_vectors() {
        let counted: Vec<u8> = (1..=16).collect();
        let cases: [(&str, &str, &[u8], &str); 7] = [
            ("Bruce2", "OhBehave", b"Nonce", "Zz6EivR3yeaaENcRN6lpAQ=="),
            ("Bruce2", "OhBehave", b"", "lEf25jyjHbCcTbj4p/1pUw=="),
            ("Bruce2", "OhBehave", &[0; 4], "cnPI6nO9RgujiHU0y58kNA=="),
            (
                "Bruce2",
                "OhBehave",
                b"0x00000000",
                "/rEaWnNuFj+omqNv8Zls6w==",
            ),
            (
                "Bruce2",
                "OhBehave",
                &[0x2c, 0x6d, 0xe2, 0x65, 0x08, 0x61, 0x76, 0x62, 0x8d, 0x1e],
                "LAK2i25Fh0nxxGGaAzRRpg==",
            ),
            (
                "Bruce2",
                "OhBehave",
                b"dobehave\r\n",
                "kHLLLSPq49co1xndU6F2HQ==",
            ),
            (
                "device-1",
                "s3cr\u{e9}t",
                &counted,
                "WoXq7W602Q3vwSedy/stUw==",
            ),
        ];
        for (name, secret, nonce, expected) in cases {
            let nonce = Nonce::from(nonce);
            assert_eq!(data(name, secret, &nonce), expected);
            assert!(verify(expected, name, secret, &nonce));
            assert!(!verify(expected, name, "other", &nonce));
        }
    }

    #[test]
    fn digests_over_a_body_equal_the_vectors() {
        let nonce = Nonce::from(&b"Nonce"[..]);
        let cases: [(&[u8], &str); 2] = [
            (
                b"<SyncML xmlns=\"SYNCML:SYNCML1.2\"/>",
                "2Jqc3YyUIqxWjMNDXRxkzg==",
            ),
            (b"", "gbjsdKI2jLRPFi9gmOstJg=="),
        ];
        for (body, expected) in cases {
            let mac = base64::encode(&digest_with_body("Bruce2", "OhBehave", &nonce, body));
            assert_eq!(mac, expected);
            assert_ne!(mac, "/TgvJiODxhTt3G5hK4Mcvg==", "that would be RFC 2104");
        }
    }
}
