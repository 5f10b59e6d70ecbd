//! Names of the nodes, as they are spelled on the wire.

use dm_proto::Text;

macro_rules! names {
    ($($name:ident $text:literal;)+) => {$(
        #[doc = concat!("`", $text, "`")]
        pub const $name: &str = $text;
    )+};
}

names! {
    DOWNLOAD "Download";
    INVENTORY "Inventory";
    DELIVERED "Delivered";
    DEPLOYED "Deployed";
    OPERATIONS "Operations";
    PKG_ID "PkgID";
    PKG_ID_REF "PkgIDRef";
    PKG_URL "PkgURL";
    PKG_TYPE "PkgType";
    ID "ID";
    NAME "Name";
    DESCRIPTION "Description";
    VERSION "Version";
    ENV_TYPE "EnvType";
    INSTALL_PARAMS "InstallParams";
    REBOOT "Reboot";
    DATA "Data";
    STATUS "Status";
    STATE "State";
    EXT "Ext";
    CONTENT "Content";
    FACTS "Facts";
    JOBS "Jobs";
}

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
