//! A phone and servers that say what they are told to, command by command.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_proto::{
    Correlator, Data, SessionId, StatusCode, Text,
    auth::{Account, Credentials, Scheme},
    codec::Encoding,
    message::{Alert, Command, Exec, Item, Meta, Replace},
    session::{CommandTag, Headers, ServerConfig, ServerEvent, Trigger},
    testing::{Fault, Manager, Server},
};
use dm_tree::{
    Acl, Node, NodeUri, TreeError,
    agent::{Agent, AgentConfig, AgentError, Output},
    object::{Job, ManagementObject},
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::{Batch, Kind, Store, StoreError},
    testing::{Disk, Objects},
};
use lawmo::device::{Config, Device, Lawmo};

use crate::support::uri;

/// A server that has one list of things to say for each time that the device waits.
#[derive(Debug, Default)]
pub(crate) struct Commander {
    pub(crate) batches: VecDeque<Vec<Command>>,
    /// What was answered: number of the command from 1, place inside it, code.
    pub(crate) statuses: Vec<(u64, u32, u16)>,
    /// The results that came, as text.
    pub(crate) results: Vec<String>,
    /// The reports that came, copies too.
    pub(crate) reports: Vec<Alert>,
    /// It cannot take reports now.
    pub(crate) fails: bool,
    tag: u64,
}

impl Commander {
    /// The codes of the commands themselves, in the order of the commands.
    pub(crate) fn codes(&self) -> Vec<u16> {
        let mut codes: Vec<_> = self
            .statuses
            .iter()
            .filter(|status| status.1 == 0)
            .collect();
        codes.sort_by_key(|status| status.0);
        codes.into_iter().map(|status| status.2).collect()
    }

    /// The last status of the `command`-th command, if there is one.
    pub(crate) fn status_of(&self, command: u64) -> Option<u16> {
        let of = |status: &&(u64, u32, u16)| status.0 == command && status.1 == 0;
        self.statuses.iter().rev().find(of).map(|status| status.2)
    }

    /// How many commands were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.tag
    }

    /// The reports as correlator, source, code.
    pub(crate) fn told(&self) -> Vec<(Option<String>, String, u16)> {
        self.reports.iter().map(told).collect()
    }
}

/// A report as correlator, source, code.
pub(crate) fn told(alert: &Alert) -> (Option<String>, String, u16) {
    let item = alert.items.first().expect("an item");
    let code = item.data.as_ref().and_then(Data::as_str);
    (
        alert.correlator.as_ref().map(|it| it.as_str().to_owned()),
        item.source_uri()
            .map(|uri| uri.as_str().to_owned())
            .unwrap_or_default(),
        code.and_then(|code| code.parse().ok()).unwrap_or_default(),
    )
}

impl Manager for Commander {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        let batch = self.batches.pop_front().unwrap_or_default();
        batch
            .into_iter()
            .map(|command| {
                self.tag += 1;
                (command, CommandTag(self.tag))
            })
            .collect()
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        self.reports.push(alert.clone());
        match self.fails {
            true => StatusCode::COMMAND_FAILED,
            false => StatusCode::OK,
        }
    }

    fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Status {
                tag, part, status, ..
            } => self.statuses.push((tag.0, *part, status.as_u16())),
            ServerEvent::Results { items, .. } => {
                let text =
                    |item: &Item| item.data.as_ref().and_then(Data::as_str).map(str::to_owned);
                self.results.extend(items.iter().filter_map(text));
            }
            _ => {}
        }
    }
}

/// An Exec of a node.
pub(crate) fn exec(node: &str, correlator: Option<&str>) -> Command {
    Exec {
        correlator: correlator.map(Correlator::from),
        items: vec![Item::for_target(node)],
        ..Exec::default()
    }
    .into()
}

/// A Replace of a value.
pub(crate) fn replace(node: &str, format: &'static str, value: &str) -> Command {
    Replace {
        items: vec![
            Item::for_target(node)
                .with_meta(Meta::format(format))
                .with_data(value),
        ],
        ..Replace::default()
    }
    .into()
}

/// A phone with any number of objects, and its servers.
pub(crate) struct Rig {
    pub(crate) servers: Vec<Server<Commander>>,
    /// What happens to exchanges, by their number from 1.
    pub(crate) faults: BTreeMap<u32, Fault>,
    /// The servers, by number, that cannot be reached.
    pub(crate) unreachable: BTreeSet<usize>,
    /// The steps before which the power is cut.
    pub(crate) cuts: BTreeSet<u32>,
    /// The writes that fail, by their number from 0; the phone starts again then.
    pub(crate) failing: BTreeSet<u32>,
    /// How often a message is sent again before its session is given up, where that is not as usual.
    pub(crate) retries: Option<u8>,
    pub(crate) exchanges: u32,
    pub(crate) step: u32,
    pub(crate) resets: u32,
    /// A cut is an update of the software, which cannot read the session of the one before.
    pub(crate) forgets_sessions: bool,
    /// Jobs are left to the test, in `left`.
    pub(crate) leaves_jobs: bool,
    pub(crate) left: Vec<Job>,
    /// What time it is.
    pub(crate) now: u64,
    /// The ACLs that the phone gives nodes of its objects, also after a reset: object, path, ACL.
    acls: Vec<(&'static str, &'static str, &'static str)>,
    agent: Option<Agent>,
    disk: Disk,
    objects: Objects,
    encoding: Encoding,
    session: u32,
}

/// The name of a server by its number.
pub(crate) fn server_id(server: usize) -> String {
    format!("srv{}", server + 1)
}

fn account(server: usize) -> Account {
    let id = server_id(server);
    let credentials = |name: &str| Credentials {
        scheme: Scheme::Md5,
        name: name.into(),
        secret: format!("{name}-secret").into(),
        nonce: Default::default(),
    };
    Account {
        server_id: Text::from(id.as_str()),
        server_uri: format!("http://{id}.example.com/dm").into(),
        device_uri: "IMEI:493005100592800".into(),
        client: credentials("phone"),
        server: credentials(&id),
    }
}

/// The objects of a phone, made at each of its starts.
fn made_of<D: Device + Clone + 'static>(
    device: &D,
    objects: &[(&'static str, Config)],
    accounts: Vec<Account>,
) -> Objects {
    let (device, mounted) = (device.clone(), objects.to_vec());
    Box::new(move || {
        let mut objects: Vec<(NodeUri, Box<dyn ManagementObject>)> = vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("IMEI:493005100592800", "Maker", "Model")),
            ),
            (
                uri(DevDetail::ROOT),
                Box::new(DevDetail::new("phone", "Maker", "1", "1", "1")),
            ),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(accounts.clone()))),
        ];
        for (root, config) in &mounted {
            let lawmo = Lawmo::new(device.clone(), config.clone());
            objects.push((uri(root), Box::new(lawmo)));
        }
        objects
    })
}

/// Gives nodes their ACLs, where they have others.
fn keep(agent: &mut Agent, acls: &[(&str, &str, &str)]) {
    for (root, path, acl) in acls {
        let mut set = || set_acl(agent, root, path, acl);
        set().or_else(|_| set()).expect("it is stored");
    }
}

fn set_acl(agent: &mut Agent, root: &str, path: &str, acl: &str) -> Result<(), StoreError> {
    let acl = Acl::parse(acl).expect("an ACL");
    let mut transaction = agent.begin(1500);
    let mut edit = transaction.edit(&uri(root)).expect("the object");
    let node = edit.view().node(&uri(&format!("{root}/{path}")));
    let node = node.expect("the node");
    if node.acl != acl {
        edit.put(path, node.with_acl(acl)).expect("it is put");
    }
    transaction.commit()
}

impl Rig {
    /// The same on another disk.
    pub(crate) fn on(mut self, disk: Disk) -> Self {
        self.disk = disk;
        self
    }

    /// Whether the phone starts now.
    pub(crate) fn starts(&self) -> bool {
        let disk = Box::new(self.disk.clone());
        Agent::open(disk, (self.objects)(), AgentConfig::default(), 1000).is_ok()
    }

    /// The same with other software.
    pub(crate) fn with<D: Device + Clone + 'static>(mut self, device: &D, config: Config) -> Self {
        self.cut();
        let accounts = (0..2).map(account).collect();
        self.objects = made_of(device, &[("./LAWMO", config)], accounts);
        self
    }

    /// A phone with objects at these places, and two servers.
    pub(crate) fn new<D: Device + Clone + 'static>(
        device: &D,
        objects: &[(&'static str, Config)],
        encoding: Encoding,
    ) -> Self {
        let accounts: Vec<Account> = (0..2).map(account).collect();
        let servers = accounts
            .iter()
            .map(|account| {
                Server::new(
                    ServerConfig::default(),
                    account.clone(),
                    Commander::default(),
                )
            })
            .collect();
        Self {
            servers,
            faults: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            cuts: BTreeSet::new(),
            failing: BTreeSet::new(),
            retries: None,
            exchanges: 0,
            step: 0,
            resets: 0,
            forgets_sessions: false,
            leaves_jobs: false,
            left: Vec::new(),
            now: 2000,
            acls: Vec::new(),
            agent: None,
            disk: Disk::default(),
            objects: made_of(device, objects, accounts),
            encoding,
            session: 0,
        }
    }

    pub(crate) fn agent(&mut self) -> &mut Agent {
        let Self {
            agent,
            disk,
            objects,
            encoding,
            retries,
            acls,
            ..
        } = self;
        agent.get_or_insert_with(|| {
            let mut config = AgentConfig::default();
            config.session.encoding = *encoding;
            config.retries = retries.unwrap_or(config.retries);
            let open = || Agent::open(Box::new(disk.clone()), objects(), config.clone(), 1000);
            // A start that cannot write is another time's.
            let mut agent = open().or_else(|_| open()).expect("it starts");
            keep(&mut agent, acls);
            agent
        })
    }

    /// Gives a node below an object an ACL of its own, for ever.
    pub(crate) fn keeps_acl(&mut self, root: &'static str, path: &'static str, acl: &'static str) {
        self.acls.push((root, path, acl));
        self.keep();
    }

    fn keep(&mut self) {
        let acls = self.acls.clone();
        keep(self.agent(), &acls);
    }

    /// How often something was written.
    pub(crate) fn written(&self) -> u32 {
        self.disk.commits()
    }

    /// Cuts the power; the next use starts the phone.
    pub(crate) fn cut(&mut self) {
        self.agent = None;
        let session = self.disk.record(Kind::Session, 0).expect("it is read");
        if self.forgets_sessions && session.is_some() {
            let mut batch = Batch::default();
            batch
                .records
                .insert((Kind::Session, 0), Some(b"another form".to_vec()));
            self.disk.commit(batch).expect("it is written");
        }
    }

    pub(crate) fn value(&mut self, leaf: &str) -> Option<String> {
        let now = self.now;
        let transaction = self.agent().begin(now);
        let text = transaction.view().text(&uri(leaf)).ok();
        text.map(|text| text.to_string())
    }

    /// Gives a node below an object an ACL of its own.
    pub(crate) fn set_acl(&mut self, root: &str, path: &str, acl: &str) {
        set_acl(self.agent(), root, path, acl).expect("it is stored");
    }

    /// A session in which a server says these, one list after the other.
    pub(crate) fn says(&mut self, server: usize, batches: Vec<Vec<Command>>) {
        self.servers[server].manager.batches = batches.into();
        self.session_with(server, Trigger::Server);
    }

    /// A session with a server.
    pub(crate) fn session_with(&mut self, server: usize, trigger: Trigger) {
        let now = self.now;
        // What a cut has left open ends first.
        self.run();
        self.session += 1;
        let id = SessionId::from(self.session);
        let server = server_id(server);
        self.agent()
            .connect(&server, trigger, id, now)
            .expect("no session is open");
        self.run();
    }

    /// Delivers all reports.
    pub(crate) fn settle(&mut self) {
        self.run();
        for _ in 0..50 {
            let Some(server) = self.agent().report_due().expect("it is read") else {
                return;
            };
            let server = (0..2).find(|known| server_id(*known).as_str() == server.as_str());
            self.session_with(server.expect("a server"), Trigger::Client);
        }
        panic!("reports are not taken");
    }

    /// What comes of it, unless the disk fails: then the phone starts again.
    fn goes_on<T>(&mut self, what: impl FnOnce(&mut Agent) -> Result<T, AgentError>) -> Option<T> {
        match what(self.agent()) {
            Err(AgentError::Store(_) | AgentError::Tree(TreeError::Store(_))) => {
                self.cut();
                None
            }
            result => Some(result.expect("it goes on")),
        }
    }

    /// Takes up all jobs that were put off.
    pub(crate) fn take_up(&mut self) {
        let now = self.now;
        loop {
            let job = self.agent().deferred_jobs().map(|job| job.id).next();
            let Some(job) = job else {
                return;
            };
            self.goes_on(|agent| agent.take_up(job, now));
            self.run();
        }
    }

    /// All that there is below a node, with all that is known of it.
    pub(crate) fn whole(&mut self, root: &str) -> BTreeMap<String, Node> {
        let now = self.now;
        let transaction = self.agent().begin(now);
        let view = transaction.view();
        let mut whole = BTreeMap::new();
        let mut pending = vec![uri(root)];
        while let Some(uri) = pending.pop() {
            let children = view.children(&uri).unwrap_or_default();
            pending.extend(children.iter().map(|name| uri.join(name).expect("a uri")));
            whole.insert(uri.to_string(), view.node(&uri).expect("a node"));
        }
        whole
    }

    /// Lets the phone do all that it has to do by itself.
    pub(crate) fn run(&mut self) {
        let now = self.now;
        for _ in 0..2000 {
            self.step += 1;
            let written = self.disk.commits();
            if let Some(next) = self.failing.range(written..).next() {
                self.disk.fail_at(*next);
            }
            let Some(output) = self.goes_on(|agent| agent.poll(now)) else {
                continue;
            };
            if self.cuts.contains(&self.step) {
                self.cut();
                continue;
            }
            match output {
                Output::Transmit(request) => {
                    self.exchanges += 1;
                    let fault = self.faults.remove(&self.exchanges);
                    let to = request.uri.clone();
                    let server = self.servers.iter_mut().enumerate().find(|(_, server)| {
                        to.as_str().starts_with(server.account.server_uri.as_str())
                    });
                    let (number, server) = server.expect("a server");
                    let fault = match self.unreachable.contains(&number) {
                        true => Some(Fault::LoseRequest),
                        false => fault,
                    };
                    if fault == Some(Fault::RepeatRequest) {
                        let _ = server.exchange(&request);
                    }
                    let answer = match fault {
                        Some(Fault::LoseRequest) => None,
                        _ => server.exchange(&request).ok(),
                    };
                    match answer.filter(|_| fault != Some(Fault::LoseAnswer)) {
                        Some(answer) => {
                            let headers = Headers::new(answer.encoding.media_type())
                                .with_hmac(answer.hmac.as_deref());
                            let nonce = [self.step.to_le_bytes()[0]; 16].into();
                            self.goes_on(|agent| agent.handle(answer.body, headers, nonce));
                        }
                        None => {
                            self.goes_on(|agent| agent.transport_failed(now));
                        }
                    }
                }
                Output::Run(job) if self.leaves_jobs => self.left.push(job),
                Output::Run(job) => {
                    let was_in_session = self.agent().in_session();
                    let has_run = self.goes_on(|agent| agent.run(job.id, now)).is_some();
                    let is_in_session = !has_run || self.agent().in_session();
                    assert!(!was_in_session || is_in_session, "reset in a session");
                }
                Output::Closed(_) => {}
                Output::Reset => {
                    self.resets += 1;
                    self.keep();
                }
                Output::Idle => return,
                other => panic!("{other:?}"),
            }
        }
        panic!("it does not end");
    }
}
