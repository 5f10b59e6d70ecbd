//! [`ServerSession`]: the server's side.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use super::{
    Chunk, CommandTag, Ending, SMALLEST_MESSAGE, Ticket, Transmit,
    config::ServerConfig,
    error::{Misbehaviour, Misuse, SessionError},
    event::{NotSent, ServerEvent},
    link::{
        Arrival, HeaderStatus, Link, is_abort, no_end_of_data, reference, says_nothing,
        session_abort,
    },
    meta::{complete_meta, items_of},
    object::{Incoming, Received as Assembled, Rules, Source},
    package::{Opening, Parcel, put_first},
    pending::{Part, Pending},
    phase::Phase,
    proof::{Check, Evidence, Proof, Reception, Terms},
    received::Received,
    reply::{Decision, Reply, is_dev_info, is_too_large},
    saved::{Disposition, Saved},
};
use crate::{
    AlertCode, Extra, StatusCode, Text,
    auth::{Account, Nonce, Scheme, Side},
    message::{Alert, Command, Item, Results, Status, SyncMl},
};

/// The server's side of a session.
pub struct ServerSession {
    config: Arc<ServerConfig>,
    account: Account,
    state: State,
    /// Tickets that were handed out: the ticket, and the place of the reply it is for.
    issued: Vec<(u32, usize)>,
    /// The alerts among the first replies were handed out.
    asked: usize,
    last_sent: Option<Transmit>,
    /// The last message is to be sent again.
    is_again: bool,
    /// The caller was asked for data and has not given it.
    is_needy: bool,
}

/// What of a session is saved.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct State {
    pub(super) link: Link,
    proof: Proof,
    check: Check,
    phase: Phase,
    /// The answers to the commands of the device's last message.
    replies: Vec<Reply>,
    /// Commands that were not sent yet.
    commands: VecDeque<Parcel>,
    /// The large object of which the device's last message was not the last.
    object: Option<Incoming>,
    /// Commands that were sent, and those inside them.
    sent: Pending,
    /// Large objects of the device that something else came instead of the rest of.
    broken: Vec<Item>,
    notices: VecDeque<Notice>,
    is_opened: bool,
    /// The caller knows that it is our turn.
    is_ready: bool,
    /// Our next message only tells the device that it has not authenticated.
    is_refusing: bool,
}

/// An event that needs no answer.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Notice {
    Opened(AlertCode, Vec<Item>),
    Status {
        tag: CommandTag,
        part: u32,
        target_ref: Option<Text>,
        status: StatusCode,
        items: Vec<Item>,
        #[cfg_attr(feature = "serde", serde(default))]
        extra: Extra,
    },
    Results(CommandTag, u32, Vec<Item>),
    Chunk(CommandTag, u32, Box<Chunk>),
    NoStatus(CommandTag, u32),
    Ready,
    NonceChanged(Side, Nonce),
    Ended(Ending),
    NotSent(CommandTag, NotSent),
}

impl ServerSession {
    /// Begins a session with its first message, which must still be [handled](Self::handle).
    ///
    /// # Errors
    ///
    /// If the message is not the first of a session (MsgID 1), or [`ServerConfig::max_msg_size`] is
    /// below [`SMALLEST_MESSAGE`].
    pub fn accept(
        first: &Received,
        config: Arc<ServerConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        if config.max_msg_size < SMALLEST_MESSAGE {
            return Err(Misuse::MaxMsgSize(config.max_msg_size).into());
        }
        let header = first.header();
        if first.number() != Some(1) {
            return Err(Misbehaviour::MessageOrder(header.msg_id.clone().into()).into());
        }
        let remote = header.source.loc_uri.clone();
        let link = Link::new(
            header.session_id.clone(),
            first.encoding(),
            header.target.loc_uri.clone(),
            remote.clone(),
            remote,
        )
        .splitting(config.large_objects);
        let check = Check::new(&account.client, config.resynchronization);
        Ok(Self::new(
            config,
            account,
            State {
                link,
                proof: Proof::new(&account.server),
                check,
                phase: Phase::Theirs,
                replies: Vec::new(),
                commands: VecDeque::new(),
                object: None,
                sent: Pending::default(),
                broken: Vec::new(),
                notices: VecDeque::new(),
                is_opened: false,
                is_ready: false,
                is_refusing: false,
            },
        ))
    }

    /// Takes up a saved session. Every event that was not answered comes again with a new ticket.
    /// `last_sent`, the last message taken from it, is what a repeated message of the device is
    /// answered with; nothing is sent without one. [`ServerEvent::Ready`] comes again unless a command
    /// waits to be sent.
    ///
    /// # Errors
    ///
    /// If `saved` is of a version or side that this cannot read.
    pub fn restore(
        saved: Saved,
        last_sent: Option<Transmit>,
        config: Arc<ServerConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        let mut session = Self::new(config, account, saved.into_server()?);
        session.last_sent = last_sent;
        let is_waiting = session
            .state
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Ready));
        if session.state.commands.is_empty() && !is_waiting {
            session.state.is_ready = false;
            session.settle();
        }
        Ok(session)
    }

    fn new(config: Arc<ServerConfig>, account: &Account, state: State) -> Self {
        Self {
            config,
            account: account.clone(),
            state,
            issued: Vec::new(),
            asked: 0,
            last_sent: None,
            is_again: false,
            is_needy: false,
        }
    }

    /// What must be stored for [`restore`](Self::restore).
    pub fn save(&self) -> Saved {
        Saved::of_server(self.state.clone())
    }

    /// The session's id.
    pub fn session_id(&self) -> &crate::SessionId {
        &self.state.link.session_id
    }

    /// What `received` is to this session.
    pub fn disposition(&self, received: &Received) -> Disposition {
        self.state.link.disposition(received)
    }

    /// Takes a message of the device. A repeated message leaves no events, and its answer is the one
    /// it had before. `nonce` is fresh randomness, used if a challenge is made, and as the nonce of
    /// the device's next session.
    ///
    /// # Errors
    ///
    /// If the message does not belong to the session (then nothing has changed), or the session fails
    /// now. [`poll_transmit`](Self::poll_transmit) may still have an answer for the device that says
    /// why.
    pub fn handle(&mut self, message: Received, nonce: Nonce) -> Result<(), SessionError> {
        if message.header().source.loc_uri != self.state.link.remote {
            let from = message.header().source.loc_uri.clone();
            return Err(Misbehaviour::Source(from.into()).into());
        }
        let is_repeat = self.state.link.disposition(&message) == Disposition::Repeat;
        match &self.state.phase {
            Phase::Ours | Phase::Leaving(_) if is_repeat => return Ok(()),
            Phase::Ours => return Err(Misuse::Turn.into()),
            _ if is_repeat && self.last_sent.is_none() => return Err(Misuse::LastSent.into()),
            _ if is_repeat => {
                self.is_again = true;
                return Ok(());
            }
            Phase::Theirs | Phase::Over(Ending::Complete) => {}
            Phase::Leaving(Ending::Failed(error)) | Phase::Over(Ending::Failed(error)) => {
                return Err(error.clone());
            }
            Phase::Leaving(_) | Phase::Over(_) => return Err(SessionError::Over),
        }
        // A message that is not the next one is nobody's: it must not end the session.
        if self.state.link.admit(&message)? == Arrival::Repeat {
            return Ok(());
        }
        self.state.phase = Phase::Ours;
        self.state.is_ready = false;
        // If it was over, it is not after all.
        let notices = &mut self.state.notices;
        notices.retain(|notice| !matches!(notice, Notice::Ended(_)));
        self.is_again = false;
        let taken = self.take(message, &nonce);
        match taken {
            Ok(()) => self.settle(),
            Err(error) => {
                self.abandon();
                self.state.phase = Phase::Leaving(Ending::Failed(error.clone()));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether the device has authenticated.
    pub fn is_authenticated(&self) -> bool {
        self.state.check.is_authenticated()
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        if let Some(notice) = self.state.notices.pop_front() {
            return Some(notice.into());
        }
        let mut replies = self.state.replies.iter().enumerate().skip(self.asked);
        let asked = replies.find_map(|(place, reply)| match &reply.decision {
            Decision::Asked(alert) => Some((place, alert.clone())),
            Decision::Made(_) => None,
        });
        let Some((place, alert)) = asked else {
            let need = self.need();
            let need = need.map(|(id, offset, len)| ServerEvent::NeedPayload { id, offset, len });
            return need.or_else(|| Some(self.state.notices.pop_front()?.into()));
        };
        self.asked = place.saturating_add(1);
        let ticket = self.state.link.ticket();
        self.issued.push((ticket, place));
        Some(ServerEvent::Alert(Ticket(ticket), alert))
    }

    /// Gives a command. Its CmdIDs, and those inside it, are assigned by the session. It goes out
    /// with the next package; commands that met 401 or 407 are sent again after authentication.
    ///
    /// Commands that do not fit into the device's `MaxMsgSize` together follow in later packages. One
    /// that does not fit alone and cannot be split, as a Sequence or Atomic cannot, has data above
    /// the device's `MaxObjSize` or no encoded form ends in [`ServerEvent::NotSent`]; the others go
    /// out all the same.
    pub fn send(&mut self, command: Command, tag: CommandTag) {
        self.state.commands.push_back(Parcel::new(command, tag));
    }

    /// Gives a command with one item, whose data the caller provides while it is sent:
    /// [`ServerEvent::NeedPayload`]. Otherwise as [`send`](Self::send). What the item has of data is
    /// left out.
    pub fn send_from(&mut self, command: Command, source: Source, tag: CommandTag) {
        self.state.commands.push_back(Parcel {
            source: Some(source),
            ..Parcel::new(command, tag)
        });
    }

    /// Gives data that [`ServerEvent::NeedPayload`] asks for. Without any octet the object is given
    /// up: the device does not get the rest, and the command has no status.
    pub fn provide(&mut self, id: u64, offset: u64, octets: Bytes) {
        let is_over = octets.is_empty();
        if self.state.link.provide(id, offset, octets) && is_over {
            self.drop_object();
        }
        self.is_needy = false;
    }

    /// Answers [`ServerEvent::Alert`]. A ticket that was used already does nothing.
    pub fn answer(&mut self, ticket: Ticket, status: StatusCode) {
        let Some(at) = self.issued.iter().position(|(known, _)| *known == ticket.0) else {
            return;
        };
        let (_, place) = self.issued.swap_remove(at);
        if let Some(reply) = self.state.replies.get_mut(place) {
            reply.decision = Decision::Made(status);
        }
        self.settle();
    }

    /// Ends the session: the next transmit is an Alert 1223. Commands that have no status get
    /// [`ServerEvent::NoStatus`].
    pub fn abort(&mut self) {
        if matches!(self.state.phase, Phase::Ours | Phase::Theirs) {
            self.abandon();
            self.state.phase = Phase::Leaving(Ending::Aborted);
        }
    }

    /// The message to send, once all events are polled and answered; `None` until then, and until
    /// the next message of the device.
    ///
    /// Events may come after a transmit too: [`ServerEvent::Ended`] after a closing package, and
    /// [`ServerEvent::NotSent`].
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if core::mem::take(&mut self.is_again) {
            return self.last_sent.clone();
        }
        let made = match &self.state.phase {
            Phase::Leaving(ending) => {
                let ending = ending.clone();
                // Who has not authenticated, or has left already, gets statuses only.
                let last_word = match ending {
                    Ending::AbortedByPeer | Ending::Failed(SessionError::NotAuthenticated) => None,
                    _ => Some(session_abort()),
                };
                self.post_replies();
                let opening = self.opening();
                let made = self.state.link.farewell(opening, last_word);
                let made = made.and_then(|transmit| self.sign(transmit));
                self.end(ending);
                made.ok()
            }
            Phase::Ours
                if self.state.notices.is_empty()
                    && self.is_decided()
                    && (!self.is_our_turn() || self.state.link.needs().is_none()) =>
            {
                self.speak()
            }
            Phase::Ours | Phase::Theirs | Phase::Over(_) => None,
        };
        if made.is_some() {
            self.last_sent.clone_from(&made);
        }
        made
    }

    /// Sorts what is in a message.
    fn take(&mut self, received: Received, nonce: &Nonce) -> Result<(), SessionError> {
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
    fn drop_object(&mut self) {
        let parcel = self.state.link.drop_object();
        let tag = parcel.and_then(|parcel| parcel.tag);
        self.state
            .notices
            .extend(tag.map(|tag| Notice::NoStatus(tag, 0)));
    }

    /// What the next message needs of the caller, if that was not said already.
    fn need(&mut self) -> Option<(u64, u64, u64)> {
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

    fn tell_no_status(&mut self, parts: Vec<Part>) {
        let notices = parts.into_iter();
        self.state
            .notices
            .extend(notices.map(|(tag, part)| Notice::NoStatus(tag, part)));
    }

    /// Whether every alert has its answer.
    fn is_decided(&self) -> bool {
        self.state
            .replies
            .iter()
            .all(|reply| matches!(reply.decision, Decision::Made(_)))
    }

    /// Whether the next message may hold commands.
    fn is_our_turn(&self) -> bool {
        self.state.phase == Phase::Ours
            && !self.state.is_refusing
            && self.state.link.peer_ended
            && self.is_decided()
    }

    /// Tells the caller once that the device waits for commands: not while it waits for the rest of
    /// one.
    fn settle(&mut self) {
        let may_send = self.is_our_turn() && !self.state.link.is_sending();
        if may_send && !core::mem::replace(&mut self.state.is_ready, true) {
            self.state.notices.push_back(Notice::Ready);
        }
    }

    fn post_replies(&mut self) {
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
    fn speak(&mut self) -> Option<Transmit> {
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
    fn sign(&mut self, mut transmit: Transmit) -> Result<Transmit, SessionError> {
        if self.state.check.is_known() {
            let proof = &mut self.state.proof;
            proof.sign(&mut transmit, &self.account.server)?;
        }
        Ok(transmit)
    }

    fn opening(&self) -> Opening {
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
    fn abandon_commands(&mut self) {
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
    fn abandon(&mut self) {
        self.abandon_commands();
        self.issued.clear();
        self.is_again = false;
    }

    fn end(&mut self, ending: Ending) {
        self.state.phase = Phase::Over(ending.clone());
        self.state.notices.push_back(Notice::Ended(ending));
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

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession")
            .field("session_id", self.session_id())
            .field("phase", &self.state.phase)
            .field("sent", &self.state.link.sent)
            .field("received", &self.state.link.received)
            .field("is_authenticated", &self.is_authenticated())
            .finish_non_exhaustive()
    }
}

impl From<Notice> for ServerEvent {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Opened(trigger, dev_info) => Self::Opened { trigger, dev_info },
            Notice::Status {
                tag,
                part,
                target_ref,
                status,
                items,
                extra,
            } => Self::Status {
                tag,
                part,
                target_ref,
                status,
                items,
                extra,
            },
            Notice::Results(tag, part, items) => Self::Results { tag, part, items },
            Notice::Chunk(tag, part, chunk) => Self::Chunk {
                tag,
                part,
                chunk: *chunk,
            },
            Notice::NoStatus(tag, part) => Self::NoStatus { tag, part },
            Notice::Ready => Self::Ready,
            Notice::NonceChanged(side, nonce) => Self::NonceChanged { side, nonce },
            Notice::Ended(ending) => Self::Ended(ending),
            Notice::NotSent(tag, reason) => Self::NotSent { tag, reason },
        }
    }
}
