//! [`Operation`]: the primitives.

use serde::{Deserialize, Serialize};

use crate::Branch;

/// A primitive: an executable node below an `Operations` node.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Operation {
    /// `Download/<X>/Operations/Download`: fetch.
    Download,
    /// `Download/<X>/Operations/DownloadInstall`: fetch, install, leave active.
    DownloadInstall,
    /// `Download/<X>/Operations/DownloadInstallInactive`: fetch, install, leave inactive.
    DownloadInstallInactive,
    /// `Inventory/Delivered/<X>/Operations/Install`: install, leave active.
    Install,
    /// `Inventory/Delivered/<X>/Operations/InstallInactive`: install, leave inactive.
    InstallInactive,
    /// `Inventory/Delivered/<X>/Operations/Remove`: delete the package.
    RemovePackage,
    /// `Inventory/Deployed/<X>/Operations/Activate`: put an inactive component to use.
    Activate,
    /// `Inventory/Deployed/<X>/Operations/Deactivate`: leave an active component installed, out of use.
    Deactivate,
    /// `Inventory/Deployed/<X>/Operations/Remove`: uninstall the component.
    RemoveComponent,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Download,
        Self::DownloadInstall,
        Self::DownloadInstallInactive,
        Self::Install,
        Self::InstallInactive,
        Self::RemovePackage,
        Self::Activate,
        Self::Deactivate,
        Self::RemoveComponent,
    ];

    /// The name of its node.
    pub const fn node_name(self) -> &'static str {
        match self {
            Self::Download => "Download",
            Self::DownloadInstall => "DownloadInstall",
            Self::DownloadInstallInactive => "DownloadInstallInactive",
            Self::Install => "Install",
            Self::InstallInactive => "InstallInactive",
            Self::RemovePackage | Self::RemoveComponent => "Remove",
            Self::Activate => "Activate",
            Self::Deactivate => "Deactivate",
        }
    }

    /// A name of its own, as `Order::offers` of a server has it: that of its node, and for the two of the
    /// same name what they remove.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemovePackage => "RemovePackage",
            Self::RemoveComponent => "RemoveComponent",
            other => other.node_name(),
        }
    }

    /// Where what it works on is.
    pub const fn branch(self) -> Branch {
        match self {
            Self::Download | Self::DownloadInstall | Self::DownloadInstallInactive => {
                Branch::Download
            }
            Self::Install | Self::InstallInactive | Self::RemovePackage => Branch::Delivered,
            Self::Activate | Self::Deactivate | Self::RemoveComponent => Branch::Deployed,
        }
    }

    /// The primitive of a branch behind a node name, to the letter.
    pub fn from_node_name(branch: Branch, name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.branch() == branch && operation.node_name() == name)
    }

    /// Whether what it installs is left active; `None` if it installs nothing.
    pub const fn activates(self) -> Option<bool> {
        match self {
            Self::DownloadInstall | Self::Install => Some(true),
            Self::DownloadInstallInactive | Self::InstallInactive => Some(false),
            Self::Download
            | Self::RemovePackage
            | Self::Activate
            | Self::Deactivate
            | Self::RemoveComponent => None,
        }
    }

    /// Whether it fetches a package.
    pub const fn fetches(self) -> bool {
        matches!(
            self,
            Self::Download | Self::DownloadInstall | Self::DownloadInstallInactive
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_and_a_name_mean_one_primitive() {
        let rows = [
            (Operation::Download, "Download", "Download", true, None),
            (
                Operation::DownloadInstall,
                "Download",
                "DownloadInstall",
                true,
                Some(true),
            ),
            (
                Operation::DownloadInstallInactive,
                "Download",
                "DownloadInstallInactive",
                true,
                Some(false),
            ),
            (
                Operation::Install,
                "Inventory/Delivered",
                "Install",
                false,
                Some(true),
            ),
            (
                Operation::InstallInactive,
                "Inventory/Delivered",
                "InstallInactive",
                false,
                Some(false),
            ),
            (
                Operation::RemovePackage,
                "Inventory/Delivered",
                "Remove",
                false,
                None,
            ),
            (
                Operation::Activate,
                "Inventory/Deployed",
                "Activate",
                false,
                None,
            ),
            (
                Operation::Deactivate,
                "Inventory/Deployed",
                "Deactivate",
                false,
                None,
            ),
            (
                Operation::RemoveComponent,
                "Inventory/Deployed",
                "Remove",
                false,
                None,
            ),
        ];
        assert_eq!(Operation::ALL, rows.map(|row| row.0));
        for (operation, branch, name, fetches, activates) in rows {
            assert_eq!(operation.branch().path(), branch);
            assert_eq!(operation.node_name(), name);
            let found = Operation::from_node_name(operation.branch(), name);
            assert_eq!(found, Some(operation));
            assert_eq!(operation.fetches(), fetches);
            assert_eq!(operation.activates(), activates);
        }
    }
}
