//! Whole sessions through `Pair`, and the work of the codec on the messages of each.

use bytes::Bytes;
use dm_proto::{
    AlertCode, StatusCode,
    auth::{Account, Credentials, Nonce},
    codec::{DecodeOptions, Encoding, decode, encode},
    message::{Alert, Command, Exec, Get, Item, Meta, SyncMl},
    session::{
        Answer, ClientConfig, CommandTag, Execute, ServerConfig, ServerEvent, Start, Trigger, Verb,
    },
    testing::{Client, Device, Manager, Pair, Server},
};

/// A session to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Session {
    /// A lock: the state is read, the Exec accepted, its result reported. Nine messages, most of them
    /// of a few hundred octets, with MD5 credentials and new nonces in both directions.
    Lock,
    /// An inventory: a hundred Gets in one package, each with a status and results. Four messages.
    Inventory,
}

impl Session {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Lock, Self::Inventory];

    /// Its name in a bench.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Inventory => "inventory",
        }
    }

    /// How many commands the server gets an answer to.
    fn commands(self) -> usize {
        match self {
            Self::Lock => 2,
            Self::Inventory => 100,
        }
    }

    /// Both sides, before the first message.
    #[must_use]
    pub fn pair(self, encoding: Encoding) -> Pair<Tree, Script> {
        let mut config = ClientConfig::default();
        config.encoding = encoding;
        let start = Start::new(Trigger::Client, "1F".into(), dev_info());
        Pair::new(
            Client::new(config, account(), start, Tree::new(self)),
            Server::new(ServerConfig::default(), account(), Script::new(self)),
        )
    }

    /// Runs a session to its end.
    ///
    /// # Panics
    ///
    /// If it did not do what it is for.
    pub fn run(self, mut pair: Pair<Tree, Script>) -> Pair<Tree, Script> {
        pair.run().expect("the session runs to its end");
        assert_eq!(pair.server.manager.succeeded, self.commands());
        pair
    }

    /// The messages of the session.
    ///
    /// # Panics
    ///
    /// If the session does not run.
    #[must_use]
    pub fn messages(self, encoding: Encoding) -> Vec<(Bytes, SyncMl)> {
        let pair = self.run(self.pair(encoding));
        let messages = pair.messages().expect("messages");
        let octets = pair.transcript.into_iter().map(|(_, sent)| sent.body);
        octets
            .zip(messages.into_iter().map(|(_, message)| message))
            .collect()
    }
}

/// What the codec does in a session: each message is written once and read once. Returns the octets.
///
/// # Panics
///
/// If a message is not what it was.
#[must_use]
pub fn codec_work(encoding: Encoding, messages: &[(Bytes, SyncMl)]) -> usize {
    let options = DecodeOptions::default();
    let mut total = 0;
    for (octets, message) in messages {
        let written = encode(encoding, message).expect("it was read");
        assert_eq!(written.len(), octets.len());
        let read = decode(encoding, octets, &options).expect("it was written");
        assert_eq!(read.message.commands.len(), message.commands.len());
        total += written.len();
    }
    total
}

/// A device that answers at once.
#[derive(Debug)]
pub struct Tree {
    session: Session,
    turn: usize,
}

impl Tree {
    fn new(session: Session) -> Self {
        Self { session, turn: 0 }
    }
}

impl Device for Tree {
    fn execute(&mut self, execute: &Execute) -> Answer {
        let uri = execute.item.target_uri().map_or("", |uri| uri.as_str());
        match execute.verb {
            Verb::Get => Answer::results(vec![Item::for_source(uri).with_data("Version 12.4.1-7")]),
            _ => StatusCode::new(202).into(),
        }
    }

    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        self.turn += 1;
        // When the session is complete.
        if self.session != Session::Lock || self.turn != 4 {
            return Vec::new();
        }
        let meta = Meta::of_type("urn:oma:at:lawmo:1.0:OperationComplete").with_format("int");
        let report = Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            correlator: Some("e6b7a6b2".into()),
            items: vec![
                Item::for_source("./LAWMO/Operations/FullyLock")
                    .with_meta(meta)
                    .with_data("1200"),
            ],
            ..Alert::default()
        };
        vec![(report, CommandTag(1))]
    }
}

/// A server that sends what it has.
#[derive(Debug)]
pub struct Script {
    batches: Vec<Vec<Command>>,
    succeeded: usize,
}

impl Script {
    fn new(session: Session) -> Self {
        let get = |uri: &str| -> Command {
            Get {
                items: vec![Item::for_target(uri)],
                ..Get::default()
            }
            .into()
        };
        let batches = match session {
            Session::Lock => vec![
                vec![get("./LAWMO/State")],
                vec![
                    Exec {
                        correlator: Some("e6b7a6b2".into()),
                        items: vec![Item::for_target("./LAWMO/Operations/FullyLock")],
                        ..Exec::default()
                    }
                    .into(),
                ],
            ],
            Session::Inventory => vec![
                (0..100)
                    .map(|number| get(&format!("./SCOMO/Inventory/Deployed/{number}/Version")))
                    .collect(),
            ],
        };
        Self {
            batches,
            succeeded: 0,
        }
    }
}

impl Manager for Script {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        if self.batches.is_empty() {
            return Vec::new();
        }
        let batch = self.batches.remove(0);
        (1..)
            .map(CommandTag)
            .zip(batch)
            .map(|(tag, command)| (command, tag))
            .collect()
    }

    fn hear(&mut self, event: &ServerEvent) {
        if let ServerEvent::Status { status, .. } = event {
            self.succeeded += usize::from(status.is_success());
        }
    }
}

fn account() -> Account {
    Account {
        server_id: "srv".into(),
        server_uri: "https://dm.example.test/dm".into(),
        device_uri: "IMEI:493005100592800".into(),
        client: Credentials::md5("device", "device-secret", Nonce::from([1; 16])),
        server: Credentials::md5("srv", "server-secret", Nonce::from([2; 16])),
    }
}

fn dev_info() -> Vec<Item> {
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
