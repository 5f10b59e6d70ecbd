//! [`SessionError`]: why a session ended without completing.

use crate::{StatusCode, Text};

/// Why a session ended without completing, sorted by whose fault it is.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum SessionError {
    /// The peer's credentials are wrong or missing, after as many challenges as are allowed.
    #[error("the peer did not authenticate")]
    NotAuthenticated,
    /// The peer refuses our credentials, after as many attempts as are allowed, or without saying what
    /// it wants instead.
    #[error("the peer refuses our credentials")]
    Refused,
    /// The peer refuses our message as a whole, with this status for its header.
    #[error("the peer refuses our message with status {0}")]
    Rejected(StatusCode),
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    PeerMisbehaved(Misbehaviour),
    /// The peer keeps to the protocol, but has nothing in common with us.
    #[error("the peer is incompatible: {0}")]
    PeerIncompatible(Incompatibility),
    /// The caller used the session wrongly. Never caused by data.
    #[error("the session was used wrongly: {0}")]
    ApiMisuse(Misuse),
    /// The peer does not answer. Told by whoever has the transport; no session ends so by itself.
    #[error("the peer does not answer")]
    Unreachable,
    /// The session is over. Begin another one.
    #[error("the session is over")]
    Over,
}

/// How a peer broke the protocol.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Misbehaviour {
    /// The message is of another session.
    #[error("session id {0:?} is of another session")]
    SessionId(Text),
    /// The message is neither the next one nor the last one again.
    #[error("message {0:?} is out of order")]
    MessageOrder(Text),
    /// The message is from someone else than those before it.
    #[error("the message is from {0:?}")]
    Source(Text),
    /// A message that we signed was accepted otherwise than with 200 and the nonce of the next.
    #[error("a signed message is accepted without the nonce of the next")]
    NoNextNonce,
    /// Messages come and come: either without content, or a million of them.
    #[error("the session does not end")]
    Endless,
}

/// What a peer and we have not in common.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Incompatibility {
    /// `VerDTD` is of another version.
    #[error("VerDTD is {0:?}")]
    VerDtd(Text),
    /// `VerProto` is of another version.
    #[error("VerProto is {0:?}")]
    VerProto(Text),
    /// The peer asks for credentials of a type that we do not have, or that is weaker than ours.
    #[error("credentials of type {0:?} are asked for")]
    Scheme(Text),
    /// What must be said has no form in the encoding of the session, such as an identifier of the peer's
    /// with control characters in XML.
    #[error("the message cannot be encoded")]
    NotRepresentable,
    /// The peer's `MaxMsgSize` is below [`SMALLEST_MESSAGE`](super::SMALLEST_MESSAGE), or does not hold
    /// what must be said.
    #[error("MaxMsgSize holds no message")]
    MaxMsgSize,
}

/// How a caller used a session wrongly.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Misuse {
    /// A message was given although it is our turn: events wait for answers, or the answer was not
    /// taken.
    #[error("it is not the peer's turn")]
    Turn,
    /// The configured `MaxMsgSize` is below [`SMALLEST_MESSAGE`](super::SMALLEST_MESSAGE).
    #[error("a MaxMsgSize of {0} holds no message")]
    MaxMsgSize(u64),
    /// What was saved is of the other side.
    #[error("the session was saved by the other side")]
    SavedSide,
    /// A message came again, and the answer to it is not at hand: `last_sent` was not given to
    /// `restore`.
    #[error("the last answer is not at hand")]
    LastSent,
}

impl From<Misbehaviour> for SessionError {
    fn from(cause: Misbehaviour) -> Self {
        Self::PeerMisbehaved(cause)
    }
}

impl From<Incompatibility> for SessionError {
    fn from(cause: Incompatibility) -> Self {
        Self::PeerIncompatible(cause)
    }
}

impl From<Misuse> for SessionError {
    fn from(cause: Misuse) -> Self {
        Self::ApiMisuse(cause)
    }
}

/// What the peer is told of an error.
impl From<&SessionError> for StatusCode {
    fn from(error: &SessionError) -> Self {
        match error {
            SessionError::NotAuthenticated => Self::INVALID_CREDENTIALS,
            SessionError::PeerMisbehaved(_) => Self::BAD_REQUEST,
            SessionError::PeerIncompatible(Incompatibility::VerDtd(_)) => {
                Self::DTD_VERSION_NOT_SUPPORTED
            }
            SessionError::PeerIncompatible(Incompatibility::VerProto(_)) => {
                Self::PROTOCOL_VERSION_NOT_SUPPORTED
            }
            SessionError::PeerIncompatible(_) => Self::COMMAND_FAILED,
            SessionError::Refused
            | SessionError::Rejected(_)
            | SessionError::ApiMisuse(_)
            | SessionError::Unreachable
            | SessionError::Over => Self::COMMAND_FAILED,
        }
    }
}
