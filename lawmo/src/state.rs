//! [`State`]: how far the device is locked.

use serde::{Deserialize, Serialize};

/// How far the device is locked: the value of the `State` leaf, which only the device writes, after an
/// operation took effect and before it reports it. Kept over a restart.
///
/// | operation | from 30 | from 20 | from 10 |
/// |---|---|---|---|
/// | `FullyLock` | 10 | 10 | 10 |
/// | `PartiallyLock` | 20 | 20 | 20 |
/// | `UnLock` | 30 | 30 | 30 |
/// | `Wipe` | 30 | 20 | 10 |
/// | `FactoryReset` | 30 | 30 | 30 |
///
/// An operation that fails keeps the state.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum State {
    /// 10: nothing is usable but what law and management need.
    FullyLocked,
    /// 20: a restricted set of functions is usable.
    PartiallyLocked,
    /// 30: normal operation.
    #[default]
    Unlocked,
}

impl State {
    /// The value of the leaf.
    pub const fn as_u16(self) -> u16 {
        match self {
            Self::FullyLocked => 10,
            Self::PartiallyLocked => 20,
            Self::Unlocked => 30,
        }
    }

    /// The value of the leaf as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullyLocked => "10",
            Self::PartiallyLocked => "20",
            Self::Unlocked => "30",
        }
    }

    /// Reads the leaf.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::FullyLocked, Self::PartiallyLocked, Self::Unlocked]
            .into_iter()
            .find(|state| state.as_str() == value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_the_object() {
        for (state, number, text) in [
            (State::FullyLocked, 10, "10"),
            (State::PartiallyLocked, 20, "20"),
            (State::Unlocked, 30, "30"),
        ] {
            assert_eq!((state.as_u16(), state.as_str()), (number, text));
            assert_eq!(State::parse(text), Some(state));
            assert_eq!(State::parse(&format!(" {text}\n")), Some(state));
        }
        for other in ["", "0", "11", "x"] {
            assert_eq!(State::parse(other), None, "{other}");
        }
        assert_eq!(State::default(), State::Unlocked);
    }
}
