//! The standard objects: DevInfo, DevDetail, DMAcc. OMA-TS-DM_StdObj.

use dm_proto::{Text, auth::Account};

/// `./DevInfo`: who the device is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DevInfo {
    /// `DevId`: globally unique, a URN.
    pub dev_id: Text,
    /// `Man`: the manufacturer.
    pub man: Text,
    /// `Mod`: the model.
    pub mod_: Text,
    /// `DmV`: the version of the DM client.
    pub dm_v: Text,
    /// `Lang`: a language tag.
    pub lang: Text,
}

impl DevInfo {
    /// The facts of a device.
    pub fn new(dev_id: impl Into<Text>, man: impl Into<Text>, mod_: impl Into<Text>) -> Self {
        Self {
            dev_id: dev_id.into(),
            man: man.into(),
            mod_: mod_.into(),
            dm_v: Text::from_static(env!("CARGO_PKG_VERSION")),
            lang: Text::from_static("en"),
        }
    }
}

/// `./DMAcc`: the accounts of servers, provisioned at the first start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DmAcc {
    /// The accounts.
    pub accounts: Vec<Account>,
}

impl DmAcc {
    /// The accounts of a factory-new device.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self { accounts }
    }
}
