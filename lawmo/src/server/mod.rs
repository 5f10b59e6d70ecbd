//! The server's side: typed requests that become operations, and their typed outcomes.
//!
//! An operation finds the object, asks the user if it is told to, sends what has to be sent, understands
//! statuses and reports in this session or a later one, and ends in exactly one outcome. It is a
//! [`dm_tree::remote::Operation`] for a [`dm_tree::remote::Queue`].

mod any;
mod factory_reset;
mod lock;
mod read_state;
mod report;
mod vendor;
mod wipe;

pub use dm_tree::remote::Ended;

pub use self::{
    any::{AnyOperation, AnyOutcome},
    factory_reset::{FactoryReset, ResetOutcome},
    lock::{Lock, LockOutcome},
    read_state::{ListItem, LockStatus, ReadState, ReadStates},
    report::{Report, Requested},
    vendor::{Vendor, VendorOutcome},
    wipe::{Wipe, WipeOutcome},
};

use dm_proto::StatusCode;
use dm_tree::remote::Conclusion;

use crate::ResultCode;

/// A conclusion that is about an Exec: the result, or why there is none.
fn executed(conclusion: &Conclusion) -> Result<ResultCode, Ended> {
    match conclusion {
        // 200 is what some clients answer instead of 1200.
        Conclusion::Result(code, _) if code.is_success() && !code.is_result_code() => {
            Ok(ResultCode::SUCCESSFUL)
        }
        Conclusion::Result(code, _) => Ok(ResultCode::from(*code)),
        // The object is there, since its Type was read: what is missing is the operation.
        Conclusion::Ended(Ended::Refused(StatusCode::NOT_FOUND)) => Err(Ended::Unsupported),
        Conclusion::Ended(ended) => Err(*ended),
        Conclusion::Read => Err(Ended::NotFound),
    }
}
