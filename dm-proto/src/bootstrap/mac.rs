//! The MAC of a bootstrap message, and the secrets that are its key.
//!
//! OMA-TS-DM_Security, HMAC computation for bootstrap: HMAC-SHA1 of RFC 2104 over the octets of the document,
//! in hexadecimal. Which secret is the key, and in which form, depends on the method and on the profile.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, ops::RangeInclusive};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use super::message::Kind;
use crate::Secret;

/// What the key of a MAC is made of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub enum Security {
    /// `NETWPIN`, `NETWORKID`: a secret that network and device share.
    Network,
    /// `USERPIN`: a PIN that the user was told otherwise.
    UserPin,
    /// `USERNETWPIN`, `USERPIN_NETWORKID`: both.
    UserPinAndNetwork,
    /// `USERPINMAC`, of Client Provisioning only: a PIN that the user was told otherwise, and behind it the
    /// MAC in as many digits. OMA-WAP-TS-ProvBoot.
    UserPinWithMac,
}

impl Security {
    /// The method that a parameter `SEC` names.
    pub(super) fn from_parameter(kind: Kind, value: &str) -> Option<Self> {
        Some(match (kind, value) {
            (Kind::Provisioning, "0" | "NETWPIN") => Self::Network,
            (Kind::Provisioning, "1" | "USERPIN") => Self::UserPin,
            (Kind::Provisioning, "2" | "USERNETWPIN") => Self::UserPinAndNetwork,
            (Kind::Provisioning, "3" | "USERPINMAC") => Self::UserPinWithMac,
            (Kind::Management | Kind::Objects, "NETWORKID") => Self::Network,
            (Kind::Management | Kind::Objects, "USERPIN") => Self::UserPin,
            (Kind::Management | Kind::Objects, "USERPIN_NETWORKID") => Self::UserPinAndNetwork,
            _ => return None,
        })
    }

    /// How the parameter `SEC` names it; none where there is no such method.
    pub(super) const fn parameter(self, kind: Kind) -> Option<&'static str> {
        Some(match (kind, self) {
            (Kind::Provisioning, Self::Network) => "0",
            (Kind::Provisioning, Self::UserPin) => "1",
            (Kind::Provisioning, Self::UserPinAndNetwork) => "2",
            (Kind::Provisioning, Self::UserPinWithMac) => "3",
            (_, Self::UserPinWithMac) => return None,
            (_, Self::Network) => "NETWORKID",
            (_, Self::UserPin) => "USERPIN",
            (_, Self::UserPinAndNetwork) => "USERPIN_NETWORKID",
        })
    }

    pub(super) const fn needs_pin(self) -> bool {
        !matches!(self, Self::Network)
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "the network's method",
            Self::UserPin => "the user's pin",
            Self::UserPinAndNetwork => "the user's pin with the network's method",
            Self::UserPinWithMac => "the user's pin with a mac",
        })
    }
}

/// The secret that a network and a device share.
#[derive(Clone, Eq, PartialEq)]
pub struct NetworkSecret {
    /// As a key of Client Provisioning.
    octets: Vec<u8>,
    /// As a key of the Device Management profile.
    plain: Vec<u8>,
}

/// An identity of a subscriber that is not one: 6 to 15 decimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an imsi has 6 to 15 digits")]
#[non_exhaustive]
pub struct BadIdentity;

impl NetworkSecret {
    /// That of GSM and its successors: the IMSI, in semi-octets for Client Provisioning, its digits as text
    /// for the Device Management profile.
    ///
    /// # Errors
    ///
    /// If it is not 6 to 15 decimal digits.
    pub fn imsi(imsi: &str) -> Result<Self, BadIdentity> {
        if !(6..=15).contains(&imsi.len()) {
            return Err(BadIdentity);
        }
        let digit = |octet: &u8| octet.is_ascii_digit().then(|| octet.wrapping_sub(b'0'));
        let digits: Option<Vec<u8>> = imsi.as_bytes().iter().map(digit).collect();
        let digits = digits.ok_or(BadIdentity)?;
        // As on the card: a digit that says whether the number is odd comes first, a filler last.
        let is_odd = digits.len() % 2 == 1;
        let mut nibbles = Vec::with_capacity(16);
        nibbles.push(if is_odd { 9 } else { 1 });
        nibbles.extend(digits);
        if !is_odd {
            nibbles.push(0xF);
        }
        let swapped = nibbles.chunks_exact(2).map(|pair| match pair {
            [low, high] => (high << 4) | low,
            _ => 0,
        });
        Ok(Self {
            octets: swapped.collect(),
            plain: imsi.as_bytes().to_vec(),
        })
    }

    /// Any other, as octets: the ESN or MEID of CDMA, for instance.
    pub fn octets(octets: impl Into<Vec<u8>>) -> Self {
        let octets = octets.into();
        Self {
            plain: octets.clone(),
            octets,
        }
    }
}

impl fmt::Debug for NetworkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a device has to verify a message with, or a server to make one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Secrets {
    /// The secret shared with the network.
    pub network: Option<NetworkSecret>,
    /// The PIN as the user typed it: decimal digits, as a rule four; with
    /// [`Security::UserPinWithMac`] what was told to the user as a whole.
    pub pin: Option<Secret>,
}

impl Secrets {
    /// The same with a secret of the network.
    #[must_use]
    pub fn with_network(mut self, secret: NetworkSecret) -> Self {
        self.network = Some(secret);
        self
    }

    /// The same with a PIN.
    #[must_use]
    pub fn with_pin(mut self, pin: impl Into<Secret>) -> Self {
        self.pin = Some(pin.into());
        self
    }

    /// The key of a method, if all of it is at hand.
    fn key(&self, kind: Kind, security: Security) -> Option<Vec<u8>> {
        let pin = || {
            let pin = self.pin.as_ref()?.expose();
            (!pin.is_empty()).then(|| pin.as_bytes().to_vec())
        };
        let network = || {
            let secret = self.network.as_ref()?;
            let octets = match kind {
                Kind::Provisioning => &secret.octets,
                Kind::Management | Kind::Objects => &secret.plain,
            };
            (!octets.is_empty()).then(|| octets.clone())
        };
        Some(match (security, kind) {
            (Security::Network, _) => network()?,
            (Security::UserPin, _) => pin()?,
            // No MAC goes with the message.
            (Security::UserPinWithMac, _) => return None,
            (Security::UserPinAndNetwork, Kind::Provisioning) => [network()?, pin()?].concat(),
            (Security::UserPinAndNetwork, _) => [&pin()?[..], b":", &network()?].concat(),
        })
    }
}

/// A MAC.
pub(super) type Digest = [u8; 20];

/// The MAC over a document; `None` where a secret is missing.
pub(super) fn mac(
    kind: Kind,
    security: Security,
    secrets: &Secrets,
    body: &[u8],
) -> Option<Digest> {
    hmac(&secrets.key(kind, security)?, body)
}

fn hmac(key: &[u8], body: &[u8]) -> Option<Digest> {
    // A key of any length is good.
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// How many characters either half of a PIN with a MAC has: fewer would be guessed, and the MAC has no more.
const HALVES: RangeInclusive<usize> = 5..=20;

/// The digits that stand for the MAC over a document behind a PIN; `None` if the PIN is too short or too
/// long.
pub(super) fn digits_behind(pin: &str, body: &[u8]) -> Option<String> {
    let mac = hmac(pin.as_bytes(), body).filter(|_| HALVES.contains(&pin.len()))?;
    let digit = |octet: &u8| char::from(b'0'.wrapping_add(octet % 10));
    Some(mac.iter().take(pin.len()).map(digit).collect())
}

/// Whether what the user typed is a PIN with its MAC over this document, in constant time.
pub(super) fn is_with_mac(typed: &Secret, body: &[u8]) -> bool {
    let typed = typed.expose();
    let Some((pin, digits)) = typed.split_at_checked(typed.len() / 2) else {
        return false;
    };
    digits_behind(pin, body)
        .is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(digits.as_bytes())))
}

/// Whether two are the same, in constant time.
pub(super) fn equal(one: &Digest, other: &Digest) -> bool {
    bool::from(one.ct_eq(other))
}

/// As it stands in a content type.
pub(super) fn to_text(mac: &Digest) -> String {
    mac.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// 40 hexadecimal digits, in either case.
pub(super) fn from_text(text: &str) -> Option<Digest> {
    let mut mac = Digest::default();
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != mac.len() {
        return None;
    }
    for (octet, [high, low]) in mac.iter_mut().zip(pairs) {
        let digit = |digit: u8| {
            let value = char::from(digit).to_digit(16)?;
            u8::try_from(value).ok()
        };
        *octet = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imsi_becomes_semi_octets() {
        for (imsi, expected) in [
            ("262010123456789", "2926101032547698"),
            ("26201012345678", "21261010325476F8"),
        ] {
            let secret = NetworkSecret::imsi(imsi).expect("an imsi");
            let hex: String = secret.octets.iter().map(|o| format!("{o:02X}")).collect();
            assert_eq!(hex, expected);
            assert_eq!(secret.plain, imsi.as_bytes());
        }
        for bad in [
            "",
            "12345",
            "1234567890123456",
            "26201012345678x",
            "\u{661}\u{662}\u{663}",
        ] {
            assert_eq!(NetworkSecret::imsi(bad), Err(BadIdentity), "{bad}");
        }
    }

    #[test]
    fn a_mac_is_40_hexadecimal_digits_in_either_case() {
        let text = "8EBF22EE0F8AEC09743C1902C46757A53A55E975";
        let mac = from_text(text).expect("a mac");
        assert_eq!(to_text(&mac), text);
        assert_eq!(from_text(&text.to_lowercase()), Some(mac));
        for bad in ["", &text[1..], &text[2..], "zz", &format!("{text}00")] {
            assert_eq!(from_text(bad), None);
        }
        assert_eq!(from_text(&text.replace('8', "x")), None);
    }

    /// HMAC of RFC 2104, from SHA-1 alone: the key filled up with zeros to a block of 64 octets, or its digest
    /// if it is longer than one.
    fn by_hand(key: &[u8], body: &[u8]) -> Digest {
        use sha1::Digest as _;

        let mut block = match key.len() > 64 {
            true => Sha1::digest(key).to_vec(),
            false => key.to_vec(),
        };
        block.resize(64, 0);
        let padded = |pad: u8| -> Vec<u8> { block.iter().map(|octet| octet ^ pad).collect() };
        let inner = Sha1::digest([padded(0x36), body.to_vec()].concat());
        Sha1::digest([padded(0x5C), inner.to_vec()].concat()).into()
    }

    fn pin(pin: &str) -> Secrets {
        Secrets::default().with_pin(pin)
    }

    #[test]
    fn a_mac_is_the_hmac_sha1_of_the_vectors_of_rfc_2202() {
        // Case 2 of section 3 has a key that can be a PIN; case 6 shows that what the next test computes with
        // is right for long keys too.
        let body = b"what do ya want for nothing?";
        let known = "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79";
        for kind in [Kind::Provisioning, Kind::Management, Kind::Objects] {
            let mac = mac(kind, Security::UserPin, &pin("Jefe"), body).expect("a mac");
            assert_eq!(to_text(&mac), known);
        }
        assert_eq!(to_text(&by_hand(b"Jefe", body)), known);
        let key = [0xAA; 80];
        let body = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let known = "AA4AE5E15272D00E95705637CE8A3B55ED402112";
        assert_eq!(to_text(&by_hand(&key, body)), known);
    }

    #[test]
    fn each_method_has_the_key_of_its_document() {
        let network = NetworkSecret::imsi("262010123456789").expect("an imsi");
        let secrets = pin("1234").with_network(network);
        // Semi-octets for Client Provisioning, digits for the Device Management profile.
        let octets = [0x29, 0x26, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98];
        let cases: [(Kind, Security, &[u8]); 6] = [
            (Kind::Provisioning, Security::Network, &octets),
            (Kind::Provisioning, Security::UserPin, b"1234"),
            (
                Kind::Provisioning,
                Security::UserPinAndNetwork,
                &[&octets[..], b"1234"].concat(),
            ),
            (Kind::Management, Security::Network, b"262010123456789"),
            (Kind::Management, Security::UserPin, b"1234"),
            (
                Kind::Management,
                Security::UserPinAndNetwork,
                b"1234:262010123456789",
            ),
        ];
        for (kind, security, key) in cases {
            for body in [&b""[..], b"document", &[7; 200]] {
                let mac = mac(kind, security, &secrets, body);
                assert_eq!(mac, Some(by_hand(key, body)), "{kind:?} {security:?}");
            }
        }
    }

    #[test]
    fn a_pin_with_a_mac_is_a_key_and_as_many_digits_of_the_mac() {
        // The MAC of RFC 2202's second case begins EF FC DF 6A E5: 239, 252, 223, 106, 229. Its key is too
        // short for a PIN here, so that the digits are those of the next.
        let body = b"what do ya want for nothing?";
        assert_eq!(digits_behind("Jefe", body), None);
        let mac = by_hand(b"12345", body);
        let digits: String = mac[..5].iter().map(|o| char::from(b'0' + o % 10)).collect();
        assert_eq!(digits_behind("12345", body), Some(digits.clone()));
        let is = |typed: &str| is_with_mac(&typed.into(), body);
        assert!(is(&format!("12345{digits}")));
        for wrong in [
            "",
            "12345",
            &digits,
            &format!("12346{digits}"),
            &format!("12345{digits}0"),
            &format!("12345{}", &digits[1..]),
            &"1".repeat(42),
            "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}",
        ] {
            assert!(!is(wrong), "{wrong}");
        }
        let long = "12345678901234567890";
        let digits = digits_behind(long, body).expect("as long as the mac");
        assert!(is(&format!("{long}{digits}")));
    }

    #[test]
    fn no_secret_is_shown() {
        let network = NetworkSecret::imsi("262010123456789").expect("an imsi");
        let secrets = Secrets::default().with_network(network).with_pin("1234");
        let shown = format!("{secrets:?}");
        assert!(!shown.contains("1234") && !shown.contains("41"), "{shown}");
    }
}
