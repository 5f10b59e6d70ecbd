//! Programs that tests need, looked up on `PATH`.

/// Whether a program is installed; said by name where it is not. With `DM_REQUIRE_TOOLS` set that is a
/// failure.
pub(crate) fn is_there(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let missing = format!("{program} not found (Debian: {package})");
    assert!(std::env::var_os("DM_REQUIRE_TOOLS").is_none(), "{missing}");
    println!("skipped: {missing}");
    false
}
