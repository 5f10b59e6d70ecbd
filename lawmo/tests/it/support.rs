//! A phone, its server, and the ways to run a flow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_proto::{
    StatusCode, Text,
    auth::{Account, Credentials, Scheme, Side},
    codec::Encoding,
    session::DeviceProfile,
};
use dm_tree::{
    NodeUri,
    object::{Change, Job, ManagementObject},
    remote::{Notice, Order, Summary},
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::Redb,
    testing::{Bench, BenchError, Disk},
};
use lawmo::{
    ResultCode,
    device::{
        Asked, Config, Consent, Device, Effect, ItemOutcome, Lawmo, Request, ResetEffect, Standing,
        WipeEffect, WipeItem,
    },
    server::{AnyOperation, AnyOutcome},
};

pub(crate) type Result<T = (), E = BenchError> = core::result::Result<T, E>;

/// What a phone does, and what it has done.
#[derive(Clone, Default)]
pub(crate) struct Phone(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    done: Vec<String>,
    result: Option<ResultCode>,
    next_result: Option<ResultCode>,
    veto: Option<ResultCode>,
    is_slow: bool,
    is_deferring: bool,
    items: Vec<(String, ItemOutcome)>,
    at_a_time: Option<usize>,
    list: Option<Vec<WipeItem>>,
    consent: Option<Consent>,
    standings: Vec<Standing>,
}

impl Phone {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was done since the last time.
    pub(crate) fn done(&self) -> Vec<String> {
        core::mem::take(&mut self.inner().done)
    }

    /// Every operation ends like this.
    pub(crate) fn ends_with(&self, result: ResultCode) {
        self.inner().result = Some(result);
    }

    /// The next operation ends like this.
    pub(crate) fn ends_once_with(&self, result: ResultCode) {
        self.inner().next_result = Some(result);
    }

    /// Operations are refused.
    pub(crate) fn vetoes(&self, result: ResultCode) {
        self.inner().veto = Some(result);
    }

    /// Operations go on elsewhere.
    pub(crate) fn is_slow(&self) {
        self.inner().is_slow = true;
    }

    /// Operations are done at once again.
    pub(crate) fn is_slow_no_more(&self) {
        self.inner().is_slow = false;
    }

    /// Operations are put off, or not any more.
    pub(crate) fn defers(&self, is_deferring: bool) {
        self.inner().is_deferring = is_deferring;
    }

    /// A wipe of this item ends like this, each time.
    pub(crate) fn item_ends_with(&self, item: &str, outcome: ItemOutcome) {
        self.inner().items.push((item.to_owned(), outcome));
    }

    /// Wipes settle so many items at a time.
    pub(crate) fn wipes_at_a_time(&self, items: usize) {
        self.inner().at_a_time = Some(items);
    }

    /// What can be wiped at the next start.
    pub(crate) fn can_wipe(&self, items: Vec<WipeItem>) {
        self.inner().list = Some(items);
    }

    /// The user of the device answers this to its own questions.
    pub(crate) fn user_says(&self, consent: Consent) {
        self.inner().consent = Some(consent);
    }

    fn outcome_of(&self, item: &str) -> ItemOutcome {
        let inner = self.inner();
        let known = inner.items.iter().rev().find(|(name, _)| name == item);
        known.map_or(ItemOutcome::Erased, |(_, outcome)| *outcome)
    }

    /// What it was told at its starts.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.inner().standings.clone()
    }

    fn act(&self, what: &str, job: &Job, result: ResultCode) -> Effect {
        let mut inner = self.inner();
        let resumed = if job.resumed { " again" } else { "" };
        inner.done.push(format!("{what}{resumed}"));
        if inner.is_slow {
            return Effect::Later;
        }
        if inner.is_deferring {
            return Effect::Deferred;
        }
        let next = inner.next_result.take().or(inner.result);
        Effect::Done(next.unwrap_or(result))
    }
}

impl Device for Phone {
    fn fully_lock(&mut self, job: &Job) -> Effect {
        self.act("lock fully", job, ResultCode::SUCCESSFUL)
    }

    fn partially_lock(&mut self, job: &Job) -> Effect {
        self.act("lock partially", job, ResultCode::SUCCESSFUL)
    }

    fn unlock(&mut self, job: &Job) -> Effect {
        self.act("unlock", job, ResultCode::SUCCESSFUL)
    }

    fn wipe(&mut self, items: &[WipeItem], job: &Job) -> WipeEffect {
        let at_a_time = self.inner().at_a_time.unwrap_or(items.len());
        let items = items.get(..at_a_time).unwrap_or(items);
        let names: Vec<&str> = items.iter().map(|item| item.node.as_str()).collect();
        let what = format!("wipe {}", names.join("+"));
        match self.act(&what, job, ResultCode::WIPE_SUCCESSFUL) {
            Effect::Done(ResultCode::WIPE_SUCCESSFUL) => WipeEffect::Items(if names.is_empty() {
                vec![ItemOutcome::Erased]
            } else {
                names.iter().map(|name| self.outcome_of(name)).collect()
            }),
            Effect::Done(result) => WipeEffect::Done(result),
            Effect::Later => WipeEffect::Later,
            Effect::Deferred => WipeEffect::Deferred,
        }
    }

    fn factory_reset(&mut self, job: &Job) -> ResetEffect {
        match self.act("reset", job, ResultCode::SUCCESSFUL) {
            Effect::Done(result) if result.is_success() => ResetEffect::Erased,
            Effect::Done(_) => ResetEffect::Failed,
            Effect::Later => ResetEffect::Later,
            Effect::Deferred => ResetEffect::Deferred,
        }
    }

    fn reset_abandoned(&mut self, job: &Job) {
        let resumed = if job.resumed { " again" } else { "" };
        self.inner().done.push(format!("give up{resumed}"));
    }

    fn vendor(&mut self, path: &str, job: &Job) -> Effect {
        self.act(&format!("do {path}"), job, ResultCode::new(1250))
    }

    fn confirm(&mut self, request: &Request, job: &Job) -> Consent {
        let resumed = if job.resumed { " again" } else { "" };
        let mut inner = self.inner();
        let what = name_of(&request.asked);
        inner.done.push(format!("ask the user: {what}{resumed}"));
        inner.consent.unwrap_or(Consent::Yes)
    }

    fn wipe_list(&self) -> Option<Vec<WipeItem>> {
        self.inner().list.clone()
    }

    fn started(&self, standing: &Standing) {
        self.inner().standings.push(standing.clone());
    }

    fn vendor_change(
        &self,
        path: &str,
        change: &Change<'_>,
    ) -> core::result::Result<(), StatusCode> {
        match change {
            Change::Replace(_, node) if path == "Ext/Volume" && node.value.len() < 3 => Ok(()),
            _ => Err(StatusCode::FORBIDDEN),
        }
    }

    fn allows(&self, _: &Asked) -> core::result::Result<(), ResultCode> {
        self.inner().veto.map_or(Ok(()), Err)
    }

    fn notify_user(&mut self, asked: &Asked) {
        self.inner()
            .done
            .push(format!("tell the user: {}", name_of(asked)));
    }
}

fn name_of(asked: &Asked) -> &str {
    match asked {
        Asked::Operation(operation) => operation.node_name(),
        Asked::Vendor(path) => path,
    }
}

/// A phone and its server.
pub(crate) struct Setup {
    pub(crate) bench: Bench<AnyOperation>,
    pub(crate) phone: Phone,
}

impl Setup {
    /// The flat form of an outcome: state, status, result.
    pub(crate) fn summary(&mut self, id: u32) -> Result<(&'static str, u16, u16)> {
        let summary = self.bench.outcome(id)?.map(|outcome| outcome.summary());
        Ok(summary.as_ref().map_or(("none", 0, 0), flat))
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

    /// The first value of a leaf of the object.
    pub(crate) fn value(&mut self, path: &str) -> Result<String> {
        let value = self.bench.value(&format!("./LAWMO/{path}"))?;
        Ok(value.unwrap_or_else(|| "missing".into()))
    }
}

pub(crate) fn flat(summary: &Summary) -> (&'static str, u16, u16) {
    let number = |code: Option<StatusCode>| code.map_or(0, StatusCode::as_u16);
    (
        summary.state.as_str(),
        number(summary.status),
        number(summary.result),
    )
}

/// Messages, contacts, and an application's data that leave the list when they are wiped.
pub(crate) fn config() -> Config {
    Config::new(["srv1"]).with_wipe_list([
        WipeItem::new("Contacts"),
        WipeItem::new("Media").named("Photos and films"),
        WipeItem::new("AppData"),
    ])
}

pub(crate) fn order(correlator: &str) -> Order {
    Order::new("srv1", correlator).with_usual_roots(lawmo::nodes::USUAL_ROOTS.map(uri))
}

/// An order for a device that is known to let a refused question guard what stands behind it.
pub(crate) fn order_in_sequence(correlator: &str) -> Order {
    order(correlator).with_profile(DeviceProfile::STANDARD.with_sequence_guards())
}

pub(crate) fn uri(text: &str) -> NodeUri {
    NodeUri::parse(text).expect("a valid uri")
}

pub(crate) fn account() -> Account {
    let credentials = |name: &str| Credentials {
        scheme: Scheme::Md5,
        name: name.into(),
        secret: format!("{name}-secret").into(),
        nonce: Default::default(),
    };
    Account {
        server_id: Text::from("srv1"),
        server_uri: "http://dm.example.com/dm".into(),
        device_uri: "IMEI:493005100592800".into(),
        client: credentials("phone"),
        server: credentials("srv1"),
    }
}

pub(crate) fn start(config: Config, disk: Disk, encoding: Encoding) -> Result<Setup> {
    let phone = Phone::default();
    // An application's data go with the application.
    phone.item_ends_with("AppData", ItemOutcome::Gone);
    let device = phone.clone();
    let objects = move || -> Vec<(NodeUri, Box<dyn ManagementObject>)> {
        vec![
            (
                uri(DevInfo::ROOT),
                Box::new(DevInfo::new("IMEI:493005100592800", "Maker", "Model")),
            ),
            (
                uri(DevDetail::ROOT),
                Box::new(DevDetail::new("phone", "Maker", "1", "1", "1")),
            ),
            (uri(DmAcc::ROOT), Box::new(DmAcc::new(vec![account()]))),
            (
                uri("./LAWMO"),
                Box::new(Lawmo::new(device.clone(), config.clone())),
            ),
        ]
    };
    let bench = Bench::new(disk, account(), Box::new(objects), encoding)?;
    Ok(Setup { bench, phone })
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

fn redb() -> Disk {
    let database = redb::Database::builder()
        .create_with_backend(redb::backends::InMemoryBackend::new())
        .expect("a database in memory");
    Disk::new(Redb::with_database(database).expect("an empty database"))
}
