//! [`Branch`]: the three places where packages and components live.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::nodes;

/// The three places where packages and components live.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Branch {
    /// `Download`: packages that are to be fetched.
    Download,
    /// `Inventory/Delivered`: packages that are on the device.
    Delivered,
    /// `Inventory/Deployed`: components.
    Deployed,
}

impl Branch {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Download, Self::Delivered, Self::Deployed];

    /// The path of its node below the root of the object.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Download => nodes::DOWNLOAD,
            Self::Delivered => nodes::DELIVERED_PATH,
            Self::Deployed => nodes::DEPLOYED_PATH,
        }
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}
