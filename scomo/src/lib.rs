//! OMA Software Component Management Object (SCOMO 1.0, 1.1): download, install, activate and remove
//! software, for devices ([`device`]) and servers ([`server`]).
//!
//! It knows the nodes of the object, its primitives, states, result codes and reports. What it is to
//! fetch a package and to install it, it leaves to the implementor of [`device::Device`]; sessions,
//! storage, jobs and the delivery of reports to [`dm_tree`].
//!
//! The facts are reconstructed, and nothing here claims conformance: the project's `PROVENANCE.md` says
//! where each of them comes from.
//!
//! # A device
//!
//! ```
//! use dm_tree::object::{Job, ManagementObject};
//! use scomo::{
//!     ResultCode,
//!     device::{
//!         Activation, Component, Config, Device, Effect, InstallEffect, Package, PackageIs, Scomo,
//!     },
//! };
//!
//! struct Car;
//!
//! impl Device for Car {
//!     fn fetch(&mut self, package: &Package, _: &Job) -> Effect {
//!         println!("fetching {:?}", package.url);
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn install(&mut self, package: &Package, _: Activation, _: &Job) -> InstallEffect {
//!         InstallEffect::Installed {
//!             components: vec![Component::new(package.id.clone())],
//!             package: PackageIs::Deleted,
//!         }
//!     }
//!     fn activate(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn deactivate(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//!     fn remove_component(&mut self, _: &Component, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::REMOVE_FAILED)
//!     }
//!     fn remove_package(&mut self, _: &Package, _: &Job) -> Effect {
//!         Effect::Done(ResultCode::SUCCESSFUL)
//!     }
//! }
//!
//! let object: Box<dyn ManagementObject> =
//!     Box::new(Scomo::new(Car, Config::new(["dm.example.com"])));
//! // ... and into the objects of an agent, at "./SCOMO".
//! # let _ = object;
//! ```
//!
//! # A server
//!
//! ```
//! use dm_tree::remote::{Order, Queue};
//! use scomo::server::{AnyOperation, Invoke, Package};
//!
//! let mut queue: Queue<AnyOperation> = Queue::new();
//! let order = |correlator: &str| Order::new("dm.example.com", correlator);
//! let package = Package::new("com.example.maps").named("Maps");
//! let url = "https://packages.example.com/maps";
//! let install = Invoke::download_install_inactive(package, url, order("install-1"));
//! queue.push(1, AnyOperation::Invoke(install));
//! // An operation that depends on another, such as `Invoke::activate` of what is installed here, is
//! // pushed once that has its outcome: a queue does not wait for reports.
//! // The device should be notified; its messages go through a session and `Queue::drive`.
//! assert!(queue.wants_session());
//! ```
//!
//! # Life cycle
//!
//! | from | primitive | to |
//! |---|---|---|
//! | `Download/<X>` | `Download` | delivered |
//! | `Download/<X>` | `DownloadInstallInactive` | components inactive |
//! | `Download/<X>` | `DownloadInstall` | components active |
//! | delivered | `InstallInactive` | components inactive, package installed or gone |
//! | delivered | `Install` | components active, package installed or gone |
//! | delivered or installed | `Remove` | package gone, components stay |
//! | inactive | `Activate` | active |
//! | active | `Deactivate` | inactive |
//! | inactive or active | `Remove` | component gone; its package, if it was the last, delivered |
//!
//! What fails keeps its state and shows in its `Status`. A newer package for a component that is there
//! updates its node.
//!
//! # What is not implemented
//!
//! - Packages delivered in the tree come in as large objects, and are handed over whole
//!   ([`device::Package::data`]), not as a stream.
//! - `Ext` subtrees; of 1.1 the lists of components and the periodic update check.

pub mod alert;
pub mod descriptor;
pub mod device;
pub mod nodes;
pub mod server;

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
