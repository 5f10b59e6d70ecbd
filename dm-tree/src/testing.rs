//! A device and its server joined in memory, for tests of objects and operations: [`Bench`].
//!
//! Everything is real but the wire, the clock, the user and the dice: messages are octets, the device is
//! an [`Agent`] on a [`Store`], the server restores its session and its [`Queue`] from octets before
//! every message and stores them after it. Messages can be lost or doubled, and the device can lose its
//! power before any step. Only with feature `testing`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dm_proto::{
    SessionId, Text,
    auth::{Account, Nonce, Side},
    codec::{DecodeOptions, Encoding},
    message::{Command, SyncMl},
    session::{
        Disposition, Ending, Headers, Prompt, Received, Saved, ServerConfig, ServerSession,
        Transmit, Trigger, UserReply,
    },
    testing::{Fault, message, read, store_nonce},
};

use crate::{
    Node, NodeUri,
    agent::{Agent, AgentConfig, AgentError, Output},
    object::{Job, ManagementObject},
    remote::{Decision, Desk, Notice, Operation, Queue, Request},
    store::{Batch, Kind, Memory, Store, StoreError, StoreErrorKind},
};

/// A store that outlives the agent that uses it, as a disk does.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

struct Platter {
    store: Box<dyn Store>,
    commits: u32,
    failing: Option<u32>,
}

impl Disk {
    /// A disk with what is in a store.
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            store: Box::new(store),
            commits: 0,
            failing: None,
        })))
    }

    /// How often something was written, or all of it removed.
    pub fn commits(&self) -> u32 {
        self.platter().commits
    }

    /// Lets the `commit`-th write (from 0) fail, once: nothing of it is written, or removed.
    pub fn fail_at(&self, commit: u32) {
        self.platter().failing = Some(commit);
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    /// Counts a write, which may be the one that fails.
    fn written(&mut self) -> Result<(), StoreError> {
        let commit = self.commits;
        self.commits = commit.saturating_add(1);
        if self.failing == Some(commit) {
            self.failing = None;
            return Err(StoreError::new(StoreErrorKind::Io));
        }
        Ok(())
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new(Memory::default())
    }
}

impl core::fmt::Debug for Disk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Disk").finish_non_exhaustive()
    }
}

impl Store for Disk {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.platter().store.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.platter().store.children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.platter().store.record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.platter().store.records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut platter = self.platter();
        platter.written()?;
        platter.store.commit(batch)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        let mut platter = self.platter();
        platter.written()?;
        platter.store.clear()
    }
}

/// Makes the objects of a device, at each of its starts.
pub type Objects = Box<dyn Fn() -> Vec<(NodeUri, Box<dyn ManagementObject>)>>;

/// Answers questions.
pub type User = Box<dyn FnMut(&Prompt) -> UserReply>;

/// A device and its server.
#[non_exhaustive]
pub struct Bench<O> {
    /// What the server has been told, in order.
    pub notices: Vec<Notice>,
    /// All messages that were sent, those that got lost too.
    pub transcript: Vec<(Side, SyncMl)>,
    /// How the sessions of the device ended.
    pub endings: Vec<Ending>,
    /// How often the device was reset.
    pub resets: u32,
    /// Whether two processes of the server work on each request at the same time. One of them comes too
    /// late.
    pub rivals: bool,
    /// Whether a job is left to the test instead of being run.
    pub leaves_jobs: bool,
    /// The jobs that were left.
    pub left: Vec<Job>,
    agent: Option<Agent>,
    disk: Disk,
    objects: Objects,
    config: AgentConfig,
    user: User,
    /// The server that the device speaks to, or is going to.
    server: Server,
    /// The other ones.
    others: Vec<Server>,
    desk: Box<dyn Desk<O>>,
    faults: BTreeMap<usize, Fault>,
    exchanges: usize,
    power_cuts: Vec<u32>,
    step: u32,
    session: u32,
    now: u64,
    nonce: u8,
    operations: core::marker::PhantomData<O>,
}

/// A desk that grants what it understands, which is nothing.
struct Grants;

impl<O> Desk<O> for Grants {
    fn decide(&mut self, _: &Request<'_, O>) -> Decision {
        Decision::Now
    }
}

/// What the server stores for the device.
struct Server {
    account: Account,
    /// The queue, serialized.
    queue: Vec<u8>,
    /// The session and its last message, serialized.
    session: Option<Vec<u8>>,
}

/// Why a run did not come to its end.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The device cannot go on.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// What the server stored cannot be read.
    #[error("the server's record: {0}")]
    Record(#[from] postcard::Error),
    /// What somebody sent is not a message.
    #[error(transparent)]
    Message(#[from] dm_proto::session::ReceiveError),
    /// Two processes of the server have both done the same, or found different answers.
    #[error("two processes worked on one request")]
    Rivals,
    /// It does not end.
    #[error("no end after {0} steps")]
    Endless(u32),
}

/// More steps than any test needs.
const STEPS: u32 = 10_000;

impl<O: Operation> Bench<O> {
    /// A device with these objects, on a disk, and the server of `account`, both new.
    ///
    /// # Errors
    ///
    /// If the device cannot start.
    pub fn new(
        disk: Disk,
        account: Account,
        objects: Objects,
        encoding: Encoding,
    ) -> Result<Self, BenchError> {
        let mut config = AgentConfig::default();
        config.session.encoding = encoding;
        let mut bench = Self {
            notices: Vec::new(),
            transcript: Vec::new(),
            endings: Vec::new(),
            resets: 0,
            rivals: false,
            leaves_jobs: false,
            left: Vec::new(),
            agent: None,
            disk,
            objects,
            config,
            user: Box::new(|_| UserReply::Yes),
            server: Server {
                account,
                queue: postcard::to_allocvec(&Queue::<O>::new())?,
                session: None,
            },
            others: Vec::new(),
            desk: Box::new(Grants),
            faults: BTreeMap::new(),
            exchanges: 0,
            power_cuts: Vec::new(),
            step: 0,
            session: 0,
            now: 1_700_000_000,
            nonce: 0,
            operations: core::marker::PhantomData,
        };
        bench.power_up()?;
        Ok(bench)
    }

    /// Adds another server of the device, which has an account for it. The device goes on speaking to
    /// the first.
    ///
    /// # Errors
    ///
    /// If its queue cannot be written.
    pub fn add_server(&mut self, account: Account) -> Result<(), BenchError> {
        self.others.push(Server {
            account,
            queue: postcard::to_allocvec(&Queue::<O>::new())?,
            session: None,
        });
        Ok(())
    }

    /// Turns to another server: queue and sessions are its own from now on. Nothing happens if there is
    /// none of that name. Not while a session is open.
    pub fn turn_to(&mut self, server_id: &str) {
        let mut others = self.others.iter_mut();
        if let Some(other) = others.find(|other| other.account.server_id == server_id) {
            core::mem::swap(&mut self.server, other);
        }
    }

    /// Lets somebody answer questions. At first the user agrees to everything.
    pub fn set_user(&mut self, user: impl FnMut(&Prompt) -> UserReply + 'static) {
        self.user = Box::new(user);
    }

    /// Gives the server a desk, where it decides on what the device asks for. At first that is nothing.
    pub fn set_desk(&mut self, desk: impl Desk<O> + 'static) {
        self.desk = Box::new(desk);
    }

    /// Changes how the device behaves, from its next start on, which is now.
    ///
    /// # Errors
    ///
    /// If the device cannot start.
    pub fn configure(&mut self, change: impl FnOnce(&mut AgentConfig)) -> Result<(), BenchError> {
        change(&mut self.config);
        self.power_up()
    }

    /// Lets something happen to the `exchange`-th request (from 1) or its answer.
    pub fn fault(&mut self, exchange: usize, fault: Fault) {
        self.faults.insert(exchange, fault);
    }

    /// Lets the device lose its power before its `step`-th step (from 0): before it does what it was
    /// about to do.
    pub fn power_cut(&mut self, step: u32) {
        self.power_cuts.push(step);
    }

    /// How many steps the device has made.
    pub fn steps(&self) -> u32 {
        self.step
    }

    /// How many requests the device has made.
    pub fn exchanges(&self) -> usize {
        self.exchanges
    }

    /// The device.
    ///
    /// # Errors
    ///
    /// If it has to be started, and cannot be.
    pub fn agent(&mut self) -> Result<&mut Agent, BenchError> {
        if self.agent.is_none() {
            self.power_up()?;
        }
        self.agent
            .as_mut()
            .ok_or(BenchError::Agent(AgentError::NoSession))
    }

    /// The value of a leaf of the device, or `None`.
    ///
    /// # Errors
    ///
    /// If the device cannot start.
    pub fn value(&mut self, uri: &str) -> Result<Option<String>, BenchError> {
        let now = self.now;
        let Ok(uri) = NodeUri::parse(uri) else {
            return Ok(None);
        };
        let transaction = self.agent()?.begin(now);
        let text = transaction.view().text(&uri).ok();
        Ok(text.map(|text| text.to_string()))
    }

    /// The names of the children of a node of the device.
    ///
    /// # Errors
    ///
    /// If the device cannot start.
    pub fn children(&mut self, uri: &str) -> Result<Vec<String>, BenchError> {
        let now = self.now;
        let Ok(uri) = NodeUri::parse(uri) else {
            return Ok(Vec::new());
        };
        let transaction = self.agent()?.begin(now);
        let names = transaction.view().children(&uri).unwrap_or_default();
        Ok(names.iter().map(|name| name.to_string()).collect())
    }

    /// Changes the queue of the server.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn queue<T>(&mut self, change: impl FnOnce(&mut Queue<O>) -> T) -> Result<T, BenchError> {
        let mut queue: Queue<O> = postcard::from_bytes(&self.server.queue)?;
        let result = change(&mut queue);
        let server = &mut self.server;
        queue.store(|_, queue| {
            server.queue = postcard::to_allocvec(queue)?;
            Ok::<_, postcard::Error>(true)
        })?;
        Ok(result)
    }

    /// Gives the server an operation.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read.
    pub fn push(&mut self, id: u32, operation: O) -> Result<(), BenchError> {
        self.queue(|queue| queue.push(id, operation))
    }

    /// The outcome of an operation, if it has one.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read.
    pub fn outcome(&mut self, id: u32) -> Result<Option<O::Outcome>, BenchError> {
        self.queue(|queue| queue.get(id).and_then(Operation::outcome))
    }

    /// Runs one session, and what follows from it until the device has nothing more to do by itself.
    ///
    /// # Errors
    ///
    /// If either side cannot go on.
    pub fn run_session(&mut self, trigger: Trigger) -> Result<(), BenchError> {
        self.session = self.session.saturating_add(1);
        let id = SessionId::from(self.session);
        let server = self.server.account.server_id.clone();
        let now = self.now;
        self.agent()?.connect(&server, trigger, id, now)?;
        self.run()
    }

    /// Runs sessions as long as the server wants one or the device owes a report to any.
    ///
    /// # Errors
    ///
    /// If either side cannot go on, or they do not come to an end.
    pub fn settle(&mut self) -> Result<(), BenchError> {
        self.run()?;
        loop {
            self.bounded()?;
            if let Some(server) = self.agent()?.report_due()? {
                self.turn_to(&server);
                self.run_session(Trigger::Client)?;
            } else if self.queue(|queue| queue.wants_session())? {
                self.run_session(Trigger::Server)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Lets the device do all it has to do by itself. If its disk fails it is started again.
    ///
    /// # Errors
    ///
    /// If either side cannot go on.
    pub fn run(&mut self) -> Result<(), BenchError> {
        loop {
            match self.run_once() {
                Err(BenchError::Agent(AgentError::Store(_))) => self.power_up()?,
                result => return result,
            }
        }
    }

    fn run_once(&mut self) -> Result<(), BenchError> {
        loop {
            let now = self.tick()?;
            let output = self.agent()?.poll(now)?;
            if self.power_cuts.contains(&(self.step.saturating_sub(1))) {
                self.power_up()?;
                continue;
            }
            match output {
                Output::Transmit(transmit) => self.exchange(&transmit)?,
                Output::Ask(id, prompt) => {
                    let reply = (self.user)(&prompt);
                    self.agent()?.reply(id, reply)?;
                }
                Output::Run(job) if self.leaves_jobs => self.left.push(job),
                Output::Run(job) => self.agent()?.run(job.id, now)?,
                Output::Closed(ending) => self.endings.push(ending),
                Output::Reset => self.resets = self.resets.saturating_add(1),
                Output::Idle => return Ok(()),
            }
        }
    }

    /// Cuts the power of the device and starts it again.
    ///
    /// # Errors
    ///
    /// If it cannot start.
    pub fn power_up(&mut self) -> Result<(), BenchError> {
        // The old agent must be gone before the new one opens the disk.
        self.agent = None;
        let agent = Agent::open(
            Box::new(self.disk.clone()),
            (self.objects)(),
            self.config.clone(),
            self.now,
        )?;
        self.agent = Some(agent);
        Ok(())
    }

    /// The commands that one side sent, statuses aside, message by message, by their names. Containers
    /// show what is in them: `Sequence(Alert, Exec)`.
    pub fn commands(&self, side: Side) -> Vec<String> {
        self.transcript
            .iter()
            .filter(|(sender, _)| *sender == side)
            .map(|(_, message)| names(&message.commands))
            .collect()
    }

    fn tick(&mut self) -> Result<u64, BenchError> {
        self.bounded()?;
        self.step = self.step.saturating_add(1);
        self.now = self.now.saturating_add(1);
        Ok(self.now)
    }

    fn bounded(&self) -> Result<(), BenchError> {
        if self.step < STEPS {
            Ok(())
        } else {
            Err(BenchError::Endless(self.step))
        }
    }

    fn nonce(&mut self) -> Nonce {
        self.nonce = self.nonce.wrapping_add(1);
        Nonce::from([self.nonce; 16])
    }

    fn exchange(&mut self, request: &Transmit) -> Result<(), BenchError> {
        self.exchanges = self.exchanges.saturating_add(1);
        self.transcript.push((Side::Client, message(request)?));
        let fault = self.faults.remove(&self.exchanges);
        let answer = match fault {
            Some(Fault::LoseRequest) => None,
            Some(Fault::RepeatRequest) => {
                self.serve(request)?;
                self.serve(request)?
            }
            _ => self.serve(request)?,
        };
        if let Some(answer) = &answer {
            self.transcript.push((Side::Server, message(answer)?));
        }
        let now = self.now;
        match answer {
            Some(answer) if fault != Some(Fault::LoseAnswer) => {
                let nonce = self.nonce();
                let headers =
                    Headers::new(answer.encoding.media_type()).with_hmac(answer.hmac.as_deref());
                self.agent()?.handle(answer.body, headers, nonce)?;
            }
            _ => self.agent()?.transport_failed(now)?,
        }
        Ok(())
    }

    /// The server's whole work on one request.
    fn serve(&mut self, request: &Transmit) -> Result<Option<Transmit>, BenchError> {
        let rival = match self.rivals {
            true => Some(self.attempt(request)?),
            false => None,
        };
        loop {
            self.bounded()?;
            let attempt = self.attempt(request)?;
            let answer = attempt.as_ref().and_then(|work| work.answer.clone());
            if self.commit(attempt)? {
                if let Some(rival) = rival {
                    // It comes too late, and finds the answer that was given.
                    let too_late = rival.is_none() || !self.commit(rival)?;
                    let found = self.attempt(request)?.and_then(|work| work.answer);
                    if !too_late || found != answer {
                        return Err(BenchError::Rivals);
                    }
                }
                return Ok(answer);
            }
        }
    }

    /// What one process makes of a request, on the record as it stands. Nothing is stored.
    fn attempt(&mut self, request: &Transmit) -> Result<Option<Attempt<O>>, BenchError> {
        let config = Arc::new(ServerConfig::default());
        let received = read(request, &DecodeOptions::lenient(config.limits.clone()))?;
        let nonce = self.nonce();
        let stored: Option<(Saved, Option<Transmit>)> = self
            .server
            .session
            .as_deref()
            .map(postcard::from_bytes)
            .transpose()?;
        let account = &self.server.account;
        let Ok(mut session) = take_up(stored, &received, &config, account) else {
            return Ok(None);
        };
        // Whatever is wrong with it, the session has an answer, or none.
        let _ = session.handle(received, nonce);
        let mut queue: Queue<O> = postcard::from_bytes(&self.server.queue)?;
        let mut notices = queue.drive_with(&mut session, self.desk.as_mut());
        let answer = session.poll_transmit();
        notices.extend(queue.drive_with(&mut session, self.desk.as_mut()));
        let session = postcard::to_allocvec(&(session.save(), &answer))?;
        Ok(Some(Attempt {
            answer,
            queue,
            session,
            notices,
        }))
    }

    /// Stores what a process has done, unless another one was faster.
    fn commit(&mut self, attempt: Option<Attempt<O>>) -> Result<bool, BenchError> {
        let Some(mut attempt) = attempt else {
            return Ok(true);
        };
        let server = &mut self.server;
        let stored: Queue<O> = postcard::from_bytes(&server.queue)?;
        let is_stored = attempt.queue.store(|replaced, queue| {
            if stored.version() != replaced {
                return Ok::<_, postcard::Error>(false);
            }
            server.queue = postcard::to_allocvec(queue)?;
            server.session = Some(attempt.session);
            Ok(true)
        })?;
        if is_stored {
            for notice in &attempt.notices {
                if let Notice::NonceChanged { side, nonce } = notice {
                    store_nonce(&mut self.server.account, *side, nonce);
                }
            }
            self.notices.extend(attempt.notices);
        }
        Ok(is_stored)
    }
}

/// What a process has made of a request.
struct Attempt<O> {
    answer: Option<Transmit>,
    queue: Queue<O>,
    session: Vec<u8>,
    notices: Vec<Notice>,
}

fn take_up(
    stored: Option<(Saved, Option<Transmit>)>,
    received: &Received,
    config: &Arc<ServerConfig>,
    account: &Account,
) -> Result<ServerSession, dm_proto::session::SessionError> {
    let config = Arc::clone(config);
    match stored {
        Some((saved, last_sent))
            if matches!(
                saved.disposition(received),
                Disposition::Next | Disposition::Repeat
            ) =>
        {
            ServerSession::restore(saved, last_sent, config, account)
        }
        _ => ServerSession::accept(received, config, account),
    }
}

fn names(commands: &[Command]) -> String {
    let names: Vec<String> = commands
        .iter()
        .filter(|command| !matches!(command, Command::Status(_)))
        .map(|command| match command.children() {
            [] => command.name().to_string(),
            children => format!("{}({})", command.name(), names(children)),
        })
        .collect();
    names.join(", ")
}
