//! The values of the `State` and `Status` leaves.

use serde::{Deserialize, Serialize};

macro_rules! values {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident $number:literal,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        #[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value of the leaf.
            pub const fn as_u16(self) -> u16 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The value of the leaf as text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($number),)+
                }
            }

            /// Reads the leaf.
            pub fn parse(value: &str) -> Option<Self> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|known| known.as_str() == value.trim())
            }
        }
    )+};
}

values! {
    /// `Inventory/Delivered/<X>/State`
    DeliveredState {
        /// There, not installed.
        Delivered 10,
        /// Installed, and kept.
        Installed 20,
    }
    /// `Inventory/Deployed/<X>/State`
    DeployedState {
        /// Installed, not in use.
        Inactive 10,
        /// In use.
        Active 20,
    }
    /// `Download/<X>/Status`
    DownloadStatus {
        /// No data, about to start.
        Idle 10,
        /// Download failed, no data.
        DownloadFailed 20,
        /// Downloading.
        Downloading 30,
        /// Downloaded.
        Downloaded 40,
        /// Installing.
        Installing 50,
        /// Install failed, the package is still there.
        InstallFailed 60,
        /// Install failed, the package is gone.
        InstallFailedDeleted 70,
    }
    /// `Inventory/Delivered/<X>/Status`
    DeliveredStatus {
        /// Nothing going on.
        Idle 10,
        /// Remove failed, still there.
        RemoveFailed 20,
        /// Removing.
        Removing 30,
        /// Installing.
        Installing 40,
        /// Install failed, the package is still there.
        InstallFailed 50,
        /// Install failed, the package is gone.
        InstallFailedDeleted 60,
    }
    /// `Inventory/Deployed/<X>/Status`
    DeployedStatus {
        /// Nothing going on.
        Idle 10,
        /// Remove failed, still there.
        RemoveFailed 20,
        /// Removing.
        Removing 30,
        /// Activate failed, still inactive.
        ActivateFailed 40,
        /// Activating.
        Activating 50,
        /// Deactivate failed, still active.
        DeactivateFailed 60,
        /// Deactivating.
        Deactivating 70,
    }
}
