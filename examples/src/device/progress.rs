//! Bars on standard error, where that is a terminal.

use core::time::Duration;
use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for something of `length` octets, `from` of which were there before.
pub(super) fn bar(what: impl Into<String>, length: Option<u64>, from: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} {bar:30} {bytes}/{total_bytes} {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {bytes}"),
    };
    let bar = styled(bar, template)
        .with_message(what.into())
        .with_position(from);
    // What was there before says nothing of how fast the rest comes.
    bar.reset_eta();
    bar.tick();
    bar
}

/// Something of which nobody knows how long it takes.
pub(super) fn spinner(what: impl Into<String>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = styled(ProgressBar::new_spinner(), "{msg} {spinner}").with_message(what.into());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
