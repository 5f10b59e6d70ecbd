//! Any operations of two servers with different rights, with failures, refusals, lost and doubled
//! messages and power cuts: states change as the table says, phases start once, outcomes come once, vendors' nodes stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use dm_proto::{
    AlertCode,
    auth::Side,
    codec::Encoding,
    message::{Command, CommandName},
    session::Trigger,
    testing::Fault,
};
use dm_tree::{
    Acl, NodeFormat, NodeUri, Right,
    agent::AgentError,
    description::{Access, NodeDescription},
    object::{Job, ManagementObject},
    remote::{Notice, Order},
    std_objects::{DevDetail, DevInfo, DmAcc},
    testing::{Bench, BenchError, Disk},
};
use proptest::prelude::*;
use scomo::{
    Branch, DeliveredStatus, DeployedStatus, DownloadStatus, ResultCode,
    device::{
        Activation, Asked, Cause, Component, Consent, Device, Effect, FetchEffect, InstallEffect,
        Package, PackageIs, Prompts, Question, Reporting, Scomo, Sink, Subject, Verdict,
    },
    server::{AnyOperation, Invoke, Vendor},
};

use crate::support::{Result, URL, account_of, config, uri};

// ---- the device -----------------------------------------------------------------------------------

/// How a device is while an operation is carried out.
#[derive(Clone, Copy, Debug)]
struct Mood {
    fetches: bool,
    verifies: bool,
    installs: bool,
    does: bool,
    keeps: bool,
    /// Puts the first phase off.
    postpones: bool,
    /// Refuses no Exec.
    allows: bool,
    /// Its user wants downloads, and installations.
    agrees: [bool; 2],
    /// Of the components that packages bring.
    version: u8,
}

impl Mood {
    const GOOD: Self = Self {
        fetches: true,
        verifies: true,
        installs: true,
        does: true,
        keeps: true,
        postpones: false,
        allows: true,
        agrees: [true; 2],
        version: 2,
    };
}

/// A device that notes what it starts.
#[derive(Clone)]
struct Machine(Arc<Mutex<Inner>>);

struct Inner {
    mood: Mood,
    /// Job, phase, and whether it was told that it is resumed.
    starts: Vec<(u64, &'static str, bool)>,
}

impl Machine {
    /// Whether a phase is to be put off; else it starts.
    fn starts(&self, phase: &'static str, job: &Job) -> bool {
        let mut inner = self.0.lock().unwrap();
        if core::mem::take(&mut inner.mood.postpones) {
            return false;
        }
        inner.starts.push((job.id.0, phase, job.resumed));
        true
    }

    fn components(&self, package: &Package) -> Vec<Component> {
        let version = self.mood().version.to_string();
        let component = |part| Component::new(format!("{}.{part}", package.id));
        ["app", "lib"]
            .map(|part| component(part).with_version(version.clone()))
            .to_vec()
    }

    fn mood(&self) -> Mood {
        self.0.lock().unwrap().mood
    }

    fn act(&self, phase: &'static str, job: &Job, works: bool, failure: ResultCode) -> Effect {
        match (self.starts(phase, job), works) {
            (false, _) => Effect::Deferred(Cause::Other),
            (true, true) => Effect::Done(ResultCode::SUCCESSFUL),
            (true, false) => Effect::Done(failure),
        }
    }
}

impl Device for Machine {
    fn fetch(&mut self, _: &Package, job: &Job) -> FetchEffect {
        let failure = ResultCode::DOWNLOAD_FAILED;
        self.act("fetch", job, self.mood().fetches, failure).into()
    }

    fn install(&mut self, package: &Package, _: Activation, job: &Job) -> InstallEffect {
        if !self.starts("install", job) {
            return InstallEffect::Deferred(Cause::Other);
        }
        let mood = self.mood();
        let kept = if mood.keeps {
            PackageIs::Kept
        } else {
            PackageIs::Deleted
        };
        if !mood.installs {
            return InstallEffect::Failed {
                result: ResultCode::INSTALL_FAILED,
                package: kept,
            };
        }
        InstallEffect::Installed {
            components: self.components(package),
            package: kept,
        }
    }

    fn contents(&mut self, package: &Package, _: &Job) -> Vec<Component> {
        self.components(package)
    }

    fn allows(&self, _: &Asked, _: &Subject) -> core::result::Result<(), dm_proto::StatusCode> {
        match self.mood().allows {
            true => Ok(()),
            false => Err(dm_proto::StatusCode::FORBIDDEN),
        }
    }

    fn confirm(&mut self, question: Question, _: &Subject, _: &Job) -> Consent {
        let [download, install] = self.mood().agrees;
        let agrees = match question {
            Question::Download => download,
            Question::Install => install,
            Question::Vendor => true,
        };
        if agrees { Consent::Yes } else { Consent::No }
    }

    fn activate(&mut self, _: &Component, job: &Job) -> Effect {
        self.act(
            "activate",
            job,
            self.mood().does,
            ResultCode::ACTIVATE_FAILED,
        )
    }

    fn deactivate(&mut self, _: &Component, job: &Job) -> Effect {
        self.act(
            "deactivate",
            job,
            self.mood().does,
            ResultCode::DEACTIVATE_FAILED,
        )
    }

    fn remove_component(&mut self, _: &Component, job: &Job) -> Effect {
        self.act(
            "remove component",
            job,
            self.mood().does,
            ResultCode::REMOVE_FAILED,
        )
    }

    fn remove_package(&mut self, _: &Package, job: &Job) -> Effect {
        self.act(
            "remove package",
            job,
            self.mood().does,
            ResultCode::REMOVE_FAILED,
        )
    }

    fn vendor(&mut self, _: &str, _: &Subject, job: &Job) -> Effect {
        self.act("scan", job, self.mood().does, ResultCode::new(1450))
    }

    fn verify(&mut self, _: &Package, _: &Job) -> Verdict {
        if self.mood().verifies {
            Verdict::Valid
        } else {
            Verdict::Invalid {
                result: ResultCode::PACKAGE_VALIDATION_FAILED,
                package: PackageIs::Kept,
            }
        }
    }

    fn sink(&self) -> Option<&dyn Sink> {
        Some(self)
    }
}

impl Sink for Machine {
    fn begin(&self, _: &NodeUri, _: u64) -> core::result::Result<(), dm_proto::StatusCode> {
        Ok(())
    }

    fn write(
        &self,
        _: &NodeUri,
        _: u64,
        _: &[u8],
    ) -> core::result::Result<(), dm_proto::StatusCode> {
        Ok(())
    }

    fn abandoned(&self, _: &NodeUri) {}
}

// ---- what is asked of it --------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Download,
    DownloadInstall,
    DownloadInstallInactive,
    /// Delivers so many octets, and installs.
    Deliver(usize),
    Install,
    InstallInactive,
    RemovePackage,
    Activate,
    Deactivate,
    RemoveComponent,
    /// A vendor's, on the package or component of a branch, or on the object.
    Scan(Option<Branch>),
}

#[derive(Clone, Debug)]
struct Act {
    kind: Kind,
    /// `a` or `b`; components are `a.app`, `a.lib`, ...
    package: &'static str,
    part: &'static str,
    /// The second server may read and execute, and nothing else; the third may only read.
    server: &'static str,
    mood: Mood,
    /// After so many exchanges.
    fault: Option<(usize, Fault)>,
    /// Before so many steps.
    cut: Option<u32>,
    /// After so many writes one fails, and the device starts again.
    write: Option<u32>,
    /// Between the Exec and the report the device speaks to another server.
    visits: bool,
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![
        Just(Kind::Download),
        Just(Kind::DownloadInstall),
        Just(Kind::DownloadInstallInactive),
        prop_oneof![Just(1), Just(30_000)].prop_map(Kind::Deliver),
        Just(Kind::Install),
        Just(Kind::InstallInactive),
        Just(Kind::RemovePackage),
        Just(Kind::Activate),
        Just(Kind::Deactivate),
        Just(Kind::RemoveComponent),
        prop::sample::select(
            &[
                None,
                Some(Branch::Download),
                Some(Branch::Delivered),
                Some(Branch::Deployed),
            ][..]
        )
        .prop_map(Kind::Scan),
    ];
    let works = || prop::bool::weighted(0.8);
    let mood = (
        works(),
        works(),
        works(),
        works(),
        works(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.9),
        [prop::bool::weighted(0.9), prop::bool::weighted(0.9)],
        1..4_u8,
    )
        .prop_map(
            |(fetches, verifies, installs, does, keeps, postpones, allows, agrees, version)| Mood {
                fetches,
                verifies,
                installs,
                does,
                keeps,
                postpones,
                allows,
                agrees,
                version,
            },
        );
    let fault = prop_oneof![
        Just(Fault::LoseRequest),
        Just(Fault::LoseAnswer),
        Just(Fault::RepeatRequest),
    ];
    (
        kind,
        prop_oneof![Just("a"), Just("b")],
        prop_oneof![Just("app"), Just("lib")],
        prop_oneof![6 => Just("srv1"), 3 => Just("srv2"), 1 => Just("srv3")],
        mood,
        prop::option::weighted(0.4, (1..8_usize, fault)),
        prop::option::weighted(0.4, 0..24_u32),
        prop::option::weighted(0.4, 0..24_u32),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(kind, package, part, server, mood, fault, cut, write, visits)| Act {
                kind,
                package,
                part,
                server,
                mood,
                fault,
                cut,
                write,
                visits,
            },
        )
}

impl Act {
    fn other_server(&self) -> &'static str {
        if self.server == "srv1" {
            "srv2"
        } else {
            "srv1"
        }
    }

    /// The node that it is about, and below which it prepares what it needs.
    fn node(&self) -> String {
        match self.kind {
            Kind::Download | Kind::DownloadInstall | Kind::DownloadInstallInactive => {
                format!("Download/{}", self.package)
            }
            Kind::Deliver(_) | Kind::Install | Kind::InstallInactive | Kind::RemovePackage => {
                format!("Inventory/Delivered/{}", self.package)
            }
            Kind::Activate | Kind::Deactivate | Kind::RemoveComponent => {
                format!("Inventory/Deployed/{}", self.component())
            }
            Kind::Scan(None) => String::new(),
            Kind::Scan(Some(Branch::Deployed)) => {
                format!("Inventory/Deployed/{}", self.component())
            }
            Kind::Scan(Some(Branch::Delivered)) => {
                format!("Inventory/Delivered/{}", self.package)
            }
            Kind::Scan(_) => format!("Download/{}", self.package),
        }
    }

    /// Whether its server writes something before it asks.
    fn prepares(&self) -> bool {
        self.fetches() || matches!(self.kind, Kind::Deliver(_))
    }

    fn fetches(&self) -> bool {
        matches!(
            self.kind,
            Kind::Download | Kind::DownloadInstall | Kind::DownloadInstallInactive
        )
    }

    /// The Status of each node that it changes; `None` if the node goes.
    fn statuses_after(
        &self,
        states: &States,
        ends: u16,
        status: &'static str,
    ) -> Vec<(String, Option<&'static str>)> {
        let node = self.node();
        if matches!(self.kind, Kind::Scan(_)) {
            return Vec::new();
        }
        if ends != 1200 {
            return vec![(node, Some(status))];
        }
        let mut changed = Vec::new();
        if self.fetches() {
            changed.push((node.clone(), None));
        }
        // Only what is there, and new or idle again: its own node, what was fetched, what was installed.
        let is_kept = !self.fetches() || self.kind == Kind::Download || self.mood.keeps;
        let delivered = format!("Inventory/Delivered/{}", self.package);
        let brings_package = matches!(self.kind, Kind::Deliver(_) | Kind::Install)
            || self.kind == Kind::InstallInactive
            || self.fetches();
        if brings_package && is_kept {
            let status = states.contains_key(&delivered).then_some("10");
            changed.push((delivered, status));
        }
        if brings_package && self.kind != Kind::Download {
            for part in ["app", "lib"] {
                let node = format!("Inventory/Deployed/{}.{part}", self.package);
                changed.push((node, Some("10")));
            }
        }
        match self.kind {
            Kind::RemovePackage | Kind::RemoveComponent => changed.push((node, None)),
            Kind::Activate | Kind::Deactivate => changed.push((node, Some("10"))),
            _ => {}
        }
        changed
    }

    /// How it ends once it is accepted, and the Status of its node if that is there afterwards.
    fn ends(&self, goes_back: bool) -> (u16, &'static str) {
        let Mood { keeps, agrees, .. } = self.mood;
        let [download, install] = agrees;
        let phases = if self.fetches() {
            let kept = if keeps { "60" } else { "70" };
            let phases = [
                (download, 1401, "20"),
                (self.mood.fetches, 1402, "20"),
                (self.mood.verifies, 1407, "60"),
                (!goes_back, 1405, "60"),
                (install, 1401, "60"),
                (self.mood.installs, 1405, kept),
            ];
            let len = if self.kind == Kind::Download { 2 } else { 6 };
            phases[..len].to_vec()
        } else {
            let does = self.mood.does;
            let kept = if keeps { "50" } else { "60" };
            match self.kind {
                Kind::RemovePackage | Kind::RemoveComponent => vec![(does, 1408, "20")],
                Kind::Activate => vec![(does, 1409, "40")],
                Kind::Deactivate => vec![(does, 1410, "60")],
                Kind::Scan(_) => vec![(does, 1450, "10")],
                _ => vec![
                    (self.mood.verifies, 1407, "50"),
                    (!goes_back, 1405, "50"),
                    (install, 1401, "50"),
                    (self.mood.installs, 1405, kept),
                ],
            }
        };
        phases
            .into_iter()
            .find(|(is_well, ..)| !is_well)
            .map_or((1200, "10"), |(_, result, status)| (result, status))
    }

    fn component(&self) -> String {
        format!("{}.{}", self.package, self.part)
    }

    fn operation(&self, id: u32) -> AnyOperation {
        let order =
            Order::new(self.server, format!("c{id}").as_str()).with_usual_roots([uri("./SCOMO")]);
        let package = scomo::server::Package::new(self.package);
        if let Kind::Scan(branch) = self.kind {
            let path = "Operations/Ext/Scan";
            return AnyOperation::Vendor(match branch {
                Some(Branch::Deployed) => {
                    Vendor::new(Branch::Deployed, self.component(), path, order)
                }
                Some(branch) => Vendor::new(branch, self.package, path, order),
                None => Vendor::of_object("Ext/Scan", order),
            });
        }
        AnyOperation::Invoke(match self.kind {
            Kind::Scan(_) => unreachable!("above"),
            Kind::Download => Invoke::download(package, URL, order),
            Kind::DownloadInstall => Invoke::download_install(package, URL, order),
            Kind::DownloadInstallInactive => Invoke::download_install_inactive(package, URL, order),
            Kind::Deliver(len) => {
                Invoke::deliver_install(package, Bytes::from(vec![7; len]), order)
            }
            Kind::Install => Invoke::install(self.package, order),
            Kind::InstallInactive => Invoke::install_inactive(self.package, order),
            Kind::RemovePackage => Invoke::remove_package(self.package, order),
            Kind::Activate => Invoke::activate(self.component(), order),
            Kind::Deactivate => Invoke::deactivate(self.component(), order),
            Kind::RemoveComponent => Invoke::remove_component(self.component(), order),
        })
    }

    /// The states that the table allows after a success. What was fetched of the package before goes with
    /// it.
    fn succeeded(&self, mut states: States, was_fetched: bool) -> States {
        let delivered = format!("Inventory/Delivered/{}", self.package);
        let deployed = |part: &str| format!("Inventory/Deployed/{}.{part}", self.package);
        let installs = match self.kind {
            Kind::DownloadInstall | Kind::Install | Kind::Deliver(_) => Some("20"),
            Kind::DownloadInstallInactive | Kind::InstallInactive => Some("10"),
            _ => None,
        };
        if let Some(state) = installs {
            for part in ["app", "lib"] {
                states.insert(deployed(part), state.into());
            }
            if self.mood.keeps {
                states.insert(delivered, "20".into());
            } else if !self.fetches() || was_fetched {
                states.remove(&delivered);
            }
            return states;
        }
        match self.kind {
            Kind::Download => {
                states.insert(delivered, "10".into());
            }
            Kind::RemovePackage => {
                states.remove(&delivered);
            }
            Kind::Activate => {
                states.insert(deployed(self.part), "20".into());
            }
            Kind::Deactivate => {
                states.insert(deployed(self.part), "10".into());
            }
            // A vendor operation changes nothing that is the standard's.
            Kind::Scan(_) => {}
            _ => {
                states.remove(&deployed(self.part));
                let is_left = ["app", "lib"]
                    .iter()
                    .any(|part| states.contains_key(&deployed(part)));
                if let Some(state) = states.get_mut(&delivered).filter(|_| !is_left) {
                    *state = "10".into();
                }
            }
        }
        states
    }
}

// ---- what is true of it ---------------------------------------------------------------------------

/// `State` by node.
type States = BTreeMap<String, String>;

/// Statuses of nodes that a job is on.
fn progressing(branch: &str) -> Vec<&'static str> {
    match branch {
        "Download" => vec![
            DownloadStatus::Downloading.as_str(),
            DownloadStatus::Downloaded.as_str(),
            DownloadStatus::Installing.as_str(),
        ],
        "Inventory/Delivered" => vec![
            DeliveredStatus::Installing.as_str(),
            DeliveredStatus::Removing.as_str(),
        ],
        _ => vec![
            DeployedStatus::Removing.as_str(),
            DeployedStatus::Activating.as_str(),
            DeployedStatus::Deactivating.as_str(),
        ],
    }
}

const SERVERS: [&str; 3] = ["srv1", "srv2", "srv3"];

const BRANCHES: [&str; 3] = ["Download", "Inventory/Delivered", "Inventory/Deployed"];

/// What goes wrong with all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mishap {
    None,
    /// A lost message ends its session.
    Impatience,
    /// The power is cut before this step.
    Cut(u32),
    /// This write fails.
    Write(u32),
}

struct World {
    bench: Bench<AnyOperation>,
    disk: Disk,
    machine: Machine,
}

impl World {
    fn new(reporting: Reporting, encoding: Encoding, is_impatient: bool) -> Result<Self> {
        let machine = Machine(Arc::new(Mutex::new(Inner {
            mood: Mood::GOOD,
            starts: Vec::new(),
        })));
        let device = machine.clone();
        let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
            let accounts = SERVERS.map(account_of).to_vec();
            let scan = NodeDescription::leaf("Scan", NodeFormat::Null).access(Access::EXEC);
            let mut config = config()
                .with_reporting(reporting)
                .with_prompts(Prompts::ALL)
                .with_vendor_node(scan);
            for branch in Branch::ALL {
                config = config
                    .with_vendor_operation(branch, "Scan")
                    .with_vendor_node_of(
                        branch,
                        NodeDescription::leaf("Note", NodeFormat::Chr).default_value("kept"),
                    );
            }
            vec![
                (
                    uri(DevInfo::ROOT),
                    Box::new(DevInfo::new("VIN:1", "Maker", "Model")),
                ),
                (
                    uri(DevDetail::ROOT),
                    Box::new(DevDetail::new("car", "Maker", "1", "1", "1")),
                ),
                (uri(DmAcc::ROOT), Box::new(DmAcc::new(accounts))),
                (uri("./SCOMO"), Box::new(Scomo::new(device.clone(), config))),
            ]
        };
        let disk = Disk::default();
        let mut bench = Bench::new(
            disk.clone(),
            account_of("srv1"),
            Box::new(objects),
            encoding,
        )?;
        bench.add_server(account_of("srv2"))?;
        bench.add_server(account_of("srv3"))?;
        if is_impatient {
            bench.configure(|config| config.retries = 0)?;
        }
        let mut transaction = bench.agent()?.begin(1);
        let root = transaction.view().node(&uri("./SCOMO")).expect("mounted");
        let acl = Acl::all(["srv1"])
            .grant(Right::Get, "srv2")
            .grant(Right::Exec, "srv2")
            .grant(Right::Get, "srv3");
        let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
        edit.put("", root.with_acl(acl)).expect("written");
        transaction.commit().expect("committed");
        Ok(Self {
            bench,
            disk,
            machine,
        })
    }

    fn names(&mut self, branch: &str) -> Result<Vec<String>> {
        self.bench.children(&format!("./SCOMO/{branch}"))
    }

    fn leaf(&mut self, path: &str) -> Result<String> {
        Ok(self
            .bench
            .value(&format!("./SCOMO/{path}"))?
            .unwrap_or_default())
    }

    /// `Status` by node.
    fn statuses(&mut self) -> Result<States> {
        let mut statuses = States::new();
        for branch in BRANCHES {
            for name in self.names(branch)? {
                let node = format!("{branch}/{name}");
                let status = self.leaf(&format!("{node}/Status"))?;
                statuses.insert(node, status);
            }
        }
        Ok(statuses)
    }

    /// Whether a package of this act has older components than there are.
    fn goes_back(&mut self, act: &Act) -> Result<bool> {
        let mut goes_back = false;
        for part in ["app", "lib"] {
            let path = format!("Inventory/Deployed/{}.{part}/Version", act.package);
            let version = self.leaf(&path)?;
            goes_back |= version
                .parse()
                .is_ok_and(|known: u8| known > act.mood.version);
        }
        Ok(goes_back)
    }

    /// Does it again after a restart if the disk fails.
    fn lasting(&mut self, what: impl Fn(&mut Bench<AnyOperation>) -> Result) -> Result {
        match what(&mut self.bench) {
            Err(BenchError::Agent(AgentError::Store(_))) => {
                self.bench.power_up()?;
                what(&mut self.bench)
            }
            result => result,
        }
    }

    fn states(&mut self) -> Result<States> {
        let mut states = States::new();
        for branch in ["Inventory/Delivered", "Inventory/Deployed"] {
            for name in self.names(branch)? {
                let node = format!("{branch}/{name}");
                let state = self.leaf(&format!("{node}/State"))?;
                states.insert(node, state);
            }
        }
        Ok(states)
    }

    /// Everything that can be seen of packages and components.
    fn whole(&mut self) -> Result<BTreeMap<String, String>> {
        let mut leaves = BTreeMap::new();
        for branch in BRANCHES {
            for name in self.names(branch)? {
                let node = format!("{branch}/{name}");
                for leaf in self.names(&node)? {
                    let path = format!("{node}/{leaf}");
                    let value = self.leaf(&path)?;
                    leaves.insert(path, value);
                }
            }
        }
        Ok(leaves)
    }

    /// Carries an operation out, whatever happens on the way.
    fn carry_out(&mut self, id: u32, act: &Act) -> Result {
        self.machine.0.lock().unwrap().mood = act.mood;
        self.bench.turn_to(act.server);
        self.bench.push(id, act.operation(id))?;
        if let Some((exchange, fault)) = act.fault {
            self.bench.fault(self.bench.exchanges() + exchange, fault);
        }
        if let Some(step) = act.cut {
            self.bench.power_cut(self.bench.steps() + step);
        }
        if let Some(write) = act.write {
            self.disk.fail_at(self.disk.commits() + write);
        }
        if act.visits {
            self.bench.run_session(Trigger::Server)?;
            self.bench.turn_to(act.other_server());
            self.bench.run_session(Trigger::Client)?;
            self.bench.turn_to(act.server);
        }
        self.bench.settle()?;
        for _ in 0..4 {
            let deferred = self.bench.agent()?.deferred_jobs().map(|job| job.id).next();
            if let Some(job) = deferred {
                self.lasting(|bench| bench.power_up())?;
                self.lasting(|bench| Ok(bench.agent()?.take_up(job, 1)?))?;
                self.bench.settle()?;
            }
            self.bench.turn_to(act.server);
            if self.bench.outcome(id)?.is_none() {
                self.bench.queue(|queue| queue.session_lost())?;
                self.bench.settle()?;
            }
        }
        self.bench.turn_to(act.server);
        Ok(())
    }
}

/// The steps and the writes that it took.
fn hold(
    acts: &[Act],
    reporting: Reporting,
    encoding: Encoding,
    mishap: Mishap,
) -> Result<(u32, u32)> {
    let mut world = World::new(reporting, encoding, mishap == Mishap::Impatience)?;
    let first = (world.bench.steps(), world.disk.commits());
    match mishap {
        Mishap::None | Mishap::Impatience => {}
        Mishap::Cut(step) => world.bench.power_cut(first.0 + step),
        Mishap::Write(write) => world.disk.fail_at(first.1 + write),
    }
    let mut known_jobs = BTreeSet::new();
    let mut cuts = usize::from(matches!(mishap, Mishap::Cut(_) | Mishap::Write(_)));
    let mut resumed = 0;
    for (id, act) in (1..).zip(acts) {
        let before = world.states()?;
        let statuses_before = world.statuses()?;
        let goes_back = world.goes_back(act)?;
        let delivered = format!("Inventory/Delivered/{}", act.package);
        let content = world.leaf(&format!("{delivered}/Ext/Content"))?;
        let was_fetched = content == "fetched";
        let said = world.bench.transcript.len();
        let all_before = world.whole()?;
        world.carry_out(id, act)?;

        // Exactly one outcome, at its server, and nothing that belongs to none.
        let finished = Notice::Finished(id);
        let told = world
            .bench
            .notices
            .iter()
            .filter(|notice| **notice == finished);
        assert_eq!(told.count(), 1, "{act:?}");
        let stray = |notice: &Notice| matches!(notice, Notice::Unclaimed(_));
        assert!(!world.bench.notices.iter().any(stray), "{act:?}");

        // Each phase of its job started once, and once more for each time it was told so.
        let starts = core::mem::take(&mut world.machine.0.lock().unwrap().starts);
        let fresh = || starts.iter().filter(|(_, _, resumed)| !resumed);
        let mut phases = BTreeSet::new();
        for (job, phase, _) in fresh() {
            assert!(
                phases.insert((job, phase)),
                "{phase} twice: {starts:?} {act:?}"
            );
        }
        let jobs: BTreeSet<u64> = starts.iter().map(|(job, ..)| *job).collect();
        assert!(jobs.len() <= 1, "{starts:?} {act:?}");
        assert!(jobs.is_disjoint(&known_jobs), "{act:?}");
        known_jobs.extend(jobs);
        // A cut may come to pass in a later operation.
        cuts += usize::from(act.cut.is_some()) + usize::from(act.write.is_some());
        resumed += starts.len() - fresh().count();
        assert!(resumed <= cuts, "{starts:?} {act:?}");

        // An Exec that was answered with its result has no report.
        let messages = world.bench.transcript.get(said..).unwrap_or_default();
        let client = messages.iter().filter(|(side, _)| *side == Side::Client);
        let commands = || client.clone().flat_map(|(_, message)| &message.commands);
        let has_result = commands().any(|command| match command {
            Command::Status(status) => {
                status.cmd == CommandName::EXEC && status.data.as_u16() >= 1200
            }
            _ => false,
        });
        let has_report = commands().any(|command| match command {
            Command::Alert(alert) => alert.code == Some(AlertCode::GENERIC_ALERT),
            _ => false,
        });
        assert!(!has_result || !has_report, "{act:?}");

        // States go where the table leads, the code is that of the phase that failed, and nothing is left
        // under way.
        let summary = world.bench.outcome(id)?.expect("finished").summary();
        let after = world.states()?;
        let result = summary.result.map(|code| code.as_u16());
        let (ends, status) = act.ends(goes_back);
        let mut expected = before.clone();
        if matches!(act.kind, Kind::Deliver(_)) && result.is_some() {
            expected.insert(act.node(), "10".into());
        }
        if summary.state.as_str() == "succeeded" {
            expected = act.succeeded(expected, was_fetched);
        }
        let mut statuses = world.statuses()?;
        let mut statuses_expected = statuses_before;
        let is_idle = starts.is_empty() && matches!(act.kind, Kind::Activate | Kind::Deactivate);
        if result.is_some() && !is_idle {
            assert_eq!(result, Some(ends), "{act:?}");
            assert!(act.mood.allows && act.server != "srv3", "{act:?}");
            for (node, status) in act.statuses_after(&after, ends, status) {
                match status {
                    Some(status) => statuses_expected.insert(node, status.into()),
                    None => statuses_expected.remove(&node),
                };
            }
            if act.fetches() && was_fetched && !act.mood.keeps {
                if !after.contains_key(&delivered) {
                    statuses_expected.remove(&delivered);
                } else if status == "70" {
                    statuses_expected.insert(delivered, "60".into());
                }
            }
        } else {
            assert!(starts.is_empty(), "{act:?} {summary:?}");
            if act.prepares() {
                // What its server wrote before it was refused may be there.
                for states in [&mut expected, &mut statuses_expected] {
                    states.remove(&act.node());
                }
                statuses.remove(&act.node());
            } else {
                assert_eq!(world.whole()?, all_before, "{act:?} {summary:?}");
            }
        }
        let mut after = after;
        if result.is_none() && act.prepares() {
            after.remove(&act.node());
        }
        assert_eq!(after, expected, "{act:?} {summary:?}");
        assert_eq!(statuses, statuses_expected, "{act:?} {summary:?}");
        if act.server != "srv1" && starts.is_empty() && result.is_none() {
            // What it may not prepare it need not, so that nothing at all has changed.
            assert_eq!(world.whole()?, all_before, "{act:?} {summary:?}");
        }
        for branch in BRANCHES {
            for name in world.names(branch)? {
                let status = world.leaf(&format!("{branch}/{name}/Status"))?;
                let known = match branch {
                    "Download" => DownloadStatus::parse(&status).is_some(),
                    "Inventory/Delivered" => DeliveredStatus::parse(&status).is_some(),
                    _ => DeployedStatus::parse(&status).is_some(),
                };
                assert!(known, "{branch}/{name} is {status}");
                let note = world.leaf(&format!("{branch}/{name}/Ext/Note"))?;
                assert_eq!(note, "kept", "{branch}/{name}: {act:?}");
                let jobs = world.leaf(&format!("{branch}/{name}/Ext/Jobs"))?;
                assert_eq!(jobs, "", "{branch}/{name}: {act:?}");
                let is_left = progressing(branch).contains(&status.as_str());
                assert!(!is_left, "{branch}/{name} is {status}: {act:?}");
            }
        }
    }
    let writes = world.disk.commits() - first.1;
    Ok((world.bench.steps() - first.0, writes))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 80,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_states_follow_the_table_and_outcomes_come_once(
        acts in prop::collection::vec(act(), 1..10),
        reporting in prop_oneof![
            Just(Reporting::Synchronous),
            Just(Reporting::InSession),
            Just(Reporting::AfterSession),
        ],
        encoding in prop_oneof![Just(Encoding::Xml), Just(Encoding::Wbxml)],
        mishap in prop_oneof![Just(Mishap::None), Just(Mishap::Impatience)],
    ) {
        hold(&acts, reporting, encoding, mishap).expect("both go on");
    }
}

#[test]
fn a_restart_or_a_failed_write_at_every_step_changes_nothing_of_it() -> Result {
    let act = |kind, mood| Act {
        kind,
        package: "a",
        part: "app",
        server: "srv1",
        mood,
        fault: None,
        cut: None,
        write: None,
        visits: false,
    };
    let fails = Mood {
        does: false,
        ..Mood::GOOD
    };
    let acts = [
        act(Kind::DownloadInstallInactive, Mood::GOOD),
        act(Kind::Activate, fails),
        act(Kind::RemoveComponent, Mood::GOOD),
    ];
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        let hold = |mishap| hold(&acts, reporting, Encoding::Wbxml, mishap);
        let (steps, writes) = hold(Mishap::None)?;
        for step in 0..steps {
            hold(Mishap::Cut(step))?;
        }
        for write in 0..writes {
            hold(Mishap::Write(write))?;
        }
    }
    Ok(())
}
