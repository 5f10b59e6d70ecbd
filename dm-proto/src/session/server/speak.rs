//! What the server says.

use super::{Notice, ServerSession};
use crate::{
    AlertCode, Text,
    auth::Scheme,
    message::Alert,
    session::{
        Ending, Transmit, error::SessionError, link::no_end_of_data, package::Opening,
        phase::Phase, reply::Decision,
    },
};

impl ServerSession {
    /// What the next message needs of the caller, if that was not said already.
    pub(super) fn need(&mut self) -> Option<(u64, u64, u64)> {
        if self.is_needy || !self.is_our_turn() {
            return None;
        }
        self.state.link.forget_sent_object();
        // What comes from a source begins a message, so that the caller can be asked first.
        if !self.state.link.is_sending()
            && self
                .state
                .commands
                .front()
                .is_some_and(|first| first.source.is_some())
            && let Some(parcel) = self.state.commands.pop_front()
        {
            let begun = match self.state.link.draft(self.opening()) {
                Ok(draft) => self.state.link.begin(parcel, &draft),
                // It is told of when the message is made.
                Err(_) => {
                    self.state.commands.push_front(parcel);
                    return None;
                }
            };
            if let Err(refused) = begun {
                let (parcel, why) = *refused;
                let notice = parcel.tag.map(|tag| Notice::NotSent(tag, why.into()));
                self.state.notices.extend(notice);
            }
        }
        let need = self.state.link.needs();
        self.is_needy = need.is_some();
        need
    }

    /// Whether every alert has its answer.
    pub(super) fn is_decided(&self) -> bool {
        self.state
            .replies
            .iter()
            .all(|reply| matches!(reply.decision, Decision::Made(_)))
    }

    /// Whether the next message may hold commands.
    pub(super) fn is_our_turn(&self) -> bool {
        self.state.phase == Phase::Ours
            && !self.state.is_refusing
            && self.state.link.peer_ended
            && self.is_decided()
    }

    /// Tells the caller once that the device waits for commands: not while it waits for the rest of
    /// one.
    pub(super) fn settle(&mut self) {
        let may_send = self.is_our_turn() && !self.state.link.is_sending();
        if may_send && !core::mem::replace(&mut self.state.is_ready, true) {
            self.state.notices.push_back(Notice::Ready);
        }
    }

    pub(super) fn post_replies(&mut self) {
        for reply in core::mem::take(&mut self.state.replies) {
            if let Decision::Made(code) = reply.decision {
                let status = self.state.link.status(&reply.cmd_id, reply.name, code);
                self.state.link.post(status);
            }
        }
        for item in core::mem::take(&mut self.state.broken) {
            self.state.link.post(no_end_of_data(item));
        }
    }

    /// Makes our next message.
    pub(super) fn speak(&mut self) -> Option<Transmit> {
        match self.compose() {
            Ok((transmit, is_closing)) => {
                if is_closing {
                    self.abandon_commands();
                    self.end(Ending::Complete);
                } else {
                    self.state.phase = Phase::Theirs;
                }
                Some(transmit)
            }
            Err(error) => {
                self.abandon();
                self.end(Ending::Failed(error));
                None
            }
        }
    }

    /// A message, and whether it is a closing package.
    fn compose(&mut self) -> Result<(Transmit, bool), SessionError> {
        self.post_replies();
        self.state.link.forget_sent_object();
        let mut draft = self.state.link.draft(self.opening())?;
        // Statuses, which do not wait for the rest of a large object of ours.
        self.state.link.load_all(&mut draft, false)?;
        let mut has_commands = false;
        if !self.state.link.peer_ended {
            // OMA-TS-DM_Protocol: what asks for the rest of a package holds nothing else.
            let _ = draft.push(
                &mut Alert {
                    code: Some(AlertCode::NEXT_MESSAGE),
                    ..Alert::default()
                }
                .into(),
            );
        } else if self.state.link.has_said_all() && !self.state.is_refusing {
            let commands = &mut self.state.commands;
            let keep = self.state.proof.may_be_challenged();
            let loaded = self.state.link.load_tagged(&mut draft, commands, keep);
            has_commands = !loaded.sent.is_empty() || loaded.is_chunked;
            let msg = draft.msg_id();
            for (tag, ids, target) in loaded.sent {
                self.state.sent.sent(msg, tag, ids, target);
            }
            let refused = loaded.refused.into_iter();
            let notices = refused.map(|(tag, why)| Notice::NotSent(tag, why));
            self.state.notices.extend(notices);
        }
        // Statuses and Final without a command would close the session: where no command fits beside
        // the statuses, the device has to ask on.
        let may_end = has_commands || self.state.is_refusing || self.state.commands.is_empty();
        let is_final = self.state.link.peer_ended && self.state.link.is_silent() && may_end;
        let is_closing =
            is_final && !has_commands && !self.state.is_refusing && self.state.commands.is_empty();
        let transmit = self.state.link.seal(draft, is_final);
        Ok((self.sign(transmit)?, is_closing))
    }

    /// Signs a message, where messages are signed. Like credentials in a message, a signature goes only to
    /// a device that has shown its own.
    pub(super) fn sign(&mut self, mut transmit: Transmit) -> Result<Transmit, SessionError> {
        if self.state.check.is_known() {
            let proof = &mut self.state.proof;
            proof.sign(&mut transmit, &self.account.server)?;
        }
        Ok(transmit)
    }

    pub(super) fn opening(&self) -> Opening {
        let credentials = &self.account.server;
        let has_name = credentials.scheme != Scheme::Transport;
        // Credentials go to a device that has shown its own: Basic is readable, and a digest can be
        // guessed at leisure.
        let cred = match self.state.check.is_known() {
            true => self.state.proof.cred(credentials),
            false => None,
        };
        Opening {
            name: has_name.then(|| Text::from(&credentials.name)),
            cred,
            max_msg_size: self.config.max_msg_size,
            max_obj_size: self.config.max_obj_size,
            versions: self.state.link.versions_to_tell(&self.config.versions),
        }
    }

    /// Commands that were sent, or wait to be, and will have no status.
    pub(super) fn abandon_commands(&mut self) {
        self.drop_object();
        let unanswered = self.state.sent.abandon();
        self.tell_no_status(unanswered);
        for parcel in core::mem::take(&mut self.state.commands) {
            self.state
                .notices
                .extend(parcel.tag.map(|tag| Notice::NoStatus(tag, 0)));
        }
    }

    /// Gives up all that goes on. Statuses that are decided are still sent.
    pub(super) fn abandon(&mut self) {
        self.abandon_commands();
        self.issued.clear();
        self.is_again = false;
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.state.phase = Phase::Over(ending.clone());
        self.state.notices.push_back(Notice::Ended(ending));
    }
}
