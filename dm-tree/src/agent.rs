//! [`Agent`]: client session, tree, objects, jobs and reports, in the one order that is crash safe.

use bytes::Bytes;
use dm_proto::{
    SessionId, Text,
    auth::{Account, Nonce},
    message::Alert,
    session::{
        ClientConfig, Ending, Headers, Prompt, ReceiveError, SessionError, Transmit, Trigger,
        UserReply,
    },
};

use crate::{
    NodeUri, Transaction, TreeError,
    object::{Job, JobId, ManagementObject, Outcome},
    store::{Store, StoreError},
};

/// How the agent behaves.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct AgentConfig {
    /// The sessions.
    pub session: ClientConfig,
    /// How often a message without an answer is sent again before the session is given up. Default 3.
    pub retries: u8,
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
    /// The notification is not one, or not from a server with an account.
    #[error("notification refused")]
    Notification,
    /// No such job, or it is finished.
    #[error("no open job {0:?}")]
    UnknownJob(JobId),
    /// No such question, or it is answered.
    #[error("no open question")]
    UnknownAsk,
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

/// A device: everything but transport, clock, randomness and user.
pub struct Agent {
    _todo: (),
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
        let _ = (store, objects, config, now);
        todo!()
    }

    /// The accounts in the tree (DMAcc).
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn accounts(&self) -> Result<Vec<Account>, AgentError> {
        todo!()
    }

    /// Verifies a notification (Package 0). The caller then [connects](Self::connect).
    ///
    /// # Errors
    ///
    /// If it is not one, or does not verify.
    pub fn notified(&mut self, package: &[u8]) -> Result<Notified, AgentError> {
        let _ = package;
        todo!()
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
        let _ = (server_id, trigger, session_id, now);
        todo!()
    }

    /// Whether a session is open.
    pub fn in_session(&self) -> bool {
        todo!()
    }

    /// The server that a report waits for, if no session is open with it.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn report_due(&self) -> Result<Option<Text>, AgentError> {
        todo!()
    }

    /// Keeps an alert of the device's own for a server, to be sent in the next session with it, like a
    /// report.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn raise(&mut self, server_id: &str, alert: Alert, now: u64) -> Result<(), AgentError> {
        let _ = (server_id, alert, now);
        todo!()
    }

    /// Takes the server's answer to a transmit. `nonce` is fresh randomness.
    ///
    /// # Errors
    ///
    /// If there is no session or the answer is not a message of it.
    pub fn handle(
        &mut self,
        body: Bytes,
        headers: Headers<'_>,
        nonce: Nonce,
    ) -> Result<(), AgentError> {
        let _ = (body, headers, nonce);
        todo!()
    }

    /// The transport lost a message or its answer. The same message comes again from
    /// [`poll`](Self::poll) until [`AgentConfig::retries`] are used up; then the session is closed.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn transport_failed(&mut self, now: u64) -> Result<(), AgentError> {
        let _ = now;
        todo!()
    }

    /// What to do next. Everything that must survive is durable when this returns.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn poll(&mut self, now: u64) -> Result<Output, AgentError> {
        let _ = now;
        todo!()
    }

    /// Gives the user's answer.
    ///
    /// # Errors
    ///
    /// If the question is not open.
    pub fn reply(&mut self, ask: AskId, reply: UserReply) -> Result<(), AgentError> {
        let _ = (ask, reply);
        todo!()
    }

    /// Runs a job through its object, with no transaction open, and makes what came of it durable.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn run(&mut self, job: JobId, now: u64) -> Result<(), AgentError> {
        let _ = (job, now);
        todo!()
    }

    /// Makes the result of a job durable that went on elsewhere.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn complete(&mut self, job: JobId, outcome: Outcome, now: u64) -> Result<(), AgentError> {
        let _ = (job, outcome, now);
        todo!()
    }

    /// Makes a stage of a job durable that goes on elsewhere.
    ///
    /// # Errors
    ///
    /// If the job is not open or the storage fails.
    pub fn reached(&mut self, job: JobId, stage: u32, now: u64) -> Result<(), AgentError> {
        let _ = (job, stage, now);
        todo!()
    }

    /// A transaction of the device's own, for reading and for what the device maintains. Not while a
    /// message is being handled.
    pub fn begin(&mut self, now: u64) -> Transaction<'_> {
        let _ = now;
        todo!()
    }
}
