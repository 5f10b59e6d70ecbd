//! [`ResetMarker`]: what a factory reset leaves outside of what it erases.

use core::fmt;

use dm_proto::Text;

/// What a factory reset leaves outside of what it erases, so that a boot knows where it stands.
///
/// For integrators whose reset erases the storage of the tree too, or goes on over a reboot. The marker is
/// a line of text ([`fmt::Display`], [`ResetMarker::parse`]) that lies where the reset does not reach; the
/// integrator writes it durably
///
/// 1. as [`ResetMarker::pending`], when a reset was accepted ([`Device::factory_reset`] at the latest),
/// 2. as [`ResetMarker::erasing`], before the first thing is erased,
/// 3. again after [`ResetMarker::session_failed`], and
/// 4. removes it last of all, when everything is as it left the factory.
///
/// A boot asks [`ResetMarker::at_boot`] what to do before anything else.
///
/// ```text
///            Exec accepted        session over, or given up         everything erased
///  (none) ───────────────► pending ───────────────────────► erasing ─────────────────► (none)
///                            │  ▲                              │ ▲
///                       boot └──┘ a session first         boot └─┘ resume
/// ```
///
/// [`Device::factory_reset`]: super::Device::factory_reset
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResetMarker {
    phase: Phase,
    server: Text,
    failures: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Pending,
    Erasing,
}

/// What a boot does about a reset.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a boot must know them all")]
pub enum AtBoot {
    /// There is none: as always.
    GoOn,
    /// It was accepted, but its server may not know: a session with it first, then the reset. If there
    /// can be none, [`ResetMarker::session_failed`].
    OpenSession(Text),
    /// It goes on, from wherever it was interrupted, or begins now.
    Erase,
    /// Its server was never reached, and [`Unanswered::Abandon`] says that it does not take place: the
    /// marker is removed, and the job, if the agent still has it, ends with
    /// [`ResultCode::CLIENT_ERROR`](crate::ResultCode::CLIENT_ERROR).
    Abandon,
}

/// What becomes of an accepted reset whose server could not be told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Unanswered {
    /// It takes place: who asked for it wants it all the more where the device cannot be reached.
    #[default]
    Proceed,
    /// It does not.
    Abandon,
}

impl ResetMarker {
    /// How many sessions are tried before a pending reset goes on without.
    pub const RETRIES: u8 = 3;

    /// A reset that this server asked for was accepted.
    pub fn pending(server: impl Into<Text>) -> Self {
        Self {
            phase: Phase::Pending,
            server: server.into(),
            failures: 0,
        }
    }

    /// The same, once nothing stands in the way of erasing.
    #[must_use]
    pub fn erasing(mut self) -> Self {
        self.phase = Phase::Erasing;
        self
    }

    /// The same, after a session that came to nothing.
    #[must_use]
    pub fn session_failed(mut self) -> Self {
        self.failures = self.failures.saturating_add(1);
        self
    }

    /// The server that asked.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether erasing has begun.
    pub fn is_erasing(&self) -> bool {
        self.phase == Phase::Erasing
    }

    /// What a boot does that finds this marker, or none. `retries` sessions are tried first
    /// ([`ResetMarker::RETRIES`]).
    pub fn at_boot(marker: Option<&Self>, retries: u8, unanswered: Unanswered) -> AtBoot {
        let Some(marker) = marker else {
            return AtBoot::GoOn;
        };
        match marker.phase {
            Phase::Erasing => AtBoot::Erase,
            Phase::Pending if marker.failures < retries => {
                AtBoot::OpenSession(marker.server.clone())
            }
            Phase::Pending => match unanswered {
                Unanswered::Proceed => AtBoot::Erase,
                Unanswered::Abandon => AtBoot::Abandon,
            },
        }
    }

    /// Reads what [`Display`](fmt::Display) wrote. A file that is there and is none of it was cut off
    /// while it was written: treat it as none, since the marker before it was in force no longer than
    /// that.
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.strip_suffix('\n')?;
        let mut fields = line.splitn(4, ' ');
        if fields.next()? != VERSION {
            return None;
        }
        let phase = match fields.next()? {
            "pending" => Phase::Pending,
            "erasing" => Phase::Erasing,
            _ => return None,
        };
        let failures = fields.next()?.parse().ok()?;
        let server = fields.next()?;
        Some(Self {
            phase,
            server: server.into(),
            failures,
        })
    }
}

impl fmt::Display for ResetMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Pending => "pending",
            Phase::Erasing => "erasing",
        };
        let server = self.server.replace(['\n', '\r'], " ");
        writeln!(f, "{VERSION} {phase} {} {server}", self.failures)
    }
}

/// The form of the line.
const VERSION: &str = "reset-1";

#[cfg(test)]
mod tests {
    use super::*;

    fn at_boot(marker: &ResetMarker) -> AtBoot {
        ResetMarker::at_boot(Some(marker), ResetMarker::RETRIES, Unanswered::Proceed)
    }

    #[test]
    fn a_boot_without_a_marker_goes_on() {
        assert_eq!(
            ResetMarker::at_boot(None, ResetMarker::RETRIES, Unanswered::Proceed),
            AtBoot::GoOn
        );
    }

    #[test]
    fn a_boot_that_finds_erasing_resumes_the_reset() {
        let marker = ResetMarker::pending("srv1").erasing();
        assert!(marker.is_erasing());
        assert_eq!(at_boot(&marker), AtBoot::Erase);
        let abandon = ResetMarker::at_boot(Some(&marker), 3, Unanswered::Abandon);
        assert_eq!(abandon, AtBoot::Erase, "what has begun is not abandoned");
    }

    #[test]
    fn a_boot_that_finds_pending_opens_a_session_first_and_proceeds_after_three_that_failed() {
        let mut marker = ResetMarker::pending("srv1");
        for _ in 0..ResetMarker::RETRIES {
            assert_eq!(at_boot(&marker), AtBoot::OpenSession("srv1".into()));
            marker = marker.session_failed();
        }
        assert_eq!(at_boot(&marker), AtBoot::Erase);
        let abandon = ResetMarker::at_boot(Some(&marker), 3, Unanswered::Abandon);
        assert_eq!(abandon, AtBoot::Abandon);
        assert_eq!(
            ResetMarker::at_boot(Some(&ResetMarker::pending("s")), 0, Unanswered::Proceed),
            AtBoot::Erase,
            "without retries at once"
        );
    }

    #[test]
    fn a_marker_is_read_as_it_was_written_and_half_of_one_is_none() {
        for marker in [
            ResetMarker::pending("srv1"),
            ResetMarker::pending("a server with spaces").session_failed(),
            ResetMarker::pending("srv1").session_failed().erasing(),
        ] {
            let text = marker.to_string();
            assert_eq!(ResetMarker::parse(&text), Some(marker));
            for cut in 0..text.len() {
                assert_eq!(ResetMarker::parse(&text[..cut]), None, "{cut}");
            }
        }
        assert_eq!(
            ResetMarker::pending("srv1").to_string(),
            "reset-1 pending 0 srv1\n"
        );
        for other in ["reset-2 pending 0 srv1\n", "reset-1 done 0 srv1\n"] {
            assert_eq!(ResetMarker::parse(other), None);
        }
    }
}
