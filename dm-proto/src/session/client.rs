//! [`ClientSession`]: the device's side.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use super::{
    CommandTag, Ending, NotSent, SMALLEST_MESSAGE, Ticket, Transmit,
    alerts::{Alerts, Outcome},
    config::{ClientConfig, ProtocolVersion, Start, Trigger},
    error::{Misuse, SessionError},
    event::{Answer, ClientEvent, Execute, Origin, UserReply},
    link::{
        Arrival, HeaderStatus, Link, is_abort, no_end_of_data, same_origin, says_nothing,
        session_abort,
    },
    object::Incoming,
    package::{LoadedTags, Opening, Parcel},
    phase::Phase,
    plan::{Note, Plan, Trial, Wait},
    proof::{Check, Evidence, Proof, Reception, Terms, Verdict},
    received::Received,
    saved::{Disposition, Saved},
};
use crate::{
    AlertCode, LocUri, MsgId, SessionId, StatusCode, Text,
    auth::{Account, Nonce, Resynchronization, Scheme, Side, SpecialNonce},
    message::{Alert, Command, Replace, Status, SyncMl},
};

/// The device's side of a session.
pub struct ClientSession {
    config: Arc<ClientConfig>,
    account: Account,
    state: State,
    /// The ticket of the event that waits for an answer, once it was handed out.
    issued: Option<u32>,
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
    /// The commands of the server's last message, until all are answered.
    plan: Option<Plan>,
    /// The large object of which the server's last message was not the last.
    object: Option<Incoming>,
    alerts: Alerts,
    notices: VecDeque<Notice>,
    /// What a server said that has not authenticated yet.
    unbelieved: Vec<Notice>,
    /// Our next message only tells the server that it has not authenticated.
    is_refusing: bool,
    /// It brings alerts again: the answers that came are not believed.
    is_insisting: bool,
}

/// An event that needs no answer.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Notice {
    Savepoint,
    Release,
    Discard,
    Told(CommandTag, Outcome),
    Delivered(MsgId),
    NonceChanged(Side, Nonce),
    Ended(Ending),
}

impl ClientSession {
    /// Begins a session. The first transmit is package 1.
    ///
    /// With a [`ClientConfig::max_msg_size`] below [`SMALLEST_MESSAGE`] it is over at once.
    pub fn start(config: Arc<ClientConfig>, account: &Account, start: Start) -> Self {
        let mut link = Link::new(
            start.session_id,
            config.encoding,
            account.device_uri.clone(),
            account.server_uri.clone(),
            account.server_uri.clone(),
        )
        .splitting(config.large_objects);
        link.speak(config.version);
        // OMA-TS-DM_Protocol, package 1: the alert, DevInfo, then alerts of the device.
        link.post(Alert {
            code: Some(match start.trigger {
                Trigger::Server => AlertCode::SERVER_INITIATED_MGMT,
                Trigger::Client => AlertCode::CLIENT_INITIATED_MGMT,
            }),
            ..Alert::default()
        });
        link.post(Replace {
            items: start.dev_info,
            ..Replace::default()
        });
        let mut proof = Proof::new(&account.client);
        if let Some(special) = start.special_nonce {
            proof.resynchronize(special);
        }
        let resynchronization = match start.special_nonce {
            None => Resynchronization::Refused,
            Some(SpecialNonce::Octets) => Resynchronization::Allowed,
            Some(SpecialNonce::Text) => Resynchronization::AllowedWithText,
        };
        let size = config.max_msg_size;
        let mut session = Self::new(
            config,
            account,
            State {
                link,
                proof,
                check: Check::new(&account.server, resynchronization),
                phase: Phase::Ours,
                plan: None,
                object: None,
                alerts: Alerts::default(),
                notices: VecDeque::new(),
                unbelieved: Vec::new(),
                is_refusing: false,
                is_insisting: false,
            },
        );
        if size < SMALLEST_MESSAGE {
            session.end(Ending::Failed(Misuse::MaxMsgSize(size).into()));
        }
        session
    }

    /// Takes up a saved session. Every event that was not answered comes again with a new ticket;
    /// `last_sent`, the last message taken from it, is sent again by the next
    /// [`poll_transmit`](Self::poll_transmit) if it was not answered.
    ///
    /// A session saved inside an Atomic goes on inside it: no new [`ClientEvent::Savepoint`] comes.
    ///
    /// # Errors
    ///
    /// If `saved` is of a version or side that this cannot read.
    pub fn restore(
        saved: Saved,
        last_sent: Option<Transmit>,
        config: Arc<ClientConfig>,
        account: &Account,
    ) -> Result<Self, SessionError> {
        let mut session = Self::new(config, account, saved.into_client()?);
        session.is_again = session.state.phase == Phase::Theirs && last_sent.is_some();
        session.last_sent = last_sent;
        Ok(session)
    }

    fn new(config: Arc<ClientConfig>, account: &Account, state: State) -> Self {
        Self {
            config,
            account: account.clone(),
            state,
            issued: None,
            last_sent: None,
            is_again: false,
            is_needy: false,
        }
    }

    /// What must be stored for [`restore`](Self::restore).
    pub fn save(&self) -> Saved {
        Saved::of_client(self.state.clone())
    }

    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        &self.state.link.session_id
    }

    /// Whether the server has authenticated; nothing is executed before.
    pub fn is_authenticated(&self) -> bool {
        self.state.check.is_authenticated()
    }

    /// Whether the status of an executed command waits to be sent: it was executed in this message, or
    /// did not fit into the messages since.
    ///
    /// When [`ClientEvent::Delivered`] comes, a status that no longer waits has arrived with that
    /// message.
    pub fn is_unsent(&self, origin: &Origin) -> bool {
        let is_running = self
            .state
            .plan
            .as_ref()
            .is_some_and(|plan| plan.msg_id == origin.msg_id);
        is_running || self.state.link.holds_status(&origin.msg_id, &origin.cmd_id)
    }

    /// Queues an alert (1224, 1226) for the next message. It is kept, and sent again after a
    /// challenge, until [`ClientEvent::Answered`].
    ///
    /// One with several items that does not fit into the server's `MaxMsgSize` goes out as one alert for
    /// each item (OMA-TS-DM_Protocol, generic alert: either is allowed), and one item whose data does not
    /// fit as a large object. All the same there is one answer: the first refusal, if one of them was
    /// refused.
    ///
    /// What cannot be sent at all ends in [`ClientEvent::NotSent`]. An alert of which neither was heard when
    /// the session is over was not answered; whether it has arrived is not known.
    pub fn alert(&mut self, alert: Alert, tag: CommandTag) {
        self.state.alerts.queue(alert, tag);
    }

    /// Takes a message of the server. `nonce` is fresh randomness, used if a challenge must be made,
    /// and as the nonce of the server's next session.
    ///
    /// A message that was taken already does nothing, or has the answer to it sent again.
    ///
    /// # Errors
    ///
    /// If the session is over or fails now; it then stays failed. There may still be a last message
    /// to the server in [`poll_transmit`](Self::poll_transmit).
    pub fn handle(&mut self, message: Received, nonce: Nonce) -> Result<(), SessionError> {
        match &self.state.phase {
            Phase::Theirs => {}
            Phase::Ours if self.state.link.disposition(&message) == Disposition::Repeat => {
                return Ok(());
            }
            Phase::Ours => return Err(Misuse::Turn.into()),
            Phase::Leaving(Ending::Failed(error)) | Phase::Over(Ending::Failed(error)) => {
                return Err(error.clone());
            }
            Phase::Leaving(_) | Phase::Over(_) => return Err(SessionError::Over),
        }
        match self.take(message, &nonce) {
            Ok(Arrival::Repeat) => {
                self.is_again = true;
                Ok(())
            }
            Ok(Arrival::Next) => {
                self.is_again = false;
                self.run();
                Ok(())
            }
            Err(error) => {
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// The next event. `None` until [`handle`](Self::handle), or an answer that the session waits for.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        if let Some(notice) = self.state.notices.pop_front() {
            return Some(notice.into());
        }
        if self.issued.is_some() {
            return None;
        }
        if let Some((id, offset, len)) = self.need() {
            return Some(ClientEvent::NeedPayload { id, offset, len });
        }
        let event = self.question()?;
        self.issued = Some(self.state.link.next_ticket);
        Some(event)
    }

    /// Answers [`ClientEvent::Execute`] or [`ClientEvent::Chunk`]. A ticket that is not the last one
    /// given does nothing.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let budget = self.config.limits.memory;
        match self.redeem(ticket) {
            Some((plan, Wait::Item(index))) => plan.answer_item(index, answer, budget),
            Some((plan, Wait::Chunk(index))) => plan.answer_chunk(index, answer.status),
            _ => return,
        }
        self.answered();
    }

    /// Gives data that [`ClientEvent::NeedPayload`] asks for. Without any octet the object is given
    /// up: the server does not get the rest.
    pub fn provide(&mut self, id: u64, offset: u64, octets: Bytes) {
        let is_over = octets.is_empty();
        if self.state.link.provide(id, offset, octets) && is_over {
            self.drop_object();
        }
        self.is_needy = false;
    }

    /// Answers [`ClientEvent::Rollback`]: whether everything is as it was.
    pub fn rolled_back(&mut self, ticket: Ticket, complete: bool) {
        let policy = self.config.sequence;
        if let Some((plan, Wait::Rollback(index))) = self.redeem(ticket) {
            plan.rolled_back(index, complete, policy);
            self.answered();
        }
    }

    /// Answers [`ClientEvent::Ask`]. A reply that does not fit the question, such as text to a yes-no
    /// question, is no consent: it is answered like a question that cannot be shown.
    pub fn reply(&mut self, ticket: Ticket, reply: UserReply) {
        let policy = self.config.sequence;
        if let Some((plan, Wait::Ask(index))) = self.redeem(ticket)
            && let Some(prompt) = plan.question(index)
        {
            let (code, items) = prompt.status_of(reply);
            plan.answer_question(index, code, items, policy);
            self.answered();
        }
    }

    /// Ends the session: the next transmit is an Alert 1223. With it go the statuses and results of what
    /// was executed, as far as they fit; what was not answered yet never is. Before the first message
    /// nothing is sent.
    ///
    /// No [`ClientEvent::Rollback`] comes for an Atomic that is open: whoever aborts inside one undoes
    /// it too, and the server is told nothing of what is in it.
    pub fn abort(&mut self) {
        self.discard();
        match self.state.phase {
            Phase::Ours if self.state.link.sent == 0 => self.end(Ending::Aborted),
            Phase::Ours | Phase::Theirs => {
                if let Some(mut plan) = self.state.plan.take() {
                    plan.abandon();
                    self.post_replies(plan);
                }
                self.state.link.forget_in_flight();
                self.state.phase = Phase::Leaving(Ending::Aborted);
            }
            Phase::Leaving(_) | Phase::Over(_) => {}
        }
        self.state.plan = None;
        self.issued = None;
        self.is_again = false;
    }

    /// The message to send, once all events are polled and answered; `None` until then.
    ///
    /// `None` with no event left means that there is nothing to say: the session is over, and
    /// [`ClientEvent::Ended`] has come or comes next. Events may come after a transmit too: the nonce that
    /// the message gives the server, an alert that cannot be sent, the end of an aborted session.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if core::mem::take(&mut self.is_again) {
            return self.last_sent.clone();
        }
        let made = match &self.state.phase {
            Phase::Leaving(ending) => {
                let ending = ending.clone();
                let opening = self.opening();
                let made = self.state.link.farewell(opening, Some(session_abort()));
                let made = made.and_then(|transmit| self.sign(transmit));
                self.end(ending);
                made.ok()
            }
            Phase::Over(Ending::Complete) if !self.state.alerts.is_empty() => {
                // It is not over after all.
                let notices = &mut self.state.notices;
                notices.retain(|notice| !matches!(notice, Notice::Ended(_)));
                self.speak()
            }
            Phase::Ours
                if self.state.plan.is_none()
                    && self.state.notices.is_empty()
                    && self.state.link.needs().is_none() =>
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

    /// The last message again, for a transport that lost the answer.
    #[must_use]
    pub fn last_sent(&self) -> Option<&Transmit> {
        self.last_sent.as_ref()
    }

    /// Lets a message in and sorts what is in it.
    fn take(&mut self, received: Received, nonce: &Nonce) -> Result<Arrival, SessionError> {
        if self.state.link.admit(&received)? == Arrival::Repeat {
            // A cache on the way, or a server that wants no end, could go on like this for ever.
            self.state.link.count_idle(true)?;
            return Ok(Arrival::Repeat);
        }
        let Received {
            message,
            mac,
            imprint,
            ..
        } = received;
        self.state
            .link
            .check_version(&message.header, ProtocolVersion::ALL)?;
        let is_awaited = |status: &Status| {
            self.state.alerts.is_awaited(status) || self.state.link.is_of_chunk(status)
        };
        let is_idle =
            says_nothing(&message, is_awaited) && !message.is_final && self.state.link.is_silent();
        self.state.link.count_idle(is_idle)?;
        let is_abort = is_abort(&message);
        let SyncMl {
            header, commands, ..
        } = message;
        let mut statuses = Vec::new();
        let mut to_run = Vec::new();
        for command in commands {
            match command {
                Command::Status(status) => statuses.push(status),
                command => to_run.push(command),
            }
        }

        let was_authenticated = self.is_authenticated();
        let evidence = Evidence {
            cred: header.cred.as_deref(),
            mac: &mac,
            imprint: &imprint,
        };
        let mut verdict = self.verify(evidence, !to_run.is_empty(), nonce)?;
        self.redirect(header.resp_uri.as_deref());
        // A status of a header alone is not sent, so a server whose credentials are wrong and who wants
        // nothing else is challenged with the alerts that it answered: its answers are not believed.
        self.state.is_insisting = !verdict.is_accepted() && to_run.is_empty();
        let told = self.state.notices.len();
        let is_challenged = self.take_statuses(&statuses)?;
        if self.is_authenticated() {
            // What was said earlier, and is not to be said again, is believed now.
            let later = self.state.notices.split_off(told);
            let believed = core::mem::take(&mut self.state.unbelieved);
            self.state.notices.extend(believed);
            self.state.notices.extend(later);
        }
        if is_abort {
            self.end(Ending::AbortedByPeer);
            return Ok(Arrival::Next);
        }

        let is_unheard = to_run.iter().any(|command| {
            matches!(command, Command::Alert(alert) if alert.code == Some(AlertCode::NO_END_OF_DATA))
        });
        if is_unheard && verdict.is_accepted() {
            self.drop_object();
        }
        let object = self.state.object.take();
        let mut plan = Plan::new(header.msg_id, to_run, &self.config, object);
        self.state.is_refusing = !verdict.is_accepted();
        if self.state.is_refusing {
            plan.refuse(verdict.code);
        } else if is_challenged {
            // Who does not believe us has nothing to command: OMA-TS-DM_Security allows statuses only.
            plan.refuse(StatusCode::BAD_REQUEST);
        }
        // Without a command there may be no answer that could carry the nonce: it counts once the answer
        // is made.
        if !was_authenticated && !plan.is_empty() && !is_challenged || verdict.is_of_signature() {
            verdict.offer(nonce);
        }
        self.state.link.header_status = Some(HeaderStatus::Verdict(verdict));
        self.state.plan = Some(plan);
        if let Some(plan) = &self.state.plan {
            let opening = || self.opening();
            let (msg_id, cmd_ids) = (&plan.msg_id, plan.cmd_ids());
            self.state.link.check_room(opening, msg_id, cmd_ids)?;
        }
        self.state.phase = Phase::Ours;
        Ok(Arrival::Next)
    }

    /// Signs a message, where messages are signed.
    fn sign(&mut self, mut transmit: Transmit) -> Result<Transmit, SessionError> {
        if !self.gives_credentials() {
            return Ok(transmit);
        }
        let proof = &mut self.state.proof;
        proof.sign(&mut transmit, &self.account.client)?;
        Ok(transmit)
    }

    fn verify(
        &mut self,
        evidence: Evidence<'_>,
        has_commands: bool,
        nonce: &Nonce,
    ) -> Result<Verdict, SessionError> {
        let terms = Terms {
            challenges: self.config.challenges,
            schemes: &self.config.schemes,
        };
        if evidence.is_none() && !has_commands && !self.state.check.is_known() {
            // OMA-TS-DM_Protocol: a server that wants nothing is not challenged.
            return Ok(Verdict::not_needed());
        }
        let verdict = self.state.check.verify(
            evidence,
            &self.account.server,
            // Some servers use their ServerID as user name.
            Some(&self.account.server_id),
            nonce,
            terms,
        );
        if self.state.check.is_exhausted(terms.challenges) {
            return Err(SessionError::NotAuthenticated);
        }
        Ok(verdict)
    }

    /// OMA-TS-DM_RepPro, `RespURI`: followed to the same scheme, host and port only; anywhere else it
    /// could take the session, and credentials, along. A challenge may come with one, before the server
    /// has authenticated.
    fn redirect(&mut self, resp_uri: Option<&str>) {
        if let Some(uri) = resp_uri
            && same_origin(uri, self.account.server_uri.as_str())
        {
            self.state.link.uri = LocUri::from(uri);
        }
    }

    /// Takes the statuses of a message. Whether our last one was challenged.
    fn take_statuses(&mut self, statuses: &[Status]) -> Result<bool, SessionError> {
        let mut is_challenged = false;
        let mut all = statuses.iter();
        if let Some(status) = all.find(|status| self.state.link.is_of_our_header(status)) {
            is_challenged = self.take_header_status(status)?;
        }
        for status in statuses.iter().filter(|status| status.cmd_ref != "0") {
            match self.state.link.chunk_answered(status) {
                Some(Some((parcel, code))) => self.give_up(&parcel, Outcome::Answered(code)),
                Some(None) => {}
                None => self.take_alert_status(status),
            }
        }
        Ok(is_challenged)
    }

    fn take_header_status(&mut self, status: &Status) -> Result<bool, SessionError> {
        let sent = self.state.link.sent;
        let terms = Terms {
            challenges: self.config.challenges,
            schemes: &self.config.schemes,
        };
        let (reception, nonce) = self
            .state
            .proof
            .answered(status, &self.account.client, terms)?;
        if let Some(nonce) = nonce {
            self.tell(Notice::NonceChanged(Side::Client, nonce));
        }
        match reception {
            Reception::Challenged => {
                self.is_needy = false;
                let again = self.state.link.take_back();
                if again.is_empty() {
                    return Err(SessionError::Refused);
                }
                let (alerts, rest) = again.into_iter().partition(|parcel| parcel.tag.is_some());
                self.state.link.post_first(rest);
                self.say_again(alerts);
                Ok(true)
            }
            Reception::Accepted if status.data.as_u16() >= 300 => {
                Err(SessionError::Rejected(status.data))
            }
            Reception::Accepted if self.state.is_insisting => {
                let (alerts, _): (Vec<Parcel>, Vec<Parcel>) = self
                    .state
                    .link
                    .take_back()
                    .into_iter()
                    .partition(|parcel| parcel.tag.is_some());
                self.state.is_insisting = !alerts.is_empty();
                self.say_again(alerts);
                self.tell(Notice::Delivered(MsgId::from(sent)));
                Ok(false)
            }
            Reception::Accepted => {
                self.state.link.forget_in_flight();
                self.tell(Notice::Delivered(MsgId::from(sent)));
                Ok(false)
            }
        }
    }

    /// Alerts of our last message go out again. What was said about them by somebody who is not believed
    /// is never told: the answer to come is.
    fn say_again(&mut self, alerts: Vec<Parcel>) {
        self.state.unbelieved.retain(|notice| match notice {
            Notice::Told(tag, _) => alerts.iter().all(|alert| alert.tag != Some(*tag)),
            _ => true,
        });
        self.state.alerts.say_again(self.state.link.sent, alerts);
    }

    fn take_alert_status(&mut self, status: &Status) {
        let link = &self.state.link;
        let told = self
            .state
            .alerts
            .answered(status, |tag| link.is_sending_tagged(tag));
        if let Some((tag, outcome)) = told {
            if self.is_authenticated() {
                self.state.link.forget_tagged(tag);
            }
            self.tell(Notice::Told(tag, outcome));
        }
    }

    /// What the next message needs of the caller, if that was not said already.
    fn need(&mut self) -> Option<(u64, u64, u64)> {
        if self.is_needy || self.state.phase != Phase::Ours || self.state.plan.is_some() {
            return None;
        }
        let need = self.state.link.needs();
        self.is_needy = need.is_some();
        need
    }

    /// The large object that is on its way to the server has no future.
    fn drop_object(&mut self) {
        if let Some(parcel) = self.state.link.drop_object() {
            self.give_up(&parcel, Outcome::NotSent(NotSent::BrokenOff));
        }
    }

    fn give_up(&mut self, parcel: &Parcel, outcome: Outcome) {
        if let Some(told) = parcel.tag.and_then(|tag| self.conclude(tag, outcome)) {
            self.tell(told);
        }
    }

    /// An alert, or one item of it, will not be sent any further.
    fn conclude(&mut self, tag: CommandTag, outcome: Outcome) -> Option<Notice> {
        let link = &self.state.link;
        let is_under_way = |tag| link.is_sending_tagged(tag);
        let told = self.state.alerts.conclude(tag, None, outcome, is_under_way);
        told.map(|(tag, outcome)| Notice::Told(tag, outcome))
    }

    /// The large object that was coming in has no future.
    fn discard(&mut self) {
        let plan = self.state.plan.as_mut();
        let in_plan = plan.and_then(Plan::drop_object);
        let open = self.state.object.take().or(in_plan);
        if open.is_some_and(|object| object.is_in_sink()) {
            self.state.notices.push_back(Notice::Discard);
        }
    }

    /// Tells the caller what the server said, once the server is known to be itself.
    fn tell(&mut self, notice: Notice) {
        if self.is_authenticated() {
            self.state.notices.push_back(notice);
        } else {
            self.state.unbelieved.push(notice);
        }
    }

    /// The event that the plan waits with, under a new ticket.
    fn question(&mut self) -> Option<ClientEvent> {
        let plan = self.state.plan.as_ref()?;
        let ticket = |link: &mut Link| Ticket(link.ticket());
        match plan.wait? {
            Wait::Item(index) => {
                let (place, verb, correlator, item) = plan.item(index)?;
                let origin = Origin {
                    session_id: self.state.link.session_id.clone(),
                    msg_id: plan.msg_id.clone(),
                    cmd_id: plan.cmd_id(index)?.clone(),
                    item: u32::try_from(place).unwrap_or(u32::MAX),
                };
                let execute = Execute {
                    origin,
                    verb,
                    correlator,
                    item,
                };
                Some(ClientEvent::Execute(ticket(&mut self.state.link), execute))
            }
            Wait::Chunk(_) => {
                let chunk = plan.chunk()?.clone();
                Some(ClientEvent::Chunk(ticket(&mut self.state.link), chunk))
            }
            Wait::Ask(index) => {
                let prompt = plan.question(index)?.clone();
                Some(ClientEvent::Ask(ticket(&mut self.state.link), prompt))
            }
            Wait::Rollback(_) => Some(ClientEvent::Rollback(ticket(&mut self.state.link))),
        }
    }

    /// What a ticket answers, if it is the one that was given out.
    fn redeem(&mut self, ticket: Ticket) -> Option<(&mut Plan, Wait)> {
        if self.issued != Some(ticket.0) {
            return None;
        }
        let plan = self.state.plan.as_mut()?;
        let wait = plan.wait?;
        Some((plan, wait))
    }

    fn answered(&mut self) {
        self.issued = None;
        self.run();
    }

    /// Runs the plan to its next question, or to its end.
    fn run(&mut self) {
        let Some(plan) = &mut self.state.plan else {
            return;
        };
        let notices = &mut self.state.notices;
        let mut note = |note| {
            notices.push_back(match note {
                Note::Savepoint => Notice::Savepoint,
                Note::Release => Notice::Release,
                Note::Discard => Notice::Discard,
            });
        };
        plan.advance(self.config.sequence, &mut note);
        if plan.wait.is_some() {
            return;
        }
        let (open, broken) = plan.take_objects(self.state.link.peer_ended, &mut note);
        self.state.object = open;
        if let Some(plan) = self.state.plan.take() {
            self.post_replies(plan);
        }
        for item in broken {
            self.state.link.post(no_end_of_data(item));
        }
    }

    fn post_replies(&mut self, plan: Plan) {
        let mut draft = None;
        let replies = plan.into_replies(Trial {
            room: self.state.link.sure_room(),
            try_out: &mut |parcel| {
                let opening = || self.opening();
                self.state.link.try_out(&mut draft, parcel, opening)
            },
        });
        self.state.link.post_all(replies);
    }

    /// Makes our next message, or ends the session if there is nothing to say.
    fn speak(&mut self) -> Option<Transmit> {
        let may_alert = !self.state.is_refusing || core::mem::take(&mut self.state.is_insisting);
        let is_silent = self.state.link.is_silent() && (self.state.alerts.is_empty() || !may_alert);
        // OMA-TS-DM_Protocol: a message with the status of a header alone is not sent.
        if is_silent && self.state.link.peer_ended {
            self.end(Ending::Complete);
            return None;
        }
        match self.compose(may_alert) {
            Ok(transmit) => {
                self.state.phase = Phase::Theirs;
                Some(transmit)
            }
            Err(error) => {
                self.end(Ending::Failed(error));
                None
            }
        }
    }

    fn compose(&mut self, may_alert: bool) -> Result<Transmit, SessionError> {
        self.state.link.forget_sent_object();
        let mut draft = self.state.link.draft(self.opening())?;
        // What an unknown server says of our message counts for nothing.
        let keep = self.state.proof.may_be_challenged() || !self.is_authenticated();
        let was_sending = self.state.link.is_sending();
        self.state.link.load(&mut draft, keep)?;
        if was_sending {
            // The next chunk, and, behind the last one, what waited for it.
            let loaded = self.state.link.load_chunk(&mut draft);
            self.note(loaded, draft.msg_id());
            if !self.state.link.is_sending() {
                self.state.link.load(&mut draft, keep)?;
            }
        }
        if self.state.link.is_silent() && may_alert {
            let alerts = &mut self.state.alerts.waiting;
            let loaded = self.state.link.load_tagged(&mut draft, alerts, keep);
            self.note(loaded, draft.msg_id());
        }
        let is_final = self.state.link.peer_ended
            && self.state.link.is_silent()
            && (self.state.alerts.is_empty() || !may_alert);
        if !self.state.link.peer_ended {
            // What fits no more is not needed: other commands keep the exchange going.
            let _ = draft.push(
                &mut Alert {
                    code: Some(AlertCode::NEXT_MESSAGE),
                    ..Alert::default()
                }
                .into(),
            );
        }
        // From here on it is the nonce of the server's next proof.
        if let Some(nonce) = self.state.link.offered_nonce() {
            self.state.check.expect(&nonce);
            self.state
                .notices
                .push_back(Notice::NonceChanged(Side::Server, nonce));
        }
        let transmit = self.state.link.seal(draft, is_final);
        self.sign(transmit)
    }

    /// Whether the server gets to see who we are, before it has asked or since.
    fn gives_credentials(&self) -> bool {
        self.config.unasked_credentials || self.state.proof.is_asked()
    }

    /// Notes which alerts are in our message, and tells of those that never can be.
    fn note(&mut self, loaded: LoadedTags, msg_id: u32) {
        for (tag, ids, _) in loaded.sent {
            self.state.alerts.sent(msg_id, &ids, tag);
        }
        for (tag, why) in loaded.refused {
            let told = self.conclude(tag, Outcome::NotSent(why));
            self.state.notices.extend(told);
        }
    }

    fn opening(&self) -> Opening {
        let credentials = &self.account.client;
        let is_given = self.gives_credentials();
        let has_name = is_given && credentials.scheme != Scheme::Transport;
        Opening {
            name: has_name.then(|| Text::from(&credentials.name)),
            cred: match is_given {
                true => self.state.proof.cred(credentials),
                false => None,
            },
            max_msg_size: self.config.max_msg_size,
            max_obj_size: self.config.max_obj_size,
            versions: self.state.link.versions_to_tell(ProtocolVersion::ALL),
        }
    }

    /// Ends with an error, of which the server is told if it can do something about it.
    fn fail(&mut self, error: SessionError) {
        self.discard();
        self.state.plan = None;
        self.state.link.clear();
        match error {
            SessionError::PeerMisbehaved(_) | SessionError::PeerIncompatible(_) => {
                self.state.phase = Phase::Leaving(Ending::Failed(error));
            }
            _ => self.end(Ending::Failed(error)),
        }
    }

    fn end(&mut self, ending: Ending) {
        self.discard();
        self.state.phase = Phase::Over(ending.clone());
        self.state.notices.push_back(Notice::Ended(ending));
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("session_id", self.session_id())
            .field("phase", &self.state.phase)
            .field("sent", &self.state.link.sent)
            .field("received", &self.state.link.received)
            .field("is_authenticated", &self.is_authenticated())
            .finish_non_exhaustive()
    }
}

impl From<Notice> for ClientEvent {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Savepoint => Self::Savepoint,
            Notice::Release => Self::Release,
            Notice::Discard => Self::Discard,
            Notice::Told(tag, Outcome::Answered(status)) => Self::Answered { tag, status },
            Notice::Told(tag, Outcome::NotSent(reason)) => Self::NotSent { tag, reason },
            Notice::Delivered(msg_id) => Self::Delivered(msg_id),
            Notice::NonceChanged(side, nonce) => Self::NonceChanged { side, nonce },
            Notice::Ended(ending) => Self::Ended(ending),
        }
    }
}
