//! OMA Lock and Wipe Management Object (LAWMO 1.0): lock, unlock, wipe and factory reset, for devices
//! ([`device`]) and servers ([`server`]).
//!
//! The facts are reconstructed: the project's `PROVENANCE.md` says from where.

pub mod device;
pub mod nodes;
pub mod server;

mod alert;
mod operation;
mod result_code;
mod state;

pub use self::{operation::Operation, result_code::ResultCode, state::State};

/// The identifier of the object: the value of its root's Type property.
pub const MO_ID: &str = "urn:oma:mo:oma-lawmo:1.0";

/// The type of the final alert.
pub const OPERATION_COMPLETE: &str = "urn:oma:at:lawmo:1.0:OperationComplete";
