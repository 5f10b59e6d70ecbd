//! Preparation: nodes to add, values to set.

use dm_proto::{Data, StatusCode, message::Command, session::NotSent};
use serde::{Deserialize, Serialize};

use super::{Course, Phase, Prepare, Script, Setting};
use crate::{
    NodeFormat,
    remote::{
        Ended, command,
        reader::{Read, Reader},
    },
};

/// How the changes of one [`Prepare`] are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum How {
    /// As planned: Adds, or an Atomic.
    Planned,
    /// Replaces of these, one by one, with a read-back or without.
    OneByOne { settings: Vec<Setting>, check: bool },
    /// Reading back.
    ReadBack {
        settings: Vec<Setting>,
        reader: Reader,
    },
}

impl<S: Script> Course<S> {
    pub(super) fn preparation(&mut self, index: usize, mut how: How) -> Vec<Command> {
        let commands = match &mut how {
            How::Planned => {
                let prepare = self.plan.as_ref().and_then(|plan| plan.prepare.get(index));
                let commands = prepare.into_iter().flat_map(Prepare::commands);
                let looked_at = prepare.and_then(Prepare::looked_at);
                match prepare {
                    Some(Prepare::Replace(_)) => vec![command::atomic(commands.collect())],
                    _ => looked_at
                        .map(|uri| command::get(uri, ""))
                        .into_iter()
                        .chain(commands)
                        .collect(),
                }
            }
            How::OneByOne { settings, .. } => settings.iter().map(command::replace).collect(),
            How::ReadBack { reader, .. } => reader.commands(),
        };
        self.phase = Phase::Prepare { index, how };
        commands
    }

    pub(super) fn prepare(&mut self, index: usize) {
        let prepare = self.plan.as_ref().and_then(|plan| plan.prepare.get(index));
        self.attempts = 0;
        self.phase = match prepare {
            None => Phase::Exec,
            Some(Prepare::Replace(settings)) if !self.order.profile.atomic => Phase::Prepare {
                index,
                how: How::OneByOne {
                    settings: settings.clone(),
                    check: true,
                },
            },
            Some(_) => Phase::Prepare {
                index,
                how: How::Planned,
            },
        };
    }

    pub(super) fn prepared(&mut self, index: usize, how: How) {
        let next = index.saturating_add(1);
        match how {
            How::Planned => {
                let plan = self.plan.as_ref().and_then(|plan| plan.prepare.get(index));
                match plan.cloned() {
                    Some(prepare @ Prepare::Add(_)) => self.added(index, &prepare),
                    Some(Prepare::Replace(settings)) => self.atomic_answered(index, settings),
                    None => self.prepare(next),
                }
            }
            How::OneByOne { settings, check } => {
                for (command, setting) in (0_u16..).zip(&settings) {
                    match self.replies.status(command, 0) {
                        Some(status) if status.is_success() => {}
                        _ if !setting.required => {}
                        status => {
                            let how = How::OneByOne {
                                settings: settings.clone(),
                                check,
                            };
                            let again = Phase::Prepare { index, how };
                            return match status {
                                Some(status) => {
                                    self.not_taken((0, command), setting, status, again)
                                }
                                None => self.try_again(again),
                            };
                        }
                    }
                }
                if check {
                    self.read_back(index, settings);
                } else {
                    self.prepare(next);
                }
            }
            How::ReadBack { settings, reader } => match reader.answered(&self.replies, |_| false) {
                Read::More(reader) => {
                    let how = How::ReadBack { settings, reader };
                    self.phase = Phase::Prepare { index, how };
                }
                Read::Done(seen) => {
                    let same = settings.iter().all(|setting| {
                        let wanted = setting.value.as_ref().and_then(Data::as_str);
                        is_same(seen.text(&setting.uri), wanted)
                    });
                    if same {
                        self.prepare(next);
                    } else {
                        self.end(Ended::NotPrepared);
                    }
                }
                Read::Refused(ended) => self.end(ended),
            },
        }
    }

    fn added(&mut self, index: usize, prepare: &Prepare) {
        let Prepare::Add(settings) = prepare else {
            return self.prepare(index.saturating_add(1));
        };
        let looked_at = prepare.looked_at();
        let first = u16::from(looked_at.is_some());
        let was_there = looked_at.filter(|_| {
            let status = self.replies.get_status(0);
            status.is_some_and(StatusCode::is_success)
        });
        let (stale, asked): (Vec<_>, Vec<_>) = settings.iter().partition(|setting| setting.stale);
        let mut there = Vec::new();
        for (command, setting) in (first..).zip(asked) {
            let status = self.replies.status(command, 0);
            let is_there = status == Some(StatusCode::ALREADY_EXISTS);
            if setting.value.is_none() && (is_there || was_there == Some(&setting.uri)) {
                let left = |stale: &&&Setting| stale.uri.parent().as_ref() == Some(&setting.uri);
                there.extend(stale.iter().filter(left).copied().cloned());
            }
            match status {
                Some(status) if status.is_success() => {}
                // Our own Add, sent before, or a node that the device made or an earlier operation left.
                Some(StatusCode::ALREADY_EXISTS) => {
                    there.extend(setting.value.is_some().then(|| setting.clone()));
                }
                _ if !setting.required => {}
                status => {
                    let how = How::Planned;
                    let again = Phase::Prepare { index, how };
                    return match status {
                        Some(status) => self.not_taken((first, command), setting, status, again),
                        None => self.try_again(again),
                    };
                }
            }
        }
        if there.is_empty() {
            self.prepare(index.saturating_add(1));
        } else {
            let how = How::OneByOne {
                settings: there,
                check: false,
            };
            self.phase = Phase::Prepare { index, how };
        }
    }

    fn atomic_answered(&mut self, index: usize, settings: Vec<Setting>) {
        let parts: Vec<_> = (1_u32..)
            .zip(&settings)
            .map(|(part, _)| self.replies.status(0, part))
            .collect();
        if parts
            .iter()
            .all(|status| status.is_some_and(StatusCode::is_success))
        {
            // Whatever the Atomic itself says: some clients send no status for it.
            return self.prepare(index.saturating_add(1));
        }
        let atomic = self.replies.status(0, 0);
        let unsupported = matches!(
            atomic,
            Some(StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED | StatusCode::COMMAND_NOT_IMPLEMENTED)
        );
        // One by one they may fit.
        let is_too_long = self.replies.not_sent(0) == Some(NotSent::DoesNotFit);
        if unsupported || is_too_long {
            let how = How::OneByOne {
                settings,
                check: true,
            };
            self.phase = Phase::Prepare { index, how };
        } else if let Some(failure) = parts
            .iter()
            .flatten()
            .find(|status| !status.is_success() && !is_consequence(**status))
            .copied()
            .or_else(|| atomic.filter(|status| !status.is_success()))
        {
            // Some clients undo nothing, and some cannot.
            let is_undone = atomic == Some(StatusCode::ATOMIC_FAILED);
            let took_some = parts.iter().flatten().any(|status| {
                status.is_success() || *status == StatusCode::ATOMIC_ROLL_BACK_FAILED
            });
            self.end(match self.replies.not_sent(0) {
                Some(reason) => Ended::NotSent(reason),
                None if took_some && !is_undone => Ended::HalfDone(failure),
                None if self.may_repair_acl(failure) => {
                    let how = How::Planned;
                    let again = Phase::Prepare { index, how };
                    let refused = parts.iter().position(|part| *part == Some(failure));
                    let setting = settings.get(refused.unwrap_or_default());
                    return self.read_acl(setting.map(|setting| setting.uri.clone()), again);
                }
                None => refused(failure),
            });
        } else if atomic.is_some() {
            self.read_back(index, settings);
        } else {
            let how = How::Planned;
            self.try_again(Phase::Prepare { index, how });
        }
    }

    /// A command that prepares the operation has this status, and did not succeed.
    /// Of those from the `first` on others may have. If none has, they may be sent `again` with another ACL.
    fn not_taken(
        &mut self,
        (first, command): (u16, u16),
        setting: &Setting,
        status: StatusCode,
        again: Phase,
    ) {
        self.end(match self.replies.not_sent(command) {
            Some(reason) => Ended::NotSent(reason),
            None if status == StatusCode::NOT_FOUND => refused(status),
            None if self.replies.any_success(first) => Ended::HalfDone(status),
            None if self.may_repair_acl(status) => {
                return self.read_acl(Some(setting.uri.clone()), again);
            }
            None => refused(status),
        });
    }

    fn read_back(&mut self, index: usize, settings: Vec<Setting>) {
        let nodes = settings.iter().map(|setting| setting.uri.clone()).collect();
        let reader = Reader::new(nodes);
        let how = How::ReadBack { settings, reader };
        self.phase = Phase::Prepare { index, how };
    }
}

/// A value was not set. One that was there when it was read and is not any more is no refusal of the
/// operation: that was not asked for yet.
fn refused(status: StatusCode) -> Ended {
    match status {
        StatusCode::NOT_FOUND => Ended::NotPrepared,
        status => Ended::Refused(status),
    }
}

/// Whether the status follows from the failure of another command.
fn is_consequence(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_EXECUTED
            | StatusCode::ATOMIC_ROLL_BACK_OK
            | StatusCode::ATOMIC_ROLL_BACK_FAILED
    )
}

/// Whether a value read is the one set.
fn is_same(read: Option<&str>, set: Option<&str>) -> bool {
    match (read, set) {
        (Some(read), Some(set)) => match (NodeFormat::truth(read), NodeFormat::truth(set)) {
            (Some(read), Some(set)) => read == set,
            _ => read == set,
        },
        _ => false,
    }
}
