//! How far a download or an installation is: bars on standard error, where that is a terminal, and
//! [`OnProgress`] for who shows it elsewhere.

use core::{fmt, time::Duration};
use std::{
    io::{self, IsTerminal as _},
    sync::{Arc, LazyLock},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printable::printable_line;

/// All bars, which share the terminal with questions and messages.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Keeps the bars from the terminal while it exists; what they show goes on.
pub(super) struct Hidden(());

impl Hidden {
    pub(super) fn new() -> Self {
        let _ = BARS.clear();
        BARS.set_draw_target(ProgressDrawTarget::hidden());
        Self(())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        BARS.set_draw_target(ProgressDrawTarget::stderr());
    }
}

/// What takes a while.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Work {
    /// A package is fetched.
    Download,
    /// A package is installed.
    Install,
}

impl Work {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Install => "install",
        }
    }
}

/// How far something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// What.
    pub what: Work,
    /// How many octets of the package are done.
    pub done: u64,
    /// Of how many, where that is known.
    pub total: Option<u64>,
}

/// Who is told how far something is, in the middle of it.
#[derive(Clone)]
pub struct OnProgress(Arc<dyn Fn(Progress) + Send + Sync>);

impl OnProgress {
    /// Calls `tell` each time that some more is done.
    pub fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn tell(&self, what: Work, done: u64, total: Option<u64>) {
        self.0(Progress { what, done, total });
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnProgress")
    }
}

/// A bar for something of `length` octets, `from` of which were there before. It is one line, however long
/// its name and narrow the terminal is.
pub(super) fn bar(what: &str, length: Option<u64>, from: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // A terminal that does not say how wide it is says 0.
    let width = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    let is_wide = width == 0 || width >= WIDE;
    let (bar, template) = match length {
        Some(length) if is_wide => (
            ProgressBar::new(length),
            "{wide_msg} {bar:20} {bytes:>10}/{total_bytes:10} {eta:3}",
        ),
        Some(length) => (ProgressBar::new(length), "{wide_msg} {percent:>3}%"),
        None => (
            ProgressBar::new_spinner(),
            "{wide_msg} {spinner} {bytes:>10}",
        ),
    };
    let bar = BARS.add(styled(bar, template));
    let bar = bar.with_message(printable_line(what)).with_position(from);
    // What was there before says nothing of how fast the rest comes.
    bar.reset_eta();
    bar.tick();
    bar
}

/// The narrowest terminal that has room for a bar and a name, in columns.
const WIDE: u16 = 60;

/// Something of which nobody knows how long it takes. Names in `what` may be a peer's.
pub(super) fn spinner(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = BARS.add(styled(ProgressBar::new_spinner(), "{msg} {spinner}"));
    let spinner = spinner.with_message(printable_line(what));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
