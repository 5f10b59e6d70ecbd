//! The order of things: events, jobs, reports, commit, and only then a byte.

use dm_proto::{
    StatusCode, Text,
    auth::{Nonce, Side},
    codec::{self, DecodeOptions},
    session::{
        Answer, ClientEvent, ClientSession, CommandTag, Ending, Execute, SessionError, Ticket,
        Transmit, Trigger, Verb,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::{
    Agent, AgentError, AskId, Output,
    ledger::{Heard, Ledger, Repeat, State, When},
    spool::Spool,
};
use crate::{
    Address, NodeUri, Transaction,
    object::{Decision, Job, JobId},
    std_objects::Accounts,
    store::{Kind, StoreError, StoreErrorKind, encode},
    tree::Mount,
};

/// The session that is open.
pub(super) struct Active {
    pub(super) session: ClientSession,
    pub(super) server: Text,
    /// Who asked for the session.
    pub(super) trigger: Trigger,
    /// The reports that the session has.
    pub(super) alerted: BTreeSet<u64>,
    pub(super) ended: Option<Ending>,
    /// A message is out and its answer is not here.
    pub(super) is_waiting: bool,
    /// The message that is out was lost.
    pub(super) is_again: bool,
    pub(super) failures: u8,
    /// What the session waits for.
    pub(super) hold: Option<Hold>,
    /// The large object that is coming in.
    pub(super) spool: Option<Spool>,
}

/// An event that is answered later.
pub(super) enum Hold {
    Ask(AskId, Ticket),
    Exec(Ticket, JobId),
}

/// The stored form of [`Active`].
#[derive(Deserialize, Serialize)]
pub(super) struct SessionRecord {
    pub(super) server: Text,
    pub(super) trigger: Trigger,
    pub(super) saved: dm_proto::session::Saved,
    pub(super) alerted: BTreeSet<u64>,
    pub(super) ended: Option<Ending>,
    pub(super) spool: Option<Spool>,
}

impl Active {
    pub(super) fn new(session: ClientSession, server: Text, trigger: Trigger) -> Self {
        Self {
            session,
            server,
            trigger,
            alerted: BTreeSet::new(),
            ended: None,
            is_waiting: false,
            is_again: false,
            failures: 0,
            hold: None,
            spool: None,
        }
    }

    fn record(&self) -> SessionRecord {
        SessionRecord {
            server: self.server.clone(),
            trigger: self.trigger,
            saved: self.session.save(),
            alerted: self.alerted.clone(),
            ended: self.ended.clone(),
            spool: self.spool.clone(),
        }
    }
}

/// Why the events stopped coming.
enum Drained {
    /// There are no more.
    All,
    /// The session waits for this job.
    Run(JobId),
    /// The session waits for the user.
    Ask(AskId, dm_proto::session::Prompt),
}

impl Agent {
    /// Goes on with the session: takes its events, runs what is due, makes the next message.
    pub(super) fn advance(&mut self, now: u64) -> Result<Output, AgentError> {
        let Self {
            tree,
            active,
            ledger,
            next_ask,
            ..
        } = self;
        let Some(active) = active else {
            return Ok(Output::Idle);
        };
        let mut transaction = tree.begin(now);
        match drain(active, ledger, next_ask, &mut transaction)? {
            Drained::Run(id) => {
                seal(&mut transaction, ledger, Some(active))?;
                transaction.commit()?;
                return Ok(self.hand_out(id));
            }
            Drained::Ask(id, prompt) => {
                seal(&mut transaction, ledger, Some(active))?;
                transaction.commit()?;
                return Ok(Output::Ask(id, prompt));
            }
            Drained::All => {}
        }
        // What the server knows to be accepted runs before it is spoken to again: so the report can
        // still go in this session, even in answer to a closing package.
        if active.ended.is_none()
            && let Some(id) = ledger.due(true, |node| transaction.object_of(node))
        {
            if let Some(entry) = ledger.job_mut(id.0) {
                entry.state = State::Started;
            }
            seal(&mut transaction, ledger, Some(active))?;
            transaction.commit()?;
            return Ok(self.hand_out(id));
        }
        give_reports(active, ledger);
        let transmit = active.session.poll_transmit();
        // What cannot be sent is answered, and what is the last message ends the session.
        match drain(active, ledger, next_ask, &mut transaction)? {
            Drained::All => {}
            Drained::Run(_) | Drained::Ask(..) => {
                return Err(AgentError::Session(SessionError::Over));
            }
        }
        let Some(transmit) = transmit else {
            active
                .ended
                .get_or_insert(Ending::Failed(SessionError::Over));
            seal(&mut transaction, ledger, Some(active))?;
            transaction.commit()?;
            return self.close(now);
        };
        note_replies(active, ledger, &transmit);
        active.is_waiting = true;
        seal(&mut transaction, ledger, Some(active))?;
        transaction.put(Kind::LastSent, 0, Some(encode(&transmit)?));
        transaction.commit()?;
        Ok(Output::Transmit(transmit))
    }

    /// Forgets a session that is over.
    pub(super) fn close(&mut self, now: u64) -> Result<Output, AgentError> {
        let Some(active) = &self.active else {
            return Ok(Output::Idle);
        };
        let ending = active
            .ended
            .clone()
            .unwrap_or(Ending::Failed(SessionError::Over));
        match ending {
            Ending::Complete => self.ledger.heard_of(&active.server),
            _ => self.ledger.gave_up_on(&active.server),
        }
        self.ledger.session_over();
        if active.trigger == Trigger::Server && ending == Ending::Complete {
            // Its notification may come again; it leads nowhere any more.
            let session_id = active.session.session_id();
            self.ledger.completed(&active.server, session_id);
        }
        let mut transaction = self.tree.begin(now);
        if let Some(active) = &mut self.active {
            Spool::discard(&mut active.spool, &mut transaction);
        }
        seal(&mut transaction, &mut self.ledger, None)?;
        transaction.commit()?;
        self.active = None;
        Ok(Output::Closed(ending))
    }

    /// With no session open: runs what is due.
    pub(super) fn background(&mut self, now: u64) -> Result<Output, AgentError> {
        self.strike_off()?;
        let object_of = |node: &NodeUri| mount_index(self.tree.mounts(), node);
        let Some(id) = self.ledger.due(false, object_of) else {
            return Ok(Output::Idle);
        };
        let is_started = self
            .ledger
            .jobs
            .get(&id.0)
            .is_some_and(|entry| entry.state == State::Started);
        if !is_started {
            if let Some(entry) = self.ledger.job_mut(id.0) {
                entry.state = State::Started;
            }
            let mut transaction = self.tree.begin(now);
            self.ledger.flush(&mut transaction)?;
            transaction.commit()?;
        }
        Ok(self.hand_out(id))
    }

    /// Servers without an account cannot be told anything.
    fn strike_off(&mut self) -> Result<(), AgentError> {
        let mut gone = Vec::new();
        for (job, server) in self.ledger.to_be_told() {
            if self.account(server)?.is_none() {
                gone.push(job);
            }
        }
        for job in gone {
            if let Some(entry) = self.ledger.job_mut(job.0) {
                entry.hear(Heard::No);
            }
        }
        Ok(())
    }

    /// Gives a started job to the integrator, once.
    pub(super) fn hand_out(&mut self, id: JobId) -> Output {
        match self.ledger.jobs.get_mut(&id.0) {
            Some(entry) if !entry.is_out => {
                entry.is_out = true;
                entry.is_elsewhere = false;
                Output::Run(entry.job.clone())
            }
            _ => Output::Idle,
        }
    }
}

impl Transaction<'_> {
    /// Tells objects apart.
    fn object_of(&self, node: &NodeUri) -> Option<usize> {
        mount_index(self.mounts, node)
    }
}

/// Which of the mounts a node belongs to.
fn mount_index(mounts: &[Mount], node: &NodeUri) -> Option<usize> {
    mounts
        .iter()
        .position(|mount| node.below(&mount.root).is_some())
}

/// Writes down jobs, reports and the session: all but the tree, which the transaction has already.
pub(super) fn seal(
    transaction: &mut Transaction<'_>,
    ledger: &mut Ledger,
    active: Option<&Active>,
) -> Result<(), StoreError> {
    ledger.flush(transaction)?;
    match active {
        Some(active) => {
            transaction.put(Kind::Session, 0, Some(encode(&active.record())?));
        }
        None => {
            transaction.put(Kind::Session, 0, None);
            transaction.put(Kind::LastSent, 0, None);
            // Another session may have the same id.
            transaction.put(Kind::Inbox, 0, None);
        }
    }
    Ok(())
}

/// Takes events until one has to wait.
fn drain(
    active: &mut Active,
    ledger: &mut Ledger,
    next_ask: &mut u32,
    transaction: &mut Transaction<'_>,
) -> Result<Drained, StoreError> {
    // Nonces are stored outside of an Atomic that may be undone.
    let mut nonces: Vec<(Side, Nonce)> = Vec::new();
    let drained = loop {
        let Some(event) = active.session.poll_event() else {
            break Drained::All;
        };
        match event {
            ClientEvent::Execute(ticket, mut command) if command.verb == Verb::Exec => {
                if let Some(spool) = Spool::whole(&mut active.spool) {
                    spool.fill(&mut command, transaction)?;
                }
                match exec(&active.server, ledger, transaction, command) {
                    Execed::Answer(status) => active.session.answer(ticket, Answer::from(status)),
                    Execed::Run(id) => {
                        active.hold = Some(Hold::Exec(ticket, id));
                        break Drained::Run(id);
                    }
                }
            }
            ClientEvent::Execute(ticket, command) => {
                let answer = match Spool::whole(&mut active.spool) {
                    Some(spool) => spool.execute(&active.server, command, transaction)?,
                    None => transaction.execute(&active.server, &command),
                };
                active.session.answer(ticket, answer);
            }
            ClientEvent::Chunk(ticket, chunk) => {
                let (spool, server) = (&mut active.spool, &active.server);
                let status = Spool::take(spool, &chunk, server, ledger, transaction);
                active.session.answer(ticket, status.into());
            }
            ClientEvent::Discard => Spool::discard(&mut active.spool, transaction),
            ClientEvent::Savepoint => transaction.savepoint(),
            ClientEvent::Release => transaction.release(),
            ClientEvent::Rollback(ticket) => {
                transaction.rollback();
                active.session.rolled_back(ticket, true);
            }
            ClientEvent::Ask(ticket, prompt) => {
                let id = AskId(*next_ask);
                *next_ask = next_ask.wrapping_add(1);
                active.hold = Some(Hold::Ask(id, ticket));
                break Drained::Ask(id, prompt);
            }
            ClientEvent::Answered { tag, status } => {
                let is_retried = ledger.report_answered(tag.0, status);
                if is_retried {
                    active.alerted.remove(&tag.0);
                }
            }
            ClientEvent::NotSent { tag, reason } => ledger.report_not_sent(tag.0, reason),
            ClientEvent::Delivered(msg_id) => {
                ledger.delivered(active.session.session_id(), &msg_id);
            }
            ClientEvent::NonceChanged { side, nonce } => nonces.push((side, nonce)),
            ClientEvent::Ended(ending) => active.ended = Some(ending),
            // Events that this version does not know need no answer: those that do, it knows.
            _ => {}
        }
    };
    for (side, nonce) in nonces {
        store_nonce(&active.server, transaction, side, &nonce)?;
    }
    Ok(drained)
}

/// What becomes of an Exec.
enum Execed {
    Answer(StatusCode),
    Run(JobId),
}

fn exec(
    server: &Text,
    ledger: &mut Ledger,
    transaction: &mut Transaction<'_>,
    command: Execute,
) -> Execed {
    let address = match transaction.address(command.item.target_uri()) {
        Ok(Address { uri, query: None }) => uri,
        Ok(_) => return Execed::Answer(StatusCode::COMMAND_NOT_ALLOWED),
        Err(status) => return Execed::Answer(status),
    };
    // Before existence and rights: what was executed may be gone by now.
    let correlator = command.correlator.as_ref();
    match ledger.repeat(server, &address, correlator, &command.origin) {
        Some(Repeat::Answer(id, status)) => {
            if let Some(entry) = ledger.job_mut(id.0) {
                let result = match entry.state {
                    State::Finished(code) => Some(code),
                    State::Waiting | State::Started | State::Deferred => None,
                };
                transaction.repeated(&mut entry.job, result);
            }
            return Execed::Answer(status);
        }
        Some(Repeat::TakeUp(id)) => return Execed::Run(id),
        None => {}
    }
    if ledger.is_full(server) {
        return Execed::Answer(StatusCode::DEVICE_FULL);
    }
    let id = JobId(ledger.allocate());
    let mut job = Job::new(id, server.clone(), address, command.origin);
    job.correlator = command.correlator;
    job.argument = command.item.data;
    job.ahead = ledger.open_of(&job.node, |node| transaction.object_of(node));
    let decision = transaction.decide(&mut job);
    let when = match decision {
        Decision::Refuse(status) => return Execed::Answer(status),
        // One at a time: what could be done at once waits if something else is under way.
        Decision::Now if ledger.is_busy(&job.node, |node| transaction.object_of(node)) => {
            When::Accepted
        }
        Decision::Now => When::Now,
        Decision::Accept => When::Accepted,
        Decision::AfterSession => When::AfterSession,
        Decision::OnceTold => When::OnceTold,
        Decision::Ask => When::Agreed,
    };
    ledger.accept(job, when);
    match when {
        When::Now | When::Agreed => Execed::Run(id),
        When::Accepted | When::AfterSession | When::OnceTold => {
            Execed::Answer(StatusCode::ACCEPTED)
        }
    }
}

/// Gives the session the reports of its server that it does not have.
fn give_reports(active: &mut Active, ledger: &Ledger) {
    for (id, report) in &ledger.reports {
        if report.server == active.server && !report.is_parked && active.alerted.insert(*id) {
            active.session.alert(report.alert.clone(), CommandTag(*id));
        }
    }
}

/// Looks up which replies to Execs a message of ours carries: only then it can be told that they
/// have arrived.
fn note_replies(active: &Active, ledger: &mut Ledger, transmit: &Transmit) {
    let session = active.session.session_id();
    if !ledger.awaits_arrival(session) {
        return;
    }
    let limits = dm_proto::Limits::DEFAULT
        .with_message_size(transmit.body.len())
        .with_memory(usize::MAX);
    let options = DecodeOptions::lenient(limits);
    // It is our own message. If it could not be read, replies would count as not arrived, which costs
    // a repeated answer at most.
    if let Ok(decoded) = codec::decode(transmit.encoding, &transmit.body, &options) {
        ledger.sent(session, &decoded.message);
    }
}

fn store_nonce(
    server: &str,
    transaction: &mut Transaction<'_>,
    side: Side,
    nonce: &Nonce,
) -> Result<(), StoreError> {
    let corrupt = |_| StoreError::new(StoreErrorKind::Corrupt);
    let mounts = transaction.mounts;
    let place = Accounts::new(transaction.view(), mounts)
        .nonce_place(server, side)
        .map_err(corrupt)?;
    if let Some((root, path)) = place
        && let Some(mut edit) = transaction.edit(&root)
    {
        crate::std_objects::put_nonce(&mut edit, &path, nonce).map_err(corrupt)?;
    }
    Ok(())
}
