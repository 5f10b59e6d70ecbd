//! [`Imprint`]: what tells a repeated message from another with the same number.

use core::fmt;

use bytes::Bytes;

use crate::auth::md5::{self, Digest};

/// The octets of a message, or, once they were saved, their MD5: a session that stays in memory never
/// makes it. `Debug` shows neither: there are credentials in the octets.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(from = "Digest", into = "Digest"))]
pub(super) enum Imprint {
    Octets(Bytes),
    Digest(Digest),
}

impl Imprint {
    /// That of no message.
    pub(super) const NONE: Self = Self::Digest([0; 16]);

    /// The MD5 of the octets.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Octets(octets) => md5::of(octets),
            Self::Digest(digest) => *digest,
        }
    }
}

impl PartialEq for Imprint {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Octets(one), Self::Octets(other)) => one == other,
            _ => self.digest() == other.digest(),
        }
    }
}

impl From<Digest> for Imprint {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl From<Imprint> for Digest {
    fn from(imprint: Imprint) -> Self {
        imprint.digest()
    }
}

impl fmt::Debug for Imprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imprint").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn octets_and_their_digest_are_the_same_message() {
        let octets = Imprint::Octets(Bytes::from_static(b"message"));
        let digest = Imprint::Digest(octets.digest());
        let other = Imprint::Octets(Bytes::from_static(b"Message"));
        assert_eq!(octets, digest);
        assert_eq!(digest, octets);
        assert_eq!(octets, octets.clone());
        assert_ne!(octets, other);
        assert_ne!(digest, other);
        assert_ne!(octets, Imprint::NONE);
    }

    #[test]
    fn debug_shows_no_octets() {
        let imprint = Imprint::Octets(Bytes::from_static(b"secret"));
        assert_eq!(format!("{imprint:?}"), "Imprint { .. }");
    }
}
