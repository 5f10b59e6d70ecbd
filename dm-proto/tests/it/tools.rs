//! Programs that tests compare with, looked up on `PATH`.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{
    io::ErrorKind,
    process::{Command, Output, Stdio},
};

use bytes::Bytes;

/// Runs a program on a file with this content, named by its last argument, and gives what it prints;
/// `None`, said by name, where it is not installed. With `DM_REQUIRE_TOOLS` set that is a failure.
pub(crate) fn run(
    program: &str,
    package: &str,
    arguments: &[&str],
    content: &[u8],
) -> Option<Bytes> {
    let output = output(program, package, arguments, content)?;
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout.into())
}

/// The same for content that the program may refuse, which gives `Some(None)`.
pub(crate) fn attempt(
    program: &str,
    package: &str,
    arguments: &[&str],
    content: &[u8],
) -> Option<Option<Bytes>> {
    let output = output(program, package, arguments, content)?;
    let is_done = output.status.success() && !output.stdout.is_empty();
    Some(is_done.then(|| output.stdout.into()))
}

fn output(program: &str, package: &str, arguments: &[&str], content: &[u8]) -> Option<Output> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("dm-proto-{}-{number}", std::process::id());
    let input = std::env::temp_dir().join(name);
    std::fs::write(&input, content).expect("a temporary file");
    let output = Command::new(program)
        .args(arguments)
        .arg(&input)
        .stderr(Stdio::piped())
        .output();
    let _ = std::fs::remove_file(&input);
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let missing = format!("{program} not found (Debian: {package})");
            assert!(std::env::var_os("DM_REQUIRE_TOOLS").is_none(), "{missing}");
            println!("skipped: {missing}");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    Some(output)
}
