//! [`Received`]: the large objects in a message of a device.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Chunk, Incoming, Rules};
use crate::{
    AlertCode, CmdId, StatusCode,
    message::{Command, Item, SyncMl},
    session::meta::{complete_meta, is_too_common},
};

/// What is said of the large objects in a message.
#[derive(Debug, Default)]
pub(in crate::session) struct Received {
    /// The status of commands that hold chunks which do not make a whole yet, or never will.
    pub(in crate::session) decided: BTreeMap<CmdId, StatusCode>,
    /// Objects that something else came instead of the rest of.
    pub(in crate::session) broken: Vec<Item>,
}

impl Received {
    /// Takes the chunks out of a message, and puts in the objects that they complete. `object` is what
    /// the message before left open, and then what this one does.
    ///
    /// `rules` says what is done with an object of a command, and hears of the chunks that are not
    /// held.
    pub(in crate::session) fn of(
        message: &mut SyncMl,
        object: &mut Option<Incoming>,
        mut rules: impl FnMut(&Command, Option<Chunk>) -> Rules,
    ) -> Self {
        let mut received = Self::default();
        let mut has_chunk = false;
        for command in &mut message.commands {
            let is_control = match command {
                Command::Status(_) => true,
                Command::Alert(alert) => alert.code == Some(AlertCode::NEXT_MESSAGE),
                _ => false,
            };
            if is_control {
                continue;
            }
            let name = command.name();
            let is_rest = |object: &Incoming| {
                let items = command.items();
                items
                    .first()
                    .is_some_and(|item| object.goes_on(&name, item))
            };
            if object.as_ref().is_some_and(|object| !is_rest(object)) {
                received
                    .broken
                    .extend(object.take().map(|object| object.item()));
            }
            let has_chunks = command.items().iter().any(|item| item.more_data);
            if (object.is_none() && !has_chunks) || is_too_common(command) {
                continue;
            }
            has_chunk = true;
            if let Some(code) = received.take(command, object, &mut rules) {
                received.decided.insert(command.cmd_id().clone(), code);
            }
        }
        if message.is_final && !has_chunk {
            received
                .broken
                .extend(object.take().map(|object| object.item()));
        }
        for item in &mut received.broken {
            item.meta = None;
        }
        received
    }

    /// Takes the chunks of one command. The status of the command, if that is known now.
    fn take(
        &mut self,
        command: &mut Command,
        object: &mut Option<Incoming>,
        rules: &mut impl FnMut(&Command, Option<Chunk>) -> Rules,
    ) -> Option<StatusCode> {
        let name = command.name();
        let (common, items) = match command {
            Command::Alert(alert) => (None, core::mem::take(&mut alert.items)),
            Command::Replace(replace) => {
                (replace.meta.clone(), core::mem::take(&mut replace.items))
            }
            Command::Results(results) => {
                (results.meta.clone(), core::mem::take(&mut results.items))
            }
            // No other command of a device's is looked at.
            _ => {
                *object = None;
                return None;
            }
        };
        // An alert is one thing to whoever takes it: it waits for all of its items.
        let is_alert = matches!(command, Command::Alert(_));
        let mut whole = Vec::new();
        let mut decided = None;
        for mut item in items {
            let open = match object.take() {
                Some(mut open) if open.goes_on(&name, &item) => {
                    whole.append(&mut open.take_before());
                    open
                }
                Some(open) => {
                    self.broken.push(open.item());
                    whole.push(item);
                    // A chunk before other items of its alert never makes a whole.
                    if is_alert && decided.is_some() {
                        decided = Some(StatusCode::BAD_REQUEST);
                    }
                    continue;
                }
                None if item.more_data => {
                    complete_meta(&mut item, common.as_deref());
                    match Incoming::begin(&name, &item, rules(command, None)) {
                        Ok(open) => open,
                        Err(code) => {
                            decided = Some(code);
                            continue;
                        }
                    }
                }
                None => {
                    whole.push(item);
                    continue;
                }
            };
            let mut open = open;
            match open.take(&item) {
                Err(code) => decided = Some(code),
                Ok(chunk) => {
                    let is_last = chunk.last;
                    if open.is_in_sink() {
                        rules(command, Some(chunk));
                    }
                    if is_last {
                        whole.push(open.into_item());
                        decided = decided.filter(|code| *code != StatusCode::CHUNK_ACCEPTED);
                    } else {
                        decided = Some(StatusCode::CHUNK_ACCEPTED);
                        if !is_alert {
                            *object = Some(open);
                            continue;
                        }
                        match open.behind(core::mem::take(&mut whole), rules(command, None)) {
                            Ok(open) => *object = Some(open),
                            Err(code) => decided = Some(code),
                        }
                    }
                }
            }
        }
        let items = match command {
            Command::Alert(alert) => &mut alert.items,
            Command::Replace(replace) => &mut replace.items,
            Command::Results(results) => &mut results.items,
            _ => return decided,
        };
        *items = whole;
        decided
    }
}
