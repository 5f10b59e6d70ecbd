//! Package 0: the notification that asks a device to begin a session.
//!
//! OMA-TS-DM_Notification. Notifications conforming to DM 1.2 carry version 1.1. The digest protects
//! the device against sessions begun for nothing: a notification with a wrong one is ignored.

use alloc::{collections::VecDeque, string::String, vec::Vec};

use nom::{
    Finish as _, IResult, Parser as _,
    bytes::complete::take,
    combinator::rest,
    number::complete::{be_u64, u8},
};
use subtle::ConstantTimeEq as _;

pub use crate::auth::{Resynchronization, SpecialNonce};
use crate::{
    SessionId, Text,
    auth::{Account, Nonce, md5},
    session::DeviceProfile,
    wap_push::{APPLICATION_DM, Push},
};

/// The media type of a notification.
pub const MEDIA_TYPE: &str = "application/vnd.syncml.notification";

/// How the device is asked to involve its user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all values of two bits")]
pub enum UiMode {
    /// The device decides.
    #[default]
    NotSpecified,
    /// In the background.
    Background,
    /// The user is told.
    Informative,
    /// The user is asked before the session.
    UserInteraction,
}

/// Who caused a notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all values of a bit")]
pub enum Initiator {
    /// The user of the device.
    Client,
    /// The server.
    Server,
}

/// A notification, without its digest.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// How to involve the user.
    pub ui_mode: UiMode,
    /// Who caused it.
    pub initiator: Initiator,
    /// The id of the session to begin, 1 to 0xFFFF.
    pub session_id: u16,
    /// The server's identifier: 1 to 255 octets. Some devices take at most 23.
    pub server_id: Text,
    /// What else the vendor put in; undefined by the standard.
    pub body: Vec<u8>,
}

/// A notification that was read, not yet [verified](Self::verify).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// What it says, unverified: enough to find the account.
    pub notification: Notification,
    /// The version of the notification in tenths: 11 for DM 1.1 and 1.2.
    pub version: u16,
    digest: md5::Digest,
    /// What the digest is over.
    trigger: Vec<u8>,
}

/// With which nonce a notification was verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Verified {
    /// With the nonce of the account.
    StoredNonce,
    /// With the special nonce: the nonces of both sides have to be made anew, and the session's first
    /// credentials use it too ([`Start::with_special_nonce`](crate::session::Start::with_special_nonce)).
    SpecialNonce(SpecialNonce),
}

impl Verified {
    /// The special nonce, if it was that.
    pub fn special_nonce(self) -> Option<SpecialNonce> {
        match self {
            Self::StoredNonce => None,
            Self::SpecialNonce(special) => Some(special),
        }
    }
}

/// Why octets are not a notification, or one cannot be built.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotificationError {
    /// The octets end too early.
    #[error("notification byte {offset}: unexpected end of input")]
    UnexpectedEnd {
        /// Where more was needed.
        offset: usize,
    },
    /// The version is not one of 1.0 to 1.3.
    #[error("notification byte {offset}: version {version} (in tenths) is unknown")]
    Version {
        /// Where it stands.
        offset: usize,
        /// The version in tenths.
        version: u16,
    },
    /// A push of another type, or for another application.
    #[error("the push is not a notification of device management")]
    NotAPushOfDm,
    /// The session id is 0.
    #[error("notification byte {offset}: session id 0")]
    SessionId {
        /// Where it stands.
        offset: usize,
    },
    /// The server identifier is empty, longer than 255 octets, or not text.
    #[error("notification byte {offset}: no server identifier")]
    ServerId {
        /// Where it stands.
        offset: usize,
    },
}

impl Notification {
    /// A notification of the server's, without a word on the user interface.
    pub fn new(session_id: u16, server_id: impl Into<Text>) -> Self {
        Self {
            ui_mode: UiMode::NotSpecified,
            initiator: Initiator::Server,
            session_id,
            server_id: server_id.into(),
            body: Vec::new(),
        }
    }

    /// The octets, with a digest over the server's credentials in `account`. As the document says, the
    /// user name in it is the server's identifier.
    ///
    /// # Errors
    ///
    /// If the session id is 0 or the server identifier has a length that cannot be written.
    pub fn to_octets(&self, account: &Account) -> Result<Vec<u8>, NotificationError> {
        self.signed(account, &self.server_id, &account.server.nonce)
    }

    /// The octets for a kind of device that has ways of its own: with the user name that it takes, and, if
    /// `is_special`, the special nonce as it has it.
    ///
    /// # Errors
    ///
    /// As [`to_octets`](Self::to_octets), and if the device takes no server identifier of that length.
    pub fn to_octets_for(
        &self,
        account: &Account,
        profile: &DeviceProfile,
        is_special: bool,
    ) -> Result<Vec<u8>, NotificationError> {
        if self.server_id.len() > usize::from(profile.server_id_octets) {
            return Err(NotificationError::ServerId { offset: SERVER_ID });
        }
        let name = match profile.notified_by_name && !account.server.name.is_empty() {
            true => &account.server.name,
            false => &self.server_id,
        };
        match is_special {
            true => self.signed(account, name, &profile.special_nonce.nonce()),
            false => self.signed(account, name, &account.server.nonce),
        }
    }

    /// The same with the special nonce: for a device that may have lost the account's, say by a factory
    /// reset, and lets notifications with the stored one lie. The session that it begins needs
    /// [`ServerConfig::resynchronization`](crate::session::ServerConfig::resynchronization).
    ///
    /// # Errors
    ///
    /// As [`to_octets`](Self::to_octets).
    pub fn to_octets_with(
        &self,
        account: &Account,
        special: SpecialNonce,
    ) -> Result<Vec<u8>, NotificationError> {
        self.signed(account, &self.server_id, &special.nonce())
    }

    fn signed(
        &self,
        account: &Account,
        name: &str,
        nonce: &Nonce,
    ) -> Result<Vec<u8>, NotificationError> {
        let trigger = self.trigger()?;
        let secret = account.server.secret.expose();
        let digest = md5::digest_with_body(name, secret, nonce, &trigger);
        Ok([digest.as_slice(), &trigger].concat())
    }

    /// The id as it stands in the messages of the session.
    ///
    /// OMA-TS-DM_Notification: upper-case hexadecimal without leading zeros.
    pub fn session_id_text(&self) -> SessionId {
        SessionId::from(alloc::format!("{:X}", self.session_id))
    }

    fn trigger(&self) -> Result<Vec<u8>, NotificationError> {
        if self.session_id == 0 {
            return Err(NotificationError::SessionId { offset: SESSION_ID });
        }
        let length =
            core::num::NonZeroU8::new(u8::try_from(self.server_id.len()).unwrap_or_default())
                .ok_or(NotificationError::ServerId { offset: SERVER_ID })?;
        let ui_mode = match self.ui_mode {
            UiMode::NotSpecified => 0,
            UiMode::Background => 1,
            UiMode::Informative => 2,
            UiMode::UserInteraction => 3,
        };
        let initiator = match self.initiator {
            Initiator::Client => 0,
            Initiator::Server => 1,
        };
        let header: u64 = (u64::from(VERSION_1_1) << 54)
            | (ui_mode << 52)
            | (initiator << 51)
            | (u64::from(self.session_id) << 8)
            | u64::from(length.get());
        Ok([
            header.to_be_bytes().as_slice(),
            self.server_id.as_bytes(),
            &self.body,
        ]
        .concat())
    }
}

impl Received {
    /// Reads a notification. Reserved bits are ignored.
    ///
    /// # Errors
    ///
    /// If the octets are not a notification.
    pub fn read(octets: &[u8]) -> Result<Self, NotificationError> {
        let at = |left: &[u8]| octets.len().saturating_sub(left.len());
        let short = |error: nom::error::Error<&[u8]>| NotificationError::UnexpectedEnd {
            offset: at(error.input),
        };
        let (trigger, digest) = digest(octets).finish().map_err(short)?;
        let (after, header) = be_u64::<_, nom::error::Error<&[u8]>>(trigger)
            .finish()
            .map_err(short)?;
        let [.., length] = header.to_be_bytes();
        let (_, (server_id, body)) = (take(length), rest::<_, nom::error::Error<&[u8]>>)
            .parse(after)
            .finish()
            .map_err(short)?;

        let version = bits(header, 54, 0x3FF);
        if !VERSIONS.contains(&version) {
            return Err(NotificationError::Version {
                offset: VERSION,
                version,
            });
        }
        let session_id = bits(header, 8, 0xFFFF);
        if session_id == 0 {
            return Err(NotificationError::SessionId { offset: SESSION_ID });
        }
        let server_id = core::str::from_utf8(server_id)
            .ok()
            .filter(|id| !id.is_empty())
            .ok_or(NotificationError::ServerId { offset: SERVER_ID })?;
        Ok(Self {
            notification: Notification {
                ui_mode: match bits(header, 52, 3) {
                    0 => UiMode::NotSpecified,
                    1 => UiMode::Background,
                    2 => UiMode::Informative,
                    _ => UiMode::UserInteraction,
                },
                initiator: match bits(header, 51, 1) {
                    0 => Initiator::Client,
                    _ => Initiator::Server,
                },
                session_id,
                server_id: server_id.into(),
                body: body.to_vec(),
            },
            version,
            digest,
            trigger: trigger.to_vec(),
        })
    }

    /// Reads a notification that came by WAP push. OMA-TS-DM_Notification, WAP push: the content type and the
    /// application identifier of device management.
    ///
    /// # Errors
    ///
    /// If the push is for something else or its body is not a notification.
    pub fn from_push(push: &Push) -> Result<Self, NotificationError> {
        let media_type = push.content_type.split(';').next().unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE)
            || push.application != Some(APPLICATION_DM)
        {
            return Err(NotificationError::NotAPushOfDm);
        }
        Self::read(&push.body)
    }

    /// Whether the notification is from the server of `account`, and by which nonce that is known.
    /// Compares in constant time.
    ///
    /// The digest is tried with the server's identifier as user name, then with the name of its
    /// credentials, as devices in the field do.
    pub fn verify(
        &self,
        account: &Account,
        resynchronization: Resynchronization,
    ) -> Option<Verified> {
        if self.notification.server_id != account.server_id {
            return None;
        }
        if self.is_signed(account, &account.server.nonce) {
            return Some(Verified::StoredNonce);
        }
        let mut forms = resynchronization.forms().iter();
        let special = forms.find(|form| self.is_signed(account, &form.nonce()));
        special.copied().map(Verified::SpecialNonce)
    }

    fn is_signed(&self, account: &Account, nonce: &Nonce) -> bool {
        let secret = account.server.secret.expose();
        [&account.server_id, &account.server.name]
            .into_iter()
            .any(|name| {
                let expected = md5::digest_with_body(name, secret, nonce, &self.trigger);
                bool::from(expected.ct_eq(&self.digest))
            })
    }
}

/// The sessions that notifications have led to: what a device remembers, so that a notification that
/// comes again begins nothing.
///
/// OMA-TS-DM_Notification, `sessionid`: notifications for one session have one identifier, and lead to one
/// session. A digest over the nonce of the account protects against those of earlier sessions, since that
/// nonce changes; one over the [special nonce](SpecialNonce) never does. Remember a session when it is
/// complete: a server whose session failed asks for it again under its identifier.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct SessionLog(VecDeque<(Text, SessionId)>);

impl SessionLog {
    /// How many sessions of one server are remembered.
    pub const PER_SERVER: usize = 16;
    /// How many sessions are remembered in all.
    pub const TOTAL: usize = 256;

    /// Whether a session of this server was completed, as far as is remembered.
    pub fn contains(&self, server_id: &str, session_id: &SessionId) -> bool {
        let mut known = self.0.iter();
        known.any(|(server, session)| server == server_id && session == session_id)
    }

    /// Remembers a completed session, and forgets the oldest where there are too many.
    pub fn remember(&mut self, server_id: &str, session_id: &SessionId) {
        if self.contains(server_id, session_id) {
            return;
        }
        let of_server = |entry: &(Text, SessionId)| entry.0 == server_id;
        let count = self.0.iter().filter(|entry| of_server(entry)).count();
        let oldest = match (count >= Self::PER_SERVER, self.0.len() >= Self::TOTAL) {
            (true, _) => self.0.iter().position(of_server),
            (false, true) => Some(0),
            (false, false) => None,
        };
        if let Some(oldest) = oldest {
            self.0.remove(oldest);
        }
        self.0.push_back((server_id.into(), session_id.clone()));
    }
}

/// Where the fields stand, in octets.
const VERSION: usize = 16;
const SESSION_ID: usize = 21;
const SERVER_ID: usize = 24;

/// The version that DM 1.1 and 1.2 carry, in tenths.
const VERSION_1_1: u16 = 11;
/// Those that are read; the layout of the later ones is taken to be the same.
const VERSIONS: core::ops::RangeInclusive<u16> = 10..=13;

fn digest(octets: &[u8]) -> IResult<&[u8], md5::Digest> {
    let mut digest = [0; 16];
    let (left, ()) = nom::multi::fill(u8, &mut digest).parse(octets)?;
    Ok((left, digest))
}

fn bits(header: u64, shift: u32, mask: u16) -> u16 {
    let [.., high, low] = (header >> shift).to_be_bytes();
    u16::from_be_bytes([high, low]) & mask
}

impl core::fmt::Display for Notification {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let body: String = self
            .body
            .iter()
            .map(|octet| alloc::format!("{octet:02x}"))
            .collect();
        write!(
            f,
            "session {} of {} ({:?}, {:?}) {body}",
            self.session_id_text(),
            self.server_id,
            self.ui_mode,
            self.initiator
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::Credentials, wap_push::Push};

    /// Version 1.1, background, client, session 0x1234, "com.mgmtsrv.manage".
    const TRIGGER: &str = "02d0000000 1234 12 636f6d2e6d676d747372762e6d616e616765";

    fn octets(hex: &str) -> Vec<u8> {
        crate::vectors::octets(hex)
    }

    fn account(server_id: &str, name: &str, secret: &str, nonce: &[u8]) -> Account {
        Account {
            server_id: server_id.into(),
            server_uri: "http://server.test/dm".into(),
            device_uri: "IMEI:1".into(),
            client: Credentials::transport(),
            server: Credentials::md5(name, secret, Nonce::from(nonce)),
        }
    }

    fn manage(nonce: &[u8]) -> Account {
        account(
            "com.mgmtsrv.manage",
            "com.mgmtsrv.manage",
            "mysecret",
            nonce,
        )
    }

    fn published() -> Notification {
        Notification {
            ui_mode: UiMode::Background,
            initiator: Initiator::Client,
            ..Notification::new(0x1234, "com.mgmtsrv.manage")
        }
    }

    #[test]
    fn the_vectors_are_built_and_read() {
        let second = Notification {
            ui_mode: UiMode::UserInteraction,
            body: alloc::vec![0xDE, 0xAD],
            ..Notification::new(0xAB, "srv1")
        };
        let cases = [
            (
                published(),
                manage(b"Nonce"),
                "bc1817ccde348b802f2d4973e580018b",
                TRIGGER,
            ),
            (
                published(),
                manage(&[0; 4]),
                "4d6cc0a7f43755d9630fef56637a8f7b",
                TRIGGER,
            ),
            (
                published(),
                manage(b"0x00000000"),
                "59e070be32ccdfdb772fede899c5358a",
                TRIGGER,
            ),
            (
                second,
                account("srv1", "srv1", "pw", &[0x00, 0xFF, 0x10]),
                "ed6f393045062e0738ebe43c721df545",
                "02f8000000 00ab 04 73727631 dead",
            ),
        ];
        for (notification, account, digest, trigger) in cases {
            let expected = [octets(digest), octets(trigger)].concat();
            assert_eq!(notification.to_octets(&account), Ok(expected.clone()));

            let received = Received::read(&expected).expect("a notification");
            assert_eq!(received.notification, notification);
            assert_eq!(received.version, 11);
            assert_eq!(
                received.verify(&account, Resynchronization::Refused),
                Some(Verified::StoredNonce)
            );
        }
    }

    #[test]
    fn session_ids_are_written_without_leading_zeros() {
        for (id, text) in [(1, "1"), (0xAB, "AB"), (0x1234, "1234"), (0xFFFF, "FFFF")] {
            assert_eq!(Notification::new(id, "srv").session_id_text(), text);
        }
    }

    #[test]
    fn a_changed_bit_is_refused_or_not_verified() {
        let account = manage(b"Nonce");
        let good = published().to_octets(&account).expect("a notification");
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                let verified = Received::read(&bad)
                    .ok()
                    .and_then(|received| received.verify(&account, Resynchronization::Allowed));
                assert_eq!(verified, None, "bit {bit} of octet {place}");
            }
        }
    }

    #[test]
    fn bad_input_is_refused_with_its_place() {
        let digest = "bc1817ccde348b802f2d4973e580018b";
        let cases = [
            ("", "notification byte 0: unexpected end of input"),
            (
                "02d00000001234",
                "notification byte 16: unexpected end of input",
            ),
            (
                "02d0000000123412636f6d",
                "notification byte 24: unexpected end of input",
            ),
            (
                "02d0000000123400",
                "notification byte 24: no server identifier",
            ),
            (
                "02d0000000123402ff80",
                "notification byte 24: no server identifier",
            ),
            ("02d000000000000161", "notification byte 21: session id 0"),
            (
                "0390000000123401 61",
                "notification byte 16: version 14 (in tenths) is unknown",
            ),
        ];
        for (trigger, expected) in cases {
            let hex = if trigger.is_empty() { "" } else { digest };
            let input = [octets(hex), octets(trigger)].concat();
            let error = Received::read(&input).expect_err(trigger);
            assert_eq!(alloc::format!("{error}"), expected);
        }
    }

    #[test]
    fn the_special_nonce_counts_only_where_it_is_allowed() {
        let stale = manage(&[0; 4]);
        let sent = published().to_octets(&stale).expect("a notification");
        let received = Received::read(&sent).expect("a notification");
        let account = manage(b"Nonce");

        assert_eq!(received.verify(&account, Resynchronization::Refused), None);
        assert_eq!(
            received.verify(&account, Resynchronization::Allowed),
            Some(Verified::SpecialNonce(SpecialNonce::Octets))
        );
    }

    #[test]
    fn the_name_of_the_credentials_is_tried_too() {
        let named = account("name", "name", "pw", b"n");
        let notification = Notification::new(1, "srv");
        let sent = notification.to_octets(&named).expect("a notification");
        let digest_by_name =
            md5::digest_with_body("name", "pw", &Nonce::from(&b"n"[..]), &sent[16..]);
        let by_name = [digest_by_name.as_slice(), &sent[16..]].concat();

        let received = Received::read(&by_name).expect("a notification");

        assert_eq!(
            received.verify(
                &account("srv", "name", "pw", b"n"),
                Resynchronization::Refused
            ),
            Some(Verified::StoredNonce)
        );
        assert_eq!(
            received.verify(
                &account("other", "name", "pw", b"n"),
                Resynchronization::Refused
            ),
            None
        );
    }

    #[test]
    fn as_many_completed_sessions_are_remembered_as_fit() {
        let id = |number: u32| SessionId::from(number);
        let mut log = SessionLog::default();
        log.remember("other", &id(1));
        for number in 1..=20 {
            log.remember("srv", &id(number));
            log.remember("srv", &id(number));
        }
        assert!(
            log.contains("other", &id(1)),
            "one server forgets its own only"
        );
        assert!(!log.contains("other", &id(2)));
        for number in 1..=20 {
            assert_eq!(log.contains("srv", &id(number)), number > 4, "{number}");
        }
        for server in 0..300 {
            log.remember(&alloc::format!("srv{server}"), &id(1));
        }
        assert_eq!(log.0.len(), SessionLog::TOTAL);
        assert!(!log.contains("other", &id(1)));
    }

    #[test]
    fn a_push_is_a_notification_by_its_type_and_application() {
        let account = manage(b"Nonce");
        let sent = published().to_octets(&account).expect("a notification");
        let push = Push::new(1, MEDIA_TYPE, sent.clone());
        assert_eq!(Received::from_push(&push), Received::read(&sent));
        for other in [
            Push::new(1, "application/octet-stream", sent.clone()),
            Push {
                application: Some(5),
                ..push.clone()
            },
            Push {
                application: None,
                ..push
            },
        ] {
            assert_eq!(
                Received::from_push(&other),
                Err(NotificationError::NotAPushOfDm)
            );
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let account = manage(b"");
        assert_eq!(
            Notification::new(0, "srv").to_octets(&account),
            Err(NotificationError::SessionId { offset: 21 })
        );
        for id in ["", &"x".repeat(256)] {
            assert_eq!(
                Notification::new(1, id).to_octets(&account),
                Err(NotificationError::ServerId { offset: 24 })
            );
        }
    }
}
