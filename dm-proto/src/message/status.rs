//! [`Status`] and [`Results`].

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Chal, CommandName, Cred, Item, Meta};
use crate::{CmdId, Extra, MsgId, StatusCode, Text};

/// A `Status`: the answer to a command.
///
/// OMA-TS-DM_RepPro, `Status`. Content: `CmdID, MsgRef, CmdRef, Cmd, TargetRef*, SourceRef*, Cred?,
/// Chal?, Data, Item*`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Status {
    /// The identifier of this command.
    pub cmd_id: CmdId,
    /// The message that held the command answered.
    pub msg_ref: MsgId,
    /// The command answered; `0` for the `SyncHdr`.
    pub cmd_ref: CmdId,
    /// The name of the command answered.
    pub cmd: CommandName,
    /// The targets answered for, where the items of a command have different codes.
    pub target_refs: Vec<Text>,
    /// The sources answered for.
    pub source_refs: Vec<Text>,
    /// `Cred`; not used in DM.
    pub cred: Option<Box<Cred>>,
    /// A challenge, or the next nonce.
    pub chal: Option<Box<Chal>>,
    /// The code. Missing or not a number reads as 400, which a strict reader refuses.
    pub data: StatusCode,
    /// More about it: the user's input, the failing node, supported versions.
    pub items: Vec<Item>,
    /// What the element held beyond this model.
    pub extra: Extra,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            cmd_id: CmdId::default(),
            msg_ref: MsgId::default(),
            cmd_ref: CmdId::default(),
            cmd: CommandName::default(),
            target_refs: Vec::new(),
            source_refs: Vec::new(),
            cred: None,
            chal: None,
            data: StatusCode::OK,
            items: Vec::new(),
            extra: Extra::NONE,
        }
    }
}

/// A `Results`: the data that a `Get` asked for (some clients send it for an `Exec` too).
///
/// OMA-TS-DM_RepPro, `Results`. Content: `CmdID, MsgRef?, CmdRef, Meta?, TargetRef?, SourceRef?, Item+`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Results {
    /// The identifier of this command.
    pub cmd_id: CmdId,
    /// The message that held the `Get`; absent means `1`.
    pub msg_ref: Option<MsgId>,
    /// The `Get`; empty means `1`.
    pub cmd_ref: CmdId,
    /// Applies to the items where they have none of their own.
    pub meta: Option<Arc<Meta>>,
    /// The target asked for.
    pub target_ref: Option<Text>,
    /// The source asked for.
    pub source_ref: Option<Text>,
    /// What was found, each with its source.
    pub items: Vec<Item>,
    /// What the element held beyond this model.
    pub extra: Extra,
}
