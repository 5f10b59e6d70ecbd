//! The server's side: typed requests that become operations, and their typed outcomes.
//!
//! An operation finds the object, asks the user if it is told to, sends what has to be sent, understands
//! statuses and reports in this session or a later one, and ends in exactly one outcome. It is a
//! [`dm_tree::remote::Operation`] for a [`dm_tree::remote::Queue`].

mod any;
mod inventory;
mod invoke;
mod package;

pub use dm_tree::remote::{ComponentResult, Ended};

pub use self::{
    any::{AnyOperation, AnyOutcome},
    inventory::{Contents, Delivered, Deployed, Inventory},
    invoke::{Invoke, Outcome},
    package::Package,
};

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
