//! Bootstrap: how a device comes to its first account of a server.
//!
//! OMA-TS-DM_Bootstrap; OMA-TS-DM_Security, bootstrap; OMA-WAP-TS-ProvBoot. A message comes by WAP push, from
//! a card, or with the device. In the Client Provisioning profile it is a document of characteristics, read by
//! [`Document`] and understood by [`Profile`]; in the Device Management profile it carries serialized
//! management objects (TNDS), which are handed on as they are.
//!
//! Nothing of a message is to be had before it is [`Authentic`]: by its MAC, of which the key is a secret of the
//! network, a PIN of the user, or both; or because the caller says that the way it came is secure.
//!
//! ```
//! use dm_proto::bootstrap::{Content, Message, NetworkSecret, Profile, Secrets};
//! # fn device(push: &dm_proto::wap_push::Push) -> Result<(), Box<dyn std::error::Error>> {
//! let mut message = Message::from_push(push)?;
//! let secrets = Secrets::default().with_network(NetworkSecret::imsi("262010123456789")?);
//! let authentic = message.authenticate(&secrets)?;
//! match authentic.content(&Default::default())? {
//!     Content::Provisioning(document) => {
//!         for account in Profile::read(&document)?.accounts {
//!             let account = account.to_account("IMEI:493005100592800")?;
//!             // Keep it, and begin a session with that server.
//!         }
//!     }
//!     Content::Objects(objects) => { /* for the tree */ }
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! ```
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod account;
mod document;
mod mac;
mod message;

pub use self::{
    account::{AppAddr, AppAuth, AuthLevel, Profile, ServerAccount},
    document::{Characteristic, Document, Parm},
    mac::{BadIdentity, NetworkSecret, Secrets, Security},
    message::{Authentic, Content, Kind, Message, SerializedObject},
};
use crate::{DecodeError, EncodeError, Text};

/// Why a bootstrap message is not followed, or cannot be made.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BootstrapError {
    /// The content type is not that of a bootstrap message.
    #[error("content type {0:?} is not a bootstrap message")]
    UnsupportedMediaType(Text),
    /// The content type says that it is secured in a way that is not known.
    #[error("security method {0:?} is not supported")]
    UnsupportedSecurity(Text),
    /// It has no MAC, or one over octets that it was not sent as.
    #[error("the message is not authenticated")]
    NotAuthenticated,
    /// The secret that its MAC needs was not given.
    #[error("{0} needs a secret that is not at hand")]
    NoSecret(Security),
    /// The MAC is wrong: the message is not from the network or not for this device, or the PIN is mistyped.
    #[error("the mac is wrong")]
    WrongMac,
    /// The PIN was wrong too often.
    #[error("the pin was wrong too often")]
    NoAttemptsLeft,
    /// The octets are not a document.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The document holds what cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The document is of another type, or nested too deeply.
    #[error("the document is not a provisioning document")]
    NotProvisioning,
    /// The message has no serialized object.
    #[error("the message holds no management object")]
    NoObject,
    /// A serialized object is not the Base64 that its format says.
    #[error("a management object is not base64")]
    NotBase64,
    /// An account lacks a parameter that it needs.
    #[error("an account has no {0}")]
    Missing(&'static str),
    /// An account wants authentication of a kind that is not supported, and nothing weaker takes its place.
    #[error("an account wants authentication of type {0:?}")]
    UnsupportedAuth(Text),
}
