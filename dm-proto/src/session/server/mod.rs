//! [`ServerSession`]: the server's side.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use self::notice::Notice;
use super::{
    CommandTag, Ending, SMALLEST_MESSAGE, Ticket, Transmit,
    config::ServerConfig,
    error::{Misbehaviour, Misuse, SessionError},
    event::{NotSent, ServerEvent},
    link::{Arrival, Link, session_abort},
    object::{Incoming, Source},
    package::Parcel,
    pending::Pending,
    phase::Phase,
    proof::{Check, Proof},
    received::Received,
    reply::{Decision, Reply},
    saved::{Disposition, Saved},
};
use crate::{
    StatusCode,
    auth::{Account, Nonce},
    message::{Command, Item},
};

mod notice;
mod receive;
mod speak;

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
pub(in crate::session) struct State {
    pub(in crate::session) link: Link,
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

    /// Why a command cannot be sent to this device, if so: what [`ServerEvent::NotSent`] would say of it. For
    /// who has several commands, and sends none if one of them cannot be sent.
    ///
    /// It knows what the device has said so far; a command that it lets pass may still end in
    /// [`ServerEvent::NotSent`].
    pub fn unfit(&self, command: &Command) -> Option<NotSent> {
        let mut parcel = Parcel::from(command.clone());
        let unfit = self
            .state
            .link
            .try_out(&mut None, &mut parcel, || self.opening());
        unfit.map(NotSent::from)
    }

    /// From now on data is not split, whatever [`ServerConfig::large_objects`] says: the device takes no large
    /// objects (`./DevDetail/LrgObj`). OMA-TS-DM_StdObj, DevDetail.
    pub fn splits_no_more(&mut self) {
        self.state.link.splits_no_more();
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
