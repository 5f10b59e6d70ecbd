//! The programs themselves: `dm-device` is killed at random moments of every kind of operation and started
//! again, until `dm-server` knows what became of it. Whatever the moments were, each operation has one outcome,
//! and what the server was told is what the files of the device say.
//!
//! `DM_KILL_ROUNDS` is how often (20), `DM_KILL_SEED` what the moments come from.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dm_examples::device::{
    package::{ManifestComponent, Sha256Digest, build},
    packages::{PackageLimits, Packages},
    root::Root,
};
use serde_json::{Value, json};

use crate::tools::is_there;

/// Numbers that a seed decides (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// What is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Lock,
    Wipe,
    Download,
    DownloadInstall,
    Deliver,
    Install,
    Update,
    Activate,
    Deactivate,
    Remove,
    Deb,
    DebUpdate,
    DebRemove,
    Reset,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::Wipe,
        Self::Download,
        Self::Install,
        Self::Activate,
        Self::Reset,
        Self::DownloadInstall,
        Self::DebUpdate,
        Self::Update,
        Self::Remove,
        Self::Deliver,
        Self::Deb,
        Self::Lock,
        Self::DebRemove,
        Self::Deactivate,
    ];

    fn is_of_dpkg(self) -> bool {
        matches!(self, Self::Deb | Self::DebUpdate | Self::DebRemove)
    }
}

/// What is wiped, of a kind that shows how far that is.
const PHOTO_FOLDERS: usize = 50;

/// The server's program and the packages of a content server.
struct Stage {
    child: Child,
    dm: String,
    emi: String,
    agent: ureq::Agent,
    folder: tempfile::TempDir,
    maps: [Package; 2],
    debs: Option<[Package; 2]>,
}

struct Package {
    url: String,
    params: String,
    octets: Arc<Vec<u8>>,
}

impl Package {
    fn new(octets: Vec<u8>) -> Self {
        let params = format!("sha256={}", Sha256Digest::of(&octets));
        let octets = Arc::new(octets);
        let url = serve(Arc::clone(&octets));
        Self {
            url,
            params,
            octets,
        }
    }

    fn request(&self, verb: &str, id: &str) -> Value {
        json!({
            "scomo": verb,
            "package": {"id": id, "url": self.url, "params": self.params},
        })
    }
}

/// A content server that takes its time, and gives the rest of what broke off.
fn serve(octets: Arc<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/package", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let octets = Arc::clone(&octets);
            // A client that was killed is none of our business.
            thread::spawn(move || answer(stream, &octets));
        }
    });
    url
}

fn answer(mut stream: TcpStream, octets: &[u8]) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let from = request.lines().find_map(|line| {
        let (name, range) = line.split_once(": bytes=")?;
        let range = range.strip_suffix('-')?;
        name.eq_ignore_ascii_case("range")
            .then(|| range.parse().ok())?
    });
    let total = octets.len();
    let from: usize = from.unwrap_or(0);
    let status = match from {
        0 => "200 OK".to_owned(),
        from => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}",
            total - 1
        ),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        total - from
    )?;
    for piece in octets[from..].chunks(32 << 10) {
        stream.write_all(piece)?;
        thread::sleep(Duration::from_millis(3));
    }
    Ok(())
}

/// A package with many files.
fn maps(version: &str) -> Vec<u8> {
    let names: Vec<_> = (0..40).map(|n| format!("tiles/{n}")).collect();
    let content: Vec<u8> = (0..12_000_u32).map(|n| (n % 251) as u8).collect();
    let mut files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), content.as_slice()))
        .collect();
    files.push(("version", version.as_bytes()));
    build(&[(ManifestComponent::new("maps", "Maps", version), &files)]).unwrap()
}

fn deb(version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/share/tool")).unwrap();
    let control = format!(
        "Package: tool\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n\
         Description: a tool\n"
    );
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    for n in 0..60 {
        fs::write(tree.join(format!("usr/share/tool/{n}")), vec![b'x'; 9000]).unwrap();
    }
    fs::write(tree.join("usr/share/tool/version"), version).unwrap();
    let package = folder.path().join("tool.deb");
    let built = Command::new("dpkg-deb")
        .args(["-Znone", "--root-owner-group", "--build"])
        .args([&tree, &package])
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    fs::read(package).unwrap()
}

impl Stage {
    /// The server's program, with a policy that grants one request.
    fn new() -> Self {
        // In memory where that can be: this is about order, not about disks.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder");
        let log = fs::File::create(folder.path().join("server.log")).unwrap();
        let policy = folder.path().join("policy.json");
        let rule = json!([{"alert": WANTED, "operation": {"lawmo": "partially-lock"}}]);
        fs::write(&policy, rule.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_dm-server"))
            .args(["--listen", "127.0.0.1:0", "--emi", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("server"))
            .arg("--policy")
            .arg(policy)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("dm-server starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (dm, emi) = line
            .trim_end()
            .strip_prefix("listening dm=")
            .and_then(|rest| rest.split_once(" emi="))
            .expect("the line");
        let has_dpkg = is_there("dpkg-deb", "dpkg");
        Self {
            dm: dm.to_owned(),
            emi: emi.to_owned(),
            agent: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into(),
            maps: ["1.0", "2.0"].map(|version| Package::new(maps(version))),
            debs: has_dpkg.then(|| ["1.0", "2.0"].map(|version| Package::new(deb(version)))),
            child,
            folder,
        }
    }

    fn call(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> String {
        let mut response = response.expect("an answer");
        let text = response.body_mut().read_to_string().expect("text");
        assert!(response.status().is_success(), "{text}");
        text
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A device of a round.
struct Puppet<'a> {
    stage: &'a Stage,
    id: String,
    root: PathBuf,
    state: PathBuf,
    firmware: PathBuf,
}

impl<'a> Puppet<'a> {
    fn new(stage: &'a Stage, round: u64) -> Self {
        let id = format!("device-{round}");
        let account = json!({
            "server_id": "s",
            "user": "u",
            "password": "p",
            "server_user": "su",
            "server_password": "sp",
        });
        let url = format!("{}/devices/{id}", stage.emi);
        let request = stage.agent.put(url).content_type("application/json");
        stage.call(request.send(account.to_string()));
        let folder = stage.folder.path().join(&id);
        let firmware = folder.join("firmware");
        for n in 0..250 {
            let path = firmware.join(format!("usr/share/{}/{n}", n % 7));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![b'f'; 5000]).unwrap();
        }
        for name in ["Contacts", "Messages", "Photos"] {
            let path = firmware.join("home/user").join(name);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("first"), name).unwrap();
        }
        Self {
            stage,
            root: folder.join("root"),
            state: folder.join("state"),
            firmware,
            id,
        }
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dm-device"));
        command
            .args(["--server", &self.stage.dm, "--id", &self.id])
            .args(["--user", "u", "--password", "p", "--server-id", "s"])
            .args(["--server-user", "su", "--server-password", "sp"])
            .args(["--confirm", "yes", "--once", "--root"])
            .arg(&self.root)
            .arg("--state")
            .arg(&self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Starts it and lets it end by itself.
    fn run(&self) -> Output {
        self.program().output().unwrap()
    }

    fn order(&self, request: &Value) -> String {
        let url = format!("{}/devices/{}/operations", self.stage.emi, self.id);
        let request = self
            .stage
            .agent
            .post(url)
            .content_type("application/json")
            .send(request.to_string());
        let shown: Value = serde_json::from_str(&self.stage.call(request)).unwrap();
        shown["id"].as_str().unwrap().to_owned()
    }

    fn shown(&self, operation: &str) -> Value {
        let url = format!("{}/operations/{operation}", self.stage.emi);
        serde_json::from_str(&self.stage.call(self.stage.agent.get(url).call())).unwrap()
    }

    /// The state of an operation with its code, if it is over.
    fn outcome(&self, operation: &str) -> Option<(String, u64)> {
        let shown = self.shown(operation);
        let code = shown["result"]["code"].as_u64();
        let state = shown["state"].as_str().unwrap().to_owned();
        (shown["final"] == true).then_some((state, code.unwrap_or(0)))
    }

    /// Has an operation done, without a cut.
    fn done(&self, request: &Value) -> (String, u64) {
        let operation = self.order(request);
        let output = self.run();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{request}: {errors}");
        let outcome = self.outcome(&operation);
        outcome.unwrap_or_else(|| panic!("{request}: no outcome; {errors}"))
    }

    /// Brings the device to where an operation of a kind makes sense; the operation.
    fn prepare(&self, kind: Kind) -> Value {
        let Stage { maps, debs, .. } = self.stage;
        let must = |request: Value| {
            assert_eq!(self.done(&request), succeeded(), "{request}");
        };
        let mut first = self.program();
        let first = first.arg("--factory-image").arg(&self.firmware).output();
        assert!(first.unwrap().status.success());
        let component = |verb: &str, id: &str| json!({"scomo": verb, "component": id});
        let deb = |n: usize| &debs.as_ref().expect("dpkg")[n];
        match kind {
            Kind::Lock => json!({"lawmo": "fully-lock"}),
            Kind::Wipe => {
                for n in 0..20 * PHOTO_FOLDERS {
                    let path = self
                        .root
                        .join(format!("home/user/Photos/{}", n % PHOTO_FOLDERS));
                    fs::create_dir_all(&path).unwrap();
                    fs::write(path.join(n.to_string()), "photo").unwrap();
                }
                json!({"lawmo": "wipe", "items": ["Photos", "Messages"]})
            }
            Kind::Download => maps[0].request("download", "maps"),
            Kind::DownloadInstall => maps[0].request("download-install", "maps"),
            Kind::Deliver => json!({
                "scomo": "install",
                "package": {"id": "maps", "data": STANDARD.encode(&*maps[0].octets)},
            }),
            Kind::Install => {
                must(maps[0].request("download", "maps"));
                json!({"scomo": "install", "package": {"id": "maps"}})
            }
            Kind::Update => {
                must(maps[0].request("download-install", "maps-1"));
                maps[1].request("download-install", "maps-2")
            }
            Kind::Activate => {
                must(maps[0].request("download-install-inactive", "maps"));
                component("activate", "maps")
            }
            Kind::Deactivate => {
                must(maps[0].request("download-install", "maps"));
                component("deactivate", "maps")
            }
            Kind::Remove => {
                must(maps[0].request("download-install", "maps"));
                component("remove", "maps")
            }
            Kind::Deb => deb(0).request("download-install", "tool"),
            Kind::DebUpdate => {
                must(deb(0).request("download-install", "tool-1"));
                deb(1).request("download-install", "tool-2")
            }
            Kind::DebRemove => {
                must(deb(0).request("download-install", "tool"));
                component("remove", "tool")
            }
            Kind::Reset => {
                must(maps[0].request("download-install", "maps"));
                fs::write(self.root.join("home/user/Messages/second"), "2").unwrap();
                json!({"lawmo": "factory-reset"})
            }
        }
    }

    /// What must be so once it is over: in the server's books, in the files, and between the two.
    fn check(&self, kind: Kind, operation: &str) {
        let outcome = self.outcome(operation).expect("an outcome");
        let expected = match kind {
            Kind::Reset => ("accepted".to_owned(), 0),
            Kind::Wipe => ("succeeded".to_owned(), 1201),
            _ => succeeded(),
        };
        assert_eq!(outcome, expected);
        self.check_events(operation);
        let at = |path: &str| self.root.join(path);
        let read = |path: &str| fs::read_to_string(at(path)).ok();
        let names = |path: &str| fs::read_dir(at(path)).map_or(0, Iterator::count);
        for folder in ["opt/.stage", "opt/.trash"] {
            assert_eq!(names(folder), 0, "{folder}");
        }
        assert!(!self.state.join("reset").exists());
        let kept = matches!(kind, Kind::Download | Kind::Install | Kind::Deliver);
        assert_eq!(names("var/cache/dm"), usize::from(kept), "packages");
        let whole = |version: &str| {
            assert_eq!(read("opt/maps/version").as_deref(), Some(version));
            assert_eq!(names("opt/maps/tiles"), 40);
        };
        let whole_deb = |version: &str| {
            assert_eq!(read("usr/share/tool/version").as_deref(), Some(version));
            assert_eq!(names("usr/share/tool"), 61);
        };
        let component = |verb: &str, id: &str| json!({"scomo": verb, "component": id});
        // What the server asks for next finds the device as the server thinks that it is.
        let next = match kind {
            Kind::Lock => {
                assert!(at("etc/nologin").exists());
                json!({"lawmo": "unlock"})
            }
            Kind::Wipe => {
                assert_eq!(names("home/user/Photos"), 0);
                assert_eq!(names("home/user/Messages"), 0);
                assert_eq!(names("home/user/Contacts"), 1);
                json!({"lawmo": "partially-lock"})
            }
            Kind::Download => json!({"scomo": "install", "package": {"id": "maps"}}),
            Kind::DownloadInstall | Kind::Deliver | Kind::Install | Kind::Activate => {
                whole("1.0");
                component("deactivate", "maps")
            }
            Kind::Update => {
                whole("2.0");
                component("remove", "maps")
            }
            Kind::Deactivate => {
                assert!(!at("opt/maps").exists());
                component("activate", "maps")
            }
            Kind::Remove => {
                assert!(!at("opt/maps").exists() && !at("opt/.inactive/maps").exists());
                self.stage.maps[0].request("download-install", "maps")
            }
            Kind::Deb | Kind::DebUpdate => {
                whole_deb(if kind == Kind::Deb { "1.0" } else { "2.0" });
                component("remove", "tool")
            }
            Kind::DebRemove => {
                assert!(!at("usr/share/tool").exists());
                let debs = self.stage.debs.as_ref().expect("dpkg");
                debs[0].request("download-install", "tool")
            }
            Kind::Reset => {
                assert_same(&self.firmware, &self.root);
                self.stage.maps[0].request("download-install", "maps")
            }
        };
        self.check_views();
        assert_eq!(self.done(&next), succeeded(), "{next}");
        self.check_views();
        self.check_events(operation);
    }

    /// In the middle of what it was cut, if its files show that.
    fn cut_in(&self, kind: Kind) -> Option<&'static str> {
        let names = |path: &str| -> Vec<String> {
            let entries = fs::read_dir(self.root.join(path)).into_iter().flatten();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect()
        };
        let is_part = |name: &String| name.ends_with(".part");
        if self.state.join("reset").exists() {
            Some("factory reset")
        } else if !names("opt/.stage").is_empty() {
            Some("installation")
        } else if names("var/cache/dm").iter().any(is_part) {
            Some("download")
        } else if kind == Kind::Wipe
            && (1..PHOTO_FOLDERS).contains(&names("home/user/Photos").len())
        {
            Some("wipe")
        } else {
            None
        }
    }

    /// What the server reads of the device is what the device's files say.
    fn check_views(&self) {
        let state = self.order(&json!({"lawmo": "state"}));
        let inventory = self.order(&json!({"scomo": "inventory"}));
        let output = self.run();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let read = |operation: &str| {
            let shown = self.shown(operation);
            assert_eq!(shown["state"], "succeeded", "{shown}");
            shown["contents"][0].clone()
        };
        let locked = |path: &str| self.root.join(path).exists();
        let expected = match (locked("etc/nologin"), locked("etc/dm/partially-locked")) {
            (true, _) => "fully-locked",
            (false, true) => "partially-locked",
            (false, false) => "unlocked",
        };
        let lawmo = read(&state);
        assert_eq!(lawmo["state"], expected, "{lawmo}");
        let marked = |item: &Value| item["to_be_wiped"] == true;
        assert!(!lawmo["wipe_list"].as_array().unwrap().iter().any(marked));

        let scomo = read(&inventory);
        let list = |name: &str| scomo[name].as_array().unwrap().clone();
        let busy = |node: &&Value| node["status"] != "idle";
        let nodes = ["downloads", "delivered", "deployed"].map(list).concat();
        assert_eq!(nodes.iter().find(busy), None);
        assert_eq!(list("downloads"), Vec::<Value>::new());
        let kept = fs::read_dir(self.root.join("var/cache/dm"));
        let kept = kept.map_or(0, Iterator::count);
        assert_eq!(list("delivered").len(), kept, "{scomo}");
        let root = Root::open(&self.root).unwrap();
        let packages = Packages::open(root, PackageLimits::default()).unwrap();
        let installed = packages.installed().unwrap();
        let installed: BTreeSet<_> = installed
            .iter()
            .map(|found| {
                let state = if found.active { "active" } else { "inactive" };
                let component = &found.component;
                let version = component.version.clone().unwrap_or_default();
                (component.id.clone(), version, state.to_owned())
            })
            .collect();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let deployed: BTreeSet<_> = list("deployed")
            .iter()
            .map(|node| {
                (
                    text(&node["id"]),
                    text(&node["version"]),
                    text(&node["state"]),
                )
            })
            .collect();
        assert_eq!(deployed, installed);
        if self.stage.debs.is_some() {
            let in_books = self.in_books_of_dpkg();
            let debs = installed.iter().filter(|(id, ..)| packages.is_deb(id));
            let debs: BTreeSet<_> = debs
                .map(|(id, version, _)| format!("{id} {version}"))
                .collect();
            assert_eq!(in_books, debs);
        }
    }

    /// The packages that dpkg has installed as a whole in the root, with their versions.
    fn in_books_of_dpkg(&self) -> BTreeSet<String> {
        let listed = Command::new("dpkg-query")
            .arg("--admindir")
            .arg(self.root.join("var/lib/dpkg"))
            .args(["--show", "--showformat=${Package} ${Version}\n"])
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed.lines().map(str::to_owned).collect()
    }

    /// An operation that is over came to one end, on its way forward only.
    fn check_events(&self, operation: &str) {
        let url = format!("{}/operations/{operation}/events", self.stage.emi);
        let mut text = String::new();
        let response = self.stage.agent.get(url).call().expect("an answer");
        let mut body = response.into_body().into_reader();
        body.read_to_string(&mut text).unwrap();
        let events: Vec<Value> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let (last, before) = events.split_last().expect("an event");
        assert_eq!(last["final"], true, "{text}");
        assert!(before.iter().all(|event| event["final"] == false), "{text}");
    }
}

fn succeeded() -> (String, u64) {
    ("succeeded".to_owned(), 1200)
}

/// Whether a root is as its image, but for the marker.
fn assert_same(image: &Path, root: &Path) {
    let diff = Command::new("diff")
        .args(["-r", "-x", ".dm-device-root"])
        .args([image, root])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&diff.stdout);
    assert!(diff.status.success(), "{said}");
}

/// How often the device was cut, and how often in the middle of what.
#[derive(Default)]
struct Cuts {
    all: u64,
    amid: BTreeMap<&'static str, u64>,
}

/// A round: prepared, ordered, cut, and gone on with until the outcome is known.
fn round(stage: &Stage, number: u64, kind: Kind, dice: &mut Dice, cuts: &mut Cuts) {
    let device = Puppet::new(stage, number);
    let request = device.prepare(kind);
    let operation = device.order(&request);
    for _ in 0..2 + dice.below(5) {
        let mut program = device.program();
        let mut child = program.stderr(Stdio::null()).spawn().unwrap();
        // At any moment; or soon after something was begun that takes a while, which few moments hit.
        let longest = if dice.below(3) == 0 {
            [5_000, 15_000, 50_000, 150_000][dice.below(4) as usize]
        } else {
            while device.cut_in(kind).is_none() && child.try_wait().unwrap().is_none() {
                thread::yield_now();
            }
            [50, 500, 2_000, 10_000][dice.below(4) as usize]
        };
        thread::sleep(Duration::from_micros(dice.below(longest)));
        if child.try_wait().unwrap().is_none() {
            cuts.all += 1;
        }
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        if let Some(what) = device.cut_in(kind) {
            *cuts.amid.entry(what).or_default() += 1;
        }
    }
    let mut said = String::new();
    for _ in 0..5 {
        let output = device.run();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        if output.status.success() && device.outcome(&operation).is_some() {
            break;
        }
    }
    if device.outcome(&operation).is_none() {
        let shown = device.shown(&operation);
        panic!("no outcome: {shown}\n{said}\n{}", stage.log());
    }
    let checked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        device.check(kind, &operation);
    }));
    if let Err(panic) = checked {
        println!("{}\nthe device said: {said}\n", device.shown(&operation));
        println!("the server said: {}", stage.log());
        std::panic::resume_unwind(panic);
    }
    fs::remove_dir_all(device.root.parent().unwrap()).unwrap();
}

#[test]
fn a_device_asks_for_what_the_policy_of_its_server_grants() {
    let stage = Stage::new();
    let device = Puppet::new(&stage, 0);
    let locked = || device.root.join("etc/dm/partially-locked").exists();
    for (request, is_granted) in [("com.example.Unknown", false), (WANTED, true)] {
        let mut program = device.program();
        let output = program.args(["--request", request]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(locked(), is_granted, "{request}");
    }
}

/// What a device may ask for.
const WANTED: &str = "com.example.LockWanted";

#[test]
fn killed_at_any_moment_the_device_and_its_server_agree_in_the_end() {
    let number = |name: &str, usual: u64| {
        let given = std::env::var(name).ok();
        given.map_or(usual, |given| given.parse().expect("a number"))
    };
    let rounds = number("DM_KILL_ROUNDS", 20);
    let seed = number("DM_KILL_SEED", 20_120_424);
    let stage = Stage::new();
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| stage.debs.is_some() || !kind.is_of_dpkg())
        .collect();
    let mut cuts = Cuts::default();
    for n in 0..rounds {
        let kind = kinds[n as usize % kinds.len()];
        println!("round {n}: {kind:?}, DM_KILL_SEED={seed}");
        // Each round has dice of its own, so that one can be told from its number.
        let mut dice = Dice(seed.wrapping_add(n.wrapping_mul(0x1_0001)));
        round(&stage, n, kind, &mut dice, &mut cuts);
    }
    let Cuts { all, amid } = cuts;
    println!("{rounds} rounds, {all} cuts, in the middle: {amid:?}, seed {seed}: one outcome each");
    assert!(all >= rounds / 2, "it was cut {all} times only");
}
