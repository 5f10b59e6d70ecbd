#![doc = include_str!("../README.md")]

pub mod agent;
#[cfg(feature = "bootstrap")]
pub mod bootstrap;
pub mod ddf;
pub mod description;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod object;
pub mod remote;
pub mod std_objects;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tnds;

mod acl;
mod address;
mod execute;
mod mgmt_tree;
mod node;
mod transaction;
mod tree;
mod uri;

pub use self::{
    acl::{Acl, AclError, Right},
    address::{Address, ListKind, Property, PropertySet, Query},
    mgmt_tree::DocumentError,
    node::{Node, NodeFormat},
    transaction::{Edit, View},
    tree::{CreatorAcl, Transaction, Tree, TreeError, TreeOptions},
    uri::{NodeUri, UriError, UriLimits},
};
