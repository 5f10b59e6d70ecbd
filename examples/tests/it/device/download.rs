//! Transfers that break off, packages that change, download descriptors.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use dm_examples::device::{
    Device,
    locks::Locked,
    package::{ManifestComponent, Sha256Digest, build},
    user::Script,
};
use serde_json::json;

use super::{Lab, download_install, lawmo};

/// A package of half a megabyte, and its parameters.
pub(super) fn large() -> (Vec<u8>, String) {
    let content: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
    let component = ManifestComponent::new("maps", "Maps", "1.0");
    let package = build(&[(component, &[("data", content.as_slice())])]).unwrap();
    let params = format!("sha256={}", Sha256Digest::of(&package));
    (package, params)
}

/// What a content server gives for one request.
pub(super) struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    /// The octets of the body that leave before the connection breaks.
    cut: Option<usize>,
    /// Whether it says how long it is, or ends with its connection.
    has_length: bool,
}

impl Answer {
    fn of(body: Vec<u8>, etag: &str) -> Self {
        Self {
            status: "200 OK",
            headers: format!("ETag: {etag}\r\n"),
            body,
            cut: None,
            has_length: true,
        }
    }

    /// What a server that knows ranges gives for a request.
    pub(super) fn ranged(request: &str, body: &[u8], etag: &str) -> Self {
        let range = header(request, "Range").and_then(|range| {
            let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            from.parse::<usize>().ok()
        });
        match (range, header(request, "If-Range")) {
            (Some(from), Some(known)) if known == etag => Self {
                status: "206 Partial Content",
                headers: format!(
                    "ETag: {etag}\r\nContent-Range: bytes {from}-{}/{}\r\n",
                    body.len() - 1,
                    body.len()
                ),
                body: body[from..].to_vec(),
                cut: None,
                has_length: true,
            },
            _ => Self::of(body.to_vec(), etag),
        }
    }

    pub(super) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    fn without_length(mut self) -> Self {
        self.has_length = false;
        self
    }

    fn typed(mut self, media_type: &str) -> Self {
        self.headers
            .push_str(&format!("Content-Type: {media_type}\r\n"));
        self
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = request.lines();
    lines.find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A content server and what it was asked, in order, bodies included.
pub(super) struct Content {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Content {
    pub(super) fn new(mut answer: impl FnMut(usize, &str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(request) = read(&mut stream) else {
                    continue;
                };
                let number = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                let answer = answer(number, &request);
                // A client that has gone is none of our business.
                let _ = send(stream, &answer);
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// Waits until it was asked for something.
    fn asked(&self) {
        while self.requests().is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &mut TcpStream) -> Option<String> {
    let mut octets = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let text = String::from_utf8_lossy(&octets).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "Content-Length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => octets.extend_from_slice(&buffer[..read]),
        }
    }
}

fn send(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    let length = answer.has_length.then_some(answer.body.len());
    let length = length.map(|length| format!("Content-Length: {length}\r\n"));
    write!(
        stream,
        "HTTP/1.1 {}\r\n{}{}Connection: close\r\n\r\n",
        answer.status,
        answer.headers,
        length.unwrap_or_default()
    )?;
    let sent = answer.cut.unwrap_or(answer.body.len());
    stream.write_all(&answer.body[..sent])
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_was() {
    let lab = Lab::new();
    let (package, params) = large();
    let content = Content::new(move |number, request| {
        let answer = Answer::ranged(request, &package, "\"v1\"");
        match number {
            0 => answer.cut(200_000),
            1 => answer.cut(100_000),
            _ => answer,
        }
    });
    let url = content.url("maps.tar");
    let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
    assert_eq!(outcome, ("succeeded".to_owned(), 1200));
    let ranges: Vec<_> = content
        .requests()
        .iter()
        .map(|request| header(request, "Range").map(str::to_owned))
        .collect();
    let expected = [None, Some("bytes=200000-"), Some("bytes=300000-")];
    assert_eq!(ranges, expected.map(|range| range.map(str::to_owned)));
}

#[test]
fn a_later_attempt_goes_on_with_what_an_earlier_one_left() {
    let lab = Lab::new();
    let mut device = lab.device();
    let (package, params) = large();
    let content = Content::new(move |number, request| {
        let answer = Answer::ranged(request, &package, "\"v1\"");
        // The first attempt gets nothing beyond its first octets, however often it asks.
        if number < 5 {
            let piece = if number == 0 { 1000 } else { 0 };
            answer.cut(piece)
        } else {
            answer
        }
    });
    let url = content.url("maps.tar");
    let first = lab.run(&mut device, &download_install(&url, &params));
    assert_eq!(first, ("failed".to_owned(), 1402));
    assert!(!lab.root().join("opt/maps").exists());
    let second = lab.run(&mut device, &download_install(&url, &params));
    assert_eq!(second, ("succeeded".to_owned(), 1200));
    let requests = content.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(header(&requests[5], "Range"), Some("bytes=1000-"));
}

#[test]
fn what_an_attempt_left_of_a_package_goes_when_its_node_is_given_to_another() {
    let lab = Lab::new();
    let mut device = lab.device();
    let (package, params) = large();
    let other = package.clone();
    let piece = 40_000;
    let content = Content::new(move |n, request| {
        let answer = Answer::ranged(request, &package, "\"v1\"");
        if n < 5 { answer.cut(piece) } else { answer }
    });
    let failed = ("failed".to_owned(), 1402);
    let request = download_install(&content.url("/p"), &params);
    assert_eq!(lab.run(&mut device, &request), failed);
    let left = || {
        let names = std::fs::read_dir(lab.root().join("var/cache/dm")).unwrap();
        names
            .map(|name| name.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    assert_eq!(left().len(), 2, "a part and its record: {:?}", left());
    let content = Content::new(move |_, request| Answer::ranged(request, &other, "\"v2\""));
    let mut request = download_install(&content.url("/p"), &params);
    request["package"]["id"] = "another".into();
    request["package"]["node"] = "p".into();
    let succeeded = ("succeeded".to_owned(), 1200);
    assert_eq!(lab.run(&mut device, &request), succeeded);
    assert_eq!(left(), [""; 0], "of neither");
}

#[test]
fn a_package_that_changed_is_fetched_anew() {
    for etag in ["\"v2\"", "W/\"v1\"", "\"v1\""] {
        let lab = Lab::new();
        let (package, params) = large();
        let mut other = package.clone();
        other[100] ^= 1;
        let content = Content::new(move |number, request| {
            if number == 0 {
                // Of another content under the validator "v1": told from the digest alone.
                Answer::of(other.clone(), "\"v1\"").cut(100_000)
            } else {
                Answer::ranged(request, &package, etag)
            }
        });
        let url = content.url("maps.tar");
        let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
        assert_eq!(outcome, ("succeeded".to_owned(), 1200), "{etag}");
    }
}

#[test]
fn a_weak_validator_resumes_nothing() {
    let lab = Lab::new();
    let (package, params) = large();
    let content = Content::new(move |number, request| {
        assert_eq!(header(request, "Range"), None);
        let answer = Answer::of(package.clone(), "W/\"v1\"");
        if number == 0 {
            answer.cut(100_000)
        } else {
            answer
        }
    });
    let url = content.url("maps.tar");
    let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
    assert_eq!(outcome, ("succeeded".to_owned(), 1200));
    assert_eq!(content.requests().len(), 2);
}

/// Serves a descriptor at `/dd`, the package at `/package`, and takes notifications at `/notify`.
fn described(
    more: &'static str,
    size: Option<usize>,
    media_type: &'static str,
) -> (Content, String) {
    let (package, params) = large();
    let content = Content::new(move |_, request| {
        let path = request.split(' ').nth(1).unwrap();
        match path {
            "/dd" => {
                let host = header(request, "Host").unwrap();
                let size = size.unwrap_or(package.len());
                let xml = format!(
                    "<?xml version=\"1.0\"?><media xmlns=\"http://www.openmobilealliance.org/xmlns/dd\">\
                     <type>application/x-tar</type><size>{size}</size><name>Maps</name>\
                     <objectURI>http://{host}/package</objectURI>\
                     <installNotifyURI>http://{host}/notify?id=1&amp;of=2</installNotifyURI>{more}</media>"
                );
                Answer::of(xml.into_bytes(), "\"dd\"")
                    .typed("application/vnd.oma.dd+xml; charset=utf-8")
            }
            "/package" => {
                let answer = Answer::ranged(request, &package, "\"v1\"").typed(media_type);
                if size == Some(package.len() + 1) {
                    answer.without_length()
                } else {
                    answer
                }
            }
            _ => Answer::of(Vec::new(), "\"n\""),
        }
    });
    (content, params)
}

/// The paths that were asked for, and the body of the notification.
fn asked(content: &Content) -> (Vec<String>, Option<String>) {
    let requests = content.requests();
    let paths = requests
        .iter()
        .map(|request| request.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let notified = requests
        .iter()
        .find(|request| request.starts_with("POST"))
        .map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned());
    (paths, notified)
}

#[test]
fn a_descriptor_leads_to_the_package_and_its_server_is_told() {
    let lab = Lab::new();
    let (content, params) = described("", None, "application/x-tar");
    let url = content.url("dd");
    let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
    assert_eq!(outcome, ("succeeded".to_owned(), 1200));
    let (paths, notified) = asked(&content);
    assert_eq!(paths, ["/dd", "/package", "/notify?id=1&of=2"]);
    assert_eq!(notified.as_deref(), Some("900 Success"));
    assert!(lab.root().join("opt/maps/data").exists());
}

#[test]
fn a_descriptor_that_cannot_be_taken_is_refused_before_anything_is_fetched() {
    let too_large = 1 << 40;
    let cases = [
        ("size", "", Some(too_large), 1404, "901 Insufficient memory"),
        (
            "type",
            "<type>video/mp4</type>",
            None,
            1402,
            "953 Non-Acceptable Content",
        ),
    ];
    for (name, more, size, code, line) in cases {
        let lab = Lab::new();
        let (content, params) = described(more, size, "application/x-tar");
        let url = content.url("dd");
        let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
        assert_eq!(outcome, ("failed".to_owned(), code), "{name}");
        let (paths, notified) = asked(&content);
        assert_eq!(paths, ["/dd", "/notify?id=1&of=2"], "{name}");
        assert_eq!(notified.as_deref(), Some(line), "{name}");
    }
}

#[test]
fn what_is_not_as_described_is_not_installed() {
    // The digest is right in each.
    let one_more = large().0.len() + 1;
    for (name, size, media_type) in [
        ("size", Some(5), "application/x-tar"),
        ("size, seen at the end", Some(one_more), "application/x-tar"),
        ("type", None, "text/html"),
    ] {
        let lab = Lab::new();
        let (content, params) = described("", size, media_type);
        let url = content.url("dd");
        let outcome = lab.run(&mut lab.device(), &download_install(&url, &params));
        assert_eq!(outcome, ("failed".to_owned(), 1402), "{name}");
        let (_, notified) = asked(&content);
        assert_eq!(
            notified.as_deref(),
            Some("905 Attribute mismatch"),
            "{name}"
        );
        assert!(!lab.root().join("opt/maps").exists(), "{name}");
        let kept = lab.root().join("var/cache/dm");
        let kept = std::fs::read_dir(kept).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "{name}");
    }
}

#[test]
fn a_broken_descriptor_fails_the_download() {
    let lab = Lab::new();
    let (_, params) = large();
    for (xml, is_version) in [("<media>", false), ("<media DDVersion=\"2.0\"/>", true)] {
        let content = Content::new(move |_, _| {
            Answer::of(xml.as_bytes().to_vec(), "\"dd\"").typed("application/vnd.oma.dd+xml")
        });
        let url = content.url("dd");
        let order = json!({
            "scomo": "download",
            "package": {"id": format!("p{is_version}"), "url": url, "params": params},
        });
        let outcome = lab.run(&mut lab.device(), &order);
        assert_eq!(outcome, ("failed".to_owned(), 1402), "{xml}");
        assert_eq!(content.requests().len(), 1, "{xml}");
    }
}

/// Whoever is to be told, and what was described, is durable before the package is here, and forgotten
/// afterwards.
#[test]
fn what_a_descriptor_said_is_kept_until_its_server_was_told() {
    let lab = Lab::new();
    let (package, params) = large();
    let cache = lab.root().join("var/cache/dm");
    let owed = move || {
        let names = std::fs::read_dir(&cache).unwrap();
        let mut names = names.map(|name| name.unwrap().path());
        names.any(|name| name.extension().is_some_and(|end| end == "owed"))
    };
    let (seen, are_seen) = (owed.clone(), mpsc::channel());
    let (tell, told) = are_seen;
    let content = Content::new(move |_, request| {
        let path = request.split(' ').nth(1).unwrap();
        if path != "/dd" {
            tell.send((path.to_owned(), seen())).unwrap();
        }
        let host = header(request, "Host").unwrap();
        let size = package.len();
        match path {
            "/dd" => Answer::of(
                format!(
                    "<media><type>application/x-tar</type><size>{size}</size>\
                     <objectURI>http://{host}/package</objectURI>\
                     <installNotifyURI>http://{host}/notify</installNotifyURI></media>"
                )
                .into_bytes(),
                "\"dd\"",
            )
            .typed("application/vnd.oma.dd+xml"),
            "/package" => Answer::of(package.clone(), "\"v1\"").typed("application/x-tar"),
            _ => Answer::of(Vec::new(), "\"n\""),
        }
    });
    let order = download_install(&content.url("dd"), &params);
    let outcome = lab.run(&mut lab.device(), &order);
    assert_eq!(outcome, ("succeeded".to_owned(), 1200));
    let seen: Vec<_> = told.try_iter().collect();
    let expected = ["/package", "/notify"].map(|path| (path.to_owned(), true));
    assert_eq!(seen, expected);
    assert!(!owed());
}

#[test]
fn the_server_of_a_descriptor_that_is_refused_is_told_why() {
    for (more, line) in [
        ("<DDVersion>2.0</DDVersion>", "951 Invalid DDVersion"),
        ("<size>1</size>", "906 Invalid descriptor"),
    ] {
        let lab = Lab::new();
        let (content, params) = described(more, None, "application/x-tar");
        let outcome = lab.run(
            &mut lab.device(),
            &download_install(&content.url("dd"), &params),
        );
        assert_eq!(outcome, ("failed".to_owned(), 1402), "{line}");
        let (paths, notified) = asked(&content);
        assert_eq!(paths, ["/dd", "/notify?id=1&of=2"], "{line}");
        assert_eq!(notified.as_deref(), Some(line));
    }
}

/// A content server that gives the package once it is told to, and the one who tells it.
fn waiting(package: Vec<u8>) -> (Content, mpsc::Sender<()>) {
    let (go, going) = mpsc::channel();
    let content = Content::new(move |_, _| {
        // When the test is over, nobody wants an answer any more.
        let _ = going.recv();
        Answer::of(package.clone(), "\"1\"")
    });
    (content, go)
}

#[test]
fn a_device_is_locked_while_it_downloads_and_installs_what_came_then() {
    let lab = Lab::new();
    let (package, params) = large();
    let (content, go) = waiting(package);
    let mut config = lab.config();
    config.background = true;
    let mut device = Device::open(config, Script::default()).unwrap();
    let installed = lab.order(&download_install(&content.url("p"), &params));
    device.run_once().expect("a session");
    assert_eq!(lab.outcome(&installed).0, "accepted");

    let locked = lab.run(&mut device, &lawmo("fully-lock"));
    assert_eq!(locked, ("succeeded".to_owned(), 1200));
    assert_eq!(device.locked().unwrap(), Locked::Fully);
    assert_eq!(lab.outcome(&installed).0, "accepted");

    go.send(()).unwrap();
    device.finish().expect("a report");
    assert_eq!(lab.outcome(&installed), ("succeeded".to_owned(), 1200));
    assert!(lab.root().join("opt/maps/data").exists());
    assert_eq!(content.requests().len(), 1);
}

#[test]
fn what_was_downloading_when_the_power_went_is_downloaded_by_the_next_start_alone() {
    let lab = Lab::new();
    let (package, params) = large();
    let (content, go) = waiting(package);
    let open = || {
        let mut config = lab.config();
        config.background = true;
        Device::open(config, Script::default()).unwrap()
    };
    let mut device = open();
    let installed = lab.order(&download_install(&content.url("p"), &params));
    device.run_once().expect("a session");
    content.asked();
    drop(device);
    // What the first one asked for comes, to nobody; then what the second one asks for.
    go.send(()).unwrap();
    go.send(()).unwrap();
    let mut device = open();
    device.resume().expect("taken up");
    device.finish().expect("a report");
    assert_eq!(lab.outcome(&installed), ("succeeded".to_owned(), 1200));
    assert_eq!(content.requests().len(), 2);
}

#[test]
fn a_factory_reset_does_not_wait_for_a_download_and_nothing_of_it_comes_after() {
    let lab = Lab::new();
    let (package, params) = large();
    let (content, go) = waiting(package);
    let mut config = lab.config();
    config.background = true;
    let mut device = Device::open(config, Script::default()).unwrap();
    let installed = lab.order(&download_install(&content.url("p"), &params));
    device.run_once().expect("a session");
    assert_eq!(lab.outcome(&installed).0, "accepted");
    content.asked();
    let reset = lab.run(&mut device, &lawmo("factory-reset"));
    assert_eq!(reset.0, "accepted");
    go.send(()).unwrap();
    device.finish().expect("nothing goes on");
    // The one that was stopped is given time to do what it must not.
    thread::sleep(Duration::from_millis(200));
    let cache = lab.root().join("var/cache/dm");
    let left = std::fs::read_dir(cache).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    assert!(!lab.root().join("opt/maps").exists());
    // The device has forgotten that it was to report, and its server knows.
    device.run_once().expect("a session");
    assert_eq!(lab.outcome(&installed).0, "unknown");
}
