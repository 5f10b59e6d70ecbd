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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_read_as_200_and_as_1200_and_results_are_kept_as_they_are() {
        let result = |code| executed(&Conclusion::Result(StatusCode::new(code), Vec::new()));
        for (status, expected) in [
            (200, 1200),
            (202, 1200),
            (1200, 1200),
            (1201, 1201),
            (1250, 1250),
            (1402, 1402),
            (1500, 1500),
            // What some report although it is no result code is no success.
            (500, 500),
            (0, 0),
        ] {
            assert_eq!(result(status), Ok(ResultCode::new(expected)), "{status}");
        }
        let ended = |ended| executed(&Conclusion::Ended(ended));
        let missing = Ended::Refused(StatusCode::NOT_FOUND);
        assert_eq!(ended(missing), Err(Ended::Unsupported));
        assert_eq!(ended(Ended::NotFound), Err(Ended::NotFound));
    }
}
