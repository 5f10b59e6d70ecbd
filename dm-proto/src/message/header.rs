//! [`SyncMl`] and [`SyncHdr`].

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Command, Cred, Location, Meta};
use crate::{Extra, MsgId, SessionId, Text};

/// A whole message: a header, commands in order, and whether the package ends here.
///
/// OMA-TS-DM_RepPro, `SyncML`, `SyncBody`, `Final`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct SyncMl {
    /// Who talks to whom, and in which session.
    pub header: SyncHdr,
    /// The commands of the body in document order.
    pub commands: Vec<Command>,
    /// Whether the message is the last of its package (`Final`).
    #[doc(alias = "Final")]
    pub is_final: bool,
    /// Foreign attributes and elements of `SyncML` (`on` empty) and `SyncBody`.
    pub extra: Extra,
}

/// The header of a message.
///
/// OMA-TS-DM_RepPro, `SyncHdr`. Content: `VerDTD, VerProto, SessionID, MsgID, Target, Source,
/// RespURI?, NoResp?, Cred?, Meta?`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct SyncHdr {
    /// `VerDTD`: `1.2` for DM 1.2.
    pub ver_dtd: Text,
    /// `VerProto`: `DM/1.2` for DM 1.2.
    pub ver_proto: Text,
    /// The session.
    pub session_id: SessionId,
    /// The number of this message among those of its sender in the session.
    pub msg_id: MsgId,
    /// Whom the message is for.
    pub target: Location,
    /// Whom it is from; for MD5 credentials `loc_name` carries the user name.
    pub source: Location,
    /// Where the next message of the session goes, if not where this one came from.
    pub resp_uri: Option<Text>,
    /// `NoResp`; not used in DM.
    pub no_resp: bool,
    /// Credentials of the sender.
    pub cred: Option<Box<Cred>>,
    /// `MaxMsgSize`, `MaxObjSize` of the sender.
    pub meta: Option<Arc<Meta>>,
    /// What the header held beyond this model.
    pub extra: Extra,
}
