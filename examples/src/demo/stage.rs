//! [`Stage`]: the server, the package server and the devices of the demo, and the trace of what they say.

use core::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    io,
    net::UdpSocket,
    panic::{catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use dm_proto::{
    StatusCode,
    auth::{Account, Scheme},
    codec::{DecodeOptions, Encoding, decode, encode},
    message::Command,
    session::{Prompt, Transmit, UserReply},
};
use dm_tree::{Acl, NodeUri};
use scomo::device::Prompts;
use serde_json::{Value, json};

use super::{
    packages::{PackageServer, Served},
    trace::{Actor, Sent, Trace},
};
use crate::{
    device::{
        self, Config, Device, Moment, Reporting, credentials,
        locks::Locked,
        packages::{PackageLimits, Packages},
        progress::{OnProgress, Work},
        root::Root,
        transport::{Answer, Http, Transport, TransportError},
        user::User,
    },
    server::{
        self, Direction, LawmoVerb, OperationRequest, PackageRequest, Running, ScomoVerb, Server,
    },
};

/// What goes wrong with the demo itself. That a flow does not end as it must is no error.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A device cannot go on.
    #[error("device: {0}")]
    Device(#[from] device::Error),
    /// The server does not start.
    #[error("server: {0}")]
    Server(#[from] server::StartError),
    /// A file or socket fails.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The REST API does not answer as it must.
    #[error("rest api: {0}")]
    Emi(String),
    /// No notification came.
    #[error("no notification came for {0}")]
    NotNotified(String),
    /// What was to be cut went on to its end.
    #[error("the power did not fail")]
    NotCut,
}

/// The alert by which a device asks for software. Our own: SCOMO 1.0 registers none.
const WANTED: &str = "org.example.demo.SoftwareWanted";

/// Another, for what this server does not grant.
pub(super) const NOT_GRANTED: &str = "org.example.demo.ToysWanted";

const SERVER_ID: &str = "demo";

const JSON: &str = "application/json";

/// The server, the package server and the devices of the demo.
pub(super) struct Stage {
    pub(super) trace: Trace,
    encoding: Encoding,
    server: Running,
    packages: Arc<PackageServer>,
    http: ureq::Agent,
    folder: tempfile::TempDir,
    devices: u32,
}

/// How a device of the demo is.
#[derive(Clone, Debug, Default)]
pub(super) struct Kind {
    /// When it answers and runs.
    pub(super) reporting: Reporting,
    /// What its user answers; then nothing.
    pub(super) replies: Vec<UserReply>,
    /// Whether the server trusts its Sequence to hold an Exec back.
    pub(super) sequence: bool,
    /// Whether it asks its user by itself before it fetches and installs, locks, wipes and resets.
    pub(super) asks: bool,
    /// Whether it cannot ask its user, as the server knows.
    pub(super) blind: bool,
    /// Whether it has no list of what can be wiped.
    pub(super) nothing_to_wipe: bool,
    /// Whether it tells the server that its user said no, and does it all the same: devices in the field do.
    pub(super) heedless: bool,
    /// The largest message that it takes, if that is not as usual.
    pub(super) max_msg_size: Option<u64>,
    /// Whether its user sees to it that the server does not notify: it comes by itself.
    pub(super) silent: bool,
    /// Whether it downloads beside its sessions, over a network so bad that nothing comes until it is
    /// told to.
    pub(super) background: bool,
}

/// A device of the demo.
pub(super) struct Puppet {
    pub(super) id: String,
    config: Config,
    socket: Option<UdpSocket>,
    user: DemoUser,
    lossy: Arc<AtomicBool>,
    armed: Armed,
    stalled: Arc<AtomicBool>,
    device: Option<Device>,
    trace: Trace,
}

/// During what a device loses its power, if it is to.
type Armed = Arc<Mutex<Option<&'static str>>>;

/// What unwinds a device that loses its power in the middle of something: nothing of it goes on.
struct PowerCut;

/// An operation, as the REST API shows it.
#[derive(Clone, Debug)]
pub(super) struct Shown(pub(super) Value);

impl Shown {
    pub(super) fn state(&self) -> &str {
        self.0["state"].as_str().unwrap_or_default()
    }

    pub(super) fn is_final(&self) -> bool {
        self.0["final"] == true
    }

    /// The status or result code, if there is one.
    pub(super) fn code(&self) -> Option<u64> {
        self.0["result"]["code"]
            .as_u64()
            .or_else(|| self.0["status"].as_u64())
    }

    /// Why there is no result of the device's.
    pub(super) fn reason(&self) -> &str {
        self.0["reason"].as_str().unwrap_or_default()
    }

    /// The parts of a combined operation.
    pub(super) fn parts(&self) -> &[Value] {
        self.0["parts"].as_array().map_or(&[], Vec::as_slice)
    }

    fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }
}

impl core::fmt::Display for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.state())?;
        match self.code() {
            Some(code) => write!(f, " {code}"),
            None => Ok(()),
        }
    }
}

impl Stage {
    /// Starts the servers.
    pub(super) fn new(encoding: Encoding) -> Result<Self, DemoError> {
        let trace = Trace::default();
        let folder = folder()?;
        let packages = Arc::new(PackageServer::start(trace.clone())?);
        let mut config = server::Config::new(folder.path().join("server"));
        let seen = trace.clone();
        config.hooks.tap = Some(Arc::new(move |traffic| {
            let (from, to) = match traffic.direction {
                Direction::FromDevice => (Actor::Device, Actor::Server),
                Direction::ToDevice => (Actor::Server, Actor::Device),
            };
            let decoded = decode(traffic.encoding, &traffic.octets, &DecodeOptions::default());
            match decoded {
                Ok(decoded) => seen.message(
                    from,
                    to,
                    Sent {
                        message: decoded.message,
                        encoding: traffic.encoding,
                        octets: traffic.octets.clone(),
                    },
                ),
                Err(error) => seen.note(from, format!("sends what is no message: {error}")),
            }
        }));
        let game = packages.package("game-1.0.tar");
        let wanted = download(ScomoVerb::DownloadInstall, "game-1.0", &game);
        let mut refused = server::Rule::granting(NOT_GRANTED, wanted.clone());
        refused.answer = server::Answer::Refuse;
        refused.operation = None;
        let granted = server::Rule::granting(WANTED, wanted);
        config.policy.rules = vec![granted, refused];
        let server = Server::spawn(config)?;
        let http = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self {
            trace,
            encoding,
            server,
            packages,
            http,
            folder,
            devices: 0,
        })
    }

    /// A device with an account at the server.
    pub(super) fn device(&mut self, kind: Kind) -> Result<Puppet, DemoError> {
        self.devices = self.devices.saturating_add(1);
        let id = format!("IMEI:{:015}", self.devices);
        let socket = if kind.silent {
            None
        } else {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(Some(Duration::from_secs(10)))?;
            Some(socket)
        };
        let mut account = json!({
            "server_id": SERVER_ID,
            "auth": "md5",
            "user": "device",
            "password": "device-secret",
            "server_user": "server",
            "server_password": "server-secret",
        });
        if kind.sequence {
            account["profile"] = "sequence-guards".into();
        }
        if kind.blind {
            account["profile"] = "windows".into();
        }
        if let Some(socket) = &socket {
            account["notify"] = format!("udp://{}", socket.local_addr()?).into();
        }
        let url = format!("{}/devices/{}", self.server.emi_url(), escape(&id));
        self.call(
            self.http
                .put(&url)
                .content_type(JSON)
                .send(account.to_string()),
        )?;
        let account = Account {
            server_id: SERVER_ID.into(),
            server_uri: self.server.dm_url().into(),
            device_uri: id.as_str().into(),
            client: credentials(Scheme::Md5, "device", "device-secret"),
            server: credentials(Scheme::Md5, "server", "server-secret"),
        };
        let folder = self.folder.path().join(format!("device-{}", self.devices));
        let mut config = Config::new(account, folder.join("root"), folder.join("state"));
        config.encoding = self.encoding;
        config.reporting = kind.reporting;
        config.retry_after = Duration::from_millis(10);
        if kind.nothing_to_wipe {
            config.categories.clear();
        }
        if kind.asks {
            config.prompts = Prompts::ALL;
            config.lock_prompts.lock = true;
            config.lock_prompts.wipe = true;
            config.lock_prompts.factory_reset = true;
        }
        if let Some(size) = kind.max_msg_size {
            config.max_msg_size = size;
        }
        let armed: Armed = Arc::default();
        let fuse = Arc::clone(&armed);
        config.background = kind.background;
        let stalled = Arc::new(AtomicBool::new(kind.background));
        let stalls = Arc::clone(&stalled);
        config.progress = Some(OnProgress::new(move |progress| {
            while progress.what == Work::Download && stalls.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            let mut fuse = fuse.lock().unwrap_or_else(PoisonError::into_inner);
            // When a part is there and a part is not.
            if *fuse == Some(progress.what.as_str()) && progress.done > 60_000 {
                *fuse = None;
                drop(fuse);
                resume_unwind(Box::new(PowerCut));
            }
        }));
        let user = DemoUser {
            trace: self.trace.clone(),
            replies: Arc::new(Mutex::new(kind.replies)),
            is_heeded: !kind.heedless,
        };
        let mut puppet = Puppet {
            id,
            config,
            socket,
            user,
            lossy: Arc::default(),
            armed,
            stalled,
            device: None,
            trace: self.trace.clone(),
        };
        puppet.start()?;
        // What it does to come into being is no part of a flow.
        self.trace.take();
        Ok(puppet)
    }

    /// A package of the demo.
    pub(super) fn package(&self, name: &str) -> Served {
        self.packages.package(name)
    }

    /// Asks for an operation, as the management infrastructure does.
    pub(super) fn order(
        &self,
        device: &Puppet,
        request: &OperationRequest,
    ) -> Result<Shown, DemoError> {
        let (emi, server) = (Actor::Emi, Actor::Server);
        let url = format!(
            "{}/devices/{}/operations",
            self.server.emi_url(),
            escape(&device.id)
        );
        let text = json!(request).to_string();
        let shown: String = match text.char_indices().nth(200) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text.clone(),
        };
        self.trace
            .arrow(emi, server, format!("POST operation {shown}"));
        let shown = self.call(self.http.post(&url).content_type(JSON).send(text))?;
        let shown = Shown(shown);
        self.trace
            .arrow(server, emi, format!("201 {}", shown.state()));
        Ok(shown)
    }

    /// The download descriptor that leads to a package of the demo.
    pub(super) fn descriptor(&self, name: &str) -> Served {
        self.packages.descriptor(name)
    }

    /// What is in a package of the demo.
    pub(super) fn content(&self, name: &str) -> &[u8] {
        self.packages.content(name)
    }

    /// Cancels an operation.
    pub(super) fn cancel(&self, operation: &Shown) -> Result<Shown, DemoError> {
        let (emi, server) = (Actor::Emi, Actor::Server);
        let url = format!("{}/operations/{}", self.server.emi_url(), operation.id());
        self.trace.arrow(emi, server, "DELETE operation");
        let shown = Shown(self.call(self.http.delete(&url).call())?);
        self.trace.arrow(server, emi, format!("200 {shown}"));
        Ok(shown)
    }

    /// Asks what became of an operation.
    pub(super) fn outcome(&self, operation: &Shown) -> Result<Shown, DemoError> {
        let (emi, server) = (Actor::Emi, Actor::Server);
        let url = format!("{}/operations/{}", self.server.emi_url(), operation.id());
        self.trace.arrow(emi, server, "GET operation");
        let shown = Shown(self.call(self.http.get(&url).call())?);
        self.trace.arrow(server, emi, format!("200 {shown}"));
        Ok(shown)
    }

    /// How the server answered what a device asked for by itself, and what it did: the last of it.
    pub(super) fn last_request(&self, device: &Puppet) -> Result<Value, DemoError> {
        let (emi, server) = (Actor::Emi, Actor::Server);
        let url = format!(
            "{}/devices/{}/requests",
            self.server.emi_url(),
            escape(&device.id)
        );
        self.trace.arrow(emi, server, "GET requests");
        let shown = self.call(self.http.get(&url).call())?;
        let requests = shown["requests"].as_array();
        let last = requests.and_then(|requests| requests.last());
        let last = last.cloned().unwrap_or_default();
        let answer = last["answer"].as_str().unwrap_or("nothing");
        self.trace.arrow(server, emi, format!("200 {answer}"));
        Ok(last)
    }

    /// Asks what became of the operation with an identifier.
    pub(super) fn outcome_of(&self, id: &str) -> Result<Shown, DemoError> {
        self.outcome(&Shown(json!({ "id": id })))
    }

    /// The JSON of an answer.
    fn call(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, DemoError> {
        let emi = |error: &dyn core::fmt::Display| DemoError::Emi(error.to_string());
        let mut response = response.map_err(|error| emi(&error))?;
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|error| emi(&error))?;
        if !response.status().is_success() {
            return Err(DemoError::Emi(format!("{}: {text}", response.status())));
        }
        serde_json::from_str(&text).map_err(|error| emi(&error))
    }
}

impl Puppet {
    /// Switches the device on.
    pub(super) fn start(&mut self) -> Result<(), DemoError> {
        let transport = Lossy {
            http: Http::new(),
            lossy: Arc::clone(&self.lossy),
            lost_last: false,
            is_heedless: !self.user.is_heeded,
            trace: self.trace.clone(),
        };
        let device = Device::with_transport(self.config.clone(), self.user.clone(), transport)?;
        self.device = Some(device);
        Ok(())
    }

    /// Cuts its power.
    pub(super) fn cut(&mut self) {
        self.device = None;
        self.trace.note(Actor::Device, "loses its power");
    }

    /// The device, which must be on.
    pub(super) fn device(&mut self) -> Result<&mut Device, DemoError> {
        let off = || io::Error::new(io::ErrorKind::NotConnected, "the device is off");
        Ok(self.device.as_mut().ok_or_else(off)?)
    }

    /// Waits for the server's notification, and has the session that it asks for.
    pub(super) fn obey(&mut self) -> Result<(), DemoError> {
        let package = self.notification()?;
        if self.device()?.notified(&package)? {
            Ok(())
        } else {
            Err(DemoError::NotNotified(self.id.clone()))
        }
    }

    /// Lets its download go on, and waits for the report.
    pub(super) fn finish_download(&mut self) -> Result<(), DemoError> {
        self.trace.note(Actor::Device, "has a good network again");
        self.stalled.store(false, Ordering::Relaxed);
        Ok(self.device()?.finish()?)
    }

    /// Obeys until the power fails in the middle of a download or an installation.
    pub(super) fn cut_during(&mut self, what: &'static str) -> Result<(), DemoError> {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        match catch_unwind(AssertUnwindSafe(|| self.obey())) {
            Ok(obeyed) => obeyed.and(Err(DemoError::NotCut)),
            Err(cut) if cut.is::<PowerCut>() => {
                self.trace
                    .note(Actor::Device, format!("in the middle of the {what}"));
                Ok(())
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Waits for the server's notification.
    pub(super) fn notification(&mut self) -> Result<Vec<u8>, DemoError> {
        let not_notified = || DemoError::NotNotified(self.id.clone());
        let socket = self.socket.as_ref().ok_or_else(not_notified)?;
        let mut package = vec![0; 1024];
        let length = socket.recv(&mut package).map_err(|_| not_notified())?;
        package.truncate(length);
        let title = format!("package 0: notification ({length} octets over UDP)");
        self.trace.arrow(Actor::Server, Actor::Device, title);
        Ok(package)
    }

    /// Loses every other answer of the server from here on.
    pub(super) fn lose_answers(&self) {
        self.lossy.store(true, Ordering::SeqCst);
    }

    /// The alert by which the device asks for software.
    pub(super) fn want_software(&mut self) -> Result<(), DemoError> {
        Ok(self.device()?.request(WANTED, "./SCOMO", "game")?)
    }

    /// Leaves the demo's server the right to read the lock state, and all others to another server.
    pub(super) fn lend(&mut self) -> Result<(), DemoError> {
        self.entitle("Get=*&Exec=another&Replace=another")
    }

    /// Leaves the demo's server the right to say who has which rights, and Exec to another server.
    pub(super) fn lend_exec(&mut self) -> Result<(), DemoError> {
        self.entitle(&format!("Get=*&Exec=another&Replace={SERVER_ID}"))
    }

    fn entitle(&mut self, acl: &str) -> Result<(), DemoError> {
        let acl = Acl::parse(acl).map_err(io::Error::other)?;
        let lock = NodeUri::parse("./LAWMO").map_err(io::Error::other)?;
        Ok(self.device()?.entitle(&lock, acl)?)
    }

    /// Counts how often it runs a job from here on.
    pub(super) fn count_runs(&mut self) -> Result<Arc<AtomicUsize>, DemoError> {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        self.device()?.watch(move |moment| {
            if moment == Moment::Running {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            true
        });
        Ok(runs)
    }

    /// How far it is locked.
    pub(super) fn locked(&mut self) -> Result<Locked, DemoError> {
        Ok(self.device()?.locked()?)
    }

    /// A path below its root.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.config.root.join(path)
    }

    /// Whether a folder below its root is empty.
    pub(super) fn is_empty(&self, path: &str) -> Result<bool, DemoError> {
        Ok(std::fs::read_dir(self.path(path))?.next().is_none())
    }

    /// Its components, each with its version and whether it is active, as its files say.
    pub(super) fn components(&self) -> Result<Vec<(String, String, bool)>, DemoError> {
        let root = Root::open(Path::new(&self.config.root)).map_err(device::Error::from)?;
        let packages = Packages::open(root, PackageLimits::default())?;
        Ok(packages
            .installed()?
            .into_iter()
            .map(|found| {
                let component = found.component;
                let version = component.version.unwrap_or_default();
                (component.id, version, found.active)
            })
            .collect())
    }
}

/// HTTP that loses every other answer when it is told to.
struct Lossy {
    http: Http,
    lossy: Arc<AtomicBool>,
    lost_last: bool,
    /// Whether the server hears a no where the device heard a yes.
    is_heedless: bool,
    trace: Trace,
}

impl Transport for Lossy {
    fn exchange(&mut self, message: &Transmit) -> Result<Answer, TransportError> {
        let message = if self.is_heedless {
            &unconsented(message)
        } else {
            message
        };
        let answer = self.http.exchange(message)?;
        self.lost_last = self.lossy.load(Ordering::SeqCst) && !self.lost_last;
        if self.lost_last {
            self.trace
                .note(Actor::Device, "the answer is lost on its way");
            return Err(TransportError::Lost);
        }
        Ok(answer)
    }
}

/// The message with a no in place of a yes.
fn unconsented(message: &Transmit) -> Transmit {
    let mut changed = message.clone();
    let read = decode(message.encoding, &message.body, &DecodeOptions::default());
    if let Ok(mut decoded) = read {
        for command in &mut decoded.message.commands {
            if let Command::Status(status) = command
                && status.cmd.as_str() == "Alert"
                && status.data == StatusCode::OK
            {
                status.data = StatusCode::NOT_MODIFIED;
            }
        }
        // What was read can be written.
        if let Ok(body) = encode(message.encoding, &decoded.message) {
            changed.body = body;
        }
    }
    changed
}

/// A user who answers from a list, and then not at all.
#[derive(Clone)]
struct DemoUser {
    trace: Trace,
    replies: Arc<Mutex<Vec<UserReply>>>,
    is_heeded: bool,
}

impl User for DemoUser {
    fn ask(&mut self, prompt: &Prompt) -> UserReply {
        self.confirm(&prompt.text)
    }

    fn confirm(&mut self, question: &str) -> UserReply {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = if replies.is_empty() {
            UserReply::TimedOut
        } else {
            replies.remove(0)
        };
        let (device, user) = (Actor::Device, Actor::User);
        self.trace.arrow(device, user, format!("asks: {question}"));
        match &reply {
            UserReply::Yes => self.trace.arrow(user, device, "yes"),
            UserReply::No => self.trace.arrow(user, device, "no"),
            UserReply::Cancelled => self.trace.arrow(user, device, "cancels"),
            UserReply::TimedOut => self.trace.note(user, "says nothing"),
            other => self.trace.arrow(user, device, format!("{other:?}")),
        }
        if self.is_heeded {
            reply
        } else {
            UserReply::Yes
        }
    }

    fn tell(&mut self, message: &str) {
        self.trace.arrow(Actor::Device, Actor::User, message);
    }
}

/// A folder for what nobody keeps: in memory, where the system has a place for that, since devices and
/// server wait for the disk at every step they must not forget.
fn folder() -> io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// A LAWMO operation.
pub(super) fn lawmo(verb: LawmoVerb) -> OperationRequest {
    OperationRequest::lawmo(verb)
}

/// A wipe of these items.
pub(super) fn wipe(items: &[&str]) -> OperationRequest {
    let mut request = lawmo(LawmoVerb::Wipe);
    request.items = Some(items.iter().map(|item| (*item).to_owned()).collect());
    request
}

/// The same, after the user was asked.
pub(super) fn confirmed(mut request: OperationRequest, text: &str) -> OperationRequest {
    request.confirm = Some(text.to_owned());
    request
}

/// A SCOMO operation that fetches a package.
pub(super) fn download(verb: ScomoVerb, id: &str, served: &Served) -> OperationRequest {
    let mut package = PackageRequest::new(id);
    package.url = Some(served.url.clone());
    package.params = Some(served.params.clone());
    let mut request = OperationRequest::scomo(verb);
    request.package = Some(package);
    request
}

/// A SCOMO operation on a package that is on the device.
pub(super) fn on_package(verb: ScomoVerb, id: &str) -> OperationRequest {
    let mut request = OperationRequest::scomo(verb);
    request.package = Some(PackageRequest::new(id));
    request
}

/// A SCOMO operation on a component.
pub(super) fn on_component(verb: ScomoVerb, id: &str) -> OperationRequest {
    let mut request = OperationRequest::scomo(verb);
    request.component = Some(id.to_owned());
    request
}

/// A device's identifier as one segment of a path.
fn escape(id: &str) -> String {
    id.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(octet).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
