//! The standard objects: DevInfo, DevDetail, DMAcc, Inbox. OMA-TS-DM_StdObj.
//!
//! They are mounted like any other [object](crate::object::ManagementObject); the agent finds them by
//! their identifiers, wherever they are. Usual places are [`DevInfo::ROOT`], [`DevDetail::ROOT`] and
//! [`DmAcc::ROOT`]; the place of the Inbox, [`Inbox::ROOT`], is reserved for it.

mod dev_detail;
mod dev_info;
mod dm_acc;
mod inbox;

pub use self::{dev_detail::DevDetail, dev_info::DevInfo, dm_acc::DmAcc, inbox::Inbox};
pub(crate) use self::{
    dev_detail::{large_objects, uri_limits},
    dev_info::items as dev_info_items,
    dm_acc::{Accounts, put_nonce},
    inbox::{Place, inbox_of, place_of},
};

use dm_proto::StatusCode;

use crate::Edit;

/// Sets a leaf that the device maintains, if it is not what it was.
fn maintain(edit: &mut Edit<'_>, path: &str, value: &str) -> Result<(), StatusCode> {
    let uri = edit
        .root()
        .join(path)
        .map_err(|error| StatusCode::from(&error))?;
    if edit.view().text(&uri)? == value {
        return Ok(());
    }
    edit.set(path, value.to_owned())
}
