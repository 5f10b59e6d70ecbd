//! A car, its server, and the ways to run a flow.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dm_proto::{
    StatusCode, Text,
    auth::{Account, Credentials, Scheme, Side},
    codec::Encoding,
};
use dm_tree::{
    NodeUri,
    object::{Change, Job, ManagementObject, Outcome},
    remote::{Notice, Order},
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::Redb,
    testing::{Bench, BenchError, Disk},
};
use scomo::{
    ResultCode,
    device::{
        Activation, Asked, Cause, Component, Config, Consent, Device, Effect, Facts, FetchEffect,
        InstallEffect, Package, PackageIs, Question, Reporting, Request, Scomo, Sink, Subject,
        Verdict,
    },
    server::{AnyOperation, AnyOutcome},
};

pub(crate) type Result<T = (), E = BenchError> = core::result::Result<T, E>;

/// What a car does, and what it has done.
#[derive(Clone, Default)]
pub(crate) struct Car(Arc<Mutex<Inner>>);

struct Inner {
    done: Vec<String>,
    fetch: ResultCode,
    install: core::result::Result<PackageIs, (ResultCode, PackageIs)>,
    other: ResultCode,
    veto: Option<StatusCode>,
    /// What the sink has taken, by node, if there is one.
    sink: Option<BTreeMap<String, Vec<u8>>>,
    /// The largest piece that came.
    largest: usize,
    /// Octets for which the sink has room.
    room: u64,
    /// What the next answers of the user are; yes if there is none.
    answers: VecDeque<Consent>,
    verdict: Verdict,
    contents: Vec<Component>,
    /// What an installation brings instead of the usual, and takes.
    update: Option<(Vec<Component>, Vec<Text>)>,
    /// The code of a good installation, if it is a vendor's.
    installed: Option<ResultCode>,
    /// Which phases are put off: one after the other, those with a cause.
    deferrals: VecDeque<Option<Cause>>,
    /// What is found out about what is fetched.
    facts: Option<Facts>,
    /// What was known of the packages that were verified.
    verified: Vec<Facts>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            done: Vec::new(),
            fetch: ResultCode::SUCCESSFUL,
            install: Ok(PackageIs::Kept),
            other: ResultCode::SUCCESSFUL,
            veto: None,
            sink: None,
            largest: 0,
            room: u64::MAX,
            answers: VecDeque::new(),
            verdict: Verdict::Valid,
            contents: Vec::new(),
            update: None,
            installed: None,
            deferrals: VecDeque::new(),
            facts: None,
            verified: Vec::new(),
        }
    }
}

impl Car {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done since the last time.
    pub(crate) fn done(&self) -> Vec<String> {
        core::mem::take(&mut self.inner().done)
    }

    /// Fetching ends like this.
    pub(crate) fn fetches(&self, result: ResultCode) {
        self.inner().fetch = result;
    }

    /// Installing succeeds, and this becomes of the package.
    pub(crate) fn installs(&self, package: PackageIs) {
        self.inner().install = Ok(package);
    }

    /// Installing succeeds with the code of a vendor.
    pub(crate) fn installs_with(&self, result: ResultCode) {
        self.inner().installed = Some(result);
    }

    /// Installing fails.
    pub(crate) fn cannot_install(&self, result: ResultCode, package: PackageIs) {
        self.inner().install = Err((result, package));
    }

    /// Everything else ends like this.
    pub(crate) fn ends_with(&self, result: ResultCode) {
        self.inner().other = result;
    }

    /// Primitives are refused.
    pub(crate) fn vetoes(&self, status: StatusCode) {
        self.inner().veto = Some(status);
    }

    /// Large deliveries go past the tree, as far as there is room.
    pub(crate) fn has_sink(&self, room: u64) {
        let mut inner = self.inner();
        inner.sink = Some(BTreeMap::new());
        inner.room = room;
    }

    /// The octets of the largest piece that the sink got.
    pub(crate) fn largest_piece(&self) -> usize {
        self.inner().largest
    }

    /// What the sink has.
    pub(crate) fn sunk(&self) -> Vec<(String, Vec<u8>)> {
        let sink = self.inner().sink.clone();
        sink.into_iter().flatten().collect()
    }

    /// The user answers like this, one question after the other.
    pub(crate) fn user_answers(&self, answers: impl IntoIterator<Item = Consent>) {
        self.inner().answers.extend(answers);
    }

    /// Packages are found to be this.
    pub(crate) fn finds(&self, verdict: Verdict) {
        self.inner().verdict = verdict;
    }

    /// Packages are going to install these.
    pub(crate) fn announces(&self, contents: impl IntoIterator<Item = Component>) {
        self.inner().contents = contents.into_iter().collect();
    }

    /// Installing brings and takes these.
    pub(crate) fn updates(&self, components: Vec<Component>, removed: Vec<Text>) {
        self.inner().update = Some((components, removed));
    }

    /// This is found out about what is fetched.
    pub(crate) fn finds_out(&self, facts: Facts) {
        self.inner().facts = Some(facts);
    }

    /// What was known of the packages that were verified since the last time.
    pub(crate) fn verified(&self) -> Vec<Facts> {
        core::mem::take(&mut self.inner().verified)
    }

    /// The next phases are put off.
    pub(crate) fn puts_off(&self, causes: impl IntoIterator<Item = Cause>) {
        self.inner().deferrals.extend(causes.into_iter().map(Some));
    }

    /// The next phase is run, and those behind it are put off.
    pub(crate) fn runs_and_puts_off(&self, causes: impl IntoIterator<Item = Cause>) {
        self.inner().deferrals.push_back(None);
        self.puts_off(causes);
    }

    fn put_off(&self, what: &str, job: &Job) -> Option<Cause> {
        let cause = self.inner().deferrals.pop_front()??;
        self.note(format!("not now: {what}"), job);
        Some(cause)
    }

    fn note(&self, what: String, job: &Job) {
        let resumed = if job.resumed { " again" } else { "" };
        self.inner().done.push(format!("{what}{resumed}"));
    }

    fn act(&self, what: String, job: &Job) -> Effect {
        if let Some(cause) = self.put_off(&what, job) {
            return Effect::Deferred(cause);
        }
        self.note(what, job);
        Effect::Done(self.inner().other)
    }
}

fn called(subject: &Subject) -> &str {
    subject.id().map_or("the object", Text::as_str)
}

impl Device for Car {
    fn fetch(&mut self, package: &Package, job: &Job) -> FetchEffect {
        if let Some(cause) = self.put_off("fetch", job) {
            return FetchEffect::Deferred(cause);
        }
        let url = package.url.as_deref().unwrap_or("nowhere");
        self.note(format!("fetch {} from {url}", package.id), job);
        let inner = self.inner();
        match &inner.facts {
            Some(facts) if inner.fetch.is_success() => FetchEffect::Fetched(facts.clone()),
            _ => FetchEffect::Done(inner.fetch),
        }
    }

    /// A package `x` holds the components `x.app` and `x.lib`.
    fn install(&mut self, package: &Package, activation: Activation, job: &Job) -> InstallEffect {
        if let Some(cause) = self.put_off("install", job) {
            return InstallEffect::Deferred(cause);
        }
        let data = match (&package.data, package.received) {
            (Some(data), _) => format!(" of {} octets", data.len()),
            (None, Some(received)) => {
                let key = package.uri.as_str();
                let sink = self.inner().sink.clone().unwrap_or_default();
                assert_eq!(sink.get(key).map(Vec::len), Some(received as usize));
                format!(" of {received} octets in the sink")
            }
            (None, None) => String::new(),
        };
        self.note(format!("install {}{data} {activation:?}", package.id), job);
        if let Some((components, removed)) = self.inner().update.clone() {
            return InstallEffect::Updated {
                components,
                removed,
                package: PackageIs::Kept,
            };
        }
        let components = ["app", "lib"].map(|part| {
            Component::new(format!("{}.{part}", package.id))
                .named(part)
                .with_version(package.install_params.as_deref().unwrap_or("1"))
        });
        if let Some(result) = self.inner().installed {
            let request = Request::of(job).expect("it is ours");
            let outcome = request.installed(components.to_vec(), PackageIs::Kept);
            return InstallEffect::Done(Outcome {
                code: result.into(),
                ..outcome
            });
        }
        match self.inner().install {
            Ok(package) => InstallEffect::Installed {
                components: components.to_vec(),
                package,
            },
            Err((result, package)) => InstallEffect::Failed { result, package },
        }
    }

    fn activate(&mut self, component: &Component, job: &Job) -> Effect {
        self.act(format!("activate {}", component.id), job)
    }

    fn deactivate(&mut self, component: &Component, job: &Job) -> Effect {
        self.act(format!("deactivate {}", component.id), job)
    }

    fn remove_component(&mut self, component: &Component, job: &Job) -> Effect {
        self.act(format!("remove component {}", component.id), job)
    }

    fn remove_package(&mut self, package: &Package, job: &Job) -> Effect {
        if let Some(sink) = &mut self.inner().sink {
            sink.remove(package.uri.as_str());
        }
        self.act(format!("remove package {}", package.id), job)
    }

    fn vendor(&mut self, path: &str, subject: &Subject, job: &Job) -> Effect {
        self.act(format!("do {path} on {}", called(subject)), job)
    }

    fn vendor_change(
        &self,
        path: &str,
        change: &Change<'_>,
    ) -> core::result::Result<(), StatusCode> {
        match change {
            Change::Replace(_, node) if node.as_str() == Some("forbidden") => {
                self.inner().done.push(format!("refuse {path}"));
                Err(StatusCode::FORBIDDEN)
            }
            _ => Ok(()),
        }
    }

    fn download_abandoned(&self, package: &Package, delivered: PackageIs) {
        let what = format!("abandon {}, {delivered:?} elsewhere", package.id);
        self.inner().done.push(what);
    }

    fn supports_environment(&self, env_type: &str) -> bool {
        env_type != "toaster"
    }

    fn allows(&self, _: &Asked, _: &Subject) -> core::result::Result<(), StatusCode> {
        self.inner().veto.map_or(Ok(()), Err)
    }

    fn sink(&self) -> Option<&dyn Sink> {
        self.inner().sink.is_some().then_some(self)
    }

    fn confirm(&mut self, question: Question, subject: &Subject, job: &Job) -> Consent {
        self.note(format!("ask {question:?} {}", called(subject)), job);
        self.inner().answers.pop_front().unwrap_or(Consent::Yes)
    }

    fn verify(&mut self, package: &Package, _: &Job) -> Verdict {
        let mut inner = self.inner();
        inner.verified.push(package.facts.clone());
        inner.verdict
    }

    fn contents(&mut self, _: &Package, _: &Job) -> Vec<Component> {
        self.inner().contents.clone()
    }
}

impl Sink for Car {
    fn begin(&self, uri: &NodeUri, size: u64) -> core::result::Result<(), StatusCode> {
        let mut inner = self.inner();
        if size > inner.room {
            return Err(StatusCode::DEVICE_FULL);
        }
        let sink = inner.sink.get_or_insert_default();
        sink.insert(uri.as_str().into(), Vec::new());
        Ok(())
    }

    fn write(
        &self,
        uri: &NodeUri,
        offset: u64,
        octets: &[u8],
    ) -> core::result::Result<(), StatusCode> {
        let mut inner = self.inner();
        inner.largest = inner.largest.max(octets.len());
        let file = inner
            .sink
            .get_or_insert_default()
            .entry(uri.as_str().into())
            .or_default();
        let offset = usize::try_from(offset).expect("small");
        assert!(offset <= file.len(), "a hole");
        file.truncate(offset);
        file.extend_from_slice(octets);
        Ok(())
    }

    fn end(&self, uri: &NodeUri, size: u64) -> core::result::Result<(), StatusCode> {
        let sunk = self.sunk();
        let file = sunk.iter().find(|(key, _)| key == uri.as_str());
        assert_eq!(file.map(|(_, file)| file.len()), usize::try_from(size).ok());
        Ok(())
    }

    fn abandoned(&self, uri: &NodeUri) {
        if let Some(sink) = &mut self.inner().sink {
            sink.remove(uri.as_str());
        }
    }
}

/// A car and its server.
pub(crate) struct Setup {
    pub(crate) bench: Bench<AnyOperation>,
    pub(crate) car: Car,
}

impl Setup {
    /// Gives the server an operation, and runs sessions until nobody has anything left to say.
    pub(crate) fn carry_out(&mut self, id: u32, operation: impl Into<AnyOp>) -> Result {
        self.bench.push(id, operation.into().0)?;
        self.bench.settle()
    }

    /// The flat form of an outcome: state, status, result, and the identifiers reported on.
    pub(crate) fn summary(&mut self, id: u32) -> Result<(&'static str, u16, u16, Vec<String>)> {
        let Some(outcome) = self.bench.outcome(id)? else {
            return Ok(("none", 0, 0, Vec::new()));
        };
        let summary = outcome.summary();
        let number = |code: Option<StatusCode>| code.map_or(0, StatusCode::as_u16);
        let components = summary
            .components
            .iter()
            .map(|component| {
                let id = component.id.as_deref().unwrap_or("?");
                let uri = component.uri.as_deref().unwrap_or("?");
                format!("{id} at {uri}")
            })
            .collect();
        Ok((
            summary.state.as_str(),
            number(summary.status),
            number(summary.result),
            components,
        ))
    }

    /// State, status and result of an operation.
    pub(crate) fn codes(&mut self, id: u32) -> Result<(&'static str, u16, u16)> {
        let (state, status, result, _) = self.summary(id)?;
        Ok((state, status, result))
    }

    /// Whether the server was told of one outcome, once, and of no report that belongs to nothing.
    pub(crate) fn is_told_once(&self) -> bool {
        let count = |wanted: fn(&Notice) -> bool| {
            self.bench
                .notices
                .iter()
                .filter(|notice| wanted(notice))
                .count()
        };
        count(|notice| matches!(notice, Notice::Finished(_))) == 1
            && count(|notice| matches!(notice, Notice::Unclaimed(_))) == 0
    }

    pub(crate) fn outcome(&mut self, id: u32) -> Result<Option<AnyOutcome>> {
        self.bench.outcome(id)
    }

    /// What the server sent, statuses aside, message by message.
    pub(crate) fn server_sent(&self) -> Vec<String> {
        self.bench.commands(Side::Server)
    }

    /// The value of a leaf of the object.
    pub(crate) fn value(&mut self, path: &str) -> Result<String> {
        let value = self.bench.value(&format!("./SCOMO/{path}"))?;
        Ok(value.unwrap_or_else(|| "missing".into()))
    }

    pub(crate) fn children(&mut self, path: &str) -> Result<Vec<String>> {
        self.bench.children(&format!("./SCOMO/{path}"))
    }
}

/// Whatever makes an operation.
pub(crate) struct AnyOp(AnyOperation);

impl From<scomo::server::Invoke> for AnyOp {
    fn from(operation: scomo::server::Invoke) -> Self {
        Self(AnyOperation::Invoke(operation))
    }
}

impl From<scomo::server::Vendor> for AnyOp {
    fn from(operation: scomo::server::Vendor) -> Self {
        Self(AnyOperation::Vendor(operation))
    }
}

impl From<scomo::server::Inventory> for AnyOp {
    fn from(operation: scomo::server::Inventory) -> Self {
        Self(AnyOperation::Inventory(operation))
    }
}

pub(crate) fn config() -> Config {
    Config::new(["srv1"])
}

pub(crate) fn order(correlator: &str) -> Order {
    Order::new("srv1", correlator).with_usual_roots([uri("./SCOMO")])
}

/// The package that most flows are about.
pub(crate) fn game() -> scomo::server::Package {
    scomo::server::Package::new("game").named("The game")
}

pub(crate) const URL: &str = "https://packages.example.com/game";

pub(crate) fn uri(text: &str) -> NodeUri {
    NodeUri::parse(text).expect("a valid uri")
}

pub(crate) fn account() -> Account {
    account_of("srv1")
}

pub(crate) fn account_of(server: &str) -> Account {
    let credentials = |name: &str| Credentials {
        scheme: Scheme::Basic,
        name: name.into(),
        secret: format!("{name}-secret").into(),
        nonce: Default::default(),
    };
    Account {
        server_id: Text::from(server),
        server_uri: format!("http://{server}.example.com/dm").into(),
        device_uri: "VIN:WVWZZZ1JZXW000001".into(),
        client: credentials("car"),
        server: credentials(server),
    }
}

pub(crate) fn start(config: Config, disk: Disk, encoding: Encoding) -> Result<Setup> {
    start_as(config, disk, encoding, |_| ())
}

/// The same with a car that describes itself in its own way.
pub(crate) fn start_as(
    config: Config,
    disk: Disk,
    encoding: Encoding,
    describe: impl Fn(&mut DevDetail) + 'static,
) -> Result<Setup> {
    let car = Car::default();
    let device = car.clone();
    let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
        let mut dev_detail = DevDetail::new("car", "Maker", "1", "1", "1");
        describe(&mut dev_detail);
        vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("VIN:WVWZZZ1JZXW000001", "Maker", "Model")),
            ),
            (uri(DevDetail::ROOT), Box::new(dev_detail)),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()]))),
            (
                uri("./SCOMO"),
                Box::new(Scomo::new(device.clone(), config.clone())),
            ),
        ]
    };
    let bench = Bench::new(disk, account(), Box::new(objects), encoding)?;
    Ok(Setup { bench, car })
}

/// Runs a flow in both encodings, on both stores.
pub(crate) fn each(config: &Config, flow: impl Fn(&mut Setup) -> Result) -> Result {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        for disk in [Disk::default(), redb()] {
            flow(&mut start(config.clone(), disk, encoding)?)?;
        }
    }
    Ok(())
}

/// The same, and with each way of reporting.
pub(crate) fn each_way(config: &Config, flow: impl Fn(&mut Setup) -> Result) -> Result {
    for reporting in [
        Reporting::Synchronous,
        Reporting::InSession,
        Reporting::AfterSession,
    ] {
        each(&config.clone().with_reporting(reporting), &flow)?;
    }
    Ok(())
}

fn redb() -> Disk {
    let database = redb::Database::builder()
        .create_with_backend(redb::backends::InMemoryBackend::new())
        .expect("a database in memory");
    Disk::new(Redb::with_database(database).expect("an empty database"))
}
