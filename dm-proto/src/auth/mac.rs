//! `syncml:auth-MAC`: the transport header `x-syncml-hmac`, which signs a message.
//!
//! OMA-TS-DM_Security, integrity: despite its name not the HMAC of RFC 2104 but an MD5 digest over name,
//! password, nonce and message. The value is a list of parameters in the manner of HTTP/1.1: `algorithm`
//! (MD5 alone, the default), `username` and `mac`, in any order.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use nom::{
    Finish as _, IResult, Parser as _,
    branch::alt,
    bytes::complete::{tag, take_while, take_while1},
    character::complete::{anychar, char, none_of},
    combinator::{all_consuming, map, opt},
    multi::{fold_many0, separated_list1},
    sequence::{delimited, preceded, separated_pair},
};
use subtle::ConstantTimeEq as _;

use super::{Nonce, base64, md5};

/// The longest value that is read: a name of some length and a digest fit many times.
const MAX_LENGTH: usize = 4 << 10;

/// What came with a message.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Mac {
    /// No header.
    Absent,
    /// A header that cannot be read, or names an algorithm that there is not.
    Unreadable,
    /// A signature.
    Signed(Signature),
}

/// Who claims to have signed, and the digest.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Signature {
    name: String,
    mac: Vec<u8>,
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Unreadable => "Unreadable",
            Self::Signed(_) => "Signed",
        })
    }
}

impl Mac {
    /// Reads the value of the header, if there was one.
    pub(crate) fn read(value: Option<&str>) -> Self {
        match value {
            None => Self::Absent,
            Some(value) => signature(value).map_or(Self::Unreadable, Self::Signed),
        }
    }

    /// Whether there was a header, readable or not.
    pub(crate) fn is_present(&self) -> bool {
        *self != Self::Absent
    }
}

impl Signature {
    /// Whether it proves knowledge of the password by a message with this MD5.
    pub(crate) fn verify(
        &self,
        name: &str,
        secret: &str,
        nonce: &Nonce,
        body: &md5::Digest,
    ) -> bool {
        let expected = md5::digest_with(name, secret, nonce, body);
        self.name == name && bool::from(self.mac.ct_eq(&expected))
    }
}

/// The value of the header for a message; `None` for a name that no header can hold.
pub(crate) fn header(name: &str, secret: &str, nonce: &Nonce, body: &[u8]) -> Option<String> {
    // A line break in it would begin another header.
    if name.chars().any(char::is_control) {
        return None;
    }
    let mac = base64::encode(&md5::digest_with_body(name, secret, nonce, body));
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("algorithm=MD5, username=\"{name}\", mac={mac}"))
}

fn signature(value: &str) -> Option<Signature> {
    if value.len() > MAX_LENGTH {
        return None;
    }
    let (_, parameters) = all_consuming(parameters).parse(value).finish().ok()?;
    let one = |wanted: &str| {
        let mut found = parameters
            .iter()
            .flatten()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(Some(value.as_str())),
            (None, _) => Ok(None),
            // Said twice, it is not said.
            (Some(_), Some(_)) => Err(()),
        }
    };
    let algorithm = one("algorithm").ok()?;
    if !algorithm.is_none_or(|name| name.eq_ignore_ascii_case("MD5")) {
        return None;
    }
    Some(Signature {
        name: one("username").ok()??.into(),
        mac: base64::decode(one("mac").ok()??)?,
    })
}

type Parameter<'i> = (&'i str, String);

/// Empty places between commas are allowed, as in every list of HTTP/1.1.
fn parameters(input: &str) -> IResult<&str, Vec<Option<Parameter<'_>>>> {
    separated_list1(char(','), delimited(space, opt(parameter), space)).parse(input)
}

fn parameter(input: &str) -> IResult<&str, Parameter<'_>> {
    separated_pair(token, delimited(space, tag("="), space), value).parse(input)
}

fn token(input: &str) -> IResult<&str, &str> {
    take_while1(|found: char| found.is_ascii_alphanumeric() || found == '-').parse(input)
}

fn value(input: &str) -> IResult<&str, String> {
    alt((quoted, map(bare, String::from))).parse(input)
}

/// Everything that Base64 is made of, and other tokens.
fn bare(input: &str) -> IResult<&str, &str> {
    take_while1(|found: char| found.is_ascii_graphic() && !matches!(found, ',' | '"')).parse(input)
}

fn quoted(input: &str) -> IResult<&str, String> {
    let character = alt((preceded(char('\\'), anychar), none_of("\"\\")));
    let text = fold_many0(character, String::new, |mut text, found| {
        text.push(found);
        text
    });
    delimited(char('"'), text, char('"')).parse(input)
}

/// White space, a folded line included.
fn space(input: &str) -> IResult<&str, &str> {
    take_while(|found: char| matches!(found, ' ' | '\t' | '\r' | '\n')).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "2Jqc3YyUIqxWjMNDXRxkzg==";
    const BODY: &[u8] = b"<SyncML xmlns=\"SYNCML:SYNCML1.2\"/>";

    fn nonce() -> Nonce {
        Nonce::from(&b"Nonce"[..])
    }

    fn is_good(value: &str, name: &str) -> bool {
        match Mac::read(Some(value)) {
            Mac::Signed(signature) => signature.verify(name, "OhBehave", &nonce(), &md5::of(BODY)),
            Mac::Absent | Mac::Unreadable => false,
        }
    }

    #[test]
    fn the_header_has_the_mac_of_the_vector() {
        assert_eq!(
            header("Bruce2", "OhBehave", &nonce(), BODY).as_deref(),
            Some("algorithm=MD5, username=\"Bruce2\", mac=2Jqc3YyUIqxWjMNDXRxkzg==")
        );
    }

    #[test]
    fn parameters_come_in_any_order_quoted_or_not_and_without_padding() {
        for value in [
            format!("algorithm=MD5, username=\"Bruce2\", mac={MAC}"),
            format!("mac={MAC},username=\"Bruce2\""),
            format!("mac=\"{MAC}\" ,\tusername=Bruce2"),
            format!(" ALGORITHM = md5 ,, Username=\"Bruce2\",\r\n MAC={MAC}, "),
            format!("username=\"Bruce2\", mac={}", MAC.trim_end_matches('=')),
            format!("username=\"Bruce2\", mac={MAC}, later=\"a,b\""),
        ] {
            assert!(is_good(&value, "Bruce2"), "{value}");
        }
    }

    #[test]
    fn what_is_no_signature_is_none() {
        for value in [
            String::new(),
            format!("username=\"Bruce2\" mac={MAC}"),
            format!("username=\"Bruce2, mac={MAC}"),
            format!("mac={MAC}"),
            "username=\"Bruce2\"".into(),
            "username=\"Bruce2\", mac=*".into(),
            format!("algorithm=SHA1, username=\"Bruce2\", mac={MAC}"),
            format!("username=\"Bruce2\", username=\"Bruce2\", mac={MAC}"),
            format!("username=\"Bruce2\", mac={MAC}{}", ",".repeat(MAX_LENGTH)),
        ] {
            assert_eq!(Mac::read(Some(&value)), Mac::Unreadable, "{value}");
        }
        assert_eq!(Mac::read(None), Mac::Absent);
    }

    #[test]
    fn another_name_password_nonce_or_body_is_refused() {
        let value = format!("username=\"Bruce2\", mac={MAC}");
        assert!(!is_good(&value, "Bruce3"));
        let Mac::Signed(signature) = Mac::read(Some(&value)) else {
            panic!("it is a signature");
        };
        let body = md5::of(BODY);
        assert!(signature.verify("Bruce2", "OhBehave", &nonce(), &body));
        assert!(!signature.verify("Bruce2", "other", &nonce(), &body));
        assert!(!signature.verify("Bruce2", "OhBehave", &Nonce::default(), &body));
        assert!(!signature.verify("Bruce2", "OhBehave", &nonce(), &md5::of(b"")));
    }

    #[test]
    fn the_hmac_of_rfc_2104_is_refused() {
        assert!(!is_good(
            "username=\"Bruce2\", mac=/TgvJiODxhTt3G5hK4Mcvg==",
            "Bruce2"
        ));
    }

    #[test]
    fn names_are_quoted_and_come_back() {
        for name in ["Robert Jordan", "a\"b\\c", "m\u{fc}ller", "x, mac=AAAA", ""] {
            let value = header(name, "OhBehave", &nonce(), BODY).expect("a header");
            assert!(is_good(&value, name), "{value}");
        }
    }

    #[test]
    fn a_name_that_would_begin_another_header_gets_none() {
        for name in ["a\r\nx: y", "a\0", "\u{85}"] {
            assert_eq!(header(name, "secret", &nonce(), BODY), None);
        }
    }

    #[test]
    fn debug_shows_no_digest() {
        let mac = Mac::read(Some(&format!("username=\"Bruce2\", mac={MAC}")));
        assert_eq!(format!("{mac:?}"), "Signed");
    }
}
