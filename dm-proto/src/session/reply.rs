//! [`Reply`]: the server's answers to the commands of a device.
//!
//! OMA-TS-DM_Protocol: a client sends Alert, Replace of DevInfo, Results and Status only; anything
//! else is refused and never executed.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{meta::is_too_common, plan::refusal_of};
use crate::{
    AlertCode, CmdId, StatusCode,
    message::{Alert, Command, CommandName, Item, Replace},
};

/// The answer to one command of the device.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Reply {
    pub(super) cmd_id: CmdId,
    pub(super) name: CommandName,
    pub(super) decision: Decision,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) enum Decision {
    Made(StatusCode),
    /// The caller decides about this alert.
    Asked(Alert),
}

impl Reply {
    /// One answer for each command of a message, those inside others too. What is `decided` of
    /// outermost commands already stands.
    pub(super) fn to_all(commands: &[Command], decided: &BTreeMap<CmdId, StatusCode>) -> Vec<Self> {
        let mut seen = BTreeSet::new();
        let is_decided = |command: &Command| decided.contains_key(command.cmd_id());
        Self::each(commands, is_decided, |command, is_outermost| {
            let cmd_id = command.cmd_id();
            let is_proper =
                !cmd_id.as_str().is_empty() && *cmd_id != "0" && seen.insert(cmd_id.clone());
            if let Some(code) = decided.get(cmd_id).filter(|_| is_proper && is_outermost) {
                Decision::Made(*code)
            } else if is_proper {
                decide(command, is_outermost)
            } else {
                Decision::Made(StatusCode::BAD_REQUEST)
            }
        })
    }

    /// The same answer to each command of a message, of which none is looked at.
    pub(super) fn refuse_all(commands: &[Command], code: StatusCode) -> Vec<Self> {
        Self::each(commands, |_| false, |_, _| Decision::Made(code))
    }

    fn each(
        commands: &[Command],
        is_decided: impl Fn(&Command) -> bool,
        mut decide: impl FnMut(&Command, bool) -> Decision,
    ) -> Vec<Self> {
        let mut replies = Vec::new();
        let mut stack: Vec<(&Command, bool)> = commands
            .iter()
            .rev()
            .map(|command| (command, true))
            .collect();
        while let Some((command, is_outermost)) = stack.pop() {
            let inside = command.children().iter().rev();
            stack.extend(inside.map(|command| (command, false)));
            if is_answered(command) || (is_outermost && is_decided(command)) {
                replies.push(Self {
                    cmd_id: command.cmd_id().clone(),
                    name: command.name(),
                    decision: decide(command, is_outermost),
                });
            }
        }
        replies
    }
}

fn decide(command: &Command, is_outermost: bool) -> Decision {
    Decision::Made(match command {
        Command::Unsupported(command) => refusal_of(&command.name),
        _ if !is_outermost => StatusCode::COMMAND_NOT_ALLOWED,
        _ if is_too_large(command) => StatusCode::REQUEST_ENTITY_TOO_LARGE,
        Command::Replace(replace) if is_dev_info(replace) => StatusCode::OK,
        Command::Alert(alert) => match alert.code {
            None => StatusCode::INCOMPLETE_COMMAND,
            Some(AlertCode::CLIENT_EVENT) if alert.items.is_empty() => {
                StatusCode::INCOMPLETE_COMMAND
            }
            Some(AlertCode::GENERIC_ALERT) if !is_complete(alert) => StatusCode::INCOMPLETE_COMMAND,
            Some(AlertCode::CLIENT_EVENT | AlertCode::GENERIC_ALERT) => {
                return Decision::Asked(alert.clone());
            }
            Some(
                AlertCode::SERVER_INITIATED_MGMT
                | AlertCode::CLIENT_INITIATED_MGMT
                | AlertCode::NEXT_MESSAGE
                | AlertCode::SESSION_ABORT
                | AlertCode::NO_END_OF_DATA,
            ) => StatusCode::OK,
            Some(_) => StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED,
        },
        _ => StatusCode::COMMAND_NOT_ALLOWED,
    })
}

/// Whether a generic alert has all that it must have. OMA-TS-DM_Protocol, generic alert: an item, and in each
/// a type, a format, and data, which may be empty.
fn is_complete(alert: &Alert) -> bool {
    let is_whole = |item: &Item| {
        let meta = item.meta.as_ref();
        meta.is_some_and(|meta| meta.type_.is_some() && meta.format.is_some())
            && item.data.is_some()
    };
    !alert.items.is_empty() && alert.items.iter().all(is_whole)
}

/// Whether a command gets a status. OMA-TS-DM_RepPro, `Status`, `Results`: a status does not, and
/// results only if they are not taken.
fn is_answered(command: &Command) -> bool {
    match command {
        Command::Status(_) => false,
        Command::Results(_) => is_too_large(command),
        _ => true,
    }
}

/// Whether an item goes on in the next message, or the items cannot have the meta of the command.
pub(super) fn is_too_large(command: &Command) -> bool {
    let is_chunk =
        !matches!(command, Command::Status(_)) && command.items().iter().any(|item| item.more_data);
    is_chunk || is_too_common(command)
}

/// Whether a Replace only tells what the device is.
pub(super) fn is_dev_info(replace: &Replace) -> bool {
    !replace.items.is_empty()
        && replace.items.iter().all(|item| {
            let uri = item.source_uri().map_or("", |uri| uri.as_str());
            let uri = uri.strip_prefix("./").unwrap_or(uri);
            uri == "DevInfo" || uri.starts_with("DevInfo/")
        })
}
