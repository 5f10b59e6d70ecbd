//! [`Replies`]: what came back for the commands in flight.

use std::sync::Arc;

use dm_proto::{
    Data, StatusCode,
    message::{Item, Location, Meta},
    session::NotSent,
};
use serde::{Deserialize, Serialize};

use super::{Ended, Reply};

/// What came back for the commands in flight. Bounded: what a device sends beyond the bounds is dropped,
/// and counts as not sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Replies {
    statuses: Vec<(u16, u32, StatusCode)>,
    results: Vec<(u16, Item)>,
    /// The commands that were not sent, and why: a device may answer with the same status.
    not_sent: Vec<(u16, NotSent)>,
    /// Octets of data kept.
    octets: usize,
    /// Data was dropped.
    is_cut: bool,
}

/// Statuses kept; an operation sends far fewer commands.
const STATUSES: usize = 8192;
/// Items of results kept; a tree that an operation reads has far fewer nodes.
const ITEMS: usize = 8192;
/// Octets of data kept: far more than the short texts that are asked for.
const OCTETS: usize = 4 << 20;

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
            // To who only wants to know whether it was done, it is a refusal.
            Reply::NotSent { command, reason } => {
                if self.statuses.len() < STATUSES {
                    self.statuses.push((command, 0, reason.status_code()));
                    self.not_sent.push((command, reason));
                }
            }
            Reply::Results { command, items, .. } => {
                for item in items {
                    let data = item.data.as_ref().and_then(Data::as_bytes);
                    let octets = self.octets.saturating_add(data.map_or(0, <[u8]>::len));
                    if self.results.len() < ITEMS && octets <= OCTETS {
                        self.octets = octets;
                        self.results.push((command, slim(item)));
                    } else {
                        self.is_cut = true;
                    }
                }
            }
            Reply::NoStatus { .. }
            | Reply::Unsendable { .. }
            | Reply::Answered
            | Reply::Alert(_)
            | Reply::SessionOver => {}
        }
    }

    /// Whether data was dropped, since there was too much of it.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The status of a command, or of a part of it. Of several that contradict each other the first that is no
    /// success counts: nothing is done that the device also says was not.
    pub(super) fn status(&self, command: u16, part: u32) -> Option<StatusCode> {
        let statuses = || self.statuses_of(command, part);
        let failed = statuses().find(|status| !status.is_success());
        failed.or_else(|| statuses().last())
    }

    fn statuses_of(&self, command: u16, part: u32) -> impl Iterator<Item = StatusCode> {
        let of = self
            .statuses
            .iter()
            .filter(move |(c, p, _)| (*c, *p) == (command, part));
        of.map(|(_, _, status)| *status)
    }

    /// Why a command was not sent, if it was not.
    pub(super) fn not_sent(&self, command: u16) -> Option<NotSent> {
        self.not_sent
            .iter()
            .find(|(c, _)| *c == command)
            .map(|(_, reason)| *reason)
    }

    /// What a command ended in that has this status and did not succeed.
    pub(super) fn refused(&self, command: u16, status: StatusCode) -> Ended {
        match self.not_sent(command) {
            Some(reason) => Ended::NotSent(reason),
            None => Ended::Refused(status),
        }
    }

    /// Whether any part inside a command has a status.
    pub(super) fn any_part(&self, command: u16) -> bool {
        self.statuses
            .iter()
            .any(|(c, part, _)| *c == command && *part > 0)
    }

    /// Whether the device took any command from the `first` on.
    pub(super) fn any_success(&self, first: u16) -> bool {
        self.statuses
            .iter()
            .any(|(command, part, status)| *command >= first && *part == 0 && status.is_success())
    }

    /// The items that a command asked for.
    pub(super) fn items(&self, command: u16) -> impl Iterator<Item = &Item> {
        self.results
            .iter()
            .filter(move |(c, _)| *c == command)
            .map(|(_, item)| item)
    }

    /// How a Get went: its status, or 200 if results came without one. A part of what was asked for is
    /// better than nothing.
    pub(super) fn get_status(&self, command: u16) -> Option<StatusCode> {
        let took = self
            .statuses_of(command, 0)
            .find(|status| status.is_success());
        took.or_else(|| self.status(command, 0))
            .or_else(|| self.items(command).next().map(|_| StatusCode::OK))
    }
}

/// What is looked at: source, format, type, and data that is no markup.
fn slim(item: &Item) -> Item {
    Item {
        source: item.source_uri().cloned().map(Location::from),
        meta: item.meta.as_ref().map(|meta| {
            Arc::new(Meta {
                format: meta.format.clone(),
                type_: meta.type_.clone(),
                ..Meta::default()
            })
        }),
        data: item.data.clone().filter(|data| data.as_markup().is_none()),
        ..Item::default()
    }
}

#[cfg(test)]
mod tests {
    use dm_proto::Extra;

    use super::*;

    fn results(replies: &mut Replies, items: &[Item]) {
        replies.take(Reply::Results {
            command: 0,
            part: 0,
            items,
        });
    }

    #[test]
    fn what_a_device_sends_beyond_the_bounds_is_dropped() {
        let mut replies = Replies::default();
        for status in 0..10_000 {
            replies.take(Reply::Status {
                command: 0,
                part: status,
                target_ref: None,
                status: StatusCode::OK,
                items: &[],
            });
        }
        assert_eq!(replies.statuses.len(), STATUSES);
        results(&mut replies, &vec![Item::for_source("./A"); 10_000]);
        assert_eq!(replies.results.len(), ITEMS);
        assert!(replies.is_cut());

        let mut replies = Replies::default();
        let large = Item::for_source("./A").with_data("x".repeat(1 << 20));
        for _ in 0..10 {
            results(&mut replies, core::slice::from_ref(&large));
        }
        assert_eq!(replies.results.len(), 4);
    }

    #[test]
    fn what_a_device_takes_back_was_not_done() {
        for (statuses, command, get) in [
            (vec![1402, 200], 1402, 200),
            (vec![200, 1402], 1402, 200),
            (vec![304, 200], 304, 200),
            (vec![101, 202, 200], 200, 202),
            (vec![404, 425], 404, 404),
        ] {
            let mut replies = Replies::default();
            for status in &statuses {
                replies.take(Reply::Status {
                    command: 0,
                    part: 0,
                    target_ref: None,
                    status: StatusCode::new(*status),
                    items: &[],
                });
            }
            let found = (replies.status(0, 0), replies.get_status(0));
            let expected = [command, get].map(|code| Some(StatusCode::new(code)));
            assert_eq!(found, expected.into(), "{statuses:?}");
        }
    }

    #[test]
    fn only_what_is_looked_at_is_kept() {
        let mut replies = Replies::default();
        let mut item = Item::for_source("./A").with_data("1");
        item.target = Some("./B".into());
        item.extra = Extra::NONE;
        results(&mut replies, &[item]);
        let kept: Vec<&Item> = replies.items(0).collect();
        assert_eq!(kept, [&Item::for_source("./A").with_data("1")]);
    }
}
