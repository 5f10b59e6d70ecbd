//! `dm-server`: a DM server over HTTP, and the REST API of the *external management infrastructure*.
//!
//! [`run`] is the program; [`Server`] is the same for programs that bring a server along.
//!
//! ```text
//! device ──► POST /dm ──► Received ──► row of the device ──► ServerSession ──► Queue of operations
//!        ◄── answer ◄──── stored, compare-and-swap ◄──────── poll_transmit ◄──┘
//! EMI ────► REST API ──► row + record of the operation ──► agenda ──► notification over UDP ──► device
//! ```
//!
//! Everything about a device is one row: account, session, last answer, queue. Whoever changes it read it
//! before, and stores it only if nobody else has changed it meanwhile; the answer to a message leaves once
//! it is stored. So the program may be killed at any time.

mod cli;
mod desk;
mod device;
mod dm;
mod emi;
mod notify;
mod operation;
mod outcome;
mod policy;
mod request;
mod shared;
mod store;
mod unclaimed;

use core::{fmt, net::SocketAddr, time::Duration};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use bytes::Bytes;
use dm_proto::{Secret, codec::Encoding, session::ServerConfig};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

pub use self::{
    cli::run,
    device::{Auth, Device, DeviceError, MoRoots, Profile},
    policy::{Answer, Behalf, Policy, PolicyError, Rule},
    request::{LawmoVerb, OperationRequest, PackageRequest, RequestError, ScomoVerb},
    store::StoreError,
};
use self::{shared::Shared, store::Store};

/// How a server runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where devices are listened for, `host:port`. Port 0: one that is free.
    pub listen: String,
    /// Where the REST API is listened for, `host:port`.
    pub emi: String,
    /// The folder of the database; it is made if it does not exist.
    pub data: PathBuf,
    /// What the REST API asks for as bearer token. Required unless it listens on loopback only.
    pub token: Option<Secret>,
    /// How sessions behave.
    pub session: ServerConfig,
    /// Who gets what they ask for.
    pub policy: Policy,
    /// What is called on the way.
    pub hooks: Hooks,
}

/// What is called on the way.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Hooks {
    /// Gets each message that comes or goes, credentials and all.
    pub tap: Option<Tap>,
    /// Gets each line of the log. No secrets are in it.
    pub log: Option<Log>,
}

/// See [`Hooks::tap`]. Called from several threads.
pub type Tap = Arc<dyn Fn(&Traffic) + Send + Sync>;

/// See [`Hooks::log`].
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("tap", &self.tap.is_some())
            .field("log", &self.log.is_some())
            .finish()
    }
}

/// A message that came or goes. A stored answer that is given again comes by again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traffic {
    /// Which way it goes.
    pub direction: Direction,
    /// The device's URI, unverified.
    pub device: String,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Its octets.
    pub octets: Bytes,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are no others")]
pub enum Direction {
    /// From the device to the server.
    FromDevice,
    /// From the server to the device.
    ToDevice,
}

impl Config {
    /// A server on free ports of loopback, with its database in `data`.
    pub fn new(data: impl AsRef<Path>) -> Self {
        Self {
            listen: String::from("127.0.0.1:0"),
            emi: String::from("127.0.0.1:0"),
            data: data.as_ref().to_owned(),
            token: None,
            session: ServerConfig::default(),
            policy: Policy::default(),
            hooks: Hooks::default(),
        }
    }
}

/// Why a server does not start.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The REST API would be open to everybody.
    #[error(
        "the REST API would listen beyond loopback on {0}: give it a token with --emi-token-file"
    )]
    TokenRequired(SocketAddr),
    /// A token that a header cannot carry.
    #[error("the token must be of printable ASCII without spaces")]
    Token,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The folder cannot be made.
    #[error("cannot use {} as the folder of the database: {error}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open {0}")]
    Store(StoreError),
    /// The policy makes no sense.
    #[error("the policy: {0}")]
    Policy(PolicyError),
    /// The system gives no threads.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// A server that listens, and will serve.
#[derive(Debug)]
pub struct Server {
    dm: TcpListener,
    emi: TcpListener,
    dm_address: SocketAddr,
    emi_address: SocketAddr,
    token: Option<Secret>,
    shared: Arc<Shared>,
    ending: watch::Sender<bool>,
}

impl Server {
    /// Opens the database and listens. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// If the database or an address is not to be had, or the REST API would need a token.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let Config {
            listen,
            emi,
            data,
            token,
            session,
            policy,
            hooks,
        } = config;
        policy.check().map_err(StartError::Policy)?;
        let printable = |token: &Secret| {
            let token = token.expose();
            !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic())
        };
        if !token.as_ref().is_none_or(printable) {
            return Err(StartError::Token);
        }
        let (emi, emi_address) = bind(&emi).await?;
        if token.is_none() && !emi_address.ip().is_loopback() {
            return Err(StartError::TokenRequired(emi_address));
        }
        let (dm, dm_address) = bind(&listen).await?;
        make_private_folder(&data).map_err(|error| StartError::Data {
            path: data.clone(),
            error,
        })?;
        let (ending, ended) = watch::channel(false);
        let store = Store::open(&data.join("dm-server.redb"));
        let shared = Shared {
            store: store.map_err(StartError::Store)?,
            session: Arc::new(session),
            policy,
            hooks,
            agenda: Notify::new(),
            commits: watch::Sender::new(0),
            ending: ended,
        };
        Ok(Self {
            dm,
            emi,
            dm_address,
            emi_address,
            token,
            shared: Arc::new(shared),
            ending,
        })
    }

    /// Where devices send their messages.
    pub fn dm_url(&self) -> String {
        format!("http://{}/dm", self.dm_address)
    }

    /// Where the REST API is.
    pub fn emi_url(&self) -> String {
        format!("http://{}", self.emi_address)
    }

    /// Serves until `shutdown` resolves, and then ends what is under way.
    ///
    /// # Errors
    ///
    /// If the sockets fail.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
        let Self {
            dm,
            emi,
            token,
            shared,
            ending,
            ..
        } = self;
        let until = |shared: &Arc<Shared>| {
            let shared = Arc::clone(shared);
            async move { shared.ended().await }
        };
        let dm =
            axum::serve(dm, dm::router(Arc::clone(&shared))).with_graceful_shutdown(until(&shared));
        let emi = axum::serve(emi, emi::router(Arc::clone(&shared), token))
            .with_graceful_shutdown(until(&shared));
        let agenda = async {
            notify::run(Arc::clone(&shared)).await;
            Ok(())
        };
        let shutdown = async {
            shutdown.await;
            ending.send_replace(true);
            Ok(())
        };
        let patience = async {
            shared.ended().await;
            tokio::time::sleep(PATIENCE).await;
        };
        let served = async {
            tokio::try_join!(async { dm.await }, async { emi.await }, agenda, shutdown)?;
            Ok(())
        };
        tokio::select! {
            served = served => served,
            // Somebody keeps a request open; what it would store, it can store after a restart.
            () = patience => Ok(()),
        }
    }

    /// Runs a server in threads of its own, for programs that are not asynchronous.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn spawn(config: Config) -> Result<Running, StartError> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(StartError::Runtime);
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    // Nobody listens only if the caller is gone.
                    let _ = tell.send(Err(error));
                    return Ok(());
                }
            };
            runtime.block_on(async {
                match Self::bind(config).await {
                    Ok(server) => {
                        let _ = tell.send(Ok((server.dm_url(), server.emi_url())));
                        // A dropped sender means stop, too.
                        server.serve(async { drop(stopped.await) }).await
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                        Ok(())
                    }
                }
            })
        });
        let gone = |_| StartError::Runtime(io::ErrorKind::BrokenPipe.into());
        let (dm_url, emi_url) = told.recv().map_err(gone)??;
        Ok(Running {
            dm_url,
            emi_url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// How long requests that are under way may take once the server is to end.
const PATIENCE: Duration = Duration::from_secs(5);

async fn bind(address: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen {
        address: address.to_owned(),
        error,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

/// The database holds passwords: only its owner is to read it.
fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// A server in threads of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    dm_url: String,
    emi_url: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where devices send their messages.
    pub fn dm_url(&self) -> &str {
        &self.dm_url
    }

    /// Where the REST API is.
    pub fn emi_url(&self) -> &str {
        &self.emi_url
    }

    /// Ends the server and waits until it has.
    ///
    /// # Errors
    ///
    /// If its sockets have failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(io::Error::other("the server's thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who wants to know calls `stop`.
        let _ = self.end();
    }
}
