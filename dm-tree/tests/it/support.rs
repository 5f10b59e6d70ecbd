//! A device and a server in memory, and storage that fails when told to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use dm_proto::{
    AlertCode, CmdId, Correlator, Data, LocUri, MsgId, SessionId, StatusCode, Text,
    auth::{Account, Credentials, Nonce},
    message::{Alert, Command, Exec, Item, Meta},
    session::{
        Answer, CommandTag, Ending, Execute, Headers, Origin, ServerConfig, ServerEvent, Trigger,
        UserReply, Verb,
    },
    testing::{Manager, Server},
};
use dm_tree::{
    Acl, Edit, Node, NodeFormat, NodeUri, Right, Transaction,
    agent::{Agent, AgentConfig, AgentError, Output},
    description::{Access, NodeDescription, Occurrence},
    object::{Decision, Job, ManagementObject, Outcome, Progress},
    std_objects::{DevInfo, DmAcc},
    store::{Batch, Kind, Store, StoreError, StoreErrorKind},
};

pub(crate) fn uri(uri: &str) -> NodeUri {
    NodeUri::parse(uri).unwrap()
}

/// Numbers that are the same at each run.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

// ---- commands straight to a tree ------------------------------------------------------------------

pub(crate) fn command(verb: Verb, item: Item) -> Execute {
    let origin = Origin {
        session_id: SessionId::from("1"),
        msg_id: MsgId::from("1"),
        cmd_id: CmdId::from("1"),
        item: 0,
    };
    Execute::new(origin, verb, item)
}

pub(crate) fn execute(
    transaction: &mut Transaction<'_>,
    server: &str,
    verb: Verb,
    item: Item,
) -> Answer {
    transaction.execute(server, &command(verb, item))
}

pub(crate) fn item(uri: &str, data: Option<&str>, meta: Option<(&str, &str)>) -> Item {
    let mut item = Item::for_target(uri);
    item.data = data.map(Data::from);
    item.meta = meta.map(|(format, type_)| {
        let some = |text: &str| (!text.is_empty()).then(|| Text::from(text));
        Arc::new(Meta {
            format: some(format),
            type_: some(type_),
            ..Meta::default()
        })
    });
    item
}

/// An object whose subtree is what a test says, and nothing more.
pub(crate) struct Plain {
    pub(crate) description: NodeDescription,
    pub(crate) nodes: Vec<(&'static str, Node)>,
}

impl ManagementObject for Plain {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        for (path, node) in &self.nodes {
            edit.put(path, node.clone())?;
        }
        Ok(())
    }
}

// ---- storage ------------------------------------------------------------------------------------

/// A store that outlives its agent and fails when told to.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Disk>>);

struct Disk {
    store: Box<dyn Store>,
    commits: u32,
    plan: BTreeMap<u32, Failure>,
    /// The process was killed: nothing more happens until the next one opens the store.
    is_dead: bool,
}

/// What happens at a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// It fails; nothing was written.
    Refused,
    /// It is written, and the process is killed before it hears of it.
    KilledAfter,
}

impl Shared {
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            store: Box::new(store),
            commits: 0,
            plan: BTreeMap::new(),
            is_dead: false,
        })))
    }

    pub(crate) fn fail_at(&self, commit: u32, failure: Failure) {
        self.disk().plan.insert(commit, failure);
    }

    pub(crate) fn commits(&self) -> u32 {
        self.disk().commits
    }

    pub(crate) fn revive(&self) {
        self.disk().is_dead = false;
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        let mut count = 0;
        let disk = self.disk();
        disk.store.records(kind, &mut |_, _| count += 1).unwrap();
        count
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    fn write(
        &self,
        write: impl FnOnce(&mut dyn Store) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut disk = self.disk();
        let failed = Err(StoreError::new(StoreErrorKind::Io));
        if disk.is_dead {
            return failed;
        }
        disk.commits += 1;
        let failure = disk.plan.get(&disk.commits).copied();
        if failure != Some(Failure::Refused) {
            write(&mut *disk.store)?;
        }
        disk.is_dead = failure.is_some();
        if failure.is_some() { failed } else { Ok(()) }
    }
}

impl Store for Shared {
    fn node(&self, uri: &NodeUri) -> Result<Option<Node>, StoreError> {
        self.disk().store.node(uri)
    }

    fn children(&self, uri: &NodeUri, each: &mut dyn FnMut(Text)) -> Result<(), StoreError> {
        self.disk().store.children(uri, each)
    }

    fn record(&self, kind: Kind, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk().store.record(kind, id)
    }

    fn records(&self, kind: Kind, each: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), StoreError> {
        self.disk().store.records(kind, each)
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.write(|store| store.commit(batch))
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.write(|store| store.clear())
    }
}

// ---- the object -----------------------------------------------------------------------------------

/// How the object takes an Exec on `./Lock/Operations/Go`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Script {
    Now,
    Accept,
    AfterSession,
    /// Starts before its answer, and goes on elsewhere.
    NowThenLater,
    /// In two stages.
    Staged,
    /// In two stages, the first with something to remember.
    Noted,
    /// Asks before its answer, and runs after the session.
    Ask,
    /// Asks before its answer, and gets none yet.
    AskLater,
    /// Asks before its answer, which is no.
    AskRefused,
    /// Resets the device after the session.
    Reset,
    Refuse,
}

/// What is outside of the process and its storage: hardware.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Each start of the job: whether it was told to be resumed, and its stage.
    pub(crate) starts: Vec<(bool, u32)>,
    /// Effects of stages 0 and 1.
    pub(crate) effects: BTreeMap<u32, u32>,
    pub(crate) resets: u32,
    /// Whether the last start was one whose server had not answered.
    pub(crate) unanswered: bool,
    /// What the object was told at restarts: its open jobs.
    pub(crate) restarted_with: Vec<usize>,
}

pub(crate) struct Lock {
    description: NodeDescription,
    script: Script,
    world: Arc<Mutex<World>>,
}

pub(crate) const GO: &str = "./Lock/Operations/Go";
pub(crate) const DONE: StatusCode = StatusCode::new(1200);
pub(crate) const REPORT_TYPE: &str = "urn:test:OperationComplete";

impl Lock {
    pub(crate) fn new(script: Script, world: Arc<Mutex<World>>) -> Self {
        let go =
            |name: &'static str| NodeDescription::leaf(name, NodeFormat::Null).access(Access::EXEC);
        let description = NodeDescription::interior("Lock")
            .type_("urn:test:lock:1.0")
            .child(NodeDescription::leaf("State", NodeFormat::Int).default_value("30"))
            .child(
                NodeDescription::leaf("Wish", NodeFormat::Chr)
                    .access(Access::GET | Access::REPLACE),
            )
            .child(
                NodeDescription::interior("Operations")
                    .child(go("Go"))
                    .child(go("Other")),
            )
            .child(
                NodeDescription::any()
                    .occurrence(Occurrence::ZeroOrMore)
                    .access(Access::GET | Access::ADD | Access::DELETE)
                    .child(
                        NodeDescription::leaf("Run", NodeFormat::Null)
                            .dynamic()
                            .access(Access::EXEC | Access::ADD),
                    ),
            )
            .access(Access::GET | Access::ADD);
        Self {
            description,
            script,
            world,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

impl ManagementObject for Lock {
    fn description(&self) -> &NodeDescription {
        &self.description
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        let root = self
            .description
            .initial()
            .with_acl(Acl::all(["srv", "other"]).grant(Right::Get, "*"));
        edit.put("", root)
    }

    fn restarted(&self, _edit: &mut Edit<'_>, jobs: &[Job]) -> Result<(), StatusCode> {
        self.world().restarted_with.push(jobs.len());
        Ok(())
    }

    fn decide(&self, edit: &mut Edit<'_>, job: &mut Job) -> Decision {
        job.memo = b"memo".to_vec();
        edit.set("State", "25").unwrap();
        match self.script {
            Script::Now | Script::NowThenLater => Decision::Now,
            Script::Accept | Script::Staged | Script::Noted => Decision::Accept,
            Script::Ask | Script::AskLater | Script::AskRefused => Decision::Ask,
            Script::AfterSession => Decision::AfterSession,
            Script::Reset => Decision::OnceTold,
            Script::Refuse => Decision::Refuse(StatusCode::FORBIDDEN),
        }
    }

    fn run(&mut self, job: &Job) -> Progress {
        let is_noted = self.script == Script::Noted && job.stage == 1;
        let memo: &[u8] = if is_noted { b"noted" } else { b"memo" };
        assert_eq!(job.memo, memo);
        let mut world = self.world();
        world.starts.push((job.resumed, job.stage));
        world.unanswered = job.unanswered;
        // What was done before a restart can be seen from the hardware.
        let is_done = job.resumed && world.effects.contains_key(&job.stage);
        if !is_done {
            *world.effects.entry(job.stage).or_default() += 1;
        }
        match self.script {
            Script::NowThenLater => Progress::Later,
            Script::Staged if job.stage == 0 => Progress::Stage(1),
            Script::Noted if job.stage == 0 => Progress::Noted {
                stage: 1,
                memo: b"noted".to_vec(),
            },
            Script::Ask if job.stage == 0 => Progress::AfterSession(1),
            Script::AskLater if job.stage == 0 => Progress::Later,
            Script::Reset => {
                world.resets += 1;
                world.effects.clear();
                Progress::Reset
            }
            _ => Progress::Done(Outcome::from(DONE)),
        }
    }

    fn stage(&self, edit: &mut Edit<'_>, job: &Job) {
        edit.set("State", format!("{}", 25 + job.stage)).unwrap();
    }

    fn finish(&self, edit: &mut Edit<'_>, job: &Job, outcome: &Outcome) -> Option<Alert> {
        edit.set("State", "10").unwrap();
        Some(Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            correlator: job.correlator.clone(),
            items: vec![
                Item::for_source(job.node.as_str())
                    .with_meta(Meta::of_type(REPORT_TYPE).with_format("int"))
                    .with_data(outcome.code.to_string()),
            ],
            ..Alert::default()
        })
    }
}

// ---- the server -----------------------------------------------------------------------------------

/// A server with a list of things to say, one batch for each time that the device waits.
#[derive(Debug, Default)]
pub(crate) struct Commander {
    pub(crate) batches: VecDeque<Vec<Command>>,
    /// The statuses of the commands sent, in order of arrival: command number from 1, code.
    pub(crate) statuses: Vec<(u64, u16)>,
    /// The results that came, as data.
    pub(crate) results: Vec<Item>,
    /// The reports that came, copies too.
    pub(crate) reports: Vec<Alert>,
    /// What the next reports are answered; then 200.
    pub(crate) report_answers: VecDeque<StatusCode>,
    next_tag: u64,
}

impl Manager for Commander {
    fn ready(&mut self) -> Vec<(Command, CommandTag)> {
        let batch = self.batches.pop_front().unwrap_or_default();
        batch
            .into_iter()
            .map(|command| {
                self.next_tag += 1;
                (command, CommandTag(self.next_tag))
            })
            .collect()
    }

    fn alert(&mut self, alert: &Alert) -> StatusCode {
        self.reports.push(alert.clone());
        self.report_answers.pop_front().unwrap_or(StatusCode::OK)
    }

    fn hear(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Status { tag, status, .. } => {
                self.statuses.push((tag.0, status.as_u16()));
            }
            ServerEvent::NotSent { tag, reason } => {
                self.statuses.push((tag.0, reason.status_code().as_u16()));
            }
            ServerEvent::NoStatus { tag, .. } => self.statuses.push((tag.0, 0)),
            ServerEvent::Results { items, .. } => self.results.extend(items.iter().cloned()),
            _ => {}
        }
    }
}

pub(crate) fn exec(node: &str, correlator: Option<&str>) -> Command {
    Exec {
        correlator: correlator.map(Correlator::from),
        items: vec![Item::for_target(node)],
        ..Exec::default()
    }
    .into()
}

/// A report as `(correlator, data, format)`.
pub(crate) fn told(alert: &Alert) -> (Option<&str>, &str, &str) {
    let item = &alert.items[0];
    (
        alert.correlator.as_ref().map(Correlator::as_str),
        item.data.as_ref().and_then(Data::as_str).unwrap(),
        item.meta.as_ref().unwrap().format.as_deref().unwrap(),
    )
}

// ---- both -----------------------------------------------------------------------------------------

pub(crate) fn account() -> Account {
    account_of("srv")
}

fn account_of(server: &str) -> Account {
    Account {
        server_id: server.into(),
        server_uri: LocUri::from("http://server.example/dm"),
        device_uri: LocUri::from("urn:test:1"),
        client: Credentials::md5("device", "device secret", Nonce::from([1; 16])),
        server: Credentials::md5(server, "server secret", Nonce::from([2; 16])),
    }
}

/// What happens to the exchange of one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Loss {
    Request,
    Answer,
}

/// Objects and their places.
pub(crate) type Objects = Vec<(NodeUri, Box<dyn ManagementObject>)>;

/// A device, its storage, its world, and a server that it talks to.
pub(crate) struct Setting {
    pub(crate) store: Shared,
    pub(crate) script: Script,
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) agent: Option<Agent>,
    pub(crate) server: Server<Commander>,
    pub(crate) endings: Vec<Ending>,
    pub(crate) resets: u32,
    pub(crate) asked: Vec<String>,
    pub(crate) user: UserReply,
    pub(crate) losses: VecDeque<Option<Loss>>,
    /// What came from the agent, one letter each: T, R, A, C, X (reset).
    pub(crate) trace: String,
    /// The server wants a session for what it has to say.
    pub(crate) is_wanted: bool,
    /// Every session has the same id, as the documents recommend for one that is triggered again.
    pub(crate) has_one_id: bool,
    pub(crate) config: AgentConfig,
    /// Objects beside those of every test.
    pub(crate) more: fn() -> Objects,
    session: u32,
}

impl Setting {
    pub(crate) fn new(
        store: impl Store + 'static,
        script: Script,
        batches: Vec<Vec<Command>>,
    ) -> Self {
        let manager = Commander {
            batches: batches.into(),
            ..Commander::default()
        };
        Self {
            store: Shared::new(store),
            script,
            world: Arc::default(),
            agent: None,
            server: Server::new(ServerConfig::default(), account(), manager),
            endings: Vec::new(),
            resets: 0,
            asked: Vec::new(),
            user: UserReply::Yes,
            losses: VecDeque::new(),
            trace: String::new(),
            is_wanted: true,
            has_one_id: false,
            config: AgentConfig::default(),
            more: Vec::new,
            session: 0,
        }
    }

    pub(crate) fn manager(&self) -> &Commander {
        &self.server.manager
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn open(&self) -> Result<Agent, AgentError> {
        let mut objects: Objects = vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("urn:test:1", "Man", "Mod")),
            ),
            (
                uri(DmAcc::ROOT),
                Box::new(DmAcc::new(vec![account(), account_of("other")])),
            ),
            (
                uri("./Lock"),
                Box::new(Lock::new(self.script, Arc::clone(&self.world))),
            ),
        ];
        objects.extend((self.more)());
        Agent::open(
            Box::new(self.store.clone()),
            objects,
            self.config.clone(),
            1000,
        )
    }

    /// Kills the device.
    pub(crate) fn kill(&mut self) {
        self.agent = None;
        self.store.revive();
    }

    /// Runs until a job is started, and kills the device before it runs.
    pub(crate) fn fail_next_run(&mut self) {
        loop {
            let mut agent = match self.agent.take() {
                Some(agent) => agent,
                None => self.open().unwrap(),
            };
            match agent.poll(2000).unwrap() {
                Output::Run(_) => break,
                Output::Transmit(request) => {
                    let answer = self.server.exchange(&request).unwrap();
                    let headers = Headers::new(answer.encoding.media_type())
                        .with_hmac(answer.hmac.as_deref());
                    agent
                        .handle(answer.body, headers, Nonce::from([9; 16]))
                        .unwrap();
                }
                Output::Idle => {
                    self.session += 1;
                    let id = SessionId::from(self.session);
                    agent.connect("srv", Trigger::Server, id, 2000).unwrap();
                }
                other => panic!("{other:?}"),
            }
            self.agent = Some(agent);
        }
        self.is_wanted = false;
        self.kill();
    }

    /// Runs until neither side wants anything more. A storage that fails kills the device, which is
    /// started again.
    pub(crate) fn run(&mut self) {
        for _ in 0..400 {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return,
                Err(AgentError::Store(_) | AgentError::Tree(_) | AgentError::Restart { .. }) => {
                    self.kill();
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("it does not end: {}", self.trace);
    }

    /// One step; whether there was anything to do.
    pub(crate) fn step(&mut self) -> Result<bool, AgentError> {
        let mut agent = match self.agent.take() {
            Some(agent) => agent,
            None => self.open()?,
        };
        let result = self.act(&mut agent);
        self.agent = Some(agent);
        result
    }

    fn act(&mut self, agent: &mut Agent) -> Result<bool, AgentError> {
        match agent.poll(2000)? {
            Output::Transmit(request) => {
                self.trace.push('T');
                let loss = self.losses.pop_front().flatten();
                if loss == Some(Loss::Request) {
                    agent.transport_failed(2000)?;
                    return Ok(true);
                }
                match self.server.exchange(&request) {
                    Ok(answer) if loss.is_none() => {
                        let headers = Headers::new(answer.encoding.media_type())
                            .with_hmac(answer.hmac.as_deref());
                        let nonce = Nonce::from([self.session as u8; 16]);
                        agent.handle(answer.body, headers, nonce)?;
                    }
                    _ => agent.transport_failed(2000)?,
                }
            }
            Output::Ask(id, prompt) => {
                self.trace.push('A');
                self.asked.push(prompt.text.to_string());
                agent.reply(id, self.user.clone())?;
            }
            Output::Run(job) => {
                self.trace.push('R');
                agent.run(job.id, 3000)?;
            }
            Output::Closed(ending) => {
                self.trace.push('C');
                self.endings.push(ending);
            }
            Output::Reset => {
                self.trace.push('X');
                self.resets += 1;
            }
            Output::Idle => return self.connect(agent),
            other => panic!("{other:?}"),
        }
        Ok(true)
    }

    fn connect(&mut self, agent: &mut Agent) -> Result<bool, AgentError> {
        if agent.in_session() {
            return Ok(false);
        }
        let is_due = agent.report_due()?.is_some();
        // A device that was killed before it sent anything is asked again.
        self.is_wanted |= !self.manager().batches.is_empty();
        if !is_due && !self.is_wanted {
            return Ok(false);
        }
        let trigger = if self.is_wanted {
            Trigger::Server
        } else {
            Trigger::Client
        };
        self.is_wanted = false;
        self.session += 1;
        let id = if self.has_one_id { 7 } else { self.session };
        agent.connect("srv", trigger, SessionId::from(id), 2000)?;
        Ok(true)
    }
}
