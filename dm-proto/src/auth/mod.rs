//! Credentials, nonces and the accounts that hold them.

use alloc::{vec, vec::Vec};
use core::fmt;

use crate::{LocUri, Secret, Text};

pub(crate) mod base64;
pub(crate) mod basic;
pub(crate) mod mac;
pub(crate) mod md5;

/// How one side proves itself to the other. OMA-TS-DM_Security, authentication.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Scheme {
    /// No credentials in the message: the transport has authenticated the peer (TLS with certificates,
    /// as Windows does), or nobody needs to.
    Transport,
    /// `syncml:auth-basic`: name and password in Base64.
    Basic,
    /// `syncml:auth-md5`: a digest over name, password and nonce.
    Md5,
    /// `syncml:auth-MAC`: every message is signed, in the transport header [`HMAC_HEADER`], by a digest
    /// over name, password, nonce and the message.
    Hmac,
}

/// The name of the transport header of [`Scheme::Hmac`], on HTTP, WSP and OBEX alike.
///
/// OMA-TS-DM_Security, how the HMAC is specified in the message.
pub const HMAC_HEADER: &str = "x-syncml-hmac";

impl Scheme {
    /// The `Type` of credentials and challenges of this scheme; none where no message carries any.
    pub const fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Transport => None,
            Self::Basic => Some("syncml:auth-basic"),
            Self::Md5 => Some("syncml:auth-md5"),
            Self::Hmac => Some("syncml:auth-MAC"),
        }
    }

    /// The scheme that a `Type` names, if it is one that messages can be proved with and is supported.
    /// `syncml:auth-mac` is read too.
    pub fn from_type_name(name: &str) -> Option<Self> {
        let name = name.trim();
        if name == "syncml:auth-mac" {
            return Some(Self::Hmac);
        }
        [Self::Basic, Self::Md5, Self::Hmac]
            .into_iter()
            .find(|scheme| scheme.type_name() == Some(name))
    }

    /// Whether its proofs are over a nonce, which challenges then carry.
    pub(crate) const fn has_nonce(self) -> bool {
        matches!(self, Self::Md5 | Self::Hmac)
    }

    /// Whether a peer that wants at least `required` may be answered with this scheme.
    pub(crate) const fn is_at_least(self, required: Self) -> bool {
        self.strength() >= required.strength()
    }

    const fn strength(self) -> u8 {
        match self {
            Self::Transport => 0,
            Self::Basic => 1,
            Self::Md5 => 2,
            Self::Hmac => 3,
        }
    }
}

/// Which schemes may take the place of the account's own: when a peer asks for another one, or proves
/// itself with another one unasked.
///
/// Nothing takes the place of [`Scheme::Transport`]: where no credentials are configured, there are none.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum SchemePolicy {
    /// Those that are stronger, in the order basic, MD5, HMAC.
    #[default]
    Stronger,
    /// These, be they weaker or stronger.
    Listed(Vec<Scheme>),
}

impl SchemePolicy {
    /// The account's own scheme and no other.
    pub fn only_own() -> Self {
        Self::Listed(vec![])
    }

    /// Whether `scheme` may be used where the account has `own`.
    pub fn admits(&self, scheme: Scheme, own: Scheme) -> bool {
        let is_alternative = match self {
            Self::Stronger => scheme.is_at_least(own),
            Self::Listed(listed) => listed.contains(&scheme),
        };
        scheme == own || (own != Scheme::Transport && scheme != Scheme::Transport && is_alternative)
    }
}

/// A nonce: octets that make a digest fit for one use.
///
/// Where a session takes one it must be fresh randomness; OMA-TS-DM_Security wants 16 octets or more.
#[derive(Clone, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Nonce {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl From<[u8; 16]> for Nonce {
    fn from(octets: [u8; 16]) -> Self {
        Self(octets.to_vec())
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(nonce)")
    }
}

/// The nonce that is no secret, with which two sides find back to each other that have lost theirs.
///
/// OMA-TS-DM_Notification, use of nonce values: its value is given as 0x00000000, which leaves its octets
/// open.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "the two readings of the text")]
pub enum SpecialNonce {
    /// Four octets of zero.
    #[default]
    Octets,
    /// The ten characters `0x00000000`, as some devices have it.
    Text,
}

impl SpecialNonce {
    /// The nonce.
    pub fn nonce(self) -> Nonce {
        match self {
            Self::Octets => Nonce::from(&[0; 4][..]),
            Self::Text => Nonce::from(&b"0x00000000"[..]),
        }
    }
}

/// Whether the [special nonce](SpecialNonce) is good where the stored one has failed.
///
/// It weakens authentication, since what was proved with it once can be shown again. Allow it only where
/// TLS authenticates the server, and for as few sessions as possible. Within a session it is tried once:
/// who has been challenged has a nonce.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Resynchronization {
    /// It is not.
    #[default]
    Refused,
    /// As four octets of zero.
    Allowed,
    /// As octets, then as text.
    AllowedWithText,
}

impl Resynchronization {
    /// The forms that are good, in order.
    pub(crate) const fn forms(self) -> &'static [SpecialNonce] {
        match self {
            Self::Refused => &[],
            Self::Allowed => &[SpecialNonce::Octets],
            Self::AllowedWithText => &[SpecialNonce::Octets, SpecialNonce::Text],
        }
    }
}

/// What one side proves itself with, and the other checks against.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Credentials {
    /// The scheme; nothing weaker is accepted, unless a [`SchemePolicy`] lists it.
    pub scheme: Scheme,
    /// The user name.
    pub name: Text,
    /// The password.
    pub secret: Secret,
    /// The nonce of the next digest, from the last challenge; empty at first.
    pub nonce: Nonce,
}

impl Credentials {
    /// Name and password for `syncml:auth-basic`.
    pub fn basic(name: impl Into<Text>, secret: impl Into<Secret>) -> Self {
        Self {
            scheme: Scheme::Basic,
            name: name.into(),
            secret: secret.into(),
            nonce: Nonce::default(),
        }
    }

    /// Name and password for `syncml:auth-md5`, with the nonce of the next digest.
    pub fn md5(name: impl Into<Text>, secret: impl Into<Secret>, nonce: Nonce) -> Self {
        Self {
            scheme: Scheme::Md5,
            name: name.into(),
            secret: secret.into(),
            nonce,
        }
    }

    /// Name and password for `syncml:auth-MAC`, with the nonce of the next message.
    pub fn hmac(name: impl Into<Text>, secret: impl Into<Secret>, nonce: Nonce) -> Self {
        Self {
            scheme: Scheme::Hmac,
            ..Self::md5(name, secret, nonce)
        }
    }

    /// No credentials in the message: the transport authenticates.
    pub fn transport() -> Self {
        Self {
            scheme: Scheme::Transport,
            name: Text::EMPTY,
            secret: Secret::default(),
            nonce: Nonce::default(),
        }
    }
}

/// What a device and a server know of each other. Both sides hold the same.
///
/// OMA-TS-DM_StdObj, DMAcc. Its nonces change during a session; the session tells
/// (`NonceChanged`), and who stores the account stores them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Account {
    /// The server's identifier (`ServerID`), used in ACLs and notifications.
    pub server_id: Text,
    /// The address of the server: where messages go and what their header names.
    pub server_uri: LocUri,
    /// The address of the device in message headers; equals `./DevInfo/DevId`.
    pub device_uri: LocUri,
    /// What the device proves itself with (`CLCRED`).
    pub client: Credentials,
    /// What the server proves itself with (`SRVCRED`).
    pub server: Credentials,
}

/// One of the two sides of a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Side {
    /// The device.
    Client,
    /// The server.
    Server,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_password_nor_nonce() {
        let credentials =
            Credentials::md5("name", "hidden-word", Nonce::from(&b"hidden-nonce"[..]));

        let shown = alloc::format!("{credentials:?}");

        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("name"), "{shown}");
    }

    #[test]
    fn types_name_schemes_and_the_unknown_names_none() {
        assert_eq!(
            Scheme::from_type_name(" syncml:auth-md5\n"),
            Some(Scheme::Md5)
        );
        assert_eq!(
            Scheme::from_type_name("syncml:auth-basic"),
            Some(Scheme::Basic)
        );
        for name in ["syncml:auth-MAC", "syncml:auth-mac"] {
            assert_eq!(Scheme::from_type_name(name), Some(Scheme::Hmac));
        }
        assert_eq!(Scheme::from_type_name("syncml:auth-X509"), None);
        assert_eq!(Scheme::from_type_name(""), None);
    }

    #[test]
    fn nothing_takes_the_place_of_the_transport_and_nothing_unlisted_of_a_scheme() {
        use Scheme::{Basic, Hmac, Md5, Transport};
        let listed = SchemePolicy::Listed(vec![Basic]);
        let cases = [
            (SchemePolicy::Stronger, Basic, Md5, false),
            (SchemePolicy::Stronger, Md5, Md5, true),
            (SchemePolicy::Stronger, Hmac, Md5, true),
            (SchemePolicy::Stronger, Hmac, Transport, false),
            (SchemePolicy::Stronger, Transport, Basic, false),
            (listed.clone(), Basic, Hmac, true),
            (listed.clone(), Md5, Hmac, false),
            (listed, Hmac, Hmac, true),
            (SchemePolicy::only_own(), Hmac, Md5, false),
        ];
        for (policy, scheme, own, expected) in cases {
            assert_eq!(
                policy.admits(scheme, own),
                expected,
                "{policy:?} {scheme:?}"
            );
        }
    }
}
