//! [`Operation`]: what a server can ask for.

use serde::{Deserialize, Serialize};

use crate::State;

/// What a server can ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Operation {
    /// Nothing stays usable but what law and management need.
    FullyLock,
    /// A restricted set of functions stays usable.
    PartiallyLock,
    /// Back to normal.
    UnLock,
    /// Everything back to how it left the factory. It has no report.
    FactoryReset,
    /// The marked items of the wipe list are erased.
    Wipe,
}

impl Operation {
    /// All of them, in the order of the standard.
    pub const ALL: [Self; 5] = [
        Self::FullyLock,
        Self::PartiallyLock,
        Self::UnLock,
        Self::FactoryReset,
        Self::Wipe,
    ];

    /// The name of its node below `Operations`. Unlock is `UnLock` there.
    pub const fn node_name(self) -> &'static str {
        match self {
            Self::FullyLock => "FullyLock",
            Self::PartiallyLock => "PartiallyLock",
            Self::UnLock => "UnLock",
            Self::FactoryReset => "FactoryReset",
            Self::Wipe => "Wipe",
        }
    }

    /// The operation behind a node name, to the letter.
    pub fn from_node_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.node_name() == name)
    }

    /// The state that it leads to, whatever the state before; `None` if it changes none.
    pub const fn leads_to(self) -> Option<State> {
        match self {
            Self::FullyLock => Some(State::FullyLocked),
            Self::PartiallyLock => Some(State::PartiallyLocked),
            Self::UnLock | Self::FactoryReset => Some(State::Unlocked),
            Self::Wipe => None,
        }
    }
}
