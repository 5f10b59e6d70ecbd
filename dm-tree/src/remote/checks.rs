//! [`Instance`], [`Checks`], [`Unmet`]: which object an operation is for, and what is looked at before
//! anything is sent that changes it.

use serde::{Deserialize, Serialize};

use crate::NodeUri;

/// Which of several objects of a kind an operation is for. A device may have more than one, each below a
/// root of its own.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Instance {
    /// The first that is found: where it was the last time, where such objects usually are, then the one
    /// that stands highest in the tree.
    #[default]
    First,
    /// The one with this root, and no other.
    At(NodeUri),
    /// The only one. The whole tree is searched; if there are several the operation ends as
    /// [`Ended::Ambiguous`](super::Ended::Ambiguous), and [`Course::instances`](super::Course::instances)
    /// says which.
    Only,
}

/// How much is looked at before a command is sent that changes the device. What a check finds ends the
/// operation, typed, with the device untouched; what it cannot find out stops nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
pub enum Checks {
    /// Nothing: the device says for itself what it cannot do.
    Off,
    /// What can be known without a message of its own. Before a question to the user the operations that
    /// the object offers are read too: nobody is asked about what cannot be done.
    #[default]
    Known,
    /// The operations that the object offers are read before every operation.
    Read,
}

/// A precondition of an operation that does not hold.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Unmet {
    /// It is so already: there is nothing to do.
    AlreadySo,
    /// Something that it works on is missing: the content of a package, say.
    Incomplete,
}
