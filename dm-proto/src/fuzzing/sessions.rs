//! Sessions against a peer that sends what it likes.
//!
//! The input is a program for the peer: an octet of flags, another two for schemes if it says so, then steps. A real session on the other side
//! makes well-formed messages, with valid credentials and numbers, that steps break or put commands
//! into, so that the fuzzer need not guess what it cannot.

use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use bytes::Bytes;

use super::wide_limits;
use crate::{
    AlertCode, CmdId, MsgId, StatusCode, Text,
    auth::{Account, Credentials, Nonce, Scheme, SchemePolicy, Side},
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Command, Item, SyncMl},
    session::{
        Answer, Chunk, ClientConfig, ClientEvent, ClientSession, CommandTag, Disposition, Ending,
        Execute, Headers, Received, ServerConfig, ServerEvent, ServerSession, SessionError, Source,
        Start, Transmit, Trigger, UserReply, Verb,
    },
    testing::{Client, Device, Manager, Server, message, store_nonce},
};

/// Any messages into a client session.
///
/// Nothing is executed or asked before the server has authenticated, and never for a server that does
/// not know its secret, and nothing twice. What is executed has its status by the end of the package,
/// `NoResp` or not. An honest server
/// with nothing to say brings the session to its end, whatever came before.
pub fn client_session(octets: &[u8]) {
    let mut steps = Steps(octets);
    let flags = steps.flags();
    let config = ClientConfig {
        encoding: flags.encoding(),
        max_msg_size: flags.max_msg_size(),
        user_interaction: !flags.is_alone(),
        chunks: flags.has_sink(),
        schemes: flags.policy(Side::Client),
        ..ClientConfig::default()
    };
    let account = flags.account();
    let known = match flags.is_stranger() {
        true => stranger(&account, Side::Server),
        false => account.clone(),
    };
    let honest_config = ServerConfig {
        max_msg_size: flags.other_max_msg_size(),
        schemes: flags.policy(Side::Server),
        ..ServerConfig::default()
    };
    let mut server = Server::new(honest_config, known, Queue::default());
    let mut growth = flags.growth();
    let mut device = ClientUnderTest::new(config, account, flags);
    let mut delivered = Vec::new();
    while let Some(request) = device.transmit() {
        let honest = server.exchange(&request).ok();
        if device.is_ended {
            break;
        }
        let taken = loop {
            let step = match steps.next() {
                None => break None,
                Some(Step::Restart) => {
                    device.restart();
                    break Some(());
                }
                Some(Step::Send(mut commands)) => {
                    commands.iter_mut().for_each(|command| {
                        grow(command, &mut growth);
                    });
                    server.manager.commands.extend(commands);
                    continue;
                }
                Some(step) => step,
            };
            let Some(letter) = step.message(honest.as_ref(), &delivered) else {
                continue;
            };
            if device.take(&letter) {
                delivered.push(letter);
                break Some(());
            }
        };
        if taken.is_none() {
            let Some(answer) = honest.filter(|_| device.rounds < flags.rounds()) else {
                device.session.abort();
                continue;
            };
            device.rounds += 1;
            assert!(device.rounds < flags.rounds(), "the session does not end");
            let letter = Letter::from(&answer);
            device.take(&letter);
            delivered.push(letter);
        }
    }
    assert!(device.is_ended);
    if flags.proves(Side::Server) && flags.is_stranger() {
        assert_eq!(device.executed, BTreeSet::new());
    }
}

/// Any messages into a server session.
///
/// Nothing is believed and no command given before the device has authenticated. Each command that was
/// given has a status, or is known to have none, when the session is over; aborting always ends it.
pub fn server_session(octets: &[u8]) {
    let mut steps = Steps(octets);
    let flags = steps.flags();
    let config = ClientConfig {
        encoding: flags.encoding(),
        max_msg_size: flags.max_msg_size(),
        schemes: flags.policy(Side::Client),
        ..ClientConfig::default()
    };
    let account = flags.account();
    let known = match flags.is_stranger() {
        true => stranger(&account, Side::Client),
        false => account.clone(),
    };
    let start = Start::new(Trigger::Client, "A1".into(), dev_info());
    let mut client = Client::new(config, known, start, Obliging(flags.growth()));
    let mut server = ServerUnderTest::new(account, flags);
    let mut honest = client.transmit();
    let mut delivered = Vec::new();
    for step in core::iter::from_fn(|| steps.next()) {
        match step {
            Step::Restart => server.restart(),
            Step::Send(commands) => server.to_send.extend(commands),
            step => {
                let Some(letter) = step.message(honest.as_ref(), &delivered) else {
                    continue;
                };
                let Some(answer) = server.exchange(&letter) else {
                    continue;
                };
                delivered.push(letter);
                let headers =
                    Headers::new(answer.encoding.media_type()).with_hmac(answer.hmac.as_deref());
                let options = DecodeOptions::lenient(wide_limits());
                let answer = Received::read(answer.body, headers, &options)
                    .expect("what was written can be read");
                if client.handle(answer).is_ok() {
                    honest = client.transmit();
                }
            }
        }
    }
    server.abort();
}

/// More rounds than an honest server with nothing to say needs.
const ROUNDS: usize = 64;
/// The same, with large objects.
const LONG_ROUNDS: usize = 512;
/// How many objects are large, in each direction.
const LARGE: usize = 4;
/// Octets of a large object: several of the smallest messages.
const LARGE_LEN: usize = 3000;
/// More events than any input of the fuzzer's size makes.
const EVENTS: usize = 1_000_000;

#[derive(Clone, Copy)]
struct Flags {
    first: u8,
    /// The schemes of both sides and what they agree to, two bits each, unless all is usual.
    schemes: Option<u16>,
}

impl Flags {
    const fn has(self, bit: u8) -> bool {
        self.first & (1 << bit) != 0
    }

    /// The scheme of a side.
    fn scheme(self, side: Side) -> Scheme {
        let bits = match (self.schemes, side) {
            (Some(schemes), Side::Client) => schemes & 3,
            (Some(schemes), Side::Server) => schemes >> 2 & 3,
            (None, _) if self.has(0) => 0,
            (None, _) => 3,
        };
        match bits {
            0 => Scheme::Md5,
            1 => Scheme::Hmac,
            2 => Scheme::Basic,
            _ => Scheme::Transport,
        }
    }

    /// What a side agrees to besides.
    fn policy(self, side: Side) -> SchemePolicy {
        let schemes = self.schemes.unwrap_or_default();
        let bits = match side {
            Side::Client => schemes >> 4 & 3,
            Side::Server => schemes >> 6 & 3,
        };
        match bits {
            0 => SchemePolicy::Stronger,
            1 => SchemePolicy::only_own(),
            2 => SchemePolicy::Listed(alloc::vec![Scheme::Basic, Scheme::Md5, Scheme::Hmac]),
            _ => SchemePolicy::Listed(alloc::vec![Scheme::Md5]),
        }
    }

    /// Whether a side has to prove itself.
    fn proves(self, side: Side) -> bool {
        self.scheme(side) != Scheme::Transport
    }

    /// Whether the other side does not know its secret.
    const fn is_stranger(self) -> bool {
        self.has(1)
    }

    const fn encoding(self) -> Encoding {
        match self.has(2) {
            true => Encoding::Xml,
            false => Encoding::Wbxml,
        }
    }

    const fn is_alone(self) -> bool {
        self.has(3)
    }

    const fn max_msg_size(self) -> u64 {
        match self.has(4) {
            true => 700,
            false => 64 << 10,
        }
    }

    /// Whether large objects come and go piece by piece, where the session under test has them.
    const fn has_sink(self) -> bool {
        self.has(5)
    }

    /// Whether there are large objects.
    const fn is_large(self) -> bool {
        self.has(6)
    }

    const fn other_max_msg_size(self) -> u64 {
        match self.is_large() {
            true => 700,
            false => 64 << 10,
        }
    }

    /// How many objects become large.
    const fn growth(self) -> usize {
        match self.is_large() {
            true => LARGE,
            false => 0,
        }
    }

    const fn rounds(self) -> usize {
        match self.is_large() {
            true => LONG_ROUNDS,
            false => ROUNDS,
        }
    }

    fn account(self) -> Account {
        let of = |side, name, secret, nonce: &[u8]| match self.scheme(side) {
            Scheme::Transport => Credentials::transport(),
            scheme => Credentials {
                scheme,
                ..Credentials::md5(name, secret, Nonce::from(nonce))
            },
        };
        let client = of(Side::Client, "device", "device-secret", b"c");
        let server = of(Side::Server, "srv", "server-secret", b"s");
        Account {
            server_id: "srv".into(),
            server_uri: "http://server.test/dm".into(),
            device_uri: "IMEI:1".into(),
            client,
            server,
        }
    }
}

/// The account as someone has it who does not know the secret of `side`.
fn stranger(account: &Account, side: Side) -> Account {
    let mut account = account.clone();
    match side {
        Side::Client => account.client.secret = "guessed".into(),
        Side::Server => account.server.secret = "guessed".into(),
    }
    account
}

fn dev_info() -> Vec<Item> {
    ["DevId", "Man", "Mod", "DmV", "Lang"]
        .into_iter()
        .map(|name| Item::for_source(alloc::format!("./DevInfo/{name}")).with_data("x"))
        .collect()
}

/// What is left of the input.
struct Steps<'i>(&'i [u8]);

/// A message with what goes beside it.
#[derive(Clone)]
struct Letter {
    octets: Bytes,
    hmac: Option<Text>,
}

impl From<&Transmit> for Letter {
    fn from(transmit: &Transmit) -> Self {
        Self {
            octets: transmit.body.clone(),
            hmac: transmit.hmac.clone(),
        }
    }
}

/// What the peer does next.
enum Step {
    /// What it should.
    Honest,
    /// The same, with some octets replaced.
    Broken {
        at: usize,
        removed: usize,
        inserted: Vec<u8>,
    },
    /// Anything.
    Any(Bytes),
    /// What it sent last.
    Again,
    /// What it, or the real session, sent some time before.
    Earlier(usize),
    /// What it should, with other commands behind the statuses.
    With(Vec<Command>),
    /// Nothing: the session under test is saved and restored.
    Restart,
    /// These commands, as a caller of a server session would.
    Send(Vec<Command>),
}

impl Steps<'_> {
    fn flags(&mut self) -> Flags {
        let first = self.octet().unwrap_or_default();
        let mut flags = Flags {
            first,
            schemes: None,
        };
        if flags.has(7) {
            flags.schemes = Some(self.number() as u16);
        }
        flags
    }

    fn octet(&mut self) -> Option<u8> {
        let (&octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(octet)
    }

    fn number(&mut self) -> usize {
        let high = self.octet().unwrap_or_default();
        let low = self.octet().unwrap_or_default();
        usize::from(u16::from_be_bytes([high, low]))
    }

    /// Octets with their length before them, in two octets.
    fn chunk(&mut self) -> Vec<u8> {
        let length = self.number().min(self.0.len());
        let (chunk, rest) = self.0.split_at(length);
        self.0 = rest;
        chunk.to_vec()
    }

    /// Commands as they stand in the body of a WBXML message.
    fn commands(&mut self) -> Vec<Command> {
        let body = self.chunk();
        let parts = [
            // Version 1.2, SyncML 1.2, UTF-8, no table; SyncML, an empty SyncHdr, SyncBody.
            &[0x02, 0xA4, 0x01, 0x6A, 0x00, 0x6D, 0x2C, 0x6B][..],
            &body,
            &[0x01, 0x01],
        ];
        let octets = Bytes::from(parts.concat());
        decode(Encoding::Wbxml, &octets, &DecodeOptions::default())
            .map(|decoded| decoded.message.commands)
            .unwrap_or_default()
    }

    fn next(&mut self) -> Option<Step> {
        Some(match self.octet()? % 8 {
            0 => Step::Honest,
            1 => Step::Broken {
                at: self.number(),
                removed: self.number(),
                inserted: self.chunk(),
            },
            2 => Step::Any(self.chunk().into()),
            3 => Step::Again,
            4 => Step::With(self.commands()),
            5 => Step::Restart,
            7 => Step::Earlier(self.number()),
            _ => {
                let mut commands = self.commands();
                commands.retain(|command| {
                    !matches!(
                        command,
                        Command::Status(_) | Command::Results(_) | Command::Unsupported(_)
                    )
                });
                Step::Send(commands)
            }
        })
    }
}

impl Step {
    /// The message to send; `None` if there is nothing to make it from. One that is changed goes with the
    /// signature that it had.
    fn message(self, honest: Option<&Transmit>, sent: &[Letter]) -> Option<Letter> {
        let like = |octets, honest: &Transmit| Letter {
            octets,
            hmac: honest.hmac.clone(),
        };
        match self {
            Self::Honest => honest.map(Letter::from),
            Self::Broken {
                at,
                removed,
                inserted,
            } => {
                let honest = honest?;
                let mut octets = honest.body.to_vec();
                let start = at.min(octets.len());
                let end = start.saturating_add(removed).min(octets.len());
                octets.splice(start..end, inserted);
                Some(like(octets.into(), honest))
            }
            Self::Any(octets) => Some(Letter { octets, hmac: None }),
            Self::Again => sent.last().cloned(),
            Self::Earlier(place) => sent.get(place.checked_rem(sent.len())?).cloned(),
            Self::With(commands) => {
                let honest = honest?;
                let mut message = message(honest).ok()?;
                message
                    .commands
                    .retain(|command| matches!(command, Command::Status(_)));
                message.commands.extend(commands);
                let octets = encode(honest.encoding, &message).ok()?;
                Some(like(octets, honest))
            }
            Self::Restart | Self::Send(_) => None,
        }
    }
}

fn receive(letter: &Letter, expected: Encoding) -> Option<Received> {
    let encoding = Encoding::detect(&letter.octets).unwrap_or(expected);
    let headers = Headers::new(encoding.media_type()).with_hmac(letter.hmac.as_deref());
    Received::read(letter.octets.clone(), headers, &DecodeOptions::default()).ok()
}

/// The commands of an honest server.
#[derive(Default)]
struct Queue {
    commands: Vec<Command>,
}

impl Manager for Queue {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        core::mem::take(&mut self.commands)
            .into_iter()
            .map(|command| (command, CommandTag(0)))
            .collect()
    }
}

/// A device where everything succeeds, and the first results are large.
struct Obliging(usize);

impl Device for Obliging {
    fn execute(&mut self, execute: &Execute) -> Answer {
        oblige(execute, &mut self.0)
    }
}

fn oblige(execute: &Execute, growth: &mut usize) -> Answer {
    match execute.verb {
        Verb::Get => {
            let item = Item::for_source("./A");
            Answer::results(alloc::vec![match take_one(growth) {
                true => item.with_data(large_text().as_str()),
                false => item.with_data("value"),
            }])
        }
        _ => StatusCode::OK.into(),
    }
}

fn large_text() -> String {
    "v".repeat(LARGE_LEN)
}

/// Whether there was one left.
fn take_one(left: &mut usize) -> bool {
    let rest = left.checked_sub(1);
    *left = rest.unwrap_or_default();
    rest.is_some()
}

/// Gives a command with one item a large value, if there is one left; whether it did.
fn grow(command: &mut Command, left: &mut usize) -> bool {
    let items = match command {
        Command::Add(command) => &mut command.items,
        Command::Exec(command) => &mut command.items,
        Command::Replace(command) => &mut command.items,
        _ => return false,
    };
    let [item] = items.as_mut_slice() else {
        return false;
    };
    let is_grown = take_one(left);
    if is_grown {
        item.data = Some(large_text().as_str().into());
    }
    is_grown
}

/// The source of a large object.
fn source(id: u64) -> Source {
    Source {
        id,
        len: LARGE_LEN as u64,
        is_text: true,
    }
}

/// A piece of it.
fn payload(offset: u64, len: u64) -> Bytes {
    let rest = (LARGE_LEN as u64).checked_sub(offset);
    let rest = rest.expect("what is asked for is in the source");
    assert!(rest > 0 && len > 0, "nothing is asked for");
    let len = usize::try_from(rest.min(len)).unwrap_or(LARGE_LEN);
    Bytes::from(alloc::vec![b'v'; len])
}

/// What is stored of a large object.
#[derive(Default)]
struct Spool(u64);

impl Spool {
    /// Pieces have no gap between them.
    fn take(&mut self, chunk: &Chunk) {
        assert!(chunk.offset <= self.0, "a gap before {}", chunk.offset);
        self.0 = chunk.offset.saturating_add(chunk.bytes.len() as u64);
    }
}

struct ClientUnderTest {
    session: ClientSession,
    config: Arc<ClientConfig>,
    account: Account,
    flags: Flags,
    executed: BTreeSet<(MsgId, CmdId)>,
    /// The same, item by item.
    items: BTreeSet<((MsgId, CmdId), u32)>,
    answered: BTreeSet<(MsgId, CmdId)>,
    is_ended: bool,
    rounds: usize,
    nonces: u8,
    growth: usize,
    spool: Spool,
}

impl ClientUnderTest {
    fn new(config: ClientConfig, account: Account, flags: Flags) -> Self {
        let config = Arc::new(config);
        let start = Start::new(Trigger::Client, "A1".into(), dev_info());
        Self {
            session: ClientSession::start(Arc::clone(&config), &account, start),
            config,
            account,
            flags,
            executed: BTreeSet::new(),
            items: BTreeSet::new(),
            answered: BTreeSet::new(),
            is_ended: false,
            rounds: 0,
            nonces: 0x40,
            growth: flags.growth(),
            spool: Spool::default(),
        }
    }

    /// Hands over a message; whether it is one.
    fn take(&mut self, letter: &Letter) -> bool {
        let Some(received) = receive(letter, self.config.encoding) else {
            return false;
        };
        self.nonces = self.nonces.wrapping_add(1);
        let handled = self
            .session
            .handle(received, Nonce::from([self.nonces; 16]));
        assert!(!matches!(handled, Err(SessionError::ApiMisuse(_))));
        self.settle();
        true
    }

    fn transmit(&mut self) -> Option<Transmit> {
        self.settle();
        let transmit = self.session.poll_transmit();
        self.settle();
        let Some(transmit) = transmit else {
            assert!(self.is_ended, "silent, and not at its end");
            return None;
        };
        let options = DecodeOptions::lenient(wide_limits());
        let message = decode(transmit.encoding, &transmit.body, &options)
            .expect("what was written can be read")
            .message;
        self.answered
            .extend(message.commands.iter().filter_map(answered));
        if message.is_final && !is_abort(&message) && !self.is_ended {
            let missing: Vec<_> = self.executed.difference(&self.answered).collect();
            assert!(missing.is_empty(), "executed without a status: {missing:?}");
        }
        Some(transmit)
    }

    fn settle(&mut self) {
        for _ in 0..EVENTS {
            let Some(event) = self.session.poll_event() else {
                return;
            };
            match event {
                ClientEvent::Execute(ticket, execute) => {
                    self.must_be_trusted();
                    let origin = &execute.origin;
                    let place = (origin.msg_id.clone(), origin.cmd_id.clone());
                    let is_new = self.items.insert((place.clone(), origin.item));
                    assert!(is_new, "executed twice: {origin:?}");
                    self.executed.insert(place);
                    let is_read = execute.verb == Verb::Get && self.flags.has_sink();
                    let answer = match is_read && take_one(&mut self.growth) {
                        true => Answer::from_source(Item::for_source("./A"), source(1)),
                        false => oblige(&execute, &mut self.growth),
                    };
                    self.session.answer(ticket, answer);
                }
                ClientEvent::Chunk(ticket, chunk) => {
                    self.must_be_trusted();
                    assert!(self.flags.has_sink(), "a piece, and nobody stores it");
                    self.spool.take(&chunk);
                    self.session.answer(ticket, StatusCode::OK.into());
                }
                ClientEvent::Discard => self.spool = Spool::default(),
                ClientEvent::NeedPayload { id, offset, len } => {
                    self.session.provide(id, offset, payload(offset, len));
                }
                ClientEvent::Ask(ticket, prompt) => {
                    self.must_be_trusted();
                    assert!(!self.flags.is_alone(), "nobody is there");
                    let reply = match prompt.code {
                        AlertCode::TEXT_INPUT => UserReply::Text("text".into()),
                        _ => UserReply::Yes,
                    };
                    self.session.reply(ticket, reply);
                }
                ClientEvent::Rollback(ticket) => self.session.rolled_back(ticket, true),
                ClientEvent::NonceChanged { side, nonce } => {
                    store_nonce(&mut self.account, side, &nonce);
                }
                ClientEvent::Ended(_) => self.is_ended = true,
                _ => {}
            }
        }
        panic!("events without end");
    }

    fn must_be_trusted(&self) {
        assert!(
            self.session.is_authenticated(),
            "for a server that did not authenticate"
        );
    }

    fn restart(&mut self) {
        let last_sent = self.session.last_sent().cloned();
        self.session = ClientSession::restore(
            self.session.save(),
            last_sent,
            Arc::clone(&self.config),
            &self.account,
        )
        .expect("it was saved by the same version");
    }
}

fn answered(command: &Command) -> Option<(MsgId, CmdId)> {
    match command {
        Command::Status(status) => Some((status.msg_ref.clone(), status.cmd_ref.clone())),
        _ => None,
    }
}

fn is_abort(message: &SyncMl) -> bool {
    message.commands.iter().any(|command| {
        matches!(command, Command::Alert(Alert { code, .. }) if *code == Some(AlertCode::SESSION_ABORT))
    })
}

struct ServerUnderTest {
    session: Option<ServerSession>,
    config: Arc<ServerConfig>,
    account: Account,
    flags: Flags,
    last_sent: Option<Transmit>,
    to_send: Vec<Command>,
    /// Commands that have no status yet.
    open: BTreeSet<CommandTag>,
    tags: u64,
    ending: Option<Ending>,
    nonces: u8,
    growth: usize,
    spool: Spool,
}

impl ServerUnderTest {
    fn new(account: Account, flags: Flags) -> Self {
        Self {
            session: None,
            config: Arc::new(ServerConfig {
                max_msg_size: flags.other_max_msg_size(),
                chunks: flags.has_sink(),
                schemes: flags.policy(Side::Server),
                ..ServerConfig::default()
            }),
            account,
            flags,
            last_sent: None,
            to_send: Vec::new(),
            open: BTreeSet::new(),
            tags: 0,
            ending: None,
            nonces: 0x80,
            growth: flags.growth(),
            spool: Spool::default(),
        }
    }

    /// Answers a request, if it is a message and there is an answer.
    fn exchange(&mut self, letter: &Letter) -> Option<Transmit> {
        let received = receive(letter, self.flags.encoding())?;
        self.nonces = self.nonces.wrapping_add(1);
        let nonce = Nonce::from([self.nonces; 16]);
        let is_new = self
            .session
            .as_ref()
            .is_none_or(|session| session.save().disposition(&received) == Disposition::NewSession);
        if is_new {
            let session =
                ServerSession::accept(&received, Arc::clone(&self.config), &self.account).ok()?;
            self.session = Some(session);
            self.open.clear();
            self.ending = None;
        }
        let handled = self.session.as_mut()?.handle(received, nonce);
        assert_ne!(
            handled,
            Err(SessionError::ApiMisuse(crate::session::Misuse::Turn)),
            "it was answered"
        );
        self.settle();
        let answer = self.session.as_mut()?.poll_transmit();
        self.settle();
        if answer.is_some() {
            self.last_sent.clone_from(&answer);
        } else {
            // No answer fits, or none has a form.
            let is_failed = matches!(self.ending, Some(Ending::Failed(_)));
            assert!(handled.is_err() || is_failed, "a message without an answer");
        }
        answer
    }

    fn settle(&mut self) {
        for _ in 0..EVENTS {
            let Some(session) = &mut self.session else {
                return;
            };
            let Some(event) = session.poll_event() else {
                return;
            };
            match event {
                ServerEvent::Alert(ticket, _) => {
                    self.must_be_trusted();
                    if let Some(session) = &mut self.session {
                        session.answer(ticket, StatusCode::OK);
                    }
                }
                ServerEvent::Opened { .. } | ServerEvent::Results { .. } => self.must_be_trusted(),
                ServerEvent::Ready => {
                    self.must_be_trusted();
                    for mut command in core::mem::take(&mut self.to_send) {
                        self.tags += 1;
                        let tag = CommandTag(self.tags);
                        self.open.insert(tag);
                        let is_large = grow(&mut command, &mut self.growth);
                        if let Some(session) = &mut self.session {
                            match is_large && self.flags.has_sink() {
                                true => session.send_from(command, source(tag.0), tag),
                                false => session.send(command, tag),
                            }
                        }
                    }
                }
                ServerEvent::Chunk { chunk, .. } => {
                    self.must_be_trusted();
                    assert!(self.flags.has_sink(), "a piece, and nobody stores it");
                    self.spool.take(&chunk);
                }
                ServerEvent::NeedPayload { id, offset, len } => {
                    if let Some(session) = &mut self.session {
                        session.provide(id, offset, payload(offset, len));
                    }
                }
                ServerEvent::Status { tag, part: 0, .. }
                | ServerEvent::NoStatus { tag, part: 0 }
                | ServerEvent::NotSent { tag, .. } => {
                    self.open.remove(&tag);
                }
                ServerEvent::NonceChanged { side, nonce } => {
                    store_nonce(&mut self.account, side, &nonce);
                }
                ServerEvent::Ended(ending) => {
                    let open: Vec<_> = self.open.iter().map(|tag| tag.0.to_string()).collect();
                    assert!(open.is_empty(), "no word on the commands {open:?}");
                    self.ending = Some(ending);
                }
                _ => {}
            }
        }
        panic!("events without end");
    }

    fn must_be_trusted(&self) {
        let is_authenticated = self
            .session
            .as_ref()
            .is_some_and(ServerSession::is_authenticated);
        assert!(is_authenticated, "of a device that did not authenticate");
        assert!(
            !(self.flags.proves(Side::Client) && self.flags.is_stranger()),
            "of a device that does not know the secret"
        );
    }

    fn restart(&mut self) {
        if let Some(session) = &self.session {
            let session = ServerSession::restore(
                session.save(),
                self.last_sent.clone(),
                Arc::clone(&self.config),
                &self.account,
            )
            .expect("it was saved by the same version");
            self.session = Some(session);
            self.settle();
        }
    }

    fn abort(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.abort();
        self.settle();
        let _ = self.session.as_mut().and_then(ServerSession::poll_transmit);
        self.settle();
        assert!(self.ending.is_some(), "aborted, and not at its end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_any_schemes_and_what_they_agree_to_a_session_ends() {
        // A Get for ./A, then what the peer should do.
        let get = b"\x06\x00\x14\x53\x4b\x031\x00\x01\x54\x6e\x57\x03./A\x00\x01\x01\x01\x01";
        for schemes in 0..=0xFF_u8 {
            for first in [0x80, 0x82, 0x84, 0xC0, 0xE6] {
                let mut input = alloc::vec![first, 0, schemes];
                input.extend_from_slice(get);
                input.extend_from_slice(&[0; 12]);
                client_session(&input);
                server_session(&input);
            }
        }
    }
}
