//! [`Queue`]: the operations of a device, and its session.

#[cfg(test)]
mod tests;

use dm_proto::{
    AlertCode, StatusCode,
    auth::{Nonce, Side},
    message::{Alert, Command, Item},
    session::{CommandTag, Ending, NotSent, ServerEvent, ServerSession},
};
use serde::{Deserialize, Serialize};

use super::{
    Actor, Decision, Desk, DeviceRequest, Operation, Progress, Refusal, Reply, Request, Step,
    Understood, Verdict, actor::Open,
};

/// The operations of one device in their order. Serializable: it is stored with the session.
///
/// One operation sends at a time, the oldest that has something to send; one that waits for its report
/// holds up nobody. Commands that others give to the session use tags from `1 << 63` up.
///
/// What is stored begins with the number of its form. One of another release that has another form is not
/// misread: deserializing it fails, and says so.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Queue<O> {
    form: Form,
    version: u64,
    entries: Vec<Entry<O>>,
    /// The operation that sent last: it goes on first, so that nothing comes between a question and
    /// what hangs on it.
    current: Option<u32>,
    /// The device took a reset, and has opened no session since.
    reset: bool,
}

/// Marks what is stored as of the form that this release writes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
struct Form;

/// Changes whenever what is stored does; no count that a queue without a form begins with.
const FORM: u32 = 0x5155_0005;

#[derive(Debug, thiserror::Error)]
#[error("a stored queue of form {0:#x}, where {FORM:#x} is expected")]
struct OtherForm(u32);

impl TryFrom<u32> for Form {
    type Error = OtherForm;

    fn try_from(form: u32) -> Result<Self, OtherForm> {
        (form == FORM).then_some(Self).ok_or(OtherForm(form))
    }
}

impl From<Form> for u32 {
    fn from(_: Form) -> Self {
        FORM
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Entry<O> {
    id: u32,
    operation: O,
    /// The commands in flight that have no status yet; `None` if nothing is in flight.
    open: Option<Vec<u16>>,
    accepted: bool,
    finished: bool,
    /// The device is reporting on it, and its package is not over: a report that does not fit into a message
    /// goes on in the next.
    reporting: bool,
    /// Waits for the next session.
    held: bool,
    /// The device took a reset by it: known once.
    erased: bool,
    /// What the device said, if it asked for it.
    asked: Option<DeviceRequest>,
}

/// What [`Queue::drive`] tells.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The device opened the session.
    Opened {
        /// 1200 or 1201: who asked for it.
        trigger: AlertCode,
        /// Its DevInfo.
        dev_info: Vec<Item>,
    },
    /// Commands of the operation go out with the next message.
    Sent(u32),
    /// The device took the operation, and will report.
    Accepted(u32),
    /// The operation has its outcome. Of a report this is told when the device's package is over: one that
    /// does not fit into a message comes in several.
    Finished(u32),
    /// An alert of an operation that has its outcome already: a copy of its report, or more of it, which
    /// comes too late to change the outcome. It was answered 200.
    Late {
        /// The operation.
        id: u32,
        /// What the device sent.
        alert: Alert,
    },
    /// An alert that no operation claims and that asks for nothing; it was answered 200.
    Unclaimed(Alert),
    /// The device asks for operations, and was answered.
    Requested {
        /// What it said.
        asked: DeviceRequest,
        /// What came of it.
        verdict: Verdict,
        /// The answer; `None` to a session that the device opened, which is answered anyway.
        status: Option<StatusCode>,
    },
    /// Store the nonce in the account.
    NonceChanged {
        /// Whose credentials it is for.
        side: Side,
        /// The nonce.
        nonce: Nonce,
    },
    /// The session is over.
    Ended(Ending),
}

impl<O: Operation> Queue<O> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            form: Form,
            version: 0,
            entries: Vec::new(),
            current: None,
            reset: false,
        }
    }

    /// How often the queue was stored by [`store`](Self::store): 0 for a new one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Stores the queue if nobody else has since it was read; whether it did. If not, read it anew and do
    /// everything again on that, and send nothing of what was done on this one: of two processes that
    /// hold the same queue, one sends.
    ///
    /// `swap` is given the version that is replaced and the queue in its next one. It stores that, with
    /// the session and its answer if there is one, in one step with the comparison, and says whether the
    /// stored version was the one replaced; where nothing is stored, that is 0.
    ///
    /// # Errors
    ///
    /// What `swap` says. Whether the queue was stored is not known then: read it anew.
    pub fn store<E>(
        &mut self,
        swap: impl FnOnce(u64, &Self) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let replaced = self.version;
        self.version = replaced.saturating_add(1);
        let stored = swap(replaced, self);
        if !matches!(stored, Ok(true)) {
            self.version = replaced;
        }
        stored
    }

    /// Adds an operation at the end. `id` is the caller's own name for it, used once.
    ///
    /// Nobody decides on it: who asks for it is the server itself. What others ask for goes through
    /// [`admit`](Self::admit).
    pub fn push(&mut self, id: u32, operation: O) {
        self.entries.push(Entry {
            id,
            operation,
            open: None,
            accepted: false,
            finished: false,
            reporting: false,
            held: false,
            erased: false,
            asked: None,
        });
    }

    /// Adds an operation at the end that somebody asks the server for, if the desk grants it.
    ///
    /// `behalf` is who has asked the one who asks: the user, mostly, or again `by`. Who does not ask the
    /// server at all ([`Actor::asks`]) is refused before the desk is asked.
    pub fn admit(
        &mut self,
        id: u32,
        by: Actor,
        behalf: Actor,
        operation: O,
        desk: &mut (impl Desk<O> + ?Sized),
    ) -> Decision {
        let mut request = Request::new(id, by, &operation, self.unfinished());
        request.behalf = behalf;
        let decision = match by.asks(Actor::Server) {
            Some(_) => desk.decide(&request),
            None => Decision::Refused(Refusal::NotItsPlace(by)),
        };
        self.take_in(id, operation, decision, None);
        decision
    }

    fn take_in(
        &mut self,
        id: u32,
        operation: O,
        decision: Decision,
        asked: Option<&DeviceRequest>,
    ) {
        if let Decision::Refused(_) = decision {
            return;
        }
        self.push(id, operation);
        if let Some(entry) = self.entries.last_mut() {
            entry.held = decision == Decision::Later;
            entry.asked = asked.cloned();
        }
    }

    /// Operations that are not over.
    fn unfinished(&self) -> usize {
        let open = |entry: &&Entry<O>| entry.operation.progress() != Progress::Finished;
        self.entries.iter().filter(open).count()
    }

    /// What the device said to get an operation, if it asked for it.
    pub fn asked(&self, id: u32) -> Option<&DeviceRequest> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        entry.asked.as_ref()
    }

    /// An operation.
    pub fn get(&self, id: u32) -> Option<&O> {
        self.iter()
            .find(|(i, _)| *i == id)
            .map(|(_, operation)| operation)
    }

    /// An operation, to cancel or expire it.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut O> {
        self.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .map(|entry| &mut entry.operation)
    }

    /// The operations with their ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &O)> {
        self.entries
            .iter()
            .map(|entry| (entry.id, &entry.operation))
    }

    /// Whether an operation has something to send, so that the device should be notified.
    pub fn wants_session(&self) -> bool {
        self.entries.iter().any(|entry| {
            entry.open.is_none() && matches!(entry.operation.clone().step(), Step::Send(_))
        })
    }

    /// Whether the device has taken a factory reset and has opened no session since: what it knew of this
    /// server is what its factory bootstrap says of it, the nonces included. A server that goes on with the
    /// nonces of before is not believed, and so are its notifications, until it is challenged.
    pub fn awaits_reset(&self) -> bool {
        self.reset
    }

    /// Removes an operation. While it is in the queue, late copies of its report are known for what
    /// they are; keep it as long as they may come.
    pub fn remove(&mut self, id: u32) -> Option<O> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(index).operation)
    }

    /// Cancels an operation if nothing of it was sent that changes the device; whether it did. `false` for
    /// one that is not there.
    pub fn cancel(&mut self, id: u32) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        entry.is_some_and(|entry| {
            let cancelled = entry.operation.cancel();
            entry.finished |= cancelled;
            cancelled
        })
    }

    /// Ends the operations whose deadline is `now` or earlier, by the caller's clock: as unknown if the
    /// Exec may have arrived, else as expired. Says which, each once.
    pub fn expire(&mut self, now: u64) -> Vec<u32> {
        let mut expired = Vec::new();
        for entry in &mut self.entries {
            let is_due = entry.operation.deadline().is_some_and(|due| due <= now);
            if is_due && !entry.finished {
                entry.operation.expire();
                entry.finished = true;
                expired.push(entry.id);
            }
        }
        expired
    }

    /// Ends an operation as its deadline would, for a server that keeps deadlines of its own; whether there
    /// is one that was not over.
    pub fn expire_one(&mut self, id: u32) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        entry.is_some_and(|entry| {
            let is_open = !entry.finished;
            if is_open {
                entry.operation.expire();
                entry.finished = entry.operation.progress() == Progress::Finished;
            }
            is_open
        })
    }

    /// The first deadline of an operation that is not over.
    pub fn next_deadline(&self) -> Option<u64> {
        let open = self.entries.iter().filter(|entry| !entry.finished);
        open.filter_map(|entry| entry.operation.deadline()).min()
    }

    /// Says that the session is lost: the device has not been heard of for too long. What was in flight
    /// will be sent again. A new session says so by itself.
    pub fn session_lost(&mut self) {
        self.current = None;
        for entry in &mut self.entries {
            entry.open = None;
            entry.held = false;
            entry.operation.handle(Reply::SessionOver);
        }
    }

    /// Drains the session's events into the operations, and gives the session the next commands:
    /// those of the first operation that has any. Call after `ServerSession::handle` and before
    /// `poll_transmit`, and once more after it, since the message may have ended the session; store
    /// session and queue before the answer leaves.
    ///
    /// What a device took and never reported ends as [`Ended::Forgotten`](super::Ended::Forgotten) if it takes a
    /// factory reset, opens another session, and ends that without a report: it may open one more before it is
    /// reset, to say what it has to say. A report that comes all the same is [`Notice::Late`].
    ///
    /// What the device asks for is not looked at: [`drive_with`](Self::drive_with) does that.
    pub fn drive(&mut self, session: &mut ServerSession) -> Vec<Notice> {
        self.drive_with(session, &mut Open)
    }

    /// The same with a desk, where it is decided on what the device asks for: operations that are granted
    /// go out in this very session. A request that comes again while operations of it are not over adds
    /// none, and is answered 202: it is being worked on.
    pub fn drive_with(
        &mut self,
        session: &mut ServerSession,
        desk: &mut (impl Desk<O> + ?Sized),
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut ready = false;
        let mut has_said_all = false;
        while let Some(event) = session.poll_event() {
            match event {
                ServerEvent::Opened {
                    trigger, dev_info, ..
                } => {
                    // Whatever was in flight in an earlier session is not any more.
                    self.session_lost();
                    self.reported();
                    self.doubt();
                    notices.push(Notice::Opened { trigger, dev_info });
                    if trigger == AlertCode::CLIENT_INITIATED_MGMT {
                        let asked = DeviceRequest::session();
                        notices.extend(self.requested(asked, desk).map(|(notice, _)| notice));
                    }
                }
                ServerEvent::Status {
                    tag,
                    part,
                    target_ref,
                    status,
                    items,
                    ..
                } => {
                    let reply = |command| Reply::Status {
                        command,
                        part,
                        target_ref: target_ref.as_ref(),
                        status,
                        items: &items,
                    };
                    let last = status != StatusCode::IN_PROGRESS && part == 0;
                    self.reply(tag, last, reply);
                }
                ServerEvent::Results { tag, part, items } => {
                    self.reply(tag, false, |command| Reply::Results {
                        command,
                        part,
                        items: &items,
                    });
                }
                ServerEvent::NoStatus { tag, part } => {
                    self.reply(tag, part == 0, |command| Reply::NoStatus { command, part });
                }
                ServerEvent::NotSent { tag, reason } => {
                    self.reply(tag, true, |command| Reply::NotSent { command, reason });
                }
                ServerEvent::Alert(ticket, alert) => {
                    let mut status = StatusCode::OK;
                    match self.claimant(&alert) {
                        Some(entry) if entry.finished => {
                            let id = entry.id;
                            notices.push(Notice::Late { id, alert });
                        }
                        Some(entry) => {
                            entry.reporting = true;
                            entry.operation.handle(Reply::Alert(&alert));
                        }
                        None => {
                            let asked = desk.request_types().read(&alert);
                            let answered = asked.and_then(|asked| self.requested(asked, desk));
                            notices.push(match answered {
                                Some((notice, decided)) => {
                                    status = decided;
                                    notice
                                }
                                None => Notice::Unclaimed(alert),
                            });
                        }
                    }
                    session.answer(ticket, status);
                }
                ServerEvent::Ready => {
                    self.answered();
                    ready = true;
                    has_said_all = true;
                }
                ServerEvent::NonceChanged { side, nonce } => {
                    notices.push(Notice::NonceChanged { side, nonce });
                }
                ServerEvent::Ended(ending) => {
                    self.session_lost();
                    if ending == Ending::Complete {
                        self.forget();
                    }
                    ready = false;
                    has_said_all = true;
                    notices.push(Notice::Ended(ending));
                }
                // An event that is not known here needs no answer of operations.
                _ => {}
            }
        }
        if ready && let Some(id) = self.send(session) {
            notices.push(Notice::Sent(id));
        }
        if has_said_all {
            self.reported();
        }
        for entry in &mut self.entries {
            // Of several that are combined, others may not be over.
            if !entry.erased && entry.operation.erases() {
                entry.erased = true;
                self.reset = true;
            }
            match entry.operation.progress() {
                Progress::Accepted if !entry.accepted => {
                    entry.accepted = true;
                    notices.push(Notice::Accepted(entry.id));
                }
                Progress::Finished if !entry.finished && !entry.reporting => {
                    entry.finished = true;
                    notices.push(Notice::Finished(entry.id));
                }
                _ => {}
            }
        }
        notices
    }

    /// What was said of operations was all.
    fn reported(&mut self) {
        for entry in &mut self.entries {
            entry.reporting = false;
        }
    }

    /// A reset comes once the session is over, so whatever the device has taken until it comes back is gone.
    fn doubt(&mut self) {
        if core::mem::take(&mut self.reset) {
            for entry in &mut self.entries {
                entry.operation.doubt();
            }
        }
    }

    /// The device has been back for a whole session, in which it could have reported.
    fn forget(&mut self) {
        for entry in &mut self.entries {
            entry.operation.forget();
        }
    }

    fn reply<'a>(&mut self, tag: CommandTag, last: bool, reply: impl FnOnce(u16) -> Reply<'a>) {
        let Some((id, command)) = untagged(tag) else {
            return;
        };
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) else {
            return;
        };
        // An answer to what is not in flight: of a session that was given up.
        let Some(open) = &mut entry.open else { return };
        if last {
            open.retain(|c| *c != command);
        }
        entry.operation.handle(reply(command));
    }

    /// Decides on what the device asks for; `None` if it asks for nothing.
    fn requested(
        &mut self,
        asked: DeviceRequest,
        desk: &mut (impl Desk<O> + ?Sized),
    ) -> Option<(Notice, StatusCode)> {
        let is_same = |entry: &&Entry<O>| {
            entry.asked.as_ref() == Some(&asked) && entry.operation.progress() != Progress::Finished
        };
        let same = self.entries.iter().filter(is_same).map(|entry| entry.id);
        let same: Vec<u32> = same.collect();
        let verdict = if same.is_empty() {
            match desk.understand(&asked) {
                Understood::NotARequest => return None,
                Understood::Refused(refusal) => Verdict::Refused(refusal),
                Understood::Operations(operations) => {
                    let mut decisions = Vec::with_capacity(operations.len());
                    for (id, operation) in operations {
                        let mut request =
                            Request::new(id, Actor::Device, &operation, self.unfinished());
                        request.behalf = asked.behalf;
                        request.asked = Some(&asked);
                        let decision = desk.decide(&request);
                        self.take_in(id, operation, decision, Some(&asked));
                        decisions.push((id, decision));
                    }
                    Verdict::Decided(decisions)
                }
            }
        } else {
            // Its answer was lost, or somebody is impatient.
            Verdict::Again(same)
        };
        let status = verdict.status_code();
        let is_session = asked.type_.is_none();
        let notice = Notice::Requested {
            asked,
            verdict,
            status: (!is_session).then_some(status),
        };
        Some((notice, status))
    }

    /// Whose report an alert is. Without a correlator it may be that of several: then of the first that waits
    /// for one, and a copy only if there is none.
    fn claimant(&mut self, alert: &Alert) -> Option<&mut Entry<O>> {
        let claims = |entry: &&mut Entry<O>| entry.operation.claims(alert);
        let mut claimants: Vec<_> = self.entries.iter_mut().filter(claims).collect();
        let waits = |entry: &&mut Entry<O>| entry.operation.progress() == Progress::Accepted;
        let at = claimants.iter().position(waits).unwrap_or(0);
        (at < claimants.len()).then(|| claimants.swap_remove(at))
    }

    fn answered(&mut self) {
        for entry in &mut self.entries {
            if entry.open.as_ref().is_some_and(Vec::is_empty) {
                entry.open = None;
                entry.operation.handle(Reply::Answered);
            }
        }
    }

    fn send(&mut self, session: &mut ServerSession) -> Option<u32> {
        // Commands wait for their answers over there, or to be sent again after a challenge.
        if self.entries.iter().any(|entry| entry.open.is_some()) {
            return None;
        }
        let current = self.current.take();
        let (first, rest): (Vec<_>, Vec<_>) = self
            .entries
            .iter_mut()
            .partition(|entry| Some(entry.id) == current);
        let waiting = first.into_iter().chain(rest);
        for entry in waiting.filter(|entry| !entry.held) {
            let mut was_told = false;
            while let Step::Send(commands) = entry.operation.step() {
                if !entry.operation.takes_large_objects() {
                    session.splits_no_more();
                }
                // The first of them would have changed the device before the last could not be sent.
                if let Some((command, reason)) = unsendable(session, &commands) {
                    if core::mem::replace(&mut was_told, true) {
                        break;
                    }
                    let reply = Reply::Unsendable { command, reason };
                    entry.operation.handle(reply);
                    continue;
                }
                let mut open = Vec::with_capacity(commands.len());
                for (index, command) in (0_u16..).zip(commands) {
                    session.send(command, tag(entry.id, index));
                    open.push(index);
                }
                entry.open = Some(open);
                self.current = Some(entry.id);
                return self.current;
            }
        }
        None
    }
}

impl<O: Operation> Default for Queue<O> {
    fn default() -> Self {
        Self::new()
    }
}

/// The first of several commands that cannot be sent. What is short is not looked at: it fits.
fn unsendable(session: &ServerSession, commands: &[Command]) -> Option<(u16, NotSent)> {
    if commands.len() < 2 {
        return None;
    }
    (0_u16..)
        .zip(commands)
        .filter(|(_, command)| command.items().iter().any(is_long))
        .find_map(|(index, command)| Some((index, session.unfit(command)?)))
}

fn is_long(item: &Item) -> bool {
    let data = item.data.as_ref();
    data.is_some_and(|data| data.as_bytes().is_none_or(|octets| octets.len() > SHORT))
}

/// Octets of data that fit into any message.
const SHORT: usize = 64;

fn tag(id: u32, command: u16) -> CommandTag {
    CommandTag((u64::from(id) << 16) | u64::from(command))
}

fn untagged(tag: CommandTag) -> Option<(u32, u16)> {
    let id = u32::try_from(tag.0 >> 16).ok()?;
    let command = u16::try_from(tag.0 & 0xFFFF).ok()?;
    Some((id, command))
}
