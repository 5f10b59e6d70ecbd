//! Credentials, nonces and the accounts that hold them.

use alloc::vec::Vec;
use core::fmt;

use crate::{LocUri, Secret, Text};

pub(crate) mod base64;
pub(crate) mod basic;
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
}

impl Scheme {
    /// The `Type` of credentials and challenges of this scheme; none where no message carries any.
    pub const fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Transport => None,
            Self::Basic => Some("syncml:auth-basic"),
            Self::Md5 => Some("syncml:auth-md5"),
        }
    }

    /// The scheme that a `Type` names, if it is one that goes into messages and is supported.
    pub fn from_type_name(name: &str) -> Option<Self> {
        [Self::Basic, Self::Md5]
            .into_iter()
            .find(|scheme| scheme.type_name() == Some(name.trim()))
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
        }
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

/// What one side proves itself with, and the other checks against.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Credentials {
    /// The scheme; nothing weaker is accepted.
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
        assert_eq!(Scheme::from_type_name("syncml:auth-MAC"), None);
        assert_eq!(Scheme::from_type_name(""), None);
    }
}
