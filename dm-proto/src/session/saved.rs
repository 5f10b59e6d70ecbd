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

/// A saved session: what must survive a restart between two messages, or between an event and its
/// answer. Holds no password and no configuration. Opaque, and tagged with the version of its form.
///
/// The form is that of any serde format, such as JSON, or a compact one that describes nothing itself
/// (postcard). A form that is not known is an error of deserialization that names it. What a release of
/// this crate has saved every later one reads, up to the next that says otherwise in the change log.
///
/// It holds the commands of a message that are not yet answered, and the nonces of the session:
/// store it like an account. An idle session takes less than 1 KB in either kind of format.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Saved(Form);

/// The forms, by version. A release never changes one that an earlier release has: a new form is a new
/// last variant, and the structs of the one before stay, in a module of their own, with a `From` into
/// those of the new. Names and order are what tells them apart on storage. `testdata/saved` has one of
/// each.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
enum Form {
    V1(State),
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
    /// Message 1 with other octets, or while the session is further on: a new session, which replaces the old
    /// once it has authenticated. It may be a late copy of the first message, which nothing tells from the
    /// restart of a client that numbers all its sessions alike.
    NewSession,
    /// Neither: a message out of order.
    OutOfOrder,
}

impl Saved {
    pub(super) fn of_client(state: client::State) -> Self {
        Self(Form::V1(State::Client(Box::new(state))))
    }

    pub(super) fn of_server(state: server::State) -> Self {
        Self(Form::V1(State::Server(Box::new(state))))
    }

    pub(super) fn into_client(self) -> Result<client::State, SessionError> {
        match self.0 {
            Form::V1(State::Client(state)) => Ok(*state),
            Form::V1(State::Server(_)) => Err(Misuse::SavedSide.into()),
        }
    }

    pub(super) fn into_server(self) -> Result<server::State, SessionError> {
        match self.0 {
            Form::V1(State::Server(state)) => Ok(*state),
            Form::V1(State::Client(_)) => Err(Misuse::SavedSide.into()),
        }
    }

    fn link(&self) -> &Link {
        match &self.0 {
            Form::V1(State::Client(state)) => &state.link,
            Form::V1(State::Server(state)) => &state.link,
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
        let (version, side) = match &self.0 {
            Form::V1(State::Client(_)) => (1, "client"),
            Form::V1(State::Server(_)) => (1, "server"),
        };
        f.debug_struct("Saved")
            .field("version", &version)
            .field("side", &side)
            .field("session_id", self.session_id())
            .field("sent", &self.link().sent)
            .field("received", &self.link().received)
            .finish_non_exhaustive()
    }
}
