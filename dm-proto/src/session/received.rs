//! [`Received`]: a message that was read but belongs to no session yet.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    DecodeError, Text,
    auth::md5,
    codec::{self, DecodeOptions, Decoded, Encoding, Tolerance},
    message::{SyncHdr, SyncMl},
};

/// A message that was read but is not believed yet: it routes a request before a session exists.
#[derive(Clone, Debug)]
pub struct Received {
    pub(super) message: SyncMl,
    pub(super) encoding: Encoding,
    tolerances: Vec<Tolerance>,
    /// MD5 of the octets: what tells a repeated message from another with the same MsgID.
    pub(super) digest: md5::Digest,
}

/// What the transport said about a message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// The `Content-Type`.
    pub content_type: &'a str,
}

impl<'a> Headers<'a> {
    /// Headers with a content type.
    pub fn new(content_type: &'a str) -> Self {
        Self { content_type }
    }
}

/// Why a message cannot enter any session.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReceiveError {
    /// The content type is not that of a DM message.
    #[error("content type {0:?} is not a DM message")]
    UnsupportedMediaType(Text),
    /// The octets are not a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Received {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// If the content type is unknown or the octets are not a message.
    pub fn read(
        octets: Bytes,
        headers: Headers<'_>,
        options: &DecodeOptions,
    ) -> Result<Self, ReceiveError> {
        let encoding = Encoding::from_media_type(headers.content_type)
            .ok_or_else(|| ReceiveError::UnsupportedMediaType(headers.content_type.into()))?;
        let digest = md5::of(&octets);
        let Decoded {
            message,
            tolerances,
        } = codec::decode(encoding, &octets, options)?;
        Ok(Self {
            message,
            encoding,
            tolerances,
            digest,
        })
    }

    /// The header, unverified.
    pub fn header(&self) -> &SyncHdr {
        &self.message.header
    }

    /// The whole message, unverified.
    pub fn message(&self) -> &SyncMl {
        &self.message
    }

    /// How the message was encoded; the answer is encoded alike.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What in it broke the letter of the documents.
    pub fn tolerances(&self) -> &[Tolerance] {
        &self.tolerances
    }

    /// The number of the message, if it is one that a message can have.
    pub(super) fn number(&self) -> Option<u32> {
        let number = self.header().msg_id.as_str().trim().parse().ok()?;
        (number > 0).then_some(number)
    }
}
