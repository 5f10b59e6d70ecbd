//! How sessions behave, and what they begin with.

use alloc::vec::Vec;

use crate::{Limits, SessionId, codec::Encoding, message::Item};

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
    /// What a failed command does to the rest of its Sequence. Default [`SequencePolicy::Stop`].
    pub sequence: SequencePolicy,
    /// Whether there is a user who can be asked; if not, alerts 1100 to 1104 get 406. Default yes.
    pub user_interaction: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            encoding: Encoding::Wbxml,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            large_objects: true,
            chunks: false,
            challenges: 3,
            sequence: SequencePolicy::Stop,
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
}

impl Start {
    /// A session to begin.
    pub fn new(trigger: Trigger, session_id: SessionId, dev_info: Vec<Item>) -> Self {
        Self {
            trigger,
            session_id,
            dev_info,
        }
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
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            large_objects: true,
            chunks: false,
            challenges: 3,
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
    };

    /// Windows (MS-MDM).
    pub const WINDOWS: Self = Self {
        user_interaction: false,
        atomic: true,
        sequence_guards: false,
        correlator: false,
        acl: false,
        large_objects: false,
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
