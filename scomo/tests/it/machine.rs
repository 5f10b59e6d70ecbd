//! Any operations of two servers with different rights, with failures, refusals, lost and doubled
//! messages and power cuts: states change as the table says, phases start once, outcomes come once, vendors' nodes stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use dm_proto::{codec::Encoding, testing::Fault};
use dm_tree::{
    Acl, NodeFormat, NodeUri, Right,
    description::{Access, NodeDescription},
    object::{Job, ManagementObject},
    remote::{Notice, Order},
    std_objects::{DevDetail, DevInfo, DmAcc},
    testing::{Bench, Disk},
};
use proptest::prelude::*;
use scomo::{
    Branch, DeliveredStatus, DeployedStatus, DownloadStatus, ResultCode,
    device::{
        Activation, Cause, Component, Device, Effect, FetchEffect, InstallEffect, Package,
        PackageIs, Reporting, Scomo, Sink, Subject, Verdict,
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
        let components =
            ["app", "lib"].map(|part| Component::new(format!("{}.{part}", package.id)));
        InstallEffect::Installed {
            components: components.to_vec(),
            package: kept,
        }
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
    /// The second server may read and execute, and nothing else.
    is_second: bool,
    mood: Mood,
    /// After so many exchanges.
    fault: Option<(usize, Fault)>,
    /// Before so many steps.
    cut: Option<u32>,
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
    )
        .prop_map(
            |(fetches, verifies, installs, does, keeps, postpones)| Mood {
                fetches,
                verifies,
                installs,
                does,
                keeps,
                postpones,
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
        prop::bool::weighted(0.3),
        mood,
        prop::option::weighted(0.4, (1..8_usize, fault)),
        prop::option::weighted(0.4, 0..24_u32),
    )
        .prop_map(|(kind, package, part, is_second, mood, fault, cut)| Act {
            kind,
            package,
            part,
            is_second,
            mood,
            fault,
            cut,
        })
}

impl Act {
    fn server(&self) -> &'static str {
        if self.is_second { "srv2" } else { "srv1" }
    }

    fn component(&self) -> String {
        format!("{}.{}", self.package, self.part)
    }

    fn operation(&self, id: u32) -> AnyOperation {
        let order =
            Order::new(self.server(), format!("c{id}").as_str()).with_usual_roots([uri("./SCOMO")]);
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

    /// The states that the table allows after a success.
    fn succeeded(&self, mut states: States) -> States {
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
            } else if !matches!(
                self.kind,
                Kind::DownloadInstall | Kind::DownloadInstallInactive
            ) {
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

struct World {
    bench: Bench<AnyOperation>,
    machine: Machine,
}

impl World {
    fn new(reporting: Reporting, encoding: Encoding) -> Result<Self> {
        let mood = Mood {
            fetches: true,
            verifies: true,
            installs: true,
            does: true,
            keeps: true,
            postpones: false,
        };
        let machine = Machine(Arc::new(Mutex::new(Inner {
            mood,
            starts: Vec::new(),
        })));
        let device = machine.clone();
        let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
            let accounts = vec![account_of("srv1"), account_of("srv2")];
            let scan = NodeDescription::leaf("Scan", NodeFormat::Null).access(Access::EXEC);
            let mut config = config().with_reporting(reporting).with_vendor_node(scan);
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
        let mut bench = Bench::new(disk, account_of("srv1"), Box::new(objects), encoding)?;
        bench.add_server(account_of("srv2"))?;
        let mut transaction = bench.agent()?.begin(1);
        let root = transaction.view().node(&uri("./SCOMO")).expect("mounted");
        let acl = Acl::all(["srv1"])
            .grant(Right::Get, "srv2")
            .grant(Right::Exec, "srv2");
        let mut edit = transaction.edit(&uri("./SCOMO")).expect("mounted");
        edit.put("", root.with_acl(acl)).expect("written");
        transaction.commit().expect("committed");
        Ok(Self { bench, machine })
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
        for branch in ["Download", "Inventory/Delivered", "Inventory/Deployed"] {
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
        self.bench.turn_to(act.server());
        self.bench.push(id, act.operation(id))?;
        if let Some((exchange, fault)) = act.fault {
            self.bench.fault(self.bench.exchanges() + exchange, fault);
        }
        if let Some(step) = act.cut {
            self.bench.power_cut(self.bench.steps() + step);
        }
        self.bench.settle()?;
        let deferred = self.bench.agent()?.deferred_jobs().map(|job| job.id).next();
        if let Some(job) = deferred {
            self.bench.power_up()?;
            self.bench.agent()?.take_up(job, 1)?;
            self.bench.settle()?;
        }
        self.bench.turn_to(act.server());
        if self.bench.outcome(id)?.is_none() {
            self.bench.queue(|queue| queue.session_lost())?;
            self.bench.settle()?;
        }
        Ok(())
    }
}

fn hold(acts: &[Act], reporting: Reporting, encoding: Encoding) -> Result {
    let mut world = World::new(reporting, encoding)?;
    let mut known_jobs = BTreeSet::new();
    let (mut cuts, mut resumed) = (0, 0);
    for (id, act) in (1..).zip(acts) {
        let before = world.states()?;
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
        cuts += usize::from(act.cut.is_some());
        resumed += starts.len() - fresh().count();
        assert!(resumed <= cuts, "{starts:?} {act:?}");

        // States go where the table leads, and nothing is left under way.
        let summary = world.bench.outcome(id)?.expect("finished").summary();
        let after = world.states()?;
        match summary.state.as_str() {
            "succeeded" => assert_eq!(after, act.succeeded(before.clone()), "{act:?}"),
            "failed" if matches!(act.kind, Kind::Deliver(_)) => {
                let mut delivered = before.clone();
                let node = format!("Inventory/Delivered/{}", act.package);
                delivered.insert(node, "10".into());
                assert!(after == delivered || after == before, "{act:?} {after:?}");
            }
            _ => assert_eq!(after, before, "{act:?} {summary:?}"),
        }
        let is_tried = matches!(summary.state.as_str(), "succeeded" | "failed");
        if act.is_second && !is_tried {
            // What it may not prepare it need not, so that nothing at all has changed.
            assert!(starts.is_empty(), "{act:?}");
            assert_eq!(world.whole()?, all_before, "{act:?} {summary:?}");
        }
        for branch in ["Download", "Inventory/Delivered", "Inventory/Deployed"] {
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
    Ok(())
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
    ) {
        hold(&acts, reporting, encoding).expect("both go on");
    }
}
