#![doc = include_str!("../README.md")]

pub mod agent;
pub mod description;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod object;
pub mod remote;
pub mod std_objects;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

mod acl;
mod execute;
mod node;
mod transaction;
mod tree;
mod uri;

pub use self::{
    acl::{Acl, AclError, Right},
    node::{Node, NodeFormat},
    transaction::{Edit, View},
    tree::{Transaction, Tree, TreeError},
    uri::{Address, ListKind, NodeUri, Property, Query, UriError, UriLimits},
};
