//! OMA Lock and Wipe Management Object (LAWMO 1.0): lock, unlock, wipe and factory reset, for devices
//! ([`device`]) and servers ([`server`]).
//!
//! It knows the nodes of the object, its operations, states, result codes and reports. What a lock or a
//! wipe is on a device, it leaves to the implementor of [`device::Device`]; sessions, storage, jobs and
//! the delivery of reports to [`dm_tree`].
//!
//! The facts are reconstructed, and nothing here claims conformance: the project's `PROVENANCE.md` says
//! where each of them comes from.
//!
//! # A device
//!
//! ```
//! use dm_tree::object::{Job, ManagementObject};
//! use lawmo::{
//!     ResultCode,
//!     device::{Config, Device, Effect, ItemOutcome, Lawmo, ResetEffect, WipeEffect, WipeItem},
//! };
//!
//! struct Phone;
//!
//! impl Device for Phone {
//!     fn fully_lock(&mut self, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn partially_lock(&mut self, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn unlock(&mut self, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn wipe(&mut self, items: &[WipeItem], _: &Job) -> WipeEffect {
//!         for item in items {
//!             println!("erasing {}", item.list_item_name);
//!         }
//!         WipeEffect::Items(vec![ItemOutcome::Erased; items.len()])
//!     }
//!     fn factory_reset(&mut self, _: &Job) -> ResetEffect {
//!         ResetEffect::Later // after a reboot the job is handed out again
//!     }
//! }
//!
//! let config = Config::new(["dm.example.com"]).with_wipe_list([WipeItem::new("Contacts")]);
//! let object: Box<dyn ManagementObject> = Box::new(Lawmo::new(Phone, config));
//! // ... and into the objects of an agent, at "./LAWMO".
//! # let _ = object;
//! ```
//!
//! # A server
//!
//! ```
//! use dm_tree::remote::{Order, Queue};
//! use lawmo::server::{AnyOperation, FactoryReset, Lock, Wipe};
//!
//! let mut queue: Queue<AnyOperation> = Queue::new();
//! let order = |correlator: &str| Order::new("dm.example.com", correlator);
//! queue.push(1, AnyOperation::Lock(Lock::fully(order("lock-1"))));
//! queue.push(2, AnyOperation::Wipe(Wipe::items(["Contacts"], order("wipe-2"))));
//! let asked = order("reset-3").confirmed_by_user("Reset your phone?", Some(60));
//! queue.push(3, AnyOperation::FactoryReset(FactoryReset::new(asked)));
//! // The device should be notified; its messages go through a session and `Queue::drive`.
//! assert!(queue.wants_session());
//! ```
//!
//! # What is not implemented
//!
//! - `Ext` subtrees, and vendor operations below `Operations/Ext`.
//! - Restricting sessions to the server that has locked the device.
//! - A limit of its own for operations that wait for others to end: that of the agent applies.

pub mod alert;
pub mod device;
pub mod nodes;
pub mod server;

mod operation;
mod result_code;
mod state;

pub use self::{operation::Operation, result_code::ResultCode, state::State};

/// The identifier of the object: the value of its root's Type property.
pub const MO_ID: &str = "urn:oma:mo:oma-lawmo:1.0";

/// The type of the final alert.
pub const OPERATION_COMPLETE: &str = "urn:oma:at:lawmo:1.0:OperationComplete";
