//! `dm-server`: what the tests of its parts share.

mod program;
mod requests;
mod rest;
mod sessions;

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use bytes::Bytes;
use dm_examples::server::{Config, Running, Server};
use dm_proto::{
    Correlator, Limits, StatusCode,
    auth::{Account, Credentials, HMAC_HEADER, Nonce, Scheme},
    codec::{DecodeOptions, Encoding},
    message::{Alert, Item},
    session::{
        Answer, ClientConfig, CommandTag, Execute, Headers, Prompt, Received, Start, Transmit,
        Trigger, UserReply, Verb,
    },
    testing::{Client, Device},
};
use serde_json::{Value, json};

/// A folder of its own for each test, empty.
fn folder(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{test}"));
    // It is not there before the first run.
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn start(test: &str) -> Running {
    Server::spawn(Config::new(folder(test))).expect("the server starts")
}

/// The management infrastructure.
struct Emi {
    url: String,
    agent: ureq::Agent,
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

impl Emi {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            agent: agent(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        answer(self.agent.get(self.url(path)).call())
    }

    fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.agent.delete(self.url(path)).call())
    }

    fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.put(self.url(path));
        answer(request.content_type(JSON).send(body.to_string()))
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(self.url(path));
        answer(request.content_type(JSON).send(body.to_string()))
    }

    fn post_with_key(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self
            .agent
            .post(self.url(path))
            .header("Idempotency-Key", key);
        answer(request.content_type(JSON).send(body.to_string()))
    }

    /// Sets up the phone.
    fn register(&self) {
        let (status, answer) = self.put(PHONE_PATH, &account());
        assert_eq!(status, 201, "{answer}");
    }

    /// Queues an operation on the phone; its identifier.
    fn queue(&self, body: &Value) -> String {
        let (status, answer) = self.post(&format!("{PHONE_PATH}/operations"), body);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an identifier").to_owned()
    }

    /// What is known of an operation.
    fn operation(&self, id: &str) -> Value {
        let (status, answer) = self.get(&format!("/operations/{id}"));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn state(&self, id: &str) -> String {
        let operation = self.operation(id);
        operation["state"].as_str().expect("a state").to_owned()
    }

    /// The events of an operation behind `seen`, up to the first that `until` accepts or the end.
    fn events(&self, id: &str, seen: Option<u64>, until: impl Fn(&Value) -> bool) -> Vec<Event> {
        let mut request = self
            .agent
            .get(self.url(&format!("/operations/{id}/events")));
        if let Some(seen) = seen {
            request = request.header("Last-Event-ID", seen.to_string());
        }
        let response = request.call().expect("an answer");
        assert_eq!(response.status(), 200);
        let reader = BufReader::new(response.into_body().into_reader());
        let mut events = Vec::new();
        let mut number = 0;
        for line in reader.lines() {
            let line = line.expect("a line");
            if let Some(id) = line.strip_prefix("id: ") {
                number = id.parse().expect("a number");
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).expect("JSON");
                let enough = until(&data);
                events.push(Event { number, data });
                if enough {
                    break;
                }
            }
        }
        events
    }

    /// Waits until an operation is over; its states on the way.
    fn states(&self, id: &str) -> Vec<String> {
        let events = self.events(id, None, |_| false);
        let state = |event: &Event| event.data["state"].as_str().expect("a state").to_owned();
        events.iter().map(state).collect()
    }

    /// Waits until an operation is in a state.
    fn wait_for(&self, id: &str, state: &str) {
        let events = self.events(id, None, |event| event["state"] == state);
        let last = events.last().expect("an event");
        assert_eq!(last.data["state"], state);
    }
}

struct Event {
    number: u64,
    data: Value,
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut response = response.expect("an answer");
    let body = response.body_mut().read_to_string().expect("text");
    let body = serde_json::from_str(&body).expect("JSON");
    (response.status().as_u16(), body)
}

const JSON: &str = "application/json";

const PHONE: &str = "IMEI:490154203237518";
const PHONE_PATH: &str = "/devices/IMEI%3A490154203237518";

/// The phone's account, as the infrastructure knows it.
fn account() -> Value {
    json!({
        "server_id": "dm.test",
        "user": "phone",
        "password": "phone-password",
        "server_user": "server",
        "server_password": "server-password",
    })
}

/// The phone's account, as the phone knows it.
fn phone_account(url: &str, scheme: Scheme) -> Account {
    let credentials = |name: &str, secret: &str| match scheme {
        Scheme::Transport => Credentials::transport(),
        Scheme::Basic => Credentials::basic(name, secret),
        Scheme::Hmac => Credentials::hmac(name, secret, Nonce::default()),
        _ => Credentials::md5(name, secret, Nonce::default()),
    };
    Account {
        server_id: "dm.test".into(),
        server_uri: url.into(),
        device_uri: PHONE.into(),
        client: credentials("phone", "phone-password"),
        server: credentials("server", "server-password"),
    }
}

/// A phone with a LAWMO object and little else.
struct Phone {
    /// What it answers an Exec with.
    status: StatusCode,
    /// What its user answers.
    reply: UserReply,
    /// What was executed, by the last segment, with its correlator.
    executed: Vec<(String, Option<Correlator>)>,
    /// What it still has to report.
    reports: Vec<Alert>,
}

impl Default for Phone {
    fn default() -> Self {
        Self {
            status: StatusCode::new(1200),
            reply: UserReply::Yes,
            executed: Vec::new(),
            reports: Vec::new(),
        }
    }
}

impl Device for Phone {
    fn execute(&mut self, execute: &Execute) -> Answer {
        let uri = execute.item.target_uri().expect("a target").clone();
        match (execute.verb, uri.as_str()) {
            (Verb::Get, "./LAWMO?prop=Type") => {
                let type_ = Item::for_source(uri).with_data("urn:oma:mo:oma-lawmo:1.0");
                Answer::results(vec![type_])
            }
            (Verb::Exec, uri) => {
                let name = uri.rsplit('/').next().unwrap_or_default().to_owned();
                self.executed.push((name, execute.correlator.clone()));
                self.status.into()
            }
            _ => StatusCode::NOT_FOUND.into(),
        }
    }

    fn ask(&mut self, _: &Prompt) -> UserReply {
        self.reply.clone()
    }

    fn alerts(&mut self) -> Vec<(Alert, CommandTag)> {
        let reports = self.reports.drain(..);
        reports.zip((1..).map(CommandTag)).collect()
    }
}

impl Phone {
    fn names(&self) -> Vec<&str> {
        self.executed
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// A session that the phone begins, with id and encoding.
fn session(account: Account, id: &str, encoding: Encoding, phone: Phone) -> Client<Phone> {
    let mut config = ClientConfig::default();
    config.encoding = encoding;
    let dev_info = vec![
        Item::for_source("./DevInfo/DevId").with_data(PHONE),
        Item::for_source("./DevInfo/Man").with_data("Example"),
    ];
    let start = Start::new(Trigger::Client, id.into(), dev_info);
    Client::new(config, account, start, phone)
}

fn md5_session(url: &str, id: &str, phone: Phone) -> Client<Phone> {
    session(phone_account(url, Scheme::Md5), id, Encoding::Wbxml, phone)
}

/// Posts a message; status, content type and body of the answer.
fn post(url: &str, content_type: &str, octets: &[u8]) -> (u16, String, Vec<u8>) {
    let request = agent().post(url).content_type(content_type);
    let mut response = request.send(octets).expect("an answer");
    let content_type = response.headers().get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = response.body_mut().read_to_vec().expect("a body");
    (response.status().as_u16(), content_type, body)
}

/// Sends a message and reads the answer.
fn exchange(url: &str, transmit: &Transmit) -> Received {
    let media_type = transmit.encoding.media_type();
    let mut request = agent().post(url).content_type(media_type);
    if let Some(hmac) = &transmit.hmac {
        request = request.header(HMAC_HEADER, hmac.as_str());
    }
    let mut response = request.send(&transmit.body[..]).expect("an answer");
    let text = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (content_type, hmac) = (text("content-type"), text(HMAC_HEADER));
    let body = response.body_mut().read_to_vec().expect("a body");
    let shown = String::from_utf8_lossy(&body);
    assert_eq!(response.status().as_u16(), 200, "{shown}");
    let content_type = content_type.expect("a content type");
    let headers = Headers::new(&content_type).with_hmac(hmac.as_deref());
    let options = DecodeOptions::strict(Limits::DEFAULT);
    Received::read(Bytes::from(body), headers, &options).expect("a message")
}

fn read(content_type: &str, body: Vec<u8>) -> Received {
    let options = DecodeOptions::strict(Limits::DEFAULT);
    Received::read(Bytes::from(body), Headers::new(content_type), &options).expect("a message")
}

/// Sends the next message and handles the answer; whether there was one.
fn turn(url: &str, client: &mut Client<Phone>) -> bool {
    let Some(transmit) = client.transmit() else {
        return false;
    };
    let answer = exchange(url, &transmit);
    client.handle(answer).expect("the session goes on");
    true
}

/// Runs a session to its end.
fn converse(url: &str, client: &mut Client<Phone>) {
    while turn(url, client) {}
}
