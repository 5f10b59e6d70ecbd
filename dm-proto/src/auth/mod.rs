//! Credentials, nonces and the accounts that hold them.

use alloc::vec::Vec;
use core::fmt;

use crate::{LocUri, Secret, Text};

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

/// A nonce: octets that make a digest fit for one use.
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
