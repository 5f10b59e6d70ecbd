//! What a message of the device says.

use alloc::{boxed::Box, vec::Vec};

use super::{Notice, ServerSession};
use crate::{
    AlertCode, Extra, StatusCode, Text,
    auth::{Nonce, Side},
    message::{Command, Item, Results, Status, SyncMl},
    session::{
        CommandTag, Ending,
        error::SessionError,
        link::{HeaderStatus, is_abort, reference, says_nothing},
        meta::{complete_meta, items_of},
        object::{Received as Assembled, Rules},
        package::{Parcel, put_first},
        pending::{Part, Pending},
        phase::Phase,
        proof::{Evidence, Reception, Terms},
        received::Received,
        reply::{Decision, Reply, is_dev_info, is_too_large},
    },
};

impl ServerSession {
    /// Sorts what is in a message.
    pub(super) fn take(&mut self, received: Received, nonce: &Nonce) -> Result<(), SessionError> {
        let Received {
            mut message,
            encoding,
            mac,
            imprint,
            ..
        } = received;
        self.state.link.encoding = encoding;
        self.state.replies.clear();
        self.issued.clear();
        self.asked = 0;
        let versions = &self.config.versions;
        self.state.link.check_version(&message.header, versions)?;
        self.state.link.adopt_version(&message.header);

        let was_authenticated = self.is_authenticated();
        let terms = Terms {
            challenges: self.config.challenges,
            schemes: &self.config.schemes,
        };
        let evidence = Evidence {
            cred: message.header.cred.as_deref(),
            mac: &mac,
            imprint: &imprint,
        };
        let client = &self.account.client;
        let mut verdict = self
            .state
            .check
            .verify(evidence, client, None, nonce, terms);
        self.state.is_refusing = !verdict.is_accepted();
        if self.state.is_refusing {
            let code = verdict.code;
            self.state.link.header_status = Some(HeaderStatus::Verdict(verdict));
            self.state.replies = Reply::refuse_all(&message.commands, code);
            if let Some(status) = self.our_header_status(&message.commands) {
                self.state.proof.overheard(status);
            }
            if self.state.check.is_exhausted(terms.challenges) {
                return Err(SessionError::NotAuthenticated);
            }
            return Ok(());
        }
        if !was_authenticated && let Some(special) = self.state.check.special() {
            // A device that has lost its nonces has lost ours too.
            self.state.proof.resynchronize(special);
        }
        if !was_authenticated || verdict.is_of_signature() {
            let next = self.state.check.rotate(&mut verdict, nonce);
            self.state
                .notices
                .extend(next.map(|nonce| Notice::NonceChanged(Side::Client, nonce)));
        }
        self.state.link.header_status = Some(HeaderStatus::Verdict(verdict));
        let is_idle = says_nothing(&message, |status| self.is_awaited(status));
        self.state.link.count_idle(is_idle)?;
        self.take_header(&message.commands)?;
        let assembled = self.assemble(&mut message);
        self.open(&message);
        self.state.replies = Reply::to_all(&message.commands, &assembled.decided);
        self.state.broken = assembled.broken;
        let (is_abort, is_final) = (is_abort(&message), message.is_final);
        self.take_answers(message.commands);
        if is_abort {
            // What else is in it is not looked at any more.
            self.state
                .replies
                .retain(|reply| matches!(reply.decision, Decision::Made(_)));
            self.abandon_commands();
            self.state.phase = Phase::Leaving(Ending::AbortedByPeer);
            return Ok(());
        }
        if is_final {
            let open = self.state.sent.close_package();
            self.tell_no_status(open);
        }
        Ok(())
    }

    fn open(&mut self, message: &SyncMl) {
        if core::mem::replace(&mut self.state.is_opened, true) {
            return;
        }
        let mut trigger = AlertCode::CLIENT_INITIATED_MGMT;
        let mut dev_info = Vec::new();
        for command in &message.commands {
            match command {
                Command::Alert(alert) if alert.code == Some(AlertCode::SERVER_INITIATED_MGMT) => {
                    trigger = AlertCode::SERVER_INITIATED_MGMT;
                }
                Command::Replace(replace) if is_dev_info(replace) && !is_too_large(command) => {
                    dev_info.extend(replace.items.iter().cloned().map(|mut item| {
                        complete_meta(&mut item, replace.meta.as_deref());
                        item
                    }));
                }
                _ => {}
            }
        }
        self.state
            .notices
            .push_back(Notice::Opened(trigger, dev_info));
    }

    /// Takes the status of our header.
    fn take_header(&mut self, commands: &[Command]) -> Result<(), SessionError> {
        if let Some(status) = self.our_header_status(commands) {
            self.take_header_status(status, commands)?;
        }
        Ok(())
    }

    /// Whether a message tells what became of a command. That it was not believed does not.
    fn is_done(&self, parcel: &Parcel, commands: &[Command]) -> bool {
        commands.iter().any(|command| match command {
            Command::Status(status) if status.cmd_ref != "0" => {
                let refs = reference(status.msg_ref.as_str());
                let refs = refs.zip(reference(status.cmd_ref.as_str()));
                let part = refs.and_then(|(msg, cmd)| self.state.sent.part(msg, cmd));
                let is_believed = !matches!(
                    status.data,
                    StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS
                );
                is_believed
                    && part.is_some_and(|(tag, part)| part == 0 && parcel.tag == Some(tag))
                    && parcel
                        .target()
                        .is_none_or(|target| status.target_refs.contains(&target))
            }
            _ => false,
        })
    }

    /// Takes the chunks of large objects out of a message, and puts in those that are whole.
    fn assemble(&mut self, message: &mut SyncMl) -> Assembled {
        let rules = Rules {
            are_taken: self.config.large_objects,
            max_size: self.config.max_obj_size,
            to_sink: false,
        };
        let (sent, notices) = (&self.state.sent, &mut self.state.notices);
        let object = &mut self.state.object;
        let to_sink = self.config.chunks;
        Assembled::of(message, object, |command, chunk| match (command, chunk) {
            (Command::Results(results), None) => Rules {
                to_sink: to_sink && part_of(sent, results).is_some(),
                ..rules
            },
            (Command::Results(results), Some(chunk)) => {
                let part = part_of(sent, results);
                notices.extend(part.map(|(tag, part)| Notice::Chunk(tag, part, Box::new(chunk))));
                rules
            }
            _ => rules,
        })
    }

    /// Takes statuses and results.
    fn take_answers(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Status(status) if status.cmd_ref != "0" => self.take_status(status),
                Command::Results(_) if is_too_large(&command) => {}
                Command::Results(results) => self.take_results(results),
                Command::Alert(alert) if alert.code == Some(AlertCode::NO_END_OF_DATA) => {
                    self.drop_object();
                }
                _ => {}
            }
        }
    }

    /// The large object that is on its way to the device has no future.
    pub(super) fn drop_object(&mut self) {
        let parcel = self.state.link.drop_object();
        let tag = parcel.and_then(|parcel| parcel.tag);
        self.state
            .notices
            .extend(tag.map(|tag| Notice::NoStatus(tag, 0)));
    }

    /// The device refused an object before its end.
    fn refuse(&mut self, tag: Option<CommandTag>, target_ref: Option<Text>, status: StatusCode) {
        self.state.notices.extend(tag.map(|tag| Notice::Status {
            tag,
            part: 0,
            target_ref,
            status,
            items: Vec::new(),
            extra: Extra::NONE,
        }));
    }

    fn our_header_status<'c>(&self, commands: &'c [Command]) -> Option<&'c Status> {
        commands.iter().find_map(|command| match command {
            Command::Status(status) if self.state.link.is_of_our_header(status) => Some(status),
            _ => None,
        })
    }

    fn take_header_status(
        &mut self,
        status: &Status,
        commands: &[Command],
    ) -> Result<(), SessionError> {
        let terms = Terms {
            challenges: self.config.challenges,
            schemes: &self.config.schemes,
        };
        let (reception, nonce) = self
            .state
            .proof
            .answered(status, &self.account.server, terms)?;
        if let Some(nonce) = nonce {
            self.state
                .notices
                .push_back(Notice::NonceChanged(Side::Server, nonce));
        }
        match reception {
            Reception::Challenged => {
                self.is_needy = false;
                let mut again = self.state.link.take_back();
                // Among them may be what went out before that message and was executed: the message that
                // first told so was changed on its way, and was not believed.
                again.retain(|parcel| !self.is_done(parcel, commands));
                let object = self.state.link.object();
                if object.is_some_and(|parcel| self.is_done(parcel, commands)) {
                    self.state.link.forget_object();
                }
                let object = self.state.link.object().and_then(|parcel| parcel.tag);
                // The statuses of the others are 401 or 407 and say nothing about them: the application
                // sees one command. Those that were not kept are told as they are.
                let is_again =
                    |tag| object == Some(tag) || again.iter().any(|parcel| parcel.tag == Some(tag));
                self.state.sent.forget(is_again);
                put_first(&mut self.state.commands, again);
            }
            Reception::Accepted => self.state.link.forget_in_flight(),
        }
        Ok(())
    }

    /// Whether a status is for a command that has none yet.
    fn is_awaited(&self, status: &Status) -> bool {
        reference(status.msg_ref.as_str())
            .zip(reference(status.cmd_ref.as_str()))
            .is_some_and(|(msg, cmd)| self.state.sent.is_open(msg, cmd))
            || self.state.link.is_of_chunk(status)
    }

    fn take_status(&mut self, status: Status) {
        match self.state.link.chunk_answered(&status) {
            None => {}
            Some(None) => return,
            Some(Some((parcel, code))) => {
                return self.refuse(parcel.tag, parcel.target(), code);
            }
        }
        let refs = reference(status.msg_ref.as_str()).zip(reference(status.cmd_ref.as_str()));
        let part = refs.and_then(|(msg, cmd)| self.state.sent.answered(msg, cmd, status.data));
        let Some(((tag, part), target)) = part else {
            return;
        };
        let mut tell = |target_ref: Option<Text>, items: Vec<Item>, extra: Extra| {
            self.state.notices.push_back(Notice::Status {
                tag,
                part,
                target_ref,
                status: status.data,
                items,
                extra,
            });
        };
        let mut target_refs = status.target_refs.into_iter();
        tell(target_refs.next().or(target), status.items, status.extra);
        // Not the items again: thousands of both would be millions of copies.
        for target_ref in target_refs {
            tell(Some(target_ref), Vec::new(), Extra::NONE);
        }
    }

    fn take_results(&mut self, results: Results) {
        // Nothing but a chunk was in it.
        if results.items.is_empty() {
            return;
        }
        let Some((tag, part)) = part_of(&self.state.sent, &results) else {
            return;
        };
        self.state
            .notices
            .push_back(Notice::Results(tag, part, items_of(results)));
    }

    pub(super) fn tell_no_status(&mut self, parts: Vec<Part>) {
        let notices = parts.into_iter();
        self.state
            .notices
            .extend(notices.map(|(tag, part)| Notice::NoStatus(tag, part)));
    }
}

/// The command that results are for.
fn part_of(sent: &Pending, results: &Results) -> Option<Part> {
    // OMA-TS-DM_RepPro, `Results`: references that are missing mean 1.
    let number = |text: &str| reference(text).or_else(|| text.trim().is_empty().then_some(1));
    let msg_ref = results
        .msg_ref
        .as_ref()
        .map_or("", |msg_ref| msg_ref.as_str());
    let (msg, cmd) = number(msg_ref).zip(number(results.cmd_ref.as_str()))?;
    sent.part(msg, cmd)
}
