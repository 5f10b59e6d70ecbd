//! A Linux device that lives in a folder: locked by files, wiped by emptying folders, reset from an
//! image, with software from plain `.tar` packages and from `.deb` packages.
//!
//! [`Device`] joins the agent of `dm-tree` with what it leaves to its caller: transport, clock,
//! randomness, user, files. Its loop, [`Device::advance`], is all that an integrator needs.

pub mod background;
pub mod bootstrap;
pub mod download;
pub mod factory;
pub mod locks;
pub mod package;
pub mod packages;
pub mod progress;
pub mod root;
pub mod transport;
pub mod user;

mod dpkg;
mod image;
mod software;

use core::time::Duration;
use std::{
    fs, io,
    net::UdpSocket,
    path::PathBuf,
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use dm_proto::{
    AlertCode, Secret, SessionId, StatusCode, Text,
    auth::{Account, Credentials, Nonce, Resynchronization, Scheme},
    codec::Encoding,
    message::{Alert, Item, Meta},
    session::{Ending, Headers, Trigger},
};
use dm_tree::{
    Acl, NodeUri,
    agent::{Agent, AgentConfig, AgentError, Output},
    bootstrap::RefusedObject,
    object::ManagementObject,
    std_objects::{DevDetail, DevInfo, DmAcc},
    store::{Redb, StoreError},
};
use lawmo::device::Unanswered;
use scomo::{
    Operation, ResultCode,
    device::{FETCHED, Prompts, Request},
};
use sha2::{Digest as _, Sha256};

use crate::printable::printable_line;

use self::{
    background::{Background, Ended},
    bootstrap::Bootstrap,
    download::Downloader,
    factory::{Factory, Found, GIVEN},
    locks::{Category, Locked, Locks},
    package::Sha256Digest,
    packages::{PackageLimits, Packages},
    progress::OnProgress,
    root::{Root, RootError},
    software::{Fetcher, Software},
    transport::{Http, Transport, TransportError},
    user::{SharedUser, User},
};

/// When the device answers an Exec and runs it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "as the objects have it")]
pub enum Reporting {
    /// Run before the answer, which is the result.
    Synchronous,
    /// Answer 202, run while the session goes on, and report in it if it is still open.
    #[default]
    InSession,
    /// Answer 202, run when the session is over, and report in the next.
    AfterSession,
}

/// What a device is and whom it obeys.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Config {
    /// What it and its server know of each other.
    pub account: Account,
    /// What a bootstrap gave, where one did: the account with all that is said of it, and other objects.
    pub bootstrap: Option<Bootstrap>,
    /// The folder that it lives in.
    pub root: PathBuf,
    /// The folder of its tree, jobs and factory image, outside [`root`](Self::root).
    pub state: PathBuf,
    /// What a factory reset restores, a folder or a plain `.tar`; without it, the root as it was at the first
    /// start. Default `None`.
    pub factory_image: Option<PathBuf>,
    /// The encoding of its messages. Default WBXML.
    pub encoding: Encoding,
    /// The largest message in octets that it takes: what is larger comes in pieces. Default 64 KiB.
    pub max_msg_size: u64,
    /// When it answers and runs. Default [`Reporting::InSession`].
    pub reporting: Reporting,
    /// Whether packages are fetched while the device goes on: sessions, locks and wipes do not wait for a
    /// download, and it is reported when it is over. Not with [`Reporting::Synchronous`]. Default no: the
    /// device waits.
    pub background: bool,
    /// What can be wiped. Default [`Category::usual`].
    pub categories: Vec<Category>,
    /// What packages may be at most.
    pub limits: PackageLimits,
    /// Whether a package may bring an older version of a component than is there. Default no.
    pub downgrades: bool,
    /// Who is told how far a download or an installation is. Default nobody.
    pub progress: Option<OnProgress>,
    /// Before what the device asks its user by itself. Default nothing.
    pub prompts: Prompts,
    /// The same for locks, wipes and factory resets. Default nothing.
    pub lock_prompts: lawmo::device::Prompts,
    /// What becomes of an accepted factory reset whose server could not be told. Default: it takes place.
    pub unanswered: Unanswered,
    /// How long it waits before it sends a message again; twice as long each time. Default 1 second.
    pub retry_after: Duration,
    /// Whether a notification may be signed with the special nonce, where the stored one fails. Default
    /// [`Resynchronization::Refused`]: allow it only over TLS.
    pub resynchronization: Resynchronization,
}

impl Config {
    /// The name of the database in the folder of its state.
    pub const DATABASE: &str = factory::TREE;

    /// A device with this account, living in `root` and remembering in `state`.
    pub fn new(account: Account, root: impl Into<PathBuf>, state: impl Into<PathBuf>) -> Self {
        Self {
            account,
            bootstrap: None,
            root: root.into(),
            state: state.into(),
            factory_image: None,
            encoding: Encoding::Wbxml,
            max_msg_size: 64 << 10,
            reporting: Reporting::default(),
            background: false,
            categories: Category::usual(),
            limits: PackageLimits::default(),
            downgrades: false,
            progress: None,
            prompts: Prompts::default(),
            lock_prompts: lawmo::device::Prompts::default(),
            unanswered: Unanswered::default(),
            retry_after: Duration::from_secs(1),
            resynchronization: Resynchronization::Refused,
        }
    }
}

/// Both sides' credentials, with one scheme for both.
pub fn credentials(scheme: Scheme, name: &str, password: &str) -> Credentials {
    match scheme {
        Scheme::Transport => Credentials::transport(),
        scheme => Credentials {
            scheme,
            name: name.into(),
            secret: Secret::from(password),
            nonce: Nonce::default(),
        },
    }
}

/// Why a device cannot go on. What it was doing is not lost: the next start goes on with it.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its root is refused.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its agent cannot go on.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The state is that of a device with an account of another server.
    #[error("this state has no account of server {0:?}; begin with a new one")]
    OtherServer(Text),
    /// The account cannot be kept.
    #[error("the account cannot be kept: status {0}")]
    Account(StatusCode),
    /// The objects of the bootstrap cannot be kept.
    #[error("the bootstrap cannot be followed: {0}")]
    Bootstrap(RefusedObject),
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// A session did not complete.
    #[error("{}", session_ended(.0))]
    Session(Ending),
    /// A report could not be delivered; it is kept.
    #[error("a report for {0} is not delivered")]
    Undelivered(Text),
    /// [`Device::watch`] stopped it.
    #[error("stopped")]
    Stopped,
}

/// A moment in the life of a device, between two of which it may be stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Moment {
    /// A message is about to be sent.
    Sending,
    /// An answer has arrived and is not handled.
    Answered,
    /// An answer is handled.
    Handled,
    /// A question is about to be asked.
    Asking,
    /// A job is about to run.
    Running,
    /// A job has run.
    Ran,
    /// The session is over.
    Closed,
    /// The device was reset.
    Reset,
}

impl Drop for Device {
    fn drop(&mut self) {
        // The next one that lives in this folder begins anew with what is not over.
        self.background.stop();
    }
}

type Watch = Box<dyn FnMut(Moment) -> bool + Send>;

/// A device.
pub struct Device {
    agent: Agent,
    server_id: Text,
    root: Root,
    factory: Factory,
    transport: Box<dyn Transport>,
    user: SharedUser,
    background: Background,
    retry_after: Duration,
    watch: Option<Watch>,
    told: Locked,
    /// Whether it was reset and has not told its server that it is there.
    is_new: bool,
}

impl Device {
    /// Opens the device, makes it where its root is missing or empty, and takes up what was
    /// interrupted.
    ///
    /// # Errors
    ///
    /// If the root is refused or something cannot be read.
    pub fn open(config: Config, user: impl User + 'static) -> Result<Self, Error> {
        Self::with_transport(config, user, Http::new())
    }

    /// The same with another way to the server.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_transport(
        config: Config,
        user: impl User + 'static,
        transport: impl Transport + 'static,
    ) -> Result<Self, Error> {
        let user = SharedUser::new(user);
        let (root, factory, found) =
            Factory::prepare(&config.root, &config.state, config.factory_image.as_deref())?;
        let tree = config.state.join(factory::TREE);
        if found == Found::FactoryNew {
            remove_if_there(&tree)?;
        }
        let packages = Packages::open(root.clone(), config.limits)?;
        let background = Background::new();
        let objects = objects(&config, &root, &factory, &packages, &user, &background)?;
        let mut agent_config = AgentConfig::default();
        agent_config.session.encoding = config.encoding;
        agent_config.session.max_msg_size = config.max_msg_size;
        // Packages pass the tree by; of other values it takes what it has room for.
        agent_config.session.max_obj_size = config.limits.package;
        agent_config.resynchronization = config.resynchronization;
        let store = Box::new(Redb::open(&tree)?);
        let mut agent = Agent::open(store, objects, agent_config, now())?;
        keep_account(&mut agent, &factory, &config)?;
        // The tree is as new as the root from here on.
        factory.done()?;
        let mut device = Self {
            agent,
            server_id: config.account.server_id,
            root,
            factory,
            transport: Box::new(transport),
            user,
            background,
            retry_after: config.retry_after,
            watch: None,
            told: Locked::No,
            is_new: false,
        };
        device.tell_lock()?;
        Ok(device)
    }

    /// Calls `watch` at every [`Moment`]; where it returns false the device stops with
    /// [`Error::Stopped`], as if its power had gone. For tests: drop it, and open it again.
    pub fn watch(&mut self, watch: impl FnMut(Moment) -> bool + Send + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// How far the device is locked.
    ///
    /// # Errors
    ///
    /// If its files cannot be read.
    pub fn locked(&self) -> Result<Locked, Error> {
        Ok(locks::locked(&self.root)?)
    }

    /// Goes on with whatever there is to go on with (a session that a restart interrupted, jobs), then
    /// has one session of the device's own, runs its jobs, and delivers their reports. What goes on in
    /// the background is not waited for: see [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// If a session fails or a report cannot be delivered.
    pub fn run_once(&mut self) -> Result<(), Error> {
        self.take_up()?;
        self.advance()?;
        self.session_of_its_own()?;
        self.deliver()
    }

    /// Waits for what goes on in the background, and for the jobs that go on with it, and delivers their
    /// reports.
    ///
    /// # Errors
    ///
    /// If a report cannot be delivered, or the storage fails.
    pub fn finish(&mut self) -> Result<(), Error> {
        while self.background.is_busy() {
            if self.pause(LONGEST_WAIT)? {
                self.deliver()?;
            }
        }
        Ok(())
    }

    /// Waits, so long at most, for the end of something that goes on in the background, and goes on with
    /// its job. False if there was none.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn pause(&mut self, most: Duration) -> Result<bool, Error> {
        let Some(ended) = self.background.wait(most) else {
            return Ok(false);
        };
        self.end(ended)?;
        self.advance()?;
        Ok(true)
    }

    /// Goes on with the job of a download that is over.
    fn end(&mut self, ended: Ended) -> Result<(), Error> {
        let Ended { job, result, .. } = ended;
        let Some(request) = Request::of(&job) else {
            return Ok(());
        };
        let installs = request.operation().and_then(Operation::activates).is_some();
        let outcome = match result {
            Ok(facts) if installs => match request.fetched(facts) {
                Some(memo) => {
                    self.agent.note(job.id, FETCHED, memo, now())?;
                    return Ok(self.agent.take_up(job.id, now())?);
                }
                None => request.outcome(ResultCode::UNDEFINED_ERROR),
            },
            Ok(facts) => request.downloaded(facts),
            Err(result) => request.outcome(result),
        };
        Ok(self.agent.complete(job.id, outcome, now())?)
    }

    /// Waits for a notification and has the session that it asks for, runs its jobs, and delivers their
    /// reports. What is no notification of a server with an account is ignored. What goes on in the
    /// background and is over meanwhile is reported at once.
    ///
    /// # Errors
    ///
    /// If a session fails or a report cannot be delivered, or nothing came within the socket's time-out.
    pub fn run_notified(&mut self, socket: &UdpSocket) -> Result<(), Error> {
        let most = socket.read_timeout()?;
        let notified = self.await_notification(socket, most.map(|most| Instant::now() + most));
        socket.set_read_timeout(most)?;
        notified
    }

    fn await_notification(
        &mut self,
        socket: &UdpSocket,
        until: Option<Instant>,
    ) -> Result<(), Error> {
        let mut package = [0; 1024];
        loop {
            if self.background.is_busy() && self.pause(Duration::ZERO)? {
                self.deliver()?;
            }
            // A socket and a channel cannot be waited for at once.
            let tick = self.background.is_busy().then_some(TICK);
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Io(io::ErrorKind::TimedOut.into()));
            }
            let most = match (tick, left) {
                (Some(tick), Some(left)) => Some(tick.min(left)),
                (tick, left) => tick.or(left),
            };
            socket.set_read_timeout(most)?;
            match socket.recv(&mut package) {
                Ok(length) => {
                    if self.notified(package.get(..length).unwrap_or_default())? {
                        return Ok(());
                    }
                }
                Err(error) if is_silence(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has the session that a notification asks for, runs its jobs, and delivers their reports. False if
    /// it is no notification of a server with an account.
    ///
    /// # Errors
    ///
    /// If a session fails or a report cannot be delivered.
    pub fn notified(&mut self, package: &[u8]) -> Result<bool, Error> {
        match self.agent.notified(package) {
            Ok(notified) => {
                self.session(&notified.server_id, Trigger::Server, notified.session_id)?;
                self.deliver()?;
                Ok(true)
            }
            Err(AgentError::Notification) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the server in the next session that something happened, or that something is wanted: a
    /// generic alert of the device's own, kept until the server has answered it.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn raise(&mut self, alert: Alert) -> Result<(), Error> {
        let server_id = self.server_id.clone();
        Ok(self.agent.raise(&server_id, alert, now())?)
    }

    /// Says who may do what on an object, such as `./LAWMO`, and all below it: as its owner, who needs no right
    /// to.
    ///
    /// # Errors
    ///
    /// If there is no such object, or the storage fails.
    pub fn entitle(&mut self, object: &NodeUri, acl: Acl) -> Result<(), Error> {
        let mut transaction = self.agent.begin(now());
        if let Some(mut edit) = transaction.edit(object) {
            let root = edit.view().node(object).map_err(Error::Account)?;
            edit.put("", root.with_acl(acl)).map_err(Error::Account)?;
        }
        Ok(transaction.commit()?)
    }

    /// Asks the server in the next session for something, by a generic alert of this type for what is at `source`.
    /// The alert is kept until the server has answered it; what it does about it is its own business.
    ///
    /// # Errors
    ///
    /// If the storage fails.
    pub fn request(&mut self, type_: &str, source: &str, data: &str) -> Result<(), Error> {
        let item = Item::for_source(source)
            .with_data(data)
            .with_meta(Meta::of_type(type_).with_format("chr"));
        self.raise(Alert {
            code: Some(AlertCode::GENERIC_ALERT),
            items: vec![item],
            ..Alert::default()
        })
    }

    /// Goes on with whatever there is to go on with: a session, jobs.
    ///
    /// # Errors
    ///
    /// If the storage fails, or a session fails.
    pub fn resume(&mut self) -> Result<(), Error> {
        self.take_up()?;
        self.advance()?;
        self.deliver()
    }

    /// Has what the user put off tried again: asks once more.
    fn take_up(&mut self) -> Result<(), Error> {
        let deferred: Vec<_> = self.agent.deferred_jobs().map(|job| job.id).collect();
        for job in deferred {
            self.agent.take_up(job, now())?;
        }
        Ok(())
    }

    fn session_of_its_own(&mut self) -> Result<(), Error> {
        let session_id = SessionId::from(u32::from(random_u16()?));
        let server_id = self.server_id.clone();
        self.session(&server_id, Trigger::Client, session_id)
    }

    fn session(
        &mut self,
        server_id: &str,
        trigger: Trigger,
        session_id: SessionId,
    ) -> Result<(), Error> {
        self.agent.connect(server_id, trigger, session_id, now())?;
        match self.advance()? {
            Some(Ending::Complete) | None => Ok(()),
            Some(ending) => Err(Error::Session(ending)),
        }
    }

    /// Delivers the reports that are due, in sessions of their own. A device that was reset comes by
    /// itself once, so that its server learns that it is there again.
    fn deliver(&mut self) -> Result<(), Error> {
        if self.is_new {
            self.session_of_its_own()?;
        }
        let mut attempts = 0;
        while let Some(server_id) = self.agent.report_due()? {
            if attempts == DELIVERIES {
                return Err(Error::Undelivered(server_id));
            }
            if attempts > 0 {
                thread::sleep(self.retry_after);
            }
            attempts += 1;
            let session_id = SessionId::from(u32::from(random_u16()?));
            self.agent
                .connect(&server_id, Trigger::Client, session_id, now())?;
            self.advance()?;
        }
        self.tell_refused()
    }

    /// Tells the user which reports and requests their servers refused, once. What is for a server without
    /// an account is kept: it may get one.
    fn tell_refused(&mut self) -> Result<(), Error> {
        let accounts = self.agent.accounts()?;
        let refused: Vec<_> = self
            .agent
            .parked_reports()
            .filter(|report| {
                let mut of_servers = accounts.iter().map(|account| &account.server_id);
                of_servers.any(|server_id| *server_id == report.server_id)
            })
            .collect();
        for report in refused {
            let types = report.alert.items.iter();
            let mut types = types.filter_map(|item| item.meta.as_ref()?.type_.as_deref());
            let what = types.next().unwrap_or("an alert");
            let server_id = report.server_id.as_str();
            self.user
                .tell(&format!("The server {server_id:?} refuses {what}."));
            self.agent.forget_report(report.id, now())?;
        }
        Ok(())
    }

    /// The loop: does what the agent wants until it wants nothing. How the last session ended, if one
    /// did.
    ///
    /// # Errors
    ///
    /// If the storage fails, or the server's answer is not a message.
    pub fn advance(&mut self) -> Result<Option<Ending>, Error> {
        let mut last = None;
        let mut wait = self.retry_after;
        loop {
            if let Some(ended) = self.background.wait(Duration::ZERO) {
                self.end(ended)?;
            }
            match self.agent.poll(now())? {
                Output::Transmit(message) => {
                    self.at(Moment::Sending)?;
                    match self.transport.exchange(&message) {
                        Ok(answer) => {
                            self.at(Moment::Answered)?;
                            let headers = Headers::new(&answer.content_type)
                                .with_hmac(answer.hmac.as_deref());
                            match self.agent.handle(answer.body, headers, nonce()?) {
                                Ok(()) => {
                                    wait = self.retry_after;
                                    self.at(Moment::Handled)?;
                                }
                                // Something on the way answered in the server's place.
                                Err(AgentError::Receive(error)) => {
                                    self.lost(&error, &mut wait)?;
                                }
                                Err(error) => return Err(error.into()),
                            }
                        }
                        // It was waited for long enough.
                        Err(TransportError::Lost) => self.agent.transport_failed(now())?,
                        Err(error) => self.lost(&error, &mut wait)?,
                    }
                }
                Output::Ask(ask, prompt) => {
                    self.at(Moment::Asking)?;
                    let reply = self.user.ask(&prompt);
                    self.agent.reply(ask, reply)?;
                }
                Output::Run(job) => {
                    self.at(Moment::Running)?;
                    self.agent.run(job.id, now())?;
                    self.at(Moment::Ran)?;
                    self.tell_lock()?;
                }
                Output::Closed(ending) => {
                    self.at(Moment::Closed)?;
                    // A reset comes after its session, and is not what this session told of.
                    self.is_new &= ending != Ending::Complete;
                    last = Some(ending);
                }
                Output::Reset => {
                    self.at(Moment::Reset)?;
                    self.factory.done()?;
                    self.is_new = true;
                    self.tell_lock()?;
                    self.user.tell("This device is as it left the factory.");
                }
                Output::Idle => return Ok(last),
                // Whatever a later version may want, this one cannot do.
                _ => return Ok(last),
            }
        }
    }

    /// The answer to a message is lost: waits, longer each time, before the message is sent again.
    fn lost(&mut self, error: &dyn core::error::Error, wait: &mut Duration) -> Result<(), Error> {
        self.user.tell(&format!("no answer of the server: {error}"));
        thread::sleep(*wait);
        *wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        Ok(self.agent.transport_failed(now())?)
    }

    fn at(&mut self, moment: Moment) -> Result<(), Error> {
        let goes_on = self.watch.as_mut().is_none_or(|watch| watch(moment));
        if goes_on { Ok(()) } else { Err(Error::Stopped) }
    }

    /// Tells the user what a lock means, when it changes.
    fn tell_lock(&mut self) -> Result<(), Error> {
        let locked = locks::locked(&self.root)?;
        if locked != self.told {
            self.told = locked;
            self.user.tell(match locked {
                Locked::No => "This device is unlocked.",
                Locked::Partially => "This device is partially locked by its management.",
                Locked::Fully => "This device is locked by its management.",
            });
        }
        Ok(())
    }
}

/// How long a device waits at most before it sends a message again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often the end of what goes on in the background is looked for while notifications are waited for.
const TICK: Duration = Duration::from_millis(200);

/// How many sessions are tried for reports before the device gives up until it is started again.
const DELIVERIES: u32 = 4;

/// How often a user may put off a download or an installation before it counts as refused.
const DEFERRALS: u32 = 3;

/// Brings the account in the tree in line with the one that is given, if that is not the one that was
/// given last: what its server changed in the tree stays until somebody says otherwise here.
fn keep_account(agent: &mut Agent, factory: &Factory, config: &Config) -> Result<(), Error> {
    let account = &config.account;
    let of_server = |known: &Account| known.server_id == account.server_id;
    if !agent.accounts()?.iter().any(of_server) {
        return Err(Error::OtherServer(account.server_id.clone()));
    }
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}", account.server_uri));
    for credentials in [&account.client, &account.server] {
        let Credentials { scheme, name, .. } = credentials;
        hasher.update(format!(
            "{scheme:?}{name:?}{:?}",
            credentials.secret.expose()
        ));
    }
    let given = Sha256Digest::finish(hasher).to_string();
    if factory.note(GIVEN)?.as_ref() == Some(&given) {
        return Ok(());
    }
    let mut transaction = agent.begin(now());
    match &config.bootstrap {
        Some(bootstrap) => bootstrap.follow(&mut transaction)?,
        None => {
            if let Some(mut edit) = transaction.edit(&at(DmAcc::ROOT)) {
                DmAcc::provision(&mut edit, account).map_err(Error::Account)?;
            }
        }
    }
    transaction.commit()?;
    Ok(factory.keep_note(GIVEN, &given)?)
}

/// Whether nothing came in time.
fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

fn session_ended(ending: &Ending) -> String {
    match ending {
        Ending::Complete => "the session is complete".to_owned(),
        Ending::AbortedByPeer => "the server aborted the session".to_owned(),
        Ending::Failed(error) => printable_line(&format!("the session failed: {error}")),
        _ => "the session was aborted".to_owned(),
    }
}

/// An object and its root.
type Mount = (NodeUri, Box<dyn ManagementObject>);

fn objects(
    config: &Config,
    root: &Root,
    factory: &Factory,
    packages: &Packages,
    user: &SharedUser,
    background: &Background,
) -> Result<Vec<Mount>, Error> {
    let account = &config.account;
    let servers = [account.server_id.as_str()];
    let (lawmo_reporting, scomo_reporting) = {
        use lawmo::device::Reporting as Lawmo;
        use scomo::device::Reporting as Scomo;
        match config.reporting {
            Reporting::Synchronous => (Lawmo::Synchronous, Scomo::Synchronous),
            Reporting::InSession => (Lawmo::InSession, Scomo::InSession),
            Reporting::AfterSession => (Lawmo::AfterSession, Scomo::AfterSession),
        }
    };
    let locks = Locks {
        root: root.clone(),
        factory: factory.clone(),
        categories: config.categories.clone(),
        user: user.clone(),
        background: background.clone(),
    };
    let items = config
        .categories
        .iter()
        .map(|category| lawmo::device::WipeItem::new(category.name.as_str()));
    let locks_config = lawmo::device::Config::new(servers)
        .with_wipe_list(items)
        .with_prompts(config.lock_prompts)
        .with_unanswered(config.unanswered)
        .with_reporting(lawmo_reporting);
    let packages = packages
        .clone()
        .allowing_downgrades(config.downgrades)
        .telling(config.progress.clone());
    let goes_on = config.background && config.reporting != Reporting::Synchronous;
    let software = Software {
        fetcher: Fetcher {
            packages: packages.clone(),
            downloader: Downloader::new(),
            user: user.clone(),
        },
        packages,
        user: user.clone(),
        background: goes_on.then(|| background.clone()),
    };
    // The tree is set up when the root is as it left the factory, and says what is there then.
    let components = software::factory_components(factory.files(packages::is_record)?);
    let mut software_config = scomo::device::Config::new(servers)
        .with_components(components)
        .with_vendor_operation(scomo::Branch::Delivered, software::CHECK)
        .with_prompts(config.prompts)
        .with_reporting(scomo_reporting);
    software_config.max_package = Some(config.limits.package);
    software_config.downgrades = config.downgrades;
    software_config.max_deferrals = Some(DEFERRALS);
    let version = env!("CARGO_PKG_VERSION");
    Ok(vec![
        (
            at(DevInfo::ROOT),
            Box::new(DevInfo::new(
                account.device_uri.as_str(),
                "dm-examples",
                "dm-device",
            )),
        ),
        (
            at(DevDetail::ROOT),
            Box::new(DevDetail::new(
                "gateway",
                "dm-examples",
                version,
                version,
                "1",
            )),
        ),
        (at(DmAcc::ROOT), Box::new(DmAcc::new(vec![account.clone()]))),
        (
            at("./LAWMO"),
            Box::new(lawmo::device::Lawmo::new(locks, locks_config)),
        ),
        (
            at("./SCOMO"),
            Box::new(scomo::device::Scomo::new(software, software_config)),
        ),
    ])
}

fn at(root: &'static str) -> NodeUri {
    NodeUri::parse(root).expect("the roots in this file are node URIs")
}

fn remove_if_there(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn nonce() -> Result<Nonce, getrandom::Error> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets)?;
    Ok(Nonce::from(octets))
}

fn random_u16() -> Result<u16, getrandom::Error> {
    let mut octets = [0; 2];
    getrandom::fill(&mut octets)?;
    Ok(u16::from_be_bytes(octets).max(1))
}
