//! A client and a server session joined in memory, for tests: [`Pair`].
//!
//! Messages pass through the real codec. Between any two steps a side can be saved and restored, and
//! on the way messages can be lost, doubled or broken. Only with feature `testing`.
//!
//! [`Client`] and [`Server`] are the two halves: a device with a run loop of its own is tested against
//! [`Server`] alone, a server against [`Client`].
//!
//! A server that reads one node of a device, where the first answer is lost on its way:
//!
//! ```
//! use dm_proto::{
//!     StatusCode,
//!     auth::{Account, Credentials, Nonce},
//!     message::{Command, Get, Item},
//!     session::{
//!         Answer, ClientConfig, CommandTag, Ending, Execute, ServerConfig, ServerEvent, Start, Trigger,
//!         Verb,
//!     },
//!     testing::{Client, Device, Fault, Manager, Pair, Server},
//! };
//!
//! struct Thermometer;
//!
//! impl Device for Thermometer {
//!     fn execute(&mut self, execute: &Execute) -> Answer {
//!         match (execute.verb, execute.item.target_uri()) {
//!             (Verb::Get, Some(uri)) if uri.as_str() == "./Degrees" => {
//!                 Answer::results(vec![Item::for_source("./Degrees").with_data("21")])
//!             }
//!             (Verb::Get, _) => StatusCode::NOT_FOUND.into(),
//!             _ => StatusCode::COMMAND_NOT_ALLOWED.into(),
//!         }
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Reader {
//!     commands: Vec<(Command, CommandTag)>,
//!     values: Vec<String>,
//! }
//!
//! impl Manager for Reader {
//!     // Asked at each turn: the session ends with the one that has nothing to say.
//!     fn ready(&mut self) -> Vec<(Command, CommandTag)> {
//!         core::mem::take(&mut self.commands)
//!     }
//!
//!     fn hear(&mut self, event: &ServerEvent) {
//!         if let ServerEvent::Results { items, .. } = event {
//!             let values = items.iter().filter_map(|item| item.data.as_ref()?.as_str());
//!             self.values.extend(values.map(String::from));
//!         }
//!     }
//! }
//!
//! let account = Account {
//!     server_id: "srv".into(),
//!     server_uri: "https://dm.example/".into(),
//!     device_uri: "IMEI:493005100592800".into(),
//!     client: Credentials::md5("device", "secret", Nonce::default()),
//!     server: Credentials::md5("srv", "other secret", Nonce::default()),
//! };
//! let dev_info = vec![Item::for_source("./DevInfo/DevId").with_data("IMEI:493005100592800")];
//! let start = Start::new(Trigger::Client, "1".into(), dev_info);
//! let get = Get {
//!     items: vec![Item::for_target("./Degrees")],
//!     ..Get::default()
//! };
//! let reader = Reader {
//!     commands: vec![(get.into(), CommandTag(1))],
//!     ..Reader::default()
//! };
//!
//! let mut pair = Pair::new(
//!     Client::new(ClientConfig::default(), account.clone(), start, Thermometer),
//!     Server::new(ServerConfig::default(), account, reader),
//! )
//! .with_fault(1, Fault::LoseAnswer);
//! pair.run().expect("the session ends");
//!
//! assert_eq!(pair.server.manager.values, ["21"]);
//! assert_eq!(pair.server.ending, Some(Ending::Complete));
//! ```

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use bytes::Bytes;

use crate::{
    StatusCode,
    auth::{Account, Nonce, Side},
    codec::{self, DecodeOptions},
    message::{Alert, Command, SyncMl},
    session::{
        Answer, Chunk, ClientConfig, ClientEvent, ClientSession, CommandTag, Disposition, Ending,
        Execute, Headers, Prompt, ReceiveError, Received, Saved, ServerConfig, ServerEvent,
        ServerSession, SessionError, Source, Start, Transmit, UserReply,
    },
};

/// What stands behind a client session: a tree and a user. By default a device without nodes whose
/// user agrees to everything.
pub trait Device {
    /// Runs one item of one command.
    fn execute(&mut self, execute: &Execute) -> Answer {
        let _ = execute;
        StatusCode::NOT_FOUND.into()
    }

    /// Stores a piece of a large object.
    fn chunk(&mut self, chunk: &Chunk) -> StatusCode {
        let _ = chunk;
        StatusCode::OK
    }

    /// Data of a source: `len` octets at most.
    fn payload(&mut self, id: u64, offset: u64, len: u64) -> Bytes {
        let _ = (id, offset, len);
        Bytes::new()
    }

    /// Asks the user.
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        let _ = prompt;
        UserReply::Yes
    }

    /// Undoes the changes of an Atomic; whether all of them.
    fn roll_back(&mut self) -> bool {
        true
    }

    /// Hears of an event that needs no answer.
    fn hear(&mut self, event: &ClientEvent) {
        let _ = event;
    }

    /// The alerts for the next message; asked before each, and when the session is complete.
    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        Vec::new()
    }

    /// Whether the device aborts the session; asked before each message, once all is executed.
    fn leaves(&mut self) -> bool {
        false
    }
}

/// What stands behind a server session. By default a server that has nothing to say and takes every
/// report.
pub trait Manager {
    /// The commands to send, whenever the device waits for some.
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        Vec::new()
    }

    /// The commands whose data comes from a source, sent behind those of [`ready`](Self::ready).
    fn ready_from(&mut self) -> Vec<(Command, Source, CommandTag)> {
        Vec::new()
    }

    /// Data of a source: `len` octets at most.
    fn payload(&mut self, id: u64, offset: u64, len: u64) -> Bytes {
        let _ = (id, offset, len);
        Bytes::new()
    }

    /// Takes an alert of the device.
    fn alert(&mut self, alert: &Alert) -> StatusCode {
        let _ = alert;
        StatusCode::OK
    }

    /// Whether the server aborts the session; asked before each answer.
    fn leaves(&mut self) -> bool {
        false
    }

    /// Hears of an event that needs no answer.
    fn hear(&mut self, event: &ServerEvent) {
        let _ = event;
    }
}

/// Nobody in particular: all defaults.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Nobody;

impl Device for Nobody {}
impl Manager for Nobody {}

/// Saves and reads back a session; by default it is cloned.
pub type Transcode = fn(Saved) -> Saved;

/// When a side is restarted: after which of its steps.
#[derive(Clone, Debug)]
struct Restarts {
    step: u32,
    at: Vec<u32>,
    transcode: Transcode,
}

impl Restarts {
    fn never() -> Self {
        Self {
            step: 0,
            at: Vec::new(),
            transcode: |saved| saved,
        }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.at.contains(&self.step);
        self.step = self.step.saturating_add(1);
        is_due
    }
}

/// Fresh randomness that is the same in every run.
#[derive(Clone, Debug)]
struct Nonces(u8);

impl Nonces {
    fn next(&mut self) -> Nonce {
        self.0 = self.0.wrapping_add(1);
        Nonce::from([self.0; 16])
    }
}

/// Stores a nonce in an account, as who keeps the account must.
pub fn store_nonce(account: &mut Account, side: Side, nonce: &Nonce) {
    match side {
        Side::Client => account.client.nonce = nonce.clone(),
        Side::Server => account.server.nonce = nonce.clone(),
    }
}

/// The device's half.
#[derive(Debug)]
#[non_exhaustive]
pub struct Client<D> {
    /// The session.
    pub session: ClientSession,
    /// What stands behind it.
    pub device: D,
    /// The account, with the nonces as they are stored.
    pub account: Account,
    /// How the session ended, once it did; the last time if it did so more than once.
    pub ending: Option<Ending>,
    config: Arc<ClientConfig>,
    nonces: Nonces,
    restarts: Restarts,
}

impl<D: Device> Client<D> {
    /// A session to begin.
    pub fn new(config: ClientConfig, account: Account, start: Start, device: D) -> Self {
        let config = Arc::new(config);
        Self {
            session: ClientSession::start(Arc::clone(&config), &account, start),
            device,
            account,
            ending: None,
            config,
            nonces: Nonces(0x40),
            restarts: Restarts::never(),
        }
    }

    /// The next message to the server; `None` once the session is over.
    pub fn transmit(&mut self) -> Option<Transmit> {
        self.settle();
        self.step();
        if self.device.leaves() {
            self.session.abort();
        }
        let transmit = match self.speak() {
            // The session is complete; a report may still continue it.
            None => {
                self.settle();
                self.speak()
            }
            some => some,
        };
        if transmit.is_some() {
            self.ending = None;
            self.step();
        }
        self.settle();
        transmit
    }

    /// Takes a message of the server.
    ///
    /// # Errors
    ///
    /// As [`ClientSession::handle`].
    pub fn handle(&mut self, message: Received) -> Result<(), SessionError> {
        let nonce = self.nonces.next();
        let handled = self.session.handle(message, nonce);
        if handled.is_err() {
            self.settle();
        }
        self.step();
        handled
    }

    fn speak(&mut self) -> Option<Transmit> {
        for (alert, tag) in self.device.alerts() {
            self.session.alert(alert, tag);
        }
        self.session.poll_transmit()
    }

    /// Polls and answers all events.
    fn settle(&mut self) {
        while let Some(event) = self.session.poll_event() {
            // A ticket that is lost in a restart comes again.
            match event {
                ClientEvent::Execute(ticket, execute) => {
                    if !self.step() {
                        let answer = self.device.execute(&execute);
                        self.session.answer(ticket, answer);
                    }
                }
                ClientEvent::Chunk(ticket, chunk) => {
                    if !self.step() {
                        let status = self.device.chunk(&chunk);
                        self.session.answer(ticket, status.into());
                    }
                }
                ClientEvent::NeedPayload { id, offset, len } => {
                    if !self.step() {
                        let octets = self.device.payload(id, offset, len);
                        self.session.provide(id, offset, octets);
                    }
                }
                ClientEvent::Ask(ticket, prompt) => {
                    if !self.step() {
                        let reply = self.device.ask(&prompt);
                        self.session.reply(ticket, reply);
                    }
                }
                ClientEvent::Rollback(ticket) => {
                    if !self.step() {
                        let complete = self.device.roll_back();
                        self.session.rolled_back(ticket, complete);
                    }
                }
                event => {
                    match &event {
                        ClientEvent::NonceChanged { side, nonce } => {
                            store_nonce(&mut self.account, *side, nonce);
                        }
                        ClientEvent::Ended(ending) => self.ending = Some(ending.clone()),
                        _ => {}
                    }
                    self.device.hear(&event);
                }
            }
            self.step();
        }
    }

    /// One step; whether the session was restarted after it.
    fn step(&mut self) -> bool {
        if !self.restarts.is_due() {
            return false;
        }
        let saved = (self.restarts.transcode)(self.session.save());
        let last_sent = self.session.last_sent().cloned();
        let config = Arc::clone(&self.config);
        // A saved form that cannot be read leaves the session as it was, and the test fails on what
        // it then sees.
        if let Ok(session) = ClientSession::restore(saved, last_sent, config, &self.account) {
            self.session = session;
            return true;
        }
        false
    }
}

/// The server's half: one session, which another one with the same device ends once the device has
/// authenticated in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Server<M> {
    /// The session, once there is one.
    pub session: Option<ServerSession>,
    /// What stands behind it.
    pub manager: M,
    /// The account, with the nonces as they are stored.
    pub account: Account,
    /// How the session ended, once it did; the last time if it did so more than once.
    pub ending: Option<Ending>,
    config: Arc<ServerConfig>,
    last_sent: Option<Transmit>,
    /// A session that began while there was one, and in which the device has not authenticated.
    rival: Option<(ServerSession, Option<Transmit>)>,
    nonces: Nonces,
    restarts: Restarts,
}

/// Why a server has no answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// The request is not a message.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The session does not take the message.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session has nothing to say.
    #[error("the server has nothing to say")]
    Silent,
}

impl<M: Manager> Server<M> {
    /// A server without a session.
    pub fn new(config: ServerConfig, account: Account, manager: M) -> Self {
        Self {
            session: None,
            manager,
            account,
            ending: None,
            config: Arc::new(config),
            last_sent: None,
            rival: None,
            nonces: Nonces(0x80),
            restarts: Restarts::never(),
        }
    }

    /// Answers a request. A message 1 that is no repeat begins a new session.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub fn exchange(&mut self, request: &Transmit) -> Result<Transmit, NoAnswer> {
        let options = DecodeOptions::lenient(self.config.limits.clone());
        let message = read(request, &options)?;
        let is_of = |session: &ServerSession| match session.disposition(&message) {
            Disposition::Next | Disposition::Repeat => true,
            Disposition::NewSession | Disposition::OutOfOrder => false,
        };
        let is_rival = match (&self.session, &self.rival) {
            (None, _) => {
                self.session = Some(self.accept(&message)?);
                false
            }
            (Some(session), _) if is_of(session) => false,
            (_, Some((rival, _))) if is_of(rival) => true,
            (Some(session), _) if session.disposition(&message) == Disposition::NewSession => {
                self.rival = Some((self.accept(&message)?, None));
                true
            }
            _ => false,
        };
        if !is_rival {
            return self.answer(message);
        }
        self.swap();
        let ending = self.ending.take();
        let answer = self.answer(message);
        // Who has not authenticated ends nothing.
        if !self.is_authenticated() {
            self.swap();
            self.ending = ending;
        } else if let Some((old, _)) = self.rival.take() {
            self.retire(old);
        }
        answer
    }

    fn accept(&self, message: &Received) -> Result<ServerSession, SessionError> {
        ServerSession::accept(message, Arc::clone(&self.config), &self.account)
    }

    fn answer(&mut self, message: Received) -> Result<Transmit, NoAnswer> {
        let nonce = self.nonces.next();
        let handled = match &mut self.session {
            Some(session) => {
                let is_next = session.disposition(&message) == Disposition::Next;
                let handled = session.handle(message, nonce);
                if is_next && handled.is_ok() {
                    // If it was over, it is not after all.
                    self.ending = None;
                }
                handled
            }
            None => return Err(NoAnswer::Silent),
        };
        self.step();
        self.settle();
        if self.manager.leaves() {
            self.with(ServerSession::abort);
            self.settle();
        }
        let answer = self.session.as_mut().and_then(ServerSession::poll_transmit);
        if answer.is_some() {
            self.last_sent.clone_from(&answer);
        }
        self.step();
        self.settle();
        match answer {
            Some(answer) => Ok(answer),
            None => handled.map_err(NoAnswer::from).and(Err(NoAnswer::Silent)),
        }
    }

    fn is_authenticated(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(ServerSession::is_authenticated)
    }

    /// The other session is the one that messages are for, if there are two.
    fn swap(&mut self) {
        if let Some((rival, last_sent)) = self.rival.take() {
            let last_sent = core::mem::replace(&mut self.last_sent, last_sent);
            self.rival = self.session.replace(rival).map(|old| (old, last_sent));
        }
    }

    /// Ends a session in whose place another one is.
    fn retire(&mut self, mut old: ServerSession) {
        old.abort();
        let _ = old.poll_transmit();
        while let Some(event) = old.poll_event() {
            self.manager.hear(&event);
        }
    }

    /// Gives the session up, as for a device of which nothing is heard any more.
    pub fn abort(&mut self) {
        self.with(ServerSession::abort);
        self.settle();
        let _ = self.session.as_mut().and_then(ServerSession::poll_transmit);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(event) = self.session.as_mut().and_then(ServerSession::poll_event) {
            match event {
                ServerEvent::Alert(ticket, alert) => {
                    if !self.step() {
                        let status = self.manager.alert(&alert);
                        self.with(|session| session.answer(ticket, status));
                    }
                }
                ServerEvent::NeedPayload { id, offset, len } => {
                    if !self.step() {
                        let octets = self.manager.payload(id, offset, len);
                        self.with(|session| session.provide(id, offset, octets));
                    }
                }
                event => {
                    if event == ServerEvent::Ready {
                        for (command, tag) in self.manager.ready() {
                            self.with(|session| session.send(command, tag));
                        }
                        for (command, source, tag) in self.manager.ready_from() {
                            self.with(|session| session.send_from(command, source, tag));
                        }
                    }
                    match &event {
                        ServerEvent::NonceChanged { side, nonce } => {
                            store_nonce(&mut self.account, *side, nonce);
                        }
                        ServerEvent::Ended(ending) => self.ending = Some(ending.clone()),
                        _ => {}
                    }
                    self.manager.hear(&event);
                }
            }
            self.step();
        }
    }

    fn with(&mut self, act: impl FnOnce(&mut ServerSession)) {
        if let Some(session) = &mut self.session {
            act(session);
        }
    }

    /// One step; whether the session was restarted after it.
    fn step(&mut self) -> bool {
        if !self.restarts.is_due() {
            return false;
        }
        let Some(session) = &self.session else {
            return false;
        };
        let saved = (self.restarts.transcode)(session.save());
        let config = Arc::clone(&self.config);
        let restored = ServerSession::restore(saved, self.last_sent.clone(), config, &self.account);
        match restored {
            Ok(session) => {
                self.session = Some(session);
                true
            }
            Err(_) => false,
        }
    }
}

/// What happens to a message on its way. The client sends again what it has no answer to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request does not arrive.
    LoseRequest,
    /// The request arrives, the answer does not.
    LoseAnswer,
    /// The request arrives twice; the second answer is the one that arrives.
    RepeatRequest,
    /// The answer arrives twice.
    RepeatAnswer,
    /// The request arrives, and once more after the next one was answered. The late answer is lost.
    DelayRequest,
    /// The answer arrives, and once more before that to the next request.
    DelayAnswer,
    /// The last half of the request is missing.
    CutRequest,
    /// The last half of the answer is missing.
    CutAnswer,
    /// One bit of the request is another: bit n of the message, counted from its start and round again.
    /// What still is a message is taken for one.
    CorruptRequest(usize),
    /// The same with the answer.
    CorruptAnswer(usize),
}

/// A client and a server session joined in memory.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pair<D, M> {
    /// The device's half.
    pub client: Client<D>,
    /// The server's half.
    pub server: Server<M>,
    /// All messages that were sent, those that got lost too.
    pub transcript: Vec<(Side, Transmit)>,
    faults: BTreeMap<usize, Fault>,
    requests: usize,
    /// A request on its way that was answered already.
    late_request: Option<Transmit>,
    /// An answer on its way that arrived already.
    late_answer: Option<Transmit>,
}

/// Why a run did not come to its end.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PairError {
    /// The server has no answer.
    #[error("the server has no answer: {0}")]
    Server(#[from] NoAnswer),
    /// The client does not take the answer.
    #[error("the client does not take the answer: {0}")]
    Client(SessionError),
    /// The answer is not a message.
    #[error("the answer is not a message: {0}")]
    Answer(#[from] ReceiveError),
    /// The session does not end.
    #[error("the session does not end")]
    Endless,
}

/// More requests than any session in a test needs.
const REQUESTS: usize = 1000;

impl<D: Device, M: Manager> Pair<D, M> {
    /// Joins two halves.
    pub fn new(client: Client<D>, server: Server<M>) -> Self {
        Self {
            client,
            server,
            transcript: Vec::new(),
            faults: BTreeMap::new(),
            requests: 0,
            late_request: None,
            late_answer: None,
        }
    }

    /// The same with something happening to the `request`-th request (from 1) or its answer.
    #[must_use]
    pub fn with_fault(mut self, request: usize, fault: Fault) -> Self {
        self.faults.insert(request, fault);
        self
    }

    /// The same with `side` saved and restored after its `step`-th step (from 0). Steps are events,
    /// answers and messages.
    #[must_use]
    pub fn with_restart(mut self, side: Side, step: u32, transcode: Transcode) -> Self {
        let restarts = match side {
            Side::Client => &mut self.client.restarts,
            Side::Server => &mut self.server.restarts,
        };
        restarts.at.push(step);
        restarts.transcode = transcode;
        self
    }

    /// How many steps a side has made.
    pub fn steps(&self, side: Side) -> u32 {
        match side {
            Side::Client => self.client.restarts.step,
            Side::Server => self.server.restarts.step,
        }
    }

    /// Runs the session to its end, whatever that is.
    ///
    /// # Errors
    ///
    /// If it does not come to one.
    pub fn run(&mut self) -> Result<(), PairError> {
        while let Some(request) = self.client.transmit() {
            self.transcript.push((Side::Client, request.clone()));
            if let Some(answer) = self.carry(&request)? {
                self.client.handle(answer).map_err(PairError::Client)?;
            }
        }
        if let Some(late) = self.late_request.take() {
            let _ = self.server.exchange(&late);
        }
        Ok(())
    }

    /// Ends what [`run`](Self::run) could not: a client that has failed says so if it can, then each
    /// side that still waits gives up, as whoever has the transport does in time.
    pub fn give_up(&mut self) {
        // One that has ended has nothing more to say: what it said now would begin it again.
        if self.client.ending.is_none() {
            self.client.session.abort();
            if let Some(request) = self.client.transmit() {
                let answer = self.server.exchange(&request).ok();
                self.transcript.push((Side::Client, request));
                let answer = answer.map(|answer| (Side::Server, answer));
                self.transcript.extend(answer);
            }
        }
        if self.server.ending.is_none() {
            self.server.abort();
        }
    }

    /// Carries a request to the server until an answer comes back. An abort needs none.
    fn carry(&mut self, request: &Transmit) -> Result<Option<Received>, PairError> {
        while self.requests < REQUESTS {
            self.requests = self.requests.saturating_add(1);
            let fault = self.faults.remove(&self.requests);
            let late = self.late_request.take();
            let answer = match fault {
                Some(Fault::LoseRequest) => continue,
                Some(Fault::CutRequest) => {
                    let _ = self.server.exchange(&cut(request));
                    continue;
                }
                Some(Fault::CorruptRequest(bit)) => {
                    match self.server.exchange(&corrupt(request, bit)) {
                        Ok(answer) => answer,
                        Err(_) => continue,
                    }
                }
                Some(Fault::RepeatRequest) => {
                    self.server.exchange(request)?;
                    self.server.exchange(request)?
                }
                _ => self.server.exchange(request)?,
            };
            if fault == Some(Fault::DelayRequest) {
                self.late_request = Some(request.clone());
            }
            if let Some(late) = late {
                let _ = self.server.exchange(&late);
            }
            self.transcript.push((Side::Server, answer.clone()));
            if let Some(late) = self.late_answer.take() {
                let late = read(&late, &DecodeOptions::default())?;
                self.client.handle(late).map_err(PairError::Client)?;
                // It asks again, maybe; its question is answered already.
                let _ = self.client.session.poll_transmit();
            }
            match fault {
                Some(Fault::LoseAnswer) => continue,
                Some(Fault::CutAnswer) if is_unread(&cut(&answer)) => continue,
                Some(Fault::CorruptAnswer(bit)) if is_unread(&corrupt(&answer, bit)) => {
                    continue;
                }
                Some(Fault::RepeatAnswer) => {
                    let first = read(&answer, &DecodeOptions::default())?;
                    self.client.handle(first).map_err(PairError::Client)?;
                }
                Some(Fault::DelayAnswer) => self.late_answer = Some(answer.clone()),
                _ => {}
            }
            if self.client.ending.is_some() {
                // Who has left does not listen.
                return Ok(None);
            }
            let answer = match fault {
                Some(Fault::CorruptAnswer(bit)) => corrupt(&answer, bit),
                _ => answer,
            };
            return Ok(Some(read(&answer, &DecodeOptions::default())?));
        }
        Err(PairError::Endless)
    }

    /// The messages of the transcript, read.
    ///
    /// # Errors
    ///
    /// If one is not a message.
    pub fn messages(&self) -> Result<Vec<(Side, SyncMl)>, ReceiveError> {
        self.transcript
            .iter()
            .map(|(side, transmit)| Ok((*side, message(transmit)?)))
            .collect()
    }
}

/// A message that was sent, read.
///
/// # Errors
///
/// If it is not a message.
pub fn message(transmit: &Transmit) -> Result<SyncMl, ReceiveError> {
    let options = DecodeOptions::default();
    let decoded = codec::decode(transmit.encoding, &transmit.body, &options)?;
    Ok(decoded.message)
}

/// A message that was sent, received.
///
/// # Errors
///
/// If it is not a message.
pub fn read(transmit: &Transmit, options: &DecodeOptions) -> Result<Received, ReceiveError> {
    let headers = Headers::new(transmit.encoding.media_type()).with_hmac(transmit.hmac.as_deref());
    Received::read(transmit.body.clone(), headers, options)
}

fn is_unread(answer: &Transmit) -> bool {
    read(answer, &DecodeOptions::default()).is_err()
}

fn corrupt(transmit: &Transmit, bit: usize) -> Transmit {
    let mut octets = transmit.body.to_vec();
    let place = (bit / 8).checked_rem(octets.len()).unwrap_or_default();
    if let Some(octet) = octets.get_mut(place) {
        *octet ^= 1 << (bit % 8);
    }
    Transmit {
        body: octets.into(),
        ..transmit.clone()
    }
}

fn cut(transmit: &Transmit) -> Transmit {
    let half = transmit.body.len() / 2;
    Transmit {
        body: Bytes::copy_from_slice(transmit.body.get(..half).unwrap_or_default()),
        ..transmit.clone()
    }
}
