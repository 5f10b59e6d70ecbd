//! Large values: they come piece by piece, and are written once.

use std::sync::{Arc, Mutex};

use dm_proto::{
    Data, LocUri, SessionId, StatusCode, Text,
    auth::{Account, Credentials, Nonce},
    message::{Add, Command, Delete, Get, Item, Meta, Replace},
    session::{CommandTag, Headers, ServerConfig, ServerEvent, Trigger},
    testing::{Manager, Server},
};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, NodeUri, Right,
    agent::{Agent, AgentConfig, Output},
    description::{Access, NodeDescription, Occurrence},
    object::{Change, ManagementObject, Piece},
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::{Batch, Kind, Memory, Redb, Store, StoreError},
};

use crate::support::{Failure, Shared, uri};

/// What an object took as a stream.
#[derive(Debug, Default)]
struct Streamed {
    octets: Vec<u8>,
    ended: u32,
    changed: Vec<String>,
}

/// A folder of files of octets.
struct Files {
    description: NodeDescription,
    /// Takes what is written to `Stream` past the tree.
    streamed: Arc<Mutex<Streamed>>,
}

impl Files {
    fn new(streamed: Arc<Mutex<Streamed>>) -> Self {
        let all = Access::GET | Access::ADD | Access::REPLACE | Access::DELETE;
        let mut description = NodeDescription::interior("Files").access(Access::GET | Access::ADD);
        for name in ["A", "B", "C", "Missing", "Stream"] {
            description = description.child(
                NodeDescription::leaf(name, NodeFormat::Bin)
                    .dynamic()
                    .occurrence(Occurrence::ZeroOrOne)
                    .access(all),
            );
        }
        Self {
            description,
            streamed,
        }
    }
}

impl ManagementObject for Files {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let all = [Right::Add, Right::Replace, Right::Delete, Right::Get];
        let acl = all
            .into_iter()
            .fold(Acl::default(), |acl, right| acl.grant(right, "srv"));
        edit.put("", self.description.initial().with_acl(acl))
    }

    fn changed(&self, _: &mut Edit<'_>, change: &Change<'_>) -> Result<(), StatusCode> {
        let mut streamed = self.streamed.lock().unwrap();
        streamed.changed.push(match change {
            Change::Add(uri, node) => format!("add {uri} {}", node.value.len()),
            Change::Replace(uri, node) => format!("replace {uri} {}", node.value.len()),
            Change::Delete(uri) => format!("delete {uri}"),
            Change::Rename(uri, name) => format!("rename {uri} {name}"),
        });
        Ok(())
    }

    fn stream(
        &self,
        _: &mut Edit<'_>,
        node: &NodeUri,
        piece: &Piece<'_>,
    ) -> Option<Result<(), StatusCode>> {
        if node.name() != "Stream" {
            return None;
        }
        let octets = &mut self.streamed.lock().unwrap().octets;
        octets.truncate(piece.offset.try_into().unwrap());
        octets.extend_from_slice(piece.octets);
        Some(Ok(()))
    }

    fn stream_ended(&self, _: &mut Edit<'_>, _: &NodeUri) {
        self.streamed.lock().unwrap().ended += 1;
    }
}

/// Counts the octets that are written.
struct Counting<S> {
    store: S,
    written: Arc<Mutex<usize>>,
}

impl<S: Store> Store for Counting<S> {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.store.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.store.children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.store.records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let mut octets = 0;
        for (uri, node) in &batch.nodes {
            let value = match node {
                Some(node) if !batch.adopted.contains_key(uri) => node.value.len(),
                _ => 0,
            };
            octets += uri.as_str().len() + 64 + value;
        }
        for record in batch.records.values() {
            // The key: a kind and a number.
            octets += 9 + record.as_ref().map_or(0, Vec::len);
        }
        *self.written.lock().unwrap() += octets;
        self.store.commit(batch)
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.store.clear()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sender {
    batches: Vec<Vec<Command>>,
    pub(crate) statuses: Vec<(u64, u16)>,
    pub(crate) results: Vec<Vec<u8>>,
    tags: u64,
}

impl Manager for Sender {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        if self.batches.is_empty() {
            return Vec::new();
        }
        let batch = self.batches.remove(0);
        let tags = batch.into_iter().map(|command| {
            self.tags += 1;
            (command, CommandTag(self.tags))
        });
        tags.collect()
    }

    fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Status { tag, status, .. } => {
                self.statuses.push((tag.0, status.as_u16()));
            }
            ServerEvent::Results { items, .. } => {
                let data = items.iter().filter_map(|item| item.data.as_ref());
                let data = data.filter_map(Data::as_bytes).map(<[u8]>::to_vec);
                self.results.extend(data);
            }
            _ => {}
        }
    }
}

fn account() -> Account {
    Account {
        server_id: "srv".into(),
        server_uri: LocUri::from("http://server.example/dm"),
        device_uri: LocUri::from("urn:test:1"),
        client: Credentials::md5("device", "device secret", Nonce::from([1; 16])),
        server: Credentials::md5("srv", "server secret", Nonce::from([2; 16])),
    }
}

/// A device with files and its server.
pub(crate) struct Setting {
    store: Shared,
    streamed: Arc<Mutex<Streamed>>,
    config: AgentConfig,
    /// What DevDetail says of large objects.
    has_large_objects: bool,
    server: Server<Sender>,
    agent: Option<Agent>,
    sessions: u32,
    /// The device is killed after each message that it sends, and started again.
    is_frail: bool,
}

impl Setting {
    pub(crate) fn new(store: impl Store + 'static, batches: Vec<Vec<Command>>) -> Self {
        let mut config = AgentConfig::default();
        config.session.max_msg_size = 2000;
        config.session.max_obj_size = 20 << 20;
        let sender = Sender {
            batches,
            ..Sender::default()
        };
        Self {
            store: Shared::new(store),
            streamed: Arc::default(),
            config,
            has_large_objects: true,
            server: Server::new(ServerConfig::default(), account(), sender),
            agent: None,
            sessions: 0,
            is_frail: false,
        }
    }

    fn open(&self) -> Result<Agent, dm_tree::agent::AgentError> {
        let files = Files::new(Arc::clone(&self.streamed));
        let mut detail = DevDetail::new("phone", "Maker", "1", "1", "1");
        detail.lrg_obj = self.has_large_objects;
        let objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("urn:test:1", "Man", "Mod")),
            ),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()]))),
            (uri(DevDetail::ROOT), Box::new(detail)),
            (uri("./Files"), Box::new(files)),
        ];
        Agent::open(
            Box::new(self.store.clone()),
            objects,
            self.config.clone(),
            1,
        )
    }

    /// Runs one session to its end, whatever happens to the device.
    pub(crate) fn run(&mut self) -> &Sender {
        let mut is_begun = false;
        for _ in 0..20_000 {
            match self.step(&mut is_begun) {
                Ok(true) => {}
                Ok(false) => return &self.server.manager,
                Err(_) => {
                    self.agent = None;
                    self.store.revive();
                }
            }
        }
        panic!("it does not end");
    }

    fn step(&mut self, is_begun: &mut bool) -> Result<bool, dm_tree::agent::AgentError> {
        let mut agent = match self.agent.take() {
            Some(agent) => agent,
            None => self.open()?,
        };
        match agent.poll(2)? {
            Output::Transmit(request) => {
                if self.is_frail {
                    agent = self.open()?;
                    agent.poll(2)?;
                }
                let answer = self.server.exchange(&request).expect("an answer");
                let headers = Headers::new(answer.encoding.media_type());
                agent.handle(answer.body, headers, Nonce::from([9; 16]))?;
            }
            Output::Idle if agent.in_session() => {}
            Output::Idle if *is_begun && self.server.manager.batches.is_empty() => {
                self.agent = Some(agent);
                return Ok(false);
            }
            Output::Idle => {
                *is_begun = true;
                self.sessions += 1;
                agent.connect("srv", Trigger::Client, SessionId::from(self.sessions), 2)?;
            }
            Output::Closed(_) => {}
            other => panic!("{other:?}"),
        }
        self.agent = Some(agent);
        Ok(true)
    }

    /// How many pieces of values are kept as such.
    pub(crate) fn pieces(&self) -> usize {
        self.store.count(Kind::Spool)
    }

    fn value(&mut self, node: &str) -> Option<Vec<u8>> {
        let agent = self.agent.as_mut().unwrap();
        let transaction = agent.begin(1);
        let node = transaction.view().node(&uri(node)).ok()?;
        Some(node.value.to_vec())
    }
}

fn redb() -> Redb {
    let database = redb::Database::builder()
        .create_with_backend(redb::backends::InMemoryBackend::new())
        .unwrap();
    Redb::with_database(database).unwrap()
}

pub(crate) fn octets(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| (place * 7 + place / 256) as u8)
        .collect()
}

fn file(node: &str, data: Data) -> Item {
    Item::for_target(node)
        .with_data(data)
        .with_meta(Meta::format("bin"))
}

pub(crate) fn add(node: &str, value: &[u8]) -> Command {
    Add {
        items: vec![file(node, Data::binary(value.to_vec()))],
        ..Add::default()
    }
    .into()
}

pub(crate) fn replace(node: &str, value: &[u8]) -> Command {
    Replace {
        items: vec![file(node, Data::binary(value.to_vec()))],
        ..Replace::default()
    }
    .into()
}

pub(crate) fn get(node: &str) -> Command {
    Get {
        items: vec![Item::for_target(node)],
        ..Get::default()
    }
    .into()
}

pub(crate) fn delete(node: &str) -> Command {
    Delete {
        items: vec![Item::for_target(node)],
        ..Delete::default()
    }
    .into()
}

#[test]
fn a_large_value_is_written_read_replaced_and_deleted() {
    fn check(store: impl Store + 'static) {
        let (first, second) = (octets(9000), octets(7000));
        let mut setting = Setting::new(
            store,
            vec![
                vec![add("./Files/A", &first), get("./Files/A")],
                vec![replace("./Files/A", &second), get("./Files/A")],
                vec![add("./Files/B", &first), replace("./Files/B", b"small")],
                vec![add("./Files/C", &first), delete("./Files/C")],
            ],
        );
        let sender = setting.run();
        let codes: Vec<u16> = sender.statuses.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes, [200; 8]);
        assert!(sender.results == [first, second.clone()]);
        assert!(setting.value("./Files/A").unwrap() == second);
        assert_eq!(setting.value("./Files/B").unwrap(), b"small");
        assert_eq!(setting.value("./Files/C"), None);
        assert_eq!(setting.store.count(Kind::Spool), 0);
        // After a restart too.
        setting.agent = Some(setting.open().unwrap());
        assert!(setting.value("./Files/A").unwrap() == second);
    }
    check(Memory::new());
    check(redb());
}

#[test]
fn a_failure_at_any_commit_loses_nothing_and_leaves_nothing() {
    fn every_commit<S: Store + 'static>(store: fn() -> S) {
        let value = octets(6000);
        let run = |plan: Option<(u32, Failure)>| {
            let batch = vec![add("./Files/A", &value), add("./Files/Stream", &value)];
            let mut setting = Setting::new(store(), vec![batch]);
            if let Some((commit, failure)) = plan {
                setting.store.fail_at(commit, failure);
            }
            setting.run();
            setting
        };
        let commits = run(None).store.commits();
        assert!(commits > 10);
        for commit in 1..=commits {
            for failure in [Failure::Refused, Failure::KilledAfter] {
                let mut setting = run(Some((commit, failure)));
                let what = format!("{failure:?} at {commit} of {commits}");
                assert!(
                    setting.value("./Files/A").as_ref() == Some(&value),
                    "{what}"
                );
                assert!(setting.streamed.lock().unwrap().octets == value, "{what}");
                let statuses = &setting.server.manager.statuses;
                assert_eq!(*statuses, [(1, 200), (2, 200)], "{what}");
                for kind in [Kind::Session, Kind::LastSent, Kind::Spool] {
                    assert_eq!(setting.store.count(kind), 0, "{kind:?} left: {what}");
                }
            }
        }
    }
    every_commit(Memory::new);
    every_commit(redb);
}

#[test]
fn a_restart_between_any_two_messages_changes_nothing() {
    let value = octets(30_000);
    let mut setting = Setting::new(redb(), vec![vec![add("./Files/A", &value)]]);
    setting.is_frail = true;
    assert_eq!(setting.run().statuses, [(1, 200)]);
    assert!(setting.value("./Files/A").unwrap() == value);
}

#[test]
fn ten_mebibytes_are_written_about_once() {
    const SIZE: usize = 10 << 20;
    let written = Arc::new(Mutex::new(0));
    let store = Counting {
        store: Memory::new(),
        written: Arc::clone(&written),
    };
    let value = octets(SIZE);
    let mut setting = Setting::new(store, vec![vec![add("./Files/A", &value)]]);
    setting.config.session.max_msg_size = 4096;
    assert_eq!(setting.run().statuses, [(1, 200)]);
    assert!(setting.value("./Files/A").unwrap() == value);
    let written = *written.lock().unwrap();
    assert!(
        written * 10 <= SIZE * 12,
        "{} octets are written for each of the value",
        written as f64 / SIZE as f64
    );
}

#[test]
fn an_object_can_take_a_large_value_past_the_tree() {
    let value = octets(9000);
    let batch = vec![add("./Files/Stream", &value)];
    let mut setting = Setting::new(Memory::new(), vec![batch]);
    assert_eq!(setting.run().statuses, [(1, 200)]);
    assert_eq!(setting.value("./Files/Stream").unwrap(), b"");
    let streamed = setting.streamed.lock().unwrap();
    assert!(streamed.octets == value);
    assert_eq!(streamed.changed, ["add ./Files/Stream 0"]);
    assert_eq!(streamed.ended, 0);
}

#[test]
fn what_the_server_may_not_write_is_refused_with_its_first_piece() {
    let value = octets(9000);
    let batch = vec![
        replace("./Files/Missing", &value),
        add("./DevInfo/New", &value),
        add("./Files/A/B", &value),
    ];
    let mut setting = Setting::new(Memory::new(), vec![batch]);
    let statuses = setting.run().statuses.clone();
    assert_eq!(statuses.len(), 3);
    assert_eq!((statuses[0], statuses[2]), ((1, 404), (3, 404)));
    assert!(statuses[1].1 >= 400);
    assert_eq!(setting.store.count(Kind::Spool), 0);
}

#[test]
fn a_device_whose_dev_detail_has_no_large_objects_takes_none() {
    let mut setting = Setting::new(
        Memory::new(),
        vec![vec![
            add("./Files/A", &octets(9000)),
            add("./Files/B", b"small"),
        ]],
    );
    setting.has_large_objects = false;
    let sender = setting.run();
    println!("{:?}", sender.statuses);
    assert!(sender.statuses.iter().any(|(_, code)| *code >= 400));
    assert_eq!(setting.value("./Files/A"), None);
    assert_eq!(setting.value("./Files/B").as_deref(), Some(&b"small"[..]));
    // It is asked anew for each session.
    setting.has_large_objects = true;
    setting.agent = None;
    setting.server.manager.batches = vec![vec![add("./Files/A", &octets(9000))]];
    setting.run();
    assert_eq!(setting.value("./Files/A"), Some(octets(9000)));
}

#[test]
fn what_is_not_finished_goes_with_its_session() {
    let value = octets(9000);
    let batch = vec![add("./Files/A", &value), add("./Files/Stream", &value)];
    for chunks in [3, 8] {
        let mut setting = Setting::new(Memory::new(), vec![batch.clone()]);
        let mut is_begun = false;
        while setting.server.session.as_ref().is_none_or(|session| {
            session.save();
            setting.store.commits() < 4 + chunks
        }) {
            setting.step(&mut is_begun).unwrap();
        }
        // The server is gone, for good.
        loop {
            let agent = setting.agent.as_mut().unwrap();
            match agent.poll(2).unwrap() {
                Output::Transmit(_) => agent.transport_failed(2).unwrap(),
                Output::Closed(_) => break,
                _ => {}
            }
        }
        assert_eq!(setting.store.count(Kind::Spool), 0);
        assert_eq!(setting.value("./Files/Stream"), None);
    }
}
