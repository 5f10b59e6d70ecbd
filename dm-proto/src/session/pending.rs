//! [`Pending`]: commands of the server's that wait for their statuses.

use alloc::vec::Vec;
use core::ops::Range;

use super::CommandTag;
use crate::{StatusCode, Text};

/// Commands that were sent, those inside others too.
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Pending(Vec<Sent>);

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Sent {
    msg: u32,
    cmd: u32,
    name: Part,
    /// What a status is about that does not say so.
    target: Option<Text>,
    progress: Progress,
}

/// A command, or one inside it: the caller's tag, and the place, 0 for the command itself.
pub(super) type Part = (CommandTag, u32);

#[derive(Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Progress {
    /// No status yet.
    Open,
    /// 101: a final status follows, maybe in a later package.
    Announced,
    Answered,
}

impl Pending {
    /// A command went out in message `msg`, it and those inside it under these identifiers.
    pub(super) fn sent(
        &mut self,
        msg: u32,
        tag: CommandTag,
        ids: Range<u32>,
        target: Option<Text>,
    ) {
        self.0.extend((0..).zip(ids).map(|(part, cmd)| Sent {
            msg,
            cmd,
            name: (tag, part),
            target: target.clone(),
            progress: Progress::Open,
        }));
    }

    /// Commands that go out again, as if they never had.
    pub(super) fn forget(&mut self, is_again: impl Fn(CommandTag) -> bool) {
        self.0.retain(|sent| !is_again(sent.name.0));
    }

    /// The command that a reference means.
    pub(super) fn part(&self, msg: u32, cmd: u32) -> Option<Part> {
        Some(self.0.get(self.place(msg, cmd)?)?.name)
    }

    /// Where a command stands. Numbers only grow, so that what was sent is in their order.
    fn place(&self, msg: u32, cmd: u32) -> Option<usize> {
        let numbers = |sent: &Sent| (sent.msg, sent.cmd);
        self.0.binary_search_by_key(&(msg, cmd), numbers).ok()
    }

    /// Whether a command waits for its first status.
    pub(super) fn is_open(&self, msg: u32, cmd: u32) -> bool {
        let sent = self.place(msg, cmd).and_then(|place| self.0.get(place));
        sent.is_some_and(|sent| sent.progress == Progress::Open)
    }

    /// Takes a status. Returns the command that it is for, and the target if it is for one item.
    pub(super) fn answered(
        &mut self,
        msg: u32,
        cmd: u32,
        code: StatusCode,
    ) -> Option<(Part, Option<Text>)> {
        let place = self.place(msg, cmd)?;
        let sent = self.0.get_mut(place)?;
        sent.progress = match code {
            StatusCode::IN_PROGRESS => Progress::Announced,
            _ => Progress::Answered,
        };
        Some((sent.name, sent.target.clone()))
    }

    /// The device has ended its package. Returns what has no status; what is in progress stays.
    pub(super) fn close_package(&mut self) -> Vec<Part> {
        let open = self.with(|progress| progress == Progress::Open);
        self.0.retain(|sent| sent.progress == Progress::Announced);
        open
    }

    /// The session ends. Returns what has no final status.
    pub(super) fn abandon(&mut self) -> Vec<Part> {
        let unanswered = self.with(|progress| progress != Progress::Answered);
        self.0.clear();
        unanswered
    }

    fn with(&self, is_meant: impl Fn(Progress) -> bool) -> Vec<Part> {
        let meant = self.0.iter().filter(|sent| is_meant(sent.progress));
        meant.map(|sent| sent.name).collect()
    }
}
