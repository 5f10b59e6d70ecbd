//! [`State`]: how far the device is locked.

use serde::{Deserialize, Serialize};

/// How far the device is locked: the value of the `State` leaf.
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
