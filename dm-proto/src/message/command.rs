//! The commands of a message, and [`Command`], one of them.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use super::{Cred, Item, Meta, Results, Status};
use crate::{AlertCode, CmdId, Correlator, Extra, Fragment, Text};

macro_rules! item_commands {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
        pub struct $name {
            /// The identifier of the command within the message.
            pub cmd_id: CmdId,
            /// `NoResp`; not used in DM.
            pub no_resp: bool,
            $($(#[$field_meta])* pub $field: $type,)*
            /// `Cred`; not used in DM outside the header.
            pub cred: Option<Box<Cred>>,
            /// Applies to the items where they have none of their own.
            pub meta: Option<Arc<Meta>>,
            /// What the command is applied to.
            pub items: Vec<Item>,
            /// What the element held beyond this model.
            pub extra: Extra,
        }
    )+};
}

item_commands! {
    /// An `Add`: creates nodes. OMA-TS-DM_RepPro, `Add`. WBXML: page 0, token 0x05.
    Add {}
    /// A `Copy`: copies a leaf. OMA-TS-DM_RepPro, `Copy`. WBXML: page 0, token 0x0D.
    Copy {}
    /// A `Delete`: removes nodes with their subtrees. OMA-TS-DM_RepPro, `Delete`. WBXML: page 0,
    /// token 0x10.
    Delete {
        /// `Archive`; not used in DM.
        archive: bool,
        /// `SftDel`; not used in DM.
        sft_del: bool,
    }
    /// An `Exec`: starts the process behind a node. OMA-TS-DM_RepPro, `Exec`. WBXML: page 0, token
    /// 0x11.
    ///
    /// The DTD has exactly one item, the text at least one: all are kept.
    Exec {
        /// Ties the later report to this command.
        correlator: Option<Correlator>,
    }
    /// A `Get`: reads nodes. OMA-TS-DM_RepPro, `Get`. WBXML: page 0, token 0x13.
    Get {
        /// `Lang`; not used in DM.
        lang: Option<Text>,
    }
    /// A `Replace`: sets the value of nodes. OMA-TS-DM_RepPro, `Replace`. WBXML: page 0, token 0x20.
    Replace {}
}

/// An `Alert`: an event, a question to the user, or a session control code.
///
/// OMA-TS-DM_RepPro, `Alert`. Content: `CmdID, NoResp?, Cred?, Data?, Correlator?, Item*`. WBXML:
/// page 0, token 0x06.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
pub struct Alert {
    /// The identifier of the command within the message.
    pub cmd_id: CmdId,
    /// `NoResp`; not used in DM.
    pub no_resp: bool,
    /// `Cred`; not used in DM outside the header.
    pub cred: Option<Box<Cred>>,
    /// What the alert is about. DM requires it.
    #[doc(alias = "Data")]
    pub code: Option<AlertCode>,
    /// In a report: that of the `Exec` reported on.
    pub correlator: Option<Correlator>,
    /// The parts of the alert.
    pub items: Vec<Item>,
    /// What the element held beyond this model.
    pub extra: Extra,
}

macro_rules! containers {
    ($($(#[$meta:meta])* $name:ident)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[expect(clippy::exhaustive_structs, reason = "mirrors the frozen DTD")]
        pub struct $name {
            /// The identifier of the command within the message.
            pub cmd_id: CmdId,
            /// `NoResp`; not used in DM.
            pub no_resp: bool,
            /// `Meta` of the container.
            pub meta: Option<Arc<Meta>>,
            /// The commands in it, in order.
            pub commands: Vec<Command>,
            /// What the element held beyond this model.
            pub extra: Extra,
        }
    )+};
}

containers! {
    /// An `Atomic`: all of its commands take effect, or none. OMA-TS-DM_RepPro, `Atomic`. WBXML:
    /// page 0, token 0x08.
    Atomic
    /// A `Sequence`: its commands run in order. OMA-TS-DM_RepPro, `Sequence`. WBXML: page 0, token
    /// 0x24.
    Sequence
}

/// A command of SyncML that DM does not use (`Put`, `Map`, `Search`, `Sync`, `Move`), or one that is
/// not SyncML's: kept as it is, so that it can be answered 406 or 501.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Unsupported {
    /// Its name.
    pub name: CommandName,
    /// Its `CmdID`, if it has one.
    pub cmd_id: CmdId,
    /// The whole element, its own start and end included.
    pub element: Fragment,
}

/// One command of a message or of a container.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Command {
    /// Creates nodes.
    Add(Add),
    /// An event, a question or a control code.
    Alert(Alert),
    /// Commands of which all take effect, or none.
    Atomic(Atomic),
    /// Copies leaves.
    Copy(Copy),
    /// Removes nodes.
    Delete(Delete),
    /// Starts a process.
    Exec(Exec),
    /// Reads nodes.
    Get(Get),
    /// Sets values.
    Replace(Replace),
    /// Data that was asked for.
    Results(Results),
    /// Commands in order.
    Sequence(Sequence),
    /// An answer.
    Status(Status),
    /// Anything else.
    Unsupported(Unsupported),
}

impl Command {
    /// The name of the command.
    pub fn name(&self) -> CommandName {
        match self {
            Self::Add(_) => CommandName::ADD,
            Self::Alert(_) => CommandName::ALERT,
            Self::Atomic(_) => CommandName::ATOMIC,
            Self::Copy(_) => CommandName::COPY,
            Self::Delete(_) => CommandName::DELETE,
            Self::Exec(_) => CommandName::EXEC,
            Self::Get(_) => CommandName::GET,
            Self::Replace(_) => CommandName::REPLACE,
            Self::Results(_) => CommandName::RESULTS,
            Self::Sequence(_) => CommandName::SEQUENCE,
            Self::Status(_) => CommandName::STATUS,
            Self::Unsupported(command) => command.name.clone(),
        }
    }

    /// The identifier of the command; empty where it has none.
    pub fn cmd_id(&self) -> &CmdId {
        match self {
            Self::Add(command) => &command.cmd_id,
            Self::Alert(command) => &command.cmd_id,
            Self::Atomic(command) => &command.cmd_id,
            Self::Copy(command) => &command.cmd_id,
            Self::Delete(command) => &command.cmd_id,
            Self::Exec(command) => &command.cmd_id,
            Self::Get(command) => &command.cmd_id,
            Self::Replace(command) => &command.cmd_id,
            Self::Results(command) => &command.cmd_id,
            Self::Sequence(command) => &command.cmd_id,
            Self::Status(command) => &command.cmd_id,
            Self::Unsupported(command) => &command.cmd_id,
        }
    }

    /// The items of the command; none for a container or an unsupported command.
    pub fn items(&self) -> &[Item] {
        match self {
            Self::Add(command) => &command.items,
            Self::Alert(command) => &command.items,
            Self::Copy(command) => &command.items,
            Self::Delete(command) => &command.items,
            Self::Exec(command) => &command.items,
            Self::Get(command) => &command.items,
            Self::Replace(command) => &command.items,
            Self::Results(command) => &command.items,
            Self::Status(command) => &command.items,
            Self::Atomic(_) | Self::Sequence(_) | Self::Unsupported(_) => &[],
        }
    }

    /// The commands inside, if this is a container.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::Atomic(command) => &command.commands,
            Self::Sequence(command) => &command.commands,
            _ => &[],
        }
    }
}

macro_rules! into_command {
    ($($name:ident)+) => {$(
        impl From<$name> for Command {
            fn from(command: $name) -> Self {
                Self::$name(command)
            }
        }
    )+};
}

into_command! { Add Alert Atomic Copy Delete Exec Get Replace Results Sequence Status Unsupported }

/// The name of a command, as `Cmd` carries it: a SyncML command, `SyncHdr`, or whatever came.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
#[doc(alias = "Cmd")]
pub struct CommandName(Text);

macro_rules! command_names {
    ($($name:ident $text:literal)+) => {
        impl CommandName {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Self = Self(Text::from_static($text));
            )+
        }
    };
}

command_names! {
    ADD "Add" ALERT "Alert" ATOMIC "Atomic" COPY "Copy" DELETE "Delete" EXEC "Exec" GET "Get"
    MAP "Map" MOVE "Move" PUT "Put" REPLACE "Replace" RESULTS "Results" SEARCH "Search"
    SEQUENCE "Sequence" STATUS "Status" SYNC "Sync" SYNC_HDR "SyncHdr"
}

impl CommandName {
    /// The name as it stands in the message.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn text_mut(&mut self) -> &mut Text {
        &mut self.0
    }
}

impl From<&str> for CommandName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<Text> for CommandName {
    fn from(name: Text) -> Self {
        Self(name)
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
