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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_the_object() {
        let numbers = |values: &[u16]| values.to_vec();
        let of = |values: Vec<(u16, &'static str)>| {
            for (number, text) in &values {
                assert_eq!(number.to_string(), *text);
            }
            values
                .into_iter()
                .map(|(number, _)| number)
                .collect::<Vec<_>>()
        };
        macro_rules! values {
            ($name:ident) => {
                of($name::ALL
                    .iter()
                    .map(|value| {
                        assert_eq!($name::parse(value.as_str()), Some(*value));
                        (value.as_u16(), value.as_str())
                    })
                    .collect())
            };
        }
        assert_eq!(values!(DeliveredState), numbers(&[10, 20]));
        assert_eq!(values!(DeployedState), numbers(&[10, 20]));
        assert_eq!(
            values!(DownloadStatus),
            numbers(&[10, 20, 30, 40, 50, 60, 70])
        );
        assert_eq!(values!(DeliveredStatus), numbers(&[10, 20, 30, 40, 50, 60]));
        assert_eq!(
            values!(DeployedStatus),
            numbers(&[10, 20, 30, 40, 50, 60, 70])
        );
        assert_eq!(DownloadStatus::parse("80"), None);
    }
}
