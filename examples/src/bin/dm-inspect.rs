//! `dm-inspect`: converts and explains messages. See [`dm_examples::inspect`].

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_examples::inspect::run(std::env::args_os())
}
