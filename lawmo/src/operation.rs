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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_are_read_to_the_letter() {
        let names = [
            "FullyLock",
            "PartiallyLock",
            "UnLock",
            "FactoryReset",
            "Wipe",
        ];
        for (operation, name) in Operation::ALL.into_iter().zip(names) {
            assert_eq!(operation.node_name(), name);
            assert_eq!(Operation::from_node_name(name), Some(operation));
        }
        for other in ["Unlock", "wipe", "", "Operations"] {
            assert_eq!(Operation::from_node_name(other), None, "{other}");
        }
    }

    #[test]
    fn transitions_are_those_of_the_table() {
        let table = include_str!("state.rs");
        for operation in Operation::ALL {
            let row = table
                .lines()
                .find_map(|line| {
                    line.strip_prefix("/// | `")?
                        .strip_prefix(operation.node_name())?
                        .strip_prefix("` | ")
                })
                .expect("every operation has a row");
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            for (cell, from) in [State::Unlocked, State::PartiallyLocked, State::FullyLocked]
                .into_iter()
                .enumerate()
            {
                let to = operation.leads_to().unwrap_or(from);
                assert_eq!(cells.get(cell), Some(&to.as_str()), "{operation:?}");
            }
        }
    }
}
