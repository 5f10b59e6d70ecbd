//! `dm-device`: a Linux device that lives in a folder and obeys a DM server.

use core::time::Duration;
use std::{
    io::{self, Write as _},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, ValueEnum, error::ErrorKind};
use dm_examples::device::{
    Config, Device, Error,
    bootstrap::{Bootstrap, FileError},
    credentials,
    user::{Decided, Terminal},
};
use dm_proto::{
    auth::{Account, Resynchronization, Scheme},
    bootstrap::{NetworkSecret, Secrets},
    codec::Encoding,
    session::UserReply,
};
use lawmo::device::Unanswered;

/// A device that a DM server locks, wipes, resets and gives software.
///
/// It lives in a folder: a lock writes etc/nologin, a wipe empties folders below home/user, a factory
/// reset restores the image taken at the first start, software comes as .tar packages and goes to opt.
/// An empty or missing folder is laid out at the first start; one with content needs the file
/// .dm-device-root in it.
#[derive(Parser)]
#[command(name = "dm-device", version)]
struct Arguments {
    /// The server: where its messages go
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "bootstrap",
        default_value = "",
        hide_default_value = true
    )]
    server: String,
    /// The device's own identifier, such as IMEI:493005100592800
    #[arg(long, value_name = "DEVICE-URI")]
    id: String,
    /// The device's name at the server; needed unless --auth is none
    #[arg(long, value_name = "U", default_value = "", hide_default_value = true)]
    user: String,
    /// Its password; needed unless --auth is none
    #[arg(long, value_name = "P", default_value = "", hide_default_value = true)]
    password: String,
    /// The server's identifier
    #[arg(
        long,
        value_name = "S",
        required_unless_present = "bootstrap",
        default_value = "",
        hide_default_value = true
    )]
    server_id: String,
    /// The server's name at the device [default: its identifier]
    #[arg(long, value_name = "U", default_value = "", hide_default_value = true)]
    server_user: String,
    /// Its password; needed unless --auth is none
    #[arg(long, value_name = "P", default_value = "", hide_default_value = true)]
    server_password: String,
    /// The folder that the device lives in: locked, wiped and reset
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The folder of its tree, jobs and factory image, outside the root
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// What a factory reset restores from now on, and what an empty root is laid out with: a folder, or a plain
    /// .tar of one [default: the root as it was at the first start]
    #[arg(long, value_name = "PATH")]
    factory_image: Option<PathBuf>,
    /// A file with the account, in place of the options for it: a Client Provisioning document or management
    /// objects (a DM message, TNDS) as XML or WBXML, or a WAP push with one of them
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "server", "user", "password", "server_id", "server_user", "server_password", "auth",
    ])]
    bootstrap: Option<PathBuf>,
    /// The PIN that a push is secured with
    #[arg(long, value_name = "DIGITS", requires = "bootstrap")]
    bootstrap_pin: Option<String>,
    /// The IMSI that a push is secured with
    #[arg(long, value_name = "DIGITS", requires = "bootstrap")]
    bootstrap_imsi: Option<String>,
    /// The encoding of its messages
    #[arg(long, value_enum, default_value_t = EncodingName::Wbxml)]
    encoding: EncodingName,
    /// How both sides prove themselves
    #[arg(long, value_enum, default_value_t = Auth::Md5)]
    auth: Auth,
    /// Who answers when the server wants the user to confirm; no answer is never a yes
    #[arg(long, value_enum, default_value_t = Confirm::Ask)]
    confirm: Confirm,
    /// Before what the user of the device is asked, without the server's asking; who puts it off is asked again
    /// at the next session
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    ask_before: Vec<AskBefore>,
    /// Let packages bring older versions than are installed
    #[arg(long)]
    allow_downgrades: bool,
    /// Ask the server for something: a generic alert of this type in the first session, with what stands behind
    /// the "=" as its data, kept until the server has answered it
    #[arg(long, value_name = "TYPE[=DATA]")]
    request: Option<String>,
    /// One session, or the one that the first notification asks for, and what is due after it; then end
    #[arg(long)]
    once: bool,
    /// Take notifications that are signed with the nonce of nobody, as a server sends them to a device that
    /// may have lost its own; only where something else authenticates the server
    #[arg(long)]
    resynchronize: bool,
    /// Give up a factory reset that was accepted if the server cannot be told
    #[arg(long)]
    abandon_unanswered_reset: bool,
    /// Where notifications come in, as UDP
    #[arg(long, value_name = "ADDR")]
    notify: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EncodingName {
    Xml,
    Wbxml,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Auth {
    None,
    Basic,
    Md5,
    Hmac,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum AskBefore {
    Download,
    Install,
    /// Locks, and unlocking
    Lock,
    Wipe,
    Reset,
}

#[derive(Clone, Copy, ValueEnum)]
enum Confirm {
    Ask,
    Yes,
    No,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn core::error::Error>> {
    let bootstrapped = bootstrapped(&arguments)?;
    let (bootstrap, account) = match bootstrapped {
        Some((bootstrap, account)) => (Some(bootstrap), account),
        None => {
            credentials_given(&arguments);
            (None, given(&arguments))
        }
    };
    let server = &account.server_uri;
    if !server.as_str().starts_with("http://") {
        return Err("--server must begin with http:// (HTTPS is not supported yet)".into());
    }
    let mut config = Config::new(account, &arguments.root, &arguments.state);
    config.bootstrap = bootstrap;
    config.factory_image.clone_from(&arguments.factory_image);
    config.encoding = match arguments.encoding {
        EncodingName::Xml => Encoding::Xml,
        EncodingName::Wbxml => Encoding::Wbxml,
    };
    config.downgrades = arguments.allow_downgrades;
    config.background = true;
    let asks_before = |what| arguments.ask_before.contains(&what);
    config.prompts.download = asks_before(AskBefore::Download);
    config.prompts.install = asks_before(AskBefore::Install);
    config.lock_prompts.lock = asks_before(AskBefore::Lock);
    config.lock_prompts.wipe = asks_before(AskBefore::Wipe);
    config.lock_prompts.factory_reset = asks_before(AskBefore::Reset);
    if arguments.abandon_unanswered_reset {
        config.unanswered = Unanswered::Abandon;
    }
    if arguments.resynchronize {
        config.resynchronization = Resynchronization::Allowed;
    }
    // Bound first: a notification that comes while the device starts waits in it.
    let bind = |address: &String| {
        UdpSocket::bind(address).map_err(|error| format!("--notify {address}: {error}"))
    };
    let socket = arguments.notify.as_ref().map(bind).transpose()?;
    if let Some(socket) = &socket {
        eprintln!("notifications on udp://{}", socket.local_addr()?);
    }
    let device = match arguments.confirm {
        Confirm::Ask => Device::open(config, Terminal::new()),
        Confirm::Yes => Device::open(config, Decided(UserReply::Yes)),
        Confirm::No => Device::open(config, Decided(UserReply::No)),
    };
    let located = |error| located(&error, &arguments.root, &arguments.state);
    let mut device = device.map_err(located)?;
    if let Some(request) = &arguments.request {
        let (type_, data) = request.split_once('=').unwrap_or((request, ""));
        device.request(type_, "./SCOMO", data).map_err(located)?;
    }
    if arguments.once {
        let ended = match &socket {
            Some(socket) => device.resume().and_then(|()| device.run_notified(socket)),
            None => device.run_once(),
        };
        return Ok(ended.and_then(|()| device.finish()).map_err(located)?);
    }
    if let Some(socket) = &socket {
        // A notification may get lost.
        socket.set_read_timeout(Some(BETWEEN_SESSIONS))?;
    }
    Ok(serve(&mut device, socket.as_ref()).map_err(located)?)
}

/// What is in the file, if there is one, with its account.
fn bootstrapped(
    arguments: &Arguments,
) -> Result<Option<(Bootstrap, Account)>, Box<dyn core::error::Error>> {
    let Some(file) = &arguments.bootstrap else {
        return Ok(None);
    };
    let mut secrets = Secrets::default();
    if let Some(pin) = &arguments.bootstrap_pin {
        secrets = secrets.with_pin(pin.as_str());
    }
    if let Some(imsi) = &arguments.bootstrap_imsi {
        secrets = secrets.with_network(NetworkSecret::imsi(imsi)?);
    }
    let read = || {
        let bootstrap = Bootstrap::read(file, &secrets)?;
        let account = bootstrap.account(&arguments.id)?;
        Ok((bootstrap, account))
    };
    let read: Result<_, FileError> = read();
    Ok(Some(read.map_err(|error| {
        format!("--bootstrap {}: {error}", file.display())
    })?))
}

/// Ends the program as clap does where credentials are missing, which clap cannot tell: it depends on the
/// value of another option.
fn credentials_given(arguments: &Arguments) {
    if arguments.auth == Auth::None {
        return;
    }
    let needed = [
        ("--user", &arguments.user),
        ("--password", &arguments.password),
        ("--server-password", &arguments.server_password),
    ];
    let missing: Vec<_> = needed
        .iter()
        .filter_map(|(name, value)| value.is_empty().then_some(*name))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        Arguments::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                format!("without --auth none, the account needs {missing}"),
            )
            .exit();
    }
}

/// The account of the command line.
fn given(arguments: &Arguments) -> Account {
    let scheme = match arguments.auth {
        Auth::None => Scheme::Transport,
        Auth::Basic => Scheme::Basic,
        Auth::Md5 => Scheme::Md5,
        Auth::Hmac => Scheme::Hmac,
    };
    let server_user = match arguments.server_user.as_str() {
        "" => &arguments.server_id,
        user => user,
    };
    Account {
        server_id: arguments.server_id.as_str().into(),
        server_uri: arguments.server.as_str().into(),
        device_uri: arguments.id.as_str().into(),
        client: credentials(scheme, &arguments.user, &arguments.password),
        server: credentials(scheme, server_user, &arguments.server_password),
    }
}

/// Obeys until it is killed. What can pass by itself (a server that is away, a refused session) is told
/// and waited out; what cannot ends the program, and the next start goes on where it was.
fn serve(device: &mut Device, socket: Option<&UdpSocket>) -> Result<(), Error> {
    let mut wait = BACK_OFF;
    let mut ended = device.run_once();
    loop {
        match ended {
            Ok(()) => wait = BACK_OFF,
            Err(error @ (Error::Session(_) | Error::Undelivered(_))) => {
                // Where it cannot be written, the device goes on all the same.
                let _ = writeln!(
                    io::stderr(),
                    "{error}; next attempt in {} s",
                    wait.as_secs()
                );
                // What was downloaded meanwhile is installed, whether its server is there or not.
                device.pause(wait)?;
                wait = wait.saturating_mul(2).min(LONGEST_BACK_OFF);
                ended = device.resume();
                continue;
            }
            Err(Error::Io(error)) if is_silence(&error) => {
                ended = device.run_once();
                continue;
            }
            Err(error) => return Err(error),
        }
        ended = match socket {
            Some(socket) => device.run_notified(socket),
            None if device.pause(BETWEEN_SESSIONS)? => device.resume(),
            None => device.run_once(),
        };
    }
}

/// Whether no notification came in time.
fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The error with the file or folder that it is about, where it does not say so itself.
fn located(error: &Error, root: &Path, state: &Path) -> String {
    match error {
        Error::Store(_) | Error::Agent(_) => {
            format!("{}: {error}", state.join(Config::DATABASE).display())
        }
        Error::Io(_) => format!("{}: {error}", root.display()),
        _ => error.to_string(),
    }
}

/// How long the device waits after a session that failed, twice as long each time.
const BACK_OFF: Duration = Duration::from_secs(5);

/// How long it waits at most.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);

/// How long a device that nobody notifies waits before it asks for orders again.
const BETWEEN_SESSIONS: Duration = Duration::from_secs(15 * 60);
