//! `dm-demo`: a server and devices go through every flow of the LAWMO and SCOMO architecture documents.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use dm_examples::demo;
use dm_proto::codec::Encoding;

/// A DM server and its devices over loopback HTTP: every flow of the LAWMO and SCOMO architecture
/// documents, drawn from the messages that were really sent, and a table of what came of each.
///
/// Ends with 1 if a flow did not end as it must.
#[derive(Parser)]
#[command(name = "dm-demo", version)]
struct Arguments {
    /// The encoding of messages
    #[arg(long, value_enum, default_value_t = EncodingName::Wbxml)]
    encoding: EncodingName,
    /// Writes the flows as Markdown with mermaid sequence diagrams
    #[arg(long, value_name = "FILE")]
    mermaid: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EncodingName {
    Xml,
    Wbxml,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn core::error::Error>> {
    let encoding = match arguments.encoding {
        EncodingName::Xml => Encoding::Xml,
        EncodingName::Wbxml => Encoding::Wbxml,
    };
    let report = demo::run(encoding, &mut anstream::stdout())?;
    if let Some(file) = &arguments.mermaid {
        fs::write(file, report.to_mermaid())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(report.is_as_expected())
}
