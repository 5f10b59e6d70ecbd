//! [`Replies`]: what came back for the commands in flight.

use dm_proto::{StatusCode, message::Item};
use serde::{Deserialize, Serialize};

use super::Reply;

/// What came back for the commands in flight. Bounded: what a device sends beyond the bounds is dropped,
/// and counts as not sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Replies {
    statuses: Vec<(u16, u32, StatusCode)>,
    results: Vec<(u16, Item)>,
}

/// Statuses kept; an operation sends far fewer commands.
const STATUSES: usize = 8192;
/// Items of results kept; a tree that an operation reads has far fewer nodes.
const ITEMS: usize = 8192;

impl Replies {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn take(&mut self, reply: Reply<'_>) {
        match reply {
            // A final status follows.
            Reply::Status {
                status: StatusCode::IN_PROGRESS,
                ..
            } => {}
            Reply::Status {
                command,
                part,
                status,
                ..
            } => {
                if self.statuses.len() < STATUSES {
                    self.statuses.push((command, part, status));
                }
            }
            Reply::Results { command, items, .. } => {
                for item in items {
                    if self.results.len() < ITEMS {
                        self.results.push((command, item.clone()));
                    }
                }
            }
            Reply::NoStatus { .. } | Reply::Answered | Reply::Alert(_) | Reply::SessionOver => {}
        }
    }

    /// The last status of a command, or of a part of it.
    pub(super) fn status(&self, command: u16, part: u32) -> Option<StatusCode> {
        self.statuses
            .iter()
            .rev()
            .find(|(c, p, _)| (*c, *p) == (command, part))
            .map(|(_, _, status)| *status)
    }

    /// Whether any part inside a command has a status.
    pub(super) fn any_part(&self, command: u16) -> bool {
        self.statuses
            .iter()
            .any(|(c, part, _)| *c == command && *part > 0)
    }

    /// The items that a command asked for.
    pub(super) fn items(&self, command: u16) -> impl Iterator<Item = &Item> {
        self.results
            .iter()
            .filter(move |(c, _)| *c == command)
            .map(|(_, item)| item)
    }

    /// How a Get went: its status, or 200 if results came without one.
    pub(super) fn get_status(&self, command: u16) -> Option<StatusCode> {
        self.status(command, 0)
            .or_else(|| self.items(command).next().map(|_| StatusCode::OK))
    }
}
