//! Names of the nodes, as they are spelled on the wire.

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
}

/// Where the object is found in the field.
pub const USUAL_ROOTS: [&str; 2] = ["./SCOMO", "./SCM"];
