//! What became of the management objects of a bootstrap message: see
//! [`Transaction::bootstrap`](crate::Transaction::bootstrap).

use core::fmt;

use dm_proto::{StatusCode, Text};

use crate::DocumentError;

/// What a bootstrap message brought.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bootstrapped {
    /// The servers whose accounts are new, or new again.
    pub servers: Vec<Text>,
    /// The identifiers (Type) of the objects that were passed over because no description has them; empty for
    /// one without an identifier.
    pub ignored: Vec<Text>,
}

/// The object of a bootstrap message for which nothing of it was followed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("object {object} of the message: {reason}")]
#[non_exhaustive]
pub struct RefusedObject {
    /// Which one, counted from 0.
    pub object: usize,
    /// Why.
    #[source]
    pub reason: Reason,
}

/// Why an object of a bootstrap message is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It is no serialized subtree.
    Document(DocumentError),
    /// A command in a session would be answered so.
    Status {
        /// The code.
        status: StatusCode,
        /// The node that it is for, if it is for one.
        node: Option<Text>,
    },
    /// The account of this server lacks an address, or wants authentication of a kind that is not supported.
    UnusableAccount(Text),
}

impl RefusedObject {
    /// The storage failed before the first object.
    pub(crate) fn storage(status: StatusCode) -> Self {
        Self {
            object: 0,
            reason: status.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "{error}"),
            Self::Status {
                status,
                node: Some(node),
            } => write!(f, "{status} for {node}"),
            Self::Status { status, node: None } => write!(f, "{status}"),
            Self::UnusableAccount(server) => {
                write!(f, "no session can be begun with the account of {server:?}")
            }
        }
    }
}

impl core::error::Error for Reason {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Document(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DocumentError> for Reason {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}
