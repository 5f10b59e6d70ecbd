//! `dm-inspect`: converts and explains messages, for people who look at traffic.
//!
//! [`run`] is the program; [`outline`] is useful on its own, to log or show a message.

mod decode;
mod document;
mod json;
mod notification;
mod outline;
mod tree;

use core::fmt;
use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use dm_proto::{
    DecodeError, EncodeError, Limits, codec::DocumentType, notification::NotificationError,
};

use crate::printable::printable_line;

pub use self::{
    document::{document_to_json, outline_document},
    json::to_json,
    outline::{outline, summary},
};

/// The command line of `dm-inspect`.
#[derive(Debug, Parser)]
#[command(
    name = "dm-inspect",
    version,
    about = "Reads OMA Device Management messages and shows or converts them",
    after_help = "Exit codes: 0 success, 1 bad input, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Decode a message and write it in another form
    Decode(DecodeArgs),
    /// Decode a Package 0 notification
    Notification(NotificationArgs),
    /// Show a DDF or TNDS document as an indented tree
    Tree(TreeArgs),
}

#[derive(Args, Debug)]
struct DecodeArgs {
    /// The encoding of the input
    #[arg(long, value_enum, default_value_t = From::Auto)]
    from: From,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = To::Outline)]
    to: To,
    /// The type of the document
    #[arg(long, value_enum, default_value_t = Doc::Auto)]
    doc: Doc,
    /// Refuse input that breaks the letter of the documents, instead of warning
    #[arg(long)]
    strict: bool,
    /// The message; `-` reads standard input
    file: PathBuf,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct NotificationArgs {
    /// The notification; `-` reads standard input
    file: Option<PathBuf>,
    /// The notification as hexadecimal digits; white space is ignored
    #[arg(long, value_name = "HEX")]
    hex: Option<String>,
}

#[derive(Args, Debug)]
struct TreeArgs {
    /// The document; `-` reads standard input
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum From {
    /// XML if it begins like XML, else WBXML
    Auto,
    /// XML
    Xml,
    /// WBXML
    Wbxml,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum To {
    /// SyncML as XML, with credentials
    Xml,
    /// JSON with the element names of SyncML, with credentials
    Json,
    /// SyncML as WBXML, with credentials
    Wbxml,
    /// A view for people, without credentials
    Outline,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Doc {
    /// Told by the document itself
    Auto,
    /// A SyncML message
    Syncml,
    /// Device information of data synchronization
    Devinf,
    /// A device description (DDF) or serialized tree (TNDS)
    Dmddf,
    /// Meta information, as a document of its own
    Metinf,
    /// OMA Client Provisioning
    Cp,
}

/// Why the input could not be shown. `Display` is what stands behind `error: `.
#[derive(Debug)]
enum Failure {
    Input {
        name: String,
        error: io::Error,
    },
    TooLarge {
        limit: usize,
    },
    Decode(DecodeError),
    /// WBXML that does not say what it is, read as a message.
    Unidentified(DecodeError),
    Encode(EncodeError),
    Hex,
    Notification(NotificationError),
    NotATree(DocumentType),
    Output(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { name, error } => write!(f, "cannot read {name}: {error}"),
            Self::TooLarge { limit } => write!(f, "the input has more than {limit} octets"),
            Self::Decode(error) => error.fmt(f),
            Self::Unidentified(error) => {
                write!(f, "{error} (--doc tells what it is if it is no message)")
            }
            Self::Encode(error) => error.fmt(f),
            Self::Hex => f.write_str("--hex takes pairs of hexadecimal digits"),
            Self::Notification(error) => error.fmt(f),
            Self::NotATree(document) => {
                write!(f, "the document is {document}, not a DDF or TNDS document")
            }
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl core::error::Error for Failure {}

/// Runs the program with these arguments, the first of which is its name.
///
/// Exit codes: 0; 1 for bad input, with `error: ...` on standard error; 2 for wrong usage.
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
    let done = match &cli.command {
        Action::Decode(args) => decode::run(args),
        Action::Notification(args) => notification::run(args),
        Action::Tree(args) => tree::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            // Names in it may be of the input.
            anstream::eprintln!("error: {}", printable_line(&failure.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The whole of a file or of standard input, within [`limits`].
fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = limits().message_size;
    let mut octets = Vec::new();
    let beyond = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(beyond).read_to_end(&mut octets)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(beyond).read_to_end(&mut octets))
    };
    read.map_err(|error| Failure::Input {
        name: path.display().to_string(),
        error,
    })?;
    if octets.len() > limit {
        return Err(Failure::TooLarge { limit });
    }
    Ok(octets)
}

fn write_output(octets: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(octets)
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// What is read at most: more than a session takes, since captures hold odd things.
fn limits() -> Limits {
    Limits::DEFAULT
        .with_message_size(16 << 20)
        .with_memory(128 << 20)
}
