//! The OMA Device Management tree: nodes, storage, management objects, the device agent, and the
//! server's view of a tree.

pub mod agent;
pub mod description;
pub mod object;
pub mod remote;
pub mod std_objects;
pub mod store;

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
