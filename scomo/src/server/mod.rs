//! The server's side: typed requests that become operations, and their typed outcomes.
//!
//! An operation finds the object, asks the user if it is told to, sends what has to be sent, understands
//! statuses and reports in this session or a later one, and ends in exactly one outcome. It is a
//! [`dm_tree::remote::Operation`] for a [`dm_tree::remote::Queue`].

mod any;
mod inventory;
mod invoke;
mod package;
mod report;
mod vendor;

pub use dm_tree::remote::{ComponentResult, Ended};

pub use self::{
    any::{AnyOperation, AnyOutcome},
    inventory::{Contents, Delivered, Deployed, Download, Inventories, Inventory, Operations},
    invoke::{Invoke, Outcome},
    package::Package,
    report::{Report, Requested},
    vendor::Vendor,
};
