//! [`PackageServer`]: a web server with packages made on the spot.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use scomo::descriptor::MEDIA_TYPE;

use super::trace::{Actor, Trace};
use crate::device::package::{ManifestComponent, Sha256Digest, build};

/// A package that is served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    /// Where.
    pub(super) url: String,
    /// What `InstallParams` says of it.
    pub(super) params: String,
}

/// A web server on a free port of loopback. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct PackageServer {
    base: String,
    packages: BTreeMap<String, Arc<[u8]>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    packages: BTreeMap<String, Arc<[u8]>>,
    trace: Trace,
}

impl PackageServer {
    /// Serves the packages of the demo.
    pub(super) fn start(trace: Trace) -> io::Result<Self> {
        let packages = packages()?;
        let shared = Arc::new(Shared {
            packages: packages.clone(),
            trace,
        });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let serve = async move {
                let router = Router::new()
                    .route("/{name}", get(package))
                    .route("/described/{name}", get(descriptor))
                    .route("/notified/{name}", post(notified))
                    .with_state(shared);
                let bound = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = match bound.and_then(|found| Ok((found.local_addr()?, found))) {
                    Ok((address, listener)) => {
                        let _ = tell.send(Ok(address));
                        listener
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                        return;
                    }
                };
                // It ends with the demo, which has its packages by then.
                let _ = axum::serve(listener, router)
                    .with_graceful_shutdown(async { drop(stopped.await) })
                    .await;
            };
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                runtime.block_on(serve);
            }
        });
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        let address = told.recv().map_err(gone)??;
        Ok(Self {
            base: format!("http://{address}"),
            packages,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What is in a package.
    pub(super) fn content(&self, name: &str) -> &[u8] {
        self.packages.get(name).map_or(&[], |content| content)
    }

    /// A package, by the name of its file.
    pub(super) fn package(&self, name: &str) -> Served {
        let content = self.content(name);
        Served {
            url: format!("{}/{name}", self.base),
            params: format!("sha256={}", Sha256Digest::of(content)),
        }
    }
}

impl PackageServer {
    /// The descriptor of a package, by the name of its file.
    pub(super) fn descriptor(&self, name: &str) -> Served {
        Served {
            url: format!("{}/described/{name}", self.base),
            ..self.package(name)
        }
    }
}

impl Drop for PackageServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported.
            let _ = thread.join();
        }
    }
}

/// One validator for all: no package of the demo ever changes.
const ETAG: &str = "\"1\"";

async fn package(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (device, server) = (Actor::Device, Actor::Packages);
    let from = headers.get(header::RANGE).and_then(|range| {
        let range = range.to_str().ok()?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse::<usize>().ok()
    });
    let asked = match from {
        Some(from) => format!("GET /{name}, from octet {from} on"),
        None => format!("GET /{name}"),
    };
    shared.trace.arrow(device, server, asked);
    let Some(content) = shared.packages.get(&name) else {
        shared.trace.arrow(server, device, "404");
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::ETAG, ETAG.to_owned()),
    ];
    let rest = from.and_then(|from| Some((from, content.get(from..)?)));
    match rest {
        Some((from, rest)) => {
            let title = format!("206, {} octets", rest.len());
            shared.trace.arrow(server, device, title);
            let last = content.len().saturating_sub(1);
            let range = format!("bytes {from}-{last}/{}", content.len());
            let range = [(header::CONTENT_RANGE, range)];
            let status = StatusCode::PARTIAL_CONTENT;
            (status, headers, range, rest.to_vec()).into_response()
        }
        None => {
            let title = format!("200, {} octets", content.len());
            shared.trace.arrow(server, device, title);
            (headers, content.to_vec()).into_response()
        }
    }
}

/// A descriptor that says where a package is, how large, and who wants to be told what came of it.
async fn descriptor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (device, server) = (Actor::Device, Actor::Packages);
    let asked = format!("GET /described/{name}");
    shared.trace.arrow(device, server, asked);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let (Some(content), Some(host)) = (shared.packages.get(&name), host) else {
        shared.trace.arrow(server, device, "404");
        return StatusCode::NOT_FOUND.into_response();
    };
    shared
        .trace
        .arrow(server, device, "200, a download descriptor");
    let xml = format!(
        "<media xmlns=\"http://www.openmobilealliance.org/xmlns/dd\"><type>application/x-tar</type>\
         <size>{}</size><name>Game</name><vendor>Example</vendor>\
         <objectURI>http://{host}/{name}</objectURI>\
         <installNotifyURI>http://{host}/notified/{name}</installNotifyURI></media>",
        content.len()
    );
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], xml).into_response()
}

/// Is told what came of a package.
async fn notified(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    status: String,
) -> StatusCode {
    let title = format!("POST /notified/{name}: {status}");
    shared.trace.arrow(Actor::Device, Actor::Packages, title);
    StatusCode::OK
}

fn packages() -> io::Result<BTreeMap<String, Arc<[u8]>>> {
    let game = |version| ManifestComponent::new("org.example.game", "Game", version);
    let level: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let packages = [
        (
            "game-1.0.tar",
            build(&[(
                game("1.0"),
                &[
                    ("bin/game", b"#!/bin/sh\necho one\n".as_slice()),
                    ("level", &level),
                ],
            )])?,
        ),
        (
            "game-2.0.tar",
            build(&[(
                game("2.0"),
                &[("bin/game", b"#!/bin/sh\necho two\n".as_slice())],
            )])?,
        ),
        (
            "notes-1.0.tar",
            build(&[(
                ManifestComponent::new("org.example.notes", "Notes", "1.0"),
                &[("notes", level.get(..6000).unwrap_or_default())],
            )])?,
        ),
        (
            "office-1.0.tar",
            build(&[
                (
                    ManifestComponent::new("org.example.writer", "Writer", "1.0"),
                    &[("bin/writer", b"#!/bin/sh\n".as_slice())],
                ),
                (
                    ManifestComponent::new("org.example.reader", "Reader", "1.0"),
                    &[("bin/reader", b"#!/bin/sh\n".as_slice())],
                ),
            ])?,
        ),
    ];
    Ok(packages
        .into_iter()
        .map(|(name, content)| (name.to_owned(), content.into()))
        .collect())
}
