//! [`Saved`]: a session between two messages.

use alloc::boxed::Box;
use core::fmt;

use super::{
    client,
    error::{Misuse, SessionError},
    link::Link,
    received::Received,
    server,
};
use crate::SessionId;

/// The version of the saved form. Raise it with every change of what is in it.
const VERSION: u16 = 3;

/// A saved session: what must survive a restart between two messages, or between an event and its
/// answer. Holds no password and no configuration. Opaque; its form carries a version.
///
/// It holds the commands of a message that are not yet answered, and the nonces of the session:
/// store it like an account.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Saved {
    version: u16,
    state: State,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum State {
    Client(Box<client::State>),
    Server(Box<server::State>),
}

/// What a received message is to a saved session. OMA-TS-DM_Protocol fixes none of this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Disposition {
    /// The next message of the session.
    Next,
    /// The last message again, same octets: it gets the stored answer, nothing is executed.
    Repeat,
    /// Message 1 with other octets: a new session, which replaces the old once it has authenticated.
    NewSession,
    /// Neither: a message out of order.
    OutOfOrder,
}

impl Saved {
    pub(super) fn of_client(state: client::State) -> Self {
        Self {
            version: VERSION,
            state: State::Client(Box::new(state)),
        }
    }

    pub(super) fn of_server(state: server::State) -> Self {
        Self {
            version: VERSION,
            state: State::Server(Box::new(state)),
        }
    }

    pub(super) fn into_client(self) -> Result<client::State, SessionError> {
        self.check_version()?;
        match self.state {
            State::Client(state) => Ok(*state),
            State::Server(_) => Err(Misuse::SavedSide.into()),
        }
    }

    pub(super) fn into_server(self) -> Result<server::State, SessionError> {
        self.check_version()?;
        match self.state {
            State::Server(state) => Ok(*state),
            State::Client(_) => Err(Misuse::SavedSide.into()),
        }
    }

    fn check_version(&self) -> Result<(), SessionError> {
        match self.version {
            VERSION => Ok(()),
            other => Err(Misuse::SavedVersion(other).into()),
        }
    }

    fn link(&self) -> &Link {
        match &self.state {
            State::Client(state) => &state.link,
            State::Server(state) => &state.link,
        }
    }

    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        &self.link().session_id
    }

    /// What `received` is to this session. For the server's side.
    pub fn disposition(&self, received: &Received) -> Disposition {
        self.link().disposition(received)
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match &self.state {
            State::Client(_) => "client",
            State::Server(_) => "server",
        };
        f.debug_struct("Saved")
            .field("version", &self.version)
            .field("side", &side)
            .field("session_id", self.session_id())
            .field("sent", &self.link().sent)
            .field("received", &self.link().received)
            .finish_non_exhaustive()
    }
}
