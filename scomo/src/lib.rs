//! OMA Software Component Management Object (SCOMO 1.0, 1.1): download, install, activate and remove
//! software, for devices ([`device`]) and servers ([`server`]).
//!
//! The facts are reconstructed: the project's `PROVENANCE.md` says from where.

pub mod device;
pub mod nodes;
pub mod server;

mod alert;
mod operation;
mod result_code;
mod state;

pub use self::{
    operation::Operation,
    result_code::ResultCode,
    state::{DeliveredState, DeliveredStatus, DeployedState, DeployedStatus, DownloadStatus},
};

/// The identifier of the object in version 1.0: the value of its root's Type property.
pub const MO_ID: &str = "urn:oma:mo:oma-scomo:1.0";

/// The identifier of the object in version 1.1.
pub const MO_ID_1_1: &str = "urn:oma:mo:oma-scomo:1.1";

/// The type of the final alert.
pub const OPERATION_COMPLETE: &str = "urn:oma:at:scomo:1.0:OperationComplete";

/// The type of the final alert that a 1.1 device might send; read, not sent by default.
pub const OPERATION_COMPLETE_1_1: &str = "urn:oma:at:scomo:1.1:OperationComplete";

/// The type of the final alert before the standard; read, not sent by default.
pub const OPERATION_COMPLETE_DRAFT: &str =
    "org.openmobilealliance.dm.softwarecomponent.OperationComplete";
