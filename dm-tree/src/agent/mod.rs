//! [`Agent`]: client session, tree, objects, jobs and reports, in the one order that is crash safe.
//!
//! ```text
//!  message ──► events ──► tree, jobs, reports ──► commit ──► Transmit
//!                │                                  ▲
//!                ├─ Exec that runs before its answer: commit ──► Run ──► result ─┐
//!                ├─ question to the user:             commit ──► Ask ──► reply ──┴──► events
//!                └─ 202 known to have arrived:        commit ──► Run ──► report in the next message
//! ```
//!
//! A commit holds everything that must not be seen without the rest: the effects in the tree, jobs and
//! reports, nonces, the session and the message that leaves next. Between two commits nothing leaves,
//! so a crash there has not happened as far as the server can tell, and the message that was sent last
//! is sent again.
//!
//! # Large objects
//!
//! The pieces of a large value become records beside the tree as they come, each in the commit of the
//! message that brought it, so that a restart between any two messages loses nothing and nothing is
//! written twice: with the last piece the records become the value of the node. An object may take the
//! pieces instead ([`ManagementObject::stream`]). What was not finished goes with its session.
//!
//! # Jobs
//!
//! An Exec becomes a [`Job`]. It is started once; if a restart comes in between it is handed out again
//! as [resumed](Job::resumed). Jobs run one at a time, in the order in which they were accepted; one
//! that is put off ([`Progress::Deferred`]) or goes on elsewhere ([`Progress::Later`]) holds up those of
//! its object and no others. What an Exec is
//! answered is the result, or 202 and later a report; a report is kept, and sent again as it is, until
//! the server takes it (200 or 202). An Exec that repeats one whose outcome is not known to have
//! arrived gets 202 or the stored result, and starts nothing: repeats are told by server, node and
//! correlator, before it is looked up whether the node is still there. Where a server has too many jobs
//! open, or has left too many reports untaken, its Exec is answered 420.

mod drive;
mod ledger;
mod restart;
mod spool;

use std::sync::Arc;

use bytes::Bytes;
use dm_proto::{
    SessionId, StatusCode, Text,
    auth::{Account, Nonce},
    codec::DecodeOptions,
    message::Alert,
    notification::{self, Resynchronization, SpecialNonce},
    session::{
        Answer, ClientConfig, ClientSession, Ending, Headers, Misuse, Prompt, ReceiveError,
        Received, SessionError, Start, Transmit, Trigger, UserReply,
    },
};

use self::{
    drive::{Active, Hold, seal},
    ledger::{Heard, Ledger, Reply, State, When},
};
use crate::{
    NodeUri, Transaction, Tree, TreeError, TreeOptions,
    object::{Job, JobId, ManagementObject, Outcome, Progress},
    std_objects::{Accounts, dev_info_items, large_objects},
    store::{Store, StoreError, StoreErrorKind},
};

/// How the agent behaves.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The sessions. [`ClientConfig::chunks`] is the agent's own business;
    /// [`ClientConfig::max_obj_size`] is the storage that a large object may take.
    pub session: ClientConfig,
    /// How often a message without an answer is sent again before the session is given up, and how many
    /// sessions are tried before a job starts whose server could not be told that it was accepted
    /// ([`Decision::OnceTold`](crate::object::Decision::OnceTold)). Default 3.
    pub retries: u8,
    /// Whether a notification may be signed with the special nonce, where the stored one fails. Default
    /// [`Resynchronization::Refused`].
    pub resynchronization: Resynchronization,
    /// What the tree does where there is a choice.
    pub tree: TreeOptions,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            session: ClientConfig::default(),
            retries: 3,
            resynchronization: Resynchronization::Refused,
            tree: TreeOptions::default(),
        }
    }
}

/// Why the agent cannot go on.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The storage failed. Nothing since the last commit has happened; open the agent again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The server's answer is not a message.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The tree could not be set up.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No account of that server.
    #[error("no account of server {0:?}")]
    UnknownServer(Text),
    /// A session is open already.
    #[error("a session is open")]
    SessionOpen,
    /// No session is open.
    #[error("no session is open")]
    NoSession,
    /// The octets are not a notification, or not from a server with an account, or ask for a session that
    /// is open or was completed.
    #[error("notification refused")]
    Notification,
    /// No such job, or it is finished.
    #[error("no open job {0:?}")]
    UnknownJob(JobId),
    /// No such question, or it is answered.
    #[error("no open question")]
    UnknownAsk,
    /// An object failed to take up what a restart had left behind.
    #[error("{root} could not be taken up: {status:?}")]
    Restart {
        /// The object.
        root: NodeUri,
        /// Its reason.
        status: StatusCode,
    },
}

/// Names a question to the user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AskId(u32);

/// What the agent wants done.
#[non_exhaustive]
#[derive(Debug)]
pub enum Output {
    /// Send this, and give the answer to [`Agent::handle`], or call [`Agent::transport_failed`].
    Transmit(Transmit),
    /// Ask the user, and give the answer to [`Agent::reply`].
    Ask(AskId, Prompt),
    /// Run a job: [`Agent::run`], or do it yourself and call [`Agent::complete`].
    Run(Job),
    /// The session is over. Poll on: jobs may be waiting for this.
    Closed(Ending),
    /// The device was reset; the tree is as new.
    Reset,
    /// Nothing to do.
    Idle,
}

/// A notification that was verified.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notified {
    /// The server that wants a session.
    pub server_id: Text,
    /// The session it wants.
    pub session_id: SessionId,
}

/// A report that its server refused for good, or whose server has no account.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct ParkedReport {
    /// Names it to [`Agent::forget_report`].
    pub id: u64,
    /// The server that it is for.
    pub server_id: Text,
    /// The report.
    pub alert: Alert,
}

/// A device: everything but transport, clock, randomness and user.
///
/// The loop of an integrator: [`poll`](Self::poll), do what it says, and again until it is
/// [`Output::Idle`]. After a crash at any point, [`open`](Self::open) on the same storage and the same
/// loop go on where it was.
///
/// After an error of the storage the agent has forgotten nothing that was committed, but its memory is
/// ahead of it: every further call fails with the same error. Open it again.
pub struct Agent {
    tree: Tree,
    config: AgentConfig,
    ledger: Ledger,
    active: Option<Active>,
    /// The session that a notification asked for which only the special nonce verified.
    resynchronizing: Option<(Notified, SpecialNonce)>,
    next_ask: u32,
    /// The servers with which there was a session since the start of the process, the last one last.
    tried: Vec<Text>,
    is_reset: bool,
    /// The storage failed: what is in memory may not be what is stored.
    broken: Option<StoreError>,
}

impl Agent {
    /// Opens the tree, restores a session, and finds the jobs and reports that are left.
    /// DevInfo, DevDetail and DMAcc are among the objects ([`crate::std_objects`]).
    ///
    /// # Errors
    ///
    /// If storage or an object fails.
    pub fn open(
        store: Box<dyn Store>,
        objects: Vec<(NodeUri, Box<dyn ManagementObject>)>,
        config: AgentConfig,
        now: u64,
    ) -> Result<Self, AgentError> {
        let mut tree = Tree::new(store).at(now);
        let max_results = config.tree.max_results;
        tree.set_options(TreeOptions {
            max_results: max_results.or(Some(config.session.limits.memory)),
            ..config.tree
        });
        for (root, object) in objects {
            tree.mount(root, object)?;
        }
        let ledger = Ledger::load(tree.store())?;
        let mut agent = Self {
            tree,
            config,
            ledger,
            active: None,
            resynchronizing: None,
            next_ask: 0,
            tried: Vec::new(),
            is_reset: false,
            broken: None,
        };
        agent.active = agent.restore()?;
        agent.restart(now)?;
        Ok(agent)
    }

    /// The accounts in the tree (DMAcc).
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn accounts(&self) -> Result<Vec<Account>, AgentError> {
        let accounts = Accounts::new(self.tree.view(), self.tree.mounts());
        Ok(accounts.all().map_err(unreadable)?)
    }

    /// Verifies a notification (Package 0). The caller then [connects](Self::connect).
    ///
    /// The special nonce is good where [`AgentConfig::resynchronization`] says so; the session that is then
    /// connected, under the identifier of the notification, begins with it.
    ///
    /// # Errors
    ///
    /// If it is not one, or does not verify, or asks for a session that is open or was completed.
    pub fn notified(&mut self, package: &[u8]) -> Result<Notified, AgentError> {
        let received =
            notification::Received::read(package).map_err(|_| AgentError::Notification)?;
        let account = self
            .account(&received.notification.server_id)?
            .ok_or(AgentError::Notification)?;
        let verified = received
            .verify(&account, self.config.resynchronization)
            .ok_or(AgentError::Notification)?;
        let notified = Notified {
            server_id: account.server_id,
            session_id: received.notification.session_id_text(),
        };
        let is_open = self.active.as_ref().is_some_and(|active| {
            active.server == notified.server_id
                && *active.session.session_id() == notified.session_id
        });
        if is_open || self.ledger.has_completed(&notified) {
            return Err(AgentError::Notification);
        }
        let special = verified.special_nonce();
        self.resynchronizing = special.map(|special| (notified.clone(), special));
        Ok(notified)
    }

    /// Begins a session. `session_id` is the notification's, or any of the device's own.
    ///
    /// # Errors
    ///
    /// If one is open, or the server is unknown.
    pub fn connect(
        &mut self,
        server_id: &str,
        trigger: Trigger,
        session_id: SessionId,
        now: u64,
    ) -> Result<(), AgentError> {
        let _ = now;
        self.usable()?;
        if self.active.is_some() {
            return Err(AgentError::SessionOpen);
        }
        let account = self
            .account(server_id)?
            .ok_or_else(|| AgentError::UnknownServer(server_id.into()))?;
        let dev_info = dev_info_items(self.tree.view(), self.tree.mounts()).map_err(unreadable)?;
        let special = self.resynchronizing.take().filter(|(notified, _)| {
            trigger == Trigger::Server
                && notified.server_id == server_id
                && notified.session_id == session_id
        });
        self.tried.retain(|tried| *tried != account.server_id);
        self.tried.push(account.server_id.clone());
        let start = Start::new(trigger, session_id, dev_info)
            .with_special_nonce(special.map(|(_, special)| special));
        let session = ClientSession::start(self.session_config()?, &account, start);
        self.active = Some(Active::new(session, account.server_id, trigger));
        Ok(())
    }

    /// The session as the agent drives it; without large objects where DevDetail says that the device has
    /// none. OMA-TS-DM_StdObj, DevDetail, LrgObj.
    fn session_config(&self) -> Result<Arc<ClientConfig>, AgentError> {
        let has_large_objects = large_objects(self.tree.view(), self.tree.mounts());
        let mut session = self.config.session.clone();
        session.chunks = true;
        session.large_objects &= has_large_objects.map_err(unreadable)?;
        Ok(Arc::new(session))
    }

    /// Whether a session is open.
    pub fn in_session(&self) -> bool {
        self.active.is_some()
    }

    /// The server that a report waits for, or that has to be told of a job before it may start
    /// ([`Decision::OnceTold`](crate::object::Decision::OnceTold)), if no session is open. Of several, the one
    /// with which there was a session longest ago: one that cannot be reached keeps no other from its report.
    /// Nothing is said of when to try: a report that a server failed to take is due again at once.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn report_due(&self) -> Result<Option<Text>, AgentError> {
        if self.active.is_some() {
            return Ok(None);
        }
        let reports = self.ledger.reports.values();
        let reports = reports.filter(|report| !report.is_parked);
        let told = self.ledger.to_be_told().map(|(_, server)| server);
        let mut due: Option<(Option<usize>, &Text)> = None;
        for server in reports.map(|report| &report.server).chain(told) {
            let tried = self.tried.iter().position(|tried| tried == server);
            let is_sooner = due.is_none_or(|(other, _)| tried < other);
            if is_sooner && self.account(server)?.is_some() {
                due = Some((tried, server));
            }
        }
        Ok(due.map(|(_, server)| server.clone()))
    }

    /// The reports that their servers refused for good, and those whose servers have no account (any more):
    /// they are not sent again, or not before there is one, and kept until
    /// [`forget_report`](Self::forget_report).
    pub fn parked_reports(&self) -> impl Iterator<Item = ParkedReport> + '_ {
        self.ledger
            .reports
            .iter()
            .filter(|(_, report)| self.is_parked(report))
            .map(|(id, report)| ParkedReport {
                id: *id,
                server_id: report.server.clone(),
                alert: report.alert.clone(),
            })
    }

    /// Drops a report that is parked, and the job that it tells of. Nothing happens to others.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn forget_report(&mut self, id: u64, now: u64) -> Result<(), AgentError> {
        self.usable()?;
        let report = self.ledger.reports.get(&id);
        if report.is_some_and(|report| self.is_parked(report)) {
            self.ledger.drop_report(id);
            self.commit(now, |_, _| Ok(()))?;
        }
        Ok(())
    }

    fn is_parked(&self, report: &ledger::Report) -> bool {
        report.is_parked || matches!(self.account(&report.server), Ok(None))
    }

    /// Keeps an alert of the device's own for a server, to be sent in the next session with it, like a
    /// report.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn raise(&mut self, server_id: &str, alert: Alert, now: u64) -> Result<(), AgentError> {
        self.usable()?;
        self.ledger.report(server_id.into(), alert, None);
        self.commit(now, |_, _| Ok(()))
    }

    /// Takes the server's answer to a transmit. `nonce` is fresh randomness.
    ///
    /// A message that ends the session with an error is no error here: [`poll`](Self::poll) goes on
    /// to [`Output::Closed`].
    ///
    /// # Errors
    ///
    /// If there is no session, or it does not wait for an answer, or the answer is not a message. The
    /// last is as good as no answer: call [`transport_failed`](Self::transport_failed).
    pub fn handle(
        &mut self,
        body: Bytes,
        headers: Headers<'_>,
        nonce: Nonce,
    ) -> Result<(), AgentError> {
        self.usable()?;
        let active = self.active.as_mut().ok_or(AgentError::NoSession)?;
        // Nothing that answers our last message changes anything.
        if active.ended.is_some() {
            return Ok(());
        }
        if !active.is_waiting {
            return Err(SessionError::ApiMisuse(Misuse::Turn).into());
        }
        let options = DecodeOptions::lenient(self.config.session.limits.clone());
        let received = Received::read(body, headers, &options)?;
        active.is_waiting = false;
        active.is_again = false;
        active.failures = 0;
        // The session keeps its error, and tells of its end by event.
        let _ = active.session.handle(received, nonce);
        Ok(())
    }

    /// The transport lost a message or its answer. The same message comes again from
    /// [`poll`](Self::poll) until [`AgentConfig::retries`] are used up; then the session is closed.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn transport_failed(&mut self, now: u64) -> Result<(), AgentError> {
        let _ = now;
        self.usable()?;
        if let Some(active) = &mut self.active
            && active.is_waiting
        {
            if active.failures >= self.config.retries {
                active
                    .ended
                    .get_or_insert(Ending::Failed(SessionError::Unreachable));
            } else {
                active.failures = active.failures.saturating_add(1);
                active.is_again = true;
            }
        }
        Ok(())
    }

    /// What to do next. Everything that must survive is durable when this returns.
    ///
    /// Each output comes once. While it waits for an answer (to a message, a question, a job that
    /// runs before its answer), there is nothing to do.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn poll(&mut self, now: u64) -> Result<Output, AgentError> {
        self.usable()?;
        if core::mem::take(&mut self.is_reset) {
            return Ok(Output::Reset);
        }
        let polled = match &mut self.active {
            None => self.background(now),
            Some(active) => match active.hold {
                Some(Hold::Ask(..)) => Ok(Output::Idle),
                Some(Hold::Exec(_, job)) => Ok(self.hand_out(job)),
                None if !active.is_waiting => self.advance(now),
                None if active.ended.is_some() => self.close(now),
                None if core::mem::take(&mut active.is_again) => Ok(active
                    .session
                    .last_sent()
                    .cloned()
                    .map_or(Output::Idle, Output::Transmit)),
                None => Ok(Output::Idle),
            },
        };
        self.watch(polled)
    }

    /// Gives the user's answer.
    ///
    /// # Errors
    ///
    /// If the question is not open.
    pub fn reply(&mut self, ask: AskId, reply: UserReply) -> Result<(), AgentError> {
        self.usable()?;
        let active = self.active.as_mut().ok_or(AgentError::UnknownAsk)?;
        match active.hold.take() {
            Some(Hold::Ask(id, ticket)) if id == ask => {
                active.session.reply(ticket, reply);
                Ok(())
            }
            other => {
                active.hold = other;
                Err(AgentError::UnknownAsk)
            }
        }
    }

    /// Runs a job through its object, with no transaction open, and makes what came of it durable.
    ///
    /// # Errors
    ///
    /// If the job is not open, or goes on elsewhere since it was run, or the storage fails.
    pub fn run(&mut self, job: JobId, now: u64) -> Result<(), AgentError> {
        let running = self.running(job)?;
        if running.is_elsewhere {
            return Err(AgentError::UnknownJob(job));
        }
        let running = running.job.clone();
        let object = self
            .tree
            .object_mut(&running.node)
            .ok_or(AgentError::UnknownJob(job))?;
        match object.run(&running) {
            Progress::Done(outcome) => self.complete(job, outcome, now),
            Progress::Stage(stage) => {
                self.reached(job, stage, now)?;
                self.take_up(job, now)
            }
            Progress::Noted { stage, memo } => {
                self.note(job, stage, memo, now)?;
                self.take_up(job, now)
            }
            Progress::AfterSession(stage) => self.after_session(job, stage, now),
            Progress::Later => self.later(job, false, now),
            Progress::Deferred => self.later(job, true, now),
            Progress::Reset => self.reset(now),
        }
    }

    /// Makes the result of a job durable that went on elsewhere, or that was put off and is given up.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn complete(&mut self, job: JobId, outcome: Outcome, now: u64) -> Result<(), AgentError> {
        let is_deferred = |entry: &&ledger::Entry| entry.state == State::Deferred;
        let finished = match self.ledger.jobs.get(&job.0).filter(is_deferred) {
            Some(entry) => {
                self.usable()?;
                entry.job.clone()
            }
            None => self.running(job)?.job.clone(),
        };
        let ticket = self.take_ticket(job);
        self.commit(now, |transaction, agent| {
            let alert = transaction.finish(&finished, &outcome);
            if let (Some(ticket), Some(active)) = (ticket, agent.active) {
                agent.ledger.finish(job.0, outcome.code, Reply::Result);
                active.session.answer(ticket, Answer::from(outcome.code));
            } else if let Some(alert) = alert {
                agent.ledger.finish(job.0, outcome.code, Reply::Accepted);
                agent
                    .ledger
                    .report(finished.server.clone(), alert, Some(job.0));
            } else if finished.key().is_some() {
                // Nobody will be told, but who asks again for the same must not have it done again.
                agent.ledger.finish(job.0, outcome.code, Reply::Result);
            } else {
                agent.ledger.forget_job(job.0);
            }
            Ok(())
        })
    }

    /// Makes a stage of a job durable that goes on elsewhere.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn reached(&mut self, job: JobId, stage: u32, now: u64) -> Result<(), AgentError> {
        let memo = self.running(job)?.job.memo.clone();
        self.note(job, stage, memo, now)
    }

    /// The same, with something to remember: what [`Job::memo`] is from now on.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn note(
        &mut self,
        job: JobId,
        stage: u32,
        memo: Vec<u8>,
        now: u64,
    ) -> Result<(), AgentError> {
        self.running(job)?;
        self.commit(now, |transaction, agent| {
            if let Some(entry) = agent.ledger.job_mut(job.0) {
                entry.job.stage = stage;
                entry.job.memo = memo;
                // What was done up to here is known again.
                entry.job.resumed = false;
                transaction.stage(&entry.job);
            }
            Ok(())
        })
    }

    /// Has a job run again at this stage after the session, as [`Progress::AfterSession`] does. Its Exec
    /// is answered 202, if it waited for an answer.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn after_session(&mut self, job: JobId, stage: u32, now: u64) -> Result<(), AgentError> {
        self.running(job)?;
        let ticket = self.take_ticket(job);
        let retries = self.config.retries;
        self.commit(now, |transaction, agent| {
            if let Some(entry) = agent.ledger.job_mut(job.0) {
                entry.when = match entry.when {
                    // What its user is asked about before the answer has no report.
                    When::Agreed => {
                        if entry.is_orphan() {
                            entry.hear(Heard::sessions(retries));
                        }
                        When::OnceTold
                    }
                    When::OnceTold => When::OnceTold,
                    When::Now | When::Accepted | When::AfterSession => When::AfterSession,
                };
                entry.state = State::Waiting;
                entry.reply = Reply::Accepted;
                entry.is_out = false;
                entry.job.stage = stage;
                entry.job.resumed = false;
                transaction.stage(&entry.job);
            }
            if let (Some(ticket), Some(active)) = (ticket, agent.active) {
                let accepted = Answer::from(StatusCode::ACCEPTED);
                active.session.answer(ticket, accepted);
            }
            Ok(())
        })
    }

    /// Puts a job off that goes on elsewhere, as [`Progress::Deferred`] does. Nothing happens to its
    /// stage: what was done up to there is done.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn defer(&mut self, job: JobId, now: u64) -> Result<(), AgentError> {
        self.running(job)?;
        self.later(job, true, now)
    }

    /// The jobs that are put off, in the order in which they were accepted. [`Job::deferrals`] and
    /// [`Job::deferred_since`] say how often and since when: who has waited enough gives one up with
    /// [`complete`](Self::complete).
    pub fn deferred_jobs(&self) -> impl Iterator<Item = &Job> {
        let entries = self.ledger.jobs.values();
        entries
            .filter(|entry| entry.state == State::Deferred)
            .map(|entry| &entry.job)
    }

    /// Has a job handed out again by [`poll`](Self::poll) when its turn comes: one that was put off,
    /// since what it waited for has changed, or one that went on elsewhere and goes on with its object,
    /// since the user has answered.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn take_up(&mut self, job: JobId, now: u64) -> Result<(), AgentError> {
        self.usable()?;
        let entry = self.ledger.jobs.get_mut(&job.0);
        match entry.map(|entry| (entry.state, entry)) {
            Some((State::Started, entry)) if entry.is_out => {
                entry.is_out = false;
                Ok(())
            }
            Some((State::Deferred, _)) => self.commit(now, |_, agent| {
                if let Some(entry) = agent.ledger.job_mut(job.0) {
                    entry.state = State::Started;
                }
                Ok(())
            }),
            _ => Err(AgentError::UnknownJob(job)),
        }
    }

    /// A transaction of the device's own, for reading and for what the device maintains. Not while a
    /// message is being handled.
    pub fn begin(&mut self, now: u64) -> Transaction<'_> {
        self.tree.begin(now)
    }

    /// Lets a job go on elsewhere or at another time. Its Exec is answered now, if it waited for the
    /// result.
    fn later(&mut self, job: JobId, is_deferred: bool, now: u64) -> Result<(), AgentError> {
        let asks = |entry: &ledger::Entry| entry.when == When::Agreed;
        if !is_deferred && self.ledger.jobs.get(&job.0).is_some_and(asks) {
            return Ok(());
        }
        if !is_deferred {
            self.ledger.leave(job.0);
        }
        let ticket = self.take_ticket(job);
        if ticket.is_none() && !is_deferred {
            return Ok(());
        }
        self.commit(now, |_, agent| {
            if is_deferred {
                agent.ledger.defer(job.0, now);
            }
            let Some(ticket) = ticket else {
                return Ok(());
            };
            if let Some(entry) = agent.ledger.job_mut(job.0) {
                entry.reply = Reply::Accepted;
            }
            if let Some(active) = agent.active {
                active
                    .session
                    .answer(ticket, Answer::from(StatusCode::ACCEPTED));
            }
            Ok(())
        })
    }

    fn account(&self, server_id: &str) -> Result<Option<Account>, AgentError> {
        let accounts = Accounts::new(self.tree.view(), self.tree.mounts());
        Ok(accounts.of(server_id).map_err(unreadable)?)
    }

    /// A job that the integrator has.
    fn running(&self, job: JobId) -> Result<&ledger::Entry, AgentError> {
        self.usable()?;
        self.ledger
            .jobs
            .get(&job.0)
            .filter(|entry| entry.is_out && entry.state == State::Started)
            .ok_or(AgentError::UnknownJob(job))
    }

    /// The right to answer the Exec of a job, if its session waits for the result.
    fn take_ticket(&mut self, job: JobId) -> Option<dm_proto::session::Ticket> {
        let active = self.active.as_mut()?;
        match active.hold.take() {
            Some(Hold::Exec(ticket, held)) if held == job => Some(ticket),
            other => {
                active.hold = other;
                None
            }
        }
    }

    /// Commits a change together with jobs, reports and the session.
    fn commit(
        &mut self,
        now: u64,
        change: impl FnOnce(&mut Transaction<'_>, Parts<'_>) -> Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        let mut transaction = self.tree.begin(now);
        let parts = Parts {
            ledger: &mut self.ledger,
            active: self.active.as_mut(),
        };
        let result = change(&mut transaction, parts).and_then(|()| {
            match &self.active {
                // A session that has sent nothing yet is not worth restoring.
                Some(active) if active.session.last_sent().is_some() => {
                    seal(&mut transaction, &mut self.ledger, Some(active))?;
                }
                _ => self.ledger.flush(&mut transaction)?,
            }
            Ok(transaction.commit()?)
        });
        self.watch(result)
    }

    fn usable(&self) -> Result<(), AgentError> {
        match &self.broken {
            Some(error) => Err(AgentError::Store(error.clone())),
            None => Ok(()),
        }
    }

    /// Remembers that the storage failed.
    fn watch<T>(&mut self, result: Result<T, AgentError>) -> Result<T, AgentError> {
        if let Err(AgentError::Store(error) | AgentError::Tree(TreeError::Store(error))) = &result {
            self.broken = Some(error.clone());
        }
        result
    }
}

impl core::fmt::Debug for Agent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Agent")
            .field("tree", &self.tree)
            .field("in_session", &self.in_session())
            .finish_non_exhaustive()
    }
}

/// What a commit may change beside the tree.
struct Parts<'a> {
    ledger: &'a mut Ledger,
    active: Option<&'a mut Active>,
}

/// What the tree says when the storage below it fails.
fn unreadable(status: StatusCode) -> StoreError {
    StoreError::new(match status {
        StatusCode::DATA_STORE_FAILURE => StoreErrorKind::Io,
        _ => StoreErrorKind::Corrupt,
    })
}
