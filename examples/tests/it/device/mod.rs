//! `dm-device`: what the tests of its parts share.

mod account;
mod deb;
mod download;
mod factory;
mod faults;
mod outcomes;
mod program;
mod software;
mod terminal;
mod weather;
mod wipe;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use dm_examples::{
    device::{Config, Device, Reporting, credentials, user::Script},
    server::{self, Policy, Running, Server},
};
use dm_proto::{
    auth::{Account, Scheme},
    codec::Encoding,
};
use serde_json::{Value, json};

const ID: &str = "IMEI:1";
const PATH: &str = "/devices/IMEI%3A1";

/// A server with one device's account, and the folders of that device.
struct Lab {
    server: Running,
    agent: ureq::Agent,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        Self::with_auth("md5")
    }

    fn with_auth(auth: &str) -> Self {
        Self::with(auth, Policy::default())
    }

    fn with(auth: &str, policy: Policy) -> Self {
        // In memory where that can be: these tests are about order, not about disks.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder");
        let mut config = server::Config::new(folder.path().join("server"));
        config.policy = policy;
        let server = Server::spawn(config).expect("the server starts");
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let lab = Self {
            server,
            agent,
            folder,
        };
        lab.register(auth, None);
        lab
    }

    fn register(&self, auth: &str, notify: Option<&str>) {
        let account = json!({
            "server_id": "s",
            "auth": auth,
            "user": "u",
            "password": "p",
            "server_user": "su",
            "server_password": "sp",
            "notify": notify.map(|address| format!("udp://{address}")),
        });
        let url = format!("{}{PATH}", self.server.emi_url());
        let request = self.agent.put(url).content_type("application/json");
        answer(request.send(account.to_string()));
    }

    /// From here on, notifications go to this address.
    fn notify_at(&self, address: &str) {
        self.register("md5", Some(address));
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Queues an operation; its identifier.
    fn order(&self, request: &Value) -> String {
        let url = format!("{}{PATH}/operations", self.server.emi_url());
        let request = self
            .agent
            .post(url)
            .content_type("application/json")
            .send(request.to_string());
        let shown = answer(request);
        shown["id"].as_str().expect("an identifier").to_owned()
    }

    /// An operation as the REST API shows it.
    fn shown(&self, operation: &str) -> Value {
        let url = format!("{}/operations/{operation}", self.server.emi_url());
        answer(self.agent.get(url).call())
    }

    /// The state of an operation, with its status or result code.
    fn outcome(&self, operation: &str) -> (String, u64) {
        let shown = self.shown(operation);
        let state = shown["state"].as_str().expect("a state").to_owned();
        let code = shown["result"]["code"].as_u64();
        (
            state,
            code.or_else(|| shown["status"].as_u64()).unwrap_or(0),
        )
    }

    fn config(&self) -> Config {
        let account = Account {
            server_id: "s".into(),
            server_uri: self.server.dm_url().into(),
            device_uri: ID.into(),
            client: credentials(Scheme::Md5, "u", "p"),
            server: credentials(Scheme::Md5, "su", "sp"),
        };
        Config::new(account, self.root(), self.state())
    }

    /// The device, in this process.
    fn device(&self) -> Device {
        Device::open(self.config(), Script::default()).expect("the device opens")
    }

    fn device_reporting(&self, reporting: Reporting, encoding: Encoding) -> Device {
        let mut config = self.config();
        config.reporting = reporting;
        config.encoding = encoding;
        Device::open(config, Script::default()).expect("the device opens")
    }

    /// Orders an operation and lets the device come for it.
    fn run(&self, device: &mut Device, request: &Value) -> (String, u64) {
        let operation = self.order(request);
        device.run_once().expect("a session");
        self.outcome(&operation)
    }

    /// The program, one session.
    fn program(&self) -> Command {
        let mut command = program(&self.root(), &self.state(), self.server.dm_url());
        command.arg("--once");
        command
    }
}

fn program(root: &Path, state: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dm-device"));
    command
        .args(["--server", url, "--id", ID])
        .args(["--user", "u", "--password", "p"])
        .args(["--server-id", "s"])
        .args(["--server-user", "su", "--server-password", "sp"])
        .arg("--root")
        .arg(root)
        .arg("--state")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut response = response.expect("an answer");
    let text = response.body_mut().read_to_string().expect("text");
    assert!(response.status().is_success(), "{text}");
    serde_json::from_str(&text).expect("JSON")
}

fn wipe(items: &[&str]) -> Value {
    json!({"lawmo": "wipe", "items": items})
}

fn lawmo(verb: &str) -> Value {
    json!({"lawmo": verb})
}

fn download_install(url: &str, params: &str) -> Value {
    json!({
        "scomo": "download-install",
        "package": {"id": "p", "url": url, "params": params},
    })
}

/// A web server that answers every request in the same way, until the process ends.
fn web(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has gone is none of our business.
            let _ = respond(stream, status, &body);
        }
    });
    format!("http://{address}/package.tar")
}

fn respond(mut stream: TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}
