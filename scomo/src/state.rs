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
    /// `Inventory/Delivered/<X>/State`: whether a package on the device is installed.
    DeliveredState {
        /// 10: there, not installed.
        Delivered 10,
        /// 20: installed, and kept.
        Installed 20,
    }
    /// `Inventory/Deployed/<X>/State`: whether a component is in use.
    DeployedState {
        /// 10: installed, not in use.
        Inactive 10,
        /// 20: in use.
        Active 20,
    }
    /// `Download/<X>/Status`: how far the fetching of a package is, and its installation after it. After a
    /// success it is 10 again, where the node stays.
    DownloadStatus {
        /// 10: no data, about to start.
        Idle 10,
        /// 20: the download failed, no data.
        DownloadFailed 20,
        /// 30: downloading.
        Downloading 30,
        /// 40: downloaded.
        Downloaded 40,
        /// 50: installing.
        Installing 50,
        /// 60: install failed, the package is still there.
        InstallFailed 60,
        /// 70: install failed, the package is gone.
        InstallFailedDeleted 70,
    }
    /// `Inventory/Delivered/<X>/Status`: what goes on with a package on the device, or failed last. After a
    /// success it is 10 again.
    DeliveredStatus {
        /// 10: nothing going on.
        Idle 10,
        /// 20: remove failed, still there.
        RemoveFailed 20,
        /// 30: removing.
        Removing 30,
        /// 40: installing.
        Installing 40,
        /// 50: install failed, the package is still there.
        InstallFailed 50,
        /// 60: install failed, the package is gone.
        InstallFailedDeleted 60,
    }
    /// `Inventory/Deployed/<X>/Status`: what goes on with a component, or failed last. After a success it is
    /// 10 again.
    DeployedStatus {
        /// 10: nothing going on.
        Idle 10,
        /// 20: remove failed, still there.
        RemoveFailed 20,
        /// 30: removing.
        Removing 30,
        /// 40: activate failed, still inactive.
        ActivateFailed 40,
        /// 50: activating.
        Activating 50,
        /// 60: deactivate failed, still active.
        DeactivateFailed 60,
        /// 70: deactivating.
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
