//! Names of the nodes, as they are spelled on the wire.

use dm_proto::Text;

/// `Download`: packages that are to be fetched.
pub const DOWNLOAD: &str = "Download";
/// `Inventory`: what is on the device.
pub const INVENTORY: &str = "Inventory";
/// `Inventory/Delivered`: packages that are on the device.
pub const DELIVERED: &str = "Delivered";
/// `Inventory/Deployed`: components, which only the device makes.
pub const DEPLOYED: &str = "Deployed";
/// `Operations`: parent of what can be executed on a package or component.
pub const OPERATIONS: &str = "Operations";
/// `PkgID`: the identifier of a package, given by the server.
pub const PKG_ID: &str = "PkgID";
/// `PkgIDRef`: the `PkgID` of the package that a component came from.
pub const PKG_ID_REF: &str = "PkgIDRef";
/// `PkgURL`: where a package, or its download descriptor, is fetched from.
pub const PKG_URL: &str = "PkgURL";
/// `PkgType`: the media type of a package.
pub const PKG_TYPE: &str = "PkgType";
/// `ID`: the identifier of a component, unique on the device, and no `PkgID`.
pub const ID: &str = "ID";
/// `Name`: a name for people.
pub const NAME: &str = "Name";
/// `Description`: a description for people.
pub const DESCRIPTION: &str = "Description";
/// `Version`: the version of a component; packages have none.
pub const VERSION: &str = "Version";
/// `EnvType`: the execution environment that a package or component is for.
pub const ENV_TYPE: &str = "EnvType";
/// `InstallParams`: parameters of the installation, opaque.
pub const INSTALL_PARAMS: &str = "InstallParams";
/// `Reboot` (1.1): whether and when the device restarts for the installation, opaque.
pub const REBOOT: &str = "Reboot";
/// `Inventory/Delivered/<X>/Data`: the content of a delivered package; nobody reads it.
pub const DATA: &str = "Data";
/// `Status`: how far an operation is, or how it failed.
pub const STATUS: &str = "Status";
/// `State`: what a package or component is when nothing goes on.
pub const STATE: &str = "State";
/// `Ext` and `Operations/Ext`: what vendors add.
pub const EXT: &str = "Ext";
/// `Ext/Content`: where the content of a delivered package is, if not in `Data`. An addition of this crate.
pub const CONTENT: &str = "Content";
/// `Ext/Facts`: what is known of content that was fetched. An addition of this crate.
pub const FACTS: &str = "Facts";
/// `Ext/Jobs`: the jobs that are on a package or component. An addition of this crate.
pub const JOBS: &str = "Jobs";

/// Where the object is found in the field.
pub const USUAL_ROOTS: [&str; 2] = ["./SCOMO", "./SCM"];

/// Where packages are that are on the device.
pub(crate) const DELIVERED_PATH: &str = "Inventory/Delivered";
/// Below a delivered package: where its content is, if not in `Data`. An addition of this crate.
pub(crate) const CONTENT_PATH: &str = "Ext/Content";
/// Below a delivered package: what is known of content that was fetched. An addition of this crate.
pub(crate) const FACTS_PATH: &str = "Ext/Facts";
/// Below a package or component: the operations that vendors add.
pub(crate) const OPERATIONS_EXT_PATH: &str = "Operations/Ext";
/// Below a package or component: the jobs that are on it. An addition of this crate.
pub(crate) const JOBS_PATH: &str = "Ext/Jobs";
/// Where components are.
pub(crate) const DEPLOYED_PATH: &str = "Inventory/Deployed";

/// Whether a path below the object, a package or a component leads to what a vendor added there: below
/// `Ext` or `Operations/Ext`.
pub(crate) fn is_vendors(path: &str) -> bool {
    let mut segments = path.split('/').peekable();
    let _ = segments.next_if_eq(&OPERATIONS);
    segments.next() == Some(EXT) && segments.next().is_some_and(|name| !name.is_empty())
}

/// A node name made from an identifier: what a path or a query gives a meaning, and what is no plain
/// printable ASCII, becomes an underscore; at most 32 octets, which devices take.
pub(crate) fn name_from(id: &str) -> Text {
    let name: String = id
        .chars()
        .take(32)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        })
        .collect();
    match name.as_str() {
        "" | "." | ".." => Text::from_static("_"),
        name => Text::from(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_ext_is_a_vendors() {
        for (path, expected) in [
            ("Ext/Scan", true),
            ("Operations/Ext/Scan", true),
            ("Ext/Download/x", true),
            ("Ext/Operations/Scan", true),
            ("Ext", false),
            ("Ext/", false),
            ("Operations/Ext", false),
            ("Operations/Scan", false),
            ("Operations/Operations/Ext/Scan", false),
            ("Download/x/Ext/Scan", false),
            ("", false),
        ] {
            assert_eq!(is_vendors(path), expected, "{path}");
        }
    }

    #[test]
    fn a_node_name_never_holds_what_a_path_gives_a_meaning() {
        for (id, name) in [
            ("com.example.game", "com.example.game"),
            ("a/b?c&d=e", "a_b_c_d_e"),
            ("..", "_"),
            ("", "_"),
            ("spiel-\u{fc}ber", "spiel-_ber"),
            (
                "0123456789012345678901234567890123456789",
                "01234567890123456789012345678901",
            ),
        ] {
            assert_eq!(name_from(id), name);
        }
    }
}
