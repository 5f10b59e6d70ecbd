//! A device and a server with scripts, and what they write down.

use std::collections::{BTreeMap, VecDeque};

use dm_proto::{
    AlertCode, Data, StatusCode,
    auth::{Account, Credentials, Nonce, SpecialNonce},
    codec::{DecodeOptions, Encoding, encode},
    message::{
        Add, Alert, Atomic, Command, Delete, Exec, Get, Item, Meta, Replace, Sequence, SyncMl,
    },
    session::{
        Answer, ClientConfig, ClientEvent, CommandTag, Execute, Prompt, ServerConfig, ServerEvent,
        Start, Transmit, Trigger, UserReply, Verb,
    },
    testing::{Client, Device, Manager, Pair, Server, read},
};

pub(crate) const ENCODINGS: [Encoding; 2] = [Encoding::Xml, Encoding::Wbxml];

/// A device that does what its script says and writes down what it is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted {
    /// What happened: `Exec ./Node`, `ask text`, `savepoint`, `release`, `rollback`.
    pub(crate) executed: Vec<String>,
    /// Events: `answered 7 200`, `delivered 1`, `nonce Client`, `ended Complete`.
    pub(crate) heard: Vec<String>,
    pub(crate) answers: BTreeMap<&'static str, Answer>,
    pub(crate) reply: Option<UserReply>,
    pub(crate) rolls_back_partly: bool,
    /// Alerts before the n-th time that the device may speak (from 0).
    pub(crate) alerts: BTreeMap<usize, Vec<(Alert, CommandTag)>>,
    pub(crate) turn: usize,
    /// Replies to questions one after the other; then `reply`.
    pub(crate) replies: VecDeque<UserReply>,
    /// Aborts before its n-th message (from 0).
    pub(crate) leaves_at: Option<usize>,
    pub(crate) spoken: usize,
    /// Whether `items` is written.
    pub(crate) keeps_items: bool,
    /// The items as they came.
    pub(crate) items: Vec<Item>,
}

impl Scripted {
    pub(crate) fn answer_to(&self, execute: &Execute) -> Answer {
        let uri = execute.item.target_uri().map_or("", |uri| uri.as_str());
        match execute.verb {
            _ if self.answers.contains_key(uri) => self.answers[uri].clone(),
            Verb::Get => Answer::results(vec![Item::for_source(uri).with_data("value")]),
            _ => StatusCode::OK.into(),
        }
    }
}

impl Device for Scripted {
    fn execute(&mut self, execute: &Execute) -> Answer {
        let uri = execute.item.target_uri().map_or("", |uri| uri.as_str());
        self.executed.push(format!("{:?} {uri}", execute.verb));
        if self.keeps_items {
            self.items.push(execute.item.clone());
        }
        self.answer_to(execute)
    }

    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        self.executed.push(format!("ask {}", prompt.text));
        let next = self.replies.pop_front().or_else(|| self.reply.clone());
        next.unwrap_or(UserReply::Yes)
    }

    fn roll_back(&mut self) -> bool {
        self.executed.push("rollback".into());
        !self.rolls_back_partly
    }

    fn hear(&mut self, event: &ClientEvent) {
        let line = match event {
            ClientEvent::Savepoint => return self.executed.push("savepoint".into()),
            ClientEvent::Release => return self.executed.push("release".into()),
            ClientEvent::Answered { tag, status } => format!("answered {} {status}", tag.0),
            ClientEvent::Delivered(msg_id) => format!("delivered {msg_id}"),
            ClientEvent::NonceChanged { side, .. } => format!("nonce {side:?}"),
            ClientEvent::Ended(ending) => format!("ended {ending:?}"),
            other => format!("{other:?}"),
        };
        self.heard.push(line);
    }

    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        let turn = self.turn;
        self.turn += 1;
        self.alerts.remove(&turn).unwrap_or_default()
    }

    fn leaves(&mut self) -> bool {
        self.spoken += 1;
        self.leaves_at == Some(self.spoken - 1)
    }
}

/// A server that sends what its script says and writes down what it hears.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// What to send, one batch for each `Ready`; the n-th command of all has tag n, from 1.
    pub(crate) batches: VecDeque<Vec<Command>>,
    /// `opened 1201 5`, `status 1.0 200`, `results 1.0 1`, `alert 1226`, `ready`, `ended Complete`.
    pub(crate) heard: Vec<String>,
    pub(crate) alert_status: Option<StatusCode>,
    pub(crate) tags: u64,
    /// Aborts before its n-th message (from 0).
    pub(crate) leaves_at: Option<usize>,
    pub(crate) spoken: usize,
}

impl Manager for Script {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        let batch = self.batches.pop_front().unwrap_or_default();
        batch
            .into_iter()
            .map(|command| {
                self.tags += 1;
                (command, CommandTag(self.tags))
            })
            .collect()
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        self.heard
            .push(format!("alert {}", alert.code.map_or(0, AlertCode::as_u16)));
        self.alert_status.unwrap_or(StatusCode::OK)
    }

    fn leaves(&mut self) -> bool {
        self.spoken += 1;
        self.leaves_at == Some(self.spoken - 1)
    }

    fn hear(&mut self, event: &ServerEvent) {
        self.heard.push(match event {
            ServerEvent::Opened { trigger, dev_info } => {
                format!("opened {trigger} {}", dev_info.len())
            }
            ServerEvent::Status {
                tag,
                part,
                target_ref,
                status,
                items,
                extra,
            } => {
                let mut line = format!("status {}.{part} {status}", tag.0);
                if let Some(target_ref) = target_ref {
                    line += &format!(" {target_ref}");
                }
                for item in items {
                    line += &format!(
                        " {:?}",
                        item.data.as_ref().and_then(Data::as_str).unwrap_or("")
                    );
                }
                for attribute in extra.attributes() {
                    line += &format!(" {}={}", attribute.name.local, attribute.value);
                }
                line
            }
            ServerEvent::Results { tag, part, items } => {
                format!("results {}.{part} {}", tag.0, items.len())
            }
            ServerEvent::NotSent { tag, reason } => format!("not sent {} {reason:?}", tag.0),
            ServerEvent::NoStatus { tag, part } => format!("no status {}.{part}", tag.0),
            ServerEvent::Ready => "ready".into(),
            ServerEvent::NonceChanged { side, .. } => format!("nonce {side:?}"),
            ServerEvent::Ended(ending) => format!("ended {ending:?}"),
            other => format!("{other:?}"),
        });
    }
}

/// What a session is set up from.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) client_account: Account,
    pub(crate) server_account: Account,
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
    pub(crate) trigger: Trigger,
    pub(crate) session_id: &'static str,
    pub(crate) special_nonce: Option<SpecialNonce>,
    pub(crate) device: Scripted,
    pub(crate) script: Script,
}

impl Scene {
    /// A session in which the transport authenticates.
    pub(crate) fn new(encoding: Encoding) -> Self {
        let mut client = ClientConfig::default();
        client.encoding = encoding;
        let account = account(Credentials::transport(), Credentials::transport());
        Self {
            client_account: account.clone(),
            server_account: account,
            client,
            server: ServerConfig::default(),
            trigger: Trigger::Client,
            session_id: "A1",
            special_nonce: None,
            device: Scripted::default(),
            script: Script::default(),
        }
    }

    /// One more batch of commands that the server sends.
    pub(crate) fn batch(mut self, commands: impl IntoIterator<Item = Command>) -> Self {
        self.script
            .batches
            .push_back(commands.into_iter().collect());
        self
    }

    /// One more command that the server sends, alone.
    pub(crate) fn send(self, command: impl Into<Command>) -> Self {
        self.batch([command.into()])
    }

    /// What the device answers for a node.
    pub(crate) fn answer(mut self, uri: &'static str, answer: impl Into<Answer>) -> Self {
        self.device.answers.insert(uri, answer.into());
        self
    }

    pub(crate) fn reply(mut self, reply: UserReply) -> Self {
        self.device.reply = Some(reply);
        self
    }

    /// An alert of the device when it speaks for the n-th time (from 0).
    pub(crate) fn alert(mut self, turn: usize, alert: Alert, tag: u64) -> Self {
        let alerts = self.device.alerts.entry(turn).or_default();
        alerts.push((alert, CommandTag(tag)));
        self
    }

    /// How the server answers alerts.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.script.alert_status = Some(status);
        self
    }

    /// The same account on both sides.
    pub(crate) fn accounts(mut self, account: Account) -> Self {
        self.client_account = account.clone();
        self.server_account = account;
        self
    }

    pub(crate) fn pair(self) -> Pair<Scripted, Script> {
        let start = Start::new(self.trigger, self.session_id.into(), dev_info())
            .with_special_nonce(self.special_nonce);
        Pair::new(
            Client::new(self.client, self.client_account, start, self.device),
            Server::new(self.server, self.server_account, self.script),
        )
    }

    /// Runs the session to its end.
    pub(crate) fn run(self) -> Pair<Scripted, Script> {
        let mut pair = self.pair();
        pair.run().expect("the session runs to its end");
        pair
    }
}

pub(crate) fn account(client: Credentials, server: Credentials) -> Account {
    Account {
        server_id: "srv".into(),
        server_uri: "http://server.test/dm".into(),
        device_uri: "IMEI:493005100592800".into(),
        client,
        server,
    }
}

pub(crate) fn client_md5(nonce: &[u8]) -> Credentials {
    Credentials::md5("Bruce2", "OhBehave", Nonce::from(nonce))
}

pub(crate) fn server_md5(nonce: &[u8]) -> Credentials {
    Credentials::md5("srv", "server-secret", Nonce::from(nonce))
}

pub(crate) fn dev_info() -> Vec<Item> {
    [
        ("./DevInfo/DevId", "IMEI:493005100592800"),
        ("./DevInfo/Man", "Maker"),
        ("./DevInfo/Mod", "Model"),
        ("./DevInfo/DmV", "1.2"),
        ("./DevInfo/Lang", "en"),
    ]
    .into_iter()
    .map(|(uri, value)| Item::for_source(uri).with_data(value))
    .collect()
}

pub(crate) fn exec(uri: &str) -> Command {
    Exec {
        correlator: Some("c-1".into()),
        items: vec![Item::for_target(uri)],
        ..Exec::default()
    }
    .into()
}

pub(crate) fn get(uris: &[&str]) -> Command {
    Get {
        items: uris.iter().map(|uri| Item::for_target(*uri)).collect(),
        ..Get::default()
    }
    .into()
}

pub(crate) fn replace(uris: &[&str]) -> Command {
    Replace {
        items: uris
            .iter()
            .map(|uri| Item::for_target(*uri).with_data("new"))
            .collect(),
        ..Replace::default()
    }
    .into()
}

pub(crate) fn add(uri: &str) -> Command {
    Add {
        items: vec![Item::for_target(uri).with_data("new")],
        ..Add::default()
    }
    .into()
}

pub(crate) fn delete(uri: &str) -> Command {
    Delete {
        items: vec![Item::for_target(uri)],
        ..Delete::default()
    }
    .into()
}

pub(crate) fn sequence(commands: impl IntoIterator<Item = Command>) -> Command {
    Sequence {
        commands: commands.into_iter().collect(),
        ..Sequence::default()
    }
    .into()
}

pub(crate) fn atomic(commands: impl IntoIterator<Item = Command>) -> Command {
    Atomic {
        commands: commands.into_iter().collect(),
        ..Atomic::default()
    }
    .into()
}

/// A user interaction alert.
pub(crate) fn ask(code: AlertCode, items: &[&str]) -> Command {
    Alert {
        code: Some(code),
        items: items
            .iter()
            .map(|text| Item::default().with_data(*text))
            .collect(),
        ..Alert::default()
    }
    .into()
}

pub(crate) fn confirm() -> Command {
    ask(AlertCode::CONFIRM_OR_REJECT, &["MAXDT=30", "sure?"])
}

/// A report of the device.
pub(crate) fn report(data: &str) -> Alert {
    Alert {
        code: Some(AlertCode::GENERIC_ALERT),
        correlator: Some("c-1".into()),
        items: vec![
            Item::for_source("./Op")
                .with_meta(Meta::of_type("org.test.report").with_format("chr"))
                .with_data(data),
        ],
        ..Alert::default()
    }
}

/// The statuses of a message: `SyncHdr 212`, `Get 200`.
pub(crate) fn statuses(message: &SyncMl) -> Vec<String> {
    message
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Status(status) => Some(format!("{} {}", status.cmd.as_str(), status.data)),
            _ => None,
        })
        .collect()
}

/// The commands of a message by name.
pub(crate) fn names(message: &SyncMl) -> Vec<String> {
    let name = |command: &Command| command.name().as_str().to_owned();
    message.commands.iter().map(name).collect()
}

/// The lines that tell of statuses.
pub(crate) fn status_lines(heard: &[String]) -> Vec<&str> {
    heard
        .iter()
        .filter_map(|line| line.strip_prefix("status "))
        .collect()
}

/// Hands the device an answer of the server.
pub(crate) fn deliver(client: &mut Client<Scripted>, answer: &Transmit) {
    let received = read(answer, &DecodeOptions::default()).expect("a message");
    client.handle(received).expect("a message of the session");
}

/// The same transmission with another message.
pub(crate) fn with_message(transmit: &Transmit, message: &SyncMl) -> Transmit {
    let mut transmit = transmit.clone();
    transmit.body = encode(transmit.encoding, message).expect("a message");
    transmit
}
