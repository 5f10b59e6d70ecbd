//! [`Received`]: a message that was read but belongs to no session yet.

use alloc::vec::Vec;

use bytes::Bytes;

use super::imprint::Imprint;
use crate::{
    DecodeError, Text,
    auth::mac::Mac,
    codec::{self, DecodeOptions, Decoded, Encoding, Tolerance},
    message::{SyncHdr, SyncMl},
};

/// A message that was read but is not believed yet: it routes a request before a session exists.
#[derive(Clone, Debug)]
pub struct Received {
    pub(super) message: SyncMl,
    pub(super) encoding: Encoding,
    tolerances: Vec<Tolerance>,
    pub(super) imprint: Imprint,
    pub(super) mac: Mac,
}

/// What the transport said about a message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// The `Content-Type`; its `charset` counts as in [`DecodeOptions::with_content_type`].
    pub content_type: &'a str,
    /// [`HMAC_HEADER`](crate::auth::HMAC_HEADER), where it is there.
    pub hmac: Option<&'a str>,
}

impl<'a> Headers<'a> {
    /// Headers with a content type.
    pub fn new(content_type: &'a str) -> Self {
        Self {
            content_type,
            hmac: None,
        }
    }

    /// The same with the value of [`HMAC_HEADER`](crate::auth::HMAC_HEADER), if there was one. One that is
    /// not text counts as one that does not sign: give an empty value.
    #[must_use]
    pub fn with_hmac(mut self, value: Option<&'a str>) -> Self {
        self.hmac = value;
        self
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
        let Decoded {
            message,
            tolerances,
        } = codec::decode(
            encoding,
            &octets,
            &options.clone().with_content_type(headers.content_type),
        )?;
        Ok(Self {
            message,
            encoding,
            tolerances,
            imprint: Imprint::Octets(octets),
            mac: Mac::read(headers.hmac),
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

    /// Whether it shows credentials, right or wrong: in the message, or a signature beside it.
    pub fn has_credentials(&self) -> bool {
        self.header().cred.is_some() || self.mac.is_present()
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
