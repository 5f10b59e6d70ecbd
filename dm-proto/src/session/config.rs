//! How sessions behave, and what they begin with.

use alloc::vec::Vec;

use crate::{
    Limits, SessionId,
    auth::{Resynchronization, SchemePolicy, SpecialNonce},
    codec::Encoding,
    message::Item,
};

/// The smallest `MaxMsgSize` that sessions declare and keep to, in octets: a header with credentials,
/// statuses, and some data of a large object, in WBXML and with addresses of up to about 50 octets. XML
/// needs about 1100.
///
/// A session with a configuration below it does not begin: [`Misuse::MaxMsgSize`](super::Misuse). With
/// a peer that declares less it ends: [`Incompatibility::MaxMsgSize`](super::Incompatibility). So it
/// does if what must be said fits into none of the peer's messages.
pub const SMALLEST_MESSAGE: u64 = 600;

/// How a client session behaves.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Caps on what the server controls: on the results that one of its messages asks for. Messages are
    /// read by the caller, who gives the same to [`DecodeOptions`](crate::codec::DecodeOptions).
    pub limits: Limits,
    /// The encoding of our messages. Default WBXML.
    pub encoding: Encoding,
    /// The version that we speak. A server may answer in any that is known; one that refuses ours with 505 or
    /// 513 ([`SessionError::Rejected`](super::SessionError::Rejected)) may be tried with another. Default
    /// [`ProtocolVersion::Dm1_2`].
    pub version: ProtocolVersion,
    /// `MaxMsgSize` that we declare, in octets; at least [`SMALLEST_MESSAGE`]. Default 64 KiB.
    pub max_msg_size: u64,
    /// `MaxObjSize` that we declare, in octets: the largest object that is taken, and so the memory
    /// that one under way takes. Default 1 MiB.
    pub max_obj_size: u64,
    /// Whether data that fits into no message of the peer's is split, and such data is taken. If not,
    /// it is 413. Default yes.
    pub large_objects: bool,
    /// Whether large objects come piece by piece, for a caller who stores them. If not, the session
    /// holds what came of one until it is whole, and so does [`Saved`](super::Saved). Default no.
    pub chunks: bool,
    /// How often either side may be challenged before the session ends. Default 3.
    pub challenges: u8,
    /// Which schemes may take the place of those of the account. Default [`SchemePolicy::Stronger`].
    pub schemes: SchemePolicy,
    /// Whether credentials go with the first message, or only once the server has asked for them, which
    /// takes a message more. Default yes.
    pub unasked_credentials: bool,
    /// What a failed command does to the rest of its Sequence. Default [`SequencePolicy::Stop`].
    pub sequence: SequencePolicy,
    /// Whether an Atomic can be undone; if not, it gets 406 and what is in it 215. Default yes.
    pub atomic: bool,
    /// Whether there is a user who can be asked; if not, alerts 1100 to 1104 get 406. Default yes.
    pub user_interaction: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            encoding: Encoding::Wbxml,
            version: ProtocolVersion::Dm1_2,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            large_objects: true,
            chunks: false,
            challenges: 3,
            schemes: SchemePolicy::Stronger,
            unasked_credentials: true,
            sequence: SequencePolicy::Stop,
            atomic: true,
            user_interaction: true,
        }
    }
}

/// What a failed command does to the rest of its Sequence; the text leaves it open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum SequencePolicy {
    /// The rest gets 215.
    #[default]
    Stop,
    /// The rest runs.
    Continue,
}

/// What a client session begins with.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Start {
    /// Who asked for it.
    pub trigger: Trigger,
    /// Its id: the notification's, or one of the device's own.
    pub session_id: SessionId,
    /// One item per node of DevInfo: source and data. Sent in package 1.
    pub dev_info: Vec<Item>,
    /// The special nonce that the notification was signed with, if it was: then it is good for the first
    /// credentials of both sides. OMA-TS-DM_Notification, use of nonce values.
    pub special_nonce: Option<SpecialNonce>,
}

impl Start {
    /// A session to begin.
    pub fn new(trigger: Trigger, session_id: SessionId, dev_info: Vec<Item>) -> Self {
        Self {
            trigger,
            session_id,
            dev_info,
            special_nonce: None,
        }
    }

    /// The same after a notification that only the special nonce verified, if it did.
    #[must_use]
    pub fn with_special_nonce(mut self, special: Option<SpecialNonce>) -> Self {
        self.special_nonce = special;
        self
    }
}

/// Who asked for a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Trigger {
    /// The server, by a notification: Alert 1200.
    Server,
    /// The device: Alert 1201.
    Client,
}

/// How a server session behaves.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Caps on what the client controls. Messages are read by the caller, who gives them to
    /// [`DecodeOptions`](crate::codec::DecodeOptions).
    pub limits: Limits,
    /// The versions that devices may speak; each is answered in its own. Others get 505 or 513 with those that
    /// are here. Default [`ProtocolVersion::ALL`].
    pub versions: Vec<ProtocolVersion>,
    /// `MaxMsgSize` that we declare, in octets; at least [`SMALLEST_MESSAGE`]. Default 64 KiB.
    pub max_msg_size: u64,
    /// `MaxObjSize` that we declare, in octets: the largest object that is taken, and so the memory
    /// that one under way takes. Default 1 MiB.
    pub max_obj_size: u64,
    /// Whether data that fits into no message of the peer's is split, and such data is taken. If not,
    /// it is 413. Default yes.
    pub large_objects: bool,
    /// Whether large objects come piece by piece, for a caller who stores them. If not, the session
    /// holds what came of one until it is whole, and so does [`Saved`](super::Saved). Default no.
    pub chunks: bool,
    /// How often either side may be challenged before the session ends. Default 3.
    pub challenges: u8,
    /// Which schemes may take the place of those of the account. Default [`SchemePolicy::Stronger`].
    pub schemes: SchemePolicy,
    /// Whether a device may prove itself with the special nonce; the server then does so too. For the
    /// session that a notification signed with it has asked for
    /// ([`Notification::to_octets_with`](crate::notification::Notification::to_octets_with)). Default
    /// [`Resynchronization::Refused`].
    pub resynchronization: Resynchronization,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            versions: ProtocolVersion::ALL.to_vec(),
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            large_objects: true,
            chunks: false,
            challenges: 3,
            schemes: SchemePolicy::Stronger,
            resynchronization: Resynchronization::Refused,
        }
    }
}

/// A version of the protocol, as `VerDTD` and `VerProto` name it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProtocolVersion {
    /// OMA DM 1.1.2: SyncML 1.1. It has no generic alerts (1226), no correlators, no serialized objects.
    Dm1_1,
    /// OMA DM 1.2.
    Dm1_2,
    /// OMA DM 1.3: the messages of 1.2 under another name.
    Dm1_3,
}

impl ProtocolVersion {
    /// Every version, the preferred one first.
    pub const ALL: &[Self] = &[Self::Dm1_2, Self::Dm1_3, Self::Dm1_1];

    /// Its `VerDTD`.
    pub const fn ver_dtd(self) -> &'static str {
        match self {
            Self::Dm1_1 => "1.1",
            Self::Dm1_2 | Self::Dm1_3 => "1.2",
        }
    }

    /// Its `VerProto`.
    pub const fn ver_proto(self) -> &'static str {
        match self {
            Self::Dm1_1 => "DM/1.1",
            Self::Dm1_2 => "DM/1.2",
            Self::Dm1_3 => "DM/1.3",
        }
    }
}

/// What a kind of device does and does not do.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct DeviceProfile {
    /// Asks its user on alerts 1100 to 1104.
    pub user_interaction: bool,
    /// Undoes a failed Atomic. If not, values are set one by one and read back.
    pub atomic: bool,
    /// A refused 1101 keeps the Exec behind it in the same Sequence from running.
    pub sequence_guards: bool,
    /// Echoes correlators.
    pub correlator: bool,
    /// Has ACLs.
    pub acl: bool,
    /// Takes large objects.
    pub large_objects: bool,
    /// How the special nonce looks to it.
    pub special_nonce: SpecialNonce,
    /// Takes the name of the server's credentials for the user name of a notification, in place of the
    /// server's identifier.
    pub notified_by_name: bool,
    /// The longest server identifier of a notification that it takes, in octets.
    pub server_id_octets: u8,
}

impl DeviceProfile {
    /// What the documents ask of a device, except that no Sequence is trusted as a guard.
    pub const STANDARD: Self = Self {
        user_interaction: true,
        atomic: true,
        sequence_guards: false,
        correlator: true,
        acl: true,
        large_objects: true,
        special_nonce: SpecialNonce::Octets,
        notified_by_name: false,
        server_id_octets: u8::MAX,
    };

    /// Windows (MS-MDM).
    pub const WINDOWS: Self = Self {
        user_interaction: false,
        atomic: true,
        sequence_guards: false,
        correlator: false,
        acl: false,
        large_objects: false,
        ..Self::STANDARD
    };

    /// Intel's libdmclient: no Atomic, neither a status for one nor a way back; after a failed command of a
    /// Sequence it goes on; a notification is verified with the name of the server's credentials, and the
    /// special nonce is text.
    pub const LIBDMCLIENT: Self = Self {
        atomic: false,
        special_nonce: SpecialNonce::Text,
        notified_by_name: true,
        ..Self::STANDARD
    };

    /// The DM client of Android phones (`android_packages_apps_OMA-DM`): an Exec in a Sequence runs whatever
    /// failed or was refused before it; notifications name servers with up to 23 octets.
    pub const ANDROID: Self = Self {
        server_id_octets: 23,
        ..Self::STANDARD
    };

    /// The same, trusting a Sequence to hold an Exec back. For devices known to.
    #[must_use]
    pub fn with_sequence_guards(mut self) -> Self {
        self.sequence_guards = true;
        self
    }
}

impl Default for DeviceProfile {
    fn default() -> Self {
        Self::STANDARD
    }
}
