//! The server's side: typed requests that become operations, and their typed outcomes.
//!
//! An operation finds the object, asks the user if it is told to, sends what has to be sent, understands
//! statuses and reports in this session or a later one, and ends in exactly one outcome. It is a
//! [`dm_tree::remote::Operation`] for a [`dm_tree::remote::Queue`].

mod any;
mod factory_reset;
mod lock;
mod read_state;
mod wipe;

pub use dm_tree::remote::Ended;

pub use self::{
    any::{AnyOperation, AnyOutcome},
    factory_reset::{FactoryReset, ResetOutcome},
    lock::{Lock, LockOutcome},
    read_state::{ListItem, LockStatus, ReadState},
    wipe::{Wipe, WipeOutcome},
};

use dm_proto::StatusCode;
use dm_tree::remote::Conclusion;

use crate::ResultCode;

/// Makes a type with a `course` and a `typed` conclusion an operation.
macro_rules! operation {
    ($name:ident, $outcome:ty) => {
        impl dm_tree::remote::Operation for $name {
            type Outcome = $outcome;

            fn step(&mut self) -> dm_tree::remote::Step {
                self.course.step()
            }

            fn handle(&mut self, reply: dm_tree::remote::Reply<'_>) {
                self.course.handle(reply);
            }

            fn claims(&self, alert: &dm_proto::message::Alert) -> bool {
                self.course.claims(alert)
            }

            fn cancel(&mut self) -> bool {
                self.course.cancel()
            }

            fn expire(&mut self) {
                self.course.expire();
            }

            fn progress(&self) -> dm_tree::remote::Progress {
                self.course.progress()
            }

            fn outcome(&self) -> Option<$outcome> {
                self.course
                    .conclusion()
                    .map(|conclusion| self.typed(conclusion))
            }
        }

        impl $name {
            /// Where the object was found, for [`Order::with_known_root`](dm_tree::remote::Order) of
            /// the next operation.
            pub fn root(&self) -> Option<&dm_tree::NodeUri> {
                self.course.root()
            }
        }
    };
}
use operation;

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
