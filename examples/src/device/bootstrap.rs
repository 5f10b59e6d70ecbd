//! A bootstrap message in a file: how a device comes to its first account.

use std::{fs, io::Read as _, path::Path};

use bytes::Bytes;
use dm_proto::{
    Limits,
    bootstrap::{BootstrapError, Content, Kind, Message, Profile, Secrets, ServerAccount},
    wap_push::Push,
};

/// Why a file gives no account.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is longer than a bootstrap message is.
    #[error("it is longer than {MAX_LENGTH} octets")]
    TooLong,
    /// It is neither a document nor a WAP push with one.
    #[error("it is neither a provisioning document nor a push with one")]
    Unknown,
    /// The message is not followed.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// It holds management objects, which need a tree.
    #[error("it holds management objects, which dm-device does not take yet")]
    Objects,
    /// It holds no account of a server.
    #[error("it holds no account of a server")]
    NoAccount,
}

const MAX_LENGTH: u64 = 64 << 10;

/// The first account of a file: a Client Provisioning document as XML or WBXML, or a WAP push with one.
///
/// A document alone is believed, since whoever may give this program files may give it accounts as well. A
/// push came from elsewhere: it is believed if its MAC is right, by the secrets that are given.
///
/// # Errors
///
/// If there is none, or it is not authentic.
pub fn account_in(file: &Path, secrets: &Secrets) -> Result<ServerAccount, FileError> {
    let mut octets = Vec::new();
    fs::File::open(file)?
        .take(MAX_LENGTH + 1)
        .read_to_end(&mut octets)?;
    if octets.len() as u64 > MAX_LENGTH {
        return Err(FileError::TooLong);
    }
    let limits = Limits::DEFAULT;
    let octets = Bytes::from(octets);
    let pushed = Push::read(&octets).ok();
    let pushed = pushed.and_then(|push| Message::from_push(&push).ok());
    let authentic = match pushed {
        Some(mut message) => message.authenticate(secrets)?,
        None => {
            let media_type = Kind::detect(&octets, &limits).ok_or(FileError::Unknown)?;
            Message::read(media_type, octets)?.trust_the_transport()
        }
    };
    match authentic.content(&limits)? {
        Content::Provisioning(document) => {
            let accounts = Profile::read(&document)?.accounts;
            accounts.into_iter().next().ok_or(FileError::NoAccount)
        }
        _ => Err(FileError::Objects),
    }
}
