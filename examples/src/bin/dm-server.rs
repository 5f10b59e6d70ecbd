//! `dm-server`: a DM server with a REST API. See [`dm_examples::server`].

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_examples::server::run(std::env::args_os())
}
