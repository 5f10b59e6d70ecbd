//! The command line of `dm-server`.

use std::{ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use dm_proto::Secret;

use super::{Config, Policy, Server, operation::time, shared::now};

#[derive(Debug, Parser)]
#[command(
    name = "dm-server",
    version,
    about = "A server for OMA Device Management, with a REST API for what is to be done",
    long_about = "A server for OMA Device Management. Devices send their messages to POST /dm; what is to \
                  be done on them is asked for through a REST API. Prints one line, \
                  `listening dm=URL emi=URL`, once it serves; logs to standard error."
)]
struct Cli {
    /// Where to listen for devices, as host:port; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// Where to listen for the REST API, as host:port
    #[arg(long, value_name = "ADDR")]
    emi: String,
    /// The folder of the database
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A PostgreSQL database instead of the embedded one (not supported yet)
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A file with the bearer token of the REST API; required where it listens beyond loopback
    #[arg(long, value_name = "FILE")]
    emi_token_file: Option<PathBuf>,
    /// A file with who gets what they ask for: {"max_open": 64, "needs_consent": [VERB..], "refused": {"user": [VERB..]},
    /// "rules": [{"alert": TYPE, "operation": {..}}..]}, or the rules alone; see the README of the examples
    /// [default: devices get nothing, the REST API everything]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Runs the program with these arguments, the first of which is its name.
///
/// Exit codes: 0 after an interrupt; 1 if it cannot start or fails; 2 for wrong usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to do if the terminal cannot show it.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match serve(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cli: Cli) -> Result<(), Box<dyn core::error::Error>> {
    if cli.database_url.is_some() {
        return Err(
            "--database-url is not supported yet: leave it out to use the embedded \
                    database in --data"
                .into(),
        );
    }
    let token = match &cli.emi_token_file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Some(Secret::from(text.trim()))
        }
        None => None,
    };
    let mut config = Config {
        listen: cli.listen,
        emi: cli.emi,
        token,
        ..Config::new(cli.data)
    };
    if let Some(path) = &cli.policy {
        let policy = Policy::read(path);
        config.policy = policy.map_err(|error| format!("--policy {}: {error}", path.display()))?;
    }
    config.hooks.log = Some(Arc::new(|line| {
        // Where it cannot be written, say on a full disk, devices are served all the same.
        let _ = writeln!(anstream::stderr(), "{} {line}", time(now()));
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::bind(config).await?;
        {
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "listening dm={} emi={}",
                server.dm_url(),
                server.emi_url()
            )?;
            out.flush()?;
        }
        server.serve(interrupted()).await?;
        Ok(())
    })
}

/// Resolves at an interrupt, or when the system asks us to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without signals there is no other way to end than to be killed.
    let _ = tokio::signal::ctrl_c().await;
}
